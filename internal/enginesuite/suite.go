package enginesuite

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every test on a new store each.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"a failed command leaves nothing", failedCommand},
		{"a reaction runs in the transaction", reactions},
		{"reactions that set each other off end", endlessReactions},
		{"what an event brings about says so", causes},
		{"a nested practice shares the unit", nested},
		{"a nested failure after a write fails the unit", nestedFailure},
		{"G1 every change is in the history", history},
		{"G2 a deleted record keeps its history", deleted},
		{"events need a record put in the unit", strayEvents},
		{"sixteen goroutines lose no update", contention},
		{"G17 with IfVersion exactly one wins", ifVersion},
		{"G18 the same key twice is one command", keys},
		{"sixteen with the same key make one record", keyRace},
		{"X2 deliveries come in order of the record", deliveryOrder},
		{"a subscriber is told of the kinds of record that it names", deliveryKinds},
		{"a failing delivery is retried then dead-lettered", deadLetters},
		{"X2 what was committed is delivered by another process", deliveryAfterDeath},
		{"an event during a delivery is delivered too", eventDuringDelivery},
		{"a delivery that outlives its lease is repeated", deliveryLease},
		{"a job commits with its completion", jobs},
		{"a failing job backs off and dies", failingJob},
		{"a cancelled job has no effect", cancelledJob},
		{"a job schedules itself again", recurringJob},
		{"jobs of one subject run in due order", subjects},
		{"a tick is bounded", tickLimit},
		{"X14 many ticks at once run each job once", concurrentTicks},
		{"a view inside a unit sees what it wrote", viewInside},
		{"G6 a unit stays in its tenant", tenants},
		{"a panic undoes the unit", panics},
		{"links are found from both ends", links},
		{"a job may cancel itself", selfCancel},
		{"a failure's text never stops a tick", errorTexts},
		{"a reaction that panics fails its job alone", reactionPanics},
		{"what never comes back dies", poison},
		{"an event that ends the process holds nobody else up for long", poisonousEvent},
		{"subscribers do not wait for one that falls behind", behind},
		{"any order of failures tells each subscriber each event once", deliveryModel},
		{"a long tick does not deliver twice", longTick},
		{"a job outside a unit reaches other tenants", outside},
		{"an old key tells nothing to who may not read", replayRefused},
		{"IfVersion is about the commanded record alone", ifVersionBound},
		{"a nested half fails the unit however it was written", nestedHalves},
		{"history is of one's own changes", ownHistory},
		{"history crosses layouts", layouts},
		{"only a missing record is a conflict", readErrors},
		{"an id that exists is refused at once", createTwice},
		{"a value that is taken is refused at once", uniqueTaken},
		{"payloads that cannot be read back are refused", payloads},
		{"dead letters disturb no other record", letterKeys},
		{"attempts are counted for each event", eventAttempts},
		{"more than a page is delivered", manyEvents},
		{"a store's faults do not lose or repeat anything", storeFaults},
		{"an old key is a new command", oldKeys},
		{"old keys are removed some at a time", forgottenKeys},
		{"a faulty command is told with all else", faultyCommands},
		{"jobs that nobody handles are told", jobsWithoutHandler},
		{"many jobs that nobody handles are told", manyJobsWithoutHandler},
		{"what is kept is made anew when it was revised", revisions},
		{"what was revised elsewhere is not gone by", outdated},
		{"what is revised while it is gone by does not stand", overtaken},
		{"the changes of a record are in the order of time whatever clocks say", clockGoesBack},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, newBench(t, newStore(t))) })
	}
}

// box is a record with a counter.
type box struct {
	boxHead
	boxBody
}

type boxHead struct {
	storage.Meta
	Count int
	Owner itsm.ID
	Due   time.Time
}

type boxBody struct {
	Text string   `json:"text,omitempty"`
	Tags []string `json:"tags,omitempty"`
}

var (
	byCount = storage.Col("count", func(h *boxHead) *int { return &h.Count })
	byOwner = storage.Col("owner", func(h *boxHead) *itsm.ID { return &h.Owner })
	byDue   = storage.NullTimeCol("due", func(h *boxHead) *time.Time { return &h.Due })
	boxes   = storage.Define("box", storage.Def[box, boxHead, boxBody]{
		Parts:   func(b *box) (*boxHead, *boxBody) { return &b.boxHead, &b.boxBody },
		Columns: []storage.ColumnOf[boxHead]{byCount, byOwner, byDue},
	})
)

type filled struct {
	By int `json:"by"`
}

func (filled) EventType() string { return "box.filled.v1" }

type emptied struct{}

func (emptied) EventType() string { return "box.emptied.v1" }

// bench is an engine over a store with a clock that the test sets.
type bench struct {
	store storage.Store
	now   time.Time
	actor itsm.Actor
}

func newBench(t *testing.T, store storage.Store) *bench {
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return &bench{
		store: store, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
		actor: itsm.Actor{Tenant: "acme", ID: "ada", Name: "Ada", Roles: []itsm.RoleName{"it_service_manager"}},
	}
}

// engine gives an engine with the box's module and what the test adds.
func (b *bench) engine(t *testing.T, o engine.Options, m engine.Module) *engine.Engine {
	t.Helper()
	if o.Clock == nil {
		now := b.now
		o.Clock = func() time.Time { return now }
	}
	e, err := engine.New(b.store, o)
	require.NoError(t, err)
	m.Name = "box"
	m.Tables = append(m.Tables, boxes.Schema())
	m.Events = append(m.Events, itsm.EventOf[filled](), itsm.EventOf[emptied]())
	require.NoError(t, e.Use(m))
	require.NoError(t, e.Migrate(context.Background()))
	return e
}

// fill is the box's command: it adds to the counter, making the box where it is not there.
func fill(ctx context.Context, e *engine.Engine, actor itsm.Actor, id storage.ID, by int, c itsm.Command) (box, error) {
	call := engine.Call{Name: "box.fill", Actor: actor, Command: c, Target: id, Request: by}
	return engine.Execute(ctx, e, boxes, call, func(ctx context.Context, u *engine.Unit) (box, error) {
		return fillIn(ctx, u, id, by)
	}, nil)
}

func fillIn(ctx context.Context, u *engine.Unit, id storage.ID, by int) (box, error) {
	b, err := boxes.Get(ctx, u, id)
	switch {
	case isNotFound(err):
		b.ID = id
	case err != nil:
		return b, err
	}
	b.Count += by
	if err := boxes.Put(ctx, u, &b); err != nil {
		return b, err
	}
	u.Emit(itsm.Event{Kind: "box", Record: id, Action: "fill", Data: filled{by}})
	return b, nil
}

func read(t *testing.T, e *engine.Engine, actor itsm.Actor, id storage.ID) (b box, err error) {
	t.Helper()
	err = e.View(context.Background(), actor, func(ctx context.Context, r storage.Reader) error {
		b, err = boxes.Get(ctx, r, id)
		return err
	})
	return b, err
}

func events(t *testing.T, e *engine.Engine, actor itsm.Actor, id storage.ID) (all []itsm.Event) {
	t.Helper()
	require.NoError(t, e.View(context.Background(), actor, func(ctx context.Context, r storage.Reader) error {
		var err error
		all, err = e.History(ctx, r, storage.EventQuery{Kind: "box", Record: id})
		return err
	}))
	return all
}

func jobsOf(t *testing.T, e *engine.Engine, actor itsm.Actor) (all []storage.Job) {
	t.Helper()
	require.NoError(t, e.View(context.Background(), actor, func(ctx context.Context, r storage.Reader) error {
		var err error
		all, err = r.Jobs(ctx, storage.JobQuery{Limit: storage.MaxLimit})
		return err
	}))
	return all
}
