// This file holds answers: what the graph says, as who asked may know it.

package cmdb

import (
	"fmt"
	"slices"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/itsm"
)

// Answer is what failures bring about, as who asked may know it: CIs that they may not read were computed through, and are not told.
// It never changes, and any number of goroutines may read it. Who may read what is asked when it is read, of what the practice has in
// memory.
type Answer struct {
	result *impact.Result
	scene  *scene
}

// Revision is that of the tenant's graph that was asked: of the last edit by the question's instant.
func (a *Answer) Revision() int64 { return a.scene.revision }

// Partial reports whether the limit of depth left something out.
func (a *Answer) Partial() bool { return a.result.Partial() }

// List gives every impacted CI that may be told: the worst first, of these the nearest, and of these by id.
func (a *Answer) List() []impact.Impacted {
	return slices.DeleteFunc(a.result.List(), func(i impact.Impacted) bool { return !a.scene.sees(i.ID) })
}

// Counts gives how many of these there are by state.
func (a *Answer) Counts() (c impact.Counts) {
	if a.scene.of.every {
		return a.result.Counts()
	}
	for i := range a.result.All() {
		if !a.scene.sees(i.ID) {
			continue
		}
		switch i.State {
		case impact.AtRisk:
			c.AtRisk++
		case impact.Degraded:
			c.Degraded++
		case impact.Down:
			c.Down++
		}
	}
	return c
}

// Hidden reports whether CIs are impacted that may not be told.
func (a *Answer) Hidden() bool {
	if a.scene.of.every {
		return false
	}
	for i := range a.result.All() {
		if !a.scene.sees(i.ID) {
			return true
		}
	}
	return false
}

// find gives ErrNotFound for a CI that may not be told, as for one that is not in the graph.
func (a *Answer) find(id itsm.ID) error {
	if !a.scene.has(string(id)) {
		return notFound(Kind, id)
	}
	return nil
}

// State gives the state of a CI, OK where nothing reaches it. One that is not in the graph or may not be told is ErrNotFound.
func (a *Answer) State(id itsm.ID) (impact.State, error) {
	if err := a.find(id); err != nil {
		return impact.OK, err
	}
	return a.result.State(string(id))
}

// Explain proves the state of a CI that is impacted. CIs that may not be told stand in the proof as "hidden-1" and so on. One that is
// not in the graph or may not be told is ErrNotFound, and one that is not impacted ErrInvalid: see [Answer.WhyNot].
func (a *Answer) Explain(id itsm.ID) (impact.Proof, error) {
	if err := a.find(id); err != nil {
		return impact.Proof{}, err
	}
	proof, err := a.result.Explain(string(id))
	if err != nil || a.scene.of.every {
		return proof, err
	}
	return proof.Redacted(a.scene.sees), nil
}

// WhyNot says why a CI is not worse off than it is: how each support stands, and what it can still lose. Members that may not be told
// are "hidden-1" and so on, and the names of their groups are left out.
func (a *Answer) WhyNot(id itsm.ID) (impact.Standing, error) {
	if err := a.find(id); err != nil {
		return impact.Standing{}, err
	}
	standing, err := a.result.WhyNot(string(id))
	if err != nil || a.scene.of.every {
		return standing, err
	}
	hidden := map[string]string{}
	standing.Supports = slices.Clone(standing.Supports)
	for i := range standing.Supports {
		s := &standing.Supports[i]
		s.Members = slices.Clone(s.Members)
		for j := range s.Members {
			if m := &s.Members[j]; !a.scene.sees(m.ID) {
				if hidden[m.ID] == "" {
					hidden[m.ID] = fmt.Sprintf("hidden-%d", len(hidden)+1)
				}
				m.ID, s.Group = hidden[m.ID], ""
			}
		}
	}
	return standing, nil
}

// Business gives how services stand: the worst first, of these the most critical, then those with the least to spare, then by id. It
// includes those that are well. Services that are not in the graph or may not be told are ErrInvalid, with every fault.
func (a *Answer) Business(services []impact.Service) ([]impact.ServiceStanding, error) {
	ids := make([]string, len(services))
	for i, s := range services {
		ids[i] = s.ID
	}
	var f itsm.Faults
	if a.scene.check(&f, "services", ids); !f.Empty() {
		return nil, f.Err("services")
	}
	return a.result.Business(services)
}

// Circular gives the CIs that still work and, after what failed, rest on nothing but each other, of those that may be told: see
// impact.Result.
func (a *Answer) Circular(o impact.Options) ([]itsm.ID, error) {
	all, err := a.result.Circular(o)
	var ids []itsm.ID
	for _, id := range all {
		if a.scene.sees(id) {
			ids = append(ids, itsm.ID(id))
		}
	}
	return ids, err
}
