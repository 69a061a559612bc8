// This file holds when a person works: weekly windows by the clock on the wall.

package directory

import (
	"time"

	"github.com/itsmkit/itsmkit/internal/wall"
	"github.com/itsmkit/itsmkit/itsm"
)

// Window is a part of every week, by the clock on the wall of a time zone: from Monday 08:00 to
// 16:30 is {time.Monday, 480, 990}.
type Window struct {
	// Day is the day on which it begins; in JSON 0 is Sunday, as of [time.Weekday].
	Day time.Weekday `json:"day"`
	// From and To are minutes since midnight: From is within it and To is not. To is at most 1440,
	// the end of the day. Where it is below From, the window passes midnight and ends on the next day.
	From int `json:"from"`
	To   int `json:"to"`
}

const dayMinutes = 24 * 60

// MaxWindows is the greatest number of windows of a week.
const MaxWindows = 50

// Hours are the windows of a week. They may overlap. None is every hour of every day.
type Hours []Window

// Validate gives ErrInvalid with every fault, each named from its window: "[2].from".
func (h Hours) Validate() error {
	var f itsm.Faults
	h.validate("", &f)
	return f.Err("hours")
}

// validate notes what is wrong with each window.
func (h Hours) validate(field string, f *itsm.Faults) {
	if len(h) > MaxWindows {
		f.Addf(field, "are %d; at most %d are allowed", len(h), MaxWindows)
		return
	}
	for i, w := range h {
		if w.Day < time.Sunday || w.Day > time.Saturday {
			f.Add(at(field, i)+".day", "must be from 0, Sunday, to 6, Saturday")
		}
		if w.From < 0 || w.From >= dayMinutes {
			f.Add(at(field, i)+".from", "must be from 0 to 1439 minutes since midnight")
		}
		if w.To < 0 || w.To > dayMinutes || w.To == w.From {
			f.Add(at(field, i)+".to", "must be from 0 to 1440 minutes since midnight, and not the same as from")
		}
	}
}

// has says whether the clock on the wall shows a time within the window.
func (w Window) has(wall time.Time) bool {
	minute, day := wall.Hour()*60+wall.Minute(), wall.Weekday()
	if w.To > w.From {
		return day == w.Day && minute >= w.From && minute < w.To
	}
	return day == w.Day && minute >= w.From || day == (w.Day+1)%7 && minute < w.To
}

// Within says whether the instant is within the hours, by the clock of its location. An hour that
// the clock shows twice is within them twice, one that it leaves out is in no window.
func (h Hours) Within(at time.Time) bool {
	for _, w := range h {
		if w.has(at) {
			return true
		}
	}
	return len(h) == 0
}

// Next gives the first instant, from the given one on, that is within the hours by the clock of
// its location. ok is false where the windows are none that can be.
func (h Hours) Next(at time.Time) (next time.Time, ok bool) {
	// Between two changes of the zone's offset the clock runs evenly; a change itself may open a
	// window in its middle, or show it for a second time.
	for range 100 {
		if h.Within(at) {
			return at, true
		}
		change := wall.Stays(at)
		next, ok = h.nextEven(at)
		switch {
		case ok && (change.IsZero() || next.Before(change)):
			return next, true
		case change.IsZero():
			return time.Time{}, false
		}
		at = change
	}
	return time.Time{}, false
}

// nextEven is Next where the offset of the instant stays for ever: it begins at a window's From.
func (h Hours) nextEven(at time.Time) (next time.Time, ok bool) {
	_, offset := at.Zone()
	wall := at.In(time.FixedZone("", offset))
	for _, w := range h {
		days := (int(w.Day) - int(wall.Weekday()) + 7) % 7
		begins := time.Date(wall.Year(), wall.Month(), wall.Day()+days, 0, w.From, 0, 0, wall.Location())
		if begins.Before(wall) {
			begins = begins.AddDate(0, 0, 7)
		}
		if w.Day >= time.Sunday && w.Day <= time.Saturday && (!ok || begins.Before(next)) {
			next, ok = begins, true
		}
	}
	return next.In(at.Location()), ok
}
