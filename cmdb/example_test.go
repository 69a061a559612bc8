package cmdb_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage/memory"
)

var (
	cora = itsm.Actor{Tenant: "acme", ID: "cora", Roles: []itsm.RoleName{itsm.RoleConfigurationManager}}
	ana  = itsm.Actor{Tenant: "acme", ID: "ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
)

// open gives a practice over a store in memory, with a shop that runs on two hosts of which one suffices.
func open(clock itsm.Clock) *cmdb.Practice {
	ctx := context.Background()
	e, err := engine.New(memory.New(), engine.Options{Clock: clock, IDs: itsm.SequentialIDs("")})
	if err != nil {
		panic(err)
	}
	p, err := cmdb.New(e, cmdb.Options{})
	if err != nil {
		panic(err)
	}
	for _, ci := range []cmdb.Addition{
		{ID: "shop", Class: "application", Name: "Web shop", State: cmdb.StateLive},
		{ID: "web1", Class: "host", Name: "web1.example", State: cmdb.StateLive},
		{ID: "web2", Class: "host", Name: "web2.example", State: cmdb.StateLive},
	} {
		if _, err := p.Add(ctx, cora, ci); err != nil {
			panic(err)
		}
	}
	if _, err := p.PutGroup(ctx, cora, cmdb.GroupDefinition{Owner: "shop", Type: "runs_on",
		Members: []cmdb.Member{{CI: "web1"}, {CI: "web2"}}, Need: impact.AtLeast(1)}); err != nil {
		panic(err)
	}
	return p
}

func Example() {
	ctx := context.Background()
	p := open(nil)
	for _, failed := range [][]itsm.ID{{"web1"}, {"web1", "web2"}} {
		answer, err := p.Impact(ctx, ana, cmdb.Failures(failed...), cmdb.Question{})
		if err != nil {
			fmt.Println(err)
			return
		}
		state, _ := answer.State("shop")
		fmt.Println(failed, "leave the shop", state)
	}
	// Output:
	// [web1] leave the shop at-risk
	// [web1 web2] leave the shop down
}

func ExamplePractice_Relate() {
	p := open(nil)
	_, err := p.Relate(context.Background(), cora, cmdb.NewRelation{Type: "runs_on", Source: "shop", Target: "web1"})
	fmt.Println(err)
	// Output:
	// ci_relation: invalid: type holds between them in the redundancy group "", which a relation beside it would defeat
}

func ExamplePractice_Compare() {
	ctx := context.Background()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	p := open(func() time.Time { return now })
	before, err := p.TakeBaseline(ctx, cora, cmdb.NewBaseline{Name: "before the audit"})
	if err != nil {
		fmt.Println(err)
		return
	}
	now = now.Add(time.Hour)
	_, err = p.Update(ctx, cora, "web1", cmdb.Update{Attributes: schema.Values{"serial_number": schema.Text("SN-1")}, Source: "scan"})
	if err == nil {
		_, err = p.PutGroup(ctx, cora, cmdb.GroupDefinition{Owner: "shop", Type: "runs_on",
			Members: []cmdb.Member{{CI: "web1"}, {CI: "web2"}}, Need: impact.AtLeast(2)})
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	drift, err := p.Compare(ctx, ana, cmdb.Comparison{From: before.At, Services: []itsm.ID{"shop"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, ci := range drift.CIs {
		fmt.Println(ci.Name, ci.Attributes[0].Name, "is", ci.Attributes[0].Now)
	}
	fmt.Println("needs", drift.Groups[0].Was.Need.Count, "then", drift.Groups[0].Now.Need.Count)
	fmt.Println("single points of failure gained:", drift.Services[0].PointsGained)
	// Output:
	// web1.example serial_number is SN-1
	// needs 1 then 2
	// single points of failure gained: [web1 web2]
}

func ExamplePractice_Import() {
	ctx := context.Background()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	p := open(func() time.Time { return now })
	model, err := p.Model(ctx, cora)
	if err != nil {
		fmt.Println(err)
		return
	}
	rules, err := reconcile.Shipped().Compile(model)
	if err != nil {
		fmt.Println(err)
		return
	}
	reader, err := rules.Reader(reconcile.Mapping{Source: "sheet", Class: "host", Columns: []reconcile.Column{
		{Column: "hostname", Attribute: "name"}, {Column: "serial", Attribute: "serial_number"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	const file = "hostname,serial\nweb1.example,A1\nweb3.example,A3\n"
	// The file is opened anew each time that it is gone through.
	rows := func(yield func(reconcile.Observation, error) bool) { reader.CSV(strings.NewReader(file), now)(yield) }
	for range 2 {
		result, err := p.Import(ctx, cora, "hosts", rows, cmdb.ImportOptions{})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("created %d, updated %d, unchanged %d\n", result.Created, result.Updated, result.Unchanged)
	}
	// Output:
	// created 1, updated 1, unchanged 0
	// created 0, updated 0, unchanged 2
}

func ExamplePractice_Merge() {
	ctx := context.Background()
	p := open(nil)
	would, err := p.Merge(ctx, cora, cmdb.Merger{Keep: "web1", Other: "web2", DryRun: true})
	fmt.Println(len(would.Groups), "group,", err)
	twin, err := p.Add(ctx, cora, cmdb.Addition{Class: "host", Name: "WEB1.example", State: cmdb.StateLive})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := p.Merge(ctx, cora, cmdb.Merger{Keep: "web1", Other: twin.ID}); err != nil {
		fmt.Println(err)
		return
	}
	was, err := p.Get(ctx, ana, twin.ID)
	fmt.Println(was.State, "in favour of", was.MergedInto, err)
	// Output:
	// 1 group, <nil>
	// retired in favour of web1 <nil>
}
