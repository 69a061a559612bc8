// This file holds what occurrences become: holidays, or dates with hours.

package icalendar

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/internal/wall"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
)

// ReadHolidays reads the events of an iCalendar document as holidays: each occurrence within the span is
// one, under the event's summary, over all its days. An event with times counts when it is of whole days in
// the zone of the options; another one is skipped, and so is one that is cancelled or not understood.
// ErrInvalid says what the document is refused for.
func ReadHolidays(in io.Reader, o Options) (Import, error) {
	r, err := read(in, o)
	if err != nil {
		return Import{}, err
	}
	result := Import{From: o.From, Until: o.Until, Skipped: r.skipped}
	told := map[*event]bool{}
	for _, oc := range r.occurrences {
		first, last := oc.reading, oc.reading+oc.days*daySeconds
		if !oc.allDay {
			from, to := oc.span()
			first, last = r.zone.Reads(time.Unix(from, 0)), r.zone.Reads(time.Unix(to, 0))
			if first%daySeconds != 0 || last%daySeconds != 0 || first >= last {
				if !told[oc.event] {
					told[oc.event] = true
					result.Skipped = append(result.Skipped, Skipped{oc.uid, oc.summary, "is not of whole days"})
				}
				continue
			}
		}
		first, last = max(first, r.from), min(last, r.until)
		if first >= last {
			continue
		}
		h := calendar.Holiday{Name: oc.summary, Date: date(first)}
		if last-first > daySeconds {
			h.To = date(last - daySeconds)
		}
		result.Holidays = append(result.Holidays, h)
	}
	if n := len(result.Holidays); n > calendar.MaxHolidays {
		return Import{}, itsm.Invalid("icalendar", "document", fmt.Sprintf("has %d holidays in the span; a definition takes %d", n, calendar.MaxHolidays))
	}
	return result, nil
}

func date(reading int64) calendar.Date { return calendar.DateOf(time.Unix(reading, 0).UTC()) }

// ReadHours reads the events of an iCalendar document as the times that are open: one [calendar.Override]
// for each date that has any, in the zone of the options, so that a definition of these alone is open then and
// at no other time. Events may overlap, and go on over midnight. An event of whole days is open all
// day. ErrInvalid says what the document is refused for, and also names an event that begins or ends in the
// second pass of an hour that the zone repeats: the local times of a definition cannot say that.
func ReadHours(in io.Reader, o Options) (Import, error) {
	r, err := read(in, o)
	if err != nil {
		return Import{}, err
	}
	type span struct{ from, to int64 }
	var all []span
	for _, oc := range r.occurrences {
		first, last := oc.reading, oc.reading+oc.days*daySeconds
		if !oc.allDay {
			from, to := oc.span()
			first, last = r.zone.Reads(time.Unix(from, 0)), r.zone.Reads(time.Unix(to, 0))
			if r.zone.First(first).Unix() != from || r.zone.First(last).Unix() != to {
				return Import{}, itsm.Invalid("icalendar", fmt.Sprintf("event %q", clip(oc.name())),
					fmt.Sprintf("begins or ends in an hour that %s has twice, at %s; read it in UTC", r.zone, time.Unix(from, 0).UTC().Format(time.RFC3339)))
			}
		}
		if first, last = max(first, r.from), min(last, r.until); first < last {
			all = append(all, span{first, last})
		}
	}
	slices.SortFunc(all, func(a, b span) int { return int(a.from - b.from) })
	var joined []span
	for _, s := range all {
		if n := len(joined) - 1; n >= 0 && s.from <= joined[n].to {
			joined[n].to = max(joined[n].to, s.to)
			continue
		}
		joined = append(joined, s)
	}
	result := Import{From: o.From, Until: o.Until, Skipped: r.skipped}
	for _, s := range joined {
		for from := s.from; from < s.to; {
			midnight := (wall.FloorDiv(from, daySeconds) + 1) * daySeconds
			to := min(s.to, midnight)
			day := date(from)
			if n := len(result.Overrides) - 1; n < 0 || result.Overrides[n].Date != day {
				result.Overrides = append(result.Overrides, calendar.Override{Date: day})
			}
			o := &result.Overrides[len(result.Overrides)-1]
			o.Hours = append(o.Hours, calendar.Hours{From: clock(from - midnight + daySeconds), To: clock(to - midnight + daySeconds)})
			from = to
		}
	}
	for _, override := range result.Overrides {
		if len(override.Hours) > calendar.MaxHours {
			return Import{}, itsm.Invalid("icalendar", "document", fmt.Sprintf("has %d windows on %s; a definition takes %d", len(override.Hours), override.Date, calendar.MaxHours))
		}
	}
	if n := len(result.Overrides); n > calendar.MaxOverrides {
		return Import{}, itsm.Invalid("icalendar", "document", fmt.Sprintf("has %d dates in the span; a definition takes %d", n, calendar.MaxOverrides))
	}
	return result, nil
}

// clock writes a time of day.
func clock(seconds int64) string {
	if seconds%60 != 0 {
		return fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	}
	return fmt.Sprintf("%02d:%02d", seconds/3600, seconds/60%60)
}
