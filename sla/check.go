// This file holds what is wrong with a calendar or policy, told all at once.

package sla

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// family notes what is wrong with the name of a calendar or policy.
func family(name string, f *itsm.Faults) {
	f.Key("family", name)
}

func (p *Practice) checkCalendar(ctx context.Context, u *engine.Unit, family string, stack versioned.Stack, c Calendar, f *itsm.Faults) {
	if c.Name != family {
		f.Addf("name", "is %q; it must be that of the family, %q", clip(c.Name), clip(family))
	}
	versions, err := activeVersions(ctx, u, CalendarTable)
	if err != nil {
		f.Merge("", err)
		return
	}
	var others []calendar.Definition
	active := effective(versions)
	for _, name := range sortedKeys(active) {
		if name != family {
			others = append(others, active[name].Set.Definition)
		}
	}
	_, err = p.compileOne(c.Definition, others)
	f.Merge("", err)
}

func (p *Practice) checkPolicy(ctx context.Context, u *engine.Unit, family string, stack versioned.Stack, set Policy, f *itsm.Faults) {
	if set.Name != family {
		f.Addf("name", "is %q; it must be that of the family, %q", clip(set.Name), clip(family))
	}
	versions, err := activeVersions(ctx, u, CalendarTable)
	if err != nil {
		f.Merge("", err)
		return
	}
	calendars, err := p.compile(effective(versions))
	if err != nil {
		f.Merge("", err)
		return
	}
	k := p.kinds[set.Kind]
	o := timer.Options{}
	if k == nil {
		f.Addf("kind", "%q has no timers; there are: %s", clip(set.Kind), strings.Join(p.kindNames, ", "))
	} else {
		o.Check = k.all.CheckCondition
	}
	_, err = timer.Compile(set.Policy, calendars, o)
	f.Merge("", err)
	momentary("when", set.When, f)
	for i := range set.Targets {
		for j, g := range set.Targets[i].Goals {
			momentary(fmt.Sprintf("targets[%d].goals[%d].when", i, j), g.When, f)
		}
	}
	types := p.e.EventTypes()
	for i := range set.Targets {
		t, at := &set.Targets[i], fmt.Sprintf("targets[%d]", i)
		for _, l := range []struct {
			name string
			list []timer.Match
		}{{"start", t.Start}, {"pause", t.Pause}, {"resume", t.Resume}, {"stop", t.Stop}, {"cancel", t.Cancel}, {"reset", t.Reset}, {"reopen.on", t.Reopen.On}} {
			for j := range l.list {
				for n, name := range l.list[j].Types {
					if _, known := slices.BinarySearch(types, name); !known {
						f.Addf(fmt.Sprintf("%s.%s[%d].types[%d]", at, l.name, j, n), "%q is an event type that nobody registered", clip(name))
					}
				}
				for n, reason := range l.list[j].Reasons {
					k.reason(fmt.Sprintf("%s.%s[%d].reasons[%d]", at, l.name, j, n), reason, f)
				}
			}
		}
		for j, h := range t.Thresholds {
			for n, name := range h.Actions {
				_, err := p.action(set.Kind, name)
				if err == nil && p.actions[name] == nil && p.mayAct != nil {
					err = p.mayAct(ctx, u.Quiet(), set.Kind, name)
				}
				field := fmt.Sprintf("%s.thresholds[%d].actions[%d]", at, j, n)
				f.Merge(field, err)
				if first := slices.Index(h.Actions, name); first < n {
					f.Addf(field, "is actions[%d], too; an action is taken once", first)
				}
			}
		}
		if k == nil {
			continue
		}
		k.named(at+".calendar_by", t.CalendarBy, storage.Text, "text", f)
		k.named(at+".count_from", t.CountFrom, storage.Time, "a time", f)
		for j, g := range t.Goals {
			k.named(fmt.Sprintf("%s.goals[%d].by", at, j), g.By, storage.Time, "a time", f)
		}
	}
	if k != nil {
		k.named("customer_by", set.CustomerBy, storage.Text, "text", f)
	}
}

// action gives what a threshold of a timer of a kind of record can do by a name.
func (p *Practice) action(kind, name string) (Action, error) {
	if do := p.actions[name]; do != nil {
		return do, nil
	}
	if p.actionOf != nil {
		return p.actionOf(kind, name)
	}
	there := "none"
	if len(p.actions) > 0 {
		there = strings.Join(sortedKeys(p.actions), ", ")
	}
	return nil, itsm.Invalid("sla action", "", fmt.Sprintf("%q is unknown; there are: %s", clip(name), there))
}

// named notes a name that is none of a record of the kind, or of something else than is wanted.
func (k *speech) named(at, name string, want storage.Kind, words string, f *itsm.Faults) {
	if name == "" {
		return
	}
	switch kind, known := k.terms[name]; {
	case !known || isEvent(name):
		f.Addf(at, "%q is no column, field or fact of %s", clip(name), k.Schema.Name())
	case kind != want:
		f.Addf(at, "%q is not %s", clip(name), words)
	}
}

// reason notes a hold reason that no record of the kind has.
func (k *speech) reason(at, reason string, f *itsm.Faults) {
	switch {
	case k == nil:
	case k.HoldReason == "":
		f.Addf(at, "%q is no hold reason of %s; it has none", clip(reason), k.Schema.Name())
	case k.HoldReasons != nil && !slices.Contains(k.HoldReasons, reason):
		f.Addf(at, "%q is no hold reason of %s; there are: %s", clip(reason), k.Schema.Name(), strings.Join(k.HoldReasons, ", "))
	}
}

// momentary notes a condition that is asked at every event and names what is of one event alone.
func momentary(at string, c storage.Condition, f *itsm.Faults) {
	for _, name := range columns(c) {
		if isEvent(name) && name != "event.to_category" && name != "event.hold_reason" {
			f.Addf(at, "names %s, which is of one event: it would cease to hold at the next", name)
		}
	}
}
