// This file holds a host's own actions, and which actions an actor can take.

package problem

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

// Input is what a host's own action may bring. All of it is optional here: what an action needs is in its
// rule.
type Input struct {
	itsm.Command
	// Note is written on the problem; its visibility is internal where empty.
	Note       string          `json:"note,omitempty"`
	Visibility itsm.Visibility `json:"visibility,omitempty"`
	// Group and Assignee assign it; where both are empty the assignment stays.
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
	// HoldReason and Until are for an action that leads to a waiting state, and a fault elsewhere. Until
	// needs a rule for [ActionResume] there.
	HoldReason HoldReason `json:"hold_reason,omitempty"`
	Until      time.Time  `json:"until,omitzero"`
	// Code is for an action that leads to a state that is not open, and a fault elsewhere.
	Code Code `json:"code,omitempty"`
	// Fields and Columns are set as [Practice.Edit] does.
	Fields  itsm.Fields           `json:"fields,omitempty"`
	Columns []storage.Value[Head] `json:"-"`
	// Data is kept in the event [Acted]. Only who may read what is internal sees it there.
	Data json.RawMessage `json:"data,omitempty"`
}

// Do takes an action of the host's own, with the permission that its rule names. The effects of the
// categories between which it moves are those of the library's own actions. An action of the library has a
// command of its own and is ErrInvalid here; one that the system takes is not for people.
func (p *Practice) Do(ctx context.Context, actor itsm.Actor, id itsm.ID, action Action, in Input) (Problem, error) {
	var f itsm.Faults
	f.Key("action", string(action))
	if slices.Contains(ownActions, action) {
		f.Add("action", "is the library's own and has a command of its own")
	}
	if !f.Empty() {
		f.Merge("", in.Command.Validate())
		return Problem{}, f.Err(Kind)
	}
	return p.command(ctx, actor, id, action, in.Command, withColumns(in, in.Columns), func(ctx context.Context, w *work) error {
		if p.isSystem(w.State, action) && !actor.System {
			return &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: w.permission(action), Kind: Kind, ID: id, Reason: "only the system takes this action"}
		}
		in := in // taken anew at each run of the unit
		if to, known := p.o.Lifecycle.Leads(w.State, action, w.Before); known {
			w.checkUse(&in, to)
		}
		w.faults.Text("note", in.Note, itsm.MaxNote, false)
		w.write(in.Note, in.Visibility)
		if in.Group != "" || in.Assignee != "" {
			w.assign(in.Group, in.Assignee)
		}
		if in.HoldReason != "" || !in.Until.IsZero() {
			w.waitFor(in.HoldReason, in.Until)
		}
		w.setFields(in.Fields)
		w.setColumns(in.Columns)
		switch {
		case len(in.Data) > MaxData:
			w.faults.Addf("data", "has %d bytes; at most %d are allowed", len(in.Data), MaxData)
		case len(in.Data) > 0 && !json.Valid(in.Data):
			w.faults.Add("data", "is not valid JSON")
		}
		if err := w.check(ctx, action); err != nil {
			return err
		}
		note, err := w.say(ctx)
		if err != nil {
			return err
		}
		w.Code = orElse(in.Code, w.Code)
		return w.move(Acted{Note: note, Data: in.Data})
	})
}

// checkUse notes input that an action into the state would have no use for, and takes it out.
func (w *work) checkUse(in *Input, to State) {
	category := w.category(to)
	if in.HoldReason != "" && category != itsm.CategoryWaiting {
		w.faults.Addf("hold_reason", "is for an action that leads to a %s state", itsm.CategoryWaiting)
		in.HoldReason = ""
	}
	if !in.Until.IsZero() && category != itsm.CategoryWaiting {
		w.faults.Addf("until", "is for an action that leads to a %s state", itsm.CategoryWaiting)
		in.Until = time.Time{}
	} else if !in.Until.IsZero() && !w.p.o.Lifecycle.Has(to, ActionResume) {
		w.faults.Addf("until", "has no effect in the state %s, which has no action %s", to, ActionResume)
		in.Until = time.Time{}
	}
	switch {
	case in.Code == "":
	case category.Open():
		w.faults.Add("code", "is for an action that leads to a state that is not open")
		in.Code = ""
	case !slices.Contains(Codes(), in.Code) || in.Code == CodeDuplicate:
		w.faults.Addf("code", "must be one of: %s, %s", CodeFixed, CodeRiskAccepted)
		in.Code = ""
	}
}

// ownActions have commands of their own.
var ownActions = []Action{
	ActionRegister, ActionAccept, ActionAnalyse, ActionIdentifyCause, ActionRecordWorkaround, ActionPlanFix, ActionFixVerified,
	ActionFixFailed, ActionAcceptRisk, ActionMarkDuplicate, ActionHold, ActionResume, ActionCancel, ActionClose, ActionAutoClose,
	ActionReanalyse, ActionRecordAnalysis, ActionClassify, ActionAssign, ActionEdit, ActionNote, ActionRestrict, ActionUnrestrict,
	ActionLink, ActionUnlink, ActionRenewRisk, ActionRecordOutcome, ActionRecur, ActionReview, ActionMoveLinks,
}

// isAction says whether there is such an action for people at all: for what does not exist, no one lacks a
// permission.
func (p *Practice) isAction(a Action) bool {
	if a == ActionReview || a == ActionMoveLinks {
		return false
	}
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

// PermittedActions gives every action of the state that the problem is in, those beside the lifecycle too:
// whether the actor can take it now and, where not, why. Of an action that the actor has no permission for,
// Forbidden is set and the reason says so, whatever a guard would say. What the input must bring stands in
// Missing.
func (p *Practice) PermittedActions(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.PermittedAction, error) {
	var out []itsm.PermittedAction
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		found, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		internal, err := p.allows(ctx, actor, PermissionReadInternal, &found)
		if err != nil {
			return err
		}
		w := &work{Case: &Case{Problem: found, Was: found}, p: p, r: r, actor: actor, now: p.e.Now(), internal: internal}
		if out, err = w.actions(ctx); err != nil {
			return err
		}
		for n := range out {
			a := &out[n]
			a.Permission = w.permission(Action(a.Action))
			err := p.e.Authorizer().Authorize(ctx, actor, a.Permission, found.Subject())
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
