package auditlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/itsmkit/itsmkit/itsm"
)

// Mapping says how the columns and values of a log are to be understood. Its zero value is for
// ServiceNow's incident log, and each field that is set replaces that part of it.
type Mapping struct {
	// Comma is the one character between two fields: "," when empty.
	Comma string `json:"comma,omitempty"`
	// Missing are the values that stand for no value, beside the empty one: ["?"] when nil.
	Missing []string `json:"missing,omitempty"`
	// TimeLayouts are tried in turn, in the notation of Go's package time: when nil
	// "2/1/2006 15:04", which reads "29/2/2016 01:16".
	TimeLayouts []string `json:"time_layouts,omitempty"`
	// TimeZone is the IANA name of the zone of times that do not say their own: UTC when empty.
	TimeZone string `json:"time_zone,omitempty"`
	// Columns names the column that each field is read from. A field that is not here is read
	// from the column that ServiceNow has for it, where the log has that column; a field with
	// an empty name is not read. A column named here that is not ServiceNow's must be in the log.
	Columns map[Field]string `json:"columns,omitempty"`
	// States says which state each state of the log stands for. A name that ends in "*" is for
	// every state that begins so and is not named in full. A state that is not here leaves
	// Entry.State empty.
	States map[string]State `json:"states,omitempty"`
	// Codes says what the values of a field stand for; a field that is here has no others of
	// ServiceNow's. A value that is not here is read as it is: for an impact, an urgency or a
	// priority it must then be a number. Where two values here stand for the same, the one
	// of the row is kept in Entry.Values too, so that they can be told apart.
	Codes map[Field]map[string]string `json:"codes,omitempty"`
}

// State is what a state of a log stands for.
type State struct {
	State      string `json:"state"`
	HoldReason string `json:"hold_reason,omitempty"`
}

// standardFields are in the order in which faults are told, with ServiceNow's columns.
var standardFields = []struct {
	field  Field
	column string
}{
	{FieldSource, "number"}, {FieldAt, "sys_updated_at"}, {FieldAuthor, "sys_updated_by"},
	{FieldState, "incident_state"}, {FieldHoldReason, "hold_reason"}, {FieldTitle, "short_description"},
	{FieldRequester, "caller_id"}, {FieldGroup, "assignment_group"}, {FieldAssignee, "assigned_to"},
	{FieldCategory, "category"}, {FieldSubcategory, "subcategory"}, {FieldService, "business_service"},
	{FieldChannel, "contact_type"}, {FieldImpact, "impact"}, {FieldUrgency, "urgency"}, {FieldPriority, "priority"},
	{FieldOpened, "opened_at"}, {FieldResolved, "resolved_at"}, {FieldClosed, "closed_at"},
	{FieldCode, "closed_code"}, {FieldResolver, "resolved_by"},
	{FieldReassignments, "reassignment_count"}, {FieldReopens, "reopen_count"},
}

// ServiceNow is the mapping that the zero value stands for, written out, to be changed: it reads what
// the zero value reads until it is.
func ServiceNow() Mapping {
	m := Mapping{
		Comma:       ",",
		Missing:     []string{"?"},
		TimeLayouts: []string{"2/1/2006 15:04"},
		TimeZone:    "UTC",
		Columns:     map[Field]string{},
		States: map[string]State{
			"New":                {State: "new"},
			"Active":             {State: "in_progress"},
			"In Progress":        {State: "in_progress"},
			"Awaiting User Info": {State: "on_hold", HoldReason: "caller"},
			"Awaiting Caller":    {State: "on_hold", HoldReason: "caller"},
			"Awaiting Problem":   {State: "on_hold", HoldReason: "problem"},
			"Awaiting Change":    {State: "on_hold", HoldReason: "change"},
			"Awaiting Vendor":    {State: "on_hold", HoldReason: "vendor"},
			"Awaiting Evidence":  {State: "on_hold", HoldReason: "caller"},
			"Awaiting *":         {State: "on_hold"},
			"On Hold":            {State: "on_hold"},
			"Resolved":           {State: "resolved"},
			"Closed":             {State: "closed"},
			"Canceled":           {State: "cancelled"},
			"Cancelled":          {State: "cancelled"},
		},
		Codes: map[Field]map[string]string{
			FieldImpact:   {"1 - High": "1", "2 - Medium": "2", "3 - Low": "3"},
			FieldUrgency:  {"1 - High": "1", "2 - Medium": "2", "3 - Low": "3"},
			FieldPriority: {"1 - Critical": "1", "2 - High": "2", "3 - Moderate": "3", "4 - Low": "4", "5 - Planning": "5"},
			FieldChannel:  {"Phone": "phone", "Email": "email", "Self service": "portal", "Self-service": "portal", "IVR": "phone", "Chat": "chat", "Walk-in": "walk_in", "Monitoring": "monitoring"},
		},
	}
	for _, f := range standardFields {
		m.Columns[f.field] = f.column
	}
	return m
}

// ParseMapping reads a mapping from JSON. It refuses names that a mapping does not have, so that
// a slip of the pen is not taken for a wish, and what Validate refuses.
func ParseMapping(raw []byte) (Mapping, error) {
	var m Mapping
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return Mapping{}, itsm.Invalid("mapping", "json", "cannot be read: "+err.Error())
	}
	if d.More() {
		return Mapping{}, itsm.Invalid("mapping", "json", "is followed by something else")
	}
	return m, m.Validate()
}

// Validate gives itsm.ErrInvalid with every fault of the mapping.
func (m Mapping) Validate() error {
	_, err := m.compile()
	return err
}

// rules is a mapping made ready: the defaults filled in, the zone loaded.
type rules struct {
	comma    byte
	missing  map[string]bool
	layouts  []string
	zone     *time.Location
	columns  map[Field]string
	explicit map[Field]bool // named by the caller: must be there
	states   map[string]State
	prefixes []string // of states, the longest first
	codes    map[Field]map[string]string
	merged   map[Field]map[string]bool // codes for which several values stand
}

func (m Mapping) compile() (*rules, error) {
	std := ServiceNow()
	var f itsm.Faults
	r := &rules{
		comma: ',', missing: map[string]bool{}, layouts: m.TimeLayouts, zone: time.UTC,
		columns: std.Columns, explicit: map[Field]bool{}, states: map[string]State{}, codes: std.Codes, merged: map[Field]map[string]bool{},
	}
	if m.Comma != "" {
		if len(m.Comma) != 1 || m.Comma[0] >= utf8.RuneSelf || m.Comma[0] < ' ' && m.Comma[0] != '\t' || m.Comma == `"` {
			f.Add("comma", `must be one character of ASCII, printable or a tab, and not a quotation mark`)
		} else {
			r.comma = m.Comma[0]
		}
	}
	missing := m.Missing
	if missing == nil {
		missing = std.Missing
	}
	for _, v := range missing {
		r.missing[v] = true
	}
	if m.TimeLayouts == nil {
		r.layouts = std.TimeLayouts
	}
	for i, layout := range r.layouts {
		sample := time.Date(2016, 2, 29, 1, 16, 0, 0, time.UTC)
		if back, err := time.Parse(layout, sample.Format(layout)); err != nil || back.Format(time.DateOnly) != "2016-02-29" {
			f.Addf(fmt.Sprintf("time_layouts[%d]", i), "%q is no layout of a whole date; write it as of Mon Jan 2 15:04:05 2006", layout)
		}
	}
	if len(r.layouts) == 0 {
		f.Add("time_layouts", "are empty; name at least one")
	}
	if m.TimeZone != "" {
		zone, err := time.LoadLocation(m.TimeZone)
		if err != nil || m.TimeZone == "Local" {
			f.Addf("time_zone", "%q is not the name of a zone of the IANA database, such as Europe/Berlin", m.TimeZone)
		} else {
			r.zone = zone
		}
	}
	r.mapColumns(m.Columns, &f)
	r.mapStates(m.States, std.States, &f)
	for _, field := range slices.Sorted(maps.Keys(m.Codes)) {
		if _, ok := std.Columns[field]; !ok || field == FieldState {
			f.Addf("codes."+string(field), "is not a field that has codes")
		}
		r.codes[field] = m.Codes[field]
	}
	for _, level := range []struct {
		field Field
		most  int
	}{{FieldImpact, 3}, {FieldUrgency, 3}, {FieldPriority, 5}} {
		for _, value := range slices.Sorted(maps.Keys(r.codes[level.field])) {
			if n, err := strconv.Atoi(r.codes[level.field][value]); err != nil || n < 1 || n > level.most {
				f.Addf("codes."+string(level.field), "makes %q of %q; it must be a number from 1 to %d", r.codes[level.field][value], value, level.most)
			}
		}
	}
	for field, codes := range r.codes {
		count := map[string]int{}
		for _, code := range codes {
			count[code]++
		}
		r.merged[field] = map[string]bool{}
		for code, n := range count {
			r.merged[field][code] = n > 1
		}
	}
	return r, f.Err("mapping")
}

func (r *rules) mapColumns(columns map[Field]string, f *itsm.Faults) {
	for _, field := range slices.Sorted(maps.Keys(columns)) {
		if _, ok := r.columns[field]; !ok {
			f.Addf("columns."+string(field), "is not a field; fields are named as source, at, state, title")
			continue
		}
		if columns[field] != "" && columns[field] != r.columns[field] {
			r.explicit[field] = true
		}
		r.columns[field] = columns[field]
	}
	for _, field := range []Field{FieldSource, FieldAt, FieldState} {
		r.explicit[field] = true
		if r.columns[field] == "" {
			f.Add("columns."+string(field), "is required")
		}
	}
	taken := map[string]Field{}
	for _, s := range standardFields {
		name := r.columns[s.field]
		if other, ok := taken[name]; ok && name != "" {
			f.Addf("columns."+string(s.field), "is read from %q, and so is %s", name, other)
		}
		taken[name] = s.field
	}
}

func (r *rules) mapStates(states, standard map[string]State, f *itsm.Faults) {
	if states == nil {
		states = standard
	}
	for _, name := range slices.Sorted(maps.Keys(states)) {
		s := states[name]
		if s.State == "" {
			f.Addf("states."+name, "stands for no state; leave it out to have it flagged")
		}
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			r.prefixes = append(r.prefixes, prefix)
		}
		r.states[name] = s
	}
	slices.SortStableFunc(r.prefixes, func(a, b string) int { return len(b) - len(a) })
}

// state gives what a state of the log stands for; the zero State where that is not known.
func (r *rules) state(name string) State {
	if s, ok := r.states[name]; ok {
		return s
	}
	for _, prefix := range r.prefixes {
		if strings.HasPrefix(name, prefix) {
			return r.states[prefix+"*"]
		}
	}
	return State{}
}

// code gives what a value of a field stands for.
func (r *rules) code(field Field, value string) string {
	if c, ok := r.codes[field][value]; ok {
		return c
	}
	return value
}

// time reads an instant, in UTC microseconds.
func (r *rules) time(value string) (time.Time, string) {
	for _, layout := range r.layouts {
		t, err := time.ParseInLocation(layout, value, r.zone)
		if err != nil {
			continue
		}
		if y := t.UTC().Year(); y < 1970 || y > 9999 {
			return time.Time{}, "must be from the year 1970 to 9999"
		}
		return time.UnixMicro(t.UnixMicro()).UTC(), ""
	}
	return time.Time{}, "must be a time written as " + strconv.Quote(r.layouts[0])
}
