// This file decides whose word counts for an attribute.

package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/schema"
)

// Held is what a CI has for an attribute, and whose word it is. The zero value holds nothing.
type Held struct {
	Value  schema.Value `json:"value"`
	Source string       `json:"source"`
	At     time.Time    `json:"at"`
}

// Result is what became of an observed value.
type Result string

// The results.
const (
	// ResultWritten says that the CI has the observed value now.
	ResultWritten Result = "written"
	// ResultSame says that it had it already. Who holds it, or since when it is known, may have changed all the same.
	ResultSame Result = "same"
	// ResultRefused says that what is held stays.
	ResultRefused Result = "refused"
)

// same reports whether the same is held, by the same source, since the same instant.
func (h Held) same(other Held) bool {
	return h.Value == other.Value && h.Source == other.Source && h.At.Equal(other.At)
}

// none reports whether nothing is held, by nobody.
func (h Held) none() bool { return h.Value.IsZero() && h.Source == "" }

// AttributeDecision is what became of one attribute of an observation, and by which rule.
type AttributeDecision struct {
	Attribute string       `json:"attribute"`
	Observed  schema.Value `json:"observed"`
	Result    Result       `json:"result"`
	// Before is what the CI held, and After what it holds now: the same as before where Result is ResultRefused.
	Before Held `json:"before"`
	After  Held `json:"after"`
	// Rule is the rule that won; nil where none was asked: nothing governs the attribute, or nothing was held.
	Rule *Authority `json:"rule,omitempty"`
	// Overruled are the other rules that cover the attribute, the strongest first.
	Overruled []Authority `json:"overruled,omitempty"`
	// Reason says why, for people. It names the rule, and where an overruled one would have let the source write,
	// that one too.
	Reason string `json:"reason"`
}

// Decision is what an observation does to the attributes of a CI: one entry for each attribute of the observation and
// for its [Name], in the order of their names.
type Decision struct {
	Attributes []AttributeDecision `json:"attributes"`
}

// Changes reports whether anything of what is held is different afterwards, if only since when it is known.
func (d Decision) Changes() bool {
	return slices.ContainsFunc(d.Attributes, func(a AttributeDecision) bool { return !a.Before.same(a.After) })
}

// Written gives the attributes whose values change, with the new values.
func (d Decision) Written() schema.Values {
	written := schema.Values{}
	for _, a := range d.Attributes {
		if a.Result == ResultWritten {
			written[a.Attribute] = a.After.Value
		}
	}
	return written
}

// Reconcile decides which values of an observation, its name among them as [Name], a CI of the class takes over what it holds, as of now. Nothing is
// said of attributes that the observation does not have.
//
//   - Where nothing is held every source may write. Where no rule governs the attribute the later word counts: of two
//     sources that observed at the same instant, that which is held.
//   - A static rule lets its sources write over those after them and over everyone whom it does not name, and over
//     themselves unless what is held was observed later. A source that it does not name may not write.
//   - A word that was not heard for longer than its source's period is stale: it yields to the fresh word of any source
//     that may write, and it writes over no fresh one.
//   - A dynamic rule looks at what is said, as its [Choice] has it.
//   - Where the class is known by the attribute without case ([Entry].IgnoreCase), what another source says that differs
//     from what is held in case alone is the same, whatever the rules: what is held stays, and its holder. The holder
//     itself may write it otherwise.
//
// The same observation once more changes nothing, and the order of attributes means nothing. Reconcile compares
// values as they are: [Compiled.Canonical] comes first.
func (c *Compiled) Reconcile(class string, held map[string]Held, o Observation, now time.Time) Decision {
	var d Decision
	said := values(o.Name, o.Attributes)
	for _, name := range slices.Sorted(maps.Keys(said)) {
		d.Attributes = append(d.Attributes, c.decide(class, name, held[name], Held{Value: said[name], Source: o.Source, At: o.At}, now))
	}
	return d
}

// decide decides for one attribute.
func (c *Compiled) decide(class, name string, held, said Held, now time.Time) AttributeDecision {
	d := AttributeDecision{Attribute: name, Observed: said.Value, Before: held}
	governing := c.governing(class, name)
	var takes bool
	if said.Source != held.Source && said.Value != held.Value && c.alike(class, name, held.Value, said.Value) {
		d.After, d.Result = held, ResultSame
		d.Reason = "it identifies without case, and is the same but for case"
		return d
	}
	switch {
	case held.none():
		takes, d.Reason = true, "nothing was held"
	case len(governing) == 0:
		takes = said.At.After(held.At) || said.Source == held.Source && said.At.Equal(held.At)
		switch {
		case takes && said.Source == held.Source:
			d.Reason = "no rule governs the attribute, and it is the holder's own word"
		case takes:
			d.Reason = "no rule governs the attribute, and the later word counts"
		case said.At.Equal(held.At):
			d.Reason = "no rule governs the attribute, and of two words of the same instant that which is held stays"
		default:
			d.Reason = fmt.Sprintf("no rule governs the attribute, and the later word counts, which is that of %s", who(held.Source))
		}
	default:
		rule := governing[0]
		won := rule.Authority.clone()
		d.Rule = &won
		for _, r := range governing[1:] {
			d.Overruled = append(d.Overruled, r.Authority.clone())
		}
		takes, d.Reason = c.judge(rule, held, said, now)
		d.Reason += " (" + rule.describe() + ")"
		if !takes {
			for _, other := range governing[1:] {
				if would, _ := c.judge(other, held, said, now); would {
					d.Reason += "; overruled is " + other.describe() + ", which would have let it be written"
					break
				}
			}
		}
	}
	d.After, d.Result = held, ResultRefused
	if takes {
		d.After, d.Result = said, ResultWritten
	}
	if said.Value == held.Value {
		d.Result = ResultSame
	}
	return d
}

// alike reports whether two values differ in case alone, of an attribute by which the rules know CIs of the class without case.
func (c *Compiled) alike(class, name string, a, b schema.Value) bool {
	identifier := c.identifier(class)
	return identifier != nil && !a.IsZero() && !b.IsZero() && identityText(a, true) == identityText(b, true) &&
		slices.ContainsFunc(identifier.Entries, func(e Entry) bool { return e.IgnoreCase && slices.Contains(e.Attributes, name) })
}

// judge says whether a word counts over what is held, and why.
func (c *Compiled) judge(rule *authority, held, said Held, now time.Time) (takes bool, reason string) {
	mine, ok := rule.place(said.Source)
	if !ok {
		return false, fmt.Sprintf("%s is not among those who may write", said.Source)
	}
	theirs, known := rule.place(held.Source)
	own := said.Source == held.Source
	if !known {
		return true, fmt.Sprintf("%s may write, and %s may not", said.Source, who(held.Source))
	}
	if own && said.At.Before(held.At) {
		return false, fmt.Sprintf("%s said otherwise later", said.Source)
	}
	if own {
		return true, fmt.Sprintf("%s is the holder", said.Source)
	}
	fresh, heldFresh := !c.stale(said, now), !c.stale(held, now)
	switch {
	case fresh && !heldFresh:
		return true, fmt.Sprintf("the word of %s is stale since it was heard at %s", who(held.Source), held.At.UTC().Format(time.RFC3339))
	case !fresh && heldFresh:
		return false, fmt.Sprintf("the word of %s is stale, and that of %s is not", said.Source, who(held.Source))
	}
	if rule.Choose != "" {
		return rule.choose(held, said)
	}
	switch {
	case mine < theirs:
		return true, fmt.Sprintf("%s comes before %s", said.Source, who(held.Source))
	case mine > theirs:
		return false, fmt.Sprintf("%s holds it and comes before %s", who(held.Source), said.Source)
	case said.At.After(held.At):
		return true, fmt.Sprintf("%s said it later than %s, which has the same place", said.Source, who(held.Source))
	}
	return false, fmt.Sprintf("%s has the same place and said it no earlier", who(held.Source))
}

// choose is what a dynamic rule makes of two words that are equally fresh.
func (r *authority) choose(held, said Held) (takes bool, reason string) {
	switch r.Choose {
	case ChooseLatest:
		if said.At.After(held.At) {
			return true, "it was observed later"
		}
		return false, "it was not observed later"
	case ChooseFirst:
		if said.At.Before(held.At) {
			return true, "it was observed first"
		}
		return false, "it was not observed first"
	}
	order := compare(said.Value, held.Value)
	if r.Choose == ChooseSmallest {
		order = -order
	}
	if order > 0 || held.Value.IsZero() {
		return true, fmt.Sprintf("it is the %s", r.Choose)
	}
	return false, fmt.Sprintf("it is not the %s", r.Choose)
}

// stale reports whether a word has not been heard for longer than its source's period.
func (c *Compiled) stale(h Held, now time.Time) bool {
	period := c.Staleness(h.Source)
	return period > 0 && now.After(h.At.Add(period))
}

// Staleness gives for how long the word of a source holds; 0 is for ever.
func (c *Compiled) Staleness(source string) time.Duration {
	const day = 24 * time.Hour
	days := c.rules.StaleAfterDays
	if s, ok := c.sources[source]; ok {
		if s.NeverStale {
			return 0
		}
		if s.StaleAfterDays > 0 {
			days = s.StaleAfterDays
		}
	}
	if days == 0 {
		days = DefaultStaleAfterDays
	}
	return time.Duration(days) * day
}

// who names a source in a sentence.
func who(source string) string {
	if source == "" {
		return "what was there"
	}
	return source
}
