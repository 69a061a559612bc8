package enginetest_test

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/anishathalye/porcupine"

	"github.com/itsmkit/itsmkit/storage"
)

type lockAsked struct {
	Do   string // count, read
	Name string
	Row  storage.ID
}

type lockTold struct {
	Err   error
	Value int64
}

// lockHistory counts under named locks: who holds the name finds the greatest number, and writes the
// next one into a record of its own, so that no version keeps two from writing the same.
var lockHistory = kindOfHistory{
	name:    "locks",
	schemas: func() []*storage.Schema { return []*storage.Schema{registers} },
	part:    func(in any) string { return in.(lockAsked).Name },
	model: porcupine.NondeterministicModel{
		Init: func() []any { return []any{int64(0)} },
		Step: func(state, input, output any) []any {
			s, in, out := state.(int64), input.(lockAsked), output.(lockTold)
			switch {
			case out.Err == errUnknown:
				return []any{s, s + 1}
			case out.Err != nil || out.Value != s:
				return nil
			case in.Do == "count":
				return []any{s + 1}
			}
			return []any{s}
		},
	},
	client: func(ctx context.Context, h *history, client int, s storage.Store, random *rand.Rand) error {
		for n := range 30 {
			in := lockAsked{Do: "count", Name: fmt.Sprint("l", random.IntN(2)), Row: storage.ID(fmt.Sprintf("%d-%d", client, n))}
			if random.IntN(5) == 0 {
				in.Do = "read"
			}
			first := random.IntN(3) == 0
			var out lockTold
			asked := h.now()
			var err error
			if in.Do == "read" {
				err = s.View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) (err error) {
					out.Value, err = greatest(ctx, r, in.Name)
					return err
				})
			} else {
				err = s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) (err error) {
					if first { // a snapshot that this takes must not be what is read under the lock
						if _, err := greatest(ctx, tx, in.Name); err != nil {
							return err
						}
					}
					if err := tx.Lock(ctx, in.Name); err != nil {
						return err
					}
					if out.Value, err = greatest(ctx, tx, in.Name); err != nil {
						return err
					}
					row := register(in.Row, in.Name, 0, out.Value+1)
					return tx.Put(ctx, registers, &row)
				})
			}
			of, nothing, err := conclude(err)
			switch {
			case err != nil:
				return fmt.Errorf("%+v: %w", in, err)
			case nothing:
				continue
			}
			out.Err = of
			h.told(client, asked, in, out, of)
		}
		return nil
	},
}

// greatest gives the greatest number of an owner, 0 where there is none.
func greatest(ctx context.Context, r storage.Reader, owner string) (int64, error) {
	rows, err := r.Query(ctx, registers, storage.RowQuery{
		Where: storage.Condition{Op: storage.Equal, Column: "owner", Values: []any{owner}},
		Order: []storage.Order{{Column: "value", Descending: true}}, Limit: 1, Bodies: true,
	})
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	return registered(rows[0])
}
