package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/storage"
)

// DefaultKeyRetention is how long a command is known by its key where the options say nothing.
const DefaultKeyRetention = 7 * 24 * time.Hour

// keyRecord is the memory of a command that was given under a key. Created is when it was given.
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
	Parts:   func(r *keyRecord) (*keyHead, *keyBody) { return &r.keyHead, &r.keyBody },
	Indexes: []storage.Index{storage.IndexOn(storage.Order{Column: storage.ColumnCreated})}, // for what is forgotten
})

// key gives the memory of the call's key, and whether the command was done under it before. Where
// it was not, the memory is to be put when it is done; an old one is written over.
func (u *Unit) key(ctx context.Context, c Call) (k keyRecord, again bool, err error) {
	request, err := json.Marshal(c.Request)
	if err != nil {
		return k, false, storage.Invalid(c.Name, "request", "cannot be written as JSON")
	}
	id := c.keyID()
	hash := digest.Of(string(c.Target), string(request))
	k, err = commandTable.Get(ctx, u.s.tx, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		k = keyRecord{}
		k.ID = id
	case err != nil:
		return k, false, err
	case u.s.now.Sub(k.Created) < u.e.r.keyRetention:
		if k.Request != hash {
			return k, false, storage.Invalid(c.Name, "key", fmt.Sprintf("%q was used for another request", c.Command.Key))
		}
		return k, true, nil
	}
	k.keyBody = keyBody{Command: c.Name, Actor: c.Actor.ID, Key: c.Command.Key, Request: hash}
	k.Created, k.Updated = u.s.now, u.s.now
	return k, false, nil
}

// keyID names the memory of the call's key.
func (c Call) keyID() storage.ID {
	return storage.ID(digest.Of(string(c.Actor.ID), c.Name, c.Command.Key))
}

// settleWait is how long it is waited for a unit whose outcome is unknown to end.
const settleWait = 10 * time.Second

// settleKey says whether a command that was given under a key, and whose outcome is unknown, was done.
// Where there is no memory of it, its unit may still be about to commit: the connection is lost, and the
// server goes on. So the place of the memory is taken and left in a unit of its own. That waits for a unit
// that has written there, or makes it fail; when it is through, what was not done will never be.
func (e *Engine) settleKey(ctx context.Context, c Call, now time.Time) (fate, error) {
	waiting, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	for attempt := 1; ; attempt++ {
		found := undone
		err := e.store.Update(waiting, c.Actor.Tenant, func(ctx context.Context, tx storage.Tx) error {
			found = undone
			k, err := commandTable.Get(ctx, tx, c.keyID())
			switch {
			case errors.Is(err, storage.ErrNotFound):
				k = keyRecord{}
				k.ID, k.Created, k.Updated = c.keyID(), now, now
				if err := commandTable.Put(ctx, tx, &k); err != nil {
					return err
				}
				return tx.Delete(ctx, commandTable.Schema(), k.ID, k.Version)
			case err != nil:
				return err
			case now.Sub(k.Created) < e.r.keyRetention:
				found = done
				return nil
			}
			return commandTable.Put(ctx, tx, &k) // an old one, which the command writes over
		})
		if err == nil || !again(err) && !isUnknown(err) {
			return found, err
		}
		if pause(waiting, attempt, err) != nil {
			return open, cmp.Or(ctx.Err(), err)
		}
	}
}

// keep puts the memory of a command that was done.
func (u *Unit) keep(ctx context.Context, k keyRecord) error {
	id, creates := k.ID, k.Version == 0
	err := commandTable.Put(ctx, u.Quiet(), &k)
	if creates && errors.Is(err, storage.ErrConflict) {
		return &createConflict{recordKey{commandTable.Name(), id}, err}
	}
	return err
}

// overtaken looks at why a command was refused whose key was not known when it began. Where the same command was
// done meanwhile, that may be all that is wrong, and the unit is to be run again, which finds the memory of it.
func (u *Unit) overtaken(ctx context.Context, k keyRecord, refused error) error {
	if now, err := commandTable.Get(ctx, u.s.tx, k.ID); err != nil || now.Version == k.Version {
		return refused
	}
	return &createConflict{recordKey{commandTable.Name(), k.ID}, &storage.Error{Op: "put", Table: commandTable.Name(), ID: k.ID, Err: storage.ErrConflict}}
}

// What bounds the forgetting of one Tick.
const (
	forgetBatch   = 100 // keys in a unit
	forgetTenants = 20  // tenants that are looked at
)

// keyring is when a process looks for old keys again in the tenants that it knows of: those in
// which it was commanded under a key, and those whose jobs it ran.
type keyring struct {
	mu   sync.Mutex
	next map[storage.Tenant]time.Time // the zero time is at once
	soon time.Time                    // none is before it
}

// meet adds a tenant.
func (r *keyring) meet(t storage.Tenant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.next[t]; known {
		return
	}
	if r.next == nil {
		r.next = map[storage.Tenant]time.Time{}
	}
	r.next[t], r.soon = time.Time{}, time.Time{}
}

// due gives some tenants whose time has come.
func (r *keyring) due(now time.Time) (due []storage.Tenant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.next) == 0 || now.Before(r.soon) {
		return nil
	}
	first := true
	for t, at := range r.next {
		if len(due) < forgetTenants && !now.Before(at) {
			due = append(due, t)
		}
		if first || at.Before(r.soon) {
			r.soon, first = at, false
		}
	}
	return due
}

func (r *keyring) put(t storage.Tenant, next time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next[t] = next
}

// forget removes keys that are older than they are kept, of some tenants and some of each. more says
// that a tenant has others.
func (e *Engine) forget(ctx context.Context, now time.Time) (n int, more bool, err error) {
	var failed []error
	for _, tenant := range e.r.keys.due(now) {
		removed, full, err := e.forgetIn(ctx, tenant, now.Add(-e.r.keyRetention))
		switch {
		case isRetry(err), isUnknown(err), errors.Is(err, storage.ErrConflict):
			continue // at another time
		case err != nil:
			failed = append(failed, fmt.Errorf("keys of tenant %s: %w", tenant, err))
			continue
		}
		n += removed
		if more = more || full; !full {
			e.r.keys.put(tenant, now.Add(max(e.r.keyRetention/16, time.Minute)))
		}
	}
	return n, more, errors.Join(failed...)
}

// forgetIn removes a batch of one tenant's keys that were given by an instant. full says that there
// may be more.
func (e *Engine) forgetIn(ctx context.Context, tenant storage.Tenant, by time.Time) (n int, full bool, err error) {
	var old storage.Page[keyHead]
	list := func(ctx context.Context, r storage.Reader) (err error) {
		old, err = commandTable.List(ctx, r, storage.Query[keyHead]{
			Where: commandTable.ByCreated().AtMost(by), Order: []storage.Order{commandTable.ByCreated().Asc()}, Limit: forgetBatch,
		})
		return err
	}
	err = e.reading(ctx, func(ctx context.Context) error { return e.store.View(ctx, []storage.Tenant{tenant}, list) })
	if err != nil || len(old.Items) == 0 {
		return 0, false, err
	}
	remove := func(ctx context.Context, tx storage.Tx) error {
		n = 0
		for _, k := range old.Items {
			switch err := tx.Delete(ctx, commandTable.Schema(), k.ID, k.Version); {
			case err == nil:
				n++
			case errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrNotFound): // given anew, or gone
			default:
				return err
			}
		}
		return nil
	}
	err = e.repeating(ctx, func() error { return e.store.Update(ctx, tenant, remove) })
	return n, old.Next != "", err
}
