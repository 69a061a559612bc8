// This file holds how the CIs that an incident is linked to make known what it impacts.

package servicedesk

import (
	"context"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
)

// assessOnLink and assessOnUnlink have it computed what an incident impacts when it is linked to a CI, and when such a link ends.
func (d *Desk) assessOnLink(ctx context.Context, u *engine.Unit, e itsm.Event, l incident.Linked) error {
	return d.linkChanged(ctx, u, e, l.Type, l.To)
}

func (d *Desk) assessOnUnlink(ctx context.Context, u *engine.Unit, e itsm.Event, l incident.Unlinked) error {
	return d.linkChanged(ctx, u, e, l.Type, l.To)
}

func (d *Desk) linkChanged(ctx context.Context, u *engine.Unit, e itsm.Event, t itsm.LinkType, to itsm.Ref) error {
	return d.Configuration.LinkChanged(ctx, u, itsm.Link{Type: t, From: itsm.Ref{Kind: e.Kind, ID: e.Record}, To: to})
}
