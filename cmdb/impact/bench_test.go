// This file holds what questions and edits cost, on a made-up estate of a million CIs and five million
// relations. ITSMKIT_ESTATE sets another number of CIs.

package impact_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/internal/estate"
)

func estateCIs(b *testing.B) int {
	n := 1_000_000
	if s := os.Getenv("ITSMKIT_ESTATE"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(b, err)
	}
	return n
}

var made struct {
	sync.Once
	estate   *estate.Estate
	snapshot *impact.Snapshot
}

// large gives the estate and its snapshot, made once.
func large(b *testing.B) (*estate.Estate, *impact.Snapshot) {
	n := estateCIs(b)
	made.Do(func() {
		made.estate = estate.New(n)
		made.snapshot = loadEstate(b, made.estate)
		runtime.GC()
	})
	return made.estate, made.snapshot
}

func loadEstate(t require.TestingT, e *estate.Estate) *impact.Snapshot {
	l, err := impact.NewLoader([]impact.Kind{{Name: "depends on", Flow: impact.ToSource, Propagation: impact.Full}})
	require.NoError(t, err)
	for _, id := range e.IDs {
		l.CI(id)
	}
	for i, owner := range e.Owner {
		l.Relation(impact.Relation{Source: e.IDs[owner], Kind: "depends on", Target: e.IDs[e.Member[i]]})
	}
	members := make([]impact.Member, 0, 4)
	for _, g := range e.Groups {
		members = members[:0]
		for _, m := range g.Members {
			members = append(members, impact.Member{ID: e.IDs[m]})
		}
		l.Group(impact.Group{Owner: e.IDs[g.Owner], Kind: "depends on", Members: members, Need: impact.AtLeast(1)})
	}
	s, err := l.Snapshot(1)
	require.NoError(t, err)
	return s
}

func BenchmarkLoad(b *testing.B) {
	e, _ := large(b)
	for b.Loop() {
		s := loadEstate(b, e)
		b.ReportMetric(float64(s.Bytes())/float64(s.Len()+e.Relations()), "bytes/CI+relation")
	}
}

func BenchmarkImpact(b *testing.B) {
	e, s := large(b)
	for _, f := range e.Failures {
		failed := impact.Failed(e.IDs[f.CI])
		for _, of := range []struct {
			name string
			ask  func() (answered, work int, err error)
		}{
			{"k-of-n", func() (int, int, error) {
				r, err := s.Impact(failed, impact.Options{})
				if err != nil {
					return 0, 0, err
				}
				return r.Counts().Down, r.Work(), nil
			}},
			{"closure", func() (int, int, error) {
				r, err := s.Reach(impact.Downstream, []string{failed[0].ID}, impact.Options{})
				if err != nil {
					return 0, 0, err
				}
				return r.Len(), 0, nil
			}},
		} {
			b.Run(fmt.Sprintf("%s/impacted=%d", of.name, f.Impact), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					n, work, err := of.ask()
					if err != nil || n != f.Impact {
						b.Fatalf("%d impacted, want %d: %v", n, f.Impact, err)
					}
					if work > 0 {
						b.ReportMetric(float64(work), "relations/op")
					}
				}
			})
		}
	}
}

func BenchmarkEdit(b *testing.B) {
	e, s := large(b)
	for _, batch := range []int{1, 100} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			g := impact.NewGraph(s)
			revision, at := s.Revision(), 0
			edits := make([]impact.Edit, batch)
			for b.Loop() {
				for i := range edits {
					// Each relation goes and comes back.
					r := impact.Relation{Source: e.IDs[e.Owner[at/2%len(e.Owner)]], Kind: "depends on", Target: e.IDs[e.Member[at/2%len(e.Owner)]]}
					edits[i] = impact.Unrelate(r)
					if at%2 == 1 {
						edits[i] = impact.Relate(r)
					}
					at++
				}
				revision++
				if _, err := g.Edit(revision, edits...); err != nil {
					b.Skip(err) // the same relation twice in the estate
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/edit")
		})
	}
}

// BenchmarkEdited asks of a graph that one CI in a hundred was edited of.
func BenchmarkEdited(b *testing.B) {
	e, s := large(b)
	var edits []impact.Edit
	for i := 0; i < len(e.IDs)/100; i++ {
		at := i * 97 % len(e.IDs)
		edits = append(edits, impact.Relate(impact.Relation{Source: e.IDs[e.Failures[0].CI], Kind: "depends on", Target: e.IDs[at]}))
	}
	edited, err := s.Edit(2, edits...)
	require.NoError(b, err)
	for _, f := range e.Failures[1:] {
		for _, of := range []struct {
			name string
			s    *impact.Snapshot
		}{{"compact", s}, {"edited", edited}} {
			b.Run(fmt.Sprintf("%s/impacted=%d", of.name, f.Impact), func(b *testing.B) {
				failed := impact.Failed(e.IDs[f.CI])
				for b.Loop() {
					if _, err := of.s.Impact(failed, impact.Options{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
	b.Run("compaction", func(b *testing.B) {
		for b.Loop() {
			edited.Compacted()
		}
	})
}

func BenchmarkQuestions(b *testing.B) {
	e, s := large(b)
	for i, f := range e.Failures {
		failed := impact.Failed(e.IDs[f.CI])
		r, err := s.Impact(failed, impact.Options{})
		require.NoError(b, err)
		list := r.List()
		far := list[len(list)-1].ID
		b.Run(fmt.Sprintf("explain/impacted=%d", f.Impact), func(b *testing.B) {
			for b.Loop() {
				if _, err := r.Explain(far); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("single points/impacted=%d", f.Impact), func(b *testing.B) {
			for b.Loop() {
				p, err := s.SinglePoints(b.Context(), far, impact.PointOptions{})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(p.Candidates), "candidates")
				b.ReportMetric(float64(p.Tried), "tried")
			}
		})
		symptoms := []impact.Failure{}
		for j := 0; j < 5; j++ {
			symptoms = append(symptoms, impact.Failed(list[(j*len(list)/5+i)%len(list)].ID)...)
		}
		b.Run(fmt.Sprintf("causes/impacted=%d", f.Impact), func(b *testing.B) {
			for b.Loop() {
				d, err := s.Causes(b.Context(), symptoms, impact.CauseOptions{})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(d.Candidates), "candidates")
				if !slices.ContainsFunc(d.Causes, func(c impact.Cause) bool { return len(c.Explains) > 0 }) {
					b.Fatal("no cause")
				}
			}
		})
	}
}

// BenchmarkDebian loses the C library of a distribution, of which most packages go down. It needs the
// data that TestDebianHasTheImpactsThatOtherProgramsComputed does.
func BenchmarkDebian(b *testing.B) {
	d := readDebian(b)
	s := d.load(b, impact.AtLeast(1), impact.None, rand.New(rand.NewPCG(1, 1)))
	failed := impact.Failed("libc6")
	b.Run("k-of-n", func(b *testing.B) {
		for b.Loop() {
			r, err := s.Impact(failed, impact.Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(r.Work()), "relations/op")
		}
	})
	b.Run("closure", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Reach(impact.Downstream, []string{"libc6"}, impact.Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
