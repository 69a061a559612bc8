package engine

import (
	"context"
	"errors"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Call is one command as an actor gave it.
type Call struct {
	// Name is the command's name: "incident.resolve".
	Name string
	// Actor is who commands.
	Actor itsm.Actor
	// Command is what the request embeds.
	Command itsm.Command
	// Target is the record commanded, empty for a new one.
	Target storage.ID
	// Request is the request itself, as its JSON form tells it from another: the same key with
	// another request is refused.
	Request any

	kind string
	// settle is what becomes of it when its outcome is unknown: see [doubt].
	settle func(ctx context.Context) (fate, error)
}

// target is the record that the command's IfVersion is about.
func (c Call) target() recordKey { return recordKey{c.kind, c.Target} }

// Execute runs one command on a record of a table as a unit. fn changes the record and gives it;
// the caller gets it as it is stored when the reactions are through, which may have changed it
// again.
//
// Where the request names the version that the caller has seen and the target has another, it is
// ErrConflict, whatever else fn finds, and the unit is not run again. Only fn's ErrNotFound and
// ErrForbidden come before it: who may not read a record does not learn that it was changed.
//
// Where the call has a key under which the actor has given this command within
// [Options].KeyRetention, fn is not run: the record that came of it is given as it is now. The same
// key with another request is ErrInvalid. After that time the same key is a new command.
//
// Where the connection to the store is lost in the commit, a command with a key is looked for by that key:
// when it was done it is given as above, and when it surely was not it is run again, so that it is done
// once. Without a key, and where the store cannot be asked within ten seconds, it is ErrUnknownOutcome:
// the command may have been done, or not. No error is that and ErrRetry, which says that nothing was done.
//
// A command that [Call.Validate] refuses is ErrInvalid, and nothing is changed. fn is run all the
// same, so that what else is wrong with the request is told together with it: fn merges Validate
// into its faults before it writes anything. An fn that does not is undone, and the caller learns
// what is wrong with the command when nothing else is.
//
// show, where it is not nil, makes of the stored record what the actor is given, or refuses it. It
// is told whether the command was done before: who may no longer read the record may not learn
// it by giving an old key.
func Execute[R, H, B any](ctx context.Context, e *Engine, t storage.Table[R, H, B], c Call,
	fn func(ctx context.Context, u *Unit) (R, error),
	show func(ctx context.Context, u *Unit, r R, again bool) (R, error),
) (R, error) {
	var out, zero R
	c.kind = t.Name()
	faulty := c.Validate()
	keyed := c.Command.Key != "" && faulty == nil
	if keyed {
		given := c
		c.settle = func(ctx context.Context) (fate, error) { return e.settleKey(ctx, given, e.r.clock.Now()) }
	}
	err := e.update(ctx, c, func(ctx context.Context, u *Unit) error {
		var key keyRecord
		var again bool
		var err error
		if keyed {
			if key, again, err = u.key(ctx, c); err != nil {
				return err
			}
		}
		var m *storage.Meta
		if again {
			if out, err = t.Get(ctx, u.Quiet(), key.Result); err != nil {
				return err
			}
			m = t.Meta(&out)
		} else {
			if out, err = fn(ctx, u); u.stale != nil && faulty == nil && !hidden(err) {
				err = u.stale
			}
			if err == nil {
				err = faulty
			}
			if err != nil {
				if keyed {
					err = u.overtaken(ctx, key, err)
				}
				return err
			}
			m = t.Meta(&out)
			if keyed {
				key.Kind, key.Result, key.ResultVersion = t.Name(), m.ID, m.Version
				if err := u.keep(ctx, key); err != nil {
					return err
				}
			}
		}
		return u.atEnd(ctx, func(ctx context.Context) error {
			if r, ok := u.s.records[recordKey{t.Name(), m.ID}]; ok && r.known && r.version > m.Version {
				var err error
				if out, err = t.Decode(r.before); err != nil {
					return err
				}
			}
			if show == nil {
				return nil
			}
			var err error
			out, err = show(ctx, u, out, again)
			return err
		})
	})
	if err != nil {
		return zero, err
	}
	if keyed {
		e.r.keys.meet(c.Actor.Tenant)
	}
	return out, nil
}

// hidden says whether an error keeps the record from the actor.
func hidden(err error) bool {
	return errors.Is(err, itsm.ErrNotFound) || errors.Is(err, itsm.ErrForbidden)
}

// Validate gives what is wrong with the command that the request embeds, as ErrInvalid with every
// fault by the names of its fields: those of [itsm.Command.Validate], and a version where there is
// no record yet. A practice merges it into the faults of its request, so that all are told at once.
func (c Call) Validate() error {
	var f itsm.Faults
	f.Merge("", c.Command.Validate())
	if c.Command.IfVersion > 0 && c.Target == "" {
		f.Add("if_version", "is for commands on a record that exists")
	}
	return f.Err("command")
}

// atEnd runs fn when the reactions are through. A nested command cannot wait for that: its caller
// is one of them.
func (u *Unit) atEnd(ctx context.Context, fn func(context.Context) error) error {
	if u.nested {
		return fn(ctx)
	}
	u.s.after = append(u.s.after, fn)
	return nil
}
