// This file holds single points of failure: what alone brings a CI down.

package impact

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// PointOptions say what a point of failure is. The zero value means what alone brings the CI down.
type PointOptions struct {
	// State is what the CI must come to: [Degraded] or [Down]; [OK] means Down.
	State State
	// Given are failures that are there already, as windows of maintenance.
	Given []Failure
	// Unaffected are CIs that are known to work: see [Options].
	Unaffected []string
	// Work is how many relations may be followed; 0 is [DefaultWork].
	Work int
}

// Points are the single points of failure of a CI.
type Points struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	// Already says that what is given brings the CI into the state with nothing more. There are no points
	// then.
	Already bool `json:"already,omitempty"`
	// Points are all of them, the CI itself apart, in order of distance and id.
	Points []Point `json:"points,omitempty"`
	// Candidates is how many CIs could have been one, and Tried how many of them had to be tried
	// out.
	Candidates int `json:"candidates"`
	Tried      int `json:"tried"`
}

// Point is a CI whose loss alone is enough.
type Point struct {
	ID string `json:"id"`
	// Distance is how many relations away it is.
	Distance int `json:"distance"`
}

// SinglePoints gives every CI that brings the one asked about into a state when it alone goes down.
// The answer is complete, redundancy and cycles counted. It refuses CIs that are not in the graph
// and states other than those of the options, and work beyond what is allowed with [ErrWork].
func (s *Snapshot) SinglePoints(ctx context.Context, id string, o PointOptions) (Points, error) {
	const question = "single points of failure"
	b, err := newBudget(question, o.Work)
	if err != nil {
		return Points{}, err
	}
	target, err := s.number(id)
	if err != nil {
		return Points{}, err
	}
	if o.State == OK {
		o.State = Down
	}
	if o.State != Degraded && o.State != Down {
		return Points{}, refuseIn(question, "state", "must be degraded or down")
	}
	given, unaffected, err := s.seeds(question, o.Given, Options{Unaffected: o.Unaffected})
	if err != nil {
		return Points{}, err
	}
	m := s.scratch()
	defer s.release(m)
	upstream, err := s.walk(b, m, Upstream, []uint32{target}, 0)
	if err != nil {
		return Points{}, err
	}
	p := points{s: s, m: m, b: b, target: target, level: levelOf(o.State), given: given, unaffected: unaffected,
		within: make([]bool, s.cisEnd()), known: map[uint32]bool{target: true}, never: map[uint32]bool{}}
	for _, ci := range upstream.cis {
		p.within[ci] = true
	}
	out := Points{ID: id, State: o.State}
	hit, _, err := p.try(none)
	if err != nil {
		return Points{}, err
	}
	if hit {
		out.Already = true
		return out, nil
	}
	for _, ci := range unaffected {
		p.never[ci] = true
	}
	out.Candidates = upstream.Len()
	if err := p.outward(target); err != nil {
		return Points{}, err
	}
	// From the far end: what a harmless CI takes down is harmless as well, so that one trial settles
	// a whole chain.
	for _, ci := range slices.Backward(upstream.cis) {
		if p.known[ci] || p.never[ci] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return Points{}, err
		}
		out.Tried++
		hit, log, err := p.try(ci)
		if err != nil {
			return Points{}, err
		}
		if hit {
			p.known[ci] = true
			if err := p.outward(ci); err != nil {
				return Points{}, err
			}
			continue
		}
		for _, event := range log {
			if eventLevel(event) == levelDown {
				p.never[event>>eventBits] = true
			}
		}
	}
	distance := 0
	for i, ci := range upstream.cis {
		for distance+1 < len(upstream.rounds) && i >= upstream.rounds[distance+1] {
			distance++
		}
		if ci != target && p.known[ci] {
			out.Points = append(out.Points, Point{ID: s.id(ci), Distance: distance})
		}
	}
	slices.SortFunc(out.Points, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), strings.Compare(a.ID, b.ID))
	})
	return out, nil
}

type points struct {
	s          *Snapshot
	m          *scratch
	b          *budget
	target     uint32
	level      level
	given      []seed
	unaffected []uint32
	within     []bool          // what lies upstream of the target
	known      map[uint32]bool // points, and the target
	never      map[uint32]bool // no points
}

// try says whether the target, or a known point, goes down with a CI, and if not what does.
func (p *points) try(ci uint32) (hit bool, log []uint32, err error) {
	if err := p.b.spend(1); err != nil {
		return false, nil, err
	}
	r := run{s: p.s, m: p.m, b: p.b, within: p.within, target: func(ci uint32, to level) bool {
		if ci == p.target {
			return to >= p.level
		}
		return to == levelDown && p.known[ci]
	}}
	seeds := p.given
	if ci != none {
		seeds = append(seeds[:len(seeds):len(seeds)], seed{ci, levelDown})
	}
	r.begin(seeds, p.unaffected)
	defer r.end()
	_, err = r.spread(0)
	return r.hit, r.log, err
}

// outward adds the points that are seen at once: members that a support cannot spare, of a CI that is
// a point itself.
func (p *points) outward(from uint32) error {
	todo := []uint32{from}
	add := func(ci uint32) {
		if !p.known[ci] && !p.never[ci] {
			p.known[ci] = true
			todo = append(todo, ci)
		}
	}
	for len(todo) > 0 {
		owner := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		least := level(levelDown)
		if owner == p.target {
			least = p.level
		}
		for word := range p.s.up(owner) {
			if err := p.b.spend(1); err != nil {
				return err
			}
			if p.s.kinds.effect[upKind(word)][levelDown] >= least {
				add(upMember(word))
			}
		}
		for g := range p.s.groupsOf(owner) {
			v := p.s.group(g)
			if err := p.b.spend(len(v.members)); err != nil {
				return err
			}
			if p.s.kinds.effect[v.kind][levelDown] < least {
				continue
			}
			for i, member := range v.members {
				if v.weight(i) > v.head.spare() {
					add(member)
				}
			}
		}
	}
	return nil
}
