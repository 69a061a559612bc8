// This file holds what a graph consists of, as a caller gives it and gets it back.

package impact

import (
	"fmt"

	"github.com/itsmkit/itsmkit/storage"
)

// Limits of a graph. An input beyond one is refused.
const (
	// MaxCIs is how many CIs a graph may have, those removed since it was compacted included.
	MaxCIs = 1 << 28
	// MaxKinds is how many kinds of relation a graph may have.
	MaxKinds = 255
	// MaxWeight is the greatest total weight of a group, which is its size where no member has
	// a weight of its own.
	MaxWeight = 1<<24 - 1
)

// Flow says which way a failure passes over a relation of a kind, whatever the kind's name says.
// The zero value is refused, so that a forgotten one does not silently cut the graph.
type Flow uint8

const (
	// ToSource: the source depends on the target, as in "runs on". The source owns the relation.
	ToSource Flow = iota + 1
	// ToTarget: the target depends on the source, as in "powers". The target owns the relation.
	ToTarget
	// Both: each depends on the other.
	Both
	// NoFlow: nothing passes, as in "documented by". Such a relation only shows in pictures.
	NoFlow
)

var flowNames = [...]string{"", "to-source", "to-target", "both", "none"}

func (f Flow) String() string {
	if f >= ToSource && f <= NoFlow {
		return flowNames[f]
	}
	return fmt.Sprintf("flow %d", uint8(f))
}

// MarshalText writes the flow as to-source, to-target, both or none.
func (f Flow) MarshalText() ([]byte, error) {
	if f < ToSource || f > NoFlow {
		return nil, storage.Invalid("flow", "flow", "must be to-source, to-target, both or none")
	}
	return []byte(flowNames[f]), nil
}

// UnmarshalText reads what MarshalText writes.
func (f *Flow) UnmarshalText(text []byte) error {
	for known := ToSource; known <= NoFlow; known++ {
		if string(text) == flowNames[known] {
			*f = known
			return nil
		}
	}
	return storage.Invalid("flow", "flow", "must be to-source, to-target, both or none")
}

// Kind is a kind of relation. Its name means nothing to the engine: flow and propagation do.
type Kind struct {
	// Name is unique within a graph and not empty.
	Name string `json:"name"`
	// Flow says which way failure passes over a [Relation] of this kind. A [Group] of any kind has
	// an owner that depends on its members.
	Flow Flow `json:"flow"`
	// Propagation says what the owner feels. It must be [None] where the flow is [NoFlow].
	Propagation Propagation `json:"propagation"`
}

// Relation is one relation between two CIs, by id. On the owner's side, which is the one that
// depends, it is a group of one. Relations are a set: the same one twice is one.
type Relation struct {
	Source string `json:"source"`
	Kind   string `json:"kind"`
	Target string `json:"target"`
}

// Need says how much of a group must work for its owner to be held up. The zero value is none and
// is refused.
type Need struct {
	// Count is a weight, or a number of members where none has a weight.
	Count int `json:"count,omitempty"`
	// Percent is of the total weight, rounded up. Only one of the two is given.
	Percent int `json:"percent,omitempty"`
}

// AtLeast needs members of a total weight: AtLeast(1) of two is a pair of which one suffices.
func AtLeast(count int) Need { return Need{Count: count} }

// Percent needs a share of the total weight, 1 to 100, rounded up. Percent(100) needs all.
func Percent(percent int) Need { return Need{Percent: percent} }

// of gives the need as a weight out of a total.
func (n Need) of(total int) int {
	if n.Percent > 0 {
		return (total*n.Percent + 99) / 100
	}
	return n.Count
}

// Member is a CI that holds up the owner of a group.
type Member struct {
	ID string `json:"id"`
	// Weight is what the member counts for; 0 means 1.
	Weight int `json:"weight,omitempty"`
}

// Members gives members that count the same.
func Members(ids ...string) []Member {
	all := make([]Member, len(ids))
	for i, id := range ids {
		all[i].ID = id
	}
	return all
}

// EmptyEffect says in which state a group without members is.
type EmptyEffect uint8

const (
	// EmptyRefused refuses a group without members. It is the zero value.
	EmptyRefused EmptyEffect = iota
	// EmptyOK is a group that holds its owner up although nothing is in it.
	EmptyOK
	// EmptyDegraded is a group that is degraded while nothing is in it.
	EmptyDegraded
	// EmptyDown is a group that is down while nothing is in it. Its owner is impacted in every
	// answer, with nothing failed.
	EmptyDown
)

var emptyStates = [...]State{EmptyOK: OK, EmptyDegraded: Degraded, EmptyDown: Down}

// Group is redundancy: an owner that is held up while enough of the members work. Owner, kind and
// name identify it, so that an owner may have several groups of a kind.
type Group struct {
	Owner string `json:"owner"`
	Kind  string `json:"kind"`
	// Name tells groups of the same owner and kind apart. It may be empty.
	Name    string   `json:"name,omitempty"`
	Members []Member `json:"members"`
	// Need must be at most the total weight of the members.
	Need Need `json:"need"`
	// Empty says what the group does while it has no members, and nothing otherwise.
	Empty EmptyEffect `json:"empty,omitempty"`
}

// Failure is a CI that does not work by itself, rather than for what holds it up.
type Failure struct {
	ID string `json:"id"`
	// State is [Degraded] or [Down].
	State State `json:"state"`
	// Planned says that it was to be expected, as in a maintenance window. It counts as any other,
	// so that lost redundancy is seen; what it explains alone is marked, so that a host can keep
	// its alerts to itself.
	Planned bool `json:"planned,omitempty"`
}

// Failed gives the failures of CIs that are down.
func Failed(ids ...string) []Failure {
	all := make([]Failure, len(ids))
	for i, id := range ids {
		all[i] = Failure{ID: id, State: Down}
	}
	return all
}

// Support is one thing that holds a CI up: a group, or a relation as a group of one.
type Support struct {
	Kind string `json:"kind"`
	// Group is the name of a group, where Relation is false.
	Group string `json:"group,omitempty"`
	// Relation says that this is a relation and not a group.
	Relation bool `json:"relation,omitempty"`
	// Propagation is that of the kind, and None where nothing flows.
	Propagation Propagation `json:"propagation"`
	// Need is the weight that must work, out of Total.
	Need  int `json:"need"`
	Total int `json:"total"`
	// Empty is the state of a group without members, OK in any other.
	Empty State `json:"empty,omitempty"`
	// Members are in order of id, with their weights.
	Members []Member `json:"members,omitempty"`
}

// spare is the weight that may be lost before the support fails.
func (s Support) spare() int { return s.Total - s.Need }

// kinds is the table of kinds that a snapshot and its successors share. It never changes.
type kinds struct {
	all   []Kind
	place map[string]uint8
	// effect is what the owner's level becomes by the level of a group, by kind.
	effect [MaxKinds][3]level
	// code is the kind's propagation as three bits of a word, of which codes gives the effect.
	code  [MaxKinds]uint8
	codes [8][3]level
	// steps are what [kinds.step] gives, by level and by code and mark together.
	steps [3][256]uint8
	// touching says for which levels a kind passes something on, and nothing of that level.
	touching [3]bool
	// idle says that a kind passes nothing on.
	idle bool
}

// The propagations, by their three bits. The first passes nothing.
var propagations = [...]Propagation{None, Soften, Map(OK, Down), Cap, Full, Map(Down, Down)}

func newKinds(all []Kind) (*kinds, error) {
	var f faults
	k := &kinds{all: append([]Kind(nil), all...), place: make(map[string]uint8, len(all))}
	if len(all) > MaxKinds {
		f.add("kinds", "are %d; at most %d are allowed", len(all), MaxKinds)
		return nil, f.err("kinds of relation")
	}
	for i, p := range propagations {
		for l := level(levelOK); l <= levelDown; l++ {
			k.codes[i][l] = levelOf(p.Of(levelState(l)))
		}
	}
	for group := level(levelOK); group <= levelDown; group++ {
		for code := range uint8(len(k.codes)) {
			for mark := 0; mark <= markMask; mark += 1 << markLevelAt {
				k.steps[group][code|uint8(mark)] = k.step(group, code, uint8(mark))
			}
		}
	}
	for i, kind := range all {
		at := fmt.Sprintf("kinds[%d].", i)
		switch _, twice := k.place[kind.Name]; {
		case kind.Name == "":
			f.add(at+"name", "is required")
		case twice:
			f.add(at+"name", "%q is declared twice", brief(kind.Name))
		}
		k.place[kind.Name] = uint8(i)
		if kind.Flow < ToSource || kind.Flow > NoFlow {
			f.add(at+"flow", "is required: to-source, to-target, both or none")
		}
		problem := kind.Propagation.problem()
		if problem == "" && kind.Flow == NoFlow && kind.Propagation != None {
			problem = "must be none where nothing flows"
		}
		if problem != "" {
			f.add(at+"propagation", "%s", problem)
			continue
		}
		for code, p := range propagations {
			if p == kind.Propagation {
				k.code[i], k.effect[i] = uint8(code), k.codes[code]
				k.idle = k.idle || code == 0
				for l := level(levelDegraded); l <= levelDown; l++ {
					k.touching[l] = k.touching[l] || code != 0 && k.effect[i][l] == levelOK
				}
			}
		}
	}
	if err := f.err("kinds of relation"); err != nil {
		return nil, err
	}
	return k, nil
}
