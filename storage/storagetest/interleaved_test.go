package storagetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// Units of package memory do not interleave, so its locks have nothing to do. Here is a store
// over it whose units do: they read what is committed, keep their puts, and write them when
// they commit, as a database does at READ COMMITTED. It can do no more than the cases about
// locks need. With it these cases can fail, and the mutants show that they do.

// interleaved is that store. The faults are those of its locks.
type interleaved struct {
	*memory.Store
	fault lockFault

	mu      sync.Mutex
	holders map[lockName]*interleavedUnit
	waits   map[*interleavedUnit]lockName
}

type lockName struct {
	tenant storage.Tenant
	name   string
}

type lockFault struct {
	none           bool // locks do nothing
	early          bool // they are released before the commit
	kept           bool // they are not released at a rollback
	endless        bool // a wait that is for ever is waited for ever
	anyTenant      bool // they are held against other tenants too
	anyCase        bool // names are compared without case
	notAgain       bool // a unit waits for itself
	deaf           bool // a wait does not end with its context
	readBefore     bool // a unit reads what was committed when it began
	conflictAtOnce bool // a lock that is held is a conflict instead of a wait
}

func newInterleaved(f lockFault) *interleaved {
	return &interleaved{Store: memory.New(), fault: f, holders: map[lockName]*interleavedUnit{}, waits: map[*interleavedUnit]lockName{}}
}

// interleavedUnit is an open unit. What it cannot do it lacks.
type interleavedUnit struct {
	storage.Tx
	s      *interleaved
	tenant storage.Tenant
	puts   []storage.Row
	before storage.Reader
}

func (s *interleaved) Update(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
	if s.fault.readBefore {
		return s.View(ctx, []storage.Tenant{tenant}, func(_ context.Context, r storage.Reader) error {
			return s.run(ctx, &interleavedUnit{s: s, tenant: tenant, before: r}, fn)
		})
	}
	return s.run(ctx, &interleavedUnit{s: s, tenant: tenant}, fn)
}

func (s *interleaved) run(ctx context.Context, u *interleavedUnit, fn func(ctx context.Context, tx storage.Tx) error) (err error) {
	committed := false
	defer func() {
		if committed || !s.fault.kept {
			s.release(u)
		}
	}()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := fn(ctx, u); err != nil {
		return err
	}
	if s.fault.early {
		s.release(u)
		time.Sleep(2 * time.Millisecond)
	}
	err = s.Store.Update(ctx, u.tenant, func(ctx context.Context, tx storage.Tx) error {
		for _, row := range u.puts {
			if err := tx.Put(ctx, tickets, &row); err != nil {
				return err
			}
		}
		return nil
	})
	committed = err == nil
	return err
}

func (s *interleaved) release(u *interleavedUnit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, holder := range s.holders {
		if holder == u {
			delete(s.holders, name)
		}
	}
}

func (u *interleavedUnit) Tenant() storage.Tenant    { return u.tenant }
func (u *interleavedUnit) Tenants() []storage.Tenant { return []storage.Tenant{u.tenant} }

func (u *interleavedUnit) Put(_ context.Context, _ *storage.Schema, rows ...*storage.Row) error {
	for _, row := range rows {
		u.puts = append(u.puts, clone(*row))
	}
	return nil
}

// read reads what is committed now.
func (u *interleavedUnit) read(ctx context.Context, fn func(r storage.Reader) error) error {
	if u.before != nil {
		return fn(u.before)
	}
	return u.s.View(ctx, []storage.Tenant{u.tenant}, func(_ context.Context, r storage.Reader) error { return fn(r) })
}

func (u *interleavedUnit) Query(ctx context.Context, s *storage.Schema, q storage.RowQuery) (rows []storage.Row, err error) {
	err = u.read(ctx, func(r storage.Reader) error { rows, err = r.Query(ctx, s, q); return err })
	return rows, err
}

func (u *interleavedUnit) Count(ctx context.Context, s *storage.Schema, where storage.Condition, by []string) (groups []storage.Group, err error) {
	err = u.read(ctx, func(r storage.Reader) error { groups, err = r.Count(ctx, s, where, by); return err })
	return groups, err
}

func (u *interleavedUnit) Lock(ctx context.Context, name string) error {
	s := u.s
	if s.fault.none {
		return nil
	}
	key := lockName{u.tenant, name}
	if s.fault.anyTenant {
		key.tenant = ""
	}
	if s.fault.anyCase {
		key.name = strings.TrimRight(strings.ToLower(name), " ")
	}
	defer func() {
		s.mu.Lock()
		delete(s.waits, u)
		s.mu.Unlock()
	}()
	for {
		s.mu.Lock()
		holder := s.holders[key]
		if holder == nil || holder == u && !s.fault.notAgain {
			s.holders[key] = u
			s.mu.Unlock()
			return nil
		}
		s.waits[u] = key
		cycle := s.cycle(u)
		s.mu.Unlock()
		if cycle && !s.fault.endless {
			return storage.ErrRetry
		}
		if s.fault.conflictAtOnce {
			return errors.New("the lock is held")
		}
		done := ctx.Done()
		if s.fault.deaf {
			done = nil
		}
		select {
		case <-time.After(200 * time.Microsecond):
		case <-done:
			return ctx.Err()
		}
	}
}

// cycle says whether the unit waits for itself by way of others.
func (s *interleaved) cycle(u *interleavedUnit) bool {
	at := u
	for range len(s.waits) {
		name, waits := s.waits[at]
		if !waits {
			return false
		}
		if at = s.holders[name]; at == u {
			return true
		}
	}
	return false
}

func TestSuiteFindsFaultsOfLocks(t *testing.T) {
	excludes := "Locks/a lock excludes other units"
	for _, m := range []struct {
		fault string
		f     lockFault
		by    []string
	}{
		{"locks that do nothing", lockFault{none: true}, []string{excludes, "Locks/who has the lock sees what its last holder committed", "Locks/other names and other tenants do not wait"}},
		{"locks that are released before the commit", lockFault{early: true}, []string{"Locks/who has the lock sees what its last holder committed"}},
		{"locks that are kept at a rollback", lockFault{kept: true}, []string{"Locks/a lock is released at commit, at rollback and at a panic"}},
		{"locks that wait for ever", lockFault{endless: true}, []string{"Locks/two units that wait for each other do not wait for ever"}},
		{"locks of all tenants", lockFault{anyTenant: true}, []string{"Locks/other names and other tenants do not wait"}},
		{"locks without case", lockFault{anyCase: true}, []string{"Locks/other names and other tenants do not wait"}},
		{"locks that a unit cannot take twice", lockFault{notAgain: true, endless: true}, []string{"Locks/locking a name twice in a unit does nothing more"}},
		{"locks that heed no context", lockFault{deaf: true}, []string{"Cancellation/who waits for a lock stops waiting"}},
		{"units that read what was committed when they began", lockFault{readBefore: true}, []string{"Locks/who has the lock sees what its last holder committed", "Locks/who has read before it waited sees it too, or runs again"}},
		{"locks that do not wait", lockFault{conflictAtOnce: true}, []string{excludes}},
	} {
		t.Run(m.fault, func(t *testing.T) {
			t.Parallel() // most of them wait for what does not come
			for _, name := range m.by {
				c := caseNamed(t, name)
				complaint := record(name, 3*time.Second, func(r *recorder) { c.start(r, func() storage.Store { return newInterleaved(m.f) }) })
				require.NotEmpty(t, complaint, "%s did not find it", name)
				t.Logf("found by %s: %s", name, firstLines(complaint))
			}
		})
	}
}

// TestLocksOfInterleavedUnits holds that units that interleave pass, where their locks are right.
func TestLocksOfInterleavedUnits(t *testing.T) {
	for _, c := range append(lockCases, caseNamed(t, "Cancellation/who waits for a lock stops waiting")) {
		t.Run(c.name, func(t *testing.T) {
			c.start(t, func() storage.Store { return newInterleaved(lockFault{}) })
		})
	}
}
