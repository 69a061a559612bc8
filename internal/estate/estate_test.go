package estate_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/estate"
)

func TestFailuresHaveTheImpactStated(t *testing.T) {
	e := estate.New(5000)
	require.Equal(t, 5*5000+1, e.Relations())
	require.InDelta(t, 0.577*5000, len(e.Groups), 200)
	for _, f := range e.Failures {
		down := map[uint32]bool{f.CI: true}
		for changed := true; changed; {
			changed = false
			for i, owner := range e.Owner {
				if down[e.Member[i]] && !down[owner] {
					down[owner], changed = true, true
				}
			}
			for _, g := range e.Groups {
				for _, m := range g.Members {
					if down[m] && !down[g.Owner] {
						down[g.Owner], changed = true, true
					}
				}
			}
		}
		require.Len(t, down, f.Impact+1)
	}
}
