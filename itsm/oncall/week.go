// This file holds the picture of a week, for people.

package oncall

import (
	"fmt"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/internal/wall"
	"github.com/itsmkit/itsmkit/itsm"
)

// Week draws seven days as a table, from the local day of the instant on: a line for each day with
// who is on call at its beginning and from which local time on others are. "nobody" marks a gap. A
// day of another length than 24 hours says so, and a time that exists twice on its day has its
// offset from UTC. All times are in the rota's zone.
func (t *Timetable) Week(at time.Time) string {
	w := wall.Clock{Location: t.Zone()}
	local := at.In(w.Location)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC).Unix()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", w)
	for i := range int64(7) {
		begin := midnight + i*day
		from, to := w.First(begin), w.First(begin+day)
		var parts []string
		for s := range t.Shifts(from, to) {
			parts = append(parts, clockTime(s.From.In(w.Location))+" "+names(s.People))
		}
		switch length := to.Sub(from); length {
		case 24 * time.Hour:
		case 0:
			parts = append(parts, "(this day does not exist here)")
		default:
			parts = append(parts, "("+strings.TrimSuffix(strings.TrimSuffix(length.String(), "0s"), "0m")+")")
		}
		fmt.Fprintf(&b, "%s  %s\n", time.Unix(begin, 0).UTC().Format("Mon 2006-01-02"), strings.Join(parts, "  "))
	}
	return b.String()
}

// clockTime writes the time of day that its location shows, with the offset where the day has it twice.
func clockTime(t time.Time) string {
	_, offset := t.Zone()
	twice := false
	if start, end := t.ZoneBounds(); true {
		for _, edge := range [...]time.Time{start, end} {
			if edge.IsZero() {
				continue
			}
			_, before := edge.Add(-time.Second).Zone()
			_, after := edge.Zone()
			repeated := time.Duration(before-after) * time.Second
			twice = twice || repeated > 0 && (before == offset && edge.After(t) && edge.Sub(t) <= repeated ||
				after == offset && !t.Before(edge) && t.Sub(edge) < repeated)
		}
	}
	if twice {
		return t.Format("15:04 -07:00")
	}
	return t.Format("15:04")
}

// names lists people for a table.
func names(people []itsm.ID) string {
	if len(people) == 0 {
		return "nobody"
	}
	texts := make([]string, len(people))
	for i, p := range people {
		texts[i] = string(p)
	}
	return strings.Join(texts, "+")
}
