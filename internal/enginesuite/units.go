package enginesuite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

var errTest = errors.New("refused by the test")

func isNotFound(err error) bool { return errors.Is(err, storage.ErrNotFound) }

func failedCommand(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{
		Jobs:        []engine.JobHandler{engine.OnDue("box.due", func(context.Context, *engine.Unit, engine.Due, struct{}) error { return nil })},
		Subscribers: []engine.Subscriber{{Name: "s", Deliver: func(context.Context, itsm.Event) error { return nil }}},
	})
	err := e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		if _, err := fillIn(ctx, u, "b", 1); err != nil {
			return err
		}
		if err := u.Schedule(ctx, engine.Task{Kind: "box.due", Key: "b", Due: u.Now()}); err != nil {
			return err
		}
		if _, err := u.AddNote(ctx, itsm.Ref{Kind: "box", ID: "b"}, itsm.Note{Text: "hello"}); err != nil {
			return err
		}
		return errTest
	})
	require.Equal(t, errTest, err, "the error comes back as it is")
	_, err = read(t, e, b.actor, "b")
	require.ErrorIs(t, err, storage.ErrNotFound)
	require.Empty(t, events(t, e, b.actor, "b"))
	require.Empty(t, jobsOf(t, e, b.actor))
}

func reactions(t *testing.T, b *bench) {
	ctx := context.Background()
	var seen []string
	refuse := false
	e := b.engine(t, engine.Options{}, engine.Module{Reactions: []engine.Reaction{
		engine.OnAny(func(_ context.Context, _ *engine.Unit, ev itsm.Event) error {
			seen = append(seen, "any "+ev.Type)
			return nil
		}),
		engine.On(func(ctx context.Context, u *engine.Unit, ev itsm.Event, f filled) error {
			seen = append(seen, "filled")
			require.Equal(t, b.now, ev.At)
			require.Equal(t, itsm.ID("ada"), ev.Actor)
			if refuse {
				return errTest
			}
			box, err := boxes.Get(ctx, u, ev.Record)
			require.NoError(t, err)
			require.Equal(t, f.By, box.Count, "a reaction reads what the command wrote")
			if f.By == 7 {
				box.Text = "emptied by a reaction"
				require.NoError(t, boxes.Put(ctx, u, &box))
				u.Emit(itsm.Event{Kind: "box", Record: box.ID, Action: "empty", Data: emptied{}})
			}
			return nil
		}),
	}})
	got, err := fill(ctx, e, b.actor, "b", 7, itsm.Command{Reason: "monthly"})
	require.NoError(t, err)
	require.EqualValues(t, 2, got.Version, "the caller gets the record as it is when the reactions are through")
	require.Equal(t, "emptied by a reaction", got.Text)
	require.Equal(t, []string{"filled", "any box.filled.v1", "any box.emptied.v1"}, seen)
	log := events(t, e, b.actor, "b")
	require.Len(t, log, 2)
	require.Equal(t, filled{7}, log[0].Data)
	require.Equal(t, "monthly", log[0].Reason)
	require.EqualValues(t, 2, log[1].Version)
	require.Equal(t, []itsm.Change{{Field: "text", New: json.RawMessage(`"emptied by a reaction"`)}}, log[1].Changes)

	refuse = true
	_, err = fill(ctx, e, b.actor, "c", 1, itsm.Command{})
	require.Equal(t, errTest, err)
	_, err = read(t, e, b.actor, "c")
	require.ErrorIs(t, err, storage.ErrNotFound)
}

func clockGoesBack(t *testing.T, b *bench) {
	ctx := context.Background()
	now := b.now
	e := b.engine(t, engine.Options{Clock: func() time.Time { return now }}, engine.Module{})
	_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
	require.NoError(t, err)
	now = b.now.Add(-time.Minute)
	got, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, b.now, got.Updated)
	stored, err := read(t, e, b.actor, "b")
	require.NoError(t, err)
	require.Equal(t, got, stored)
	other, err := fill(ctx, e, b.actor, "c", 1, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, now, other.Updated, "another record has another order")

	// A unit that began before, and ends after another one.
	now = b.now.Add(time.Minute)
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		_, err := fillIn(ctx, u, "b", 1)
		return err
	}))
	now = b.now.Add(30 * time.Second)
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		box, err := boxes.Get(ctx, u.Quiet(), "b") // past the unit
		if err != nil {
			return err
		}
		if err := boxes.Put(ctx, u, &box); err != nil {
			return err
		}
		return boxes.Delete(ctx, u, &box)
	}))
	var last time.Time
	for i, ev := range events(t, e, b.actor, "b") {
		require.False(t, ev.At.Before(last), "event %d", i)
		require.Equal(t, ev.At, ev.Recorded)
		last = ev.At
	}
	require.Equal(t, b.now.Add(time.Minute), last)
}

func endlessReactions(t *testing.T, b *bench) {
	e := b.engine(t, engine.Options{}, engine.Module{Reactions: []engine.Reaction{
		engine.On(func(ctx context.Context, u *engine.Unit, ev itsm.Event, f filled) error {
			u.Emit(itsm.Event{Kind: "box", Record: ev.Record, Data: f})
			return nil
		}),
	}})
	_, err := fill(context.Background(), e, b.actor, "b", 1, itsm.Command{})
	require.ErrorIs(t, err, storage.ErrInvalid)
	_, err = read(t, e, b.actor, "b")
	require.ErrorIs(t, err, storage.ErrNotFound)
}

func nested(t *testing.T, b *bench) {
	ctx := context.Background()
	var e *engine.Engine
	e = b.engine(t, engine.Options{}, engine.Module{Reactions: []engine.Reaction{
		engine.On(func(ctx context.Context, u *engine.Unit, ev itsm.Event, f filled) error {
			if ev.Record != "parent" {
				return nil
			}
			inside := e.In(u.Store())
			_, err := fill(ctx, inside, u.System("roll-up"), "child", f.By*2, itsm.Command{Key: "k" + string(ev.ID)})
			require.NoError(t, err)
			return inside.View(ctx, u.Actor(), func(ctx context.Context, r storage.Reader) error {
				child, err := boxes.Get(ctx, r, "child")
				require.NoError(t, err)
				require.Equal(t, f.By*2, child.Count, "a nested view reads what the unit wrote")
				return nil
			})
		}),
	}})
	_, err := fill(ctx, e, b.actor, "parent", 3, itsm.Command{})
	require.NoError(t, err)
	log := events(t, e, b.actor, "child")
	require.Len(t, log, 1)
	require.Equal(t, itsm.ID("system:roll-up"), log[0].Actor)
	require.True(t, log[0].System)
	require.Equal(t, b.now, log[0].At)

	err = e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		other := b.actor
		other.Tenant = "bolt"
		_, err := fill(ctx, e.In(u.Store()), other, "child", 1, itsm.Command{})
		require.ErrorIs(t, err, storage.ErrInvalid, "a unit stays in its tenant")
		_, err = u.Store().Claim(ctx, storage.Claim{Now: b.now, Lease: time.Minute, Limit: 1})
		require.ErrorIs(t, err, storage.ErrInvalid)
		return nil
	})
	require.NoError(t, err)
}

func nestedFailure(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{})
	err := e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		if _, err := fillIn(ctx, u, "b", 1); err != nil {
			return err
		}
		inside := e.In(u.Store())
		_, err := engine.Execute(ctx, inside, boxes, engine.Call{Name: "box.refuse", Actor: b.actor}, func(context.Context, *engine.Unit) (box, error) { return box{}, errTest }, nil)
		require.Equal(t, errTest, err)
		return nil // refused before it wrote: the unit goes on
	})
	require.NoError(t, err)
	_, err = read(t, e, b.actor, "b")
	require.NoError(t, err)

	err = e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		_, err := engine.Execute(ctx, e.In(u.Store()), boxes, engine.Call{Name: "box.half", Actor: b.actor}, func(ctx context.Context, u *engine.Unit) (box, error) {
			if _, err := fillIn(ctx, u, "half", 1); err != nil {
				return box{}, err
			}
			return box{}, errTest
		}, nil)
		require.Equal(t, errTest, err)
		return nil // swallowed, after half of it was written
	})
	require.Equal(t, errTest, err)
	_, err = read(t, e, b.actor, "half")
	require.ErrorIs(t, err, storage.ErrNotFound)
}

func history(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{})
	due := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	set := func(fn func(*box)) {
		require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
			x, err := boxes.Get(ctx, u, "b")
			if isNotFound(err) {
				x.ID = "b"
			} else if err != nil {
				return err
			}
			fn(&x)
			return boxes.Put(ctx, u, &x)
		}))
	}
	set(func(x *box) { x.Count, x.Text = 1, "one" })
	set(func(x *box) { x.Count, x.Due, x.Text, x.Tags = 2, due, "", []string{"a"} })
	set(func(x *box) { x.Due, x.Owner = time.Time{}, "ada" })
	set(func(*box) {})
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		x, err := boxes.Get(ctx, u, "b")
		require.NoError(t, err)
		x.Count, x.Text = 3, "three"
		require.NoError(t, boxes.Put(ctx, u, &x))
		x.Count, x.Text = 4, ""
		require.NoError(t, boxes.Put(ctx, u, &x))
		u.Emit(itsm.Event{Kind: "box", Record: "b", Data: filled{2}})
		u.Emit(itsm.Event{Kind: "box", Record: "b", Data: emptied{}})
		return nil
	}))
	log := events(t, e, b.actor, "b")
	require.Len(t, log, 6)
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	require.Empty(t, log[0].Changes, "a new record has no history yet")
	require.Equal(t, engine.Changed{}, log[0].Data)
	require.Equal(t, []itsm.Change{
		{Field: "count", Old: raw("1"), New: raw("2")}, {Field: "due", New: raw(`"2027-01-02T03:04:05Z"`)},
		{Field: "tags", New: raw(`["a"]`)}, {Field: "text", Old: raw(`"one"`)},
	}, log[1].Changes)
	require.Equal(t, []itsm.Change{{Field: "due", Old: raw(`"2027-01-02T03:04:05Z"`)}, {Field: "owner", Old: raw(`""`), New: raw(`"ada"`)}}, log[2].Changes)
	require.Empty(t, log[3].Changes)
	require.Equal(t, []itsm.Change{{Field: "count", Old: raw("2"), New: raw("4")}}, log[4].Changes, "two puts in a unit are one change")
	require.EqualValues(t, 6, log[4].Version)
	require.Empty(t, log[5].Changes)
	require.Equal(t, 1, log[5].N)
}

func deleted(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{})
	_, err := fill(ctx, e, b.actor, "b", 5, itsm.Command{})
	require.NoError(t, err)
	remove := func() error {
		return e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
			x, err := boxes.Get(ctx, u, "b")
			if err != nil {
				return err
			}
			return boxes.Delete(ctx, u, &x)
		})
	}
	require.NoError(t, remove())
	require.ErrorIs(t, remove(), storage.ErrNotFound)
	log := events(t, e, b.actor, "b")
	require.Len(t, log, 2)
	require.Equal(t, engine.Deleted{}, log[1].Data)
	require.Equal(t, "count", log[1].Changes[0].Field)
	require.Equal(t, json.RawMessage("5"), log[1].Changes[0].Old)
}

func strayEvents(t *testing.T, b *bench) {
	e := b.engine(t, engine.Options{}, engine.Module{})
	for _, ev := range []itsm.Event{{Kind: "box", Record: "none", Data: filled{}}, {Kind: "box", Record: "none"}} {
		require.ErrorIs(t, e.Update(context.Background(), b.actor, func(ctx context.Context, u *engine.Unit) error {
			u.Emit(ev)
			return nil
		}), storage.ErrInvalid)
	}
	require.ErrorIs(t, e.Update(context.Background(), b.actor, func(ctx context.Context, u *engine.Unit) error {
		return u.Schedule(ctx, engine.Task{Kind: "nobody", Key: "k"})
	}), storage.ErrInvalid)
	require.ErrorIs(t, e.Update(context.Background(), b.actor, func(ctx context.Context, u *engine.Unit) error {
		return u.Append(ctx, storage.Event{})
	}), storage.ErrInvalid)
}

func contention(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{})
	_, err := fill(ctx, e, b.actor, "b", 0, itsm.Command{})
	require.NoError(t, err)
	const goroutines, each = 16, 5
	var wg sync.WaitGroup
	errs := make(chan error, goroutines*each)
	for range goroutines {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range each {
				_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
				errs <- err
			}
		}()
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	x, err := read(t, e, b.actor, "b")
	require.NoError(t, err)
	require.Equal(t, goroutines*each, x.Count)
	require.EqualValues(t, goroutines*each+1, x.Version)
	log := events(t, e, b.actor, "b")
	require.Len(t, log, goroutines*each+1)
	for i, ev := range log {
		require.EqualValues(t, i+1, ev.Version)
	}
}

func ifVersion(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{})
	_, err := fill(ctx, e, b.actor, "b", 0, itsm.Command{})
	require.NoError(t, err)
	var won, lost atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			switch _, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{IfVersion: 1}); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, storage.ErrConflict):
				lost.Add(1)
			default:
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	require.EqualValues(t, 1, won.Load())
	require.EqualValues(t, 15, lost.Load())
	_, err = fill(ctx, e, b.actor, "b", 1, itsm.Command{IfVersion: -1})
	require.ErrorIs(t, err, storage.ErrInvalid)
}

func keys(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{})
	first, err := fill(ctx, e, b.actor, "b", 2, itsm.Command{Key: "once"})
	require.NoError(t, err)
	again, err := fill(ctx, e, b.actor, "b", 2, itsm.Command{Key: "once"})
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Len(t, events(t, e, b.actor, "b"), 1)
	_, err = fill(ctx, e, b.actor, "b", 3, itsm.Command{Key: "once"})
	require.ErrorIs(t, err, storage.ErrInvalid, "another request")
	_, err = fill(ctx, e, b.actor, "c", 2, itsm.Command{Key: "once"})
	require.ErrorIs(t, err, storage.ErrInvalid, "another record")
	other := b.actor
	other.ID = "bob"
	got, err := fill(ctx, e, other, "b", 2, itsm.Command{Key: "once"})
	require.NoError(t, err)
	require.Equal(t, 4, got.Count, "another actor's key is another key")
	other.Tenant = "bolt"
	_, err = fill(ctx, e, other, "b", 3, itsm.Command{Key: "once"})
	require.NoError(t, err, "and so is another tenant's")
}

func keyRace(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{})
	var wg sync.WaitGroup
	for range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			got, err := fill(ctx, e, b.actor, "b", 2, itsm.Command{Key: "once"})
			if err != nil || got.Count != 2 {
				t.Error(got.Count, err)
			}
		}()
	}
	wg.Wait()
	require.Len(t, events(t, e, b.actor, "b"), 1)
}

func viewInside(t *testing.T, b *bench) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	e := b.engine(t, engine.Options{}, engine.Module{})
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		if _, err := fillIn(ctx, u, "b", 1); err != nil {
			return err
		}
		// The engine itself, not rebound to the unit, as a program might by mistake.
		return e.View(ctx, b.actor, func(ctx context.Context, r storage.Reader) error {
			x, err := boxes.Get(ctx, r, "b")
			require.NoError(t, err)
			require.Equal(t, 1, x.Count)
			return nil
		})
	}))
	err := e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
		return err
	})
	require.ErrorIs(t, err, storage.ErrInvalid, "an update inside an update is refused, not a deadlock")
}

func tenants(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{Subscribers: []engine.Subscriber{{Name: "s", Deliver: func(context.Context, itsm.Event) error { return nil }}}})
	_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
	require.NoError(t, err)
	bolt := itsm.Actor{Tenant: "bolt", ID: "bo", Roles: b.actor.Roles}
	_, err = read(t, e, bolt, "b")
	require.ErrorIs(t, err, storage.ErrNotFound)
	require.Empty(t, events(t, e, bolt, "b"))
	require.Empty(t, jobsOf(t, e, bolt))
	got, err := fill(ctx, e, bolt, "b", 10, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, 10, got.Count)
	_, err = fill(ctx, e, itsm.Actor{ID: "x"}, "b", 1, itsm.Command{})
	require.ErrorIs(t, err, storage.ErrInvalid, "an actor without a tenant")
}

func panics(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{})
	require.PanicsWithValue(t, "test", func() {
		_ = e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
			_, err := fillIn(ctx, u, "b", 1)
			require.NoError(t, err)
			panic("test")
		})
	})
	_, err := read(t, e, b.actor, "b")
	require.ErrorIs(t, err, storage.ErrNotFound)
	_, err = fill(ctx, e, b.actor, "b", 1, itsm.Command{})
	require.NoError(t, err, "the store still works")
}

func links(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{})
	link := itsm.Link{Type: itsm.LinkCausedBy, From: itsm.Ref{Kind: "box", ID: "b"}, To: itsm.Ref{Kind: "change", ID: "c"}}
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		added, err := u.AddLink(ctx, link)
		require.NoError(t, err)
		require.True(t, added)
		for _, l := range []itsm.Link{link, link.Inverse()} {
			added, err = u.AddLink(ctx, l)
			require.NoError(t, err)
			require.False(t, added)
		}
		from, err := engine.Links(ctx, u, link.From)
		require.NoError(t, err)
		require.Equal(t, []itsm.Link{link}, from)
		to, err := engine.Links(ctx, u, link.To)
		require.NoError(t, err)
		require.Equal(t, []itsm.Link{link.Inverse()}, to)
		removed, err := u.RemoveLink(ctx, link.Inverse())
		require.NoError(t, err)
		require.True(t, removed)
		removed, err = u.RemoveLink(ctx, link)
		require.NoError(t, err)
		require.False(t, removed)
		return nil
	}))
}

// A command whose actor has a cause has it on all of its events, and so have the reactions to them, also
// where they put without an event; what a nested command with a cause of its own does has that one.
func causes(t *testing.T, b *bench) {
	ctx := context.Background()
	var e *engine.Engine
	e = b.engine(t, engine.Options{}, engine.Module{Reactions: []engine.Reaction{
		engine.On(func(ctx context.Context, u *engine.Unit, ev itsm.Event, f filled) error {
			id := ev.Record + "'"
			switch f.By {
			case 1: // another record, put without an event
				return boxes.Put(ctx, u, &box{boxHead: boxHead{Meta: storage.Meta{ID: id}}})
			case 2: // a nested command of the same chain, and one that answers the event
				if _, err := fill(ctx, e.In(u.Store()), u.Actor(), id, 5, itsm.Command{}); err != nil {
					return err
				}
				actor := u.System("answer")
				actor.Cause = ev.Then("answer")
				_, err := fill(ctx, e.In(u.Store()), actor, id+"'", 3, itsm.Command{})
				return err
			case 3: // one that goes on with the chain of the answer
				_, err := fill(ctx, e.In(u.Store()), u.Actor(), id, 5, itsm.Command{})
				return err
			}
			return nil
		}),
	}})
	caused := b.actor
	caused.Cause = itsm.Cause{Event: "e0", Chain: []string{"a"}}
	for _, by := range []int{1, 2} {
		for name, actor := range map[string]itsm.Actor{"p": b.actor, "c": caused} {
			_, err := fill(ctx, e, actor, storage.ID(fmt.Sprint(name, by)), by, itsm.Command{})
			require.NoError(t, err)
		}
	}
	cause := func(id storage.ID) itsm.Cause {
		log := events(t, e, b.actor, id)
		require.Len(t, log, 1, id)
		return log[0].Cause
	}
	for _, id := range []storage.ID{"p1", "p1'", "p2", "p2'"} {
		require.True(t, cause(id).IsZero(), id)
	}
	for _, id := range []storage.ID{"c1", "c1'", "c2", "c2'"} {
		require.Equal(t, caused.Cause, cause(id), id)
	}
	require.Equal(t, itsm.Cause{Event: events(t, e, b.actor, "p2")[0].ID, Chain: []string{"answer"}}, cause("p2''"))
	require.Equal(t, itsm.Cause{Event: events(t, e, b.actor, "c2")[0].ID, Chain: []string{"a", "answer"}}, cause("c2''"))
	require.Equal(t, cause("p2''"), cause("p2'''"))
	require.Equal(t, cause("c2''"), cause("c2'''"))
}
