// This file holds the slow count that the calendar is compared with: it goes through the seconds one by
// one, asks what the clock on the wall shows, and looks whether that is inside the hours. It shares nothing
// with the package but the definition it reads.

package calendar_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/sla/calendar"
)

// oracle walks one definition, with those it refers to.
type oracle struct {
	def    calendar.Definition
	loc    *time.Location
	shown  int64 // the furthest that the clock on the wall has ever shown
	dates  map[int64][]oracleWindow
	breaks []oracleWindow // of def.Breaks, in their order
	others map[string]*oracle
}

type oracleWindow struct{ from, to int64 } // seconds of the day it opens on

func newOracle(d calendar.Definition, others []calendar.Definition) *oracle {
	loc, err := time.LoadLocation(d.Zone)
	if err != nil {
		panic(err)
	}
	o := &oracle{def: d, loc: loc, shown: -1 << 62, dates: map[int64][]oracleWindow{}, others: map[string]*oracle{}}
	for _, b := range d.Breaks {
		o.breaks = append(o.breaks, oracleTimes(b))
	}
	for _, other := range others {
		o.others[other.Name] = newOracle(other, nil)
	}
	return o
}

// tick goes to a second and says whether it is open, and on which dates its own windows opened.
func (o *oracle) tick(second int64) (open bool, opened []int64) {
	_, offset := time.Unix(second, 0).In(o.loc).Zone()
	if local := second + int64(offset); local > o.shown {
		o.shown = local
	}
	hasOwn := len(o.def.Hours)+len(o.def.Overrides) > 0
	date, at := o.shown/86400, o.shown%86400
	if at < 0 {
		date, at = date-1, at+86400
	}
	for back := int64(0); back <= 1; back++ {
		for _, w := range o.on(date - back) {
			if w.from <= at+back*86400 && at+back*86400 < w.to {
				opened = append(opened, date-back)
			}
		}
		for i, b := range o.breaks {
			if b.from <= at+back*86400 && at+back*86400 < b.to && o.has(o.def.Breaks[i].Days, date-back) {
				opened = nil
				hasOwn = true
				at = -1 << 40 // nothing more is open at this second
			}
		}
	}
	open = len(opened) > 0
	answers := map[string]bool{}
	for name, other := range o.others {
		answers[name], _ = other.tick(second)
	}
	for _, name := range o.def.AnyOf {
		open = open || answers[name]
	}
	if !hasOwn && len(o.def.AnyOf) == 0 {
		open = true
	}
	for _, name := range o.def.AllOf {
		open = open && answers[name]
	}
	for _, name := range o.def.NoneOf {
		open = open && !answers[name]
	}
	return open, opened
}

// on gives the windows that open on a date: the override's, or none on a holiday, or the week's.
func (o *oracle) on(date int64) []oracleWindow {
	if known, ok := o.dates[date]; ok {
		return known
	}
	name := time.Unix(date*86400, 0).UTC().Format("2006-01-02")
	var list []oracleWindow
	override := false
	for _, v := range o.def.Overrides {
		last := v.To
		if last == "" {
			last = v.Date
		}
		if string(v.Date) <= name && name <= string(last) {
			override = true
			for _, h := range v.Hours {
				list = append(list, oracleTimes(h))
			}
		}
	}
	if !override && !o.holiday(name) {
		for _, h := range o.def.Hours {
			if o.has(h.Days, date) {
				list = append(list, oracleTimes(h))
			}
		}
	}
	o.dates[date] = list
	return list
}

// holiday knows the kinds that the generator makes: dates, ranges and days of every year.
func (o *oracle) holiday(date string) bool {
	for _, h := range o.def.Holidays {
		if h.Every != nil {
			day, last := string(h.Every.Day), string(h.Every.To)
			if last == "" {
				last = day
			}
			if md := date[5:]; day <= last && day <= md && md <= last || day > last && (md >= day || md <= last) {
				return true
			}
			continue
		}
		last := h.To
		if last == "" {
			last = h.Date
		}
		if string(h.Date) <= date && date <= string(last) {
			return true
		}
	}
	return false
}

func (o *oracle) has(days []calendar.Weekday, date int64) bool {
	if len(days) == 0 {
		return true
	}
	name := strings.ToLower(time.Unix(date*86400, 0).UTC().Weekday().String())
	for _, d := range days {
		if string(d) == name {
			return true
		}
	}
	return false
}

func oracleTimes(h calendar.Hours) oracleWindow {
	w := oracleWindow{oracleTime(h.From), oracleTime(h.To)}
	if w.to <= w.from {
		w.to += 86400
	}
	return w
}

func oracleTime(s string) int64 {
	var hours, minutes, seconds int64
	if n, _ := fmt.Sscanf(s, "%d:%d:%d", &hours, &minutes, &seconds); n < 2 {
		panic(s)
	}
	return hours*3600 + minutes*60 + seconds
}

// scan is what the oracle found of the seconds from a beginning on.
type scan struct {
	from   int64
	open   []bool
	before []int64 // for each second, how many open ones are before it
	opened map[int64]bool
}

// scan goes through some seconds, and through three days before them, so that what the clock has shown is
// known.
func (o *oracle) scan(from int64, seconds int) scan {
	s := scan{from: from, open: make([]bool, seconds), before: make([]int64, seconds+1), opened: map[int64]bool{}}
	for t := from - 3*86400; t < from; t += 60 {
		o.tick(t)
	}
	o.tick(from - 1)
	for i := range seconds {
		open, dates := o.tick(from + int64(i))
		s.open[i] = open
		s.before[i+1] = s.before[i]
		if open {
			s.before[i+1]++
			for _, d := range dates {
				s.opened[d] = true
			}
		}
	}
	return s
}

// passed counts open microseconds from the beginning of the scan to an instant, given in microseconds.
func (s scan) passed(at int64) int64 {
	second, rest := at/1e6-s.from, at%1e6
	n := s.before[second] * 1e6
	if rest > 0 && s.open[second] {
		n += rest
	}
	return n
}

// add looks for the first microsecond by which d more have passed, or back for the last from which they pass.
func (s scan) add(at, d int64) (int64, bool) {
	target := s.passed(at) + d
	switch {
	case d == 0:
		return at, true
	case d > 0:
		for i := range s.open {
			if s.before[i]*1e6 < target && target <= s.before[i+1]*1e6 {
				return (s.from+int64(i))*1e6 + target - s.before[i]*1e6, true
			}
		}
	default:
		for i := len(s.open) - 1; i >= 0; i-- {
			if s.before[i]*1e6 <= target && target < s.before[i+1]*1e6 {
				return (s.from+int64(i))*1e6 + target - s.before[i]*1e6, true
			}
		}
	}
	return 0, false
}
