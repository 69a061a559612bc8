// This file holds configuration as code: what a tenant has set itself as one JSON document, and such
// a document put into a tenant.

package settings

import (
	"context"
	"encoding/json"
	"time"

	"github.com/itsmkit/itsmkit/internal/strictjson"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Format is the version of the document's form.
const Format = 1

// Document is all that a tenant has set itself, by the names of the settings. What it inherits is not
// in it, so that it can be put into another tenant.
type Document struct {
	// Format is that of this program: [Format].
	Format   int              `json:"format"`
	Settings map[string]Entry `json:"settings"`
}

// Entry is what a document says of a setting.
type Entry struct {
	// Value is the tenant's own, nil for none.
	Value json.RawMessage `json:"value,omitempty"`
	// Private keeps the value from the tenants below.
	Private bool `json:"private,omitempty"`
	// Lock locks the setting for them.
	Lock bool `json:"lock,omitempty"`
}

// MaxDocument is the greatest length of a document in bytes.
const MaxDocument = 8 << 20

// ParseDocument reads a document, strictly: what it does not know is ErrInvalid, and so is another
// format. Whether the settings are defined and their values right is for [Practice.Import] to say.
func ParseDocument(raw []byte) (Document, error) {
	var d Document
	if err := strictjson.Decode("document", raw, MaxDocument, &d); err != nil {
		return Document{}, err
	}
	var f itsm.Faults
	d.check(&f)
	if err := f.Err("document"); err != nil {
		return Document{}, err
	}
	return d, nil
}

func (d Document) check(f *itsm.Faults) {
	if d.Format != Format {
		f.Addf("format", "must be %d", Format)
	}
	for _, name := range sortedNames(d.Settings) {
		if e := d.Settings[name]; e.Private && e.Value == nil {
			f.Add(at(name)+".private", "is for a value, and there is none")
		}
	}
}

// Export gives what the actor's tenant has set itself. It takes PermissionRead.
func (p *Practice) Export(ctx context.Context, actor itsm.Actor) (Document, error) {
	var out Document
	err := p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		out = Document{Format: Format, Settings: map[string]Entry{}}
		all, err := loadAll(ctx, r)
		if err != nil {
			return err
		}
		for _, s := range p.states(actor.Tenant, all) {
			e := Entry{Lock: s.LocksBelow}
			if s.Own != nil {
				e.Value, e.Private = s.Own.Value, s.Own.Private
			}
			if s.Own != nil || s.LocksBelow {
				out.Settings[s.Setting] = e
			}
		}
		return nil
	})
	return out, err
}

// Import is a request to have a tenant set what a document says.
type Import struct {
	// Reason is kept with every change. A key and a version have no use here: an import that is
	// repeated changes nothing.
	itsm.Command
	Document Document `json:"document"`
	// Prune also clears and unlocks what the tenant has set and the document does not name.
	Prune bool `json:"prune,omitempty"`
	// DryRun says what would be done, and does nothing.
	DryRun bool `json:"dry_run,omitempty"`
}

// Imported is one thing that an import did, or would do.
type Imported struct {
	Setting string `json:"setting"`
	Action  Action `json:"action"`
	// Before and After are the states before and after.
	Before State `json:"before"`
	After  State `json:"after"`
}

// Import has the actor's tenant set what a document says: all of it in one transaction, or none of
// it. It is checked as a whole first: everything that is wrong in it is told at once, as ErrInvalid
// with faults named "settings.<name>.value"; a setting that is locked above is one. What is so
// already is left as it is, and not in the answer. It takes PermissionSet, and PermissionLock where
// it locks or unlocks; a dry run takes the same.
func (p *Practice) Import(ctx context.Context, actor itsm.Actor, r Import) ([]Imported, error) {
	var f itsm.Faults
	f.Merge("", r.Command.Validate())
	if r.Key != "" {
		f.Add("key", "has no use: an import that is repeated changes nothing")
	}
	if r.IfVersion != 0 {
		f.Add("if_version", "is for commands on one record")
	}
	r.Document.check(&f)
	for _, name := range sortedNames(r.Document.Settings) {
		if _, err := p.known(name); err != nil {
			f.Addf("settings", "has %.110q, which is not defined", name)
		}
	}
	var out []Imported
	if r.DryRun {
		err := p.e.View(ctx, actor, func(ctx context.Context, rd storage.Reader) error {
			planned, err := p.plan(ctx, rd, actor, r, p.e.Now(), f.Err("import"))
			out = nil
			for _, x := range planned {
				out = append(out, x.Imported)
			}
			return err
		})
		return out, err
	}
	err := p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		if err := u.Lock(ctx, lockName); err != nil {
			return err
		}
		planned, err := p.plan(ctx, u, actor, r, u.Now(), f.Err("import"))
		if err != nil {
			return err
		}
		who, err := loadProfile(ctx, u)
		if err != nil {
			return err
		}
		out = nil
		var last entry
		for _, x := range planned {
			if last.ID == x.entry.ID {
				// A second action on the same record goes on from where the first left it.
				x.entry.Meta, x.entry.Number = last.Meta, last.Number
			}
			if err := p.put(ctx, u, &x.entry, x.before, x.Action, who.Name, r.Reason); err != nil {
				return err
			}
			last = x.entry
			x.After = p.of(&last).state(&last)
			out = append(out, x.Imported)
		}
		return nil
	})
	return out, err
}

// planned is one thing to be done: the entry before and after.
type planned struct {
	Imported
	before, entry entry
}

// plan says what is to be done so that the tenant has what the document says, or all that is wrong.
func (p *Practice) plan(ctx context.Context, rd storage.Reader, actor itsm.Actor, r Import, now time.Time, faulty error) ([]planned, error) {
	if err := p.authorize(ctx, actor, PermissionSet); err != nil {
		return nil, err
	}
	all, err := loadAll(ctx, rd)
	if err != nil {
		return nil, err
	}
	who, err := loadProfile(ctx, rd)
	if err != nil {
		return nil, err
	}
	own := map[string]entry{}
	for _, e := range all {
		own[string(e.ID)] = e
	}
	var f itsm.Faults
	f.Merge("", faulty)
	var out []planned
	for _, d := range p.all {
		want, named := r.Document.Settings[d.name]
		e, ok := own[d.name]
		if !ok {
			e = none(actor.Tenant, d.name)
		}
		if !named && !r.Prune {
			continue
		}
		var actions []Action
		switch {
		case want.Value != nil:
			actions = append(actions, ActionSet)
		case e.Own != nil:
			actions = append(actions, ActionClear)
		}
		switch {
		case want.Lock && !e.Locks:
			actions = append(actions, ActionLock)
		case !want.Lock && e.Locks:
			actions = append(actions, ActionUnlock)
		}
		for _, a := range actions {
			if err := p.authorize(ctx, actor, a.permission()); err != nil {
				return nil, err
			}
			before := e
			var faults itsm.Faults
			did, err := d.apply(&e, a, want.Value, want.Private, actor.ID, now, &faults)
			if err != nil { // the one refusal there can be
				field := "value"
				if a == ActionLock {
					field = "lock"
				}
				faults.Add(field, "cannot be: the setting is locked by "+e.Inherited.lockedBy())
			}
			f.Merge(at(d.name), faults.Err("setting"))
			if did {
				e.ShownAs = who.Name
				out = append(out, planned{Imported{d.name, a, d.state(&before), d.state(&e)}, before, e})
			}
		}
	}
	return out, f.Err("import")
}
