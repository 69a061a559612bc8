package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/itsmkit/itsmkit/storage"
)

// plainBadges is the table of the cases without its unique index.
var plainBadges = mustSchema(badges.Name(), badges.Layout(), badges.Columns(), nil)

// uniqueness makes a store that keeps badges apart by itself: key says what is one value, and
// taken what becomes of a put whose value another record has.
func uniqueness(key func(tenant storage.Tenant, row *storage.Row) string, keeps bool, taken func(row *storage.Row) error) func(s storage.Store) faults {
	return func(storage.Store) faults {
		var mu sync.Mutex
		owners := map[string]storage.ID{}
		return faults{put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
			if s != badges {
				return tx.Put(ctx, s, row)
			}
			mu.Lock()
			defer mu.Unlock()
			k := key(tx.Tenant(), row)
			if owner, ok := owners[k]; ok && owner != row.ID {
				if err := taken(row); err != nil {
					return err
				}
			}
			err := tx.Put(ctx, plainBadges, row)
			if err == nil {
				if !keeps {
					for k, owner := range owners {
						if owner == row.ID {
							delete(owners, k)
						}
					}
				}
				owners[k] = row.ID
			}
			return err
		}}
	}
}

func badgeKey(tenant storage.Tenant, row *storage.Row) string {
	return fmt.Sprintf("%q %q %v", tenant, row.Columns[0], row.Columns[1])
}

// orNull is a key that no other row has where the number is NULL.
func orNull(key func(storage.Tenant, *storage.Row) string) func(storage.Tenant, *storage.Row) string {
	return func(tenant storage.Tenant, row *storage.Row) string {
		if row.Columns[1] == nil {
			return "null " + string(row.ID)
		}
		return key(tenant, row)
	}
}

func badgeTaken(row *storage.Row) error {
	return &storage.TakenError{Table: badges.Name(), ID: row.ID, Columns: []string{"series", "number"}}
}

var uniqueMutants = []mutant{
	{"a unique index is like any other", []string{
		"Unique indexes/values that are taken are refused, after which the unit goes on",
		"Unique indexes/a change to values that are taken fails the unit",
		"Unique indexes/of many who take one value at once one has it",
	}, uniqueness(badgeKey, false, func(*storage.Row) error { return nil })},
	{"a value that is taken is another error", []string{
		"Unique indexes/values that are taken are refused, after which the unit goes on",
	}, uniqueness(orNull(badgeKey), false, func(row *storage.Row) error {
		return &storage.Error{Op: "put", Table: badges.Name(), ID: row.ID, Err: storage.ErrConflict}
	})},
	{"values are unique over all tenants", []string{"Unique indexes/values are taken within their tenant, byte by byte"},
		uniqueness(orNull(func(_ storage.Tenant, row *storage.Row) string { return badgeKey("", row) }), false, badgeTaken)},
	{"unique values are compared without case", []string{"Unique indexes/values are taken within their tenant, byte by byte"},
		uniqueness(orNull(func(tenant storage.Tenant, row *storage.Row) string { return strings.ToLower(badgeKey(tenant, row)) }), false, badgeTaken)},
	{"a NULL is like another", []string{"Unique indexes/what is like no other value is never taken"},
		uniqueness(badgeKey, false, badgeTaken)},
	{"a value once taken is never free", []string{"Unique indexes/values that a record has left or that went with it are free"},
		uniqueness(orNull(badgeKey), true, badgeTaken)},
	{"a unit goes on after a change to values that are taken", []string{"Unique indexes/a change to values that are taken fails the unit"},
		uniqueness(orNull(badgeKey), false, badgeTaken)},
	{"a record is in its own way", []string{"Unique indexes/a record keeps its own values"}, func(storage.Store) faults {
		return faults{put: func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error {
			if s == badges && row.Version > 0 {
				return badgeTaken(row)
			}
			return tx.Put(ctx, s, row)
		}}
	}},
}

var readMutants = []mutant{
	{"a read of a unit reads what is committed", []string{"Reads/a read inside a unit sees the open writes"}, func(s storage.Store) faults {
		return faults{read: func(_ context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
			return s.View(context.Background(), tenants, fn)
		}}
	}},
	{"a read of any tenant inside a unit", []string{"Reads/a read inside a unit has no other tenant"}, func(s storage.Store) faults {
		return faults{read: func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
			err := s.Read(ctx, tenants, fn)
			if errors.Is(err, storage.ErrInvalid) && ctx.Err() == nil {
				return s.Read(context.Background(), tenants, fn)
			}
			return err
		}}
	}},
	{"a page of a read is put together of two states", []string{"Reads/each read is of one state"}, func(s storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, sch *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			if q.After == nil || len(q.Order) < 2 {
				return r.Query(ctx, sch, q)
			}
			var page []storage.Row
			for priority := range int64(3) {
				part := q
				part.Where = and(q.Where, where(storage.Equal, "priority", priority))
				if err := s.View(ctx, r.Tenants(), func(ctx context.Context, r storage.Reader) error {
					rows, err := r.Query(ctx, sch, part)
					page = append(page, rows...)
					return err
				}); err != nil {
					return nil, err
				}
				if priority > 0 || len(page) == 0 {
					continue
				}
				// Another unit comes between, and moves what was read to where is yet to be read.
				if err := s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
					row, err := tx.Get(ctx, tickets, acme, page[0].ID)
					if err != nil {
						return err
					}
					set(tickets, &row, "priority", 2)
					return tx.Put(ctx, tickets, &row)
				}); err != nil {
					return nil, err
				}
			}
			return page, nil
		}}
	}},
	{"a log of a read is put together of two states", []string{"Reads/a log of several tenants is of one state"}, func(s storage.Store) faults {
		version := int64(0)
		return faults{events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) ([]storage.Event, error) {
			tenants := r.Tenants()
			slices.Sort(tenants)
			var log []storage.Event
			for i, tenant := range tenants {
				if err := s.View(ctx, []storage.Tenant{tenant}, func(ctx context.Context, r storage.Reader) error {
					events, err := r.Events(ctx, q)
					log = append(log, events...)
					return err
				}); err != nil {
					return nil, err
				}
				if i > 0 {
					continue
				}
				// Other units come between, and log what the last tenant alone is seen to have.
				for range 2 {
					version++
					for _, tenant := range []storage.Tenant{acme, umbra} {
						if err := s.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
							return tx.Append(ctx, event("between", version, 0))
						}); err != nil {
							return nil, err
						}
					}
				}
			}
			return log[:min(len(log), q.Limit)], nil
		}}
	}},
	{"jobs of a read are put together of two states", []string{"Reads/jobs that die and live again are of one state"}, func(s storage.Store) faults {
		return faults{jobs: func(ctx context.Context, r storage.Reader, q storage.JobQuery) ([]storage.Job, error) {
			if q.Subject == "" || q.Dead != nil {
				return r.Jobs(ctx, q)
			}
			no, yes := false, true
			alive, dead := q, q
			alive.Dead, dead.Dead = &no, &yes
			all, err := r.Jobs(ctx, alive)
			if err != nil {
				return nil, err
			}
			// Another unit comes between, and lets one job die and the other live.
			err = s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
				jobs, err := tx.Jobs(ctx, q)
				if err != nil {
					return err
				}
				for i := range jobs {
					jobs[i].Dead = !jobs[i].Dead
				}
				if err := tx.Enqueue(ctx, jobs...); err != nil {
					return err
				}
				jobs, err = tx.Jobs(ctx, dead)
				all = append(all, jobs...)
				return err
			})
			slices.SortFunc(all, byJobName)
			return all, err
		}}
	}},
	{"a count of a read is put together of two states", []string{"Reads/a count is of one state"}, func(s storage.Store) faults {
		return faults{count: func(ctx context.Context, r storage.Reader, sch *storage.Schema, c storage.Condition, by []string) ([]storage.Group, error) {
			if len(by) != 1 || by[0] != "priority" {
				return r.Count(ctx, sch, c, by)
			}
			first := where(storage.Equal, "priority", 0)
			groups, err := r.Count(ctx, sch, and(c, first), by)
			if err != nil {
				return nil, err
			}
			// Another unit comes between, and moves what was counted to what is yet to be counted.
			err = s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
				rows, err := tx.Query(ctx, tickets, storage.RowQuery{Where: first, Limit: 1, Bodies: true})
				if err != nil {
					return err
				}
				for _, row := range rows {
					set(tickets, &row, "priority", 2)
					if err := tx.Put(ctx, tickets, &row); err != nil {
						return err
					}
				}
				rest, err := tx.Count(ctx, sch, and(c, not(first)), by)
				groups = append(groups, rest...)
				return err
			})
			return groups, err
		}}
	}},
	{"a read is never over", []string{"Reads/a read is over when its function returns"}, func(s storage.Store) faults {
		return faults{read: func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
			if err := storage.CheckTenants(tenants); err != nil {
				return err
			}
			return fn(ctx, endless{s, tenants})
		}}
	}},
	{"a read of a tenant named twice", []string{"Reads/a read of no tenant, of one twice or of a bad one is invalid"}, func(s storage.Store) faults {
		return faults{read: func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
			if len(tenants) > 1 {
				tenants = tenants[:1]
			}
			return s.View(ctx, tenants, fn)
		}}
	}},
	{"a read keeps its function's error", []string{"Reads/what a read's function returns is returned"}, func(s storage.Store) faults {
		return faults{read: func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
			return s.View(ctx, tenants, func(ctx context.Context, r storage.Reader) error {
				_ = fn(ctx, r)
				return nil
			})
		}}
	}},
	{"a unit inside a read is invalid", []string{"Reads/a unit can be opened inside a read, which sees it"}, func(s storage.Store) faults {
		type inside struct{}
		return faults{
			read: func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
				return s.View(context.WithValue(ctx, inside{}, true), tenants, fn)
			},
			update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
				if ctx.Value(inside{}) != nil {
					return storage.ErrInvalid
				}
				return s.Update(ctx, tenant, fn)
			},
		}
	}},
}

// endless reads at any time.
type endless struct {
	s       storage.Store
	tenants []storage.Tenant
}

func (r endless) read(fn func(ctx context.Context, r storage.Reader) error) error {
	return r.s.View(context.Background(), r.tenants, fn)
}

func (r endless) Tenants() []storage.Tenant { return r.tenants }

func (r endless) Get(_ context.Context, s *storage.Schema, tenant storage.Tenant, id storage.ID) (row storage.Row, err error) {
	err = r.read(func(ctx context.Context, r storage.Reader) (err error) {
		row, err = r.Get(ctx, s, tenant, id)
		return err
	})
	return row, err
}

func (r endless) Query(_ context.Context, s *storage.Schema, q storage.RowQuery) (rows []storage.Row, err error) {
	err = r.read(func(ctx context.Context, r storage.Reader) (err error) {
		rows, err = r.Query(ctx, s, q)
		return err
	})
	return rows, err
}

func (r endless) Count(context.Context, *storage.Schema, storage.Condition, []string) ([]storage.Group, error) {
	return nil, nil
}
func (r endless) Events(context.Context, storage.EventQuery) ([]storage.Event, error) {
	return nil, nil
}
func (r endless) Jobs(context.Context, storage.JobQuery) ([]storage.Job, error) { return nil, nil }
func (r endless) Sequences(context.Context, storage.SequenceQuery) ([]storage.Sequence, error) {
	return nil, nil
}
func (r endless) CursorKey(context.Context) ([]byte, error) { return nil, nil }
