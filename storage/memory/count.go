package memory

import (
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/storage"
)

// Count implements [storage.Reader].
func (r *reader) Count(ctx context.Context, s *storage.Schema, where storage.Condition, by []string) ([]storage.Group, error) {
	if err := r.ready(ctx, "count"); err != nil {
		return nil, err
	}
	if err := where.Check(s); err != nil {
		return nil, err
	}
	if err := storage.CheckGroups(s, by); err != nil {
		return nil, err
	}
	b, err := r.store.catalog.bind(s)
	if err != nil {
		return nil, err
	}
	w := newSearch(b, r.store.catalog.indexesOf(b.table), where)
	g := grouping{places: map[string]int{}}
	for _, name := range by {
		g.columns = append(g.columns, b.column(name))
	}
	for _, p := range r.parts {
		if content := p.state.rows(b.table); content != nil && w.tenant(p.tenant) {
			w.count(&g, p.tenant, content)
		}
	}
	if len(by) == 0 && len(g.groups) == 0 {
		g.groups = []storage.Group{{Values: []any{}}}
	}
	slices.SortFunc(g.groups, func(a, b storage.Group) int { return slices.CompareFunc(a.Values, b.Values, storage.Compare) })
	return g.groups, nil
}

// grouping gathers counts.
type grouping struct {
	columns []column
	groups  []storage.Group
	places  map[string]int
	key     []byte
	values  []any
}

// add counts n rows like this one.
func (g *grouping) add(t storage.Tenant, r *record, n int) {
	g.key, g.values = g.key[:0], g.values[:0]
	for _, c := range g.columns {
		v := any(string(t))
		if c.place != placeTenant {
			v = r.value(c)
		}
		g.values = append(g.values, v)
		g.key = appendPart(g.key, true, false, v)
	}
	i, ok := g.places[string(g.key)]
	if !ok {
		i = len(g.groups)
		g.places[string(g.key)] = i
		g.groups = append(g.groups, storage.Group{Values: append([]any{}, g.values...)})
	}
	g.groups[i].Count += int64(n)
}

// count counts the rows of one tenant.
func (w *search) count(g *grouping, tenant storage.Tenant, content *rows) {
	p, size := w.smallest(content)
	t := p.in(content)
	if p.exact && len(g.columns) == 0 && p.fixed < len(p.parts) {
		if size > 0 {
			g.add(tenant, nil, size)
		}
		return
	}
	for _, r := range p.spans {
		walk := t.walk(r.span, true)
		for _, rec, ok := walk.next(); ok; _, rec, ok = walk.next() {
			if p.exact || w.meets(tenant, rec, p.holds) {
				g.add(tenant, rec, 1)
			}
		}
	}
}
