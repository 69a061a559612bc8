// This file holds the reader, and the engine of impacts, to NetBox's demo data, which are not part of the repository.

package netbox_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/netbox"
	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
)

// The data are looked for beside the checkout, or where the environment says; a test that needs them is skipped without
// them, but not in CI.
const dataEnv = "ITSMKIT_DATA"

func dataFile(t testing.TB, name string) []byte {
	t.Helper()
	folder := os.Getenv(dataEnv)
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
	}
	file, err := os.Open(filepath.Join(folder, "netbox-demo", name))
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the data are missing: %v; set %s", err, dataEnv)
		}
		t.Skipf("the data are not here: %v; set %s", err, dataEnv)
	}
	defer file.Close()
	var in io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		in, err = gzip.NewReader(file)
		require.NoError(t, err)
	}
	text, err := io.ReadAll(in)
	require.NoError(t, err)
	return text
}

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func rules(t require.TestingT) *reconcile.Compiled {
	model, err := schema.Shipped().Compile()
	require.NoError(t, err)
	c, err := reconcile.Shipped().Compile(model)
	require.NoError(t, err)
	return c
}

// demo is what the demo data tell, and what was counted in them by others.
type demo struct {
	told  []reconcile.Observation
	truth struct {
		Models map[string]int `json:"objects_by_model"`
		Roles  map[string]int `json:"devices_by_role"`
		Sites  map[string]int `json:"devices_by_site"`
		Graph  struct {
			Pairs      int   `json:"distinct_device_pairs"`
			Devices    int   `json:"devices_in_graph"`
			Components []int `json:"component_sizes"`
			Top        []struct {
				PK        int `json:"pk"`
				Degree    int `json:"degree"`
				TwoHops   int `json:"within_2_hops"`
				Reachable int `json:"reachable"`
			} `json:"top5_by_degree"`
		} `json:"cable_graph_device_to_device"`
	}
}

func readDemo(t *testing.T) (d demo) {
	raw := dataFile(t, "netbox-demo-v3.6-cmdb.json.gz")
	require.NoError(t, json.Unmarshal(dataFile(t, "truth.json"), &d.truth))
	for o, err := range netbox.Read(strings.NewReader(string(raw)), rules(t), netbox.Options{}, now) {
		require.NoError(t, err)
		d.told = append(d.told, o)
	}
	return d
}

func isDevice(key string) bool { return strings.HasPrefix(key, "dcim.device/") }

func TestTheDemoDataTellTheCIsThatWereCounted(t *testing.T) {
	d := readDemo(t)
	byModel, byClass, bySite, sites := map[string]int{}, map[string]int{}, map[string]int{}, map[string]string{}
	for _, o := range d.told {
		model, _, _ := strings.Cut(o.Key, "/")
		byModel[model]++
		require.NotEmpty(t, o.Name, o.Key)
		if model == "dcim.site" {
			sites[o.Key] = o.Name
		}
		if !isDevice(o.Key) {
			continue
		}
		byClass[o.Class]++
		for _, r := range o.Relations {
			if r.Type == schema.RelationLocatedAt {
				bySite[sites[r.Other.Key]]++
			}
		}
	}
	for _, model := range []string{"dcim.site", "dcim.rack", "dcim.device", "dcim.virtualchassis", "dcim.powerpanel", "dcim.powerfeed",
		"virtualization.cluster", "virtualization.virtualmachine", "tenancy.contact"} {
		require.NotZero(t, d.truth.Models[model])
		require.Equal(t, d.truth.Models[model], byModel[model], model)
	}
	require.Equal(t, d.truth.Sites, bySite)
	roles := d.truth.Roles
	require.Equal(t, map[string]int{schema.ClassPower: roles["PDU"], schema.ClassHost: roles["Application Server"],
		schema.ClassNetworkDevice: d.truth.Models["dcim.device"] - roles["PDU"] - roles["Application Server"]}, byClass)
}

func TestTheCablesOfTheDemoDataReachTheDevicesThatWereCounted(t *testing.T) {
	d := readDemo(t)
	loader, err := impact.NewLoader([]impact.Kind{{Name: "cable", Flow: impact.Both, Propagation: impact.Cap}})
	require.NoError(t, err)
	var devices []string
	for _, o := range d.told {
		if !isDevice(o.Key) {
			continue
		}
		devices = append(devices, o.Key)
		loader.CI(o.Key)
		for _, r := range o.Relations {
			if cable := r.Type == schema.RelationConnectedTo || r.Type == schema.RelationPoweredBy; cable && isDevice(r.Other.Key) {
				loader.Relation(impact.Relation{Source: o.Key, Kind: "cable", Target: r.Other.Key})
			}
		}
	}
	s, err := loader.Snapshot(1)
	require.NoError(t, err)
	require.Equal(t, d.truth.Graph.Pairs, s.Relations())

	reach := func(id string, depth int) []string {
		found, err := s.Reach(impact.Downstream, []string{id}, impact.Options{Depth: depth})
		require.NoError(t, err)
		return found.IDs()
	}
	seen := map[string]bool{}
	var components []int
	for _, id := range devices {
		if others := reach(id, 0); !seen[id] && len(others) > 0 {
			components = append(components, len(others)+1)
			for _, other := range others {
				seen[other] = true
			}
			seen[id] = true
		}
	}
	slices.SortFunc(components, func(a, b int) int { return b - a })
	require.Equal(t, d.truth.Graph.Components, components)
	require.Len(t, seen, d.truth.Graph.Devices)
	require.Len(t, d.truth.Graph.Top, 5)
	for _, top := range d.truth.Graph.Top {
		id := fmt.Sprintf("dcim.device/%d", top.PK)
		require.Len(t, reach(id, 1), top.Degree, id)
		require.Len(t, reach(id, 2), top.TwoHops, id)
		require.Len(t, reach(id, 0), top.Reachable, id)

		// A cable that is capped degrades the other end and what is behind it.
		r, err := s.Impact(impact.Failed(id), impact.Options{})
		require.NoError(t, err)
		require.Equal(t, impact.Counts{Degraded: top.Reachable}, r.Counts())
	}
}

// Every observation of the demo makes a CI, and the same dump once more finds each of them again, with its keys or without.
func TestTheDemoDataAreIdentifiedAgain(t *testing.T) {
	d, c := readDemo(t), rules(t)
	type ci struct {
		reconcile.Observation
		id itsm.ID
	}
	var cis []ci
	find := func(q reconcile.Query) (found []reconcile.Found, err error) {
		for _, one := range cis {
			switch {
			case q.Key != "":
				if one.Source != q.Source || one.Key != q.Key {
					continue
				}
			case !c.Matches(q, one.Class, one.Name, one.Attributes):
				continue
			}
			if q.Related != nil && !slices.ContainsFunc(one.Relations, func(r reconcile.ObservedRelation) bool {
				return r.Type == q.Related.Relation && itsm.ID(r.Other.Key) == q.Related.Other
			}) {
				continue
			}
			f := reconcile.Found{ID: one.id, Class: one.Class, Created: one.At}
			if one.Source == q.Source {
				f.Key = one.Key
			}
			found = append(found, f)
		}
		return found, nil
	}
	for _, o := range d.told {
		id, err := c.Identify(o, find)
		require.NoError(t, err)
		require.Equal(t, reconcile.ActionCreate, id.Action, "%s: %s", o.Key, id.Reason)
		cis = append(cis, ci{o, itsm.ID(o.Key)})
	}
	require.Len(t, cis, len(d.told))
	same := map[reconcile.Outcome]int{}
	for _, o := range d.told {
		id, err := c.Identify(o, find)
		require.NoError(t, err)
		require.Equal(t, itsm.ID(o.Key), id.ID)

		// Another source that has no keys finds it by its values, or finds that they do not tell it from another.
		o.Source, o.Key = "sheet", ""
		id, err = c.Identify(o, find)
		require.NoError(t, err)
		same[id.Outcome]++
		if id.Outcome == reconcile.OutcomeOne {
			require.Equal(t, cis[slices.IndexFunc(cis, func(one ci) bool { return one.Row == o.Row })].id, id.ID)
		}
	}
	require.Zero(t, same[reconcile.OutcomeNone])
	require.Greater(t, same[reconcile.OutcomeOne], 300)
}
