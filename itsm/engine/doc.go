// Package engine runs commands as units of work: one transaction that authorises, changes
// records, keeps their field history, emits events, lets other practices react, and writes what
// is to be delivered and what will be due, all of it or none.
//
// A practice registers a [Module] (its tables, payload types, reactions and job handlers) and
// runs each command by [Execute]. In the command's function the [Unit] is a storage transaction
// that remembers what was read, so that a Put knows what it changes; events that are emitted
// become the audit trail and the outbox in one log. A [Reaction] to an event runs in the same
// transaction and may command other practices through Unit.Store.
//
// After the commit nothing happens by itself. The host calls [Engine.Tick] with an instant, or
// [Engine.Run]: they deliver events to each [Subscriber], at least once and in order for each
// record, and run the jobs that are due. What keeps failing becomes a dead letter.
package engine
