// Package timer computes how service targets stand: when they are due, what of the time since has counted and
// why, when they were breached. It is pure: it has no storage, reads no clock and starts no goroutine.
//
// A Policy is data, with a JSON form: to which records it applies, and several targets at once. A Target says on
// which moments its clock starts, pauses, stops, is cancelled or begins anew, which goal a record has, by which
// calendar time counts, and at which points of the way something is to be done. Response, Resolution and
// Update give the usual ones:
//
//	compiled, err := timer.Compile(policy, calendars, timer.Options{})
//	resolution, _ := compiled.Timer("resolution")
//	state, happened, err := resolution.Apply(state, moment)    // an event on the record
//	due, defined, err := resolution.Due(state)
//	state, fired, err := resolution.Fire(state, now)           // what is due by now
//	explanation, err := resolution.Explain(state, now)         // every span, counted or not, and why
//
// # A fold
//
// A timer is a fold over the moments of a record, each an event with what the record is after it. The State holds
// the history of cycles, pauses and goals, and counts nothing: all figures follow from it, the compiled policy
// and the calendar, to the nanosecond, whenever they are asked for. Moments are ordered by when they happened, then
// by their place among the record's events. Apply takes the next one, ignores the one that it took last, and refuses
// one from before with an [OrderError]; Replay takes all of them in whatever order they are given, each once, and
// gives what applying them in order gives. Due never moves without a Happening that says from when to when, and
// why.
//
// # What is decided
//
//   - A clock that starts outside hours runs, and counts nothing until they begin.
//   - There is one rule of breach: later than due. Who stops at due has met it. Due exactly at closing is closing,
//     or the next opening where the target says so ([calendar.AtNextOpen]): then it is breached just when more open
//     time has counted than the goal.
//   - While it is paused a target is not due, and no threshold fires; DueIfResumed tells what would be. Due that
//     passed before the pause stays. A pause moves due by the open time in it, so that one outside hours costs
//     nothing; one that begins at due holds it.
//   - A goal or calendar that takes the place of another, because the record has changed, counts from the original
//     start with all pauses, unless the target's OnChange says otherwise. What has fired stays fired.
//   - A target in working days, or that a record's own time gives, is an instant; a pause moves it in the same way.
//   - Stop is final unless the target's Reopen says that the cycle runs on without the time in between, or that
//     another begins.
//   - A policy that ceases to apply, or of which no goal holds any more, cancels its timers. When it applies again, a
//     start that says how the record is begins a new cycle.
//   - A start counts from its moment; CountFrom makes it count from a time of the record, with the pauses since.
//   - Each threshold fires once a cycle. What could not fire in time fires in order, and is marked late.
//   - Compile refuses a definition that cannot do what it seems to: a start that holds only where stop does, a pause
//     that holds always or never, a reset that every event would be.
//
// # Conditions
//
// They are those of package storage, as rules of package itsm/routing and triggers have them: see [Moment] for what
// they can name. Options.Check takes the check of a vocabulary.
//
// # Versions
//
// A compiled policy never changes. Whoever keeps states keeps with each the versions of the policy and calendars under
// which it was made; Rebase moves it to others, by an explicit decision.
//
// # Chains
//
// CheckChain compares a promise with the agreements that it rests on, by the instants at which each would be due
// over a year, and names the one that breaks it.
package timer
