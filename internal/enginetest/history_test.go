package enginetest_test

// This file is how concurrent histories are made and judged. Several clients, over several stores
// that were opened on one database as several processes have them, give random commands at once. What
// each asked and was told, and the order in which asking and telling followed each other, is a
// history; it is right where there is one order of the commands, in which each takes effect at one
// moment between being asked and being told, that explains every answer.
//
//	go test -run Histories -histories 50          # more of each kind
//	go test -run Histories -histories.seed 12345  # the same commands again

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

var (
	histories   = flag.Int("histories", 2, "how many concurrent histories of each kind are judged on each engine")
	historySeed = flag.Uint64("histories.seed", 0, "what the random commands of the histories begin with; 0 is another one each time")
)

const (
	historyStores  = 3 // on one database
	historyClients = 6
)

// site is where histories are made.
type site struct {
	name string
	// interleaves says that units of one tenant may be open at the same time.
	interleaves bool
	// atCommit says that units of two stores do not wait for each other, and that one of two that cannot both
	// be is undone when it commits.
	atCommit bool
	// stores opens n stores on a new database.
	stores func(tb testing.TB, n int, schemas ...*storage.Schema) []storage.Store
}

// sites are the store in memory, which all clients share, every engine, and the cluster.
func sites() []site {
	all := []site{{name: "memory", stores: func(tb testing.TB, n int, _ ...*storage.Schema) []storage.Store {
		return slices.Repeat([]storage.Store{memory.New()}, n)
	}}}
	for _, e := range engines {
		all = append(all, site{name: e.name, interleaves: e.dialect != sqlstore.SQLite, stores: e.stores})
	}
	return append(all, clusters...)
}

// stores opens n stores on a new database, each with connections of its own.
func (e engine) stores(tb testing.TB, n int, schemas ...*storage.Schema) []storage.Store {
	tb.Helper()
	dsn := e.empty(tb)
	all := make([]storage.Store, n)
	for i := range all {
		s := open(tb, e, dsn, nil)
		if i == 0 {
			require.NoError(tb, s.Migrate(context.Background(), schemas...))
		}
		all[i] = s
	}
	return all
}

// history is what was asked and told. Its clock only counts, so that what was told before something
// was asked has the lesser number.
type history struct {
	clock atomic.Int64

	mu  sync.Mutex
	ops []porcupine.Operation
}

func (h *history) now() int64 { return h.clock.Add(1) }

// told notes what was asked at a moment and is answered now. Where the outcome is unknown it may take
// effect at any later moment, or never.
func (h *history) told(client int, asked int64, in, out any, outcome error) {
	at := int64(math.MaxInt64)
	if outcome != errUnknown {
		at = h.now()
	}
	h.during(client, asked, at, in, out)
}

func (h *history) during(client int, asked, told int64, in, out any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: in, Call: asked, Output: out, Return: told})
}

// The outcomes that commands have in a history. What is to be tried again did not happen, and is not
// noted.
var (
	errConflict = storage.ErrConflict
	errNotFound = storage.ErrNotFound
	errInvalid  = storage.ErrInvalid
	errUnknown  = storage.ErrUnknownOutcome
)

// conclude makes the error of a store one of these. Where there is nothing to note, because nothing
// happened, it says so.
func conclude(err error) (of error, nothing bool, unexpected error) {
	switch {
	case err == nil:
		return nil, false, nil
	case is(err, storage.ErrUnknownOutcome):
		return errUnknown, false, nil
	case is(err, storage.ErrRetry):
		return nil, true, nil
	case is(err, storage.ErrConflict):
		return errConflict, false, nil
	case is(err, storage.ErrNotFound):
		return errNotFound, false, nil
	case is(err, storage.ErrInvalid):
		return errInvalid, false, nil
	}
	return nil, false, err
}

// describe makes an operation readable.
func describe(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) }

// kindOfHistory is one way to use a store, and what is right of it.
type kindOfHistory struct {
	name    string
	schemas func() []*storage.Schema
	model   porcupine.NondeterministicModel
	// part names what an operation is about; of each the history must be right by itself.
	part func(in any) string
	// client gives commands, as the random source says.
	client func(ctx context.Context, h *history, client int, s storage.Store, random *rand.Rand) error
	// prepare fills the database, where there is something to fill.
	prepare func(ctx context.Context, h *history, s storage.Store) error
	// after looks at what is there in the end, where there is something to look at.
	after func(ctx context.Context, h *history, s storage.Store) error
}

// record makes a history.
func (k kindOfHistory) record(ctx context.Context, stores []storage.Store, seed uint64) (*history, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	h := &history{}
	if k.prepare != nil {
		if err := k.prepare(ctx, h, stores[0]); err != nil {
			return nil, err
		}
	}
	errs := make([]error, historyClients)
	var all sync.WaitGroup
	for i := range errs {
		all.Add(1)
		go func() {
			defer all.Done()
			errs[i] = k.client(ctx, h, i, stores[i%len(stores)], rand.New(rand.NewPCG(seed, uint64(i))))
		}()
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return h, nil
}

// judge says whether a history is right. What makes it wrong is told by the operations on the first
// part that is.
func (k kindOfHistory) judge(h *history) (porcupine.CheckResult, string, func(path string) error) {
	m := k.model
	m.DescribeOperation = describe
	m.Partition = func(ops []porcupine.Operation) [][]porcupine.Operation {
		places := map[string]int{}
		var parts [][]porcupine.Operation
		for _, op := range ops {
			name := k.part(op.Input)
			if _, known := places[name]; !known {
				places[name] = len(parts)
				parts = append(parts, nil)
			}
			parts[places[name]] = append(parts[places[name]], op)
		}
		return parts
	}
	whole := m.ToModel()
	result, info := porcupine.CheckOperationsVerbose(whole, h.ops, time.Minute)
	draw := func(path string) error { return porcupine.VisualizePath(whole, info, path) }
	if result != porcupine.Illegal {
		return result, "", draw
	}
	var told strings.Builder
	for _, part := range m.Partition(h.ops) {
		if porcupine.CheckOperations(whole, part) {
			continue
		}
		slices.SortFunc(part, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
		fmt.Fprintf(&told, "%q:\n", k.part(part[0].Input))
		for _, op := range part {
			until := fmt.Sprint(op.Return)
			if op.Return == math.MaxInt64 {
				until = "…"
			}
			fmt.Fprintf(&told, "  client %d, %d to %s: %s\n", op.ClientId, op.Call, until, describe(op.Input, op.Output))
		}
		break
	}
	return result, told.String(), draw
}

// seeds gives what histories begin with.
func seeds(n int) []uint64 {
	seed := *historySeed
	if seed == 0 {
		seed = rand.Uint64() >> 1
	}
	all := make([]uint64, n)
	for i := range all {
		all[i] = seed + uint64(i)
	}
	return all
}

var kindsOfHistory = []kindOfHistory{recordHistory, lockHistory, claimHistory, keyHistory}

func TestHistoriesAreLinearizable(t *testing.T) {
	t.Parallel()
	for _, k := range kindsOfHistory {
		for _, at := range sites() {
			t.Run(k.name+"/"+at.name, func(t *testing.T) {
				t.Parallel()
				for i, seed := range seeds(*histories) {
					t.Run(fmt.Sprint(i+1), func(t *testing.T) { // each lets go of its connections
						t.Logf("-histories.seed %d", seed)
						stores := at.stores(t, historyStores, k.schemas()...)
						for i := range stores {
							stores[i] = &unsure{Store: stores[i], random: rand.New(rand.NewPCG(seed, uint64(1000+i)))}
						}
						h, err := k.record(t.Context(), stores, seed)
						require.NoError(t, err, "-histories.seed %d", seed)
						if k.after != nil {
							require.NoError(t, k.after(t.Context(), h, stores[0]), "-histories.seed %d", seed)
						}
						result, told, draw := k.judge(h)
						if result != porcupine.Ok {
							path := filepath.Join(t.ArtifactDir(), fmt.Sprintf("history-%d.html", seed))
							require.NoError(t, draw(path))
							t.Fatalf("-histories.seed %d: the history is %s; with -artifacts it is drawn in %s\n%s", seed, result, path, told)
						}
					})
				}
			})
		}
	}
}

// unsure is a store that now and then does not say whether a unit or a claim has happened: sometimes
// it has, and sometimes it has not.
type unsure struct {
	storage.Store
	mu     sync.Mutex
	random *rand.Rand
}

// lot says whether this time the outcome is not told, and whether it happens.
func (u *unsure) lot() (silent, happens bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.random.IntN(40) == 0, u.random.IntN(2) == 0
}

var errUndone = fmt.Errorf("undone")

func (u *unsure) Update(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	silent, happens := u.lot()
	if !silent {
		return u.Store.Update(ctx, tenant, fn)
	}
	err := u.Store.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
		if err := fn(ctx, tx); err != nil || happens {
			return err
		}
		return errUndone
	})
	if err == nil || err == errUndone {
		return &storage.Error{Op: "commit", Err: storage.ErrUnknownOutcome}
	}
	return err
}

func (u *unsure) Claim(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
	silent, happens := u.lot()
	if !silent {
		return u.Store.Claim(ctx, c)
	}
	if happens {
		if _, err := u.Store.Claim(ctx, c); err != nil {
			return nil, err
		}
	}
	return nil, &storage.Error{Op: "commit", Err: storage.ErrUnknownOutcome}
}
