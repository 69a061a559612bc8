package incident_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
)

// TestAFaultyCommandIsToldWithAllElse gives every command a request in which both what is embedded
// and what is its own are wrong: one error tells all of it, and nothing is written.
func TestAFaultyCommandIsToldWithAllElse(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{Lifecycle: hostLifecycle(t), Survey: surveyed.Survey}), t.Context()
	bad := itsm.Command{Key: withNUL, IfVersion: -1, Reason: notUTF8}
	blank := itsm.Command{Key: withNUL, IfVersion: -1, Reason: " "}
	id := map[incident.State]itsm.ID{}
	for _, s := range allStates {
		id[s] = prepared(d, s).ID
	}
	reported, assigned, waiting, resolved, closed := id[incident.StateNew], id[incident.StateAssigned],
		id[incident.StateOnHold], id[incident.StateResolved], id[incident.StateClosed]
	parent := d.report()
	_, err := d.Link(ctx, mona, assigned, incident.Relation{Type: itsm.LinkChildOf, To: parent.Ref()})
	require.NoError(t, err)
	past := d.now.Add(-time.Hour)
	tells := func(action incident.Action, own []string, _ incident.Incident, err error) {
		t.Helper()
		want := append([]string{"key", "if_version", "reason"}, own...)
		require.ElementsMatch(t, want, faults(t, err), "%s: %v", action, err)
	}

	tested := []incident.Action{}
	for _, c := range []struct {
		action incident.Action
		own    []string
		do     func() (incident.Incident, error)
	}{
		{incident.ActionLog, []string{"title", "requester"}, func() (incident.Incident, error) {
			return d.Log(ctx, mona, incident.Report{Command: bad})
		}},
		{incident.ActionAssign, []string{"group", "assignee"}, func() (incident.Incident, error) {
			return d.Assign(ctx, mona, reported, incident.Assignment{Command: bad, Group: itsm.ID(notUTF8), Assignee: itsm.ID(huge)})
		}},
		{incident.ActionAccept, nil, func() (incident.Incident, error) { return d.Accept(ctx, mona, reported, bad) }},
		{incident.ActionStart, []string{"assignee"}, func() (incident.Incident, error) {
			return d.Start(ctx, mona, parent.ID, bad)
		}},
		{incident.ActionReassign, []string{"group or assignee"}, func() (incident.Incident, error) {
			return d.Reassign(ctx, mona, assigned, incident.Assignment{Command: bad, Assignee: "mona"})
		}},
		{incident.ActionHold, []string{"hold_reason", "until"}, func() (incident.Incident, error) {
			return d.Hold(ctx, mona, assigned, incident.Hold{Command: bad, HoldReason: "lunch", Until: past})
		}},
		{incident.ActionChangeHoldReason, []string{"hold_reason", "link.id"}, func() (incident.Incident, error) {
			return d.ChangeHoldReason(ctx, mona, waiting, incident.Hold{Command: bad, HoldReason: incident.HoldCustomerScheduled, Link: &itsm.Ref{Kind: "x"}})
		}},
		{incident.ActionResume, nil, func() (incident.Incident, error) { return d.Resume(ctx, mona, waiting, bad) }},
		{incident.ActionResolve, []string{"code", "notes"}, func() (incident.Incident, error) {
			return d.Resolve(ctx, mona, assigned, incident.Resolution{Command: bad})
		}},
		{incident.ActionReopen, []string{"note"}, func() (incident.Incident, error) {
			return d.Reopen(ctx, mona, resolved, incident.Reopening{Command: bad, Note: withNUL})
		}},
		{incident.ActionConfirm, nil, func() (incident.Incident, error) { return d.Confirm(ctx, mona, resolved, bad) }},
		{incident.ActionCancel, []string{"duplicate_of"}, func() (incident.Incident, error) {
			return d.Cancel(ctx, mona, assigned, incident.Cancellation{Command: bad, DuplicateOf: "none"})
		}},
		{incident.ActionReply, []string{"text"}, func() (incident.Incident, error) {
			return d.Reply(ctx, mona, assigned, incident.Reply{Command: bad})
		}},
		{incident.ActionNote, []string{"text", "visibility"}, func() (incident.Incident, error) {
			return d.Note(ctx, mona, assigned, incident.Note{Command: bad, Visibility: "x"})
		}},
		{incident.ActionClassify, []string{"impact", "subcategory"}, func() (incident.Incident, error) {
			return d.Classify(ctx, mona, assigned, incident.Classification{Command: bad, Impact: 7, Subcategory: ptr("relay")})
		}},
		{incident.ActionOverridePriority, []string{"priority"}, func() (incident.Incident, error) {
			return d.OverridePriority(ctx, mona, assigned, incident.Override{Command: bad, Priority: 9})
		}},
		{incident.ActionClearOverride, nil, func() (incident.Incident, error) { return d.ClearOverride(ctx, mona, assigned, blank) }},
		{incident.ActionAcknowledge, []string{"acknowledged"}, func() (incident.Incident, error) {
			return d.Acknowledge(ctx, mona, assigned, incident.Moment{Command: bad, At: past})
		}},
		{incident.ActionRestore, []string{"restored"}, func() (incident.Incident, error) {
			return d.Restore(ctx, mona, resolved, incident.Moment{Command: bad, At: d.now.Add(time.Hour)})
		}},
		{incident.ActionSetTimes, []string{"reported"}, func() (incident.Incident, error) {
			return d.SetTimes(ctx, mona, assigned, incident.Times{Command: bad, Reported: &time.Time{}})
		}},
		{incident.ActionEdit, []string{"title", "watchers"}, func() (incident.Incident, error) {
			return d.Edit(ctx, mona, assigned, incident.Edit{Command: bad, Title: ptr(""), Watchers: &tooMany})
		}},
		{incident.ActionRestrict, []string{"members[0]"}, func() (incident.Incident, error) {
			return d.Restrict(ctx, mona, assigned, incident.Restriction{Command: bad, Members: []itsm.ID{""}})
		}},
		{incident.ActionUnrestrict, nil, func() (incident.Incident, error) { return d.Unrestrict(ctx, mona, assigned, bad) }},
		{incident.ActionLink, []string{"to"}, func() (incident.Incident, error) {
			return d.Link(ctx, mona, parent.ID, incident.Relation{Command: bad, Type: itsm.LinkChildOf, To: itsm.Ref{Kind: incident.Kind, ID: assigned}})
		}},
		{incident.ActionUnlink, []string{"type", "to"}, func() (incident.Incident, error) {
			return d.Unlink(ctx, mona, assigned, incident.Relation{Command: bad, To: itsm.Ref{Kind: incident.Kind, ID: assigned}})
		}},
		{incident.ActionFollowUp, []string{"title", "channel"}, func() (incident.Incident, error) {
			return d.FollowUp(ctx, mona, closed, incident.FollowUp{Command: bad, Title: huge, Channel: "pigeon"})
		}},
		{incident.ActionEscalate, []string{"to", "group"}, func() (incident.Incident, error) {
			return d.Escalate(ctx, mona, assigned, incident.Escalation{Command: bad, Type: incident.EscalationHierarchical, Group: "x"})
		}},
		{incident.ActionTag, []string{"tags[1]"}, func() (incident.Incident, error) {
			return d.Tag(ctx, mona, assigned, incident.Tagging{Command: bad, Tags: []string{"ok", "no!"}})
		}},
		{incident.ActionUntag, []string{"tags"}, func() (incident.Incident, error) {
			return d.Untag(ctx, mona, assigned, incident.Tagging{Command: bad})
		}},
		{incident.ActionAttach, []string{"name", "media_type", "size", "digest", "reference", "visibility"}, func() (incident.Incident, error) {
			return d.Attach(ctx, mona, assigned, incident.Attachment{Command: bad, Name: "a/b", MediaType: "x", Size: -1, Digest: "md5", Visibility: "x"})
		}},
		{incident.ActionDetach, []string{"attachment"}, func() (incident.Incident, error) {
			return d.Detach(ctx, mona, assigned, incident.Detachment{Command: bad, Attachment: "none"})
		}},
		{incident.ActionLogWork, []string{"person", "worked", "rate"}, func() (incident.Incident, error) {
			return d.LogWork(ctx, mona, assigned, incident.Work{Command: bad, Person: itsm.ID(withNUL), Rate: euro("-1.00")})
		}},
		{incident.ActionAddCost, []string{"amount.amount", "text", "at"}, func() (incident.Incident, error) {
			return d.AddCost(ctx, mona, assigned, incident.Expense{Command: bad, Amount: euro("0.001"), At: d.now.Add(time.Hour)})
		}},
		{incident.ActionReverseCost, []string{"entry"}, func() (incident.Incident, error) {
			return d.ReverseCost(ctx, mona, assigned, incident.Reversal{Command: bad, Entry: "none"})
		}},
		{incident.ActionAnswerSurvey, []string{"csat", "nps"}, func() (incident.Incident, error) {
			return d.AnswerSurvey(ctx, mona, closed, incident.SurveyAnswer{Command: bad, CSAT: ptr(6), NPS: ptr(5)})
		}},
		{"park", []string{"group", "data", "until"}, func() (incident.Incident, error) {
			return d.Do(ctx, mona, assigned, "park", incident.Input{Command: bad, Group: itsm.ID(withNUL), Data: []byte("{"), Until: d.now.Add(time.Hour)})
		}},
		{"", []string{"action"}, func() (incident.Incident, error) { return d.Do(ctx, mona, assigned, "", incident.Input{Command: bad}) }},
		{"log by Do", []string{"action"}, func() (incident.Incident, error) {
			return d.Do(ctx, mona, assigned, incident.ActionLog, incident.Input{Command: bad})
		}},
	} {
		before := d.snapshot()
		i, err := c.do()
		tells(c.action, c.own, i, err)
		require.Equal(t, before, d.snapshot(), "%s: nothing is written", c.action)
		tested = append(tested, c.action)
	}
	for action := range decided {
		require.Contains(t, tested, action)
	}

	// A report has no version to have seen.
	_, err = d.Log(ctx, mona, incident.Report{Command: itsm.Command{IfVersion: 3}, Requester: "rita"})
	require.Equal(t, []string{"if_version", "title"}, faults(t, err))

	// Rights and states come first, as for all other faults.
	_, err = d.Resolve(ctx, rob, assigned, incident.Resolution{Command: bad})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.Resolve(ctx, rita, assigned, incident.Resolution{Command: bad})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.Resolve(ctx, mona, closed, incident.Resolution{Command: bad})
	require.ErrorIs(t, err, itsm.ErrTransition)
}

// TestARefusedNestedCommandLeavesItsUnit: a command with a bad request that a reaction gives is
// refused before it wrote, and the reaction may go on.
func TestARefusedNestedCommandLeavesItsUnit(t *testing.T) {
	var incidents *incident.Practice
	var refused error
	d, ctx := openDesk(t, incident.Options{}, engine.Module{Name: "noter", Reactions: []engine.Reaction{
		engine.On(func(ctx context.Context, u *engine.Unit, e itsm.Event, _ incident.Logged) error {
			_, refused = incidents.In(u.Store()).Note(ctx, u.System("noter"), e.Record, incident.Note{Command: itsm.Command{Reason: notUTF8}, Text: "x"})
			return nil
		}),
	}}), t.Context()
	incidents = d.Practice
	i, err := d.Log(ctx, mona, incident.Report{Title: "No mail", Requester: "rita"})
	require.NoError(t, err)
	require.Equal(t, []string{"reason"}, faults(t, refused))
	require.EqualValues(t, 1, d.get(i.ID).Version)
}

// TestI2WhatIsMissingIsRequired holds the words of faults to one form.
func TestI2WhatIsMissingIsRequired(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.in(incident.StateInProgress).ID
	for name, err := range map[string]error{
		"log":      second(d.Log(ctx, mona, incident.Report{Restricted: true, Members: []itsm.ID{""}})),
		"start":    second(d.Start(ctx, mona, d.report().ID, itsm.Command{})),
		"reassign": second(d.Assign(ctx, mona, d.report().ID, incident.Assignment{})),
		"hold":     second(d.Hold(ctx, mona, i, incident.Hold{})),
		"link":     second(d.Link(ctx, mona, i, incident.Relation{})),
		"resolve":  second(d.Resolve(ctx, mona, i, incident.Resolution{})),
		"cancel":   second(d.Cancel(ctx, mona, i, incident.Cancellation{})),
		"note":     second(d.Note(ctx, mona, i, incident.Note{})),
		"override": second(d.OverridePriority(ctx, mona, i, incident.Override{Priority: 1})),
		"edit":     second(d.Edit(ctx, mona, i, incident.Edit{Title: ptr(" "), Requester: ptr(itsm.ID(""))})),
		"do":       second(d.Do(ctx, mona, i, "", incident.Input{})),
	} {
		var invalid *itsm.ValidationError
		require.ErrorAs(t, err, &invalid, name)
		for _, f := range invalid.Faults {
			require.True(t, strings.HasPrefix(f.Problem, "is required"), "%s: %s %s", name, f.Field, f.Problem)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestPermittedActionsNameWhatTheCommandsNeed gives each command that PermittedActions offers
// nothing but what it says is missing is missing, and no more.
func TestPermittedActionsNameWhatTheCommandsNeed(t *testing.T) {
	empty := map[string]func(d *serviceDesk, id itsm.ID) error{
		"reply": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Reply(d.t.Context(), mona, id, incident.Reply{}))
		},
		"note": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Note(d.t.Context(), mona, id, incident.Note{}))
		},
		"classify": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Classify(d.t.Context(), mona, id, incident.Classification{}))
		},
		"override_priority": func(d *serviceDesk, id itsm.ID) error {
			return second(d.OverridePriority(d.t.Context(), mona, id, incident.Override{}))
		},
		"clear_override": func(d *serviceDesk, id itsm.ID) error {
			return second(d.ClearOverride(d.t.Context(), mona, id, itsm.Command{}))
		},
		"acknowledge": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Acknowledge(d.t.Context(), mona, id, incident.Moment{}))
		},
		"restore": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Restore(d.t.Context(), mona, id, incident.Moment{}))
		},
		"set_times": func(d *serviceDesk, id itsm.ID) error {
			return second(d.SetTimes(d.t.Context(), mona, id, incident.Times{}))
		},
		"edit": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Edit(d.t.Context(), mona, id, incident.Edit{}))
		},
		"restrict": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Restrict(d.t.Context(), mona, id, incident.Restriction{}))
		},
		"unrestrict": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Unrestrict(d.t.Context(), mona, id, itsm.Command{}))
		},
		"link": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Link(d.t.Context(), mona, id, incident.Relation{}))
		},
		"unlink": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Unlink(d.t.Context(), mona, id, incident.Relation{}))
		},
		"follow_up": func(d *serviceDesk, id itsm.ID) error {
			return second(d.FollowUp(d.t.Context(), mona, id, incident.FollowUp{}))
		},
		"accept": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Accept(d.t.Context(), mona, id, itsm.Command{}))
		},
		"start": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Start(d.t.Context(), mona, id, itsm.Command{}))
		},
		"resume": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Resume(d.t.Context(), mona, id, itsm.Command{}))
		},
		"resolve": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Resolve(d.t.Context(), mona, id, incident.Resolution{}))
		},
		"reopen": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Reopen(d.t.Context(), mona, id, incident.Reopening{}))
		},
		"confirm": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Confirm(d.t.Context(), mona, id, itsm.Command{}))
		},
		"cancel": func(d *serviceDesk, id itsm.ID) error {
			return second(d.Cancel(d.t.Context(), mona, id, incident.Cancellation{}))
		},
	}
	for _, s := range allStates {
		d := openDesk(t, incident.Options{})
		actions, err := d.PermittedActions(t.Context(), mona, prepared(d, s).ID)
		require.NoError(t, err)
		for _, a := range actions {
			do, ok := empty[a.Action]
			if !ok {
				continue // its input replaces what the record has: assign, hold
			}
			err := do(d, prepared(d, s).ID)
			if len(a.Missing) == 0 {
				require.NoError(t, err, "%s while %s", a.Action, s)
				continue
			}
			fields := faults(t, err)
			for n, f := range fields {
				fields[n], _, _ = strings.Cut(f, ".")
			}
			require.ElementsMatch(t, a.Missing, slices.Compact(fields), "%s while %s", a.Action, s)
		}
	}
}

func TestWhatIsForbiddenSaysSoWhateverAGuardSays(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.in(incident.StateInProgress)
	actions, err := d.PermittedActions(ctx, rita, i.ID)
	require.NoError(t, err)
	seen := map[string]itsm.PermittedAction{}
	for _, a := range actions {
		seen[a.Action] = a
		require.Equal(t, !a.Permitted, a.Forbidden, "%+v", a)
	}
	require.Contains(t, seen["unrestrict"].Reason, "incident.restrict", "not that it is not restricted")
	require.Contains(t, seen["link"].Reason, "incident.edit")
	require.Equal(t, []string{"type", "to"}, seen["link"].Missing)

	actions, err = d.PermittedActions(ctx, mona, i.ID)
	require.NoError(t, err)
	for _, a := range actions {
		require.False(t, a.Forbidden, "%+v", a)
		require.Equal(t, a.Permitted, a.Reason == "")
	}
}

// A host's rule for an action beside the lifecycle decides where it may be taken; what its command
// needs it needs all the same.
func TestAHostsRuleForANoteStillNeedsAText(t *testing.T) {
	l, err := incident.StandardLifecycle().Extend(nil, incident.Rule{
		From: []incident.State{incident.StateNew}, On: incident.ActionNote, Stay: true, Needs: []itsm.Field[*incident.Case]{incident.NeedsReason}})
	require.NoError(t, err)
	d := openDesk(t, incident.Options{Lifecycle: l})
	i := d.report()
	actions, err := d.PermittedActions(t.Context(), mona, i.ID)
	require.NoError(t, err)
	n := slices.IndexFunc(actions, func(a itsm.PermittedAction) bool { return a.Action == "note" })
	require.Equal(t, []string{"reason", "text"}, actions[n].Missing)
	_, err = d.Note(t.Context(), mona, i.ID, incident.Note{})
	require.Equal(t, []string{"text", "reason"}, faults(t, err))
}
