// This file holds the cases: the life of versions, their families, providers, and who may do what.

package versionedsuite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/together"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

func life(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	v, err := h.Draft(ctx, mona, versioned.Draft[calendar]{Command: itsm.Command{Reason: "to begin with"}, Family: "office", Set: days("mon")})
	require.NoError(t, err)
	require.Equal(t, versioned.Head{Meta: v.Meta, Family: "office", Stack: versioned.StackOwn, Number: 1, State: versioned.StateDraft, DraftedBy: "mona"}, v.Head)
	require.Equal(t, versioned.Body[calendar]{Set: days("mon"), DraftReason: "to begin with"}, v.Body)

	v, err = h.Revise(ctx, person(acme, "otto", "manager"), v.ID, versioned.Revision[calendar]{Command: itsm.Command{IfVersion: 1, Reason: "longer"}, Set: days("mon", "tue")})
	require.NoError(t, err)
	require.EqualValues(t, "otto", v.RevisedBy)
	_, err = h.Revise(ctx, mona, v.ID, versioned.Revision[calendar]{Command: itsm.Command{IfVersion: 1}, Set: days("mon")})
	require.ErrorIs(t, err, itsm.ErrConflict)

	at := h.clock.Advance(time.Hour)
	v, err = h.Activate(ctx, mona, v.ID, itsm.Command{Reason: "agreed"})
	require.NoError(t, err)
	require.Equal(t, versioned.StateActive, v.State)
	require.Equal(t, at, v.ActivatedAt)
	require.EqualValues(t, "mona", v.ActivatedBy)
	require.Equal(t, "agreed", v.ActivateReason)

	at = h.clock.Advance(time.Hour)
	second := h.follow(t, mona, "office", days("fri"))
	require.EqualValues(t, 2, second.Number)
	v, err = h.Version(ctx, mona, v.ID)
	require.NoError(t, err)
	require.Equal(t, versioned.StateRetired, v.State)
	require.Equal(t, at, v.RetiredAt)
	require.Equal(t, days("mon", "tue"), v.Set)

	// Going back is to activate what was retired; what is retired by itself leaves none.
	v, err = h.Activate(ctx, mona, v.ID, itsm.Command{Reason: "the second was no better"})
	require.NoError(t, err)
	active, err := h.Active(ctx, mona, "office")
	require.NoError(t, err)
	require.Equal(t, versioned.Active[calendar]{Own: &v}, active)
	_, err = h.Retire(ctx, mona, v.ID, itsm.Command{Reason: "we close"})
	require.NoError(t, err)
	active, err = h.Active(ctx, mona, "office")
	require.NoError(t, err)
	require.Equal(t, versioned.Active[calendar]{}, active)

	events, err := h.VersionHistory(ctx, mona, v.ID)
	require.NoError(t, err)
	var told []string
	for _, e := range events {
		data, err := json.Marshal(e.Data)
		require.NoError(t, err)
		told = append(told, fmt.Sprintf("%s %s %s->%s %s->%s %s %s %q", e.Actor, e.Action, e.From, e.To, e.FromCategory, e.ToCategory, e.Type, data, e.Reason))
	}
	require.Equal(t, []string{
		`mona draft ->draft ->new calendar.drafted.v1 {"family":"office","number":1} "to begin with"`,
		`otto revise draft->draft new->new calendar.revised.v1 {"family":"office","number":1} "longer"`,
		`mona activate draft->active new->active calendar.activated.v1 {"family":"office","stack":"own","number":1} "agreed"`,
		`mona retire active->retired active->closed calendar.retired.v1 {"family":"office","stack":"own","number":1,"by":"` + string(second.ID) + `"} ""`,
		`mona activate retired->active closed->active calendar.activated.v1 {"family":"office","stack":"own","number":1,"replaced":"` + string(second.ID) + `"} "the second was no better"`,
		`mona retire active->retired active->closed calendar.retired.v1 {"family":"office","stack":"own","number":1} "we close"`,
	}, told)
}

func transitions(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	commands := map[string]func(id itsm.ID) error{
		"revise": func(id itsm.ID) error {
			_, err := h.Revise(ctx, mona, id, versioned.Revision[calendar]{Set: days("sun")})
			return err
		},
		"activate": func(id itsm.ID) error { _, err := h.Activate(ctx, mona, id, itsm.Command{}); return err },
		"retire":   func(id itsm.ID) error { _, err := h.Retire(ctx, mona, id, itsm.Command{}); return err },
	}
	retired := h.follow(t, mona, "office", days("mon")).ID
	active := h.follow(t, mona, "office", days("tue")).ID
	draft := h.draft(t, mona, "office", days("wed")).ID
	before, told := h.all(t, ctx, acme), h.told(t, ctx, acme)
	for _, c := range []struct {
		id        itsm.ID
		state     versioned.State
		refused   []string
		permitted []string
	}{
		{draft, versioned.StateDraft, []string{"retire"}, []string{"revise", "activate"}},
		{active, versioned.StateActive, []string{"revise", "activate"}, []string{"retire"}},
		{retired, versioned.StateRetired, []string{"revise", "retire"}, []string{"activate"}},
	} {
		for _, action := range c.refused {
			var refused *itsm.TransitionError
			require.ErrorAs(t, commands[action](c.id), &refused, "%s of %s", action, c.state)
			require.Equal(t, &itsm.TransitionError{Kind: "calendar", ID: c.id, State: string(c.state), Action: action, Permitted: c.permitted}, refused)
		}
	}
	require.Equal(t, before, h.all(t, ctx, acme))
	require.Equal(t, told, h.told(t, ctx, acme))
	for action, command := range commands {
		require.ErrorIs(t, command("none"), itsm.ErrNotFound, action)
	}
	require.NoError(t, commands["activate"](retired))
	require.NoError(t, commands["retire"](retired))
	require.NoError(t, commands["revise"](draft))
	require.NoError(t, commands["activate"](draft))
}

func refused(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	bad := itsm.Command{Key: "a\x00b"}
	_, err := h.Draft(ctx, mona, versioned.Draft[calendar]{Command: bad, Family: "office"})
	require.Equal(t, []string{"key", "set.days"}, fields(t, err))
	_, err = h.Draft(ctx, mona, versioned.Draft[calendar]{Command: bad})
	require.Equal(t, []string{"key", "family"}, fields(t, err), "a set of no family is not looked at")
	_, err = h.Inherit(ctx, mona, versioned.Inheritance[calendar]{Command: bad, Family: "office", Base: versioned.Layer[calendar]{Source: versioned.Source{Tenant: acme}}})
	require.Equal(t, []string{"key", "base.source.set", "base.source.number", "base.source.tenant", "base.set.days"}, fields(t, err))
	require.Equal(t, []string{"family", "if_version"}, fields(t, h.Publish(ctx, mona, versioned.Publication{Command: itsm.Command{IfVersion: 1}}, globex)))
	require.ErrorIs(t, h.Publish(ctx, mona, versioned.Publication{Family: "office"}), itsm.ErrInvalid, "to nobody")
	require.ErrorIs(t, h.Publish(ctx, mona, versioned.Publication{Family: "office"}, globex), itsm.ErrNotFound, "there is nothing")
	_, err = h.Active(ctx, mona, "")
	require.Equal(t, []string{"family"}, fields(t, err))
	require.Empty(t, h.all(t, ctx, acme))

	v := h.draft(t, mona, "office", days("mon"))
	require.EqualValues(t, 1, v.Number, "nothing was kept")
	_, err = h.Revise(ctx, mona, v.ID, versioned.Revision[calendar]{Command: bad})
	require.Equal(t, []string{"key", "set.days"}, fields(t, err))
	_, err = h.Retire(ctx, mona, v.ID, bad)
	require.Equal(t, []string{"key"}, fields(t, err))
	require.Equal(t, []versioned.Version[calendar]{v}, h.all(t, ctx, acme))
}

func checkedAgain(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	v := h.draft(t, mona, "office", days("mon", "sun"))
	h.close("sun")
	_, err := h.Activate(ctx, mona, v.ID, itsm.Command{})
	require.Equal(t, []string{"set.days"}, fields(t, err))
	h.close()
	_, err = h.Activate(ctx, mona, v.ID, itsm.Command{})
	require.NoError(t, err)
	h.close("sun")
	_, err = h.Retire(ctx, mona, v.ID, itsm.Command{})
	require.NoError(t, err, "what is not sound any more can be retired")
}

func families(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	// Names that are as long as they can be, and alike but for the end.
	long := make([]byte, 199)
	for i := range long {
		long[i] = 'x'
	}
	names := []string{"night", "office", string(long) + "a", string(long) + "b"}
	for _, name := range names {
		for n := range 2 {
			require.EqualValues(t, n+1, h.follow(t, mona, name, days(name[len(name)-1:], fmt.Sprint(n))).Number)
		}
	}
	for _, name := range names {
		active, err := h.Active(ctx, mona, name)
		require.NoError(t, err)
		require.Equal(t, days(name[len(name)-1:], "1"), active.Own.Set)
	}
	page, err := h.Versions(ctx, mona, storage.Query[versioned.Head]{
		Where: versioned.ByState.Is(versioned.StateActive), Order: []storage.Order{versioned.ByFamily.Asc()},
	})
	require.NoError(t, err)
	var listed []string
	for _, v := range page.Items {
		listed = append(listed, v.Family)
	}
	require.Equal(t, names, listed, "what is active of every family is one list")
}

func alone(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	_, err := h.notices.Draft(ctx, mona, versioned.Draft[notice]{Family: "other", Set: notice{"x"}})
	require.Equal(t, []string{"family"}, fields(t, err))
	v, err := h.notices.Draft(ctx, mona, versioned.Draft[notice]{Set: notice{"closed on Friday"}})
	require.NoError(t, err)
	v, err = h.notices.Activate(ctx, mona, v.ID, itsm.Command{})
	require.NoError(t, err)
	active, err := h.notices.Active(ctx, mona, "")
	require.NoError(t, err)
	require.Equal(t, &v, active.Own)
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "family")
	mona.Elsewhere = map[itsm.Tenant]itsm.Membership{globex: {Roles: []itsm.RoleName{"manager"}}}
	require.NoError(t, h.notices.Publish(ctx, mona, versioned.Publication{}, globex))
	active, err = h.notices.Active(ctx, manager(globex), "")
	require.NoError(t, err)
	require.Equal(t, v.Set, active.Base.Set)
}

func copies(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	given := days("mon")
	v, err := h.Draft(ctx, mona, versioned.Draft[calendar]{Family: "office", Set: given})
	require.NoError(t, err)
	given.Days[0] = "sun"
	require.Equal(t, days("mon"), v.Set)
	got, err := h.Version(ctx, mona, v.ID)
	require.NoError(t, err)
	require.Equal(t, days("mon"), got.Set)
}

func published(t *testing.T, h *host) {
	ctx := t.Context()
	pat, mona := provider(acme, globex), manager(acme)
	v := h.follow(t, pat, "office", days("mon"))
	h.follow(t, pat, "night", days("sat"))
	own := h.follow(t, mona, "office", days("tue"))
	require.NoError(t, h.Publish(ctx, pat, versioned.Publication{Command: itsm.Command{Reason: "rolled out"}, Family: "office"}, acme, globex))
	active, err := h.Active(ctx, mona, "office")
	require.NoError(t, err)
	base, over := active.Layers()
	require.Equal(t, versioned.Source{Number: 1, Provider: true}, active.Base.Source, "who the provider is, and what it calls its versions, is not told")
	copied, err := h.Version(ctx, mona, active.Base.ID)
	require.NoError(t, err)
	require.Equal(t, active.Base.Source, copied.Source)
	for _, actor := range []itsm.Actor{pat.In(acme), {Tenant: acme, ID: "rea", Roles: mona.Roles, Elsewhere: map[itsm.Tenant]itsm.Membership{msp: {Roles: mona.Roles}}}} {
		seen, err := h.Version(ctx, actor, active.Base.ID)
		require.NoError(t, err)
		require.Equal(t, versioned.Source{Tenant: msp, Set: v.ID, Number: 1}, seen.Source, "%s may read there", actor.ID)
	}
	from := versioned.Source{Tenant: acme, Set: active.Base.ID, Number: 1, Provider: true}
	require.Equal(t, versioned.Layer[calendar]{Source: from, Set: days("mon")}, base)
	require.Equal(t, versioned.Layer[calendar]{Source: versioned.Source{Tenant: acme, Set: own.ID, Number: 1}, Set: days("tue")}, over)
	require.EqualValues(t, 1, active.Base.Number, "each stack counts for itself")
	require.Equal(t, "rolled out", active.Base.ActivateReason)
	events, err := h.VersionHistory(ctx, mona, active.Base.ID)
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, "inherit", events[0].Action)
	require.Equal(t, versioned.Activated[calendar]{Family: "office", Stack: versioned.StackBase, Number: 1}, events[0].Data)
	active, err = h.Active(ctx, manager(globex), "night")
	require.NoError(t, err)
	require.Equal(t, versioned.Active[calendar]{}, active, "the other family was not published")

	// Again changes nothing; a new version takes the place of the base, and leaves the own one.
	before, told := h.all(t, ctx, acme), h.told(t, ctx, acme)
	require.NoError(t, h.Publish(ctx, pat, versioned.Publication{Family: "office"}, acme))
	require.Equal(t, before, h.all(t, ctx, acme))
	require.Equal(t, told, h.told(t, ctx, acme))
	h.follow(t, pat, "office", days("wed"))
	require.NoError(t, h.Publish(ctx, pat, versioned.Publication{Family: "office"}, acme))
	active, err = h.Active(ctx, mona, "office")
	require.NoError(t, err)
	base, over = active.Layers()
	require.Equal(t, days("wed"), base.Set)
	require.EqualValues(t, 2, base.Source.Number)
	require.Equal(t, own.ID, over.Source.Set)

	// The copy is the tenant's to see and to retire, the original is not.
	_, err = h.Version(ctx, mona, v.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.Revise(ctx, mona, active.Base.ID, versioned.Revision[calendar]{Set: days("thu")})
	require.ErrorIs(t, err, itsm.ErrTransition)
	_, err = h.Retire(ctx, mona, active.Base.ID, itsm.Command{})
	require.NoError(t, err)
	require.NoError(t, h.Publish(ctx, pat, versioned.Publication{Family: "office"}, acme))
	again, err := h.Active(ctx, mona, "office")
	require.NoError(t, err)
	require.EqualValues(t, 3, again.Base.Number, "what was retired is inherited anew")
}

func publishedInPart(t *testing.T, h *host) {
	ctx := t.Context()
	pat := provider(acme)
	h.follow(t, pat, "office", days("mon"))
	err := h.Publish(ctx, pat, versioned.Publication{Family: "office"}, acme, globex, msp)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.ErrorContains(t, err, "tenant globex: ")
	require.ErrorContains(t, err, "tenant msp: ")
	require.NotContains(t, err.Error(), "tenant acme: ")
	require.Len(t, h.all(t, ctx, acme), 1)
	require.Empty(t, h.all(t, ctx, globex))
	require.ErrorIs(t, h.Publish(ctx, person(msp, "rita", "reader"), versioned.Publication{Family: "office"}, acme), itsm.ErrForbidden)
}

func activatedAtOnce(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	const n = 8
	var ids []itsm.ID
	for range n {
		ids = append(ids, h.draft(t, mona, "office", days("mon")).ID)
	}
	require.NoError(t, errors.Join(together.Run(n, func(i int) error {
		_, err := h.Activate(ctx, mona, ids[i], itsm.Command{})
		return err
	})...))
	states := map[versioned.State]int{}
	for _, v := range h.all(t, ctx, acme) {
		states[v.State]++
	}
	require.Equal(t, map[versioned.State]int{versioned.StateActive: 1, versioned.StateRetired: n - 1}, states)
}

func draftedAtOnce(t *testing.T, h *host) {
	const n = 12
	require.NoError(t, errors.Join(together.Run(n, func(int) error {
		_, err := h.Draft(t.Context(), manager(acme), versioned.Draft[calendar]{Family: "office", Set: days("mon")})
		return err
	})...))
	all := h.all(t, t.Context(), acme)
	require.Len(t, all, n)
	for i, v := range all {
		require.EqualValues(t, i+1, v.Number)
	}
}

func sameKey(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	r := versioned.Draft[calendar]{Command: itsm.Command{Key: "k"}, Family: "office", Set: days("mon")}
	first, err := h.Draft(ctx, mona, r)
	require.NoError(t, err)
	again, err := h.Draft(ctx, mona, r)
	require.NoError(t, err)
	require.Equal(t, first, again)
	other := r
	other.Family = "night"
	_, err = h.Draft(ctx, mona, other)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	mona.Roles = nil
	_, err = h.Draft(ctx, mona, r)
	require.ErrorIs(t, err, itsm.ErrForbidden, "also under an old key")
}

func reactions(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.follow(t, mona, "office", days("mon"))
	v := h.draft(t, mona, "office", days("tue"))
	before, told := h.all(t, ctx, acme), h.told(t, ctx, acme)
	h.vetoed = "office"
	_, err := h.Activate(ctx, mona, v.ID, itsm.Command{})
	require.ErrorIs(t, err, errVeto)
	require.Equal(t, before, h.all(t, ctx, acme), "what was active still is")
	require.Equal(t, told, h.told(t, ctx, acme))
	h.follow(t, mona, "night", days("sat"))
}

func permissions(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	v := h.follow(t, mona, "office", days("mon"))
	d := h.draft(t, mona, "office", days("mon"))
	set := days("tue")
	reads := map[string]func(itsm.Actor) error{
		"version":  func(a itsm.Actor) error { _, err := h.Version(ctx, a, v.ID); return err },
		"versions": func(a itsm.Actor) error { _, err := h.Versions(ctx, a, storage.Query[versioned.Head]{}); return err },
		"history":  func(a itsm.Actor) error { _, err := h.VersionHistory(ctx, a, v.ID); return err },
		"active":   func(a itsm.Actor) error { _, err := h.Active(ctx, a, "office"); return err },
		"view": func(a itsm.Actor) error {
			return h.View(ctx, a, func(context.Context, storage.Reader) error { return nil })
		},
	}
	writes := map[string]func(itsm.Actor) error{
		"draft": func(a itsm.Actor) error {
			_, err := h.Draft(ctx, a, versioned.Draft[calendar]{Family: "office", Set: set})
			return err
		},
		"revise": func(a itsm.Actor) error {
			_, err := h.Revise(ctx, a, d.ID, versioned.Revision[calendar]{Set: set})
			return err
		},
		"activate": func(a itsm.Actor) error { _, err := h.Activate(ctx, a, d.ID, itsm.Command{}); return err },
		"retire":   func(a itsm.Actor) error { _, err := h.Retire(ctx, a, v.ID, itsm.Command{}); return err },
		"inherit": func(a itsm.Actor) error {
			base := versioned.Layer[calendar]{Source: versioned.Source{Tenant: msp, Set: "x", Number: 1}, Set: set}
			_, err := h.Inherit(ctx, a, versioned.Inheritance[calendar]{Family: "office", Base: base})
			return err
		},
		"publish": func(a itsm.Actor) error {
			return h.Publish(ctx, a, versioned.Publication{Family: "office"}, globex)
		},
	}
	before := h.all(t, ctx, acme)
	reader, nobody := person(acme, "rita", "reader"), person(acme, "nils")
	for name, read := range reads {
		require.NoError(t, read(reader), name)
		require.ErrorIs(t, read(nobody), itsm.ErrForbidden, name)
	}
	for name, write := range writes {
		require.ErrorIs(t, write(reader), itsm.ErrForbidden, name)
		require.ErrorIs(t, write(nobody), itsm.ErrForbidden, name)
	}
	require.Equal(t, before, h.all(t, ctx, acme))

	// Another tenant's versions are not there.
	theirs := manager(globex)
	_, err := h.Version(ctx, theirs, v.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.VersionHistory(ctx, theirs, v.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	for _, name := range []string{"revise", "activate", "retire"} {
		require.ErrorIs(t, writes[name](theirs), itsm.ErrNotFound, name)
	}
	require.Empty(t, h.all(t, ctx, globex))
}

func nested(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	boom := errors.New("boom")
	for _, fails := range []bool{true, false} {
		err := h.e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error {
			in := h.In(u.Store())
			v, err := in.Draft(ctx, mona, versioned.Draft[calendar]{Family: "office", Set: days("mon")})
			if err != nil {
				return err
			}
			if _, err = in.Activate(ctx, mona, v.ID, itsm.Command{}); err != nil {
				return err
			}
			active, err := versioned.ReadActive(ctx, u, calendars, "office")
			if err != nil || active.Own == nil || active.Own.ID != v.ID {
				return fmt.Errorf("the unit does not see its own version: %w", err)
			}
			if fails {
				return boom
			}
			return nil
		})
		if fails {
			require.ErrorIs(t, err, boom)
			require.Empty(t, h.all(t, ctx, acme))
			continue
		}
		require.NoError(t, err)
		require.Len(t, h.all(t, ctx, acme), 1)
	}
}
