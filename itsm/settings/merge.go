// This file holds what follows from a tenant's own value and what it inherits: what holds there, and
// what it passes on. It is pure.

package settings

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// layered is a value and the parts that it is made of. A nil value is none.
type layered struct {
	value json.RawMessage
	parts []Part
}

// over lays a value over another. Parts of which nothing is left are dropped.
func (d *definition) over(base, top layered) layered {
	if top.value == nil {
		return base
	}
	if base.value == nil || d.merge == MergeReplace {
		return top
	}
	var value json.RawMessage
	var taken func(key string) bool // of the base, by the top
	kept := func(string) bool { return true }
	switch d.merge {
	case MergeKeys:
		below, above := object(base.value), object(top.value)
		maps.Copy(below, above)
		value, _ = json.Marshal(below) // of values that were read from JSON
		taken = func(key string) bool { _, ok := above[key]; return ok }
	case MergeItems:
		all := items(base.value)
		seen := map[string]bool{}
		for _, v := range all {
			seen[canonical(v)] = true
		}
		before := maps.Clone(seen)
		for _, v := range items(top.value) {
			if c := canonical(v); !seen[c] {
				seen[c] = true
				all = append(all, v)
			}
		}
		value, _ = json.Marshal(all)
		taken = func(string) bool { return false }
		kept = func(key string) bool { return !before[key] }
	}
	out := layered{value: value}
	add := func(parts []Part, stays func(string) bool) {
		for _, p := range parts {
			var keys []string
			for _, k := range p.Keys {
				if stays(k) {
					keys = append(keys, k)
				}
			}
			if len(keys) > 0 {
				out.parts = append(out.parts, Part{p.Origin, keys})
			}
		}
	}
	add(base.parts, func(key string) bool { return !taken(key) })
	add(top.parts, kept)
	return out
}

// of is a value of one origin.
func (d *definition) of(value json.RawMessage, o Origin) layered {
	p := Part{Origin: o}
	switch d.merge {
	case MergeKeys:
		p.Keys = slices.Sorted(maps.Keys(object(value)))
	case MergeItems:
		for _, v := range items(value) {
			if c := canonical(v); !slices.Contains(p.Keys, c) {
				p.Keys = append(p.Keys, c)
			}
		}
	}
	return layered{value, []Part{p}}
}

// object reads a map; null, and what an older program kept as something else, has no keys.
func object(raw json.RawMessage) map[string]json.RawMessage {
	m := map[string]json.RawMessage{}
	if json.Unmarshal(raw, &m) != nil || m == nil {
		return map[string]json.RawMessage{}
	}
	return m
}

func items(raw json.RawMessage) []json.RawMessage {
	all := []json.RawMessage{}
	if json.Unmarshal(raw, &all) != nil || all == nil {
		return []json.RawMessage{}
	}
	return all
}

// canonical gives the one form of equal JSON: compact, keys sorted, numbers as they are written.
func canonical(raw json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return string(raw)
	}
	out, _ := json.Marshal(v)
	return string(out)
}

func sameJSON(a, b json.RawMessage) bool {
	return (a == nil) == (b == nil) && canonical(a) == canonical(b)
}

// inherited is what a tenant inherits: the merged value of those above without the default, which is
// the program's, and whether they let it be overridden. It names them as they chose to be named, and
// by nothing else.
type inherited struct {
	Value    json.RawMessage `json:"value,omitempty"`
	Parts    []Part          `json:"parts,omitempty"`
	LockedBy string          `json:"locked_by,omitempty"`
}

func (i *inherited) empty() bool { return i == nil || i.Value == nil && i.LockedBy == "" }

func (i *inherited) layer() layered {
	if i == nil {
		return layered{}
	}
	return layered{i.Value, i.Parts}
}

func (i *inherited) lockedBy() string {
	if i == nil {
		return ""
	}
	return i.LockedBy
}

// same says whether two tell the same.
func (i *inherited) same(o *inherited) bool {
	if i.empty() || o.empty() {
		return i.empty() && o.empty()
	}
	return sameJSON(i.Value, o.Value) && i.LockedBy == o.LockedBy && slices.EqualFunc(i.Parts, o.Parts, func(a, b Part) bool {
		return a.Kind == b.Kind && a.From == b.From && a.By == b.By && a.At.Equal(b.At) && slices.Equal(a.Keys, b.Keys)
	})
}

// unnamed is what a tenant above is called that has not chosen a name.
const unnamed = "the organisation above"

// shown is the name of the entry's tenant to those below.
func (e *entry) shown() string {
	if e.ShownAs != "" {
		return e.ShownAs
	}
	return unnamed
}

// passes is what the tenant passes on to those below it.
func (d *definition) passes(e *entry) *inherited {
	if e.Inherited.lockedBy() != "" {
		return e.Inherited
	}
	l := e.Inherited.layer()
	if e.Own != nil && !e.Own.Private {
		l = d.over(l, d.of(e.Own.Value, Origin{Kind: OriginInherited, From: e.shown(), At: e.Own.At}))
	}
	out := &inherited{Value: l.value, Parts: l.parts}
	if e.Locks {
		out.LockedBy = e.shown()
	}
	if out.empty() {
		return nil
	}
	return out
}

// state is what holds in the tenant.
func (d *definition) state(e *entry) State {
	own := Origin{Kind: OriginOwn, From: e.ShownAs}
	if own.From == "" {
		own.From = string(e.Tenant)
	}
	s := State{Setting: d.name, Title: d.title, Merge: d.merge, Version: e.Version, LocksBelow: e.Locks}
	s.LockedBy = e.Inherited.lockedBy()
	l := d.over(d.of(d.standard, Origin{Kind: OriginDefault}), e.Inherited.layer())
	if e.Own != nil {
		own.By, own.At = e.Own.By, e.Own.At
		s.Own = &Own{Value: e.Own.Value, Private: e.Own.Private}
		if s.LockedBy == "" {
			l = d.over(l, d.of(e.Own.Value, own))
		}
	}
	s.Value = l.value
	s.Origin = Origin{Kind: OriginDefault}
	if n := len(l.parts); n > 0 {
		s.Origin = l.parts[n-1].Origin
		if n > 1 {
			s.Parts = l.parts
		}
	}
	return s
}
