// This file finds the CI that an observation is of.

package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
)

// Query asks a host's store for CIs. It is one of two: of a source's own key, or of values of a class.
type Query struct {
	// Source is who asks. With a Key the query is for the CI that the source was last found to mean by the key, and
	// nothing else is set.
	Source string
	Key    string

	// Class asks for CIs of the class and those below it that have all the Attributes, among which [Name] is the name; ones that are retired count if
	// the store says so. [Compiled.Matches] is the comparison.
	Class      string
	Attributes schema.Values
	// IgnoreCase has texts equal that differ in upper and lower case alone.
	IgnoreCase bool
	// Fingerprint is the same for all CIs that the class and attributes ask for, as [Compiled.Fingerprints] gives them:
	// a store that keeps fingerprints in an index needs no other. Empty where there are no attributes.
	Fingerprint string
	// Related leaves those that have the relation now.
	Related *Related
}

// Related asks for CIs with a relation to another.
type Related struct {
	// Relation is the type; the CIs that are asked for are its sources, or its targets where Inverse is set.
	Relation string
	Inverse  bool
	// Other is the CI at the other end.
	Other itsm.ID
}

// Found is a CI that a store found.
type Found struct {
	ID    itsm.ID `json:"id"`
	Class string  `json:"class"`
	// Created tells which of several exists the longest.
	Created time.Time `json:"created"`
	// Key is the asking source's own key of the CI; empty where it has told none. A source tells CIs apart by its
	// keys, so that one of another key than the observation's is not the CI that is sought, however alike they are.
	Key string `json:"key,omitempty"`
}

// Find asks a store. Its order means nothing, and a CI may be given twice. The context is the caller's own. An error
// ends the identification and is given back.
type Find func(Query) ([]Found, error)

// Kind is a kind of way to know a CI.
type Kind string

// The kinds.
const (
	// KindKey is the source's own key.
	KindKey       Kind = "key"
	KindRegular   Kind = "regular"
	KindLookup    Kind = "lookup"
	KindHybrid    Kind = "hybrid"
	KindDependent Kind = "dependent"
)

// Trial is what came of one way to know a CI.
type Trial string

// What comes of trying.
const (
	// TrialFound found one CI or several: nothing else was tried after it.
	TrialFound Trial = "found"
	// TrialNone searched and found none.
	TrialNone Trial = "none"
	// TrialMissing could not be tried, since the observation lacks what it needs.
	TrialMissing Trial = "missing"
	// TrialHostUnknown could not be tried, since the CI in which this one is unique is not known (yet).
	TrialHostUnknown Trial = "host_unknown"
	// TrialHostAmbiguous could not be tried, since several are that CI.
	TrialHostAmbiguous Trial = "host_ambiguous"
)

// Attempt is one way to know the CI that was tried.
type Attempt struct {
	// Class is where the rule stands, and Priority which entry it is; empty and 0 for the source's key.
	Class    string `json:"class,omitempty"`
	Priority int    `json:"priority,omitempty"`
	Kind     Kind   `json:"kind"`
	Trial    Trial  `json:"trial"`
	// Values are those it was tried with, of the CI itself.
	Values schema.Values `json:"values,omitempty"`
	// Missing are the attributes that the observation lacks or that say nothing, in order.
	Missing []string `json:"missing,omitempty"`
}

// Outcome says how many CIs an observation is of.
type Outcome string

// The outcomes.
const (
	OutcomeNone Outcome = "none"
	OutcomeOne  Outcome = "one"
	OutcomeMany Outcome = "many"
	// OutcomeUnidentifiable says that no way to know the CI could be tried, so that it may exist already or not.
	OutcomeUnidentifiable Outcome = "unidentifiable"
	// OutcomeOtherClass says that one CI was found, of a class that is neither above nor below the observed one.
	OutcomeOtherClass Outcome = "other_class"
)

// Identification is which CI an observation is of, what is to follow, and how it was found.
type Identification struct {
	Outcome Outcome `json:"outcome"`
	// Action is what the rules have follow. It is [ActionRefuse] where the outcome is OutcomeUnidentifiable or
	// OutcomeOtherClass, and where a CI of an abstract class would have to be created.
	Action Action `json:"action"`
	// ID is the CI to update, where Action is [ActionUpdate] or [ActionOldest].
	ID itsm.ID `json:"id,omitempty"`
	// Class is what class the CI is to have: the observed one, or that of the CI where this is more specific.
	Class string `json:"class"`
	// Found are all that were found, those that exist the longest first.
	Found []Found `json:"found,omitempty"`
	// Attempts are the ways that were tried, in order. The last is the one that found something, where one did.
	Attempts []Attempt `json:"attempts"`
	// Reason says for people what was found by what, or why nothing could be.
	Reason string `json:"reason"`
}

// Identify finds the CI that an observation is of: by the source's own key where it has one, and else by the entries
// of the class's identifier in their priority, of which the first that finds anything decides. The result does not
// depend on the order of entries, attributes or relations.
func (c *Compiled) Identify(o Observation, find Find) (Identification, error) {
	return c.identify(o, find, false)
}

func (c *Compiled) identify(o Observation, find Find, pointer bool) (Identification, error) {
	id := Identification{Class: o.Class}
	found, err := c.search(o, find, &id, pointer)
	if err != nil {
		return Identification{}, err
	}
	c.conclude(&id, o, found)
	return id, nil
}

// Locate finds the CI that a source points to, as Identify does, and by entries for pointers alone. Nothing is to be created for a pointer: where no CI is
// found the action is [ActionRefuse].
func (c *Compiled) Locate(source string, p Pointer, find Find) (Identification, error) {
	id, err := c.identify(Observation{Source: source, Key: p.Key, Class: p.Class, Name: p.Name, Attributes: p.Attributes}, find, true)
	if err == nil && id.Action == ActionCreate {
		id.Action = ActionRefuse
	}
	return id, err
}

// search tries one way after the other.
func (c *Compiled) search(o Observation, find Find, id *Identification, pointer bool) ([]Found, error) {
	if o.Key != "" && !c.sources[o.Source].UnstableKeys {
		found, err := c.ask(o, find, Query{Key: o.Key})
		if err != nil {
			return nil, err
		}
		id.Attempts = append(id.Attempts, Attempt{Kind: KindKey, Trial: trial(found)})
		if len(found) > 0 {
			return found, nil
		}
	}
	identifier := c.identifier(o.Class)
	if identifier == nil {
		return nil, nil
	}
	for _, e := range identifier.Entries {
		if e.PointersOnly && !pointer {
			continue
		}
		a := Attempt{Class: identifier.Class, Priority: e.Priority, Kind: e.kind()}
		found, err := c.try(o, identifier.Class, e, find, &a)
		if err != nil {
			return nil, err
		}
		id.Attempts = append(id.Attempts, a)
		if len(found) > 0 {
			return found, nil
		}
	}
	return nil, nil
}

// try tries one entry.
func (c *Compiled) try(o Observation, class string, e Entry, find Find, a *Attempt) ([]Found, error) {
	q := Query{Class: class, IgnoreCase: e.IgnoreCase}
	q.Attributes, a.Missing = c.identifying(e.Attributes, values(o.Name, o.Attributes))
	a.Values = q.Attributes
	if len(a.Missing) > 0 {
		a.Trial = TrialMissing
		return nil, nil
	}
	q.Fingerprint = fingerprint(class, q.Attributes, e.IgnoreCase)
	var hosts []itsm.ID
	var relation string
	var inverse bool
	switch {
	case e.Within != nil:
		relation, inverse = e.Within.Relation, e.Within.Inverse
		host, trial, err := c.host(o, *e.Within, find)
		if err != nil {
			return nil, err
		}
		if a.Trial = trial; trial != TrialFound {
			return nil, nil
		}
		hosts = append(hosts, host)
	case e.Through != nil:
		relation, inverse = e.Through.Relation, e.Through.Inverse
		others, told, err := c.lookUp(o, *e.Through, e.IgnoreCase, find)
		if err != nil {
			return nil, err
		}
		if !told {
			a.Trial, a.Missing = TrialMissing, slices.Sorted(slices.Values(e.Through.Attributes))
			return nil, nil
		}
		hosts = others
	default:
		found, err := c.ask(o, find, q)
		a.Trial = trial(found)
		return found, err
	}
	var all []Found
	for _, host := range hosts {
		q := q
		q.Related = &Related{Relation: relation, Inverse: inverse, Other: host}
		found, err := c.ask(o, find, q)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	all = once(all)
	a.Trial = trial(all)
	return all, nil
}

// host finds the CI in which the observed one is unique.
func (c *Compiled) host(o Observation, w Within, find Find) (itsm.ID, Trial, error) {
	told := false
	hosts := map[itsm.ID]bool{}
	for _, r := range o.Relations {
		if r.Type != w.Relation || r.Inverse != w.Inverse || r.Other.Class != "" && !c.model.Is(r.Other.Class, w.Class) {
			continue
		}
		told = true
		id, err := c.Locate(o.Source, r.Other, find)
		if err != nil {
			return "", "", err
		}
		for _, f := range id.Found {
			if c.model.Is(f.Class, w.Class) {
				hosts[f.ID] = true
			}
		}
	}
	switch {
	case !told:
		return "", TrialMissing, nil
	case len(hosts) == 0:
		return "", TrialHostUnknown, nil
	case len(hosts) > 1:
		return "", TrialHostAmbiguous, nil
	}
	for host := range hosts {
		return host, TrialFound, nil
	}
	return "", TrialHostUnknown, nil
}

// lookUp finds the CIs by which the observed one is looked up, and whether the observation tells of any.
func (c *Compiled) lookUp(o Observation, t Through, ignoreCase bool, find Find) (others []itsm.ID, told bool, err error) {
	var all []Found
	for _, r := range o.Relations {
		if r.Type != t.Relation || r.Inverse != t.Inverse || !c.model.Is(r.Other.Class, t.Class) {
			continue
		}
		having, missing := c.identifying(t.Attributes, values(r.Other.Name, r.Other.Attributes))
		if len(missing) > 0 {
			continue
		}
		told = true
		found, err := c.askOthers(o, find, Query{Class: t.Class, Attributes: having, IgnoreCase: ignoreCase,
			Fingerprint: fingerprint(t.Class, having, ignoreCase)})
		if err != nil {
			return nil, false, err
		}
		all = append(all, found...)
	}
	for _, f := range once(all) {
		others = append(others, f.ID)
	}
	return others, told, nil
}

// conclude says what follows from what was found.
func (c *Compiled) conclude(id *Identification, o Observation, found []Found) {
	actions := c.Actions(o.Source)
	id.Found = found
	last := ""
	if n := len(id.Attempts); n > 0 {
		last = id.Attempts[n-1].describe()
	}
	tried := slices.ContainsFunc(id.Attempts, func(a Attempt) bool { return a.Kind != KindKey && a.Trial == TrialNone })
	class, known := c.model.Class(o.Class)
	switch {
	case len(found) > 1:
		id.Outcome, id.Action = OutcomeMany, actions.Many
		id.Reason = fmt.Sprintf("%d CIs were found by %s", len(found), last)
	case len(found) == 1:
		id.Outcome, id.Action = OutcomeOne, actions.One
		id.Reason = "found by " + last
	case !tried:
		id.Outcome, id.Action = OutcomeUnidentifiable, ActionRefuse
		id.Reason = c.whyNot(*id, o)
		return
	default:
		id.Outcome, id.Action = OutcomeNone, actions.None
		id.Reason = "none has the observed values"
		if id.Action == ActionCreate && (!known || class.Abstract) {
			id.Action = ActionRefuse
			id.Reason += fmt.Sprintf(", and no CI can be created of the abstract class %s", o.Class)
		}
		return
	}
	if id.Action != ActionUpdate && id.Action != ActionOldest {
		return
	}
	one := found[0]
	switch {
	case o.Class == "" || c.model.Is(one.Class, o.Class):
		id.Class = one.Class
	case !c.model.Is(o.Class, one.Class):
		id.Outcome, id.Action = OutcomeOtherClass, ActionRefuse
		id.Reason += fmt.Sprintf("; it is of the class %s, which is neither above nor below %s", one.Class, o.Class)
		return
	case class.Abstract:
		id.Class = one.Class
	}
	id.ID = one.ID
}

// whyNot says why no way to know the CI could be tried.
func (c *Compiled) whyNot(id Identification, o Observation) string {
	if c.identifier(o.Class) == nil {
		return fmt.Sprintf("no rule says by what a CI of the class %q is known", o.Class)
	}
	var parts []string
	for _, a := range id.Attempts {
		switch a.Trial {
		case TrialMissing:
			what := "its relation"
			if len(a.Missing) > 0 {
				what = strings.Join(a.Missing, ", ")
			}
			parts = append(parts, fmt.Sprintf("%s needs %s", a.describe(), what))
		case TrialHostUnknown:
			parts = append(parts, fmt.Sprintf("%s needs the CI in which it is unique, which is not known", a.describe()))
		case TrialHostAmbiguous:
			parts = append(parts, fmt.Sprintf("%s needs the CI in which it is unique, and several are that", a.describe()))
		}
	}
	return "cannot be identified: " + strings.Join(parts, "; ")
}

// describe names the way to know a CI in a sentence.
func (a Attempt) describe() string {
	if a.Kind == KindKey {
		return "the source's key"
	}
	return fmt.Sprintf("rule %d of %s", a.Priority, a.Class)
}

// identifying gives the values of the attributes, and those that are missing or say nothing.
func (c *Compiled) identifying(attributes []string, from schema.Values) (having schema.Values, missing []string) {
	for _, name := range attributes {
		v := from[name]
		if plain := plainly(v); plain == "" || c.meaningless[name][plain] {
			missing = append(missing, name)
			continue
		}
		if having == nil {
			having = schema.Values{}
		}
		having[name] = v
	}
	slices.Sort(missing)
	return having, missing
}

// ask asks the store for the observed CI, and leaves out what the source itself knows for another.
func (c *Compiled) ask(o Observation, find Find, q Query) ([]Found, error) {
	found, err := c.askOthers(o, find, q)
	if o.Key == "" || q.Key != "" || c.sources[o.Source].UnstableKeys {
		return found, err
	}
	return slices.DeleteFunc(found, func(f Found) bool { return f.Key != "" && f.Key != o.Key }), err
}

// askOthers asks the store and orders the answer.
func (c *Compiled) askOthers(o Observation, find Find, q Query) ([]Found, error) {
	q.Source = o.Source
	found, err := find(q)
	return once(found), err
}

// once leaves each CI once, those that exist the longest first.
func once(found []Found) []Found {
	found = slices.Clone(found)
	slices.SortFunc(found, func(a, b Found) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	seen := map[itsm.ID]bool{}
	return slices.DeleteFunc(found, func(f Found) bool {
		twice := seen[f.ID]
		seen[f.ID] = true
		return twice
	})
}

func trial(found []Found) Trial {
	if len(found) > 0 {
		return TrialFound
	}
	return TrialNone
}
