// This file holds holidays: which dates they are on.

package calendar

import (
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/internal/wall"
	"github.com/itsmkit/itsmkit/itsm"
)

// Holiday is days on which the weekly hours do not count: either Date, to To where that is given, or
// Every year.
type Holiday struct {
	// Name is for people to read, and the reason that [Calendar.Segments] gives.
	Name string `json:"name,omitempty"`
	// Date is the day, and To the last of several.
	Date Date `json:"date,omitempty"`
	To   Date `json:"to,omitempty"`
	// Every says on which days of every year it is.
	Every *Yearly `json:"every,omitempty"`
}

// Yearly is a rule for a holiday that comes every year. It has exactly one of:
//
//   - Day, to To where that is given. To before Day is in the next year: "12-24" to "01-02".
//   - Month, Weekday and Nth: the last Monday of May is {Month: 5, Weekday: Monday, Nth: -1}.
//   - Weekday and OnOrAfter: Midsummer Day in Sweden is {Weekday: Saturday, OnOrAfter: "06-20"}.
//   - Easter: days after Easter Sunday, -2 for Good Friday.
type Yearly struct {
	// Day is the day, and To the last of several.
	Day MonthDay `json:"day,omitempty"`
	To  MonthDay `json:"to,omitempty"`

	// Month is 1 to 12. Nth is 1 to 5, or -1 to -5 from the end of the month; where a month has no
	// fifth, there is no holiday.
	Month   int     `json:"month,omitempty"`
	Weekday Weekday `json:"weekday,omitempty"`
	Nth     int     `json:"nth,omitempty"`
	// OnOrAfter makes it the first such Weekday from that day on.
	OnOrAfter MonthDay `json:"on_or_after,omitempty"`

	// Easter is days after Easter Sunday, -100 to 250.
	Easter *int `json:"easter,omitempty"`
	// Orthodox takes the Easter of the Julian calendar, in dates of the Gregorian.
	Orthodox bool `json:"orthodox,omitempty"`

	// LeapDay says where a holiday that begins on 29 February is in a year without one.
	LeapDay LeapDay `json:"leap_day,omitempty"`
	// FirstYear and LastYear bound the years in which it begins; 0 is no bound.
	FirstYear int `json:"first_year,omitempty"`
	LastYear  int `json:"last_year,omitempty"`
	// Observed moves the holiday, of one day, by the day of the week on which it would be. The first
	// that fits counts, and then the day itself is none.
	Observed []Observance `json:"observed,omitempty"`
}

// Observance moves a holiday that falls on a day of the week by some days.
type Observance struct {
	On   Weekday `json:"on"`
	Move int     `json:"move"` // -6 to 6 days
}

// LeapDay says what a holiday on 29 February is in a year without one.
type LeapDay string

// What a holiday on 29 February is in other years. Empty is LeapDaySkipped.
const (
	LeapDaySkipped LeapDay = "skipped"
	LeapDayBefore  LeapDay = "02-28"
	LeapDayAfter   LeapDay = "03-01"
)

// NearestWeekday is the rule by which a holiday on a Saturday is observed on the Friday before and one
// on a Sunday on the Monday after, as in the United States.
func NearestWeekday() []Observance { return []Observance{{Saturday, -1}, {Sunday, 1}} }

// NextMonday is the rule by which a holiday of the weekend is observed on the Monday after.
func NextMonday() []Observance { return []Observance{{Saturday, 2}, {Sunday, 1}} }

// dayRange is days of the civil calendar since 1970, [from, to), and which holiday or override they are.
type dayRange struct {
	from, to int64
	of       int
}

// in gives the days of the holiday whose first year is one of those given, [first, last].
func (h *Holiday) in(first, last int, of int, yield func(dayRange)) {
	if h.Every == nil {
		from, _ := h.Date.day()
		to := from
		if h.To != "" {
			to, _ = h.To.day()
		}
		yield(dayRange{from, to + 1, of})
		return
	}
	e := h.Every
	if e.FirstYear != 0 {
		first = max(first, e.FirstYear)
	}
	if e.LastYear != 0 {
		last = min(last, e.LastYear)
	}
	for year := first; year <= last; year++ {
		if from, to, ok := e.of(year); ok {
			yield(dayRange{from, to, of})
		}
	}
}

// of gives the days of the rule in a year.
func (e *Yearly) of(year int) (from, to int64, ok bool) {
	weekday, _ := e.Weekday.number()
	switch {
	case e.Easter != nil:
		from = easter(year, e.Orthodox) + int64(*e.Easter)
	case e.OnOrAfter != "":
		month, day, _ := e.OnOrAfter.parse()
		from = civil(year, month, day)
		from += wall.FloorMod(int64(weekday-weekdayOf(from)), 7)
	case e.Month != 0:
		if from, ok = nth(year, time.Month(e.Month), weekday, e.Nth); !ok {
			return 0, 0, false
		}
	default:
		month, day, _ := e.Day.parse()
		if from, ok = e.leap(year, month, day); !ok {
			return 0, 0, false
		}
		if e.To != "" {
			month, day, _ := e.To.parse()
			if e.To < e.Day {
				year++
			}
			last := civil(year, month, day)
			if e.To == "02-29" && !leapYear(year) {
				last--
			}
			return from, max(last, from) + 1, true
		}
	}
	for _, o := range e.Observed {
		if on, _ := o.On.number(); on == weekdayOf(from) {
			from += int64(o.Move)
			break
		}
	}
	return from, from + 1, true
}

// leap gives a day of a year, and what the rule says of 29 February.
func (e *Yearly) leap(year int, month time.Month, day int) (int64, bool) {
	if month != time.February || day != 29 || leapYear(year) {
		return civil(year, month, day), true
	}
	switch e.LeapDay {
	case LeapDayBefore:
		return civil(year, time.February, 28), true
	case LeapDayAfter:
		return civil(year, time.March, 1), true
	}
	return 0, false
}

func civil(year int, month time.Month, day int) int64 {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / daySeconds
}

func leapYear(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

// nth gives the nth of a weekday in a month, from its end where n is negative.
func nth(year int, month time.Month, weekday, n int) (int64, bool) {
	first, next := civil(year, month, 1), civil(year, month+1, 1)
	var day int64
	if n > 0 {
		day = first + wall.FloorMod(int64(weekday-weekdayOf(first)), 7) + int64(n-1)*7
	} else {
		day = next - 1
		day -= wall.FloorMod(int64(weekdayOf(day)-weekday), 7) + int64(-n-1)*7
	}
	return day, first <= day && day < next
}

// easter gives Easter Sunday by Meeus's algorithms.
func easter(year int, orthodox bool) int64 {
	if orthodox {
		a, b, c := year%4, year%7, year%19
		d := (19*c + 15) % 30
		e := (2*a + 4*b - d + 34) % 7
		// The Julian date, which the Gregorian calendar was 13 days ahead of from March 1900 to
		// February 2100.
		behind := 13
		if year >= 2100 {
			behind = 14
		}
		return civil(year, time.Month((d+e+114)/31), (d+e+114)%31+1+behind)
	}
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (8*b + 13) / 25
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	return civil(year, time.Month((h+l-7*m+114)/31), (h+l-7*m+114)%31+1)
}

// check notes what is wrong with the holiday.
func (h *Holiday) check(f *itsm.Faults, at string) {
	f.Text(at+".name", h.Name, maxName, false)
	if (h.Date != "") == (h.Every != nil) {
		f.Add(at, "must have either date or every")
		return
	}
	if h.Every != nil {
		if h.To != "" {
			f.Add(at+".to", "belongs to date; the last day of a rule stands in every.to")
		}
		h.Every.check(f, at+".every")
		return
	}
	checkDates(f, at, h.Date, h.To)
}

// checkDates notes what is wrong with a date and the last one.
func checkDates(f *itsm.Faults, at string, first, last Date) {
	from, ok := checkDate(f, at+".date", first)
	if last == "" {
		return
	}
	if to, known := checkDate(f, at+".to", last); ok && known && to < from {
		f.Add(at+".to", "is before date")
	}
}

func checkDate(f *itsm.Faults, field string, d Date) (int64, bool) {
	day, ok := d.day()
	if !ok {
		f.Addf(field, `must be a date like "2026-12-24", of the years %d to %d`, MinYear, MaxYear)
	}
	return day, ok
}

func (e *Yearly) check(f *itsm.Faults, at string) {
	monthDay := func(field string, d MonthDay) {
		if _, _, ok := d.parse(); d != "" && !ok {
			f.Add(at+field, `must be a month and a day like "12-24"`)
		}
	}
	monthDay(".day", e.Day)
	monthDay(".to", e.To)
	monthDay(".on_or_after", e.OnOrAfter)
	ways := 0
	for _, given := range []bool{e.Day != "", e.Month != 0, e.OnOrAfter != "", e.Easter != nil} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		f.Add(at, "must have exactly one of day, month, on_or_after and easter")
	}
	if e.To != "" && e.Day == "" {
		f.Add(at+".to", "needs day")
	}
	if needs := e.Month != 0 || e.OnOrAfter != ""; needs || e.Weekday != "" {
		if _, ok := e.Weekday.number(); !ok {
			f.Add(at+".weekday", "must be "+weekdayNames)
		} else if !needs {
			f.Add(at+".weekday", "needs month and nth, or on_or_after")
		}
	}
	if e.Month < 0 || e.Month > 12 {
		f.Add(at+".month", "must be 1 to 12")
	}
	if n := max(e.Nth, -e.Nth); e.Month != 0 && (n < 1 || n > 5) {
		f.Add(at+".nth", "must be 1 to 5, or -1 to -5 from the end of the month")
	} else if e.Month == 0 && e.Nth != 0 {
		f.Add(at+".nth", "needs month")
	}
	if e.Easter != nil && (*e.Easter < -100 || *e.Easter > 250) {
		f.Add(at+".easter", "must be -100 to 250 days")
	}
	if e.Orthodox && e.Easter == nil {
		f.Add(at+".orthodox", "needs easter")
	}
	switch e.LeapDay {
	case "", LeapDaySkipped, LeapDayBefore, LeapDayAfter:
		if e.LeapDay != "" && e.Day != "02-29" {
			f.Add(at+".leap_day", "is for 02-29 alone")
		}
	default:
		f.Addf(at+".leap_day", "must be %s, %s or %s", LeapDaySkipped, LeapDayBefore, LeapDayAfter)
	}
	year := func(field string, y int) {
		if y != 0 && (y < MinYear || y > MaxYear) {
			f.Addf(at+field, "must be %d to %d", MinYear, MaxYear)
		}
	}
	year(".first_year", e.FirstYear)
	year(".last_year", e.LastYear)
	if e.FirstYear != 0 && e.LastYear != 0 && e.LastYear < e.FirstYear {
		f.Add(at+".last_year", "is before first_year")
	}
	if len(e.Observed) > 7 {
		f.Add(at+".observed", "has more rules than a week has days")
		return
	}
	if len(e.Observed) > 0 && e.To != "" {
		f.Add(at+".observed", "is for a holiday of one day")
	}
	for i, o := range e.Observed {
		if _, ok := o.On.number(); !ok {
			f.Add(fmt.Sprintf("%s.observed[%d].on", at, i), "must be "+weekdayNames)
		}
		if o.Move < -6 || o.Move > 6 {
			f.Add(fmt.Sprintf("%s.observed[%d].move", at, i), "must be -6 to 6")
		}
	}
}

// HolidaysIn gives the definition's own holidays on dates in [from, until), as dates, in order and cut to
// these. One that an override gives hours is among them. Of a definition or dates that are not in order it
// gives ErrInvalid.
func (d Definition) HolidaysIn(from, until Date) ([]Holiday, error) {
	var f itsm.Faults
	first, ok := checkDate(&f, "from", from)
	last, known := checkDate(&f, "until", until)
	if ok && known && last <= first {
		f.Add("until", "must be after from")
	}
	if len(d.Holidays) > MaxHolidays {
		f.Addf("holidays", "are %d; at most %d are allowed", len(d.Holidays), MaxHolidays)
	} else {
		for i := range d.Holidays {
			d.Holidays[i].check(&f, fmt.Sprintf("holidays[%d]", i))
		}
	}
	if err := f.Err("calendar"); err != nil {
		return nil, err
	}
	var all []Holiday
	for _, days := range (&rules{holidays: d.Holidays}).holidaysIn(first, last-1) {
		h := Holiday{Name: d.Holidays[days.of].Name, Date: dateOfDay(max(days.from, first))}
		if end := dateOfDay(min(days.to, last) - 1); end != h.Date {
			h.To = end
		}
		all = append(all, h)
	}
	return all, nil
}
