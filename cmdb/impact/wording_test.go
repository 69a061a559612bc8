// This file holds the words of proofs.

package impact_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb/impact"
)

// Degraded is all that is needed of a storage for an application to be degraded: of one that is down the proof says that it is down.
func TestAProofSaysInWhichStateACIFailed(t *testing.T) {
	l, err := impact.NewLoader([]impact.Kind{
		{Name: "uses", Flow: impact.ToSource, Propagation: impact.Cap},
		{Name: "needs", Flow: impact.ToSource, Propagation: impact.Full},
	})
	require.NoError(t, err)
	for _, id := range []string{"app", "storage", "feed"} {
		l.CI(id)
	}
	l.Relation(impact.Relation{Source: "app", Kind: "uses", Target: "storage"})
	l.Relation(impact.Relation{Source: "storage", Kind: "needs", Target: "feed"})
	s, err := l.Snapshot(1)
	require.NoError(t, err)
	words := func(failed string) string {
		r, err := s.Impact(impact.Failed(failed), impact.Options{})
		require.NoError(t, err)
		proof, err := r.Explain("app")
		require.NoError(t, err)
		require.NoError(t, impact.Check(s, impact.Failed(failed), impact.Options{}, proof))
		return proof.String()
	}
	require.Equal(t, "app is degraded: uses\n  storage is down: it failed by itself\n", words("storage"))
	require.Equal(t, "app is degraded: uses\n  storage is at least degraded: needs\n    feed is down: it failed by itself\n", words("feed"))
}
