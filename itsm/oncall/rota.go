// This file holds what a person writes down of a rota, its JSON form and its check.

package oncall

import (
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/internal/strictjson"
	"github.com/itsmkit/itsmkit/internal/wall"
	"github.com/itsmkit/itsmkit/itsm"
)

// Rota says who is on call when: layers of people who take turns, in the local time of a zone. It
// is plain data with a JSON form; [Rota.Compile] checks it and makes it answer.
type Rota struct {
	// Zone is the name of a time zone of the IANA database: "Europe/London".
	Zone string `json:"zone"`
	// Layers are in order: where two have somebody at the same time, the later one counts. None
	// means that nobody is on call but by overrides.
	Layers []Layer `json:"layers,omitempty"`
}

// Layer is people who take turns. Where it has nobody, those before it show through.
type Layer struct {
	// Name is for people to read.
	Name string `json:"name,omitempty"`
	// Zone is the layer's own time zone; empty means the rota's.
	Zone string `json:"zone,omitempty"`
	// Participants take turns in this order, and the first has the first shift. Somebody may stand
	// here more than once. Without participants the layer has nobody, and covers no other.
	Participants []itsm.ID `json:"participants,omitempty"`
	// Rotation says when they hand over.
	Rotation Rotation `json:"rotation"`
	// Windows are when the layer has somebody at all; none means always. A window does not change
	// whose turn it is.
	Windows []Window `json:"windows,omitempty"`
}

// Every is the unit of a rotation's shifts.
type Every string

// The units.
const (
	Hourly Every = "hourly"
	Daily  Every = "daily"
	Weekly Every = "weekly"
)

// Weekday is a day of the week by its English name.
type Weekday string

// The days of the week.
const (
	Monday    Weekday = "monday"
	Tuesday   Weekday = "tuesday"
	Wednesday Weekday = "wednesday"
	Thursday  Weekday = "thursday"
	Friday    Weekday = "friday"
	Saturday  Weekday = "saturday"
	Sunday    Weekday = "sunday"
)

var weekdays = [...]Weekday{Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday}

// Rotation says how long a shift is and when one hands over to the next. Hand-overs keep to the
// clock on the wall, so that a daily shift over a change of the clocks is 23 or 25 hours long. A
// hand-over at a time that does not exist on its day is at the first instant after the gap; at
// one that exists twice it is at the first.
type Rotation struct {
	// Every and Length are the length of a shift: Weekly and 2 is two weeks, Daily and 10 is ten
	// days. Length 0 is 1; the longest shift is [MaxShiftDays] days.
	Every  Every `json:"every"`
	Length int   `json:"length,omitempty"`
	// HandOver is the local time of day of the hand-overs, as "09:00"; empty is "00:00". For an
	// hourly rotation it is that of the first shift, from which the hours count.
	HandOver string `json:"hand_over,omitempty"`
	// Weekday is the day of a weekly rotation's hand-overs; empty is that of Start. Others have none.
	Weekday Weekday `json:"weekday,omitempty"`
	// Start is the local date on which the layer begins, at the time of the hand-over, as
	// "2026-03-02". Before that it has nobody. Where a weekly rotation begins on another day than
	// Weekday, its first shift is that much shorter.
	Start string `json:"start"`
}

// Window is a time of certain days of the week.
type Window struct {
	// Days are those on which the window opens; none means every day.
	Days []Weekday `json:"days,omitempty"`
	// From and To are local times of day, as "09:00"; empty is "00:00". Where To is not after From
	// the window ends on the next day, so that two equal times are a whole day. The times keep to the clock on the
	// wall as hand-overs do.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// What bounds a rota.
const (
	MaxLayers       = 20
	MaxParticipants = 200
	MaxWindows      = 50
	MaxShiftDays    = 366
	// MaxDocument is the greatest length in bytes of the JSON that [ParseRota] and [ParseLadder] read.
	MaxDocument = 1 << 20
)

// ParseRota reads a rota from its JSON form and checks it. What is not one JSON object of these
// fields alone is ErrInvalid, and so is, with every fault, what [Rota.Check] refuses.
func ParseRota(raw []byte) (Rota, error) {
	var r Rota
	if err := strictjson.Decode("rota", raw, MaxDocument, &r); err != nil {
		return Rota{}, err
	}
	return r, r.Check()
}

// Check gives ErrInvalid with every fault of the rota at once.
func (r Rota) Check() error {
	_, err := r.Compile()
	return err
}

// Participants gives everyone in the rota's layers once, in the order of their ids.
func (r Rota) Participants() []itsm.ID {
	var all []itsm.ID
	for _, l := range r.Layers {
		all = append(all, l.Participants...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// clone gives a rota that shares nothing with r.
func (r Rota) clone() Rota {
	r.Layers = slices.Clone(r.Layers)
	for i := range r.Layers {
		l := &r.Layers[i]
		l.Participants, l.Windows = slices.Clone(l.Participants), slices.Clone(l.Windows)
		for j := range l.Windows {
			l.Windows[j].Days = slices.Clone(l.Windows[j].Days)
		}
	}
	return r
}

// compiler turns a rota into layers and collects what is wrong with it.
type compiler struct{ itsm.Faults }

func (c *compiler) rota(r Rota) (zone *time.Location, layers []layer) {
	zone = c.zone("zone", r.Zone)
	if len(r.Layers) > MaxLayers {
		c.Addf("layers", "are %d; at most %d are allowed", len(r.Layers), MaxLayers)
		return zone, nil
	}
	for i, l := range r.Layers {
		layers = append(layers, c.layer(fmt.Sprintf("layers[%d]", i), l, zone))
	}
	return zone, layers
}

// zone loads a time zone. The zone of the machine, which "Local" names, is none of a rota's: it
// would be another on another machine.
func (c *compiler) zone(field, name string) *time.Location {
	switch {
	case name == "":
		c.Add(field, "is required")
	case name == "Local" || len(name) > 64:
		c.Add(field, `must be the name of a zone of the IANA database, such as "Europe/London"`)
	default:
		zone, err := time.LoadLocation(name)
		if err == nil {
			return zone
		}
		c.Add(field, `is not in this system's time zone database; it must be a name such as "Europe/London"`)
	}
	return time.UTC
}

func (c *compiler) layer(at string, l Layer, zone *time.Location) layer {
	c.Text(at+".name", l.Name, 100, false)
	if l.Zone != "" {
		zone = c.zone(at+".zone", l.Zone)
	}
	out := layer{Clock: wall.Clock{Location: zone}, every: day}
	if len(l.Participants) > MaxParticipants {
		c.Addf(at+".participants", "are %d; at most %d are allowed", len(l.Participants), MaxParticipants)
	} else {
		for i, p := range l.Participants {
			c.Key(fmt.Sprintf("%s.participants[%d]", at, i), string(p))
			out.turns = out.turns || p != l.Participants[0]
		}
		out.people = slices.Clone(l.Participants)
	}
	c.rotation(at+".rotation", l.Rotation, &out)
	if len(l.Windows) > MaxWindows {
		c.Addf(at+".windows", "are %d; at most %d are allowed", len(l.Windows), MaxWindows)
		return out
	}
	for i, w := range l.Windows {
		out.windows = append(out.windows, c.window(fmt.Sprintf("%s.windows[%d]", at, i), w)...)
	}
	out.windows = union(out.windows)
	if len(l.Windows) > 0 && len(out.windows) == 1 && out.windows[0] == (span{0, week}) {
		out.windows = nil // always
	}
	return out
}

func (c *compiler) rotation(at string, r Rotation, out *layer) {
	units := map[Every]int64{Hourly: hour, Daily: day, Weekly: week}
	unit, ok := units[r.Every]
	switch {
	case r.Every == "":
		c.Add(at+".every", `is required: "hourly", "daily" or "weekly"`)
	case !ok:
		c.Add(at+".every", `must be "hourly", "daily" or "weekly"`)
	default:
		most := MaxShiftDays * day / unit
		if r.Length < 0 || int64(r.Length) > most {
			c.Addf(at+".length", "must be from 1 to %d for a rotation that is %s", most, r.Every)
		} else {
			out.every = unit * int64(max(r.Length, 1))
		}
	}
	out.begin = c.timeOfDay(at+".hand_over", r.HandOver)
	start, err := time.Parse(time.DateOnly, r.Start)
	switch {
	case r.Start == "":
		c.Add(at+".start", "is required")
	case err != nil || start.Year() < 1:
		c.Add(at+".start", `must be a date such as "2026-03-02"`)
	default:
		out.begin += start.Unix()
	}
	out.anchor = out.begin
	if r.Weekday == "" {
		return
	}
	i, ok := c.weekday(at+".weekday", r.Weekday)
	if ok && r.Every != Weekly {
		c.Add(at+".weekday", "is for weekly rotations")
	} else if ok {
		// The last such day that is not after the start.
		out.anchor -= wall.FloorMod(wall.FloorDiv(start.Unix()-monday, day)-i, 7) * day
	}
}

func (c *compiler) window(at string, w Window) (spans []span) {
	from, to := c.timeOfDay(at+".from", w.From), c.timeOfDay(at+".to", w.To)
	if to <= from {
		to += day
	}
	days := w.Days
	if len(days) > len(weekdays) {
		c.Add(at+".days", "must be each day of the week once at most")
		return nil
	}
	if len(days) == 0 {
		days = weekdays[:]
	}
	for i, d := range days {
		n, ok := c.weekday(fmt.Sprintf("%s.days[%d]", at, i), d)
		if !ok {
			continue
		}
		s := span{n*day + from, n*day + to}
		if s.to > week {
			spans = append(spans, span{0, s.to - week})
			s.to = week
		}
		if s.from < s.to {
			spans = append(spans, s)
		}
	}
	return spans
}

func (c *compiler) weekday(field string, d Weekday) (int64, bool) {
	i := slices.Index(weekdays[:], d)
	if i < 0 {
		c.Add(field, `must be the English name of a day in small letters, such as "monday"`)
	}
	return int64(i), i >= 0
}

// timeOfDay gives the seconds since midnight.
func (c *compiler) timeOfDay(field, s string) int64 {
	if s == "" {
		return 0
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		c.Add(field, `must be a time of day from "00:00" to "23:59"`)
		return 0
	}
	return int64(t.Hour())*hour + int64(t.Minute())*minute
}

// span is from one reading up to another.
type span struct{ from, to int64 }

// union sorts spans and joins those that meet.
func union(spans []span) (out []span) {
	slices.SortFunc(spans, func(a, b span) int { return int(a.from - b.from) })
	for _, s := range spans {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}
