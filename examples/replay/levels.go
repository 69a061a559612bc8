// This file holds the service levels: timers of policies that are attached to the imported histories.

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
)

// agreement is what a file of the flag -sla holds.
type agreement struct {
	Calendars []calendar.Definition `json:"calendars"`
	Policies  []timer.Policy        `json:"policies"`
}

// readPolicies reads and compiles the policies of all files.
func readPolicies(files []string) ([]*timer.Compiled, error) {
	var all []*timer.Compiled
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var a agreement
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&a); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		calendars := map[string]*calendar.Calendar{}
		for _, def := range a.Calendars {
			if calendars[def.Name], err = calendar.Compile(def, calendar.Options{Others: a.Calendars}); err != nil {
				return nil, fmt.Errorf("%s: calendar %s: %w", file, def.Name, err)
			}
		}
		for _, p := range a.Policies {
			c, err := timer.Compile(p, calendars, timer.Options{})
			if err != nil {
				return nil, fmt.Errorf("%s: policy %s: %w", file, p.Name, err)
			}
			all = append(all, c)
		}
	}
	return all, nil
}

// levels are the policies and what they have come to so far.
type levels struct {
	policies []*timer.Compiled
	attained map[attained]*attainment
	// each is told of every timer that ended; it may be nil.
	each func(source string, policy, target string, r timer.Reading)
}

func newLevels(policies []*timer.Compiled) *levels {
	return &levels{policies: policies, attained: map[attained]*attainment{}}
}

// attained is what attainment is counted by; of priority 0 it is of all.
type attained struct {
	policy, target int
	priority       itsm.Priority
}

// attainment is how often a target was met. What never ended, or was cancelled, is in neither.
type attainment struct {
	Policy   string  `json:"policy"`
	Target   string  `json:"target"`
	Priority string  `json:"priority"`
	Met      int     `json:"met"`
	Breached int     `json:"breached"`
	Rate     float64 `json:"rate_met"`
	// MeanHours is the mean of the hours that counted.
	MeanHours float64 `json:"mean_hours"`
	counted   time.Duration
}

// add runs the timers over the history of one incident.
func (l *levels) add(category func(incident.State) (itsm.Category, bool), rows []incident.ImportedRow) error {
	moments := momentsOf(category, rows)
	final := rows[len(rows)-1].Entry
	for n, p := range l.policies {
		if p.Policy().Kind != incident.Kind {
			continue
		}
		for k, t := range p.Timers() {
			s, err := runLive(t, moments)
			if err != nil {
				return fmt.Errorf("%s, policy %s, target %s: %w", final.Source, p.Policy().Name, t.Name(), err)
			}
			for cycle, c := range s.Cycles {
				r, err := t.Cycle(s, cycle, c.End)
				if err != nil {
					return err
				}
				if c.End.IsZero() || r.Outcome != timer.OutcomeMet && r.Outcome != timer.OutcomeBreached {
					continue
				}
				if l.each != nil {
					l.each(final.Source, p.Policy().Name, t.Name(), r)
				}
				for _, priority := range []itsm.Priority{0, final.Priority} {
					key := attained{n, k, priority}
					a := l.attained[key]
					if a == nil {
						a = &attainment{Policy: p.Policy().Name, Target: t.Name(), Priority: "all"}
						if priority != 0 {
							a.Priority = priority.String()
						}
						l.attained[key] = a
					}
					if r.Outcome == timer.OutcomeMet {
						a.Met++
					} else {
						a.Breached++
					}
					a.counted += time.Duration(r.Open)
				}
			}
		}
	}
	return nil
}

// runLive runs a timer as it runs beside the records: a moment after the other, and what comes due
// between them in its time.
func runLive(t *timer.Timer, moments []timer.Moment) (s timer.State, err error) {
	for _, m := range moments {
		if s, _, err = t.Fire(s, m.At); err != nil {
			return s, err
		}
		if s, _, err = t.Apply(s, m); err != nil {
			return s, err
		}
	}
	return s, nil
}

// momentsOf gives a history as moments, in their order: that it was opened, each row, and that it was
// resolved. When it was opened and resolved the log says with times of their own, which are not those of
// rows; the values that it is resolved with are those of the last row.
func momentsOf(category func(incident.State) (itsm.Category, bool), rows []incident.ImportedRow) []timer.Moment {
	final := rows[len(rows)-1].Entry
	var moments []timer.Moment
	add := func(at time.Time, kind string, from, to itsm.Category, e incident.HistoryEntry) {
		moments = append(moments, timer.Moment{
			Version: int64(len(moments) + 1), At: at, Type: kind, From: from, To: to, HoldReason: e.HoldReason, Values: valuesOf(e),
		})
	}
	if !final.Opened.IsZero() {
		add(final.Opened, "incident.logged.v1", "", itsm.CategoryNew, rows[0].Entry)
	}
	var was itsm.Category
	var last time.Time
	for _, r := range rows {
		at := r.Entry.At
		if at.Before(last) {
			at = last // a log may step back
		}
		last = at
		is, _ := category(incident.State(r.Entry.State))
		add(at, incident.Imported{}.EventType(), was, is, r.Entry)
		was = is
	}
	slices.SortStableFunc(moments, func(a, b timer.Moment) int { return a.At.Compare(b.At) })
	if !final.Resolved.IsZero() {
		// After the rows of that instant, with the state of then.
		n, _ := slices.BinarySearchFunc(moments, final.Resolved, func(m timer.Moment, at time.Time) int {
			if m.At.After(at) {
				return 1
			}
			return -1
		})
		var is itsm.Category
		if n > 0 {
			is = moments[n-1].To
		}
		// It has its last values first, so that it is the last priority whose goal is met or not.
		moments = slices.Insert(moments, n,
			timer.Moment{At: final.Resolved, Type: incident.Classified{}.EventType(), From: is, To: is, Values: valuesOf(final)},
			timer.Moment{At: final.Resolved, Type: incident.Resolved{}.EventType(), From: is, To: itsm.CategoryResolved, Values: valuesOf(final)})
	}
	for n := range moments {
		moments[n].Version = int64(n + 1)
	}
	return moments
}

// valuesOf are those that conditions of policies can name: of the columns of incidents those that
// a log has.
func valuesOf(e incident.HistoryEntry) map[string]any {
	values := map[string]any{}
	for name, text := range map[string]string{
		"state": e.State, "source_state": e.SourceState, "category": e.Category, "subcategory": e.Subcategory, "service": e.Service,
		"channel": e.Channel, "requester": e.Requester, "group": e.Group, "assignee": e.Assignee,
	} {
		if text != "" {
			values[name] = text
		}
	}
	for name, n := range map[string]int64{"priority": int64(e.Priority), "impact": int64(e.Impact), "urgency": int64(e.Urgency)} {
		if n != 0 {
			values[name] = n
		}
	}
	return values
}

// finish gives what was attained, in the order of the policies, of their targets and of priorities.
func (l *levels) finish() []attainment {
	var all []attainment
	for _, key := range slices.SortedFunc(maps.Keys(l.attained), func(a, b attained) int {
		return slices.Compare([]int{a.policy, a.target, int(a.priority)}, []int{b.policy, b.target, int(b.priority)})
	}) {
		a := *l.attained[key]
		n := a.Met + a.Breached
		a.Rate, a.MeanHours = round(float64(a.Met)/float64(n), 6), round(a.counted.Hours()/float64(n), 4)
		all = append(all, a)
	}
	return all
}

// printLevels writes what was attained as text.
func (r *report) printLevels(p *page) {
	if len(r.Levels) == 0 {
		return
	}
	p.section("Service levels", "hours are those that count for the target")
	rows := [][]string{{"policy", "\ttarget", "\tpriority", "incidents", "met", "breached", "rate met", "mean hours"}}
	for _, a := range r.Levels {
		rows = append(rows, []string{a.Policy, "\t" + a.Target, "\t" + a.Priority, thousands(a.Met + a.Breached), thousands(a.Met),
			thousands(a.Breached), rate(a.Rate), decimal(a.MeanHours, 1)})
	}
	p.table(rows)
}
