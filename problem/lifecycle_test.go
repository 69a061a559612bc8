package problem_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/problem"
)

// The states in which each action is permitted, as the lifecycle is decided, and where it leads.
const (
	stays = problem.State("(stays)")
	back  = problem.State("(back)")
)

type row map[problem.State]problem.State

func from(to problem.State, states ...problem.State) row {
	r := row{}
	for _, s := range states {
		r[s] = to
	}
	return r
}

var (
	allStates = []problem.State{problem.StateNew, problem.StateAssessed, problem.StateAnalysis, problem.StateKnownError,
		problem.StateFixInProgress, problem.StateOnHold, problem.StateResolved, problem.StateClosed, problem.StateCancelled}
	working   = allStates[:5]
	openOnes  = allStates[:6]
	beforeEnd = allStates[:7]
)

var decided = map[problem.Action]row{
	problem.ActionAccept:           from(problem.StateAssessed, problem.StateNew),
	problem.ActionAnalyse:          from(problem.StateAnalysis, problem.StateAssessed),
	problem.ActionIdentifyCause:    from(problem.StateKnownError, problem.StateAnalysis),
	problem.ActionRecordWorkaround: from(stays, openOnes...),
	problem.ActionPlanFix:          from(problem.StateFixInProgress, problem.StateKnownError),
	problem.ActionFixVerified:      from(problem.StateResolved, problem.StateFixInProgress),
	problem.ActionFixFailed:        from(problem.StateKnownError, problem.StateFixInProgress),
	problem.ActionAcceptRisk:       from(problem.StateClosed, problem.StateAnalysis, problem.StateKnownError, problem.StateFixInProgress),
	problem.ActionMarkDuplicate:    from(problem.StateClosed, problem.StateNew, problem.StateAssessed),
	problem.ActionHold:             from(problem.StateOnHold, working...),
	problem.ActionResume:           from(back, problem.StateOnHold),
	problem.ActionCancel:           from(problem.StateCancelled, openOnes...),
	problem.ActionClose:            from(problem.StateClosed, problem.StateResolved),
	problem.ActionReanalyse:        from(problem.StateAnalysis, problem.StateResolved, problem.StateClosed),
	problem.ActionRecordAnalysis:   from(stays, beforeEnd...),
	problem.ActionClassify:         from(stays, beforeEnd...),
	problem.ActionAssign:           from(stays, beforeEnd...),
	problem.ActionEdit:             from(stays, beforeEnd...),
	problem.ActionNote:             from(stays, allStates...),
	problem.ActionRestrict:         from(stays, allStates...),
	problem.ActionUnrestrict:       from(stays, allStates...),
	problem.ActionLink:             from(stays, allStates...),
	problem.ActionUnlink:           from(stays, allStates...),
	problem.ActionRenewRisk:        from(stays, problem.StateClosed),
	problem.ActionRecordOutcome:    from(stays, problem.StateFixInProgress),
	problem.ActionRecur:            from(stays, problem.StateResolved),
}

type command func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error)

var commands = map[problem.Action]command{
	problem.ActionAccept: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.Accept(ctx, mona, id, problem.Acceptance{Impact: itsm.ImpactLow, Urgency: itsm.UrgencyLow})
	},
	problem.ActionAnalyse: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.Analyse(ctx, mona, id, itsm.Command{})
	},
	problem.ActionIdentifyCause: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.IdentifyCause(ctx, mona, id, problem.IdentifiedCause{Causes: []problem.Cause{relay}})
	},
	problem.ActionRecordWorkaround: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.RecordWorkaround(ctx, mona, id, problem.RecordedWorkaround{Text: "Send it again"})
	},
	problem.ActionPlanFix: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.PlanFix(ctx, mona, id, problem.PlannedFix{Changes: []itsm.Ref{change1}})
	},
	problem.ActionFixVerified: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.FixVerified(ctx, mona, id, problem.Verification{})
	},
	problem.ActionFixFailed: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.FixFailed(ctx, mona, id, because("It did not help"))
	},
	problem.ActionAcceptRisk: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.AcceptRisk(ctx, mona, id, problem.RiskAcceptance{Command: because("It is cheap"), Approver: "olga", ReviewAt: d.now.AddDate(1, 0, 0)})
	},
	problem.ActionMarkDuplicate: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.MarkDuplicate(ctx, mona, id, problem.Duplication{Of: d.register().ID})
	},
	problem.ActionHold: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.Hold(ctx, mona, id, problem.Hold{HoldReason: problem.HoldSupplier})
	},
	problem.ActionResume: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.Resume(ctx, mona, id, itsm.Command{})
	},
	problem.ActionCancel: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.Cancel(ctx, mona, id, because("It is none"))
	},
	problem.ActionClose: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		d.now = d.now.Add(problem.DefaultObservation)
		return d.Close(ctx, mona, id, problem.Closing{Lesson: "Watch the connections"})
	},
	problem.ActionReanalyse: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.Reanalyse(ctx, mona, id, because("It is back"))
	},
	problem.ActionRecordAnalysis: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.RecordAnalysis(ctx, mona, id, problem.Analysis{Whys: &[]problem.Why{{Because: "The queue is full"}}})
	},
	problem.ActionClassify: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.Classify(ctx, mona, id, problem.Classification{Impact: itsm.ImpactHigh, Category: ptr("mail")})
	},
	problem.ActionAssign: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.Assign(ctx, mona, id, problem.Assignment{Group: "servers"})
	},
	problem.ActionEdit: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.Edit(ctx, mona, id, problem.Edit{Title: ptr("Mail is late")})
	},
	problem.ActionNote: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.Note(ctx, mona, id, problem.Note{Text: "Looked at the logs"})
	},
	problem.ActionRestrict: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.Restrict(ctx, mona, id, problem.Restriction{Members: []itsm.ID{"ana"}})
	},
	problem.ActionUnrestrict: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.Unrestrict(ctx, mona, id, itsm.Command{})
	},
	problem.ActionLink: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.Link(ctx, mona, id, problem.Relation{Type: itsm.LinkCauses, To: itsm.Ref{Kind: "incident", ID: "i1"}})
	},
	problem.ActionUnlink: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.Unlink(ctx, mona, id, problem.Relation{Type: itsm.LinkCauses, To: itsm.Ref{Kind: "incident", ID: "i2"}})
	},
	problem.ActionRenewRisk: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.RenewRisk(ctx, mona, id, problem.RiskAcceptance{Command: because("Still cheap"), Approver: "olga", ReviewAt: d.now.AddDate(2, 0, 0)})
	},
	problem.ActionRecordOutcome: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.RecordOutcome(ctx, mona, id, problem.ChangeOutcome{Change: change1, Outcome: problem.OutcomeFailed})
	},
	problem.ActionRecur: func(ctx context.Context, d *fixture, id itsm.ID) (problem.Problem, error) {
		return d.Recur(ctx, mona, id, problem.Recurrence{Record: &itsm.Ref{Kind: "incident", ID: "i9"}})
	},
}

// prepared gives a problem in a state in which nothing but that state decides about the action.
func (d *fixture) prepared(s problem.State, a problem.Action) problem.Problem {
	ctx := d.t.Context()
	p := d.in(s)
	var err error
	switch {
	case a == problem.ActionUnrestrict:
		p, err = d.Restrict(ctx, mona, p.ID, problem.Restriction{})
	case a == problem.ActionUnlink:
		p, err = d.Link(ctx, mona, p.ID, problem.Relation{Type: itsm.LinkCauses, To: itsm.Ref{Kind: "incident", ID: "i2"}})
	case a == problem.ActionRecordOutcome && s == problem.StateFixInProgress:
		p = d.in(problem.StateKnownError)
		p, err = d.PlanFix(ctx, mona, p.ID, problem.PlannedFix{Changes: []itsm.Ref{change1}})
	case a == problem.ActionRenewRisk && s == problem.StateClosed:
		p = d.in(problem.StateKnownError)
		p, err = commands[problem.ActionAcceptRisk](ctx, d, p.ID)
	}
	require.NoError(d.t, err)
	return p
}

// P1: every action in every state: it leads where it is decided, or changes nothing and says what is
// permitted instead.
func TestP1EveryActionInEveryState(t *testing.T) {
	require.Len(t, commands, len(decided))
	for a, row := range decided {
		for _, s := range allStates {
			t.Run(fmt.Sprintf("%s/%s", a, s), func(t *testing.T) {
				d := open(t, problem.Options{})
				p := d.prepared(s, a)
				if a == problem.ActionMarkDuplicate {
					d.register()
				}
				before := d.snapshot()
				if row[s] == "" && a == problem.ActionMarkDuplicate {
					before = nil // its command registers another
				}
				got, err := commands[a](t.Context(), d, p.ID)
				to, permitted := row[s], row[s] != ""
				if !permitted {
					require.ErrorIs(t, err, itsm.ErrTransition)
					var refused *itsm.TransitionError
					require.ErrorAs(t, err, &refused)
					require.Equal(t, string(s), refused.State)
					require.NotContains(t, refused.Permitted, string(a))
					require.NotEmpty(t, refused.Permitted)
					if before != nil {
						require.Equal(t, before, d.snapshot(), "nothing changed")
					}
					return
				}
				require.NoError(t, err)
				switch to {
				case stays:
					to = s
				case back:
					to = problem.StateAnalysis
				}
				require.Equal(t, to, got.State)
				require.Equal(t, slices.Contains(openOnes, to), got.Open)
				require.Equal(t, p.Version+1, got.Version)
				require.Equal(t, got, d.get(p.ID))
				e := d.last(p.ID)
				require.Equal(t, string(a), e.Action)
				require.Equal(t, [2]string{string(s), string(to)}, [2]string{e.From, e.To})
			})
		}
	}
}

// What is said to be permitted can be done, and what is not cannot.
func TestPermittedActionsAreThoseThatCanBeTaken(t *testing.T) {
	for _, s := range allStates {
		d := open(t, problem.Options{})
		p := d.in(s)
		permitted, err := d.PermittedActions(t.Context(), mona, p.ID)
		require.NoError(t, err)
		var names []string
		for _, a := range permitted {
			names = append(names, a.Action)
			require.False(t, a.System, a.Action)
			require.NotEmpty(t, a.Title)
			if !a.Permitted {
				require.NotEmpty(t, a.Reason, "%s in %s", a.Action, s)
			}
		}
		var want []string
		for a, row := range decided {
			if row[s] != "" {
				want = append(want, string(a))
			}
		}
		for _, name := range want {
			require.Contains(t, names, name, "in %s", s)
		}
		readOnly, err := d.PermittedActions(t.Context(), olga, p.ID)
		require.NoError(t, err)
		for _, a := range readOnly {
			may := slices.Contains([]string{"note", "accept_risk", "renew_risk"}, a.Action)
			require.Equal(t, !may, a.Forbidden, "%s in %s", a.Action, s)
		}
		_, err = d.PermittedActions(t.Context(), rita, p.ID)
		require.ErrorIs(t, err, itsm.ErrNotFound)
	}
}

func TestFieldsThatATransitionNeedsAreToldTogether(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	_, err := d.Accept(ctx, itsm.SystemActor("acme", "import"), d.register().ID, problem.Acceptance{})
	require.ElementsMatch(t, []string{"assignee", "impact", "urgency"}, faults(t, err))
	_, err = d.IdentifyCause(ctx, mona, d.in(problem.StateAnalysis).ID, problem.IdentifiedCause{Causes: []problem.Cause{
		{Text: "", Component: "x", Contributing: true}, {Text: "nowhere", Contributing: true}, {Text: "both", CI: "a", Component: "b", Contributing: true},
	}})
	require.ElementsMatch(t, []string{"causes[0].text", "causes[1]", "causes[2]", "causes"}, faults(t, err))
	_, err = d.PlanFix(ctx, mona, d.in(problem.StateKnownError).ID, problem.PlannedFix{})
	require.Equal(t, []string{"changes or action"}, faults(t, err))
	_, err = d.AcceptRisk(ctx, mona, d.in(problem.StateKnownError).ID, problem.RiskAcceptance{})
	require.ElementsMatch(t, []string{"approver", "review_at", "reason"}, faults(t, err))
	_, err = d.Hold(ctx, mona, d.in(problem.StateNew).ID, problem.Hold{Command: itsm.Command{IfVersion: -1}, HoldReason: "boredom", Until: d.now})
	require.ElementsMatch(t, []string{"if_version", "hold_reason", "until"}, faults(t, err))
	_, err = d.Register(ctx, mona, problem.Registration{Source: "guess", Impact: 9, Members: []itsm.ID{"ana"}, Category: "x\x00"})
	require.ElementsMatch(t, []string{"title", "source", "impact", "members", "category"}, faults(t, err))
	_, err = d.Cancel(ctx, mona, d.in(problem.StateNew).ID, itsm.Command{Reason: "  "})
	require.Equal(t, []string{"reason"}, faults(t, err))
	_, err = d.RecordWorkaround(ctx, mona, d.in(problem.StateNew).ID, problem.RecordedWorkaround{Tell: "everyone"})
	require.ElementsMatch(t, []string{"text", "tell"}, faults(t, err))
	_, err = d.MarkDuplicate(ctx, mona, d.in(problem.StateNew).ID, problem.Duplication{})
	require.Equal(t, []string{"of"}, faults(t, err))
}

// P1: a problem goes from its registration to its closure, and its story is told.
func TestP1AProblemFromRegistrationToClosure(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	p := d.in(problem.StateFixInProgress)
	require.Equal(t, "PRB0000001", p.Number)
	require.Equal(t, itsm.PriorityHigh, p.Priority)
	p, err := d.FixVerified(ctx, sam, p.ID, problem.Verification{Notes: "It has more now"})
	require.NoError(t, err)
	require.Equal(t, [3]any{problem.CodeFixed, d.now, d.now}, [3]any{p.Code, p.ResolvedAt, p.ObserveFrom})
	_, err = d.Close(ctx, sam, p.ID, problem.Closing{})
	require.ErrorIs(t, err, itsm.ErrTransition, "it is observed first")
	require.ErrorContains(t, err, "2026-03-16 09:00:00")

	// It recurs: the observation begins anew, and it is closed by itself at its end.
	d.now = d.now.Add(10 * 24 * time.Hour)
	_, err = d.Recur(ctx, sam, p.ID, problem.Recurrence{Record: &itsm.Ref{Kind: "incident", ID: "i5"}})
	require.NoError(t, err)
	d.wait(13 * 24 * time.Hour)
	require.Equal(t, problem.StateResolved, d.get(p.ID).State)
	d.wait(24 * time.Hour)
	p = d.get(p.ID)
	require.Equal(t, [2]any{problem.StateClosed, problem.CodeFixed}, [2]any{p.State, p.Code})
	require.Equal(t, 1, p.Recurrences)
	require.Equal(t, []string{"problem.registered.v1", "problem.accepted.v1", "problem.analysis_started.v1", "problem.cause_identified.v1",
		"problem.fix_planned.v1", "problem.fix_verified.v1", "problem.recurred.v1", "problem.closed.v1"}, d.types(p.ID))
	require.Equal(t, problem.Closed{Code: problem.CodeFixed, Auto: true}, d.last(p.ID).Data)
}

func TestWithoutObservationPeopleCloseAtOnce(t *testing.T) {
	d, ctx := open(t, problem.Options{Observation: problem.Never}), t.Context()
	p := d.in(problem.StateResolved)
	d.wait(365 * 24 * time.Hour)
	require.Equal(t, problem.StateResolved, d.get(p.ID).State)
	p, err := d.Close(ctx, mona, p.ID, problem.Closing{Lesson: "Count connections"})
	require.NoError(t, err)
	require.Equal(t, problem.Closed{Code: problem.CodeFixed, Lesson: "Count connections"}, d.last(p.ID).Data)
}

// P2: symptom, cause, workaround and fix are fields with a history each.
func TestP2SymptomCauseWorkaroundAndFixAreAuditedApart(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	p := d.in(problem.StateAnalysis)
	changed := func() (fields []string) {
		for _, c := range d.last(p.ID).Changes {
			fields = append(fields, c.Field)
		}
		return fields
	}
	_, err := d.Edit(ctx, sam, p.ID, problem.Edit{Symptom: ptr("Mail is late on Mondays")})
	require.NoError(t, err)
	require.Equal(t, []string{"symptom"}, changed())
	_, err = d.IdentifyCause(ctx, sam, p.ID, problem.IdentifiedCause{Causes: []problem.Cause{relay, {Text: "Newsletters", Component: "marketing", Contributing: true}}})
	require.NoError(t, err)
	require.Contains(t, changed(), "causes")
	require.NotContains(t, changed(), "symptom")
	_, err = d.RecordWorkaround(ctx, sam, p.ID, problem.RecordedWorkaround{Text: "Restart the relay"})
	require.NoError(t, err)
	require.Equal(t, []string{"workaround"}, changed())
	_, err = d.PlanFix(ctx, sam, p.ID, problem.PlannedFix{Action: "More connections"})
	require.NoError(t, err)
	require.Contains(t, changed(), "fix")

	// Every version of the workaround is kept.
	d.now = d.now.Add(time.Hour)
	p, err = d.RecordWorkaround(ctx, mona, p.ID, problem.RecordedWorkaround{Text: "Restart it at night"})
	require.NoError(t, err)
	require.Equal(t, 2, p.Workaround.Version)
	versions, err := d.Workarounds(ctx, ana, p.ID, "", 10)
	require.NoError(t, err)
	require.Len(t, versions.Items, 2)
	require.Equal(t, []any{2, "Restart it at night", itsm.ID("mona"), 1, "Restart the relay", itsm.ID("sam")}, []any{
		versions.Items[0].Number, versions.Items[0].Text, versions.Items[0].By, versions.Items[1].Number, versions.Items[1].Text, versions.Items[1].By})
	_, err = d.Workarounds(ctx, rita, p.ID, "", 10)
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

// P6: accepting a risk names who answers for it and when it is looked at again, and ends with a code.
func TestP6ARiskIsAcceptedWithACodeAndReviewed(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	p := d.in(problem.StateKnownError)
	review := d.now.AddDate(0, 6, 0)
	accept := problem.RiskAcceptance{Command: because("Replacing it costs too much"), Approver: "olga", ReviewAt: review}
	_, err := d.AcceptRisk(ctx, sam, p.ID, accept)
	require.ErrorIs(t, err, itsm.ErrForbidden, "who works on it may not accept its risk")
	p, err = d.AcceptRisk(ctx, olga, p.ID, accept)
	require.NoError(t, err)
	require.Equal(t, [3]any{problem.StateClosed, problem.CodeRiskAccepted, review}, [3]any{p.State, p.Code, p.ReviewAt})
	require.Equal(t, &problem.Risk{Approver: "olga", By: "olga", At: d.now, Justification: "Replacing it costs too much"}, p.Risk)
	d.wait(review.Sub(d.now) - time.Minute)
	require.NotContains(t, d.types(p.ID), "problem.risk_review_due.v1")
	d.wait(time.Minute)
	require.Equal(t, problem.RiskReviewDue{Approver: "olga", ReviewAt: review}, d.last(p.ID).Data)
	d.wait(time.Hour)
	again := review.AddDate(0, 6, 0)
	p, err = d.RenewRisk(ctx, olga, p.ID, problem.RiskAcceptance{Command: because("Still"), Approver: "olga", ReviewAt: again})
	require.NoError(t, err)
	require.Equal(t, again, p.ReviewAt)
	d.wait(again.Sub(d.now))
	n := 0
	for _, e := range d.types(p.ID) {
		if e == "problem.risk_review_due.v1" {
			n++
		}
	}
	require.Equal(t, 2, n)

	// A desk where an accepted risk is resolved first, and observed, says so in its table.
	accepting := problem.Rule{From: []problem.State{problem.StateKnownError}, On: problem.ActionAcceptRisk, To: problem.StateResolved,
		Needs: []itsm.Field[*problem.Case]{problem.NeedsApprover, problem.NeedsReview, problem.NeedsReason}}
	less, err := problem.StandardLifecycle().Without(nil, problem.ActionAcceptRisk)
	require.NoError(t, err)
	other, err := less.Extend(nil, accepting)
	require.NoError(t, err)
	d = open(t, problem.Options{Lifecycle: other})
	p = d.in(problem.StateKnownError)
	p, err = d.AcceptRisk(ctx, mona, p.ID, problem.RiskAcceptance{Command: because("Cheap"), Approver: "olga", ReviewAt: d.now.AddDate(1, 0, 0)})
	require.NoError(t, err)
	require.Equal(t, [2]any{problem.StateResolved, problem.CodeRiskAccepted}, [2]any{p.State, p.Code})
	d.wait(problem.DefaultObservation)
	p = d.get(p.ID)
	require.Equal(t, [2]any{problem.StateClosed, problem.CodeRiskAccepted}, [2]any{p.State, p.Code})
}

// P8: who may analyse anew goes by how a problem ended.
func TestP8WhoMayAnalyseAnewGoesByTheCode(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	fixed := d.in(problem.StateClosed)
	accepted := d.prepared(problem.StateClosed, problem.ActionRenewRisk)
	original := d.register()
	duplicate, err := d.MarkDuplicate(ctx, mona, d.in(problem.StateAssessed).ID, problem.Duplication{Of: original.ID})
	require.NoError(t, err)
	d.wait(time.Second) // its links are moved
	resolved := d.in(problem.StateResolved)
	for _, c := range []struct {
		id   itsm.ID
		who  itsm.Actor
		want error
	}{
		{fixed.ID, olga, itsm.ErrForbidden}, {fixed.ID, ana, itsm.ErrForbidden}, {fixed.ID, sam, nil},
		{resolved.ID, olga, itsm.ErrForbidden}, {resolved.ID, sam, nil},
		{accepted.ID, sam, itsm.ErrForbidden}, {accepted.ID, olga, nil},
		{duplicate.ID, sam, itsm.ErrForbidden}, {duplicate.ID, olga, itsm.ErrForbidden}, {duplicate.ID, mona, nil},
	} {
		p, err := d.Reanalyse(ctx, c.who, c.id, because("It is back"))
		if c.want != nil {
			require.ErrorIs(t, err, c.want, "%s of %s", c.who.ID, c.id)
			continue
		}
		require.NoError(t, err, "%s of %s", c.who.ID, c.id)
		require.Equal(t, problem.StateAnalysis, p.State)
		require.Empty(t, p.Code)
		require.Nil(t, p.Fix)
		require.Nil(t, p.Risk)
		require.Zero(t, p.ReviewAt)
		require.Zero(t, p.ClosedAt)
		require.Empty(t, p.DuplicateOf)
		require.Equal(t, 1, p.Reanalyses)
	}
	links, err := d.Links(ctx, mona, duplicate.ID)
	require.NoError(t, err)
	require.Empty(t, links, "it is a duplicate no more")
	require.Zero(t, d.wait(2*365*24*time.Hour).Jobs, "no review is due any more, and nothing is observed")
}

// P9: when every change of a fix has ended, that is told once, and only then the fix can be verified.
func TestP9ItIsToldWhenAllChangesOfAFixHaveEnded(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	p := d.in(problem.StateKnownError)
	change2 := itsm.Ref{Kind: "change", ID: "c2"}
	p, err := d.PlanFix(ctx, sam, p.ID, problem.PlannedFix{Changes: []itsm.Ref{change1, change2, change1}})
	require.NoError(t, err)
	require.Len(t, p.Fix.Changes, 2)
	links, err := d.Links(ctx, sam, p.ID)
	require.NoError(t, err)
	require.Contains(t, links, itsm.Link{Type: itsm.LinkResolvedBy, From: p.Ref(), To: change2})
	system := itsm.SystemActor("acme", "changes")
	record := func(ref itsm.Ref, o problem.Outcome) {
		t.Helper()
		_, err := d.RecordOutcome(ctx, system, p.ID, problem.ChangeOutcome{Change: ref, Outcome: o})
		require.NoError(t, err)
	}
	_, err = d.FixVerified(ctx, sam, p.ID, problem.Verification{})
	var refused *itsm.TransitionError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []string{"change c1: not ended", "change c2: not ended"}, refused.Missing)
	record(change1, problem.OutcomeSuccessful)
	record(change1, problem.OutcomeSuccessful)
	require.Equal(t, problem.FixEnded{Change: change1, Outcome: problem.OutcomeSuccessful}, d.last(p.ID).Data)
	record(change2, problem.OutcomeFailed)
	require.Equal(t, problem.FixesEnded{Successful: false}, d.last(p.ID).Data)
	_, err = d.FixVerified(ctx, sam, p.ID, problem.Verification{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	record(change2, problem.OutcomeSuccessful)
	require.Equal(t, problem.FixesEnded{Successful: true}, d.last(p.ID).Data)
	_, err = d.RecordOutcome(ctx, system, p.ID, problem.ChangeOutcome{Change: itsm.Ref{Kind: "change", ID: "c3"}, Outcome: "so-so"})
	require.ElementsMatch(t, []string{"outcome", "change"}, faults(t, err))
	p, err = d.FixVerified(ctx, sam, p.ID, problem.Verification{})
	require.NoError(t, err)
	require.Equal(t, problem.StateResolved, p.State)
}

func TestHoldingComesBackToTheStateBefore(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	for _, s := range working {
		p := d.in(s)
		held, err := d.Hold(ctx, mona, p.ID, problem.Hold{HoldReason: problem.HoldSupplier, Until: d.now.Add(time.Hour)})
		require.NoError(t, err)
		require.Equal(t, [3]any{problem.HoldSupplier, s, 1}, [3]any{held.HoldReason, held.Before, held.Holds})
		d.wait(time.Hour)
		back := d.get(p.ID)
		require.Equal(t, s, back.State)
		require.Empty(t, back.HoldReason)
		require.Zero(t, back.HoldUntil)
	}
}

// P7: a duplicate gives its links to the problem of which it is one.
func TestP7ADuplicateGivesItsLinksToTheOther(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	original := d.register()
	incident := func(n int) itsm.Ref { return itsm.Ref{Kind: "incident", ID: itsm.ID(fmt.Sprintf("i%03d", n))} }
	p := d.register(func(r *problem.Registration) { r.CIs = []itsm.ID{"relay-1"} })
	const many = 250
	for n := range many {
		_, err := d.Link(ctx, mona, p.ID, problem.Relation{Type: itsm.LinkCauses, To: incident(n)})
		require.NoError(t, err)
	}
	_, err := d.MarkDuplicate(ctx, sam, original.ID, problem.Duplication{Of: original.ID})
	require.Equal(t, []string{"of"}, faults(t, err))
	p, err = d.MarkDuplicate(ctx, mona, p.ID, problem.Duplication{Of: original.ID})
	require.NoError(t, err)
	require.Equal(t, [3]any{problem.StateClosed, problem.CodeDuplicate, original.ID}, [3]any{p.State, p.Code, p.DuplicateOf})
	require.Equal(t, problem.Duplicated{Duplicate: p.ID}, d.last(original.ID).Data)
	for range 5 {
		d.wait(time.Second)
	}
	links, err := d.Links(ctx, mona, original.ID)
	require.NoError(t, err)
	require.Len(t, links, many+2)
	require.Contains(t, links, itsm.Link{Type: itsm.LinkCauses, From: original.Ref(), To: incident(7)})
	require.Contains(t, links, itsm.Link{Type: itsm.LinkAffects, From: original.Ref(), To: itsm.Ref{Kind: "ci", ID: "relay-1"}})
	links, err = d.Links(ctx, mona, p.ID)
	require.NoError(t, err)
	require.Equal(t, []itsm.Link{{Type: itsm.LinkDuplicateOf, From: p.Ref(), To: original.Ref()}}, links)
	_, err = d.MarkDuplicate(ctx, mona, original.ID, problem.Duplication{Of: p.ID})
	require.Equal(t, []string{"of"}, faults(t, err), "what is a duplicate is not open, so that there is no circle")

	// What hangs on a restricted one does not come to one that everyone reads.
	secret := d.register(func(r *problem.Registration) {
		r.Restricted, r.From = true, []itsm.Ref{incident(900)}
	})
	_, err = d.MarkDuplicate(ctx, mona, secret.ID, problem.Duplication{Of: original.ID})
	require.NoError(t, err)
	d.wait(time.Second)
	links, err = d.Links(ctx, mona, original.ID)
	require.NoError(t, err)
	require.NotContains(t, links, itsm.Link{Type: itsm.LinkCauses, From: original.Ref(), To: incident(900)})
}

// A job that is left of a wait before ends no other.
func TestAWaitIsNotEndedByTheJobOfOneBefore(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	p := d.in(problem.StateAnalysis)
	p, err := d.Hold(ctx, mona, p.ID, problem.Hold{HoldReason: problem.HoldRecurrence, Until: d.now.Add(time.Hour)})
	require.NoError(t, err)
	require.NoError(t, d.e.Update(ctx, program, func(ctx context.Context, u *engine.Unit) error {
		return u.Schedule(ctx, engine.Task{Kind: "problem.resume", Key: string(p.ID), Subject: "problem/" + string(p.ID), Due: d.now, Payload: struct{}{}})
	}))
	d.wait(time.Minute)
	require.Equal(t, problem.StateOnHold, d.get(p.ID).State)
	d.wait(time.Hour)
	require.Equal(t, problem.StateAnalysis, d.get(p.ID).State)
}
