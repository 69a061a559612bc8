// This file holds what notifications ask of the desk: who has to do with an incident, what each of them
// may read, and what a message says.

package servicedesk

import (
	"context"
	"errors"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/itsm/oncall"
	"github.com/itsmkit/itsmkit/storage"
)

// notify makes the practice of notifications, where there is somebody to send them.
func (d *Desk) notify(c Config) (err error) {
	if c.Sender != nil {
		d.Notifications, err = notify.New(d.Engine, concerned{d}, d.People, c.Sender, c.Notify)
	}
	return err
}

// concerned answers for incidents.
type concerned struct{ d *Desk }

// Audience gives who has to do with an incident. Of a record of another kind, and of an audience that
// the desk does not know, that is nobody.
func (h concerned) Audience(ctx context.Context, r storage.Reader, e itsm.Event, a notify.Audience) (notify.Readers, error) {
	if e.Kind != incident.Kind {
		return notify.Readers{}, nil
	}
	i, err := h.d.Incidents.Table().Get(ctx, r, e.Record)
	if errors.Is(err, itsm.ErrNotFound) {
		return notify.Readers{}, nil
	}
	if err != nil {
		return notify.Readers{}, err
	}
	switch a.Kind {
	case notify.AudienceRequester:
		return named(i.Requester), nil
	case notify.AudienceAffected:
		return named(i.Affected), nil
	case notify.AudienceAssignee:
		return named(i.Assignee), nil
	case notify.AudienceWatchers:
		return named(i.Watchers...), nil
	case notify.AudienceMembers:
		return named(i.Members...), nil
	case notify.AudienceGroup:
		if i.Group == "" {
			return notify.Readers{}, nil
		}
		return notify.Readers{Groups: []itsm.ID{i.Group}}, nil
	case notify.AudienceOnCall:
		if a.Name != "" {
			people, err := h.d.OnCall.OnCall(ctx, itsm.SystemActor(e.Tenant, "notify"), itsm.ID(a.Name), e.At)
			return named(people...), ignoreNotFound(err)
		}
		return h.paged(ctx, r, itsm.Ref{Kind: e.Kind, ID: e.Record})
	}
	return notify.Readers{}, nil
}

// paged gives who was last told by what escalates about a record.
func (h concerned) paged(ctx context.Context, r storage.Reader, subject itsm.Ref) (notify.Readers, error) {
	page, err := oncall.EscalationTable.Records(ctx, r, storage.Query[oncall.EscalationHead]{
		Where: storage.AllOf(oncall.EscalationBySubjectKind.Is(subject.Kind), oncall.EscalationBySubjectID.Is(subject.ID), oncall.EscalationByOpen.Is(true)),
		Limit: storage.MaxPage,
	})
	var out notify.Readers
	for _, e := range page.Items {
		out.People = append(out.People, e.Told.People...)
		out.Groups = append(out.Groups, e.Told.Groups...)
	}
	return out, err
}

// named gives the people that there are among the ids.
func named(ids ...itsm.ID) (readers notify.Readers) {
	for _, id := range ids {
		if id != "" {
			readers.People = append(readers.People, id)
		}
	}
	return readers
}

func ignoreNotFound(err error) error {
	if errors.Is(err, itsm.ErrNotFound) {
		return nil
	}
	return err
}

// MayRead asks for each of the people what they would be shown of the incident.
func (h concerned) MayRead(ctx context.Context, r storage.Reader, record itsm.Ref, people []itsm.ID) (map[itsm.ID]notify.Reading, error) {
	readings := make(map[itsm.ID]notify.Reading, len(people))
	if record.Kind != incident.Kind {
		return readings, nil
	}
	i, err := h.d.Incidents.Table().Get(ctx, r, record.ID)
	if err != nil {
		return readings, ignoreNotFound(err)
	}
	actors, err := h.d.actors(ctx, r, i.Tenant, people)
	if err != nil {
		return nil, err
	}
	authorizer := h.d.Engine.Authorizer()
	for person, actor := range actors {
		for _, ask := range []struct {
			permission itsm.Permission
			reading    notify.Reading
		}{{incident.PermissionRead, notify.ReadPublic}, {incident.PermissionReadInternal, notify.ReadInternal}} {
			err := authorizer.Authorize(ctx, actor, ask.permission, i.Subject())
			if errors.Is(err, itsm.ErrForbidden) {
				break
			}
			if err != nil {
				return nil, err
			}
			readings[person] = ask.reading
		}
	}
	return readings, nil
}

// actors are people as who they are at the desk.
func (d *Desk) actors(ctx context.Context, r storage.Reader, tenant itsm.Tenant, people []itsm.ID) (map[itsm.ID]itsm.Actor, error) {
	actors := make(map[itsm.ID]itsm.Actor, len(people))
	if d.config.Actor != nil {
		for _, person := range people {
			actor, err := d.config.Actor(ctx, r, person)
			if err != nil {
				return nil, err
			}
			actors[person] = actor
		}
		return actors, nil
	}
	groups, err := d.People.GroupsOfPeople(ctx, r, people)
	if err != nil {
		return nil, err
	}
	for _, person := range people {
		actor := itsm.Actor{Tenant: tenant, ID: person, Roles: []itsm.RoleName{itsm.RoleRequester}}
		for _, g := range groups[person] {
			actor.Groups = append(actor.Groups, g.ID)
		}
		if len(actor.Groups) > 0 {
			actor.Roles = append(actor.Roles, itsm.RoleSupportSpecialist)
		}
		actors[person] = actor
	}
	return actors, nil
}

// Data gives what a message says of an incident: number, title, state and priority, and the words of
// the note that the event is about, where the reader may read it.
func (h concerned) Data(ctx context.Context, r storage.Reader, e itsm.Event, reading notify.Reading) (map[string]any, error) {
	i, err := h.d.Incidents.Table().Get(ctx, r, e.Record)
	if err != nil {
		return nil, ignoreNotFound(err)
	}
	data := map[string]any{"number": i.Number, "title": i.Title, "state": string(i.State), "priority": int(i.Priority)}
	note := noteOf(e.Data)
	if note == "" {
		return data, nil
	}
	n, err := engine.NoteTable.Get(ctx, r, note)
	if err != nil {
		return data, ignoreNotFound(err)
	}
	if n.Visibility == itsm.VisibilityPublic || reading == notify.ReadInternal {
		data["text"] = n.Text
	}
	return data, nil
}

// noteOf is the note that an event is about.
func noteOf(p itsm.Payload) itsm.ID {
	switch p := p.(type) {
	case incident.Noted:
		return p.Note
	case incident.ReplyReceived:
		return p.Note
	case incident.Held:
		return p.Note
	case incident.HoldReasonChanged:
		return p.Note
	case incident.Reopened:
		return p.Note
	}
	return ""
}
