package enginetest_test

// Histories that can never be wrong prove nothing. Here are stores with one fault each, over every
// engine, and the kind of history that must be found wrong for it.

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// historyMutant is a fault.
type historyMutant struct {
	fault string
	kind  kindOfHistory
	// interleaved says that the fault harms only where units of one tenant interleave. Where each is
	// alone a lock has nothing to do, and the mutant that reads before its unit begins shows instead
	// that the history can be found wrong.
	interleaved bool
	alter       func(a *altered)
}

var historyMutants = []historyMutant{
	{"a put looks at no version", recordHistory, false, func(a *altered) { a.put = blind }},
	{"a view is of a moment ago", recordHistory, false, staleViews},
	{"a unit reads what was there before it began", recordHistory, false, readsBefore},
	{"a unit is acknowledged before it commits", recordHistory, false, acknowledgesEarly},
	{"a lock locks nothing", lockHistory, true, func(a *altered) {
		a.lock = func(context.Context, storage.Tx, string) error { return nil }
	}},
	{"a lock ends before the unit", lockHistory, true, func(a *altered) {
		a.lock = func(_ context.Context, tx storage.Tx, name string) error {
			return a.Store.Update(context.Background(), tx.Tenant(), func(ctx context.Context, tx storage.Tx) error { return tx.Lock(ctx, name) })
		}
	}},
	{"who holds a lock reads what was there before", lockHistory, false, readsBefore},
	{"a unit under a lock is acknowledged before it commits", lockHistory, false, acknowledgesEarly},
	{"a finish looks at no token", claimHistory, false, cancelsWhatItCannotFinish},
	{"a lease ends before it is said to", claimHistory, false, func(a *altered) {
		a.claim = func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			until := storage.Instant(c.Now.Add(c.Lease))
			c.Lease = time.Microsecond
			jobs, err := a.Store.Claim(ctx, c)
			for i := range jobs {
				jobs[i].Lease = until
			}
			return jobs, err
		}
	}},
	{"jobs of one subject do not wait for each other", claimHistory, false, func(a *altered) {
		a.enqueue = func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error {
			jobs = slices.Clone(jobs)
			for i := range jobs {
				jobs[i].Subject = ""
			}
			return tx.Enqueue(ctx, jobs...)
		}
	}},
	{"a finish is acknowledged before it commits", claimHistory, false, acknowledgesEarly},
	{"keys are forgotten", keyHistory, false, func(a *altered) {
		a.put = func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
			if s.Name() != "command" {
				return tx.Put(ctx, s, row)
			}
			row.Tenant, row.Version, row.Layout = tx.Tenant(), row.Version+1, s.Layout()
			return nil
		}
	}},
	{"a command is acknowledged before it commits", keyHistory, false, acknowledgesEarly},
}

func TestHistoriesOfFaultyStoresAreFoundWrong(t *testing.T) {
	t.Parallel()
	const most = 200 // histories; the first is nearly always enough
	for _, m := range historyMutants {
		for _, at := range sites() {
			if m.interleaved && !at.interleaves {
				continue
			}
			t.Run(m.fault+"/"+at.name, func(t *testing.T) {
				t.Parallel()
				wrong := false
				for _, seed := range seeds(most) {
					if wrong {
						break
					}
					t.Run("", func(t *testing.T) { // each lets go of its connections
						stores := at.stores(t, historyStores, m.kind.schemas()...)
						var late sync.WaitGroup
						for i, s := range stores {
							a := &altered{Store: s, late: &late}
							m.alter(a)
							stores[i] = a
						}
						h, err := m.kind.record(t.Context(), stores, seed)
						late.Wait()
						require.NoError(t, err, "-histories.seed %d", seed)
						result, _, _ := m.kind.judge(h)
						require.NotEqual(t, porcupine.Unknown, result)
						wrong = result == porcupine.Illegal
					})
				}
				require.True(t, wrong, "%d histories are right", most)
			})
		}
	}
}

// altered is a store of which some methods do wrong; those that are nil do right.
type altered struct {
	storage.Store
	update  func(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error
	reader  func(r storage.Reader) storage.Reader
	claim   func(ctx context.Context, c storage.Claim) ([]storage.Job, error)
	put     func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error
	enqueue func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error
	finish  func(ctx context.Context, tx storage.Tx, j storage.Job, o storage.Outcome) error
	lock    func(ctx context.Context, tx storage.Tx, name string) error
	// late is what is still going on when it was acknowledged.
	late *sync.WaitGroup
}

func (a *altered) View(ctx context.Context, tenants []storage.Tenant, fn func(context.Context, storage.Reader) error) error {
	return a.Store.View(ctx, tenants, a.reading(fn))
}

func (a *altered) Read(ctx context.Context, tenants []storage.Tenant, fn func(context.Context, storage.Reader) error) error {
	return a.Store.Read(ctx, tenants, a.reading(fn))
}

func (a *altered) reading(fn func(context.Context, storage.Reader) error) func(context.Context, storage.Reader) error {
	if a.reader == nil {
		return fn
	}
	return func(ctx context.Context, r storage.Reader) error { return fn(ctx, a.reader(r)) }
}

func (a *altered) Update(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	update := a.update
	if update == nil {
		update = a.Store.Update
	}
	return update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error { return fn(ctx, alteredTx{tx, a}) })
}

func (a *altered) Claim(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
	if a.claim != nil {
		return a.claim(ctx, c)
	}
	return a.Store.Claim(ctx, c)
}

type alteredTx struct {
	storage.Tx
	a *altered
}

func (x alteredTx) Put(ctx context.Context, s *storage.Schema, rows ...*storage.Row) error {
	if x.a.put == nil {
		return x.Tx.Put(ctx, s, rows...)
	}
	for _, row := range rows {
		if err := x.a.put(ctx, x.Tx, s, row); err != nil {
			return err
		}
	}
	return nil
}

func (x alteredTx) Enqueue(ctx context.Context, jobs ...storage.Job) error {
	if x.a.enqueue != nil {
		return x.a.enqueue(ctx, x.Tx, jobs...)
	}
	return x.Tx.Enqueue(ctx, jobs...)
}

func (x alteredTx) Finish(ctx context.Context, j storage.Job, o storage.Outcome) error {
	if x.a.finish != nil {
		return x.a.finish(ctx, x.Tx, j, o)
	}
	return x.Tx.Finish(ctx, j, o)
}

func (x alteredTx) Lock(ctx context.Context, name string) error {
	if x.a.lock != nil {
		return x.a.lock(ctx, x.Tx, name)
	}
	return x.Tx.Lock(ctx, name)
}

// cancelsWhatItCannotFinish ends jobs whoever has them claimed.
func cancelsWhatItCannotFinish(a *altered) {
	a.finish = func(ctx context.Context, tx storage.Tx, j storage.Job, o storage.Outcome) error {
		err := tx.Finish(ctx, j, o)
		if is(err, storage.ErrConflict) {
			err = tx.Cancel(ctx, j.Kind, j.Key)
		}
		return err
	}
}

// blind puts a record whatever its version is.
func blind(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
	if row.Version > 0 {
		now, err := tx.Get(ctx, s, tx.Tenant(), row.ID)
		if is(err, storage.ErrNotFound) {
			return tx.Put(ctx, s, row)
		}
		if err != nil {
			return err
		}
		row.Version = now.Version
	}
	return tx.Put(ctx, s, row)
}

// staleViews keeps what a view read, for some of those that follow.
func staleViews(a *altered) {
	var mu sync.Mutex
	kept := map[storage.ID]storage.Row{}
	uses := map[storage.ID]int{}
	a.reader = func(r storage.Reader) storage.Reader {
		return staleReader{r, func(id storage.ID, read func() (storage.Row, error)) (storage.Row, error) {
			mu.Lock()
			defer mu.Unlock()
			if uses[id]++; uses[id]%4 != 0 {
				if row, is := kept[id]; is {
					return row, nil
				}
			}
			row, err := read()
			if err == nil {
				kept[id] = row
			}
			return row, err
		}}
	}
}

type staleReader struct {
	storage.Reader
	get func(id storage.ID, read func() (storage.Row, error)) (storage.Row, error)
}

func (r staleReader) Get(ctx context.Context, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
	return r.get(id, func() (storage.Row, error) { return r.Reader.Get(ctx, s, tenant, id) })
}

// readsBefore has units read the registers as they were before the unit began, and put what they
// have read at the version that they find again: nothing that the engine does with units helps.
func readsBefore(a *altered) {
	a.update = func(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
		var rows []storage.Row
		err := a.Store.View(ctx, []storage.Tenant{tenant}, func(ctx context.Context, r storage.Reader) (err error) {
			rows, err = r.Query(ctx, registers, storage.RowQuery{Limit: storage.MaxLimit, Bodies: true})
			return err
		})
		if err != nil {
			return err
		}
		return a.Store.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
			return fn(ctx, &beforeTx{Tx: tx, rows: rows})
		})
	}
}

type beforeTx struct {
	storage.Tx
	rows []storage.Row
	read bool
}

func (x *beforeTx) Get(_ context.Context, s *storage.Schema, _ storage.Tenant, id storage.ID) (storage.Row, error) {
	x.read = true
	for _, row := range x.rows {
		if row.ID == id {
			return row, nil
		}
	}
	return storage.Row{}, &storage.Error{Op: "get", Table: s.Name(), ID: id, Err: storage.ErrNotFound}
}

// Query gives the owner's greatest, which is all that is asked for here.
func (x *beforeTx) Query(_ context.Context, _ *storage.Schema, q storage.RowQuery) (found []storage.Row, err error) {
	for _, row := range x.rows {
		if row.Columns[0] == q.Where.Values[0] && (len(found) == 0 || row.Columns[1].(int64) > found[0].Columns[1].(int64)) {
			found = []storage.Row{row}
		}
	}
	return found, nil
}

func (x *beforeTx) Put(ctx context.Context, s *storage.Schema, rows ...*storage.Row) error {
	if !x.read {
		return x.Tx.Put(ctx, s, rows...)
	}
	for _, row := range rows {
		if err := blind(ctx, x.Tx, s, row); err != nil {
			return err
		}
	}
	return nil
}

// acknowledgesEarly lets the caller go on when the function of a unit has returned, and commits a
// little later.
func acknowledgesEarly(a *altered) {
	a.update = func(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
		ctx = context.WithoutCancel(ctx)
		acknowledged := make(chan error, 1)
		a.late.Add(1)
		go func() {
			defer a.late.Done()
			first := true
			err := a.Store.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
				err := fn(ctx, tx)
				if first {
					first = false
					acknowledged <- err
				}
				if err == nil {
					time.Sleep(2 * time.Millisecond)
				}
				return err
			})
			if first {
				acknowledged <- err
			}
		}()
		return <-acknowledged
	}
}
