// This file holds the case of actions that are refused.

package slasuite

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/storage"
)

// refusing: of the actions of a threshold those are left out that the record does not let happen, with all that they did;
// the others are taken once, and nothing is a dead letter.
func refusing(t *testing.T, h *host) {
	ctx := context.Background()
	set := gold()
	h.activateCalendar(t, manager("acme"), office("office"))
	set.Targets[1].Thresholds[0].Actions = []string{"note:first", "refuse:never", "tell", "note:last"}
	set.Targets[1].Thresholds[1].Actions = []string{"refuse:alone"}
	h.activate(t, manager("acme"), set)
	i := h.log(t, "acme")
	h.clock.Advance(3 * 24 * time.Hour)
	for range 20 {
		h.tick(t)
		h.clock.Advance(time.Second)
	}
	var chains [][]string
	require.NoError(t, h.e.View(ctx, manager("acme"), func(ctx context.Context, r storage.Reader) error {
		chains = nil
		jobs, err := r.Jobs(ctx, storage.JobQuery{Kind: "sla_timer.act", Limit: 10})
		require.NoError(t, err)
		require.Empty(t, jobs)
		events, err := h.e.History(ctx, r, storage.EventQuery{Kind: ref(i).Kind, Record: i.ID, Limit: 100})
		for _, e := range events {
			if e.Action == "note" {
				chains = append(chains, e.Cause.Chain)
			}
		}
		return err
	}))
	chain := []string{"sla:gold/resolution/half"}
	require.Equal(t, [][]string{chain, chain}, chains)
	told := h.told(t, "acme", ref(i))
	require.Len(t, told, 4)
	require.Subset(t, told, []string{"first", "last", "resolution half Mon 17:00 late"})

	// What the names mean is known when a policy is drafted.
	set.Targets[1].Thresholds[0].Actions = []string{"note:", "tell", "shout:x"}
	_, err := h.p.Policies.Draft(ctx, manager("acme"), sla.PolicyDraft{Family: set.Name, Set: set})
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Len(t, invalid.Faults, 2)
	require.Equal(t, "set.targets[1].thresholds[0].actions[2]", invalid.Faults[1].Field)
	set.Targets[1].Thresholds[0].Actions = []string{"note:Half", "tell", "note:Half"}
	_, err = h.p.Policies.Draft(ctx, manager("acme"), sla.PolicyDraft{Family: set.Name, Set: set})
	require.Equal(t, []string{"set.targets[1].thresholds[0].actions[2]"}, faultsOf(t, err), "the two would have the same Key")
}
