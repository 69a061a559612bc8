// This file holds what a host can set, and its check.

package sla

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/storage"
)

// Options are the practice's settings.
type Options struct {
	// Kinds are the kinds of record that have timers, at least one.
	Kinds []RecordKind
	// Actions are what thresholds can do, by the names that policies call them: lower-case letters, digits and
	// underscores, a letter first.
	Actions map[string]Action
	// ActionOf gives what a threshold can do to a kind of record by a name that Actions do not have, so that a name
	// can hold parameters: "reassign:network". A name that it does not know, or not for the kind, is ErrInvalid. Nil knows
	// no names.
	ActionOf func(kind, name string) (Action, error)
	// CheckAction refuses, as ErrInvalid, an action of ActionOf whose name speaks of what is not there. It only reads, and
	// is asked when a policy is drafted, revised and activated. Nil refuses none.
	CheckAction func(ctx context.Context, r storage.Reader, kind, name string) error
	// MayRead says whether the actor may know of the record that a timer is of: nil that it may, ErrNotFound or
	// ErrForbidden that it may not. Nil lets those know of it alone who have [PermissionRead]. A system actor is
	// not asked about.
	MayRead func(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error
	// MayReadEach asks what MayRead does about many records at once, for lists: those that the actor may know of are
	// true in the answer. Nil asks MayRead about one after the other.
	MayReadEach func(ctx context.Context, r storage.Reader, actor itsm.Actor, refs []itsm.Ref) (map[itsm.Ref]bool, error)
	// Refuse are the verdicts on which a record is not logged: the command fails with a [*NotEntitledError], and
	// nothing of it is written. Empty refuses nothing: verdicts are told.
	Refuse []Verdict
}

// RecordKind is a kind of record that has timers.
type RecordKind struct {
	// Schema is the table of the records, with the host's own columns. Required.
	Schema *storage.Schema
	// Fields are the host's own fields, where the records keep such values under "fields" in their bodies.
	Fields *itsm.FieldSet
	// Category gives the category of the state that a record is in, for events that do not tell it. Nil
	// takes it from events alone.
	Category func(row storage.Row) itsm.Category
	// HoldReason is the column that says why a record waits; empty is none.
	HoldReason string
	// HoldReasons are the texts that the column can have: a policy that names another one is refused, as it would never
	// pause by it. Nil is not known, and refuses none.
	HoldReasons []string
	// Facts are what policies can speak of beside columns, fields and the event.
	Facts []routing.Fact
	// FactsOf gives the values of Facts for a record as it is after an event; it only reads. It is asked where a policy
	// names one of them, until a timer begins, which keeps them: what is known of a customer when a
	// record's clock starts counts for it. What it leaves out is not known.
	// named says whether a policy names a fact, so that what none names need not be found out.
	FactsOf func(ctx context.Context, r storage.Reader, row storage.Row, named func(fact string) bool) (map[string]any, error)
	// Worked gives the work that an event of a record tells of, which is taken from a block of minutes: less than nothing for
	// work that is taken back, 0 for an event that tells of none. Nil takes none by itself: see [Practice.Draw].
	Worked func(e itsm.Event) time.Duration
}

// Action is what a threshold does, in a unit of its own with the threshold's other actions: their effects and the
// mark that they are done commit together, once. u.Actor() is a system actor; a command of a practice is given by
// practice.In(u.Store()) and that actor. An error undoes the unit, which is tried again and at last becomes a
// dead letter of the engine. It may be run several times, as every unit may.
//
// ErrTransition is no failure: what the record does not let happen any more is left out, and of several actions the
// others are then taken in units of their own. The actor's Cause names the event of the threshold, and
// "sla:policy/target/threshold" as who acts: a cycle that such an action began, by whatever it set off, does not
// take the same action again.
type Action func(ctx context.Context, u *engine.Unit, o Occasion) error

// Occasion is why an action is taken.
type Occasion struct {
	// Timer is the timer as it is now.
	Timer TimerHead
	// Threshold is the threshold's name, and Cycle the place of the cycle, from 0.
	Threshold string
	Cycle     int
	// At is the instant of the threshold. Late says that it fired more than [LateAfter] after it.
	At   time.Time
	Late bool
	// Key is the same whenever this action is tried for this threshold and cycle, and for no other.
	Key string
}

// speech is a kind of record, and what can be named of it. It does not change.
type speech struct {
	RecordKind
	// all has the names of the event too, own those of the record.
	own, all *routing.Vocabulary
	terms    map[string]storage.Kind
	facts    map[string]bool
}

// eventTerms are what can be named of the event: see [timer.Moment]; and whether it is internal, whether the system
// did it, and who.
var eventTerms = []routing.Fact{
	{Name: "event.type", Kind: storage.Text}, {Name: "event.action", Kind: storage.Text},
	{Name: "event.from_category", Kind: storage.Text}, {Name: "event.to_category", Kind: storage.Text},
	{Name: "event.hold_reason", Kind: storage.Text}, {Name: "event.at", Kind: storage.Time},
	// These package timer does not know by itself.
	{Name: "event.internal", Kind: storage.Bool}, {Name: "event.system", Kind: storage.Bool}, {Name: "event.actor", Kind: storage.Text},
}

var actionName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,59}$`)

// settings are what every rebinding of a practice shares. They do not change, but for what is kept ready.
type settings struct {
	kinds       map[string]*speech
	kindNames   []string
	actions     map[string]Action
	actionOf    func(kind, name string) (Action, error)
	mayAct      func(ctx context.Context, r storage.Reader, kind, name string) error
	mayRead     func(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error
	mayReadEach func(ctx context.Context, r storage.Reader, actor itsm.Actor, refs []itsm.Ref) (map[itsm.Ref]bool, error)
	refuse      []Verdict
	holds       engine.Kept[current]
	readies     memo[*ready]
	coverages   memo[*coverage]
	calendars   memo[*calendar.Calendar]
}

func newSettings(o Options, f *itsm.Faults) *settings {
	s := &settings{
		kinds: map[string]*speech{}, actions: map[string]Action{}, actionOf: o.ActionOf, mayAct: o.CheckAction, mayRead: o.MayRead, mayReadEach: o.MayReadEach, refuse: slices.Clone(o.Refuse),
		readies: memo[*ready]{most: maxReady}, coverages: memo[*coverage]{most: maxReady}, calendars: memo[*calendar.Calendar]{most: maxCalendars},
	}
	for i, v := range o.Refuse {
		if v == Covered || !slices.Contains(Verdicts(), v) {
			f.Addf(fmt.Sprintf("refuse[%d]", i), "is %q; it is one of: %v", clip(string(v)), Verdicts()[1:])
		}
	}
	if len(o.Kinds) == 0 {
		f.Add("kinds", "are required: without one nothing has a timer")
	}
	for i, k := range o.Kinds {
		at := fmt.Sprintf("kinds[%d]", i)
		switch {
		case k.Schema == nil:
			f.Add(at+".schema", "is required")
			continue
		case strings.HasPrefix(k.Schema.Name(), "sla_"):
			f.Addf(at, "is %s: timers have no timers", k.Schema.Name())
			continue
		case s.kinds[k.Schema.Name()] != nil:
			f.Addf(at, "is a second one of %s", k.Schema.Name())
			continue
		}
		if x := newSpeech(k, at, f); x != nil {
			s.kinds[k.Schema.Name()] = x
			s.kindNames = append(s.kindNames, k.Schema.Name())
		}
	}
	slices.Sort(s.kindNames)
	for _, name := range sortedKeys(o.Actions) {
		if !actionName.MatchString(name) {
			f.Addf("actions."+clip(name), "is no name; write lower-case letters, digits and underscores, a letter first, at most 60")
		}
		if o.Actions[name] == nil {
			f.Add("actions."+clip(name), "does nothing")
		}
		s.actions[name] = o.Actions[name]
	}
	return s
}

func newSpeech(k RecordKind, at string, f *itsm.Faults) *speech {
	s := &speech{RecordKind: k, terms: map[string]storage.Kind{}, facts: map[string]bool{}}
	var err error
	if s.own, err = routing.NewVocabulary(k.Schema, k.Fields, k.Facts...); err != nil {
		f.Merge(at, err)
		return nil
	}
	if s.all, err = routing.NewVocabulary(k.Schema, k.Fields, slices.Concat(k.Facts, eventTerms)...); err != nil {
		f.Merge(at, err)
		return nil
	}
	for _, t := range s.all.Terms() {
		s.terms[t.Name] = t.Kind
	}
	for _, x := range k.Facts {
		s.facts[x.Name] = true
	}
	if len(k.Facts) > 0 && k.FactsOf == nil {
		f.Add(at+".facts_of", "is required where there are facts")
	}
	if k.HoldReason != "" {
		if c, ok := k.Schema.Column(k.HoldReason); !ok || c.Kind != storage.Text {
			f.Addf(at+".hold_reason", "is no column of text: %q", clip(k.HoldReason))
		}
	} else if len(k.HoldReasons) > 0 {
		f.Add(at+".hold_reason", "is required where there are hold reasons")
	}
	return s
}

// clip shortens text from outside for an error message.
func clip(s string) string {
	if r := []rune(s); len(r) > 64 {
		return string(r[:64]) + "…"
	}
	return s
}
