// This file holds the set that a record is routed by: read anew for each, and made ready once.

package routing

import (
	"bytes"
	"context"
	"sync"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// followed is a set that is followed, made ready to decide. It is shared and does not change.
type followed struct {
	merged Merged
	// terms are those that the conditions name.
	terms map[string]bool
	// unfit is what the set names that the vocabulary does not have, as an error; nil is nothing.
	unfit error
	// rows are the versions as they were stored, of which it was made.
	rows []storage.Row
	size int
}

// maxReady is how many bytes the stored form of what a practice keeps ready may have.
const maxReady = 16 << 20

// ready keeps the sets that were made ready, one for each tenant and kind of record. The store is
// asked for the versions each time, and what is kept serves only where they are the same to the byte:
// a unit that reads what it has not committed, and one beside it, both get what they read.
type ready struct {
	mu   sync.Mutex
	sets map[readyKey]*followed
	size int
}

type readyKey struct {
	tenant     storage.Tenant
	recordKind string
}

func (c *ready) get(k readyKey, rows []storage.Row) *followed {
	c.mu.Lock()
	f := c.sets[k]
	c.mu.Unlock()
	if f == nil || len(f.rows) != len(rows) {
		return nil
	}
	for i := range rows {
		a, b := &f.rows[i], &rows[i]
		if a.ID != b.ID || a.Version != b.Version || a.Layout != b.Layout || !bytes.Equal(a.Body, b.Body) {
			return nil
		}
	}
	return f
}

func (c *ready) put(k readyKey, f *followed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sets == nil {
		c.sets = map[readyKey]*followed{}
	}
	if old := c.sets[k]; old != nil {
		c.size -= old.size
	}
	c.sets[k] = f
	c.size += f.size
	for other, old := range c.sets { // whichever: each can be made again
		if c.size <= maxReady {
			return
		}
		delete(c.sets, other)
		c.size -= old.size
	}
}

// following gives the set that holds, if it still fits the vocabulary. Whether rules are reachable
// is not asked again: it took long, and harms nothing.
func (p *Practice) following(ctx context.Context, r storage.Reader, v *Vocabulary) (Merged, error) {
	f, err := p.follow(ctx, r, v)
	if err != nil {
		return Merged{}, err
	}
	return f.merged, nil
}

// follow is following with what was made ready of the set. The set has no rules where none is active.
func (p *Practice) follow(ctx context.Context, r storage.Reader, v *Vocabulary) (*followed, error) {
	rows, err := r.Query(ctx, Table.Schema(), storage.RowQuery{
		Where: storage.AllOf(versioned.ByState.Is(versioned.StateActive), versioned.ByFamily.Is(v.kind)).Condition(), Limit: storage.MaxPage, Bodies: true,
	})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return &followed{}, nil
	}
	k := readyKey{rows[0].Tenant, v.kind}
	f := p.ready.get(k, rows)
	if f == nil {
		if f, err = makeReady(v, rows); err != nil {
			return nil, err
		}
		p.ready.put(k, f)
	}
	return f, f.unfit
}

func makeReady(v *Vocabulary, rows []storage.Row) (*followed, error) {
	var active versioned.Active[RuleSet]
	f := &followed{terms: map[string]bool{}, rows: rows}
	for _, row := range rows {
		version, err := Table.Decode(row)
		if err != nil {
			return nil, err
		}
		active = active.With(&version)
		f.size += len(row.Body)
	}
	f.merged = Effective(active.Layers())
	var faults itsm.Faults
	c := checker{v: v, f: &faults}
	for i := range f.merged.Set.Rules {
		rule := &f.merged.Set.Rules[i]
		c.parts = 0
		c.condition(rule.When, "rules."+rule.Name, 1)
		f.name(rule.When)
	}
	f.unfit = faults.Err("active rule set for " + v.kind)
	return f, nil
}

// name notes the terms that a condition names.
func (f *followed) name(c storage.Condition) {
	if c.Column != "" {
		f.terms[c.Column] = true
	}
	for _, sub := range c.Of {
		f.name(sub)
	}
}
