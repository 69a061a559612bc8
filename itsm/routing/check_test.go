package routing_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/storage"
)

func TestD2ARuleSetIsRefusedWithEveryFault(t *testing.T) {
	s := routing.RuleSet{
		Rules: []routing.Rule{
			{Name: " ", When: equal("categorie", "x")},
			{Name: "a", Group: "desk", When: and(equal("priority", "high"), equal("fields.colour", "green"), in("requester.vip", true, int64(1)),
				leaf("priority", storage.Prefix, "1"), equal("fields.cost", int64(1)), equal("fields.from", "31.5.2026"))},
			{Name: "a", Group: "desk", When: equal("category", "x"), Person: routing.Selection{Method: "lottery"}},
			{Name: "b", Group: "desk", When: equal("category", "y"), Person: routing.Selection{Method: routing.MethodSkill, Person: "ana", Capacity: -1}},
			{Name: "c", Group: "desk", When: equal("category", "z"), Person: routing.Selection{Method: routing.MethodPerson,
				Skills: []routing.Skill{{Name: "sql", Level: 1}, {Name: "sql"}, {}}}},
			{Name: "d", Group: "desk", When: storage.Condition{Op: "like", Column: "category"}, Person: routing.Selection{Capacity: 3}},
			{Name: "e", Group: "de\x01sk", When: storage.Condition{Op: storage.Not}},
			{Name: "f", Group: "desk", When: storage.Condition{Column: "category"}},
			{Name: "g", Group: "desk", When: and(storage.Condition{Op: storage.Equal, Column: "category"}, leaf("category", storage.Null, "x"),
				storage.Condition{Op: storage.Or, Column: "category"}, storage.Condition{Op: storage.In, Column: "category", Of: []storage.Condition{{}}},
				equal("category", nil))},
			{Name: strings.Repeat("x", 101), Group: "desk", When: equal("major", true)},
			{Name: "h", Group: "desk", When: and(equal("major", true), equal("category", "q"))},
		},
		Default:  "\x00",
		Overflow: map[itsm.ID]itsm.ID{"a": "b", "b": "c", "c": "a", "d": "d", "e": "a", "f": ""},
	}
	require.Equal(t, []string{
		"rules[0].name: is required",
		"rules[0].group: is required",
		`rules[0].when.column: "categorie" is no column, field or fact of ticket`,
		"rules[1].when.of[0].values[0]: priority takes int values, not text",
		`rules[1].when.of[1].values[0]: fields.colour is never "green"; it is one of: red, blue`,
		"rules[1].when.of[2].values[1]: requester.vip takes bool values, not a number",
		"rules[1].when.of[3].column: priority is not text, so it has no prefix",
		`rules[1].when.of[4].column: "fields.cost" is a field of the type decimal, which a condition cannot compare`,
		`rules[1].when.of[5].values[0]: fields.from is never "31.5.2026"; it is a date such as 2026-05-31`,
		`rules[2].name: "a" is that of rules[1] already`,
		`rules[2].person.method: is "lottery"; allowed are round_robin, least_load, skill, person, or none at all`,
		"rules[3].person.skills: are required to choose by skill",
		"rules[3].person.person: has a meaning only for the method person",
		"rules[3].person.capacity: must not be negative",
		"rules[4].person.skills: have a meaning only for the method skill",
		`rules[4].person.skills[1].name: "sql" is named twice`,
		"rules[4].person.skills[1].level: must be 1 or more",
		"rules[4].person.skills[2].name: is required",
		"rules[4].person.skills[2].level: must be 1 or more",
		"rules[4].person.person: is required",
		`rules[5].when.op: "like" is unknown; there are: equal, in, below, at_most, above, at_least, null, prefix, contains, and, or, not`,
		"rules[5].person.capacity: has a meaning only where a person is chosen",
		"rules[6].group: holds a control character",
		"rules[6].when.of: of not must be one condition; there are 0",
		"rules[7].when.op: is empty, but there is something to compare",
		"rules[8].when.of[0].values: must be one for equal; there are 0",
		"rules[8].when.of[1].values: must be none for null",
		"rules[8].when.of[2].op: or takes conditions, not a column or values",
		"rules[8].when.of[3].of: must be empty: in takes no conditions",
		"rules[8].when.of[4].values[0]: category takes text values; ask by null for what has none",
		"rules[9].name: has 101 characters; at most 100 are allowed",
		"default: holds a control character",
		"overflow.f: names a group whose id is empty",
		"overflow: goes in a circle: a -> b -> c -> a",
		"overflow: goes in a circle: d -> d",
		`rules[10].when: holds only where that of the rule "` + strings.Repeat("x", 64) + `…" (rules[9]) before it does, so the rule is never reached`,
	}, faults(t, s.Check(vocabulary())))
}

func TestARuleSetOfABoundedSizeIsChecked(t *testing.T) {
	v := vocabulary()
	var many []any
	for n := range storage.MaxConditionValues + 1 {
		many = append(many, int64(n))
	}
	deep := equal("major", true)
	for range storage.MaxConditionDepth {
		deep = not(deep)
	}
	wide := and()
	for range storage.MaxConditionParts {
		wide.Of = append(wide.Of, equal("major", true))
	}
	err := routing.RuleSet{Rules: []routing.Rule{rule("a", in("priority", many...), "g"), rule("b", deep, "g"), rule("c", wide, "g")}}.Check(v)
	require.Equal(t, []string{
		"rules[0].when: has 1001 values; at most 1000 are allowed",
		"rules[1].when" + strings.Repeat(".of[0]", storage.MaxConditionDepth) + ": is nested deeper than 16",
		"rules[2].when: has more than 1000 parts",
	}, faults(t, err))

	var s routing.RuleSet
	for n := range 11 {
		s.Rules = append(s.Rules, rule(fmt.Sprint(n), in("priority", many[:1000]...), "g"))
	}
	require.Equal(t, []string{"rules: have 11 conditions and 11000 values in all; at most 10000 of each are allowed"}, faults(t, s.Check(v)))
	s = routing.RuleSet{}
	for n := range routing.MaxRules + 1 {
		s.Rules = append(s.Rules, rule(fmt.Sprint(n), equal("priority", int64(n)), "g"))
	}
	require.Equal(t, []string{"rules: are 1001; at most 1000 are allowed"}, faults(t, s.Check(v)))
	require.NoError(t, routing.RuleSet{}.Check(v), "no rules are a set too")
}

// What is told to be unreachable, and what is not though it is (the documented limits).
func TestD2UnreachableRulesAreFound(t *testing.T) {
	at := func(op storage.Op, n int64) storage.Condition { return leaf("priority", op, n) }
	starts := func(p string) storage.Condition { return leaf("category", storage.Prefix, p) }
	all := storage.Condition{}
	for name, c := range map[string]struct {
		earlier, later storage.Condition
		want           string // "": reachable; "never", "all", "implied"
	}{
		"after everything":               {all, equal("category", "x"), "all"},
		"everything after everything":    {all, all, "all"},
		"everything after something":     {equal("category", "x"), all, ""},
		"after an empty and":             {and(), equal("category", "x"), "all"},
		"after not of nothing":           {not(in("category")), equal("category", "x"), "all"},
		"after x or everything":          {or(equal("category", "x"), all), equal("category", "y"), "all"},
		"after null or not null":         {or(null("service"), not(null("service"))), equal("category", "y"), ""}, // seen by nobody
		"in nothing":                     {equal("category", "x"), in("category"), "never"},
		"an empty or":                    {equal("category", "x"), or(), "never"},
		"two values at once":             {equal("category", "q"), and(equal("category", "x"), equal("category", "y")), "never"},
		"null and a value":               {equal("category", "q"), and(null("category"), at(storage.AtLeast, 1), equal("category", "y")), "never"},
		"null and not null":              {equal("category", "q"), and(null("service"), not(null("service"))), "never"},
		"an empty range":                 {equal("category", "q"), and(at(storage.Above, 3), at(storage.Below, 4)), "never"},
		"an empty range of text":         {equal("category", "q"), and(leaf("category", storage.AtLeast, "m"), leaf("category", storage.Below, "m")), "never"},
		"a range of one text":            {equal("category", "q"), and(leaf("category", storage.AtLeast, "m"), leaf("category", storage.AtMost, "m")), ""},
		"two prefixes":                   {equal("category", "q"), and(starts("ab"), starts("ac")), "never"},
		"a value that is denied":         {equal("category", "q"), and(equal("category", "x"), not(equal("category", "x"))), "never"},
		"the same":                       {equal("category", "x"), equal("category", "x"), "implied"},
		"one of more":                    {in("category", "x", "y"), equal("category", "x"), "implied"},
		"some of more":                   {in("category", "x", "y", "z"), in("category", "z", "x"), "implied"},
		"more of some":                   {in("category", "x"), in("category", "x", "y"), ""},
		"another column":                 {equal("category", "x"), equal("service", "x"), ""},
		"with one more part":             {equal("category", "x"), and(at(storage.AtMost, 2), equal("category", "x")), "implied"},
		"with one part less":             {and(at(storage.AtMost, 2), equal("category", "x")), equal("category", "x"), ""},
		"a value of the range":           {at(storage.AtMost, 2), equal("priority", int64(2)), "implied"},
		"a value outside the range":      {at(storage.Below, 2), equal("priority", int64(2)), ""},
		"a narrower range":               {at(storage.Above, 1), at(storage.AtLeast, 2), "implied"},
		"a wider range":                  {at(storage.AtLeast, 2), at(storage.AtLeast, 1), ""},
		"a range of whole numbers":       {in("priority", int64(1), int64(2), int64(3)), and(at(storage.AtLeast, 1), at(storage.Below, 4)), "implied"},
		"an open range of text":          {leaf("category", storage.Above, "m"), leaf("category", storage.Above, "n"), "implied"},
		"a closed in an open range":      {leaf("category", storage.Above, "m"), leaf("category", storage.AtLeast, "m"), ""},
		"an open in a closed range":      {leaf("category", storage.AtLeast, "m"), leaf("category", storage.Above, "m"), "implied"},
		"a longer prefix":                {starts("net"), starts("network"), "implied"},
		"a shorter prefix":               {starts("network"), starts("net"), ""},
		"a value with the prefix":        {starts("net"), in("category", "network", "net"), "implied"},
		"a prefix above its text":        {leaf("category", storage.AtLeast, "ne"), starts("net"), "implied"},
		"a prefix below a text":          {leaf("category", storage.Below, "nf"), starts("net"), "implied"},
		"a prefix below a text in it":    {leaf("category", storage.Below, "network"), starts("net"), ""},
		"any text after not null":        {not(null("category")), starts("net"), "implied"},
		"null after null":                {null("service"), and(null("service"), at(storage.AtMost, 2)), "implied"},
		"null after a value":             {equal("service", "mail"), null("service"), ""},
		"after not another value":        {not(equal("category", "x")), equal("category", "y"), "implied"},
		"after not the value":            {not(equal("category", "x")), equal("category", "x"), ""},
		"null after not a value":         {not(equal("service", "x")), null("service"), "implied"}, // a not of a comparison holds for null
		"the same not":                   {not(and(equal("category", "x"), equal("service", "y"))), not(and(equal("category", "x"), equal("service", "y"))), "implied"},
		"one of an or":                   {or(equal("category", "x"), equal("service", "y")), equal("service", "y"), "implied"},
		"an or of what is taken":         {or(equal("category", "x"), equal("service", "y")), or(equal("service", "y"), equal("category", "x")), "implied"},
		"an or of which one is not":      {equal("category", "x"), or(equal("service", "y"), equal("category", "x")), ""},
		"parts in another order":         {and(equal("category", "x"), equal("service", "y")), and(equal("service", "y"), equal("category", "x")), "implied"},
		"an or in an and":                {in("category", "x", "y"), and(at(storage.AtMost, 2), or(equal("category", "x"), equal("category", "y"))), "implied"},
		"a fact":                         {equal("requester.vip", true), and(equal("requester.vip", true), equal("fields.floor", int64(3))), "implied"},
		"the other of true and false":    {equal("major", true), equal("major", false), ""},
		"the greatest number":            {equal("category", "q"), at(storage.Above, 1<<63-1), "never"},
		"the least number":               {equal("category", "q"), at(storage.Below, -1<<63), "never"},
		"the whole range of the numbers": {equal("priority", int64(0)), and(at(storage.AtLeast, -1<<63), at(storage.AtMost, 1<<63-1)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := routing.RuleSet{Rules: []routing.Rule{rule("first", c.earlier, "g"), rule("second", c.later, "g")}}
			want := map[string][]routing.Unreached{
				"": nil, "never": {{Rule: 1, By: -1}}, "all": {{Rule: 1, By: 0, Everything: true}}, "implied": {{Rule: 1, By: 0}},
			}[c.want]
			require.Equal(t, want, s.Unreachable())
			if c.want == "" {
				require.NoError(t, s.Check(vocabulary()))
				return
			}
			require.Equal(t, []string{"rules[1].when: " + want[0].Problem(s)}, faults(t, s.Check(vocabulary())))
		})
	}
}

// Several rules can leave nothing over together; that is not found, and is documented.
func TestUnreachableRulesThatTakeSeveralOthersAreNotFound(t *testing.T) {
	s := routing.RuleSet{Rules: []routing.Rule{
		rule("yes", equal("major", true), "g"), rule("no", equal("major", false), "g"), rule("neither", not(null("major")), "g"),
	}}
	require.Empty(t, s.Unreachable())
}

// A condition that is made to take for ever is given up on, and nothing wrong is said.
func TestTheSearchForUnreachableRulesEnds(t *testing.T) {
	ors := and()
	for i := range 14 {
		ors.Of = append(ors.Of, or(equal("major", true), leaf("priority", storage.AtMost, int64(100+i)), equal("service", "mail")))
	}
	var s routing.RuleSet
	for i := range 100 {
		s.Rules = append(s.Rules, rule(fmt.Sprint(i), and(ors, equal("fields.floor", int64(i))), "g"))
	}
	require.Empty(t, s.Unreachable())
}

// A set as large as allowed, of rules that differ in their last part only, is searched to its end.
func TestUnreachableRulesAreFoundInALargeSet(t *testing.T) {
	var s routing.RuleSet
	for i := range routing.MaxRules - 1 {
		s.Rules = append(s.Rules, rule(fmt.Sprint(i), and(leaf("category", storage.Prefix, "net"), leaf("priority", storage.AtMost, int64(2)),
			equal("major", true), in("service", "mail", fmt.Sprint("s", i))), "g"))
	}
	s.Rules = append(s.Rules, rule("again", s.Rules[len(s.Rules)-1].When, "g"))
	require.Equal(t, []routing.Unreached{{Rule: routing.MaxRules - 1, By: routing.MaxRules - 2}}, s.Unreachable())
}
