package enginesuite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

func schedule(t *testing.T, b *bench, e *engine.Engine, task engine.Task) {
	t.Helper()
	require.NoError(t, e.Update(context.Background(), b.actor, func(ctx context.Context, u *engine.Unit) error { return u.Schedule(ctx, task) }))
}

// selfCancel: a practice makes the jobs of a record what they must be, whoever runs.
func selfCancel(t *testing.T, b *bench) {
	ctx := context.Background()
	const kind = "box.due"
	mode := ""
	e := b.engine(t, engine.Options{}, engine.Module{Jobs: []engine.JobHandler{
		engine.OnDue(kind, func(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
			if _, err := fillIn(ctx, u, "b", 1); err != nil {
				return err
			}
			again := engine.Task{Kind: kind, Key: due.Key, Due: due.At.Add(time.Hour)}
			switch mode {
			case "schedule, cancel":
				if err := u.Schedule(ctx, again); err != nil {
					return err
				}
				return u.Cancel(ctx, kind, due.Key)
			case "cancel, schedule":
				if err := u.Cancel(ctx, kind, due.Key); err != nil {
					return err
				}
				return u.Schedule(ctx, again)
			}
			return u.Cancel(ctx, kind, due.Key)
		}),
	}})
	for i, m := range []string{"cancel", "schedule, cancel", "cancel, schedule"} {
		mode = m
		schedule(t, b, e, engine.Task{Kind: kind, Key: "k", Due: b.now})
		ran, err := e.Tick(ctx, b.now)
		require.NoError(t, err)
		require.Equal(t, engine.Ran{Jobs: 1}, ran, m)
		x, err := read(t, e, b.actor, "b")
		require.NoError(t, err)
		require.Equal(t, i+1, x.Count, m)
		if m == "cancel, schedule" {
			left := jobsOf(t, e, b.actor)
			require.Len(t, left, 1)
			require.Equal(t, b.now.Add(time.Hour), left[0].Due)
		} else {
			require.Empty(t, jobsOf(t, e, b.actor), m)
		}
	}
}

func errorTexts(t *testing.T, b *bench) {
	ctx := context.Background()
	bad := errors.New("body: \xff\xfe\x00" + strings.Repeat("é", 3000))
	in := &inbox{}
	m := in.module()
	m.Subscribers = append(m.Subscribers, engine.Subscriber{Name: "broken", Deliver: func(context.Context, itsm.Event) error { return bad }})
	m.Jobs = []engine.JobHandler{engine.OnDue("box.bad", func(context.Context, *engine.Unit, engine.Due, struct{}) error { return bad })}
	e := b.engine(t, engine.Options{JobAttempts: 2, Backoff: time.Second}, m)
	schedule(t, b, e, engine.Task{Kind: "box.bad", Key: "k", Due: b.now})
	_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
	require.NoError(t, err)
	dead := 0
	for i := range 5 {
		ran, err := e.Tick(ctx, b.now.Add(time.Duration(i)*time.Hour))
		require.NoError(t, err)
		dead += ran.Dead
	}
	require.Equal(t, 2, dead)
	require.Equal(t, []int64{1}, in.versions("b"))
	letters, err := e.DeadLetters(ctx, b.actor, storage.Job{}, 10)
	require.NoError(t, err)
	require.Len(t, letters, 2)
	for _, l := range letters {
		require.True(t, strings.HasPrefix(l.Error, "body: "), l.Error)
	}
}

func reactionPanics(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{JobAttempts: 2, Backoff: time.Second}, engine.Module{
		Reactions: []engine.Reaction{engine.On(func(_ context.Context, _ *engine.Unit, ev itsm.Event, f filled) error {
			if f.By == 13 {
				panic("thirteen")
			}
			return nil
		})},
		Jobs: []engine.JobHandler{engine.OnDue("box.fill", func(ctx context.Context, u *engine.Unit, _ engine.Due, by int) error {
			_, err := fillIn(ctx, u, storage.ID(fmt.Sprint(by)), by)
			return err
		})},
	})
	schedule(t, b, e, engine.Task{Kind: "box.fill", Key: "a", Due: b.now, Payload: 13})
	schedule(t, b, e, engine.Task{Kind: "box.fill", Key: "b", Due: b.now, Payload: 14})
	total := engine.Ran{}
	for i := range 3 {
		ran, err := e.Tick(ctx, b.now.Add(time.Duration(i)*time.Hour))
		require.NoError(t, err)
		total.Jobs += ran.Jobs
		total.Failed += ran.Failed
		total.Dead += ran.Dead
	}
	require.Equal(t, engine.Ran{Jobs: 1, Failed: 1, Dead: 1}, total)
	_, err := read(t, e, b.actor, "13")
	require.ErrorIs(t, err, storage.ErrNotFound)
}

// poison: a process that dies while it runs a job leaves only the claim behind.
func poison(t *testing.T, b *bench) {
	ctx := context.Background()
	runs := 0
	e := b.engine(t, engine.Options{JobAttempts: 3}, engine.Module{Jobs: []engine.JobHandler{
		engine.OnDue("box.kill", func(context.Context, *engine.Unit, engine.Due, struct{}) error { runs++; return nil })}})
	schedule(t, b, e, engine.Task{Kind: "box.kill", Key: "k", Due: b.now})
	at := b.now
	for range 3 {
		claimed, err := b.store.Claim(ctx, storage.Claim{Now: at, Lease: time.Minute, Limit: 10})
		require.NoError(t, err)
		require.Len(t, claimed, 1)
		at = at.Add(2 * time.Minute)
	}
	ran, err := e.Tick(ctx, at)
	require.NoError(t, err)
	require.Equal(t, 1, ran.Dead)
	require.Zero(t, runs)
}

// poisonousEvent: one of two subscribers ends the process by an event, which is as if its tick were
// stopped: the claim stays behind.
func poisonousEvent(t *testing.T, b *bench) {
	ctx := context.Background()
	in, out := &inbox{}, &inbox{}
	stop := func() {}
	tries := 0
	e := b.engine(t, engine.Options{JobAttempts: 3}, engine.Module{Subscribers: []engine.Subscriber{
		{Name: "before", Deliver: in.deliver},
		{Name: "killer", Deliver: func(ctx context.Context, ev itsm.Event) error {
			if ev.Version == 1 {
				tries++
				stop()
				return ctx.Err()
			}
			return out.deliver(ctx, ev)
		}},
	}})
	for range 2 {
		_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
		require.NoError(t, err)
	}
	killed, dead := 0, 0
	for at := b.now; dead == 0; at = at.Add(2 * time.Minute) {
		var life context.Context
		life, stop = context.WithCancel(ctx)
		ran, err := e.Tick(life, at)
		stop()
		dead += ran.Dead
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
			killed++
			require.Less(t, killed, 10)
		}
	}
	require.Equal(t, 1, dead)
	require.Equal(t, 4, tries, "one among the others, and three alone")
	require.Equal(t, []int64{2}, out.versions("b"), "the event that kills is a dead letter, the next goes on")
	require.Equal(t, []int64{1, 2, 1, 2}, in.versions("b"), "the other is told again once, by the claim that did not come back")
}

// longTick: each delivery takes a while, and another process ticks beside.
func longTick(t *testing.T, b *bench) {
	ctx := context.Background()
	var mu sync.Mutex
	clock := b.now
	tell := func() time.Time { mu.Lock(); defer mu.Unlock(); return clock }
	var second *engine.Engine
	in := &inbox{}
	slow := func(ctx context.Context, ev itsm.Event) error {
		mu.Lock()
		clock = clock.Add(20 * time.Second)
		mu.Unlock()
		if err := in.deliver(ctx, ev); err != nil {
			return err
		}
		_, err := second.Tick(ctx, tell())
		return err
	}
	first := b.engine(t, engine.Options{Clock: tell}, engine.Module{Subscribers: []engine.Subscriber{{Name: "inbox", Deliver: slow}}})
	second = b.engine(t, engine.Options{Clock: tell}, in.module())
	const boxes = 40
	for i := range boxes {
		for range 2 {
			_, err := fill(ctx, first, b.actor, storage.ID(fmt.Sprint(i)), 1, itsm.Command{})
			require.NoError(t, err)
		}
	}
	for range 4 {
		_, err := first.Tick(ctx, tell())
		require.NoError(t, err)
		mu.Lock()
		clock = clock.Add(2 * time.Minute)
		mu.Unlock()
	}
	for i := range boxes {
		require.Equal(t, []int64{1, 2}, in.versions(storage.ID(fmt.Sprint(i))), "box %d", i)
	}
}

// outside: one job of the provider commands in each tenant, and may be repeated.
func outside(t *testing.T, b *bench) {
	ctx := context.Background()
	calls := 0
	e := b.engine(t, engine.Options{Backoff: time.Second}, engine.Module{Jobs: []engine.JobHandler{
		engine.OnDueOutside("box.fan_out", func(ctx context.Context, e *engine.Engine, due engine.Due, tenants []storage.Tenant) error {
			require.Equal(t, storage.Tenant("acme"), due.Tenant)
			_, limited := ctx.Deadline()
			require.True(t, limited)
			for _, tenant := range tenants {
				if _, err := fill(ctx, e, itsm.SystemActor(tenant, "fan-out"), "b", 5, itsm.Command{Key: due.Key}); err != nil {
					return err
				}
			}
			if calls++; calls == 1 {
				return errTest // after it has done its work
			}
			return nil
		}),
	}})
	schedule(t, b, e, engine.Task{Kind: "box.fan_out", Key: "k", Due: b.now, Payload: []storage.Tenant{"bolt", "cog"}})
	for i := range 2 {
		_, err := e.Tick(ctx, b.now.Add(time.Duration(i)*time.Hour))
		require.NoError(t, err)
	}
	require.Equal(t, 2, calls)
	for _, tenant := range []storage.Tenant{"bolt", "cog"} {
		x, err := read(t, e, itsm.SystemActor(tenant, "x"), "b")
		require.NoError(t, err)
		require.Equal(t, 5, x.Count)
	}
	require.Empty(t, jobsOf(t, e, b.actor))
}

func replayRefused(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{})
	may := true
	command := func() (box, error) {
		call := engine.Call{Name: "box.fill", Actor: b.actor, Command: itsm.Command{Key: "k"}, Request: 1}
		return engine.Execute(ctx, e, boxes, call, func(ctx context.Context, u *engine.Unit) (box, error) { return fillIn(ctx, u, "b", 42) },
			func(_ context.Context, _ *engine.Unit, x box, again bool) (box, error) {
				if again && !may {
					return box{}, storage.ErrNotFound
				}
				x.Text = "shown"
				return x, nil
			})
	}
	first, err := command()
	require.NoError(t, err)
	require.Equal(t, "shown", first.Text)
	again, err := command()
	require.NoError(t, err)
	require.Equal(t, first, again)
	may = false
	got, err := command()
	require.ErrorIs(t, err, storage.ErrNotFound)
	require.Zero(t, got)
}

func ifVersionBound(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{Reactions: []engine.Reaction{
		engine.On(func(ctx context.Context, u *engine.Unit, ev itsm.Event, f filled) error {
			if ev.Record == "sum" {
				return nil
			}
			require.Zero(t, u.Command().IfVersion)
			_, err := fillIn(ctx, u, "sum", f.By)
			return err
		}),
	}})
	for range 3 {
		_, err := fill(ctx, e, b.actor, "a", 1, itsm.Command{})
		require.NoError(t, err)
	}
	_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
	require.NoError(t, err)
	got, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{IfVersion: 1})
	require.NoError(t, err, "the sum is at version 4, which is none of the caller's concern")
	require.EqualValues(t, 2, got.Version)
	_, err = fill(ctx, e, b.actor, "b", 1, itsm.Command{IfVersion: 1})
	require.ErrorIs(t, err, storage.ErrConflict)
	runs := 0
	_, err = engine.Execute(ctx, e, boxes, engine.Call{Name: "x", Actor: b.actor, Target: "b", Command: itsm.Command{IfVersion: 1}}, func(ctx context.Context, u *engine.Unit) (box, error) {
		runs++
		return boxes.Get(ctx, u, "b") // a module that does not think of versions
	}, nil)
	require.ErrorIs(t, err, storage.ErrConflict)
	require.Equal(t, 1, runs, "it is not run again")
	var stale *itsm.VersionError
	require.ErrorAs(t, err, &stale)
	require.Equal(t, itsm.VersionError{Kind: "box", ID: "b", Seen: 1, Current: 2}, *stale)
	for fails, want := range map[error]error{errTest: storage.ErrConflict, storage.ErrNotFound: storage.ErrNotFound, itsm.ErrForbidden: itsm.ErrForbidden} {
		_, err = engine.Execute(ctx, e, boxes, engine.Call{Name: "x", Actor: b.actor, Target: "b", Command: itsm.Command{IfVersion: 1}}, func(ctx context.Context, u *engine.Unit) (box, error) {
			x, err := boxes.Get(ctx, u, "b")
			require.NoError(t, err)
			return x, fails
		}, nil)
		require.ErrorIs(t, err, want, "who may not know of the record learns nothing of its version")
	}
	_, err = engine.Execute(ctx, e, boxes, engine.Call{Name: "x", Actor: b.actor, Command: itsm.Command{IfVersion: 1}}, func(ctx context.Context, u *engine.Unit) (box, error) {
		return fillIn(ctx, u, "new", 1)
	}, nil)
	require.ErrorIs(t, err, storage.ErrInvalid, "without a record there is no version")
}

func nestedHalves(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{Jobs: []engine.JobHandler{
		engine.OnDue("box.due", func(context.Context, *engine.Unit, engine.Due, struct{}) error { return nil }),
	}})
	ways := map[string]func(ctx context.Context, u *engine.Unit) error{
		"emits": func(_ context.Context, u *engine.Unit) error {
			u.Emit(itsm.Event{Kind: "box", Record: "outer", Data: emptied{}})
			return nil
		},
		"puts quietly": func(ctx context.Context, u *engine.Unit) error {
			x := box{}
			x.ID = "quiet"
			return boxes.Put(ctx, u.Quiet(), &x)
		},
		"notes": func(ctx context.Context, u *engine.Unit) error {
			_, err := u.AddNote(ctx, itsm.Ref{Kind: "box", ID: "outer"}, itsm.Note{Text: "n"})
			return err
		},
		"schedules": func(ctx context.Context, u *engine.Unit) error {
			return u.Schedule(ctx, engine.Task{Kind: "box.due", Key: "k", Due: b.now})
		},
	}
	for name, half := range ways {
		err := e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
			if _, err := fillIn(ctx, u, "outer", 1); err != nil {
				return err
			}
			err := e.In(u.Store()).Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
				require.NoError(t, half(ctx, u))
				return errTest
			})
			require.Equal(t, errTest, err)
			return nil
		})
		require.Equal(t, errTest, err, name)
		err = e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
			if _, err := fillIn(ctx, u, "outer", 1); err != nil {
				return err
			}
			_ = u.Store().Update(ctx, "acme", func(ctx context.Context, tx storage.Tx) error {
				require.NoError(t, half(ctx, u))
				return errTest
			})
			return nil
		})
		require.Equal(t, errTest, err, name)
	}
	_, err := read(t, e, b.actor, "outer")
	require.ErrorIs(t, err, storage.ErrNotFound)
	require.ErrorIs(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		return u.Enqueue(ctx, storage.Job{Kind: "nobody", Key: "k", Due: b.now})
	}), storage.ErrInvalid)
}

func ownHistory(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{})
	_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
	require.NoError(t, err)
	// A record read past the unit's memory, after an older reading of it.
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		old, err := boxes.Get(ctx, u, "b")
		require.NoError(t, err)
		quiet := old
		quiet.Owner = "someone else"
		require.NoError(t, boxes.Put(ctx, u.Quiet(), &quiet))
		page, err := boxes.Records(ctx, u, storage.Query[boxHead]{})
		require.NoError(t, err)
		mine := page.Items[0]
		mine.Text = "mine"
		require.NoError(t, boxes.Put(ctx, u, &mine))
		u.Emit(itsm.Event{Kind: "box", Record: "b", Data: emptied{}})
		return nil
	}))
	log := events(t, e, b.actor, "b")
	require.Equal(t, "text", log[len(log)-1].Changes[0].Field)
	require.Len(t, log[len(log)-1].Changes, 1)

	// A nested command that puts without an event is told of as its own.
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		return e.In(u.Store()).Update(ctx, u.System("roll-up"), func(ctx context.Context, u *engine.Unit) error {
			x, err := boxes.Get(ctx, u, "b")
			require.NoError(t, err)
			x.Count++
			return boxes.Put(ctx, u, &x)
		})
	}))
	log = events(t, e, b.actor, "b")
	require.Equal(t, itsm.ID("system:roll-up"), log[len(log)-1].Actor)
}

// layouts: a program that keeps bodies in a newer form blames nobody for the difference.
func layouts(t *testing.T, b *bench) {
	ctx := context.Background()
	type head struct {
		storage.Meta
		Age int
	}
	type body struct {
		Name string `json:"name"`
	}
	type rec struct {
		head
		body
	}
	define := func(layout int) storage.Table[rec, head, body] {
		return storage.Define("person", storage.Def[rec, head, body]{
			Parts:   func(r *rec) (*head, *body) { return &r.head, &r.body },
			Columns: []storage.ColumnOf[head]{storage.Col("age", func(h *head) *int { return &h.Age })},
			Layout:  layout,
			Upgrade: func(_ int, raw []byte) ([]byte, error) {
				return []byte(strings.Replace(string(raw), `"name":"`, `"name":"Dr `, 1)), nil
			},
		})
	}
	old, now := define(1), define(2)
	e := b.engine(t, engine.Options{}, engine.Module{Tables: []*storage.Schema{now.Schema()}})
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		r := rec{body: body{"Grace"}}
		r.ID = "g"
		return old.Put(ctx, u, &r)
	}))
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		r, err := now.Get(ctx, u, "g")
		require.NoError(t, err)
		require.Equal(t, "Dr Grace", r.Name)
		r.Age = 30
		require.NoError(t, now.Put(ctx, u, &r))
		_, row, err := u.Load(ctx, itsm.Ref{Kind: "person", ID: "g"})
		require.NoError(t, err)
		require.Equal(t, 2, row.Layout)
		_, _, err = u.Load(ctx, itsm.Ref{Kind: "nothing", ID: "g"})
		require.ErrorIs(t, err, storage.ErrInvalid)
		return nil
	}))
	require.NoError(t, e.View(ctx, b.actor, func(ctx context.Context, r storage.Reader) error {
		log, err := e.History(ctx, r, storage.EventQuery{Kind: "person", Record: "g"})
		require.NoError(t, err)
		require.Len(t, log[1].Changes, 1)
		require.Equal(t, "age", log[1].Changes[0].Field)
		return nil
	}))
}

func createTwice(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{})
	runs := 0
	create := func() error {
		return e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
			runs++
			x := box{}
			x.ID = "b"
			return boxes.Put(ctx, u, &x)
		})
	}
	require.NoError(t, create())
	require.ErrorIs(t, create(), storage.ErrConflict)
	require.Equal(t, 3, runs, "once more, as it may be there by then, and no more")
}

type unregistered struct{}

func (unregistered) EventType() string { return "box.unregistered.v1" }

func payloads(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{})
	for _, data := range []itsm.Payload{&filled{}, unregistered{}, itsm.UnknownPayload{Type: "box.filled.v1"}} {
		err := e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
			x := box{}
			x.ID = "b"
			require.NoError(t, boxes.Put(ctx, u, &x))
			u.Emit(itsm.Event{Kind: "box", Record: "b", Data: data})
			return nil
		})
		require.ErrorIs(t, err, storage.ErrInvalid, "%T", data)
	}
	typo, err := engine.New(b.store, engine.Options{})
	require.NoError(t, err)
	require.NoError(t, typo.Use(engine.Module{Name: "typo", Subscribers: []engine.Subscriber{{Name: "s", Types: []string{"box.fild.v1"}, Deliver: func(context.Context, itsm.Event) error { return nil }}}}))
	require.ErrorIs(t, typo.Migrate(ctx), storage.ErrInvalid, "a subscriber to a type that nobody emits")
	_, err = typo.Tick(ctx, b.now)
	require.ErrorIs(t, err, storage.ErrInvalid)
	require.ErrorIs(t, typo.Use(engine.Module{Name: "long", Subscribers: []engine.Subscriber{{Name: strings.Repeat("x", 195), Deliver: func(context.Context, itsm.Event) error { return nil }}}}), storage.ErrInvalid)
}

func letterKeys(t *testing.T, b *bench) {
	ctx := context.Background()
	in := &inbox{fail: func(e itsm.Event) error {
		if e.Record == "x" {
			return errTest
		}
		return nil
	}}
	e := b.engine(t, engine.Options{JobAttempts: 1}, in.module())
	_, err := fill(ctx, e, b.actor, "x", 1, itsm.Command{})
	require.NoError(t, err)
	_, err = fill(ctx, e, b.actor, "x#1.0", 1, itsm.Command{})
	require.NoError(t, err)
	ran, err := e.Tick(ctx, b.now)
	require.NoError(t, err)
	require.Equal(t, engine.Ran{Delivered: 1, Dead: 1}, ran)
	require.Equal(t, []int64{1}, in.versions("x#1.0"))
}

func eventAttempts(t *testing.T, b *bench) {
	ctx := context.Background()
	tries := map[int64]int{}
	in := &inbox{fail: func(e itsm.Event) error {
		tries[e.Version]++
		if e.Version == 1 && tries[1] < 3 || e.Version == 2 {
			return errTest
		}
		return nil
	}}
	e := b.engine(t, engine.Options{JobAttempts: 3, Backoff: time.Second}, in.module())
	for range 3 {
		_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
		require.NoError(t, err)
	}
	for i := range 10 {
		_, err := e.Tick(ctx, b.now.Add(time.Duration(i)*time.Hour))
		require.NoError(t, err)
	}
	require.Equal(t, map[int64]int{1: 3, 2: 3, 3: 1}, tries)
	require.Equal(t, []int64{1, 3}, in.versions("b"))
}

func manyEvents(t *testing.T, b *bench) {
	ctx := context.Background()
	in := &inbox{}
	e := b.engine(t, engine.Options{}, in.module())
	const all = 250
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		x := box{}
		x.ID = "b"
		require.NoError(t, boxes.Put(ctx, u, &x))
		for i := range all {
			u.Emit(itsm.Event{Kind: "box", Record: "b", Data: filled{i}})
		}
		return nil
	}))
	ran, err := e.Tick(ctx, b.now)
	require.NoError(t, err)
	require.Equal(t, all, ran.Delivered)
	for i, ev := range in.got {
		require.Equal(t, filled{i}, ev.Data)
	}
	require.Empty(t, jobsOf(t, e, b.actor))
}

func readErrors(t *testing.T, b *bench) {
	ctx := context.Background()
	f := &faulty{Store: b.store}
	b.store = f
	e := b.engine(t, engine.Options{}, engine.Module{})
	_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
	require.NoError(t, err)
	runs := 0
	err = e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		runs++
		x := box{}
		x.ID, x.Version = "b", 1
		f.get = errTest
		return boxes.Put(ctx, u, &x)
	})
	f.get = nil
	require.ErrorIs(t, err, errTest)
	require.NotErrorIs(t, err, storage.ErrConflict)
	require.Equal(t, 1, runs)
	err = e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		x := box{}
		x.ID, x.Version = "gone", 1
		return boxes.Put(ctx, u, &x)
	})
	require.ErrorIs(t, err, storage.ErrConflict)
}

// faulty is a store that fails where a test wants it to.
type faulty struct {
	storage.Store
	get    error                     // of every Get in a unit
	commit func(n int64) (err error) // instead of the n-th commit, which does not happen then
	n      atomic.Int64
}

func (f *faulty) Update(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	return f.Store.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
		if err := fn(ctx, faultyTx{tx, f}); err != nil {
			return err
		}
		if f.commit != nil {
			return f.commit(f.n.Add(1))
		}
		return nil
	})
}

// Migrate makes a faulty store one that is migrated as the store in it.
func (f *faulty) Migrate(ctx context.Context, schemas ...*storage.Schema) error {
	if m, ok := f.Store.(storage.Migrator); ok {
		return m.Migrate(ctx, schemas...)
	}
	return nil
}

func (f *faulty) Plan(context.Context, ...*storage.Schema) ([]string, error) { return nil, nil }
func (f *faulty) Check(context.Context, ...*storage.Schema) error            { return nil }

type faultyTx struct {
	storage.Tx
	f *faulty
}

func (tx faultyTx) Get(ctx context.Context, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
	if tx.f.get != nil {
		return storage.Row{}, tx.f.get
	}
	return tx.Tx.Get(ctx, s, tenant, id)
}

// storeFaults: two commits of three fail for a reason that passes, in commands, jobs and
// deliveries; everything is done once all the same, and an unknown outcome is the caller's.
func storeFaults(t *testing.T, b *bench) {
	ctx := context.Background()
	f := &faulty{Store: b.store}
	f.commit = func(n int64) error {
		switch n % 3 {
		case 0:
			return nil
		case 1:
			return &storage.Error{Op: "commit", Err: storage.ErrRetry}
		}
		return &storage.Error{Op: "put", Table: "box", ID: "b", Err: storage.ErrConflict}
	}
	b.store = f
	in := &inbox{}
	m := in.module("box.filled.v1")
	m.Jobs = []engine.JobHandler{engine.OnDue("box.fill", func(ctx context.Context, u *engine.Unit, _ engine.Due, by int) error {
		_, err := fillIn(ctx, u, "b", by)
		return err
	})}
	e := b.engine(t, engine.Options{}, m)
	for range 4 {
		_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
		require.NoError(t, err)
	}
	schedule(t, b, e, engine.Task{Kind: "box.fill", Key: "k", Due: b.now, Payload: 10})
	at := b.now
	for range 10 { // a delivery whose completion met a conflict is made again when its claim ends
		_, err := e.Tick(ctx, at)
		require.NoError(t, err)
		at = at.Add(time.Hour)
	}
	x, err := read(t, e, b.actor, "b")
	require.NoError(t, err)
	require.Equal(t, 14, x.Count)
	seen := map[int64]bool{}
	for _, v := range in.versions("b") {
		seen[v] = true
	}
	require.Len(t, seen, 5, "no event is lost: %v", in.versions("b"))
	require.Empty(t, jobsOf(t, e, b.actor))

	runs := 0
	f.commit = func(int64) error { return &storage.Error{Op: "commit", Err: storage.ErrUnknownOutcome} }
	err = e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		runs++
		_, err := fillIn(ctx, u, "b", 1)
		return err
	})
	require.ErrorIs(t, err, storage.ErrUnknownOutcome)
	require.Equal(t, 1, runs, "what may have happened is not done again")
	f.commit = func(int64) error { return storage.ErrRetry }
	runs = 0
	once := b.engine(t, engine.Options{Attempts: 3}, engine.Module{})
	err = once.Update(ctx, b.actor, func(context.Context, *engine.Unit) error { runs++; return nil })
	require.ErrorIs(t, err, storage.ErrRetry)
	require.Equal(t, 3, runs)
	f.commit = nil
}

// plate is a record of which no two have the same name.
type plate struct{ plateHead }

type plateHead struct {
	storage.Meta
	Name string
}

var (
	byPlate = storage.Col("name", func(h *plateHead) *string { return &h.Name })
	plates  = storage.Define("plate", storage.Def[plate, plateHead, struct{}]{
		Parts:   func(p *plate) (*plateHead, *struct{}) { return &p.plateHead, &struct{}{} },
		Columns: []storage.ColumnOf[plateHead]{byPlate}, Indexes: []storage.Index{storage.UniqueOn(byPlate.Asc())},
	})
)

func uniqueTaken(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{Name: "plates", Tables: []*storage.Schema{plates.Schema()}})
	runs := 0
	create := func() error {
		return e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
			runs++
			p := plate{plateHead{Name: "ITSM 1"}}
			p.ID = u.NewID()
			return plates.Put(ctx, u, &p)
		})
	}
	require.NoError(t, create())
	var taken *storage.TakenError
	require.ErrorAs(t, create(), &taken)
	require.Equal(t, []string{"name"}, taken.Columns)
	require.Equal(t, 2, runs, "trying again does not help")
}
