package memory

import (
	"slices"

	"github.com/itsmkit/itsmkit/storage"
)

// This file evaluates conditions on rows of another table, which name those that are looked for.

// named is what the rows of a reference name.
type named struct {
	reader *reader
	search *search
	column string
	// ids are those named in each tenant that was asked for.
	ids map[storage.Tenant]map[string]struct{}
}

// refer makes the references of the search's condition ready.
func (w *search) refer(r *reader, where storage.Condition) error {
	if err := w.bind(r, where); err != nil {
		return err
	}
	if len(w.named) == 0 || len(r.parts) != 1 {
		return nil // what rows may be named differs from tenant to tenant, and the paths do not
	}
	for i, c := range w.conditions {
		if c.Op != storage.Named {
			continue
		}
		ids := w.named[c.By].in(r.parts[0].tenant)
		if len(ids) > maxSpans {
			continue
		}
		values := make([]any, 0, len(ids))
		for id := range ids {
			values = append(values, id)
		}
		slices.SortFunc(values, storage.Compare)
		w.choose(placeID, i, values)
	}
	return nil
}

// bind finds the references of a condition, and their tables.
func (w *search) bind(r *reader, c storage.Condition) error {
	for _, sub := range c.Of {
		if err := w.bind(r, sub); err != nil {
			return err
		}
	}
	if c.Op != storage.Named || w.named[c.By] != nil {
		return nil
	}
	b, err := r.store.catalog.bind(c.By.Schema)
	if err != nil {
		return err
	}
	if w.named == nil {
		w.named = map[*storage.Reference]*named{}
	}
	w.named[c.By] = &named{reader: r, search: newSearch(b, r.store.catalog.indexesOf(b.table), c.By.Where),
		column: c.By.Column, ids: map[storage.Tenant]map[string]struct{}{}}
	return nil
}

// in gives the ids that are named in a tenant. They are looked for once: nothing is written while a
// search is under way.
func (n *named) in(tenant storage.Tenant) map[string]struct{} {
	ids, ok := n.ids[tenant]
	if ok {
		return ids
	}
	ids = map[string]struct{}{}
	n.ids[tenant] = ids
	w := n.search
	content := n.reader.partition(tenant).rows(w.binding.table)
	if content == nil || !w.tenant(tenant) {
		return ids
	}
	p := w.shortest(content)
	for _, r := range p.spans {
		walk := p.in(content).walk(r.span, true)
		for _, rec, ok := walk.next(); ok; _, rec, ok = walk.next() {
			if !w.meets(found{tenant, rec}, p.holds) {
				continue
			}
			if id, ok := w.value(n.column).(string); ok {
				ids[id] = struct{}{}
			}
		}
	}
	return ids
}

// shortest gives the path that meets the fewest rows of a tenant.
func (w *search) shortest(content *rows) *path {
	best := w.path(0)
	least := best.size(content)
	for i := 1; i < w.trees(content); i++ {
		if size := w.path(i).size(content); size < least {
			best, least = w.path(i), size
		}
	}
	return best
}

// holds says whether the row that is being looked at meets a condition.
func (w *search) holds(c *storage.Condition) bool {
	if len(w.named) == 0 {
		return c.Match(w.value)
	}
	switch c.Op {
	case storage.Named:
		_, ok := w.named[c.By].in(w.row.tenant)[w.row.record.id]
		return ok
	case storage.And:
		return !slices.ContainsFunc(c.Of, func(sub storage.Condition) bool { return !w.holds(&sub) })
	case storage.Or:
		return slices.ContainsFunc(c.Of, func(sub storage.Condition) bool { return w.holds(&sub) })
	case storage.Not:
		return !w.holds(&c.Of[0])
	}
	return c.Match(w.value)
}
