package memory

// This file is the ordered map that everything stands in: a B+ tree from text keys to values
// whose committed nodes are never changed. A writer has an edit number of its own and changes
// in place only the nodes that bear it; all others it copies first. So a copy of the tree
// value is a snapshot.

// width is the greatest number of keys of a leaf and of children of an inner node.
const width = 16

// depth bounds the height of a tree. Neighbours that fit into half a node are merged, so that
// nodes have on average at least a quarter of width, and a tree of this height would have more
// entries than its sizes, of 31 bits, can count.
const depth = 18

// entry is a key with its value. Once it is committed it is never changed.
type entry[V any] struct {
	key string
	val V
}

type node[V any] struct {
	edit uint64
	// size is the number of entries below.
	size int32
	// n is the number of entries of a leaf, or of children of an inner node.
	n int32
	// entries are those of a leaf. In an inner node the key of entries[i] is at most the least
	// key below child i and above every key below child i-1; entries[0] is not used.
	entries [width]*entry[V]
	// kids is nil in a leaf.
	kids *[width]*node[V]
}

// inner is an inner node together with its children, so that they are one piece of memory.
type inner[V any] struct {
	node[V]
	array [width]*node[V]
}

func newInner[V any](edit uint64) *node[V] {
	c := &inner[V]{node: node[V]{edit: edit}}
	c.kids = &c.array
	return &c.node
}

type tree[V any] struct {
	root *node[V]
}

func (t tree[V]) len() int {
	if t.root == nil {
		return 0
	}
	return int(t.root.size)
}

// search gives the first place whose key is at least the given one.
func (n *node[V]) search(key string) int {
	lo, hi := 0, int(n.n)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if n.entries[mid].key < key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// child gives the place of the child that has the key, if any has.
func (n *node[V]) child(key string) int {
	lo, hi := 1, int(n.n)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if n.entries[mid].key <= key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// find gives the entry of the key, nil where there is none.
func (t tree[V]) find(key string) *entry[V] {
	n := t.root
	if n == nil {
		return nil
	}
	for n.kids != nil {
		n = n.kids[n.child(key)]
	}
	if i := n.search(key); i < int(n.n) && n.entries[i].key == key {
		return n.entries[i]
	}
	return nil
}

func (t tree[V]) get(key string) (v V, ok bool) {
	if e := t.find(key); e != nil {
		return e.val, true
	}
	return v, false
}

// rank is the number of keys below the given one.
func (t tree[V]) rank(key string) int {
	n := t.root
	if n == nil {
		return 0
	}
	below := 0
	for n.kids != nil {
		at := n.child(key)
		for i := 0; i < at; i++ {
			below += int(n.kids[i].size)
		}
		n = n.kids[at]
	}
	return below + n.search(key)
}

// own gives a node that this edit may change.
func (n *node[V]) own(edit uint64) *node[V] {
	if n.edit == edit {
		return n
	}
	if n.kids == nil {
		return &node[V]{edit: edit, size: n.size, n: n.n, entries: n.entries}
	}
	c := newInner[V](edit)
	c.size, c.n, c.entries, *c.kids = n.size, n.n, n.entries, *n.kids
	return c
}

// set puts the value at the key.
func (t *tree[V]) set(edit uint64, key string, v V) {
	if t.root == nil {
		t.root = &node[V]{edit: edit}
	}
	t.root = t.root.own(edit)
	if right := t.root.set(edit, &entry[V]{key, v}); right != nil {
		left := t.root
		t.root = newInner[V](edit)
		t.root.n, t.root.size = 2, left.size+right.size
		t.root.kids[0], t.root.kids[1] = left, right
		t.root.entries[1] = right.entries[0]
	}
}

// set changes an owned node; the node that it gives, if any, is its new right neighbour, whose
// entries[0] has the least key below it.
func (n *node[V]) set(edit uint64, e *entry[V]) *node[V] {
	if n.kids == nil {
		i := n.search(e.key)
		if i < int(n.n) && n.entries[i].key == e.key {
			n.entries[i] = e
			return nil
		}
		return n.insert(edit, i, e, nil)
	}
	at := n.child(e.key)
	before := n.kids[at].size
	kid := n.kids[at].own(edit)
	n.kids[at] = kid
	more := kid.set(edit, e)
	n.size += kid.size - before
	if more == nil {
		return nil
	}
	return n.insert(edit, at+1, more.entries[0], more)
}

// insert adds an entry, and a child to an inner node, at a place of an owned node. A full one
// is split first and gives the right half. Where the place is the end, all stays in the left
// one: keys that come in order leave full nodes behind.
func (n *node[V]) insert(edit uint64, i int, e *entry[V], kid *node[V]) *node[V] {
	var right *node[V]
	if n.n == width {
		right = &node[V]{edit: edit}
		if kid != nil {
			right = newInner[V](edit)
		}
		if i < width {
			n.move(right, width/2)
		}
		if i > int(n.n) || i == width {
			right.insert(edit, i-int(n.n), e, kid)
			return right
		}
	}
	copy(n.entries[i+1:n.n+1], n.entries[i:n.n])
	n.entries[i] = e
	if kid == nil {
		n.size++
	} else {
		copy(n.kids[i+1:n.n+1], n.kids[i:n.n])
		n.kids[i] = kid
		n.size += kid.size
	}
	n.n++
	return right
}

// move takes everything from place i on to the end of another owned node.
func (n *node[V]) move(to *node[V], i int) {
	moved := n.n - int32(i)
	copy(to.entries[to.n:], n.entries[i:n.n])
	clear(n.entries[i:n.n])
	size := moved
	if n.kids != nil {
		size = 0
		for _, kid := range n.kids[i:n.n] {
			size += kid.size
		}
		copy(to.kids[to.n:], n.kids[i:n.n])
		clear(n.kids[i:n.n])
	}
	to.n += moved
	to.size += size
	n.n -= moved
	n.size -= size
}

// delete removes the key; one that is not there is no change.
func (t *tree[V]) delete(edit uint64, key string) {
	if t.find(key) == nil {
		return
	}
	t.root = t.root.own(edit)
	t.root.delete(edit, key)
	for t.root.kids != nil && t.root.n == 1 {
		t.root = t.root.kids[0]
	}
	if t.root.n == 0 {
		t.root = nil
	}
}

// delete removes a key that is there from an owned node.
func (n *node[V]) delete(edit uint64, key string) {
	if n.kids == nil {
		n.remove(n.search(key))
		n.size--
		return
	}
	at := n.child(key)
	kid := n.kids[at].own(edit)
	n.kids[at] = kid
	n.size--
	kid.delete(edit, key)
	switch {
	case kid.n == 0:
		n.remove(at)
	case at+1 < int(n.n) && kid.n+n.kids[at+1].n <= width/2:
		n.merge(edit, at)
	case at > 0 && kid.n+n.kids[at-1].n <= width/2:
		n.merge(edit, at-1)
	}
}

// merge moves all of child i+1 into child i.
func (n *node[V]) merge(edit uint64, i int) {
	left, right := n.kids[i].own(edit), n.kids[i+1].own(edit)
	n.kids[i] = left
	if right.kids != nil {
		right.entries[0] = n.entries[i+1]
	}
	right.move(left, 0)
	n.remove(i + 1)
}

// remove takes the entry, and the child of an inner node, out of place i.
func (n *node[V]) remove(i int) {
	copy(n.entries[i:], n.entries[i+1:n.n])
	n.n--
	n.entries[n.n] = nil
	if n.kids != nil {
		copy(n.kids[i:], n.kids[i+1:n.n+1])
		n.kids[n.n] = nil
	}
}

// span is the keys from lo on that are below hi; an empty hi means that there is no end.
type span struct {
	lo, hi string
}

func (s span) empty() bool { return s.hi != "" && s.lo >= s.hi }

// count is the number of keys in a span.
func (t tree[V]) count(s span) int {
	if s.empty() {
		return 0
	}
	end := t.len()
	if s.hi != "" {
		end = t.rank(s.hi)
	}
	return end - t.rank(s.lo)
}

// cursor walks over a span, upward or downward.
type cursor[V any] struct {
	leaf  *node[V]
	i     int
	up    bool
	end   string
	level int
	path  [depth]struct {
		node *node[V]
		i    int
	}
}

// walk gives a cursor before the first key of the span in the direction.
func (t tree[V]) walk(s span, up bool) cursor[V] {
	c := cursor[V]{up: up}
	if t.root == nil || s.empty() {
		return c
	}
	n := t.root
	for n.kids != nil {
		i := int(n.n) - 1
		if up {
			i = n.child(s.lo)
		} else if s.hi != "" {
			i = n.child(s.hi)
		}
		c.path[c.level].node, c.path[c.level].i = n, i
		c.level++
		n = n.kids[i]
	}
	c.leaf = n
	if up {
		c.i, c.end = n.search(s.lo)-1, s.hi
	} else {
		c.i, c.end = int(n.n), s.lo
		if s.hi != "" {
			c.i = n.search(s.hi)
		}
	}
	return c
}

// next goes to the next key and gives it, or ok false at the end.
func (c *cursor[V]) next() (key string, v V, ok bool) {
	if c.leaf == nil {
		return "", v, false
	}
	if c.up {
		c.i++
		if c.i >= int(c.leaf.n) && !c.turn() {
			return "", v, false
		}
		key = c.leaf.entries[c.i].key
		if c.end != "" && key >= c.end {
			c.leaf = nil
			return "", v, false
		}
	} else {
		c.i--
		if c.i < 0 && !c.turn() {
			return "", v, false
		}
		key = c.leaf.entries[c.i].key
		if key < c.end {
			c.leaf = nil
			return "", v, false
		}
	}
	return key, c.leaf.entries[c.i].val, true
}

// turn goes to the neighbouring leaf, and to its first key in the direction.
func (c *cursor[V]) turn() bool {
	l := c.level - 1
	for ; l >= 0; l-- {
		p := &c.path[l]
		if c.up && p.i+1 < int(p.node.n) {
			p.i++
			break
		}
		if !c.up && p.i > 0 {
			p.i--
			break
		}
	}
	if l < 0 {
		c.leaf = nil
		return false
	}
	n := c.path[l].node.kids[c.path[l].i]
	for n.kids != nil {
		l++
		i := 0
		if !c.up {
			i = int(n.n) - 1
		}
		c.path[l].node, c.path[l].i = n, i
		n = n.kids[i]
	}
	c.leaf, c.i = n, 0
	if !c.up {
		c.i = int(n.n) - 1
	}
	return true
}
