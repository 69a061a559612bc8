// This file holds the reading of changes: one, lists, counts, history.

package change

import (
	"context"
	"iter"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Query asks for a list of changes. What it gives is always narrowed to what the actor may
// read.
type Query struct {
	// Where narrows the list further; the zero Filter does not.
	Where storage.Filter[Head]
	// Order is by columns that are never absent; none is by planned start, those without one last.
	Order []storage.Order
	// Limit is the number of items of a page: 50 when 0, at most storage.MaxPage.
	Limit int
	// After is the Next of the page before.
	After storage.Cursor
	// Tenants are those to read, where it is not the actor's own alone. In each the actor has
	// what it was granted there; one in which it may read nothing is ErrForbidden.
	Tenants []storage.Tenant
}

// DefaultOrder is the order of lists that name none.
func DefaultOrder() []storage.Order { return []storage.Order{ByStartOrder.Asc()} }

// Get gives a change as the actor may see it. One that the actor may not read is ErrNotFound.
func (p *Practice) Get(ctx context.Context, actor itsm.Actor, id itsm.ID) (Change, error) {
	var out Change
	err := p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, r storage.Reader) error {
		c, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		internal, err := p.allows(ctx, actor, PermissionReadInternal, &c)
		if err != nil {
			return err
		}
		out, err = p.shown(ctx, r, actor, internal, c)
		return err
	})
	return out, err
}

// GetByNumber gives the change with the number, as Get does.
func (p *Practice) GetByNumber(ctx context.Context, actor itsm.Actor, number string) (Change, error) {
	none := &storage.Error{Op: "get", Table: Kind, Err: storage.ErrNotFound}
	var f itsm.Faults
	if f.Text("number", number, storage.MaxText, true); !f.Empty() {
		return Change{}, none // no change has such a number
	}
	page, err := p.List(ctx, actor, Query{Where: ByNumber.Is(number), Limit: 1})
	switch {
	case isForbidden(err):
		return Change{}, none
	case err != nil:
		return Change{}, err
	case len(page.Items) == 0:
		return Change{}, none
	}
	return p.Get(ctx, actor, page.Items[0].ID)
}

// List gives a page of changes that the actor may read. An actor who may read none at all
// gets ErrForbidden.
func (p *Practice) List(ctx context.Context, actor itsm.Actor, q Query) (storage.Page[Head], error) {
	var page storage.Page[Head]
	err := p.view(ctx, actor, q, nil, func(ctx context.Context, r storage.Reader, where storage.Filter[Head], internal map[storage.Tenant]storage.Filter[Head]) error {
		order := q.Order
		if len(order) == 0 {
			order = DefaultOrder()
		}
		var err error
		page, err = p.table.List(ctx, r, storage.Query[Head]{Where: where, Order: order, Limit: q.Limit, After: q.After})
		for n := range page.Items {
			h := &page.Items[n]
			if of, ok := internal[h.Tenant]; !ok || !of.Match(h) {
				p.hideColumns(h)
			}
		}
		return err
	})
	return page, err
}

// All walks a list page by page, of Limit items each. Nothing stays open between the pages, so
// that the loop may query and command as it likes. An error is the last thing it yields.
func (p *Practice) All(ctx context.Context, actor itsm.Actor, q Query) iter.Seq2[Head, error] {
	return storage.Pages(storage.Query[Head]{Limit: q.Limit, After: q.After}, func(page storage.Query[Head]) (storage.Page[Head], error) {
		q.After = page.After
		return p.List(ctx, actor, q)
	})
}

// Count counts the changes that the actor may read. Order, Limit and After of the query have
// no meaning.
func (p *Practice) Count(ctx context.Context, actor itsm.Actor, q Query) (int64, error) {
	groups, err := p.CountBy(ctx, actor, q)
	if err != nil || len(groups) == 0 {
		return 0, err
	}
	return groups[0].Count, nil
}

// CountBy counts the changes that the actor may read for each combination of values that they
// have in the columns, in the order of these values.
func (p *Practice) CountBy(ctx context.Context, actor itsm.Actor, q Query, by ...storage.ColumnOf[Head]) ([]storage.Group, error) {
	q.Order = nil
	var groups []storage.Group
	err := p.view(ctx, actor, q, by, func(ctx context.Context, r storage.Reader, where storage.Filter[Head], _ map[storage.Tenant]storage.Filter[Head]) error {
		var err error
		groups, err = p.table.CountBy(ctx, r, where, by...)
		return err
	})
	return groups, err
}

// Mine lists the open changes that are assigned to the actor.
func (p *Practice) Mine(ctx context.Context, actor itsm.Actor, q Query) (storage.Page[Head], error) {
	q.Where = storage.AllOf(ByAssignee.Is(actor.ID), ByOpen.Is(true), q.Where)
	return p.List(ctx, actor, q)
}

// MyGroups lists the open changes of the actor's groups that no person has yet.
func (p *Practice) MyGroups(ctx context.Context, actor itsm.Actor, q Query) (storage.Page[Head], error) {
	q.Where = storage.AllOf(ByGroup.In(actor.InGroups()...), ByAssignee.Is(""), ByOpen.Is(true), q.Where)
	return p.List(ctx, actor, q)
}

// History gives all events of a change, oldest first. It asks for "change.read_internal" on it.
func (p *Practice) History(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.Event, error) {
	var out []itsm.Event
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		out = nil
		c, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		if err := p.e.Authorizer().Authorize(ctx, actor, PermissionReadInternal, c.Subject()); err != nil {
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

// view runs fn, which reads a page or counts once, with the query's filter narrowed to what the actor may
// read, and what it may read the internal of in each tenant. All of that is one read, which needs no
// snapshot.
func (p *Practice) view(ctx context.Context, actor itsm.Actor, q Query, by []storage.ColumnOf[Head], fn func(context.Context, storage.Reader, storage.Filter[Head], map[storage.Tenant]storage.Filter[Head]) error) error {
	if err := actor.Validate(); err != nil {
		return err
	}
	tenants := q.Tenants
	if len(tenants) == 0 {
		tenants = []storage.Tenant{actor.Tenant}
	}
	return p.e.ReadTenants(ctx, actor, tenants, func(ctx context.Context, r storage.Reader) error {
		var may, within []storage.Filter[Head]
		internal := map[storage.Tenant]storage.Filter[Head]{}
		for _, tenant := range r.Tenants() {
			there := actor.In(tenant)
			in := func(f storage.Filter[Head]) storage.Filter[Head] {
				if len(r.Tenants()) == 1 {
					return f
				}
				return storage.AllOf(byTenant.Is(tenant), f)
			}
			of, err := p.scope(ctx, there, PermissionRead)
			if err != nil {
				return err
			}
			may = append(may, in(of))
			of, err = p.scope(ctx, there, PermissionReadInternal)
			if isForbidden(err) {
				continue
			}
			if err != nil {
				return err
			}
			internal[tenant] = of
			within = append(within, in(of))
		}
		where := []storage.Filter[Head]{anyOf(may), q.Where}
		if p.asksInternal(q, by) {
			// Filters and orders tell of what they look at.
			where = append(where, anyOf(within))
		}
		return fn(ctx, r, storage.AllOf(where...), internal)
	})
}

func anyOf(fs []storage.Filter[Head]) storage.Filter[Head] {
	if len(fs) == 1 {
		return fs[0]
	}
	return storage.AnyOf(fs...)
}

// isInternal says whether a column is one that not everyone may read.
func (p *Practice) isInternal(column string) bool {
	for _, c := range ownInternal {
		if c.Spec().Name == column {
			return true
		}
	}
	return p.internalColumns[column]
}

// asksInternal says whether a query looks at a column which not everyone may read.
func (p *Practice) asksInternal(q Query, by []storage.ColumnOf[Head]) bool {
	for _, o := range q.Order {
		if p.isInternal(o.Column) {
			return true
		}
	}
	for _, c := range by {
		if c != nil && p.isInternal(c.Spec().Name) {
			return true
		}
	}
	return p.namesInternal(q.Where.Condition())
}

func (p *Practice) namesInternal(c storage.Condition) bool {
	if p.isInternal(c.Column) {
		return true
	}
	for _, sub := range c.Of {
		if p.namesInternal(sub) {
			return true
		}
	}
	return false
}
