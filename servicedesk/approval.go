// This file holds whom approvals ask: the people of the directory.

package servicedesk

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/storage"
)

// approvers gives the active people behind a person, a group or a role. Who is not active is nobody, and so is
// whoever works in a group that is not.
func (d *Desk) approvers(ctx context.Context, r storage.Reader, s approval.Source) ([]itsm.ID, error) {
	switch s.Kind {
	case approval.SourcePerson:
		return d.active(ctx, r, []itsm.ID{itsm.ID(s.Name)})
	case approval.SourceGroup:
		g, err := d.People.Group(ctx, r, itsm.ID(s.Name))
		if err != nil || !g.Active {
			return nil, err
		}
		return d.members(ctx, r, g.ID)
	case approval.SourceRole:
		if d.config.Holders == nil {
			return nil, itsm.Invalid("approvers", "role", "is not known: Config.Holders is not set")
		}
		ids, err := d.config.Holders(ctx, r, itsm.RoleName(s.Name))
		if err != nil {
			return nil, err
		}
		return d.active(ctx, r, ids)
	}
	return nil, nil
}

// active leaves the people who are there and active, in the order in which they are given.
func (d *Desk) active(ctx context.Context, r storage.Reader, ids []itsm.ID) ([]itsm.ID, error) {
	people, err := d.People.People(ctx, r, ids)
	if err != nil {
		return nil, err
	}
	is := make(map[itsm.ID]bool, len(people))
	for _, p := range people {
		is[p.ID] = p.Active
	}
	var out []itsm.ID
	for _, id := range ids {
		if is[id] {
			out = append(out, id)
		}
	}
	return out, nil
}
