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
	"github.com/itsmkit/itsmkit/storage"
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

// What an incident impacts is computed from the CIs that it concerns, and people have the last word.
func ExamplePractice_CorrectImpact() {
	ctx := context.Background()
	p := open(nil)
	outage := itsm.Ref{Kind: "incident", ID: "INC-7"}
	if _, err := p.Concern(ctx, ana, outage, cmdb.Concern{CIs: []cmdb.NamedCI{{CI: "web1"}, {CI: "web2"}}}); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := p.CorrectImpact(ctx, ana, outage, cmdb.ImpactCorrection{CI: "shop", Origin: cmdb.OriginExcluded,
		Command: itsm.Command{Reason: "it answers from the cache"}}); err != nil {
		fmt.Println(err)
		return
	}
	page, err := p.Impacted(ctx, ana, outage, storage.Query[cmdb.ImpactedHead]{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, i := range page.Items {
		fmt.Println(i.Item.Name, i.Severity, i.Origin)
	}
	// Unordered output:
	// web1.example down computed
	// web2.example down computed
	// Web shop down excluded
}

// A dynamic group is a filter that has a name; its members are those that meet it when it is read.
func ExamplePractice_PutDynamicGroup() {
	ctx := context.Background()
	p := open(nil)
	web, err := p.PutDynamicGroup(ctx, cora, cmdb.DynamicGroupDefinition{Name: "Web servers",
		Selection: cmdb.Selection{Classes: []string{"device"}, NamePrefix: "web"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := p.Add(ctx, cora, cmdb.Addition{Class: "host", Name: "web3.example"}); err != nil {
		fmt.Println(err)
		return
	}
	members, err := p.DynamicMembers(ctx, ana, web.ID, cmdb.Page{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, ci := range members.Items {
		fmt.Println(ci.Name)
	}
	// Output:
	// web1.example
	// web2.example
	// web3.example
}

// Health counts what is wrong, and each number has its list.
func ExamplePractice_Health() {
	ctx := context.Background()
	p := open(nil)
	if _, err := p.Add(ctx, cora, cmdb.Addition{ID: "lab", Class: "host", Name: "lab.example"}); err != nil {
		fmt.Println(err)
		return
	}
	rules := cmdb.HealthRules{Audits: []cmdb.Audit{{Name: "hosts have a serial number", Selection: cmdb.Selection{Classes: []string{"host"}},
		Expected: []cmdb.Condition{{Attribute: "serial_number", Operator: cmdb.OperatorPresent}}}}}
	report, err := p.Health(ctx, ana, rules)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Unhealthy, "of", report.CIs, "unhealthy,", report.Orphans, "orphan,", report.NonCompliant, "not compliant")
	page, err := p.CIHealth(ctx, ana, rules, cmdb.Page{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, one := range page.Items {
		fmt.Println(one.Head.Name, one.Orphan, one.Failed)
	}
	// Output:
	// 3 of 4 unhealthy, 1 orphan, 3 not compliant
	// lab.example true [{hosts have a serial number [serial_number]}]
	// web1.example false [{hosts have a serial number [serial_number]}]
	// web2.example false [{hosts have a serial number [serial_number]}]
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
