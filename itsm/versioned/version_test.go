package versioned_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

func TestASourceSaysWhoseVersionItIs(t *testing.T) {
	require.Equal(t, "acme, version 3", versioned.Source{Tenant: "acme", Set: "x", Number: 3}.String())
	require.Equal(t, "the provider's, version 7", versioned.Source{Tenant: "acme", Set: "x", Number: 7, Provider: true}.String())
	require.Equal(t, "shipped", versioned.Source{}.String())
}

func TestTheLayersAreOfWhatIsActive(t *testing.T) {
	from := versioned.Source{Tenant: "msp", Set: "p7", Number: 7}
	version := func(id itsm.ID, stack versioned.Stack, number int64, line string) *versioned.Version[Greeting] {
		v := &versioned.Version[Greeting]{Head: versioned.Head{Meta: storage.Meta{Tenant: "acme", ID: id}, Stack: stack, Number: number}}
		if v.Set.Lines = []string{line}; stack == versioned.StackBase {
			v.Source = from
		}
		return v
	}
	base, own, next := version("b", versioned.StackBase, 1, "base"), version("o", versioned.StackOwn, 2, "own"), version("n", versioned.StackOwn, 3, "next")
	layer := func(s versioned.Source, line string) versioned.Layer[Greeting] {
		return versioned.Layer[Greeting]{Source: s, Set: Greeting{[]string{line}}}
	}
	inherited, second := layer(versioned.Source{Tenant: "acme", Set: "b", Number: 7, Provider: true}, "base"), layer(versioned.Source{Tenant: "acme", Set: "o", Number: 2}, "own")
	third := layer(versioned.Source{Tenant: "acme", Set: "n", Number: 3}, "next")
	var none versioned.Layer[Greeting]
	type active = versioned.Active[Greeting]
	for name, c := range map[string]struct {
		active    active
		base, own versioned.Layer[Greeting]
	}{
		"nothing":           {active{}, none, none},
		"a base alone":      {active{Base: base}, inherited, none},
		"an own one alone":  {active{Own: own}, none, second},
		"both":              {active{Base: base, Own: own}, inherited, second},
		"another own one":   {active{Base: base, Own: own}.With(next), inherited, third},
		"a base that comes": {active{Own: own}.With(base), inherited, second},
	} {
		b, o := c.active.Layers()
		require.Equal(t, c.base, b, name)
		require.Equal(t, c.own, o, name)
	}
	was := active{Own: own}
	was.With(next)
	require.Same(t, own, was.Own, "what is active stays as it is")
}
