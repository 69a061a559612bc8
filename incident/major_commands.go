// This file holds the commands on major incidents, and what is due of them.

package incident

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Proposal says why an incident may be a major one: the Reason of its Command is required.
type Proposal struct {
	itsm.Command
}

// ProposeMajor makes an open incident a candidate for a major one.
func (p *Practice) ProposeMajor(ctx context.Context, actor itsm.Actor, id itsm.ID, r Proposal) (Major, error) {
	return p.major(ctx, actor, id, MajorActionPropose, r.Command, r, func(ctx context.Context, m *majorWork) error {
		return m.step(ctx, MajorActionPropose, MajorProposed{})
	})
}

// Declaration makes an incident a major one: the Reason of its Command is required.
type Declaration struct {
	itsm.Command
	// Manager leads it; empty is the actor.
	Manager itsm.ID `json:"manager,omitempty"`
	// Plan is the communication plan; nil leaves what was planned.
	Plan *CommunicationPlan `json:"plan,omitempty"`
	// Apart are the declared major incidents of the same service that are not the same matter.
	Apart []itsm.ID `json:"apart,omitempty"`
}

// DeclareMajor makes an open incident a major one, proposed before or not. Where the actor may read
// another incident of the same service that is declared, the request must name it as apart: otherwise the one is to be
// merged into the other.
func (p *Practice) DeclareMajor(ctx context.Context, actor itsm.Actor, id itsm.ID, r Declaration) (Major, error) {
	return p.major(ctx, actor, id, MajorActionDeclare, r.Command, r, func(ctx context.Context, m *majorWork) error {
		m.c.Manager = orElse(r.Manager, m.actor.ID)
		m.checkID("manager", r.Manager)
		if r.Plan != nil {
			m.plan("plan.", *r.Plan)
		}
		m.checkPeople("apart", r.Apart)
		if err := m.checkApart(ctx, r.Apart); err != nil {
			return err
		}
		m.c.Due = m.nextUpdate(m.now)
		m.c.DeclaredAt, m.c.Missed, m.c.Reviewer = m.now, 0, ""
		return m.step(ctx, MajorActionDeclare, MajorIncidentDeclared{Manager: m.c.Manager, Due: m.c.Due})
	})
}

// Demotion says why an incident is no major one: the Reason of its Command is required.
type Demotion struct {
	itsm.Command
}

// DemoteMajor ends that an incident is a candidate or declared. No update is due any more.
func (p *Practice) DemoteMajor(ctx context.Context, actor itsm.Actor, id itsm.ID, r Demotion) (Major, error) {
	return p.major(ctx, actor, id, MajorActionDemote, r.Command, r, func(ctx context.Context, m *majorWork) error {
		m.c.Due = time.Time{}
		return m.step(ctx, MajorActionDemote, MajorIncidentDemoted{})
	})
}

// Planning sets the communication plan of a major incident.
type Planning struct {
	itsm.Command
	Plan CommunicationPlan `json:"plan"`
}

// PlanCommunication sets who is told of a candidate or declared major incident, and how often. While it is
// declared, the next update is due that long after the last one, or after now where that has passed.
func (p *Practice) PlanCommunication(ctx context.Context, actor itsm.Actor, id itsm.ID, r Planning) (Major, error) {
	return p.major(ctx, actor, id, MajorActionPlan, r.Command, r, func(ctx context.Context, m *majorWork) error {
		m.plan("plan.", r.Plan)
		m.c.Due = time.Time{}
		if m.c.State == MajorDeclared {
			last := m.c.DeclaredAt
			if m.c.Updated.After(last) {
				last = m.c.Updated
			}
			if m.c.Due = m.nextUpdate(last); !m.c.Due.IsZero() && !m.c.Due.After(m.now) {
				m.c.Due = m.nextUpdate(m.now)
			}
		}
		return m.step(ctx, MajorActionPlan, CommunicationPlanned{Plan: m.c.Plan, Due: m.c.Due})
	})
}

// MajorUpdate is news of a major incident.
type MajorUpdate struct {
	itsm.Command
	Text string `json:"text"`
	// Audiences are those of the plan for whom it is; none is for all.
	Audiences []string `json:"audiences,omitempty"`
	// Visibility is who may read it on the incident; empty is public, which children are told.
	Visibility itsm.Visibility `json:"visibility,omitempty"`
	// Next is when the next update is due; zero is by the plan.
	Next time.Time `json:"next,omitzero"`
}

// PostUpdate writes an update on a declared or restored major incident, as a note, and tells for
// whom it is ([UpdatePosted]); the host sends it. While it is declared, the next one is due by the plan.
func (p *Practice) PostUpdate(ctx context.Context, actor itsm.Actor, id itsm.ID, r MajorUpdate) (Major, error) {
	return p.major(ctx, actor, id, MajorActionUpdate, r.Command, r, func(ctx context.Context, m *majorWork) error {
		m.require("text", r.Text)
		m.visible(orElse(r.Visibility, itsm.VisibilityPublic))
		m.Note = r.Text
		to := r.Audiences
		for n, name := range to {
			if !slices.ContainsFunc(m.c.Plan.Audiences, func(a Audience) bool { return a.Name == name }) {
				m.faults.Add(at("audiences", n), "is not in the communication plan")
			}
		}
		if len(to) == 0 {
			for _, a := range m.c.Plan.Audiences {
				to = append(to, a.Name)
			}
		}
		next := storage.Instant(r.Next)
		switch {
		case next.IsZero():
			next = m.nextUpdate(m.now)
		case !next.After(m.now) || next.Year() > maxYear:
			m.faults.Add("next", "must be after now, in the years to 9999")
		}
		if m.c.State != MajorDeclared {
			next = time.Time{}
		}
		m.c.Updates++
		m.c.Updated, m.c.Due, m.c.Missed = m.now, next, 0
		// The payload tells the note, which is written when all is checked.
		posted := UpdatePosted{Audiences: to, Due: next}
		if err := m.step(ctx, MajorActionUpdate, posted); err != nil {
			return err
		}
		if err := m.check(ctx, ActionNote); err != nil {
			return err
		}
		note, err := m.say(ctx)
		if err != nil {
			return err
		}
		posted.Note = note
		m.told[len(m.told)-1].Data = posted
		return m.noted(note, "")
	})
}

// RestoreMajor records that the service of a declared major incident works again: it sets when the
// incident was restored, where that is not known yet. No update is due any more.
func (p *Practice) RestoreMajor(ctx context.Context, actor itsm.Actor, id itsm.ID, r Moment) (Major, error) {
	return p.major(ctx, actor, id, MajorActionRestore, r.Command, r, func(ctx context.Context, m *majorWork) error {
		if m.Restored.IsZero() {
			m.Restored = storage.Instant(orElse(r.At, m.now))
		}
		m.checkTimes()
		m.c.Due = time.Time{}
		return m.step(ctx, MajorActionRestore, MajorIncidentRestored{Restored: m.Restored})
	})
}

// ReviewRequest asks for the review of a major incident.
type ReviewRequest struct {
	itsm.Command
	// Reviewer is who is asked; empty is no one yet.
	Reviewer itsm.ID `json:"reviewer,omitempty"`
	// Due is until when; zero is Options.ReviewWithin from now.
	Due time.Time `json:"due,omitzero"`
}

// RequestReview asks for the review of a restored major incident. It happens by itself when the incident
// is resolved.
func (p *Practice) RequestReview(ctx context.Context, actor itsm.Actor, id itsm.ID, r ReviewRequest) (Major, error) {
	return p.major(ctx, actor, id, MajorActionRequestReview, r.Command, r, func(ctx context.Context, m *majorWork) error {
		m.checkID("reviewer", r.Reviewer)
		m.c.Reviewer, m.c.Due = r.Reviewer, storage.Instant(r.Due)
		switch {
		case r.Due.IsZero():
			m.c.Due = p.reviewDue(m.now)
		case !m.c.Due.After(m.now) || m.c.Due.Year() > maxYear:
			m.faults.Add("due", "must be after now, in the years to 9999")
		}
		return m.step(ctx, MajorActionRequestReview, ReviewRequested{Reviewer: r.Reviewer, Due: m.c.Due})
	})
}

func (p *Practice) reviewDue(now time.Time) time.Time {
	if p.o.ReviewWithin < 0 {
		return time.Time{}
	}
	return now.Add(p.o.ReviewWithin)
}

// Findings are what was learned from a major incident.
type Findings struct {
	itsm.Command
	Findings string         `json:"findings"`
	Factors  []string       `json:"factors,omitempty"`
	Actions  []ReviewAction `json:"actions,omitempty"`
}

// ReviewMajor records the review of a restored major incident. Where closing waits for it
// (Options.CloseAfterReview), it does no longer.
func (p *Practice) ReviewMajor(ctx context.Context, actor itsm.Actor, id itsm.ID, r Findings) (Major, error) {
	return p.major(ctx, actor, id, MajorActionReview, r.Command, r, func(ctx context.Context, m *majorWork) error {
		m.faults.Text("findings", r.Findings, MaxNotes, false)
		if len(r.Factors) > MaxReviewItems {
			m.faults.Addf("factors", "are %d; at most %d are allowed", len(r.Factors), MaxReviewItems)
		} else {
			for n, factor := range r.Factors {
				m.faults.Text(at("factors", n), factor, itsm.MaxNote, true)
			}
		}
		review := &MajorReview{Findings: r.Findings, Factors: slices.Clone(r.Factors), By: m.actor.ID, At: m.now}
		if len(r.Actions) > MaxReviewItems {
			m.faults.Addf("actions", "are %d; at most %d are allowed", len(r.Actions), MaxReviewItems)
		} else {
			for n, a := range r.Actions {
				m.faults.Text(at("actions", n)+".text", a.Text, itsm.MaxNote, true)
				m.checkID(at("actions", n)+".owner", a.Owner)
				if a.Due = storage.Instant(a.Due); a.Due.Year() < minYear || a.Due.Year() > maxYear {
					m.faults.Add(at("actions", n)+".due", "must be in the years 1 to 9999")
				}
				review.Actions = append(review.Actions, a)
			}
		}
		m.c.Review, m.c.Due = review, time.Time{}
		return m.step(ctx, MajorActionReview, MajorIncidentReviewed{Actions: len(r.Actions)})
	})
}

// GetMajor gives the handling of an incident as a major one; of an incident that never was one the state
// is [MajorNone], and the version 0. It takes "major_incident.read" on the incident.
func (p *Practice) GetMajor(ctx context.Context, actor itsm.Actor, id itsm.ID) (Major, error) {
	var out Major
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		i, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		if err := p.e.Authorizer().Authorize(ctx, actor, PermissionReadMajor, i.Subject()); err != nil {
			return err
		}
		out, err = majorOf(ctx, r, id)
		return err
	})
	return out, err
}

// MajorActions gives every action of the state that the handling of the incident as a major one is in, as
// [Practice.PermittedActions] does of the incident.
func (p *Practice) MajorActions(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.PermittedAction, error) {
	var out []itsm.PermittedAction
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		i, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		if err := p.e.Authorizer().Authorize(ctx, actor, PermissionReadMajor, i.Subject()); err != nil {
			return err
		}
		major, err := majorOf(ctx, r, id)
		if err != nil {
			return err
		}
		a := itsm.Attempt[*MajorCase]{Subject: &MajorCase{Major: major, Incident: i}, ID: id, Actor: actor, Now: p.e.Now()}
		out = slices.DeleteFunc(standardMajor().Actions(major.State, a), func(a itsm.PermittedAction) bool { return a.System })
		for n := range out {
			a := &out[n]
			if MajorAction(a.Action) == MajorActionUpdate {
				a.Missing = append(a.Missing, "text")
			}
			err := p.e.Authorizer().Authorize(ctx, actor, a.Permission, i.Subject())
			switch {
			case isForbidden(err):
				a.Permitted, a.Forbidden, a.Reason = false, true, err.Error()
			case err != nil:
				return err
			}
		}
		return nil
	})
	return out, err
}

// majorOf reads the record; where there is none yet it gives that of the state none.
func majorOf(ctx context.Context, r storage.Reader, id itsm.ID) (Major, error) {
	m, err := majorTable.Get(ctx, r, id)
	if errors.Is(err, itsm.ErrNotFound) {
		m = Major{MajorHead: MajorHead{State: MajorNone}}
		m.ID, err = id, nil
	}
	return m, err
}

// majorWork is one command under way on the handling of an incident as a major one.
type majorWork struct {
	*work // on the incident
	c     *MajorCase
	was   Major
	told  []itsm.Event
}

// handle gives the work on the handling of the incident as a major one.
func (w *work) handle(ctx context.Context) (*majorWork, error) {
	m, err := majorOf(ctx, w.u, w.ID)
	return &majorWork{work: w, c: &MajorCase{Major: m, Incident: w.Was, Reason: w.Reason}, was: m}, err
}

// major runs one command on the handling of an incident as a major one.
func (p *Practice) major(ctx context.Context, actor itsm.Actor, id itsm.ID, action MajorAction, cmd itsm.Command, request any, fn func(context.Context, *majorWork) error) (Major, error) {
	call := engine.Call{Name: MajorKind + "." + string(action), Actor: actor, Command: cmd, Target: id, Request: request}
	return engine.Execute(ctx, p.e, majorTable, call, func(ctx context.Context, u *engine.Unit) (Major, error) {
		w, err := p.begin(ctx, u, id)
		if err != nil {
			return Major{}, err
		}
		m, err := w.handle(ctx)
		if err != nil {
			return Major{}, err
		}
		if err := w.authorize(ctx, standardMajor().Permission(m.c.State, action)); err != nil {
			return Major{}, err
		}
		if cmd.IfVersion > 0 && m.was.Version == 0 {
			return Major{}, &itsm.VersionError{Kind: MajorKind, ID: id, Seen: cmd.IfVersion}
		}
		w.faults.Merge("", call.Validate())
		if err := fn(ctx, m); err != nil {
			return Major{}, err
		}
		if m.c.State != m.was.State {
			w.action, w.to, w.Major = Action("major."+string(action)), w.State, m.c.State
			w.tell(w.State, w.State, MajorChanged{From: m.was.State, To: m.c.State})
		}
		if err := m.finish(ctx); err != nil {
			return Major{}, err
		}
		if _, err := w.finish(ctx); err != nil {
			return Major{}, err
		}
		if action == MajorActionReview && p.o.CloseAfterReview {
			if closes, _ := p.dueOf(&w.Incident); !closes.IsZero() {
				return m.c.Major, u.Schedule(ctx, jobOf(jobAutoClose, id, closes))
			}
		}
		return m.c.Major, nil
	}, func(ctx context.Context, u *engine.Unit, out Major, _ bool) (Major, error) {
		i, err := p.find(ctx, u, actor, id)
		if err != nil {
			return Major{}, err
		}
		if may, err := p.allows(ctx, actor, PermissionReadMajor, &i); err != nil || !may {
			out.MajorBody = MajorBody{}
			return out, err
		}
		return out, nil
	})
}

// step takes an action: all that is wrong with it is told at once, before anything is written.
func (m *majorWork) step(ctx context.Context, a MajorAction, payload itsm.Payload) error {
	from := m.c.State
	to, err := standardMajor().Fire(ctx, from, a, itsm.Attempt[*MajorCase]{
		Subject: m.c, ID: m.ID, Actor: m.actor, Now: m.now, Faults: &m.faults})
	if err != nil {
		return err
	}
	m.c.State = to
	category := func(s MajorState) itsm.Category { c, _ := standardMajor().Category(s); return c }
	m.told = append(m.told, itsm.Event{
		Kind: MajorKind, Record: m.ID, Action: string(a), Data: payload, Internal: true,
		From: string(from), To: string(to), FromCategory: category(from), ToCategory: category(to),
	})
	return nil
}

// finish puts the record, emits what was told, and sets the job of what is due.
func (m *majorWork) finish(ctx context.Context) error {
	if err := majorTable.Put(ctx, m.u, &m.c.Major); err != nil {
		return err
	}
	for _, e := range m.told {
		m.u.Emit(e)
	}
	switch {
	case m.c.Due.Equal(m.was.Due):
		return nil
	case m.c.Due.IsZero():
		return m.u.Cancel(ctx, jobMajor, string(m.ID))
	}
	return m.u.Schedule(ctx, jobOf(jobMajor, m.ID, m.c.Due))
}

// followMajor lets the handling as a major incident follow what became of the incident: no update is due
// for what is over, and what was a major incident is to be reviewed.
func (w *work) followMajor(to itsm.Category) {
	actions, state := w.Major.follow(to)
	if len(actions) == 0 {
		return
	}
	from := w.Major
	if actions[0] == MajorActionRestore && w.Restored.IsZero() {
		w.Restored = w.now
	}
	w.Major = state
	w.tell(w.to, w.to, MajorChanged{From: from, To: state})
	w.after = append(w.after, func(ctx context.Context) error {
		m, err := w.handle(ctx)
		if err != nil {
			return err
		}
		m.c.Reason = orElse(strings.TrimSpace(m.c.Reason), "Its incident ended")
		for _, a := range actions {
			m.c.Due = time.Time{}
			var payload itsm.Payload
			switch a {
			case MajorActionDemote:
				payload = MajorIncidentDemoted{}
			case MajorActionRestore:
				payload = MajorIncidentRestored{Restored: w.Restored}
			default:
				m.c.Due = w.p.reviewDue(w.now)
				payload = ReviewRequested{Due: m.c.Due}
			}
			if err := m.step(ctx, a, payload); err != nil {
				return err
			}
		}
		return m.finish(ctx)
	})
}

// remindMajor is the job that tells that an update, or the review, is due. Of an update it tells again
// after each interval of the plan, until one is posted.
func (p *Practice) remindMajor(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
	id := itsm.ID(due.Key)
	in := p.In(u.Store())
	w, err := in.begin(ctx, u, id)
	if err != nil {
		return ifThere(err)
	}
	m, err := w.handle(ctx)
	if err != nil || m.c.Due.IsZero() || !standardMajor().Has(m.c.State, MajorActionRemind) {
		return err
	}
	if m.c.Due.After(w.now) {
		return u.Schedule(ctx, jobOf(jobMajor, id, m.c.Due))
	}
	if m.c.State != MajorDeclared {
		if err := m.step(ctx, MajorActionRemind, ReviewDue{Due: m.c.Due}); err != nil {
			return err
		}
		return m.finish(ctx)
	}
	m.c.Missed++
	if err := m.step(ctx, MajorActionRemind, UpdateDue{Due: m.c.Due, Missed: m.c.Missed}); err != nil {
		return err
	}
	if err := m.finish(ctx); err != nil || m.c.Plan.Every == 0 {
		return err
	}
	return u.Schedule(ctx, jobOf(jobMajor, id, w.now.Add(m.c.Plan.Every)))
}

// nextUpdate is when the update after one is due.
func (m *majorWork) nextUpdate(last time.Time) time.Time {
	if m.c.Plan.Every <= 0 {
		return time.Time{}
	}
	return last.Add(m.c.Plan.Every)
}

// The least and the greatest time from one update to the next.
const minEvery, maxEvery = time.Minute, 365 * 24 * time.Hour

// plan applies a communication plan, and notes what is wrong with it.
func (m *majorWork) plan(prefix string, plan CommunicationPlan) {
	if plan.Every != 0 && (plan.Every < minEvery || plan.Every > maxEvery) {
		m.faults.Add(prefix+"every", "must be from a minute to a year, or 0 for no updates that are due")
	}
	if len(plan.Audiences) > MaxAudiences {
		m.faults.Addf(prefix+"audiences", "are %d; at most %d are allowed", len(plan.Audiences), MaxAudiences)
		return
	}
	audiences := make([]Audience, 0, len(plan.Audiences))
	for n, a := range plan.Audiences {
		field := at(prefix+"audiences", n)
		m.faults.Text(field+".name", a.Name, storage.MaxText, true)
		m.faults.Text(field+".channel", a.Channel, storage.MaxText, true)
		a.People = unique(a.People)
		m.checkPeople(field+".people", a.People)
		if slices.ContainsFunc(audiences, func(other Audience) bool { return other.Name == a.Name }) {
			m.faults.Add(field+".name", "is used twice")
		}
		audiences = append(audiences, a)
	}
	if len(audiences) == 0 {
		audiences = nil
	}
	m.c.Plan = CommunicationPlan{Audiences: audiences, Every: plan.Every}
}

// checkApart notes the declared major incidents of the same service that the actor may read and the
// request does not name.
func (m *majorWork) checkApart(ctx context.Context, apart []itsm.ID) error {
	if m.Service == "" {
		return nil
	}
	q := storage.Query[MajorHead]{Where: majorByState.Is(MajorDeclared), Limit: storage.MaxPage}
	for h, err := range storage.Pages(q, func(q storage.Query[MajorHead]) (storage.Page[MajorHead], error) {
		return majorTable.List(ctx, m.u, q)
	}) {
		if err != nil {
			return err
		}
		if h.ID == m.ID || slices.Contains(apart, h.ID) {
			continue
		}
		other, err := m.p.find(ctx, m.u, m.actor, h.ID)
		switch {
		case isNotFound(err):
		case err != nil:
			return err
		case other.Service == m.Service:
			m.faults.Addf("apart", "does not name %s, a major incident of the same service: merge one into the other, or name it as apart", other.Number)
		}
	}
	return nil
}
