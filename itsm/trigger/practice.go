// This file holds the practice: how it is made, what it registers on the engine, and how it is
// rebound to another store.

package trigger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions. They are asked for on all triggers of the tenant: a grant in a narrower scope
// gives nothing here.
const (
	// PermissionRead lets read triggers, their history and what has fired, and ask what would.
	PermissionRead itsm.Permission = "trigger.read"
	// PermissionManage lets draft, revise, activate and publish them.
	PermissionManage itsm.Permission = "trigger.manage"
)

// DefaultMaxDepth is how many triggers may fire one after the other in a chain of events where the
// options say nothing.
const DefaultMaxDepth = 8

// Options are the practice's settings.
type Options struct {
	// Kinds are the kinds of record whose events triggers listen to, at least one.
	Kinds []RecordKind
	// Actions are what triggers can do, beside [ActionRefuse].
	Actions []Action
	// MaxDepth is how many triggers may fire one after the other in a chain of events; 0 is
	// [DefaultMaxDepth]. It cannot be more than 100.
	MaxDepth int
	// Retention is how long firings are kept; 0 is [DefaultRetention]. It cannot be less than a week: a
	// firing is also the mark that an event was answered, and an event may be delivered again meanwhile.
	// One that failed is kept as long as its job is, and all are while a delivery to triggers is a dead letter.
	Retention time.Duration
}

// Practice keeps triggers and fires them, over an engine. It is safe for any number of goroutines.
//
// Its [versioned.Keeper] has the commands on versions of the tenant's set: Draft, Revise, Activate,
// Retire, Inherit and Publish, and their reads. Events that have happened and are not delivered yet meet
// the version that is activated.
//
// A set with a fault is ErrInvalid with every fault, by the names of the JSON form: names that cannot
// be or are used twice, event types that nobody registered, kinds of record that the practice was not
// given, columns, fields and values that there are not, conditions that can never hold where that can
// be told, actions that are unknown or cannot run then, parameters that an action refuses,
// substitutions that are unknown, or not public in a text that requesters read.
type Practice struct {
	*versioned.Keeper[Set]
	e *engine.Engine
	*settings
}

// settings are what every rebinding of a practice shares.
type settings struct {
	kinds       map[string]*speech
	actions     map[string]Action
	actionNames []string
	maxDepth    int
	retention   time.Duration
	programs    *versioned.Ready[Set, *program]
}

// New makes the practice and registers it on the engine, with one subscriber, one reaction and two
// kinds of jobs. It is ErrInvalid, with every fault, where an option cannot be, and where the engine is
// in use already or has the practice.
func New(e *engine.Engine, o Options) (*Practice, error) {
	var f itsm.Faults
	if e == nil {
		f.Add("engine", "is required")
	}
	s := &settings{kinds: map[string]*speech{}, actions: map[string]Action{}, maxDepth: o.MaxDepth, retention: o.Retention}
	switch {
	case o.MaxDepth < 0 || o.MaxDepth > 100:
		f.Add("max_depth", "must be from 1 to 100, or 0 for the default")
	case o.MaxDepth == 0:
		s.maxDepth = DefaultMaxDepth
	}
	switch {
	case o.Retention == 0:
		s.retention = DefaultRetention
	case o.Retention < minRetention:
		f.Add("retention", "must be a week or more, or 0 for the default")
	}
	if len(o.Kinds) == 0 {
		f.Add("kinds", "are required: without one no trigger has anything to listen to")
	}
	for i, k := range o.Kinds {
		at := fmt.Sprintf("kinds[%d]", i)
		switch {
		case k.Schema == nil:
			f.Add(at+".schema", "is required")
			continue
		case k.Schema.Name() == Kind || k.Schema.Name() == FiringKind:
			f.Addf(at, "is %s: triggers do not listen to themselves", k.Schema.Name())
			continue
		}
		if s.kinds[k.Schema.Name()] != nil {
			f.Addf(at, "is a second one of %s", k.Schema.Name())
		}
		s.kinds[k.Schema.Name()] = newSpeech(k, at, &f)
	}
	for i, a := range append([]Action{refuse()}, o.Actions...) {
		at := fmt.Sprintf("actions[%d]", i-1)
		if !actionName.MatchString(a.name) {
			f.Addf(at+".name", "is %s; write lower-case letters, digits and underscores, a letter first, at most 60", quoted(a.name))
		}
		if _, twice := s.actions[a.name]; twice {
			f.Addf(at+".name", "%s is used twice", quoted(a.name))
		}
		if a.do == nil {
			f.Add(at+".do", "is required")
		}
		if a.only != "" && a.only != DuringAfter && a.only != DuringTransaction {
			f.Addf(at+".only", "is %s; allowed are after and transaction, or none", quoted(string(a.only)))
		}
		s.actions[a.name] = a
		s.actionNames = append(s.actionNames, a.name)
	}
	slices.Sort(s.actionNames)
	if err := f.Err("trigger options"); err != nil {
		return nil, err
	}
	s.programs = versioned.NewReady(Table, func(_ string, a versioned.Active[Set]) (*program, error) {
		return s.program(Effective(a.Layers()), e.EventTypes()), nil
	})
	p := &Practice{e: e, settings: s}
	p.Keeper = versioned.New(e, Table, PermissionRead, PermissionManage, versioned.Options[Set]{
		Check: func(_ context.Context, _ *engine.Unit, _ string, _ versioned.Stack, set Set, f *itsm.Faults) {
			s.check(set, e.EventTypes(), f)
		},
	})
	return p, e.Use(engine.Module{
		Name:        Kind,
		Tables:      []*storage.Schema{Table.Schema(), FiringTable.Schema()},
		Events:      EventTypes(),
		Reactions:   []engine.Reaction{engine.OnAny(p.within)},
		Subscribers: []engine.Subscriber{{Name: Kind, Deliver: p.deliver}},
		Jobs:        []engine.JobHandler{engine.OnDueOutside(jobFire, p.again), engine.OnDue(jobPurge, p.purge)},
	})
}

// In gives the practice over another store: one joined to the host's own transaction, or that of an
// open unit. What it does is then part of that transaction.
func (p *Practice) In(s storage.Store) *Practice {
	return &Practice{Keeper: p.Keeper.In(s), e: p.e.In(s), settings: p.settings}
}

// Actions are what triggers can do, by name.
func (p *Practice) Actions() []Action {
	all := make([]Action, len(p.actionNames))
	for i, name := range p.actionNames {
		all[i] = p.actions[name]
	}
	return all
}

// running gives the triggers that fire in the reader's tenant now, ready to run.
func (p *Practice) running(ctx context.Context, r storage.Reader) (*program, error) {
	return p.programs.Of(ctx, r, "")
}
