// Package schedule keeps the change schedule (ITIL 4): which changes are booked when on what, the freezes and the
// maintenance windows, and the conflicts of each change, as they are at any moment. What conflicts with what, and what is
// free, package change/calendar computes; this one finds what that is asked about, and keeps the answers.
//
// [Practice.Book] books a change in the unit of the command that plans it. Under one lock of the tenant it reads
// what overlaps on the same CIs, services and people, and the windows that are for it, and puts the conflicts, those
// that others now have with it too. So of two changes that are booked at the same moment from two processes the
// second finds the first. [Practice.Release] takes a change off the schedule.
//
// Freezes and maintenance windows are records ([Window]) with commands and a history. When one is made, revised or
// withdrawn, a durable job goes through the booked changes that it is for and finds their conflicts anew.
// [Practice.Frozen] says what stands against starting a change now, and who may override it.
//
// [Practice.Conflicts], [Practice.Slots] and [Practice.Export] are the questions. A change that the asker may not read
// is shown as busy: that there is one and when, and nothing else.
//
// # Cost
//
// A booking is kept as a row for each thing it touches, with the magnitude of its length, so that a statement
// reads the rows of some things that begin in a span or shortly before it, along one index: what a check costs follows
// what overlaps, however much is booked at other times or on other things.
package schedule
