// This file holds the promise that a tenant can be taken from any store to any other, and is the same there.

package enginetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
	"github.com/itsmkit/itsmkit/storage/portable"
)

// exported gives the file of a desk's tenant.
func (d *seededDesk) exported(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	_, err := d.Export(context.Background(), acme, &b)
	require.NoError(t, err)
	return b.String()
}

// requireSame compares files, and says the first line that differs.
func requireSame(t *testing.T, want, got, where string) {
	t.Helper()
	if want == got {
		return
	}
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		require.Equal(t, w[i], g[i], "%s, line %d", where, i+1)
	}
	require.Equal(t, len(w), len(g), "%s: lines", where)
}

// A desk full of records goes from memory to each engine, from each to every other and back to memory, byte for byte, and
// the imported desk goes on.
func TestATenantGoesFromAnyStoreToAnyOther(t *testing.T) {
	first := openDesk(t, memory.New(), deskBegin)
	first.seed(t)
	file := first.exported(t)
	for _, table := range []string{"incident", "sla_timer", "task", "interaction", "person", "command", "oncall_policy", "view", "note"} {
		require.Contains(t, file, `{"record":"`+table+`"`)
	}
	for _, kind := range []string{"event", "sequence", "job"} {
		require.Contains(t, file, `{"`+kind+`":"`)
	}
	// What the desk does after the export, which an imported one must do as well.
	want := first.goesOn(t)
	type place struct {
		name string
		open func(t *testing.T) storage.Store
	}
	places := []place{{"memory", func(*testing.T) storage.Store { return memory.New() }}}
	for _, e := range engines {
		places = append(places, place{e.name, e.reusingStore})
	}
	for _, from := range places {
		t.Run(from.name, func(t *testing.T) {
			t.Parallel()
			source := openDesk(t, from.open(t), *first.now)
			_, err := source.Import(context.Background(), acme, strings.NewReader(file))
			require.NoError(t, err)
			exported := source.exported(t)
			requireSame(t, file, exported, from.name)
			for _, to := range places {
				d := openDesk(t, to.open(t), deskBegin)
				_, err := d.Import(context.Background(), acme, strings.NewReader(exported))
				require.NoError(t, err)
				requireSame(t, file, d.exported(t), from.name+" to "+to.name)
				if to.name == "memory" || from.name == "memory" {
					*d.now = first.now.Add(-72 * time.Hour) // as the first had it at its export
					require.Equal(t, want, d.goesOn(t), "from %s to %s", from.name, to.name)
				}
			}
		})
	}
}

// goesOn has the desk work for three days more, and tells what can be seen of it.
func (d *seededDesk) goesOn(t *testing.T) (seen []string) {
	t.Helper()
	ctx := context.Background()
	tell := func(format string, args ...any) { seen = append(seen, fmt.Sprintf(format, args...)) }

	// A command under a key that was used is the one it was; numbers go on.
	again, err := d.Incidents.Log(ctx, analystAda, itsmincident.Report{Command: itsm.Command{Key: "report 59"}, Title: "It does not work 59 \U0001F600 ", Requester: "rosa",
		Impact: itsm.Impact(59%3 + 1), Urgency: itsm.Urgency(59/3%3 + 1), Category: "network", Description: "It \"stopped\"\nat once."})
	require.NoError(t, err)
	tell("again %s", again.Number)
	numbers := map[string]bool{}
	for i, err := range d.Incidents.All(ctx, chief, itsmincident.Query{}) {
		require.NoError(t, err)
		numbers[i.Number] = true
	}
	tell("%d incidents", len(numbers))
	i, err := d.Incidents.Log(ctx, analystAda, itsmincident.Report{Title: "Another", Requester: "rosa", Category: "network"})
	require.NoError(t, err)
	require.False(t, numbers[i.Number], "%s twice", i.Number)
	tell("group %s", i.Group)

	// What is due is done, by the clock that was told.
	for range 6 {
		*d.now = d.now.Add(12 * time.Hour)
		d.tick(t)
	}
	require.NoError(t, d.Engine.View(ctx, chief, func(ctx context.Context, r storage.Reader) error {
		groups, err := sla.TimerTable.CountBy(ctx, r, storage.Filter[sla.TimerHead]{}, sla.ByPolicy, sla.ByOutcome, sla.ByBreaches)
		for _, g := range groups {
			tell("timers %v %d", g.Values, g.Count)
		}
		return err
	}))
	states, err := d.Incidents.CountBy(ctx, chief, itsmincident.Query{}, itsmincident.ByState, itsmincident.ByMajor, costCentre)
	require.NoError(t, err)
	for _, g := range states {
		tell("incidents %v %d", g.Values, g.Count)
	}
	letters, err := d.Engine.DeadLetters(ctx, chief, storage.Job{}, 10)
	require.NoError(t, err)
	tell("%d dead letters", len(letters))

	// Lists are read page by page by cursors of this desk.
	q, pages, read := itsmincident.Query{Limit: 7}, 0, 0
	for {
		page, err := d.Incidents.List(ctx, chief, q)
		require.NoError(t, err)
		pages, read = pages+1, read+len(page.Items)
		if page.Next == "" {
			break
		}
		q.After = page.Next
	}
	tell("%d pages of %d", pages, read)
	return seen
}

// A cursor of the old desk is refused by the new one: its secret is no part of a tenant.
func TestACursorOfTheOldDeskIsRefused(t *testing.T) {
	first := openDesk(t, memory.New(), deskBegin)
	for n := range 3 {
		_, err := first.Incidents.Log(t.Context(), analystAda, itsmincident.Report{Title: fmt.Sprint(n), Requester: "rosa"})
		require.NoError(t, err)
	}
	page, err := first.Incidents.List(t.Context(), analystAda, itsmincident.Query{Limit: 1})
	require.NoError(t, err)
	for _, e := range engines {
		d := openDesk(t, e.reusingStore(t), deskBegin)
		_, err := d.Import(t.Context(), acme, strings.NewReader(first.exported(t)))
		require.NoError(t, err)
		_, err = d.Incidents.List(t.Context(), analystAda, itsmincident.Query{Limit: 1, After: page.Next})
		require.ErrorIs(t, err, itsm.ErrInvalid)
		got, err := d.Incidents.List(t.Context(), analystAda, itsmincident.Query{Limit: 1})
		require.NoError(t, err)
		require.Equal(t, page.Items, got.Items)
	}
}

// An import whose process is killed goes on in another one, and gives the same.
func TestAnImportGoesOnAfterItsProcessWasKilled(t *testing.T) {
	first := openDesk(t, memory.New(), deskBegin)
	first.seed(t)
	file := first.exported(t)
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			dsn := e.empty(t)
			openDesk(t, open(t, e, dsn, nil), deskBegin)
			path := filepath.Join(t.TempDir(), "acme.jsonl")
			require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
			killed := 0
			for !workUntil(t, e, dsn, "import:"+path, killed < 4, time.Duration(20+rand.IntN(150))*time.Millisecond) {
				killed++
			}
			t.Logf("killed %d times", killed)
			d := openDesk(t, open(t, e, dsn, nil), deskBegin)
			requireSame(t, file, d.exported(t), e.name)
		})
	}
}

// importFile is what the killed process does.
func importFile(ctx context.Context, store storage.Store, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	d, err := newSeededDesk(store, deskBegin)
	if err != nil {
		return err
	}
	fmt.Println("working")
	for {
		_, err := d.Import(ctx, acme, f)
		if err == nil {
			fmt.Println("done")
			return nil
		}
		if !errors.Is(err, storage.ErrRetry) { // what a killed one held is let go of soon
			return err
		}
		if _, err := f.Seek(0, 0); err != nil {
			return err
		}
	}
}

// portableStore gives a store for a suite, which at the end of its test is exported to memory and back: whatever the practices keep
// can be taken elsewhere.
func (e engine) portableStore(t *testing.T) storage.Store {
	s := &watchedStore{Store: e.reusingStore(t), tenants: map[storage.Tenant]bool{}}
	t.Cleanup(func() {
		if !t.Failed() {
			s.requirePortable(t)
		}
	})
	return s
}

// watchedStore knows the tenants that were written to, and by which schemas.
type watchedStore struct {
	storage.Store
	mu      sync.Mutex
	schemas []*storage.Schema
	tenants map[storage.Tenant]bool
}

// manyTenants is how many tenants of a test are taken: random sequences of commands have one each.
const manyTenants = 3

func (w *watchedStore) Update(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	err := w.Store.Update(ctx, tenant, fn)
	if err == nil {
		w.mu.Lock()
		if len(w.tenants) < manyTenants {
			w.tenants[tenant] = true
		}
		w.mu.Unlock()
	}
	return err
}

func (w *watchedStore) Migrate(ctx context.Context, schemas ...*storage.Schema) error {
	w.mu.Lock()
	w.schemas = schemas
	w.mu.Unlock()
	return w.Store.(storage.Migrator).Migrate(ctx, schemas...)
}

func (w *watchedStore) Plan(ctx context.Context, schemas ...*storage.Schema) ([]string, error) {
	return w.Store.(storage.Migrator).Plan(ctx, schemas...)
}

func (w *watchedStore) Check(ctx context.Context, schemas ...*storage.Schema) error {
	return w.Store.(storage.Migrator).Check(ctx, schemas...)
}

func (w *watchedStore) requirePortable(t *testing.T) {
	ctx := context.Background()
	export := func(s storage.Store, tenant storage.Tenant) string {
		var b bytes.Buffer
		_, err := portable.Export(ctx, s, tenant, w.schemas, &b)
		require.NoError(t, err)
		return b.String()
	}
	for tenant := range w.tenants {
		file := export(w.Store, tenant)
		other := memory.New()
		_, err := portable.Import(ctx, other, tenant, w.schemas, strings.NewReader(file))
		require.NoError(t, err)
		requireSame(t, file, export(other, tenant), string(tenant))
	}
}
