// This file holds the rule of a recurrence as people write it, and its check.

package rrule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	lib "github.com/teambition/rrule-go"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Rule says when something recurs, as iCalendar does (RFC 5545): RRULE with DTSTART in a time zone and
// EXDATE. Its times are those of the clock on the wall of the zone. One that the clocks skip when they
// are put forward is taken by the offset before, so that 02:30 is 03:30 on that day; of one that they
// show twice it is the first. Two that come to be the same instant are one.
type Rule struct {
	// Zone is the IANA name of the time zone ("Europe/Vienna"); empty is UTC.
	Zone string `json:"zone,omitempty"`
	// Start is DTSTART, the wall clock's "2026-03-02T09:00:00", in the years 1970 to 2200. Nothing
	// recurs before it; it is an occurrence itself where it meets the rule.
	Start string `json:"start"`
	// RRule is the value of RRULE: "FREQ=MONTHLY;BYDAY=1MO". FREQ is HOURLY, DAILY, WEEKLY, MONTHLY or
	// YEARLY; UNTIL is in UTC ("20261231T225959Z"), included. What RFC 5545 does not allow is refused,
	// and what would be too dense: see [MaxTimes].
	RRule string `json:"rrule"`
	// Except are the EXDATEs: the wall clock's times that are left out, or whole days ("2026-12-25").
	// COUNT counts them all the same.
	Except []string `json:"except,omitempty"`
}

// The bounds of a rule, by which the work of every question is bounded too.
const (
	// MaxRule is the greatest length of RRULE in bytes.
	MaxRule = 1000
	// MaxInterval is the greatest INTERVAL.
	MaxInterval = 1000
	// MaxCount is the greatest COUNT.
	MaxCount = 10_000
	// MaxTimes is the greatest number of times of a day that a rule may name (BYHOUR, BYMINUTE and
	// BYSECOND together), and of an hour where it is HOURLY.
	MaxTimes = 96
	// MaxExcept is the greatest number of exceptions.
	MaxExcept = 1000
)

// The form of a time of the wall clock, and of a day.
const (
	wallLayout = "2006-01-02T15:04:05"
	dayLayout  = time.DateOnly
)

// The years that a rule may speak of.
const firstYear, lastYear = 1970, 2200

var frequencies = map[string]lib.Frequency{
	"HOURLY": lib.HOURLY, "DAILY": lib.DAILY, "WEEKLY": lib.WEEKLY, "MONTHLY": lib.MONTHLY, "YEARLY": lib.YEARLY,
}

var weekdays = map[string]lib.Weekday{
	"MO": lib.MO, "TU": lib.TU, "WE": lib.WE, "TH": lib.TH, "FR": lib.FR, "SA": lib.SA, "SU": lib.SU,
}

// Compile checks a rule and makes it ready to be asked. A rule with a fault is ErrInvalid with every
// fault; one that never occurs is at fault too.
func (r Rule) Compile() (*Calendar, error) {
	var f itsm.Faults
	c := &Calendar{zone: time.UTC, except: map[time.Time]bool{}, exceptDays: map[string]bool{}}
	if r.Zone != "" {
		zone, err := time.LoadLocation(r.Zone)
		if err != nil || r.Zone == "Local" {
			f.Addf("zone", "is %.64q, which is not the name of a time zone such as Europe/Vienna", r.Zone)
		} else {
			c.zone = zone
		}
	}
	start, err := time.Parse(wallLayout, r.Start)
	switch {
	case r.Start == "":
		f.Add("start", "is required")
	case err != nil:
		f.Addf("start", "is %.64q; write it as 2026-03-02T09:00:00", r.Start)
	case start.Year() < firstYear || start.Year() > lastYear || start.Nanosecond() != 0:
		f.Addf("start", "must be in the years %d to %d, in whole seconds", firstYear, lastYear)
	}
	o := parse(r.RRule, start, &f)
	if len(r.Except) > MaxExcept {
		f.Addf("except", "are %d; at most %d are allowed", len(r.Except), MaxExcept)
	} else {
		for i, text := range r.Except {
			if at, err := time.Parse(wallLayout, text); err == nil {
				c.except[at] = true
			} else if _, err := time.Parse(dayLayout, text); err == nil {
				c.exceptDays[text] = true
			} else {
				f.Addf(fmt.Sprintf("except[%d]", i), "is %.64q; write it as 2026-12-25T09:00:00, or the day alone", text)
			}
		}
	}
	if err := f.Err("recurrence rule"); err != nil {
		return nil, err
	}
	o.Dtstart = start
	if err := c.prepare(o); err != nil {
		return nil, storage.Invalid("recurrence rule", "rrule", err.Error())
	}
	if _, any := c.First(time.Time{}); !any {
		return nil, storage.Invalid("recurrence rule", "rrule", "never occurs")
	}
	return c, nil
}

// parse reads an RRULE and notes its faults.
func parse(text string, start time.Time, f *itsm.Faults) (o lib.ROption) {
	fault := func(format string, args ...any) { f.Addf("rrule", format, args...) }
	if text == "" {
		f.Add("rrule", "is required")
		return o
	}
	if len(text) > MaxRule {
		fault("is longer than %d bytes", MaxRule)
		return o
	}
	seen := map[string]string{}
	for _, part := range strings.Split(text, ";") {
		name, value, ok := strings.Cut(part, "=")
		switch {
		case !ok || value == "":
			fault("has %.64q, which is not a part such as FREQ=DAILY", part)
			continue
		case seen[name] != "":
			fault("has %.64q twice", name)
			continue
		}
		seen[name] = value
		switch name {
		case "FREQ":
			freq, known := frequencies[value]
			if !known {
				fault("has the frequency %.64q; allowed are HOURLY, DAILY, WEEKLY, MONTHLY and YEARLY", value)
			}
			o.Freq = freq
		case "INTERVAL":
			o.Interval = number(fault, name, value, 1, MaxInterval)
		case "COUNT":
			o.Count = number(fault, name, value, 1, MaxCount)
		case "UNTIL":
			until, err := time.Parse("20060102T150405Z", value)
			switch {
			case err != nil:
				fault("has UNTIL=%.64q; write it in UTC, as 20261231T225959Z", value)
			case until.Year() > lastYear:
				fault("has an UNTIL after the year %d", lastYear)
			default:
				// Occurrences are generated by the wall clock, and compared with it as instants later.
				o.Until = until
			}
		case "WKST":
			day, known := weekdays[value]
			if !known {
				fault("has WKST=%.64q; allowed are MO, TU, WE, TH, FR, SA and SU", value)
			}
			o.Wkst = day
		case "BYDAY":
			o.Byweekday = days(fault, value)
		case "BYSETPOS":
			o.Bysetpos = numbers(fault, name, value, 1, 366, true)
		case "BYMONTH":
			o.Bymonth = numbers(fault, name, value, 1, 12, false)
		case "BYMONTHDAY":
			o.Bymonthday = numbers(fault, name, value, 1, 31, true)
		case "BYYEARDAY":
			o.Byyearday = numbers(fault, name, value, 1, 366, true)
		case "BYWEEKNO":
			o.Byweekno = numbers(fault, name, value, 1, 53, true)
		case "BYHOUR":
			o.Byhour = numbers(fault, name, value, 0, 23, false)
		case "BYMINUTE":
			o.Byminute = numbers(fault, name, value, 0, 59, false)
		case "BYSECOND":
			o.Bysecond = numbers(fault, name, value, 0, 59, false)
		default:
			fault("has %.64q, which is not a part that is known here", name)
		}
	}
	checkTogether(fault, seen, &o, start)
	return o
}

// checkTogether notes parts that do not go together: by RFC 5545, 3.3.10, and by our bounds.
func checkTogether(fault func(string, ...any), seen map[string]string, o *lib.ROption, start time.Time) {
	if seen["FREQ"] == "" {
		fault("has no FREQ")
		return
	}
	freq := seen["FREQ"]
	not := func(part string, in ...string) {
		if seen[part] != "" && slices.Contains(in, freq) {
			fault("has %s, which does not go with FREQ=%s", part, freq)
		}
	}
	if seen["COUNT"] != "" && seen["UNTIL"] != "" {
		fault("has both COUNT and UNTIL")
	}
	not("BYWEEKNO", "HOURLY", "DAILY", "WEEKLY", "MONTHLY")
	not("BYYEARDAY", "DAILY", "WEEKLY", "MONTHLY")
	not("BYMONTHDAY", "WEEKLY")
	not("BYSETPOS", "HOURLY") // whose sets are one time each, or are written by BYMINUTE
	byAny := slices.ContainsFunc([]string{"BYDAY", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYHOUR", "BYMINUTE", "BYSECOND"},
		func(name string) bool { return seen[name] != "" })
	if seen["BYSETPOS"] != "" && !byAny {
		fault("has BYSETPOS without another BY part to choose from")
	}
	for _, d := range o.Byweekday {
		n := d.N()
		switch {
		case n == 0:
		case freq != "MONTHLY" && freq != "YEARLY":
			fault("has a numbered BYDAY, which goes with FREQ=MONTHLY and FREQ=YEARLY alone")
		case seen["BYWEEKNO"] != "":
			fault("has a numbered BYDAY, which does not go with BYWEEKNO")
		case (freq == "MONTHLY" || seen["BYMONTH"] != "") && (n > 5 || n < -5):
			fault("has a BYDAY with the number %d; a month has at most 5 of each", n)
		default:
			continue
		}
		if n != 0 {
			break
		}
	}
	// What HOURLY never comes to would be looked for without end.
	if freq == "HOURLY" && len(o.Byhour) > 0 {
		step := gcd(max(o.Interval, 1), 24)
		if !slices.ContainsFunc(o.Byhour, func(h int) bool { return (h-start.Hour())%step == 0 }) {
			fault("never comes to its BYHOUR from %02d:00 in steps of INTERVAL", start.Hour())
		}
	}
	times := max(len(o.Byminute), 1) * max(len(o.Bysecond), 1)
	if freq != "HOURLY" {
		times *= max(len(o.Byhour), 1)
	}
	if times > MaxTimes {
		fault("names %d times of a day or hour; at most %d are allowed", times, MaxTimes)
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func number(fault func(string, ...any), name, value string, least, most int) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most || strings.HasPrefix(value, "+") {
		fault("has %s=%.64q; it must be from %d to %d", name, value, least, most)
		return least
	}
	return n
}

// numbers reads a list, of which it keeps each number once.
func numbers(fault func(string, ...any), name, value string, least, most int, negative bool) (all []int) {
	for _, text := range strings.Split(value, ",") {
		n, err := strconv.Atoi(text)
		size := n
		if negative && n < 0 {
			size = -n
		}
		if err != nil || size < least || size > most {
			allowed := fmt.Sprintf("from %d to %d", least, most)
			if negative {
				allowed += fmt.Sprintf(" or from %d to %d", -most, -least)
			}
			fault("has %.64q in %s; allowed is %s", text, name, allowed)
			continue
		}
		if !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

func days(fault func(string, ...any), value string) (all []lib.Weekday) {
	for _, text := range strings.Split(value, ",") {
		at := max(len(text)-2, 0)
		day, known := weekdays[text[at:]]
		n, err := 0, error(nil)
		if at > 0 {
			n, err = strconv.Atoi(text[:at])
		}
		if !known || err != nil || at > 0 && (n == 0 || n < -53 || n > 53) {
			fault("has %.64q in BYDAY; write MO, 2TU or -1FR", text)
			continue
		}
		if day = day.Nth(n); !slices.Contains(all, day) {
			all = append(all, day)
		}
	}
	return all
}
