// This file holds where a value comes from, in JSON and in words.

package settings

import (
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// OriginKind says what kind of place a value comes from.
type OriginKind string

// The kinds.
const (
	// OriginDefault: the program's default.
	OriginDefault OriginKind = "default"
	// OriginOwn: the tenant set it itself.
	OriginOwn OriginKind = "own"
	// OriginInherited: a tenant above it set it.
	OriginInherited OriginKind = "inherited"
)

// Origin is where a value, or a part of one, comes from.
type Origin struct {
	Kind OriginKind `json:"kind"`
	// From names the tenant: an own value's by the name under which it presents itself or its id,
	// an inherited one's only by the name that the tenant above chose, "the organisation above" where it
	// chose none. Empty for the default.
	From string `json:"from,omitempty"`
	// By is who set it, and ByName their name where [Options].Names gave one, for an own value.
	// Who works above is not told below.
	By     itsm.ID `json:"by,omitempty"`
	ByName string  `json:"by_name,omitempty"`
	// At is when it was set, in UTC; zero for the default.
	At time.Time `json:"at,omitzero"`
}

// String says it in words: "Northwind IT (inherited), set on 2 March 2026 at 09:00 UTC".
func (o Origin) String() string {
	if o.Kind == OriginDefault {
		return "the default"
	}
	s := o.From
	if o.Kind == OriginInherited {
		s += " (inherited)"
	}
	s += ", set"
	if by := o.by(); by != "" {
		s += " by " + by
	}
	return s + " on " + o.At.UTC().Format("2 January 2006 at 15:04 MST")
}

func (o Origin) by() string {
	if o.ByName != "" {
		return o.ByName
	}
	return string(o.By)
}

// Part is what one tenant, or the default, brings to a merged value.
type Part struct {
	Origin
	// Keys are the keys of a map, or the items of a list in their JSON form, that come from there.
	Keys []string `json:"keys,omitempty"`
}

// Provenance says where a whole value comes from, and whether it can be overridden.
type Provenance struct {
	// Origin is the nearest of what the value is made of.
	Origin Origin `json:"origin"`
	// Parts has all of them, the farthest first, where a merged value is of more than one.
	Parts []Part `json:"parts,omitempty"`
	// LockedBy is who above locked the setting, by the name that it chose; empty where it is not
	// locked.
	LockedBy string `json:"locked_by,omitempty"`
}

// String says it in one sentence: "This value comes from Northwind IT (inherited), set on 2 March
// 2026 at 09:00 UTC, and is locked by Northwind IT."
func (p Provenance) String() string {
	var b strings.Builder
	switch {
	case len(p.Parts) > 1:
		b.WriteString("This value is merged from ")
		for i, part := range p.Parts {
			switch {
			case i == len(p.Parts)-1:
				b.WriteString(" and ")
			case i > 0:
				b.WriteString("; ")
			}
			b.WriteString(part.Origin.String())
		}
	case p.Origin.Kind == OriginDefault:
		b.WriteString("This value is the default")
	default:
		b.WriteString("This value comes from " + p.Origin.String())
	}
	if p.LockedBy != "" {
		b.WriteString(", and is locked by " + p.LockedBy)
	}
	return b.String() + "."
}
