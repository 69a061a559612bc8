package servicedesk_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// told gives who did what in which state and why, as somebody reads it.
func (f *fixture) told(t *testing.T, actor itsm.Actor, id itsm.ID) (lines [][4]string) {
	t.Helper()
	entries, err := f.Incidents.Timeline(t.Context(), actor, id)
	require.NoError(t, err)
	for _, e := range entries {
		lines = append(lines, [4]string{string(e.Event.Actor), e.Event.Type, e.Event.To, e.Event.Reason})
	}
	return lines
}

// D2: an incident is routed in the put that logs it, and the log says by whom and why.
func TestD2TheLogSaysWhichRuleOfWhichVersionRouted(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	f.staff(t)
	f.rules(t, `{"default": "vip"}`)
	f.rules(t, `{"rules": [{"name": "cables", "group": "network", "person": {"method": "round_robin"},
		"when": {"op": "equal", "column": "category", "values": ["cable"]}}], "default": "vip"}`)
	i, err := f.Incidents.Log(t.Context(), rosa, incident.Report{Command: itsm.Command{Reason: "She called"}, Title: "No sound", Requester: "rosa", Category: "cable"})
	require.NoError(t, err)
	require.Equal(t, []any{itsm.ID("network"), itsm.ID("ned"), incident.StateAssigned, int64(1)}, []any{i.Group, i.Assignee, i.State, i.Version}, "one put")
	require.Equal(t, [][4]string{
		{"rosa", "incident.logged.v1", "new", "She called"},
		{"system:routing", "incident.assigned.v1", "assigned", `rule "cables" of acme, version 2; ned has the first turn`},
	}, f.told(t, boss, i.ID))
	require.Equal(t, [][4]string{
		{"rosa", "incident.logged.v1", "new", ""}, {"system:routing", "incident.assigned.v1", "assigned", ""},
	}, f.told(t, rosa, i.ID), "why is internal")
	entries, err := f.Incidents.Timeline(t.Context(), boss, i.ID)
	require.NoError(t, err)
	assigned := entries[1].Event
	require.Equal(t, incident.Assigned{Group: "network", Assignee: "ned"}, assigned.Data)
	require.True(t, assigned.System)
	require.Equal(t, []any{"routing", "assign", "new"}, []any{assigned.ActorName, assigned.Action, assigned.From})

	i, err = f.Incidents.Log(t.Context(), ada, incident.Report{Title: "No sound", Requester: "rosa"})
	require.NoError(t, err)
	require.Equal(t, "no rule matches: default group of acme, version 2", f.told(t, boss, i.ID)[1][3])
}

// D2: it does not matter how an incident that nobody has comes to be.
func TestD2WhateverLogsAnIncidentItIsRoutedWhereNobodyHasIt(t *testing.T) {
	f := newDesk(t, servicedesk.Config{Incident: incident.Options{
		Customer: func(context.Context, storage.Tenant, storage.Tenant) (incident.Customer, bool, error) {
			return incident.Customer{Requester: "their"}, true, nil
		},
	}})
	f.staff(t)
	f.rules(t, `{"default": "network"}`)
	ctx := t.Context()
	mona := itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{itsm.RoleIncidentManager}}
	log := func(r incident.Report) incident.Incident {
		t.Helper()
		if r.Template.Name == "" {
			r.Title = "It does not work"
		}
		r.Requester = "rosa"
		i, err := f.Incidents.Log(ctx, mona, r)
		require.NoError(t, err)
		return i
	}
	template := func(name string, group itsm.ID) incident.TemplateRef {
		made, err := f.Incidents.DefineTemplate(ctx, mona, incident.TemplateDraft{Name: name, Title: name,
			Rules: incident.TemplateRules{Values: incident.TemplateValues{Title: name, Group: group}}})
		require.NoError(t, err)
		return made.Ref()
	}
	routed := func(i incident.Incident, name string) {
		t.Helper()
		require.Equal(t, itsm.ID("network"), i.Group, name)
		require.Equal(t, "system:routing", f.told(t, boss, i.ID)[1][0], name)
	}
	routed(log(incident.Report{}), "a report")
	routed(log(incident.Report{Template: template("plain", "")}), "by a template without a group")
	require.Equal(t, itsm.ID("vip"), log(incident.Report{Template: template("vips", "vip")}).Group, "the template says who has it")
	require.Empty(t, log(incident.Report{Assignee: "ned"}).Group, "a person has it")
	require.Empty(t, log(incident.Report{Restricted: true}).Group, "a restricted one is for people to hand on")

	alert, err := f.Incidents.Alert(ctx, mona, incident.AlertReport{DeduplicationKey: "db-1/disk", Title: "Disk is full"})
	require.NoError(t, err)
	alerted, err := f.Incidents.Get(ctx, mona, alert.Incident)
	require.NoError(t, err)
	routed(alerted, "an alert")

	first := log(incident.Report{Assignee: "ned"})
	_, err = f.Incidents.Resolve(ctx, mona, first.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Done"})
	require.NoError(t, err)
	_, err = f.Incidents.Confirm(ctx, mona, first.ID, itsm.Command{})
	require.NoError(t, err)
	next, err := f.Incidents.FollowUp(ctx, mona, first.ID, incident.FollowUp{})
	require.NoError(t, err)
	routed(next, "what follows up an incident without a group")

	there := boss.In("globex")
	there.Roles = boss.Roles
	_, err = f.Directory.AddGroup(ctx, there, directory.NewGroup{ID: "theirs", Name: "Theirs"})
	require.NoError(t, err)
	draft, err := f.Routing.Draft(ctx, there, routing.Draft{Family: incident.Kind, Set: routing.RuleSet{Default: "theirs"}})
	require.NoError(t, err)
	_, err = f.Routing.Activate(ctx, there, draft.ID, itsm.Command{})
	require.NoError(t, err)
	major := log(incident.Report{Group: "vip"})
	_, err = f.Incidents.FanOut(ctx, mona, major.ID, incident.FanOut{Tenants: []storage.Tenant{"globex"}, Title: "The network is down"})
	require.NoError(t, err)
	f.settled(t)
	page, err := f.Incidents.List(ctx, there, incident.Query{})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, itsm.ID("theirs"), page.Items[0].Group, "a customer's own rules route what its provider logs")

	preview, err := f.Incidents.Preview(ctx, mona, incident.Report{Title: "x", Requester: "rosa"})
	require.NoError(t, err)
	require.Empty(t, preview.Group)
}

// D2: rules that name a fact which the host has taken out decide nothing, and logging goes on.
func TestD2RulesThatNoLongerFitLeaveAnIncidentWithTheDesk(t *testing.T) {
	store := memory.New()
	with := func(facts ...routing.Fact) *servicedesk.Desk {
		d, err := servicedesk.New(store, servicedesk.Config{Facts: facts, Engine: engine.Options{Clock: func() time.Time { return monday }}})
		require.NoError(t, err)
		return d
	}
	f := &fixture{Desk: with(routing.Fact{Name: "ci.class", Kind: storage.Text}), now: monday}
	f.staff(t)
	f.rules(t, `{"rules": [{"name": "router", "group": "network", "when": {"op": "equal", "column": "ci.class", "values": ["router"]}}], "default": "vip"}`)
	log := func(d *servicedesk.Desk) itsm.ID {
		t.Helper()
		i, err := d.Incidents.Log(t.Context(), ada, incident.Report{Title: "No sound", Requester: "rosa"})
		require.NoError(t, err)
		return i.Group
	}
	require.Equal(t, itsm.ID("vip"), log(f.Desk))
	later := with()
	require.Empty(t, log(later))
	require.Empty(t, log(later), "what is kept ready is no better")
}

// people counts how often it is asked for a person.
type people struct {
	directory.Static
	asked int
}

func (p *people) Person(ctx context.Context, r storage.Reader, id itsm.ID) (directory.Person, error) {
	p.asked++
	return p.Static.Person(ctx, r, id)
}

// The directory, and the host, are asked about a requester where a rule speaks of one.
func TestTheDirectoryIsAskedWhereRulesSpeakOfTheRequester(t *testing.T) {
	known := &people{Static: directory.Static{"acme": {
		People: []directory.Person{{PersonHead: directory.PersonHead{Meta: storage.Meta{ID: "rosa"}, Name: "Rosa", Active: true, VIP: true}}},
		Groups: []directory.Group{{GroupHead: directory.GroupHead{Meta: storage.Meta{ID: "network"}, Name: "Network", Active: true}}},
	}}}
	hosts := 0
	f := newDesk(t, servicedesk.Config{People: known, FactsOf: func(context.Context, storage.Reader, incident.Head) (map[string]any, error) {
		hosts++
		return nil, nil
	}})
	for _, c := range []struct {
		rules string
		asked int
	}{
		{"", 0},
		{`{"default": "network"}`, 0},
		{`{"rules": [{"name": "c", "group": "network", "when": {"op": "equal", "column": "category", "values": ["c"]}}]}`, 0},
		{`{"rules": [{"name": "vip", "group": "network", "when": {"op": "equal", "column": "requester.vip", "values": [true]}}]}`, 1},
	} {
		if c.rules != "" {
			f.rules(t, c.rules)
		}
		known.asked, hosts = 0, 0
		_, err := f.Incidents.Log(t.Context(), ada, incident.Report{Title: "No sound", Requester: "rosa"})
		require.NoError(t, err)
		require.Equal(t, []int{c.asked, c.asked}, []int{known.asked, hosts}, c.rules)
	}
}

// A host that routes by itself is asked instead of the rules, and its error fails the command.
func TestAHostRoutesByItself(t *testing.T) {
	var to incident.Assignment
	var refuse error
	f := newDesk(t, servicedesk.Config{Incident: incident.Options{
		Route: func(_ context.Context, u *engine.Unit, i incident.Incident) (incident.Assignment, error) {
			require.Equal(t, []any{itsm.Tenant("acme"), incident.StateNew, u.Now(), int64(1)}, []any{i.Tenant, i.State, i.Created, i.Version})
			require.NotEmpty(t, i.Number)
			return to, refuse
		},
	}})
	f.staff(t)
	f.rules(t, `{"default": "network"}`)
	log := func() (incident.Incident, error) {
		return f.Incidents.Log(t.Context(), ada, incident.Report{Title: "No sound", Requester: "rosa"})
	}
	i, err := log()
	require.NoError(t, err)
	require.Equal(t, []any{itsm.ID(""), incident.StateNew}, []any{i.Group, i.State})
	to = incident.Assignment{Assignee: "ned"}
	i, err = log()
	require.NoError(t, err)
	require.Equal(t, []any{itsm.ID("ned"), incident.StateAssigned}, []any{i.Assignee, i.State})
	to = incident.Assignment{Group: "\x00"}
	_, err = log()
	require.ErrorIs(t, err, itsm.ErrInvalid)
	refuse = context.DeadlineExceeded
	_, err = log()
	require.ErrorIs(t, err, refuse)
	n, err := f.Incidents.Count(t.Context(), boss, incident.Query{})
	require.NoError(t, err)
	require.EqualValues(t, 2, n, "what was not routed is not logged")
}

// D2: who may read a restricted incident is decided by people, or by a rule that is meant for it.
func TestD2ARestrictedIncidentGoesToNoGroupThatWasNotMeant(t *testing.T) {
	const general = `{"name": "all", "group": "network", "when": {}}`
	const meant = `{"name": "investigations", "group": "vip", "when": {"op": "and", "of": [
		{"op": "equal", "column": "restricted", "values": [true]}, {"op": "equal", "column": "category", "values": ["fraud"]}]}}`
	for _, c := range []struct {
		name, rules, category string
		group                 itsm.ID
	}{
		{"a default group", `{"rules": [], "default": "network"}`, "", ""},
		{"a rule for everything", `{"rules": [` + general + `]}`, "", ""},
		{"a rule that denies", `{"rules": [{"name": "a", "group": "network", "when": {"op": "not", "of": [
			{"op": "equal", "column": "restricted", "values": [false]}]}}]}`, "", ""},
		{"a rule for others that are restricted", `{"rules": [` + general + `,` + meant + `], "default": "network"}`, "", ""},
		{"a rule that is meant for it", `{"rules": [` + general + `,` + meant + `], "default": "network"}`, "fraud", "vip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newDesk(t, servicedesk.Config{})
			f.staff(t)
			f.rules(t, c.rules)
			i, err := f.Incidents.Log(t.Context(), boss, incident.Report{Title: "The books are wrong", Requester: "boss", Category: c.category, Restricted: true, Members: []itsm.ID{"boss"}})
			require.NoError(t, err)
			require.Equal(t, c.group, i.Group)
			_, err = f.Incidents.Get(t.Context(), ned, i.ID)
			require.ErrorIs(t, err, itsm.ErrNotFound, "who works in the network group is told of nothing")
		})
	}
}
