// This file holds how a cell of a table is read.

package schema

import (
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
)

// Parse reads the value of an attribute from a cell of a table, as of a CSV file. Space around it does not count, and an empty cell
// is none. Booleans may be true, yes, y or 1, false, no, n or 0; choices are taken without regard to case where only one is meant;
// dates and instants are those of [TypeDate] and [TypeInstant], with any offset, and numbers have a point and no separators, as
// other forms mean different things in different places. Elements of a list stand between semicolons or on lines, or the cell is a
// JSON list.
//
// What Parse gives, [Compiled.Check] accepts. What it refuses is [storage.ErrInvalid] under "attributes.<name>", or under "class"
// where that does not exist; it may be abstract.
func (c *Compiled) Parse(class, attribute, cell string) (Value, error) {
	var f itsm.Faults
	a := c.named(&f, class, attribute)
	cell = strings.TrimSpace(cell)
	if a == nil || cell == "" {
		return Value{}, f.Err("configuration item")
	}
	at := "attributes." + a.Name
	var v Value
	switch {
	case !a.List:
		v = a.parseOne(&f, at, cell)
	case strings.HasPrefix(cell, "["):
		var problem string
		if v, problem = decodeValue([]byte(cell)); problem != "" {
			f.Add(at, problem)
		}
		v = a.canonical(v)
	default:
		var list []Value
		for _, part := range strings.FieldsFunc(cell, func(r rune) bool { return r == ';' || r == '\n' || r == '\r' }) {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, a.parseOne(&f, at, part))
			}
		}
		v = setOf(list)
	}
	if f.Empty() {
		a.check(&f, at, v)
	}
	if err := f.Err("configuration item"); err != nil {
		return Value{}, err
	}
	return v, nil
}

func (a *attribute) parseOne(f *itsm.Faults, at, text string) Value {
	if a.Type == TypeChoice {
		return Text(a.meant(text))
	}
	v, err := read(a.Type, text)
	if err != nil {
		f.Add(at, forms[a.Type])
		return Value{}
	}
	return v
}

// meant gives the choice that a text is, or is but for its case.
func (a *attribute) meant(text string) string {
	found := ""
	for _, choice := range a.Choices {
		switch {
		case choice == text:
			return choice
		case strings.EqualFold(choice, text) && found != "":
			return text
		case strings.EqualFold(choice, text):
			found = choice
		}
	}
	if found == "" {
		return text
	}
	return found
}
