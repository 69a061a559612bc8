// This file holds groups: the record, its table, and its commands. Who is in a group is in member.go.

package directory

import (
	"context"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Group is people who share work: a support group, an advisory board. Groups form trees, and the
// people of a group work in those above it too.
type Group struct {
	GroupHead
	GroupBody
}

// GroupHead is what lists of groups show, filter and sort by.
type GroupHead struct {
	storage.Meta
	Name string `json:"name"`
	// Kind is what the group is for, in the host's own words: "support", "advisory_board".
	Kind string `json:"kind,omitempty"`
	// Parent is the group of which it is a part.
	Parent itsm.ID `json:"parent,omitempty"`
	// Lead is the person who answers for it, a member or not.
	Lead itsm.ID `json:"lead,omitempty"`
	// Email is where the group as such is written to, in lower case.
	Email string `json:"email,omitempty"`
	// Active groups can be given work. No one works in one that is not, nor through it in those
	// above it.
	Active bool `json:"active"`
	// Size is the number of its own members, without those of the groups below it.
	Size int `json:"size"`
}

// GroupBody is the rest of a group.
type GroupBody struct {
	Description string `json:"description,omitempty"`
}

// The columns of the table of groups.
var (
	GroupByName   = storage.Col("name", func(h *GroupHead) *string { return &h.Name })
	GroupByKind   = storage.Col("kind", func(h *GroupHead) *string { return &h.Kind })
	GroupByParent = storage.Col("parent", func(h *GroupHead) *itsm.ID { return &h.Parent })
	GroupByLead   = storage.Col("lead", func(h *GroupHead) *itsm.ID { return &h.Lead })
	GroupByEmail  = storage.Col("email", func(h *GroupHead) *string { return &h.Email })
	GroupByActive = storage.BoolCol("active", func(h *GroupHead) *bool { return &h.Active })
	GroupBySize   = storage.Col("size", func(h *GroupHead) *int { return &h.Size })
)

// GroupTable is the table of groups.
var GroupTable = storage.Define(KindGroup, storage.Def[Group, GroupHead, GroupBody]{
	Parts:   func(g *Group) (*GroupHead, *GroupBody) { return &g.GroupHead, &g.GroupBody },
	Columns: []storage.ColumnOf[GroupHead]{GroupByName, GroupByKind, GroupByParent, GroupByLead, GroupByEmail, GroupByActive, GroupBySize},
	Indexes: []storage.Index{
		storage.IndexOn(GroupByName.Asc()),
		storage.IndexOn(GroupByKind.Asc(), GroupByName.Asc()),
		storage.IndexOn(GroupByParent.Asc(), GroupByName.Asc()),
		storage.IndexOn(GroupByLead.Asc()),
		storage.IndexOn(GroupByEmail.Asc()),
	},
})

var groupTree = treeOf(GroupTable, GroupByParent, func(g *Group) itsm.ID { return g.Parent })

// Ref names the group for links and fields.
func (h *GroupHead) Ref() itsm.Ref { return itsm.Ref{Kind: KindGroup, ID: h.ID} }

// NewGroup is a group to be added. Its people are added by [Practice.ChangeMembers].
type NewGroup struct {
	itsm.Command
	// ID is the host's own; empty makes one.
	ID          itsm.ID `json:"id,omitempty"`
	Name        string  `json:"name"`
	Kind        string  `json:"kind,omitempty"`
	Parent      itsm.ID `json:"parent,omitempty"`
	Lead        itsm.ID `json:"lead,omitempty"`
	Email       string  `json:"email,omitempty"`
	Description string  `json:"description,omitempty"`
}

// GroupEdit changes a group. A nil field stays as it is.
type GroupEdit struct {
	itsm.Command
	Name        *string  `json:"name,omitempty"`
	Kind        *string  `json:"kind,omitempty"`
	Parent      *itsm.ID `json:"parent,omitempty"`
	Lead        *itsm.ID `json:"lead,omitempty"`
	Email       *string  `json:"email,omitempty"`
	Active      *bool    `json:"active,omitempty"`
	Description *string  `json:"description,omitempty"`
}

// AddGroup adds a group, which is active. Its parent and lead must be in the directory.
func (p *Practice) AddGroup(ctx context.Context, actor itsm.Actor, r NewGroup) (Group, error) {
	c := commandOf(GroupTable, actionAdd, actor, "", r.Command, r)
	return create(ctx, p, GroupTable, c, r.ID, GroupAdded{}, func(ctx context.Context, u *engine.Unit, f *itsm.Faults) (Group, error) {
		g := Group{
			GroupHead{Name: r.Name, Kind: r.Kind, Parent: r.Parent, Lead: r.Lead, Email: lower(r.Email), Active: true},
			GroupBody{Description: r.Description},
		}
		return g, p.checkGroup(ctx, u, &g, &Group{}, f)
	})
}

// EditGroup changes a group. Where nothing is another than before, nothing happens. A parent that
// is the group itself or below it, or that would make the tree deeper than [MaxDepth], is a fault.
func (p *Practice) EditGroup(ctx context.Context, actor itsm.Actor, id itsm.ID, r GroupEdit) (Group, error) {
	c := commandOf(GroupTable, actionEdit, actor, id, r.Command, r)
	return change(ctx, p, GroupTable, c, GroupEdited{}, func(ctx context.Context, u *engine.Unit, g *Group, f *itsm.Faults) error {
		was := *g
		set(&g.Name, r.Name)
		set(&g.Kind, r.Kind)
		set(&g.Parent, r.Parent)
		set(&g.Lead, r.Lead)
		set(&g.Email, r.Email)
		g.Email = lower(g.Email)
		set(&g.Active, r.Active)
		set(&g.Description, r.Description)
		return p.checkGroup(ctx, u, g, &was, f)
	})
}

func (p *Practice) checkGroup(ctx context.Context, u *engine.Unit, g, was *Group, f *itsm.Faults) error {
	f.Text("name", g.Name, MaxName, true)
	f.Text("kind", g.Kind, MaxName, false)
	if kinds := p.o.GroupKinds; len(kinds) > 0 && g.Kind != "" && !slices.Contains(kinds, g.Kind) {
		f.Addf("kind", "must be one of: %s", strings.Join(kinds, ", "))
	}
	if g.Email != "" {
		checkEmail("email", g.Email, f)
	}
	f.Text("description", g.Description, MaxText, false)
	if g.Lead != was.Lead {
		if err := checkPerson(ctx, u, f, "lead", g.Lead); err != nil {
			return err
		}
	}
	return groupTree.check(ctx, u, f, g.ID, was.Parent, g.Parent)
}
