// Package recurrence does what recurs: each occurrence of a schedule once, by durable jobs.
//
// A [Rule] (of package rrule) says when, as iCalendar does (RFC 5545): a start on the wall clock of a time zone, an RRULE
// and exceptions. Compiled it is a [Calendar], which gives the instants, right on the days when clocks
// change. The work of every question is bounded, and a rule that never occurs is refused. This part is
// pure: it needs no store and no clock.
//
// A [Practice] keeps schedules. Each names one of the host's handlers ([Options]), with what that is
// given: to log an incident by a template, to open a task. When an occurrence comes, the practice
// enters it as a job of its own and goes on to the next; the job runs the handler in a transaction that
// also completes the job. So an occurrence is done once whatever processes run or die, and one whose
// handler fails is tried again, and becomes a dead letter in the end, without holding up those after it.
// What was missed while nothing ran is done late, or skipped, as [Missed] says.
//
// The package knows no practice: what is done is the host's.
package recurrence
