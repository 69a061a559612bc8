// This file holds what differs between two answers, and what a change would do.

package impact

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Difference is a CI whose state differs between two answers. States include how a CI failed by
// itself.
type Difference struct {
	ID     string `json:"id"`
	Before State  `json:"before"`
	After  State  `json:"after"`
}

// Compare gives the CIs whose states differ between two answers, which may be of different
// snapshots: a CI that only one has is [OK] in the other. Those that became worst come first, then by
// id. It is what a change adds to what is down already, and how an impact drifted since a baseline.
func Compare(before, after *Result) []Difference {
	states := map[string]Difference{}
	for id, state := range before.states() {
		states[id] = Difference{ID: id, Before: state}
	}
	for id, state := range after.states() {
		d := states[id]
		d.ID, d.After = id, state
		states[id] = d
	}
	all := slices.DeleteFunc(slices.Collect(maps.Values(states)), func(d Difference) bool { return d.Before == d.After })
	slices.SortFunc(all, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(b.After, a.After), cmp.Compare(a.Before, b.Before), strings.Compare(a.ID, b.ID))
	})
	return all
}

// states gives every CI that is not OK once, those that failed included.
func (r *Result) states() func(yield func(string, State) bool) {
	return func(yield func(string, State) bool) {
		for _, event := range r.log {
			ci := event >> eventBits
			if event&eventMask == toDegraded && r.find(ci).down != 0 {
				continue
			}
			if !yield(r.s.id(ci), levelState(eventLevel(event))) {
				return
			}
		}
		for _, ci := range r.touched {
			if !yield(r.s.id(ci), AtRisk) {
				return
			}
		}
	}
}

// WhatIf is what a change would do on top of what is already so.
type WhatIf struct {
	// Before is the answer without the change, and After with it.
	Before, After *Result
	// Differences are what the change does, with the CIs that the change itself takes down: nothing
	// where it is harmless.
	Differences []Difference
}

// WhatIf says what failures would do on top of those that are already there: what is down now and
// what other changes and windows take down at the same time. Two changes that are harmless alone show here when
// they are not together. Nothing is kept, and the same question again gives the same answer.
func (s *Snapshot) WhatIf(already, change []Failure, o Options) (WhatIf, error) {
	b, err := newBudget("what-if", o.Work)
	if err != nil {
		return WhatIf{}, err
	}
	var w WhatIf
	if w.Before, err = s.impact(b, already, o); err != nil {
		return WhatIf{}, err
	}
	if w.After, err = s.impact(b, slices.Concat(already, change), o); err != nil {
		return WhatIf{}, err
	}
	w.Differences = Compare(w.Before, w.After)
	return w, nil
}

// Service is what a business list is about. Criticality is the host's: greater is more critical.
type Service struct {
	ID          string `json:"id"`
	Criticality int    `json:"criticality"`
}

// ServiceStanding is how a service stands.
type ServiceStanding struct {
	Service
	State State `json:"state"`
	// Spare is the least that any support can still lose before the service feels it, as a weight.
	// A plain relation can lose nothing.
	Spare int `json:"spare"`
	// Groups is how many groups hold the service up. Spare counts these alone, as a relation that
	// is whole says nothing about lost redundancy; it is 0 without groups.
	Groups int `json:"groups"`
	// Planned says that planned failures alone explain the state.
	Planned bool `json:"planned,omitempty"`
}

// Business gives how services stand: the worst first, of these the most critical, then those with the least
// to spare, then by id. It includes those that are well. It refuses services that are not in the
// graph, with every fault.
func (r *Result) Business(services []Service) ([]ServiceStanding, error) {
	var f faults
	all := make([]ServiceStanding, 0, len(services))
	for _, service := range services {
		ci := r.s.find(service.ID)
		if ci == none {
			f.add("services", "%q is not a CI of the graph", brief(service.ID))
			continue
		}
		one := ServiceStanding{Service: service, State: r.state(ci)}
		supports, _ := r.s.Supports(service.ID)
		for _, support := range supports {
			if support.Relation || support.Propagation == None {
				continue
			}
			if spare := r.standing(support).Spare; one.Groups == 0 || spare < one.Spare {
				one.Spare = spare
			}
			one.Groups++
		}
		if one.State != OK {
			one.Planned = r.isPlanned(ci, levelOf(one.State))
		}
		all = append(all, one)
	}
	if err := f.err("business list"); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b ServiceStanding) int {
		return cmp.Or(cmp.Compare(b.State, a.State), cmp.Compare(b.Criticality, a.Criticality), cmp.Compare(a.Spare, b.Spare), strings.Compare(a.ID, b.ID))
	})
	return all, nil
}
