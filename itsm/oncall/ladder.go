// This file holds the arithmetic of escalation: which step tells whom at an instant.

package oncall

import (
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/internal/strictjson"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Ladder says who is told of something, one step after the other, until somebody takes it. It is
// plain data with a JSON form.
type Ladder struct {
	// After is how many minutes it waits before the first step is taken; at most [MaxStepMinutes]. 0 takes
	// it at once. It is for what somebody may take by then without being told.
	After int `json:"after,omitempty"`
	// Steps are taken in order.
	Steps []Step `json:"steps"`
	// Repeat is how many more times all steps are taken after the first; at most [MaxRepeat].
	Repeat int `json:"repeat,omitempty"`
}

// Step tells all its targets at once.
type Step struct {
	// Targets are who is told.
	Targets []Target `json:"targets"`
	// Minutes is how long the step waits for an acknowledgement before the next one is taken, from
	// when it told its targets; after the last step of the last time, before the escalation ends.
	// At least 1, at most [MaxStepMinutes].
	Minutes int `json:"minutes"`
}

// TargetKind says what a target names.
type TargetKind string

// The kinds of targets.
const (
	// TargetPerson is a person, told whether on call or not.
	TargetPerson TargetKind = "person"
	// TargetGroup is a group.
	TargetGroup TargetKind = "group"
	// TargetSchedule is whoever is on call by a schedule when the step is taken.
	TargetSchedule TargetKind = "schedule"
)

// Target is whom a step tells.
type Target struct {
	Kind TargetKind `json:"kind"`
	ID   itsm.ID    `json:"id"`
}

// What bounds a ladder.
const (
	MaxSteps       = 30
	MaxTargets     = 50
	MaxRepeat      = 50
	MaxStepMinutes = 7 * 24 * 60
)

// ParseLadder reads a ladder from its JSON form and checks it. What is not one JSON object of these
// fields alone is ErrInvalid, and so is, with every fault, what [Ladder.Check] refuses.
func ParseLadder(raw []byte) (Ladder, error) {
	var l Ladder
	if err := strictjson.Decode("ladder", raw, MaxDocument, &l); err != nil {
		return Ladder{}, err
	}
	return l, l.Check()
}

// Check gives ErrInvalid with every fault of the ladder at once. It does not know which schedules
// there are.
func (l Ladder) Check() error {
	var f itsm.Faults
	if len(l.Steps) == 0 {
		f.Add("steps", "is required")
	}
	if len(l.Steps) > MaxSteps {
		f.Addf("steps", "are %d; at most %d are allowed", len(l.Steps), MaxSteps)
		return f.Err("ladder")
	}
	if l.After < 0 || l.After > MaxStepMinutes {
		f.Addf("after", "must be from 0 to %d", MaxStepMinutes)
	}
	if l.Repeat < 0 || l.Repeat > MaxRepeat {
		f.Addf("repeat", "must be from 0 to %d", MaxRepeat)
	}
	for i, s := range l.Steps {
		at := fmt.Sprintf("steps[%d]", i)
		if s.Minutes < 1 || s.Minutes > MaxStepMinutes {
			f.Addf(at+".minutes", "must be from 1 to %d", MaxStepMinutes)
		}
		if len(s.Targets) == 0 {
			f.Add(at+".targets", "is required")
		}
		if len(s.Targets) > MaxTargets {
			f.Addf(at+".targets", "are %d; at most %d are allowed", len(s.Targets), MaxTargets)
			continue
		}
		for j, t := range s.Targets {
			at := fmt.Sprintf("%s.targets[%d]", at, j)
			switch t.Kind {
			case TargetPerson, TargetGroup, TargetSchedule:
			case "":
				f.Add(at+".kind", `is required: "person", "group" or "schedule"`)
			default:
				f.Add(at+".kind", `must be "person", "group" or "schedule"`)
			}
			f.Key(at+".id", string(t.ID))
			if slices.Contains(s.Targets[:j], t) {
				f.Add(at, "stands in this step already")
			}
		}
	}
	return f.Err("ladder")
}

// clone gives a ladder that shares nothing with l.
func (l Ladder) clone() Ladder {
	l.Steps = slices.Clone(l.Steps)
	for i := range l.Steps {
		l.Steps[i].Targets = slices.Clone(l.Steps[i].Targets)
	}
	return l
}

// schedules gives the schedules that the ladder names, each once, in the order of their ids.
func (l Ladder) schedules() []itsm.ID {
	var ids []itsm.ID
	for _, s := range l.Steps {
		for _, t := range s.Targets {
			if t.Kind == TargetSchedule {
				ids = append(ids, t.ID)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Told is who is told: people, and groups whose members only the host knows. Both are in the order
// of their ids, each once.
type Told struct {
	People []itsm.ID `json:"people,omitempty"`
	Groups []itsm.ID `json:"groups,omitempty"`
}

// Nobody says that there is nobody to tell.
func (t Told) Nobody() bool { return len(t.People) == 0 && len(t.Groups) == 0 }

// and gives everyone of both.
func (t Told) and(o Told) Told {
	join := func(a, b []itsm.ID) []itsm.ID {
		all := slices.Concat(a, b)
		slices.Sort(all)
		return slices.Compact(all)
	}
	return Told{People: join(t.People, o.People), Groups: join(t.Groups, o.Groups)}
}

// Reach says who is behind a target at an instant; nobody where it has none then.
type Reach func(target Target, at time.Time) (Told, error)

// Timetables reaches the people of timetables, by the id by which targets name them: a schedule that
// it does not have has nobody. People are reached as they are, and groups as groups.
type Timetables map[itsm.ID]*Timetable

// Reach is a [Reach].
func (ts Timetables) Reach(target Target, at time.Time) (Told, error) {
	switch target.Kind {
	case TargetPerson:
		return Told{People: []itsm.ID{target.ID}}, nil
	case TargetGroup:
		return Told{Groups: []itsm.ID{target.ID}}, nil
	}
	t, ok := ts[target.ID]
	if !ok {
		return Told{}, nil
	}
	return Told{People: t.OnCall(at)}, nil
}

// Place is where an escalation is in its ladder.
type Place struct {
	// Round is how often the steps have been begun, Step the number of the step. Both count from 1.
	Round int `json:"round"`
	Step  int `json:"step"`
}

// wait is how long it waits before the first step.
func (l Ladder) wait() time.Duration { return time.Duration(l.After) * time.Minute }

// first is the place at which every escalation begins.
var first = Place{Round: 1, Step: 1}

// after gives the place after another, and whether there is one.
func (l Ladder) after(p Place) (Place, bool) {
	if p.Step < len(l.Steps) {
		return Place{p.Round, p.Step + 1}, true
	}
	return Place{p.Round + 1, 1}, p.Round <= l.Repeat
}

// Turn is one step as it is taken: what it comes to at its instant.
type Turn struct {
	// Place is the step taken; the zero Place where nobody was reached at all.
	Place
	// Told is who is told, nobody where no step reached anybody.
	Told
	// Skipped are the steps that were passed over because they reached nobody, in order.
	Skipped []Place `json:"skipped,omitempty"`
	// At is when it is taken, and Until when it has waited long enough.
	At    time.Time `json:"at"`
	Until time.Time `json:"until,omitzero"`
	// Next is the step after it, the zero Place where there is none: the escalation ends at Until.
	Next Place `json:"next,omitzero"`
}

// Take takes the step at a place, where the zero Place is the first, at an instant, without the wait before
// the first. A step that
// reaches nobody is skipped at once, in favour of the next one at the same instant. Where neither
// it nor any step after it reaches anybody, the turn has Nobody and the escalation is at its end.
// An error is reach's own, or ErrInvalid for a place that the ladder does not have.
func (l Ladder) Take(at time.Time, from Place, reach Reach) (Turn, error) {
	if from == (Place{}) {
		from = first
	}
	if from.Step < 1 || from.Step > len(l.Steps) || from.Round < 1 || from.Round > l.Repeat+1 {
		return Turn{}, itsm.Invalid("ladder", "place", fmt.Sprintf("has no step %d in round %d", from.Step, from.Round))
	}
	turn := Turn{At: storage.Instant(at)}
	for range l.Steps { // after all of them once, the next round has nobody either
		step := l.Steps[from.Step-1]
		for _, target := range step.Targets {
			told, err := reach(target, turn.At)
			if err != nil {
				return Turn{}, err
			}
			turn.Told = turn.Told.and(told)
		}
		next, ok := l.after(from)
		if !turn.Nobody() {
			turn.Place, turn.Until = from, turn.At.Add(time.Duration(step.Minutes)*time.Minute)
			if ok {
				turn.Next = next
			}
			return turn, nil
		}
		turn.Skipped = append(turn.Skipped, from)
		if !ok {
			break
		}
		from = next
	}
	return turn, nil
}

// Forecast gives the turns that an escalation takes that starts at an instant when nobody acknowledges it:
// the first when it has waited for its first step.
// Where the last turn reached somebody, the escalation ends at its Until; otherwise at its At.
func (l Ladder) Forecast(at time.Time, reach Reach) ([]Turn, error) {
	var turns []Turn
	at = at.Add(l.wait())
	for place := (Place{}); ; {
		turn, err := l.Take(at, place, reach)
		if err != nil {
			return nil, err
		}
		turns = append(turns, turn)
		if turn.Next == (Place{}) {
			return turns, nil
		}
		at, place = turn.Until, turn.Next
	}
}
