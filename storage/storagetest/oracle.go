package storagetest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/storage"
)

// The oracle is a store as simple as can be: maps that are copied for every unit, and sorted
// and walked for every read. It shares no code with an adapter and has its own reading of
// conditions, so that the two can be wrong in the same way only if the contract is.

// oracle is what a store should hold.
type oracle struct {
	tenants map[storage.Tenant]*world
	// taken are the numbers that were given, whatever became of their units.
	taken map[string]map[int64]bool
	// claims are the oracle's own generations of what was claimed, by the store's tokens.
	claims map[string]int64
}

// world is what one tenant should have.
type world struct {
	rows map[string]map[storage.ID]storage.Row // by table
	log  map[storage.EventPosition]storage.Event
	jobs map[jobName]storage.Job
	// least is what sequences were advanced to.
	least map[string]int64
}

type jobName struct{ kind, key string }

func newOracle(tenants []storage.Tenant) *oracle {
	o := &oracle{tenants: map[storage.Tenant]*world{}, taken: map[string]map[int64]bool{}, claims: map[string]int64{}}
	for _, t := range tenants {
		o.tenants[t] = &world{rows: map[string]map[storage.ID]storage.Row{}, log: map[storage.EventPosition]storage.Event{}, jobs: map[jobName]storage.Job{}, least: map[string]int64{}}
	}
	return o
}

// copied gives a world to work on; what stands in it is never changed.
func (w *world) copied() *world {
	c := &world{rows: map[string]map[storage.ID]storage.Row{}, log: maps.Clone(w.log), jobs: maps.Clone(w.jobs), least: maps.Clone(w.least)}
	for table, rows := range w.rows {
		c.rows[table] = maps.Clone(rows)
	}
	return c
}

// take notes a number, and says whether it was given before.
func (o *oracle) take(tenant storage.Tenant, sequence string, n int64) (again bool) {
	name := fmt.Sprintf("%q %q", tenant, sequence)
	if o.taken[name] == nil {
		o.taken[name] = map[int64]bool{}
	}
	again = o.taken[name][n]
	o.taken[name][n] = true
	return again
}

// put gives the row as it is then, and ErrConflict.
func (w *world) put(s *storage.Schema, tenant storage.Tenant, row storage.Row) (storage.Row, error) {
	old, there := w.rows[s.Name()][row.ID]
	if row.Version != old.Version || there != (row.Version != 0) {
		return row, storage.ErrConflict
	}
	row = clone(row)
	row.Tenant, row.Layout = tenant, s.Layout()
	row.Version++
	if w.rows[s.Name()] == nil {
		w.rows[s.Name()] = map[storage.ID]storage.Row{}
	}
	w.rows[s.Name()][row.ID] = row
	return row, nil
}

func (w *world) remove(s *storage.Schema, id storage.ID, version int64) error {
	old, there := w.rows[s.Name()][id]
	switch {
	case !there:
		return storage.ErrNotFound
	case old.Version != version:
		return storage.ErrConflict
	}
	delete(w.rows[s.Name()], id)
	return nil
}

func (w *world) add(tenant storage.Tenant, ev storage.Event) error {
	ev.Tenant = tenant
	if _, taken := w.log[ev.Position()]; taken {
		return storage.ErrConflict
	}
	w.log[ev.Position()] = ev
	return nil
}

func (w *world) enqueue(tenant storage.Tenant, job storage.Job) {
	name := jobName{job.Kind, job.Key}
	old, there := w.jobs[name]
	if there && job.Keep && !old.Dead {
		old.Generation++
		w.jobs[name] = old
		return
	}
	next := storage.Job{
		Tenant: tenant, Kind: job.Kind, Key: job.Key, Subject: job.Subject, Due: job.Due, Payload: job.Payload, Dead: job.Dead,
		Generation: old.Generation + 1, Lease: old.Lease, Token: old.Token,
	}
	if job.Dead {
		next.Attempts, next.Error = job.Attempts, job.Error
	}
	w.jobs[name] = next
}

// finish ends a claim. The claimed job has the oracle's generation.
func (w *world) finish(claimed storage.Job, o storage.Outcome) error {
	name := jobName{claimed.Kind, claimed.Key}
	job, there := w.jobs[name]
	if !there || job.Token == "" || job.Token != claimed.Token {
		return storage.ErrConflict
	}
	risen := job.Generation != claimed.Generation
	if o.Done && !risen {
		delete(w.jobs, name)
		return nil
	}
	job.Token, job.Lease = "", time.Time{}
	if o.Payload != nil {
		job.Payload = o.Payload
	}
	if o.Done || o.Reset {
		job.Attempts = 0
	}
	job.Error = ""
	if !o.Done {
		job.Error = o.Error
		if !risen {
			job.Dead, job.Due = o.Dead, o.Due
		} else if o.Due.After(job.Due) {
			job.Due = o.Due
		}
	}
	w.jobs[name] = job
	return nil
}

// held says whether a worker has the job at an instant.
func held(job storage.Job, now time.Time) bool { return job.Token != "" && job.Lease.After(now) }

// ready gives the jobs that a claim of the kinds may take of the tenant: those of no subject,
// and of each subject the one that is due first, if none is claimed.
func (w *world) ready(now time.Time, kinds []string) []storage.Job {
	var free []storage.Job
	first := map[string]storage.Job{}
	busy := map[string]bool{}
	for _, job := range w.jobs {
		switch {
		case job.Dead:
		case job.Subject == "":
			if !job.Due.After(now) && !held(job, now) {
				free = append(free, job)
			}
		default:
			busy[job.Subject] = busy[job.Subject] || held(job, now)
			if f, there := first[job.Subject]; !there || job.Due.Before(f.Due) {
				first[job.Subject] = job
			}
		}
	}
	for subject, job := range first {
		if !busy[subject] && !job.Due.After(now) {
			free = append(free, job)
		}
	}
	return slices.DeleteFunc(free, func(j storage.Job) bool { return !slices.Contains(kinds, j.Kind) })
}

// waited gives the subjects of which a job has a claim, though it may have ended.
func (w *world) waited() map[string]bool {
	subjects := map[string]bool{}
	for _, job := range w.jobs {
		if job.Subject != "" && job.Token != "" {
			subjects[job.Subject] = true
		}
	}
	return subjects
}

// query gives a page of the rows of the tenants.
func (o *oracle) query(s *storage.Schema, q storage.RowQuery, tenants ...storage.Tenant) []storage.Row {
	rows := o.matching(s, q.Where, tenants)
	compare := inOrder(s, q.Order)
	slices.SortFunc(rows, compare)
	if q.After != nil {
		last := storage.Row{Columns: make([]any, len(s.Columns()))}
		last.Tenant, last.ID = q.After.Tenant, q.After.ID
		for i, ordered := range q.Order {
			switch v := q.After.Values[i]; ordered.Column {
			case storage.ColumnID:
				last.ID = storage.ID(v.(string))
			case storage.ColumnVersion:
				last.Version = v.(int64)
			case storage.ColumnCreated:
				last.Created = time.UnixMicro(v.(int64))
			case storage.ColumnUpdated:
				last.Updated = time.UnixMicro(v.(int64))
			default:
				place, _ := s.Place(ordered.Column)
				last.Columns[place] = v
			}
		}
		rows = slices.DeleteFunc(rows, func(r storage.Row) bool { return compare(r, last) <= 0 })
	}
	rows = rows[:min(len(rows), q.Limit)]
	if !q.Bodies {
		for i := range rows {
			rows[i].Body = nil
		}
	}
	return rows
}

func (o *oracle) matching(s *storage.Schema, c storage.Condition, tenants []storage.Tenant) []storage.Row {
	var rows []storage.Row
	for _, tenant := range tenants {
		resolved := o.resolved(c, tenant)
		for _, row := range o.tenants[tenant].rows[s.Name()] {
			if holds(resolved, func(column string) any { return row.Value(s, column) }) {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// resolved gives a condition on rows of the tenant with the ids in it that other rows name.
func (o *oracle) resolved(c storage.Condition, tenant storage.Tenant) storage.Condition {
	return rewritten(c, func(c storage.Condition) storage.Condition {
		if c.Op != storage.Named {
			return c
		}
		return naming(c.By, o.matching(c.By.Schema, c.By.Where, []storage.Tenant{tenant}))
	})
}

// naming is the condition that the rows of a reference name the id.
func naming(by *storage.Reference, rows []storage.Row) storage.Condition {
	c := storage.Condition{Op: storage.In, Column: storage.ColumnID}
	for _, row := range rows {
		if id := row.Value(by.Schema, by.Column); id != nil {
			c.Values = append(c.Values, id)
		}
	}
	return c
}

// rewritten applies a change to every part of a condition.
func rewritten(c storage.Condition, change func(c storage.Condition) storage.Condition) storage.Condition {
	c.Of = slices.Clone(c.Of)
	for i := range c.Of {
		c.Of[i] = rewritten(c.Of[i], change)
	}
	return change(c)
}

// holds reads a condition over one row.
func holds(c storage.Condition, get func(column string) any) bool {
	among := func(want bool) bool {
		for _, sub := range c.Of {
			if holds(sub, get) == want {
				return true
			}
		}
		return false
	}
	switch c.Op {
	case storage.All:
		return true
	case storage.And:
		return !among(false)
	case storage.Or:
		return among(true)
	case storage.Not:
		return among(false)
	case storage.Null:
		return get(c.Column) == nil
	}
	v := get(c.Column)
	if v == nil {
		return false
	}
	for _, w := range c.Values {
		d := compareValues(v, w)
		text, _ := v.(string)
		prefix, _ := w.(string)
		if c.Op == storage.Equal && d == 0 || c.Op == storage.In && d == 0 ||
			c.Op == storage.Below && d < 0 || c.Op == storage.AtMost && d <= 0 ||
			c.Op == storage.Above && d > 0 || c.Op == storage.AtLeast && d >= 0 ||
			c.Op == storage.Prefix && strings.HasPrefix(text, prefix) ||
			c.Op == storage.Contains && strings.Contains(asciiLower(text), asciiLower(prefix)) {
			return true
		}
	}
	return false
}

// compareValues orders two values of a column: NULL first, false before true.
func compareValues(a, b any) int {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return cmp.Compare(x, y)
		}
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
	case bool:
		if y, ok := b.(bool); ok {
			if x == y {
				return 0
			} else if y {
				return -1
			}
			return 1
		}
	case nil:
		if b == nil {
			return 0
		}
		return -1
	}
	return 1 // b is nil
}

func (o *oracle) count(s *storage.Schema, c storage.Condition, by []string, tenants ...storage.Tenant) []storage.Group {
	groups := []storage.Group{}
	if len(by) == 0 {
		groups = append(groups, storage.Group{})
	}
	for _, row := range o.matching(s, c, tenants) {
		var values []any
		for _, column := range by {
			values = append(values, row.Value(s, column))
		}
		i := slices.IndexFunc(groups, func(g storage.Group) bool { return slices.Equal(g.Values, values) })
		if i < 0 {
			i, groups = len(groups), append(groups, storage.Group{Values: values})
		}
		groups[i].Count++
	}
	slices.SortFunc(groups, func(a, b storage.Group) int { return slices.CompareFunc(a.Values, b.Values, compareValues) })
	return groups
}

func (o *oracle) events(q storage.EventQuery, tenants ...storage.Tenant) []storage.Event {
	var events []storage.Event
	after := storage.Event{Tenant: q.After.Tenant, Kind: q.After.Kind, Record: q.After.Record, Version: q.After.Version, N: q.After.N}
	for _, tenant := range tenants {
		for _, ev := range o.tenants[tenant].log {
			if (q.Kind == "" || q.Kind == ev.Kind) && (q.Record == "" || q.Record == ev.Record) &&
				(len(q.Types) == 0 || slices.Contains(q.Types, ev.Type)) && byPlace(ev, after) > 0 {
				events = append(events, ev)
			}
		}
	}
	slices.SortFunc(events, byPlace)
	return events[:min(len(events), q.Limit)]
}

func (o *oracle) jobs(q storage.JobQuery, tenants ...storage.Tenant) []storage.Job {
	var jobs []storage.Job
	for _, tenant := range tenants {
		for _, j := range o.tenants[tenant].jobs {
			if (q.Kind == "" || q.Kind == j.Kind) && (q.Subject == "" || q.Subject == j.Subject) && (q.Key == "" || q.Key == j.Key) &&
				(q.Dead == nil || *q.Dead == j.Dead) && byJobName(j, q.After) > 0 {
				jobs = append(jobs, j)
			}
		}
	}
	slices.SortFunc(jobs, byJobName)
	return jobs[:min(len(jobs), q.Limit)]
}
