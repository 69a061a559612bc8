// Package itsm is the vocabulary that every practice of the library speaks: who acts and what
// they may do, how a record moves from state to state, what happened to it, and the values
// that records are made of. It is pure. Nothing here stores, waits, logs or starts a
// goroutine, and the time and new identities come from sources that the host injects. A team
// with its own tables can use it alone.
//
// # Who acts
//
// An [Actor] is a person or a part of the system in one tenant, with the roles and groups that
// it holds there. [Actor.In] switches to another tenant and never adds rights. An [Authorizer]
// decides what an actor may do; [RoleBook] is the one that the library ships, made of
// [StandardRoles] or of the host's own. It answers two questions from one rule: may this actor
// use this [Permission] on this record (Authorize), and on which records at all (Scopes), so
// that a list shows exactly the records that could be opened.
//
// # How a record moves
//
// A [Lifecycle] is a table of states and rules that a host can read, draw, extend and cut
// down. Firing an action on it gives the next state or an error that says what is wrong and
// what is permitted instead. Every state has a [Category], and whatever does not know a
// practice's own states (timers, reports) goes by it.
//
// # What happened
//
// An [Event] tells one change of one record: who, when, what, the states before and after, the
// history of the fields, and a typed [Payload]. Events are the audit trail and what other
// parts react to.
//
// # What is wrong
//
// Sentinels say what to do ([ErrNotFound], [ErrConflict], [ErrForbidden], [ErrInvalid],
// [ErrTransition]); the types behind them say what happened ([ValidationError],
// [TransitionError], [ForbiddenError], [UnknownStateError]). Bad input is answered with all
// its faults at once, collected in [Faults].
//
// # Values
//
// [Priority] follows from [Impact] and [Urgency] by a [PriorityMatrix]. [Money] is exact.
// [Fields] are a host's own values on records, checked against a [FieldSet]. A [Note] is what
// someone wrote on a record, a [Link] relates two of them, a [Command] is what every request
// of a change has. [Clock] and [IDSource] are where time and identities come from.
//
// Values that are called immutable here, and the functions of the package, are safe for use by
// any number of goroutines at once.
package itsm
