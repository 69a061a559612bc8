// This file holds what is wrong with a rule set, told all at once, and the terms of its conditions.

package notify

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// EventColumns gives what a condition can say of the event beside the columns of the record's table.
func EventColumns() []storage.ColumnSpec {
	return []storage.ColumnSpec{
		{Name: "event_action", Kind: storage.Text},
		{Name: "event_from", Kind: storage.Text},
		{Name: "event_to", Kind: storage.Text},
		{Name: "event_from_category", Kind: storage.Text},
		{Name: "event_to_category", Kind: storage.Text},
		{Name: "event_system", Kind: storage.Bool},
		{Name: "event_internal", Kind: storage.Bool},
	}
}

// fact gives a value for a condition: of the event, or of the record's row.
func fact(e *itsm.Event, s *storage.Schema, row *storage.Row, name string) any {
	switch name {
	case "event_action":
		return e.Action
	case "event_from":
		return e.From
	case "event_to":
		return e.To
	case "event_from_category":
		return string(e.FromCategory)
	case "event_to_category":
		return string(e.ToCategory)
	case "event_system":
		return e.System
	case "event_internal":
		return e.Internal
	}
	if s == nil {
		return nil
	}
	return row.Value(s, name)
}

var (
	channelName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	templateKey = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]*$`)
)

// known is what there is for rules to speak of.
type known struct {
	schemas map[string]*storage.Schema
	types   []string
	// audience refuses one of a rule about a kind of record in which nobody can be.
	audience func(recordKind string, a Audience) error
}

// check notes every fault of the set, with the fields of its JSON form: "rules[2].events[0]".
func (s RuleSet) check(k known, f *itsm.Faults) {
	if len(s.Rules) > MaxRules {
		f.Addf("rules", "are %d; at most %d are allowed", len(s.Rules), MaxRules)
		return
	}
	first := map[string]int{}
	for i := range s.Rules {
		r, at := &s.Rules[i], fmt.Sprintf("rules[%d]", i)
		f.Text(at+".name", r.Name, MaxName, true)
		if j, twice := first[r.Name]; twice && r.Name != "" {
			f.Addf(at+".name", "%s is that of rules[%d] already", quoted(r.Name), j)
		} else if !twice {
			first[r.Name] = i
		}
		if !r.Off {
			r.check(k, at, f)
		}
	}
}

func (r *Rule) check(k known, at string, f *itsm.Faults) {
	schema := k.schemas[r.RecordKind]
	switch {
	case r.RecordKind == "":
		f.Add(at+".record_kind", "is required")
	case schema == nil:
		f.Addf(at+".record_kind", "%s is no kind of record that there is", quoted(r.RecordKind))
	default:
		f.Merge(at+".when", checkCondition(r.When, schema))
	}
	if len(r.Events) == 0 {
		f.Add(at+".events", "are required")
	}
	k.check(at+".events", r.Events, f)
	k.check(at+".until", r.Until, f)
	r.checkReaders(k, at, f)
	if r.Template == "" {
		f.Add(at+".template", "is required")
	} else if len(r.Template) > MaxName || !templateKey.MatchString(r.Template) {
		f.Addf(at+".template", "is %s; write at most %d lower-case letters, digits, dots, dashes and underscores", quoted(r.Template), MaxName)
	}
	f.Text(at+".class", r.Class, MaxName, false)
	if len(r.Data) > MaxData {
		f.Addf(at+".data", "are %d values; at most %d are allowed", len(r.Data), MaxData)
	} else {
		for _, key := range slices.Sorted(maps.Keys(r.Data)) {
			f.Text(at+".data", key, MaxName, true)
			f.Text(at+".data."+key, r.Data[key], MaxValue, false)
		}
	}
	if r.CollapseSeconds < 0 || r.CollapseSeconds > MaxCollapseSeconds {
		f.Addf(at+".collapse_seconds", "must be from 0 to %d", MaxCollapseSeconds)
	}
	if r.ExpireSeconds < 0 || r.ExpireSeconds > MaxExpireSeconds {
		f.Addf(at+".expire_seconds", "must be from 0 to %d", MaxExpireSeconds)
	} else if r.ExpireSeconds > 0 && r.CollapseSeconds >= r.ExpireSeconds {
		f.Add(at+".collapse_seconds", "must be less than expire_seconds: the message would expire while it waits")
	}
}

func (r *Rule) checkReaders(k known, at string, f *itsm.Faults) {
	switch {
	case len(r.Audiences) == 0:
		f.Add(at+".audiences", "are required")
	case len(r.Audiences) > MaxAudiences:
		f.Addf(at+".audiences", "are %d; at most %d are allowed", len(r.Audiences), MaxAudiences)
	}
	for i, a := range r.Audiences[:min(len(r.Audiences), MaxAudiences)] {
		where := fmt.Sprintf("%s.audiences[%d]", at, i)
		if !slices.Contains(audienceKinds, a.Kind) {
			f.Addf(where+".kind", "is %s; allowed are %s", quoted(string(a.Kind)), list(audienceKinds))
			continue
		}
		var form itsm.Faults
		switch {
		case a.Kind == AudiencePerson, a.Kind == AudienceOnCall && a.Name != "":
			form.Key("name", a.Name)
		case a.Kind == AudienceRole, a.Kind == AudienceHost:
			form.Text("name", a.Name, MaxName, true)
		case a.Name != "":
			form.Addf("name", "has no meaning for %s", a.Kind)
		}
		f.Merge(where, form.Err("audience"))
		if form.Empty() && k.schemas[r.RecordKind] != nil {
			field := where + ".kind"
			if a.Name != "" {
				field = where + ".name"
			}
			f.Merge(field, k.audience(r.RecordKind, a))
		}
		if slices.Contains(r.Audiences[:i], a) {
			f.Add(where, "is named twice")
		}
	}
	switch {
	case len(r.Channels) == 0:
		f.Add(at+".channels", "are required")
	case len(r.Channels) > MaxChannels:
		f.Addf(at+".channels", "are %d; at most %d are allowed", len(r.Channels), MaxChannels)
	}
	for i, c := range r.Channels[:min(len(r.Channels), MaxChannels)] {
		where := fmt.Sprintf("%s.channels[%d]", at, i)
		if !validChannel(c) {
			f.Addf(where, "is %s; write at most %d lower-case letters, digits and underscores", quoted(string(c)), MaxName)
		}
		if slices.Contains(r.Channels[:i], c) {
			f.Add(where, "is named twice")
		}
	}
}

func validChannel(c Channel) bool { return len(c) <= MaxName && channelName.MatchString(string(c)) }

// check notes patterns that no type of event meets: nobody would ever be told.
func (k known) check(at string, patterns []string, f *itsm.Faults) {
	if len(patterns) > MaxEvents {
		f.Addf(at, "are %d; at most %d are allowed", len(patterns), MaxEvents)
		return
	}
	for i, p := range patterns {
		where := fmt.Sprintf("%s[%d]", at, i)
		begin, open := strings.CutSuffix(p, "*")
		switch {
		case open && (!strings.HasSuffix(begin, ".") || strings.Contains(begin, "*")):
			f.Addf(where, `is %s; a star stands for the rest behind a dot, as in "incident.*"`, quoted(p))
		case !slices.ContainsFunc(k.types, func(t string) bool { return names([]string{p}, t) }):
			f.Addf(where, "%s is no type of event that there is", quoted(p))
		}
	}
}

// checkCondition says what is wrong with a condition on records of a table and their events.
func checkCondition(c storage.Condition, s *storage.Schema) error {
	terms := slices.Concat(s.Columns(), EventColumns())
	all, err := storage.NewSchema(s.Name(), 1, terms, nil)
	if err != nil {
		return err
	}
	if err := c.Check(all); err != nil {
		return err
	}
	if !c.Matchable() {
		return storage.Invalid("condition", "op", "must be one that a single record tells")
	}
	return nil
}

func list[T ~string](all []T) string {
	words := make([]string, len(all))
	for i, s := range all {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}

// quoted gives a short quoted form of text from outside for an error message.
func quoted(s string) string {
	if r := []rune(s); len(r) > 64 {
		s = string(r[:64]) + "…"
	}
	return strconv.Quote(s)
}
