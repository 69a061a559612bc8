package change_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/itsm"
)

// want says where each action leads from each state, type by type, as design and documentation have it: "" is refused.
// It is written out, and not computed, so that a change of the table is seen.
var want = map[change.Type]map[change.State]map[change.Action]change.State{
	change.TypeStandard: {
		change.StateDraft:        {"submit": "scheduled", "change_model": "draft", "cancel": "cancelled"},
		change.StateScheduled:    {"redraft": "draft", "reschedule": "scheduled", "start": "implementing", "cancel": "cancelled"},
		change.StateImplementing: {"complete": "review"},
		change.StateReview:       {"close": "closed"},
		change.StateClosed:       {}, change.StateCancelled: {},
	},
	change.TypeNormal: {
		change.StateDraft:     {"submit": "assessing", "change_model": "draft", "cancel": "cancelled"},
		change.StateAssessing: {"record_assessment": "assessing", "assess": "authorising", "redraft": "draft", "cancel": "cancelled"},
		change.StateAuthorising: {"authorise": "scheduled", "return": "draft", "reject": "rejected", "reauthorise": "authorising",
			"redraft": "draft", "cancel": "cancelled"},
		change.StateScheduled: {"reauthorise": "authorising", "redraft": "draft", "reschedule": "scheduled", "start": "implementing",
			"cancel": "cancelled"},
		change.StateImplementing: {"complete": "review"},
		change.StateReview:       {"close": "closed"},
		change.StateClosed:       {}, change.StateRejected: {}, change.StateCancelled: {},
	},
	change.TypeEmergency: {
		change.StateDraft: {"submit": "authorising", "change_model": "draft", "cancel": "cancelled"},
		change.StateAuthorising: {"authorise": "scheduled", "return": "draft", "reject": "rejected", "reauthorise": "authorising",
			"redraft": "draft", "cancel": "cancelled"},
		change.StateScheduled: {"reauthorise": "authorising", "redraft": "draft", "reschedule": "scheduled", "start": "implementing",
			"cancel": "cancelled"},
		change.StateImplementing: {"complete": "review"},
		change.StateReview:       {"close": "closed"},
		change.StateClosed:       {}, change.StateRejected: {}, change.StateCancelled: {},
	},
	change.TypeRetrospective: {
		change.StateDraft: {"submit": "authorising", "change_model": "draft", "cancel": "cancelled"},
		change.StateAuthorising: {"authorise": "review", "return": "draft", "reject": "rejected", "reauthorise": "authorising",
			"redraft": "draft", "cancel": "cancelled"},
		change.StateReview: {"close": "closed"},
		change.StateClosed: {}, change.StateRejected: {}, change.StateCancelled: {},
	},
}

var allActions = []change.Action{
	change.ActionSubmit, change.ActionChangeModel, change.ActionRecordAssessment, change.ActionAssess, change.ActionAuthorise,
	change.ActionReturn, change.ActionReject, change.ActionRedraft, change.ActionReauthorise, change.ActionReschedule,
	change.ActionStart, change.ActionComplete, change.ActionClose, change.ActionCancel,
}

// Every state of every type has the actions of the design, and no others.
func TestC1EveryTypeHasItsOwnPath(t *testing.T) {
	for _, of := range change.Types() {
		l := change.StandardLifecycle(of)
		require.Len(t, l.States(), len(want[of]), "%s", of)
		for _, s := range l.States() {
			rows, ok := want[of][s.Name]
			require.True(t, ok, "%s has %s", of, s.Name)
			for _, a := range allActions {
				to, known := l.Leads(s.Name, a, "")
				require.Equal(t, rows[a] != "", known, "%s: %s in %s", of, a, s.Name)
				require.Equal(t, rows[a], to, "%s: %s in %s", of, a, s.Name)
			}
		}
		for _, r := range l.Rules() {
			require.Contains(t, allActions, r.On)
		}
	}
}

// doing is a person who takes an action by its command, with all that it needs.
var doing = map[change.Action]func(ctx context.Context, d *changeDesk, c change.Change) (change.Change, error){
	change.ActionSubmit: func(ctx context.Context, d *changeDesk, c change.Change) (change.Change, error) {
		return d.Submit(ctx, root, c.ID, itsm.Command{})
	},
	change.ActionChangeModel: func(ctx context.Context, d *changeDesk, c change.Change) (change.Change, error) {
		return d.ChangeModel(ctx, root, c.ID, change.Remodelling{Model: c.Model})
	},
	change.ActionRecordAssessment: func(ctx context.Context, d *changeDesk, c change.Change) (change.Change, error) {
		return d.Assess(ctx, root, c.ID, change.Finding{Text: "Sound"})
	},
	change.ActionReturn: func(ctx context.Context, d *changeDesk, c change.Change) (change.Change, error) {
		return d.Return(ctx, root, c.ID, because)
	},
	change.ActionReject: func(ctx context.Context, d *changeDesk, c change.Change) (change.Change, error) {
		return d.Reject(ctx, root, c.ID, because)
	},
	change.ActionRedraft: func(ctx context.Context, d *changeDesk, c change.Change) (change.Change, error) {
		return d.Redraft(ctx, root, c.ID, because)
	},
	change.ActionReschedule: func(ctx context.Context, d *changeDesk, c change.Change) (change.Change, error) {
		return d.Reschedule(ctx, root, c.ID, change.Rescheduling{Planned: orWindow(c.Planned(), d)})
	},
	change.ActionStart: func(ctx context.Context, d *changeDesk, c change.Change) (change.Change, error) {
		if !c.PlannedStart.IsZero() && c.State == change.StateScheduled {
			d.now = c.PlannedStart
		}
		return d.Start(ctx, root, c.ID, itsm.Command{})
	},
	change.ActionComplete: func(ctx context.Context, d *changeDesk, c change.Change) (change.Change, error) {
		return d.Complete(ctx, root, c.ID, change.Completion{Outcome: change.OutcomeSuccessful})
	},
	change.ActionClose: func(ctx context.Context, d *changeDesk, c change.Change) (change.Change, error) {
		return d.Close(ctx, root, c.ID, change.Closing{Review: "As planned"})
	},
	change.ActionCancel: func(ctx context.Context, d *changeDesk, c change.Change) (change.Change, error) {
		return d.Cancel(ctx, root, c.ID, because)
	},
}

func orWindow(w change.Window, d *changeDesk) change.Window {
	if w.IsZero() {
		return d.window(0)
	}
	return w
}

// Every command does in every state of every type what the table says, or is refused with what is permitted, and changes nothing.
func TestC1C22EveryActionInEveryStateDoesWhatTheTableSays(t *testing.T) {
	for _, of := range change.Types() {
		for _, s := range change.StandardLifecycle(of).States() {
			for a, do := range doing {
				t.Run(fmt.Sprintf("%s/%s/%s", of, s.Name, a), func(t *testing.T) {
					d := openDesk(t, change.Options{})
					c := d.in(of, s.Name)
					got, err := do(t.Context(), d, c)
					to := want[of][s.Name][a]
					if a == change.ActionRecordAssessment && to != "" {
						to = want[of][s.Name][change.ActionAssess] // the one that the shipped model requires
					}
					if to != "" {
						require.NoError(t, err)
						require.Equal(t, to, got.State)
						return
					}
					var refused *itsm.TransitionError
					require.ErrorAs(t, err, &refused, "%v", err)
					require.Equal(t, string(s.Name), refused.State)
					for _, name := range refused.Permitted {
						if rule, is := want[of][s.Name][change.Action(name)]; !is {
							require.NotContains(t, allActions, change.Action(name), "is permitted and leads to %q", rule)
						}
					}
					require.Equal(t, c, d.get(c.ID), "it was changed by what was refused")
				})
			}
		}
	}
}

// What a user interface offers is what the commands permit.
func TestX5PermittedActionsAreThoseOfTheTable(t *testing.T) {
	for _, of := range change.Types() {
		for _, s := range change.StandardLifecycle(of).States() {
			d := openDesk(t, change.Options{})
			c := d.in(of, s.Name)
			actions, err := d.PermittedActions(t.Context(), root, c.ID)
			require.NoError(t, err)
			for _, a := range actions {
				if slices.Contains(allActions, change.Action(a.Action)) {
					require.NotEmpty(t, want[of][s.Name][change.Action(a.Action)], "%s offers %s in %s", of, a.Action, s.Name)
				}
			}
		}
	}
}

func TestC18AChangeIsSubmittedWithWhatItsModelRequires(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	bare := func(r *change.Draft) {
		r.Plans, r.CIs, r.Planned = change.Plans{}, nil, change.Window{}
	}
	c := d.draft(bare)
	_, err := d.Submit(ctx, sam, c.ID, itsm.Command{})
	require.Equal(t, []string{"plans.rollout", "plans.test", "plans.backout", "planned", "cis"}, faults(t, err))

	c = d.draft(bare, func(r *change.Draft) { r.Model = change.ModelEmergency })
	_, err = d.Submit(ctx, sam, c.ID, itsm.Command{})
	require.Equal(t, []string{"plans.rollout", "plans.backout", "justification"}, faults(t, err), "an emergency needs no window and no test plan")
	c = d.must(d.Edit(ctx, sam, c.ID, change.Edit{Plans: &plans, For: &[]itsm.Ref{{Kind: "incident", ID: "inc"}}}))
	c = d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
	require.Equal(t, change.StateAuthorising, c.State, "an incident is justification enough")
	require.NotZero(t, c.Risk, "the risk of emergencies is computed, too")
}

func TestC1TheRiskOfANormalChangeSaysWhoAuthorisesIt(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	through := func(answers map[string]string) change.Change {
		c := d.draft(func(r *change.Draft) { r.RiskAnswers = answers })
		d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
		d.must(d.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"}))
		return d.get(c.ID)
	}
	low := through(lowRisk)
	require.Equal(t, risk.LevelLow, low.Risk)
	require.Equal(t, change.StateScheduled, low.State, "low risk is authorised automatically")
	require.Equal(t, change.BasisAutomatic, low.Approved.Basis)

	medium := through(mediumRisk)
	require.Equal(t, risk.LevelMedium, medium.Risk)
	require.Equal(t, change.StateAuthorising, medium.State)
	d.approve(medium.ID, otto)
	medium = d.get(medium.ID)
	require.Equal(t, change.StateScheduled, medium.State, "one of the change authority is enough")
	require.Equal(t, change.BasisGates, medium.Approved.Basis)

	high := through(highRisk)
	require.Equal(t, risk.LevelHigh, high.Risk)
	d.approve(high.ID, aude)
	require.Equal(t, change.StateAuthorising, d.get(high.ID).State, "the board decides by majority")
	d.approve(high.ID, olga)
	require.Equal(t, change.StateScheduled, d.get(high.ID).State)
}

func TestC4WhatAGateReturnsIsADraftAgain(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	c := d.in(change.TypeNormal, change.StateAuthorising)
	require.NoError(t, d.vote(aude, c.ID, "return", "The backout plan is thin"))
	c = d.get(c.ID)
	require.Equal(t, change.StateDraft, c.State)
	require.Equal(t, "The backout plan is thin", c.EndReason)
	require.Nil(t, c.Asked)
	require.Empty(t, c.Assessments)
	require.Equal(t, "The backout plan is thin", d.last(c.ID).Reason)

	// It is submitted again, and what was voted before is worth nothing.
	d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
	c = d.must(d.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"}))
	require.Equal(t, 2, c.Round)
	d.approve(c.ID, otto)
	require.Equal(t, change.StateScheduled, d.get(c.ID).State)
}

func TestC4WhatAGateRejectsHasEnded(t *testing.T) {
	d := openDesk(t, change.Options{})
	c := d.in(change.TypeNormal, change.StateAuthorising)
	require.NoError(t, d.vote(aude, c.ID, "reject", "Not before summer"))
	c = d.get(c.ID)
	require.Equal(t, change.StateRejected, c.State)
	require.Equal(t, "Not before summer", c.EndReason)
	require.False(t, c.Open)
	require.Equal(t, d.now, c.ClosedAt)
}

func TestC4WhoAnswersForTheFlowReturnsAndTheVotesLapse(t *testing.T) {
	d := openDesk(t, change.Options{})
	c := d.in(change.TypeNormal, change.StateAuthorising)
	_, err := d.Return(t.Context(), mona, c.ID, itsm.Command{})
	require.Equal(t, []string{"reason"}, faults(t, err))
	c = d.must(d.Return(t.Context(), mona, c.ID, because))
	require.Equal(t, change.StateDraft, c.State)
	require.ErrorIs(t, d.vote(aude, c.ID, "approve", ""), itsm.ErrNotFound, "nothing waits for a vote any more")
}

func TestC3TheModelIsFixedOnceItIsSubmitted(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	c := d.draft()
	c = d.must(d.ChangeModel(ctx, sam, c.ID, change.Remodelling{Model: change.ModelEmergency}))
	require.Equal(t, change.TypeEmergency, c.Type)
	_, err := d.ChangeModel(ctx, sam, c.ID, change.Remodelling{Model: change.ModelStandard})
	require.Equal(t, []string{"model"}, faults(t, err))
	d.must(d.Edit(ctx, sam, c.ID, change.Edit{Justification: ptr("Mail is down")}))
	d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
	_, err = d.ChangeModel(ctx, sam, c.ID, change.Remodelling{Model: change.ModelNormal})
	require.ErrorIs(t, err, itsm.ErrTransition)
}
