package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb/impact"
)

var update = flag.Bool("update", false, "write the expected output anew")

// command runs the program.
func command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := run(context.Background(), args, &out, &bytes.Buffer{})
	return out.String(), err
}

func requireGolden(t *testing.T, name, have string) {
	t.Helper()
	golden := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(have), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), have)
}

func TestWithoutFlagsACompanyIsMadeUpAndAskedAbout(t *testing.T) {
	out, err := command(t)
	require.NoError(t, err)
	requireGolden(t, "default.txt", out)
	same, err := command(t, "-seed", "1", "-generate", "60")
	require.NoError(t, err)
	require.Equal(t, out, same)
	other, err := command(t, "-seed", "2")
	require.NoError(t, err)
	require.NotEqual(t, out, other)
}

func TestEveryQuestionIsAnswered(t *testing.T) {
	var all strings.Builder
	for _, args := range [][]string{
		{"-fail", "Aachen A host 1,Aachen A host 2", "-why", "paying salaries"},
		{"-fail", "Aachen A feed 1", "-why", "Aachen A host 2"},
		{"-fail", "mail", "-why", "web shop"},
		{"-fail", "mail", "-why", "Aachen A"},
		{"-fail", "sign-on vm 1", "-list"},
		{"-fail", "taking orders"},
		{"-single", "taking orders"},
		{"-single", "Aachen A"},
		{"-causes", "payroll, web shop"},
	} {
		out, err := command(t, args...)
		require.NoError(t, err, args)
		fmt.Fprintf(&all, "$ impact '%s'\n%s\n", strings.Join(args, "' '"), out)
	}
	requireGolden(t, "questions.txt", all.String())
}

func TestTheAnswerIsDrawn(t *testing.T) {
	for ending, begins := range map[string]string{".svg": "<svg", ".mmd": "flowchart", ".dot": "digraph"} {
		for _, question := range [][]string{{"-fail", "Aachen A storage"}, {"-single", "taking orders"}, {"-causes", "web shop,payroll"}, {}} {
			path := filepath.Join(t.TempDir(), "picture"+ending)
			out, err := command(t, append(question, "-picture", path)...)
			require.NoError(t, err)
			require.Contains(t, out, "\n"+path+"\n")
			drawn, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(string(drawn), begins), "%.40s", drawn)
			require.Contains(t, string(drawn), "Aachen", question)
		}
	}
}

func TestWhatCannotBeAskedIsRefusedInWords(t *testing.T) {
	for want, args := range map[string][]string{
		`there is no CI "Storage"; there is "Aachen A storage", "Aachen B storage"`: {"-fail", "Storage"},
		`there is no CI "nothing"`:               {"-single", "nothing"},
		`there is no CI ""`:                      {"-causes", "mail,"},
		"name it by -fail":                       {"-why", "mail"},
		"are three sources; name one":            {"-netbox", "a", "-debian", "b"},
		"-generate must be at least 1":           {"-generate", "0"},
		"must end in .svg, .mmd or .dot":         {"-picture", "picture.png"},
		`"mail" is not a flag`:                   {"mail"},
		filepath.Join("nowhere", "nodes.tsv.gz"): {"-debian", "nowhere"},
		filepath.Join("nowhere", "dump.json"):    {"-netbox", filepath.Join("nowhere", "dump.json")},
	} {
		out, err := command(t, args...)
		require.ErrorContains(t, err, want, args)
		require.Empty(t, out, args)
	}
}

// Companies of any size are sound, and grow no larger than a city with two trades more than was asked for.
func TestACompanyIsAsLargeAsAskedFor(t *testing.T) {
	for seed := range uint64(20) {
		for _, size := range []int{1, 60, 200, 1500} {
			inv, err := makeCompany(size, seed)
			require.NoError(t, err)
			require.GreaterOrEqual(t, inv.graph.Len(), size)
			require.Less(t, inv.graph.Len(), size+50)
			require.Len(t, inv.class, inv.graph.Len())
			require.NotEmpty(t, inv.services)
			require.True(t, inv.graph.Has(inv.ask))
		}
	}
}

// The table of single points is what comes out when each CI is taken down in turn.
func TestSinglePointsAreThoseThatFailAlone(t *testing.T) {
	for seed := range uint64(10) {
		inv, err := makeCompany(60, seed)
		require.NoError(t, err)
		for _, service := range inv.services {
			var want []string
			for id := range inv.graph.CIs() {
				result, err := inv.graph.Impact(impact.Failed(id), impact.Options{})
				require.NoError(t, err)
				if state, err := result.State(service.ID); err != nil || state != impact.Down || id == service.ID {
					continue
				}
				services := 0
				for _, s := range inv.services {
					if state, _ := result.State(s.ID); state == impact.Down {
						services++
					}
				}
				want = append(want, fmt.Sprintf("%d %d %s (%s)", services, result.Counts().Down, id, inv.class[id]))
			}
			var out strings.Builder
			_, err := report{&out, inv, true}.singlePoints(context.Background(), service.ID)
			require.NoError(t, err)
			var have []string
			for line := range strings.Lines(out.String()[strings.Index(out.String(), "CIs down by it\n"):]) {
				have = append(have, strings.Join(strings.Fields(line), " "))
			}
			slices.Sort(want)
			require.ElementsMatch(t, want, have[1:])
		}
	}
}

// CIs that have the same name are told apart by NetBox's own, and what is faulty is left out and counted.
func TestANetBoxWithDoublesAndFaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dump.json")
	require.NoError(t, os.WriteFile(path, []byte(`[
		{"model": "virtualization.cluster", "pk": 1, "fields": {"name": "blue"}},
		{"model": "virtualization.virtualmachine", "pk": 1, "fields": {"name": "blue", "cluster": 1}},
		{"model": "virtualization.virtualmachine", "pk": 2, "fields": {"name": "mail, old", "cluster": 1}},
		{"model": "virtualization.virtualmachine", "pk": 3, "fields": {"name": 7, "cluster": 1}}
	]`), 0o644))
	out, err := command(t, "-netbox", path)
	require.NoError(t, err)
	require.Equal(t, `NetBox's dump.json; left out: 1, as row 4: invalid: fields.name must be a text
3 CIs, 2 relations, 0 redundant groups, 0 business services

What if blue fails?
───────────────────
     2 down
     0 degraded: they work badly
     0 at risk: they work, with less to spare
     2 could be touched at all, redundancy not counted

Other CIs hit: 2
  down      blue (virtualization.virtualmachine/1) (virtual machine)
  down      mail, old (virtual machine)

Why is blue (virtualization.virtualmachine/1) down?
───────────────────────────────────────────────────
blue (virtualization.virtualmachine/1) is down: runs on
  blue is down: it failed by itself

What alone brings blue (virtualization.virtualmachine/1) down?
──────────────────────────────────────────────────────────────
1 of the 1 CIs that could touch it bring it down alone.

  services  CIs down by it
         0         2  blue (cluster)
`, out)
	_, err = command(t, "-netbox", path, "-fail", "mail, old")
	require.NoError(t, err, "a name may have a comma")

	for text, want := range map[string]string{"[{": "left out: 2, as row 1", "[]": "has no CIs"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, err = command(t, "-netbox", path)
		require.ErrorContains(t, err, want)
	}
}
