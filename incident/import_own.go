// This file holds what a host makes of an imported row for its own fields and columns.

package incident

import (
	"errors"
	"maps"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// OwnValues are values of the host's own fields and columns, as those of [Edit].
type OwnValues struct {
	// Fields are set by name; the JSON null removes one.
	Fields itsm.Fields
	// Columns are values of the host's own columns.
	Columns []storage.Value[Head]
}

// setOwn gives an incident the host's own values, and says what is wrong with them.
func (p *Practice) setOwn(i *Incident, own OwnValues) []itsm.Fault {
	if len(own.Fields) == 0 && len(own.Columns) == 0 {
		return nil
	}
	w := &work{Case: &Case{Incident: Incident{Head: i.Head, Body: Body{Fields: i.Fields}}}, p: p, internal: true}
	w.ID = "imported" // nothing that is required is missed in what others kept
	w.setFields(own.Fields)
	w.setColumns(own.Columns)
	i.Fields, i.Custom = w.Fields, w.Custom
	return w.faults.List()
}

// ownOf asks the host for its own values of a row. Faults are of the row, an error is not.
func (r *importRun) ownOf(e HistoryEntry) (OwnValues, []itsm.Fault, error) {
	if r.o.Own == nil {
		return OwnValues{}, nil, nil
	}
	e.Values = maps.Clone(e.Values)
	own, err := r.o.Own(e)
	if err != nil {
		var f itsm.Faults
		var invalid *itsm.ValidationError
		if errors.As(err, &invalid) {
			f.Merge("", err)
		} else {
			f.Merge("own", err)
		}
		faults := f.List()
		if len(faults) == 0 {
			return own, nil, err
		}
		return own, faults, nil
	}
	// It is set when the last row of the incident is known, and the host may use its own again.
	own.Fields, own.Columns = own.Fields.Clone(), slices.Clone(own.Columns)
	return own, r.p.setOwn(&Incident{}, own), nil
}
