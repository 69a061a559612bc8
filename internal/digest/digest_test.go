package digest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/digest"
)

// It stands in keys and ids of stored rows, so it must stay as it is.
func TestADigestIsOfItsPartsAndNoOthers(t *testing.T) {
	require.Equal(t, "430fb1b4ac43316eca81fab27a1930ab8eff8fef", digest.Of("ab", "c"))
	all := map[string]bool{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"ab", "c"}, {"a", "bc"}, {"abc"}, {"ab", "c", ""}, {"2:ab", "c"}, {"ab1:c"}} {
		d := digest.Of(parts...)
		require.Len(t, d, 40)
		require.False(t, all[d], "%q", parts)
		all[d] = true
	}
}
