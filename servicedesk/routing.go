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
// directory, by the names that conditions call them:
//
//   - requester.organisation: the id of their organisation, as text
//   - requester.site: the id of their site, as text
//   - requester.language: their language, as text
//   - requester.vip: whether they, or their organisation, are VIPs
//
// Of a requester whom the directory does not have nothing is known.
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
	d.vocabulary = v
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

// routeNew says to whom the active rules give a new incident that nobody has. Rules that name what is
// no longer known decide nothing: the incident stays with the desk.
func (d *Desk) routeNew(ctx context.Context, u *engine.Unit, i incident.Incident) (incident.Assignment, error) {
	var failed error // of who was asked, which is no fault of the rules
	ask := func(ctx context.Context, named func(string) bool) (routing.Facts, error) {
		facts, err := d.facts(ctx, u, i.Head, named)
		if err != nil {
			failed = err
			return nil, err
		}
		row, err := d.Incidents.Table().Encode(&i)
		if err != nil {
			return nil, err
		}
		return d.vocabulary.Facts(d.Incidents.Table().Schema(), row, facts)
	}
	decision, err := d.Routing.RouteAsking(ctx, u, incident.Kind, ask)
	if failed == nil && errors.Is(err, itsm.ErrInvalid) {
		return incident.Assignment{}, nil
	}
	if err != nil || decision.Outcome == routing.OutcomeNone {
		return incident.Assignment{}, err
	}
	return incident.Assignment{
		Command: itsm.Command{Reason: decision.Reason()}, Group: decision.Group, Assignee: decision.Assignee,
	}, nil
}

// facts are what is known of an incident beside what stands in it, as far as rules or policies name it.
func (d *Desk) facts(ctx context.Context, r storage.Reader, i incident.Head, named func(string) bool) (map[string]any, error) {
	facts := map[string]any{}
	any := func(of []routing.Fact) bool {
		return slices.ContainsFunc(of, func(f routing.Fact) bool { return named(f.Name) })
	}
	standard := any(StandardFacts())
	if d.config.FactsOf != nil && (standard || any(d.config.Facts)) {
		own, err := d.config.FactsOf(ctx, r, i)
		if err != nil {
			return nil, err
		}
		maps.Copy(facts, own)
	}
	if !standard {
		return facts, nil
	}
	person, err := d.People.Person(ctx, r, i.Requester)
	if errors.Is(err, itsm.ErrNotFound) {
		return facts, nil
	}
	if err != nil {
		return nil, err
	}
	if named("requester.vip") {
		vip := person.VIP
		if !vip && person.Organisation != "" {
			o, err := d.People.Organisation(ctx, r, person.Organisation)
			if err != nil && !errors.Is(err, itsm.ErrNotFound) {
				return nil, err
			}
			vip = o.VIP
		}
		facts["requester.vip"] = vip
	}
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
