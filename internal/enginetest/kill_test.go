// This file holds the promise that what is acknowledged is kept, and all of it or none: a process writes
// units and does jobs, and is killed, or its server is, with SIGKILL at random; then the database is looked
// through for what the process had said.

package enginetest_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/throwaway"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

var (
	killRounds = flag.Int("kill.rounds", 5, "how often the test of acknowledged units kills its process or its server, on each engine; 200 is the whole")
	killSeed   = flag.Uint64("kill.seed", 0, "what the instants of these kills follow from; 0 is another one each time")
)

const (
	unitRows     = 3 // records and events of a unit, beside the tally of its writer
	unitWriters  = 3
	unitSubjects = 5
	killLease    = time.Hour
)

// The records of units: a row of a unit, with a number that no other row may have; a count of the units of
// a writer, and of the effects on a subject; and an effect of a unit's job.
var (
	unitRow = mustSchema("unit_row", 1, []storage.ColumnSpec{
		{Name: "unit", Kind: storage.Text}, {Name: "number", Kind: storage.Int}}, nil)
	unitTally  = mustSchema("unit_tally", 1, []storage.ColumnSpec{{Name: "count", Kind: storage.Int}}, nil)
	unitEffect = mustSchema("unit_effect", 1, []storage.ColumnSpec{{Name: "unit", Kind: storage.Text}}, nil)

	unitSchemas = []*storage.Schema{unitRow, unitTally, unitEffect}
)

// fault is a mistake made on purpose, to see that it is found.
type fault string

const (
	faultless fault = ""
	torn      fault = "torn"  // a unit is several transactions
	early     fault = "early" // it is acknowledged before it is committed
	apart     fault = "apart" // the effect of a job and its completion are two transactions
)

// unitWork is what writes units and does jobs in one tenant, and what says so.
type unitWork struct {
	store  storage.Store
	tenant storage.Tenant
	now    time.Time // by which jobs are due and leases count
	fault  fault

	saying sync.Mutex
	say    func(line string)
}

// The lines: a unit was started, acknowledged, and failed for sure; its job was acknowledged as done.
const (
	saidStarted = "S"
	saidDone    = "A"
	saidFailed  = "F"
	saidEffect  = "E"
)

func (w *unitWork) says(what, unit string) {
	w.saying.Lock()
	defer w.saying.Unlock()
	w.say(what + " " + unit)
}

// tenantOf and nowOf tell the rounds of a test apart. A lease of one round is over in the next, so that what
// a killed process had claimed is done then.
func tenantOf(round int) storage.Tenant { return storage.Tenant(fmt.Sprintf("round-%04d", round)) }
func nowOf(round int) time.Time         { return noon.Add(time.Duration(round+1) * 2 * killLease) }

// update runs a unit, and again where it did not happen for a reason that passes.
func (w *unitWork) update(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
	for {
		err := w.store.Update(ctx, tenant, fn)
		if !errors.Is(err, storage.ErrRetry) {
			return err
		}
	}
}

// tally counts one more under a name.
func (w *unitWork) tally(ctx context.Context, tx storage.Tx, name string) error {
	row, err := tx.Get(ctx, unitTally, tx.Tenant(), storage.ID(name))
	if errors.Is(err, storage.ErrNotFound) {
		row, err = storage.Row{Meta: storage.Meta{ID: storage.ID(name), Created: w.now}, Columns: []any{int64(0)}, Body: []byte("{}")}, nil
	}
	if err != nil {
		return err
	}
	row.Updated, row.Columns[0] = w.now, row.Columns[0].(int64)+1
	return tx.Put(ctx, unitTally, &row)
}

// subjectOf puts the jobs of units into queues, but for some.
func subjectOf(unit string) string {
	var writer, n int
	if _, err := fmt.Sscanf(unit, "w%d-%d", &writer, &n); err != nil {
		panic(err)
	}
	if n %= unitSubjects + 1; n == unitSubjects {
		return ""
	}
	return fmt.Sprint("subject-", n)
}

// writerOf is the name of the tally of a unit's writer.
func writerOf(unit string) string {
	return "writer-" + strings.TrimPrefix(unit[:strings.IndexByte(unit, '-')], "w")
}

// unit writes one unit.
func (w *unitWork) unit(ctx context.Context, id string) error {
	parts := []func(ctx context.Context, tx storage.Tx) error{
		func(ctx context.Context, tx storage.Tx) error {
			return w.tally(ctx, tx, writerOf(id))
		},
	}
	for n := range unitRows {
		parts = append(parts, func(ctx context.Context, tx storage.Tx) error {
			number, err := tx.Next(ctx, "unit")
			if err != nil {
				return err
			}
			row := storage.Row{
				Meta:    storage.Meta{ID: storage.ID(fmt.Sprintf("%s-%d", id, n)), Created: w.now, Updated: w.now},
				Columns: []any{id, number}, Body: body,
			}
			if err := tx.Put(ctx, unitRow, &row); err != nil {
				return err
			}
			return tx.Append(ctx, storage.Event{Kind: "unit", Record: row.ID, Version: row.Version, ID: row.ID, Type: "unit.v1", At: w.now,
				Envelope: []byte(`{}`)})
		})
	}
	parts = append(parts, func(ctx context.Context, tx storage.Tx) error {
		return tx.Enqueue(ctx, storage.Job{Kind: "effect", Key: id, Subject: subjectOf(id), Due: w.now.Add(-time.Minute), Payload: []byte(`{}`)})
	})
	if w.fault == torn {
		for _, part := range parts {
			if err := w.update(ctx, w.tenant, part); err != nil {
				return err
			}
		}
		return nil
	}
	if w.fault == early {
		w.says(saidDone, id)
	}
	return w.update(ctx, w.tenant, func(ctx context.Context, tx storage.Tx) error {
		for _, part := range parts {
			if err := part(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// write writes units until the context ends.
func (w *unitWork) write(ctx context.Context, writer int) error {
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("w%d-%06d", writer, n)
		w.says(saidStarted, id)
		switch err := w.unit(ctx, id); {
		case err == nil:
			if w.fault != early {
				w.says(saidDone, id)
			}
		case errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrInvalid):
			// Nobody else writes what this writer does.
			return fmt.Errorf("unit %s: %w", id, err)
		case errors.Is(err, storage.ErrUnknownOutcome):
			// Whole or not there at all.
		default:
			w.says(saidFailed, id)
			time.Sleep(5 * time.Millisecond) // the server is away
		}
	}
	return nil
}

// do does the jobs that are due, and says how many there were.
func (w *unitWork) do(ctx context.Context) (int, error) {
	jobs, err := w.store.Claim(ctx, storage.Claim{Now: w.now, Lease: killLease, Limit: 10})
	if err != nil {
		return 0, err
	}
	for _, j := range jobs {
		// No more than one attempt: whether it failed or its outcome is unknown, the claim ends in time.
		effect := func(ctx context.Context, tx storage.Tx) error {
			// An effect more is a row more.
			row := storage.Row{Meta: storage.Meta{ID: storage.ID(rand.Text()), Created: w.now, Updated: w.now}, Columns: []any{j.Key}, Body: []byte("{}")}
			if err := tx.Put(ctx, unitEffect, &row); err != nil {
				return err
			}
			if j.Subject == "" {
				return nil
			}
			return w.tally(ctx, tx, j.Subject)
		}
		finish := func(ctx context.Context, tx storage.Tx) error { return tx.Finish(ctx, j, storage.Outcome{Done: true}) }
		if w.fault == apart {
			err = w.update(ctx, j.Tenant, effect)
			if err == nil {
				err = w.update(ctx, j.Tenant, finish)
			}
		} else {
			err = w.update(ctx, j.Tenant, func(ctx context.Context, tx storage.Tx) error {
				if err := effect(ctx, tx); err != nil {
					return err
				}
				return finish(ctx, tx)
			})
		}
		if err != nil {
			return len(jobs), err
		}
		if j.Tenant == w.tenant {
			w.says(saidEffect, j.Key)
		}
	}
	return len(jobs), nil
}

// run works until the context ends. Only what can never happen is an error.
func (w *unitWork) run(ctx context.Context) error {
	const workers = 2
	ended := make(chan error, unitWriters+workers)
	for writer := range unitWriters {
		go func() { ended <- w.write(ctx, writer) }()
	}
	for range workers {
		go func() {
			for ctx.Err() == nil {
				n, err := w.do(ctx)
				if errors.Is(err, storage.ErrConflict) || errors.Is(err, storage.ErrInvalid) {
					// Leases do not end in a round, and a subject has one worker.
					ended <- fmt.Errorf("job: %w", err)
					return
				}
				if err != nil || n == 0 {
					time.Sleep(5 * time.Millisecond)
				}
			}
			ended <- nil
		}()
	}
	for range cap(ended) {
		if err := <-ended; err != nil {
			return err
		}
	}
	return nil
}

// unitsAway is the process that is killed.
func unitsAway(s *sqlstore.Store, how string) error {
	var round int
	f := faultless
	if _, err := fmt.Sscanf(how, "%d", &round); err != nil {
		return err
	}
	if _, name, ok := strings.Cut(how, ":"); ok {
		f = fault(name)
	}
	// It must not outlive a test that forgot it.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	fmt.Println("working")
	w := &unitWork{store: s, tenant: tenantOf(round), now: nowOf(round), fault: f, say: func(line string) { fmt.Println(line) }}
	if err := w.run(ctx); err != nil {
		return err
	}
	return ctx.Err()
}

// said is what a process has said of units.
type said struct{ started, done, failed, effects map[string]bool }

func newSaid() *said {
	return &said{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
}

// hear takes a line, and reports whether it is one.
func (s *said) hear(line string) bool {
	what, unit, _ := strings.Cut(line, " ")
	switch what {
	case saidStarted:
		s.started[unit] = true
	case saidDone:
		s.done[unit] = true
	case saidFailed:
		s.failed[unit] = true
	case saidEffect:
		s.effects[unit] = true
	default:
		return false
	}
	return true
}

// found is what a tenant has of units.
type found struct {
	rows, events, jobs, effects map[string]int
	tallies                     map[string]int64
	again                       []int64 // numbers that are there twice
	dead                        []storage.Job
}

// lookThrough reads all of a tenant in one snapshot.
func lookThrough(ctx context.Context, store storage.Store, tenant storage.Tenant) (f found, err error) {
	err = store.View(ctx, []storage.Tenant{tenant}, func(ctx context.Context, r storage.Reader) error {
		f = found{rows: map[string]int{}, events: map[string]int{}, jobs: map[string]int{}, effects: map[string]int{}, tallies: map[string]int64{}}
		numbers := map[int64]bool{}
		for schema, note := range map[*storage.Schema]func(row storage.Row){
			unitRow: func(row storage.Row) {
				f.rows[row.Columns[0].(string)]++
				n := row.Columns[1].(int64)
				if numbers[n] {
					f.again = append(f.again, n)
				}
				numbers[n] = true
			},
			unitTally:  func(row storage.Row) { f.tallies[string(row.ID)] = row.Columns[0].(int64) },
			unitEffect: func(row storage.Row) { f.effects[row.Columns[0].(string)]++ },
		} {
			q := storage.RowQuery{Order: []storage.Order{{Column: storage.ColumnID}}, Limit: storage.MaxLimit}
			for {
				rows, err := r.Query(ctx, schema, q)
				if err != nil {
					return err
				}
				for _, row := range rows {
					note(row)
				}
				if len(rows) < q.Limit {
					break
				}
				last := rows[len(rows)-1]
				q.After = &storage.Position{Values: []any{string(last.ID)}, Tenant: last.Tenant, ID: last.ID}
			}
		}
		events := storage.EventQuery{Limit: storage.MaxLimit}
		for {
			page, err := r.Events(ctx, events)
			if err != nil {
				return err
			}
			for _, e := range page {
				unit := string(e.Record)
				f.events[unit[:strings.LastIndexByte(unit, '-')]]++
			}
			if len(page) < events.Limit {
				break
			}
			events.After = page[len(page)-1].Position()
		}
		jobs := storage.JobQuery{Limit: storage.MaxLimit}
		for {
			page, err := r.Jobs(ctx, jobs)
			if err != nil {
				return err
			}
			for _, j := range page {
				f.jobs[j.Key]++
				if j.Dead {
					f.dead = append(f.dead, j)
				}
			}
			if len(page) < jobs.Limit {
				return nil
			}
			jobs.After = page[len(page)-1]
		}
	})
	return f, err
}

// The kinds of what can be wrong.
const (
	isLost  = "lost"
	isHalf  = "half"
	isTwice = "twice"
	isWrong = "wrong"
)

// problem is something wrong with a unit.
type problem struct{ kind, text string }

// problems compares what was said with what is there. At the end all jobs must be done.
func (f found) problems(s *said, end bool) (all []problem) {
	tell := func(kind, format string, args ...any) { all = append(all, problem{kind, fmt.Sprintf(format, args...)}) }
	units := map[string]bool{}
	for _, part := range []map[string]int{f.rows, f.events, f.jobs, f.effects} {
		for unit := range part {
			units[unit] = true
			if !s.started[unit] {
				tell(isWrong, "unit %s was never started", unit)
			}
		}
	}
	for unit := range s.done {
		if !units[unit] {
			tell(isLost, "unit %s was acknowledged and is not there", unit)
		}
	}
	tallies := map[string]int64{}
	for unit := range units {
		rows, events, jobs, effects := f.rows[unit], f.events[unit], f.jobs[unit], f.effects[unit]
		if rows != unitRows || events != unitRows || jobs+effects == 0 {
			tell(isHalf, "unit %s has %d rows, %d events, %d jobs, %d effects", unit, rows, events, jobs, effects)
		}
		if effects > 1 || effects == 1 && jobs > 0 {
			tell(isTwice, "the job of unit %s has %d effects, and %d are to come", unit, effects, jobs)
		}
		if end && effects == 0 {
			tell(isLost, "the job of unit %s had no effect", unit)
		}
		if s.failed[unit] {
			tell(isWrong, "unit %s failed, and is there", unit)
		}
		tallies[writerOf(unit)]++
		if subject := subjectOf(unit); subject != "" {
			tallies[subject] += int64(effects)
		}
	}
	for unit := range s.effects {
		if f.effects[unit] == 0 {
			tell(isLost, "the effect of unit %s was acknowledged and is not there", unit)
		}
	}
	for name := range f.tallies {
		tallies[name] += 0 // those of nothing
	}
	for name, n := range tallies {
		if f.tallies[name] != n {
			tell(isHalf, "%s counts %d, and %d are there", name, f.tallies[name], n)
		}
	}
	for _, n := range f.again {
		tell(isTwice, "number %d was given twice", n)
	}
	for _, j := range f.dead {
		tell(isWrong, "the job of unit %s is a dead letter", j.Key)
	}
	return all
}

// killing is a test that kills.
type killing struct {
	engine engine
	dsn    string
	// server is nil where there is none to kill.
	server *throwaway.Server
	store  *sqlstore.Store
	random *mathrand.Rand
	fault  fault
	heard  []*said // by round
}

// ownServer starts a server of the engine that may be killed, nil where it has none, and gives the address
// of a database in it.
func (e engine) ownServer(tb testing.TB) (*throwaway.Server, string) {
	tb.Helper()
	switch e.driver {
	case "pgx":
		s := throwaway.PostgreSQLForTest(tb, throwaway.Options{})
		return s, s.DSN("postgres")
	case "mysql":
		s := throwaway.MariaDBForTest(tb, throwaway.Options{})
		require.NoError(tb, s.CreateDatabase(tb.Context(), "desk"))
		return s, s.DSN("desk") + "?interpolateParams=true"
	default:
		return nil, e.empty(tb)
	}
}

func newKilling(t *testing.T, e engine, f fault) *killing {
	seed := *killSeed
	if seed == 0 {
		seed = mathrand.Uint64()
	}
	t.Logf("-kill.seed=%d", seed)
	k := &killing{engine: e, fault: f, random: mathrand.New(mathrand.NewPCG(seed, 2))}
	if f == faultless {
		k.server, k.dsn = e.ownServer(t)
	} else {
		k.dsn = e.empty(t)
	}
	var err error
	k.store, err = sqlstore.New(e.db(t, k.dsn), e.dialect, sqlstore.Options{Volatile: true})
	require.NoError(t, err)
	t.Cleanup(func() { k.store.Close() })
	require.NoError(t, k.store.Migrate(t.Context(), unitSchemas...))
	return k
}

// round starts a process, kills it or its server, and gives what is wrong then.
func (k *killing) round(t *testing.T, server bool) []problem {
	t.Helper()
	round := len(k.heard)
	what := fmt.Sprintf("units:%d", round)
	if k.fault != faultless {
		what += ":" + string(k.fault)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childKey+"="+what+" "+k.engine.name+" "+k.dsn)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill() }() // ended long before, unless the test fails
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), "the process works")
	require.Equal(t, "working", lines.Text())
	heard := newSaid()
	k.heard = append(k.heard, heard)
	failed := make(chan string, 1)
	go func() {
		defer close(failed)
		for lines.Scan() {
			if !heard.hear(lines.Text()) {
				failed <- lines.Text()
				return
			}
		}
	}()
	time.Sleep(time.Duration(k.random.Int64N(int64(400 * time.Millisecond))))
	if server {
		require.NoError(t, k.server.Kill())
		require.NoError(t, k.server.Restart(t.Context()))
		// It goes on by itself when the server is back.
		time.Sleep(100 * time.Millisecond)
	}
	require.NoError(t, cmd.Process.Kill())
	text, ended := <-failed
	require.Error(t, cmd.Wait())
	require.False(t, ended, "it ended by itself: %s", text)
	return k.look(t, round, false)
}

func (k *killing) look(t *testing.T, round int, end bool) []problem {
	t.Helper()
	var f found
	var err error
	// Connections that the store still has to a server that was killed fail first.
	for range 20 {
		if f, err = lookThrough(t.Context(), k.store, tenantOf(round)); err == nil {
			break
		}
	}
	require.NoError(t, err)
	return f.problems(k.heard[round], end)
}

// finish does the jobs that are left, and gives what is wrong with all rounds then.
func (k *killing) finish(t *testing.T) (all []problem) {
	t.Helper()
	w := &unitWork{store: k.store, now: nowOf(len(k.heard)), say: func(string) {}}
	for {
		n, err := w.do(t.Context())
		require.NoError(t, err)
		if n == 0 {
			break
		}
	}
	for round := range k.heard {
		all = append(all, k.look(t, round, true)...)
	}
	return all
}

// TestAcknowledgedUnitsOutliveKills is, as a whole:
//
//	cd internal/enginetest && go test -run TestAcknowledgedUnitsOutliveKills -kill.rounds=200 -timeout 1h
func TestAcknowledgedUnitsOutliveKills(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			k := newKilling(t, e, faultless)
			servers := 0
			for round := range *killRounds {
				server := k.server != nil && round%2 == 1
				if server {
					servers++
				}
				require.Empty(t, k.round(t, server), "round %d", round)
			}
			require.Empty(t, k.finish(t))
			units, effects, failed := 0, 0, 0
			for _, s := range k.heard {
				units, effects, failed = units+len(s.done), effects+len(s.effects), failed+len(s.failed)
			}
			t.Logf("%d kills of the process, %d of the server: %d units acknowledged and whole, %d effects acknowledged in their rounds, %d units refused",
				*killRounds-servers, servers, units, effects, failed)
			require.Positive(t, units, "some work was done")
			require.Positive(t, effects, "some jobs were done")
		})
	}
}

// TestKillsFindMistakes has mistakes made on purpose, each of which must be found.
func TestKillsFindMistakes(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		for f, kind := range map[fault]string{torn: isHalf, early: isLost, apart: isTwice} {
			t.Run(e.name+"/"+string(f), func(t *testing.T) {
				t.Parallel()
				k := newKilling(t, e, f)
				for round := range 60 {
					for _, p := range append(k.round(t, false), k.ifDone(t, f)...) {
						if p.kind == kind {
							t.Logf("round %d: %s", round, p.text)
							return
						}
					}
				}
				t.Errorf("in 60 rounds nothing was %s", kind)
			})
		}
	}
}

// ifDone looks at what only shows once the jobs are done again.
func (k *killing) ifDone(t *testing.T, f fault) []problem {
	if f != apart {
		return nil
	}
	return k.finish(t)
}
