// This file holds the actions beside the lifecycle: they move nothing, and are permitted by the
// category of the state and a guard.

package change

import (
	"context"
	"slices"

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
	system     bool
}

func anyCategory(itsm.Category) bool    { return true }
func notFinal(c itsm.Category) bool     { return !c.Final() }
func unguarded(*Case) (reason string)   { return "" }
func ofAction(a Action) itsm.Permission { return itsm.Permission(Kind + "." + string(a)) }

func notBegun(c *Case) string {
	if c.Was.begun() || c.Was.Implemented {
		return "its implementation has begun"
	}
	return ""
}

var besideRules = []beside{
	{action: ActionEdit, title: "Edit", permission: PermissionEdit, in: notFinal, guard: unguarded},
	{action: ActionAssign, title: "Assign", permission: PermissionAssign, in: notFinal, guard: unguarded, needs: []string{"group or assignee"}},
	{action: ActionHold, title: "Hold", permission: ofAction(ActionHold), in: itsm.Category.Open, guard: func(c *Case) string {
		if c.Was.Held {
			return "it is held already"
		}
		return ""
	}, needs: []string{"reason"}},
	{action: ActionRelease, title: "Release", permission: ofAction(ActionRelease), in: notFinal, guard: func(c *Case) string {
		if !c.Was.Held {
			return "it is not held"
		}
		return ""
	}},
	{action: ActionOverrideRisk, title: "Override risk", permission: PermissionOverrideRisk, in: itsm.Category.Open, guard: notBegun, needs: []string{"level", "reason"}},
	{action: ActionClearRiskOverride, title: "Clear risk override", permission: PermissionOverrideRisk, in: itsm.Category.Open, guard: func(c *Case) string {
		if c.Was.RiskOverride == nil {
			return "its risk is not overridden"
		}
		return notBegun(c)
	}, needs: []string{"reason"}},
	{action: ActionNote, title: "Note", permission: ofAction(ActionNote), in: anyCategory, guard: unguarded, needs: []string{"text"}},
	{action: ActionLink, title: "Link", permission: PermissionEdit, in: anyCategory, guard: unguarded, needs: []string{"type", "to"}},
	{action: ActionUnlink, title: "Unlink", permission: PermissionEdit, in: anyCategory, guard: unguarded, needs: []string{"type", "to"}},
	{action: ActionRestrict, title: "Restrict", permission: PermissionRestrict, in: anyCategory, guard: func(c *Case) string {
		if c.Was.Restricted {
			return "it is restricted already"
		}
		return ""
	}},
	{action: ActionUnrestrict, title: "Unrestrict", permission: PermissionRestrict, in: anyCategory, guard: func(c *Case) string {
		if !c.Was.Restricted {
			return "it is not restricted"
		}
		return ""
	}},
	{action: ActionFlagUnauthorised, title: "Flag unauthorised", permission: PermissionRecordRetrospectively, in: anyCategory, guard: func(c *Case) string {
		switch {
		case c.Was.Unauthorised:
			return "it is flagged already"
		case !c.Was.begun() && !c.Was.Implemented:
			return "nothing of it was made yet"
		}
		return ""
	}, needs: []string{"reason"}},
	{action: ActionAnswerUnauthorised, title: "Answer unauthorised", permission: PermissionRecordRetrospectively, in: anyCategory, guard: func(c *Case) string {
		if !c.Was.FollowUpOpen {
			return "there is nothing to be answered"
		}
		return ""
	}, needs: []string{"text"}},
	{action: ActionMinute, title: "Minute", permission: PermissionConvene, in: anyCategory, guard: unguarded, needs: []string{"text"}},
	{action: ActionCause, title: "Cause", permission: ofAction(ActionCause), in: anyCategory, guard: unguarded, needs: []string{"incident"}, system: true},
}

func besideRule(a Action) (beside, bool) {
	for _, b := range besideRules {
		if b.action == a {
			return b, true
		}
	}
	return beside{}, false
}

// heldReason is why all else is refused while a change is held.
const heldReason = "it is held; release or cancel it"

// whileHeld says whether an action may be taken while the change is held. Beside cancelling and releasing these are what
// does not move it on: what is written about it, who may know of it, and what turned out about it.
func whileHeld(a Action) bool {
	return slices.Contains([]Action{ActionCancel, ActionRelease, ActionNote, ActionRestrict, ActionUnrestrict, ActionCause}, a)
}

// besides names those that are permitted now, but for one that was tried.
func (w *work) besides(tried Action) []string {
	var names []string
	for _, b := range besideRules {
		if b.action != tried && !b.system && !w.lifecycle().Has(w.State, b.action) && b.in(w.category(w.State)) && b.guard(w.Case) == "" {
			names = append(names, string(b.action))
		}
	}
	return names
}

// checkBeside refuses in the order in which a lifecycle does.
func (w *work) checkBeside(ctx context.Context, b beside) error {
	category, ok := w.lifecycle().Category(w.State)
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
	for _, p := range w.lifecycle().Actions(w.State, w.attempt()) {
		if !p.System && p.Permitted && p.Action != string(a) {
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
		if w.Was.Held && !whileHeld(Action(name)) {
			continue
		}
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
