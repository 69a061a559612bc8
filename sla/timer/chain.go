// This file holds the check of chains: whether a promise can be kept by those that it rests on.

package timer

import (
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/storage"
)

// Link is a part of a chain of agreements: either it has a goal and a calendar of its own, or it is made of
// other links, which hand on to each other or work side by side.
type Link struct {
	// Name is for people: "network OLA".
	Name string `json:"name"`
	Type Type   `json:"type,omitempty"`
	// Goal has Within or WorkingDays; its condition is not asked.
	Goal     Goal   `json:"goal,omitzero"`
	Calendar string `json:"calendar,omitempty"`
	// Parallel works on all of them at once, and is done with the last; Sequence one after the other.
	Sequence []Link `json:"sequence,omitempty"`
	Parallel []Link `json:"parallel,omitempty"`
}

// ChainBreak is a case in which a chain delivers later than is promised.
type ChainBreak struct {
	// Start is when the record begins, Promised when it is due, and Delivered when the chain is done if each of its
	// links takes all of its time.
	Start     time.Time `json:"start"`
	Promised  time.Time `json:"promised"`
	Delivered time.Time `json:"delivered"`
	// Link is the path of the link at whose end the promise has passed, though it had not when it began.
	Link []string `json:"link"`
}

// ChainReport says whether a promise is kept whenever a record begins.
type ChainReport struct {
	// Kept says that it is. Slack is then the least time between what the chain delivers and due, and Tightest
	// the beginning of a record for which it is that.
	Kept     bool      `json:"kept"`
	Slack    Duration  `json:"slack"`
	Tightest time.Time `json:"tightest"`
	// First is the earliest case in which it is not kept, and Worst the one with the greatest delay.
	First *ChainBreak `json:"first,omitempty"`
	Worst *ChainBreak `json:"worst,omitempty"`
	// Tried is how many beginnings were tried.
	Tried int `json:"tried"`
}

// The bounds of a chain.
const (
	MaxLinks      = 100
	maxChainDepth = 10
	maxChainSpan  = 5 * 366 * 24 * time.Hour
	chainStep     = 15 * time.Minute
)

// CheckChain compares what is promised with what a chain delivers, for records that begin from one instant to
// another, at most five years later: each link takes all of its time by its own calendar, links of a sequence
// begin when the one before them is done, and of parallel ones the last counts.
//
// For goals of open time it is exact: between the instants that are tried, which are those at which a calendar
// opens or closes somewhere along the chain, what is promised and delivered change evenly. Where there is a goal in
// working days, every quarter of an hour is tried besides.
func CheckChain(promise Link, chain Link, calendars map[string]*calendar.Calendar, from, until time.Time) (ChainReport, error) {
	c := chainCheck{calendars: calendars}
	c.link("promise", &promise, 1)
	c.link("chain", &chain, 1)
	if len(promise.Sequence)+len(promise.Parallel) > 0 {
		c.Add("promise", "is made of links; it is one")
	}
	if c.links > MaxLinks+1 {
		c.Addf("chain", "has more than %d links", MaxLinks)
	}
	if !until.After(from) || until.Sub(from) > maxChainSpan {
		c.Add("until", "must be after from, and at most five years")
	}
	if err := c.Err("chain"); err != nil {
		return ChainReport{}, err
	}
	from, until = from.UTC().Round(0), until.UTC().Round(0)
	starts, err := c.starts(&promise, &chain, from, until)
	if err != nil {
		return ChainReport{}, err
	}
	report := ChainReport{Kept: true, Tried: len(starts)}
	for i, start := range starts {
		promised, err := c.done(&promise, start)
		if err != nil {
			return ChainReport{}, err
		}
		delivered, err := c.done(&chain, start)
		if err != nil {
			return ChainReport{}, err
		}
		if slack := Duration(promised.Sub(delivered)); i == 0 || slack < report.Slack {
			report.Slack, report.Tightest = slack, start
		}
		if !delivered.After(promised) {
			continue
		}
		report.Kept = false
		b := &ChainBreak{Start: start, Promised: promised, Delivered: delivered}
		if report.First == nil {
			report.First = b
		}
		if report.Worst == nil || delivered.Sub(promised) > report.Worst.Delivered.Sub(report.Worst.Promised) {
			report.Worst = b
		}
	}
	for _, b := range []*ChainBreak{report.First, report.Worst} {
		if b != nil && b.Link == nil {
			if b.Link, err = c.breaks(&chain, b.Start, b.Promised); err != nil {
				return ChainReport{}, err
			}
		}
	}
	return report, nil
}

type chainCheck struct {
	itsm.Faults
	calendars map[string]*calendar.Calendar
	links     int
	days      bool // there is a goal in working days
}

// link notes what is wrong with a link.
func (c *chainCheck) link(at string, l *Link, depth int) {
	if c.links++; c.links > MaxLinks+1 {
		return
	}
	c.Text(at+".name", l.Name, storage.MaxText, true)
	if depth > maxChainDepth {
		c.Addf(at, "is nested deeper than %d", maxChainDepth)
		return
	}
	kinds := 0
	for _, list := range [][]Link{l.Sequence, l.Parallel} {
		if len(list) > 0 {
			kinds++
		}
	}
	own := l.Calendar != "" || l.Goal.Within != 0 || l.Goal.WorkingDays != nil || l.Goal.By != ""
	if own {
		kinds++
	}
	if kinds != 1 {
		c.Add(at, "must have exactly one of a goal with its calendar, sequence, and parallel")
		return
	}
	if !own {
		for i := range l.Sequence {
			c.link(fmt.Sprintf("%s.sequence[%d]", at, i), &l.Sequence[i], depth+1)
		}
		for i := range l.Parallel {
			c.link(fmt.Sprintf("%s.parallel[%d]", at, i), &l.Parallel[i], depth+1)
		}
		return
	}
	cal := c.calendars[l.Calendar]
	if cal == nil {
		c.Addf(at+".calendar", "%q is unknown", clip(l.Calendar))
	}
	if l.Goal.By != "" {
		c.Add(at+".goal.by", "is of a record; a chain has none")
	}
	own2 := compiler{}
	own2.goal(at+".goal", &l.Goal)
	for _, x := range own2.List() {
		c.Add(x.Field, x.Problem)
	}
	c.days = c.days || l.Goal.WorkingDays != nil
}

// done gives when a link that begins at an instant has used up its time.
func (c *chainCheck) done(l *Link, start time.Time) (time.Time, error) {
	switch {
	case len(l.Sequence) > 0:
		var err error
		for i := range l.Sequence {
			if start, err = c.done(&l.Sequence[i], start); err != nil {
				return start, err
			}
		}
		return start, nil
	case len(l.Parallel) > 0:
		last := start
		for i := range l.Parallel {
			end, err := c.done(&l.Parallel[i], start)
			if err != nil {
				return start, err
			}
			if end.After(last) {
				last = end
			}
		}
		return last, nil
	}
	cal := c.calendars[l.Calendar]
	if w := l.Goal.WorkingDays; w != nil {
		end, err := cal.WorkingDays(start, w.Days, w.At)
		if end.Before(start) {
			end = start
		}
		return end, err
	}
	return cal.Add(start, time.Duration(l.Goal.Within))
}

// breaks gives the path of the link at whose end a promise has passed.
func (c *chainCheck) breaks(l *Link, start, promised time.Time) ([]string, error) {
	at := start
	for i := range l.Sequence {
		end, err := c.done(&l.Sequence[i], at)
		if err != nil {
			return nil, err
		}
		if end.After(promised) {
			path, err := c.breaks(&l.Sequence[i], at, promised)
			return append([]string{l.Name}, path...), err
		}
		at = end
	}
	var longest *Link
	var last time.Time
	for i := range l.Parallel {
		end, err := c.done(&l.Parallel[i], start)
		if err != nil {
			return nil, err
		}
		if longest == nil || end.After(last) {
			longest, last = &l.Parallel[i], end
		}
	}
	if longest != nil {
		path, err := c.breaks(longest, start, promised)
		return append([]string{l.Name}, path...), err
	}
	return []string{l.Name}, nil
}

// starts gives the instants to try, in order.
func (c *chainCheck) starts(promise, chain *Link, from, until time.Time) ([]time.Time, error) {
	last := until
	for _, l := range []*Link{promise, chain} {
		end, err := c.done(l, until)
		if err != nil {
			return nil, err
		}
		if end.After(last) {
			last = end
		}
	}
	all := []time.Time{from, until.Add(-1)}
	for _, l := range []*Link{promise, chain} {
		bends, err := c.bends(l, nil, from, last)
		if err != nil {
			return nil, err
		}
		for _, t := range bends {
			// A calendar's answer may jump just before or after.
			all = append(all, t.Add(-1), t, t.Add(1))
		}
	}
	if c.days {
		for t := from; t.Before(until); t = t.Add(chainStep) {
			all = append(all, t)
		}
	}
	all = slices.DeleteFunc(all, func(t time.Time) bool { return t.Before(from) || !t.Before(until) })
	return inOrder(all), nil
}

func inOrder(all []time.Time) []time.Time {
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

// bends gives the beginnings at which a link's end may change its pace, with those that lead to the ends given.
func (c *chainCheck) bends(l *Link, ends []time.Time, from, last time.Time) ([]time.Time, error) {
	var err error
	switch {
	case len(l.Sequence) > 0:
		for i := len(l.Sequence) - 1; i >= 0; i-- {
			if ends, err = c.bends(&l.Sequence[i], ends, from, last); err != nil {
				return nil, err
			}
		}
		return ends, nil
	case len(l.Parallel) > 0:
		var all []time.Time
		for i := range l.Parallel {
			of, err := c.bends(&l.Parallel[i], ends, from, last)
			if err != nil {
				return nil, err
			}
			all = append(all, of...)
		}
		return inOrder(all), nil
	}
	cal := c.calendars[l.Calendar]
	windows, err := cal.Windows(from, last)
	if err != nil {
		return nil, err
	}
	var edges []time.Time
	for w := range windows {
		edges = append(edges, w.Open, w.Close)
	}
	all := slices.Clone(edges)
	if l.Goal.WorkingDays != nil {
		return inOrder(append(all, ends...)), nil
	}
	for _, end := range append(edges, ends...) {
		start, err := cal.Sub(end, time.Duration(l.Goal.Within))
		if err != nil {
			return nil, err
		}
		if !start.Before(from) {
			all = append(all, start)
		}
	}
	return inOrder(all), nil
}
