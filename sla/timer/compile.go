// This file holds the check of policies and what they are compiled to.

package timer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/internal/implication"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/storage"
)

// Options are what [Compile] may be told. The zero value works.
type Options struct {
	// Check says what is wrong with a condition on records of the policy's kind: that of a vocabulary of package
	// itsm/routing has this form. Nil checks the form of conditions alone.
	Check func(when storage.Condition) error
}

// Compiled is a policy that answers. It never changes, and is for any number of goroutines at once.
type Compiled struct {
	policy Policy
	timers []*Timer
}

// Timer answers for one target of a compiled policy.
type Timer struct {
	policy    *Policy
	target    *Target
	calendars map[string]*calendar.Calendar
	edge      bool // due is at the next opening
}

// Compile checks a policy against the calendars, by their names, and makes it answer. ErrInvalid names every
// fault at once: an unknown calendar, a target without goals, thresholds that are not in order, and
// definitions that cannot do what they seem to, such as a start that is a stop, with the reason. The result
// shares nothing with the policy.
func Compile(p Policy, calendars map[string]*calendar.Calendar, o Options) (*Compiled, error) {
	c := compiler{o: o, calendars: calendars, search: implication.NewSearch()}
	c.policy(&p)
	if err := c.Err("policy"); err != nil {
		return nil, err
	}
	own, err := clonePolicy(p)
	if err != nil {
		return nil, err
	}
	compiled := &Compiled{policy: own}
	used := maps.Clone(calendars)
	for i := range compiled.policy.Targets {
		t := &compiled.policy.Targets[i]
		compiled.timers = append(compiled.timers, &Timer{policy: &compiled.policy, target: t, calendars: used, edge: t.Edge == calendar.AtNextOpen})
	}
	return compiled, nil
}

func clonePolicy(p Policy) (own Policy, err error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return own, err
	}
	return Parse(raw)
}

// Policy gives a copy of what it was compiled from.
func (c *Compiled) Policy() Policy {
	own, err := clonePolicy(c.policy)
	if err != nil {
		panic(err) // it was cloned once
	}
	return own
}

// Timers gives those of the targets, in their order.
func (c *Compiled) Timers() []*Timer { return slices.Clone(c.timers) }

// Timer gives that of a target.
func (c *Compiled) Timer(target string) (*Timer, bool) {
	i := slices.IndexFunc(c.timers, func(t *Timer) bool { return t.target.Name == target })
	if i < 0 {
		return nil, false
	}
	return c.timers[i], true
}

// Name gives the target's name.
func (t *Timer) Name() string { return t.target.Name }

// compiler collects what is wrong with a policy.
type compiler struct {
	itsm.Faults
	o         Options
	calendars map[string]*calendar.Calendar
	applies   storage.Condition
	search    *implication.Search // one for all targets, so that it bounds what a policy takes
}

func (c *compiler) name(at, name string) {
	c.Text(at, name, 0, true)
	if len(name) > MaxName {
		c.Addf(at, "has %d bytes; at most %d are allowed", len(name), MaxName)
	}
}

func (c *compiler) most(at string, n, most int) bool {
	if n > most {
		c.Addf(at, "are %d; at most %d are allowed", n, most)
	}
	return n <= most
}

func (c *compiler) policy(p *Policy) {
	c.name("name", p.Name)
	c.Text("title", p.Title, storage.MaxText, false)
	switch p.Type {
	case "", SLA, OLA, UnderpinningContract:
	default:
		c.Addf("type", "is %q; it is one of: sla, ola, underpinning_contract", clip(string(p.Type)))
	}
	c.Key("kind", p.Kind)
	c.condition("when", p.When)
	c.applies = p.When
	if len(p.Targets) == 0 {
		c.Add("targets", "are required")
	}
	if !c.most("targets", len(p.Targets), MaxTargets) {
		return
	}
	seen := map[string]int{}
	for i := range p.Targets {
		t, at := &p.Targets[i], fmt.Sprintf("targets[%d]", i)
		if j, twice := seen[t.Name]; twice {
			c.Addf(at+".name", "is that of targets[%d], too", j)
		}
		seen[t.Name] = i
		c.target(t, at+".")
	}
}

func (c *compiler) target(t *Target, at string) {
	before := len(c.List())
	c.name(at+"name", t.Name)
	c.Text(at+"title", t.Title, storage.MaxText, false)
	for _, l := range []struct {
		name     string
		list     []Match
		required bool
	}{
		{"start", t.Start, true}, {"pause", t.Pause, false}, {"resume", t.Resume, false}, {"stop", t.Stop, true},
		{"cancel", t.Cancel, false}, {"reset", t.Reset, false}, {"reopen.on", t.Reopen.On, false},
	} {
		if l.required && len(l.list) == 0 {
			c.Add(at+l.name, "is required")
		}
		if !c.most(at+l.name, len(l.list), MaxMatches) {
			continue
		}
		for i := range l.list {
			c.match(fmt.Sprintf("%s%s[%d]", at, l.name, i), &l.list[i])
		}
	}
	if len(t.Resume) > 0 && len(t.Pause) == 0 {
		c.Add(at+"resume", "is given, but nothing pauses")
	}
	cal := c.calendars[t.Calendar]
	switch {
	case t.Calendar == "":
		c.Add(at+"calendar", "is required")
	case cal == nil:
		c.Addf(at+"calendar", "%q is unknown; there are: %s", clip(t.Calendar), c.known())
	}
	if t.Edge != "" && t.Edge != calendar.AtClose && t.Edge != calendar.AtNextOpen {
		c.Addf(at+"edge", "is %q; it is at_close or at_next_open", clip(string(t.Edge)))
	}
	for field, o := range map[string]Origin{"shorter": t.OnChange.Shorter, "longer": t.OnChange.Longer} {
		if o != "" && o != FromStart && o != FromChange {
			c.Addf(at+"on_change."+field, "is %q; it is start or change", clip(string(o)))
		}
	}
	switch t.Reopen.Policy {
	case "", ReopenNothing, ReopenResume, ReopenCycle:
	default:
		c.Addf(at+"reopen.policy", "is %q; it is nothing, resume or new_cycle", clip(string(t.Reopen.Policy)))
	}
	if len(t.Goals) == 0 {
		c.Add(at+"goals", "are required")
	}
	if c.most(at+"goals", len(t.Goals), MaxGoals) {
		for i := range t.Goals {
			c.goal(fmt.Sprintf("%sgoals[%d]", at, i), &t.Goals[i])
		}
	}
	if c.most(at+"thresholds", len(t.Thresholds), MaxThresholds) {
		c.thresholds(at, t.Thresholds)
	}
	if len(c.List()) == before {
		c.traps(t, at)
	}
}

func (c *compiler) known() string {
	names := slices.Sorted(maps.Keys(c.calendars))
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > 20:
		return strings.Join(names[:20], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

func (c *compiler) match(at string, m *Match) {
	for _, l := range []struct {
		name string
		list []string
	}{{"types", m.Types}, {"actions", m.Actions}, {"reasons", m.Reasons}} {
		if c.most(at+"."+l.name, len(l.list), MaxNames) {
			for i, name := range l.list {
				c.Key(fmt.Sprintf("%s.%s[%d]", at, l.name, i), name)
			}
		}
	}
	for _, l := range []struct {
		name string
		list []itsm.Category
	}{{"leaving", m.Leaving}, {"entering", m.Entering}, {"in", m.In}} {
		if !c.most(at+"."+l.name, len(l.list), MaxNames) {
			continue
		}
		for i, category := range l.list {
			if !category.Valid() {
				c.Addf(fmt.Sprintf("%s.%s[%d]", at, l.name, i), "is %q; %s", clip(string(category)), oneOfCategories)
			}
		}
	}
	c.condition(at+".when", m.When)
}

func (c *compiler) condition(at string, when storage.Condition) {
	values, parts := 0, 0
	c.shape(at, when, 1, &values, &parts)
	if parts > storage.MaxConditionParts {
		c.Addf(at, "has more than %d parts", storage.MaxConditionParts)
		return
	}
	if values > storage.MaxConditionValues {
		c.Addf(at, "has %d values; at most %d are allowed", values, storage.MaxConditionValues)
	}
	if c.o.Check == nil || when.Op == storage.All {
		return
	}
	// A vocabulary names the condition "when".
	var invalid *storage.ValidationError
	if err := c.o.Check(when); errors.As(err, &invalid) {
		for _, x := range invalid.Faults {
			c.Add(at+strings.TrimPrefix(x.Field, "when"), x.Problem)
		}
	} else {
		c.Merge(at, err)
	}
}

// shape notes what is wrong with a condition whatever the columns are.
func (c *compiler) shape(at string, when storage.Condition, depth int, values, parts *int) {
	if *parts++; *parts > storage.MaxConditionParts {
		return
	}
	if depth > storage.MaxConditionDepth {
		c.Addf(at, "is nested deeper than %d", storage.MaxConditionDepth)
		return
	}
	*values += len(when.Values)
	for _, v := range when.Values {
		switch v.(type) {
		case string, int64, bool:
		default:
			c.Addf(at+".values", "has a %T; they are string, int64 or bool", v)
		}
	}
	comparison := true
	switch when.Op {
	case storage.All, storage.And, storage.Or, storage.Not:
		comparison = false
		if when.Column != "" || len(when.Values) > 0 || when.Op == storage.All && len(when.Of) > 0 {
			c.Add(at+".op", "compares nothing, but there is a column, value or condition that it has no use for")
		}
		if when.Op == storage.Not && len(when.Of) != 1 {
			c.Addf(at+".of", "of not must be one condition; there are %d", len(when.Of))
		}
		if when.Op == storage.Or && len(when.Of) == 0 {
			c.Add(at+".of", "of or is empty, so it never holds")
		}
		for i, sub := range when.Of {
			c.shape(fmt.Sprintf("%s.of[%d]", at, i), sub, depth+1, values, parts)
		}
	case storage.Equal, storage.Below, storage.AtMost, storage.Above, storage.AtLeast, storage.Prefix:
		if len(when.Values) != 1 {
			c.Addf(at+".values", "must be one for %s; there are %d", when.Op, len(when.Values))
		}
	case storage.Null:
		if len(when.Values) != 0 {
			c.Add(at+".values", "must be none for null")
		}
	case storage.In:
	default:
		c.Addf(at+".op", "is %q, which is unknown here", clip(string(when.Op)))
		return
	}
	if comparison && when.Column == "" {
		c.Add(at+".column", "is required")
	}
	if comparison && len(when.Of) > 0 {
		c.Addf(at+".of", "must be none for %s", when.Op)
	}
}

func (c *compiler) goal(at string, g *Goal) {
	c.Text(at+".name", g.Name, storage.MaxText, false)
	c.condition(at+".when", g.When)
	given := 0
	if g.Within != 0 {
		given++
		if g.Within < 0 || g.Within > MaxGoal {
			c.Addf(at+".within", "is %s; it must be more than 0 and at most %s", g.Within, MaxGoal)
		}
	}
	if g.By != "" {
		given++
	}
	if w := g.WorkingDays; w != nil {
		given++
		if w.Days < 0 || w.Days > 5000 {
			c.Addf(at+".working_days.days", "is %d; it is 0 to 5000", w.Days)
		}
		if !w.At.Valid() {
			c.Addf(at+".working_days.at", "is %q; it is keep, end, or a time like 16:00", clip(string(w.At)))
		}
	}
	switch given {
	case 0:
		c.Add(at+".within", "is required and more than 0, unless working_days or by is given")
	case 1:
	default:
		c.Add(at, "has more than one of within, working_days and by")
	}
}

func (c *compiler) thresholds(at string, list []Threshold) {
	seen := map[string]int{}
	var share, offset *Threshold
	for i := range list {
		h, at := &list[i], fmt.Sprintf("%sthresholds[%d]", at, i)
		c.name(at+".name", h.Name)
		if j, twice := seen[h.Name]; twice {
			c.Addf(at+".name", "is that of thresholds[%d], too", j)
		}
		seen[h.Name] = i
		if c.most(at+".actions", len(h.Actions), MaxNames) {
			for j, name := range h.Actions {
				c.Key(fmt.Sprintf("%s.actions[%d]", at, j), name)
			}
		}
		switch {
		case h.Share != Share{} && h.Offset != 0:
			c.Add(at, "has both share and offset")
		case h.Share != Share{}:
			if !h.Share.valid() {
				c.Add(at+".share", "must be more than nothing")
				continue
			}
			if share != nil && h.Share.compare(share.Share) <= 0 {
				c.Addf(at+".share", "is %s, which is out of order after the %s of %q", h.Share, share.Share, clip(share.Name))
			}
			share = h
		default: // no offset is due itself
			if h.Offset < -MaxGoal || h.Offset > MaxGoal {
				c.Addf(at+".offset", "is %s; at most %s is allowed", h.Offset, MaxGoal)
			}
			if offset != nil && h.Offset <= offset.Offset {
				c.Addf(at+".offset", "is %s, which is out of order after the %s of %q", h.Offset, offset.Offset, clip(offset.Name))
			}
			offset = h
		}
	}
}

// traps notes definitions that cannot do what they seem to.
func (c *compiler) traps(t *Target, at string) {
	all := func(list ...storage.Condition) storage.Condition { return storage.Condition{Op: storage.And, Of: list} }
	start, pause, resume := logic(t.Start), logic(t.Pause), logic(t.Resume)
	stop, cancel, reset := logic(t.Stop), logic(t.Cancel), logic(t.Reset)
	follows := func(if_, then storage.Condition) bool {
		return c.search.Follows(implication.Conjoin(if_), then)
	}
	never := func(when storage.Condition) bool {
		return c.search.Impossible(implication.Conjoin(when))
	}
	begins, paused := all(c.applies, start), all(c.applies, pause)
	switch {
	case never(c.applies):
		c.Add("when", "can never hold, so the policy applies to nothing")
		return
	case never(begins):
		c.Add(at+"start", "can never hold where the policy applies, so the timer never begins")
	case follows(begins, stop):
		c.Add(at+"start", "holds only where stop does, so the timer would stop as it starts")
	case len(t.Cancel) > 0 && follows(begins, cancel):
		c.Add(at+"start", "holds only where cancel does, so the timer never begins")
	}
	for i, m := range t.Stop {
		if never(all(c.applies, logic([]Match{m}))) {
			c.Addf(fmt.Sprintf("%sstop[%d]", at, i), "can never hold where the policy applies: the timer would be cancelled instead of stopped")
		}
	}
	for i, m := range t.Reset {
		if !m.momentary() {
			c.Addf(fmt.Sprintf("%sreset[%d]", at, i), "says only how the record is, so that every event would begin a new cycle; name an event, an action, or a category that is entered or left")
		}
	}
	if len(t.Reset) > 0 && follows(all(c.applies, reset), stop) {
		c.Add(at+"reset", "holds only where stop does, so the timer would stop instead of beginning anew")
	}
	if len(t.Pause) == 0 {
		return
	}
	switch {
	case never(paused):
		c.Add(at+"pause", "can never hold where the policy applies: the timer would be cancelled, or go on, instead of pausing")
	case follows(paused, stop):
		c.Add(at+"pause", "holds only where stop does: the timer would stop instead of pausing")
	case len(t.Cancel) > 0 && follows(paused, cancel):
		c.Add(at+"pause", "holds only where cancel does: the timer would be cancelled instead of pausing")
	case follows(c.applies, pause):
		c.Add(at+"pause", "holds whatever happens, so the timer would be paused for ever")
	case follows(begins, pause):
		c.Add(at+"pause", "holds wherever start does, so the timer is paused as it starts, and whenever its start holds")
	case len(t.Resume) > 0 && never(all(c.applies, resume)):
		c.Add(at+"resume", "can never hold where the policy applies, so the timer would be paused for ever")
	case len(t.Resume) > 0 && follows(all(c.applies, resume), pause):
		c.Add(at+"resume", "holds only where pause does, so the timer would be paused for ever")
	}
}

// logic gives a list of matches as one condition, of what a moment's own names are.
func logic(list []Match) storage.Condition {
	or := storage.Condition{Op: storage.Or}
	for i := range list {
		m := &list[i]
		and := storage.Condition{Op: storage.And}
		add := func(column string, values []any) {
			if len(values) > 0 {
				and.Of = append(and.Of, storage.Condition{Op: storage.In, Column: column, Values: values})
			}
		}
		add(eventType, anys(m.Types))
		add(eventAction, anys(m.Actions))
		add(eventFrom, anys(m.Leaving))
		add(eventTo, anys(m.Entering))
		add(eventTo, anys(m.In))
		add(eventReason, anys(m.Reasons))
		if len(m.Leaving)+len(m.Entering) > 0 {
			add(eventMoved, []any{true})
		}
		if m.When.Op != storage.All {
			and.Of = append(and.Of, m.When)
		}
		or.Of = append(or.Of, and)
	}
	return or
}

func anys[S ~string](list []S) (all []any) {
	for _, s := range list {
		all = append(all, string(s))
	}
	return all
}
