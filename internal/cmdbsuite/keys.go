// This file holds the case of commands that are given twice under one key.

package cmdbsuite

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// keyed gives each command twice under one key, in two processes: the second gives what came of the first, and does nothing. Another
// request under the key is refused. Whatever takes a command is among them.
func keyed(t *testing.T, d *desk) {
	p, q := d.observers()
	d.p = p
	d.add("host", "h1", "h2", "h3", "keep", "twin")
	d.add("application", "a1")
	_, err := p.Add(d.ctx(), cora, cmdb.Addition{ID: "plan", Class: "host", Name: "plan"})
	require.NoError(t, err)
	for _, id := range []itsm.ID{"d1", "d2"} {
		_, err := p.Add(d.ctx(), cora, cmdb.Addition{ID: id, Class: "host", Name: "same", State: cmdb.StateBuild})
		require.NoError(t, err)
		d.later(1)
	}
	require.Equal(t, reconcile.ActionFlag, d.observe(p, host("scan", "s1", "same", d.now, nil)).Action)
	flagged, err := p.Duplicates(d.ctx(), cora, storage.Query[cmdb.DuplicateHead]{})
	require.NoError(t, err)
	of := itsm.Ref{Kind: "incident", ID: "i1"}
	var rel, group, outage, ended itsm.ID
	keep := func(id *itsm.ID, v any, err error) (any, error) {
		if err == nil {
			*id = itsm.ID(reflect.ValueOf(v).FieldByName("ID").String())
		}
		return v, err
	}
	step := func(c itsm.Command) cmdb.Step { return cmdb.Step{Command: c} }
	given := map[string]bool{}
	for _, one := range []struct {
		name string
		give func(p *cmdb.Practice, c itsm.Command) (any, error)
	}{
		{"Add", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			return p.Add(d.ctx(), cora, cmdb.Addition{Command: c, Class: "feed", Name: "f1"})
		}},
		{"Update", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			return p.Update(d.ctx(), cora, "h1", cmdb.Update{Command: c, Attributes: schema.Values{"ram": schema.Integer(8)}})
		}},
		{"Build", func(p *cmdb.Practice, c itsm.Command) (any, error) { return p.Build(d.ctx(), cora, "plan", step(c)) }},
		{"Test", func(p *cmdb.Practice, c itsm.Command) (any, error) { return p.Test(d.ctx(), cora, "plan", step(c)) }},
		{"Rework", func(p *cmdb.Practice, c itsm.Command) (any, error) { return p.Rework(d.ctx(), cora, "plan", step(c)) }},
		{"GoLive", func(p *cmdb.Practice, c itsm.Command) (any, error) { return p.GoLive(d.ctx(), cora, "plan", step(c)) }},
		{"Retire", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			return p.Retire(d.ctx(), cora, "plan", cmdb.Retirement{Step: step(c)})
		}},
		{"Reinstate", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			return p.Reinstate(d.ctx(), cora, "plan", step(c))
		}},
		{"Relate", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			v, err := p.Relate(d.ctx(), cora, cmdb.NewRelation{Command: c, Type: "depends_on", Source: "h1", Target: "h2"})
			return keep(&rel, v, err)
		}},
		{"Unrelate", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			return p.Unrelate(d.ctx(), cora, rel, cmdb.End{Command: c})
		}},
		{"PutGroup", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			v, err := p.PutGroup(d.ctx(), cora, cmdb.GroupDefinition{Command: c, Owner: "a1", Type: "runs_on", Members: []cmdb.Member{{CI: "h1"}, {CI: "h2"}}, Need: impact.AtLeast(1)})
			return keep(&group, v, err)
		}},
		{"RemoveGroup", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			return p.RemoveGroup(d.ctx(), cora, group, cmdb.End{Command: c})
		}},
		{"TakeBaseline", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			return p.TakeBaseline(d.ctx(), cora, cmdb.NewBaseline{Command: c, Name: "before"})
		}},
		{"RecordOutage", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			v, err := p.RecordOutage(d.ctx(), cora, cmdb.OutageReport{Command: c, CI: "h1"})
			return keep(&outage, v, err)
		}},
		{"AmendOutage", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			worse := cmdb.SeverityDegraded
			return p.AmendOutage(d.ctx(), cora, outage, cmdb.OutageAmendment{Command: c, Severity: &worse})
		}},
		{"EndOutage", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			v, err := p.EndOutage(d.ctx(), cora, outage, cmdb.OutageEnd{Command: c})
			return keep(&ended, v, err)
		}},
		{"WithdrawOutage", func(p *cmdb.Practice, c itsm.Command) (any, error) { return p.WithdrawOutage(d.ctx(), cora, ended, c) }},
		{"Concern", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			return p.Concern(d.ctx(), cora, of, cmdb.Concern{Command: c, CIs: []cmdb.NamedCI{{CI: "h1"}}})
		}},
		{"AssessImpact", func(p *cmdb.Practice, c itsm.Command) (any, error) { return p.AssessImpact(d.ctx(), cora, of, c) }},
		{"CorrectImpact", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			return p.CorrectImpact(d.ctx(), cora, of, cmdb.ImpactCorrection{Command: c, CI: "h3", Origin: cmdb.OriginManual})
		}},
		{"PutDynamicGroup", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			return p.PutDynamicGroup(d.ctx(), cora, cmdb.DynamicGroupDefinition{Command: c, Name: "hosts"})
		}},
		{"DismissDuplicate", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			return p.DismissDuplicate(d.ctx(), cora, flagged.Items[0].ID, c)
		}},
		{"Merge", func(p *cmdb.Practice, c itsm.Command) (any, error) {
			did, err := p.Merge(d.ctx(), cora, cmdb.Merger{Command: c, Keep: "keep", Other: "twin"})
			return did.Keep, err
		}},
	} {
		given[one.name] = true
		d.later(1)
		c := itsm.Command{Key: "once", Reason: "asked for"}
		first, err := one.give(p, c)
		require.NoError(t, err, one.name)
		before := d.everything(p)
		d.later(1)
		again, err := one.give(q, c)
		require.NoError(t, err, one.name)
		require.Equal(t, first, again, one.name)
		require.Equal(t, before, d.everything(q), one.name)
		c.Reason = "asked for another"
		_, err = one.give(p, c)
		require.Contains(t, faults(t, err)["key"], "another request", one.name)
		require.Equal(t, before, d.everything(q), one.name)
	}
	// What is removed for good cannot be given again: a key is refused there.
	for name, err := range map[string]error{
		"RemoveBaseline":     p.RemoveBaseline(d.ctx(), cora, "nobody", itsm.Command{Key: "once"}),
		"RemoveDynamicGroup": p.RemoveDynamicGroup(d.ctx(), cora, "nobody", itsm.Command{Key: "once"}),
	} {
		given[name] = true
		require.Contains(t, faults(t, err), "key", name)
	}
	methods := reflect.TypeFor[*cmdb.Practice]()
	command := reflect.TypeFor[itsm.Command]()
	for i := range methods.NumMethod() {
		m := methods.Method(i)
		for k := range m.Type.NumIn() {
			in := m.Type.In(k)
			if in == command {
				require.True(t, given[m.Name], "%s takes a command and is not tried here", m.Name)
			} else if in.Kind() == reflect.Struct {
				if f, has := in.FieldByName("Command"); has && f.Type == command {
					require.True(t, given[m.Name], "%s takes a command and is not tried here", m.Name)
				}
			}
		}
	}
}
