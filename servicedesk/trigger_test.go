package servicedesk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/oncall"
	"github.com/itsmkit/itsmkit/itsm/recurrence"
	"github.com/itsmkit/itsmkit/itsm/trigger"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage"
)

// triggers makes a set of triggers the one that fires.
func (f *fixture) triggers(t *testing.T, text string) {
	t.Helper()
	set, err := trigger.Parse([]byte(text))
	require.NoError(t, err)
	draft, err := f.Triggers.Draft(t.Context(), boss, trigger.Draft{Set: set})
	require.NoError(t, err)
	_, err = f.Triggers.Activate(t.Context(), boss, draft.ID, itsm.Command{Reason: "Agreed"})
	require.NoError(t, err)
}

// fired gives what has fired.
func (f *fixture) fired(t *testing.T) []trigger.FiringHead {
	t.Helper()
	page, err := f.Triggers.Firings(t.Context(), boss, storage.Query[trigger.FiringHead]{})
	require.NoError(t, err)
	return page.Items
}

// D7: a trigger that assigns what is assigned so already has nothing to do, and nobody is refused.
func TestD7ATriggerAssignsWhatIsAssignedSoAlready(t *testing.T) {
	for _, during := range []string{"transaction", "after"} {
		for with, want := range map[string][2]itsm.ID{
			`{"group": "network"}`:                      {"network", "ned"},
			`{"assignee": "ned"}`:                       {"network", "ned"},
			`{"group": "network", "assignee": "ned"}`:   {"network", "ned"},
			`{"group": "network", "assignee": "nat"}`:   {"network", "nat"},
			`{"group": "telephony"}`:                    {"telephony", ""},
			`{"group": "telephony", "assignee": "ned"}`: {"telephony", "ned"},
		} {
			t.Run(during+" "+with, func(t *testing.T) {
				f := newDesk(t, servicedesk.Config{})
				f.triggers(t, `{"triggers": [{"name": "net", "during": "`+during+`", "on": {"kind": "incident", "types": ["incident.classified.v1"]},
					"when": {"op": "equal", "column": "category", "values": ["network"]}, "actions": [{"action": "assign", "with": `+with+`}]}]}`)
				i, err := f.Incidents.Log(t.Context(), ada, incident.Report{Title: "x", Requester: "rosa", Group: "network", Assignee: "ned"})
				require.NoError(t, err)
				category := "network"
				_, err = f.Incidents.Classify(t.Context(), ada, i.ID, incident.Classification{Category: &category})
				require.NoError(t, err)
				f.settled(t)
				require.Len(t, f.fired(t), 1)
				require.Equal(t, trigger.OutcomeDone, f.fired(t)[0].Outcome)
				i, err = f.Incidents.Get(t.Context(), boss, i.ID)
				require.NoError(t, err)
				require.Equal(t, want, [2]itsm.ID{i.Group, i.Assignee})
			})
		}
	}
}

// D7: who commands is not told of a trigger in the transaction that is at fault, nor of what it met. The
// host is.
func TestD7AFaultOfATriggerIsNotToldToWhoeverCommands(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	f.triggers(t, `{"triggers": [{"name": "hush-hush", "during": "transaction", "on": {"kind": "incident", "types": ["incident.logged.v1"]},
		"actions": [{"action": "assign", "with": {"group": "{{title}}"}}]}]}`)
	_, err := f.Incidents.Log(t.Context(), rosa, incident.Report{Title: strings.Repeat("long ", 45), Requester: "rosa"})
	require.ErrorIs(t, err, itsm.ErrTransition)
	require.NotErrorIs(t, err, itsm.ErrInvalid, "it is not rosa's fault")
	var failed *trigger.FailedError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, fmt.Sprintf("incident %s: log did not happen: something that is set up to follow it failed", failed.ID), err.Error())
	require.Equal(t, "hush-hush", failed.Trigger)
	require.ErrorIs(t, failed.Cause, itsm.ErrInvalid)
	require.Empty(t, f.fired(t), "nothing stays")
}

// D7: who is refused by a trigger is told its reason, and not which it is.
func TestD7ARefusalIsToldByItsReason(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	f.triggers(t, `{"triggers": [{"name": "hush-hush", "during": "transaction", "on": {"kind": "incident", "types": ["incident.logged.v1"]},
		"actions": [{"action": "refuse", "with": {"reason": "the desk is closed"}}]}]}`)
	_, err := f.Incidents.Log(t.Context(), rosa, incident.Report{Title: "x", Requester: "rosa"})
	var refused *trigger.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, fmt.Sprintf("incident %s: log is refused: the desk is closed", refused.ID), err.Error())
}

// D7 and I11: a trigger pages who is on call, once.
func TestD7ATriggerPagesWhoIsOnCall(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	f.staff(t)
	policy, err := f.OnCall.DefinePolicy(t.Context(), boss, oncall.PolicyDefinition{Name: "network", Ladder: oncall.Ladder{
		Steps: []oncall.Step{{Targets: []oncall.Target{{Kind: oncall.TargetPerson, ID: "ned"}}, Minutes: 60}}}})
	require.NoError(t, err)
	f.triggers(t, fmt.Sprintf(`{"triggers": [{"name": "critical", "on": {"kind": "incident", "types": ["incident.logged.v1", "incident.classified.v1"]},
		"when": {"op": "equal", "column": "priority", "values": [1]}, "actions": [{"action": "page", "with": {"policy": %q}}]}]}`, policy.ID))
	i, err := f.Incidents.Log(t.Context(), ada, incident.Report{Title: "The VPN is down", Requester: "rosa", Impact: 1, Urgency: 1})
	require.NoError(t, err)
	require.Equal(t, itsm.Priority(1), i.Priority)
	f.settled(t)
	category := "network"
	_, err = f.Incidents.Classify(t.Context(), ada, i.ID, incident.Classification{Category: &category})
	require.NoError(t, err)
	f.settled(t)
	require.Len(t, f.fired(t), 2)
	pages, err := f.OnCall.Escalations(t.Context(), boss, storage.Query[oncall.EscalationHead]{})
	require.NoError(t, err)
	require.Len(t, pages.Items, 1, "nobody is told twice")
	require.Equal(t, []any{i.ID, policy.ID, oncall.StateEscalating}, []any{pages.Items[0].SubjectID, pages.Items[0].PolicyID, pages.Items[0].State})
	e, err := f.OnCall.Escalation(t.Context(), ned, pages.Items[0].ID)
	require.NoError(t, err)
	require.Equal(t, i.Number+": The VPN is down", e.Summary)

	set, err := trigger.Parse([]byte(`{"triggers": [{"name": "bad", "on": {"kind": "incident"}, "actions": [{"action": "page", "with": {}}]}]}`))
	require.NoError(t, err)
	_, err = f.Triggers.Draft(t.Context(), boss, trigger.Draft{Set: set})
	require.ErrorContains(t, err, "set.triggers[0].actions[0].with.policy is required")
}

// D13: what recurs may be said by a template alone, and a fault of a report is named where it stands.
func TestD13WhatRecursIsSaidByATemplate(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	_, err := f.Incidents.DefineTemplate(t.Context(), boss, incident.TemplateDraft{Name: "check", Title: "Check", Rules: incident.TemplateRules{
		Values: incident.TemplateValues{Title: "Monthly check", Requester: "rosa", Category: "check"}, ReadOnly: []string{"requester"}}})
	require.NoError(t, err)
	define := func(r incident.Report) error {
		data, err := json.Marshal(r)
		require.NoError(t, err)
		_, err = f.Recurrence.Define(t.Context(), boss, recurrence.Definition{Title: "Check", Handler: servicedesk.RecurIncident, Data: data,
			Rule: recurrence.Rule{Start: f.now.Format("2006-01-02T15:04:05"), RRule: "FREQ=DAILY;COUNT=2"}})
		return err
	}
	require.NoError(t, define(incident.Report{Template: incident.TemplateRef{Name: "check"}}))
	for range 2 {
		f.now = f.now.AddDate(0, 0, 1)
		_, err = f.Tick(t.Context(), f.now)
		require.NoError(t, err)
	}
	n, err := f.Incidents.Count(t.Context(), boss, incident.Query{Where: storage.AllOf(incident.ByCategory.Is("check"), incident.ByRequester.Is("rosa"))})
	require.NoError(t, err)
	require.EqualValues(t, 2, n)

	var invalid *itsm.ValidationError
	require.ErrorAs(t, define(incident.Report{}), &invalid)
	require.Equal(t, []itsm.Fault{{Field: "data.title", Problem: "is required"}, {Field: "data.requester", Problem: "is required"}}, invalid.Faults)
}

// D7: Explain says of a trigger in the transaction what it met there: the record after the practices' own
// reactions to the event, and the triggers before it.
func TestD7ExplainSaysWhatATriggerInTheTransactionMet(t *testing.T) {
	var desk *servicedesk.Desk
	f := newDesk(t, servicedesk.Config{Modules: []engine.Module{{Name: "shop", Reactions: []engine.Reaction{
		engine.On(func(ctx context.Context, u *engine.Unit, e itsm.Event, _ incident.Classified) error {
			_, err := desk.Incidents.In(u.Store()).Assign(ctx, u.System("shop"), e.Record, incident.Assignment{Group: "first"})
			return err
		}),
	}}}})
	desk = f.Desk
	f.triggers(t, `{"triggers": [
		{"name": "later", "during": "transaction", "on": {"kind": "incident", "types": ["incident.classified.v1"]},
		 "when": {"op": "equal", "column": "group", "values": ["first"]}, "actions": [{"action": "tag", "with": {"tags": ["later"]}}]},
		{"name": "changed", "during": "transaction", "on": {"kind": "incident", "types": ["incident.assigned.v1"]},
		 "when": {"op": "changed_to", "column": "group", "values": ["first"]}, "actions": [{"action": "tag", "with": {"tags": ["changed"]}}]},
		{"name": "unchanged", "during": "transaction", "on": {"kind": "incident", "types": ["incident.classified.v1"]},
		 "when": {"op": "changed", "column": "group"}, "actions": [{"action": "tag", "with": {"tags": ["unchanged"]}}]}]}`)
	i, err := f.Incidents.Log(t.Context(), ada, incident.Report{Title: "p", Requester: "rosa"})
	require.NoError(t, err)
	category := "c"
	i, err = f.Incidents.Classify(t.Context(), ada, i.ID, incident.Classification{Category: &category})
	require.NoError(t, err)
	require.Equal(t, []string{"changed"}, i.Tags, "each looks at the record as its event left it")
	fired := map[itsm.ID]map[string]bool{}
	for _, h := range f.fired(t) {
		if fired[h.Event] == nil {
			fired[h.Event] = map[string]bool{}
		}
		fired[h.Event][h.Trigger] = true
	}
	entries, err := f.Incidents.Timeline(t.Context(), boss, i.ID)
	require.NoError(t, err)
	for _, entry := range entries {
		if e := entry.Event; e != nil {
			verdicts, err := f.Triggers.Explain(t.Context(), boss, i.Ref(), e.Version, e.N)
			require.NoError(t, err)
			for _, v := range verdicts {
				require.Equal(t, fired[e.ID][v.Trigger], v.Fires, "%s at %s", v.Trigger, e.Type)
			}
		}
	}
}

// D7: every incident whose title has a word in it, however it is written.
func TestD7ATriggerFindsAWordInATitle(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	f.triggers(t, `{"triggers": [{"name": "vpn", "on": {"kind": "incident", "types": ["incident.logged.v1"]},
		"when": {"op": "contains", "column": "title", "values": ["VPN"]}, "actions": [{"action": "tag", "with": {"tags": ["vpn"]}}]}]}`)
	tags := map[string][]string{}
	for _, title := range []string{"The VPN is down", "vpn", "Slow Vpn at home", "V P N", "No sound"} {
		i, err := f.Incidents.Log(t.Context(), ada, incident.Report{Title: title, Requester: "rosa"})
		require.NoError(t, err)
		f.settled(t)
		i, err = f.Incidents.Get(t.Context(), boss, i.ID)
		require.NoError(t, err)
		tags[title] = i.Tags
	}
	require.Equal(t, map[string][]string{"The VPN is down": {"vpn"}, "vpn": {"vpn"}, "Slow Vpn at home": {"vpn"}, "V P N": nil, "No sound": nil}, tags)
	page, err := f.Incidents.List(t.Context(), boss, incident.Query{Where: incident.ByTitle.Contains("vpn")})
	require.NoError(t, err)
	require.Len(t, page.Items, 3)

	set, err := trigger.Parse([]byte(`{"triggers": [{"name": "bad", "on": {"kind": "incident"}, "when": {"op": "like", "column": "title", "values": ["x"]},
		"actions": [{"action": "tag", "with": {"tags": ["x"]}}]}]}`))
	require.NoError(t, err)
	_, err = f.Triggers.Draft(t.Context(), boss, trigger.Draft{Set: set})
	require.ErrorContains(t, err, `"like" is unknown; there are: equal, in, below, at_most, above, at_least, null, prefix, contains, and, or, not, changed, changed_from, changed_to`)
}
