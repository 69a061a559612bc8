// This file holds explanations: what counted of a cycle, what did not, and why.

package timer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
)

// Reason says why a span of time counts or does not.
type Reason string

// The reasons. Those of the calendar are those of [calendar.Reason].
const (
	ReasonOpen     = Reason(calendar.ReasonOpen) // it counts
	ReasonPaused   = Reason("paused")            // the target pauses, for the reason that is named
	ReasonExcluded = Reason("excluded")          // it had stopped, by the event that is named, and was reopened
	ReasonEarlier  = Reason("earlier")           // it is before the change that the goal counts from
)

// Segment is a span of instants, [From, To), of a cycle.
type Segment struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Counted says that it counts, all of it.
	Counted bool   `json:"counted"`
	Reason  Reason `json:"reason"`
	// Name is that of the holiday, override or calendar, the pause's reason, or the event.
	Name string `json:"name,omitempty"`
	// Open is how much open time is in it: what a pause keeps from counting.
	Open Duration `json:"open"`
}

// Explanation is all that a cycle consists of, up to an instant. Its segments follow each other without gaps.
type Explanation struct {
	Policy string `json:"policy"`
	Target string `json:"target"`
	Cycle  int    `json:"cycle"`
	Goal   Basis  `json:"goal"`
	// Zone is that of the calendar, in which people read the times.
	Zone     string    `json:"zone"`
	Segments []Segment `json:"segments"`
	// Reading is how the timer stands at the end of it.
	Reading Reading `json:"reading"`
}

// Explain tells what counted of the last cycle up to an instant, which is not before the last moment, or up to its
// end. A timer that never began is ErrInvalid.
func (t *Timer) Explain(s State, until time.Time) (Explanation, error) {
	return t.ExplainCycle(s, len(s.Cycles)-1, until)
}

// ExplainCycle is Explain of one cycle, by its place.
func (t *Timer) ExplainCycle(s State, cycle int, until time.Time) (Explanation, error) {
	if cycle < 0 || cycle >= len(s.Cycles) {
		return Explanation{}, itsm.Invalid("timer", "cycle", fmt.Sprintf("is %d; there are %d", cycle, len(s.Cycles)))
	}
	c := &s.Cycles[cycle]
	if c.Ended != "" {
		until = c.End
	}
	until = until.UTC().Round(0)
	b := c.basis()
	cal, err := t.calendar(b)
	if err != nil {
		return Explanation{}, err
	}
	e := Explanation{Policy: t.policy.Name, Target: t.target.Name, Cycle: cycle, Goal: *b, Zone: cal.Zone().String()}
	if e.Reading, err = t.at(&s, cycle, until); err != nil {
		return Explanation{}, err
	}
	x := explainer{cal: cal, e: &e}
	from := c.Start
	if b.From.After(from) {
		x.whole(from, earlier(b.From, until), ReasonEarlier, "the goal counts from its change")
		from = b.From
	}
	for _, p := range c.Pauses {
		to := p.To
		if to.IsZero() || to.After(until) {
			to = until
		}
		if !to.After(from) {
			continue
		}
		begin := p.From
		if begin.Before(from) {
			begin = from
		}
		x.counted(from, begin)
		reason := ReasonPaused
		if p.Kind == PauseExcluded {
			reason = ReasonExcluded
		}
		x.whole(begin, to, reason, p.Reason)
		from = to
	}
	x.counted(from, until)
	return e, x.err
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

type explainer struct {
	cal *calendar.Calendar
	e   *Explanation
	err error
}

// whole adds a span that does not count.
func (x *explainer) whole(from, to time.Time, reason Reason, name string) {
	if x.err != nil || !to.After(from) {
		return
	}
	open, err := x.cal.Between(from, to)
	x.err = err
	x.e.Segments = append(x.e.Segments, Segment{From: from, To: to, Reason: reason, Name: name, Open: Duration(open)})
}

// counted adds a span that the calendar decides about.
func (x *explainer) counted(from, to time.Time) {
	if x.err != nil || !to.After(from) {
		return
	}
	segments, err := x.cal.Segments(from, to)
	if err != nil {
		x.err = err
		return
	}
	for s := range segments {
		one := Segment{From: s.From, To: s.To, Counted: s.Reason == calendar.ReasonOpen, Reason: Reason(s.Reason), Name: s.Name}
		if one.Counted {
			one.Open = Duration(s.To.Sub(s.From))
		}
		x.e.Segments = append(x.e.Segments, one)
	}
}

// location gives the zone, in which people read the times.
func (e *Explanation) location() *time.Location {
	if l, err := time.LoadLocation(e.Zone); err == nil {
		return l
	}
	return time.UTC
}

// words says why a segment does or does not count.
func (s *Segment) words() string {
	text := string(s.Reason)
	if s.Counted {
		text = "counts"
	}
	if s.Name != "" {
		text += ": " + s.Name
	}
	if !s.Counted && s.Open > 0 {
		text += fmt.Sprintf(" (%s open)", s.Open)
	}
	return text
}

// String gives the explanation as text, a line for each segment, with times in the calendar's zone.
func (e Explanation) String() string {
	var b strings.Builder
	zone := e.location()
	fmt.Fprintf(&b, "%s of %s: %s, %s\n", e.Target, e.Policy, e.Goal.describe(), e.Zone)
	var counted Duration
	for _, s := range e.Segments {
		length, sum := "", ""
		if s.Counted {
			counted += s.Open
			length, sum = s.Open.String(), counted.String()
		}
		line := fmt.Sprintf("%s  %s  %8s %8s  %s", stamp(s.From, zone), stamp(s.To, zone), length, sum, s.words())
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	r := &e.Reading
	fmt.Fprintf(&b, "counted %s of %s", r.Open, r.Goal)
	switch {
	case r.Phase == PhaseIdle:
		b.WriteString("; cancelled")
	case r.Outcome == OutcomeBreached:
		fmt.Fprintf(&b, "; breached at %s", stamp(r.Due, zone))
	case r.Outcome == OutcomeMet:
		fmt.Fprintf(&b, "; met, due %s", stamp(r.Due, zone))
	case !r.HasDue:
		fmt.Fprintf(&b, ", %s left; paused, so not due", r.Remaining)
	default:
		fmt.Fprintf(&b, ", %s left; due %s", r.Remaining, stamp(r.Due, zone))
	}
	b.WriteString("\n")
	return b.String()
}

// stamp shows an instant as finely as it is.
func stamp(t time.Time, zone *time.Location) string {
	layout := "Mon 2006-01-02 15:04"
	if t.Nanosecond() != 0 {
		layout += ":05.999999999"
	} else if t.Second() != 0 {
		layout += ":05"
	}
	return t.In(zone).Format(layout)
}

// Mermaid gives the explanation as a Gantt chart in the language of Mermaid: what counts, what is closed and what
// is paused as sections, in UTC.
func (e Explanation) Mermaid() string {
	var b strings.Builder
	title := fmt.Sprintf("%s of %s - %s", e.Target, e.Policy, e.Goal.describe())
	fmt.Fprintf(&b, "gantt\n    title %s\n    dateFormat YYYY-MM-DDTHH:mm:ss\n    axisFormat %%a %%H:%%M\n", plain(title))
	for _, section := range []struct {
		title, style string
		in           func(Segment) bool
	}{
		{"Counted", "active", func(s Segment) bool { return s.Counted }},
		{"Paused", "crit", func(s Segment) bool { return isPause(s.Reason) }},
		{"Closed", "done", func(s Segment) bool { return !s.Counted && !isPause(s.Reason) }},
	} {
		if !slices.ContainsFunc(e.Segments, section.in) {
			continue
		}
		fmt.Fprintf(&b, "    section %s\n", section.title)
		for _, s := range e.Segments {
			if section.in(s) {
				const layout = "2006-01-02T15:04:05"
				fmt.Fprintf(&b, "    %s :%s, %s, %s\n", plain(cmp.Or(s.Name, string(s.Reason))), section.style,
					s.From.UTC().Format(layout), s.To.UTC().Format(layout))
			}
		}
	}
	if e.Reading.HasDue {
		fmt.Fprintf(&b, "    section Due\n    due :milestone, %s, 0d\n", e.Reading.Due.UTC().Format("2006-01-02T15:04:05"))
	}
	return b.String()
}

func isPause(r Reason) bool {
	return r == ReasonPaused || r == ReasonExcluded || r == ReasonEarlier
}

// plain takes out what has a meaning in Mermaid.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(":;#,%\n\r\t\"`<>{}", r) {
			return ' '
		}
		return r
	}, s)
}
