// This file holds the reading of known errors, and what of them is for whom.

package problem

import (
	"context"
	"iter"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// findKnownError reads a known error that the actor may read, whole or as far as it is for everyone. Any other is
// not found.
func (p *Practice) findKnownError(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) (KnownError, error) {
	k, err := KnownErrorTable.Get(ctx, r, id)
	if err != nil {
		return KnownError{}, err
	}
	may, err := p.permits(ctx, actor, PermissionReadKnownErrorInternal, k.Subject())
	if err != nil || may {
		return k, err
	}
	if k.forEveryone() {
		if may, err = p.permits(ctx, actor, PermissionReadKnownError, k.Subject()); err != nil || may {
			return k, err
		}
	}
	return KnownError{}, notFound(KindKnownError, id)
}

// forEveryone says whether those may read a known error who may not read what is internal.
func (k *KnownErrorHead) forEveryone() bool {
	return k.State == PublicationPublished && k.Audience == AudienceEveryone && !k.Restricted
}

// knownErrorFor is a known error as the actor may see it.
func (p *Practice) knownErrorFor(ctx context.Context, r storage.Reader, actor itsm.Actor, k KnownError) (KnownError, error) {
	whole, err := p.permits(ctx, actor, PermissionReadKnownErrorInternal, k.Subject())
	if err != nil {
		return KnownError{}, err
	}
	if !whole {
		k.hide()
		k.Cause, k.CIs, k.Reference = "", nil, ""
		return k, nil
	}
	if k.Problem != "" {
		may, err := p.mayKnow(ctx, r, actor, true, itsm.Ref{Kind: Kind, ID: k.Problem})
		if err != nil {
			return KnownError{}, err
		}
		if !may {
			k.Problem = ""
		}
	}
	var known []itsm.ID
	for _, id := range k.CIs {
		may, err := p.mayKnow(ctx, r, actor, true, itemRef(id))
		if err != nil {
			return KnownError{}, err
		}
		if may {
			known = append(known, id)
		}
	}
	k.CIs = known
	return k, nil
}

// hide takes out of a head what is internal.
func (k *KnownErrorHead) hide() {
	k.Problem, k.Group, k.Assignee, k.RiskAccepted = "", "", "", false
}

// hiddenKnownErrorColumns are those that are internal.
var hiddenKnownErrorColumns = []string{
	KnownErrorByProblem.Spec().Name, KnownErrorByGroup.Spec().Name, KnownErrorByAssignee.Spec().Name, KnownErrorByRiskAccepted.Spec().Name,
}

// KnownErrorQuery asks for a list of known errors. What it gives is always narrowed to what the actor may
// read.
type KnownErrorQuery struct {
	// Where narrows the list further; the zero Filter does not. Who may not read what is internal may not ask by who
	// has a known error, by its problem, or whether its risk is accepted: that is ErrForbidden.
	Where storage.Filter[KnownErrorHead]
	// Order is by columns that are never absent; none is by what changed last, the latest first.
	Order []storage.Order
	// Limit is the number of items of a page: 50 when 0, at most storage.MaxPage.
	Limit int
	// After is the Next of the page before.
	After storage.Cursor
}

// GetKnownError gives a known error as the actor may see it. One that the actor may not
// read is ErrNotFound.
func (p *Practice) GetKnownError(ctx context.Context, actor itsm.Actor, id itsm.ID) (KnownError, error) {
	var out KnownError
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		k, err := p.findKnownError(ctx, r, actor, id)
		if err != nil {
			return err
		}
		out, err = p.knownErrorFor(ctx, r, actor, k)
		return err
	})
	return out, err
}

// KnownErrors gives a page of known errors that the actor may read. Who may read none gets
// ErrForbidden.
func (p *Practice) KnownErrors(ctx context.Context, actor itsm.Actor, q KnownErrorQuery) (storage.Page[KnownErrorHead], error) {
	var page storage.Page[KnownErrorHead]
	err := p.viewKnownErrors(ctx, actor, q, func(ctx context.Context, r storage.Reader, where storage.Filter[KnownErrorHead], whole bool) error {
		order := q.Order
		if len(order) == 0 {
			order = []storage.Order{KnownErrorByChanged.Desc()}
		}
		var err error
		page, err = KnownErrorTable.List(ctx, r, storage.Query[KnownErrorHead]{Where: where, Order: order, Limit: q.Limit, After: q.After})
		for n := range page.Items {
			if !whole {
				page.Items[n].hide()
			}
		}
		return err
	})
	return page, err
}

// AllKnownErrors walks a list page by page, of Limit items each. An error is the last thing it yields.
func (p *Practice) AllKnownErrors(ctx context.Context, actor itsm.Actor, q KnownErrorQuery) iter.Seq2[KnownErrorHead, error] {
	return storage.Pages(storage.Query[KnownErrorHead]{Limit: q.Limit, After: q.After}, func(page storage.Query[KnownErrorHead]) (storage.Page[KnownErrorHead], error) {
		q.After = page.After
		return p.KnownErrors(ctx, actor, q)
	})
}

// CountKnownErrors counts the known errors that the actor may read.
func (p *Practice) CountKnownErrors(ctx context.Context, actor itsm.Actor, q KnownErrorQuery) (n int64, err error) {
	err = p.viewKnownErrors(ctx, actor, q, func(ctx context.Context, r storage.Reader, where storage.Filter[KnownErrorHead], _ bool) error {
		n, err = KnownErrorTable.Count(ctx, r, where)
		return err
	})
	return n, err
}

// KnownErrorHistory gives the events of a known error, oldest first. It takes "known_error.read_internal" on it: who
// may only read what is for everyone gets ErrForbidden. What it names and the actor may not know of is left out.
func (p *Practice) KnownErrorHistory(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.Event, error) {
	var out []itsm.Event
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		out = nil
		k, err := p.findKnownError(ctx, r, actor, id)
		if err != nil {
			return err
		}
		if err := p.e.Authorizer().Authorize(ctx, actor, PermissionReadKnownErrorInternal, k.Subject()); err != nil {
			return err
		}
		shown, err := p.knownErrorFor(ctx, r, actor, k)
		if err != nil {
			return err
		}
		return p.history(ctx, r, k.Ref(), func(e *itsm.Event) error {
			if k.Problem != shown.Problem { // which the actor may not read
				switch e.Data.(type) {
				case KnownErrorDrafted:
					e.Data = KnownErrorDrafted{Number: k.Number}
				case KnownErrorFollowed:
					e.Data = KnownErrorFollowed{}
				case KnownErrorWithdrawn:
					e.Data = KnownErrorWithdrawn{}
				case KnownErrorRetired:
					e.Data = KnownErrorRetired{}
				case KnownErrorRestored:
					e.Data = KnownErrorRestored{}
				}
			}
			e.Changes = slices.DeleteFunc(e.Changes, func(c itsm.Change) bool {
				return c.Field == "problem" && k.Problem != shown.Problem || c.Field == "cis" && len(k.CIs) != len(shown.CIs)
			})
			out = append(out, *e)
			return nil
		})
	})
	return out, err
}

// viewKnownErrors runs fn, which reads a page or counts once, with the filter of what the actor may
// read. whole says that it may read all that the filter finds.
func (p *Practice) viewKnownErrors(ctx context.Context, actor itsm.Actor, q KnownErrorQuery, fn func(context.Context, storage.Reader, storage.Filter[KnownErrorHead], bool) error) error {
	if err := actor.Validate(); err != nil {
		return err
	}
	return p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, r storage.Reader) error {
		may, err := p.knownErrorScope(ctx, actor)
		whole := err == nil
		if isForbidden(err) {
			asked := p.namesHiddenColumns(q.Where.Condition())
			for _, o := range q.Order {
				asked = asked || slices.Contains(hiddenKnownErrorColumns, o.Column)
			}
			if asked {
				return err
			}
			scopes, refused := p.scopes(ctx, actor, PermissionReadKnownError)
			if refused != nil {
				return refused
			}
			if !slices.Contains(scopes, itsm.ScopeAll) {
				return err
			}
			may, err = everyones, nil
		}
		if err != nil {
			return err
		}
		return fn(ctx, r, storage.AllOf(may, q.Where), whole)
	})
}

// everyones are the known errors for those who may not read what is internal.
var everyones = storage.AllOf(KnownErrorByState.Is(PublicationPublished), KnownErrorByAudience.Is(AudienceEveryone), KnownErrorByRestricted.Is(false))

// knownErrorScope is the filter of the known errors that the actor may read whole.
func (p *Practice) knownErrorScope(ctx context.Context, actor itsm.Actor) (storage.Filter[KnownErrorHead], error) {
	scopes, err := p.scopes(ctx, actor, PermissionReadKnownErrorInternal)
	if err != nil || slices.Contains(scopes, itsm.ScopeRestricted) {
		return storage.Filter[KnownErrorHead]{}, err // whose zero value holds everywhere
	}
	var any []storage.Filter[KnownErrorHead]
	for _, s := range scopes {
		switch s {
		case itsm.ScopeAll:
			any = append(any, KnownErrorByRestricted.Is(false))
		case itsm.ScopeGroup:
			if groups := actor.InGroups(); len(groups) > 0 {
				any = append(any, KnownErrorByGroup.In(groups...))
			}
		case itsm.ScopeAssignee:
			any = append(any, KnownErrorByAssignee.Is(actor.ID))
		}
	}
	return storage.AnyOf(any...), nil
}

func (p *Practice) namesHiddenColumns(c storage.Condition) bool {
	return slices.Contains(hiddenKnownErrorColumns, c.Column) || slices.ContainsFunc(c.Of, p.namesHiddenColumns)
}
