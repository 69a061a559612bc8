package memory_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// tickets is the table of these tests.
var tickets = must(storage.NewSchema("ticket", 1,
	[]storage.ColumnSpec{
		{Name: "state", Kind: storage.Text},
		{Name: "priority", Kind: storage.Int},
		{Name: "open", Kind: storage.Bool},
		{Name: "due", Kind: storage.Time},
		{Name: "assignee", Kind: storage.Text, Nullable: true},
	},
	[]storage.Index{
		{Columns: []storage.Order{{Column: "open"}, {Column: "priority"}, {Column: "due", Descending: true}}},
		{Columns: []storage.Order{{Column: "state"}, {Column: "created", Descending: true}}},
		{Columns: []storage.Order{{Column: "assignee"}}},
		{Columns: []storage.Order{{Column: "updated"}}},
	}))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ticket(n int) storage.Row {
	var assignee any
	if n%3 > 0 {
		assignee = fmt.Sprintf("agent%d", n%7)
	}
	return storage.Row{
		Meta:    storage.Meta{ID: storage.ID(fmt.Sprintf("t%07d", n)), Created: start.Add(time.Duration(n) * time.Second), Updated: start.Add(time.Duration(n) * time.Second)},
		Columns: []any{[]string{"new", "active", "waiting", "resolved"}[n%4], int64(n % 5), n%4 != 3, start.Add(time.Duration(n%100) * time.Minute).UnixMicro(), assignee},
		Body:    []byte(`{"title":"printer on fire","description":"smoke comes out of the tray, second floor"}`),
	}
}

func update(t testing.TB, s storage.Store, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) {
	t.Helper()
	require.NoError(t, s.Update(t.Context(), tenant, fn))
}

func view(t testing.TB, s storage.Store, fn func(ctx context.Context, r storage.Reader) error, tenants ...storage.Tenant) {
	t.Helper()
	require.NoError(t, s.View(t.Context(), tenants, fn))
}

func TestARowComesBackAsItWasPut(t *testing.T) {
	s := memory.New()
	row := ticket(1)
	update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error {
		require.NoError(t, tx.Put(ctx, tickets, &row))
		got, err := tx.Get(ctx, tickets, "acme", row.ID)
		require.NoError(t, err)
		require.Equal(t, row, got)
		return nil
	})
	require.Equal(t, int64(1), row.Version)
	view(t, s, func(ctx context.Context, r storage.Reader) error {
		got, err := r.Get(ctx, tickets, "acme", row.ID)
		require.NoError(t, err)
		require.Equal(t, row, got)
		page, err := r.Query(ctx, tickets, storage.RowQuery{Limit: 10, Bodies: true, Where: storage.Condition{Op: storage.Equal, Column: "state", Values: []any{"active"}}, Order: []storage.Order{{Column: "created", Descending: true}}})
		require.NoError(t, err)
		require.Equal(t, []storage.Row{row}, page)
		return nil
	}, "acme")
}
