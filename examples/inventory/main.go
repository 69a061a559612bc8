// Command inventory is a CMDB of a few CIs: two sources, a redundancy group, a question, and what an
// incident impacts: go run ./examples/inventory
package main

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlite"
)

const scan = "id,type,name,serial,memory\n1,host,web1,SN-1,32\n2,host,web2,SN-2,32\n"
const sheet = "name,type,serial,memory\nSN-1 in the cellar,host,sn-1,16\nShop,service,,\n"

func main() {
	ctx := context.Background()
	now := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	store := must(sqlite.Open(ctx, sqlite.Memory, sqlite.Options{})) // or a file: "desk.db"
	defer store.Close()

	rules := reconcile.Shipped() // by what CIs are known, and now whose word counts; people are the source "manual"
	rules.Authority = []reconcile.Authority{{Class: schema.ClassConfigurationItem, Sources: []string{cmdb.SourceManual, "scan", "sheet"}}}
	desk := must(servicedesk.New(store, servicedesk.Config{
		Engine: engine.Options{Clock: func() time.Time { return now }}, Configuration: cmdb.Options{Rules: &rules},
	}))
	must(0, desk.Migrate(ctx))
	carl := itsm.Actor{Tenant: "acme", ID: "carl", Roles: []itsm.RoleName{itsm.RoleConfigurationManager}}
	ada := itsm.Actor{Tenant: "acme", ID: "ada", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}

	// Two sources tell of the same hosts, by the serial number; the scan's word counts first.
	compiled := must(rules.Compile(must(schema.Shipped().Compile())))
	load := func(source, key, text string) {
		reader := must(compiled.Reader(reconcile.Mapping{Source: source, Key: key, ClassColumn: "type", Columns: []reconcile.Column{
			{Column: "name", Attribute: reconcile.Name}, {Column: "serial", Attribute: "serial_number"}, {Column: "memory", Attribute: "memory"}}}))
		var rows iter.Seq2[reconcile.Observation, error] = func(yield func(reconcile.Observation, error) bool) {
			reader.CSV(strings.NewReader(text), now)(yield) // an import goes through its rows again: open the file here
		}
		did := must(desk.Configuration.Import(ctx, carl, source, rows, cmdb.ImportOptions{}))
		fmt.Printf("%s: %d created, %d updated, %d unchanged\n", source, did.Created, did.Updated, did.Unchanged)
	}
	load("scan", "id", scan)
	load("sheet", "", sheet)

	// The shop needs one of its two hosts. Answers and proofs are about ids; lists tell what they are called.
	name, id, names := map[itsm.ID]string{}, map[string]itsm.ID{}, []string{}
	for ci, err := range desk.Configuration.All(ctx, carl, storage.Query[cmdb.Head]{}) {
		must(0, err)
		name[ci.ID], id[ci.Name], names = ci.Name, ci.ID, append(names, string(ci.ID), ci.Name)
	}
	must(desk.Configuration.PutGroup(ctx, carl, cmdb.GroupDefinition{Owner: id["Shop"], Type: schema.RelationDependsOn, Name: "hosts",
		Members: []cmdb.Member{{CI: id["web1"]}, {CI: id["web2"]}}, Need: impact.AtLeast(1)}))
	for _, failed := range [][]itsm.ID{{id["web1"]}, {id["web1"], id["web2"]}} {
		answer := must(desk.Configuration.Impact(ctx, carl, cmdb.Failures(failed...), cmdb.Question{}))
		fmt.Printf("%d failed: the shop is %s\n", len(failed), must(answer.State(id["Shop"])))
		if len(failed) == 2 {
			fmt.Print(strings.NewReplacer(names...).Replace(must(answer.Explain(id["Shop"])).String()))
		}
	}

	// An incident that affects a host impacts the shop, as soon as what is due is done.
	inc := must(desk.Incidents.Log(ctx, ada, incident.Report{Title: "web1 is silent", Requester: "rosa"}))
	must(desk.Incidents.Link(ctx, ada, inc.ID, incident.Relation{Type: itsm.LinkAffects, To: itsm.Ref{Kind: cmdb.Kind, ID: id["web1"]}}))
	must(desk.Tick(ctx, now)) // a server calls desk.Run
	for _, hit := range must(desk.Configuration.Impacted(ctx, ada, inc.Ref(), storage.Query[cmdb.ImpactedHead]{})).Items {
		fmt.Printf("%s impacts %s\n", inc.Number, name[hit.CI])
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
