// This file holds the edges: where the calendar knows nothing any more, and what was never checked.

package timer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// short is an office that is known up to Thursday 5 March 2026.
func short() map[string]*calendar.Calendar {
	d := office("UTC", "09:00", "17:00")
	d.Until = "2026-03-05"
	return map[string]*calendar.Calendar{"office": must(calendar.Compile(d, calendar.Options{}))}
}

func TestAThresholdOutsideTheCalendarKeepsNoOtherFromFiring(t *testing.T) {
	for name, late := range map[string]timer.Threshold{
		"an offset":            {Name: "late", Offset: timer.Duration(40 * time.Hour)},
		"the longest offset":   {Name: "late", Offset: timer.MaxGoal},
		"the greatest share":   {Name: "late", Share: timer.Share{Of: 1_000_000_000_000, Parts: 1}},
		"a share of five days": {Name: "late", Share: timer.Percent(500)},
	} {
		target := timer.Resolution("office", []string{"caller"}, timer.Within(8*time.Hour))
		target.Thresholds = []timer.Threshold{{Name: "half", Share: timer.Percent(50)}, late}
		x := only(t, target, short())
		var s timer.State
		for i, m := range []timer.Moment{
			{At: instant("2026-03-02T09:00:00Z"), To: itsm.CategoryNew},
			{At: instant("2026-03-02T10:00:00Z"), To: itsm.CategoryWaiting, HoldReason: "caller"},
			{At: instant("2026-03-02T11:00:00Z"), To: itsm.CategoryActive},
		} {
			m.Version = int64(i + 1)
			var err error
			s, _, err = x.Apply(s, m)
			require.NoError(t, err, name)
		}
		next, ok, err := x.NextThreshold(s)
		require.NoError(t, err, name)
		require.True(t, ok, name)
		require.Equal(t, instant("2026-03-02T14:00:00Z"), next, name)
		s, happened, err := x.Fire(s, instant("2026-03-03T10:00:00Z"))
		require.NoError(t, err, name)
		require.Len(t, happened, 1, name)
		require.Equal(t, "half", happened[0].Threshold, name)
		_, _, err = x.NextThreshold(s)
		require.ErrorIs(t, err, calendar.ErrHorizon, name)
		_, err = x.Thresholds(s, instant("2026-03-03T10:00:00Z"))
		require.ErrorIs(t, err, calendar.ErrHorizon, name)
		_, happened, err = x.Fire(s, instant("2026-03-04T10:00:00Z"))
		require.NoError(t, err, "it comes later, wherever it is: %s", name)
		require.Empty(t, happened, name)
		_, _, err = x.Fire(s, instant("2026-03-06T10:00:00Z"))
		require.ErrorIs(t, err, calendar.ErrHorizon, "nobody knows whether it has: %s", name)
	}
}

func TestATimeOfDayIsCheckedThoughTheCalendarIsUnknown(t *testing.T) {
	target := timer.Resolution("moon", nil, timer.Goal{WorkingDays: &timer.WorkingDays{Days: 1, At: "25:00"}})
	_, err := timer.Compile(timer.Policy{Name: "gold", Kind: "incident", Targets: []timer.Target{target}}, desk(), timer.Options{})
	require.ErrorContains(t, err, `"moon" is unknown`)
	require.ErrorContains(t, err, `"25:00"; it is keep, end, or a time`)
}

// TestAPolicyIsCheckedInTime has conditions of which each alone takes long to be compared with another.
func TestAPolicyIsCheckedInTime(t *testing.T) {
	equal := func(name string, v int64) storage.Condition {
		return storage.Condition{Op: storage.Equal, Column: name, Values: []any{v}}
	}
	wide := func(n, salt int) storage.Condition {
		and := storage.Condition{Op: storage.And}
		for i := range n {
			and.Of = append(and.Of, storage.Condition{Op: storage.Or, Of: []storage.Condition{
				equal(fmt.Sprint("a", i, salt), 1), {Op: storage.Not, Of: []storage.Condition{equal(fmt.Sprint("c", i), int64(salt))}}}})
		}
		return and
	}
	list := func(salt int, in itsm.Category) (all []timer.Match) {
		for i := range 20 {
			all = append(all, timer.Match{In: []itsm.Category{in}, When: wide(40, salt+i)})
		}
		return all
	}
	p := timer.Policy{Name: "p", Kind: "incident", When: wide(40, 1000), Targets: []timer.Target{{Name: "t", Calendar: "office",
		Start: list(0, itsm.CategoryNew), Stop: list(100, itsm.CategoryResolved), Pause: list(200, itsm.CategoryWaiting), Cancel: list(300, itsm.CategoryCancelled),
		Goals: []timer.Goal{timer.Within(time.Hour)}}}}
	begin := time.Now()
	_, err := timer.Compile(p, desk(), timer.Options{})
	require.NoError(t, err)
	require.Less(t, time.Since(begin), 20*time.Second)
}
