// This file holds a host's own actions, and which actions an actor can take.

package change

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxData is the greatest length in bytes of the data of a host's own action.
const MaxData = 64 << 10

// Input is what a host's own action may bring. All of it is optional here: what an action
// needs is in its rule.
type Input struct {
	itsm.Command
	// Note is written on the change, as an internal one.
	Note string `json:"note,omitempty"`
	// Group and Assignee assign it; where both are empty the assignment stays.
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
	// Fields and Columns are set as [Practice.Edit] does.
	Fields  itsm.Fields           `json:"fields,omitempty"`
	Columns []storage.Value[Head] `json:"-"`
	// Data is kept in the event [Acted]. Only who may read what is internal sees it there.
	Data json.RawMessage `json:"data,omitempty"`
}

// Do takes an action of the host's own, with the permission that its rule names. What hangs on the categories of the states
// between which it moves happens as it does by the library's own actions. An action of the library has a command of
// its own and is ErrInvalid here; one that the system takes is not for people.
func (p *Practice) Do(ctx context.Context, actor itsm.Actor, id itsm.ID, action Action, in Input) (Change, error) {
	var f itsm.Faults
	f.Key("action", string(action))
	if slices.Contains(ownActions, action) {
		f.Add("action", "is the library's own and has a command of its own")
	}
	if !f.Empty() {
		f.Merge("", in.Command.Validate())
		return Change{}, f.Err(Kind)
	}
	return p.command(ctx, actor, id, action, in.Command, withColumns(in, in.Columns), func(ctx context.Context, w *work) error {
		if w.isSystem(action) && !actor.System {
			return &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: w.permission(action), Kind: Kind, ID: id, Reason: "only the system takes this action"}
		}
		w.faults.Text("note", in.Note, itsm.MaxNote, false)
		if in.Group != "" || in.Assignee != "" {
			w.Group, w.Assignee = orElse(in.Group, w.Group), in.Assignee
			w.checkID("group", w.Group)
			w.checkID("assignee", w.Assignee)
		}
		w.setFields(in.Fields)
		w.setColumns(in.Columns)
		switch {
		case len(in.Data) > MaxData:
			w.faults.Addf("data", "has %d bytes; at most %d are allowed", len(in.Data), MaxData)
		case len(in.Data) > 0 && !json.Valid(in.Data):
			w.faults.Add("data", "is not valid JSON")
		}
		matters, err := w.partiesMatter(ctx)
		if err != nil {
			return err
		}
		if matters {
			w.faults.Add("assignee", "has decided about the change in its gates; assign it first")
		}
		if err := w.check(ctx, action); err != nil {
			return err
		}
		var note itsm.ID
		if in.Note != "" {
			if note, err = w.u.AddNote(ctx, w.Ref(), itsm.Note{Visibility: itsm.VisibilityInternal, Text: in.Note}); err != nil {
				return err
			}
		}
		if w.Assignee != w.Was.Assignee && w.Asked != nil && !w.Was.begun() {
			w.gates = gatesRevise
		}
		return w.move(Acted{Note: note, Data: in.Data})
	})
}

// ownActions have commands of their own.
var ownActions = []Action{
	ActionSubmit, ActionChangeModel, ActionRecordAssessment, ActionAssess, ActionAuthorise, ActionReturn, ActionReject,
	ActionRedraft, ActionReauthorise, ActionReschedule, ActionStart, ActionComplete, ActionClose, ActionCancel, ActionDraft,
	ActionRecordRetrospective, ActionHold, ActionRelease, ActionEdit, ActionAssign, ActionOverrideRisk, ActionClearRiskOverride,
	ActionNote, ActionLink, ActionUnlink, ActionRestrict, ActionUnrestrict, ActionFlagUnauthorised, ActionAnswerUnauthorised,
	ActionMinute, ActionCause,
}

// isAction says whether there is such an action at all: for what does not exist, no one lacks a
// permission.
func (w *work) isAction(a Action) bool {
	return slices.Contains(ownActions, a) || isOwn(w.lifecycle(), a)
}

func (w *work) isSystem(a Action) bool {
	for _, r := range w.lifecycle().Rules() {
		if r.System && r.On == a && slices.Contains(r.From, w.State) {
			return true
		}
	}
	return false
}

// PermittedActions gives every action of the state that the change is in, those beside the
// lifecycle too: whether the actor can take it now and, where not, why. Of an action that the actor
// has no permission for, Forbidden is set and the reason says so, whatever a guard would say. What
// the input must bring stands in Missing. Whether a freeze stands against starting is asked when it is started.
func (p *Practice) PermittedActions(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.PermittedAction, error) {
	var out []itsm.PermittedAction
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		c, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		w, err := p.look(r, actor, c)
		if err != nil {
			return err
		}
		if out, err = w.actions(ctx); err != nil {
			return err
		}
		for n := range out {
			a := &out[n]
			err := p.e.Authorizer().Authorize(ctx, actor, a.Permission, c.Subject())
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

// look gives the work on a change that is only looked at.
func (p *Practice) look(r storage.Reader, actor itsm.Actor, c Change) (*work, error) {
	model, known := p.models[c.Model]
	if !known {
		return nil, &UnknownModelError{ID: c.ID, Model: c.Model}
	}
	now := p.e.Now()
	return &work{Case: &Case{Change: c, Was: c, Follows: *model, now: now}, p: p, r: r, actor: actor, now: now}, nil
}

// actions gives the actions of the lifecycle and those beside it, without those of the system.
func (w *work) actions(ctx context.Context) ([]itsm.PermittedAction, error) {
	l := w.lifecycle()
	category, ok := l.Category(w.State)
	if !ok {
		return nil, &itsm.UnknownStateError{Kind: Kind, State: string(w.State)}
	}
	if err := w.facts(ctx, ""); err != nil {
		return nil, err
	}
	out := slices.DeleteFunc(l.Actions(w.State, w.attempt()), func(a itsm.PermittedAction) bool {
		// An edit outside the envelope does it; nobody asks for it as such.
		return a.System || a.Action == string(ActionReauthorise)
	})
	for _, b := range besideRules {
		if b.system || l.Has(w.State, b.action) || !b.in(category) {
			continue
		}
		reason := b.guard(w.Case)
		out = append(out, itsm.PermittedAction{
			Action: string(b.action), Title: b.title, To: string(w.State),
			Permitted: reason == "", Reason: reason, Missing: slices.Clone(b.needs), Permission: b.permission,
		})
	}
	if w.Held {
		for n := range out {
			if a := &out[n]; !whileHeld(Action(a.Action)) {
				a.Permitted, a.Reason = false, heldReason
			}
		}
	}
	return out, nil
}
