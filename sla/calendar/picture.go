// This file holds pictures of a calendar, for people.

package calendar

import (
	"fmt"
	"strings"
	"time"
)

// Week draws seven days, from the local day of the instant on: a line for each, with a sign for each half
// hour of the clock on the wall. '#' is open, '-' open in part, '.' closed, and a blank is a half hour
// that the day does not have. Behind it stand the open time, the names of what closes the calendar that
// day, and the length of a day of other than 24 hours.
func (c *Calendar) Week(t time.Time) (string, error) {
	local := t.In(c.Zone())
	first := civil(local.Year(), local.Month(), local.Day())
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s\n", c.Name(), c.Zone())
	fmt.Fprintf(&b, "%-15s", "")
	for hour := 0; hour < 24; hour += 3 {
		fmt.Fprintf(&b, "%-6d", hour)
	}
	b.WriteString("24\n")
	for day := first; day < first+7; day++ {
		line := dayTime(day).Format("Mon 2006-01-02 ")
		for half := int64(0); half < 48; half++ {
			sign, err := c.sign(day*daySeconds+half*1800, 1800)
			if err != nil {
				return "", err
			}
			line += sign
		}
		remark, err := c.dayRemark(day)
		if err != nil {
			return "", err
		}
		b.WriteString(strings.TrimRight(line+" "+remark, " ") + "\n")
	}
	return b.String(), nil
}

// sign draws some seconds of the clock on the wall.
func (c *Calendar) sign(reading, length int64) (string, error) {
	from, to := c.rules.zone.First(reading), c.rules.zone.First(reading+length)
	open, err := c.Between(from, to)
	switch {
	case err != nil:
		return "", err
	case from.Equal(to):
		return " ", nil
	case open == 0:
		return ".", nil
	case open == to.Sub(from):
		return "#", nil
	}
	return "-", nil
}

// dayRemark says how long a day is open, and why it is not.
func (c *Calendar) dayRemark(day int64) (string, error) {
	from, to := c.rules.zone.First(day*daySeconds), c.rules.zone.First((day+1)*daySeconds)
	open, err := c.Between(from, to)
	if err != nil {
		return "", err
	}
	var remarks []string
	if open > 0 {
		remarks = append(remarks, short(open))
	}
	names, err := c.closedFor(from, to)
	if err != nil {
		return "", err
	}
	remarks = append(remarks, names...)
	switch length := to.Sub(from); length {
	case 24 * time.Hour:
	case 0:
		remarks = append(remarks, "(this day does not exist here)")
	default:
		remarks = append(remarks, "("+short(length)+" day)")
	}
	return strings.Join(remarks, "  "), nil
}

// closedFor names the holidays, overrides and calendars that close a calendar between two instants, each
// once.
func (c *Calendar) closedFor(from, to time.Time) (names []string, err error) {
	segments, err := c.Segments(from, to)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for s := range segments {
		name := s.Name
		switch s.Reason {
		case ReasonOpen, ReasonBreak, ReasonClosed:
			continue
		case ReasonNoneOf:
			name = "not while " + name
		case ReasonAllOf:
			name = "only while " + name
		default:
			if name == "" {
				name = string(s.Reason)
			}
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names, nil
}

// short writes a duration without what is zero at its end.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Month draws the month of the instant: weeks as lines, and for each day its date and how long it is open
// from midnight to midnight. '*' marks a day on which something closes the calendar, named below.
func (c *Calendar) Month(t time.Time) (string, error) {
	local := t.In(c.Zone())
	first, next := civil(local.Year(), local.Month(), 1), civil(local.Year(), local.Month()+1, 1)
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, %s\n", c.Name(), local.Format("January 2006"), c.Zone())
	for _, name := range [...]string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"} {
		fmt.Fprintf(&b, "%-11s", name)
	}
	line, notes := strings.Repeat(" ", 11*((weekdayOf(first)+6)%7)), ""
	rows := []string{}
	for day := first; day < next; day++ {
		from, to := c.rules.zone.First(day*daySeconds), c.rules.zone.First((day+1)*daySeconds)
		open, err := c.Between(from, to)
		if err != nil {
			return "", err
		}
		names, err := c.closedFor(from, to)
		if err != nil {
			return "", err
		}
		cell := dayTime(day).Format("02")
		if len(names) > 0 {
			cell += "*"
			notes += fmt.Sprintf("%s %s\n", dayTime(day).Format("02 Mon"), strings.Join(names, ", "))
		} else {
			cell += " "
		}
		if open > 0 {
			cell += short(open)
		} else {
			cell += "-"
		}
		line += fmt.Sprintf("%-11s", cell)
		if weekdayOf(day) == 0 || day == next-1 {
			rows, line = append(rows, line), ""
		}
	}
	text := strings.TrimRight(b.String(), " ") + "\n"
	for _, row := range rows {
		text += strings.TrimRight(row, " ") + "\n"
	}
	return text + notes, nil
}
