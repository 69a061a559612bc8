// This file holds what is kept ready of the versions that are followed: read anew each time, decoded and
// prepared once.

package versioned

import (
	"bytes"
	"context"
	"sync"

	"github.com/itsmkit/itsmkit/storage"
)

// MaxReady bounds what one [Ready] keeps: the bytes of the versions as they are stored, and a few thousand
// more for each family of a tenant.
const MaxReady = 16 << 20

const readySize = 4 << 10

// Ready keeps what a practice makes of the active versions of a family: a decoded and merged set, a
// compiled program. The store is asked for the versions each time, and what is kept serves only where they
// are the same to the byte: a unit gets what it has written itself, and after it was undone the next
// reader gets what there is. It is safe for any number of goroutines, and bounded by [MaxReady].
type Ready[S Set[S], P any] struct {
	table   Table[S]
	prepare func(family string, a Active[S]) (P, error)

	mu   sync.Mutex
	kept map[readyKey]*prepared[P]
	size int
}

type readyKey struct {
	tenant storage.Tenant
	family string
}

// prepared is what was made of rows as they were stored.
type prepared[P any] struct {
	rows []storage.Row
	size int
	made P
}

// NewReady keeps what prepare makes of the versions in a table. What it makes is shared and must not be
// changed; it follows from the versions alone. Its errors are not kept.
func NewReady[S Set[S], P any](t Table[S], prepare func(family string, a Active[S]) (P, error)) *Ready[S, P] {
	return &Ready[S, P]{table: t, prepare: prepare, kept: map[readyKey]*prepared[P]{}}
}

// Of gives what was made of the versions that are followed of a family in the reader's tenant, as
// [ReadActive] reads them. Of a reader of several tenants it is ErrInvalid.
func (c *Ready[S, P]) Of(ctx context.Context, r storage.Reader, family string) (P, error) {
	var none P
	tenants := r.Tenants()
	if len(tenants) != 1 {
		return none, storage.Invalid(c.table.Name(), "tenant", "must be one")
	}
	rows, err := r.Query(ctx, c.table.Schema(), storage.RowQuery{
		Where: storage.AllOf(ByState.Is(StateActive), ByFamily.Is(family)).Condition(), Limit: storage.MaxPage, Bodies: true,
	})
	if err != nil {
		return none, err
	}
	k := readyKey{tenants[0], family}
	if len(rows) == 0 {
		k.tenant = "" // nothing is the same in every tenant
	}
	if p := c.get(k, rows); p != nil {
		return p.made, nil
	}
	p := &prepared[P]{rows: rows, size: readySize}
	var a Active[S]
	for _, row := range rows {
		v, err := c.table.Decode(row)
		if err != nil {
			return none, err
		}
		a = a.With(&v)
		p.size += len(row.Body)
	}
	if p.made, err = c.prepare(family, a); err != nil {
		return none, err
	}
	c.put(k, p)
	return p.made, nil
}

func (c *Ready[S, P]) get(k readyKey, rows []storage.Row) *prepared[P] {
	c.mu.Lock()
	p := c.kept[k]
	c.mu.Unlock()
	if p == nil || len(p.rows) != len(rows) {
		return nil
	}
	for i := range rows {
		a, b := &p.rows[i], &rows[i]
		if a.ID != b.ID || a.Version != b.Version || a.Layout != b.Layout || !bytes.Equal(a.Body, b.Body) {
			return nil
		}
	}
	return p
}

func (c *Ready[S, P]) put(k readyKey, p *prepared[P]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.kept[k]; old != nil {
		c.size -= old.size
	}
	c.kept[k] = p
	c.size += p.size
	for other, old := range c.kept { // whichever: each can be made again
		if c.size <= MaxReady {
			return
		}
		delete(c.kept, other)
		c.size -= old.size
	}
}
