package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
)

func rule(class string, attributes string, sources ...string) reconcile.Authority {
	a := reconcile.Authority{Class: class, Sources: sources}
	if attributes != "" {
		a.Attributes = strings.Split(attributes, " ")
	}
	return a
}

func dynamic(class, attributes string, choose reconcile.Choice) reconcile.Authority {
	a := rule(class, attributes)
	a.Choose = choose
	return a
}

func TestM14AuthoritativeSourcesPerAttribute(t *testing.T) {
	const memory = "memory"
	held := func(n int64, source string, at time.Time) reconcile.Held {
		return reconcile.Held{Value: schema.Integer(n), Source: source, At: at}
	}
	type (
		given = []reconcile.Authority
		when  = reconcile.Held // what is observed
	)
	agent := rule("host", memory, "agent", "import")
	for _, tc := range []struct {
		name  string
		given given
		held  reconcile.Held
		when  when
		then  reconcile.Result
		by    *reconcile.Authority // the rule that won
		why   string               // part of the reason
	}{
		// Inserts: precedence applies to updates only.
		{"nothing is held, when a source writes that the rule does not name", given{agent},
			reconcile.Held{}, held(8, "sheet", days(1)), reconcile.ResultWritten, nil, "nothing was held"},
		{"a source that the rule does not name wrote at creation, when it writes again", given{agent},
			held(8, "sheet", days(1)), held(9, "sheet", days(0)), reconcile.ResultRefused, &agent, "sheet is not among those who may write"},
		{"a source that the rule does not name wrote at creation, when one writes that it names", given{agent},
			held(8, "sheet", days(0)), held(9, "import", days(1)), reconcile.ResultWritten, &agent, "import may write, and sheet may not"},

		// No rule: the later word counts.
		{"no rule, when it is said later", nil, held(8, "a", days(2)), held(9, "b", days(1)), reconcile.ResultWritten, nil, "no rule governs"},
		{"no rule, when it was said earlier", nil, held(8, "a", days(1)), held(9, "b", days(2)), reconcile.ResultRefused, nil, "no rule governs"},

		// Static rules: the first source before the second.
		{"the second source holds, when the first writes", given{agent},
			held(8, "import", days(1)), held(9, "agent", days(2)), reconcile.ResultWritten, &agent, "agent comes before import"},
		{"the first source holds, when the second writes", given{agent},
			held(8, "agent", days(2)), held(9, "import", days(1)), reconcile.ResultRefused, &agent, "agent holds it"},
		{"the first source holds, when it writes later", given{agent},
			held(8, "agent", days(2)), held(9, "agent", days(1)), reconcile.ResultWritten, &agent, "agent is the holder"},
		{"the first source holds, when an older word of it comes late", given{agent},
			held(8, "agent", days(1)), held(9, "agent", days(2)), reconcile.ResultRefused, &agent, "agent said otherwise later"},
		{"the second source holds, when the first says the same", given{agent},
			held(8, "import", days(1)), held(8, "agent", days(1)), reconcile.ResultSame, &agent, "agent comes before import"},
		{"everyone else comes last, when one of them writes over another", given{rule("host", memory, "agent", "*")},
			held(8, "sheet", days(2)), held(9, "import", days(1)), reconcile.ResultWritten, nil, "the same place"},
		{"everyone else comes last, when one of them writes over the first", given{rule("host", memory, "agent", "*")},
			held(8, "agent", days(2)), held(9, "sheet", days(1)), reconcile.ResultRefused, nil, "agent holds it"},

		// Staleness: 60 days where nothing else is said.
		{"the first source was heard 60 days ago, when the second writes", given{agent},
			held(8, "agent", days(60)), held(9, "import", days(1)), reconcile.ResultRefused, &agent, "agent holds it"},
		{"the first source was heard 61 days ago, when the second writes", given{agent},
			held(8, "agent", days(61)), held(9, "import", days(1)), reconcile.ResultWritten, &agent, "the word of agent is stale"},
		{"the first source was heard 61 days ago, when one writes that the rule does not name", given{agent},
			held(8, "agent", days(61)), held(9, "sheet", days(1)), reconcile.ResultRefused, &agent, "not among those"},
		{"the second source took over from a stale word, when that word comes again", given{agent},
			held(9, "import", days(1)), held(8, "agent", days(61)), reconcile.ResultRefused, &agent, "the word of agent is stale, and that of import is not"},
		{"both are stale, when the second writes", given{agent},
			held(8, "agent", days(70)), held(9, "import", days(65)), reconcile.ResultRefused, &agent, "agent holds it"},
		{"a source whose word holds a week, when it was heard 8 days ago", given{rule("host", memory, "weekly", "import")},
			held(8, "weekly", days(8)), held(9, "import", days(1)), reconcile.ResultWritten, nil, "stale"},
		{"a source whose word holds for ever, when it was heard 20 years ago", given{rule("host", memory, "person", "import")},
			held(8, "person", days(7300)), held(9, "import", days(1)), reconcile.ResultRefused, nil, "person holds it"},

		// Attribute-specific before whole-class.
		{"rules for the attribute and for the whole class, when the source of the former writes", given{rule("host", "", "agent", "import"), rule("host", memory, "import", "agent")},
			held(8, "agent", days(2)), held(9, "import", days(1)), reconcile.ResultWritten, ptr(rule("host", memory, "import", "agent")), "import comes before agent"},
		// Child class before parent class.
		{"rules of the class and of one above it, when the source of the former writes", given{rule("device", "", "agent", "import"), rule("host", "", "import", "agent")},
			held(8, "agent", days(2)), held(9, "import", days(1)), reconcile.ResultWritten, ptr(rule("host", "", "import", "agent")), "import comes before agent"},
		// Attribute-specific of a parent before whole-class of a child: but never silently.
		{"a rule for the attribute above and one for the whole class below, when the source of the latter writes",
			given{rule("configuration_item", "description", "editor"), rule("host", "", "agent")},
			reconcile.Held{Value: schema.Text("a"), Source: "editor", At: days(2)}, reconcile.Held{Value: schema.Text("b"), Source: "agent", At: days(1)},
			reconcile.ResultRefused, ptr(rule("configuration_item", "description", "editor")),
			"agent is not among those who may write (the rule of configuration_item for description: editor)"},
		// Dynamic before static.
		{"a dynamic rule for the whole class and a static one for the attribute, when the later word is of the second source",
			given{agent, dynamic("device", "", reconcile.ChooseLatest)},
			held(8, "agent", days(2)), held(9, "import", days(1)), reconcile.ResultWritten, ptr(dynamic("device", "", reconcile.ChooseLatest)), "observed later"},
		{"the latest counts, when it was said earlier", given{dynamic("host", memory, reconcile.ChooseLatest)},
			held(8, "agent", days(1)), held(9, "import", days(2)), reconcile.ResultRefused, nil, "not observed later"},
		{"the first counts, when it is said later", given{dynamic("host", memory, reconcile.ChooseFirst)},
			held(8, "agent", days(2)), held(9, "import", days(1)), reconcile.ResultRefused, nil, "not observed first"},
		{"the largest counts, when more is said", given{dynamic("host", memory, reconcile.ChooseLargest)},
			held(8, "agent", days(1)), held(16, "import", days(2)), reconcile.ResultWritten, nil, "it is the largest"},
		{"the largest counts, when less is said", given{dynamic("host", memory, reconcile.ChooseLargest)},
			held(10, "agent", days(2)), held(9, "import", days(1)), reconcile.ResultRefused, nil, "it is not the largest"},
		{"the largest counts, when its own source says less", given{dynamic("host", memory, reconcile.ChooseLargest)},
			held(10, "agent", days(2)), held(9, "agent", days(1)), reconcile.ResultWritten, nil, "agent is the holder"},
		{"the largest counts and is stale, when less is said", given{dynamic("host", memory, reconcile.ChooseLargest)},
			held(10, "agent", days(61)), held(9, "import", days(1)), reconcile.ResultWritten, nil, "stale"},
		{"the smallest counts, when less is said", given{dynamic("host", memory, reconcile.ChooseSmallest)},
			held(10, "agent", days(1)), held(9, "import", days(2)), reconcile.ResultWritten, nil, "it is the smallest"},

		// A source says that there is none.
		{"the first source holds, when it says that there is none", given{agent},
			held(8, "agent", days(2)), reconcile.Held{Source: "agent", At: days(1)}, reconcile.ResultWritten, &agent, "agent is the holder"},
		{"the first source says that there is none, when the second writes", given{agent},
			reconcile.Held{Source: "agent", At: days(2)}, held(8, "import", days(1)), reconcile.ResultRefused, &agent, "agent holds it"},
	} {
		t.Run("given "+tc.name, func(t *testing.T) {
			c := compile(t, reconcile.Rules{Authority: tc.given, Sources: []reconcile.Source{
				{Name: "weekly", StaleAfterDays: 7}, {Name: "person", NeverStale: true}}})
			attribute := memory
			if _, ok := tc.when.Value.Text(); ok {
				attribute = "description"
			}
			o := reconcile.Observation{Source: tc.when.Source, Class: "host", Attributes: schema.Values{attribute: tc.when.Value}, At: tc.when.At}
			before := map[string]reconcile.Held{attribute: tc.held}
			d := c.Reconcile("host", before, o, now)
			require.Len(t, d.Attributes, 1)
			got := d.Attributes[0]
			require.Equal(t, tc.then, got.Result, got.Reason)
			require.Contains(t, got.Reason, tc.why)
			require.Equal(t, tc.held, got.Before)
			switch tc.then {
			case reconcile.ResultWritten:
				require.Equal(t, tc.when, got.After)
				require.Equal(t, schema.Values{attribute: tc.when.Value}, d.Written())
			case reconcile.ResultRefused:
				require.Equal(t, tc.held, got.After)
				require.False(t, d.Changes())
			}
			if tc.by != nil {
				require.Equal(t, tc.by, got.Rule)
			}
			if len(tc.given) == 0 || tc.held.Source == "" {
				require.Nil(t, got.Rule)
			} else {
				require.Len(t, got.Overruled, len(tc.given)-1)
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }

func TestABlockedSourceIsToldWhichRuleWouldHaveLetIt(t *testing.T) {
	c := compile(t, reconcile.Rules{Authority: []reconcile.Authority{rule("configuration_item", "description", "editor"), rule("host", "", "agent", "editor")}})
	require.Equal(t, []reconcile.Finding{{Class: "host", Attribute: "description", Problem: "the rule of configuration_item for description: editor" +
		" wins over the rule of host for all attributes: agent before editor, and keeps agent from writing"}},
		only(c.Lint(), "description"))
	d := c.Reconcile("host", map[string]reconcile.Held{"description": {Value: schema.Text("a"), Source: "editor", At: days(1)}},
		reconcile.Observation{Source: "agent", Attributes: text("description", "b"), At: now}, now)
	require.Equal(t, "agent is not among those who may write (the rule of configuration_item for description: editor);"+
		" overruled is the rule of host for all attributes: agent before editor, which would have let it be written", d.Attributes[0].Reason)
	require.Equal(t, []reconcile.Authority{rule("host", "", "agent", "editor")}, d.Attributes[0].Overruled)
	require.Equal(t, []reconcile.Authority{rule("configuration_item", "description", "editor"), rule("host", "", "agent", "editor")}, c.Authority("host", "description"))
	require.Empty(t, c.Authority("contact", "email"))
}

func only(all []reconcile.Finding, attribute string) (some []reconcile.Finding) {
	for _, f := range all {
		if f.Attribute == attribute {
			some = append(some, f)
		}
	}
	return some
}

func TestTheNameIsGovernedAsAnAttribute(t *testing.T) {
	c := compile(t, reconcile.Rules{Authority: []reconcile.Authority{rule("host", "name", "agent")}})
	d := c.Reconcile("host", map[string]reconcile.Held{reconcile.Name: {Value: schema.Text("a"), Source: "agent", At: days(1)}},
		reconcile.Observation{Source: "sheet", Name: "b", At: now}, now)
	require.Equal(t, reconcile.ResultRefused, d.Attributes[0].Result)
	require.Equal(t, reconcile.Name, d.Attributes[0].Attribute)
}

func TestM15AStaleSourceYields(t *testing.T) {
	c := compile(t, reconcile.Rules{Authority: []reconcile.Authority{rule("host", "", "agent", "import")}})
	held := map[string]reconcile.Held{"memory": {Value: schema.Integer(8), Source: "agent", At: days(0)}}
	later := func(n int) reconcile.Decision {
		at := now.Add(time.Duration(n) * 24 * time.Hour)
		return c.Reconcile("host", held, reconcile.Observation{Source: "import", At: at, Attributes: schema.Values{"memory": schema.Integer(16)}}, at)
	}
	require.Empty(t, later(60).Written())
	require.Equal(t, schema.Values{"memory": schema.Integer(16)}, later(61).Written())

	// A source that says the same again is heard.
	apply(held, c.Reconcile("host", held, reconcile.Observation{Source: "agent", At: now.Add(24 * time.Hour), Attributes: schema.Values{"memory": schema.Integer(8)}}, now.Add(24*time.Hour)))
	require.Empty(t, later(61).Written())
	require.NotEmpty(t, later(62).Written())
}

// Where no rule governs, the reason says which of the words was the later, and of two of one instant that none was.
func TestWhatNoRuleGovernsSaysWhyTheWordCounts(t *testing.T) {
	rules := reconcile.Shipped()
	rules.Authority = nil
	c := compile(t, rules)
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for _, x := range []struct {
		source string
		at     time.Time
		reason string
	}{
		{"sheet", noon.Add(time.Hour), "no rule governs the attribute, and the later word counts"},
		{"sheet", noon.Add(-time.Hour), "no rule governs the attribute, and the later word counts, which is that of scan"},
		{"sheet", noon, "no rule governs the attribute, and of two words of the same instant that which is held stays"},
		{"scan", noon, "no rule governs the attribute, and it is the holder's own word"},
	} {
		d := c.Reconcile(schema.ClassHost, map[string]reconcile.Held{"memory": {Value: schema.Integer(1), Source: "scan", At: noon}},
			reconcile.Observation{Source: x.source, Class: schema.ClassHost, At: x.at, Attributes: schema.Values{"memory": schema.Integer(2)}}, noon)
		require.Equal(t, x.reason, d.Attributes[0].Reason)
	}
}
