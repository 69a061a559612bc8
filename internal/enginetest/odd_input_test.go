package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// oddTable is what the odd rows are put into.
var oddTable = mustSchema("odd", 1, []storage.ColumnSpec{
	{Name: "title", Kind: storage.Text},
	{Name: "rank", Kind: storage.Int, Nullable: true},
}, nil)

// The odd values: what is at the edge of what can be kept, and what is just beyond it. Good ones
// are among them, so that what is asked for is sometimes there.
var (
	oddNames = []string{"a", "a", "b", "A", "a ", "", "\x00", "a\x00b", "a\nb", "\x7f", "\xff", "\xed\xa0\x80", "\ufffd", "\U0010ffff", `"`, "';--", "%",
		strings.Repeat("x", storage.MaxKey), strings.Repeat("x", storage.MaxKey+1), strings.Repeat("é", storage.MaxKey/2+1)}
	oddTexts = append([]string{"two\nlines", strings.Repeat("é", storage.MaxText), strings.Repeat("x", storage.MaxText+1)}, oddNames...)
	oddJSON  = []any{nil, nil, "", " ", "{}", "{}", `{"a":1}`, "[1.0, 1e400]", `"\u0000"`, `"\ud800"`, "{", "01", "\xff", "\"\xff\"", "\xef\xbb\xbf{}", "{}{}", "null", strings.Repeat(" ", 64<<10) + "1", `"` + strings.Repeat("x", 64<<10-2) + `"`,
		strings.Repeat("[", 9999) + strings.Repeat("]", 9999), strings.Repeat("[", 10001) + strings.Repeat("]", 10001)}
	oddNumbers = []int64{math.MinInt64, -1, 0, 0, 1, 1, 2, 1 << 53, 1<<53 + 1, math.MaxInt64}
	oddValues  = []any{nil, "", "a", "a\x00", "\xff", int64(1), int64(math.MinInt64), 1, true, 1.5, []byte("a"), storage.ID("a"), strings.Repeat("x", storage.MaxText+1)}
	oddTimes   = []time.Time{noon, noon, noon.Add(999), noon.In(time.FixedZone("", 3600)), {}, time.UnixMicro(0), time.UnixMicro(-1), time.UnixMicro(math.MaxInt64), time.UnixMicro(math.MinInt64),
		time.UnixMicro(math.MaxInt64).Add(time.Microsecond), time.UnixMicro(math.MinInt64).Add(-1), time.Date(1_000_000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1_000_000, 1, 1, 0, 0, 0, 0, time.UTC)}
	oddLimits  = []int{1, 9, 9, storage.MaxLimit, storage.MaxLimit + 1, 0, -1, math.MaxInt}
	oddColumns = []string{"title", "title", "rank", "id", "tenant", "version", "created", "body", "", "nothing", `title" --`, "TITLE"}
)

func odd[V any](t *rapid.T, from []V, name string) V { return rapid.SampledFrom(from).Draw(t, name) }

func oddDocument(t *rapid.T, name string) []byte {
	if text, ok := odd(t, oddJSON, name).(string); ok {
		return []byte(text)
	}
	return nil
}

func oddList(t *rapid.T, name string) []string {
	return rapid.SliceOfN(rapid.SampledFrom(oddNames), 0, 2).Draw(t, name)
}

// Whatever a store is given, one that is made in another way says the same: the same error with
// the same faults, or the same answer.
func TestStoresAgreeOnOddInput(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			one := storage.Store(memory.New())
			other, _ := e.store(t, sqlstore.Options{}, oddTable)
			checks := 0
			rapid.Check(t, func(t *rapid.T) {
				checks++
				tenant := storage.Tenant(fmt.Sprintf("t%d", checks))
				t.Repeat(map[string]func(*rapid.T){"": func(*rapid.T) {}, "call": func(t *rapid.T) {
					name, call := oddCall(t, tenant, fmt.Sprintf("k%d", checks))
					want, wantErr := call(t.Context(), one)
					got, gotErr := call(t.Context(), other)
					require.Equal(t, outcome(wantErr), outcome(gotErr), "%s: %v and %v", name, wantErr, gotErr)
					require.Equal(t, want, got, name)
				}})
			})
		})
	}
}

// outcome is what a caller can tell of an error: the sentinel and the faults.
func outcome(err error) string {
	if err == nil {
		return ""
	}
	var v *storage.ValidationError
	if errors.As(err, &v) {
		return v.Error()
	}
	for _, s := range []error{storage.ErrNotFound, storage.ErrConflict, storage.ErrRetry, storage.ErrInvalid, storage.ErrUnknownOutcome} {
		if errors.Is(err, s) {
			return s.Error()
		}
	}
	return "another error"
}

// oddCall draws a call. It gives its error, and its answer as far as stores must agree on it. All
// but a claim is a unit of its own, which must be usable after what it refuses.
func oddCall(t *rapid.T, tenant storage.Tenant, kind string) (name string, call func(ctx context.Context, s storage.Store) (any, error)) {
	in := func(do func(ctx context.Context, tx storage.Tx) (any, error)) func(ctx context.Context, s storage.Store) (any, error) {
		return func(ctx context.Context, s storage.Store) (answer any, failed error) {
			if err := s.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
				answer, failed = do(ctx, tx)
				_, err := tx.Query(ctx, oddTable, storage.RowQuery{Limit: 1})
				return err
			}); err != nil {
				return nil, fmt.Errorf("after %w: %w", failed, err)
			}
			return answer, failed
		}
	}
	id := storage.ID(odd(t, oddNames, "id"))
	names := append([]string{kind, kind, kind}, oddNames...)
	switch name = odd(t, []string{"put", "put", "delete", "append", "append", "enqueue", "enqueue", "cancel", "finish", "lock", "sequence", "get", "query", "query", "count", "events", "events", "jobs", "jobs", "claim", "view"}, "call"); name {
	case "put":
		row := storage.Row{Body: oddDocument(t, "body")}
		row.ID, row.Version = id, odd(t, oddNumbers, "version")
		row.Created, row.Updated = odd(t, oddTimes, "created"), odd(t, oddTimes, "updated")
		for range odd(t, []int{2, 2, 2, 2, 0, 1, 3}, "columns") {
			row.Columns = append(row.Columns, odd(t, oddValues, "value"))
		}
		if len(row.Columns) == 2 && rapid.Bool().Draw(t, "good") {
			row.Columns = []any{odd(t, oddTexts, "title"), int64(1)}
		}
		return name, in(func(ctx context.Context, tx storage.Tx) (any, error) {
			given := row
			err := tx.Put(ctx, oddTable, &given)
			return given, err
		})
	case "delete":
		version := odd(t, oddNumbers, "version")
		return name, in(func(ctx context.Context, tx storage.Tx) (any, error) {
			return nil, tx.Delete(ctx, oddTable, id, version)
		})
	case "append":
		ev := storage.Event{Kind: odd(t, names, "kind"), Record: id, Version: odd(t, oddNumbers, "version"), N: int(odd(t, []int64{0, 0, 1, -1, math.MaxInt64}, "n")),
			ID: storage.ID(odd(t, oddNames, "event")), Type: odd(t, oddNames, "type"), At: odd(t, oddTimes, "at"), Envelope: oddDocument(t, "envelope")}
		if rapid.Bool().Draw(t, "good") {
			ev.ID, ev.Type, ev.At, ev.Envelope = "e", "x.v1", noon, []byte("{}")
		}
		return name, in(func(ctx context.Context, tx storage.Tx) (any, error) { return nil, tx.Append(ctx, ev) })
	case "enqueue":
		j := storage.Job{Kind: kind, Key: odd(t, oddNames, "key"), Subject: odd(t, oddNames, "subject"), Due: odd(t, oddTimes, "due"), Payload: oddDocument(t, "payload"),
			Dead: rapid.Bool().Draw(t, "dead"), Keep: rapid.Bool().Draw(t, "keep"), Attempts: int(odd(t, oddNumbers, "attempts")), Error: odd(t, oddTexts, "error")}
		if rapid.Bool().Draw(t, "good") {
			j.Subject, j.Payload, j.Error = "", nil, ""
		}
		if rapid.Bool().Draw(t, "any kind") {
			// Good ones are not due before every claim, so that none but those of the kind are claimed.
			j.Kind, j.Due = odd(t, oddNames, "kind"), time.UnixMicro(math.MaxInt64)
		}
		return name, in(func(ctx context.Context, tx storage.Tx) (any, error) { return nil, tx.Enqueue(ctx, j) })
	case "cancel":
		of, key := odd(t, names, "kind"), odd(t, oddNames, "key")
		return name, in(func(ctx context.Context, tx storage.Tx) (any, error) { return nil, tx.Cancel(ctx, of, key) })
	case "finish":
		j := storage.Job{Tenant: odd(t, []storage.Tenant{tenant, tenant, tenant, "", "other"}, "of"), Kind: odd(t, names, "kind"), Key: odd(t, oddNames, "key"), Token: odd(t, oddNames, "token")}
		o := storage.Outcome{Done: rapid.Bool().Draw(t, "done"), Dead: rapid.Bool().Draw(t, "dead"), Payload: oddDocument(t, "payload"), Due: odd(t, oddTimes, "due"), Error: odd(t, oddTexts, "error")}
		return name, in(func(ctx context.Context, tx storage.Tx) (any, error) { return nil, tx.Finish(ctx, j, o) })
	case "lock":
		lock := odd(t, oddNames, "name")
		return name, in(func(ctx context.Context, tx storage.Tx) (any, error) { return nil, tx.Lock(ctx, lock) })
	case "sequence":
		// Which number comes next is a store's own where it reserves them.
		sequence, atLeast := odd(t, oddNames, "name"), odd(t, append([]int64{1, 2, 3}, oddNumbers...), "at least")
		return name, in(func(ctx context.Context, tx storage.Tx) (any, error) {
			if err := tx.Advance(ctx, sequence, atLeast); err != nil {
				return nil, err
			}
			n, err := tx.Next(ctx, sequence)
			return n >= atLeast, err
		})
	case "get":
		of := odd(t, []storage.Tenant{tenant, tenant, "", "\x00", "other"}, "of")
		return name, in(func(ctx context.Context, tx storage.Tx) (any, error) {
			row, err := tx.Get(ctx, oddTable, of, id)
			return row, err
		})
	case "query":
		q := storage.RowQuery{Where: oddCondition(t), Limit: odd(t, oddLimits, "limit"), Bodies: true}
		for range odd(t, []int{0, 0, 1, 2}, "order") {
			q.Order = append(q.Order, storage.Order{Column: odd(t, oddColumns, "column"), Descending: rapid.Bool().Draw(t, "descending")})
		}
		if rapid.Bool().Draw(t, "after") {
			q.After = &storage.Position{Tenant: storage.Tenant(odd(t, append([]string{string(tenant)}, oddNames...), "tenant")), ID: id}
			for _, o := range q.Order {
				v := odd(t, oddValues, "value")
				if o.Column == "id" && rapid.Bool().Draw(t, "the id") {
					v = string(id)
				}
				q.After.Values = append(q.After.Values, v)
			}
		}
		return name, in(func(ctx context.Context, tx storage.Tx) (any, error) {
			rows, err := tx.Query(ctx, oddTable, q)
			return append([]storage.Row{}, rows...), err
		})
	case "count":
		where, by := oddCondition(t), rapid.SliceOfN(rapid.SampledFrom(oddColumns), 0, 2).Draw(t, "by")
		return name, in(func(ctx context.Context, tx storage.Tx) (any, error) {
			groups, err := tx.Count(ctx, oddTable, where, by)
			return append([]storage.Group{}, groups...), err
		})
	case "events":
		q := storage.EventQuery{Kind: odd(t, append(names, "", "", ""), "kind"), Record: odd(t, []storage.ID{"", "", id}, "record"), Types: oddList(t, "types"), Limit: odd(t, oddLimits, "limit")}
		if rapid.Bool().Draw(t, "after") {
			q.After = storage.EventPosition{Tenant: storage.Tenant(odd(t, append([]string{string(tenant)}, oddNames...), "tenant")), Kind: odd(t, names, "after kind"),
				Record: storage.ID(odd(t, oddNames, "after record")), Version: odd(t, oddNumbers, "after version"), N: int(odd(t, oddNumbers, "after n"))}
		}
		return name, in(func(ctx context.Context, tx storage.Tx) (any, error) {
			events, err := tx.Events(ctx, q)
			return append([]storage.Event{}, events...), err
		})
	case "jobs":
		q := storage.JobQuery{Kind: odd(t, append(names, "", "", ""), "kind"), Key: odd(t, append([]string{"", "", ""}, oddNames...), "key"), Subject: odd(t, append([]string{"", "", ""}, oddNames...), "subject"), Limit: odd(t, oddLimits, "limit")}
		if rapid.Bool().Draw(t, "after") {
			q.After = storage.Job{Tenant: storage.Tenant(odd(t, append([]string{string(tenant)}, oddNames...), "tenant")), Kind: odd(t, names, "after kind"), Key: odd(t, oddNames, "after key")}
		}
		return name, in(func(ctx context.Context, tx storage.Tx) (any, error) {
			jobs, err := tx.Jobs(ctx, q)
			return known(jobs), err
		})
	case "claim":
		c := storage.Claim{Now: odd(t, oddTimes, "now"), Limit: odd(t, oddLimits, "limit"), Kinds: []string{kind},
			Lease: odd(t, []time.Duration{time.Minute, time.Microsecond, 1, 0, -1, 1500, math.MaxInt64}, "lease")}
		c.Kinds = append(c.Kinds, oddList(t, "kinds")...)
		if c.Limit >= 1 && c.Limit <= storage.MaxLimit {
			c.Limit = storage.MaxLimit // which of those that are due at once are taken is a store's own
		}
		return name, func(ctx context.Context, s storage.Store) (any, error) {
			jobs, err := s.Claim(ctx, c)
			return len(jobs), err
		}
	default:
		tenants := rapid.SliceOfN(rapid.SampledFrom(append([]string{string(tenant), "other"}, oddNames...)), 0, 3).Draw(t, "tenants")
		return name, func(ctx context.Context, s storage.Store) (any, error) {
			var named []storage.Tenant
			for _, tenant := range tenants {
				named = append(named, storage.Tenant(tenant))
			}
			return nil, s.View(ctx, named, func(context.Context, storage.Reader) error { return nil })
		}
	}
}

// known is what stores must agree on: not how they count generations and make tokens.
func known(jobs []storage.Job) []storage.Job {
	out := []storage.Job{}
	for _, j := range jobs {
		j.Generation, j.Token = 0, ""
		out = append(out, j)
	}
	return out
}

func oddCondition(t *rapid.T) storage.Condition {
	ops := []storage.Op{storage.All, storage.All, storage.Equal, storage.In, storage.Below, storage.AtLeast, storage.Null, storage.Prefix, "like", storage.Not, storage.And}
	c := storage.Condition{Op: odd(t, ops, "op")}
	switch c.Op {
	case storage.All:
	case storage.And, storage.Not:
		for range odd(t, []int{1, 1, 0, 2}, "parts") {
			c.Of = append(c.Of, storage.Condition{Op: storage.Equal, Column: odd(t, oddColumns, "column"), Values: []any{odd(t, oddValues, "value")}})
		}
	default:
		c.Column = odd(t, oddColumns, "column")
		for range odd(t, []int{1, 1, 1, 0, 2}, "values") {
			c.Values = append(c.Values, odd(t, oddValues, "value"))
		}
	}
	return c
}
