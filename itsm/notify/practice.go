// This file holds the practice: how it is made, what it asks a host, what it registers on the engine,
// and how it is rebound to another store.

package notify

import (
	"context"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions.
const (
	// PermissionRead lets read messages: in the scope of the requester those to the actor, on all those
	// to anyone, and what was decided about an event.
	PermissionRead itsm.Permission = "notification.read"
	// PermissionPrefer lets set preferences: in the scope of the requester the actor's own.
	PermissionPrefer itsm.Permission = "notification.prefer"
	// PermissionReadRules lets read rule sets and their history, PermissionManageRules lets draft,
	// revise, activate and publish them. Both are asked for on all rule sets of the tenant.
	PermissionReadRules   itsm.Permission = "notification_rules.read"
	PermissionManageRules itsm.Permission = "notification_rules.manage"
)

// Host is what the practice asks of who knows the records. Its methods only read, inside the
// transaction in which it is decided who is told, and are called by many goroutines at once. Of one
// event, r reads each record from the store once, however many questions are asked.
type Host interface {
	// Audience gives the people and the groups that an audience of an event's record comes to: the
	// people of the groups are those of the directory. Nobody, and nobody any more, is no error.
	Audience(ctx context.Context, r storage.Reader, e itsm.Event, a Audience) (Readers, error)
	// CheckAudience refuses, as ErrInvalid or ErrNotFound, an audience in which nobody can ever be, of a rule
	// about records of a kind: a role that the host does not know, a schedule that is not there. It is asked
	// when rules are drafted, revised, activated or inherited, of each audience whose form is right, so that
	// such a rule is refused there rather than silently telling nobody.
	CheckAudience(ctx context.Context, r storage.Reader, recordKind string, a Audience) error
	// MayRead says of each of the people to whom messages about a record are to be sent what of it they
	// may read; who is not in the answer may not know of it. A record that is not there is read by nobody.
	MayRead(ctx context.Context, r storage.Reader, record itsm.Ref, readers []Reader) (map[itsm.ID]Reading, error)
	// MayShow says what of each of the records the actor may read, who asks for messages about them, by
	// the roles and groups with which the actor comes; what is not in the answer the actor may not know of.
	// Any number may be named, and what it costs to ask is not to hang on it.
	MayShow(ctx context.Context, r storage.Reader, actor itsm.Actor, records []itsm.Ref) (map[itsm.Ref]Reading, error)
	// Data gives what a message about the event is to say of the record, for a reader of that kind:
	// values of JSON. What is internal to the record stands in that for [ReadInternal] alone.
	Data(ctx context.Context, r storage.Reader, e itsm.Event, reading Reading) (map[string]any, error)
}

// Reader is a person to whom something is to be sent about a record.
type Reader struct {
	Person itsm.ID
	// Named says that an event of the record is addressed to the person: see [AudienceNamed].
	Named bool
}

// Readers are people, and groups of them.
type Readers struct {
	People []itsm.ID
	Groups []itsm.ID
}

// Sender is the host's way to the channels. It is called outside of any transaction, at least once for
// each message: after a failure, or where the process died, again. Message and id are the same then, so
// that a sender, or whoever it gives the message to, tells a repetition by the id.
type Sender interface {
	// Send gives a message on. Its context ends with the job's claim. An error has it tried again
	// later; one that is [ErrUndeliverable] does not.
	Send(ctx context.Context, n Notification) error
}

// DefaultExpiry is how long after its event a message may be sent, where its rule does not say; the time
// that it waits for the end of the reader's own quiet hours, or for their working hours, is not counted.
const DefaultExpiry = 3 * 24 * time.Hour

// Options are the practice's settings; the zero value works.
type Options struct {
	// Rules are those that are shipped: what holds where neither the tenant nor its provider has a rule
	// of the name. Nil is [StandardRules].
	Rules *RuleSet
	// Preferences are those of who has set none.
	Preferences Preferences
	// Retention is how long messages that are through, and decisions, are kept; 0 is 90 days.
	Retention time.Duration
}

// Practice decides who is told of events, over an engine. It is safe for any number of goroutines.
//
// Its [versioned.Keeper] has the commands on versions of the rules: Draft, Revise, Activate, Retire,
// Inherit and Publish, and their reads. A set with a fault is ErrInvalid with every fault: names that are
// empty or used twice, kinds of record and types of events that there are not, conditions that do not fit
// the record, audiences, channels and times that cannot be.
type Practice struct {
	*versioned.Keeper[RuleSet]
	e *engine.Engine
	*settings
}

// settings are what every rebinding of a practice shares. They do not change.
type settings struct {
	host      Host
	rules     *versioned.Ready[RuleSet, Merged]
	people    directory.Directory
	sender    Sender
	shipped   RuleSet
	defaults  Preferences
	retention time.Duration
}

// The kinds of the practice's jobs. The key of JobSend is the id of the message.
const (
	JobSend   = "notification.send"
	jobDigest = "notification.digest"
	jobErase  = "notification.erase"
	jobPurge  = "notification.purge"
)

// New makes the practice and registers it on the engine. It is ErrInvalid, with every fault, where
// something is missing or an option cannot be, and where the engine is in use already or has the
// practice.
func New(e *engine.Engine, host Host, people directory.Directory, sender Sender, o Options) (*Practice, error) {
	var f itsm.Faults
	for name, missing := range map[string]bool{"engine": e == nil, "host": host == nil, "people": people == nil, "sender": sender == nil} {
		if missing {
			f.Add(name, "is required")
		}
	}
	s := &settings{host: host, people: people, sender: sender, defaults: o.Preferences.clone(), retention: o.Retention}
	if o.Rules != nil {
		s.shipped = o.Rules.Clone()
	} else {
		s.shipped = StandardRules()
	}
	s.rules = versioned.NewReady(VersionTable, func(_ string, a versioned.Active[RuleSet]) (Merged, error) { return s.holding(a), nil })
	o.Preferences.check("preferences.", &f)
	switch {
	case o.Retention < 0:
		f.Add("retention", "must not be negative")
	case o.Retention == 0:
		s.retention = 90 * 24 * time.Hour
	}
	if err := f.Err("notification options"); err != nil {
		return nil, err
	}
	p := &Practice{e: e, settings: s}
	p.Keeper = versioned.New(e, VersionTable, PermissionReadRules, PermissionManageRules, versioned.Options[RuleSet]{
		Check: func(ctx context.Context, u *engine.Unit, _ string, _ versioned.Stack, set RuleSet, f *itsm.Faults) {
			set.check(p.known(ctx, u), f)
		},
	})
	return p, e.Use(engine.Module{
		Name:    Kind,
		Tables:  []*storage.Schema{Table.Schema(), planTable.Schema(), PreferenceTable.Schema(), VersionTable.Schema()},
		Private: map[string][]string{KindPreference: {"changed_by"}},
		Events:  eventTypes(),
		Jobs: []engine.JobHandler{
			engine.OnDueOutside(JobSend, p.send), engine.OnDue(jobDigest, p.digest),
			engine.OnDue(jobErase, p.erase), engine.OnDue(jobPurge, p.purge),
		},
		Reactions:   []engine.Reaction{engine.OnAny(p.personErased)},
		Subscribers: []engine.Subscriber{{Name: Kind, Deliver: p.Deliver}},
	})
}

// In gives the practice over another store: one joined to the host's own transaction, or that of an
// open unit. What it does is then part of that transaction.
func (p *Practice) In(s storage.Store) *Practice {
	return &Practice{Keeper: p.Keeper.In(s), e: p.e.In(s), settings: p.settings}
}

// known is what the engine and the host have for rules to speak of.
func (p *Practice) known(ctx context.Context, r storage.Reader) known {
	type asked struct {
		recordKind string
		audience   Audience
	}
	answers := map[asked]error{} // many rules name the same
	k := known{schemas: map[string]*storage.Schema{}, types: p.e.EventTypes(), audience: func(recordKind string, a Audience) error {
		err, ok := answers[asked{recordKind, a}]
		if !ok {
			err = p.host.CheckAudience(ctx, r, recordKind, a)
			answers[asked{recordKind, a}] = err
		}
		return err
	}}
	for _, s := range p.e.Schemas() {
		k.schemas[s.Name()] = s
	}
	return k
}

// authorize asks for a permission on messages that are nobody's own, or, with an owner, on that person's.
func (p *Practice) authorize(ctx context.Context, actor itsm.Actor, permission itsm.Permission, owner itsm.ID) error {
	s := &itsm.Subject{Kind: Kind, ID: owner}
	if owner != "" {
		s.Requesters = []itsm.ID{owner}
	}
	return p.e.Authorizer().Authorize(ctx, actor, permission, s)
}
