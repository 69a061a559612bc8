package storagetest

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/storage"
)

// Faults of units, snapshots and tenants.

var unitMutants = []mutant{
	{"rollback keeps events", []string{"Units/a unit that fails leaves nothing", modelTest}, afterFailure(func(ctx context.Context, tx storage.Tx, w written) error { return tx.Append(ctx, w.events...) })},
	{"rollback keeps jobs", []string{"Units/a unit that fails leaves nothing", modelTest}, afterFailure(func(ctx context.Context, tx storage.Tx, w written) error { return tx.Enqueue(ctx, w.jobs...) })},
	{"rollback keeps records", []string{"Units/a unit that fails leaves nothing", "Units/a unit that fails on its first write leaves the store usable"}, afterFailure(func(ctx context.Context, tx storage.Tx, w written) error {
		for _, row := range w.rows {
			_ = tx.Put(ctx, tickets, &row)
		}
		return nil
	})},
	{"rollback keeps finishes", []string{"Units/a unit that fails leaves nothing", "Outcomes/a finish inside a unit that fails leaves the claim", modelTest}, afterFailure(func(ctx context.Context, tx storage.Tx, w written) error {
		for _, f := range w.finished {
			_ = tx.Finish(ctx, f.job, f.o)
		}
		return nil
	})},
	{"a panic commits", []string{"Units/a unit that panics leaves nothing", modelTest}, func(s storage.Store) faults {
		return faults{update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) (err error) {
			var panicked any
			err = s.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
				defer func() { panicked = recover() }()
				return fn(ctx, tx)
			})
			if panicked != nil {
				panic(panicked)
			}
			return err
		}}
	}},
	{"a panic is swallowed", []string{"Units/a unit that panics leaves nothing"}, func(s storage.Store) faults {
		return faults{update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = errors.New("it panicked")
				}
			}()
			return s.Update(ctx, tenant, fn)
		}}
	}},
	{"an error that is hidden", []string{"Units/the error of a function is passed on", "Units/a unit that fails leaves nothing"}, func(s storage.Store) faults {
		return faults{update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
			if err := s.Update(ctx, tenant, fn); err != nil {
				return errors.New(err.Error())
			}
			return nil
		}}
	}},
	{"a conflict is tried again", []string{"Units/a function is not run again after a conflict", "Records/a stale put is a conflict"}, func(s storage.Store) faults {
		return faults{update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
			err := s.Update(ctx, tenant, fn)
			if errors.Is(err, storage.ErrConflict) {
				err = s.Update(ctx, tenant, fn)
			}
			return err
		}}
	}},
	{"an inner update joins the outer one", []string{"Units/an update inside an update is invalid"}, func(s storage.Store) faults {
		type outer struct{}
		return faults{update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
			if tx, ok := ctx.Value(outer{}).(storage.Tx); ok {
				return fn(ctx, tx)
			}
			return s.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
				return fn(context.WithValue(ctx, outer{}, tx), tx)
			})
		}}
	}},
	{"any update inside an update is invalid", []string{"Units/an update of another store inside an update is its own unit"}, func(s storage.Store) faults {
		type inside struct{}
		return faults{update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
			if ctx.Value(inside{}) != nil {
				return storage.ErrInvalid
			}
			return s.Update(context.WithValue(ctx, inside{}, true), tenant, fn)
		}}
	}},
	{"a view of a unit reads what is committed", []string{"Snapshots/a view with a unit's context sees the open writes", modelTest}, func(s storage.Store) faults {
		return faults{view: func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return s.View(context.Background(), tenants, fn)
		}}
	}},
	{"a view is no snapshot", []string{"Snapshots/a view sees nothing that is committed later", "Snapshots/a view is one moment over rows, counts, events and jobs", "Snapshots/views during transfers always see the same sum"}, func(s storage.Store) faults {
		again := func(ctx context.Context, r storage.Reader, fn func(ctx context.Context, r storage.Reader) error) error {
			if _, unit := r.(storage.Tx); unit {
				return fn(ctx, r)
			}
			return s.View(ctx, r.Tenants(), fn)
		}
		return faults{
			get: func(ctx context.Context, r storage.Reader, sch *storage.Schema, tenant storage.Tenant, id storage.ID) (row storage.Row, err error) {
				err = again(ctx, r, func(ctx context.Context, r storage.Reader) error { row, err = r.Get(ctx, sch, tenant, id); return err })
				return row, err
			},
			query: func(ctx context.Context, r storage.Reader, sch *storage.Schema, q storage.RowQuery) (rows []storage.Row, err error) {
				err = again(ctx, r, func(ctx context.Context, r storage.Reader) error { rows, err = r.Query(ctx, sch, q); return err })
				return rows, err
			},
			events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) (events []storage.Event, err error) {
				err = again(ctx, r, func(ctx context.Context, r storage.Reader) error { events, err = r.Events(ctx, q); return err })
				return events, err
			},
		}
	}},
	{"a view of many tenants is of many moments", []string{"Snapshots/a view is one moment over rows, counts, events and jobs"}, func(s storage.Store) faults {
		return faults{jobs: func(ctx context.Context, r storage.Reader, q storage.JobQuery) (jobs []storage.Job, err error) {
			if len(r.Tenants()) == 1 {
				return r.Jobs(ctx, q)
			}
			err = s.View(ctx, r.Tenants(), func(ctx context.Context, r storage.Reader) error { jobs, err = r.Jobs(ctx, q); return err })
			return jobs, err
		}}
	}},
	{"a context that ends is not heeded", []string{"Cancellation/with a context that is over nothing is done", "Cancellation/a unit whose context ends is not committed", "Cancellation/a deadline that has passed is an error too"}, func(s storage.Store) faults {
		return faults{update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
			return s.Update(context.WithoutCancel(ctx), tenant, fn)
		}}
	}},
	{"a unit that works on after its end", []string{"Units/a unit is over when its function has returned"}, func(s storage.Store) faults {
		return faults{put: func(ctx context.Context, tx storage.Tx, sch *storage.Schema, row *storage.Row) error {
			err := tx.Put(ctx, sch, row)
			if err != nil && row.Version == 0 && errors.Is(err, storage.ErrInvalid) && storage.CheckKey(string(row.ID)) == "" {
				return s.Update(ctx, tx.Tenant(), func(ctx context.Context, tx storage.Tx) error { return tx.Put(ctx, sch, row) })
			}
			return err
		}}
	}},
	{"a unit counts what is committed", []string{"Counts/a count reads the unit's own writes", "Units/a unit reads its own writes", modelTest}, func(s storage.Store) faults {
		return faults{count: func(ctx context.Context, r storage.Reader, sch *storage.Schema, where storage.Condition, by []string) (groups []storage.Group, err error) {
			err = aside(s, func(ctx context.Context, r storage.Reader) error {
				groups, err = r.Count(ctx, sch, where, by)
				return err
			}, r.Tenants()...)
			return groups, err
		}}
	}},
	{"a view of any tenant inside a unit", []string{"Snapshots/a view with a unit's context has no other tenant"}, func(s storage.Store) faults {
		return faults{view: func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
			err := s.View(ctx, tenants, fn)
			if errors.Is(err, storage.ErrInvalid) && ctx.Err() == nil {
				return s.View(context.Background(), tenants, fn)
			}
			return err
		}}
	}},
	{"a tenant named twice is read once", []string{"Snapshots/a view of no tenant, of one twice or of a bad one is invalid"}, func(s storage.Store) faults {
		return faults{view: func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
			tenants = slices.Clone(tenants)
			slices.Sort(tenants)
			return s.View(ctx, slices.Compact(tenants), fn)
		}}
	}},
}

var tenantMutants = []mutant{
	{"get without a tenant predicate", []string{"Tenants/a record of another tenant is not found", "Tenants/a view of several tenants reads these and no other", modelTest}, func(s storage.Store) faults {
		return faults{get: func(ctx context.Context, r storage.Reader, sch *storage.Schema, tenant storage.Tenant, id storage.ID) (row storage.Row, err error) {
			if row, err = r.Get(ctx, sch, tenant, id); errors.Is(err, storage.ErrNotFound) && !slices.Contains(r.Tenants(), tenant) {
				err = aside(s, func(ctx context.Context, r storage.Reader) error { row, err = r.Get(ctx, sch, tenant, id); return err }, tenant)
			}
			return row, err
		}}
	}},
	{"query without a tenant predicate", []string{"Tenants/queries and counts stay in the tenant", "Tenants/a condition on the tenant does not reach another", "Contention/tenants at the same time stay apart"}, func(s storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, sch *storage.Schema, q storage.RowQuery) (rows []storage.Row, err error) {
			err = aside(s, func(ctx context.Context, r storage.Reader) error { rows, err = r.Query(ctx, sch, q); return err }, everyone...)
			return rows, err
		}}
	}},
	{"a tenant predicate that Or reaches beyond", []string{"Queries/Or does not reach beyond its part", "Tenants/a condition on the tenant does not reach another"}, func(s storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, sch *storage.Schema, q storage.RowQuery) (rows []storage.Row, err error) {
			if q.Where.Op != storage.Or {
				return r.Query(ctx, sch, q)
			}
			err = aside(s, func(ctx context.Context, r storage.Reader) error { rows, err = r.Query(ctx, sch, q); return err }, everyone...)
			return rows, err
		}}
	}},
	{"a condition on the tenant instead of the view's", []string{"Tenants/a condition on the tenant does not reach another"}, func(s storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, sch *storage.Schema, q storage.RowQuery) (rows []storage.Row, err error) {
			if q.Where.Column != storage.ColumnTenant {
				return r.Query(ctx, sch, q)
			}
			err = aside(s, func(ctx context.Context, r storage.Reader) error { rows, err = r.Query(ctx, sch, q); return err }, everyone...)
			return rows, err
		}}
	}},
	{"count without a tenant predicate", []string{"Tenants/queries and counts stay in the tenant", "Counts/without columns there is one group, of zero too"}, func(s storage.Store) faults {
		return faults{count: func(ctx context.Context, r storage.Reader, sch *storage.Schema, where storage.Condition, by []string) (groups []storage.Group, err error) {
			err = aside(s, func(ctx context.Context, r storage.Reader) error {
				groups, err = r.Count(ctx, sch, where, by)
				return err
			}, everyone...)
			return groups, err
		}}
	}},
	{"events without a tenant predicate", []string{"Tenants/events stay in the tenant", "Events/an event belongs to the unit's tenant"}, func(s storage.Store) faults {
		return faults{events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) (events []storage.Event, err error) {
			err = aside(s, func(ctx context.Context, r storage.Reader) error { events, err = r.Events(ctx, q); return err }, everyone...)
			return events, err
		}}
	}},
	{"jobs without a tenant predicate", []string{"Tenants/jobs stay in the tenant"}, func(s storage.Store) faults {
		return faults{jobs: func(ctx context.Context, r storage.Reader, q storage.JobQuery) (jobs []storage.Job, err error) {
			err = aside(s, func(ctx context.Context, r storage.Reader) error { jobs, err = r.Jobs(ctx, q); return err }, everyone...)
			return jobs, err
		}}
	}},
	{"finish without a tenant predicate", []string{"Tenants/another tenant's job cannot be cancelled or finished"}, func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			if job, ok := stored(ctx, tx, claimed.Kind, claimed.Key); ok && job.Tenant != claimed.Tenant {
				return tx.Finish(ctx, job, o)
			}
			return tx.Finish(ctx, claimed, o)
		}}
	}},
	{"tenants without case", []string{"Tenants/tenants are compared byte by byte", "Tenants/one id in many tenants is many records", "Values/an id may be 200 bytes long"}, func(s storage.Store) faults {
		fold := func(t storage.Tenant) storage.Tenant {
			return storage.Tenant(strings.TrimRight(strings.ToLower(string(t)), " ") + "!")
		}
		return faults{
			update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
				return s.Update(ctx, fold(tenant), fn)
			},
			view: func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
				var folded []storage.Tenant
				for _, t := range tenants {
					if !slices.Contains(folded, fold(t)) {
						folded = append(folded, fold(t))
					}
				}
				return s.View(ctx, folded, fn)
			},
		}
	}},
}

// afterFailure makes an update that does something more when the unit failed: with what the
// unit wrote, as if that part had not been rolled back.
func afterFailure(redo func(ctx context.Context, tx storage.Tx, w written) error) func(s storage.Store) faults {
	return func(s storage.Store) faults {
		var w written
		return faults{
			append: func(ctx context.Context, tx storage.Tx, events ...storage.Event) error {
				w.events = append(w.events, events...)
				return tx.Append(ctx, events...)
			},
			put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
				w.rows = append(w.rows, clone(*row))
				return tx.Put(ctx, s, row)
			},
			enqueue: func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error {
				w.jobs = append(w.jobs, jobs...)
				return tx.Enqueue(ctx, jobs...)
			},
			finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
				w.finished = append(w.finished, finished{claimed, o})
				return tx.Finish(ctx, claimed, o)
			},
			update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
				w = written{}
				err := s.Update(ctx, tenant, fn)
				if errors.Is(err, errOurs) {
					_ = s.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error { return redo(ctx, tx, w) })
				}
				return err
			},
		}
	}
}

type (
	written struct {
		rows     []storage.Row
		events   []storage.Event
		jobs     []storage.Job
		finished []finished
	}
	finished struct {
		job storage.Job
		o   storage.Outcome
	}
)

// everyone are the tenants of most cases.
var everyone = []storage.Tenant{acme, capital, umbra}

// aside reads the tenants outside of any unit.
func aside(s storage.Store, fn func(ctx context.Context, r storage.Reader) error, tenants ...storage.Tenant) error {
	return s.View(context.Background(), tenants, fn)
}
