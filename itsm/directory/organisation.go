// This file holds organisations: the record, its table, and its commands.

package directory

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Organisation is a company, a department or a team to which people belong. Organisations form trees.
type Organisation struct {
	OrganisationHead
	OrganisationBody
}

// OrganisationHead is what lists of organisations show, filter and sort by.
type OrganisationHead struct {
	storage.Meta
	Name string `json:"name"`
	// Parent is the organisation of which it is a part.
	Parent itsm.ID `json:"parent,omitempty"`
	// VIP asks for special attention to its people.
	VIP    bool `json:"vip"`
	Active bool `json:"active"`
}

// OrganisationBody is the rest of an organisation.
type OrganisationBody struct {
	Description string `json:"description,omitempty"`
}

// The columns of the table of organisations.
var (
	OrganisationByName   = storage.Col("name", func(h *OrganisationHead) *string { return &h.Name })
	OrganisationByParent = storage.Col("parent", func(h *OrganisationHead) *itsm.ID { return &h.Parent })
	OrganisationByVIP    = storage.BoolCol("vip", func(h *OrganisationHead) *bool { return &h.VIP })
	OrganisationByActive = storage.BoolCol("active", func(h *OrganisationHead) *bool { return &h.Active })
)

// OrganisationTable is the table of organisations.
var OrganisationTable = storage.Define(KindOrganisation, storage.Def[Organisation, OrganisationHead, OrganisationBody]{
	Parts: func(o *Organisation) (*OrganisationHead, *OrganisationBody) {
		return &o.OrganisationHead, &o.OrganisationBody
	},
	Columns: []storage.ColumnOf[OrganisationHead]{OrganisationByName, OrganisationByParent, OrganisationByVIP, OrganisationByActive},
	Indexes: []storage.Index{
		storage.IndexOn(OrganisationByName.Asc()),
		storage.IndexOn(OrganisationByParent.Asc(), OrganisationByName.Asc()),
	},
})

var organisationTree = treeOf(OrganisationTable, OrganisationByParent, func(o *Organisation) itsm.ID { return o.Parent })

// NewOrganisation is an organisation to be added.
type NewOrganisation struct {
	itsm.Command
	// ID is the host's own; empty makes one.
	ID          itsm.ID `json:"id,omitempty"`
	Name        string  `json:"name"`
	Parent      itsm.ID `json:"parent,omitempty"`
	VIP         bool    `json:"vip,omitempty"`
	Description string  `json:"description,omitempty"`
}

// OrganisationEdit changes an organisation. A nil field stays as it is.
type OrganisationEdit struct {
	itsm.Command
	Name        *string  `json:"name,omitempty"`
	Parent      *itsm.ID `json:"parent,omitempty"`
	VIP         *bool    `json:"vip,omitempty"`
	Active      *bool    `json:"active,omitempty"`
	Description *string  `json:"description,omitempty"`
}

// AddOrganisation adds an organisation, which is active. Its parent must be in the directory.
func (p *Practice) AddOrganisation(ctx context.Context, actor itsm.Actor, r NewOrganisation) (Organisation, error) {
	c := commandOf(OrganisationTable, actionAdd, actor, "", r.Command, r)
	return create(ctx, p, OrganisationTable, c, r.ID, OrganisationAdded{}, func(ctx context.Context, u *engine.Unit, f *itsm.Faults) (Organisation, error) {
		o := Organisation{
			OrganisationHead{Name: r.Name, Parent: r.Parent, VIP: r.VIP, Active: true},
			OrganisationBody{Description: r.Description},
		}
		return o, o.check(ctx, u, &Organisation{}, f)
	})
}

// EditOrganisation changes an organisation. Where nothing is another than before, nothing happens.
// A parent that is the organisation itself or below it, or that would make the tree deeper than
// [MaxDepth], is a fault.
func (p *Practice) EditOrganisation(ctx context.Context, actor itsm.Actor, id itsm.ID, r OrganisationEdit) (Organisation, error) {
	c := commandOf(OrganisationTable, actionEdit, actor, id, r.Command, r)
	return change(ctx, p, OrganisationTable, c, OrganisationEdited{}, func(ctx context.Context, u *engine.Unit, o *Organisation, f *itsm.Faults) error {
		was := *o
		set(&o.Name, r.Name)
		set(&o.Parent, r.Parent)
		set(&o.VIP, r.VIP)
		set(&o.Active, r.Active)
		set(&o.Description, r.Description)
		return o.check(ctx, u, &was, f)
	})
}

func (o *Organisation) check(ctx context.Context, u *engine.Unit, was *Organisation, f *itsm.Faults) error {
	f.Text("name", o.Name, MaxName, true)
	f.Text("description", o.Description, MaxText, false)
	return organisationTree.check(ctx, u, f, o.ID, was.Parent, o.Parent)
}
