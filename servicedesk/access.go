// This file holds who may know of a record that another names.

package servicedesk

import (
	"context"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/interaction"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/storage"
)

// mayRead asks the practice that has the record. The reads are part of the transaction that ctx
// carries, where there is one.
func (d *Desk) mayRead(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error {
	var err error
	switch ref.Kind {
	case incident.Kind:
		_, err = d.Incidents.Get(ctx, actor, ref.ID)
	case task.Kind:
		_, err = d.Tasks.Get(ctx, actor, ref.ID)
	case sla.TimerKind:
		_, err = d.ServiceLevels.Get(ctx, actor, ref.ID)
	case interaction.Kind:
		_, err = d.Interactions.Get(ctx, actor, ref.ID)
	case directory.KindPerson, directory.KindGroup, directory.KindOrganisation, directory.KindSite:
		err = d.Engine.Authorizer().Authorize(ctx, actor, directory.PermissionReadNames, nil)
	default:
		if d.config.MayRead != nil {
			return d.config.MayRead(ctx, r, actor, ref)
		}
		err = d.Engine.Authorizer().Authorize(ctx, actor, incident.PermissionReadInternal, nil)
	}
	return err
}
