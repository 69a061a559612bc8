// This file holds the checks of what people enter, and the correction of it.

package incident

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Edit changes what describes an incident. A nil field stays as it is.
type Edit struct {
	itsm.Command
	Title       *string    `json:"title,omitempty"`
	Description *string    `json:"description,omitempty"`
	Requester   *itsm.ID   `json:"requester,omitempty"`
	Affected    *itsm.ID   `json:"affected,omitempty"`
	Channel     *Channel   `json:"channel,omitempty"`
	Watchers    *[]itsm.ID `json:"watchers,omitempty"`
	// Fields are set by name; the JSON null removes one, and those not named stay.
	Fields itsm.Fields `json:"fields,omitempty"`
	// Columns are values of the host's own columns.
	Columns []storage.Value[Head] `json:"-"`
}

// Edit changes what describes an incident. Where nothing is another than before, nothing
// happens.
func (p *Practice) Edit(ctx context.Context, actor itsm.Actor, id itsm.ID, r Edit) (Incident, error) {
	return p.command(ctx, actor, id, ActionEdit, r.Command, withColumns(r, r.Columns), func(ctx context.Context, w *work) error {
		if r.Title != nil {
			w.Title = *r.Title
			w.faults.Text("title", w.Title, MaxTitle, true)
		}
		if r.Description != nil {
			w.Description = *r.Description
			w.faults.Text("description", w.Description, MaxDescription, false)
		}
		if r.Requester != nil {
			w.Requester = *r.Requester
			w.faults.Key("requester", string(w.Requester))
		}
		if r.Affected != nil {
			w.Affected = *r.Affected
			w.checkID("affected", w.Affected)
		}
		if r.Channel != nil {
			w.Channel = *r.Channel
			w.checkChannel()
		}
		if r.Watchers != nil {
			w.Watchers = unique(*r.Watchers)
			w.checkPeople("watchers", w.Watchers)
		}
		w.setFields(r.Fields)
		w.setColumns(r.Columns)
		return w.change(ctx, ActionEdit, Edited{})
	})
}

// Times corrects timestamps. A nil one stays as it is; the zero time removes one, but not
// Reported. When an incident was resolved and closed is what happened here, and no one's to say.
type Times struct {
	itsm.Command
	Occurred      *time.Time `json:"occurred,omitempty"`
	Detected      *time.Time `json:"detected,omitempty"`
	Reported      *time.Time `json:"reported,omitempty"`
	Acknowledged  *time.Time `json:"acknowledged,omitempty"`
	FirstResponse *time.Time `json:"first_response,omitempty"`
	Restored      *time.Time `json:"restored,omitempty"`
}

// SetTimes corrects timestamps. Their order is checked only as far as it is certain: occurred
// before detected, reported before acknowledged, restored before resolved.
func (p *Practice) SetTimes(ctx context.Context, actor itsm.Actor, id itsm.ID, r Times) (Incident, error) {
	return p.command(ctx, actor, id, ActionSetTimes, r.Command, r, func(ctx context.Context, w *work) error {
		for _, t := range []struct {
			given *time.Time
			field *time.Time
		}{
			{r.Occurred, &w.Occurred}, {r.Detected, &w.Detected}, {r.Reported, &w.Reported},
			{r.Acknowledged, &w.Acknowledged}, {r.FirstResponse, &w.FirstResponse}, {r.Restored, &w.Restored},
		} {
			if t.given != nil {
				*t.field = storage.Instant(*t.given)
			}
		}
		if w.Reported.IsZero() {
			w.faults.Add("reported", "cannot be removed")
		}
		return w.change(ctx, ActionSetTimes, TimesCorrected{})
	})
}

// Moment is when something happened.
type Moment struct {
	itsm.Command
	// At is when; zero is now.
	At time.Time `json:"at,omitzero"`
}

// Acknowledge records that a person took notice of the report.
func (p *Practice) Acknowledge(ctx context.Context, actor itsm.Actor, id itsm.ID, r Moment) (Incident, error) {
	return p.command(ctx, actor, id, ActionAcknowledge, r.Command, r, func(ctx context.Context, w *work) error {
		w.Acknowledged = storage.Instant(orElse(r.At, w.now))
		return w.fire(ctx, ActionAcknowledge, Acknowledged{w.Acknowledged})
	})
}

// Restore records that the service works again; the incident itself may not be resolved yet.
func (p *Practice) Restore(ctx context.Context, actor itsm.Actor, id itsm.ID, r Moment) (Incident, error) {
	return p.command(ctx, actor, id, ActionRestore, r.Command, r, func(ctx context.Context, w *work) error {
		w.Restored = storage.Instant(orElse(r.At, w.now))
		return w.fire(ctx, ActionRestore, Restored{w.Restored})
	})
}

// checkID notes an id that may be empty but cannot be one.
func (w *work) checkID(field string, id itsm.ID) {
	if id != "" {
		w.faults.Key(field, string(id))
	}
}

func (w *work) checkChannel() {
	if !slices.Contains(w.p.o.Channels, w.Channel) {
		w.faults.Addf("channel", "must be one of: %s", list(w.p.o.Channels))
	}
}

func (w *work) checkPeople(field string, people []itsm.ID) {
	if len(people) > MaxPeople {
		w.faults.Addf(field, "are %d; at most %d are allowed", len(people), MaxPeople)
		return
	}
	for i, person := range people {
		w.faults.Key(at(field, i), string(person))
	}
}

// checkRef notes an unusable reference, and one to a record that the actor may not know of.
func (w *work) checkRef(ctx context.Context, field string, ref itsm.Ref) error {
	before := len(w.faults.List())
	w.faults.Key(field+".kind", ref.Kind)
	w.faults.Key(field+".id", string(ref.ID))
	if ref == w.Ref() {
		w.faults.Add(field, "is the incident itself")
	}
	if len(w.faults.List()) > before {
		return nil
	}
	if ref.Kind != Kind && w.p.o.MayRead == nil {
		return nil // there is no one to ask
	}
	may, err := w.p.mayKnow(ctx, w.u, w.actor, w.internal, ref)
	if err == nil && !may {
		w.faults.Add(field, "is not found")
	}
	return err
}

// setFields sets the host's own fields by name. To those who may not read internal fields
// these are not defined.
func (w *work) setFields(given itsm.Fields) {
	if len(given) == 0 && w.ID != "" {
		return
	}
	set := w.p.o.Fields
	if !w.internal {
		set = w.p.publicFields
	}
	fields := w.Fields.Clone()
	for name, raw := range given {
		if len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
			delete(fields, name)
			continue
		}
		if fields == nil {
			fields = itsm.Fields{}
		}
		fields[name] = compact(raw)
	}
	if len(fields) == 0 {
		fields = nil
	}
	// A new record must have every required field; of an old one, only what is given now is
	// looked at, as definitions may have changed since.
	given = given.Clone()
	if w.ID == "" {
		given = fields
	}
	var f itsm.Faults
	set.Check(given, &f)
	for _, fault := range f.List() {
		name := strings.TrimPrefix(fault.Field, "fields.")
		_, named := given[name]
		if _, defined := set.Definition(name); w.ID == "" || named || !defined {
			w.faults.Add(fault.Field, fault.Problem)
		}
	}
	w.Fields = fields
}

// compact gives JSON without needless spaces, as it will be stored; what is no JSON stays, to be
// refused.
func compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return bytes.Clone(raw)
	}
	return b.Bytes()
}

// setColumns sets the host's own columns, and only those: the others have commands.
func (w *work) setColumns(values []storage.Value[Head]) {
	if len(values) == 0 {
		return
	}
	w.Custom = cloneColumns(w.Custom)
	for i, v := range values {
		column, known := w.p.table.Schema().Column(v.Column)
		switch {
		case v.Column == "":
			w.faults.Add(at("columns", i), "is not set; make values by a column's Value or Clear")
		case !known || !isCustom(column.Name) || !w.internal && w.p.internalColumns[column.Name]:
			w.faults.Addf("columns", "have %.64q, which is not a host's own column of incidents", v.Column)
		default:
			w.faults.Merge("columns", v.Apply(&w.Head))
		}
	}
	if len(w.Custom) == 0 {
		w.Custom = nil
	}
	// A value that does not fit its column would be refused by the store, after all else.
	probe := Incident{Head: Head{Meta: storage.Meta{Custom: w.Custom}}}
	_, err := w.p.table.Encode(&probe)
	var invalid *itsm.ValidationError
	if errors.As(err, &invalid) {
		for _, f := range invalid.Faults {
			if isCustom(f.Field) {
				w.faults.Add("columns."+f.Field, f.Problem)
			}
		}
	}
}

func cloneColumns(m map[string]any) map[string]any {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
}

// unique gives a copy without repetition, nil for none.
func unique(people []itsm.ID) []itsm.ID {
	if len(people) > MaxPeople {
		return people // it will be refused
	}
	var out []itsm.ID
	for _, person := range people {
		if !slices.Contains(out, person) {
			out = append(out, person)
		}
	}
	return out
}

// list names what is allowed, for an error.
func list[T ~string](names []T) string {
	var b []byte
	for i, n := range names {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, n...)
	}
	return string(b)
}
