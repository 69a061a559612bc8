// Package rrule says when something recurs, as iCalendar does (RFC 5545): at a time on the wall clock of a
// time zone, by an RRULE, with exceptions.
//
// A [Rule] is data with a JSON form. [Rule.Compile] checks it, names all that is wrong with it, and gives
// an immutable [Calendar], which answers with instants, right on the days when clocks change:
//
//	c, err := rrule.Rule{Zone: "Europe/Vienna", Start: "2026-01-01T09:00:00", RRule: "FREQ=MONTHLY;BYDAY=-1FR"}.Compile()
//	next, any := c.After(now)
//
// A rule may come from anyone: the work of every question is bounded ([MaxRule] and the other bounds), and a
// rule that never occurs is refused. The package is pure; it needs no store and no clock. Package recurrence,
// above this one, does what recurs, and package change/calendar has windows that do.
package rrule
