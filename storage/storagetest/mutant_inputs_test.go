package storagetest

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/itsmkit/itsmkit/storage"
)

// Faults of what a store is given and of how sequences are advanced.

var inputMutants = []mutant{
	{"events up to the one whose place is taken are kept", []string{"Events/of several events of which one's place is taken none is kept"}, func(storage.Store) faults {
		return faults{append: func(ctx context.Context, tx storage.Tx, events ...storage.Event) error {
			for _, ev := range events {
				if err := tx.Append(ctx, ev); err != nil {
					return err
				}
			}
			return nil
		}}
	}},
	{"a unit's tenant is told as a view's", []string{"Input/what is wrong among several is told by its place"}, func(s storage.Store) faults {
		return faults{update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
			if err := storage.CheckTenants([]storage.Tenant{tenant}); err != nil {
				return err
			}
			return s.Update(ctx, tenant, fn)
		}}
	}},
	{"a bad tenant is told without its place", []string{"Input/what is wrong among several is told by its place"}, func(s storage.Store) faults {
		return faults{view: func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
			for _, tenant := range tenants {
				if err := storage.CheckName("view", "tenant", string(tenant)); err != nil {
					return err
				}
			}
			return s.View(ctx, tenants, fn)
		}}
	}},
	{"a bad kind is told without its place", []string{"Input/what is wrong among several is told by its place"}, func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			for _, kind := range c.Kinds {
				if err := storage.CheckName("claim", "kinds", kind); err != nil {
					return nil, err
				}
			}
			return s.Claim(ctx, c)
		}}
	}},
	{"a bad type is told without its place", []string{"Input/what is wrong among several is told by its place"}, func(storage.Store) faults {
		return faults{events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) ([]storage.Event, error) {
			for _, typ := range q.Types {
				if err := storage.CheckName("query on events", "types", typ); err != nil {
					return nil, err
				}
			}
			return r.Events(ctx, q)
		}}
	}},
	{"a delete of a bad id finds nothing", []string{"Input/a row with a bad id is invalid"}, func(storage.Store) faults {
		return faults{remove: func(ctx context.Context, tx storage.Tx, s *storage.Schema, id storage.ID, version int64) error {
			if storage.CheckKey(string(id)) != "" {
				return storage.ErrNotFound
			}
			return tx.Delete(ctx, s, id, version)
		}}
	}},
	{"a delete of any negative version finds nothing", []string{"Input/a row with a bad id is invalid"}, func(storage.Store) faults {
		return faults{remove: func(ctx context.Context, tx storage.Tx, s *storage.Schema, id storage.ID, version int64) error {
			return tx.Delete(ctx, s, id, max(version, 0))
		}}
	}},
	{"a bad id to read is invalid", []string{"Records/a record that is not there is not found"}, func(storage.Store) faults {
		return faults{get: func(ctx context.Context, r storage.Reader, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
			if err := storage.CheckName("get", "id", string(id)); err != nil {
				return storage.Row{}, err
			}
			return r.Get(ctx, s, tenant, id)
		}}
	}},
	{"an empty payload is none", []string{"Input/a job that is not one is invalid"}, enqueueing(func(_ context.Context, _ storage.Tx, j *storage.Job) bool {
		if len(j.Payload) == 0 {
			j.Payload = nil
		}
		return true
	})},
	{"an empty payload of an outcome is none", []string{"Input/an outcome with a bad payload or error is invalid"}, finishing(func(o *storage.Outcome) {
		if len(o.Payload) == 0 {
			o.Payload = nil
		}
	})},
	{"a payload of what is done is not looked at", []string{"Input/an outcome with a bad payload or error is invalid"}, finishing(func(o *storage.Outcome) {
		if o.Done {
			o.Payload = nil
		}
	})},
	{"a dead letter of any error", []string{"Input/a job that is not one is invalid"}, enqueueing(func(_ context.Context, _ storage.Tx, j *storage.Job) bool {
		j.Error = strings.ReplaceAll(strings.ToValidUTF8(j.Error, "?"), "\x00", "?")
		return true
	})},
	{"a dead letter of fewer attempts than none", []string{"Input/a job that is not one is invalid"}, enqueueing(func(_ context.Context, _ storage.Tx, j *storage.Job) bool {
		j.Attempts = max(j.Attempts, 0)
		return true
	})},
	{"an error that is the store's is looked at", []string{"Input/a job that is not one is invalid"}, enqueueing(func(_ context.Context, _ storage.Tx, j *storage.Job) bool {
		j.Dead = j.Dead || strings.Contains(j.Error, "\x00")
		return true
	})},
	{"a finish of another tenant's job is a conflict", []string{"Input/a finish or cancel of what no job can be is invalid"}, func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			if claimed.Tenant != tx.Tenant() {
				return storage.ErrConflict
			}
			return tx.Finish(ctx, claimed, o)
		}}
	}},
	{"a cancel of a bad name finds nothing", []string{"Input/a finish or cancel of what no job can be is invalid"}, func(storage.Store) faults {
		return faults{cancel: func(ctx context.Context, tx storage.Tx, kind, key string) error {
			if storage.CheckCancel(kind, key) != nil {
				return nil
			}
			return tx.Cancel(ctx, kind, key)
		}}
	}},
	{"a bad token is invalid", []string{"Input/a finish or cancel of what no job can be is invalid"}, func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			if err := storage.CheckName("finish", "token", claimed.Token); err != nil {
				return err
			}
			return tx.Finish(ctx, claimed, o)
		}}
	}},
	{"times that wrap round", []string{"Input/a time too far from 1970 is invalid"}, putting(func(_ *storage.Schema, row *storage.Row) {
		row.Created, row.Updated = wrapped(row.Created), wrapped(row.Updated)
	})},
	{"due times that wrap round", []string{"Input/a time too far from 1970 is invalid"}, enqueueing(func(_ context.Context, _ storage.Tx, j *storage.Job) bool {
		j.Due = wrapped(j.Due)
		return true
	})},
	{"times of the log that wrap round", []string{"Input/a time too far from 1970 is invalid"}, func(storage.Store) faults {
		return faults{append: func(ctx context.Context, tx storage.Tx, events ...storage.Event) error {
			events = slices.Clone(events)
			for i := range events {
				events[i].At = wrapped(events[i].At)
			}
			return tx.Append(ctx, events...)
		}}
	}},
	{"times of outcomes that wrap round", []string{"Input/a time too far from 1970 is invalid"}, finishing(func(o *storage.Outcome) { o.Due = wrapped(o.Due) })},
	{"a lease of at least a microsecond", []string{"Input/a claim that can never be is invalid"}, claiming(func(c *storage.Claim) {
		if c.Lease > 0 {
			c.Lease = max(c.Lease, time.Microsecond)
		}
	})},
	{"a claim of no instant", []string{"Input/a claim that can never be is invalid"}, claiming(func(c *storage.Claim) {
		if c.Now.IsZero() {
			c.Now = time.UnixMicro(0)
		}
	})},
	{"a claim passes over bad kinds", []string{"Input/a claim that can never be is invalid"}, claiming(func(c *storage.Claim) {
		kinds := slices.DeleteFunc(slices.Clone(c.Kinds), func(kind string) bool { return storage.CheckKey(kind) != "" })
		if len(kinds) < len(c.Kinds) {
			c.Kinds = append(kinds, "none")
		}
	})},
	{"a claim of any number of kinds", []string{"Input/a claim that can never be is invalid"}, claiming(func(c *storage.Claim) {
		slices.Sort(c.Kinds)
		c.Kinds = slices.Compact(c.Kinds)
	})},
	{"a lease that ends too far off ends at the last instant", []string{"Input/a claim that can never be is invalid"}, claiming(func(c *storage.Claim) {
		if c.Lease > 0 && c.Now.Equal(time.UnixMicro(math.MaxInt64)) {
			c.Now = c.Now.Add(-c.Lease)
		}
	})},
	{"a page without limits", []string{"Input/a query that does not fit its table is invalid"}, querying(func(q *storage.RowQuery) {
		q.Limit = max(1, min(q.Limit, storage.MaxLimit))
	})},
	{"a query that takes what it knows of the order", []string{"Input/a query that does not fit its table is invalid"}, querying(func(q *storage.RowQuery) {
		var known []storage.Order
		for _, o := range q.Order {
			if c, ok := tickets.Column(o.Column); ok && !c.Nullable && !slices.ContainsFunc(known, func(k storage.Order) bool { return k.Column == o.Column }) {
				known = append(known, o)
			}
		}
		if q.After == nil {
			q.Order = known
		}
	})},
	{"a query that takes what it knows of a place", []string{"Input/a query that does not fit its table is invalid"}, querying(func(q *storage.RowQuery) {
		if q.After != nil && storage.CheckKey(string(q.After.ID)) != "" {
			after := *q.After
			after.ID = ""
			q.After = &after
		}
	})},
	{"a place with two ids", []string{"Input/a query that does not fit its table is invalid"}, querying(func(q *storage.RowQuery) {
		if q.After != nil && len(q.Order) == 1 && q.Order[0].Column == storage.ColumnID && len(q.After.Values) == 1 {
			after := *q.After
			after.Values = []any{string(after.ID)}
			q.After = &after
		}
	})},
	{"a condition that cannot be holds nowhere", []string{"Input/a query that does not fit its table is invalid"}, querying(func(q *storage.RowQuery) {
		if q.Where.Check(tickets) != nil {
			q.Where = or()
		}
	})},
	{"a condition that cannot be counts nothing", []string{"Input/a count that does not fit its table is invalid"}, counting(func(where *storage.Condition, _ *[]string) {
		if where.Check(tickets) != nil {
			*where = or()
		}
	})},
	{"a count takes the columns that it knows", []string{"Input/a count that does not fit its table is invalid"}, counting(func(_ *storage.Condition, by *[]string) {
		*by = slices.DeleteFunc(slices.Clone(*by), func(name string) bool { _, ok := tickets.Column(name); return !ok })
	})},
	{"a count by one column twice", []string{"Input/a count that does not fit its table is invalid"}, counting(func(_ *storage.Condition, by *[]string) {
		names := slices.Clone(*by)
		slices.Sort(names)
		if once := slices.Compact(slices.Clone(names)); len(once) < len(names) {
			*by = once
		}
	})},
	{"a record of any kind", []string{"Input/a query of the log for what cannot be in it is invalid"}, readingEvents(func(q *storage.EventQuery) {
		if q.Kind == "" {
			q.Record = ""
		}
	})},
	{"kinds and records that run together", []string{"Input/a query of the log for what cannot be in it is invalid"}, readingEvents(func(q *storage.EventQuery) {
		if kind, record, together := strings.Cut(q.Kind, "\x00"); together && kind != "" && storage.CheckKey(record) == "" {
			q.Kind, q.Record = kind, storage.ID(record)
		}
	})},
	{"types that cannot be are passed over", []string{"Input/a query of the log for what cannot be in it is invalid"}, readingEvents(func(q *storage.EventQuery) {
		q.Types = slices.DeleteFunc(slices.Clone(q.Types), func(typ string) bool { return storage.CheckKey(typ) != "" })
	})},
	{"any number of types", []string{"Input/a query of the log for what cannot be in it is invalid"}, readingEvents(func(q *storage.EventQuery) {
		q.Types = slices.Compact(slices.Clone(q.Types))
	})},
	{"a place in the log of a bad tenant", []string{"Input/a query of the log for what cannot be in it is invalid"}, readingEvents(func(q *storage.EventQuery) {
		if storage.CheckKey(string(q.After.Tenant)) != "" {
			q.After.Tenant = ""
		}
	})},
	{"a place in the log has no negative numbers", []string{"Input/a query of the log for what cannot be in it is invalid"}, func(storage.Store) faults {
		return faults{events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) ([]storage.Event, error) {
			if q.After.N < 0 {
				return nil, storage.ErrInvalid
			}
			return r.Events(ctx, q)
		}}
	}},
	{"jobs of a bad kind are none", []string{"Input/a query for what no job can be is invalid"}, readingJobs(func(q *storage.JobQuery) {
		if q.Kind != "" && storage.CheckKey(q.Kind) != "" {
			q.Kind = "none"
		}
	})},
	{"jobs of a bad subject are all", []string{"Input/a query for what no job can be is invalid"}, readingJobs(func(q *storage.JobQuery) {
		if storage.CheckKey(q.Subject) != "" {
			q.Subject = ""
		}
	})},
	{"a place among the jobs of a bad key", []string{"Input/a query for what no job can be is invalid"}, readingJobs(func(q *storage.JobQuery) {
		if storage.CheckKey(q.After.Key) != "" {
			q.After.Key = ""
		}
	})},
	{"a view of the first tenants", []string{"Input/a view of more tenants than can be read at once is invalid"}, func(s storage.Store) faults {
		return faults{view: func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
			return s.View(ctx, tenants[:min(len(tenants), storage.MaxTenants)], fn)
		}}
	}},
	{"a view of at most a thousand tenants", []string{"Input/a view of more tenants than can be read at once is invalid"}, func(s storage.Store) faults {
		return faults{view: func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
			return s.View(ctx, tenants[:min(len(tenants), 1000)], fn)
		}}
	}},
	{"a unit that is over is forgotten", []string{"Units/nothing begins with the context of a unit that is over"}, func(s storage.Store) faults {
		type unit struct{}
		return faults{
			update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
				open := true
				defer func() { open = false }()
				return s.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
					return fn(context.WithValue(ctx, unit{}, &open), tx)
				})
			},
			view: func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
				if open, ok := ctx.Value(unit{}).(*bool); ok && !*open {
					ctx = context.Background()
				}
				return s.View(ctx, tenants, fn)
			},
		}
	}},
	{"a job enqueued again is due from 1970 on", []string{"Jobs/a job of long ago that is enqueued again is still due"}, func(storage.Store) faults {
		return faults{enqueue: func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error {
			jobs = slices.Clone(jobs)
			for i, j := range jobs {
				if _, there := stored(ctx, tx, j.Kind, j.Key); there && j.Due.Before(time.UnixMicro(0)) {
					jobs[i].Due = time.UnixMicro(0)
				}
			}
			return tx.Enqueue(ctx, jobs...)
		}}
	}},
	{"a lease that ends as 1970 begins is none", []string{"Jobs/a job of long ago that is enqueued again is still due"}, func(storage.Store) faults {
		return faults{jobs: func(ctx context.Context, r storage.Reader, q storage.JobQuery) ([]storage.Job, error) {
			jobs, err := r.Jobs(ctx, q)
			for i := range jobs {
				if jobs[i].Lease.Equal(time.UnixMicro(0)) {
					jobs[i].Lease = time.Time{}
				}
			}
			return jobs, err
		}}
	}},
	{"a dead letter is due at its outcome's zero time", []string{"Outcomes/a dead letter without a due time keeps its own"}, finishing(func(o *storage.Outcome) {
		if o.Dead && o.Due.IsZero() {
			o.Due = time.Time{}.Add(time.Microsecond)
		}
	})},
	{"a dead letter always keeps its due time", []string{"Outcomes/a dead letter without a due time keeps its own"}, finishing(func(o *storage.Outcome) {
		if o.Dead {
			o.Due = time.Time{}
		}
	})},
}

var sequenceMutants = []mutant{
	{"a sequence is never advanced", []string{"Sequences/an advanced sequence goes on from there", "Sequences/a new sequence goes on with the number it is advanced to", "Sequences/a unit takes from what it has advanced", "Sequences/many goroutines advance and take", modelTest}, advancing(func(context.Context, storage.Tx, string, int64) error { return nil })},
	{"an advanced sequence goes on behind the number", []string{"Sequences/a new sequence goes on with the number it is advanced to"}, advancing(func(ctx context.Context, tx storage.Tx, sequence string, atLeast int64) error {
		return tx.Advance(ctx, sequence, atLeast+1)
	})},
	{"an advanced sequence goes on one before the number", []string{"Sequences/an advanced sequence goes on from there", "Sequences/a new sequence goes on with the number it is advanced to", "Sequences/a unit takes from what it has advanced", modelTest}, advancing(func(ctx context.Context, tx storage.Tx, sequence string, atLeast int64) error {
		return tx.Advance(ctx, sequence, max(1, atLeast-1))
	})},
	{"a sequence goes back", []string{"Sequences/a sequence never goes back", modelTest}, setting(false)},
	{"a unit that fails advances", []string{"Sequences/a unit that fails advances nothing"}, func(s storage.Store) faults {
		return faults{advance: func(ctx context.Context, tx storage.Tx, sequence string, atLeast int64) error {
			if err := tx.Advance(ctx, sequence, atLeast); err != nil {
				return err
			}
			_, err := tx.Next(ctx, sequence) // which is never given back
			return err
		}}
	}},
	{"a unit does not see what it has advanced", []string{"Sequences/a unit takes from what it has advanced", modelTest}, setting(true)},
	{"every sequence of a tenant is advanced", []string{"Sequences/what is advanced is of one tenant and sequence"}, func(storage.Store) faults {
		var mu sync.Mutex
		known := []string{"ticket", "TICKET", "ticket ", "asset"}
		return faults{advance: func(ctx context.Context, tx storage.Tx, _ string, atLeast int64) error {
			mu.Lock()
			defer mu.Unlock()
			for _, name := range known {
				if err := tx.Advance(ctx, name, atLeast); err != nil {
					return err
				}
			}
			return nil
		}}
	}},
	{"a sequence is advanced for every tenant", []string{"Sequences/what is advanced is of one tenant and sequence"}, func(storage.Store) faults {
		var mu sync.Mutex
		least := map[string]int64{}
		return faults{
			advance: func(ctx context.Context, tx storage.Tx, sequence string, atLeast int64) error {
				mu.Lock()
				defer mu.Unlock()
				least[sequence] = max(least[sequence], atLeast)
				return tx.Advance(ctx, sequence, atLeast)
			},
			next: func(ctx context.Context, tx storage.Tx, sequence string) (int64, error) {
				mu.Lock()
				n := least[sequence]
				mu.Unlock()
				if n > 0 {
					if err := tx.Advance(ctx, sequence, n); err != nil {
						return 0, err
					}
				}
				return tx.Next(ctx, sequence)
			},
		}
	}},
	{"a sequence is advanced to any number", []string{"Input/a sequence is advanced to a number that it can have"}, advancing(func(ctx context.Context, tx storage.Tx, sequence string, atLeast int64) error {
		return tx.Advance(ctx, sequence, max(1, min(atLeast, storage.MaxNumber)))
	})},
	{"a sequence has room for fewer numbers", []string{"Input/a sequence is advanced to a number that it can have"}, func(storage.Store) faults {
		return faults{next: func(ctx context.Context, tx storage.Tx, sequence string) (int64, error) {
			n, err := tx.Next(ctx, sequence)
			return int64(int32(n)), err
		}}
	}},
	{"a sequence of any name is advanced", []string{"Input/a bad name of a lock or sequence is invalid"}, advancing(func(ctx context.Context, tx storage.Tx, sequence string, atLeast int64) error {
		if err := tx.Advance(ctx, sequence, atLeast); !errors.Is(err, storage.ErrInvalid) {
			return err
		}
		return nil
	})},
}

// setting makes an advance that sets what the next number is, lower or not: when it is called, or
// with late when the unit commits.
func setting(late bool) func(s storage.Store) faults {
	return func(s storage.Store) faults {
		var mu sync.Mutex
		last := map[string]int64{}
		open := map[storage.Tx]map[string]int64{}
		return faults{
			update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
				var unit storage.Tx
				err := s.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
					unit = tx
					mu.Lock()
					open[tx] = map[string]int64{}
					mu.Unlock()
					return fn(ctx, tx)
				})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					for name, n := range open[unit] {
						last[name] = max(last[name], n-1)
					}
				}
				return err
			},
			advance: func(_ context.Context, tx storage.Tx, sequence string, atLeast int64) error {
				mu.Lock()
				defer mu.Unlock()
				name := string(tx.Tenant()) + "/" + sequence
				if late {
					open[tx][name] = max(open[tx][name], atLeast)
				} else {
					last[name] = atLeast - 1
				}
				return nil
			},
			next: func(_ context.Context, tx storage.Tx, sequence string) (int64, error) {
				mu.Lock()
				defer mu.Unlock()
				name := string(tx.Tenant()) + "/" + sequence
				last[name]++
				return last[name], nil
			},
		}
	}
}

func advancing(advance func(ctx context.Context, tx storage.Tx, sequence string, atLeast int64) error) func(storage.Store) faults {
	return func(storage.Store) faults { return faults{advance: advance} }
}

// wrapped is the time that is left of t in microseconds of 64 bits.
func wrapped(t time.Time) time.Time { return time.UnixMicro(t.UnixMicro()) }

// claiming makes a claim of something else.
func claiming(change func(c *storage.Claim)) func(s storage.Store) faults {
	return func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			c.Kinds = slices.Clone(c.Kinds)
			change(&c)
			return s.Claim(ctx, c)
		}}
	}
}

// querying makes a query for something else, and so do the three that follow.
func querying(change func(q *storage.RowQuery)) func(storage.Store) faults {
	return func(storage.Store) faults {
		return faults{query: func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
			change(&q)
			return r.Query(ctx, s, q)
		}}
	}
}

func counting(change func(where *storage.Condition, by *[]string)) func(storage.Store) faults {
	return func(storage.Store) faults {
		return faults{count: func(ctx context.Context, r storage.Reader, s *storage.Schema, where storage.Condition, by []string) ([]storage.Group, error) {
			change(&where, &by)
			return r.Count(ctx, s, where, by)
		}}
	}
}

func readingEvents(change func(q *storage.EventQuery)) func(storage.Store) faults {
	return func(storage.Store) faults {
		return faults{events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) ([]storage.Event, error) {
			change(&q)
			return r.Events(ctx, q)
		}}
	}
}

func readingJobs(change func(q *storage.JobQuery)) func(storage.Store) faults {
	return func(storage.Store) faults {
		return faults{jobs: func(ctx context.Context, r storage.Reader, q storage.JobQuery) ([]storage.Job, error) {
			change(&q)
			return r.Jobs(ctx, q)
		}}
	}
}
