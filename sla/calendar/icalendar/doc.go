// Package icalendar reads and writes calendars in the iCalendar format (RFC 5545), as holidays or as
// hours.
//
//	holidays, err := icalendar.ReadHolidays(file, icalendar.Options{Zone: "Europe/Berlin", From: "2026-01-01", Until: "2031-01-01"})
//	definition.Holidays = append(definition.Holidays, holidays.Holidays...)
//	definition.Until = holidays.Until // later dates are not known
//
// It reads VEVENT with RRULE of days or longer, RDATE, EXDATE, RECURRENCE-ID, DTEND and DURATION, all-day
// and with times, in UTC, in a zone of the IANA database or in the calendar's. VTIMEZONE is not needed and
// passed over. Local times are resolved as those of a calendar are: one that the zone skips is the first instant
// after the gap, one that comes twice the first. Rules are computed for the span that is asked for. What is left out is told
// ([Import].Skipped), and what a document may cost is bounded.
//
// It is a package of its own so that programs which do not exchange calendars do not link its
// libraries.
package icalendar
