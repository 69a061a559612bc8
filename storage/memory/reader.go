package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/storage"
)

// partition is what is read of one tenant.
type partition struct {
	tenant storage.Tenant
	state  *state
}

func compareTenants(a, b storage.Tenant) int { return cmp.Compare(a, b) }

// reader is a [storage.Reader] over a snapshot or within a unit.
type reader struct {
	store   *Store
	tenants []storage.Tenant
	// parts are in the order of tenants' names.
	parts []partition
	// unit is the one that is read in, nil in a snapshot.
	unit  *unit
	ended bool
}

// ready says why the reader cannot be used now.
func (r *reader) ready(ctx context.Context, op string) error {
	if r.ended || r.unit != nil && r.unit.ended {
		return storage.Invalid(op, "reader", "is used after its function returned")
	}
	if r.unit != nil && r.unit.broken != nil {
		return r.unit.broken
	}
	return alive(ctx, op)
}

// Tenants implements [storage.Reader].
func (r *reader) Tenants() []storage.Tenant { return slices.Clone(r.tenants) }

// CursorKey implements [storage.Reader].
func (r *reader) CursorKey(ctx context.Context) ([]byte, error) {
	if err := r.ready(ctx, "cursor key"); err != nil {
		return nil, err
	}
	return slices.Clone(r.store.cursorKey), nil
}

// partition finds a tenant among those that are read.
func (r *reader) partition(t storage.Tenant) *state {
	i, ok := slices.BinarySearchFunc(r.parts, t, func(p partition, t storage.Tenant) int { return compareTenants(p.tenant, t) })
	if !ok {
		return nil
	}
	return r.parts[i].state
}

// Get implements [storage.Reader].
func (r *reader) Get(ctx context.Context, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
	if err := r.ready(ctx, "get"); err != nil {
		return storage.Row{}, err
	}
	b, err := r.store.catalog.bind(s)
	if err != nil {
		return storage.Row{}, err
	}
	if p := r.partition(tenant); p != nil {
		if content := p.rows(b.table); content != nil {
			if rec, ok := content.byID.get(string(id)); ok {
				return b.row(tenant, rec, make([]any, len(b.columns)), true), nil
			}
		}
	}
	return storage.Row{}, failed("get", s.Name(), id, storage.ErrNotFound)
}

func failed(op, table string, id storage.ID, err error) error {
	return &storage.Error{Op: op, Table: table, ID: id, Err: err}
}
