// This file holds proposals: problems that are proposed because incidents recur.

package problem

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// KindProposal is the kind of record that a proposal is.
const KindProposal = "problem_proposal"

// The permissions of proposals.
const (
	PermissionReadProposal    itsm.Permission = "problem_proposal.read"
	PermissionAcceptProposal  itsm.Permission = "problem_proposal.accept"
	PermissionDismissProposal itsm.Permission = "problem_proposal.dismiss"
	// PermissionObserve is for the host's program: [Practice.Observe].
	PermissionObserve itsm.Permission = "problem_proposal.observe"
)

// Proposal is a problem that is proposed because something recurs. There is one for each pattern.
type Proposal struct {
	ProposalHead
	ProposalBody
}

// ProposalState is what became of a proposal.
type ProposalState string

// The states.
const (
	ProposalOpen      ProposalState = "open"
	ProposalAccepted  ProposalState = "accepted"
	ProposalDismissed ProposalState = "dismissed"
)

// ProposalHead is what lists show, filter and sort by.
type ProposalHead struct {
	storage.Meta
	State ProposalState `json:"state"`
	// Rule is the rule by which it was proposed.
	Rule string `json:"rule"`
	// CI and Category are what the occurrences have in common, as far as the rule goes by it.
	CI       itsm.ID `json:"ci,omitempty"`
	Category string  `json:"category,omitempty"`
	// Count is how many there were when it was proposed, Needed how many the rule asks for.
	Count  int64 `json:"count"`
	Needed int64 `json:"needed"`
	// Problem is the problem that it became.
	Problem    itsm.ID   `json:"problem,omitempty"`
	ProposedAt time.Time `json:"proposed_at"`
}

// ProposalBody is the rest.
type ProposalBody struct {
	// Fingerprint are the words that the texts have in common, as far as the rule goes by them.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Reason says why it is proposed.
	Reason string        `json:"reason"`
	Within time.Duration `json:"within"`
	// Records are the occurrences when it was proposed, the latest first.
	Records []itsm.Ref `json:"records"`
	// Again is how many there must be within the span for it to be proposed again, where it was dismissed.
	Again int `json:"again,omitempty"`
	// Dismissal is why it was dismissed.
	Dismissal string `json:"dismissal,omitempty"`
}

// The columns of the table of proposals.
var (
	ProposalByState      = storage.Col("state", func(h *ProposalHead) *ProposalState { return &h.State })
	ProposalByRule       = storage.Col("rule", func(h *ProposalHead) *string { return &h.Rule })
	ProposalByCI         = storage.Col("ci", func(h *ProposalHead) *itsm.ID { return &h.CI })
	ProposalByCategory   = storage.Col("category", func(h *ProposalHead) *string { return &h.Category })
	ProposalByCount      = storage.Col("count", func(h *ProposalHead) *int64 { return &h.Count })
	ProposalByNeeded     = storage.Col("needed", func(h *ProposalHead) *int64 { return &h.Needed })
	ProposalByProblem    = storage.Col("problem", func(h *ProposalHead) *itsm.ID { return &h.Problem })
	ProposalByProposedAt = storage.TimeCol("proposed_at", func(h *ProposalHead) *time.Time { return &h.ProposedAt })
)

// ProposalTable is the table of proposals.
var ProposalTable = storage.Define(KindProposal, storage.Def[Proposal, ProposalHead, ProposalBody]{
	Parts: func(p *Proposal) (*ProposalHead, *ProposalBody) { return &p.ProposalHead, &p.ProposalBody },
	Columns: []storage.ColumnOf[ProposalHead]{ProposalByState, ProposalByRule, ProposalByCI, ProposalByCategory, ProposalByCount,
		ProposalByNeeded, ProposalByProblem, ProposalByProposedAt},
	Indexes: []storage.Index{storage.IndexOn(ProposalByState.Asc(), ProposalByProposedAt.Asc())},
})

// Proposed: something recurs as often as a rule says, and a problem is proposed.
type Proposed struct {
	Rule  string `json:"rule"`
	Count int    `json:"count"`
	// Reason says why, in words.
	Reason string `json:"reason"`
}

// ProposalTaken: the proposal became a problem.
type ProposalTaken struct {
	Problem itsm.ID `json:"problem"`
}

// ProposalWaived: the proposal was dismissed.
type ProposalWaived struct {
	// Again is how many there must be for it to be proposed again.
	Again int `json:"again"`
}

// EventType gives the type's name in the log.
func (Proposed) EventType() string       { return "problem_proposal.proposed.v1" }
func (ProposalTaken) EventType() string  { return "problem_proposal.accepted.v1" }
func (ProposalWaived) EventType() string { return "problem_proposal.dismissed.v1" }

// proposalEventTypes are those of proposals.
func proposalEventTypes() []itsm.EventType {
	return []itsm.EventType{itsm.EventOf[Proposed](), itsm.EventOf[ProposalTaken](), itsm.EventOf[ProposalWaived]()}
}

func proposalEvent(was ProposalState, p *Proposal, action string, payload itsm.Payload) itsm.Event {
	return itsm.Event{Kind: KindProposal, Record: p.ID, Action: action, Data: payload, From: string(was), To: string(p.State)}
}

// findProposal reads a proposal that the actor may read.
func (p *Practice) findProposal(ctx context.Context, r storage.Reader, actor itsm.Actor, id itsm.ID) (Proposal, error) {
	found, err := ProposalTable.Get(ctx, r, id)
	if err != nil {
		return Proposal{}, err
	}
	may, err := p.permits(ctx, actor, PermissionReadProposal, nil)
	if err == nil && !may {
		err = notFound(KindProposal, id)
	}
	return found, err
}

// proposalFor is a proposal as the actor may see it: with the occurrences there are now, where it is open.
func (p *Practice) proposalFor(ctx context.Context, r storage.Reader, actor itsm.Actor, s Proposal) (Proposal, error) {
	if s.State == ProposalOpen {
		records, err := p.evidence(ctx, r, &s)
		if err != nil {
			return Proposal{}, err
		}
		s.Records = records
	}
	known := make([]itsm.Ref, 0, len(s.Records))
	for _, ref := range s.Records {
		may, err := p.mayKnow(ctx, r, actor, true, ref)
		if err != nil {
			return Proposal{}, err
		}
		if may {
			known = append(known, ref)
		}
	}
	s.Records = known
	if s.CI != "" {
		may, err := p.mayKnow(ctx, r, actor, true, itemRef(s.CI))
		if err != nil {
			return Proposal{}, err
		}
		if !may {
			s.CI = ""
		}
	}
	if s.Problem != "" {
		may, err := p.mayKnow(ctx, r, actor, true, itsm.Ref{Kind: Kind, ID: s.Problem})
		if err != nil {
			return Proposal{}, err
		}
		if !may {
			s.Problem = ""
		}
	}
	return s, nil
}

// evidence gives the occurrences of an open proposal: those it was proposed for that are still known, and
// those since, the latest first.
func (p *Practice) evidence(ctx context.Context, r storage.Reader, s *Proposal) ([]itsm.Ref, error) {
	found, err := recent(ctx, r, string(s.ID), s.ProposedAt.Add(-s.Within), MaxCount)
	if err != nil {
		return nil, err
	}
	records := make([]itsm.Ref, len(found))
	for i, h := range found {
		records[i] = itsm.Ref{Kind: h.RecordKind, ID: h.Record}
	}
	return records, nil
}

// GetProposal gives a proposal with the occurrences that there are now, at most [MaxCount], of which the
// actor may know. Who may not read proposals gets ErrNotFound.
func (p *Practice) GetProposal(ctx context.Context, actor itsm.Actor, id itsm.ID) (Proposal, error) {
	var out Proposal
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		found, err := p.findProposal(ctx, r, actor, id)
		if err != nil {
			return err
		}
		out, err = p.proposalFor(ctx, r, actor, found)
		return err
	})
	return out, err
}

// ProposalQuery asks for a list of proposals.
type ProposalQuery struct {
	// State is that of which they are; empty is open.
	State ProposalState
	// Limit is the number of items of a page: 50 when 0, at most storage.MaxPage.
	Limit int
	// After is the Next of the page before.
	After storage.Cursor
}

// Proposals gives a page of proposals, the latest first. It asks for "problem_proposal.read". A problem and a
// CI of which the actor may not know are not named.
func (p *Practice) Proposals(ctx context.Context, actor itsm.Actor, q ProposalQuery) (storage.Page[ProposalHead], error) {
	var page storage.Page[ProposalHead]
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.e.Authorizer().Authorize(ctx, actor, PermissionReadProposal, nil); err != nil {
			return err
		}
		var err error
		page, err = ProposalTable.List(ctx, r, storage.Query[ProposalHead]{
			Where: ProposalByState.Is(orElse(q.State, ProposalOpen)), Order: []storage.Order{ProposalByProposedAt.Desc()}, Limit: q.Limit, After: q.After,
		})
		if err != nil {
			return err
		}
		var ids []itsm.ID
		for _, h := range page.Items {
			if h.Problem != "" {
				ids = append(ids, h.Problem)
			}
		}
		may, err := p.MayReadEach(ctx, r, actor, ids)
		if err != nil {
			return err
		}
		for n := range page.Items {
			h := &page.Items[n]
			if !may[h.Problem] {
				h.Problem = ""
			}
			if h.CI == "" {
				continue
			}
			known, err := p.mayKnow(ctx, r, actor, true, itemRef(h.CI))
			if err != nil {
				return err
			}
			if !known {
				h.CI = ""
			}
		}
		return nil
	})
	return page, err
}

// AllProposals walks a list page by page. An error is the last thing it yields.
func (p *Practice) AllProposals(ctx context.Context, actor itsm.Actor, q ProposalQuery) iter.Seq2[ProposalHead, error] {
	return storage.Pages(storage.Query[ProposalHead]{Limit: q.Limit, After: q.After}, func(page storage.Query[ProposalHead]) (storage.Page[ProposalHead], error) {
		q.After = page.After
		return p.Proposals(ctx, actor, q)
	})
}

// ProposalAcceptance makes a problem of a proposal.
type ProposalAcceptance struct {
	itsm.Command
	// Title is that of the problem; empty is the reason of the proposal.
	Title    string       `json:"title,omitempty"`
	Impact   itsm.Impact  `json:"impact,omitempty"`
	Urgency  itsm.Urgency `json:"urgency,omitempty"`
	Group    itsm.ID      `json:"group,omitempty"`
	Assignee itsm.ID      `json:"assignee,omitempty"`
}

// AcceptProposal registers the problem that is proposed, from the source trend, linked to the occurrences of
// which the actor may know and to the CI. It asks for "problem_proposal.accept" and for what
// [Practice.Register] asks for, and gives the problem. A proposal that is not open is ErrTransition.
func (p *Practice) AcceptProposal(ctx context.Context, actor itsm.Actor, id itsm.ID, r ProposalAcceptance) (Problem, error) {
	type request struct {
		Proposal itsm.ID            `json:"proposal"`
		Request  ProposalAcceptance `json:"request"`
	}
	call := engine.Call{Name: KindProposal + ".accept", Actor: actor, Command: r.Command, Request: request{id, r}}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Problem, error) {
		s, err := p.openProposal(ctx, u, id, PermissionAcceptProposal, "accept")
		if err != nil {
			return Problem{}, err
		}
		w := p.workOn(u, Problem{})
		w.faults.Merge("", call.Validate())
		shown, err := p.proposalFor(ctx, u, actor, s)
		if err != nil {
			return Problem{}, err
		}
		registration := Registration{
			Title: orElse(r.Title, cut(shown.Reason, MaxTitle)), Description: shown.Reason, Source: SourceTrend, From: shown.Records,
			Impact: r.Impact, Urgency: r.Urgency, Category: s.Category, Group: r.Group, Assignee: r.Assignee,
		}
		if shown.CI != "" {
			registration.CIs = []itsm.ID{shown.CI}
		}
		if all := p.o.Categories; all != nil && !slices.Contains(all, s.Category) {
			registration.Category = ""
		}
		if err := w.register(ctx, registration); err != nil {
			return Problem{}, err
		}
		out, err := w.finish(ctx)
		if err != nil {
			return Problem{}, err
		}
		was := s.State
		s.State, s.Problem, s.Again, s.Dismissal, s.Records = ProposalAccepted, out.ID, 0, "", shown.Records
		if err := ProposalTable.Put(ctx, u, &s); err != nil {
			return Problem{}, err
		}
		u.Emit(proposalEvent(was, &s, "accept", ProposalTaken{Problem: out.ID}))
		return out, nil
	})
}

func cut(text string, max int) string {
	runes := []rune(text)
	return string(runes[:min(len(runes), max)])
}

// openProposal reads a proposal to decide about.
func (p *Practice) openProposal(ctx context.Context, u *engine.Unit, id itsm.ID, permission itsm.Permission, action string) (Proposal, error) {
	s, err := p.findProposal(ctx, u, u.Actor(), id)
	if err != nil {
		return Proposal{}, err
	}
	if err := u.Authorize(ctx, permission, nil); err != nil {
		return Proposal{}, err
	}
	if s.State != ProposalOpen {
		return Proposal{}, &itsm.TransitionError{Kind: KindProposal, ID: id, State: string(s.State), Action: action, Reason: "it was decided about"}
	}
	return s, nil
}

// ProposalDismissal says that what recurs is no problem. The reason of its command is required.
type ProposalDismissal struct {
	itsm.Command
	// Again is how many there must be within the span of the rule for it to be proposed again, more than
	// there are now and at most [MaxCount]; 0 is twice as many as there are now. More than
	// [MaxCount] is never.
	Again int `json:"again,omitempty"`
}

// DismissProposal dismisses a proposal: the same pattern is not proposed again until it comes more often. It
// asks for "problem_proposal.dismiss".
func (p *Practice) DismissProposal(ctx context.Context, actor itsm.Actor, id itsm.ID, r ProposalDismissal) (Proposal, error) {
	call := engine.Call{Name: KindProposal + ".dismiss", Actor: actor, Command: r.Command, Target: id, Request: r}
	return engine.Execute(ctx, p.e, ProposalTable, call, func(ctx context.Context, u *engine.Unit) (Proposal, error) {
		s, err := p.openProposal(ctx, u, id, PermissionDismissProposal, "dismiss")
		if err != nil {
			return Proposal{}, err
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		found, err := recent(ctx, u, string(s.ID), u.Now().Add(-s.Within), MaxCount)
		if err != nil {
			return Proposal{}, err
		}
		there := max(len(found), int(s.Needed))
		if blank(r.Reason) {
			f.Add("reason", "is required")
		}
		if r.Again != 0 && (r.Again <= len(found) || r.Again > MaxCount) {
			f.Addf("again", "must be more than the %d that there are, and at most %d", len(found), MaxCount)
		}
		if err := f.Err(KindProposal); err != nil {
			return Proposal{}, err
		}
		was := s.State
		s.State, s.Dismissal, s.Again = ProposalDismissed, r.Reason, orElse(r.Again, 2*there)
		if err := ProposalTable.Put(ctx, u, &s); err != nil {
			return Proposal{}, err
		}
		u.Emit(proposalEvent(was, &s, "dismiss", ProposalWaived{Again: s.Again}))
		return s, nil
	}, func(ctx context.Context, u *engine.Unit, s Proposal, again bool) (Proposal, error) {
		if again {
			var err error
			if s, err = p.findProposal(ctx, u, actor, s.ID); err != nil {
				return Proposal{}, err
			}
		}
		return p.proposalFor(ctx, u, actor, s)
	})
}
