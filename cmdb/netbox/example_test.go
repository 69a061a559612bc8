package netbox_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/netbox"
	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
)

func ExampleRead() {
	model, err := schema.Shipped().Compile()
	if err != nil {
		panic(err)
	}
	rules, err := reconcile.Shipped().Compile(model)
	if err != nil {
		panic(err)
	}
	dump := `[
		{"model": "virtualization.virtualmachine", "pk": 7, "fields": {"name": "vm7", "cluster": 2, "memory": 2048}},
		{"model": "virtualization.cluster", "pk": 2, "fields": {"name": "prod"}}
	]`
	for o, err := range netbox.Read(strings.NewReader(dump), rules, netbox.Options{}, time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(o.Key, o.Class, o.Name)
		for _, r := range o.Relations {
			fmt.Println(" ", r.Type, r.Other.Key)
		}
	}
	// Output:
	// virtualization.cluster/2 cluster prod
	// virtualization.virtualmachine/7 virtual_machine vm7
	//   runs_on virtualization.cluster/2
}
