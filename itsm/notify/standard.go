// This file holds the rules that the library ships.

package notify

import "github.com/itsmkit/itsmkit/storage"

// StandardRules gives the rules that are shipped, a fresh copy each time: who is told what of incidents.
// They are data like a host's own, and know incidents by the names of their event types alone.
//
// Requesters, those affected and watchers are told what concerns them, by email and in the host's
// program; those who work on an incident in the program, and by email and push where it is theirs or
// urgent; whoever something is given to, as the person to whom an incident is escalated or who is asked for
// a review, is told of that. What the requester may not read is not told to the requester, whatever the rule.
func StandardRules() RuleSet {
	concerned := func() []Audience {
		return []Audience{{Kind: AudienceRequester}, {Kind: AudienceAffected}, {Kind: AudienceWatchers}}
	}
	working := func() []Audience { return []Audience{{Kind: AudienceAssignee}} }
	told := func(name string, to []Audience, channels []Channel, events ...string) Rule {
		return Rule{Name: "incident " + name, RecordKind: "incident", Events: events, Audiences: to, Channels: channels}
	}
	words := []Channel{ChannelEmail, ChannelInApp}
	with := func(r Rule, template, class string) Rule {
		r.Template, r.Class = "incident."+template, "incident."+class
		return r
	}
	logged := with(told("logged", concerned(), words, "incident.logged.v1"), "logged", "progress")
	logged.TellActor = true // the confirmation of one's own report

	critical := with(told("critical", []Audience{{Kind: AudienceGroup}, {Kind: AudienceOnCall}},
		[]Channel{ChannelPush, ChannelEmail, ChannelInApp}, "incident.logged.v1", "incident.assigned.v1", "incident.reassigned.v1",
		"incident.classified.v1", "incident.priority_overridden.v1"), "critical", "critical")
	critical.When = storage.Condition{Op: storage.And, Of: []storage.Condition{
		{Op: storage.AtMost, Column: "priority", Values: []any{int64(1)}}, {Op: storage.Equal, Column: "open", Values: []any{true}}}}
	critical.Urgent, critical.CollapseSeconds, critical.ExpireSeconds = true, 60, 60*60
	critical.Until = []string{"incident.acknowledged.v1", "incident.accepted.v1", "incident.resolved.v1", "incident.closed.v1", "incident.cancelled.v1"}

	major := with(told("major", append(working(), Audience{Kind: AudienceGroup}, Audience{Kind: AudienceOnCall}),
		[]Channel{ChannelPush, ChannelEmail, ChannelInApp}, "incident.major_changed.v1"), "major", "critical")
	major.When = storage.Condition{Op: storage.Equal, Column: "major", Values: []any{"declared"}}
	major.Urgent = true
	escalated := with(told("escalated", append(working(), Audience{Kind: AudienceGroup}, Audience{Kind: AudienceNamed}),
		[]Channel{ChannelPush, ChannelEmail, ChannelInApp}, "incident.escalated.v1"), "escalated", "work")
	escalated.CollapseSeconds = 60

	given := with(told("given", working(), []Channel{ChannelPush, ChannelEmail, ChannelInApp}, "incident.assigned.v1", "incident.reassigned.v1"), "given", "work")
	queued := with(told("queued", []Audience{{Kind: AudienceGroup}}, []Channel{ChannelInApp}, "incident.assigned.v1", "incident.reassigned.v1"), "queued", "queue")
	queued.When = storage.Condition{Op: storage.Equal, Column: "assignee", Values: []any{""}}

	replied := with(told("replied", append(working(), Audience{Kind: AudienceWatchers}), words, "incident.reply_received.v1"), "replied", "work")
	replied.CollapseSeconds = 60
	noted := with(told("noted", append(concerned(), working()...), words, "incident.noted.v1"), "noted", "notes")
	noted.CollapseSeconds = 60

	waits := with(told("waits for the requester", []Audience{{Kind: AudienceRequester}}, words, "incident.held.v1", "incident.hold_reason_changed.v1"), "waits", "questions")
	waits.When = storage.Condition{Op: storage.Equal, Column: "hold_reason", Values: []any{"caller"}}
	waits.Until = []string{"incident.resumed.v1", "incident.resolved.v1", "incident.cancelled.v1"}

	reminded := with(told("waits on for the requester", waits.Audiences, words, "incident.follow_up_due.v1"), "reminded", "questions")
	reminded.When, reminded.Until = waits.When, waits.Until
	waitsOn := with(told("waits on for others", working(), words, "incident.follow_up_due.v1"), "waits_on", "work")
	waitsOn.When = storage.Condition{Op: storage.Not, Of: []storage.Condition{waits.When}}
	waitsOn.Until = waits.Until

	resolved := with(told("resolved", concerned(), words, "incident.resolved.v1"), "resolved", "progress")
	resolved.Until = []string{"incident.reopened.v1"}
	reopened := with(told("reopened", append(working(), Audience{Kind: AudienceWatchers}), words, "incident.reopened.v1"), "reopened", "work")
	ended := with(told("ended", concerned(), words, "incident.closed.v1", "incident.cancelled.v1"), "ended", "progress")
	asked := with(told("survey", []Audience{{Kind: AudienceRequester}}, words, "incident.survey_offered.v1"), "survey", "surveys")
	asked.Until = []string{"incident.survey_answered.v1", "incident.survey_lapsed.v1"}

	addressed := func(name string, urgent bool, channels []Channel, events ...string) Rule {
		return Rule{
			Name: "major incident " + name, RecordKind: "major_incident", Events: events, Audiences: []Audience{{Kind: AudienceNamed}},
			Channels: channels, Template: "major_incident." + name, Class: "major_incident.work", Urgent: urgent,
		}
	}
	all := []Channel{ChannelPush, ChannelEmail, ChannelInApp}
	// A threshold of a service level names whom it tells; one whose target is reached meanwhile warns nobody.
	level := Rule{
		Name: "service level", RecordKind: "sla_timer", Events: []string{"sla_timer.threshold_reached.v1"}, Audiences: []Audience{{Kind: AudienceNamed}},
		Channels: all, Template: "sla_timer.threshold_reached", Class: "sla_timer.work",
		When:  storage.Condition{Op: storage.Equal, Column: "open", Values: []any{true}},
		Until: []string{"sla_timer.met.v1", "sla_timer.missed.v1", "sla_timer.cancelled.v1"},
	}
	led := addressed("given", true, all, "major_incident.declared.v1")
	update := addressed("update_due", true, all, "major_incident.update_due.v1")
	update.CollapseSeconds, update.Until = 60, []string{"major_incident.update_posted.v1", "major_incident.restored.v1", "major_incident.demoted.v1"}
	review := addressed("review", false, words, "major_incident.review_requested.v1", "major_incident.review_due.v1")
	review.Until = []string{"major_incident.reviewed.v1"}
	actions := addressed("actions", false, words, "major_incident.reviewed.v1")
	return RuleSet{Rules: []Rule{
		critical, major, logged, given, queued, escalated, replied, noted, waits, reminded, waitsOn, resolved, reopened, ended, asked,
		led, update, review, actions, level,
	}}
}
