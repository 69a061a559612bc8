// This file holds the actions beside the lifecycle: they move nothing, and are permitted by the
// category of the state and a guard.

package incident

import (
	"context"
	"errors"

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
func onlyClosed(c itsm.Category) bool   { return c == itsm.CategoryClosed }
func unguarded(*Case) (reason string)   { return "" }
func ofAction(a Action) itsm.Permission { return itsm.Permission(Kind + "." + string(a)) }

var besideRules = []beside{
	{ActionReply, "Reply", PermissionReply, notFinal, unguarded, []string{"text"}},
	{ActionNote, "Note", ofAction(ActionNote), anyCategory, unguarded, []string{"text"}},
	{ActionClassify, "Classify", ofAction(ActionClassify), notFinal, unguarded, nil},
	{ActionOverridePriority, "Override priority", PermissionOverridePriority, notFinal, unguarded, []string{"priority", "reason"}},
	{ActionClearOverride, "Clear override", PermissionOverridePriority, notFinal, func(c *Case) string {
		if c.Was.PriorityOverride == nil {
			return "its priority is not overridden"
		}
		return ""
	}, []string{"reason"}},
	{ActionAcknowledge, "Acknowledge", ofAction(ActionAcknowledge), notFinal, func(c *Case) string {
		if !c.Was.Acknowledged.IsZero() {
			return "it is acknowledged already"
		}
		return ""
	}, nil},
	{ActionRestore, "Restore", ofAction(ActionRestore), notFinal, func(c *Case) string {
		if !c.Was.Restored.IsZero() {
			return "its service is restored already"
		}
		return ""
	}, nil},
	{ActionSetTimes, "Set times", PermissionEdit, notFinal, unguarded, nil},
	{ActionEdit, "Edit", PermissionEdit, notFinal, unguarded, nil},
	{ActionRestrict, "Restrict", PermissionRestrict, anyCategory, unguarded, nil},
	{ActionUnrestrict, "Unrestrict", PermissionRestrict, anyCategory, func(c *Case) string {
		if !c.Was.Restricted {
			return "it is not restricted"
		}
		return ""
	}, nil},
	{ActionLink, "Link", PermissionEdit, anyCategory, unguarded, []string{"type", "to"}},
	{ActionUnlink, "Unlink", PermissionEdit, anyCategory, unguarded, []string{"type", "to"}},
	{ActionFollowUp, "Follow up", PermissionFollowUp, onlyClosed, unguarded, nil},
	{ActionEscalate, "Escalate", ofAction(ActionEscalate), itsm.Category.Open, unguarded, []string{"type"}},
	{ActionTag, "Tag", PermissionTag, anyCategory, unguarded, []string{"tags"}},
	{ActionUntag, "Untag", PermissionTag, anyCategory, unguarded, []string{"tags"}},
	{ActionAttach, "Attach", ofAction(ActionAttach), anyCategory, unguarded, []string{"name", "reference"}},
	{ActionDetach, "Detach", ofAction(ActionDetach), anyCategory, unguarded, []string{"attachment"}},
	{ActionLogWork, "Log work", PermissionLogWork, anyCategory, unguarded, []string{"worked"}},
	{ActionAddCost, "Add cost", ofAction(ActionAddCost), anyCategory, unguarded, []string{"amount", "text"}},
	{ActionReverseCost, "Reverse cost", ofAction(ActionReverseCost), anyCategory, unguarded, []string{"entry", "reason"}},
	{ActionAnswerSurvey, "Answer survey", ofAction(ActionAnswerSurvey), onlyClosed, surveyIsOpen, nil},
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

// refusedByState says whether an action failed for the state of the record or a guard.
func refusedByState(err error) bool { return errors.Is(err, itsm.ErrTransition) }
