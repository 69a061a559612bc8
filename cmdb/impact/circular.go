// This file holds support that rests on nothing but itself.

package impact

import "slices"

// Circular gives the CIs that still work and, after what failed, rest on nothing but each other, in
// order of id. Failure alone does not force them down, so that the answer says they are up; whether
// they are is worth a look.
//
// A CI is well supported where each support whose loss would take it down has enough members that are well
// supported in turn. What the failures cannot touch at all is taken to be. CIs that cannot do
// without each other, as in a circle of plain relations, count as one, which rests on what is
// outside.
func (r *Result) Circular(o Options) ([]string, error) {
	b, err := newBudget("circular support", o.Work)
	if err != nil {
		return nil, err
	}
	c, err := newCircle(r, b)
	if err != nil {
		return nil, err
	}
	c.unite()
	var ids []string
	for i, well := range c.wellSupported() {
		if !well {
			ids = append(ids, r.s.id(c.cis[i]))
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// circle is what a failure touches and does not take down.
type circle struct {
	s        *Snapshot
	cis      []uint32
	place    map[uint32]int // in cis
	supports [][]standing   // of each
	unit     []int          // of each: those that cannot do without each other have the same
	units    int
}

// standing is a support whose loss would take its owner down.
type standing struct {
	missing int // weight that must come from members that are touched
	members []prop
}

type prop struct {
	place, weight int
	hard          bool // the support cannot spare it
}

func newCircle(r *Result, b *budget) (*circle, error) {
	s := r.s
	m := s.scratch()
	defer s.release(m)
	var from []uint32
	for ci := range r.own {
		from = append(from, ci)
	}
	for g := range s.emptyGroups() {
		from = append(from, s.head(g).owner)
	}
	slices.Sort(from)
	touched, err := s.walk(b, m, Downstream, from, 0)
	if err != nil {
		return nil, err
	}
	c := &circle{s: s, place: map[uint32]int{}}
	for _, ci := range touched.cis {
		if l := r.at(ci); l < levelDown && !slices.Contains(r.unaffected, ci) {
			c.place[ci] = len(c.cis)
			c.cis = append(c.cis, ci)
		}
	}
	c.supports = make([][]standing, len(c.cis))
	for i, ci := range c.cis {
		for word := range s.up(ci) {
			if s.kinds.effect[upKind(word)][levelDown] == levelDown {
				c.stand(r, i, []uint32{upMember(word)}, func(int) int { return 1 }, 0, 1)
			}
		}
		for g := range s.groupsOf(ci) {
			v := s.group(g)
			if err := b.spend(len(v.members)); err != nil {
				return nil, err
			}
			if s.kinds.effect[v.kind][levelDown] == levelDown && len(v.members) > 0 {
				c.stand(r, i, v.members, v.weight, v.head.spare(), v.total())
			}
		}
	}
	return c, nil
}

func (c *circle) stand(r *Result, owner int, members []uint32, weight func(int) int, spare, total int) {
	st := standing{missing: total - spare}
	for i, ci := range members {
		if place, touched := c.place[ci]; touched {
			st.members = append(st.members, prop{place, weight(i), weight(i) > spare})
		} else if l := r.at(ci); l < levelDown {
			st.missing -= weight(i)
		}
	}
	c.supports[owner] = append(c.supports[owner], st)
}

// unite finds those that cannot do without each other: the strongly connected components of members
// that cannot be spared, by Tarjan's algorithm without recursion.
func (c *circle) unite() {
	next := func(at int) (out []int) {
		for _, st := range c.supports[at] {
			for _, m := range st.members {
				if m.hard {
					out = append(out, m.place)
				}
			}
		}
		return out
	}
	c.unit = make([]int, len(c.cis))
	seen, low := make([]int, len(c.cis)), make([]int, len(c.cis)) // seen counts from 1
	on := make([]bool, len(c.cis))
	type frame struct {
		at   int
		rest []int
	}
	count := 0
	var stack []int
	for root := range c.cis {
		if seen[root] != 0 {
			continue
		}
		var frames []frame
		enter := func(at int) {
			count++
			seen[at], low[at], on[at] = count, count, true
			stack = append(stack, at)
			frames = append(frames, frame{at, next(at)})
		}
		for enter(root); len(frames) > 0; {
			f := &frames[len(frames)-1]
			if len(f.rest) > 0 {
				to := f.rest[0]
				f.rest = f.rest[1:]
				if seen[to] == 0 {
					enter(to)
				} else if on[to] {
					low[f.at] = min(low[f.at], seen[to])
				}
				continue
			}
			at := f.at
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				above := frames[len(frames)-1].at
				low[above] = min(low[above], low[at])
			}
			if low[at] == seen[at] {
				for {
					top := stack[len(stack)-1]
					stack = stack[:len(stack)-1]
					on[top] = false
					c.unit[top] = c.units
					if top == at {
						break
					}
				}
				c.units++
			}
		}
	}
}

// wellSupported says of each CI whether it is.
func (c *circle) wellSupported() []bool {
	type use struct {
		support *standing
		unit    int // of the owner
		weight  int
	}
	var (
		open = make([]int, c.units) // supports of a unit that lack something
		uses = make([][]use, c.units)
		todo []int
	)
	for i := range c.supports {
		unit := c.unit[i]
		for j := range c.supports[i] {
			st := &c.supports[i][j]
			for _, m := range st.members {
				switch {
				case c.unit[m.place] != unit:
					uses[c.unit[m.place]] = append(uses[c.unit[m.place]], use{st, unit, m.weight})
				case m.hard:
					st.missing -= m.weight
				}
			}
			if st.missing > 0 {
				open[unit]++
			}
		}
	}
	well := make([]bool, c.units)
	for unit, n := range open {
		if n == 0 {
			todo = append(todo, unit)
		}
	}
	for len(todo) > 0 {
		unit := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		well[unit] = true
		for _, u := range uses[unit] {
			if u.support.missing <= 0 {
				continue
			}
			if u.support.missing -= u.weight; u.support.missing <= 0 {
				if open[u.unit]--; open[u.unit] == 0 {
					todo = append(todo, u.unit)
				}
			}
		}
	}
	all := make([]bool, len(c.cis))
	for i := range all {
		all[i] = well[c.unit[i]]
	}
	return all
}
