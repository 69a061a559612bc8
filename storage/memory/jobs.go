package memory

import (
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
	// byName has all by kind and key; dead has the dead letters among them.
	byName tree[*storage.Job]
	dead   tree[*storage.Job]
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
	var subjects [2]string
	if old != nil {
		subjects[0] = old.Subject
		q.unready(edit, old)
	}
	if job != nil {
		subjects[1] = job.Subject
		if job.Subject != "" && (old == nil || old.Subject != job.Subject) {
			q.unready(edit, job)
		}
	}
	if old != nil {
		if job == nil {
			q.byName.delete(edit, jobKey(old.Kind, old.Key))
		}
		if old.Dead {
			q.dead.delete(edit, jobKey(old.Kind, old.Key))
		}
		if old.Subject != "" {
			q.bySubject.delete(edit, subjectKey(old))
			if !old.Lease.IsZero() {
				q.leases.delete(edit, leaseKey(old))
			}
		}
	}
	if job != nil {
		q.byName.set(edit, jobKey(job.Kind, job.Key), job)
		if job.Dead {
			q.dead.set(edit, jobKey(job.Kind, job.Key), job)
		}
		if job.Subject != "" {
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

func subjectKey(j *storage.Job) string {
	b := appendText(make([]byte, 0, room), j.Subject)
	if j.Dead {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
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
	if err := checkJobs(jobs); err != nil {
		return err
	}
	for _, j := range jobs {
		old := u.touch(jobKey(j.Kind, j.Key))
		job := &storage.Job{Tenant: u.tenant.name, Kind: j.Kind, Key: j.Key, Subject: j.Subject,
			Due: storage.Instant(j.Due), Payload: slices.Clone(j.Payload), Dead: j.Dead, Generation: 1}
		if j.Dead {
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
	if claimed.Tenant != u.tenant.name {
		return storage.Invalid("finish", "tenant", "is not the unit's")
	}
	if err := checkOutcome(o); err != nil {
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
	if err := checkJobQuery(q); err != nil {
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

// list gives the first jobs of the span that the query asks for.
func (q *queue) list(place span, want storage.JobQuery) []*storage.Job {
	var found []*storage.Job
	if want.Subject != "" {
		subject := q.bySubject.walk(under(textKey(want.Subject)), true)
		for _, j, ok := subject.next(); ok; _, j, ok = subject.next() {
			name := jobKey(j.Kind, j.Key)
			if name >= place.lo && (place.hi == "" || name < place.hi) && wanted(j, want) {
				found = append(found, j)
			}
		}
		slices.SortFunc(found, func(a, b *storage.Job) int {
			if c := strings.Compare(a.Kind, b.Kind); c != 0 {
				return c
			}
			return strings.Compare(a.Key, b.Key)
		})
		return found
	}
	from := q.byName
	if want.Dead != nil && *want.Dead {
		from = q.dead
	}
	walk := from.walk(place, true)
	for _, j, ok := walk.next(); ok && len(found) < want.Limit; _, j, ok = walk.next() {
		if wanted(j, want) {
			found = append(found, j)
		}
	}
	return found
}

// wanted says whether a job of the right kind and subject is asked for.
func wanted(j *storage.Job, q storage.JobQuery) bool {
	return (q.Key == "" || j.Key == q.Key) && (q.Dead == nil || j.Dead == *q.Dead)
}
