package generated_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/generated"
)

const stale = "# Page\n<!-- generated: a -->\nold\n<!-- end -->\nbetween\n<!-- generated: b -->\nB\n<!-- end -->\n"

// parts is run in a process of its own, which fails or has -update.
func TestParts(t *testing.T) {
	path := os.Getenv("ITSMKIT_PAGE")
	if path == "" {
		path = filepath.Join(t.TempDir(), "page.md")
		require.NoError(t, os.WriteFile(path, []byte("<!-- generated: a -->\nA\n<!-- end --><!-- generated: b -->\nB\n<!-- end -->"), 0o600))
	}
	generated.Parts(t, path, map[string]string{"a": "A\n", "b": "B\n"})
}

func run(t *testing.T, page string, flags ...string) (now string, failed bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.md")
	require.NoError(t, os.WriteFile(path, []byte(page), 0o600))
	command := exec.CommandContext(t.Context(), os.Args[0], append([]string{"-test.run=^TestParts$"}, flags...)...)
	command.Env = append(os.Environ(), "ITSMKIT_PAGE="+path)
	failed = command.Run() != nil
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(raw), failed
}

func TestAPageThatIsNotWhatRunsFailsAndIsWrittenWhenAskedFor(t *testing.T) {
	now, failed := run(t, stale)
	require.True(t, failed)
	require.Equal(t, stale, now)
	now, failed = run(t, stale, "-update")
	require.False(t, failed)
	require.Equal(t, "# Page\n<!-- generated: a -->\nA\n<!-- end -->\nbetween\n<!-- generated: b -->\nB\n<!-- end -->\n", now)
	_, failed = run(t, now)
	require.False(t, failed)
	_, failed = run(t, "# Page\n<!-- generated: a -->\nA\n<!-- end -->\n", "-update")
	require.True(t, failed, "a part without a place")
}
