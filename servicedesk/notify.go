// This file holds what notifications ask of the desk: who has to do with an incident, what each of them
// may read, and what a message says.

package servicedesk

import (
	"cmp"
	"context"
	"errors"
	"slices"

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

// incident reads the incident that a record is, or whose handling as a major one it is; ok is false where
// there is none.
func (h concerned) incident(ctx context.Context, r storage.Reader, record itsm.Ref) (i incident.Incident, ok bool, err error) {
	if !tells(record.Kind) {
		return i, false, nil
	}
	i, err = h.d.Incidents.Table().Get(ctx, r, record.ID)
	if errors.Is(err, itsm.ErrNotFound) {
		return i, false, nil
	}
	return i, err == nil, err
}

// tells says whether the desk knows who has to do with records of a kind. The handling of a major incident
// has the id of its incident.
func tells(kind string) bool { return kind == incident.Kind || kind == incident.MajorKind }

// Audience gives who has to do with an incident, or with its handling as a major one. Of a record of
// another kind, and of an audience that the desk does not know, that is nobody.
func (h concerned) Audience(ctx context.Context, r storage.Reader, e itsm.Event, a notify.Audience) (notify.Readers, error) {
	i, ok, err := h.incident(ctx, r, itsm.Ref{Kind: e.Kind, ID: e.Record})
	if err != nil || !ok {
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
	case notify.AudienceNamed:
		return h.addressed(ctx, e)
	case notify.AudienceOnCall:
		if a.Name != "" {
			people, err := h.d.OnCall.OnCall(ctx, itsm.SystemActor(e.Tenant, "notify"), itsm.ID(a.Name), e.At)
			return named(people...), ignoreNotFound(err)
		}
		return h.paged(ctx, r, itsm.Ref{Kind: incident.Kind, ID: e.Record})
	}
	return notify.Readers{}, nil
}

// CheckAudience refuses an audience in which nobody is ever.
func (h concerned) CheckAudience(ctx context.Context, r storage.Reader, recordKind string, a notify.Audience) error {
	refused := func(problem string) error { return itsm.Invalid("audience", "", problem) }
	switch {
	case !tells(recordKind):
		return refused("comes to nobody: the desk tells of " + incident.Kind + " and " + incident.MajorKind + ", not of " + recordKind)
	case a.Kind == notify.AudienceRole || a.Kind == notify.AudienceHost:
		return refused("comes to nobody: the desk knows no people by " + string(a.Kind))
	case a.Kind == notify.AudienceOnCall && a.Name != "":
		_, err := oncall.ScheduleTable.Get(ctx, r, itsm.ID(a.Name))
		if errors.Is(err, itsm.ErrNotFound) {
			return refused("is the id of no on-call schedule")
		}
		return err
	}
	return nil
}

// addressed gives whom an event is addressed to: the person to whom an incident is escalated, who leads a
// major incident or is asked for its review, and who is to do something that came of it.
func (h concerned) addressed(ctx context.Context, e itsm.Event) (notify.Readers, error) {
	switch p := e.Data.(type) {
	case incident.Escalated:
		return named(p.To), nil
	case incident.MajorIncidentDeclared:
		return named(p.Manager), nil
	case incident.UpdateDue, incident.ReviewRequested, incident.ReviewDue, incident.MajorIncidentReviewed:
		major, err := h.d.Incidents.GetMajor(ctx, itsm.SystemActor(e.Tenant, "notify"), e.Record)
		if err != nil {
			return notify.Readers{}, ignoreNotFound(err)
		}
		switch p := p.(type) {
		case incident.UpdateDue:
			return named(major.Manager), nil
		case incident.ReviewRequested:
			return named(cmp.Or(p.Reviewer, major.Manager)), nil
		case incident.ReviewDue:
			return named(cmp.Or(major.Reviewer, major.Manager)), nil
		}
		var owners notify.Readers
		if major.Review != nil {
			for _, action := range major.Review.Actions {
				owners.People = append(owners.People, named(action.Owner).People...)
			}
		}
		return owners, nil
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

// MayRead says what of an incident each of the people may be sent.
func (h concerned) MayRead(ctx context.Context, r storage.Reader, record itsm.Ref, readers []notify.Reader) (map[itsm.ID]notify.Reading, error) {
	readings := make(map[itsm.ID]notify.Reading, len(readers))
	i, ok, err := h.incident(ctx, r, record)
	if err != nil || !ok {
		return readings, err
	}
	if h.d.config.Actor == nil {
		return readings, h.usual(ctx, r, record.Kind, &i, readers, readings)
	}
	for _, reader := range readers {
		actor, err := h.d.config.Actor(ctx, r, reader.Person)
		if err != nil {
			return nil, err
		}
		if readings[reader.Person], err = h.reading(ctx, actor, record.Kind, &i); err != nil {
			return nil, err
		}
	}
	return readings, nil
}

// usual is what people may be sent where nobody says who they are, as [Config.Actor] tells.
func (h concerned) usual(ctx context.Context, r storage.Reader, kind string, i *incident.Incident, readers []notify.Reader, readings map[itsm.ID]notify.Reading) error {
	people := make([]itsm.ID, len(readers))
	for n, reader := range readers {
		people[n] = reader.Person
	}
	groups, err := h.d.People.GroupsOfPeople(ctx, r, people)
	if err != nil {
		return err
	}
	for _, reader := range readers {
		person := reader.Person
		actor := itsm.Actor{Tenant: i.Tenant, ID: person, Roles: []itsm.RoleName{itsm.RoleRequester}}
		if person == i.Requester || person == i.Affected {
			// Whoever else they are, what is written about them is not for them.
			if readings[person], err = h.reading(ctx, actor, kind, i); err != nil {
				return err
			}
			readings[person] = publicOf(readings[person])
			continue
		}
		for _, g := range groups[person] {
			if h.d.works(g.Kind) {
				actor.Groups = append(actor.Groups, g.ID)
			}
		}
		works := len(actor.Groups) > 0
		theirs := person == i.Assignee || actor.InGroup(i.Group) || works && slices.Contains(i.Members, person)
		if works || theirs {
			actor.Roles = append(actor.Roles, itsm.RoleSupportSpecialist)
		}
		if readings[person], err = h.reading(ctx, actor, kind, i); err != nil {
			return err
		}
		if !theirs {
			readings[person] = publicOf(readings[person])
		}
		if reader.Named && !i.Restricted && readings[person] == notify.ReadNothing {
			readings[person] = notify.ReadPublic
		}
	}
	return nil
}

// publicOf is a reading without what is internal.
func publicOf(r notify.Reading) notify.Reading {
	if r == notify.ReadInternal {
		return notify.ReadPublic
	}
	return r
}

// works says whether the people of groups of a kind work on incidents.
func (d *Desk) works(kind string) bool {
	if d.config.WorkingKinds == nil {
		return kind == "" || kind == "support"
	}
	return slices.Contains(d.config.WorkingKinds, kind)
}

// reading is what an actor may read of an incident, or of its handling as a major one.
func (h concerned) reading(ctx context.Context, actor itsm.Actor, kind string, i *incident.Incident) (notify.Reading, error) {
	type ask struct {
		permission itsm.Permission
		reading    notify.Reading
	}
	asks := []ask{{incident.PermissionRead, notify.ReadPublic}, {incident.PermissionReadInternal, notify.ReadInternal}}
	if kind == incident.MajorKind {
		asks = append([]ask{{incident.PermissionReadMajor, notify.ReadNothing}}, asks...)
	}
	may := notify.ReadNothing
	for _, ask := range asks {
		err := h.d.Engine.Authorizer().Authorize(ctx, actor, ask.permission, i.Subject())
		if errors.Is(err, itsm.ErrForbidden) {
			break
		}
		if err != nil {
			return notify.ReadNothing, err
		}
		may = ask.reading
	}
	return may, nil
}

// MayShow says what an actor, by their own roles and groups, may read of incidents.
func (h concerned) MayShow(ctx context.Context, r storage.Reader, actor itsm.Actor, records []itsm.Ref) (map[itsm.Ref]notify.Reading, error) {
	readings := make(map[itsm.Ref]notify.Reading, len(records))
	var ids []itsm.ID
	for _, record := range records {
		if tells(record.Kind) {
			ids = append(ids, record.ID)
		}
	}
	slices.Sort(ids)
	found := make(map[itsm.ID]incident.Incident, len(ids))
	table := h.d.Incidents.Table()
	for some := range slices.Chunk(slices.Compact(ids), storage.MaxPage) {
		page, err := table.Records(ctx, r, storage.Query[incident.Head]{Where: table.ByID().In(some...), Limit: storage.MaxPage})
		if err != nil {
			return nil, err
		}
		for _, i := range page.Items {
			found[i.ID] = i
		}
	}
	for _, record := range records {
		i, ok := found[record.ID]
		if !ok || !tells(record.Kind) {
			continue
		}
		var err error
		if readings[record], err = h.reading(ctx, actor, record.Kind, &i); err != nil {
			return nil, err
		}
	}
	return readings, nil
}

// Data gives what a message says of an incident: number, title, state and priority, and the words of
// the note that the event is about, where the reader may read it.
func (h concerned) Data(ctx context.Context, r storage.Reader, e itsm.Event, reading notify.Reading) (map[string]any, error) {
	i, ok, err := h.incident(ctx, r, itsm.Ref{Kind: e.Kind, ID: e.Record})
	if err != nil || !ok {
		return nil, err
	}
	data := map[string]any{"number": i.Number, "title": i.Title, "state": string(i.State), "priority": int(i.Priority)}
	if _, resolved := e.Data.(incident.Resolved); resolved && i.DuplicateOf != "" {
		data["state"] = e.To // of the incident into which it was merged
	}
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
