// This file holds what a freeze means to a change.

package change

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
)

// mayStart refuses to start a change in a freeze, with ErrTransition, unless the actor may override it and gives a reason. It sets
// FreezeOverride on the change then, which has not been put yet.
func (p *Practice) mayStart(ctx context.Context, u *engine.Unit, c *Change, reason string) error {
	if p.o.Schedule == nil {
		return nil
	}
	b, err := p.booking(ctx, u, c)
	if err != nil {
		return err
	}
	freezes, err := p.o.Schedule.Frozen(ctx, u, b, u.Now())
	if err != nil || len(freezes) == 0 {
		return err
	}
	allowed, err := p.allows(ctx, u.Actor(), PermissionOverrideFreeze, c)
	if err != nil {
		return err
	}
	names := make([]string, len(freezes))
	until := freezes[0].Span.End
	for i, f := range freezes {
		names[i] = f.Window.Name
		allowed = allowed && f.MayOverride(u.Actor())
		if f.Span.End.After(until) {
			until = f.Span.End
		}
	}
	stands := strings.Join(names, ", ")
	problem := fmt.Sprintf("the freeze %q covers it until %s", stands, until.Format(time.RFC3339))
	switch {
	case !allowed:
	case strings.TrimSpace(reason) == "":
		problem += "; give a reason to override it"
	default:
		c.FreezeOverride = &FreezeOverride{By: u.Actor().ID, At: u.Now(), Reason: reason, Freeze: stands}
		return nil
	}
	return &itsm.TransitionError{Kind: Kind, ID: c.ID, State: string(c.State), Action: string(ActionStart), Reason: problem}
}
