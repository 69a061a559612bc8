// This file holds how incidents come to a group and a person by the routing rules.

package servicedesk

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/storage"
)

// StandardFacts are what the desk knows of an incident's requester when it is routed, from the
// directory: their organisation, site and language, and whether they, or their organisation, are
// VIPs. Of a requester whom the directory does not have nothing is known.
func StandardFacts() []routing.Fact {
	return []routing.Fact{
		{Name: "requester.organisation", Title: "Requester's organisation", Kind: storage.Text},
		{Name: "requester.site", Title: "Requester's site", Kind: storage.Text},
		{Name: "requester.language", Title: "Requester's language", Kind: storage.Text},
		{Name: "requester.vip", Title: "Requester is a VIP", Kind: storage.Bool},
	}
}

// route makes the routing practice for incidents.
func (d *Desk) route(c Config) error {
	v, err := routing.NewVocabulary(d.Incidents.Table().Schema(), c.Incident.Fields, slices.Concat(StandardFacts(), c.Facts)...)
	if err != nil {
		return err
	}
	d.Routing, err = routing.New(d.Engine, routing.Options{
		Vocabularies: []*routing.Vocabulary{v}, Candidates: candidates{d}, MayRoute: d.mayRoute,
	})
	return err
}

// mayRoute refuses rules that send to a group which is not there, or not active.
func (d *Desk) mayRoute(ctx context.Context, r storage.Reader, _ string, group itsm.ID) error {
	g, err := d.People.Group(ctx, r, group)
	if err != nil {
		return err
	}
	if !g.Active {
		return storage.Invalid(directory.KindGroup, "group", "is not active")
	}
	return nil
}

// routeLogged gives a new incident, which nobody has yet, to whom the active rules say. Rules that
// name what is no longer known decide nothing: the incident stays with the desk.
func (d *Desk) routeLogged(ctx context.Context, u *engine.Unit, e itsm.Event, _ incident.Logged) error {
	ref := itsm.Ref{Kind: e.Kind, ID: e.Record}
	schema, row, err := u.Load(ctx, ref)
	if err != nil {
		return err
	}
	i, err := d.Incidents.Table().Decode(row)
	if err != nil {
		return err
	}
	if category, _ := d.Incidents.Lifecycle().Category(i.State); category != itsm.CategoryNew || i.Group != "" || i.Assignee != "" {
		return nil
	}
	facts, err := d.facts(ctx, u, i.Head)
	if err != nil {
		return err
	}
	decision, err := d.Routing.Route(ctx, u, schema, row, facts)
	if errors.Is(err, itsm.ErrInvalid) {
		return nil
	}
	if err != nil || decision.Outcome == routing.OutcomeNone {
		return err
	}
	_, err = d.Incidents.In(u.Store()).Assign(ctx, u.System("routing"), i.ID, incident.Assignment{
		Group: decision.Group, Assignee: decision.Assignee,
	})
	return err
}

// facts are what is known of an incident beside what stands in it.
func (d *Desk) facts(ctx context.Context, u *engine.Unit, i incident.Head) (map[string]any, error) {
	facts := map[string]any{}
	if d.config.FactsOf != nil {
		own, err := d.config.FactsOf(ctx, u, i)
		if err != nil {
			return nil, err
		}
		maps.Copy(facts, own)
	}
	person, err := d.People.Person(ctx, u, i.Requester)
	if errors.Is(err, itsm.ErrNotFound) {
		return facts, nil
	}
	if err != nil {
		return nil, err
	}
	vip := person.VIP
	if !vip && person.Organisation != "" {
		o, err := d.People.Organisation(ctx, u, person.Organisation)
		if err != nil && !errors.Is(err, itsm.ErrNotFound) {
			return nil, err
		}
		vip = o.VIP
	}
	facts["requester.vip"] = vip
	for name, value := range map[string]string{
		"requester.organisation": string(person.Organisation), "requester.site": string(person.Site), "requester.language": person.Language,
	} {
		if value != "" {
			facts[name] = value
		}
	}
	return facts, nil
}

// candidates are the people of the directory, with the open incidents that they have.
type candidates struct{ d *Desk }

// Candidates gives the people of a group. Whether they are at work is by their own hours, at the
// moment of the unit.
func (c candidates) Candidates(ctx context.Context, r storage.Reader, _ string, group itsm.ID) ([]routing.Candidate, error) {
	people, err := c.d.People.MembersOf(ctx, r, group)
	if errors.Is(err, itsm.ErrNotFound) || len(people) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	now := c.d.Engine.Now()
	if u, ok := r.(*engine.Unit); ok {
		now = u.Now()
	}
	loads, err := c.loads(ctx, r, people)
	if err != nil {
		return nil, err
	}
	out := make([]routing.Candidate, 0, len(people))
	for n := range people {
		p := &people[n]
		available, err := p.Working(now)
		if err != nil {
			return nil, err
		}
		candidate := routing.Candidate{
			ID: p.ID, Active: p.Active, Available: available, Capacity: p.Capacity, Load: loads[p.ID], Skills: map[string]int{},
		}
		for _, s := range p.Skills {
			candidate.Skills[s.Name] = s.Level
		}
		out = append(out, candidate)
	}
	return out, nil
}

// loads counts the open incidents of each of the people.
func (c candidates) loads(ctx context.Context, r storage.Reader, people []directory.Person) (map[itsm.ID]int, error) {
	loads := make(map[itsm.ID]int, len(people))
	for part := range slices.Chunk(people, storage.MaxConditionValues) {
		ids := make([]itsm.ID, len(part))
		for n := range part {
			ids[n] = part[n].ID
		}
		groups, err := c.d.Incidents.Table().CountBy(ctx, r, storage.AllOf(incident.ByAssignee.In(ids...), incident.ByOpen.Is(true)), incident.ByAssignee)
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			loads[itsm.ID(g.Values[0].(string))] = int(g.Count)
		}
	}
	return loads, nil
}
