package storage

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Op is what a [Condition] asks.
type Op string

// The operators.
const (
	// All holds for every row; it is the zero Op.
	All Op = ""
	// Equal holds where the column has the one value.
	Equal Op = "equal"
	// In holds where the column has one of the values; with none it holds nowhere.
	In Op = "in"
	// Below holds where the column is less than the one value.
	Below Op = "below"
	// AtMost holds where the column is the one value or less.
	AtMost Op = "at_most"
	// Above holds where the column is greater than the one value.
	Above Op = "above"
	// AtLeast holds where the column is the one value or greater.
	AtLeast Op = "at_least"
	// Null holds where the column is NULL.
	Null Op = "null"
	// Prefix holds where the text begins with the one value, byte by byte.
	Prefix Op = "prefix"
	// Contains holds where the one value stands somewhere in the text, byte by byte but for the letters A
	// to Z, which are taken for a to z; every other letter has its case, as engines do not agree on more.
	// No index helps with it: a store looks at every row that the rest of the condition leaves.
	Contains Op = "contains"
	// And holds where all of Of hold.
	And Op = "and"
	// Or holds where one of Of does.
	Or Op = "or"
	// Not holds where its one condition in Of does not.
	Not Op = "not"
	// Named holds where a row of the same tenant that meets By.Where names the row's id in
	// By.Column. It needs the other rows, so only a store can tell, of the state that it reads.
	Named Op = "named"
)

// CheckOp says of an operator that it is unknown in a condition on one row, and which there are, or "". It
// is for those who check conditions by what they know beside a [Schema].
func CheckOp(op Op) string {
	known := []Op{Equal, In, Below, AtMost, Above, AtLeast, Null, Prefix, Contains, And, Or, Not}
	if op == All || slices.Contains(known, op) {
		return ""
	}
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	return quoted(string(op)) + " is unknown; there are: " + strings.Join(words, ", ")
}

// Condition is a filter as data: an adapter makes it into its query language, [Condition.Match]
// evaluates it in memory, and its JSON form stands in policies. Logic has two values: a
// comparison with NULL does not hold, so its Not does. An adapter over SQL sees to that.
//
// Of these a condition with Named in it has the query language alone: it is of more than the one
// row that Match is given and policies speak of.
//
// Values are of the Go types string, int64 and bool, as the column's [Kind] says; a Time is int64 microseconds. A
// constant alone is no int64: []any{1} holds an int, which Check refuses; write []any{int64(1)}. Numbers of the
// JSON form are int64.
type Condition struct {
	Op     Op          `json:"op,omitempty"`
	Column string      `json:"column,omitempty"`
	Values []any       `json:"values,omitempty"`
	Of     []Condition `json:"of,omitempty"`
	// By is of Named alone.
	By *Reference `json:"-"`
}

// Reference is the rows by which others are named. The table may be the same one.
type Reference struct {
	Schema *Schema
	// Column is of Text. What is NULL, or no record's id, names none.
	Column string
	// Where is on the rows of Schema, with Named nowhere in it.
	Where Condition
}

// The bounds of a condition, so that one from outside cannot exhaust an engine.
const (
	// MaxConditionDepth is how deep And, Or, Not and Named may be nested.
	MaxConditionDepth = 16
	// MaxConditionValues is how many values a whole condition may have, with those of References.
	MaxConditionValues = 1000
	// MaxConditionParts is how many conditions a whole condition may be made of, with those of
	// References.
	MaxConditionParts = 1000
	// MaxConditionJSON is how long the JSON form may be, in bytes.
	MaxConditionJSON = 1 << 20
)

// MarshalJSON gives the JSON form. A condition that is not [Condition.Matchable] has none: it is
// ErrInvalid.
func (c Condition) MarshalJSON() ([]byte, error) {
	type plain Condition
	if c.Op == Named || c.By != nil {
		return nil, noJSON
	}
	return json.Marshal(plain(c))
}

var noJSON = Invalid("condition", "op", strconv.Quote(string(Named))+" has no JSON form")

// UnmarshalJSON reads the JSON form. Numbers must be integers of 64 bits. It does not know the
// table: use Check before the condition meets a store.
func (c *Condition) UnmarshalJSON(raw []byte) error {
	type plain Condition
	if len(raw) > MaxConditionJSON {
		return Invalid("condition", "json", fmt.Sprintf("is longer than %d bytes", MaxConditionJSON))
	}
	if deeper(raw, 2*MaxConditionDepth+2) { // an object and an array for each level
		return Invalid("condition", "of", fmt.Sprintf("is nested deeper than %d", MaxConditionDepth))
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	dec.DisallowUnknownFields()
	var p plain
	if err := dec.Decode(&p); err != nil {
		return &ValidationError{Subject: "condition", Faults: []Fault{{Field: "json", Problem: "is not a condition: " + err.Error()}}}
	}
	if p.Op == Named {
		return noJSON
	}
	for i, v := range p.Values {
		switch v := v.(type) {
		case json.Number:
			n, err := strconv.ParseInt(v.String(), 10, 64)
			if err != nil {
				return Invalid("condition", "values", "has a number that is not a 64-bit integer")
			}
			p.Values[i] = n
		case string, bool:
		default:
			return Invalid("condition", "values", "has one that is neither text, integer nor boolean")
		}
	}
	*c = Condition(p)
	return nil
}

// deeper says whether JSON is nested deeper than most, before anything reads it by recursion.
func deeper(raw []byte, most int) bool {
	depth, text := 0, false
	for i := 0; i < len(raw); i++ {
		switch b := raw[i]; {
		case text && b == '\\':
			i++
		case b == '"':
			text = !text
		case text:
		case b == '{' || b == '[':
			if depth++; depth > most {
				return true
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return false
}

// Check reports every fault of the condition against a schema at once: unknown operators and
// columns, values of the wrong number or kind, too deep or too large. Those of a Reference are
// named "by". The error is a *ValidationError.
func (c Condition) Check(s *Schema) error {
	var faults []Fault
	values, parts := 0, 0
	c.check(s, 1, false, &values, &parts, &faults)
	if parts > MaxConditionParts {
		faults = append(faults, Fault{Field: "of", Problem: fmt.Sprintf("has more than %d parts in all", MaxConditionParts)})
	}
	if values > MaxConditionValues {
		faults = append(faults, Fault{Field: "values", Problem: fmt.Sprintf("are %d in all; at most %d are allowed", values, MaxConditionValues)})
	}
	if len(faults) > 0 {
		return &ValidationError{Subject: "condition on " + s.name, Faults: faults}
	}
	return nil
}

func (c Condition) check(s *Schema, depth int, inside bool, values, parts *int, faults *[]Fault) {
	if *parts++; *parts > MaxConditionParts {
		return
	}
	fault := func(field, problem string) {
		if len(*faults) < 20 {
			*faults = append(*faults, Fault{Field: field, Problem: problem})
		}
	}
	if depth > MaxConditionDepth {
		fault("of", fmt.Sprintf("is nested deeper than %d", MaxConditionDepth))
		return
	}
	*values += len(c.Values)
	if c.By != nil && c.Op != Named {
		fault("op", fmt.Sprintf("%s takes no other rows", quoted(string(c.Op))))
	}
	switch c.Op {
	case All:
		if c.Column != "" || len(c.Values) > 0 || len(c.Of) > 0 {
			fault("op", "is empty, but there is something to compare")
		}
		return
	case And, Or, Not:
		if c.Column != "" || len(c.Values) > 0 {
			fault("op", fmt.Sprintf("%s takes conditions, not a column or values", c.Op))
		}
		if c.Op == Not && len(c.Of) != 1 {
			fault("of", fmt.Sprintf("of not must be one condition; there are %d", len(c.Of)))
		}
		for _, sub := range c.Of {
			sub.check(s, depth+1, inside, values, parts, faults)
		}
		return
	case Named:
		if c.Column != "" || len(c.Values) > 0 || len(c.Of) > 0 {
			fault("op", "named takes other rows, not a column, values or conditions")
		}
		switch {
		case inside:
			fault("by", "stands within that of another; rows that name are not themselves named")
			return
		case c.By == nil || c.By.Schema == nil:
			fault("by", "is missing")
			return
		}
		col, ok := c.By.Schema.Column(c.By.Column)
		if !ok {
			fault("by.column", fmt.Sprintf("%s is not a column of %s", quoted(c.By.Column), c.By.Schema.name))
		} else if col.Kind != Text {
			fault("by.column", "is not text, so it names no record")
		}
		from := len(*faults)
		c.By.Where.check(c.By.Schema, depth+1, true, values, parts, faults)
		for i := from; i < len(*faults); i++ {
			(*faults)[i].Field = "by." + (*faults)[i].Field
		}
		return
	case Equal, Below, AtMost, Above, AtLeast, Prefix, Contains:
		if len(c.Values) != 1 {
			fault(c.Column, fmt.Sprintf("%s takes one value; there are %d", c.Op, len(c.Values)))
		}
	case Null:
		if len(c.Values) != 0 {
			fault(c.Column, "null takes no values")
		}
	case In:
	default:
		fault("op", CheckOp(c.Op))
		return
	}
	if len(c.Of) > 0 {
		fault("op", fmt.Sprintf("%s takes no conditions", c.Op))
	}
	col, ok := s.Column(c.Column)
	if !ok {
		fault("column", fmt.Sprintf("%s is not a column of %s", quoted(c.Column), s.name))
		return
	}
	if c.Op == Prefix && col.Kind != Text {
		fault(c.Column, "is not text, so it has no prefix")
		return
	}
	if c.Op == Contains && col.Kind != Text {
		fault(c.Column, "is not text, so it contains none")
		return
	}
	for _, v := range c.Values {
		if problem := checkValue(col.Kind, v); problem != "" {
			fault(c.Column, problem)
		}
	}
}

// quoted gives a short quoted form of text from outside for an error message.
func quoted(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return strconv.Quote(s)
}

// checkValue says what is wrong with a value for a column of the kind, or "".
func checkValue(k Kind, v any) string {
	switch v := v.(type) {
	case string:
		if k != Text {
			return fmt.Sprintf("takes %s values, not text", k)
		}
		return checkText(v)
	case int64:
		if k != Int && k != Time {
			return fmt.Sprintf("takes %s values, not a number", k)
		}
	case bool:
		if k != Bool {
			return fmt.Sprintf("takes %s values, not a boolean", k)
		}
	case int, int8, int16, int32, uint, uint8, uint16, uint32, uint64:
		if k == Int || k == Time {
			return fmt.Sprintf("takes values of the Go type int64, not %T: write int64(%[1]d)", v)
		}
		return fmt.Sprintf("takes %s values, not a number", k)
	default:
		return fmt.Sprintf("takes %s values, not %T", k, v)
	}
	return ""
}

// checkText says why text cannot stand in a column, or "".
func checkText(s string) string {
	if problem := checkCharacters(s); problem != "" {
		return problem
	}
	if len(s) > MaxText && utf8.RuneCountInString(s) > MaxText {
		return fmt.Sprintf("is longer than %d characters", MaxText)
	}
	return ""
}

// checkCharacters says why an engine could not keep the text, however long, or "".
func checkCharacters(s string) string {
	switch {
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	case strings.IndexByte(s, 0) >= 0:
		return "holds a NUL character"
	}
	return ""
}

// Matchable says whether Match can evaluate the condition: it has Named nowhere in it.
func (c Condition) Matchable() bool {
	return c.Op != Named && !slices.ContainsFunc(c.Of, func(sub Condition) bool { return !sub.Matchable() })
}

// Match evaluates the condition; get gives the value of a column as a [Row] has it, nil for
// NULL. A condition that Check would refuse may match anything. Where the answer hangs on Named it
// panics, as only a store can tell: see Matchable.
func (c Condition) Match(get func(column string) any) bool {
	switch c.Op {
	case All:
		return true
	case And:
		for _, sub := range c.Of {
			if !sub.Match(get) {
				return false
			}
		}
		return true
	case Or:
		return slices.ContainsFunc(c.Of, func(sub Condition) bool { return sub.Match(get) })
	case Not:
		return len(c.Of) == 1 && !c.Of[0].Match(get)
	case Named:
		panic(notMatchable)
	}
	return matchLeaf(c.Op, get(c.Column), c.Values)
}

const notMatchable = "storage: a condition on rows of another table cannot be matched in memory: ask Matchable, and query the store"

func matchLeaf(op Op, v any, values []any) bool {
	if op == Null {
		return v == nil
	}
	if v == nil {
		return false
	}
	if op == In {
		return slices.Contains(values, v)
	}
	if len(values) != 1 {
		return false
	}
	switch op {
	case Equal:
		return v == values[0]
	case Prefix:
		s, ok1 := v.(string)
		p, ok2 := values[0].(string)
		return ok1 && ok2 && strings.HasPrefix(s, p)
	case Contains:
		s, ok1 := v.(string)
		p, ok2 := values[0].(string)
		return ok1 && ok2 && strings.Contains(Fold(s), Fold(p))
	}
	if values[0] == nil {
		return false
	}
	d := Compare(v, values[0])
	switch op {
	case Below:
		return d < 0
	case AtMost:
		return d <= 0
	case Above:
		return d > 0
	case AtLeast:
		return d >= 0
	}
	return false
}

// Fold gives text as [Contains] compares it: with a to z for A to Z, and everything else as it is.
func Fold(s string) string {
	upper := func(c byte) bool { return 'A' <= c && c <= 'Z' }
	i := 0
	for i < len(s) && !upper(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	folded := []byte(s)
	for ; i < len(folded); i++ { // no byte of a longer code point is below 0x80
		if upper(folded[i]) {
			folded[i] += 'a' - 'A'
		}
	}
	return string(folded)
}

// Compare orders two values of one column: text byte by byte, numbers, false before true, and
// NULL before everything. Values of different types are ordered by their type, so that it is
// an order whatever it is given.
func Compare(a, b any) int {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return strings.Compare(x, y)
		}
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
	case bool:
		if y, ok := b.(bool); ok {
			switch {
			case x == y:
				return 0
			case y:
				return -1
			}
			return 1
		}
	}
	return cmp.Compare(rank(a), rank(b))
}

func rank(v any) int {
	switch v.(type) {
	case nil:
		return 0
	case bool:
		return 1
	case int64:
		return 2
	case string:
		return 3
	}
	return 4
}
