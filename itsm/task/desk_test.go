package task_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/tasksuite"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// desk is the practice over a store in memory, with a clock that stands until moved and a host's own
// record as the parent.
type desk struct {
	*task.Practice
	t    testing.TB
	e    *engine.Engine
	host *tasksuite.Host
	now  time.Time
}

func openDesk(t testing.TB, o task.Options, more engine.Options) *desk {
	t.Helper()
	d := &desk{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	var err error
	more.Clock = func() time.Time { return d.now }
	d.e, err = engine.New(memory.New(), more)
	require.NoError(t, err)
	d.host, err = tasksuite.NewHost(d.e)
	require.NoError(t, err)
	d.Practice, err = task.New(d.e, o)
	require.NoError(t, err)
	require.NoError(t, d.e.Migrate(t.Context()))
	return d
}

var (
	mona = itsm.Actor{Tenant: "acme", ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleChangeManager}}
	sam  = itsm.Actor{Tenant: "acme", ID: "sam", Name: "Sam", Roles: []itsm.RoleName{itsm.RoleSupportSpecialist}, Groups: []itsm.ID{"ops"}}
	ivy  = itsm.Actor{Tenant: "acme", ID: "ivy", Name: "Ivy", Roles: []itsm.RoleName{itsm.RoleChangeImplementer}, Groups: []itsm.ID{"network"}}
	rita = itsm.Actor{Tenant: "acme", ID: "rita", Name: "Rita", Roles: []itsm.RoleName{itsm.RoleRequester}}
)

// order gives a parent.
func (d *desk) order() itsm.Ref {
	d.t.Helper()
	ref, err := d.host.Open(d.t.Context(), mona, "")
	require.NoError(d.t, err)
	return ref
}

func (d *desk) add(parent itsm.Ref, p task.Plan) task.Graph {
	d.t.Helper()
	g, err := d.Add(d.t.Context(), mona, parent, p)
	require.NoError(d.t, err)
	return g
}

func (d *desk) get(id itsm.ID) task.Task {
	d.t.Helper()
	t, err := d.Get(d.t.Context(), mona, id)
	require.NoError(d.t, err)
	return t
}

// last gives the last event of a task.
func (d *desk) last(id itsm.ID) itsm.Event {
	d.t.Helper()
	events, err := d.History(d.t.Context(), mona, id)
	require.NoError(d.t, err)
	return events[len(events)-1]
}

// snapshot is all that the tenant has stored: to see that nothing changed.
type snapshot struct {
	Tasks  []task.Task
	Events []storage.Event
	Jobs   []storage.Job
}

func (d *desk) snapshot() snapshot {
	d.t.Helper()
	var s snapshot
	require.NoError(d.t, d.e.View(d.t.Context(), mona, func(ctx context.Context, r storage.Reader) error {
		tasks, err := d.Table().Records(ctx, r, storage.Query[task.Head]{Limit: storage.MaxPage})
		require.NoError(d.t, err)
		s.Tasks = tasks.Items
		if s.Events, err = r.Events(ctx, storage.EventQuery{Limit: storage.MaxLimit}); err != nil {
			return err
		}
		s.Jobs, err = r.Jobs(ctx, storage.JobQuery{Limit: storage.MaxLimit})
		return err
	}))
	return s
}

// faults gives the fields of a validation error, in order.
func faults(t testing.TB, err error) []string {
	t.Helper()
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid, "%v", err)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	var fields []string
	for _, f := range invalid.Faults {
		fields = append(fields, f.Field)
	}
	return fields
}

func ptr[T any](v T) *T { return &v }

func because(reason string) itsm.Command { return itsm.Command{Reason: reason} }
