// This file holds how values are held to their attributes.

package schema

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// ordered are the types that minimum and maximum bound.
var ordered = []Type{TypeInteger, TypeDecimal, TypeDate, TypeInstant}

// Check says what is wrong with the values of a CI of a class, as [storage.ErrInvalid] with every fault at once, each under
// "attributes.<name>", and under "class" where no CI can be of the class: names that are no attributes, values that are required
// and missing, of another type, in another form than the canonical one, among no choices, or beyond their bounds. It does not know
// other CIs: that a reference leads to one is for whoever keeps them.
func (c *Compiled) Check(class string, v Values) error {
	var f itsm.Faults
	one := c.concrete(&f, class)
	if one == nil {
		return f.Err("configuration item")
	}
	one.check(&f, v, true)
	return f.Err("configuration item")
}

// concrete gives a class that CIs can be of, or notes why there is none.
func (c *Compiled) concrete(f *itsm.Faults, name string) *class {
	one := c.classes[name]
	switch {
	case name == "":
		f.Add("class", "is required")
	case one == nil:
		f.Addf("class", "is %q, which is no class", shown(name))
	case one.Abstract:
		f.Addf("class", "%s is abstract: a configuration item is of a class below it", one.Name)
		return nil
	}
	return one
}

func (c *class) check(f *itsm.Faults, v Values, missing bool) {
	for _, a := range c.attributes {
		value := v[a.Name]
		if missing && a.Required && isBlank(value) {
			f.Add("attributes."+a.Name, "is required")
		} else if !value.IsZero() {
			a.check(f, "attributes."+a.Name, value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if c.byName[name] == nil && !v[name].IsZero() {
			f.Addf("attributes."+shown(name), "is no attribute of %s", c.Name)
		}
	}
}

// isBlank says that a value does not do for what is required.
func isBlank(v Value) bool {
	if s, ok := v.Text(); ok {
		return strings.TrimSpace(s) == ""
	}
	return v.IsZero() || v.json == "[]"
}

// Missing gives the attributes that a CI of the class needs in a state and has no value of, in the order of [Compiled.Attributes]:
// those that are always required, and those that the state requires. It is empty for a class that does not exist, and judges no
// value.
func (c *Compiled) Missing(class, state string, v Values) []string {
	one := c.classes[class]
	if one == nil {
		return nil
	}
	var names []string
	for _, a := range one.attributes {
		if (a.Required || slices.Contains(one.required[state], a.Name)) && isBlank(v[a.Name]) {
			names = append(names, a.Name)
		}
	}
	return names
}

// Canonical gives the values of a CI of a class in the form that [Compiled.Check] asks for, and checks them: numbers and instants
// are read from texts, instants are moved to UTC, addresses and networks are written in one way, lists are sorted and have each
// element once, and what is none is left out. Two sources that mean the same thereby agree by ==. It is [storage.ErrInvalid], with
// every fault at once as of Check. The values given are not changed.
func (c *Compiled) Canonical(class string, v Values) (Values, error) {
	var f itsm.Faults
	one := c.concrete(&f, class)
	if one == nil {
		return nil, f.Err("configuration item")
	}
	out := make(Values, len(v))
	for name, value := range v {
		if value.IsZero() {
			continue
		}
		if a := one.byName[name]; a != nil {
			value = a.canonical(value)
		}
		out[name] = value
	}
	one.check(&f, out, true)
	if err := f.Err("configuration item"); err != nil {
		return nil, err
	}
	return out, nil
}

// CanonicalValue does to one value what [Compiled.Canonical] does to all: the form in which [Compiled.Check] accepts it. Nothing
// is missing of one value, so that none gives none. The fault is under "attributes.<name>"; a class or an attribute that does not
// exist is one too.
func (c *Compiled) CanonicalValue(class, attribute string, v Value) (Value, error) {
	var f itsm.Faults
	a := c.named(&f, class, attribute)
	if a == nil || v.IsZero() {
		return Value{}, f.Err("configuration item")
	}
	v = a.canonical(v)
	a.check(&f, "attributes."+a.Name, v)
	if err := f.Err("configuration item"); err != nil {
		return Value{}, err
	}
	return v, nil
}

// named gives an attribute of a class, abstract or not, or notes why there is none.
func (c *Compiled) named(f *itsm.Faults, class, attribute string) *attribute {
	one := c.classes[class]
	if one == nil {
		f.Addf("class", "is %q, which is no class", shown(class))
		return nil
	}
	a := one.byName[attribute]
	if a == nil {
		f.Addf("attributes."+shown(attribute), "is no attribute of %s", one.Name)
	}
	return a
}

func (a *attribute) canonical(v Value) Value {
	list, isList := v.List()
	if !isList || !a.List {
		return canonicalOne(a.Type, v)
	}
	for i := range list {
		list[i] = canonicalOne(a.Type, list[i])
	}
	return setOf(list)
}

func setOf(list []Value) Value {
	slices.SortFunc(list, func(a, b Value) int { return cmp.Compare(a.json, b.json) })
	return List(slices.Compact(list)...)
}

// canonicalOne reads what a text says where the type has one form of it. What cannot be read stays, for the check to refuse.
func canonicalOne(t Type, v Value) Value {
	s, ok := v.Text()
	if !ok {
		return v
	}
	switch t {
	case TypeInteger, TypeDecimal, TypeInstant, TypeAddress, TypeNetwork, TypeHardwareAddress:
		if read, err := read(t, s); err == nil {
			return read
		}
	}
	return v
}

// check notes what is wrong with a value that is not none.
func (a *attribute) check(f *itsm.Faults, at string, v Value) {
	list, isList := v.List()
	switch {
	case !a.List && isList:
		f.Add(at, "must be one value, not a list")
	case !a.List:
		a.checkOne(f, at, v)
	case !isList:
		f.Add(at, "must be a list")
	case len(list) > MaxElements:
		f.Addf(at, "has %d elements; at most %d are allowed", len(list), MaxElements)
	default:
		for i, one := range list {
			a.checkOne(f, fmt.Sprintf("%s[%d]", at, i), one)
		}
		if setOf(list) != v {
			f.Add(at, "must have each element once, in the order of their JSON, as it is a set")
		}
	}
}

func (a *attribute) checkOne(f *itsm.Faults, at string, v Value) {
	if problem := formProblem(a.Type, v); problem != "" {
		f.Add(at, problem)
		return
	}
	s, _ := v.Text()
	switch a.Type {
	case TypeText:
		limit := a.MaximumLength
		if limit == 0 {
			limit = DefaultLength
		}
		f.Text(at, s, limit, false)
		if a.pattern != nil && utf8.RuneCountInString(s) <= limit && !a.pattern.MatchString(s) {
			f.Addf(at, "must match %s", shown(a.Pattern))
		}
	case TypeChoice:
		if !slices.Contains(a.Choices, s) {
			f.Add(at, "must be one of: "+a.choices())
		}
	}
	if !a.Minimum.IsZero() && compare(a.Type, v, a.Minimum) < 0 {
		f.Add(at, "must be at least "+a.Minimum.String())
	}
	if !a.Maximum.IsZero() && compare(a.Type, v, a.Maximum) > 0 {
		f.Add(at, "must be at most "+a.Maximum.String())
	}
}

// choices lists the first choices, so that an error stays short.
func (a *attribute) choices() string {
	const most = 30
	if len(a.Choices) > most {
		return strings.Join(a.Choices[:most], ", ") + ", …"
	}
	return strings.Join(a.Choices, ", ")
}

// formProblem says why a value is not of the type's canonical form, or nothing.
func formProblem(t Type, v Value) string {
	s, isText := v.Text()
	switch t {
	case TypeText, TypeChoice:
		if !isText {
			return "must be a text"
		}
		return ""
	case TypeInteger:
		if _, ok := v.Integer(); !ok {
			return "must be a whole number of at most 64 bits"
		}
		return ""
	case TypeDecimal:
		if !v.isNumber() {
			return "must be a number"
		}
		return ""
	case TypeBoolean:
		if !v.isBoolean() {
			return "must be true or false"
		}
		return ""
	}
	if !isText {
		s = ""
	}
	want, err := read(t, s)
	switch {
	case err != nil || !isText:
		return forms[t]
	case want != v:
		return "must be written as " + want.String()
	}
	return ""
}

// forms says what a type takes.
var forms = map[Type]string{
	TypeInteger:         "must be a whole number of at most 64 bits, as 42",
	TypeDecimal:         fmt.Sprintf("must be a number as 12.5, of at most %d digits on either side of its point", MaxDigits),
	TypeBoolean:         "must be true or false",
	TypeDate:            "must be a date as 2026-05-31",
	TypeInstant:         "must be an instant as 2026-05-31T14:30:00Z",
	TypeReference:       "must be the id of a configuration item",
	TypeAddress:         "must be an IP address as 192.0.2.1 or 2001:db8::1, without zone and prefix length",
	TypeNetwork:         "must be an IP network as 192.0.2.0/24, without bits behind its prefix",
	TypeHardwareAddress: "must be a hardware address as 00:00:5e:00:53:01",
}

var (
	errForm   = errors.New("is not of the form")
	errDigits = fmt.Errorf("is a number of more than %d digits on a side of its point", MaxDigits)
)

// read gives the value of a type that a text means, in its canonical form. It knows no bounds.
func read(t Type, s string) (Value, error) {
	switch t {
	case TypeText, TypeChoice:
		return Text(s), nil
	case TypeInteger:
		n, err := strconv.ParseInt(s, 10, 64)
		return Integer(n), err
	case TypeDecimal:
		d, err := readNumber(s)
		return Decimal(d), err
	case TypeBoolean:
		switch strings.ToLower(s) {
		case "true", "yes", "y", "1":
			return Boolean(true), nil
		case "false", "no", "n", "0":
			return Boolean(false), nil
		}
		return Value{}, errForm
	case TypeDate:
		_, err := readDate(s)
		return Text(s), err
	case TypeInstant:
		at, err := readInstant(s)
		return Instant(at), err
	case TypeReference:
		if storage.CheckKey(s) != "" {
			return Value{}, errForm
		}
		return Text(s), nil
	case TypeAddress:
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return Value{}, errForm
		}
		return Text(a.Unmap().String()), nil
	case TypeNetwork:
		p, err := netip.ParsePrefix(s)
		if err != nil || p != p.Masked() {
			return Value{}, errForm
		}
		return Text(p.String()), nil
	case TypeHardwareAddress:
		a, err := net.ParseMAC(s)
		return Text(a.String()), err
	}
	return Value{}, errForm
}

// readNumber reads a number as JSON and people write it, and refuses one of too many digits before it takes room.
func readNumber(s string) (decimal.Decimal, error) {
	if len(s) > 4*MaxDigits {
		return decimal.Decimal{}, errDigits
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return decimal.Decimal{}, errForm
	}
	if _, ok := plain(d); !ok {
		return decimal.Decimal{}, errDigits
	}
	return d, nil
}

func readDate(s string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1 || t.Format(time.DateOnly) != s {
		return time.Time{}, errForm
	}
	return t, nil
}

// readInstant reads RFC 3339 with any offset, of which UTC is in the years 1 to 9999.
func readInstant(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, errForm
	}
	t = storage.Instant(t)
	if t.IsZero() || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, errForm
	}
	return t, nil
}

// compare orders two values of the form of an ordered type.
func compare(t Type, a, b Value) int {
	switch t {
	case TypeInteger, TypeDecimal:
		x, _ := a.Decimal()
		y, _ := b.Decimal()
		return x.Cmp(y)
	case TypeDate:
		x, _ := a.Date()
		y, _ := b.Date()
		return x.Compare(y)
	case TypeInstant:
		x, _ := a.Instant()
		y, _ := b.Instant()
		return x.Compare(y)
	}
	return 0
}
