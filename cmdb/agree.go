// This file holds what the rows of one import say of the same CI: rows of one source that say otherwise of it would change it from
// the one to the other with each import.

package cmdb

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"

	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
)

// accord keeps, in little memory, which row of an import said what of a CI.
type accord struct {
	said map[knownOne][]saying
	name map[string]uint16 // numbers of attributes
	// fresh is what a unit adds that is not through.
	fresh map[knownOne][]saying
	// at is the row that is looked at, and overruled are later ones that it says otherwise than.
	at        rowOf
	overruled []saying
}

// saying is that a row gave an attribute a value.
type saying struct {
	attribute uint16
	value     uint32 // a hash: two that have it in common are taken for the same
	n, row    int32  // its place, and its number for people
}

func newAccord() *accord {
	return &accord{said: map[knownOne][]saying{}, name: map[string]uint16{}, fresh: map[knownOne][]saying{}}
}

// begin is before a unit, and keep after it.
func (a *accord) begin() { clear(a.fresh) }

func (a *accord) keep() {
	for one, all := range a.fresh {
		a.said[one] = append(a.said[one], all...)
	}
	clear(a.fresh)
}

// sayings are those of the row that is looked at.
func (a *accord) sayings(told reconcile.Observation) ([]saying, []string, error) {
	values := schema.Values{}
	maps.Copy(values, told.Attributes)
	if told.Name != "" {
		values[reconcile.Name] = schema.Text(told.Name)
	}
	names := slices.Sorted(maps.Keys(values))
	all := make([]saying, len(names))
	for i, name := range names {
		raw, err := json.Marshal(values[name])
		if err != nil {
			return nil, nil, err
		}
		number, known := a.name[name]
		if !known {
			number = uint16(len(a.name))
			a.name[name] = number
		}
		sum := fnv.New32a()
		sum.Write(raw)
		all[i] = saying{number, sum.Sum32(), int32(a.at.n), int32(a.at.told.Row)}
	}
	return all, names, nil
}

// disagrees notes what a row says otherwise of a CI than a row before it. A row after it, which was taken in first as this one had to
// wait, is overruled: the first of the rows counts, in each import alike.
func (a *accord) disagrees(ci itsm.ID, told reconcile.Observation, f *itsm.Faults) error {
	a.overruled = nil
	all, names, err := a.sayings(told)
	if err != nil {
		return err
	}
	one := knownOne{ci, told.Source}
	for _, had := range slices.Concat(a.said[one], a.fresh[one]) {
		i := slices.IndexFunc(all, func(s saying) bool { return s.attribute == had.attribute })
		switch {
		case i < 0 || all[i].value == had.value || had.n == all[i].n:
		case had.n < all[i].n:
			field := "attributes." + names[i]
			if names[i] == reconcile.Name {
				field = "name"
			}
			f.Addf(field, "is another than in row %d, which is of the same CI", had.row)
		default:
			a.overruled = append(a.overruled, had)
		}
	}
	return nil
}

// note keeps what a row said of a CI.
func (a *accord) note(ci itsm.ID, told reconcile.Observation) error {
	all, _, err := a.sayings(told)
	one := knownOne{ci, told.Source}
	for _, s := range all {
		if !slices.ContainsFunc(slices.Concat(a.said[one], a.fresh[one]), func(had saying) bool { return had == s }) {
			a.fresh[one] = append(a.fresh[one], s)
		}
	}
	return err
}

// faulty are the overruled rows, by their places.
func (a *accord) faulty(by int) map[int]reconcile.RowError {
	rows := map[int]reconcile.RowError{}
	for _, s := range a.overruled {
		rows[int(s.n)] = reconcile.RowError{Row: int(s.row), Faults: []itsm.Fault{{Field: "attributes", Problem: fmt.Sprintf("are others than in row %d, which is of the same CI", by)}}}
	}
	return rows
}
