// This file holds the engine to truths that other programs computed over real data, which are not
// part of the repository.

package impact_test

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb/impact"
)

// The data are looked for beside the checkout, or where the environment says; a test that needs them
// is skipped without them, but not in CI.
const dataEnv = "ITSMKIT_DATA"

func dataFile(t testing.TB, name string) string {
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

// lines reads a compressed file of fields between tabs.
func lines(t testing.TB, name string) (rows [][]string) {
	t.Helper()
	file, err := os.Open(dataFile(t, name))
	require.NoError(t, err)
	defer file.Close()
	zip, err := gzip.NewReader(file)
	require.NoError(t, err)
	scanner := bufio.NewScanner(zip)
	for scanner.Scan() {
		rows = append(rows, strings.Split(scanner.Text(), "\t"))
	}
	require.NoError(t, scanner.Err())
	return rows
}

// debian is the dependencies of a distribution: packages, and groups of which one member suffices.
type debian struct {
	packages []string
	groups   []impact.Group // of kinds depends and recommends
}

func readDebian(t testing.TB) (d debian) {
	names := map[string]string{}
	for _, row := range lines(t, "debian-dependencies/nodes.tsv.gz") {
		names[row[0]] = row[1]
		d.packages = append(d.packages, row[1])
	}
	place := map[[2]string]int{}
	for _, row := range lines(t, "debian-dependencies/edges.tsv.gz") {
		key := [2]string{row[0], row[1]}
		i, ok := place[key]
		if !ok {
			i = len(d.groups)
			place[key] = i
			kind := "depends"
			if row[1][0] == 'R' {
				kind = "recommends"
			}
			d.groups = append(d.groups, impact.Group{Owner: names[row[0]], Kind: kind, Name: row[1]})
		}
		d.groups[i].Members = append(d.groups[i].Members, impact.Member{ID: names[row[2]]})
	}
	return d
}

// load gives the graph with a need of each group of the kind depends, and a propagation of the kind
// recommends, read in an order of its own.
func (d debian) load(t testing.TB, need impact.Need, recommends impact.Propagation, order *rand.Rand) *impact.Snapshot {
	l, err := impact.NewLoader([]impact.Kind{
		{Name: "depends", Flow: impact.ToSource, Propagation: impact.Full},
		{Name: "recommends", Flow: impact.ToSource, Propagation: recommends},
	})
	require.NoError(t, err)
	for i, p := range order.Perm(len(d.packages) + len(d.groups)) {
		if p < len(d.packages) {
			l.CI(d.packages[p])
			continue
		}
		g := d.groups[p-len(d.packages)]
		g.Need = need
		if g.Kind == "recommends" {
			g.Need = impact.AtLeast(1)
		}
		g.Members = slices.Clone(g.Members)
		order.Shuffle(len(g.Members), func(i, j int) { g.Members[i], g.Members[j] = g.Members[j], g.Members[i] })
		// One of one is a relation as well.
		if len(g.Members) == 1 && i%2 == 0 {
			l.Relation(impact.Relation{Source: g.Owner, Kind: g.Kind, Target: g.Members[0].ID})
			continue
		}
		l.Group(g)
	}
	s, err := l.Snapshot(1)
	require.NoError(t, err)
	return s
}

type truthSet struct {
	Count  int    `json:"count"`
	SHA256 string `json:"sha256"`
}

type truthCase struct {
	Seeds  []string `json:"seeds"`
	Plain  truthSet `json:"a_plain"`
	OneOfN truthSet `json:"b_one_of_n"`
	Major  truthSet `json:"m_majority"`
	Cap    truthSet `json:"t_cap_degraded"`
	Soften truthSet `json:"t_soften_degraded"`
	AtRisk truthSet `json:"at_risk"`
}

// setOf describes the ids of impacted CIs as the truth does.
func setOf(ids []string) truthSet {
	slices.Sort(ids)
	hash := sha256.New()
	for _, id := range ids {
		hash.Write([]byte(id + "\n"))
	}
	return truthSet{Count: len(ids), SHA256: hex.EncodeToString(hash.Sum(nil))}
}

func inState(r *impact.Result, state impact.State) (ids []string) {
	for one := range r.All() {
		if one.State == state {
			ids = append(ids, one.ID)
		}
	}
	return ids
}

func TestDebianHasTheImpactsThatOtherProgramsComputed(t *testing.T) {
	text, err := os.ReadFile(dataFile(t, "debian-dependencies/truth.json"))
	require.NoError(t, err)
	var truth struct {
		Single []truthCase `json:"single"`
		Multi  []truthCase `json:"multi"`
	}
	require.NoError(t, json.Unmarshal(text, &truth))
	cases := slices.Concat(truth.Single, truth.Multi)
	require.Greater(t, len(cases), 10)
	d := readDebian(t)

	for order := range uint64(2) {
		rng := rand.New(rand.NewPCG(order, 7))
		plain := d.load(t, impact.Percent(100), impact.None, rng)
		oneOfN := d.load(t, impact.AtLeast(1), impact.None, rng)
		major := d.load(t, impact.Percent(50), impact.None, rng)
		capped := d.load(t, impact.AtLeast(1), impact.Cap, rng)
		softened := d.load(t, impact.AtLeast(1), impact.Soften, rng)
		require.Equal(t, 63666, plain.Len())
		for _, c := range cases {
			ask := func(s *impact.Snapshot) *impact.Result {
				r, err := s.Impact(impact.Failed(c.Seeds...), impact.Options{})
				require.NoError(t, err)
				return r
			}
			require.Equal(t, c.Plain, setOf(inState(ask(plain), impact.Down)), c.Seeds)
			require.Equal(t, c.OneOfN, setOf(inState(ask(oneOfN), impact.Down)), c.Seeds)
			require.Equal(t, c.Major, setOf(inState(ask(major), impact.Down)), c.Seeds)
			require.Equal(t, c.Cap, setOf(inState(ask(capped), impact.Degraded)), c.Seeds)
			r := ask(softened)
			require.Equal(t, c.Soften, setOf(inState(r, impact.Degraded)), c.Seeds)
			require.Equal(t, c.OneOfN, setOf(inState(r, impact.Down)), c.Seeds)

			// The truth knows as at risk what works and has lost a member that is down, of a
			// group that it depends on.
			var atRisk []string
			for _, id := range inState(r, impact.AtRisk) {
				why, err := r.WhyNot(id)
				require.NoError(t, err)
				if slices.ContainsFunc(why.Supports, func(s impact.SupportStanding) bool { return s.Kind == "depends" && s.Lost > 0 }) {
					atRisk = append(atRisk, id)
				}
			}
			require.Equal(t, c.AtRisk, setOf(atRisk), c.Seeds)

			reached, err := oneOfN.Reach(impact.Downstream, c.Seeds, impact.Options{})
			require.NoError(t, err)
			require.Equal(t, c.Plain, setOf(reached.IDs()), c.Seeds)
		}
	}
}

func TestProofsOfRealImpactsAreAccepted(t *testing.T) {
	d := readDebian(t)
	s := d.load(t, impact.AtLeast(1), impact.Cap, rand.New(rand.NewPCG(1, 1)))
	failures := impact.Failed("libpam-systemd", "libgl1", "exim4-daemon-light")
	r, err := s.Impact(failures, impact.Options{})
	require.NoError(t, err)
	proved := 0
	for i, one := range r.List() {
		if i%7 != 0 {
			continue
		}
		proof, err := r.Explain(one.ID)
		require.NoError(t, err)
		require.Equal(t, one.State, proof.State)
		require.NoError(t, impact.Check(s, failures, impact.Options{}, proof), one.ID)
		proved++
	}
	require.Greater(t, proved, 300)
}
