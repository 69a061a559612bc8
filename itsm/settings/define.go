// This file holds settings as a program defines them: name, type, default, validators, merge.

package settings

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Merge says what a tenant's own value makes of the one that it inherits.
type Merge string

// The merges.
const (
	// MergeReplace: the nearest value holds, whole.
	MergeReplace Merge = "replace"
	// MergeKeys is for maps: each key has the value of the nearest tenant that sets it, and the
	// default has what nobody sets. A key that is inherited cannot be taken away.
	MergeKeys Merge = "keys"
	// MergeItems is for lists: the items of the default, then those of each tenant from the top
	// down, without those that are there already.
	MergeItems Merge = "items"
)

// MaxName is the greatest length of a setting's name in bytes.
const MaxName = 100

// MaxValue is the greatest length of a value's JSON form in bytes.
const MaxValue = 64 << 10

// Setting is the typed handle of a setting. It is immutable; [Define] makes it, a program keeps it
// in a variable, gives it to [New] and reads by it.
type Setting[T any] struct{ d *definition }

// Definition is any [Setting], whatever its type.
type Definition interface {
	// Name is the setting's name.
	Name() string
	definition() *definition
}

// definition is a setting without its type: values are their JSON form.
type definition struct {
	name, title string
	merge       Merge
	standard    json.RawMessage
	list, keyed bool // what T can be merged as
	// parse gives the canonical form of a value, or what is wrong with its form; validate says
	// what is wrong with a value that has that form.
	parse    func(raw json.RawMessage) (json.RawMessage, error)
	validate func(raw json.RawMessage) error
}

// Define makes a setting: its name (at most [MaxName] lower-case letters, digits, dots, dashes and
// underscores, the same for ever, as what is kept is kept under it), the default that holds where
// nobody sets it, and what a value must meet. A validator's error continues a sentence that begins
// with the value: "must not be negative"; a *storage.ValidationError names the fields in it.
// Validators are pure, and are asked of the value as it will hold, merged where it is merged.
//
// A value is kept as the JSON form of a T, at most [MaxValue] bytes of it, and read back strictly: a
// field that T does not have is refused. Define panics where the definition is wrong, as it stands
// in a program's text: a bad name, a default that has no JSON form or that a validator refuses.
func Define[T any](name string, standard T, validate ...func(T) error) Setting[T] {
	if problem := checkName(name); problem != "" {
		panic(fmt.Sprintf("settings: the name %q %s", name, problem))
	}
	d := &definition{name: name, merge: MergeReplace}
	if t := reflect.TypeFor[T](); t.Kind() == reflect.Map {
		d.keyed = t.Key().Kind() == reflect.String
	} else {
		d.list = t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8
	}
	d.parse = func(raw json.RawMessage) (json.RawMessage, error) {
		v, err := decode[T](raw)
		if err != nil {
			return nil, err
		}
		return json.Marshal(v)
	}
	d.validate = func(raw json.RawMessage) error {
		v, err := decode[T](raw)
		if err != nil {
			return err
		}
		var f itsm.Faults
		for _, check := range validate {
			if err := check(v); errors.Is(err, storage.ErrInvalid) {
				f.Merge("", err)
			} else if err != nil {
				f.Add("", err.Error())
			}
		}
		return f.Err("setting " + name)
	}
	raw, err := json.Marshal(standard)
	if err == nil {
		d.standard, err = d.parse(raw)
	}
	if err == nil {
		err = d.validate(d.standard)
	}
	if err != nil {
		panic(fmt.Sprintf("settings: the default of %s: %v", name, err))
	}
	return Setting[T]{d}
}

func checkName(name string) string {
	switch {
	case name == "":
		return "is required"
	case len(name) > MaxName:
		return fmt.Sprintf("must be at most %d bytes", MaxName)
	case strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" || strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789._-", r)
	}):
		return "must be of lower-case letters, digits, dots, dashes and underscores"
	}
	return ""
}

// decode reads one value, strictly.
func decode[T any](raw json.RawMessage) (T, error) {
	var v T
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return v, storage.Invalid("setting", kind.Field, fmt.Sprintf("must be a %s, not a %s", kind.Type, kind.Value))
		}
		return v, storage.Invalid("setting", "", "is not the JSON form of such a value: "+strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return v, storage.Invalid("setting", "", "must be one JSON value")
	}
	return v, nil
}

// Merging gives the setting with another merge. It panics where the type cannot be merged so:
// [MergeKeys] takes a map with text keys, [MergeItems] a slice. What is kept stays as it is when a
// program changes a setting's merge: descendants see it from the next change or [Practice.Refresh].
func (s Setting[T]) Merging(m Merge) Setting[T] {
	switch {
	case m == MergeReplace, m == MergeKeys && s.d.keyed, m == MergeItems && s.d.list:
		d := *s.d
		d.merge = m
		return Setting[T]{&d}
	}
	panic(fmt.Sprintf("settings: %s is a %s, which cannot be merged by %q", s.d.name, reflect.TypeFor[T](), m))
}

// Titled gives the setting with what people read as its name.
func (s Setting[T]) Titled(title string) Setting[T] {
	d := *s.d
	d.title = title
	return Setting[T]{&d}
}

// Name is the setting's name.
func (s Setting[T]) Name() string { return s.d.name }

func (s Setting[T]) definition() *definition { return s.d }

// Default is a fresh copy of the value where nobody sets it.
func (s Setting[T]) Default() T {
	v, _ := decode[T](s.d.standard) // Define has read it already
	return v
}

// Value is what holds in a tenant, and where it comes from.
type Value[T any] struct {
	Value T `json:"value"`
	Provenance
}

// Read gives what holds in the reader's one tenant, inside whatever transaction that is: it is one
// read of one record by its id, never of another tenant. It asks for no permission: that is for who
// reads for a person, by [Setting.Get]. A kept value that is no T any more is ErrInvalid.
func (s Setting[T]) Read(ctx context.Context, r storage.Reader) (Value[T], error) {
	e, err := load(ctx, r, s.d.name)
	if err != nil {
		return Value[T]{}, err
	}
	return s.value(s.d.state(&e))
}

// Get is [Practice.Get] with the value as a T.
func (s Setting[T]) Get(ctx context.Context, p *Practice, actor itsm.Actor) (Value[T], error) {
	state, err := p.Get(ctx, actor, s.d.name)
	if err != nil {
		return Value[T]{}, err
	}
	return s.value(state)
}

// Set is [Practice.Set] of a T.
func (s Setting[T]) Set(ctx context.Context, p *Practice, actor itsm.Actor, v T, c itsm.Command) (State, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return State{}, storage.Invalid("setting "+s.d.name, "value", "has no JSON form")
	}
	return p.Set(ctx, actor, s.d.name, Change{Command: c, Value: raw})
}

func (s Setting[T]) value(state State) (Value[T], error) {
	v, err := decode[T](state.Value)
	if err != nil {
		return Value[T]{}, storage.Invalid("setting "+s.d.name, "value", "that is kept cannot be read by this program any more")
	}
	return Value[T]{v, state.Provenance}, nil
}
