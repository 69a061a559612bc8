package memory

import (
	"cmp"
	"container/heap"
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/storage"
)

// Query implements [storage.Reader].
func (r *reader) Query(ctx context.Context, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
	if err := r.ready(ctx, "query"); err != nil {
		return nil, err
	}
	if err := storage.CheckQuery(s, q); err != nil {
		return nil, err
	}
	b, err := r.store.catalog.bind(s)
	if err != nil {
		return nil, err
	}
	w := newSearch(b, r.store.catalog.indexesOf(b.table), q.Where)
	if err := w.refer(r, q.Where); err != nil {
		return nil, err
	}
	w.sortBy(q.Order, q.After)
	var streams []*stream
	for _, p := range r.parts {
		if content := p.state.rows(b.table); content != nil && w.tenant(p.tenant) {
			streams = append(streams, w.open(p.tenant, content, q.Limit)...)
		}
	}
	found := w.merge(streams, q.Limit)
	page := make([]storage.Row, len(found))
	values := make([]any, len(found)*len(b.columns))
	for i, f := range found {
		n := len(b.columns)
		page[i] = b.row(f.tenant, f.record, values[:n:n], q.Bodies)
		values = values[n:]
	}
	return page, nil
}

// found is a row with its tenant.
type found struct {
	tenant storage.Tenant
	record *record
}

// orderPart is a column of the order asked for.
type orderPart struct {
	column
	descending bool
}

// search is a query made ready for the table.
type search struct {
	binding *binding
	indexes []index
	// conditions are those that all must hold, but for those on the tenant alone.
	conditions []storage.Condition
	tenants    []storage.Condition
	// choices has for the columns that can have only some values these values, and where in
	// conditions that stands.
	choices map[int]choice

	order []orderPart
	// descending is the direction in which ties stand by tenant and id.
	descending bool
	after      *storage.Position
	// row is the one that is being looked at, and value gives what it has in a column.
	row   found
	value func(column string) any
	// named has what the conditions' references name.
	named map[*storage.Reference]*named

	// paths are those that have been asked for, in the order of their trees.
	paths []path
}

// choice is the values that a column can have; one nil stands for NULL.
type choice struct {
	condition int
	values    []any
}

func newSearch(b *binding, indexes []index, where storage.Condition) *search {
	// Paths are pointed at, so there is room for all from the start.
	w := &search{binding: b, indexes: indexes, choices: map[int]choice{}, paths: make([]path, 0, 1+len(indexes))}
	w.value = func(name string) any {
		c := b.column(name)
		if c.place == placeTenant {
			return string(w.row.tenant)
		}
		return w.row.record.value(c)
	}
	w.flatten(where)
	for i, c := range w.conditions {
		if c.Column == "" {
			continue
		}
		place := b.column(c.Column).place
		var values []any
		switch c.Op {
		case storage.Equal:
			values = c.Values
		case storage.In:
			values = slices.Clone(c.Values)
			slices.SortFunc(values, storage.Compare)
			values = slices.Compact(values)
		case storage.Null:
			values = []any{nil}
		default:
			continue
		}
		w.choose(place, i, values)
	}
	return w
}

// choose notes that a condition leaves a column only these values, if none leaves it fewer.
func (w *search) choose(place, condition int, values []any) {
	if had, ok := w.choices[place]; !ok || len(values) < len(had.values) {
		w.choices[place] = choice{condition: condition, values: values}
	}
}

// flatten takes nested Ands apart.
func (w *search) flatten(c storage.Condition) {
	switch c.Op {
	case storage.All:
	case storage.And:
		for _, sub := range c.Of {
			w.flatten(sub)
		}
	default:
		if c.Column == storage.ColumnTenant {
			w.tenants = append(w.tenants, c)
		} else {
			w.conditions = append(w.conditions, c)
		}
	}
}

func (w *search) sortBy(order []storage.Order, after *storage.Position) {
	for _, o := range order {
		w.order = append(w.order, orderPart{column: w.binding.column(o.Column), descending: o.Descending})
		w.descending = o.Descending
	}
	w.after = after
}

// tenant says whether the conditions on the tenant alone let any of its rows through.
func (w *search) tenant(t storage.Tenant) bool {
	for _, c := range w.tenants {
		if !c.Match(func(string) any { return string(t) }) {
			return false
		}
	}
	return true
}

// meets says whether a row meets the conditions but those that are known to hold.
func (w *search) meets(f found, holds []bool) bool {
	w.row = f
	for i := range w.conditions {
		if !holds[i] && !w.holds(&w.conditions[i]) {
			return false
		}
	}
	return true
}

// compare orders rows as the query asks for.
func (w *search) compare(a, b found) int {
	for _, o := range w.order {
		if c := a.record.compare(b.record, o.column); c != 0 {
			return sign(c, o.descending)
		}
	}
	c := compareTenants(a.tenant, b.tenant)
	if c == 0 {
		c = cmp.Compare(a.record.id, b.record.id)
	}
	return sign(c, w.descending)
}

func sign(c int, descending bool) int {
	if descending {
		return -c
	}
	return c
}

// follows says whether a row stands after the place that the page begins after.
func (w *search) follows(f found) bool {
	if w.after == nil {
		return true
	}
	for i, o := range w.order {
		if c := storage.Compare(f.record.value(o.column), w.after.Values[i]); c != 0 {
			return sign(c, o.descending) > 0
		}
	}
	c := compareTenants(f.tenant, w.after.Tenant)
	if c == 0 {
		c = cmp.Compare(f.record.id, string(w.after.ID))
	}
	return sign(c, w.descending) > 0
}

// stream gives rows of one tenant in the order of the query.
type stream struct {
	head found
	next func() (*record, bool)
}

func (s *stream) advance() bool {
	rec, ok := s.next()
	s.head.record = rec
	return ok
}

// merge gives the first rows of all streams.
func (w *search) merge(streams []*stream, limit int) []found {
	page := make([]found, 0, min(limit, 64))
	live := streams[:0]
	for _, s := range streams {
		if s.advance() {
			live = append(live, s)
		}
	}
	if len(live) == 1 {
		for ok := true; ok && len(page) < limit; ok = live[0].advance() {
			page = append(page, live[0].head)
		}
		return page
	}
	h := &streamHeap{w: w, streams: live}
	heap.Init(h)
	for len(h.streams) > 0 && len(page) < limit {
		page = append(page, h.streams[0].head)
		if h.streams[0].advance() {
			heap.Fix(h, 0)
		} else {
			heap.Pop(h)
		}
	}
	return page
}

type streamHeap struct {
	w       *search
	streams []*stream
}

func (h *streamHeap) Len() int { return len(h.streams) }
func (h *streamHeap) Less(i, j int) bool {
	return h.w.compare(h.streams[i].head, h.streams[j].head) < 0
}
func (h *streamHeap) Swap(i, j int) { h.streams[i], h.streams[j] = h.streams[j], h.streams[i] }
func (h *streamHeap) Push(x any)    { h.streams = append(h.streams, x.(*stream)) }
func (h *streamHeap) Pop() any {
	last := h.streams[len(h.streams)-1]
	h.streams = h.streams[:len(h.streams)-1]
	return last
}
