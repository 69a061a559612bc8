// This file holds revisions: what tells a command, by one read, whether what it follows has changed.

package engine

import (
	"context"
	"errors"
	"sync"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// revisions are those of a tenant, in one record: what many commands follow and few change.
type revisions struct {
	revisionsHead
	revisionsBody
}

type revisionsHead struct{ storage.Meta }

type revisionsBody struct {
	Of map[string]itsm.ID `json:"of"`
}

var revisionTable = storage.Define("revision", storage.Def[revisions, revisionsHead, revisionsBody]{
	Parts: func(r *revisions) (*revisionsHead, *revisionsBody) { return &r.revisionsHead, &r.revisionsBody },
})

const revisionsID storage.ID = "current"

// revisionsKey is where a unit keeps the revisions that it has read.
type revisionsKey struct{}

// Revise gives what a name stands for a new revision: who keeps what it made of the old one, as [Kept] does, makes it
// anew. It is for what many commands follow and few change, such as rules and policies; a unit that
// revises meets a conflict where another of the tenant does at the same time, and is run again.
func (u *Unit) Revise(ctx context.Context, name string) error {
	r, err := revisionTable.Get(ctx, u.Quiet(), revisionsID)
	if errors.Is(err, storage.ErrNotFound) {
		r.ID, r.Created, r.Of, err = revisionsID, u.Now(), map[string]itsm.ID{}, nil
	}
	if err != nil {
		return err
	}
	r.Of[name], r.Updated = u.NewID(), u.Now()
	return revisionTable.Put(ctx, u.Quiet(), &r) // which has the unit forget what it has read
}

// revision gives the revision of what a name stands for in the reader's one tenant, empty where it was never
// revised. A unit reads the revisions of all names once, and again when it has revised one. No two states
// that were committed have the same.
func revision(ctx context.Context, r storage.Reader, name string) (itsm.ID, error) {
	u := unitOf(r)
	if u != nil {
		if of, ok := u.Remembered(revisionsKey{}).(map[string]itsm.ID); ok {
			return of[name], nil
		}
	}
	of, err := readRevisions(ctx, r)
	if err == nil && u != nil {
		u.Remember(revisionsKey{}, revisionTable.Name(), of)
	}
	return of[name], err
}

func readRevisions(ctx context.Context, r storage.Reader) (map[string]itsm.ID, error) {
	all, err := revisionTable.Get(ctx, r, revisionsID)
	if errors.Is(err, storage.ErrNotFound) {
		return map[string]itsm.ID{}, nil
	}
	return all.Of, err
}

// unitOf gives the unit that a reader is, or nil.
func unitOf(r storage.Reader) *Unit {
	switch r := r.(type) {
	case *Unit:
		return r
	case quiet:
		return r.Unit
	}
	return nil
}

// MaxKept bounds what one [Kept] keeps, by the sizes that it is told.
const MaxKept = 16 << 20

// Kept keeps what a practice makes of what names stand for, as a compiled program of the active rules, for each
// tenant until it is revised. It asks the store for the revision each time: a unit gets what it has written
// itself, and after it was undone the next reader gets what there is. The zero value is ready, safe for any number of
// goroutines, and bounded by [MaxKept].
type Kept[V any] struct {
	mu   sync.Mutex
	made map[keptKey]kept[V]
	size int
}

type keptKey struct {
	tenant     storage.Tenant
	name, part string
}

type kept[V any] struct {
	revision itsm.ID
	value    V
	size     int
}

// Of gives what was made of a part of what a name stands for in the reader's one tenant; nothing where that was never
// revised. make reads it and says about how many bytes its result has, which is shared and must not be changed. Names are
// few, as every command reads the revisions of all; parts may be many.
func (k *Kept[V]) Of(ctx context.Context, r storage.Reader, name, part string, make func(ctx context.Context) (V, int, error)) (v V, any bool, err error) {
	tenants := r.Tenants()
	if len(tenants) != 1 {
		return v, false, storage.Invalid(name, "tenant", "must be one")
	}
	at := keptKey{tenants[0], name, part}
	current, err := revision(ctx, r, name)
	if err != nil || current == "" {
		return v, false, err
	}
	if v, ok := k.get(at, current); ok {
		return v, true, nil
	}
	for {
		v, size, err := make(ctx)
		if err != nil {
			return v, false, err
		}
		// Outside a snapshot it may have been read after another revision.
		of, err := readRevisions(ctx, r)
		if err != nil {
			return v, false, err
		}
		if of[name] == current {
			k.put(at, kept[V]{current, v, size})
			return v, true, nil
		}
		current = of[name]
		if u := unitOf(r); u != nil {
			u.Remember(revisionsKey{}, revisionTable.Name(), of)
		}
	}
}

func (k *Kept[V]) get(at keptKey, revision itsm.ID) (v V, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	made, ok := k.made[at]
	return made.value, ok && made.revision == revision
}

func (k *Kept[V]) put(at keptKey, made kept[V]) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.made == nil {
		k.made = map[keptKey]kept[V]{}
	}
	k.size += made.size - k.made[at].size
	k.made[at] = made
	for other, old := range k.made { // whichever: each can be made again
		if k.size <= MaxKept {
			return
		}
		delete(k.made, other)
		k.size -= old.size
	}
}
