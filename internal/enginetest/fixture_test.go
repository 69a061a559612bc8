package enginetest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

const acme storage.Tenant = "acme"

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 123456000, time.UTC)

// incidents is a table like that of a practice: twenty columns, and the indexes of its queues.
var incidents = mustSchema("incident", 1, []storage.ColumnSpec{
	{Name: "number", Kind: storage.Text},
	{Name: "title", Kind: storage.Text},
	{Name: "state", Kind: storage.Text},
	{Name: "open", Kind: storage.Bool},
	{Name: "priority", Kind: storage.Int},
	{Name: "impact", Kind: storage.Int},
	{Name: "urgency", Kind: storage.Int},
	{Name: "caller", Kind: storage.Text},
	{Name: "assignee", Kind: storage.Text, Nullable: true},
	{Name: "team", Kind: storage.Text},
	{Name: "service", Kind: storage.Text, Nullable: true},
	{Name: "category", Kind: storage.Text},
	{Name: "major", Kind: storage.Bool},
	{Name: "due", Kind: storage.Time, Nullable: true},
	{Name: "resolved", Kind: storage.Time, Nullable: true},
	{Name: "reopened", Kind: storage.Int},
}, []storage.Index{
	{Columns: []storage.Order{{Column: "open"}, {Column: "priority"}, {Column: "created"}}},
	{Columns: []storage.Order{{Column: "open"}, {Column: "team"}, {Column: "priority"}, {Column: "created", Descending: true}}},
	{Columns: []storage.Order{{Column: "number"}}},
	{Columns: []storage.Order{{Column: "updated", Descending: true}}},
})

func mustSchema(name string, layout int, columns []storage.ColumnSpec, indexes []storage.Index) *storage.Schema {
	s, err := storage.NewSchema(name, layout, columns, indexes)
	if err != nil {
		panic(err)
	}
	return s
}

// body is a document of the size that a record's usually has.
var body = []byte(`{"description":"The printer on the third floor prints only every other page, and those that it prints ` +
	`have a grey band along the left edge. Restarting it helped for an hour.","steps":["restarted","cleaned the drum"],` +
	`"watchers":["ada","grace","edsger"],"fields":{"floor":"3","model":"LP-9000"},"notes":[{"by":"ada","text":"Ordered a new drum."}]}`)

// incident gives the n-th incident.
func incident(n int) storage.Row {
	at := noon.Add(time.Duration(n) * time.Second)
	row := storage.Row{
		Meta: storage.Meta{ID: storage.ID(fmt.Sprintf("0192f0c1-7e1c-7a3b-9f00-%012d", n)), Created: at, Updated: at},
		Columns: []any{
			fmt.Sprintf("INC%07d", n), fmt.Sprintf("Printer %d prints every other page", n%97), "in_progress", n%4 != 0,
			int64(n%4 + 1), int64(n%3 + 1), int64(n%3 + 1), fmt.Sprintf("person-%04d", n%500), nil, fmt.Sprintf("team-%02d", n%10),
			fmt.Sprintf("service-%03d", n%50), "hardware", false, at.Add(8 * time.Hour).UnixMicro(), nil, int64(0),
		},
		Body: body,
	}
	if n%3 == 0 {
		row.Columns[8] = fmt.Sprintf("person-%04d", n%40)
	}
	return row
}

// put commits incidents from the n-th on.
func put(tb testing.TB, s storage.Store, tenant storage.Tenant, from, to int) {
	tb.Helper()
	for from < to {
		upTo := min(from+500, to)
		require.NoError(tb, s.Update(context.Background(), tenant, func(ctx context.Context, tx storage.Tx) error {
			for n := from; n < upTo; n++ {
				row := incident(n)
				if err := tx.Put(ctx, incidents, &row); err != nil {
					return err
				}
			}
			return nil
		}))
		from = upTo
	}
}

// get reads an incident.
func get(tb testing.TB, s storage.Store, tenant storage.Tenant, id storage.ID) (row storage.Row, err error) {
	tb.Helper()
	failed := s.View(context.Background(), []storage.Tenant{tenant}, func(ctx context.Context, r storage.Reader) error {
		row, err = r.Get(ctx, incidents, tenant, id)
		return nil
	})
	require.NoError(tb, failed)
	return row, err
}

// count counts the incidents.
func count(tb testing.TB, s storage.Store, tenant storage.Tenant) (n int64) {
	tb.Helper()
	require.NoError(tb, s.View(context.Background(), []storage.Tenant{tenant}, func(ctx context.Context, r storage.Reader) error {
		groups, err := r.Count(ctx, incidents, storage.Condition{}, nil)
		if err == nil {
			n = groups[0].Count
		}
		return err
	}))
	return n
}

// event gives the event of an incident's version.
func event(row storage.Row) storage.Event {
	return storage.Event{Kind: "incident", Record: row.ID, Version: row.Version, ID: row.ID + "-e", Type: "incident.opened.v1",
		At: row.Created, Envelope: []byte(`{"actor":{"id":"ada","name":"Ada Lovelace"},"action":"open","changes":[{"field":"state","new":"new"}],` +
			`"payload":{"number":"INC0000001","priority":3}}`)}
}

// job gives the timer of an incident.
func job(row storage.Row) storage.Job {
	return storage.Job{Kind: "sla.timer", Key: string(row.ID), Subject: string(row.ID), Due: row.Created.Add(8 * time.Hour),
		Payload: []byte(`{"policy":"gold","metric":"resolution"}`)}
}

// timed is a context that a test that hangs ends by.
func timed(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
