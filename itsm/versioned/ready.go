// This file holds what is kept ready of the versions that are followed: decoded and prepared once.

package versioned

import (
	"context"
	"sync"

	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// readySize is what a family that is kept has beside its versions, about.
const readySize = 4 << 10

// Ready keeps what a practice makes of the active versions of a family: a decoded and merged set, a
// compiled program. It is read anew when a version was activated or retired, by whichever process: see [engine.Kept].
// It is safe for any number of goroutines.
type Ready[S Set[S], P any] struct {
	table   Table[S]
	prepare func(family string, a Active[S]) (P, error)
	kept    engine.Kept[P]

	mu sync.Mutex
	// none is what was made of families of which nothing was ever active.
	none map[string]P
}

// maxNone is how many of these are kept.
const maxNone = 1000

// NewReady keeps what prepare makes of the versions in a table. What it makes is shared and must not be
// changed; it follows from the versions alone. Its errors are not kept.
func NewReady[S Set[S], P any](t Table[S], prepare func(family string, a Active[S]) (P, error)) *Ready[S, P] {
	return &Ready[S, P]{table: t, prepare: prepare}
}

// Of gives what was made of the versions that are followed of a family in the reader's tenant, as
// [ReadActive] reads them. Of a reader of several tenants it is ErrInvalid. Where none was ever active nothing is read
// but that.
func (c *Ready[S, P]) Of(ctx context.Context, r storage.Reader, family string) (P, error) {
	made, any, err := c.kept.Of(ctx, r, c.table.Name(), family, func(ctx context.Context) (made P, size int, err error) {
		rows, err := r.Query(ctx, c.table.Schema(), storage.RowQuery{
			Where: storage.AllOf(ByState.Is(StateActive), ByFamily.Is(family)).Condition(), Limit: storage.MaxPage, Bodies: true,
		})
		if err != nil {
			return made, 0, err
		}
		var a Active[S]
		size = readySize
		for _, row := range rows {
			v, err := c.table.Decode(row)
			if err != nil {
				return made, 0, err
			}
			a = a.With(&v)
			size += len(row.Body)
		}
		made, err = c.prepare(family, a)
		return made, size, err
	})
	if err != nil || any {
		return made, err
	}
	return c.ofNone(family)
}

func (c *Ready[S, P]) ofNone(family string) (P, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if made, ok := c.none[family]; ok {
		return made, nil
	}
	made, err := c.prepare(family, Active[S]{})
	if err != nil {
		return made, err
	}
	if c.none == nil || len(c.none) == maxNone {
		c.none = map[string]P{}
	}
	c.none[family] = made
	return made, nil
}
