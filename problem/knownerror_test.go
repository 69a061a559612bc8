package problem_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/problem"
	"github.com/itsmkit/itsmkit/storage"
)

func (d *fixture) events(id itsm.ID) (types []string) {
	d.t.Helper()
	events, err := d.KnownErrorHistory(d.t.Context(), mona, id)
	require.NoError(d.t, err)
	for _, e := range events {
		types = append(types, e.Type)
	}
	return types
}

// P3: identifying a cause drafts a known error that is linked to its problem and its configuration items.
func TestP3IdentifyingACauseDraftsAKnownError(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	p := d.in(problem.StateAnalysis)
	p, err := d.IdentifyCause(ctx, sam, p.ID, problem.IdentifiedCause{Causes: []problem.Cause{relay, {Text: "Newsletters", Component: "marketing", Contributing: true}}})
	require.NoError(t, err)
	k := d.known(p.KnownError)
	require.Equal(t, "KE0000001", k.Number)
	require.Equal(t, problem.PublicationDraft, k.State)
	require.Equal(t, [4]any{p.ID, p.Title, p.Symptom, problem.AudienceStaff}, [4]any{k.Problem, k.Title, k.Symptom, k.Audience})
	require.Equal(t, []itsm.ID{"relay-1"}, k.CIs)
	require.Equal(t, "The relay runs out of connections\nNewsletters", k.Cause)
	links, err := d.Links(ctx, sam, p.ID)
	require.NoError(t, err)
	require.Contains(t, links, itsm.Link{Type: itsm.LinkDocumentedBy, From: p.Ref(), To: k.Ref()})
	page, err := d.KnownErrors(ctx, ana, problem.KnownErrorQuery{Where: problem.KnownErrorByProblem.Is(p.ID)})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)

	// One without a problem tells of a supplier's bulletin.
	alone, err := d.DraftKnownError(ctx, sam, problem.KnownErrorDraft{Title: "Firmware 7 drops VLANs", CIs: []itsm.ID{"switch-1", "switch-1"},
		Symptom: "No network", Workaround: "Restart", Reference: "https://vendor.example/b/7", Group: "network"})
	require.NoError(t, err)
	require.Empty(t, alone.Problem)
	require.Equal(t, []itsm.ID{"switch-1"}, alone.CIs)
	edited, err := d.EditKnownError(ctx, sam, alone.ID, problem.KnownErrorEdit{Fix: ptr(problem.FixIsPlanned), Workaround: ptr("")})
	require.NoError(t, err)
	require.Equal(t, [2]any{problem.FixIsPlanned, false}, [2]any{edited.Fix, edited.HasWorkaround})
	_, err = d.EditKnownError(ctx, mona, k.ID, problem.KnownErrorEdit{Cause: ptr("x"), Workaround: ptr("x"), Fix: ptr(problem.FixIsDone), Group: ptr(itsm.ID("x")), Title: ptr("")})
	require.ElementsMatch(t, []string{"cause", "workaround", "fix", "group", "title"}, faults(t, err), "what follows from the problem is changed there")
	_, err = d.DraftKnownError(ctx, sam, problem.KnownErrorDraft{Audience: "friends", NoWorkaround: true, Workaround: "x", Fix: "perhaps", Service: "\x00"})
	require.ElementsMatch(t, []string{"title", "audience", "fix", "no_workaround", "service"}, faults(t, err))
}

// P4: a known error is drafted, published, withdrawn and retired; workaround and fix follow from its problem.
func TestP4TheLifecycleOfAKnownError(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	p := d.in(problem.StateKnownError)
	id := p.KnownError
	_, err := d.PublishKnownError(ctx, mona, id, itsm.Command{})
	require.Equal(t, []string{"workaround or no_workaround"}, faults(t, err))
	_, err = d.PublishKnownError(ctx, sam, id, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.RecordWorkaround(ctx, sam, p.ID, problem.RecordedWorkaround{Text: "Send it again"})
	require.NoError(t, err)
	k, err := d.PublishKnownError(ctx, mona, id, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, [4]any{problem.PublicationPublished, d.now, true, "Send it again"}, [4]any{k.State, k.PublishedAt, k.HasWorkaround, k.Workaround})
	_, err = d.EditKnownError(ctx, mona, id, problem.KnownErrorEdit{Symptom: ptr(" ")})
	require.Equal(t, []string{"symptom"}, faults(t, err))
	_, err = d.RetireKnownError(ctx, mona, id, because("Old"))
	require.ErrorIs(t, err, itsm.ErrTransition, "its problem is open")
	k, err = d.WithdrawKnownError(ctx, mona, id, because("Check the wording"))
	require.NoError(t, err)
	require.Zero(t, k.PublishedAt)
	_, err = d.PublishKnownError(ctx, mona, id, itsm.Command{})
	require.NoError(t, err)

	_, err = d.PlanFix(ctx, sam, p.ID, problem.PlannedFix{Action: "More connections"})
	require.NoError(t, err)
	require.Equal(t, problem.FixIsPlanned, d.known(id).Fix)
	_, err = d.FixFailed(ctx, sam, p.ID, because("Not enough"))
	require.NoError(t, err)
	require.Equal(t, problem.FixNone, d.known(id).Fix)
	_, err = d.PlanFix(ctx, sam, p.ID, problem.PlannedFix{Action: "Many more"})
	require.NoError(t, err)
	_, err = d.FixVerified(ctx, sam, p.ID, problem.Verification{})
	require.NoError(t, err)
	require.Equal(t, [2]any{problem.FixIsDone, problem.PublicationPublished}, [2]any{d.known(id).Fix, d.known(id).State})
	d.wait(problem.DefaultObservation)
	require.Equal(t, problem.PublicationRetired, d.known(id).State)
	require.Equal(t, []string{"known_error.drafted.v1", "known_error.followed.v1", "known_error.published.v1", "known_error.withdrawn.v1",
		"known_error.published.v1", "known_error.followed.v1", "known_error.followed.v1", "known_error.followed.v1", "known_error.followed.v1",
		"known_error.retired.v1"}, d.events(id))

	// Analysed anew, the same known error is drafted again.
	p, err = d.Reanalyse(ctx, mona, p.ID, because("It is back"))
	require.NoError(t, err)
	require.Equal(t, problem.FixNone, d.known(id).Fix)
	p, err = d.IdentifyCause(ctx, mona, p.ID, problem.IdentifiedCause{Causes: []problem.Cause{{Text: "The relay leaks", CI: "relay-1"}}})
	require.NoError(t, err)
	require.Equal(t, id, p.KnownError)
	require.Equal(t, [2]any{problem.PublicationDraft, "The relay leaks"}, [2]any{d.known(id).State, d.known(id).Cause})
}

// What requesters read was published by somebody: another workaround is not, unless it is pushed to them, nor is
// what was restricted.
func TestP4AnotherWorkaroundIsNotPublishedForEveryoneByItself(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	p := d.in(problem.StateKnownError)
	id := p.KnownError
	record := func(text string, tell problem.Telling) {
		t.Helper()
		_, err := d.RecordWorkaround(ctx, sam, p.ID, problem.RecordedWorkaround{Text: text, Tell: tell})
		require.NoError(t, err)
	}
	publish := func() {
		t.Helper()
		_, err := d.PublishKnownError(ctx, mona, id, itsm.Command{})
		require.NoError(t, err)
	}
	record("Send it again", "")
	publish()
	record("Send it twice", "")
	require.Equal(t, problem.PublicationPublished, d.known(id).State, "staff read each version")
	_, err := d.EditKnownError(ctx, mona, id, problem.KnownErrorEdit{Audience: ptr(problem.AudienceEveryone)})
	require.NoError(t, err)
	for _, tell := range []problem.Telling{"", problem.TellOffer, problem.TellNobody} {
		record("Log in with the test account, "+string(tell), tell)
		k := d.known(id)
		require.Equal(t, problem.PublicationDraft, k.State)
		_, err = d.GetKnownError(ctx, rita, id)
		require.ErrorIs(t, err, itsm.ErrNotFound)
		events, err := d.KnownErrorHistory(ctx, mona, id)
		require.NoError(t, err)
		require.Equal(t, problem.KnownErrorWithdrawn{With: p.ID}, events[len(events)-1].Data)
		publish()
	}
	record("Use the other relay", problem.TellPush)
	k, err := d.GetKnownError(ctx, rita, id)
	require.NoError(t, err, "who recorded it decided that requesters are told")
	require.Equal(t, "Use the other relay", k.Workaround)

	_, err = d.Restrict(ctx, mona, p.ID, problem.Restriction{})
	require.NoError(t, err)
	_, err = d.Unrestrict(ctx, mona, p.ID, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, problem.PublicationDraft, d.known(id).State)
	_, err = d.GetKnownError(ctx, rita, id)
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func TestP4PublicationByStateAndAction(t *testing.T) {
	leads := map[problem.PublicationAction]map[problem.PublicationState]problem.PublicationState{
		problem.ActionPublishKnownError:  {problem.PublicationDraft: problem.PublicationPublished},
		problem.ActionWithdrawKnownError: {problem.PublicationPublished: problem.PublicationDraft},
		problem.ActionRetireKnownError:   {problem.PublicationDraft: problem.PublicationRetired, problem.PublicationPublished: problem.PublicationRetired},
		problem.ActionRestoreKnownError:  {problem.PublicationRetired: problem.PublicationDraft},
	}
	d, ctx := open(t, problem.Options{}), t.Context()
	take := map[problem.PublicationAction]func(context.Context, itsm.Actor, itsm.ID, itsm.Command) (problem.KnownError, error){
		problem.ActionPublishKnownError: d.PublishKnownError, problem.ActionWithdrawKnownError: d.WithdrawKnownError,
		problem.ActionRetireKnownError: d.RetireKnownError, problem.ActionRestoreKnownError: d.RestoreKnownError,
	}
	for a, row := range leads {
		for _, s := range []problem.PublicationState{problem.PublicationDraft, problem.PublicationPublished, problem.PublicationRetired} {
			k, err := d.DraftKnownError(ctx, mona, problem.KnownErrorDraft{Title: "x", Symptom: "y", NoWorkaround: true})
			require.NoError(t, err)
			if s != problem.PublicationDraft {
				k, err = take[map[problem.PublicationState]problem.PublicationAction{problem.PublicationPublished: problem.ActionPublishKnownError,
					problem.PublicationRetired: problem.ActionRetireKnownError}[s]](ctx, mona, k.ID, because("So"))
				require.NoError(t, err)
			}
			before := d.snapshot()
			got, err := take[a](ctx, mona, k.ID, because("So"))
			if row[s] == "" {
				require.ErrorIs(t, err, itsm.ErrTransition, "%s in %s", a, s)
				require.Equal(t, before, d.snapshot())
				continue
			}
			require.NoError(t, err, "%s in %s", a, s)
			require.Equal(t, row[s], got.State)
			if a != problem.ActionPublishKnownError {
				_, err = take[a](ctx, mona, k.ID, itsm.Command{})
				require.Error(t, err)
			}
		}
	}
}

// P6: a known error stays published when the risk of its problem is accepted.
func TestP6AKnownErrorStaysPublishedWhenItsRiskIsAccepted(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	p := d.in(problem.StateKnownError)
	_, err := d.EditKnownError(ctx, mona, p.KnownError, problem.KnownErrorEdit{NoWorkaround: ptr(true)})
	require.NoError(t, err)
	_, err = d.PublishKnownError(ctx, mona, p.KnownError, itsm.Command{})
	require.NoError(t, err)
	_, err = commands[problem.ActionAcceptRisk](ctx, d, p.ID)
	require.NoError(t, err)
	k := d.known(p.KnownError)
	require.Equal(t, [3]any{problem.PublicationPublished, true, problem.FixNone}, [3]any{k.State, k.RiskAccepted, k.Fix})
	_, err = d.RetireKnownError(ctx, mona, k.ID, because("The relay is gone"))
	require.NoError(t, err, "its problem is closed")

	p = d.in(problem.StateKnownError)
	_, err = d.Cancel(ctx, mona, p.ID, because("It is none"))
	require.NoError(t, err)
	require.Equal(t, problem.PublicationRetired, d.known(p.KnownError).State)
	d = open(t, problem.Options{KeepKnownErrors: true})
	p = d.in(problem.StateKnownError)
	_, err = d.Cancel(ctx, mona, p.ID, because("It is none"))
	require.NoError(t, err)
	require.Equal(t, problem.PublicationDraft, d.known(p.KnownError).State)
}

// Requesters find what is published for everyone, and nothing in it that is not meant for them.
func TestRequestersConsultWhatIsPublishedForThem(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	p := d.in(problem.StateKnownError)
	_, err := d.RecordWorkaround(ctx, mona, p.ID, problem.RecordedWorkaround{Text: "Send it again"})
	require.NoError(t, err)
	see := func(want bool) {
		t.Helper()
		for _, actor := range []itsm.Actor{rita, pat} {
			_, err := d.GetKnownError(ctx, actor, p.KnownError)
			n, countErr := d.CountKnownErrors(ctx, actor, problem.KnownErrorQuery{})
			require.NoError(t, countErr)
			if want {
				require.NoError(t, err)
				require.EqualValues(t, 1, n)
			} else {
				require.ErrorIs(t, err, itsm.ErrNotFound)
				require.Zero(t, n)
			}
		}
		_, err = d.GetKnownError(ctx, ana, p.KnownError)
		require.NoError(t, err, "staff read drafts too")
	}
	see(false)
	_, err = d.PublishKnownError(ctx, mona, p.KnownError, itsm.Command{})
	require.NoError(t, err)
	see(false)
	_, err = d.EditKnownError(ctx, mona, p.KnownError, problem.KnownErrorEdit{Audience: ptr(problem.AudienceEveryone)})
	require.NoError(t, err)
	see(true)
	k, err := d.GetKnownError(ctx, rita, p.KnownError)
	require.NoError(t, err)
	require.Equal(t, [2]string{"Mail arrives hours late", "Send it again"}, [2]string{k.Symptom, k.Workaround})
	require.Empty(t, k.Cause+k.Reference+string(k.Problem)+string(k.Group)+string(k.Assignee))
	require.Empty(t, k.CIs)
	page, err := d.KnownErrors(ctx, rita, problem.KnownErrorQuery{})
	require.NoError(t, err)
	require.Empty(t, page.Items[0].Problem+page.Items[0].Group+page.Items[0].Assignee)
	for _, q := range []problem.KnownErrorQuery{
		{Where: problem.KnownErrorByProblem.Is(p.ID)},
		{Where: storage.AnyOf(problem.KnownErrorByState.Is("x"), problem.KnownErrorByGroup.Is("network"))},
		{Order: []storage.Order{problem.KnownErrorByAssignee.Asc()}},
	} {
		_, err = d.KnownErrors(ctx, rita, q)
		require.ErrorIs(t, err, itsm.ErrForbidden, "what is hidden cannot be asked by")
	}
	_, err = d.KnownErrorHistory(ctx, rita, p.KnownError)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.EditKnownError(ctx, rita, p.KnownError, problem.KnownErrorEdit{Title: ptr("x")})
	require.ErrorIs(t, err, itsm.ErrForbidden)

	// With a restricted problem the known error is restricted too.
	_, err = d.Restrict(ctx, mona, p.ID, problem.Restriction{})
	require.NoError(t, err)
	for _, actor := range []itsm.Actor{rita, pat, ana, olga} {
		_, err = d.GetKnownError(ctx, actor, p.KnownError)
		require.ErrorIs(t, err, itsm.ErrNotFound, actor.ID)
		n, err := d.CountKnownErrors(ctx, actor, problem.KnownErrorQuery{})
		require.NoError(t, err)
		require.Zero(t, n)
	}
	for _, actor := range []itsm.Actor{mona, sam} {
		_, err = d.GetKnownError(ctx, actor, p.KnownError)
		require.NoError(t, err)
		n, err := d.CountKnownErrors(ctx, actor, problem.KnownErrorQuery{})
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
	}
	_, err = d.GetKnownError(ctx, gus, p.KnownError)
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func TestKnownErrorsAreListedByWhatChangedLast(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	var ids []itsm.ID
	for _, title := range []string{"a", "b", "c"} {
		k, err := d.DraftKnownError(ctx, mona, problem.KnownErrorDraft{Title: title})
		require.NoError(t, err)
		ids = append(ids, k.ID)
		d.now = d.now.Add(time.Minute)
	}
	_, err := d.EditKnownError(ctx, mona, ids[0], problem.KnownErrorEdit{Category: ptr("mail")})
	require.NoError(t, err)
	var got []itsm.ID
	for h, err := range d.AllKnownErrors(ctx, ana, problem.KnownErrorQuery{Limit: 2}) {
		require.NoError(t, err)
		got = append(got, h.ID)
	}
	require.Equal(t, []itsm.ID{ids[0], ids[2], ids[1]}, got)
	_, err = d.KnownErrors(ctx, itsm.Actor{Tenant: "acme", ID: "nobody"}, problem.KnownErrorQuery{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
}
