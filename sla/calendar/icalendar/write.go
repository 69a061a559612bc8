// This file holds writing: holidays as events of whole days, hours as events with times.

package icalendar

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/emersion/go-ical"

	"github.com/itsmkit/itsmkit/internal/vcalendar"
	"github.com/itsmkit/itsmkit/internal/wall"
	"github.com/itsmkit/itsmkit/sla/calendar"
)

// Export says what is written.
type Export struct {
	// From and Until bound the dates that are written, [From, Until).
	From, Until calendar.Date
	// Stamp is when the document is made.
	Stamp time.Time
	// Domain ends the UID of each event, as "example.com"; empty is "itsmkit". A UID stays the
	// same when the same is written again.
	Domain string
}

const (
	productID   = "-//itsmkit//calendar//EN"
	utcTime     = "20060102T150405Z"
	dateOnly    = "20060102"
	maxWindowed = 24 * time.Hour
)

// WriteHolidays writes the definition's own holidays, one event for each as [calendar.Definition.HolidaysIn]
// gives them. Without any it writes an empty calendar.
func WriteHolidays(out io.Writer, d calendar.Definition, o Export) error {
	holidays, err := d.HolidaysIn(o.From, o.Until)
	if err != nil {
		return err
	}
	c := vcalendar.New(productID, d.Name)
	for i, h := range holidays {
		last := h.Date
		if h.To != "" {
			last = h.To
		}
		first, err := time.Parse(time.DateOnly, string(h.Date))
		if err != nil {
			return err
		}
		end, err := time.Parse(time.DateOnly, string(last))
		if err != nil {
			return err
		}
		e := o.event(c, fmt.Sprintf("holiday-%s-%d", first.Format(dateOnly), i), h.Name)
		e.Props.SetDate(ical.PropDateTimeStart, first)
		e.Props.SetDate(ical.PropDateTimeEnd, end.AddDate(0, 0, 1))
		e.Props.SetText(ical.PropTransparency, "TRANSPARENT")
	}
	return vcalendar.Write(out, c)
}

// WriteHours writes when the calendar is open, with all that overrides, holidays, breaks and other calendars
// do to it: an event that recurs weekly for each time of the week, without the weeks that lack it, and one in
// UTC for what is longer than a day or begins in the second pass of an hour. It gives
// [calendar.ErrHorizon] where the calendar does not know the span.
func WriteHours(out io.Writer, c *calendar.Calendar, o Export) error {
	if _, err := c.Definition().HolidaysIn(o.From, o.Until); err != nil {
		return err // the dates
	}
	zone := wall.Clock{Location: c.Zone()}
	reading := func(d calendar.Date) int64 {
		t, _ := time.Parse(time.DateOnly, string(d))
		return t.Unix()
	}
	from, until := zone.First(reading(o.From)), zone.First(reading(o.Until))
	windows, err := c.Windows(from, until)
	if err != nil {
		return err
	}
	type kind struct {
		at     int64 // of the week
		length time.Duration
	}
	weekly, kinds := map[kind][]int64{}, []kind{}
	document := vcalendar.New(productID, c.Name())
	if name := zone.String(); name != "UTC" {
		document.Children = append(document.Children, vcalendar.TimeZone(zone, from, until))
	}
	single := func(w calendar.Window) {
		e := o.event(document, "open-"+w.Open.Format(utcTime), c.Name())
		e.Props.SetDateTime(ical.PropDateTimeStart, w.Open)
		e.Props.SetDateTime(ical.PropDateTimeEnd, w.Close)
	}
	for w := range windows {
		at := zone.Reads(w.Open)
		if length := w.Close.Sub(w.Open); length <= maxWindowed && zone.First(at).Equal(w.Open) && length%time.Second == 0 {
			k := kind{wall.FloorMod(at, weekSeconds), length}
			if weekly[k] == nil {
				kinds = append(kinds, k)
			}
			weekly[k] = append(weekly[k], at)
			continue
		}
		single(w)
	}
	for _, k := range kinds {
		all := weekly[k]
		first, last := all[0], all[len(all)-1]
		e := o.event(document, fmt.Sprintf("week-%d-%d-%d", k.at, k.length/time.Second, first), c.Name())
		e.Props.Set(vcalendar.Local(ical.PropDateTimeStart, zone, first))
		e.Props.SetText(ical.PropDuration, fmt.Sprintf("PT%dS", k.length/time.Second))
		if len(all) == 1 {
			continue
		}
		rule := ical.NewProp(ical.PropRecurrenceRule)
		rule.Value = "FREQ=WEEKLY;UNTIL=" + zone.First(last).Format(utcTime)
		e.Props.Set(rule)
		var missing []int64
		for at := first; at < last; at += weekSeconds {
			if _, found := slices.BinarySearch(all, at); !found {
				missing = append(missing, at)
			}
		}
		if len(missing) > 0 {
			e.Props.Set(vcalendar.Local(ical.PropExceptionDates, zone, missing...))
		}
	}
	return vcalendar.Write(out, document)
}

const weekSeconds = 7 * daySeconds

func (o Export) event(c *ical.Calendar, uid, summary string) *ical.Event {
	domain := o.Domain
	if domain == "" {
		domain = "itsmkit"
	}
	return vcalendar.Event(c, uid+"@"+domain, summary, o.Stamp)
}
