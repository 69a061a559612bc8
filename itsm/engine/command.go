package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

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
	// Request is the request itself: the same key with another request is refused.
	Request any
}

// Execute runs one command on a record of a table as a unit, and gives the record as fn left
// it. Where the call has a key under which the actor has given this command before, fn is not
// run: the record that came of it is read and given as it is now. The same key with another
// request is ErrInvalid.
func Execute[R, H, B any](ctx context.Context, e *Engine, t storage.Table[R, H, B], c Call, fn func(ctx context.Context, u *Unit) (R, error)) (R, error) {
	var out, zero R
	if err := c.Command.Validate(); err != nil {
		return zero, err
	}
	err := e.update(ctx, c.Actor, e.commandTime(), c.Command, func(ctx context.Context, u *Unit) error {
		key, err := u.key(ctx, c)
		if err != nil {
			return err
		}
		if key.Version > 0 { // it has been done
			out, err = t.Get(ctx, u, key.Result)
			return err
		}
		if out, err = fn(ctx, u); err != nil {
			return err
		}
		if c.Command.Key == "" {
			return nil
		}
		m := t.Meta(&out)
		key.Kind, key.Result, key.ResultVersion = t.Name(), m.ID, m.Version
		return commandTable.Put(ctx, silent{u}, &key)
	})
	if err != nil {
		return zero, err
	}
	return out, nil
}

// commandTime is the instant of a command: that of the open unit where it is nested in one.
func (e *Engine) commandTime() time.Time {
	if b, ok := e.store.(boundStore); ok {
		return b.u.s.now
	}
	return e.r.clock.Now()
}

// Target reads the record that a command is about. Where the request names the version that
// the caller has seen and the record has another, it is ErrConflict, and the unit is not run
// again.
func Target[R, H, B any](ctx context.Context, u *Unit, t storage.Table[R, H, B], id storage.ID) (R, error) {
	r, err := t.Get(ctx, u, id)
	if err != nil {
		return r, err
	}
	if want, has := u.cmd.IfVersion, t.Meta(&r).Version; want != 0 && want != has {
		var zero R
		return zero, &finalConflict{&storage.Error{Op: "command", Table: t.Name(), ID: id, Err: storage.ErrConflict}}
	}
	return r, nil
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
	ResultVersion int64      `json:"result_version"`
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

// silent puts without field history and events: for records that are no one's business.
type silent struct{ *Unit }

func (s silent) Put(ctx context.Context, schema *storage.Schema, row *storage.Row) error {
	s.s.writes++
	return s.s.tx.Put(ctx, schema, row)
}
