// This file holds the commands on one task: who works on it, how the work goes and ends, what it took,
// and corrections.

package task

import (
	"context"
	"reflect"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Assignment says who works on a task.
type Assignment struct {
	itsm.Command
	// Group is the support group; empty keeps the one it has.
	Group itsm.ID `json:"group,omitempty"`
	// Assignee is the person; empty is no one yet, for routing to the group.
	Assignee itsm.ID `json:"assignee,omitempty"`
}

// assign applies an assignment.
func (w *work) assign(group, assignee itsm.ID) {
	checkID(&w.faults, "group", group)
	checkID(&w.faults, "assignee", assignee)
	if group != "" {
		w.Group = group
	}
	w.Assignee = assignee
	if w.Group == w.Was.Group && w.Assignee == w.Was.Assignee && (w.Group != "" || w.Assignee != "") {
		w.faults.Add(NeedsGroupOrAssignee.Name, "must differ from what it is now")
	}
}

// Assign gives a task that no person has to a group or a person.
func (p *Practice) Assign(ctx context.Context, actor itsm.Actor, id itsm.ID, r Assignment) (Task, error) {
	return p.command(ctx, actor, id, ActionAssign, r.Command, r, func(ctx context.Context, w *work) error {
		w.assign(r.Group, r.Assignee)
		return w.fire(ctx, ActionAssign, Assigned{Group: w.Group, Assignee: w.Assignee})
	})
}

// Accept makes the actor, who is a person, the assignee of a task that no other person has.
func (p *Practice) Accept(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Task, error) {
	return p.command(ctx, actor, id, ActionAccept, r, r, func(ctx context.Context, w *work) error {
		w.Assignee = actor.ID
		return w.fire(ctx, ActionAccept, Accepted{Assignee: actor.ID})
	})
}

// Reassign gives an open task to another group or person, and counts it. The state stays.
func (p *Practice) Reassign(ctx context.Context, actor itsm.Actor, id itsm.ID, r Assignment) (Task, error) {
	return p.command(ctx, actor, id, ActionReassign, r.Command, r, func(ctx context.Context, w *work) error {
		w.assign(r.Group, r.Assignee)
		w.Reassignments++
		return w.fire(ctx, ActionReassign, Reassigned{
			FromGroup: w.Was.Group, FromAssignee: w.Was.Assignee, Group: w.Group, Assignee: w.Assignee, Count: w.Reassignments,
		})
	})
}

// Start says that its assignee works on it.
func (p *Practice) Start(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Task, error) {
	return p.command(ctx, actor, id, ActionStart, r, r, func(ctx context.Context, w *work) error {
		return w.fire(ctx, ActionStart, Started{})
	})
}

// Hold lets a task wait. The Reason of the command is required.
func (p *Practice) Hold(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Task, error) {
	return p.command(ctx, actor, id, ActionHold, r, r, func(ctx context.Context, w *work) error {
		return w.fire(ctx, ActionHold, Held{})
	})
}

// Resume ends the wait: the task goes back to the state before it.
func (p *Practice) Resume(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Task, error) {
	return p.command(ctx, actor, id, ActionResume, r, r, func(ctx context.Context, w *work) error {
		return w.fire(ctx, ActionResume, Resumed{})
	})
}

// Ending says how a task ended. Where it failed or is skipped, the Reason of its Command is required.
type Ending struct {
	itsm.Command
	// Code says more in the host's words, for edges that ask for it: "approved", "not_needed".
	Code string `json:"code,omitempty"`
}

func (w *work) end(ctx context.Context, a Action, code string, payload itsm.Payload) error {
	w.faults.Text("code", code, MaxCode, false)
	w.Code = code
	return w.fire(ctx, a, payload)
}

// Complete ends a task that is done. What comes after it follows.
func (p *Practice) Complete(ctx context.Context, actor itsm.Actor, id itsm.ID, r Ending) (Task, error) {
	return p.command(ctx, actor, id, ActionComplete, r.Command, r, func(ctx context.Context, w *work) error {
		return w.end(ctx, ActionComplete, r.Code, Completed{r.Code})
	})
}

// Fail ends a task that could not be done. What comes after it only when it is done is skipped by
// itself.
func (p *Practice) Fail(ctx context.Context, actor itsm.Actor, id itsm.ID, r Ending) (Task, error) {
	return p.command(ctx, actor, id, ActionFail, r.Command, r, func(ctx context.Context, w *work) error {
		return w.end(ctx, ActionFail, r.Code, Failed{r.Code})
	})
}

// Skip ends a task that need not be done and on which nobody works.
func (p *Practice) Skip(ctx context.Context, actor itsm.Actor, id itsm.ID, r Ending) (Task, error) {
	return p.command(ctx, actor, id, ActionSkip, r.Command, r, func(ctx context.Context, w *work) error {
		return w.end(ctx, ActionSkip, r.Code, Skipped{Code: r.Code})
	})
}

// Cancel ends a task that is not to be done any more. The Reason of the command is required.
func (p *Practice) Cancel(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Task, error) {
	return p.command(ctx, actor, id, ActionCancel, r, r, func(ctx context.Context, w *work) error {
		return w.fire(ctx, ActionCancel, Cancelled{})
	})
}

// Retry takes up a failed task again, and counts it. The Reason of the command is required. What was
// skipped or made ready because it failed waits again; where one that was made ready has been started,
// it is refused.
func (p *Practice) Retry(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Task, error) {
	return p.command(ctx, actor, id, ActionRetry, r, r, func(ctx context.Context, w *work) error {
		return w.fire(ctx, ActionRetry, Retried{Count: w.Retries + 1})
	})
}

// Edit changes what describes a task. A nil field stays as it is.
type Edit struct {
	itsm.Command
	Title          *string `json:"title,omitempty"`
	Description    *string `json:"description,omitempty"`
	Optional       *bool   `json:"optional,omitempty"`
	Position       *int64  `json:"position,omitempty"`
	PlannedMinutes *int64  `json:"planned_minutes,omitempty"`
	// NotBefore and Due are taken away by the zero time. A later planned start lets a task that is
	// ready wait again; one that was started stays so.
	NotBefore *time.Time `json:"not_before,omitempty"`
	Due       *time.Time `json:"due,omitempty"`
	// Columns are values of the host's own columns.
	Columns []storage.Value[Head] `json:"-"`
}

// Edit changes what describes an open task. Where nothing is another than before, nothing happened.
func (p *Practice) Edit(ctx context.Context, actor itsm.Actor, id itsm.ID, r Edit) (Task, error) {
	return p.command(ctx, actor, id, ActionEdit, r.Command, withColumns(r, r.Columns), func(ctx context.Context, w *work) error {
		set(&w.Title, r.Title)
		set(&w.Description, r.Description)
		set(&w.Optional, r.Optional)
		set(&w.Position, r.Position)
		set(&w.PlannedMinutes, r.PlannedMinutes)
		if r.NotBefore != nil {
			w.NotBefore = storage.Instant(*r.NotBefore)
		}
		if r.Due != nil {
			w.Due = storage.Instant(*r.Due)
		}
		i := Item{
			Title: w.Title, Description: w.Description, Position: w.Position, PlannedMinutes: w.PlannedMinutes,
			NotBefore: w.NotBefore, Due: w.Due,
		}
		i.check("", &w.faults)
		w.setColumns(r.Columns)
		if err := w.fire(ctx, ActionEdit, Edited{}); err != nil {
			return err
		}
		if reflect.DeepEqual(w.Task, w.Was) {
			w.event = nil
			return nil
		}
		w.follow = !w.NotBefore.Equal(w.Was.NotBefore) || w.Optional != w.Was.Optional
		return nil
	})
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// Effort is time or money that was spent on a task.
type Effort struct {
	ID itsm.ID `json:"id"`
	// Person spent the time, By is who recorded it.
	Person itsm.ID `json:"person"`
	By     itsm.ID `json:"by"`
	// At is when it was spent.
	At      time.Time  `json:"at"`
	Minutes int64      `json:"minutes,omitempty"`
	Cost    itsm.Money `json:"cost,omitzero"`
	Text    string     `json:"text,omitempty"`
}

// EffortEntry is what [Practice.RecordEffort] records. It has minutes, a cost, or both.
type EffortEntry struct {
	itsm.Command
	// Person spent the time; empty is the actor.
	Person itsm.ID `json:"person,omitempty"`
	// At is when; zero is now. It is not in the future.
	At time.Time `json:"at,omitzero"`
	// Minutes are at most [MaxMinutes].
	Minutes int64 `json:"minutes,omitempty"`
	// Cost is not negative.
	Cost itsm.Money `json:"cost,omitzero"`
	// Text says what it was spent on, at most [MaxTitle] characters.
	Text string `json:"text,omitempty"`
}

// RecordEffort adds an entry of time or money to a task, in whatever state it is: people book late.
func (p *Practice) RecordEffort(ctx context.Context, actor itsm.Actor, id itsm.ID, r EffortEntry) (Task, error) {
	return p.command(ctx, actor, id, ActionRecordEffort, r.Command, r, func(ctx context.Context, w *work) error {
		f := &w.faults
		e := Effort{Person: r.Person, By: actor.ID, At: storage.Instant(r.At), Minutes: r.Minutes, Cost: r.Cost, Text: r.Text}
		if e.Person == "" {
			e.Person = actor.ID
		}
		if e.At.IsZero() {
			e.At = w.now
		}
		checkID(f, "person", e.Person)
		checkTime(f, "at", e.At)
		if e.At.After(w.now) {
			f.Add("at", "must not be in the future")
		}
		checkMinutes(f, "minutes", e.Minutes, 0)
		f.Merge("cost", e.Cost.Validate())
		if e.Cost.Sign() < 0 {
			f.Add("cost", "must not be negative")
		}
		if e.Minutes == 0 && e.Cost.Sign() == 0 {
			f.Add("minutes", "or a cost is required")
		}
		f.Text("text", e.Text, MaxTitle, false)
		if len(w.Effort) >= MaxEfforts {
			f.Addf("effort", "has %d entries, the most that a task can have", MaxEfforts)
		}
		entries := append(w.Effort[:len(w.Effort):len(w.Effort)], e)
		w.Effort = entries
		if err := w.fire(ctx, ActionRecordEffort, EffortRecorded{}); err != nil {
			return err
		}
		entries[len(entries)-1].ID = w.u.NewID()
		w.event.Data = EffortRecorded{Effort: entries[len(entries)-1]}
		return nil
	})
}
