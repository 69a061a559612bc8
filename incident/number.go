// This file holds how incidents get their numbers.

package incident

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// maxLeap bounds how many numbers are passed over at once.
const maxLeap = 1_000_000

// freeNumber draws a number that no incident of the tenant has. Imported incidents keep theirs,
// which may look like the practice's own; where one is met, all up to the highest of them are
// passed over.
func (p *Practice) freeNumber(ctx context.Context, u *engine.Unit) (string, error) {
	for {
		n, err := u.Next(ctx, Kind)
		if err != nil {
			return "", err
		}
		number := fmt.Sprintf("%s%07d", p.o.NumberPrefix, n)
		if err := lockNumber(ctx, u, number); err != nil {
			return "", err
		}
		taken, err := p.table.Count(ctx, u, ByNumber.Is(number))
		if err != nil || taken == 0 {
			return number, err
		}
		highest, err := p.highestNumber(ctx, u)
		if err != nil {
			return "", err
		}
		if highest > n+maxLeap {
			continue
		}
		for n < highest {
			if n, err = u.Next(ctx, Kind); err != nil {
				return "", err
			}
		}
	}
}

// looksOwn says whether a number is one that the practice might give.
func (p *Practice) looksOwn(number string) bool {
	digits, ok := strings.CutPrefix(number, p.o.NumberPrefix)
	if !ok || len(digits) < 7 || len(digits) > 19 {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}

// lockNumber keeps a number from being given by an import and by a report at the same moment.
func lockNumber(ctx context.Context, u *engine.Unit, number string) error {
	return u.Lock(ctx, "incident_number/"+number)
}

// highestNumber is that of the incident whose number comes last among those that look like the
// practice's own; 0 where it does not.
func (p *Practice) highestNumber(ctx context.Context, u *engine.Unit) (int64, error) {
	last, err := p.table.List(ctx, u, storage.Query[Head]{
		Where: ByNumber.HasPrefix(p.o.NumberPrefix), Order: []storage.Order{ByNumber.Desc()}, Limit: 1,
	})
	if err != nil || len(last.Items) == 0 {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(last.Items[0].Number, p.o.NumberPrefix), 10, 64)
	if err != nil {
		return 0, nil //nolint:nilerr // it only looks like one
	}
	return n, nil
}
