// This file holds the reading of sets, and of what has fired.

package trigger

import (
	"context"
	"errors"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

func position(e *itsm.Event) storage.EventPosition {
	return storage.EventPosition{Tenant: e.Tenant, Kind: e.Kind, Record: e.Record, Version: e.Version, N: e.N}
}

// Effective gives the triggers that fire in the actor's tenant, in their order, and where each comes
// from, the inactive ones too. Where no version is active there are none.
func (p *Practice) Effective(ctx context.Context, actor itsm.Actor) (Merged, error) {
	active, err := p.Active(ctx, actor, "")
	return Effective(active.Layers()), err
}

// Firing gives a firing with its error and the chain that led to it.
func (p *Practice) Firing(ctx context.Context, actor itsm.Actor, id itsm.ID) (Firing, error) {
	var f Firing
	err := p.View(ctx, actor, func(ctx context.Context, r storage.Reader) (err error) {
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
	err := p.View(ctx, actor, func(ctx context.Context, r storage.Reader) (err error) {
		page, err = FiringTable.List(ctx, r, q)
		return err
	})
	return page, err
}

func isNotFound(err error) bool { return errors.Is(err, storage.ErrNotFound) }
