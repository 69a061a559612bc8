package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// maxEvents bounds what one unit may emit, so that reactions that set each other off end.
const maxEvents = 10_000

// Unit is one unit of work: a transaction in the actor's tenant. It is a [storage.Tx], so that
// tables get, list and put through it, and what they put is compared with what was there and
// becomes the field history of the record's next event. It is for one goroutine, and valid
// until the function it was given to returns.
type Unit struct {
	tx
	s     *unitState
	e     *Engine
	actor itsm.Actor
	cmd   itsm.Command
	// target is the record that the command's IfVersion is about.
	target recordKey
	// stale is what the command ends with where that record has another version.
	stale error
	// cause is what its events came of: the actor's, or that of the event reacted to.
	cause itsm.Cause
	// nested says that the unit is part of an open one.
	nested bool
}

// tx hides the store's transaction in a unit: what reads goes straight to it, what writes goes
// through the unit.
type tx interface{ storage.Tx }

// unitState is shared by a unit and those nested in it.
type unitState struct {
	tx      storage.Tx
	now     time.Time
	records map[recordKey]*recordState
	order   []recordKey // in which records were put
	queue   []itsm.Event
	reacted int                           // how many of the queue the reactions have seen
	writes  int                           // what was written or emitted so far
	after   []func(context.Context) error // run when the reactions are through
	running *running
	// memories are what reactions keep for the rest of the unit.
	memories map[any]memory
	// alone says that it is a transaction of its own, which sees what was committed: what it reads the process may know.
	// trusts says that it may go by the revisions that the process knows, trusted that it does, and goesBy is the version of
	// those that it goes by; nil is none. revises says that it has written some.
	alone, trusts, trusted, revises bool
	goesBy                          *int64
	err                             error // what makes the unit fail at its end whatever fn returns
}

// running is the job that a unit runs. Its row is the engine's to finish; what the unit itself
// schedules under its name is written after that.
type running struct {
	kind, key string
	next      *storage.Job
}

func (r *running) is(kind, key string) bool { return r != nil && r.kind == kind && r.key == key }

type recordKey struct {
	kind string
	id   storage.ID
}

// recordState is what a unit knows of a record it read or put.
type recordState struct {
	before  storage.Row // as it was last read or put here
	known   bool
	version int64 // what it was put at in this unit, 0 when it was not
	n       int   // events emitted at that version
	changes []itsm.Change
	by      *Unit // who put it last
}

func newUnit(e *Engine, tx storage.Tx, actor itsm.Actor, now time.Time, cmd itsm.Command) *Unit {
	s := &unitState{tx: tx, now: now, records: map[recordKey]*recordState{}}
	return &Unit{tx: tx, s: s, e: e, actor: actor, cmd: cmd, cause: actor.Cause}
}

// Actor is who acts.
func (u *Unit) Actor() itsm.Actor { return u.actor }

// System is a system actor of the unit's tenant: whom a reaction acts as when it does what the
// unit's actor need not be allowed to.
func (u *Unit) System(name string) itsm.Actor { return itsm.SystemActor(u.Tenant(), name) }

// Now is the unit's one instant, in UTC microseconds.
func (u *Unit) Now() time.Time { return u.s.now }

// NewID makes an id.
func (u *Unit) NewID() storage.ID { return u.e.r.ids.New() }

// Command is what the request carried: its key, version and reason.
func (u *Unit) Command() itsm.Command { return u.cmd }

// Authorize asks whether the unit's actor has the permission on the subject; nil asks for the
// permission as such.
func (u *Unit) Authorize(ctx context.Context, p itsm.Permission, s *itsm.Subject) error {
	return u.e.r.authorizer.Authorize(ctx, u.actor, p, s)
}

func (u *Unit) record(k recordKey) *recordState {
	r, ok := u.s.records[k]
	if !ok {
		r = &recordState{}
		u.s.records[k] = r
	}
	return r
}

// Get reads a record and remembers it, so that a Put knows what it changes.
func (u *Unit) Get(ctx context.Context, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
	row, err := u.s.tx.Get(ctx, s, tenant, id)
	if err != nil {
		return row, err
	}
	k := recordKey{s.Name(), id}
	r := u.record(k)
	if want := u.cmd.IfVersion; want != 0 && k == u.target && r.version == 0 && row.Version != want {
		u.stale = &itsm.VersionError{Kind: s.Name(), ID: id, Seen: want, Current: row.Version}
	}
	r.before, r.known = row, true
	return row, nil
}

// Load reads a record of any kind that a module registered, as an adapter sees it: for reactions
// to kinds that they do not import. A kind that nobody registered is ErrInvalid.
func (u *Unit) Load(ctx context.Context, ref itsm.Ref) (*storage.Schema, storage.Row, error) {
	for _, s := range u.e.r.tables {
		if s.Name() == ref.Kind {
			row, err := u.Get(ctx, s, u.Tenant(), ref.ID)
			return s, row, err
		}
	}
	return nil, storage.Row{}, storage.Invalid("load", "kind", fmt.Sprintf("%q is not registered", ref.Kind))
}

// Put writes records with the unit's instant as their time, and keeps what changed for each
// record's next event. A record that is put without an event gets the event [Changed].
//
// The clocks of two processes differ, and a unit that began earlier may commit later: where a record was
// changed at a later instant already, the change is of that instant, so that those of one record are in the
// order of their versions.
func (u *Unit) Put(ctx context.Context, s *storage.Schema, rows ...*storage.Row) error {
	for _, row := range rows {
		if err := u.beforePut(ctx, s, row); err != nil {
			return err
		}
	}
	u.s.wrote(s.Name())
	if err := u.s.tx.Put(ctx, s, rows...); err != nil {
		if errors.Is(err, storage.ErrConflict) && len(rows) == 1 && rows[0].Version == 0 {
			return &createConflict{recordKey{s.Name(), rows[0].ID}, err}
		}
		return err
	}
	for _, row := range rows {
		if err := u.afterPut(s, row); err != nil {
			return err
		}
	}
	return nil
}

// beforePut sees to it that the unit knows the record as it was, and dates it.
func (u *Unit) beforePut(ctx context.Context, s *storage.Schema, row *storage.Row) error {
	r := u.record(recordKey{s.Name(), row.ID})
	if row.Version == 0 {
		if row.Created.IsZero() {
			row.Created = u.s.now
		}
	} else if !r.known || r.before.Version != row.Version || len(r.before.Columns) != len(row.Columns) {
		// It was read past the unit, or through another schema of the table.
		before, err := u.Get(ctx, s, u.Tenant(), row.ID)
		if err != nil {
			return conflictIfGone(err, s, row.ID)
		}
		r.before, r.known = before, true
	}
	row.Updated = u.s.now
	if row.Version > 0 && row.Updated.Before(r.before.Updated) {
		row.Updated = r.before.Updated
	}
	return nil
}

// afterPut keeps what a record that was put has become, and what changed.
func (u *Unit) afterPut(s *storage.Schema, row *storage.Row) error {
	k := recordKey{s.Name(), row.ID}
	r := u.record(k)
	if row.Version > 1 {
		before, err := s.Normalize(r.before)
		if err != nil {
			return err
		}
		changes, err := compare(s, &before, row)
		if err != nil {
			return err
		}
		r.changes = merge(r.changes, changes)
	}
	if r.version == 0 {
		u.s.order = append(u.s.order, k)
	}
	r.before, r.known = *row, true
	r.version, r.n, r.by = row.Version, 0, u
	return nil
}

// conflictIfGone makes a record that vanished since it was read a conflict.
func conflictIfGone(err error, s *storage.Schema, id storage.ID) error {
	if !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	return &storage.Error{Op: "put", Table: s.Name(), ID: id, Err: storage.ErrConflict, Cause: err}
}

// Delete removes a record; its history stays, ended by the event [Deleted]. Its id is never used
// again: a record created under it would take places in the log that are taken.
func (u *Unit) Delete(ctx context.Context, s *storage.Schema, id storage.ID, version int64) error {
	k := recordKey{s.Name(), id}
	r := u.record(k)
	if !r.known {
		row, err := u.s.tx.Get(ctx, s, u.Tenant(), id)
		if err != nil {
			return err
		}
		r.before, r.known = row, true
	}
	u.s.wrote(s.Name())
	if err := u.s.tx.Delete(ctx, s, id, version); err != nil {
		return err
	}
	changes, err := compare(s, &r.before, &storage.Row{Columns: make([]any, len(r.before.Columns)), Body: []byte("{}")})
	if err != nil {
		return err
	}
	r.changes = merge(r.changes, changes)
	r.version, r.n, r.known = version+1, 0, false
	u.Emit(itsm.Event{Kind: k.kind, Record: k.id, Action: "delete", Data: Deleted{}})
	return nil
}

// Append is refused: events are emitted.
func (u *Unit) Append(context.Context, ...storage.Event) error {
	return storage.Invalid("unit", "append", "is not for practices; use Emit")
}

// Restore is refused: a record that comes from elsewhere is told of, as any that is put.
func (u *Unit) Restore(context.Context, *storage.Schema, ...storage.Row) error {
	return storage.Invalid("unit", "restore", "is not for practices; use Put")
}

// Finish is refused: the engine finishes the jobs that it claimed.
func (u *Unit) Finish(context.Context, storage.Job, storage.Outcome) error {
	return storage.Invalid("unit", "finish", "is not for practices; the engine does it")
}

// Enqueue is refused: jobs are scheduled.
func (u *Unit) Enqueue(context.Context, ...storage.Job) error {
	return storage.Invalid("unit", "enqueue", "is not for practices; use Schedule")
}

// Quiet is the unit without field history and without the event [Changed]: for side tables whose
// records are told of by the events of others, and for counters.
func (u *Unit) Quiet() storage.Tx { return quiet{u} }

type quiet struct{ *Unit }

func (q quiet) Get(ctx context.Context, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
	return q.s.tx.Get(ctx, s, tenant, id)
}

func (q quiet) Put(ctx context.Context, s *storage.Schema, rows ...*storage.Row) error {
	q.s.wrote(s.Name())
	return q.s.tx.Put(ctx, s, rows...)
}

func (q quiet) Delete(ctx context.Context, s *storage.Schema, id storage.ID, version int64) error {
	q.s.wrote(s.Name())
	return q.s.tx.Delete(ctx, s, id, version)
}

// Emit adds an event about a record that was put in this unit. The engine fills in what is the
// unit's: tenant, id, place, the instant at which the record was put, the actor and the cause where the event names
// none, the reason of the command, and the field history since the record's last event. Reactions see it when the
// command's function has returned, in the order of emission.
//
// An event about a record that the unit has not put, or whose payload's type no module has
// registered, is a fault of the program and fails the unit.
func (u *Unit) Emit(e itsm.Event) {
	s := u.s
	s.writes++
	r, ok := s.records[recordKey{e.Kind, e.Record}]
	switch {
	case e.Data == nil:
		u.Fail(storage.Invalid("event", "data", "is missing"))
		return
	case !u.e.r.types[e.Data.EventType()].Holds(e.Data):
		u.Fail(storage.Invalid("event "+e.Data.EventType(), "data", fmt.Sprintf("is a %T, which no module has registered; payloads are values, and are named in Module.Events", e.Data)))
		return
	case !ok || r.version == 0:
		u.Fail(storage.Invalid("event "+e.Data.EventType(), "record", fmt.Sprintf("%s %s was not put in this unit", e.Kind, e.Record)))
		return
	case len(s.queue) >= maxEvents:
		u.Fail(storage.Invalid("unit", "events", fmt.Sprintf("are more than %d; do reactions set each other off?", maxEvents)))
		return
	}
	e.Tenant = u.Tenant()
	e.ID = u.NewID()
	e.Version, e.N = r.version, r.n
	e.Type = e.Data.EventType()
	if e.Recorded = s.now; e.Recorded.Before(r.before.Updated) {
		e.Recorded = r.before.Updated
	}
	if e.At.IsZero() {
		e.At = e.Recorded
	}
	e.At = storage.Instant(e.At)
	if e.Actor == "" {
		e.Actor, e.ActorName, e.System = u.actor.ID, u.actor.Name, u.actor.System
	}
	if u.e.r.nameless && !e.System {
		e.ActorName = ""
	}
	if e.Reason == "" {
		e.Reason = u.cmd.Reason
	}
	if e.Cause.IsZero() {
		e.Cause = u.cause
	}
	e.Changes, r.changes = u.e.r.told(e.Kind, r.changes), nil
	r.n++
	s.queue = append(s.queue, e)
}

// Fail makes the unit fail at its end, whatever else happens; the first error stands.
func (u *Unit) Fail(err error) {
	if u.s.err == nil {
		u.s.err = err
	}
}

// Task is a job to be scheduled.
type Task struct {
	// Kind is that of a registered handler.
	Kind string
	// Key names the job within its kind; scheduling it again replaces it.
	Key string
	// Subject groups jobs that run one at a time in due order: usually the record's kind and
	// id. Empty waits for no other.
	Subject string
	// Due is when it runs at the earliest.
	Due time.Time
	// Payload is what the handler is given, as JSON.
	Payload any
}

// Schedule writes jobs in this unit: they exist when the unit commits. Many at once are written
// together. Where one of them cannot be, none is.
func (u *Unit) Schedule(ctx context.Context, tasks ...Task) error {
	jobs := make([]storage.Job, 0, len(tasks))
	for _, t := range tasks {
		if _, ok := u.e.r.jobs[t.Kind]; !ok {
			return storage.Invalid("task", "kind", fmt.Sprintf("%q has no handler", t.Kind))
		}
		var payload []byte
		if t.Payload != nil {
			var err error
			if payload, err = json.Marshal(t.Payload); err != nil {
				return storage.Invalid("task "+t.Kind, "payload", "cannot be written as JSON")
			}
		}
		jobs = append(jobs, storage.Job{Kind: t.Kind, Key: t.Key, Subject: t.Subject, Due: storage.Instant(t.Due), Payload: payload})
	}
	if len(jobs) == 0 {
		return nil
	}
	u.s.writes++
	own := func(j storage.Job) bool { return u.s.running.is(j.Kind, j.Key) }
	for _, j := range jobs {
		if own(j) {
			u.s.running.next = &j
		}
	}
	if jobs = slices.DeleteFunc(jobs, own); len(jobs) == 0 {
		return nil
	}
	return u.s.tx.Enqueue(ctx, jobs...)
}

// Cancel removes a job that is moot; none there is no error. The job that the unit itself runs
// ends with the unit; what is cancelled of it is what the unit scheduled under its name.
func (u *Unit) Cancel(ctx context.Context, kind, key string) error {
	if u.s.running.is(kind, key) {
		u.s.running.next = nil
		return nil
	}
	u.s.writes++
	return u.s.tx.Cancel(ctx, kind, key)
}

// finish runs the reactions until none is left, and writes the log and the deliveries.
func (u *Unit) finish(ctx context.Context) error {
	s := u.s
	// A reaction acts for the command, but the version and key are the command's own.
	within := *u
	within.cmd, within.target = itsm.Command{Reason: u.cmd.Reason}, recordKey{}
	for {
		for s.reacted < len(s.queue) && s.err == nil {
			e := s.queue[s.reacted]
			s.reacted++
			acting := within
			acting.cause, acting.actor.Cause = e.Cause, e.Cause // what is done about an event goes on with its chain
			for _, list := range [2][]Reaction{u.e.r.reactions[e.Type], u.e.r.any} {
				for _, x := range list {
					if err := x.run(ctx, &acting, e); err != nil {
						return err
					}
				}
			}
		}
		if s.err != nil {
			return s.err
		}
		u.changed()
		if s.reacted == len(s.queue) {
			break
		}
	}
	for _, do := range s.after {
		if err := do(ctx); err != nil {
			return err
		}
	}
	if s.goesBy != nil {
		if err := s.tx.Expect(ctx, revisionTable.Schema(), revisionsID, *s.goesBy); err != nil {
			return err
		}
	}
	if len(s.queue) == 0 {
		return nil
	}
	stored := make([]storage.Event, len(s.queue))
	for i, e := range s.queue {
		envelope, err := e.Envelope()
		if err != nil {
			return err
		}
		stored[i] = storage.Event{Kind: e.Kind, Record: e.Record, Version: e.Version, N: e.N, ID: e.ID, Type: e.Type, At: e.At, Envelope: envelope}
	}
	// In this order a store can write both together.
	if err := u.deliver(ctx); err != nil {
		return err
	}
	return s.tx.Append(ctx, stored...)
}

// changed emits Changed for each record that was put without an event, as by who put it.
func (u *Unit) changed() {
	for _, k := range u.s.order {
		if r := u.s.records[k]; r.version > 0 && r.n == 0 {
			r.by.Emit(itsm.Event{Kind: k.kind, Record: k.id, Data: Changed{}})
		}
	}
}

// Changed is the payload of the event of a record that was put and about which nothing else
// was emitted, so that no change is without an entry in the log.
type Changed struct{}

// EventType is record.changed.v1.
func (Changed) EventType() string { return "record.changed.v1" }

// Deleted is the payload of the last event of a record, which its history outlives.
type Deleted struct{}

// EventType is record.deleted.v1.
func (Deleted) EventType() string { return "record.deleted.v1" }
