// This file holds reading: from the bytes to occurrences, within bounds.

package icalendar

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-ical"
	"github.com/teambition/rrule-go"

	"github.com/itsmkit/itsmkit/internal/wall"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
)

// What bounds a document. More of anything is ErrInvalid.
const (
	MaxDocument    = 4 << 20 // bytes
	MaxEvents      = 10_000
	MaxRules       = 2_000  // events that recur
	MaxOccurrences = 20_000 // of all events, within the span

	maxHead   = 1024 // bytes of a property before its value: names and parameters
	maxNested = 10
	maxBarren = 5         // rules that never come in their span, which take longest to find nothing
	maxSteps  = 1_000_000 // occurrences of all rules, within the span and before it
	maxList   = 400
)

// Options say what is read. All are required.
type Options struct {
	// Zone is the IANA time zone of the calendar that the result is for. Times without a zone are in it.
	Zone string
	// From and Until bound the dates that are read, [From, Until): a rule may go on for ever. At most
	// 100 years.
	From, Until calendar.Date
}

// Import is what was read. For dates outside [From, Until) nothing is known: a definition that takes it
// over takes these bounds too, so that later dates are [calendar.ErrHorizon] instead of days without
// holidays.
type Import struct {
	Holidays    []calendar.Holiday
	Overrides   []calendar.Override
	From, Until calendar.Date
	// Skipped are the events that were left out, and why.
	Skipped []Skipped
}

// Skipped is an event that was left out.
type Skipped struct{ UID, Summary, Reason string }

// event is a VEVENT as it is understood.
type event struct {
	uid, summary string
	allDay       bool
	zone         wall.Clock
	start        int64 // reading, or for all-day events the day's beginning
	days         int64 // nominal days of the duration, which is all there is when allDay
	exact        int64 // seconds of the duration beyond them
	rule         string
	more         []int64 // RDATE
	except       map[int64]bool
	cancelled    bool           // it takes no place, and is here for the occurrence that it replaces
	replaced     map[int64]bool // instants of occurrences that others replace; events of one UID share it
}

// occurrence is one time that an event takes place.
type occurrence struct {
	*event
	reading int64 // of its beginning, in the event's zone
}

func (o occurrence) span() (from, to int64) {
	start := o.zone.First(o.reading).Unix()
	if o.days == 0 {
		return start, start + o.exact
	}
	return start, o.zone.First(o.reading+o.days*daySeconds).Unix() + o.exact
}

const daySeconds = 24 * 60 * 60

type reader struct {
	itsm.Faults
	zone        wall.Clock
	from, until int64 // readings
	skipped     []Skipped
	occurrences []occurrence
	zones       map[string]wall.Clock // those that were named so far, as each is read from a file
	rules       int
	steps       int // occurrences of rules that were gone through
	barren      int
}

// read gives the occurrences of a document that meet the span, in order.
func read(in io.Reader, o Options) (*reader, error) {
	r := &reader{}
	r.options(o)
	if err := r.Err("icalendar"); err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(in, MaxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > MaxDocument {
		return nil, itsm.Invalid("icalendar", "document", fmt.Sprintf("is longer than %d bytes", MaxDocument))
	}
	raw = unfold(raw)
	if problem := screen(raw); problem != "" {
		return nil, itsm.Invalid("icalendar", "document", problem)
	}
	events, err := r.decode(raw)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		if problem := r.expand(e); problem != "" {
			return nil, itsm.Invalid("icalendar", fmt.Sprintf("event %q", clip(e.name())), problem)
		}
	}
	slices.SortStableFunc(r.occurrences, func(a, b occurrence) int { return int(a.reading - b.reading) })
	return r, nil
}

func (r *reader) options(o Options) {
	day := func(field string, d calendar.Date) int64 {
		t, err := time.Parse(time.DateOnly, string(d))
		if err != nil || t.Year() < calendar.MinYear || t.Year() > calendar.MaxYear {
			r.Addf(field, `must be a date like "2026-01-01", of the years %d to %d`, calendar.MinYear, calendar.MaxYear)
		}
		return t.Unix()
	}
	r.from, r.until = day("options.from", o.From), day("options.until", o.Until)
	if r.Empty() && (r.until <= r.from || r.until-r.from > 100*366*daySeconds) {
		r.Add("options.until", "must be after from, by at most 100 years")
	}
	zone, ok := zoneOf(o.Zone)
	if !ok {
		r.Add("options.zone", "must be the name of a zone of the IANA database")
	}
	r.zone = zone
}

func zoneOf(name string) (wall.Clock, bool) {
	if name == "" || len(name) > 200 || strings.EqualFold(name, "local") {
		return wall.Clock{}, false
	}
	location, err := time.LoadLocation(name)
	return wall.Clock{Location: location}, err == nil
}

// unfold joins the lines that go on, so that no line of the result begins with a blank.
func unfold(raw []byte) []byte {
	all := make([]byte, 0, len(raw))
	for _, c := range raw {
		if n := len(all); (c == ' ' || c == '\t') && n > 0 && all[n-1] == '\n' {
			all = bytes.TrimSuffix(all[:n-1], []byte{'\r'})
			continue
		}
		all = append(all, c)
	}
	return all
}

// screen refuses what the decoder would take long over, or go deep into.
func screen(unfolded []byte) string {
	depth, events, number := 0, 0, 0
	for line := range bytes.Lines(unfolded) {
		number++
		name := strings.ToUpper(strings.TrimSpace(string(line[:min(len(line), 20)])))
		switch {
		case strings.HasPrefix(name, "BEGIN"):
			if depth++; depth > maxNested {
				return fmt.Sprintf("line %d: components are nested deeper than %d", number, maxNested)
			}
			if events += strings.Count(name, "VEVENT"); events > MaxEvents {
				return fmt.Sprintf("has more than %d events", MaxEvents)
			}
		case strings.HasPrefix(name, "END"):
			depth--
		}
		quoted := false
		for i, c := range line {
			if c == ':' && !quoted {
				break
			}
			if c == '"' {
				quoted = !quoted
			}
			if i > maxHead {
				return fmt.Sprintf("line %d: has more than %d bytes before its value", number, maxHead)
			}
		}
	}
	if depth > 0 {
		return "ends before its components do"
	}
	return ""
}

// decode gives the events of all calendars of a document.
func (r *reader) decode(raw []byte) (events []*event, err error) {
	defer func() {
		// The decoder is not ours: what it cannot take is a fault of the document.
		if recover() != nil {
			events, err = nil, itsm.Invalid("icalendar", "document", "is not iCalendar")
		}
	}()
	decoder := ical.NewDecoder(bytes.NewReader(raw))
	found := false
	for {
		c, err := decoder.Decode()
		if err != nil {
			if found && isEnd(err) {
				break
			}
			return nil, itsm.Invalid("icalendar", "document", "is not iCalendar: "+clip(err.Error()))
		}
		found = true
		for _, child := range c.Events() {
			e, reason := r.event(child)
			if reason != "" {
				r.skipped = append(r.skipped, Skipped{e.uid, e.summary, reason})
				continue
			}
			events = append(events, e)
		}
	}
	return r.detach(events), nil
}

func isEnd(err error) bool { return strings.HasSuffix(err.Error(), io.EOF.Error()) }

func (e *event) name() string {
	if e.summary != "" {
		return e.summary
	}
	return e.uid
}

// event understands a VEVENT, or says why it is left out.
func (r *reader) event(v ical.Event) (e *event, reason string) {
	e = &event{except: map[int64]bool{}}
	e.uid = text(v, ical.PropUID)
	e.summary = text(v, ical.PropSummary)
	if strings.EqualFold(text(v, ical.PropStatus), "cancelled") {
		if id := v.Props.Get(ical.PropRecurrenceID); id != nil && id.Params.Get("RANGE") == "" {
			if reading, zone, _, ok := r.value(id, id.Value); ok {
				e.cancelled = true
				e.replaces(zone, reading)
				return e, ""
			}
		}
		return e, "is cancelled"
	}
	start := v.Props.Get(ical.PropDateTimeStart)
	if start == nil {
		return e, "has no DTSTART"
	}
	var ok bool
	if e.start, e.zone, e.allDay, ok = r.value(start, start.Value); !ok {
		return e, "has a DTSTART that is not understood: " + clip(start.Value)
	}
	switch end, length := v.Props.Get(ical.PropDateTimeEnd), v.Props.Get(ical.PropDuration); {
	case end != nil:
		reading, zone, allDay, ok := r.value(end, end.Value)
		if !ok || allDay != e.allDay {
			return e, "has a DTEND that is not understood: " + clip(end.Value)
		}
		if allDay {
			e.days = (reading - e.start) / daySeconds
		} else {
			e.exact = zone.First(reading).Unix() - e.zone.First(e.start).Unix()
		}
	case length != nil:
		d, ok := duration(length.Value)
		if !ok || e.allDay && d%daySeconds != 0 {
			return e, "has a DURATION that is not understood: " + clip(length.Value)
		}
		e.days, e.exact = d/daySeconds, d%daySeconds
	case e.allDay:
		e.days = 1
	}
	if e.days <= 0 && e.exact <= 0 {
		return e, "takes no time"
	}
	if e.days > 366 || e.exact > 366*daySeconds {
		return e, "is longer than a year"
	}
	if len(v.Props["EXRULE"]) > 0 || len(v.Props[ical.PropRecurrenceRule]) > 1 {
		return e, "has an EXRULE, or several rules"
	}
	if rule := v.Props.Get(ical.PropRecurrenceRule); rule != nil {
		e.rule = rule.Value
	}
	for _, prop := range v.Props[ical.PropRecurrenceDates] {
		if !r.list(e, &prop, func(reading int64) { e.more = append(e.more, reading) }) {
			return e, "has an RDATE that is not understood: " + clip(prop.Value)
		}
	}
	for _, prop := range v.Props[ical.PropExceptionDates] {
		if !r.list(e, &prop, func(reading int64) { e.except[reading] = true }) {
			return e, "has an EXDATE that is not understood: " + clip(prop.Value)
		}
	}
	if id := v.Props.Get(ical.PropRecurrenceID); id != nil {
		reading, zone, allDay, ok := r.value(id, id.Value)
		if !ok || allDay != e.allDay || id.Params.Get("RANGE") != "" {
			return e, "has a RECURRENCE-ID that is not understood: " + clip(id.Value)
		}
		// Of what it replaces, in instants: the zones may differ.
		e.replaces(zone, reading)
	}
	return e, ""
}

// replaces notes that the event stands for an occurrence of another one, with the same UID.
func (e *event) replaces(zone wall.Clock, reading int64) {
	e.rule, e.more = "", nil
	e.except = map[int64]bool{zone.First(reading).Unix(): true}
	e.uid = replacement + e.uid
}

// replacement goes before the UID of an event that replaces an occurrence; no UID begins with it.
const replacement = "\x00"

// detach has events know which of their occurrences others replace. A document can have many of both under one
// UID, so they are not gone through for each other.
func (r *reader) detach(events []*event) (all []*event) {
	by := map[string]map[int64]bool{}
	for _, e := range events {
		if uid, ok := strings.CutPrefix(e.uid, replacement); ok {
			if by[uid] == nil {
				by[uid] = map[int64]bool{}
			}
			for at := range e.except {
				by[uid][at] = true
			}
		}
	}
	for _, e := range events {
		if uid, ok := strings.CutPrefix(e.uid, replacement); ok {
			e.uid, e.except = uid, nil
		} else {
			e.replaced = by[e.uid]
		}
		if !e.cancelled {
			all = append(all, e)
		}
	}
	return all
}

// text gives a text property, shortened, and without what is not text.
func text(v ical.Event, name string) string {
	prop := v.Props.Get(name)
	if prop == nil {
		return ""
	}
	s, err := prop.Text()
	if err != nil {
		s = prop.Value
	}
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, ""))
	return clip(strings.TrimSpace(s))
}

func clip(s string) string {
	const most = 150
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i] + "…"
		}
	}
	return s
}

// list reads the values of an RDATE or EXDATE.
func (r *reader) list(e *event, prop *ical.Prop, add func(reading int64)) bool {
	for value := range strings.SplitSeq(prop.Value, ",") {
		reading, zone, allDay, ok := r.value(prop, value)
		if !ok || allDay != e.allDay {
			return false
		}
		if !allDay && zone.String() != e.zone.String() {
			reading = e.zone.Reads(zone.First(reading))
		}
		add(reading)
	}
	return true
}

// value reads a date or a time, as a reading of its zone.
func (r *reader) value(prop *ical.Prop, value string) (reading int64, zone wall.Clock, allDay, ok bool) {
	zone = r.zone
	if name := prop.Params.Get(ical.PropTimezoneID); name != "" {
		name = strings.TrimPrefix(name, "/")
		if zone, ok = r.zones[name]; !ok {
			if zone, ok = zoneOf(name); !ok {
				return 0, zone, false, false
			}
			if r.zones == nil {
				r.zones = map[string]wall.Clock{}
			}
			r.zones[name] = zone
		}
	}
	kind := strings.ToUpper(prop.Params.Get(ical.ParamValue))
	layout := "20060102T150405"
	switch {
	case len(value) == 8 && (kind == "" || kind == "DATE"):
		layout, allDay, zone = "20060102", true, r.zone
	case kind != "" && kind != "DATE-TIME":
		return 0, zone, false, false
	case strings.HasSuffix(value, "Z"):
		layout, zone = layout+"Z", wall.Clock{Location: time.UTC}
	}
	t, err := time.Parse(layout, value)
	ok = err == nil && len(value) == len(layout) && t.Year() >= calendar.MinYear && t.Year() <= calendar.MaxYear
	return t.Unix(), zone, allDay, ok
}

// duration reads a DURATION, "P1W" or "P1DT2H30M", in seconds.
func duration(value string) (seconds int64, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(strings.ToUpper(value), "+"), "P")
	units, n, digits := map[byte]int64{'W': 7 * daySeconds, 'D': daySeconds}, int64(0), 0
	for i := 0; ok && i < len(rest); i++ {
		switch c := rest[i]; {
		case c == 'T' && digits == 0:
			units = map[byte]int64{'H': 3600, 'M': 60, 'S': 1}
		case '0' <= c && c <= '9' && digits < 9:
			n, digits = 10*n+int64(c-'0'), digits+1
		case units[c] != 0 && digits > 0:
			seconds += n * units[c]
			n, digits = 0, 0
		default:
			ok = false
		}
	}
	return seconds, ok && digits == 0 && seconds > 0 && len(value) <= 40
}

// expand gives the occurrences of an event that meet the span, or says what is wrong with it.
func (r *reader) expand(e *event) string {
	add := func(reading int64) string {
		length := (e.days+1)*daySeconds + e.exact
		if e.except[reading] || reading+length+wall.Reach < r.from || reading > r.until+wall.Reach {
			return ""
		}
		if len(e.replaced) > 0 && e.replaced[e.zone.First(reading).Unix()] {
			return ""
		}
		if len(r.occurrences) == MaxOccurrences {
			return fmt.Sprintf("makes more than %d occurrences in the span", MaxOccurrences)
		}
		r.occurrences = append(r.occurrences, occurrence{e, reading})
		return ""
	}
	all := e.more
	if e.rule == "" {
		all = append(all, e.start)
	} else {
		found, problem := r.recur(e)
		if problem != "" {
			return problem
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	for _, reading := range slices.Compact(all) {
		if problem := add(reading); problem != "" {
			return problem
		}
	}
	return ""
}

// recur computes a rule on readings, as if the event were in UTC, so that no zone skips or repeats any.
func (r *reader) recur(e *event) (all []int64, problem string) {
	defer func() {
		if recover() != nil {
			all, problem = nil, "has an RRULE that is not understood: "+clip(e.rule)
		}
	}()
	if r.rules++; r.rules > MaxRules {
		return nil, fmt.Sprintf("is one more than %d events that recur", MaxRules)
	}
	option, problem := e.option(r.until)
	if problem != "" {
		return nil, problem
	}
	rule, err := rrule.NewRRule(*option)
	if err != nil {
		return nil, "has an RRULE that is refused: " + clip(err.Error())
	}
	next := rule.Iterator()
	length := (e.days+1)*daySeconds + e.exact + wall.Reach
	seen := 0
	for {
		t, ok := next()
		if !ok || t.Unix() > option.Until.Unix() {
			break
		}
		seen++
		if r.steps++; r.steps > maxSteps {
			return nil, fmt.Sprintf("begins too long before the span: with the events before it there are more than %d occurrences to go through", maxSteps)
		}
		if t.Unix()+length < r.from {
			continue
		}
		if len(all) == MaxOccurrences {
			return nil, fmt.Sprintf("makes more than %d occurrences in the span", MaxOccurrences)
		}
		all = append(all, t.Unix())
	}
	if seen == 0 {
		if r.barren++; r.barren > maxBarren {
			return nil, fmt.Sprintf("is one more than %d that recur, but never: %s", maxBarren, clip(e.rule))
		}
	}
	return all, ""
}

// option reads an RRULE and refuses what would be hours of hours.
func (e *event) option(until int64) (*rrule.ROption, string) {
	value := strings.ToUpper(strings.TrimSpace(e.rule))
	last := until + wall.Reach
	var parts []string
	for part := range strings.SplitSeq(value, ";") {
		name, given, _ := strings.Cut(part, "=")
		if strings.Count(given, ",") >= maxList {
			return nil, fmt.Sprintf("has an RRULE with more than %d values of %s", maxList, clip(name))
		}
		switch name {
		case "UNTIL":
			// In UTC where the event has a zone; a date is the whole day.
			t, err := time.Parse("20060102T150405Z", given)
			var end int64
			if err == nil {
				end = e.zone.Reads(t)
			} else if t, err = time.Parse("20060102T150405", given); err == nil {
				end = t.Unix()
			} else if t, err = time.Parse("20060102", given); err == nil {
				end = t.Unix() + daySeconds - 1
			} else {
				return nil, "has an RRULE with an UNTIL that is not understood: " + clip(given)
			}
			last = min(last, end)
			continue
		case "BYHOUR", "BYMINUTE", "BYSECOND", "BYEASTER", "DTSTART":
			return nil, "has an RRULE with " + name + ", which is not supported; write several events"
		case "":
			continue
		}
		parts = append(parts, part)
	}
	option, err := rrule.StrToROption(strings.Join(parts, ";"))
	if err != nil {
		return nil, "has an RRULE that is not understood: " + clip(err.Error())
	}
	if option.Freq > rrule.DAILY {
		return nil, "recurs more often than daily, which is not supported"
	}
	for _, day := range option.Byweekday {
		if n := max(day.N(), -day.N()); n > 53 || n > 5 && (option.Freq != rrule.YEARLY || len(option.Bymonth) > 0) {
			return nil, "has an RRULE with a week that no month has"
		}
	}
	if option.Interval > 10_000 || option.Count > 1_000_000 {
		return nil, "has an RRULE with an INTERVAL or COUNT that is too great"
	}
	option.Dtstart = time.Unix(e.start, 0).UTC()
	option.Until = time.Unix(max(last, e.start-1), 0).UTC()
	return option, ""
}
