package schema_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/schema"
)

func sorted(all []string) []string {
	slices.Sort(all)
	return all
}

func concerns(c *schema.Compiled) (all []string) {
	for _, f := range c.Lint() {
		all = append(all, f.Class+f.Relation+" "+string(f.Concern))
	}
	return all
}

// without gives the shipped model in which no relation leads to or from a class.
func without(class string) schema.Model {
	m := schema.Shipped()
	for i := range m.Relations {
		m.Relations[i].Pairs = slices.DeleteFunc(m.Relations[i].Pairs, func(p schema.Pair) bool { return p.Source == class || p.Target == class })
	}
	return m
}

func TestTheShippedModelLintsClean(t *testing.T) {
	require.Empty(t, compile(t, schema.Shipped()).Lint())
}

func TestARackWithoutRelationsIsFound(t *testing.T) {
	require.Equal(t, []string{"rack no_impact"}, concerns(compile(t, without("rack"))))

	// A relation over which nothing passes does not help.
	m := without("rack")
	m.Relations = append(m.Relations, schema.RelationType{Name: "beside", Inverse: "beside", Flow: impact.NoFlow, Propagation: impact.None,
		Pairs: []schema.Pair{{Source: "rack", Target: "rack"}}})
	require.Equal(t, []string{"rack no_impact"}, concerns(compile(t, m)))

	// Nor does one to a class of which there can be no CI.
	m.Classes = append(m.Classes, schema.Class{Name: "ghost", Abstract: true})
	m.Relations[len(m.Relations)-1] = schema.RelationType{Name: "haunts", Inverse: "haunted_by", Flow: impact.Both, Propagation: impact.Full,
		Pairs: []schema.Pair{{Source: "ghost", Target: "rack"}}}
	require.Equal(t, []string{"rack no_impact", "ghost no_class_below", "haunts empty_pair"}, concerns(compile(t, m)))

	// One that passes a failure one way is half of it.
	m = without("rack")
	m.Relations = append(m.Relations, schema.RelationType{Name: "stands_in", Inverse: "houses", Flow: impact.ToSource, Propagation: impact.Cap,
		Pairs: []schema.Pair{{Source: "rack", Target: "site"}}})
	require.Equal(t, []string{"rack not_felt"}, concerns(compile(t, m)))
	m.Relations[len(m.Relations)-1].Flow = impact.ToTarget
	require.Equal(t, []string{"rack not_impacted"}, concerns(compile(t, m)))
	m.Relations[len(m.Relations)-1].Flow = impact.Both
	require.Empty(t, concerns(compile(t, m)))
}

func TestAnyShippedClassWithoutRelationsIsFound(t *testing.T) {
	for _, class := range schema.Shipped().Classes {
		if class.Abstract || class.Impact == schema.PartOutside {
			continue
		}
		m := without(class.Name)
		// What the class inherits is taken from it too.
		for i := range m.Classes {
			if m.Classes[i].Name == class.Name {
				m.Classes[i].Parent = ""
			}
		}
		require.Contains(t, concerns(compile(t, m)), class.Name+" no_impact")
	}
}

func TestWhatIsHardlyMeantIsFound(t *testing.T) {
	flow := func(name string, pairs ...schema.Pair) schema.RelationType {
		return schema.RelationType{Name: name, Inverse: name + "_back", Flow: impact.ToSource, Propagation: impact.Full, Pairs: pairs}
	}
	c := compile(t, schema.Model{
		Classes: []schema.Class{
			{Name: "service", Impact: schema.PartEnd}, {Name: "host"}, {Name: "small_host", Parent: "host"}, {Name: "feed", Impact: schema.PartOrigin},
			{Name: "paper", Impact: schema.PartOutside}, {Name: "plan", Parent: "paper"}, {Name: "map", Parent: "paper", Impact: schema.PartOrigin},
			{Name: "lamp"}, {Name: "wall_switch", Impact: schema.PartOrigin},
			{Name: "void", Abstract: true}, {Name: "nothing", Parent: "void", Abstract: true},
		},
		Relations: []schema.RelationType{
			flow("needs", schema.Pair{Source: "service", Target: "host"}, schema.Pair{Source: "host", Target: "feed"}, schema.Pair{Source: "service", Target: "small_host"}),
			flow("lit_by", schema.Pair{Source: "lamp", Target: "wall_switch"}, schema.Pair{Source: "lamp", Target: "lamp"}),
			flow("drawn_on", schema.Pair{Source: "host", Target: "plan"}),
			flow("unused"),
			{Name: "idle", Inverse: "idles", Flow: impact.Both, Propagation: impact.None, Pairs: []schema.Pair{{Source: "host", Target: "nothing"}}},
			{Name: "beside", Inverse: "beside", Flow: impact.NoFlow, Propagation: impact.None, Pairs: []schema.Pair{{Source: "host", Target: "feed"}, {Source: "feed", Target: "small_host"}}},
		},
	})
	require.Equal(t, []schema.Finding{
		{Concern: "inside", Class: "plan", Problem: "is declared to be outside of impacts, and drawn_on passes them: leave its class out of the pairs, or declare another part"},
		{Concern: "no_impact", Class: "map", Problem: "is reached by no impact: no relation that passes any allows it; add a pair, or declare it outside"},
		{Concern: "no_end", Class: "lamp", Problem: "is felt when it fails (lit_by), but by nothing that is declared end, however far it passes"},
		{Concern: "no_end", Class: "wall_switch", Problem: "is felt when it fails (lit_by), but by nothing that is declared end, however far it passes"},
		{Concern: "no_class_below", Class: "void", Problem: "is abstract, and so is all below it: there can be no CI of it"},
		{Concern: "no_class_below", Class: "nothing", Problem: "is abstract, and so is all below it: there can be no CI of it"},
		{Concern: "covered_pair", Relation: "needs", Problem: "allows service to small_host twice: service to host covers it"},
		{Concern: "no_pairs", Relation: "unused", Problem: "is allowed between no classes"},
		{Concern: "nothing_passes", Relation: "idle", Problem: "flows and passes nothing on; give it the flow none, or a propagation"},
		{Concern: "empty_pair", Relation: "idle", Problem: "allows host to nothing, and there can be no CI of nothing"},
		{Concern: "covered_pair", Relation: "beside", Problem: "allows feed to small_host twice: host to feed covers it"},
	}, c.Lint())
}

// TestTheLintAgreesWithTheEngineOfImpacts makes a CI of every class and every relation that the model allows, and lets each fail:
// a class is found exactly where the engine says the same.
func TestTheLintAgreesWithTheEngineOfImpacts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := anyModel(t)
		c := compile(t, m)
		l, err := impact.NewLoader(c.Kinds())
		require.NoError(t, err)
		var concrete []string
		for _, class := range m.Classes {
			if !class.Abstract {
				// Two of each, as one may depend on another of its class.
				concrete = append(concrete, class.Name)
				l.CI(class.Name + "/1")
				l.CI(class.Name + "/2")
			}
		}
		for _, r := range m.Relations {
			for _, s := range concrete {
				for _, g := range concrete {
					if c.Allows(r.Name, s, g) {
						l.Relation(impact.Relation{Source: s + "/1", Kind: r.Name, Target: g + "/2"})
					}
				}
			}
		}
		s, err := l.Snapshot(1)
		require.NoError(t, err)
		impacted, felt := map[string]bool{}, map[string]bool{}
		for _, class := range concrete {
			for _, n := range []string{"/1", "/2"} {
				r, err := s.Impact(impact.Failed(class+n), impact.Options{})
				require.NoError(t, err)
				for one := range r.All() {
					if one.ID != class+n {
						felt[class] = true
						impacted[one.ID[:len(one.ID)-2]] = true
					}
				}
			}
		}
		found := concerns(c)
		for _, class := range concrete {
			want := ""
			switch {
			case !impacted[class] && !felt[class]:
				want = " no_impact"
			case !impacted[class]:
				want = " not_impacted"
			case !felt[class]:
				want = " not_felt"
			}
			for _, concern := range []string{" no_impact", " not_impacted", " not_felt"} {
				require.Equal(t, concern == want, slices.Contains(found, class+concern), "%s%s", class, concern)
			}
		}
	})
}
