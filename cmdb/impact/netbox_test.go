// This file holds the engine to the cables of NetBox's demo data.

package impact_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb/impact"
)

// netbox are the devices and how cables connect them.
type netbox struct {
	devices []string
	cables  []impact.Relation
	ends    map[int][]string // devices at the ends of each cable; "" is none
}

func readNetbox(t *testing.T) netbox {
	file, err := os.Open(dataFile(t, "netbox-demo/netbox-demo-v3.6-cmdb.json.gz"))
	require.NoError(t, err)
	defer file.Close()
	zip, err := gzip.NewReader(file)
	require.NoError(t, err)
	text, err := io.ReadAll(zip)
	require.NoError(t, err)
	var objects []struct {
		Model  string
		PK     int
		Fields map[string]any
	}
	require.NoError(t, json.Unmarshal(text, &objects))
	n := netbox{ends: map[int][]string{}}
	device := func(pk any) string { return fmt.Sprintf("device %v", pk) }
	deviceOf := map[string]string{} // by port
	for _, o := range objects {
		if o.Model == "dcim.device" {
			n.devices = append(n.devices, device(o.PK))
		}
		if pk, ok := o.Fields["device"].(float64); ok {
			deviceOf[fmt.Sprintf("%s %d", o.Model, o.PK)] = device(int(pk))
		}
	}
	for _, o := range objects {
		if o.Model != "dcim.cabletermination" {
			continue
		}
		kind := o.Fields["termination_type"].([]any)
		port := fmt.Sprintf("%v.%v %v", kind[0], kind[1], o.Fields["termination_id"])
		cable := int(o.Fields["cable"].(float64))
		n.ends[cable] = append(n.ends[cable], deviceOf[port])
	}
	for _, ends := range n.ends {
		if len(ends) == 2 && ends[0] != "" && ends[1] != "" && ends[0] != ends[1] {
			n.cables = append(n.cables, impact.Relation{Source: ends[0], Kind: "connects to", Target: ends[1]})
		}
	}
	return n
}

func TestNetBoxCablesReachTheDevicesThatTheTruthSays(t *testing.T) {
	text, err := os.ReadFile(dataFile(t, "netbox-demo/truth.json"))
	require.NoError(t, err)
	var truth struct {
		Models map[string]int `json:"objects_by_model"`
		Graph  struct {
			Cables     int   `json:"cables"`
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
	require.NoError(t, json.Unmarshal(text, &truth))
	n := readNetbox(t)
	require.Len(t, n.devices, truth.Models["dcim.device"])
	require.Len(t, n.ends, truth.Graph.Cables)

	m := model{cis: n.devices, relations: n.cables}
	s := m.load(t, 1)
	require.Equal(t, truth.Graph.Pairs, s.Relations())

	reach := func(id string, depth int) []string {
		found, err := s.Reach(impact.Downstream, []string{id}, impact.Options{Depth: depth})
		require.NoError(t, err)
		return found.IDs()
	}
	seen := map[string]bool{}
	var components []int
	for _, id := range n.devices {
		if others := reach(id, 0); !seen[id] && len(others) > 0 {
			components = append(components, len(others)+1)
			for _, other := range others {
				seen[other] = true
			}
			seen[id] = true
		}
	}
	slices.SortFunc(components, func(a, b int) int { return b - a })
	require.Equal(t, truth.Graph.Components, components)
	require.Len(t, seen, truth.Graph.Devices)
	require.Len(t, truth.Graph.Top, 5)
	for _, top := range truth.Graph.Top {
		id := fmt.Sprintf("device %d", top.PK)
		require.Len(t, reach(id, 1), top.Degree, id)
		require.Len(t, reach(id, 2), top.TwoHops, id)
		require.Len(t, reach(id, 0), top.Reachable, id)

		// A cable that is capped degrades the other end and what is behind it.
		r, err := s.Impact(impact.Failed(id), impact.Options{})
		require.NoError(t, err)
		require.Equal(t, impact.Counts{Degraded: top.Reachable}, r.Counts())
	}
}
