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

// walk marks what it reaches in the scratch.
func (s *Snapshot) walk(b *budget, m *scratch, way Direction, from []uint32, depth int) (*Reached, error) {
	r := &Reached{s: s, rounds: []int{0}, cis: m.log[:0]}
	defer func() {
		m.log, r.cis = r.cis, slices.Clone(r.cis)
	}()
	visit := func(ci uint32) bool {
		if m.cis[ci]>>markBits == m.question {
			return false
		}
		m.cis[ci] = m.question<<markBits | levelDown
		r.cis = append(r.cis, ci)
		return true
	}
	for _, ci := range from {
		visit(ci)
	}
	for done := 0; done < len(r.cis); {
		end := len(r.cis)
		beyond := depth > 0 && len(r.rounds) > depth
		if !beyond {
			r.rounds = append(r.rounds, end)
		}
		for ; done < end; done++ {
			if way == Downstream && s.over == nil {
				row := s.base.row(r.cis[done])
				if err := b.spend(len(row)); err != nil {
					return nil, err
				}
				r.cis = s.base.closeRow(m, row, r.cis)
				continue
			}
			if err := s.neighbours(b, way, r.cis[done], visit); err != nil {
				return nil, err
			}
		}
		if beyond {
			r.partial = len(r.cis) > end
			r.cis = r.cis[:end]
			break
		}
	}
	return r, nil
}

// closeRow adds to a list whom a row holds up and who is not marked yet.
func (b *base) closeRow(m *scratch, row, list []uint32) []uint32 {
	marked, cis, at := m.question<<markBits|levelDown, m.cis, 0
	for ; at < len(row) && row[at]&groupWord == 0; at++ {
		if owner := row[at] >> codeBits; cis[owner] != marked && row[at]&codeMask != 0 {
			cis[owner] = marked
			list = append(list, owner)
		}
	}
	for ; at < len(row); at++ {
		if head := &b.groups[row[at]&^groupWord]; cis[head.owner] != marked && head.code() != 0 {
			cis[head.owner] = marked
			list = append(list, head.owner)
		}
	}
	return list
}

// neighbours visits what is next to a CI.
func (s *Snapshot) neighbours(b *budget, way Direction, ci uint32, visit func(uint32) bool) error {
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

func (s *Snapshot) visitWord(word uint32, visit func(uint32) bool) {
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
