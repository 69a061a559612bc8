package memory

import (
	"context"
	"encoding/binary"
	"slices"
	"strconv"
	"time"

	"github.com/itsmkit/itsmkit/storage"
)

// Claim implements [storage.Store]. Tenants take turns, also from one claim to the next.
func (s *Store) Claim(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
	if err := storage.CheckClaim(c); err != nil {
		return nil, err
	}
	if s.unitOf(ctx) != nil {
		return nil, storage.Invalid("claim", "context", "is of a unit of this store")
	}
	if err := alive(ctx, "claim"); err != nil {
		return nil, err
	}
	w := worker{store: s, now: micros(c.Now), until: storage.Instant(c.Now.Add(c.Lease)), kinds: slices.Clone(c.Kinds)}
	slices.Sort(w.kinds)
	w.kinds = slices.Compact(w.kinds)

	s.mu.Lock()
	defer s.mu.Unlock()
	w.edit = s.edits.Add(1)
	// The first round goes over all tenants from the one whose turn it is, each further round
	// over those that gave a job in the round before.
	var jobs []storage.Job
	var round []*tenant
	for i, turn := 0, s.turn; i < len(s.ring) && len(jobs) < c.Limit; i++ {
		at := (turn + i) % len(s.ring)
		if job, ok := w.take(s.ring[at]); ok {
			jobs = append(jobs, job)
			round = append(round, s.ring[at])
			s.turn = (at + 1) % len(s.ring)
		}
	}
	for len(round) > 0 && len(jobs) < c.Limit {
		gave := round[:0]
		for _, t := range round {
			if len(jobs) == c.Limit {
				break
			}
			if job, ok := w.take(t); ok {
				jobs = append(jobs, job)
				gave = append(gave, t)
			}
		}
		round = gave
	}
	return jobs, nil
}

// worker is one claim at work. The store's mu is held.
type worker struct {
	store *Store
	edit  uint64
	now   int64
	until time.Time
	// kinds are those asked for, in order; none means all.
	kinds []string
}

// take claims a job of the tenant, the one that has been due longest, if it has any.
func (w *worker) take(t *tenant) (storage.Job, bool) {
	if t.idle > w.now {
		return storage.Job{}, false
	}
	old := w.find(t)
	if old == nil {
		return storage.Job{}, false
	}
	w.store.claims++
	job := *old
	job.Attempts++
	job.Lease = w.until
	job.Token = strconv.FormatInt(w.store.claims, 36)
	next := *t.state
	next.jobs.put(w.edit, old, &job)
	t.state = &next
	if t.open != nil {
		t.open.claimed = append(t.open.claimed, &job)
	}
	given := job
	given.Payload = slices.Clone(job.Payload)
	return given, true
}

// find gives the job that is to be claimed next, nil where there is none now.
func (w *worker) find(t *tenant) *storage.Job {
	var best *storage.Job
	least, first := int64(never), int64(never)
	look := func(kind string) {
		prefix := textKey(kind)
		walk := t.state.jobs.ready.walk(under(prefix), true)
		for key, job, ok := walk.next(); ok; key, job, ok = walk.next() {
			at := readyFrom(key, prefix)
			first = min(first, at)
			if at > w.now || at >= least && best != nil {
				return
			}
			if t.open != nil && t.open.has(job) {
				continue
			}
			best, least = job, at
			return
		}
	}
	if len(w.kinds) > 0 {
		for _, kind := range w.kinds {
			look(kind)
		}
		return best
	}
	for rest := (span{}); ; {
		walk := t.state.jobs.ready.walk(rest, true)
		_, job, ok := walk.next()
		if !ok {
			break
		}
		look(job.Kind)
		rest.lo = after(textKey(job.Kind))
	}
	t.idle = first
	return best
}

// readyFrom gives the instant that stands in a key of the ready tree after the kind.
func readyFrom(key, prefix string) int64 {
	return int64(binary.BigEndian.Uint64([]byte(key[len(prefix):len(prefix)+8])) ^ (1 << 63))
}

// has says that the open unit has replaced or removed the job.
func (u *unit) has(job *storage.Job) bool {
	if len(u.touched) == 0 {
		return false
	}
	_, ok := u.touched[jobKey(job.Kind, job.Key)]
	return ok
}
