package storagetest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// A suite that cannot fail proves nothing. Here every mutant is a store with one fault that an
// adapter might well have, and names the cases that must fail for it.

func TestMain(m *testing.M) {
	flag.Parse()
	// The model is made to fail on purpose: without a file for each failure, and without
	// looking for the shortest commands.
	setFlag("rapid.nofailfile", "true")
	setFlag("rapid.shrinktime", "0s")
	os.Exit(m.Run())
}

func setFlag(name, value string) {
	if err := flag.Set(name, value); err != nil {
		panic(err)
	}
}

// modelTest stands for the model test among the names of cases.
const modelTest = "Model"

// mutant is a fault and the names of the cases that must find it.
type mutant struct {
	fault string
	by    []string
	make  func(s storage.Store) faults
}

func TestSuiteFindsFaults(t *testing.T) {
	// The model finds most faults within its usual hundred sequences of commands, and the rest
	// soon after; a test must not fail by chance.
	checks := flag.Lookup("rapid.checks").Value.String()
	setFlag("rapid.checks", "2000")
	t.Cleanup(func() { setFlag("rapid.checks", checks) })
	names := map[string]bool{}
	for _, m := range mutants {
		require.False(t, names[m.fault], "two mutants are named %q", m.fault)
		names[m.fault] = true
		t.Run(m.fault, func(t *testing.T) {
			open := func() storage.Store {
				s := memory.New()
				return &faulty{s, m.make(s)}
			}
			require.NotEmpty(t, m.by)
			for _, name := range m.by {
				complaint := ""
				if name == modelTest {
					complaint = record(name, time.Minute, func(r *recorder) { checkModel(r, open()) })
				} else {
					c := caseNamed(t, name)
					complaint = record(name, time.Minute, func(r *recorder) { c.start(r, open) })
				}
				require.NotEmpty(t, complaint, "%s did not find it", name)
				t.Logf("found by %s: %s", name, firstLines(complaint))
			}
		})
	}
}

// TestSuiteFindsNothingElse holds that what finds the mutants finds no fault in the store that
// they are made of, wrapped in the same way.
func TestSuiteFindsNothingElse(t *testing.T) {
	open := func() storage.Store { return &faulty{memory.New(), faults{}} }
	done := map[string]bool{}
	for _, m := range mutants {
		for _, name := range m.by {
			if name == modelTest || done[name] {
				continue
			}
			done[name] = true
			c := caseNamed(t, name)
			require.Empty(t, record(name, time.Minute, func(r *recorder) { c.start(r, open) }), "%s", name)
		}
	}
	require.Empty(t, record(modelTest, time.Minute, func(r *recorder) { checkModel(r, open()) }))
}

func firstLines(s string) string {
	if i := strings.Index(s, "Error:"); i >= 0 {
		s = s[i:]
	}
	return s[:min(len(s), 200)]
}

// everyone are the tenants of most cases.
var everyone = []storage.Tenant{acme, ACME, umbra}

// aside reads the tenants outside of any unit.
func aside(s storage.Store, fn func(ctx context.Context, r storage.Reader) error, tenants ...storage.Tenant) error {
	return s.View(context.Background(), tenants, fn)
}

// stored gives the unit's job of the name, and whether it is there.
func stored(ctx context.Context, tx storage.Tx, kind, key string) (storage.Job, bool) {
	jobs, err := tx.Jobs(ctx, storage.JobQuery{Kind: kind, Key: key, Limit: 1})
	if err != nil || len(jobs) == 0 {
		return storage.Job{}, false
	}
	return jobs[0], true
}

// everyRow reads all rows that the reader sees, unordered.
func everyRow(ctx context.Context, r storage.Reader, s *storage.Schema, bodies bool) ([]storage.Row, error) {
	return r.Query(ctx, s, storage.RowQuery{Limit: storage.MaxLimit, Bodies: bodies})
}

// queryBy makes a query of its own reading of conditions.
func queryBy(match func(c storage.Condition, get func(string) any) bool) func(storage.Store) faults {
	return func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			where := q.Where
			limit := q.Limit
			q.Where, q.Limit = storage.Condition{}, storage.MaxLimit
			rows, err := r.Query(ctx, s, q)
			rows = slices.DeleteFunc(rows, func(row storage.Row) bool {
				return !match(where, func(column string) any { return row.Value(s, column) })
			})
			return rows[:min(len(rows), limit)], err
		}}
	}
}

// orderBy makes a query whose first column of text is compared in another way.
func orderBy(compare func(a, b string) int) func(storage.Store) faults {
	return func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			rows, err := r.Query(ctx, s, q)
			if len(q.Order) > 0 {
				slices.SortStableFunc(rows, func(a, b storage.Row) int {
					x, ok := a.Value(s, q.Order[0].Column).(string)
					y, _ := b.Value(s, q.Order[0].Column).(string)
					d := compare(x, y)
					if !ok || q.Order[0].Descending {
						d = -d
					}
					return d
				})
			}
			return rows, err
		}}
	}
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

// finishing makes a finish with another outcome.
func finishing(change func(o *storage.Outcome)) func(storage.Store) faults {
	return func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			change(&o)
			return tx.Finish(ctx, claimed, o)
		}}
	}
}

// enqueueing makes an enqueue of other jobs; those of which it is false are not enqueued.
func enqueueing(change func(ctx context.Context, tx storage.Tx, j *storage.Job) bool) func(storage.Store) faults {
	return func(storage.Store) faults {
		return faults{enqueue: func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error {
			for _, j := range jobs {
				if change(ctx, tx, &j) {
					if err := tx.Enqueue(ctx, j); err != nil {
						return err
					}
				}
			}
			return nil
		}}
	}
}

// afterFailure makes an update that does something more when the unit failed: with what the
// unit wrote, as if that part had not been rolled back.
func afterFailure(redo func(ctx context.Context, tx storage.Tx, w written) error) func(s storage.Store) faults {
	return func(s storage.Store) faults {
		var w written
		return faults{
			append: func(ctx context.Context, tx storage.Tx, events ...storage.Event) error {
				w.events = append(w.events, events...)
				return tx.Append(ctx, events...)
			},
			put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
				w.rows = append(w.rows, clone(*row))
				return tx.Put(ctx, s, row)
			},
			enqueue: func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error {
				w.jobs = append(w.jobs, jobs...)
				return tx.Enqueue(ctx, jobs...)
			},
			finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
				w.finished = append(w.finished, finished{claimed, o})
				return tx.Finish(ctx, claimed, o)
			},
			update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
				w = written{}
				err := s.Update(ctx, tenant, fn)
				if errors.Is(err, errOurs) {
					_ = s.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error { return redo(ctx, tx, w) })
				}
				return err
			},
		}
	}
}

type (
	written struct {
		rows     []storage.Row
		events   []storage.Event
		jobs     []storage.Job
		finished []finished
	}
	finished struct {
		job storage.Job
		o   storage.Outcome
	}
)

// threeValued reads a condition as SQL does: true, false or unknown (nil).
func threeValued(c storage.Condition, get func(string) any) *bool {
	known := func(b bool) *bool { return &b }
	switch c.Op {
	case storage.Not:
		if v := threeValued(c.Of[0], get); v != nil {
			return known(!*v)
		}
		return nil
	case storage.And, storage.Or:
		unknown := false
		for _, sub := range c.Of {
			v := threeValued(sub, get)
			if v == nil {
				unknown = true
			} else if *v == (c.Op == storage.Or) {
				return v
			}
		}
		if unknown {
			return nil
		}
		return known(c.Op == storage.And)
	case storage.All, storage.Null:
		return known(holds(c, get))
	}
	if get(c.Column) == nil {
		return nil
	}
	return known(holds(c, get))
}

// rewritten applies a change to every part of a condition.
func rewritten(c storage.Condition, change func(c storage.Condition) storage.Condition) storage.Condition {
	c.Of = slices.Clone(c.Of)
	for i := range c.Of {
		c.Of[i] = rewritten(c.Of[i], change)
	}
	return change(c)
}

// like matches as an unescaped LIKE does.
func like(text, pattern string) bool {
	if pattern == "" {
		return text == ""
	}
	if pattern[0] == '%' {
		return like(text, pattern[1:]) || text != "" && like(text[1:], pattern)
	}
	return text != "" && (pattern[0] == '_' || pattern[0] == text[0]) && like(text[1:], pattern[1:])
}

var mutants = []mutant{
	// Records.
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

	// Values.
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

	// Units and snapshots.
	{"rollback keeps events", []string{"Units/a unit that fails leaves nothing", modelTest}, afterFailure(func(ctx context.Context, tx storage.Tx, w written) error { return tx.Append(ctx, w.events...) })},
	{"rollback keeps jobs", []string{"Units/a unit that fails leaves nothing", modelTest}, afterFailure(func(ctx context.Context, tx storage.Tx, w written) error { return tx.Enqueue(ctx, w.jobs...) })},
	{"rollback keeps records", []string{"Units/a unit that fails leaves nothing", "Units/a unit that fails on its first write leaves the store usable"}, afterFailure(func(ctx context.Context, tx storage.Tx, w written) error {
		for _, row := range w.rows {
			_ = tx.Put(ctx, tickets, &row)
		}
		return nil
	})},
	{"rollback keeps finishes", []string{"Units/a unit that fails leaves nothing", "Outcomes/a finish inside a unit that fails leaves the claim", modelTest}, afterFailure(func(ctx context.Context, tx storage.Tx, w written) error {
		for _, f := range w.finished {
			_ = tx.Finish(ctx, f.job, f.o)
		}
		return nil
	})},
	{"a panic commits", []string{"Units/a unit that panics leaves nothing", modelTest}, func(s storage.Store) faults {
		return faults{update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) (err error) {
			var panicked any
			err = s.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
				defer func() { panicked = recover() }()
				return fn(ctx, tx)
			})
			if panicked != nil {
				panic(panicked)
			}
			return err
		}}
	}},
	{"a panic is swallowed", []string{"Units/a unit that panics leaves nothing"}, func(s storage.Store) faults {
		return faults{update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = errors.New("it panicked")
				}
			}()
			return s.Update(ctx, tenant, fn)
		}}
	}},
	{"an error that is hidden", []string{"Units/the error of a function is passed on", "Units/a unit that fails leaves nothing"}, func(s storage.Store) faults {
		return faults{update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
			if err := s.Update(ctx, tenant, fn); err != nil {
				return errors.New(err.Error())
			}
			return nil
		}}
	}},
	{"a conflict is tried again", []string{"Units/a function is not run again after a conflict", "Records/a stale put is a conflict"}, func(s storage.Store) faults {
		return faults{update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
			err := s.Update(ctx, tenant, fn)
			if errors.Is(err, storage.ErrConflict) {
				err = s.Update(ctx, tenant, fn)
			}
			return err
		}}
	}},
	{"an inner update joins the outer one", []string{"Units/an update inside an update is invalid"}, func(s storage.Store) faults {
		type outer struct{}
		return faults{update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
			if tx, ok := ctx.Value(outer{}).(storage.Tx); ok {
				return fn(ctx, tx)
			}
			return s.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
				return fn(context.WithValue(ctx, outer{}, tx), tx)
			})
		}}
	}},
	{"any update inside an update is invalid", []string{"Units/an update of another store inside an update is its own unit"}, func(s storage.Store) faults {
		type inside struct{}
		return faults{update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
			if ctx.Value(inside{}) != nil {
				return storage.ErrInvalid
			}
			return s.Update(context.WithValue(ctx, inside{}, true), tenant, fn)
		}}
	}},
	{"a view of a unit reads what is committed", []string{"Snapshots/a view with a unit's context sees the open writes", modelTest}, func(s storage.Store) faults {
		return faults{view: func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return s.View(context.Background(), tenants, fn)
		}}
	}},
	{"a view is no snapshot", []string{"Snapshots/a view sees nothing that is committed later", "Snapshots/a view is one moment over rows, counts, events and jobs", "Snapshots/views during transfers always see the same sum"}, func(s storage.Store) faults {
		again := func(ctx context.Context, r storage.Reader, fn func(ctx context.Context, r storage.Reader) error) error {
			if _, unit := r.(storage.Tx); unit {
				return fn(ctx, r)
			}
			return s.View(ctx, r.Tenants(), fn)
		}
		return faults{
			get: func(ctx context.Context, r storage.Reader, sch *storage.Schema, tenant storage.Tenant, id storage.ID) (row storage.Row, err error) {
				err = again(ctx, r, func(ctx context.Context, r storage.Reader) error { row, err = r.Get(ctx, sch, tenant, id); return err })
				return row, err
			},
			query: func(ctx context.Context, r storage.Reader, sch *storage.Schema, q storage.RowQuery) (rows []storage.Row, err error) {
				err = again(ctx, r, func(ctx context.Context, r storage.Reader) error { rows, err = r.Query(ctx, sch, q); return err })
				return rows, err
			},
			events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) (events []storage.Event, err error) {
				err = again(ctx, r, func(ctx context.Context, r storage.Reader) error { events, err = r.Events(ctx, q); return err })
				return events, err
			},
		}
	}},
	{"a view of many tenants is of many moments", []string{"Snapshots/a view is one moment over rows, counts, events and jobs"}, func(s storage.Store) faults {
		return faults{jobs: func(ctx context.Context, r storage.Reader, q storage.JobQuery) (jobs []storage.Job, err error) {
			if len(r.Tenants()) == 1 {
				return r.Jobs(ctx, q)
			}
			err = s.View(ctx, r.Tenants(), func(ctx context.Context, r storage.Reader) error { jobs, err = r.Jobs(ctx, q); return err })
			return jobs, err
		}}
	}},
	{"a context that ends is not heeded", []string{"Cancellation/with a context that is over nothing is done", "Cancellation/a unit whose context ends is not committed", "Cancellation/a deadline that has passed is an error too"}, func(s storage.Store) faults {
		return faults{update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
			return s.Update(context.WithoutCancel(ctx), tenant, fn)
		}}
	}},
	{"a unit that works on after its end", []string{"Units/a unit is over when its function has returned"}, func(s storage.Store) faults {
		return faults{put: func(ctx context.Context, tx storage.Tx, sch *storage.Schema, row *storage.Row) error {
			err := tx.Put(ctx, sch, row)
			if err != nil && row.Version == 0 && errors.Is(err, storage.ErrInvalid) && storage.CheckKey(string(row.ID)) == "" {
				return s.Update(ctx, tx.Tenant(), func(ctx context.Context, tx storage.Tx) error { return tx.Put(ctx, sch, row) })
			}
			return err
		}}
	}},

	// Tenants.
	{"get without a tenant predicate", []string{"Tenants/a record of another tenant is not found", "Tenants/a view of several tenants reads these and no other", modelTest}, func(s storage.Store) faults {
		return faults{get: func(ctx context.Context, r storage.Reader, sch *storage.Schema, tenant storage.Tenant, id storage.ID) (row storage.Row, err error) {
			if row, err = r.Get(ctx, sch, tenant, id); errors.Is(err, storage.ErrNotFound) && !slices.Contains(r.Tenants(), tenant) {
				err = aside(s, func(ctx context.Context, r storage.Reader) error { row, err = r.Get(ctx, sch, tenant, id); return err }, tenant)
			}
			return row, err
		}}
	}},
	{"query without a tenant predicate", []string{"Tenants/queries and counts stay in the tenant", "Tenants/a condition on the tenant does not reach another", "Contention/tenants at the same time stay apart"}, func(s storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, sch *storage.Schema, q storage.RowQuery) (rows []storage.Row, err error) {
			err = aside(s, func(ctx context.Context, r storage.Reader) error { rows, err = r.Query(ctx, sch, q); return err }, everyone...)
			return rows, err
		}}
	}},
	{"a tenant predicate that Or reaches beyond", []string{"Queries/Or does not reach beyond its part", "Tenants/a condition on the tenant does not reach another"}, func(s storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, sch *storage.Schema, q storage.RowQuery) (rows []storage.Row, err error) {
			if q.Where.Op != storage.Or {
				return r.Query(ctx, sch, q)
			}
			err = aside(s, func(ctx context.Context, r storage.Reader) error { rows, err = r.Query(ctx, sch, q); return err }, everyone...)
			return rows, err
		}}
	}},
	{"a condition on the tenant instead of the view's", []string{"Tenants/a condition on the tenant does not reach another"}, func(s storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, sch *storage.Schema, q storage.RowQuery) (rows []storage.Row, err error) {
			if q.Where.Column != storage.ColumnTenant {
				return r.Query(ctx, sch, q)
			}
			err = aside(s, func(ctx context.Context, r storage.Reader) error { rows, err = r.Query(ctx, sch, q); return err }, everyone...)
			return rows, err
		}}
	}},
	{"count without a tenant predicate", []string{"Tenants/queries and counts stay in the tenant", "Counts/without columns there is one group, of zero too"}, func(s storage.Store) faults {
		return faults{count: func(ctx context.Context, r storage.Reader, sch *storage.Schema, where storage.Condition, by []string) (groups []storage.Group, err error) {
			err = aside(s, func(ctx context.Context, r storage.Reader) error {
				groups, err = r.Count(ctx, sch, where, by)
				return err
			}, everyone...)
			return groups, err
		}}
	}},
	{"events without a tenant predicate", []string{"Tenants/events stay in the tenant", "Events/an event belongs to the unit's tenant"}, func(s storage.Store) faults {
		return faults{events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) (events []storage.Event, err error) {
			err = aside(s, func(ctx context.Context, r storage.Reader) error { events, err = r.Events(ctx, q); return err }, everyone...)
			return events, err
		}}
	}},
	{"jobs without a tenant predicate", []string{"Tenants/jobs stay in the tenant"}, func(s storage.Store) faults {
		return faults{jobs: func(ctx context.Context, r storage.Reader, q storage.JobQuery) (jobs []storage.Job, err error) {
			err = aside(s, func(ctx context.Context, r storage.Reader) error { jobs, err = r.Jobs(ctx, q); return err }, everyone...)
			return jobs, err
		}}
	}},
	{"finish without a tenant predicate", []string{"Tenants/another tenant's job cannot be cancelled or finished"}, func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			if job, ok := stored(ctx, tx, claimed.Kind, claimed.Key); ok && job.Tenant != claimed.Tenant {
				return tx.Finish(ctx, job, o)
			}
			return tx.Finish(ctx, claimed, o)
		}}
	}},
	{"tenants without case", []string{"Tenants/tenants are compared byte by byte", "Tenants/one id in many tenants is many records", "Values/an id may be 200 bytes long"}, func(s storage.Store) faults {
		fold := func(t storage.Tenant) storage.Tenant {
			return storage.Tenant(strings.TrimRight(strings.ToLower(string(t)), " ") + "!")
		}
		return faults{
			update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
				return s.Update(ctx, fold(tenant), fn)
			},
			view: func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
				var folded []storage.Tenant
				for _, t := range tenants {
					if !slices.Contains(folded, fold(t)) {
						folded = append(folded, fold(t))
					}
				}
				return s.View(ctx, folded, fn)
			},
		}
	}},

	// Queries, pages and counts.
	{"a Not of three values", []string{"Queries/a comparison with NULL does not hold and its Not does", modelTest}, queryBy(func(c storage.Condition, get func(string) any) bool {
		v := threeValued(c, get)
		return v != nil && *v
	})},
	{"In of nothing holds everywhere", []string{"Queries/In of nothing holds nowhere", modelTest}, queryBy(func(c storage.Condition, get func(string) any) bool {
		return holds(rewritten(c, func(c storage.Condition) storage.Condition {
			if c.Op == storage.In && len(c.Values) == 0 {
				return storage.Condition{}
			}
			return c
		}), get)
	})},
	{"Or of nothing holds everywhere", []string{"Queries/And and Or of nothing", modelTest}, queryBy(func(c storage.Condition, get func(string) any) bool {
		return holds(rewritten(c, func(c storage.Condition) storage.Condition {
			if c.Op == storage.Or && len(c.Of) == 0 {
				return storage.Condition{}
			}
			return c
		}), get)
	})},
	{"AtMost is Below", []string{"Queries/every comparison on every kind", modelTest}, queryBy(func(c storage.Condition, get func(string) any) bool {
		return holds(rewritten(c, func(c storage.Condition) storage.Condition {
			if c.Op == storage.AtMost {
				c.Op = storage.Below
			}
			return c
		}), get)
	})},
	{"a prefix is a LIKE pattern", []string{"Queries/a prefix is compared byte by byte", modelTest}, queryBy(func(c storage.Condition, get func(string) any) bool {
		if c.Op == storage.Prefix {
			text, ok := get(c.Column).(string)
			return ok && like(text, c.Values[0].(string)+"%")
		}
		return holds(c, get)
	})},
	{"a prefix ends at the greatest code point", []string{"Queries/a prefix with the greatest code points"}, queryBy(func(c storage.Condition, get func(string) any) bool {
		if c.Op == storage.Prefix {
			text, ok := get(c.Column).(string)
			return ok && text >= c.Values[0].(string) && text < c.Values[0].(string)+"\U0010ffff"
		}
		return holds(c, get)
	})},
	{"heads with bodies", []string{"Queries/a query of heads has no bodies", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			q.Bodies = true
			return r.Query(ctx, s, q)
		}}
	}},
	{"bodies that are not given", []string{"Queries/a query of heads has no bodies", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			q.Bodies = false
			return r.Query(ctx, s, q)
		}}
	}},
	{"a page drops ties", []string{"Pages/ties across pages are on exactly one", "Pages/every order on pages of every size", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			rows, err := r.Query(ctx, s, q)
			if q.After != nil && len(q.Order) > 0 {
				rows = slices.DeleteFunc(rows, func(row storage.Row) bool {
					return slices.Equal(position(s, row, q.Order).Values, q.After.Values)
				})
			}
			return rows, err
		}}
	}},
	{"a page repeats ties", []string{"Pages/ties across pages are on exactly one", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			if q.After != nil && len(q.Order) > 0 {
				after := *q.After
				after.ID = ""
				if q.Order[len(q.Order)-1].Descending {
					after.ID = "\U0010ffff"
				}
				q.After = &after
			}
			return r.Query(ctx, s, q)
		}}
	}},
	{"ties always stand upward", []string{"Pages/ties stand by id in the direction of the last column", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			if n := len(q.Order); n > 0 && n < 4 && q.Order[n-1].Descending && !slices.ContainsFunc(q.Order, func(o storage.Order) bool { return o.Column == "id" }) {
				q.Order = append(slices.Clone(q.Order), asc("id"))
				if q.After != nil {
					after := *q.After
					after.Values = append(slices.Clone(after.Values), string(after.ID))
					q.After = &after
				}
			}
			return r.Query(ctx, s, q)
		}}
	}},
	{"ties stand without the tenant", []string{"Pages/ties across tenants stand by tenant and id"}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			rows, err := r.Query(ctx, s, q)
			if len(q.Order) == 0 {
				slices.SortStableFunc(rows, func(a, b storage.Row) int { return cmp.Compare(a.ID, b.ID) })
			}
			return rows, err
		}}
	}},
	{"only the first order counts", []string{"Pages/every order on pages of every size", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			if len(q.Order) > 1 {
				q.Order = q.Order[:1]
				if q.After != nil {
					after := *q.After
					after.Values = after.Values[:1]
					q.After = &after
				}
			}
			return r.Query(ctx, s, q)
		}}
	}},
	{"every column has the first's direction", []string{"Pages/every order on pages of every size", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			q.Order = slices.Clone(q.Order)
			for i := range q.Order {
				q.Order[i].Descending = q.Order[0].Descending
			}
			return r.Query(ctx, s, q)
		}}
	}},
	{"pages are offsets", []string{"Pages/rows inserted and changed during paging disturb no other", "Pages/a page goes on after a row that is gone"}, func(storage.Store) faults {
		read := 0
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			if q.After == nil {
				read = 0
			}
			limit := q.Limit
			q.After, q.Limit = nil, storage.MaxLimit
			rows, err := r.Query(ctx, s, q)
			rows = rows[min(read, len(rows)):]
			rows = rows[:min(limit, len(rows))]
			read += len(rows)
			return rows, err
		}}
	}},
	{"the condition is met after the limit", []string{"Pages/each page has the condition", modelTest}, func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			where := q.Where
			q.Where = storage.Condition{}
			rows, err := r.Query(ctx, s, q)
			return slices.DeleteFunc(rows, func(row storage.Row) bool {
				return !holds(where, func(column string) any { return row.Value(s, column) })
			}), err
		}}
	}},
	{"no group for nothing", []string{"Counts/without columns there is one group, of zero too", modelTest}, func(storage.Store) faults {
		return faults{count: func(ctx context.Context, r storage.Reader, s *storage.Schema, where storage.Condition, by []string) ([]storage.Group, error) {
			groups, err := r.Count(ctx, s, where, by)
			return slices.DeleteFunc(groups, func(g storage.Group) bool { return g.Count == 0 }), err
		}}
	}},
	{"groups in no order", []string{"Counts/groups are in the order of their values", modelTest}, func(storage.Store) faults {
		return faults{count: func(ctx context.Context, r storage.Reader, s *storage.Schema, where storage.Condition, by []string) ([]storage.Group, error) {
			groups, err := r.Count(ctx, s, where, by)
			slices.SortStableFunc(groups, func(a, b storage.Group) int { return -cmp.Compare(a.Count, b.Count) })
			slices.Reverse(groups)
			return groups, err
		}}
	}},
	{"NULL is the last group", []string{"Counts/NULL is a group of its own and the first", modelTest}, func(storage.Store) faults {
		return faults{count: func(ctx context.Context, r storage.Reader, s *storage.Schema, where storage.Condition, by []string) ([]storage.Group, error) {
			groups, err := r.Count(ctx, s, where, by)
			if len(groups) > 1 && len(by) > 0 && groups[0].Values[0] == nil {
				groups = append(groups[1:], groups[0])
			}
			return groups, err
		}}
	}},
	{"NULL is not counted", []string{"Counts/NULL is a group of its own and the first", modelTest}, func(storage.Store) faults {
		return faults{count: func(ctx context.Context, r storage.Reader, s *storage.Schema, where storage.Condition, by []string) ([]storage.Group, error) {
			groups, err := r.Count(ctx, s, where, by)
			return slices.DeleteFunc(groups, func(g storage.Group) bool { return slices.Contains(g.Values, nil) }), err
		}}
	}},
	{"a row has the layout it is read with", []string{"Schemas/a row has the layout of the schema it was put through"}, func(storage.Store) faults {
		return faults{get: func(ctx context.Context, r storage.Reader, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
			row, err := r.Get(ctx, s, tenant, id)
			row.Layout = s.Layout()
			return row, err
		}}
	}},
	{"columns are found by their places", []string{"Schemas/the order of columns does not matter"}, func(storage.Store) faults {
		put := map[storage.ID][]any{}
		return faults{
			put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
				put[row.ID] = slices.Clone(row.Columns)
				return tx.Put(ctx, s, row)
			},
			get: func(ctx context.Context, r storage.Reader, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
				row, err := r.Get(ctx, s, tenant, id)
				row.Columns = make([]any, len(s.Columns()))
				copy(row.Columns, put[id])
				return row, err
			},
		}
	}},
	{"added columns have no zero", []string{"Schemas/rows put before a column was added have NULL or the zero of its kind"}, func(storage.Store) faults {
		return faults{get: func(ctx context.Context, r storage.Reader, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
			row, err := r.Get(ctx, s, tenant, id)
			for i, v := range row.Columns {
				if v == "" || v == int64(0) {
					row.Columns[i] = nil
				}
			}
			return row, err
		}}
	}},

	{"a put clears what its schema does not know", []string{"Schemas/a put leaves the columns that its schema does not know"}, func(storage.Store) faults {
		return faults{put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
			if s == assets && row.Version > 0 {
				whole := newRow(grown, row.ID, "title", row.Columns[0], "balance", row.Columns[1])
				whole.Version, whole.Body = row.Version, row.Body
				return tx.Put(ctx, grown, &whole)
			}
			return tx.Put(ctx, s, row)
		}}
	}},

	// Events.
	{"a place may be taken twice", []string{"Events/a place is taken once", "Contention/of many events in one place one is kept", modelTest}, func(storage.Store) faults {
		return faults{append: func(ctx context.Context, tx storage.Tx, events ...storage.Event) error {
			if err := tx.Append(ctx, events...); !errors.Is(err, storage.ErrConflict) {
				return err
			}
			return nil
		}}
	}},
	{"versions are ordered as text", []string{"Events/the log is in the order of places"}, func(storage.Store) faults {
		return faults{events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) ([]storage.Event, error) {
			events, err := r.Events(ctx, q)
			slices.SortStableFunc(events, func(a, b storage.Event) int { return cmp.Compare(eventName(a), eventName(b)) })
			return events, err
		}}
	}},
	{"a page of the log begins with its place", []string{"Events/the log is read in pages", "Events/a page of the log goes on after any place", modelTest}, func(storage.Store) faults {
		return faults{events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) ([]storage.Event, error) {
			q.After.N--
			return r.Events(ctx, q)
		}}
	}},
	{"a type hides the others of its page", []string{"Events/the log is read in pages", modelTest}, func(storage.Store) faults {
		return faults{events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) ([]storage.Event, error) {
			types := q.Types
			q.Types = nil
			events, err := r.Events(ctx, q)
			return slices.DeleteFunc(events, func(ev storage.Event) bool { return len(types) > 0 && !slices.Contains(types, ev.Type) }), err
		}}
	}},
	{"kinds without case", []string{"Events/kinds, records and types are compared byte by byte", "Events/the log is narrowed to a kind, a record and types"}, func(storage.Store) faults {
		return faults{events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) ([]storage.Event, error) {
			kind, limit := q.Kind, q.Limit
			q.Kind, q.Limit = "", storage.MaxLimit
			events, err := r.Events(ctx, q)
			events = slices.DeleteFunc(events, func(ev storage.Event) bool { return kind != "" && !strings.EqualFold(kind, ev.Kind) })
			return events[:min(limit, len(events))], err
		}}
	}},
	{"envelopes are normalised", []string{"Events/an event is read as it was appended", modelTest}, func(storage.Store) faults {
		return faults{append: func(ctx context.Context, tx storage.Tx, events ...storage.Event) error {
			events = slices.Clone(events)
			for i := range events {
				var b bytes.Buffer
				if json.Compact(&b, events[i].Envelope) == nil {
					events[i].Envelope = b.Bytes()
				}
			}
			return tx.Append(ctx, events...)
		}}
	}},
	{"an event belongs to the tenant it names", []string{"Events/an event belongs to the unit's tenant"}, func(s storage.Store) faults {
		return faults{append: func(ctx context.Context, tx storage.Tx, events ...storage.Event) error {
			for _, ev := range events {
				if ev.Tenant != "" && ev.Tenant != tx.Tenant() {
					return s.Update(context.Background(), ev.Tenant, func(ctx context.Context, tx storage.Tx) error { return tx.Append(ctx, events...) })
				}
			}
			return tx.Append(ctx, events...)
		}}
	}},

	// Jobs, claims and outcomes.
	{"keep replaces", []string{"Jobs/keep leaves due time and payload", "Outcomes/every outcome of every job", modelTest}, enqueueing(func(_ context.Context, _ storage.Tx, j *storage.Job) bool { j.Keep = false; return true })},
	{"keep does nothing", []string{"Jobs/every enqueue raises the generation", "Outcomes/a job enqueued again while it runs is not lost", "Contention/a delivery that is enqueued while it runs is never lost", modelTest}, enqueueing(func(ctx context.Context, tx storage.Tx, j *storage.Job) bool {
		old, there := stored(ctx, tx, j.Kind, j.Key)
		return !(j.Keep && there && !old.Dead)
	})},
	{"keep leaves a dead job dead", []string{"Jobs/keep of a dead job replaces it", modelTest}, enqueueing(func(ctx context.Context, tx storage.Tx, j *storage.Job) bool {
		old, there := stored(ctx, tx, j.Kind, j.Key)
		return !(j.Keep && there && old.Dead)
	})},
	{"a replaced job keeps its payload", []string{"Jobs/a job of the same kind and key is replaced", modelTest}, enqueueing(func(ctx context.Context, tx storage.Tx, j *storage.Job) bool {
		if old, there := stored(ctx, tx, j.Kind, j.Key); there {
			j.Payload = old.Payload
		}
		return true
	})},
	{"a job enqueued again loses its claim", []string{"Outcomes/a job enqueued again while it runs stays claimed", "Outcomes/every outcome of every job", modelTest}, func(storage.Store) faults {
		return faults{enqueue: func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error {
			for _, j := range jobs {
				if old, there := stored(ctx, tx, j.Kind, j.Key); there && !old.Lease.IsZero() && !j.Keep {
					_ = tx.Cancel(ctx, j.Kind, j.Key)
				}
			}
			return tx.Enqueue(ctx, jobs...)
		}}
	}},
	{"what is the store's is the caller's", []string{"Jobs/what is the store's is not taken from the caller"}, func(storage.Store) faults {
		given := map[string]storage.Job{}
		return faults{
			enqueue: func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error {
				for _, j := range jobs {
					given[j.Kind+"/"+j.Key] = j
				}
				return tx.Enqueue(ctx, jobs...)
			},
			jobs: func(ctx context.Context, r storage.Reader, q storage.JobQuery) ([]storage.Job, error) {
				jobs, err := r.Jobs(ctx, q)
				for i, j := range jobs {
					jobs[i].Attempts = given[j.Kind+"/"+j.Key].Attempts
				}
				return jobs, err
			},
		}
	}},
	{"cancel leaves a claimed job", []string{"Jobs/cancel of a claimed job removes it", modelTest}, func(storage.Store) faults {
		return faults{cancel: func(ctx context.Context, tx storage.Tx, kind, key string) error {
			if old, there := stored(ctx, tx, kind, key); there && !old.Lease.IsZero() {
				return nil
			}
			return tx.Cancel(ctx, kind, key)
		}}
	}},
	{"cancel of nothing is an error", []string{"Jobs/cancel removes a job", modelTest}, func(storage.Store) faults {
		return faults{cancel: func(ctx context.Context, tx storage.Tx, kind, key string) error {
			if _, there := stored(ctx, tx, kind, key); !there {
				return storage.ErrNotFound
			}
			return tx.Cancel(ctx, kind, key)
		}}
	}},
	{"dead jobs are claimed", []string{"Jobs/a dead job is enqueued with its attempts and error", "Claims/a subject's dead letter lets the next pass"}, func(storage.Store) faults {
		dead := map[string]storage.Job{}
		return faults{
			enqueue: func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error {
				jobs = slices.Clone(jobs)
				for i, j := range jobs {
					if j.Dead {
						dead[j.Kind+"/"+j.Key] = j
						jobs[i].Dead = false
					}
				}
				return tx.Enqueue(ctx, jobs...)
			},
			jobs: func(ctx context.Context, r storage.Reader, q storage.JobQuery) ([]storage.Job, error) {
				jobs, err := r.Jobs(ctx, q)
				for i, j := range jobs {
					if d, ok := dead[j.Kind+"/"+j.Key]; ok {
						jobs[i].Dead, jobs[i].Attempts, jobs[i].Error = true, d.Attempts, d.Error
					}
				}
				return jobs, err
			},
		}
	}},
	{"a delivery is lost while its job runs", []string{"Outcomes/a job enqueued again while it runs is not lost", "Outcomes/every outcome of every job", "Contention/a delivery that is enqueued while it runs is never lost", modelTest}, func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			err := tx.Finish(ctx, claimed, o)
			if err == nil && o.Done {
				return tx.Cancel(ctx, claimed.Kind, claimed.Key)
			}
			return err
		}}
	}},
	{"a worker completes after its lease", []string{"Claims/a worker that finishes after another has the job meets a conflict", "Outcomes/a claim is finished once", modelTest}, func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			if err := tx.Finish(ctx, claimed, o); !errors.Is(err, storage.ErrConflict) {
				return err
			}
			if o.Done {
				return tx.Cancel(ctx, claimed.Kind, claimed.Key)
			}
			return nil
		}}
	}},
	{"any token finishes a job", []string{"Outcomes/another token does not finish a job", "Claims/a worker that finishes after another has the job meets a conflict", modelTest}, func(s storage.Store) faults {
		tokens := map[string]string{}
		return faults{
			claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
				jobs, err := s.Claim(ctx, c)
				for _, j := range jobs {
					tokens[string(j.Tenant)+"/"+j.Kind+"/"+j.Key] = j.Token
				}
				return jobs, err
			},
			finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
				claimed.Token = tokens[string(claimed.Tenant)+"/"+claimed.Kind+"/"+claimed.Key]
				return tx.Finish(ctx, claimed, o)
			},
		}
	}},
	{"a late worker cannot finish though no other has the job", []string{"Claims/a worker may finish late while no other has the job"}, func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			if claimed.Lease.Before(noon.Add(time.Second)) {
				return storage.ErrConflict
			}
			return tx.Finish(ctx, claimed, o)
		}}
	}},
	{"a finish that clears the payload", []string{"Outcomes/every outcome of every job", modelTest}, finishing(func(o *storage.Outcome) {
		if o.Payload == nil {
			o.Payload = []byte("null")
		}
	})},
	{"a finish that leaves the payload", []string{"Outcomes/every outcome of every job", modelTest}, finishing(func(o *storage.Outcome) { o.Payload = nil })},
	{"a finish that never starts the attempts again", []string{"Outcomes/every outcome of every job", "Claims/every claim adds to the attempts", modelTest}, finishing(func(o *storage.Outcome) { o.Reset = false })},
	{"a finish that always starts the attempts again", []string{"Outcomes/every outcome of every job", "Claims/every claim adds to the attempts", modelTest}, finishing(func(o *storage.Outcome) { o.Reset = true })},
	{"a finish that never makes dead", []string{"Outcomes/every outcome of every job", "Outcomes/a dead letter is kept with what went wrong", modelTest}, finishing(func(o *storage.Outcome) { o.Dead = false })},
	{"a finish that makes dead what was enqueued again", []string{"Outcomes/every outcome of every job", modelTest}, func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			err := tx.Finish(ctx, claimed, o)
			if job, there := stored(ctx, tx, claimed.Kind, claimed.Key); err == nil && there && o.Dead && !o.Done {
				job.Dead = true
				return tx.Enqueue(ctx, job)
			}
			return err
		}}
	}},
	{"a finish whose due time wins over a later enqueue's", []string{"Outcomes/every outcome of every job", modelTest}, func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			err := tx.Finish(ctx, claimed, o)
			if job, there := stored(ctx, tx, claimed.Kind, claimed.Key); err == nil && there && !o.Done && !job.Dead && job.Attempts == 0 {
				job.Due = o.Due
				return tx.Enqueue(ctx, job)
			}
			return err
		}}
	}},
	{"claims of what is not due", []string{"Claims/a claim takes what is due by its instant", modelTest}, func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			c.Now = c.Now.Add(time.Second)
			return s.Claim(ctx, c)
		}}
	}},
	{"claims that do not hold", []string{"Claims/a claimed job is not claimed again before its lease ends", "Contention/workers never share a job"}, func(s storage.Store) faults {
		return faults{
			claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
				jobs, err := s.Claim(ctx, c)
				for _, j := range jobs {
					_ = s.Update(ctx, j.Tenant, func(ctx context.Context, tx storage.Tx) error {
						return tx.Finish(ctx, j, storage.Outcome{Due: j.Due})
					})
				}
				return jobs, err
			},
		}
	}},
	{"attempts are not counted", []string{"Claims/every claim adds to the attempts", modelTest}, func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			jobs, err := s.Claim(ctx, c)
			for i := range jobs {
				jobs[i].Attempts = 1
			}
			return jobs, err
		}}
	}},
	{"claims of any kind", []string{"Claims/a claim is narrowed to kinds", modelTest}, func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			c.Kinds = nil
			return s.Claim(ctx, c)
		}}
	}},
	{"claims without the order of subjects", []string{"Claims/jobs of one subject are taken one at a time in due order", "Claims/a subject waits while its job is claimed", "Claims/a subject orders jobs of every kind", "Contention/workers never have two jobs of one subject", modelTest}, withoutSubjects},
	{"unfair claims", []string{"Claims/a tenant with much due does not starve the others", "Claims/tenants take turns from one claim to the next"}, func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			limit := c.Limit
			c.Limit = storage.MaxLimit
			jobs, err := s.Claim(ctx, c)
			slices.SortStableFunc(jobs, func(a, b storage.Job) int { return a.Due.Compare(b.Due) })
			for _, j := range jobs[min(limit, len(jobs)):] { // which are given back
				_ = s.Update(ctx, j.Tenant, func(ctx context.Context, tx storage.Tx) error {
					return tx.Finish(ctx, j, storage.Outcome{Due: j.Due})
				})
			}
			return jobs[:min(limit, len(jobs))], err
		}}
	}},
	{"claims of what is due last", []string{"Claims/what is due first is taken first", modelTest}, func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			limit := c.Limit
			c.Limit = storage.MaxLimit
			jobs, err := s.Claim(ctx, c)
			slices.SortStableFunc(jobs, func(a, b storage.Job) int { return b.Due.Compare(a.Due) })
			for _, j := range jobs[min(limit, len(jobs)):] {
				_ = s.Update(ctx, j.Tenant, func(ctx context.Context, tx storage.Tx) error {
					return tx.Finish(ctx, j, storage.Outcome{Due: j.Due, Error: j.Error, Reset: j.Attempts == 1})
				})
			}
			return jobs[:min(limit, len(jobs))], err
		}}
	}},

	// Numbers and keys.
	{"numbers are given again after a rollback", []string{"Sequences/numbers of units that fail are never used", "Sequences/numbers are unique to many goroutines", modelTest}, func(s storage.Store) faults {
		var mu sync.Mutex
		committed := map[string]int64{}
		open := map[storage.Tx]map[string]int64{}
		return faults{
			update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
				var unit storage.Tx
				err := s.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
					unit = tx
					mu.Lock()
					open[tx] = map[string]int64{}
					mu.Unlock()
					return fn(ctx, tx)
				})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					maps.Copy(committed, open[unit])
				}
				return err
			},
			next: func(_ context.Context, tx storage.Tx, sequence string) (int64, error) {
				mu.Lock()
				defer mu.Unlock()
				name := string(tx.Tenant()) + "/" + sequence
				open[tx][name] = max(open[tx][name], committed[name]) + 1
				return open[tx][name], nil
			},
		}
	}},
	{"one sequence for all tenants", []string{"Sequences/tenants and sequences have numbers of their own"}, func(storage.Store) faults {
		var mu sync.Mutex
		last := map[string]int64{}
		return faults{next: func(_ context.Context, _ storage.Tx, sequence string) (int64, error) {
			mu.Lock()
			defer mu.Unlock()
			last[sequence]++
			return last[sequence], nil
		}}
	}},
	{"numbers go from 0", []string{"Sequences/numbers go from 1 upward", modelTest}, func(storage.Store) faults {
		return faults{next: func(ctx context.Context, tx storage.Tx, sequence string) (int64, error) {
			n, err := tx.Next(ctx, sequence)
			return n - 1, err
		}}
	}},
	{"a cursor key for each reader", []string{"Keys/the cursor key is secret and stays"}, func(storage.Store) faults {
		return faults{key: func(context.Context, storage.Reader) ([]byte, error) {
			key := make([]byte, 32)
			_, err := rand.Read(key)
			return key, err
		}}
	}},
	{"a cursor key that all know", []string{"Keys/the cursor key is secret and stays"}, func(storage.Store) faults {
		return faults{key: func(context.Context, storage.Reader) ([]byte, error) { return make([]byte, 32), nil }}
	}},
}

// withoutSubjects keeps the subjects of jobs aside, where the claim does not see them.
func withoutSubjects(s storage.Store) faults {
	var mu sync.Mutex
	subjects := map[string]string{}
	name := func(t storage.Tenant, j storage.Job) string { return string(t) + "/" + j.Kind + "/" + j.Key }
	restore := func(jobs []storage.Job) {
		mu.Lock()
		defer mu.Unlock()
		for i, j := range jobs {
			jobs[i].Subject = subjects[name(j.Tenant, j)]
		}
	}
	return faults{
		enqueue: func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error {
			jobs = slices.Clone(jobs)
			mu.Lock()
			for i, j := range jobs {
				if _, there := subjects[name(tx.Tenant(), j)]; !there || !j.Keep {
					subjects[name(tx.Tenant(), j)] = j.Subject
				}
				jobs[i].Subject = ""
			}
			mu.Unlock()
			return tx.Enqueue(ctx, jobs...)
		},
		jobs: func(ctx context.Context, r storage.Reader, q storage.JobQuery) ([]storage.Job, error) {
			jobs, err := r.Jobs(ctx, q)
			restore(jobs)
			return jobs, err
		},
		claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			jobs, err := s.Claim(ctx, c)
			restore(jobs)
			return jobs, err
		},
	}
}
