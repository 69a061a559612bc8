// This file holds the export of the calendar in the iCalendar format (RFC 5545).

package calendar

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/emersion/go-ical"

	"github.com/itsmkit/itsmkit/internal/vcalendar"
	"github.com/itsmkit/itsmkit/internal/wall"
	"github.com/itsmkit/itsmkit/itsm"
)

const productID = "-//itsmkit//change calendar//EN"

// MaxEvents is how many events one document may have.
const MaxEvents = 20_000

// Export says how a document is made.
type Export struct {
	// Name is what programs show as the calendar's.
	Name string
	// Stamp is when the document is made: the DTSTAMP of each event.
	Stamp time.Time
	// Domain ends the UID of each event, as "example.com"; empty is "itsmkit". A UID stays the same when the
	// same is written again.
	Domain string
}

// Event is one entry of a document.
type Event struct {
	// UID tells it from all others, and is the same whenever it is written: "change-" and the change's id.
	UID         string
	Summary     string
	Description string
	// Categories are what programs group by: "change", "freeze", "maintenance".
	Categories []string
	// Span is when it is, or Window where that is given.
	Span   Span
	Window *Window
	// Sequence counts the revisions: a version of a record serves.
	Sequence int64
	// Tentative says that it is not sure yet. Free says that whoever looks at the calendar is not busy then.
	Tentative, Free bool
}

// EventOf gives the event of a freeze or maintenance window.
func EventOf(w Window) Event {
	return Event{UID: string(w.Kind) + "-" + string(w.ID), Summary: w.Name, Description: w.Reason, Categories: []string{string(w.Kind)},
		Window: &w, Free: w.Kind == WindowMaintenance}
}

// WriteICalendar writes events as an iCalendar document: one VEVENT each. What is once is written in UTC, to the
// second: begun seconds count as a whole. What recurs is written as it is, with RRULE and EXDATE on the
// clock on the wall of its zone, which a VTIMEZONE describes up to ten years from Stamp. Without events
// it writes an empty calendar. ErrInvalid has every fault.
func WriteICalendar(out io.Writer, o Export, events []Event) error {
	var f itsm.Faults
	if o.Stamp.IsZero() {
		f.Add("stamp", "is required")
	}
	f.Text("name", o.Name, MaxName, true)
	if strings.ContainsFunc(o.Domain, func(r rune) bool { return r <= ' ' || r > '~' }) {
		f.Add("domain", "must be the name of a domain")
	}
	if len(events) > MaxEvents {
		f.Addf("events", "are %d; at most %d are allowed", len(events), MaxEvents)
		events = nil
	}
	c := vcalendar.New(productID, clean(o.Name))
	zones := map[string]*zoneUse{}
	seen := map[string]bool{}
	for i, event := range events {
		field := fmt.Sprintf("events[%d]", i)
		f.Key(field+".uid", event.UID)
		if seen[event.UID] {
			f.Add(field+".uid", "is there twice")
		}
		seen[event.UID] = true
		e := o.event(c, event)
		if event.Window == nil {
			event.Span.check(&f, field+".span", 100*MaxLength)
			e.Props.SetDateTime(ical.PropDateTimeStart, event.Span.Begin.UTC().Truncate(time.Second))
			e.Props.SetDateTime(ical.PropDateTimeEnd, event.Span.End.UTC().Add(time.Second-time.Nanosecond).Truncate(time.Second))
			continue
		}
		s, err := event.Window.Compile()
		if err != nil {
			f.Merge(field+".window", err)
			continue
		}
		s.write(e, zones)
	}
	if err := f.Err("iCalendar export"); err != nil {
		return err
	}
	var described []*ical.Component
	for _, name := range slices.Sorted(maps.Keys(zones)) {
		z := zones[name]
		until := o.Stamp.AddDate(10, 0, 0)
		if z.first.AddDate(1, 0, 0).After(until) {
			until = z.first.AddDate(1, 0, 0)
		}
		described = append(described, vcalendar.TimeZone(wall.Clock{Location: z.zone}, z.first, until))
	}
	c.Children = append(described, c.Children...)
	return vcalendar.Write(out, c)
}

// event begins an event with all but its times.
func (o Export) event(c *ical.Calendar, event Event) *ical.Event {
	domain := o.Domain
	if domain == "" {
		domain = "itsmkit"
	}
	e := vcalendar.Event(c, clean(event.UID)+"@"+domain, clean(event.Summary), o.Stamp)
	if event.Description != "" {
		e.Props.SetText(ical.PropDescription, clean(event.Description))
	}
	if len(event.Categories) > 0 {
		p := ical.NewProp(ical.PropCategories)
		p.SetTextList(event.Categories)
		e.Props.Set(p)
	}
	property(e, ical.PropSequence, strconv.FormatInt(event.Sequence, 10))
	status := "CONFIRMED"
	if event.Tentative {
		status = "TENTATIVE"
	}
	property(e, ical.PropStatus, status)
	transparency := "OPAQUE"
	if event.Free {
		transparency = "TRANSPARENT"
	}
	property(e, ical.PropTransparency, transparency)
	return e
}

// property sets a property to a value that is written as it is.
func property(e *ical.Event, name, value string) {
	p := ical.NewProp(name)
	p.Value = value
	e.Props.Set(p)
}

// clean leaves out what the format cannot say: control characters but for ends of lines and tabs.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}

// zoneUse is a zone that events are written in, and the first time of any.
type zoneUse struct {
	zone  *time.Location
	first time.Time
}

// write writes when the window is.
func (s *Schedule) write(e *ical.Event, zones map[string]*zoneUse) {
	if s.once != nil {
		e.Props.SetDateTime(ical.PropDateTimeStart, s.once.Begin.Truncate(time.Second))
		e.Props.SetDateTime(ical.PropDateTimeEnd, s.once.End.Add(time.Second-time.Nanosecond).Truncate(time.Second))
		return
	}
	zone := wall.Clock{Location: s.rule.Zone()}
	begin := s.rule.Reading()
	e.Props.Set(vcalendar.Local(ical.PropDateTimeStart, zone, begin.Unix()))
	property(e, ical.PropDuration, writeDuration(s.days, s.exact))
	property(e, ical.PropRecurrenceRule, s.window.Rule.RRule)
	for _, at := range s.rule.Excepted() {
		// One property for each, as some readers do not take a list.
		e.Props.Add(vcalendar.Local(ical.PropExceptionDates, zone, at.Unix()))
	}
	if name := zone.String(); name != "UTC" {
		first := wall.Instant(begin, s.rule.Zone())
		if z := zones[name]; z == nil || first.Before(z.first) {
			zones[name] = &zoneUse{s.rule.Zone(), first}
		}
	}
}
