// This file holds how changes stand on the change schedule of the desk: with what they impact by the configuration.

package servicedesk

import (
	"context"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/change/schedule"
	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// plan makes the change schedule, and has changes stand on it.
func (d *Desk) plan(c Config, o *change.Options) (err error) {
	if o.Schedule == nil {
		s := c.ChangeSchedule
		if s.MayRead == nil {
			s.MayRead = func(ctx context.Context, r storage.Reader, actor itsm.Actor, ids []itsm.ID) (map[itsm.ID]bool, error) {
				return d.Changes.MayReadEach(ctx, r, actor, ids)
			}
		}
		if o.Schedule, err = schedule.New(d.Engine, s); err != nil {
			return err
		}
	}
	d.ChangeSchedule = o.Schedule
	if o.Touches == nil {
		o.Touches = d.touches
	}
	return nil
}

// touches gives what a change impacts, as it was computed and corrected last, and the parents and children of its items.
func (d *Desk) touches(ctx context.Context, r storage.Reader, c change.Change) (change.Touched, error) {
	var t change.Touched
	if c.ID != "" {
		of := storage.AllOf(cmdb.ImpactedByRecordKind.Is(change.Kind), cmdb.ImpactedByRecord.Is(c.ID), cmdb.ImpactedByOrigin.IsNot(cmdb.OriginExcluded))
		q := storage.Query[cmdb.ImpactedHead]{Where: of, Limit: storage.MaxPage}
		for h, err := range storage.Pages(q, func(q storage.Query[cmdb.ImpactedHead]) (storage.Page[cmdb.ImpactedHead], error) {
			return cmdb.ImpactedTable.List(ctx, r, q)
		}) {
			if err != nil {
				return t, err
			}
			if h.Service {
				t.Services = append(t.Services, h.CI)
			}
			t.CIs = append(t.CIs, calendar.CI{ID: h.CI, Relation: calendar.RelationImpacted})
		}
	}
	if len(d.config.ParentRelations) == 0 {
		return t, nil
	}
	const chunk = 200
	for some := range slices.Chunk(c.CIs, chunk) {
		for _, side := range []struct {
			own      storage.Filter[cmdb.RelationHead]
			order    []storage.Order
			relation calendar.Relation
		}{
			{cmdb.RelationBySource.In(some...), []storage.Order{cmdb.RelationBySource.Asc()}, calendar.RelationChild},
			{cmdb.RelationByTarget.In(some...), []storage.Order{cmdb.RelationByTarget.Asc()}, calendar.RelationParent},
		} {
			q := storage.Query[cmdb.RelationHead]{Where: storage.AllOf(side.own, cmdb.RelationByCurrent.Is(true), cmdb.RelationByType.In(d.config.ParentRelations...)),
				Order: side.order, Limit: storage.MaxPage}
			for h, err := range storage.Pages(q, func(q storage.Query[cmdb.RelationHead]) (storage.Page[cmdb.RelationHead], error) {
				return cmdb.RelationTable.List(ctx, r, q)
			}) {
				if err != nil {
					return t, err
				}
				other := calendar.CI{ID: h.Target, Relation: side.relation, Via: h.Source}
				if side.relation == calendar.RelationParent {
					other.ID, other.Via = h.Source, h.Target
				}
				if t.CIs = append(t.CIs, other); len(t.CIs) > maxTouched {
					return t, itsm.Invalid(change.Kind, "cis", "have more parents and children than a change can book")
				}
			}
		}
	}
	return t, nil
}

// maxTouched leaves room for the items of a change among those that a booking may have.
const maxTouched = calendar.MaxCIs - change.MaxCIs

// rebookOnAssessment and rebookOnCorrection have a change book what it impacts when that was computed or corrected.
func (d *Desk) rebookOnAssessment(ctx context.Context, u *engine.Unit, _ itsm.Event, a cmdb.ImpactAssessed) error {
	return d.rebook(ctx, u, a.Of)
}

func (d *Desk) rebookOnCorrection(ctx context.Context, u *engine.Unit, _ itsm.Event, c cmdb.ImpactCorrected) error {
	return d.rebook(ctx, u, c.Of)
}

func (d *Desk) rebook(ctx context.Context, u *engine.Unit, of itsm.Ref) error {
	if of.Kind != change.Kind {
		return nil
	}
	err := d.Changes.Rebook(ctx, u, of.ID)
	if errors.Is(err, itsm.ErrNotFound) {
		return nil // what was assessed is no change of this desk
	}
	return err
}
