// This file holds the practice: how it is made, what it registers on the engine, and how it is
// rebound to another store.

package cmdb

import (
	"context"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// Practice is the configuration management practice over an engine. It is safe for any number of goroutines.
type Practice struct {
	e *engine.Engine
	// bound says that the store is another than the one that the practice was made over: what it reads may never be
	// committed, and so is kept for no one else.
	bound bool
	*shared
}

// shared is what every rebinding of a practice shares.
type shared struct {
	o      Options
	models *versioned.Keeper[ModelSet] // over the engine that the practice was made over
	ready  *versioned.Ready[ModelSet, *schema.Compiled]
	rules  *versioned.Ready[ModelSet, *ruling]
	graphs graphs
}

// New makes the practice and registers it on the engine: its tables, events, and the reaction that makes a
// published model count in graphs. It is ErrInvalid, with every fault, where an option cannot be, and where the
// engine is in use already or has the practice.
func New(e *engine.Engine, o Options) (*Practice, error) {
	var f itsm.Faults
	if e == nil {
		f.Add("engine", "is required")
	}
	if o.Graphs < 0 {
		f.Add("graphs", "must not be negative")
	}
	model := schema.Shipped()
	if o.Model != nil {
		model = o.Model.Clone()
	}
	standard, err := model.Compile()
	f.Merge("model", err)
	if o.Rules != nil && err == nil {
		_, err := o.Rules.Compile(standard)
		f.Merge("rules", err)
	}
	if err := f.Err("configuration options"); err != nil {
		return nil, err
	}
	o.Model = &model
	if o.Graphs == 0 {
		o.Graphs = DefaultGraphs
	}
	p := &Practice{e: e, shared: &shared{o: o, graphs: graphs{most: o.Graphs, of: map[storage.Tenant]*follower{}}}}
	p.ready = versioned.NewReady(ModelTable, func(_ string, a versioned.Active[ModelSet]) (*schema.Compiled, error) {
		switch {
		case a.Own != nil:
			return a.Own.Set.Compile()
		case a.Base != nil:
			return a.Base.Set.Compile()
		}
		return standard, nil
	})
	p.rules = versioned.NewReady(ModelTable, rulingOf(&p.o, standard))
	p.models = versioned.New(e, ModelTable, PermissionReadModel, PermissionManageModel, versioned.Options[ModelSet]{Check: checkModel})
	return p, e.Use(engine.Module{
		Name: Kind,
		Tables: []*storage.Schema{Table.Schema(), RelationTable.Schema(), GroupTable.Schema(), memberTable.Schema(), ModelTable.Schema(),
			revisionTable.Schema(), editTable.Schema(), BaselineTable.Schema(), OutageTable.Schema(),
			AssessmentTable.Schema(), ImpactedTable.Schema(), DynamicGroupTable.Schema(),
			identityTable.Schema(), knownTable.Schema(), indexTable.Schema(), DuplicateTable.Schema(), importTable.Schema()},
		Events: slices.Concat(eventTypes(), furtherEvents(), versioned.EventTypes[ModelSet]()),
		Reactions: []engine.Reaction{
			engine.On(func(ctx context.Context, u *engine.Unit, _ itsm.Event, _ ModelActivated) error {
				return modelChanged(ctx, u)
			}),
			engine.On(func(ctx context.Context, u *engine.Unit, _ itsm.Event, _ ModelRetired) error {
				return modelChanged(ctx, u)
			}),
		},
		Jobs: []engine.JobHandler{engine.OnDueOutside(jobAssess, p.assessDue), engine.OnDue(jobMerge, p.mergeDue), engine.OnDue(jobReindex, p.reindexDue)},
	})
}

// In gives the practice over another store: one joined to the host's own transaction, or that of an open unit.
// What it does is then part of that transaction. What it reads there of a graph is not kept for others; a tenant's
// graph that was not asked for before is loaded for that one answer.
func (p *Practice) In(s storage.Store) *Practice {
	return &Practice{e: p.e.In(s), bound: true, shared: p.shared}
}

// Models has the commands and reads on the versions of the tenant's model: draft, revise, activate, retire, and publish
// to other tenants.
func (p *Practice) Models() *versioned.Keeper[ModelSet] {
	if p.bound {
		return p.models.In(p.e.Store())
	}
	return p.models
}

// Model gives the model that counts in the actor's tenant. It asks for [PermissionRead]. It is shared, and must not be
// changed.
func (p *Practice) Model(ctx context.Context, actor itsm.Actor) (m *schema.Compiled, err error) {
	err = p.view(ctx, actor, func(ctx context.Context, r storage.Reader, _ reach) error {
		m, err = p.ready.Of(ctx, r, "")
		return err
	})
	return m, err
}

// execute runs a command on a CI as the engine does. A command that was given under its key before is not run again:
// its result is read as the actor may read it now.
func (p *Practice) execute(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit) (CI, error)) (CI, error) {
	return engine.Execute(ctx, p.e, Table, c, fn, func(ctx context.Context, u *engine.Unit, ci CI, again bool) (CI, error) {
		if again {
			return p.find(ctx, u, c.Actor, ci.ID)
		}
		return ci, nil
	})
}

// isNotFound says whether there is no such record, or none that the actor may know of.
func isNotFound(err error) bool { return errors.Is(err, itsm.ErrNotFound) }

// isForbidden says whether an authorizer refused.
func isForbidden(err error) bool { return errors.Is(err, itsm.ErrForbidden) }

func notFound(kind string, id itsm.ID) error {
	return &storage.Error{Op: "get", Table: kind, ID: id, Err: storage.ErrNotFound}
}

func orElse[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}
