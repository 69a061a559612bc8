package cmdb_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/netbox"
	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func inMemory(t require.TestingT) *cmdb.Practice {
	e, err := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return monday }})
	require.NoError(t, err)
	p, err := cmdb.New(e, cmdb.Options{})
	require.NoError(t, err)
	return p
}

// told is a CMDB as people would tell it, without ids and instants: CIs by class and name with their attributes, and relations.
func told(t require.TestingT, p *cmdb.Practice) (all []string, versions int64) {
	ctx := context.Background()
	name := map[itsm.ID]string{}
	var ids []itsm.ID
	for h, err := range p.All(ctx, cora, storage.Query[cmdb.Head]{Limit: storage.MaxPage}) {
		require.NoError(t, err)
		ci, err := p.Get(ctx, cora, h.ID)
		require.NoError(t, err)
		name[h.ID] = h.Class + " " + h.Name
		ids = append(ids, h.ID)
		versions += h.Version
		values, err := json.Marshal(ci.Attributes)
		require.NoError(t, err)
		sources, err := p.Sources(ctx, cora, h.ID)
		require.NoError(t, err)
		all = append(all, fmt.Sprint(name[h.ID], " ", string(values), " ", ci.Origins, " ", sources))
	}
	for _, id := range ids {
		for rel, err := range storage.Pages(storage.Query[cmdb.RelationHead]{Limit: storage.MaxPage}, func(q storage.Query[cmdb.RelationHead]) (storage.Page[cmdb.RelationHead], error) {
			return p.Relations(ctx, cora, id, q)
		}) {
			require.NoError(t, err)
			if rel.Source == id || rel.Target == id {
				ends := []string{name[rel.Source], name[rel.Target]}
				if rel.Type == schema.RelationConnectedTo {
					slices.Sort(ends)
				}
				all = append(all, fmt.Sprint(ends[0], " ", rel.Type, " ", ends[1], " ", rel.Current))
			}
		}
	}
	slices.Sort(all)
	snapshot, err := p.Snapshot(ctx, cora, 0)
	require.NoError(t, err)
	return all, versions + int64(snapshot.Revision())
}

func rows(all []reconcile.Observation) iter.Seq2[reconcile.Observation, error] {
	return func(yield func(reconcile.Observation, error) bool) {
		for _, o := range all {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// site is a site with racks, hosts and databases that are known by nothing but what they are in.
func site(sites, hosts int, keys bool) (all []reconcile.Observation) {
	key := func(format string, n ...any) string {
		if !keys {
			return ""
		}
		return fmt.Sprintf(format, n...)
	}
	for s := range sites {
		at := reconcile.Pointer{Class: schema.ClassSite, Name: fmt.Sprint("site ", s)}
		all = append(all, reconcile.Observation{Source: "sheet", Key: key("s%d", s), Class: schema.ClassSite, Name: at.Name, At: monday})
		all = append(all, reconcile.Observation{Source: "sheet", Key: key("r%d", s), Class: schema.ClassRack, Name: "rack", At: monday,
			Relations: []reconcile.ObservedRelation{{Type: schema.RelationLocatedAt, Other: at}}})
		for h := range hosts {
			serial := schema.Values{"serial_number": schema.Text(fmt.Sprintf("S-%d-%d", s, h))}
			all = append(all, reconcile.Observation{Source: "sheet", Key: key("h%d.%d", s, h), Class: schema.ClassHost, Name: fmt.Sprintf("host%d.%d", s, h), Attributes: serial, At: monday,
				Relations: []reconcile.ObservedRelation{{Type: schema.RelationLocatedAt, Other: at}}})
			all = append(all, reconcile.Observation{Source: "sheet", Key: key("d%d.%d", s, h), Class: schema.ClassDatabase, Name: "orders", At: monday,
				Relations: []reconcile.ObservedRelation{{Type: schema.RelationRunsOn, Other: reconcile.Pointer{Class: schema.ClassHost, Attributes: serial}}}})
		}
	}
	return all
}

// Whatever order the rows of a file are in, the same CMDB comes of it, and the file once more changes nothing.
func TestTheOrderOfImportedRowsMeansNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := site(rapid.IntRange(1, 3).Draw(t, "sites"), rapid.IntRange(0, 4).Draw(t, "hosts"), rapid.Bool().Draw(t, "keys"))
		o := cmdb.ImportOptions{Batch: rapid.IntRange(1, 12).Draw(t, "batch")}
		one, other := inMemory(t), inMemory(t)
		result, err := one.Import(context.Background(), cora, "file", rows(all), o)
		require.NoError(t, err)
		require.Equal(t, len(all), result.Created)
		want, _ := told(t, one)

		o.Batch = rapid.IntRange(1, 12).Draw(t, "other batch")
		o.Partial = rapid.Bool().Draw(t, "partial")
		_, err = other.Import(context.Background(), cora, "file", rows(rapid.Permutation(all).Draw(t, "order")), o)
		require.NoError(t, err)
		got, versions := told(t, other)
		require.Equal(t, want, got)

		result, err = other.Import(context.Background(), cora, "file", rows(rapid.Permutation(all).Draw(t, "order again")), o)
		require.NoError(t, err)
		require.Equal(t, len(all), result.Unchanged)
		got, again := told(t, other)
		require.Equal(t, want, got)
		require.Equal(t, versions, again)
	})
}

// The data are looked for beside the checkout, or where the environment says; a test that needs them is skipped without them, but not
// in CI.
func dataFile(t testing.TB, name string) []byte {
	t.Helper()
	folder := os.Getenv("ITSMKIT_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "shared", "data")
	}
	file, err := os.Open(filepath.Join(folder, "netbox-demo", name))
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the data are missing: %v; set ITSMKIT_DATA", err)
		}
		t.Skipf("the data are not here: %v; set ITSMKIT_DATA", err)
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

// NetBox's demonstration data become the CIs that others counted in them, and once more change nothing.
func TestM13NetBoxIsImportedTwice(t *testing.T) {
	raw := string(dataFile(t, "netbox-demo-v3.6-cmdb.json.gz"))
	var truth struct {
		Models map[string]int `json:"objects_by_model"`
		Sites  map[string]int `json:"devices_by_site"`
	}
	require.NoError(t, json.Unmarshal(dataFile(t, "truth.json"), &truth))
	model, err := schema.Shipped().Compile()
	require.NoError(t, err)
	compiled, err := reconcile.Shipped().Compile(model)
	require.NoError(t, err)
	inventory := func(at time.Time) iter.Seq2[reconcile.Observation, error] {
		return func(yield func(reconcile.Observation, error) bool) {
			netbox.Read(strings.NewReader(raw), compiled, netbox.Options{}, at)(yield)
		}
	}
	p := inMemory(t)
	began := time.Now()
	result, err := p.Import(t.Context(), cora, "netbox", inventory(monday), cmdb.ImportOptions{})
	require.NoError(t, err)
	t.Logf("%d rows and %d relations in %v", result.Rows, result.Related, time.Since(began))
	require.Equal(t, result.Rows, result.Created)
	_, versions := told(t, p)

	// Each device is one CI, by NetBox's own key, and at the site where it was counted.
	devices, sites := 0, map[string]int{}
	for h, err := range p.All(t.Context(), cora, storage.Query[cmdb.Head]{Limit: storage.MaxPage}) {
		require.NoError(t, err)
		sources, err := p.Sources(t.Context(), cora, h.ID)
		require.NoError(t, err)
		require.Len(t, sources, 1)
		if !strings.HasPrefix(sources[0].Key, "dcim.device/") {
			continue
		}
		devices++
		rels, err := p.Relations(t.Context(), cora, h.ID, storage.Query[cmdb.RelationHead]{Limit: storage.MaxPage,
			Where: storage.AllOf(cmdb.RelationByType.Is(schema.RelationLocatedAt), cmdb.RelationBySource.Is(h.ID))})
		require.NoError(t, err)
		require.Len(t, rels.Items, 1)
		at, err := p.Get(t.Context(), cora, rels.Items[0].Target)
		require.NoError(t, err)
		sites[at.Name]++
	}
	require.Equal(t, truth.Models["dcim.device"], devices)
	require.Equal(t, truth.Sites, sites)

	for _, at := range []time.Time{monday, monday.Add(24 * time.Hour)} {
		again, err := p.Import(t.Context(), cora, "netbox", inventory(at), cmdb.ImportOptions{})
		require.NoError(t, err)
		require.Equal(t, cmdb.ImportResult{Rows: result.Rows, Unchanged: result.Rows}, again)
		_, now := told(t, p)
		require.Equal(t, versions, now)
	}
}

// Rows with many relations are taken in as many at a time as a unit may tell of, though a batch has more.
func TestAnImportOfManyRelationsIsManyUnits(t *testing.T) {
	p := inMemory(t)
	const hosts, tied = 700, 20
	var all []reconcile.Observation
	var relations []reconcile.ObservedRelation
	for i := range hosts {
		name := fmt.Sprint("host ", i)
		all = append(all, reconcile.Observation{Source: "scan", Key: name, Class: schema.ClassHost, Name: name, At: monday,
			Attributes: schema.Values{"serial_number": schema.Text(fmt.Sprint("S", i))}})
		relations = append(relations, reconcile.ObservedRelation{Type: schema.RelationDependsOn, Other: reconcile.Pointer{Key: name, Class: schema.ClassHost}})
	}
	for i := range tied {
		name := fmt.Sprint("application ", i)
		all = append(all, reconcile.Observation{Source: "scan", Key: name, Class: schema.ClassApplication, Name: name, At: monday, Relations: relations})
	}
	for _, again := range []bool{false, true} {
		units := 0
		result, err := p.Import(context.Background(), cora, fmt.Sprint(again), rows(all), cmdb.ImportOptions{Partial: true, Batch: cmdb.MaxImportBatch,
			Progress: func(now cmdb.ImportProgress) {
				if now.Phase == cmdb.PhaseWrite {
					units++
				}
			}})
		require.NoError(t, err)
		require.Empty(t, result.Faulty)
		if again {
			require.Equal(t, cmdb.ImportResult{Rows: hosts + tied, Unchanged: hosts + tied}, result)
			require.Equal(t, 1, units)
			continue
		}
		require.Equal(t, hosts+tied, result.Created)
		require.Equal(t, hosts*tied, result.Related)
		require.Greater(t, units, 1)
	}
}

// A rack is pointed to by its name, as long as one alone has it; a rack itself is told by more, so that none is taken for another.
func TestARackIsPointedToByItsName(t *testing.T) {
	p := inMemory(t)
	at := func(site string) []reconcile.ObservedRelation {
		return []reconcile.ObservedRelation{{Type: schema.RelationLocatedAt, Other: reconcile.Pointer{Class: schema.ClassSite, Name: site}}}
	}
	in := []reconcile.ObservedRelation{{Type: schema.RelationContainedIn, Other: reconcile.Pointer{Class: schema.ClassRack, Name: "r1"}}}
	all := []reconcile.Observation{
		{Source: "sheet", Class: schema.ClassHost, Name: "web1", At: monday, Relations: in},
		{Source: "sheet", Class: schema.ClassRack, Name: "R1", At: monday, Relations: at("Aachen")},
		{Source: "sheet", Class: schema.ClassSite, Name: "Aachen", At: monday},
	}
	for range 2 {
		result, err := p.Import(t.Context(), cora, "sheet", rows(all), cmdb.ImportOptions{})
		require.NoError(t, err)
		require.Zero(t, result.FaultyRows)
	}
	got, _ := told(t, p)
	require.Contains(t, got, "host web1 contained_in rack R1 true")

	all = append(all, reconcile.Observation{Source: "sheet", Class: schema.ClassSite, Name: "Bonn", At: monday},
		reconcile.Observation{Source: "sheet", Class: schema.ClassRack, Name: "R1", At: monday, Relations: at("Bonn")})
	result, err := p.Import(t.Context(), cora, "sheet", rows(all[1:]), cmdb.ImportOptions{})
	require.NoError(t, err)
	require.Equal(t, 2, result.Created, "another site's rack of the same name is another")
	_, err = p.Import(t.Context(), cora, "sheet", rows(all), cmdb.ImportOptions{})
	require.ErrorContains(t, err, "rows[1].relations[0].other is not found: 2 CIs were found", "which one of two is not guessed")
	_, err = p.Import(t.Context(), cora, "sheet", rows([]reconcile.Observation{{Source: "sheet", Class: schema.ClassRack, Name: "R7", At: monday}}), cmdb.ImportOptions{})
	require.ErrorContains(t, err, "rows[1].class")
}
