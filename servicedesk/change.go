// This file holds how changes follow the other practices, and these follow changes: their configuration items, the
// incidents that they cause, and those that wait for them.

package servicedesk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/problem"
	"github.com/itsmkit/itsmkit/storage"
)

// enable makes the practice of changes.
func (d *Desk) enable(c Config) (err error) {
	o := c.Change
	if o.MayRead == nil {
		o.MayRead = d.mayRead
	}
	if o.Tasks == nil {
		o.Tasks = d.Tasks
	}
	if o.Apply == nil {
		o.Apply = d.applyChange
	}
	if o.RiskFacts == nil {
		o.RiskFacts = d.riskOfChange
	}
	if err := d.plan(c, &o); err != nil {
		return err
	}
	d.Changes, err = change.New(d.Engine, d.Approvals, o)
	return err
}

// changeReactions are those by which changes and the others follow each other.
func (d *Desk) changeReactions() []engine.Reaction {
	return []engine.Reaction{
		engine.On(d.assessChange),
		engine.On(d.causeOnLink), engine.On(d.causeOnUnlink),
		engine.On(d.causeOnClassify), engine.On(d.causeOnOverride), engine.On(d.causeOnClear), engine.On(d.causeOnRestore),
		engine.On(d.causeOnTimes), engine.On(d.causeOnResolve), engine.On(d.causeOnReopen), engine.On(d.causeOnCancel),
		engine.On(d.rebookOnAssessment), engine.On(d.rebookOnCorrection),
		engine.On(d.endOnComplete), engine.On(d.endOnCancel), engine.On(d.endOnReject),
	}
}

// controlled says whether change-controlled attributes of a CI may be written: under a change, while that is implemented and
// is about the CI. Without naming one it takes the permission for it.
func (d *Desk) controlled(ctx context.Context, r storage.Reader, actor itsm.Actor, w cmdb.ControlledWrite) (string, error) {
	if w.Under == nil || w.Under.Kind != change.Kind {
		s := &itsm.Subject{Kind: cmdb.Kind, ID: w.CI.ID, Restricted: w.CI.Restricted}
		if w.CI.Owner != "" {
			s.Requesters = []itsm.ID{w.CI.Owner}
		}
		if w.CI.Group != "" {
			s.Groups = []itsm.ID{w.CI.Group}
		}
		err := d.Engine.Authorizer().Authorize(ctx, actor, cmdb.PermissionWriteControlled, s)
		if errors.Is(err, itsm.ErrForbidden) {
			return fmt.Sprintf("it is written under a change that is being implemented, or with the permission %s", cmdb.PermissionWriteControlled), nil
		}
		return "", err
	}
	if !actor.System {
		err := d.Changes.MayRead(ctx, r, actor, w.Under.ID)
		if errors.Is(err, itsm.ErrNotFound) {
			return "the change is not found", nil
		}
		if err != nil {
			return "", err
		}
	}
	return d.Changes.Unlocks(ctx, r, w.Under.ID, w.CI.ID)
}

// applyChange makes what a change proposed for its configuration items, in the unit that completes it. Attributes are set first,
// those of one CI together; the rest is done in the order in which it stands.
func (d *Desk) applyChange(ctx context.Context, u *engine.Unit, c change.Change) error {
	ci, actor, under := d.Configuration.In(u.Store()), u.System(change.Kind), c.Ref()
	source := "change " + c.Number
	set := map[itsm.ID]schema.Values{}
	var order []itsm.ID
	for i, p := range c.Proposals {
		if p.Kind != change.ProposalSet {
			continue
		}
		var v schema.Value
		if len(p.Value) > 0 {
			if err := json.Unmarshal(p.Value, &v); err != nil {
				return proposed(i, err)
			}
		}
		if set[p.CI] == nil {
			set[p.CI], order = schema.Values{}, append(order, p.CI)
		}
		set[p.CI][p.Attribute] = v
	}
	for _, id := range order {
		if _, err := ci.Update(ctx, actor, id, cmdb.Update{Attributes: set[id], Source: source, Under: &under}); err != nil {
			return proposed(slices.IndexFunc(c.Proposals, func(p change.Proposal) bool { return p.CI == id && p.Kind == change.ProposalSet }), err)
		}
	}
	for i, p := range c.Proposals {
		var err error
		switch p.Kind {
		case change.ProposalRelate:
			_, err = ci.Relate(ctx, actor, cmdb.NewRelation{Type: p.Relation, Source: p.CI, Target: p.Target, From: source})
		case change.ProposalUnrelate:
			err = d.unrelate(ctx, u, ci, actor, p, source)
		case change.ProposalRetire:
			_, err = ci.Retire(ctx, actor, p.CI, cmdb.Retirement{Step: cmdb.Step{Source: source, Under: &under}, EndRelations: true})
		}
		if err != nil {
			return proposed(i, err)
		}
	}
	return nil
}

// proposed says which proposal could not be made. One whose CI is gone cannot be made, either: the change is there.
func proposed(i int, err error) error {
	var f itsm.Faults
	at := fmt.Sprintf("proposals[%d]", i)
	switch {
	case errors.Is(err, itsm.ErrInvalid):
		f.Merge(at, err)
	case errors.Is(err, itsm.ErrNotFound), errors.Is(err, itsm.ErrTransition):
		f.Addf(at, "cannot be made: %s", err)
	default:
		return err
	}
	return f.Err(change.Kind)
}

// unrelate ends the relation that a proposal names by its ends and its type, either way round, as Relate reads it.
func (d *Desk) unrelate(ctx context.Context, u *engine.Unit, ci *cmdb.Practice, actor itsm.Actor, p change.Proposal, from string) error {
	model, err := ci.Model(ctx, actor)
	if err != nil {
		return err
	}
	source, target := p.CI, p.Target
	named, inverse, known := model.Read(p.Relation)
	if !known {
		named.Name = p.Relation // one that the model had once
	}
	if inverse || known && named.Symmetric() && target < source {
		source, target = target, source
	}
	page, err := cmdb.RelationTable.List(ctx, u, storage.Query[cmdb.RelationHead]{
		Where: storage.AllOf(cmdb.RelationBySource.Is(source), cmdb.RelationByCurrent.Is(true), cmdb.RelationByType.Is(named.Name), cmdb.RelationByTarget.Is(target)),
		Limit: 1,
	})
	if err != nil {
		return err
	}
	if len(page.Items) == 0 {
		return itsm.Invalid(change.Kind, "relation", "is not found between these")
	}
	_, err = ci.Unrelate(ctx, actor, page.Items[0].ID, cmdb.End{Source: from})
	return err
}

// riskOfChange gives what configuration management knows of a change: how many services it would impair, and how critical the most
// critical item is that it would. What a change impacts is computed when it has been written with its items; until then that is not
// known, and the items themselves are.
func (d *Desk) riskOfChange(ctx context.Context, r storage.Reader, c change.Change) (risk.Facts, error) {
	facts := risk.Facts{Numbers: map[string]int64{}}
	ids := slices.Clone(c.CIs)
	if c.ID != "" {
		of := storage.AllOf(cmdb.ImpactedByRecordKind.Is(change.Kind), cmdb.ImpactedByRecord.Is(c.ID), cmdb.ImpactedByOrigin.IsNot(cmdb.OriginExcluded))
		services := int64(0)
		q := storage.Query[cmdb.ImpactedHead]{Where: of, Limit: storage.MaxPage}
		known := false
		for h, err := range storage.Pages(q, func(q storage.Query[cmdb.ImpactedHead]) (storage.Page[cmdb.ImpactedHead], error) {
			return cmdb.ImpactedTable.List(ctx, r, q)
		}) {
			if err != nil {
				return risk.Facts{}, err
			}
			known = true
			if h.Service {
				services++
			}
			ids = append(ids, h.CI)
		}
		if known {
			facts.Numbers[risk.FactorServices] = services
		}
	}
	slices.Sort(ids)
	const chunk = 200
	most, found := 0, false
	for some := range slices.Chunk(slices.Compact(ids), chunk) {
		page, err := cmdb.Table.List(ctx, r, storage.Query[cmdb.Head]{Where: cmdb.Table.ByID().In(some...), Limit: chunk})
		if err != nil {
			return risk.Facts{}, err
		}
		for _, h := range page.Items {
			most, found = max(most, h.Criticality), true
		}
	}
	if found {
		facts.Numbers[risk.FactorCriticality] = int64(most)
	}
	return facts, nil
}

// assessChange has it computed what a change impacts when its configuration items are others.
func (d *Desk) assessChange(ctx context.Context, u *engine.Unit, e itsm.Event, i change.ItemsChanged) error {
	for _, ci := range slices.Concat(i.Added, i.Removed) {
		// One says enough: it is one job for the change.
		return d.Configuration.LinkChanged(ctx, u, itsm.Link{Type: itsm.LinkAffects, From: itsm.Ref{Kind: e.Kind, ID: e.Record}, To: itsm.Ref{Kind: cmdb.Kind, ID: ci}})
	}
	return nil
}

// causeOnLink and causeOnUnlink tell a change of the incidents that are said to be caused by it.
func (d *Desk) causeOnLink(ctx context.Context, u *engine.Unit, e itsm.Event, l incident.Linked) error {
	return d.caused(ctx, u, e.Record, l.Type, l.To, false)
}

func (d *Desk) causeOnUnlink(ctx context.Context, u *engine.Unit, e itsm.Event, l incident.Unlinked) error {
	return d.caused(ctx, u, e.Record, l.Type, l.To, true)
}

func (d *Desk) caused(ctx context.Context, u *engine.Unit, id itsm.ID, of itsm.LinkType, by itsm.Ref, withdrawn bool) error {
	if of != itsm.LinkCausedBy || by.Kind != change.Kind {
		return nil
	}
	i, err := incident.Table.Get(ctx, u, id)
	if err != nil {
		return err
	}
	return d.tellCaused(ctx, u, &i, by.ID, withdrawn)
}

// tellCaused tells a change what is known of an incident that it caused.
func (d *Desk) tellCaused(ctx context.Context, u *engine.Unit, i *incident.Incident, by itsm.ID, withdrawn bool) error {
	c := change.Caused{Incident: i.ID, Priority: i.Priority, Detected: i.Detected, Restored: i.Restored,
		Withdrawn: withdrawn || i.State == incident.StateCancelled}
	if c.Detected.IsZero() {
		c.Detected = i.Reported
	}
	if c.Restored.IsZero() {
		c.Restored = i.ResolvedAt
	}
	if i.ResolvedAt.IsZero() && i.Restored.IsZero() {
		c.Restored = time.Time{}
	}
	_, err := d.Changes.In(u.Store()).RecordCaused(ctx, u.System("servicedesk"), by, c)
	if errors.Is(err, itsm.ErrNotFound) {
		return nil
	}
	return err
}

// Whatever says how grave an incident is, or since when its service works again, is told to the changes that caused it.
func (d *Desk) causeOnClassify(ctx context.Context, u *engine.Unit, e itsm.Event, _ incident.Classified) error {
	return d.retell(ctx, u, e)
}

func (d *Desk) causeOnOverride(ctx context.Context, u *engine.Unit, e itsm.Event, _ incident.PriorityOverridden) error {
	return d.retell(ctx, u, e)
}

func (d *Desk) causeOnClear(ctx context.Context, u *engine.Unit, e itsm.Event, _ incident.OverrideCleared) error {
	return d.retell(ctx, u, e)
}

func (d *Desk) causeOnRestore(ctx context.Context, u *engine.Unit, e itsm.Event, _ incident.Restored) error {
	return d.retell(ctx, u, e)
}

func (d *Desk) causeOnTimes(ctx context.Context, u *engine.Unit, e itsm.Event, _ incident.TimesCorrected) error {
	return d.retell(ctx, u, e)
}

func (d *Desk) causeOnResolve(ctx context.Context, u *engine.Unit, e itsm.Event, _ incident.Resolved) error {
	return d.retell(ctx, u, e)
}

func (d *Desk) causeOnReopen(ctx context.Context, u *engine.Unit, e itsm.Event, _ incident.Reopened) error {
	return d.retell(ctx, u, e)
}

// An incident that is cancelled, as a duplicate too, is none: it does not count any more.
func (d *Desk) causeOnCancel(ctx context.Context, u *engine.Unit, e itsm.Event, _ incident.Cancelled) error {
	return d.retell(ctx, u, e)
}

func (d *Desk) retell(ctx context.Context, u *engine.Unit, e itsm.Event) error {
	changes, err := d.Changes.CausesOf(ctx, u, e.Record)
	if err != nil || len(changes) == 0 {
		return err
	}
	i, err := incident.Table.Get(ctx, u, e.Record)
	if err != nil {
		return err
	}
	for _, id := range changes {
		if err := d.tellCaused(ctx, u, &i, id, false); err != nil {
			return err
		}
	}
	return nil
}

// Incidents that wait for a change go on when it was made, however that went, and when it is not made; problems that it was to fix
// are told how it ended. One that was made with issues was made.
func (d *Desk) endOnComplete(ctx context.Context, u *engine.Unit, e itsm.Event, c change.Completed) error {
	outcome := problem.OutcomeFailed
	if c.Outcome == change.OutcomeSuccessful || c.Outcome == change.OutcomeWithIssues {
		outcome = problem.OutcomeSuccessful
	}
	return d.changeEnded(ctx, u, e, outcome)
}

func (d *Desk) endOnCancel(ctx context.Context, u *engine.Unit, e itsm.Event, _ change.Cancelled) error {
	return d.changeEnded(ctx, u, e, problem.OutcomeFailed)
}

func (d *Desk) endOnReject(ctx context.Context, u *engine.Unit, e itsm.Event, _ change.Rejected) error {
	return d.changeEnded(ctx, u, e, problem.OutcomeFailed)
}

func (d *Desk) changeEnded(ctx context.Context, u *engine.Unit, e itsm.Event, outcome problem.Outcome) error {
	ended := itsm.Ref{Kind: e.Kind, ID: e.Record}
	links, err := engine.Links(ctx, u, ended)
	if err != nil {
		return err
	}
	for _, l := range links {
		var err error
		switch {
		case l.Type == itsm.LinkHolds && l.To.Kind == incident.Kind:
			_, err = d.Incidents.In(u.Store()).LinkedDone(ctx, u.System("servicedesk"), l.To.ID, ended)
		case l.Type == itsm.LinkResolves && l.To.Kind == problem.Kind:
			err = d.tellFix(ctx, u, l.To.ID, problem.ChangeOutcome{Change: ended, Outcome: outcome})
		}
		if err != nil && !errors.Is(err, itsm.ErrNotFound) {
			return err
		}
	}
	return nil
}

// tellFix tells a problem how a change ended, where that is one of those by which it is to be fixed now.
func (d *Desk) tellFix(ctx context.Context, u *engine.Unit, id itsm.ID, o problem.ChangeOutcome) error {
	problems, by := d.Problems.In(u.Store()), u.System("servicedesk")
	p, err := problems.Get(ctx, by, id)
	if err != nil || p.Fix == nil || !p.Open {
		return err
	}
	if !slices.ContainsFunc(p.Fix.Changes, func(c problem.FixChange) bool { return c.Change == o.Change }) {
		return nil
	}
	_, err = problems.RecordOutcome(ctx, by, id, o)
	return err
}
