package reconcile_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A spreadsheet tells of a server that discovery has told of before.
func Example() {
	model := must(schema.Shipped().Compile())
	rules := reconcile.Shipped()
	rules.Authority = []reconcile.Authority{
		{Class: schema.ClassHost, Attributes: []string{"memory"}, Sources: []string{"discovery", "sheet"}},
	}
	compiled := must(rules.Compile(model))
	reader := must(compiled.Reader(reconcile.Mapping{
		Source: "sheet", Class: schema.ClassHost,
		Columns: []reconcile.Column{
			{Column: "Server", Attribute: reconcile.Name},
			{Column: "Serial", Attribute: "serial_number"},
			{Column: "RAM (MiB)", Attribute: "memory"},
			{Column: "OS", Attribute: "operating_system"},
		},
	}))

	// What the CMDB holds; a host asks its store.
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	attributes := schema.Values{"serial_number": schema.Text("5XK1"), "memory": schema.Integer(65536)}
	held := map[string]reconcile.Held{"memory": {Value: attributes["memory"], Source: "discovery", At: now.AddDate(0, 0, -3)}}
	find := func(q reconcile.Query) (found []reconcile.Found, err error) {
		if q.Key == "" && q.Related == nil && compiled.Matches(q, schema.ClassHost, "web1", attributes) {
			found = append(found, reconcile.Found{ID: "ci-1", Class: schema.ClassHost})
		}
		return found, nil
	}

	sheet := "Server,Serial,RAM (MiB),OS\nWEB1,5xk1,32768,Debian 12\nweb2,n/a,plenty,\n"
	for observed, err := range reader.CSV(strings.NewReader(sheet), now) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		id := must(compiled.Identify(observed, find))
		fmt.Println(id.Action, id.ID, "-", id.Reason)
		for _, a := range compiled.Reconcile(id.Class, held, observed, now).Attributes {
			fmt.Println(a.Attribute, a.Result, "-", a.Reason)
		}
	}
	// Output:
	// update ci-1 - found by rule 1 of device
	// memory refused - discovery holds it and comes before sheet (the rule of host for memory: discovery before sheet)
	// name written - nothing was held
	// operating_system written - nothing was held
	// serial_number written - nothing was held
	// row 2 (line 3): invalid: RAM (MiB) must be a whole number of at most 64 bits, as 42
}
