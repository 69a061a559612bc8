package storagetest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// A table grows: a second schema of its name has more columns, and both are used at once.
var schemaCases = []testCase{
	{"rows put before a column was added have NULL or the zero of its kind", schemaOldRows},
	{"rows are put and read through either schema", schemaEither},
	{"a put leaves the columns that its schema does not know", schemaUnknown},
	{"added columns are filtered, ordered and counted by", schemaQueries},
	{"the order of columns does not matter", schemaReordered},
	{"a row has the layout of the schema it was put through", schemaLayout},
	{"migration can be repeated", schemaMigrateAgain},
	{"migration is safe from many goroutines at once", schemaMigrateTogether},
	{"a migration that was interrupted can be run again", schemaInterrupted},
	{"a plan runs nothing", schemaPlan},
	{"a check finds nothing missing after a migration", schemaCheck},
	{"migration moves values of added columns out of bodies", schemaMoves},
}

// grown is the table assets with more columns, one of every kind with and without NULL.
var grown = mustSchema(assets.Name(), 2, []storage.ColumnSpec{
	{Name: "title", Kind: storage.Text},
	{Name: "balance", Kind: storage.Int},
	{Name: "owner", Kind: storage.Text},
	{Name: "room", Kind: storage.Text, Nullable: true},
	{Name: "rank", Kind: storage.Int},
	{Name: "weight", Kind: storage.Int, Nullable: true},
	{Name: "leased", Kind: storage.Bool},
	{Name: "insured", Kind: storage.Bool, Nullable: true},
	{Name: "bought", Kind: storage.Time},
	{Name: "sold", Kind: storage.Time, Nullable: true},
}, []storage.Index{{Columns: []storage.Order{{Column: "rank"}}}})

func (e *env) getIn(s *storage.Schema, id storage.ID) storage.Row {
	e.Helper()
	var row storage.Row
	e.view(func(ctx context.Context, r storage.Reader) {
		var err error
		row, err = r.Get(ctx, s, acme, id)
		require.NoError(e, err)
	}, acme)
	return row
}

func (e *env) queryIn(s *storage.Schema, q storage.RowQuery) []storage.Row {
	e.Helper()
	if q.Limit == 0 {
		q.Limit = storage.MaxLimit
	}
	require.NoError(e, storage.CheckQuery(s, q), "the case itself is wrong")
	var rows []storage.Row
	e.view(func(ctx context.Context, r storage.Reader) {
		var err error
		rows, err = r.Query(ctx, s, q)
		require.NoError(e, err)
	}, acme)
	return rows
}

var grownZeros = []any{"", nil, int64(0), nil, false, nil, int64(0), nil}

func schemaOldRows(e *env) {
	e.putIn(assets, acme, newRow(assets, "1", "title", "laptop", "balance", 900))
	e.migrate(e.store, grown)
	want := append([]any{"laptop", int64(900)}, grownZeros...)
	require.Equal(e, want, e.getIn(grown, "1").Columns)
	require.Equal(e, want, one(e, e.queryIn(grown, storage.RowQuery{})).Columns)
}

func schemaEither(e *env) {
	e.putIn(assets, acme, newRow(assets, "old", "title", "laptop"))
	e.migrate(e.store, grown)
	e.putIn(grown, acme, newRow(grown, "new", "title", "phone", "balance", 3, "owner", "ann", "room", "7", "weight", 2, "insured", true))
	e.putIn(assets, acme, newRow(assets, "later", "title", "desk", "balance", 4))

	require.Equal(e, []any{"phone", int64(3)}, e.getIn(assets, "new").Columns, "the narrower schema sees its columns")
	require.Equal(e, []any{"phone", int64(3), "ann", "7", int64(0), int64(2), false, true, int64(0), nil}, e.getIn(grown, "new").Columns)
	require.Equal(e, append([]any{"desk", int64(4)}, grownZeros...), e.getIn(grown, "later").Columns)
	require.Equal(e, []string{"later", "new", "old"}, ids(e.queryIn(assets, storage.RowQuery{})))
	require.Equal(e, []string{"later", "new", "old"}, ids(e.queryIn(grown, storage.RowQuery{})))

	row := e.getIn(grown, "old")
	set(grown, &row, "room", "9")
	row = e.putIn(grown, acme, row)[0]
	require.Equal(e, int64(2), row.Version)
	require.Equal(e, row, e.getIn(grown, "old"))

	narrow := e.getIn(assets, "new")
	set(assets, &narrow, "title", "smartphone")
	e.putIn(assets, acme, narrow)
	require.Equal(e, []any{"smartphone", int64(3)}, e.getIn(assets, "new").Columns)
}

// schemaUnknown is a program of the version before, or one without the host's own columns, that
// writes a row which has them.
func schemaUnknown(e *env) {
	e.migrate(e.store, grown)
	e.putIn(grown, acme, newRow(grown, "1", "title", "phone", "owner", "ann", "room", "7", "weight", 2, "insured", true))
	narrow := e.getIn(assets, "1")
	set(assets, &narrow, "title", "smartphone")
	e.putIn(assets, acme, narrow)
	require.Equal(e, []any{"smartphone", int64(0), "ann", "7", int64(0), int64(2), false, true, int64(0), nil}, e.getIn(grown, "1").Columns)

	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Delete(ctx, assets, "1", 2))
		again := newRow(assets, "1", "title", "tablet")
		require.NoError(e, tx.Put(ctx, assets, &again))
	})
	require.Equal(e, append([]any{"tablet", int64(0)}, grownZeros...), e.getIn(grown, "1").Columns, "a new row has nothing of the old one")
}

func schemaQueries(e *env) {
	e.putIn(assets, acme, newRow(assets, "1"), newRow(assets, "2"))
	e.migrate(e.store, grown)
	e.putIn(grown, acme, newRow(grown, "3", "rank", -1, "room", "a", "leased", true), newRow(grown, "4", "rank", 1, "weight", 0))
	for _, c := range []struct {
		want  []string
		where storage.Condition
	}{
		{[]string{"1", "2", "4"}, where(storage.Null, "room")},
		{[]string{"1", "2", "4"}, not(where(storage.Prefix, "room", ""))},
		{[]string{"3"}, where(storage.Equal, "leased", true)},
		{[]string{"1", "2"}, where(storage.Equal, "rank", 0)},
		{[]string{"1", "2", "3"}, not(where(storage.Equal, "weight", 0))},
		{[]string{"1", "2", "3", "4"}, where(storage.Equal, "owner", "")},
	} {
		require.Equal(e, c.want, ids(e.queryIn(grown, storage.RowQuery{Where: c.where})), "%+v", c.where)
	}
	for limit := 1; limit <= 4; limit++ {
		order := []storage.Order{desc("rank"), asc("leased")}
		var got []string
		q := storage.RowQuery{Order: order, Limit: limit}
		for range 10 {
			rows := e.queryIn(grown, q)
			got = append(got, ids(rows)...)
			if len(rows) < limit {
				break
			}
			q.After = position(grown, rows[len(rows)-1], order)
		}
		require.Equal(e, []string{"4", "1", "2", "3"}, got)
	}
	e.view(func(ctx context.Context, r storage.Reader) {
		groups, err := r.Count(ctx, grown, storage.Condition{}, []string{"room", "rank"})
		require.NoError(e, err)
		require.Equal(e, []storage.Group{groupOf(2, nil, 0), groupOf(1, nil, 1), groupOf(1, "a", -1)}, groups)
	}, acme)
}

func schemaReordered(e *env) {
	reordered := mustSchema(assets.Name(), 1, []storage.ColumnSpec{
		{Name: "balance", Kind: storage.Int}, {Name: "room", Kind: storage.Text, Nullable: true}, {Name: "title", Kind: storage.Text},
	}, nil)
	e.putIn(assets, acme, newRow(assets, "1", "title", "laptop", "balance", 900))
	e.migrate(e.store, reordered)
	require.Equal(e, []any{int64(900), nil, "laptop"}, e.getIn(reordered, "1").Columns)
	e.putIn(reordered, acme, newRow(reordered, "2", "title", "phone", "balance", 3, "room", "7"))
	require.Equal(e, []any{"phone", int64(3)}, e.getIn(assets, "2").Columns)
}

func schemaLayout(e *env) {
	row := e.putIn(assets, acme, newRow(assets, "1"))[0]
	e.migrate(e.store, grown)
	require.Equal(e, assets.Layout(), e.getIn(grown, "1").Layout, "as it was written, not as it is read")
	require.Equal(e, assets.Layout(), one(e, e.queryIn(grown, storage.RowQuery{})).Layout)
	again := newRow(grown, "1")
	again.Version = row.Version
	e.putIn(grown, acme, again)
	require.Equal(e, grown.Layout(), e.getIn(assets, "1").Layout)
}

// migrator runs the case for stores that migrate; the others have nothing to prepare.
func (e *env) migrator(run func(m storage.Migrator)) {
	if m, ok := e.store.(storage.Migrator); ok {
		run(m)
	}
}

func schemaMigrateAgain(e *env) {
	e.put(acme, full("1"))
	before := e.state(acme)
	for range 2 {
		e.migrate(e.store, schemas...)
		e.migrate(e.store, grown)
		e.migrate(e.store, assets, tickets)
		e.migrate(e.store)
		e.migrator(func(m storage.Migrator) {
			require.NoError(e, m.Check(e.ctx, grown, tickets), "a narrower schema takes nothing away")
		})
	}
	require.Equal(e, before, e.state(acme))
	e.putIn(grown, acme, newRow(grown, "1", "room", "7"))
	require.Equal(e, "7", e.getIn(grown, "1").Columns[3])
}

func schemaMigrateTogether(e *env) {
	e.migrator(func(m storage.Migrator) {
		e.putIn(assets, acme, newRow(assets, "1"))
		e.together(4, func(i int) error {
			return m.Migrate(e.ctx, []*storage.Schema{assets, grown}[i%2], tickets)
		})
		require.Equal(e, append([]any{"", int64(0)}, grownZeros...), e.getIn(grown, "1").Columns)
		require.NoError(e, m.Check(e.ctx, grown, tickets))
	})
}

func schemaInterrupted(e *env) {
	e.migrator(func(m storage.Migrator) {
		e.putIn(assets, acme, newRow(assets, "1"))
		ctx, cancel := context.WithCancel(e.ctx)
		cancel()
		require.ErrorIs(e, m.Migrate(ctx, grown), context.Canceled)
		for _, after := range []time.Duration{100 * time.Microsecond, time.Millisecond, 3 * time.Millisecond, 10 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(e.ctx, after)
			err := m.Migrate(ctx, grown)
			cancel()
			if err != nil {
				require.ErrorIs(e, err, context.DeadlineExceeded)
			}
		}
		e.migrate(e.store, grown)
		require.NoError(e, m.Check(e.ctx, grown))
		require.Equal(e, append([]any{"", int64(0)}, grownZeros...), e.getIn(grown, "1").Columns)
	})
}

func schemaPlan(e *env) {
	e.migrator(func(m storage.Migrator) {
		plan, err := m.Plan(e.ctx, schemas...)
		require.NoError(e, err)
		require.Empty(e, plan, "nothing is left to do")
		for range 2 {
			plan, err = m.Plan(e.ctx, grown)
			require.NoError(e, err)
			require.NotEmpty(e, plan)
			require.Error(e, m.Check(e.ctx, grown), "the columns are still missing")
		}
		e.migrate(e.store, grown)
		plan, err = m.Plan(e.ctx, grown)
		require.NoError(e, err)
		require.Empty(e, plan)
	})
}

func schemaCheck(e *env) {
	e.migrator(func(m storage.Migrator) {
		require.NoError(e, m.Check(e.ctx, schemas...))
		unknown := mustSchema("st_unknown", 1, []storage.ColumnSpec{{Name: "title", Kind: storage.Text}}, nil)
		require.Error(e, m.Check(e.ctx, unknown), "a table is missing")
		require.Error(e, m.Check(e.ctx, grown), "columns are missing")
		e.migrate(e.store, grown, unknown)
		require.NoError(e, m.Check(e.ctx, grown, unknown))
		require.NoError(e, m.Check(e.ctx, assets), "more columns than a schema has are no fault")
	})
}

func schemaMoves(e *env) {
	e.migrator(func(m storage.Migrator) {
		row := newRow(assets, "1", "title", "laptop")
		row.Body = []byte(`{"room": "7", "cost": {"centre": "it's 42", "of": 1}, "weight": -9007199254740993, "insured": true, "left": [1.0]}`)
		empty, null := newRow(assets, "2"), newRow(assets, "3")
		null.Body = []byte(`{"room": null, "cost": {"centre": null}, "weight": null, "insured": null}`)
		e.putIn(assets, acme, row, empty, null)
		e.put(acme, ticket("1"))
		moved := mustSchema(assets.Name(), 2, append(assets.Columns()[:2:2],
			storage.ColumnSpec{Name: "room", Kind: storage.Text, Nullable: true},
			storage.ColumnSpec{Name: "cost_centre", Kind: storage.Text, From: []string{"cost", "centre"}},
			storage.ColumnSpec{Name: "weight", Kind: storage.Int, Nullable: true},
			storage.ColumnSpec{Name: "insured", Kind: storage.Bool},
		), nil)
		for range 2 {
			require.NoError(e, m.Migrate(e.ctx, moved))
			got := e.getIn(moved, "1")
			require.Equal(e, []any{"laptop", int64(0), "7", "it's 42", int64(-9007199254740993), true}, got.Columns)
			require.JSONEq(e, `{"cost": {"of": 1}, "left": [1.0]}`, string(got.Body), "values are moved, nothing else is touched")
			require.Equal(e, int64(1), got.Version)
			for _, id := range []storage.ID{"2", "3"} {
				require.Equal(e, []any{"", int64(0), nil, "", nil, false}, e.getIn(moved, id).Columns)
			}
		}
		require.Equal(e, []string{"1"}, ids(e.queryIn(moved, storage.RowQuery{Where: where(storage.Equal, "cost_centre", "it's 42")})))
	})
}
