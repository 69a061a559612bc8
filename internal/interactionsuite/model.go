// This file holds the model test: random contacts and commands, each compared with an oracle.

package interactionsuite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/interaction"
	"github.com/itsmkit/itsmkit/storage"
)

// oracle is an interaction as the model has it.
type oracle struct {
	tenant   storage.Tenant
	id       itsm.ID
	people   []itsm.ID
	since    time.Time
	state    interaction.State
	sort     interaction.Classification
	assignee itsm.ID
	group    itsm.ID
	records  []modelRecord
	events   []string
	public   int // notes
	internal int
}

type modelRecord struct {
	ref      itsm.Ref
	sort     interaction.Classification
	attached bool
	ended    bool
}

func (o *oracle) open() bool {
	return o.state == interaction.StateNew || o.state == interaction.StateOpen
}

func (o *oracle) sees(a itsm.Actor) bool {
	return a.Tenant == o.tenant && (!a.Has(itsm.RoleRequester) || slices.Contains(o.people, a.ID))
}

// may says whether one who sees it may do what is done with it.
func (o *oracle) may(a itsm.Actor, action string) bool {
	switch {
	case a.Has(itsm.RoleServiceDeskAnalyst):
		return true
	case a.Has(itsm.RoleSupportSpecialist):
		return action == "note" || o.assignee == a.ID || o.group != "" && slices.Contains(a.Groups, o.group)
	}
	return false
}

var runs atomic.Int64

func runModel(t *testing.T, d *desk) {
	rapid.Check(t, func(rt *rapid.T) {
		run := runs.Add(1)
		m := &machine{desk: d, ctx: t.Context()}
		for _, name := range []string{"north", "south"} {
			tenant := storage.Tenant(fmt.Sprintf("%s-%d", name, run))
			m.actors = append(m.actors, analyst(tenant), specialist(tenant), requester(tenant, "rita"), requester(tenant, "rob"))
		}
		m.log(rt)
		rt.Repeat(map[string]func(*rapid.T){"log": m.log, "command": m.command, "again": m.command, "more": m.command, "lists": m.lists})
		for _, o := range m.all {
			m.compareOne(rt, o)
		}
		m.lists(rt)
	})
}

// machine is one run.
type machine struct {
	*desk
	ctx    context.Context
	actors []itsm.Actor
	all    []*oracle
}

func (m *machine) log(t *rapid.T) {
	a := rapid.SampledFrom(m.actors).Draw(t, "actor")
	person := rapid.SampledFrom([]itsm.ID{"rita", "rob"}).Draw(t, "contact")
	m.advance(time.Minute)
	since := m.clock().Add(-time.Duration(rapid.IntRange(0, 600).Draw(t, "minutes ago")) * time.Minute)
	i, err := m.Log(m.ctx, a, interaction.Contact{Subject: "Something", Contact: person, Channel: interaction.ChannelChat, StartedAt: since})
	if a.Has(itsm.RoleRequester) && a.ID != person {
		require.ErrorIs(t, err, itsm.ErrForbidden)
		return
	}
	require.NoError(t, err)
	m.all = append(m.all, &oracle{tenant: a.Tenant, id: i.ID, people: []itsm.ID{person}, since: since, state: interaction.StateNew, events: []string{"log"}})
}

var (
	unsettled = []interaction.State{interaction.StateNew, interaction.StateOpen}
	before    = append(slices.Clone(unsettled), interaction.StateAnswered)
	linked    = []interaction.State{interaction.StateLinked}
	states    = map[string][]interaction.State{
		"take": unsettled, "assign": unsettled, "classify": unsettled, "become": before, "attach": before, "reclassify": linked,
		"answer": unsettled, "reopen": {interaction.StateAnswered}, "close": append(slices.Clone(before), interaction.StateLinked),
		"discard": unsettled, "restore": {interaction.StateDiscarded},
		"note": append(slices.Clone(before), interaction.StateLinked, interaction.StateClosed, interaction.StateDiscarded),
	}
	names = []string{"take", "assign", "classify", "become", "attach", "reclassify", "answer", "reopen", "close", "discard", "restore", "note"}
	sorts = []interaction.Classification{interaction.Incident, interaction.Request, interaction.Question}
)

func (m *machine) command(t *rapid.T) {
	if len(m.all) == 0 {
		return
	}
	o := rapid.SampledFrom(m.all).Draw(t, "interaction")
	a := rapid.SampledFrom(m.actors).Draw(t, "actor")
	if rapid.IntRange(0, 3).Draw(t, "anyone") > 0 {
		a = analyst(o.tenant)
	}
	possible := names
	if rapid.IntRange(0, 3).Draw(t, "anything") > 0 {
		possible = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !slices.Contains(states[n], o.state) })
	}
	name := rapid.SampledFrom(possible).Draw(t, "command")
	sort := rapid.SampledFrom(sorts).Draw(t, "classification")
	opens := sort != interaction.Question // it has no opener
	m.advance(time.Second)

	bad, guard := false, false
	does := func(got interaction.Interaction) {}
	var got interaction.Interaction
	var err error
	switch name {
	case "take":
		guard = o.assignee != "" && o.assignee != a.ID
		does = func(interaction.Interaction) { o.state, o.assignee = interaction.StateOpen, a.ID }
		got, err = m.Take(m.ctx, a, o.id, itsm.Command{})
	case "assign":
		group := rapid.SampledFrom([]itsm.ID{"desk", "network"}).Draw(t, "group")
		does = func(interaction.Interaction) { o.group, o.assignee = group, "" }
		got, err = m.Assign(m.ctx, a, o.id, interaction.Assignment{Group: group})
	case "classify":
		does = func(interaction.Interaction) { o.sort = sort }
		got, err = m.Classify(m.ctx, a, o.id, interaction.Sorting{Classification: sort})
	case "become":
		bad = !opens
		does = func(got interaction.Interaction) { o.stands(a, got.Record(), sort, false) }
		got, err = m.Become(m.ctx, a, o.id, interaction.Becoming{Classification: sort})
	case "attach":
		ref, opened := m.host.Open(m.ctx, itsm.SystemActor(o.tenant, "host"))
		require.NoError(t, opened)
		does = func(interaction.Interaction) { o.stands(a, ref, sort, true) }
		got, err = m.Attach(m.ctx, a, o.id, interaction.Attachment{Record: ref, Classification: sort})
	case "reclassify":
		bad = !opens || sort == o.sort
		does = func(got interaction.Interaction) {
			if last := &o.records[len(o.records)-1]; !last.attached {
				last.ended = last.sort == interaction.Incident // whose opener ends what it made
			}
			o.stands(a, got.Record(), sort, false)
		}
		got, err = m.Reclassify(m.ctx, a, o.id, interaction.Reclassification{Classification: sort})
	case "answer":
		does = func(interaction.Interaction) {
			o.state, o.sort = interaction.StateAnswered, sort
			if o.assignee == "" {
				o.assignee = a.ID
			}
		}
		got, err = m.Answer(m.ctx, a, o.id, interaction.Reply{Answer: "It is so", Classification: sort})
	case "reopen":
		does = func(interaction.Interaction) { o.state = interaction.StateOpen }
		got, err = m.Reopen(m.ctx, a, o.id, itsm.Command{})
	case "close":
		bad = o.sort == ""
		does = func(interaction.Interaction) { o.state = interaction.StateClosed }
		got, err = m.Close(m.ctx, a, o.id, itsm.Command{})
	case "discard":
		does = func(interaction.Interaction) { o.state = interaction.StateDiscarded }
		got, err = m.Discard(m.ctx, a, o.id, itsm.Command{Reason: "spam"})
	case "restore":
		does = func(interaction.Interaction) { o.state = interaction.StateNew }
		got, err = m.Restore(m.ctx, a, o.id, itsm.Command{})
	case "note":
		public := rapid.Bool().Draw(t, "public")
		does = func(interaction.Interaction) {
			if public {
				o.public++
			} else {
				o.internal++
			}
		}
		visibility := itsm.VisibilityInternal
		if public {
			visibility = itsm.VisibilityPublic
		}
		got, err = m.Note(m.ctx, a, o.id, interaction.Note{Text: "So it is", Visibility: visibility})
	}
	switch {
	case !o.sees(a):
		require.ErrorIs(t, err, itsm.ErrNotFound, name)
	case !o.may(a, name):
		require.ErrorIs(t, err, itsm.ErrForbidden, name)
	case !slices.Contains(states[name], o.state):
		require.ErrorIs(t, err, itsm.ErrTransition, name)
	case bad:
		require.ErrorIs(t, err, itsm.ErrInvalid, name)
	case guard:
		require.ErrorIs(t, err, itsm.ErrTransition, name)
	default:
		require.NoError(t, err, name)
		was := *o
		does(got)
		silent := slices.Contains([]string{"take", "assign", "classify"}, name) &&
			was.state == o.state && was.assignee == o.assignee && was.group == o.group && was.sort == o.sort
		if !silent { // what changes nothing is not told
			o.events = append(o.events, name)
		}
		m.compareOne(t, o)
	}
}

func (o *oracle) stands(a itsm.Actor, ref itsm.Ref, sort interaction.Classification, attached bool) {
	o.state, o.sort = interaction.StateLinked, sort
	o.records = append(o.records, modelRecord{ref: ref, sort: sort, attached: attached})
	if o.assignee == "" {
		o.assignee = a.ID
	}
}

// lists compares what everyone's lists and counts have with what they may see.
func (m *machine) lists(t *rapid.T) {
	for _, a := range m.actors {
		var want, got []itsm.ID
		for _, o := range m.all {
			if o.sees(a) {
				want = append(want, o.id)
			}
		}
		for h, err := range m.All(m.ctx, a, interaction.Query{Limit: 3}) {
			require.NoError(t, err)
			require.Equal(t, a.Tenant, h.Tenant)
			if a.Has(itsm.RoleRequester) {
				require.Zero(t, h.Record())
			}
			got = append(got, h.ID)
		}
		require.ElementsMatch(t, want, got)
		n, err := m.Count(m.ctx, a, interaction.Query{})
		require.NoError(t, err)
		require.EqualValues(t, len(want), n)
	}
}

// compareOne reads everything of an interaction.
func (m *machine) compareOne(t *rapid.T, o *oracle) {
	ana := analyst(o.tenant)
	i, err := m.Get(m.ctx, ana, o.id)
	require.NoError(t, err)
	require.Equal(t, o.state, i.State)
	require.Equal(t, o.open(), i.Open)
	require.Equal(t, o.sort, i.Classification)
	require.Equal(t, [2]itsm.ID{o.group, o.assignee}, [2]itsm.ID{i.Group, i.Assignee})
	require.Len(t, i.Became, len(o.records))
	links, err := m.host.Links(m.ctx, ana, i.Ref())
	require.NoError(t, err)
	require.Len(t, links, len(o.records), "it is linked to all that it became")
	for n, r := range o.records {
		require.Equal(t, r.ref, i.Became[n].Record)
		c, err := m.host.Get(m.ctx, ana, r.ref)
		require.NoError(t, err)
		require.Equal(t, r.ended, c.Ended != "")
		if r.attached {
			continue
		}
		require.Equal(t, o.since, c.Since, "its timers begin when the matter was reported")
		want := itsm.ID("")
		if n > 0 && !o.records[n-1].attached {
			want = o.records[n-1].ref.ID
			there, err := m.host.Links(m.ctx, ana, r.ref)
			require.NoError(t, err)
			require.Contains(t, there, itsm.Link{Type: itsm.LinkReclassifiedFrom, From: r.ref, To: o.records[n-1].ref})
		}
		require.Equal(t, want, c.From)
	}
	if last := len(o.records) - 1; last >= 0 {
		require.Equal(t, o.records[last].ref, i.Record())
		first, err := m.FirstContact(m.ctx, ana, i.Record())
		require.NoError(t, err)
		require.Equal(t, o.id, first.ID)
	}
	events, err := m.History(m.ctx, ana, o.id)
	require.NoError(t, err)
	var actions []string
	at := ""
	for _, e := range events {
		require.Equal(t, at, e.From, "the states of its events make one chain")
		at = e.To
		actions = append(actions, e.Action)
	}
	require.Equal(t, o.events, actions)

	for _, a := range m.actors {
		got, err := m.Get(m.ctx, a, o.id)
		notes, notesErr := m.Notes(m.ctx, a, o.id, "", 0)
		_, historyErr := m.History(m.ctx, a, o.id)
		if !o.sees(a) {
			for _, err := range []error{err, notesErr, historyErr} {
				require.ErrorIs(t, err, itsm.ErrNotFound)
			}
			continue
		}
		require.NoError(t, errors.Join(err, notesErr))
		if !a.Has(itsm.RoleRequester) {
			require.Len(t, notes.Items, o.public+o.internal)
			continue
		}
		require.ErrorIs(t, historyErr, itsm.ErrForbidden)
		require.Len(t, notes.Items, o.public)
		require.Zero(t, got.Record())
		require.Empty(t, got.Became)
		require.Empty(t, got.DiscardReason)
	}
}
