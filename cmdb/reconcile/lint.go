// This file finds what rules allow and nobody may have meant.

package reconcile

import (
	"fmt"
	"slices"
)

// Finding is something about rules that is no fault, and may not be meant.
type Finding struct {
	Class string `json:"class"`
	// Attribute is empty where it is about the class.
	Attribute string `json:"attribute,omitempty"`
	Problem   string `json:"problem"`
}

// Lint finds, class by class as the model has them: classes that can have CIs of which no rule says by what they are
// known, so that no source can tell of them; classes that rules know by relations alone, so that what points to a CI without the
// source's key finds none; and rules of a class above that keep a source from writing whom a rule of
// the class itself lets write.
func (c *Compiled) Lint() (all []Finding) {
	for _, class := range c.model.Model().Classes {
		if !class.Abstract && c.identifier(class.Name) == nil {
			all = append(all, Finding{Class: class.Name, Problem: "no rule says by what its CIs are known"})
		} else if !class.Abstract && !c.pointed(class.Name) {
			all = append(all, Finding{Class: class.Name, Problem: "no rule knows its CIs by their attributes alone, so that a row of another CI can point to them by the source's own key alone"})
		}
		own := c.authority[class.Name]
		if own == nil {
			continue
		}
		names := []string{Name}
		for _, a := range c.model.Attributes(class.Name) {
			names = append(names, a.Name)
		}
		for _, name := range names {
			if problem := c.blocked(class.Name, name); problem != "" {
				all = append(all, Finding{Class: class.Name, Attribute: name, Problem: problem})
			}
		}
	}
	return all
}

// blocked says which sources of a class's own rule a rule from above keeps from writing an attribute.
func (c *Compiled) blocked(class, attribute string) string {
	governing := c.governing(class, attribute)
	if len(governing) == 0 || governing[0].Class == class {
		return ""
	}
	winner := governing[0]
	for _, rule := range governing[1:] {
		if rule.Class != class {
			continue
		}
		sources := rule.Sources
		if len(sources) == 0 {
			sources = []string{AnySource}
		}
		i := slices.IndexFunc(sources, func(source string) bool {
			_, may := winner.place(source)
			return !may
		})
		if i >= 0 {
			return fmt.Sprintf("%s wins over %s, and keeps %s from writing", winner.describe(), rule.describe(), sources[i])
		}
	}
	return ""
}
