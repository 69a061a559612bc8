package versioned

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

type motto string

func (motto) VersionKind() string { return "motto" }
func (m motto) Clone() motto      { return m }

// More than fits is not all kept, and what is kept is counted, replaced or not.
func TestWhatIsReadyIsBounded(t *testing.T) {
	c := NewReady(Define[motto](), func(family string, _ Active[motto]) (string, error) { return family, nil })
	for n := range 100 {
		for range 2 {
			k := readyKey{"acme", string(rune('a' + n%26))}
			rows := []storage.Row{{Body: make([]byte, 1)}}
			c.put(k, &prepared[string]{rows: rows, size: MaxReady/3 - n, made: k.family})
			total := 0
			for other, p := range c.kept {
				require.Equal(t, other.family, p.made)
				total += p.size
			}
			require.Equal(t, total, c.size)
			require.LessOrEqual(t, total, MaxReady)
			require.LessOrEqual(t, min(n+1, 3), len(c.kept), "and no more is given up than must be")
		}
	}
}
