package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

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
// Where the call has a key under which the actor has given this command before, fn is not run: the
// record that came of it is given as it is now. The same key with another request is ErrInvalid.
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
	if err := c.check(); err != nil {
		return zero, err
	}
	err := e.update(ctx, c, func(ctx context.Context, u *Unit) error {
		key, err := u.key(ctx, c)
		if err != nil {
			return err
		}
		again := key.Version > 0
		var m *storage.Meta
		if again {
			if out, err = t.Get(ctx, u.Quiet(), key.Result); err != nil {
				return err
			}
			m = t.Meta(&out)
		} else {
			if out, err = fn(ctx, u); u.stale != nil && !hidden(err) {
				return u.stale
			}
			if err != nil {
				return err
			}
			m = t.Meta(&out)
			if c.Command.Key != "" {
				key.Kind, key.Result, key.ResultVersion = t.Name(), m.ID, m.Version
				if err := commandTable.Put(ctx, u.Quiet(), &key); err != nil {
					if errors.Is(err, storage.ErrConflict) {
						return &createConflict{recordKey{commandTable.Name(), key.ID}, err}
					}
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
	return out, nil
}

// hidden says whether an error keeps the record from the actor.
func hidden(err error) bool {
	return errors.Is(err, itsm.ErrNotFound) || errors.Is(err, itsm.ErrForbidden)
}

func (c Call) check() error {
	var f itsm.Faults
	f.Merge("", c.Command.Validate())
	if c.Command.IfVersion != 0 && c.Target == "" {
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

// keyRecord is the memory of a command that was given under a key.
type keyRecord struct {
	keyHead
	keyBody
}

type keyHead struct{ storage.Meta }

type keyBody struct {
	Command       string     `json:"command"`
	Actor         storage.ID `json:"actor"`
	Key           string     `json:"key"`
	Request       string     `json:"request"` // its hash
	Kind          string     `json:"kind"`
	Result        storage.ID `json:"result"`
	ResultVersion int64      `json:"result_version"` // as fn left it, for who reads the table
}

var commandTable = storage.Define("command", storage.Def[keyRecord, keyHead, keyBody]{
	Parts: func(r *keyRecord) (*keyHead, *keyBody) { return &r.keyHead, &r.keyBody },
})

// key finds the memory of the call's key, or makes a new one of version 0.
func (u *Unit) key(ctx context.Context, c Call) (keyRecord, error) {
	var k keyRecord
	if c.Command.Key == "" {
		return k, nil
	}
	request, err := json.Marshal(c.Request)
	if err != nil {
		return k, storage.Invalid(c.Name, "request", "cannot be written as JSON")
	}
	id := storage.ID(digest(string(c.Actor.ID), c.Name, c.Command.Key))
	hash := digest(string(c.Target), string(request))
	k, err = commandTable.Get(ctx, u.s.tx, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		k = keyRecord{keyBody: keyBody{Command: c.Name, Actor: c.Actor.ID, Key: c.Command.Key, Request: hash}}
		k.ID, k.Created, k.Updated = id, u.s.now, u.s.now
		return k, nil
	case err != nil:
		return k, err
	case k.Request != hash:
		return k, storage.Invalid(c.Name, "key", fmt.Sprintf("%q was used for another request", c.Command.Key))
	}
	return k, nil
}

// digest is a hash of parts that no other parts have.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:20])
}
