// This file holds what people read and do of their own: messages, preferences, acknowledgements; and
// the explanation of who was told.

package notify

import (
	"context"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// scope gives the messages that the actor may read.
func (p *Practice) scope(ctx context.Context, actor itsm.Actor) (storage.Filter[Head], error) {
	scopes, err := p.e.Authorizer().Scopes(ctx, actor, PermissionRead)
	switch {
	case err != nil:
		return storage.Filter[Head]{}, err
	case slices.Contains(scopes, itsm.ScopeAll) || slices.Contains(scopes, itsm.ScopeRestricted):
		return storage.Filter[Head]{}, nil
	case slices.Contains(scopes, itsm.ScopeRequester):
		return ByPerson.Is(actor.ID), nil
	}
	return storage.Filter[Head]{}, &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: PermissionRead, Reason: "no role of the actor grants it"}
}

// List gives a page of the heads of messages that the actor may read: those to the actor, or those to
// anyone. Without an order the first due come first.
func (p *Practice) List(ctx context.Context, actor itsm.Actor, q storage.Query[Head]) (page storage.Page[Head], err error) {
	if len(q.Order) == 0 {
		q.Order = []storage.Order{ByDue.Asc()}
	}
	err = p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, r storage.Reader) error {
		mine, err := p.scope(ctx, actor)
		if err != nil {
			return err
		}
		q.Where = storage.AllOf(mine, q.Where)
		page, err = Table.List(ctx, r, q)
		return err
	})
	return page, err
}

// Inbox gives a page of what was sent to the actor on a channel, the last first, as [ChannelInApp] shows
// it. What the actor may not read any more is left out, so a page may have fewer messages than asked for.
// limit is from 1 to storage.MaxPage, or 0 for 50.
func (p *Practice) Inbox(ctx context.Context, actor itsm.Actor, channel Channel, after storage.Cursor, limit int) (storage.Page[Notification], error) {
	var page storage.Page[Notification]
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.authorize(ctx, actor, PermissionRead, actor.ID); err != nil {
			return err
		}
		var err error
		page, err = Table.Records(ctx, r, storage.Query[Head]{
			Where: storage.AllOf(ByPerson.Is(actor.ID), ByChannel.Is(channel), ByState.Is(StateSent)),
			Order: []storage.Order{ByDue.Desc()}, After: after, Limit: limit,
		})
		if err != nil {
			return err
		}
		all := make([]*Notification, len(page.Items))
		for i := range page.Items {
			all[i] = &page.Items[i]
		}
		may, err := p.shown(ctx, r, actor, all...)
		if err != nil {
			return err
		}
		page.Items = slices.DeleteFunc(page.Items, func(n Notification) bool { return !n.keep(may) })
		return nil
	})
	return page, err
}

// shown gives what an actor may read of the records that messages are about, by the actor's own rights.
func (p *Practice) shown(ctx context.Context, r storage.Reader, actor itsm.Actor, ns ...*Notification) (map[about]Reading, error) {
	all := abouts(ns...)
	records := make([]itsm.Ref, len(all))
	for i, a := range all {
		records[i] = a.record
	}
	may, err := p.host.MayShow(ctx, r, actor, records)
	if err != nil {
		return nil, err
	}
	readings := make(map[about]Reading, len(all))
	for _, a := range all {
		readings[a] = may[a.record]
	}
	return readings, nil
}

// Get gives a message. One that is not the actor's is ErrNotFound, unless the actor may read all; so is
// one about a record that the actor may not read, or may read less of than the message tells.
func (p *Practice) Get(ctx context.Context, actor itsm.Actor, id itsm.ID) (n Notification, err error) {
	err = p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		n, err = p.find(ctx, r, actor, id)
		return err
	})
	return n, err
}

func (p *Practice) find(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) (Notification, error) {
	n, err := Table.Get(ctx, r, id)
	if err != nil {
		return Notification{}, err
	}
	may := true
	if err := p.authorize(ctx, actor, PermissionRead, n.Person); errors.Is(err, itsm.ErrForbidden) {
		may = false
	} else if err != nil {
		return Notification{}, err
	}
	if may {
		readings, err := p.shown(ctx, r, actor, &n)
		if err != nil {
			return Notification{}, err
		}
		may = n.keep(readings)
	}
	if !may {
		return Notification{}, &storage.Error{Op: "get", Table: Kind, ID: id, Err: storage.ErrNotFound}
	}
	return n, nil
}

// Acknowledge says that the actor, who is the reader of a message, has taken notice: what the rule still
// has to say to the actor about the same record is not sent. To acknowledge again does nothing.
func (p *Practice) Acknowledge(ctx context.Context, actor itsm.Actor, id itsm.ID, c itsm.Command) (Notification, error) {
	call := engine.Call{Name: Kind + ".acknowledge", Actor: actor, Command: c, Target: id, Request: c}
	return engine.Execute(ctx, p.e, Table, call, func(ctx context.Context, u *engine.Unit) (Notification, error) {
		n, err := p.find(ctx, u, actor, id)
		if err != nil {
			return n, err
		}
		if n.Person != actor.ID {
			return n, &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: Kind + ".acknowledge", Kind: Kind, ID: id, Reason: "only its reader acknowledges a message"}
		}
		if err := call.Validate(); err != nil {
			return n, err
		}
		if n, err = Table.Get(ctx, u, id); err != nil || !n.AcknowledgedAt.IsZero() {
			return n, err
		}
		n.AcknowledgedAt, n.Updated = u.Now(), u.Now()
		if err := Table.Put(ctx, u.Quiet(), &n); err != nil {
			return n, err
		}
		if n.RecordKind == "" {
			return n, nil // a digest tells of many records
		}
		_, err = suppress(ctx, u, WhyAcknowledged, storage.AllOf(ByRecordKind.Is(n.RecordKind), ByRecordID.Is(n.RecordID), ByPerson.Is(n.Person), ByRule.Is(n.Rule)))
		return n, err
	}, func(ctx context.Context, u *engine.Unit, n Notification, _ bool) (Notification, error) {
		return p.find(ctx, u, actor, n.ID)
	})
}

// PreferenceChange is a request to set a person's preferences.
type PreferenceChange struct {
	itsm.Command
	Preferences Preferences `json:"preferences"`
}

// SetPreferences replaces the preferences of a person. Whoever has [PermissionPrefer] as a requester
// sets their own.
func (p *Practice) SetPreferences(ctx context.Context, actor itsm.Actor, person itsm.ID, r PreferenceChange) (Preference, error) {
	// The preferences of somebody may be there or not, so the call has no target; the key of a command
	// tells people apart by the request.
	c := engine.Call{Name: KindPreference + ".set", Actor: actor, Command: r.Command, Request: struct {
		Person itsm.ID
		PreferenceChange
	}{person, r}}
	may := func(ctx context.Context) error { return p.authorize(ctx, actor, PermissionPrefer, person) }
	return engine.Execute(ctx, p.e, PreferenceTable, c, func(ctx context.Context, u *engine.Unit) (Preference, error) {
		if err := may(ctx); err != nil {
			return Preference{}, err
		}
		var f itsm.Faults
		f.Merge("", c.Validate())
		f.Key("person", string(person))
		r.Preferences.check("preferences.", &f)
		if err := f.Err("preferences"); err != nil {
			return Preference{}, err
		}
		pref, err := PreferenceTable.Get(ctx, u, person)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return Preference{}, err
		}
		pref.ID, pref.ChangedBy, pref.Preferences = person, actor.ID, r.Preferences.clone()
		if err := PreferenceTable.Put(ctx, u, &pref); err != nil {
			return Preference{}, err
		}
		u.Emit(itsm.Event{Kind: KindPreference, Record: pref.ID, Action: "set", Data: PreferencesSet{}})
		return pref, nil
	}, func(ctx context.Context, _ *engine.Unit, pref Preference, _ bool) (Preference, error) {
		return pref, may(ctx)
	})
}

// PreferencesOf gives the preferences of a person: those that hold, where the person has set none.
func (p *Practice) PreferencesOf(ctx context.Context, actor itsm.Actor, person itsm.ID) (Preferences, error) {
	var pref Preference
	err := p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, r storage.Reader) error {
		if err := p.authorize(ctx, actor, PermissionPrefer, person); err != nil {
			return err
		}
		var err error
		pref, err = PreferenceTable.Get(ctx, r, person)
		if errors.Is(err, storage.ErrNotFound) {
			pref.Preferences, err = p.defaults.clone(), nil
		}
		return err
	})
	return pref.Preferences, err
}

// Explanation is what was decided about an event.
type Explanation struct {
	Event     itsm.ID  `json:"event"`
	EventType string   `json:"event_type"`
	Record    itsm.Ref `json:"record"`
	// Decisions are by person, in the order of their ids, and by rule.
	Decisions []Decision `json:"decisions,omitempty"`
	// Unmatched are the rules about the event whose condition did not hold.
	Unmatched []string `json:"unmatched,omitempty"`
	// Mooted are the messages that the event made moot.
	Mooted []itsm.ID `json:"mooted,omitempty"`
}

// Explain says who was told of an event, as what, by which rule, on which channels and when; and who was
// reached by a rule and not told, and why not. Nobody else was reached. It asks for [PermissionRead] on
// all messages. An event that no rule is about is ErrNotFound, as is one that was not delivered yet or
// is forgotten, and one of a record that the actor may not read everything of.
func (p *Practice) Explain(ctx context.Context, actor itsm.Actor, event itsm.ID) (Explanation, error) {
	var x Explanation
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.authorize(ctx, actor, PermissionRead, ""); err != nil {
			return err
		}
		missing := &storage.Error{Op: "explain", Table: "event", ID: event, Err: storage.ErrNotFound}
		told, err := planTable.Get(ctx, r, event)
		if errors.Is(err, storage.ErrNotFound) {
			return missing
		}
		if err != nil {
			return err
		}
		record := itsm.Ref{Kind: told.RecordKind, ID: told.RecordID}
		may, err := p.host.MayShow(ctx, r, actor, []itsm.Ref{record})
		if err != nil {
			return err
		}
		if may[record] != ReadInternal {
			return missing
		}
		x = Explanation{Event: event, EventType: told.EventType, Record: record, Decisions: told.Decisions, Unmatched: told.Unmatched, Mooted: told.Mooted}
		return nil
	})
	return x, err
}
