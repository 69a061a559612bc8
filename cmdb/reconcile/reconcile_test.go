package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
)

// now is when everything is decided here.
var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func days(n int) time.Time { return now.Add(-time.Duration(n) * 24 * time.Hour) }

func shippedModel(t require.TestingT) *schema.Compiled {
	model, err := schema.Shipped().Compile()
	require.NoError(t, err)
	return model
}

func compile(t require.TestingT, r reconcile.Rules) *reconcile.Compiled {
	c, err := r.Compile(shippedModel(t))
	require.NoError(t, err)
	return c
}

// ci is one of a store in memory.
type ci struct {
	id         itsm.ID
	class      string
	name       string
	attributes schema.Values
	created    time.Time
	keys       map[string]string // by source
}

// tie is a relation of it.
type tie struct {
	kind           string
	source, target itsm.ID
}

// store answers queries as a host's would: by comparison, or by fingerprints alone.
type store struct {
	c              *reconcile.Compiled
	cis            []ci
	ties           []tie
	byFingerprints bool
	asked          []reconcile.Query
}

func (s *store) find(q reconcile.Query) (found []reconcile.Found, err error) {
	s.asked = append(s.asked, q)
	for _, one := range s.cis {
		switch {
		case q.Key != "":
			if one.keys[q.Source] != q.Key {
				continue
			}
		case s.byFingerprints && q.Fingerprint != "":
			if !slices.Contains(s.c.Fingerprints(one.class, one.name, one.attributes), q.Fingerprint) {
				continue
			}
		case !s.c.Matches(q, one.class, one.name, one.attributes):
			continue
		}
		if r := q.Related; r != nil && !slices.ContainsFunc(s.ties, func(t tie) bool {
			own, other := t.source, t.target
			if r.Inverse {
				own, other = other, own
			}
			return t.kind == r.Relation && own == one.id && other == r.Other
		}) {
			continue
		}
		found = append(found, reconcile.Found{ID: one.id, Class: one.class, Created: one.created, Key: one.keys[q.Source]})
	}
	return found, nil
}

func (s *store) identify(t require.TestingT, o reconcile.Observation) reconcile.Identification {
	o.At = now
	if o.Source == "" {
		o.Source = "scan"
	}
	o, err := s.c.Canonical(o)
	require.NoError(t, err)
	s.byFingerprints = false
	id, err := s.c.Identify(o, s.find)
	require.NoError(t, err)
	s.byFingerprints = true
	again, err := s.c.Identify(o, s.find)
	require.NoError(t, err)
	require.Equal(t, id, again, "an index of fingerprints finds the same")
	return id
}

func text(of ...string) schema.Values {
	v := schema.Values{}
	for i := 0; i < len(of); i += 2 {
		v[of[i]] = schema.Text(of[i+1])
	}
	return v
}

func on(host string) []reconcile.ObservedRelation {
	return []reconcile.ObservedRelation{{Type: schema.RelationRunsOn, Other: reconcile.Pointer{Class: schema.ClassHost, Name: host}}}
}

// TestShippedRulesFitTheShippedModel also holds that every class that can have CIs is identified.
func TestShippedRulesFitTheShippedModel(t *testing.T) {
	require.Empty(t, compile(t, reconcile.Shipped()).Lint())
}

func TestM13IdentificationFollowsRulesInPriority(t *testing.T) {
	c := compile(t, func() reconcile.Rules {
		r := reconcile.Shipped()
		r.Identification = append(r.Identification, reconcile.Identifier{Class: schema.ClassStorage, Entries: []reconcile.Entry{
			// A filer is known by the host that is powered by the same supply: made up, to have a lookup and a hybrid.
			{Priority: 1, Attributes: []string{"model"}, Through: &reconcile.Through{Relation: schema.RelationPoweredBy, Class: schema.ClassPower, Attributes: []string{"serial_number"}}},
			{Priority: 2, Through: &reconcile.Through{Relation: schema.RelationPoweredBy, Class: schema.ClassPower, Attributes: []string{"asset_tag"}}},
		}})
		r.Sources = []reconcile.Source{
			{Name: "rows", UnstableKeys: true},
			{Name: "readonly", Actions: reconcile.Actions{None: reconcile.ActionIgnore, Many: reconcile.ActionOldest}},
		}
		return r
	}())
	s := &store{c: c, cis: []ci{
		{id: "h1", class: schema.ClassHost, name: "alpha", attributes: text("serial_number", "S1", "asset_tag", "T1"), created: days(9), keys: map[string]string{"scan": "k1"}},
		{id: "h2", class: schema.ClassHost, name: "beta", attributes: text("serial_number", "N/A"), created: days(8)},
		{id: "h3", class: schema.ClassHost, name: "Twin", created: days(7)},
		{id: "h4", class: schema.ClassHost, name: "twin", created: days(70)},
		{id: "n1", class: schema.ClassNetworkDevice, name: "core", attributes: text("serial_number", "S9"), created: days(6)},
		{id: "d1", class: schema.ClassDatabase, name: "orders", created: days(5)},
		{id: "d2", class: schema.ClassDatabase, name: "orders", created: days(4)},
		{id: "p1", class: schema.ClassPower, name: "pdu", attributes: text("serial_number", "P1", "asset_tag", "PT"), created: days(3)},
		{id: "s1", class: schema.ClassStorage, name: "filer", attributes: text("model", "F5"), created: days(3)},
		{id: "site1", class: schema.ClassSite, name: "Berlin", created: days(3)},
	}, ties: []tie{
		{schema.RelationRunsOn, "d1", "h1"}, {schema.RelationRunsOn, "d2", "h2"}, {schema.RelationPoweredBy, "s1", "p1"},
		{schema.RelationLocatedAt, "h4", "site1"},
	}}
	powered := func(attribute, value string) []reconcile.ObservedRelation {
		return []reconcile.ObservedRelation{{Type: schema.RelationPoweredBy, Other: reconcile.Pointer{Class: schema.ClassPower, Attributes: text(attribute, value)}}}
	}
	for _, tc := range []struct {
		given   string
		o       reconcile.Observation
		outcome reconcile.Outcome
		action  reconcile.Action
		id      itsm.ID
		class   string
		last    reconcile.Kind // of what was tried last
	}{
		{"the source's key of a CI", reconcile.Observation{Key: "k1", Class: schema.ClassHost, Name: "renamed"},
			reconcile.OutcomeOne, reconcile.ActionUpdate, "h1", "host", reconcile.KindKey},
		{"a key that nobody knows, and a serial number in other case", reconcile.Observation{Key: "k7", Source: "import", Class: schema.ClassHost, Attributes: text("serial_number", "s1")},
			reconcile.OutcomeOne, reconcile.ActionUpdate, "h1", "host", reconcile.KindRegular},
		{"another key of the same source, and the same serial number", reconcile.Observation{Key: "k7", Class: schema.ClassHost, Attributes: text("serial_number", "S1")},
			reconcile.OutcomeNone, reconcile.ActionCreate, "", "host", reconcile.KindRegular},
		{"a key of a source whose keys change", reconcile.Observation{Key: "k1", Source: "rows", Class: schema.ClassHost, Name: "beta"},
			reconcile.OutcomeOne, reconcile.ActionUpdate, "h2", "host", reconcile.KindRegular},
		{"a serial number before a name", reconcile.Observation{Class: schema.ClassHost, Name: "beta", Attributes: text("serial_number", "S1")},
			reconcile.OutcomeOne, reconcile.ActionUpdate, "h1", "host", reconcile.KindRegular},
		{"a serial number that says nothing, and a name", reconcile.Observation{Class: schema.ClassHost, Name: "alpha", Attributes: text("serial_number", " n/a")},
			reconcile.OutcomeOne, reconcile.ActionUpdate, "h1", "host", reconcile.KindRegular},
		{"a serial number that says nothing, alone", reconcile.Observation{Class: schema.ClassHost, Attributes: text("serial_number", "N/A")},
			reconcile.OutcomeUnidentifiable, reconcile.ActionRefuse, "", "host", reconcile.KindRegular},
		{"two of the name", reconcile.Observation{Class: schema.ClassHost, Name: "twin"},
			reconcile.OutcomeMany, reconcile.ActionFlag, "", "host", reconcile.KindRegular},
		{"two of the name, from a source that takes the oldest", reconcile.Observation{Source: "readonly", Class: schema.ClassHost, Name: "twin"},
			reconcile.OutcomeMany, reconcile.ActionOldest, "h4", "host", reconcile.KindRegular},
		{"two of the name, of which one is at the site", reconcile.Observation{Class: schema.ClassHost, Name: "twin", Relations: []reconcile.ObservedRelation{{Type: schema.RelationLocatedAt, Other: reconcile.Pointer{Class: schema.ClassSite, Name: "berlin"}}}},
			reconcile.OutcomeOne, reconcile.ActionUpdate, "h4", "host", reconcile.KindDependent},
		{"none", reconcile.Observation{Class: schema.ClassHost, Name: "gamma"},
			reconcile.OutcomeNone, reconcile.ActionCreate, "", "host", reconcile.KindRegular},
		{"none, from a source that may only update", reconcile.Observation{Source: "readonly", Class: schema.ClassHost, Name: "gamma"},
			reconcile.OutcomeNone, reconcile.ActionIgnore, "", "host", reconcile.KindRegular},
		{"none, of an abstract class", reconcile.Observation{Class: schema.ClassDevice, Name: "gamma"},
			reconcile.OutcomeNone, reconcile.ActionRefuse, "", "device", reconcile.KindRegular},
		{"a class above that of the CI", reconcile.Observation{Class: schema.ClassDevice, Name: "alpha"},
			reconcile.OutcomeOne, reconcile.ActionUpdate, "h1", "host", reconcile.KindRegular},
		{"a class beside that of the CI", reconcile.Observation{Class: schema.ClassHost, Name: "core"},
			reconcile.OutcomeOtherClass, reconcile.ActionRefuse, "", "host", reconcile.KindRegular},
		{"a database on its host", reconcile.Observation{Class: schema.ClassDatabase, Name: "orders", Relations: on("beta")},
			reconcile.OutcomeOne, reconcile.ActionUpdate, "d2", "database", reconcile.KindDependent},
		{"a new database on a host that is known", reconcile.Observation{Class: schema.ClassDatabase, Name: "stock", Relations: on("beta")},
			reconcile.OutcomeNone, reconcile.ActionCreate, "", "database", reconcile.KindDependent},
		{"a database on a host that nobody knows", reconcile.Observation{Class: schema.ClassDatabase, Name: "orders", Relations: on("omega")},
			reconcile.OutcomeUnidentifiable, reconcile.ActionRefuse, "", "database", reconcile.KindDependent},
		{"a database on one of two hosts", reconcile.Observation{Class: schema.ClassDatabase, Name: "orders", Relations: on("twin")},
			reconcile.OutcomeUnidentifiable, reconcile.ActionRefuse, "", "database", reconcile.KindDependent},
		{"a database without its host", reconcile.Observation{Class: schema.ClassDatabase, Name: "orders"},
			reconcile.OutcomeUnidentifiable, reconcile.ActionRefuse, "", "database", reconcile.KindDependent},
		{"what it is powered by, and its model", reconcile.Observation{Class: schema.ClassStorage, Attributes: text("model", "F5"), Relations: powered("serial_number", "P1")},
			reconcile.OutcomeOne, reconcile.ActionUpdate, "s1", "storage", reconcile.KindHybrid},
		{"what it is powered by, and another model", reconcile.Observation{Class: schema.ClassStorage, Attributes: text("model", "F6"), Relations: powered("serial_number", "P1")},
			reconcile.OutcomeNone, reconcile.ActionCreate, "", "storage", reconcile.KindLookup},
		{"what it is powered by alone", reconcile.Observation{Class: schema.ClassStorage, Relations: powered("asset_tag", "PT")},
			reconcile.OutcomeOne, reconcile.ActionUpdate, "s1", "storage", reconcile.KindLookup},
		{"an identifier of its own that replaces all of the inherited one", reconcile.Observation{Class: schema.ClassStorage, Name: "filer"},
			reconcile.OutcomeUnidentifiable, reconcile.ActionRefuse, "", "storage", reconcile.KindLookup},
	} {
		t.Run("given "+tc.given, func(t *testing.T) {
			id := s.identify(t, tc.o)
			require.Equal(t, tc.outcome, id.Outcome, id.Reason)
			require.Equal(t, tc.action, id.Action, id.Reason)
			require.Equal(t, tc.id, id.ID)
			require.Equal(t, tc.class, id.Class)
			require.Equal(t, tc.last, id.Attempts[len(id.Attempts)-1].Kind)
			require.NotEmpty(t, id.Reason)
		})
	}
	require.Equal(t, "cannot be identified: rule 1 of database needs instance; rule 2 of database needs the CI in which it is unique, which is not known",
		s.identify(t, reconcile.Observation{Class: schema.ClassDatabase, Name: "orders", Relations: on("omega")}).Reason)
}

func TestAPointerIsNeverCreated(t *testing.T) {
	c := compile(t, reconcile.Shipped())
	s := &store{c: c}
	id, err := c.Locate("scan", reconcile.Pointer{Class: schema.ClassHost, Name: "gone"}, s.find)
	require.NoError(t, err)
	require.Equal(t, reconcile.OutcomeNone, id.Outcome)
	require.Equal(t, reconcile.ActionRefuse, id.Action)
}

func TestAStoresErrorIsGivenBack(t *testing.T) {
	c := compile(t, reconcile.Shipped())
	_, err := c.Identify(reconcile.Observation{Source: "scan", Class: schema.ClassDatabase, Name: "x", Relations: on("h")},
		func(reconcile.Query) ([]reconcile.Found, error) { return nil, itsm.ErrRetry })
	require.ErrorIs(t, err, itsm.ErrRetry)
}

func TestAnObservationIsToldEveryFault(t *testing.T) {
	c := compile(t, reconcile.Shipped())
	_, err := c.Canonical(reconcile.Observation{
		Class: schema.ClassHost, Name: "a\x00b", Attributes: schema.Values{"memory": schema.Text("much"), "colour": schema.Text("red")},
		Relations: []reconcile.ObservedRelation{
			{Type: "likes", Other: reconcile.Pointer{Key: "1"}},
			{Type: schema.RelationRunsOn, Other: reconcile.Pointer{Class: schema.ClassSite, Name: "Berlin"}},
			{Type: schema.RelationLocatedAt, Inverse: true, Other: reconcile.Pointer{Class: schema.ClassSite, Name: "Berlin"}},
			{Type: schema.RelationLocatedAt, Other: reconcile.Pointer{Class: schema.ClassSite}},
			{Type: schema.RelationLocatedAt},
		},
	})
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	var fields []string
	for _, f := range invalid.Faults {
		fields = append(fields, f.Field)
	}
	require.Equal(t, []string{"source", "at", "name", "attributes.colour", "attributes.memory",
		"relations[0].type", "relations[1].type", "relations[2].type", "relations[3].other", "relations[4].other"}, fields)
}
