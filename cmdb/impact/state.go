// This file holds how badly a CI is affected, and how that passes over a relation.

package impact

import (
	"fmt"
	"strings"

	"github.com/itsmkit/itsmkit/storage"
)

// State is how badly a CI is affected. States are ordered: a greater one is worse.
type State uint8

const (
	// OK is a CI that works, with everything that holds it up.
	OK State = iota
	// AtRisk is a CI that works, while a group that holds it up has a member that does not:
	// redundancy was lost. It is shown, and never passes on.
	AtRisk
	// Degraded is a CI that works badly.
	Degraded
	// Down is a CI that does not work.
	Down
)

var stateNames = [...]string{"ok", "at-risk", "degraded", "down"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// MarshalText writes the state as its name: ok, at-risk, degraded or down.
func (s State) MarshalText() ([]byte, error) {
	if int(s) >= len(stateNames) {
		return nil, storage.Invalid("state", "state", "must be one of "+strings.Join(stateNames[:], ", "))
	}
	return []byte(stateNames[s]), nil
}

// UnmarshalText reads the name of a state.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range stateNames {
		if string(text) == name {
			*s = State(i)
			return nil
		}
	}
	return storage.Invalid("state", "state", "must be one of "+strings.Join(stateNames[:], ", "))
}

// Propagation says what a CI feels of the state of what holds it up: a monotone map from the state
// of a group to a state of its owner. OK always gives OK. The zero value is none of them and is
// refused where a kind is declared, so that a forgotten one does not silently cut the graph.
type Propagation uint8

// A map has a bit that says that it was given, and two states of two bits each.
const (
	given         = 1 << 4
	levelOK       = 0
	levelDegraded = 1
	levelDown     = 2

	// Full passes everything on: degraded gives degraded, and down gives down.
	Full Propagation = given | levelDegraded<<2 | levelDown
	// Cap passes both on as degraded: the owner works badly without it, but works.
	Cap Propagation = given | levelDegraded<<2 | levelDegraded
	// Soften passes down on as degraded, and degraded not at all.
	Soften Propagation = given | levelOK<<2 | levelDegraded
	// None passes nothing on: the relation is a record of something, and no support.
	None Propagation = given | levelOK<<2 | levelOK
)

// Map gives the propagation by which a degraded group makes its owner ifDegraded, and one that is
// down makes it ifDown; both are [OK], [Degraded] or [Down]. A map that is not monotone, where down
// does less than degraded, is refused where a kind is declared with it.
func Map(ifDegraded, ifDown State) Propagation {
	if ifDegraded == AtRisk || ifDown == AtRisk || ifDegraded > Down || ifDown > Down {
		return 0xff
	}
	return given | Propagation(levelOf(ifDegraded))<<2 | Propagation(levelOf(ifDown))
}

// Of says what the owner feels of a group in a state. A propagation that is not valid gives [OK].
func (p Propagation) Of(group State) State {
	if p.problem() != "" {
		return OK
	}
	switch group {
	case Degraded:
		return levelState(uint8(p) >> 2 & 3)
	case Down:
		return levelState(uint8(p) & 3)
	}
	return OK
}

// needs gives the least state of a group by which the owner feels at least a state, which is
// Degraded or Down, and false where none does.
func (p Propagation) needs(owner State) (State, bool) {
	for _, group := range []State{Degraded, Down} {
		if p.Of(group) >= owner {
			return group, true
		}
	}
	return OK, false
}

// problem says what is wrong with the map, or nothing.
func (p Propagation) problem() string {
	degraded, down := uint8(p)>>2&3, uint8(p)&3
	switch {
	case p == 0:
		return "is required: full, cap, soften, none or a map"
	case p > given|levelDown<<2|levelDown || p < given || degraded > levelDown || down > levelDown:
		return "must map degraded and down each to ok, degraded or down"
	case down < degraded:
		return "is not monotone: what is down must do at least what is degraded does"
	}
	return ""
}

var propagationNames = map[Propagation]string{Full: "full", Cap: "cap", Soften: "soften", None: "none"}

func (p Propagation) String() string {
	if name, ok := propagationNames[p]; ok {
		return name
	}
	if p.problem() != "" {
		return fmt.Sprintf("propagation %d", uint8(p))
	}
	return fmt.Sprintf("degraded=%s,down=%s", p.Of(Degraded), p.Of(Down))
}

// MarshalText writes the propagation as full, cap, soften, none, or as degraded=STATE,down=STATE.
func (p Propagation) MarshalText() ([]byte, error) {
	if problem := p.problem(); problem != "" {
		return nil, storage.Invalid("propagation", "propagation", problem)
	}
	return []byte(p.String()), nil
}

// UnmarshalText reads what MarshalText writes, and refuses a map that is not monotone.
func (p *Propagation) UnmarshalText(text []byte) error {
	for known, name := range propagationNames {
		if string(text) == name {
			*p = known
			return nil
		}
	}
	left, right, found := strings.Cut(string(text), ",")
	degraded, hasDegraded := strings.CutPrefix(left, "degraded=")
	down, hasDown := strings.CutPrefix(right, "down=")
	var ifDegraded, ifDown State
	if !found || !hasDegraded || !hasDown ||
		ifDegraded.UnmarshalText([]byte(degraded)) != nil || ifDown.UnmarshalText([]byte(down)) != nil {
		return storage.Invalid("propagation", "propagation", "must be full, cap, soften, none or degraded=STATE,down=STATE")
	}
	read := Map(ifDegraded, ifDown)
	if problem := read.problem(); problem != "" {
		return storage.Invalid("propagation", "propagation", problem)
	}
	*p = read
	return nil
}

// level is a state as the engine counts it: at-risk is no level, as it never passes on.
type level = uint8

func levelOf(s State) level {
	switch s {
	case Degraded:
		return levelDegraded
	case Down:
		return levelDown
	}
	return levelOK
}

func levelState(l level) State {
	switch l {
	case levelDegraded:
		return Degraded
	case levelDown:
		return Down
	}
	return OK
}
