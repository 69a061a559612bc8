package storagetest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/storage"
)

// RunModel draws random commands of several tenants and compares what the store says with a
// simple model: units of puts, deletes, events, jobs, finishes, locks and numbers that commit,
// fail or panic; views with random conditions, orders, pages and counts; and claims. The flags
// of package rapid say how much of it: -rapid.checks is how many sequences of commands are
// drawn, -rapid.steps how long they are.
func RunModel(t *testing.T, newStore func(t *testing.T) storage.Store) {
	e := &env{testingT: t, ctx: t.Context(), open: func() storage.Store { return newStore(t) }}
	checkModel(t, e.another())
}

// checkModel does it against one store. Each sequence of commands has tenants and kinds of
// jobs of its own, so that it meets nothing of those before it.
func checkModel(t rapid.TB, s storage.Store) {
	var checks atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		n := checks.Add(1)
		m := &model{
			T: t, store: s,
			tenants: []storage.Tenant{storage.Tenant(fmt.Sprintf("M%d", n)), storage.Tenant(fmt.Sprintf("m%d", n)), storage.Tenant(fmt.Sprintf("m%d ", n))},
			kinds:   []string{fmt.Sprintf("K%d", n), fmt.Sprintf("k%d", n)},
			now:     noon,
		}
		m.oracle = newOracle(m.tenants)
		t.Repeat(map[string]func(*rapid.T){
			"Update": func(t *rapid.T) { m.unit(t, everyCommand) },
			"Work":   func(t *rapid.T) { m.unit(t, jobCommands) },
			"Read":   m.read,
			"Claim":  m.claim,
		})
		m.compareAll()
	})
}

// model is one sequence of commands, the store they are given to and what it should hold.
type model struct {
	*rapid.T
	store   storage.Store
	oracle  *oracle
	tenants []storage.Tenant
	kinds   []string
	// now is the workers' clock, claimed what they believe to have, and instants how many
	// different due times there were: they all differ, so that orders by them have no ties.
	now      time.Time
	claimed  []storage.Job
	instants int
}

// The values are few, so that commands meet the same records, and tricky.
var (
	modelIDs      = []storage.ID{"A", "a", "a ", "\u00e9", "e\u0301", "\U0001f525"}
	modelTexts    = []string{"", "A", "a", "a ", "aB", "ab", "a_", "%", `\`, "\uffff", "\U0010ffff"}
	modelKeys     = []string{"A", "a", "a "}
	modelRecords  = []storage.ID{"a", "A", "a "}
	modelNumbers  = []int64{extremes[0], -1 << 53, -1, 0, 1, 2, 1<<53 + 1, extremes[len(extremes)-1]}
	modelSubjects = []string{"", "", "s", "S"}
	modelBodies   = []string{`{}`, ` {"a" : 1.0} `, `[]`, `"\u0000"`, `{"a":1,"a":2}`}
	modelTypes    = []string{"x.v1", "X.v1", "y.v1"}
	modelColumns  = columnNames(tickets)
)

// columnNames gives the columns that conditions may be on.
func columnNames(s *storage.Schema) []string {
	var names []string
	for _, c := range s.Columns() {
		names = append(names, c.Name)
	}
	return append(names, storage.ColumnTenant, storage.ColumnID, storage.ColumnVersion, storage.ColumnCreated, storage.ColumnUpdated)
}

// textColumns gives those of them that have text.
func textColumns(s *storage.Schema) []string {
	return slices.DeleteFunc(columnNames(s), func(name string) bool {
		c, _ := s.Column(name)
		return c.Kind != storage.Text
	})
}

// tableNamed gives one of the suite's tables; names are drawn, so that failures can be read.
func tableNamed(name string) *storage.Schema {
	for _, s := range schemas {
		if s.Name() == name {
			return s
		}
	}
	return nil
}

func draw[V any](t *rapid.T, from []V, name string) V { return rapid.SampledFrom(from).Draw(t, name) }

// anyValue draws a value for a column of the kind.
func anyValue(t *rapid.T, k storage.Kind) any {
	switch k {
	case storage.Text:
		return draw(t, modelTexts, "text")
	case storage.Bool:
		return rapid.Bool().Draw(t, "bool")
	default:
		return draw(t, modelNumbers, "number")
	}
}

func (m *model) anyRow(t *rapid.T, s *storage.Schema) storage.Row {
	row := newRow(s, draw(t, modelIDs, "id"))
	for i, c := range s.Columns() {
		if c.Nullable && rapid.Bool().Draw(t, "null") {
			continue
		}
		row.Columns[i] = anyValue(t, c.Kind)
	}
	row.Created = noon.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "created")) * 1000000 * time.Hour)
	row.Updated = noon.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "updated")) * time.Microsecond)
	row.Body = []byte(draw(t, modelBodies, "body"))
	return row
}

// anyDue draws an instant that no other job has.
func (m *model) anyDue(t *rapid.T) time.Time {
	m.instants++
	return noon.Add(time.Duration(rapid.IntRange(-3, 20).Draw(t, "due"))*time.Minute + time.Duration(m.instants)*time.Microsecond)
}

func (m *model) anyPayload(t *rapid.T) []byte {
	if rapid.Bool().Draw(t, "payload") {
		return []byte(draw(t, modelBodies, "document"))
	}
	return nil
}

// command is one step of a unit, drawn before the unit is opened, as a store may run the unit
// more than once. It does to the store and to the world the same, and compares.
type command func(ctx context.Context, tx storage.Tx, w *world)

// commands draw what a unit can do.
var commands = map[string]func(m *model, t *rapid.T, tenant storage.Tenant) command{
	"put": func(m *model, t *rapid.T, tenant storage.Tenant) command {
		s := tableNamed(draw(t, []string{"st_ticket", "st_ticket", "st_ticket", "st_asset"}, "table"))
		given := m.anyRow(t, s)
		off := draw(t, []int64{0, 0, 0, 0, 1, -1}, "off by")
		named := draw(t, []string{"", "", storage.ColumnID, draw(t, textColumns(s), "column")}, "then named by")
		return func(ctx context.Context, tx storage.Tx, w *world) {
			row := clone(given)
			row.Version = max(w.rows[s.Name()][row.ID].Version+off, 0)
			want, refused := w.put(s, tenant, row)
			err := tx.Put(ctx, s, &row)
			if refused != nil {
				require.ErrorIs(m, err, refused)
				return
			}
			require.NoError(m, err)
			require.Equal(m, want, row)
			if named != "" { // what a unit wrote names at once
				where := storage.Condition{Op: storage.Equal, Column: storage.ColumnID, Values: []any{string(row.ID)}}
				m.compareRows(ctx, tx, &oracle{tenants: map[storage.Tenant]*world{tenant: w}}, storage.RowQuery{
					Where: storage.Condition{Op: storage.Named, By: &storage.Reference{Schema: s, Column: named, Where: where}}, Limit: storage.MaxLimit,
				}, []storage.Tenant{tenant})
			}
		}
	},
	"delete": func(m *model, t *rapid.T, tenant storage.Tenant) command {
		s := tableNamed(draw(t, []string{"st_ticket", "st_asset"}, "table"))
		id := draw(t, modelIDs, "id")
		off := draw(t, []int64{0, 0, 1}, "off by")
		return func(ctx context.Context, tx storage.Tx, w *world) {
			version := max(w.rows[s.Name()][id].Version+off, 1)
			m.same(w.remove(s, id, version), tx.Delete(ctx, s, id, version))
		}
	},
	"append": func(m *model, t *rapid.T, tenant storage.Tenant) command {
		ev := event(draw(t, modelRecords, "record"), draw(t, []int64{1, 2, 10}, "version"), rapid.IntRange(0, 1).Draw(t, "n"))
		ev.Kind, ev.Type = draw(t, []string{"st_ticket", "ST_TICKET"}, "kind"), draw(t, modelTypes, "type")
		ev.Envelope = []byte(draw(t, modelBodies, "envelope"))
		return func(ctx context.Context, tx storage.Tx, w *world) {
			m.same(w.add(tenant, ev), tx.Append(ctx, ev))
		}
	},
	"enqueue": func(m *model, t *rapid.T, tenant storage.Tenant) command {
		job := storage.Job{
			Kind: draw(t, m.kinds, "kind"), Key: draw(t, modelKeys, "key"), Subject: draw(t, modelSubjects, "subject"),
			Due: m.anyDue(t), Payload: m.anyPayload(t), Keep: rapid.Bool().Draw(t, "keep"),
		}
		if draw(t, []bool{false, false, false, true}, "dead") {
			job.Dead, job.Attempts, job.Error = true, 3, "gave up"
		}
		return func(ctx context.Context, tx storage.Tx, w *world) {
			if old := w.jobs[jobName{job.Kind, job.Key}]; job.Dead && old.Token != "" {
				return // what becomes of the claim then is not promised
			}
			w.enqueue(tenant, job)
			require.NoError(m, tx.Enqueue(ctx, job))
		}
	},
	"cancel": func(m *model, t *rapid.T, tenant storage.Tenant) command {
		kind, key := draw(t, m.kinds, "kind"), draw(t, modelKeys, "key")
		return func(ctx context.Context, tx storage.Tx, w *world) {
			delete(w.jobs, jobName{kind, key})
			require.NoError(m, tx.Cancel(ctx, kind, key))
		}
	},
	"finish": func(m *model, t *rapid.T, tenant storage.Tenant) command {
		mine := slices.DeleteFunc(slices.Clone(m.claimed), func(j storage.Job) bool { return j.Tenant != tenant })
		if len(mine) == 0 {
			return nil
		}
		job := mine[max(0, len(mine)-1-rapid.IntRange(0, 3).Draw(t, "claims ago"))]
		o := storage.Outcome{Done: rapid.Bool().Draw(t, "done"), Payload: m.anyPayload(t)}
		if !o.Done {
			o.Due, o.Error = m.anyDue(t), "it failed"
			o.Dead, o.Reset = draw(t, []bool{false, false, true}, "dead"), rapid.Bool().Draw(t, "reset")
		}
		return func(ctx context.Context, tx storage.Tx, w *world) {
			ours := job
			ours.Generation = m.oracle.claims[job.Token]
			m.same(w.finish(ours, o), tx.Finish(ctx, job, o))
		}
	},
	"next": func(m *model, t *rapid.T, tenant storage.Tenant) command {
		sequence := draw(t, []string{"n", "N"}, "sequence")
		return func(ctx context.Context, tx storage.Tx, w *world) {
			n, err := tx.Next(ctx, sequence)
			require.NoError(m, err)
			require.Positive(m, n)
			require.GreaterOrEqual(m, n, w.least[sequence], "%q was advanced", sequence)
			require.False(m, m.oracle.take(tenant, sequence, n), "%d of %q was given before", n, sequence)
		}
	},
	"advance": func(m *model, t *rapid.T, tenant storage.Tenant) command {
		sequence, atLeast := draw(t, []string{"n", "N"}, "sequence"), rapid.Int64Range(1, 300).Draw(t, "at least")
		return func(ctx context.Context, tx storage.Tx, w *world) {
			w.least[sequence] = max(w.least[sequence], atLeast)
			require.NoError(m, tx.Advance(ctx, sequence, atLeast))
		}
	},
	"lock": func(m *model, t *rapid.T, tenant storage.Tenant) command {
		name := draw(t, []string{"a", "A"}, "name")
		return func(ctx context.Context, tx storage.Tx, w *world) { require.NoError(m, tx.Lock(ctx, name)) }
	},
	"read": func(m *model, t *rapid.T, tenant storage.Tenant) command {
		read := m.anyRead(t, []storage.Tenant{tenant})
		nested := rapid.Bool().Draw(t, "nested")
		return func(ctx context.Context, tx storage.Tx, w *world) {
			open := &oracle{tenants: map[storage.Tenant]*world{tenant: w}}
			if !nested {
				read(ctx, tx, open)
				return
			}
			require.NoError(m, m.store.View(ctx, []storage.Tenant{tenant}, func(ctx context.Context, r storage.Reader) error {
				read(ctx, r, open)
				return nil
			}))
		}
	},
}

// same says that the store gave the error that it should.
func (m *model) same(want, got error) {
	m.Helper()
	if want == nil {
		require.NoError(m, got)
		return
	}
	require.ErrorIs(m, got, want)
}

// unit runs a unit of random commands and compares the jobs that there are then.
func (m *model) unit(t *rapid.T, from []string) {
	tenant := m.tenants[draw(t, []int{0, 0, 0, 1, 2}, "tenant")] // one has more than the others
	var steps []command
	for range rapid.IntRange(1, 6).Draw(t, "commands") {
		if c := commands[draw(t, from, "command")](m, t, tenant); c != nil {
			steps = append(steps, c)
		}
	}
	end := draw(t, []string{"commit", "commit", "commit", "fail", "panic"}, "end")
	var w *world
	var err error
	var panicked any
	func() {
		if end == "panic" {
			defer func() {
				if panicked = recover(); panicked != errOurs {
					panic(panicked) // a comparison failed
				}
			}()
		}
		err = m.store.Update(t.Context(), tenant, func(ctx context.Context, tx storage.Tx) error {
			w = m.oracle.tenants[tenant].copied()
			for _, step := range steps {
				step(ctx, tx, w)
			}
			switch end {
			case "fail":
				return errOurs
			case "panic":
				panic(errOurs)
			}
			return nil
		})
	}()
	switch end {
	case "commit":
		require.NoError(m, err)
		m.oracle.tenants[tenant] = w
	case "fail":
		require.ErrorIs(m, err, errOurs)
	}
	require.NoError(m, m.store.View(t.Context(), []storage.Tenant{tenant}, func(ctx context.Context, r storage.Reader) error {
		m.compareJobs(ctx, r, m.oracle, storage.JobQuery{Limit: storage.MaxLimit}, []storage.Tenant{tenant})
		return nil
	}))
}

// compareJobs compares all pages of a list of jobs.
func (m *model) compareJobs(ctx context.Context, r storage.Reader, o *oracle, q storage.JobQuery, tenants []storage.Tenant) {
	m.Helper()
	for {
		want := o.jobs(q, tenants...)
		got, err := r.Jobs(ctx, q)
		require.NoError(m, err)
		require.Equal(m, names(want), names(got), "%+v", q)
		for i := range want {
			require.Equal(m, determined(want[i]), determined(got[i]))
		}
		if len(want) < q.Limit {
			return
		}
		q.After = want[q.Limit-1]
	}
}

// The commands of a unit by how often they are drawn.
var (
	everyCommand = []string{"put", "put", "put", "put", "delete", "append", "append", "enqueue", "enqueue", "cancel", "finish", "next", "next", "advance", "lock", "read", "read"}
	jobCommands  = []string{"enqueue", "enqueue", "finish", "finish", "finish", "cancel"}
)

// read reads in a View of some tenants.
func (m *model) read(t *rapid.T) {
	tenants := rapid.Permutation(m.tenants).Draw(t, "tenants")[:rapid.IntRange(1, len(m.tenants)).Draw(t, "how many")]
	var reads []func(ctx context.Context, r storage.Reader, o *oracle)
	for range rapid.IntRange(1, 4).Draw(t, "reads") {
		reads = append(reads, m.anyRead(t, tenants))
	}
	require.NoError(t, m.store.View(t.Context(), tenants, func(ctx context.Context, r storage.Reader) error {
		for _, read := range reads {
			read(ctx, r, m.oracle)
		}
		return nil
	}))
}

// compareRows compares all pages of a list of tickets.
func (m *model) compareRows(ctx context.Context, r storage.Reader, o *oracle, q storage.RowQuery, tenants []storage.Tenant) {
	m.Helper()
	require.NoError(m, storage.CheckQuery(tickets, q), "the model itself is wrong")
	for {
		want := o.query(tickets, q, tenants...)
		got, err := r.Query(ctx, tickets, q)
		require.NoError(m, err)
		require.Len(m, got, len(want), "%+v", q)
		for i := range want {
			require.Equal(m, want[i], got[i], "%+v", q)
		}
		if len(want) < q.Limit {
			return
		}
		q.After = position(tickets, want[q.Limit-1], q.Order)
	}
}

// anyRead draws one read of what the tenants have and compares it.
func (m *model) anyRead(t *rapid.T, tenants []storage.Tenant) func(ctx context.Context, r storage.Reader, o *oracle) {
	limit := draw(t, []int{1, 2, 3, storage.MaxLimit}, "limit")
	switch draw(t, []string{"get", "query", "query", "query", "count", "events", "jobs"}, "read") {
	case "get":
		tenant, id := draw(t, m.tenants, "of"), draw(t, modelIDs, "id")
		return func(ctx context.Context, r storage.Reader, o *oracle) {
			got, err := r.Get(ctx, tickets, tenant, id)
			if !slices.Contains(tenants, tenant) {
				require.ErrorIs(m, err, storage.ErrNotFound)
				return
			}
			want, there := o.tenants[tenant].rows[tickets.Name()][id]
			if !there {
				require.ErrorIs(m, err, storage.ErrNotFound)
				return
			}
			require.NoError(m, err)
			require.Equal(m, want, got)
		}
	case "query":
		q := storage.RowQuery{Where: m.anyCondition(t, tickets, 3), Order: anyOrder(t), Limit: limit, Bodies: rapid.Bool().Draw(t, "bodies")}
		return func(ctx context.Context, r storage.Reader, o *oracle) { m.compareRows(ctx, r, o, q, tenants) }
	case "count":
		where := m.anyCondition(t, tickets, 3)
		by := rapid.Permutation(modelColumns).Draw(t, "columns")[:rapid.IntRange(0, 3).Draw(t, "by")]
		return func(ctx context.Context, r storage.Reader, o *oracle) {
			want := o.count(tickets, where, by, tenants...)
			got, err := r.Count(ctx, tickets, where, by)
			require.NoError(m, err)
			require.Len(m, got, len(want), "%+v by %q", where, by)
			for i := range want {
				require.Equal(m, want[i].Count, got[i].Count, "group %v of %+v by %q", want[i].Values, where, by)
				require.True(m, slices.Equal(want[i].Values, got[i].Values), "%v and %v: %+v by %q", want[i].Values, got[i].Values, where, by)
			}
		}
	case "events":
		q := storage.EventQuery{Limit: limit, Types: rapid.Permutation(modelTypes).Draw(t, "types")[:rapid.IntRange(0, 2).Draw(t, "how many")]}
		if rapid.Bool().Draw(t, "of a kind") {
			q.Kind = "st_ticket"
			if rapid.Bool().Draw(t, "of a record") {
				q.Record = draw(t, modelRecords, "record")
			}
		}
		return func(ctx context.Context, r storage.Reader, o *oracle) {
			q := q
			for {
				want := o.events(q, tenants...)
				got, err := r.Events(ctx, q)
				require.NoError(m, err)
				require.Len(m, got, len(want), "%+v", q)
				for i := range want {
					require.Equal(m, want[i], got[i], "%+v", q)
				}
				if len(want) < limit {
					return
				}
				q.After = want[limit-1].Position()
			}
		}
	default:
		q := storage.JobQuery{Limit: limit}
		if rapid.Bool().Draw(t, "of a kind") {
			q.Kind = draw(t, m.kinds, "kind")
		}
		q.Subject = draw(t, modelSubjects, "subject")
		if draw(t, []bool{false, false, true}, "of a key") {
			q.Key = draw(t, modelKeys, "key")
		}
		if rapid.Bool().Draw(t, "dead or not") {
			dead := rapid.Bool().Draw(t, "dead")
			q.Dead = &dead
		}
		return func(ctx context.Context, r storage.Reader, o *oracle) { m.compareJobs(ctx, r, o, q, tenants) }
	}
}

// determined is what the contract determines of a job: not how generations are counted and
// tokens are made.
func determined(j storage.Job) storage.Job {
	j.Generation, j.Token = 0, ""
	return j
}

// anyCondition draws a condition on the table of at most the depth.
func (m *model) anyCondition(t *rapid.T, s *storage.Schema, depth int) storage.Condition {
	return m.anyOne(t, s, depth, true)
}

// anyOne draws a condition that may be on rows of other tables too, or may not.
func (m *model) anyOne(t *rapid.T, s *storage.Schema, depth int, named bool) storage.Condition {
	ops := []storage.Op{storage.Equal, storage.In, storage.Below, storage.AtMost, storage.Above, storage.AtLeast, storage.Null, storage.Prefix, storage.Contains, storage.All}
	if depth > 1 {
		ops = append(ops, storage.And, storage.Or, storage.Not, storage.And, storage.Or, storage.Not)
	}
	if depth > 1 && named {
		ops = append(ops, storage.Named, storage.Named)
	}
	c := storage.Condition{Op: draw(t, ops, "op")}
	switch c.Op {
	case storage.All:
	case storage.And, storage.Or:
		for range rapid.IntRange(0, 3).Draw(t, "parts") {
			c.Of = append(c.Of, m.anyOne(t, s, depth-1, named))
		}
	case storage.Not:
		c.Of = []storage.Condition{m.anyOne(t, s, depth-1, named)}
	case storage.Named:
		other := tableNamed(draw(t, []string{"st_ticket", "st_asset"}, "by rows of"))
		c.By = &storage.Reference{Schema: other, Column: draw(t, textColumns(other), "in"), Where: m.anyOne(t, other, depth-1, false)}
	case storage.Null:
		c.Column = draw(t, columnNames(s), "column")
	case storage.Prefix, storage.Contains:
		c.Column = draw(t, textColumns(s), "column")
		c.Values = []any{m.anyOf(t, s, c.Column)}
	default:
		c.Column = draw(t, columnNames(s), "column")
		n := 1
		if c.Op == storage.In {
			n = rapid.IntRange(0, 3).Draw(t, "values")
		}
		for range n {
			c.Values = append(c.Values, m.anyOf(t, s, c.Column))
		}
	}
	return c
}

// anyOf draws a value that the column may well have.
func (m *model) anyOf(t *rapid.T, s *storage.Schema, column string) any {
	switch column {
	case storage.ColumnTenant:
		return string(draw(t, m.tenants, "tenant"))
	case storage.ColumnID:
		return string(draw(t, modelIDs, "id"))
	case storage.ColumnVersion:
		return rapid.Int64Range(0, 4).Draw(t, "version")
	case storage.ColumnCreated:
		return noon.UnixMicro()
	case storage.ColumnUpdated:
		return noon.UnixMicro() + rapid.Int64Range(-2, 2).Draw(t, "updated")
	}
	c, _ := s.Column(column)
	return anyValue(t, c.Kind)
}

func anyOrder(t *rapid.T) []storage.Order {
	columns := rapid.Permutation([]string{"title", "priority", "open", "due", "id", "version", "created", "updated"}).Draw(t, "columns")
	var order []storage.Order
	for _, c := range columns[:rapid.IntRange(0, 3).Draw(t, "order")] {
		order = append(order, storage.Order{Column: c, Descending: rapid.Bool().Draw(t, "descending")})
	}
	return order
}

// claim lets time pass and claims. Which jobs a store takes is its choice within bounds, so
// they are checked against the bounds and then taken over.
func (m *model) claim(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, "minutes")) * time.Minute)
	c := storage.Claim{
		Now: m.now, Limit: draw(t, []int{1, 2, 3, 5, 100}, "limit"),
		// Leases end between the instants of claims: whether they hold at their very end is open.
		Lease: time.Duration(rapid.IntRange(0, 15).Draw(t, "lease"))*time.Minute + 30*time.Second,
		Kinds: rapid.Permutation(m.kinds).Draw(t, "kinds")[:rapid.IntRange(1, len(m.kinds)).Draw(t, "how many")],
	}
	got, err := m.store.Claim(t.Context(), c)
	require.NoError(t, err)

	can, withJobs := 0, 0
	ready := map[storage.Tenant][]storage.Job{}
	waited := map[storage.Tenant]map[string]bool{}
	for _, tenant := range m.tenants {
		waited[tenant] = m.oracle.tenants[tenant].waited()
		ready[tenant] = m.oracle.tenants[tenant].ready(c.Now, c.Kinds)
		can += len(ready[tenant])
		if len(ready[tenant]) > 0 {
			withJobs++
		}
	}
	require.Len(t, got, min(c.Limit, can), "jobs that can be claimed: %v", ready)
	require.Len(t, perTenant(got), min(c.Limit, withJobs), "tenants with jobs that can be claimed: %v", ready)
	taken := map[storage.Tenant]map[jobName]bool{}
	for _, job := range got {
		i := slices.IndexFunc(ready[job.Tenant], func(j storage.Job) bool { return j.Kind == job.Kind && j.Key == job.Key })
		require.GreaterOrEqual(t, i, 0, "%s/%s of %q cannot be claimed now", job.Kind, job.Key, job.Tenant)
		w := m.oracle.tenants[job.Tenant].copied()
		want := ready[job.Tenant][i]
		want.Attempts++
		want.Lease = c.Now.Add(c.Lease)
		require.Equal(t, determined(want), determined(job))
		require.NotEmpty(t, job.Token)
		require.False(t, slices.ContainsFunc(m.claimed, func(j storage.Job) bool { return j.Token == job.Token }), "a token twice")
		want.Token = job.Token
		w.jobs[jobName{job.Kind, job.Key}] = want
		m.oracle.tenants[job.Tenant] = w
		m.claimed = append(m.claimed, job)
		m.oracle.claims[job.Token] = want.Generation
		if taken[job.Tenant] == nil {
			taken[job.Tenant] = map[jobName]bool{}
		}
		require.False(t, taken[job.Tenant][jobName{job.Kind, job.Key}], "a job twice")
		taken[job.Tenant][jobName{job.Kind, job.Key}] = true
	}
	// Of those that waited for no claim to end, the ones due first. Whether the others come by
	// when they were due or by when they became free is open.
	for tenant, jobs := range ready {
		for _, left := range jobs {
			for _, job := range jobs {
				if !taken[tenant][jobName{left.Kind, left.Key}] && taken[tenant][jobName{job.Kind, job.Key}] && !waited[tenant][left.Subject] && !waited[tenant][job.Subject] && left.Token == "" && job.Token == "" {
					require.True(t, job.Due.Before(left.Due), "%s/%s was taken before %s/%s", job.Kind, job.Key, left.Kind, left.Key)
				}
			}
		}
	}
}

// compareAll compares everything that there is.
func (m *model) compareAll() {
	everything := storage.RowQuery{Limit: storage.MaxLimit, Bodies: true}
	require.NoError(m, m.store.View(m.Context(), m.tenants, func(ctx context.Context, r storage.Reader) error {
		for _, s := range schemas {
			rows, err := r.Query(ctx, s, everything)
			require.NoError(m, err)
			require.Equal(m, places(m.oracle.query(s, everything, m.tenants...)), places(rows))
			for i, want := range m.oracle.query(s, everything, m.tenants...) {
				require.Equal(m, want, rows[i])
			}
		}
		events, err := r.Events(ctx, storage.EventQuery{Limit: storage.MaxLimit})
		require.NoError(m, err)
		log := m.oracle.events(storage.EventQuery{Limit: storage.MaxLimit}, m.tenants...)
		require.Len(m, events, len(log))
		for i, want := range log {
			require.Equal(m, want, events[i])
		}
		m.compareJobs(ctx, r, m.oracle, storage.JobQuery{Limit: storage.MaxLimit}, m.tenants)
		return nil
	}))
}
