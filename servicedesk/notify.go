// This file holds what notifications ask of the desk: who has to do with an incident, what each of them
// may read, and what a message says.

package servicedesk

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/itsm/oncall"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/storage"
)

// notify makes the practice of notifications, where there is somebody to send them.
func (d *Desk) notify(c Config) (err error) {
	if c.Sender != nil {
		d.Notifications, err = notify.New(d.Engine, concerned{d}, d.People, c.Sender, c.Notify)
	}
	return err
}

// concerned answers for incidents, and for what hangs on one.
type concerned struct{ d *Desk }

// subject is the incident that a record is, or on which it hangs.
type subject struct {
	incident.Incident
	// needs is what it takes to read the record, beside what it takes to read the incident.
	needs itsm.Permission
	timer *sla.Timer // that the record is
}

// incident reads the incident that a record is, whose handling as a major one it is, or of which it is a timer; ok
// is false where there is none.
func (h concerned) incident(ctx context.Context, r storage.Reader, record itsm.Ref) (s subject, ok bool, err error) {
	id := record.ID
	switch record.Kind {
	case incident.Kind:
	case incident.MajorKind:
		s.needs = incident.PermissionReadMajor
	case sla.TimerKind:
		t, err := sla.TimerTable.Get(ctx, r, id)
		if err != nil || t.SubjectKind != incident.Kind {
			return s, false, ignoreNotFound(err)
		}
		s.timer, id = &t, t.Subject
		s.needs = needed(&t.TimerHead)
	default:
		return s, false, nil
	}
	s.Incident, err = h.d.Incidents.Table().Get(ctx, r, id)
	if errors.Is(err, itsm.ErrNotFound) {
		return s, false, nil
	}
	return s, err == nil, err
}

// needed is what it takes to read a timer beside its incident.
func needed(t *sla.TimerHead) itsm.Permission {
	if t.Internal() {
		return sla.PermissionRead
	}
	return ""
}

// tells says whether the desk knows who has to do with records of a kind. The handling of a major incident
// has the id of its incident.
func tells(kind string) bool {
	return kind == incident.Kind || kind == incident.MajorKind || kind == sla.TimerKind
}

// Audience gives who has to do with an incident, with its handling as a major one, or with a timer of it. Of a record of
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
		return h.addressed(ctx, r, e, &i.Incident)
	case notify.AudienceRole:
		if h.d.config.Holders == nil {
			return notify.Readers{}, nil
		}
		people, err := h.d.config.Holders(ctx, r, itsm.RoleName(a.Name))
		return named(people...), err
	case notify.AudienceOnCall:
		if a.Name != "" {
			people, err := h.d.OnCall.OnCall(ctx, itsm.SystemActor(e.Tenant, "notify"), itsm.ID(a.Name), e.At)
			return named(people...), ignoreNotFound(err)
		}
		return h.paged(ctx, r, i.Ref())
	}
	return notify.Readers{}, nil
}

// CheckAudience refuses an audience in which nobody is ever.
func (h concerned) CheckAudience(ctx context.Context, r storage.Reader, recordKind string, a notify.Audience) error {
	refused := func(problem string) error { return itsm.Invalid("audience", "", problem) }
	switch {
	case !tells(recordKind):
		return refused("comes to nobody: the desk tells of " + incident.Kind + ", " + incident.MajorKind + " and " + sla.TimerKind + ", not of " + recordKind)
	case a.Kind == notify.AudienceRole && h.d.config.Holders == nil || a.Kind == notify.AudienceHost:
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
// major incident or is asked for its review, who is to do something that came of it, and whom a threshold tells.
func (h concerned) addressed(ctx context.Context, r storage.Reader, e itsm.Event, i *incident.Incident) (notify.Readers, error) {
	switch p := e.Data.(type) {
	case sla.ThresholdReached:
		return h.d.addressees(ctx, r, i, p)
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
		return readings, h.usual(ctx, r, &i, readers, readings)
	}
	for _, reader := range readers {
		actor, err := h.d.config.Actor(ctx, r, reader.Person)
		if err != nil {
			return nil, err
		}
		if readings[reader.Person], err = h.reading(ctx, actor, &i); err != nil {
			return nil, err
		}
	}
	return readings, nil
}

// usual is what people may be sent where nobody says who they are, as [Config.Actor] tells.
func (h concerned) usual(ctx context.Context, r storage.Reader, i *subject, readers []notify.Reader, readings map[itsm.ID]notify.Reading) error {
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
			if readings[person], err = h.reading(ctx, actor, i); err != nil {
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
		if readings[person], err = h.reading(ctx, actor, i); err != nil {
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

// reading is what an actor may read of an incident, or of what hangs on it.
func (h concerned) reading(ctx context.Context, actor itsm.Actor, i *subject) (notify.Reading, error) {
	type ask struct {
		permission itsm.Permission
		reading    notify.Reading
	}
	asks := []ask{{incident.PermissionRead, notify.ReadPublic}, {incident.PermissionReadInternal, notify.ReadInternal}}
	if i.needs != "" {
		asks = append([]ask{{i.needs, notify.ReadNothing}}, asks...)
	}
	may := notify.ReadNothing
	for _, ask := range asks {
		on := i.Subject()
		if ask.permission == sla.PermissionRead {
			on = nil // it is asked for on all of the tenant
		}
		err := h.d.Engine.Authorizer().Authorize(ctx, actor, ask.permission, on)
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
	timers, err := h.timers(ctx, r, records)
	if err != nil {
		return nil, err
	}
	var ids []itsm.ID
	of := func(record itsm.Ref) (id itsm.ID, needs itsm.Permission) {
		switch record.Kind {
		case incident.Kind:
			return record.ID, ""
		case incident.MajorKind:
			return record.ID, incident.PermissionReadMajor
		case sla.TimerKind:
			t := timers[record.ID]
			return t.Subject, needed(&t)
		}
		return "", ""
	}
	for _, record := range records {
		if id, _ := of(record); id != "" {
			ids = append(ids, id)
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
		id, needs := of(record)
		i, ok := found[id]
		if !ok {
			continue
		}
		var err error
		if readings[record], err = h.reading(ctx, actor, &subject{Incident: i, needs: needs}); err != nil {
			return nil, err
		}
	}
	return readings, nil
}

// timers reads those timers of incidents that are among records.
func (h concerned) timers(ctx context.Context, r storage.Reader, records []itsm.Ref) (map[itsm.ID]sla.TimerHead, error) {
	var ids []itsm.ID
	for _, record := range records {
		if record.Kind == sla.TimerKind {
			ids = append(ids, record.ID)
		}
	}
	slices.Sort(ids)
	found := make(map[itsm.ID]sla.TimerHead, len(ids))
	for some := range slices.Chunk(slices.Compact(ids), storage.MaxPage) {
		page, err := sla.TimerTable.List(ctx, r, storage.Query[sla.TimerHead]{Where: sla.TimerTable.ByID().In(some...), Limit: storage.MaxPage})
		if err != nil {
			return nil, err
		}
		for _, t := range page.Items {
			if t.SubjectKind == incident.Kind {
				found[t.ID] = t
			}
		}
	}
	return found, nil
}

// Data gives what a message says of an incident: number, title, state and priority, and the words of
// the note that the event is about, where the reader may read it. Of a timer it also says the policy, the target,
// when it is due, and which threshold was reached.
func (h concerned) Data(ctx context.Context, r storage.Reader, e itsm.Event, reading notify.Reading) (map[string]any, error) {
	i, ok, err := h.incident(ctx, r, itsm.Ref{Kind: e.Kind, ID: e.Record})
	if err != nil || !ok {
		return nil, err
	}
	data := map[string]any{"number": i.Number, "title": i.Title, "state": string(i.State), "priority": int(i.Priority)}
	if _, resolved := e.Data.(incident.Resolved); resolved && i.DuplicateOf != "" {
		data["state"] = e.To // of the incident into which it was merged
	}
	if i.timer != nil {
		data["policy"], data["target"] = i.timer.Policy, i.timer.Target
		if !i.timer.Due.IsZero() {
			data["due"] = i.timer.Due.Format(time.RFC3339)
		}
		if reached, ok := e.Data.(sla.ThresholdReached); ok {
			data["threshold"] = reached.Threshold
		}
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
