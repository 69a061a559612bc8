package incident_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
)

// The states in which each action is permitted, as the lifecycle is decided, and where it leads.
const (
	stays = incident.State("(stays)")
	back  = incident.State("(back)")
)

type row map[incident.State]incident.State

func from(to incident.State, states ...incident.State) row {
	r := row{}
	for _, s := range states {
		r[s] = to
	}
	return r
}

var (
	allStates = []incident.State{incident.StateNew, incident.StateAssigned, incident.StateInProgress, incident.StateOnHold,
		incident.StateResolved, incident.StateClosed, incident.StateCancelled}
	beforeEnd = allStates[:5]
	openOnes  = allStates[:4]
	workedOn  = allStates[:3]
)

var decided = map[incident.Action]row{
	incident.ActionAssign:           from(incident.StateAssigned, incident.StateNew),
	incident.ActionAccept:           from(incident.StateAssigned, incident.StateNew, incident.StateAssigned),
	incident.ActionStart:            from(incident.StateInProgress, incident.StateNew, incident.StateAssigned),
	incident.ActionReassign:         from(stays, workedOn...),
	incident.ActionHold:             from(incident.StateOnHold, workedOn...),
	incident.ActionChangeHoldReason: from(stays, incident.StateOnHold),
	incident.ActionResume:           from(back, incident.StateOnHold),
	incident.ActionResolve:          from(incident.StateResolved, openOnes...),
	incident.ActionReopen:           from(incident.StateInProgress, incident.StateResolved),
	incident.ActionConfirm:          from(incident.StateClosed, incident.StateResolved),
	incident.ActionCancel:           from(incident.StateCancelled, openOnes...),
	incident.ActionReply:            from(stays, beforeEnd...),
	incident.ActionNote:             from(stays, allStates...),
	incident.ActionClassify:         from(stays, beforeEnd...),
	incident.ActionOverridePriority: from(stays, beforeEnd...),
	incident.ActionClearOverride:    from(stays, beforeEnd...),
	incident.ActionAcknowledge:      from(stays, beforeEnd...),
	incident.ActionRestore:          from(stays, beforeEnd...),
	incident.ActionSetTimes:         from(stays, beforeEnd...),
	incident.ActionEdit:             from(stays, beforeEnd...),
	incident.ActionRestrict:         from(stays, allStates...),
	incident.ActionUnrestrict:       from(stays, allStates...),
	incident.ActionLink:             from(stays, allStates...),
	incident.ActionUnlink:           from(stays, allStates...),
	incident.ActionFollowUp:         from(stays, incident.StateClosed),
	incident.ActionEscalate:         from(stays, openOnes...),
	incident.ActionTag:              from(stays, allStates...),
	incident.ActionUntag:            from(stays, allStates...),
	incident.ActionAttach:           from(stays, allStates...),
	incident.ActionDetach:           from(stays, allStates...),
	incident.ActionLogWork:          from(stays, allStates...),
	incident.ActionAddCost:          from(stays, allStates...),
	incident.ActionReverseCost:      from(stays, allStates...),
	incident.ActionAnswerSurvey:     from(stays, incident.StateClosed),
}

// The incidents of this test wait for a customer's date, so that a reply does not resume them.
var commands = map[incident.Action]func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error){
	incident.ActionAssign: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Assign(ctx, mona, id, incident.Assignment{Group: "network"})
	},
	incident.ActionAccept: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Accept(ctx, mona, id, itsm.Command{})
	},
	incident.ActionStart: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Start(ctx, mona, id, itsm.Command{})
	},
	incident.ActionReassign: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Reassign(ctx, mona, id, incident.Assignment{Group: "network", Assignee: "sam"})
	},
	incident.ActionHold: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Hold(ctx, mona, id, incident.Hold{HoldReason: incident.HoldCustomerScheduled})
	},
	incident.ActionChangeHoldReason: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.ChangeHoldReason(ctx, mona, id, incident.Hold{HoldReason: incident.HoldVendor, Link: &itsm.Ref{Kind: "case", ID: "1"}})
	},
	incident.ActionResume: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Resume(ctx, mona, id, itsm.Command{})
	},
	incident.ActionResolve: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Resolve(ctx, mona, id, fixed)
	},
	incident.ActionReopen: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Reopen(ctx, mona, id, incident.Reopening{Note: "Again"})
	},
	incident.ActionConfirm: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Confirm(ctx, mona, id, itsm.Command{})
	},
	incident.ActionCancel: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Cancel(ctx, mona, id, incident.Cancellation{Command: itsm.Command{Reason: "Void"}})
	},
	incident.ActionReply: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Reply(ctx, mona, id, incident.Reply{Text: "Any news?"})
	},
	incident.ActionNote: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Note(ctx, mona, id, incident.Note{Text: "Called"})
	},
	incident.ActionClassify: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Classify(ctx, mona, id, incident.Classification{Impact: itsm.ImpactHigh})
	},
	incident.ActionOverridePriority: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.OverridePriority(ctx, mona, id, incident.Override{Command: itsm.Command{Reason: "Board"}, Priority: 1})
	},
	incident.ActionClearOverride: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.ClearOverride(ctx, mona, id, itsm.Command{Reason: "Over"})
	},
	incident.ActionAcknowledge: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Acknowledge(ctx, mona, id, incident.Moment{})
	},
	incident.ActionRestore: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Restore(ctx, mona, id, incident.Moment{})
	},
	incident.ActionSetTimes: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
		return p.SetTimes(ctx, mona, id, incident.Times{Occurred: &at})
	},
	incident.ActionEdit: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Edit(ctx, mona, id, incident.Edit{Title: ptr("No mail")})
	},
	incident.ActionRestrict: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Restrict(ctx, mona, id, incident.Restriction{Members: []itsm.ID{"ana"}})
	},
	incident.ActionUnrestrict: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Unrestrict(ctx, mona, id, itsm.Command{})
	},
	incident.ActionLink: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Link(ctx, mona, id, incident.Relation{Type: itsm.LinkCausedBy, To: itsm.Ref{Kind: "change", ID: "C2"}})
	},
	incident.ActionUnlink: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Unlink(ctx, mona, id, incident.Relation{Type: itsm.LinkRelatedTo, To: itsm.Ref{Kind: "change", ID: "C1"}})
	},
	incident.ActionFollowUp: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.FollowUp(ctx, mona, id, incident.FollowUp{})
	},
	incident.ActionEscalate: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Escalate(ctx, mona, id, incident.Escalation{Type: incident.EscalationFunctional, Group: "network"})
	},
	incident.ActionTag: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Tag(ctx, mona, id, incident.Tagging{Tags: []string{"second"}})
	},
	incident.ActionUntag: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Untag(ctx, mona, id, incident.Tagging{Tags: []string{"first"}})
	},
	incident.ActionAttach: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.Attach(ctx, mona, id, incident.Attachment{Name: "second.txt", Reference: "2"})
	},
	incident.ActionDetach: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		page, err := p.Attachments(ctx, mona, id, "", 1)
		if err != nil {
			return incident.Incident{}, err
		}
		r := incident.Detachment{Attachment: "none"}
		for _, a := range page.Items {
			r.Attachment = a.ID
		}
		return p.Detach(ctx, mona, id, r)
	},
	incident.ActionLogWork: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.LogWork(ctx, mona, id, incident.Work{Worked: time.Hour})
	},
	incident.ActionAddCost: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.AddCost(ctx, mona, id, incident.Expense{Amount: euro("12.30"), Text: "A cable"})
	},
	incident.ActionReverseCost: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		page, err := p.Costs(ctx, mona, id, "", 1)
		if err != nil {
			return incident.Incident{}, err
		}
		r := incident.Reversal{Command: itsm.Command{Reason: "Twice"}, Entry: "none"}
		for _, c := range page.Items {
			r.Entry = c.ID
		}
		return p.ReverseCost(ctx, mona, id, r)
	},
	incident.ActionAnswerSurvey: func(ctx context.Context, p *incident.Practice, id itsm.ID) (incident.Incident, error) {
		return p.AnswerSurvey(ctx, mona, id, incident.SurveyAnswer{CSAT: ptr(5)})
	},
}

// surveyed asks every requester, so that there is something to answer.
var surveyed = incident.Options{Survey: incident.SurveyPolicy{Share: 100}}

// prepared is an incident in the state, with something to clear, to open, to unlink and to take away.
func prepared(d *serviceDesk, s incident.State) incident.Incident {
	ctx := d.t.Context()
	setUp := func(id itsm.ID) {
		_, err := d.OverridePriority(ctx, mona, id, incident.Override{Command: itsm.Command{Reason: "First"}, Priority: 2})
		require.NoError(d.t, err)
		_, err = d.Restrict(ctx, mona, id, incident.Restriction{})
		require.NoError(d.t, err)
		_, err = d.Link(ctx, mona, id, incident.Relation{Type: itsm.LinkRelatedTo, To: itsm.Ref{Kind: "change", ID: "C1"}})
		require.NoError(d.t, err)
		_, err = d.Tag(ctx, mona, id, incident.Tagging{Tags: []string{"first"}})
		require.NoError(d.t, err)
		_, err = d.Attach(ctx, mona, id, incident.Attachment{Name: "first.txt", Reference: "1"})
		require.NoError(d.t, err)
		_, err = d.LogWork(ctx, mona, id, incident.Work{Worked: time.Minute})
		require.NoError(d.t, err)
	}
	i := d.report()
	setUp(i.ID)
	id := i.ID
	must := func(_ incident.Incident, err error) {
		d.t.Helper()
		require.NoError(d.t, err)
	}
	switch s {
	case incident.StateNew:
		must(d.Reassign(ctx, mona, id, incident.Assignment{Assignee: "mona"}))
	case incident.StateAssigned:
		must(d.Assign(ctx, mona, id, incident.Assignment{Assignee: "mona"}))
	case incident.StateInProgress:
		must(d.Assign(ctx, mona, id, incident.Assignment{Assignee: "mona"}))
		must(d.Start(ctx, mona, id, itsm.Command{}))
	case incident.StateOnHold:
		must(d.Assign(ctx, mona, id, incident.Assignment{Assignee: "mona"}))
		must(d.Hold(ctx, mona, id, incident.Hold{HoldReason: incident.HoldCustomerScheduled}))
	case incident.StateResolved:
		must(d.Resolve(ctx, mona, id, fixed))
	case incident.StateClosed:
		must(d.Resolve(ctx, mona, id, fixed))
		must(d.Confirm(ctx, mona, id, itsm.Command{}))
	case incident.StateCancelled:
		must(d.Cancel(ctx, mona, id, incident.Cancellation{Command: itsm.Command{Reason: "Void"}}))
	}
	i = d.get(id)
	require.Equal(d.t, s, i.State)
	return i
}

func TestI1EveryActionInEveryState(t *testing.T) {
	for action, command := range commands {
		for _, s := range allStates {
			t.Run(fmt.Sprintf("%s while %s", action, s), func(t *testing.T) { oneAction(t, action, s, command) })
		}
	}
	require.Len(t, commands, len(decided))
}

func oneAction(t *testing.T, action incident.Action, s incident.State, command func(context.Context, *incident.Practice, itsm.ID) (incident.Incident, error)) {
	d := openDesk(t, surveyed)
	i := prepared(d, s)
	before := d.snapshot()
	to, permitted := decided[action][s]
	_, err := command(t.Context(), d.Practice, i.ID)
	if !permitted {
		var refused *itsm.TransitionError
		require.ErrorAs(t, err, &refused)
		require.ErrorIs(t, err, itsm.ErrTransition)
		require.Equal(t, i.ID, refused.ID)
		require.Equal(t, string(s), refused.State)
		require.Equal(t, string(action), refused.Action)
		require.Empty(t, refused.Reason)
		var want []string
		for other, r := range decided {
			if _, ok := r[s]; ok {
				want = append(want, string(other))
			}
		}
		require.ElementsMatch(t, want, refused.Permitted)
		require.Equal(t, before, d.snapshot(), "nothing is changed")
		return
	}
	require.NoError(t, err)
	after := d.get(i.ID)
	want := to
	switch to {
	case stays:
		want = s
	case back:
		want = incident.StateAssigned
	}
	require.Equal(t, want, after.State)
	require.Equal(t, i.Version+1, after.Version)
	require.Equal(t, !slices.Contains(allStates[4:], want), after.Open)
	e := d.last(i.ID)
	if action == incident.ActionConfirm { // after which its survey is offered
		entries, err := d.Timeline(t.Context(), mona, i.ID)
		require.NoError(t, err)
		e = entries[len(entries)-2].Event
	}
	require.Equal(t, string(action), e.Action)
	require.Equal(t, [2]string{string(s), string(want)}, [2]string{e.From, e.To})
	c := func(s incident.State) itsm.Category { c, _ := d.Lifecycle().Category(s); return c }
	require.Equal(t, [2]itsm.Category{c(s), c(want)}, [2]itsm.Category{e.FromCategory, e.ToCategory})
	require.Len(t, d.snapshot().Events, len(before.Events)+eventsOf(action))
}

// eventsOf is the number of events that a command adds.
func eventsOf(a incident.Action) int {
	switch a {
	case incident.ActionFollowUp:
		return 2 // one on each incident
	case incident.ActionEscalate:
		return 2 // it is a reassignment too
	case incident.ActionConfirm:
		return 2 // its survey is offered
	}
	return 1
}

func TestG4PermittedActionsAgreeWithTheCommands(t *testing.T) {
	for _, s := range allStates {
		t.Run(string(s), func(t *testing.T) {
			d := openDesk(t, surveyed)
			i := prepared(d, s)
			actions, err := d.PermittedActions(t.Context(), mona, i.ID)
			require.NoError(t, err)
			var got, want []string
			for _, a := range actions {
				require.True(t, a.Permitted, "%+v", a)
				got = append(got, a.Action)
			}
			for action, r := range decided {
				if _, ok := r[s]; ok {
					want = append(want, string(action))
				}
			}
			require.ElementsMatch(t, want, got)
		})
	}
}

func TestPermittedActionsSayWhyNot(t *testing.T) {
	d := openDesk(t, incident.Options{})
	i := d.in(incident.StateOnHold)
	of := func(actor itsm.Actor) map[string]itsm.PermittedAction {
		actions, err := d.PermittedActions(t.Context(), actor, i.ID)
		require.NoError(t, err)
		byName := map[string]itsm.PermittedAction{}
		for _, a := range actions {
			byName[a.Action] = a
		}
		return byName
	}
	mine := of(ana)
	require.True(t, mine["resume"].Permitted)
	require.Equal(t, "assigned", mine["resume"].To, "the state before")
	require.Equal(t, []string{"code", "notes"}, mine["resolve"].Missing)
	require.False(t, mine["override_priority"].Permitted)
	require.Contains(t, mine["override_priority"].Reason, "incident.override_priority")
	require.Equal(t, "it is not restricted", mine["unrestrict"].Reason)
	require.NotContains(t, mine, "auto_close", "what the system does is not offered")

	hers := of(rita)
	require.True(t, hers["reply"].Permitted)
	require.True(t, hers["cancel"].Permitted)
	require.False(t, hers["resolve"].Permitted)
	require.Contains(t, hers["resolve"].Reason, "no role of the actor grants it")

	_, err := d.PermittedActions(t.Context(), rob, i.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func TestAStateThatTheHostRemovedIsTold(t *testing.T) {
	paused := incident.State("paused")
	extended, err := incident.StandardLifecycle().Extend(
		[]incident.StateOf{{Name: paused, Category: itsm.CategoryActive}},
		incident.Rule{From: []incident.State{incident.StateNew}, On: "pause", To: paused},
		incident.Rule{From: []incident.State{paused}, On: "unpause", To: incident.StateNew})
	require.NoError(t, err)
	d := openDesk(t, incident.Options{Lifecycle: extended})
	i := d.report()
	_, err = d.Do(t.Context(), mona, i.ID, "pause", incident.Input{})
	require.NoError(t, err)

	// The program is built anew without the state, over the same store.
	later := reopenDesk(d, incident.Options{})
	before := later.snapshot()
	for action, command := range commands {
		_, err := command(t.Context(), later.Practice, i.ID)
		var unknown *itsm.UnknownStateError
		require.ErrorAs(t, err, &unknown, "%s", action)
		require.Equal(t, "paused", unknown.State)
	}
	_, err = later.PermittedActions(t.Context(), mona, i.ID)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.Equal(t, before, later.snapshot())
	require.Equal(t, paused, later.get(i.ID).State, "it can still be read")
}
