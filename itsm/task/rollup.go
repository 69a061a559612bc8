// This file holds the roll-up: what the tasks of a record come to, pure.

package task

import (
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// Counts says how many tasks are open, and how the others ended.
type Counts struct {
	Open      int `json:"open"`
	Done      int `json:"done"`
	Failed    int `json:"failed"`
	Skipped   int `json:"skipped"`
	Cancelled int `json:"cancelled"`
}

// Total is the number of all.
func (c Counts) Total() int { return c.Open + c.Done + c.Failed + c.Skipped + c.Cancelled }

// AllDone says that there is a task, and that every one is done: none open, failed, skipped or
// cancelled.
func (c Counts) AllDone() bool { return c.Done > 0 && c.Done == c.Total() }

func (c *Counts) add(o Outcome) {
	switch o {
	case OutcomeDone:
		c.Done++
	case OutcomeFailed:
		c.Failed++
	case OutcomeSkipped:
		c.Skipped++
	case OutcomeCancelled:
		c.Cancelled++
	default:
		c.Open++
	}
}

// Summary is what the tasks of a record come to at an instant.
type Summary struct {
	// Tasks counts all, Mandatory those that are not optional.
	Tasks     Counts `json:"tasks"`
	Mandatory Counts `json:"mandatory"`
	// Categories counts by the category of the state.
	Categories map[itsm.Category]int `json:"categories,omitempty"`
	// Blocked is the number of those that wait for a predecessor or their planned start, Late that
	// of open ones whose due time has passed.
	Blocked int `json:"blocked"`
	Late    int `json:"late"`
	// ShareDone is the part of the planned work that is done, from 0 to 1, and ShareEnded the part
	// that has ended in any way. A task weighs as much as it is planned to take; one of unknown
	// duration weighs as the others do on average. What was skipped, has failed or was cancelled
	// stays in the whole, so that ShareDone is 1 only where every task is done.
	ShareDone  float64 `json:"share_done"`
	ShareEnded float64 `json:"share_ended"`
	// Minutes and Costs are the effort that was recorded, costs one for each currency in the order
	// of their codes.
	Minutes int64        `json:"minutes,omitempty"`
	Costs   []itsm.Money `json:"costs,omitempty"`
	// Finish is when the last open task can have ended at the earliest, by planned durations in time
	// that runs without pause (business hours are the calendar's): each begins when its
	// predecessors end, not before its planned start, and one that takes longer than planned ends
	// now. Zero where none is open.
	Finish time.Time `json:"finish,omitzero"`
	// CriticalPath are the open tasks that decide Finish, in the order of work.
	CriticalPath []itsm.ID `json:"critical_path,omitempty"`
}

// RollUp sums up the tasks of a record at an instant. It looks at nothing else.
func RollUp(tasks []Task, now time.Time) Summary {
	s := Summary{Categories: map[itsm.Category]int{}}
	var planned, known int64
	var costs []itsm.Money
	for i := range tasks {
		t := &tasks[i]
		s.Tasks.add(t.Outcome)
		if !t.Optional {
			s.Mandatory.add(t.Outcome)
		}
		s.Categories[t.Category]++
		if t.State == StatePending {
			s.Blocked++
		}
		if t.Open && !t.Due.IsZero() && t.Due.Before(now) {
			s.Late++
		}
		if t.PlannedMinutes > 0 {
			planned += t.PlannedMinutes
			known++
		}
		for _, e := range t.Effort {
			s.Minutes += e.Minutes
			costs = addCost(costs, e.Cost)
		}
	}
	s.Costs = costs
	s.ShareDone, s.ShareEnded = shares(tasks, planned, known)
	s.Finish, s.CriticalPath = finish(tasks, now)
	return s
}

// shares weighs in whole numbers, so that the whole is 1 exactly: all is multiplied by the number of
// tasks with a planned duration, and one without weighs the sum of those.
func shares(tasks []Task, planned, known int64) (done, ended float64) {
	var whole, isDone, hasEnded int64
	for i := range tasks {
		w := tasks[i].PlannedMinutes * known
		switch {
		case known == 0:
			w = 1
		case w == 0:
			w = planned
		}
		whole += w
		if tasks[i].Outcome == OutcomeDone {
			isDone += w
		}
		if tasks[i].Outcome != OutcomeNone {
			hasEnded += w
		}
	}
	if whole == 0 {
		return 0, 0
	}
	return float64(isDone) / float64(whole), float64(hasEnded) / float64(whole)
}

// finish walks the tasks in the order of work.
func finish(tasks []Task, now time.Time) (last time.Time, critical []itsm.ID) {
	ends := make([]time.Time, len(tasks))
	decides := make([]int, len(tasks)) // the predecessor that does, -1 for none
	before := before(tasks)
	end := -1
	for _, n := range inOrder(before) {
		t := &tasks[n]
		decides[n] = -1
		if !t.Open {
			ends[n] = t.EndedAt
			continue
		}
		begins := now
		if t.NotBefore.After(begins) {
			begins = t.NotBefore
		}
		if t.StartedAt.IsZero() {
			for _, b := range before[n] {
				if tasks[b].Open && (ends[b].After(begins) || ends[b].Equal(begins) && decides[n] < 0) {
					begins, decides[n] = ends[b], b
				}
			}
		} else {
			begins = t.StartedAt
		}
		ends[n] = begins.Add(time.Duration(t.PlannedMinutes) * time.Minute)
		if ends[n].Before(now) {
			ends[n] = now
		}
		if end < 0 || ends[n].After(ends[end]) {
			end = n
		}
	}
	if end < 0 {
		return time.Time{}, nil
	}
	for n := end; n >= 0; n = decides[n] {
		critical = append(critical, tasks[n].ID)
	}
	slices.Reverse(critical)
	return ends[end], critical
}

// addCost adds an amount to that of its currency.
func addCost(costs []itsm.Money, m itsm.Money) []itsm.Money {
	if m.IsZero() {
		return costs
	}
	i, found := slices.BinarySearchFunc(costs, m.Currency, func(c itsm.Money, code string) int {
		switch {
		case c.Currency < code:
			return -1
		case c.Currency > code:
			return 1
		}
		return 0
	})
	if !found {
		return slices.Insert(costs, i, m)
	}
	sum, err := costs[i].Add(m)
	if err == nil { // one currency always adds
		costs[i] = sum
	}
	return costs
}
