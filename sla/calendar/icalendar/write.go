// This file holds writing: holidays as events of whole days, hours as events with times.

package icalendar

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-ical"

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
	localTime   = "20060102T150405"
	utcTime     = "20060102T150405Z"
	dateOnly    = "20060102"
	foldedAt    = 74
	maxWindowed = 24 * time.Hour
)

// WriteHolidays writes the definition's own holidays, one event for each as [calendar.Definition.HolidaysIn]
// gives them. Without any it writes an empty calendar.
func WriteHolidays(out io.Writer, d calendar.Definition, o Export) error {
	holidays, err := d.HolidaysIn(o.From, o.Until)
	if err != nil {
		return err
	}
	c := o.calendar(d.Name)
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
	return encode(out, c)
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
	document := o.calendar(c.Name())
	if name := zone.String(); name != "UTC" {
		document.Children = append(document.Children, timezone(zone, from, until))
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
		e.Props.Set(localProp(ical.PropDateTimeStart, zone, first))
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
			e.Props.Set(localProp(ical.PropExceptionDates, zone, missing...))
		}
	}
	return encode(out, document)
}

const weekSeconds = 7 * daySeconds

// localProp writes readings of a zone.
func localProp(name string, zone wall.Clock, readings ...int64) *ical.Prop {
	p := ical.NewProp(name)
	layout := localTime
	if zone.String() == "UTC" {
		layout = utcTime
	} else {
		p.Params.Set(ical.PropTimezoneID, zone.String())
	}
	texts := make([]string, len(readings))
	for i, at := range readings {
		texts[i] = time.Unix(at, 0).UTC().Format(layout)
	}
	p.Value = strings.Join(texts, ",")
	return p
}

func (o Export) calendar(name string) *ical.Calendar {
	c := ical.NewCalendar()
	c.Props.SetText(ical.PropProductID, productID)
	c.Props.SetText(ical.PropVersion, "2.0")
	title := ical.NewProp("X-WR-CALNAME") // which most programs show, and which is no standard
	title.SetText(name)
	title.Params.Del(ical.ParamValue)
	c.Props.Set(title)
	return c
}

func (o Export) event(c *ical.Calendar, uid, summary string) *ical.Event {
	domain := o.Domain
	if domain == "" {
		domain = "itsmkit"
	}
	e := ical.NewEvent()
	e.Props.SetText(ical.PropUID, uid+"@"+domain)
	e.Props.SetDateTime(ical.PropDateTimeStamp, o.Stamp.UTC())
	e.Props.SetText(ical.PropSummary, summary)
	c.Children = append(c.Children, e.Component)
	return e
}

// timezone describes the zone's offsets between two instants, one component for each period.
func timezone(zone wall.Clock, from, until time.Time) *ical.Component {
	c := ical.NewComponent(ical.CompTimezone)
	c.Props.SetText(ical.PropTimezoneID, zone.String())
	periods := zone.Periods(from.Unix()-wall.Reach, until.Unix()+wall.Reach)
	before := periods[0].Offset
	for i, p := range periods {
		start := p.Start
		if i == 0 {
			start = from.AddDate(-1, 0, 0).Unix()
		}
		local := time.Unix(start, 0).In(zone.Location)
		name := ical.CompTimezoneStandard
		if local.IsDST() {
			name = ical.CompTimezoneDaylight
		}
		part := ical.NewComponent(name)
		set := func(name, value string) {
			prop := ical.NewProp(name)
			prop.Value = value
			part.Props.Set(prop)
		}
		set(ical.PropDateTimeStart, time.Unix(start+before, 0).UTC().Format(localTime))
		set(ical.PropTimezoneOffsetFrom, offset(before))
		set(ical.PropTimezoneOffsetTo, offset(p.Offset))
		abbreviation, _ := local.Zone()
		part.Props.SetText(ical.PropTimezoneName, abbreviation)
		c.Children = append(c.Children, part)
		before = p.Offset
	}
	return c
}

func offset(seconds int64) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	s := fmt.Sprintf("%c%02d%02d", sign, seconds/3600, seconds/60%60)
	if seconds%60 != 0 {
		s += fmt.Sprintf("%02d", seconds%60)
	}
	return s
}

// encode writes a document, its lines folded, which the encoder leaves to us.
func encode(out io.Writer, c *ical.Calendar) error {
	if len(c.Children) == 0 {
		_, err := fmt.Fprintf(out, "BEGIN:VCALENDAR\r\nPRODID:%s\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n", productID)
		return err
	}
	var text strings.Builder
	if err := ical.NewEncoder(&text).Encode(c); err != nil {
		return err
	}
	var folded strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(text.String(), "\r\n"), "\r\n") {
		for n := 0; len(line) > foldedAt-n; n = 1 {
			cut := foldedAt - n
			for line[cut]&0xC0 == 0x80 { // not inside a character
				cut--
			}
			folded.WriteString(line[:cut] + "\r\n ")
			line = line[cut:]
		}
		folded.WriteString(line + "\r\n")
	}
	_, err := io.WriteString(out, folded.String())
	return err
}
