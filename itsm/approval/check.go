// This file holds what is wrong with a policy, told all at once.

package approval

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Vocabulary says what conditions can speak of: *routing.Vocabulary is one.
type Vocabulary interface {
	// CheckCondition gives ErrInvalid with every fault of a condition, by the names of its JSON form under
	// "when".
	CheckCondition(when storage.Condition) error
}

// Check reports every fault of the policy at once, as a *storage.ValidationError whose fields are those of
// the JSON form: "rules[2].gates[0].quorum.percent". Without a vocabulary the names of columns and facts,
// and the values that they are compared with, are not checked.
func (p Policy) Check(v Vocabulary) error {
	var f itsm.Faults
	f.Text("name", p.Name, MaxName, true)
	oneOf(&f, "match", p.Match, "", MatchFirst, MatchAll)
	oneOf(&f, "otherwise", p.Otherwise, "", OtherwiseReject, OtherwiseApprove)
	if len(p.Rules) > MaxRules {
		f.Addf("rules", "are %d; at most %d are allowed", len(p.Rules), MaxRules)
		return f.Err("approval policy")
	}
	names := map[string]int{}
	gates := map[string]*Definition{}
	for i := range p.Rules {
		r, at := &p.Rules[i], fmt.Sprintf("rules[%d]", i)
		f.Text(at+".name", r.Name, MaxName, true)
		unique(&f, at+".name", "rules", r.Name, i, names)
		if v != nil {
			f.Merge(at, v.CheckCondition(r.When))
		} else {
			f.Merge(at+".when", checkForm(r.When))
		}
		switch {
		case r.Automatic && len(r.Gates) > 0:
			f.Add(at+".gates", "have no meaning: the rule is automatic")
		case !r.Automatic && len(r.Gates) == 0:
			f.Add(at+".gates", "are required, unless the rule says that it is automatic")
		case len(r.Gates) > MaxGates:
			f.Addf(at+".gates", "are %d; at most %d are allowed", len(r.Gates), MaxGates)
			continue
		}
		inRule := map[string]int{}
		for n := range r.Gates {
			d, at := &r.Gates[n], fmt.Sprintf("%s.gates[%d]", at, n)
			unique(&f, at+".name", "gates", d.Name, n, inRule)
			d.check(&f, at, v)
			if other, known := gates[d.Name]; known && p.Match == MatchAll && !reflect.DeepEqual(*other, *d) {
				f.Addf(at+".name", "%s is that of another gate of another rule; where all rules count, gates of one name must be equal", quoted(d.Name))
			} else if !known {
				gates[d.Name] = d
			}
		}
	}
	return f.Err("approval policy")
}

func (d *Definition) check(f *itsm.Faults, at string, v Vocabulary) {
	f.Text(at+".name", d.Name, MaxName, true)
	f.Text(at+".title", d.Title, MaxTitle, false)
	if d.Stage < 0 || d.Stage > MaxStage {
		f.Addf(at+".stage", "is %d; it must be from 0 to %d", d.Stage, MaxStage)
	}
	checkSources(f, at+".approvers", d.Approvers, v)
	if len(d.Approvers) == 0 {
		f.Add(at+".approvers", "are required")
	}
	d.Quorum.check(f, at+".quorum")
	d.Rejection.check(f, at+".rejection")
	if e := d.Exemption; e != nil {
		f.Text(at+".exemption.name", e.Name, MaxName, true)
		if len(e.Of) > MaxSources {
			f.Addf(at+".exemption.of", "are %d; at most %d are allowed", len(e.Of), MaxSources)
		}
		for i, duty := range e.Of {
			f.Text(fmt.Sprintf("%s.exemption.of[%d]", at, i), duty, MaxName, true)
		}
	}
	for _, m := range []struct {
		name string
		n    int
	}{{"remind_after_minutes", d.RemindAfterMinutes}, {"expire_after_minutes", d.ExpireAfterMinutes}} {
		if m.n < 0 || m.n > MaxMinutes {
			f.Addf(at+"."+m.name, "is %d; it must be from 0 to %d", m.n, MaxMinutes)
		}
	}
	if d.RemindAfterMinutes > 0 && d.ExpireAfterMinutes > 0 && d.RemindAfterMinutes >= d.ExpireAfterMinutes {
		f.Add(at+".remind_after_minutes", "must be less than expire_after_minutes")
	}
	oneOf(f, at+".on_expiry", d.OnExpiry, ExpiryStay, ExpiryReject, ExpiryReturn, ExpiryEscalate)
	if d.OnExpiry != ExpiryStay && d.ExpireAfterMinutes == 0 {
		f.Add(at+".on_expiry", "has a meaning only with expire_after_minutes")
	}
	switch {
	case d.OnExpiry == ExpiryEscalate && len(d.EscalateTo) == 0:
		f.Add(at+".escalate_to", "is required to escalate")
	case d.OnExpiry != ExpiryEscalate && len(d.EscalateTo) > 0:
		f.Add(at+".escalate_to", "has a meaning only with on_expiry escalate")
	}
	for i, s := range d.EscalateTo {
		if s.Kind == SourceField || s.Kind == SourceGroupField {
			f.Addf(fmt.Sprintf("%s.escalate_to[%d].kind", at, i), "is %s; on expiry the fields of the record are not known: name a person, role or group", s.Kind)
		}
	}
	checkSources(f, at+".escalate_to", d.EscalateTo, v)
}

func checkSources(f *itsm.Faults, at string, sources []Source, v Vocabulary) {
	if len(sources) > MaxSources {
		f.Addf(at, "are %d; at most %d are allowed", len(sources), MaxSources)
		return
	}
	for i, s := range sources {
		at := fmt.Sprintf("%s[%d]", at, i)
		oneOf(f, at+".kind", s.Kind, SourcePerson, SourceRole, SourceGroup, SourceField, SourceGroupField)
		f.Key(at+".name", s.Name)
		if slices.Contains(sources[:i], s) {
			f.Add(at, "is named twice")
		}
		if v != nil && s.Name != "" && (s.Kind == SourceField || s.Kind == SourceGroupField) {
			// It must be text, for the id of somebody: so it can have a prefix.
			if v.CheckCondition(storage.Condition{Op: storage.Prefix, Column: s.Name, Values: []any{"x"}}) != nil {
				f.Addf(at+".name", "%s is no column, field or fact of text", quoted(s.Name))
			}
		}
	}
}

// checkForm is the check of a condition where nothing is known of what it names: its operators, and that
// each has what it takes, so that it can be matched.
func checkForm(c storage.Condition) error {
	var f itsm.Faults
	parts, values := 0, 0
	var walk func(c storage.Condition, at string, depth int)
	walk = func(c storage.Condition, at string, depth int) {
		parts, values = parts+1, values+len(c.Values)
		if parts > storage.MaxConditionParts {
			return
		}
		if depth > storage.MaxConditionDepth {
			f.Addf(at+"op", "is nested deeper than %d", storage.MaxConditionDepth)
			return
		}
		if problem := storage.CheckOp(c.Op); problem != "" {
			f.Add(at+"op", problem)
			return
		}
		branch := c.Op == storage.And || c.Op == storage.Or || c.Op == storage.Not
		switch {
		case (c.Op == storage.All || branch) && (c.Column != "" || len(c.Values) > 0):
			f.Add(at+"op", "takes no column and no values")
		case c.Op != storage.All && !branch && c.Column == "":
			f.Add(at+"column", "is required")
		}
		switch {
		case c.Op == storage.All || branch:
		case c.Op == storage.Null && len(c.Values) != 0:
			f.Add(at+"values", "must be none for null")
		case c.Op != storage.Null && c.Op != storage.In && len(c.Values) != 1:
			f.Addf(at+"values", "must be one for %s; there are %d", c.Op, len(c.Values))
		}
		for i, v := range c.Values {
			switch v.(type) {
			case string, int64, bool:
			default:
				f.Addf(fmt.Sprintf("%svalues[%d]", at, i), "is a %T; allowed are string, int64 and bool", v)
			}
		}
		if !branch && len(c.Of) > 0 {
			f.Add(at+"of", "must be empty")
		}
		if c.Op == storage.Not && len(c.Of) != 1 {
			f.Addf(at+"of", "of not must be one condition; there are %d", len(c.Of))
		}
		for i, sub := range c.Of {
			walk(sub, fmt.Sprintf("%sof[%d].", at, i), depth+1)
		}
	}
	walk(c, "", 1)
	if parts > storage.MaxConditionParts {
		f.Addf("op", "has more than %d parts", storage.MaxConditionParts)
	}
	if values > storage.MaxConditionValues {
		f.Addf("values", "are %d; at most %d are allowed", values, storage.MaxConditionValues)
	}
	return f.Err("condition")
}

// unique notes a name that was used before, in a list of that name.
func unique(f *itsm.Faults, field, list, name string, at int, first map[string]int) {
	if j, twice := first[name]; twice && name != "" {
		f.Addf(field, "%s is that of %s[%d] already", quoted(name), list, j)
	} else if !twice {
		first[name] = at
	}
}

// oneOf notes a word that is none of those that there are.
func oneOf[T ~string](f *itsm.Faults, field string, word T, there ...T) {
	if slices.Contains(there, word) {
		return
	}
	var names []string
	for _, t := range there {
		if t != "" {
			names = append(names, string(t))
		}
	}
	f.Addf(field, "is %s; allowed are %s", quoted(string(word)), strings.Join(names, ", "))
}

// quoted gives a short quoted form of text from outside for an error message.
func quoted(s string) string {
	if r := []rune(s); len(r) > 64 {
		s = string(r[:64]) + "…"
	}
	return strconv.Quote(s)
}
