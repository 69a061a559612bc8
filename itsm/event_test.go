package itsm_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
)

type resolved struct {
	Code  string `json:"code"`
	Hours int64  `json:"hours,omitempty"`
}

func (resolved) EventType() string { return "incident.resolved.v1" }

type unwritable struct{ C chan int }

func (unwritable) EventType() string { return "incident.unwritable.v1" }

type nameless struct{}

func (nameless) EventType() string { return "" }

func types(name string) (itsm.EventType, bool) {
	if t := itsm.EventOf[resolved](); t.Name == name {
		return t, true
	}
	return itsm.EventType{}, false
}

var monday = time.Date(2026, 5, 4, 9, 0, 0, 123456000, time.UTC)

func anEvent() itsm.Event {
	return itsm.Event{
		Tenant: "acme", ID: "e1", Kind: "incident", Record: "INC1", Version: 4, N: 1, Type: "incident.resolved.v1",
		At: monday, Recorded: monday.Add(time.Hour), Actor: "ann", ActorName: "Ann", System: true, Action: "resolve",
		From: "in_progress", To: "resolved", FromCategory: itsm.CategoryActive, ToCategory: itsm.CategoryResolved,
		Reason: "done", Internal: true, Cause: itsm.Cause{Event: "e0", Chain: []string{"trigger:a", "trigger:b"}},
		Changes: []itsm.Change{{Field: "state", Old: json.RawMessage(`"in_progress"`), New: json.RawMessage(`"resolved"`)}, {Field: "code", New: json.RawMessage(`"fixed"`)}},
		Data:    resolved{Code: "fixed", Hours: 3},
	}
}

// columns is what a store has of an event beside the envelope.
func columns(e itsm.Event) itsm.Event {
	return itsm.Event{Tenant: e.Tenant, ID: e.ID, Kind: e.Kind, Record: e.Record, Version: e.Version, N: e.N, Type: e.Type, At: e.At}
}

func TestAnEventComesBackFromItsEnvelope(t *testing.T) {
	e := anEvent()
	raw, err := e.Envelope()
	require.NoError(t, err)
	require.JSONEq(t, `{"recorded":1777888800123456,"actor":"ann","actor_name":"Ann","system":true,"action":"resolve","from":"in_progress",
		"to":"resolved","from_category":"active","to_category":"resolved","reason":"done","internal":true,
		"cause":{"event":"e0","chain":["trigger:a","trigger:b"]},
		"changes":[{"field":"state","old":"in_progress","new":"resolved"},{"field":"code","new":"fixed"}],"data":{"code":"fixed","hours":3}}`, string(raw))
	back := columns(e)
	require.NoError(t, itsm.OpenEnvelope(raw, &back, types))
	require.Equal(t, e, back)
}

func TestAnEnvelopeIsNoGreaterThanItsContent(t *testing.T) {
	e := itsm.Event{Type: "incident.noted.v1", At: monday, Recorded: monday}
	raw, err := e.Envelope()
	require.NoError(t, err)
	require.Equal(t, "{}", string(raw))
	back := columns(e)
	require.NoError(t, itsm.OpenEnvelope(raw, &back, types))
	require.Equal(t, e, back)

	e.Recorded = time.Time{}
	raw, err = e.Envelope()
	require.NoError(t, err)
	back = columns(e)
	require.NoError(t, itsm.OpenEnvelope(raw, &back, nil))
	require.Equal(t, monday, back.Recorded, "an event is recorded when it happens, unless it says otherwise")
}

// Events that were written before there were causes have none, and those without one write none.
func TestAnEnvelopeWithoutACauseIsReadAsBefore(t *testing.T) {
	old := `{"actor":"ann","action":"resolve","data":{"code":"fixed","hours":3}}`
	back := itsm.Event{Type: "incident.resolved.v1", At: monday, Cause: itsm.Cause{Event: "of another"}}
	require.NoError(t, itsm.OpenEnvelope([]byte(old), &back, types))
	require.True(t, back.Cause.IsZero())
	raw, err := back.Envelope()
	require.NoError(t, err)
	require.JSONEq(t, old, string(raw))
}

func TestAChainGrowsByWhatAnswers(t *testing.T) {
	first := itsm.Event{ID: "e1"}
	require.True(t, first.Cause.IsZero())
	second := itsm.Event{ID: "e2", Cause: first.Then("trigger:a")}
	left, right := second.Then("trigger:b"), second.Then("trigger:c")
	require.Equal(t, itsm.Cause{Event: "e2", Chain: []string{"trigger:a", "trigger:b"}}, left)
	require.Equal(t, itsm.Cause{Event: "e2", Chain: []string{"trigger:a", "trigger:c"}}, right, "they share nothing")
	require.Equal(t, 2, left.Depth())
	require.True(t, left.Has("trigger:a"))
	require.False(t, left.Has("trigger:c"))
	require.False(t, left.IsZero())
}

func TestAPayloadThatNobodyRegisteredIsKept(t *testing.T) {
	raw, err := anEvent().Envelope()
	require.NoError(t, err)
	for _, lookup := range []func(string) (itsm.EventType, bool){nil, func(string) (itsm.EventType, bool) { return itsm.EventType{}, false }} {
		back := columns(anEvent())
		require.NoError(t, itsm.OpenEnvelope(raw, &back, lookup))
		unknown, ok := back.Data.(itsm.UnknownPayload)
		require.True(t, ok)
		require.Equal(t, "incident.resolved.v1", unknown.EventType())
		require.JSONEq(t, `{"code":"fixed","hours":3}`, string(unknown.JSON))
		again, err := back.Envelope()
		require.NoError(t, err)
		require.JSONEq(t, string(raw), string(again), "written again, nothing is lost")
	}
	empty, err := json.Marshal(itsm.UnknownPayload{Type: "x"})
	require.NoError(t, err)
	require.Equal(t, "null", string(empty))
}

func TestAnEnvelopeThatCannotBeReadChangesNothing(t *testing.T) {
	for _, raw := range []string{``, `[]`, `{"actor":7}`} {
		e := columns(anEvent())
		err := itsm.OpenEnvelope([]byte(raw), &e, types)
		require.ErrorContains(t, err, "event incident.resolved.v1: ", raw)
		require.Equal(t, columns(anEvent()), e)
	}
	var syntax *json.UnmarshalTypeError
	e := columns(anEvent())
	require.True(t, errors.As(itsm.OpenEnvelope([]byte(`{"actor":7}`), &e, types), &syntax), "the cause is kept")
}

func TestAPayloadThatCannotBeReadHidesNothingElse(t *testing.T) {
	e := columns(anEvent())
	require.NoError(t, itsm.OpenEnvelope([]byte(`{"action":"resolve","data":{"code":7}}`), &e, types))
	require.Equal(t, "resolve", e.Action)
	require.Equal(t, itsm.UnknownPayload{Type: e.Type, JSON: json.RawMessage(`{"code":7}`)}, e.Data)
}

func TestATypeHoldsItsOwnValuesOnly(t *testing.T) {
	known, ok := types("incident.resolved.v1")
	require.True(t, ok)
	payload := anEvent().Data
	require.True(t, known.Holds(payload))
	require.False(t, known.Holds(nil))
	require.False(t, known.Holds(itsm.UnknownPayload{Type: known.Name}))
	require.False(t, itsm.EventType{}.Holds(payload))
}

func TestANewerLayoutCanBeRead(t *testing.T) {
	e := columns(anEvent())
	require.NoError(t, itsm.OpenEnvelope([]byte(`{"action":"resolve","colour":"red","data":{"code":"x","mood":"good"}}`), &e, types))
	require.Equal(t, "resolve", e.Action)
	require.Equal(t, resolved{Code: "x"}, e.Data)
}

func TestAPayloadThatCannotBeWrittenIsAnError(t *testing.T) {
	e := itsm.Event{Type: "incident.unwritable.v1", Data: unwritable{}}
	_, err := e.Envelope()
	require.ErrorContains(t, err, "event incident.unwritable.v1")
	_, err = json.Marshal(e)
	require.Error(t, err)
	e = itsm.Event{Type: "x", Changes: []itsm.Change{{Field: "f", Old: json.RawMessage("{")}}}
	_, err = e.Envelope()
	require.ErrorContains(t, err, "event x")
}

func TestAnEventTypeIsThatOfAValueWithAName(t *testing.T) {
	require.Equal(t, "incident.resolved.v1", itsm.EventOf[resolved]().Name)
	require.Panics(t, func() { itsm.EventOf[*resolved]() })
	require.Panics(t, func() { itsm.EventOf[itsm.Payload]() })
	require.Panics(t, func() { itsm.EventOf[nameless]() })
}

func TestAnEventIsFlatJSON(t *testing.T) {
	e := anEvent()
	raw, err := json.Marshal(e)
	require.NoError(t, err)
	require.JSONEq(t, `{"tenant":"acme","id":"e1","kind":"incident","record":"INC1","version":4,"n":1,"type":"incident.resolved.v1",
		"at":"2026-05-04T09:00:00.123456Z","recorded":"2026-05-04T10:00:00.123456Z","actor":"ann","actor_name":"Ann","system":true,
		"action":"resolve","from":"in_progress","to":"resolved","from_category":"active","to_category":"resolved","reason":"done","internal":true,"cause":{"event":"e0","chain":["trigger:a","trigger:b"]},
		"changes":[{"field":"state","old":"in_progress","new":"resolved"},{"field":"code","new":"fixed"}],"data":{"code":"fixed","hours":3}}`, string(raw))
	var back itsm.Event
	require.NoError(t, json.Unmarshal(raw, &back))
	e.Data = itsm.UnknownPayload{Type: e.Type, JSON: json.RawMessage(`{"code":"fixed","hours":3}`)}
	require.Equal(t, e, back)

	raw, err = json.Marshal(itsm.Event{At: monday})
	require.NoError(t, err)
	require.Contains(t, string(raw), `"recorded":"2026-05-04T09:00:00.123456Z"`)
	require.NoError(t, json.Unmarshal(raw, &back))
	require.Nil(t, back.Data)
	require.Error(t, json.Unmarshal([]byte(`{"at":7}`), &back))
}

func TestAnyEventComesBack(t *testing.T) {
	text := rapid.StringMatching(`[a-zäß"\\<>&\n ]{0,8}`)
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMicro(rapid.Int64Range(-1<<50, 1<<52).Draw(t, "at")).UTC()
		e := itsm.Event{
			Type: "incident.resolved.v1", At: at, Recorded: at.Add(time.Duration(rapid.Int64Range(0, 9).Draw(t, "later")) * time.Microsecond),
			Actor: itsm.ID(text.Draw(t, "actor")), ActorName: text.Draw(t, "name"), System: rapid.Bool().Draw(t, "system"),
			Action: text.Draw(t, "action"), From: text.Draw(t, "from"), To: text.Draw(t, "to"), Reason: text.Draw(t, "reason"),
			FromCategory: itsm.Category(text.Draw(t, "category")), Internal: rapid.Bool().Draw(t, "internal"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			c := itsm.Change{Field: text.Draw(t, "field")}
			c.New, _ = json.Marshal(text.Draw(t, "new"))
			e.Changes = append(e.Changes, c)
		}
		if rapid.Bool().Draw(t, "data") {
			e.Data = resolved{Code: text.Draw(t, "code")}
		}
		if e.Recorded.IsZero() || e.At.IsZero() {
			return
		}
		raw, err := e.Envelope()
		require.NoError(t, err)
		back := columns(e)
		require.NoError(t, itsm.OpenEnvelope(raw, &back, types))
		require.Equal(t, e, back)
	})
}

func FuzzOpenEnvelope(f *testing.F) {
	good, err := anEvent().Envelope()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, true)
	f.Add([]byte(`{}`), false)
	f.Add([]byte(`{"recorded":-62135596800000000,"data":null,"changes":[{"field":"x","old":null}]}`), true)
	f.Fuzz(func(t *testing.T, raw []byte, known bool) {
		lookup := types
		if !known {
			lookup = nil
		}
		e := columns(anEvent())
		if err := itsm.OpenEnvelope(raw, &e, lookup); err != nil {
			require.Equal(t, columns(anEvent()), e)
			return
		}
		again, err := e.Envelope()
		require.NoError(t, err, "what can be read can be written")
		back := columns(anEvent())
		require.NoError(t, itsm.OpenEnvelope(again, &back, lookup))
		third, err := back.Envelope()
		require.NoError(t, err)
		require.Equal(t, string(again), string(third), "and read again as the same")
	})
}

func BenchmarkEventEnvelope(b *testing.B) {
	e := anEvent()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Envelope(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenEnvelope(b *testing.B) {
	raw, err := anEvent().Envelope()
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		e := columns(anEvent())
		if err := itsm.OpenEnvelope(raw, &e, types); err != nil {
			b.Fatal(err)
		}
	}
}
