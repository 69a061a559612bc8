// This file holds the cases of dynamic groups.

package cmdbsuite

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// members walks a group in pages of so many, and says how many pages that took.
func (d *desk) members(actor itsm.Actor, id itsm.ID, limit int) (names []string, pages int) {
	d.t.Helper()
	page := cmdb.Page{Limit: limit}
	for {
		got, err := d.q.DynamicMembers(d.ctx(), actor, id, page)
		require.NoError(d.t, err)
		require.LessOrEqual(d.t, len(got.Items), limit)
		pages++
		for _, h := range got.Items {
			names = append(names, h.Name)
		}
		if got.Next == "" {
			return names, pages
		}
		page.After = got.Next
	}
}

func dynamicGroups(t *testing.T, d *desk) {
	for i := range 7 {
		_, err := d.p.Add(d.ctx(), cora, cmdb.Addition{ID: itsm.ID(fmt.Sprintf("h%d", i)), Class: "host", Name: fmt.Sprintf("h%d", i), State: cmdb.StateBuild,
			Environment: []string{"production", "test"}[i%2], Criticality: i,
			Attributes: schema.Values{"ram": schema.Integer(int64(1 << i)), "serial": schema.Text("S" + fmt.Sprint(i))}})
		require.NoError(t, err)
	}
	d.add("service", "shop")
	_, err := d.p.Retire(d.ctx(), cora, "h6", cmdb.Retirement{})
	require.NoError(t, err)
	for _, c := range []struct {
		selection string
		want      []string
	}{
		{`{}`, []string{"h0", "h1", "h2", "h3", "h4", "h5", "shop"}},
		{`{"classes": ["item"], "environments": ["production"]}`, []string{"h0", "h2", "h4"}},
		{`{"classes": ["item"], "states": ["retired"]}`, []string{"h6"}},
		{`{"criticality_at_least": 4, "name_prefix": "h"}`, []string{"h4", "h5"}},
		{`{"classes": ["host"], "attributes": [{"attribute": "ram", "operator": "at_most", "values": [4]}]}`, []string{"h0", "h1", "h2"}},
		{`{"classes": ["host"], "attributes": [{"attribute": "ram", "operator": "at_least", "values": [8]}, {"attribute": "serial", "operator": "equal", "values": ["S1", "S4"]}]}`, []string{"h4"}},
		{`{"attributes": [{"attribute": "ram", "operator": "absent"}]}`, []string{"shop"}},
		{`{"environments": ["test"], "attributes": [{"attribute": "ram", "operator": "present"}]}`, []string{"h1", "h3", "h5"}},
	} {
		var s cmdb.Selection
		require.NoError(t, json.Unmarshal([]byte(c.selection), &s))
		g, err := d.p.PutDynamicGroup(d.ctx(), cora, cmdb.DynamicGroupDefinition{Name: "group", Selection: s})
		require.NoError(t, err, c.selection)
		names, pages := d.members(ana, g.ID, 2)
		require.Equal(t, c.want, names, c.selection)
		if len(s.Attributes) == 0 {
			require.Equal(t, (len(c.want)+1)/2, pages, c.selection)
		}
	}
	// Who is in it is who meets it when it is read, and of these whom the asker may read.
	var s cmdb.Selection
	require.NoError(t, json.Unmarshal([]byte(`{"classes": ["host"], "attributes": [{"attribute": "ram", "operator": "at_most", "values": ["2"]}]}`), &s))
	g, err := d.p.PutDynamicGroup(d.ctx(), cora, cmdb.DynamicGroupDefinition{Name: "group", Description: "little memory", Selection: s})
	require.NoError(t, err)
	_, err = d.p.Update(d.ctx(), cora, "h5", cmdb.Update{Attributes: schema.Values{"ram": schema.Integer(1)}})
	require.NoError(t, err)
	yes := true
	_, err = d.p.Update(d.ctx(), cora, "h0", cmdb.Update{Fields: cmdb.Fields{Restricted: &yes}})
	require.NoError(t, err)
	names, _ := d.members(ana, g.ID, 3)
	require.Equal(t, []string{"h1", "h5"}, names)
	names, _ = d.members(cora, g.ID, 3)
	require.Equal(t, []string{"h0", "h1", "h5"}, names)

	list, err := d.q.DynamicGroups(d.ctx(), ana, storage.Query[cmdb.DynamicGroupHead]{})
	require.NoError(t, err)
	require.Len(t, list.Items, 1, "the one of the name was replaced")
	_, err = d.p.PutDynamicGroup(d.ctx(), ana, cmdb.DynamicGroupDefinition{Name: "mine"})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	require.NoError(t, json.Unmarshal([]byte(`{"classes": ["ship"], "states": ["sunk"], "attributes": [
		{"attribute": "ram", "operator": "at_most", "values": [1, 2]}]}`), &s))
	_, err = d.p.PutDynamicGroup(d.ctx(), cora, cmdb.DynamicGroupDefinition{Selection: s})
	require.Equal(t, map[string]string{"name": "is required", "selection.classes[0]": `is "ship", which the model does not have`,
		"selection.states[0]": `is "sunk", which is no state`, "selection.attributes[0].attribute": `is "ram", which none of the classes has`}, faults(t, err))
	for text, field := range map[string]string{
		`{"attribute": "serial", "operator": "at_most", "values": ["S"]}`: "selection.attributes[0].operator",
		`{"attribute": "ram", "operator": "equal"}`:                       "selection.attributes[0].values",
		`{"attribute": "ram", "operator": "equal", "values": ["much"]}`:   "selection.attributes[0].values[0].attributes.ram",
		`{"attribute": "ram", "operator": "like", "values": [1]}`:         "selection.attributes[0].operator",
		`{"attribute": "ram", "operator": "present", "values": [1]}`:      "selection.attributes[0].values",
	} {
		s = cmdb.Selection{}
		require.NoError(t, json.Unmarshal([]byte(`{"attributes": [`+text+`]}`), &s))
		_, err = d.q.Select(d.ctx(), ana, s, cmdb.Page{})
		require.Contains(t, faults(t, err), field, text)
	}
	require.NoError(t, d.p.RemoveDynamicGroup(d.ctx(), cora, g.ID, itsm.Command{}))
	_, err = d.q.DynamicMembers(d.ctx(), cora, g.ID, cmdb.Page{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
}
