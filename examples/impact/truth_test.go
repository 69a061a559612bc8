// This file holds the program to truths that others computed over real data, which are not part of the repository.

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The data are looked for beside the checkout, or where the environment says; a test that needs them is skipped
// without them, but not in CI.
const dataEnv = "ITSMKIT_DATA"

func dataFile(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv(dataEnv)
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
	}
	path := filepath.Join(folder, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the data are missing: %v; set %s", err, dataEnv)
		}
		t.Skipf("the data are not here: %v; set %s", err, dataEnv)
	}
	return path
}

func readTruth(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(dataFile(t, name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into))
}

// listed gives the names in a state that a report with -list has, sorted; titles have a name and what follows it.
func listed(t *testing.T, text, state string) (names []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if after, ok := strings.CutPrefix(line, fmt.Sprintf("  %-8s  ", state)); ok {
			names = append(names, strings.Fields(after)[0])
		}
	}
	slices.Sort(names)
	return names
}

func TestDebianHasTheImpactsThatOtherProgramsComputed(t *testing.T) {
	type set struct {
		Count  int    `json:"count"`
		SHA256 string `json:"sha256"`
	}
	type failure struct {
		Seeds    []string `json:"seeds"`
		Down     set      `json:"b_one_of_n"`
		Degraded set      `json:"t_soften_degraded"`
	}
	var truth struct {
		Single, Multi []failure
		Graph         struct {
			Nodes int `json:"nodes"`
			D     int `json:"groups_D"`
			R     int `json:"groups_R"`
		}
	}
	readTruth(t, "debian-dependencies/truth.json", &truth)
	inv, err := loadDebian(dataFile(t, "debian-dependencies"))
	require.NoError(t, err)
	require.Equal(t, truth.Graph.Nodes, inv.graph.Len())

	cases := slices.Concat(truth.Single, truth.Multi)
	require.Greater(t, len(cases), 10)
	for _, c := range cases {
		var out strings.Builder
		_, err := report{&out, inv, true}.answer(context.Background(), settings{fail: strings.Join(c.Seeds, ",")})
		require.NoError(t, err)
		what, _, _ := strings.Cut(out.String(), "\nWhy ")
		require.Contains(t, what, fmt.Sprintf("\n%6d down\n%6d degraded", c.Down.Count, c.Degraded.Count), c.Seeds)
		for state, want := range map[string]set{"down": c.Down, "degraded": c.Degraded} {
			names := listed(t, what, state)
			hash := sha256.New()
			for _, name := range names {
				hash.Write([]byte(name + "\n"))
			}
			require.Equal(t, want, set{len(names), hex.EncodeToString(hash.Sum(nil))}, c.Seeds)
		}
	}
}

// What people choose from when they install are the services.
func TestDebianIsAskedAboutItsTasks(t *testing.T) {
	out, err := command(t, "-debian", dataFile(t, "debian-dependencies"))
	require.NoError(t, err)
	require.Contains(t, out, "\nBusiness services hit: 16 of 222\n  degraded  task-cinnamon-desktop\n")
	require.Contains(t, out, "\nWhy is task-cinnamon-desktop degraded?\n")
	require.Contains(t, out, "libpam-systemd is down: it failed by itself\n")
}

func TestNetBoxHasTheCIsAndImpactsThatWereCounted(t *testing.T) {
	var truth struct {
		Models  map[string]int `json:"objects_by_model"`
		Roles   map[string]int `json:"devices_by_role"`
		MostVMs int            `json:"vms_per_cluster_max"`
		WithVMs int            `json:"clusters_with_vms"`
	}
	readTruth(t, "netbox-demo/truth.json", &truth)
	inv, err := loadNetBox(dataFile(t, "netbox-demo/netbox-demo-v3.6-cmdb.json.gz"))
	require.NoError(t, err)
	byClass := map[string]int{}
	for id := range inv.graph.CIs() {
		byClass[inv.class[id]]++
	}
	m, pdus, servers := truth.Models, truth.Roles["PDU"], truth.Roles["Application Server"]
	require.Equal(t, map[string]int{
		"site": m["dcim.site"], "rack": m["dcim.rack"], "contact": m["tenancy.contact"],
		"host": servers, "network device": m["dcim.device"] - pdus - servers,
		"power":   pdus + m["dcim.powerpanel"] + m["dcim.powerfeed"],
		"cluster": m["virtualization.cluster"] + m["dcim.virtualchassis"], "virtual machine": m["virtualization.virtualmachine"],
	}, byClass)

	// What runs on a cluster goes down with it.
	most, with := 0, 0
	for id := range inv.graph.CIs() {
		if inv.class[id] != "cluster" {
			continue
		}
		var out strings.Builder
		_, err := report{&out, inv, true}.whatIf(id)
		require.NoError(t, err)
		if n := strings.Count(out.String(), "(virtual machine)\n"); n > 0 {
			require.Contains(t, out.String(), fmt.Sprintf("\n%6d down\n", n))
			most, with = max(most, n), with+1
		}
	}
	require.Equal(t, truth.MostVMs, most)
	require.Equal(t, truth.WithVMs, with)
}

// Without business services and questions, the CI that takes most down is asked about.
func TestNetBoxIsAskedAboutWhatTakesMostDown(t *testing.T) {
	zipped := dataFile(t, "netbox-demo/netbox-demo-v3.6-cmdb.json.gz")
	out, err := command(t, "-netbox", zipped)
	require.NoError(t, err)
	require.Contains(t, out, "\nWhat if MDF fails?\n")
	require.NotContains(t, out, "Business services hit")
	require.Contains(t, out, "MDF is down: it failed by itself\n")

	plain := filepath.Join(t.TempDir(), "dump.json")
	in, err := openPlain(zipped)
	require.NoError(t, err)
	defer in.Close()
	text, err := io.ReadAll(in)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(plain, text, 0o644))
	same, err := command(t, "-netbox", plain)
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(out, filepath.Base(zipped), "dump.json"), same)
}
