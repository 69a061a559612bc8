// This file holds what conditions and substitutions can name for one kind of record, and the
// shorthands for what changed.

package trigger

import (
	"fmt"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/storage"
)

// The operators that a condition of a trigger has besides those of package storage.
const (
	// OpChanged holds where the event changed the column. It takes no values.
	OpChanged storage.Op = "changed"
	// OpChangedFrom holds where the event changed the column, which had one of the values before.
	OpChangedFrom storage.Op = "changed_from"
	// OpChangedTo holds where the event changed the column, which has one of the values since.
	OpChangedTo storage.Op = "changed_to"
)

// The first words of the names that are not the record's own.
const (
	beforePrefix  = "before."
	changedPrefix = "changed."
	eventPrefix   = "event."
)

// eventTerms are what can be named of the event itself.
var eventTerms = []routing.Fact{
	{Name: "event.type", Kind: storage.Text}, {Name: "event.action", Kind: storage.Text},
	{Name: "event.actor", Kind: storage.Text}, {Name: "event.system", Kind: storage.Bool},
	{Name: "event.from", Kind: storage.Text}, {Name: "event.to", Kind: storage.Text},
	{Name: "event.from_category", Kind: storage.Text}, {Name: "event.to_category", Kind: storage.Text},
	{Name: "event.reason", Kind: storage.Text}, {Name: "event.internal", Kind: storage.Bool},
	{Name: "event.at", Kind: storage.Time}, {Name: "event.depth", Kind: storage.Int},
}

// eventTerm gives one of them; nil for what is empty.
func eventTerm(e *itsm.Event, name string) any {
	text := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	switch name {
	case "event.type":
		return text(e.Type)
	case "event.action":
		return text(e.Action)
	case "event.actor":
		return text(string(e.Actor))
	case "event.system":
		return e.System
	case "event.from":
		return text(e.From)
	case "event.to":
		return text(e.To)
	case "event.from_category":
		return text(string(e.FromCategory))
	case "event.to_category":
		return text(string(e.ToCategory))
	case "event.reason":
		return text(e.Reason)
	case "event.internal":
		return e.Internal
	case "event.at":
		return e.At.UnixMicro()
	case "event.depth":
		return int64(e.Cause.Depth())
	}
	return nil
}

// RecordKind is a kind of record whose events triggers listen to.
type RecordKind struct {
	// Schema is the table of the records, with the host's own columns. Required.
	Schema *storage.Schema
	// Fields are the host's own fields, where the records keep such values under "fields" in their
	// bodies.
	Fields *itsm.FieldSet
	// Public are the columns, and what is named of events, that anyone may see who may see the record.
	// They alone, and fields that are not internal, can be substituted where an action says that
	// requesters read the text.
	Public []string
	// Subject gives what an authorizer is asked about for a record, so that an explanation is shown to
	// those who may read it, internal values included. Nil asks as of a restricted record.
	Subject func(row storage.Row) (itsm.Subject, error)
}

// speech is what can be named for one kind of record. It does not change.
type speech struct {
	RecordKind
	// own are the names of the record itself; all has those of before, changed and the event too.
	own, all *routing.Vocabulary
	kinds    map[string]storage.Kind
	// tracked are the names that have a before and a changed.
	tracked map[string]bool
	public  map[string]bool
	fields  bool
}

func newSpeech(k RecordKind, at string, f *itsm.Faults) *speech {
	own, err := routing.NewVocabulary(k.Schema, k.Fields)
	if err != nil {
		f.Merge(at, err)
		return nil
	}
	s := &speech{RecordKind: k, own: own, kinds: map[string]storage.Kind{}, tracked: map[string]bool{}, public: map[string]bool{}}
	facts := slices.Clone(eventTerms)
	for _, t := range own.Terms() {
		switch t.Name {
		case storage.ColumnID, storage.ColumnVersion, storage.ColumnCreated, storage.ColumnUpdated:
			continue
		}
		s.tracked[t.Name] = true
		facts = append(facts, routing.Fact{Name: beforePrefix + t.Name, Kind: t.Kind}, routing.Fact{Name: changedPrefix + t.Name, Kind: storage.Bool})
	}
	if s.all, err = routing.NewVocabulary(k.Schema, k.Fields, facts...); err != nil {
		f.Merge(at, err)
		return nil
	}
	for _, t := range s.all.Terms() {
		s.kinds[t.Name] = t.Kind
	}
	for i, name := range k.Public {
		if _, known := s.kinds[name]; !known || strings.HasPrefix(name, beforePrefix) || strings.HasPrefix(name, changedPrefix) {
			f.Addf(fmt.Sprintf("%s.public[%d]", at, i), "%s is no column of %s and nothing of an event", quoted(name), k.Schema.Name())
		}
		s.public[name] = true
	}
	for _, d := range k.Fields.Definitions() {
		s.fields = true
		if !d.Internal {
			s.public["fields."+d.Name] = true
		}
	}
	return s
}

// isPublic says whether what a name stands for may be read by requesters.
func (s *speech) isPublic(name string) bool {
	if rest, ok := strings.CutPrefix(name, beforePrefix); ok {
		name = rest
	}
	if rest, ok := strings.CutPrefix(name, changedPrefix); ok {
		name = rest
	}
	return s.public[name]
}

// shorthands are the places at which a condition is written shorter than it is evaluated.
type shorthands map[string]bool

// written gives the place of a part as it is written, of that where it is evaluated.
func (sh shorthands) written(at string) string {
	for short := range sh {
		if rest, ok := strings.CutPrefix(at, short+".of["); ok {
			_, rest, _ = strings.Cut(rest, "]")
			return short + rest
		}
	}
	return at
}

// expand gives the condition without the shorthands for what changed, and notes what is wrong with
// those.
func (s *speech) expand(c storage.Condition, at string, depth int, f *itsm.Faults, sh shorthands) storage.Condition {
	if depth > storage.MaxConditionDepth {
		return c // which is refused for that
	}
	switch c.Op {
	case storage.And, storage.Or, storage.Not:
		of := make([]storage.Condition, len(c.Of))
		for i, sub := range c.Of {
			of[i] = s.expand(sub, fmt.Sprintf("%s.of[%d]", at, i), depth+1, f, sh)
		}
		c.Of = of
		return c
	case storage.Equal, storage.In:
		if c.Column == "event.from_category" || c.Column == "event.to_category" {
			for i, v := range c.Values {
				if text, ok := v.(string); ok && !itsm.Category(text).Valid() {
					f.Addf(fmt.Sprintf("%s.values[%d]", at, i), "%s is never %s; it is one of: %s", c.Column, quoted(text), categories)
				}
			}
		}
		return c
	case OpChanged, OpChangedFrom, OpChangedTo:
	default:
		return c
	}
	switch {
	case !s.tracked[c.Column]:
		f.Addf(at+".column", "%s is no column or field of %s that can change", quoted(c.Column), s.Schema.Name())
		return storage.Condition{}
	case len(c.Of) > 0:
		f.Addf(at+".of", "must be empty: %s takes no conditions", c.Op)
		return storage.Condition{}
	}
	changed := storage.Condition{Op: storage.Equal, Column: changedPrefix + c.Column, Values: []any{true}}
	column := c.Column
	switch {
	case c.Op == OpChanged && len(c.Values) > 0:
		f.Add(at+".values", "must be none for changed")
		return changed
	case c.Op == OpChanged:
		return changed
	case len(c.Values) == 0:
		f.Addf(at+".values", "must be one or more for %s", c.Op)
		return changed
	case c.Op == OpChangedFrom:
		column = beforePrefix + column
	}
	sh[at] = true
	// The values first, so that of a change to another value it is the value that is told.
	return storage.Condition{Op: storage.And, Of: []storage.Condition{{Op: storage.In, Column: column, Values: c.Values}, changed}}
}

// condition notes what is wrong with a trigger's condition, and gives it as it is evaluated.
func (s *speech) condition(t *Trigger, at string, f *itsm.Faults) (when storage.Condition, sh shorthands) {
	sh = shorthands{}
	was := len(f.List())
	var own itsm.Faults
	when = s.expand(t.When, "when", 1, &own, sh)
	if v := (*storage.ValidationError)(nil); asInvalid(s.all.CheckCondition(when), &v) {
		for _, x := range v.Faults {
			if strings.HasSuffix(x.Field, ".op") && strings.Contains(x.Problem, " is unknown; ") {
				x.Problem += fmt.Sprintf(", %s, %s, %s", OpChanged, OpChangedFrom, OpChangedTo)
			}
			own.Add(sh.written(x.Field), x.Problem)
		}
	}
	for _, x := range own.List() {
		f.Add(at+"."+x.Field, x.Problem)
	}
	if len(f.List()) == was && routing.NeverHolds(storage.Condition{Op: storage.And, Of: append(t.On.conditions(), when)}) {
		f.Add(at+".when", "can never hold for an event that the trigger listens to")
	}
	return when, sh
}

// conditions are what a trigger listens to, in the words of a condition.
func (l Listen) conditions() (all []storage.Condition) {
	in := func(column string, values []any) {
		if len(values) > 0 {
			all = append(all, storage.Condition{Op: storage.In, Column: column, Values: values})
		}
	}
	in("event.type", anys(l.Types))
	in("event.action", anys(l.Actions))
	in("event.from_category", anys(l.Leaving))
	in("event.to_category", anys(l.Entering))
	return all
}

func anys[S ~string](list []S) (all []any) {
	for _, s := range list {
		all = append(all, string(s))
	}
	return all
}

// hears says why an event of the kind is not listened to, or "".
func (l *Listen) hears(e *itsm.Event) (deaf string) {
	switch {
	case len(l.Types) > 0 && !slices.Contains(l.Types, e.Type):
		return fmt.Sprintf("it does not listen to the type %s", e.Type)
	case len(l.Actions) > 0 && !slices.Contains(l.Actions, e.Action):
		return fmt.Sprintf("it does not listen to the action %s", quoted(e.Action))
	case len(l.Leaving)+len(l.Entering) > 0 && e.FromCategory == e.ToCategory:
		return "the event leaves the category as it is"
	case len(l.Leaving) > 0 && !slices.Contains(l.Leaving, e.FromCategory):
		return fmt.Sprintf("it does not listen to leaving the category %s", quoted(string(e.FromCategory)))
	case len(l.Entering) > 0 && !slices.Contains(l.Entering, e.ToCategory):
		return fmt.Sprintf("it does not listen to entering the category %s", quoted(string(e.ToCategory)))
	}
	return ""
}
