// This file compares values, and copies rules.

package reconcile

import (
	"maps"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/cmdb/schema"
)

// identityText gives a text that is the same for values that identify the same.
func identityText(v schema.Value, ignoreCase bool) string {
	raw, err := v.MarshalJSON()
	if err != nil {
		return v.String()
	}
	if ignoreCase {
		return fold(string(raw))
	}
	return string(raw)
}

// plainly gives a value without case and space around it, for what people write in place of a value.
func plainly(v schema.Value) string { return fold(strings.TrimSpace(v.String())) }

// fold maps texts that differ in case alone to one.
func fold(s string) string { return strings.ToLower(strings.ToUpper(s)) }

// hasOrder reports whether of two values of an attribute one is the larger.
func hasOrder(a schema.Attribute) bool {
	switch a.Type {
	case schema.TypeInteger, schema.TypeDecimal, schema.TypeDate, schema.TypeInstant:
		return !a.List
	}
	return false
}

// compare orders two numbers, dates or instants; others are equal.
func compare(a, b schema.Value) int {
	if x, ok := a.Decimal(); ok {
		if y, ok := b.Decimal(); ok {
			return x.Cmp(y)
		}
	}
	if x, ok := a.Instant(); ok {
		if y, ok := b.Instant(); ok {
			return x.Compare(y)
		}
	}
	if x, ok := a.Date(); ok {
		if y, ok := b.Date(); ok {
			return x.Compare(y)
		}
	}
	return 0
}

func sortedNames(v schema.Values) []string { return slices.Sorted(maps.Keys(v)) }

// joined lists words for a fault.
func joined[W ~string](words []W) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return strings.Join(all, ", ")
}

func (r Rules) clone() Rules {
	r.Identification = slices.Clone(r.Identification)
	for i, d := range r.Identification {
		r.Identification[i] = d.clone()
	}
	r.Meaningless = slices.Clone(r.Meaningless)
	for i := range r.Meaningless {
		r.Meaningless[i].Values = slices.Clone(r.Meaningless[i].Values)
	}
	r.Authority = slices.Clone(r.Authority)
	for i, a := range r.Authority {
		r.Authority[i] = a.clone()
	}
	r.Sources = slices.Clone(r.Sources)
	return r
}

func (d Identifier) clone() Identifier {
	d.Entries = slices.Clone(d.Entries)
	for i, e := range d.Entries {
		e.Attributes = slices.Clone(e.Attributes)
		if e.Through != nil {
			t := *e.Through
			t.Attributes = slices.Clone(t.Attributes)
			e.Through = &t
		}
		if e.Within != nil {
			w := *e.Within
			e.Within = &w
		}
		d.Entries[i] = e
	}
	return d
}

func (a Authority) clone() Authority {
	a.Attributes, a.Sources = slices.Clone(a.Attributes), slices.Clone(a.Sources)
	return a
}
