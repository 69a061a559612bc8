// This file holds what sources tell, and what is wrong with it.

package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Observation is what a source tells of one CI at one instant. What it does not mention it says nothing of.
type Observation struct {
	// Source is who says it: a tool, a file, a person.
	Source string `json:"source"`
	// Key is the source's own name of the CI; empty where it has none.
	Key string `json:"key,omitempty"`
	// Class is the CI's class as the source knows it.
	Class string `json:"class"`
	// Name is the CI's name; empty where it says none.
	Name string `json:"name,omitempty"`
	// Attributes are what it says of the CI. A value that is none says that the CI has no such value.
	Attributes schema.Values `json:"attributes,omitempty"`
	// Relations are those of the CI that it tells.
	Relations []ObservedRelation `json:"relations,omitempty"`
	// At is when it was observed.
	At time.Time `json:"at"`
	// Row is its place in what was read, from 1; 0 where it was not read.
	Row int `json:"row,omitempty"`
}

// ObservedRelation is a relation of the observed CI with another.
type ObservedRelation struct {
	// Type is the type of the relation. The observed CI is its source, or its target where Inverse is set.
	Type    string `json:"type"`
	Inverse bool   `json:"inverse,omitempty"`
	// Other is the CI at the other end.
	Other Pointer `json:"other"`
}

// Pointer names a CI that an observation is not of: by the source's own key, by class, name and attributes that identify it, or
// by both, of which the key is tried first.
type Pointer struct {
	Key        string        `json:"key,omitempty"`
	Class      string        `json:"class,omitempty"`
	Name       string        `json:"name,omitempty"`
	Attributes schema.Values `json:"attributes,omitempty"`
}

// MaxRelations is how many relations one observation may tell.
const MaxRelations = 1000

// MaxName is how many characters the name of an observed CI may have.
const MaxName = 1000

// values gives the attributes and the name, as rules see them.
func values(name string, attributes schema.Values) schema.Values {
	if name == "" {
		return attributes
	}
	all := make(schema.Values, len(attributes)+1)
	maps.Copy(all, attributes)
	all[Name] = schema.Text(name)
	return all
}

// Canonical gives an observation in the form in which others mean the same by the same values, as
// [schema.Compiled.Canonical] has them, or a *storage.ValidationError with everything that is wrong with it: a source,
// class or instant that is missing, a class or type of relation that the model does not have, relations that it does
// not allow, attributes that the class does not have and values that these cannot have. What a class requires is not
// asked for, as an observation tells a part. The observation that was given is not changed.
func (c *Compiled) Canonical(o Observation) (Observation, error) {
	var f itsm.Faults
	f.Key("source", o.Source)
	if o.Key != "" {
		f.Key("key", o.Key)
	}
	if o.At.IsZero() {
		f.Add("at", "is required")
	}
	o.At = storage.Instant(o.At)
	o.Attributes = c.canonicalValues(&f, "", o.Class, o.Name, o.Attributes)
	if len(o.Relations) > MaxRelations {
		f.Addf("relations", "are %d; at most %d are allowed", len(o.Relations), MaxRelations)
	} else {
		o.Relations = slices.Clone(o.Relations)
		for i := range o.Relations {
			c.canonicalRelation(&f, fmt.Sprintf("relations[%d].", i), o.Class, &o.Relations[i])
		}
	}
	if err := f.Err("observation"); err != nil {
		return Observation{}, err
	}
	return o, nil
}

// canonicalValues checks what is said of one CI. What is none stays, as it says something.
func (c *Compiled) canonicalValues(f *itsm.Faults, prefix, class, name string, attributes schema.Values) schema.Values {
	if !c.class(f, prefix+"class", class) {
		return nil
	}
	f.Text(prefix+"name", name, MaxName, false)
	var all schema.Values
	for _, attribute := range sortedNames(attributes) {
		v, err := c.model.CanonicalValue(class, attribute, attributes[attribute])
		f.Merge(strings.TrimSuffix(prefix, "."), err)
		if all == nil {
			all = make(schema.Values, len(attributes))
		}
		all[attribute] = v
	}
	return all
}

// canonicalRelation checks one relation that a CI of the class is said to have.
func (c *Compiled) canonicalRelation(f *itsm.Faults, prefix, class string, r *ObservedRelation) {
	if _, ok := c.model.Relation(r.Type); !ok {
		f.Addf(prefix+"type", "is not a type of relation of the model: %s", clip(r.Type))
	}
	p := &r.Other
	if p.Key != "" {
		f.Key(prefix+"other.key", p.Key)
	}
	if p.Class == "" {
		if p.Key == "" {
			f.Add(prefix+"other", "needs a key, or a class with a name or attributes")
		}
		return
	}
	before := len(f.List())
	p.Attributes = c.canonicalValues(f, prefix+"other.", p.Class, p.Name, p.Attributes)
	if p.Key == "" && p.Name == "" && len(p.Attributes) == 0 {
		f.Add(prefix+"other", "needs a key, a name or attributes beside its class")
	}
	if len(f.List()) == before && !c.related(r.Type, r.Inverse, class, p.Class) {
		f.Addf(prefix+"type", "is not allowed between %s and %s this way round", class, p.Class)
	}
}

// related reports whether the model allows a relation between CIs of two classes, or of classes above or below
// them, of which the first is the source, or the target where inverse is set.
func (c *Compiled) related(relation string, inverse bool, class, other string) bool {
	if inverse {
		class, other = other, class
	}
	near := func(a, b string) bool { return c.model.Is(a, b) || c.model.Is(b, a) }
	t, _ := c.model.Relation(relation)
	return slices.ContainsFunc(t.Pairs, func(p schema.Pair) bool {
		return near(class, p.Source) && near(other, p.Target) || t.Symmetric() && near(class, p.Target) && near(other, p.Source)
	})
}

// clip keeps what a fault repeats short.
func clip(s string) string {
	const most = 100
	if len(s) > most {
		s = s[:most] + "…"
	}
	return fmt.Sprintf("%q", s)
}
