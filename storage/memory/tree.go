package memory

// This file is the ordered map that everything stands in: a B+ tree from text keys to values
// whose committed nodes are never changed. A writer has an edit number of its own and changes
// in place only the nodes that bear it; all others it copies first. So a copy of the tree
// value is a snapshot.

// width is the greatest number of keys of a leaf and of children of an inner node.
const width = 8

// depth bounds the height of a tree. Neighbours that fit into half a node are merged, so that
// nodes have on average at least a quarter of width, and a tree of this height would have more
// keys than memory has bytes.
const depth = 16

type node[V any] struct {
	edit uint64
	// size is the number of values below.
	size int
	// n is the number of keys of a leaf, or of children of an inner node.
	n int
	// keys are those of a leaf; in an inner node keys[i] is at most the least key below
	// child i and above every key below child i-1. keys[0] of an inner node is not used.
	keys [width]string
	vals [width]V
	kids *[width]*node[V]
}

type tree[V any] struct {
	root *node[V]
}

func (t tree[V]) len() int {
	if t.root == nil {
		return 0
	}
	return t.root.size
}

// search gives the first place whose key is at least the given one.
func (n *node[V]) search(key string) int {
	lo, hi := 0, n.n
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if n.keys[mid] < key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// child gives the place of the child that has the key, if any has.
func (n *node[V]) child(key string) int {
	lo, hi := 1, n.n
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if n.keys[mid] <= key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

func (t tree[V]) get(key string) (v V, ok bool) {
	n := t.root
	if n == nil {
		return v, false
	}
	for n.kids != nil {
		n = n.kids[n.child(key)]
	}
	if i := n.search(key); i < n.n && n.keys[i] == key {
		return n.vals[i], true
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
			below += n.kids[i].size
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
	c := &node[V]{edit: edit, size: n.size, n: n.n}
	copy(c.keys[:n.n], n.keys[:n.n])
	if n.kids == nil {
		copy(c.vals[:n.n], n.vals[:n.n])
	} else {
		c.kids = new([width]*node[V])
		copy(c.kids[:n.n], n.kids[:n.n])
	}
	return c
}

// set puts the value at the key.
func (t *tree[V]) set(edit uint64, key string, v V) {
	if t.root == nil {
		t.root = &node[V]{edit: edit}
	}
	t.root = t.root.own(edit)
	if right := t.root.set(edit, key, v); right != nil {
		left := t.root
		t.root = &node[V]{edit: edit, n: 2, size: left.size + right.size, kids: new([width]*node[V])}
		t.root.kids[0], t.root.kids[1] = left, right
		t.root.keys[1] = right.keys[0]
	}
}

// set changes an owned node; the node that it gives, if any, is its new right neighbour, whose
// keys[0] is the least key below it.
func (n *node[V]) set(edit uint64, key string, v V) *node[V] {
	if n.kids == nil {
		i := n.search(key)
		if i < n.n && n.keys[i] == key {
			n.vals[i] = v
			return nil
		}
		if n.n < width {
			n.insertLeaf(i, key, v)
			return nil
		}
		right := n.split(edit, i)
		if i >= n.n && (right.n == 0 || i > n.n) {
			right.insertLeaf(i-n.n, key, v)
		} else {
			n.insertLeaf(i, key, v)
		}
		return right
	}
	at := n.child(key)
	before := n.kids[at].size
	kid := n.kids[at].own(edit)
	n.kids[at] = kid
	more := kid.set(edit, key, v)
	n.size += kid.size - before
	if more == nil {
		return nil
	}
	i := at + 1
	if n.n < width {
		n.insertKid(i, more)
		return nil
	}
	right := n.split(edit, i)
	if i >= n.n && (right.n == 0 || i > n.n) {
		right.insertKid(i-n.n, more)
	} else {
		n.insertKid(i, more)
	}
	return right
}

func (n *node[V]) insertLeaf(i int, key string, v V) {
	copy(n.keys[i+1:n.n+1], n.keys[i:n.n])
	copy(n.vals[i+1:n.n+1], n.vals[i:n.n])
	n.keys[i], n.vals[i] = key, v
	n.n++
	n.size++
}

func (n *node[V]) insertKid(i int, kid *node[V]) {
	copy(n.keys[i+1:n.n+1], n.keys[i:n.n])
	copy(n.kids[i+1:n.n+1], n.kids[i:n.n])
	n.keys[i], n.kids[i] = kid.keys[0], kid
	n.n++
	n.size += kid.size
}

// split moves the upper half of a full node to a new one. Where something is to be added at
// the end, all stays: keys that come in order leave full nodes behind.
func (n *node[V]) split(edit uint64, at int) *node[V] {
	right := &node[V]{edit: edit}
	if n.kids != nil {
		right.kids = new([width]*node[V])
	}
	if at == n.n {
		return right
	}
	n.move(right, width/2)
	return right
}

// move takes everything from place i on to the end of another owned node.
func (n *node[V]) move(to *node[V], i int) {
	moved := 0
	copy(to.keys[to.n:], n.keys[i:n.n])
	clear(n.keys[i:n.n])
	if n.kids == nil {
		copy(to.vals[to.n:], n.vals[i:n.n])
		clear(n.vals[i:n.n])
		moved = n.n - i
	} else {
		for _, kid := range n.kids[i:n.n] {
			moved += kid.size
		}
		copy(to.kids[to.n:], n.kids[i:n.n])
		clear(n.kids[i:n.n])
	}
	to.n += n.n - i
	to.size += moved
	n.n = i
	n.size -= moved
}

// delete removes the key; one that is not there is no change.
func (t *tree[V]) delete(edit uint64, key string) {
	if _, ok := t.get(key); !ok {
		return
	}
	t.root = t.root.own(edit)
	t.root.delete(edit, key)
	for t.root != nil && t.root.kids != nil && t.root.n == 1 {
		t.root = t.root.kids[0]
	}
	if t.root.n == 0 {
		t.root = nil
	}
}

// delete removes a key that is there from an owned node.
func (n *node[V]) delete(edit uint64, key string) {
	n.size--
	if n.kids == nil {
		i := n.search(key)
		copy(n.keys[i:], n.keys[i+1:n.n])
		copy(n.vals[i:], n.vals[i+1:n.n])
		n.n--
		n.keys[n.n] = ""
		clear(n.vals[n.n : n.n+1])
		return
	}
	at := n.child(key)
	kid := n.kids[at].own(edit)
	n.kids[at] = kid
	kid.delete(edit, key)
	switch {
	case kid.n == 0:
		n.removeKid(at)
	case at+1 < n.n && kid.n+n.kids[at+1].n <= width/2:
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
		right.keys[0] = n.keys[i+1]
	}
	right.move(left, 0)
	n.removeKid(i + 1)
}

func (n *node[V]) removeKid(i int) {
	copy(n.keys[i:], n.keys[i+1:n.n])
	copy(n.kids[i:], n.kids[i+1:n.n])
	n.n--
	n.keys[n.n], n.kids[n.n] = "", nil
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
		i := n.n - 1
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
		c.i, c.end = n.n, s.lo
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
		if c.i >= c.leaf.n && !c.turn() {
			return "", v, false
		}
		key = c.leaf.keys[c.i]
		if c.end != "" && key >= c.end {
			c.leaf = nil
			return "", v, false
		}
	} else {
		c.i--
		if c.i < 0 && !c.turn() {
			return "", v, false
		}
		key = c.leaf.keys[c.i]
		if key < c.end {
			c.leaf = nil
			return "", v, false
		}
	}
	return key, c.leaf.vals[c.i], true
}

// turn goes to the neighbouring leaf, and to its first key in the direction.
func (c *cursor[V]) turn() bool {
	l := c.level - 1
	for ; l >= 0; l-- {
		p := &c.path[l]
		if c.up && p.i+1 < p.node.n {
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
			i = n.n - 1
		}
		c.path[l].node, c.path[l].i = n, i
		n = n.kids[i]
	}
	c.leaf, c.i = n, 0
	if !c.up {
		c.i = n.n - 1
	}
	return true
}
