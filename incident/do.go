// This file holds a host's own actions, and which actions an actor can take.

package incident

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxData is the greatest length in bytes of the data of a host's own action.
const MaxData = 64 << 10

// Input is what a host's own action may bring. All of it is optional here: what an action
// needs is in its rule.
type Input struct {
	itsm.Command
	// Note is written on the incident; its visibility is internal where empty.
	Note       string          `json:"note,omitempty"`
	Visibility itsm.Visibility `json:"visibility,omitempty"`
	// Group and Assignee assign it; where both are empty the assignment stays.
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
	// HoldReason, Until and Link are for an action that leads to a waiting state, and a fault
	// elsewhere. Until needs a rule for [ActionResume] there.
	HoldReason HoldReason `json:"hold_reason,omitempty"`
	Until      time.Time  `json:"until,omitzero"`
	Link       *itsm.Ref  `json:"link,omitempty"`
	// Code and Notes are the resolution, for an action that leads to a resolved state, and a fault
	// elsewhere.
	Code  Code   `json:"code,omitempty"`
	Notes string `json:"notes,omitempty"`
	// Fields and Columns are set as [Practice.Edit] does.
	Fields  itsm.Fields           `json:"fields,omitempty"`
	Columns []storage.Value[Head] `json:"-"`
	// Data is kept in the event [Acted]. Only who may read what is internal sees it there.
	Data json.RawMessage `json:"data,omitempty"`
}

// Do takes an action of the host's own, with the permission that its rule names. The effects of
// the categories between which it moves are those of the library's own actions: a wait begins
// or ends, timestamps are set, closing is scheduled. An action of the library has a command of
// its own and is ErrInvalid here; one that the system takes is not for people.
func (p *Practice) Do(ctx context.Context, actor itsm.Actor, id itsm.ID, action Action, in Input) (Incident, error) {
	var f itsm.Faults
	f.Key("action", string(action))
	if slices.Contains(ownActions, action) {
		f.Add("action", "is the library's own and has a command of its own")
	}
	if !f.Empty() {
		f.Merge("", in.Command.Validate())
		return Incident{}, f.Err(Kind)
	}
	return p.command(ctx, actor, id, action, in.Command, withColumns(in, in.Columns), func(ctx context.Context, w *work) error {
		if p.isSystem(w.State, action) && !actor.System {
			return &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: w.permission(action), Kind: Kind, ID: id, Reason: "only the system takes this action"}
		}
		in := in // taken anew at each run of the unit
		if to, known := p.o.Lifecycle.Leads(w.State, action, w.Before); known {
			w.checkUse(&in, to)
		}
		if err := w.apply(ctx, in); err != nil {
			return err
		}
		if err := w.check(ctx, action); err != nil {
			return err
		}
		note, err := w.say(ctx)
		if err != nil {
			return err
		}
		if w.category(w.to) == itsm.CategoryWaiting && note != "" && w.category(w.State) != itsm.CategoryWaiting {
			w.HoldNote = note
		}
		if w.Was.Group != "" || w.Was.Assignee != "" {
			if w.Group != w.Was.Group || w.Assignee != w.Was.Assignee {
				w.Reassignments++
			}
		}
		return w.move(Acted{Note: note, Data: in.Data})
	})
}

// checkUse notes input that an action into the state would have no use for, and takes it out.
func (w *work) checkUse(in *Input, to State) {
	unused := func(field string, given bool, of itsm.Category) bool {
		if !given || w.category(to) == of {
			return false
		}
		w.faults.Addf(field, "is for an action that leads to a %s state", of)
		return true
	}
	if unused("hold_reason", in.HoldReason != "", itsm.CategoryWaiting) {
		in.HoldReason = ""
	}
	switch {
	case in.Until.IsZero():
	case unused("until", true, itsm.CategoryWaiting):
		in.Until = time.Time{}
	case !w.p.o.Lifecycle.Has(to, ActionResume):
		w.faults.Addf("until", "has no effect in the state %s, which has no action %s", to, ActionResume)
		in.Until = time.Time{}
	}
	if unused("link", in.Link != nil, itsm.CategoryWaiting) {
		in.Link = nil
	}
	if unused("code", in.Code != "", itsm.CategoryResolved) {
		in.Code = ""
	}
	if unused("notes", in.Notes != "", itsm.CategoryResolved) {
		in.Notes = ""
	}
}

// apply applies the input of a host's own action.
func (w *work) apply(ctx context.Context, in Input) error {
	w.write(in.Note, in.Visibility)
	if in.Group != "" || in.Assignee != "" {
		w.assign(in.Group, in.Assignee)
	}
	if in.HoldReason != "" || !in.Until.IsZero() || in.Link != nil {
		if _, known := w.p.holdRule(in.HoldReason); in.HoldReason != "" && !known {
			w.faults.Addf("hold_reason", "must be one of: %s", list(w.p.holdReasons()))
		}
		if err := w.waitFor(ctx, in.HoldReason, in.Until, in.Link); err != nil {
			return err
		}
	}
	if in.Code != "" || in.Notes != "" {
		if in.Code != "" && !slices.Contains(w.p.o.Codes, in.Code) {
			w.faults.Addf("code", "must be one of: %s", list(w.p.o.Codes))
		}
		w.faults.Text("notes", in.Notes, MaxNotes, false)
		w.Resolution = Outcome{Code: in.Code, Notes: in.Notes, By: w.actor.ID}
	}
	w.setFields(in.Fields)
	w.setColumns(in.Columns)
	switch {
	case len(in.Data) > MaxData:
		w.faults.Addf("data", "has %d bytes; at most %d are allowed", len(in.Data), MaxData)
	case len(in.Data) > 0 && !json.Valid(in.Data):
		w.faults.Add("data", "is not valid JSON")
	}
	return nil
}

// ownActions have commands of their own.
var ownActions = []Action{
	ActionLog, ActionAssign, ActionAccept, ActionStart, ActionReassign, ActionHold, ActionChangeHoldReason,
	ActionResume, ActionResolve, ActionReopen, ActionConfirm, ActionAutoClose, ActionCancel, ActionReply,
	ActionNote, ActionClassify, ActionOverridePriority, ActionClearOverride, ActionAcknowledge, ActionRestore,
	ActionSetTimes, ActionEdit, ActionRestrict, ActionUnrestrict, ActionLink, ActionUnlink, ActionFollowUp,
	ActionEscalate, ActionTag, ActionUntag, ActionAttach, ActionDetach, ActionLogWork, ActionAddCost,
	ActionReverseCost, ActionAnswerSurvey, ActionLapseSurvey,
	ActionFanOut, ActionWithdraw,
	ActionAlert, ActionClearAlert,
}

// isAction says whether there is such an action at all: for what does not exist, no one lacks a
// permission.
func (p *Practice) isAction(a Action) bool {
	return slices.Contains(ownActions, a) || slices.ContainsFunc(p.o.Lifecycle.Rules(), func(r Rule) bool { return r.On == a })
}

func (p *Practice) isSystem(s State, a Action) bool {
	for _, r := range p.o.Lifecycle.Rules() {
		if r.System && r.On == a && slices.Contains(r.From, s) {
			return true
		}
	}
	return false
}

// PermittedActions gives every action of the state that the incident is in, those beside the
// lifecycle too: whether the actor can take it now and, where not, why. Of an action that the actor
// has no permission for, Forbidden is set and the reason says so, whatever a guard would say. What
// the input must bring stands in Missing. To link or unlink a parent or child takes the permission on
// that one too.
func (p *Practice) PermittedActions(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.PermittedAction, error) {
	var out []itsm.PermittedAction
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		i, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		w := &work{Case: &Case{Incident: i, Was: i}, p: p, r: r, actor: actor, now: p.e.Now()}
		if out, err = w.actions(ctx); err != nil {
			return err
		}
		for n := range out {
			a := &out[n]
			err := p.e.Authorizer().Authorize(ctx, actor, a.Permission, i.Subject())
			switch {
			case isForbidden(err):
				a.Permitted, a.Forbidden, a.Reason = false, true, err.Error()
			case err != nil:
				return err
			}
		}
		return nil
	})
	return out, err
}

// actions gives the actions of the lifecycle and those beside it, without those of the system.
func (w *work) actions(ctx context.Context) ([]itsm.PermittedAction, error) {
	l := w.p.o.Lifecycle
	category, ok := l.Category(w.State)
	if !ok {
		return nil, &itsm.UnknownStateError{Kind: Kind, State: string(w.State)}
	}
	if err := w.facts(ctx, ""); err != nil {
		return nil, err
	}
	out := slices.DeleteFunc(l.Actions(w.State, w.attempt()), func(a itsm.PermittedAction) bool { return a.System })
	for n := range out { // a host's rules for actions beside it need what their commands need
		if b, ok := besideRule(Action(out[n].Action)); ok {
			for _, field := range b.needs {
				if !slices.Contains(out[n].Missing, field) {
					out[n].Missing = append(out[n].Missing, field)
				}
			}
		}
	}
	for _, b := range besideRules {
		if l.Has(w.State, b.action) || !b.in(category) {
			continue
		}
		reason := b.guard(w.Case)
		out = append(out, itsm.PermittedAction{
			Action: string(b.action), Title: b.title, To: string(w.State),
			Permitted: reason == "", Reason: reason, Missing: slices.Clone(b.needs), Permission: b.permission,
		})
	}
	return out, nil
}
