// This file holds the commands on known errors.

package problem

import (
	"context"
	"reflect"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// The permissions of known errors.
const (
	// PermissionReadKnownError reads what is published for everyone, as far as it is meant for them.
	PermissionReadKnownError itsm.Permission = "known_error.read"
	// PermissionReadKnownErrorInternal reads known errors in every state, with their causes and problems.
	PermissionReadKnownErrorInternal itsm.Permission = "known_error.read_internal"
	PermissionDraftKnownError        itsm.Permission = "known_error.draft"
	PermissionEditKnownError         itsm.Permission = "known_error.edit"
	PermissionPublishKnownError      itsm.Permission = "known_error.publish"
	PermissionWithdrawKnownError     itsm.Permission = "known_error.withdraw"
	PermissionRetireKnownError       itsm.Permission = "known_error.retire"
	PermissionRestoreKnownError      itsm.Permission = "known_error.restore"
)

// KnownErrorDraft is a known error without a problem, such as a supplier tells of.
type KnownErrorDraft struct {
	itsm.Command
	// Title is required.
	Title    string   `json:"title"`
	Symptom  string   `json:"symptom,omitempty"`
	Cause    string   `json:"cause,omitempty"`
	Audience Audience `json:"audience,omitempty"` // empty is AudienceStaff
	Category string   `json:"category,omitempty"`
	Service  itsm.ID  `json:"service,omitempty"`
	Group    itsm.ID  `json:"group,omitempty"`
	Assignee itsm.ID  `json:"assignee,omitempty"`
	// CIs are the configuration items that have it.
	CIs          []itsm.ID `json:"cis,omitempty"`
	Workaround   string    `json:"workaround,omitempty"`
	NoWorkaround bool      `json:"no_workaround,omitempty"`
	Fix          FixState  `json:"fix,omitempty"`
	Reference    string    `json:"reference,omitempty"`
}

// DraftKnownError records a known error that has no problem here.
func (p *Practice) DraftKnownError(ctx context.Context, actor itsm.Actor, r KnownErrorDraft) (KnownError, error) {
	call := engine.Call{Name: KindKnownError + ".draft", Actor: actor, Command: r.Command, Request: r}
	return p.executeKnownError(ctx, call, func(ctx context.Context, u *engine.Unit) (KnownError, error) {
		if err := u.Authorize(ctx, PermissionDraftKnownError, nil); err != nil {
			return KnownError{}, err
		}
		w := &errorWork{p: p, u: u, KnownErrorCase: KnownErrorCase{KnownError: KnownError{
			KnownErrorHead: KnownErrorHead{
				Title: r.Title, State: PublicationDraft, Audience: orElse(r.Audience, AudienceStaff), Category: r.Category,
				Service: r.Service, Group: r.Group, Assignee: r.Assignee, Fix: r.Fix,
			},
			KnownErrorBody: KnownErrorBody{
				Symptom: r.Symptom, Cause: r.Cause, CIs: unique(r.CIs), Workaround: r.Workaround, NoWorkaround: r.NoWorkaround, Reference: r.Reference,
			},
		}}}
		w.faults.Merge("", call.Validate())
		if err := w.checkAll(ctx); err != nil {
			return KnownError{}, err
		}
		if err := u.Authorize(ctx, PermissionDraftKnownError, w.Subject()); err != nil {
			return KnownError{}, err
		}
		return w.KnownError, p.createKnownError(ctx, u, &w.KnownError)
	})
}

// KnownErrorEdit changes what a known error says. A nil field stays as it is. What follows from its problem
// cannot be given: group, assignee, cause, workaround and fix are changed there.
type KnownErrorEdit struct {
	itsm.Command
	Title        *string    `json:"title,omitempty"`
	Symptom      *string    `json:"symptom,omitempty"`
	Cause        *string    `json:"cause,omitempty"`
	Audience     *Audience  `json:"audience,omitempty"`
	Category     *string    `json:"category,omitempty"`
	Service      *itsm.ID   `json:"service,omitempty"`
	Group        *itsm.ID   `json:"group,omitempty"`
	Assignee     *itsm.ID   `json:"assignee,omitempty"`
	CIs          *[]itsm.ID `json:"cis,omitempty"`
	Workaround   *string    `json:"workaround,omitempty"`
	NoWorkaround *bool      `json:"no_workaround,omitempty"`
	Fix          *FixState  `json:"fix,omitempty"`
	Reference    *string    `json:"reference,omitempty"`
}

func set[T any](field *T, given *T) {
	if given != nil {
		*field = *given
	}
}

// EditKnownError changes what a known error says, in any state. What is published must still have a symptom,
// and a workaround or that there is none. To give another audience takes "known_error.publish" too, where
// it is published. Where nothing is another than before, nothing happens.
func (p *Practice) EditKnownError(ctx context.Context, actor itsm.Actor, id itsm.ID, r KnownErrorEdit) (KnownError, error) {
	return p.knownErrorCommand(ctx, actor, id, ActionEditKnownError, r.Command, r, func(ctx context.Context, w *errorWork) error {
		if w.Problem != "" {
			for _, f := range []struct {
				name  string
				given bool
			}{{"cause", r.Cause != nil}, {"group", r.Group != nil}, {"assignee", r.Assignee != nil}, {"workaround", r.Workaround != nil}, {"fix", r.Fix != nil}} {
				if f.given {
					w.faults.Add(f.name, "follows from its problem; change it there")
				}
			}
		}
		set(&w.Title, r.Title)
		set(&w.Symptom, r.Symptom)
		set(&w.Cause, r.Cause)
		set(&w.Audience, r.Audience)
		set(&w.Category, r.Category)
		set(&w.Service, r.Service)
		set(&w.Group, r.Group)
		set(&w.Assignee, r.Assignee)
		set(&w.Workaround, r.Workaround)
		set(&w.NoWorkaround, r.NoWorkaround)
		set(&w.Fix, r.Fix)
		set(&w.Reference, r.Reference)
		if r.CIs != nil {
			w.CIs = unique(*r.CIs)
		}
		if w.State == PublicationPublished {
			if blank(w.Symptom) {
				w.faults.Add("symptom", "is required of what is published")
			}
			if blank(w.Workaround) && !w.NoWorkaround {
				w.faults.Add("workaround or no_workaround", "is required of what is published")
			}
			if w.Audience != w.was.Audience {
				if err := w.u.Authorize(ctx, PermissionPublishKnownError, w.was.Subject()); err != nil {
					return err
				}
			}
		}
		if err := w.checkAll(ctx); err != nil {
			return err
		}
		if reflect.DeepEqual(w.KnownError, w.was) {
			return nil
		}
		w.tell(ActionEditKnownError, KnownErrorEdited{})
		return nil
	})
}

// PublishKnownError publishes a draft: it is suggested for incidents from then on. It must have a symptom,
// and a workaround or that there is none.
func (p *Practice) PublishKnownError(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (KnownError, error) {
	return p.knownErrorCommand(ctx, actor, id, ActionPublishKnownError, r, r, func(ctx context.Context, w *errorWork) error {
		return w.fire(ctx, ActionPublishKnownError, KnownErrorPublished{Audience: w.Audience})
	})
}

// WithdrawKnownError makes a draft of what is published. The reason is required.
func (p *Practice) WithdrawKnownError(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (KnownError, error) {
	return p.knownErrorCommand(ctx, actor, id, ActionWithdrawKnownError, r, r, func(ctx context.Context, w *errorWork) error {
		return w.fire(ctx, ActionWithdrawKnownError, KnownErrorWithdrawn{})
	})
}

// RetireKnownError ends a known error that describes nothing any more. The reason is required, and its
// problem, if it has one, must be at its end.
func (p *Practice) RetireKnownError(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (KnownError, error) {
	return p.knownErrorCommand(ctx, actor, id, ActionRetireKnownError, r, r, func(ctx context.Context, w *errorWork) error {
		return w.fire(ctx, ActionRetireKnownError, KnownErrorRetired{})
	})
}

// RestoreKnownError makes a draft of what was retired. The reason is required.
func (p *Practice) RestoreKnownError(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (KnownError, error) {
	return p.knownErrorCommand(ctx, actor, id, ActionRestoreKnownError, r, r, func(ctx context.Context, w *errorWork) error {
		return w.fire(ctx, ActionRestoreKnownError, KnownErrorRestored{})
	})
}

// errorWork is one command under way on one known error.
type errorWork struct {
	KnownErrorCase
	p      *Practice
	u      *engine.Unit
	was    KnownError
	faults itsm.Faults
	events []itsm.Event
}

func (p *Practice) executeKnownError(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit) (KnownError, error)) (KnownError, error) {
	return engine.Execute(ctx, p.e, KnownErrorTable, c, fn, func(ctx context.Context, u *engine.Unit, k KnownError, again bool) (KnownError, error) {
		if again {
			var err error
			if k, err = p.findKnownError(ctx, u, c.Actor, k.ID); err != nil {
				return KnownError{}, err
			}
		}
		return p.knownErrorFor(ctx, u, c.Actor, k)
	})
}

func (p *Practice) knownErrorCommand(ctx context.Context, actor itsm.Actor, id itsm.ID, a PublicationAction, cmd itsm.Command, request any, fn func(context.Context, *errorWork) error) (KnownError, error) {
	call := engine.Call{Name: KindKnownError + "." + string(a), Actor: actor, Command: cmd, Target: id, Request: request}
	return p.executeKnownError(ctx, call, func(ctx context.Context, u *engine.Unit) (KnownError, error) {
		k, err := p.findKnownError(ctx, u, actor, id)
		if err != nil {
			return KnownError{}, err
		}
		if err := u.Authorize(ctx, itsm.Permission(KindKnownError+"."+string(a)), k.Subject()); err != nil {
			return KnownError{}, err
		}
		// Who may change one and not read what is internal may not learn that by changing it.
		if err := u.Authorize(ctx, PermissionReadKnownErrorInternal, k.Subject()); err != nil {
			return KnownError{}, err
		}
		w := &errorWork{p: p, u: u, was: k, KnownErrorCase: KnownErrorCase{KnownError: k, Reason: cmd.Reason}}
		w.CIs = slices.Clone(k.CIs)
		w.faults.Merge("", call.Validate())
		if err := fn(ctx, w); err != nil {
			return KnownError{}, err
		}
		if len(w.events) == 0 {
			return w.KnownError, nil
		}
		return w.KnownError, p.putKnownError(ctx, u, &w.was, &w.KnownError, w.events)
	})
}

func (w *errorWork) tell(a PublicationAction, payload itsm.Payload) {
	w.events = append(w.events, knownErrorEvent(&w.was, &w.KnownError, a, payload))
}

// fire takes an action of the lifecycle.
func (w *errorWork) fire(ctx context.Context, a PublicationAction, payload itsm.Payload) error {
	if w.Problem != "" {
		of, err := w.p.table.Get(ctx, w.u, w.Problem)
		switch {
		case isNotFound(err):
		case err != nil:
			return err
		default:
			c, _ := w.p.o.Lifecycle.Category(of.State)
			w.ProblemOpen = !c.Final()
		}
	}
	to, err := publication().Fire(ctx, w.State, a, itsm.Attempt[*KnownErrorCase]{
		Subject: &w.KnownErrorCase, ID: w.ID, Actor: w.u.Actor(), Now: w.u.Now(), Faults: &w.faults,
	})
	if err != nil {
		return err
	}
	w.State = to
	w.tell(a, payload)
	return nil
}

// checkAll checks what people enter.
func (w *errorWork) checkAll(ctx context.Context) error {
	f := &w.faults
	f.Text("title", w.Title, MaxTitle, true)
	f.Text("symptom", w.Symptom, MaxLong, false)
	f.Text("cause", w.Cause, MaxCauses*(MaxCauseText+1), false)
	f.Text("workaround", w.Workaround, MaxLong, false)
	f.Text("reference", w.Reference, MaxCauseText, false)
	if w.Category != w.was.Category {
		f.Text("category", w.Category, storage.MaxText, false)
		if all := w.p.o.Categories; all != nil && w.Category != "" && !slices.Contains(all, w.Category) {
			f.Addf("category", "must be one of: %s", list(all))
		}
	}
	for _, k := range []struct {
		name string
		id   itsm.ID
	}{{"service", w.Service}, {"group", w.Group}, {"assignee", w.Assignee}} {
		if k.id != "" {
			f.Key(k.name, string(k.id))
		}
	}
	if !slices.Contains([]Audience{AudienceStaff, AudienceEveryone}, w.Audience) {
		f.Addf("audience", "must be %s or %s", AudienceStaff, AudienceEveryone)
	}
	if !slices.Contains([]FixState{FixNone, FixIsPlanned, FixIsDone}, w.Fix) {
		f.Addf("fix", "must be empty, %s or %s", FixIsPlanned, FixIsDone)
	}
	if w.NoWorkaround && !blank(w.Workaround) {
		f.Add("no_workaround", "is not so: there is a workaround")
	}
	if n := len(w.CIs); n > MaxKnownErrorCIs {
		f.Addf("cis", "are %d; at most %d are allowed", n, MaxKnownErrorCIs)
	} else {
		for i, id := range w.CIs {
			if slices.Contains(w.was.CIs, id) {
				continue
			}
			before := len(f.List())
			f.Key(at("cis", i), string(id))
			if len(f.List()) > before || w.p.o.MayRead == nil {
				continue
			}
			may, err := w.p.mayKnow(ctx, w.u, w.u.Actor(), true, itemRef(id))
			if err != nil {
				return err
			}
			if !may {
				f.Add(at("cis", i), "is not found")
			}
		}
	}
	if len(w.CIs) == 0 {
		w.CIs = nil
	}
	w.HasWorkaround = !blank(w.Workaround)
	return f.Err(KindKnownError)
}
