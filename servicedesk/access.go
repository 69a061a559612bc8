// This file holds who may know of a record that another names, and of what hangs on a record.

package servicedesk

import (
	"context"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/interaction"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/itsm/oncall"
	"github.com/itsmkit/itsmkit/itsm/recurrence"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/itsm/settings"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/itsm/trigger"
	"github.com/itsmkit/itsmkit/itsm/view"
	"github.com/itsmkit/itsmkit/itsm/webhook"
	"github.com/itsmkit/itsmkit/problem"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/storage"
)

// mayRead asks the practice that has the record whether the actor may read it. No practice renders the
// record for that, as what a record shows of others is asked here again: an incident may be held for its
// own task.
func (d *Desk) mayRead(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error {
	switch ref.Kind {
	case incident.Kind:
		return d.Incidents.MayRead(ctx, r, actor, ref.ID)
	case change.Kind:
		return d.Changes.MayRead(ctx, r, actor, ref.ID)
	case change.KindTemplate, change.KindTemplateState:
		return d.Engine.Authorizer().Authorize(ctx, actor, change.PermissionReadTemplate, nil)
	case problem.Kind, problem.KindKnownError, problem.KindProposal, problem.KindVulnerability:
		return d.Problems.MayRead(ctx, r, actor, ref)
	case task.Kind:
		return d.Tasks.MayRead(ctx, r, actor, ref.ID)
	case ballot.Kind:
		return d.Approvals.MayRead(ctx, r, actor, ref.ID)
	case ballot.DelegationKind:
		return d.Engine.Authorizer().Authorize(ctx, actor, ballot.PermissionDelegateFor, nil)
	case interaction.Kind:
		return d.Interactions.MayRead(ctx, r, actor, ref.ID)
	case oncall.KindEscalation:
		return d.OnCall.MayRead(ctx, r, actor, ref.ID)
	case sla.TimerKind:
		return d.ServiceLevels.MayRead(ctx, r, actor, ref.ID)
	case cmdb.Kind:
		return d.Configuration.MayRead(ctx, r, actor, ref.ID)
	case cmdb.KindRelation, cmdb.KindGroup, cmdb.KindOutage:
		// To know of one takes to know of each CI that it names. Of what a group had before, its history tells: webhooks
		// that are not for restricted records are told of none.
		above, err := d.above(ctx, r, actor.Tenant, ref)
		if err != nil {
			return err
		}
		for _, ci := range above {
			if err := d.Configuration.MayRead(ctx, r, actor, ci.ID); err != nil {
				return err
			}
		}
		return nil
	case cmdb.KindAssessment, cmdb.KindImpacted:
		return d.Configuration.MayReadImpact(ctx, r, actor, ref)
	case directory.KindPerson, directory.KindGroup, directory.KindOrganisation, directory.KindSite:
		return d.Engine.Authorizer().Authorize(ctx, actor, directory.PermissionReadNames, nil)
	case incident.MajorKind, incident.CustomerKind, task.PlanKind, trigger.FiringKind, sla.EntitlementKind:
		// They are read by commands of their own; to know of one takes to know of what it hangs on.
		if err := d.Engine.Authorizer().Authorize(ctx, actor, incident.PermissionReadInternal, nil); err != nil {
			return err
		}
		above, err := d.above(ctx, r, actor.Tenant, ref)
		if err != nil {
			return err
		}
		return d.mayRead(ctx, r, actor, above[0])
	}
	if d.config.MayRead != nil {
		return d.config.MayRead(ctx, r, actor, ref)
	}
	return d.Engine.Authorizer().Authorize(ctx, actor, incident.PermissionReadInternal, nil)
}

// mayReadEach asks what mayRead does about many records, of incidents together, of changes and of problems.
func (d *Desk) mayReadEach(ctx context.Context, r storage.Reader, actor itsm.Actor, refs []itsm.Ref) (map[itsm.Ref]bool, error) {
	may := make(map[itsm.Ref]bool, len(refs))
	var incidents, changes, problems []itsm.ID
	for _, ref := range refs {
		switch ref.Kind {
		case incident.Kind:
			incidents = append(incidents, ref.ID)
			continue
		case change.Kind:
			changes = append(changes, ref.ID)
			continue
		case problem.Kind:
			problems = append(problems, ref.ID)
			continue
		}
		err := d.mayRead(ctx, r, actor, ref)
		if err != nil && !errors.Is(err, itsm.ErrNotFound) && !errors.Is(err, itsm.ErrForbidden) {
			return nil, err
		}
		may[ref] = err == nil
	}
	found, err := d.Incidents.MayReadEach(ctx, r, actor, incidents)
	if err != nil {
		return nil, err
	}
	for _, id := range incidents {
		may[itsm.Ref{Kind: incident.Kind, ID: id}] = found[id]
	}
	if found, err = d.Changes.MayReadEach(ctx, r, actor, changes); err != nil {
		return nil, err
	}
	for _, id := range changes {
		may[itsm.Ref{Kind: change.Kind, ID: id}] = found[id]
	}
	if found, err = d.Problems.MayReadEach(ctx, r, actor, problems); err != nil {
		return nil, err
	}
	for _, id := range problems {
		may[itsm.Ref{Kind: problem.Kind, ID: id}] = found[id]
	}
	return may, nil
}

// hangsOn are the columns by which the records of a kind name the one that they hang on, and the kind of that
// where no column says it. Where no column names its id, it is the same.
var hangsOn = map[string]struct{ kind, kindColumn, idColumn string }{
	incident.MajorKind:    {kind: incident.Kind},
	incident.CustomerKind: {kind: incident.Kind, idColumn: "incident"},
	task.Kind:             {kindColumn: "parent_kind", idColumn: "parent_id"},
	task.PlanKind:         {kindColumn: "parent_kind", idColumn: "parent_id"},
	ballot.Kind:           {kindColumn: "parent_kind", idColumn: "parent_id"},
	ballot.ApproverKind:   {kindColumn: "parent_kind", idColumn: "parent_id"},
	oncall.KindEscalation: {kindColumn: "subject_kind", idColumn: "subject_id"},
	trigger.FiringKind:    {kindColumn: "record_kind", idColumn: "record"},
	sla.TimerKind:         {kindColumn: "subject_kind", idColumn: "subject"},
	sla.EntitlementKind:   {kindColumn: "subject_kind", idColumn: "subject"},
	cmdb.KindOutage:       {kind: cmdb.Kind, idColumn: "ci"},
}

// above gives the records that one hangs on; none where it stands by itself. One that is not there is
// ErrNotFound.
func (d *Desk) above(ctx context.Context, r storage.Reader, tenant itsm.Tenant, ref itsm.Ref) ([]itsm.Ref, error) {
	if ref.Kind == interaction.Kind {
		i, err := interaction.Table.Get(ctx, r, ref.ID)
		if err != nil {
			return nil, err
		}
		var became []itsm.Ref
		for _, c := range i.Became {
			became = append(became, c.Record)
		}
		return became, nil
	}
	switch ref.Kind {
	case cmdb.KindRelation:
		rel, err := cmdb.RelationTable.GetFrom(ctx, r, tenant, ref.ID)
		if err != nil {
			return nil, err
		}
		return []itsm.Ref{{Kind: cmdb.Kind, ID: rel.Source}, {Kind: cmdb.Kind, ID: rel.Target}}, nil
	case cmdb.KindGroup:
		g, err := cmdb.GroupTable.GetFrom(ctx, r, tenant, ref.ID)
		if err != nil {
			return nil, err
		}
		on := []itsm.Ref{{Kind: cmdb.Kind, ID: g.Owner}}
		for _, m := range g.Members {
			on = append(on, itsm.Ref{Kind: cmdb.Kind, ID: m.CI})
		}
		return on, nil
	}
	by, hangs := hangsOn[ref.Kind]
	if !hangs {
		return nil, nil
	}
	if by.idColumn == "" {
		return []itsm.Ref{{Kind: by.kind, ID: ref.ID}}, nil
	}
	for _, s := range d.Engine.Schemas() {
		if s.Name() != ref.Kind {
			continue
		}
		row, err := r.Get(ctx, s, tenant, ref.ID)
		if err != nil {
			return nil, err
		}
		on := itsm.Ref{Kind: by.kind}
		if by.kindColumn != "" {
			on.Kind, _ = row.Value(s, by.kindColumn).(string)
		}
		id, _ := row.Value(s, by.idColumn).(string)
		on.ID = itsm.ID(id)
		return []itsm.Ref{on}, nil
	}
	return nil, &storage.Error{Op: "get", Table: ref.Kind, ID: ref.ID, Err: storage.ErrNotFound}
}

// alone are the kinds of the desk's records that hang on no other, and of which none is restricted. A kind
// that is neither here nor in hangsOn is told of to endpoints for restricted records alone.
var alone = []string{
	directory.KindPerson, directory.KindGroup, directory.KindOrganisation, directory.KindSite,
	oncall.KindSchedule, oncall.KindOverride, oncall.KindPolicy,
	incident.KindTemplate, change.KindTemplate, change.KindTemplateState, routing.Kind, trigger.Kind, recurrence.Kind, notify.KindRules, notify.KindPreference,
	sla.AgreementKind, sla.CalendarKind, sla.PolicyKind,
	problem.KindVulnerability, problem.KindProposal, // restricted incidents are in none
	cmdb.KindBaseline, cmdb.KindModel, cmdb.KindDynamicGroup,
	ballot.DelegationKind, view.Kind, view.KindPin, settings.Kind, settings.Kind + "_profile", settings.Kind + "_place", webhook.Kind,
}

// openness says who may be told of a record.
type openness int

const (
	unknown openness = iota // the desk cannot say
	shut                    // it is restricted, or hangs on what is, or is gone
	open                    // it is not
)

// openness follows a record to what it hangs on.
func (d *Desk) openness(ctx context.Context, r storage.Reader, tenant itsm.Tenant, ref itsm.Ref) (openness, error) {
	if slices.Contains(alone, ref.Kind) {
		return open, nil
	}
	if _, hangs := hangsOn[ref.Kind]; hangs || ref.Kind == interaction.Kind || ref.Kind == cmdb.KindRelation {
		above, err := d.above(ctx, r, tenant, ref)
		if errors.Is(err, itsm.ErrNotFound) {
			return shut, nil
		}
		if err != nil {
			return shut, err
		}
		is := open
		for _, on := range above {
			switch of, err := d.openness(ctx, r, tenant, on); {
			case err != nil || of == shut:
				return shut, err
			case of == unknown:
				is = unknown
			}
		}
		return is, nil
	}
	for _, s := range d.Engine.Schemas() {
		if s.Name() != ref.Kind {
			continue
		}
		if _, says := s.Column(restrictedColumn); !says {
			break
		}
		row, err := r.Get(ctx, s, tenant, ref.ID)
		if errors.Is(err, itsm.ErrNotFound) {
			return shut, nil
		}
		if err != nil {
			return shut, err
		}
		if restricted, _ := row.Value(s, restrictedColumn).(bool); restricted {
			return shut, nil
		}
		return open, nil
	}
	return unknown, nil
}

// restrictedColumn is the column by which records say that they are for those named alone.
const restrictedColumn = "restricted"

// mayTell says whether an endpoint may be told of an event: one that is not for restricted records is told
// of no record that hangs on one. What the desk cannot say of a host's records, the host's own option says.
func (d *Desk) mayTell(ctx context.Context, r storage.Reader, to webhook.Endpoint, e itsm.Event) (bool, error) {
	host := d.config.Webhook.MayKnow
	if !to.Restricted {
		is, err := d.openness(ctx, r, e.Tenant, itsm.Ref{Kind: e.Kind, ID: e.Record})
		if err != nil || is == shut || is == unknown && host == nil {
			return false, err
		}
	}
	if host == nil {
		return true, nil
	}
	return host(ctx, r, to, e)
}
