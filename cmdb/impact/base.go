// This file holds the compact form of a graph, which never changes, and how it is made.

package impact

import (
	"slices"
	"sync"
	"sync/atomic"
)

// A word of a CI's row says whom it holds up: a group, or by a relation its owner and what the
// owner feels, so that following a relation reads nothing else.
const (
	groupWord = 1 << 31
	codeBits  = 3
	codeMask  = 1<<codeBits - 1
)

// A group's numbers in one word, beside its owner: what may be lost, what the owner feels, and
// whether members have weights.
const (
	spareMask    = 1<<24 - 1
	groupCodeAt  = 24
	weightedFlag = 1 << 31
)

type groupHead struct {
	owner uint32
	word  uint32
}

func headOf(owner uint32, spare int, code uint8, weighted bool) groupHead {
	word := uint32(spare) | uint32(code)<<groupCodeAt
	if weighted {
		word |= weightedFlag
	}
	return groupHead{owner, word}
}

func (h groupHead) spare() int  { return int(h.word & spareMask) }
func (h groupHead) code() uint8 { return uint8(h.word >> groupCodeAt & codeMask) }

// raw is a graph as it is read: relations and groups in any order, by the numbers of ids.
type raw struct {
	ids     names
	owners  []uint32 // of relations, as those of members and kinds
	members []uint32
	kinds   []uint8
	groups  []rawGroup
	// groupMembers are of all groups, and weights those that are not all 1, by group.
	groupMembers []uint32
	weights      map[uint32][]uint32
}

type rawGroup struct {
	owner uint32
	first uint32 // of its members
	size  uint32
	spare uint32
	kind  uint8
	empty State
	name  string
}

// base is a graph in adjacency arrays. Row i of an array begins at start[i] and ends at
// start[i+1]. CIs that fail together have numbers that are near, and groups are in order
// of their owners.
type base struct {
	ids names

	downStart, down []uint32 // by member: whom it holds up, sorted
	upStart         []uint32 // by owner: the relations that hold it up, sorted by member and kind
	upMember        []uint32
	upKind          []uint8

	groups      []groupHead
	groupKind   []uint8
	groupStart  []uint32
	groupMember []uint32 // sorted
	weights     map[uint32][]uint32
	empty       map[uint32]State // of groups without members
	nameStart   []uint32         // of names of groups; nil where no group has one
	nameText    string

	kept atomic.Pointer[scratch]
	pool sync.Pool // of *scratch
	size sizes

	reachOnce sync.Once
	reach     []uint8 // see log2Reach
}

func (b *base) row(ci uint32) []uint32 { return b.down[b.downStart[ci]:b.downStart[ci+1]] }

func (b *base) membersOf(g uint32) []uint32 {
	return b.groupMember[b.groupStart[g]:b.groupStart[g+1]]
}

func (b *base) groupName(g uint32) string {
	if b.nameStart == nil {
		return ""
	}
	return b.nameText[b.nameStart[g]:b.nameStart[g+1]]
}

// groupsOf gives the first group of an owner, and the one after the last.
func (b *base) groupsOf(owner uint32) (first, end uint32) {
	search := func(owner uint32) uint32 {
		i, _ := slices.BinarySearchFunc(b.groups, owner, func(h groupHead, owner uint32) int {
			return int(int64(h.owner) - int64(owner))
		})
		return uint32(i)
	}
	return search(owner), search(owner + 1)
}

// bytes is what relations and groups take, without ids, names and weights.
func (b *base) bytes() int {
	words := len(b.downStart) + len(b.down) + len(b.upStart) + len(b.upMember) + len(b.groupStart) + len(b.groupMember)
	return 4*words + len(b.upKind) + len(b.groupKind) + 8*len(b.groups)
}

// memberWord is the word by which a member holds up the owner of a group. One that is alone does what a
// relation does.
func memberWord(g uint32, head groupHead, members int) uint32 {
	if members == 1 {
		return relationWord(head.owner, head.code())
	}
	return groupWord | g
}

func relationWord(owner uint32, code uint8) uint32 { return owner<<codeBits | uint32(code) }

// compact makes the compact form. It takes the raw graph over.
func compact(r *raw, k *kinds) *base {
	order := together(r)
	place := make([]uint32, len(order))
	for i, old := range order {
		place[old] = uint32(i)
	}
	b := &base{ids: r.ids.reordered(order), empty: map[uint32]State{}, weights: map[uint32][]uint32{}}
	r.ids = names{}
	for i, owner := range r.owners {
		r.owners[i], r.members[i] = place[owner], place[r.members[i]]
	}
	for i := range r.groups {
		r.groups[i].owner = place[r.groups[i].owner]
	}
	for i, m := range r.groupMembers {
		r.groupMembers[i] = place[m]
	}
	b.addUp(r, len(order))
	b.addGroups(r, k)
	b.addDown(k, len(order))
	return b
}

// blockSize is how many CIs at most are numbered together: their marks fit into a near cache.
const blockSize = 1 << 14

// together orders CIs so that those which fail together are near each other. Each CI is put below
// the most specific one that holds it up, the one that could touch the fewest. Of the trees that this makes, the
// parts of at most blockSize CIs each stay together, breadth first, as does what is above them.
func together(r *raw) []uint32 {
	n := r.ids.len()
	start := make([]uint32, n+1)
	for _, m := range r.members {
		start[m+1]++
	}
	for _, m := range r.groupMembers {
		start[m+1]++
	}
	for i := range n {
		start[i+1] += start[i]
	}
	owners := make([]uint32, start[n])
	next := slices.Clone(start[:n])
	for i, m := range r.members {
		owners[next[m]] = r.owners[i]
		next[m]++
	}
	for _, g := range r.groups {
		for _, m := range r.groupMembers[g.first : g.first+g.size] {
			owners[next[m]] = g.owner
			next[m]++
		}
	}
	row := func(ci uint32) []uint32 { return owners[start[ci]:start[ci+1]] }
	c := topological(n, row, func(owner uint32) (uint32, bool) { return owner, true })

	above := make([]uint32, n)
	for i := range above {
		if above[i] = none; c.first[c.of[i]] != uint32(i) {
			above[i] = c.first[c.of[i]]
		}
	}
	for member := range uint32(n) {
		for _, owner := range row(member) {
			if c.of[owner] == c.of[member] || c.first[c.of[owner]] != owner {
				continue
			}
			if now := above[owner]; now == none || c.reach[member] < c.reach[now] ||
				c.reach[member] == c.reach[now] && c.of[member] < c.of[now] {
				above[owner] = member
			}
		}
	}
	return inBlocks(above, c)
}

// inBlocks orders trees, given by what is above each CI.
func inBlocks(above []uint32, c components) []uint32 {
	n := len(above)
	// Components further downstream have smaller numbers, so that what is below comes first.
	byComponent := make([]uint32, n)
	{
		start := make([]uint32, len(c.first)+1)
		for _, number := range c.of {
			start[number+1]++
		}
		for i := range c.first {
			start[i+1] += start[i]
		}
		for i, number := range c.of {
			byComponent[start[number]] = uint32(i)
			start[number]++
		}
	}
	size, below := make([]uint32, n), make([]uint32, n+1)
	add := func(ci uint32) {
		size[ci]++
		if above[ci] != none {
			size[above[ci]] += size[ci]
			below[above[ci]+1]++
		}
	}
	for i := 0; i < n; {
		end, first := i, c.first[c.of[byComponent[i]]]
		for ; end < n && c.of[byComponent[end]] == c.of[byComponent[i]]; end++ {
			if byComponent[end] != first {
				add(byComponent[end])
			}
		}
		add(first)
		i = end
	}
	for i := range n {
		below[i+1] += below[i]
	}
	kids := make([]uint32, below[n])
	next := slices.Clone(below[:n])
	var top []uint32
	for _, ci := range slices.Backward(byComponent) {
		if above[ci] == none {
			top = append(top, ci)
			continue
		}
		kids[next[above[ci]]] = ci
		next[above[ci]]++
	}
	order := make([]uint32, 0, n)
	var blocks []uint32
	for at := 0; at < len(top); at++ {
		ci := top[at]
		if size[ci] <= blockSize {
			blocks = append(blocks, ci)
			continue
		}
		order = append(order, ci)
		top = append(top, kids[below[ci]:below[ci+1]]...)
	}
	for _, root := range blocks {
		order = append(order, root)
		for at := len(order) - 1; at < len(order); at++ {
			order = append(order, kids[below[order[at]]:below[order[at]+1]]...)
		}
	}
	return order
}

// addUp sorts relations by owner, and within by member and kind, each once.
func (b *base) addUp(r *raw, n int) {
	b.upStart = make([]uint32, n+1)
	for _, owner := range r.owners {
		b.upStart[owner+1]++
	}
	for i := range n {
		b.upStart[i+1] += b.upStart[i]
	}
	rows := make([]uint64, len(r.owners))
	next := slices.Clone(b.upStart[:n])
	for i, owner := range r.owners {
		rows[next[owner]] = upWord(r.members[i], r.kinds[i])
		next[owner]++
	}
	r.owners, r.members, r.kinds = nil, nil, nil
	end := 0
	for i := range n {
		row := rows[b.upStart[i]:b.upStart[i+1]]
		slices.Sort(row)
		row = slices.Compact(row)
		b.upStart[i] = uint32(end)
		end += copy(rows[end:], row)
	}
	b.upStart[n] = uint32(end)
	b.upMember, b.upKind = make([]uint32, end), make([]uint8, end)
	for i, word := range rows[:end] {
		b.upMember[i], b.upKind[i] = upMember(word), upKind(word)
	}
}

// upWord is a relation as its owner has it, in the order of rows.
func upWord(member uint32, kind uint8) uint64 { return uint64(member)<<8 | uint64(kind) }
func upMember(word uint64) uint32             { return uint32(word >> 8) }
func upKind(word uint64) uint8                { return uint8(word) }

// addGroups sorts groups by owner, kind and name, and the members of each.
func (b *base) addGroups(r *raw, k *kinds) {
	order := make([]uint32, len(r.groups))
	named, total := false, 0
	for i := range order {
		order[i] = uint32(i)
		named = named || r.groups[i].name != ""
		total += int(r.groups[i].size)
	}
	slices.SortFunc(order, func(x, y uint32) int {
		g, h := &r.groups[x], &r.groups[y]
		if d := int64(g.owner) - int64(h.owner); d != 0 {
			return int(d)
		}
		if d := int(g.kind) - int(h.kind); d != 0 {
			return d
		}
		if g.name < h.name {
			return -1
		}
		return 1
	})
	b.groups = make([]groupHead, len(order))
	b.groupKind = make([]uint8, len(order))
	b.groupStart = make([]uint32, 1, len(order)+1)
	b.groupMember = make([]uint32, 0, total)
	var text []byte
	if named {
		b.nameStart = make([]uint32, 1, len(order)+1)
	}
	for i, old := range order {
		g := &r.groups[old]
		weights := r.weights[old]
		members := r.groupMembers[g.first : g.first+g.size]
		if weights == nil {
			slices.Sort(members)
		} else {
			b.weights[uint32(i)] = sortTogether(members, weights)
		}
		b.groups[i] = headOf(g.owner, int(g.spare), k.code[g.kind], weights != nil)
		b.groupKind[i] = g.kind
		b.groupMember = append(b.groupMember, members...)
		b.groupStart = append(b.groupStart, uint32(len(b.groupMember)))
		if g.size == 0 {
			b.empty[uint32(i)] = g.empty
		}
		if named {
			text = append(text, g.name...)
			b.nameStart = append(b.nameStart, uint32(len(text)))
		}
	}
	b.nameText = string(text)
	r.groups, r.groupMembers = nil, nil
}

// sortTogether sorts members in place and gives a copy of their weights in the same order.
func sortTogether(members, weights []uint32) []uint32 {
	pairs := make([]uint64, len(members))
	for i, m := range members {
		pairs[i] = uint64(m)<<32 | uint64(weights[i])
	}
	slices.Sort(pairs)
	sorted := make([]uint32, len(members))
	for i, p := range pairs {
		members[i], sorted[i] = uint32(p>>32), uint32(p)
	}
	return sorted
}

// addDown turns relations and groups round.
func (b *base) addDown(k *kinds, n int) {
	b.downStart = make([]uint32, n+1)
	for _, m := range b.upMember {
		b.downStart[m+1]++
	}
	for _, m := range b.groupMember {
		b.downStart[m+1]++
	}
	for i := range n {
		b.downStart[i+1] += b.downStart[i]
	}
	b.down = make([]uint32, b.downStart[n])
	next := slices.Clone(b.downStart[:n])
	for owner := range uint32(n) {
		for i := b.upStart[owner]; i < b.upStart[owner+1]; i++ {
			m := b.upMember[i]
			b.down[next[m]] = relationWord(owner, k.code[b.upKind[i]])
			next[m]++
		}
	}
	for g := range uint32(len(b.groups)) {
		members := b.membersOf(g)
		for _, m := range members {
			b.down[next[m]] = memberWord(g, b.groups[g], len(members))
			next[m]++
		}
	}
	// Two kinds between the same CIs that do the same are one word.
	end, whole := 0, len(b.down)
	for i := range n {
		row := b.down[b.downStart[i]:b.downStart[i+1]]
		if !slices.IsSorted(row) {
			slices.Sort(row)
		}
		row = slices.Compact(row)
		b.downStart[i] = uint32(end)
		end += copy(b.down[end:], row)
	}
	b.downStart[n] = uint32(end)
	b.down = b.down[:end]
	if end < whole*7/8 {
		b.down = slices.Clone(b.down)
	}
}
