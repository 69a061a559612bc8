// This file holds the check of definitions and what they are compiled to: rules over civil dates.

package calendar

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/internal/wall"
	"github.com/itsmkit/itsmkit/itsm"
)

// Options are what [Compile] may be told. The zero value works.
type Options struct {
	// Others are the definitions that may be referred to by their names. One that has the name of
	// the definition itself is passed over, so that all that a host has can be given.
	Others []Definition
	// From and Until are the horizon: the calendar answers for the dates from From on, up to Until and
	// without it, in its own zone. Empty is 1970-01-01 and 2101-01-01. What a definition knows
	// bounds it too.
	From  Date
	Until Date
}

// The horizon where nothing is said.
const (
	defaultFrom  Date = "1970-01-01"
	defaultUntil Date = "2101-01-01"
)

// The first and the last second of what has no beginning or end.
const (
	longAgo   = -1 << 62
	longAhead = 1 << 62
)

// rules is a definition as it is computed with. It does not change.
type rules struct {
	name string
	zone wall.Clock
	// own says that there are hours or overrides; otherwise what allOf says is taken.
	own       bool
	week      [7][]span // seconds of the day on which they open, by time.Weekday
	breaks    [7][]span
	hasBreaks bool
	holidays  []Holiday
	overrides []override // in the order of their dates
	anyOf     []*rules
	allOf     []*rules
	noneOf    []*rules
	// from and until are what the definition knows, in seconds since 1970.
	from, until int64
}

type override struct {
	dayRange
	name  string
	hours []span
}

// Compile checks a definition, with all it refers to, and makes it answer. ErrInvalid names every fault
// at once: an unknown zone, windows that overlap, dates that are inverted, calendars that refer to each
// other in a circle, and a calendar that never opens within its horizon. The result shares nothing
// with the definition.
func Compile(d Definition, o Options) (*Calendar, error) {
	c := compiler{others: map[string]Definition{}, done: map[string]*rules{}}
	if len(o.Others) > MaxOthers {
		c.Addf("others", "are %d; at most %d are allowed", len(o.Others), MaxOthers)
		return nil, c.Err("calendar")
	}
	for i, other := range o.Others {
		if _, twice := c.others[other.Name]; twice {
			c.Addf(fmt.Sprintf("others[%d].name", i), "is that of another one, too: %q", clip(other.Name))
		}
		c.others[other.Name] = other
	}
	d = d.clone()
	c.path = []string{d.Name}
	r := c.rules("", d)
	from := c.horizon("options.from", o.From, defaultFrom, r.zone)
	until := c.horizon("options.until", o.Until, defaultUntil, r.zone)
	if c.Empty() && until <= from {
		c.Add("options.until", "must be after from")
	}
	if err := c.Err("calendar"); err != nil {
		return nil, err
	}
	k, u := r.known(map[*rules]bool{})
	from, until = max(from, k), min(until, u)
	if until <= from {
		return nil, itsm.Invalid("calendar", "until", "leaves nothing of the horizon, with what the calendars that are referred to know")
	}
	return newCalendar(d, r, from, until)
}

// compiler turns definitions into rules and collects what is wrong with them.
type compiler struct {
	itsm.Faults
	others map[string]Definition
	done   map[string]*rules
	path   []string // the names from the definition to where it is now
}

func (c *compiler) horizon(field string, d, otherwise Date, z wall.Clock) int64 {
	if d == "" {
		d = otherwise
	}
	day, ok := checkDate(&c.Faults, field, d)
	if !ok || z.Location == nil {
		return 0
	}
	return z.First(day * daySeconds).Unix()
}

// rules checks one definition; at goes before the names of its fields.
func (c *compiler) rules(at string, d Definition) *rules {
	r := &rules{name: d.Name, own: len(d.Hours)+len(d.Overrides) > 0, from: longAgo, until: longAhead}
	c.Text(at+"name", d.Name, 0, true)
	if len(d.Name) > maxName {
		c.Addf(at+"name", "has %d bytes; at most %d are allowed", len(d.Name), maxName)
	}
	c.zone(at+"zone", d.Zone, r)

	tooMany := false
	bound := func(field string, n, most int) {
		if n > most {
			c.Addf(at+field, "are %d; at most %d are allowed", n, most)
			tooMany = true
		}
	}
	bound("hours", len(d.Hours), MaxHours)
	bound("breaks", len(d.Breaks), MaxHours)
	bound("holidays", len(d.Holidays), MaxHolidays)
	bound("overrides", len(d.Overrides), MaxOverrides)
	bound("any_of", len(d.AnyOf), MaxOthers)
	bound("all_of", len(d.AllOf), MaxOthers)
	bound("none_of", len(d.NoneOf), MaxOthers)
	if tooMany {
		return r
	}

	week := c.week(at+"hours", d.Hours)
	breaks := c.week(at+"breaks", d.Breaks)
	c.breaksInHours(at, breaks, week)
	for day := range 7 {
		r.week[day], r.breaks[day] = spansOf(week[day]), spansOf(breaks[day])
		r.hasBreaks = r.hasBreaks || len(breaks[day]) > 0
	}
	for i := range d.Holidays {
		d.Holidays[i].check(&c.Faults, fmt.Sprintf("%sholidays[%d]", at, i))
	}
	r.holidays = d.Holidays
	if len(d.Holidays) > 0 && len(d.Hours) == 0 {
		c.Add(at+"holidays", "need hours from which to take days; to close other calendars refer to one with none_of")
	}
	if len(d.Breaks) > 0 && !r.own {
		c.Add(at+"breaks", "need hours or overrides from which to be taken")
	}
	c.overrides(at+"overrides", d.Overrides, r)
	if !r.own && len(d.AnyOf) == 0 && len(d.AllOf) == 0 {
		c.Add(at+"hours", "are required, or overrides, any_of or all_of: the calendar would never be open")
	}
	c.bounds(at, d, r)
	r.anyOf = c.references(at+"any_of", d.AnyOf)
	r.allOf = c.references(at+"all_of", d.AllOf)
	r.noneOf = c.references(at+"none_of", d.NoneOf)
	return r
}

func (c *compiler) zone(field, name string, r *rules) {
	r.zone.Location = time.UTC
	switch {
	case name == "":
		c.Add(field, `is required: the name of a zone of the IANA database, like "Europe/London"`)
	case strings.EqualFold(name, "local"):
		c.Add(field, "must name a zone; Local is another one on another machine")
	case len(name) > maxName:
		c.Add(field, "is not a zone of the IANA database")
	default:
		location, err := time.LoadLocation(name)
		if err != nil {
			c.Addf(field, "%q is not a zone of the IANA database", clip(name))
			return
		}
		r.zone.Location = location
	}
}

// window is one of a definition's windows on one day, with its place in the list.
type window struct {
	open, close int64
	of          int
}

func spansOf(windows []window) (spans []span) {
	for _, w := range windows {
		spans = add(spans, w.open, w.close)
	}
	return spans
}

// window checks the times of a window.
func (c *compiler) window(at string, h Hours) (open, close int64, ok bool) {
	open, ok = timeOfDay(h.From)
	if !ok || open == daySeconds {
		c.Add(at+".from", `must be a time of day like "09:00", before 24:00`)
		ok = false
	}
	close, known := timeOfDay(h.To)
	if !known {
		c.Add(at+".to", `must be a time of day like "17:00", up to "24:00"`)
		ok = false
	}
	if close <= open {
		close += daySeconds
	}
	return open, close, ok
}

// week checks a list of windows and gives them by the day on which they open, in order.
func (c *compiler) week(field string, list []Hours) (week [7][]window) {
	for i, h := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		open, close, ok := c.window(at, h)
		var days [7]bool
		for n, name := range h.Days {
			day, known := name.number()
			switch {
			case !known:
				c.Add(fmt.Sprintf("%s.days[%d]", at, n), "must be "+weekdayNames)
			case days[day]:
				c.Add(fmt.Sprintf("%s.days[%d]", at, n), "is "+string(name)+" again")
			default:
				days[day] = true
			}
		}
		for day := range 7 {
			if ok && (days[day] || len(h.Days) == 0) {
				week[day] = append(week[day], window{open, close, i})
			}
		}
	}
	for day := range week {
		sortWindows(week[day])
	}
	c.overlaps(field, week)
	return week
}

func sortWindows(windows []window) {
	slices.SortFunc(windows, func(a, b window) int {
		if a.open != b.open {
			return int(a.open - b.open)
		}
		return int(a.close - b.close)
	})
}

// overlaps notes each pair of windows that are open at once, the last night of a week included.
func (c *compiler) overlaps(field string, week [7][]window) {
	noted := map[[2]int]bool{}
	until, last := int64(longAgo), window{}
	for day := range int64(8) {
		for _, w := range week[day%7] {
			open, close := day*daySeconds+w.open, day*daySeconds+w.close
			if pair := [2]int{last.of, w.of}; open < until && !noted[pair] {
				noted[pair] = true
				c.Addf(fmt.Sprintf("%s[%d]", field, w.of), "overlaps %s[%d] on %s", field[strings.LastIndexByte(field, '.')+1:], last.of, weekdays[day%7])
			}
			if close > until {
				until, last = close, w
			}
		}
	}
}

// breaksInHours notes the breaks that are not inside the hours of their day.
func (c *compiler) breaksInHours(at string, breaks, week [7][]window) {
	for i := range breaks {
		if len(week[i]) == 0 {
			continue // a break of overrides
		}
		var open []span // the night before, the day, and the morning after it
		for _, day := range []int64{-1, 0, 1} {
			for _, w := range week[(int64(i)+day+7)%7] {
				open = add(open, w.open+day*daySeconds, w.close+day*daySeconds)
			}
		}
		for _, b := range breaks[i] {
			if len(without([]span{{open: b.open, close: b.close}}, open)) > 0 {
				c.Addf(fmt.Sprintf("%sbreaks[%d]", at, b.of), "from %s to %s is not inside the hours of %s", clock(b.open), clock(b.close), weekdays[i])
			}
		}
	}
}

func (c *compiler) overrides(field string, list []Override, r *rules) {
	for i, o := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		c.Text(at+".name", o.Name, maxName, false)
		checkDates(&c.Faults, at, o.Date, o.To)
		from, ok := o.Date.day()
		to, known := from, true
		if o.To != "" {
			to, known = o.To.day()
		}
		if len(o.Hours) > MaxHours {
			c.Addf(at+".hours", "are %d; at most %d are allowed", len(o.Hours), MaxHours)
			continue
		}
		var windows []window
		for n, h := range o.Hours {
			at := fmt.Sprintf("%s.hours[%d]", at, n)
			if len(h.Days) > 0 {
				c.Add(at+".days", "must be empty: the dates are given")
			}
			if open, close, ok := c.window(at, h); ok {
				windows = append(windows, window{open, close, n})
			}
		}
		sortWindows(windows)
		for n := 1; n < len(windows); n++ {
			if windows[n].open < windows[n-1].close {
				c.Addf(fmt.Sprintf("%s.hours[%d]", at, windows[n].of), "overlaps hours[%d]", windows[n-1].of)
			}
		}
		if ok && known && to >= from {
			r.overrides = append(r.overrides, override{dayRange{from, to + 1, i}, o.Name, spansOf(windows)})
		}
	}
	slices.SortFunc(r.overrides, func(a, b override) int { return int(a.from - b.from) })
	for i := 1; i < len(r.overrides); i++ {
		if a, b := r.overrides[i-1], r.overrides[i]; b.from < a.to {
			c.Addf(fmt.Sprintf("%s[%d]", field, max(a.of, b.of)), "is for a date of overrides[%d], too", min(a.of, b.of))
		}
	}
}

func (c *compiler) bounds(at string, d Definition, r *rules) {
	bound := func(field string, d Date, into *int64) {
		if d == "" {
			return
		}
		if day, ok := checkDate(&c.Faults, at+field, d); ok {
			*into = r.zone.First(day * daySeconds).Unix()
		}
	}
	bound("from", d.From, &r.from)
	bound("until", d.Until, &r.until)
	if r.until <= r.from {
		c.Add(at+"until", "must be after from")
	}
}

func (c *compiler) references(field string, names []string) (all []*rules) {
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", field, i)
		if slices.Contains(names[:i], name) {
			c.Addf(at, "is %q again", clip(name))
			continue
		}
		if i := slices.Index(c.path, name); i >= 0 {
			c.Addf(at, "makes a circle: %s", circle(append(slices.Clone(c.path[i:]), name)))
			continue
		}
		if known, ok := c.done[name]; ok {
			all = append(all, known)
			continue
		}
		d, ok := c.others[name]
		if !ok {
			c.Addf(at, "%q is not among the calendars given", clip(name))
			continue
		}
		c.path = append(c.path, name)
		r := c.rules(fmt.Sprintf("others[%q].", clip(name)), d.clone())
		c.path = c.path[:len(c.path)-1]
		c.done[name] = r
		all = append(all, r)
	}
	return all
}

func circle(names []string) string {
	for i := range names {
		names[i] = clip(names[i])
	}
	return strings.Join(names, " refers to ")
}

// known gives what the rules and all they refer to know.
func (r *rules) known(seen map[*rules]bool) (from, until int64) {
	from, until = r.from, r.until
	seen[r] = true
	for _, other := range slices.Concat(r.anyOf, r.allOf, r.noneOf) {
		if !seen[other] {
			k, u := other.known(seen)
			from, until = max(from, k), min(until, u)
		}
	}
	return from, until
}
