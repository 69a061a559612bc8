package view_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/itsm/view"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestADefinitionThatCannotBeIsRefusedWithEveryFault(t *testing.T) {
	deep := storage.Condition{}
	for range view.MaxDepth + 1 {
		deep = storage.Condition{Op: storage.Not, Of: []storage.Condition{deep}}
	}
	err := view.Definition{RecordKind: "incident", Columns: []string{"title", "colour", "title"}, Order: []view.Order{{Column: "due"}, {Column: "nothing"}},
		Where: storage.Condition{Op: storage.And, Of: []storage.Condition{
			{Op: storage.Equal, Column: "group", Values: []any{view.MyGroups}}, {Op: storage.Equal, Column: "assignee", Values: []any{"{you}"}},
			{Op: storage.Equal, Column: "shape", Values: []any{"round"}}, {Op: storage.Equal, Column: "open", Values: []any{view.Me}}, deep,
		}}}.Check(task.Table.Schema())
	for _, part := range []string{"title is required", `record_kind is "incident"`, "{my_groups}", `"{you}"`, `"shape"`, "open", "nested deeper", `"due" may be null`, `"nothing"`, `"colour"`, "columns[2]"} {
		require.ErrorContains(t, err, part)
	}
	long := view.Definition{Title: "x", RecordKind: task.Kind, Columns: make([]string, view.MaxColumns+1), Order: make([]view.Order, view.MaxOrder+1),
		Where: storage.Condition{Op: storage.In, Column: "title", Values: make([]any, view.MaxValues+1)}}
	for i := range long.Where.Values {
		long.Where.Values[i] = fmt.Sprint(i)
	}
	err = long.Check(task.Table.Schema())
	for _, part := range []string{"columns are 51", "order has 6", "more than 200 values"} {
		require.ErrorContains(t, err, part)
	}
	for _, raw := range []string{"", "{", "[]", `{"where":{"values":[1.5]}}`, `{"owner":"me"}`, `{}{}`, `{"title":"` + strings.Repeat("x", view.MaxJSON) + `"}`} {
		_, err := view.Decode([]byte(raw))
		require.ErrorIs(t, err, itsm.ErrInvalid, raw)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"title":"Mine","record_kind":"task","where":{"op":"in","column":"group","values":["{my_groups}"]},"order":[{"column":"created"}],"columns":["title"]}`))
	f.Add([]byte(`{"where":{"op":"not","of":[{"op":"or","of":[]}]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := view.Decode(raw)
		if err != nil {
			if !errors.Is(err, itsm.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		if d.Check(task.Table.Schema()) != nil {
			return
		}
		out, err := json.Marshal(d)
		require.NoError(t, err)
		if len(out) > view.MaxJSON {
			return // escaped, it is longer than it came
		}
		again, err := view.Decode(out)
		require.NoError(t, err)
		back, err := json.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, string(out), string(back))
		_, err = task.Table.Where(d.Query(itsm.Actor{Tenant: "acme", ID: "ana"}).Where)
		require.NoError(t, err)
	})
}

func Example() {
	ctx := context.Background()
	e, _ := engine.New(memory.New(), engine.Options{})
	views, err := view.New(e, view.Options{Tables: []*storage.Schema{task.Table.Schema()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ana := itsm.Actor{Tenant: "acme", ID: "ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}, Groups: []itsm.ID{"desk"}}
	d, err := view.Decode([]byte(`{"title":"Mine","record_kind":"task","where":{"op":"equal","column":"assignee","values":["{me}"]},"columns":["title"]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := views.Save(ctx, ana, view.Draft{Definition: d, Sharing: view.SharedWithGroups, Groups: []itsm.ID{"desk"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	bob := itsm.Actor{Tenant: "acme", ID: "bob", Roles: ana.Roles, Groups: ana.Groups}
	q, err := views.Run(ctx, bob, v.ID)
	fmt.Println(q.Title, q.Where.Column, q.Where.Values, err)
	// Output: Mine assignee [bob] <nil>
}
