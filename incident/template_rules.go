// This file holds what a template does to a report, and the check of its rules.

package incident

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// templateField is a field of a report that a template can speak of, the host's own apart.
type templateField struct {
	name  string
	given func(*Report) bool
	// predefined and the others are nil for what cannot be predefined.
	predefined func(*TemplateValues) bool
	fill       func(*Report, *TemplateValues)
	same       func(*Report, *TemplateValues) bool
	clear      func(*TemplateValues)
}

// valueField is a field of one value, predefined where of gives a place for it.
func valueField[V comparable](name string, in func(*Report) *V, of func(*TemplateValues) *V) templateField {
	var zero V
	f := templateField{name: name, given: func(r *Report) bool { return *in(r) != zero }}
	if of != nil {
		f.predefined = func(v *TemplateValues) bool { return *of(v) != zero }
		f.fill = func(r *Report, v *TemplateValues) { *in(r) = *of(v) }
		f.same = func(r *Report, v *TemplateValues) bool { return *in(r) == *of(v) }
		f.clear = func(v *TemplateValues) { *of(v) = zero }
	}
	return f
}

func peopleField(name string, in func(*Report) *[]itsm.ID, of func(*TemplateValues) *[]itsm.ID) templateField {
	return templateField{
		name:       name,
		given:      func(r *Report) bool { return len(*in(r)) > 0 },
		predefined: func(v *TemplateValues) bool { return len(*of(v)) > 0 },
		fill:       func(r *Report, v *TemplateValues) { *in(r) = slices.Clone(*of(v)) },
		same:       func(r *Report, v *TemplateValues) bool { return slices.Equal(unique(*in(r)), unique(*of(v))) },
		clear:      func(v *TemplateValues) { *of(v) = nil },
	}
}

var templateFields = []templateField{
	valueField("title", func(r *Report) *string { return &r.Title }, func(v *TemplateValues) *string { return &v.Title }),
	valueField("description", func(r *Report) *string { return &r.Description }, func(v *TemplateValues) *string { return &v.Description }),
	valueField("requester", func(r *Report) *itsm.ID { return &r.Requester }, func(v *TemplateValues) *itsm.ID { return &v.Requester }),
	valueField("affected", func(r *Report) *itsm.ID { return &r.Affected }, func(v *TemplateValues) *itsm.ID { return &v.Affected }),
	valueField("channel", func(r *Report) *Channel { return &r.Channel }, func(v *TemplateValues) *Channel { return &v.Channel }),
	valueField("impact", func(r *Report) *itsm.Impact { return &r.Impact }, func(v *TemplateValues) *itsm.Impact { return &v.Impact }),
	valueField("urgency", func(r *Report) *itsm.Urgency { return &r.Urgency }, func(v *TemplateValues) *itsm.Urgency { return &v.Urgency }),
	valueField("category", func(r *Report) *string { return &r.Category }, func(v *TemplateValues) *string { return &v.Category }),
	valueField("subcategory", func(r *Report) *string { return &r.Subcategory }, func(v *TemplateValues) *string { return &v.Subcategory }),
	valueField("service", func(r *Report) *itsm.ID { return &r.Service }, func(v *TemplateValues) *itsm.ID { return &v.Service }),
	valueField("group", func(r *Report) *itsm.ID { return &r.Group }, func(v *TemplateValues) *itsm.ID { return &v.Group }),
	valueField("assignee", func(r *Report) *itsm.ID { return &r.Assignee }, func(v *TemplateValues) *itsm.ID { return &v.Assignee }),
	valueField("restricted", func(r *Report) *bool { return &r.Restricted }, func(v *TemplateValues) *bool { return &v.Restricted }),
	peopleField("members", func(r *Report) *[]itsm.ID { return &r.Members }, func(v *TemplateValues) *[]itsm.ID { return &v.Members }),
	peopleField("watchers", func(r *Report) *[]itsm.ID { return &r.Watchers }, func(v *TemplateValues) *[]itsm.ID { return &v.Watchers }),
	valueField("occurred", func(r *Report) *time.Time { return &r.Occurred }, nil),
	valueField("detected", func(r *Report) *time.Time { return &r.Detected }, nil),
	valueField("reported", func(r *Report) *time.Time { return &r.Reported }, nil),
}

// The names of the host's own begin with these.
const (
	fieldsPrefix  = "fields."
	columnsPrefix = "columns."
)

// fieldNamed finds what a template calls by a name. known is false where there is no such field.
func (p *Practice) fieldNamed(name string) (f templateField, known bool) {
	if own, ok := strings.CutPrefix(name, fieldsPrefix); ok {
		_, known := p.o.Fields.Definition(own)
		return templateField{
			name:       name,
			given:      func(r *Report) bool { return !emptyJSON(r.Fields[own]) },
			predefined: func(v *TemplateValues) bool { return !emptyJSON(v.Fields[own]) },
			same:       func(r *Report, v *TemplateValues) bool { return sameJSON(r.Fields[own], v.Fields[own]) },
		}, known
	}
	if own, ok := strings.CutPrefix(name, columnsPrefix); ok {
		column, known := p.table.Schema().Column(own)
		value := func(r *Report) any {
			var h Head
			for _, v := range r.Columns {
				if v.Column == own {
					_ = v.Apply(&h) // what is wrong with it is told where it is set
				}
			}
			return keptValue(h.Custom[own])
		}
		return templateField{
			name:       name,
			given:      func(r *Report) bool { return value(r) != nil },
			predefined: func(v *TemplateValues) bool { return v.Columns[own] != nil },
			same:       func(r *Report, v *TemplateValues) bool { return value(r) == v.Columns[own] },
		}, known && isCustom(column.Name)
	}
	i := slices.IndexFunc(templateFields, func(f templateField) bool { return f.name == name })
	if i < 0 {
		return templateField{}, false
	}
	return templateFields[i], true
}

// emptyJSON says whether a host's field has no value: absent, null, a blank text, no choice.
func emptyJSON(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return true
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return strings.TrimSpace(text) == ""
	}
	var choices []json.RawMessage
	return json.Unmarshal(raw, &choices) == nil && len(choices) == 0
}

// sameJSON says whether two values are the same whatever the spaces and the order of names.
func sameJSON(a, b json.RawMessage) bool {
	read := func(raw json.RawMessage) (v any, err error) {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		err = dec.Decode(&v)
		return v, err
	}
	x, err1 := read(a)
	y, err2 := read(b)
	return err1 == nil && err2 == nil && reflect.DeepEqual(x, y)
}

// usedTemplate is what remains of a template when a report was filled by it.
type usedTemplate struct {
	// fields are predefined values that the actor could not give itself, columns those of columns that
	// were not given.
	fields  itsm.Fields
	columns ColumnValues
	// missing are the mandatory fields that are empty.
	missing []string
}

// useTemplate fills a report by the template that it names, and notes what the template refuses.
func (w *work) useTemplate(ctx context.Context, r *Report, inactive bool) (usedTemplate, error) {
	if r.Template.Number < 0 {
		w.faults.Add("template.number", "must not be negative")
	}
	if r.Template.Name == "" {
		if r.Template.Number > 0 {
			w.faults.Add("template.name", "is required")
		}
		return usedTemplate{}, nil
	}
	t, err := currentTemplate(ctx, w.r, r.Template.Name)
	if errors.Is(err, itsm.ErrNotFound) || err == nil && !inactive && !(t.Active && t.isFor(w.actor)) {
		w.faults.Add("template", "is not found")
		return usedTemplate{}, nil
	}
	if err != nil {
		return usedTemplate{}, err
	}
	if seen := r.Template.Number; seen > 0 && seen != t.Number {
		return usedTemplate{}, &itsm.VersionError{Kind: KindTemplate, ID: t.ID, Seen: seen, Current: t.Number}
	}
	given := *r
	refuse := func(names []string, problem string, when func(templateField) bool) {
		for _, name := range names {
			if f, known := w.p.fieldNamed(name); known && f.given(&given) && when(f) {
				w.fault(name, problem)
			}
		}
	}
	if !w.internal {
		refuse(t.Hidden, "is filled by the template and cannot be given", func(templateField) bool { return true })
	}
	refuse(t.ReadOnly, "is fixed by the template; leave it empty", func(f templateField) bool { return !f.same(&given, &t.Values) })

	used := usedTemplate{fields: itsm.Fields{}, columns: ColumnValues{}}
	for _, f := range templateFields {
		if f.predefined == nil || !f.predefined(&t.Values) || f.given(r) {
			continue
		}
		if f.name == "subcategory" && r.Category != t.Values.Category && !slices.Contains(t.ReadOnly, f.name) {
			continue // it is of another category
		}
		f.fill(r, &t.Values)
	}
	own := r.Fields.Clone()
	for name, v := range t.Values.Fields {
		if !emptyJSON(given.Fields[name]) {
			continue
		}
		d, known := w.p.o.Fields.Definition(name)
		if known && d.Internal && !w.internal {
			used.fields[name] = v
			continue
		}
		if own == nil {
			own = itsm.Fields{}
		}
		own[name] = v
	}
	r.Fields = own
	for name, v := range t.Values.Columns {
		if f, _ := w.p.fieldNamed(columnsPrefix + name); !f.given(&given) {
			used.columns[name] = v
		}
	}
	for _, name := range t.Mandatory {
		f, known := w.p.fieldNamed(name)
		switch {
		case !known || f.given(r) || used.has(name):
		case !w.internal && w.p.isInternalField(name):
			// It cannot be given by this one.
		default:
			used.missing = append(used.missing, name)
		}
	}
	r.Template = t.Ref()
	return used, nil
}

// has says whether a value of the host's own is still to be set.
func (t usedTemplate) has(name string) bool {
	field, isField := strings.CutPrefix(name, fieldsPrefix)
	column, isColumn := strings.CutPrefix(name, columnsPrefix)
	return isField && t.fields[field] != nil || isColumn && t.columns[column] != nil
}

// isInternalField says whether a field is one of the host's that not everyone may give.
func (p *Practice) isInternalField(name string) bool {
	if own, ok := strings.CutPrefix(name, fieldsPrefix); ok {
		d, _ := p.o.Fields.Definition(own)
		return d.Internal
	}
	own, ok := strings.CutPrefix(name, columnsPrefix)
	return ok && p.internalColumns[own]
}

// note tells of the mandatory fields that are empty, where nothing is told of them yet.
func (t usedTemplate) note(w *work) {
	for _, name := range t.missing {
		if !slices.ContainsFunc(w.faults.List(), func(f itsm.Fault) bool { return f.Field == name }) {
			w.faults.Add(name, "is required")
		}
	}
}

// setPredefined sets the host's own fields and columns as a template has them, whoever may give them.
func (w *work) setPredefined(fields itsm.Fields, columns ColumnValues) {
	for name, v := range fields {
		var f itsm.Faults
		w.p.o.Fields.Check(itsm.Fields{name: v}, &f)
		for _, fault := range f.List() {
			if fault.Field == fieldsPrefix+name {
				w.faults.Add(fault.Field, fault.Problem)
			}
		}
		if w.Fields == nil {
			w.Fields = itsm.Fields{}
		}
		w.Fields[name] = compact(v)
	}
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		column, known := w.p.table.Schema().Column(name)
		if !known || !isCustom(column.Name) {
			w.faults.Addf(columnsPrefix+name, "is not a host's own column of incidents")
			continue
		}
		if problem := storage.CheckValue(column, columns[name]); problem != "" {
			w.faults.Add(columnsPrefix+name, problem)
			continue
		}
		if w.Custom == nil {
			w.Custom = map[string]any{}
		}
		w.Custom[name] = columns[name]
		if column.Kind == storage.Time {
			w.Custom[name] = time.UnixMicro(columns[name].(int64)).UTC()
		}
	}
}

// checkTemplate notes everything that is wrong with the rules of a template: fields that there are not,
// rules that contradict each other, and values that Log would refuse.
func (p *Practice) checkTemplate(f *itsm.Faults, t *TemplateRules, now time.Time) {
	f.Text("description", t.Description, MaxDescription, false)
	p.checkValues(f, &t.Values, now)
	lists := []struct {
		name  string
		names []string
	}{{"mandatory", t.Mandatory}, {"hidden", t.Hidden}, {"read_only", t.ReadOnly}}
	for _, l := range lists {
		if len(l.names) > MaxTemplateRules {
			f.Addf(l.name, "are %d; at most %d are allowed", len(l.names), MaxTemplateRules)
			continue
		}
		for i, name := range l.names {
			field, known := p.fieldNamed(name)
			switch {
			case !known:
				f.Addf(at(l.name, i), "is %.64q, which is not a field of a report", name)
				continue
			case slices.Contains(l.names[:i], name):
				f.Addf(at(l.name, i), "has %.64q twice", name)
				continue
			}
			if field.predefined != nil && field.predefined(&t.Values) {
				continue
			}
			switch l.name {
			case "read_only":
				f.Addf(at(l.name, i), "keeps %.64q from being given, but no value is predefined", name)
			case "hidden":
				if p.required(name) || slices.Contains(t.Mandatory, name) {
					f.Addf(at(l.name, i), "hides %.64q, which is required and has no predefined value", name)
				}
			}
		}
	}
	if n := len(t.Groups) + len(t.Roles); n > MaxTemplateAudience {
		f.Addf("groups", "and roles are %d; at most %d are allowed", n, MaxTemplateAudience)
		return
	}
	for i, g := range t.Groups {
		f.Key(at("groups", i), string(g))
		if slices.Contains(t.Groups[:i], g) {
			f.Addf(at("groups", i), "has %.64q twice", g)
		}
	}
	for i, r := range t.Roles {
		f.Key(at("roles", i), string(r))
		if slices.Contains(t.Roles[:i], r) {
			f.Addf(at("roles", i), "has %.64q twice", r)
		}
	}
}

// required says whether every report must have a field, or every one of those who may give it.
func (p *Practice) required(name string) bool {
	if own, ok := strings.CutPrefix(name, fieldsPrefix); ok {
		d, _ := p.o.Fields.Definition(own)
		return d.Required && !d.Internal
	}
	return name == "title" || name == "requester"
}

// checkValues notes the predefined values that Log would refuse, under "values".
func (p *Practice) checkValues(f *itsm.Faults, v *TemplateValues, now time.Time) {
	probe := Report{Title: "x", Requester: "x", Fields: v.Fields}
	for _, field := range templateFields {
		if field.predefined != nil && field.predefined(v) {
			field.fill(&probe, v)
		}
	}
	w := &work{Case: &Case{Incident: probe.incident(now)}, p: p, internal: true, now: now}
	w.setFields(probe.Fields)
	w.setPredefined(nil, v.Columns)
	w.classify()
	w.checkNew()
	for name, raw := range v.Fields {
		if emptyJSON(raw) {
			w.faults.Add(fieldsPrefix+name, "is empty; leave it out")
		}
	}
	for _, fault := range w.faults.List() {
		if own, ok := strings.CutPrefix(fault.Field, fieldsPrefix); ok {
			if _, predefined := v.Fields[own]; !predefined {
				continue // what is required may still be given
			}
		}
		f.Add("values."+fault.Field, fault.Problem)
	}
}
