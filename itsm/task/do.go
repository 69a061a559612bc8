// This file holds a host's own actions and columns, and which actions an actor can take.

package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxData is the greatest length in bytes of the data of a host's own action.
const MaxData = 64 << 10

// Input is what a host's own action may bring. All of it is optional here: what an action needs is in
// its rule.
type Input struct {
	itsm.Command
	// Group and Assignee assign it; where both are empty the assignment stays.
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
	// Code is for an action that ends the task, and a fault elsewhere.
	Code string `json:"code,omitempty"`
	// Columns are values of the host's own columns.
	Columns []storage.Value[Head] `json:"-"`
	// Data is kept in the event [Acted].
	Data json.RawMessage `json:"data,omitempty"`
}

// Do takes an action of the host's own, with the permission that its rule names. The effects of the
// categories between which it moves are those of the library's own actions: a wait begins or ends,
// the outcome is set, the plan follows. An action of the library has a command of its own and is
// ErrInvalid here; one that the system takes is not for people.
func (p *Practice) Do(ctx context.Context, actor itsm.Actor, id itsm.ID, action Action, in Input) (Task, error) {
	var f itsm.Faults
	f.Key("action", string(action))
	if slices.Contains(ownActions, action) {
		f.Add("action", "is the library's own and has a command of its own")
	}
	if !f.Empty() {
		f.Merge("", in.Command.Validate())
		return Task{}, f.Err(Kind)
	}
	return p.command(ctx, actor, id, action, in.Command, withColumns(in, in.Columns), func(ctx context.Context, w *work) error {
		if p.isSystem(w.State, action) && !actor.System {
			return &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: w.permission(action), Kind: Kind, ID: id, Reason: "only the system takes this action"}
		}
		if in.Group != "" || in.Assignee != "" {
			checkID(&w.faults, "group", in.Group)
			checkID(&w.faults, "assignee", in.Assignee)
			if in.Group != "" {
				w.Group = in.Group
			}
			w.Assignee = in.Assignee
			if (w.Was.Group != "" || w.Was.Assignee != "") && (w.Group != w.Was.Group || w.Assignee != w.Was.Assignee) {
				w.Reassignments++
			}
		}
		if in.Code != "" {
			w.faults.Text("code", in.Code, MaxCode, false)
			if to, known := p.o.Lifecycle.Leads(w.State, action, w.Before); known && w.category(to).Open() {
				w.faults.Add("code", "is for an action that ends the task")
			}
			w.Code = in.Code
		}
		w.setColumns(in.Columns)
		switch {
		case len(in.Data) > MaxData:
			w.faults.Addf("data", "has %d bytes; at most %d are allowed", len(in.Data), MaxData)
		case len(in.Data) > 0 && !json.Valid(in.Data):
			w.faults.Add("data", "is not valid JSON")
		}
		return w.fire(ctx, action, Acted{Data: in.Data})
	})
}

// ownActions have commands of their own, or are the plan's.
var ownActions = []Action{
	ActionRelease, ActionBlock, ActionRevive, ActionAssign, ActionAccept, ActionReassign, ActionStart, ActionHold,
	ActionResume, ActionComplete, ActionFail, ActionSkip, ActionCancel, ActionRetry, ActionPrecede, ActionEdit,
	ActionRecordEffort, ActionRemind, ActionAdd,
}

// isAction says whether there is such an action at all: for what does not exist, no one lacks a
// permission.
func (p *Practice) isAction(a Action) bool {
	_, known := p.permissions[a]
	return known || slices.Contains(ownActions, a)
}

func (p *Practice) isSystem(s State, a Action) bool {
	return slices.ContainsFunc(p.o.Lifecycle.Rules(), func(r Rule) bool {
		return r.System && r.On == a && slices.Contains(r.From, s)
	})
}

// PermittedActions gives every action of the state that the task is in: whether the actor can take it
// now and, where not, why. Of an action that the actor has no permission for, Forbidden is set and the
// reason says so, whatever a guard would say. What the input must bring stands in Missing.
func (p *Practice) PermittedActions(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.PermittedAction, error) {
	var out []itsm.PermittedAction
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		t, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		l := p.o.Lifecycle
		if _, ok := l.Category(t.State); !ok {
			return &itsm.UnknownStateError{Kind: Kind, State: string(t.State)}
		}
		w := &work{Case: &Case{Task: t, Was: t}, p: p, r: r, actor: actor, now: p.e.Now()}
		if err := w.facts(ctx, ""); err != nil {
			return err
		}
		out = slices.DeleteFunc(l.Actions(t.State, w.attempt()), func(a itsm.PermittedAction) bool { return a.System })
		for n := range out {
			a := &out[n]
			err := p.e.Authorizer().Authorize(ctx, actor, a.Permission, subject(&t))
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

// setColumns sets the host's own columns, and only those: the others have commands.
func (w *work) setColumns(values []storage.Value[Head]) {
	if len(values) == 0 {
		return
	}
	w.Custom = maps.Clone(w.Custom)
	for i, v := range values {
		column, known := w.p.table.Schema().Column(v.Column)
		switch {
		case v.Column == "":
			w.faults.Add(fmt.Sprintf("columns[%d]", i), "is not set; make values by a column's Value or Clear")
		case !known || !isCustom(column.Name):
			w.faults.Addf("columns", "have %.64q, which is not a host's own column of tasks", v.Column)
		default:
			w.faults.Merge("columns", v.Apply(&w.Head))
		}
	}
	if len(w.Custom) == 0 {
		w.Custom = nil
	}
	// A value that does not fit its column would be refused by the store, after all else.
	probe := Task{Head: Head{Meta: storage.Meta{Custom: w.Custom}}}
	_, err := w.p.table.Encode(&probe)
	var invalid *itsm.ValidationError
	if errors.As(err, &invalid) {
		for _, f := range invalid.Faults {
			if isCustom(f.Field) {
				w.faults.Add("columns."+f.Field, f.Problem)
			}
		}
	}
}

// keyed is a request as its idempotency key remembers it, with the host's columns, whose values have
// no JSON form of their own.
type keyed struct {
	Request any             `json:"request"`
	Columns json.RawMessage `json:"columns,omitempty"`
}

func withColumns(request any, values []storage.Value[Head]) keyed {
	var h Head
	for _, v := range values {
		_ = v.Apply(&h) // what is wrong with it is told where it is applied to the record
	}
	k := keyed{Request: request}
	if len(h.Custom) > 0 {
		if raw, err := json.Marshal(h.Custom); err == nil {
			k.Columns = raw
		}
	}
	return k
}
