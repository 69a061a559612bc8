// This file holds the reading of approvals: one, those of a record, what waits for a vote, why, the log.

package ballot

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/storage"
)

// Query asks for a list of approvals. What it gives is always narrowed to what the actor may read.
type Query struct {
	// Where narrows the list further; the zero Filter does not.
	Where storage.Filter[Head]
	// Order is by columns that are never absent; none is by when they were asked for, oldest first.
	Order []storage.Order
	// Limit is the number of items of a page: 50 when 0, at most storage.MaxPage.
	Limit int
	// After is the Next of the page before.
	After storage.Cursor
}

// ApproverQuery asks for a list of entries of approvers.
type ApproverQuery struct {
	Where storage.Filter[ApproverHead]
	// Order is by columns that are never absent; none is by when the gates expire, those without an end
	// last.
	Order []storage.Order
	Limit int
	After storage.Cursor
}

// Get gives an approval as the actor may see it. One that the actor may not read is ErrNotFound.
func (p *Practice) Get(ctx context.Context, actor itsm.Actor, id itsm.ID) (Approval, error) {
	var out Approval
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		a, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		out, err = p.shown(ctx, r, actor, a)
		return err
	})
	return out, err
}

// Of lists the rounds of a record that the actor may read, for all purposes, the latest first. Of a record
// that the actor may not read it lists none; there is [Practice.Get] for who is asked to approve it.
func (p *Practice) Of(ctx context.Context, actor itsm.Actor, parent itsm.Ref, q Query) (storage.Page[Head], error) {
	q.Where = storage.AllOf(ByParentKind.Is(parent.Kind), ByParentID.Is(parent.ID), q.Where)
	if len(q.Order) == 0 {
		q.Order = []storage.Order{ByPurpose.Desc(), ByRound.Desc()}
	}
	var page storage.Page[Head]
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		page = storage.Page[Head]{}
		if err := p.e.Authorizer().Authorize(ctx, actor, PermissionRead, nil); err != nil {
			return err
		}
		may, err := p.mayRead(ctx, r, actor, parent)
		if err != nil || !may {
			return err
		}
		records, err := Table.Records(ctx, r, storage.Query[Head]{Where: q.Where, Order: q.Order, Limit: q.Limit, After: q.After})
		if err != nil {
			return err
		}
		page.Next = records.Next
		for i := range records.Items {
			may, err := p.allows(ctx, actor, PermissionRead, subject(&records.Items[i]))
			if err != nil {
				return err
			}
			if may {
				page.Items = append(page.Items, records.Items[i].Head)
			}
		}
		return nil
	})
	if err != nil {
		return storage.Page[Head]{}, err
	}
	return page, nil
}

// List gives a page of approvals that the actor may read, whatever they are of: for those who have
// "approval.read" on all. Who has it on some alone gets ErrForbidden, and lists by [Practice.Of] and
// [Practice.Waiting]. With [Options].MayRead a page may have fewer items than its limit, or none, though
// others follow: Next tells.
func (p *Practice) List(ctx context.Context, actor itsm.Actor, q Query) (storage.Page[Head], error) {
	var page storage.Page[Head]
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.readsAll(ctx, actor); err != nil {
			return err
		}
		order := q.Order
		if len(order) == 0 {
			order = []storage.Order{{Column: storage.ColumnCreated}}
		}
		var err error
		page, err = Table.List(ctx, r, storage.Query[Head]{Where: q.Where, Order: order, Limit: q.Limit, After: q.After})
		if err != nil || p.o.MayRead == nil {
			return err
		}
		page.Items, err = known(ctx, p, r, actor, page.Items, func(h *Head) itsm.Ref { return h.Parent() })
		return err
	})
	if err != nil {
		return storage.Page[Head]{}, err
	}
	return page, nil
}

// readsAll refuses who may not read all approvals.
func (p *Practice) readsAll(ctx context.Context, actor itsm.Actor) error {
	scopes, err := p.e.Authorizer().Scopes(ctx, actor, PermissionRead)
	if err != nil {
		return err
	}
	if !slices.Contains(scopes, itsm.ScopeAll) && !slices.Contains(scopes, itsm.ScopeRestricted) {
		return &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: PermissionRead, Reason: "no role of the actor grants it on all approvals"}
	}
	return nil
}

// known leaves of a page what is of records that the actor may know of.
func known[H any](ctx context.Context, p *Practice, r storage.Reader, actor itsm.Actor, items []H, parent func(*H) itsm.Ref) ([]H, error) {
	var parents []itsm.Ref
	asked := map[itsm.Ref]bool{}
	for i := range items {
		if ref := parent(&items[i]); !asked[ref] {
			asked[ref], parents = true, append(parents, ref)
		}
	}
	may, err := p.mayReadEach(ctx, r, actor, parents)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(items, func(h H) bool { return !may[parent(&h)] }), nil
}

// Waiting lists what waits for a vote of the actor: the actor's own entries, and those of people who have
// delegated to the actor at this time. It takes no permission, as who is asked may know of it. A delegate who
// is a party, or has a vote in the gate already, finds entries that another will have to see to: the vote
// tells.
func (p *Practice) Waiting(ctx context.Context, actor itsm.Actor, q ApproverQuery) (storage.Page[ApproverHead], error) {
	var page storage.Page[ApproverHead]
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		held, err := heldBy(ctx, r, actor.ID, p.e.Now())
		if err != nil {
			return err
		}
		people := []itsm.ID{actor.ID}
		ofKind := map[string][]itsm.ID{}
		for _, d := range held {
			if d.Kind == "" {
				people = append(people, d.Delegator)
			} else {
				ofKind[d.Kind] = append(ofKind[d.Kind], d.Delegator)
			}
		}
		mine := ApproverByPerson.Is(actor.ID)
		if len(held) > 0 {
			any := []storage.Filter[ApproverHead]{ApproverByPerson.In(people...)}
			for _, kind := range slices.Sorted(maps.Keys(ofKind)) {
				any = append(any, storage.AllOf(ApproverByParentKind.Is(kind), ApproverByPerson.In(ofKind[kind]...)))
			}
			mine = storage.AnyOf(any...)
		}
		page, err = ApproverTable.List(ctx, r, approverQuery(storage.AllOf(mine, ApproverByOpen.Is(true)), q))
		return err
	})
	if err != nil {
		return storage.Page[ApproverHead]{}, err
	}
	return page, nil
}

// approverQuery narrows a query of entries.
func approverQuery(to storage.Filter[ApproverHead], q ApproverQuery) storage.Query[ApproverHead] {
	if len(q.Order) == 0 {
		q.Order = []storage.Order{ApproverByDueOrder.Asc()}
	}
	return storage.Query[ApproverHead]{Where: storage.AllOf(to, q.Where), Order: q.Order, Limit: q.Limit, After: q.After}
}

// AllWaiting walks what waits for a vote of the actor page by page, of Limit items each. An error is the last
// thing it yields.
func (p *Practice) AllWaiting(ctx context.Context, actor itsm.Actor, q ApproverQuery) iter.Seq2[ApproverHead, error] {
	return storage.Pages(storage.Query[ApproverHead]{Limit: q.Limit, After: q.After}, func(page storage.Query[ApproverHead]) (storage.Page[ApproverHead], error) {
		q.After = page.After
		return p.Waiting(ctx, actor, q)
	})
}

// Approvers lists the entries that wait for a vote, of whomever: for those who may read all approvals, as
// [Practice.List].
func (p *Practice) Approvers(ctx context.Context, actor itsm.Actor, q ApproverQuery) (storage.Page[ApproverHead], error) {
	var page storage.Page[ApproverHead]
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		err := p.readsAll(ctx, actor)
		if err != nil {
			return err
		}
		if page, err = ApproverTable.List(ctx, r, approverQuery(ApproverByOpen.Is(true), q)); err != nil || p.o.MayRead == nil {
			return err
		}
		page.Items, err = known(ctx, p, r, actor, page.Items, func(h *ApproverHead) itsm.Ref { return h.Parent() })
		return err
	})
	if err != nil {
		return storage.Page[ApproverHead]{}, err
	}
	return page, nil
}

// Explain says for each gate who has voted, who is missing and what decides, as the actor may see it.
func (p *Practice) Explain(ctx context.Context, actor itsm.Actor, id itsm.ID) (approval.Explanation, error) {
	a, err := p.Get(ctx, actor, id)
	if err != nil {
		return approval.Explanation{}, err
	}
	return a.Process.Explain(), nil
}

// History gives all events of an approval, oldest first. It takes "approval.read_internal" on it.
func (p *Practice) History(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.Event, error) {
	var out []itsm.Event
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		out = nil
		a, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		if err := p.e.Authorizer().Authorize(ctx, actor, PermissionReadInternal, subject(&a)); err != nil {
			return err
		}
		q := storage.EventQuery{Kind: Kind, Record: id, Limit: storage.MaxLimit}
		for {
			events, err := p.e.History(ctx, r, q)
			if err != nil {
				return err
			}
			out = append(out, events...)
			if len(events) < q.Limit {
				return nil
			}
			last := events[len(events)-1]
			q.After = storage.EventPosition{Tenant: last.Tenant, Kind: last.Kind, Record: last.Record, Version: last.Version, N: last.N}
		}
	})
	return out, err
}
