// This file holds revisions: what tells a command whether what it follows has changed. A command goes by those that its
// process knows, and its unit commits only if they are still those: see [storage.Tx.Expect].

package engine

import (
	"context"
	"errors"
	"maps"
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
	r, err := readRevisions(ctx, u.Quiet())
	if err != nil {
		return err
	}
	if x := u.s.goesBy; x != nil && *x != r.Version {
		return outdated(nil)
	}
	// From here on the unit goes by what it writes itself.
	u.s.goesBy, u.s.revises = nil, true
	u.e.r.revisions.forget(u.Tenant())
	if r.Version == 0 {
		r.ID, r.Created = revisionsID, u.Now()
	}
	r.Of = maps.Clone(r.Of)
	if r.Of == nil {
		r.Of = map[string]itsm.ID{}
	}
	r.Of[name], r.Updated = u.NewID(), u.Now()
	return revisionTable.Put(ctx, u.Quiet(), &r) // which has the unit forget what it has read
}

// revision gives the revision of what a name stands for in the reader's one tenant, empty where it was never
// revised. A unit asks for the revisions of all names once, and again when it has revised one; in its first attempt it goes by
// those that the process knows. No two states that were committed have the same.
func revision(ctx context.Context, r storage.Reader, name string) (itsm.ID, error) {
	u := unitOf(r)
	if u == nil {
		of, err := readRevisions(ctx, r)
		return of.Of[name], err
	}
	if of, ok := u.Remembered(revisionsKey{}).(map[string]itsm.ID); ok {
		return of[name], nil
	}
	of, err := u.revisions(ctx)
	return of[name], err
}

// revisions gives those that the unit goes by, and has it remember them.
func (u *Unit) revisions(ctx context.Context) (map[string]itsm.ID, error) {
	known := &u.e.r.revisions
	if u.s.trusts && !u.s.revises && u.s.goesBy == nil {
		if of, ok := known.get(u.Tenant()); ok {
			u.s.goesBy, u.s.trusted = &of.version, true
			u.Remember(revisionsKey{}, revisionTable.Name(), of.of)
			return of.of, nil
		}
	}
	of, err := readRevisions(ctx, u)
	if err != nil {
		return nil, err
	}
	if u.s.alone && !u.s.revises {
		known.put(u.Tenant(), knownRevisions{of.Version, of.Of})
	}
	if !u.s.revises && u.s.goesBy == nil {
		u.s.goesBy = &of.Version // it may be revised before the unit ends
	}
	u.Remember(revisionsKey{}, revisionTable.Name(), of.Of)
	return of.Of, nil
}

// readRevisions reads those of the reader's one tenant; version 0 is that there are none.
func readRevisions(ctx context.Context, r storage.Reader) (revisions, error) {
	all, err := revisionTable.Get(ctx, r, revisionsID)
	if errors.Is(err, storage.ErrNotFound) {
		return revisions{}, nil
	}
	return all, err
}

// still says whether a unit that went by revisions which it did not read may end with an error: they are still those.
// Otherwise it is to be run again, and reads them.
func (u *Unit) still(ctx context.Context, failed error) error {
	var stale *itsm.VersionError
	if !u.s.trusted || u.s.goesBy == nil || ctx.Err() != nil || again(failed) || errors.As(failed, &stale) {
		return failed
	}
	if of, err := readRevisions(ctx, u.Quiet()); err == nil && of.Version == *u.s.goesBy {
		return failed
	}
	return outdated(failed)
}

// outdated is what a unit ends with that went by revisions that are not those any more.
func outdated(cause error) error {
	return &storage.Error{Op: "follow", Table: revisionTable.Name(), ID: revisionsID, Err: storage.ErrRetry, Cause: cause}
}

// knownRevisions are those of a tenant that the process has read, and the version of their record. The map is shared, and
// never changed.
type knownRevisions struct {
	version int64
	of      map[string]itsm.ID
}

// maxKnown bounds how many tenants' revisions a process keeps.
const maxKnown = 10_000

// revisionsKnown are those of many tenants. They may be out of date: who goes by them has the store ask.
type revisionsKnown struct {
	mu sync.Mutex
	of map[storage.Tenant]knownRevisions
}

func (k *revisionsKnown) get(tenant storage.Tenant) (knownRevisions, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	of, ok := k.of[tenant]
	return of, ok
}

func (k *revisionsKnown) put(tenant storage.Tenant, of knownRevisions) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil {
		k.of = map[storage.Tenant]knownRevisions{}
	}
	k.of[tenant] = of
	for other := range k.of { // whichever: each can be read again
		if len(k.of) <= maxKnown {
			return
		}
		if other != tenant {
			delete(k.of, other)
		}
	}
}

func (k *revisionsKnown) forget(tenant storage.Tenant) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.of, tenant)
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
// tenant until it is revised. What a reader gets is that of the revision that the store has; a unit gets what it has written
// itself, after it was undone the next reader gets what there is, and a unit that went by what has been revised meanwhile is
// run again. The zero value is ready, safe for any number of
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
		if of.Of[name] == current {
			k.put(at, kept[V]{current, v, size})
			return v, true, nil
		}
		u := unitOf(r)
		if u != nil && u.s.goesBy != nil {
			return v, false, outdated(nil) // it has gone by others already
		}
		current = of.Of[name]
		if u != nil {
			u.Remember(revisionsKey{}, revisionTable.Name(), of.Of)
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
