package incident_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
)

func TestNoIncidentIsAboveItself(t *testing.T) {
	for length := 2; length <= 5; length++ {
		for _, by := range []itsm.LinkType{itsm.LinkChildOf, itsm.LinkParentOf} {
			t.Run(fmt.Sprintf("%d of them, the last by %s", length, by), func(t *testing.T) {
				d, ctx := openDesk(t, incident.Options{}), t.Context()
				var chain []incident.Incident
				for n := range length {
					chain = append(chain, d.report())
					if n == 0 {
						continue
					}
					// Each is the child of the one before, told from either side.
					var err error
					if n%2 == 0 {
						_, err = d.Link(ctx, ana, chain[n].ID, incident.Relation{Type: itsm.LinkChildOf, To: chain[n-1].Ref()})
					} else {
						_, err = d.Link(ctx, ana, chain[n-1].ID, incident.Relation{Type: itsm.LinkParentOf, To: chain[n].Ref()})
					}
					require.NoError(t, err)
				}
				first, last := chain[0], chain[length-1]
				before := d.snapshot()
				from, to := first, last
				if by == itsm.LinkParentOf {
					from, to = last, first
				}
				_, err := d.Link(ctx, ana, from.ID, incident.Relation{Type: by, To: to.Ref()})
				require.Equal(t, []string{"to"}, faults(t, err))
				require.Equal(t, before, d.snapshot())
				_, err = d.Link(ctx, ana, last.ID, incident.Relation{Type: itsm.LinkChildOf, To: first.Ref()})
				require.NoError(t, err, "a second way to the same ancestor is no cycle")
				_, err = d.Link(ctx, ana, first.ID, incident.Relation{Type: itsm.LinkRelatedTo, To: last.Ref()})
				require.NoError(t, err, "only families have no cycles")
			})
		}
	}
}

func TestAFamilyHasAnEnd(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	grow := func(n int) (chain []incident.Incident) {
		for k := range n {
			chain = append(chain, d.report())
			if k > 0 {
				_, err := d.Link(ctx, ana, chain[k].ID, incident.Relation{Type: itsm.LinkChildOf, To: chain[k-1].Ref()})
				require.NoError(t, err)
			}
		}
		return chain
	}
	link := func(child, parent incident.Incident) error {
		return second(d.Link(ctx, ana, child.ID, incident.Relation{Type: itsm.LinkChildOf, To: parent.Ref()}))
	}
	full := grow(incident.MaxGenerations)
	require.Equal(t, []string{"to"}, faults(t, link(d.report(), full[incident.MaxGenerations-1])), "below the last")
	require.Equal(t, []string{"to"}, faults(t, link(full[0], d.report())), "above the first")
	require.NoError(t, link(d.report(), full[incident.MaxGenerations-2]), "beside the last")

	upper, lower := grow(incident.MaxGenerations-3), grow(3)
	require.Equal(t, []string{"to"}, faults(t, link(lower[0], full[incident.MaxGenerations-3])))
	require.NoError(t, link(lower[0], upper[len(upper)-1]))
	require.Equal(t, []string{"to"}, faults(t, link(d.report(), lower[2])))
}
