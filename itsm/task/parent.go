// This file holds what passes between a parent and its tasks: the parent's end, and what is open or was
// not done before it.

package task

import (
	"context"
	"fmt"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// parentMoved is the reaction to every event: where a record with tasks is closed, cancelled or
// deleted, its open tasks are cancelled in the same transaction.
func (p *Practice) parentMoved(ctx context.Context, u *engine.Unit, e itsm.Event) error {
	_, deleted := e.Data.(engine.Deleted)
	ends := e.ToCategory.Final() && !e.FromCategory.Final() || deleted
	opens := e.FromCategory.Final() && !e.ToCategory.Final() && e.ToCategory != ""
	if !ends && !opens || e.Kind == PlanKind {
		return nil
	}
	parent := itsm.Ref{Kind: e.Kind, ID: e.Record}
	plan, there, err := readPlan(ctx, u.Quiet(), parent)
	if err != nil || !there || plan.ParentEnded == ends {
		return err
	}
	plan.ParentEnded = ends
	tasks, err := p.of(ctx, u, parent)
	if err != nil {
		return err
	}
	if ends {
		how := string(e.ToCategory)
		if deleted {
			how = "deleted"
		}
		reason := fmt.Sprintf("the %s that it is about was %s", e.Kind, how)
		for i := range tasks {
			if !tasks[i].Open {
				continue
			}
			if err := p.auto(ctx, u, &tasks[i], ActionCancel, reason, Cancelled{Parent: true}); err != nil {
				return err
			}
		}
	}
	return p.tell(ctx, u, plan, tasks)
}

// Warnings tells what a record's tasks leave to be thought of before it is resolved: that some are
// open, or have failed, or were skipped or cancelled. They are numbers, and name no task. It asks for
// no permission: that is for the practice whose record it is.
func (p *Practice) Warnings(ctx context.Context, r storage.Reader, of itsm.Ref) ([]string, error) {
	plan, _, err := readPlan(ctx, r, of)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, w := range []struct {
		what           string
		all, mandatory int
	}{
		{"open tasks", plan.Tasks.Open, plan.Mandatory.Open},
		{"failed tasks", plan.Tasks.Failed, plan.Mandatory.Failed},
		{"skipped tasks", plan.Tasks.Skipped, plan.Mandatory.Skipped},
		{"cancelled tasks", plan.Tasks.Cancelled, plan.Mandatory.Cancelled},
	} {
		if w.all > 0 {
			out = append(out, count(w.what, w.all, w.all-w.mandatory))
		}
	}
	return out, nil
}

func count(what string, n, optional int) string {
	if optional > 0 {
		return fmt.Sprintf("%s: %d, %d of them optional", what, n, optional)
	}
	return fmt.Sprintf("%s: %d", what, n)
}

// Blocking says which open tasks keep a record from being resolved.
type Blocking string

// The policies.
const (
	// BlockNothing lets every record pass; [Practice.Warnings] tells. It is what an empty policy is.
	BlockNothing Blocking = "nothing"
	// BlockMandatory refuses while a task that is not optional is open, BlockAll while any is.
	BlockMandatory Blocking = "mandatory"
	BlockAll       Blocking = "all"
)

// Blockings gives the policies that there are.
func Blockings() []Blocking { return []Blocking{BlockNothing, BlockMandatory, BlockAll} }

// Blockers makes of a policy what a practice asks before it resolves a record, in the form of
// incident.Options.Blockers:
//
//	incident.Options{Blockers: task.Blockers[incident.Incident](tasks, task.BlockMandatory)}
//
// T is the record, P follows from it. An unknown policy is ErrInvalid when it is asked.
func Blockers[T any, P interface {
	*T
	Ref() itsm.Ref
}](p *Practice, policy Blocking) func(ctx context.Context, r storage.Reader, record T) ([]string, error) {
	return func(ctx context.Context, r storage.Reader, record T) ([]string, error) {
		plan, _, err := readPlan(ctx, r, P(&record).Ref())
		if err != nil {
			return nil, err
		}
		open, mandatory := plan.Tasks.Open, plan.Mandatory.Open
		switch policy {
		case "", BlockNothing:
			return nil, nil
		case BlockMandatory:
			open = mandatory
		case BlockAll:
		default:
			return nil, itsm.Invalid("task blockers", "policy", fmt.Sprintf("is %q; allowed are nothing, mandatory and all", policy))
		}
		if open == 0 {
			return nil, nil
		}
		return []string{count("open tasks", open, open-mandatory)}, nil
	}
}
