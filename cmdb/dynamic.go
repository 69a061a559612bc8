// This file holds dynamic groups: named filters, whose members are whichever CIs meet them when they are read.

package cmdb

import (
	"context"
	"fmt"
	"slices"

	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// KindDynamicGroup is the kind of record that a dynamic group is.
const KindDynamicGroup = "ci_dynamic_group"

// MaxConditions is how many names a list of a [Selection] may have, how many conditions it may have on attributes, and how many values
// one of these.
const MaxConditions = 100

// Selection says which CIs are meant. Its JSON form is plain data that a host keeps as it likes; the zero value means every CI that is
// not retired. A CI meets it where it meets each part that says something, and a part that lists several where it is one of them.
type Selection struct {
	// Classes are classes of the model; a CI of a class below one is of it too.
	Classes []string `json:"classes,omitempty"`
	// States are those of the lifecycle; none is every state but [StateRetired].
	States       []State   `json:"states,omitempty"`
	Environments []string  `json:"environments,omitempty"`
	Groups       []itsm.ID `json:"groups,omitempty"`
	Owners       []itsm.ID `json:"owners,omitempty"`
	Sites        []itsm.ID `json:"sites,omitempty"`
	// NamePrefix is how the name begins, and CriticalityAtLeast how critical the CI is at least.
	NamePrefix         string `json:"name_prefix,omitempty"`
	CriticalityAtLeast int    `json:"criticality_at_least,omitempty"`
	// Attributes are conditions that are all to be met. They are looked at CI by CI: see [Practice.Select].
	Attributes []Condition `json:"attributes,omitempty"`
}

// Operator is how an attribute is compared.
type Operator string

// The operators. Of an attribute with several values one that meets the condition is enough, but for [OperatorAbsent].
const (
	// OperatorEqual takes one value or more, of which one is to be the attribute's.
	OperatorEqual Operator = "equal"
	// OperatorAtLeast and OperatorAtMost take one value. They are for numbers, dates and instants.
	OperatorAtLeast Operator = "at_least"
	OperatorAtMost  Operator = "at_most"
	// OperatorPresent and OperatorAbsent take none.
	OperatorPresent Operator = "present"
	OperatorAbsent  Operator = "absent"
)

// Condition is one on an attribute. A CI without a value meets [OperatorAbsent] alone.
type Condition struct {
	Attribute string         `json:"attribute"`
	Operator  Operator       `json:"operator"`
	Values    []schema.Value `json:"values,omitempty"`
}

// check notes what is wrong with a selection by a model, under a field, and gives it with its values in their canonical form.
func (s Selection) check(model *schema.Compiled, field string, f *itsm.Faults) Selection {
	for name, n := range map[string]int{"classes": len(s.Classes), "states": len(s.States), "environments": len(s.Environments),
		"groups": len(s.Groups), "owners": len(s.Owners), "sites": len(s.Sites), "attributes": len(s.Attributes)} {
		if n > MaxConditions {
			f.Addf(field+"."+name, "are %d; at most %d are allowed", n, MaxConditions)
		}
	}
	var of []string
	for i, name := range s.Classes {
		if _, ok := model.Class(name); !ok {
			f.Addf(fmt.Sprintf("%s.classes[%d]", field, i), "is %s, which the model does not have", quoted(name))
		}
		of = append(of, model.Below(name)...)
	}
	if len(s.Classes) == 0 {
		for _, c := range model.Model().Classes {
			of = append(of, c.Name)
		}
	}
	for i, state := range s.States {
		if _, ok := StandardLifecycle().Category(state); !ok {
			f.Addf(fmt.Sprintf("%s.states[%d]", field, i), "is %s, which is no state", quoted(string(state)))
		}
	}
	f.Text(field+".name_prefix", s.NamePrefix, MaxName, false)
	if s.CriticalityAtLeast < 0 || s.CriticalityAtLeast > MaxCriticality {
		f.Addf(field+".criticality_at_least", "must be from 0 to %d", MaxCriticality)
	}
	s.Attributes = slices.Clone(s.Attributes)
	for i := range s.Attributes {
		s.Attributes[i] = s.Attributes[i].check(model, of, fmt.Sprintf("%s.attributes[%d]", field, i), f)
	}
	return s
}

// check does that for a condition, of CIs of the classes.
func (c Condition) check(model *schema.Compiled, classes []string, field string, f *itsm.Faults) Condition {
	var class string
	var a schema.Attribute
	for _, name := range classes {
		var ok bool
		if a, ok = model.Attribute(name, c.Attribute); ok {
			class = name
			break
		}
	}
	if class == "" {
		f.Addf(field+".attribute", "is %s, which none of the classes has", quoted(c.Attribute))
		return c
	}
	least, most := 1, 1
	switch c.Operator {
	case OperatorEqual:
		most = MaxConditions
	case OperatorAtLeast, OperatorAtMost:
		if !slices.Contains([]schema.Type{schema.TypeInteger, schema.TypeDecimal, schema.TypeDate, schema.TypeInstant}, a.Type) {
			f.Addf(field+".operator", "is for numbers, dates and instants, and %s is none", c.Attribute)
		}
	case OperatorPresent, OperatorAbsent:
		least, most = 0, 0
	default:
		f.Add(field+".operator", "must be equal, at_least, at_most, present or absent")
		return c
	}
	if n := len(c.Values); n < least || n > most {
		f.Addf(field+".values", "are %d; it takes from %d to %d", n, least, most)
		return c
	}
	values := make([]schema.Value, len(c.Values))
	for i, v := range c.Values {
		if v.IsZero() {
			f.Addf(fmt.Sprintf("%s.values[%d]", field, i), "is none; ask for absent instead")
			continue
		}
		if a.List {
			v = schema.List(v)
		}
		canonical, err := model.CanonicalValue(class, c.Attribute, v)
		if err != nil {
			f.Merge(fmt.Sprintf("%s.values[%d]", field, i), err)
			continue
		}
		if one, ok := canonical.List(); ok && len(one) == 1 {
			canonical = one[0]
		}
		values[i] = canonical
	}
	c.Values = values
	return c
}

// filter is what of a selection the store answers.
func (s Selection) filter(model *schema.Compiled) storage.Filter[Head] {
	var all []storage.Filter[Head]
	if len(s.Classes) > 0 {
		classes := []string{}
		for _, name := range s.Classes {
			for _, below := range append(model.Below(name), name) {
				if !slices.Contains(classes, below) {
					classes = append(classes, below)
				}
			}
		}
		all = append(all, ByClass.In(classes...))
	}
	if len(s.States) == 0 {
		all = append(all, ByCurrent.Is(true))
	} else {
		all = append(all, ByState.In(s.States...))
	}
	if len(s.Environments) > 0 {
		all = append(all, ByEnvironment.In(s.Environments...))
	}
	for _, part := range []struct {
		column storage.Column[Head, itsm.ID]
		ids    []itsm.ID
	}{{ByGroup, s.Groups}, {ByOwner, s.Owners}, {BySite, s.Sites}} {
		if len(part.ids) > 0 {
			all = append(all, part.column.In(part.ids...))
		}
	}
	if s.NamePrefix != "" {
		all = append(all, ByName.HasPrefix(s.NamePrefix))
	}
	if s.CriticalityAtLeast > 0 {
		all = append(all, ByCriticality.AtLeast(s.CriticalityAtLeast))
	}
	return storage.AllOf(all...)
}

// meets says whether the attributes of a CI meet the conditions.
func (s Selection) meets(ci *CI) bool {
	return !slices.ContainsFunc(s.Attributes, func(c Condition) bool { return !c.meets(ci.Attributes[c.Attribute]) })
}

func (c Condition) meets(v schema.Value) bool {
	switch {
	case c.Operator == OperatorAbsent:
		return v.IsZero()
	case v.IsZero():
		return false
	case c.Operator == OperatorPresent:
		return true
	}
	one := func(v schema.Value) bool {
		if c.Operator == OperatorEqual {
			return slices.Contains(c.Values, v)
		}
		order, ok := compareValues(v, c.Values[0])
		return ok && (c.Operator == OperatorAtLeast && order >= 0 || c.Operator == OperatorAtMost && order <= 0)
	}
	if several, ok := v.List(); ok {
		return slices.ContainsFunc(several, one)
	}
	return one(v)
}

// compareValues orders two numbers, dates or instants; false where they are none, or not of one kind.
func compareValues(a, b schema.Value) (int, bool) {
	if x, ok := a.Decimal(); ok {
		y, ok := b.Decimal()
		return x.Cmp(y), ok
	}
	if x, ok := a.Date(); ok {
		y, ok := b.Date()
		return x.Compare(y), ok
	}
	x, ok := a.Instant()
	y, too := b.Instant()
	return x.Compare(y), ok && too
}

// Page asks for one page of a list whose order is fixed.
type Page struct {
	// Limit is how many items it has at most, 50 where it is 0, and After the Next of the page before.
	Limit int
	After storage.Cursor
}

// Select gives a page of the CIs that meet a selection and that the actor may read, by their names. It asks for [PermissionRead]; a
// selection that cannot be is ErrInvalid with every fault.
//
// Classes, states and all else but attributes the store looks for. A selection with attributes reads as many CIs with their bodies as a
// page may have items, and gives those that meet it, so that a page may have fewer items than its limit, or none, though others follow:
// Next tells. No page costs more than its limit.
func (p *Practice) Select(ctx context.Context, actor itsm.Actor, s Selection, page Page) (heads storage.Page[Head], err error) {
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader, of reach) error {
		model, err := p.ready.Of(ctx, r, "")
		if err != nil {
			return err
		}
		var f itsm.Faults
		if s = s.check(model, "selection", &f); !f.Empty() {
			return f.Err("selection")
		}
		heads, err = selected(ctx, r, of, model, s, page)
		return err
	})
	if err != nil {
		return storage.Page[Head]{}, err
	}
	return heads, nil
}

func selected(ctx context.Context, r storage.Reader, of reach, model *schema.Compiled, s Selection, page Page) (storage.Page[Head], error) {
	q := storage.Query[Head]{Where: storage.AllOf(of.filter(), s.filter(model)), Order: []storage.Order{ByName.Asc()}, Limit: page.Limit, After: page.After}
	if len(s.Attributes) == 0 {
		return Table.List(ctx, r, q)
	}
	all, err := Table.Records(ctx, r, q)
	met := storage.Page[Head]{Next: all.Next}
	for i := range all.Items {
		if s.meets(&all.Items[i]) {
			met.Items = append(met.Items, all.Items[i].Head)
		}
	}
	return met, err
}

// DynamicGroup is a selection that has a name.
type DynamicGroup struct {
	DynamicGroupHead
	DynamicGroupBody
}

// DynamicGroupHead is what dynamic groups are listed by.
type DynamicGroupHead struct {
	storage.Meta
	// Name is unique among the dynamic groups of a tenant.
	Name string `json:"name"`
}

// DynamicGroupBody is the rest of a dynamic group.
type DynamicGroupBody struct {
	Description string    `json:"description,omitempty"`
	Selection   Selection `json:"selection"`
}

// DynamicGroupByName is the column of dynamic groups.
var DynamicGroupByName = storage.Col("name", func(h *DynamicGroupHead) *string { return &h.Name })

// DynamicGroupTable is the table of dynamic groups.
var DynamicGroupTable = storage.Define(KindDynamicGroup, storage.Def[DynamicGroup, DynamicGroupHead, DynamicGroupBody]{
	Parts: func(g *DynamicGroup) (*DynamicGroupHead, *DynamicGroupBody) {
		return &g.DynamicGroupHead, &g.DynamicGroupBody
	},
	Columns: []storage.ColumnOf[DynamicGroupHead]{DynamicGroupByName},
	Indexes: []storage.Index{storage.UniqueOn(DynamicGroupByName.Asc())},
})

// DynamicGroupPut: a dynamic group was made or changed; what it selects stands in the event's changes.
type DynamicGroupPut struct {
	Name string `json:"name"`
}

// EventType is the name of the type with its version.
func (DynamicGroupPut) EventType() string { return "ci_dynamic_group.put.v1" }

// DynamicGroupDefinition is a dynamic group as its author writes it.
type DynamicGroupDefinition struct {
	itsm.Command
	// Name says which it is: the one that has it is replaced.
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Selection   Selection `json:"selection"`
}

// PutDynamicGroup makes a dynamic group, or replaces the one of the name. It asks for [PermissionManageGroups]. A selection that cannot
// be by the model that counts now is ErrInvalid, with every fault.
func (p *Practice) PutDynamicGroup(ctx context.Context, actor itsm.Actor, d DynamicGroupDefinition) (DynamicGroup, error) {
	call := engine.Call{Name: "ci.put_dynamic_group", Actor: actor, Command: d.Command, Request: d}
	return engine.Execute(ctx, p.e, DynamicGroupTable, call, func(ctx context.Context, u *engine.Unit) (DynamicGroup, error) {
		if err := u.Authorize(ctx, PermissionManageGroups, &itsm.Subject{Kind: KindDynamicGroup}); err != nil {
			return DynamicGroup{}, err
		}
		model, err := p.ready.Of(ctx, u, "")
		if err != nil {
			return DynamicGroup{}, err
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		f.Text("name", d.Name, MaxName, true)
		f.Text("description", d.Description, MaxDescription, false)
		selection := d.Selection.check(model, "selection", &f)
		if err := f.Err(KindDynamicGroup); err != nil {
			return DynamicGroup{}, err
		}
		g := DynamicGroup{DynamicGroupHead: DynamicGroupHead{Meta: storage.Meta{ID: u.NewID()}, Name: d.Name}}
		had, err := DynamicGroupTable.Records(ctx, u, storage.Query[DynamicGroupHead]{Where: DynamicGroupByName.Is(d.Name), Limit: 1})
		if err != nil {
			return DynamicGroup{}, err
		}
		if len(had.Items) > 0 {
			g = had.Items[0]
		}
		g.Description, g.Selection = d.Description, selection
		if err := DynamicGroupTable.Put(ctx, u, &g); err != nil {
			return DynamicGroup{}, err
		}
		u.Emit(itsm.Event{Kind: KindDynamicGroup, Record: g.ID, Action: "put_dynamic_group", Data: DynamicGroupPut{g.Name}})
		return g, nil
	}, nil)
}

// RemoveDynamicGroup removes a dynamic group for good; its CIs stay as they are. It asks for [PermissionManageGroups]. Its history
// stays, ended by engine.Deleted.
func (p *Practice) RemoveDynamicGroup(ctx context.Context, actor itsm.Actor, id itsm.ID, c itsm.Command) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Key != "" {
		return storage.Invalid(KindDynamicGroup, "key", "is of no use to remove: there is nothing to give again")
	}
	return p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		if err := u.Authorize(ctx, PermissionManageGroups, &itsm.Subject{Kind: KindDynamicGroup, ID: id}); err != nil {
			return err
		}
		g, err := DynamicGroupTable.Get(ctx, u, id)
		if err != nil {
			return err
		}
		if c.IfVersion != 0 && c.IfVersion != g.Version {
			return &itsm.VersionError{Kind: KindDynamicGroup, ID: id, Seen: c.IfVersion, Current: g.Version}
		}
		return DynamicGroupTable.Delete(ctx, u, &g)
	})
}

// DynamicGroups gives a page of dynamic groups; without an order by their names. It asks for [PermissionRead].
func (p *Practice) DynamicGroups(ctx context.Context, actor itsm.Actor, q storage.Query[DynamicGroupHead]) (page storage.Page[DynamicGroupHead], err error) {
	if len(q.Order) == 0 {
		q.Order = []storage.Order{DynamicGroupByName.Asc()}
	}
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader, _ reach) error {
		page, err = DynamicGroupTable.List(ctx, r, q)
		return err
	})
	return page, err
}

// DynamicGroup gives a dynamic group. It asks for [PermissionRead].
func (p *Practice) DynamicGroup(ctx context.Context, actor itsm.Actor, id itsm.ID) (g DynamicGroup, err error) {
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader, _ reach) error {
		g, err = DynamicGroupTable.Get(ctx, r, id)
		return err
	})
	return g, err
}

// DynamicMembers gives a page of the CIs that are in a dynamic group now, as [Practice.Select] does. Classes and attributes that the
// model has no more select nothing.
func (p *Practice) DynamicMembers(ctx context.Context, actor itsm.Actor, id itsm.ID, page Page) (heads storage.Page[Head], err error) {
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader, of reach) error {
		g, err := DynamicGroupTable.Get(ctx, r, id)
		if err != nil {
			return err
		}
		model, err := p.ready.Of(ctx, r, "")
		if err != nil {
			return err
		}
		heads, err = selected(ctx, r, of, model, g.Selection, page)
		return err
	})
	if err != nil {
		return storage.Page[Head]{}, err
	}
	return heads, nil
}
