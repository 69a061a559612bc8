// This file makes the page from the list of rows and the names of the tests, and holds it to them.

package coverage

import (
	"bufio"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/coverage.md")

const (
	root = "../.."
	page = root + "/docs/coverage.md"
)

// row is one capability, or, without an id, the heading of those that follow.
type row struct{ id, capability, remark string }

func rows(t *testing.T) (all []row) {
	t.Helper()
	raw, err := os.ReadFile("rows.tsv")
	require.NoError(t, err)
	seen := map[string]bool{}
	lines := bufio.NewScanner(strings.NewReader(string(raw)))
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "## "):
			all = append(all, row{capability: strings.TrimPrefix(line, "## ")})
		case strings.HasPrefix(line, "#"):
		default:
			parts := strings.Split(line, "\t")
			require.Len(t, parts, 3, "%q", line)
			require.False(t, seen[parts[0]], "%s twice", parts[0])
			seen[parts[0]] = true
			all = append(all, row{parts[0], parts[1], parts[2]})
		}
	}
	require.NoError(t, lines.Err())
	return all
}

var (
	// named finds tests and the cases of suites whose names begin with ids: TestI11Steps, {"I11Steps",
	// {"G1 every change".
	named = regexp.MustCompile(`(?m)(?:^func Test|\{"|name: +"|t\.Run\(")((?:[A-Z][0-9]{1,2})+)(?:[ _]([A-Za-z][A-Za-z0-9 ]*)|([A-Z][A-Za-z0-9]*))`)
	id    = regexp.MustCompile(`[A-Z][0-9]{1,2}`)
)

// test is a test by its name, and where it stands.
type test struct{ name, folder string }

// tests finds the tests of each row.
func tests(t *testing.T) map[string][]test {
	t.Helper()
	found := map[string][]test{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		local, err := filepath.Rel(root, path)
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		local = filepath.ToSlash(local)
		if strings.HasPrefix(local, "internal/coverage/") || !strings.HasSuffix(local, "_test.go") && !strings.Contains(local, "suite/") {
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range named.FindAllStringSubmatch(string(raw), -1) {
			for _, one := range id.FindAllString(m[1], -1) {
				found[one] = append(found[one], test{m[2] + m[3], local[:strings.LastIndex(local, "/")]})
			}
		}
		return nil
	}))
	return found
}

// TestThePageSaysWhatTheTestsShow makes docs/coverage.md again and compares; -update writes it.
func TestThePageSaysWhatTheTestsShow(t *testing.T) {
	list, found := rows(t), tests(t)
	for id := range found {
		require.True(t, slices.ContainsFunc(list, func(r row) bool { return r.id == id }), "tests are named for %s, which is no row", id)
	}
	var b strings.Builder
	built, all := 0, 0
	for _, r := range list {
		if r.id != "" {
			all++
			if len(found[r.id]) > 0 {
				built++
			}
		}
	}
	fmt.Fprintf(&b, `# Coverage

What a desk is expected to do, and the tests that show it here: %d of %d rows have tests. A row without one is **not built
yet**. Generated from `+"`internal/coverage/rows.tsv`"+` and the names of the tests, which begin with the ids of their rows
(`+"`TestI11…`, `I11…`"+` in a suite); `+"`go test ./internal/coverage -update`"+` writes it anew.
`, built, all)
	for _, r := range list {
		if r.id == "" {
			fmt.Fprintf(&b, "\n## %s\n\n| Row | Capability | Tests | Remark |\n|---|---|---|---|\n", r.capability)
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.id, r.capability, summary(found[r.id]), r.remark)
	}
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(b.String()), 0o644))
		return
	}
	raw, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(raw), "run go test ./internal/coverage -update")
}

// shown is how many tests of a folder are named.
const shown = 3

// summary names the first tests of each folder.
func summary(all []test) string {
	if len(all) == 0 {
		return "not built yet"
	}
	slices.SortFunc(all, func(a, b test) int { return strings.Compare(a.folder+"\x00"+a.name, b.folder+"\x00"+b.name) })
	var parts []string
	for n := 0; n < len(all); {
		folder := all[n].folder
		var names []string
		for ; n < len(all) && all[n].folder == folder; n++ {
			names = append(names, words(all[n].name))
		}
		names = slices.Compact(names)
		text := strings.Join(names[:min(shown, len(names))], "; ")
		if len(names) > shown {
			text += fmt.Sprintf("; and %d more", len(names)-shown)
		}
		parts = append(parts, "`"+folder+"`: "+text)
	}
	return strings.Join(parts, "<br/>")
}

var capital = regexp.MustCompile(`[A-Z][a-z0-9]*`)

// words makes a sentence of a test's name.
func words(name string) string {
	if strings.Contains(name, " ") {
		return name
	}
	parts := capital.FindAllString(name, -1)
	for i := range parts {
		if i > 0 {
			parts[i] = strings.ToLower(parts[i])
		}
	}
	return strings.Join(parts, " ")
}
