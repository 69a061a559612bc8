// This file holds what a person writes down of a calendar, and its JSON form.

package calendar

import (
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/internal/strictjson"
)

// Definition says when work is done. It is plain data with a JSON form; [Compile] checks it and makes
// it answer. Of a date, an [Override] counts before a holiday, and a holiday before the weekly hours.
// Breaks are taken from whatever is open. What this gives is joined with AnyOf, kept to AllOf, and
// NoneOf is taken from it.
type Definition struct {
	// Name is that by which other definitions, and people, call it; at most 200 bytes.
	Name string `json:"name"`
	// Zone is the name of a time zone of the IANA database, "Europe/London". It is required, and
	// "Local" is refused: what is meant would depend on the machine.
	Zone string `json:"zone"`
	// Hours are those of an ordinary week. They may touch, but not overlap.
	Hours []Hours `json:"hours,omitempty"`
	// Breaks are taken from the hours, those of overrides too. On a day of the week that has hours a
	// break must lie in them, whichever windows they are written as.
	Breaks []Hours `json:"breaks,omitempty"`
	// Holidays are dates without the weekly hours. A shift that goes on over midnight belongs to
	// the date on which it opens: a holiday there removes all of it, one on the next date none.
	Holidays []Holiday `json:"holidays,omitempty"`
	// Overrides are dates that have hours of their own, or none. No date may have two.
	Overrides []Override `json:"overrides,omitempty"`

	// AnyOf, AllOf and NoneOf name other calendars, in any zone. It is open when it is open by
	// its own hours and overrides or any of AnyOf, and by every one of AllOf, and by none of
	// NoneOf. Without hours, overrides and AnyOf, AllOf alone says when it is open.
	AnyOf  []string `json:"any_of,omitempty"`
	AllOf  []string `json:"all_of,omitempty"`
	NoneOf []string `json:"none_of,omitempty"`

	// From and Until bound what the definition knows: the first date, and that after the last. A
	// list of holidays that ends with 2027 has Until "2028-01-01", and what is asked about later is
	// [ErrHorizon] instead of a year without holidays. Empty is no bound.
	From  Date `json:"from,omitempty"`
	Until Date `json:"until,omitempty"`
}

// Hours is a window of certain days, [From, To) in the local time of the calendar's zone.
type Hours struct {
	// Days are those on which it opens; none means every day.
	Days []Weekday `json:"days,omitempty"`
	// From and To are times of day, "09:00" or "09:00:30", and for To also "24:00". Where To is
	// not after From the window is a night shift that ends on the next day: 22:00 to 06:00 is eight
	// hours, and two equal times are 24. They keep to the clock on the wall: a time that is skipped
	// is the first instant after the gap, one that comes twice is the first.
	From string `json:"from"`
	To   string `json:"to"`
}

// Override gives dates hours of their own.
type Override struct {
	// Name is for people to read: "Stocktaking".
	Name string `json:"name,omitempty"`
	// Date is the date, and To the last of several; empty is Date alone.
	Date Date `json:"date"`
	To   Date `json:"to,omitempty"`
	// Hours are all that these dates have, without Days. None means closed.
	Hours []Hours `json:"hours,omitempty"`
}

// What bounds a definition.
const (
	MaxHours     = 100    // windows in one list, and breaks
	MaxHolidays  = 5_000  // holidays of one definition
	MaxOverrides = 20_000 // overrides of one definition
	MaxOthers    = 100    // definitions that can be referred to, and references in one list
	// MaxDocument is the greatest length in bytes of the JSON that [Parse] reads.
	MaxDocument = 4 << 20

	maxName = 200
)

// Parse reads a definition from its JSON form. What is not one JSON object of these fields alone is
// ErrInvalid. What it says is checked by [Compile], which also knows the calendars it refers to.
func Parse(raw []byte) (Definition, error) {
	var d Definition
	if err := strictjson.Decode("calendar", raw, MaxDocument, &d); err != nil {
		return Definition{}, err
	}
	return d, nil
}

// clip keeps what a fault repeats short.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// clone gives a definition that shares nothing with d.
func (d Definition) clone() Definition {
	d.Hours, d.Breaks = cloneHours(d.Hours), cloneHours(d.Breaks)
	d.Holidays, d.Overrides = slices.Clone(d.Holidays), slices.Clone(d.Overrides)
	for i := range d.Holidays {
		h := &d.Holidays[i]
		if h.Every != nil {
			every := *h.Every
			every.Observed = slices.Clone(every.Observed)
			if every.Easter != nil {
				offset := *every.Easter
				every.Easter = &offset
			}
			h.Every = &every
		}
	}
	for i := range d.Overrides {
		d.Overrides[i].Hours = cloneHours(d.Overrides[i].Hours)
	}
	d.AnyOf, d.AllOf, d.NoneOf = slices.Clone(d.AnyOf), slices.Clone(d.AllOf), slices.Clone(d.NoneOf)
	return d
}

func cloneHours(hours []Hours) []Hours {
	hours = slices.Clone(hours)
	for i := range hours {
		hours[i].Days = slices.Clone(hours[i].Days)
	}
	return hours
}
