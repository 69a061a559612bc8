package reconcile_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb/reconcile"
)

// The rules and the mapping that the documentation shows are read and fit the shipped model.
func TestWhatTheDocumentationShowsIsAccepted(t *testing.T) {
	page, err := os.ReadFile("../../docs/reconciliation.md")
	require.NoError(t, err)
	c := compile(t, reconcile.Shipped())
	shown := map[bool]int{}
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(page, -1) {
		mapping := strings.HasPrefix(string(block[1]), `{"source"`)
		shown[mapping]++
		if mapping {
			m, err := reconcile.ParseMapping(block[1])
			require.NoError(t, err)
			_, err = c.Reader(m)
			require.NoError(t, err)
			continue
		}
		r, err := reconcile.Parse(block[1])
		require.NoError(t, err)
		compile(t, r)
	}
	require.Equal(t, map[bool]int{true: 1, false: 2}, shown)
}
