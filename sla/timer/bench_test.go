// This file holds what timers cost, by the number of pauses that they have had.

package timer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/timer"
)

// pausedOften gives a timer that has been paused so many times, half an hour each, and runs.
func pausedOften(t testing.TB, n int) (*timer.Timer, timer.State, *life) {
	t.Helper()
	clock := only(t, timer.Resolution("office", []string{"caller"}, timer.Within(5000*time.Hour)), desk())
	l := logged("2026-01-05T08:00:00Z", 3)
	at := l.all[0].At
	for range n {
		l.when(at.Add(time.Hour), "hold", func(l *life) { l.category, l.hold = itsm.CategoryWaiting, "caller" })
		at = at.Add(90 * time.Minute)
		l.when(at, "resume", is(itsm.CategoryActive))
	}
	s, _, err := clock.Replay(l.all)
	require.NoError(t, err)
	require.Equal(t, timer.PhaseRunning, s.Phase())
	return clock, s, l
}

var sizes = []int{0, 10, 100}

func TestQuestionsAllocateNothing(t *testing.T) {
	for _, n := range sizes {
		clock, s, l := pausedOften(t, n)
		now := l.all[len(l.all)-1].At
		for name, f := range map[string]func(){
			"Due":           func() { _, _, _ = clock.Due(s) },
			"DueIfResumed":  func() { _, _, _ = clock.DueIfResumed(s, now) },
			"At":            func() { _, _ = clock.At(s, now) },
			"Forecast":      func() { _, _, _ = clock.Forecast(s, now) },
			"NextThreshold": func() { _, _, _ = clock.NextThreshold(s) },
		} {
			require.Zero(t, testing.AllocsPerRun(100, f), name)
		}
	}
}

func BenchmarkDue(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("pauses=%d", n), func(b *testing.B) {
			clock, s, _ := pausedOften(b, n)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := clock.Due(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAt(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("pauses=%d", n), func(b *testing.B) {
			clock, s, l := pausedOften(b, n)
			now := l.all[len(l.all)-1].At.Add(time.Hour)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := clock.At(s, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	for _, n := range sizes {
		for _, kind := range []string{"hold", "note"} {
			b.Run(fmt.Sprintf("%s/pauses=%d", kind, n), func(b *testing.B) {
				clock, s, l := pausedOften(b, n)
				m := timer.Moment{Version: 1000, At: l.all[len(l.all)-1].At.Add(time.Hour), Action: "note", From: itsm.CategoryActive, To: itsm.CategoryActive, Values: l.values}
				if kind == "hold" {
					m.Action, m.To, m.HoldReason = "hold", itsm.CategoryWaiting, "caller"
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := clock.Apply(s, m); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkExplain(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("pauses=%d", n), func(b *testing.B) {
			clock, s, l := pausedOften(b, n)
			now := l.all[len(l.all)-1].At.Add(time.Hour)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := clock.Explain(s, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheckChain(b *testing.B) {
	calendars := desk()
	chain := timer.Link{Name: "chain", Sequence: []timer.Link{link("desk", "office", 2*time.Hour), link("network", "office", 3*time.Hour), link("carrier", "always", time.Hour)}}
	promise := link("SLA", "office", 8*time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := timer.CheckChain(promise, chain, calendars, instant("2026-01-01T00:00:00Z"), instant("2027-01-01T00:00:00Z")); err != nil {
			b.Fatal(err)
		}
	}
}
