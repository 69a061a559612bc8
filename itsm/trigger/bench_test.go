package trigger_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/trigger"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// A record of which triggers see much: columns, custom fields, and text that they do not look at.
type (
	parcel struct {
		parcelHead
		parcelBody
	}
	parcelHead struct {
		storage.Meta
		Site     string
		Priority int
	}
	parcelBody struct {
		Fields itsm.Fields `json:"fields,omitempty"`
		Text   string      `json:"text"`
	}
)

var parcels = storage.Define("parcel", storage.Def[parcel, parcelHead, parcelBody]{
	Parts: func(p *parcel) (*parcelHead, *parcelBody) { return &p.parcelHead, &p.parcelBody },
	Columns: []storage.ColumnOf[parcelHead]{
		storage.Col("site", func(h *parcelHead) *string { return &h.Site }),
		storage.Col("priority", func(h *parcelHead) *int { return &h.Priority }),
	},
})

// BenchmarkD7Command gives a command on a record with one, ten and a hundred custom fields, for which none
// of 200 triggers in the transaction fires, beside the same command without triggers. "indexed" listen
// to other types of events, "heard" to this one.
func BenchmarkD7Command(b *testing.B) {
	for _, fields := range []int{1, 10, 100} {
		for _, n := range []int{0, 200} {
			for _, types := range []string{"heard", "indexed"} {
				if n == 0 && types == "indexed" {
					continue
				}
				b.Run(fmt.Sprintf("fields=%d/triggers=%d/%s", fields, n, types), func(b *testing.B) { evaluate(b, fields, n, types == "heard") })
			}
		}
	}
}

func evaluate(b *testing.B, fields, n int, heard bool) {
	ctx, mona := context.Background(), itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(b, err)
	var definitions []itsm.FieldDefinition
	p := parcel{parcelHead: parcelHead{Meta: storage.Meta{ID: "p"}, Site: "here", Priority: 3}, parcelBody: parcelBody{Fields: itsm.Fields{}, Text: string(make([]byte, 2000))}}
	for i := range fields {
		name := fmt.Sprintf("field_%d", i)
		definitions = append(definitions, itsm.FieldDefinition{Name: name, Type: itsm.FieldInteger})
		p.Fields[name] = json.RawMessage(fmt.Sprint(i))
	}
	set, err := itsm.NewFieldSet(definitions...)
	require.NoError(b, err)
	practice, err := trigger.New(e, trigger.Options{Kinds: []trigger.RecordKind{{Schema: parcels.Schema(), Fields: set}}})
	require.NoError(b, err)
	require.NoError(b, e.Use(engine.Module{Name: "parcels", Tables: []*storage.Schema{parcels.Schema()}, Events: []itsm.EventType{itsm.EventOf[Placed](), itsm.EventOf[Edited]()}}))
	var s trigger.Set
	for i := range n {
		on := Edited{}.EventType()
		if !heard {
			on = Placed{}.EventType()
		}
		s.Triggers = append(s.Triggers, trigger.Trigger{
			Name: fmt.Sprintf("t%d", i), During: trigger.DuringTransaction, On: trigger.Listen{Kind: "parcel", Types: []string{on}},
			When: storage.Condition{Op: storage.And, Of: []storage.Condition{
				{Op: trigger.OpChanged, Column: "priority"},
				{Op: storage.Equal, Column: "event.system", Values: []any{false}},
				{Op: storage.In, Column: "site", Values: []any{fmt.Sprint("site-", i), "there"}},
				{Op: storage.Above, Column: fmt.Sprintf("fields.field_%d", i%fields), Values: []any{int64(1000)}},
			}},
			Actions: []trigger.Step{{Action: trigger.ActionRefuse, With: []byte(`{"reason":"no"}`)}},
		})
	}
	draft, err := practice.Draft(ctx, mona, trigger.Draft{Set: s})
	require.NoError(b, err)
	_, err = practice.Activate(ctx, mona, draft.ID, itsm.Command{})
	require.NoError(b, err)
	write := func() error {
		return e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error {
			p, err := parcels.Get(ctx, u, p.ID)
			if err != nil {
				return err
			}
			p.Priority = 7 - p.Priority
			if err := parcels.Put(ctx, u, &p); err != nil {
				return err
			}
			u.Emit(itsm.Event{Kind: "parcel", Record: p.ID, Action: "edit", Data: Edited{}})
			return nil
		})
	}
	require.NoError(b, e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error { return parcels.Put(ctx, u, &p) }))
	b.ReportAllocs()
	for b.Loop() {
		if err := write(); err != nil {
			b.Fatal(err)
		}
	}
}
