package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/itsmkit/itsmkit/storage"
)

// maxPayload is the greatest length of a job's payload in bytes.
const maxPayload = 64 << 10

// neverReady is when a dead job is ready.
const neverReady = math.MaxInt64

var jobColumns = []string{"tenant", "kind", "key", "subject", "due", "ready", "dead", "generation",
	"attempts", "lease", "token", "error", "payload"}

// checkJob refuses a job that cannot be kept.
func checkJob(j storage.Job, faults *[]storage.Fault) {
	fault := func(field, problem string) {
		*faults = append(*faults, storage.Fault{Field: field, Problem: problem})
	}
	if problem := storage.CheckKey(j.Kind); problem != "" {
		fault("kind", problem)
	}
	if problem := storage.CheckKey(j.Key); problem != "" {
		fault("key", problem)
	}
	if j.Subject != "" {
		if problem := storage.CheckKey(j.Subject); problem != "" {
			fault("subject", problem)
		}
	}
	checkPayload(j.Payload, faults)
}

func checkPayload(p []byte, faults *[]storage.Fault) {
	switch {
	case len(p) == 0:
	case len(p) > maxPayload:
		*faults = append(*faults, storage.Fault{Field: "payload", Problem: "is larger than 64 KiB"})
	case !isDocument(p):
		*faults = append(*faults, storage.Fault{Field: "payload", Problem: "is not a JSON document"})
	}
}

// payload makes a payload into an argument.
func payload(p []byte) any {
	if len(p) == 0 {
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
	var faults []storage.Fault
	for _, j := range jobs {
		checkJob(j, &faults)
	}
	if len(faults) > 0 {
		return &storage.ValidationError{Subject: "job", Faults: faults}
	}
	for len(jobs) > 0 {
		n := distinct(jobs)
		if err := u.enqueueBatch(ctx, jobs[:n]); err != nil {
			return err
		}
		jobs = jobs[n:]
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
	for i, j := range jobs {
		at := place{j.Kind, j.Key}
		if seen[at] || j.Keep != jobs[0].Keep || i == batch {
			return i
		}
		seen[at] = true
	}
	return len(jobs)
}

func (u *unit) enqueueBatch(ctx context.Context, jobs []storage.Job) error {
	if len(jobs) > 1 {
		jobs = slices.Clone(jobs)
		slices.SortFunc(jobs, func(a, b storage.Job) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
		})
	}
	st := u.s.d.statement()
	st.args = make([]any, 0, len(jobs)*len(jobColumns))
	st.write("INSERT INTO ", u.s.text.job, " (", quoteAll(jobColumns), ") VALUES ")
	for i, j := range jobs {
		if i > 0 {
			st.write(", ")
		}
		due := j.Due.UnixMicro()
		ready, attempts, message := due, int64(0), ""
		if j.Dead {
			ready, attempts, message = neverReady, int64(j.Attempts), j.Error
		}
		st.tuple(string(u.tenant), j.Kind, j.Key, j.Subject, due, ready, j.Dead, int64(1), attempts, int64(0), "", message, payload(j.Payload))
	}
	st.write(u.s.text.replace)
	if jobs[0].Keep {
		st.write(u.s.text.keep)
	} else {
		st.write(u.s.text.anew)
	}
	if _, err := u.o.t.exec(ctx, st.text.String(), st.args...); err != nil {
		return u.failed(ctx, "enqueue", "", "", err)
	}
	return nil
}

// Cancel implements [storage.Tx].
func (u *unit) Cancel(ctx context.Context, kind, key string) error {
	if err := u.usable(); err != nil {
		return err
	}
	if storage.CheckKey(kind) != "" || storage.CheckKey(key) != "" {
		return nil // there is none
	}
	if _, err := u.o.t.exec(ctx, u.s.text.cancel, string(u.tenant), kind, key); err != nil {
		return u.failed(ctx, "cancel", "", "", err)
	}
	return nil
}

// Finish implements [storage.Tx].
func (u *unit) Finish(ctx context.Context, claimed storage.Job, o storage.Outcome) error {
	if err := u.usable(); err != nil {
		return err
	}
	var faults []storage.Fault
	checkPayload(o.Payload, &faults)
	if !utf8.ValidString(o.Error) || strings.IndexByte(o.Error, 0) >= 0 {
		faults = append(faults, storage.Fault{Field: "error", Problem: "is not valid UTF-8, or holds a NUL character"})
	}
	if len(faults) > 0 {
		return &storage.ValidationError{Subject: "outcome", Faults: faults}
	}
	conflict := &storage.Error{Op: "finish", Err: storage.ErrConflict}
	if claimed.Tenant != u.tenant || storage.CheckKey(claimed.Kind) != "" || storage.CheckKey(claimed.Key) != "" || storage.CheckKey(claimed.Token) != "" {
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
	if len(o.Payload) > 0 {
		st.write(`, "payload" = `).arg(string(o.Payload))
	}
	if o.Done {
		st.write(`, "attempts" = 0, "error" = '', "ready" = CASE WHEN "dead" = `, u.s.d.yes, " THEN ").arg(int64(neverReady)).write(` ELSE "due" END`)
	} else {
		u.again(st, claimed.Generation, o)
	}
	st.write(` WHERE "tenant" = `).arg(where[0]).write(` AND "kind" = `).arg(where[1]).
		write(` AND "key" = `).arg(where[2]).write(` AND "token" = `).arg(where[3])
	changed, err := u.o.t.exec(ctx, st.text.String(), st.args...)
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
	st.write(`, "due" = CASE WHEN "generation" = `).arg(generation).write(" THEN ").arg(due).write(" ELSE ")
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

// Jobs implements [storage.Reader]. It reads one tenant after the other, each along the primary
// key.
func (r *reader) Jobs(ctx context.Context, q storage.JobQuery) ([]storage.Job, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	if err := checkPage("jobs", q.Limit); err != nil {
		return nil, err
	}
	jobs := []storage.Job{}
	if !mayBe(q.Kind) || !mayBe(q.Key) || !mayBe(q.Subject) {
		return jobs, nil
	}
	if !mayBe(q.After.Kind) || !mayBe(q.After.Key) {
		return nil, storage.Invalid("query on jobs", "after", "is no place among the jobs")
	}
	for _, tenant := range sorted(r.tenants) {
		if len(jobs) == q.Limit || tenant < q.After.Tenant {
			continue
		}
		st := r.s.d.statement()
		st.write("SELECT ", quoteAll(jobColumns), " FROM ", r.s.text.job, " WHERE ").tenantIs([]storage.Tenant{tenant})
		if q.Kind != "" {
			st.write(` AND "kind" = `).arg(q.Kind)
		}
		if q.Key != "" {
			st.write(` AND "key" = `).arg(q.Key)
		}
		if q.Subject != "" {
			st.write(` AND "subject" <> '' AND "subject" = `).arg(q.Subject)
		}
		if q.Dead != nil {
			st.write(` AND "dead" = `).arg(*q.Dead)
		}
		if tenant == q.After.Tenant {
			st.write(` AND ("kind", "key") > `).tuple(q.After.Kind, q.After.Key)
		}
		st.write(` ORDER BY "kind", "key" LIMIT `, strconv.Itoa(q.Limit-len(jobs)))
		err := r.o.t.each(ctx, st.text.String(), st.args, func(rows *sql.Rows) error {
			j, err := scanJob(rows)
			jobs = append(jobs, j)
			return err
		})
		if err != nil {
			return nil, r.failed(ctx, "jobs", "", "", err)
		}
	}
	return jobs, nil
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
	if lease != 0 {
		j.Lease = instant(lease)
	}
	return j, nil
}
