package memory

import (
	"cmp"
	"slices"

	"github.com/itsmkit/itsmkit/storage"
)

// This file chooses how the rows of a search are found: by which index, in which spans of it,
// and whether they come in the order asked for.

// maxSpans is the greatest number of spans that In conditions are made into. It is as many as
// a condition may have values, so that records are always found by their ids.
const maxSpans = storage.MaxConditionValues

// path is a way to all rows of a search in one tenant.
type path struct {
	// tree is the index's number, -1 for the rows by id.
	tree int
	// parts are the columns of its keys, the id last. The conditions name the values of the
	// first ones, as many as fixed says.
	parts []part
	fixed int
	spans []reach
	// holds has the conditions that hold for every row of the spans.
	holds []bool
	// exact says that all of them do.
	exact bool
	// ordered says that the rows of each span stand in the order asked for, up or down.
	ordered, up bool
}

// reach is a span of a tree.
type reach struct {
	span
	// prefix is what all keys of the span begin with: the fixed parts, whose values are these.
	prefix string
	values []any
}

// through gives the way through one tree: by the columns of which the conditions name the
// values, then within the bounds of the next column.
func (w *search) through(tree int, ix index) path {
	p := path{tree: tree, spans: []reach{{}}, holds: make([]bool, len(w.conditions))}
	p.parts = append(ix.parts[:len(ix.parts):len(ix.parts)],
		part{column: w.binding.column(storage.ColumnID), descending: ix.descending})
	for ; p.fixed < len(p.parts); p.fixed++ {
		col := p.parts[p.fixed]
		choice, ok := w.choices[col.place]
		if !ok || len(p.spans)*len(choice.values) > maxSpans {
			break
		}
		p.holds[choice.condition] = true
		spans := make([]reach, 0, len(p.spans)*len(choice.values))
		for _, s := range p.spans {
			for _, v := range choice.values {
				if v == nil && !col.nullable {
					continue
				}
				spans = append(spans, reach{
					prefix: s.prefix + p.encode(col, v),
					values: append(s.values[:len(s.values):len(s.values)], v),
				})
			}
		}
		p.spans = spans
	}
	for i := range p.spans {
		s := &p.spans[i]
		s.span = under(s.prefix)
		if tree < 0 && p.fixed == len(p.parts) {
			s.hi = s.lo + "\x00"
		}
	}
	if p.fixed < len(p.parts) {
		w.bound(&p)
	}
	p.exact = !slices.Contains(p.holds, false)
	p.ordered, p.up = w.inOrder(&p)
	return p
}

// encode gives a value as it stands in a key of the tree.
func (p *path) encode(col part, v any) string {
	if p.tree < 0 {
		return v.(string)
	}
	return string(appendPart(nil, col.nullable, col.descending, v))
}

// past is the least key above those that begin with this one's parts, "" where there is none.
func (p *path) past(key string) string {
	if p.tree < 0 {
		return key + "\x00"
	}
	return after(key)
}

// bound narrows the spans by what the conditions say about the first part that is not fixed.
func (w *search) bound(p *path) {
	col := p.parts[p.fixed]
	for i, c := range w.conditions {
		if c.Column != col.name {
			continue
		}
		var s span
		switch c.Op {
		case storage.Prefix:
			key := p.encode(col, c.Values[0])
			if p.tree >= 0 {
				key = key[:len(key)-1]
			}
			s = under(key)
		case storage.Below, storage.AtMost, storage.Above, storage.AtLeast:
			key := p.encode(col, c.Values[0])
			upward := c.Op == storage.Above || c.Op == storage.AtLeast
			itself := c.Op == storage.AtMost || c.Op == storage.AtLeast
			switch {
			case upward != col.descending && itself:
				s.lo = key
			case upward != col.descending:
				s.lo = p.past(key)
				if s.lo == "" {
					s = none
				}
			case itself:
				s.hi = p.past(key)
			default:
				s.hi = key
				if key == "" {
					s = none
				}
			}
			if col.nullable {
				present := []byte{1}
				if col.descending {
					turn(present)
				}
				s = s.within(under(string(present)))
			}
		default:
			continue
		}
		p.holds[i] = true
		for j := range p.spans {
			r := &p.spans[j]
			deeper := span{lo: r.prefix + s.lo, hi: r.hi}
			if s.hi != "" {
				deeper.hi = r.prefix + s.hi
			}
			r.span = r.within(deeper)
		}
	}
}

// none is a span without keys.
var none = span{lo: "\x00", hi: "\x00"}

// within gives what two spans have in common.
func (s span) within(o span) span {
	s.lo = max(s.lo, o.lo)
	if s.hi == "" || o.hi != "" && o.hi < s.hi {
		s.hi = o.hi
	}
	return s
}

// constant gives the value that a column has in all rows of the span, where it has one.
func (w *search) constant(p *path, r *reach, c column) (v any, ok bool) {
	for i := range r.values {
		if p.parts[i].place == c.place {
			return r.values[i], true
		}
	}
	if choice, ok := w.choices[c.place]; ok && len(choice.values) == 1 {
		return choice.values[0], true
	}
	return nil, false
}

// inOrder says whether the rows of each span stand in the order asked for, and which way.
func (w *search) inOrder(p *path) (ordered, up bool) {
	if p.fixed == len(p.parts) || len(p.spans) == 0 {
		return true, true
	}
	rest := p.parts[p.fixed:]
	i := 0
	match := func(place int, descending bool) bool {
		if i == len(rest) || rest[i].place != place {
			return false
		}
		same := rest[i].descending == descending
		if i == 0 {
			up = same
		}
		i++
		return same == up
	}
	for _, o := range w.order {
		if _, ok := w.constant(p, &p.spans[0], o.column); ok {
			continue
		}
		if !match(o.place, o.descending) {
			return false, false
		}
	}
	if i < len(rest) && !match(placeID, w.descending) {
		return false, false
	}
	return i == len(rest), up
}

// resume gives the part of an ordered span that follows the place that the page begins after.
func (w *search) resume(p *path, r reach, tenant storage.Tenant) span {
	if w.after == nil || p.fixed == len(p.parts) {
		return r.span
	}
	key, id, named := r.prefix, "", false
	for i, o := range w.order {
		if v, ok := w.constant(p, &r, o.column); ok {
			if c := sign(storage.Compare(v, w.after.Values[i]), o.descending); c != 0 {
				return p.from(r.span, key, c > 0)
			}
			continue
		}
		if o.place == placeID && w.after.Values[i] == "" { // less than any
			return p.from(r.span, key, !o.descending)
		}
		key += p.encode(part{column: o.column, descending: o.descending == p.up}, w.after.Values[i])
		if o.place == placeID {
			id, named = w.after.Values[i].(string)
		}
	}
	if c := sign(compareTenants(tenant, w.after.Tenant), w.descending); c != 0 {
		return p.from(r.span, key, c > 0)
	}
	if named {
		return p.from(r.span, key, sign(cmp.Compare(id, string(w.after.ID)), w.descending) > 0)
	}
	if w.after.ID == "" {
		return p.from(r.span, key, !w.descending)
	}
	last := p.parts[len(p.parts)-1]
	return p.from(r.span, key+p.encode(last, string(w.after.ID)), false)
}

// from gives what of a span begins with the keys under this one, or behind them.
func (p *path) from(s span, key string, with bool) span {
	past := ""
	if key != "" {
		past = p.past(key)
	}
	switch {
	case p.up && with:
		return s.within(span{lo: key})
	case p.up && past == "":
		return none
	case p.up:
		return s.within(span{lo: past})
	case with:
		return s.within(span{hi: past})
	case key == "":
		return none
	}
	return s.within(span{hi: key})
}

// size is how many rows the path meets in a tenant.
func (p *path) size(content *rows) int {
	if p.fixed == len(p.parts) {
		return len(p.spans)
	}
	n := 0
	for _, s := range p.spans {
		n += p.in(content).count(s.span)
	}
	return n
}

// in gives the tree that the path goes through.
func (p *path) in(content *rows) tree[*record] {
	if p.tree < 0 {
		return content.byID
	}
	return content.indexes[p.tree]
}

// path gives the way through one of the trees that the tenant's rows have: 0 is the one by id,
// the indexes follow.
func (w *search) path(i int) *path {
	for len(w.paths) <= i {
		if len(w.paths) == 0 {
			w.paths = append(w.paths, w.through(-1, index{}))
		} else {
			n := len(w.paths) - 1
			w.paths = append(w.paths, w.through(n, w.indexes[n]))
		}
	}
	return &w.paths[i]
}

// trees is how many ways there are. An index that was declared after the snapshot is not among
// them.
func (w *search) trees(content *rows) int { return 1 + min(len(w.indexes), len(content.indexes)) }

// page chooses the path for a page. What it compares is about how many rows each looks at: in
// order, as many as give a full page; otherwise all, to be sorted.
func (w *search) page(content *rows, limit int) *path {
	n := w.trees(content)
	for i := range n {
		if p := w.path(i); p.ordered && p.exact && len(p.spans) <= 1 {
			return p
		}
	}
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = w.path(i).size(content)
	}
	matches := max(1, slices.Min(sizes))
	best, least := 0, 0
	for i, size := range sizes {
		p := w.path(i)
		cost := 2*size + 4*len(p.spans)
		if p.ordered {
			look := limit
			if !p.exact {
				look = limit * (1 + size/matches)
			}
			cost = min(size, look) + 4*len(p.spans)
		}
		if i == 0 || cost < least {
			best, least = i, cost
		}
	}
	return w.path(best)
}

// open gives streams that together have the rows of one tenant, each in the order asked for;
// the first rows of all are at least the given number where there are so many.
func (w *search) open(tenant storage.Tenant, content *rows, limit int) []*stream {
	p := w.page(content, limit)
	t := p.in(content)
	if !p.ordered {
		rest := w.sorted(p, t, tenant, limit)
		return []*stream{{head: found{tenant: tenant}, next: func() (*record, bool) {
			if len(rest) == 0 {
				return nil, false
			}
			rec := rest[0].record
			rest = rest[1:]
			return rec, true
		}}}
	}
	streams := make([]*stream, 0, len(p.spans))
	for _, r := range p.spans {
		walk := t.walk(w.resume(p, r, tenant), p.up)
		streams = append(streams, &stream{head: found{tenant: tenant}, next: func() (*record, bool) {
			for {
				_, rec, ok := walk.next()
				if !ok {
					return nil, false
				}
				f := found{tenant, rec}
				if (p.exact || w.meets(f, p.holds)) && (p.fixed < len(p.parts) || w.follows(f)) {
					return rec, true
				}
			}
		}})
	}
	return streams
}

// sorted gives the first rows of the spans in the order asked for.
func (w *search) sorted(p *path, t tree[*record], tenant storage.Tenant, limit int) []found {
	var first []found
	cut := false
	for _, r := range p.spans {
		walk := t.walk(r.span, true)
		for _, rec, ok := walk.next(); ok; _, rec, ok = walk.next() {
			f := found{tenant, rec}
			if !w.meets(f, p.holds) || !w.follows(f) || cut && w.compare(f, first[limit-1]) > 0 {
				continue
			}
			first = append(first, f)
			if len(first) >= 4*limit+64 {
				slices.SortFunc(first, w.compare)
				first, cut = first[:limit], true
			}
		}
	}
	slices.SortFunc(first, w.compare)
	return first[:min(len(first), limit)]
}
