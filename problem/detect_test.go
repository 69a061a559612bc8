package problem_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/problem"
	"github.com/itsmkit/itsmkit/storage"
)

var program = itsm.SystemActor("acme", "desk")

func incidentRef(n int) itsm.Ref {
	return itsm.Ref{Kind: "incident", ID: itsm.ID(fmt.Sprintf("i%03d", n))}
}

// observe takes an occurrence of a full relay, at the fixture's time.
func (d *fixture) observe(n int, change ...func(*problem.Occurrence)) {
	d.t.Helper()
	o := problem.Occurrence{Record: incidentRef(n), At: d.now, CIs: []itsm.ID{"relay-1"}, Category: "mail", Text: fmt.Sprintf("Relay %d full of mail", n)}
	for _, fn := range change {
		fn(&o)
	}
	require.NoError(d.t, d.Observe(d.t.Context(), program, o))
}

func (d *fixture) proposals(s problem.ProposalState) []problem.ProposalHead {
	d.t.Helper()
	page, err := d.Proposals(d.t.Context(), mona, problem.ProposalQuery{State: s})
	require.NoError(d.t, err)
	return page.Items
}

var thrice = problem.Options{Detection: []problem.DetectionRule{{Name: "thrice", By: []problem.Dimension{problem.DimensionCI, problem.DimensionText}, Count: 3, Within: 10 * 24 * time.Hour}}}

// P10: what recurs as often as a rule says proposes a problem, and says why; accepted, it is one.
func TestP10RecurringIncidentsProposeAProblem(t *testing.T) {
	d, ctx := open(t, thrice), t.Context()
	d.observe(1)
	d.observe(2)
	d.observe(2) // the same again
	d.observe(7, func(o *problem.Occurrence) { o.CIs = []itsm.ID{"relay-2"} })
	d.observe(8, func(o *problem.Occurrence) { o.Text = "The room is too hot" })
	d.observe(9, func(o *problem.Occurrence) { o.CIs = nil })
	require.Empty(t, d.proposals(""))
	d.now = d.now.Add(time.Hour)
	d.observe(3)
	open := d.proposals("")
	require.Len(t, open, 1)
	require.Equal(t, []any{"thrice", itsm.ID("relay-1"), int64(3), int64(3)}, []any{open[0].Rule, open[0].CI, open[0].Count, open[0].Needed})
	d.observe(4)
	require.Len(t, d.proposals(""), 1)
	s, err := d.GetProposal(ctx, ana, open[0].ID)
	require.NoError(t, err)
	require.Equal(t, `3 within 10 days with the same CI and the words "full mail relay" (rule thrice: 3)`, s.Reason)
	require.ElementsMatch(t, []itsm.Ref{incidentRef(4), incidentRef(3), incidentRef(2), incidentRef(1)}, s.Records, "with those since")
	_, err = d.GetProposal(ctx, rita, s.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.Proposals(ctx, rita, problem.ProposalQuery{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.GetProposal(ctx, gus, s.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.AcceptProposal(ctx, sam, s.ID, problem.ProposalAcceptance{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.AcceptProposal(ctx, mona, s.ID, problem.ProposalAcceptance{Impact: 9, Group: "\x00"})
	require.ElementsMatch(t, []string{"impact", "group"}, faults(t, err))

	accept := problem.ProposalAcceptance{Command: itsm.Command{Key: "a1"}, Title: "The relay fills up", Impact: 2, Urgency: 1}
	p, err := d.AcceptProposal(ctx, mona, s.ID, accept)
	require.NoError(t, err)
	require.Equal(t, []any{problem.SourceTrend, "The relay fills up", itsm.PriorityHigh, s.Reason}, []any{p.Source, p.Title, p.Priority, p.Description})
	again, err := d.AcceptProposal(ctx, mona, s.ID, accept)
	require.NoError(t, err)
	require.Equal(t, p.ID, again.ID)
	links, err := d.Links(ctx, mona, p.ID)
	require.NoError(t, err)
	require.Len(t, links, 5)
	require.Contains(t, links, itsm.Link{Type: itsm.LinkCauses, From: p.Ref(), To: incidentRef(1)})
	require.Contains(t, links, itsm.Link{Type: itsm.LinkAffects, From: p.Ref(), To: itsm.Ref{Kind: "ci", ID: "relay-1"}})
	_, err = d.AcceptProposal(ctx, mona, s.ID, problem.ProposalAcceptance{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	d.observe(5)
	require.Empty(t, d.proposals(""), "it is worked on")
	require.Len(t, d.proposals(problem.ProposalAccepted), 1)
}

// P10: what was dismissed is proposed again only when it comes more often.
func TestP10WhatWasDismissedIsProposedAgainAtANewRate(t *testing.T) {
	d, ctx := open(t, thrice), t.Context()
	for n := range 3 {
		d.observe(n)
	}
	id := d.proposals("")[0].ID
	_, err := d.DismissProposal(ctx, mona, id, problem.ProposalDismissal{Again: 3})
	require.ElementsMatch(t, []string{"reason", "again"}, faults(t, err))
	_, err = d.DismissProposal(ctx, ana, id, problem.ProposalDismissal{Command: because("A test")})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	s, err := d.DismissProposal(ctx, mona, id, problem.ProposalDismissal{Command: because("It was a drill")})
	require.NoError(t, err)
	require.Equal(t, []any{problem.ProposalDismissed, 6, "It was a drill"}, []any{s.State, s.Again, s.Dismissal})
	d.observe(3)
	d.observe(4)
	require.Empty(t, d.proposals(""))
	d.observe(5)
	open := d.proposals("")
	require.Len(t, open, 1)
	require.Equal(t, []any{id, int64(6)}, []any{open[0].ID, open[0].Count})
	_, err = d.DismissProposal(ctx, mona, id, problem.ProposalDismissal{Command: because("Again"), Again: 8})
	require.NoError(t, err)
	d.now = d.now.Add(9 * 24 * time.Hour)
	d.observe(6)
	require.Empty(t, d.proposals(""))
	d.now = d.now.Add(2 * 24 * time.Hour) // only one of these still counts
	for n := 7; n < 13; n++ {
		d.observe(n)
	}
	require.Empty(t, d.proposals(""), "seven within the span")
	d.observe(13)
	require.Len(t, d.proposals(""), 1)
}

func TestP10WhatIsTooOldOrTakenBackDoesNotCount(t *testing.T) {
	d, ctx := open(t, thrice), t.Context()
	d.observe(1)
	d.now = d.now.Add(10 * 24 * time.Hour)
	d.observe(2)
	d.observe(3)
	require.Empty(t, d.proposals(""), "the first is ten days old")
	require.NoError(t, d.Forget(ctx, program, incidentRef(3)))
	d.observe(4)
	require.Empty(t, d.proposals(""))
	d.observe(2, func(o *problem.Occurrence) { o.CIs = []itsm.ID{"relay-9"} }) // it was about another
	d.observe(5)
	require.Empty(t, d.proposals(""))
	d.observe(6)
	require.Len(t, d.proposals(""), 1)
	require.ErrorIs(t, d.Observe(ctx, mona, problem.Occurrence{Record: incidentRef(1), At: d.now}), itsm.ErrForbidden, "it is for the host's program")
	require.ErrorIs(t, d.Observe(ctx, sam, problem.Occurrence{Record: incidentRef(1), At: d.now}), itsm.ErrForbidden)
	require.ElementsMatch(t, []string{"record.kind", "record.id", "at", "cis"},
		faults(t, d.Observe(ctx, program, problem.Occurrence{CIs: make([]itsm.ID, problem.MaxOccurrenceCIs+1)})))
}

// P10: what recurs after the problem was resolved is a recurrence, and after it was closed a proposal anew.
func TestP10WhatRecursAfterTheFixIsARecurrence(t *testing.T) {
	d, ctx := open(t, thrice), t.Context()
	for n := range 3 {
		d.observe(n)
	}
	p, err := d.AcceptProposal(ctx, mona, d.proposals("")[0].ID, problem.ProposalAcceptance{Impact: 1, Urgency: 1})
	require.NoError(t, err)
	for _, step := range []problem.Action{problem.ActionAccept, problem.ActionAnalyse, problem.ActionIdentifyCause} {
		_, err = commands[step](ctx, d, p.ID)
		require.NoError(t, err)
	}
	_, err = d.PlanFix(ctx, mona, p.ID, problem.PlannedFix{Action: "A bigger one"})
	require.NoError(t, err)
	_, err = d.FixVerified(ctx, mona, p.ID, problem.Verification{})
	require.NoError(t, err)
	d.now = d.now.Add(time.Hour)
	d.observe(3)
	p = d.get(p.ID)
	ref := incidentRef(3)
	require.Equal(t, []any{1, d.now}, []any{p.Recurrences, p.ObserveFrom})
	require.Equal(t, problem.Recurred{Record: &ref, Count: 1}, d.last(p.ID).Data)
	d.wait(problem.DefaultObservation)
	require.Equal(t, problem.StateClosed, d.get(p.ID).State)
	for n := 4; n < 7; n++ {
		d.now = d.now.Add(time.Minute)
		require.Empty(t, d.proposals(""))
		d.observe(n)
	}
	require.Len(t, d.proposals(""), 1)
}

func TestP10ProposalsNameOnlyWhatTheReaderMayKnow(t *testing.T) {
	o := thrice
	o.MayRead = func(_ context.Context, _ storage.Reader, actor itsm.Actor, ref itsm.Ref) error {
		if actor.ID == "sam" && (ref.Kind == "ci" || ref == incidentRef(2)) {
			return itsm.ErrNotFound
		}
		return nil
	}
	d, ctx := open(t, o), t.Context()
	for n := range 3 {
		d.observe(n)
	}
	page, err := d.Proposals(ctx, sam, problem.ProposalQuery{})
	require.NoError(t, err)
	require.Empty(t, page.Items[0].CI)
	s, err := d.GetProposal(ctx, sam, page.Items[0].ID)
	require.NoError(t, err)
	require.ElementsMatch(t, []itsm.Ref{incidentRef(0), incidentRef(1)}, s.Records)
	require.Empty(t, s.CI)
	require.NotContains(t, s.Reason, "relay-1")
}

func TestDetectionRulesAreChecked(t *testing.T) {
	_, err := problem.New(nil, problem.Options{Detection: []problem.DetectionRule{
		{Name: "a", By: []problem.Dimension{"moon", problem.DimensionCI, problem.DimensionCI}, Count: 1},
		{Name: "a", Count: problem.MaxCount + 1, Within: -1},
	}})
	require.ElementsMatch(t, []string{"engine", "detection[0].by[0]", "detection[0].by[2]", "detection[0].count", "detection[0].within",
		"detection[1].name", "detection[1].by", "detection[1].count", "detection[1].within"}, faults(t, err))
	d := open(t, problem.Options{Detection: []problem.DetectionRule{}})
	for n := range 20 {
		d.observe(n)
	}
	require.Empty(t, d.proposals(""))
}

// What a pattern keeps does not grow without end, and what is read for an occurrence is bounded by the rule.
func TestP10WhatIsKeptOfAPatternThatGoesOnIsBounded(t *testing.T) {
	d := open(t, thrice)
	const days = 120
	for n := range days {
		d.observe(n)
		d.now = d.now.Add(24 * time.Hour)
	}
	require.NoError(t, d.e.View(t.Context(), mona, func(ctx context.Context, r storage.Reader) error {
		for _, s := range d.e.Schemas() {
			if s.Name() == "problem_occurrence" {
				rows, err := r.Query(ctx, s, storage.RowQuery{Limit: storage.MaxLimit})
				require.NoError(t, err)
				require.LessOrEqual(t, len(rows), 12)
			}
		}
		return nil
	}))
}
