package reconcile_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
)

var (
	sources  = []string{"agent", "import", "sheet", "person"}
	numbers  = []string{"memory", "processors", "power_draw"}
	classes  = []string{"configuration_item", "infrastructure", "device", "host"}
	drawTime = rapid.Map(rapid.IntRange(0, 130), days)
)

// drawAuthority draws rules that compile.
func drawAuthority(t *rapid.T) *reconcile.Compiled {
	model := shippedModel(t)
	r := reconcile.Rules{Sources: []reconcile.Source{{Name: "person", NeverStale: true}, {Name: "sheet", StaleAfterDays: 10}}}
	for range rapid.IntRange(0, 5).Draw(t, "rules") {
		a := reconcile.Authority{
			Class:   rapid.SampledFrom(classes).Draw(t, "class"),
			Sources: rapid.Permutation(sources).Draw(t, "sources")[:rapid.IntRange(1, 4).Draw(t, "n")],
			Choose:  rapid.SampledFrom([]reconcile.Choice{"", "", "", "latest", "first", "largest", "smallest"}).Draw(t, "choose"),
		}
		if rapid.Bool().Draw(t, "anyone") {
			a.Sources = append(slices.Clone(a.Sources[:1]), reconcile.AnySource)
		}
		if rapid.Bool().Draw(t, "special") {
			a.Class, a.Attributes = "host", []string{rapid.SampledFrom(numbers).Draw(t, "attribute")}
		}
		r.Authority = append(r.Authority, a)
		if _, err := r.Compile(model); err != nil {
			r.Authority = r.Authority[:len(r.Authority)-1]
		}
	}
	c, err := r.Compile(model)
	require.NoError(t, err)
	return c
}

func drawObservation(t *rapid.T) reconcile.Observation {
	o := reconcile.Observation{Source: rapid.SampledFrom(sources).Draw(t, "source"), Class: "host", At: drawTime.Draw(t, "at"), Attributes: schema.Values{}}
	for _, name := range numbers {
		if rapid.Bool().Draw(t, "told") {
			o.Attributes[name] = rapid.SampledFrom([]schema.Value{{}, schema.Integer(1), schema.Integer(2), schema.Integer(10)}).Draw(t, name)
		}
	}
	if rapid.Bool().Draw(t, "named") {
		o.Name = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name")
	}
	return o
}

// apply keeps what a decision says.
func apply(held map[string]reconcile.Held, d reconcile.Decision) {
	for _, a := range d.Attributes {
		held[a.Attribute] = a.After
	}
}

func TestTheSameObservationTwiceChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, held := drawAuthority(t), map[string]reconcile.Held{}
		for range rapid.IntRange(1, 6).Draw(t, "observations") {
			o := drawObservation(t)
			apply(held, c.Reconcile("host", held, o, now))
			again := c.Reconcile("host", held, o, now)
			require.False(t, again.Changes())
			require.Empty(t, again.Written())
		}
	})
}

// An observation of several attributes does what one for each does, in whatever order.
func TestAttributesAreReconciledEachByItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, held := drawAuthority(t), map[string]reconcile.Held{}
		for range rapid.IntRange(0, 4).Draw(t, "before") {
			apply(held, c.Reconcile("host", held, drawObservation(t), now))
		}
		o := drawObservation(t)
		whole := c.Reconcile("host", held, o, now)
		names := []string{}
		for name := range o.Attributes {
			names = append(names, name)
		}
		slices.Sort(names)
		names = rapid.Permutation(names).Draw(t, "order")
		var parts []reconcile.AttributeDecision
		if o.Name != "" {
			parts = c.Reconcile("host", held, reconcile.Observation{Source: o.Source, At: o.At, Name: o.Name}, now).Attributes
		}
		for _, name := range names {
			part := c.Reconcile("host", held, reconcile.Observation{Source: o.Source, At: o.At, Attributes: schema.Values{name: o.Attributes[name]}}, now)
			apply(held, part)
			parts = append(parts, part.Attributes...)
		}
		slices.SortFunc(parts, func(a, b reconcile.AttributeDecision) int {
			if a.Attribute < b.Attribute {
				return -1
			}
			return 1
		})
		require.Equal(t, whole.Attributes, parts)
	})
}

// A fresh word of the first source of the winning static rule stays, whatever the others say.
func TestM14AFreshWordOfTheFirstSourceStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.Permutation(sources).Draw(t, "order")
		c := compile(t, reconcile.Rules{Authority: []reconcile.Authority{rule("host", "", order...)}})
		held := map[string]reconcile.Held{}
		apply(held, c.Reconcile("host", held, reconcile.Observation{Source: order[0], At: days(30), Attributes: schema.Values{"memory": schema.Integer(7)}}, now))
		for range rapid.IntRange(1, 6).Draw(t, "observations") {
			o := drawObservation(t)
			if o.Source == order[0] {
				continue
			}
			apply(held, c.Reconcile("host", held, o, now))
			require.Equal(t, schema.Integer(7), held["memory"].Value)
		}
	})
}

// Entries are tried by their priority, wherever they stand; attributes, relations and what a store gives stand in any order.
func TestIdentificationDependsOnNoOrder(t *testing.T) {
	names := []string{"a", "b", "A"}
	rapid.Check(t, func(t *rapid.T) {
		entries := []reconcile.Entry{
			{Attributes: []string{"serial_number", "name"}, IgnoreCase: rapid.Bool().Draw(t, "fold")},
			{Attributes: []string{"asset_tag"}},
			{Attributes: []string{"name"}, IgnoreCase: rapid.Bool().Draw(t, "fold")},
			{Attributes: []string{"name"}, Within: &reconcile.Within{Relation: "located_at", Class: "site"}},
			{Through: &reconcile.Through{Relation: "powered_by", Class: "power", Attributes: []string{"serial_number", "asset_tag"}}},
		}
		for i, p := range rapid.Permutation([]int{1, 2, 3, 4, 5}).Draw(t, "priorities") {
			entries[i].Priority = p
		}
		value := rapid.SampledFrom([]string{"1", "2"})
		s := &store{}
		for i := range rapid.IntRange(0, 6).Draw(t, "cis") {
			one := ci{id: itsm.ID(fmt.Sprint("ci", i)), class: rapid.SampledFrom([]string{"host", "power", "network_device"}).Draw(t, "class"),
				name: rapid.SampledFrom(names).Draw(t, "name"), created: days(rapid.IntRange(0, 3).Draw(t, "age")), keys: map[string]string{},
				attributes: text("serial_number", value.Draw(t, "serial"), "asset_tag", value.Draw(t, "tag"))}
			if rapid.Bool().Draw(t, "keyed") {
				one.keys["scan"] = fmt.Sprint(i)
			}
			s.cis = append(s.cis, one)
			if i > 0 && rapid.Bool().Draw(t, "powered") {
				s.ties = append(s.ties, tie{"powered_by", one.id, s.cis[0].id})
			}
			if rapid.Bool().Draw(t, "located") {
				s.ties = append(s.ties, tie{"located_at", one.id, "site"})
			}
		}
		s.cis = append(s.cis, ci{id: "site", class: "site", name: "here"})
		o := reconcile.Observation{Source: "scan", Class: "host", Name: rapid.SampledFrom(names).Draw(t, "observed"), At: now,
			Key:        rapid.SampledFrom([]string{"", "0", "1", "9"}).Draw(t, "key"),
			Attributes: text("serial_number", value.Draw(t, "serial"), "asset_tag", value.Draw(t, "tag")),
			Relations: []reconcile.ObservedRelation{
				{Type: "located_at", Other: reconcile.Pointer{Class: "site", Name: "here"}},
				{Type: "powered_by", Other: reconcile.Pointer{Class: "power", Attributes: text("serial_number", value.Draw(t, "pdu"), "asset_tag", "1")}},
				{Type: "powered_by", Other: reconcile.Pointer{Class: "power", Attributes: text("serial_number", "2", "asset_tag", "2")}},
			}}
		site := reconcile.Identifier{Class: "site", Entries: []reconcile.Entry{{Priority: 1, Attributes: []string{"name"}}}}
		identify := func(entries []reconcile.Entry, s *store, o reconcile.Observation) reconcile.Identification {
			s.c = compile(t, reconcile.Rules{Identification: []reconcile.Identifier{site, {Class: "device", Entries: entries}}})
			return s.identify(t, o)
		}
		want := identify(entries, s, o)
		for i := range entries {
			entries[i].Attributes = rapid.Permutation(entries[i].Attributes).Draw(t, "attributes")
		}
		shuffled := &store{cis: rapid.Permutation(s.cis).Draw(t, "cis"), ties: s.ties}
		o.Relations = rapid.Permutation(o.Relations).Draw(t, "relations")
		got := identify(rapid.Permutation(entries).Draw(t, "entries"), shuffled, o)
		// Attributes that are missing and tried stand in order, so that nothing at all differs.
		require.Equal(t, asJSON(t, want), asJSON(t, got))
		if want.ID != "" && o.Key != "" {
			for _, one := range s.cis {
				if one.id == want.ID && one.keys["scan"] != "" {
					require.Equal(t, o.Key, one.keys["scan"], "a source tells CIs apart by its keys")
				}
			}
		}
	})
}

func asJSON(t require.TestingT, v any) string {
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

// TestM15AWordHoldsForThePeriodOfItsSource holds the default and what a source says itself.
func TestM15AWordHoldsForThePeriodOfItsSource(t *testing.T) {
	c := compile(t, reconcile.Rules{Sources: []reconcile.Source{{Name: "person", NeverStale: true}, {Name: "sheet", StaleAfterDays: 10}}})
	require.Equal(t, 60*24*time.Hour, c.Staleness("agent"))
	require.Equal(t, 10*24*time.Hour, c.Staleness("sheet"))
	require.Zero(t, c.Staleness("person"))
	c = compile(t, reconcile.Rules{StaleAfterDays: 5})
	require.Equal(t, 5*24*time.Hour, c.Staleness("agent"))
}
