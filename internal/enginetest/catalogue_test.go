package enginetest_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/cloudevents"
	"github.com/itsmkit/itsmkit/itsm/directory"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/itsm/webhook"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// What practices register is what the catalogue has, and what they write is what its schemas say.
func TestEveryRegisteredEventIsInTheCatalogueAsItIsWritten(t *testing.T) {
	e, err := itsmengine.New(memory.New(), itsmengine.Options{})
	require.NoError(t, err)
	_, err = itsmincident.New(e, itsmincident.Options{})
	require.NoError(t, err)
	_, err = directory.New(e, directory.Options{})
	require.NoError(t, err)
	_, err = ballot.New(e, ballot.Options{})
	require.NoError(t, err)
	_, err = webhook.New(e, webhook.Options{})
	require.NoError(t, err)
	types := map[string]cloudevents.Type{}
	for _, c := range cloudevents.Catalogue() {
		types[c.Name] = c
	}
	registered := e.EventTypes()
	require.Greater(t, len(registered), 40)
	for _, name := range registered {
		c, ok := types[name]
		require.True(t, ok, "%s is not in the catalogue", name)
		stored, err := e.Decode(storage.Event{Type: name, At: noon, Envelope: []byte(`{"data":{}}`)})
		require.NoError(t, err)
		empty := stored.Data
		require.NotEqual(t, reflect.TypeFor[itsm.UnknownPayload](), reflect.TypeOf(empty), name)
		for _, full := range []bool{false, true} {
			v := reflect.New(reflect.TypeOf(empty)).Elem()
			if full {
				fill(v)
			}
			raw, err := json.Marshal(v.Interface())
			require.NoError(t, err)
			var schema map[string]any
			require.NoError(t, json.Unmarshal(c.Payload, &schema))
			var written any
			require.NoError(t, json.Unmarshal(raw, &written))
			require.Empty(t, differs(name, schema, written), string(raw))
		}
	}
	require.NotEmpty(t, differs("x", map[string]any{"type": "object", "properties": map[string]any{}}, map[string]any{"a": 1.0}), "the comparison bites")
	schema, ok := cloudevents.Schema("incident.resolved.v1")
	require.True(t, ok)
	var whole map[string]any
	require.NoError(t, json.Unmarshal(schema, &whole))
	encoder, err := cloudevents.NewEncoder(cloudevents.Options{})
	require.NoError(t, err)
	full, err := encoder.Full(itsm.Event{Tenant: "acme", ID: "E1", Kind: "incident", Record: "I1", Version: 3, Type: "incident.resolved.v1", At: noon,
		Actor: "ana", ActorName: "Ana", Reason: "r", From: "new", To: "resolved", Changes: []itsm.Change{{Field: "state", Old: json.RawMessage(`"new"`)}}, Data: itsmincident.Resolved{Code: "fixed"}})
	require.NoError(t, err)
	var data any
	require.NoError(t, json.Unmarshal(full.Data, &data))
	require.Empty(t, differs("data", whole, data))
}

// The shipped rules speak of events and columns that incidents have.
func TestTheShippedNotificationRulesFitIncidents(t *testing.T) {
	var names []string
	for _, c := range cloudevents.Catalogue() {
		names = append(names, c.Name)
	}
	for _, r := range notify.StandardRules().Rules {
		for _, e := range slices.Concat(r.Events, r.Until) {
			require.Contains(t, names, e, r.Name)
		}
		require.NoError(t, r.When.Check(itsmincident.Table.Schema()), r.Name)
	}
}

// fill gives everything a value that is not its zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(noon))
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes([]byte(`{"any":1}`))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(1)
	}
}

// differs says where a value is not what a schema of the catalogue says. What the schema does not name
// differs too: the catalogue would be incomplete.
func differs(at string, schema map[string]any, value any) (all []string) {
	allowed := []string{}
	switch t := schema["type"].(type) {
	case nil:
		return nil // anything
	case string:
		allowed = []string{t}
	case []any:
		for _, one := range t {
			allowed = append(allowed, fmt.Sprint(one))
		}
	}
	is := map[bool]string{true: "null"}[value == nil]
	switch v := value.(type) {
	case map[string]any:
		is = "object"
		properties, _ := schema["properties"].(map[string]any)
		rest, open := schema["additionalProperties"].(map[string]any)
		for name, value := range v {
			if p, ok := properties[name].(map[string]any); ok {
				all = append(all, differs(at+"."+name, p, value)...)
			} else if open {
				all = append(all, differs(at+"."+name, rest, value)...)
			} else {
				all = append(all, at+"."+name+" is not in the schema")
			}
		}
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := v[fmt.Sprint(name)]; !ok {
				all = append(all, fmt.Sprintf("%s.%v is missing", at, name))
			}
		}
	case []any:
		is = "array"
		items, _ := schema["items"].(map[string]any)
		for i, x := range v {
			all = append(all, differs(fmt.Sprintf("%s[%d]", at, i), items, x)...)
		}
	case string:
		is = "string"
		if schema["format"] == "date-time" {
			if _, err := time.Parse(time.RFC3339Nano, v); err != nil {
				all = append(all, at+" is no time")
			}
		}
	case bool:
		is = "boolean"
	case float64:
		is = "integer"
	}
	if !slices.Contains(allowed, is) {
		all = append(all, fmt.Sprintf("%s is %s, not %s", at, is, strings.Join(allowed, " or ")))
	}
	return all
}
