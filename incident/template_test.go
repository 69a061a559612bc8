package incident_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestD14ATemplateThatCannotBeIsRefusedWithEveryFault(t *testing.T) {
	site := storage.Custom[string](incident.Table, "site")
	set, err := itsm.NewFieldSet(itsm.FieldDefinition{Name: "floor", Type: itsm.FieldInteger}, itsm.FieldDefinition{Name: "asset", Type: itsm.FieldText, Required: true})
	require.NoError(t, err)
	d := openDesk(t, incident.Options{Fields: set, Columns: []storage.ColumnOf[incident.Head]{site}, Categories: map[string][]string{"mail": {"relay"}}})
	_, err = d.DefineTemplate(t.Context(), mona, incident.TemplateDraft{Command: itsm.Command{Key: withNUL}, Name: withNUL, Rules: incident.TemplateRules{
		Values: incident.TemplateValues{
			Title: huge, Channel: "pigeon", Impact: 7, Category: "post", Group: itsm.ID(notUTF8), Members: []itsm.ID{"sam"},
			Fields:  itsm.Fields{"floor": json.RawMessage(`"third"`), "colour": json.RawMessage(`"red"`), "asset": json.RawMessage(`" "`)},
			Columns: incident.ColumnValues{"x_site": int64(3), "state": "closed", "x_none": "?"},
		},
		Mandatory: []string{"floor", "service", "service"},
		Hidden:    []string{"requester", "service", "fields.asset", "number"},
		ReadOnly:  []string{"description", "columns.x_site", "columns.state"},
		Groups:    []itsm.ID{"", "desk", "desk"}, Roles: []itsm.RoleName{itsm.RoleName(notUTF8)},
	}})
	got := faults(t, err)
	for _, want := range []string{
		"key", "name", "title", "rules.values.title", "rules.values.channel", "rules.values.impact", "rules.values.category", "rules.values.group",
		"rules.values.members", "rules.values.fields.floor", "rules.values.fields.colour", "rules.values.fields.asset",
		"rules.values.columns.x_site", "rules.values.columns.state", "rules.values.columns.x_none",
		"rules.mandatory[0]", "rules.mandatory[2]", "rules.hidden[0]", "rules.hidden[1]", "rules.hidden[2]", "rules.hidden[3]",
		"rules.read_only[0]", "rules.read_only[2]", "rules.groups[0]", "rules.groups[2]", "rules.roles[0]",
	} {
		require.Contains(t, got, want)
	}
	page, err := d.Templates(t.Context(), mona, storage.Query[incident.TemplateHead]{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
	many := make([]string, incident.MaxTemplateRules+1)
	_, err = d.DefineTemplate(t.Context(), mona, incident.TemplateDraft{Name: "x", Title: "x", Rules: incident.TemplateRules{Mandatory: many, Groups: make([]itsm.ID, incident.MaxTemplateAudience+1)}})
	require.Equal(t, []string{"rules.mandatory", "rules.groups"}, faults(t, err))
}

// What a template predefines may have been taken out of the options since: it is told when an incident
// is logged by it, not lost.
func TestD14ATemplateOutlivesTheFieldsItNames(t *testing.T) {
	site := storage.Custom[string](incident.Table, "site")
	set, err := itsm.NewFieldSet(itsm.FieldDefinition{Name: "floor", Type: itsm.FieldInteger})
	require.NoError(t, err)
	store := memory.New()
	with := func(o incident.Options) *incident.Practice {
		e, err := engine.New(store, engine.Options{})
		require.NoError(t, err)
		p, err := incident.New(e, o)
		require.NoError(t, err)
		return p
	}
	p := with(incident.Options{Fields: set, Columns: []storage.ColumnOf[incident.Head]{site}})
	made, err := p.DefineTemplate(t.Context(), mona, incident.TemplateDraft{Name: "x", Title: "x", Rules: incident.TemplateRules{Values: incident.TemplateValues{
		Fields: itsm.Fields{"floor": json.RawMessage(`3`)}, Columns: incident.ColumnValues{"x_site": "Bonn"}}}})
	require.NoError(t, err)
	p = with(incident.Options{})
	_, err = p.Log(t.Context(), mona, incident.Report{Template: made.Ref(), Title: "x", Requester: "rita"})
	require.Equal(t, []string{"fields.floor", "columns.x_site"}, faults(t, err))
	_, err = p.DeactivateTemplate(t.Context(), mona, made.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = p.ActivateTemplate(t.Context(), mona, made.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

func TestD14ColumnValuesAreReadAsTheyWereWritten(t *testing.T) {
	var v incident.ColumnValues
	require.NoError(t, json.Unmarshal([]byte(`{"x_a":9007199254740993,"x_b":"t","x_c":true}`), &v))
	require.Equal(t, incident.ColumnValues{"x_a": int64(9007199254740993), "x_b": "t", "x_c": true}, v)
	for _, bad := range []string{`{"x":1.5}`, `{"x":null}`, `{"x":[1]}`, `[]`, `{"x":1e99}`} {
		require.Error(t, json.Unmarshal([]byte(bad), &v), bad)
	}
}

func ExamplePractice_DefineTemplate() {
	ctx := context.Background()
	e, _ := engine.New(memory.New(), engine.Options{})
	incidents, err := incident.New(e, incident.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	mona := itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{itsm.RoleIncidentManager}}
	rita := itsm.Actor{Tenant: "acme", ID: "rita", Roles: []itsm.RoleName{itsm.RoleRequester}}
	_, err = incidents.DefineTemplate(ctx, mona, incident.TemplateDraft{Name: "laptop", Title: "My laptop is broken", Rules: incident.TemplateRules{
		Values:    incident.TemplateValues{Title: "Laptop is broken", Category: "hardware", Group: "workplace"},
		Mandatory: []string{"description"},
		Hidden:    []string{"group"},
		ReadOnly:  []string{"category"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}

	report := incident.Report{Template: incident.TemplateRef{Name: "laptop"}, Requester: "rita", Category: "software"}
	_, err = incidents.Log(ctx, rita, report)
	fmt.Println(err)

	report.Category, report.Description = "", "It fell off the table."
	i, err := incidents.Log(ctx, rita, report)
	fmt.Println(i.Title, "/", i.Category, "/", i.Group, err)
	// Output:
	// incident: invalid: category is fixed by the template; leave it empty; description is required
	// Laptop is broken / hardware / workplace <nil>
}
