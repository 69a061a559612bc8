// This file holds what a desk is measured by: whether an incident was resolved in the first
// contact, and whether at the first level. Both are columns, so that reports count them.

package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// Verdict is whether an incident met a measure. Its rate is the incidents with [VerdictMet] over
// those with [VerdictMet] or [VerdictMissed]: one [Practice.CountBy] tells both.
//
// [ByFirstContact] is met by an incident that was resolved in its first contact. That begins when
// the first person other than its requester and the affected person takes it up: logs it, takes an
// action of the lifecycle, escalates it, or writes a public note. It is met where that same person
// resolved it within Options.FirstContact of then, and until then it was not held, reassigned,
// escalated to another group or given to another person, and neither the requester nor the affected
// person wrote again; and where it was never reopened. What was resolved by a system actor, as a
// child is with its parent, has not met it. The denominator is contacts of people that are
// resolved: of all channels but Options.MachineChannels.
//
// [ByFirstLevel] is met where, until it was resolved, no group ever had the incident that is not
// among Options.FirstLevel. The denominator is all that are resolved, of every channel, where there
// are such groups.
//
// Reopening takes both back. Resolved again, it has missed the first contact; the first level
// is judged anew. Of imported incidents neither is known.
type Verdict string

// The verdicts.
const (
	// VerdictNone is not counted: it is not resolved, or not measured.
	VerdictNone   Verdict = ""
	VerdictMet    Verdict = "met"
	VerdictMissed Verdict = "missed"
)

// DefaultFirstContact is how long a first contact lasts at most.
const DefaultFirstContact = time.Hour

// Contact is the first contact with those who report an incident.
type Contact struct {
	// By is who took it up first, and At when.
	By itsm.ID   `json:"by"`
	At time.Time `json:"at"`
	// Over says that it ended before the incident was resolved.
	Over bool `json:"over,omitempty"`
}

// checkFirst gives the options of these measures their defaults, and notes what is wrong with them.
func (o *Options) checkFirst(f *itsm.Faults) {
	o.FirstContact = orElse(o.FirstContact, DefaultFirstContact)
	if o.MachineChannels == nil {
		o.MachineChannels = []Channel{ChannelMonitoring}
	} else {
		for i, c := range o.MachineChannels {
			if !slices.Contains(o.Channels, c) {
				f.Addf(fmt.Sprintf("machine_channels[%d]", i), "must be one of: %s", list(o.Channels))
			}
		}
		o.MachineChannels = slices.Clone(o.MachineChannels)
	}
	for i, group := range o.FirstLevel {
		f.Key(fmt.Sprintf("first_level[%d]", i), string(group))
	}
	o.FirstLevel = slices.Clone(o.FirstLevel)
}

// measure brings the measures up to date with what the command did, before it is put.
func (w *work) measure() {
	i, was, o := &w.Incident, &w.Was, &w.p.o
	if i.Imported != nil {
		return // what was before is not known
	}
	resolved := !i.ResolvedAt.IsZero() && w.category(i.State) != itsm.CategoryCancelled
	judged := resolved && !i.ResolvedAt.Equal(was.ResolvedAt)
	w.contact(judged)
	if len(o.FirstLevel) > 0 && i.Group != "" && (judged || !resolved) && !slices.Contains(o.FirstLevel, i.Group) {
		i.BeyondFirstLevel = true
	}
	switch {
	case !resolved:
		i.FirstContact, i.FirstLevel = VerdictNone, VerdictNone
		return
	case judged:
		i.FirstLevel = VerdictNone
		if len(o.FirstLevel) > 0 {
			i.FirstLevel = verdict(!i.BeyondFirstLevel)
		}
	case i.Channel == was.Channel:
		return
	}
	i.FirstContact = VerdictNone
	if !slices.Contains(o.MachineChannels, i.Channel) {
		i.FirstContact = verdict(i.Contact != nil && !i.Contact.Over)
	}
}

func verdict(met bool) Verdict {
	if met {
		return VerdictMet
	}
	return VerdictMissed
}

// contact begins the first contact or ends it.
func (w *work) contact(resolves bool) {
	i, was := &w.Incident, &w.Was
	if i.Contact == nil {
		if !w.takesUp() {
			return
		}
		i.Contact = &Contact{By: w.actor.ID, At: w.now}
	}
	c := *i.Contact // the one before may be the same
	if c.Over {
		return
	}
	limit := w.p.o.FirstContact
	switch {
	case i.Reopens > 0, i.Holds > 0, i.Reassignments > 0, i.Assignee != "" && i.Assignee != c.By,
		was.Contact != nil && w.category(was.State).Open() && w.tells(func(p itsm.Payload) bool { _, ok := p.(ReplyReceived); return ok }),
		resolves && (w.actor.System || w.actor.ID != c.By || limit >= 0 && i.ResolvedAt.Sub(c.At) > limit):
		c.Over = true
	}
	i.Contact = &c
}

// takesUp says whether the command is the beginning of a first contact.
func (w *work) takesUp() bool {
	if w.actor.System || w.actor.ID == w.Requester || w.actor.ID == w.Affected {
		return false
	}
	if w.Public && w.Note != "" {
		return true
	}
	for _, e := range w.events {
		if _, ok := e.Data.(Duplicated); ok {
			continue // that is the action of another incident
		}
		if _, beside := besideRule(Action(e.Action)); !beside || Action(e.Action) == ActionEscalate {
			return true
		}
	}
	return false
}

// tells says whether the command has an event of a kind.
func (w *work) tells(is func(itsm.Payload) bool) bool {
	return slices.ContainsFunc(w.events, func(e itsm.Event) bool { return is(e.Data) })
}
