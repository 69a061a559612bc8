package schema_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/storage"
)

func compile(t require.TestingT, m schema.Model) *schema.Compiled {
	c, err := m.Compile()
	require.NoError(t, err)
	return c
}

func faults(t require.TestingT, err error) []string {
	var invalid *storage.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.ErrorIs(t, err, storage.ErrInvalid)
	all := make([]string, len(invalid.Faults))
	for i, f := range invalid.Faults {
		all[i] = f.Field + " " + f.Problem
	}
	return all
}

func TestM1ClassesInheritAttributes(t *testing.T) {
	c := compile(t, schema.Shipped())
	require.Equal(t, []string{"host", "device", "infrastructure", "configuration_item"}, c.Line("host"))
	require.Equal(t, []string{"device", "host", "network_device", "storage", "power"}, c.Below("device"))
	require.True(t, c.Is("host", "configuration_item"))
	require.True(t, c.Is("host", "host"))
	require.False(t, c.Is("device", "host"))
	require.False(t, c.Is("virtual_machine", "device"))
	require.False(t, c.Is("robot", "robot"))
	require.Nil(t, c.Line("robot"))
	require.Nil(t, c.Below("robot"))
	require.Nil(t, c.Attributes("robot"))

	var names []string
	for _, a := range c.Attributes("rack") {
		names = append(names, a.Name)
	}
	require.Equal(t, []string{"description", "tags", "serial_number", "asset_tag", "height"}, names)
	a, ok := c.Attribute("host", "addresses")
	require.True(t, ok)
	require.Equal(t, "IP addresses", a.Label)
	a, ok = c.Attribute("host", "serial_number")
	require.True(t, ok)
	require.Equal(t, "Serial number", a.Label)
	_, ok = c.Attribute("virtual_machine", "serial_number")
	require.False(t, ok)
	class, ok := c.Class("virtual_machine")
	require.True(t, ok)
	require.Equal(t, "Virtual machine", class.Label)
	require.Equal(t, schema.PartThrough, class.Impact)
	_, ok = c.Class("robot")
	require.False(t, ok)
}

func TestM2RelationsAreTypedWithInverseNamesAndAllowedPairs(t *testing.T) {
	c := compile(t, schema.Shipped())
	require.True(t, c.Allows("runs_on", "database", "virtual_machine"))
	require.False(t, c.Allows("runs_on", "virtual_machine", "database"))
	require.True(t, c.Allows("powered_by", "host", "power"))
	require.False(t, c.Allows("powered_by", "virtual_machine", "power"))
	require.False(t, c.Allows("runs", "host", "database"), "an inverse name is no name of a type")
	require.False(t, c.Allows("runs_on", "robot", "host"))
	require.False(t, c.Allows("runs_on", "database", "robot"))

	r, inverse, ok := c.Read("runs")
	require.True(t, ok && inverse)
	require.Equal(t, "runs_on", r.Name)
	r, inverse, ok = c.Read("runs_on")
	require.True(t, ok && !inverse)
	require.Equal(t, impact.ToSource, r.Flow)
	r, inverse, ok = c.Read("connected_to")
	require.True(t, ok && !inverse)
	require.True(t, r.Symmetric())
	_, _, ok = c.Read("walks_on")
	require.False(t, ok)
	r, ok = c.Relation("contained_in")
	require.True(t, ok)
	require.Equal(t, 1, r.MaximumTargets)
	_, ok = c.Relation("contains")
	require.False(t, ok)
}

func TestASymmetricRelationIsAllowedEitherWayRound(t *testing.T) {
	c := compile(t, schema.Model{
		Classes: []schema.Class{{Name: "a"}, {Name: "b"}},
		Relations: []schema.RelationType{
			{Name: "beside", Inverse: "beside", Flow: impact.Both, Propagation: impact.Soften, Pairs: []schema.Pair{{Source: "a", Target: "b"}}},
			{Name: "above", Inverse: "below", Flow: impact.Both, Propagation: impact.Soften, Pairs: []schema.Pair{{Source: "a", Target: "b"}}},
		},
	})
	require.True(t, c.Allows("beside", "a", "b"))
	require.True(t, c.Allows("beside", "b", "a"))
	require.False(t, c.Allows("beside", "a", "a"))
	require.True(t, c.Allows("above", "a", "b"))
	require.False(t, c.Allows("above", "b", "a"))
}

func TestTheTypesOfRelationsAreKindsOfTheEngineOfImpacts(t *testing.T) {
	l, err := impact.NewLoader(compile(t, schema.Shipped()).Kinds())
	require.NoError(t, err)
	for _, id := range []string{"shop", "db", "vm", "host", "pdu", "manual"} {
		l.CI(id)
	}
	for _, r := range []impact.Relation{
		{Source: "shop", Kind: "depends_on", Target: "db"}, {Source: "db", Kind: "runs_on", Target: "vm"},
		{Source: "vm", Kind: "runs_on", Target: "host"}, {Source: "host", Kind: "powered_by", Target: "pdu"},
		{Source: "pdu", Kind: "documented_by", Target: "manual"},
	} {
		l.Relation(r)
	}
	s, err := l.Snapshot(1)
	require.NoError(t, err)
	r, err := s.Impact(impact.Failed("pdu"), impact.Options{})
	require.NoError(t, err)
	state, err := r.State("shop")
	require.NoError(t, err)
	require.Equal(t, impact.Down, state)
	r, err = s.Impact(impact.Failed("manual"), impact.Options{})
	require.NoError(t, err)
	require.Empty(t, r.List())
}

func TestTheShippedModelIsAFreshCopyThatSurvivesJSON(t *testing.T) {
	m := schema.Shipped()
	raw, err := json.Marshal(m)
	require.NoError(t, err)
	again, err := schema.Parse(raw)
	require.NoError(t, err)
	require.Equal(t, m, again)
	require.Equal(t, m, compile(t, m).Model())

	c := compile(t, m)
	m.Classes[1].Name = "other"
	m.Relations[0].Pairs[0].Source = "other"
	m.Classes[0].Attributes[0].Name = "other"
	require.Equal(t, again, schema.Shipped())
	require.Equal(t, again, c.Model())
	a := c.Attributes("storage")
	a[slices.IndexFunc(a, func(a schema.Attribute) bool { return a.Name == "kind" })].Choices[0] = "other"
	require.Equal(t, again, c.Model())
	b, _ := c.Attribute("storage", "kind")
	require.Equal(t, "block", b.Choices[0])
}

func TestJSONThatIsNoModelIsRefused(t *testing.T) {
	for raw, want := range map[string][]string{
		`[]`:                              {"json is not a JSON object"},
		`{"classes": [], "kinds": []}`:    {`json has a field that is not known: "kinds"`},
		`{"classes": [{"nam": "a"}]}`:     {`json has a field that is not known: "nam"`},
		`{"relations": [{"flows": "x"}]}`: {`json has a field that is not known: "flows"`},
		`{"classes": [{"attributes": [{"minimum": {}}]}]}`: {"value must be a text, a number, a boolean or a list of these, and no object"},
		`{"relations": [{"flow": "up"}, {"propagation": "degraded=down,down=ok"}, {"propagation": "some", "flow": "down"}]}`: {
			"relations[0].flow must be to-source, to-target, both or none",
			"relations[1].propagation is not monotone: what is down must do at least what is degraded does",
			"relations[2].flow must be to-source, to-target, both or none",
			"relations[2].propagation must be full, cap, soften, none or degraded=STATE,down=STATE",
		},
	} {
		_, err := schema.Parse([]byte(raw))
		require.Equal(t, want, faults(t, err), raw)
		var m schema.Model
		require.Equal(t, want, faults(t, json.Unmarshal([]byte(raw), &m)), raw)
	}
}

func TestEveryFaultOfAModelIsToldAtOnce(t *testing.T) {
	text := func(name string) schema.Attribute { return schema.Attribute{Name: name, Type: schema.TypeText} }
	m := schema.Model{
		Classes: []schema.Class{
			{Name: "Big", Impact: "much", Label: strings.Repeat("x", 201)},
			{Name: "a", Parent: "c"}, {Name: "b", Parent: "a"}, {Name: "c", Parent: "b"},
			{Name: "leads_in", Parent: "a"},
			{Name: "self", Parent: "self"},
			{Name: "orphan", Parent: "nobody"}, {Name: "of_orphan", Parent: "orphan"},
			{Name: "root", Attributes: []schema.Attribute{text("serial"), text("serial"), text("name"), text("9"),
				{Name: "t", Type: "colour"},
				{Name: "k", Type: schema.TypeChoice},
				{Name: "k2", Type: schema.TypeChoice, Choices: []string{"x", "x", "", " y"}},
				{Name: "p", Type: schema.TypeText, Pattern: "("},
				{Name: "p2", Type: schema.TypeText, Pattern: "a)|(b"},
				{Name: "p3", Type: schema.TypeText, MaximumLength: -1},
				{Name: "m", Type: schema.TypeInteger, Minimum: schema.Text("1"), Maximum: schema.Integer(2)},
				{Name: "m2", Type: schema.TypeDate, Minimum: schema.Date(2026, 2, 1), Maximum: schema.Date(2026, 1, 1)},
				{Name: "m3", Type: schema.TypeBoolean, Minimum: schema.Integer(1), Unit: "W", Pattern: "x", Class: "root", MaximumLength: 1, Choices: []string{"x"}},
				{Name: "r", Type: schema.TypeReference, Class: "nobody"},
			}},
			{Name: "leaf", Parent: "root", Attributes: []schema.Attribute{text("serial")}, RequiredIn: map[string][]string{"live": {"serial", "none"}, "Dead": nil}},
			{Name: "leaf"},
		},
		Relations: []schema.RelationType{
			{Name: "r", Inverse: "s", Flow: impact.ToSource, Propagation: impact.Map(impact.Down, impact.OK), Pairs: []schema.Pair{{Source: "root", Target: "x"}, {Source: "root", Target: "leaf"}, {Source: "root", Target: "leaf"}}},
			{Name: "s", Inverse: "r", MaximumSources: -1, MaximumTargets: -1},
			{Name: "t", Inverse: "t", Flow: impact.ToTarget, Propagation: impact.Full, MaximumSources: 1},
			{Name: "", Inverse: "U", Flow: impact.NoFlow, Propagation: impact.Full},
		},
	}
	_, err := m.Compile()
	require.Equal(t, []string{
		`classes[0].name is "Big"; write lower-case letters, digits and underscores, a letter first, at most 63`,
		"classes[0].label has 201 characters; at most 200 are allowed",
		"classes[0].impact must be one of: through, origin, end, outside",
		`classes[10].name "leaf" is declared twice`,
		"classes[1].parent of a leads back to it: a > c > b > a",
		"classes[5].parent of self leads back to it: self > self",
		`classes[6].parent of orphan is "nobody", which is no class`,
		`classes[8].attributes[1].name "serial" is declared twice`,
		`classes[8].attributes[2].name "name" is reserved: every CI has it beside its attributes`,
		`classes[8].attributes[3].name is "9"; write lower-case letters, digits and underscores, a letter first, at most 63`,
		`classes[8].attributes[4].type is "colour"; allowed are text, integer, decimal, boolean, date, instant, choice, reference, address, network, hardware_address`,
		"classes[8].attributes[5].choices are required for this type: 1 to 1000",
		`classes[8].attributes[6].choices[1] is "x" again`,
		"classes[8].attributes[6].choices[2] is required",
		"classes[8].attributes[6].choices[3] has space around it",
		"classes[8].attributes[7].pattern is no regular expression (RE2): error parsing regexp: missing closing ): `(`",
		"classes[8].attributes[8].pattern is no regular expression (RE2): error parsing regexp: unexpected ): `a)|(b`",
		"classes[8].attributes[9].maximum_length must be 0 to 100000",
		"classes[8].attributes[10].minimum must be a whole number of at most 64 bits",
		"classes[8].attributes[11].minimum is greater than maximum",
		"classes[8].attributes[12].choices has no meaning for the type boolean, only for choice",
		"classes[8].attributes[12].pattern has no meaning for the type boolean, only for text",
		"classes[8].attributes[12].minimum has no meaning for the type boolean, only for integer, decimal, date, instant",
		"classes[8].attributes[12].maximum_length has no meaning for the type boolean, only for text",
		"classes[8].attributes[12].class has no meaning for the type boolean, only for reference",
		"classes[8].attributes[12].unit has no meaning for the type boolean, only for integer, decimal",
		`classes[8].attributes[13].class is "nobody", which is no class`,
		`classes[9].attributes[0].name "serial" is declared by root already, from which leaf inherits it`,
		`classes[9].required_in is "Dead"; write lower-case letters, digits and underscores, a letter first, at most 63`,
		`classes[9].required_in.live[1] is "none", which is no attribute of leaf`,
		"relations[0].propagation is not monotone: what is down must do at least what is degraded does",
		`relations[0].pairs[0].target is "x", which is no class`,
		"relations[0].pairs[2] is root to leaf again",
		`relations[1].name "s" is the inverse of relations[0] already`,
		`relations[1].inverse "r" is the name of relations[0] already`,
		"relations[1].flow is required: to-source, to-target, both or none",
		"relations[1].propagation is required: full, cap, soften, none or a map",
		"relations[1].maximum_targets must not be negative; 0 is any number",
		"relations[1].maximum_sources must not be negative; 0 is any number",
		"relations[2].flow must be both or none for a relation that reads the same both ways",
		"relations[2].maximum_sources must be the same as maximum_targets for a relation that reads the same both ways",
		`relations[3].name is ""; write lower-case letters, digits and underscores, a letter first, at most 63`,
		`relations[3].inverse is "U"; write lower-case letters, digits and underscores, a letter first, at most 63`,
		"relations[3].propagation must be none where nothing flows",
	}, faults(t, err))
}

func TestAModelBeyondItsBoundsIsRefused(t *testing.T) {
	many := func(n int) (all []schema.Class) {
		for i := range n {
			all = append(all, schema.Class{Name: fmt.Sprintf("c%d", i)})
		}
		return all
	}
	chain := many(schema.MaxDepth + 1)
	for i := range chain[1:] {
		chain[i+1].Parent = chain[i].Name
	}
	wide := many(2)
	wide[1].Parent = "c0"
	for i := range schema.MaxAttributes {
		wide[0].Attributes = append(wide[0].Attributes, schema.Attribute{Name: fmt.Sprintf("a%d", i), Type: schema.TypeText})
	}
	wide[1].Attributes = []schema.Attribute{{Name: "b", Type: schema.TypeText}}
	relations := make([]schema.RelationType, impact.MaxKinds+1)
	for want, m := range map[string]schema.Model{
		"classes are 1001; at most 1000 are allowed":                                  {Classes: many(schema.MaxClasses + 1)},
		"relations are 256; at most 255 are allowed":                                  {Relations: relations},
		"classes[16].parent of c16 gives it a line of more than 16 classes":           {Classes: chain},
		"classes[1].attributes are 501 with those inherited; at most 500 are allowed": {Classes: wide},
	} {
		_, err := m.Compile()
		require.Equal(t, []string{want}, faults(t, err))
	}
	compile(t, schema.Model{Classes: chain[:schema.MaxDepth]})
	compile(t, schema.Model{})
}

// anyModel gives a model that compiles: classes in any order, each below one that has a lower number.
func anyModel(t *rapid.T) schema.Model {
	n := rapid.IntRange(1, 12).Draw(t, "classes")
	var m schema.Model
	for i := range n {
		c := schema.Class{Name: fmt.Sprintf("c%d", i), Abstract: rapid.Bool().Draw(t, "abstract")}
		if i > 0 {
			if p := rapid.IntRange(-1, i-1).Draw(t, "parent"); p >= 0 {
				c.Parent = fmt.Sprintf("c%d", p)
			}
		}
		m.Classes = append(m.Classes, c)
	}
	class := rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("c%d", rapid.IntRange(0, n-1).Draw(t, "class")) })
	for i := range rapid.IntRange(0, 4).Draw(t, "relations") {
		r := schema.RelationType{Name: fmt.Sprintf("r%d", i), Inverse: fmt.Sprintf("i%d", i),
			Flow:        rapid.SampledFrom([]impact.Flow{impact.ToSource, impact.ToTarget, impact.Both, impact.NoFlow}).Draw(t, "flow"),
			Propagation: rapid.SampledFrom([]impact.Propagation{impact.Full, impact.Cap, impact.Soften, impact.None}).Draw(t, "propagation")}
		if r.Flow == impact.NoFlow {
			r.Propagation = impact.None
		}
		r.Pairs = rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) schema.Pair {
			return schema.Pair{Source: class.Draw(t, "source"), Target: class.Draw(t, "target")}
		}), 0, 3, rapid.ID[schema.Pair]).Draw(t, "pairs")
		m.Relations = append(m.Relations, r)
	}
	m.Classes = rapid.Permutation(m.Classes).Draw(t, "order")
	return m
}

func TestIsLineAndBelowAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := anyModel(t)
		c := compile(t, m)
		parent := map[string]string{}
		for _, one := range m.Classes {
			parent[one.Name] = one.Parent
		}
		for _, a := range m.Classes {
			line := c.Line(a.Name)
			require.Equal(t, a.Name, line[0])
			for i, name := range line {
				if i+1 < len(line) {
					require.Equal(t, line[i+1], parent[name])
				} else {
					require.Empty(t, parent[name])
				}
			}
			require.Equal(t, a.Name, c.Below(a.Name)[0])
			for _, b := range m.Classes {
				is := c.Is(b.Name, a.Name)
				require.Equal(t, is, slices.Contains(c.Line(b.Name), a.Name))
				require.Equal(t, is, slices.Contains(c.Below(a.Name), b.Name))
				for _, r := range m.Relations {
					want := slices.ContainsFunc(r.Pairs, func(p schema.Pair) bool { return c.Is(a.Name, p.Source) && c.Is(b.Name, p.Target) })
					require.Equal(t, want, c.Allows(r.Name, a.Name, b.Name))
				}
			}
		}
	})
}

func TestTheOrderOfClassesDecidesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := schema.Shipped()
		turned := schema.Model{Classes: rapid.Permutation(m.Classes).Draw(t, "order"), Relations: m.Relations}
		a, b := compile(t, m), compile(t, turned)
		for _, class := range m.Classes {
			require.Equal(t, a.Attributes(class.Name), b.Attributes(class.Name))
			require.Equal(t, a.Line(class.Name), b.Line(class.Name))
			require.ElementsMatch(t, a.Below(class.Name), b.Below(class.Name))
		}
	})
}

func FuzzModel(f *testing.F) {
	// The whole shipped model would be a seed that the fuzzer spends its time to make smaller.
	part := schema.Shipped()
	part = schema.Model{Classes: part.Classes[:3], Relations: part.Relations[:1]}
	seed, err := json.Marshal(part)
	require.NoError(f, err)
	f.Add(seed)
	f.Add([]byte(`{"classes":[{"name":"a","parent":"b"},{"name":"b","parent":"a"}]}`))
	f.Add([]byte(`{"classes":[{"name":"a","attributes":[{"name":"x","type":"decimal","minimum":1e3}]}],"relations":[{"name":"r","inverse":"r","flow":"both","propagation":"cap","pairs":[{"source":"a","target":"a"}]}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := schema.Parse(raw)
		if err != nil {
			require.ErrorIs(t, err, storage.ErrInvalid)
			return
		}
		written, err := json.Marshal(m)
		require.NoError(t, err)
		again, err := schema.Parse(written)
		require.NoError(t, err)
		rewritten, err := json.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, string(written), string(rewritten))
		c, err := m.Compile()
		if err != nil {
			require.ErrorIs(t, err, storage.ErrInvalid)
			return
		}
		_, err = impact.New(c.Kinds())
		require.NoError(t, err)
		_ = c.Lint()
		_ = c.Mermaid()
		for _, class := range m.Classes {
			require.True(t, c.Is(class.Name, class.Name))
			_ = c.Check(class.Name, schema.Values{})
		}
	})
}

// What every CI has beside its attributes cannot be an attribute: two owners of one CI would be two answers to one question.
func TestTheFieldsOfEveryCIAreNoAttributes(t *testing.T) {
	for _, name := range []string{"owner", "group", "site", "environment", "criticality", "restricted"} {
		m := schema.Shipped()
		m.Classes = append(m.Classes, schema.Class{Name: "robot", Parent: schema.ClassInfrastructure, Attributes: []schema.Attribute{{Name: name, Type: schema.TypeText}}})
		_, err := m.Compile()
		require.ErrorContains(t, err, `"`+name+`" is reserved: every CI has it beside its attributes`)
	}
}
