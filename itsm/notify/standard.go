// This file holds the rules that the library ships.

package notify

import "github.com/itsmkit/itsmkit/storage"

// StandardRules gives the rules that are shipped, a fresh copy each time: who is told what of incidents.
// They are data like a host's own, and know incidents by the names of their event types alone.
//
// Requesters, those affected and watchers are told what concerns them, by email and in the host's
// program; those who work on an incident in the program, and by email and push where it is theirs or
// urgent. What the requester may not read is not told to the requester, whatever the rule.
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
	escalated := with(told("escalated", append(working(), Audience{Kind: AudienceGroup}),
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

	resolved := with(told("resolved", concerned(), words, "incident.resolved.v1"), "resolved", "progress")
	resolved.Until = []string{"incident.reopened.v1"}
	reopened := with(told("reopened", append(working(), Audience{Kind: AudienceWatchers}), words, "incident.reopened.v1"), "reopened", "work")
	ended := with(told("ended", concerned(), words, "incident.closed.v1", "incident.cancelled.v1"), "ended", "progress")
	return RuleSet{Rules: []Rule{critical, major, logged, given, queued, escalated, replied, noted, waits, resolved, reopened, ended}}
}
