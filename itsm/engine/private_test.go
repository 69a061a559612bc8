package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// leaversWith registers the table of leavers with reactions to their events.
func leaversWith(t *testing.T, o engine.Options, private map[string][]string, seen *[]itsm.Event) *engine.Engine {
	t.Helper()
	e, err := engine.New(memory.New(), o)
	require.NoError(t, err)
	require.NoError(t, e.Use(engine.Module{
		Name: "leavers", Tables: []*storage.Schema{Leavers.Schema()}, Private: private, Events: []itsm.EventType{itsm.EventOf[Left]()},
		Reactions: []engine.Reaction{engine.OnAny(func(_ context.Context, _ *engine.Unit, e itsm.Event) error {
			*seen = append(*seen, e)
			return nil
		})},
	}))
	return e
}

func logOf(t *testing.T, e *engine.Engine, actor itsm.Actor) (events []itsm.Event, raw string) {
	t.Helper()
	require.NoError(t, e.View(t.Context(), actor, func(ctx context.Context, r storage.Reader) error {
		stored, err := r.Events(ctx, storage.EventQuery{Limit: storage.MaxLimit})
		for _, s := range stored {
			raw += fmt.Sprintf("%+v %s\n", s, s.Envelope)
		}
		if err == nil {
			events, err = e.History(ctx, r, storage.EventQuery{})
		}
		return err
	}))
	return events, raw
}

func TestTheLogHasNoValuesOfAPrivateTable(t *testing.T) {
	var seen []itsm.Event
	e := leaversWith(t, engine.Options{}, map[string][]string{"leaver": {"revoked"}}, &seen)
	hanna := itsm.Actor{Tenant: "acme", ID: "hanna"}
	var l Leaver
	l.ID, l.Person, l.Checklist = "l1", "secret-one", []string{"secret-laptop"}
	update := func(emit bool, changes ...func()) {
		t.Helper()
		require.NoError(t, e.Update(t.Context(), hanna, func(ctx context.Context, u *engine.Unit) error {
			for _, change := range changes {
				change()
				if err := Leavers.Put(ctx, u, &l); err != nil {
					return err
				}
			}
			if emit {
				u.Emit(itsm.Event{Kind: "leaver", Record: l.ID, Data: Left{}})
			}
			return nil
		}))
	}
	update(true, func() {})
	update(true, func() { l.Person, l.Revoked = "secret-two", true })
	update(false, func() { l.Checklist = []string{"secret-badge"} })
	// What a second put takes back has not changed.
	update(true, func() { l.Person = "secret-three" }, func() { l.Person, l.Revoked = "secret-two", false })
	require.NoError(t, e.Update(t.Context(), hanna, func(ctx context.Context, u *engine.Unit) error { return Leavers.Delete(ctx, u, &l) }))

	events, raw := logOf(t, e, hanna)
	require.NotContains(t, raw, "secret")
	require.NotContains(t, fmt.Sprintf("%+v", seen), "secret", "a reaction is told what the log is")
	var changes [][]itsm.Change
	for _, e := range events {
		changes = append(changes, e.Changes)
	}
	require.Equal(t, [][]itsm.Change{
		nil,
		{{Field: "person"}, {Field: "revoked", Old: []byte("false"), New: []byte("true")}},
		{{Field: "Checklist"}},
		{{Field: "revoked", Old: []byte("true"), New: []byte("false")}},
		{{Field: "Checklist"}, {Field: "last_day"}, {Field: "person"}, {Field: "revoked", Old: []byte("false")}},
	}, changes)
}

func TestOnlyOwnTablesArePrivate(t *testing.T) {
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(t, err)
	err = e.Use(engine.Module{Name: "x", Private: map[string][]string{"leaver": nil, "note": nil}})
	var v *itsm.ValidationError
	require.ErrorAs(t, err, &v)
	require.Len(t, v.Faults, 2)
}

func TestANamelessEngineKeepsNoNamesOfPeople(t *testing.T) {
	for _, nameless := range []bool{false, true} {
		var seen []itsm.Event
		e := leaversWith(t, engine.Options{Nameless: nameless}, nil, &seen)
		hanna := itsm.Actor{Tenant: "acme", ID: "p-1", Name: "Hanna Hale"}
		var notes []engine.NoteRecord
		write := func(actor itsm.Actor, id itsm.ID) {
			require.NoError(t, e.Update(t.Context(), actor, func(ctx context.Context, u *engine.Unit) error {
				l := Leaver{LeaverHead: LeaverHead{Meta: storage.Meta{ID: id}, LastDay: time.Unix(0, 0)}}
				if err := Leavers.Put(ctx, u, &l); err != nil {
					return err
				}
				u.Emit(itsm.Event{Kind: "leaver", Record: id, Data: Left{}})
				u.Emit(itsm.Event{Kind: "leaver", Record: id, Data: Left{}, Actor: "p-2", ActorName: "Otto Old"})
				for _, n := range []itsm.Note{{Text: "One"}, {Text: "Two", Author: "p-2", AuthorName: "Otto Old"}} {
					if _, err := u.AddNote(ctx, itsm.Ref{Kind: "leaver", ID: id}, n); err != nil {
						return err
					}
				}
				page, err := engine.Notes(ctx, u, itsm.Ref{Kind: "leaver", ID: id}, true, "", 10)
				notes = append(notes, page.Items...)
				return err
			}))
		}
		write(hanna, "l1")
		write(itsm.SystemActor("acme", "sweep"), "l2")
		events, _ := logOf(t, e, hanna)
		names := map[string]int{}
		for _, e := range events {
			names[e.ActorName]++
		}
		for _, n := range notes {
			names[n.AuthorName]++
		}
		want := map[string]int{"Hanna Hale": 2, "Otto Old": 4, "sweep": 2}
		if nameless {
			want = map[string]int{"": 6, "sweep": 2}
		}
		require.Equal(t, want, names)
		require.Equal(t, itsm.ID("p-1"), events[0].Actor)
	}
}
