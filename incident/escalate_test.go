package incident_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
)

func TestI14AFunctionalEscalationIsAReassignmentAndCountedAsBoth(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.in(incident.StateInProgress) // Ana's, of the desk
	_, err := d.Escalate(ctx, ana, i.ID, incident.Escalation{Type: incident.EscalationFunctional})
	require.Equal(t, []string{"group"}, faults(t, err))
	_, err = d.Escalate(ctx, ana, i.ID, incident.Escalation{Type: incident.EscalationFunctional, Group: "desk", Assignee: "bob", To: "boss"})
	require.Equal(t, []string{"group", "to"}, faults(t, err), "another person of the same group is no escalation")
	_, err = d.Escalate(ctx, ana, i.ID, incident.Escalation{})
	require.Equal(t, []string{"type"}, faults(t, err))

	i, err = d.Escalate(ctx, ana, i.ID, incident.Escalation{Type: incident.EscalationFunctional, Group: "network", Assignee: "sam"})
	require.NoError(t, err)
	require.Equal(t, [2]itsm.ID{"network", "sam"}, [2]itsm.ID{i.Group, i.Assignee})
	require.Equal(t, incident.StateInProgress, i.State)
	require.Equal(t, [3]int{1, 1, 0}, [3]int{i.Reassignments, i.FunctionalEscalations, i.HierarchicalEscalations})
	entries, err := d.Timeline(ctx, rita, i.ID)
	require.NoError(t, err)
	require.Equal(t, incident.Reassigned{FromGroup: "desk", FromAssignee: "ana", Group: "network", Assignee: "sam", Count: 1}, entries[len(entries)-2].Event.Data)
	require.Equal(t, incident.Escalated{Type: incident.EscalationFunctional, FromGroup: "desk", Group: "network", Count: 1}, entries[len(entries)-1].Event.Data)

	// A plain reassignment is none, and what waits can be escalated too.
	i, err = d.Reassign(ctx, sam, i.ID, incident.Assignment{Group: "database"})
	require.NoError(t, err)
	require.Equal(t, [2]int{2, 1}, [2]int{i.Reassignments, i.FunctionalEscalations})
	_, err = d.Hold(ctx, mona, i.ID, incident.Hold{HoldReason: incident.HoldCustomerScheduled})
	require.NoError(t, err)
	i, err = d.Escalate(ctx, mona, i.ID, incident.Escalation{Type: incident.EscalationFunctional, Group: "vendor"})
	require.NoError(t, err)
	require.Equal(t, incident.StateOnHold, i.State)
	require.Equal(t, 1, i.Holds)
	require.Equal(t, [2]int{3, 2}, [2]int{i.Reassignments, i.FunctionalEscalations})
}

func TestI14AHierarchicalEscalationTellsAPersonAndTakesNothingAway(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.in(incident.StateAssigned)
	_, err := d.Escalate(ctx, ana, i.ID, incident.Escalation{Type: incident.EscalationHierarchical, Group: "x", Assignee: "y"})
	require.Equal(t, []string{"to", "reason", "group", "assignee"}, faults(t, err))
	_, err = d.Escalate(ctx, rita, i.ID, incident.Escalation{Type: incident.EscalationHierarchical, To: "ceo"})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	up := incident.Escalation{Command: itsm.Command{Reason: "The customer threatens to leave"}, Type: incident.EscalationHierarchical, To: "boss"}
	for n := 1; n <= 2; n++ {
		i, err = d.Escalate(ctx, ana, i.ID, up)
		require.NoError(t, err)
		require.Equal(t, [3]int{0, 0, n}, [3]int{i.Reassignments, i.FunctionalEscalations, i.HierarchicalEscalations})
		require.Equal(t, [2]itsm.ID{"desk", "ana"}, [2]itsm.ID{i.Group, i.Assignee})
	}
	e := d.last(i.ID)
	require.Equal(t, incident.Escalated{Type: incident.EscalationHierarchical, To: "boss", Count: 2}, e.Data)
	require.Equal(t, "The customer threatens to leave", e.Reason)
	require.True(t, e.Internal)

	hers, err := d.Get(ctx, rita, i.ID)
	require.NoError(t, err)
	require.Zero(t, hers.HierarchicalEscalations)
	entries, err := d.Timeline(ctx, rita, i.ID)
	require.NoError(t, err)
	for _, entry := range entries {
		require.NotEqual(t, "escalate", entry.Event.Action)
	}
	boss := rob
	boss.ID = "boss"
	_, err = d.Get(ctx, boss, i.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound, "to be named gives no rights")
}
