package incident_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

func TestD1D5AReportIsLogged(t *testing.T) {
	d := openDesk(t, incident.Options{})
	occurred := d.now.Add(-time.Hour)
	i, err := d.Log(t.Context(), ana, incident.Report{
		Title: "No mail", Description: "Since this morning", Requester: "rita", Affected: "rob", Channel: incident.ChannelPhone,
		Impact: itsm.ImpactHigh, Urgency: itsm.UrgencyMedium, Category: "mail", Subcategory: "relay", Service: "mail",
		Occurred: occurred, Watchers: []itsm.ID{"wanda", "wanda"},
	})
	require.NoError(t, err)
	require.Equal(t, "INC0000001", i.Number)
	require.Equal(t, incident.StateNew, i.State)
	require.True(t, i.Open)
	require.Equal(t, itsm.PriorityHigh, i.Priority)
	require.Equal(t, d.now, i.Reported)
	require.Equal(t, occurred, i.Occurred)
	require.Equal(t, []itsm.ID{"wanda"}, i.Watchers)
	require.EqualValues(t, 1, i.Version)
	require.Equal(t, i, d.get(i.ID), "what is returned is what is stored")
	e := d.last(i.ID)
	require.Equal(t, incident.Logged{Number: "INC0000001", Priority: itsm.PriorityHigh}, e.Data)
	require.Equal(t, itsm.Category(""), e.FromCategory)
	require.Equal(t, itsm.CategoryNew, e.ToCategory)

	bare, err := d.Log(t.Context(), rita, incident.Report{Title: "Printer", Requester: "rita"})
	require.NoError(t, err)
	require.Equal(t, itsm.PriorityLow, bare.Priority)
	require.Equal(t, incident.ChannelOther, bare.Channel)
	byNumber, err := d.GetByNumber(t.Context(), ana, "INC0000002")
	require.NoError(t, err)
	require.Equal(t, bare.ID, byNumber.ID)
}

func TestAReportForAGroupIsAssignedAtOnce(t *testing.T) {
	d := openDesk(t, incident.Options{})
	i, err := d.Log(t.Context(), ana, incident.Report{Title: "No mail", Requester: "rita", Group: "network"})
	require.NoError(t, err)
	require.Equal(t, incident.StateAssigned, i.State)
	require.EqualValues(t, 1, i.Version)
	require.Equal(t, incident.Assigned{Group: "network"}, d.last(i.ID).Data)

	// A requester routes nothing, and reports in no other's name.
	_, err = d.Log(t.Context(), rita, incident.Report{Title: "No mail", Requester: "rita", Group: "network"})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.Log(t.Context(), rita, incident.Report{Title: "No mail", Requester: "rob", Affected: "rita"})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.Log(t.Context(), rita, incident.Report{Title: "No mail", Requester: "rita", Restricted: true})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.Log(t.Context(), pat, incident.Report{Title: "No mail", Requester: "pat"})
	require.ErrorIs(t, err, itsm.ErrForbidden)
}

func TestI14AnIncidentIsHandedOn(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.report()
	_, err := d.Assign(ctx, ana, i.ID, incident.Assignment{})
	require.EqualError(t, err, "incident: invalid: group or assignee is required to assign")
	i, err = d.Assign(ctx, ana, i.ID, incident.Assignment{Group: "network"})
	require.NoError(t, err)
	require.Zero(t, i.Acknowledged, "routing to a group is no one's acknowledgement")
	_, err = d.Start(ctx, sam, i.ID, itsm.Command{})
	require.EqualError(t, err, "incident: invalid: assignee is required to start")

	d.now = d.now.Add(time.Minute)
	i, err = d.Accept(ctx, sam, i.ID, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, itsm.ID("sam"), i.Assignee)
	require.Equal(t, d.now, i.Acknowledged)
	require.Zero(t, i.Reassignments)
	_, err = d.Accept(ctx, ana, i.ID, itsm.Command{})
	require.ErrorContains(t, err, "it is assigned to someone else; reassign it")
	_, err = d.Accept(ctx, itsm.SystemActor("acme", "routing"), d.report().ID, itsm.Command{})
	require.ErrorContains(t, err, "only a person accepts; assign it")

	// Handing over needs no rights where it goes; afterwards it is out of one's hands.
	i, err = d.Reassign(ctx, sam, i.ID, incident.Assignment{Group: "vendor", Assignee: "pat"})
	require.NoError(t, err)
	require.Equal(t, 1, i.Reassignments)
	require.Equal(t, incident.Reassigned{FromGroup: "network", FromAssignee: "sam", Group: "vendor", Assignee: "pat", Count: 1}, d.last(i.ID).Data)
	_, err = d.Start(ctx, sam, i.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.Start(ctx, pat, i.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = d.Reassign(ctx, pat, i.ID, incident.Assignment{Assignee: "pat"})
	require.EqualError(t, err, "incident: invalid: group or assignee must differ from what it is now")
	back, err := d.Reassign(ctx, pat, i.ID, incident.Assignment{})
	require.NoError(t, err)
	require.Equal(t, [2]itsm.ID{"vendor", ""}, [2]itsm.ID{back.Group, back.Assignee}, "back to its group")
}

func TestI4AHoldNeedsWhatItsReasonAsksFor(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	problem := &itsm.Ref{Kind: "problem", ID: "P1"}
	for _, c := range []struct {
		name   string
		hold   incident.Hold
		faults []string
	}{
		{"nothing given", incident.Hold{}, []string{"hold_reason"}},
		{"an unknown reason", incident.Hold{HoldReason: "lunch"}, []string{"hold_reason"}},
		{"the caller is not asked", incident.Hold{HoldReason: incident.HoldCaller}, []string{"note"}},
		{"the caller cannot read the question", incident.Hold{HoldReason: incident.HoldCaller, Note: "Which?", Visibility: itsm.VisibilityInternal}, []string{"note"}},
		{"the caller is asked", incident.Hold{HoldReason: incident.HoldCaller, Note: "Which?"}, nil},
		{"no problem", incident.Hold{HoldReason: incident.HoldProblem, Note: "Known"}, []string{"link"}},
		{"a problem", incident.Hold{HoldReason: incident.HoldProblem, Link: problem}, nil},
		{"no change", incident.Hold{HoldReason: incident.HoldChange}, []string{"link"}},
		{"no vendor's case", incident.Hold{HoldReason: incident.HoldVendor}, []string{"link"}},
		{"a date", incident.Hold{HoldReason: incident.HoldCustomerScheduled, Until: d.now.Add(time.Hour)}, nil},
		{"a date that has passed", incident.Hold{HoldReason: incident.HoldCustomerScheduled, Until: d.now}, []string{"until"}},
		{"a broken link", incident.Hold{HoldReason: incident.HoldProblem, Link: &itsm.Ref{}}, []string{"link.kind", "link.id"}},
		{"everything at once", incident.Hold{HoldReason: incident.HoldCaller, Visibility: "secret", Until: d.now.Add(-1), Link: &itsm.Ref{Kind: "problem"}},
			[]string{"visibility", "until", "link.id", "note"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := d.in(incident.StateInProgress)
			before := d.snapshot()
			held, err := d.Hold(ctx, ana, i.ID, c.hold)
			if c.faults != nil {
				require.Equal(t, c.faults, faults(t, err))
				require.Equal(t, before, d.snapshot())
				return
			}
			require.NoError(t, err)
			require.Equal(t, incident.StateOnHold, held.State)
			require.Equal(t, incident.StateInProgress, held.Before)
			require.Equal(t, c.hold.HoldReason, held.HoldReason)
			require.Equal(t, 1, held.Holds)
			e := d.last(i.ID).Data.(incident.Held)
			require.Equal(t, c.hold.Note != "", e.Note != "")
			links, err := d.Links(ctx, ana, i.ID)
			require.NoError(t, err)
			if c.hold.Link != nil {
				require.Equal(t, []itsm.Link{{Type: itsm.LinkHeldFor, From: held.Ref(), To: *problem}}, links)
			}
		})
	}
}

func TestI4WhatEndsAWait(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	problem, other := itsm.Ref{Kind: "problem", ID: "P1"}, itsm.Ref{Kind: "problem", ID: "P2"}
	holds := map[incident.HoldReason]incident.Hold{
		incident.HoldCaller:            {HoldReason: incident.HoldCaller, Note: "Which?"},
		incident.HoldCustomerScheduled: {HoldReason: incident.HoldCustomerScheduled},
		incident.HoldVendor:            {HoldReason: incident.HoldVendor, Link: &problem},
		incident.HoldProblem:           {HoldReason: incident.HoldProblem, Link: &problem},
		incident.HoldChange:            {HoldReason: incident.HoldChange, Link: &problem},
	}
	system := itsm.SystemActor("acme", "problems")
	for reason, hold := range holds {
		for _, c := range []struct {
			name    string
			end     func(id itsm.ID) error
			resumes []incident.HoldReason
			by      incident.ResumedBy
		}{
			{"a reply", func(id itsm.ID) error { _, err := d.Reply(ctx, rita, id, incident.Reply{Text: "This one"}); return err },
				[]incident.HoldReason{incident.HoldCaller}, incident.ResumedByReply},
			{"the link is done", func(id itsm.ID) error { _, err := d.LinkedDone(ctx, system, id, problem); return err },
				[]incident.HoldReason{incident.HoldProblem, incident.HoldChange}, incident.ResumedByLink},
			{"another record is done", func(id itsm.ID) error { _, err := d.LinkedDone(ctx, system, id, other); return err }, nil, ""},
			{"its time", func(itsm.ID) error { d.wait(time.Hour); return nil },
				[]incident.HoldReason{incident.HoldCaller, incident.HoldCustomerScheduled, incident.HoldVendor, incident.HoldProblem, incident.HoldChange}, incident.ResumedByUntil},
			{"a person", func(id itsm.ID) error { _, err := d.Resume(ctx, ana, id, itsm.Command{}); return err },
				[]incident.HoldReason{incident.HoldCaller, incident.HoldCustomerScheduled, incident.HoldVendor, incident.HoldProblem, incident.HoldChange}, incident.ResumedByPerson},
		} {
			t.Run(string(reason)+" and "+c.name, func(t *testing.T) {
				i := d.in(incident.StateInProgress)
				hold.Until = d.now.Add(time.Hour)
				_, err := d.Hold(ctx, ana, i.ID, hold)
				require.NoError(t, err)
				require.NoError(t, c.end(i.ID))
				after := d.get(i.ID)
				ends := false
				for _, r := range c.resumes {
					ends = ends || r == reason
				}
				if !ends {
					require.Equal(t, incident.StateOnHold, after.State)
					require.Equal(t, reason, after.HoldReason)
					return
				}
				require.Equal(t, incident.StateInProgress, after.State)
				require.Empty(t, after.HoldReason)
				require.Empty(t, after.Before)
				require.Nil(t, after.HoldLink)
				require.Zero(t, after.HoldUntil)
				require.Equal(t, incident.Resumed{HoldReason: reason, By: c.by}, d.last(i.ID).Data)
				links, err := d.Links(ctx, ana, i.ID)
				require.NoError(t, err)
				if hold.Link != nil {
					require.Equal(t, []itsm.Link{{Type: itsm.LinkRelatedTo, From: after.Ref(), To: problem}}, links, "it waits no more, and stays related")
				}
			})
		}
	}
}

func TestI15WaitingForAnotherRecordMovesTheLink(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.in(incident.StateInProgress)
	problem, change := itsm.Ref{Kind: "problem", ID: "P1"}, itsm.Ref{Kind: "change", ID: "C1"}
	_, err := d.Hold(ctx, ana, i.ID, incident.Hold{HoldReason: incident.HoldProblem, Link: &problem})
	require.NoError(t, err)
	_, err = d.ChangeHoldReason(ctx, ana, i.ID, incident.Hold{HoldReason: incident.HoldChange, Link: &change})
	require.NoError(t, err)
	links, err := d.Links(ctx, ana, i.ID)
	require.NoError(t, err)
	require.ElementsMatch(t, []itsm.Link{
		{Type: itsm.LinkRelatedTo, From: i.Ref(), To: problem}, {Type: itsm.LinkHeldFor, From: i.Ref(), To: change},
	}, links)
	after, err := d.LinkedDone(ctx, ana, i.ID, problem)
	require.NoError(t, err)
	require.Equal(t, incident.StateOnHold, after.State, "it waits for that no more")
}

func TestAReplyToAResolvedIncidentAlertsAndMayReopen(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.in(incident.StateResolved)
	after, err := d.Reply(ctx, rita, i.ID, incident.Reply{Text: "Not at all"})
	require.NoError(t, err)
	require.Equal(t, incident.StateResolved, after.State)
	e := d.last(i.ID)
	require.IsType(t, incident.ReplyReceived{}, e.Data)
	require.Equal(t, itsm.CategoryResolved, e.ToCategory)

	d = openDesk(t, incident.Options{ReopenOnReply: true})
	i = d.in(incident.StateResolved)
	after, err = d.Reply(ctx, rita, i.ID, incident.Reply{Text: "Not at all"})
	require.NoError(t, err)
	require.Equal(t, incident.StateInProgress, after.State)
	require.Equal(t, 1, after.Reopens)
	late := d.in(incident.StateResolved)
	d.now = d.now.Add(incident.DefaultAutoClose + time.Microsecond)
	after, err = d.Reply(ctx, rita, late.ID, incident.Reply{Text: "Not at all"})
	require.NoError(t, err, "too late to reopen, but the reply is kept")
	require.Equal(t, incident.StateResolved, after.State)
}

func TestI5I6AnIncidentIsResolvedReopenedAndClosed(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.in(incident.StateInProgress)
	_, err := d.Resolve(ctx, ana, i.ID, incident.Resolution{})
	require.Equal(t, []string{"code", "notes"}, faults(t, err))
	_, err = d.Resolve(ctx, ana, i.ID, incident.Resolution{Code: "magic", Notes: " \n"})
	require.Equal(t, []string{"code", "notes"}, faults(t, err))

	_, err = d.Restore(ctx, ana, i.ID, incident.Moment{})
	require.NoError(t, err)
	d.now = d.now.Add(time.Hour)
	resolved, err := d.Resolve(ctx, ana, i.ID, fixed)
	require.NoError(t, err)
	require.Equal(t, incident.Outcome{Code: incident.CodeFixed, Notes: fixed.Notes, By: "ana"}, resolved.Resolution)
	require.Equal(t, d.now, resolved.ResolvedAt)
	require.Equal(t, d.now.Add(-time.Hour), resolved.Restored)
	require.False(t, resolved.Open)

	_, err = d.Reopen(ctx, rob, i.ID, incident.Reopening{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	again, err := d.Reopen(ctx, rita, i.ID, incident.Reopening{Note: "Still nothing"})
	require.NoError(t, err)
	require.Equal(t, incident.StateInProgress, again.State)
	require.Equal(t, 1, again.Reopens)
	require.Zero(t, again.ResolvedAt)
	require.Zero(t, again.Restored)
	require.Zero(t, again.Resolution)
	require.Zero(t, again.FirstResponse, "the requester's own words are no response")

	_, err = d.Resolve(ctx, ana, i.ID, fixed)
	require.NoError(t, err)
	d.now = d.now.Add(incident.DefaultAutoClose)
	_, err = d.Reopen(ctx, rita, i.ID, incident.Reopening{})
	require.NoError(t, err, "the last moment")
	_, err = d.Resolve(ctx, ana, i.ID, fixed)
	require.NoError(t, err)
	d.now = d.now.Add(incident.DefaultAutoClose + time.Microsecond)
	_, err = d.Reopen(ctx, rita, i.ID, incident.Reopening{})
	require.ErrorContains(t, err, "the time to reopen it ended")
	closed, err := d.Confirm(ctx, rita, i.ID, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, incident.StateClosed, closed.State)
	require.Equal(t, d.now, closed.ClosedAt)
	require.Equal(t, incident.Closed{}, d.last(i.ID).Data)
	require.Equal(t, 2, closed.Reopens)
	require.Empty(t, jobsOf(d), "nothing is left to come due")
}

func jobsOf(d *serviceDesk) []string {
	var kinds []string
	for _, j := range d.snapshot().Jobs {
		kinds = append(kinds, j.Kind)
	}
	return kinds
}

func TestI5I6TheTimesOfClosingAndReopeningAreTheHosts(t *testing.T) {
	d := openDesk(t, incident.Options{AutoClose: 24 * time.Hour, ReopenWindow: time.Hour})
	i := d.in(incident.StateResolved)
	d.now = d.now.Add(time.Hour + time.Microsecond)
	_, err := d.Reopen(t.Context(), rita, i.ID, incident.Reopening{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	require.Equal(t, 1, d.wait(23*time.Hour).Jobs)
	require.Equal(t, incident.StateClosed, d.get(i.ID).State)

	d = openDesk(t, incident.Options{AutoClose: incident.Never})
	i = d.in(incident.StateResolved)
	require.Zero(t, d.wait(1000*24*time.Hour).Jobs)
	_, err = d.Reopen(t.Context(), rita, i.ID, incident.Reopening{})
	require.NoError(t, err, "without closing there is no end of the window")
}

func TestALongerTimeBeforeClosingHoldsForWhatIsResolvedAlready(t *testing.T) {
	d := openDesk(t, incident.Options{AutoClose: 24 * time.Hour})
	i := d.in(incident.StateResolved)
	later := reopenDesk(d, incident.Options{AutoClose: 72 * time.Hour})
	later.wait(24 * time.Hour)
	require.Equal(t, incident.StateResolved, later.get(i.ID).State)
	later.wait(48*time.Hour - time.Microsecond)
	require.Equal(t, incident.StateResolved, later.get(i.ID).State)
	later.wait(time.Microsecond)
	require.Equal(t, incident.StateClosed, later.get(i.ID).State)
}

func TestAHostsGuardPutsTheClosingOff(t *testing.T) {
	reviewed := false
	standard := incident.StandardLifecycle()
	lifecycle, err := standard.Replace(incident.Rule{
		From: []incident.State{incident.StateResolved}, On: incident.ActionAutoClose, To: incident.StateClosed, System: true,
		Guard: func(itsm.Attempt[*incident.Case]) string {
			if !reviewed {
				return "the review is not done"
			}
			return ""
		},
	})
	require.NoError(t, err)
	d := openDesk(t, incident.Options{Lifecycle: lifecycle})
	i := d.in(incident.StateResolved)
	ran := d.wait(incident.DefaultAutoClose)
	require.Zero(t, ran.Failed+ran.Dead)
	require.Equal(t, incident.StateResolved, d.get(i.ID).State)
	reviewed = true
	d.wait(23 * time.Hour)
	require.Equal(t, incident.StateResolved, d.get(i.ID).State)
	d.wait(time.Hour)
	require.Equal(t, incident.StateClosed, d.get(i.ID).State)
}

func TestWhatIsNotFinishedBlocksTheResolution(t *testing.T) {
	var tasks []string
	d := openDesk(t, incident.Options{
		Children: incident.ChildrenBlock,
		Blockers: func(_ context.Context, _ storage.Reader, i incident.Incident) ([]string, error) { return tasks, nil },
	})
	ctx := t.Context()
	i := d.in(incident.StateInProgress)
	child := d.report()
	_, err := d.Link(ctx, ana, child.ID, incident.Relation{Type: itsm.LinkChildOf, To: i.Ref()})
	require.NoError(t, err)
	tasks = []string{"Replace the disk"}
	_, err = d.Resolve(ctx, ana, i.ID, fixed)
	var refused *itsm.TransitionError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []string{"Replace the disk", "open child incidents: 1"}, refused.Missing)
	actions, err := d.PermittedActions(ctx, ana, i.ID)
	require.NoError(t, err)
	for _, a := range actions {
		if a.Action == "resolve" {
			require.False(t, a.Permitted)
		}
	}
	tasks = nil
	_, err = d.Resolve(ctx, ana, child.ID, fixed)
	require.NoError(t, err)
	_, err = d.Resolve(ctx, ana, i.ID, fixed)
	require.NoError(t, err)
}

func TestADuplicateIsCancelledAndItsWatchersMove(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	original := d.report(func(r *incident.Report) { r.Watchers = []itsm.ID{"wanda"} })
	twice := d.report(func(r *incident.Report) {
		r.Requester, r.Affected, r.Watchers = "rob", "rita", []itsm.ID{"wanda", "willy"}
	})
	_, err := d.Cancel(ctx, ana, twice.ID, incident.Cancellation{DuplicateOf: twice.ID})
	require.Equal(t, []string{"duplicate_of", "reason"}, faults(t, err))
	i, err := d.Cancel(ctx, ana, twice.ID, incident.Cancellation{Command: itsm.Command{Reason: "Reported twice"}, DuplicateOf: original.ID})
	require.NoError(t, err)
	require.Equal(t, incident.StateCancelled, i.State)
	require.Equal(t, "Duplicate", i.CancelReason, "what it says for the trail is internal")
	require.Equal(t, d.now, i.ClosedAt)
	links, err := d.Links(ctx, ana, original.ID)
	require.NoError(t, err)
	require.Equal(t, []itsm.Link{{Type: itsm.LinkDuplicatedBy, From: original.Ref(), To: twice.Ref()}}, links)
	after := d.get(original.ID)
	require.Equal(t, []itsm.ID{"wanda", "rob", "willy"}, after.Watchers, "those who have it do not watch it")
	require.Equal(t, incident.Duplicated{Duplicate: twice.ID}, d.last(original.ID).Data)

	// A duplicate leads to what is worked on, never to another duplicate.
	third := d.report()
	_, err = d.Cancel(ctx, ana, third.ID, incident.Cancellation{Command: itsm.Command{Reason: "Again"}, DuplicateOf: twice.ID})
	require.Equal(t, []string{"duplicate_of"}, faults(t, err))
}

func TestI6AClosedIncidentIsFollowedUp(t *testing.T) {
	set, err := itsm.NewFieldSet(itsm.FieldDefinition{Name: "building", Type: itsm.FieldText})
	require.NoError(t, err)
	d, ctx := openDesk(t, incident.Options{Fields: set}), t.Context()
	i := d.report(func(r *incident.Report) {
		r.Impact, r.Category, r.Service, r.Group, r.Affected = itsm.ImpactHigh, "mail", "mail", "desk", "rob"
		r.Fields = itsm.Fields{"building": json.RawMessage(`"A"`)}
	})
	_, err = d.OverridePriority(ctx, mona, i.ID, incident.Override{Command: itsm.Command{Reason: "Board"}, Priority: 1})
	require.NoError(t, err)
	_, err = d.Resolve(ctx, ana, i.ID, fixed)
	require.NoError(t, err)
	_, err = d.FollowUp(ctx, rita, i.ID, incident.FollowUp{})
	require.ErrorIs(t, err, itsm.ErrTransition, "a resolved one is reopened instead")
	_, err = d.Confirm(ctx, rita, i.ID, itsm.Command{})
	require.NoError(t, err)

	d.now = d.now.Add(time.Hour)
	next, err := d.FollowUp(ctx, rita, i.ID, incident.FollowUp{Description: "It came back", Channel: incident.ChannelEmail})
	require.NoError(t, err)
	require.NotEqual(t, i.ID, next.ID)
	require.Equal(t, "INC0000002", next.Number)
	require.Equal(t, incident.StateNew, next.State)
	require.Equal(t, "It came back", next.Description)
	require.Equal(t, []any{i.Title, i.Category, i.Service, i.Group, i.Requester, i.Affected, i.Impact, i.Urgency, i.Fields},
		[]any{next.Title, next.Category, next.Service, next.Group, next.Requester, next.Affected, next.Impact, next.Urgency, next.Fields})
	require.Equal(t, itsm.PriorityModerate, next.Priority, "an override is not inherited")
	require.Equal(t, d.now, next.Reported)
	links, err := d.Links(ctx, rita, next.ID)
	require.NoError(t, err)
	require.Equal(t, []itsm.Link{{Type: itsm.LinkFollowUpOf, From: next.Ref(), To: i.Ref()}}, links)
	require.Equal(t, incident.FollowedUp{By: next.ID}, d.last(i.ID).Data)
	require.Equal(t, incident.Logged{Number: "INC0000002", Priority: 3, FollowUpOf: i.ID}, d.last(next.ID).Data)
	require.Equal(t, incident.StateClosed, d.get(i.ID).State)
}

func TestI3ThePriorityFollowsTheMatrixUnlessOverridden(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{Categories: map[string][]string{"mail": {"relay", "mailbox"}, "print": nil}}), t.Context()
	i := d.report(func(r *incident.Report) { r.Category, r.Subcategory = "mail", "relay" })
	require.Equal(t, itsm.PriorityLow, i.Priority)
	i, err := d.Classify(ctx, ana, i.ID, incident.Classification{Impact: itsm.ImpactHigh, Urgency: itsm.UrgencyHigh})
	require.NoError(t, err)
	require.Equal(t, itsm.PriorityCritical, i.Priority)
	same, err := d.Classify(ctx, ana, i.ID, incident.Classification{Impact: itsm.ImpactHigh, Category: ptr("mail")})
	require.NoError(t, err)
	require.Equal(t, i, same, "nothing is another, so nothing happens")

	_, err = d.OverridePriority(ctx, ana, i.ID, incident.Override{Command: itsm.Command{Reason: "One person"}, Priority: 4})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.OverridePriority(ctx, mona, i.ID, incident.Override{Priority: 9})
	require.Equal(t, []string{"priority", "reason"}, faults(t, err))
	i, err = d.OverridePriority(ctx, mona, i.ID, incident.Override{Command: itsm.Command{Reason: "One person"}, Priority: 4})
	require.NoError(t, err)
	require.Equal(t, itsm.PriorityLow, i.Priority)
	require.Equal(t, &incident.PriorityOverride{Priority: 4, Reason: "One person", By: "mona"}, i.PriorityOverride)
	i, err = d.Classify(ctx, ana, i.ID, incident.Classification{Urgency: itsm.UrgencyMedium})
	require.NoError(t, err)
	require.Equal(t, itsm.PriorityLow, i.Priority)
	_, err = d.ClearOverride(ctx, mona, i.ID, itsm.Command{})
	require.Equal(t, []string{"reason"}, faults(t, err))
	i, err = d.ClearOverride(ctx, mona, i.ID, itsm.Command{Reason: "Many after all"})
	require.NoError(t, err)
	require.Equal(t, itsm.PriorityHigh, i.Priority)
	require.Nil(t, i.PriorityOverride)

	i, err = d.Classify(ctx, ana, i.ID, incident.Classification{Category: ptr("print")})
	require.NoError(t, err)
	require.Empty(t, i.Subcategory, "it belonged to the other category")
	_, err = d.Classify(ctx, ana, i.ID, incident.Classification{Impact: 7, Urgency: -1, Category: ptr("mail"), Subcategory: ptr("fax"), Service: ptr(itsm.ID("a\x00b"))})
	require.Equal(t, []string{"service", "subcategory", "impact", "urgency"}, faults(t, err))
	_, err = d.Classify(ctx, ana, i.ID, incident.Classification{Category: ptr("coffee")})
	require.EqualError(t, err, "incident: invalid: category must be one of: mail, print")
}

func TestI17I18TimestampsAreOrderedOnlyWhereThatIsCertain(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	at := func(minutes int) *time.Time { return ptr(d.now.Add(time.Duration(minutes) * time.Minute)) }
	for _, c := range []struct {
		name   string
		times  incident.Times
		faults []string
	}{
		{"detected before it occurred", incident.Times{Occurred: at(5), Detected: at(4)}, []string{"detected"}},
		{"detected as it occurred", incident.Times{Occurred: at(5), Detected: at(5)}, nil},
		{"reported before it was detected", incident.Times{Detected: at(9), Reported: at(2)}, nil},
		{"reported before it occurred", incident.Times{Occurred: at(9), Reported: at(2)}, nil},
		{"acknowledged before it was reported", incident.Times{Reported: at(5), Acknowledged: at(4)}, []string{"acknowledged"}},
		{"answered before it was reported", incident.Times{Reported: at(5), FirstResponse: at(4)}, nil},
		{"restored before it occurred", incident.Times{Occurred: at(9), Restored: at(-60)}, nil},
		{"restored after it was resolved", incident.Times{Restored: at(1)}, []string{"restored"}},
		{"not reported at all", incident.Times{Reported: &time.Time{}}, []string{"reported"}},
		{"in a year that cannot be written", incident.Times{Occurred: ptr(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))}, []string{"occurred"}},
		{"all that is wrong", incident.Times{Occurred: at(5), Detected: at(4), Reported: at(5), Acknowledged: at(4), Restored: at(1)},
			[]string{"detected", "acknowledged", "restored"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := d.in(incident.StateResolved)
			before := d.snapshot()
			after, err := d.SetTimes(ctx, ana, i.ID, c.times)
			if c.faults != nil {
				require.Equal(t, c.faults, faults(t, err))
				require.Equal(t, before, d.snapshot())
				return
			}
			require.NoError(t, err)
			require.Equal(t, i.Version+1, after.Version)
		})
	}

	i := d.in(incident.StateInProgress)
	_, err := d.Acknowledge(ctx, ana, i.ID, incident.Moment{At: d.now.Add(-time.Second)})
	require.Equal(t, []string{"acknowledged"}, faults(t, err))
	_, err = d.Acknowledge(ctx, ana, i.ID, incident.Moment{})
	require.NoError(t, err)
	_, err = d.Acknowledge(ctx, ana, i.ID, incident.Moment{})
	require.ErrorContains(t, err, "it is acknowledged already")
	_, err = d.Restore(ctx, ana, i.ID, incident.Moment{At: d.now.Add(time.Minute)})
	require.NoError(t, err)
	_, err = d.Resolve(ctx, ana, i.ID, incident.Resolution{Code: incident.CodeFixed})
	require.Equal(t, []string{"restored", "notes"}, faults(t, err), "every fault at once")
	after, err := d.SetTimes(ctx, ana, i.ID, incident.Times{Restored: &time.Time{}})
	require.NoError(t, err)
	require.Zero(t, after.Restored)
	require.NotZero(t, after.Acknowledged, "what is not named stays")
}

func TestNotesAndTheFirstResponse(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.report()
	_, err := d.Note(ctx, ana, i.ID, incident.Note{Text: "Looks like the relay"})
	require.NoError(t, err)
	require.Zero(t, d.get(i.ID).FirstResponse)
	_, err = d.Reply(ctx, rita, i.ID, incident.Reply{Text: "Hello?"})
	require.NoError(t, err)
	require.Zero(t, d.get(i.ID).FirstResponse)
	d.now = d.now.Add(time.Minute)
	_, err = d.Note(ctx, ana, i.ID, incident.Note{Text: "We are on it", Visibility: itsm.VisibilityPublic})
	require.NoError(t, err)
	first := d.now
	d.now = d.now.Add(time.Minute)
	_, err = d.Note(ctx, sam, i.ID, incident.Note{Text: "Me too", Visibility: itsm.VisibilityPublic})
	require.NoError(t, err)
	require.Equal(t, first, d.get(i.ID).FirstResponse)

	page, err := d.Notes(ctx, ana, i.ID, "", 3)
	require.NoError(t, err)
	require.Len(t, page.Items, 3)
	rest, err := d.Notes(ctx, ana, i.ID, page.Next, 3)
	require.NoError(t, err)
	require.Len(t, rest.Items, 1)
	require.Equal(t, "Me too", rest.Items[0].Text)
	hers, err := d.Notes(ctx, rita, i.ID, "", 0)
	require.NoError(t, err)
	require.Len(t, hers.Items, 3, "the internal one is not hers")
	_, err = d.Note(ctx, rita, i.ID, incident.Note{Text: "x"})
	require.ErrorIs(t, err, itsm.ErrForbidden)
}

func TestAnEditChangesWhatItNames(t *testing.T) {
	set, err := itsm.NewFieldSet(
		itsm.FieldDefinition{Name: "building", Type: itsm.FieldText, Required: true},
		itsm.FieldDefinition{Name: "room", Type: itsm.FieldText})
	require.NoError(t, err)
	d, ctx := openDesk(t, incident.Options{Fields: set}), t.Context()
	_, err = d.Log(ctx, ana, incident.Report{Title: "x", Requester: "rita"})
	require.Equal(t, []string{"fields.building"}, faults(t, err))
	i := d.report(func(r *incident.Report) { r.Fields = itsm.Fields{"building": json.RawMessage(`"A"`)} })
	i, err = d.Edit(ctx, ana, i.ID, incident.Edit{
		Title: ptr("New title"), Affected: ptr(itsm.ID("rob")), Watchers: &[]itsm.ID{"w"},
		Fields: itsm.Fields{"room": json.RawMessage(`"12" `)},
	})
	require.NoError(t, err)
	require.Equal(t, itsm.Fields{"building": json.RawMessage(`"A"`), "room": json.RawMessage(`"12"`)}, i.Fields)
	var changed []string
	for _, c := range d.last(i.ID).Changes {
		changed = append(changed, c.Field)
	}
	require.Equal(t, []string{"affected", "fields", "title", "watchers"}, changed)
	same, err := d.Edit(ctx, ana, i.ID, incident.Edit{Title: ptr("New title"), Fields: itsm.Fields{"room": json.RawMessage(` "12"`)}})
	require.NoError(t, err)
	require.Equal(t, i.Version, same.Version)
	_, err = d.Edit(ctx, ana, i.ID, incident.Edit{
		Title: ptr(""), Requester: ptr(itsm.ID("")), Channel: ptr(incident.Channel("pigeon")),
		Fields: itsm.Fields{"building": json.RawMessage(`null`), "floor": json.RawMessage(`1`)},
	})
	require.Equal(t, []string{"title", "requester", "channel", "fields.building", "fields.floor"}, faults(t, err))
	i, err = d.Edit(ctx, ana, i.ID, incident.Edit{Fields: itsm.Fields{"room": json.RawMessage(`null`)}})
	require.NoError(t, err)
	require.Equal(t, itsm.Fields{"building": json.RawMessage(`"A"`)}, i.Fields)
}

func TestLinksAreMadeOnceAndTakenAway(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.report()
	link := incident.Relation{Type: itsm.LinkCausedBy, To: itsm.Ref{Kind: "change", ID: "C1"}}
	_, err := d.Unlink(ctx, ana, i.ID, link)
	require.Equal(t, []string{"to"}, faults(t, err))
	linked, err := d.Link(ctx, ana, i.ID, link)
	require.NoError(t, err)
	again, err := d.Link(ctx, ana, i.ID, link)
	require.NoError(t, err)
	require.Equal(t, linked.Version, again.Version)
	require.Equal(t, incident.Linked{Type: link.Type, To: link.To}, d.last(i.ID).Data)
	_, err = d.Unlink(ctx, ana, i.ID, link)
	require.NoError(t, err)
	links, err := d.Links(ctx, ana, i.ID)
	require.NoError(t, err)
	require.Empty(t, links)
	_, err = d.Link(ctx, ana, i.ID, incident.Relation{To: i.Ref()})
	require.Equal(t, []string{"type", "to"}, faults(t, err))
}

func TestLinksToOtherKindsAskTheHost(t *testing.T) {
	secret := itsm.Ref{Kind: "change", ID: "secret"}
	d := openDesk(t, incident.Options{MayRead: func(_ context.Context, _ storage.Reader, a itsm.Actor, ref itsm.Ref) error {
		if ref == secret && a.ID != "mona" {
			return &storage.Error{Op: "get", Table: "change", ID: ref.ID, Err: storage.ErrNotFound}
		}
		return nil
	}})
	ctx := t.Context()
	i := d.report()
	_, err := d.Link(ctx, ana, i.ID, incident.Relation{Type: itsm.LinkCausedBy, To: secret})
	require.EqualError(t, err, "incident: invalid: to is not found")
	_, err = d.Hold(ctx, ana, i.ID, incident.Hold{HoldReason: incident.HoldChange, Link: &secret})
	require.EqualError(t, err, "incident: invalid: link is not found")
	_, err = d.Hold(ctx, mona, i.ID, incident.Hold{HoldReason: incident.HoldChange, Link: &secret})
	require.NoError(t, err)
	links, err := d.Links(ctx, ana, i.ID)
	require.NoError(t, err)
	require.Empty(t, links)
	seen, err := d.Get(ctx, ana, i.ID)
	require.NoError(t, err)
	require.Nil(t, seen.HoldLink)
	entries, err := d.Timeline(ctx, ana, i.ID)
	require.NoError(t, err)
	raw, err := json.Marshal(entries)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "secret")
	entries, err = d.Timeline(ctx, mona, i.ID)
	require.NoError(t, err)
	raw, err = json.Marshal(entries)
	require.NoError(t, err)
	require.Contains(t, string(raw), "secret")
}

func TestChildrenThatCannotBeResolvedAreLeftToPeople(t *testing.T) {
	d := openDesk(t, incident.Options{Blockers: func(_ context.Context, _ storage.Reader, i incident.Incident) ([]string, error) {
		if i.Title == "stuck" {
			return []string{"a task"}, nil
		}
		return nil, nil
	}})
	ctx := t.Context()
	parent := d.report()
	stuck := d.report(func(r *incident.Report) { r.Title = "stuck" })
	var free []itsm.ID
	for range 120 { // more than one job looks at
		free = append(free, d.report().ID)
	}
	for _, id := range append([]itsm.ID{stuck.ID}, free...) {
		_, err := d.Link(ctx, ana, id, incident.Relation{Type: itsm.LinkChildOf, To: parent.Ref()})
		require.NoError(t, err)
	}
	_, err := d.Resolve(ctx, ana, parent.ID, fixed)
	require.NoError(t, err)
	ran := d.wait(0)
	require.Equal(t, 2+121, ran.Jobs, "two look at the children, and one is of each")
	require.Zero(t, ran.Failed)
	require.Equal(t, incident.StateNew, d.get(stuck.ID).State)
	for _, id := range free {
		c := d.get(id)
		require.Equal(t, incident.StateResolved, c.State)
	}
	require.Equal(t, incident.Resolved{Code: incident.CodeFixed, Parent: parent.ID}, d.last(free[0]).Data)
}

func TestOthersReactToCategoriesAlone(t *testing.T) {
	var told []string
	watch := engine.Module{Name: "watch", Reactions: []engine.Reaction{engine.OnAny(func(_ context.Context, _ *engine.Unit, e itsm.Event) error {
		told = append(told, string(e.FromCategory)+">"+string(e.ToCategory))
		return nil
	})}}
	d := openDesk(t, incident.Options{}, watch)
	d.in(incident.StateClosed)
	require.Equal(t, []string{">new", "new>resolved", "resolved>closed"}, told)
}

func TestSubscribersAreToldWhatIsInternal(t *testing.T) {
	internal := map[string]bool{}
	mail := engine.Module{Name: "mail", Subscribers: []engine.Subscriber{{Name: "mail", Deliver: func(_ context.Context, e itsm.Event) error {
		internal[e.Action] = e.Internal
		return nil
	}}}}
	d, ctx := openDesk(t, incident.Options{}, mail), t.Context()
	i := d.in(incident.StateOnHold)
	_, err := d.Note(ctx, ana, i.ID, incident.Note{Text: "Between us"})
	require.NoError(t, err)
	_, err = d.OverridePriority(ctx, mona, i.ID, incident.Override{Command: itsm.Command{Reason: "Board"}, Priority: 1})
	require.NoError(t, err)
	d.wait(0)
	require.Equal(t, map[string]bool{"log": false, "assign": false, "hold": false, "note": true, "override_priority": false}, internal, "the priority is for everyone, its reason is not")
}
