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

// acknowledgeIncident acknowledges the incident about which a page was acknowledged: now, or as soon as it
// was reported where that time lies ahead, as by a clock that is fast. One that is acknowledged already, or
// at its end, stays as it is.
func (d *Desk) acknowledgeIncident(ctx context.Context, u *engine.Unit, _ itsm.Event, a oncall.Acknowledged) error {
	if a.Subject.Kind != incident.Kind {
		return nil
	}
	i, err := d.Incidents.Table().Get(ctx, u, a.Subject.ID)
	if errors.Is(err, itsm.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	at := incident.Moment{}
	if i.Reported.After(u.Now()) {
		at.At = i.Reported
	}
	_, err = d.Incidents.In(u.Store()).Acknowledge(ctx, u.System("oncall"), i.ID, at)
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

func (d *Desk) acknowledgeOnAcknowledge(ctx context.Context, u *engine.Unit, e itsm.Event, _ incident.Acknowledged) error {
	return d.acknowledgePages(ctx, u, itsm.Ref{Kind: e.Kind, ID: e.Record})
}

// acknowledgePages acknowledges what is escalating about a record of which somebody has taken notice, or
// on which somebody works now: nobody else needs to be told.
func (d *Desk) acknowledgePages(ctx context.Context, u *engine.Unit, subject itsm.Ref) error {
	page, err := oncall.EscalationTable.List(ctx, u, storage.Query[oncall.EscalationHead]{
		Where: storage.AllOf(oncall.EscalationBySubjectKind.Is(subject.Kind), oncall.EscalationBySubjectID.Is(subject.ID),
			oncall.EscalationByState.Is(oncall.StateEscalating)),
		Limit: storage.MaxPage,
	})
	if err != nil {
		return err
	}
	for _, h := range page.Items {
		if _, err := d.OnCall.In(u.Store()).Acknowledge(ctx, u.System("servicedesk"), h.ID, itsm.Command{}); err != nil {
			return err
		}
	}
	return nil
}
