package trigger

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

type (
	crate struct {
		crateHead
		crateBody
	}
	crateHead struct {
		storage.Meta
		Site     string
		Priority int
	}
	crateBody struct {
		Fields itsm.Fields `json:"fields,omitempty"`
		Text   string      `json:"text"`
	}
)

var crates = storage.Define("crate", storage.Def[crate, crateHead, crateBody]{
	Parts: func(c *crate) (*crateHead, *crateBody) { return &c.crateHead, &c.crateBody },
	Columns: []storage.ColumnOf[crateHead]{
		storage.Col("site", func(h *crateHead) *string { return &h.Site }),
		storage.Col("priority", func(h *crateHead) *int { return &h.Priority }),
	},
})

// BenchmarkD7Evaluate asks of 20, 200 and 1000 triggers that listen to an event which of them fire, the
// record decoded once: of a record with one, ten and a hundred custom fields.
func BenchmarkD7Evaluate(b *testing.B) {
	for _, fields := range []int{1, 10, 100} {
		for _, n := range []int{20, 200, 1000} {
			b.Run(fmt.Sprintf("fields=%d/triggers=%d", fields, n), func(b *testing.B) {
				var definitions []itsm.FieldDefinition
				c := crate{crateHead: crateHead{Meta: storage.Meta{ID: "c", Version: 2}, Site: "here", Priority: 3}, crateBody: crateBody{Fields: itsm.Fields{}, Text: string(make([]byte, 2000))}}
				for i := range fields {
					name := fmt.Sprintf("field_%d", i)
					definitions = append(definitions, itsm.FieldDefinition{Name: name, Type: itsm.FieldInteger})
					c.Fields[name] = json.RawMessage(fmt.Sprint(i))
				}
				set, err := itsm.NewFieldSet(definitions...)
				require.NoError(b, err)
				row, err := crates.Encode(&c)
				require.NoError(b, err)
				var f itsm.Faults
				s := &settings{kinds: map[string]*speech{}, actions: map[string]Action{ActionRefuse: refuse()}, maxDepth: DefaultMaxDepth}
				s.kinds["crate"] = newSpeech(RecordKind{Schema: crates.Schema(), Fields: set}, "kind", &f)
				require.NoError(b, f.Err("options"))
				var m Merged
				for i := range n {
					m.Triggers = append(m.Triggers, Trigger{
						Name: fmt.Sprintf("t%d", i), During: DuringTransaction, On: Listen{Kind: "crate", Types: []string{"crate.edited.v1"}},
						When: storage.Condition{Op: storage.And, Of: []storage.Condition{
							{Op: OpChanged, Column: "priority"},
							{Op: storage.Equal, Column: "event.system", Values: []any{false}},
							{Op: storage.Above, Column: fmt.Sprintf("fields.field_%d", i%fields), Values: []any{int64(1000)}},
						}},
						Actions: []Step{{Action: ActionRefuse, With: []byte(`{"reason":"no"}`)}},
					})
					m.Sources = append(m.Sources, Source{})
				}
				prog := s.program(m, []string{"crate.edited.v1"})
				e := &itsm.Event{Kind: "crate", Record: "c", Version: 2, Type: "crate.edited.v1",
					Changes: []itsm.Change{{Field: "priority", Old: json.RawMessage("4"), New: json.RawMessage("3")}}}
				p := &Practice{settings: s}
				b.ReportAllocs()
				for b.Loop() {
					err := p.each(e, prog.listening(e), DuringTransaction, func() (storage.Row, error) { return row, nil },
						func(*compiled, *facts) error { b.Fatal("none fires"); return nil })
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
