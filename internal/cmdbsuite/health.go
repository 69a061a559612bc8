// This file holds the cases of the health of configuration data.

package cmdbsuite

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// unhealthy walks the pages of what is wrong with CIs, and gives it by id in a few words.
func (d *desk) unhealthy(actor itsm.Actor, rules cmdb.HealthRules, limit int) map[itsm.ID]string {
	d.t.Helper()
	all := map[itsm.ID]string{}
	page := cmdb.Page{Limit: limit}
	for {
		got, err := d.q.CIHealth(d.ctx(), actor, rules, page)
		require.NoError(d.t, err)
		for _, one := range got.Items {
			require.NotContains(d.t, all, one.Head.ID)
			text := fmt.Sprint(one.Missing, one.Recommended)
			if one.Orphan {
				text += " orphan"
			}
			if one.Stale {
				text += " stale since " + one.Seen.Format(time.DateOnly)
			}
			for _, a := range one.Failed {
				text += fmt.Sprint(" ", a.Audit, a.Attributes)
			}
			all[one.Head.ID] = text
		}
		if got.Next == "" {
			return all
		}
		page.After = got.Next
	}
}

func healthOfCIs(t *testing.T, d *desk) {
	add := func(class string, id itsm.ID, v schema.Values) {
		t.Helper()
		_, err := d.p.Add(d.ctx(), cora, cmdb.Addition{ID: id, Class: class, Name: string(id), State: cmdb.StateBuild, Attributes: v, Source: "scan"})
		require.NoError(t, err)
	}
	v := func(serial string, ram int64) schema.Values {
		return schema.Values{"serial": schema.Text(serial), "ram": schema.Integer(ram)}
	}
	add("host", "h1", v("S1", 4))
	add("host", "h2", v("S1", 64))
	add("host", "h3", nil)
	add("host", "h4", v("S4", 64))
	add("host", "old", v("S1", 1))
	add("application", "a1", nil)
	add("service", "shop", schema.Values{"serial": schema.Text("X")})
	d.relate("a1", "depends_on", "h1")
	d.relate("shop", "depends_on", "a1")
	d.relate("a1", "runs_on", "h2")
	d.relate("h4", "near", "h1") // passes nothing on
	_, err := d.p.Retire(d.ctx(), cora, "old", cmdb.Retirement{})
	require.NoError(t, err)
	// As data that is there before its model asks for more.
	require.NoError(t, d.e.Update(d.ctx(), cora, func(ctx context.Context, u *engine.Unit) error {
		ci, err := cmdb.Table.Get(ctx, u, "a1")
		if err != nil {
			return err
		}
		ci.State = cmdb.StateLive
		return cmdb.Table.Put(ctx, u, &ci)
	}))
	rules := cmdb.HealthRules{
		Recommended:    map[string][]string{"item": {"serial"}, "host": {"ram"}},
		Identification: &reconcile.Rules{Identification: []reconcile.Identifier{{Class: "host", Entries: []reconcile.Entry{{Priority: 1, Attributes: []string{"serial"}}}}}},
		Audits: []cmdb.Audit{
			{Name: "memory", Selection: cmdb.Selection{Classes: []string{"host"}},
				Expected: []cmdb.Condition{{Attribute: "ram", Operator: cmdb.OperatorAtLeast, Values: []schema.Value{schema.Integer(16)}}}},
			{Name: "versions", Selection: cmdb.Selection{Classes: []string{"service"}}, Expected: []cmdb.Condition{{Attribute: "version", Operator: cmdb.OperatorAbsent}}},
		},
	}
	want := map[itsm.ID]string{
		"h1": "[] [] memory[ram]",
		"h3": "[] [ram serial] orphan memory[ram]",
		"h4": "[] [] orphan",
		"a1": "[serial] []",
	}
	require.Equal(t, want, d.unhealthy(ana, rules, 2))
	require.Equal(t, want, d.unhealthy(ana, rules, 500))
	report, err := d.q.Health(d.ctx(), ana, rules)
	require.NoError(t, err)
	require.Equal(t, cmdb.HealthReport{CIs: 6, Unhealthy: 4, Incomplete: 1, BelowRecommended: 1, Orphans: 2, NonCompliant: 2,
		ByAudit: map[string]int64{"memory": 2, "versions": 0}, Duplicates: 2, DuplicateSets: 1, Relations: 4}, report)
	sets, err := d.q.DuplicateHealth(d.ctx(), ana, rules, cmdb.Page{})
	require.NoError(t, err)
	require.Len(t, sets.Items, 1)
	require.Equal(t, []itsm.ID{"h1", "h2"}, sets.Items[0].CIs, "a retired one is not the same as any")

	// What no source saw for too long is stale, until one sees it again.
	d.now = d.now.Add(61 * 24 * time.Hour)
	_, err = d.p.Update(d.ctx(), cora, "h4", cmdb.Update{Attributes: schema.Values{"ram": schema.Integer(128)}, Source: "scan", Observed: true})
	require.NoError(t, err)
	stale := d.unhealthy(ana, rules, 3)
	require.Equal(t, "[] [] orphan", stale["h4"])
	require.Equal(t, "[] [] stale since 2026-03-02", stale["h2"])
	report, err = d.q.Health(d.ctx(), ana, rules)
	require.NoError(t, err)
	require.Equal(t, int64(5), report.Stale)
	rules.StaleAfterDays = 62
	require.Equal(t, want, d.unhealthy(ana, rules, 3))

	// So is what a source finds as it was.
	p, q := d.observers()
	require.NoError(t, p.Reindex(d.ctx(), cora))
	sighting := host("scan", "s9", "h9", d.now, schema.Values{"serial": schema.Text("S9")})
	made := d.observe(p, sighting)
	d.now = d.now.Add(50 * 24 * time.Hour)
	sighting.At = d.now
	require.False(t, d.observe(q, sighting).Changed)
	d.now = d.now.Add(50 * 24 * time.Hour)
	listed, err := q.CIHealth(d.ctx(), ana, cmdb.HealthRules{}, cmdb.Page{})
	require.NoError(t, err)
	for _, one := range listed.Items {
		require.Equal(t, one.Head.ID != made.CI, one.Stale, one.Head.ID)
	}
	d.now = d.now.Add(-100 * 24 * time.Hour)
	_, err = p.Retire(d.ctx(), cora, made.CI, cmdb.Retirement{})
	require.NoError(t, err)

	// Who may not read a CI is told of none of what is wrong with it.
	yes := true
	_, err = d.p.Update(d.ctx(), cora, "h2", cmdb.Update{Fields: cmdb.Fields{Restricted: &yes}})
	require.NoError(t, err)
	report, err = d.q.Health(d.ctx(), ana, rules)
	require.NoError(t, err)
	require.Equal(t, []int64{5, 0, 3}, []int64{report.CIs, report.Duplicates, report.Relations})
	_, err = d.q.Health(d.ctx(), rita, rules)
	require.ErrorIs(t, err, itsm.ErrForbidden)

	// Sets of duplicates come in pages, each set once.
	for i := range 5 {
		add("host", itsm.ID(fmt.Sprintf("x%d", i)), v(fmt.Sprintf("D%d", i), 32))
		add("host", itsm.ID(fmt.Sprintf("y%d", i)), v(fmt.Sprintf("D%d", i), 32))
	}
	var found [][]itsm.ID
	page := cmdb.Page{Limit: 2}
	for {
		got, err := d.q.DuplicateHealth(d.ctx(), ana, rules, page)
		require.NoError(t, err)
		require.LessOrEqual(t, len(got.Items), 2)
		for _, set := range got.Items {
			found = append(found, set.CIs)
		}
		if got.Next == "" {
			break
		}
		page.After = got.Next
	}
	slices.SortFunc(found, slices.Compare)
	require.Equal(t, [][]itsm.ID{{"x0", "y0"}, {"x1", "y1"}, {"x2", "y2"}, {"x3", "y3"}, {"x4", "y4"}}, found)

	_, err = d.q.CIHealth(d.ctx(), ana, cmdb.HealthRules{StaleAfterDays: -1, Recommended: map[string][]string{"ship": {"mast"}},
		Audits: []cmdb.Audit{{}, {Name: "a", Expected: []cmdb.Condition{{Attribute: "mast", Operator: cmdb.OperatorPresent}}}}}, cmdb.Page{})
	told := faults(t, err)
	for _, field := range []string{"stale_after_days", "recommended", "audits[0].name", "audits[0].expected", "audits[1].expected.attributes[0].attribute"} {
		require.Contains(t, told, field)
	}
}

func healthOfRelations(t *testing.T, d *desk) {
	d.add("host", "h1", "h2", "h3", "gone")
	d.add("application", "a1", "a2")
	d.relate("a1", "runs_on", "h1")
	d.relate("h1", "connected_to", "h2")
	_, err := d.p.Retire(d.ctx(), cora, "gone", cmdb.Retirement{})
	require.NoError(t, err)
	// As no command of the practice leaves them: what another program wrote.
	put := func(id itsm.ID, source itsm.ID, kind string, target itsm.ID) {
		require.NoError(t, d.e.Update(d.ctx(), cora, func(ctx context.Context, u *engine.Unit) error {
			return cmdb.RelationTable.Put(ctx, u, &cmdb.Relation{RelationHead: cmdb.RelationHead{Meta: storage.Meta{ID: id}, Type: kind, Source: source, Target: target, Current: true, From: d.now}})
		}))
	}
	put("r1", "a1", "runs_on", "h1")
	put("r2", "h2", "connected_to", "h1")
	put("r3", "a2", "runs_on", "gone")
	put("r4", "a2", "depends_on", "nobody")
	put("r5", "h3", "runs_on", "h1")
	put("r6", "h3", "eats", "h1")
	put("r7", "a2", "depends_on", "h3")
	var dangling, duplicate, disallowed []string
	page := cmdb.Page{Limit: 500}
	for {
		got, err := d.q.RelationHealth(d.ctx(), ana, page)
		require.NoError(t, err)
		for _, one := range got.Items {
			text := string(one.Head.Source) + " " + one.Head.Type + " " + string(one.Head.Target)
			if one.Dangling {
				dangling = append(dangling, text)
			}
			if one.Duplicate {
				duplicate = append(duplicate, text)
			}
			if one.Disallowed {
				disallowed = append(disallowed, text)
			}
		}
		if got.Next == "" {
			break
		}
		page.After = got.Next
		page.Limit = 2
	}
	require.ElementsMatch(t, []string{"a2 runs_on gone", "a2 depends_on nobody"}, dangling)
	require.ElementsMatch(t, []string{"a1 runs_on h1", "a1 runs_on h1", "h1 connected_to h2", "h2 connected_to h1"}, duplicate)
	require.ElementsMatch(t, []string{"h3 runs_on h1", "h3 eats h1"}, disallowed)
	n := 0
	for page = (cmdb.Page{Limit: 2}); ; {
		got, err := d.q.RelationHealth(d.ctx(), ana, page)
		require.NoError(t, err)
		if n += len(got.Items); got.Next == "" {
			break
		}
		page.After = got.Next
	}
	require.Equal(t, 8, n, "the pages have each once")
	report, err := d.q.Health(d.ctx(), ana, cmdb.HealthRules{})
	require.NoError(t, err)
	require.Equal(t, []int64{9, 2, 4, 2}, []int64{report.Relations, report.DanglingRelations, report.DuplicateRelations, report.DisallowedRelations})
}
