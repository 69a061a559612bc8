// This file holds the cases of CIs that are made one.

package cmdbsuite

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

func merging(t *testing.T, d *desk) {
	e, p := d.process(cmdb.Options{Rules: rules()})
	for _, ci := range []cmdb.Addition{
		{ID: "keep", Class: "host", Name: "same", Source: "sheet", Attributes: schema.Values{"ram": schema.Integer(4)}},
		{ID: "twin", Class: "host", Name: "same", Source: "scan", Attributes: schema.Values{"ram": schema.Integer(8), "serial": schema.Text("S1")}},
		{ID: "third", Class: "host", Name: "third"}, {ID: "a1", Class: "application", Name: "a1"}, {ID: "a2", Class: "application", Name: "a2"},
		{ID: "f1", Class: "feed", Name: "f1"},
	} {
		ci.State = cmdb.StateBuild
		_, err := p.Add(d.ctx(), cora, ci)
		require.NoError(t, err)
		d.later(1)
	}
	d.relate("a1", "runs_on", "twin")
	d.relate("f1", "feeds", "twin")
	d.relate("f1", "feeds", "keep")
	d.relate("keep", "depends_on", "twin")
	_, err := p.PutGroup(d.ctx(), cora, cmdb.GroupDefinition{Owner: "a2", Type: "runs_on", Members: []cmdb.Member{{CI: "twin"}, {CI: "third"}}, Need: impact.AtLeast(1)})
	require.NoError(t, err)
	outage, err := p.RecordOutage(d.ctx(), cora, cmdb.OutageReport{CI: "twin"})
	require.NoError(t, err)
	link := itsm.Link{Type: itsm.LinkCausedBy, From: itsm.Ref{Kind: cmdb.Kind, ID: "twin"}, To: itsm.Ref{Kind: "incident", ID: "i1"}}
	require.NoError(t, e.Update(d.ctx(), cora, func(ctx context.Context, u *engine.Unit) error {
		_, err := u.AddLink(ctx, link)
		return err
	}))
	require.Equal(t, "twin", string(d.observe(p, host("cloud", "c1", "same", d.now, schema.Values{"serial": schema.Text("S1")})).CI))
	require.Equal(t, reconcile.ActionFlag, d.observe(p, host("agent", "g1", "same", d.now, nil)).Action)
	before := d.everything(p)

	_, err = p.Merge(d.ctx(), ana, cmdb.Merger{Keep: "keep", Other: "twin"})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = p.Merge(d.ctx(), cora, cmdb.Merger{Keep: "keep", Other: "keep"})
	require.Contains(t, faults(t, err), "other")
	_, err = p.Merge(d.ctx(), cora, cmdb.Merger{Keep: "a1", Other: "f1"})
	require.Contains(t, faults(t, err), "other")
	would, err := p.Merge(d.ctx(), cora, cmdb.Merger{Keep: "keep", Other: "twin", DryRun: true})
	require.NoError(t, err)
	require.Equal(t, before, d.everything(p), "a dry run writes nothing")
	require.Len(t, would.Relations, 3)
	require.Len(t, would.Groups, 1)
	require.Equal(t, []itsm.ID{outage.ID}, would.Outages)
	require.Len(t, would.Links, 1)
	require.Equal(t, "c1", would.Sources[0].Key)

	d.later(1)
	did, err := p.Merge(d.ctx(), cora, cmdb.Merger{Keep: "keep", Other: "twin", Command: itsm.Command{Reason: "one machine"}})
	require.NoError(t, err)
	require.Equal(t, would.Attributes, did.Attributes)
	require.Equal(t, would.Outages, did.Outages)
	keep, err := d.q.Get(d.ctx(), cora, "keep")
	require.NoError(t, err)
	require.Equal(t, keep, did.Keep)
	require.Equal(t, schema.Values{"ram": schema.Integer(8), "serial": schema.Text("S1")}, keep.Attributes, "the scan counts before the sheet")
	require.Equal(t, "scan", keep.Origins["ram"].Source)
	twin, err := d.q.Get(d.ctx(), cora, "twin")
	require.NoError(t, err)
	require.Equal(t, itsm.ID("keep"), twin.MergedInto)
	require.Equal(t, cmdb.StateRetired, twin.State)

	require.Equal(t, []string{"a1", "keep"}, down(t, d.q, cora, "keep"))
	require.Equal(t, []string{"a1", "a2", "keep", "third"}, down(t, d.q, cora, "keep", "third"))
	o, err := d.q.Outage(d.ctx(), cora, outage.ID)
	require.NoError(t, err)
	require.Equal(t, itsm.ID("keep"), o.CI)
	require.NoError(t, e.View(d.ctx(), cora, func(ctx context.Context, r storage.Reader) error {
		links, err := engine.Links(ctx, r, itsm.Ref{Kind: cmdb.Kind, ID: "keep"})
		require.Len(t, links, 1)
		require.Equal(t, link.To, links[0].To)
		return err
	}))
	require.Equal(t, itsm.ID("keep"), d.observe(p, host("cloud", "c1", "same", d.now, nil)).CI, "its source's key means the one that is kept")
	require.Equal(t, itsm.ID("keep"), d.observe(p, host("agent", "g1", "same", d.now, nil)).CI)
	page, err := p.Duplicates(d.ctx(), cora, storage.Query[cmdb.DuplicateHead]{})
	require.NoError(t, err)
	require.True(t, len(page.Items) == 1 && page.Items[0].Merged && !page.Items[0].Open)
	_, err = p.Merge(d.ctx(), cora, cmdb.Merger{Keep: "keep", Other: "twin"})
	require.ErrorIs(t, err, itsm.ErrTransition)

	// What cannot be of the one that is kept is refused, and nothing moves.
	_, err = p.Merge(d.ctx(), cora, cmdb.Merger{Keep: "a1", Other: "a2"})
	require.Contains(t, faults(t, err), "groups", "a1 runs on keep already, which is in the group")
	a2, err := p.Get(d.ctx(), cora, "a2")
	require.NoError(t, err)
	require.True(t, a2.Current)
}

// One source told of two, in one file. What is kept stays as it is, the file once more is no fault, and what the source tells by the key of
// the other counts only when it tells nothing by the other key any more.
func mergedTwins(t *testing.T, d *desk) {
	for name, authority := range map[string][]reconcile.Authority{"ranked": rules().Authority, "free": nil} {
		_, p := d.process(cmdb.Options{Rules: &reconcile.Rules{Identification: rules().Identification, Authority: authority}})
		o := cmdb.ImportOptions{State: cmdb.StateBuild}
		key := func(n string) string { return name + n }
		rows := func() []reconcile.Observation {
			return []reconcile.Observation{
				host("scan", key("2"), key("other"), d.now, schema.Values{"ram": schema.Integer(7), "serial": schema.Text("S" + name)}),
				host("scan", key("1"), key("keep"), d.now, schema.Values{"ram": schema.Integer(100)}),
				host("scan", key("3"), key("third"), d.now, nil, reconcile.ObservedRelation{Type: "near", Other: reconcile.Pointer{Key: key("2")}})}
		}
		_, err := p.Import(d.ctx(), cora, "scan", list(rows()...), o)
		require.NoError(t, err)
		keep, other := idOf(t, p, key("keep")), idOf(t, p, key("other"))
		did, err := p.Merge(d.ctx(), cora, cmdb.Merger{Keep: keep, Other: other})
		require.NoError(t, err)
		want := schema.Values{"ram": schema.Integer(100), "serial": schema.Text("S" + name)}
		require.Equal(t, want, did.Keep.Attributes)
		require.Empty(t, did.Keep.Observations["ram"], "a source is not kept as one that says otherwise than it says")
		require.Equal(t, []cmdb.SourceOf{{Source: "scan", Key: key("2"), Heard: d.now, Merged: true}}, did.Sources)

		before := d.everything(p)
		for range 3 {
			d.later(60)
			told := map[string]cmdb.Observed{}
			o.Each = func(was cmdb.Observed) { told[was.Key] = was }
			result, err := p.Import(d.ctx(), cora, "scan", list(rows()...), o)
			require.NoError(t, err)
			require.Equal(t, cmdb.ImportResult{Rows: 3, Unchanged: 2, Ignored: 1}, result)
			require.Contains(t, told[key("2")].Reason, "merged into the one that scan knows by the key")
			require.Equal(t, before, d.everything(p), "the same rows once more change nothing")
		}

		for day := range 61 {
			d.later(24 * 60)
			was := d.observe(p, rows()[0])
			require.Equal(t, day < 60, was.Action == reconcile.ActionIgnore)
		}
		ci, err := p.Get(d.ctx(), cora, keep)
		require.NoError(t, err)
		require.Equal(t, schema.Integer(7), ci.Attributes["ram"])
	}
}
