package problem_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/problem"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// A list has exactly those that Get gives, and Get gives what the authorizer allows.
func TestListsAgreeWithTheAuthorizerRecordByRecord(t *testing.T) {
	ids := []itsm.ID{"a", "b", "c"}
	scopes := []itsm.Scope{itsm.ScopeAll, itsm.ScopeGroup, itsm.ScopeAssignee, itsm.ScopeMember}
	rapid.Check(t, func(rt *rapid.T) {
		grants := []itsm.Grant{}
		for _, permission := range []itsm.Permission{problem.PermissionRead, "problem.see_restricted"} {
			if s := rapid.SliceOfDistinct(rapid.SampledFrom(scopes), rapid.ID[itsm.Scope]).Draw(rt, string(permission)); len(s) > 0 {
				grants = append(grants, itsm.Grant{Permission: permission, Scopes: s})
			}
		}
		book, err := itsm.NewRoleBook(itsm.Role{Name: "drawn", Grants: grants})
		require.NoError(rt, err)
		e, err := engine.New(memory.New(), engine.Options{Authorizer: book})
		require.NoError(rt, err)
		p, err := problem.New(e, problem.Options{})
		require.NoError(rt, err)
		maybe := rapid.SampledFrom(append([]itsm.ID{""}, ids...))
		var all []problem.Problem
		for n := range rapid.IntRange(1, 8).Draw(rt, "problems") {
			r := problem.Registration{Title: fmt.Sprint(n), Source: problem.SourceTest, Group: maybe.Draw(rt, "group"), Assignee: maybe.Draw(rt, "assignee"),
				Restricted: rapid.Bool().Draw(rt, "restricted")}
			if r.Restricted {
				r.Members = rapid.SliceOfDistinct(rapid.SampledFrom(ids), rapid.ID[itsm.ID]).Draw(rt, "members")
			}
			one, err := p.Register(t.Context(), itsm.SystemActor("acme", "setup"), r)
			require.NoError(rt, err)
			all = append(all, one)
		}
		actor := itsm.Actor{Tenant: "acme", ID: rapid.SampledFrom(ids).Draw(rt, "actor"), Roles: []itsm.RoleName{"drawn"}, Groups: rapid.SliceOf(maybe).Draw(rt, "groups")}
		var want, got, asked []itsm.ID
		for _, one := range all {
			asked = append(asked, one.ID)
			_, err := p.Get(t.Context(), actor, one.ID)
			if book.Authorize(t.Context(), actor, problem.PermissionRead, one.Subject()) == nil {
				want = append(want, one.ID)
				require.NoError(rt, err)
			} else {
				require.ErrorIs(rt, err, itsm.ErrNotFound)
			}
		}
		require.NoError(rt, e.View(t.Context(), actor, func(ctx context.Context, r storage.Reader) error {
			may, err := p.MayReadEach(ctx, r, actor, asked)
			require.Len(rt, may, len(want))
			return err
		}))
		for h, err := range p.All(t.Context(), actor, problem.Query{Limit: 3}) {
			if err != nil {
				require.ErrorIs(rt, err, itsm.ErrForbidden)
				require.Empty(rt, want)
				return
			}
			got = append(got, h.ID)
		}
		require.ElementsMatch(rt, want, got)
		n, err := p.Count(t.Context(), actor, problem.Query{})
		require.NoError(rt, err)
		require.EqualValues(rt, len(want), n)
	})
}

func TestARequesterFindsNoProblem(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	p := d.register()
	_, err := d.Get(ctx, rita, p.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.GetByNumber(ctx, rita, p.Number)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.Timeline(ctx, rita, p.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.Links(ctx, rita, p.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.Notes(ctx, rita, p.ID, "", 0)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.List(ctx, rita, problem.Query{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.Register(ctx, rita, problem.Registration{Title: "x", Source: problem.SourceTest})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.Cancel(ctx, rita, p.ID, itsm.Command{Reason: "x", IfVersion: 99})
	require.ErrorIs(t, err, itsm.ErrNotFound, "whatever version is asked for")
}

func TestARestrictedProblemIsForThoseNamed(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	p := d.register(func(r *problem.Registration) { r.Restricted, r.Members = true, []itsm.ID{"olga"} })
	for _, c := range []struct {
		who itsm.Actor
		may bool
	}{{mona, true}, {sam, true}, {olga, true}, {ana, false}, {pat, false}, {gus, false}} {
		_, err := d.Get(ctx, c.who, p.ID)
		page, listErr := d.List(ctx, c.who, problem.Query{})
		require.NoError(t, listErr)
		if c.may {
			require.NoError(t, err, c.who.ID)
			require.Len(t, page.Items, 1)
		} else {
			require.ErrorIs(t, err, itsm.ErrNotFound, c.who.ID)
			require.Empty(t, page.Items)
		}
	}
	_, err := d.Restrict(ctx, mona, p.ID, problem.Restriction{Members: []itsm.ID{"ana"}})
	require.NoError(t, err)
	_, err = d.Get(ctx, olga, p.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.Get(ctx, ana, p.ID)
	require.NoError(t, err)
	_, err = d.Unrestrict(ctx, mona, p.ID, itsm.Command{})
	require.NoError(t, err)
	got, err := d.Get(ctx, olga, p.ID)
	require.NoError(t, err)
	require.Empty(t, got.Members)
	_, err = d.Register(ctx, ana, problem.Registration{Title: "x", Source: problem.SourceTest, Restricted: true})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.Register(ctx, ana, problem.Registration{Title: "x", Source: problem.SourceTest, Group: "network"})
	require.ErrorIs(t, err, itsm.ErrForbidden)
}

// What a problem names is shown to those alone who may know of it.
func TestWhatAProblemNamesIsShownToThoseWhoMayKnowOfIt(t *testing.T) {
	secret := map[itsm.ID]bool{"i-secret": true, "relay-secret": true, "c-secret": true}
	d := open(t, problem.Options{MayRead: func(_ context.Context, _ storage.Reader, actor itsm.Actor, ref itsm.Ref) error {
		if secret[ref.ID] && actor.ID != "mona" {
			return itsm.ErrNotFound
		}
		return nil
	}})
	ctx := t.Context()
	hidden := d.register(func(r *problem.Registration) { r.Restricted, r.Group = true, "" })
	p := d.register(func(r *problem.Registration) {
		r.From = []itsm.Ref{{Kind: "incident", ID: "i-secret"}, {Kind: "incident", ID: "i1"}}
	})
	must := func(_ problem.Problem, err error) {
		t.Helper()
		require.NoError(t, err)
	}
	must(d.Accept(ctx, mona, p.ID, problem.Acceptance{Assignee: "sam", Impact: 1, Urgency: 1}))
	must(d.Analyse(ctx, mona, p.ID, itsm.Command{}))
	must(d.IdentifyCause(ctx, mona, p.ID, problem.IdentifiedCause{Causes: []problem.Cause{{Text: "A relay", CI: "relay-secret"}}}))
	must(d.RecordAnalysis(ctx, mona, p.ID, problem.Analysis{Tree: &[]problem.TreeNode{{ID: "a", Text: "a", CI: "relay-secret"}}}))
	must(d.PlanFix(ctx, mona, p.ID, problem.PlannedFix{Changes: []itsm.Ref{{Kind: "change", ID: "c-secret"}}}))
	must(d.RecordOutcome(ctx, mona, p.ID, problem.ChangeOutcome{Change: itsm.Ref{Kind: "change", ID: "c-secret"}, Outcome: problem.OutcomeFailed}))
	must(d.Link(ctx, mona, p.ID, problem.Relation{Type: itsm.LinkRelatedTo, To: hidden.Ref()}))
	show := func(actor itsm.Actor) string {
		got, err := d.Get(ctx, actor, p.ID)
		require.NoError(t, err)
		entries, err := d.Timeline(ctx, actor, p.ID)
		require.NoError(t, err)
		links, err := d.Links(ctx, actor, p.ID)
		require.NoError(t, err)
		known, err := d.GetKnownError(ctx, actor, got.KnownError)
		require.NoError(t, err)
		history, err := d.KnownErrorHistory(ctx, actor, got.KnownError)
		require.NoError(t, err)
		raw, err := json.Marshal([]any{got, entries, links, known, history})
		require.NoError(t, err)
		return string(raw)
	}
	require.Contains(t, show(mona), "secret")
	require.Contains(t, show(mona), hidden.ID)
	require.NotContains(t, show(sam), "secret")
	require.NotContains(t, show(sam), hidden.ID)
	require.Contains(t, show(sam), `"i1"`)
	_, err := d.FixVerified(ctx, sam, p.ID, problem.Verification{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	require.NotContains(t, err.Error(), "secret")
	_, err = d.RecordOutcome(ctx, itsm.Actor{Tenant: "acme", ID: "sam2", Roles: sam.Roles, Groups: sam.Groups}, p.ID,
		problem.ChangeOutcome{Change: itsm.Ref{Kind: "change", ID: "c-secret"}, Outcome: problem.OutcomeSuccessful})
	require.Equal(t, []string{"change"}, faults(t, err))
	_, err = d.Link(ctx, sam, p.ID, problem.Relation{Type: itsm.LinkAffects, To: itsm.Ref{Kind: "ci", ID: "relay-secret"}})
	require.Equal(t, []string{"to"}, faults(t, err))
	_, err = d.Register(ctx, sam, problem.Registration{Title: "x", Source: problem.SourceTest, CIs: []itsm.ID{"relay-secret"}, From: []itsm.Ref{{Kind: "incident"}}})
	require.ElementsMatch(t, []string{"cis[0]", "from[0].id"}, faults(t, err))
}

// Who may read a problem and not what is internal sees neither notes, reasons, members nor internal fields.
func TestWhatIsInternalIsForThoseWhoMayReadIt(t *testing.T) {
	set, err := itsm.NewFieldSet(itsm.FieldDefinition{Name: "building", Type: itsm.FieldText}, itsm.FieldDefinition{Name: "suspicion", Type: itsm.FieldText, Internal: true})
	require.NoError(t, err)
	cost := storage.Custom[int64](problem.Table, "cost_centre")
	d := open(t, problem.Options{Fields: set, Columns: []storage.ColumnOf[problem.Head]{cost}})
	e, err := engine.New(d.e.Store(), engine.Options{Clock: func() time.Time { return d.now }, Authorizer: func() itsm.Authorizer {
		b, err := itsm.NewRoleBook(append(itsm.StandardRoles(), itsm.Role{Name: "partner", Grants: []itsm.Grant{{Permission: "problem.read"}, {Permission: "problem.edit"}}})...)
		require.NoError(t, err)
		return b
	}()})
	require.NoError(t, err)
	d.e = e
	d.Practice, err = problem.New(e, problem.Options{Fields: set, Columns: []storage.ColumnOf[problem.Head]{cost}})
	require.NoError(t, err)
	paul := itsm.Actor{Tenant: "acme", ID: "paul", Roles: []itsm.RoleName{"partner"}}
	ctx := t.Context()
	const secret = "TOP-SECRET"
	p := d.register(func(r *problem.Registration) {
		r.Fields = itsm.Fields{"suspicion": json.RawMessage(`"` + secret + `"`), "building": json.RawMessage(`"A"`)}
		r.Columns, r.Watchers = []storage.Value[problem.Head]{cost.Value(12)}, []itsm.ID{secret}
	})
	_, err = d.Note(ctx, mona, p.ID, problem.Note{Text: secret})
	require.NoError(t, err)
	_, err = d.Note(ctx, mona, p.ID, problem.Note{Text: "We look into it", Visibility: itsm.VisibilityPublic})
	require.NoError(t, err)
	_, err = d.Edit(ctx, mona, p.ID, problem.Edit{Command: because(secret), Title: ptr("Mail is late")})
	require.NoError(t, err)
	got, err := d.Get(ctx, paul, p.ID)
	require.NoError(t, err)
	entries, err := d.Timeline(ctx, paul, p.ID)
	require.NoError(t, err)
	notes, err := d.Notes(ctx, paul, p.ID, "", 0)
	require.NoError(t, err)
	require.Len(t, notes.Items, 1)
	raw, err := json.Marshal([]any{got, entries, notes.Items})
	require.NoError(t, err)
	require.NotContains(t, string(raw), secret)
	value, ok := cost.Of(&got.Head)
	require.True(t, ok)
	require.EqualValues(t, 12, value)
	_, err = d.Edit(ctx, paul, p.ID, problem.Edit{Fields: itsm.Fields{"suspicion": json.RawMessage(`"x"`)}})
	require.Equal(t, []string{"fields.suspicion"}, faults(t, err))
	got, err = d.Edit(ctx, paul, p.ID, problem.Edit{Fields: itsm.Fields{"building": json.RawMessage(`null`)}, Columns: []storage.Value[problem.Head]{cost.Clear()}})
	require.NoError(t, err)
	require.Empty(t, got.Fields)
}

// A host's own states and actions fire through Do, with the effects of the categories.
func TestAHostsStateAndAction(t *testing.T) {
	own, err := problem.StandardLifecycle().Extend([]problem.StateOf{{Name: "lab", Category: itsm.CategoryWaiting}, {Name: "void", Category: itsm.CategoryClosed}},
		problem.Rule{From: []problem.State{problem.StateAnalysis}, On: "send_to_lab", To: "lab", Needs: []itsm.Field[*problem.Case]{problem.NeedsHoldReason}},
		problem.Rule{From: []problem.State{"lab"}, On: problem.ActionResume, Return: []problem.State{problem.StateAnalysis}},
		problem.Rule{From: []problem.State{problem.StateNew}, On: "void", To: "void", Permission: problem.PermissionDo})
	require.NoError(t, err)
	d, ctx := open(t, problem.Options{Lifecycle: own}), t.Context()
	p := d.in(problem.StateAnalysis)
	_, err = d.Do(ctx, mona, p.ID, "send_to_lab", problem.Input{Code: problem.CodeFixed})
	require.ElementsMatch(t, []string{"code", "hold_reason"}, faults(t, err))
	p, err = d.Do(ctx, mona, p.ID, "send_to_lab", problem.Input{HoldReason: problem.HoldSupplier, Until: d.now.Add(time.Hour), Note: "Sent", Data: json.RawMessage(`{"box": 7}`)})
	require.NoError(t, err)
	require.Equal(t, [3]any{problem.State("lab"), problem.StateAnalysis, 1}, [3]any{p.State, p.Before, p.Holds})
	d.wait(time.Hour)
	require.Equal(t, problem.StateAnalysis, d.get(p.ID).State)
	_, err = d.Do(ctx, mona, p.ID, problem.ActionCancel, problem.Input{})
	require.Equal(t, []string{"action"}, faults(t, err))
	p = d.register()
	p, err = d.Do(ctx, sam, p.ID, "void", problem.Input{Code: problem.CodeFixed})
	require.NoError(t, err)
	require.Equal(t, [3]any{false, d.now, problem.CodeFixed}, [3]any{p.Open, p.ClosedAt, p.Code})
	_, err = problem.New(d.e, problem.Options{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

func TestOptionsAreCheckedTogether(t *testing.T) {
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(t, err)
	_, err = problem.New(nil, problem.Options{Lifecycle: &problem.Lifecycle{}, HoldReasons: []problem.HoldReason{}, Categories: []string{"a", "a"},
		Workarounds: "shout", NumberPrefix: "\x00", Columns: []storage.ColumnOf[problem.Head]{nil, problem.ByTitle}})
	require.ElementsMatch(t, []string{"engine", "lifecycle", "hold_reasons", "categories", "workarounds", "number_prefix", "columns", "columns"}, faults(t, err))
	_, err = problem.New(e, problem.Options{Categories: []string{"mail"}})
	require.NoError(t, err)
}

func TestACommandUnderAKeyIsDoneOnce(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	r := problem.Registration{Command: itsm.Command{Key: "k1"}, Title: "x", Source: problem.SourceTrend}
	first, err := d.Register(ctx, mona, r)
	require.NoError(t, err)
	again, err := d.Register(ctx, mona, r)
	require.NoError(t, err)
	require.Equal(t, first, again)
	r.Title = "y"
	_, err = d.Register(ctx, mona, r)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = d.Classify(ctx, mona, first.ID, problem.Classification{Command: itsm.Command{IfVersion: 7}, Impact: 1})
	require.ErrorIs(t, err, itsm.ErrConflict)
	w := problem.RecordedWorkaround{Command: itsm.Command{Key: "w1"}, Text: "Restart"}
	for range 3 {
		got, err := d.RecordWorkaround(ctx, mona, first.ID, w)
		require.NoError(t, err)
		require.Equal(t, 1, got.Workaround.Version)
	}
	k := problem.KnownErrorDraft{Command: itsm.Command{Key: "k2"}, Title: "x"}
	one, err := d.DraftKnownError(ctx, mona, k)
	require.NoError(t, err)
	two, err := d.DraftKnownError(ctx, mona, k)
	require.NoError(t, err)
	require.Equal(t, one, two)
}

// An old key gives nothing to those who may no longer read what it made or changed.
func TestAnOldKeyGivesNothingToWhoMayNoLongerRead(t *testing.T) {
	d, ctx := open(t, thrice), t.Context()
	now := mona // who becomes a requester
	now.Roles = rita.Roles
	key := func(k string) itsm.Command { return itsm.Command{Key: k, Reason: "So"} }

	draft := problem.KnownErrorDraft{Command: key("draft"), Title: "Firmware 7 drops VLANs", Symptom: "No network", NoWorkaround: true,
		Audience: problem.AudienceEveryone}
	k, err := d.DraftKnownError(ctx, mona, draft)
	require.NoError(t, err)
	again, err := d.DraftKnownError(ctx, mona, draft)
	require.NoError(t, err)
	require.Equal(t, k, again)
	_, err = d.DraftKnownError(ctx, now, draft)
	require.ErrorIs(t, err, itsm.ErrNotFound, "it is a draft")
	_, err = d.PublishKnownError(ctx, mona, k.ID, key("publish"))
	require.NoError(t, err)
	shown, err := d.PublishKnownError(ctx, now, k.ID, key("publish"))
	require.NoError(t, err, "it is for everyone")
	require.Equal(t, k.Symptom, shown.Symptom)

	p := d.in(problem.StateKnownError)
	edit := problem.KnownErrorEdit{Command: key("edit"), Title: ptr("The relay is full")}
	_, err = d.EditKnownError(ctx, sam, p.KnownError, edit)
	require.NoError(t, err)
	_, err = d.Restrict(ctx, mona, p.ID, problem.Restriction{})
	require.NoError(t, err)
	away := sam
	away.Groups = nil
	_, err = d.Assign(ctx, mona, p.ID, problem.Assignment{Group: "network", Assignee: "mona"})
	require.NoError(t, err)
	_, err = d.EditKnownError(ctx, away, p.KnownError, edit)
	require.ErrorIs(t, err, itsm.ErrNotFound, "it is restricted")

	for n := range 3 {
		d.observe(n)
	}
	id := d.proposals("")[0].ID
	dismissal := problem.ProposalDismissal{Command: key("dismiss")}
	s, err := d.DismissProposal(ctx, mona, id, dismissal)
	require.NoError(t, err)
	same, err := d.DismissProposal(ctx, mona, id, dismissal)
	require.NoError(t, err)
	require.Equal(t, s, same)
	_, err = d.DismissProposal(ctx, now, id, dismissal)
	require.ErrorIs(t, err, itsm.ErrNotFound)
}
