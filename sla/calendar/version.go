// This file holds versions: a calendar that is edited, with what was begun under it before.

package calendar

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/internal/strictjson"
	"github.com/itsmkit/itsmkit/itsm"
)

// Version is a definition as it counts from an instant on, with all that it refers to as that was then. A
// version is never changed: what has begun under it keeps it, until it is moved to another one by a decision
// of its own. So what is kept of it is its Number, by which [Versions.Number] finds it again.
type Version struct {
	// Number is 1 or more, and rises.
	Number int `json:"version"`
	// EffectiveFrom is the instant from which what begins takes this version. That of the first may be the
	// zero time: from ever.
	EffectiveFrom time.Time  `json:"effective_from"`
	Definition    Definition `json:"definition"`
	// Others are the definitions that this one refers to, and they in turn: an edit of one of those is a new
	// version of this one, too.
	Others []Definition `json:"others,omitempty"`
}

// ParseVersion reads a version from its JSON form, as strictly as [Parse].
func ParseVersion(raw []byte) (Version, error) {
	var v Version
	if err := strictjson.Decode("calendar version", raw, MaxDocument, &v); err != nil {
		return Version{}, err
	}
	return v, nil
}

// Compile makes the version answer, within the horizon of zero [Options]. For the same version it gives the
// same answers always, as long as the system's zones are the same.
func (v Version) Compile() (*Calendar, error) {
	return Compile(v.Definition, Options{Others: v.Others})
}

// Versions is the history of one calendar, the oldest first.
type Versions []Version

// At gives the version that something beginning at the instant takes: the last whose EffectiveFrom
// is not later. Before the first there is none.
func (v Versions) At(t time.Time) (Version, bool) {
	n, _ := slices.BinarySearchFunc(v, t, func(v Version, t time.Time) int {
		if v.EffectiveFrom.After(t) {
			return 1
		}
		return -1
	})
	if n == 0 {
		return Version{}, false
	}
	return v[n-1], true
}

// Number gives the version of a number, as something that has begun under it keeps it.
func (v Versions) Number(n int) (Version, bool) {
	i, found := slices.BinarySearchFunc(v, n, func(v Version, n int) int { return cmp.Compare(v.Number, n) })
	if !found {
		return Version{}, false
	}
	return v[i], true
}

// Append gives the history with one version more: the definition as it counts from the instant on, which
// must be after that of the version before. Of the others it keeps those that the definition refers to.
// What it gives shares nothing with the definitions, and v is not changed. ErrInvalid names every fault:
// those of [Versions.Check], or those of [Compile].
func (v Versions) Append(effectiveFrom time.Time, d Definition, others ...Definition) (Versions, error) {
	next := Version{Number: 1, EffectiveFrom: effectiveFrom.UTC(), Definition: d.clone()}
	if len(v) > 0 {
		next.Number = v[len(v)-1].Number + 1
	}
	for _, other := range reached(d, others) {
		next.Others = append(next.Others, other.clone())
	}
	all := append(slices.Clip(v), next)
	if err := all.Check(); err != nil {
		return nil, err
	}
	if _, err := next.Compile(); err != nil {
		return nil, err
	}
	return all, nil
}

// reached gives those of the others that a definition refers to, and they in turn, in the order given.
func reached(d Definition, others []Definition) (all []Definition) {
	names := map[string]bool{d.Name: true}
	for todo := []Definition{d}; len(todo) > 0; todo = todo[1:] {
		for _, name := range slices.Concat(todo[0].AnyOf, todo[0].AllOf, todo[0].NoneOf) {
			if names[name] {
				continue
			}
			names[name] = true
			for _, other := range others {
				if other.Name == name {
					todo = append(todo, other)
				}
			}
		}
	}
	for _, other := range others {
		if names[other.Name] && other.Name != d.Name {
			all = append(all, other)
		}
	}
	return all
}

// Check gives ErrInvalid, with every fault at once, when numbers or EffectiveFrom do not rise from
// one version to the next, or when they are of calendars of different names. The definitions
// themselves are checked by [Version.Compile].
func (v Versions) Check() error {
	var f itsm.Faults
	for i := range v {
		at := fmt.Sprintf("[%d].", i)
		if v[i].Number < 1 {
			f.Add(at+"version", "must be 1 or more")
		}
		if year := v[i].EffectiveFrom.UTC().Year(); year < 1 || year > 9999 { // as its JSON form has
			f.Add(at+"effective_from", "must be of the years 1 to 9999, in UTC")
		}
		if i == 0 {
			continue
		}
		if v[i].Number <= v[i-1].Number {
			f.Add(at+"version", "must be greater than that of the version before")
		}
		if !v[i].EffectiveFrom.After(v[i-1].EffectiveFrom) {
			f.Add(at+"effective_from", "must be after that of the version before")
		}
		if v[i].Definition.Name != v[0].Definition.Name {
			f.Add(at+"definition.name", "is not that of the first version")
		}
	}
	return f.Err("calendar versions")
}
