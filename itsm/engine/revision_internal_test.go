package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
)

// More than fits is not all kept, and what is kept is counted, replaced or not.
func TestWhatIsKeptIsBounded(t *testing.T) {
	var k Kept[string]
	for n := range 100 {
		for range 2 {
			part := string(rune('a' + n%26))
			k.put(keptKey{"acme", "motto", part}, kept[string]{revision: "1", value: part, size: MaxKept/3 - n})
			total := 0
			for at, made := range k.made {
				require.Equal(t, at.part, made.value)
				total += made.size
			}
			require.Equal(t, total, k.size)
			require.LessOrEqual(t, total, MaxKept)
			require.LessOrEqual(t, min(n+1, 3), len(k.made), "and no more is given up than must be")
		}
	}
	_, ok := k.get(keptKey{"acme", "motto", "z"}, itsm.ID("2"))
	require.False(t, ok, "what was made of another revision")
}
