package servicedesk_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/servicedesk"
)

var update = flag.Bool("update", false, "write the generated parts of the documentation")

// TestTheDrawingIsThatOfTheRegistrations holds docs/servicedesk.md to what is wired; -update writes it.
func TestTheDrawingIsThatOfTheRegistrations(t *testing.T) {
	const path, begin, end = "../docs/servicedesk.md", "<!-- generated: wiring -->\n", "<!-- end -->"
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(raw), begin)
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	page := before + begin + "```mermaid\n" + newDesk(t, servicedesk.Config{}).Wiring() + "```\n" + end + after
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
		return
	}
	require.Equal(t, page, string(raw), "run go test ./servicedesk -update")
}
