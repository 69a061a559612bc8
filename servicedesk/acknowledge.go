// This file holds how pages and the incidents that they are about follow each other.

package servicedesk

import (
	"context"
	"errors"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/oncall"
	"github.com/itsmkit/itsmkit/storage"
)

// acknowledgeIncident acknowledges the incident about which a page was acknowledged. One that is
// acknowledged already, or at its end, stays as it is.
func (d *Desk) acknowledgeIncident(ctx context.Context, u *engine.Unit, _ itsm.Event, a oncall.Acknowledged) error {
	if a.Subject.Kind != incident.Kind {
		return nil
	}
	_, err := d.Incidents.In(u.Store()).Acknowledge(ctx, u.System("oncall"), a.Subject.ID, incident.Moment{})
	if errors.Is(err, itsm.ErrTransition) {
		return nil
	}
	return err
}

func (d *Desk) acknowledgeOnAccept(ctx context.Context, u *engine.Unit, e itsm.Event, _ incident.Accepted) error {
	return d.acknowledgePages(ctx, u, itsm.Ref{Kind: e.Kind, ID: e.Record})
}

func (d *Desk) acknowledgeOnStart(ctx context.Context, u *engine.Unit, e itsm.Event, _ incident.Started) error {
	return d.acknowledgePages(ctx, u, itsm.Ref{Kind: e.Kind, ID: e.Record})
}

// acknowledgePages acknowledges what is escalating about a record on which somebody works now: nobody
// else needs to be told.
func (d *Desk) acknowledgePages(ctx context.Context, u *engine.Unit, subject itsm.Ref) error {
	page, err := oncall.EscalationTable.List(ctx, u, storage.Query[oncall.EscalationHead]{
		Where: storage.AllOf(oncall.EscalationBySubjectKind.Is(subject.Kind), oncall.EscalationBySubjectID.Is(subject.ID), oncall.EscalationByOpen.Is(true)),
		Limit: storage.MaxPage,
	})
	if err != nil {
		return err
	}
	for _, h := range page.Items {
		if h.State != oncall.StateEscalating {
			continue
		}
		if _, err := d.OnCall.In(u.Store()).Acknowledge(ctx, u.System("servicedesk"), h.ID, itsm.Command{}); err != nil {
			return err
		}
	}
	return nil
}
