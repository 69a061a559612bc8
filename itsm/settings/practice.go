// This file holds the practice: how it is made, what it registers on the engine, and how it is
// rebound to another store.

package settings

import (
	"context"
	"fmt"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions. They are asked for on all settings of the tenant: a grant in a narrower scope
// gives nothing here.
const (
	// PermissionRead lets read settings, their versions and history, and preview changes.
	PermissionRead itsm.Permission = "settings.read"
	// PermissionSet lets set and clear them, import them, and choose the name under which the
	// tenant presents itself to those below.
	PermissionSet itsm.Permission = "settings.set"
	// PermissionLock lets lock and unlock them for the tenants below.
	PermissionLock itsm.Permission = "settings.lock"
	// PermissionPlace lets give tenants their places in the hierarchy, read these, and have a tenant
	// inherit anew.
	PermissionPlace itsm.Permission = "settings.place"
)

// Options are the practice's settings. With the zero value of all but Settings each tenant stands
// alone.
type Options struct {
	// Settings are all that there are, at least one.
	Settings []Definition
	// Registry is the tenant that keeps the hierarchy: the provider's own, or one that is the
	// host's. Whoever has PermissionPlace there sees and moves every tenant; no one else sees any.
	Registry storage.Tenant
	// Hierarchy is the host's own, in place of one that is kept in Registry.
	Hierarchy Hierarchy
	// Names gives a person's name for what [Practice.Get] and its sisters say of who set a value; r
	// reads in the person's tenant. Nil, or "", leaves the id.
	Names func(ctx context.Context, r storage.Reader, id itsm.ID) (string, error)
}

// Practice keeps settings, over an engine. It is safe for any number of goroutines.
type Practice struct {
	e *engine.Engine
	*options
}

// options are what every rebinding of a practice shares. They do not change.
type options struct {
	all       []*definition // in the order of their names
	byName    map[string]*definition
	registry  storage.Tenant
	hierarchy Hierarchy
	names     func(context.Context, storage.Reader, itsm.ID) (string, error)
}

// New makes the practice and registers it on the engine. It is ErrInvalid, with every fault, where an
// option cannot be, and where the engine is in use already or has the practice.
func New(e *engine.Engine, o Options) (*Practice, error) {
	var f itsm.Faults
	if e == nil {
		f.Add("engine", "is required")
	}
	own := &options{byName: map[string]*definition{}, registry: o.Registry, hierarchy: o.Hierarchy, names: o.Names}
	if len(o.Settings) == 0 {
		f.Add("settings", "are required")
	}
	for i, s := range o.Settings {
		at := fmt.Sprintf("settings[%d]", i)
		if s == nil || s.definition() == nil {
			f.Add(at, "is required")
			continue
		}
		if _, twice := own.byName[s.Name()]; twice {
			f.Addf(at, "is a second one of the name %q", s.Name())
		}
		own.byName[s.Name()] = s.definition()
	}
	if o.Registry != "" {
		f.Key("registry", string(o.Registry))
		if o.Hierarchy != nil {
			f.Add("registry", "is for a hierarchy that is kept here; the host has its own")
		}
	}
	if err := f.Err("settings options"); err != nil {
		return nil, err
	}
	own.all = sorted(own.byName)
	p := &Practice{e: e, options: own}
	return p, e.Use(engine.Module{
		Name:    Kind,
		Tables:  []*storage.Schema{entries.Schema(), versions.Schema(), profiles.Schema(), places.Schema()},
		Private: map[string][]string{Kind: told, profileKind: {"name"}},
		Events:  eventTypes(),
		Jobs: []engine.JobHandler{
			engine.OnDueOutside(pushKind, p.push),
			engine.OnDueOutside(refreshKind, p.refresh),
		},
	})
}

// In gives the practice over another store: one joined to the host's own transaction, or that of an
// open unit. What it does is then part of that transaction. It sees the tenant of that unit alone:
// [Practice.Diff] and [Practice.Preview], which read others, are ErrInvalid there.
func (p *Practice) In(s storage.Store) *Practice {
	return &Practice{e: p.e.In(s), options: p.options}
}

// known gives the definition of a name, as a fault of the field where there is none.
func (p *Practice) known(name string) (*definition, error) {
	d, ok := p.byName[name]
	if !ok {
		return nil, storage.Invalid(Kind, "setting", fmt.Sprintf("%.110q is not defined", name))
	}
	return d, nil
}

// of gives the definition of an entry's setting, or what is kept of one that this program does not
// define.
func (p *Practice) of(e *entry) *definition {
	if d, ok := p.byName[string(e.ID)]; ok {
		return d
	}
	return &definition{name: string(e.ID), merge: e.Merge}
}

// subject is what an authorizer is asked about: settings are nobody's own.
func subject(id itsm.ID) *itsm.Subject { return &itsm.Subject{Kind: Kind, ID: id} }

func (p *Practice) authorize(ctx context.Context, actor itsm.Actor, permission itsm.Permission) error {
	return p.e.Authorizer().Authorize(ctx, actor, permission, subject(""))
}
