// This file holds estimates of how many CIs each CI could touch, for all of them in one pass over the
// graph, by merging small counting sketches in the order of strongly connected components.

package impact

import (
	"math"
	"math/bits"
)

// A sketch is that of HyperLogLog, whose estimate has a standard error of 18 percent with so many
// registers.
const (
	registerBits = 5
	registers    = 1 << registerBits
)

type sketch [registers]uint8

func (k *sketch) add(ci uint32) {
	// SplitMix64 spreads consecutive numbers.
	x := uint64(ci) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	register := x >> (64 - registerBits)
	k[register] = max(k[register], uint8(bits.LeadingZeros64(x<<registerBits|1<<(registerBits-1))+1))
}

func (k *sketch) merge(other *sketch) {
	for i, v := range other {
		k[i] = max(k[i], v)
	}
}

func (k *sketch) estimate() float64 {
	sum, zeros := 0.0, 0
	for _, v := range k {
		sum += math.Ldexp(1, -int(v))
		if v == 0 {
			zeros++
		}
	}
	const alpha = 0.697 // for 32 registers
	e := alpha * registers * registers / sum
	if e <= 2.5*registers && zeros > 0 {
		e = registers * math.Log(registers/float64(zeros))
	}
	return max(e, 1)
}

// log2Reach gives the binary logarithm of how many CIs of the base each could touch, itself
// included: an estimate, in steps of an eighth. It is made when it is first asked for.
func (b *base) log2Reach() []uint8 {
	b.reachOnce.Do(func() {
		order := topological(b.ids.len(), func(ci uint32) []uint32 { return b.row(ci) }, b.owner)
		b.reach = order.reach
	})
	return b.reach
}

// owner gives whom a word is about, and whether anything passes.
func (b *base) owner(word uint32) (ci uint32, passes bool) {
	if word&groupWord == 0 {
		return word >> codeBits, word&codeMask != 0
	}
	head := b.groups[word&^groupWord]
	return head.owner, head.code() != 0
}

// components are the strongly connected components of a graph. Those further downstream have smaller
// numbers: a member's is at least that of the owner.
type components struct {
	of    []uint32 // the component of each CI
	first []uint32 // a CI of each component
	reach []uint8  // the binary logarithm of how many CIs each could touch, in eighths
}

// topological finds components by Tarjan's algorithm without recursion. It takes the rows of whom each CI holds
// up, and whom a word of a row is about.
func topological(n int, row func(uint32) []uint32, owner func(word uint32) (uint32, bool)) components {
	const open = none
	var (
		out   = components{of: make([]uint32, n), reach: make([]uint8, n)}
		seen  = make([]uint32, n) // from 1, in order of first visit
		low   = make([]uint32, n)
		made  []sketch
		stack []uint32
		count uint32
	)
	type frame struct {
		ci   uint32
		rest []uint32
	}
	var frames []frame
	enter := func(ci uint32) {
		count++
		seen[ci], low[ci], out.of[ci] = count, count, open
		stack = append(stack, ci)
		frames = append(frames, frame{ci, row(ci)})
	}
	for root := range uint32(n) {
		if seen[root] != 0 {
			continue
		}
		for enter(root); len(frames) > 0; {
			f := &frames[len(frames)-1]
			if len(f.rest) > 0 {
				to, passes := owner(f.rest[0])
				f.rest = f.rest[1:]
				switch {
				case !passes:
				case seen[to] == 0:
					enter(to)
				case out.of[to] == open:
					low[f.ci] = min(low[f.ci], seen[to])
				}
				continue
			}
			ci := f.ci
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				above := frames[len(frames)-1].ci
				low[above] = min(low[above], low[ci])
			}
			if low[ci] != seen[ci] {
				continue
			}
			begin := len(stack) - 1
			for stack[begin] != ci {
				begin--
			}
			number := uint32(len(made))
			for _, member := range stack[begin:] {
				out.of[member] = number
			}
			var k sketch
			for _, member := range stack[begin:] {
				k.add(member)
				for _, word := range row(member) {
					if to, passes := owner(word); passes && out.of[to] != number {
						k.merge(&made[out.of[to]])
					}
				}
			}
			made = append(made, k)
			out.first = append(out.first, ci)
			eighths := uint8(math.Round(8 * math.Log2(k.estimate())))
			for _, member := range stack[begin:] {
				out.reach[member] = eighths
			}
			stack = stack[:begin]
		}
	}
	return out
}
