// This file holds the value of an attribute, in its canonical form.

package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/storage"
)

// Bounds of a value.
const (
	// MaxValue is how long the JSON form of a value may be, in bytes.
	MaxValue = 1 << 20
	// MaxDigits is how many digits a number may have before its point, and how many behind it.
	MaxDigits = 60
)

// Value is one attribute's value: a text, a number, a boolean, or a list of these. Dates, instants, addresses, choices and
// references are texts of a form of their own, which an attribute's [Type] asks for.
//
// Values are comparable: two are equal by == exactly when their JSON means the same, so that 1.50 and 15e-1 are one value,
// and so are a text and the same text with its characters escaped. The zero Value is "none", which is null in JSON; an empty
// list is not none. There are no objects, and no lists in lists.
type Value struct {
	// json is the canonical form: no space, numbers without exponent and without needless zeros.
	json string
}

// Values are the values of a CI by the names of its attributes. A zero [Value] counts as absent.
type Values map[string]Value

// Text gives a text. Bytes that are not UTF-8 become U+FFFD.
func Text(s string) Value { return Value{quote(s)} }

// Integer gives a whole number.
func Integer(n int64) Value { return Value{strconv.FormatInt(n, 10)} }

// Decimal gives an exact number. One of more than [MaxDigits] digits before its point or behind it cannot be held, and gives
// none.
func Decimal(d decimal.Decimal) Value {
	s, ok := plain(d)
	if !ok {
		return Value{}
	}
	return Value{s}
}

// Boolean gives true or false.
func Boolean(b bool) Value { return Value{strconv.FormatBool(b)} }

// Date gives a day of the calendar, without a time zone: the text "2026-05-31". Days and months beyond their range count on, as
// in [time.Date].
func Date(year int, month time.Month, day int) Value {
	return Text(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
}

// Instant gives an instant, as the text of RFC 3339 in UTC, truncated to microseconds. The zero time gives none.
func Instant(t time.Time) Value {
	if t.IsZero() {
		return Value{}
	}
	return Text(storage.Instant(t).Format(time.RFC3339Nano))
}

// Reference gives the id of another CI. An empty id gives none.
func Reference(id storage.ID) Value {
	if id == "" {
		return Value{}
	}
	return Text(string(id))
}

// List gives a list of values, in the order given. Without any it is the empty list. A zero value among them is left out, and in
// the place of a list stand its elements, as there are no lists in lists.
//
// What an attribute holds as a list is a set: see [Attribute].List.
func List(values ...Value) Value {
	var b strings.Builder
	b.WriteByte('[')
	for _, v := range values {
		one := v.json
		if v.isList() {
			one = one[1 : len(one)-1]
		}
		if one == "" {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(one)
	}
	b.WriteByte(']')
	return Value{b.String()}
}

// IsZero says that this is no value.
func (v Value) IsZero() bool { return v.json == "" }

func (v Value) isText() bool { return strings.HasPrefix(v.json, `"`) }

func (v Value) isList() bool { return strings.HasPrefix(v.json, "[") }

func (v Value) isBoolean() bool { return v.json == "true" || v.json == "false" }

func (v Value) isNumber() bool {
	return v.json != "" && !v.isText() && !v.isList() && !v.isBoolean()
}

// Text gives a text: also that of a date, an instant, a choice, an address or a reference.
func (v Value) Text() (string, bool) {
	if !v.isText() {
		return "", false
	}
	if strings.IndexByte(v.json, '\\') < 0 {
		return v.json[1 : len(v.json)-1], true
	}
	var s string
	if err := json.Unmarshal([]byte(v.json), &s); err != nil {
		return "", false
	}
	return s, true
}

// Integer gives a whole number that fits 64 bits.
func (v Value) Integer() (int64, bool) {
	if !v.isNumber() {
		return 0, false
	}
	n, err := strconv.ParseInt(v.json, 10, 64)
	return n, err == nil
}

// Decimal gives a number, exactly.
func (v Value) Decimal() (decimal.Decimal, bool) {
	if !v.isNumber() {
		return decimal.Decimal{}, false
	}
	d, err := decimal.NewFromString(v.json)
	return d, err == nil
}

// Boolean gives true or false.
func (v Value) Boolean() (value, ok bool) { return v.json == "true", v.isBoolean() }

// Date gives a day of the calendar as its midnight in UTC. Only year, month and day have a meaning.
func (v Value) Date() (time.Time, bool) {
	s, ok := v.Text()
	if !ok {
		return time.Time{}, false
	}
	t, err := readDate(s)
	return t, err == nil
}

// Instant gives an instant in UTC.
func (v Value) Instant() (time.Time, bool) {
	s, ok := v.Text()
	if !ok {
		return time.Time{}, false
	}
	t, err := readInstant(s)
	return t, err == nil
}

// Reference gives the id of another CI: any text that can be an id.
func (v Value) Reference() (storage.ID, bool) {
	s, ok := v.Text()
	if !ok || storage.CheckKey(s) != "" {
		return "", false
	}
	return storage.ID(s), true
}

// List gives the elements of a list.
func (v Value) List() ([]Value, bool) {
	if !v.isList() {
		return nil, false
	}
	return elements(v.json), true
}

// elements cuts the canonical form of a list where commas stand outside texts.
func elements(list string) []Value {
	inner := list[1 : len(list)-1]
	if inner == "" {
		return nil
	}
	var all []Value
	begin, inText := 0, false
	for i := 0; i < len(inner); i++ {
		switch c := inner[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case c == ',' && !inText:
			all = append(all, Value{inner[begin:i]})
			begin = i + 1
		}
	}
	return append(all, Value{inner[begin:]})
}

// String gives the value for people and for a cell of a table: a text as it is, elements of a list between semicolons, none as
// nothing. [Compiled.Parse] reads it back, unless a text has semicolons in a list, or space around it.
func (v Value) String() string {
	if s, ok := v.Text(); ok {
		return s
	}
	if list, ok := v.List(); ok {
		texts := make([]string, len(list))
		for i, one := range list {
			texts[i] = one.String()
		}
		return strings.Join(texts, "; ")
	}
	return v.json
}

// MarshalJSON gives the canonical JSON, and null for none.
func (v Value) MarshalJSON() ([]byte, error) {
	if v.json == "" {
		return []byte("null"), nil
	}
	return []byte(v.json), nil
}

// UnmarshalJSON reads any JSON text, number or boolean, a list of these, or null, which is none. It refuses, as
// [storage.ErrInvalid], objects, null and lists in lists, numbers of more than [MaxDigits] digits, and JSON of more than
// [MaxValue] bytes.
func (v *Value) UnmarshalJSON(raw []byte) error {
	read, problem := decodeValue(raw)
	if problem != "" {
		return storage.Invalid("value", "value", problem)
	}
	*v = read
	return nil
}

func decodeValue(raw []byte) (v Value, problem string) {
	if len(raw) > MaxValue {
		return Value{}, fmt.Sprintf("is longer than %d bytes", MaxValue)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var read any
	if err := d.Decode(&read); err != nil {
		return Value{}, "is not JSON"
	}
	if _, err := d.Token(); err != io.EOF {
		return Value{}, "goes on after its end"
	}
	if read == nil {
		return Value{}, ""
	}
	list, ok := read.([]any)
	if !ok {
		return decodeOne(read)
	}
	all := make([]Value, len(list))
	for i, one := range list {
		if all[i], problem = decodeOne(one); problem != "" {
			return Value{}, problem
		}
	}
	return List(all...), ""
}

func decodeOne(read any) (v Value, problem string) {
	switch read := read.(type) {
	case string:
		return Text(read), ""
	case bool:
		return Boolean(read), ""
	case json.Number:
		d, err := readNumber(read.String())
		if err != nil {
			return Value{}, errDigits.Error()
		}
		return Decimal(d), ""
	case nil:
		return Value{}, "must not have null in a list"
	case []any:
		return Value{}, "must not have a list in a list"
	}
	return Value{}, "must be a text, a number, a boolean or a list of these, and no object"
}

// quote writes a text as JSON in one way: with as few escapes as encoding/json has.
func quote(s string) string {
	simple := true
	for i := 0; i < len(s) && simple; i++ {
		simple = s[i] >= ' ' && s[i] < utf8.RuneSelf && s[i] != '"' && s[i] != '\\' && s[i] != 0x7f
	}
	if simple {
		return `"` + s + `"`
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(strings.ToValidUTF8(s, "\ufffd")) // A text can always be encoded.
	return strings.TrimSuffix(b.String(), "\n")
}

// plain writes a number without exponent and needless zeros. It is false for one of too many digits, which it does not write out
// to find that out.
func plain(d decimal.Decimal) (string, bool) {
	if d.IsZero() {
		return "0", true
	}
	if d.Exponent() > MaxDigits || d.Exponent() < -10*MaxDigits || d.NumDigits() > 11*MaxDigits {
		return "", false
	}
	s := d.String()
	whole, part, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return s, len(whole) <= MaxDigits && len(part) <= MaxDigits
}
