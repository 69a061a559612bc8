// This file holds the reading of interactions: one, lists, counts, queues, notes, the log.

package interaction

import (
	"context"
	"iter"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Query asks for a list of interactions. What it gives is always narrowed to what the actor may read.
type Query struct {
	// Where narrows the list further; the zero Filter does not.
	Where storage.Filter[Head]
	// Order is by columns that are never absent; none is by when the contacts began.
	Order []storage.Order
	// Limit is the number of items of a page: 50 when 0, at most storage.MaxPage.
	Limit int
	// After is the Next of the page before.
	After storage.Cursor
}

// DefaultOrder is the order of lists that name none.
func DefaultOrder() []storage.Order { return []storage.Order{ByStarted.Asc()} }

// Get gives an interaction as the actor may see it. One that the actor may not read is ErrNotFound.
func (p *Practice) Get(ctx context.Context, actor itsm.Actor, id itsm.ID) (Interaction, error) {
	var out Interaction
	err := p.reading(ctx, actor, id, func(ctx context.Context, r storage.Reader, i Interaction, _ bool) (err error) {
		out, err = p.shown(ctx, r, actor, i)
		return err
	})
	return out, err
}

// reading reads one interaction, and says whether the actor may read what is internal to it.
func (p *Practice) reading(ctx context.Context, actor itsm.Actor, id itsm.ID, fn func(context.Context, storage.Reader, Interaction, bool) error) error {
	return p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		i, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		internal, err := p.allows(ctx, actor, PermissionReadInternal, &i.Head)
		if err != nil {
			return err
		}
		return fn(ctx, r, i, internal)
	})
}

// List gives a page of interactions that the actor may read. An actor who may read none at all gets
// ErrForbidden.
func (p *Practice) List(ctx context.Context, actor itsm.Actor, q Query) (storage.Page[Head], error) {
	return p.list(ctx, actor, q, nil)
}

func (p *Practice) list(ctx context.Context, actor itsm.Actor, q Query, about *itsm.Ref) (storage.Page[Head], error) {
	var page storage.Page[Head]
	err := p.view(ctx, actor, q, nil, about, func(ctx context.Context, r storage.Reader, where, internal storage.Filter[Head]) error {
		order := q.Order
		if len(order) == 0 {
			order = DefaultOrder()
		}
		var err error
		page, err = Table.List(ctx, r, storage.Query[Head]{Where: where, Order: order, Limit: q.Limit, After: q.After})
		if err != nil {
			return err
		}
		known := map[itsm.Ref]bool{}
		for n := range page.Items {
			h := &page.Items[n]
			if h.RecordID == "" {
				continue
			}
			may, asked := known[h.Record()]
			if !asked {
				if may, err = p.mayKnow(ctx, r, actor, internal.Match(h), h.Record()); err != nil {
					return err
				}
				if p.o.MayRead != nil {
					known[h.Record()] = may
				}
			}
			if !may {
				h.RecordKind, h.RecordID = "", ""
			}
		}
		return nil
	})
	if err != nil {
		return storage.Page[Head]{}, err
	}
	return page, nil
}

// view runs fn, which reads a page or counts, with the query's filter narrowed to what the actor may
// read and, where that is not nil, to what is about a record, and with the filter of what the actor may
// read the internal of.
func (p *Practice) view(ctx context.Context, actor itsm.Actor, q Query, by []storage.ColumnOf[Head], about *itsm.Ref, fn func(ctx context.Context, r storage.Reader, where, internal storage.Filter[Head]) error) error {
	if err := actor.Validate(); err != nil {
		return err
	}
	if asksRecord(q, by) {
		return itsm.Invalid("query on "+Kind, "query", "looks at the records that interactions are about; ask Of")
	}
	return p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		may, err := p.scope(ctx, actor, PermissionRead)
		if err != nil {
			return err
		}
		internal, err := p.scope(ctx, actor, PermissionReadInternal)
		switch {
		case isForbidden(err):
			internal = storage.AnyOf[Head]()
		case err != nil:
			return err
		}
		where := []storage.Filter[Head]{may, q.Where}
		if about != nil {
			where = append(where, byRecordKind.Is(about.Kind), byRecordID.Is(about.ID))
			if p.o.MayRead == nil {
				where = append(where, internal)
			} else if may, err := p.mayKnow(ctx, r, actor, true, *about); err != nil {
				return err
			} else if !may {
				where = append(where, storage.AnyOf[Head]())
			}
		}
		return fn(ctx, r, storage.AllOf(where...), internal)
	})
}

// asksRecord says whether a query looks at the record of interactions.
func asksRecord(q Query, by []storage.ColumnOf[Head]) bool {
	tells := func(column string) bool {
		return column == byRecordKind.Spec().Name || column == byRecordID.Spec().Name
	}
	var named func(c storage.Condition) bool
	named = func(c storage.Condition) bool { return tells(c.Column) || slices.ContainsFunc(c.Of, named) }
	return named(q.Where.Condition()) ||
		slices.ContainsFunc(q.Order, func(o storage.Order) bool { return tells(o.Column) }) ||
		slices.ContainsFunc(by, func(c storage.ColumnOf[Head]) bool { return c != nil && tells(c.Spec().Name) })
}

// All walks a list page by page, of Limit items each. Nothing stays open between the pages, so that the
// loop may query and command as it likes. An error is the last thing it yields.
func (p *Practice) All(ctx context.Context, actor itsm.Actor, q Query) iter.Seq2[Head, error] {
	return storage.Pages(storage.Query[Head]{Limit: q.Limit, After: q.After}, func(page storage.Query[Head]) (storage.Page[Head], error) {
		q.After = page.After
		return p.List(ctx, actor, q)
	})
}

// Queue lists the open interactions that no person has yet, of any group and of none.
func (p *Practice) Queue(ctx context.Context, actor itsm.Actor, q Query) (storage.Page[Head], error) {
	q.Where = storage.AllOf(ByAssignee.Is(""), ByOpen.Is(true), q.Where)
	return p.List(ctx, actor, q)
}

// Mine lists the open interactions that the actor handles.
func (p *Practice) Mine(ctx context.Context, actor itsm.Actor, q Query) (storage.Page[Head], error) {
	q.Where = storage.AllOf(ByAssignee.Is(actor.ID), ByOpen.Is(true), q.Where)
	return p.List(ctx, actor, q)
}

// MyGroups lists the open interactions of the actor's groups that no person has yet.
func (p *Practice) MyGroups(ctx context.Context, actor itsm.Actor, q Query) (storage.Page[Head], error) {
	q.Where = storage.AllOf(ByGroup.In(actor.InGroups()...), ByAssignee.Is(""), ByOpen.Is(true), q.Where)
	return p.List(ctx, actor, q)
}

// Of lists the interactions that are about a record now: those that it was made from and those that were
// attached to it. Of a record that the actor may not know of it lists none.
func (p *Practice) Of(ctx context.Context, actor itsm.Actor, record itsm.Ref, q Query) (storage.Page[Head], error) {
	return p.list(ctx, actor, q, &record)
}

// FirstContact gives the first of the interactions that are about a record now, which tells when and how
// the matter came up: a record was resolved during the first contact where it was resolved before that
// ended. A record that came of no contact is ErrNotFound.
func (p *Practice) FirstContact(ctx context.Context, actor itsm.Actor, record itsm.Ref) (Head, error) {
	page, err := p.Of(ctx, actor, record, Query{Limit: 1})
	if err != nil {
		return Head{}, err
	}
	if len(page.Items) == 0 {
		return Head{}, &storage.Error{Op: "first contact", Table: record.Kind, ID: record.ID, Err: storage.ErrNotFound}
	}
	return page.Items[0], nil
}

// Count counts the interactions that the actor may read. Order, Limit and After of the query have no
// meaning.
func (p *Practice) Count(ctx context.Context, actor itsm.Actor, q Query) (int64, error) {
	groups, err := p.CountBy(ctx, actor, q)
	if err != nil || len(groups) == 0 {
		return 0, err
	}
	return groups[0].Count, nil
}

// CountBy counts the interactions that the actor may read for each combination of values that they have
// in the columns, in the order of these values.
func (p *Practice) CountBy(ctx context.Context, actor itsm.Actor, q Query, by ...storage.ColumnOf[Head]) ([]storage.Group, error) {
	q.Order = nil
	var groups []storage.Group
	err := p.view(ctx, actor, q, by, nil, func(ctx context.Context, r storage.Reader, where, _ storage.Filter[Head]) (err error) {
		groups, err = Table.CountBy(ctx, r, where, by...)
		return err
	})
	return groups, err
}

// Notes gives a page of the notes that the actor may read, oldest first; after is the Next of the page
// before. Those who may not read what is internal get the public ones.
func (p *Practice) Notes(ctx context.Context, actor itsm.Actor, id itsm.ID, after storage.Cursor, limit int) (storage.Page[engine.NoteRecord], error) {
	var page storage.Page[engine.NoteRecord]
	err := p.reading(ctx, actor, id, func(ctx context.Context, r storage.Reader, i Interaction, internal bool) (err error) {
		page, err = engine.Notes(ctx, r, i.Ref(), internal, after, limit)
		return err
	})
	return page, err
}

// History gives the events of an interaction, in order: what it was taken for, by whom, and why. It asks
// for "interaction.read_internal". An event that names a record of which the actor may not know is left
// out.
func (p *Practice) History(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.Event, error) {
	var out []itsm.Event
	err := p.reading(ctx, actor, id, func(ctx context.Context, r storage.Reader, i Interaction, _ bool) error {
		out = nil
		if err := p.e.Authorizer().Authorize(ctx, actor, PermissionReadInternal, subject(&i.Head)); err != nil {
			return err
		}
		q := storage.EventQuery{Kind: Kind, Record: id, Limit: storage.MaxLimit}
		for {
			events, err := p.e.History(ctx, r, q)
			if err != nil {
				return err
			}
			for _, e := range events {
				may, err := p.mayKnowAll(ctx, r, actor, recordsOf(e.Data))
				if err != nil {
					return err
				}
				if !may {
					continue
				}
				// Which records there were the events tell, each for itself.
				e.Changes = slices.DeleteFunc(e.Changes, func(c itsm.Change) bool { return c.Field == "became" })
				out = append(out, e)
			}
			if len(events) < q.Limit {
				return nil
			}
			last := events[len(events)-1]
			q.After = storage.EventPosition{Tenant: last.Tenant, Kind: last.Kind, Record: last.Record, Version: last.Version, N: last.N}
		}
	})
	return out, err
}

func (p *Practice) mayKnowAll(ctx context.Context, r storage.Reader, actor itsm.Actor, refs []itsm.Ref) (bool, error) {
	for _, ref := range refs {
		if may, err := p.mayKnow(ctx, r, actor, true, ref); err != nil || !may {
			return false, err
		}
	}
	return true, nil
}

// recordsOf are the records that an event names. Fields that name records change with these events
// alone.
func recordsOf(p itsm.Payload) []itsm.Ref {
	switch p := p.(type) {
	case Became:
		return []itsm.Ref{p.Record}
	case Attached:
		return []itsm.Ref{p.Record}
	case Reclassified:
		return []itsm.Ref{p.FromRecord, p.Record}
	}
	return nil
}

// PermittedActions gives every action of the state that the interaction is in: whether the actor can take
// it now and, where not, why. Of an action that the actor has no permission for, Forbidden is set and the
// reason says so, whatever a guard would say. What the input must bring stands in Missing.
func (p *Practice) PermittedActions(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.PermittedAction, error) {
	var out []itsm.PermittedAction
	err := p.reading(ctx, actor, id, func(ctx context.Context, r storage.Reader, i Interaction, _ bool) error {
		if _, ok := p.o.Lifecycle.Category(i.State); !ok {
			return &itsm.UnknownStateError{Kind: Kind, State: string(i.State)}
		}
		var f itsm.Faults
		a := attempt{Subject: &Case{Interaction: i, Was: i}, ID: i.ID, Actor: actor, Now: p.e.Now(), Faults: &f}
		out = slices.DeleteFunc(p.o.Lifecycle.Actions(i.State, a), func(a itsm.PermittedAction) bool { return a.System })
		for n := range out {
			may, err := p.allows(ctx, actor, out[n].Permission, &i.Head)
			if err != nil {
				return err
			}
			if !may {
				out[n].Permitted, out[n].Forbidden, out[n].Reason = false, true, "no role of the actor grants it"
			}
		}
		return nil
	})
	return out, err
}
