// This file holds plain reachability: whom a CI could touch at all, redundancy not counted, and
// what it rests on.

package impact

import (
	"fmt"
	"slices"
)

// Direction is a way through the graph.
type Direction uint8

const (
	// Downstream goes from what fails to what it holds up.
	Downstream Direction = iota + 1
	// Upstream goes from a CI to what holds it up.
	Upstream
)

// Reached are the CIs that a walk reaches, nearest first, those it began with apart.
type Reached struct {
	s       *Snapshot
	cis     []uint32
	rounds  []int // where each begins in cis; the first is where the walk began
	partial bool
}

// Len is the number of CIs.
func (r *Reached) Len() int { return len(r.cis) - r.first() }

func (r *Reached) first() int {
	if len(r.rounds) > 1 {
		return r.rounds[1]
	}
	return len(r.cis)
}

// Partial reports whether the limit of depth left something out.
func (r *Reached) Partial() bool { return r.partial }

// IDs gives the CIs in order of distance, and within a distance in no order that means anything.
func (r *Reached) IDs() []string {
	ids := make([]string, 0, r.Len())
	for _, ci := range r.cis[r.first():] {
		ids = append(ids, r.s.id(ci))
	}
	return ids
}

// Reach walks from CIs along everything that passes anything on, as if no group had anything to
// spare: what could be touched by a failure, or touch it. It is an upper bound of an impact, and
// often far beyond it. Of the options, Depth and Work count. It refuses CIs that are not in the graph, with every
// fault.
func (s *Snapshot) Reach(way Direction, from []string, o Options) (*Reached, error) {
	b, err := newBudget("reach", o.Work)
	if err != nil {
		return nil, err
	}
	seeds, err := s.numbers("reach", "from", from)
	if err != nil {
		return nil, err
	}
	if way != Downstream && way != Upstream {
		return nil, refuseIn("reach", "direction", "must be downstream or upstream")
	}
	if o.Depth < 0 {
		return nil, refuseIn("reach", "depth", "must not be negative; 0 means no limit")
	}
	m := s.scratch()
	defer s.release(m)
	return s.walk(b, m, way, seeds, o.Depth)
}

// walk uses the scratch and leaves it as it was.
func (s *Snapshot) walk(b *budget, m *scratch, way Direction, from []uint32, depth int) (*Reached, error) {
	w := walk{s: s, b: b, m: m, way: way, cis: m.log[:0]}
	defer w.end()
	for _, ci := range from {
		w.visit(ci)
	}
	r := &Reached{s: s, rounds: []int{0}}
	for done := 0; done < len(w.cis); {
		end := len(w.cis)
		beyond := depth > 0 && len(r.rounds) > depth
		if !beyond {
			r.rounds = append(r.rounds, end)
		}
		if err := w.round(done, end); err != nil {
			return nil, err
		}
		if beyond {
			r.partial = len(w.cis) > end
			r.cis = slices.Clone(w.cis[:end])
			return r, nil
		}
		done = end
	}
	r.cis = slices.Clone(w.cis)
	return r, nil
}

// walk is a walk under way.
type walk struct {
	s   *Snapshot
	b   *budget
	m   *scratch
	way Direction
	cis []uint32 // reached so far
}

func (w *walk) end() {
	w.m.forget(w.cis)
	w.m.log = w.cis
}

func (w *walk) visit(ci uint32) {
	if w.m.marks[ci] == 0 {
		w.m.marks[ci] = 1
		w.cis = append(w.cis, ci)
	}
}

// round visits what is next to those reached in a round.
func (w *walk) round(first, end int) error {
	if w.way != Downstream || w.s.over != nil {
		for ; first < end; first++ {
			if err := w.s.neighbours(w.b, w.way, w.cis[first], w.visit); err != nil {
				return err
			}
		}
		return nil
	}
	// Most CIs hold nothing up, so that passing over those is to cost little.
	starts, down, marks, groups := w.s.base.downStart, w.s.base.down, w.m.marks, w.s.base.groups
	for _, ci := range w.cis[first:end] {
		start, end := starts[ci], starts[ci+1]
		if start == end {
			continue
		}
		if err := w.b.spend(int(end - start)); err != nil {
			return err
		}
		row := down[start:end]
		if w.s.kinds.idle {
			row = w.passing(row)
		}
		w.cis = closeRow(marks, row, groups, w.cis)
	}
	return nil
}

// passing gives the words of a row that pass anything on.
func (w *walk) passing(row []uint32) []uint32 {
	words := w.m.touched[:0]
	for _, word := range row {
		code := uint8(word & codeMask)
		if word&groupWord != 0 {
			code = w.s.base.groups[word&^groupWord].code()
		}
		if code != 0 {
			words = append(words, word)
		}
	}
	w.m.touched = words
	return words
}

// closeRow adds to a list whom words hold up and who is not marked yet, and marks them. As in
// [run.relations], nothing is decided on the way.
func closeRow(marks []uint8, words []uint32, groups []groupHead, list []uint32) []uint32 {
	n := len(list)
	list = room(list, len(words)+1)
	at := 0
	for ; at < len(words) && words[at] < groupWord; at++ {
		owner := words[at] >> codeBits
		list[n] = owner
		n += int(1 ^ marks[owner])
		marks[owner] = 1
	}
	for _, word := range words[at:] {
		owner := groups[word&^groupWord].owner
		list[n] = owner
		n += int(1 ^ marks[owner])
		marks[owner] = 1
	}
	return list[:n]
}

// neighbours visits what is next to a CI.
func (s *Snapshot) neighbours(b *budget, way Direction, ci uint32, visit func(uint32)) error {
	if way == Downstream {
		row, removed, added := s.down(ci)
		if err := b.spend(len(row) + len(added)); err != nil {
			return err
		}
		for _, word := range row {
			if len(removed) == 0 || !has(removed, word) {
				s.visitWord(word, visit)
			}
		}
		for _, word := range added {
			s.visitWord(word, visit)
		}
		return nil
	}
	for word := range s.up(ci) {
		if err := b.spend(1); err != nil {
			return err
		}
		if s.kinds.code[upKind(word)] != 0 {
			visit(upMember(word))
		}
	}
	for g := range s.groupsOf(ci) {
		v := s.group(g)
		if v.head.code() == 0 {
			continue
		}
		if err := b.spend(len(v.members)); err != nil {
			return err
		}
		for _, member := range v.members {
			visit(member)
		}
	}
	return nil
}

func (s *Snapshot) visitWord(word uint32, visit func(uint32)) {
	if word&groupWord == 0 {
		if word&codeMask != 0 {
			visit(word >> codeBits)
		}
	} else if head := s.head(word &^ groupWord); head.code() != 0 {
		visit(head.owner)
	}
}

// numbers finds CIs, each once, with every fault.
func (s *Snapshot) numbers(question, field string, ids []string) ([]uint32, error) {
	var f faults
	all := make([]uint32, 0, len(ids))
	for i, id := range ids {
		ci := s.find(id)
		if ci == none {
			f.add(fmt.Sprintf("%s[%d]", field, i), "%q is not a CI of the graph", brief(id))
		}
		all = append(all, ci)
	}
	if len(ids) == 0 {
		f.add(field, "is required")
	}
	if err := f.err(question); err != nil {
		return nil, err
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}
