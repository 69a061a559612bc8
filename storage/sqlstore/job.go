package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"slices"
	"strconv"

	"github.com/itsmkit/itsmkit/storage"
)

// neverReady is when a dead job is ready.
const neverReady = math.MaxInt64

var jobColumns = []string{"tenant", "kind", "key", "subject", "due", "ready", "dead", "generation",
	"attempts", "lease", "token", "error", "payload"}

// payload makes a payload into an argument.
func payload(p []byte) any {
	if p == nil {
		return nil
	}
	return string(p)
}

// Enqueue implements [storage.Tx]. Jobs are written in the order of their names, so that units
// that write the same ones wait for each other and do not deadlock.
func (u *unit) Enqueue(ctx context.Context, jobs ...storage.Job) error {
	if err := u.usable(); err != nil {
		return err
	}
	if err := storage.CheckJobs(jobs); err != nil {
		return err
	}
	for len(jobs) > 0 {
		some := jobs[:distinct(jobs)]
		jobs = jobs[len(some):]
		if u.s.d.modifyingWith {
			some = slices.Clone(some) // the caller may change its own meanwhile
			for i := range some {
				some[i].Payload = slices.Clone(some[i].Payload)
			}
		}
		if err := u.postpone(ctx, func(st *statement) { u.enqueue(st, some) }); err != nil {
			return err
		}
	}
	return nil
}

// distinct says how many jobs from the first on can be written in one statement: those of one
// way, none of them twice.
func distinct(jobs []storage.Job) int {
	if len(jobs) == 1 {
		return 1
	}
	type place struct{ kind, key string }
	seen := make(map[place]bool, len(jobs))
	size := 0
	for i, j := range jobs {
		at := place{j.Kind, j.Key}
		size += len(j.Payload) + len(j.Error)
		if seen[at] || j.Keep != jobs[0].Keep || i == batch || i > 0 && size > batchBytes {
			return i
		}
		seen[at] = true
	}
	return len(jobs)
}

// enqueue adds the statement that writes such jobs.
func (u *unit) enqueue(st *statement, jobs []storage.Job) {
	if len(jobs) > 1 {
		jobs = slices.Clone(jobs)
		slices.SortFunc(jobs, func(a, b storage.Job) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
		})
	}
	st.args = slices.Grow(st.args, len(jobs)*(len(jobColumns)+3))
	st.write("INSERT INTO ", u.s.text.job, " (", quoteAll(jobColumns), `, "lane") VALUES `)
	before := map[string]int{}
	for i, j := range jobs {
		if i > 0 {
			st.write(", ")
		}
		due := j.Due.UnixMicro()
		ready, attempts, message := due, int64(0), ""
		if j.Dead {
			ready = neverReady
		}
		if j.Dead || j.Tried {
			attempts, message = int64(j.Attempts), j.Error
		}
		st.write("(").list([]any{string(u.tenant), j.Kind, j.Key, j.Subject, due, ready, j.Dead, int64(1), attempts, int64(0), "", message, payload(j.Payload)}).write(", ")
		u.lane(st, j.Subject, before[j.Subject])
		st.write(")")
		before[j.Subject]++
	}
	st.write(u.s.text.replace)
	if jobs[0].Keep {
		st.write(u.s.text.keep)
	} else {
		st.write(u.s.text.anew)
	}
}

// postpone runs a statement about jobs, of which nobody needs to know how it went. Where a WITH can write it waits
// for the events that the unit appends next, goes with them, and costs no round trip. What reads or writes jobs before
// that runs it first, and so does the end of the unit.
func (u *unit) postpone(ctx context.Context, write func(st *statement)) error {
	if err := u.catchUp(ctx); err != nil {
		return err
	}
	u.postponed = write
	if u.s.d.modifyingWith {
		return nil
	}
	return u.catchUp(ctx)
}

// catchUp runs the statement that was postponed.
func (u *unit) catchUp(ctx context.Context) error {
	if u.postponed == nil {
		return nil
	}
	st := u.s.d.statement()
	u.postponed(st)
	u.postponed = nil
	if _, err := u.o.t.exec(ctx, st.string(), st.args...); err != nil {
		return u.failed(ctx, "write jobs", "", "", err)
	}
	return nil
}

// lane adds the lane of a job before which the statement writes so many others of its subject.
func (u *unit) lane(st *statement, subject string, before int) {
	switch {
	case subject == "" || !u.s.crowds.met(u.tenant, subject):
		st.write("''")
	case before >= crowd:
		st.arg(subject)
	default:
		from, end := "", ""
		if u.s.d.once == "" { // MySQL reads the table that it writes to only as one that is read before
			from, end = `(SELECT 1 AS "n" FROM `, `) AS "b"`
		}
		st.write("CASE WHEN EXISTS (SELECT 1 FROM ", from, u.s.text.job, ` WHERE "tenant" = `).arg(string(u.tenant)).
			write(` AND "subject" <> '' AND "subject" = `).arg(subject).write(` AND "dead" = `, u.s.d.no,
			" LIMIT 1 OFFSET ", strconv.Itoa(crowd-1-before), end, ") THEN ").arg(subject).write(" ELSE '' END")
	}
}

// Cancel implements [storage.Tx].
func (u *unit) Cancel(ctx context.Context, kind, key string) error {
	if err := u.usable(); err != nil {
		return err
	}
	if err := storage.CheckCancel(kind, key); err != nil {
		return err
	}
	return u.postpone(ctx, func(st *statement) {
		st.write("DELETE FROM ", u.s.text.job, ` WHERE "tenant" = `).arg(string(u.tenant)).write(` AND "kind" = `).arg(kind).write(` AND "key" = `).arg(key)
	})
}

// Finish implements [storage.Tx].
func (u *unit) Finish(ctx context.Context, claimed storage.Job, o storage.Outcome) error {
	if err := u.usable(); err != nil {
		return err
	}
	if err := storage.CheckFinish(u.tenant, claimed, o); err != nil {
		return err
	}
	if err := u.catchUp(ctx); err != nil {
		return err
	}
	conflict := &storage.Error{Op: "finish", Err: storage.ErrConflict}
	if storage.CheckKey(claimed.Token) != "" { // none, or one that no engine need be asked about
		return conflict
	}
	where := []any{string(u.tenant), claimed.Kind, claimed.Key, claimed.Token}
	if o.Done {
		gone, err := u.o.t.exec(ctx, u.s.text.finished, append(where, claimed.Generation)...)
		if err != nil {
			return u.failed(ctx, "finish", "", "", err)
		}
		if gone == 1 {
			return nil
		}
		// Enqueued again since it was claimed, or no longer this worker's.
	}
	st := u.s.d.statement()
	st.write("UPDATE ", u.s.text.job, ` SET "token" = '', "lease" = 0`)
	if o.Payload != nil {
		st.write(`, "payload" = `).arg(string(o.Payload))
	}
	if o.Done {
		st.write(`, "attempts" = 0, "error" = '', "ready" = CASE WHEN "dead" = `, u.s.d.yes, " THEN ").arg(int64(neverReady)).write(` ELSE "due" END`)
	} else {
		u.again(st, claimed.Generation, o)
	}
	st.write(` WHERE "tenant" = `).arg(where[0]).write(` AND "kind" = `).arg(where[1]).
		write(` AND "key" = `).arg(where[2]).write(` AND "token" = `).arg(where[3])
	changed, err := u.o.t.exec(ctx, st.string(), st.args...)
	if err != nil {
		return u.failed(ctx, "finish", "", "", err)
	}
	if changed != 1 {
		return conflict
	}
	return nil
}

// again sets what becomes of a job that is not done. The one statement decides by the generation
// in the row, so that an Enqueue at the same time comes before it or after it.
func (u *unit) again(st *statement, generation int64, o storage.Outcome) {
	st.write(`, "error" = `).arg(o.Error)
	if o.Reset {
		st.write(`, "attempts" = 0`)
	}
	due := o.Due.UnixMicro()
	later := func() {
		st.write(`CASE WHEN "due" > `).arg(due).write(` THEN "due" ELSE `).arg(due).write(" END")
	}
	st.write(`, "due" = CASE WHEN "generation" = `).arg(generation).write(" THEN ")
	if o.Dead && o.Due.IsZero() {
		st.write(`"due" ELSE `)
	} else {
		st.arg(due).write(" ELSE ")
	}
	later()
	ready := due
	if o.Dead {
		ready = neverReady
		st.write(` END, "dead" = CASE WHEN "generation" = `).arg(generation).write(` THEN `, u.s.d.yes, ` ELSE "dead"`)
	}
	st.write(` END, "ready" = CASE WHEN "generation" = `).arg(generation).write(" THEN ").arg(ready).
		write(` WHEN "dead" = `, u.s.d.yes, " THEN ").arg(int64(neverReady)).write(" ELSE ")
	later()
	st.write(" END")
}

// Jobs implements [storage.Reader]. It reads one tenant after the other, each along an index in the
// order of names: of all jobs, of the dead letters, of a subject's dead letters or its others. The
// jobs of a subject, dead or not, are those of two parts of that index.
func (r *reader) Jobs(ctx context.Context, q storage.JobQuery) ([]storage.Job, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	if err := storage.CheckJobQuery(q); err != nil {
		return nil, err
	}
	if r.o.unit != nil {
		if err := r.o.unit.catchUp(ctx); err != nil {
			return nil, err
		}
	}
	jobs := []storage.Job{}
	parts := []*bool{q.Dead}
	if q.Subject != "" && q.Key == "" && q.Dead == nil {
		no, yes := false, true
		parts = []*bool{&no, &yes}
	}
	// ofKinds: a key is looked for under each kind that there is, which are found first.
	ofKinds := q.Key != "" && q.Kind == "" && !r.s.d.jumps
	read := func(r *reader) error {
		for _, tenant := range sorted(r.tenants) {
			if len(jobs) == q.Limit || tenant < q.After.Tenant {
				continue
			}
			before := len(jobs)
			each := func(dead *bool, kinds []string, limit int) error {
				st := r.jobsOf(tenant, dead, q, kinds, limit)
				err := r.o.t.each(ctx, st.string(), st.args, func(rows *sql.Rows) error {
					j, err := scanJob(rows)
					jobs = append(jobs, j)
					return err
				})
				if err != nil {
					return r.failed(ctx, "jobs", "", "", err)
				}
				return nil
			}
			for n, from := jumps, ""; ofKinds && n == jumps && len(jobs) < q.Limit; {
				kinds, err := r.s.distinct(ctx, r.o.t, r.s.primarily(), "kind", []any{string(tenant)}, from, jumps)
				if err != nil {
					return r.failed(ctx, "jobs", "", "", err)
				}
				if n = len(kinds); n == 0 {
					break
				}
				if err := each(q.Dead, kinds, q.Limit-len(jobs)); err != nil {
					return err
				}
				from = kinds[n-1]
			}
			if ofKinds {
				continue
			}
			for _, dead := range parts {
				if err := each(dead, nil, q.Limit-before); err != nil {
					return err
				}
			}
			if len(parts) > 1 {
				slices.SortFunc(jobs[before:], func(a, b storage.Job) int {
					return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
				})
				jobs = jobs[:min(q.Limit, len(jobs))]
			}
		}
		return nil
	}
	var err error
	if len(r.tenants) > 1 || len(parts) > 1 || ofKinds {
		err = r.whole(ctx, read)
	} else {
		err = read(r)
	}
	if err != nil {
		return nil, err
	}
	return jobs, nil
}

// jobsOf selects jobs of a tenant: of a key without a kind, where a statement cannot jump, under these kinds.
func (r *reader) jobsOf(tenant storage.Tenant, dead *bool, q storage.JobQuery, kinds []string, limit int) *statement {
	job := r.s.text.job
	st := r.s.d.statement()
	if q.Key == "" || q.Kind != "" {
		st.write("SELECT ", quoteAll(jobColumns), " FROM ", job, ` WHERE "tenant" = `).arg(string(tenant))
		if q.Kind != "" {
			st.write(` AND "kind" = `).arg(q.Kind)
		}
		if q.Key != "" {
			st.write(` AND "key" = `).arg(q.Key)
		}
	} else if !r.s.d.jumps {
		st.write("SELECT ", quoteAll(jobColumns), " FROM ", job, r.s.primarily(), ` WHERE "tenant" = `).arg(string(tenant)).
			write(" AND ").named("kind", kinds).write(` AND "key" = `).arg(q.Key)
	} else {
		// A key is looked for under each kind that there is, by jumping from kind to kind.
		st.write(`WITH RECURSIVE "k" ("name") AS (SELECT (SELECT "i"."kind" FROM `, job, ` AS "i" WHERE "i"."tenant" = `).arg(string(tenant)).
			write(` ORDER BY "i"."kind" LIMIT 1) UNION ALL SELECT (SELECT "i"."kind" FROM `, job, ` AS "i" WHERE "i"."tenant" = `).arg(string(tenant)).
			write(` AND "i"."kind" > "k"."name" ORDER BY "i"."kind" LIMIT 1) FROM "k" WHERE "k"."name" IS NOT NULL) SELECT `,
				quoteAll(jobColumns), ` FROM "k" CROSS JOIN `)
		one := func() {
			st.write(job, ` AS "i" WHERE "i"."tenant" = `).arg(string(tenant)).write(` AND "i"."kind" = "k"."name" AND "i"."key" = `).arg(q.Key)
		}
		if r.s.d.lateral { // and a planner has no other way
			st.write(`LATERAL (SELECT * FROM `)
			one()
			st.write(` LIMIT 1) AS "j" WHERE TRUE`)
		} else {
			one()
		}
	}
	if q.Subject != "" {
		st.write(` AND "subject" <> '' AND "subject" = `).arg(q.Subject)
	}
	if dead != nil {
		// Not an argument, of which an engine does not know that an index of some has it.
		is := r.s.d.no
		if *dead {
			is = r.s.d.yes
		}
		st.write(` AND "dead" = `, is)
	}
	if tenant == q.After.Tenant {
		st.write(" AND ").than([]string{`"kind"`, `"key"`}, " > ", []any{q.After.Kind, q.After.Key})
	}
	return st.write(` ORDER BY "kind", "key" LIMIT `, strconv.Itoa(limit))
}

func scanJob(rows *sql.Rows) (storage.Job, error) {
	var j storage.Job
	var due, ready, lease int64
	var dead any
	var attempts int64
	err := rows.Scan((*string)(&j.Tenant), &j.Kind, &j.Key, &j.Subject, &due, &ready, &dead, &j.Generation,
		&attempts, &lease, &j.Token, &j.Error, &j.Payload)
	if err != nil {
		return j, err
	}
	d, err := value(storage.Bool, dead)
	if err != nil {
		return j, err
	}
	j.Dead, _ = d.(bool)
	j.Due, j.Attempts = instant(due), int(attempts)
	if j.Token != "" {
		j.Lease = instant(lease)
	}
	return j, nil
}
