// This file holds the reading of tasks: one, those of a record, queues, counts, the log.

package task

import (
	"context"
	"iter"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Query asks for a list of tasks. What it gives is always narrowed to what the actor may read.
type Query struct {
	// Where narrows the list further; the zero Filter does not.
	Where storage.Filter[Head]
	// Order is by columns that are never absent; none is by when they are due, those without a due
	// time last.
	Order []storage.Order
	// Limit is the number of items of a page: 50 when 0, at most storage.MaxPage.
	Limit int
	// After is the Next of the page before.
	After storage.Cursor
}

// DefaultOrder is the order of lists that name none.
func DefaultOrder() []storage.Order { return []storage.Order{ByDueOrder.Asc()} }

// Get gives a task as the actor may see it. One that the actor may not read is ErrNotFound.
func (p *Practice) Get(ctx context.Context, actor itsm.Actor, id itsm.ID) (Task, error) {
	var out Task
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		t, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		out, err = p.shown(ctx, actor, t)
		return err
	})
	return out, err
}

// List gives a page of tasks that the actor may read. An actor who may read none at all gets
// ErrForbidden. With [Options].MayRead a page may have fewer items than its limit, or none, though
// others follow: Next tells.
func (p *Practice) List(ctx context.Context, actor itsm.Actor, q Query) (storage.Page[Head], error) {
	var page storage.Page[Head]
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		may, err := p.scope(ctx, actor, PermissionRead)
		if err != nil {
			return err
		}
		order := q.Order
		if len(order) == 0 {
			order = DefaultOrder()
		}
		page, err = p.table.List(ctx, r, storage.Query[Head]{Where: storage.AllOf(may, q.Where), Order: order, Limit: q.Limit, After: q.After})
		if err != nil || p.o.MayRead == nil {
			return err
		}
		var parents []itsm.Ref
		asked := map[itsm.Ref]bool{}
		for _, h := range page.Items {
			if parent := h.Parent(); !asked[parent] {
				asked[parent], parents = true, append(parents, parent)
			}
		}
		known, err := p.mayReadEach(ctx, r, actor, parents)
		page.Items = slices.DeleteFunc(page.Items, func(h Head) bool { return !known[h.Parent()] })
		return err
	})
	if err != nil {
		return storage.Page[Head]{}, err
	}
	return page, nil
}

// All walks a list page by page, of Limit items each. Nothing stays open between the pages, so that the
// loop may query and command as it likes. An error is the last thing it yields.
func (p *Practice) All(ctx context.Context, actor itsm.Actor, q Query) iter.Seq2[Head, error] {
	return storage.Pages(storage.Query[Head]{Limit: q.Limit, After: q.After}, func(page storage.Query[Head]) (storage.Page[Head], error) {
		q.After = page.After
		return p.List(ctx, actor, q)
	})
}

// Mine lists the open tasks that are assigned to the actor, whether they are ready or not.
func (p *Practice) Mine(ctx context.Context, actor itsm.Actor, q Query) (storage.Page[Head], error) {
	q.Where = storage.AllOf(ByAssignee.Is(actor.ID), ByOpen.Is(true), q.Where)
	return p.List(ctx, actor, q)
}

// MyGroups lists the ready tasks of the actor's groups that no person has yet.
func (p *Practice) MyGroups(ctx context.Context, actor itsm.Actor, q Query) (storage.Page[Head], error) {
	q.Where = storage.AllOf(ByGroup.In(actor.InGroups()...), ByAssignee.Is(""), ByState.Is(StateReady), q.Where)
	return p.List(ctx, actor, q)
}

// Of lists the tasks of a record, by position where the query names no order. Of a record that the
// actor may not read it lists none.
func (p *Practice) Of(ctx context.Context, actor itsm.Actor, parent itsm.Ref, q Query) (storage.Page[Head], error) {
	q.Where = storage.AllOf(ByParentKind.Is(parent.Kind), ByParentID.Is(parent.ID), q.Where)
	if len(q.Order) == 0 {
		q.Order = []storage.Order{ByPosition.Asc()}
	}
	return p.List(ctx, actor, q)
}

// Count counts the tasks that the actor may read. Order, Limit and After of the query have no meaning.
func (p *Practice) Count(ctx context.Context, actor itsm.Actor, q Query) (int64, error) {
	groups, err := p.CountBy(ctx, actor, q)
	if err != nil || len(groups) == 0 {
		return 0, err
	}
	return groups[0].Count, nil
}

// CountBy counts the tasks that the actor may read for each combination of values that they have in the
// columns, in the order of these values. With [Options].MayRead it asks about every parent that has such
// tasks, about all of them together where there is MayReadEach.
func (p *Practice) CountBy(ctx context.Context, actor itsm.Actor, q Query, by ...storage.ColumnOf[Head]) ([]storage.Group, error) {
	var groups []storage.Group
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		may, err := p.scope(ctx, actor, PermissionRead)
		if err != nil {
			return err
		}
		where := storage.AllOf(may, q.Where)
		if groups, err = p.table.CountBy(ctx, r, where, by...); err != nil || p.o.MayRead == nil || actor.System {
			return err
		}
		ofParents, err := p.table.CountBy(ctx, r, where, ByParentKind, ByParentID)
		if err != nil {
			return err
		}
		parents := make([]itsm.Ref, len(ofParents))
		for i, g := range ofParents {
			parents[i] = itsm.Ref{Kind: g.Values[0].(string), ID: itsm.ID(g.Values[1].(string))}
		}
		known, err := p.mayReadEach(ctx, r, actor, parents)
		if err != nil {
			return err
		}
		hidden := map[string][]itsm.ID{}
		for _, parent := range parents {
			if !known[parent] {
				hidden[parent.Kind] = append(hidden[parent.Kind], parent.ID)
			}
		}
		for kind, ids := range hidden {
			for some := range slices.Chunk(ids, hiddenChunk) {
				of, err := p.table.CountBy(ctx, r, storage.AllOf(where, ByParentKind.Is(kind), ByParentID.In(some...)), by...)
				if err != nil {
					return err
				}
				groups = without(groups, of)
			}
		}
		if len(by) > 0 {
			groups = slices.DeleteFunc(groups, func(g storage.Group) bool { return g.Count <= 0 })
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return groups, nil
}

// hiddenChunk is how many parents of which the actor may not know are counted by one statement.
const hiddenChunk = 200

// without takes counts away.
func without(groups, hidden []storage.Group) []storage.Group {
	for i, g := range groups {
		for _, h := range hidden {
			if slices.Equal(g.Values, h.Values) {
				groups[i].Count -= h.Count
			}
		}
	}
	return groups
}

// Graph gives the tasks of a record that the actor may read, with what comes before what. A record
// that the actor may not read is ErrNotFound; an actor who may read no task at all gets ErrForbidden.
func (p *Practice) Graph(ctx context.Context, actor itsm.Actor, parent itsm.Ref) (Graph, error) {
	var g Graph
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		var err error
		g, err = p.graph(ctx, r, actor, parent)
		return err
	})
	return g, err
}

func (p *Practice) graph(ctx context.Context, r storage.Reader, actor itsm.Actor, parent itsm.Ref) (Graph, error) {
	if err := p.e.Authorizer().Authorize(ctx, actor, PermissionRead, nil); err != nil {
		return Graph{}, err
	}
	may, err := p.mayRead(ctx, r, actor, parent)
	if err != nil {
		return Graph{}, err
	}
	if !may {
		return Graph{}, &storage.Error{Op: "get", Table: parent.Kind, ID: parent.ID, Err: storage.ErrNotFound}
	}
	tasks, err := p.of(ctx, r, parent)
	if err != nil {
		return Graph{}, err
	}
	g := Graph{Parent: parent}
	for _, t := range tasks {
		may, err := p.allows(ctx, actor, PermissionRead, &t.Head)
		if err != nil {
			return Graph{}, err
		}
		if !may {
			continue
		}
		if t, err = p.shown(ctx, actor, t); err != nil {
			return Graph{}, err
		}
		g.Tasks = append(g.Tasks, t)
	}
	return g, nil
}

// History gives all events of a task, oldest first. It asks for "task.read_internal" on it.
func (p *Practice) History(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.Event, error) {
	var out []itsm.Event
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		out = nil
		t, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		if err := p.e.Authorizer().Authorize(ctx, actor, PermissionReadInternal, subject(&t)); err != nil {
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
