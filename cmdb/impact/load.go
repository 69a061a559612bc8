// This file holds how a graph is read from wherever it is kept.

package impact

import (
	"fmt"
	"slices"

	"github.com/itsmkit/itsmkit/storage"
)

// Loader reads a whole graph, in any order: a relation may come before its CIs. It is the fast way
// to a first snapshot, in linear time. It is for one goroutine.
//
// Faults are collected, and Snapshot returns them all.
type Loader struct {
	kinds    *kinds
	raw      raw
	declared []bool
	faults   faults
	keys     map[groupKey]uint32
	// relations and given are how many relations and groups there were, by which faults name them.
	relations, given int
}

type groupKey struct {
	owner uint32
	kind  uint8
	name  string
}

// NewLoader begins to load a graph with these kinds of relation, which may be none. It refuses kinds
// without a name, a flow or a propagation, names that occur twice, and maps that are not monotone.
func NewLoader(kinds []Kind) (*Loader, error) {
	k, err := newKinds(kinds)
	if err != nil {
		return nil, err
	}
	return &Loader{kinds: k, raw: raw{ids: newNames(0), weights: map[uint32][]uint32{}}, keys: map[groupKey]uint32{}}, nil
}

// CI declares a CI. Declaring it again does nothing.
func (l *Loader) CI(id string) {
	if n, ok := l.number("id", id); ok {
		l.declared[n] = true
	}
}

func (l *Loader) number(field, id string) (uint32, bool) {
	if id == "" {
		l.faults.add(field, "is required")
		return 0, false
	}
	if l.raw.ids.full(id) && l.raw.ids.find(id) == none {
		l.faults.add(field, "is one more than the %d CIs that a graph may have", MaxCIs)
		return 0, false
	}
	n, isNew := l.raw.ids.add(id)
	if isNew {
		l.declared = append(l.declared, false)
	}
	return n, true
}

// Relation adds a relation. Adding the same one again does nothing.
func (l *Loader) Relation(r Relation) {
	l.relations++
	at := fmt.Sprintf
	kind, known := l.kinds.place[r.Kind]
	if !known {
		l.faults.add(at("relations[%d].kind", l.relations-1), "%q is not declared", brief(r.Kind))
	}
	if r.Source == "" || r.Target == "" {
		if r.Source == "" {
			l.faults.add(at("relations[%d].source", l.relations-1), "is required")
		}
		if r.Target == "" {
			l.faults.add(at("relations[%d].target", l.relations-1), "is required")
		}
		return
	}
	source, ok := l.number("source", r.Source)
	target, ok2 := l.number("target", r.Target)
	if !known || !ok || !ok2 {
		return
	}
	add := func(owner, member uint32) {
		l.raw.owners = append(l.raw.owners, owner)
		l.raw.members = append(l.raw.members, member)
		l.raw.kinds = append(l.raw.kinds, kind)
	}
	switch l.kinds.all[kind].Flow {
	case ToTarget:
		add(target, source)
	case Both:
		add(target, source)
		add(source, target)
	default:
		add(source, target)
	}
}

// Group adds a group. Another one of the same owner, kind and name is a fault.
func (l *Loader) Group(g Group) {
	l.given++
	checked, ok := l.kinds.check(&l.faults, "groups", l.given-1, g)
	if !ok {
		return
	}
	owner, ok := l.number("groups.owner", g.Owner)
	if !ok {
		return
	}
	key := groupKey{owner, checked.kind, g.Name}
	if _, twice := l.keys[key]; twice {
		l.faults.add(fmt.Sprintf("groups[%d]", l.given-1), "is the second of owner %q, kind %q and name %q", brief(g.Owner), brief(g.Kind), brief(g.Name))
		return
	}
	number := uint32(len(l.raw.groups))
	l.keys[key] = number
	first := uint32(len(l.raw.groupMembers))
	for _, m := range g.Members {
		n, ok := l.number("groups.members", m.ID)
		if !ok {
			return
		}
		l.raw.groupMembers = append(l.raw.groupMembers, n)
	}
	if checked.weights != nil {
		l.raw.weights[number] = checked.weights
	}
	l.raw.groups = append(l.raw.groups, rawGroup{owner: owner, first: first, size: uint32(len(g.Members)),
		spare: uint32(checked.spare), kind: checked.kind, empty: checked.empty, name: g.Name})
}

// Snapshot ends loading and gives the graph, which states the revision. The loader cannot be used
// any more. It refuses everything that was wrong, and every CI that was named and not declared.
func (l *Loader) Snapshot(revision uint64) (*Snapshot, error) {
	for i, declared := range l.declared {
		if !declared {
			l.faults.add("ci", "%q is in a relation or group and was not declared", brief(string(l.raw.ids.bytes(uint32(i)))))
		}
	}
	if err := l.faults.err("graph"); err != nil {
		return nil, err
	}
	if l.kinds == nil {
		return nil, storage.Invalid("graph", "loader", "was used up; begin another")
	}
	l.keys, l.declared = nil, nil
	s := newSnapshot(l.kinds, compact(&l.raw, l.kinds), revision)
	l.kinds = nil
	return s, nil
}

// checkedGroup is what of a group does not depend on who is in the graph.
type checkedGroup struct {
	kind    uint8
	spare   int
	empty   State
	weights []uint32 // in the order of members; nil where all are 1
}

// check adds what is wrong with a group, and reports whether nothing is. Faults name it by a list and
// a place there.
func (k *kinds) check(f *faults, list string, place int, g Group) (c checkedGroup, ok bool) {
	before := len(f.all) + f.more
	add := func(field, problem string, args ...any) {
		f.add(fmt.Sprintf("%s[%d]%s", list, place, field), problem, args...)
	}
	var known bool
	if c.kind, known = k.place[g.Kind]; !known {
		add(".kind", "%q is not declared", brief(g.Kind))
	}
	if g.Owner == "" {
		add(".owner", "is required")
	}
	total, weighted := 0, false
	seen := func(i int, id string) bool {
		return slices.ContainsFunc(g.Members[:i], func(m Member) bool { return m.ID == id })
	}
	if len(g.Members) > 8 {
		first := make(map[string]int, len(g.Members))
		for i, m := range g.Members {
			if _, twice := first[m.ID]; !twice {
				first[m.ID] = i
			}
		}
		seen = func(i int, id string) bool { return first[id] < i }
	}
	for i, m := range g.Members {
		switch {
		case m.ID == "":
			add(fmt.Sprintf(".members[%d].id", i), "is required")
		case seen(i, m.ID):
			add(fmt.Sprintf(".members[%d].id", i), "%q is a member already", brief(m.ID))
		}
		weight := m.Weight
		switch {
		case weight < 0 || weight > MaxWeight:
			add(fmt.Sprintf(".members[%d].weight", i), "must be 1 to %d, or 0 for 1", MaxWeight)
			weight = 1
		case weight == 0:
			weight = 1
		}
		weighted = weighted || weight != 1
		total = min(total+weight, MaxWeight+1)
	}
	if total > MaxWeight {
		add(".members", "weigh more than %d together", MaxWeight)
	}
	if len(g.Members) == 0 {
		if g.Empty < EmptyOK || g.Empty > EmptyDown {
			add(".members", "are none: say what that does, in empty")
		} else {
			c.empty = emptyStates[g.Empty]
		}
	}
	if g.Empty > EmptyDown {
		add(".empty", "must be one of the effects that are declared")
	}
	need := g.Need.of(total)
	switch n := g.Need; {
	case n.Count < 0 || n.Percent < 0 || n.Percent > 100:
		add(".need", "must be a count of at least 1, or 1 to 100 percent")
	case n.Count > 0 && n.Percent > 0:
		add(".need", "must be a count or a percentage, not both")
	case n.Count == 0 && n.Percent == 0 && len(g.Members) > 0:
		add(".need", "is required: how much of the group must work")
	case need > total && len(g.Members) > 0:
		add(".need", "is %d, of members that weigh %d together", need, total)
	}
	c.spare = max(total-need, 0)
	if weighted {
		c.weights = make([]uint32, len(g.Members))
		for i, m := range g.Members {
			c.weights[i] = uint32(max(m.Weight, 1))
		}
	}
	return c, len(f.all)+f.more == before
}
