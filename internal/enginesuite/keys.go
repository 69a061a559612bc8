package enginesuite

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// keysOf counts the keys that a tenant's commands are known by.
func keysOf(t *testing.T, b *bench, e *engine.Engine, tenant storage.Tenant) int64 {
	t.Helper()
	var n int64
	for _, s := range e.Schemas() {
		if s.Name() != "command" {
			continue
		}
		require.NoError(t, b.store.View(context.Background(), []storage.Tenant{tenant}, func(ctx context.Context, r storage.Reader) error {
			groups, err := r.Count(ctx, s, storage.Condition{}, nil)
			require.NoError(t, err)
			n = groups[0].Count
			return nil
		}))
	}
	return n
}

func oldKeys(t *testing.T, b *bench) {
	ctx := context.Background()
	now := b.now
	o := engine.Options{Clock: func() time.Time { return now }, KeyRetention: 24 * time.Hour}
	e := b.engine(t, o, engine.Module{})
	_, err := fill(ctx, e, b.actor, "b", 2, itsm.Command{Key: "once"})
	require.NoError(t, err)
	now = b.now.Add(24*time.Hour - time.Microsecond)
	got, err := fill(ctx, e, b.actor, "b", 2, itsm.Command{Key: "once"})
	require.NoError(t, err)
	require.Equal(t, 2, got.Count, "it is known to the last moment")
	_, err = fill(ctx, e, b.actor, "b", 3, itsm.Command{Key: "once"})
	require.ErrorIs(t, err, storage.ErrInvalid)

	now = b.now.Add(24 * time.Hour)
	got, err = fill(ctx, e, b.actor, "b", 3, itsm.Command{Key: "once"})
	require.NoError(t, err)
	require.Equal(t, 5, got.Count, "afterwards it is a new command, whether it was removed or not")
	got, err = fill(ctx, e, b.actor, "b", 3, itsm.Command{Key: "once"})
	require.NoError(t, err)
	require.Equal(t, 5, got.Count, "which is known by the key in its turn")
	require.EqualValues(t, 1, keysOf(t, b, e, "acme"))

	// Sixteen at once that find the old key are one command too.
	now = now.Add(24 * time.Hour)
	var wg sync.WaitGroup
	for range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			got, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{Key: "once"})
			if err != nil || got.Count != 6 {
				t.Error(got.Count, err)
			}
		}()
	}
	wg.Wait()

	// Where the options say nothing, a week.
	e = b.engine(t, engine.Options{Clock: o.Clock}, engine.Module{})
	_, err = fill(ctx, e, b.actor, "c", 1, itsm.Command{Key: "weekly"})
	require.NoError(t, err)
	now = now.Add(engine.DefaultKeyRetention - time.Microsecond)
	got, err = fill(ctx, e, b.actor, "c", 1, itsm.Command{Key: "weekly"})
	require.NoError(t, err)
	require.Equal(t, 1, got.Count)
	now = now.Add(time.Microsecond)
	got, err = fill(ctx, e, b.actor, "c", 1, itsm.Command{Key: "weekly"})
	require.NoError(t, err)
	require.Equal(t, 2, got.Count)
}

func forgottenKeys(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{KeyRetention: 24 * time.Hour}, engine.Module{})
	bolt := b.actor
	bolt.Tenant = "bolt"
	const many = 250 // more than a unit removes
	for n := range many {
		_, err := fill(ctx, e, b.actor, "b", 1, itsm.Command{Key: fmt.Sprint(n)})
		require.NoError(t, err)
	}
	_, err := fill(ctx, e, bolt, "b", 1, itsm.Command{Key: "other"})
	require.NoError(t, err)
	ran, err := e.Tick(ctx, b.now.Add(24*time.Hour-time.Microsecond))
	require.NoError(t, err)
	require.Zero(t, ran, "they are kept for a day")

	// The next look is a while later: an idle tick asks nothing. Each removes a part of a tenant's.
	total, ticks := 0, 0
	for more := true; more; ticks++ {
		ran, err = e.Tick(ctx, b.now.Add(48*time.Hour))
		require.NoError(t, err)
		total += ran.Keys
		require.LessOrEqual(t, ran.Keys, 101)
		more = ran.More
	}
	require.Equal(t, many+1, total)
	require.Equal(t, 3, ticks)
	require.Zero(t, keysOf(t, b, e, "acme"))
	require.Zero(t, keysOf(t, b, e, "bolt"))
	require.Len(t, events(t, e, b.actor, "b"), many, "what the commands did stays")

	// A process that only ticks knows a tenant by its jobs.
	_, err = fill(ctx, e, b.actor, "b", 1, itsm.Command{Key: "again"})
	require.NoError(t, err)
	worker := b.engine(t, engine.Options{KeyRetention: 24 * time.Hour}, engine.Module{Jobs: []engine.JobHandler{
		engine.OnDue("box.due", func(context.Context, *engine.Unit, engine.Due, struct{}) error { return nil }),
	}})
	ran, err = worker.Tick(ctx, b.now.Add(96*time.Hour))
	require.NoError(t, err)
	require.Zero(t, ran)
	schedule(t, b, worker, engine.Task{Kind: "box.due", Key: "k", Due: b.now})
	ran, err = worker.Tick(ctx, b.now.Add(96*time.Hour))
	require.NoError(t, err)
	require.Equal(t, engine.Ran{Jobs: 1, Keys: 1}, ran)
}

// faultyCommands: what is wrong with the command is told with all else, and nothing is changed
// where a practice did not ask.
func faultyCommands(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{})
	bad := itsm.Command{Key: "a\x00b", IfVersion: -1, Reason: "\xff"}
	_, err := fill(ctx, e, b.actor, "b", 1, bad)
	var v *itsm.ValidationError
	require.ErrorAs(t, err, &v)
	require.Len(t, v.Faults, 3)
	_, err = read(t, e, b.actor, "b")
	require.ErrorIs(t, err, storage.ErrNotFound)

	call := engine.Call{Name: "box.fill", Actor: b.actor, Command: bad, Target: "b"}
	_, err = engine.Execute(ctx, e, boxes, call, func(context.Context, *engine.Unit) (box, error) {
		var f itsm.Faults
		f.Merge("", call.Validate())
		f.Add("by", "must not be 0")
		return box{}, f.Err("box")
	}, nil)
	require.ErrorAs(t, err, &v)
	require.Equal(t, "box", v.Subject)
	require.Len(t, v.Faults, 4)

	// Who may not know of the record learns nothing, not even that the command is wrong.
	_, err = engine.Execute(ctx, e, boxes, call, func(context.Context, *engine.Unit) (box, error) {
		return box{}, storage.ErrNotFound
	}, nil)
	require.ErrorIs(t, err, storage.ErrNotFound)
	require.Zero(t, keysOf(t, b, e, "acme"))
}

func jobsWithoutHandler(t *testing.T, b *bench) {
	ctx := context.Background()
	nothing := func(context.Context, *engine.Unit, engine.Due, struct{}) error { return nil }
	in := &inbox{}
	m := in.module()
	for _, kind := range []string{"box.gone", "box.go", "box.kept"} {
		m.Jobs = append(m.Jobs, engine.OnDue(kind, nothing))
	}
	old := b.engine(t, engine.Options{}, m)
	for _, tenant := range []storage.Tenant{"acme", "bolt"} {
		actor := b.actor
		actor.Tenant = tenant
		_, err := fill(ctx, old, actor, "b", 1, itsm.Command{})
		require.NoError(t, err)
	}
	for _, task := range []engine.Task{{Kind: "box.gone", Key: "1"}, {Kind: "box.gone", Key: "2"}, {Kind: "box.kept", Key: "1"}, {Kind: "box.go", Key: "x"}} {
		task.Due = b.now.Add(time.Hour)
		schedule(t, b, old, task)
	}
	require.NoError(t, old.Check(ctx, "acme", "bolt"))

	later := b.engine(t, engine.Options{}, engine.Module{Jobs: []engine.JobHandler{engine.OnDue("box.kept", nothing)}})
	require.NoError(t, later.Check(ctx), "without a tenant it looks at no one's jobs")
	err := later.Check(ctx, "acme", "bolt", "cog")
	var v *itsm.ValidationError
	require.ErrorAs(t, err, &v)
	require.Equal(t, []itsm.Fault{
		{Field: "jobs.box.go", Problem: "has no handler: 1 in tenant acme never run"},
		{Field: "jobs.box.gone", Problem: "has no handler: 2 in tenant acme never run"},
		{Field: "jobs.deliver", Problem: "has no handler: 1 in tenant acme never run"},
		{Field: "jobs.deliver", Problem: "has no handler: 1 in tenant bolt never run"},
	}, v.Faults)
	require.Len(t, jobsOf(t, later, b.actor), 5, "it changes nothing")
	require.ErrorIs(t, later.Check(ctx, ""), storage.ErrInvalid)
}

func manyJobsWithoutHandler(t *testing.T, b *bench) {
	ctx := context.Background()
	e := b.engine(t, engine.Options{}, engine.Module{})
	require.NoError(t, b.store.Update(ctx, "acme", func(ctx context.Context, tx storage.Tx) error {
		var jobs []storage.Job
		for n := range 120 {
			jobs = append(jobs, storage.Job{Kind: "gone", Key: fmt.Sprint(n), Due: b.now})
		}
		return tx.Enqueue(ctx, jobs...)
	}))
	require.EqualError(t, e.Check(ctx, "acme"), "engine: invalid: jobs.gone has no handler: 100 or more in tenant acme never run")
}
