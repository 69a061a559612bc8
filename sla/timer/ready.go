// This file holds targets that are ready to be used, as data that a host may change.

package timer

import (
	"strconv"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Within gives a goal of open time, for all records that no goal before it takes.
func Within(d time.Duration) Goal { return Goal{Within: Duration(d)} }

// ForPriority gives a goal of open time for records whose column "priority" is n, by the name "priority n".
func ForPriority(n int, d time.Duration) Goal {
	return Goal{Name: "priority " + strconv.Itoa(n), When: storage.Condition{Op: storage.Equal, Column: "priority", Values: []any{int64(n)}}, Within: Duration(d)}
}

func open() []itsm.Category {
	return []itsm.Category{itsm.CategoryNew, itsm.CategoryActive, itsm.CategoryWaiting}
}

func done() []itsm.Category { return []itsm.Category{itsm.CategoryResolved, itsm.CategoryClosed} }

func cancelled() []Match { return []Match{{In: []itsm.Category{itsm.CategoryCancelled}}} }

// Response gives a target "response": from when a record is open until somebody has begun to see to it, which
// is what one of answered says, or it is done. It pauses for nothing, and reopening changes nothing.
//
// Without any of answered it is that work begins: the action accept, acknowledge or start is taken, or the category active is
// entered by another one than log and assign. To be given to a group or a person is no answer, though it makes a record active: nobody
// need have seen it yet. What else answers is the kind of record's: a desk that counts the first public reply too names it, as
// package servicedesk does for incidents by its function Answered.
func Response(calendarName string, answered []Match, goals ...Goal) Target {
	if len(answered) == 0 {
		given := storage.Condition{Op: storage.In, Column: eventAction, Values: []any{"log", "assign"}}
		answered = []Match{{Actions: []string{"accept", "acknowledge", "start"}},
			{Entering: []itsm.Category{itsm.CategoryActive}, When: storage.Condition{Op: storage.Not, Of: []storage.Condition{given}}}}
	}
	return Target{Name: "response", Start: []Match{{In: open()}}, Stop: append(answered[:len(answered):len(answered)], Match{In: done()}),
		Cancel: cancelled(), Goals: goals, Calendar: calendarName}
}

// Resolution gives a target "resolution": from when a record is open until it is resolved or closed, without
// the time in which it waits for one of the hold reasons; what waits for another reason counts. Reopened, it runs
// on without the time in between.
func Resolution(calendarName string, pausedBy []string, goals ...Goal) Target {
	t := Target{Name: "resolution", Start: []Match{{In: open()}}, Stop: []Match{{In: done()}},
		Cancel: cancelled(), Goals: goals, Calendar: calendarName, Reopen: Reopen{Policy: ReopenResume}}
	if len(pausedBy) > 0 {
		t.Pause = []Match{{In: []itsm.Category{itsm.CategoryWaiting}, Reasons: pausedBy}}
	}
	return t
}

// Update gives a target "update": as long as a record is open its requester is to be kept informed, and each time
// one of informed holds the next cycle begins. It has no clock while the record waits for one of the hold reasons.
// Reopening begins a cycle.
func Update(calendarName string, informed []Match, pausedBy []string, goals ...Goal) Target {
	t := Resolution(calendarName, pausedBy, goals...)
	t.Name, t.Reset, t.Reopen = "update", informed, Reopen{Policy: ReopenCycle}
	return t
}
