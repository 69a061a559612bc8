package estate

import (
	"fmt"
	"math/rand/v2"
)

// Estate is a graph by number. Each CI but one rests on another one as in a tree; the other relations
// and the groups cross it.
type Estate struct {
	// IDs are shuffled, so that numbers say nothing about the tree.
	IDs []string
	// Owner rests on Member, by place.
	Owner, Member []uint32
	// Groups are of which one member suffices.
	Groups []Group
	// Failures bring down everything below them and nothing else, by either way of counting. They
	// grow: about 10, 10 thousand and 460 thousand CIs of a million, less where there are fewer.
	Failures []Failure
}

// Group is an owner and the members of which one must work.
type Group struct {
	Owner   uint32
	Members []uint32
}

// Failure is a CI and how many others go down with it.
type Failure struct {
	CI     uint32
	Impact int
}

// Relations is the number of relations, each membership of a group as one.
func (e *Estate) Relations() int {
	n := len(e.Owner)
	for _, g := range e.Groups {
		n += len(g.Members)
	}
	return n
}

// New makes an estate of so many CIs, at least 100, with five relations for each and a group of two
// or three members for more than every second one.
func New(cis int) *Estate {
	random := rand.New(rand.NewPCG(20, 26))
	e := &Estate{IDs: make([]string, cis)}
	for i := range e.IDs {
		e.IDs[i] = fmt.Sprintf("%08x-0000-7000-8000-%012x", random.Uint32(), i)
	}
	random.Shuffle(cis, func(i, j int) { e.IDs[i], e.IDs[j] = e.IDs[j], e.IDs[i] })

	// Parts of the tree within each other: all, and what each failure brings down. A part begins with
	// its root.
	sizes := []int{11, 10306, 460252}
	for i, most := range []int{cis / 20, cis / 5, cis / 2} {
		sizes[i] = min(sizes[i], max(most, i+2))
	}
	type part struct{ first, end, whole uint32 }
	parts := []part{{whole: uint32(sizes[0])}, {whole: uint32(sizes[1])}, {whole: uint32(sizes[2])}, {whole: uint32(cis)}}
	at := uint32(0)
	for i := len(parts) - 1; i >= 0; i-- {
		own := parts[i].whole
		if i > 0 {
			own -= parts[i-1].whole
		}
		parts[i].first, parts[i].end = at, at+own
		at += own
	}
	for i := range 3 {
		e.Failures = append(e.Failures, Failure{CI: parts[i].first, Impact: sizes[i] - 1})
	}
	relate := func(owner, member uint32) {
		e.Owner, e.Member = append(e.Owner, owner), append(e.Member, member)
	}
	partOf := func(ci uint32) int {
		for i := range parts {
			if ci >= parts[i].first {
				return i
			}
		}
		return len(parts) - 1
	}
	// A member is a level above its owner in the tree, mostly near what the owner rests on there, as
	// in the same rack or cluster, or in a part around the owner's.
	member := func(owner uint32) uint32 {
		p := partOf(owner)
		for p+1 < len(parts) && (owner == parts[p].first || random.IntN(100) == 0) {
			p++
			owner = parts[p].first + random.Uint32N(parts[p].end-parts[p].first)
		}
		above, spread := int(owner-parts[p].first)/8, 25
		if random.IntN(10) == 0 {
			spread = above/4 + 1
		}
		at := above + random.IntN(2*spread+1) - spread
		return parts[p].first + uint32(min(max(at, 0), max(int(owner-parts[p].first)-1, 0)))
	}
	for i, p := range parts {
		for ci := p.first; ci < p.end; ci++ {
			switch {
			case ci > p.first:
				relate(ci, p.first+(ci-p.first-1)/8)
			case i+1 < len(parts):
				around := parts[i+1]
				relate(ci, around.first+random.Uint32N(around.end-around.first))
			}
		}
	}
	for ci := range uint32(cis) {
		if random.IntN(1000) < 577 {
			g := Group{Owner: ci}
			for range 2 + random.IntN(2) {
				m := member(ci)
				if m != ci && (len(g.Members) == 0 || m != g.Members[0]) && (len(g.Members) < 2 || m != g.Members[1]) {
					g.Members = append(g.Members, m)
				}
			}
			if len(g.Members) > 1 {
				e.Groups = append(e.Groups, g)
			}
		}
	}
	for e.Relations() < 5*cis+1 {
		for range max(1, (5*cis + 1 - e.Relations())) {
			owner := random.Uint32N(uint32(cis))
			relate(owner, member(owner))
		}
	}
	return e
}
