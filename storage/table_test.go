package storage_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
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
)

// Part has a column of every kind.
type Part struct {
	PartHead
	PartBody
}

type (
	Grade    string
	PartHead struct {
		storage.Meta
		Name    string
		Grade   Grade
		Weight  int16
		Spare   bool
		Made    time.Time
		Shelf   *string
		Row     *int64
		Retired time.Time
	}
)

type PartBody struct {
	Text   string                     `json:"text,omitempty"`
	Fields map[string]json.RawMessage `json:"fields,omitempty"`
}

var (
	ByName    = storage.Col("name", func(h *PartHead) *string { return &h.Name })
	ByGrade   = storage.Col("grade", func(h *PartHead) *Grade { return &h.Grade })
	ByWeight  = storage.Col("weight", func(h *PartHead) *int16 { return &h.Weight })
	BySpare   = storage.BoolCol("spare", func(h *PartHead) *bool { return &h.Spare })
	ByMade    = storage.TimeCol("made", func(h *PartHead) *time.Time { return &h.Made })
	ByShelf   = storage.NullCol("shelf", func(h *PartHead) **string { return &h.Shelf })
	ByRow     = storage.NullCol("row", func(h *PartHead) **int64 { return &h.Row })
	ByRetired = storage.NullTimeCol("retired", func(h *PartHead) *time.Time { return &h.Retired })

	columns = []storage.ColumnOf[PartHead]{ByName, ByGrade, ByWeight, BySpare, ByMade, ByShelf, ByRow, ByRetired}
	Parts   = storage.Define("part", storage.Def[Part, PartHead, PartBody]{
		Parts: parts, Columns: columns,
		Indexes: []storage.Index{storage.IndexOn(ByGrade.Asc(), ByWeight.Asc(), ByMade.Desc())},
	})
	CostCentre = storage.Custom[string](Parts, "cost_centre")
	Bought     = storage.Custom[time.Time](Parts, "bought")
	Pieces     = storage.Custom[int64](Parts, "pieces")
	Leased     = storage.Custom[bool](Parts, "leased")
)

func parts(p *Part) (*PartHead, *PartBody) { return &p.PartHead, &p.PartBody }

func update(t testing.TB, s storage.Store, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) {
	t.Helper()
	require.NoError(t, s.Update(context.Background(), tenant, fn))
}

func view(t testing.TB, s storage.Store, tenant storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) {
	t.Helper()
	require.NoError(t, s.View(context.Background(), []storage.Tenant{tenant}, fn))
}

func faultsOf(t testing.TB, err error) []string {
	t.Helper()
	var v *storage.ValidationError
	require.ErrorAs(t, err, &v)
	require.ErrorIs(t, err, storage.ErrInvalid)
	var fields []string
	for _, f := range v.Faults {
		fields = append(fields, f.Field)
	}
	return fields
}

func TestARecordIsReadAsItWasPut(t *testing.T) {
	table, err := Parts.With([]storage.ColumnOf[PartHead]{CostCentre, Bought, Pieces, Leased})
	require.NoError(t, err)
	s := memory.New()
	shelf, row := "A 1 ", int64(math.MinInt64)
	made := time.Date(1955, 2, 3, 4, 5, 6, 789_000_000, time.FixedZone("", 3600))
	p := Part{
		PartHead: PartHead{Name: "Ölpumpe", Grade: "b", Weight: -7, Spare: true, Made: made, Shelf: &shelf, Row: &row, Retired: made.Add(999)},
		PartBody: PartBody{Text: strings.Repeat("x", 1<<20)},
	}
	p.ID = "p1"
	for _, v := range []storage.Value[PartHead]{CostCentre.Value("4711"), Bought.Value(made), Pieces.Value(math.MaxInt64), Leased.Value(false)} {
		require.NoError(t, v.Apply(&p.PartHead))
	}
	update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error { return table.Put(ctx, tx, &p) })
	require.EqualValues(t, 1, p.Version)
	require.EqualValues(t, "acme", p.Tenant)

	view(t, s, "acme", func(ctx context.Context, r storage.Reader) error {
		got, err := table.Get(ctx, r, "p1")
		require.NoError(t, err)
		require.Equal(t, storage.Instant(made), got.Made)
		require.Equal(t, time.UTC, got.Made.Location())
		require.Equal(t, storage.Instant(made.Add(999)), got.Retired, "what is below a microsecond is cut off")
		require.Equal(t, p.Text, got.Text)
		require.Equal(t, "A 1 ", *got.Shelf)
		require.Equal(t, row, *got.Row)
		require.Equal(t, map[string]any{"x_cost_centre": "4711", "x_bought": storage.Instant(made), "x_pieces": int64(math.MaxInt64), "x_leased": false}, got.Custom)
		cc, ok := CostCentre.Of(&got.PartHead)
		require.True(t, ok)
		require.Equal(t, "4711", cc)

		narrow, err := Parts.Get(ctx, r, "p1")
		require.NoError(t, err)
		require.Empty(t, narrow.Custom, "the table without the host's columns does not see them")

		page, err := table.List(ctx, r, storage.Query[PartHead]{Where: storage.AllOf(CostCentre.HasPrefix("47"), Bought.AtMost(made), Pieces.Is(math.MaxInt64), Leased.Is(false))})
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
		require.Equal(t, got.PartHead, page.Items[0])
		return nil
	})

	require.NoError(t, CostCentre.Clear().Apply(&p.PartHead))
	_, ok := CostCentre.Of(&p.PartHead)
	require.False(t, ok)
	require.ErrorIs(t, ByName.Clear().Apply(&p.PartHead), storage.ErrInvalid)
}

func TestRecordJSONIsFlat(t *testing.T) {
	p := Part{PartHead: PartHead{Name: "pump"}, PartBody: PartBody{Text: "heavy"}}
	p.ID = "p1"
	raw, err := json.Marshal(p)
	require.NoError(t, err)
	var flat map[string]any
	require.NoError(t, json.Unmarshal(raw, &flat))
	require.Equal(t, "pump", flat["Name"])
	require.Equal(t, "heavy", flat["text"])
	require.Equal(t, "p1", flat["id"])
}

func TestPutNamesEveryValueThatDoesNotFit(t *testing.T) {
	s := memory.New()
	p := Part{PartHead: PartHead{Name: strings.Repeat("é", 256), Grade: "a\x00", Shelf: new(string)}}
	p.ID = "p1"
	*p.Shelf = "\xff"
	p.Custom = map[string]any{"x_unknown": "v"}
	err := s.Update(context.Background(), "acme", func(ctx context.Context, tx storage.Tx) error { return Parts.Put(ctx, tx, &p) })
	require.Equal(t, []string{`custom."x_unknown"`, "grade", "name", "shelf"}, faultsOf(t, err))
	require.Zero(t, p.Version)

	table, err := Parts.With([]storage.ColumnOf[PartHead]{Pieces})
	require.NoError(t, err)
	q := Part{}
	q.ID = "p2"
	q.Custom = map[string]any{"x_pieces": "many"}
	err = s.Update(context.Background(), "acme", func(ctx context.Context, tx storage.Tx) error { return table.Put(ctx, tx, &q) })
	require.Equal(t, []string{"x_pieces"}, faultsOf(t, err))
}

func TestDefineRefusesWhatWouldLoseData(t *testing.T) {
	def := func(cols ...storage.ColumnOf[PartHead]) func() {
		return func() {
			storage.Define("part", storage.Def[Part, PartHead, PartBody]{Parts: parts, Columns: cols})
		}
	}
	require.PanicsWithValue(t, "storage: table part: field Retired of the head has 0 columns instead of one", def(columns[:len(columns)-1]...))
	require.Panics(t, def(append(columns, storage.Col("again", func(h *PartHead) *string { return &h.Name }))...))
	require.Panics(t, def(append(columns[:len(columns)-1:len(columns)-1], storage.NullTimeCol("name", func(h *PartHead) *time.Time { return &h.Retired }))...))
	require.Panics(t, func() {
		storage.Define("part", storage.Def[Part, PartHead, PartBody]{Parts: parts, Columns: columns, Indexes: []storage.Index{storage.IndexOn(storage.Order{Column: "nothing"})}})
	})
	require.Panics(t, func() { storage.Define("Part", storage.Def[Part, PartHead, PartBody]{Parts: parts, Columns: columns}) })
	require.Panics(t, func() { storage.Define("part", storage.Def[Part, PartHead, PartBody]{Columns: columns}) })
}

func TestWithLeavesTheOriginal(t *testing.T) {
	_, err := Parts.With([]storage.ColumnOf[PartHead]{CostCentre, CostCentre})
	require.ErrorIs(t, err, storage.ErrInvalid)
	wide, err := Parts.With([]storage.ColumnOf[PartHead]{CostCentre}, storage.IndexOn(ByMade.Asc()))
	require.NoError(t, err)
	require.Len(t, Parts.Schema().Columns(), 8)
	require.Len(t, Parts.Schema().Indexes(), 1)
	require.Len(t, wide.Schema().Columns(), 9)
	require.Len(t, wide.Schema().Indexes(), 2)
	require.Equal(t, Parts.Name(), wide.Name())
}

func TestBodiesOfOlderAndNewerLayouts(t *testing.T) {
	type head struct{ storage.Meta }
	type body struct {
		Full string `json:"full"`
	}
	type rec struct {
		head
		body
	}
	split := func(r *rec) (*head, *body) { return &r.head, &r.body }
	old := storage.Define("person", storage.Def[rec, head, body]{Parts: split})
	now := storage.Define("person", storage.Def[rec, head, body]{
		Parts: split, Layout: 2,
		Upgrade: func(layout int, raw []byte) ([]byte, error) {
			if layout != 1 {
				return nil, fmt.Errorf("unknown layout %d", layout)
			}
			return []byte(strings.Replace(string(raw), `"full":"`, `"full":"Dr `, 1)), nil
		},
	})
	s := memory.New()
	r := rec{body: body{Full: "Grace"}}
	r.ID = "g"
	update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error {
		require.NoError(t, old.Put(ctx, tx, &r))
		got, err := now.Get(ctx, tx, "g")
		require.NoError(t, err)
		require.Equal(t, "Dr Grace", got.Full)
		require.NoError(t, now.Put(ctx, tx, &got))
		_, err = old.Get(ctx, tx, "g")
		require.ErrorIs(t, err, storage.ErrInvalid, "a newer program wrote it")
		return nil
	})
}

// Pages of any order, size and filter give each record once, in order.
func TestPagesGiveEveryRecordOnceInOrder(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		s := memory.New()
		var all []PartHead
		n := rapid.IntRange(0, 40).Draw(t, "n")
		require.NoError(t, s.Update(ctx, "acme", func(ctx context.Context, tx storage.Tx) error {
			for i := range n {
				p := Part{PartHead: PartHead{
					Name: rapid.SampledFrom([]string{"", "a", "a ", "B", "\U0001F600"}).Draw(t, "name"), Grade: rapid.SampledFrom([]Grade{"x", "y"}).Draw(t, "grade"),
					Weight: rapid.SampledFrom([]int16{-1, 0, 1}).Draw(t, "weight"), Spare: rapid.Bool().Draw(t, "spare"),
					Made: time.UnixMicro(rapid.Int64Range(-2, 2).Draw(t, "made")).UTC(),
				}}
				p.ID = storage.ID(fmt.Sprintf("p%02d", i))
				require.NoError(t, Parts.Put(ctx, tx, &p))
				all = append(all, p.PartHead)
			}
			return nil
		}))
		orders := [][]storage.Order{
			nil, {ByName.Asc()}, {ByWeight.Desc(), ByMade.Asc()}, {BySpare.Desc()}, {ByGrade.Asc(), ByWeight.Asc(), ByMade.Desc()},
			{Parts.ByCreated().Asc()}, {Parts.ByUpdated().Desc(), ByName.Desc()},
		}
		order := rapid.SampledFrom(orders).Draw(t, "order")
		filter := rapid.SampledFrom([]storage.Filter[PartHead]{
			{}, ByGrade.Is("x"), ByGrade.IsNot("x"), ByWeight.AtMost(0), ByShelf.IsNull(), storage.NotOf(ByShelf.Is("s")), ByName.HasPrefix("a"),
			storage.AnyOf(BySpare.Is(true), ByWeight.In(1, -1)), storage.AllOf(ByMade.Above(time.UnixMicro(-1)), ByMade.Below(time.UnixMicro(2))), ByName.In(),
			Parts.ByID().In("p01", "p02", "p39"),
		}).Draw(t, "filter")
		want := map[storage.ID]bool{}
		for _, h := range all {
			if filter.Match(&h) {
				want[h.ID] = true
			}
		}
		require.NoError(t, s.View(ctx, []storage.Tenant{"acme"}, func(ctx context.Context, r storage.Reader) error {
			q := storage.Query[PartHead]{Where: filter, Order: order, Limit: rapid.IntRange(1, 7).Draw(t, "limit")}
			var last *PartHead
			for h, err := range storage.Pages(q, func(q storage.Query[PartHead]) (storage.Page[PartHead], error) {
				p, err := Parts.List(ctx, r, q)
				if p.Next != "" || q.After != "" {
					require.NotEmpty(t, p.Items, "a page that was announced is empty")
				}
				return p, err
			}) {
				require.NoError(t, err)
				require.True(t, want[h.ID], "%s twice, or not asked for", h.ID)
				delete(want, h.ID)
				if last != nil {
					require.LessOrEqual(t, compareHeads(order, last, &h), 0)
				}
				last = &h
			}
			require.Empty(t, want, "missing")
			n, err := Parts.Count(ctx, r, filter)
			require.NoError(t, err)
			want := 0
			for _, h := range all {
				if filter.Match(&h) {
					want++
				}
			}
			require.EqualValues(t, want, n)
			return nil
		}))
	})
}

func compareHeads(order []storage.Order, a, b *PartHead) int {
	get := func(h *PartHead, column string) any {
		switch column {
		case "name":
			return h.Name
		case "grade":
			return string(h.Grade)
		case "weight":
			return int64(h.Weight)
		case "spare":
			return h.Spare
		case "made":
			return h.Made.UnixMicro()
		}
		return nil
	}
	for _, o := range order {
		d := storage.Compare(get(a, o.Column), get(b, o.Column))
		if o.Descending {
			d = -d
		}
		if d != 0 {
			return d
		}
	}
	if n := len(order); n > 0 && order[n-1].Descending {
		a, b = b, a
	}
	return strings.Compare(string(a.ID), string(b.ID))
}

func TestTheLastPageHasNoCursor(t *testing.T) {
	s := memory.New()
	update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error {
		for i := range 6 {
			p := Part{}
			p.ID = storage.ID(fmt.Sprint(i))
			require.NoError(t, Parts.Put(ctx, tx, &p))
		}
		q := storage.Query[PartHead]{Limit: 3}
		first, err := Parts.List(ctx, tx, q)
		require.NoError(t, err)
		require.NotEmpty(t, first.Next)
		q.After = first.Next
		second, err := Parts.Records(ctx, tx, q)
		require.NoError(t, err)
		require.Len(t, second.Items, 3)
		require.Empty(t, second.Next)
		return nil
	})
}

func TestQueriesNameEveryFault(t *testing.T) {
	s := memory.New()
	view(t, s, "acme", func(ctx context.Context, r storage.Reader) error {
		other := storage.Define("other", storage.Def[Part, PartHead, PartBody]{Parts: parts, Columns: []storage.ColumnOf[PartHead]{
			storage.Col("nome", func(h *PartHead) *string { return &h.Name }), ByGrade, ByWeight, BySpare, ByMade, ByShelf, ByRow, ByRetired}})
		_, err := other.List(ctx, r, storage.Query[PartHead]{
			Where: storage.AllOf(ByName.Is("x"), ByGrade.Is("\xff"), ByWeight.HasPrefix("1")),
			Order: []storage.Order{ByName.Asc(), ByShelf.Asc(), ByMade.Asc(), ByMade.Desc()},
			Limit: -1,
		})
		require.Equal(t, []string{"column", "grade", "weight", "order", "order", "order", "limit"}, faultsOf(t, err))
		_, err = Parts.CountBy(ctx, r, storage.Filter[PartHead]{}, CostCentre)
		require.Equal(t, []string{"by"}, faultsOf(t, err))
		_, err = Parts.Get(ctx, r, "")
		require.ErrorIs(t, err, storage.ErrNotFound)
		return nil
	})
	require.NoError(t, s.View(context.Background(), []storage.Tenant{"a", "b"}, func(ctx context.Context, r storage.Reader) error {
		_, err := Parts.Get(ctx, r, "p")
		require.ErrorIs(t, err, storage.ErrInvalid, "the tenant must be named")
		_, err = Parts.GetFrom(ctx, r, "b", "p")
		require.ErrorIs(t, err, storage.ErrNotFound)
		return nil
	}))
}

func TestCursorsOfAnotherListAreRefused(t *testing.T) {
	s := memory.New()
	fill := func(ctx context.Context, tx storage.Tx) error {
		for i := range 5 {
			p := Part{PartHead: PartHead{Name: fmt.Sprint(i)}}
			p.ID = storage.ID(fmt.Sprint(i))
			if err := Parts.Put(ctx, tx, &p); err != nil {
				return err
			}
		}
		return nil
	}
	update(t, s, "acme", fill)
	update(t, s, "bolt", fill)
	q := storage.Query[PartHead]{Where: ByName.AtLeast("0"), Order: []storage.Order{ByName.Asc()}, Limit: 2}
	var next storage.Cursor
	view(t, s, "acme", func(ctx context.Context, r storage.Reader) error {
		p, err := Parts.List(ctx, r, q)
		next = p.Next
		return err
	})
	refused := func(tenant storage.Tenant, q storage.Query[PartHead]) {
		t.Helper()
		view(t, s, tenant, func(ctx context.Context, r storage.Reader) error {
			_, err := Parts.List(ctx, r, q)
			require.Equal(t, []string{"after"}, faultsOf(t, err))
			return nil
		})
	}
	q.After = next
	refused("bolt", q)
	moved, otherOrder, changed := q, q, q
	moved.Where = ByName.AtLeast("2")
	view(t, s, "acme", func(ctx context.Context, r storage.Reader) error {
		p, err := Parts.List(ctx, r, moved)
		require.NoError(t, err, "a filter may move from page to page")
		require.Len(t, p.Items, 2)
		require.Equal(t, "2", p.Items[0].Name)
		return nil
	})
	otherOrder.Order = []storage.Order{ByName.Desc()}
	refused("acme", otherOrder)
	// One value of the place is changed, and the rest is as it was.
	raw, err := base64.RawURLEncoding.DecodeString(string(next))
	require.NoError(t, err)
	forged := bytes.Replace(raw, []byte(`["1"`), []byte(`["3"`), 1)
	require.NotEqual(t, raw, forged)
	changed.After = storage.Cursor(base64.RawURLEncoding.EncodeToString(forged))
	refused("acme", changed)
	// A table of the same columns is another list all the same.
	view(t, s, "acme", func(ctx context.Context, r storage.Reader) error {
		twin := storage.Define("twin", storage.Def[Part, PartHead, PartBody]{Parts: parts, Columns: columns})
		_, err := twin.List(ctx, r, q)
		require.Equal(t, []string{"after"}, faultsOf(t, err))
		return nil
	})
	changed.After = storage.Cursor(strings.Repeat("A", 9000))
	refused("acme", changed)
}

func FuzzCursor(f *testing.F) {
	s := memory.New()
	q := storage.Query[PartHead]{Order: []storage.Order{ByName.Asc(), ByMade.Asc()}, Limit: 1}
	var valid storage.Cursor
	update(f, s, "acme", func(ctx context.Context, tx storage.Tx) error {
		for _, id := range []storage.ID{"a", "b"} {
			p := Part{}
			p.ID = id
			if err := Parts.Put(ctx, tx, &p); err != nil {
				return err
			}
		}
		p, err := Parts.List(ctx, tx, q)
		valid = p.Next
		return err
	})
	f.Add(string(valid))
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, cursor string) {
		view(t, s, "acme", func(ctx context.Context, r storage.Reader) error {
			q := q
			q.After = storage.Cursor(cursor)
			_, err := Parts.List(ctx, r, q)
			if cursor == "" || cursor == string(valid) {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, storage.ErrInvalid, "a forged cursor was taken")
			}
			return nil
		})
	})
}

// The JSON form of a condition is read back as it was written, and what is read never makes
// Check or Match panic, whatever it is.
func FuzzConditionJSON(f *testing.F) {
	for _, c := range []storage.Filter[PartHead]{
		{}, ByName.Is("x"), storage.NotOf(storage.AnyOf(ByWeight.In(1, 2), ByShelf.IsNull())), storage.AllOf(ByMade.Below(time.Unix(5, 0)), BySpare.Is(true)), ByName.Contains("Vpn"), ByName.HasPrefix("x"),
	} {
		raw, err := json.Marshal(c.Condition())
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Add([]byte(`{"op":"in","column":"weight","values":[1.5,null,{}]}`))
	f.Add([]byte(strings.Repeat(`{"op":"not","of":[`, 40) + "{}" + strings.Repeat("]}", 40)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var c storage.Condition
		if err := json.Unmarshal(raw, &c); err != nil {
			return
		}
		row := storage.Row{Columns: []any{"n", "g", int64(1), true, int64(2), nil, nil, nil}}
		holds := c.Match(func(column string) any { return row.Value(Parts.Schema(), column) })
		if err := c.Check(Parts.Schema()); err != nil {
			require.ErrorIs(t, err, storage.ErrInvalid)
			return
		}
		again, err := json.Marshal(c)
		require.NoError(t, err)
		var c2 storage.Condition
		require.NoError(t, json.Unmarshal(again, &c2))
		require.Equal(t, holds, c2.Match(func(column string) any { return row.Value(Parts.Schema(), column) }))
	})
}

func TestConditionsAreBounded(t *testing.T) {
	c := storage.Condition{}
	for range storage.MaxConditionDepth + 1 {
		c = storage.Condition{Op: storage.Not, Of: []storage.Condition{c}}
	}
	require.Equal(t, []string{"of"}, faultsOf(t, c.Check(Parts.Schema())))
	many := storage.Condition{Op: storage.In, Column: "weight", Values: make([]any, storage.MaxConditionValues+1)}
	for i := range many.Values {
		many.Values[i] = int64(i)
	}
	require.Equal(t, []string{"values"}, faultsOf(t, many.Check(Parts.Schema())))
	many.Values = many.Values[1:]
	require.NoError(t, many.Check(Parts.Schema()))
	for _, bad := range []storage.Condition{
		{Op: "like", Column: "name"}, {Op: storage.Equal, Column: "name"}, {Op: storage.Null, Column: "name", Values: []any{"x"}},
		{Column: "name"}, {Op: storage.And, Column: "name"}, {Op: storage.Not}, {Op: storage.Equal, Column: "name", Values: []any{1.5}},
		{Op: storage.Equal, Column: "name", Values: []any{int64(1)}}, {Op: storage.Equal, Column: "spare", Values: []any{"x"}},
		{Op: storage.Equal, Column: "weight", Values: []any{true}}, {Op: storage.Equal, Column: "name", Values: []any{"x"}, Of: []storage.Condition{{}}},
	} {
		require.ErrorIs(t, bad.Check(Parts.Schema()), storage.ErrInvalid, "%+v", bad)
	}
}

// A number that is written as a Go constant is an int, and what is said of it is what to write instead.
func TestANumberThatIsNoInt64IsRefusedWithWhatToWrite(t *testing.T) {
	weigh := func(v any) error {
		return storage.Condition{Op: storage.Equal, Column: "weight", Values: []any{v}}.Check(Parts.Schema())
	}
	require.NoError(t, weigh(int64(7)))
	require.ErrorContains(t, weigh(7), "takes values of the Go type int64, not int: write int64(7)")
	require.ErrorContains(t, weigh(uint8(7)), "takes values of the Go type int64, not uint8: write int64(7)")
	require.ErrorContains(t, storage.Condition{Op: storage.Equal, Column: "name", Values: []any{7}}.Check(Parts.Schema()), "takes text values, not a number")
}

func TestErrorsDoNotRepeatTheDriver(t *testing.T) {
	cause := errors.New("pq: secret table")
	err := fmt.Errorf("logging: %w", &storage.Error{Op: "put", Table: "incident", ID: "i1", Err: storage.ErrConflict, Cause: cause})
	require.ErrorIs(t, err, storage.ErrConflict)
	require.ErrorIs(t, err, cause)
	require.Equal(t, "logging: storage: put incident i1: changed by someone else", err.Error())
	require.Equal(t, "storage: get: failed", (&storage.Error{Op: "get"}).Error())
}

func TestAColumnRefusesWhatItsFieldCannotHold(t *testing.T) {
	s := memory.New()
	type head struct {
		storage.Meta
		N int64
	}
	type small struct {
		storage.Meta
		N int8
	}
	type none struct{}
	type bigRec struct {
		head
		none
	}
	type smallRec struct {
		small
		none
	}
	wide := storage.Define("number", storage.Def[bigRec, head, none]{
		Parts: func(r *bigRec) (*head, *none) { return &r.head, &r.none }, Columns: []storage.ColumnOf[head]{storage.Col("n", func(h *head) *int64 { return &h.N })}})
	narrow := storage.Define("number", storage.Def[smallRec, small, none]{
		Parts: func(r *smallRec) (*small, *none) { return &r.small, &r.none }, Columns: []storage.ColumnOf[small]{storage.Col("n", func(h *small) *int8 { return &h.N })}})
	r := bigRec{head: head{N: 300}}
	r.ID = "n"
	update(t, s, "acme", func(ctx context.Context, tx storage.Tx) error {
		require.NoError(t, wide.Put(ctx, tx, &r))
		_, err := narrow.Get(ctx, tx, "n")
		require.ErrorIs(t, err, storage.ErrInvalid)
		return nil
	})
}

func TestCursorsOfSeveralTenants(t *testing.T) {
	ctx := context.Background()
	s := memory.New()
	for _, tenant := range []storage.Tenant{"a", "b"} {
		update(t, s, tenant, func(ctx context.Context, tx storage.Tx) error {
			p := Part{PartHead: PartHead{Name: strings.Repeat("\U0001F600", storage.MaxText)}}
			p.ID = "p"
			return Parts.Put(ctx, tx, &p)
		})
	}
	q := storage.Query[PartHead]{Order: []storage.Order{ByName.Asc(), ByGrade.Asc()}, Limit: 1}
	require.NoError(t, s.View(ctx, []storage.Tenant{"a", "b"}, func(ctx context.Context, r storage.Reader) error {
		p, err := Parts.List(ctx, r, q)
		q.After = p.Next
		return err
	}))
	require.NoError(t, s.View(ctx, []storage.Tenant{"b", "a"}, func(ctx context.Context, r storage.Reader) error {
		p, err := Parts.List(ctx, r, q)
		require.NoError(t, err, "whichever tenant is named first")
		require.EqualValues(t, "b", p.Items[0].Tenant)
		return nil
	}))
	require.ErrorIs(t, s.View(ctx, []storage.Tenant{"a"}, func(ctx context.Context, r storage.Reader) error {
		_, err := Parts.List(ctx, r, q)
		return err
	}), storage.ErrInvalid, "fewer tenants are another list")
}

func TestConditionsFromOutsideAreCheap(t *testing.T) {
	deep := strings.Repeat(`{"op":"not","of":[`, 4000) + "{}" + strings.Repeat("]}", 4000)
	var c storage.Condition
	require.ErrorIs(t, json.Unmarshal([]byte(deep), &c), storage.ErrInvalid)
	wide := storage.Condition{Op: storage.Or, Of: make([]storage.Condition, storage.MaxConditionParts+1)}
	require.Equal(t, []string{"of"}, faultsOf(t, wide.Check(Parts.Schema())))
	require.ErrorIs(t, c.UnmarshalJSON(make([]byte, storage.MaxConditionJSON+1)), storage.ErrInvalid)
	require.NoError(t, json.Unmarshal([]byte(`{"op":"equal","column":"name","values":["[[[[[\"{{{"]}`), &c), "brackets in texts do not nest")
}

func TestCopiesOfARecordShareNothingThatIsSet(t *testing.T) {
	var p Part
	require.NoError(t, CostCentre.Value("1").Apply(&p.PartHead))
	was := p
	require.NoError(t, CostCentre.Value("2").Apply(&p.PartHead))
	before, _ := CostCentre.Of(&was.PartHead)
	require.Equal(t, "1", before)

	fs := []storage.Filter[PartHead]{ByName.Is("a")}
	all := storage.AllOf(fs...)
	fs[0] = ByName.Is("b")
	require.True(t, all.Match(&PartHead{Name: "a"}), "and the condition says the same: %+v", all.Condition())
}

func TestValuesTellOneRequestFromAnother(t *testing.T) {
	one, err := json.Marshal(CostCentre.Value("1"))
	require.NoError(t, err)
	two, err := json.Marshal(CostCentre.Value("2"))
	require.NoError(t, err)
	require.NotEqual(t, string(one), string(two))
}

func BenchmarkDecodePage(b *testing.B) {
	shelf := "s"
	p := Part{PartHead: PartHead{Name: "pump", Grade: "a", Weight: 4, Made: time.Unix(1, 0), Shelf: &shelf}, PartBody: PartBody{Text: "t"}}
	p.ID = "p"
	row, err := Parts.Encode(&p)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parts.Decode(row); err != nil {
			b.Fatal(err)
		}
	}
}
