package change_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

type reader = storage.Reader

func TestWhoMayNotReadAChangeDoesNotFindIt(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	c := d.draft()
	for _, actor := range []itsm.Actor{rita, mona.In("globex")} {
		_, err := d.Get(ctx, actor, c.ID)
		require.ErrorIs(t, err, itsm.ErrNotFound)
		_, err = d.GetByNumber(ctx, actor, c.Number)
		require.ErrorIs(t, err, itsm.ErrNotFound)
		_, err = d.Edit(ctx, actor, c.ID, change.Edit{Title: ptr("Other")})
		require.ErrorIs(t, err, itsm.ErrNotFound)
		_, err = d.History(ctx, actor, c.ID)
		require.ErrorIs(t, err, itsm.ErrNotFound)
	}
	_, err := d.Submit(ctx, ian, c.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.List(ctx, rita, change.Query{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
}

func TestG13ARestrictedChangeIsForThoseWhoHaveToDoWithIt(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	c := d.draft()
	_, err := d.Restrict(ctx, sam, c.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	d.must(d.Restrict(ctx, mona, c.ID, itsm.Command{}))
	outsider := itsm.Actor{Tenant: "acme", ID: "sue", Roles: []itsm.RoleName{itsm.RoleSupportSpecialist}, Groups: []itsm.ID{"desk"}}
	sees := func(actor itsm.Actor) bool {
		_, err := d.Get(ctx, actor, c.ID)
		page, listed := d.List(ctx, actor, change.Query{})
		require.NoError(t, listed)
		require.Equal(t, err == nil, len(page.Items) == 1, "a list shows what can be opened")
		return err == nil
	}
	require.False(t, sees(outsider))
	require.True(t, sees(sam), "who asked for it")
	require.True(t, sees(ian), "who implements it")
	require.True(t, sees(mona), "who answers for changes")
	may := map[itsm.ID]bool{}
	require.NoError(t, d.e.View(ctx, outsider, func(ctx context.Context, r reader) error {
		may, err = d.MayReadEach(ctx, r, outsider, []itsm.ID{c.ID})
		return err
	}))
	require.Empty(t, may)
	d.must(d.Unrestrict(ctx, mona, c.ID, itsm.Command{}))
	require.True(t, sees(outsider))
}

func TestWhatIsInternalIsForThoseWhoMayReadIt(t *testing.T) {
	role := itsm.Role{Name: "user", Grants: []itsm.Grant{{Permission: "change.read"}}}
	book, err := itsm.NewRoleBook(append(itsm.StandardRoles(), role)...)
	require.NoError(t, err)
	e, err := engine.New(memory.New(), engine.Options{Authorizer: book})
	require.NoError(t, err)
	ballots, err := ballot.New(e, ballot.Options{Resolve: resolve})
	require.NoError(t, err)
	p, err := change.New(e, ballots, change.Options{})
	require.NoError(t, err)
	require.NoError(t, e.Migrate(t.Context()))
	ctx := t.Context()
	c, err := p.Draft(ctx, mona, change.Draft{
		Title: "Replace the relay", Description: "The mail is away for a minute", Plans: plans, CIs: []itsm.ID{"relay"}, RiskAnswers: mediumRisk,
		Planned: change.Window{Start: time.Now().Add(time.Hour), End: time.Now().Add(2 * time.Hour)},
	})
	require.NoError(t, err)
	_, err = p.Submit(ctx, mona, c.ID, itsm.Command{})
	require.NoError(t, err)
	user := itsm.Actor{Tenant: "acme", ID: "uma", Roles: []itsm.RoleName{"user"}}
	seen, err := p.Get(ctx, user, c.ID)
	require.NoError(t, err)
	require.Equal(t, change.Body{Description: "The mail is away for a minute"}, seen.Body)
	require.Zero(t, seen.Risk)
	require.Equal(t, c.PlannedStart, seen.PlannedStart)
	page, err := p.List(ctx, user, change.Query{})
	require.NoError(t, err)
	require.Zero(t, page.Items[0].Risk)
	_, err = p.List(ctx, user, change.Query{Where: change.ByRisk.AtLeast(2)})
	require.NoError(t, err)
	count, err := p.Count(ctx, user, change.Query{Where: change.ByRisk.AtLeast(1)})
	require.NoError(t, err)
	require.Zero(t, count, "a filter tells nothing of what may not be read")
	_, err = p.History(ctx, user, c.ID)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = p.Note(ctx, mona, c.ID, change.Note{Text: "Between us"})
	require.NoError(t, err)
	_, err = p.Note(ctx, mona, c.ID, change.Note{Text: "It comes at one", Visibility: itsm.VisibilityPublic})
	require.NoError(t, err)
	notes, err := p.Notes(ctx, user, c.ID, "", 0)
	require.NoError(t, err)
	require.Len(t, notes.Items, 1)
}

func TestG18TheSameKeyDoesOneThing(t *testing.T) {
	d := openDesk(t, change.Options{})
	ctx := t.Context()
	r := change.Draft{Command: itsm.Command{Key: "k1"}, Title: "Replace the relay"}
	one := d.must(d.Draft(ctx, sam, r))
	two := d.must(d.Draft(ctx, sam, r))
	require.Equal(t, one.ID, two.ID)
	require.Equal(t, "CHG0000001", one.Number)
	r.Title = "Another"
	_, err := d.Draft(ctx, sam, r)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	d.must(d.Edit(ctx, sam, one.ID, change.Edit{Title: ptr("New")}))
	_, err = d.Edit(ctx, sam, one.ID, change.Edit{Command: itsm.Command{IfVersion: 1}, Title: ptr("Newer")})
	require.ErrorIs(t, err, itsm.ErrConflict)
	same := d.must(d.Edit(ctx, sam, one.ID, change.Edit{Title: ptr("New")}))
	require.EqualValues(t, 2, same.Version, "where nothing is another nothing happens")
}

func TestX4AHostAddsAModelAndAnAction(t *testing.T) {
	l, err := change.StandardLifecycle(change.TypeNormal).Extend(
		[]change.StateOf{{Name: "rehearsing", Category: itsm.CategoryActive}},
		change.Rule{From: []change.State{change.StateScheduled}, On: "rehearse", To: "rehearsing", Permission: change.PermissionDo},
		change.Rule{From: []change.State{"rehearsing"}, On: change.ActionRedraft, To: change.StateDraft, Permission: change.PermissionEdit},
		change.Rule{From: []change.State{"rehearsing"}, On: change.ActionStart, To: change.StateImplementing},
		change.Rule{From: []change.State{"rehearsing"}, On: change.ActionCancel, To: change.StateCancelled},
	)
	require.NoError(t, err)
	model := change.Model{
		Name: "data centre", Type: change.TypeNormal, Window: change.WindowOptional, Lifecycle: l,
		Gates: approval.Policy{Name: "data centre", Rules: []approval.Rule{{Name: "all", Automatic: true}}},
	}
	d := openDesk(t, change.Options{Models: append(change.StandardModels(), model)})
	ctx := t.Context()
	c := d.draft(func(r *change.Draft) { r.Model, r.Planned = "data centre", change.Window{} })
	d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
	d.must(d.Assess(ctx, mona, c.ID, change.Finding{}))
	c = d.get(c.ID)
	require.Equal(t, change.StateScheduled, c.State)
	_, err = d.Do(ctx, ian, c.ID, change.ActionStart, change.Input{})
	require.Equal(t, []string{"action"}, faults(t, err))
	c = d.must(d.Do(ctx, ian, c.ID, "rehearse", change.Input{Note: "Went well", Data: []byte(`{"took":3}`)}))
	require.EqualValues(t, "rehearsing", c.State)
	// An edit outside the envelope takes it back there, too; its state has no way to its gates.
	back := d.must(d.Edit(ctx, sam, c.ID, change.Edit{CIs: &[]itsm.ID{"router"}}))
	require.Equal(t, change.StateDraft, back.State)
	d.must(d.Submit(ctx, sam, c.ID, itsm.Command{}))
	d.must(d.Assess(ctx, mona, c.ID, change.Finding{}))
	d.must(d.Do(ctx, ian, c.ID, "rehearse", change.Input{}))
	require.Equal(t, change.StateImplementing, d.must(d.Start(ctx, ian, c.ID, itsm.Command{})).State)
}

// A host's table that leads around the start does not lead around authorisation.
func TestC9NoTableLeadsAroundTheGates(t *testing.T) {
	l, err := change.StandardLifecycle(change.TypeNormal).Extend(
		[]change.StateOf{{Name: "doing", Category: itsm.CategoryActive}},
		change.Rule{From: []change.State{change.StateDraft}, On: "just_do_it", To: "doing", Permission: change.PermissionDo},
		change.Rule{From: []change.State{"doing"}, On: change.ActionComplete, To: change.StateReview},
		change.Rule{From: []change.State{"doing"}, On: change.ActionStart, To: change.StateImplementing},
	)
	require.NoError(t, err)
	model := change.Model{Name: "quick", Type: change.TypeNormal, Window: change.WindowOptional, Lifecycle: l, Gates: change.StandardModels()[1].Gates}
	d := openDesk(t, change.Options{Models: []change.Model{model}})
	ctx := t.Context()
	c := d.draft(func(r *change.Draft) { r.Model = "quick" })
	d.must(d.Do(ctx, ian, c.ID, "just_do_it", change.Input{}))
	_, err = d.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful})
	require.ErrorContains(t, err, "it was not started")
	_, err = d.Start(ctx, ian, c.ID, itsm.Command{})
	require.ErrorContains(t, err, "was not authorised")
}

func TestAModelThatCouldNotKeepThePromisesIsRefused(t *testing.T) {
	shortcut, err := change.StandardLifecycle(change.TypeNormal).Extend(nil,
		change.Rule{From: []change.State{change.StateDraft}, On: "just_do_it", To: change.StateImplementing})
	require.NoError(t, err)
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(t, err)
	ballots, err := ballot.New(e, ballot.Options{})
	require.NoError(t, err)
	_, err = change.New(e, ballots, change.Options{
		NumberPrefix: string(make([]byte, 40)),
		Models: []change.Model{
			{Name: "a", Type: "quick"},
			{Name: "b", Type: change.TypeNormal, Lifecycle: shortcut, Gates: approval.Policy{Name: "p", Rules: []approval.Rule{{Name: "r", Automatic: true, When: storage.Condition{Op: storage.Equal, Column: "colour", Values: []any{"red"}}}}}},
			{Name: "b", Type: change.TypeEmergency, Assessments: []string{"x"}, Plans: []change.Plan{"party"}, Window: "open", Rework: "none",
				Review: change.ReviewRule{Outcomes: []change.Outcome{"fine"}}},
			{Name: "c", Type: change.TypeStandard, Rework: change.ReworkGates, Gates: change.StandardModels()[1].Gates},
		},
	})
	fields := faults(t, err)
	for _, want := range []string{"models[0].type", "models[1].lifecycle", "models[1].gates.rules[0].when.column", "models", "models[2].plans[0]",
		"models[2].window", "models[2].assessments", "models[2].rework", "models[2].review.outcomes[0]", "models[3].gates", "models[3].rework", "number_prefix"} {
		require.Contains(t, fields, want)
	}
	_, err = change.New(nil, nil, change.Options{})
	require.Equal(t, []string{"engine", "ballots"}, faults(t, err))
}

func TestAChangeOfAModelThatIsGoneIsToldSo(t *testing.T) {
	store := memory.New()
	d := deskOver(t, store, change.Options{Models: append(change.StandardModels(), change.Model{
		Name: "old", Type: change.TypeNormal, Gates: approval.Policy{Name: "p", Rules: []approval.Rule{{Name: "r", Automatic: true}}},
	})})
	c := d.draft(func(r *change.Draft) { r.Model = "old" })
	d = deskOver(t, store, change.Options{})
	_, err := d.Submit(t.Context(), sam, c.ID, itsm.Command{})
	var gone *change.UnknownModelError
	require.ErrorAs(t, err, &gone)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.EqualValues(t, "old", gone.Model)
	require.Equal(t, c.Number, d.get(c.ID).Number, "it can still be read")
}

func TestLinksAreToWhatOneMayKnow(t *testing.T) {
	d := openDesk(t, change.Options{MayRead: func(_ context.Context, _ reader, actor itsm.Actor, ref itsm.Ref) error {
		if ref.ID == "secret" {
			return itsm.ErrNotFound
		}
		return nil
	}})
	ctx := t.Context()
	_, err := d.Draft(ctx, sam, change.Draft{Title: "x", For: []itsm.Ref{{Kind: "incident", ID: "secret"}, {Kind: "", ID: "i"}}})
	require.Equal(t, []string{"for[0]", "for[1].kind"}, faults(t, err))
	c := d.draft(func(r *change.Draft) { r.For = []itsm.Ref{{Kind: "incident", ID: "i1"}} })
	d.must(d.Link(ctx, sam, c.ID, change.Relation{Type: itsm.LinkRelatedTo, To: itsm.Ref{Kind: "problem", ID: "p1"}}))
	links, err := d.Links(ctx, sam, c.ID)
	require.NoError(t, err)
	types := map[itsm.LinkType]itsm.Ref{}
	for _, l := range links {
		types[l.Type] = l.To
	}
	require.Equal(t, map[itsm.LinkType]itsm.Ref{
		itsm.LinkAffects: {Kind: "ci", ID: "relay"}, itsm.LinkResolves: {Kind: "incident", ID: "i1"}, itsm.LinkRelatedTo: {Kind: "problem", ID: "p1"},
	}, types)
	_, err = d.Link(ctx, sam, c.ID, change.Relation{Type: itsm.LinkAffects, To: itsm.Ref{Kind: "ci", ID: "router"}})
	require.Equal(t, []string{"type"}, faults(t, err))
	_, err = d.Unlink(ctx, sam, c.ID, change.Relation{Type: itsm.LinkRelatedTo, To: itsm.Ref{Kind: "problem", ID: "p2"}})
	require.Equal(t, []string{"to"}, faults(t, err))
	d.must(d.Unlink(ctx, sam, c.ID, change.Relation{Type: itsm.LinkRelatedTo, To: itsm.Ref{Kind: "problem", ID: "p1"}}))
	d.must(d.Edit(ctx, sam, c.ID, change.Edit{CIs: &[]itsm.ID{"router"}, For: &[]itsm.Ref{}}))
	links, err = d.Links(ctx, sam, c.ID)
	require.NoError(t, err)
	require.Equal(t, []itsm.Link{{Type: itsm.LinkAffects, From: c.Ref(), To: itsm.Ref{Kind: "ci", ID: "router"}}}, links)
	require.Equal(t, change.ItemsChanged{Added: []itsm.ID{"router"}, Removed: []itsm.ID{"relay"}}, told[change.ItemsChanged](d, c.ID))
}
