// This file holds the reading of what records impact, and by which records a CI is impacted.

package cmdb

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// mayReadRecord gives nil where the actor may know of a record of another practice, and otherwise ErrNotFound. Where the engine has
// records of the kind, there must be such a record.
func (p *Practice) mayReadRecord(ctx context.Context, r storage.Reader, actor itsm.Actor, of itsm.Ref) error {
	for _, s := range p.e.Schemas() {
		if s.Name() == of.Kind {
			if _, err := r.Get(ctx, s, actor.Tenant, of.ID); err != nil {
				return err
			}
		}
	}
	if p.o.MayRead == nil || actor.System {
		return nil
	}
	err := p.o.MayRead(ctx, r, actor, of)
	if isForbidden(err) {
		return notFound(of.Kind, of.ID)
	}
	return err
}

// mayReadRecords asks that about many records.
func (p *Practice) mayReadRecords(ctx context.Context, r storage.Reader, actor itsm.Actor, all []itsm.Ref) (map[itsm.Ref]bool, error) {
	if p.o.MayRead != nil && p.o.MayReadEach != nil && !actor.System {
		return p.o.MayReadEach(ctx, r, actor, all)
	}
	may := make(map[itsm.Ref]bool, len(all))
	for _, of := range all {
		if _, asked := may[of]; asked {
			continue
		}
		err := p.mayReadRecord(ctx, r, actor, of)
		if err != nil && !isNotFound(err) {
			return nil, err
		}
		may[of] = err == nil
	}
	return may, nil
}

// Assessment gives what is known of the impact of a record; one that was never assessed has the revision 0. It asks for
// [PermissionRead] and for what [Options].MayRead asks: a record that the actor may not know of is ErrNotFound. Whoever may not read all
// CIs is told of those that they may read.
func (p *Practice) Assessment(ctx context.Context, actor itsm.Actor, of itsm.Ref) (a Assessment, err error) {
	err = p.view(ctx, actor, func(ctx context.Context, r storage.Reader, sees reach) error {
		if err := p.mayReadRecord(ctx, r, actor, of); err != nil {
			return err
		}
		a, err = AssessmentTable.Get(ctx, r, assessmentID(of))
		if isNotFound(err) {
			a = Assessment{AssessmentHead: AssessmentHead{Meta: storage.Meta{ID: assessmentID(of)}, RecordKind: of.Kind, Record: of.ID}}
			return nil
		}
		if err != nil {
			return err
		}
		return sees.narrow(ctx, r, &a)
	})
	if err != nil {
		return Assessment{}, err
	}
	return a, nil
}

// MayReadImpact gives nil where the actor may know of an assessment or one of its CIs with all that their history tells, and otherwise
// ErrNotFound: to know of an assessment takes to read every CI, restricted ones too, and the record. It reads by r, for whoever keeps records that
// hang on them.
func (p *Practice) MayReadImpact(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error {
	refuse := func(err error) error {
		if err == nil || isForbidden(err) || isNotFound(err) {
			return notFound(ref.Kind, ref.ID)
		}
		return err
	}
	of, err := p.scope(ctx, actor)
	if err != nil {
		return refuse(err)
	}
	if ref.Kind == KindImpacted {
		row, err := ImpactedTable.Get(ctx, r, ref.ID)
		if err != nil {
			return err
		}
		if _, err := p.find(ctx, r, actor, row.CI); err != nil {
			return refuse(err)
		}
		return p.mayReadRecord(ctx, r, actor, row.Of())
	}
	a, err := AssessmentTable.Get(ctx, r, ref.ID)
	if err != nil {
		return err
	}
	if err := p.mayReadRecord(ctx, r, actor, a.Of()); err != nil {
		return refuse(err)
	}
	if !of.every {
		// What was impacted once stands in its history too, and may be restricted by now.
		return refuse(nil)
	}
	return nil
}

// narrow leaves of an assessment what tells of CIs in reach.
func (of reach) narrow(ctx context.Context, r storage.Reader, a *Assessment) error {
	if of.every {
		return nil
	}
	rows, err := impactedOf(ctx, r, a.Of())
	if err != nil {
		return err
	}
	var ids []itsm.ID
	for _, row := range rows {
		ids = append(ids, row.CI)
	}
	for _, n := range a.Named {
		ids = append(ids, n.CI)
	}
	may, err := headsOf(ctx, r, ids, of.filter())
	if err != nil {
		return err
	}
	var counts ImpactCounts
	hidden := false
	for _, row := range rows {
		if _, ok := may[row.CI]; !ok {
			hidden = true
		} else if row.Computed != "" {
			counts.add(row.Computed, row.Service)
		}
	}
	var named []NamedCI
	for _, n := range a.Named {
		if _, ok := may[n.CI]; ok {
			named = append(named, n)
		}
	}
	if hidden || len(named) < len(a.Named) {
		a.Counts, a.Named, a.LeftOut, a.Hidden = counts, named, 0, true
	} else if a.LeftOut > 0 {
		// Who may read those that are not kept is not known.
		a.Counts, a.LeftOut, a.Hidden = counts, 0, true
	}
	return nil
}

// ImpactedCI is a CI that a record impacts, with what lists show of the CI.
type ImpactedCI struct {
	ImpactedHead
	Item Head `json:"item"`
}

// Impacted gives a page of the CIs that a record impacts, excluded ones too unless the query says otherwise; without an order services
// first, and the worst of each first. It asks for what [Practice.Assessment] does. CIs that the actor may not read are left out, so that
// a page may have fewer items than its limit, or none, though others follow: Next tells.
func (p *Practice) Impacted(ctx context.Context, actor itsm.Actor, of itsm.Ref, q storage.Query[ImpactedHead]) (page storage.Page[ImpactedCI], err error) {
	if len(q.Order) == 0 {
		q.Order = []storage.Order{ImpactedByService.Desc(), ImpactedBySeverity.Desc()}
	}
	q.Where = storage.AllOf(ImpactedByRecordKind.Is(of.Kind), ImpactedByRecord.Is(of.ID), q.Where)
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader, sees reach) error {
		if err := p.mayReadRecord(ctx, r, actor, of); err != nil {
			return err
		}
		rows, err := ImpactedTable.List(ctx, r, q)
		if err != nil {
			return err
		}
		var ids []itsm.ID
		for _, row := range rows.Items {
			ids = append(ids, row.CI)
		}
		heads, err := headsOf(ctx, r, ids, sees.filter())
		page = storage.Page[ImpactedCI]{Next: rows.Next}
		for _, row := range rows.Items {
			if h, ok := heads[row.CI]; ok {
				page.Items = append(page.Items, ImpactedCI{row, h})
			}
		}
		return err
	})
	if err != nil {
		return storage.Page[ImpactedCI]{}, err
	}
	return page, nil
}

// ImpactedBy gives a page of the records that impact a CI, as a service, those that a person excluded left out; without an order by
// kind. It asks for [PermissionRead] on the CI. Records that the actor may not know of are left out, so that a page may have fewer items
// than its limit, or none, though others follow: Next tells. Records that are over stand here too: they did impact it.
func (p *Practice) ImpactedBy(ctx context.Context, actor itsm.Actor, ci itsm.ID, q storage.Query[ImpactedHead]) (page storage.Page[ImpactedHead], err error) {
	if len(q.Order) == 0 {
		q.Order = []storage.Order{ImpactedByRecordKind.Asc()}
	}
	q.Where = storage.AllOf(ImpactedByCI.Is(ci), ImpactedByOrigin.In(OriginComputed, OriginManual), q.Where)
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader, _ reach) error {
		if _, err := p.find(ctx, r, actor, ci); err != nil {
			return err
		}
		rows, err := ImpactedTable.List(ctx, r, q)
		if err != nil {
			return err
		}
		all := make([]itsm.Ref, len(rows.Items))
		for i := range rows.Items {
			all[i] = rows.Items[i].Of()
		}
		may, err := p.mayReadRecords(ctx, r, actor, all)
		page = storage.Page[ImpactedHead]{Next: rows.Next}
		for _, row := range rows.Items {
			if may[row.Of()] {
				page.Items = append(page.Items, row)
			}
		}
		return err
	})
	if err != nil {
		return storage.Page[ImpactedHead]{}, err
	}
	return page, nil
}
