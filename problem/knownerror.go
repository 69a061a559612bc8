// This file holds known errors: what the records are, their lifecycle, and what follows from the problem.

package problem

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// KindKnownError is the kind of record that a known error is.
const KindKnownError = "known_error"

// KnownError describes for others a problem that has been analysed and is not resolved (ITIL 4), or what a
// supplier's bulletin tells: by what it is recognised, and how to live with it.
type KnownError struct {
	KnownErrorHead
	KnownErrorBody
}

// PublicationState is how far a known error is published.
type PublicationState string

// The states. There are no others.
const (
	PublicationDraft     PublicationState = "draft"
	PublicationPublished PublicationState = "published"
	PublicationRetired   PublicationState = "retired"
)

// Audience is for whom a published known error is.
type Audience string

// The audiences.
const (
	// AudienceStaff are those with "known_error.read_internal".
	AudienceStaff Audience = "staff"
	// AudienceEveryone are those with "known_error.read" too, as requesters have it. They are shown
	// what is meant for them, and neither its cause nor its problem.
	AudienceEveryone Audience = "everyone"
)

// FixState says how far a known error is fixed.
type FixState string

// The states; FixNone has no fix yet.
const (
	FixNone      FixState = ""
	FixIsPlanned FixState = "planned"
	FixIsDone    FixState = "fixed"
)

// KnownErrorHead is what lists show, filter and sort by.
type KnownErrorHead struct {
	storage.Meta
	// Number is for people: KE0000001.
	Number string           `json:"number"`
	Title  string           `json:"title"`
	State  PublicationState `json:"state"`
	// Audience is for whom it is when it is published.
	Audience Audience `json:"audience"`
	// Problem is the problem that it describes; empty stands by itself.
	Problem  itsm.ID `json:"problem,omitempty"`
	Category string  `json:"category,omitempty"`
	Service  itsm.ID `json:"service,omitempty"`
	// Group and Assignee answer for it. Where it has a problem, these, and all below, follow from that.
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
	// Restricted known errors are for those alone who have them, and who may see restricted ones.
	Restricted bool `json:"restricted"`
	// HasWorkaround says that there is one, Fix how far it is fixed, and RiskAccepted that it stays.
	HasWorkaround bool     `json:"has_workaround"`
	Fix           FixState `json:"fix,omitempty"`
	RiskAccepted  bool     `json:"risk_accepted"`
	// Changed is when what it says last changed: the order of lists that name none.
	Changed time.Time `json:"changed"`
	// PublishedAt is since when it is published; absent where it is not.
	PublishedAt time.Time `json:"published_at,omitzero"`
}

// KnownErrorBody is the rest.
type KnownErrorBody struct {
	// Symptom is what people see of it.
	Symptom string `json:"symptom,omitempty"`
	// Cause is why it is so.
	Cause string `json:"cause,omitempty"`
	// CIs are the configuration items that have it: at most [MaxKnownErrorCIs].
	CIs []itsm.ID `json:"cis,omitempty"`
	// Workaround is how to live with it; NoWorkaround says that there is no way.
	Workaround   string `json:"workaround,omitempty"`
	NoWorkaround bool   `json:"no_workaround,omitempty"`
	// Reference is where more is said, such as the address of a supplier's bulletin.
	Reference string `json:"reference,omitempty"`
}

// MaxKnownErrorCIs is the greatest number of configuration items of a known error.
const MaxKnownErrorCIs = 50

// The columns of the table of known errors.
var (
	KnownErrorByNumber        = storage.Col("number", func(h *KnownErrorHead) *string { return &h.Number })
	KnownErrorByTitle         = storage.Col("title", func(h *KnownErrorHead) *string { return &h.Title })
	KnownErrorByState         = storage.Col("state", func(h *KnownErrorHead) *PublicationState { return &h.State })
	KnownErrorByAudience      = storage.Col("audience", func(h *KnownErrorHead) *Audience { return &h.Audience })
	KnownErrorByProblem       = storage.Col("problem", func(h *KnownErrorHead) *itsm.ID { return &h.Problem })
	KnownErrorByCategory      = storage.Col("category", func(h *KnownErrorHead) *string { return &h.Category })
	KnownErrorByService       = storage.Col("service", func(h *KnownErrorHead) *itsm.ID { return &h.Service })
	KnownErrorByGroup         = storage.Col("group", func(h *KnownErrorHead) *itsm.ID { return &h.Group })
	KnownErrorByAssignee      = storage.Col("assignee", func(h *KnownErrorHead) *itsm.ID { return &h.Assignee })
	KnownErrorByRestricted    = storage.BoolCol("restricted", func(h *KnownErrorHead) *bool { return &h.Restricted })
	KnownErrorByHasWorkaround = storage.BoolCol("has_workaround", func(h *KnownErrorHead) *bool { return &h.HasWorkaround })
	KnownErrorByFix           = storage.Col("fix", func(h *KnownErrorHead) *FixState { return &h.Fix })
	KnownErrorByRiskAccepted  = storage.BoolCol("risk_accepted", func(h *KnownErrorHead) *bool { return &h.RiskAccepted })
	KnownErrorByChanged       = storage.TimeCol("changed", func(h *KnownErrorHead) *time.Time { return &h.Changed })
	KnownErrorByPublished     = storage.NullTimeCol("published_at", func(h *KnownErrorHead) *time.Time { return &h.PublishedAt })
)

// KnownErrorTable is the table of known errors.
var KnownErrorTable = storage.Define(KindKnownError, storage.Def[KnownError, KnownErrorHead, KnownErrorBody]{
	Parts: func(k *KnownError) (*KnownErrorHead, *KnownErrorBody) { return &k.KnownErrorHead, &k.KnownErrorBody },
	Columns: []storage.ColumnOf[KnownErrorHead]{
		KnownErrorByNumber, KnownErrorByTitle, KnownErrorByState, KnownErrorByAudience, KnownErrorByProblem, KnownErrorByCategory,
		KnownErrorByService, KnownErrorByGroup, KnownErrorByAssignee, KnownErrorByRestricted, KnownErrorByHasWorkaround,
		KnownErrorByFix, KnownErrorByRiskAccepted, KnownErrorByChanged, KnownErrorByPublished,
	},
	Indexes: []storage.Index{
		storage.IndexOn(KnownErrorByState.Asc(), KnownErrorByChanged.Asc()),
		storage.IndexOn(KnownErrorByChanged.Asc()),
		storage.IndexOn(KnownErrorByProblem.Asc()),
		storage.UniqueOn(KnownErrorByNumber.Asc()),
	},
})

// Ref names the known error for links.
func (k *KnownErrorHead) Ref() itsm.Ref { return itsm.Ref{Kind: KindKnownError, ID: k.ID} }

// Subject is what an authorizer needs to know of a known error.
func (k *KnownError) Subject() *itsm.Subject {
	s := &itsm.Subject{Kind: KindKnownError, ID: k.ID, Assignee: k.Assignee, Restricted: k.Restricted}
	if k.Group != "" {
		s.Groups = []itsm.ID{k.Group}
	}
	return s
}

// PublicationAction is what can be done with a known error.
type PublicationAction string

// The actions. ActionDraftKnownError and ActionEditKnownError move nothing.
const (
	ActionDraftKnownError    PublicationAction = "draft"
	ActionEditKnownError     PublicationAction = "edit"
	ActionPublishKnownError  PublicationAction = "publish"
	ActionWithdrawKnownError PublicationAction = "withdraw"
	ActionRetireKnownError   PublicationAction = "retire"
	ActionRestoreKnownError  PublicationAction = "restore"
	// ActionFollowProblem is the system's: what follows from the problem changed.
	ActionFollowProblem PublicationAction = "follow"
)

// KnownErrorCase is what the needs and guards of publication look at.
type KnownErrorCase struct {
	KnownError
	// Reason is that of the command.
	Reason string
	// ProblemOpen says that the problem that it describes is open or resolved.
	ProblemOpen bool
}

// Publication is the table of states and rules of known errors.
type Publication = itsm.Lifecycle[PublicationState, PublicationAction, *KnownErrorCase]

type publicationRule = itsm.Rule[PublicationState, PublicationAction, *KnownErrorCase]

var publication = sync.OnceValue(func() *Publication {
	missing := func(name string, empty func(*KnownErrorCase) bool) itsm.Field[*KnownErrorCase] {
		return itsm.Field[*KnownErrorCase]{Name: name, Empty: empty}
	}
	reason := missing("reason", func(c *KnownErrorCase) bool { return blank(c.Reason) })
	l, err := itsm.NewLifecycle(KindKnownError, []PublicationState{PublicationDraft},
		[]itsm.State[PublicationState]{
			{Name: PublicationDraft, Category: itsm.CategoryNew},
			{Name: PublicationPublished, Category: itsm.CategoryActive},
			{Name: PublicationRetired, Category: itsm.CategoryClosed},
		},
		publicationRule{From: []PublicationState{PublicationDraft}, On: ActionPublishKnownError, To: PublicationPublished, Needs: []itsm.Field[*KnownErrorCase]{
			missing("symptom", func(c *KnownErrorCase) bool { return blank(c.Symptom) }),
			missing("workaround or no_workaround", func(c *KnownErrorCase) bool { return blank(c.Workaround) && !c.NoWorkaround }),
		}},
		publicationRule{From: []PublicationState{PublicationPublished}, On: ActionWithdrawKnownError, To: PublicationDraft, Needs: []itsm.Field[*KnownErrorCase]{reason}},
		publicationRule{From: []PublicationState{PublicationDraft, PublicationPublished}, On: ActionRetireKnownError, To: PublicationRetired,
			Needs: []itsm.Field[*KnownErrorCase]{reason}, Guard: func(a itsm.Attempt[*KnownErrorCase]) string {
				if a.Subject.ProblemOpen {
					return "its problem is not closed; withdraw it instead"
				}
				return ""
			}},
		publicationRule{From: []PublicationState{PublicationRetired}, On: ActionRestoreKnownError, To: PublicationDraft, Needs: []itsm.Field[*KnownErrorCase]{reason}},
	)
	if err != nil {
		panic(err) // the table above is wrong
	}
	return l
})

// StandardPublication is the lifecycle of known errors. It is immutable, and the same for everyone: drafts
// are published, withdrawn and retired, and nothing else is a state of publication.
func StandardPublication() *Publication { return publication() }

// IdentifyCause says what causes a problem: it is a known error then. The record that describes it for
// others is drafted, or, where it was before, brought up to date.
func (p *Practice) IdentifyCause(ctx context.Context, actor itsm.Actor, id itsm.ID, r IdentifiedCause) (Problem, error) {
	return p.command(ctx, actor, id, ActionIdentifyCause, r.Command, r, func(ctx context.Context, w *work) error {
		if err := w.setCauses(ctx, r.Causes); err != nil {
			return err
		}
		w.emptied()
		if r.Symptom != nil {
			w.Symptom = *r.Symptom
			w.faults.Text("symptom", w.Symptom, MaxLong, false)
		}
		if err := w.check(ctx, ActionIdentifyCause); err != nil {
			return err
		}
		drafts := w.KnownError == ""
		if drafts {
			w.KnownError = w.u.NewID()
			w.after = append(w.after, w.draft)
		}
		return w.move(CauseIdentified{Causes: len(w.Causes), KnownError: w.KnownError})
	})
}

// draft makes the known error that describes the work's problem.
func (w *work) draft(ctx context.Context) error {
	k := KnownError{
		KnownErrorHead: KnownErrorHead{
			Title: w.Title, State: PublicationDraft, Audience: AudienceStaff, Problem: w.ID, Category: w.Category, Service: w.Service,
		},
		KnownErrorBody: KnownErrorBody{Symptom: w.Symptom},
	}
	k.ID = w.KnownError
	for _, c := range w.Causes {
		if c.CI != "" && !slices.Contains(k.CIs, c.CI) {
			k.CIs = append(k.CIs, c.CI)
		}
	}
	w.derive(&k)
	if err := w.p.createKnownError(ctx, w.u, &k); err != nil {
		return err
	}
	_, err := w.u.AddLink(ctx, itsm.Link{Type: itsm.LinkDocumentedBy, From: w.Ref(), To: k.Ref()})
	return err
}

// derive sets what of a known error follows from its problem.
func (w *work) derive(k *KnownError) {
	k.Group, k.Assignee, k.Restricted = w.Group, w.Assignee, w.Restricted
	k.Workaround = ""
	if w.Workaround != nil {
		k.Workaround = w.Workaround.Text
	}
	k.HasWorkaround = !blank(k.Workaround)
	k.NoWorkaround = k.NoWorkaround && !k.HasWorkaround
	k.RiskAccepted = w.Code == CodeRiskAccepted
	switch {
	case w.Code == CodeFixed:
		k.Fix = FixIsDone
	case w.Fix != nil && !k.RiskAccepted:
		k.Fix = FixIsPlanned
	default:
		k.Fix = FixNone
	}
	var causes []string
	for _, c := range w.Causes {
		causes = append(causes, c.Text)
	}
	k.Cause = strings.Join(causes, "\n")
}

// follow brings the known error of the work's problem up to date. Where the problem was fixed and closed, or
// cancelled, it is retired; where causes are identified again, it is drafted again. One that is published for
// everyone is a draft again where its workaround changes and is not pushed to requesters, and where its problem
// is no longer restricted: what everyone reads is published by a person who looked at it.
func (w *work) follow(ctx context.Context) error {
	if w.KnownError == "" || w.KnownError != w.Was.KnownError {
		return nil // it is being drafted
	}
	was, err := KnownErrorTable.Get(ctx, w.u, w.KnownError)
	if err != nil {
		return ifThere(err)
	}
	now := was
	w.derive(&now)
	var told []itsm.Event
	category, before := w.category(w.State), w.category(w.Was.State)
	switch {
	case w.p.o.KeepKnownErrors || now.State == PublicationRetired:
	case category == before:
	case category == itsm.CategoryCancelled, category == itsm.CategoryClosed && w.Code == CodeFixed:
		now.State = PublicationRetired
		told = append(told, knownErrorEvent(&was, &now, ActionRetireKnownError, KnownErrorRetired{With: w.ID}))
	}
	if now.State == PublicationPublished && now.Audience == AudienceEveryone {
		// Whoever writes a workaround or opens a problem does not thereby publish to every requester.
		reworded := now.Workaround != was.Workaround && !w.pushed
		if reworded || was.Restricted && !now.Restricted {
			now.State = PublicationDraft
			told = append(told, knownErrorEvent(&was, &now, ActionWithdrawKnownError, KnownErrorWithdrawn{With: w.ID}))
		}
	}
	if now.State == PublicationRetired && was.State == PublicationRetired && w.action == ActionIdentifyCause {
		now.State = PublicationDraft
		told = append(told, knownErrorEvent(&was, &now, ActionRestoreKnownError, KnownErrorRestored{With: w.ID}))
	}
	if len(told) == 0 {
		if now.KnownErrorBody.equal(&was.KnownErrorBody) && now.sameHead(&was) {
			return nil
		}
		told = append(told, knownErrorEvent(&was, &now, ActionFollowProblem, KnownErrorFollowed{Problem: w.ID}))
	}
	return w.p.putKnownError(ctx, w.u, &was, &now, told)
}

func (b *KnownErrorBody) equal(o *KnownErrorBody) bool {
	return b.Symptom == o.Symptom && b.Cause == o.Cause && slices.Equal(b.CIs, o.CIs) && b.Workaround == o.Workaround &&
		b.NoWorkaround == o.NoWorkaround && b.Reference == o.Reference
}

// sameHead compares what can change of a head.
func (k *KnownError) sameHead(o *KnownError) bool {
	return k.Title == o.Title && k.State == o.State && k.Audience == o.Audience && k.Category == o.Category && k.Service == o.Service &&
		k.Group == o.Group && k.Assignee == o.Assignee && k.Restricted == o.Restricted && k.HasWorkaround == o.HasWorkaround &&
		k.Fix == o.Fix && k.RiskAccepted == o.RiskAccepted
}

func knownErrorEvent(was, now *KnownError, a PublicationAction, payload itsm.Payload) itsm.Event {
	e := itsm.Event{Kind: KindKnownError, Record: now.ID, Action: string(a), Data: payload, To: string(now.State)}
	e.ToCategory, _ = publication().Category(now.State)
	if was != nil {
		e.From = string(was.State)
		e.FromCategory, _ = publication().Category(was.State)
	}
	return e
}

// createKnownError makes a new known error, numbered.
func (p *Practice) createKnownError(ctx context.Context, u *engine.Unit, k *KnownError) (err error) {
	if k.Number, err = draw(ctx, u, KindKnownError, p.o.KnownErrorPrefix); err != nil {
		return err
	}
	if k.ID == "" {
		k.ID = u.NewID()
	}
	return p.putKnownError(ctx, u, nil, k, []itsm.Event{knownErrorEvent(nil, k, ActionDraftKnownError, KnownErrorDrafted{Number: k.Number, Problem: k.Problem})})
}

// putKnownError puts a known error with its events, and makes the index by which incidents are matched what
// it must be.
func (p *Practice) putKnownError(ctx context.Context, u *engine.Unit, was, now *KnownError, events []itsm.Event) error {
	now.Changed = u.Now()
	now.HasWorkaround = !blank(now.Workaround)
	if now.State != PublicationPublished {
		now.PublishedAt = time.Time{}
	} else if now.PublishedAt.IsZero() {
		now.PublishedAt = u.Now()
	}
	if err := KnownErrorTable.Put(ctx, u, now); err != nil {
		return err
	}
	if err := index(ctx, u, was, now); err != nil {
		return err
	}
	for _, e := range events {
		u.Emit(e)
	}
	return nil
}
