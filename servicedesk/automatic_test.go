package servicedesk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/trigger"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage"
)

// keep has a trigger refuse an event of the incidents of the category "keep"; off takes it back.
func (f *fixture) keep(t *testing.T, event string, off bool) {
	t.Helper()
	set, err := trigger.Parse([]byte(`{"triggers": [{"name": "keep", "during": "transaction",
		"on": {"kind": "incident", "types": ["` + event + `"]}, "when": {"op": "equal", "column": "category", "values": ["keep"]},
		"actions": [{"action": "refuse", "with": {"reason": "not yet"}}]}]}`))
	require.NoError(t, err)
	set.Triggers[0].Inactive = off
	draft, err := f.Triggers.Draft(t.Context(), boss, trigger.Draft{Set: set})
	require.NoError(t, err)
	_, err = f.Triggers.Activate(t.Context(), boss, draft.ID, itsm.Command{Reason: "Agreed"})
	require.NoError(t, err)
}

// pass lets hours go by, and says that no job died in them.
func (f *fixture) pass(t *testing.T, hours int) {
	t.Helper()
	for range hours {
		f.now = f.now.Add(time.Hour)
		ran, err := f.Tick(t.Context(), f.now)
		require.NoError(t, err)
		require.Zero(t, ran.Dead)
	}
	letters, err := f.Engine.DeadLetters(t.Context(), boss, storage.Job{}, 10)
	require.NoError(t, err)
	require.Empty(t, letters)
}

// D7: what a trigger refuses is tried again, or left to people, and keeps nothing else from happening.
func TestD7WhatATriggerRefusesForNowHappensLater(t *testing.T) {
	reasons := incident.StandardHoldReasons()
	for n := range reasons {
		if reasons[n].Reason == incident.HoldVendor {
			reasons[n].ResolveAfter, reasons[n].ResolveCode, reasons[n].ResolveNotes = time.Hour, incident.CodeByVendor, "The supplier is done."
		}
	}
	for _, c := range []struct {
		name, event string
		begin       func(f *fixture, i incident.Incident) error
		wanted      incident.State
	}{
		{"closing", "incident.closed.v1", func(f *fixture, i incident.Incident) error {
			_, err := f.Incidents.Resolve(t.Context(), ada, i.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "ok"})
			return err
		}, incident.StateClosed},
		{"resuming", "incident.resumed.v1", func(f *fixture, i incident.Incident) error {
			_, err := f.Incidents.Hold(t.Context(), ada, i.ID, incident.Hold{HoldReason: incident.HoldChange, Until: f.now.Add(time.Hour), Link: &itsm.Ref{Kind: "host_change", ID: "c1"}})
			return err
		}, incident.StateNew},
		{"resolving what waited", "incident.resolved.v1", func(f *fixture, i incident.Incident) error {
			_, err := f.Incidents.Hold(t.Context(), ada, i.ID, incident.Hold{HoldReason: incident.HoldVendor, Link: &itsm.Ref{Kind: "case", ID: "c1"}})
			return err
		}, incident.StateClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newDesk(t, servicedesk.Config{Incident: incident.Options{HoldReasons: reasons, AutoClose: time.Hour}})
			f.keep(t, c.event, false)
			i, err := f.Incidents.Log(t.Context(), boss, incident.Report{Title: "No sound", Requester: "rosa", Category: "keep"})
			require.NoError(t, err)
			require.NoError(t, c.begin(f, i))
			before, err := f.Incidents.Get(t.Context(), boss, i.ID)
			require.NoError(t, err)
			f.pass(t, 60)
			after, err := f.Incidents.Get(t.Context(), boss, i.ID)
			require.NoError(t, err)
			require.Equal(t, before.State, after.State, "it is refused as long as the trigger is there")
			f.keep(t, c.event, true)
			f.pass(t, 25)
			after, err = f.Incidents.Get(t.Context(), boss, i.ID)
			require.NoError(t, err)
			require.Equal(t, c.wanted, after.State, "and happens a day later")
		})
	}
}

// D7 and I7: one child whose trigger refuses keeps its siblings from nothing.
func TestD7I7AChildWhoseTriggerRefusesIsTheOnlyOneLeft(t *testing.T) {
	for _, event := range []string{"incident.resolved.v1", "incident.noted.v1"} {
		t.Run(event, func(t *testing.T) {
			f := newDesk(t, servicedesk.Config{})
			ctx := t.Context()
			f.keep(t, event, false)
			parent, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "The network is down", Requester: "rosa"})
			require.NoError(t, err)
			children := map[string]itsm.ID{}
			for _, category := range []string{"keep", "other", "another"} {
				i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "No network", Requester: "rosa", Category: category})
				require.NoError(t, err)
				_, err = f.Incidents.Link(ctx, ada, i.ID, incident.Relation{Type: itsm.LinkChildOf, To: parent.Ref()})
				require.NoError(t, err)
				children[category] = i.ID
			}
			_, err = f.Incidents.Note(ctx, ada, parent.ID, incident.Note{Text: "We know why", Visibility: itsm.VisibilityPublic})
			require.NoError(t, err)
			f.pass(t, 2)
			_, err = f.Incidents.Resolve(ctx, ada, parent.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "ok"})
			require.NoError(t, err)
			f.pass(t, 2)
			for category, id := range children {
				i, err := f.Incidents.Get(ctx, boss, id)
				require.NoError(t, err)
				require.Equal(t, category == "keep" && event == "incident.resolved.v1", i.Open, category)
				notes, err := f.Incidents.Notes(ctx, rosa, id, "", 10)
				require.NoError(t, err)
				require.Equal(t, category == "keep" && event == "incident.noted.v1", len(notes.Items) == 0, category)
			}
		})
	}
}

// D7: what a trigger writes by itself is no response of the desk.
func TestD7AnAutomaticNoteIsNoFirstResponse(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	ctx := t.Context()
	set, err := trigger.Parse([]byte(`{"triggers": [{"name": "greet", "on": {"kind": "incident", "types": ["incident.logged.v1"]},
		"actions": [{"action": "note", "with": {"text": "We have {{number}}", "public": true}}]}]}`))
	require.NoError(t, err)
	draft, err := f.Triggers.Draft(ctx, boss, trigger.Draft{Set: set})
	require.NoError(t, err)
	_, err = f.Triggers.Activate(ctx, boss, draft.ID, itsm.Command{Reason: "Agreed"})
	require.NoError(t, err)
	i, err := f.Incidents.Log(ctx, rosa, incident.Report{Title: "No sound", Requester: "rosa"})
	require.NoError(t, err)
	f.pass(t, 1)
	i, err = f.Incidents.Get(ctx, boss, i.ID)
	require.NoError(t, err)
	require.Zero(t, i.FirstResponse)
	_, err = f.Incidents.Note(ctx, ada, i.ID, incident.Note{Text: "I look into it", Visibility: itsm.VisibilityPublic})
	require.NoError(t, err)
	i, err = f.Incidents.Get(ctx, boss, i.ID)
	require.NoError(t, err)
	require.Equal(t, f.now, i.FirstResponse)
}
