// This file holds the cases of single CIs.

package cmdbsuite

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

func heldToModel(t *testing.T, d *desk) {
	_, err := d.p.Add(d.ctx(), cora, cmdb.Addition{Class: "host", State: cmdb.StateRetired, Criticality: -1, Attributes: schema.Values{"ram": schema.Integer(0), "colour": schema.Text("red")}})
	all := faults(t, err)
	for _, field := range []string{"name", "state", "criticality", "attributes.ram", "attributes.colour"} {
		require.Contains(t, all, field, "%v", all)
	}
	_, err = d.p.Add(d.ctx(), cora, cmdb.Addition{Class: "item", Name: "x"})
	require.Contains(t, faults(t, err), "class")
	_, err = d.p.Add(d.ctx(), ana, cmdb.Addition{Class: "host", Name: "x"})
	require.ErrorIs(t, err, itsm.ErrForbidden)

	ci, err := d.p.Add(d.ctx(), cora, cmdb.Addition{Class: "host", Name: "h1", Attributes: schema.Values{"ram": schema.Text("64")}, Source: "scan"})
	require.NoError(t, err)
	require.Equal(t, cmdb.StatePlanned, ci.State)
	require.Equal(t, schema.Integer(64), ci.Attributes["ram"], "it is kept in one form")
	require.Equal(t, cmdb.Origin{Source: "scan", At: start}, ci.Origins["ram"])
	_, err = d.p.Add(d.ctx(), cora, cmdb.Addition{ID: ci.ID, Class: "host", Name: "h2"})
	require.Equal(t, map[string]string{"id": "is taken"}, faults(t, err))
	_, err = d.p.Update(d.ctx(), cora, ci.ID, cmdb.Update{Attributes: schema.Values{"parent": schema.Reference("nobody")}})
	require.Contains(t, faults(t, err), "attributes.parent")
	got, err := d.q.Get(d.ctx(), ana, ci.ID)
	require.NoError(t, err)
	require.Equal(t, ci, got)
	_, err = d.q.Get(d.ctx(), rita, ci.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.q.List(d.ctx(), rita, storage.Query[cmdb.Head]{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	page, err := d.q.List(d.ctx(), ana, storage.Query[cmdb.Head]{Where: cmdb.ByClass.Is("host")})
	require.NoError(t, err)
	require.Equal(t, []cmdb.Head{ci.Head}, page.Items)
}

func lifecycle(t *testing.T, d *desk) {
	type step = func(context.Context, itsm.Actor, itsm.ID, cmdb.Step) (cmdb.CI, error)
	ci, err := d.p.Add(d.ctx(), cora, cmdb.Addition{Class: "application", Name: "shop"})
	require.NoError(t, err)
	for _, s := range []struct {
		take step
		to   cmdb.State
	}{{d.p.Build, cmdb.StateBuild}, {d.p.Test, cmdb.StateTest}, {d.p.Rework, cmdb.StateBuild}, {d.p.Test, cmdb.StateTest}} {
		d.later(1)
		ci, err = s.take(d.ctx(), cora, ci.ID, cmdb.Step{})
		require.NoError(t, err)
		require.Equal(t, s.to, ci.State)
		require.Equal(t, d.now, ci.Since)
	}
	_, err = d.p.GoLive(d.ctx(), cora, ci.ID, cmdb.Step{})
	require.Equal(t, map[string]string{"attributes.serial": "is required while live"}, faults(t, err))
	_, err = d.p.Update(d.ctx(), cora, ci.ID, cmdb.Update{Attributes: schema.Values{"serial": schema.Text("S1")}})
	require.NoError(t, err)
	ci, err = d.p.GoLive(d.ctx(), cora, ci.ID, cmdb.Step{})
	require.NoError(t, err)
	_, err = d.p.Build(d.ctx(), cora, ci.ID, cmdb.Step{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	_, err = d.p.Retire(d.ctx(), ana, ci.ID, cmdb.Retirement{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	ci, err = d.p.Retire(d.ctx(), cora, ci.ID, cmdb.Retirement{})
	require.NoError(t, err)
	require.False(t, ci.Current)
	_, err = d.p.Update(d.ctx(), cora, ci.ID, cmdb.Update{Attributes: schema.Values{"serial": schema.Text("S2")}})
	require.ErrorIs(t, err, itsm.ErrTransition)
	_, err = d.p.Reinstate(d.ctx(), cora, ci.ID, cmdb.Step{})
	require.Equal(t, map[string]string{"reason": "is required to reinstate"}, faults(t, err))
	ci, err = d.p.Reinstate(d.ctx(), cora, ci.ID, cmdb.Step{Command: itsm.Command{Reason: "found in the cellar"}})
	require.NoError(t, err)
	require.Equal(t, cmdb.StateBuild, ci.State)
	_, err = d.p.Test(d.ctx(), cora, ci.ID, cmdb.Step{Command: itsm.Command{IfVersion: ci.Version - 1}})
	require.ErrorIs(t, err, itsm.ErrConflict)
}

func attributes(t *testing.T, d *desk) {
	d.add("host", "h1")
	set := func(r cmdb.Update) cmdb.CI {
		ci, err := d.p.Update(d.ctx(), cora, "h1", r)
		require.NoError(t, err)
		return ci
	}
	d.later(1)
	one := set(cmdb.Update{Attributes: schema.Values{"ram": schema.Integer(32)}, Source: "scan", Observed: true})
	d.later(1)
	two := set(cmdb.Update{Attributes: schema.Values{"ram": schema.Integer(32)}})
	require.Equal(t, one, two, "what is the same is not told of, and keeps its source")
	set(cmdb.Update{Attributes: schema.Values{"ram": schema.Integer(64)}, Command: itsm.Command{Reason: "more modules"}})
	d.later(1)
	ci := set(cmdb.Update{Attributes: schema.Values{"ram": {}}})
	require.NotContains(t, ci.Attributes, "ram")
	require.NotContains(t, ci.Origins, "ram")
	history, err := d.q.AttributeHistory(d.ctx(), ana, "h1", "ram")
	require.NoError(t, err)
	require.Equal(t, []cmdb.AttributeChange{
		{At: at(1), By: "cora", Source: "scan", Now: schema.Integer(32)},
		{At: at(2), By: "cora", Source: "manual", Reason: "more modules", Was: schema.Integer(32), Now: schema.Integer(64)},
		{At: at(3), By: "cora", Source: "manual", Was: schema.Integer(64)},
	}, history)
	for _, c := range []struct {
		minute int
		ram    schema.Value
	}{{0, schema.Value{}}, {1, schema.Integer(32)}, {2, schema.Integer(64)}, {3, schema.Value{}}} {
		was, err := d.q.GetAt(d.ctx(), ana, "h1", at(c.minute))
		require.NoError(t, err)
		require.Equal(t, c.ram, was.Attributes["ram"], "at minute %d", c.minute)
	}
	_, err = d.q.GetAt(d.ctx(), ana, "h1", at(-1))
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func controlled(t *testing.T, d *desk) {
	var asked []cmdb.ControlledWrite
	_, p := d.process(cmdb.Options{Controlled: func(_ context.Context, _ storage.Reader, _ itsm.Actor, w cmdb.ControlledWrite) (string, error) {
		asked = append(asked, w)
		if w.Under == nil {
			return "name the change under which it is done", nil
		}
		return "", nil
	}})
	d.add("host", "h1")
	version := func(v string) schema.Values { return schema.Values{"version": schema.Text(v)} }
	_, err := p.Update(d.ctx(), cora, "h1", cmdb.Update{Attributes: version("1")})
	require.Equal(t, map[string]string{"attributes.version": "is change-controlled: name the change under which it is done"}, faults(t, err))
	under := itsm.Ref{Kind: "change", ID: "c1"}
	ci, err := p.Update(d.ctx(), cora, "h1", cmdb.Update{Attributes: version("1"), Under: &under})
	require.NoError(t, err)
	require.Equal(t, []string{"version"}, asked[len(asked)-1].Attributes)
	require.Equal(t, version("1"), ci.Attributes)

	seen := cmdb.Update{Attributes: schema.Values{"version": schema.Text("2"), "serial": schema.Text("S")}, Source: "scan", Observed: true}
	ci, err = p.Update(d.ctx(), cora, "h1", seen)
	require.NoError(t, err)
	require.Equal(t, schema.Text("1"), ci.Attributes["version"], "discovery does not write it")
	require.Equal(t, schema.Text("S"), ci.Attributes["serial"])
	require.Equal(t, map[string][]cmdb.Observation{"version": {{Origin: cmdb.Origin{Source: "scan", At: start}, Value: schema.Text("2")}}}, ci.Observations)
	again, err := p.Update(d.ctx(), cora, "h1", seen)
	require.NoError(t, err)
	require.Equal(t, ci, again, "the same observation again is no change")
	ci, err = p.Update(d.ctx(), cora, "h1", cmdb.Update{Attributes: version("1"), Source: "scan", Observed: true})
	require.NoError(t, err)
	require.Empty(t, ci.Observations, "it agrees again")

	// Without a rule of the host's own it takes a permission.
	_, err = d.p.Update(d.ctx(), cora, "h1", cmdb.Update{Attributes: version("3")})
	require.NoError(t, err)
}
