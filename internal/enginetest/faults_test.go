// This file holds the promise that what a store does not do for a reason that passes is run again, and
// that nothing is lost or done twice, whichever call of the driver fails in whichever way.

package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// fault is a way in which a call of the driver fails.
type fault struct {
	name string
	err  error
	// done says that the engine has done it nevertheless.
	done bool
	// unknown says that nobody can tell from the error whether a commit happened.
	unknown bool
}

// passing are the errors by which engines say that something did not happen for a reason that passes,
// also as the answer to a commit. An engine of another dialect has a line here.
var passing = map[string][]fault{
	"SQLite": {
		{name: "busy", err: codeError(5)},
		{name: "busy snapshot, as text", err: errors.New("database is locked")},
	},
	"PostgreSQL": {
		{name: "serialization failure", err: stateError("40001")},
		{name: "deadlock", err: stateError("40P01")},
		{name: "only reads", err: stateError("25006")},
	},
	"MySQL": {
		{name: "deadlock or certification failure", err: errors.New("Error 1213 (40001): Deadlock found when trying to get lock")},
		{name: "lock wait timeout", err: errors.New("Error 1205 (HY000): Lock wait timeout exceeded"), unknown: true},
		{name: "not ready", err: errors.New("Error 1047 (08S01): WSREP has not yet prepared node for application use"), unknown: true},
	},
}

// The ways in which a connection is lost.
var (
	lostBefore = fault{name: "lost before it arrived", err: lostError{io.ErrUnexpectedEOF}, unknown: true}
	lostAfter  = fault{name: "lost after it was done", err: lostError{io.ErrUnexpectedEOF}, done: true, unknown: true}
	inFlight   = fault{name: "lost while on its way", err: inFlightError{io.ErrUnexpectedEOF, 30 * time.Millisecond}, unknown: true}
)

// faultsOf are the faults that a call of the driver can meet.
func faultsOf(e engine, text string) []fault {
	all := append([]fault{lostBefore}, passing[e.dialect.String()]...)
	if text == "COMMIT" {
		all = append(all, lostAfter, inFlight)
	}
	return all
}

// once has the n-th of the calls from now on fail. met gives how many there were, and which failed, if
// any: what the engine is to have done nevertheless is a commit.
func (p *tap) once(n int, f fault) (met func() (calls int, which string)) {
	var mu sync.Mutex
	calls, which, armed := 0, "", false
	fail := func(text string) error {
		mu.Lock()
		defer mu.Unlock()
		if text == "ROLLBACK" || text == "CONNECT" {
			return nil
		}
		if calls++; calls != n {
			return nil
		}
		if f.done {
			armed = text == "COMMIT"
			return nil
		}
		which = text
		return f.err
	}
	after := func(text string) error {
		mu.Lock()
		defer mu.Unlock()
		if !armed || text != "COMMIT" {
			return nil
		}
		armed, which = false, text
		return f.err
	}
	p.mu.Lock()
	p.fail, p.after = fail, after
	p.mu.Unlock()
	return func() (int, string) {
		mu.Lock()
		defer mu.Unlock()
		return calls, which
	}
}

// heal ends all faults, and waits for what is on its way.
func (p *tap) heal() {
	p.mu.Lock()
	p.fail, p.after = nil, nil
	p.mu.Unlock()
	p.running.Wait()
}

// shaken is an engine whose effects can be counted, over a database whose driver fails as a test says.
type shaken struct {
	e *itsmengine.Engine
	// runs is how often the command's function was run, and before what it does first.
	runs   atomic.Int64
	before func()
}

// newShaken opens the database at dsn; a second one of the same is another process.
func newShaken(t testing.TB, store storage.Store, o itsmengine.Options) *shaken {
	t.Helper()
	s := &shaken{}
	var err error
	if o.Lease == 0 {
		o.Lease = time.Hour
	}
	s.e, err = itsmengine.New(store, o)
	require.NoError(t, err)
	require.NoError(t, s.e.Use(itsmengine.Module{
		Name: "shaken", Tables: []*storage.Schema{things.Schema(), ledger.Schema()}, Events: []itsm.EventType{itsm.EventOf[echoed]()},
		Jobs: []itsmengine.JobHandler{
			itsmengine.OnDue("shaken.job", func(ctx context.Context, u *itsmengine.Unit, due itsmengine.Due, _ struct{}) error {
				return s.effect(ctx, u, "job", due.Key)
			}),
		},
	}))
	return s
}

// effect is one more of the sum, and a line. It does not look whether it was done already.
func (s *shaken) effect(ctx context.Context, u *itsmengine.Unit, agent, key string) error {
	sum, err := things.Get(ctx, u, "sum")
	if err != nil {
		return err
	}
	sum.Done++
	if err := things.Put(ctx, u.Quiet(), &sum); err != nil {
		return err
	}
	return enter(ctx, u, u.NewID(), agent, itsm.Event{Record: itsm.ID(key)})
}

// begin makes the sum.
func (s *shaken) begin(t testing.TB) {
	t.Helper()
	require.NoError(t, s.e.Migrate(context.Background()))
	require.NoError(t, s.e.Update(context.Background(), worker, func(ctx context.Context, u *itsmengine.Unit) error {
		return things.Put(ctx, u.Quiet(), &thing{thingHead: thingHead{Meta: storage.Meta{ID: "sum"}}})
	}))
}

var errDoneAlready = errors.New("done already")

// command makes the thing of that name, once: the name is refused where it is there. It takes a
// number, writes two records, an event and a job.
func (s *shaken) command(ctx context.Context, name string, key string) (thing, error) {
	c := itsmengine.Call{Name: "shaken.command", Actor: worker, Request: name, Command: itsm.Command{Key: key}}
	return itsmengine.Execute(ctx, s.e, things, c, func(ctx context.Context, u *itsmengine.Unit) (thing, error) {
		s.runs.Add(1)
		if s.before != nil {
			s.before()
		}
		if _, err := things.Get(ctx, u, storage.ID(name)); !errors.Is(err, storage.ErrNotFound) {
			if err == nil {
				err = errDoneAlready
			}
			return thing{}, err
		}
		n, err := u.Next(ctx, "thing")
		if err != nil {
			return thing{}, err
		}
		made := thing{thingHead: thingHead{Meta: storage.Meta{ID: storage.ID(name)}, Bucket: int(n)}}
		if err := things.Put(ctx, u, &made); err != nil {
			return made, err
		}
		u.Emit(itsm.Event{Kind: "thing", Record: made.ID, Action: "echo", Data: echoed{}})
		if err := s.effect(ctx, u, "command", name); err != nil {
			return made, err
		}
		return made, u.Schedule(ctx, itsmengine.Task{Kind: "shaken.job", Key: name, Due: u.Now()})
	}, nil)
}

// did says how often each name had an effect of the agent, and that all that is there fits together.
func (s *shaken) did(t testing.TB, agent string) map[string]int {
	t.Helper()
	did := map[string]int{}
	require.NoError(t, s.e.View(context.Background(), worker, func(ctx context.Context, r storage.Reader) error {
		clear(did)
		lines, numbers := 0, map[int]bool{}
		for line, err := range storage.Pages(storage.Query[ledgerHead]{Limit: storage.MaxPage}, func(q storage.Query[ledgerHead]) (storage.Page[ledgerHead], error) {
			return ledger.List(ctx, r, q)
		}) {
			if err != nil {
				return err
			}
			lines++
			if line.Agent == agent {
				did[string(line.Thing)]++
			}
		}
		for made, err := range storage.Pages(storage.Query[thingHead]{Limit: storage.MaxPage}, func(q storage.Query[thingHead]) (storage.Page[thingHead], error) {
			return things.List(ctx, r, q)
		}) {
			if err != nil {
				return err
			}
			if made.ID == "sum" {
				defer func() { require.Equal(t, lines, made.Done, "an effect is half there") }()
			} else {
				require.False(t, numbers[made.Bucket], "a number was given twice")
				numbers[made.Bucket] = true
			}
		}
		return nil
	}))
	return did
}

// Whichever call of the driver fails, and in whichever way: a command with a key is done once and says
// so, and one without a key is done once and says so, unless nobody can tell.
func TestACommandIsDoneOnceWhicheverCallFails(t *testing.T) {
	another := fault{name: "another error", err: errors.New("another error"), unknown: true}
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			p := &tap{}
			s := newShaken(t, open(t, e, e.empty(t), p), itsmengine.Options{})
			s.begin(t)
			for _, warm := range []string{"a", "b", "c"} { // the statements are prepared by and by
				_, err := s.command(t.Context(), warm, warm)
				require.NoError(t, err)
			}
			unsure, again := 0, 0
			for _, keyed := range []bool{true, false} {
				for _, f := range append(faultsOf(e, "COMMIT"), another) {
					for n := 1; ; n++ {
						name, key := fmt.Sprintf("%v %s %d", keyed, f.name, n), ""
						if keyed {
							key = name
						}
						s.runs.Store(0)
						met := p.once(n, f)
						made, err := s.command(t.Context(), name, key)
						calls, which := met()
						p.heal()
						did := s.did(t, "command")[name]
						switch {
						case which == "COMMIT" && f.unknown && !keyed:
							unsure++
							require.ErrorIs(t, err, storage.ErrUnknownOutcome, name)
							require.NotErrorIs(t, err, storage.ErrRetry, name)
							require.EqualValues(t, 1, s.runs.Load(), name)
							require.Equal(t, map[bool]int{true: 1}[f.done || f.name == inFlight.name], did, name)
						case which != "" && which != "COMMIT" && f.name == another.name:
							require.ErrorIs(t, err, another.err, name)
							require.NotErrorIs(t, err, storage.ErrUnknownOutcome, name)
							require.Zero(t, did, name)
						default:
							require.NoError(t, err, "%s: %s", name, which)
							require.Equal(t, storage.ID(name), made.ID)
							require.Equal(t, 1, did, "%s: %s", name, which)
							if which != "" {
								again++
							}
						}
						if calls < n {
							break
						}
					}
				}
			}
			says := 4
			for _, f := range passing[e.dialect.String()] {
				if f.unknown {
					says++
				}
			}
			require.Equal(t, says, unsure, "each error of a commit that says nothing, once")
			require.Greater(t, again, 50)
		})
	}
}

// A commit whose answer is lost may happen while the command is run again: it is not taken for another's,
// by which the command would be refused.
func TestACommitThatComesLateIsTheCommandsOwn(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			p := &tap{}
			s := newShaken(t, open(t, e, e.empty(t), p), itsmengine.Options{})
			s.begin(t)
			_, err := s.command(t.Context(), "warm", "warm")
			require.NoError(t, err)
			s.before = func() {
				if s.runs.Load() > 1 {
					time.Sleep(200 * time.Millisecond) // after the key was looked for
				}
			}
			for _, late := range []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond} {
				name := late.String()
				s.runs.Store(0)
				var once sync.Once
				p.setFail(func(text string) (err error) {
					if text == "COMMIT" {
						once.Do(func() { err = inFlightError{io.ErrUnexpectedEOF, late} })
					}
					return err
				})
				_, err := s.command(t.Context(), name, name)
				require.NoError(t, err, name)
				require.EqualValues(t, 1, s.runs.Load(), "it was done")
				require.Equal(t, 1, s.did(t, "command")[name])
				p.heal()
			}
		})
	}
}

// A store that cannot do anything for long is asked a bounded number of times, and not after the
// context's end.
func TestTryingAgainHasABoundAndADeadline(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			dsn := e.empty(t)
			p := &tap{}
			few := newShaken(t, open(t, e, dsn, p), itsmengine.Options{Attempts: 4})
			few.begin(t)
			many := newShaken(t, open(t, e, dsn, p), itsmengine.Options{Attempts: 1_000_000})
			none := newShaken(t, open(t, e, dsn, p), itsmengine.Options{Attempts: 1})
			require.NoError(t, many.e.Migrate(t.Context()))
			require.NoError(t, none.e.Migrate(t.Context()))
			do := map[string]func(ctx context.Context, s *shaken) error{
				"command": func(ctx context.Context, s *shaken) error { _, err := s.command(ctx, "x", "x"); return err },
				"view": func(ctx context.Context, s *shaken) error {
					return s.e.View(ctx, worker, func(ctx context.Context, r storage.Reader) error {
						_, err := things.Get(ctx, r, "sum")
						return err
					})
				},
				"read": func(ctx context.Context, s *shaken) error {
					return s.e.ReadTenants(ctx, worker, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
						_, err := things.Get(ctx, r, "sum")
						return err
					})
				},
				"tick":    func(ctx context.Context, s *shaken) error { _, err := s.e.Tick(ctx, time.Now()); return err },
				"migrate": func(ctx context.Context, s *shaken) error { return s.e.Migrate(ctx) },
				"check":   func(ctx context.Context, s *shaken) error { return s.e.Check(ctx) },
			}
			for name, do := range do {
				for _, f := range faultsOf(e, "") {
					var calls atomic.Int64
					p.setFail(func(text string) error {
						if text == "CONNECT" || text == "ROLLBACK" || text == "COMMIT" || preparing(text) {
							return nil
						}
						calls.Add(1)
						return f.err
					})
					err := do(t.Context(), few)
					require.ErrorIs(t, err, storage.ErrRetry, "%s: %s", name, f.name)
					require.NotErrorIs(t, err, storage.ErrUnknownOutcome)
					asked := calls.Swap(0)
					require.ErrorIs(t, do(t.Context(), none), storage.ErrRetry)
					require.EqualValues(t, 4*calls.Load(), asked, "%s: %s", name, f.name)

					ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
					begun := time.Now()
					err = do(ctx, many)
					cancel()
					require.ErrorIs(t, err, context.DeadlineExceeded, "%s: %s", name, f.name)
					require.Less(t, time.Since(begun), 5*time.Second)
					p.setFail(nil)
				}
			}
			require.Empty(t, few.did(t, "command"))
		})
	}
}

// In the host's transaction nothing is tried again: that is for the host, who alone knows what else is in it.
func TestNothingIsTriedAgainInTheHostsTransaction(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			p := &tap{}
			db := p.db(t, e, e.empty(t))
			store, err := sqlstore.New(db, e.dialect, sqlstore.Options{Volatile: true})
			require.NoError(t, err)
			s := newShaken(t, store, itsmengine.Options{})
			s.begin(t)
			for _, f := range faultsOf(e, "") {
				tx, err := db.BeginTx(t.Context(), nil)
				require.NoError(t, err)
				joined := &shaken{e: s.e.In(store.Join(tx))}
				p.setFail(func(text string) error {
					if strings.HasPrefix(text, `INSERT INTO "itsm_thing"`) {
						return f.err
					}
					return nil
				})
				_, err = joined.command(t.Context(), "x", "x")
				require.ErrorIs(t, err, storage.ErrRetry, f.name)
				require.EqualValues(t, 1, joined.runs.Load(), f.name)
				p.setFail(nil)
				_ = tx.Rollback()
			}
			require.Empty(t, s.did(t, "command"))
		})
	}
}

// A read whose connection is lost is run again from its beginning, and tells one state; one in which
// something was commanded is not.
func TestAReadThatIsLostIsRunAgain(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			p := &tap{}
			s := newShaken(t, open(t, e, e.empty(t), p), itsmengine.Options{})
			s.begin(t)
			reads := map[string]func(fn func(ctx context.Context, r storage.Reader) error) error{
				"view": func(fn func(ctx context.Context, r storage.Reader) error) error {
					return s.e.View(t.Context(), worker, fn)
				},
				"read": func(fn func(ctx context.Context, r storage.Reader) error) error {
					return s.e.ReadTenants(t.Context(), worker, []storage.Tenant{acme}, fn)
				},
			}
			for name, read := range reads {
				for _, f := range faultsOf(e, "") {
					for n := 1; n <= 4; n++ {
						runs, got := 0, []thing(nil)
						met := p.once(n, f)
						err := read(func(ctx context.Context, r storage.Reader) error {
							runs++
							got = nil
							for range 3 {
								x, err := things.Get(ctx, r, "sum")
								if err != nil {
									return err
								}
								got = append(got, x)
								// One inside another is not run again by itself.
								if err := s.e.View(ctx, worker, func(ctx context.Context, r storage.Reader) error { return nil }); err != nil {
									return err
								}
							}
							return nil
						})
						_, which := met()
						p.heal()
						require.NoError(t, err, "%s: %s %d", name, f.name, n)
						require.Len(t, got, 3)
						require.LessOrEqual(t, runs, 2)
						require.NotEmpty(t, which)
					}
				}
			}
			runs := 0
			err := s.e.View(t.Context(), worker, func(ctx context.Context, r storage.Reader) error {
				runs++
				if _, err := things.Get(ctx, r, "sum"); err != nil {
					return err
				}
				if e.dialect != sqlstore.SQLite || runs > 1 { // where another unit can be
					if _, err := s.command(context.WithoutCancel(ctx), fmt.Sprint(runs), ""); err != nil {
						return err
					}
				} else if _, err := s.command(ctx, fmt.Sprint(runs), ""); err != nil {
					return err
				}
				p.once(1, lostBefore)
				_, err := things.Get(ctx, r, "sum")
				return err
			})
			p.heal()
			require.ErrorIs(t, err, storage.ErrRetry)
			require.Equal(t, 1, runs)
			require.Equal(t, map[string]int{"1": 1}, s.did(t, "command"))
		})
	}
}

// Whichever call of a tick fails: each job takes effect once, and is not lost.
func TestAJobIsDoneOnceWhicheverCallOfATickFails(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			p := &tap{}
			at := noon
			s := newShaken(t, open(t, e, e.empty(t), p), itsmengine.Options{Lease: time.Minute, JobAttempts: 1000, Clock: func() time.Time { return at }})
			s.begin(t)
			for _, f := range faultsOf(e, "COMMIT") {
				for n := 1; ; n++ {
					name := fmt.Sprintf("%s %d", f.name, n)
					_, err := s.command(t.Context(), name, name)
					require.NoError(t, err)
					met := p.once(n, f)
					ran, err := s.e.Tick(t.Context(), at)
					calls, which := met()
					p.heal()
					require.NoError(t, err, "%s: %s", name, which)
					require.Zero(t, ran.Dead+ran.Lost+ran.Failed, name)
					if ran.Jobs == 0 { // the claim was lost: it ends
						require.Equal(t, "COMMIT", which, name)
						at = at.Add(2 * time.Minute)
						ran, err = s.e.Tick(t.Context(), at)
						require.NoError(t, err)
					}
					require.Equal(t, 1, ran.Jobs, "%s: %s", name, which)
					require.Equal(t, 1, s.did(t, "job")[name], "%s: %s", name, which)
					if calls < n {
						break
					}
				}
			}
		})
	}
}

// Whichever call of a migration fails, it is finished.
func TestAMigrationIsFinishedWhicheverCallFails(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			for _, f := range []fault{lostBefore, passing[e.dialect.String()][0], lostAfter} {
				for n, more := 1, true; more; n += 7 {
					t.Run(fmt.Sprintf("%s %d", f.name, n), func(t *testing.T) {
						p := &tap{}
						s := newShaken(t, open(t, e, e.empty(t), p), itsmengine.Options{})
						met := p.once(n, f)
						err := s.e.Migrate(t.Context())
						calls, which := met()
						p.heal()
						require.NoError(t, err, which)
						require.NoError(t, s.e.Check(t.Context()))
						more = calls >= n
					})
				}
			}
		})
	}
}

// That the numbers of a sequence may be lost says nothing of the unit that wants one: it did not happen.
func TestNumbersThatMayBeLostAreNoUnknownOutcome(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			p := &tap{}
			s := open(t, e, e.empty(t), p)
			require.NoError(t, s.Migrate(t.Context(), incidents))
			next := func() (n int64, err error) {
				err = s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
					n, err = tx.Next(ctx, "incident")
					return err
				})
				return n, err
			}
			given := map[int64]bool{}
			for _, f := range []fault{lostBefore, lostAfter, inFlight} {
				name := f.name
				p.heal()
				for n := 1; ; n++ {
					met := p.once(n, f)
					got, err := next()
					_, which := met()
					if which == "COMMIT" {
						require.ErrorIs(t, err, storage.ErrRetry, name)
						require.NotErrorIs(t, err, storage.ErrUnknownOutcome, name)
						p.heal()
						break
					}
					p.heal()
					if err == nil {
						require.False(t, given[got])
						given[got] = true
					}
					// Of a new store, which has no numbers yet.
					s = open(t, e, e.empty(t), p)
					require.NoError(t, s.Migrate(t.Context(), incidents))
					given = map[int64]bool{}
				}
				for range 60 {
					got, err := next()
					require.NoError(t, err)
					require.False(t, given[got], "%s: %d", name, got)
					given[got] = true
				}
				s = open(t, e, e.empty(t), p)
				require.NoError(t, s.Migrate(t.Context(), incidents))
				given = map[int64]bool{}
			}
		})
	}
}

// Several processes command and run jobs while one call in twenty of their drivers fails: no command
// is lost and none is done twice, and nor is a job.
func TestNothingIsLostOrDoneTwiceAmongManyFaults(t *testing.T) {
	const processes, commands = 4, 25
	type way struct {
		engine
		name string
		o    sqlstore.Options
	}
	var ways []way
	for _, e := range engines {
		ways = append(ways, way{e, e.name, sqlstore.Options{Volatile: true}})
		if e.dialect == sqlstore.PostgreSQL {
			ways = append(ways, way{e, e.name + ", serializable", sqlstore.Options{Volatile: true, Serializable: true}})
		}
	}
	for _, e := range ways {
		open := func(t *testing.T, dsn string, p *tap) *sqlstore.Store {
			db := e.db(t, dsn)
			if p != nil {
				db = p.db(t, e.engine, dsn)
			}
			s, err := sqlstore.New(db, e.dialect, e.o)
			require.NoError(t, err)
			t.Cleanup(func() { s.Close() })
			return s
		}
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			dsn := e.empty(t)
			calm := newShaken(t, open(t, dsn, nil), itsmengine.Options{})
			calm.begin(t)
			var done sync.WaitGroup
			errs := make(chan error, processes*commands+processes)
			for process := range processes {
				p := &tap{}
				// A claim that is lost comes back soon.
				s := newShaken(t, open(t, dsn, p), itsmengine.Options{Attempts: 200, JobAttempts: 10_000, Lease: 50 * time.Millisecond, Backoff: time.Millisecond})
				require.NoError(t, s.e.Migrate(t.Context()))
				random := rand.New(rand.NewPCG(seed, uint64(process)))
				p.mu.Lock()
				p.fail = func(text string) error {
					if text == "CONNECT" || text == "ROLLBACK" || random.IntN(20) > 0 {
						return nil
					}
					all := faultsOf(e.engine, text)
					if f := all[random.IntN(len(all))]; !f.done {
						return f.err
					}
					return nil
				}
				p.after = func(text string) error {
					if text == "COMMIT" && random.IntN(20) == 0 {
						return lostAfter.err
					}
					return nil
				}
				p.mu.Unlock()
				done.Add(1)
				go func() {
					defer done.Done()
					for i := range commands {
						name := fmt.Sprintf("%d/%d", process, i)
						if _, err := s.command(t.Context(), name, name); err != nil {
							errs <- fmt.Errorf("%s: %w", name, err)
						}
						if i%3 == 0 {
							if _, err := s.e.Tick(t.Context(), time.Now()); err != nil {
								errs <- err
							}
						}
					}
					p.heal()
				}()
			}
			done.Wait()
			close(errs)
			for err := range errs {
				require.NoError(t, err)
			}
			for range 100 {
				if ran, err := calm.e.Tick(t.Context(), time.Now()); err == nil && ran == (itsmengine.Ran{}) && len(calm.did(t, "job")) == processes*commands {
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			commanded, ran := calm.did(t, "command"), calm.did(t, "job")
			for process := range processes {
				for i := range commands {
					name := fmt.Sprintf("%d/%d", process, i)
					require.Equal(t, 1, commanded[name], name)
					require.Equal(t, 1, ran[name], "the job of %s", name)
				}
			}
		})
	}
}
