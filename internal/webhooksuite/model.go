// This file holds the model test: random events, an endpoint of changing moods, passing time. Whatever
// happens, each event comes at least once under one id until it is taken, and those of a record in order.

package webhooksuite

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm/webhook"
	"github.com/itsmkit/itsmkit/storage"
)

// runs keeps the tenants of one run of the model apart from those of every other.
var runs atomic.Int64

func runModel(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	rapid.Check(t, func(rt *rapid.T) {
		tenant := storage.Tenant(fmt.Sprintf("run-%d", runs.Add(1)))
		_, secret := h.define(rt, ctx, tenant, "/full")
		h.define(rt, ctx, tenant, "/public", func(d *webhook.Definition) { d.Detail = webhook.DetailPublic })
		var all []ticket
		// What each endpoint is to take of each record, in order, and how far it is.
		want, taken := map[string][]string{}, map[string]int{}
		moods := []int{200, 200, 204, 404, 500, 503}
		mood := map[string]int{"/full": 200, "/public": 200}
		h.take()
		h.server.mu.Lock()
		h.answer = func(w http.ResponseWriter, r request) {
			h.server.mu.Lock()
			defer h.server.mu.Unlock()
			w.WriteHeader(mood[r.path])
		}
		h.server.mu.Unlock()
		expect := func(tk ticket, version int64, internal bool, places int) {
			for n := range places {
				place := fmt.Sprintf("%d.%d", version, n)
				want["/full "+string(tk.ID)] = append(want["/full "+string(tk.ID)], place)
				if !internal {
					want["/public "+string(tk.ID)] = append(want["/public "+string(tk.ID)], place)
				}
			}
		}
		seen := map[string]string{}
		look := func() {
			for _, r := range h.take() {
				key := r.path + " " + string(r.data.Record)
				require.Less(rt, taken[key], len(want[key]), "%s has everything", key)
				require.Equal(rt, want[key][taken[key]], fmt.Sprintf("%d.%d", r.data.Version, r.data.N), "what is next of %s", key)
				if r.path == "/full" {
					_, err := webhook.Verify(r.header, r.body, h.clock.Now(), secret)
					require.NoError(rt, err)
				}
				place := key + want[key][taken[key]]
				if was, ok := seen[place]; ok {
					require.Equal(rt, was, r.id(), "the same event has the same id")
				}
				seen[place] = r.id()
				if s := mood[r.path]; s < 300 {
					taken[key]++
				}
			}
		}
		versions := map[string]int64{}
		rt.Repeat(map[string]func(*rapid.T){
			"log": func(rt *rapid.T) {
				tk := h.log(rt, ctx, tenant, false)
				all = append(all, tk)
				versions[string(tk.ID)] = 1
				expect(tk, 1, false, 1)
			},
			"change": func(rt *rapid.T) {
				if len(all) == 0 {
					return
				}
				tk := rapid.SampledFrom(all).Draw(rt, "ticket")
				internal, events := rapid.Bool().Draw(rt, "internal"), rapid.IntRange(1, 3).Draw(rt, "events")
				h.change(rt, ctx, tk, internal, make([]int, events)...)
				versions[string(tk.ID)]++
				expect(tk, versions[string(tk.ID)], internal, events)
			},
			"mood": func(rt *rapid.T) {
				h.server.mu.Lock()
				defer h.server.mu.Unlock()
				mood[rapid.SampledFrom([]string{"/full", "/public"}).Draw(rt, "path")] = rapid.SampledFrom(moods).Draw(rt, "mood")
			},
			"time": func(rt *rapid.T) {
				h.pass(rt, ctx, time.Duration(rapid.IntRange(0, 90).Draw(rt, "minutes"))*time.Minute)
				look()
			},
		})
		// In the end both work, and everything comes.
		h.server.mu.Lock()
		mood["/full"], mood["/public"] = 200, 200
		h.server.mu.Unlock()
		for range 30 {
			h.pass(rt, ctx, time.Hour)
			look()
		}
		for key, places := range want {
			require.Len(rt, places, taken[key], key)
		}
	})
}
