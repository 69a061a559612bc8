// This file holds templates as records: what one is, its table, and who may use it.

package incident

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// KindTemplate is the kind of record that a version of a template is.
const KindTemplate = "incident_template"

// The permissions that templates take beside "incident.log". They are asked for on all templates of the
// tenant: a grant in a narrower scope gives nothing here.
const (
	// PermissionReadTemplate lets read every template in every version, whoever it is for.
	PermissionReadTemplate itsm.Permission = "incident_template.read"
	// PermissionDefineTemplate lets define, revise, activate and deactivate them, and read them.
	PermissionDefineTemplate itsm.Permission = "incident_template.define"
)

// Template is one version of a template by which incidents are logged: what they are filled with, and
// what a report must, may not and cannot say. What a version is for does not change: to edit a
// template is to make its next version. Its JSON form is one flat object.
type Template struct {
	TemplateHead
	TemplateBody
}

// TemplateHead is what versions of templates are listed by.
type TemplateHead struct {
	storage.Meta
	// Name tells the template from others of the tenant, in all of its versions.
	Name string `json:"name"`
	// Number counts the versions of the template from 1.
	Number int64 `json:"number"`
	// Title is what people read.
	Title string `json:"title"`
	// Current says that it is the newest version, and Active that incidents can be logged by it: only
	// the newest is active.
	Current bool `json:"current"`
	Active  bool `json:"active"`
	// Everyone says that it is for all who may log incidents.
	Everyone bool `json:"everyone"`
}

// TemplateBody is the rest of a version.
type TemplateBody struct {
	TemplateRules
	// By is who made the version.
	By itsm.ID `json:"by"`
}

// TemplateRules are what a template does to a report. The lists name fields as the JSON form of
// [Report] does: "category"; a host's own fields as "fields.cost_centre" and its own columns as
// "columns.x_cost_centre".
type TemplateRules struct {
	// Description says what the template is for. It is shown to all for whom the template is, requesters too.
	Description string `json:"description,omitempty"`
	// Values fill what a report leaves empty.
	Values TemplateValues `json:"values,omitzero"`
	// Mandatory fields are those that must have a value when the incident is logged.
	Mandatory []string `json:"mandatory,omitempty"`
	// Hidden fields are not for those without "incident.read_internal": they cannot give them, and are
	// not shown what the template fills them with.
	Hidden []string `json:"hidden,omitempty"`
	// ReadOnly fields have the predefined value and no other. The incident can be edited later.
	ReadOnly []string `json:"read_only,omitempty"`
	// Groups and Roles say for whom it is: the people who work in one of the groups or have one of the
	// roles. Without either it is for all who may log incidents.
	Groups []itsm.ID       `json:"groups,omitempty"`
	Roles  []itsm.RoleName `json:"roles,omitempty"`
}

// TemplateValues are predefined values of a [Report], by the same names. What is empty is not
// predefined.
type TemplateValues struct {
	Title       string       `json:"title,omitempty"`
	Description string       `json:"description,omitempty"`
	Requester   itsm.ID      `json:"requester,omitempty"`
	Affected    itsm.ID      `json:"affected,omitempty"`
	Channel     Channel      `json:"channel,omitempty"`
	Impact      itsm.Impact  `json:"impact,omitempty"`
	Urgency     itsm.Urgency `json:"urgency,omitempty"`
	Category    string       `json:"category,omitempty"`
	Subcategory string       `json:"subcategory,omitempty"`
	Service     itsm.ID      `json:"service,omitempty"`
	Group       itsm.ID      `json:"group,omitempty"`
	Assignee    itsm.ID      `json:"assignee,omitempty"`
	Restricted  bool         `json:"restricted,omitempty"`
	Members     []itsm.ID    `json:"members,omitempty"`
	Watchers    []itsm.ID    `json:"watchers,omitempty"`
	Fields      itsm.Fields  `json:"fields,omitempty"`
	// Columns are values of the host's own columns: see [ColumnValues].
	Columns ColumnValues `json:"columns,omitempty"`
}

// ColumnValues are values of a host's own columns by the columns' names ("x_cost_centre"): string,
// int64 or bool, a time as its microseconds. [ColumnValuesOf] makes them of typed ones.
type ColumnValues map[string]any

// ColumnValuesOf gives values of a host's own columns as a template keeps them. What is wrong with one
// is ErrInvalid.
func ColumnValuesOf(values ...storage.Value[Head]) (ColumnValues, error) {
	var h Head
	var f itsm.Faults
	for i, v := range values {
		f.Merge(at("columns", i), v.Apply(&h))
	}
	kept := ColumnValues{}
	for name, v := range h.Custom {
		kept[name] = keptValue(v)
	}
	return kept, f.Err("columns")
}

// keptValue gives the value that a record has in a host's own column as a template keeps it.
func keptValue(v any) any {
	if at, ok := v.(time.Time); ok {
		return at.UnixMicro()
	}
	return v
}

// UnmarshalJSON reads the JSON form. Numbers must be integers of 64 bits.
func (c *ColumnValues) UnmarshalJSON(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var values map[string]any
	if err := dec.Decode(&values); err != nil {
		return itsm.Invalid("columns", "json", "is not an object of values")
	}
	for name, v := range values {
		switch v := v.(type) {
		case json.Number:
			n, err := strconv.ParseInt(v.String(), 10, 64)
			if err != nil {
				return itsm.Invalid("columns", name, "must be an integer of 64 bits")
			}
			values[name] = n
		case string, bool:
		default:
			return itsm.Invalid("columns", name, "must be text, an integer or a boolean")
		}
	}
	*c = values
	return nil
}

// TemplateRef names a version of a template.
type TemplateRef struct {
	Name string `json:"name"`
	// Number is the version; in a [Report] 0 is the current one, whichever it is.
	Number int64 `json:"number,omitempty"`
}

// The greatest numbers of what a template may have.
const (
	MaxTemplateRules    = 200 // names of fields in each list
	MaxTemplateAudience = 100 // groups and roles together
)

// The columns of the versions of templates.
var (
	TemplateByName     = storage.Col("name", func(h *TemplateHead) *string { return &h.Name })
	TemplateByNumber   = storage.Col("number", func(h *TemplateHead) *int64 { return &h.Number })
	TemplateByTitle    = storage.Col("title", func(h *TemplateHead) *string { return &h.Title })
	TemplateByCurrent  = storage.BoolCol("current", func(h *TemplateHead) *bool { return &h.Current })
	TemplateByActive   = storage.BoolCol("active", func(h *TemplateHead) *bool { return &h.Active })
	TemplateByEveryone = storage.BoolCol("everyone", func(h *TemplateHead) *bool { return &h.Everyone })
)

// TemplateTable is the table of the versions of templates.
var TemplateTable = storage.Define(KindTemplate, storage.Def[Template, TemplateHead, TemplateBody]{
	Parts: func(t *Template) (*TemplateHead, *TemplateBody) { return &t.TemplateHead, &t.TemplateBody },
	Columns: []storage.ColumnOf[TemplateHead]{
		TemplateByName, TemplateByNumber, TemplateByTitle, TemplateByCurrent, TemplateByActive, TemplateByEveryone,
	},
	Indexes: []storage.Index{
		storage.UniqueOn(TemplateByName.Asc(), TemplateByNumber.Asc()),
		storage.IndexOn(TemplateByCurrent.Asc(), TemplateByTitle.Asc()),
		storage.IndexOn(TemplateByActive.Asc(), TemplateByTitle.Asc()),
	},
})

// Ref names the version for a report.
func (t *TemplateHead) Ref() TemplateRef { return TemplateRef{Name: t.Name, Number: t.Number} }

func templateSubject(id itsm.ID) *itsm.Subject { return &itsm.Subject{Kind: KindTemplate, ID: id} }

// isFor says whether the actor may log by the template. The system may by any.
func (t *Template) isFor(actor itsm.Actor) bool {
	return t.Everyone || actor.System || slices.ContainsFunc(t.Groups, actor.InGroup) || slices.ContainsFunc(t.Roles, actor.Has)
}

// audience says for whom a version is: a record for each group and role, so that a list finds what is
// for someone by an index.
type audience struct {
	audienceHead
	audienceBody
}

type audienceHead struct {
	storage.Meta
	Template itsm.ID
	// Who is "group:" or "role:" and the group or role.
	Who string
}

type audienceBody struct{}

var (
	audienceByTemplate = storage.Col("template", func(h *audienceHead) *itsm.ID { return &h.Template })
	audienceByWho      = storage.Col("who", func(h *audienceHead) *string { return &h.Who })
)

var audienceTable = storage.Define("incident_template_audience", storage.Def[audience, audienceHead, audienceBody]{
	Parts:   func(a *audience) (*audienceHead, *audienceBody) { return &a.audienceHead, &a.audienceBody },
	Columns: []storage.ColumnOf[audienceHead]{audienceByTemplate, audienceByWho},
	Indexes: []storage.Index{storage.IndexOn(audienceByWho.Asc(), audienceByTemplate.Asc())},
})

// whoOf gives what an actor is in the table of audiences.
func whoOf(groups []itsm.ID, roles []itsm.RoleName) []string {
	var who []string
	for _, g := range groups {
		who = append(who, "group:"+string(g)) // at most 206 bytes: an id is at most 200
	}
	for _, r := range roles {
		who = append(who, "role:"+string(r))
	}
	return who
}

// TemplateDefined: a version of a template was made, the first or the next.
type TemplateDefined struct {
	Name   string `json:"name"`
	Number int64  `json:"number"`
	// Replaces is the version before.
	Replaces itsm.ID `json:"replaces,omitempty"`
}

// TemplateReplaced: the next version took its place.
type TemplateReplaced struct {
	Name   string  `json:"name"`
	Number int64   `json:"number"`
	By     itsm.ID `json:"by"`
}

// TemplateActivated: incidents can be logged by it.
type TemplateActivated struct {
	Name   string `json:"name"`
	Number int64  `json:"number"`
}

// TemplateDeactivated: no incident can be logged by it.
type TemplateDeactivated struct {
	Name   string `json:"name"`
	Number int64  `json:"number"`
}

// EventType gives the type's name in the log.
func (TemplateDefined) EventType() string     { return "incident_template.defined.v1" }
func (TemplateReplaced) EventType() string    { return "incident_template.replaced.v1" }
func (TemplateActivated) EventType() string   { return "incident_template.activated.v1" }
func (TemplateDeactivated) EventType() string { return "incident_template.deactivated.v1" }

func templateEvents() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[TemplateDefined](), itsm.EventOf[TemplateReplaced](), itsm.EventOf[TemplateActivated](), itsm.EventOf[TemplateDeactivated](),
	}
}
