// This file holds the model as data: classes, their attributes, and the types of relations between them.

package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/internal/strictjson"
	"github.com/itsmkit/itsmkit/itsm"
)

// Type says what an attribute holds, and of what form its JSON is.
type Type string

// The types.
const (
	// TypeText is a text, of at most [Attribute].MaximumLength characters.
	TypeText Type = "text"
	// TypeInteger is a JSON number without decimal places that fits 64 bits.
	TypeInteger Type = "integer"
	// TypeDecimal is an exact JSON number of at most [MaxDigits] digits on either side of its point. It never passes through a
	// float.
	TypeDecimal Type = "decimal"
	// TypeBoolean is true or false.
	TypeBoolean Type = "boolean"
	// TypeDate is a day of the calendar without a time zone: "2026-05-31". Years are 1 to 9999.
	TypeDate Type = "date"
	// TypeInstant is an instant in UTC, to the microsecond: "2026-05-31T14:30:00Z" (RFC 3339).
	TypeInstant Type = "instant"
	// TypeChoice is one of the attribute's choices.
	TypeChoice Type = "choice"
	// TypeReference is the id of another CI, which is of the class [Attribute].Class or one below it. No impact follows a
	// reference: what a CI depends on is a relation.
	TypeReference Type = "reference"
	// TypeAddress is an IP address without zone or prefix length: "192.0.2.1", "2001:db8::1" (RFC 5952). An IPv4 address
	// that is mapped into IPv6 is written as IPv4.
	TypeAddress Type = "address"
	// TypeNetwork is an IP network with its prefix length and no bits behind it: "192.0.2.0/24".
	TypeNetwork Type = "network"
	// TypeHardwareAddress is the address of a network interface (EUI-48, EUI-64, InfiniBand): "00:00:5e:00:53:01".
	TypeHardwareAddress Type = "hardware_address"
)

var allTypes = []Type{TypeText, TypeInteger, TypeDecimal, TypeBoolean, TypeDate, TypeInstant, TypeChoice, TypeReference,
	TypeAddress, TypeNetwork, TypeHardwareAddress}

// Bounds of a model, beyond which it is refused.
const (
	// MaxJSON is how long the JSON form of a model may be, in bytes.
	MaxJSON = 4 << 20
	// MaxClasses is how many classes a model may have.
	MaxClasses = 1000
	// MaxDepth is how many classes may stand above one another, from a root to a leaf.
	MaxDepth = 16
	// MaxAttributes is how many attributes a class may have, those it inherits included.
	MaxAttributes = 500
	// MaxChoices is how many choices an attribute may have.
	MaxChoices = 1000
	// MaxPairs is how many pairs a type of relation may have.
	MaxPairs = 2000
	// MaxElements is how many elements an attribute's list may have.
	MaxElements = 1000
	// MaxLength is the greatest [Attribute].MaximumLength.
	MaxLength = 100_000
	// DefaultLength is how many characters a text may have where its attribute does not say.
	DefaultLength = 1000
)

// Reserved are names that no attribute can have, as every CI has them beside its attributes: a value under one of them would be another than
// the CI's own, by which CIs are found and shown.
func Reserved() []string {
	return []string{"class", "criticality", "environment", "group", "id", "name", "number", "owner", "restricted", "site", "state"}
}

// Attribute describes one attribute of a class.
type Attribute struct {
	// Name is the attribute's key: lower-case letters, digits and underscores, a letter first, at most 63, and none of
	// [Reserved]. It is declared once along a line of inheritance.
	Name string `json:"name"`
	// Label is what people read. Empty means the name, with a capital and spaces.
	Label       string `json:"label,omitempty"`
	Description string `json:"description,omitempty"`
	Type        Type   `json:"type"`
	// List says that the attribute holds several values of the type, as a set: its JSON is a list in which each element stands
	// once, in the order of their canonical JSON, so that two sources that list the same in another order agree.
	// [Compiled.Canonical] brings a list into that form. Bounds hold for each element.
	List bool `json:"list,omitempty"`
	// Required refuses a CI without a value: absent, a blank text, an empty list.
	Required bool `json:"required,omitempty"`
	// Choices are what a choice may be.
	Choices []string `json:"choices,omitempty"`
	// Pattern is a regular expression (RE2) that the whole of a text must match.
	Pattern string `json:"pattern,omitempty"`
	// Minimum and Maximum bound integers, decimals, dates and instants, both included. None is no bound.
	Minimum Value `json:"minimum,omitzero"`
	Maximum Value `json:"maximum,omitzero"`
	// MaximumLength is for texts, in characters; 0 means [DefaultLength].
	MaximumLength int `json:"maximum_length,omitempty"`
	// Class is what a reference is to: CIs of this class or one below it. Empty means any.
	Class string `json:"class,omitempty"`
	// Unit is in what a number counts, for people: "MiB", "W".
	Unit string `json:"unit,omitempty"`
	// ChangeControlled says that only a change that is being implemented may write the value; what discovery finds is an
	// observation then. This package only carries it.
	ChangeControlled bool `json:"change_controlled,omitempty"`
}

// Part says which part a class has in impacts, for [Compiled.Lint] to hold the model to. Nothing else depends on it: what fails
// follows from relations alone.
type Part string

// The parts.
const (
	// PartThrough is a class whose CIs can be impacted, and whose failure something feels.
	PartThrough Part = "through"
	// PartOrigin is a class whose failure something feels, and which nothing needs to impact: where trouble comes from, as a
	// provider's account.
	PartOrigin Part = "origin"
	// PartEnd is a class which can be impacted, and which nothing needs to depend on: what people use, as a business service.
	PartEnd Part = "end"
	// PartOutside is a class that no impact reaches, in either direction, as a document.
	PartOutside Part = "outside"
)

var allParts = []Part{PartThrough, PartOrigin, PartEnd, PartOutside}

// Class describes a class of CIs.
type Class struct {
	// Name is the class's key, of the form of an attribute's.
	Name string `json:"name"`
	// Label is what people read. Empty means the name, with a capital and spaces.
	Label       string `json:"label,omitempty"`
	Description string `json:"description,omitempty"`
	// Parent is the class from which attributes, required ones by state, the part in impacts and the pairs of relations are
	// inherited. Empty makes a root. A model may have several roots.
	Parent string `json:"parent,omitempty"`
	// Abstract says that no CI is of this class, only of those below it.
	Abstract bool `json:"abstract,omitempty"`
	// Impact is the part in impacts. Empty is that of the parent, and of a root [PartThrough].
	Impact     Part        `json:"impact,omitempty"`
	Attributes []Attribute `json:"attributes,omitempty"`
	// RequiredIn names, by state of a CI, attributes of this class or those above it that have a value in that state, beside
	// those that always have. Subclasses add to it. Which states there are is for whoever keeps the CIs: see
	// [Compiled.States].
	RequiredIn map[string][]string `json:"required_in,omitempty"`
}

// Pair allows a relation from a CI of one class to a CI of another. Either may be of a class below.
type Pair struct {
	Source string `json:"source"`
	Target string `json:"target"`
}

// RelationType describes a type of relation. What its name says means nothing to impacts: Flow and Propagation do.
type RelationType struct {
	// Name is the relation's key, read from the source to the target: "runs_on".
	Name string `json:"name"`
	// Inverse is how it reads from the target to the source: "runs". No other name or inverse of the model is the same. One
	// whose inverse is its own name reads the same both ways ([RelationType.Symmetric]).
	Inverse     string `json:"inverse"`
	Description string `json:"description,omitempty"`
	// Flow says which way failure passes, and Propagation what of it the dependent CI feels. Both are required;
	// [impact.NoFlow] needs [impact.None].
	Flow        impact.Flow        `json:"flow,omitzero"`
	Propagation impact.Propagation `json:"propagation,omitzero"`
	// Pairs are the classes between which it is allowed. Without any it is not allowed at all.
	Pairs []Pair `json:"pairs,omitempty"`
	// MaximumTargets is to how many targets a source may have it, and MaximumSources from how many sources a target may; 0 is
	// any number. They are the same where the type is symmetric. This package only carries them.
	MaximumTargets int `json:"maximum_targets,omitempty"`
	MaximumSources int `json:"maximum_sources,omitempty"`
}

// Symmetric says that the relation reads the same both ways, so that a pair allows it in either.
func (t RelationType) Symmetric() bool { return t.Name == t.Inverse }

// Model is what there can be: plain data that a host edits, beginning with [Shipped] or with nothing, and compiles. Its JSON form
// is strict: [Parse].
type Model struct {
	Classes   []Class        `json:"classes"`
	Relations []RelationType `json:"relations"`
}

// Parse reads the JSON form of a model: one object without unknown members, at most [MaxJSON] bytes. What else is wrong with it
// [Model.Compile] says. It is [storage.ErrInvalid], with every flow and propagation that does not exist at once.
func Parse(raw []byte) (Model, error) {
	var m Model
	if err := m.UnmarshalJSON(raw); err != nil {
		return Model{}, err
	}
	return m, nil
}

// UnmarshalJSON is [Parse].
func (m *Model) UnmarshalJSON(raw []byte) error {
	// Flows and propagations are read as texts, so that all that are wrong are told at once.
	var read struct {
		Classes   []Class `json:"classes"`
		Relations []struct {
			RelationType
			Flow        string `json:"flow"`
			Propagation string `json:"propagation"`
		} `json:"relations"`
	}
	if err := strictjson.Decode(subject, raw, MaxJSON, &read); err != nil {
		return err
	}
	var f itsm.Faults
	relations := make([]RelationType, len(read.Relations))
	for i, r := range read.Relations {
		relations[i] = r.RelationType
		at := fmt.Sprintf("relations[%d]", i)
		if r.Flow != "" {
			f.Merge(at, relations[i].Flow.UnmarshalText([]byte(r.Flow)))
		}
		if r.Propagation != "" {
			f.Merge(at, relations[i].Propagation.UnmarshalText([]byte(r.Propagation)))
		}
	}
	if err := f.Err(subject); err != nil {
		return err
	}
	*m = Model{Classes: read.Classes, Relations: relations}
	return nil
}

// Clone gives a copy that shares nothing.
func (m Model) Clone() Model {
	m.Classes = slices.Clone(m.Classes)
	for i := range m.Classes {
		m.Classes[i] = m.Classes[i].clone()
	}
	m.Relations = slices.Clone(m.Relations)
	for i := range m.Relations {
		m.Relations[i].Pairs = slices.Clone(m.Relations[i].Pairs)
	}
	return m
}

func (c Class) clone() Class {
	c.Attributes = cloneAttributes(c.Attributes)
	if c.RequiredIn != nil {
		in := make(map[string][]string, len(c.RequiredIn))
		for state, names := range c.RequiredIn {
			in[state] = slices.Clone(names)
		}
		c.RequiredIn = in
	}
	return c
}

func cloneAttributes(all []Attribute) []Attribute {
	all = slices.Clone(all)
	for i := range all {
		all[i].Choices = slices.Clone(all[i].Choices)
	}
	return all
}

// labelOf makes a label of a name.
func labelOf(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "_", " ")
}
