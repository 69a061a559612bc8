// This file holds the cases.

package webhooksuite

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/cloudevents"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/webhook"
	"github.com/itsmkit/itsmkit/storage"
)

func delivered(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	e, secret := h.define(t, ctx, acme, "/hook")
	require.NotEmpty(t, secret.Reveal())
	tk := h.log(t, ctx, acme, false)
	h.pass(t, ctx, 0)
	got := h.take()
	require.Len(t, got, 1)
	id, err := webhook.Verify(got[0].header, got[0].body, h.clock.Now(), secret)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(id, "msg_"))
	require.NotContains(t, id, ".")
	require.Equal(t, "application/cloudevents+json; charset=utf-8", got[0].header.Get("Content-Type"))
	event := got[0].event
	require.Equal(t, cloudevents.SpecVersion, event.SpecVersion)
	require.Equal(t, "ticket.changed.v1", event.Type)
	require.Equal(t, "https://desk.example.com/acme", event.Source)
	require.Equal(t, "ticket/"+string(tk.ID), event.Subject)
	require.Equal(t, "msg_"+event.ID, id)
	require.Equal(t, h.clock.Now(), event.Time)
	require.EqualValues(t, "mona", got[0].data.Actor)
	require.JSONEq(t, `{"step":1}`, string(got[0].data.Payload))
	d := h.deliveries(t, ctx, acme)[0]
	require.Equal(t, webhook.DeliveryDelivered, d.State)
	require.Equal(t, 200, d.Status)
	require.Equal(t, e.ID, d.Endpoint)
	h.pass(t, ctx, time.Hour)
	require.Empty(t, h.take(), "once")
}

func standardSchedule(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	h.define(t, ctx, acme, "/hook")
	h.answers(http.StatusNotFound)
	h.log(t, ctx, acme, false)
	h.pass(t, ctx, 0)
	first := h.take()
	require.Len(t, first, 1)
	for i, wait := range webhook.StandardSchedule() {
		h.pass(t, ctx, wait-time.Microsecond)
		require.Empty(t, h.take(), "before attempt %d", i+2)
		h.pass(t, ctx, wait/10+time.Microsecond)
		got := h.take()
		require.Len(t, got, 1, "attempt %d", i+2)
		require.Equal(t, first[0].id(), got[0].id())
		require.Equal(t, first[0].body, got[0].body)
		require.Equal(t, fmt.Sprint(h.clock.Now().Unix()), got[0].header.Get(webhook.HeaderTimestamp), "of the attempt")
	}
	d := h.deliveries(t, ctx, acme)[0]
	require.Equal(t, webhook.DeliveryDead, d.State)
	require.Equal(t, 10, d.Attempts)
	require.Equal(t, "the endpoint answered 404 Not Found", d.Error)
	h.pass(t, ctx, 48*time.Hour)
	require.Empty(t, h.take())
}

func deadAndAgain(t *testing.T, store storage.Store) {
	h, ctx := open(t, store, func(o *webhook.Options) { o.Schedule = []time.Duration{time.Second} }), t.Context()
	e, _ := h.define(t, ctx, acme, "/hook")
	h.answers(http.StatusBadRequest)
	tk := h.log(t, ctx, acme, false)
	h.change(t, ctx, tk, false, 2)
	for range 4 {
		h.pass(t, ctx, 2*time.Second)
	}
	require.Equal(t, []int{1, 1, 2, 2}, steps(t, h.take(), "/hook"), "what is behind a dead one comes")
	dead, err := h.p.Deliveries(ctx, manager(acme), storage.Query[webhook.DeliveryHead]{Where: storage.AllOf(webhook.DeliveryByEndpoint.Is(e.ID), webhook.DeliveryByState.Is(webhook.DeliveryDead))})
	require.NoError(t, err)
	require.Len(t, dead.Items, 2)
	h.answers(http.StatusNoContent)
	for _, d := range dead.Items {
		d, err := h.p.Redeliver(ctx, manager(acme), d.ID, itsm.Command{})
		require.NoError(t, err)
		require.Equal(t, webhook.DeliveryPending, d.State)
	}
	h.pass(t, ctx, 0)
	require.Equal(t, []int{1, 2}, steps(t, h.take(), "/hook"))
	_, err = h.p.Redeliver(ctx, manager(acme), dead.Items[0].ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	_, err = h.p.Redeliver(ctx, manager(acme), "none", itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func order(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	h.define(t, ctx, acme, "/hook")
	tk, other := h.log(t, ctx, acme, false), h.log(t, ctx, acme, false)
	h.pass(t, ctx, 0)
	h.take()
	// The third of six is not taken for a while; the other record goes on.
	h.answer = func(w http.ResponseWriter, r request) {
		if strings.Contains(string(r.data.Payload), "4}") {
			w.WriteHeader(http.StatusConflict)
		}
	}
	h.change(t, ctx, tk, false, 2, 3)
	h.change(t, ctx, tk, false, 4, 5)
	h.pass(t, ctx, 0)
	h.change(t, ctx, tk, false, 6, 7)
	h.change(t, ctx, other, false, 2)
	h.pass(t, ctx, 0)
	var told []int
	for _, r := range h.take() {
		if r.data.Record == tk.ID {
			told = append(told, steps(t, []request{r}, "/hook")...)
		} else {
			require.Equal(t, []int{2}, steps(t, []request{r}, "/hook"))
		}
	}
	require.Equal(t, []int{2, 3, 4}, told)
	h.answers(http.StatusOK)
	h.pass(t, ctx, time.Minute)
	h.pass(t, ctx, 0)
	require.Equal(t, []int{4, 5, 6, 7}, steps(t, h.take(), "/hook"))
}

func others(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	h.define(t, ctx, acme, "/broken")
	h.define(t, ctx, acme, "/works")
	h.answer = func(w http.ResponseWriter, r request) {
		if r.path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
	tk := h.log(t, ctx, acme, false)
	for i := range 5 {
		h.pass(t, ctx, 0)
		h.change(t, ctx, tk, false, i+2)
	}
	h.pass(t, ctx, 0)
	got := h.take()
	require.Equal(t, []int{1, 2, 3, 4, 5, 6}, steps(t, got, "/works"))
	require.Equal(t, []int{1}, steps(t, got, "/broken"))
}

func leftAlone(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	e, _ := h.define(t, ctx, acme, "/hook")
	h.answers(http.StatusServiceUnavailable)
	for range 10 {
		h.log(t, ctx, acme, false)
	}
	h.pass(t, ctx, 0)
	require.Len(t, h.take(), 1, "one of ten is tried")
	health, err := h.p.Health(ctx, manager(acme), e.ID)
	require.NoError(t, err)
	require.Equal(t, 1, health.Failures)
	require.True(t, health.RetryAt.After(h.clock.Now()))
	h.pass(t, ctx, 6*time.Second)
	require.Len(t, h.take(), 1)
	h.answers(http.StatusOK)
	h.pass(t, ctx, 10*time.Minute)
	require.Len(t, ids(h.take()), 10)
	health, err = h.p.Health(ctx, manager(acme), e.ID)
	require.NoError(t, err)
	require.Equal(t, webhook.Health{Secrets: 1}, health)
}

func slow(t *testing.T, store storage.Store) {
	h, ctx := open(t, store, func(o *webhook.Options) { o.Timeout = 50 * time.Millisecond }), t.Context()
	h.define(t, ctx, acme, "/hook")
	release := make(chan struct{})
	h.answer = func(http.ResponseWriter, request) { <-release }
	h.log(t, ctx, acme, false)
	h.pass(t, ctx, 0)
	d := h.deliveries(t, ctx, acme)[0]
	require.Equal(t, webhook.DeliveryPending, d.State)
	require.Zero(t, d.Status)
	require.Equal(t, "the endpoint did not answer in time", d.Error)
	close(release)
	// On a busy machine an answer may take longer than that once more.
	for tries := 0; tries < 20 && h.deliveries(t, ctx, acme)[0].State == webhook.DeliveryPending; tries++ {
		h.pass(t, ctx, time.Hour)
	}
	require.Equal(t, webhook.DeliveryDelivered, h.deliveries(t, ctx, acme)[0].State)
	require.Len(t, ids(h.take()), 1)
}

func endless(t *testing.T, store storage.Store) {
	h, ctx := open(t, store, func(o *webhook.Options) { o.Timeout = 20 * time.Second }), t.Context()
	h.define(t, ctx, acme, "/hook")
	h.answer = func(w http.ResponseWriter, _ request) {
		for { // until the sender has had enough
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	}
	h.log(t, ctx, acme, false)
	h.pass(t, ctx, 0)
	require.Equal(t, webhook.DeliveryDelivered, h.deliveries(t, ctx, acme)[0].State)
}

func gone(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	e, _ := h.define(t, ctx, acme, "/hook")
	h.answers(http.StatusGone)
	tk := h.log(t, ctx, acme, false)
	h.change(t, ctx, tk, false, 2)
	h.pass(t, ctx, 0)
	require.Len(t, h.take(), 1)
	e = h.endpoint(t, ctx, e)
	require.Equal(t, webhook.StateDisabled, e.State)
	require.Equal(t, webhook.WhyGone, e.Why)
	require.Equal(t, webhook.Disabled{Name: "/hook", Why: webhook.WhyGone, Status: 410}, h.last(t, ctx, e).Data)
	for _, d := range h.deliveries(t, ctx, acme) {
		require.Equal(t, webhook.DeliveryDead, d.State)
		_, err := h.p.Redeliver(ctx, manager(acme), d.ID, itsm.Command{})
		require.ErrorIs(t, err, itsm.ErrTransition)
	}
	h.change(t, ctx, tk, false, 3)
	h.pass(t, ctx, time.Hour)
	require.Empty(t, h.take())
	require.Len(t, h.deliveries(t, ctx, acme), 2, "what comes meanwhile is not for it")
}

// last gives the last event of an endpoint.
func (h *desk) last(t require.TestingT, ctx context.Context, e webhook.Endpoint) (last itsm.Event) {
	require.NoError(t, h.e.View(ctx, manager(e.Tenant), func(ctx context.Context, r storage.Reader) error {
		events, err := h.e.History(ctx, r, storage.EventQuery{Kind: webhook.Kind, Record: e.ID, Limit: 100})
		last = events[len(events)-1]
		return err
	}))
	return last
}

func failsForDays(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	e, _ := h.define(t, ctx, acme, "/hook")
	h.answers(http.StatusInternalServerError)
	for range 10 {
		h.log(t, ctx, acme, false)
		h.pass(t, ctx, 12*time.Hour)
	}
	require.Equal(t, webhook.StateActive, h.endpoint(t, ctx, e).State)
	h.pass(t, ctx, 12*time.Hour)
	h.pass(t, ctx, 12*time.Hour)
	e = h.endpoint(t, ctx, e)
	require.Equal(t, webhook.StateDisabled, e.State)
	require.Equal(t, webhook.WhyFailing, e.Why)
	// Enabled again it is told of what happens from now on.
	h.pass(t, ctx, 24*time.Hour)
	h.take()
	h.answers(http.StatusOK)
	_, err := h.p.Enable(ctx, manager(acme), e.ID, itsm.Command{})
	require.NoError(t, err)
	h.log(t, ctx, acme, false)
	h.pass(t, ctx, 0)
	require.Len(t, h.take(), 1)
}

func redirects(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	h.define(t, ctx, acme, "/hook")
	h.answer = func(w http.ResponseWriter, _ request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
	h.log(t, ctx, acme, false)
	h.pass(t, ctx, 0)
	got := h.take()
	require.Len(t, got, 1)
	require.Equal(t, "/hook", got[0].path)
	require.Equal(t, 307, h.deliveries(t, ctx, acme)[0].Status)
}

func retryAfter(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	h.define(t, ctx, acme, "/hook")
	h.answer = func(w http.ResponseWriter, _ request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	h.log(t, ctx, acme, false)
	h.log(t, ctx, acme, false)
	h.pass(t, ctx, 0)
	require.Len(t, h.take(), 1)
	h.answers(http.StatusOK)
	h.pass(t, ctx, time.Hour-time.Microsecond)
	require.Empty(t, h.take())
	h.pass(t, ctx, time.Microsecond)
	require.Len(t, h.take(), 2)
}

func privateAddresses(t *testing.T, store storage.Store) {
	h, ctx := open(t, store, func(o *webhook.Options) { o.AllowPrivate = false }), t.Context()
	for _, u := range []string{h.URL, "http://169.254.169.254/latest", "http://[::1]/", "http://[::ffff:10.0.0.1]:80/", "http://10.1.2.3"} {
		_, _, err := h.p.Define(ctx, manager(acme), webhook.Definition{Name: "x", URL: u, Types: []string{"ticket.*"}})
		require.Equal(t, []string{"url"}, fields(t, err), u)
	}
	// A name that leads there is refused when it is called.
	h.define(t, ctx, acme, "/hook", func(d *webhook.Definition) {
		d.URL = strings.Replace(h.URL, "127.0.0.1", "localhost", 1) + "/hook"
	})
	h.log(t, ctx, acme, false)
	h.pass(t, ctx, 0)
	require.Empty(t, h.take())
	d := h.deliveries(t, ctx, acme)[0]
	require.Equal(t, "the address is private, local or reserved", d.Error)
	require.Zero(t, d.Status)
}

func rotation(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	e, old := h.define(t, ctx, acme, "/hook")
	_, current, err := h.p.Rotate(ctx, manager(acme), e.ID, webhook.Rotation{Overlap: time.Hour})
	require.NoError(t, err)
	require.NotEqual(t, old.Reveal(), current.Reveal())
	verified := func(s webhook.Secret) error {
		h.log(t, ctx, acme, false)
		h.pass(t, ctx, 0)
		got := h.take()
		require.Len(t, got, 1)
		_, err := webhook.Verify(got[0].header, got[0].body, h.clock.Now(), s)
		return err
	}
	require.NoError(t, verified(old))
	require.NoError(t, verified(current))
	h.clock.Advance(time.Hour)
	require.ErrorIs(t, verified(old), webhook.ErrNotVerified)
	require.NoError(t, verified(current))
	_, stolen, err := h.p.Rotate(ctx, manager(acme), e.ID, webhook.Rotation{Now: true})
	require.NoError(t, err)
	require.ErrorIs(t, verified(current), webhook.ErrNotVerified)
	require.NoError(t, verified(stolen))
	_, _, err = h.p.Rotate(ctx, manager(acme), e.ID, webhook.Rotation{Now: true, Overlap: time.Hour})
	require.Equal(t, []string{"overlap"}, fields(t, err))
	// Told once: a command that is given again has no secret to tell.
	_, first, err := h.p.Rotate(ctx, manager(acme), e.ID, webhook.Rotation{Command: itsm.Command{Key: "k"}})
	require.NoError(t, err)
	require.False(t, first.IsZero())
	_, again, err := h.p.Rotate(ctx, manager(acme), e.ID, webhook.Rotation{Command: itsm.Command{Key: "k"}})
	require.NoError(t, err)
	require.True(t, again.IsZero())
}

func secrets(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	const token = "token-in-the-url"
	e, secret := h.define(t, ctx, acme, "/hook?"+token, func(d *webhook.Definition) { d.Name = "hook" })
	e, other, err := h.p.Rotate(ctx, manager(acme), e.ID, webhook.Rotation{})
	require.NoError(t, err)
	moved := h.URL + "/other?" + token
	_, err = h.p.Revise(ctx, manager(acme), e.ID, webhook.Revision{URL: &moved})
	require.NoError(t, err)
	h.Close() // which makes an error that would name the URL
	h.log(t, ctx, acme, false)
	h.pass(t, ctx, 0)
	var shown []string
	show := func(v any, err error) {
		require.NoError(t, err)
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		shown = append(shown, string(raw), fmt.Sprintf("%+v", v))
	}
	show(h.p.Endpoints(ctx, manager(acme), storage.Query[webhook.Head]{}))
	show(h.p.Deliveries(ctx, manager(acme), storage.Query[webhook.DeliveryHead]{}))
	show(h.e.DeadLetters(ctx, manager(acme), storage.Job{}, 100))
	require.Equal(t, "the endpoint could not be reached", h.deliveries(t, ctx, acme)[0].Error)
	require.NoError(t, h.e.View(ctx, manager(acme), func(ctx context.Context, r storage.Reader) error {
		events, err := r.Events(ctx, storage.EventQuery{Limit: 1000})
		for _, e := range events {
			shown = append(shown, string(e.Envelope))
		}
		jobs, err2 := r.Jobs(ctx, storage.JobQuery{Limit: 1000})
		for _, j := range jobs {
			shown = append(shown, string(j.Payload), j.Error)
		}
		require.NoError(t, err2)
		return err
	}))
	for _, s := range shown {
		require.NotContains(t, s, token)
	}
	show(h.p.Endpoint(ctx, manager(acme), e.ID))
	// Nor are they stored as they are.
	for _, s := range h.e.Schemas() {
		require.NoError(t, h.e.View(ctx, manager(acme), func(ctx context.Context, r storage.Reader) error {
			rows, err := r.Query(ctx, s, storage.RowQuery{Limit: 1000, Bodies: true})
			for _, row := range rows {
				shown = append(shown, fmt.Sprint(row.Columns), string(row.Body))
			}
			return err
		}))
	}
	for _, s := range []webhook.Secret{secret, other} {
		encoded := strings.TrimPrefix(s.Reveal(), "whsec_")
		plain, err := base64.StdEncoding.DecodeString(encoded)
		require.NoError(t, err)
		for _, x := range shown {
			require.NotContains(t, x, encoded)
			require.NotContains(t, x, string(plain))
		}
	}
}

// diesAfterSending is a process that ends when the endpoint has the delivery and nothing is written yet.
func diesAfterSending(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	h.define(t, ctx, acme, "/hook")
	dying, die := context.WithCancel(ctx)
	hold := make(chan struct{})
	h.answer = func(http.ResponseWriter, request) { die(); <-hold }
	h.log(t, ctx, acme, false)
	_, err := h.e.Tick(dying, h.clock.Now())
	require.ErrorIs(t, err, context.Canceled)
	close(hold)
	first := h.take()
	require.Len(t, first, 1)
	require.Equal(t, webhook.DeliveryPending, h.deliveries(t, ctx, acme)[0].State)
	h.answers(http.StatusOK)
	h.pass(t, ctx, time.Hour) // the claim has ended
	second := h.take()
	require.Len(t, second, 1)
	require.Equal(t, first[0].id(), second[0].id())
	require.Equal(t, first[0].body, second[0].body)
	d := h.deliveries(t, ctx, acme)[0]
	require.Equal(t, webhook.DeliveryDelivered, d.State)
	require.Equal(t, 2, d.Attempts)
}

func publicDetail(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	h.define(t, ctx, acme, "/portal", func(d *webhook.Definition) {
		d.Detail, d.Types = "", []string{"ticket.*", "webhook_endpoint.*", "record.*"}
	})
	tk := h.log(t, ctx, acme, false)
	h.change(t, ctx, tk, true, 2)
	h.change(t, ctx, tk, false, 3)
	h.define(t, ctx, acme, "/another")
	h.pass(t, ctx, 0)
	var told []int64
	for _, r := range h.take() {
		if r.path != "/portal" {
			continue
		}
		told = append(told, r.data.Version)
		require.Equal(t, cloudevents.Data{Kind: "ticket", Record: tk.ID, Version: r.data.Version, Action: r.data.Action}, r.data)
		require.NotContains(t, string(r.body), "a reason")
		require.NotContains(t, string(r.body), "Mona")
		require.NotContains(t, string(r.body), "first")
	}
	require.Equal(t, []int64{1, 3}, told)
}

func restricted(t *testing.T, store storage.Store) {
	refused := map[itsm.ID]bool{}
	h, ctx := open(t, store, func(o *webhook.Options) {
		o.MayKnow = func(_ context.Context, _ storage.Reader, _ webhook.Endpoint, e itsm.Event) (bool, error) {
			return !refused[e.Record], nil
		}
	}), t.Context()
	h.define(t, ctx, acme, "/full")
	h.define(t, ctx, acme, "/security", func(d *webhook.Definition) { d.Restricted = true })
	h.log(t, ctx, acme, true)
	later := h.log(t, ctx, acme, false)
	paths := func() map[string]int {
		n := map[string]int{}
		for _, r := range h.take() {
			n[r.path]++
		}
		return n
	}
	h.answers(http.StatusConflict)
	h.pass(t, ctx, 0)
	require.Equal(t, map[string]int{"/full": 1, "/security": 2}, paths())
	// What is restricted while it waits is not sent any more.
	require.NoError(t, h.e.Update(ctx, manager(acme), func(ctx context.Context, u *engine.Unit) error {
		tk, err := tickets.Get(ctx, u, later.ID)
		if err != nil {
			return err
		}
		tk.Restricted = true
		return tickets.Put(ctx, u.Quiet(), &tk)
	}))
	h.answers(http.StatusOK)
	h.pass(t, ctx, time.Minute)
	require.Equal(t, map[string]int{"/security": 2}, paths())
	states := map[webhook.DeliveryState]int{}
	for _, d := range h.deliveries(t, ctx, acme) {
		states[d.State]++
	}
	require.Equal(t, map[webhook.DeliveryState]int{webhook.DeliveryDelivered: 2, webhook.DeliveryDropped: 1}, states)
	tk := h.log(t, ctx, acme, false)
	refused[tk.ID] = true
	h.pass(t, ctx, 0)
	require.Empty(t, paths(), "the host says no")
}

func refused(t *testing.T, store storage.Store) {
	h, ctx := open(t, store, func(o *webhook.Options) { o.AllowHTTP = false }), t.Context()
	for u, ok := range map[string]bool{
		"https://example.com/hooks?a=b": true, "http://example.com": false, "ftp://example.com": false, "https://": false, "https:///x": false, "example.com": false, "": false,
		"https://user:password@example.com": false, "https://example.com/#x": false, "https:example.com": false, "https://example.com/" + strings.Repeat("x", webhook.MaxURL): false,
	} {
		_, _, err := h.p.Define(ctx, manager(acme), webhook.Definition{Name: "x", URL: u, Types: []string{"ticket.*"}})
		if ok {
			require.NoError(t, err, u)
		} else {
			require.Equal(t, []string{"url"}, fields(t, err), u)
		}
	}
	_, _, err := h.p.Define(ctx, manager(acme), webhook.Definition{Command: itsm.Command{Key: "a\x00"}, Types: []string{"ticket.lost.v1", "*", "tick*", "ticket.changed.v1"}, Detail: "some", Restricted: true})
	require.Equal(t, []string{"key", "name", "url", "types[0]", "types[1]", "types[2]", "detail"}, fields(t, err))
	_, _, err = h.p.Define(ctx, manager(acme), webhook.Definition{Name: "x", URL: "https://example.com", Restricted: true})
	require.Equal(t, []string{"types", "restricted"}, fields(t, err))
}

func permissions(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	e, _ := h.define(t, ctx, acme, "/hook")
	h.log(t, ctx, acme, false)
	h.pass(t, ctx, 0)
	d := h.deliveries(t, ctx, acme)[0]
	for _, role := range []itsm.RoleName{itsm.RoleRequester, itsm.RoleServiceDeskAnalyst, itsm.RoleIncidentManager, itsm.RoleAuditor} {
		actor := itsm.Actor{Tenant: acme, ID: "x", Roles: []itsm.RoleName{role}}
		_, _, err := h.p.Define(ctx, actor, webhook.Definition{})
		require.ErrorIs(t, err, itsm.ErrForbidden)
		_, err = h.p.Revise(ctx, actor, e.ID, webhook.Revision{})
		require.ErrorIs(t, err, itsm.ErrForbidden)
		_, _, err = h.p.Rotate(ctx, actor, e.ID, webhook.Rotation{})
		require.ErrorIs(t, err, itsm.ErrForbidden)
		_, err = h.p.Retire(ctx, actor, "none", itsm.Command{})
		require.ErrorIs(t, err, itsm.ErrForbidden)
		_, err = h.p.Redeliver(ctx, actor, d.ID, itsm.Command{})
		require.ErrorIs(t, err, itsm.ErrForbidden)
		_, err = h.p.Endpoint(ctx, actor, e.ID)
		_, err2 := h.p.Endpoints(ctx, actor, storage.Query[webhook.Head]{})
		_, err3 := h.p.Deliveries(ctx, actor, storage.Query[webhook.DeliveryHead]{})
		_, err4 := h.p.Health(ctx, actor, e.ID)
		for _, err := range []error{err, err2, err3, err4} {
			if role == itsm.RoleAuditor {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, itsm.ErrForbidden)
			}
		}
	}
}

func lifecycle(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	e, _ := h.define(t, ctx, acme, "/hook")
	mona := manager(acme)
	none := []string{"webhook_endpoint.*"}
	_, err := h.p.Revise(ctx, mona, e.ID, webhook.Revision{Command: itsm.Command{IfVersion: e.Version}, Types: &none})
	require.NoError(t, err)
	_, err = h.p.Revise(ctx, mona, e.ID, webhook.Revision{Command: itsm.Command{IfVersion: e.Version}})
	require.ErrorIs(t, err, itsm.ErrConflict)
	h.log(t, ctx, acme, false)
	_, err = h.p.Enable(ctx, mona, e.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	_, err = h.p.Disable(ctx, mona, e.ID, itsm.Command{})
	require.NoError(t, err)
	h.pass(t, ctx, 0)
	require.Empty(t, h.take())
	_, err = h.p.Disable(ctx, mona, e.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	_, err = h.p.Enable(ctx, mona, e.ID, itsm.Command{})
	require.NoError(t, err)
	h.pass(t, ctx, 0)
	require.Len(t, h.take(), 1, "of its own enabling")
	_, err = h.p.Retire(ctx, mona, e.ID, itsm.Command{})
	require.NoError(t, err)
	h.pass(t, ctx, 0)
	require.Empty(t, h.take())
	health, err := h.p.Health(ctx, mona, e.ID)
	require.NoError(t, err)
	require.Zero(t, health.Secrets)
	for _, try := range []func() error{
		func() error { _, err := h.p.Enable(ctx, mona, e.ID, itsm.Command{}); return err },
		func() error { _, err := h.p.Revise(ctx, mona, e.ID, webhook.Revision{}); return err },
		func() error { _, _, err := h.p.Rotate(ctx, mona, e.ID, webhook.Rotation{}); return err },
		func() error { _, err := h.p.Retire(ctx, mona, e.ID, itsm.Command{}); return err },
	} {
		require.ErrorIs(t, try(), itsm.ErrTransition)
	}
}

func purged(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	h.define(t, ctx, acme, "/hook")
	h.log(t, ctx, acme, false)
	h.pass(t, ctx, 0)
	for range 29 {
		h.pass(t, ctx, 24*time.Hour)
	}
	require.Len(t, h.deliveries(t, ctx, acme), 1)
	for range 3 {
		h.pass(t, ctx, 24*time.Hour)
	}
	require.Empty(t, h.deliveries(t, ctx, acme))
	require.NoError(t, h.e.View(ctx, manager(acme), func(ctx context.Context, r storage.Reader) error {
		jobs, err := r.Jobs(ctx, storage.JobQuery{Limit: 10})
		require.Empty(t, jobs, "nothing is left to be done")
		return err
	}))
}

func tenantsApart(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	e, _ := h.define(t, ctx, acme, "/acme")
	h.define(t, ctx, globex, "/globex")
	h.log(t, ctx, acme, false)
	h.pass(t, ctx, 0)
	got := h.take()
	require.Len(t, got, 1)
	require.Equal(t, "/acme", got[0].path)
	require.Empty(t, h.deliveries(t, ctx, globex))
	_, err := h.p.Endpoint(ctx, manager(globex), e.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.p.Health(ctx, manager(globex), e.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, _, err = h.p.Rotate(ctx, manager(globex), e.ID, webhook.Rotation{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.p.Redeliver(ctx, manager(globex), h.deliveries(t, ctx, acme)[0].ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
}
