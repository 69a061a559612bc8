// This file holds the dry run: who would have got what under one set and under another.

package routing

import (
	"iter"

	"github.com/itsmkit/itsmkit/itsm"
)

// Past is a record of the history that a dry run goes through.
type Past struct {
	// ID names it in the differences.
	ID    itsm.ID
	Facts Facts
}

// DryRunOptions are the settings of a dry run; the zero value works.
type DryRunOptions struct {
	// People gives the candidates of a group as they were for a record; whose turn it is the dry
	// run keeps itself, for each of the sets. Loads are what People says: what the dry run gives
	// to someone is not added to them. Nil compares rules and groups alone.
	People func(p Past, group itsm.ID) ([]Candidate, error)
	// Limit is how many differences are listed; 0 is 100.
	Limit int
}

// Difference is a record that would have gone to another group or person.
type Difference struct {
	Record itsm.ID  `json:"record"`
	Before Decision `json:"before"`
	After  Decision `json:"after"`
}

// Comparison is what a dry run found.
type Comparison struct {
	// Records is how many there were.
	Records int `json:"records"`
	// Different is how many would have gone to another group or person; OtherGroup is how many
	// of these to another group.
	Different  int `json:"different"`
	OtherGroup int `json:"other_group"`
	// Undecided is how many no rule matches and no default group takes, before and after.
	Undecided [2]int `json:"undecided"`
	// Groups is how many each group gets, before and after.
	Groups map[itsm.ID][2]int `json:"groups"`
	// Differences are the first of those that are different, in the order of the history.
	Differences []Difference `json:"differences,omitempty"`
}

// Decider decides: a [RuleSet] or a [Merged] one.
type Decider interface {
	Decide(facts Facts, people People) (Decision, error)
}

// DryRun takes a history through two sets and changes nothing. It ends at the first error, of the
// history or of People, which is given as it is.
func DryRun(before, after Decider, history iter.Seq2[Past, error], o DryRunOptions) (Comparison, error) {
	limit := o.Limit
	if limit <= 0 {
		limit = 100
	}
	c := Comparison{Groups: map[itsm.ID][2]int{}}
	sides := [2]Decider{before, after}
	turns := [2]map[itsm.ID]itsm.ID{{}, {}}
	for p, err := range history {
		if err != nil {
			return Comparison{}, err
		}
		var got [2]Decision
		for i, side := range sides {
			var people People
			if o.People != nil {
				people = func(group itsm.ID) (Team, error) {
					candidates, err := o.People(p, group)
					return Team{Candidates: candidates, Last: turns[i][group]}, err
				}
			}
			if got[i], err = side.Decide(p.Facts, people); err != nil {
				return Comparison{}, err
			}
			if got[i].Last != "" {
				turns[i][got[i].Group] = got[i].Last
			}
			if got[i].Outcome == OutcomeNone {
				c.Undecided[i]++
				continue
			}
			n := c.Groups[got[i].Group]
			n[i]++
			c.Groups[got[i].Group] = n
		}
		c.Records++
		if got[0].Group == got[1].Group && got[0].Assignee == got[1].Assignee {
			continue
		}
		c.Different++
		if got[0].Group != got[1].Group {
			c.OtherGroup++
		}
		if len(c.Differences) < limit {
			c.Differences = append(c.Differences, Difference{Record: p.ID, Before: got[0], After: got[1]})
		}
	}
	return c, nil
}
