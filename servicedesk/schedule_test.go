package servicedesk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/change/schedule"
	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/itsm"
)

// Two changes of items that depend on one another are in conflict by the configuration, and not any more when that is another.
func TestC14ChangesConflictByWhatTheyImpact(t *testing.T) {
	f := changeDesk(t)
	ctx := t.Context()
	db := f.scheduled(t)
	app := f.scheduled(t, func(r *change.Draft) { r.CIs, r.Assignee = []itsm.ID{"app"}, "mona" })
	kinds := func(id itsm.ID) (all []calendar.ConflictKind) {
		t.Helper()
		f.settled(t)
		conflicts, err := f.ChangeSchedule.Conflicts(ctx, mona, id)
		require.NoError(t, err)
		for _, c := range conflicts {
			all = append(all, c.Kind)
		}
		return all
	}
	require.Equal(t, []calendar.ConflictKind{calendar.Downstream, calendar.SameService}, kinds(db.ID))
	require.Equal(t, []calendar.ConflictKind{calendar.Upstream, calendar.SameService}, kinds(app.ID))

	// A person says that orders are taken all the same.
	_, err := f.Configuration.CorrectImpact(ctx, boss, app.Ref(), cmdb.ImpactCorrection{CI: "orders", Origin: cmdb.OriginExcluded, Command: itsm.Command{Reason: "there is a spare"}})
	require.NoError(t, err)
	require.Equal(t, []calendar.ConflictKind{calendar.Downstream}, kinds(db.ID))

	// A freeze of the service stands against what impacts it.
	once := calendar.Span{Begin: db.PlannedStart, End: db.PlannedEnd.Add(24 * time.Hour)}
	_, err = f.ChangeSchedule.DefineWindow(ctx, mona, schedule.WindowDefinition{Window: calendar.Window{Kind: calendar.WindowFreeze, Name: "Sale",
		Scope: calendar.Scope{Services: []itsm.ID{"orders"}}, Once: &once}})
	require.NoError(t, err)
	require.Equal(t, []calendar.ConflictKind{calendar.InFreeze, calendar.Downstream}, kinds(db.ID))
	f.now = db.PlannedStart
	_, err = f.Changes.Start(ctx, ian, db.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	require.ErrorContains(t, err, "Sale")
	f.now = app.PlannedStart
	_, err = f.Changes.Start(ctx, mona, app.ID, itsm.Command{})
	require.NoError(t, err)
}
