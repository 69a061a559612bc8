// This file holds how changes get their numbers.

package change

import (
	"context"
	"fmt"

	"github.com/itsmkit/itsmkit/itsm/engine"
)

// drawNumber gives the next number.
func (p *Practice) drawNumber(ctx context.Context, u *engine.Unit) (string, error) {
	n, err := u.Next(ctx, Kind)
	return fmt.Sprintf("%s%07d", p.o.NumberPrefix, n), err
}
