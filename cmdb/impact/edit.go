// This file holds edits: the next snapshot from one, at a cost that follows what is changed.

package impact

import (
	"fmt"
	"slices"

	"github.com/itsmkit/itsmkit/storage"
)

// Edit is one change to a graph. It is made by the functions that are named after what they do.
type Edit struct {
	do    editVerb
	id    string
	rel   Relation
	group Group
}

type editVerb uint8

const (
	noEdit editVerb = iota
	addCI
	removeCI
	relate
	unrelate
	putGroup
	removeGroup
)

// AddCI adds a CI. It does nothing where there is one already.
func AddCI(id string) Edit { return Edit{do: addCI, id: id} }

// RemoveCI removes a CI, which must be in no relation and in no group any more.
func RemoveCI(id string) Edit { return Edit{do: removeCI, id: id} }

// Relate adds a relation. It does nothing where there is one already.
func Relate(r Relation) Edit { return Edit{do: relate, rel: r} }

// Unrelate removes a relation, which must be there.
func Unrelate(r Relation) Edit { return Edit{do: unrelate, rel: r} }

// PutGroup adds a group, or replaces the one of the same owner, kind and name.
func PutGroup(g Group) Edit {
	g.Members = slices.Clone(g.Members)
	return Edit{do: putGroup, group: g}
}

// RemoveGroup removes a group, which must be there.
func RemoveGroup(owner, kind, name string) Edit {
	return Edit{do: removeGroup, group: Group{Owner: owner, Kind: kind, Name: name}}
}

// Edit gives the snapshot after the edits, in their order, which states the revision. The cost is
// that of what they touch, not of the graph; many at once cost less than one by one.
//
// It refuses all of them, with every fault, where one cannot be made: a later edit is judged as if
// those before it that could be made had been. The revision must not be less than the present one.
func (s *Snapshot) Edit(revision uint64, edits ...Edit) (*Snapshot, error) {
	e := editor{s: s.copied(), by: &edit{}}
	if revision < s.revision {
		e.faults.add("revision", "is %d, and the graph is at %d", revision, s.revision)
	}
	for i, one := range edits {
		e.place = i
		e.apply(one)
	}
	if err := e.faults.err("edit"); err != nil {
		return nil, err
	}
	e.s.revision = revision
	return e.s, nil
}

// copied gives a snapshot of its own that shares everything.
func (s *Snapshot) copied() *Snapshot {
	next := *s
	over := overlay{cisEnd: s.cisEnd(), groupsEnd: s.groupsEnd()}
	if s.over != nil {
		over = *s.over
	}
	next.over = &over
	return &next
}

// editor makes the next snapshot, which nobody else sees yet.
type editor struct {
	s      *Snapshot
	by     *edit
	faults faults
	place  int // of the edit at hand
}

// at names a field of the edit at hand.
func (e *editor) at(field string) string { return fmt.Sprintf("edits[%d]%s", e.place, field) }

func (e *editor) apply(one Edit) {
	e.s.over.edits++
	switch one.do {
	case addCI:
		e.addCI(one.id)
	case removeCI:
		e.removeCI(one.id)
	case relate, unrelate:
		e.relate(one.rel, one.do == relate)
	case putGroup:
		e.putGroup(one.group)
	case removeGroup:
		e.removeGroup(one.group)
	default:
		e.faults.add(e.at(""), "is the zero value; use AddCI and the other functions")
	}
}

// ci gives what differs at a CI, to be changed.
func (e *editor) ci(n uint32) *ciChange {
	over := e.s.over
	over.atCI.set(e.by, n)
	c := over.cis.get(n)
	switch {
	case c == nil:
		c = &ciChange{by: e.by}
	case c.by != e.by:
		next := *c
		next.by = e.by
		next.downAdd, next.downDel = slices.Clone(c.downAdd), slices.Clone(c.downDel)
		next.upAdd, next.upDel = slices.Clone(c.upAdd), slices.Clone(c.upDel)
		next.groups = slices.Clone(c.groups)
		c = &next
	default:
		return c
	}
	over.cis.set(e.by, n, c)
	return c
}

func (e *editor) known(field, id string) uint32 {
	if id == "" {
		e.faults.add(e.at("."+field), "is required")
		return none
	}
	n := e.s.find(id)
	if n == none {
		e.faults.add(e.at("."+field), "%q is not a CI of the graph", brief(id))
	}
	return n
}

func (e *editor) addCI(id string) {
	if id == "" {
		e.faults.add(e.at(".id"), "is required")
		return
	}
	over := e.s.over
	n := e.s.findEver(id)
	switch {
	case n == none && (over.cisEnd >= MaxCIs || e.s.base.ids.full(id)):
		e.faults.add(e.at(".id"), "is one more than the %d CIs that a graph may have", MaxCIs)
		return
	case n == none:
		n = over.cisEnd
		over.cisEnd++
		c := e.ci(n)
		c.id, c.fresh = id, true
		hash := e.s.base.hash(id)
		bucket := over.added.get(hash)
		over.added.set(e.by, hash, append(bucket[:len(bucket):len(bucket)], n))
	case e.s.exists(n):
		return
	default:
		e.ci(n).removed = false
	}
	e.s.size.cis++
}

func (e *editor) removeCI(id string) {
	n := e.known("id", id)
	if n == none {
		return
	}
	for range e.s.downWords(n) {
		e.faults.add(e.at(".id"), "%q still holds something up: remove its relations and memberships first", brief(id))
		return
	}
	for range e.s.up(n) {
		e.faults.add(e.at(".id"), "%q still has relations: remove them first", brief(id))
		return
	}
	for range e.s.groupsOf(n) {
		e.faults.add(e.at(".id"), "%q still has groups: remove them first", brief(id))
		return
	}
	*e.ci(n) = ciChange{by: e.by, id: e.ci(n).id, removed: true, fresh: true}
	e.s.size.cis--
}

func (e *editor) relate(r Relation, add bool) {
	kind, known := e.s.kinds.place[r.Kind]
	if !known {
		e.faults.add(e.at(".kind"), "%q is not declared", brief(r.Kind))
	}
	source, target := e.known("source", r.Source), e.known("target", r.Target)
	if !known || source == none || target == none {
		return
	}
	owner, member := source, target
	flow := e.s.kinds.all[kind].Flow
	if flow == ToTarget {
		owner, member = target, source
	}
	if e.s.hasUp(owner, upWord(member, kind)) == add {
		if !add {
			e.faults.add(e.at(""), "%q %q %q is not a relation of the graph", brief(r.Source), brief(r.Kind), brief(r.Target))
		}
		return
	}
	e.setUp(owner, member, kind, add)
	if flow == Both && owner != member {
		e.setUp(member, owner, kind, add)
	}
	if add {
		e.s.size.relations++
	} else {
		e.s.size.relations--
	}
}

// inBase says whether the base has a relation, whatever was edited.
func (b *base) inBase(owner uint32, word uint64) bool {
	if int(owner) >= b.ids.len() {
		return false
	}
	first, end := b.upStart[owner], b.upStart[owner+1]
	for i, _ := slices.BinarySearch(b.upMember[first:end], upMember(word)); first+uint32(i) < end; i++ {
		at := first + uint32(i)
		if b.upMember[at] != upMember(word) {
			return false
		}
		if b.upKind[at] == upKind(word) {
			return true
		}
	}
	return false
}

func (s *Snapshot) hasUp(owner uint32, word uint64) bool {
	c := s.change(owner)
	if c == nil {
		return s.base.inBase(owner, word)
	}
	return has(c.upAdd, word) || !c.fresh && s.base.inBase(owner, word) && !has(c.upDel, word)
}

// setUp adds a relation to the rows of its owner and its member, or removes it.
func (e *editor) setUp(owner, member uint32, kind uint8, add bool) {
	word := upWord(member, kind)
	c := e.ci(owner)
	c.upAdd, c.upDel = changed(c.upAdd, c.upDel, word, !c.fresh && e.s.base.inBase(owner, word), add)
	if add || !e.s.holdsUp(owner, member, e.s.kinds.code[kind]) {
		e.setDown(member, relationWord(owner, e.s.kinds.code[kind]), add)
	}
}

// holdsUp says whether a relation, or a group of one, has a member pass a code on to an owner. Two that
// do are one word in the member's row.
func (s *Snapshot) holdsUp(owner, member uint32, code uint8) bool {
	for kind := range s.kinds.all {
		if s.kinds.code[kind] == code && s.hasUp(owner, upWord(member, uint8(kind))) {
			return true
		}
	}
	for g := range s.groupsOf(owner) {
		if v := s.group(g); len(v.members) == 1 && v.members[0] == member && v.head.code() == code {
			return true
		}
	}
	return false
}

// setDown adds a word to a member's row, or removes it.
func (e *editor) setDown(member, word uint32, add bool) {
	c := e.ci(member)
	inBase := !c.fresh && int(member) < e.s.base.ids.len() && has(e.s.base.row(member), word)
	c.downAdd, c.downDel = changed(c.downAdd, c.downDel, word, inBase, add)
}

// changed gives what comes to a row and what goes from it once a word has been added or removed.
func changed[T uint32 | uint64](added, removed []T, word T, inBase, add bool) (newAdded, newRemoved []T) {
	switch {
	case add && inBase:
		return added, without(removed, word)
	case add:
		return with(added, word), removed
	case inBase:
		return added, with(removed, word)
	}
	return without(added, word), removed
}

func with[T uint32 | uint64](sorted []T, word T) []T {
	i, found := slices.BinarySearch(sorted, word)
	if found {
		return sorted
	}
	return slices.Insert(sorted, i, word)
}

func without[T uint32 | uint64](sorted []T, word T) []T {
	i, found := slices.BinarySearch(sorted, word)
	if !found {
		return sorted
	}
	return slices.Delete(sorted, i, i+1)
}

// groupBy finds a group by what identifies it.
func (s *Snapshot) groupBy(owner uint32, kind uint8, name string) uint32 {
	for g := range s.groupsOf(owner) {
		if c := s.groupChange(g); c != nil {
			if c.kind == kind && c.name == name {
				return g
			}
		} else if s.base.groupKind[g] == kind && s.base.groupName(g) == name {
			return g
		}
	}
	return none
}

func (e *editor) putGroup(g Group) {
	checked, ok := e.s.kinds.check(&e.faults, "edits", e.place, g)
	owner := uint32(none)
	if g.Owner != "" {
		owner = e.known("owner", g.Owner)
	}
	members := make([]uint32, 0, len(g.Members))
	for i, m := range g.Members {
		if m.ID == "" {
			continue
		}
		n := e.known(fmt.Sprintf("members[%d].id", i), m.ID)
		ok = ok && n != none
		members = append(members, n)
	}
	if !ok || owner == none {
		return
	}
	weights := checked.weights
	if weights != nil {
		weights = sortTogether(members, weights)
	} else {
		slices.Sort(members)
	}
	n := e.s.groupBy(owner, checked.kind, g.Name)
	var before *groupChange
	if n != none {
		was := e.s.group(n)
		before = &was
	} else {
		if e.s.over.groupsEnd >= groupWord-1 {
			e.faults.add(e.at(""), "is one too many: compact the graph")
			return
		}
		n = e.s.over.groupsEnd
		e.s.over.groupsEnd++
		e.s.size.groups++
		e.regroup(owner, func(all []uint32) []uint32 { return append(all, n) })
	}
	after := &groupChange{head: headOf(owner, checked.spare, e.s.kinds.code[checked.kind], weights != nil),
		kind: checked.kind, name: g.Name, members: members, weights: weights, empty: checked.empty}
	e.setGroup(n, after)
	e.remember(n, before, after)
}

// remember moves a group's words from the members before to those after, either of which may be
// nil, once the group itself is as it is after.
func (e *editor) remember(n uint32, before, after *groupChange) {
	words := func(g *groupChange) (members []uint32, word uint32) {
		if g == nil || len(g.members) == 0 {
			return nil, none
		}
		return g.members, memberWord(n, g.head, len(g.members))
	}
	were, oldWord := words(before)
	are, newWord := words(after)
	for _, m := range were {
		switch {
		case oldWord == newWord && has(are, m):
		case oldWord&groupWord == 0 && e.s.holdsUp(before.head.owner, m, before.head.code()):
		default:
			e.setDown(m, oldWord, false)
		}
	}
	for _, m := range are {
		e.setDown(m, newWord, true)
	}
}

func (e *editor) setGroup(n uint32, g *groupChange) {
	over := e.s.over
	over.atGroup.set(e.by, n)
	over.groups.set(e.by, n, g)
	effect := OK
	if !g.removed && len(g.members) == 0 {
		effect = g.empty
	}
	if over.empty.get(n) != effect {
		over.empty.set(e.by, n, effect)
	}
}

// regroup changes which groups a CI owns.
func (e *editor) regroup(owner uint32, change func([]uint32) []uint32) {
	all := slices.Collect(e.s.groupsOf(owner))
	c := e.ci(owner)
	c.groups, c.regrouped = change(all), true
}

func (e *editor) removeGroup(g Group) {
	kind, known := e.s.kinds.place[g.Kind]
	if !known {
		e.faults.add(e.at(".kind"), "%q is not declared", brief(g.Kind))
	}
	owner := e.known("owner", g.Owner)
	if !known || owner == none {
		return
	}
	n := e.s.groupBy(owner, kind, g.Name)
	if n == none {
		e.faults.add(e.at(""), "owner %q has no group of kind %q and name %q", brief(g.Owner), brief(g.Kind), brief(g.Name))
		return
	}
	before := e.s.group(n)
	e.setGroup(n, &groupChange{removed: true, head: headOf(owner, 0, 0, false), kind: kind, name: g.Name})
	e.regroup(owner, func(all []uint32) []uint32 {
		return slices.DeleteFunc(all, func(x uint32) bool { return x == n })
	})
	e.remember(n, &before, nil)
	e.s.size.groups--
}

// WithKinds gives the same graph with other kinds of relation, which may change how those that it
// uses flow and propagate, add some, and leave out those that nothing uses. It costs as much as
// loading the graph.
func (s *Snapshot) WithKinds(revision uint64, kinds []Kind) (*Snapshot, error) {
	if revision < s.revision {
		return nil, storage.Invalid("graph", "revision", fmt.Sprintf("is %d, and the graph is at %d", revision, s.revision))
	}
	l, err := NewLoader(kinds)
	if err != nil {
		return nil, err
	}
	for id := range s.CIs() {
		l.CI(id)
	}
	for r := range s.AllRelations() {
		l.Relation(r)
	}
	for g := range s.AllGroups() {
		l.Group(g)
	}
	return l.Snapshot(revision)
}

// Compacted gives the same graph, of the same revision, without what edits have put over it. It
// costs about as much as loading.
func (s *Snapshot) Compacted() *Snapshot {
	if s.over == nil {
		return s
	}
	r := raw{ids: newNames(s.Len()), weights: map[uint32][]uint32{}}
	place := make([]uint32, s.cisEnd())
	for i := range s.cisEnd() {
		if s.exists(i) {
			place[i], _ = r.ids.add(s.id(i))
		}
	}
	for owner := range s.cisEnd() {
		for word := range s.up(owner) {
			r.owners = append(r.owners, place[owner])
			r.members = append(r.members, place[upMember(word)])
			r.kinds = append(r.kinds, upKind(word))
		}
		for n := range s.groupsOf(owner) {
			g := s.group(n)
			if g.weights != nil {
				r.weights[uint32(len(r.groups))] = slices.Clone(g.weights)
			}
			r.groups = append(r.groups, rawGroup{owner: place[owner], first: uint32(len(r.groupMembers)), size: uint32(len(g.members)),
				spare: uint32(g.head.spare()), kind: g.kind, empty: g.empty, name: g.name})
			for _, m := range g.members {
				r.groupMembers = append(r.groupMembers, place[m])
			}
		}
	}
	return newSnapshot(s.kinds, compact(&r, s.kinds), s.revision)
}
