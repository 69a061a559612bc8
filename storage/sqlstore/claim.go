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
// under it. (Where units are serializable one of the two fails.) A statement there sees all that was committed before it began, and a claim's locks
// are let go of only after its commit is seen.
//
// What a claim costs does not depend on how many jobs of a subject are due, but on how many jobs it
// takes, how many subjects have one claimed or wait for one of another kind, and, where much is due,
// on how many subjects of the tenants have a lane: see [crowd].
func (s *core) Claim(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
	if err := storage.CheckClaim(c); err != nil {
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

// claim is one claim in the making.
type claim struct {
	storage.Claim
	s     *core
	t     *session
	now   int64
	taken []storage.Job
	// token begins those of all jobs of the claim, and lease is until when they are claimed.
	token string
	lease int64
	// lanes are those of each tenant in which something is due. With anyLanes there may be others,
	// and those that are named stand for all that the tenant has.
	lanes    map[storage.Tenant][]string
	anyLanes bool
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
	st.write("SELECT 1 FROM ", c.s.text.job, c.s.along(jobTable+"_ready"), " WHERE ")
	c.due(st).write(` ORDER BY "ready" LIMIT 1`)
	p := c.s.reader
	t := &session{run: p.db, pool: p, elsewhere: c.s.d.elsewhere}
	return t.one(ctx, st.string(), st.args, new(int64))
}

// take finds and takes the jobs.
func (c *claim) take(ctx context.Context) error {
	more, err := c.tenants(ctx)
	if err != nil {
		return err
	}
	var random [16]byte
	rand.Read(random[:])
	c.token = hex.EncodeToString(random[:]) + "."
	lease := storage.Instant(c.Now.Add(c.Lease))
	c.lease = lease.UnixMicro()
	picked, err := c.pick(ctx, more)
	if err != nil {
		return err
	}
	if !c.s.d.oneWriter && !c.s.d.serial {
		if picked, err = c.settle(ctx, picked); err != nil {
			return err
		}
	}
	for i := range picked {
		j := &picked[i]
		j.Attempts++
		j.Lease = lease
		// No other claim has these, and no other job of this one.
		j.Token = c.token + strconv.Itoa(i)
	}
	for rest := picked; len(rest) > 0; {
		n := min(len(rest), batch)
		marked, err := c.mark(ctx, rest[:n])
		if err != nil {
			return err
		}
		c.taken = append(c.taken, marked...)
		rest = rest[n:]
	}
	slices.SortFunc(c.taken, func(a, b storage.Job) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
	})
	return nil
}

// tenants gives a function that gives, at each call, up to n more tenants that have due jobs,
// beginning behind the one that was served last, and none when it has given all.
func (c *claim) tenants(ctx context.Context) (more func(n int) ([]storage.Tenant, error), err error) {
	st := c.s.d.statement()
	st.write(`SELECT "tenant", "lane", COUNT(*) FROM (SELECT "tenant", "lane" FROM `, c.s.text.job, c.s.along(jobTable+"_ready"), " WHERE ")
	c.due(st).write(` ORDER BY "ready" LIMIT `, strconv.Itoa(probe), `) AS "due" GROUP BY "tenant", "lane"`)
	var tenants []storage.Tenant
	total := int64(0)
	c.lanes = map[storage.Tenant][]string{}
	err = c.t.each(ctx, st.string(), st.args, func(rows *sql.Rows) error {
		var t, lane string
		var n int64
		err := rows.Scan(&t, &lane, &n)
		tenants = append(tenants, storage.Tenant(t))
		if lane != "" {
			c.lanes[storage.Tenant(t)] = append(c.lanes[storage.Tenant(t)], lane)
		}
		total += n
		return err
	})
	if err != nil {
		return nil, err
	}
	c.s.mu.Lock()
	served := c.s.served
	c.s.mu.Unlock()
	if total < probe {
		slices.SortFunc(tenants, func(a, b storage.Tenant) int {
			if (a > served) != (b > served) {
				if a > served {
					return -1
				}
				return 1
			}
			return cmp.Compare(a, b)
		})
		tenants = slices.Compact(tenants)
		return func(n int) ([]storage.Tenant, error) {
			n = min(n, len(tenants))
			some := tenants[:n]
			tenants = tenants[n:]
			return some, nil
		}, nil
	}
	// There may be tenants, and lanes, whose jobs became due after these.
	c.anyLanes = true
	clear(c.lanes)
	at, round := served, served == ""
	return func(n int) ([]storage.Tenant, error) {
		for {
			some, err := c.walk(ctx, at, n)
			if err != nil {
				return nil, err
			}
			if round && served != "" {
				// The second part ends where the first began.
				if end, _ := slices.BinarySearch(some, served+"\x00"); end < len(some) {
					some = some[:end]
				}
			}
			if len(some) > 0 {
				at = some[len(some)-1]
				return some, nil
			}
			if round {
				return nil, nil
			}
			at, round = "", true
		}
	}, nil
}

// walk finds up to n tenants behind a place that have due jobs or lanes, by jumping from tenant to
// tenant along the index.
func (c *claim) walk(ctx context.Context, from storage.Tenant, n int) (found []storage.Tenant, err error) {
	if !c.s.d.jumps {
		return c.walkApart(ctx, from, n)
	}
	job := c.s.text.job
	st := c.s.d.statement()
	st.write(`WITH RECURSIVE "t" ("tenant") AS (SELECT (SELECT "tenant" FROM `, job, ` WHERE "tenant" > `).arg(string(from)).
		write(` ORDER BY "tenant" LIMIT 1) UNION ALL SELECT (SELECT "j"."tenant" FROM `, job,
			` AS "j" WHERE "j"."tenant" > "t"."tenant" ORDER BY "j"."tenant" LIMIT 1) FROM "t" WHERE "t"."tenant" IS NOT NULL) `,
			// Not EXISTS, which an engine may turn into a join with all that is due.
			`SELECT "tenant", "lane" FROM (SELECT "t"."tenant", COALESCE((SELECT "j"."lane" FROM `, job,
			` AS "j" WHERE "j"."tenant" = "t"."tenant" AND "j"."lane" > '' ORDER BY "j"."lane" LIMIT 1), '') AS "lane" FROM "t") AS "t" `,
			`WHERE "tenant" IS NOT NULL AND ("lane" <> '' OR (SELECT 1 FROM `, job,
			` AS "j" WHERE "j"."tenant" = "t"."tenant" AND "j"."lane" = '' AND `)
	c.due(st).write(` ORDER BY "ready" LIMIT 1) = 1) LIMIT `, strconv.Itoa(n))
	err = c.t.each(ctx, st.string(), st.args, func(rows *sql.Rows) error {
		var t, lane string
		err := rows.Scan(&t, &lane)
		found = append(found, storage.Tenant(t))
		if lane != "" {
			c.lanes[storage.Tenant(t)] = []string{lane}
		}
		return err
	})
	return found, err
}

// place names a job.
type place struct {
	tenant    storage.Tenant
	kind, key string
}

// pick chooses jobs fairly. Each tenant in turn has an equal share of what is left, and what
// some do not use goes round again to those that have more.
func (c *claim) pick(ctx context.Context, more func(n int) ([]storage.Tenant, error)) ([]storage.Job, error) {
	var picked []storage.Job
	seen := map[place]bool{}
	asked := map[storage.Tenant]int{}
	// serve takes a share from each, and gives those that may have more.
	left := func() int { return c.Limit - len(picked) - len(c.taken) }
	serve := func(tenants []storage.Tenant) (rest []storage.Tenant, err error) {
		share := left() / len(tenants)
		if c.s.d.oneWriter {
			if rest, tenants, err = c.takeAtOnce(ctx, tenants, share); err != nil || len(tenants) == 0 {
				return rest, err
			}
		}
		limit := 0
		for _, t := range tenants {
			limit = max(limit, asked[t]+share)
		}
		jobs, err := c.candidates(ctx, tenants, limit)
		for _, t := range tenants {
			asked[t] = limit
			if len(jobs[t]) == limit {
				rest = append(rest, t)
			}
			// Those of the rounds before come again.
			mine := share
			for _, j := range jobs[t] {
				if at := (place{t, j.Kind, j.Key}); !seen[at] && mine > 0 {
					seen[at] = true
					mine--
					picked = append(picked, j)
				}
			}
		}
		return rest, err
	}
	var waiting []storage.Tenant
	for left() > 0 {
		tenants, err := more(left())
		if err != nil {
			return nil, err
		}
		if len(tenants) == 0 {
			break
		}
		rest, err := serve(tenants)
		if err != nil {
			return nil, err
		}
		waiting = append(waiting, rest...)
		c.last = tenants[len(tenants)-1]
	}
	for left() > 0 && len(waiting) > 0 {
		n := min(len(waiting), left())
		rest, err := serve(waiting[:n])
		if err != nil {
			return nil, err
		}
		waiting = append(waiting[n:], rest...)
	}
	return picked, nil
}

// takeAtOnce takes the shares of those tenants that have no lanes where nobody else writes: what is looked for
// can be marked by the same statement. It gives those of them that may have more, and the other tenants.
func (c *claim) takeAtOnce(ctx context.Context, tenants []storage.Tenant, share int) (rest, others []storage.Tenant, err error) {
	for _, t := range tenants {
		if len(c.lanes[t]) > 0 {
			others = append(others, t)
			continue
		}
		st := c.s.d.statement()
		st.write("UPDATE ", c.s.text.job, ` SET "attempts" = "attempts" + 1, "token" = `).arg(c.token + "r").write(` || rowid, "lease" = `).arg(c.lease).
			write(`, "ready" = `).arg(c.lease).write(" WHERE rowid IN (")
		c.outside(st, `"j".rowid`, written{[]storage.Tenant{t}, func() { st.arg(string(t)) }, func() {
			st.write(`"j"."ready" <= `).arg(c.now)
		}}, share)
		st.write(") RETURNING ", quoteAll(jobColumns))
		before := len(c.taken)
		err := c.t.change(ctx, st.string(), st.args, func(rows *sql.Rows) error {
			j, err := scanJob(rows)
			c.taken = append(c.taken, j)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
		if len(c.taken)-before == share {
			rest = append(rest, t)
		}
	}
	return rest, others, nil
}

// candidates gives the first jobs of tenants that can be claimed, up to a number of each, locking
// their rows where rows have locks.
//
// The lanes are first. Where they have that many jobs the row outside is read up to the last of
// them only: a job there that is ready before it, and yet waits for one in a lane, waits for one of
// these, so that few such jobs are met.
func (c *claim) candidates(ctx context.Context, tenants []storage.Tenant, limit int) (map[storage.Tenant][]storage.Job, error) {
	jobs := map[storage.Tenant][]storage.Job{}
	aside := slices.DeleteFunc(slices.Clone(tenants), func(t storage.Tenant) bool { return len(c.lanes[t]) == 0 })
	var parts []part
	for _, t := range aside {
		parts = append(parts, part{tenant: t})
	}
	if !c.s.d.jumps {
		if err := c.takeFromLanes(ctx, jobs, parts, limit); err != nil {
			return nil, err
		}
	} else {
		run := c.t.each
		if !c.anyLanes { // as many are named as there are
			run = c.t.seldom
		}
		if err := c.read(ctx, jobs, parts, limit, c.inLanes, run); err != nil {
			return nil, err
		}
	}
	parts = nil
	for _, t := range tenants {
		p := part{tenant: t, ready: c.now + 1} // no name is empty, so that this is all that is due
		if found := jobs[t]; len(found) == limit {
			slices.SortFunc(found, byDue)
			last := found[limit-1]
			p.ready, p.kind, p.key = last.Due.UnixMicro(), last.Kind, last.Key
		}
		parts = append(parts, p)
	}
	outside := func(st *statement, of written, limit int) { c.outside(st, quoteAll(jobColumns), of, limit) }
	if err := c.read(ctx, jobs, parts, limit, outside, c.t.each); err != nil {
		return nil, err
	}
	for _, t := range aside {
		slices.SortFunc(jobs[t], byDue)
		jobs[t] = jobs[t][:min(limit, len(jobs[t]))]
	}
	return jobs, nil
}

// byDue orders jobs as those of a subject run.
func byDue(a, b storage.Job) int {
	return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
}

// part is a tenant's jobs before a place in the order in which they are ready.
type part struct {
	tenant    storage.Tenant
	ready     int64
	kind, key string
}

// read adds what a query gives of each part, by run. The query writes the part as it is told: as arguments,
// or as columns that it may use.
func (c *claim) read(ctx context.Context, jobs map[storage.Tenant][]storage.Job, parts []part, limit int,
	query func(st *statement, of written, limit int),
	run func(ctx context.Context, text string, args []any, scan func(rows *sql.Rows) error) error) error {
	scan := func(rows *sql.Rows) error {
		j, err := scanJob(rows)
		jobs[j.Tenant] = append(jobs[j.Tenant], j)
		return err
	}
	if c.s.d.lateral && len(parts) > 1 {
		st := c.s.d.statement()
		st.write(`SELECT "c".* FROM (VALUES `)
		var tenants []storage.Tenant
		for i, p := range parts {
			if i > 0 {
				st.write(", ")
			}
			st.write("(CAST(").arg(string(p.tenant)).write(" AS TEXT), CAST(").arg(p.ready).write(" AS BIGINT), CAST(").
				arg(p.kind).write(" AS TEXT), CAST(").arg(p.key).write(" AS TEXT))")
			tenants = append(tenants, p.tenant)
		}
		st.write(`) AS "t" CROSS JOIN LATERAL (`)
		query(st, written{tenants, func() { st.write(`"t"."column1"`) }, func() {
			st.write(`("j"."ready", "j"."kind", "j"."key") < ("t"."column2", "t"."column3", "t"."column4")`)
		}}, limit)
		st.write(`) AS "c"`)
		return run(ctx, st.string(), st.args, scan)
	}
	for _, p := range parts {
		st := c.s.d.statement()
		query(st, written{[]storage.Tenant{p.tenant}, func() { st.arg(string(p.tenant)) }, func() {
			st.than([]string{`"j"."ready"`, `"j"."kind"`, `"j"."key"`}, " < ", []any{p.ready, p.kind, p.key})
		}}, limit)
		if err := run(ctx, st.string(), st.args, scan); err != nil {
			return err
		}
	}
	return nil
}

// written is how a query writes what it is of: tenant adds the one tenant, which is one of the
// tenants, and before that a job j stands before the place.
type written struct {
	tenants        []storage.Tenant
	tenant, before func()
}

// outside selects jobs outside the lanes that can be claimed: along the index, from what has been
// ready longest on.
func (c *claim) outside(st *statement, columns string, of written, limit int) {
	st.write("SELECT ", columns, " FROM ", c.s.text.job, ` AS "j"`, c.s.along(jobTable+"_lane"), ` WHERE "j"."tenant" = `)
	of.tenant()
	st.write(` AND "j"."lane" = '' AND `)
	of.before()
	if len(c.Kinds) > 0 {
		st.write(" AND ").named("kind", c.Kinds)
	}
	st.write(` AND ("j"."subject" = '' OR (`)
	c.first(st).write(`)) ORDER BY "ready", "kind", "key" LIMIT `).arg(int64(limit)).write(c.s.d.skipLocked)
}

// inLanes selects jobs in lanes that can be claimed: of each subject that has a lane the first job,
// where that is in the lane. The lanes are those that are known to have something due, or all, by
// jumping from one to the next along the index.
func (c *claim) inLanes(st *statement, of written, limit int) {
	job := c.s.text.job
	if c.anyLanes {
		st.write(`WITH RECURSIVE "l" ("name") AS (SELECT (SELECT "i"."lane" FROM `, job, ` AS "i" WHERE "i"."tenant" = `)
		of.tenant()
		st.write(` AND "i"."lane" > '' ORDER BY "i"."lane" LIMIT 1) UNION ALL SELECT (SELECT "i"."lane" FROM `, job, ` AS "i" WHERE "i"."tenant" = `)
		of.tenant()
		st.write(` AND "i"."lane" > "l"."name" ORDER BY "i"."lane" LIMIT 1) FROM "l" WHERE "l"."name" IS NOT NULL)`)
	} else {
		st.write(`WITH "l" ("name") AS (SELECT "column2" FROM (VALUES `)
		comma := ""
		for _, t := range of.tenants {
			for _, lane := range c.lanes[t] {
				st.write(comma).tuple(string(t), lane)
				comma = ", "
			}
		}
		st.write(`) AS "v" WHERE "column1" = `)
		of.tenant()
		st.write(")")
	}
	head := func(columns string) {
		st.write("(SELECT ", columns, " FROM ", job, ` AS "k" WHERE "k"."subject" <> '' AND "k"."tenant" = `)
		of.tenant()
		st.write(` AND "k"."subject" = "l"."name" AND `, c.head(), ")")
	}
	free := func() {
		st.write(` AND "j"."lane" > '' AND `)
		c.due(st).write(" AND ")
		c.unclaimed(st).write(` ORDER BY "due", "kind", "key"`)
	}
	if !c.s.d.lateral {
		st.write(" SELECT ", quoteAll(jobColumns), ` FROM "l" CROSS JOIN `, job, ` AS "j" WHERE "j"."tenant" = `)
		of.tenant()
		st.write(` AND "j"."kind" = `)
		head(`"k"."kind"`)
		st.write(` AND "j"."key" = `)
		head(`"k"."key"`)
		free()
		st.write(" LIMIT ").arg(int64(limit))
		return
	}
	// No part of this can be run in another way than it is written: for each lane its head, and for
	// each of those that are free, from what is due first on and until there are enough, its row,
	// passed over where it is locked. A planner that joined as it likes would read the whole table.
	st.write(` SELECT "r".* FROM (SELECT "j"."kind", "j"."key" FROM "l" CROSS JOIN LATERAL `)
	head(`"k".*`)
	st.write(` AS "j" WHERE TRUE`)
	free()
	st.write(` OFFSET 0) AS "h" CROSS JOIN LATERAL (SELECT `, quoteAll(jobColumns), " FROM ", job, ` AS "j" WHERE "j"."tenant" = `)
	of.tenant()
	st.write(` AND "j"."kind" = "h"."kind" AND "j"."key" = "h"."key" AND "j"."ready" <= `).arg(c.now).
		write(c.s.d.skipLocked, `) AS "r" LIMIT `).arg(int64(limit))
}

// first adds that the job j, which has a subject, waits for no other of it: none is claimed, and it
// is the one that is due first. That one is asked for by its order, so that every engine finds it
// at the head of its index.
func (c *claim) first(st *statement) *statement {
	return c.unclaimed(st).write(` AND ("j"."kind", "j"."key") = (SELECT "k"."kind", "k"."key" FROM `, c.s.text.job,
		` AS "k"`, c.s.along(jobTable+"_subject"), ` WHERE "k"."subject" <> '' AND "k"."tenant" = "j"."tenant" AND "k"."subject" = "j"."subject" AND `, c.head(), ")")
}

// head ends a SELECT of the first of a subject's jobs k.
func (c *claim) head() string {
	return `"k"."dead" = ` + c.s.d.no + ` ORDER BY "k"."due", "k"."kind", "k"."key" LIMIT 1`
}

// unclaimed adds that no job of the subject of j is claimed. It is not said by EXISTS, which an
// engine may turn into a join with all that is claimed.
func (c *claim) unclaimed(st *statement) *statement {
	if c.s.d.wholeIndexes {
		// An inequality in a subquery of a row is no range of an index there; its last entry is. The lease
		// of what is not claimed is 0.
		return st.write(`(SELECT "k"."lease" FROM `, c.s.text.job, ` AS "k"`, c.s.along(jobTable+"_claimed"), ` WHERE "k"."tenant" = "j"."tenant" `,
			`AND "k"."subject" = "j"."subject" ORDER BY "k"."lease" DESC LIMIT 1) <= `).arg(c.now)
	}
	return st.write(`(SELECT 1 FROM `, c.s.text.job, ` AS "k" WHERE "k"."subject" <> '' AND "k"."tenant" = "j"."tenant" `,
		`AND "k"."subject" = "j"."subject" AND "k"."token" <> '' AND "k"."lease" > `).arg(c.now).write(" LIMIT 1) IS NULL")
}

// settle locks the subjects of the picked jobs and drops those that are locked by another claim
// or that, seen under the lock, do not come first any more; where mark can see to the latter, it is left
// to it. The rows of the jobs are locked already, so nothing waits here and nothing can deadlock.
func (c *claim) settle(ctx context.Context, picked []storage.Job) ([]storage.Job, error) {
	var free []storage.Job // of no subject
	grouped := map[int64][]storage.Job{}
	var numbers []int64
	for _, j := range picked {
		if j.Subject == "" {
			free = append(free, j)
			continue
		}
		n := c.s.subjectLock(j.Tenant, j.Subject)
		if len(grouped[n]) == 0 {
			numbers = append(numbers, n)
		}
		grouped[n] = append(grouped[n], j)
	}
	if len(numbers) == 0 {
		return free, nil
	}
	held, err := c.lock(ctx, numbers)
	if err != nil || len(held) == 0 {
		return free, err
	}
	if !c.s.d.rowsApart {
		for _, n := range held {
			free = append(free, grouped[n]...)
		}
		return free, nil
	}
	// A new statement, which sees what was committed before the locks were had.
	st := c.s.d.statement()
	st.write("SELECT ", quoteAll(jobColumns), " FROM ", c.s.text.job, ` AS "j"`, c.s.primarily(), ` WHERE ("tenant", "kind", "key") IN (`, c.s.d.values)
	comma := ""
	for _, n := range held {
		for _, j := range grouped[n] {
			st.write(comma).tuple(string(j.Tenant), j.Kind, j.Key)
			comma = ", "
		}
	}
	st.write(") AND ")
	c.first(st)
	err = c.t.each(ctx, st.string(), st.args, func(rows *sql.Rows) error {
		j, err := scanJob(rows)
		free = append(free, j)
		return err
	})
	return free, err
}

// lock locks numbers of subjects without waiting, and gives those that it could.
func (c *claim) lock(ctx context.Context, numbers []int64) (held []int64, err error) {
	if c.s.d.lockRows {
		return c.lockByRows(ctx, numbers)
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
	err = c.t.each(ctx, st.string(), st.args, func(rows *sql.Rows) error {
		var n int64
		var got bool
		err := rows.Scan(&n, &got)
		if got {
			held = append(held, n)
		}
		return err
	})
	return held, err
}

// mark writes that jobs are claimed, and gives those that are. Where others can claim meanwhile it is a new
// statement, which sees what was committed before the locks were had: of the jobs of a subject it takes those
// that still come first.
func (c *claim) mark(ctx context.Context, jobs []storage.Job) ([]storage.Job, error) {
	st := c.s.d.statement()
	if c.s.d.rowsApart {
		c.markRows(st, jobs)
		_, err := c.t.exec(ctx, st.string(), st.args...)
		return jobs, err
	}
	st.write("UPDATE ", c.s.text.job, ` AS "j" SET "attempts" = "attempts" + 1, "token" = "v"."column4", "lease" = `).arg(c.lease).
		write(`, "ready" = `).arg(c.lease).write(" FROM (VALUES ")
	subjects := false
	for i, j := range jobs {
		if i > 0 {
			st.write(", ")
		}
		st.tuple(string(j.Tenant), j.Kind, j.Key, j.Token)
		subjects = subjects || j.Subject != ""
	}
	st.write(`) AS "v" WHERE "j"."tenant" = "v"."column1" AND "j"."kind" = "v"."column2" AND "j"."key" = "v"."column3"`)
	if c.s.d.oneWriter || c.s.d.serial || !subjects {
		_, err := c.t.exec(ctx, st.string(), st.args...)
		return jobs, err
	}
	st.write(` AND ("j"."subject" = '' OR (`)
	c.first(st).write(`)) RETURNING "j"."token"`)
	tokens := make(map[string]bool, len(jobs))
	err := c.t.change(ctx, st.string(), st.args, func(rows *sql.Rows) error {
		var token string
		err := rows.Scan(&token)
		tokens[token] = true
		return err
	})
	return slices.DeleteFunc(jobs, func(j storage.Job) bool { return !tokens[j.Token] }), err
}
