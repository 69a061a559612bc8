// This file holds the booking of changes on the calendar.

package change

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm/engine"
)

// rebook is called in the unit of every command that put a change, before its gates are asked: whatever its window,
// configuration items, people or state are now is what it books.
func (p *Practice) rebook(context.Context, *engine.Unit, *Change) error { return nil }
