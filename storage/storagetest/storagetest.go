package storagetest

import (
	"context"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case against a store, each as a subtest with a store of its own, and then
// the model test that [RunModel] runs. It is all that an adapter's test has to call.
//
// newStore gives an empty store whose own tables are ready. It may be called more than once in
// a subtest: each store that it gives must be apart from all others. A store that is a
// [storage.Migrator] is migrated by the suite with the suite's schemas. The suite closes each
// store at the end of its subtest; what else newStore opened, it closes itself with t.Cleanup.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.cases {
				t.Run(c.name, func(t *testing.T) {
					c.start(t, func() storage.Store { return newStore(t) })
				})
			}
		})
	}
	t.Run("Model", func(t *testing.T) { RunModel(t, newStore) })
}

// testingT is what a case needs of a *testing.T, so that it can also be run where its failure
// is what is hoped for.
type testingT interface {
	require.TestingT
	Helper()
	Name() string
	Cleanup(func())
	Context() context.Context
}

// group is the cases of one subject, testCase one promise.
type (
	group struct {
		name  string
		cases []testCase
	}
	testCase struct {
		name string
		run  func(e *env)
	}
)

// groups is the whole suite, in the order in which it is run.
var groups = []group{
	{"Records", recordCases},
	{"Values", valueCases},
	{"Units", unitCases},
	{"Snapshots", snapshotCases},
	{"Reads", readCases},
	{"Unique indexes", uniqueCases},
	{"Tenants", tenantCases},
	{"Queries", queryCases},
	{"Named", namedCases},
	{"Pages", pageCases},
	{"Counts", countCases},
	{"Schemas", schemaCases},
	{"Events", eventCases},
	{"Jobs", jobCases},
	{"Claims", claimCases},
	{"Outcomes", outcomeCases},
	{"Locks", lockCases},
	{"Expectations", expectationCases},
	{"Sequences", sequenceCases},
	{"Restoring", restoreCases},
	{"Contention", contentionCases},
	{"Cancellation", cancellationCases},
	{"Input", inputCases},
	{"Keys", keyCases},
}

// patience is how long a case may take before its context ends, so that a store that waits
// for ever fails and does not hang.
const patience = 2 * time.Minute

// start runs the case against a new store.
func (c testCase) start(t testingT, open func() storage.Store) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	e := &env{testingT: t, ctx: ctx, open: open}
	defer func() {
		if p := recover(); p != nil { // of the store, or of a case that it led astray: the others go on
			t.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	e.store = e.another()
	c.run(e)
}

// env is what a case works with: its test, its context and its store.
type env struct {
	testingT
	ctx   context.Context
	store storage.Store
	open  func() storage.Store
}

// another gives one more empty store, apart from the first.
func (e *env) another() storage.Store {
	e.Helper()
	s := e.open()
	e.Cleanup(func() {
		if err := s.Close(); err != nil {
			e.Errorf("closing the store: %v", err)
		}
	})
	e.migrate(s, schemas...)
	return s
}

// migrate prepares the tables where the store must do so.
func (e *env) migrate(s storage.Store, schemas ...*storage.Schema) {
	e.Helper()
	if m, ok := s.(storage.Migrator); ok {
		require.NoError(e, m.Migrate(e.ctx, schemas...), "migrating the suite's tables")
	}
}
