package servicedesk_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/interaction"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/itsm/recurrence"
	"github.com/itsmkit/itsmkit/itsm/settings"
	"github.com/itsmkit/itsmkit/itsm/trigger"
	"github.com/itsmkit/itsmkit/servicedesk"
)

// outbox is a sender that keeps what it was given.
type outbox struct{ sent []notify.Notification }

func (o *outbox) Send(_ context.Context, n notify.Notification) error {
	o.sent = append(o.sent, n)
	return nil
}

// to gives the events of which a person was told by mail, with the text of the note.
func (o *outbox) to(person itsm.ID) (told []string) {
	for _, n := range o.sent {
		if n.Person != person || n.Channel != notify.ChannelEmail {
			continue
		}
		text, _ := n.Data["text"].(string)
		told = append(told, n.EventType+" "+text)
	}
	return told
}

func (f *fixture) settled(t *testing.T) {
	t.Helper()
	for range 3 {
		f.now = f.now.Add(2 * time.Minute)
		_, err := f.Tick(t.Context(), f.now)
		require.NoError(t, err)
	}
}

// D9 and D6: the shipped rules tell those concerned, and nobody of what they may not read.
func TestD6D9TheDeskTellsThoseConcernedAndNoMoreThanTheyMayRead(t *testing.T) {
	mail := &outbox{}
	f := newDesk(t, servicedesk.Config{Sender: mail})
	f.staff(t)
	ctx := t.Context()
	i, err := f.Incidents.Log(ctx, rosa, incident.Report{Title: "No sound", Requester: "rosa"})
	require.NoError(t, err)
	_, err = f.Incidents.Assign(ctx, ada, i.ID, incident.Assignment{Group: "network", Assignee: "ned"})
	require.NoError(t, err)
	_, err = f.Incidents.Note(ctx, ada, i.ID, incident.Note{Text: "The caller is difficult"})
	require.NoError(t, err)
	f.settled(t)
	_, err = f.Incidents.Note(ctx, ada, i.ID, incident.Note{Text: "We are looking into it", Visibility: itsm.VisibilityPublic})
	require.NoError(t, err)
	f.settled(t)
	require.Equal(t, []string{"incident.logged.v1 ", "incident.noted.v1 We are looking into it"}, mail.to("rosa"))
	require.Contains(t, mail.to("ned"), "incident.noted.v1 The caller is difficult")

	// What is restricted meanwhile goes to those alone who may still read it.
	mail.sent = nil
	_, err = f.Incidents.Edit(ctx, boss, i.ID, incident.Edit{Watchers: &[]itsm.ID{"nat"}})
	require.NoError(t, err)
	_, err = f.Incidents.Note(ctx, boss, i.ID, incident.Note{Text: "It is a breach", Visibility: itsm.VisibilityPublic})
	require.NoError(t, err)
	_, err = f.Incidents.Reassign(ctx, boss, i.ID, incident.Assignment{Group: "vip", Assignee: "ned"})
	require.NoError(t, err)
	_, err = f.Incidents.Restrict(ctx, boss, i.ID, incident.Restriction{})
	require.NoError(t, err)
	f.settled(t)
	require.NotEmpty(t, mail.to("rosa"), "it is still hers")
	require.Empty(t, mail.to("nat"), "a watcher has no rights")
}

// I10: those who work on a major incident are told at once, and its requester is not.
func TestI10D9ThoseWhoWorkOnAMajorIncidentAreTold(t *testing.T) {
	mail := &outbox{}
	f := newDesk(t, servicedesk.Config{Sender: mail})
	f.staff(t)
	ctx := t.Context()
	i, err := f.Incidents.Log(ctx, rosa, incident.Report{Title: "No sound", Requester: "rosa", Watchers: []itsm.ID{"rosa"}})
	require.NoError(t, err)
	_, err = f.Incidents.Assign(ctx, ada, i.ID, incident.Assignment{Group: "network", Assignee: "ned"})
	require.NoError(t, err)
	f.settled(t)
	mail.sent = nil
	manager := boss
	manager.Roles = append([]itsm.RoleName{itsm.RoleMajorIncidentManager}, boss.Roles...)
	_, err = f.Incidents.DeclareMajor(ctx, manager, i.ID, incident.Declaration{Command: itsm.Command{Reason: "Every phone is silent"}})
	require.NoError(t, err)
	f.settled(t)
	require.Contains(t, mail.to("ned"), "incident.major_changed.v1 ")
	require.Empty(t, mail.to("rosa"))
}

// D7: what happens at the desk sets off what a tenant has set up as data.
func TestD7TriggersActAtTheDesk(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	ctx := t.Context()
	set, err := trigger.Parse([]byte(`{"triggers": [
		{"name": "phones", "on": {"kind": "incident", "types": ["incident.logged.v1"]},
		 "when": {"op": "equal", "column": "category", "values": ["phone"]},
		 "actions": [{"action": "assign", "with": {"group": "telephony"}}, {"action": "tag", "with": {"tags": ["phones"]}},
		             {"action": "note", "with": {"text": "{{number}} goes to telephony", "public": true}}]},
		{"name": "handed-on", "on": {"kind": "incident", "types": ["incident.assigned.v1"]},
		 "when": {"op": "equal", "column": "group", "values": ["telephony"]},
		 "actions": [{"action": "assign", "with": {"group": "second-line"}}]}]}`))
	require.NoError(t, err)
	draft, err := f.Triggers.Draft(ctx, boss, trigger.Draft{Set: set})
	require.NoError(t, err)
	_, err = f.Triggers.Activate(ctx, boss, draft.ID, itsm.Command{Reason: "Agreed"})
	require.NoError(t, err)
	i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "No tone", Requester: "rosa", Category: "phone"})
	require.NoError(t, err)
	f.settled(t)
	f.settled(t)
	i, err = f.Incidents.Get(ctx, boss, i.ID)
	require.NoError(t, err)
	require.Equal(t, itsm.ID("second-line"), i.Group)
	require.Equal(t, []string{"phones"}, i.Tags)
	require.Equal(t, 1, i.Reassignments, "the chain came to an end")
	notes, err := f.Incidents.Notes(ctx, rosa, i.ID, "", 10)
	require.NoError(t, err)
	require.Len(t, notes.Items, 1)
	require.Equal(t, i.Number+" goes to telephony", notes.Items[0].Text)

	set, err = trigger.Parse([]byte(`{"triggers": [{"name": "bad", "on": {"kind": "incident", "types": ["incident.logged.v1"]},
		"actions": [{"action": "assign", "with": {}}, {"action": "note", "with": {"text": "{{description}}", "public": true}}]}]}`))
	require.NoError(t, err)
	_, err = f.Triggers.Draft(ctx, boss, trigger.Draft{Set: set})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Len(t, invalid.Faults, 2)
}

// D13 and D14: what recurs is logged when it is due.
func TestD13ADeskLogsWhatRecurs(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	ctx := t.Context()
	define := func(data string) error {
		_, err := f.Recurrence.Define(ctx, boss, recurrence.Definition{
			Title: "Check the backup", Handler: servicedesk.RecurIncident, Data: []byte(data),
			Rule: recurrence.Rule{Zone: "Europe/Vienna", Start: "2026-03-03T09:00:00", RRule: "FREQ=DAILY;COUNT=3"},
		})
		return err
	}
	require.NoError(t, define(`{"title": "Check the backup", "requester": "rosa", "category": "backup"}`))
	require.ErrorIs(t, define(`{"requester": "rosa"}`), itsm.ErrInvalid)
	require.ErrorIs(t, define(`[]`), itsm.ErrInvalid)
	for range 6 {
		f.now = f.now.AddDate(0, 0, 1)
		_, err := f.Tick(ctx, f.now)
		require.NoError(t, err)
	}
	n, err := f.Incidents.Count(ctx, boss, incident.Query{Where: incident.ByCategory.Is("backup")})
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
}

// D17: a contact becomes an incident, and is told otherwise later.
func TestD17AContactBecomesAnIncident(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	ctx := t.Context()
	call, err := f.Interactions.Log(ctx, ada, interaction.Contact{Subject: "No sound", Contact: "rosa", Channel: interaction.ChannelPhone})
	require.NoError(t, err)
	f.now = f.now.Add(time.Minute)
	call, err = f.Interactions.Become(ctx, ada, call.ID, interaction.Becoming{Classification: interaction.Incident})
	require.NoError(t, err)
	i, err := f.Incidents.Get(ctx, rosa, call.RecordID)
	require.NoError(t, err)
	require.Equal(t, []any{incident.ChannelPhone, monday}, []any{i.Channel, i.Reported}, "it is as old as the call")
	links, err := f.Incidents.Links(ctx, ada, i.ID)
	require.NoError(t, err)
	require.Len(t, links, 1)
	require.Equal(t, call.Ref(), links[0].To, "the desk knows who may read a contact")
	other, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "The network is down", Requester: "rob"})
	require.NoError(t, err)
	known := other.Ref()
	_, err = f.Interactions.Reclassify(ctx, boss, call.ID, interaction.Reclassification{
		Command: itsm.Command{Reason: "She asks about another"}, Classification: interaction.Question, Record: &known,
	})
	require.NoError(t, err)
	i, err = f.Incidents.Get(ctx, rosa, call.RecordID)
	require.NoError(t, err)
	require.Equal(t, incident.StateCancelled, i.State)
}

// G7: settings are there where a host defines some.
func TestG7ADeskHasTheSettingsThatAreDefined(t *testing.T) {
	within := settings.Define("reply_within_minutes", 60)
	f := newDesk(t, servicedesk.Config{Settings: settings.Options{Settings: []settings.Definition{within}}})
	v, err := within.Get(t.Context(), f.Settings, boss)
	require.NoError(t, err)
	require.Equal(t, 60, v.Value)
	require.Nil(t, newDesk(t, servicedesk.Config{}).Settings)
}

// What the desk has in a transaction is of that transaction.
func TestADeskIsReboundAsAWhole(t *testing.T) {
	f := newDesk(t, servicedesk.Config{Sender: &outbox{}})
	in := f.In(f.Engine.Store())
	require.NotNil(t, in.Notifications)
	require.NotNil(t, in.Interactions)
	require.Nil(t, in.Webhooks)
	_, err := in.Directory.AddPerson(t.Context(), boss, directory.NewPerson{ID: "rosa", Name: "Rosa"})
	require.NoError(t, err)
}
