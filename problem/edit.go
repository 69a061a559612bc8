// This file holds what describes a problem and who has it, and the checks of what people enter.

package problem

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Acceptance takes a problem on: who owns it, and how urgent it is.
type Acceptance struct {
	itsm.Command
	// Assignee is the owner; empty is the one it has or else the actor, where that is a person.
	Assignee itsm.ID `json:"assignee,omitempty"`
	// Group is the support group; empty keeps the one it has.
	Group itsm.ID `json:"group,omitempty"`
	// Impact and Urgency give the priority; 0 keeps what it has.
	Impact  itsm.Impact  `json:"impact,omitempty"`
	Urgency itsm.Urgency `json:"urgency,omitempty"`
}

// Accept takes a new problem on.
func (p *Practice) Accept(ctx context.Context, actor itsm.Actor, id itsm.ID, r Acceptance) (Problem, error) {
	return p.command(ctx, actor, id, ActionAccept, r.Command, r, func(ctx context.Context, w *work) error {
		w.Group = orElse(r.Group, w.Group)
		w.Assignee = orElse(r.Assignee, w.Assignee)
		if w.Assignee == "" && !actor.System {
			w.Assignee = actor.ID
		}
		w.checkID("group", w.Group)
		w.checkID("assignee", w.Assignee)
		w.Impact, w.Urgency = orElse(r.Impact, w.Impact), orElse(r.Urgency, w.Urgency)
		w.classify()
		return w.fire(ctx, ActionAccept, Accepted{Group: w.Group, Assignee: w.Assignee, Priority: w.Priority})
	})
}

// Classification says what a problem is about and how urgent it is. What is nil or 0 stays as it is; an
// empty text removes.
type Classification struct {
	itsm.Command
	Impact   itsm.Impact  `json:"impact,omitempty"`
	Urgency  itsm.Urgency `json:"urgency,omitempty"`
	Category *string      `json:"category,omitempty"`
	Service  *itsm.ID     `json:"service,omitempty"`
}

// Classify sets impact, urgency, category or service, and computes the priority anew. Where nothing is
// another than before, nothing happens.
func (p *Practice) Classify(ctx context.Context, actor itsm.Actor, id itsm.ID, r Classification) (Problem, error) {
	return p.command(ctx, actor, id, ActionClassify, r.Command, r, func(ctx context.Context, w *work) error {
		w.Impact, w.Urgency = orElse(r.Impact, w.Impact), orElse(r.Urgency, w.Urgency)
		if r.Category != nil {
			w.Category = *r.Category
		}
		if r.Service != nil {
			w.Service = *r.Service
		}
		w.classify()
		return w.change(ctx, ActionClassify, Classified{From: w.Was.Priority, Priority: w.Priority})
	})
}

// classify checks what classifies the problem where it is not as it was, and computes the priority.
func (w *work) classify() {
	if w.Service != w.Was.Service {
		w.checkID("service", w.Service)
	}
	if w.Category != w.Was.Category {
		w.faults.Text("category", w.Category, storage.MaxText, false)
		if all := w.p.o.Categories; all != nil && w.Category != "" && !slices.Contains(all, w.Category) {
			w.faults.Addf("category", "must be one of: %s", list(all))
		}
	}
	if w.Impact != 0 && !w.Impact.Valid() {
		w.faults.Addf("impact", "must be 1, 2 or 3, not %d", w.Impact)
	}
	if w.Urgency != 0 && !w.Urgency.Valid() {
		w.faults.Addf("urgency", "must be 1, 2 or 3, not %d", w.Urgency)
	}
	if w.Impact.Valid() && w.Urgency.Valid() {
		priority, err := w.p.o.Matrix.Of(w.Impact, w.Urgency)
		w.faults.Merge("", err)
		w.Priority = priority
	}
}

// Assignment says who works on a problem.
type Assignment struct {
	itsm.Command
	// Group is the support group; empty keeps the one it has.
	Group itsm.ID `json:"group,omitempty"`
	// Assignee is the owner; empty is no one yet.
	Assignee itsm.ID `json:"assignee,omitempty"`
}

// Assign gives a problem to a group or a person. The state stays. Where nothing is another than before,
// nothing happens.
func (p *Practice) Assign(ctx context.Context, actor itsm.Actor, id itsm.ID, r Assignment) (Problem, error) {
	return p.command(ctx, actor, id, ActionAssign, r.Command, r, func(ctx context.Context, w *work) error {
		if r.Group == "" && r.Assignee == "" {
			w.faults.Add("group or assignee", "is required")
		}
		w.assign(r.Group, r.Assignee)
		return w.change(ctx, ActionAssign, Assigned{
			FromGroup: w.Was.Group, FromAssignee: w.Was.Assignee, Group: w.Group, Assignee: w.Assignee,
		})
	})
}

func (w *work) assign(group, assignee itsm.ID) {
	w.checkID("group", group)
	w.checkID("assignee", assignee)
	w.Group, w.Assignee = orElse(group, w.Group), assignee
}

// Edit changes what describes a problem. A nil field stays as it is.
type Edit struct {
	itsm.Command
	Title       *string    `json:"title,omitempty"`
	Description *string    `json:"description,omitempty"`
	Symptom     *string    `json:"symptom,omitempty"`
	Watchers    *[]itsm.ID `json:"watchers,omitempty"`
	// Fields are set by name; the JSON null removes one, and those not named stay.
	Fields itsm.Fields `json:"fields,omitempty"`
	// Columns are values of the host's own columns.
	Columns []storage.Value[Head] `json:"-"`
}

// Edit changes what describes a problem. Where nothing is another than before, nothing happens.
func (p *Practice) Edit(ctx context.Context, actor itsm.Actor, id itsm.ID, r Edit) (Problem, error) {
	return p.command(ctx, actor, id, ActionEdit, r.Command, withColumns(r, r.Columns), func(ctx context.Context, w *work) error {
		if r.Title != nil {
			w.Title = *r.Title
			w.faults.Text("title", w.Title, MaxTitle, true)
		}
		if r.Description != nil {
			w.Description = *r.Description
			w.faults.Text("description", w.Description, MaxLong, false)
		}
		if r.Symptom != nil {
			w.Symptom = *r.Symptom
			w.faults.Text("symptom", w.Symptom, MaxLong, false)
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

// Note is what someone writes on a problem.
type Note struct {
	itsm.Command
	Text string `json:"text"`
	// Visibility is who may read it; empty is internal.
	Visibility itsm.Visibility `json:"visibility,omitempty"`
}

// Note adds a note, in any state.
func (p *Practice) Note(ctx context.Context, actor itsm.Actor, id itsm.ID, r Note) (Problem, error) {
	return p.command(ctx, actor, id, ActionNote, r.Command, r, func(ctx context.Context, w *work) error {
		w.faults.Text("text", r.Text, itsm.MaxNote, true)
		w.write(r.Text, r.Visibility)
		if err := w.check(ctx, ActionNote); err != nil {
			return err
		}
		note, err := w.say(ctx)
		if err != nil {
			return err
		}
		visibility := itsm.VisibilityInternal
		if w.public {
			visibility = itsm.VisibilityPublic
		}
		return w.move(Noted{Note: note, Visibility: visibility})
	})
}

// write applies a note that may be written with an action.
func (w *work) write(text string, v itsm.Visibility) {
	switch v {
	case "", itsm.VisibilityInternal, itsm.VisibilityPublic:
	default:
		w.faults.Addf("visibility", "must be %q or %q", itsm.VisibilityPublic, itsm.VisibilityInternal)
	}
	w.note, w.public = text, v == itsm.VisibilityPublic
}

// Notes gives a page of the notes that the actor may read, oldest first; after is the Next of the page
// before. Those who may not read what is internal get the public ones.
func (p *Practice) Notes(ctx context.Context, actor itsm.Actor, id itsm.ID, after storage.Cursor, limit int) (storage.Page[engine.NoteRecord], error) {
	var page storage.Page[engine.NoteRecord]
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		found, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		internal, err := p.allows(ctx, actor, PermissionReadInternal, &found)
		if err != nil {
			return err
		}
		page, err = engine.Notes(ctx, r, found.Ref(), internal, after, limit)
		return err
	})
	return page, err
}

// checkID notes an id that may be empty but cannot be one.
func (w *work) checkID(field string, id itsm.ID) {
	if id != "" {
		w.faults.Key(field, string(id))
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
	if w.ID != "" && ref == w.Ref() {
		w.faults.Add(field, "is the problem itself")
	}
	if len(w.faults.List()) > before {
		return nil
	}
	if !w.p.isOwn(ref.Kind) && w.p.o.MayRead == nil {
		return nil // there is no one to ask
	}
	may, err := w.p.mayKnow(ctx, w.u, w.actor, w.internal, ref)
	if err == nil && !may {
		w.faults.Add(field, "is not found")
	}
	return err
}

// setFields sets the host's own fields by name. To those who may not read internal fields these are not
// defined.
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
		var b bytes.Buffer
		if json.Compact(&b, raw) == nil { // as it will be stored; what is no JSON is refused
			raw = b.Bytes()
		}
		fields[name] = bytes.Clone(raw)
	}
	if len(fields) == 0 {
		fields = nil
	}
	// A new record must have every required field; of an old one, only what is given now is looked at, as
	// definitions may have changed since.
	checked := given.Clone()
	if w.ID == "" {
		checked = fields
	}
	var f itsm.Faults
	set.Check(checked, &f)
	for _, fault := range f.List() {
		name := strings.TrimPrefix(fault.Field, "fields.")
		_, named := checked[name]
		if _, defined := set.Definition(name); w.ID == "" || named || !defined {
			w.faults.Add(fault.Field, fault.Problem)
		}
	}
	w.Fields = fields
}

// setColumns sets the host's own columns, and only those: the others have commands.
func (w *work) setColumns(values []storage.Value[Head]) {
	if len(values) == 0 {
		return
	}
	w.Custom = maps.Clone(w.Custom)
	for i, v := range values {
		column, known := w.p.table.Schema().Column(v.Column)
		switch {
		case v.Column == "":
			w.faults.Add(at("columns", i), "is not set; make values by a column's Value or Clear")
		case !known || !isCustom(column.Name):
			w.faults.Addf("columns", "have %.64q, which is not a host's own column of problems", v.Column)
		default:
			w.faults.Merge("columns", v.Apply(&w.Head))
		}
	}
	if len(w.Custom) == 0 {
		w.Custom = nil
	}
	// A value that does not fit its column would be refused by the store, after all else.
	probe := Problem{Head: Head{Meta: storage.Meta{Custom: w.Custom}}}
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

// unique gives a copy without repetition, nil for none.
func unique[T comparable](all []T) []T {
	if len(all) > MaxPeople {
		return all // it will be refused
	}
	var out []T
	for _, one := range all {
		if !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}
