// This file holds the records: what a tenant has of a setting, the versions of its own values, and
// how it presents itself.

package settings

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Kind is the kind of record that what a tenant has of a setting is, the first part of the
// permissions and event types. The record's id is the setting's name.
const Kind = "settings"

// State is what a tenant has of a setting: the value that holds, where it comes from, and what it
// has done itself.
type State struct {
	Setting string `json:"setting"`
	// Title is what people read, where the definition says one.
	Title string `json:"title,omitempty"`
	Merge Merge  `json:"merge"`
	// Version is that of the record, for a command's IfVersion. It also rises when what is
	// inherited changes; 0 says that nothing was ever set here or above.
	Version int64 `json:"version"`
	// Value is the JSON form of what holds.
	Value json.RawMessage `json:"value"`
	Provenance
	// Own is what the tenant set itself, nil for nothing. While the setting is locked above it has
	// no effect, and it has again when it is unlocked.
	Own *Own `json:"own,omitempty"`
	// LocksBelow says that the tenant locks the setting for those below it.
	LocksBelow bool `json:"locks_below,omitempty"`
}

// Own is a tenant's own value.
type Own struct {
	Value json.RawMessage `json:"value"`
	// Private keeps it from those below: they inherit what the tenant would have without it.
	Private bool `json:"private,omitempty"`
}

// entry is all that a tenant's store has of a setting: reading it needs no other tenant.
type entry struct {
	entryHead
	entryBody
}

type entryHead struct{ storage.Meta }

type entryBody struct {
	Own       *ownValue  `json:"own,omitempty"`
	Locks     bool       `json:"locks,omitempty"`
	Inherited *inherited `json:"inherited,omitempty"`
	// ShownAs is the name under which the tenant presents itself, as it was when the record was put.
	ShownAs string `json:"shown_as,omitempty"`
	// Merge is the setting's, as a program that knew it last put the record: one that does not
	// know the setting, being older, passes it on all the same.
	Merge Merge `json:"merge,omitempty"`
	// Number is that of the last version.
	Number int64 `json:"number,omitempty"`
	Stamp  stamp `json:"stamp,omitzero"`
}

type ownValue struct {
	Value   json.RawMessage `json:"value"`
	Private bool            `json:"private,omitempty"`
	By      itsm.ID         `json:"by"`
	At      time.Time       `json:"at"`
}

// stamp orders what comes from above, which may arrive late, twice or out of order: first by the
// revision of the tenant's place, then by the version of the record above.
type stamp struct {
	Placed  int64 `json:"placed"`
	Version int64 `json:"version"`
}

func (s stamp) after(o stamp) bool {
	return s.Placed > o.Placed || s.Placed == o.Placed && s.Version > o.Version
}

// told are the fields of an entry whose values its history keeps. The stamp is not for the tenant.
var told = []string{"own", "locks", "inherited", "shown_as", "merge", "number"}

var entries = storage.Define(Kind, storage.Def[entry, entryHead, entryBody]{
	Parts: func(e *entry) (*entryHead, *entryBody) { return &e.entryHead, &e.entryBody },
})

// load gives the entry of a setting in the reader's one tenant, one of version 0 where there is none.
func load(ctx context.Context, r storage.Reader, name string) (entry, error) {
	e, err := entries.Get(ctx, r, itsm.ID(name))
	if errors.Is(err, storage.ErrNotFound) {
		return none(r.Tenants()[0], name), nil
	}
	return e, err
}

func none(t storage.Tenant, name string) entry {
	return entry{entryHead: entryHead{storage.Meta{Tenant: t, ID: itsm.ID(name)}}}
}

// loadAll gives every entry of the reader's tenants: as many as there are settings, at most.
func loadAll(ctx context.Context, r storage.Reader) ([]entry, error) {
	return walk(storage.Query[entryHead]{Limit: storage.MaxPage}, func(q storage.Query[entryHead]) (storage.Page[entry], error) {
		return entries.Records(ctx, r, q)
	})
}

func walk[T, H any](q storage.Query[H], list func(storage.Query[H]) (storage.Page[T], error)) (all []T, err error) {
	for v, err := range storage.Pages(q, list) {
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// Action is what a command does to a setting in a tenant.
type Action string

// The actions.
const (
	ActionSet    Action = "set"
	ActionClear  Action = "clear"
	ActionLock   Action = "lock"
	ActionUnlock Action = "unlock"
)

// Version is one thing that a tenant did to a setting. It is never changed.
type Version struct {
	VersionHead
	VersionBody
}

// VersionHead is what versions are listed by.
type VersionHead struct {
	storage.Meta
	Setting string `json:"setting"`
	// Number counts the versions of the setting in the tenant from 1.
	Number int64   `json:"number"`
	Action Action  `json:"action"`
	By     itsm.ID `json:"by"`
}

// VersionBody is the value, and why.
type VersionBody struct {
	// Own is the tenant's own value from this version on, nil for none; Locks says whether it locks
	// the setting for those below.
	Own    *Own   `json:"own,omitempty"`
	Locks  bool   `json:"locks,omitempty"`
	Reason string `json:"reason,omitempty"`
}

var (
	versionBySetting = storage.Col("setting", func(h *VersionHead) *string { return &h.Setting })
	versionByNumber  = storage.Col("number", func(h *VersionHead) *int64 { return &h.Number })
	versionByAction  = storage.Col("action", func(h *VersionHead) *Action { return &h.Action })
	versionByBy      = storage.Col("set_by", func(h *VersionHead) *itsm.ID { return &h.By })
	versions         = storage.Define(Kind+"_version", storage.Def[Version, VersionHead, VersionBody]{
		Parts:   func(v *Version) (*VersionHead, *VersionBody) { return &v.VersionHead, &v.VersionBody },
		Columns: []storage.ColumnOf[VersionHead]{versionBySetting, versionByNumber, versionByAction, versionByBy},
		Indexes: []storage.Index{storage.UniqueOn(versionBySetting.Asc(), versionByNumber.Asc())},
	})
)

// profile is a tenant's own record of how it presents itself, and which place it last inherited by.
type profile struct {
	profileHead
	profileBody
}

type profileHead struct{ storage.Meta }

type profileBody struct {
	Name   string `json:"name,omitempty"`
	Placed int64  `json:"placed,omitempty"`
}

const (
	profileKind = Kind + "_profile"
	profileID   = itsm.ID("profile")
)

var profiles = storage.Define(profileKind, storage.Def[profile, profileHead, profileBody]{
	Parts: func(p *profile) (*profileHead, *profileBody) { return &p.profileHead, &p.profileBody },
})

func loadProfile(ctx context.Context, r storage.Reader) (profile, error) {
	p, err := profiles.Get(ctx, r, profileID)
	if errors.Is(err, storage.ErrNotFound) {
		return profile{profileHead: profileHead{storage.Meta{ID: profileID}}}, nil
	}
	return p, err
}
