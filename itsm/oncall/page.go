// This file holds how an escalation runs: it starts, takes its steps, is acknowledged, and ends.

package oncall

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Page asks that people be told of something until somebody takes it.
type Page struct {
	itsm.Command
	// Subject is the record it is about: of any kind, also one that the engine does not keep.
	Subject itsm.Ref `json:"subject"`
	// Policy is the policy by which they are told.
	Policy itsm.ID `json:"policy"`
	// Summary is what they are told. It is required.
	Summary string `json:"summary"`
}

// jobStep is the kind of the one job of each escalation that is escalating: its next step, or its end.
const jobStep = "oncall.step"

// step is the payload of that job: the turn after which it comes.
type step struct {
	Turn int `json:"turn"`
}

// Start starts an escalation by a policy in the version that it has now, and takes the first step in
// the same transaction; where its ladder waits before that, a job takes it then, unless the escalation was
// acknowledged, cancelled or escalated, or its subject ended meanwhile. While there is one of the same subject and policy that is escalating or
// acknowledged, it gives that one and does nothing: nobody is told twice of one thing. A subject that
// is not open is ErrInvalid, and so is one that is not there or of which the actor may not know
// ([Options].MayRead). It asks for [PermissionPage].
func (p *Practice) Start(ctx context.Context, actor itsm.Actor, r Page) (Escalation, error) {
	call := engine.Call{Name: "oncall.start", Actor: actor, Command: r.Command, Request: r}
	return p.escalating(ctx, call, func(ctx context.Context, u *engine.Unit) (Escalation, error) {
		if err := u.Authorize(ctx, PermissionPage, domain(KindEscalation, "")); err != nil {
			return Escalation{}, err
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		f.Key("subject.kind", r.Subject.Kind)
		f.Key("subject.id", string(r.Subject.ID))
		f.Text("summary", r.Summary, MaxSummary, true)
		policy, err := PolicyTable.Get(ctx, u, r.Policy)
		switch {
		case r.Policy == "":
			f.Add("policy", "is required")
		case isNotFound(err) || err == nil && policy.Retired:
			f.Add("policy", "must be a policy that is not retired")
		case err != nil:
			return Escalation{}, err
		}
		if err := f.Err("page"); err != nil {
			return Escalation{}, err
		}
		if err := u.Lock(ctx, lockOf(r.Subject)); err != nil {
			return Escalation{}, err
		}
		open, err := p.open(ctx, u, r.Subject)
		may := false
		if err == nil {
			if may, err = p.mayRead(ctx, u, actor, r.Subject); err != nil {
				return Escalation{}, err
			}
		}
		switch {
		case isNotFound(err), err == nil && !may:
			f.Add("subject", "is not found")
		case err != nil:
			return Escalation{}, err
		case !open:
			f.Add("subject", "is not open")
		}
		if err := f.Err("page"); err != nil {
			return Escalation{}, err
		}
		there, err := unfinished(ctx, u, r.Subject)
		if err != nil {
			return Escalation{}, err
		}
		for _, e := range there {
			if e.Open && e.PolicyID == policy.ID {
				return e, nil
			}
		}
		e := Escalation{
			EscalationHead{
				Meta: storage.Meta{ID: u.NewID()}, SubjectKind: r.Subject.Kind, SubjectID: r.Subject.ID,
				PolicyID: policy.ID, PolicyVersion: policy.Version, State: StateEscalating, Started: u.Now(),
			},
			EscalationBody{Summary: r.Summary, StartedBy: actor.ID, Ladder: policy.Ladder},
		}
		w := p.on(u, &e)
		w.tell("", ActionStart, Started{Subject: r.Subject, Summary: e.Summary, Policy: policy.ID, PolicyVersion: policy.Version})
		if wait := e.Ladder.wait(); wait > 0 {
			e.Next, e.Due = first, u.Now().Add(wait)
		} else if err := w.take(ctx, Place{}); err != nil {
			return Escalation{}, err
		}
		if err := w.put(ctx); err != nil {
			return Escalation{}, err
		}
		return e, nil
	})
}

// Acknowledge says that the actor takes it: nobody else is told from then on. It is for those who
// were told, in person or as one of a group, and for others with [PermissionAcknowledge]; an
// escalation that nobody took until its end may still be taken.
func (p *Practice) Acknowledge(ctx context.Context, actor itsm.Actor, id itsm.ID, c itsm.Command) (Escalation, error) {
	return p.command(ctx, actor, id, ActionAcknowledge, c, func(ctx context.Context, w *work) error {
		from := w.State
		if err := w.fire(ctx, ActionAcknowledge); err != nil {
			var refused *itsm.TransitionError
			if from == StateAcknowledged && errors.As(err, &refused) {
				refused.Reason = string(w.AcknowledgedBy) + " took it"
			}
			return err
		}
		w.AcknowledgedBy, w.AcknowledgedAt = actor.ID, w.u.Now()
		w.tell(from, ActionAcknowledge, Acknowledged{Subject: w.Subject(), Turn: w.Turn})
		return nil
	})
}

// Escalate takes the next step at once. Where there is none, or the escalation was acknowledged or has
// ended, it begins again from the first step, by the version of the policy that it started with. It is
// for whom [Practice.Acknowledge] is. A subject that is not open any more is ErrTransition.
func (p *Practice) Escalate(ctx context.Context, actor itsm.Actor, id itsm.ID, c itsm.Command) (Escalation, error) {
	return p.command(ctx, actor, id, ActionEscalate, c, func(ctx context.Context, w *work) error {
		from, next := w.State, w.Next
		if err := w.fire(ctx, ActionEscalate); err != nil {
			return err
		}
		open, err := w.p.open(ctx, w.u, w.Subject())
		if err != nil && !isNotFound(err) {
			return err
		}
		if !open {
			return &itsm.TransitionError{Kind: KindEscalation, ID: id, State: string(from), Action: string(ActionEscalate), Reason: "its subject is not open"}
		}
		w.AcknowledgedBy, w.AcknowledgedAt = "", time.Time{}
		w.tell(from, ActionEscalate, Reescalated{Subject: w.Subject()})
		if from == StateEscalating && next != (Place{}) {
			turn, err := w.Ladder.Take(w.u.Now(), next, w.reach(ctx))
			if err != nil {
				return err
			}
			if !turn.Nobody() {
				return w.taken(ctx, turn)
			}
		}
		w.Reached = false
		return w.take(ctx, Place{})
	})
}

// Cancel calls an escalation off: nobody else is told. It asks for [PermissionPage].
func (p *Practice) Cancel(ctx context.Context, actor itsm.Actor, id itsm.ID, c itsm.Command) (Escalation, error) {
	return p.command(ctx, actor, id, ActionCancel, c, func(ctx context.Context, w *work) error {
		return w.end(ctx, ActionCancel, Cancelled{Subject: w.Subject(), Why: WhyPerson})
	})
}

// escalating runs a command on escalations.
func (p *Practice) escalating(ctx context.Context, call engine.Call, fn func(context.Context, *engine.Unit) (Escalation, error)) (Escalation, error) {
	return engine.Execute(ctx, p.e, EscalationTable, call, fn, func(ctx context.Context, u *engine.Unit, e Escalation, again bool) (Escalation, error) {
		if again {
			return p.find(ctx, u, call.Actor, e.ID)
		}
		return e, nil
	})
}

// command runs a command on one escalation.
func (p *Practice) command(ctx context.Context, actor itsm.Actor, id itsm.ID, action Action, c itsm.Command, fn func(context.Context, *work) error) (Escalation, error) {
	call := engine.Call{Name: "oncall." + string(action), Actor: actor, Command: c, Target: id, Request: c}
	return p.escalating(ctx, call, func(ctx context.Context, u *engine.Unit) (Escalation, error) {
		e, err := EscalationTable.Get(ctx, u, id)
		if err != nil {
			return Escalation{}, err
		}
		if permission := standard().Permission(StateEscalating, action); permission == PermissionPage || !e.tells(actor) {
			if err := u.Authorize(ctx, permission, e.subject()); err != nil {
				if _, unknown := p.find(ctx, u, actor, id); unknown != nil {
					return Escalation{}, unknown
				}
				return Escalation{}, err
			}
		}
		if !e.tells(actor) {
			if may, err := p.mayRead(ctx, u, actor, e.Subject()); err != nil {
				return Escalation{}, err
			} else if !may {
				return Escalation{}, notFound(KindEscalation, id)
			}
		}
		if err := call.Validate(); err != nil {
			return Escalation{}, err
		}
		w := p.on(u, &e)
		if err := fn(ctx, w); err != nil {
			return Escalation{}, err
		}
		if err := w.put(ctx); err != nil {
			return Escalation{}, err
		}
		return e, nil
	})
}

// work is one change of one escalation under way.
type work struct {
	*Escalation
	p      *Practice
	u      *engine.Unit
	events []itsm.Event
}

func (p *Practice) on(u *engine.Unit, e *Escalation) *work { return &work{Escalation: e, p: p, u: u} }

// fire moves the escalation by its lifecycle.
func (w *work) fire(ctx context.Context, a Action) error {
	to, err := standard().Fire(ctx, w.State, a, itsm.Attempt[*Escalation]{Subject: w.Escalation, ID: w.ID, Actor: w.u.Actor(), Now: w.u.Now()})
	w.State = to
	return err
}

// tell notes an event, which is emitted when the record has been put.
func (w *work) tell(from State, a Action, payload itsm.Payload) {
	was, _ := standard().Category(from)
	is, _ := standard().Category(w.State)
	w.events = append(w.events, itsm.Event{Kind: KindEscalation, Record: w.ID, Action: string(a), Data: payload,
		From: string(from), To: string(w.State), FromCategory: was, ToCategory: is})
}

func (w *work) end(ctx context.Context, a Action, payload itsm.Payload) error {
	from := w.State
	if err := w.fire(ctx, a); err != nil {
		return err
	}
	w.tell(from, a, payload)
	return nil
}

// take takes the step at a place, or ends the escalation where nobody can be reached from there on.
func (w *work) take(ctx context.Context, at Place) error {
	turn, err := w.Ladder.Take(w.u.Now(), at, w.reach(ctx))
	if err != nil {
		return err
	}
	return w.taken(ctx, turn)
}

func (w *work) taken(ctx context.Context, turn Turn) error {
	switch {
	case turn.Nobody() && w.Reached:
		return w.exhaust(ctx, turn.Skipped)
	case turn.Nobody():
		return w.end(ctx, ActionGiveUp, Unreachable{Subject: w.Subject(), Summary: w.Summary, Policy: w.PolicyID, Skipped: turn.Skipped})
	}
	w.Turn++
	w.Round, w.Step, w.Next, w.Due = turn.Place.Round, turn.Place.Step, turn.Next, turn.Until
	w.Told, w.Reached = w.Told.and(turn.Told), true
	return w.end(ctx, ActionPage, Paged{
		Subject: w.Subject(), Summary: w.Summary, Policy: w.PolicyID, Turn: w.Turn,
		Place: turn.Place, Told: turn.Told, Skipped: turn.Skipped, Until: turn.Until,
	})
}

func (w *work) exhaust(ctx context.Context, skipped []Place) error {
	return w.end(ctx, ActionExhaust, Exhausted{Subject: w.Subject(), Summary: w.Summary, Policy: w.PolicyID, Turn: w.Turn, Skipped: skipped})
}

// put writes the escalation, tells its events, and makes its job what it must be: one while it is
// escalating, and none otherwise.
func (w *work) put(ctx context.Context) error {
	category, _ := standard().Category(w.State)
	w.Open = category.Open()
	if w.State != StateEscalating {
		w.Due, w.Next = time.Time{}, Place{}
	}
	if err := EscalationTable.Put(ctx, w.u, w.Escalation); err != nil {
		return err
	}
	for _, e := range w.events {
		w.u.Emit(e)
	}
	if w.State != StateEscalating {
		return w.u.Cancel(ctx, jobStep, string(w.ID))
	}
	return w.u.Schedule(ctx, engine.Task{Kind: jobStep, Key: string(w.ID), Subject: KindEscalation + "/" + string(w.ID), Due: w.Due, Payload: step{w.Turn}})
}

// stepDue takes the next step of an escalation, or ends it. A step is taken when its job runs: after
// an outage late, and the one after it as much later.
func (p *Practice) stepDue(ctx context.Context, u *engine.Unit, due engine.Due, after step) error {
	e, err := EscalationTable.Get(ctx, u, itsm.ID(due.Key))
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if e.State != StateEscalating || e.Turn != after.Turn {
		return nil // the job of a turn that has passed
	}
	w := p.on(u, &e)
	open, err := p.open(ctx, u, e.Subject())
	if err != nil && !isNotFound(err) {
		return err
	}
	switch {
	case !open:
		err = w.end(ctx, ActionCancel, Cancelled{Subject: e.Subject(), Why: WhySubject})
	case e.Next == Place{}:
		err = w.exhaust(ctx, nil)
	default:
		err = w.take(ctx, e.Next)
	}
	if err != nil {
		return err
	}
	return w.put(ctx)
}

// subjectEnded is the reaction to every event: where a record is not open any more, or is deleted,
// its escalations end.
func (p *Practice) subjectEnded(ctx context.Context, u *engine.Unit, e itsm.Event) error {
	_, deleted := e.Data.(engine.Deleted)
	if !deleted && (e.ToCategory == "" || e.ToCategory.Open()) || e.Kind == KindEscalation {
		return nil
	}
	subject := itsm.Ref{Kind: e.Kind, ID: e.Record}
	// Who starts an escalation looks under this lock whether the record is open.
	if err := u.Lock(ctx, lockOf(subject)); err != nil {
		return err
	}
	there, err := unfinished(ctx, u, subject)
	if err != nil {
		return err
	}
	for i := range there {
		w := p.on(u, &there[i])
		if w.State == StateEscalating {
			err = w.end(ctx, ActionCancel, Cancelled{Subject: subject, Why: WhySubject})
		} else {
			err = w.end(ctx, ActionClose, Closed{Subject: subject})
		}
		if err != nil {
			return err
		}
		if err := w.put(ctx); err != nil {
			return err
		}
	}
	return nil
}

// unfinished gives the escalations of a record that are neither closed nor cancelled.
func unfinished(ctx context.Context, r storage.Reader, subject itsm.Ref) (all []Escalation, err error) {
	q := storage.Query[EscalationHead]{
		Where: storage.AllOf(EscalationBySubjectKind.Is(subject.Kind), EscalationBySubjectID.Is(subject.ID),
			EscalationByState.In(StateEscalating, StateAcknowledged, StateExhausted, StateUnreachable)),
		Order: []storage.Order{EscalationByStarted.Asc()}, Limit: storage.MaxPage,
	}
	for e, err := range storage.Pages(q, func(q storage.Query[EscalationHead]) (storage.Page[Escalation], error) {
		return EscalationTable.Records(ctx, r, q)
	}) {
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// open says whether a record is still to be worked on.
func (p *Practice) open(ctx context.Context, u *engine.Unit, subject itsm.Ref) (bool, error) {
	if p.o.Open != nil {
		return p.o.Open(ctx, u, subject)
	}
	schema, row, err := u.Load(ctx, subject)
	if errors.Is(err, itsm.ErrInvalid) {
		return true, nil // of a kind that the engine does not keep
	}
	if err != nil {
		return false, err
	}
	open, has := row.Value(schema, "open").(bool)
	return open || !has, nil
}

// lockOf names the lock of what concerns all escalations of a record.
func lockOf(subject itsm.Ref) string {
	return "oncall/subject/" + digest.Of(subject.Kind, string(subject.ID))
}

func (w *work) reach(ctx context.Context) Reach { return w.p.reach(ctx, w.u) }

// reach reads who is behind a target.
func (p *Practice) reach(ctx context.Context, r storage.Reader) Reach {
	return func(target Target, at time.Time) (Told, error) {
		switch {
		case target.Kind == TargetPerson:
			return Told{People: []itsm.ID{target.ID}}, nil
		case target.Kind == TargetGroup && p.o.Members == nil:
			return Told{Groups: []itsm.ID{target.ID}}, nil
		case target.Kind == TargetGroup:
			members, err := p.o.Members(ctx, r, target.ID)
			if err != nil && !isNotFound(err) {
				return Told{}, err
			}
			return Told{People: slices.DeleteFunc(slices.Clone(members), func(id itsm.ID) bool { return id == "" })}, nil
		}
		t, err := timetable(ctx, r, target.ID, at, at.Add(time.Microsecond))
		if isNotFound(err) {
			return Told{}, nil
		}
		if err != nil {
			return Told{}, err
		}
		return Told{People: t.OnCall(at)}, nil
	}
}
