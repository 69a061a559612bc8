// This file holds the cases of observations and imports.

package cmdbsuite

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// rules know items by their serial and then their name, applications by what they run on and their name. A scan counts before
// a sheet.
func rules() *reconcile.Rules {
	return &reconcile.Rules{
		Identification: []reconcile.Identifier{
			{Class: "item", Entries: []reconcile.Entry{{Priority: 1, Attributes: []string{"serial"}, IgnoreCase: true}, {Priority: 2, Attributes: []string{reconcile.Name}}}},
			{Class: "application", Entries: []reconcile.Entry{{Priority: 1, Attributes: []string{reconcile.Name}, Within: &reconcile.Within{Relation: "runs_on", Class: "host"}}}},
		},
		Authority: []reconcile.Authority{{Class: "item", Sources: []string{"scan", "sheet", "manual"}}},
	}
}

// observers are two processes that have the rules.
func (d *desk) observers() (p, q *cmdb.Practice) {
	_, p = d.process(cmdb.Options{Rules: rules()})
	_, q = d.process(cmdb.Options{Rules: rules()})
	return p, q
}

func host(source, key, name string, at time.Time, attributes schema.Values, relations ...reconcile.ObservedRelation) reconcile.Observation {
	return reconcile.Observation{Source: source, Key: key, Class: "host", Name: name, Attributes: attributes, At: at, Relations: relations}
}

func (d *desk) observe(p *cmdb.Practice, o reconcile.Observation) cmdb.Observed {
	d.t.Helper()
	was, err := p.Observe(d.ctx(), cora, cmdb.Sighting{Observation: o, State: cmdb.StateBuild})
	require.NoError(d.t, err)
	return was
}

// everything is what a tenant's CMDB is, for comparison: CIs, relations, the number of its revision and of events.
func (d *desk) everything(p *cmdb.Practice) (all []string) {
	d.t.Helper()
	for h, err := range p.All(d.ctx(), cora, storage.Query[cmdb.Head]{}) {
		require.NoError(d.t, err)
		events, err := p.History(d.ctx(), cora, h.ID)
		require.NoError(d.t, err)
		all = append(all, fmt.Sprint(h.ID, " ", h.Version, " ", len(events)))
		for rel, err := range storage.Pages(storage.Query[cmdb.RelationHead]{}, func(q storage.Query[cmdb.RelationHead]) (storage.Page[cmdb.RelationHead], error) {
			return p.Relations(d.ctx(), cora, h.ID, q)
		}) {
			require.NoError(d.t, err)
			all = append(all, fmt.Sprint(rel.ID, " ", rel.Version))
		}
	}
	snapshot, err := p.Snapshot(d.ctx(), cora, 0)
	require.NoError(d.t, err)
	return append(all, fmt.Sprint("revision ", snapshot.Revision()))
}

func observing(t *testing.T, d *desk) {
	p, q := d.observers()
	made := d.observe(p, host("scan", "s1", "web1", start, schema.Values{"serial": schema.Text("A1"), "ram": schema.Integer(8)}))
	require.Equal(t, reconcile.ActionCreate, made.Action)
	require.True(t, made.Changed)
	ci, err := q.Get(d.ctx(), cora, made.CI)
	require.NoError(t, err)
	require.Equal(t, cmdb.StateBuild, ci.State)
	require.Equal(t, cmdb.Origin{Source: "scan", At: start}, ci.Origins["ram"])
	before := d.everything(q)

	again := d.observe(q, host("scan", "s1", "web1", start, schema.Values{"serial": schema.Text("A1"), "ram": schema.Integer(8)}))
	require.False(t, again.Changed)
	require.Equal(t, reconcile.ActionUpdate, again.Action)
	later := d.observe(q, host("scan", "s1", "web1", at(5), schema.Values{"serial": schema.Text("A1"), "ram": schema.Integer(8)}))
	require.False(t, later.Changed)
	require.Equal(t, before, d.everything(p))
	sources, err := p.Sources(d.ctx(), cora, ci.ID)
	require.NoError(t, err)
	require.Equal(t, []cmdb.SourceOf{{Source: "scan", Key: "s1", Heard: at(5)}}, sources)

	// Another source finds it by its serial number, whose word counts less.
	d.later(10)
	sheet := d.observe(q, host("sheet", "", "web-one", at(9), schema.Values{"serial": schema.Text("a1"), "ram": schema.Integer(4), "version": schema.Text("7")}))
	require.Equal(t, ci.ID, sheet.CI)
	results := map[string]reconcile.Result{}
	for _, a := range sheet.Attributes {
		results[a.Attribute] = a.Result
		if a.Attribute == "ram" {
			require.Equal(t, []string{"scan", "sheet", "manual"}, a.Rule.Sources)
		}
	}
	require.Equal(t, map[string]reconcile.Result{"name": reconcile.ResultRefused, "ram": reconcile.ResultRefused, "serial": reconcile.ResultSame, "version": reconcile.ResultWritten}, results)
	ci, err = p.Get(d.ctx(), cora, ci.ID)
	require.NoError(t, err)
	require.Equal(t, schema.Integer(8), ci.Attributes["ram"])
	require.Equal(t, schema.Integer(4), ci.Observations["ram"][0].Value, "what was not taken is kept beside it")
	require.Equal(t, "web1", ci.Name)

	// Heard last 60 days ago, the scan yields.
	d.now = at(60*24*60 + 6)
	sheet = d.observe(p, host("sheet", "", "web-one", d.now, schema.Values{"serial": schema.Text("a1"), "ram": schema.Integer(4)}))
	require.True(t, sheet.Changed)
	ci, err = q.Get(d.ctx(), cora, ci.ID)
	require.NoError(t, err)
	require.Equal(t, schema.Integer(4), ci.Attributes["ram"])
	require.Equal(t, "web-one", ci.Name)
}

func observedRefusals(t *testing.T, d *desk) {
	p, q := d.observers()
	_, err := p.Observe(d.ctx(), ana, cmdb.Sighting{Observation: host("scan", "s1", "web1", start, nil)})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = p.Observe(d.ctx(), cora, cmdb.Sighting{Observation: reconcile.Observation{Class: "hat", Attributes: schema.Values{"x": schema.Text("1")}}})
	all := faults(t, err)
	for _, field := range []string{"source", "at", "class"} {
		require.Contains(t, all, field)
	}
	was, err := p.Observe(d.ctx(), cora, cmdb.Sighting{Observation: host("scan", "s1", "", start, nil)})
	require.Contains(t, faults(t, err), "class")
	require.Equal(t, reconcile.OutcomeUnidentifiable, was.Identification.Outcome)
	_, err = p.Observe(d.ctx(), cora, cmdb.Sighting{Observation: reconcile.Observation{Source: "scan", Class: "host", Attributes: schema.Values{"serial": schema.Text("B2")}, At: start}})
	require.Contains(t, faults(t, err), "name", "a CI that is made has a name")
	page, err := q.List(d.ctx(), cora, storage.Query[cmdb.Head]{})
	require.NoError(t, err)
	require.Empty(t, page.Items)

	// A CI that people made and renamed is found by what it is now.
	ci, err := p.Add(d.ctx(), cora, cmdb.Addition{Class: "host", Name: "db1", State: cmdb.StateBuild})
	require.NoError(t, err)
	name := "db2"
	d.later(1)
	_, err = p.Update(d.ctx(), cora, ci.ID, cmdb.Update{Fields: cmdb.Fields{Name: &name}})
	require.NoError(t, err)
	require.Equal(t, ci.ID, d.observe(q, host("scan", "s2", "db2", at(2), nil)).CI)
	require.NotEqual(t, ci.ID, d.observe(q, host("scan", "s3", "db1", at(2), nil)).CI)

	// One that is retired: its name is free, and what its source says of it by its key is passed over.
	_, err = p.Retire(d.ctx(), cora, ci.ID, cmdb.Retirement{})
	require.NoError(t, err)
	was = d.observe(q, host("scan", "s2", "db2", at(3), nil))
	require.Equal(t, reconcile.ActionIgnore, was.Action)
	fresh := d.observe(q, host("sheet", "", "db2", at(3), nil))
	require.Equal(t, reconcile.ActionCreate, fresh.Action)

	// Change-controlled attributes of a CI that is there are kept beside the value.
	_, bound := d.process(cmdb.Options{Rules: rules(), Controlled: func(context.Context, storage.Reader, itsm.Actor, cmdb.ControlledWrite) (string, error) {
		return "there is no change", nil
	}})
	d.observe(bound, host("sheet", "", "db2", at(4), schema.Values{"version": schema.Text("1")}))
	got, err := q.Get(d.ctx(), cora, fresh.CI)
	require.NoError(t, err)
	require.Empty(t, got.Attributes)
	require.Equal(t, schema.Text("1"), got.Observations["version"][0].Value)
}

func toHost(key string) reconcile.ObservedRelation {
	return reconcile.ObservedRelation{Type: "runs_on", Other: reconcile.Pointer{Key: key, Class: "host"}}
}

func app(key, name, on string) reconcile.Observation {
	return reconcile.Observation{Source: "scan", Key: key, Class: "application", Name: name, At: start, Attributes: schema.Values{"serial": schema.Text("app " + name)},
		Relations: []reconcile.ObservedRelation{toHost(on)}}
}

func flagged(t *testing.T, d *desk) {
	p, q := d.observers()
	for _, id := range []itsm.ID{"h1", "h2"} {
		_, err := p.Add(d.ctx(), cora, cmdb.Addition{ID: id, Class: "host", Name: "same", State: cmdb.StateBuild})
		require.NoError(t, err)
		d.later(1)
	}
	was := d.observe(q, host("scan", "s1", "same", start, nil))
	require.Equal(t, reconcile.ActionFlag, was.Action)
	require.Equal(t, reconcile.ActionFlag, d.observe(p, host("scan", "s1", "same", start, nil)).Action)
	page, err := q.Duplicates(d.ctx(), cora, storage.Query[cmdb.DuplicateHead]{Where: cmdb.DuplicateByOpen.Is(true)})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	dup := page.Items[0]
	require.Equal(t, []itsm.ID{"h1", "h2"}, []itsm.ID{dup.First, dup.Second})
	require.Equal(t, int64(1), dup.Version)
	_, err = q.DismissDuplicate(d.ctx(), ana, dup.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	dup, err = q.DismissDuplicate(d.ctx(), cora, dup.ID, itsm.Command{})
	require.NoError(t, err)
	require.False(t, dup.Open)
	_, err = q.DismissDuplicate(d.ctx(), cora, dup.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	d.observe(q, host("scan", "s1", "same", start, nil))
	page, err = q.Duplicates(d.ctx(), cora, storage.Query[cmdb.DuplicateHead]{Where: cmdb.DuplicateByOpen.Is(true)})
	require.NoError(t, err)
	require.Empty(t, page.Items, "what was decided is not asked again")
}

func reindexed(t *testing.T, d *desk) {
	for i := range 3 {
		_, err := d.p.Add(d.ctx(), cora, cmdb.Addition{Class: "host", Name: fmt.Sprint("h", i), State: cmdb.StateBuild})
		require.NoError(t, err)
	}
	p, _ := d.observers()
	sighting := cmdb.Sighting{Observation: host("scan", "", "h1", start, nil), State: cmdb.StateBuild}
	_, err := p.Observe(d.ctx(), cora, sighting)
	require.ErrorIs(t, err, itsm.ErrTransition, "by the rules before nothing was known by its name")
	require.ErrorContains(t, err, "index of configuration items: cannot observe while outdated: the rules of identification changed")
	require.ErrorIs(t, p.Reindex(d.ctx(), ana), itsm.ErrForbidden)
	require.NoError(t, p.Reindex(d.ctx(), cora))
	was, err := p.Observe(d.ctx(), cora, sighting)
	require.NoError(t, err)
	require.Equal(t, reconcile.ActionUpdate, was.Action)
	// A process with other rules writes: what is known is not all by the same rules any more.
	_, err = d.q.Add(d.ctx(), cora, cmdb.Addition{Class: "host", Name: "h9", State: cmdb.StateBuild})
	require.NoError(t, err)
	_, err = p.Observe(d.ctx(), cora, sighting)
	require.ErrorIs(t, err, itsm.ErrTransition)
	require.NoError(t, p.Reindex(d.ctx(), cora))
	_, err = p.Observe(d.ctx(), cora, sighting)
	require.NoError(t, err)
}

// anotherModel has a tenant follow a model of its own before it has any CI, and another one when it has some: what sources tell is
// taken in without a step that people take.
func anotherModel(t *testing.T, d *desk) {
	e, p := d.process(cmdb.Options{Rules: rules()})
	d.e, d.p = e, p
	m := small()
	m.Classes = append(m.Classes, schema.Class{Name: "blade", Parent: "host"})
	d.follow(m)
	sighting := host("scan", "s1", "web1", start, schema.Values{"serial": schema.Text("A1")})
	_, err := p.Import(d.ctx(), cora, "would", list(sighting), cmdb.ImportOptions{State: cmdb.StateBuild, DryRun: true})
	require.NoError(t, err)
	made := d.observe(p, sighting)
	require.Equal(t, reconcile.ActionCreate, made.Action)
	sighting.Key = ""
	require.Equal(t, made.CI, d.observe(p, sighting).CI)
	d.tick()

	for i := range 450 { // more than one unit looks at
		_, err := p.Add(d.ctx(), cora, cmdb.Addition{Class: "host", Name: fmt.Sprint("h", i), State: cmdb.StateBuild})
		require.NoError(t, err)
	}
	m = m.Clone()
	m.Classes = append(m.Classes, schema.Class{Name: "rack", Parent: "item"})
	d.follow(m)
	for range 4 {
		d.tick()
	}
	require.Equal(t, made.CI, d.observe(p, sighting).CI)
	was := d.observe(p, host("scan", "s7", "h7", start, nil))
	require.Equal(t, reconcile.ActionUpdate, was.Action)
}

// list gives rows as they are, each time anew.
func list(rows ...reconcile.Observation) iter.Seq2[reconcile.Observation, error] {
	return func(yield func(reconcile.Observation, error) bool) {
		for _, o := range rows {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// estate are rows of which each of the first half needs one of the second.
func estate(n int) (rows []reconcile.Observation) {
	for i := range n {
		rows = append(rows, app(fmt.Sprint("a", i), "app", fmt.Sprint("h", i)))
	}
	for i := range n {
		rows = append(rows, host("scan", fmt.Sprint("h", i), fmt.Sprint("host", i), start, schema.Values{"serial": schema.Text(fmt.Sprint("S", i))}))
	}
	return rows
}

func importing(t *testing.T, d *desk) {
	p, q := d.observers()
	rows := estate(30)
	o := cmdb.ImportOptions{State: cmdb.StateBuild, Batch: 7}
	dry := o
	dry.DryRun = true
	would, err := p.Import(d.ctx(), cora, "nightly", list(rows...), dry)
	require.NoError(t, err)
	require.Equal(t, cmdb.ImportResult{Rows: 60, Created: 60, Related: 30}, would)
	require.Equal(t, []string{"revision 0"}, d.everything(q), "a dry run writes nothing")
	_, err = p.Import(d.ctx(), ana, "nightly", list(rows...), o)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	did, err := p.Import(d.ctx(), cora, "nightly", list(rows...), o)
	require.NoError(t, err)
	require.Equal(t, would, did)
	before := d.everything(q)

	d.later(60)
	for i := range rows {
		rows[i].At = d.now
	}
	backward := slices.Clone(rows)
	slices.Reverse(backward)
	for _, rows := range [][]reconcile.Observation{rows, backward} {
		did, err = q.Import(d.ctx(), cora, "nightly", list(rows...), o)
		require.NoError(t, err)
		require.Equal(t, cmdb.ImportResult{Rows: 60, Unchanged: 60}, did)
		require.Equal(t, before, d.everything(p), "the same rows once more change nothing")
	}
	down := down(t, q, cora, idOf(t, q, "host3"))
	require.Len(t, down, 2, "what runs on a host fails with it")
}

func idOf(t *testing.T, p *cmdb.Practice, name string) itsm.ID {
	t.Helper()
	page, err := p.List(t.Context(), cora, storage.Query[cmdb.Head]{Where: storage.AllOf(cmdb.ByName.Is(name), cmdb.ByCurrent.Is(true))})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	return page.Items[0].ID
}

func faultyImports(t *testing.T, d *desk) {
	p, q := d.observers()
	rows := append(estate(10), app("lost", "lost", "nowhere"), host("scan", "h99", "h99", start, schema.Values{"ram": schema.Integer(-1), "hat": schema.Text("x")}),
		host("scan", "h98", "", start, nil))
	for i := range rows {
		rows[i].Row = 100 + i
	}
	o := cmdb.ImportOptions{State: cmdb.StateBuild, Batch: 4}
	result, err := p.Import(d.ctx(), cora, "sheet", list(rows...), o)
	require.Contains(t, faults(t, err), "rows[121].attributes.ram")
	require.Contains(t, faults(t, err), "rows[121].attributes.hat")
	require.Contains(t, faults(t, err), "rows[120].class", "what the store finds is told with what the rows have wrong by themselves")
	require.Contains(t, faults(t, err), "rows[122].class")
	require.Equal(t, []int{3, 3, 0}, []int{result.FaultyRows, result.Refused, result.Created})
	var told []int
	for _, row := range result.Faulty {
		told = append(told, row.Row)
	}
	require.Equal(t, []int{120, 121, 122}, told)
	require.Equal(t, []string{"revision 0"}, d.everything(q))
	rows[21].Attributes = nil
	result, err = p.Import(d.ctx(), cora, "sheet", list(rows...), o)
	require.Contains(t, faults(t, err), "rows[120].class")
	require.Contains(t, faults(t, err), "rows[122].class")
	require.Equal(t, 2, result.FaultyRows)
	require.Equal(t, []string{"revision 0"}, d.everything(q), "nothing is half imported")

	_, err = p.Import(d.ctx(), cora, "many", list(append(estate(3), app("a9", "a9", "h0"), app("a9", "a9", "h1"), app("a9", "a9", "h2"))...), o)
	require.Equal(t, map[string]string{"rows[9].relations[0].source": "would have 3 of runs_on; at most 2 are allowed"}, faults(t, err))
	require.Equal(t, []string{"revision 0"}, d.everything(q), "nor where only all rows together cannot be")

	o.Partial = true
	result, err = p.Import(d.ctx(), cora, "sheet", list(rows...), o)
	require.NoError(t, err)
	require.Equal(t, 21, result.Created)
	require.Equal(t, 2, result.Refused)
	var at []int
	for _, row := range result.Faulty {
		at = append(at, row.Row)
	}
	require.ElementsMatch(t, []int{120, 122}, at)

	// A row that changes a CI which is there, and finds nothing at the other end, would do so however often it is gone through.
	ctx, cancel := context.WithTimeout(d.ctx(), time.Minute)
	defer cancel()
	lone := host("scan", "h1", "h1", start.Add(time.Hour), schema.Values{"ram": schema.Integer(96)},
		reconcile.ObservedRelation{Type: "near", Other: reconcile.Pointer{Key: "nobody"}})
	before := d.everything(q)
	_, err = p.Import(ctx, cora, "lone", list(lone), cmdb.ImportOptions{State: cmdb.StateBuild})
	require.Contains(t, faults(t, err), "rows[1].relations[0].other")
	require.Equal(t, before, d.everything(q))

	_, err = p.Import(d.ctx(), cora, "", nil, cmdb.ImportOptions{Batch: -1})
	require.Equal(t, 3, len(faults(t, err)))
	n := 0
	_, err = p.Import(d.ctx(), cora, "once", func(yield func(reconcile.Observation, error) bool) {
		if n++; n == 1 {
			yield(rows[0], nil)
		}
	}, o)
	require.ErrorContains(t, err, "the same each time")
	_, err = p.Import(d.ctx(), cora, "broken", func(yield func(reconcile.Observation, error) bool) {
		yield(reconcile.Observation{}, context.DeadlineExceeded)
	}, o)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func killedImports(t *testing.T, d *desk) {
	p, q := d.observers()
	rows := estate(40)
	for stop := 1; ; stop++ {
		ctx, cancel := context.WithCancel(d.ctx())
		units := 0
		o := cmdb.ImportOptions{State: cmdb.StateBuild, Batch: 9, Progress: func(now cmdb.ImportProgress) {
			if now.Phase == cmdb.PhaseWrite {
				if units++; units == 3 {
					cancel()
				}
			}
		}}
		result, err := p.Import(ctx, cora, "night", list(rows...), o)
		cancel()
		if stop > 1 {
			require.Positive(t, result.Resumed+units, "it goes on")
		}
		if err == nil {
			require.Greater(t, stop, 2)
			break
		}
		require.ErrorIs(t, err, context.Canceled)
		require.Less(t, stop, 40)
		p, q = q, p
	}
	page, err := q.CountBy(d.ctx(), cora, storage.Filter[cmdb.Head]{})
	require.NoError(t, err)
	require.Equal(t, int64(80), page[0].Count)
	for i := range 40 {
		rels, err := q.Relations(d.ctx(), cora, idOf(t, q, fmt.Sprint("host", i)), storage.Query[cmdb.RelationHead]{})
		require.NoError(t, err)
		require.Len(t, rels.Items, 1)
	}
}

// disagreeing has rows of one source say otherwise of the same CI: the first counts, in each import alike, and the others are faulty.
func disagreeing(t *testing.T, d *desk) {
	p, q := d.observers()
	o := cmdb.ImportOptions{State: cmdb.StateBuild}
	ram := func(n int64) schema.Values {
		return schema.Values{"serial": schema.Text("A1"), "ram": schema.Integer(n)}
	}
	rows := []reconcile.Observation{host("scan", "", "web1", start, ram(4)), host("scan", "", "web2", start, schema.Values{"serial": schema.Text("A2")}),
		host("scan", "", "web1", start, ram(8)), host("scan", "", "web1", start, schema.Values{"serial": schema.Text("a1"), "version": schema.Text("2")})}
	_, err := p.Import(d.ctx(), cora, "twice", list(rows...), o)
	require.Equal(t, map[string]string{"rows[3].attributes.ram": "is another than in row 1, which is of the same CI",
		"rows[4].attributes.serial": "is another than in row 1, which is of the same CI"}, faults(t, err), "the serial is written as it stands there")
	require.Equal(t, []string{"revision 0"}, d.everything(q))
	rows[3].Attributes["serial"] = schema.Text("A1")

	o.Partial = true
	result, err := p.Import(d.ctx(), cora, "twice", list(rows...), o)
	require.NoError(t, err)
	require.Equal(t, []int{2, 1, 1, 1}, []int{result.Created, result.Updated, result.Refused, result.FaultyRows})
	ci, err := q.Get(d.ctx(), cora, idOf(t, q, "web1"))
	require.NoError(t, err)
	require.Equal(t, schema.Integer(4), ci.Attributes["ram"])
	require.Equal(t, schema.Text("2"), ci.Attributes["version"], "what they do not disagree on is taken of each")
	before := d.everything(q)
	for _, p := range []*cmdb.Practice{q, p} {
		d.later(60)
		for i := range rows {
			rows[i].At = d.now
		}
		result, err = p.Import(d.ctx(), cora, "twice", list(rows...), o)
		require.NoError(t, err)
		require.Equal(t, 1, result.FaultyRows)
		require.Equal(t, before, d.everything(p), "the same rows once more change nothing")
	}

	// One that was stopped between the two.
	rows = []reconcile.Observation{host("scan", "", "db1", d.now, schema.Values{"serial": schema.Text("B1"), "ram": schema.Integer(4)}),
		host("scan", "", "db1", d.now, schema.Values{"serial": schema.Text("B1"), "ram": schema.Integer(8)})}
	ctx, cancel := context.WithCancel(d.ctx())
	stopped := o
	stopped.Batch, stopped.Progress = 1, func(now cmdb.ImportProgress) {
		if now.Phase == cmdb.PhaseWrite {
			cancel()
		}
	}
	_, err = p.Import(ctx, cora, "stopped", list(rows...), stopped)
	require.ErrorIs(t, err, context.Canceled)
	result, err = q.Import(d.ctx(), cora, "stopped", list(rows...), o)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 1}, []int{result.Resumed, result.Refused, result.FaultyRows})
	ci, err = q.Get(d.ctx(), cora, idOf(t, q, "db1"))
	require.NoError(t, err)
	require.Equal(t, schema.Integer(4), ci.Attributes["ram"])

	// The first has to wait for what comes later, and counts all the same.
	on := func(serial string, host reconcile.Pointer) reconcile.Observation {
		a := app("", "crm", "")
		a.Attributes["serial"], a.Relations[0].Other, a.At = schema.Text(serial), host, d.now
		return a
	}
	rows = []reconcile.Observation{host("scan", "", "mail1", d.now, nil), on("first", reconcile.Pointer{Class: "host", Key: "m1"}),
		on("second", reconcile.Pointer{Class: "host", Name: "mail1"}), host("scan", "m1", "mail1", d.now, nil)}
	for range 3 {
		result, err = p.Import(d.ctx(), cora, "waits", list(rows...), o)
		require.NoError(t, err)
		require.Equal(t, 1, result.FaultyRows)
		require.Equal(t, 3, result.Faulty[0].Row)
		ci, err = q.Get(d.ctx(), cora, idOf(t, q, "crm"))
		require.NoError(t, err)
		require.Equal(t, schema.Text("first"), ci.Attributes["serial"])
		d.later(1)
		for i := range rows {
			rows[i].At = d.now
		}
	}

	// Of several sources the rules say whose word counts; where none does, two that looked at the same instant take nothing from each other.
	rows = []reconcile.Observation{host("scan", "x", "news1", d.now, ram(1)), host("sheet", "y", "news1", d.now, ram(2))}
	rows[0].Attributes["serial"], rows[1].Attributes["serial"] = schema.Text("N1"), schema.Text("N1")
	_, bare := d.process(cmdb.Options{Rules: &reconcile.Rules{Identification: rules().Identification}})
	before = nil
	for range 3 {
		_, err = bare.Import(d.ctx(), cora, "sources", list(rows...), cmdb.ImportOptions{State: cmdb.StateBuild})
		require.NoError(t, err)
		if now := d.everything(q); before != nil {
			require.Equal(t, before, now)
		} else {
			before = now
		}
		d.later(1)
		for i := range rows {
			rows[i].At = d.now
		}
	}
}

// Two sources that write a serial number in other case do not take it from each other, whatever the rules; the one that holds it may.
func caseAlone(t *testing.T, d *desk) {
	for i, authority := range [][]reconcile.Authority{nil, rules().Authority, {{Class: "item", Choose: reconcile.ChooseLatest}}} {
		_, p := d.process(cmdb.Options{Rules: &reconcile.Rules{Identification: rules().Identification, Authority: authority}})
		id := d.observe(p, host("sheet", "", fmt.Sprint("web", i), d.now, schema.Values{"serial": schema.Text(fmt.Sprint("sn-", i))})).CI
		say := func(source, serial string) cmdb.Observed {
			d.later(60)
			was := d.observe(p, host(source, "", "", d.now, schema.Values{"serial": schema.Text(fmt.Sprint(serial, i))}))
			require.Equal(t, id, was.CI)
			return was
		}
		for range 3 {
			require.False(t, say("scan", "SN-").Changed)
			require.False(t, say("sheet", "sn-").Changed)
		}
		ci, err := p.Get(d.ctx(), cora, id)
		require.NoError(t, err)
		require.Equal(t, schema.Text(fmt.Sprint("sn-", i)), ci.Attributes["serial"])
		require.Empty(t, ci.Observations)
		require.True(t, say("sheet", "Sn-").Changed, "who holds it may write it otherwise")
	}
}
