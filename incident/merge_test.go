package incident_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
)

func (d *serviceDesk) merge(duplicate, into incident.Incident) error {
	return second(d.Merge(d.t.Context(), mona, duplicate.ID, incident.Merging{Into: into.ID}))
}

// links gives what an incident is linked to, by type.
func (d *serviceDesk) links(id itsm.ID) map[itsm.LinkType][]itsm.ID {
	d.t.Helper()
	links, err := d.Links(d.t.Context(), mona, id)
	require.NoError(d.t, err)
	out := map[itsm.LinkType][]itsm.ID{}
	for _, l := range links {
		out[l.Type] = append(out[l.Type], l.To.ID)
		slices.Sort(out[l.Type])
	}
	return out
}

func TestI8AMergeLosesNothing(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	into := d.report()
	twice := d.report(func(r *incident.Report) {
		r.Requester, r.Affected, r.Watchers = "rob", "ruth", []itsm.ID{"wanda"}
	})
	parent, child, grandchild := d.report(), d.report(), d.report()
	d.childOf(twice, parent)
	d.childOf(child, twice)
	d.childOf(grandchild, child)
	for _, change := range []itsm.ID{"C1", "C2"} {
		_, err := d.Link(ctx, mona, twice.ID, incident.Relation{Type: itsm.LinkCausedBy, To: itsm.Ref{Kind: "change", ID: change}})
		require.NoError(t, err)
	}
	_, err := d.Link(ctx, mona, into.ID, incident.Relation{Type: itsm.LinkCausedBy, To: itsm.Ref{Kind: "change", ID: "C1"}})
	require.NoError(t, err)
	_, err = d.Hold(ctx, mona, twice.ID, incident.Hold{HoldReason: incident.HoldProblem, Link: &itsm.Ref{Kind: "problem", ID: "P1"}, Until: d.now.Add(time.Hour)})
	require.NoError(t, err)
	d.say(twice.ID, "Public words", itsm.VisibilityPublic)
	d.say(twice.ID, "Internal words", itsm.VisibilityInternal)

	_, err = d.Tag(ctx, mona, twice.ID, incident.Tagging{Tags: []string{"vpn", "winter"}})
	require.NoError(t, err)
	_, err = d.Tag(ctx, mona, into.ID, incident.Tagging{Tags: []string{"vpn"}})
	require.NoError(t, err)
	_, err = d.Attach(ctx, mona, twice.ID, incident.Attachment{Name: "trace.txt", Reference: "store:1"})
	require.NoError(t, err)

	d.wait(time.Minute)
	merged, err := d.Merge(ctx, mona, twice.ID, incident.Merging{Into: into.ID})
	require.NoError(t, err)
	require.Equal(t, incident.StateCancelled, merged.State)
	require.Equal(t, into.ID, merged.DuplicateOf)
	require.Equal(t, "Duplicate", merged.CancelReason)
	require.Equal(t, []itsm.ID{"rob", "ruth", "wanda"}, d.get(into.ID).Watchers)
	require.Equal(t, []string{"vpn", "winter"}, d.get(into.ID).Tags)
	tagged, err := d.Count(ctx, mona, incident.Query{Where: incident.HasTag("winter")})
	require.NoError(t, err)
	require.EqualValues(t, 2, tagged)
	attached, err := d.Attachments(ctx, mona, twice.ID, "", 10)
	require.NoError(t, err)
	require.Len(t, attached.Items, 1, "it stays where it was attached")
	require.Equal(t, map[itsm.LinkType][]itsm.ID{
		itsm.LinkCausedBy: {"C1", "C2"}, itsm.LinkRelatedTo: {"P1"}, itsm.LinkChildOf: {parent.ID}, itsm.LinkParentOf: {child.ID},
		itsm.LinkDuplicatedBy: {twice.ID},
	}, d.links(into.ID))
	of := d.links(twice.ID)
	require.ElementsMatch(t, []itsm.ID{"C1", "C2"}, of[itsm.LinkCausedBy])
	require.Equal(t, []itsm.ID{into.ID}, of[itsm.LinkDuplicateOf])
	require.Empty(t, of[itsm.LinkParentOf])
	require.Empty(t, of[itsm.LinkChildOf])
	require.Empty(t, d.snapshot().Jobs, "its timers have ended")

	// The links are those that the events of the survivor tell of.
	folded := map[itsm.LinkType][]itsm.ID{itsm.LinkDuplicatedBy: {twice.ID}}
	entries, err := d.Timeline(ctx, mona, into.ID)
	require.NoError(t, err)
	for _, e := range entries {
		if l, ok := e.Event.Data.(incident.Linked); ok {
			folded[l.Type] = append(folded[l.Type], l.To.ID)
		}
	}
	now := d.links(into.ID)
	require.Len(t, now, len(folded))
	for kind, ids := range folded {
		require.ElementsMatch(t, ids, now[kind])
	}

	story := func(actor itsm.Actor) (texts []string) {
		entries, err := d.MergedTimeline(ctx, actor, into.ID)
		require.NoError(t, err)
		at := time.Time{}
		for _, e := range entries {
			require.False(t, e.At.Before(at))
			at = e.At
			if e.Note != nil {
				texts = append(texts, string(e.Note.Visibility)+": "+e.Note.Text)
			}
		}
		return texts
	}
	require.Equal(t, []string{"public: Public words", "internal: Internal words"}, story(mona))
	require.Empty(t, story(rita), "what was said to another requester stays between them")

	// Resolving the survivor resolves what were the children of the duplicate.
	_, err = d.Resolve(ctx, mona, into.ID, fixed)
	require.NoError(t, err)
	d.wait(time.Minute)
	require.Equal(t, incident.StateResolved, d.get(child.ID).State)
	require.Equal(t, incident.StateResolved, d.get(grandchild.ID).State)
	require.Equal(t, incident.StateNew, d.get(parent.ID).State)
}

func TestI8WhatWasMergedLeadsToTheSurvivor(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	first, second, last := d.report(), d.report(), d.report(func(r *incident.Report) { r.Requester = "rob" })
	require.NoError(t, d.merge(first, second))
	require.NoError(t, d.merge(second, last))
	for _, i := range []incident.Incident{first, second, last} {
		s, err := d.Survivor(ctx, mona, i.ID)
		require.NoError(t, err)
		require.Equal(t, last.ID, s.ID)
	}
	entries, err := d.MergedTimeline(ctx, mona, last.ID)
	require.NoError(t, err)
	of := map[itsm.ID]int{}
	for _, e := range entries {
		of[e.Event.Record]++
	}
	require.Len(t, of, 3)

	// Rita may read the first two, and not where they went.
	i, err := d.Get(ctx, rita, first.ID)
	require.NoError(t, err)
	require.Equal(t, second.ID, i.DuplicateOf)
	i, err = d.Get(ctx, rita, second.ID)
	require.NoError(t, err)
	require.Empty(t, i.DuplicateOf)
	_, err = d.Survivor(ctx, rita, second.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	entries, err = d.Timeline(ctx, rita, second.ID)
	require.NoError(t, err)
	for _, e := range entries {
		require.NotContains(t, string(must(e.Event.MarshalJSON())), string(last.ID))
	}
	_, err = d.Survivor(ctx, rob, first.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)

	// Restricted later, the last is no one's to learn of but by those who may read it.
	_, err = d.Restrict(ctx, mona, last.ID, incident.Restriction{})
	require.NoError(t, err)
	entries, err = d.Timeline(ctx, ana, second.ID)
	require.NoError(t, err)
	for _, e := range entries {
		require.NotContains(t, string(must(e.Event.MarshalJSON())), string(last.ID))
	}
}

func TestI8MergesThatAreRefused(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	globex := mona
	globex.Tenant = "globex"
	abroad, err := d.Log(ctx, globex, incident.Report{Title: "Abroad", Requester: "gina"})
	require.NoError(t, err)
	a, b, c := d.report(), d.report(), d.report()
	d.childOf(b, a)
	d.childOf(c, b)
	merged, closed := d.report(), d.in(incident.StateClosed)
	require.NoError(t, d.merge(merged, a))
	bad := itsm.Command{Key: withNUL, Reason: notUTF8}
	for _, x := range []struct {
		name string
		from incident.Incident
		into itsm.ID
		want string
	}{
		{"into itself", a, a.ID, "is the incident itself"},
		{"into nothing", a, "", "is required"},
		{"into what is not there", a, "none", "is not found"},
		{"into another tenant's", a, abroad.ID, "is not found"},
		{"into its child", a, b.ID, "is a child of this incident"},
		{"into its grandchild", a, c.ID, "is a child of this incident"},
		{"into one that was merged", b, merged.ID, "is cancelled itself"},
		{"into a closed one", b, closed.ID, "is closed"},
	} {
		t.Run(x.name, func(t *testing.T) {
			before := d.snapshot()
			_, err := d.Merge(ctx, mona, x.from.ID, incident.Merging{Into: x.into})
			require.Equal(t, []string{"into"}, faults(t, err))
			require.ErrorContains(t, err, x.want)
			_, err = d.Merge(ctx, mona, x.from.ID, incident.Merging{Command: bad, Into: x.into})
			require.ElementsMatch(t, []string{"key", "reason", "into"}, faults(t, err))
			require.Equal(t, before, d.snapshot())
		})
	}
	require.ErrorIs(t, d.merge(merged, b), itsm.ErrTransition, "merged once")
	_, err = d.Merge(ctx, sam, b.ID, incident.Merging{Into: a.ID})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	ours := d.report()
	_, err = d.Merge(ctx, rita, ours.ID, incident.Merging{Into: a.ID})
	require.ErrorIs(t, err, itsm.ErrForbidden, "who may cancel the one must be able to edit the other")
	require.NoError(t, d.merge(c, a), "into one above it")
	require.Equal(t, map[itsm.LinkType][]itsm.ID{itsm.LinkDuplicateOf: {a.ID}}, d.links(c.ID))
}

func TestI8AFamilyIsNotMergedBeyondItsEnd(t *testing.T) {
	d := openDesk(t, incident.Options{})
	grow := func(n int) (chain []incident.Incident) {
		for k := range n {
			chain = append(chain, d.report())
			if k > 0 {
				d.childOf(chain[k], chain[k-1])
			}
		}
		return chain
	}
	long, short := grow(incident.MaxGenerations), grow(3)
	last := long[incident.MaxGenerations-1]
	require.Equal(t, []string{"into"}, faults(t, d.merge(short[0], last)), "its children would be below the last")
	require.NoError(t, d.merge(short[2], last), "which gets a second parent")
	require.NoError(t, d.merge(short[1], long[1]))
	// The family of the one is that of the other: nobody is lost below a cancelled incident.
	require.ElementsMatch(t, []itsm.ID{long[0].ID, short[0].ID}, d.links(long[1].ID)[itsm.LinkChildOf])
	require.Empty(t, d.links(short[1].ID)[itsm.LinkChildOf])
}

func TestI8ARestrictedDuplicateLeaksNothing(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	into := d.report()
	secret := d.report(restricted(), func(r *incident.Report) { r.Requester = "rob" })
	_, err := d.Link(ctx, mona, secret.ID, incident.Relation{Type: itsm.LinkCausedBy, To: itsm.Ref{Kind: "change", ID: "C9"}})
	require.NoError(t, err)
	d.say(secret.ID, "Fraud", itsm.VisibilityInternal)
	require.NoError(t, d.merge(secret, into))
	require.Empty(t, d.get(into.ID).Watchers)
	require.Equal(t, map[itsm.LinkType][]itsm.ID{itsm.LinkDuplicatedBy: {secret.ID}}, d.links(into.ID))
	for _, actor := range []itsm.Actor{ana, rita} {
		entries, err := d.MergedTimeline(ctx, actor, into.ID)
		require.NoError(t, err)
		for _, e := range entries {
			require.Nil(t, e.Note)
			require.NotContains(t, string(must(e.Event.MarshalJSON())), string(secret.ID))
		}
	}
	entries, err := d.MergedTimeline(ctx, mona, into.ID)
	require.NoError(t, err)
	require.Equal(t, "Fraud", func() string {
		for _, e := range entries {
			if e.Note != nil {
				return e.Note.Text
			}
		}
		return ""
	}())
}

func TestI8AMergeUnderAKeyHappensOnce(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	a, b := d.report(), d.report()
	r := incident.Merging{Command: itsm.Command{Key: "m1", Reason: "Same outage"}, Into: b.ID, Notes: "You reported it twice"}
	first, err := d.Merge(ctx, mona, a.ID, r)
	require.NoError(t, err)
	require.Equal(t, "You reported it twice", first.CancelReason)
	before := d.snapshot()
	again, err := d.Merge(ctx, mona, a.ID, r)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, before, d.snapshot())
}
