// This file holds the cases of templates: what they fill, demand, hide and fix, and for whom.

package incidentsuite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/internal/together"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

var (
	siteColumn  = storage.Custom[string](incident.Table, "site")
	sinceColumn = storage.Custom[time.Time](incident.Table, "since")
)

// templateDesk is a host with fields and columns of its own.
func templateDesk(t *testing.T, store storage.Store) *desk {
	set, err := itsm.NewFieldSet(
		itsm.FieldDefinition{Name: "floor", Type: itsm.FieldInteger},
		itsm.FieldDefinition{Name: "asset", Type: itsm.FieldText},
		itsm.FieldDefinition{Name: "secret", Type: itsm.FieldText, Internal: true},
	)
	require.NoError(t, err)
	return open(t, store, incident.Options{
		Fields: set, Columns: []storage.ColumnOf[incident.Head]{siteColumn, sinceColumn},
		Categories: map[string][]string{"hardware": {"laptop", "printer"}, "software": nil},
	})
}

func (d *desk) define(t require.TestingT, name string, rules incident.TemplateRules) incident.Template {
	made, err := d.p.DefineTemplate(context.Background(), manager(acme), incident.TemplateDraft{Name: name, Title: "Template " + name, Rules: rules})
	require.NoError(t, err)
	return made
}

// faultsOf gives the fields of a fault, in order.
func faultsOf(t require.TestingT, err error) (fields []string) {
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	for _, f := range invalid.Faults {
		fields = append(fields, f.Field)
	}
	slices.Sort(fields)
	return fields
}

func columnsOf(t require.TestingT, values ...storage.Value[incident.Head]) incident.ColumnValues {
	columns, err := incident.ColumnValuesOf(values...)
	require.NoError(t, err)
	return columns
}

func templates(t *testing.T, newStore func(*testing.T) storage.Store) {
	ctx := t.Context()
	since := time.Date(2025, 12, 1, 8, 0, 0, 0, time.UTC)
	rules := incident.TemplateRules{
		Values: incident.TemplateValues{
			Title: "Laptop is broken", Category: "hardware", Subcategory: "laptop", Impact: itsm.ImpactMedium, Group: "desk",
			Watchers: []itsm.ID{"stock"}, Fields: itsm.Fields{"asset": json.RawMessage(`"unknown"`), "secret": json.RawMessage(`"spare"`)},
			Columns: columnsOf(t, siteColumn.Value("Bonn"), sinceColumn.Value(since)),
		},
		Mandatory: []string{"description", "fields.floor", "occurred"},
		Hidden:    []string{"fields.asset", "group"},
		ReadOnly:  []string{"category", "columns.x_site"},
	}

	t.Run("FillDemandHideAndFix", func(t *testing.T) {
		d := templateDesk(t, newStore(t))
		made := d.define(t, "laptop", rules)
		require.EqualValues(t, 1, made.Number)
		require.True(t, made.Active && made.Current && made.Everyone)
		stored, err := d.p.Template(ctx, manager(acme), incident.TemplateRef{Name: "laptop"})
		require.NoError(t, err)
		require.Equal(t, made, stored)

		by := incident.TemplateRef{Name: "laptop"}
		_, err = d.p.Log(ctx, requester(acme, "rita"), incident.Report{Template: by, Requester: "rita", Category: "software", Group: "network",
			Fields: itsm.Fields{"asset": json.RawMessage(`"mine"`)}, Columns: []storage.Value[incident.Head]{siteColumn.Value("Ulm")}})
		require.Equal(t, []string{"category", "columns.x_site", "description", "fields.asset", "fields.floor", "group", "occurred"}, faultsOf(t, err), "all at once: %v", err)
		require.NotContains(t, err.Error(), "unknown", "what is hidden is not told")

		got, err := d.p.Log(ctx, requester(acme, "rita"), incident.Report{Template: by, Requester: "rita", Description: "It fell", Occurred: since,
			Category: "hardware", Fields: itsm.Fields{"floor": json.RawMessage(`3`)}, Columns: []storage.Value[incident.Head]{siteColumn.Value("Bonn")}})
		require.NoError(t, err, "what is fixed may be repeated")
		require.Zero(t, got.Template, "which template it came of is for those who work on it")
		i, err := d.p.Get(ctx, manager(acme), got.ID)
		require.NoError(t, err)
		require.Equal(t, incident.TemplateRef{Name: "laptop", Number: 1}, i.Template)
		require.Equal(t, incident.StateAssigned, i.State, "by the template, without the right to assign")
		require.Equal(t, []any{"Laptop is broken", "laptop", itsm.ImpactMedium, itsm.ID("desk"), []itsm.ID{"stock"}}, []any{i.Title, i.Subcategory, i.Impact, i.Group, i.Watchers})
		require.Equal(t, itsm.Fields{"asset": json.RawMessage(`"unknown"`), "secret": json.RawMessage(`"spare"`), "floor": json.RawMessage(`3`)}, i.Fields)
		at, _ := sinceColumn.Of(&i.Head)
		require.Equal(t, since, at)
		site, _ := siteColumn.Of(&i.Head)
		require.Equal(t, "Bonn", site)

		// The timeline says so too, to those who may read what is internal.
		for _, who := range []itsm.Actor{manager(acme), requester(acme, "rita")} {
			entries, err := d.p.Timeline(ctx, who, i.ID)
			require.NoError(t, err)
			want := incident.TemplateRef{}
			if who.ID == "mona" {
				want = i.Template
			}
			require.Equal(t, want, entries[0].Event.Data.(incident.Logged).Template)
		}

		// Who may read what is internal may give what is hidden.
		i, err = d.p.Log(ctx, analyst(acme), incident.Report{Template: by, Requester: "rita", Description: "It fell", Occurred: since, Group: "network",
			Fields: itsm.Fields{"floor": json.RawMessage(`3`), "asset": json.RawMessage(`"A7"`), "secret": json.RawMessage(`"none"`)}})
		require.NoError(t, err)
		require.Equal(t, itsm.ID("network"), i.Group)
		require.JSONEq(t, `"A7"`, string(i.Fields["asset"]))
		require.JSONEq(t, `"none"`, string(i.Fields["secret"]))

		// What the report gives itself still takes the permission.
		rules := rules
		rules.Hidden = nil
		d.define(t, "plain", rules)
		_, err = d.p.Log(ctx, requester(acme, "rita"), incident.Report{Template: incident.TemplateRef{Name: "plain"}, Requester: "rita", Description: "x", Occurred: since,
			Group: "network", Fields: itsm.Fields{"floor": json.RawMessage(`1`)}})
		require.ErrorIs(t, err, itsm.ErrForbidden)
	})

	t.Run("APreviewWritesNothing", func(t *testing.T) {
		d := templateDesk(t, newStore(t))
		d.define(t, "laptop", rules)
		r := incident.Report{Template: incident.TemplateRef{Name: "laptop"}, Requester: "rita"}
		_, err := d.p.Preview(ctx, requester(acme, "rita"), r)
		require.Equal(t, []string{"description", "fields.floor", "occurred"}, faultsOf(t, err))
		r.Description, r.Occurred, r.Fields = "It fell", since, itsm.Fields{"floor": json.RawMessage(`3`)}
		seen, err := d.p.Preview(ctx, analyst(acme), r)
		require.NoError(t, err)
		require.Empty(t, seen.ID)
		require.Empty(t, seen.Number)
		n, err := d.p.Count(ctx, manager(acme), incident.Query{})
		require.NoError(t, err)
		require.Zero(t, n)
		logged, err := d.p.Log(ctx, analyst(acme), r)
		require.NoError(t, err)
		logged.Meta, logged.Number = storage.Meta{Custom: logged.Custom}, ""
		require.Equal(t, seen, logged, "it is what is logged then")
		_, err = d.p.Preview(ctx, requester(acme, "rob"), r)
		require.ErrorIs(t, err, itsm.ErrForbidden)
	})

	t.Run("AnEditMakesTheNextVersion", func(t *testing.T) {
		d := templateDesk(t, newStore(t))
		first := d.define(t, "mail", incident.TemplateRules{Values: incident.TemplateValues{Title: "No mail"}})
		log := func(ref incident.TemplateRef) (incident.Incident, error) {
			return d.p.Log(ctx, analyst(acme), incident.Report{Template: ref, Requester: "rita"})
		}
		i, err := log(first.Ref())
		require.NoError(t, err)
		second, err := d.p.ReviseTemplate(ctx, manager(acme), first.ID, incident.TemplateRevision{Title: "Mail", Rules: incident.TemplateRules{Values: incident.TemplateValues{Title: "Mail is late"}}})
		require.NoError(t, err)
		require.EqualValues(t, 2, second.Number)
		require.NotEqual(t, first.ID, second.ID)

		_, err = log(first.Ref()) // a form that was opened before
		require.ErrorIs(t, err, itsm.ErrConflict)
		late, err := log(incident.TemplateRef{Name: "mail"})
		require.NoError(t, err)
		require.Equal(t, "Mail is late", late.Title)
		require.Equal(t, second.Ref(), late.Template)
		require.Equal(t, first.Ref(), i.Template)
		old, err := d.p.Template(ctx, manager(acme), first.Ref())
		require.NoError(t, err)
		require.Equal(t, first.TemplateRules, old.TemplateRules, "a version does not change")
		_, err = d.p.ReviseTemplate(ctx, manager(acme), first.ID, incident.TemplateRevision{Title: "x"})
		require.ErrorIs(t, err, itsm.ErrTransition)
		_, err = d.p.DefineTemplate(ctx, manager(acme), incident.TemplateDraft{Name: "mail", Title: "Again"})
		require.Equal(t, []string{"name"}, faultsOf(t, err))

		off, err := d.p.DeactivateTemplate(ctx, manager(acme), second.ID, itsm.Command{})
		require.NoError(t, err)
		require.False(t, off.Active)
		_, err = log(incident.TemplateRef{Name: "mail"})
		require.Equal(t, []string{"template", "title"}, faultsOf(t, err))
		_, err = d.p.Preview(ctx, manager(acme), incident.Report{Template: second.Ref(), Requester: "rita"})
		require.NoError(t, err, "who defines it may try it")
		_, err = d.p.ActivateTemplate(ctx, manager(acme), second.ID, itsm.Command{})
		require.NoError(t, err)
		versions, err := d.p.TemplateVersions(ctx, manager(acme), "mail", "", 0)
		require.NoError(t, err)
		require.Len(t, versions.Items, 2)
		require.EqualValues(t, 2, versions.Items[0].Number)
	})

	t.Run("OfManyRevisionsOneWins", func(t *testing.T) {
		d := templateDesk(t, newStore(t))
		first := d.define(t, "mail", incident.TemplateRules{})
		errs := together.Run(8, func(n int) error {
			_, err := d.p.ReviseTemplate(ctx, manager(acme), first.ID, incident.TemplateRevision{Title: numbered("By %d", n)})
			return err
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else {
				require.ErrorIs(t, err, itsm.ErrTransition)
			}
		}
		require.Equal(t, 1, won)
		made := together.Run(8, func(int) error {
			_, err := d.p.DefineTemplate(ctx, manager(acme), incident.TemplateDraft{Name: "new", Title: "New"})
			return err
		})
		require.Equal(t, 7, len(slices.DeleteFunc(made, func(err error) bool { return err == nil })))
	})

	t.Run("ForGroupsAndRoles", func(t *testing.T) {
		d := templateDesk(t, newStore(t))
		d.define(t, "all", incident.TemplateRules{Values: incident.TemplateValues{Title: "x"}})
		d.define(t, "desk", incident.TemplateRules{Values: incident.TemplateValues{Title: "x"}, Groups: []itsm.ID{"desk", "network"}})
		d.define(t, "requesters", incident.TemplateRules{Values: incident.TemplateValues{Title: "x"}, Roles: []itsm.RoleName{itsm.RoleRequester}})
		off := d.define(t, "off", incident.TemplateRules{})
		_, err := d.p.DeactivateTemplate(ctx, manager(acme), off.ID, itsm.Command{})
		require.NoError(t, err)
		for _, c := range []struct {
			who  itsm.Actor
			want []string
		}{
			{requester(acme, "rita"), []string{"all", "requesters"}},
			{analyst(acme), []string{"all", "desk"}},
			{specialist(acme), []string{"all", "desk"}},
			{manager(acme), []string{"all", "desk", "off", "requesters"}},
			{requester(globex, "rita"), nil},
			{itsm.SystemActor(acme, "gateway"), []string{"all", "desk", "off", "requesters"}},
		} {
			page, err := d.p.Templates(ctx, c.who, storage.Query[incident.TemplateHead]{})
			require.NoError(t, err)
			var names []string
			for _, h := range page.Items {
				names = append(names, h.Name)
			}
			require.Equal(t, c.want, names, c.who.ID)
			for _, name := range []string{"all", "desk", "requesters", "off"} {
				_, err := d.p.Template(ctx, c.who, incident.TemplateRef{Name: name})
				if slices.Contains(c.want, name) {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, itsm.ErrNotFound)
				}
				if c.who.ID == "mona" || c.who.System {
					continue // who may read all is not who all are for
				}
				_, err = d.p.Preview(ctx, c.who, incident.Report{Template: incident.TemplateRef{Name: name}, Requester: "rita"})
				if slices.Contains(c.want, name) {
					require.NoError(t, err)
				} else {
					require.Equal(t, []string{"template"}, slices.DeleteFunc(faultsOf(t, err), func(f string) bool { return f == "title" }))
				}
			}
		}
		_, err = d.p.Templates(ctx, itsm.Actor{Tenant: acme, ID: "nobody"}, storage.Query[incident.TemplateHead]{})
		require.ErrorIs(t, err, itsm.ErrForbidden)
		_, err = d.p.DefineTemplate(ctx, analyst(acme), incident.TemplateDraft{})
		require.ErrorIs(t, err, itsm.ErrForbidden)
		_, err = d.p.TemplateVersions(ctx, analyst(acme), "all", "", 0)
		require.ErrorIs(t, err, itsm.ErrForbidden)
	})

	t.Run("WhoOnlyLogsByItIsNotShownWhatItHides", func(t *testing.T) {
		d := templateDesk(t, newStore(t))
		d.define(t, "laptop", rules)
		seen, err := d.p.Template(ctx, requester(acme, "rita"), incident.TemplateRef{Name: "laptop"})
		require.NoError(t, err)
		require.Empty(t, seen.Values.Group)
		require.Empty(t, seen.Values.Fields)
		require.Equal(t, rules.Hidden, seen.Hidden, "so that a form leaves them out")
		require.Equal(t, "hardware", seen.Values.Category)
		staff, err := d.p.Template(ctx, analyst(acme), incident.TemplateRef{Name: "laptop"})
		require.NoError(t, err)
		require.Equal(t, rules.Values, staff.Values)
	})
}

// templateModel: whatever the rules and the report are, what is logged, or refused, is what a small
// model says.
func templateModel(t *testing.T, newStore func(*testing.T) storage.Store) {
	d := templateDesk(t, newStore(t))
	n := 0
	type field struct {
		name                        string
		mandatory, hidden, readOnly bool
		predefined, given           string
	}
	text := func(s string) json.RawMessage { raw, _ := json.Marshal(s); return raw }
	rapid.Check(t, func(rt *rapid.T) {
		ctx := context.Background()
		fields := []*field{{name: "description"}, {name: "service"}, {name: "affected"}, {name: "fields.asset"}, {name: "columns.x_site"}}
		value := rapid.SampledFrom([]string{"", "a", "b"})
		var rules incident.TemplateRules
		report := incident.Report{Title: "x", Requester: "rita"}
		refused := false
		for _, f := range fields {
			f.mandatory, f.hidden, f.readOnly = rapid.Bool().Draw(rt, "mandatory"), rapid.Bool().Draw(rt, "hidden"), rapid.Bool().Draw(rt, "read-only")
			f.predefined, f.given = value.Draw(rt, "predefined"), value.Draw(rt, "given")
			for list, in := range map[*[]string]bool{&rules.Mandatory: f.mandatory, &rules.Hidden: f.hidden, &rules.ReadOnly: f.readOnly} {
				if in {
					*list = append(*list, f.name)
				}
			}
			refused = refused || f.predefined == "" && (f.readOnly || f.hidden && f.mandatory)
			v := &rules.Values
			switch f.name {
			case "description":
				v.Description, report.Description = f.predefined, f.given
			case "service":
				v.Service, report.Service = itsm.ID(f.predefined), itsm.ID(f.given)
			case "affected":
				v.Affected, report.Affected = itsm.ID(f.predefined), itsm.ID(f.given)
			case "fields.asset":
				if f.predefined != "" {
					v.Fields = itsm.Fields{"asset": text(f.predefined)}
				}
				report.Fields = itsm.Fields{"asset": text(f.given)}
			case "columns.x_site":
				if f.predefined != "" {
					v.Columns = incident.ColumnValues{"x_site": f.predefined}
				}
				if f.given != "" {
					report.Columns = []storage.Value[incident.Head]{siteColumn.Value(f.given)}
				}
			}
		}
		n++
		name := fmt.Sprintf("t%d", n)
		_, err := d.p.DefineTemplate(ctx, manager(acme), incident.TemplateDraft{Name: name, Title: "T", Rules: rules})
		if refused {
			require.ErrorIs(rt, err, itsm.ErrInvalid)
			return
		}
		require.NoError(rt, err)

		who := rapid.SampledFrom([]itsm.Actor{analyst(acme), requester(acme, "rita")}).Draw(rt, "who")
		report.Template.Name = name
		want := map[string]bool{}
		values := map[string]string{}
		for _, f := range fields {
			values[f.name] = f.given
			if f.given == "" {
				values[f.name] = f.predefined
			}
			if f.hidden && who.ID == "rita" && f.given != "" || f.readOnly && f.given != "" && f.given != f.predefined || f.mandatory && values[f.name] == "" {
				want[f.name] = true
			}
		}
		seen, previewed := d.p.Preview(ctx, who, report)
		i, err := d.p.Log(ctx, who, report)
		if len(want) > 0 {
			got := map[string]bool{}
			for _, f := range faultsOf(rt, err) {
				got[f] = true
			}
			require.Equal(rt, want, got)
			require.Equal(rt, err.Error(), previewed.Error())
			return
		}
		require.NoError(rt, errors.Join(err, previewed))
		site, _ := siteColumn.Of(&i.Head)
		asset, _ := i.Fields.Text("asset")
		require.Equal(rt, values, map[string]string{"description": i.Description, "service": string(i.Service), "affected": string(i.Affected), "fields.asset": asset, "columns.x_site": site})
		require.Equal(rt, i.Description, seen.Description)
	})
}
