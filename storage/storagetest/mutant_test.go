package storagetest

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// A suite that cannot fail proves nothing. Here every mutant is a store with one fault that an
// adapter might well have, and names the cases that must fail for it.

func TestMain(m *testing.M) {
	flag.Parse()
	// The model is made to fail on purpose: without a file for each failure, and without
	// looking for the shortest commands.
	setFlag("rapid.nofailfile", "true")
	setFlag("rapid.shrinktime", "0s")
	os.Exit(m.Run())
}

func setFlag(name, value string) {
	if err := flag.Set(name, value); err != nil {
		panic(err)
	}
}

// modelTest stands for the model test among the names of cases.
const modelTest = "Model"

// mutant is a fault and the names of the cases that must find it.
type mutant struct {
	fault string
	by    []string
	make  func(s storage.Store) faults
}

func TestSuiteFindsFaults(t *testing.T) {
	// The model finds most faults within its usual hundred sequences of commands, and the rest
	// soon after; a test must not fail by chance.
	checks := flag.Lookup("rapid.checks").Value.String()
	setFlag("rapid.checks", "2000")
	t.Cleanup(func() { setFlag("rapid.checks", checks) })
	names := map[string]bool{}
	for _, m := range mutants {
		require.False(t, names[m.fault], "two mutants are named %q", m.fault)
		names[m.fault] = true
		t.Run(m.fault, func(t *testing.T) {
			open := func() storage.Store {
				s := memory.New()
				return &faulty{s, m.make(s)}
			}
			require.NotEmpty(t, m.by)
			for _, name := range m.by {
				var complaint string
				if name == modelTest {
					complaint = record(name, time.Minute, func(r *recorder) { checkModel(r, open()) })
				} else {
					c := caseNamed(t, name)
					complaint = record(name, time.Minute, func(r *recorder) { c.start(r, open) })
				}
				require.NotEmpty(t, complaint, "%s did not find it", name)
				t.Logf("found by %s: %s", name, firstLines(complaint))
			}
		})
	}
}

// TestSuiteFindsNothingElse holds that what finds the mutants finds no fault in the store that
// they are made of, wrapped in the same way.
func TestSuiteFindsNothingElse(t *testing.T) {
	open := func() storage.Store { return &faulty{memory.New(), faults{}} }
	done := map[string]bool{}
	for _, m := range mutants {
		for _, name := range m.by {
			if name == modelTest || done[name] {
				continue
			}
			done[name] = true
			c := caseNamed(t, name)
			require.Empty(t, record(name, time.Minute, func(r *recorder) { c.start(r, open) }), "%s", name)
		}
	}
	require.Empty(t, record(modelTest, time.Minute, func(r *recorder) { checkModel(r, open()) }))
}

func firstLines(s string) string {
	if i := strings.Index(s, "Error:"); i >= 0 {
		s = s[i:]
	}
	return s[:min(len(s), 200)]
}

var mutants = slices.Concat(recordMutants, valueMutants, unitMutants, tenantMutants, queryMutants, eventMutants, jobMutants, keyMutants, inputMutants, sequenceMutants, uniqueMutants, readMutants, namedMutants, restoreMutants, expectationMutants)
