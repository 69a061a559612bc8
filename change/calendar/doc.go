// Package calendar is the calendar of changes: who is booked when on what, when nothing may change, when a CI
// may be disturbed, what conflicts with what, and when there is room. It is pure: it has no storage, reads
// no clock and starts no goroutine, and a team with change records of its own can use it alone.
//
// A [Booking] is a change with its planned window, the CIs it touches, the services it impacts and the people
// who do it. A [Window] is a freeze or a maintenance window, once or recurring by RFC 5545. Both are plain data.
// An [Index] holds many of them, and answers two questions about one more:
//
//	index, err := calendar.NewIndex(bookings, windows)
//	conflicts, err := index.Conflicts(booking)                      // each names both sides, when, and why
//	free, err := index.Slots(booking, calendar.SlotQuery{...})      // the next windows without any
//
// # What conflicts
//
// Two changes conflict where they work at the same time on the same CI, or on a parent and its child;
// where one disturbs what the other works on, upstream or downstream; where both disturb the same service; and where
// one person does both. A change conflicts with a freeze that covers it, and with the maintenance windows of
// what it disturbs where it is outside them. A change disturbs others in its outage window, or in all of its planned
// window where it has none.
//
// Conflicts between two changes are symmetric: what is upstream of the one is downstream of the other, and
// everything else is the same from both sides.
//
// # Time
//
// Every span is half open: from Begin up to, and without, End. So a change that begins when another ends does
// not conflict with it. Instants are in UTC, in microseconds. Windows recur on the clock on the wall of their
// zone (package itsm/recurrence/rrule): one of 22:00 is at 22:00 all year, and a duration in hours is that long on
// the days when clocks change too, while one in days keeps to the clock.
//
// # Cost
//
// A question touches what overlaps it on the same CIs, services and people, and the windows of these,
// however much else is booked. Every rule, length and horizon is bounded; a search for free slots that would take
// more than [MaxBlocks] is refused.
package calendar
