// This file holds impact, urgency and the priority that follows from them.

package itsm

import (
	"fmt"
)

// Impact says how much of the business is affected. Lower numbers are higher; 0 is unset. Its
// JSON form is the number.
type Impact int8

// The impacts.
const (
	ImpactHigh   Impact = 1
	ImpactMedium Impact = 2
	ImpactLow    Impact = 3
)

// Urgency says how quickly the business needs a resolution. Lower numbers are more urgent; 0
// is unset. Its JSON form is the number.
type Urgency int8

// The urgencies.
const (
	UrgencyHigh   Urgency = 1
	UrgencyMedium Urgency = 2
	UrgencyLow    Urgency = 3
)

// Priority orders work. Lower numbers come first; 0 is unset. Its JSON form is the number.
type Priority int8

// The priorities.
const (
	PriorityCritical Priority = 1
	PriorityHigh     Priority = 2
	PriorityModerate Priority = 3
	PriorityLow      Priority = 4
	// PriorityPlanning is for work that waits for its turn in a plan.
	PriorityPlanning Priority = 5
)

// Valid says whether the impact is one of the three.
func (i Impact) Valid() bool { return i >= ImpactHigh && i <= ImpactLow }

// Valid says whether the urgency is one of the three.
func (u Urgency) Valid() bool { return u >= UrgencyHigh && u <= UrgencyLow }

// Valid says whether the priority is one of the five.
func (p Priority) Valid() bool { return p >= PriorityCritical && p <= PriorityPlanning }

// String gives number and name, as in "1 - High".
func (i Impact) String() string { return level(int(i), "High", "Medium", "Low") }

// String gives number and name, as in "1 - High".
func (u Urgency) String() string { return level(int(u), "High", "Medium", "Low") }

// String gives number and name, as in "1 - Critical".
func (p Priority) String() string {
	return level(int(p), "Critical", "High", "Moderate", "Low", "Planning")
}

func level(n int, names ...string) string {
	switch {
	case n == 0:
		return "not set"
	case n < 0 || n > len(names):
		return fmt.Sprintf("%d - unknown", n)
	}
	return fmt.Sprintf("%d - %s", n, names[n-1])
}

// PriorityMatrix says which priority follows from an impact and an urgency. It is immutable.
type PriorityMatrix struct {
	cells [3][3]Priority
}

// NewPriorityMatrix makes a matrix of an entry for each impact and urgency. It refuses, as
// [ErrInvalid] with every fault, holes, unknown values, and entries by which more impact or
// more urgency would give a lower priority.
func NewPriorityMatrix(entries map[Impact]map[Urgency]Priority) (*PriorityMatrix, error) {
	var f Faults
	m := new(PriorityMatrix)
	known := 0
	for i := ImpactHigh; i <= ImpactLow; i++ {
		for u := UrgencyHigh; u <= UrgencyLow; u++ {
			p, ok := entries[i][u]
			switch {
			case !ok:
				f.Add(cell(i, u), "is required")
			case !p.Valid():
				known++
				f.Addf(cell(i, u), "must be a priority from 1 to 5, not %d", p)
			default:
				known++
				m.cells[i-1][u-1] = p
			}
		}
	}
	total := 0
	for _, row := range entries {
		total += len(row)
	}
	if total != known {
		f.Add("entries", "hold an impact or urgency other than 1, 2 and 3")
	}
	for i := ImpactHigh; i <= ImpactLow; i++ {
		for u := UrgencyHigh; u <= UrgencyLow; u++ {
			here := m.cells[i-1][u-1]
			if here == 0 {
				continue
			}
			if i > ImpactHigh && m.cells[i-2][u-1] > here {
				f.Addf(cell(i, u), "is more urgent than the entry for the next higher impact")
			}
			if u > UrgencyHigh && m.cells[i-1][u-2] > here {
				f.Addf(cell(i, u), "is more urgent than the entry for the next higher urgency")
			}
		}
	}
	if err := f.Err("priority matrix"); err != nil {
		return nil, err
	}
	return m, nil
}

func cell(i Impact, u Urgency) string { return fmt.Sprintf("impact %d, urgency %d", i, u) }

// StandardPriorityMatrix is the matrix of common practice: high impact gives 1, 2, 3 from high
// to low urgency, medium impact 2, 3, 4, low impact 3, 4, 4.
func StandardPriorityMatrix() *PriorityMatrix {
	return &PriorityMatrix{cells: [3][3]Priority{{1, 2, 3}, {2, 3, 4}, {3, 4, 4}}}
}

// Of gives the priority, or [ErrInvalid] that names each value that is not 1, 2 or 3.
func (m *PriorityMatrix) Of(i Impact, u Urgency) (Priority, error) {
	if i.Valid() && u.Valid() {
		return m.cells[i-1][u-1], nil
	}
	var f Faults
	if !i.Valid() {
		f.Addf("impact", "must be 1, 2 or 3, not %d", i)
	}
	if !u.Valid() {
		f.Addf("urgency", "must be 1, 2 or 3, not %d", u)
	}
	return 0, f.Err("priority")
}

// Entries gives a copy of the matrix in the form that [NewPriorityMatrix] takes, to show or
// to keep as JSON.
func (m *PriorityMatrix) Entries() map[Impact]map[Urgency]Priority {
	entries := make(map[Impact]map[Urgency]Priority, 3)
	for i := range m.cells {
		row := make(map[Urgency]Priority, 3)
		for u, p := range m.cells[i] {
			row[Urgency(u+1)] = p
		}
		entries[Impact(i+1)] = row
	}
	return entries
}
