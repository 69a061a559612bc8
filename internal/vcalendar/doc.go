// Package vcalendar writes iCalendar documents (RFC 5545) through the library that reads and writes the
// format: what that leaves to its callers, as time zones and the folding of lines, is here.
package vcalendar
