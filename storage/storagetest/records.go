package storagetest

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// Records are created, read, changed and removed one at a time, guarded by their versions.
var recordCases = []testCase{
	{"a record is read as it was put", recordRoundTrip},
	{"put sets version, tenant and layout", recordPutSets},
	{"every put raises the version by one", recordVersions},
	{"a put replaces every column and the body", recordReplaced},
	{"creating a record twice is a conflict", recordCreatedTwice},
	{"a stale put is a conflict", recordStale},
	{"putting a record that is gone is a conflict", recordPutGone},
	{"a refused put leaves the row as it was", recordPutRefused},
	{"after a refused write the unit can still be used", recordUnitUsable},
	{"a record that is not there is not found", recordMissing},
	{"several are put at once", recordSeveral},
	{"of several of which one cannot be put none is", recordSeveralRefused},
	{"delete removes a record", recordDelete},
	{"deleting another version is a conflict", recordDeleteStale},
	{"deleting what is not there is not found", recordDeleteMissing},
	{"a deleted record can be created anew", recordRecreate},
	{"tables are apart", recordTables},
	{"what a caller does to its row afterwards changes nothing", recordAliasing},
	{"what a caller does to a row it read changes nothing", recordReadAliasing},
}

// full is a ticket with something in every column.
func full(id storage.ID) storage.Row {
	r := ticket(id, "title", "Printer on fire", "note", "third floor", "priority", 2, "effort", 90,
		"open", true, "vip", false, "due", noon.Add(4*time.Hour).UnixMicro(), "ended", noon.UnixMicro())
	r.Created, r.Updated = noon.Add(-time.Hour), noon
	r.Body = []byte(`{"description": "It burns.", "tags": ["fire", "printer"]}`)
	return r
}

func recordRoundTrip(e *env) {
	written := e.put(acme, full("1"), ticket("2"))
	require.Equal(e, written[0], e.get(acme, "1"))
	require.Equal(e, written[1], e.get(acme, "2"))

	want := full("1")
	want.Tenant, want.Version, want.Layout = acme, 1, tickets.Layout()
	require.Equal(e, want, e.get(acme, "1"))
}

func recordPutSets(e *env) {
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		r := ticket("1")
		r.Tenant, r.Layout = umbra, 99
		require.NoError(e, tx.Put(ctx, tickets, &r))
		require.Equal(e, int64(1), r.Version)
		require.Equal(e, acme, r.Tenant, "the unit's tenant, not the row's")
		require.Equal(e, tickets.Layout(), r.Layout)
	})
	got := e.get(acme, "1")
	require.Equal(e, acme, got.Tenant)
	require.Equal(e, tickets.Layout(), got.Layout)
	e.missing(umbra, "1")
}

func recordVersions(e *env) {
	row := e.put(acme, ticket("1"))[0]
	for want := int64(2); want <= 5; want++ {
		set(tickets, &row, "priority", int(want))
		row = e.put(acme, row)[0]
		require.Equal(e, want, row.Version)
		require.Equal(e, row, e.get(acme, "1"))
	}
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		r := row
		for want := int64(6); want <= 8; want++ {
			require.NoError(e, tx.Put(ctx, tickets, &r), "several puts of one record in one unit")
			require.Equal(e, want, r.Version)
		}
	})
	require.Equal(e, int64(8), e.get(acme, "1").Version)
}

func recordReplaced(e *env) {
	row := e.put(acme, full("1"))[0]
	next := ticket("1", "title", "Printer replaced", "effort", 5)
	next.Version, next.Body = row.Version, []byte(`{}`)
	next.Created, next.Updated = row.Created, noon.Add(time.Minute)
	next = e.put(acme, next)[0]
	require.Equal(e, next, e.get(acme, "1"))
	require.Nil(e, value(e.get(acme, "1"), "note"), "a column that had a value is NULL again")

	again := full("1")
	again.Version = next.Version
	again = e.put(acme, again)[0]
	require.Equal(e, again, e.get(acme, "1"))
}

// refused says that err is a conflict that names the ticket.
func (e *env) refused(err error, id storage.ID) {
	e.Helper()
	require.ErrorIs(e, err, storage.ErrConflict)
	var typed *storage.Error
	require.ErrorAs(e, err, &typed)
	require.Equal(e, tickets.Name(), typed.Table, "the conflict names the table")
	require.Equal(e, id, typed.ID, "the conflict names the record")
}

func recordCreatedTwice(e *env) {
	first := e.put(acme, ticket("1", "title", "first"))[0]
	err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		r := ticket("1", "title", "second")
		return tx.Put(ctx, tickets, &r)
	})
	e.refused(err, "1")
	require.Equal(e, first, e.get(acme, "1"))

	err = e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		r, again := ticket("2"), ticket("2")
		require.NoError(e, tx.Put(ctx, tickets, &r))
		return tx.Put(ctx, tickets, &again)
	})
	e.refused(err, "2")
	e.missing(acme, "2")
}

func recordStale(e *env) {
	e.put(acme, ticket("1", "title", "v1"))
	row := e.get(acme, "1")
	set(tickets, &row, "title", "v2")
	row = e.put(acme, row)[0]
	set(tickets, &row, "title", "v3")
	row = e.put(acme, row)[0]

	for _, version := range []int64{1, 2, 4, 1 << 40} {
		conflicts := 0
		err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			stale := clone(row)
			stale.Version = version
			set(tickets, &stale, "title", "stale")
			err := tx.Put(ctx, tickets, &stale)
			conflicts++
			return err
		})
		e.refused(err, "1")
		require.Equal(e, 1, conflicts, "Update never runs fn again after a conflict")
		require.Equal(e, row, e.get(acme, "1"), "a put of version %d", version)
	}
}

func recordPutGone(e *env) {
	row := e.put(acme, ticket("1"))[0]
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Delete(ctx, tickets, "1", row.Version))
	})
	never := ticket("2")
	never.Version = 3
	for _, r := range []storage.Row{row, never} {
		err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			r := r
			return tx.Put(ctx, tickets, &r)
		})
		e.refused(err, r.ID)
		e.missing(acme, r.ID)
	}
}

func recordPutRefused(e *env) {
	e.put(acme, ticket("1"))
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		r := full("1")
		r.Tenant, r.Layout = umbra, 77
		require.ErrorIs(e, tx.Put(ctx, tickets, &r), storage.ErrConflict)
		want := full("1")
		want.Tenant, want.Layout = umbra, 77
		require.Equal(e, want, r)
	})
}

func recordUnitUsable(e *env) {
	row := e.put(acme, ticket("1"))[0]
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		before := ticket("before")
		require.NoError(e, tx.Put(ctx, tickets, &before))

		twice := ticket("1")
		require.ErrorIs(e, tx.Put(ctx, tickets, &twice), storage.ErrConflict)
		stale := row
		stale.Version = 7
		require.ErrorIs(e, tx.Put(ctx, tickets, &stale), storage.ErrConflict)
		require.ErrorIs(e, tx.Delete(ctx, tickets, "1", 7), storage.ErrConflict)
		require.ErrorIs(e, tx.Delete(ctx, tickets, "9", 1), storage.ErrNotFound)
		_, err := tx.Get(ctx, tickets, acme, "9")
		require.ErrorIs(e, err, storage.ErrNotFound)

		got, err := tx.Get(ctx, tickets, acme, "1")
		require.NoError(e, err)
		require.Equal(e, row, got)
		require.NoError(e, tx.Put(ctx, tickets, &got))
		after := ticket("after")
		require.NoError(e, tx.Put(ctx, tickets, &after))
	})
	require.Equal(e, int64(2), e.get(acme, "1").Version)
	e.get(acme, "before")
	e.get(acme, "after")
}

// recordSeveral puts more at once than an engine may take in one statement, old ones among the new.
func recordSeveral(e *env) {
	first := e.put(acme, full("old"))[0]
	var old storage.Row
	var rows []*storage.Row
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		old, rows = clone(first), nil // a unit may be run again
		set(tickets, &old, "title", "changed")
		for i := range 1200 {
			r := full(storage.ID(fmt.Sprintf("%04d", i)))
			set(tickets, &r, "priority", i)
			if i == 700 {
				rows = append(rows, &old)
			}
			rows = append(rows, &r)
		}
		require.NoError(e, tx.Put(ctx, tickets), "none")
		require.NoError(e, tx.Put(ctx, tickets, rows...))
		require.Equal(e, int64(2), old.Version)
		for _, r := range rows {
			require.Equal(e, acme, r.Tenant)
			require.Equal(e, tickets.Layout(), r.Layout)
		}
		set(tickets, rows[3], "title", "and again")
		require.NoError(e, tx.Put(ctx, tickets, rows[3], rows[4]))
	})
	require.Equal(e, int64(2), rows[3].Version)
	for _, i := range []int{0, 3, 4, 499, 500, 700, 701, 1200} {
		require.Equal(e, *rows[i], e.get(acme, rows[i].ID))
	}
	require.Equal(e, int64(1201), read(e, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) int64 {
		groups, err := r.Count(ctx, tickets, storage.Condition{}, nil)
		require.NoError(e, err)
		return groups[0].Count
	}))
}

func recordSeveralRefused(e *env) {
	row := e.put(acme, ticket("1"))[0]
	stale := clone(row)
	row = e.put(acme, row)[0]
	again, bad := ticket("1"), ticket("bad")
	bad.Body = []byte("{")
	for name, last := range map[string]storage.Row{"there already": again, "changed since": stale} {
		for _, after := range []bool{false, true} {
			err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
				first, last := ticket("2"), clone(last)
				if after {
					return tx.Put(ctx, tickets, &last, &first)
				}
				return tx.Put(ctx, tickets, &first, &last)
			})
			require.ErrorIs(e, err, storage.ErrConflict, name)
			e.missing(acme, "2")
		}
	}
	err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		first, twice := ticket("2"), ticket("2")
		return tx.Put(ctx, tickets, &first, &twice)
	})
	require.ErrorIs(e, err, storage.ErrConflict, "one id twice")
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		first := ticket("2")
		err := tx.Put(ctx, tickets, &first, &bad)
		require.ErrorIs(e, err, storage.ErrInvalid)
		require.ErrorContains(e, err, "rows[1].body", "the fault names the row")
		require.Zero(e, first.Version)
	})
	e.missing(acme, "2", "bad")
	require.Equal(e, row, e.get(acme, "1"))
}

func recordMissing(e *env) {
	e.put(acme, ticket("1"))
	e.missing(acme, "2", "1 ", " 1", "01")
	e.missing(umbra, "1")
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		_, err := tx.Get(ctx, tickets, acme, "2")
		require.ErrorIs(e, err, storage.ErrNotFound)
	})
	for _, bad := range []storage.ID{"", "a\x00", "\xff", storage.ID(make([]byte, storage.MaxKey+1))} {
		e.view(func(ctx context.Context, r storage.Reader) {
			_, err := r.Get(ctx, tickets, acme, bad)
			require.ErrorIs(e, err, storage.ErrNotFound, "no record has the id %q", bad)
			_, err = r.Get(ctx, tickets, acme, "1")
			require.NoError(e, err, "the view can still be used")
		}, acme)
	}
}

func recordDelete(e *env) {
	rows := e.put(acme, ticket("1"), ticket("2"))
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Delete(ctx, tickets, "1", rows[0].Version))
		_, err := tx.Get(ctx, tickets, acme, "1")
		require.ErrorIs(e, err, storage.ErrNotFound, "the unit itself sees it gone")
		require.Equal(e, []string{"2"}, ids(e.page(ctx, tx, storage.RowQuery{})))
	})
	e.missing(acme, "1")
	require.Equal(e, []string{"2"}, ids(e.query(storage.RowQuery{}, acme)))
}

func recordDeleteStale(e *env) {
	row := e.put(acme, ticket("1"))[0]
	row = e.put(acme, row)[0]
	for _, version := range []int64{0, 1, 3} {
		err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			return tx.Delete(ctx, tickets, "1", version)
		})
		require.ErrorIs(e, err, storage.ErrConflict, "version %d", version)
		require.Equal(e, row, e.get(acme, "1"))
	}
}

func recordDeleteMissing(e *env) {
	row := e.put(acme, ticket("1"))[0]
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.ErrorIs(e, tx.Delete(ctx, tickets, "2", 1), storage.ErrNotFound)
		require.NoError(e, tx.Delete(ctx, tickets, "1", row.Version))
		require.ErrorIs(e, tx.Delete(ctx, tickets, "1", row.Version), storage.ErrNotFound, "twice in one unit")
	})
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.ErrorIs(e, tx.Delete(ctx, tickets, "1", row.Version), storage.ErrNotFound, "in a later unit")
	})
}

func recordRecreate(e *env) {
	row := e.put(acme, ticket("1", "title", "old"))[0]
	row = e.put(acme, row)[0]
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Delete(ctx, tickets, "1", row.Version))
		again := ticket("1", "title", "same unit")
		require.NoError(e, tx.Put(ctx, tickets, &again))
		require.Equal(e, int64(1), again.Version)
	})
	got := e.get(acme, "1")
	require.Equal(e, "same unit", value(got, "title"))
	require.Equal(e, int64(1), got.Version)

	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Delete(ctx, tickets, "1", 1))
	})
	e.put(acme, ticket("1", "title", "later unit"))
	require.Equal(e, "later unit", value(e.get(acme, "1"), "title"))
}

func recordTables(e *env) {
	e.put(acme, ticket("1", "title", "a ticket"))
	e.putIn(assets, acme, newRow(assets, "1", "title", "an asset"), newRow(assets, "2"))
	e.view(func(ctx context.Context, r storage.Reader) {
		got, err := r.Get(ctx, assets, acme, "1")
		require.NoError(e, err)
		require.Equal(e, "an asset", got.Value(assets, "title"))
		_, err = r.Get(ctx, tickets, acme, "2")
		require.ErrorIs(e, err, storage.ErrNotFound)
		require.Equal(e, []string{"1"}, ids(e.page(ctx, r, storage.RowQuery{})))
		require.Equal(e, 2, e.total(ctx, r, assets, storage.Condition{}))
	}, acme)
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Delete(ctx, assets, "1", 1))
	})
	require.Equal(e, "a ticket", value(e.get(acme, "1"), "title"))
}

// scribble overwrites everything that a row refers to.
func scribble(r *storage.Row) {
	for i := range r.Columns {
		r.Columns[i] = "scribbled"
	}
	for i := range r.Body {
		r.Body[i] = 'x'
	}
}

func recordAliasing(e *env) {
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		r := full("1")
		require.NoError(e, tx.Put(ctx, tickets, &r))
		scribble(&r)
		got, err := tx.Get(ctx, tickets, acme, "1")
		require.NoError(e, err)
		require.Equal(e, full("1").Columns, got.Columns)
		require.Equal(e, string(full("1").Body), string(got.Body))
	})
	got := e.get(acme, "1")
	require.Equal(e, full("1").Columns, got.Columns)
	require.Equal(e, string(full("1").Body), string(got.Body))
}

func recordReadAliasing(e *env) {
	e.put(acme, full("1"))
	for range 2 {
		got := e.get(acme, "1")
		require.Equal(e, full("1").Columns, got.Columns)
		require.Equal(e, string(full("1").Body), string(got.Body))
		scribble(&got)
		row := one(e, e.query(storage.RowQuery{Bodies: true}, acme))
		require.Equal(e, full("1").Columns, row.Columns)
		require.Equal(e, string(full("1").Body), string(row.Body))
		scribble(&row)
	}
}
