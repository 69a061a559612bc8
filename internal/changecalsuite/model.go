// This file holds the model test: whatever is booked, moved, released, defined, revised and withdrawn, what is kept is what
// package change/calendar computes of all of it.

package changecalsuite

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/change/schedule"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

func runModel(t *testing.T, store storage.Store) {
	ctx := t.Context()
	h := newHost(t, store, schedule.Options{})
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		// Each round has names of its own, as the store stays.
		name := func(kind string, i int) itsm.ID { return itsm.ID(fmt.Sprintf("%s%d-%d", kind, round, i)) }
		booked := map[itsm.ID]calendar.Booking{}
		windows := map[itsm.ID]calendar.Window{}
		defer func() { // freezes of all would be in the way of the next
			for id := range windows {
				_, err := h.p.WithdrawWindow(ctx, mona, id, itsm.Command{Reason: "the round is over"})
				require.NoError(t, err)
			}
			for id := range booked {
				h.release(t, ctx, id)
			}
			h.tick(t, ctx)
		}()
		some := func(label, kind string, n, most int) (ids []itsm.ID) {
			for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, most, rapid.ID).Draw(t, label) {
				ids = append(ids, name(kind, i))
			}
			return ids
		}
		drawEntry := func(id itsm.ID) schedule.Entry {
			from := float64(rapid.IntRange(0, 30).Draw(t, "from"))
			e := entry(id, hours(from, from+rapid.SampledFrom([]float64{0.5, 1, 3, 9, 40, 300}).Draw(t, "length")), some("own", "ci", 4, 2)...)
			for _, ci := range some("other", "ci", 4, 2) {
				e.CIs = append(e.CIs, calendar.CI{ID: ci, Relation: rapid.SampledFrom([]calendar.Relation{calendar.RelationParent, calendar.RelationChild, calendar.RelationImpacted}).Draw(t, "relation")})
			}
			e.Services, e.Implementers, e.Sites = some("services", "s", 2, 1), some("people", "p", 2, 1), some("sites", "l", 2, 1)
			e.Model = rapid.SampledFrom([]string{"normal", "standard"}).Draw(t, "model")
			return e
		}
		drawWindow := func(kind calendar.WindowKind) calendar.Window {
			from := float64(rapid.IntRange(0, 30).Draw(t, "from"))
			once := hours(from, from+rapid.SampledFrom([]float64{1, 5, 40}).Draw(t, "length"))
			w := calendar.Window{Kind: kind, Name: "w", Once: &once, Scope: calendar.Scope{CIs: some("cis", "ci", 4, 2), Services: some("services", "s", 2, 1)}}
			if rapid.Bool().Draw(t, "recurs") {
				w.Once, w.Rule, w.Duration = nil, rule(fmt.Sprintf("2026-01-01T%02d:00:00", rapid.IntRange(0, 23).Draw(t, "hour"))), "PT3H"
			}
			if kind == calendar.WindowFreeze {
				w.Scope.Sites = some("sites", "l", 2, 1)
				w.Scope.All = len(w.Scope.CIs)+len(w.Scope.Services)+len(w.Scope.Sites) == 0
			} else if len(w.Scope.CIs)+len(w.Scope.Services) == 0 {
				w.Scope.CIs = []itsm.ID{name("ci", 0)}
			}
			return w
		}
		for step := range rapid.IntRange(1, 12).Draw(t, "steps") {
			change := name("c", rapid.IntRange(0, 4).Draw(t, "change"))
			switch op := rapid.SampledFrom([]string{"book", "book", "book", "release", "define", "revise", "withdraw"}).Draw(t, "op"); op {
			case "book":
				e := drawEntry(change)
				h.book(t, ctx, e)
				booked[change] = e.Booking
			case "release":
				h.release(t, ctx, change)
				delete(booked, change)
			case "define":
				w := h.define(t, ctx, drawWindow(rapid.SampledFrom([]calendar.WindowKind{calendar.WindowFreeze, calendar.WindowMaintenance}).Draw(t, "kind")))
				windows[w.ID] = w.Definition
			default:
				var id itsm.ID
				for other := range windows {
					id = max(id, other)
				}
				if id == "" {
					continue
				}
				if op == "withdraw" {
					_, err := h.p.WithdrawWindow(ctx, mona, id, itsm.Command{Reason: "because"})
					require.NoError(t, err)
					delete(windows, id)
					break
				}
				w, err := h.p.ReviseWindow(ctx, mona, id, schedule.WindowDefinition{Window: drawWindow(windows[id].Kind)})
				require.NoError(t, err)
				windows[id] = w.Definition
			}
			if step%2 == 1 { // jobs come when they come
				h.clock.Advance(time.Second)
				h.tick(t, ctx)
			}
		}
		h.tick(t, ctx)
		var all []calendar.Booking
		for _, b := range booked {
			all = append(all, b)
		}
		var schedules []*calendar.Schedule
		for _, w := range windows {
			s, err := w.Compile()
			require.NoError(t, err)
			schedules = append(schedules, s)
		}
		index, err := calendar.NewIndex(all, schedules)
		require.NoError(t, err)
		for id, b := range booked {
			want, err := index.Conflicts(b)
			require.NoError(t, err)
			require.ElementsMatch(t, want, h.conflicts(t, ctx, id))
			q := calendar.SlotQuery{From: day, Until: day.AddDate(0, 0, 20), Count: 3, Step: 15 * time.Minute}
			free, err := index.Slots(b, q)
			require.NoError(t, err)
			got, err := h.p.Slots(ctx, mona, b, q)
			require.NoError(t, err)
			require.Equal(t, len(free.Slots), len(got.Slots))
			for i := range free.Slots {
				require.Equal(t, free.Slots[i].Planned, got.Slots[i].Planned)
				require.Equal(t, free.Slots[i].Latest, got.Slots[i].Latest)
			}
		}
	})
}
