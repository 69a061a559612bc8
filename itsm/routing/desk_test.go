package routing_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/storage"
)

// schema is that of a kind of record that is routed.
var schema = must(storage.NewSchema("ticket", 1, []storage.ColumnSpec{
	{Name: "category", Kind: storage.Text},
	{Name: "service", Kind: storage.Text, Nullable: true},
	{Name: "priority", Kind: storage.Int},
	{Name: "major", Kind: storage.Bool},
	{Name: "due", Kind: storage.Time, Nullable: true},
}, nil))

func vocabulary() *routing.Vocabulary {
	fields := must(itsm.NewFieldSet(
		itsm.FieldDefinition{Name: "floor", Type: itsm.FieldInteger},
		itsm.FieldDefinition{Name: "colour", Type: itsm.FieldChoice, Choices: []string{"red", "blue"}},
		itsm.FieldDefinition{Name: "from", Type: itsm.FieldDate},
		itsm.FieldDefinition{Name: "ci", Type: itsm.FieldReference},
		itsm.FieldDefinition{Name: "leased", Type: itsm.FieldBoolean},
		itsm.FieldDefinition{Name: "bought", Type: itsm.FieldTime},
		itsm.FieldDefinition{Name: "cost", Type: itsm.FieldDecimal},
		itsm.FieldDefinition{Name: "tags", Type: itsm.FieldChoices, Choices: []string{"x"}},
		itsm.FieldDefinition{Name: "remark", Type: itsm.FieldText},
	))
	return must(routing.NewVocabulary(schema, fields,
		routing.Fact{Name: "requester.site", Title: "Site of the requester", Kind: storage.Text},
		routing.Fact{Name: "requester.vip", Kind: storage.Bool},
		routing.Fact{Name: "requester.since", Kind: storage.Time},
		routing.Fact{Name: "ci.dependents", Kind: storage.Int},
	))
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

func leaf(column string, op storage.Op, values ...any) storage.Condition {
	return storage.Condition{Op: op, Column: column, Values: values}
}
func equal(column string, v any) storage.Condition      { return leaf(column, storage.Equal, v) }
func in(column string, values ...any) storage.Condition { return leaf(column, storage.In, values...) }
func null(column string) storage.Condition              { return leaf(column, storage.Null) }
func and(of ...storage.Condition) storage.Condition {
	return storage.Condition{Op: storage.And, Of: of}
}
func or(of ...storage.Condition) storage.Condition { return storage.Condition{Op: storage.Or, Of: of} }
func not(c storage.Condition) storage.Condition {
	return storage.Condition{Op: storage.Not, Of: []storage.Condition{c}}
}
func rule(name string, when storage.Condition, group itsm.ID) routing.Rule {
	return routing.Rule{Name: name, When: when, Group: group}
}

// faults gives the faults of an error, each as "field: problem".
func faults(t require.TestingT, err error) (all []string) {
	var v *storage.ValidationError
	require.ErrorAs(t, err, &v)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	for _, f := range v.Faults {
		all = append(all, f.Field+": "+f.Problem)
	}
	return all
}

func person(id itsm.ID, load int) routing.Candidate {
	return routing.Candidate{ID: id, Active: true, Available: true, Load: load}
}

// teams gives groups as they are in a map.
func teams(all map[itsm.ID]routing.Team) routing.People {
	return func(group itsm.ID) (routing.Team, error) { return all[group], nil }
}

func TestD2FactsComeFromTheRecordItsFieldsAndTheHost(t *testing.T) {
	v := vocabulary()
	at := time.Date(2026, 5, 31, 14, 30, 0, 0, time.UTC)
	row := storage.Row{
		Meta:    storage.Meta{Tenant: "acme", ID: "t1", Version: 3, Created: at, Updated: at},
		Columns: []any{"network", nil, int64(2), false, at.UnixMicro()},
	}
	row.Body = must(json.Marshal(map[string]any{"fields": map[string]any{
		"floor": 7, "colour": "red", "from": "2026-05-31", "ci": map[string]any{"kind": "ci", "id": "srv1"}, "leased": false,
		"bought": at.Format(time.RFC3339), "cost": "12.50", "tags": []string{"x"}, "remark": 5,
	}}))
	facts, err := v.Facts(schema, row, map[string]any{"requester.site": "Graz", "requester.vip": nil, "ci.dependents": 4, "requester.since": at})
	require.NoError(t, err)
	require.Equal(t, routing.Facts{
		"category": "network", "priority": int64(2), "major": false, "due": at.UnixMicro(),
		"id": "t1", "version": int64(3), "created": at.UnixMicro(), "updated": at.UnixMicro(),
		"fields.floor": int64(7), "fields.colour": "red", "fields.from": "2026-05-31", "fields.ci": "srv1", "fields.leased": false,
		"fields.bought":  at.UnixMicro(), // the remark is no text, and so nothing
		"requester.site": "Graz", "requester.since": at.UnixMicro(), "ci.dependents": int64(4),
	}, facts)

	_, err = v.Facts(schema, row, map[string]any{"requester.site": 1, "requester.vip": "yes", "requester.age": 3, "category": "x", "fields.floor": 1,
		"ci.dependents": 1.5, "requester.since": true})
	require.Equal(t, []string{
		`facts: has "category", which was not declared`,
		"ci.dependents: takes int values, not float64",
		`facts: has "fields.floor", which was not declared`,
		`facts: has "requester.age", which was not declared`,
		"requester.since: takes time values, not bool",
		"requester.site: takes text values, not int",
		"requester.vip: takes bool values, not string",
	}, faults(t, err))

	row.Body = nil
	_, err = v.Facts(schema, row, nil)
	require.Equal(t, []string{"body: is required: there are fields to read from it"}, faults(t, err))
	row.Body = []byte(`{"fields":7}`)
	_, err = v.Facts(schema, row, nil)
	require.Equal(t, []string{"body: cannot be read"}, faults(t, err))
	other := must(storage.NewSchema("order", 1, nil, nil))
	_, err = v.Facts(other, storage.Row{}, nil)
	require.Equal(t, []string{`kind: is "order"; this is the vocabulary of ticket`}, faults(t, err))

	// A host's own column is a column like any other.
	require.Equal(t, "ticket", v.Kind())
	terms := v.Terms()
	require.Equal(t, routing.Term{Name: "category", Title: "category", Kind: storage.Text}, terms[0])
	require.Equal(t, "requester.site", terms[len(terms)-4].Name)
	require.Equal(t, "Site of the requester", terms[len(terms)-4].Title)
}

func TestAVocabularyRefusesMalformedFacts(t *testing.T) {
	_, err := routing.NewVocabulary(nil, nil)
	require.Equal(t, []string{"schema: is required"}, faults(t, err))
	_, err = routing.NewVocabulary(schema, nil,
		routing.Fact{Name: "vip", Kind: storage.Bool}, routing.Fact{Name: "fields.vip", Kind: storage.Bool},
		routing.Fact{Name: "Requester.vip", Kind: storage.Bool}, routing.Fact{Name: "requester.vip", Kind: storage.Bool},
		routing.Fact{Name: "requester.vip"}, routing.Fact{Name: "a.b", Kind: 9})
	got := faults(t, err)
	require.Len(t, got, 6)
	for i, field := range []string{"facts[0].name", "facts[1].name", "facts[2].name", "facts[4].name", "facts[4].kind", "facts[5].kind"} {
		require.Contains(t, got[i], field+": ")
	}
}
