// This file holds the promise that every effect of a trigger and of a subscriber happens exactly once
// and in order, whenever the process is killed: a process does the work and is killed at random, and
// started again, until all is done; then the effects are counted.

package enginetest_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/trigger"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

var (
	triggerEvents = flag.Int("trigger.events", 1000, "how many events the test with killed processes has; 100000 is the whole")
	triggerKills  = flag.Int("trigger.kills", 0, "how often its process is killed; 0 is by the number of events")
	triggerSeed   = flag.Uint64("trigger.seed", 0, "what the instants of the kills follow from; 0 is another one each time")
)

// The records whose events set things off, and a ledger with one line for each effect.
type (
	thing struct {
		thingHead
		thingBody
	}
	thingHead struct {
		storage.Meta
		Done   int
		Bucket int
		Echoes int
	}
	thingBody  struct{}
	ledgerLine struct {
		ledgerHead
		ledgerBody
	}
	ledgerHead struct {
		storage.Meta
		Agent   string
		Thing   itsm.ID
		Event   itsm.ID
		Version int64
		N       int
	}
	ledgerBody struct{}
)

var (
	things = storage.Define("thing", storage.Def[thing, thingHead, thingBody]{
		Parts: func(t *thing) (*thingHead, *thingBody) { return &t.thingHead, &t.thingBody },
		Columns: []storage.ColumnOf[thingHead]{
			storage.Col("done", func(h *thingHead) *int { return &h.Done }),
			storage.Col("bucket", func(h *thingHead) *int { return &h.Bucket }),
			storage.Col("echoes", func(h *thingHead) *int { return &h.Echoes }),
		},
	})
	ledger = storage.Define("ledger", storage.Def[ledgerLine, ledgerHead, ledgerBody]{
		Parts: func(l *ledgerLine) (*ledgerHead, *ledgerBody) { return &l.ledgerHead, &l.ledgerBody },
		Columns: []storage.ColumnOf[ledgerHead]{
			storage.Col("agent", func(h *ledgerHead) *string { return &h.Agent }),
			storage.Col("thing", func(h *ledgerHead) *itsm.ID { return &h.Thing }),
			storage.Col("event", func(h *ledgerHead) *itsm.ID { return &h.Event }),
			storage.Col("event_version", func(h *ledgerHead) *int64 { return &h.Version }),
			storage.Col("event_n", func(h *ledgerHead) *int { return &h.N }),
		},
	})
)

const (
	eventTypes  = 20
	buckets     = 5
	triggers    = 200
	subscribers = 50
	perUnit     = 2 // events of one command
)

// happened is an event of one of twenty types, which a host would write as twenty payloads.
type happened struct {
	Type int `json:"type"`
}

func (h happened) EventType() string { return typeName(h.Type) }

func typeName(i int) string { return fmt.Sprintf("thing.happened_%02d.v1", i) }

type echoed struct{}

func (echoed) EventType() string { return "thing.echoed.v1" }

// typeOf is the type of the nth event of a thing.
func typeOf(thing, nth int) int { return (7*thing + 3*nth) % eventTypes }

// enter writes a line; it does not look whether there is one already.
func enter(ctx context.Context, u *itsmengine.Unit, id itsm.ID, agent string, e itsm.Event) error {
	return ledger.Put(ctx, u.Quiet(), &ledgerLine{ledgerHead: ledgerHead{
		Meta: storage.Meta{ID: id}, Agent: agent, Thing: e.Record, Event: e.ID, Version: e.Version, N: e.N}})
}

// firing is a desk with the triggers and subscribers of the test.
type firing struct {
	e        *itsmengine.Engine
	triggers *trigger.Practice
}

var worker = itsm.SystemActor("acme", "worker")

func openFiring(store storage.Store) (*firing, error) {
	ctx := context.Background()
	f := &firing{}
	var err error
	// A kill counts as an attempt of what was claimed then, and there are many.
	if f.e, err = itsmengine.New(store, itsmengine.Options{Attempts: 500, JobAttempts: 10_000, Lease: 2 * time.Second, Backoff: 50 * time.Millisecond}); err != nil {
		return nil, err
	}
	f.triggers, err = trigger.New(f.e, trigger.Options{
		Kinds: []trigger.RecordKind{{Schema: things.Schema()}},
		Actions: []trigger.Action{
			trigger.Define(trigger.Definition[struct{}]{Name: "enter", Do: func(ctx context.Context, u *itsmengine.Unit, o trigger.Occasion, _ struct{}) error {
				return enter(ctx, u, u.NewID(), o.Trigger, o.Event) // a second one would be a second line
			}}),
			trigger.Define(trigger.Definition[struct{}]{Name: "echo", Do: func(ctx context.Context, u *itsmengine.Unit, o trigger.Occasion, _ struct{}) error {
				t, err := things.Get(ctx, u, o.Event.Record)
				if err != nil {
					return err
				}
				t.Echoes++
				if err := things.Put(ctx, u, &t); err != nil {
					return err
				}
				u.Emit(itsm.Event{Kind: "thing", Record: t.ID, Action: "echo", Data: echoed{}})
				return nil
			}}),
		},
	})
	if err != nil {
		return nil, err
	}
	m := itsmengine.Module{Name: "things", Tables: []*storage.Schema{things.Schema(), ledger.Schema()}, Events: []itsm.EventType{itsm.EventOf[echoed]()}}
	for i := range eventTypes {
		m.Events = append(m.Events, itsm.EventType{Name: typeName(i), Decode: func([]byte) (itsm.Payload, error) { return happened{i}, nil }})
	}
	for i := range subscribers {
		s := itsmengine.Subscriber{Name: subscriberName(i), Types: []string{typeName(i % eventTypes), typeName((i + 7) % eventTypes)}}
		// What it does is kept under the event's id, as the engine asks of those it may tell twice.
		s.Deliver = func(ctx context.Context, e itsm.Event) error {
			return f.e.Update(ctx, worker, func(ctx context.Context, u *itsmengine.Unit) error {
				id := itsm.ID(s.Name + "/" + string(e.ID))
				_, err := ledger.Get(ctx, u.Quiet(), id)
				if errors.Is(err, storage.ErrNotFound) {
					return enter(ctx, u, id, s.Name, e)
				}
				return err
			})
		}
		m.Subscribers = append(m.Subscribers, s)
	}
	if err := f.e.Use(m); err != nil {
		return nil, err
	}
	return f, f.e.Migrate(ctx)
}

func subscriberName(i int) string { return fmt.Sprintf("s%02d", i) }
func triggerNameOf(i int) string  { return fmt.Sprintf("t%03d", i) }

// inTransaction says whether a trigger runs in the transaction.
func inTransaction(i int) bool { return i%10 == 9 }

// set has ten triggers for each type, of which two have the condition of each bucket. The first is one
// that sets itself off.
func (f *firing) set() (s trigger.Set) {
	s.Triggers = append(s.Triggers, trigger.Trigger{
		Name: "echo", Order: -1, On: trigger.Listen{Kind: "thing", Types: []string{typeName(0), echoed{}.EventType()}},
		// The bucket may be another one by the time of the echo.
		When: storage.Condition{Op: storage.Or, Of: []storage.Condition{
			{Op: storage.Equal, Column: "bucket", Values: []any{int64(0)}},
			{Op: storage.Equal, Column: "event.type", Values: []any{echoed{}.EventType()}},
		}},
		Actions: []trigger.Step{{Action: "echo"}},
	})
	for i := 1; i < triggers; i++ {
		t := trigger.Trigger{
			Name: triggerNameOf(i), Order: i, On: trigger.Listen{Kind: "thing", Types: []string{typeName(i % eventTypes)}},
			When: storage.Condition{Op: storage.Equal, Column: "bucket", Values: []any{int64(i / eventTypes % buckets)}}, Actions: []trigger.Step{{Action: "enter"}},
		}
		if inTransaction(i) {
			t.During = trigger.DuringTransaction
		}
		s.Triggers = append(s.Triggers, t)
	}
	return s
}

func (f *firing) activate(ctx context.Context) error {
	page, err := f.triggers.Versions(ctx, worker, storage.Query[versioned.Head]{})
	if err != nil || len(page.Items) > 0 && page.Items[0].State == versioned.StateActive {
		return err
	}
	var v trigger.Version
	if len(page.Items) > 0 {
		v.Head = page.Items[0]
	} else if v, err = f.triggers.Draft(ctx, worker, trigger.Draft{Set: f.set()}); err != nil {
		return err
	}
	_, err = f.triggers.Activate(ctx, worker, v.ID, itsm.Command{})
	return err
}

// shape is how many things there are, and how many events each has.
func shape(events int) (n, each int) {
	n = max(events/100, 4)
	return n, events / n / perUnit * perUnit
}

// produce has every thing happen until it has all of its events; it goes on where another left off.
func (f *firing) produce(ctx context.Context, events int) error {
	n, each := shape(events)
	for nth := 0; nth < each; nth += perUnit {
		for i := range n {
			err := f.e.Update(ctx, worker, func(ctx context.Context, u *itsmengine.Unit) error {
				id := itsm.ID(fmt.Sprintf("thing-%05d", i))
				t, err := things.Get(ctx, u, id)
				if errors.Is(err, storage.ErrNotFound) {
					t, err = thing{thingHead: thingHead{Meta: storage.Meta{ID: id}}}, nil
				}
				if err != nil || t.Done > nth {
					return err
				}
				t.Done, t.Bucket = nth+perUnit, (i+nth/perUnit)%buckets
				if err := things.Put(ctx, u, &t); err != nil {
					return err
				}
				for k := range perUnit {
					u.Emit(itsm.Event{Kind: "thing", Record: id, Action: "happen", Data: happened{typeOf(i, nth+k)}})
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// fireAway is the process that is killed: it produces what is not there yet and ticks, until nothing
// is due any more.
func fireAway(store *sqlstore.Store, events string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Hour)
	defer cancel()
	n, err := strconv.Atoi(events)
	if err != nil {
		return err
	}
	f, err := openFiring(store)
	if err != nil {
		return err
	}
	if err := f.activate(ctx); err != nil {
		return err
	}
	return workAway(ctx, store, f.e, func(ctx context.Context) error { return f.produce(ctx, n) })
}

// workAway says that the process works, produces and ticks, until nothing is due any more, and says that it is done.
func workAway(ctx context.Context, store *sqlstore.Store, e *itsmengine.Engine, produce func(context.Context) error) error {
	fmt.Println("working")
	failed := make(chan error, 3)
	produced := make(chan struct{})
	go func() {
		defer close(produced)
		if err := produce(ctx); err != nil {
			failed <- fmt.Errorf("produce: %w", err)
		}
	}()
	idle := make(chan struct{})
	for range 2 {
		go func() {
			for {
				ran, err := e.Tick(ctx, e.Now())
				if err != nil {
					failed <- fmt.Errorf("tick: %w", err)
					return
				}
				if ran != (itsmengine.Ran{}) {
					continue
				}
				select {
				case idle <- struct{}{}:
				case <-time.After(20 * time.Millisecond):
				}
			}
		}()
	}
	wait := idle
	for {
		select {
		case err := <-failed:
			return err
		case <-wait:
		}
		select {
		case <-produced:
		default:
			time.Sleep(5 * time.Millisecond)
			continue
		}
		var left []storage.Job
		err := store.View(ctx, []storage.Tenant{worker.Tenant}, func(ctx context.Context, r storage.Reader) (err error) {
			left, err = r.Jobs(ctx, storage.JobQuery{Limit: 10})
			return err
		})
		if err != nil {
			return err
		}
		// What waits for another day, as what purges old firings, always does.
		left = slices.DeleteFunc(left, func(j storage.Job) bool { return !j.Dead && j.Due.After(e.Now().Add(time.Hour)) })
		if len(left) == 0 {
			fmt.Println("done")
			return nil
		}
		if left[0].Dead {
			return fmt.Errorf("a dead letter: %s %s: %s", left[0].Kind, left[0].Key, left[0].Error)
		}
	}
}

// D8: 200 triggers and 50 subscribers; each effect exactly once, and those of one record in the order
// of its events, after the process was killed at random. The whole is
//
//	cd internal/enginetest && go test -run TestD8 -trigger.events=100000 -timeout 3h
func TestD8EveryEffectHappensOnceThoughTheProcessIsKilled(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			events, kills := *triggerEvents, *triggerKills
			if testing.Short() {
				events = min(events, 400)
			}
			if kills == 0 {
				kills = min(max(events/400, 4), 60)
			}
			seed := *triggerSeed
			if seed == 0 {
				seed = rand.Uint64()
			}
			random := rand.New(rand.NewPCG(seed, 1))
			dsn := e.empty(t)
			began := time.Now()
			killed := 0
			for {
				// It is told that the process works, so that a kill hits the work and not its preparation.
				longest := time.Duration(min(events/2, 20_000)) * time.Millisecond
				wait := time.Duration(random.Int64N(int64(longest)))
				if done := workUntil(t, e, dsn, fmt.Sprintf("fire:%d", events), killed < kills, wait); done {
					break
				}
				killed++
			}
			n, each := shape(events)
			lines, redone := checkLedger(t, e, dsn, events)
			t.Logf("%d events of %d things, %d triggers, %d subscribers: %d effects, each once; killed %d times (seed %d), %v; %d echoes stopped",
				n*each, n, triggers, subscribers, lines, killed, seed, time.Since(began).Round(time.Second), redone)
			require.Positive(t, killed, "it was killed at least once")
		})
	}
}

// workUntil runs a process that does something, kills it after a while where that is wanted, and says whether it
// came to its end.
func workUntil(t *testing.T, e engine, dsn, what string, kill bool, wait time.Duration) (done bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childKey+"="+what+" "+e.name+" "+dsn)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), "the process works")
	require.Equal(t, "working", lines.Text())
	if kill {
		timer := time.AfterFunc(wait, func() { cmd.Process.Kill() })
		defer timer.Stop()
	}
	said := ""
	for lines.Scan() {
		said = lines.Text()
	}
	err = cmd.Wait()
	if said == "done" {
		return true
	}
	require.True(t, kill, "it ended by itself: %s", said)
	require.Empty(t, said)
	require.Error(t, err)
	return false
}

// checkLedger compares the ledger with what must follow from the log of events.
func checkLedger(t *testing.T, e engine, dsn string, events int) (effects, stopped int) {
	t.Helper()
	ctx := context.Background()
	store, err := sqlstore.New(e.db(t, dsn), e.dialect, sqlstore.Options{Volatile: true})
	require.NoError(t, err)
	defer store.Close()
	f, err := openFiring(store)
	require.NoError(t, err)

	type effect struct {
		agent string
		event itsm.ID
	}
	want := map[effect]int{}
	order := map[itsm.ID]int{} // of events within their record
	n, each := shape(events)
	heard := map[itsm.ID]int{} // events of each thing, echoes apart
	echoes, fired := 0, 0
	bucket := map[itsm.ID]int{}
	require.NoError(t, store.View(ctx, []storage.Tenant{worker.Tenant}, func(ctx context.Context, r storage.Reader) error {
		q := storage.EventQuery{Kind: "thing", Limit: storage.MaxLimit}
		for place := 0; ; {
			page, err := f.e.History(ctx, r, q)
			if err != nil {
				return err
			}
			for _, ev := range page {
				place++
				order[ev.ID] = place
				if _, ok := ev.Data.(echoed); ok {
					echoes++
					require.Equal(t, []string{"trigger:echo"}, ev.Cause.Chain)
					continue
				}
				var i int
				_, err := fmt.Sscanf(string(ev.Record), "thing-%05d", &i)
				require.NoError(t, err)
				nth := heard[ev.Record]
				heard[ev.Record]++
				typ := typeOf(i, nth)
				require.Equal(t, happened{typ}, ev.Data)
				bucket[ev.Record] = (i + nth/perUnit) % buckets
				for k := range triggers {
					if k%eventTypes != typ || k/eventTypes%buckets != bucket[ev.Record] {
						continue
					}
					fired++
					if k > 0 {
						want[effect{triggerNameOf(k), ev.ID}]++
					}
				}
				for k := range subscribers {
					if k%eventTypes == typ || (k+7)%eventTypes == typ {
						want[effect{subscriberName(k), ev.ID}]++
					}
				}
			}
			if len(page) < q.Limit {
				return nil
			}
			last := page[len(page)-1]
			q.After = storage.EventPosition{Tenant: last.Tenant, Kind: last.Kind, Record: last.Record, Version: last.Version, N: last.N}
		}
	}))
	require.Len(t, heard, n)
	for id, count := range heard {
		require.Equal(t, each, count, id)
	}

	// Each effect is in the ledger once.
	type turn struct {
		at           time.Time // when its unit began, which is after the one before it was committed
		place, order int
	}
	turns := map[string][]turn{} // by who acts on which record
	require.NoError(t, store.View(ctx, []storage.Tenant{worker.Tenant}, func(ctx context.Context, r storage.Reader) error {
		for l, err := range storage.Pages(storage.Query[ledgerHead]{Limit: storage.MaxPage}, func(q storage.Query[ledgerHead]) (storage.Page[ledgerHead], error) {
			return ledger.List(ctx, r, q)
		}) {
			if err != nil {
				return err
			}
			effects++
			k := effect{l.Agent, l.Event}
			if want[k]--; want[k] < 0 {
				return fmt.Errorf("%s acted more than once on event %s (%s, version %d, %d)", l.Agent, l.Event, l.Thing, l.Version, l.N)
			}
			who, place := l.Agent, 0
			if l.Agent[0] == 't' {
				i, err := strconv.Atoi(l.Agent[1:])
				require.NoError(t, err)
				if place = i; !inTransaction(i) {
					who = "triggers" // all of them, in their order
				} else {
					who = "transaction"
				}
			}
			who += " " + string(l.Thing)
			turns[who] = append(turns[who], turn{l.Created, order[l.Event], place})
		}
		return nil
	}))
	for k, missing := range want {
		require.Zero(t, missing, "%s did not act on event %s", k.agent, k.event)
	}
	for who, all := range turns {
		slices.SortFunc(all, func(a, b turn) int {
			return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.order, b.order))
		})
		require.True(t, slices.IsSortedFunc(all, func(a, b turn) int { return a.at.Compare(b.at) }), "%s acted out of order", who)
	}

	// Every firing is told of, and the one that sets itself off was stopped each time.
	count := func(o trigger.Outcome) (n int64) {
		require.NoError(t, store.View(ctx, []storage.Tenant{worker.Tenant}, func(ctx context.Context, r storage.Reader) (err error) {
			n, err = trigger.FiringTable.Count(ctx, r, trigger.FiringByOutcome.Is(o))
			return err
		}))
		return n
	}
	require.EqualValues(t, fired, count(trigger.OutcomeDone))
	require.EqualValues(t, echoes, count(trigger.OutcomeStopped))
	require.Zero(t, count(trigger.OutcomeFailing))
	require.Positive(t, echoes)
	return effects + echoes, echoes
}
