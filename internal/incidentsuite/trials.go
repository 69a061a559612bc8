// This file holds the commands as the model foresees them.

package incidentsuite

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
)

var trialNames = []string{
	"assign", "accept", "start", "reassign", "hold", "change_hold_reason", "resume", "linked_done", "reply", "resolve",
	"resolve", "reopen", "confirm", "cancel", "note", "classify", "override", "clear_override", "acknowledge", "restore",
	"restrict", "unrestrict", "follow_up",
}

// fitting are the commands that a state is there for, so that a run gets somewhere.
var fitting = map[incident.State][]string{
	incident.StateNew:        {"assign", "accept", "hold", "resolve", "reassign"},
	incident.StateAssigned:   {"start", "hold", "resolve", "reassign", "accept"},
	incident.StateInProgress: {"hold", "resolve", "reassign", "restore"},
	incident.StateOnHold:     {"resume", "reply", "linked_done", "change_hold_reason", "resolve"},
	incident.StateResolved:   {"reopen", "confirm", "reply"},
	incident.StateClosed:     {"follow_up", "note"},
	incident.StateCancelled:  {"note", "restrict"},
}

var people = []itsm.ID{"ana", "sam", "mona"}

var trials = map[string]func(m *machine, r *modelRecord, a itsm.Actor) trial{
	"assign": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		x := assignment(m)
		group, assignee := x.after(r)
		return trial{
			permission: "assign", states: []incident.State{incident.StateNew}, bad: group == "" && assignee == "",
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				return m.p.Assign(m.ctx, a, r.id, incident.Assignment{Command: c, Group: x.group, Assignee: x.assignee})
			},
			does: func() {
				r.group, r.assignee = group, assignee
				r.goTo(incident.StateAssigned, m.now())
				r.happened(modelEvent{action: "assign"})
			},
		}
	},
	"reassign": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		x := assignment(m)
		group, assignee := x.after(r)
		return trial{
			permission: "reassign", states: working,
			bad: group == "" && assignee == "" || group == r.group && assignee == r.assignee,
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				return m.p.Reassign(m.ctx, a, r.id, incident.Assignment{Command: c, Group: x.group, Assignee: x.assignee})
			},
			does: func() {
				r.group, r.assignee = group, assignee
				r.reassigned++
				r.happened(modelEvent{action: "reassign"})
			},
		}
	},
	"accept": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		return trial{
			permission: "accept", states: []incident.State{incident.StateNew, incident.StateAssigned},
			refuse: r.assignee != "" && r.assignee != a.ID,
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				return m.p.Accept(m.ctx, a, r.id, c)
			},
			does: func() {
				r.assignee, r.acknowledged = a.ID, true
				r.goTo(incident.StateAssigned, m.now())
				r.happened(modelEvent{action: "accept"})
			},
		}
	},
	"start": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		return trial{
			permission: "start", states: []incident.State{incident.StateNew, incident.StateAssigned}, bad: r.assignee == "",
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				return m.p.Start(m.ctx, a, r.id, c)
			},
			does: func() {
				r.goTo(incident.StateInProgress, m.now())
				r.happened(modelEvent{action: "start"})
			},
		}
	},
	"hold": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		h, bad := hold(m)
		return trial{
			permission: "hold", states: working, bad: bad,
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				h := h
				h.Command = c
				return m.p.Hold(m.ctx, a, r.id, h)
			},
			does: func() {
				r.goTo(incident.StateOnHold, m.now())
				r.wait(a, h)
				r.happened(modelEvent{action: "hold"})
			},
		}
	},
	"change_hold_reason": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		h, bad := hold(m)
		return trial{
			permission: "change_hold_reason", states: []incident.State{incident.StateOnHold}, bad: bad || h.HoldReason == r.holdReason,
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				h := h
				h.Command = c
				return m.p.ChangeHoldReason(m.ctx, a, r.id, h)
			},
			does: func() {
				r.wait(a, h)
				r.happened(modelEvent{action: "change_hold_reason"})
			},
		}
	},
	"resume": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		return trial{
			permission: "resume", states: []incident.State{incident.StateOnHold},
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				return m.p.Resume(m.ctx, a, r.id, c)
			},
			does: func() {
				r.goTo(r.before, m.now())
				r.happened(modelEvent{action: "resume"})
			},
		}
	},
	"linked_done": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		ref := aRef(m)
		return trial{
			permission: "resume", states: all, bare: true,
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				return m.p.LinkedDone(m.ctx, a, r.id, ref)
			},
			does: func() {
				ends := r.holdReason == incident.HoldProblem || r.holdReason == incident.HoldChange
				if r.state == incident.StateOnHold && ends && *r.link == ref {
					r.goTo(r.before, m.now())
					r.happened(modelEvent{action: "resume"})
				}
			},
		}
	},
	"reply": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		text := pick(m, []string{"It works again", ""}, "text")
		return trial{
			permission: "reply", states: notOver, bad: text == "",
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				return m.p.Reply(m.ctx, a, r.id, incident.Reply{Command: c, Text: text})
			},
			does: func() {
				r.say(a)
				events := []modelEvent{{action: "reply"}}
				if a.ID == r.requester && r.state == incident.StateOnHold && r.holdReason == incident.HoldCaller {
					r.goTo(r.before, m.now())
					events = append(events, modelEvent{action: "resume"})
				}
				r.happened(events...)
			},
		}
	},
	"resolve": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		in := incident.Resolution{Code: pick(m, []incident.Code{incident.CodeFixed, incident.CodeWorkaround, "", "no_such_code"}, "code"), Notes: pick(m, []string{"Restarted", "Replaced", " "}, "notes")}
		return trial{
			permission: "resolve", states: openNow, bad: in.Code == "" || in.Code == "no_such_code" || in.Notes == " ",
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				in := in
				in.Command = c
				return m.p.Resolve(m.ctx, a, r.id, in)
			},
			does: func() {
				r.goTo(incident.StateResolved, m.now())
				r.code = in.Code
				r.happened(modelEvent{action: "resolve"})
			},
		}
	},
	"reopen": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		return trial{
			permission: "reopen", states: []incident.State{incident.StateResolved},
			refuse: m.now().After(r.resolvedAt.Add(7 * 24 * time.Hour)),
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				return m.p.Reopen(m.ctx, a, r.id, incident.Reopening{Command: c})
			},
			does: func() {
				r.goTo(incident.StateInProgress, m.now())
				r.happened(modelEvent{action: "reopen"})
			},
		}
	},
	"confirm": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		return trial{
			permission: "confirm", states: []incident.State{incident.StateResolved},
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				return m.p.Confirm(m.ctx, a, r.id, c)
			},
			does: func() {
				r.goTo(incident.StateClosed, m.now())
				r.happened(modelEvent{action: "confirm"})
			},
		}
	},
	"cancel": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		reason := pick(m, []string{"Withdrawn", "Twice", ""}, "reason")
		var original *modelRecord
		var of itsm.ID
		bad := reason == ""
		if rapid.Bool().Draw(m.T, "duplicate") {
			original = m.records[pick(m, m.ids, "original")]
			of = original.id
			bad = bad || original == r || !original.visible(a) || original.state == incident.StateClosed || original.state == incident.StateCancelled
		}
		return trial{
			permission: "cancel", states: openNow, bad: bad,
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				c.Reason = reason
				return m.p.Cancel(m.ctx, a, r.id, incident.Cancellation{Command: c, DuplicateOf: of})
			},
			does: func() {
				r.goTo(incident.StateCancelled, m.now())
				r.happened(modelEvent{action: "cancel"})
				if original == nil || !original.may(a, "edit") {
					return
				}
				for _, person := range append([]itsm.ID{r.requester}, r.watchers...) {
					if r.restricted && !original.restricted {
						break
					}
					if person != original.requester && !slices.Contains(original.watchers, person) {
						original.watchers = append(original.watchers, person)
					}
				}
				// The requester of the original learns of the duplicate only where it is theirs.
				events := []modelEvent{{action: "cancel", internal: r.requester != original.requester}}
				for _, ref := range r.heldFor { // what it was held for is among them now
					if r.restricted && !original.restricted {
						break
					}
					if original.relate(&ref) {
						events = append(events, modelEvent{action: "cancel", internal: true})
					}
				}
				original.happened(events...)
				m.compare(original)
			},
		}
	},
	"note": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		in := incident.Note{Text: pick(m, []string{"Looked into it", "Called", ""}, "text"), Visibility: pick(m, []itsm.Visibility{"", itsm.VisibilityInternal, itsm.VisibilityPublic, "secret"}, "visibility")}
		return trial{
			permission: "note", states: all, bad: in.Text == "" || in.Visibility == "secret",
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				in := in
				in.Command = c
				return m.p.Note(m.ctx, a, r.id, in)
			},
			does: func() {
				if in.Visibility == itsm.VisibilityPublic {
					r.say(a)
				} else {
					r.internal++
				}
				r.happened(modelEvent{action: "note", internal: in.Visibility != itsm.VisibilityPublic})
			},
		}
	},
	"classify": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		in := incident.Classification{Impact: itsm.Impact(rapid.IntRange(0, 4).Draw(m.T, "impact")), Urgency: itsm.Urgency(rapid.IntRange(0, 4).Draw(m.T, "urgency"))}
		return trial{
			permission: "classify", states: notOver, bad: in.Impact == 4 || in.Urgency == 4,
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				in := in
				in.Command = c
				return m.p.Classify(m.ctx, a, r.id, in)
			},
			does: func() {
				impact, urgency := r.impact, r.urgency
				if in.Impact != 0 {
					impact = in.Impact
				}
				if in.Urgency != 0 {
					urgency = in.Urgency
				}
				if impact != r.impact || urgency != r.urgency {
					r.impact, r.urgency = impact, urgency
					r.happened(modelEvent{action: "classify"})
				}
			},
		}
	},
	"override": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		priority := itsm.Priority(rapid.IntRange(0, 6).Draw(m.T, "priority"))
		reason := pick(m, []string{"The board asks", ""}, "reason")
		return trial{
			permission: "override_priority", states: notOver, bad: priority < 1 || priority > 5 || reason == "",
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				c.Reason = reason
				return m.p.OverridePriority(m.ctx, a, r.id, incident.Override{Command: c, Priority: priority})
			},
			does: func() {
				if r.override != priority {
					r.override = priority
					r.happened(modelEvent{action: "override_priority"})
				}
			},
		}
	},
	"clear_override": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		return trial{
			permission: "override_priority", states: notOver, refuse: r.override == 0,
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				c.Reason = "As before"
				return m.p.ClearOverride(m.ctx, a, r.id, c)
			},
			does: func() {
				r.override = 0
				r.happened(modelEvent{action: "clear_override"})
			},
		}
	},
	"acknowledge": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		return trial{
			permission: "acknowledge", states: notOver, refuse: r.acknowledged,
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				return m.p.Acknowledge(m.ctx, a, r.id, incident.Moment{Command: c})
			},
			does: func() {
				r.acknowledged = true
				r.happened(modelEvent{action: "acknowledge"})
			},
		}
	},
	"restore": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		late := r.state == incident.StateResolved && m.now().After(r.resolvedAt)
		return trial{
			permission: "restore", states: notOver, refuse: r.restored, bad: late,
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				return m.p.Restore(m.ctx, a, r.id, incident.Moment{Command: c})
			},
			does: func() {
				r.restored = true
				r.happened(modelEvent{action: "restore"})
			},
		}
	},
	"restrict": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		members := rapid.SliceOfNDistinct(rapid.SampledFrom(people), 0, 2, rapid.ID[itsm.ID]).Draw(m.T, "members")
		return trial{
			permission: "restrict", states: all,
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				return m.p.Restrict(m.ctx, a, r.id, incident.Restriction{Command: c, Members: members})
			},
			does: func() {
				if !r.restricted || !slices.Equal(r.members, members) {
					r.restricted, r.members = true, members
					r.happened(modelEvent{action: "restrict", internal: true})
				}
			},
		}
	},
	"unrestrict": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		return trial{
			permission: "restrict", states: all, refuse: !r.restricted,
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				return m.p.Unrestrict(m.ctx, a, r.id, c)
			},
			does: func() {
				r.restricted, r.members = false, nil
				r.happened(modelEvent{action: "unrestrict", internal: true})
			},
		}
	},
	"follow_up": func(m *machine, r *modelRecord, a itsm.Actor) trial {
		var made incident.Incident
		return trial{
			permission: "follow_up", states: []incident.State{incident.StateClosed},
			call: func(a itsm.Actor, c itsm.Command) (incident.Incident, error) {
				i, err := m.p.FollowUp(m.ctx, a, r.id, incident.FollowUp{Command: c})
				made = i
				return i, err
			},
			does: func() {
				r.happened(modelEvent{action: "follow_up"})
				next := &modelRecord{
					tenant: r.tenant, requester: r.requester, impact: r.impact, urgency: r.urgency, group: r.group,
					restricted: r.restricted, members: slices.Clone(r.members), watchers: slices.Clone(r.watchers),
					events: []modelEvent{{action: "log"}},
				}
				if r.restricted && r.assignee != "" && !slices.Contains(next.members, r.assignee) {
					next.members = append(next.members, r.assignee)
				}
				m.add(made, next)
				m.compare(next)
			},
		}
	},
}

// drawn is an assignment as it is given.
type drawn struct{ group, assignee itsm.ID }

func assignment(m *machine) drawn {
	return drawn{
		group:    pick(m, []itsm.ID{"", "desk", "network"}, "group"),
		assignee: pick(m, append([]itsm.ID{""}, people...), "assignee"),
	}
}

// after says what the record has then: a group that is not named stays.
func (x drawn) after(r *modelRecord) (group, assignee itsm.ID) {
	if x.group == "" {
		return r.group, x.assignee
	}
	return x.group, x.assignee
}

func aRef(m *machine) itsm.Ref {
	return pick(m, []itsm.Ref{{Kind: "problem", ID: "P1"}, {Kind: "change", ID: "C1"}}, "link")
}

// hold draws a hold, and says whether it lacks what its reason needs.
func hold(m *machine) (h incident.Hold, bad bool) {
	h.HoldReason = pick(m, []incident.HoldReason{"", incident.HoldCaller, incident.HoldCustomerScheduled, incident.HoldVendor, incident.HoldProblem, incident.HoldChange}, "reason")
	if rapid.Bool().Draw(m.T, "with note") {
		h.Note = "Please answer"
	}
	if rapid.Bool().Draw(m.T, "with link") {
		ref := aRef(m)
		h.Link = &ref
	}
	if days := rapid.IntRange(0, 4).Draw(m.T, "until"); days > 0 {
		h.Until = m.now().Add(time.Duration(days) * 24 * time.Hour)
	}
	switch h.HoldReason {
	case "":
		bad = true
	case incident.HoldCaller:
		bad = h.Note == ""
	case incident.HoldVendor, incident.HoldProblem, incident.HoldChange:
		bad = h.Link == nil
	}
	return h, bad
}

// wait has the record wait for something, with the note that was given.
func (r *modelRecord) wait(a itsm.Actor, h incident.Hold) {
	if r.link != nil && (h.Link == nil || *h.Link != *r.link) {
		r.relate(r.link)
	}
	r.holdReason, r.until, r.link = h.HoldReason, h.Until, h.Link
	switch {
	case h.Note == "":
	case h.HoldReason == incident.HoldCaller:
		r.say(a)
	default:
		r.internal++
	}
}

// say writes a public note.
func (r *modelRecord) say(a itsm.Actor) {
	r.public++
	if a.ID != r.requester {
		r.responded = true
	}
}
