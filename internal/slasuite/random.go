// This file holds random commands, after which every timer is what its record's events make of it.

package slasuite

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// runs keeps the tenants of one run apart from those of every other.
var runs atomic.Int64

func runRandom(t *testing.T, h *host) {
	rapid.Check(t, func(rt *rapid.T) {
		tenant := storage.Tenant(fmt.Sprintf("run-%d", runs.Add(1)))
		mona := manager(tenant)
		h.usual(rt, tenant)
		retroactive := groupTarget()
		retroactive.Name = "retroactive"
		retroactive.Targets[0].CountFrom = "reported"
		retroactive.Targets[0].Pause = []timer.Match{{In: []itsm.Category{itsm.CategoryWaiting}}}
		h.activate(rt, mona, retroactive)
		h.activate(rt, mona, groupTarget())
		keepInformed := sla.Policy{Policy: timer.Policy{Name: "informed", Kind: incident.Kind, Targets: []timer.Target{
			timer.Update("office", informed(), []string{"caller"}, timer.Within(2*time.Hour)),
		}}}
		h.activate(rt, mona, keepInformed)
		var ids []itsm.ID
		commands := func(rt *rapid.T) {
			if len(ids) == 0 {
				return
			}
			ctx, id := context.Background(), rapid.SampledFrom(ids).Draw(rt, "incident")
			var err error
			switch name := rapid.SampledFrom([]string{"assign", "reassign", "start", "hold", "hold", "resume", "resume", "resolve", "reopen", "cancel", "reply", "note", "classify"}).Draw(rt, "command"); name {
			case "assign", "reassign":
				a := incident.Assignment{Group: rapid.SampledFrom([]itsm.ID{"network", "servers"}).Draw(rt, "group")}
				if name == "assign" {
					_, err = h.incidents.Assign(ctx, mona, id, a)
				} else {
					_, err = h.incidents.Reassign(ctx, mona, id, a)
				}
			case "start":
				_, err = h.incidents.Start(ctx, mona, id, itsm.Command{})
			case "hold":
				reason := rapid.SampledFrom([]incident.HoldReason{incident.HoldCaller, incident.HoldCustomerScheduled}).Draw(rt, "reason")
				_, err = h.incidents.Hold(ctx, mona, id, incident.Hold{HoldReason: reason, Note: "Please"})
			case "resume":
				_, err = h.incidents.Resume(ctx, mona, id, itsm.Command{})
			case "resolve":
				_, err = h.incidents.Resolve(ctx, mona, id, incident.Resolution{Code: incident.CodeFixed, Notes: "Done"})
			case "reopen":
				_, err = h.incidents.Reopen(ctx, mona, id, incident.Reopening{Command: itsm.Command{Reason: "Again"}})
			case "cancel":
				_, err = h.incidents.Cancel(ctx, mona, id, incident.Cancellation{Command: itsm.Command{Reason: "Mistake"}})
			case "reply":
				_, err = h.incidents.Reply(ctx, mona, id, incident.Reply{Text: "We are on it"})
			case "note":
				_, err = h.incidents.Note(ctx, mona, id, incident.Note{Text: "Looked",
					Visibility: rapid.SampledFrom([]itsm.Visibility{itsm.VisibilityInternal, itsm.VisibilityPublic}).Draw(rt, "visibility")})
			case "classify":
				_, err = h.incidents.Classify(ctx, mona, id, incident.Classification{Impact: itsm.Impact(rapid.IntRange(1, 3).Draw(rt, "impact")), Urgency: itsm.Urgency(rapid.IntRange(1, 3).Draw(rt, "urgency"))})
			}
			require.False(rt, err != nil && !errors.Is(err, itsm.ErrTransition) && !errors.Is(err, itsm.ErrInvalid), "%v", err)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"log":     func(rt *rapid.T) { ids = append(ids, h.log(rt, tenant).ID) },
			"command": commands, "again": commands,
			"time": func(rt *rapid.T) {
				h.clock.Advance(time.Duration(rapid.Int64Range(0, int64(20*time.Hour)).Draw(rt, "time")))
				if rapid.Bool().Draw(rt, "tick") {
					require.Zero(rt, h.tick(rt).Failed)
				}
			},
			"edit": func(rt *rapid.T) {
				set := gold()
				set.Targets[1].Goals = []timer.Goal{timer.Within(time.Duration(rapid.IntRange(1, 40).Draw(rt, "hours")) * time.Hour)}
				h.activate(rt, mona, set)
				c := office("office")
				c.Hours[0].From = rapid.SampledFrom([]string{"06:00", "08:30", "09:00"}).Draw(rt, "from")
				h.activateCalendar(rt, mona, c)
			},
		})
		require.Zero(rt, h.tick(rt).Failed)
		for _, id := range ids {
			of := itsm.Ref{Kind: incident.Kind, ID: id}
			changes, err := h.p.Rebuild(context.Background(), mona, of, itsm.Command{})
			require.NoError(rt, err)
			require.Empty(rt, changes, "what was followed is what the events make of it")
			for name, x := range h.timers(rt, mona, of) {
				require.Empty(rt, x.Fault, name)
				h.sound(rt, tenant, name, x)
			}
		}
	})
}

// sound compares what is told of a timer with what it has come to.
func (h *host) sound(t require.TestingT, tenant storage.Tenant, name string, x sla.Standing) {
	require.Equal(t, x.Reading.Phase, x.Phase, name)
	require.Equal(t, x.Reading.Outcome, x.Outcome, "%s: the breach was told by now", name)
	count := map[string]int{}
	for _, e := range h.happened(t, tenant, x.ID) {
		count[e]++
	}
	require.Equal(t, x.Reading.HasDue, !x.Due.IsZero(), name)
	if x.Reading.HasDue {
		require.Equal(t, storage.Instant(x.Reading.Due), x.Due, name)
	}
	fired, told := 0, 0
	for i := range x.State.Cycles {
		seen := map[string]bool{}
		for _, m := range x.State.Cycles[i].Fired {
			require.False(t, seen[m.Threshold], "%s: %s fired twice in a cycle", name, m.Threshold)
			seen[m.Threshold] = true
			fired++
		}
	}
	cycles := map[int]bool{}
	for _, b := range x.Told {
		require.False(t, cycles[b.Cycle], "%s: a breach was told twice", name)
		cycles[b.Cycle] = true
		require.True(t, b.Noted.After(b.Due), name)
	}
	for line, n := range count {
		switch {
		case len(line) > 17 && line[:17] == "threshold_reached":
			fired -= n
		case len(line) >= 8 && line[:8] == "breached":
			told += n
		}
	}
	require.Zero(t, fired, "%s: each that fired was told", name)
	require.Len(t, x.Told, told, "%s: each breach was told", name)
}
