package storagetest

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// What another store had is written as it was there: records, jobs that were tried, and sequences.
var restoreCases = []testCase{
	{"a record is restored with its version, times and layout", restoreRoundTrip},
	{"a restored record goes on from its version", restoreGoesOn},
	{"a restored record is found by every index", restoreQueried},
	{"a record that is there already is not restored", restoreThere},
	{"values of a unique index are restored once", restoreTaken},
	{"rows that cannot be restored are invalid", restoreInput},
	{"a job that was tried keeps its attempts and error", restoreTried},
	{"sequences are listed by tenant and name", restoreSequences},
	{"sequences are listed in pages", restorePages},
	{"numbers of what is read are below the next one", restoreNumbers},
	{"a sequence goes on in another store", restoreElsewhere},
	{"a query for what no sequence can be is invalid", restoreQueries},
}

// restored gives a row of tickets as another store had it.
func restored(id storage.ID, version int64, layout int, values ...any) storage.Row {
	row := ticket(id, values...)
	row.Version, row.Layout = version, layout
	row.Created, row.Updated = noon.Add(-time.Duration(version)*time.Hour), noon.Add(time.Duration(layout)*time.Microsecond)
	return row
}

func (e *env) restore(tenant storage.Tenant, rows ...storage.Row) {
	e.Helper()
	e.update(tenant, func(ctx context.Context, tx storage.Tx) { require.NoError(e, tx.Restore(ctx, tickets, rows...)) })
}

func restoreRoundTrip(e *env) {
	rows := []storage.Row{
		restored("1", 1, 3, "title", "one", "due", 5),
		restored("2", 17, 1, "title", "ends with a space ", "note", "", "effort", -1, "vip", true, "ended", math.MinInt64),
		restored("3", math.MaxInt32, 2),
	}
	rows[2].Tenant, rows[2].Body = umbra, []byte(" {\n \"a\" : 1.0 }\n")
	rows[1].Created = rows[1].Created.Add(999 * time.Nanosecond)
	e.restore(acme, rows...)
	for i, want := range rows {
		want.Tenant = acme
		want.Created = storage.Instant(want.Created)
		require.Equal(e, want, e.get(acme, want.ID), "row %d", i)
	}
	e.missing(umbra, "3")
	e.restore(acme) // none
	require.Empty(e, e.events(acme), "which nothing is told of")
}

func restoreGoesOn(e *env) {
	e.restore(acme, restored("1", 5, 2, "title", "five"))
	row := e.get(acme, "1")
	read := clone(row)
	stale := clone(row)
	stale.Version = 4
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		row = clone(read) // a unit may be run again
		require.ErrorIs(e, tx.Put(ctx, tickets, &stale), storage.ErrConflict)
		require.NoError(e, tx.Put(ctx, tickets, &row))
	})
	require.Equal(e, int64(6), row.Version)
	require.Equal(e, 3, e.get(acme, "1").Layout, "a put writes the schema's layout")
	e.update(acme, func(ctx context.Context, tx storage.Tx) { require.NoError(e, tx.Delete(ctx, tickets, "1", 6)) })
	e.restore(acme, restored("1", 2, 3))
	require.Equal(e, int64(2), e.get(acme, "1").Version)
}

func restoreQueried(e *env) {
	e.put(acme, ticket("1", "open", true, "priority", 2))
	e.restore(acme, restored("2", 9, 1, "open", true, "priority", 1), restored("3", 9, 1, "open", true, "priority", 3))
	order := []storage.Order{{Column: "open"}, {Column: "priority"}, {Column: "due", Descending: true}}
	require.Equal(e, []string{"2", "1", "3"}, ids(e.query(storage.RowQuery{Order: order}, acme)))
	require.Equal(e, []string{"2", "3"}, ids(e.query(storage.RowQuery{Where: storage.Condition{Op: storage.Equal, Column: "version", Values: []any{int64(9)}}}, acme)))
}

// fails says that a unit fails by what restoring gives, whatever its function returns, and writes
// nothing.
func (e *env) fails(fn func(ctx context.Context, tx storage.Tx) error) error {
	e.Helper()
	var err error
	failed := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		require.NoError(e, tx.Append(ctx, event("before", 1, 0)))
		err = fn(ctx, tx)
		return nil
	})
	require.Error(e, err)
	require.Error(e, failed, "the unit fails")
	require.Empty(e, e.events(acme))
	return err
}

func restoreThere(e *env) {
	e.put(acme, ticket("2", "title", "there"))
	require.ErrorIs(e, e.fails(func(ctx context.Context, tx storage.Tx) error {
		return tx.Restore(ctx, tickets, restored("1", 1, 1), restored("2", 1, 1), restored("3", 1, 1))
	}), storage.ErrConflict)
	require.ErrorIs(e, e.fails(func(ctx context.Context, tx storage.Tx) error {
		return tx.Restore(ctx, tickets, restored("4", 1, 1), restored("4", 2, 1))
	}), storage.ErrConflict)
	e.missing(acme, "1", "3", "4")
	require.Equal(e, "there", value(e.get(acme, "2"), "title"))
	e.restore(umbra, restored("2", 1, 1))
}

func restoreTaken(e *env) {
	badges := mustSchema("st_badge", 1, []storage.ColumnSpec{{Name: "code", Kind: storage.Text}},
		[]storage.Index{{Columns: []storage.Order{{Column: "code"}}, Unique: true}})
	e.migrate(e.store, badges)
	badge := func(id storage.ID) storage.Row {
		row := newRow(badges, id, "code", "A1")
		row.Version, row.Layout = 3, 1
		return row
	}
	err := e.fails(func(ctx context.Context, tx storage.Tx) error { return tx.Restore(ctx, badges, badge("1"), badge("2")) })
	var taken *storage.TakenError
	require.ErrorAs(e, err, &taken)
	require.Equal(e, storage.ID("2"), taken.ID)
	require.Equal(e, []string{"code"}, taken.Columns)
}

func restoreInput(e *env) {
	writes := map[string]func(ctx context.Context, tx storage.Tx) error{}
	for name, row := range map[string]storage.Row{
		"no version": restored("1", 0, 1), "a negative version": restored("1", -1, 1), "no layout": restored("1", 1, 0),
		"a later layout": restored("1", 1, 4), "a bad id": restored("", 1, 1),
		"a bad column": restored("1", 1, 1, "title", "\x00"), "no body": {Meta: storage.Meta{ID: "1", Version: 1}, Layout: 1, Columns: ticket("1").Columns},
	} {
		writes[name] = func(ctx context.Context, tx storage.Tx) error {
			err := tx.Restore(ctx, tickets, restored("0", 1, 1), row)
			require.ErrorContains(e, err, "rows[1].", name)
			return err
		}
	}
	e.invalid(writes)
	e.missing(acme, "0", "1")
}

func restoreTried(e *env) {
	e.enqueue(acme,
		storage.Job{Kind: "timer", Key: "1", Due: noon, Tried: true, Attempts: 3, Error: "no answer"},
		storage.Job{Kind: "timer", Key: "2", Due: noon, Tried: true, Attempts: 4, Error: "gave up", Dead: true})
	got := e.job(acme, "timer", "1")
	require.Equal(e, 3, got.Attempts)
	require.Equal(e, "no answer", got.Error)
	require.False(e, got.Tried, "it is not stored")
	require.Equal(e, 4, e.job(acme, "timer", "2").Attempts)
	claimed := e.claimOne(noon)
	require.Equal(e, "1", claimed.Key)
	require.Equal(e, 4, claimed.Attempts)
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon})
	require.Zero(e, e.job(acme, "timer", "1").Attempts)
	e.invalid(map[string]func(ctx context.Context, tx storage.Tx) error{
		"fewer attempts than none": func(ctx context.Context, tx storage.Tx) error {
			return tx.Enqueue(ctx, storage.Job{Kind: "timer", Key: "3", Due: noon, Tried: true, Attempts: -1})
		},
		"an error that no engine keeps": func(ctx context.Context, tx storage.Tx) error {
			return tx.Enqueue(ctx, storage.Job{Kind: "timer", Key: "3", Due: noon, Tried: true, Error: "\x00"})
		},
	})
}

// listed gives the sequences as tenant, name and next.
func (e *env) listed(q storage.SequenceQuery, tenants ...storage.Tenant) (names []string, next map[string]int64) {
	e.Helper()
	if q.Limit == 0 {
		q.Limit = storage.MaxLimit
	}
	names, next = []string{}, map[string]int64{}
	for _, s := range read(e, tenants, func(ctx context.Context, r storage.Reader) []storage.Sequence {
		sequences, err := r.Sequences(ctx, q)
		require.NoError(e, err)
		return sequences
	}) {
		name := fmt.Sprintf("%s/%s", s.Tenant, s.Name)
		names = append(names, name)
		next[name] = s.Next
	}
	return names, next
}

func restoreSequences(e *env) {
	names, _ := e.listed(storage.SequenceQuery{}, acme)
	require.Empty(e, names)
	for _, sequence := range []string{"ticket", "asset", "Ticket", "ticket "} {
		e.next(acme, sequence)
	}
	e.next(umbra, "ticket")
	e.advance(capital, "ticket", 77)
	names, next := e.listed(storage.SequenceQuery{}, umbra, acme, capital)
	require.Equal(e, []string{"ACME/ticket", "acme/Ticket", "acme/asset", "acme/ticket", "acme/ticket ", "umbra/ticket"}, names)
	require.Equal(e, int64(77), next["ACME/ticket"])
	require.GreaterOrEqual(e, next["acme/ticket"], int64(2))
	names, _ = e.listed(storage.SequenceQuery{}, umbra)
	require.Equal(e, []string{"umbra/ticket"}, names)
	e.update(umbra, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Advance(ctx, "new", 5))
		sequences, err := tx.Sequences(ctx, storage.SequenceQuery{Limit: 1})
		require.NoError(e, err)
		require.Equal(e, []storage.Sequence{{Tenant: umbra, Name: "new", Next: 5}}, sequences, "a unit reads its own")
	})
}

func restorePages(e *env) {
	var want []string
	for _, tenant := range []storage.Tenant{capital, acme} {
		for n := range 5 {
			name := fmt.Sprintf("s%d", n)
			e.advance(tenant, name, int64(n+1))
			want = append(want, string(tenant)+"/"+name)
		}
	}
	for limit := 1; limit <= 11; limit++ {
		var got []string
		for after := (storage.Sequence{}); len(got) <= len(want); {
			page := read(e, []storage.Tenant{acme, capital}, func(ctx context.Context, r storage.Reader) []storage.Sequence {
				sequences, err := r.Sequences(ctx, storage.SequenceQuery{After: after, Limit: limit})
				require.NoError(e, err)
				return sequences
			})
			require.LessOrEqual(e, len(page), limit)
			if len(page) == 0 {
				break
			}
			for _, s := range page {
				got = append(got, string(s.Tenant)+"/"+s.Name)
			}
			after = page[len(page)-1]
		}
		require.Equal(e, want, got, "by %d", limit)
	}
	names, _ := e.listed(storage.SequenceQuery{After: storage.Sequence{Tenant: acme, Name: "s2x"}}, acme, capital)
	require.Equal(e, []string{"acme/s3", "acme/s4"}, names, "there need be no such sequence")
}

// restoreNumbers looks beside others who take numbers.
func restoreNumbers(e *env) {
	e.together(4, func(i int) error {
		for n := range 20 {
			if i > 0 {
				id := storage.ID(fmt.Sprintf("%d-%d", i, n))
				if err := e.untilDone(acme, func(ctx context.Context, tx storage.Tx) error {
					number, err := tx.Next(ctx, "ticket")
					if err != nil {
						return err
					}
					row := ticket(id, "priority", int(number))
					return tx.Put(ctx, tickets, &row)
				}); err != nil {
					return err
				}
				continue
			}
			if err := e.store.View(e.ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
				sequences, err := r.Sequences(ctx, storage.SequenceQuery{Limit: 1})
				if err != nil {
					return err
				}
				rows, err := r.Query(ctx, tickets, storage.RowQuery{Limit: storage.MaxLimit})
				for _, row := range rows {
					if number := value(row, "priority").(int64); len(sequences) == 0 || number >= sequences[0].Next {
						return fmt.Errorf("number %d was taken, and the sequences are %v", number, sequences)
					}
				}
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

func restoreElsewhere(e *env) {
	for range 3 {
		e.next(acme, "ticket")
	}
	_, next := e.listed(storage.SequenceQuery{}, acme)
	other := &env{testingT: e.testingT, ctx: e.ctx, store: e.another(), open: e.open}
	other.advance(acme, "ticket", next["acme/ticket"])
	_, there := other.listed(storage.SequenceQuery{}, acme)
	require.Equal(e, next, there, "as it was")
	require.Equal(e, next["acme/ticket"], other.next(acme, "ticket"))
}

func restoreQueries(e *env) {
	e.view(func(ctx context.Context, r storage.Reader) {
		for _, after := range []storage.Sequence{{Tenant: "\x00"}, {Name: "\xff"}} {
			_, err := r.Sequences(ctx, storage.SequenceQuery{After: after, Limit: 1})
			require.ErrorIs(e, err, storage.ErrInvalid)
		}
		_, err := r.Sequences(ctx, storage.SequenceQuery{})
		require.ErrorIs(e, err, storage.ErrInvalid)
	}, acme)
}
