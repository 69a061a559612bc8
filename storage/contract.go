package storage

import (
	"context"
	"time"
)

// Store keeps records, their events and what is due, each within one tenant. An adapter is
// these methods and those of [Tx]; it knows no practice, and a new kind of record costs
// it nothing. Package storagetest holds every promise made here as a case.
//
// Input that a method cannot take is ErrInvalid: a *[ValidationError] with every fault at once, which
// is that of the Check function that the method names. Nothing is changed then, and the unit can
// still be used.
//
// A store is safe for any number of goroutines.
type Store interface {
	// View runs fn on a snapshot of the named tenants: it sees one moment, between its beginning
	// and its first read, nothing that is committed later, and no other tenant. Tenants that
	// [CheckTenants] refuses are ErrInvalid.
	//
	// With the context that an Update gave its fn, View reads inside that open unit instead,
	// its own writes included; with another tenant than the unit's, or with more, it is
	// ErrInvalid. With the context of a unit that is over every method is ErrInvalid. Inside
	// another View it may read that one's snapshot.
	View(ctx context.Context, tenants []Tenant, fn func(ctx context.Context, r Reader) error) error

	// Read runs fn without a snapshot: each read of its Reader sees one state of the named
	// tenants, at least as new as when Read began, but two reads may see two states. It is for
	// what one read answers, as a page of a list, and saves the round trips of a transaction.
	// In all else it is View; inside an open View it may read that one's snapshot.
	Read(ctx context.Context, tenants []Tenant, fn func(ctx context.Context, r Reader) error) error

	// Update runs fn in one transaction in the tenant and commits when fn returns nil: all of
	// it or, when fn or the commit fails or panics, none of it. A unit reads its own writes.
	// Two units may interleave; versions and Lock keep them from harm.
	//
	// fn may be run more than once, when the store must prepare something first: it has no
	// effect outside the Tx but on what it sets anew at each run. Update itself never runs fn
	// again after a conflict: it returns ErrConflict or ErrRetry, and ErrUnknownOutcome where
	// the connection was lost in the commit. With the context that another Update of the same
	// store gave its fn, it is ErrInvalid: use the Tx at hand. Inside a View that holds the
	// store's only connection it and Claim are ErrInvalid. [CheckName] checks the tenant.
	Update(ctx context.Context, tenant Tenant, fn func(ctx context.Context, tx Tx) error) error

	// Claim takes jobs that are due, of any tenant, for this worker alone until the lease
	// ends, and adds one to their attempts. Tenants with much due do not starve the others:
	// a claim takes from as many tenants as it can before it takes more from one, and tenants
	// take turns from one claim of this Store to the next, so that its claims alike of one job each
	// come to every tenant that has something due before they come to one again. Another Store over
	// the same database, as that of another process, has turns of its own. Of one tenant and subject
	// a claim takes only the job that is due first, and none while another is claimed; a job of a
	// kind that was not asked for holds up its subject too. The order in which jobs are given says
	// nothing. No jobs is no error. [CheckClaim] checks it.
	Claim(ctx context.Context, c Claim) ([]Job, error)

	// Close lets go of what the store opened itself. A store that was given an open database
	// leaves it open.
	Close() error
}

// Reader reads within the tenants of a View, or the one tenant of an Update. It is valid until
// the function that it was given to returns, and for one goroutine.
type Reader interface {
	// Tenants are those that can be read, never none.
	Tenants() []Tenant

	// Get gives a whole record. A record that is not there, or in a tenant that cannot be read
	// here, is ErrNotFound; so is an id that no record can have.
	Get(ctx context.Context, s *Schema, tenant Tenant, id ID) (Row, error)

	// Query gives one page in the order asked for; ties stand by tenant and id, in the
	// direction of the last column of the order. What a condition says of rows that name others is
	// of the same state as the page, and each row's own tenant. A table without rows names none.
	// [CheckQuery] checks it.
	Query(ctx context.Context, s *Schema, q RowQuery) ([]Row, error)

	// Count counts the rows that meet the condition: one Group for each combination of values
	// of the columns that there is, in the order of these values; without columns one Group,
	// of 0 too. No column is named twice. [CheckCount] checks it.
	Count(ctx context.Context, s *Schema, where Condition, by []string) ([]Group, error)

	// Events reads the event log in the order of [EventPosition]. [CheckEventQuery] checks it.
	Events(ctx context.Context, q EventQuery) ([]Event, error)

	// Jobs lists jobs, dead letters too, in the order of tenant, kind and key. [CheckJobQuery]
	// checks it.
	Jobs(ctx context.Context, q JobQuery) ([]Job, error)

	// Sequences lists the sequences that a number was taken from, or that were advanced, in the order
	// of tenant and name. Every number that a unit has taken whose writes this Reader sees is below
	// Next; in a View that may be of a later state than what else it reads, as numbers are not of a
	// snapshot. [CheckSequenceQuery] checks it.
	Sequences(ctx context.Context, q SequenceQuery) ([]Sequence, error)

	// CursorKey is the secret with which cursors are authenticated: at least 32 bytes, the same
	// for every process that opens the store, made once.
	CursorKey(ctx context.Context) ([]byte, error)
}

// Tx reads and writes within the one tenant of an Update.
type Tx interface {
	Reader

	// Tenant is the one tenant.
	Tenant() Tenant

	// Put writes records of one table, as if one after the other; several in one call may go to the
	// engine together. row.Version is the version it was read at; 0 creates it. Where the
	// stored version is another, where it exists already or is gone, it is ErrConflict (an
	// *Error that names table and id), and the unit can still be used. Where another
	// record has the values of a unique index already it is a *TakenError; the unit can be used after
	// a create that met one, and fails after a change that did. It sets row.Version to
	// the new one, row.Tenant to the unit's tenant, and row.Layout to the schema's. The times are
	// the caller's, truncated to microseconds. Columns that only other schemas of the table have
	// stay as they were. Where one of several cannot be written the unit may have to fail.
	// [CheckRows] checks them.
	Put(ctx context.Context, s *Schema, rows ...*Row) error

	// Restore creates records as another store had them: each keeps its version, its times and the
	// layout of its body. Otherwise it is Put: a record that is there already is ErrConflict, values of
	// a unique index that another record has are a *TakenError, and the unit fails after either.
	// [CheckRestore] checks it.
	Restore(ctx context.Context, s *Schema, rows ...Row) error

	// Delete removes a record of that version: ErrConflict where it has another, ErrNotFound
	// where there is none; the unit can still be used. Its events stay. [CheckDelete] checks it.
	Delete(ctx context.Context, s *Schema, id ID, version int64) error

	// Append adds to the event log. An event's place (kind, record, version, n) is taken once:
	// a second event there is ErrConflict. Of several in one call then none is kept. After a
	// conflict of a single event the unit can still be used; after one of several it may have to
	// fail. [CheckEvents] checks them.
	Append(ctx context.Context, events ...Event) error

	// Enqueue writes jobs. A job of the same kind and key that is there already is replaced:
	// its attempts start again, a dead one lives again, and its generation rises, so that a
	// worker that has it claimed will not remove it. With Keep set, an existing job that is not
	// dead keeps its due time and payload: only its generation rises. [CheckJobs] checks them.
	Enqueue(ctx context.Context, jobs ...Job) error

	// Cancel removes a job, claimed or not; none there is no error. A worker that had it
	// claimed gets ErrConflict from Finish. [CheckCancel] checks it.
	Cancel(ctx context.Context, kind, key string) error

	// Finish ends a claim within this unit, so that the effect of a job and its completion
	// commit together. It is ErrConflict where the claim is no longer this worker's: the lease
	// ended and another has it, it was cancelled, or finished; the unit can still be used. A job
	// of another tenant is ErrInvalid. [CheckFinish] checks it.
	Finish(ctx context.Context, claimed Job, o Outcome) error

	// Lock waits until no other unit of this tenant holds the name, and holds it to the end of
	// the unit. Locking a name twice in a unit does nothing more. A wait that would be for ever
	// is ErrRetry. A store whose units run at servers that cannot wait for each other may let both
	// go on: then one of them commits, and the other is ErrRetry. [CheckName] checks the name.
	Lock(ctx context.Context, name string) error

	// Expect has the unit commit only if the record has this version then, or had it when the unit wrote last; 0 means that
	// it is not there. Where it is otherwise the unit fails with ErrRetry: at once, at a later call, or at its end. What a unit goes by, such as rules
	// that a process keeps ready, is then as good as read in the unit, and a store may ask for it together with a later
	// write. It is not for a record that the unit itself writes. [CheckExpect] checks it.
	Expect(ctx context.Context, s *Schema, id ID, version int64) error

	// Next gives a number that no other call for this tenant and sequence has had or will
	// have, from 1 upward: the first that a sequence gives is 1. Numbers of units that fail, and
	// some at a restart, are never used; their order is not the order of commits. [CheckName]
	// checks the sequence.
	Next(ctx context.Context, sequence string) (int64, error)

	// Advance makes Next give atLeast or more: at once in this unit, in others from its commit
	// on. It is for an import, after numbers were given by other means. A sequence never goes
	// back: where it is further already nothing changes. One that no number was taken from goes on
	// with atLeast itself. After a unit that fails it may go on below atLeast, or behind the
	// numbers that the unit took. [CheckAdvance] checks it.
	//
	// A store that reserves numbers ahead may still give, below atLeast too, those that another
	// process had reserved before the commit; and it may keep other units waiting for new numbers
	// of the sequence from Advance to the end of the unit, so let it be among the last calls.
	Advance(ctx context.Context, sequence string, atLeast int64) error
}

// RowQuery asks for a page of rows.
type RowQuery struct {
	Where Condition
	Order []Order
	// After is the place of the last row of the page before, nil for the first page.
	After *Position
	// Limit is at least 1 and at most MaxLimit.
	Limit int
	// Bodies asks for the bodies too.
	Bodies bool
}

// MaxLimit is the greatest number of rows of one page.
const MaxLimit = 1000

// Position is a row's place in an order: its values in the order's columns, and what breaks
// the ties. There need be no such row; tenant and id may be empty, which is less than any.
type Position struct {
	Values []any
	Tenant Tenant
	ID     ID
}

// Group is a count of rows that have the same values in the columns counted by.
type Group struct {
	Values []any
	Count  int64
}

// Event is one entry of the log that is both the audit trail and the outbox. The log is only
// ever added to.
type Event struct {
	// Tenant is set by Append to the unit's tenant.
	Tenant Tenant
	// Kind and Record name the record it belongs to, Version the record's version that it
	// brought about, and N its place among the events of that version, from 0.
	Kind    string
	Record  ID
	Version int64
	N       int
	// ID names the event: what a receiver de-duplicates by.
	ID ID
	// Type is the name of the payload's type: "incident.resolved.v1".
	Type string
	// At is when it happened, in UTC microseconds.
	At time.Time
	// Envelope is one JSON document of at most MaxDocument bytes with the rest.
	Envelope []byte
}

// Position is the event's place in the log.
func (e Event) Position() EventPosition {
	return EventPosition{Tenant: e.Tenant, Kind: e.Kind, Record: e.Record, Version: e.Version, N: e.N}
}

// EventPosition orders the log: by tenant, kind, record, version and n. There is no order of
// commits across records.
type EventPosition struct {
	Tenant  Tenant
	Kind    string
	Record  ID
	Version int64
	N       int
}

// EventQuery asks for a page of the log.
type EventQuery struct {
	// Kind and Record narrow it to one kind and to one record of it. A Record without a Kind is
	// ErrInvalid.
	Kind   string
	Record ID
	// Types narrows it to these, at most MaxNames; empty means all.
	Types []string
	// After is the place after which to read; the zero one is before everything. There need be no
	// such event: names may be empty and numbers negative, which is less than any.
	After EventPosition
	// Limit is at least 1 and at most MaxLimit.
	Limit int
}

// Job is something due: a timer, a delivery to a subscriber. (Tenant, Kind, Key) names it.
type Job struct {
	Tenant Tenant
	Kind   string
	Key    string
	// Subject groups jobs that run one at a time in the order in which they are due; empty
	// means that this job waits for no other.
	Subject string
	// Due is when it may first run, in UTC microseconds.
	Due time.Time
	// Payload is one JSON document of at most MaxPayload bytes, or nil for none. An empty one that
	// is not nil is no document.
	Payload []byte
	// Dead jobs are never claimed: they are dead letters, kept to be read and retried.
	Dead bool
	// Keep asks Enqueue to leave an existing job's due time and payload; it is not stored.
	Keep bool
	// Tried asks Enqueue to begin with Attempts and Error, as a dead letter does: for a job that another
	// store had. It is not stored.
	Tried bool

	// The rest is the store's; Enqueue takes no notice of it but for Attempts and Error of a
	// dead letter, or of a job that is Tried.

	// Generation rises with every Enqueue.
	Generation int64
	// Attempts counts the claims since it was enqueued or last finished well.
	Attempts int
	// Error is what the last failed attempt said.
	Error string
	// Lease is until when it is claimed, zero when it is not. Token tells one claim from
	// another.
	Lease time.Time
	Token string
}

// Claim asks for due jobs.
type Claim struct {
	// Now is the instant by which they are due, and from which leases count. It is not the zero
	// time.
	Now time.Time
	// Lease is how long the worker has, at least a microsecond; after it the jobs may be claimed
	// again.
	Lease time.Duration
	// Limit is at least 1 and at most MaxLimit.
	Limit int
	// Kinds narrows it to these, at most MaxNames; empty means all.
	Kinds []string
}

// Outcome says how a claimed job ended.
type Outcome struct {
	// Done: the job is removed, unless its generation rose since it was claimed: then it stays,
	// unclaimed and without attempts, to run at its due time.
	Done bool
	// Payload replaces the job's payload where it is not removed; nil leaves it.
	Payload []byte
	// Due, Error and Dead are for a job that is not done: when to try again, what went wrong,
	// or that it shall not be tried again. Where its generation rose since it was claimed it is
	// not made dead, and is due at the later of Due and its own due time. A dead letter whose Due
	// is the zero time keeps its own. With Reset the attempts start again: some of it was done.
	Due   time.Time
	Error string
	Dead  bool
	Reset bool
}

// JobQuery asks for a page of jobs.
type JobQuery struct {
	// Kind, Subject and Key narrow it, each where it is not empty.
	Kind    string
	Subject string
	Key     string
	// Dead narrows it to dead letters (true) or to the others (false); nil means both.
	Dead *bool
	// After is the job after which to read: its Tenant, Kind and Key.
	After Job
	// Limit is at least 1 and at most MaxLimit.
	Limit int
}

// Sequence is where the numbers of a sequence go on.
type Sequence struct {
	Tenant Tenant
	Name   string
	// Next is the least number that no unit has taken and no store has reserved: what Advance makes
	// another store go on with.
	Next int64
}

// SequenceQuery asks for a page of sequences.
type SequenceQuery struct {
	// After is the sequence after which to read: its Tenant and Name.
	After Sequence
	// Limit is at least 1 and at most MaxLimit.
	Limit int
}

// Migrator is what a store has that must prepare its tables. Migration only ever adds, can be
// repeated and interrupted, and is safe from many processes at once.
type Migrator interface {
	// Migrate makes what is missing for the schemas and for the store itself, and moves values
	// of added columns out of existing bodies. It is never run inside a joined transaction.
	Migrate(ctx context.Context, schemas ...*Schema) error
	// Plan gives, in order, the statements that Migrate would run now, and runs none.
	Plan(ctx context.Context, schemas ...*Schema) ([]string, error)
	// Check says what is missing or would lose or confuse data: tables, columns, settings of
	// the engine. It changes nothing.
	Check(ctx context.Context, schemas ...*Schema) error
}
