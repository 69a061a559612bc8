package servicedesk_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/itsm/oncall"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage"
)

func (f *fixture) person(t *testing.T, id itsm.ID) {
	t.Helper()
	_, err := f.Directory.AddPerson(t.Context(), boss, directory.NewPerson{ID: id, Name: string(id)})
	require.NoError(t, err)
}

func (f *fixture) group(t *testing.T, id itsm.ID, kind string, people ...itsm.ID) {
	t.Helper()
	_, err := f.Directory.AddGroup(t.Context(), boss, directory.NewGroup{ID: id, Name: string(id), Kind: kind})
	require.NoError(t, err)
	_, err = f.Directory.ChangeMembers(t.Context(), boss, id, directory.MemberChange{Add: people})
	require.NoError(t, err)
}

// events gives the ids of an incident's events of a type.
func (f *fixture) events(t *testing.T, id itsm.ID, eventType string) (all []itsm.ID) {
	t.Helper()
	timeline, err := f.Incidents.Timeline(t.Context(), boss, id)
	require.NoError(t, err)
	for _, e := range timeline {
		if e.Event != nil && e.Event.Type == eventType {
			all = append(all, e.Event.ID)
		}
	}
	return all
}

// D6: wherever the directory has people, what is internal goes to those alone who work on the incident.
func TestD6WhatIsInternalGoesToThoseAloneWhoWorkOnIt(t *testing.T) {
	mail := &outbox{}
	f := newDesk(t, servicedesk.Config{Sender: mail})
	f.staff(t)
	f.person(t, "kim")
	f.group(t, "cab", "advisory_board", "rosa", "kim")
	f.group(t, "second", "support", "rosa")
	ctx := t.Context()
	watchers := []itsm.ID{"kim", "nat"}
	i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "x", Requester: "rosa", Group: "second", Assignee: "ned", Watchers: watchers})
	require.NoError(t, err)
	_, err = f.Incidents.Note(ctx, ada, i.ID, incident.Note{Text: "INTERNAL: she broke it herself"})
	require.NoError(t, err)
	f.settled(t)
	_, err = f.Incidents.Note(ctx, ada, i.ID, incident.Note{Text: "We are on it", Visibility: itsm.VisibilityPublic})
	require.NoError(t, err)
	f.settled(t)
	require.Contains(t, mail.to("ned"), "incident.noted.v1 INTERNAL: she broke it herself", "it is assigned to him")
	for person, public := range map[itsm.ID]bool{"rosa": true, "kim": false, "nat": true} {
		told := mail.to(person)
		require.NotContains(t, strings.Join(told, "\n"), "INTERNAL", "%s", person)
		require.Equal(t, public, strings.Contains(strings.Join(told, "\n"), "We are on it"), "%s: %v", person, told)
	}
	inbox, err := f.Notifications.Inbox(ctx, rosa, notify.ChannelInApp, "", 0)
	require.NoError(t, err)
	require.NotEmpty(t, inbox.Items)
	for _, n := range inbox.Items {
		require.Equal(t, notify.ReadPublic, n.Reading)
	}

	// Nobody is told of a restricted incident but its requester, those who have it and its members.
	mail.sent = nil
	i, err = f.Incidents.Log(ctx, boss, incident.Report{Title: "Breach", Requester: "rosa", Group: "network", Restricted: true, Watchers: []itsm.ID{"kim"}})
	require.NoError(t, err)
	_, err = f.Incidents.Escalate(ctx, boss, i.ID, incident.Escalation{Command: itsm.Command{Reason: "It grows"}, Type: incident.EscalationHierarchical, To: "kim"})
	require.NoError(t, err)
	f.settled(t)
	require.Empty(t, mail.to("kim"))
	require.Contains(t, mail.to("ned"), "incident.escalated.v1 ")
}

// The kinds of groups in which people work on incidents are the host's to say.
func TestD6AHostSaysInWhichGroupsPeopleWork(t *testing.T) {
	for kind, told := range map[string]bool{"resolvers": true, "support": false, "": false} {
		mail := &outbox{}
		f := newDesk(t, servicedesk.Config{Sender: mail, WorkingKinds: []string{"resolvers"}})
		f.staff(t)
		f.group(t, "second", kind, "ned")
		i, err := f.Incidents.Log(t.Context(), ada, incident.Report{Title: "x", Requester: "rosa", Group: "second"})
		require.NoError(t, err)
		_, err = f.Incidents.Escalate(t.Context(), ada, i.ID, incident.Escalation{Command: itsm.Command{Reason: "Slow"}, Type: incident.EscalationHierarchical, To: "nat"})
		require.NoError(t, err)
		f.settled(t)
		require.Equal(t, told, len(mail.to("ned")) > 0, "%q", kind)
	}
}

// Who asks reads by their own roles, in the directory or not.
func TestAManagerInNoGroupReadsWhoWasTold(t *testing.T) {
	f := newDesk(t, servicedesk.Config{Sender: &outbox{}})
	f.staff(t)
	ctx := t.Context()
	i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "x", Requester: "rosa", Group: "network", Assignee: "ned"})
	require.NoError(t, err)
	f.settled(t)
	x, err := f.Notifications.Explain(ctx, boss, f.events(t, i.ID, "incident.logged.v1")[0])
	require.NoError(t, err)
	require.NotEmpty(t, x.Decisions)
	page, err := f.Notifications.List(ctx, boss, storage.Query[notify.Head]{})
	require.NoError(t, err)
	require.NotEmpty(t, page.Items)
	for _, h := range page.Items {
		_, err := f.Notifications.Get(ctx, boss, h.ID)
		require.NoError(t, err)
	}
	_, err = f.Notifications.Explain(ctx, boss, "none")
	require.ErrorIs(t, err, itsm.ErrNotFound)
	require.NotContains(t, err.Error(), "plan", "an error names no table of ours")

	// Nor does the directory give anyone more than their roles.
	stranger := itsm.Actor{Tenant: "acme", ID: "ned", Roles: []itsm.RoleName{itsm.RoleRequester}}
	inbox, err := f.Notifications.Inbox(ctx, stranger, notify.ChannelInApp, "", 0)
	require.NoError(t, err)
	require.Empty(t, inbox.Items)
	inbox, err = f.Notifications.Inbox(ctx, ned, notify.ChannelInApp, "", 0)
	require.NoError(t, err)
	require.NotEmpty(t, inbox.Items)
}

// D9: whoever an event is addressed to is told of it.
func TestD9ThoseToWhomAnEventIsAddressedAreTold(t *testing.T) {
	mail := &outbox{}
	rules := incident.StandardHoldReasons()
	for n := range rules {
		rules[n].Reminders = []time.Duration{time.Hour}
	}
	f := newDesk(t, servicedesk.Config{Sender: mail, Incident: incident.Options{Survey: incident.SurveyPolicy{Share: 100}, HoldReasons: rules}})
	f.staff(t)
	f.person(t, "chief") // who is in no group
	ctx := t.Context()
	i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "x", Requester: "rosa", Group: "network", Assignee: "ned"})
	require.NoError(t, err)
	_, err = f.Incidents.Escalate(ctx, ada, i.ID, incident.Escalation{Command: itsm.Command{Reason: "She is angry"}, Type: incident.EscalationHierarchical, To: "chief"})
	require.NoError(t, err)
	f.settled(t)
	require.Equal(t, []string{"incident.escalated.v1 "}, mail.to("chief"))
	require.Contains(t, mail.to("ned"), "incident.escalated.v1 ")
	require.NotContains(t, mail.to("rosa"), "incident.escalated.v1 ")

	_, err = f.Incidents.Hold(ctx, ada, i.ID, incident.Hold{HoldReason: incident.HoldCaller, Note: "Which printer?"})
	require.NoError(t, err)
	f.settled(t)
	f.now = f.now.Add(2 * time.Hour)
	f.settled(t)
	require.Contains(t, mail.to("rosa"), "incident.follow_up_due.v1 ", "it waits for her")
	require.NotContains(t, mail.to("ned"), "incident.follow_up_due.v1 ")
	mail.sent = nil
	_, err = f.Incidents.ChangeHoldReason(ctx, ada, i.ID, incident.Hold{HoldReason: incident.HoldCustomerScheduled})
	require.NoError(t, err)
	f.now = f.now.Add(2 * time.Hour)
	f.settled(t)
	require.Contains(t, mail.to("ned"), "incident.follow_up_due.v1 ", "it waits for others")
	require.NotContains(t, mail.to("rosa"), "incident.follow_up_due.v1 ")

	_, err = f.Incidents.Resume(ctx, ada, i.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = f.Incidents.Resolve(ctx, ada, i.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "ok"})
	require.NoError(t, err)
	_, err = f.Incidents.Confirm(ctx, ada, i.ID, itsm.Command{})
	require.NoError(t, err)
	f.settled(t)
	require.Contains(t, mail.to("rosa"), "incident.survey_offered.v1 ")
}

// I10: who leads a major incident, who is asked for its review and who is to do what came of it are told.
func TestI10D9ThoseToWhomAMajorIncidentIsGivenAreTold(t *testing.T) {
	mail := &outbox{}
	f := newDesk(t, servicedesk.Config{Sender: mail})
	f.staff(t)
	for _, id := range []itsm.ID{"lead", "pia", "otto"} {
		f.person(t, id)
	}
	ctx := t.Context()
	manager := boss
	manager.Roles = append([]itsm.RoleName{itsm.RoleMajorIncidentManager}, boss.Roles...)
	i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "x", Requester: "rosa", Group: "network", Assignee: "ned"})
	require.NoError(t, err)
	_, err = f.Incidents.DeclareMajor(ctx, manager, i.ID, incident.Declaration{Command: itsm.Command{Reason: "Everybody"}, Manager: "lead",
		Plan: &incident.CommunicationPlan{Every: time.Hour}})
	require.NoError(t, err)
	f.settled(t)
	require.Contains(t, mail.to("lead"), "major_incident.declared.v1 ")
	f.now = f.now.Add(24 * time.Hour)
	f.settled(t)
	require.Contains(t, mail.to("lead"), "major_incident.update_due.v1 ")
	_, err = f.Incidents.RestoreMajor(ctx, manager, i.ID, incident.Moment{})
	require.NoError(t, err)
	_, err = f.Incidents.RequestReview(ctx, manager, i.ID, incident.ReviewRequest{Reviewer: "pia"})
	require.NoError(t, err)
	f.settled(t)
	require.Equal(t, []string{"major_incident.review_requested.v1 "}, mail.to("pia"))
	f.now = f.now.Add(60 * 24 * time.Hour)
	f.settled(t)
	require.Contains(t, mail.to("pia"), "major_incident.review_due.v1 ")
	_, err = f.Incidents.ReviewMajor(ctx, manager, i.ID, incident.Findings{Findings: "No spare", Actions: []incident.ReviewAction{{Text: "Buy one", Owner: "otto"}}})
	require.NoError(t, err)
	f.settled(t)
	require.Equal(t, []string{"major_incident.reviewed.v1 "}, mail.to("otto"))
	for _, m := range mail.to("rosa") {
		require.NotContains(t, m, "major")
	}
}

// An audience in which nobody can be is refused, rather than silently telling nobody.
func TestAnAudienceThatComesToNobodyIsRefused(t *testing.T) {
	f := newDesk(t, servicedesk.Config{Sender: &outbox{}})
	f.staff(t)
	ctx := t.Context()
	schedule, err := f.OnCall.DefineSchedule(ctx, boss, oncall.ScheduleDefinition{Name: "Nights", Rota: oncall.Rota{Zone: "UTC", Layers: []oncall.Layer{
		{Participants: []itsm.ID{"ned"}, Rotation: oncall.Rotation{Every: oncall.Weekly, Start: "2026-03-02"}}}}})
	require.NoError(t, err)
	rule := func(recordKind, event string, all ...notify.Audience) notify.Rule {
		return notify.Rule{Name: recordKind + event, RecordKind: recordKind, Events: []string{event}, Audiences: all,
			Channels: []notify.Channel{notify.ChannelEmail}, Template: "x"}
	}
	draft := func(rules ...notify.Rule) (fields []string) {
		_, err := f.Notifications.Draft(ctx, boss, notify.Draft{Set: notify.RuleSet{Rules: rules}})
		if err == nil {
			return nil
		}
		var invalid *itsm.ValidationError
		require.ErrorAs(t, err, &invalid)
		for _, fault := range invalid.Faults {
			fields = append(fields, fault.Field)
		}
		return fields
	}
	require.Empty(t, draft(notify.StandardRules().Rules...))
	require.Empty(t, draft(rule("incident", "incident.logged.v1", notify.Audience{Kind: notify.AudienceOnCall},
		notify.Audience{Kind: notify.AudienceOnCall, Name: string(schedule.ID)}, notify.Audience{Kind: notify.AudienceNamed})))
	require.Equal(t, []string{
		"set.rules[0].audiences[0].name", "set.rules[0].audiences[1].name", "set.rules[0].audiences[2].name", "set.rules[1].audiences[0].kind",
	}, draft(rule("incident", "incident.logged.v1", notify.Audience{Kind: notify.AudienceOnCall, Name: "network"},
		notify.Audience{Kind: notify.AudienceRole, Name: "service_owner"}, notify.Audience{Kind: notify.AudienceHost, Name: "everybody"}),
		rule("task", "task.added.v1", notify.Audience{Kind: notify.AudienceAssignee})))
}

// Who works on Mondays alone and wants messages in working hours is told on the next Monday, and finds what
// happened in the program at once.
func TestD9WhoSeldomWorksIsToldWhenTheyDo(t *testing.T) {
	mail := &outbox{}
	f := newDesk(t, servicedesk.Config{Sender: mail, Notify: notify.Options{Preferences: notify.Preferences{WorkingHoursOnly: true}}})
	f.staff(t)
	ctx := t.Context()
	f.now = f.now.Add(12 * time.Hour) // Tuesday in Tokyo
	_, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "x", Requester: "rosa", Group: "network", Assignee: "nat"})
	require.NoError(t, err)
	f.settled(t)
	inApp := 0
	for _, n := range mail.sent {
		if n.Person == "nat" {
			require.Equal(t, notify.ChannelInApp, n.Channel)
			inApp++
		}
	}
	require.NotZero(t, inApp)
	for range 7 * 4 {
		f.now = f.now.Add(6 * time.Hour)
		_, err = f.Tick(ctx, f.now)
		require.NoError(t, err)
	}
	require.Contains(t, mail.to("nat"), "incident.assigned.v1 ")
}

// counting counts the questions that reads ask of a store.
type counting struct {
	storage.Store
	asked *int
}

type countedReader struct {
	storage.Reader
	asked *int
}

func (c counting) View(ctx context.Context, tenants []storage.Tenant, fn func(context.Context, storage.Reader) error) error {
	return c.Store.View(ctx, tenants, func(ctx context.Context, r storage.Reader) error { return fn(ctx, countedReader{r, c.asked}) })
}

func (r countedReader) Get(ctx context.Context, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
	*r.asked++
	return r.Reader.Get(ctx, s, tenant, id)
}

func (r countedReader) Query(ctx context.Context, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
	*r.asked++
	return r.Reader.Query(ctx, s, q)
}

// What an inbox costs hangs on no number of messages.
func TestAnInboxAsksAsOftenForManyMessagesAsForOne(t *testing.T) {
	f := newDesk(t, servicedesk.Config{Sender: &outbox{}})
	f.staff(t)
	ctx := t.Context()
	asked := 0
	counted := f.In(counting{f.Engine.Store(), &asked})
	var cost []int
	for _, n := range []int{1, 40} {
		for range n {
			_, err := f.Incidents.Log(ctx, ada, incident.Report{Title: "x", Requester: "rosa"})
			require.NoError(t, err)
		}
		f.settled(t)
		asked = 0
		inbox, err := counted.Notifications.Inbox(ctx, rosa, notify.ChannelInApp, "", 100)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(inbox.Items), n)
		cost = append(cost, asked)
	}
	require.NotZero(t, cost[0])
	require.Equal(t, cost[0], cost[1])
}

// I8: whoever reported a duplicate is told of their own report what became of the one that went on.
func TestI8D9ThoseWhoseReportWasMergedAreToldWhenItIsResolved(t *testing.T) {
	mail := &outbox{}
	f := newDesk(t, servicedesk.Config{Sender: mail})
	f.staff(t)
	f.person(t, "rob")
	f.person(t, "rae")
	rob := itsm.Actor{Tenant: "acme", ID: "rob", Roles: []itsm.RoleName{itsm.RoleRequester}}
	ctx := t.Context()
	log := func(who itsm.ID, title string) incident.Incident {
		i, err := f.Incidents.Log(ctx, ada, incident.Report{Title: title, Requester: who, Group: "network", Assignee: "ned"})
		require.NoError(t, err)
		return i
	}
	goesOn, duplicate, further := log("rosa", "Rosa's salary does not print"), log("rob", "The printer is broken"), log("rae", "No paper comes")
	for _, m := range [][2]itsm.ID{{further.ID, duplicate.ID}, {duplicate.ID, goesOn.ID}} {
		_, err := f.Incidents.Merge(ctx, boss, m[0], incident.Merging{Into: m[1]})
		require.NoError(t, err)
	}
	f.settled(t)
	mail.sent = nil
	_, err := f.Incidents.Note(ctx, ada, goesOn.ID, incident.Note{Text: "Dear Rosa, your salary prints", Visibility: itsm.VisibilityPublic})
	require.NoError(t, err)
	_, err = f.Incidents.Resolve(ctx, ada, goesOn.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "ok"})
	require.NoError(t, err)
	f.settled(t)
	require.Contains(t, mail.to("rosa"), "incident.resolved.v1 ")
	for person, own := range map[itsm.ID]incident.Incident{"rob": duplicate, "rae": further} {
		require.Equal(t, []string{"incident.resolved.v1 "}, mail.to(person), "once, and nothing that was written to others")
		for _, n := range mail.sent {
			if n.Person == person {
				require.Equal(t, own.ID, n.RecordID)
				require.Equal(t, []any{own.Number, own.Title, "resolved"}, []any{n.Data["number"], n.Data["title"], n.Data["state"]})
			}
		}
	}
	inbox, err := f.Notifications.Inbox(ctx, rob, notify.ChannelInApp, "", 0)
	require.NoError(t, err)
	require.Equal(t, "incident.resolved.v1", inbox.Items[0].EventType, "he may read his own")
	x, err := f.Notifications.Explain(ctx, boss, inbox.Items[0].Event)
	require.NoError(t, err)
	require.Equal(t, duplicate.ID, x.Record.ID)

	// What is delivered again tells nobody again.
	mail.sent = nil
	f.settled(t)
	require.Empty(t, mail.sent)
	// Taken up again and resolved anew, it is told anew.
	_, err = f.Incidents.Reopen(ctx, ada, goesOn.ID, incident.Reopening{Command: itsm.Command{Reason: "Again"}})
	require.NoError(t, err)
	_, err = f.Incidents.Resolve(ctx, ada, goesOn.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "ok"})
	require.NoError(t, err)
	f.settled(t)
	require.Equal(t, []string{"incident.resolved.v1 "}, mail.to("rob"))
}
