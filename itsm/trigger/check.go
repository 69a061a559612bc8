// This file holds what is wrong with a set of triggers, told all at once, and what is made of a sound
// one.

package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

var triggerName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,59}$`)

const categories = "new, active, waiting, resolved, closed, cancelled"

func asInvalid(err error, v **storage.ValidationError) bool { return errors.As(err, v) }

// step is an action ready to be taken.
type step struct {
	Action
	with   json.RawMessage
	public []string
}

// compiled is a trigger ready to run.
type compiled struct {
	Trigger
	source Source
	speech *speech
	when   storage.Condition
	sh     shorthands
	steps  []step
	// unfit says why it cannot run: what it names is not there any more.
	unfit error
}

// check notes every fault of a set.
func (s *settings) check(set Set, types []string, f *itsm.Faults) {
	if len(set.Triggers) > MaxTriggers {
		f.Addf("triggers", "are %d; at most %d are allowed", len(set.Triggers), MaxTriggers)
		return
	}
	first := map[string]int{}
	for i := range set.Triggers {
		t, at := &set.Triggers[i], fmt.Sprintf("triggers[%d]", i)
		if !triggerName.MatchString(t.Name) {
			f.Addf(at+".name", "is %s; write lower-case letters, digits, underscores and hyphens, a letter first, at most %d", quoted(t.Name), MaxName)
		} else if j, twice := first[t.Name]; twice {
			f.Addf(at+".name", "%s is that of triggers[%d] already", quoted(t.Name), j)
		} else {
			first[t.Name] = i
		}
		s.compile(t, types, at, f)
	}
}

// compile makes a trigger ready to run, and notes every fault that it has but those of its name.
func (s *settings) compile(t *Trigger, types []string, at string, f *itsm.Faults) *compiled {
	c := &compiled{Trigger: *t}
	f.Text(at+".title", t.Title, storage.MaxText, false)
	if d := t.during(); d != DuringAfter && d != DuringTransaction {
		f.Addf(at+".during", "is %s; allowed are after and transaction", quoted(string(t.During)))
	}
	t.On.check(types, at+".on", f)
	c.speech = s.kinds[t.On.Kind]
	if c.speech == nil {
		f.Addf(at+".on.kind", "%s is no kind of record that triggers are told of", quoted(t.On.Kind))
	} else {
		c.when, c.sh = c.speech.condition(t, at, f)
	}
	switch {
	case len(t.Actions) == 0:
		f.Add(at+".actions", "are required")
	case len(t.Actions) > MaxSteps:
		f.Addf(at+".actions", "are %d; at most %d are allowed", len(t.Actions), MaxSteps)
		return c
	}
	for i, w := range t.Actions {
		at := fmt.Sprintf("%s.actions[%d]", at, i)
		a, ok := s.actions[w.Action]
		if !ok {
			f.Addf(at+".action", "%s is unknown; there are: %s", quoted(w.Action), strings.Join(s.actionNames, ", "))
			continue
		}
		if a.only != "" && a.only != t.during() {
			f.Addf(at+".action", "%s is for triggers that run %s", a.name, map[During]string{
				DuringAfter: "after the commit", DuringTransaction: "in the transaction"}[a.only])
		}
		public, ok := c.parameters(a, w.With, at+".with", f)
		if ok {
			c.steps = append(c.steps, step{Action: a, with: w.With, public: public})
		}
	}
	return c
}

// parameters notes what is wrong with an action's parameters as they are written.
func (c *compiled) parameters(a Action, with json.RawMessage, at string, f *itsm.Faults) (public []string, ok bool) {
	if len(with) > MaxWith {
		f.Addf(at, "is longer than %d bytes", MaxWith)
		return nil, false
	}
	var own itsm.Faults
	public, err := a.check(with)
	own.Merge(at, err)
	if c.speech != nil {
		_, err = eachText(with, func(member, text string) (string, error) {
			at := at + "." + member
			all, problem := pieces(text)
			if problem != "" {
				own.Add(at, problem)
			}
			for _, p := range all {
				switch _, known := c.speech.kinds[p.name]; {
				case p.name == "":
				case !known:
					own.Addf(at, "%s is no column, field or fact of %s", quoted(p.name), c.On.Kind)
				case slices.Contains(public, member) && !c.speech.isPublic(p.name):
					own.Addf(at, "is read by requesters, and %s is not public", p.name)
				}
			}
			return text, nil
		})
		own.Merge(at, err)
	}
	for _, x := range own.List() {
		x.Field = strings.TrimSuffix(x.Field, ".")
		f.Add(x.Field, x.Problem)
	}
	return public, own.Empty()
}

func (l *Listen) check(types []string, at string, f *itsm.Faults) {
	if len(l.Types) > MaxNames {
		f.Addf(at+".types", "are %d; at most %d are allowed", len(l.Types), MaxNames)
	}
	if len(l.Actions) > MaxNames {
		f.Addf(at+".actions", "are %d; at most %d are allowed", len(l.Actions), MaxNames)
	}
	for i, name := range l.Types {
		if _, known := slices.BinarySearch(types, name); !known {
			f.Addf(fmt.Sprintf("%s.types[%d]", at, i), "%s is an event type that nobody registered", quoted(name))
		}
	}
	for i, name := range l.Actions {
		f.Key(fmt.Sprintf("%s.actions[%d]", at, i), name)
	}
	for field, list := range map[string][]itsm.Category{".leaving": l.Leaving, ".entering": l.Entering} {
		for i, c := range list {
			if !c.Valid() {
				f.Addf(fmt.Sprintf("%s%s[%d]", at, field, i), "is %s; it is one of: %s", quoted(string(c)), categories)
			}
		}
	}
	if len(l.Leaving) == 1 && len(l.Entering) == 1 && l.Leaving[0] == l.Entering[0] {
		f.Add(at+".entering", "is the category that it leaves, so no event does both")
	}
}

// program is the triggers of a tenant, indexed by what they listen to.
type program struct {
	all []*compiled
	// hearing are those of a kind of record that listen to a type, and any those that listen to every
	// type, each in the order in which they run.
	hearing map[string]map[string][]*compiled
	any     map[string][]*compiled
}

// listening gives those that may listen to an event, in the order in which they run.
func (p *program) listening(e *itsm.Event) []*compiled {
	if list, ok := p.hearing[e.Kind][e.Type]; ok {
		return list
	}
	return p.any[e.Kind]
}

// program makes what holds for a tenant ready to run. A trigger that was sound when it was saved and
// is not any more stays in it, with the reason.
func (s *settings) program(m Merged, types []string) *program {
	p := &program{hearing: map[string]map[string][]*compiled{}, any: map[string][]*compiled{}}
	for i := range m.Triggers {
		t := &m.Triggers[i]
		if t.Inactive {
			continue
		}
		var f itsm.Faults
		c := s.compile(t, types, "trigger "+t.Name, &f)
		c.source, c.unfit = m.Sources[i], f.Err("trigger")
		p.all = append(p.all, c)
	}
	for _, c := range p.all {
		for _, name := range c.On.Types {
			if p.hearing[c.On.Kind] == nil {
				p.hearing[c.On.Kind] = map[string][]*compiled{}
			}
			p.hearing[c.On.Kind][name] = nil
		}
	}
	for _, c := range p.all {
		if len(c.On.Types) == 0 {
			p.any[c.On.Kind] = append(p.any[c.On.Kind], c)
		}
		for name, list := range p.hearing[c.On.Kind] {
			if len(c.On.Types) == 0 || slices.Contains(c.On.Types, name) {
				p.hearing[c.On.Kind][name] = append(list, c)
			}
		}
	}
	return p
}
