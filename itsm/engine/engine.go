package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Options are an engine's settings; the zero value works.
type Options struct {
	// Clock tells the time: read once a command. Nil is the real clock.
	Clock itsm.Clock
	// IDs makes the ids of records and events. Nil makes UUIDs of version 7 by the clock.
	IDs itsm.IDSource
	// Authorizer says who may do what. Nil is the book of the standard ITIL roles.
	Authorizer itsm.Authorizer
	// Attempts is how often a unit, a read, a claim or a migration is run in all when the store reports
	// a conflict or that it could not do it for a reason that passes; 0 is 20. Between two attempts it
	// pauses for a random time of up to a millisecond or two, doubling with each up to 50 milliseconds
	// where the unit was in another's way and up to a second where the store could not do it: some
	// seconds in all. No attempt begins after the context has ended. With 1 nothing is tried again; what became of
	// a command with a key whose commit was cut off is found out all the same, whichever attempt it was.
	Attempts int
	// JobAttempts is how often a job or a delivery is tried before it becomes a dead letter;
	// 0 is 8.
	JobAttempts int
	// Backoff is the wait before the second attempt of a job; it doubles with each, up to a
	// day. 0 is 10 seconds.
	Backoff time.Duration
	// Lease is how long a worker has for a job or a delivery before another may take it; 0 is
	// one minute. A subscriber's context ends with it. Each event is begun with at least half of
	// it left, so one that takes less than that is not delivered by two workers at once.
	Lease time.Duration
	// TickLimit is the greatest number of jobs that one Tick runs; 0 is 10,000.
	TickLimit int
	// Poll is the pause between the ticks of Run when nothing is due; 0 is one second.
	Poll time.Duration
	// KeyRetention is how long a command is known by its key; 0 is [DefaultKeyRetention], a week.
	// After it the same key is a new command, and Tick removes what was remembered.
	KeyRetention time.Duration
	// Nameless keeps the names of people out of what is written for ever: events and notes have
	// their actors' ids alone, and whoever shows them asks a directory for the names. The log is
	// only ever added to, so a name that it has cannot be erased; set this before the first command.
	// System actors keep their names.
	Nameless bool
}

// Engine runs commands as units over a store. It is safe for any number of goroutines, and
// starts none.
type Engine struct {
	store    storage.Store
	attempts int
	r        *registry
}

// registry is what the practices registered; every Engine made by In shares it.
type registry struct {
	clock       itsm.Clock
	ids         itsm.IDSource
	authorizer  itsm.Authorizer
	jobAttempts int
	backoff     time.Duration
	lease       time.Duration
	tickLimit   int
	poll        time.Duration

	keyRetention time.Duration
	keys         keyring
	revisions    revisionsKnown
	nameless     bool

	mu          sync.Mutex
	sealed      atomic.Bool
	unfit       error // why it cannot work, found when it was sealed
	modules     []Registration
	tables      []*storage.Schema
	private     map[string][]string // fields told, by table
	types       map[string]itsm.EventType
	reactions   map[string][]Reaction // by event type
	any         []Reaction
	jobs        map[string]JobHandler
	subscribers []Subscriber
	kinds       []string // what Tick claims
}

// New gives an engine over a store.
func New(store storage.Store, o Options) (*Engine, error) {
	if store == nil {
		return nil, storage.Invalid("engine", "store", "is required")
	}
	authorizer := o.Authorizer
	if authorizer == nil {
		book, err := itsm.NewRoleBook()
		if err != nil {
			return nil, err
		}
		authorizer = book
	}
	var faults itsm.Faults
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"attempts", int64(o.Attempts)}, {"job_attempts", int64(o.JobAttempts)}, {"backoff", int64(o.Backoff)},
		{"lease", int64(o.Lease)}, {"tick_limit", int64(o.TickLimit)}, {"poll", int64(o.Poll)},
		{"key_retention", int64(o.KeyRetention)},
	} {
		if n.value < 0 {
			faults.Add(n.name, "must not be negative")
		}
	}
	if err := faults.Err("engine options"); err != nil {
		return nil, err
	}
	ids := o.IDs
	if ids == nil {
		ids = itsm.NewIDs(o.Clock, nil)
	}
	e := &Engine{
		store:    store,
		attempts: orDefault(o.Attempts, 20),
		r: &registry{
			clock: o.Clock, ids: ids, authorizer: authorizer,
			jobAttempts: orDefault(o.JobAttempts, 8),
			backoff:     orDefault(o.Backoff, 10*time.Second),
			lease:       orDefault(o.Lease, time.Minute),
			tickLimit:   orDefault(o.TickLimit, 10_000),
			poll:        orDefault(o.Poll, time.Second),

			keyRetention: orDefault(o.KeyRetention, DefaultKeyRetention),
			nameless:     o.Nameless,

			private:   map[string][]string{},
			types:     map[string]itsm.EventType{},
			reactions: map[string][]Reaction{},
			jobs:      map[string]JobHandler{},
		},
	}
	return e, e.Use(own())
}

func orDefault[T int | time.Duration](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}

// Module is what a practice, or a host's own record type, adds to an engine.
type Module struct {
	// Name tells one module from another.
	Name string
	// Tables are the tables that Migrate makes.
	Tables []*storage.Schema
	// Private are those of the tables, by name, whose values stay out of the event log, so that
	// they can be erased: the history of their records says which fields changed, when and by
	// whom, and not from what to what. Each names the fields whose values are told all the same:
	// what is not named here is withheld, the host's own columns too.
	Private map[string][]string
	// Events are the payload types that it emits, so that stored events can be read back.
	Events []itsm.EventType
	// Reactions run in the transaction of the event.
	Reactions []Reaction
	// Jobs run what is due.
	Jobs []JobHandler
	// Subscribers are told of events after the commit.
	Subscribers []Subscriber
}

// Use registers a module. It is ErrInvalid, with every fault, where a name is taken or the
// engine has been used already: what runs must not change under it.
func (e *Engine) Use(m Module) error {
	r := e.r
	r.mu.Lock()
	defer r.mu.Unlock()
	var faults itsm.Faults
	if r.sealed.Load() {
		faults.Add("module", "comes too late: the engine is in use")
	}
	faults.Key("name", m.Name)
	if slices.ContainsFunc(r.modules, func(o Registration) bool { return o.Module == m.Name }) {
		faults.Addf("name", "%q is registered already", m.Name)
		return faults.Err("module " + m.Name) // and so is all that it has
	}
	for i, s := range m.Tables {
		taken := func(o *storage.Schema) bool { return o.Name() == s.Name() }
		if slices.ContainsFunc(r.tables, taken) || slices.ContainsFunc(m.Tables[:i], taken) {
			faults.Addf("tables", "%q is registered already", s.Name())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Private)) {
		if !slices.ContainsFunc(m.Tables, func(s *storage.Schema) bool { return s.Name() == name }) {
			faults.Addf("private", "has %q, which is not a table of the module", name)
		}
	}
	for i, t := range m.Events {
		_, taken := r.types[t.Name]
		if t.Name == "" || t.Decode == nil {
			faults.Add("events", "has one without name or decoder; make it by itsm.EventOf")
		} else if taken || slices.ContainsFunc(m.Events[:i], func(o itsm.EventType) bool { return o.Name == t.Name }) {
			faults.Addf("events", "%q is registered already", t.Name)
		}
	}
	for _, x := range m.Reactions {
		if x.run == nil {
			faults.Add("reactions", "has one that does nothing; make it by On or OnAny")
		}
	}
	for _, j := range m.Jobs {
		faults.Key("jobs.kind", j.kind)
		if j.kind == deliveryKind {
			faults.Addf("jobs", "%q is the engine's own", j.kind)
		}
		if _, ok := r.jobs[j.kind]; ok || (j.run == nil && j.outside == nil) {
			faults.Addf("jobs", "%q is registered already, or does nothing", j.kind)
		}
	}
	for _, s := range m.Subscribers {
		faults.Key("subscribers.name", s.Name)
		faults.Key("subscribers.name", subjectPrefix+s.kind()) // room for what is made of it
		taken := func(o Subscriber) bool { return o.Name == s.Name }
		if slices.ContainsFunc(r.subscribers, taken) || s.Deliver == nil {
			faults.Addf("subscribers", "%q is registered already, or does nothing", s.Name)
		}
	}
	if err := faults.Err("module " + m.Name); err != nil {
		return err
	}
	r.modules = append(r.modules, m.registration())
	r.tables = append(r.tables, m.Tables...)
	for name, told := range m.Private {
		r.private[name] = slices.Clone(told)
	}
	for _, t := range m.Events {
		r.types[t.Name] = t
	}
	for _, x := range m.Reactions {
		if x.event == "" {
			r.any = append(r.any, x)
		} else {
			r.reactions[x.event] = append(r.reactions[x.event], x)
		}
	}
	for _, j := range m.Jobs {
		r.jobs[j.kind] = j
		r.kinds = append(r.kinds, j.kind)
	}
	if len(m.Subscribers) > 0 && len(r.subscribers) == 0 {
		r.kinds = append(r.kinds, deliveryKind)
	}
	for _, s := range m.Subscribers {
		r.subscribers = append(r.subscribers, s)
		r.kinds = append(r.kinds, s.kind(), s.letter())
	}
	return nil
}

// seal ends registration: from now on the registry is only read, without a lock. It is ErrInvalid
// where what was registered does not fit together.
func (e *Engine) seal() error {
	r := e.r
	if !r.sealed.Load() {
		r.mu.Lock()
		if !r.sealed.Load() {
			r.unfit = r.fit()
			r.sealed.Store(true)
		}
		r.mu.Unlock()
	}
	return r.unfit
}

// fit says which event types are waited for that no module emits.
func (r *registry) fit() error {
	var faults itsm.Faults
	known := func(who, name string) {
		if _, ok := r.types[name]; !ok {
			faults.Addf(who, "waits for %q, which no module emits", name)
		}
	}
	for name := range r.reactions {
		known("reactions", name)
	}
	for _, s := range r.subscribers {
		for _, name := range s.Types {
			known("subscribers."+s.Name, name)
		}
	}
	return faults.Err("engine")
}

// In gives the engine over another store: one joined to the host's own transaction, or that of
// an open unit. There it never runs a unit twice: that is for whoever opened the transaction.
func (e *Engine) In(store storage.Store) *Engine {
	return &Engine{store: store, attempts: 1, r: e.r}
}

// Store is the store the engine runs on.
func (e *Engine) Store() storage.Store { return e.store }

// Now is the engine's clock.
func (e *Engine) Now() time.Time { return e.r.clock.Now() }

// Authorizer says who may do what.
func (e *Engine) Authorizer() itsm.Authorizer { return e.r.authorizer }

// Schemas are the tables of all modules.
func (e *Engine) Schemas() []*storage.Schema {
	e.r.mu.Lock()
	defer e.r.mu.Unlock()
	return slices.Clone(e.r.tables)
}

// EventTypes are the names of the payload types that modules registered, in order: every type that
// an event can have.
func (e *Engine) EventTypes() []string {
	e.r.mu.Lock()
	defer e.r.mu.Unlock()
	return slices.Sorted(maps.Keys(e.r.types))
}

// Migrate makes the tables of all modules, where the store needs that. It only adds, can be
// repeated, and is safe from many processes at once.
func (e *Engine) Migrate(ctx context.Context) error {
	if err := e.seal(); err != nil {
		return err
	}
	if m, ok := e.store.(storage.Migrator); ok {
		return e.repeating(ctx, func() error { return m.Migrate(ctx, e.r.tables...) })
	}
	return nil
}

// Check says what Migrate has not made yet, or what in the store's settings would lose or
// confuse data. Of the tenants that are named it also says which jobs, deliveries and dead letters
// are of a kind that no module handles any more, and so never run: a module or a subscriber was
// taken out, or was given another name. It changes nothing.
func (e *Engine) Check(ctx context.Context, tenants ...storage.Tenant) error {
	if err := e.seal(); err != nil {
		return err
	}
	if m, ok := e.store.(storage.Migrator); ok {
		if err := e.repeating(ctx, func() error { return m.Check(ctx, e.r.tables...) }); err != nil {
			return err
		}
	}
	if len(tenants) == 0 {
		return nil
	}
	return e.checkJobs(ctx, tenants)
}

// View runs fn on a snapshot of the actor's tenant. Where the store could not do it for a reason that
// passes, as when it lost the connection, fn is run again from its beginning on a new snapshot, a bounded
// number of times: it has no effect but on what it sets anew at each run. An fn in which something was
// commanded is not run again, nor is one inside another View: that is.
func (e *Engine) View(ctx context.Context, actor itsm.Actor, fn func(ctx context.Context, r storage.Reader) error) error {
	return e.ViewTenants(ctx, actor, []storage.Tenant{actor.Tenant}, fn)
}

// ViewTenants runs fn on one snapshot of the named tenants. What the actor may see in each is for
// the practice to ask, of actor.In(tenant).
func (e *Engine) ViewTenants(ctx context.Context, actor itsm.Actor, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
	if err := actor.Validate(); err != nil {
		return err
	}
	if err := e.seal(); err != nil {
		return err
	}
	return e.reading(ctx, func(ctx context.Context) error { return e.store.View(ctx, tenants, fn) })
}

// ReadTenants is ViewTenants without a snapshot: two reads of fn may see two states. It is for what
// one read answers, and saves the round trips of a transaction.
func (e *Engine) ReadTenants(ctx context.Context, actor itsm.Actor, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
	if err := actor.Validate(); err != nil {
		return err
	}
	if err := e.seal(); err != nil {
		return err
	}
	return e.reading(ctx, func(ctx context.Context) error { return e.store.Read(ctx, tenants, fn) })
}

// Update runs fn as one unit: what it puts and emits, and what the reactions to that put and
// emit, is committed together or not at all. On a conflict, and where the store did not do it for a
// reason that passes, fn is run again from its beginning, a bounded number of times, so it has no effect
// but through the unit and what it sets anew at each run. Where the connection is lost in the commit it
// is ErrUnknownOutcome, and not run again: [Execute] can tell by the command's key. An error of fn is
// returned as it is.
func (e *Engine) Update(ctx context.Context, actor itsm.Actor, fn func(ctx context.Context, u *Unit) error) error {
	return e.update(ctx, Call{Actor: actor}, fn)
}

// update runs a command as a unit of its own, or inside the open one that the engine is bound to.
func (e *Engine) update(ctx context.Context, c Call, fn func(context.Context, *Unit) error) error {
	if b, ok := e.store.(boundStore); ok {
		if err := c.Actor.Validate(); err != nil {
			return err
		}
		return b.nested(ctx, e, c.Actor, c, fn)
	}
	return e.unit(ctx, c, e.r.clock.Now(), func(ctx context.Context, u *Unit) error {
		if err := fn(ctx, u); err != nil {
			return err
		}
		return u.finish(ctx)
	})
}

// unit runs fn in a transaction, again where the store reports a conflict. fn finishes the unit.
func (e *Engine) unit(ctx context.Context, c Call, now time.Time, fn func(context.Context, *Unit) error) error {
	actor := c.Actor
	if err := actor.Validate(); err != nil {
		return err
	}
	if err := e.seal(); err != nil {
		return err
	}
	ctx = e.commanding(ctx)
	d := doubt{settle: c.settle}
	var hot string     // the record that the last attempt lost
	var made recordKey // the record that the last attempt could not create
	attempts := e.attempts
	for attempt := 1; ; attempt++ {
		err := e.store.Update(ctx, actor.Tenant, func(ctx context.Context, tx storage.Tx) error {
			if hot != "" {
				// The losers of a race queue up instead of racing again.
				if err := tx.Lock(ctx, hot); err != nil {
					return err
				}
			}
			u := newUnit(e, tx, actor, now, c.Command)
			u.target = c.target()
			u.s.alone = e.attempts > 1
			u.s.trusts = u.s.alone && attempt == 1
			if err := fn(ctx, u); err != nil {
				return u.still(ctx, err)
			}
			return nil
		})
		if err == nil {
			return nil
		}
		if attempt >= attempts {
			// What was given to do is not tried again, but what came of it is asked for, once.
			var wasDone bool
			if wasDone, err = d.last(ctx, err); !wasDone || attempts > e.attempts {
				return d.end(err)
			}
			attempts++
			continue
		}
		if !again(err) && !d.met(ctx, err) {
			return d.end(err)
		}
		var at *storage.Error
		if errors.As(err, &at) && at.Table != "" && errors.Is(at.Err, storage.ErrConflict) {
			hot = "record/" + digest.Of(at.Table, string(at.ID))
		}
		var exists *createConflict
		if errors.As(err, &exists) {
			if exists.record == made {
				return d.end(err) // it is there to stay
			}
			made = exists.record
		}
		if err := pause(ctx, attempt, err); err != nil {
			return d.end(err)
		}
	}
}

// createConflict says that a record to be created exists. One more run may find it, as a command
// does that was given under the same key at the same time; a third is of no use.
type createConflict struct {
	record recordKey
	err    error
}

func (c *createConflict) Error() string { return c.err.Error() }
func (c *createConflict) Unwrap() error { return c.err }
