// This file holds the promise that the store keeps all its others where units are serializable, and where
// any statement may fail for it.

package enginetest_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/enginesuite"
	"github.com/itsmkit/itsmkit/internal/incidentsuite"
	"github.com/itsmkit/itsmkit/internal/slasuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
	"github.com/itsmkit/itsmkit/storage/storagetest"
)

// patient is a store whose caller runs again what did not happen for a reason that passes, as the contract
// asks of it. So that a function which makes sure of every answer need not know of this, it is left where
// it stands when the store says so.
type patient struct {
	storage.Store
	// settled counts what is under way and must not fail any more: units that have taken a number of a
	// sequence, which they would leave unused, as the contract allows and the cases that count numbers do
	// not expect; and reads in which something was committed.
	settled *calm
}

// calm is when no call is made to fail.
type calm struct {
	atomic.Int64
	mu          sync.Mutex
	views, held int64
}

// view counts the views that are open.
func (c *calm) view(by int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.views += by; c.views == 0 {
		c.Add(-c.held)
		c.held = 0
	}
}

// commit notes a unit, after which no view that is open can be run again.
func (c *calm) commit() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.views > 0 {
		c.Add(1)
		c.held++
	}
}

// leave ends the run of a function whose unit or snapshot is lost.
type leave struct{ err error }

// passes says whether the store, and not the function that it runs, says that it did not happen.
func passes(err error) bool {
	var e *storage.Error
	return errors.As(err, &e) && e.Err == storage.ErrRetry && e.Cause != nil
}

func see[V any](v V, err error) (V, error) {
	mind(err)
	return v, err
}

func mind(err error) error {
	if passes(err) {
		panic(leave{err})
	}
	return err
}

func (p patient) untilDone(ctx context.Context, do func() error) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := func() (err error) {
			defer func() {
				if r := recover(); r != nil {
					l, ours := r.(leave)
					if !ours {
						panic(r)
					}
					err = l.err
				}
			}()
			return do()
		}()
		if !passes(err) || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(rand.N(wait)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// around is the read or unit that another is in. What is part of it is run again with it. What is not, as
// the units that a case commits while it has a View open, cannot be, and then nor can what is around it.
type around struct {
	of   patient
	held atomic.Int64
}

type aroundKey struct{}

func (p patient) run(ctx context.Context, own bool, do func(ctx context.Context) error) error {
	if own {
		p.settled.commit()
	}
	if o, ok := ctx.Value(aroundKey{}).(*around); ok {
		if !own {
			return mind(do(ctx))
		}
		o.held.Add(1)
		o.of.settled.Add(1)
	}
	o := &around{of: p}
	defer func() { p.settled.Add(-o.held.Load()) }()
	inner := context.WithValue(ctx, aroundKey{}, o)
	return p.untilDone(ctx, func() error { return do(inner) })
}

func (p patient) View(ctx context.Context, tenants []storage.Tenant, fn func(context.Context, storage.Reader) error) error {
	return p.run(ctx, false, func(ctx context.Context) error {
		p.settled.view(1)
		defer p.settled.view(-1)
		return p.Store.View(ctx, tenants, func(ctx context.Context, r storage.Reader) error { return fn(ctx, patientReader{r}) })
	})
}

func (p patient) Read(ctx context.Context, tenants []storage.Tenant, fn func(context.Context, storage.Reader) error) error {
	return p.run(ctx, false, func(ctx context.Context) error {
		p.settled.view(1)
		defer p.settled.view(-1)
		return p.Store.Read(ctx, tenants, func(ctx context.Context, r storage.Reader) error { return fn(ctx, patientReader{r}) })
	})
}

func (p patient) Update(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	return p.run(ctx, true, func(ctx context.Context) error {
		var took atomic.Bool
		defer func() {
			if took.Load() {
				p.settled.Add(-1)
			}
		}()
		return p.Store.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
			return fn(ctx, patientTx{patientReader{tx}, tx, func() {
				if !took.Swap(true) {
					p.settled.Add(1)
				}
			}})
		})
	})
}

func (p patient) Claim(ctx context.Context, c storage.Claim) (jobs []storage.Job, err error) {
	err = p.run(ctx, true, func(ctx context.Context) (err error) {
		jobs, err = p.Store.Claim(ctx, c)
		return err
	})
	return jobs, err
}

func (p patient) migrator() storage.Migrator { return p.Store.(storage.Migrator) }

func (p patient) Migrate(ctx context.Context, schemas ...*storage.Schema) error {
	return p.untilDone(ctx, func() error { return p.migrator().Migrate(ctx, schemas...) })
}

func (p patient) Check(ctx context.Context, schemas ...*storage.Schema) error {
	return p.untilDone(ctx, func() error { return p.migrator().Check(ctx, schemas...) })
}

func (p patient) Plan(ctx context.Context, schemas ...*storage.Schema) (plan []string, err error) {
	err = p.untilDone(ctx, func() (err error) {
		plan, err = p.migrator().Plan(ctx, schemas...)
		return err
	})
	return plan, err
}

type patientReader struct{ storage.Reader }

func (r patientReader) Get(ctx context.Context, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
	return see(r.Reader.Get(ctx, s, tenant, id))
}

func (r patientReader) Query(ctx context.Context, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
	return see(r.Reader.Query(ctx, s, q))
}

func (r patientReader) Count(ctx context.Context, s *storage.Schema, where storage.Condition, by []string) ([]storage.Group, error) {
	return see(r.Reader.Count(ctx, s, where, by))
}

func (r patientReader) Events(ctx context.Context, q storage.EventQuery) ([]storage.Event, error) {
	return see(r.Reader.Events(ctx, q))
}

func (r patientReader) Jobs(ctx context.Context, q storage.JobQuery) ([]storage.Job, error) {
	return see(r.Reader.Jobs(ctx, q))
}

func (r patientReader) Sequences(ctx context.Context, q storage.SequenceQuery) ([]storage.Sequence, error) {
	return see(r.Reader.Sequences(ctx, q))
}

func (r patientReader) CursorKey(ctx context.Context) ([]byte, error) {
	return see(r.Reader.CursorKey(ctx))
}

type patientTx struct {
	patientReader
	tx   storage.Tx
	took func()
}

func (t patientTx) Tenant() storage.Tenant { return t.tx.Tenant() }

func (t patientTx) Put(ctx context.Context, s *storage.Schema, rows ...*storage.Row) error {
	return mind(t.tx.Put(ctx, s, rows...))
}

func (t patientTx) Restore(ctx context.Context, s *storage.Schema, rows ...storage.Row) error {
	return mind(t.tx.Restore(ctx, s, rows...))
}

func (t patientTx) Delete(ctx context.Context, s *storage.Schema, id storage.ID, version int64) error {
	return mind(t.tx.Delete(ctx, s, id, version))
}

func (t patientTx) Append(ctx context.Context, events ...storage.Event) error {
	return mind(t.tx.Append(ctx, events...))
}

func (t patientTx) Enqueue(ctx context.Context, jobs ...storage.Job) error {
	return mind(t.tx.Enqueue(ctx, jobs...))
}

func (t patientTx) Cancel(ctx context.Context, kind, key string) error {
	return mind(t.tx.Cancel(ctx, kind, key))
}

func (t patientTx) Finish(ctx context.Context, claimed storage.Job, o storage.Outcome) error {
	return mind(t.tx.Finish(ctx, claimed, o))
}

func (t patientTx) Lock(ctx context.Context, name string) error { return mind(t.tx.Lock(ctx, name)) }

func (t patientTx) Expect(ctx context.Context, s *storage.Schema, id storage.ID, version int64) error {
	return mind(t.tx.Expect(ctx, s, id, version))
}

func (t patientTx) Next(ctx context.Context, sequence string) (int64, error) {
	n, err := see(t.tx.Next(ctx, sequence))
	if err == nil {
		t.took()
	}
	return n, err
}

func (t patientTx) Advance(ctx context.Context, sequence string, atLeast int64) error {
	return mind(t.tx.Advance(ctx, sequence, atLeast))
}

// serializable are the engines that can be asked for serializable units.
func serializable(t *testing.T) engine {
	t.Helper()
	for _, e := range engines {
		if e.dialect == sqlstore.PostgreSQL {
			return e
		}
	}
	t.Skip("PostgreSQL is not among the engines of this run")
	return engine{}
}

// failing has calls of a driver fail as serialization failures, at random: one of the next few, and the
// next at a distance that grows by a half with each, so that units of any length come through.
func failing(t *testing.T, settled *calm) *tap {
	seed := rand.Uint64()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	within := 8.0
	left := random.IntN(int(within))
	p := &tap{}
	p.setFail(func(text string) error {
		mu.Lock()
		defer mu.Unlock()
		// A migration's lease that is not given back would be waited for.
		if text == "CONNECT" || text == "ROLLBACK" || strings.Contains(text, `"itsm__lease"`) {
			return nil
		}
		if left--; left >= 0 || settled.Load() > 0 {
			return nil
		}
		within *= 1.5
		left = random.IntN(int(within))
		return stateError("40001")
	})
	return p
}

func TestX6ConformanceWhereUnitsAreSerializable(t *testing.T) {
	e := serializable(t)
	for _, c := range []struct {
		name string
		tap  func(t *testing.T, settled *calm) *tap
	}{
		{"calm", func(*testing.T, *calm) *tap { return nil }},
		{"with faults", failing},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			storagetest.Run(t, func(t *testing.T) storage.Store {
				settled := new(calm)
				return patient{e.reusingStoreWith(t, sqlstore.Options{Serializable: true}, c.tap(t, settled)), settled}
			})
		})
	}
}

// The engine runs again what fails by itself: its suite, and those of two practices, have no patient caller.
func TestSuitesWhereUnitsAreSerializable(t *testing.T) {
	e := serializable(t)
	for name, run := range map[string]func(*testing.T, func(*testing.T) storage.Store){
		"engine": enginesuite.Run, "incident": incidentsuite.Run, "service levels": slasuite.Run,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, func(t *testing.T) storage.Store {
				return e.reusingStoreWith(t, sqlstore.Options{Serializable: true}, nil)
			})
		})
	}
}

func TestSerializableIsRefusedWhereThereIsNoSuchMode(t *testing.T) {
	for _, e := range engines {
		if e.dialect == sqlstore.PostgreSQL {
			continue
		}
		_, err := sqlstore.New(e.db(t, e.empty(t)), e.dialect, sqlstore.Options{Serializable: true})
		var v *storage.ValidationError
		require.ErrorAs(t, err, &v)
		require.Equal(t, "serializable", v.Faults[0].Field)
	}
}

// Two processes of which one locks names in another way would not keep each other out.
func TestCheckSaysWhereProcessesDisagreeOnSerializable(t *testing.T) {
	e := serializable(t)
	db := e.db(t, e.empty(t))
	open := func(serializable bool) *sqlstore.Store {
		s, err := sqlstore.New(db, e.dialect, sqlstore.Options{Volatile: true, Serializable: serializable})
		require.NoError(t, err)
		return s
	}
	require.NoError(t, open(false).Migrate(t.Context(), incidents))
	require.ErrorContains(t, open(true).Check(t.Context(), incidents), "itsm__lock is missing")
	require.NoError(t, open(true).Migrate(t.Context(), incidents))
	require.NoError(t, open(true).Check(t.Context(), incidents))
	require.ErrorContains(t, open(false).Check(t.Context(), incidents), "serializable must be set")
}

// A unit sees a write skew coming that READ COMMITTED would let through.
func TestUnitsWithoutALockKeepARuleOverTwoRecords(t *testing.T) {
	e := serializable(t)
	store, _ := e.store(t, sqlstore.Options{Serializable: true}, incidents)
	put(t, store, acme, 0, 2) // both major: false; one alone may become so
	var both sync.WaitGroup
	both.Add(2)
	errs := make(chan error, 2)
	for i := range 2 {
		go func() {
			waited := false
			errs <- patient{store, new(calm)}.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
				var rows [2]storage.Row
				for k := range rows {
					var err error
					if rows[k], err = tx.Get(ctx, incidents, acme, incident(k).ID); err != nil {
						return err
					}
				}
				if !waited {
					waited = true
					both.Done()
					both.Wait()
				}
				place, _ := incidents.Place("major")
				if rows[0].Columns[place] == true || rows[1].Columns[place] == true {
					return nil
				}
				rows[i].Columns[place] = true
				return tx.Put(ctx, incidents, &rows[i])
			})
		}()
	}
	require.NoError(t, <-errs)
	require.NoError(t, <-errs)
	require.NoError(t, store.View(t.Context(), []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
		groups, err := r.Count(ctx, incidents, storage.Condition{Op: storage.Equal, Column: "major", Values: []any{true}}, nil)
		require.NoError(t, err)
		require.EqualValues(t, 1, groups[0].Count)
		return nil
	}))
}
