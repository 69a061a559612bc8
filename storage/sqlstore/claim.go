package sqlstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/itsmkit/itsmkit/storage"
)

// probe is how many due jobs are looked at to see which tenants have any. Where there are more,
// the tenants are found one by one.
const probe = 500

// Claim implements [storage.Store].
//
// A claim that finds nothing due reads one place of an index and writes nothing. Otherwise it
// takes, in a transaction of its own, from one tenant after the other as many as a fair share
// allows, beginning behind the tenant that the claim before ended with.
//
// A job of a subject is taken where no job of the subject is due earlier and none is claimed.
// On an engine with one writer nobody else can claim between looking and taking. On the others
// two claims could each see another job of the subject as the first, while a third unit changes
// which that is; so each takes a lock on the subject first, without waiting, and looks again
// under it. A statement there sees all that was committed before it began, and a claim's locks
// are let go of only after its commit is seen.
func (s *core) Claim(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
	if err := checkClaim(c); err != nil {
		return nil, err
	}
	if err := s.alone(ctx, "claim"); err != nil {
		return nil, err
	}
	cl := &claim{s: s, Claim: c, now: c.Now.UnixMicro()}
	s.reader.prepare(ctx)
	due, err := cl.any(ctx)
	if err != nil {
		return nil, s.failed(ctx, "claim", "", "", err)
	}
	if !due {
		return nil, nil
	}
	var jobs []storage.Job
	err = s.short(ctx, "claim", func(t *session) error {
		cl.t = t
		if err := cl.take(ctx); err != nil {
			return err
		}
		jobs = cl.taken
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.served = cl.last
	s.mu.Unlock()
	return jobs, nil
}

func checkClaim(c storage.Claim) error {
	var faults []storage.Fault
	fault := func(field, problem string) {
		faults = append(faults, storage.Fault{Field: field, Problem: problem})
	}
	if c.Limit < 1 || c.Limit > storage.MaxLimit {
		fault("limit", "must be from 1 to "+strconv.Itoa(storage.MaxLimit))
	}
	if c.Lease <= 0 {
		fault("lease", "must be longer than nothing")
	}
	if c.Now.IsZero() {
		fault("now", "is missing")
	}
	if len(faults) > 0 {
		return &storage.ValidationError{Subject: "claim", Faults: faults}
	}
	return nil
}

// claim is one claim in the making.
type claim struct {
	storage.Claim
	s     *core
	t     *session
	now   int64
	taken []storage.Job
	// last is the tenant that was served last.
	last storage.Tenant
}

// due adds that a job is ready and of one of the kinds.
func (c *claim) due(st *statement) *statement {
	st.write(`"ready" <= `).arg(c.now)
	if len(c.Kinds) > 0 {
		st.write(" AND ").named("kind", c.Kinds)
	}
	return st
}

// any says whether anything is due, without a transaction.
func (c *claim) any(ctx context.Context) (bool, error) {
	st := c.s.d.statement()
	st.write("SELECT 1 FROM ", c.s.text.job, " WHERE ")
	c.due(st).write(` ORDER BY "ready" LIMIT 1`)
	p := c.s.reader
	t := &session{run: p.db}
	return t.one(ctx, st.text.String(), st.args, new(int64))
}

// take finds and takes the jobs.
func (c *claim) take(ctx context.Context) error {
	tenants, err := c.tenants(ctx)
	if err != nil {
		return err
	}
	picked, err := c.pick(ctx, tenants)
	if err != nil || len(picked) == 0 {
		return err
	}
	if !c.s.d.oneWriter {
		if picked, err = c.settle(ctx, picked); err != nil || len(picked) == 0 {
			return err
		}
	}
	var random [16]byte
	rand.Read(random[:])
	lease := storage.Instant(c.Now.Add(c.Lease))
	for i := range picked {
		j := &picked[i]
		j.Attempts++
		j.Lease = lease
		// No other claim has these, and no other job of this one.
		j.Token = hex.EncodeToString(random[:]) + "." + strconv.Itoa(i)
	}
	for rest := picked; len(rest) > 0; {
		n := min(len(rest), batch)
		if err := c.mark(ctx, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	slices.SortFunc(picked, func(a, b storage.Job) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
	})
	c.taken = picked
	return nil
}

// tenants gives tenants that have due jobs, beginning behind the one that was served last: all of
// them, or as many as can be served.
func (c *claim) tenants(ctx context.Context) ([]storage.Tenant, error) {
	st := c.s.d.statement()
	st.write(`SELECT "tenant", COUNT(*) FROM (SELECT "tenant" FROM `, c.s.text.job, " WHERE ")
	c.due(st).write(` ORDER BY "ready" LIMIT `, strconv.Itoa(probe), `) AS "due" GROUP BY "tenant"`)
	var tenants []storage.Tenant
	total := int64(0)
	err := c.t.each(ctx, st.text.String(), st.args, func(rows *sql.Rows) error {
		var t string
		var n int64
		err := rows.Scan(&t, &n)
		tenants = append(tenants, storage.Tenant(t))
		total += n
		return err
	})
	if err != nil {
		return nil, err
	}
	c.s.mu.Lock()
	served := c.s.served
	c.s.mu.Unlock()
	if total == probe {
		// There may be tenants whose jobs became due after these.
		if tenants, err = c.walk(ctx, served, nil); err != nil {
			return nil, err
		}
		if served != "" && len(tenants) < c.Limit {
			return c.walk(ctx, "", tenants)
		}
		return tenants, nil
	}
	slices.SortFunc(tenants, func(a, b storage.Tenant) int {
		if (a > served) != (b > served) {
			if a > served {
				return -1
			}
			return 1
		}
		return cmp.Compare(a, b)
	})
	return tenants, nil
}

// walk finds tenants that have jobs to claim by jumping from tenant to tenant along the index, and
// adds them to those found behind the place where it began.
func (c *claim) walk(ctx context.Context, from storage.Tenant, found []storage.Tenant) ([]storage.Tenant, error) {
	job := c.s.text.job
	st := c.s.d.statement()
	st.write(`WITH RECURSIVE "t" ("tenant") AS (SELECT (SELECT "tenant" FROM `, job, ` WHERE "tenant" > `).arg(string(from)).
		write(` ORDER BY "tenant" LIMIT 1) UNION ALL SELECT (SELECT "j"."tenant" FROM `, job,
			` AS "j" WHERE "j"."tenant" > "t"."tenant" ORDER BY "j"."tenant" LIMIT 1) FROM "t" WHERE "t"."tenant" IS NOT NULL) `,
			`SELECT "tenant" FROM "t" WHERE "tenant" IS NOT NULL AND EXISTS (SELECT 1 FROM `, job, ` AS "j" WHERE "j"."tenant" = "t"."tenant" AND `)
	c.due(st).write(" AND ")
	c.first(st).write(`) LIMIT `, strconv.Itoa(c.Limit))
	first := len(found)
	err := c.t.each(ctx, st.text.String(), st.args, func(rows *sql.Rows) error {
		var t string
		err := rows.Scan(&t)
		if len(found) < c.Limit && !slices.Contains(found[:first], storage.Tenant(t)) {
			found = append(found, storage.Tenant(t))
		}
		return err
	})
	return found, err
}

// pick chooses jobs fairly: each tenant in turn has an equal share of what is left, and what
// some do not use goes round again to the others.
func (c *claim) pick(ctx context.Context, tenants []storage.Tenant) ([]storage.Job, error) {
	type place struct {
		tenant    storage.Tenant
		kind, key string
	}
	var picked []storage.Job
	seen := map[place]bool{}
	asked := map[storage.Tenant]int{}
	for len(tenants) > 0 && len(picked) < c.Limit {
		var more []storage.Tenant
		for i, tenant := range tenants {
			left := c.Limit - len(picked)
			if left == 0 {
				break
			}
			share := (left + len(tenants) - i - 1) / (len(tenants) - i)
			asked[tenant] += share
			jobs, err := c.candidates(ctx, tenant, asked[tenant])
			if err != nil {
				return nil, err
			}
			if len(jobs) == asked[tenant] {
				more = append(more, tenant)
			}
			// Those of the rounds before come again.
			for _, j := range jobs {
				if at := (place{tenant, j.Kind, j.Key}); !seen[at] && share > 0 {
					seen[at] = true
					share--
					picked = append(picked, j)
					c.last = tenant
				}
			}
		}
		tenants = more
	}
	return picked, nil
}

// candidates gives the first jobs of a tenant that can be claimed, locking their rows where
// rows have locks.
func (c *claim) candidates(ctx context.Context, tenant storage.Tenant, limit int) ([]storage.Job, error) {
	st := c.s.d.statement()
	st.write("SELECT ", quoteAll(jobColumns), " FROM ", c.s.text.job, ` AS "j" WHERE `).tenantIs([]storage.Tenant{tenant}).write(" AND ")
	c.due(st).write(" AND ")
	c.first(st).write(` ORDER BY "ready", "kind", "key" LIMIT `, strconv.Itoa(limit), c.s.d.skipLocked)
	var jobs []storage.Job
	err := c.t.each(ctx, st.text.String(), st.args, func(rows *sql.Rows) error {
		j, err := scanJob(rows)
		jobs = append(jobs, j)
		return err
	})
	return jobs, err
}

// first adds that the job j waits for no other of its subject.
func (c *claim) first(st *statement) *statement {
	job := c.s.text.job
	other := ` AS "k" WHERE "k"."subject" <> '' AND "k"."tenant" = "j"."tenant" AND "k"."subject" = "j"."subject" AND `
	st.write(`("j"."subject" = '' OR (NOT EXISTS (SELECT 1 FROM `, job, other, `"k"."token" <> '' AND "k"."lease" > `).arg(c.now).
		write(`) AND NOT EXISTS (SELECT 1 FROM `, job, other, `"k"."dead" = `, c.s.d.no,
			` AND ("k"."due", "k"."kind", "k"."key") < ("j"."due", "j"."kind", "j"."key"))))`)
	return st
}

// settle locks the subjects of the picked jobs and drops those that are locked by another claim
// or that, seen under the lock, do not come first any more. The rows of the jobs are locked
// already, so nothing waits here and nothing can deadlock.
func (c *claim) settle(ctx context.Context, picked []storage.Job) ([]storage.Job, error) {
	var free []storage.Job // of no subject
	grouped := map[int64]storage.Job{}
	var numbers []any
	for _, j := range picked {
		if j.Subject == "" {
			free = append(free, j)
			continue
		}
		n := c.s.lockNumber("subject", j.Tenant, j.Subject)
		if _, same := grouped[n]; !same { // one of two subjects of one number waits for the next claim
			grouped[n] = j
			numbers = append(numbers, n)
		}
	}
	if len(numbers) == 0 {
		return free, nil
	}
	st := c.s.d.statement()
	st.write(`SELECT "v"."column1", `, c.s.d.tryLock, ` FROM (VALUES `)
	for i, n := range numbers {
		if i > 0 {
			st.write(", ")
		}
		st.write("(CAST(").arg(n).write(" AS BIGINT))")
	}
	st.write(`) AS "v"`)
	var locked []storage.Job
	err := c.t.each(ctx, st.text.String(), st.args, func(rows *sql.Rows) error {
		var n int64
		var got bool
		err := rows.Scan(&n, &got)
		if got {
			locked = append(locked, grouped[n])
		}
		return err
	})
	if err != nil || len(locked) == 0 {
		return free, err
	}
	// A new statement, which sees what was committed before the locks were had.
	st = c.s.d.statement()
	st.write("SELECT ", quoteAll(jobColumns), " FROM ", c.s.text.job, ` AS "j" WHERE ("tenant", "kind", "key") IN (VALUES `)
	for i, j := range locked {
		if i > 0 {
			st.write(", ")
		}
		st.tuple(string(j.Tenant), j.Kind, j.Key)
	}
	st.write(") AND ")
	c.first(st)
	err = c.t.each(ctx, st.text.String(), st.args, func(rows *sql.Rows) error {
		j, err := scanJob(rows)
		free = append(free, j)
		return err
	})
	return free, err
}

// mark writes that the jobs are claimed.
func (c *claim) mark(ctx context.Context, jobs []storage.Job) error {
	lease := jobs[0].Lease.UnixMicro()
	st := c.s.d.statement()
	st.write("UPDATE ", c.s.text.job, ` SET "attempts" = "attempts" + 1, "token" = "v"."column4", "lease" = `).arg(lease).
		write(`, "ready" = `).arg(lease).write(" FROM (VALUES ")
	for i, j := range jobs {
		if i > 0 {
			st.write(", ")
		}
		st.tuple(string(j.Tenant), j.Kind, j.Key, j.Token)
	}
	st.write(`) AS "v" WHERE "tenant" = "v"."column1" AND "kind" = "v"."column2" AND "key" = "v"."column3"`)
	_, err := c.t.exec(ctx, st.text.String(), st.args...)
	return err
}
