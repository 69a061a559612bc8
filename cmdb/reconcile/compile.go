// This file holds rules against a model.

package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
)

// Compiled are rules that fit a model. They never change, and any number of goroutines may use them.
type Compiled struct {
	rules       Rules
	model       *schema.Compiled
	identifiers map[string]*Identifier     // by the class that declares it, entries in their priority
	authority   map[string]*declared       // by the class that declares it
	meaningless map[string]map[string]bool // plain values by attribute
	sources     map[string]Source
}

// declared are the rules of one class about whose word counts.
type declared struct {
	// Each by whether it is dynamic, as 1, or static, as 0.
	whole   [2]*authority
	special [2]map[string]*authority // by attribute
}

// authority is a rule with the places of its sources.
type authority struct {
	Authority
	places map[string]int
}

// Compile holds rules against a model and gives them ready for use, or a *storage.ValidationError with everything that
// is wrong with them: classes, attributes and relations that the model does not have, entries without a place of their
// own, rules of equal weight for one attribute, and so on.
func (r Rules) Compile(model *schema.Compiled) (*Compiled, error) {
	c := &Compiled{
		rules: r.clone(), model: model,
		identifiers: map[string]*Identifier{}, authority: map[string]*declared{},
		meaningless: map[string]map[string]bool{}, sources: map[string]Source{},
	}
	var f itsm.Faults
	for _, part := range []struct {
		name string
		n    int
	}{
		{"identification", len(r.Identification)}, {"meaningless", len(r.Meaningless)},
		{"authority", len(r.Authority)}, {"sources", len(r.Sources)},
	} {
		if part.n > MaxRules {
			f.Addf(part.name, "has %d elements; at most %d are allowed", part.n, MaxRules)
		}
	}
	if !f.Empty() {
		return nil, f.Err("reconciliation rules")
	}
	c.compileIdentification(&f)
	c.compileMeaningless(&f)
	c.compileAuthority(&f)
	c.compileSources(&f)
	if err := f.Err("reconciliation rules"); err != nil {
		return nil, err
	}
	return c, nil
}

// Rules gives a copy of the rules.
func (c *Compiled) Rules() Rules { return c.rules.clone() }

// Model gives the model that the rules were held against.
func (c *Compiled) Model() *schema.Compiled { return c.model }

func (c *Compiled) compileIdentification(f *itsm.Faults) {
	for i := range c.rules.Identification {
		d := c.rules.Identification[i] // the copy is sorted, what was given is not
		d.Entries = slices.Clone(d.Entries)
		prefix := fmt.Sprintf("identification[%d].", i)
		known := c.class(f, prefix+"class", d.Class)
		if c.identifiers[d.Class] != nil {
			f.Addf(prefix+"class", "has an identifier already: %s", clip(d.Class))
		}
		c.identifiers[d.Class] = &d
		if len(d.Entries) == 0 || len(d.Entries) > MaxParts {
			f.Addf(prefix+"entries", "must be 1 to %d", MaxParts)
			continue
		}
		places := map[int]bool{}
		for j, e := range d.Entries {
			at := fmt.Sprintf("%sentries[%d].", prefix, j)
			if e.Priority < 1 {
				f.Add(at+"priority", "must be 1 or more")
			} else if places[e.Priority] {
				f.Addf(at+"priority", "is that of another entry: %d", e.Priority)
			}
			places[e.Priority] = true
			if known {
				c.compileEntry(f, at, d.Class, e)
			}
		}
		slices.SortStableFunc(d.Entries, func(a, b Entry) int { return cmp.Compare(a.Priority, b.Priority) })
	}
}

// identifier gives what holds for a class: its own, or that of the nearest class above it that has one.
func (c *Compiled) identifier(class string) *Identifier {
	for _, up := range c.model.Line(class) {
		if d := c.identifiers[up]; d != nil {
			return d
		}
	}
	return nil
}

// pointed reports whether a pointer to a CI of the class that gives certain attributes can be resolved; with none given, whether one can be by
// any attributes.
func (c *Compiled) pointed(class string, attributes ...string) bool {
	identifier := c.identifier(class)
	return identifier != nil && slices.ContainsFunc(identifier.Entries, func(e Entry) bool {
		return e.kind() == KindRegular && (len(attributes) == 0 ||
			!slices.ContainsFunc(e.Attributes, func(name string) bool { return !slices.Contains(attributes, name) }))
	})
}

func (c *Compiled) compileEntry(f *itsm.Faults, at, class string, e Entry) {
	if len(e.Attributes) == 0 && e.Through == nil {
		f.Add(at+"attributes", "are required, or through")
	}
	c.identifyingAttributes(f, at+"attributes", class, e.Attributes)
	if e.Through != nil && e.Within != nil {
		f.Add(at+"within", "cannot stand beside through")
	}
	if e.PointersOnly && (e.Through != nil || e.Within != nil) {
		f.Add(at+"pointers_only", "is for attributes alone: a pointer tells no relations")
	}
	if t := e.Through; t != nil {
		if len(t.Attributes) == 0 {
			f.Add(at+"through.attributes", "are required")
		}
		if c.end(f, at+"through.", t.Relation, t.Inverse, class, t.Class) {
			c.identifyingAttributes(f, at+"through.attributes", t.Class, t.Attributes)
		}
	}
	if w := e.Within; w != nil {
		c.end(f, at+"within.", w.Relation, w.Inverse, class, w.Class)
	}
}

// end checks a relation of rules with a class at its other end, and reports whether that class is known.
func (c *Compiled) end(f *itsm.Faults, at, relation string, inverse bool, class, other string) bool {
	_, ok := c.model.Relation(relation)
	if !ok {
		f.Addf(at+"relation", "is not a type of relation of the model: %s", clip(relation))
	}
	if !c.class(f, at+"class", other) {
		return false
	}
	if ok && !c.related(relation, inverse, class, other) {
		f.Addf(at+"relation", "is not allowed between %s and %s this way round", class, other)
	}
	return true
}

// class reports whether a class is of the model.
func (c *Compiled) class(f *itsm.Faults, field, class string) bool {
	if class == "" {
		f.Add(field, "is required")
		return false
	}
	if !c.model.Is(class, class) {
		f.Addf(field, "is not a class of the model: %s", clip(class))
		return false
	}
	return true
}

// identifyingAttributes checks those by which CIs are known.
func (c *Compiled) identifyingAttributes(f *itsm.Faults, field, class string, names []string) {
	c.distinct(f, field, names)
	for i, name := range names {
		if name == Name {
			continue
		}
		a, ok := c.model.Attribute(class, name)
		switch at := fmt.Sprintf("%s[%d]", field, i); {
		case !ok:
			f.Addf(at, "is not an attribute of %s: %s", class, clip(name))
		case a.List:
			f.Addf(at, "is a list, which identifies nothing: %s", clip(name))
		}
	}
}

// distinct checks that names are not too many, and none is empty or stands twice.
func (c *Compiled) distinct(f *itsm.Faults, field string, names []string) {
	if len(names) > MaxParts {
		f.Addf(field, "are %d; at most %d are allowed", len(names), MaxParts)
		return
	}
	seen := map[string]bool{}
	for i, name := range names {
		at := fmt.Sprintf("%s[%d]", field, i)
		if strings.TrimSpace(name) == "" {
			f.Add(at, "must not be empty")
		} else if seen[name] {
			f.Addf(at, "stands there already: %s", clip(name))
		}
		seen[name] = true
	}
}

func (c *Compiled) compileMeaningless(f *itsm.Faults) {
	for i, m := range c.rules.Meaningless {
		prefix := fmt.Sprintf("meaningless[%d].", i)
		known := m.Attribute == Name || slices.ContainsFunc(c.model.Model().Classes, func(class schema.Class) bool {
			_, ok := c.model.Attribute(class.Name, m.Attribute)
			return ok
		})
		if !known {
			f.Addf(prefix+"attribute", "is not an attribute of any class: %s", clip(m.Attribute))
		}
		if c.meaningless[m.Attribute] != nil {
			f.Addf(prefix+"attribute", "has a list already: %s", clip(m.Attribute))
		}
		if len(m.Values) == 0 {
			f.Add(prefix+"values", "are required")
		}
		c.distinct(f, prefix+"values", m.Values)
		c.meaningless[m.Attribute] = map[string]bool{}
		for _, v := range m.Values {
			c.meaningless[m.Attribute][plainly(schema.Text(v))] = true
		}
	}
}

func (c *Compiled) compileAuthority(f *itsm.Faults) {
	for i, a := range c.rules.Authority {
		prefix := fmt.Sprintf("authority[%d].", i)
		known := c.class(f, prefix+"class", a.Class)
		c.distinct(f, prefix+"attributes", a.Attributes)
		c.distinct(f, prefix+"sources", a.Sources)
		rule := &authority{Authority: a, places: map[string]int{}}
		for place, source := range a.Sources {
			rule.places[source] = place
			if source == AnySource && place != len(a.Sources)-1 {
				f.Addf(fmt.Sprintf("%ssources[%d]", prefix, place), "must be the last, as %q is everyone else", AnySource)
			}
		}
		if a.Choose == "" && len(a.Sources) == 0 {
			f.Add(prefix+"sources", "are required, or choose")
		}
		if a.Choose != "" && !slices.Contains(choices, a.Choose) {
			f.Addf(prefix+"choose", "must be one of %s", joined(choices))
		}
		ordered := a.Choose == ChooseLargest || a.Choose == ChooseSmallest
		if ordered && len(a.Attributes) == 0 {
			f.Addf(prefix+"attributes", "are required to choose the %s", a.Choose)
		}
		if !known {
			continue
		}
		for j, name := range a.Attributes {
			at := fmt.Sprintf("%sattributes[%d]", prefix, j)
			attribute, ok := c.model.Attribute(a.Class, name)
			if name != Name && !ok {
				if slices.Contains(schema.Reserved(), name) {
					f.Addf(at, "%s is what every CI has beside its attributes, which no source tells", clip(name))
					continue
				}
				f.Addf(at, "is not an attribute of %s: %s", a.Class, clip(name))
				continue
			}
			if ordered && (name == Name || !hasOrder(attribute)) {
				f.Addf(at, "has no order by which one is the %s: %s", a.Choose, clip(name))
			}
		}
		if !c.declare(rule) {
			f.Add(prefix+"attributes", "are governed by another rule of the same weight")
		}
	}
}

// declare enters a rule for what it governs, and reports whether nothing of the same weight stood there.
func (c *Compiled) declare(rule *authority) (alone bool) {
	d := c.authority[rule.Class]
	if d == nil {
		d = &declared{special: [2]map[string]*authority{{}, {}}}
		c.authority[rule.Class] = d
	}
	weight := rule.weight()
	if len(rule.Attributes) == 0 {
		alone = d.whole[weight] == nil
		d.whole[weight] = rule
		return alone
	}
	alone = true
	for _, name := range rule.Attributes {
		alone = alone && d.special[weight][name] == nil
		d.special[weight][name] = rule
	}
	return alone
}

// weight is 1 for a dynamic rule, which comes before any static one.
func (r *authority) weight() int {
	if r.Choose != "" {
		return 1
	}
	return 0
}

// governing gives the rules that cover an attribute of a class, the one that wins first: dynamic before static, for the
// attribute before for the whole class, of a class before of one above it.
func (c *Compiled) governing(class, attribute string) (all []*authority) {
	line := c.model.Line(class)
	add := func(rule *authority) {
		if rule != nil {
			all = append(all, rule)
		}
	}
	for _, weight := range []int{1, 0} {
		for _, up := range line {
			if d := c.authority[up]; d != nil {
				add(d.special[weight][attribute])
			}
		}
		for _, up := range line {
			if d := c.authority[up]; d != nil {
				add(d.whole[weight])
			}
		}
	}
	return all
}

// place gives the place of a source, and whether it may write at all.
func (r *authority) place(source string) (int, bool) {
	if len(r.Sources) == 0 {
		return 0, true
	}
	if place, ok := r.places[source]; ok {
		return place, true
	}
	place, ok := r.places[AnySource]
	return place, ok
}

// describe names the rule in a sentence.
func (a Authority) describe() string {
	of := "all attributes"
	if len(a.Attributes) > 0 {
		of = strings.Join(a.Attributes, ", ")
	}
	how := strings.Join(a.Sources, " before ")
	if a.Choose != "" {
		how = "the " + string(a.Choose)
		if len(a.Sources) > 0 {
			how += " of " + strings.Join(a.Sources, ", ")
		}
	}
	return fmt.Sprintf("the rule of %s for %s: %s", a.Class, of, how)
}

func (c *Compiled) compileSources(f *itsm.Faults) {
	days := func(field string, n int) {
		if n < 0 || n > MaxDays {
			f.Addf(field, "must be 0 to %d", MaxDays)
		}
	}
	days("stale_after_days", c.rules.StaleAfterDays)
	checkActions(f, "actions.", c.rules.Actions)
	for i, s := range c.rules.Sources {
		prefix := fmt.Sprintf("sources[%d].", i)
		f.Key(prefix+"name", s.Name)
		if s.Name == AnySource {
			f.Addf(prefix+"name", "must be one source, not %q", AnySource)
		}
		if _, ok := c.sources[s.Name]; ok {
			f.Addf(prefix+"name", "stands there already: %s", clip(s.Name))
		}
		days(prefix+"stale_after_days", s.StaleAfterDays)
		if s.NeverStale && s.StaleAfterDays != 0 {
			f.Add(prefix+"stale_after_days", "cannot stand beside never_stale")
		}
		checkActions(f, prefix+"actions.", s.Actions)
		c.sources[s.Name] = s
	}
}

// The actions that may follow.
var (
	actionsOnNone = []Action{ActionCreate, ActionRefuse, ActionIgnore}
	actionsOnOne  = []Action{ActionUpdate, ActionRefuse, ActionIgnore}
	actionsOnMany = []Action{ActionFlag, ActionOldest, ActionRefuse, ActionIgnore}
)

func checkActions(f *itsm.Faults, prefix string, a Actions) {
	check := func(field string, one Action, may []Action) {
		if one != "" && !slices.Contains(may, one) {
			f.Addf(prefix+field, "must be one of %s", joined(may))
		}
	}
	check("none", a.None, actionsOnNone)
	check("one", a.One, actionsOnOne)
	check("many", a.Many, actionsOnMany)
}

// Actions gives what follows from finding no CI, one, and several that a source tells of; none is empty.
func (c *Compiled) Actions(source string) Actions {
	own, all := c.sources[source].Actions, c.rules.Actions
	return Actions{
		None: cmp.Or(own.None, all.None, ActionCreate),
		One:  cmp.Or(own.One, all.One, ActionUpdate),
		Many: cmp.Or(own.Many, all.Many, ActionFlag),
	}
}

// Identifier gives what holds for a class, its own or inherited, with the entries in their priority; false where no
// rule identifies its CIs.
func (c *Compiled) Identifier(class string) (Identifier, bool) {
	d := c.identifier(class)
	if d == nil {
		return Identifier{}, false
	}
	return d.clone(), true
}

// Authority gives the rules that cover an attribute of a class, or [Name], the one that wins first.
func (c *Compiled) Authority(class, attribute string) (all []Authority) {
	for _, rule := range c.governing(class, attribute) {
		all = append(all, rule.Authority.clone())
	}
	return all
}

// Fingerprints gives what a CI with the name and attributes can be found by, each once and in order: those that
// [Query.Fingerprint] asks for. A store that keeps them with the CI, and anew when it or the rules change, answers a
// query from one index. A CI of a class that has an identifier of its own has those of the classes above it as well.
func (c *Compiled) Fingerprints(class, name string, attributes schema.Values) []string {
	all := values(name, attributes)
	var prints []string
	add := func(declared string, names []string, ignoreCase bool) {
		if len(names) == 0 || !c.model.Is(class, declared) {
			return
		}
		if having, missing := c.identifying(names, all); len(missing) == 0 {
			prints = append(prints, fingerprint(declared, having, ignoreCase))
		}
	}
	for _, d := range c.identifiers {
		for _, e := range d.Entries {
			add(d.Class, e.Attributes, e.IgnoreCase)
			if e.Through != nil {
				add(e.Through.Class, e.Through.Attributes, e.IgnoreCase)
			}
		}
	}
	slices.Sort(prints)
	return slices.Compact(prints)
}

// fingerprint names the class, the attributes and their values.
func fingerprint(class string, having schema.Values, ignoreCase bool) string {
	if len(having) == 0 {
		return ""
	}
	parts := []string{class, fmt.Sprint(ignoreCase)}
	for _, name := range sortedNames(having) {
		parts = append(parts, name, identityText(having[name], ignoreCase))
	}
	return digest.Of(parts...)
}

// Matches reports whether a CI is one that a query asks for by class and attributes. A query by key, and what it asks
// of relations, is for the store alone to answer.
func (c *Compiled) Matches(q Query, class, name string, attributes schema.Values) bool {
	if !c.model.Is(class, q.Class) {
		return false
	}
	all := values(name, attributes)
	for attribute, wanted := range q.Attributes {
		if has := all[attribute]; has.IsZero() || identityText(has, q.IgnoreCase) != identityText(wanted, q.IgnoreCase) {
			return false
		}
	}
	return true
}
