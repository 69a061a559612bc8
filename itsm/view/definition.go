// This file holds what a view asks for: its definition, the check of it, and how it is made a query.

package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Definition is what a view asks for.
type Definition struct {
	// Title is what people read.
	Title string `json:"title"`
	// RecordKind is the kind of the records: the name of their table.
	RecordKind string `json:"record_kind"`
	// Where says which records; the zero condition is all. A text value may be [Me] or, with the
	// operator "in", [MyGroups]; no other text that stands in braces is allowed.
	Where storage.Condition `json:"where,omitzero"`
	// Order is by columns that are never absent; none is that of the practice's own list.
	Order []Order `json:"order,omitempty"`
	// Columns are those to be shown, in their order. At least one is required.
	Columns []string `json:"columns"`
}

// Order is one column of an order.
type Order struct {
	Column     string `json:"column"`
	Descending bool   `json:"descending,omitempty"`
}

// What stands in a condition for whoever runs the view.
const (
	// Me is the actor's id.
	Me = "{me}"
	// MyGroups are the groups in which the actor works in the tenant, as values of "in".
	MyGroups = "{my_groups}"
)

// The bounds of a definition.
const (
	MaxDepth   = 8        // of nested conditions
	MaxParts   = 100      // conditions in all
	MaxValues  = 200      // values in all
	MaxOrder   = 5        // columns of the order
	MaxColumns = 50       // columns that are shown
	MaxJSON    = 32 << 10 // bytes of the JSON form
)

// Decode reads the JSON form of a definition, of at most [MaxJSON] bytes. What is no definition is
// ErrInvalid; whether the kind has such columns is for [Definition.Check].
func Decode(raw []byte) (Definition, error) {
	if len(raw) > MaxJSON {
		return Definition{}, storage.Invalid("view", "json", fmt.Sprintf("is longer than %d bytes", MaxJSON))
	}
	var d Definition
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		var f itsm.Faults
		if errors.Is(err, itsm.ErrInvalid) {
			f.Merge("where", err)
		} else {
			f.Add("json", "is not a definition of a view")
		}
		return Definition{}, f.Err("view")
	}
	if _, err := dec.Token(); err != io.EOF {
		return Definition{}, storage.Invalid("view", "json", "has more than one definition")
	}
	return d, nil
}

// Check reports every fault of a definition against the table of its kind at once.
func (d Definition) Check(s *storage.Schema) error {
	var f itsm.Faults
	f.Text("title", d.Title, storage.MaxText, true)
	if s.Name() != d.RecordKind {
		f.Addf("record_kind", "is %.64q; the table is that of %s", d.RecordKind, s.Name())
	}
	count := counter{}
	count.walk(d.Where, 1, &f)
	if count.depth > MaxDepth {
		f.Addf("where", "is nested deeper than %d", MaxDepth)
	}
	if count.parts > MaxParts {
		f.Addf("where", "has more than %d parts", MaxParts)
	}
	if count.values > MaxValues {
		f.Addf("where", "has more than %d values", MaxValues)
	}
	f.Merge("where", resolve(d.Where, "me", []itsm.ID{"group"}).Check(s))
	if len(d.Order) > MaxOrder {
		f.Addf("order", "has %d columns; at most %d are allowed", len(d.Order), MaxOrder)
	} else {
		f.Merge("", storage.CheckQuery(s, storage.RowQuery{Order: d.order(), Limit: 1}))
	}
	switch {
	case len(d.Columns) == 0:
		f.Add("columns", "are required: at least one is shown")
	case len(d.Columns) > MaxColumns:
		f.Addf("columns", "are %d; at most %d are allowed", len(d.Columns), MaxColumns)
	default:
		for i, name := range d.Columns {
			at := fmt.Sprintf("columns[%d]", i)
			if _, known := s.Column(name); !known {
				f.Addf(at, "is %.64q, which is not a column of %s", name, s.Name())
			} else if slices.Contains(d.Columns[:i], name) {
				f.Addf(at, "is %.64q, which is shown already", name)
			}
		}
	}
	return f.Err("view of " + s.Name())
}

// counter measures a condition, to beyond what is allowed and no further.
type counter struct{ depth, parts, values int }

func (n *counter) walk(c storage.Condition, depth int, f *itsm.Faults) {
	n.depth = max(n.depth, depth)
	if n.parts++; n.parts > MaxParts || depth > MaxDepth {
		return
	}
	n.values += len(c.Values)
	for _, v := range c.Values {
		text, _ := v.(string)
		if !strings.HasPrefix(text, "{") || !strings.HasSuffix(text, "}") {
			continue
		}
		switch {
		case text == MyGroups && c.Op != storage.In:
			f.Addf("where", "has %s for the operator %q; it goes with \"in\" alone", MyGroups, c.Op)
		case text != Me && text != MyGroups:
			f.Addf("where", "has %.64q; what stands in braces must be %s or %s", text, Me, MyGroups)
		}
	}
	for _, sub := range c.Of {
		n.walk(sub, depth+1, f)
	}
}

func (d Definition) order() []storage.Order {
	var order []storage.Order
	for _, o := range d.Order {
		order = append(order, storage.Order{Column: o.Column, Descending: o.Descending})
	}
	return order
}

// resolve gives a condition with whoever runs it in place of what stands for them.
func resolve(c storage.Condition, me itsm.ID, groups []itsm.ID) storage.Condition {
	values := c.Values
	if c.Values != nil {
		values = make([]any, 0, len(c.Values))
		for _, v := range c.Values {
			switch v {
			case Me:
				values = append(values, string(me))
			case MyGroups:
				for _, g := range groups {
					values = append(values, string(g))
				}
			default:
				values = append(values, v)
			}
		}
	}
	c.Values = values
	of := c.Of
	c.Of = nil
	for _, sub := range of {
		c.Of = append(c.Of, resolve(sub, me, groups))
	}
	return c
}

// Query is a view as whoever runs it asks it: the parts of a query of the practice that has the records.
type Query struct {
	Title      string
	RecordKind string
	// Where is the condition: storage.Table.Where makes it a filter.
	Where   storage.Condition
	Order   []storage.Order
	Columns []string
}

// Query gives what the definition asks for when the actor runs it.
func (d Definition) Query(actor itsm.Actor) Query {
	return Query{Title: d.Title, RecordKind: d.RecordKind, Where: resolve(d.Where, actor.ID, actor.InGroups()), Order: d.order(), Columns: slices.Clone(d.Columns)}
}
