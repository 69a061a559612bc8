package storage_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// Wish names a part that somebody wants.
type (
	WishHead struct {
		storage.Meta
		Part   storage.ID
		Person string
		Urgent bool
	}
	Wish struct {
		WishHead
		WishBody
	}
	WishBody struct{}
)

var (
	ByPart   = storage.Col("part", func(h *WishHead) *storage.ID { return &h.Part })
	ByPerson = storage.Col("person", func(h *WishHead) *string { return &h.Person })
	ByUrgent = storage.BoolCol("urgent", func(h *WishHead) *bool { return &h.Urgent })
	Wishes   = storage.Define("wish", storage.Def[Wish, WishHead, WishBody]{
		Parts:   func(w *Wish) (*WishHead, *WishBody) { return &w.WishHead, &w.WishBody },
		Columns: []storage.ColumnOf[WishHead]{ByPart, ByPerson, ByUrgent},
		Indexes: []storage.Index{storage.IndexOn(ByPerson.Asc(), ByPart.Asc())},
	})
)

func ExampleNamedBy() {
	ctx, s := context.Background(), memory.New()
	err := s.Update(ctx, "acme", func(ctx context.Context, tx storage.Tx) error {
		for _, name := range []string{"drum", "fuser", "tray"} {
			p := Part{PartHead: PartHead{Meta: storage.Meta{ID: storage.ID(name)}, Name: name}}
			if err := Parts.Put(ctx, tx, &p); err != nil {
				return err
			}
		}
		for _, part := range []storage.ID{"tray", "drum", "none"} {
			w := Wish{WishHead: WishHead{Meta: storage.Meta{ID: "ada wants " + part}, Part: part, Person: "ada"}}
			if err := Wishes.Put(ctx, tx, &w); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	wanted := storage.NamedBy[PartHead](Wishes, ByPart, ByPerson.Is("ada"))
	err = s.View(ctx, []storage.Tenant{"acme"}, func(ctx context.Context, r storage.Reader) error {
		page, err := Parts.List(ctx, r, storage.Query[PartHead]{Where: wanted})
		for _, p := range page.Items {
			fmt.Println(p.Name)
		}
		return err
	})
	if err != nil {
		panic(err)
	}
	// Output:
	// drum
	// tray
}

func TestAFilterByAnotherTableIsForAStoreAlone(t *testing.T) {
	named := storage.NamedBy[PartHead](Wishes, ByPart, ByUrgent.Is(true))
	h := &PartHead{Name: "drum"}
	for _, f := range []storage.Filter[PartHead]{named, storage.NotOf(named), storage.AllOf(ByName.Is("drum"), named), storage.AnyOf(ByName.Is("x"), storage.AllOf(named))} {
		require.False(t, f.Matchable())
		require.False(t, f.Condition().Matchable())
		require.NoError(t, f.Condition().Check(Parts.Schema()))
		require.PanicsWithValue(t, "storage: a condition on rows of another table cannot be matched in memory: ask Matchable, and query the store", func() { f.Match(h) })
		require.Panics(t, func() { f.Condition().Match(func(string) any { return "drum" }) })
		_, err := json.Marshal(f.Condition())
		require.ErrorIs(t, err, storage.ErrInvalid)
	}
	require.False(t, storage.AllOf(ByName.Is("x"), named).Match(h), "what does not hang on it")
	require.True(t, storage.AnyOf(ByName.Is("drum"), ByShelf.IsNull()).Matchable())
	require.True(t, storage.Filter[PartHead]{}.Matchable())

	for _, raw := range []string{`{"op":"named"}`, `{"op":"not","of":[{"op":"named"}]}`, `{"op":"named","by":{"column":"part"}}`, `{"op":"equal","By":{}}`} {
		var c storage.Condition
		require.ErrorIs(t, json.Unmarshal([]byte(raw), &c), storage.ErrInvalid, raw)
	}
}

func TestAReferenceTellsEveryFault(t *testing.T) {
	named := func(s *storage.Schema, column string, where storage.Condition) storage.Condition {
		return storage.Condition{Op: storage.Named, By: &storage.Reference{Schema: s, Column: column, Where: where}}
	}
	wishes, all := Wishes.Schema(), storage.Condition{}
	equal := func(column string, v any) storage.Condition {
		return storage.Condition{Op: storage.Equal, Column: column, Values: []any{v}}
	}
	either := func(of ...storage.Condition) storage.Condition { return storage.Condition{Op: storage.Or, Of: of} }
	for _, c := range []struct {
		where  storage.Condition
		fields []string
	}{
		{storage.Condition{Op: storage.Named}, []string{"by"}},
		{storage.Condition{Op: storage.Named, By: &storage.Reference{Column: "part"}}, []string{"by"}},
		{named(wishes, "urgent", all), []string{"by.column"}},
		{named(wishes, "name", either(equal("name", "x"), equal("urgent", "x"))), []string{"by.column", "by.column", "by.urgent"}},
		{named(wishes, "part", either(equal("urgent", true), named(Parts.Schema(), "name", all))), []string{"by.by"}},
		{storage.Condition{Op: storage.Named, Column: "name", By: &storage.Reference{Schema: wishes, Column: "part"}}, []string{"op"}},
		{storage.Condition{By: &storage.Reference{Schema: wishes, Column: "part"}}, []string{"op"}},
		{either(named(wishes, "nothing", all), equal("nothing", "x")), []string{"by.column", "column"}},
	} {
		require.Equal(t, c.fields, faultsOf(t, c.where.Check(Parts.Schema())), "%+v", c.where)
	}
}
