// This file holds policies: ladders as records, with their commands.

package oncall

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Policy is a ladder under a name. An escalation keeps to the version of it that it started with.
type Policy struct {
	PolicyHead
	PolicyBody
}

// PolicyHead is what policies are listed by.
type PolicyHead struct {
	storage.Meta
	Name string `json:"name"`
	// Retired says that no escalation starts by it any more; those under way go on.
	Retired bool `json:"retired"`
}

// PolicyBody is the rest of a policy.
type PolicyBody struct {
	Description string `json:"description,omitempty"`
	Ladder      Ladder `json:"ladder"`
}

// The columns of policies.
var (
	PolicyByName    = storage.Col("name", func(h *PolicyHead) *string { return &h.Name })
	PolicyByRetired = storage.BoolCol("retired", func(h *PolicyHead) *bool { return &h.Retired })
)

// PolicyTable is the table of policies.
var PolicyTable = storage.Define(KindPolicy, storage.Def[Policy, PolicyHead, PolicyBody]{
	Parts:   func(p *Policy) (*PolicyHead, *PolicyBody) { return &p.PolicyHead, &p.PolicyBody },
	Columns: []storage.ColumnOf[PolicyHead]{PolicyByName, PolicyByRetired},
	Indexes: []storage.Index{storage.IndexOn(PolicyByRetired.Asc(), PolicyByName.Asc()), storage.IndexOn(PolicyByName.Asc())},
})

// PolicyDefinition is a policy as its author writes it.
type PolicyDefinition struct {
	itsm.Command
	// ID is the host's own, so that triggers that are published to many tenants can name the policy of
	// each; empty makes one. A revision leaves it empty or gives the policy's.
	ID itsm.ID `json:"id,omitempty"`
	// Name is required; two policies may have the same.
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// Ladder's schedules must exist and not be retired. Its people and groups are the host's to know.
	Ladder Ladder `json:"ladder"`
}

// check gives what is wrong with the definition, and keeps the schedules that it names from being
// retired meanwhile.
func (d *PolicyDefinition) check(ctx context.Context, u *engine.Unit, call engine.Call) error {
	var f itsm.Faults
	f.Merge("", call.Validate())
	if err := checkID(ctx, u, &f, PolicyTable, d.ID, call); err != nil {
		return err
	}
	f.Text("name", d.Name, MaxName, true)
	f.Text("description", d.Description, MaxDescription, false)
	if err := d.Ladder.Check(); err != nil {
		f.Merge("ladder", err)
		return f.Err("policy")
	}
	if len(d.Ladder.schedules()) > 0 {
		if err := u.Lock(ctx, lockDefinitions); err != nil {
			return err
		}
	}
	usable := map[itsm.ID]bool{}
	for _, id := range d.Ladder.schedules() {
		s, err := ScheduleTable.Get(ctx, u, id)
		if err != nil && !isNotFound(err) {
			return err
		}
		usable[id] = err == nil && !s.Retired
	}
	for i, step := range d.Ladder.Steps {
		for j, target := range step.Targets {
			if target.Kind == TargetSchedule && !usable[target.ID] {
				f.Add(fmt.Sprintf("ladder.steps[%d].targets[%d].id", i, j), "must be a schedule that is not retired")
			}
		}
	}
	return f.Err("policy")
}

// DefinePolicy makes a policy. It asks for [PermissionManage].
func (p *Practice) DefinePolicy(ctx context.Context, actor itsm.Actor, d PolicyDefinition) (Policy, error) {
	call := engine.Call{Name: "oncall.define_policy", Actor: actor, Command: d.Command, Request: d}
	return manage(ctx, p, PolicyTable, call, func(ctx context.Context, u *engine.Unit) (Policy, error) {
		if err := d.check(ctx, u, call); err != nil {
			return Policy{}, err
		}
		policy := Policy{PolicyHead{storage.Meta{ID: idOf(u, d.ID)}, d.Name, false}, PolicyBody{d.Description, d.Ladder.clone()}}
		if err := PolicyTable.Put(ctx, u, &policy); err != nil {
			return policy, err
		}
		u.Emit(itsm.Event{Kind: KindPolicy, Record: policy.ID, Action: "define", Data: PolicyDefined{policy.Name}})
		return policy, nil
	})
}

// RevisePolicy gives a policy another name, description and ladder, for the escalations that start
// from now on. What is the same as before is not told of. It asks for [PermissionManage]; a policy
// that is retired is ErrTransition.
func (p *Practice) RevisePolicy(ctx context.Context, actor itsm.Actor, id itsm.ID, d PolicyDefinition) (Policy, error) {
	call := engine.Call{Name: "oncall.revise_policy", Actor: actor, Command: d.Command, Target: id, Request: d}
	return manage(ctx, p, PolicyTable, call, func(ctx context.Context, u *engine.Unit) (Policy, error) {
		policy, err := PolicyTable.Get(ctx, u, id)
		if err != nil {
			return policy, err
		}
		if policy.Retired {
			return policy, retired(KindPolicy, id, "revise")
		}
		if err := d.check(ctx, u, call); err != nil {
			return policy, err
		}
		was := policy
		policy.Name, policy.Description, policy.Ladder = d.Name, d.Description, d.Ladder.clone()
		if reflect.DeepEqual(policy, was) {
			return policy, nil
		}
		if err := PolicyTable.Put(ctx, u, &policy); err != nil {
			return policy, err
		}
		u.Emit(itsm.Event{Kind: KindPolicy, Record: id, Action: "revise", Data: PolicyRevised{policy.Name}})
		return policy, nil
	})
}

// RetirePolicy ends a policy for good: no escalation starts by it. It asks for [PermissionManage].
func (p *Practice) RetirePolicy(ctx context.Context, actor itsm.Actor, id itsm.ID, c itsm.Command) (Policy, error) {
	call := engine.Call{Name: "oncall.retire_policy", Actor: actor, Command: c, Target: id, Request: c}
	return manage(ctx, p, PolicyTable, call, func(ctx context.Context, u *engine.Unit) (Policy, error) {
		policy, err := PolicyTable.Get(ctx, u, id)
		if err != nil {
			return policy, err
		}
		if policy.Retired {
			return policy, retired(KindPolicy, id, "retire")
		}
		if err := call.Validate(); err != nil {
			return policy, err
		}
		policy.Retired = true
		if err := PolicyTable.Put(ctx, u, &policy); err != nil {
			return policy, err
		}
		u.Emit(itsm.Event{Kind: KindPolicy, Record: id, Action: "retire", Data: PolicyRetired{policy.Name}})
		return policy, nil
	})
}

// Policy gives a policy.
func (p *Practice) Policy(ctx context.Context, actor itsm.Actor, id itsm.ID) (policy Policy, err error) {
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		policy, err = PolicyTable.Get(ctx, r, id)
		return err
	})
	return policy, err
}

// Policies gives a page of policies; without an order by their names.
func (p *Practice) Policies(ctx context.Context, actor itsm.Actor, q storage.Query[PolicyHead]) (page storage.Page[PolicyHead], err error) {
	if len(q.Order) == 0 {
		q.Order = []storage.Order{PolicyByName.Asc()}
	}
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		page, err = PolicyTable.List(ctx, r, q)
		return err
	})
	return page, err
}

// Forecast gives the turns that an escalation by a policy would take from an instant on if nobody
// acknowledged it, by the schedules and overrides as they are now.
func (p *Practice) Forecast(ctx context.Context, actor itsm.Actor, policy itsm.ID, at time.Time) (turns []Turn, err error) {
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		found, err := PolicyTable.Get(ctx, r, policy)
		if err != nil {
			return err
		}
		turns, err = found.Ladder.Forecast(at, p.reach(ctx, r))
		return err
	})
	return turns, err
}
