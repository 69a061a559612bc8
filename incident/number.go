// This file holds how incidents get their numbers.

package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// maxNumber is the highest number of an imported incident behind which the practice goes on: one
// that is higher was hardly counted, and would leave little room.
const maxNumber = 1_000_000_000_000

// drawNumber gives the next number. An imported incident may have it.
func (p *Practice) drawNumber(ctx context.Context, u *engine.Unit) (string, int64, error) {
	n, err := u.Next(ctx, Kind)
	return fmt.Sprintf("%s%07d", p.o.NumberPrefix, n), n, err
}

// freeNumber draws a number that no incident of the tenant has. Where one is taken, all up to the
// highest are passed over.
func (p *Practice) freeNumber(ctx context.Context, u *engine.Unit) (string, error) {
	for {
		number, n, err := p.drawNumber(ctx, u)
		if err != nil {
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
		if highest > n {
			if err := u.Advance(ctx, Kind, highest+1); err != nil {
				return "", err
			}
		}
	}
}

// putNumbered creates an incident under the number that it has, or under another. The table's unique
// index tells where an import has the first, which is seldom: an import has the numbers go on behind
// its own.
func (p *Practice) putNumbered(ctx context.Context, u *engine.Unit, i *Incident) error {
	const attempts = 3 // an import may come in between
	for attempt := 1; ; attempt++ {
		err := p.table.Put(ctx, u, i)
		var taken *storage.TakenError
		if attempt == attempts || !errors.As(err, &taken) || !slices.Contains(taken.Columns, ByNumber.Spec().Name) {
			return err
		}
		if i.Number, err = p.freeNumber(ctx, u); err != nil {
			return err
		}
	}
}

// ownNumber gives what a number counts, 0 for one that the practice would not give.
func (p *Practice) ownNumber(number string) int64 {
	digits, ok := strings.CutPrefix(number, p.o.NumberPrefix)
	if !ok || len(digits) < 7 || strings.Trim(digits, "0123456789") != "" {
		return 0
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > maxNumber {
		return 0
	}
	return n
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
	return p.ownNumber(last.Items[0].Number), nil
}
