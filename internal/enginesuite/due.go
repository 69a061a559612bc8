package enginesuite

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// inbox is a subscriber's memory.
type inbox struct {
	mu   sync.Mutex
	got  []itsm.Event
	fail func(itsm.Event) error
}

func (i *inbox) deliver(_ context.Context, e itsm.Event) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fail != nil {
		if err := i.fail(e); err != nil {
			return err
		}
	}
	i.got = append(i.got, e)
	return nil
}

func (i *inbox) versions(id storage.ID) (vs []int64) {
	for _, e := range i.got {
		if e.Record == id {
			vs = append(vs, e.Version)
		}
	}
	return vs
}

func (i *inbox) module(types ...string) engine.Module {
	return engine.Module{Subscribers: []engine.Subscriber{{Name: "inbox", Types: types, Deliver: i.deliver}}}
}

func deliveryOrder(t *testing.T, b *bench) {
	ctx := context.Background()
	in := &inbox{}
	e := b.engine(t, engine.Options{}, in.module("box.filled.v1"))
	for i := range 3 {
		for _, id := range []storage.ID{"b", "c"} {
			_, err := fill(ctx, e, b.actor, id, i+1, itsm.Command{})
			require.NoError(t, err)
		}
	}
	require.Empty(t, in.got, "nothing is delivered before a tick")
	ran, err := e.Tick(ctx, b.now)
	require.NoError(t, err)
	require.Equal(t, engine.Ran{Delivered: 6}, ran)
	require.Equal(t, []int64{1, 2, 3}, in.versions("b"))
	require.Equal(t, []int64{1, 2, 3}, in.versions("c"))
	require.Equal(t, filled{3}, in.got[len(in.got)-1].Data)
	require.Equal(t, storage.Tenant("acme"), in.got[0].Tenant)
	require.Empty(t, jobsOf(t, e, b.actor))
	ran, err = e.Tick(ctx, b.now)
	require.NoError(t, err)
	require.Zero(t, ran)

	// Other types are not told.
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		x, err := boxes.Get(ctx, u, "b")
		require.NoError(t, err)
		require.NoError(t, boxes.Put(ctx, u, &x))
		u.Emit(itsm.Event{Kind: "box", Record: "b", Data: emptied{}})
		return nil
	}))
	require.Empty(t, jobsOf(t, e, b.actor))
	_, err = fill(ctx, e, b.actor, "b", 1, itsm.Command{})
	require.NoError(t, err)
	_, err = e.Tick(ctx, b.now)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2, 3, 5}, in.versions("b"))
}

func deliveryKinds(t *testing.T, b *bench) {
	ctx := context.Background()
	none, some := &inbox{}, &inbox{}
	e := b.engine(t, engine.Options{}, engine.Module{Subscribers: []engine.Subscriber{
		{Name: "none", Kinds: []string{"crate"}, Deliver: none.deliver},
		{Name: "some", Kinds: []string{"crate", "box"}, Types: []string{"box.emptied.v1"}, Deliver: some.deliver},
	}})
	_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
	require.NoError(t, err)
	require.Empty(t, jobsOf(t, e, b.actor), "nobody wants it")
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		x, err := boxes.Get(ctx, u, "b")
		require.NoError(t, err)
		require.NoError(t, boxes.Put(ctx, u, &x))
		u.Emit(itsm.Event{Kind: "box", Record: "b", Data: emptied{}})
		return nil
	}))
	ran, err := e.Tick(ctx, b.now)
	require.NoError(t, err)
	require.Equal(t, engine.Ran{Delivered: 1}, ran)
	require.Empty(t, none.got)
	require.Equal(t, []int64{2}, some.versions("b"))
}

func deadLetters(t *testing.T, b *bench) {
	ctx := context.Background()
	in := &inbox{fail: func(e itsm.Event) error {
		if e.Record == "b" && e.Version == 2 {
			return errTest
		}
		return nil
	}}
	e := b.engine(t, engine.Options{JobAttempts: 3, Backoff: time.Minute}, in.module())
	for range 3 {
		_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
		require.NoError(t, err)
	}
	ran, err := e.Tick(ctx, b.now)
	require.NoError(t, err)
	require.Equal(t, engine.Ran{Delivered: 1, Failed: 1}, ran)
	require.Equal(t, []int64{1}, in.versions("b"), "later events wait")
	ran, err = e.Tick(ctx, b.now.Add(59*time.Second))
	require.NoError(t, err)
	require.Zero(t, ran, "the back-off is not over")
	total := engine.Ran{}
	at := b.now
	for range 20 {
		at = at.Add(10 * time.Minute)
		ran, err := e.Tick(ctx, at)
		require.NoError(t, err)
		total.Delivered += ran.Delivered
		total.Failed += ran.Failed
		total.Dead += ran.Dead
	}
	require.Equal(t, 1, total.Dead)
	require.GreaterOrEqual(t, total.Failed, 1)
	require.Equal(t, []int64{1, 3}, in.versions("b"), "a dead letter lets later events pass")
	letters, err := e.DeadLetters(ctx, b.actor, storage.Job{}, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Contains(t, letters[0].Error, "refused by the test")
	require.Equal(t, "inbox", letters[0].Subscriber)
	require.Equal(t, storage.EventPosition{Tenant: b.actor.Tenant, Kind: "box", Record: "b", Version: 2}, letters[0].Event)

	_, err = e.DeadLetters(ctx, itsm.Actor{Tenant: "acme", ID: "nobody"}, storage.Job{}, 10)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	bolt := b.actor
	bolt.Tenant = "bolt"
	require.ErrorIs(t, e.RetryDeadLetter(ctx, bolt, letters[0].Kind, letters[0].Key), storage.ErrNotFound)

	// Tried again while it still fails, it is dead again; once mended, it is delivered alone.
	require.NoError(t, e.RetryDeadLetter(ctx, b.actor, letters[0].Kind, letters[0].Key))
	for range 20 {
		at = at.Add(10 * time.Minute)
		_, err := e.Tick(ctx, at)
		require.NoError(t, err)
	}
	letters, err = e.DeadLetters(ctx, b.actor, storage.Job{}, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	in.fail = nil
	require.NoError(t, e.RetryDeadLetter(ctx, b.actor, letters[0].Kind, letters[0].Key))
	_, err = e.Tick(ctx, at)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 3, 2}, in.versions("b"))
	require.Empty(t, jobsOf(t, e, b.actor))
	require.ErrorIs(t, e.DropDeadLetter(ctx, b.actor, letters[0].Kind, letters[0].Key), storage.ErrNotFound)
}

func deliveryAfterDeath(t *testing.T, b *bench) {
	ctx := context.Background()
	died := &inbox{}
	e := b.engine(t, engine.Options{}, died.module())
	for range 2 {
		_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
		require.NoError(t, err)
	}
	// The first process claims and dies before it delivers.
	_, err := b.store.Claim(ctx, storage.Claim{Now: b.now, Lease: time.Minute, Limit: 10})
	require.NoError(t, err)
	in := &inbox{}
	second := b.engine(t, engine.Options{}, in.module())
	ran, err := second.Tick(ctx, b.now.Add(30*time.Second))
	require.NoError(t, err)
	require.Zero(t, ran.Delivered, "the lease still runs")
	_, err = second.Tick(ctx, b.now.Add(2*time.Minute))
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2}, in.versions("b"))
}

func eventDuringDelivery(t *testing.T, b *bench) {
	ctx := context.Background()
	in := &inbox{}
	var e *engine.Engine
	once := false
	in.fail = func(itsm.Event) error {
		if !once {
			once = true
			_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
			require.NoError(t, err)
		}
		return nil
	}
	e = b.engine(t, engine.Options{}, in.module())
	_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
	require.NoError(t, err)
	_, err = e.Tick(ctx, b.now)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2}, in.versions("b"))
	require.Empty(t, jobsOf(t, e, b.actor))
}

func deliveryLease(t *testing.T, b *bench) {
	ctx := context.Background()
	in := &inbox{}
	e := b.engine(t, engine.Options{}, in.module())
	_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
	require.NoError(t, err)
	claimed, err := b.store.Claim(ctx, storage.Claim{Now: b.now, Lease: time.Minute, Limit: 1})
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	_, err = e.Tick(ctx, b.now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, []int64{1}, in.versions("b"))
	err = b.store.Update(ctx, "acme", func(ctx context.Context, tx storage.Tx) error {
		return tx.Finish(ctx, claimed[0], storage.Outcome{Done: true})
	})
	require.ErrorIs(t, err, storage.ErrConflict, "the late worker cannot finish")
}

func jobs(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{Jobs: []engine.JobHandler{
		engine.OnDue("box.fill", func(ctx context.Context, u *engine.Unit, due engine.Due, by int) error {
			require.Equal(t, "k", due.Key)
			require.Equal(t, 1, due.Attempt)
			require.True(t, u.Actor().System)
			_, err := fillIn(ctx, u, "b", by)
			return err
		}),
	}})
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		return u.Schedule(ctx, engine.Task{Kind: "box.fill", Key: "k", Due: b.now.Add(time.Hour), Payload: 4})
	}))
	ran, err := e.Tick(ctx, b.now.Add(time.Hour-time.Microsecond))
	require.NoError(t, err)
	require.Zero(t, ran)
	ran, err = e.Tick(ctx, b.now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, engine.Ran{Jobs: 1}, ran)
	x, err := read(t, e, b.actor, "b")
	require.NoError(t, err)
	require.Equal(t, 4, x.Count)
	require.Equal(t, b.now.Add(time.Hour), x.Updated, "a job runs at the tick's instant")
	require.Equal(t, itsm.ID("system:box.fill"), events(t, e, b.actor, "b")[0].Actor)
	require.Empty(t, jobsOf(t, e, b.actor))
}

func failingJob(t *testing.T, b *bench) {
	ctx := context.Background()
	var at []time.Duration
	e := b.engine(t, engine.Options{JobAttempts: 4, Backoff: time.Minute}, engine.Module{Jobs: []engine.JobHandler{
		engine.OnDue("box.fail", func(ctx context.Context, u *engine.Unit, _ engine.Due, _ struct{}) error {
			at = append(at, u.Now().Sub(b.now))
			if _, err := fillIn(ctx, u, "b", 1); err != nil {
				return err
			}
			if len(at) == 2 {
				panic("in the middle")
			}
			return errTest
		}),
	}})
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		return u.Schedule(ctx, engine.Task{Kind: "box.fail", Key: "k", Due: b.now})
	}))
	dead := 0
	for minute := range 30 {
		ran, err := e.Tick(ctx, b.now.Add(time.Duration(minute)*time.Minute))
		require.NoError(t, err)
		dead += ran.Dead
	}
	require.Equal(t, []time.Duration{0, time.Minute, 3 * time.Minute, 7 * time.Minute}, at)
	require.Equal(t, 1, dead)
	_, err := read(t, e, b.actor, "b")
	require.ErrorIs(t, err, storage.ErrNotFound, "a failed attempt leaves nothing")
	letters, err := e.DeadLetters(ctx, b.actor, storage.Job{}, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, 4, letters[0].Attempts)
	require.NoError(t, e.DropDeadLetter(ctx, b.actor, "box.fail", "k"))
	require.Empty(t, jobsOf(t, e, b.actor))
}

func cancelledJob(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{Jobs: []engine.JobHandler{
		engine.OnDue("box.fill", func(ctx context.Context, u *engine.Unit, _ engine.Due, _ struct{}) error {
			_, err := fillIn(ctx, u, "b", 1)
			return err
		}),
	}})
	schedule := func() {
		require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
			return u.Schedule(ctx, engine.Task{Kind: "box.fill", Key: "k", Due: b.now})
		}))
	}
	schedule()
	claimed, err := b.store.Claim(ctx, storage.Claim{Now: b.now, Lease: time.Minute, Limit: 1})
	require.NoError(t, err)
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		return u.Cancel(ctx, "box.fill", "k")
	}))
	err = b.store.Update(ctx, "acme", func(ctx context.Context, tx storage.Tx) error {
		return tx.Finish(ctx, claimed[0], storage.Outcome{Done: true})
	})
	require.ErrorIs(t, err, storage.ErrConflict)
	ran, err := e.Tick(ctx, b.now.Add(time.Hour))
	require.NoError(t, err)
	require.Zero(t, ran)
	_, err = read(t, e, b.actor, "b")
	require.ErrorIs(t, err, storage.ErrNotFound)
}

func recurringJob(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{Jobs: []engine.JobHandler{
		engine.OnDue("box.daily", func(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
			if _, err := fillIn(ctx, u, "b", 1); err != nil {
				return err
			}
			return u.Schedule(ctx, engine.Task{Kind: "box.daily", Key: due.Key, Due: due.At.AddDate(0, 0, 1)})
		}),
	}})
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		return u.Schedule(ctx, engine.Task{Kind: "box.daily", Key: "k", Due: b.now})
	}))
	ran, err := e.Tick(ctx, b.now.AddDate(0, 0, 29))
	require.NoError(t, err)
	require.Equal(t, 30, ran.Jobs, "a month in one tick")
	x, err := read(t, e, b.actor, "b")
	require.NoError(t, err)
	require.Equal(t, 30, x.Count)
}

func subjects(t *testing.T, b *bench) {
	ctx := context.Background()
	var order []string
	e := b.engine(t, engine.Options{}, engine.Module{Jobs: []engine.JobHandler{
		engine.OnDue("box.step", func(_ context.Context, _ *engine.Unit, due engine.Due, _ struct{}) error {
			order = append(order, due.Key)
			return nil
		}),
	}})
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		for _, i := range []int{3, 1, 4, 2, 5} {
			if err := u.Schedule(ctx, engine.Task{Kind: "box.step", Key: fmt.Sprint(i), Subject: "box/b", Due: b.now.Add(time.Duration(i) * time.Second)}); err != nil {
				return err
			}
		}
		return nil
	}))
	_, err := e.Tick(ctx, b.now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, []string{"1", "2", "3", "4", "5"}, order)
}

func tickLimit(t *testing.T, b *bench) {
	ctx := context.Background()
	n := 0
	e := b.engine(t, engine.Options{TickLimit: 7}, engine.Module{Jobs: []engine.JobHandler{
		engine.OnDue("box.again", func(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
			n++
			return u.Schedule(ctx, engine.Task{Kind: "box.again", Key: due.Key, Due: due.At})
		}),
	}})
	require.NoError(t, e.Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		return u.Schedule(ctx, engine.Task{Kind: "box.again", Key: "k", Due: b.now})
	}))
	ran, err := e.Tick(ctx, b.now)
	require.NoError(t, err)
	require.Equal(t, engine.Ran{Jobs: 7, More: true}, ran)
	require.Equal(t, 7, n)

	// Run goes on until its context ends, and says so.
	stopping, cancel := context.WithCancel(ctx)
	runs := 0
	err = e.Run(stopping, func(ran engine.Ran, err error) {
		if runs++; runs == 3 {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.GreaterOrEqual(t, n, 7*3)
}

func concurrentTicks(t *testing.T, b *bench) {
	ctx := context.Background()
	var ran atomic.Int32
	done := make(chan string, 1000)
	handler := engine.OnDue("box.once", func(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
		done <- due.Key
		ran.Add(1)
		_, err := fillIn(ctx, u, storage.ID("b"+due.Key), 1)
		return err
	})
	engines := make([]*engine.Engine, 4)
	for i := range engines {
		engines[i] = b.engine(t, engine.Options{}, engine.Module{Jobs: []engine.JobHandler{handler}})
	}
	const all = 60
	require.NoError(t, engines[0].Update(ctx, b.actor, func(ctx context.Context, u *engine.Unit) error {
		for i := range all {
			if err := u.Schedule(ctx, engine.Task{Kind: "box.once", Key: fmt.Sprint(i), Subject: fmt.Sprint(i % 7), Due: b.now}); err != nil {
				return err
			}
		}
		return nil
	}))
	var wg sync.WaitGroup
	for _, e := range engines {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 40 {
				if _, err := e.Tick(ctx, b.now); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	_, err := engines[0].Tick(ctx, b.now)
	require.NoError(t, err)
	close(done)
	var keys []string
	for k := range done {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	require.Len(t, slices.Compact(keys), all)
	for i := range all {
		x, err := read(t, engines[0], b.actor, storage.ID(fmt.Sprintf("b%d", i)))
		require.NoError(t, err)
		require.Equal(t, 1, x.Count, "one effect for each job")
	}
	require.Empty(t, jobsOf(t, engines[0], b.actor))
}

// behind: one of two subscribers fails for a while. The other is told at once of what comes, and
// none of them of anything twice.
func behind(t *testing.T, b *bench) {
	ctx := context.Background()
	in, late := &inbox{}, &inbox{fail: func(itsm.Event) error { return errTest }}
	e := b.engine(t, engine.Options{Backoff: time.Minute}, engine.Module{Subscribers: []engine.Subscriber{
		{Name: "late", Deliver: late.deliver}, {Name: "inbox", Deliver: in.deliver},
	}})
	tick := func(after time.Duration) engine.Ran {
		ran, err := e.Tick(ctx, b.now.Add(after))
		require.NoError(t, err)
		return ran
	}
	again := func() {
		_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{})
		require.NoError(t, err)
	}
	again()
	require.Len(t, jobsOf(t, e, b.actor), 1, "however many are told")
	require.Equal(t, engine.Ran{Delivered: 1, Failed: 1}, tick(0))
	again()
	require.Equal(t, engine.Ran{Delivered: 1}, tick(time.Second), "the one that failed waits")
	require.Equal(t, []int64{1, 2}, in.versions("b"))
	late.fail = nil
	again()
	require.Equal(t, engine.Ran{Delivered: 4}, tick(2*time.Minute))
	require.Equal(t, []int64{1, 2, 3}, in.versions("b"))
	require.Equal(t, []int64{1, 2, 3}, late.versions("b"))
	again()
	require.Equal(t, engine.Ran{Delivered: 2}, tick(2*time.Minute), "it is with the others again")
	require.Empty(t, jobsOf(t, e, b.actor))
}

// deliveryModel: commands, ticks and failures in any order, also while something is delivered.
func deliveryModel(t *testing.T, b *bench) {
	ctx := context.Background()
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		record := func(n int) storage.ID { return storage.ID(fmt.Sprintf("m%d.%d", round, n)) }
		failing := make([]bool, 3)
		inboxes := make([]*inbox, 3)
		var e *engine.Engine
		depth := 0
		act := func() {
			_, err := fill(ctx, e, b.actor, record(rapid.IntRange(0, 1).Draw(rt, "record")), 1, itsm.Command{})
			require.NoError(rt, err)
		}
		m := engine.Module{}
		for n := range inboxes {
			inboxes[n] = &inbox{}
			m.Subscribers = append(m.Subscribers, engine.Subscriber{Name: fmt.Sprint(n), Deliver: func(ctx context.Context, ev itsm.Event) error {
				if failing[n] {
					return errTest
				}
				if depth == 0 {
					depth++
					switch rapid.IntRange(0, 5).Draw(rt, "meanwhile") {
					case 0:
						act()
					case 1: // another worker
						_, err := e.Tick(ctx, b.now)
						require.NoError(rt, err)
					}
					depth--
				}
				return inboxes[n].deliver(ctx, ev)
			}})
		}
		e = b.engine(t, engine.Options{Clock: func() time.Time { return b.now }, JobAttempts: 1000, Backoff: time.Second}, m)
		tick := func() {
			_, err := e.Tick(ctx, b.now)
			require.NoError(rt, err)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"command": func(*rapid.T) { act() },
			"tick":    func(*rapid.T) { tick() },
			"wait":    func(*rapid.T) { b.now = b.now.Add(time.Minute) },
			"fail":    func(t *rapid.T) { n := rapid.IntRange(0, 2).Draw(t, "who"); failing[n] = !failing[n] },
		})
		clear(failing)
		for range 20 {
			b.now = b.now.Add(24 * time.Hour)
			tick()
		}
		for n := range 2 {
			x, err := read(t, e, b.actor, record(n))
			if err != nil {
				continue // no command was about it
			}
			var all []int64
			for v := range x.Version {
				all = append(all, v+1)
			}
			for k, in := range inboxes {
				require.Equal(rt, all, in.versions(record(n)), "subscriber %d", k)
			}
		}
	})
}
