// This file holds how the desk pages about an incident by itself.

package servicedesk

import (
	"context"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/oncall"
)

// page starts an escalation about an incident by a policy, as the unit's actor: whoever acknowledges the
// incident, or begins to work on it, ends it, before its first page too where the policy waits before that.
// An incident that is not open any more is nobody's to be told of, and one that is escalating by the policy
// already, or was acknowledged by it, is not told of twice. A policy that is not there or retired is
// ErrInvalid.
func (d *Desk) page(ctx context.Context, u *engine.Unit, i incident.Head, policy itsm.ID) error {
	if !i.Open {
		return nil
	}
	_, err := d.OnCall.In(u.Store()).Start(ctx, u.Actor(), oncall.Page{
		Subject: itsm.Ref{Kind: incident.Kind, ID: i.ID}, Policy: policy, Summary: i.Number + ": " + i.Title,
	})
	return err
}
