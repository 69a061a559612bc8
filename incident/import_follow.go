// This file holds how a record follows its imported history: which states it takes, and which
// values.

package incident

import (
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// movesOf gives the states to which an action leads from each state, whatever the action needs.
func movesOf(l *Lifecycle) map[State]map[State]bool {
	moves := map[State]map[State]bool{}
	for _, r := range l.Rules() {
		for _, from := range r.From {
			if moves[from] == nil {
				moves[from] = map[State]bool{}
			}
			for _, to := range append(r.Return, r.To) {
				moves[from][to] = true
			}
		}
	}
	return moves
}

// follower takes a record along its history, row by row.
type follower struct {
	p     *Practice
	moves map[State]map[State]bool
	i     *Incident
	// takenOver says that the record was worked on here, and stays as it is.
	takenOver bool
}

func (f *follower) category(s State) itsm.Category {
	c, _ := f.p.o.Lifecycle.Category(s)
	return c
}

// follow counts a row and lets the record follow it. last is the row before, nil for the first; own is
// what the host says of the row.
func (f *follower) follow(e, last *HistoryEntry, own OwnValues) (flags []ImportFlag) {
	i, from := f.i, f.i.Imported
	from.Rows++
	if last != nil && e.At.Before(last.At) {
		flags = append(flags, FlagTimeBack)
	}
	switch {
	case f.takenOver:
		return append(flags, FlagTakenOver)
	case from.Stopped != nil:
		return append(flags, FlagAfterStop)
	}
	l, to := f.p.o.Lifecycle, State(e.State)
	_, known := l.Category(to)
	switch {
	case !known:
		flags = append(flags, FlagUnknownState)
		if i.State == "" {
			f.enter(l.Initial()[0])
		}
	case from.Began == "":
		from.Began, from.MidLife = to, !slices.Contains(l.Initial(), to)
		f.enter(to)
	case to == i.State:
	case f.moves[i.State][to]:
		f.enter(to)
	default:
		from.Stopped = &ImportStop{Source: from.Source, Row: from.Rows, Line: e.Line, At: e.At, From: i.State, To: to}
		return append(flags, FlagRefused)
	}
	f.take(e)
	f.p.setOwn(i, own) // it was checked when it was read
	return flags
}

// enter moves the record into a state, with the effects that hang on the categories of the states.
func (f *follower) enter(to State) {
	i := f.i
	was, is := f.category(i.State), f.category(to)
	switch {
	case is != itsm.CategoryWaiting:
		i.Before, i.HoldReason = "", ""
		i.Reminders, i.RemindFrom = 0, time.Time{}
	case was != itsm.CategoryWaiting:
		i.RemindFrom = time.Time{} // it begins with the row: see take
		i.Before = i.State
		if i.Before == "" {
			i.Before = f.beforeWaiting(to)
		}
		i.Holds++
	}
	if is.Open() {
		i.ResolvedAt, i.ClosedAt, i.Resolution = time.Time{}, time.Time{}, Outcome{}
	}
	i.State, i.Open = to, is.Open()
}

// beforeWaiting is where an incident goes back to whose history begins while it waits: someone
// had worked on it.
func (f *follower) beforeWaiting(waiting State) State {
	var first State
	for _, r := range f.p.o.Lifecycle.Rules() {
		if !slices.Contains(r.From, waiting) {
			continue
		}
		for _, back := range r.Return {
			if first == "" || back == StateInProgress {
				first = back
			}
		}
	}
	return first
}

// take gives the record the values of a row.
func (f *follower) take(e *HistoryEntry) {
	i, o := f.i, &f.p.o
	if title := oneLine(e.Title); title != "" {
		i.Title = title
	} else if i.Title == "" {
		i.Title = oneLine("Imported from " + i.Imported.System + ": " + i.Imported.Source)
	}
	i.Requester, i.Group, i.Assignee, i.Service = itsm.ID(e.Requester), itsm.ID(e.Group), itsm.ID(e.Assignee), itsm.ID(e.Service)
	i.Category, i.Subcategory = e.Category, e.Subcategory
	i.Channel = orElse(Channel(e.Channel), o.Channels[len(o.Channels)-1])
	i.Reassignments, i.Reopens = e.Reassignments, e.Reopens
	i.Impact, i.Urgency = orElse(e.Impact, o.Impact), orElse(e.Urgency, o.Urgency)
	i.Priority, _ = o.Matrix.Of(i.Impact, i.Urgency) // both are valid
	i.PriorityOverride = nil
	if e.Priority != 0 && e.Priority != i.Priority {
		i.Priority = e.Priority
		i.PriorityOverride = &PriorityOverride{Priority: e.Priority, Reason: "as in " + i.Imported.System, By: itsm.ID(e.Author)}
	}
	if !e.Opened.IsZero() {
		i.Reported = e.Opened
	} else if i.Reported.IsZero() {
		i.Reported = e.At
	}
	switch f.category(i.State) {
	case itsm.CategoryWaiting:
		if reason := HoldReason(e.HoldReason); reason != i.HoldReason || i.RemindFrom.IsZero() {
			i.HoldReason, i.Reminders, i.RemindFrom = reason, 0, e.At
		}
	case itsm.CategoryResolved:
		f.takeResolution(e)
		i.ResolvedAt = orElse(i.ResolvedAt, e.At)
	case itsm.CategoryClosed:
		f.takeResolution(e)
		f.end(e)
	case itsm.CategoryCancelled:
		f.end(e)
	}
}

func (f *follower) takeResolution(e *HistoryEntry) {
	f.i.Resolution = Outcome{Code: Code(e.Code), By: itsm.ID(e.Resolver)}
	f.i.ResolvedAt = orElse(e.Resolved, f.i.ResolvedAt)
}

// end sets when it came to its end, which is not before it was resolved: the library's own
// commands hold to that, and the history keeps what the log says.
func (f *follower) end(e *HistoryEntry) {
	i := f.i
	i.ClosedAt = orElse(e.Closed, orElse(i.ClosedAt, e.At))
	if i.ClosedAt.Before(i.ResolvedAt) {
		i.ClosedAt = i.ResolvedAt
	}
}

// oneLine makes a text fit for a title.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > MaxTitle {
		s = string(r[:MaxTitle-1]) + "…"
	}
	return s
}

// A title is a column, and so no longer than columns are.
var _ [storage.MaxText - MaxTitle]struct{}
