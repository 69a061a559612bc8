// This file holds the reading of versions.

package versioned

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// View runs fn on one snapshot of the actor's tenant, if the actor may read versions: for the reads that
// a practice has beside these.
func (k *Keeper[S]) View(ctx context.Context, actor itsm.Actor, fn func(ctx context.Context, r storage.Reader) error) error {
	return k.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := k.e.Authorizer().Authorize(ctx, actor, k.read, k.subject("")); err != nil {
			return err
		}
		return fn(ctx, r)
	})
}

// Version gives a version.
func (k *Keeper[S]) Version(ctx context.Context, actor itsm.Actor, id itsm.ID) (v Version[S], err error) {
	err = k.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		v, err = k.table.Get(ctx, r, id)
		return err
	})
	k.show(ctx, actor, &v)
	return v, err
}

// show takes out of a version what its reader need not know: which version of which tenant a base is a copy
// of, but for who may read versions there.
func (k *Keeper[S]) show(ctx context.Context, actor itsm.Actor, v *Version[S]) {
	from := v.Source
	if from == (Source{}) || k.e.Authorizer().Authorize(ctx, actor.In(from.Tenant), k.read, k.subject("")) == nil {
		return
	}
	v.Source = Source{Number: from.Number, Provider: true}
}

// Versions gives a page of versions in the order asked for; none is by their ids, which is by when they
// were made.
func (k *Keeper[S]) Versions(ctx context.Context, actor itsm.Actor, q storage.Query[Head]) (page storage.Page[Head], err error) {
	err = k.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		page, err = k.table.List(ctx, r, q)
		return err
	})
	return page, err
}

// Active gives the versions of a family that are followed in the actor's tenant. A family that there
// cannot be is ErrInvalid; one of which nothing is active has none.
func (k *Keeper[S]) Active(ctx context.Context, actor itsm.Actor, family string) (a Active[S], err error) {
	var f itsm.Faults
	k.family(family, &f)
	if err := f.Err(k.table.Name()); err != nil {
		return a, err
	}
	err = k.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		a, err = ReadActive(ctx, r, k.table, family)
		return err
	})
	if a.Base != nil {
		k.show(ctx, actor, a.Base)
	}
	return a, err
}

// VersionHistory gives the events of a version, oldest first: who made, revised, activated and retired
// it, when and why, and what each changed.
func (k *Keeper[S]) VersionHistory(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.Event, error) {
	var events []itsm.Event
	err := k.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if _, err := k.table.Get(ctx, r, id); err != nil {
			return err
		}
		events = nil
		q := storage.EventQuery{Kind: k.table.Name(), Record: id, Limit: storage.MaxLimit}
		for {
			page, err := k.e.History(ctx, r, q)
			if err != nil {
				return err
			}
			events = append(events, page...)
			if len(page) < q.Limit {
				return nil
			}
			last := page[len(page)-1]
			q.After = storage.EventPosition{Tenant: last.Tenant, Kind: last.Kind, Record: last.Record, Version: last.Version, N: last.N}
		}
	})
	return events, err
}
