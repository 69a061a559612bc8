// This file holds escalations: what is kept of one, its lifecycle, and who may know of it.

package oncall

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// State is a state of an escalation.
type State string

// The states.
const (
	// StateEscalating: people are told, step by step.
	StateEscalating State = "escalating"
	// StateAcknowledged: somebody took it; nobody else is told.
	StateAcknowledged State = "acknowledged"
	// StateExhausted: all steps were taken and nobody took it.
	StateExhausted State = "exhausted"
	// StateUnreachable: no step reached anybody when it began, or began again.
	StateUnreachable State = "unreachable"
	// StateClosed: its subject is done, after it was acknowledged or had ended.
	StateClosed State = "closed"
	// StateCancelled: it was called off.
	StateCancelled State = "cancelled"
)

// Action is what can be done with an escalation.
type Action string

// The actions.
const (
	ActionStart       Action = "start"
	ActionPage        Action = "page"
	ActionAcknowledge Action = "acknowledge"
	ActionEscalate    Action = "escalate"
	ActionExhaust     Action = "exhaust"
	ActionGiveUp      Action = "give_up"
	ActionClose       Action = "close"
	ActionCancel      Action = "cancel"
)

// Lifecycle is the table of states and actions of escalations.
type Lifecycle = itsm.Lifecycle[State, Action, *Escalation]

type rule = itsm.Rule[State, Action, *Escalation]

var standard = sync.OnceValue(func() *Lifecycle {
	ended := []State{StateExhausted, StateUnreachable}
	unfinished := []State{StateEscalating, StateAcknowledged, StateExhausted, StateUnreachable}
	escalating := []State{StateEscalating}
	l, err := itsm.NewLifecycle(KindEscalation, escalating,
		[]itsm.State[State]{
			{Name: StateEscalating, Category: itsm.CategoryNew},
			{Name: StateAcknowledged, Category: itsm.CategoryActive},
			{Name: StateExhausted, Category: itsm.CategoryResolved},
			{Name: StateUnreachable, Category: itsm.CategoryResolved},
			{Name: StateClosed, Category: itsm.CategoryClosed},
			{Name: StateCancelled, Category: itsm.CategoryCancelled},
		},
		rule{From: escalating, On: ActionPage, Stay: true, System: true, Permission: PermissionPage},
		rule{From: append(ended[:2:2], StateEscalating), On: ActionAcknowledge, To: StateAcknowledged, Permission: PermissionAcknowledge},
		rule{From: unfinished, On: ActionEscalate, To: StateEscalating, Permission: PermissionAcknowledge},
		rule{From: escalating, On: ActionExhaust, To: StateExhausted, System: true, Permission: PermissionPage},
		rule{From: escalating, On: ActionGiveUp, To: StateUnreachable, System: true, Permission: PermissionPage},
		rule{From: append(ended[:2:2], StateAcknowledged), On: ActionClose, To: StateClosed, System: true, Permission: PermissionPage},
		rule{From: unfinished, On: ActionCancel, To: StateCancelled, Permission: PermissionPage},
	)
	if err != nil {
		panic(err) // the table above is wrong
	}
	return l
})

// StandardLifecycle is the lifecycle of escalations.
func StandardLifecycle() *Lifecycle { return standard() }

// Escalation is one run through a policy's ladder about one record.
type Escalation struct {
	EscalationHead
	EscalationBody
}

// EscalationHead is what escalations are listed by.
type EscalationHead struct {
	storage.Meta
	// SubjectKind and SubjectID name the record it is about.
	SubjectKind string  `json:"subject_kind"`
	SubjectID   itsm.ID `json:"subject_id"`
	// PolicyID is the policy, and PolicyVersion the version of it that it keeps to.
	PolicyID      itsm.ID `json:"policy"`
	PolicyVersion int64   `json:"policy_version"`
	State         State   `json:"state"`
	// Open says that it is escalating or acknowledged.
	Open bool `json:"open"`
	// Round and Step are the place of the last page, 0 before the first; Turn counts the pages.
	Round int `json:"round"`
	Step  int `json:"step"`
	Turn  int `json:"turn"`
	// Started is when it began, and Due when its next step is taken or it ends; zero for never.
	Started time.Time `json:"started"`
	Due     time.Time `json:"due,omitzero"`
	// AcknowledgedBy took it, at AcknowledgedAt. It is empty again when it is escalated further.
	AcknowledgedBy itsm.ID   `json:"acknowledged_by,omitempty"`
	AcknowledgedAt time.Time `json:"acknowledged_at,omitzero"`
}

// EscalationBody is the rest of an escalation.
type EscalationBody struct {
	Summary string `json:"summary"`
	// StartedBy is who started it.
	StartedBy itsm.ID `json:"started_by"`
	// Ladder is that of the policy in the version that it keeps to.
	Ladder Ladder `json:"ladder"`
	// Told is everyone who was told so far.
	Told Told `json:"told,omitzero"`
	// Next is the step to be taken at Due, the zero Place where the escalation ends then.
	Next Place `json:"next,omitzero"`
	// Reached says that somebody was told since it began, or began again.
	Reached bool `json:"reached,omitempty"`
}

// Subject names the record that it is about.
func (h *EscalationHead) Subject() itsm.Ref { return itsm.Ref{Kind: h.SubjectKind, ID: h.SubjectID} }

// The columns of escalations.
var (
	EscalationBySubjectKind    = storage.Col("subject_kind", func(h *EscalationHead) *string { return &h.SubjectKind })
	EscalationBySubjectID      = storage.Col("subject_id", func(h *EscalationHead) *itsm.ID { return &h.SubjectID })
	EscalationByPolicy         = storage.Col("policy", func(h *EscalationHead) *itsm.ID { return &h.PolicyID })
	EscalationByPolicyVersion  = storage.Col("policy_version", func(h *EscalationHead) *int64 { return &h.PolicyVersion })
	EscalationByState          = storage.Col("state", func(h *EscalationHead) *State { return &h.State })
	EscalationByOpen           = storage.BoolCol("open", func(h *EscalationHead) *bool { return &h.Open })
	EscalationByRound          = storage.Col("round", func(h *EscalationHead) *int { return &h.Round })
	EscalationByStep           = storage.Col("step", func(h *EscalationHead) *int { return &h.Step })
	EscalationByTurn           = storage.Col("turn", func(h *EscalationHead) *int { return &h.Turn })
	EscalationByStarted        = storage.TimeCol("started", func(h *EscalationHead) *time.Time { return &h.Started })
	EscalationByDue            = storage.NullTimeCol("due", func(h *EscalationHead) *time.Time { return &h.Due })
	EscalationByAcknowledgedBy = storage.Col("acknowledged_by", func(h *EscalationHead) *itsm.ID { return &h.AcknowledgedBy })
	EscalationByAcknowledgedAt = storage.NullTimeCol("acknowledged_at", func(h *EscalationHead) *time.Time { return &h.AcknowledgedAt })
)

// EscalationTable is the table of escalations.
var EscalationTable = storage.Define(KindEscalation, storage.Def[Escalation, EscalationHead, EscalationBody]{
	Parts: func(e *Escalation) (*EscalationHead, *EscalationBody) { return &e.EscalationHead, &e.EscalationBody },
	Columns: []storage.ColumnOf[EscalationHead]{
		EscalationBySubjectKind, EscalationBySubjectID, EscalationByPolicy, EscalationByPolicyVersion, EscalationByState,
		EscalationByOpen, EscalationByRound, EscalationByStep, EscalationByTurn, EscalationByStarted, EscalationByDue,
		EscalationByAcknowledgedBy, EscalationByAcknowledgedAt,
	},
	Indexes: []storage.Index{
		storage.IndexOn(EscalationBySubjectKind.Asc(), EscalationBySubjectID.Asc(), EscalationByStarted.Asc()),
		storage.IndexOn(EscalationByOpen.Asc(), EscalationByStarted.Asc()),
	},
})

// subject is what an authorizer is told of an escalation: those who were told are its members.
func (e *Escalation) subject() *itsm.Subject {
	return &itsm.Subject{Kind: KindEscalation, ID: e.ID, Members: e.Told.People, Groups: e.Told.Groups}
}

// tells says whether the actor was told of it, in person or as one of a group.
func (e *Escalation) tells(actor itsm.Actor) bool {
	return slices.Contains(e.Told.People, actor.ID) || slices.ContainsFunc(e.Told.Groups, actor.InGroup)
}

// find reads an escalation that the actor may read: those who were told of it, and of those who may know
// of its subject anyone with [PermissionRead], and who started it. One that the actor may not read is not
// found.
func (p *Practice) find(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) (Escalation, error) {
	e, err := EscalationTable.Get(ctx, r, id)
	if err != nil || e.tells(actor) {
		return e, err
	}
	may := e.StartedBy == actor.ID
	if !may {
		may, err = p.allows(ctx, actor, PermissionRead, domain(KindEscalation, id))
	}
	if err == nil && may {
		may, err = p.mayRead(ctx, r, actor, e.Subject())
	}
	if err != nil {
		return Escalation{}, err
	}
	if !may {
		return Escalation{}, notFound(KindEscalation, id)
	}
	return e, nil
}

// Escalation gives an escalation. Those who were told of it, and who started it, may read it without
// [PermissionRead]; for others without it, it is ErrNotFound. So it is for who may not know of its subject
// ([Options].MayRead) and was not told.
func (p *Practice) Escalation(ctx context.Context, actor itsm.Actor, id itsm.ID) (e Escalation, err error) {
	err = p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		e, err = p.find(ctx, r, actor, id)
		return err
	})
	return e, err
}

// Escalations gives a page of escalations; without an order by when they started. It asks for
// [PermissionRead]. With [Options].MayRead those about records of which the actor may not know are left
// out, so that a page may have fewer items than its limit, or none, though others follow: Next tells.
func (p *Practice) Escalations(ctx context.Context, actor itsm.Actor, q storage.Query[EscalationHead]) (page storage.Page[EscalationHead], err error) {
	if len(q.Order) == 0 {
		q.Order = []storage.Order{EscalationByStarted.Asc()}
	}
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if page, err = EscalationTable.List(ctx, r, q); err != nil || p.o.MayRead == nil {
			return err
		}
		var subjects []itsm.Ref
		asked := map[itsm.Ref]bool{}
		for _, e := range page.Items {
			if subject := e.Subject(); !asked[subject] {
				asked[subject], subjects = true, append(subjects, subject)
			}
		}
		may, err := p.mayReadEach(ctx, r, actor, subjects)
		page.Items = slices.DeleteFunc(page.Items, func(e EscalationHead) bool { return !may[e.Subject()] })
		return err
	})
	if err != nil {
		return storage.Page[EscalationHead]{}, err
	}
	return page, nil
}

func isNotFound(err error) bool { return errors.Is(err, itsm.ErrNotFound) }
