// This file holds how a person of a group is chosen.

package routing

import (
	"fmt"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
)

// Candidate is a person of a group, as they are when a record is routed.
type Candidate struct {
	ID itsm.ID `json:"id"`
	// Active people work here; others have left.
	Active bool `json:"active"`
	// Available people are at work: not absent, not out of their hours.
	Available bool `json:"available"`
	// Skills are the levels of what they can, from 1.
	Skills map[string]int `json:"skills,omitempty"`
	// Capacity is how many open records they may have; 0 leaves it to the rule.
	Capacity int `json:"capacity,omitempty"`
	// Load is how many open records they have.
	Load int `json:"load"`
}

// Team is what a decision needs to know of a group.
type Team struct {
	// Candidates are its people, in any order, each once.
	Candidates []Candidate
	// Last is who had the last turn, for the round robin: the Last of the decision before, empty
	// at the beginning. It need not be a candidate any more.
	Last itsm.ID
}

// People gives a group as it is. A decision asks only where a rule chooses a person, of one group
// after the other.
type People func(group itsm.ID) (Team, error)

// Considered is a person who was considered, and why they were not taken.
type Considered struct {
	Person itsm.ID `json:"person"`
	Load   int     `json:"load"`
	// Capacity is what bounds the load; 0 is nothing.
	Capacity int `json:"capacity,omitempty"`
	// Skills are the levels that they have of the skills that are needed, 0 where they have
	// none.
	Skills []Skill `json:"skills,omitempty"`
	// Excluded says why they cannot take the record; empty where they can.
	Excluded string `json:"excluded,omitempty"`
	Chosen   bool   `json:"chosen,omitempty"`
}

// check gives ErrInvalid for a team that cannot be.
func (t Team) check(group itsm.ID) error {
	var f itsm.Faults
	seen := make(map[itsm.ID]bool, len(t.Candidates))
	for i, c := range t.Candidates {
		at := fmt.Sprintf("candidates[%d]", i)
		f.Key(at+".id", string(c.ID))
		if seen[c.ID] {
			f.Addf(at+".id", "%s is named twice", quoted(string(c.ID)))
		}
		seen[c.ID] = true
		if c.Load < 0 {
			f.Add(at+".load", "must not be negative")
		}
		if c.Capacity < 0 {
			f.Add(at+".capacity", "must not be negative")
		}
	}
	return f.Err("people of the group " + string(group))
}

// choose gives everyone in the order of their ids, and the place of who takes the record; -1 is
// nobody.
func (p Selection) choose(t Team) ([]Considered, int) {
	people := slices.Clone(t.Candidates)
	slices.SortFunc(people, func(a, b Candidate) int { return strings.Compare(string(a.ID), string(b.ID)) })
	all, chosen := make([]Considered, len(people)), -1
	for i, c := range people {
		all[i] = p.consider(c)
		if all[i].Excluded != "" {
			continue
		}
		switch {
		case chosen < 0:
			chosen = i
		case p.Method == MethodRoundRobin:
			// Who comes first behind the last one, and the first of all where nobody does.
			if all[chosen].Person <= t.Last && c.ID > t.Last {
				chosen = i
			}
		case c.Load < all[chosen].Load:
			chosen = i
		}
	}
	if chosen >= 0 {
		all[chosen].Chosen = true
	}
	return all, chosen
}

// consider says whether a person can take a record, and every reason why not.
func (p Selection) consider(c Candidate) Considered {
	x := Considered{Person: c.ID, Load: c.Load, Capacity: c.Capacity}
	if x.Capacity == 0 {
		x.Capacity = p.Capacity
	}
	var why []string
	if p.Method == MethodPerson && c.ID != p.Person {
		why = append(why, "is not the person whom the rule names")
	}
	if !c.Active {
		why = append(why, "is not active")
	}
	if !c.Available {
		why = append(why, "is not available")
	}
	if x.Capacity > 0 && c.Load >= x.Capacity {
		why = append(why, fmt.Sprintf("has %d open records of %d", c.Load, x.Capacity))
	}
	for _, k := range p.Skills {
		has := c.Skills[k.Name]
		x.Skills = append(x.Skills, Skill{k.Name, has})
		switch {
		case has == 0:
			why = append(why, "lacks the skill "+k.Name)
		case has < k.Level:
			why = append(why, fmt.Sprintf("has the skill %s at level %d, not %d", k.Name, has, k.Level))
		}
	}
	x.Excluded = strings.Join(why, "; ")
	return x
}

// reason says in words how the person was chosen.
func (p Selection) reason(t Team, x Considered) string {
	switch p.Method {
	case MethodRoundRobin:
		if t.Last == "" {
			return fmt.Sprintf("%s has the first turn", x.Person)
		}
		return fmt.Sprintf("%s has the turn after %s", x.Person, t.Last)
	case MethodPerson:
		return fmt.Sprintf("%s is the person whom the rule names", x.Person)
	}
	return fmt.Sprintf("%s has the fewest open records of those who can take it: %d", x.Person, x.Load)
}
