// This file holds what the tests share.

package timer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func instant(text string) time.Time { return must(time.Parse(time.RFC3339Nano, text)).UTC() }

func office(zone, from, to string) calendar.Definition {
	return calendar.Definition{Name: "office", Zone: zone, Hours: []calendar.Hours{{Days: calendar.MondayToFriday(), From: from, To: to}}}
}

// desk is an office in Berlin with a holiday, and one that is always open.
func desk() map[string]*calendar.Calendar {
	d := office("Europe/Berlin", "09:00", "17:00")
	d.Holidays = []calendar.Holiday{{Name: "May Day", Date: "2026-05-01"}, {Name: "Christmas", Every: &calendar.Yearly{Day: "12-24", To: "01-02"}}}
	return map[string]*calendar.Calendar{
		"office": must(calendar.Compile(d, calendar.Options{})),
		"always": must(calendar.Compile(calendar.Definition{Name: "always", Zone: "UTC", Hours: []calendar.Hours{{From: "00:00", To: "24:00"}}}, calendar.Options{})),
		"tokyo":  must(calendar.Compile(office("Asia/Tokyo", "09:00", "17:00"), calendar.Options{})),
	}
}

func only(t testing.TB, target timer.Target, calendars map[string]*calendar.Calendar) *timer.Timer {
	t.Helper()
	return compile(t, timer.Policy{Name: "gold", Kind: "incident", Targets: []timer.Target{target}}, calendars)
}

func compile(t testing.TB, p timer.Policy, calendars map[string]*calendar.Calendar) *timer.Timer {
	t.Helper()
	c, err := timer.Compile(p, calendars, timer.Options{})
	require.NoError(t, err)
	return c.Timers()[0]
}

// life makes the moments of a record: it has a category, a hold reason and values, which stay until told otherwise.
type life struct {
	category itsm.Category
	hold     string
	values   map[string]any
	all      []timer.Moment
}

func (l *life) at(text, action string, change func(*life)) *life {
	return l.when(instant(text), action, change)
}

func (l *life) when(at time.Time, action string, change func(*life)) *life {
	from := l.category
	values := map[string]any{}
	for k, v := range l.values {
		values[k] = v
	}
	l.values = values
	if change != nil {
		change(l)
	}
	l.all = append(l.all, timer.Moment{Version: int64(len(l.all) + 1), At: at, Action: action, Type: "incident." + action + ".v1",
		From: from, To: l.category, HoldReason: l.hold, Values: l.values})
	return l
}

func is(c itsm.Category) func(*life) { return func(l *life) { l.category, l.hold = c, "" } }

func set(name string, v any) func(*life) { return func(l *life) { l.values[name] = v } }

func logged(at string, priority int64) *life {
	return new(life).at(at, "log", func(l *life) { l.category, l.values = itsm.CategoryNew, map[string]any{"priority": priority} })
}

func (l *life) held(at, reason string) *life {
	return l.at(at, "hold", func(l *life) { l.category, l.hold = itsm.CategoryWaiting, reason })
}

func (l *life) resumed(at string) *life  { return l.at(at, "resume", is(itsm.CategoryActive)) }
func (l *life) resolved(at string) *life { return l.at(at, "resolve", is(itsm.CategoryResolved)) }
func (l *life) reopened(at string) *life { return l.at(at, "reopen", is(itsm.CategoryActive)) }
func (l *life) priority(at string, n int64) *life {
	return l.at(at, "classify", set("priority", n))
}

// run applies the moments one by one, and sees that this equals a replay.
func run(t testing.TB, clock *timer.Timer, l *life) (timer.State, []timer.Happening) {
	t.Helper()
	var s timer.State
	var all []timer.Happening
	for _, m := range l.all {
		next, happened, err := clock.Apply(s, m)
		require.NoError(t, err)
		s, all = next, append(all, happened...)
	}
	again, happened, err := clock.Replay(l.all)
	require.NoError(t, err)
	require.Equal(t, again, s)
	require.Equal(t, happened, all)
	return s, all
}

func what(happened []timer.Happening) (all []timer.What) {
	for _, h := range happened {
		all = append(all, h.What)
	}
	return all
}

func due(t testing.TB, clock *timer.Timer, s timer.State) string {
	t.Helper()
	at, ok, err := clock.Due(s)
	require.NoError(t, err)
	if !ok {
		return "-"
	}
	return at.Format(time.RFC3339Nano)
}

func reading(t testing.TB, clock *timer.Timer, s timer.State, at string) timer.Reading {
	t.Helper()
	r, err := clock.At(s, instant(at))
	require.NoError(t, err)
	return r
}

const hour = timer.Duration(time.Hour)

func text(column string, values ...any) storage.Condition {
	return storage.Condition{Op: storage.In, Column: column, Values: values}
}
