// Package calendar computes with business time: when a desk is open, how much open time lies between two
// instants, and when some of it has passed. It is pure: it has no storage, reads no clock and starts no
// goroutine.
//
// A [Definition] is data, with a JSON form: weekly hours in a time zone, breaks, holidays, dates with hours of their
// own, and other calendars to join with, to keep to, or to leave out. [Compile] checks it, names all that is
// wrong with it, and gives an immutable [Calendar]:
//
//	c, err := calendar.Compile(definition, calendar.Options{})
//	due, err := c.Add(start, 8*time.Hour)           // 8 hours of open time later
//	worked, err := c.Between(start, end)            // signed, exact
//	due, err = c.WorkingDays(start, 2, "16:00")     // the second working day from then, at four
//	text, err := c.Week(start)                      // for people to look at
//
// # What counts
//
// Elapsed time counts while the clock on the wall is inside the hours, to the nanosecond. A calendar that is
// always open counts plain elapsed time, 25 hours on the day on which clocks are put back. A window is
// half open, [from, to); one whose end is not after its beginning is a night shift, and belongs to the date on
// which it opens. Windows that touch are one, so that splitting one changes nothing.
//
// The clock on the wall is never put back: where an hour comes twice it stands until the second pass is over,
// and where an hour is skipped it jumps. So a time that is skipped is the first instant after the gap,
// and one that comes twice is the first, for openings and closings alike.
//
// # Laws
//
// For all instants and durations within the horizon, and b of the sign of a:
//
//	Between(x, y) + Between(y, z) == Between(x, z)
//	Between(x, y) == -Between(y, x)
//	Between(x, Add(x, a)) == a
//	Add(Add(x, a), b) == Add(x, a+b)
//	Add(x, a) is not after Add(y, b) when x is not after y, nor a greater than b
//
// Time that is used up exactly at closing ends at closing ([AtClose]); [Calendar.Due] offers the next opening
// instead. Add(t, 0) is t, open or not.
//
// # Versions
//
// A calendar that is edited has [Versions]: each counts from its EffectiveFrom on, holds all that it refers to, and
// never changes. What begins at an instant takes the version of [Versions.At] and keeps its number.
//
// # Horizon
//
// A calendar answers for a span of dates, 1970 to 2100 unless it is told another, and for no more than its
// definitions know (their From and Until: a list of holidays ends somewhere). What lies outside is
// [ErrHorizon], never a guess, and no loop runs further. A calendar that is never open is refused.
//
// # Cost
//
// [Calendar.Add] and [Calendar.Between] cost the same for an hour and for ten years and allocate nothing.
// What they look up is computed for 25 years at a time, when such a year is first asked about; a calendar
// keeps about 10 KiB for each year of an office.
//
// # Zones
//
// Zones are those of the system's IANA database. A program that runs where there is none imports
// time/tzdata. "Local" is refused.
//
// Package icalendar, below this one, reads and writes iCalendar; the module holidays below it knows the
// holidays of countries.
package calendar
