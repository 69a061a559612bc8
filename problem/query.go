// This file holds the reading of problems: one, lists, counts.

package problem

import (
	"context"
	"iter"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Query asks for a list of problems. What it gives is always narrowed to what the actor may read.
type Query struct {
	// Where narrows the list further; the zero Filter does not.
	Where storage.Filter[Head]
	// Order is by columns that are never absent; none is by priority, those without one first, then by
	// when they were registered.
	Order []storage.Order
	// Limit is the number of items of a page: 50 when 0, at most storage.MaxPage.
	Limit int
	// After is the Next of the page before. It is good as long as the actor's groups, memberships and
	// roles are the same.
	After storage.Cursor
	// Tenants are those to read, where it is not the actor's own alone. In each the actor has what it was
	// granted there; one in which it may read nothing is ErrForbidden.
	Tenants []storage.Tenant
}

// DefaultOrder is the order of lists that name none.
func DefaultOrder() []storage.Order { return []storage.Order{ByPriority.Asc(), ByRegistered.Asc()} }

// Get gives a problem as the actor may see it: without the records that it names and of which the actor may
// not know. One that the actor may not read is ErrNotFound.
func (p *Practice) Get(ctx context.Context, actor itsm.Actor, id itsm.ID) (Problem, error) {
	var out Problem
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		found, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		internal, err := p.allows(ctx, actor, PermissionReadInternal, &found)
		if err != nil {
			return err
		}
		out, err = p.shown(ctx, r, actor, internal, found)
		return err
	})
	return out, err
}

// GetByNumber gives the problem with the number, as Get does.
func (p *Practice) GetByNumber(ctx context.Context, actor itsm.Actor, number string) (Problem, error) {
	none := &storage.Error{Op: "get", Table: Kind, Err: storage.ErrNotFound}
	var f itsm.Faults
	if f.Text("number", number, storage.MaxText, true); !f.Empty() {
		return Problem{}, none // no problem has such a number
	}
	page, err := p.List(ctx, actor, Query{Where: ByNumber.Is(number), Limit: 1})
	switch {
	case isForbidden(err):
		return Problem{}, none
	case err != nil:
		return Problem{}, err
	case len(page.Items) == 0:
		return Problem{}, none
	}
	return p.Get(ctx, actor, page.Items[0].ID)
}

// List gives a page of problems that the actor may read. An actor who may read none at all gets
// ErrForbidden.
func (p *Practice) List(ctx context.Context, actor itsm.Actor, q Query) (storage.Page[Head], error) {
	var page storage.Page[Head]
	err := p.view(ctx, actor, q, func(ctx context.Context, r storage.Reader, where storage.Filter[Head]) error {
		order := q.Order
		if len(order) == 0 {
			order = DefaultOrder()
		}
		var err error
		page, err = p.table.List(ctx, r, storage.Query[Head]{Where: where, Order: order, Limit: q.Limit, After: q.After})
		return err
	})
	return page, err
}

// All walks a list page by page, of Limit items each. Nothing stays open between the pages, so that the
// loop may query and command as it likes. An error is the last thing it yields.
func (p *Practice) All(ctx context.Context, actor itsm.Actor, q Query) iter.Seq2[Head, error] {
	return storage.Pages(storage.Query[Head]{Limit: q.Limit, After: q.After}, func(page storage.Query[Head]) (storage.Page[Head], error) {
		q.After = page.After
		return p.List(ctx, actor, q)
	})
}

// Count counts the problems that the actor may read. Order, Limit and After of the query have no meaning.
func (p *Practice) Count(ctx context.Context, actor itsm.Actor, q Query) (int64, error) {
	groups, err := p.CountBy(ctx, actor, q)
	if err != nil || len(groups) == 0 {
		return 0, err
	}
	return groups[0].Count, nil
}

// CountBy counts the problems that the actor may read for each combination of values that they have in the
// columns, in the order of these values.
func (p *Practice) CountBy(ctx context.Context, actor itsm.Actor, q Query, by ...storage.ColumnOf[Head]) ([]storage.Group, error) {
	var groups []storage.Group
	err := p.view(ctx, actor, q, func(ctx context.Context, r storage.Reader, where storage.Filter[Head]) error {
		var err error
		groups, err = p.table.CountBy(ctx, r, where, by...)
		return err
	})
	return groups, err
}

// Mine lists the open problems that the actor owns.
func (p *Practice) Mine(ctx context.Context, actor itsm.Actor, q Query) (storage.Page[Head], error) {
	q.Where = storage.AllOf(ByAssignee.Is(actor.ID), ByOpen.Is(true), q.Where)
	return p.List(ctx, actor, q)
}

// view runs fn, which reads a page or counts once, with the query's filter narrowed to what the actor may
// read.
func (p *Practice) view(ctx context.Context, actor itsm.Actor, q Query, fn func(context.Context, storage.Reader, storage.Filter[Head]) error) error {
	if err := actor.Validate(); err != nil {
		return err
	}
	tenants := q.Tenants
	if len(tenants) == 0 {
		tenants = []storage.Tenant{actor.Tenant}
	}
	return p.e.ReadTenants(ctx, actor, tenants, func(ctx context.Context, r storage.Reader) error {
		var may []storage.Filter[Head]
		for _, tenant := range r.Tenants() {
			of, err := p.scope(ctx, actor.In(tenant), PermissionRead)
			if err != nil {
				return err
			}
			if len(r.Tenants()) > 1 {
				of = storage.AllOf(byTenant.Is(tenant), of)
			}
			may = append(may, of)
		}
		within := storage.AnyOf(may...)
		if len(may) == 1 {
			within = may[0]
		}
		return fn(ctx, r, storage.AllOf(within, q.Where))
	})
}
