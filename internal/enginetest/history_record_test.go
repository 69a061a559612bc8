package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/anishathalye/porcupine"

	"github.com/itsmkit/itsmkit/storage"
)

// is is errors.Is.
func is(err, target error) bool { return errors.Is(err, target) }

// registers are records of one number each.
var registers = mustSchema("register", 1, []storage.ColumnSpec{
	{Name: "owner", Kind: storage.Text},
	{Name: "value", Kind: storage.Int},
}, []storage.Index{{Columns: []storage.Order{{Column: "owner"}, {Column: "value", Descending: true}}}})

// register gives a record with its number in the head and in the body.
func register(id storage.ID, owner string, version, value int64) storage.Row {
	return storage.Row{
		Meta:    storage.Meta{ID: id, Version: version, Created: noon, Updated: noon},
		Columns: []any{owner, value}, Body: fmt.Appendf(nil, `{"value":%d}`, value),
	}
}

// registered gives the number of a record.
func registered(row storage.Row) (int64, error) {
	value := row.Columns[1].(int64)
	if string(row.Body) != fmt.Sprintf(`{"value":%d}`, value) {
		return 0, fmt.Errorf("a record has %d in its head and %s as its body", value, row.Body)
	}
	return value, nil
}

type recordAsked struct {
	Do             string // get, create, put, delete
	ID             storage.ID
	Version, Value int64
}

type recordTold struct {
	Err            error
	Version, Value int64
}

// recordState is a record, of version 0 where there is none.
type recordState struct{ version, value int64 }

// recordHistory creates, reads, puts and deletes few records, at versions that were seen a while ago
// as well as at those that were read in the same unit.
var recordHistory = kindOfHistory{
	name:    "records",
	schemas: func() []*storage.Schema { return []*storage.Schema{registers} },
	part:    func(in any) string { return string(in.(recordAsked).ID) },
	model: porcupine.NondeterministicModel{
		Init: func() []any { return []any{recordState{}} },
		Step: func(state, input, output any) []any {
			s, in, out := state.(recordState), input.(recordAsked), output.(recordTold)
			then, why := s, error(nil)
			switch in.Do {
			case "get":
				if out.Err == nil && s.version != 0 && s == (recordState{out.Version, out.Value}) || out.Err == errNotFound && s.version == 0 {
					return []any{s}
				}
				return nil
			case "create":
				then = recordState{1, in.Value}
				if s.version != 0 {
					why = errConflict
				}
			case "put":
				then = recordState{in.Version + 1, in.Value}
				if s.version != in.Version {
					why = errConflict
				}
			case "delete":
				then = recordState{}
				switch {
				case s.version == 0:
					why = errNotFound
				case s.version != in.Version:
					why = errConflict
				}
			}
			switch {
			case out.Err == errUnknown && why == nil:
				return []any{s, then}
			case out.Err == errUnknown:
				return []any{s}
			case out.Err != why, why == nil && in.Do != "delete" && out.Version != then.version:
				return nil
			case why != nil:
				return []any{s}
			}
			return []any{then}
		},
	},
	client: func(ctx context.Context, h *history, client int, s storage.Store, random *rand.Rand) error {
		known := map[storage.ID]int64{}
		for n := range 60 {
			in := recordAsked{ID: storage.ID(fmt.Sprint("r", random.IntN(3))), Value: int64(1000*client + n)}
			switch at := random.IntN(100); {
			case at < 30:
				in.Do = "get"
			case at < 40 || known[in.ID] == 0:
				in.Do = "create"
			case at < 65:
				in.Do, in.Version = "put", known[in.ID]
			case at < 92:
				in.Do = "change"
			default:
				in.Do, in.Version = "delete", known[in.ID]
			}
			way := random.IntN(3)
			if err := recordCommand(ctx, h, client, s, in, way, known); err != nil {
				return fmt.Errorf("%+v: %w", in, err)
			}
		}
		return nil
	},
}

// recordCommand gives one command and notes what it was told.
func recordCommand(ctx context.Context, h *history, client int, s storage.Store, in recordAsked, way int, known map[storage.ID]int64) error {
	var out recordTold
	get := func(ctx context.Context, r storage.Reader) (told recordTold, err error) {
		row, err := r.Get(ctx, registers, acme, in.ID)
		switch {
		case is(err, storage.ErrNotFound):
			return recordTold{Err: errNotFound}, nil
		case err != nil:
			return told, err
		}
		told.Version = row.Version
		told.Value, err = registered(row)
		return told, err
	}
	asked := h.now()
	var read int64 // when a unit had read
	var seen recordTold
	var err error
	switch {
	case in.Do == "get" && way == 0:
		err = s.View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) (err error) { out, err = get(ctx, r); return err })
	case in.Do == "get" && way == 1:
		err = s.Read(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) (err error) { out, err = get(ctx, r); return err })
	case in.Do == "get":
		err = s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) (err error) { out, err = get(ctx, tx); return err })
		if is(err, errUnknown) { // it only read
			known[in.ID] = 0
			return nil
		}
	default:
		err = s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			row := register(in.ID, "", in.Version, in.Value)
			switch in.Do {
			case "delete":
				return tx.Delete(ctx, registers, in.ID, in.Version)
			case "change":
				var err error
				if seen, err = get(ctx, tx); err != nil {
					return err
				}
				read = h.now()
				if seen.Err != nil {
					return nil //nolint:nilerr // there is nothing to change, which is what was heard
				}
				row.Version = seen.Version
			}
			err := tx.Put(ctx, registers, &row)
			out.Version = row.Version
			return err
		})
	}
	of, nothing, err := conclude(err)
	if err != nil || nothing {
		return err
	}
	if in.Do == "change" {
		h.during(client, asked, read, recordAsked{Do: "get", ID: in.ID}, seen)
		if asked = read; seen.Err != nil {
			return nil //nolint:nilerr // see above
		}
		in.Do, in.Version = "put", seen.Version
	}
	if of != nil {
		out.Err = of
	}
	h.told(client, asked, in, out, of)
	switch {
	case out.Err == nil && in.Do != "delete":
		known[in.ID] = out.Version
	case in.Do != "put": // which the next is asked of again, though it cannot work any more
		known[in.ID] = 0
	}
	return nil
}
