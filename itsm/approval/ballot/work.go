// This file holds the one mechanism of all commands: what changed in the process is stored, told gate by
// gate, and followed by the entries of the approvers and the jobs.

package ballot

import (
	"context"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// work is one command under way on one approval.
type work struct {
	p *Practice
	u *engine.Unit
	// Approval is as it becomes, was as it was read; of a new one was has version 0.
	Approval
	was Approval
	// events are told first, before what follows from them.
	events []told
	// as is who the events are of; the zero value is the unit's actor.
	as itsm.Actor
}

type told struct {
	action string
	data   itsm.Payload
}

func (p *Practice) workOn(u *engine.Unit, a Approval) *work {
	w := &work{p: p, u: u, Approval: a, was: a}
	// The process of what was is not to change with the other.
	w.was.Process.Gates = slices.Clone(a.Process.Gates)
	return w
}

func (w *work) about() About {
	return About{Parent: w.Parent(), Purpose: w.Purpose, Round: w.Round}
}

func (w *work) tell(action string, data itsm.Payload) {
	w.events = append(w.events, told{action, data})
}

// finish stores the approval, tells what happened and what followed, and sets entries and jobs. A command
// that told nothing changed nothing.
func (w *work) finish(ctx context.Context) error {
	if len(w.events) == 0 {
		return nil
	}
	w.fill()
	w.follow()
	if err := Table.Put(ctx, w.u, &w.Approval); err != nil {
		return err
	}
	from, fromCategory := "", itsm.Category("")
	if w.was.Version > 0 {
		from, fromCategory = w.was.standing()
	}
	to, toCategory := w.standing()
	for i, t := range w.events {
		e := itsm.Event{Kind: Kind, Record: w.ID, Action: t.action, Data: t.data, From: to, To: to, FromCategory: toCategory, ToCategory: toCategory}
		if i == 0 {
			e.From, e.FromCategory = from, fromCategory
		}
		if w.as.ID != "" {
			e.Actor, e.ActorName, e.System = w.as.ID, w.as.Name, w.as.System
		}
		w.u.Emit(e)
	}
	if err := w.entries(ctx); err != nil {
		return err
	}
	return w.jobs(ctx)
}

// follow tells what followed at the gates, and the outcome of the round.
func (w *work) follow() {
	about := w.about()
	p := &w.Process
	var reasons, exemptions []string
	for i := range p.Gates {
		g := &p.Gates[i]
		before := w.before(g.Name)
		if g.State == approval.StateOpen && before != approval.StateOpen {
			w.tell("open_gate", GateOpened{About: about, Gate: g.Name, Approvers: g.Missing(), Barred: g.Barred, Again: before == approval.StateSuspended})
		}
		decided := g.State == approval.StateApproved || g.State == approval.StateRejected || g.State == approval.StateReturned
		if decided && before != g.State {
			w.tell("decide_gate", GateDecided{About: about, Gate: g.Name, State: g.State, Tally: g.Tally(), Why: g.Reason})
		}
		for _, v := range g.Votes {
			if v.Status != approval.VoteCounted {
				continue
			}
			if v.Exemption != "" && !slices.Contains(exemptions, v.Exemption) {
				exemptions = append(exemptions, v.Exemption)
			}
			if v.Choice == approval.ChoiceReject || v.Choice == approval.ChoiceReturn {
				reasons = append(reasons, v.Reason)
			}
		}
	}
	outcome := p.State == approval.StateApproved || p.State == approval.StateRejected || p.State == approval.StateReturned
	if outcome && (w.was.Version == 0 || w.was.State != p.State) {
		w.tell("decide", Decided{
			About: about, Hash: p.Subject.Hash, State: p.State, Basis: p.Basis, Rules: p.Rules, Why: p.Reason, Reasons: reasons, Exemptions: exemptions,
		})
	}
}

// before is the state in which a gate was.
func (w *work) before(gate string) approval.State {
	if w.was.Version == 0 {
		return approval.StatePending
	}
	if g := w.was.Process.Gate(gate); g != nil {
		return g.State
	}
	return approval.StatePending
}

// entry is what the entry of a person at a gate is to be.
type entry struct {
	gate     string
	person   itsm.ID
	state    EntryState
	asked    time.Time
	due      time.Time
	released bool // no more asked
}

// entriesOf gives what the entries of a process are to be, by their ids: those of gates that have opened.
func entriesOf(a *Approval) map[itsm.ID]entry {
	all := map[itsm.ID]entry{}
	for i := range a.Process.Gates {
		g := &a.Process.Gates[i]
		if g.Opened.IsZero() {
			continue
		}
		for _, x := range g.Asked {
			e := entry{gate: g.Name, person: x.Person, asked: g.AskedAt, due: g.ExpireAt(), state: EntryNotRequired}
			v, voted := lastVote(g, x.Person)
			switch {
			case voted:
				e.state = voteStates[v.Choice]
			case g.State == approval.StateOpen:
				e.state = EntryRequested
			case g.State == approval.StateSuspended:
				e.state = EntrySuspended
			case g.State == approval.StateLapsed, g.State == approval.StateWithdrawn:
				e.state = EntryLapsed
			}
			if voted && v.Status == approval.VoteLapsed {
				e.state = EntryLapsed
			}
			all[entryID(a.ID, g.Name, x.Person)] = e
		}
	}
	return all
}

var voteStates = map[approval.Choice]EntryState{
	approval.ChoiceApprove: EntryApproved, approval.ChoiceReject: EntryRejected,
	approval.ChoiceReturn: EntryReturned, approval.ChoiceAbstain: EntryAbstained,
}

// lastVote is the vote of an approver that counts, or did when the round lapsed.
func lastVote(g *approval.Gate, person itsm.ID) (approval.Vote, bool) {
	for _, v := range g.Votes {
		if v.Approver == person && (v.Status == approval.VoteCounted || v.Status == approval.VoteLapsed) {
			return v, true
		}
	}
	return approval.Vote{}, false
}

// entries makes the entries of the approvers what they must be after a change. They are told of by the
// approval's events.
func (w *work) entries(ctx context.Context) error {
	before, after := map[itsm.ID]entry{}, entriesOf(&w.Approval)
	if w.was.Version > 0 {
		before = entriesOf(&w.was)
	}
	for id, e := range before {
		if _, asked := after[id]; !asked {
			e.state, e.released = EntryNotRequired, true
			after[id] = e
		}
	}
	changed := make([]itsm.ID, 0, len(after))
	for id, e := range after {
		if was, there := before[id]; !there || was != e {
			changed = append(changed, id)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	slices.Sort(changed)
	there, err := w.stored(ctx, changed)
	if err != nil {
		return err
	}
	rows := make([]*Approver, len(changed))
	for i, id := range changed {
		e := after[id]
		row, known := there[id]
		if !known {
			row = Approver{ApproverHead: ApproverHead{
				Meta:     storage.Meta{ID: id, Created: w.u.Now()},
				Approval: w.ID, ParentKind: w.ParentKind, ParentID: w.ParentID, Purpose: w.Purpose, Gate: e.gate, Approver: e.person,
			}}
		}
		row.State, row.Open, row.AskedAt, row.Due, row.DueOrder = e.state, e.state == EntryRequested, e.asked, e.due, dueOrder(e.due)
		row.Updated = w.u.Now()
		rows[i] = &row
	}
	return ApproverTable.Put(ctx, w.u.Quiet(), rows...)
}

// stored reads the entries that are there, of those that are to change: one alone by its id, more by the
// approval, so that a decision costs one read.
func (w *work) stored(ctx context.Context, changed []itsm.ID) (map[itsm.ID]Approver, error) {
	there := map[itsm.ID]Approver{}
	if w.was.Version == 0 {
		return there, nil
	}
	q := storage.Query[ApproverHead]{Where: ApproverByApproval.Is(w.ID), Limit: storage.MaxPage}
	if len(changed) == 1 {
		q.Where = storage.AllOf(q.Where, ApproverTable.ByID().Is(changed[0]))
	}
	for a, err := range storage.Pages(q, func(q storage.Query[ApproverHead]) (storage.Page[Approver], error) {
		return ApproverTable.Records(ctx, w.u.Quiet(), q)
	}) {
		if err != nil {
			return nil, err
		}
		there[a.ID] = a
	}
	return there, nil
}

// The kinds of jobs that the practice schedules. A job is of one gate of one round.
const (
	jobRemind = "approval.remind"
	jobExpire = "approval.expire"
)

// gateJob is what a job is about.
type gateJob struct {
	Approval itsm.ID `json:"approval"`
	Gate     string  `json:"gate"`
}

func jobOf(kind string, id itsm.ID, gate string, due time.Time) engine.Task {
	return engine.Task{Kind: kind, Key: jobKey(id, gate), Subject: Kind + "/" + string(id), Due: due, Payload: gateJob{id, gate}}
}

func jobKey(id itsm.ID, gate string) string { return digest.Of(string(id), gate) }

// jobs makes the jobs of the gates what they must be after a change.
func (w *work) jobs(ctx context.Context) error {
	for i := range w.Process.Gates {
		g := &w.Process.Gates[i]
		var wasRemind, wasExpire time.Time
		if was := w.was.Process.Gate(g.Name); was != nil && w.was.Version > 0 {
			wasRemind, wasExpire = was.RemindAt(), was.ExpireAt()
		}
		for _, j := range []struct {
			kind     string
			was, due time.Time
		}{{jobRemind, wasRemind, g.RemindAt()}, {jobExpire, wasExpire, g.ExpireAt()}} {
			var err error
			switch {
			case j.was.Equal(j.due):
			case j.due.IsZero():
				err = w.u.Cancel(ctx, j.kind, jobKey(w.ID, g.Name))
			default:
				err = w.u.Schedule(ctx, jobOf(j.kind, w.ID, g.Name, j.due))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
