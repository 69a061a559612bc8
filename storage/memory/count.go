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
	if err := storage.CheckCount(s, where, by); err != nil {
		return nil, err
	}
	b, err := r.store.catalog.bind(s)
	if err != nil {
		return nil, err
	}
	w := newSearch(b, r.store.catalog.indexesOf(b.table), where)
	if err := w.refer(r, where); err != nil {
		return nil, err
	}
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
func (g *grouping) add(f found, n int) {
	g.key, g.values = g.key[:0], g.values[:0]
	for _, c := range g.columns {
		var v any
		if c.place == placeTenant {
			v = string(f.tenant)
		} else {
			v = f.record.value(c)
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
	var best *path
	least := 0
	for i := range w.trees(content) {
		p := w.path(i)
		if n, ok := p.groups(g.columns); ok {
			w.countGroups(g, tenant, content, p, n)
			return
		}
		if size := p.size(content); i == 0 || size < least {
			best, least = p, size
		}
	}
	for _, r := range best.spans {
		w.countRows(g, tenant, best, best.in(content), r.span)
	}
}

// countRows counts by looking at every row of a span.
func (w *search) countRows(g *grouping, tenant storage.Tenant, p *path, t tree[*record], s span) {
	walk := t.walk(s, true)
	for _, rec, ok := walk.next(); ok; _, rec, ok = walk.next() {
		if f := (found{tenant, rec}); p.exact || w.meets(f, p.holds) {
			g.add(f, 1)
		}
	}
}

// groups says whether the rows of one group stand together in each span, with no others: then
// they have the same values in the n parts that follow the fixed ones.
func (p *path) groups(by []column) (n int, ok bool) {
	if !p.exact {
		return 0, false
	}
	places := map[int]bool{}
	for _, c := range by {
		if c.place != placeTenant && !slices.ContainsFunc(p.parts[:p.fixed], func(x part) bool { return x.place == c.place }) {
			places[c.place] = true
		}
	}
	for ; n < len(places); n++ {
		if p.fixed+n == len(p.parts) || !places[p.parts[p.fixed+n].place] {
			return 0, false
		}
	}
	return n, true
}

// Groups of fewer rows than this are counted faster row by row.
const fewRows = 32

// countGroups counts group by group, in the time that it takes to find where each begins and
// ends. Where the groups turn out to be small, it goes on row by row.
func (w *search) countGroups(g *grouping, tenant storage.Tenant, content *rows, p *path, n int) {
	t := p.in(content)
	groups, counted := 0, 0
	for _, r := range p.spans {
		for rest := r.span; ; {
			walk := t.walk(rest, true)
			_, rec, ok := walk.next()
			if !ok {
				break
			}
			group := rest
			if n > 0 {
				b := append(make([]byte, 0, room), r.prefix...)
				for _, part := range p.parts[p.fixed : p.fixed+n] {
					b = part.append(b, rec)
				}
				group = rest.within(under(string(b)))
				if p.tree < 0 {
					group = rest.within(span{hi: rec.id + "\x00"})
				}
			}
			rows := t.count(group)
			g.add(found{tenant, rec}, rows)
			groups, counted = groups+1, counted+rows
			if rest.lo = group.hi; n == 0 || rest.lo == "" {
				break
			}
			if groups > fewRows && counted < groups*fewRows {
				w.countRows(g, tenant, p, t, rest)
				break
			}
		}
	}
}
