// This file turns the rules of rickar/cal into holidays of a calendar.

package holidays

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rickar/cal/v2"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
)

// Regions gives the codes that [Of] takes, in order: countries as ISO 3166-1 writes them ("US"), and the
// parts that rickar/cal knows by ISO 3166-2 or a short form of it ("DE-BY", "CH-ZH", "AU-NSW").
func Regions() []string { return slices.Clone(regions[:]) }

// Years that can be asked for.
const (
	FirstYear = 1970
	LastYear  = 2100
)

// Of gives the holidays of a region whose days off are in the years from first to last, as dates, in order. A
// holiday that is observed on another day is given on that day alone, as rickar/cal counts work days.
// ErrInvalid names a region that is not known, and years that are not from [FirstYear] to [LastYear] in
// order.
//
// rickar/cal computes in cal.DefaultLoc, which is the machine's zone where the program does not set it. Where that
// zone skips a midnight in these years (Chile, Cuba, Egypt, Lebanon), some holidays would come out on other
// days, so ErrInvalid says that too; such a program sets cal.DefaultLoc to time.UTC when it starts.
//
// The rules are those of today and of the past as far as rickar/cal knows them; a definition that takes
// the result over should say so with its From and Until.
func Of(region string, first, last int) ([]calendar.Holiday, error) {
	var f itsm.Faults
	rules := rulesOf(region)
	if rules == nil {
		f.Addf("region", "must be one of %s", strings.Join(regions[:], ", "))
	}
	if first < FirstYear || last > LastYear || last < first {
		f.Addf("years", "must be from %d to %d, in order", FirstYear, LastYear)
	}
	if f.Empty() && skipsMidnight(first-1, last+2) {
		f.Addf("cal.DefaultLoc", "is %s, where some days have no midnight, by which holidays would come out on other days; set it to time.UTC", cal.DefaultLoc)
	}
	if err := f.Err("holidays"); err != nil {
		return nil, err
	}
	var all []calendar.Holiday
	for year := first - 1; year <= last+1; year++ { // what is observed may be in another year
		for _, rule := range rules {
			_, observed := rule.Calc(year)
			if observed.IsZero() {
				continue
			}
			if y := observed.Year(); first <= y && y <= last {
				all = append(all, calendar.Holiday{Name: rule.Name, Date: calendar.DateOf(observed)})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b calendar.Holiday) int { return strings.Compare(string(a.Date), string(b.Date)) })
	return slices.Compact(all), nil
}

// skipsMidnight says whether the zone in which rickar/cal computes has a day without a midnight in the years
// from first to last.
func skipsMidnight(first, last int) bool {
	if cal.DefaultLoc == time.UTC {
		return false
	}
	for day := time.Date(first, 1, 1, 12, 0, 0, 0, time.UTC); day.Year() <= last; day = day.AddDate(0, 0, 1) {
		if at := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, cal.DefaultLoc); at.Hour() != 0 || at.Day() != day.Day() {
			return true
		}
	}
	return false
}

// Add gives a definition with the holidays of a region for the years from first to last behind its own, and
// known for these years alone: From and Until are narrowed to them.
func Add(d calendar.Definition, region string, first, last int) (calendar.Definition, error) {
	found, err := Of(region, first, last)
	if err != nil {
		return d, err
	}
	d.Holidays = slices.Concat(d.Holidays, found)
	from, until := calendar.Date(fmt.Sprintf("%d-01-01", first)), calendar.Date(fmt.Sprintf("%d-01-01", last+1))
	if d.From < from {
		d.From = from
	}
	if d.Until == "" || d.Until > until {
		d.Until = until
	}
	return d, nil
}
