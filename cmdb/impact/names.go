// This file holds ids: each CI has a number within a snapshot, and numbers are what the engine works
// with.

package impact

import (
	"hash/maphash"
	"math"
)

// none is no CI.
const none = math.MaxUint32

// names numbers ids in the order in which they are added. The ids stand in one text, and a hash
// table holds numbers alone, so that a million ids are four objects for the garbage collector.
type names struct {
	seed  maphash.Seed
	text  []byte
	fixed string   // the text, once nothing is added any more
	start []uint32 // one more than there are ids
	// table holds, a power of two long, numbers plus one, above half a hash that saves most looks at
	// the text.
	table []uint64
}

func newNames(room int) names {
	size := 16
	for size < room*2 {
		size *= 2
	}
	return names{seed: maphash.MakeSeed(), start: make([]uint32, 1, room+1), table: make([]uint64, size)}
}

func (n *names) len() int { return len(n.start) - 1 }

func (n *names) bytes(i uint32) []byte { return n.text[n.start[i]:n.start[i+1]] }

// at gives the id of a number, once nothing is added any more.
func (n *names) at(i uint32) string { return n.fixed[n.start[i]:n.start[i+1]] }

func (n *names) is(i uint32, id string) bool {
	if n.text == nil {
		return n.at(i) == id
	}
	return string(n.bytes(i)) == id
}

func (n *names) find(id string) uint32 {
	mask := uint64(len(n.table) - 1)
	hash := maphash.String(n.seed, id)
	for at := hash & mask; ; at = (at + 1) & mask {
		entry := n.table[at]
		if entry == 0 {
			return none
		}
		if entry>>32 == hash>>32 && n.is(uint32(entry)-1, id) {
			return uint32(entry) - 1
		}
	}
}

// add gives the number of an id, which is new where it was not there.
func (n *names) add(id string) (number uint32, isNew bool) {
	if i := n.find(id); i != none {
		return i, false
	}
	if n.len()*2 >= len(n.table) {
		n.grow()
	}
	number = uint32(n.len())
	n.text = append(n.text, id...)
	n.start = append(n.start, uint32(len(n.text)))
	n.enter(number)
	return number, true
}

// full says that another id of this length would not fit.
func (n *names) full(id string) bool {
	return n.len() >= MaxCIs || len(n.text)+len(id) > math.MaxUint32
}

func (n *names) enter(number uint32) {
	mask := uint64(len(n.table) - 1)
	hash := maphash.Bytes(n.seed, n.bytes(number))
	at := hash & mask
	for n.table[at] != 0 {
		at = (at + 1) & mask
	}
	n.table[at] = hash>>32<<32 | uint64(number+1)
}

func (n *names) grow() {
	n.table = make([]uint64, len(n.table)*2)
	for i := range uint32(n.len()) {
		n.enter(i)
	}
}

// reordered gives the same ids with other numbers: those of the old numbers in order.
func (n *names) reordered(order []uint32) names {
	length := 0
	for _, old := range order {
		length += int(n.start[old+1] - n.start[old])
	}
	r := newNames(len(order))
	r.text = make([]byte, 0, length)
	if n.text == nil {
		n.text = []byte(n.fixed)
	}
	for _, old := range order {
		r.text = append(r.text, n.bytes(old)...)
		r.start = append(r.start, uint32(len(r.text)))
		r.enter(uint32(r.len() - 1))
	}
	r.fixed, r.text = string(r.text), nil
	return r
}

// hash places an id in the overlay's table of those that are not in the base.
func (b *base) hash(id string) uint32 {
	return uint32(maphash.String(b.ids.seed, id) & (1<<(4*trieBits) - 1))
}
