// This file holds snapshots: what one is, and what can be read from it directly.

package impact

import (
	"iter"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/storage"
)

// Snapshot is a graph at a revision. It never changes, so that any number of goroutines may ask it
// without a lock, and one that is held is a baseline. Edit gives the next one, which shares what did
// not change.
type Snapshot struct {
	kinds    *kinds
	base     *base
	revision uint64
	size     sizes
	over     *overlay // nil where nothing was edited since the base was made
}

type sizes struct {
	cis, relations, groups int
}

// overlay is what edits have put over a base.
type overlay struct {
	cis     trie[*ciChange]
	atCI    flags
	groups  trie[*groupChange]
	atGroup flags
	added   trie[[]uint32] // numbers of CIs that are not in the base, by hash of their ids
	empty   trie[State]    // states of groups that are empty and do something, by number
	// cisEnd and groupsEnd are one more than the greatest number.
	cisEnd, groupsEnd uint32
	edits             int
}

// ciChange is what differs from the base at one CI.
type ciChange struct {
	by      *edit
	id      string // of one that the base does not have
	removed bool
	fresh   bool // nothing of the base counts
	// What comes to the rows of the base and what goes, sorted. None is in both.
	downAdd, downDel []uint32
	upAdd, upDel     []uint64
	groups           []uint32 // all that it owns, where regrouped
	regrouped        bool
}

// groupChange is a group as it is now.
type groupChange struct {
	removed bool
	head    groupHead
	kind    uint8
	name    string
	members []uint32 // sorted
	weights []uint32 // nil where all are 1
	empty   State
}

func newSnapshot(k *kinds, b *base, revision uint64) *Snapshot {
	b.size = sizes{cis: b.ids.len(), groups: len(b.groups)}
	for owner := range uint32(b.ids.len()) {
		for i := b.upStart[owner]; i < b.upStart[owner+1]; i++ {
			if k.counts(owner, b.upMember[i], b.upKind[i]) {
				b.size.relations++
			}
		}
	}
	return &Snapshot{kinds: k, base: b, revision: revision, size: b.size}
}

// counts says whether a relation as its owner has it is to be counted: of those that flow both
// ways, which two owners have, one is.
func (k *kinds) counts(owner, member uint32, kind uint8) bool {
	return k.all[kind].Flow != Both || owner <= member
}

// New gives the graph without CIs, of revision 0, with these kinds of relation. See [NewLoader] for
// what it refuses.
func New(kinds []Kind) (*Snapshot, error) {
	l, err := NewLoader(kinds)
	if err != nil {
		return nil, err
	}
	return l.Snapshot(0)
}

// Revision is what the loader or the last edit stated.
func (s *Snapshot) Revision() uint64 { return s.revision }

// Len is the number of CIs.
func (s *Snapshot) Len() int { return s.size.cis }

// Relations is the number of relations, those in groups apart.
func (s *Snapshot) Relations() int { return s.size.relations }

// Groups is the number of groups.
func (s *Snapshot) Groups() int { return s.size.groups }

// Edited is the number of edits since the snapshot was loaded or compacted. Questions that meet many
// of them are slower; see [Graph.Compact].
func (s *Snapshot) Edited() int {
	if s.over == nil {
		return 0
	}
	return s.over.edits
}

// Bytes is the memory that relations and groups take in both directions where nothing was edited,
// without the ids of CIs and the names and weights of groups.
func (s *Snapshot) Bytes() int { return s.base.bytes() }

// Kinds gives the kinds of relation.
func (s *Snapshot) Kinds() []Kind { return slices.Clone(s.kinds.all) }

// Has reports whether there is such a CI.
func (s *Snapshot) Has(id string) bool { return s.find(id) != none }

// CIs gives the ids of all CIs, in no order that means anything.
func (s *Snapshot) CIs() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range s.cisEnd() {
			if s.exists(i) && !yield(s.id(i)) {
				return
			}
		}
	}
}

// AllRelations gives every relation, in no order that means anything. Of one that flows both ways, the
// source may be the one that was given as the target.
func (s *Snapshot) AllRelations() iter.Seq[Relation] {
	return func(yield func(Relation) bool) {
		for owner := range s.cisEnd() {
			for word := range s.up(owner) {
				member, kind := upMember(word), upKind(word)
				if s.kinds.counts(owner, member, kind) && !yield(s.relation(owner, member, kind)) {
					return
				}
			}
		}
	}
}

// AllGroups gives every group, in no order that means anything. A need that was given in percent is
// the count that it came to.
func (s *Snapshot) AllGroups() iter.Seq[Group] {
	return func(yield func(Group) bool) {
		for owner := range s.cisEnd() {
			for g := range s.groupsOf(owner) {
				if !yield(s.groupAsGiven(g)) {
					return
				}
			}
		}
	}
}

// relation gives a relation as its source has it.
func (s *Snapshot) relation(owner, member uint32, kind uint8) Relation {
	if s.kinds.all[kind].Flow == ToTarget {
		owner, member = member, owner
	}
	return Relation{Source: s.id(owner), Kind: s.kinds.all[kind].Name, Target: s.id(member)}
}

func (s *Snapshot) groupAsGiven(g uint32) Group {
	v := s.group(g)
	given := Group{Owner: s.id(v.head.owner), Kind: s.kinds.all[v.kind].Name, Name: v.name, Need: Need{Count: v.total() - v.head.spare()}}
	for i, m := range v.members {
		member := Member{ID: s.id(m)}
		if v.weights != nil {
			member.Weight = int(v.weights[i])
		}
		given.Members = append(given.Members, member)
	}
	slices.SortFunc(given.Members, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	if len(v.members) == 0 {
		given.Empty = EmptyOK + EmptyEffect(levelOf(v.empty))
	}
	return given
}

// Supports gives what holds a CI up, in order of kind, relations before groups, then by member or
// name. It refuses an id that is not there as not found.
func (s *Snapshot) Supports(id string) ([]Support, error) {
	ci, err := s.number(id)
	if err != nil {
		return nil, err
	}
	var all []Support
	for word := range s.up(ci) {
		kind := &s.kinds.all[upKind(word)]
		all = append(all, Support{Kind: kind.Name, Relation: true, Propagation: kind.Propagation, Need: 1, Total: 1,
			Members: []Member{{ID: s.id(upMember(word)), Weight: 1}}})
	}
	for g := range s.groupsOf(ci) {
		all = append(all, s.support(g))
	}
	slices.SortFunc(all, compareSupports)
	return all, nil
}

func (s *Snapshot) support(g uint32) Support {
	v := s.group(g)
	kind := &s.kinds.all[v.kind]
	one := Support{Kind: kind.Name, Group: v.name, Propagation: kind.Propagation, Total: v.total(), Empty: v.empty}
	one.Need = one.Total - v.head.spare()
	for i, m := range v.members {
		one.Members = append(one.Members, Member{ID: s.id(m), Weight: v.weight(i)})
	}
	slices.SortFunc(one.Members, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	return one
}

// compareSupports orders what holds one CI up.
func compareSupports(a, b Support) int {
	if c := strings.Compare(a.Kind, b.Kind); c != 0 {
		return c
	}
	switch {
	case a.Relation && b.Relation:
		return strings.Compare(a.Members[0].ID, b.Members[0].ID)
	case a.Relation:
		return -1
	case b.Relation:
		return 1
	}
	return strings.Compare(a.Group, b.Group)
}

// number gives the number of an id, or not found.
func (s *Snapshot) number(id string) (uint32, error) {
	if n := s.find(id); n != none {
		return n, nil
	}
	return none, notFound(id)
}

func notFound(id string) error {
	return &storage.Error{Op: "find", Table: "ci", ID: storage.ID(brief(id)), Err: storage.ErrNotFound}
}

// What follows reads a graph by numbers, through the overlay.

func (s *Snapshot) cisEnd() uint32 {
	if s.over != nil {
		return s.over.cisEnd
	}
	return uint32(s.base.ids.len())
}

func (s *Snapshot) groupsEnd() uint32 {
	if s.over != nil {
		return s.over.groupsEnd
	}
	return uint32(len(s.base.groups))
}

// change gives what differs at a CI, or nil.
func (s *Snapshot) change(ci uint32) *ciChange {
	if s.over == nil || !s.over.atCI.has(ci) {
		return nil
	}
	return s.over.cis.get(ci)
}

func (s *Snapshot) exists(ci uint32) bool {
	c := s.change(ci)
	return c == nil || !c.removed
}

func (s *Snapshot) id(ci uint32) string {
	if int(ci) < s.base.ids.len() {
		return s.base.ids.at(ci)
	}
	return s.over.cis.get(ci).id
}

func (s *Snapshot) find(id string) uint32 {
	ci := s.findEver(id)
	if ci != none && !s.exists(ci) {
		return none
	}
	return ci
}

// findEver also finds one that was removed.
func (s *Snapshot) findEver(id string) uint32 {
	if ci := s.base.ids.find(id); ci != none {
		return ci
	}
	if s.over != nil {
		for _, ci := range s.over.added.get(s.base.hash(id)) {
			if s.over.cis.get(ci).id == id {
				return ci
			}
		}
	}
	return none
}

// down gives the words of whom a CI holds up: those of the base without removed, sorted, and added.
func (s *Snapshot) down(ci uint32) (row, removed, added []uint32) {
	c := s.change(ci)
	if c == nil {
		return s.base.row(ci), nil, nil
	}
	if !c.fresh {
		row = s.base.row(ci)
	}
	return row, c.downDel, c.downAdd
}

// downWords gives the words of whom a CI holds up.
func (s *Snapshot) downWords(ci uint32) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		row, removed, added := s.down(ci)
		for _, word := range row {
			if !has(removed, word) && !yield(word) {
				return
			}
		}
		for _, word := range added {
			if !yield(word) {
				return
			}
		}
	}
}

func has[T uint32 | uint64](sorted []T, word T) bool {
	if len(sorted) == 0 {
		return false
	}
	_, found := slices.BinarySearch(sorted, word)
	return found
}

// up gives the relations that hold a CI up.
func (s *Snapshot) up(ci uint32) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		c := s.change(ci)
		if int(ci) < s.base.ids.len() && (c == nil || !c.fresh) {
			for i := s.base.upStart[ci]; i < s.base.upStart[ci+1]; i++ {
				word := upWord(s.base.upMember[i], s.base.upKind[i])
				if c != nil && has(c.upDel, word) {
					continue
				}
				if !yield(word) {
					return
				}
			}
		}
		if c != nil {
			for _, word := range c.upAdd {
				if !yield(word) {
					return
				}
			}
		}
	}
}

// groupsOf gives the groups that hold a CI up.
func (s *Snapshot) groupsOf(ci uint32) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		c := s.change(ci)
		if c != nil && (c.regrouped || c.fresh) {
			for _, g := range c.groups {
				if !yield(g) {
					return
				}
			}
			return
		}
		if int(ci) >= s.base.ids.len() {
			return
		}
		first, end := s.base.groupsOf(ci)
		for g := first; g < end; g++ {
			if !yield(g) {
				return
			}
		}
	}
}

// groupChange gives a group that an edit has put, or nil.
func (s *Snapshot) groupChange(g uint32) *groupChange {
	if s.over == nil || !s.over.atGroup.has(g) {
		return nil
	}
	return s.over.groups.get(g)
}

func (s *Snapshot) head(g uint32) groupHead {
	if c := s.groupChange(g); c != nil {
		return c.head
	}
	return s.base.groups[g]
}

// group gives all of a group.
func (s *Snapshot) group(g uint32) groupChange {
	if c := s.groupChange(g); c != nil {
		return *c
	}
	return groupChange{head: s.base.groups[g], kind: s.base.groupKind[g], name: s.base.groupName(g),
		members: s.base.membersOf(g), weights: s.base.weights[g], empty: s.base.empty[g]}
}

func (g *groupChange) total() (total int) {
	if g.weights == nil {
		return len(g.members)
	}
	for _, w := range g.weights {
		total += int(w)
	}
	return total
}

func (g *groupChange) weight(i int) int {
	if g.weights == nil {
		return 1
	}
	return int(g.weights[i])
}

// weightIn is what a member counts for in a group.
func (s *Snapshot) weightIn(g, member uint32, head groupHead) int {
	if head.word&weightedFlag == 0 {
		return 1
	}
	v := s.group(g)
	i, _ := slices.BinarySearch(v.members, member)
	return v.weight(i)
}

// emptyGroups gives the groups that do something because nothing is in them.
func (s *Snapshot) emptyGroups() iter.Seq2[uint32, State] {
	return func(yield func(uint32, State) bool) {
		for g, state := range s.base.empty {
			if state != OK && s.groupChange(g) == nil && !yield(g, state) {
				return
			}
		}
		if s.over != nil {
			for g, state := range s.over.empty.all(func(s State) bool { return s == OK }) {
				if !yield(g, state) {
					return
				}
			}
		}
	}
}
