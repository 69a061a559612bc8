package memory

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// Which rows a query looks at cannot be seen from outside, so this is tested within: a page
// that an index serves begins at its place in the index and looks at no row but its own.
func TestPagesThatAnIndexServesLookAtTheirOwnRowsOnly(t *testing.T) {
	up := func(c string) storage.Order { return storage.Order{Column: c} }
	down := func(c string) storage.Order { return storage.Order{Column: c, Descending: true} }
	equal := func(c string, v any) storage.Condition {
		return storage.Condition{Op: storage.Equal, Column: c, Values: []any{v}}
	}
	and := func(of ...storage.Condition) storage.Condition {
		return storage.Condition{Op: storage.And, Of: of}
	}
	schema, err := storage.NewSchema("ticket", 1, []storage.ColumnSpec{
		{Name: "open", Kind: storage.Bool}, {Name: "priority", Kind: storage.Int}, {Name: "due", Kind: storage.Time}, {Name: "assignee", Kind: storage.Text, Nullable: true}, {Name: "state", Kind: storage.Text},
	}, []storage.Index{
		{Columns: []storage.Order{up("open"), up("priority"), down("due")}},
		{Columns: []storage.Order{up("assignee"), up("open"), down("updated")}},
		{Columns: []storage.Order{down("created")}},
	})
	require.NoError(t, err)
	const n = 3000
	s := New()
	require.NoError(t, s.Update(context.Background(), "acme", func(ctx context.Context, tx storage.Tx) error {
		for i := range n {
			row := storage.Row{Meta: storage.Meta{ID: storage.ID(fmt.Sprintf("%05d", i)), Created: instant(int64(i)), Updated: instant(int64(i))},
				Columns: []any{i%2 == 0, int64(i % 5), int64(i % 100), fmt.Sprintf("agent%d", i%10), "new"}, Body: []byte(`{}`)}
			if err := tx.Put(ctx, schema, &row); err != nil {
				return err
			}
		}
		return nil
	}))
	b, err := s.catalog.bind(schema)
	require.NoError(t, err)
	content := s.tenants["acme"].state.rows(b.table)

	for name, c := range map[string]struct {
		where storage.Condition
		order []storage.Order
		// rows is how many the page may look at before it is full; 0 means just its own.
		rows int
	}{
		"a queue":                          {equal("open", true), []storage.Order{up("priority"), down("due")}, 0},
		"a queue from its end":             {equal("open", true), []storage.Order{down("priority"), up("due")}, 0},
		"a queue that names what is fixed": {equal("open", true), []storage.Order{down("open"), up("priority"), down("due")}, 0},
		"one priority":                     {and(equal("open", true), equal("priority", int64(2))), []storage.Order{down("due")}, 0},
		"some priorities":                  {and(equal("open", true), storage.Condition{Op: storage.In, Column: "priority", Values: []any{int64(1), int64(2)}}), []storage.Order{up("priority"), down("due")}, 0},
		"urgent ones":                      {and(equal("open", true), storage.Condition{Op: storage.AtMost, Column: "priority", Values: []any{int64(1)}}), []storage.Order{up("priority"), down("due")}, 0},
		"an agent's":                       {and(equal("assignee", "agent2"), equal("open", true)), []storage.Order{down("updated")}, 0},
		"nobody's":                         {and(storage.Condition{Op: storage.Null, Column: "assignee"}, equal("open", true)), []storage.Order{down("updated")}, 0},
		"the newest":                       {storage.Condition{}, []storage.Order{down("created")}, 0},
		"the oldest of a time":             {storage.Condition{Op: storage.Above, Column: "created", Values: []any{int64(2000)}}, []storage.Order{up("created")}, 0},
		"by id":                            {storage.Condition{}, nil, 0},
		"by id from the end":               {storage.Condition{}, []storage.Order{down("id")}, 0},
		"one id":                           {equal("id", "00042"), []storage.Order{up("state")}, 0},
		"some ids":                         {storage.Condition{Op: storage.In, Column: "id", Values: []any{"00001", "00002", "none"}}, []storage.Order{up("due")}, 10},
		"the newest with a condition that many meet": {equal("state", "new"), []storage.Order{down("created")}, 10},
		"an agent's, the newest first":               {equal("assignee", "agent2"), []storage.Order{down("created")}, n / 10},
		"what no index serves":                       {equal("state", "new"), []storage.Order{up("state"), up("due")}, n},
	} {
		t.Run(name, func(t *testing.T) {
			const limit = 10
			w := newSearch(b, b.table.indexes, c.where)
			w.sortBy(c.order, nil)
			p := w.page(content, limit)
			if c.rows == 0 {
				require.True(t, p.ordered, "tree %d is not in order", p.tree)
				require.True(t, p.exact, "tree %d has other rows", p.tree)
				return
			}
			looked := p.size(content)
			if p.ordered {
				looked = min(looked, limit)
			}
			require.LessOrEqual(t, looked, c.rows, "tree %d", p.tree)
		})
	}
}
