// This file holds how a model is checked as a whole, and what a checked one answers.

package schema

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/itsm"
)

const subject = "model"

// Bounds of what describes a class or an attribute.
const (
	maxName        = 63
	maxLabel       = 200
	maxDescription = 4000
	maxPattern     = 1000
	maxUnit        = 40
)

// Compiled is a model that was checked. It never changes, and any number of goroutines may ask it.
type Compiled struct {
	model     Model
	classes   map[string]*class
	relations map[string]*relation
	// inverses gives relations by their inverse names.
	inverses map[string]*relation
	states   []string
}

type class struct {
	Class
	// line is the class itself, its parent, and so on to the root.
	line []*class
	// below are all classes that inherit from it, itself first, in the order of the model.
	below []*class
	// own are the attributes that it declares itself, and attributes all that it has, inherited ones first.
	own        []*attribute
	attributes []*attribute
	byName     map[string]*attribute
	// part is what the class or the nearest above it says, or nothing.
	part Part
	// required are the attributes that a state needs beside those that are always needed.
	required map[string][]string
}

type attribute struct {
	Attribute
	pattern *regexp.Regexp
}

type relation struct {
	RelationType
	pairs map[Pair]bool
}

// Compile checks the model and makes it ready to be asked. It is [storage.ErrInvalid], with every fault at once: names that are
// malformed, reserved or used twice; parents that are no classes, or lead back to the class; attributes that are declared twice
// along a line, of unknown types, with bounds that are missing, senseless or of another type, or with patterns that cannot be
// read; relations with flows that are missing, propagations that are not monotone, pairs of unknown classes; and whatever is
// beyond the bounds of a model. The model is copied.
func (m Model) Compile() (*Compiled, error) {
	c := &Compiled{model: m.Clone(), classes: make(map[string]*class, len(m.Classes)),
		relations: make(map[string]*relation, len(m.Relations)), inverses: make(map[string]*relation, len(m.Relations))}
	var f itsm.Faults
	if len(m.Classes) > MaxClasses {
		f.Addf("classes", "are %d; at most %d are allowed", len(m.Classes), MaxClasses)
	}
	if len(m.Relations) > impact.MaxKinds {
		f.Addf("relations", "are %d; at most %d are allowed", len(m.Relations), impact.MaxKinds)
	}
	if !f.Empty() {
		return nil, f.Err(subject)
	}
	c.compileClasses(&f)
	c.compileRelations(&f)
	if err := f.Err(subject); err != nil {
		return nil, err
	}
	return c, nil
}

// compileClasses checks classes and lays out their lines. A class that has a fault takes part as far as it can, so that those
// that name it are not told that it does not exist.
func (c *Compiled) compileClasses(f *itsm.Faults) {
	all := make([]*class, len(c.model.Classes))
	for i, declared := range c.model.Classes {
		at := fmt.Sprintf("classes[%d]", i)
		all[i] = &class{Class: declared.clone(), byName: map[string]*attribute{}, required: map[string][]string{}}
		checkName(f, at+".name", declared.Name)
		if _, twice := c.classes[declared.Name]; twice {
			f.Addf(at+".name", "%q is declared twice", shown(declared.Name))
		} else {
			c.classes[declared.Name] = all[i]
		}
		f.Text(at+".label", declared.Label, maxLabel, false)
		f.Text(at+".description", declared.Description, maxDescription, false)
		if declared.Impact != "" && !slices.Contains(allParts, declared.Impact) {
			f.Addf(at+".impact", "must be one of: %s", joined(allParts))
		}
		if all[i].Label == "" {
			all[i].Label = labelOf(declared.Name)
		}
	}
	told := map[*class]bool{}
	for i, one := range all {
		c.layLine(f, fmt.Sprintf("classes[%d].parent", i), one, told)
	}
	for i, one := range all {
		c.compileAttributes(f, fmt.Sprintf("classes[%d]", i), one)
	}
	states := map[string]bool{}
	for i, one := range all {
		for _, up := range one.line {
			up.below = append(up.below, one)
		}
		c.inherit(f, fmt.Sprintf("classes[%d]", i), one, states)
	}
	for _, one := range all {
		// The class itself stands before those below it, wherever the model has it.
		slices.SortStableFunc(one.below, func(a, b *class) int {
			switch {
			case a == one && b != one:
				return -1
			case b == one && a != one:
				return 1
			}
			return 0
		})
	}
	c.states = slices.Sorted(maps.Keys(states))
}

// layLine follows the parents of a class. A circle is told once, by the first class that is in it.
func (c *Compiled) layLine(f *itsm.Faults, at string, one *class, told map[*class]bool) {
	for up := one; ; {
		one.line = append(one.line, up)
		if up.Parent == "" {
			break
		}
		next, ok := c.classes[up.Parent]
		if !ok {
			if up == one {
				f.Addf(at, "of %s is %q, which is no class", shown(one.Name), shown(up.Parent))
			}
			break
		}
		if i := slices.Index(one.line, next); i >= 0 {
			// A class that only leads into a circle is not part of it.
			if i == 0 && !told[one] {
				f.Addf(at, "of %s leads back to it: %s", shown(one.Name), path(append(slices.Clone(one.line), next)))
				for _, in := range one.line {
					told[in] = true
				}
			}
			break
		}
		up = next
	}
	if len(one.line) == MaxDepth+1 {
		f.Addf(at, "of %s gives it a line of more than %d classes", shown(one.Name), MaxDepth)
	}
}

func path(line []*class) string {
	names := make([]string, len(line))
	for i, one := range line {
		names[i] = shown(one.Name)
	}
	return strings.Join(names, " > ")
}

// compileAttributes checks those that a class declares itself.
func (c *Compiled) compileAttributes(f *itsm.Faults, at string, one *class) {
	if len(one.Attributes) > MaxAttributes {
		f.Addf(at+".attributes", "are %d; at most %d are allowed", len(one.Attributes), MaxAttributes)
		one.Attributes = nil
	}
	declaredAt := map[string]bool{}
	for i, declared := range one.Attributes {
		here := fmt.Sprintf("%s.attributes[%d]", at, i)
		checkName(f, here+".name", declared.Name)
		if slices.Contains(Reserved(), declared.Name) {
			f.Addf(here+".name", "%q is reserved: every CI has it beside its attributes", declared.Name)
		}
		if declaredAt[declared.Name] {
			f.Addf(here+".name", "%q is declared twice", shown(declared.Name))
		}
		declaredAt[declared.Name] = true
		for _, up := range one.line[1:] {
			if slices.ContainsFunc(up.Attributes, func(a Attribute) bool { return a.Name == declared.Name }) {
				f.Addf(here+".name", "%q is declared by %s already, from which %s inherits it", shown(declared.Name), shown(up.Name), shown(one.Name))
			}
		}
		if declared.Type == TypeReference && declared.Class != "" && c.classes[declared.Class] == nil {
			f.Addf(here+".class", "is %q, which is no class", shown(declared.Class))
		}
		if declared.Label == "" {
			declared.Label = labelOf(declared.Name)
		}
		compiled := &attribute{Attribute: declared}
		compiled.compile(f, here)
		one.own = append(one.own, compiled)
	}
}

// inherit puts together what a class has from those above it.
func (c *Compiled) inherit(f *itsm.Faults, at string, one *class, states map[string]bool) {
	for _, up := range slices.Backward(one.line) {
		for _, a := range up.own {
			if one.byName[a.Name] == nil {
				one.byName[a.Name] = a
				one.attributes = append(one.attributes, a)
			}
		}
		if up.Impact != "" {
			one.part = up.Impact
		}
	}
	if len(one.attributes) > MaxAttributes {
		f.Addf(at+".attributes", "are %d with those inherited; at most %d are allowed", len(one.attributes), MaxAttributes)
	}
	for _, up := range slices.Backward(one.line) {
		for _, state := range slices.Sorted(maps.Keys(up.RequiredIn)) {
			for i, name := range up.RequiredIn[state] {
				if !slices.Contains(one.required[state], name) {
					one.required[state] = append(one.required[state], name)
				}
				if up == one && one.byName[name] == nil {
					f.Addf(fmt.Sprintf("%s.required_in.%s[%d]", at, shown(state), i), "is %q, which is no attribute of %s", shown(name), shown(one.Name))
				}
			}
			if up == one {
				checkName(f, at+".required_in", state)
				states[state] = true
			}
		}
	}
}

// compile checks what an attribute says of itself.
func (a *attribute) compile(f *itsm.Faults, at string) {
	f.Text(at+".label", a.Label, maxLabel, false)
	f.Text(at+".description", a.Description, maxDescription, false)
	f.Text(at+".unit", a.Unit, maxUnit, false)
	if !slices.Contains(allTypes, a.Type) {
		f.Addf(at+".type", "is %q; allowed are %s", shown(string(a.Type)), joined(allTypes))
		return
	}
	for _, has := range []struct {
		field string
		given bool
		types []Type
	}{
		{"choices", len(a.Choices) > 0, []Type{TypeChoice}},
		{"pattern", a.Pattern != "", []Type{TypeText}},
		{"minimum", !a.Minimum.IsZero(), ordered},
		{"maximum", !a.Maximum.IsZero(), ordered},
		{"maximum_length", a.MaximumLength != 0, []Type{TypeText}},
		{"class", a.Class != "", []Type{TypeReference}},
		{"unit", a.Unit != "", []Type{TypeInteger, TypeDecimal}},
	} {
		if has.given && !slices.Contains(has.types, a.Type) {
			f.Addf(at+"."+has.field, "has no meaning for the type %s, only for %s", a.Type, joined(has.types))
		}
	}
	switch a.Type {
	case TypeChoice:
		a.compileChoices(f, at+".choices")
	case TypeText:
		if a.MaximumLength < 0 || a.MaximumLength > MaxLength {
			f.Addf(at+".maximum_length", "must be 0 to %d", MaxLength)
		}
		a.compilePattern(f, at+".pattern")
	}
	if !slices.Contains(ordered, a.Type) {
		return
	}
	sound := true
	for _, bound := range []struct {
		field string
		value Value
	}{{"minimum", a.Minimum}, {"maximum", a.Maximum}} {
		if problem := formProblem(a.Type, bound.value); !bound.value.IsZero() && problem != "" {
			f.Add(at+"."+bound.field, problem)
			sound = false
		}
	}
	if sound && !a.Minimum.IsZero() && !a.Maximum.IsZero() && compare(a.Type, a.Minimum, a.Maximum) > 0 {
		f.Add(at+".minimum", "is greater than maximum")
	}
}

func (a *attribute) compileChoices(f *itsm.Faults, at string) {
	if len(a.Choices) == 0 || len(a.Choices) > MaxChoices {
		f.Addf(at, "are required for this type: 1 to %d", MaxChoices)
		return
	}
	had := make(map[string]bool, len(a.Choices))
	for i, choice := range a.Choices {
		f.Text(fmt.Sprintf("%s[%d]", at, i), choice, maxLabel, true)
		switch {
		case had[choice]:
			f.Addf(fmt.Sprintf("%s[%d]", at, i), "is %q again", shown(choice))
		case strings.TrimSpace(choice) != choice:
			f.Addf(fmt.Sprintf("%s[%d]", at, i), "has space around it")
		}
		had[choice] = true
	}
}

// compilePattern makes a pattern match whole texts. It is read by itself first, so that no parenthesis of it closes what is put
// around it.
func (a *attribute) compilePattern(f *itsm.Faults, at string) {
	if a.Pattern == "" {
		return
	}
	if len(a.Pattern) > maxPattern {
		f.Addf(at, "is longer than %d bytes", maxPattern)
		return
	}
	if _, err := regexp.Compile(a.Pattern); err != nil {
		f.Addf(at, "is no regular expression (RE2): %v", err)
		return
	}
	whole, err := regexp.Compile(`\A(?:` + a.Pattern + `)\z`)
	if err != nil {
		f.Addf(at, "cannot be used for a whole text: %v", err)
		return
	}
	a.pattern = whole
}

// compileRelations checks the types of relations. What is wrong with a flow or a propagation the engine of impacts says.
func (c *Compiled) compileRelations(f *itsm.Faults) {
	read := map[string]string{}
	for i, declared := range c.model.Relations {
		at := fmt.Sprintf("relations[%d]", i)
		one := &relation{RelationType: declared, pairs: make(map[Pair]bool, len(declared.Pairs))}
		one.Pairs = slices.Clone(declared.Pairs)
		checkName(f, at+".name", declared.Name)
		checkName(f, at+".inverse", declared.Inverse)
		if before, twice := read[declared.Name]; twice {
			f.Addf(at+".name", "%q is %s already", shown(declared.Name), before)
		}
		read[declared.Name] = fmt.Sprintf("the name of relations[%d]", i)
		if !declared.Symmetric() {
			if before, twice := read[declared.Inverse]; twice {
				f.Addf(at+".inverse", "%q is %s already", shown(declared.Inverse), before)
			}
			read[declared.Inverse] = fmt.Sprintf("the inverse of relations[%d]", i)
		}
		f.Text(at+".description", declared.Description, maxDescription, false)
		_, err := impact.New([]impact.Kind{{Name: "r", Flow: declared.Flow, Propagation: declared.Propagation}})
		var invalid *itsm.ValidationError
		if errors.As(err, &invalid) {
			for _, fault := range invalid.Faults {
				f.Add(at+strings.TrimPrefix(fault.Field, "kinds[0]"), fault.Problem)
			}
		}
		if declared.MaximumTargets < 0 {
			f.Add(at+".maximum_targets", "must not be negative; 0 is any number")
		}
		if declared.MaximumSources < 0 {
			f.Add(at+".maximum_sources", "must not be negative; 0 is any number")
		}
		if declared.Symmetric() {
			if declared.Flow == impact.ToSource || declared.Flow == impact.ToTarget {
				f.Add(at+".flow", "must be both or none for a relation that reads the same both ways")
			}
			if declared.MaximumSources != declared.MaximumTargets {
				f.Add(at+".maximum_sources", "must be the same as maximum_targets for a relation that reads the same both ways")
			}
		}
		c.compilePairs(f, at+".pairs", one)
		c.relations[declared.Name], c.inverses[declared.Inverse] = one, one
	}
}

func (c *Compiled) compilePairs(f *itsm.Faults, at string, one *relation) {
	if len(one.Pairs) > MaxPairs {
		f.Addf(at, "are %d; at most %d are allowed", len(one.Pairs), MaxPairs)
		return
	}
	for i, p := range one.Pairs {
		for _, end := range []struct{ field, class string }{{"source", p.Source}, {"target", p.Target}} {
			if c.classes[end.class] == nil {
				f.Addf(fmt.Sprintf("%s[%d].%s", at, i, end.field), "is %q, which is no class", shown(end.class))
			}
		}
		if one.pairs[p] {
			f.Addf(fmt.Sprintf("%s[%d]", at, i), "is %s to %s again", shown(p.Source), shown(p.Target))
		}
		one.pairs[p] = true
	}
}

// Model gives a copy of the model as it was compiled.
func (c *Compiled) Model() Model { return c.model.Clone() }

// Class gives a copy of the class as it was declared, its label and its part in impacts filled in. What it inherits
// [Compiled.Attributes] gives.
func (c *Compiled) Class(name string) (Class, bool) {
	one, ok := c.classes[name]
	if !ok {
		return Class{}, false
	}
	declared := one.Class.clone()
	declared.Impact = one.plays()
	return declared, true
}

func (c *class) plays() Part {
	if c.part == "" {
		return PartThrough
	}
	return c.part
}

// Is says whether CIs of a class are also of another: the class itself, or one that it inherits from. It is false where one of them
// does not exist.
func (c *Compiled) Is(name, ancestor string) bool {
	one, above := c.classes[name], c.classes[ancestor]
	return one != nil && above != nil && slices.Contains(one.line, above)
}

// Line gives the class, its parent, and so on to the root. It is empty for a class that does not exist.
func (c *Compiled) Line(name string) []string {
	if one := c.classes[name]; one != nil {
		return namesOf(one.line)
	}
	return nil
}

// Below gives the class and all that inherit from it, abstract ones too: itself first, the others in the order of the model. It is
// empty for a class that does not exist.
func (c *Compiled) Below(name string) []string {
	if one := c.classes[name]; one != nil {
		return namesOf(one.below)
	}
	return nil
}

func namesOf(all []*class) []string {
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = one.Name
	}
	return names
}

// Attributes gives a copy of all attributes of a class, those of the root first, labels filled in. It is empty for a class that
// does not exist.
func (c *Compiled) Attributes(name string) []Attribute {
	one := c.classes[name]
	if one == nil {
		return nil
	}
	all := make([]Attribute, len(one.attributes))
	for i, a := range one.attributes {
		all[i] = a.Attribute
	}
	return cloneAttributes(all)
}

// Attribute gives a copy of one attribute of a class, inherited or its own, its label filled in.
func (c *Compiled) Attribute(name, attribute string) (Attribute, bool) {
	a := c.attribute(name, attribute)
	if a == nil {
		return Attribute{}, false
	}
	return cloneAttributes([]Attribute{a.Attribute})[0], true
}

func (c *Compiled) attribute(name, attribute string) *attribute {
	one := c.classes[name]
	if one == nil {
		return nil
	}
	return one.byName[attribute]
}

// Relation gives a copy of the type of relation with the name.
func (c *Compiled) Relation(name string) (RelationType, bool) {
	one, ok := c.relations[name]
	if !ok {
		return RelationType{}, false
	}
	return one.clone(), true
}

// Read gives the type of relation that a word names in either direction: by its name, or by its inverse, which is told. A
// symmetric one is named by its name.
func (c *Compiled) Read(word string) (t RelationType, inverse, ok bool) {
	if one := c.relations[word]; one != nil {
		return one.clone(), false, true
	}
	if one := c.inverses[word]; one != nil {
		return one.clone(), true, true
	}
	return RelationType{}, false, false
}

func (r *relation) clone() RelationType {
	t := r.RelationType
	t.Pairs = slices.Clone(t.Pairs)
	return t
}

// Allows says whether a relation may lead from a CI of one class to a CI of another: whether one of its pairs names them, or classes
// that they inherit from. A symmetric one is allowed either way round. It is false for what does not exist.
func (c *Compiled) Allows(name, source, target string) bool {
	r, from, to := c.relations[name], c.classes[source], c.classes[target]
	if r == nil || from == nil || to == nil {
		return false
	}
	return r.allows(from, to) || r.Symmetric() && r.allows(to, from)
}

func (r *relation) allows(from, to *class) bool {
	for _, source := range from.line {
		for _, target := range to.line {
			if r.pairs[Pair{source.Name, target.Name}] {
				return true
			}
		}
	}
	return false
}

// States gives the states that classes require attributes in, in order: each should be one that CIs can have.
func (c *Compiled) States() []string { return slices.Clone(c.states) }

// Kinds gives the types of relations as the engine of impacts takes them, in the order of the model: for [impact.NewLoader].
func (c *Compiled) Kinds() []impact.Kind {
	kinds := make([]impact.Kind, len(c.model.Relations))
	for i, r := range c.model.Relations {
		kinds[i] = impact.Kind{Name: r.Name, Flow: r.Flow, Propagation: r.Propagation}
	}
	return kinds
}

func checkName(f *itsm.Faults, at, name string) {
	if !isName(name) {
		f.Addf(at, "is %q; write lower-case letters, digits and underscores, a letter first, at most %d", shown(name), maxName)
	}
}

func isName(name string) bool {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z'
		if !letter && (i == 0 || r != '_' && (r < '0' || r > '9')) {
			return false
		}
	}
	return name != "" && len(name) <= maxName
}

// shown keeps what an error repeats short and printable.
func shown(s string) string {
	r := []rune(strings.ToValidUTF8(s, "?"))
	if len(r) > maxName {
		return string(r[:maxName]) + "…"
	}
	return string(r)
}

func joined[T ~string](all []T) string {
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = string(one)
	}
	return strings.Join(texts, ", ")
}
