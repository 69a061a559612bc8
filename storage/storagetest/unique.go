package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// A unique index has the values of its columns once in a tenant.
var uniqueCases = []testCase{
	{"values that are taken are refused, after which the unit goes on", withBadges(uniqueCreate)},
	{"values that are taken among several are refused", withBadges(uniqueSeveral)},
	{"values are taken within their tenant, byte by byte", withBadges(uniqueWithin)},
	{"what is like no other value is never taken", withBadges(uniqueNull)},
	{"values that a record has left or that went with it are free", withBadges(uniqueFree)},
	{"a change to values that are taken fails the unit", withBadges(uniqueChange)},
	{"a record keeps its own values", withBadges(uniqueOwn)},
	{"of many who take one value at once one has it", withBadges(uniqueRace)},
}

// withBadges runs a case in a store that has the table.
func withBadges(run func(*env)) func(*env) {
	return func(e *env) {
		e.migrate(e.store, badges)
		run(e)
	}
}

// badges has a unique index on two columns, of which one may be NULL.
var badges = mustSchema("st_badge", 1, []storage.ColumnSpec{
	{Name: "series", Kind: storage.Text},
	{Name: "number", Kind: storage.Int, Nullable: true},
	{Name: "holder", Kind: storage.Text},
}, []storage.Index{{Columns: []storage.Order{{Column: "series"}, {Column: "number", Descending: true}}, Unique: true}})

func badge(id storage.ID, series string, number any) storage.Row {
	return newRow(badges, id, "series", series, "number", number)
}

func (e *env) badges(tenant storage.Tenant) []string {
	e.Helper()
	return read(e, []storage.Tenant{tenant}, func(ctx context.Context, r storage.Reader) []string {
		rows, err := r.Query(ctx, badges, storage.RowQuery{Limit: storage.MaxLimit})
		require.NoError(e, err)
		return ids(rows)
	})
}

func uniqueSeveral(e *env) {
	e.putIn(badges, acme, badge("1", "a", 7))
	for name, rows := range map[string][2]storage.Row{
		"by another":    {badge("2", "a", 8), badge("3", "a", 7)},
		"by each other": {badge("2", "a", 8), badge("3", "a", 8)},
	} {
		err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			return tx.Put(ctx, badges, &rows[0], &rows[1])
		})
		var at *storage.TakenError
		require.ErrorAs(e, err, &at, name)
		require.Equal(e, []string{"series", "number"}, at.Columns)
		require.Equal(e, []string{"1"}, e.badges(acme), name)
	}
}

func uniqueCreate(e *env) {
	e.putIn(badges, acme, badge("1", "a", 7))
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		row := badge("2", "a", 7)
		err := tx.Put(ctx, badges, &row)
		require.ErrorIs(e, err, storage.ErrInvalid)
		var at *storage.TakenError
		require.ErrorAs(e, err, &at)
		require.Equal(e, badges.Name(), at.Table)
		require.Equal(e, storage.ID("2"), at.ID)
		require.Equal(e, []string{"series", "number"}, at.Columns)
		require.Zero(e, row.Version)
		set(badges, &row, "number", 8)
		require.NoError(e, tx.Put(ctx, badges, &row))
		again := badge("3", "a", 8)
		require.ErrorAs(e, tx.Put(ctx, badges, &again), &at, "what this unit has put")
		same := badge("1", "a", 9)
		require.ErrorIs(e, tx.Put(ctx, badges, &same), storage.ErrConflict, "an id that is taken is a conflict")
	})
	require.Equal(e, []string{"1", "2"}, e.badges(acme))
}

func uniqueWithin(e *env) {
	e.putIn(badges, acme, badge("1", "a", 7), badge("2", "A", 7), badge("3", "a ", 7), badge("4", "a", 8), badge("5", "", 7), badge("6", "", 0))
	e.putIn(badges, umbra, badge("9", "a", 7))
	e.putIn(badges, capital, badge("9", "a", 7))
	require.Len(e, e.badges(acme), 6)
	rows := make([]storage.Row, len(tricky))
	for i, text := range tricky {
		rows[i] = badge(storage.ID(fmt.Sprintf("t%03d", i)), text, 99)
	}
	e.putIn(badges, acme, rows...)
	for _, text := range tricky {
		e.update(acme, func(ctx context.Context, tx storage.Tx) {
			row := badge("another", text, 99)
			var taken *storage.TakenError
			require.ErrorAs(e, tx.Put(ctx, badges, &row), &taken, "%q", text)
		})
	}
}

func uniqueNull(e *env) {
	e.putIn(badges, acme, badge("1", "a", nil), badge("2", "a", nil), badge("3", "a", 0))
	require.Len(e, e.badges(acme), 3)
}

func uniqueFree(e *env) {
	rows := e.putIn(badges, acme, badge("1", "a", 1), badge("2", "a", 2))
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		set(badges, &rows[0], "number", 3)
		require.NoError(e, tx.Put(ctx, badges, &rows[0]))
		require.NoError(e, tx.Delete(ctx, badges, "2", 1))
		for i, row := range []storage.Row{badge("4", "a", 1), badge("5", "a", 2)} {
			require.NoError(e, tx.Put(ctx, badges, &row), i)
		}
	})
	require.Equal(e, []string{"1", "4", "5"}, e.badges(acme))
}

func uniqueChange(e *env) {
	rows := e.putIn(badges, acme, badge("1", "a", 1), badge("2", "a", 2))
	err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		other := badge("3", "b", 1)
		require.NoError(e, tx.Put(ctx, badges, &other))
		set(badges, &rows[1], "number", 1)
		var at *storage.TakenError
		require.ErrorAs(e, tx.Put(ctx, badges, &rows[1]), &at)
		return nil // which does not help
	})
	var at *storage.TakenError
	require.ErrorAs(e, err, &at)
	require.Equal(e, storage.ID("2"), at.ID)
	require.Equal(e, []string{"1", "2"}, e.badges(acme), "nothing of the unit stays")
}

func uniqueOwn(e *env) {
	rows := e.putIn(badges, acme, badge("1", "a", 1))
	set(badges, &rows[0], "holder", "Ana")
	rows = e.putIn(badges, acme, rows...)
	require.Equal(e, int64(2), rows[0].Version)
}

func uniqueRace(e *env) {
	var won atomic.Int32
	e.together(8, func(i int) error {
		taken := false
		if err := e.untilDone(acme, func(ctx context.Context, tx storage.Tx) error {
			row := badge(storage.ID(fmt.Sprint(i)), "a", 1)
			err := tx.Put(ctx, badges, &row)
			taken = errors.Is(err, storage.ErrInvalid)
			if taken {
				return nil
			}
			return err
		}); err != nil {
			return err
		}
		if !taken {
			won.Add(1)
		}
		return nil
	})
	require.Equal(e, int32(1), won.Load())
	require.Len(e, e.badges(acme), 1)
}
