package interaction_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/interactionsuite"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/interaction"
	"github.com/itsmkit/itsmkit/storage"
)

func TestD1AContactIsLoggedWithItsChannel(t *testing.T) {
	d, ctx := openDesk(t, interaction.Options{}), t.Context()
	for _, channel := range interaction.StandardChannels() {
		i := d.call(func(r *interaction.Contact) { r.Channel = channel })
		require.Equal(t, channel, i.Channel)
		require.Equal(t, interaction.Inbound, i.Direction)
		require.Equal(t, d.now, i.StartedAt)
		require.True(t, i.Open)
		require.Equal(t, interaction.Logged{Number: i.Number, Channel: channel, Direction: interaction.Inbound}, d.last(i.ID).Data)
	}
	counts, err := d.CountBy(ctx, ana, interaction.Query{}, interaction.ByChannel)
	require.NoError(t, err)
	require.Len(t, counts, len(interaction.StandardChannels()))
	out := d.call(func(r *interaction.Contact) {
		r.Channel, r.Direction, r.EndedAt = "", interaction.Outbound, d.now.Add(time.Minute)
	})
	require.Equal(t, interaction.ChannelOther, out.Channel)
	require.Equal(t, "INT0000010", out.Number)

	letters := openDesk(t, interaction.Options{Channels: []interaction.Channel{"letter"}, NumberPrefix: "K"})
	_, err = letters.Log(ctx, ana, interaction.Contact{Subject: "Hi", Contact: "rita", Channel: interaction.ChannelPhone})
	require.Equal(t, []string{"channel"}, faults(t, err))
	i, err := letters.Log(ctx, ana, interaction.Contact{Subject: "Hi", Address: "Baker Street 221b"})
	require.NoError(t, err)
	require.Equal(t, [2]string{"letter", "K0000001"}, [2]string{string(i.Channel), i.Number})
}

func TestD5WhoSpokeIsNotWhoAskedNorWhoSuffers(t *testing.T) {
	d, ctx := openDesk(t, interaction.Options{}), t.Context()
	i := d.call(func(r *interaction.Contact) { r.Contact, r.Requester, r.Affected = "rita", "rob", "ron" })
	for _, person := range []itsm.ID{"rita", "rob", "ron"} {
		actor := itsm.Actor{Tenant: "acme", ID: person, Roles: []itsm.RoleName{itsm.RoleRequester}}
		_, err := d.Get(ctx, actor, i.ID)
		require.NoError(t, err, "it is theirs")
		page, err := d.List(ctx, actor, interaction.Query{})
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
	}
	for name, r := range map[string]interaction.Contact{
		"as another":             {Subject: "Hi", Contact: "rob"},
		"on another's behalf":    {Subject: "Hi", Contact: "rita", Requester: "rob"},
		"as nobody":              {Subject: "Hi", Address: "somewhere"},
		"into somebody's queue":  {Subject: "Hi", Contact: "rita", Group: "desk"},
		"as another who suffers": {Subject: "Hi", Contact: "rob", Affected: "rita"},
	} {
		_, err := d.Log(ctx, rita, r)
		require.ErrorIs(t, err, itsm.ErrForbidden, name)
	}
	_, err := d.Log(ctx, rita, interaction.Contact{Subject: "Hi", Contact: "rita", Affected: "rob", Channel: interaction.ChannelPortal})
	require.NoError(t, err)
}

func TestD17AnInteractionBecomesWhatItIs(t *testing.T) {
	d, ctx := openDesk(t, interaction.Options{}), t.Context()
	start := d.now
	i := d.call()
	d.now = d.now.Add(time.Hour)
	i, err := d.Become(ctx, ana, i.ID, interaction.Becoming{Classification: interaction.Incident})
	require.NoError(t, err)
	require.Equal(t, interaction.StateLinked, i.State)
	require.Equal(t, itsm.ID("ana"), i.Assignee, "who settled it had it")
	made, err := d.host.Get(ctx, ana, i.Record())
	require.NoError(t, err)
	require.Equal(t, start, made.Since, "its timers begin with the call")
	links, err := d.host.Links(ctx, ana, i.Record())
	require.NoError(t, err)
	require.Equal(t, []itsm.Link{{Type: itsm.LinkReportedIn, From: i.Record(), To: i.Ref()}}, links)

	t.Run("a question is answered at once", func(t *testing.T) {
		q, err := d.Answer(ctx, ana, d.call().ID, interaction.Reply{Answer: "At nine"})
		require.NoError(t, err)
		require.Equal(t, [2]string{"answered", "question"}, [2]string{string(q.State), string(q.Classification)})
		q, err = d.Reopen(ctx, ana, q.ID, itsm.Command{})
		require.NoError(t, err)
		require.Equal(t, 1, q.Reopens)
		q, err = d.Become(ctx, ana, q.ID, interaction.Becoming{Classification: interaction.Request})
		require.NoError(t, err, "it was more than a question")
		require.Equal(t, "At nine", q.Answer)
	})
	t.Run("a complaint is settled in itself where it has no opener", func(t *testing.T) {
		c := d.call()
		_, err := d.Become(ctx, ana, c.ID, interaction.Becoming{Classification: interaction.Complaint})
		require.Equal(t, []string{"classification"}, faults(t, err))
		require.ErrorContains(t, err, "incident, request")
		_, err = d.Close(ctx, ana, c.ID, itsm.Command{})
		require.Equal(t, []string{"classification"}, faults(t, err), "nobody said what it was")
		_, err = d.Classify(ctx, ana, c.ID, interaction.Sorting{Classification: interaction.Complaint})
		require.NoError(t, err)
		c, err = d.Close(ctx, ana, c.ID, itsm.Command{})
		require.NoError(t, err)
		require.Equal(t, d.now, c.EndedAt)
	})
	t.Run("and what a host says becomes a record of the host's own", func(t *testing.T) {
		own := openDesk(t, interaction.Options{Becomes: map[interaction.Classification]interaction.Opener{"hr": interactionsuite.Becomes()[interaction.Request]}})
		h, err := own.Become(ctx, ana, own.call().ID, interaction.Becoming{Classification: "hr"})
		require.NoError(t, err)
		require.Equal(t, interaction.Classification("hr"), h.Classification)
	})
	t.Run("an opener that names no record fails the command", func(t *testing.T) {
		bad := openDesk(t, interaction.Options{Becomes: map[interaction.Classification]interaction.Opener{
			"none": {Open: func(context.Context, *engine.Unit, interaction.Opening) (itsm.Ref, error) { return itsm.Ref{}, nil }},
		}})
		c := bad.call()
		before := bad.snapshot()
		_, err := bad.Become(ctx, ana, c.ID, interaction.Becoming{Classification: "none"})
		require.Equal(t, []string{"kind", "id"}, faults(t, err))
		require.Equal(t, before, bad.snapshot())
	})
}

func TestD17ReclassificationKeepsHistoryAndTimers(t *testing.T) {
	d, ctx := openDesk(t, interaction.Options{}), t.Context()
	start := d.now
	i, err := d.Become(ctx, ana, d.call().ID, interaction.Becoming{Classification: interaction.Incident})
	require.NoError(t, err)
	first := i.Record()
	d.now = d.now.Add(24 * time.Hour)
	i, err = d.Reclassify(ctx, ana, i.ID, interaction.Reclassification{Command: itsm.Command{Reason: "She wants a bigger mailbox"}, Classification: interaction.Request})
	require.NoError(t, err)
	second := i.Record()
	require.Equal(t, []interaction.Conversion{
		{Classification: interaction.Incident, Record: first, At: start, By: "ana"},
		{Classification: interaction.Request, Record: second, At: d.now, By: "ana"},
	}, i.Became)
	require.Equal(t, 1, i.Reclassifications)

	was, err := d.host.Get(ctx, ana, first)
	require.NoError(t, err)
	require.Equal(t, "reclassified as request", was.Ended)
	is, err := d.host.Get(ctx, ana, second)
	require.NoError(t, err)
	require.Equal(t, start, is.Since, "its timers began when the matter was reported")
	require.Equal(t, first.ID, is.From)
	for _, end := range []struct {
		of, to itsm.Ref
		as     itsm.LinkType
	}{{first, second, itsm.LinkReclassifiedAs}, {second, first, itsm.LinkReclassifiedFrom}} {
		links, err := d.host.Links(ctx, ana, end.of)
		require.NoError(t, err)
		require.Contains(t, links, itsm.Link{Type: end.as, From: end.of, To: end.to})
		require.Contains(t, links, itsm.Link{Type: itsm.LinkReportedIn, From: end.of, To: i.Ref()})
	}
	e := d.last(i.ID)
	require.Equal(t, interaction.Reclassified{From: interaction.Incident, FromRecord: first, Classification: interaction.Request, Record: second, Count: 1}, e.Data)
	require.Equal(t, "She wants a bigger mailbox", e.Reason)

	_, err = d.Reclassify(ctx, ana, i.ID, interaction.Reclassification{Classification: interaction.Request})
	require.Equal(t, []string{"classification"}, faults(t, err), "it is that already")
	_, err = d.Reclassify(ctx, ana, i.ID, interaction.Reclassification{})
	require.Equal(t, []string{"classification"}, faults(t, err))
	_, err = d.Reclassify(ctx, ana, i.ID, interaction.Reclassification{Classification: interaction.Request, Record: &second})
	require.Equal(t, []string{"record"}, faults(t, err))

	t.Run("to a record that is there", func(t *testing.T) {
		other, err := d.host.Open(ctx, ana)
		require.NoError(t, err)
		i, err := d.Become(ctx, ana, d.call().ID, interaction.Becoming{Classification: interaction.Incident})
		require.NoError(t, err)
		made := i.Record()
		i, err = d.Reclassify(ctx, ana, i.ID, interaction.Reclassification{Classification: interaction.Incident, Record: &other})
		require.NoError(t, err)
		require.Equal(t, other, i.Record())
		ended, err := d.host.Get(ctx, ana, made)
		require.NoError(t, err)
		require.NotEmpty(t, ended.Ended)
		_, err = d.Reclassify(ctx, ana, i.ID, interaction.Reclassification{Classification: interaction.Request})
		require.NoError(t, err)
		stays, err := d.host.Get(ctx, ana, other)
		require.NoError(t, err)
		require.Empty(t, stays.Ended, "what others reported too is left alone")
	})
	t.Run("an end that fails leaves all as it was", func(t *testing.T) {
		boom := errors.New("boom")
		becomes := interactionsuite.Becomes()
		incidents := becomes[interaction.Incident]
		incidents.Reclassified = func(context.Context, *engine.Unit, itsm.Ref, itsm.Ref, interaction.Opening) error { return boom }
		becomes[interaction.Incident] = incidents
		d := openDesk(t, interaction.Options{Becomes: becomes})
		i, err := d.Become(ctx, ana, d.call().ID, interaction.Becoming{Classification: interaction.Incident})
		require.NoError(t, err)
		before := d.snapshot()
		_, err = d.Reclassify(ctx, ana, i.ID, interaction.Reclassification{Classification: interaction.Request})
		require.ErrorIs(t, err, boom)
		require.Equal(t, before, d.snapshot())
	})
}

func TestPeopleSeeTheirOwnContactsAndNothingInternal(t *testing.T) {
	for name, mayRead := range map[string]func(context.Context, storage.Reader, itsm.Actor, itsm.Ref) error{"asked": interactionsuite.MayRead, "not asked": nil} {
		t.Run("of records it is "+name, func(t *testing.T) {
			d, ctx := openDesk(t, interaction.Options{MayRead: mayRead}), t.Context()
			i, err := d.Become(ctx, ana, d.call().ID, interaction.Becoming{Classification: interaction.Incident})
			require.NoError(t, err)
			record := i.Record()
			_, err = d.Note(ctx, ana, i.ID, interaction.Note{Text: "She shouts"})
			require.NoError(t, err)
			_, err = d.Note(ctx, ana, i.ID, interaction.Note{Text: "We call back", Visibility: itsm.VisibilityPublic})
			require.NoError(t, err)

			seen, err := d.Get(ctx, rita, i.ID)
			require.NoError(t, err)
			require.Equal(t, "Mail is slow", seen.Subject)
			require.Zero(t, seen.Record())
			require.Empty(t, seen.Became)
			require.Empty(t, seen.Address)
			notes, err := d.Notes(ctx, rita, i.ID, "", 0)
			require.NoError(t, err)
			require.Len(t, notes.Items, 1)
			_, err = d.History(ctx, rita, i.ID)
			require.ErrorIs(t, err, itsm.ErrForbidden)
			page, err := d.List(ctx, rita, interaction.Query{})
			require.NoError(t, err)
			require.Zero(t, page.Items[0].Record())
			page, err = d.Of(ctx, rita, record, interaction.Query{})
			require.NoError(t, err)
			require.Empty(t, page.Items, "not even whether it is about that record")
			_, err = d.FirstContact(ctx, rita, record)
			require.ErrorIs(t, err, itsm.ErrNotFound)
			_, err = d.List(ctx, ana, interaction.Query{Order: []storage.Order{{Column: "record_id"}}})
			require.ErrorIs(t, err, itsm.ErrInvalid)
			page, err = d.List(ctx, ana, interaction.Query{})
			require.NoError(t, err)
			require.Equal(t, record, page.Items[0].Record())

			_, err = d.Get(ctx, rob, i.ID) // a stranger to it
			_, take := d.Take(ctx, rob, i.ID, itsm.Command{IfVersion: 99})
			_, edit := d.Edit(ctx, rob, i.ID, interaction.Edit{Command: itsm.Command{IfVersion: 99}})
			_, notesOf := d.Notes(ctx, rob, i.ID, "", 0)
			_, history := d.History(ctx, rob, i.ID)
			_, permitted := d.PermittedActions(ctx, rob, i.ID)
			for _, err := range []error{err, take, edit, notesOf, history, permitted} {
				require.ErrorIs(t, err, itsm.ErrNotFound, "not even its version is told")
			}
			n, err := d.Count(ctx, rob, interaction.Query{})
			require.NoError(t, err)
			require.Zero(t, n)
			_, err = d.Take(ctx, rita, i.ID, itsm.Command{})
			require.ErrorIs(t, err, itsm.ErrForbidden)
			actions, err := d.PermittedActions(ctx, rita, i.ID)
			require.NoError(t, err)
			for _, a := range actions {
				require.True(t, a.Forbidden, a.Action)
			}
		})
	}
}

func TestARecordThatAnAnalystMayNotKnowIsNotToldToThem(t *testing.T) {
	d, ctx := openDesk(t, interaction.Options{MayRead: interactionsuite.MayRead}), t.Context()
	secret := d.call(func(r *interaction.Contact) { r.Text = "for sam alone" })
	made, err := d.Become(ctx, sam, d.assigned(secret.ID), interaction.Becoming{Classification: interaction.Incident})
	require.NoError(t, err)
	record := made.Record()
	require.NotZero(t, record)
	seen, err := d.Get(ctx, ana, made.ID)
	require.NoError(t, err)
	require.Zero(t, seen.Record())
	require.Empty(t, seen.Became)
	page, err := d.List(ctx, ana, interaction.Query{})
	require.NoError(t, err)
	require.Zero(t, page.Items[0].Record())
	page, err = d.Of(ctx, ana, record, interaction.Query{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
	events, err := d.History(ctx, ana, made.ID)
	require.NoError(t, err)
	for _, e := range events {
		require.NotEqual(t, string(interaction.ActionBecome), e.Action)
		for _, c := range e.Changes {
			require.NotContains(t, string(c.New)+string(c.Old), string(record.ID))
		}
	}
	_, err = d.Attach(ctx, ana, d.call().ID, interaction.Attachment{Record: record})
	require.Equal(t, []string{"record"}, faults(t, err))
}

// assigned gives an interaction to Sam's group.
func (d *desk) assigned(id itsm.ID) itsm.ID {
	d.t.Helper()
	_, err := d.Assign(d.t.Context(), ana, id, interaction.Assignment{Group: "network", Assignee: "sam"})
	require.NoError(d.t, err)
	return id
}

func TestQueuesHaveWhatIsOpen(t *testing.T) {
	d, ctx := openDesk(t, interaction.Options{}), t.Context()
	waiting, mine, ours := d.in(isNew), d.in(isOpen), d.in(isNew)
	d.in(closed)
	_, err := d.Assign(ctx, ana, ours.ID, interaction.Assignment{Group: "desk"})
	require.NoError(t, err)
	for want, query := range map[string]func(context.Context, itsm.Actor, interaction.Query) (storage.Page[interaction.Head], error){
		string(waiting.ID) + " " + string(ours.ID): d.Queue, string(mine.ID): d.Mine, string(ours.ID): d.MyGroups,
	} {
		page, err := query(ctx, ana, interaction.Query{})
		require.NoError(t, err)
		var ids []string
		for _, h := range page.Items {
			ids = append(ids, string(h.ID))
		}
		require.ElementsMatch(t, strings.Fields(want), ids)
	}
}

func TestBadInputIsToldWithAllFaults(t *testing.T) {
	d, ctx := openDesk(t, interaction.Options{}), t.Context()
	bad := itsm.Command{Key: "a\x00b", IfVersion: -1, Reason: "caf\xe9"}
	command := []string{"key", "if_version", "reason"}
	fresh, live := d.in(isNew).ID, d.in(linked).ID
	before := d.snapshot()
	for name, c := range map[string]struct {
		own []string
		do  func() (interaction.Interaction, error)
	}{
		"log": {[]string{"subject", "contact", "channel", "direction", "ended_at", "group"}, func() (interaction.Interaction, error) {
			return d.Log(ctx, ana, interaction.Contact{Command: bad, Channel: "smoke", Direction: "up", Group: "a\x00b", EndedAt: d.now.Add(-time.Hour)})
		}},
		"assign": {[]string{"group", "assignee"}, func() (interaction.Interaction, error) {
			return d.Assign(ctx, ana, fresh, interaction.Assignment{Command: bad, Group: "a\x00b", Assignee: "a\x00b"})
		}},
		"classify": {[]string{"classification"}, func() (interaction.Interaction, error) {
			return d.Classify(ctx, ana, fresh, interaction.Sorting{Command: bad, Classification: "whim"})
		}},
		"become": {[]string{"classification"}, func() (interaction.Interaction, error) {
			return d.Become(ctx, ana, fresh, interaction.Becoming{Command: bad, Classification: "whim"})
		}},
		"attach": {[]string{"record"}, func() (interaction.Interaction, error) {
			return d.Attach(ctx, ana, fresh, interaction.Attachment{Command: bad})
		}},
		"attach to itself": {[]string{"record"}, func() (interaction.Interaction, error) {
			return d.Attach(ctx, ana, fresh, interaction.Attachment{Command: bad, Record: itsm.Ref{Kind: interaction.Kind, ID: fresh}})
		}},
		"reclassify": {[]string{"classification", "record.kind", "record.id"}, func() (interaction.Interaction, error) {
			return d.Reclassify(ctx, ana, live, interaction.Reclassification{Command: bad, Classification: "whim", Record: &itsm.Ref{}})
		}},
		"answer": {[]string{"answer", "classification"}, func() (interaction.Interaction, error) {
			return d.Answer(ctx, ana, fresh, interaction.Reply{Command: bad, Answer: " ", Classification: "whim"})
		}},
		"edit": {[]string{"subject", "contact", "started_at"}, func() (interaction.Interaction, error) {
			return d.Edit(ctx, ana, fresh, interaction.Edit{Command: bad, Subject: ptr(""), Contact: ptr(itsm.ID("")), Address: ptr(""), StartedAt: &time.Time{}})
		}},
		"note": {[]string{"text", "visibility"}, func() (interaction.Interaction, error) {
			return d.Note(ctx, ana, fresh, interaction.Note{Command: bad, Visibility: "loud"})
		}},
		"do": {[]string{"action"}, func() (interaction.Interaction, error) {
			return d.Do(ctx, ana, fresh, interaction.ActionTake, bad)
		}},
	} {
		_, err := c.do()
		require.ElementsMatch(t, append(c.own, command...), faults(t, err), "%s: %v", name, err)
		require.Equal(t, before, d.snapshot(), name)
	}
	_, err := d.Discard(ctx, ana, fresh, itsm.Command{})
	require.Equal(t, []string{"reason"}, faults(t, err))

	_, err = interaction.New(nil, interaction.Options{
		Becomes: map[interaction.Classification]interaction.Opener{"x": {}}, Channels: []interaction.Channel{}, Lifecycle: &interaction.Lifecycle{},
		NumberPrefix: strings.Repeat("x", 33), Classifications: []interaction.Classification{"a", "a"},
	})
	require.ElementsMatch(t, []string{"engine", "becomes.x.open", "channels", "lifecycle", "number_prefix", "classifications"}, faults(t, err))
}

func TestAHostsOwnAction(t *testing.T) {
	l, err := interaction.StandardLifecycle().Extend(
		[]interaction.StateOf{{Name: "callback", Category: itsm.CategoryWaiting}},
		interaction.Rule{From: []interaction.State{isOpen}, On: "await", To: "callback", Permission: "interaction.take"},
		interaction.Rule{From: []interaction.State{"callback"}, On: "reached", To: isOpen, Permission: "interaction.take"},
	)
	require.NoError(t, err)
	d := openDesk(t, interaction.Options{Lifecycle: l})
	i, err := d.Do(t.Context(), ana, d.in(isOpen).ID, "await", itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, interaction.State("callback"), i.State)
	require.True(t, i.Open)
	_, err = d.Do(t.Context(), sam, i.ID, "reached", itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
}
