// This file holds pages to texts, and the flag with which they are written.

package generated

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the generated parts of the documentation")

// Parts holds parts of a page to texts by their names. A part stands between a line "<!-- generated: name -->" and "<!-- end -->".
func Parts(t testing.TB, path string, texts map[string]string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	page := string(raw)
	for name, text := range texts {
		begin, end := "<!-- generated: "+name+" -->\n", "<!-- end -->"
		before, rest, ok := strings.Cut(page, begin)
		require.True(t, ok, "%s has no place for %q", path, name)
		_, after, ok := strings.Cut(rest, end)
		require.True(t, ok, "%s does not say where %q ends", path, name)
		page = before + begin + text + end + after
	}
	Page(t, path, page)
}

// Page holds a whole page to a text. With -update it may be a new one.
func Page(t testing.TB, path, text string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return
	}
	raw, err := os.ReadFile(path)
	require.False(t, errors.Is(err, fs.ErrNotExist), "%s is not there: run this package's tests with -update", path)
	require.NoError(t, err)
	require.Equal(t, text, string(raw), "run this package's tests with -update")
}
