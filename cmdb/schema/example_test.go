package schema_test

import (
	"encoding/json"
	"fmt"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/schema"
)

// A host adds a class and what it depends on to the shipped model. Left without the relation, the lint would say so.
func Example() {
	model := schema.Shipped()
	model.Classes = append(model.Classes, schema.Class{
		Name: "robot", Parent: schema.ClassInfrastructure, Description: "A robot of the assembly line.",
		Attributes: []schema.Attribute{
			{Name: "axes", Type: schema.TypeInteger, Required: true, Minimum: schema.Integer(1), Maximum: schema.Integer(12)},
			{Name: "cell", Type: schema.TypeText, Pattern: `[A-Z]\d+`},
		},
	})
	model.Relations = append(model.Relations, schema.RelationType{
		Name: "steered_by", Inverse: "steers", Flow: impact.ToSource, Propagation: impact.Full,
		Pairs: []schema.Pair{{Source: "robot", Target: schema.ClassSoftware}},
	})

	compiled, err := model.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(compiled.Line("robot"))
	fmt.Println(compiled.Allows("steered_by", "robot", "application"), compiled.Allows("steered_by", "robot", "rack"))
	fmt.Println(len(compiled.Lint()), "findings")

	fmt.Println(compiled.Check("robot", schema.Values{"axes": schema.Integer(13), "cell": schema.Text("left"), "arms": schema.Integer(2)}))
	// Output:
	// [robot infrastructure configuration_item]
	// true false
	// 0 findings
	// configuration item: invalid: attributes.axes must be at most 12; attributes.cell must match [A-Z]\d+; attributes.arms is no attribute of robot
}

// A model is JSON, which a host keeps in a file of its own.
func ExampleParse() {
	model, err := schema.Parse([]byte(`{
		"classes": [
			{"name": "shop", "impact": "end"},
			{"name": "till", "attributes": [{"name": "serial", "type": "text", "required": true}]}
		],
		"relations": [
			{"name": "sells_by", "inverse": "serves", "flow": "to-source", "propagation": "soften",
			 "pairs": [{"source": "shop", "target": "tills"}]}
		]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = model.Compile()
	fmt.Println(err)
	// Output:
	// model: invalid: relations[0].pairs[0].target is "tills", which is no class
}

// Two sources write the same in different ways. What they mean is one.
func ExampleCompiled_Canonical() {
	compiled, err := schema.Shipped().Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, said := range []string{
		`{"addresses": ["2001:DB8:0::1", "192.0.2.7"], "memory": 65536, "warranty_until": "2027-03-31"}`,
		`{"addresses": ["192.0.2.7", "2001:db8::1"], "memory": "65536", "warranty_until": "2027-03-31", "model": null}`,
	} {
		var values schema.Values
		if err := json.Unmarshal([]byte(said), &values); err != nil {
			fmt.Println(err)
			return
		}
		values, err := compiled.Canonical("host", values)
		if err != nil {
			fmt.Println(err)
			return
		}
		out, _ := json.Marshal(values)
		fmt.Println(string(out))
	}
	// Output:
	// {"addresses":["192.0.2.7","2001:db8::1"],"memory":65536,"warranty_until":"2027-03-31"}
	// {"addresses":["192.0.2.7","2001:db8::1"],"memory":65536,"warranty_until":"2027-03-31"}
}

// Someone takes racks out of all relations. Nothing would fail with a rack any more, and the lint says so.
func ExampleCompiled_Lint() {
	model := schema.Shipped()
	for i := range model.Relations {
		var pairs []schema.Pair
		for _, p := range model.Relations[i].Pairs {
			if p.Source != schema.ClassRack && p.Target != schema.ClassRack {
				pairs = append(pairs, p)
			}
		}
		model.Relations[i].Pairs = pairs
	}
	compiled, err := model.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, finding := range compiled.Lint() {
		fmt.Println(finding)
	}
	// Output:
	// rack is reached by no impact: no relation that passes any allows it; add a pair, or declare it outside
}
