package storagetest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/itsmkit/itsmkit/storage"
)

// Faults of records and values.

var recordMutants = []mutant{
	{"a blind update", []string{"Records/a stale put is a conflict", "Contention/of many writers of one version one wins", modelTest}, func(storage.Store) faults {
		return faults{put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
			if old, err := tx.Get(ctx, s, tx.Tenant(), row.ID); err == nil && row.Version > 0 {
				row.Version = old.Version
			}
			return tx.Put(ctx, s, row)
		}}
	}},
	{"a create that overwrites", []string{"Records/creating a record twice is a conflict", "Contention/of many creators of one id one wins", modelTest}, func(storage.Store) faults {
		return faults{put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
			if old, err := tx.Get(ctx, s, tx.Tenant(), row.ID); err == nil && row.Version == 0 {
				row.Version = old.Version
			}
			return tx.Put(ctx, s, row)
		}}
	}},
	{"a put of several that forgets the last", []string{"Records/several are put at once"}, func(storage.Store) faults {
		return faults{several: func(ctx context.Context, tx storage.Tx, s *storage.Schema, rows []*storage.Row) error {
			return tx.Put(ctx, s, rows[:max(1, len(rows)-1)]...)
		}}
	}},
	{"a put of several that goes on where one conflicts", []string{"Records/of several of which one cannot be put none is"}, func(storage.Store) faults {
		return faults{several: func(ctx context.Context, tx storage.Tx, s *storage.Schema, rows []*storage.Row) error {
			for _, row := range rows {
				if err := tx.Put(ctx, s, row); err != nil && !errors.Is(err, storage.ErrConflict) {
					return err
				}
			}
			return nil
		}}
	}},
	{"a put that revives what is gone", []string{"Records/putting a record that is gone is a conflict", "Tenants/another tenant's records cannot be written"}, func(storage.Store) faults {
		return faults{put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
			if _, err := tx.Get(ctx, s, tx.Tenant(), row.ID); errors.Is(err, storage.ErrNotFound) {
				row.Version = 0
			}
			return tx.Put(ctx, s, row)
		}}
	}},
	{"a refused put that changes the caller's row", []string{"Records/a refused put leaves the row as it was"}, func(storage.Store) faults {
		return faults{put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
			err := tx.Put(ctx, s, row)
			row.Tenant = tx.Tenant()
			return err
		}}
	}},
	{"a conflict that does not name its record", []string{"Records/creating a record twice is a conflict"}, func(storage.Store) faults {
		return faults{put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
			if err := tx.Put(ctx, s, row); err != nil {
				return storage.ErrConflict
			}
			return nil
		}}
	}},
	{"a conflict that spoils the unit", []string{"Records/after a refused write the unit can still be used"}, func(storage.Store) faults {
		spoilt := map[storage.Tx]error{}
		return faults{put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
			if err := spoilt[tx]; err != nil {
				return err
			}
			spoilt[tx] = tx.Put(ctx, s, row)
			return spoilt[tx]
		}}
	}},
	{"a delete of any version", []string{"Records/deleting another version is a conflict", "Contention/of a writer and a remover one wins", modelTest}, func(storage.Store) faults {
		return faults{remove: func(ctx context.Context, tx storage.Tx, s *storage.Schema, id storage.ID, version int64) error {
			if old, err := tx.Get(ctx, s, tx.Tenant(), id); err == nil {
				version = old.Version
			}
			return tx.Delete(ctx, s, id, version)
		}}
	}},
	{"a delete of nothing that is no error", []string{"Records/deleting what is not there is not found", modelTest}, func(storage.Store) faults {
		return faults{remove: func(ctx context.Context, tx storage.Tx, s *storage.Schema, id storage.ID, version int64) error {
			if err := tx.Delete(ctx, s, id, version); !errors.Is(err, storage.ErrNotFound) {
				return err
			}
			return nil
		}}
	}},
	{"a put that leaves the body", []string{"Records/a put replaces every column and the body", modelTest}, func(storage.Store) faults {
		return faults{put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
			given := *row
			if old, err := tx.Get(ctx, s, tx.Tenant(), row.ID); err == nil {
				given.Body = old.Body
			}
			err := tx.Put(ctx, s, &given)
			row.Tenant, row.Version, row.Layout = given.Tenant, given.Version, given.Layout
			return err
		}}
	}},
	{"rows that are shared with their readers", []string{"Records/what a caller does to a row it read changes nothing"}, func(storage.Store) faults {
		shared := map[storage.ID]storage.Row{}
		return faults{get: func(ctx context.Context, r storage.Reader, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
			row, err := r.Get(ctx, s, tenant, id)
			if old, ok := shared[id]; ok && old.Version == row.Version {
				return old, nil
			}
			shared[id] = row
			return row, err
		}}
	}},
	{"a version that rises by two", []string{"Records/put sets version, tenant and layout", "Records/every put raises the version by one", modelTest}, func(storage.Store) faults {
		return faults{put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
			if err := tx.Put(ctx, s, row); err != nil {
				return err
			}
			return tx.Put(ctx, s, row)
		}}
	}},
	{"one table for all", []string{"Records/tables are apart"}, func(storage.Store) faults {
		return faults{get: func(ctx context.Context, r storage.Reader, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
			row, err := r.Get(ctx, s, tenant, id)
			if errors.Is(err, storage.ErrNotFound) {
				return r.Get(ctx, assets, tenant, id)
			}
			return row, err
		}}
	}},
	{"a delete that only hides", []string{"Records/a deleted record can be created anew", modelTest}, func(storage.Store) faults {
		hidden := map[storage.ID]bool{}
		return faults{
			remove: func(ctx context.Context, tx storage.Tx, s *storage.Schema, id storage.ID, version int64) error {
				old, err := tx.Get(ctx, s, tx.Tenant(), id)
				if err != nil || old.Version != version || hidden[id] {
					return tx.Delete(ctx, s, id, version)
				}
				hidden[id] = true
				return nil
			},
			get: func(ctx context.Context, r storage.Reader, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
				if hidden[id] {
					return storage.Row{}, storage.ErrNotFound
				}
				return r.Get(ctx, s, tenant, id)
			},
		}
	}},
}

var valueMutants = []mutant{
	{"ids without case", []string{"Values/ids are compared byte by byte"}, func(storage.Store) faults {
		return faults{
			put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
				row.ID = storage.ID(strings.ToLower(string(row.ID)))
				return tx.Put(ctx, s, row)
			},
			get: func(ctx context.Context, r storage.Reader, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
				return r.Get(ctx, s, tenant, storage.ID(strings.ToLower(string(id))))
			},
		}
	}},
	{"ids that are found without case", []string{"Values/ids are compared byte by byte"}, func(storage.Store) faults {
		return faults{get: func(ctx context.Context, r storage.Reader, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
			row, err := r.Get(ctx, s, tenant, id)
			if errors.Is(err, storage.ErrNotFound) {
				return r.Get(ctx, s, tenant, storage.ID(strings.TrimRight(string(id), " ")))
			}
			return row, err
		}}
	}},
	{"trailing spaces are lost", []string{"Values/text comes back byte by byte", "Values/text may be 255 characters long", modelTest}, putting(texts(func(s string) any { return strings.TrimRight(s, " ") }))},
	{"text is cut at the greatest length", []string{"Input/a row with bad text is invalid"}, putting(texts(func(s string) any {
		characters := []rune(s)
		return string(characters[:min(len(characters), storage.MaxText)])
	}))},
	{"length is counted in bytes", []string{"Values/text may be 255 characters long"}, putting(texts(func(s string) any { return s[:min(len(s), storage.MaxText)] }))},
	{"text is ordered without case", []string{"Values/text is ordered byte by byte", modelTest}, orderBy(func(a, b string) int {
		return cmp.Compare(strings.ToLower(a), strings.ToLower(b))
	})},
	{"text is ordered by UTF-16", []string{"Values/text is ordered byte by byte"}, orderBy(func(a, b string) int {
		return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
	})},
	{"text is equal without case", []string{"Values/text comes back byte by byte", modelTest}, queryBy(func(c storage.Condition, get func(string) any) bool {
		lower := func(v any) any {
			if s, ok := v.(string); ok {
				return strings.ToLower(s)
			}
			return v
		}
		c = rewritten(c, func(c storage.Condition) storage.Condition {
			c.Values = slices.Clone(c.Values)
			for i := range c.Values {
				c.Values[i] = lower(c.Values[i])
			}
			return c
		})
		return holds(c, func(column string) any { return lower(get(column)) })
	})},
	{"empty text is NULL", []string{"Values/empty text is not NULL", modelTest}, func(storage.Store) faults {
		return faults{put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
			given := clone(*row)
			for i, c := range s.Columns() {
				if i < len(given.Columns) && c.Nullable && given.Columns[i] == "" {
					given.Columns[i] = nil
				}
			}
			err := tx.Put(ctx, s, &given)
			row.Tenant, row.Version, row.Layout = given.Tenant, given.Version, given.Layout
			return err
		}}
	}},
	{"bodies are cut at 64 KiB", []string{"Values/a description of 64 KiB comes back byte by byte"}, putting(func(_ *storage.Schema, row *storage.Row) {
		if len(row.Body) > 1<<16 {
			row.Body = append(bytes.Clone(row.Body[:1<<16-2]), `"}`...)
		}
	})},
	{"what changed is kept without trailing spaces", []string{"Values/a description of 64 KiB comes back byte by byte"}, func(storage.Store) faults {
		return faults{append: func(ctx context.Context, tx storage.Tx, events ...storage.Event) error {
			events = slices.Clone(events)
			for i := range events {
				events[i].Envelope = bytes.ReplaceAll(events[i].Envelope, []byte(`  "}`), []byte(`"}`))
			}
			return tx.Append(ctx, events...)
		}}
	}},
	{"years before 1000 are of this century", []string{"Values/times are kept to the microsecond from year 1 to 9999"}, putting(func(_ *storage.Schema, row *storage.Row) {
		if row.Created.Year() < 1000 {
			row.Created = row.Created.AddDate(2000, 0, 0)
		}
	})},
	{"instants are floating seconds", []string{"Values/times are kept to the microsecond from year 1 to 9999"}, enqueueing(func(_ context.Context, _ storage.Tx, j *storage.Job) bool {
		seconds := float64(j.Due.UnixMicro()) / 1e6
		j.Due = time.UnixMicro(int64(seconds * 1e6)).UTC()
		return true
	})},
	{"numbers of a body are floating", []string{"Values/decimals are exact"}, putting(func(_ *storage.Schema, row *storage.Row) {
		var v any
		if json.Unmarshal(row.Body, &v) == nil {
			row.Body, _ = json.Marshal(v)
		}
	})},
	{"text that is a number is kept as one", []string{"Values/decimals are exact"}, putting(texts(func(s string) any {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return strconv.FormatFloat(f, 'g', -1, 64)
		}
		return s
	}))},
	{"pages go on after texts without their trailing spaces", []string{"Pages/pages of any text go on byte by byte"}, querying(func(q *storage.RowQuery) {
		if q.After == nil {
			return
		}
		after := *q.After
		after.Values = slices.Clone(after.Values)
		for i, v := range after.Values {
			if s, ok := v.(string); ok {
				after.Values[i] = strings.TrimRight(s, " ")
			}
		}
		q.After = &after
	})},
	{"integers are floating", []string{"Values/integers have 64 bits", "Values/times have 64 bits of microseconds", modelTest}, putting(func(_ *storage.Schema, row *storage.Row) {
		for i, v := range row.Columns {
			if n, ok := v.(int64); ok && n != extremes[len(extremes)-1] {
				row.Columns[i] = int64(float64(n))
			}
		}
	})},
	{"times are milliseconds", []string{"Values/created and updated are truncated to microseconds in UTC", "Records/a record is read as it was put", modelTest}, putting(func(_ *storage.Schema, row *storage.Row) {
		row.Created, row.Updated = row.Created.Truncate(time.Millisecond), row.Updated.Truncate(time.Millisecond)
	})},
	{"times are rounded", []string{"Values/created and updated are truncated to microseconds in UTC"}, putting(func(_ *storage.Schema, row *storage.Row) {
		row.Created, row.Updated = row.Created.Round(time.Microsecond), row.Updated.Round(time.Microsecond)
	})},
	{"times are of some zone", []string{"Records/a record is read as it was put"}, func(storage.Store) faults {
		return faults{get: func(ctx context.Context, r storage.Reader, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
			row, err := r.Get(ctx, s, tenant, id)
			row.Created = row.Created.In(time.FixedZone("", 3600))
			return row, err
		}}
	}},
	{"times are nanoseconds of 64 bits", []string{"Values/created and updated are kept before 1970 and in the far future"}, putting(func(_ *storage.Schema, row *storage.Row) {
		row.Created = time.Unix(0, row.Created.UnixNano())
	})},
	{"bodies are normalised", []string{"Values/bodies come back byte by byte", modelTest}, putting(func(_ *storage.Schema, row *storage.Row) {
		var b bytes.Buffer
		if json.Compact(&b, row.Body) == nil {
			row.Body = b.Bytes()
		}
	})},
	{"a body that is no JSON becomes null", []string{"Input/a body that is not one JSON document is invalid"}, putting(func(_ *storage.Schema, row *storage.Row) {
		if !json.Valid(row.Body) {
			row.Body = []byte("null")
		}
	})},
	{"any number is an integer", []string{"Input/a row with values of the wrong kind is invalid"}, putting(func(_ *storage.Schema, row *storage.Row) {
		for i, v := range row.Columns {
			if n, ok := v.(int); ok {
				row.Columns[i] = int64(n)
			}
		}
	})},
	{"booleans are integers", []string{"Values/booleans stay booleans", "Records/a record is read as it was put"}, func(storage.Store) faults {
		return faults{get: func(ctx context.Context, r storage.Reader, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
			row, err := r.Get(ctx, s, tenant, id)
			for i, v := range row.Columns {
				if b, ok := v.(bool); ok {
					row.Columns[i] = int64(0)
					if b {
						row.Columns[i] = int64(1)
					}
				}
			}
			return row, err
		}}
	}},
	{"NULL is read as the zero", []string{"Values/NULL stays NULL in every kind", modelTest}, func(storage.Store) faults {
		return faults{get: func(ctx context.Context, r storage.Reader, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
			row, err := r.Get(ctx, s, tenant, id)
			for i, v := range row.Columns {
				if v == nil {
					row.Columns[i] = zero(s.Columns()[i].Kind)
				}
			}
			return row, err
		}}
	}},
	{"bodies of at most 64 KiB", []string{"Values/a body may be large"}, putting(func(_ *storage.Schema, row *storage.Row) {
		if len(row.Body) > 64<<10 {
			row.Body = []byte(`"cut"`)
		}
	})},
	{"bodies of at most 2 MiB", []string{"Values/a body may be large"}, putting(func(_ *storage.Schema, row *storage.Row) {
		if len(row.Body) > 2<<20 {
			row.Body = []byte(`"cut"`)
		}
	})},
	{"bodies that are too long are cut", []string{"Input/a body that is not one JSON document is invalid"}, putting(func(_ *storage.Schema, row *storage.Row) {
		if len(row.Body) > storage.MaxDocument {
			row.Body = []byte(`"cut"`)
		}
	})},
	{"NULL is written as the zero", []string{"Input/a row with NULL where there is none is invalid"}, putting(func(s *storage.Schema, row *storage.Row) {
		for i, c := range s.Columns() {
			if i < len(row.Columns) && !c.Nullable && row.Columns[i] == nil {
				row.Columns[i] = zero(c.Kind)
			}
		}
	})},
	{"values too few are filled up", []string{"Input/a row with the wrong number of values is invalid"}, putting(func(s *storage.Schema, row *storage.Row) {
		for _, c := range s.Columns()[min(len(row.Columns), len(s.Columns())):] {
			row.Columns = append(row.Columns, zero(c.Kind))
		}
	})},
	{"ids are cut", []string{"Input/a row with a bad id is invalid"}, putting(func(_ *storage.Schema, row *storage.Row) {
		row.ID = row.ID[:min(len(row.ID), storage.MaxKey)]
	})},
}

// putting makes a put that changes the row before it writes it.
func putting(change func(s *storage.Schema, row *storage.Row)) func(storage.Store) faults {
	return func(storage.Store) faults {
		return faults{put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
			given := clone(*row)
			change(s, &given)
			err := tx.Put(ctx, s, &given)
			row.Tenant, row.Version, row.Layout = given.Tenant, given.Version, given.Layout
			return err
		}}
	}
}

// texts changes the text of every column.
func texts(change func(string) any) func(s *storage.Schema, row *storage.Row) {
	return func(s *storage.Schema, row *storage.Row) {
		for i, v := range row.Columns {
			if text, ok := v.(string); ok {
				row.Columns[i] = change(text)
			}
		}
	}
}
