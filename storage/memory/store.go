package memory

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/itsmkit/itsmkit/storage"
)

// Store is a [storage.Store] in memory. Make it with [New].
type Store struct {
	catalog   catalog
	cursorKey []byte
	edits     atomic.Uint64

	// mu guards what follows and the fields of every tenant that say so. It is held for the
	// time of an exchange of pointers, and by Claim.
	mu      sync.Mutex
	tenants map[storage.Tenant]*tenant
	// ring has all tenants; turn is the one that Claim begins with.
	ring   []*tenant
	turn   int
	claims int64
}

var _ storage.Store = (*Store)(nil)

// tenant is what the store has of one tenant.
type tenant struct {
	name storage.Tenant
	// writer holds one token, which the unit at work has taken.
	writer chan struct{}

	// The rest is guarded by the store's mu.

	// state is what is committed.
	state *state
	// open is the unit at work, nil when there is none.
	open *unit
	// idle is an instant before which no job of the tenant can be claimed, in microseconds.
	idle int64
	// sequences has the last number given out of each.
	sequences map[string]int64
}

// state is the content of one tenant. A committed one is never changed.
type state struct {
	// tables are by their number in the catalog; a tenant without rows of a table may have nil
	// there, or no place.
	tables []*rows
	events tree[*storage.Event]
	jobs   queue
}

// rows gives a table's content, nil where there is none.
func (s *state) rows(t *table) *rows {
	if t.number < len(s.tables) {
		return s.tables[t.number]
	}
	return nil
}

// New gives an empty store.
func New() *Store {
	s := &Store{
		catalog:   catalog{bound: map[*storage.Schema]*binding{}, tables: map[string]*table{}},
		cursorKey: make([]byte, 32),
		tenants:   map[storage.Tenant]*tenant{},
	}
	rand.Read(s.cursorKey) // never fails: the program would end
	return s
}

// Close does nothing: a store in memory has opened nothing. It can still be used.
func (s *Store) Close() error { return nil }

// inside is the key under which the context of a unit has the unit.
type inside struct{ store *Store }

func (s *Store) unitOf(ctx context.Context) *unit {
	u, _ := ctx.Value(inside{s}).(*unit)
	return u
}

// View implements [storage.Store].
func (s *Store) View(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
	if err := storage.CheckTenants(tenants); err != nil {
		return err
	}
	if err := alive(ctx, "view"); err != nil {
		return err
	}
	r := &reader{store: s, tenants: slices.Clone(tenants)}
	if u := s.unitOf(ctx); u != nil {
		if u.ended {
			return storage.Invalid("view", "context", "is of a unit that has ended")
		}
		if len(tenants) != 1 || tenants[0] != u.tenant.name {
			return storage.Invalid("view", "tenants", "must be the unit's one tenant inside a unit")
		}
		r.unit, r.parts = u, u.parts
	} else {
		r.parts = s.snapshot(tenants)
	}
	defer func() { r.ended = true }()
	return fn(ctx, r)
}

// Read implements [storage.Store]: a snapshot costs nothing.
func (s *Store) Read(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
	return s.View(ctx, tenants, fn)
}

// snapshot gives what is committed of the tenants, in their order.
func (s *Store) snapshot(tenants []storage.Tenant) []partition {
	parts := make([]partition, len(tenants))
	s.mu.Lock()
	for i, name := range tenants {
		parts[i].tenant = name
		if t := s.tenants[name]; t != nil {
			parts[i].state = t.state
		} else {
			parts[i].state = &state{}
		}
	}
	s.mu.Unlock()
	slices.SortFunc(parts, func(a, b partition) int { return compareTenants(a.tenant, b.tenant) })
	return parts
}

// Update implements [storage.Store]. It waits until no other unit of the tenant is open, or
// until the context ends.
func (s *Store) Update(ctx context.Context, name storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
	if err := storage.CheckName("update", "tenant", string(name)); err != nil {
		return err
	}
	if s.unitOf(ctx) != nil {
		return storage.Invalid("update", "context", "is of a unit of this store; use its Tx")
	}
	if err := alive(ctx, "update"); err != nil {
		return err
	}
	t := s.tenant(name)
	select {
	case <-t.writer:
	default:
		select {
		case <-t.writer:
		case <-ctx.Done():
			return alive(ctx, "update")
		}
	}
	u := s.begin(t)
	// Also when fn panics or ends its goroutine, the unit ends and nothing of it stays.
	defer u.end()
	if err := fn(context.WithValue(ctx, inside{s}, u), u); err != nil {
		return err
	}
	if u.broken != nil {
		return u.broken
	}
	if err := alive(ctx, "commit"); err != nil {
		return err
	}
	u.commit()
	return nil
}

// tenant gives a tenant and makes it at its first unit.
func (s *Store) tenant(name storage.Tenant) *tenant {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tenants[name]
	if t == nil {
		t = &tenant{name: name, writer: make(chan struct{}, 1), state: &state{}, idle: never, sequences: map[string]int64{}}
		t.writer <- struct{}{}
		s.tenants[name] = t
		s.ring = append(s.ring, t)
	}
	return t
}

// alive gives the error of a context that has ended.
func alive(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("storage: %s: %w", op, err)
	}
	return nil
}
