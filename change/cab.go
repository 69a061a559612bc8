// This file holds the change advisory board: its agenda is a query, its decisions stand in the gates, and its minutes
// on the change.

package change

import (
	"context"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/storage"
)

// Decision is what a board came to about a change. It is what the minutes say: what counts are the votes in the gate.
type Decision string

// The decisions.
const (
	DecisionApprove Decision = "approve"
	DecisionReturn  Decision = "return"
	DecisionReject  Decision = "reject"
	// DecisionDefer puts it off to another meeting.
	DecisionDefer Decision = "defer"
)

// Decisions gives the decisions that there are.
func Decisions() []Decision {
	return []Decision{DecisionApprove, DecisionReturn, DecisionReject, DecisionDefer}
}

// Minute is what was said about a change in a meeting.
type Minute struct {
	// Meeting is when it was, Present who was there.
	Meeting  time.Time `json:"meeting"`
	Present  []itsm.ID `json:"present,omitempty"`
	Decision Decision  `json:"decision,omitempty"`
	Text     string    `json:"text"`
	// Round is that of its gates which stood then.
	Round int       `json:"round,omitempty"`
	By    itsm.ID   `json:"by"`
	At    time.Time `json:"at"`
}

// Minutes are what [Practice.Minute] writes down.
type Minutes struct {
	itsm.Command
	// Meeting is when it was; zero is now.
	Meeting  time.Time `json:"meeting,omitzero"`
	Present  []itsm.ID `json:"present,omitempty"`
	Decision Decision  `json:"decision,omitempty"`
	Text     string    `json:"text"`
}

// MaxPresent is the greatest number of people of one minute.
const MaxPresent = 200

// Minute writes down what a change advisory board said about a change. Its members vote in the gate; a minute decides
// nothing. It asks for "change.convene".
func (p *Practice) Minute(ctx context.Context, actor itsm.Actor, id itsm.ID, r Minutes) (Change, error) {
	return p.command(ctx, actor, id, ActionMinute, r.Command, r, func(ctx context.Context, w *work) error {
		w.faults.Text("text", r.Text, MaxNotes, true)
		if r.Decision != "" && !slices.Contains(Decisions(), r.Decision) {
			w.faults.Addf("decision", "is %.64q; allowed are %s", r.Decision, list(Decisions()))
		}
		meeting := storage.Instant(orElse(r.Meeting, w.now))
		if !writable(meeting) || meeting.After(w.now) {
			w.faults.Add("meeting", "must not be in the future")
		}
		w.checkIDs("present", r.Present, MaxPresent)
		if len(w.Minutes) >= MaxMinutes {
			w.faults.Addf("minutes", "are %d; at most %d are allowed", len(w.Minutes)+1, MaxMinutes)
		}
		w.Minutes = append(slices.Clone(w.Minutes), Minute{
			Meeting: meeting, Present: sortedIDs(r.Present), Decision: r.Decision, Text: r.Text, Round: w.Round, By: w.actor.ID, At: w.now,
		})
		return w.fire(ctx, ActionMinute, Minuted{Decision: r.Decision})
	})
}

// AgendaQuery asks for what a board is to decide.
type AgendaQuery struct {
	// Gate is the name of the gate; empty is that of the shipped policy, [GroupCAB].
	Gate string
	// Limit is how many changes are looked at for a page: 50 when 0, at most storage.MaxPage. After is the Next of the
	// page before.
	Limit int
	After storage.Cursor
}

// AgendaItem is a change that waits for a gate.
type AgendaItem struct {
	Head
	// Suspended says that the change is held, and its votes with it.
	Suspended bool `json:"suspended"`
	// Missing are those whose vote is still waited for, Votes the number of votes that count so far.
	Missing []itsm.ID `json:"missing,omitempty"`
	Votes   int       `json:"votes"`
}

// Agenda gives the changes that wait for a gate to be decided, those that are planned first, of which the actor may read what is
// internal. A page may have fewer items than its limit, or none, though others follow: Next tells.
func (p *Practice) Agenda(ctx context.Context, actor itsm.Actor, q AgendaQuery) (storage.Page[AgendaItem], error) {
	gate := orElse(q.Gate, GroupCAB)
	var out storage.Page[AgendaItem]
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		out = storage.Page[AgendaItem]{}
		may, err := p.scope(ctx, actor, PermissionReadInternal)
		if err != nil {
			return err
		}
		page, err := p.table.List(ctx, r, storage.Query[Head]{
			Where: storage.AllOf(may, ByState.Is(StateAuthorising)), Order: DefaultOrder(), Limit: q.Limit, After: q.After,
		})
		if err != nil {
			return err
		}
		out.Next = page.Next
		waiting := map[itsm.ID]*ballot.Approval{}
		for some := range slices.Chunk(page.Items, mayReadChunk) {
			ids := make([]itsm.ID, len(some))
			for i := range some {
				ids[i] = some[i].ID
			}
			approvals, err := ballot.Table.Records(ctx, r, storage.Query[ballot.Head]{
				Where: storage.AllOf(ballot.ByParentKind.Is(Kind), ballot.ByParentID.In(ids...), ballot.ByOpen.Is(true), ballot.ByPurpose.Is(PurposeAuthorise)),
				Limit: storage.MaxPage,
			})
			if err != nil {
				return err
			}
			for i := range approvals.Items {
				waiting[approvals.Items[i].ParentID] = &approvals.Items[i]
			}
		}
		for _, h := range page.Items {
			a := waiting[h.ID]
			if a == nil {
				continue
			}
			g := a.Process.Gate(gate)
			if g == nil || g.State != approval.StateOpen && g.State != approval.StateSuspended {
				continue
			}
			item := AgendaItem{Head: h, Suspended: a.Suspended, Missing: g.Missing()}
			for _, v := range g.Votes {
				if v.Status == approval.VoteCounted {
					item.Votes++
				}
			}
			out.Items = append(out.Items, item)
		}
		return nil
	})
	return out, err
}
