// This file holds how alerts of monitoring systems become incidents, one for each key, and how they
// end.

package incident

import (
	"context"
	"errors"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// AlertReport is an alert of a monitoring system.
type AlertReport struct {
	itsm.Command
	// DeduplicationKey says what the alert is about: all alerts of one key are one alert, received
	// again. It is required, and at most storage.MaxText characters: "mail-relay/queue-length".
	DeduplicationKey string `json:"deduplication_key"`
	// Title is required.
	Title    string   `json:"title"`
	Severity Severity `json:"severity,omitempty"`
	// Source is the system that reports, in at most storage.MaxText characters.
	Source string `json:"source,omitempty"`
	// At is when it fired; zero, and what is after now, is now.
	At time.Time `json:"at,omitzero"`

	// Description, and what follows it, is for the incident that the alert logs, where it logs one.
	Description string `json:"description,omitempty"`
	// Requester is who reports; empty is the actor.
	Requester   itsm.ID `json:"requester,omitempty"`
	Category    string  `json:"category,omitempty"`
	Subcategory string  `json:"subcategory,omitempty"`
	Service     itsm.ID `json:"service,omitempty"`
	// Fields are the host's own fields, Columns values of the host's own columns.
	Fields  itsm.Fields           `json:"fields,omitempty"`
	Columns []storage.Value[Head] `json:"-"`
}

// ClearReport says that what an alert was about is over.
type ClearReport struct {
	itsm.Command
	// DeduplicationKey is that of the alerts.
	DeduplicationKey string `json:"deduplication_key"`
	// Source is the system that reports.
	Source string `json:"source,omitempty"`
	// At is when it cleared; zero, and what is after now, is now.
	At time.Time `json:"at,omitzero"`
}

// Alert takes an alert. The first of a key logs an incident; while that is open, later ones are
// counted and, by policy, raise its impact and urgency. However many processes report the same key
// at once, there is one incident. Each costs the same, however many were before.
//
// Where the incident is resolved and can still be reopened, [AlertOptions].AfterResolved decides.
// Where it is closed, or the window has passed, the alert logs a new incident that follows it up;
// after one that was cancelled, a new one that is related to it. The alerts of an incident that was
// cancelled as a duplicate go to the other one. An alert that fired before its incident was
// resolved, and comes late, is only counted; so is one that fired before the last clear.
//
// It asks for "incident.alert", and for nothing else: what follows from an alert needs no more
// rights. It gives the alert as the incident knows it.
func (p *Practice) Alert(ctx context.Context, actor itsm.Actor, r AlertReport) (Alert, error) {
	call := engine.Call{Name: Kind + "." + string(ActionAlert), Actor: actor, Command: r.Command, Request: withColumns(r, r.Columns)}
	return p.signal(ctx, call, func(ctx context.Context, s *signal) error {
		next, err := s.report(ctx, r)
		if err != nil {
			return err
		}
		s.severity, s.at = orElse(r.Severity, p.o.Alerts.Severities[len(p.o.Alerts.Severities)-1].Severity), r.At
		s.entry = AlertEntry{Title: r.Title, Source: r.Source, Severity: s.severity}
		next.faults.Merge("", call.Validate())
		s.check(&next.faults, r.DeduplicationKey, r.Source)
		if err := next.faults.Err("alert"); err != nil {
			return err
		}
		if err := s.load(ctx); err != nil {
			return err
		}
		return s.fires(ctx, next)
	})
}

// ClearAlert takes the news that an alert is over. When the last alert of an open incident that
// fired is cleared, the resolution of the incident is proposed: [Head].ResolutionProposed, and the
// event [ClearReceived]. After [AlertOptions].ResolveAfter, and where none fires again before, it is
// resolved by itself. A clear of a key that was never reported is ErrNotFound; one that is older
// than the last alert, or repeated, is only counted.
//
// It asks for "incident.alert".
func (p *Practice) ClearAlert(ctx context.Context, actor itsm.Actor, r ClearReport) (Alert, error) {
	call := engine.Call{Name: Kind + "." + string(ActionClearAlert), Actor: actor, Command: r.Command, Request: r}
	return p.signal(ctx, call, func(ctx context.Context, s *signal) error {
		s.at = r.At
		s.entry = AlertEntry{Source: r.Source, Clear: true}
		var f itsm.Faults
		f.Merge("", call.Validate())
		s.check(&f, r.DeduplicationKey, r.Source)
		if err := f.Err("alert"); err != nil {
			return err
		}
		if err := s.load(ctx); err != nil {
			return err
		}
		if s.row.Version == 0 {
			return &storage.Error{Op: "clear", Table: alertTable.Name(), ID: itsm.ID(s.key), Err: storage.ErrNotFound}
		}
		return s.clears(ctx)
	})
}

// signal is one alert or clear under way.
type signal struct {
	p        *Practice
	u        *engine.Unit
	key      string
	at       time.Time
	severity Severity
	entry    AlertEntry
	// row is where the alerts of the key go; of version 0 where none came before.
	row alertRecord
	// w is the incident to which they go, nil where there is none.
	w *work
}

// signal runs a command of alerts.
func (p *Practice) signal(ctx context.Context, c engine.Call, fn func(context.Context, *signal) error) (Alert, error) {
	out, err := engine.Execute(ctx, p.e, alertTable, c, func(ctx context.Context, u *engine.Unit) (alertRecord, error) {
		if err := u.Authorize(ctx, PermissionAlert, nil); err != nil {
			return alertRecord{}, err
		}
		s := &signal{p: p, u: u}
		if err := fn(ctx, s); err != nil {
			return alertRecord{}, err
		}
		return s.row, nil
	}, func(ctx context.Context, u *engine.Unit, r alertRecord, again bool) (alertRecord, error) {
		if !again {
			return r, nil
		}
		return r, u.Authorize(ctx, PermissionAlert, nil)
	})
	return out.Alert, err
}

// check notes what is wrong with what alerts and clears have.
func (s *signal) check(f *itsm.Faults, key, source string) {
	f.Text("deduplication_key", key, storage.MaxText, true)
	f.Text("source", source, storage.MaxText, false)
	if y := s.at.Year(); y < minYear || y > maxYear {
		f.Add("at", "must be in the years 1 to 9999")
	}
	s.key = key
	if s.at = storage.Instant(s.at); s.at.IsZero() || s.at.After(s.u.Now()) {
		s.at = s.u.Now()
	}
	s.entry.At = s.at
}

// report makes the report of an incident out of an alert, checked as [Practice.Log] checks it, so
// that an alert is right or wrong whatever there is already.
func (s *signal) report(ctx context.Context, r AlertReport) (*work, error) {
	report := Report{
		Title: r.Title, Description: r.Description, Requester: orElse(r.Requester, s.u.Actor().ID), Channel: s.p.o.alertChannel(),
		Category: r.Category, Subcategory: r.Subcategory, Service: r.Service,
		Fields: r.Fields, Columns: r.Columns,
	}
	severities := s.p.o.Alerts.Severities
	rank := len(severities) - 1
	if r.Severity != "" {
		rank = s.p.o.Alerts.rank(r.Severity)
	}
	known := rank < len(severities)
	if known {
		report.Impact, report.Urgency = severities[rank].Impact, severities[rank].Urgency
	}
	next := s.p.workOn(s.u, Incident{})
	if err := next.report(ctx, report, false); err != nil {
		return nil, err
	}
	next.Alerted = true
	if !known {
		names := make([]Severity, len(severities))
		for i, rule := range severities {
			names[i] = rule.Severity
		}
		next.faults.Addf("severity", "must be one of: %s", list(names))
	}
	return next, nil
}

// load finds where the alerts of the key go. No other unit changes that until this one ends.
func (s *signal) load(ctx context.Context) error {
	if err := lockAlerts(ctx, s.u, s.key); err != nil {
		return err
	}
	var err error
	if s.row, err = currentAlert(ctx, s.u, s.key); err != nil || s.row.Version == 0 {
		return err
	}
	i, err := s.p.table.Get(ctx, s.u, s.row.Incident)
	if err != nil {
		return ifThere(err) // one that was deleted is as if it had not been
	}
	s.w = s.p.workOn(s.u, i)
	s.w.Was, s.w.internal = i, true
	return nil
}

// fires decides what an alert does.
func (s *signal) fires(ctx context.Context, next *work) error {
	if s.w == nil {
		return s.log(ctx, next, Logged{}, "")
	}
	category := s.w.category(s.w.State)
	if category.Open() {
		return s.countOpen(ctx)
	}
	if s.at.Before(orElse(s.w.ResolvedAt, s.w.ClosedAt)) {
		return s.count(ctx) // it comes late
	}
	if category == itsm.CategoryResolved {
		if err := s.w.facts(ctx, ActionReopen); err != nil {
			return err
		}
		switch end := s.w.ReopenUntil; {
		case !end.IsZero() && s.u.Now().After(end):
		case s.p.o.Alerts.AfterResolved == AlertsCount:
			return s.count(ctx)
		case s.p.o.Alerts.AfterResolved == AlertsReopen:
			reopened, err := s.reopen(ctx)
			if err != nil || reopened {
				return err
			}
		}
	}
	// What comes after keeps to those who may know of it, and a follow-up goes where it was worked on.
	was := s.w.continued(FollowUp{}, s.u.Now())
	next.Restricted, next.Members = was.Restricted, was.Members
	if category == itsm.CategoryCancelled {
		return s.log(ctx, next, Logged{}, itsm.LinkRelatedTo)
	}
	next.Group, next.Watchers = was.Group, was.Watchers
	next.Service = orElse(next.Service, was.Service)
	if next.Category == "" {
		next.Category, next.Subcategory = was.Category, was.Subcategory
	}
	return s.log(ctx, next, Logged{FollowUpOf: s.w.ID}, itsm.LinkFollowUpOf)
}

// count notes an alert that does nothing else.
func (s *signal) count(ctx context.Context) error {
	a := &s.row
	if a.FirstSeen.IsZero() {
		a.FirstSeen = s.at
	}
	if s.at.After(a.LastSeen) {
		a.LastSeen = s.at
	}
	if s.p.o.Alerts.rank(s.severity) < s.p.o.Alerts.rank(a.Severity) {
		a.Severity = s.severity
	}
	a.Count++
	if !s.at.Before(a.ClearedAt) {
		a.Firing, a.ClearedAt = true, time.Time{}
	}
	if err := putAlert(ctx, s.u, a); err != nil {
		return err
	}
	return s.p.keepEntry(ctx, s.u, a, s.entry)
}

// countOpen counts an alert whose incident is open, with what else it means to that.
func (s *signal) countOpen(ctx context.Context) error {
	graver := s.p.o.Alerts.rank(s.severity) < s.p.o.Alerts.rank(s.row.Severity)
	if err := s.count(ctx); err != nil {
		return err
	}
	w := s.w
	if s.row.Firing && w.ResolutionProposed {
		w.withdraw()
		w.action = ActionAlert
		w.tell(w.State, w.State, AlertReturned{DeduplicationKey: s.key})
	}
	if graver && !s.p.o.Alerts.KeepSeverity {
		if err := w.ifPermitted(func() error { return w.raise(ctx, s.p.o.Alerts.Severities[s.p.o.Alerts.rank(s.severity)]) }); err != nil {
			return err
		}
	}
	_, err := w.finish(ctx)
	return err
}

// raise gives the incident the impact and urgency of a severity where these are graver.
func (w *work) raise(ctx context.Context, to SeverityRule) error {
	impact, urgency := min(w.Impact, to.Impact), min(w.Urgency, to.Urgency)
	if impact == w.Impact && urgency == w.Urgency {
		return nil
	}
	from := w.Priority
	w.Impact, w.Urgency = impact, urgency
	w.recompute()
	return w.fire(ctx, ActionClassify, Classified{From: from, Priority: w.Priority})
}

// reopen reopens the incident, where its lifecycle lets it.
func (s *signal) reopen(ctx context.Context) (bool, error) {
	w := s.w
	err := w.ifPermitted(func() error { return w.fire(ctx, ActionReopen, Reopened{Count: w.Reopens + 1}) })
	if err != nil || len(w.events) == 0 {
		return false, err
	}
	return true, s.countOpen(ctx)
}

// log logs the incident of an alert, linked to the one to which the alerts of the key went before.
func (s *signal) log(ctx context.Context, next *work, payload Logged, link itsm.LinkType) error {
	permitted := func(context.Context) error { return nil } // by that for alerts
	err := next.create(ctx, func() itsm.Payload {
		payload.Number, payload.Priority = next.Number, next.Priority
		return payload
	}, permitted)
	if err != nil {
		return err
	}
	if s.row.Version > 0 {
		if err := retire(ctx, s.u, &s.row); err != nil {
			return err
		}
	}
	s.row = newAlert(s.key, next.ID)
	if err := s.count(ctx); err != nil {
		return err
	}
	if link != "" {
		next.after = append(next.after, func(ctx context.Context) error {
			_, err := s.u.AddLink(ctx, itsm.Link{Type: link, From: next.Ref(), To: s.w.Ref()})
			return err
		})
	}
	if _, err := next.finish(ctx); err != nil || link != itsm.LinkFollowUpOf {
		return err
	}
	s.w.action = ActionFollowUp
	s.w.tell(s.w.State, s.w.State, FollowedUp{By: next.ID})
	_, err = s.w.finish(ctx)
	return err
}

// clears takes a clear.
func (s *signal) clears(ctx context.Context) error {
	a := &s.row
	over := a.Firing && !s.at.Before(a.LastSeen)
	a.Clears++
	if over {
		a.Firing, a.ClearedAt = false, s.at
	}
	if err := putAlert(ctx, s.u, a); err != nil {
		return err
	}
	if err := s.p.keepEntry(ctx, s.u, a, s.entry); err != nil {
		return err
	}
	if !over || s.w == nil || !s.w.Open {
		return nil
	}
	firing, err := alertTable.List(ctx, s.u, storage.Query[Alert]{
		Where: storage.AllOf(alertByIncident.Is(a.Incident), alertByFiring.Is(true)), Limit: 1,
	})
	if err != nil || len(firing.Items) > 0 {
		return err
	}
	w := s.w
	w.ResolutionProposed, w.ProposedAt = true, s.u.Now()
	w.action = ActionClearAlert
	w.tell(w.State, w.State, ClearReceived{DeduplicationKey: s.key})
	_, err = w.finish(ctx)
	return err
}

// withdraw takes back that resolution is proposed.
func (w *work) withdraw() { w.ResolutionProposed, w.ProposedAt = false, time.Time{} }

// resolveQuiet is the job that resolves an incident whose alerts have been cleared for long enough.
// Where the lifecycle refuses, the proposal stays for people to decide.
func (p *Practice) resolveQuiet(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
	id := itsm.ID(due.Key)
	_, err := p.In(u.Store()).command(ctx, u.Actor(), id, ActionResolve, itsm.Command{}, nil, func(ctx context.Context, w *work) error {
		at := p.quietUntil(&w.Incident)
		switch {
		case at.IsZero():
			return nil // it fired again, or was resolved otherwise
		case at.After(u.Now()):
			return u.Schedule(ctx, jobOf(jobQuiet, id, at)) // the host has lengthened the time
		}
		return w.resolve(ctx, Resolved{Code: p.o.Alerts.ResolutionCode}, notesOfClear)
	})
	if errors.Is(err, itsm.ErrInvalid) {
		return nil
	}
	return ifThere(err)
}

// notesOfClear are the notes of an incident that was resolved because its alerts were cleared.
const notesOfClear = "What was reported by monitoring has cleared and did not come back."

// quietUntil is when an incident is resolved because its alerts were cleared; zero is never.
func (p *Practice) quietUntil(i *Incident) time.Time {
	if !i.Open || !i.ResolutionProposed || p.o.Alerts.ResolveAfter <= 0 {
		return time.Time{}
	}
	return i.ProposedAt.Add(p.o.Alerts.ResolveAfter)
}

// lookElsewhere finds, of an incident that may be opened again, where the alerts go that once went to
// it: to another that is open, or to one that is not, from which it takes them back when it is opened.
// In a unit that is to write, that stays so until the unit ends.
func (w *work) lookElsewhere(ctx context.Context) error {
	w.AlertsElsewhere, w.takenBack = false, nil
	known, err := alertsOf(ctx, w.r, w.ID)
	if err != nil {
		return err
	}
	for _, a := range known {
		if w.u != nil {
			if err := lockAlerts(ctx, w.u, a.Key); err != nil {
				return err
			}
		}
		now, err := currentAlert(ctx, w.r, a.Key)
		if err != nil {
			return err
		}
		if now.Incident == w.ID {
			continue
		}
		other := Incident{}
		if now.Version > 0 {
			if other, err = w.p.table.Get(ctx, w.r, now.Incident); err != nil && !errors.Is(err, storage.ErrNotFound) {
				return err
			}
		}
		if other.Open {
			w.AlertsElsewhere = true
		}
		now.Key = a.Key
		w.takenBack = append(w.takenBack, now.Alert)
	}
	return nil
}

// takeBack makes the alerts go to the incident again that once went to it, as it is open again: those
// of a key never go to one incident while another, to which they went before, is open.
func (w *work) takeBack(ctx context.Context) error { return w.redirect(ctx, w.takenBack) }

// holdAlerts takes the alerts of a duplicate for this unit alone, before it writes anything, and gives
// those that go to it and will go to its original.
func (w *work) holdAlerts(ctx context.Context, original *work) ([]Alert, error) {
	if !w.Alerted || w.Restricted && !original.Restricted {
		return nil, nil
	}
	known, err := alertsOf(ctx, w.u, w.ID)
	if err != nil {
		return nil, err
	}
	var going []Alert
	for _, a := range known {
		if err := lockAlerts(ctx, w.u, a.Key); err != nil {
			return nil, err
		}
		now, err := currentAlert(ctx, w.u, a.Key)
		if err != nil {
			return nil, err
		}
		if now.Incident == w.ID {
			going = append(going, now.Alert)
		}
	}
	return going, nil
}

// takeAlerts makes the alerts that went to a duplicate go to this incident, which is to be put.
func (w *work) takeAlerts(ctx context.Context, going []Alert) error {
	for _, a := range going {
		w.Alerted = true
		if a.Firing {
			w.withdraw()
		}
	}
	return w.redirect(ctx, going)
}

// redirect makes alerts go to this incident that went to others, or to none.
func (w *work) redirect(ctx context.Context, going []Alert) error {
	for _, a := range going {
		to, err := alertTo(ctx, w.u, a.Key, w.ID)
		if err != nil {
			return err
		}
		if a.Version > 0 {
			if to.Version == 0 {
				to.Severity, to.FirstSeen, to.LastSeen = a.Severity, a.FirstSeen, a.LastSeen
			}
			to.Firing, to.ClearedAt = a.Firing, a.ClearedAt
			old := alertRecord{Alert: a}
			if err := retire(ctx, w.u, &old); err != nil {
				return err
			}
		}
		if err := putAlert(ctx, w.u, &to); err != nil {
			return err
		}
	}
	return nil
}
