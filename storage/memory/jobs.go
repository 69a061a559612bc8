package memory

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/storage"
)

// This file is the jobs of a tenant: how they are kept, written within a unit, and read. How
// they are claimed is in claim.go.

// never is later than every instant.
const never = math.MaxInt64

// queue is the jobs of one tenant. Every tree has the same jobs, which are never changed.
type queue struct {
	// byName has all by kind and key, byLife by dead or not, kind and key.
	byName tree[*storage.Job]
	byLife tree[*storage.Job]
	// ofSubject has those with a subject, by subject, dead or not, kind and key.
	ofSubject tree[*storage.Job]
	// bySubject has those with a subject, by subject, dead or not, due, kind and key.
	bySubject tree[*storage.Job]
	// leases has those with a subject that are claimed, by subject, lease, kind and key.
	leases tree[*storage.Job]
	// ready has what can be claimed next, by kind, the instant from which on, and key: jobs
	// without a subject that are not dead, and of every subject the job that is due first.
	ready tree[*storage.Job]
}

// put writes a job in the place of the old one, which is nil where there is none. It gives the
// instant from which on it, or what it has made the first of its subject, can be claimed.
func (q *queue) put(edit uint64, old, job *storage.Job) int64 { return q.exchange(edit, old, job) }

// remove removes a job, and gives what put does.
func (q *queue) remove(edit uint64, old *storage.Job) int64 { return q.exchange(edit, old, nil) }

func (q *queue) exchange(edit uint64, old, job *storage.Job) int64 {
	if old != nil {
		q.unready(edit, old)
	}
	if job != nil && job.Subject != "" && (old == nil || old.Subject != job.Subject) {
		q.unready(edit, job)
	}
	if old != nil {
		if job == nil {
			q.byName.delete(edit, jobKey(old.Kind, old.Key))
		}
		if job == nil || job.Dead != old.Dead {
			q.byLife.delete(edit, lifeKey(old.Dead)+jobKey(old.Kind, old.Key))
		}
		if old.Subject != "" {
			if job == nil || job.Dead != old.Dead || job.Subject != old.Subject {
				q.ofSubject.delete(edit, textKey(old.Subject)+lifeKey(old.Dead)+jobKey(old.Kind, old.Key))
			}
			q.bySubject.delete(edit, subjectKey(old))
			if !old.Lease.IsZero() {
				q.leases.delete(edit, leaseKey(old))
			}
		}
	}
	if job != nil {
		name := jobKey(job.Kind, job.Key)
		q.byName.set(edit, name, job)
		q.byLife.set(edit, lifeKey(job.Dead)+name, job)
		if job.Subject != "" {
			q.ofSubject.set(edit, textKey(job.Subject)+lifeKey(job.Dead)+name, job)
			q.bySubject.set(edit, subjectKey(job), job)
			if !job.Lease.IsZero() {
				q.leases.set(edit, leaseKey(job), job)
			}
		}
	}
	first := int64(never)
	if old != nil && old.Subject != "" {
		first = q.reready(edit, old)
	}
	if job != nil && (old == nil || old.Subject != job.Subject || job.Subject == "") {
		first = min(first, q.reready(edit, job))
	}
	return first
}

// next gives what stands in ready for the job: itself, or the first of its subject, and from
// when on; nil where nothing does.
func (q *queue) next(job *storage.Job) (*storage.Job, int64) {
	if job.Subject == "" {
		if job.Dead {
			return nil, never
		}
		return job, max(micros(job.Due), leaseEnd(job))
	}
	prefix := textKey(job.Subject)
	walk := q.bySubject.walk(under(prefix+"\x00"), true)
	_, head, ok := walk.next()
	if !ok {
		return nil, never
	}
	at := micros(head.Due)
	leases := q.leases.walk(under(prefix), false)
	if _, last, ok := leases.next(); ok {
		at = max(at, leaseEnd(last))
	}
	return head, at
}

func (q *queue) unready(edit uint64, job *storage.Job) {
	if head, at := q.next(job); head != nil {
		q.ready.delete(edit, readyKey(head, at))
	}
}

func (q *queue) reready(edit uint64, job *storage.Job) int64 {
	head, at := q.next(job)
	if head != nil {
		q.ready.set(edit, readyKey(head, at), head)
	}
	return at
}

// leaseEnd is until when a job is claimed in microseconds, long ago where it is not.
func leaseEnd(job *storage.Job) int64 {
	if job.Lease.IsZero() {
		return math.MinInt64
	}
	return micros(job.Lease)
}

// lifeKey is the part of a key that says dead or not.
func lifeKey(dead bool) string {
	if dead {
		return "\x01"
	}
	return "\x00"
}

func subjectKey(j *storage.Job) string {
	b := appendText(make([]byte, 0, room), j.Subject)
	b = append(b, lifeKey(j.Dead)...)
	b = appendInt(b, micros(j.Due))
	return string(appendText(appendText(b, j.Kind), j.Key))
}

func leaseKey(j *storage.Job) string {
	b := appendText(make([]byte, 0, room), j.Subject)
	b = appendInt(b, micros(j.Lease))
	return string(appendText(appendText(b, j.Kind), j.Key))
}

func readyKey(j *storage.Job, at int64) string {
	b := appendText(make([]byte, 0, room), j.Kind)
	b = appendInt(b, at)
	return string(appendText(b, j.Key))
}

// touch takes over what was claimed meanwhile, gives the job as it is now, nil for none, and
// keeps Claim away from it for the rest of the unit.
func (u *unit) touch(name string) *storage.Job {
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	u.takeOver()
	job, ok := u.work.jobs.byName.get(name)
	if !ok {
		return nil
	}
	if u.touched == nil {
		u.touched = map[string]struct{}{}
	}
	u.touched[name] = struct{}{}
	return job
}

// takeOver brings the claims of other workers into the unit. The store's mu is held.
func (u *unit) takeOver() {
	for _, job := range u.claimed {
		old, _ := u.work.jobs.byName.get(jobKey(job.Kind, job.Key))
		u.idle = min(u.idle, u.work.jobs.put(u.edit, old, job))
	}
	u.claimed = nil
}

// Enqueue implements [storage.Tx].
func (u *unit) Enqueue(ctx context.Context, jobs ...storage.Job) error {
	if err := u.ready(ctx, "enqueue"); err != nil {
		return err
	}
	if err := storage.CheckJobs(jobs); err != nil {
		return err
	}
	for _, j := range jobs {
		old := u.touch(jobKey(j.Kind, j.Key))
		job := &storage.Job{Tenant: u.tenant.name, Kind: j.Kind, Key: j.Key, Subject: j.Subject,
			Due: storage.Instant(j.Due), Payload: slices.Clone(j.Payload), Dead: j.Dead, Generation: 1}
		if j.Dead || j.Tried {
			job.Attempts, job.Error = j.Attempts, j.Error
		}
		if old != nil {
			if j.Keep && !old.Dead {
				*job = *old
			} else if !job.Dead {
				job.Lease, job.Token = old.Lease, old.Token
			}
			job.Generation = old.Generation + 1
		}
		u.idle = min(u.idle, u.work.jobs.put(u.edit, old, job))
	}
	return nil
}

// Cancel implements [storage.Tx].
func (u *unit) Cancel(ctx context.Context, kind, key string) error {
	if err := u.ready(ctx, "cancel"); err != nil {
		return err
	}
	if err := storage.CheckCancel(kind, key); err != nil {
		return err
	}
	if old := u.touch(jobKey(kind, key)); old != nil {
		u.idle = min(u.idle, u.work.jobs.remove(u.edit, old))
	}
	return nil
}

// Finish implements [storage.Tx].
func (u *unit) Finish(ctx context.Context, claimed storage.Job, o storage.Outcome) error {
	if err := u.ready(ctx, "finish"); err != nil {
		return err
	}
	if err := storage.CheckFinish(u.tenant.name, claimed, o); err != nil {
		return err
	}
	old := u.touch(jobKey(claimed.Kind, claimed.Key))
	if old == nil || old.Token == "" || old.Token != claimed.Token {
		return failed("finish", claimed.Kind, storage.ID(claimed.Key), storage.ErrConflict)
	}
	job := *old
	job.Lease, job.Token = time.Time{}, ""
	if o.Payload != nil {
		job.Payload = slices.Clone(o.Payload)
	}
	risen := old.Generation != claimed.Generation
	switch {
	case o.Done && !risen:
		u.idle = min(u.idle, u.work.jobs.remove(u.edit, old))
		return nil
	case o.Done:
		job.Attempts, job.Error = 0, ""
	default:
		due := storage.Instant(o.Due)
		job.Error = o.Error
		if o.Reset {
			job.Attempts = 0
		}
		switch {
		case risen:
			if due.After(job.Due) {
				job.Due = due
			}
		case o.Dead && due.IsZero():
			job.Dead = true
		default:
			job.Due, job.Dead = due, o.Dead
		}
	}
	u.idle = min(u.idle, u.work.jobs.put(u.edit, old, &job))
	return nil
}

// Jobs implements [storage.Reader].
func (r *reader) Jobs(ctx context.Context, q storage.JobQuery) ([]storage.Job, error) {
	if err := r.ready(ctx, "jobs"); err != nil {
		return nil, err
	}
	if err := storage.CheckJobQuery(q); err != nil {
		return nil, err
	}
	if r.unit != nil {
		r.store.mu.Lock()
		r.unit.takeOver()
		r.store.mu.Unlock()
	}
	var page []storage.Job
	for _, p := range r.parts {
		place := span{}
		if q.Kind != "" {
			place = under(textKey(q.Kind))
			if q.Key != "" {
				place = under(jobKey(q.Kind, q.Key))
			}
		}
		switch compareTenants(p.tenant, q.After.Tenant) {
		case -1:
			continue
		case 0:
			place.lo = max(place.lo, jobKey(q.After.Kind, q.After.Key)+"\x00")
		}
		for _, j := range p.state.jobs.list(place, q) {
			copied := *j
			copied.Payload = slices.Clone(j.Payload)
			page = append(page, copied)
			if len(page) == q.Limit {
				return page, nil
			}
		}
	}
	return page, nil
}

// list gives the first jobs of the span of names that the query asks for, along the tree that has
// them together. A key without a kind is looked for under each kind.
func (q *queue) list(place span, want storage.JobQuery) []*storage.Job {
	var found []*storage.Job
	take := func(from tree[*storage.Job], prefix string) {
		part := under(prefix)
		part.lo += place.lo
		if place.hi != "" {
			part.hi = prefix + place.hi
		}
		walk, left := from.walk(part, true), want.Limit
		for _, j, ok := walk.next(); ok; _, j, ok = walk.next() {
			if wanted(j, want) {
				found = append(found, j)
				if left--; left == 0 {
					break
				}
			}
		}
	}
	switch {
	case want.Key != "" && want.Kind == "":
		for rest := (span{}); len(found) < want.Limit; {
			walk := q.byName.walk(rest, true)
			_, j, ok := walk.next()
			if !ok {
				break
			}
			name := jobKey(j.Kind, want.Key)
			if j, ok := q.byName.get(name); ok && name >= place.lo && wanted(j, want) {
				found = append(found, j)
			}
			rest.lo = after(textKey(j.Kind))
		}
	case want.Key != "" || want.Subject == "" && want.Dead == nil:
		take(q.byName, "")
	case want.Subject == "":
		take(q.byLife, lifeKey(*want.Dead))
	case want.Dead != nil:
		take(q.ofSubject, textKey(want.Subject)+lifeKey(*want.Dead))
	default:
		take(q.ofSubject, textKey(want.Subject)+lifeKey(false))
		take(q.ofSubject, textKey(want.Subject)+lifeKey(true))
		slices.SortFunc(found, func(a, b *storage.Job) int {
			return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Key, b.Key))
		})
	}
	return found
}

// wanted says whether a job of the right kind and key is asked for.
func wanted(j *storage.Job, q storage.JobQuery) bool {
	return (q.Subject == "" || j.Subject == q.Subject) && (q.Dead == nil || j.Dead == *q.Dead)
}
