package storage

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
)

// ColumnOf is any typed column of a head H: what [Define] and Table.With accept. Only columns
// of this package are one.
type ColumnOf[H any] interface {
	// Spec is the column as an adapter sees it.
	Spec() ColumnSpec
	get(h *H) any
	set(h *H, v any) error
	ref(h *H) any // the field that the column stands for; nil for a host's own
}

// Column is a typed column of a head H: the declaration of a field that lists show, filter and
// sort by, and the language in which queries are written. It is made by [Col], [NullCol],
// [BoolCol], [TimeCol], [NullTimeCol] and [Custom], and is immutable.
type Column[H, V any] struct {
	spec   ColumnSpec
	field  func(*H) any
	read   func(*H) any
	write  func(*H, any) error
	encode func(V) any
	// decode puts a value where the field is, or says that it is not of the column's kind or that the field
	// cannot hold it.
	decode func(any, *V) bool
}

// Plain is what a column of text or integers may hold.
type Plain interface {
	~string | ~int | ~int8 | ~int16 | ~int32 | ~int64
}

// Col declares a column for a field that always has a value. Integers outside the field's type
// cannot be read back: they are refused as ErrInvalid.
func Col[H any, V Plain](name string, field func(h *H) *V) Column[H, V] {
	kind, encode, decode := plain[V]()
	return Column[H, V]{
		spec:   ColumnSpec{Name: name, Kind: kind},
		field:  func(h *H) any { return field(h) },
		read:   func(h *H) any { return encode(*field(h)) },
		write:  func(h *H, v any) error { return assign(name, kind, v, decode, field(h)) },
		encode: encode, decode: decode,
	}
}

// NullCol declares a column for a field that may be absent: a nil pointer is NULL.
func NullCol[H any, V Plain](name string, field func(h *H) **V) Column[H, V] {
	kind, encode, decode := plain[V]()
	return Column[H, V]{
		spec:  ColumnSpec{Name: name, Kind: kind, Nullable: true},
		field: func(h *H) any { return field(h) },
		read: func(h *H) any {
			if p := *field(h); p != nil {
				return encode(*p)
			}
			return nil
		},
		write: func(h *H, v any) error {
			if v == nil {
				*field(h) = nil
				return nil
			}
			p := new(V)
			*field(h) = p
			return assign(name, kind, v, decode, p)
		},
		encode: encode, decode: decode,
	}
}

// BoolCol declares a column for a bool.
func BoolCol[H any](name string, field func(h *H) *bool) Column[H, bool] {
	encode := func(b bool) any { return b }
	decode := func(v any, to *bool) (ok bool) { *to, ok = v.(bool); return ok }
	return Column[H, bool]{
		spec:   ColumnSpec{Name: name, Kind: Bool},
		field:  func(h *H) any { return field(h) },
		read:   func(h *H) any { return *field(h) },
		write:  func(h *H, v any) error { return assign(name, Bool, v, decode, field(h)) },
		encode: encode, decode: decode,
	}
}

// TimeCol declares a column for an instant that is always there. It is kept in UTC
// microseconds; what is below is cut off.
func TimeCol[H any](name string, field func(h *H) *time.Time) Column[H, time.Time] {
	return Column[H, time.Time]{
		spec:   ColumnSpec{Name: name, Kind: Time},
		field:  func(h *H) any { return field(h) },
		read:   func(h *H) any { return encodeTime(*field(h)) },
		write:  func(h *H, v any) error { return assign(name, Time, v, decodeTime, field(h)) },
		encode: encodeTime, decode: decodeTime,
	}
}

// NullTimeCol declares a column for an instant that may be absent: the zero time is NULL.
func NullTimeCol[H any](name string, field func(h *H) *time.Time) Column[H, time.Time] {
	return Column[H, time.Time]{
		spec:  ColumnSpec{Name: name, Kind: Time, Nullable: true},
		field: func(h *H) any { return field(h) },
		read: func(h *H) any {
			if t := *field(h); !t.IsZero() {
				return encodeTime(t)
			}
			return nil
		},
		write: func(h *H, v any) error {
			if v == nil {
				*field(h) = time.Time{}
				return nil
			}
			return assign(name, Time, v, decodeTime, field(h))
		},
		encode: encodeTime, decode: decodeTime,
	}
}

// CustomValue is what a host's own column may hold.
type CustomValue interface {
	string | int64 | bool | time.Time
}

// Custom declares a host's own column on a shipped table: a typed, indexable value on records
// whose type the host does not own. In the database it is called x_ and the name; it may be
// NULL. Give it to the practice (or Table.With) and set it through its handle:
//
//	var CostCentre = storage.Custom[string](incident.Table, "cost_centre")
//
// Values that records already keep in a custom field of that name in their body are moved into
// the column when it is migrated.
func Custom[V CustomValue, R, H, B any](t Table[R, H, B], name string) Column[H, V] {
	var zero V
	column := "x_" + name
	spec := ColumnSpec{Name: column, Nullable: true, From: []string{"fields", name}}
	encode := func(v V) any { return any(v) }
	decode := func(v any, to *V) (ok bool) { *to, ok = v.(V); return ok }
	switch any(zero).(type) {
	case string:
		spec.Kind = Text
	case int64:
		spec.Kind = Int
	case bool:
		spec.Kind = Bool
	case time.Time:
		spec.Kind = Time
		encode = func(v V) any { return encodeTime(any(v).(time.Time)) }
		decode = func(v any, to *V) bool { return decodeTime(v, any(to).(*time.Time)) }
	}
	meta := t.d.meta
	return Column[H, V]{
		spec: spec,
		read: func(h *H) any {
			v, ok := meta(h).Custom[column]
			if !ok || v == nil {
				return nil
			}
			if typed, ok := v.(V); ok {
				return encode(typed)
			}
			return v // of another type: refused when it is put
		},
		write: func(h *H, v any) error {
			m := meta(h)
			if v == nil {
				delete(own(m), column)
				return nil
			}
			var typed V
			if err := assign(column, spec.Kind, v, decode, &typed); err != nil {
				return err
			}
			own(m)[column] = typed
			return nil
		},
		encode: encode, decode: decode,
	}
}

// own gives the record a map of its own: copies of a head share it until one of them is changed.
func own(m *Meta) map[string]any {
	if m.Custom = maps.Clone(m.Custom); m.Custom == nil {
		m.Custom = map[string]any{}
	}
	return m.Custom
}

func plain[V Plain]() (kind Kind, encode func(V) any, decode func(any, *V) bool) {
	if reflect.TypeFor[V]().Kind() == reflect.String {
		return Text,
			func(v V) any {
				if text, ok := any(v).(string); ok {
					return text
				}
				return reflect.ValueOf(v).String()
			},
			func(v any, to *V) bool {
				text, ok := v.(string)
				if !ok {
					return false
				}
				switch to := any(to).(type) { // the usual ones need no reflection
				case *string:
					*to = text
				case *ID:
					*to = ID(text)
				default:
					reflect.ValueOf(to).Elem().SetString(text)
				}
				return true
			}
	}
	return Int,
		func(v V) any { return reflect.ValueOf(v).Int() },
		func(v any, to *V) bool {
			n, ok := v.(int64)
			if !ok {
				return false
			}
			switch to := any(to).(type) {
			case *int64:
				*to = n
				return true
			case *int:
				*to = int(n)
				return int64(*to) == n
			}
			e := reflect.ValueOf(to).Elem()
			if e.OverflowInt(n) {
				return false
			}
			e.SetInt(n)
			return true
		}
}

func encodeTime(t time.Time) any { return t.UnixMicro() }

func decodeTime(v any, to *time.Time) bool {
	micros, ok := v.(int64)
	if ok {
		*to = time.UnixMicro(micros).UTC()
	}
	return ok
}

// assign decodes what an adapter gave into a field, refusing what is not of the column's kind.
func assign[V any](name string, kind Kind, v any, decode func(any, *V) bool, to *V) error {
	if decode(v, to) {
		return nil
	}
	problem := kindProblem(kind, v)
	if problem == "" {
		problem = fmt.Sprintf("holds %v, which its field cannot", v)
	}
	return Invalid("column "+name, name, problem)
}

func kindProblem(k Kind, v any) string {
	ok := false
	switch v.(type) {
	case string:
		ok = k == Text
	case int64:
		ok = k == Int || k == Time
	case bool:
		ok = k == Bool
	}
	if ok {
		return ""
	}
	return fmt.Sprintf("takes %s values, not %T", k, v)
}

// Spec is the column as an adapter sees it.
func (c Column[H, V]) Spec() ColumnSpec { return c.spec }

// From gives the column with another place in older bodies: see ColumnSpec.From.
func (c Column[H, V]) From(path ...string) Column[H, V] {
	c.spec.From = path
	return c
}

func (c Column[H, V]) get(h *H) any          { return c.read(h) }
func (c Column[H, V]) set(h *H, v any) error { return c.write(h, v) }
func (c Column[H, V]) ref(h *H) any {
	if c.field == nil {
		return nil
	}
	return c.field(h)
}

// Of gives the head's value, and whether there is one.
func (c Column[H, V]) Of(h *H) (value V, ok bool) {
	v := c.read(h)
	ok = c.decode(v, &value)
	return value, ok
}

// Value is a value for this column, to be given to a command that sets columns it does not know.
func (c Column[H, V]) Value(v V) Value[H] {
	return Value[H]{Column: c.spec.Name, value: c.encode(v), set: func(h *H) error { return c.write(h, c.encode(v)) }}
}

// Clear is the Value that makes this column NULL; applying it to one that cannot be is ErrInvalid.
func (c Column[H, V]) Clear() Value[H] {
	return Value[H]{Column: c.spec.Name, set: func(h *H) error {
		if !c.spec.Nullable {
			return Invalid("column "+c.spec.Name, c.spec.Name, "cannot be null")
		}
		return c.write(h, nil)
	}}
}

// Value is a value bound to its column.
type Value[H any] struct {
	// Column is the column's name.
	Column string
	value  any
	set    func(*H) error
}

// MarshalJSON gives the column's name and the value, so that a request with values can be told
// from another.
func (v Value[H]) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"column": v.Column, "value": v.value})
}

// Apply sets the value on a head.
func (v Value[H]) Apply(h *H) error {
	if v.set == nil {
		return Invalid("value", "column", "is not set; make values by Column.Value")
	}
	return v.set(h)
}

// Is holds where the column has the value.
func (c Column[H, V]) Is(v V) Filter[H] { return c.leaf(Equal, v) }

// IsNot holds where the column has another value or none.
func (c Column[H, V]) IsNot(v V) Filter[H] { return NotOf(c.Is(v)) }

// In holds where the column has one of the values; without values, nowhere.
func (c Column[H, V]) In(vs ...V) Filter[H] { return c.leaf(In, vs...) }

// Below holds where the column is less than v (an instant: before v).
func (c Column[H, V]) Below(v V) Filter[H] { return c.leaf(Below, v) }

// AtMost holds where the column is v or less (an instant: v or before).
func (c Column[H, V]) AtMost(v V) Filter[H] { return c.leaf(AtMost, v) }

// Above holds where the column is greater than v (an instant: after v).
func (c Column[H, V]) Above(v V) Filter[H] { return c.leaf(Above, v) }

// AtLeast holds where the column is v or greater (an instant: v or after).
func (c Column[H, V]) AtLeast(v V) Filter[H] { return c.leaf(AtLeast, v) }

// IsNull holds where the column has no value.
func (c Column[H, V]) IsNull() Filter[H] { return c.leaf(Null) }

// HasPrefix holds where the text begins with the prefix, byte by byte. On a column that is not
// text the query is ErrInvalid.
func (c Column[H, V]) HasPrefix(prefix string) Filter[H] {
	f := c.leaf(Prefix)
	f.cond.Values = []any{prefix}
	return f
}

// Contains holds where the text is somewhere in the column's, byte by byte but for the letters A to Z,
// which are taken for a to z: see the operator [Contains]. On a column that is not text the query is
// ErrInvalid.
func (c Column[H, V]) Contains(text string) Filter[H] {
	f := c.leaf(Contains)
	f.cond.Values = []any{text}
	return f
}

// Asc orders by the column, least first.
func (c Column[H, V]) Asc() Order { return Order{Column: c.spec.Name} }

// Desc orders by the column, greatest first.
func (c Column[H, V]) Desc() Order { return Order{Column: c.spec.Name, Descending: true} }

func (c Column[H, V]) leaf(op Op, vs ...V) Filter[H] {
	f := Filter[H]{cond: Condition{Op: op, Column: c.spec.Name}, read: c.read}
	if len(vs) > 0 {
		f.cond.Values = make([]any, len(vs))
		for i, v := range vs {
			f.cond.Values[i] = c.encode(v)
		}
	}
	return f
}

// Filter is a typed condition on a head. The zero Filter holds for every record.
type Filter[H any] struct {
	cond Condition
	read func(*H) any
	of   []Filter[H]
}

// AllOf holds where every filter does; with none, everywhere.
func AllOf[H any](fs ...Filter[H]) Filter[H] { return combine(And, fs) }

// AnyOf holds where one of the filters does; with none, nowhere.
func AnyOf[H any](fs ...Filter[H]) Filter[H] { return combine(Or, fs) }

// NotOf holds where the filter does not.
func NotOf[H any](f Filter[H]) Filter[H] { return combine(Not, []Filter[H]{f}) }

func combine[H any](op Op, fs []Filter[H]) Filter[H] {
	fs = slices.Clone(fs)
	f := Filter[H]{cond: Condition{Op: op, Of: make([]Condition, len(fs))}, of: fs}
	for i, sub := range fs {
		f.cond.Of[i] = sub.cond
	}
	return f
}

// NamedBy holds where a record of the other table, of the same tenant, that meets the filter names
// the record's id in the column, which is of text. So an index that begins with the columns that the
// filter compares for equality, with this one behind them, tells the whole answer. The other table
// may be the record's own.
//
// Only a store can tell, of the state that it reads: see [Filter.Matchable]. The filter itself must
// not be made of NamedBy.
func NamedBy[H, R, O, B any](other Table[R, O, B], column ColumnOf[O], where Filter[O]) Filter[H] {
	return Filter[H]{cond: Condition{Op: Named, By: &Reference{Schema: other.Schema(), Column: column.Spec().Name, Where: where.cond}}}
}

// Condition is the filter as data.
func (f Filter[H]) Condition() Condition { return f.cond }

// Matchable says whether Match can evaluate the filter: it is not made of NamedBy.
func (f Filter[H]) Matchable() bool { return f.cond.Matchable() }

// Match evaluates the filter on a head in memory, with the same answer as a store gives. Where the
// answer hangs on NamedBy it panics: see Matchable.
func (f Filter[H]) Match(h *H) bool {
	switch f.cond.Op {
	case All:
		return true
	case And:
		for _, sub := range f.of {
			if !sub.Match(h) {
				return false
			}
		}
		return true
	case Or:
		for _, sub := range f.of {
			if sub.Match(h) {
				return true
			}
		}
		return false
	case Not:
		return !f.of[0].Match(h)
	case Named:
		panic(notMatchable)
	}
	return matchLeaf(f.cond.Op, f.read(h), f.cond.Values)
}
