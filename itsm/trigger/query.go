// This file holds the reading of sets, and of what has fired.

package trigger

import (
	"context"
	"errors"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// activeOf gives the active versions by their stack.
func activeOf(ctx context.Context, r storage.Reader) (map[Stack]*Version, error) {
	page, err := Table.Records(ctx, r, storage.Query[Head]{Where: ByState.Is(StateActive)})
	if err != nil {
		return nil, err
	}
	active := make(map[Stack]*Version, len(page.Items))
	for i := range page.Items {
		active[page.Items[i].Stack] = &page.Items[i]
	}
	return active, nil
}

// merged gives what holds of active versions.
func merged(active map[Stack]*Version) Merged {
	layer := func(s Stack) (l Layer) {
		if v := active[s]; v != nil {
			l = v.Layer()
		}
		return l
	}
	return Effective(layer(StackBase), layer(StackOwn))
}

// view reads one snapshot of the actor's tenant, if the actor may.
func (p *Practice) view(ctx context.Context, actor itsm.Actor, fn func(ctx context.Context, r storage.Reader) error) error {
	return p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.authorize(ctx, actor, PermissionRead); err != nil {
			return err
		}
		return fn(ctx, r)
	})
}

// Get gives a version.
func (p *Practice) Get(ctx context.Context, actor itsm.Actor, id itsm.ID) (Version, error) {
	var v Version
	err := p.view(ctx, actor, func(ctx context.Context, r storage.Reader) (err error) {
		v, err = Table.Get(ctx, r, id)
		return err
	})
	return v, err
}

// List gives a page of versions in the order asked for; none is by their ids, which is by when they
// were made.
func (p *Practice) List(ctx context.Context, actor itsm.Actor, q storage.Query[Head]) (storage.Page[Head], error) {
	var page storage.Page[Head]
	err := p.view(ctx, actor, func(ctx context.Context, r storage.Reader) (err error) {
		page, err = Table.List(ctx, r, q)
		return err
	})
	return page, err
}

// History gives the events of a version, oldest first: who made, revised, activated and retired it,
// when and why, and what each changed.
func (p *Practice) History(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.Event, error) {
	var events []itsm.Event
	err := p.view(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if _, err := Table.Get(ctx, r, id); err != nil {
			return err
		}
		q := storage.EventQuery{Kind: Kind, Record: id, Limit: storage.MaxLimit}
		for {
			page, err := p.e.History(ctx, r, q)
			if err != nil {
				return err
			}
			events = append(events, page...)
			if len(page) < q.Limit {
				return nil
			}
			q.After = position(&page[len(page)-1])
		}
	})
	return events, err
}

func position(e *itsm.Event) storage.EventPosition {
	return storage.EventPosition{Tenant: e.Tenant, Kind: e.Kind, Record: e.Record, Version: e.Version, N: e.N}
}

// Effective gives the triggers that fire in the actor's tenant, in their order, and where each comes
// from, the inactive ones too. Where no version is active there are none.
func (p *Practice) Effective(ctx context.Context, actor itsm.Actor) (Merged, error) {
	var m Merged
	err := p.view(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		active, err := activeOf(ctx, r)
		m = merged(active)
		return err
	})
	return m, err
}

// Firing gives a firing with its error and the chain that led to it.
func (p *Practice) Firing(ctx context.Context, actor itsm.Actor, id itsm.ID) (Firing, error) {
	var f Firing
	err := p.view(ctx, actor, func(ctx context.Context, r storage.Reader) (err error) {
		f, err = FiringTable.Get(ctx, r, id)
		return err
	})
	return f, err
}

// Firings gives a page of what has fired, failed and was stopped in the actor's tenant. There are
// indexes for those of a record, of a trigger, and of an outcome, each by FiringByAt, and for all by
// FiringByAt.
func (p *Practice) Firings(ctx context.Context, actor itsm.Actor, q storage.Query[FiringHead]) (storage.Page[FiringHead], error) {
	var page storage.Page[FiringHead]
	err := p.view(ctx, actor, func(ctx context.Context, r storage.Reader) (err error) {
		page, err = FiringTable.List(ctx, r, q)
		return err
	})
	return page, err
}

func isNotFound(err error) bool { return errors.Is(err, storage.ErrNotFound) }
