package reconcile_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/itsm"
)

func TestRulesAreToldEveryFaultAtOnce(t *testing.T) {
	r, err := reconcile.Parse([]byte(`{
		"identification": [
			{"class": "toaster", "entries": [{"priority": 1, "attributes": ["name"]}]},
			{"class": "host", "entries": []},
			{"class": "host", "entries": [
				{"priority": 0, "attributes": ["name", "name", "colour", "addresses"]},
				{"priority": 2},
				{"priority": 2, "attributes": ["name"], "within": {"relation": "likes", "class": "site"}},
				{"priority": 3, "attributes": ["name"], "within": {"relation": "located_at", "inverse": true, "class": "site"}, "through": {"relation": "powered_by", "class": "power", "attributes": []}}
			]}
		],
		"meaningless": [{"attribute": "colour", "values": []}],
		"authority": [
			{"class": "host"},
			{"class": "host", "attributes": ["memory", "colour"], "sources": ["*", "agent", "agent"]},
			{"class": "host", "attributes": ["memory"], "sources": ["agent"]},
			{"class": "host", "choose": "loudest"},
			{"class": "host", "choose": "largest"},
			{"class": "device", "attributes": ["model"], "choose": "smallest"}
		],
		"sources": [{"name": "*"}, {"name": "a", "never_stale": true, "stale_after_days": 3}, {"name": "a", "stale_after_days": -1, "actions": {"none": "update"}}],
		"actions": {"one": "flag", "many": "create"},
		"stale_after_days": 99999
	}`))
	require.NoError(t, err)
	_, err = r.Compile(shippedModel(t))
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, []itsm.Fault{
		{Field: "identification[0].class", Problem: `is not a class of the model: "toaster"`},
		{Field: "identification[1].entries", Problem: "must be 1 to 100"},
		{Field: "identification[2].class", Problem: `has an identifier already: "host"`},
		{Field: "identification[2].entries[0].priority", Problem: "must be 1 or more"},
		{Field: "identification[2].entries[0].attributes[1]", Problem: `stands there already: "name"`},
		{Field: "identification[2].entries[0].attributes[2]", Problem: `is not an attribute of host: "colour"`},
		{Field: "identification[2].entries[0].attributes[3]", Problem: `is a list, which identifies nothing: "addresses"`},
		{Field: "identification[2].entries[1].attributes", Problem: "are required, or through"},
		{Field: "identification[2].entries[2].priority", Problem: "is that of another entry: 2"},
		{Field: "identification[2].entries[2].within.relation", Problem: `is not a type of relation of the model: "likes"`},
		{Field: "identification[2].entries[3].within", Problem: "cannot stand beside through"},
		{Field: "identification[2].entries[3].through.attributes", Problem: "are required"},
		{Field: "identification[2].entries[3].within.relation", Problem: "is not allowed between host and site this way round"},
		{Field: "meaningless[0].attribute", Problem: `is not an attribute of any class: "colour"`},
		{Field: "meaningless[0].values", Problem: "are required"},
		{Field: "authority[0].sources", Problem: "are required, or choose"},
		{Field: "authority[1].sources[2]", Problem: `stands there already: "agent"`},
		{Field: "authority[1].sources[0]", Problem: `must be the last, as "*" is everyone else`},
		{Field: "authority[1].attributes[1]", Problem: `is not an attribute of host: "colour"`},
		{Field: "authority[2].attributes", Problem: "are governed by another rule of the same weight"},
		{Field: "authority[3].choose", Problem: "must be one of latest, first, largest, smallest"},
		{Field: "authority[4].attributes", Problem: "are required to choose the largest"},
		{Field: "authority[4].attributes", Problem: "are governed by another rule of the same weight"},
		{Field: "authority[5].attributes[0]", Problem: `has no order by which one is the smallest: "model"`},
		{Field: "stale_after_days", Problem: "must be 0 to 36500"},
		{Field: "actions.one", Problem: "must be one of update, refuse, ignore"},
		{Field: "actions.many", Problem: "must be one of flag, oldest, refuse, ignore"},
		{Field: "sources[0].name", Problem: `must be one source, not "*"`},
		{Field: "sources[1].stale_after_days", Problem: "cannot stand beside never_stale"},
		{Field: "sources[2].name", Problem: `stands there already: "a"`},
		{Field: "sources[2].stale_after_days", Problem: "must be 0 to 36500"},
		{Field: "sources[2].actions.none", Problem: "must be one of create, refuse, ignore"},
	}, invalid.Faults)
}

func TestRulesAreReadStrictly(t *testing.T) {
	for _, raw := range []string{``, `[]`, `{"identify": []}`, `{} {}`, `{"stale_after_days": "60"}`} {
		_, err := reconcile.Parse([]byte(raw))
		require.ErrorIs(t, err, itsm.ErrInvalid, raw)
	}
}

func TestRulesKeepTheirFormAsJSON(t *testing.T) {
	raw, err := json.Marshal(reconcile.Shipped())
	require.NoError(t, err)
	again, err := reconcile.Parse(raw)
	require.NoError(t, err)
	require.Equal(t, reconcile.Shipped(), again)
}

func TestCompiledRulesAreACopy(t *testing.T) {
	r := reconcile.Shipped()
	c := compile(t, r)
	r.Identification[0].Entries[0].Attributes[0] = "changed"
	c.Rules().Identification[0].Entries[0].Attributes[0] = "changed"
	require.Equal(t, reconcile.Shipped(), c.Rules())
	i, ok := c.Identifier("host")
	require.True(t, ok)
	require.Equal(t, "device", i.Class)
	_, ok = c.Identifier("toaster")
	require.False(t, ok)
}

// Whatever text comes, rules either fit and keep their form, or are refused as invalid.
func FuzzParse(f *testing.F) {
	raw, err := json.Marshal(reconcile.Shipped())
	require.NoError(f, err)
	f.Add(raw)
	f.Add([]byte(`{"authority": [{"class": "host", "sources": ["a", "*"]}, {"class": "host", "attributes": ["memory"], "choose": "largest"}]}`))
	model := shippedModel(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := reconcile.Parse(raw)
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		c, err := r.Compile(model)
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		written, err := json.Marshal(c.Rules())
		require.NoError(t, err)
		again, err := reconcile.Parse(written)
		require.NoError(t, err)
		_, err = again.Compile(model)
		require.NoError(t, err)
		c.Lint()
	})
}
