// This file holds the desk: what it is made of, and how it is opened.

package servicedesk

import (
	"context"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/change/schedule"
	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/interaction"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/itsm/oncall"
	"github.com/itsmkit/itsmkit/itsm/recurrence"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/itsm/settings"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/itsm/trigger"
	"github.com/itsmkit/itsmkit/itsm/view"
	"github.com/itsmkit/itsmkit/itsm/webhook"
	"github.com/itsmkit/itsmkit/problem"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/storage"
)

// Config is what a host can set. The zero value works.
type Config struct {
	// Engine are the engine's settings: clock, ids, who may do what, retries.
	Engine engine.Options
	// Incident are those of the incident practice. Where they name no Blockers, OpenTasks holds;
	// where they name no MayRead, the desk's own does; where they name no Route, the active routing
	// rules decide.
	Incident incident.Options
	// OpenTasks says whether open tasks keep an incident, or a problem, from being resolved; empty is
	// task.BlockNothing: they are told of and keep nothing.
	OpenTasks task.Blocking
	// Problem are those of the problem practice. Where they name no Blockers, OpenTasks holds; where they
	// name no MayRead, the desk's own does. Problem.Workarounds says whether a workaround is offered to those
	// who work on the open incidents linked to the problem, or pushed to their requesters too.
	Problem problem.Options
	// Task are the settings of the tasks. Where they name no MayRead, the desk's own does.
	Task task.Options
	// Approval are the settings of approvals. Where they name no MayRead, the desk's own does; where they name
	// no Resolve, approvers are the active people of the directory and of its active groups, and of roles those
	// whom Holders gives.
	Approval ballot.Options
	// People is the host's own directory. Nil keeps one in the store: [Desk.Directory].
	People directory.Directory
	// Directory are the settings of the directory that is kept in the store.
	Directory directory.Options
	// OnCall are the settings of on-call. Where they name no Members, those of the directory are
	// asked; where they name no MayRead, the desk's own is.
	OnCall oncall.Options
	// SLA are the settings of service levels: kinds of record that have timers beside incidents, and what thresholds
	// can do beside the actions of the desk, see [ThresholdActions], and what is not logged as no agreement covers it. Where
	// they name no MayRead, the desk's own does.
	SLA sla.Options
	// Configuration are the settings of configuration management. Where they name no MayRead, the desk's own does;
	// where they name no Controlled, change-controlled attributes are written under a change while it is being
	// implemented.
	Configuration cmdb.Options
	// Change are the settings of change enablement. Where they name no MayRead, Tasks, Apply or RiskFacts, the desk's own hold:
	// what a change proposes is made in the configuration, whose items say how risky it is.
	Change change.Options
	// ChangeSchedule are the settings of the change schedule. Where they name no MayRead, the desk's own holds. Where Change names
	// no Schedule or no Touches, changes stand on the desk's, with what they impact by the configuration.
	ChangeSchedule schedule.Options
	// ParentRelations are the types of relation by which the source is a parent of the target, as one that contains it: who works on
	// the one and who works on the other at the same time are in conflict. None by default.
	ParentRelations []string
	// Facts are what routing rules and policies of service levels can speak of beside the columns and fields of an incident, and
	// beside the facts that the desk knows: see [StandardFacts].
	Facts []routing.Fact
	// FactsOf gives the values of Facts for an incident: one that is to be routed, which is not stored yet, in the
	// transaction that logs it; one whose timers begin, in that of the event; and one whose timers are computed by
	// another policy, in a view where nothing is to be written. It only reads, and is called where active rules or the
	// policy name a fact. What it leaves out is not known.
	FactsOf func(ctx context.Context, r storage.Reader, i incident.Head) (map[string]any, error)
	// Interaction are the settings of interactions. Where they name nothing that a classification
	// becomes, an incident becomes one of the desk's.
	Interaction interaction.Options
	// Recurrence are what recurs beside [RecurIncident].
	Recurrence map[string]recurrence.Handler
	// Views are the tables of which lists are kept, beside incidents, changes and tasks.
	Views []*storage.Schema
	// Triggers are the kinds of record that triggers listen to, beside incidents, and what they can do
	// beside the actions of the desk: see [StandardActions].
	Triggers trigger.Options
	// Sender takes notifications to their readers. Nil is none: nobody is notified.
	Sender notify.Sender
	// Notify are the settings of notifications.
	Notify notify.Options
	// WorkingKinds are the kinds of the directory's groups whose people work on incidents, where there is
	// no Actor. Nil is groups without a kind, and those of the kind "support".
	WorkingKinds []string
	// Actor says who a person is when it is decided what they may be sent: their roles and groups. Who
	// reads messages in the program reads them by the roles that the call gives.
	//
	// Nil knows nobody's roles, and sends no more than is sure. An incident that is a person's own, as
	// requester or affected, is told to them as to its requester, wherever they work. Who works in a group of
	// the [Config.WorkingKinds] is told as a support specialist what is internal to the incidents
	// that their groups have, that are assigned to them, or on which they are named as members; of others,
	// what is public. Whom an event is addressed to, as the person to whom an incident is escalated, is told
	// the public part of one that is not restricted. Nobody else is told anything.
	Actor func(ctx context.Context, r storage.Reader, person itsm.ID) (itsm.Actor, error)
	// Holders gives who has a role, for what is told to a role: by notification rules, and by thresholds of service
	// levels. Nil knows nobody by role, and rules and policies that would tell one are refused.
	Holders func(ctx context.Context, r storage.Reader, role itsm.RoleName) ([]itsm.ID, error)
	// Webhook are the settings of webhooks. Without a Sealer for their secrets there are none. An endpoint
	// that is not for restricted records is told of none, nor of what hangs on one: its tasks, pages,
	// customers, contacts, and how it is handled as a major incident. Where it cannot be known whether a
	// record is restricted, as of a kind of the host's own without a column "restricted", Webhook.MayKnow
	// says; without that only endpoints for restricted records are told.
	Webhook webhook.Options
	// Settings are the configuration that tenants inherit. Without any there is none.
	Settings settings.Options
	// MayRead says whether the actor may know of a record of a kind that the desk does not have: nil
	// that it may, ErrNotFound or ErrForbidden that it may not. Nil itself lets those know of it who
	// have "incident.read_internal".
	MayRead func(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error
	// Modules are the host's own: record types, reactions, jobs, subscribers.
	Modules []engine.Module
}

// Desk is the practices over one store. It is safe for any number of goroutines, and starts none.
type Desk struct {
	// Engine runs the commands of them all.
	Engine *engine.Engine
	// Incidents are logged, worked on and closed here.
	Incidents *incident.Practice
	// Problems are analysed and fixed here, and known errors published.
	Problems *problem.Practice
	// Tasks are those of incidents, of problems, and of the host's own records.
	Tasks *task.Practice
	// Approvals are asked for by the practices whose records must be approved, and the host's own.
	Approvals *ballot.Practice
	// Routing keeps the rules by which new incidents find their group.
	Routing *routing.Practice
	// OnCall keeps rotas and pages people.
	OnCall *oncall.Practice
	// Interactions are contacts that may become incidents.
	Interactions *interaction.Practice
	// Recurrence logs incidents by schedule.
	Recurrence *recurrence.Practice
	// Views are the queues that people have saved.
	Views *view.Practice
	// ServiceLevels keeps calendars, policies and the timers of incidents.
	ServiceLevels *sla.Practice
	// Configuration keeps configuration items and their relations, and answers what failures bring about.
	Configuration *cmdb.Practice
	// Changes are drafted, authorised, made and reviewed here.
	Changes *change.Practice
	// ChangeSchedule keeps which changes are booked when on what, freezes, maintenance windows and conflicts.
	ChangeSchedule *schedule.Practice
	// Triggers run actions when something happens.
	Triggers *trigger.Practice
	// Notifications tell people. It is nil without a Config.Sender.
	Notifications *notify.Practice
	// Webhooks tell other systems. It is nil without a sealer.
	Webhooks *webhook.Practice
	// Settings are the configuration that tenants inherit. It is nil where none is defined.
	Settings *settings.Practice

	// People answers questions about people: Directory, or the host's own.
	People directory.Directory
	// Directory keeps people in the store; nil where Config.People is the host's own.
	Directory *directory.Practice

	config     Config
	vocabulary *routing.Vocabulary // of incidents
}

// check gives the faults of what only the desk itself looks at, and looks at late.
func (c *Config) check() error {
	var f itsm.Faults
	if c.OpenTasks != "" && !slices.Contains(task.Blockings(), c.OpenTasks) {
		f.Addf("open_tasks", "is %.64q; allowed are %q", c.OpenTasks, task.Blockings())
	}
	return f.Err("service desk options")
}

// New wires the practices over a store. It is ErrInvalid, with every fault of the first practice
// that has one, where a setting cannot be.
func New(store storage.Store, c Config) (*Desk, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	e, err := engine.New(store, c.Engine)
	if err != nil {
		return nil, err
	}
	d := &Desk{Engine: e, People: c.People, config: c}
	if d.People == nil {
		if d.Directory, err = directory.New(e, c.Directory); err != nil {
			return nil, err
		}
		d.People = d.Directory
	}
	if c.Task.MayRead == nil {
		c.Task.MayRead, c.Task.MayReadEach = d.mayRead, d.mayReadEach
	}
	if d.Tasks, err = task.New(e, c.Task); err != nil {
		return nil, err
	}
	if c.Approval.MayRead == nil {
		c.Approval.MayRead, c.Approval.MayReadEach = d.mayRead, d.mayReadEach
	}
	if c.Approval.Resolve == nil {
		c.Approval.Resolve = d.approvers
	}
	if d.Approvals, err = ballot.New(e, c.Approval); err != nil {
		return nil, err
	}
	if c.Incident.MayRead == nil {
		c.Incident.MayRead = d.mayRead
	}
	if c.Incident.Blockers == nil {
		c.Incident.Blockers = task.Blockers[incident.Incident](d.Tasks, c.OpenTasks)
	}
	if c.Incident.Route == nil {
		c.Incident.Route = d.routeNew
	}
	if d.Incidents, err = incident.New(e, c.Incident); err != nil {
		return nil, err
	}
	if c.OnCall.Members == nil {
		c.OnCall.Members = d.members
	}
	if c.OnCall.MayRead == nil {
		c.OnCall.MayRead, c.OnCall.MayReadEach = d.mayRead, d.mayReadEach
	}
	if d.OnCall, err = oncall.New(e, c.OnCall); err != nil {
		return nil, err
	}
	if c.Configuration.MayRead == nil {
		c.Configuration.MayRead, c.Configuration.MayReadEach = d.mayRead, d.mayReadEach
	}
	if c.Configuration.Controlled == nil {
		c.Configuration.Controlled = d.controlled
	}
	if d.Configuration, err = cmdb.New(e, c.Configuration); err != nil {
		return nil, err
	}
	for _, open := range []func(Config) error{d.enable, d.analyse, d.route, d.interact, d.recur, d.view, d.serviceLevels, d.trigger, d.notify, d.webhook, d.settle} {
		if err := open(c); err != nil {
			return nil, err
		}
	}
	if err := e.Use(d.module()); err != nil {
		return nil, err
	}
	for _, m := range c.Modules {
		if err := e.Use(m); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// module is the wiring: the reactions by which one practice follows another.
func (d *Desk) module() engine.Module {
	m := engine.Module{Name: "servicedesk", Reactions: []engine.Reaction{
		engine.On(d.acknowledgeIncident),
		engine.On(d.acknowledgeOnAcknowledge),
		engine.On(d.acknowledgeOnAccept),
		engine.On(d.acknowledgeOnStart),
		engine.On(d.assessOnLink),
		engine.On(d.assessOnUnlink),
	}}
	m.Reactions = append(m.Reactions, d.changeReactions()...)
	m.Reactions = append(m.Reactions, d.problemReactions()...)
	m.Jobs = append(m.Jobs, d.problemJobs()...)
	if c := d.config.Problem.Detection; c == nil || len(c) > 0 {
		m.Subscribers = append(m.Subscribers, d.observer())
	}
	if d.Notifications != nil {
		m.Subscribers = append(m.Subscribers, engine.Subscriber{
			Name: "servicedesk.merged", Types: []string{incident.Resolved{}.EventType()}, Deliver: d.tellMerged,
		})
	}
	return m
}

// Migrate makes the tables of all practices, where the store needs that. It only adds, can be
// repeated, and is safe from many processes at once.
func (d *Desk) Migrate(ctx context.Context) error { return d.Engine.Migrate(ctx) }

// Tick does what is due by now, in any tenant: see engine.Engine.Tick.
func (d *Desk) Tick(ctx context.Context, now time.Time) (engine.Ran, error) {
	return d.Engine.Tick(ctx, now)
}

// Run ticks by the engine's clock until ctx ends: see engine.Engine.Run.
func (d *Desk) Run(ctx context.Context, report func(engine.Ran, error)) error {
	return d.Engine.Run(ctx, report)
}

// In gives the desk over another store: one joined to the host's own transaction, or that of an
// open unit. What it does is then part of that transaction.
func (d *Desk) In(store storage.Store) *Desk {
	in := *d
	in.Engine, in.Incidents, in.Tasks = d.Engine.In(store), d.Incidents.In(store), d.Tasks.In(store)
	in.Problems = d.Problems.In(store)
	in.Routing, in.OnCall, in.Interactions = d.Routing.In(store), d.OnCall.In(store), d.Interactions.In(store)
	in.Recurrence, in.Views, in.Triggers = d.Recurrence.In(store), d.Views.In(store), d.Triggers.In(store)
	in.Approvals, in.Changes, in.ChangeSchedule = d.Approvals.In(store), d.Changes.In(store), d.ChangeSchedule.In(store)
	in.ServiceLevels, in.Configuration = d.ServiceLevels.In(store), d.Configuration.In(store)
	if d.Notifications != nil {
		in.Notifications = d.Notifications.In(store)
	}
	if d.Webhooks != nil {
		in.Webhooks = d.Webhooks.In(store)
	}
	if d.Settings != nil {
		in.Settings = d.Settings.In(store)
	}
	if d.Directory != nil {
		in.Directory = d.Directory.In(store)
		in.People = in.Directory
	}
	return &in
}

// members gives the people of a group for on-call.
func (d *Desk) members(ctx context.Context, r storage.Reader, group itsm.ID) ([]itsm.ID, error) {
	people, err := d.People.MembersOf(ctx, r, group)
	if err != nil {
		return nil, err
	}
	ids := make([]itsm.ID, 0, len(people))
	for _, p := range people {
		if p.Active {
			ids = append(ids, p.ID)
		}
	}
	return ids, nil
}
