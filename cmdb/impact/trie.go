// This file holds a map from numbers that snapshots share: changing one copies the few nodes on the
// way to it, and those that an edit has copied once it changes in place.

package impact

import "iter"

// edit is the mark of one edit, by which it knows what it has copied.
type edit struct{ _ byte }

const (
	trieBits = 5
	trieWide = 1 << trieBits
)

type trieNode[V any] struct {
	by   *edit
	kids []*trieNode[V] // of an inner node
	vals []V            // of a leaf
}

// trie holds values by number; the zero value of V is none.
type trie[V any] struct {
	root *trieNode[V]
	bits int // how many bits of a number it tells apart
}

func (t *trie[V]) get(key uint32) (v V) {
	if uint64(key)>>t.bits != 0 || t.root == nil {
		return v
	}
	node := t.root
	for shift := t.bits - trieBits; shift > 0; shift -= trieBits {
		if node = node.kids[key>>shift%trieWide]; node == nil {
			return v
		}
	}
	return node.vals[key%trieWide]
}

func (t *trie[V]) set(by *edit, key uint32, v V) {
	if t.root == nil {
		t.root, t.bits = &trieNode[V]{by: by, vals: make([]V, trieWide)}, trieBits
	}
	for uint64(key)>>t.bits != 0 {
		root := &trieNode[V]{by: by, kids: make([]*trieNode[V], trieWide)}
		root.kids[0] = t.root
		t.root, t.bits = root, t.bits+trieBits
	}
	place := &t.root
	for shift := t.bits - trieBits; ; shift -= trieBits {
		node := *place
		if node == nil {
			node = &trieNode[V]{by: by}
			if shift > 0 {
				node.kids = make([]*trieNode[V], trieWide)
			} else {
				node.vals = make([]V, trieWide)
			}
			*place = node
		} else if node.by != by {
			node = &trieNode[V]{by: by, kids: append([]*trieNode[V](nil), node.kids...), vals: append([]V(nil), node.vals...)}
			*place = node
		}
		if shift <= 0 {
			node.vals[key%trieWide] = v
			return
		}
		place = &node.kids[key>>shift%trieWide]
	}
}

// flags are bits, one for each 64 numbers, that say where a trie may hold something. They are so
// few that asking costs nothing where it holds nothing.
type flags struct {
	by   *edit
	bits []uint64
}

const flagBits = 6

func (f *flags) has(key uint32) bool {
	at := key >> flagBits
	return int(at>>6) < len(f.bits) && f.bits[at>>6]>>(at&63)&1 != 0
}

func (f *flags) set(by *edit, key uint32) {
	if f.has(key) {
		return
	}
	at := key >> flagBits
	need := int(at>>6) + 1
	if f.by != by || need > len(f.bits) {
		bits := make([]uint64, max(need, len(f.bits)))
		copy(bits, f.bits)
		f.by, f.bits = by, bits
	}
	f.bits[at>>6] |= 1 << (at & 63)
}

// all gives what is not zero, in order of number. The caller says what zero is.
func (t *trie[V]) all(isZero func(V) bool) iter.Seq2[uint32, V] {
	var walk func(node *trieNode[V], at uint32, shift int, yield func(uint32, V) bool) bool
	walk = func(node *trieNode[V], at uint32, shift int, yield func(uint32, V) bool) bool {
		for i, kid := range node.kids {
			if kid != nil && !walk(kid, at|uint32(i)<<shift, shift-trieBits, yield) {
				return false
			}
		}
		for i, v := range node.vals {
			if !isZero(v) && !yield(at|uint32(i), v) {
				return false
			}
		}
		return true
	}
	return func(yield func(uint32, V) bool) {
		if t.root != nil {
			walk(t.root, 0, t.bits-trieBits, yield)
		}
	}
}
