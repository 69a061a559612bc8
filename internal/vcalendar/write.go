// This file holds the parts of a document, and how it is written.

package vcalendar

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-ical"

	"github.com/itsmkit/itsmkit/internal/wall"
)

const (
	localTime = "20060102T150405"
	utcTime   = "20060102T150405Z"
	foldedAt  = 74 // octets of a line before its end
)

// New begins a document of a product, under the name that programs show.
func New(product, name string) *ical.Calendar {
	c := ical.NewCalendar()
	c.Props.SetText(ical.PropProductID, product)
	c.Props.SetText(ical.PropVersion, "2.0")
	title := ical.NewProp("X-WR-CALNAME") // which most programs show, and which is no standard
	title.SetText(name)
	title.Params.Del(ical.ParamValue)
	c.Props.Set(title)
	return c
}

// Event adds an event to a document.
func Event(c *ical.Calendar, uid, summary string, stamp time.Time) *ical.Event {
	e := ical.NewEvent()
	e.Props.SetText(ical.PropUID, uid)
	e.Props.SetDateTime(ical.PropDateTimeStamp, stamp.UTC())
	e.Props.SetText(ical.PropSummary, summary)
	c.Children = append(c.Children, e.Component)
	return e
}

// Local gives a property of readings of a zone: local times with the zone's name, or those of UTC.
func Local(name string, zone wall.Clock, readings ...int64) *ical.Prop {
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

// TimeZone describes the zone's offsets between two instants, one component for each period.
func TimeZone(zone wall.Clock, from, until time.Time) *ical.Component {
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

// Write writes a document, its lines folded, which the encoder leaves to us.
func Write(out io.Writer, c *ical.Calendar) error {
	if len(c.Children) == 0 {
		// The encoder refuses a calendar without a component, which a reader need not.
		_, err := fmt.Fprintf(out, "BEGIN:VCALENDAR\r\nPRODID:%s\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n", c.Props.Get(ical.PropProductID).Value)
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
