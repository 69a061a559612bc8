// This file holds the actions beside the lifecycle: they move nothing, and are permitted by the category
// of the state and a guard.

package problem

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
)

// beside is one row of the table of these actions.
type beside struct {
	action     Action
	title      string
	permission itsm.Permission
	in         func(itsm.Category) bool
	guard      func(*Case) string
	needs      []string // what the command's input must bring
}

func anyCategory(itsm.Category) bool    { return true }
func notFinal(c itsm.Category) bool     { return !c.Final() }
func onlyResolved(c itsm.Category) bool { return c == itsm.CategoryResolved }
func notOpen(c itsm.Category) bool      { return !c.Open() }
func unguarded(*Case) (reason string)   { return "" }
func ofAction(a Action) itsm.Permission { return itsm.Permission(Kind + "." + string(a)) }

var besideRules = []beside{
	{ActionRecordAnalysis, "Record analysis", ofAction(ActionAnalyse), notFinal, unguarded, nil},
	{ActionClassify, "Classify", ofAction(ActionClassify), notFinal, unguarded, nil},
	{ActionAssign, "Assign", PermissionAssign, notFinal, unguarded, []string{"group or assignee"}},
	{ActionEdit, "Edit", PermissionEdit, notFinal, unguarded, nil},
	{ActionNote, "Note", ofAction(ActionNote), anyCategory, unguarded, []string{"text"}},
	{ActionRestrict, "Restrict", PermissionRestrict, anyCategory, unguarded, nil},
	{ActionUnrestrict, "Unrestrict", PermissionRestrict, anyCategory, func(c *Case) string {
		if !c.Was.Restricted {
			return "it is not restricted"
		}
		return ""
	}, nil},
	{ActionLink, "Link", PermissionEdit, anyCategory, unguarded, []string{"type", "to"}},
	{ActionUnlink, "Unlink", PermissionEdit, anyCategory, unguarded, []string{"type", "to"}},
	{ActionRenewRisk, "Renew risk", ofAction(ActionAcceptRisk), notOpen, func(c *Case) string {
		if c.Was.Code != CodeRiskAccepted {
			return "its risk is not accepted"
		}
		return ""
	}, []string{"approver", "review_at", "reason"}},
	{ActionRecordOutcome, "Record outcome", ofAction(ActionRecordOutcome), itsm.Category.Open, func(c *Case) string {
		if c.Was.Fix == nil || len(c.Was.Fix.Changes) == 0 {
			return "no change is to fix it"
		}
		return ""
	}, []string{"change", "outcome"}},
	{ActionRecur, "Recur", ofAction(ActionRecur), onlyResolved, unguarded, nil},
}

func besideRule(a Action) (beside, bool) {
	for _, b := range besideRules {
		if b.action == a {
			return b, true
		}
	}
	return beside{}, false
}

// besides names those that are permitted now, but for one that was tried.
func (w *work) besides(tried Action) []string {
	var names []string
	for _, b := range besideRules {
		if b.action != tried && !w.p.o.Lifecycle.Has(w.State, b.action) && b.in(w.category(w.State)) && b.guard(w.Case) == "" {
			names = append(names, string(b.action))
		}
	}
	return names
}

// checkBeside refuses in the order in which a lifecycle does.
func (w *work) checkBeside(ctx context.Context, b beside) error {
	category, ok := w.p.o.Lifecycle.Category(w.State)
	if !ok {
		return &itsm.UnknownStateError{Kind: Kind, State: string(w.State)}
	}
	if !b.in(category) {
		return w.refusal(ctx, b.action, "")
	}
	if err := w.faults.Err(Kind); err != nil {
		return err
	}
	if reason := b.guard(w.Case); reason != "" {
		return w.refusal(ctx, b.action, reason)
	}
	return nil
}

// refusal names what is permitted instead, as that of the lifecycle does.
func (w *work) refusal(ctx context.Context, a Action, reason string) error {
	e := &itsm.TransitionError{Kind: Kind, ID: w.ID, State: string(w.State), Action: string(a), Reason: reason}
	for _, p := range w.p.o.Lifecycle.Actions(w.State, w.attempt()) {
		if !p.System && p.Permitted {
			e.Permitted = append(e.Permitted, p.Action)
		}
	}
	e.Permitted = append(e.Permitted, w.besides(a)...)
	return w.offer(ctx, e)
}

// offer leaves in a refusal those actions that the actor has the permission for.
func (w *work) offer(ctx context.Context, e *itsm.TransitionError) error {
	var permitted []string
	for _, name := range e.Permitted {
		may, err := w.p.allows(ctx, w.actor, w.permission(Action(name)), &w.Was)
		if err != nil {
			return err
		}
		if may {
			permitted = append(permitted, name)
		}
	}
	e.Permitted = permitted
	return e
}
