package engine

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Store is a store bound to this unit: a practice rebound to it by In runs its commands in the
// same transaction, with the same event queue and instant, and reads what the unit wrote. A
// nested command that fails after it has written fails the whole unit, also where its error is
// not passed on; one that was refused before it wrote anything does not.
func (u *Unit) Store() storage.Store { return boundStore{u} }

type boundStore struct{ u *Unit }

func (b boundStore) View(ctx context.Context, tenants []storage.Tenant, fn func(context.Context, storage.Reader) error) error {
	if err := storage.CheckTenants(tenants); err != nil {
		return err
	}
	if len(tenants) != 1 || tenants[0] != b.u.Tenant() {
		return storage.Invalid("view inside a unit", "tenants", "must be the unit's tenant alone")
	}
	return fn(ctx, b.u)
}

func (b boundStore) Read(ctx context.Context, tenants []storage.Tenant, fn func(context.Context, storage.Reader) error) error {
	return b.View(ctx, tenants, fn)
}

func (b boundStore) Update(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	if tenant != b.u.Tenant() {
		return storage.Invalid("command inside a unit", "tenant", "must be the unit's tenant")
	}
	return b.whole(func() error { return fn(ctx, b.u) })
}

// whole fails the unit when fn fails after it wrote or emitted something: half of a command
// must not be committed with the rest.
func (b boundStore) whole(fn func() error) error {
	written := b.u.s.writes
	err := fn()
	if err != nil && b.u.s.writes != written {
		b.u.Fail(err)
	}
	return err
}

func (b boundStore) Claim(context.Context, storage.Claim) ([]storage.Job, error) {
	return nil, storage.Invalid("claim inside a unit", "claim", "is for the engine's Tick")
}

func (b boundStore) Close() error { return nil }

// nested runs a command of the same or another practice inside an open unit.
func (b boundStore) nested(ctx context.Context, e *Engine, actor itsm.Actor, call Call, fn func(context.Context, *Unit) error) error {
	if actor.Tenant != b.u.Tenant() {
		return storage.Invalid("command inside a unit", "tenant", "must be the unit's tenant")
	}
	return b.whole(func() error {
		u := &Unit{tx: b.u.tx, s: b.u.s, e: e, actor: actor, cmd: call.Command, target: call.target(), cause: actor.Cause, nested: true}
		if u.cause.IsZero() {
			u.cause = b.u.cause
		}
		if err := fn(ctx, u); err != nil {
			return err
		}
		u.changed() // while it is known who put
		return b.u.s.err
	})
}
