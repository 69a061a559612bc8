package enginetest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// Tasks of an incident block its resolution, end with it, and are seen by those alone who may read it.
func TestTasksOfAnIncident(t *testing.T) {
	ctx := context.Background()
	desk, err := itsmengine.New(memory.New(), itsmengine.Options{})
	require.NoError(t, err)
	var incidents *itsmincident.Practice
	tasks, err := task.New(desk, task.Options{MayRead: func(ctx context.Context, _ storage.Reader, actor itsm.Actor, ref itsm.Ref) error {
		_, err := incidents.Get(ctx, actor, ref.ID)
		return err
	}})
	require.NoError(t, err)
	incidents, err = itsmincident.New(desk, itsmincident.Options{Blockers: task.Blockers[itsmincident.Incident](tasks, task.BlockMandatory)})
	require.NoError(t, err)
	require.NoError(t, desk.Migrate(ctx))
	mona := itsm.Actor{Tenant: "shop", ID: "mona", Roles: []itsm.RoleName{itsm.RoleIncidentManager}}
	ana := itsm.Actor{Tenant: "shop", ID: "ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}, Groups: []itsm.ID{"desk"}}
	i, err := incidents.Log(ctx, mona, itsmincident.Report{Title: "Order lost", Requester: "rosa"})
	require.NoError(t, err)
	one, err := tasks.AddTask(ctx, mona, i.Ref(), task.Addition{Item: task.Item{Title: "Look in the backup", Group: "desk"}})
	require.NoError(t, err)
	_, err = tasks.Accept(ctx, ana, one.ID, itsm.Command{})
	require.NoError(t, err)

	resolution := itsmincident.Resolution{Code: itsmincident.CodeFixed, Notes: "Restored"}
	_, err = incidents.Resolve(ctx, mona, i.ID, resolution)
	var refused *itsm.TransitionError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []string{"open tasks: 1"}, refused.Missing)

	_, err = incidents.Restrict(ctx, mona, i.ID, itsmincident.Restriction{})
	require.NoError(t, err)
	_, err = tasks.Complete(ctx, ana, one.ID, task.Ending{})
	require.ErrorIs(t, err, itsm.ErrNotFound, "it is of a restricted incident now")
	page, err := tasks.Mine(ctx, ana, task.Query{})
	require.NoError(t, err)
	require.Empty(t, page.Items)

	_, err = incidents.Cancel(ctx, mona, i.ID, itsmincident.Cancellation{Command: itsm.Command{Reason: "Found again"}})
	require.NoError(t, err)
	one, err = tasks.Get(ctx, mona, one.ID)
	require.NoError(t, err)
	require.Equal(t, task.StateCancelled, one.State)
	require.Equal(t, "the incident that it is about was cancelled", one.EndReason)
}
