// This file holds the model: a small practice of its own, written from what is promised and
// sharing nothing with the code that it is compared with.

package incidentsuite

import (
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// outcome is what a command comes to.
type outcome string

const (
	happens   outcome = "happens"
	notFound  outcome = "not found"
	conflict  outcome = "conflict"
	forbidden outcome = "forbidden"
	refused   outcome = "not permitted in this state"
	invalid   outcome = "invalid"
)

// modelRecord is an incident as the model has it.
type modelRecord struct {
	tenant    storage.Tenant
	id        itsm.ID
	number    string
	requester itsm.ID
	version   int64

	state, before      incident.State
	holdReason         incident.HoldReason
	until              time.Time
	link               *itsm.Ref
	heldFor            []itsm.Ref // what it was held for before
	group, assignee    itsm.ID
	impact             itsm.Impact
	urgency            itsm.Urgency
	override           itsm.Priority
	restricted         bool
	members            []itsm.ID
	watchers           []itsm.ID
	reassigned, holds  int
	reopened           int
	acknowledged       bool
	responded          bool
	restored           bool
	resolvedAt, endsAt time.Time
	code               incident.Code
	public, internal   int // notes
	events             []modelEvent
}

type modelEvent struct {
	action   string
	internal bool
}

// The states by what is asked of them here.
var (
	working = []incident.State{incident.StateNew, incident.StateAssigned, incident.StateInProgress}
	openNow = append(slices.Clone(working), incident.StateOnHold)
	ended   = []incident.State{incident.StateClosed, incident.StateCancelled}
	notOver = append(slices.Clone(openNow), incident.StateResolved)
	all     = append(slices.Clone(notOver), ended...)
)

func (r *modelRecord) open() bool { return slices.Contains(openNow, r.state) }

func (r *modelRecord) priority() itsm.Priority {
	if r.override != 0 {
		return r.override
	}
	return [3][3]itsm.Priority{{1, 2, 3}, {2, 3, 4}, {3, 4, 4}}[r.impact-1][r.urgency-1]
}

// related says whether a restricted record is for the person.
func (r *modelRecord) related(a itsm.Actor) bool {
	return r.theirs(a) || r.requester == a.ID || slices.Contains(r.members, a.ID)
}

// theirs says whether the person, or a group of theirs, works on it.
func (r *modelRecord) theirs(a itsm.Actor) bool {
	return r.assignee == a.ID || r.group != "" && slices.Contains(a.Groups, r.group)
}

func (r *modelRecord) visible(a itsm.Actor) bool {
	switch {
	case a.Tenant != r.tenant:
		return false
	case a.Has(itsm.RoleIncidentManager):
		return true
	case a.Has(itsm.RoleRequester):
		return r.requester == a.ID
	}
	return !r.restricted || r.related(a)
}

var (
	workOnIt      = []string{"accept", "start", "reassign", "hold", "change_hold_reason", "resume", "reply", "resolve", "reopen", "acknowledge", "restore", "note", "classify", "edit"}
	analystMay    = append([]string{"assign", "confirm", "cancel", "follow_up", "restrict"}, workOnIt...)
	specialistMay = append([]string{"assign"}, workOnIt...)
	everyoneInIT  = []string{"note", "follow_up"}
	requesterMay  = []string{"reply", "reopen", "confirm", "cancel", "follow_up"}
)

// may says whether a person who sees the record may use the permission on it.
func (r *modelRecord) may(a itsm.Actor, permission string) bool {
	switch {
	case a.Has(itsm.RoleIncidentManager):
		return true
	case a.Has(itsm.RoleServiceDeskAnalyst):
		return slices.Contains(analystMay, permission) && (!r.restricted || r.related(a))
	case a.Has(itsm.RoleSupportSpecialist):
		return slices.Contains(everyoneInIT, permission) && (!r.restricted || r.related(a)) ||
			slices.Contains(specialistMay, permission) && r.theirs(a)
	}
	return slices.Contains(requesterMay, permission) && r.requester == a.ID
}

// happened puts the record, with the events of one command.
func (r *modelRecord) happened(events ...modelEvent) {
	r.version++
	r.events = append(r.events, events...)
}

// goTo moves the record.
func (r *modelRecord) goTo(to incident.State, now time.Time) {
	from := r.state
	if to == incident.StateOnHold {
		r.before = from
		r.holds++
	} else {
		r.relate(r.link)
		r.before, r.holdReason, r.until, r.link = "", "", time.Time{}, nil
	}
	switch to {
	case incident.StateResolved:
		r.resolvedAt = now
	case incident.StateClosed, incident.StateCancelled:
		r.endsAt = now
	default:
		if from == incident.StateResolved {
			r.reopened++
			r.resolvedAt, r.restored, r.code = time.Time{}, false, ""
		}
	}
	r.state = to
}

// relate has the record keep the link to what it was held for.
func (r *modelRecord) relate(ref *itsm.Ref) (more bool) {
	if ref == nil || slices.Contains(r.heldFor, *ref) {
		return false
	}
	r.heldFor = append(slices.Clone(r.heldFor), *ref)
	return true
}

// due does what comes due by now, and says whether anything did.
func (r *modelRecord) due(now time.Time) bool {
	switch {
	case r.state == incident.StateOnHold && !r.until.IsZero() && !r.until.After(now):
		r.goTo(r.before, now)
		r.happened(modelEvent{action: "resume"})
	case r.state == incident.StateResolved && !r.resolvedAt.Add(7*24*time.Hour).After(now):
		r.goTo(incident.StateClosed, now)
		r.happened(modelEvent{action: "auto_close"})
	default:
		return false
	}
	return true
}
