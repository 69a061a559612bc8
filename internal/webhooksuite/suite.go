// This file holds the entry and what all cases use: a host with tickets, and a server that receives.

package webhooksuite

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/testclock"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/cloudevents"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/webhook"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case, each as a subtest with a store of its own.
//
// newStore gives an empty store whose own tables are ready; the suite migrates it with the tables of the
// practice where it is a storage.Migrator. What it opened it closes itself, with t.Cleanup. Each store
// must be apart from all others.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, newStore(t)) })
	}
}

var cases = []struct {
	name string
	run  func(t *testing.T, store storage.Store)
}{
	{"AnEventIsDeliveredSignedAsACloudEvent", delivered},
	{"AFailedDeliveryIsTriedByTheStandardSchedule", standardSchedule},
	{"ADeadDeliveryIsSentAgainOnDemand", deadAndAgain},
	{"TheOrderOfARecordIsKept", order},
	{"AnEndpointThatFailsDoesNotHoldUpAnother", others},
	{"AnEndpointThatDoesNotAnswerIsLeftAlone", leftAlone},
	{"AnAnswerThatTakesTooLongIsAFailure", slow},
	{"AnEndlessAnswerIsNotReadToItsEnd", endless},
	{"AnEndpointThatIsGoneIsDisabled", gone},
	{"AnEndpointThatFailsForDaysIsDisabled", failsForDays},
	{"RedirectsAreNotFollowed", redirects},
	{"RetryAfterIsKept", retryAfter},
	{"PrivateAddressesAreRefused", privateAddresses},
	{"SecretsAreRotatedWithoutAGap", rotation},
	{"SecretsAndURLsStandNowhere", secrets},
	{"AProcessThatDiesAfterSendingSendsTheSameAgain", diesAfterSending},
	{"ThePublicDetailHasNothingInternal", publicDetail},
	{"RestrictedRecordsAreForThoseWhoMayKnow", restricted},
	{"AFaultyEndpointIsRefusedWithEveryFault", refused},
	{"PermissionsAreAsked", permissions},
	{"EndpointsAreRevisedDisabledEnabledAndRetired", lifecycle},
	{"OldDeliveriesArePurged", purged},
	{"TenantsAreApart", tenantsApart},
	{"Model", runModel},
}

// The host's records.
type (
	ticket struct {
		ticketHead
		ticketBody
	}
	ticketHead struct {
		storage.Meta
		Restricted bool
	}
	ticketBody struct {
		Text string `json:"text"`
	}
)

var (
	byRestricted = storage.BoolCol("restricted", func(h *ticketHead) *bool { return &h.Restricted })
	tickets      = storage.Define("ticket", storage.Def[ticket, ticketHead, ticketBody]{
		Parts:   func(t *ticket) (*ticketHead, *ticketBody) { return &t.ticketHead, &t.ticketBody },
		Columns: []storage.ColumnOf[ticketHead]{byRestricted},
	})
)

type changed struct {
	Step int `json:"step"`
}

func (changed) EventType() string { return "ticket.changed.v1" }

// desk is a host and the server that its endpoints are on.
type desk struct {
	e     *engine.Engine
	p     *webhook.Practice
	clock *testclock.Clock
	*server
}

// request is what the server was sent.
type request struct {
	path   string
	header http.Header
	body   []byte
	event  cloudevents.Event
	data   cloudevents.Data
}

func (r request) id() string { return r.header.Get(webhook.HeaderID) }

// server is a receiver on the loopback that remembers what it was sent and answers as it is told.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	got    []request
	answer func(w http.ResponseWriter, r request)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	q := request{path: r.URL.Path, header: r.Header, body: body}
	_ = json.Unmarshal(body, &q.event)
	_ = json.Unmarshal(q.event.Data, &q.data)
	s.mu.Lock()
	s.got = append(s.got, q)
	answer := s.answer
	s.mu.Unlock()
	if answer != nil {
		answer(w, q)
	}
}

// answers has the server answer a status.
func (s *server) answers(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = func(w http.ResponseWriter, _ request) { w.WriteHeader(status) }
}

// take gives what was sent since it was last asked.
func (s *server) take() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

const acme, globex = storage.Tenant("acme"), storage.Tenant("globex")

func manager(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
}

// open makes a desk over a store, whose endpoints may be on the loopback.
func open(t *testing.T, store storage.Store, change ...func(*webhook.Options)) *desk {
	t.Helper()
	h := &desk{clock: testclock.New(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)), server: &server{}}
	h.Server = httptest.NewServer(h.server)
	t.Cleanup(h.Close)
	var err error
	h.e, err = engine.New(store, engine.Options{Clock: h.clock.Now})
	require.NoError(t, err)
	encoder, err := cloudevents.NewEncoder(cloudevents.Options{Source: "https://desk.example.com"})
	require.NoError(t, err)
	sealer, err := webhook.NewSealer(make([]byte, 32))
	require.NoError(t, err)
	o := webhook.Options{Encoder: encoder, Sealer: sealer, AllowPrivate: true, AllowHTTP: true, PublicKinds: []string{"ticket"}}
	for _, fn := range change {
		fn(&o)
	}
	h.p, err = webhook.New(h.e, o)
	require.NoError(t, err)
	require.NoError(t, h.e.Use(engine.Module{Name: "ticket", Tables: []*storage.Schema{tickets.Schema()}, Events: []itsm.EventType{itsm.EventOf[changed]()}}))
	require.NoError(t, h.e.Migrate(t.Context()))
	return h
}

// define makes an endpoint on the server that wants the tickets' events with everything.
func (h *desk) define(t require.TestingT, ctx context.Context, tenant storage.Tenant, path string, change ...func(*webhook.Definition)) (webhook.Endpoint, webhook.Secret) {
	d := webhook.Definition{Name: path, URL: h.URL + path, Types: []string{"ticket.*"}, Detail: webhook.DetailFull}
	for _, fn := range change {
		fn(&d)
	}
	e, secret, err := h.p.Define(ctx, manager(tenant), d)
	require.NoError(t, err)
	return e, secret
}

// log makes a ticket, whose first event is step 1.
func (h *desk) log(t require.TestingT, ctx context.Context, tenant storage.Tenant, restricted bool) ticket {
	tk, err := engine.Execute(ctx, h.e, tickets, engine.Call{Name: "ticket.open", Actor: manager(tenant)}, func(ctx context.Context, u *engine.Unit) (ticket, error) {
		tk := ticket{ticketHead{Meta: storage.Meta{ID: u.NewID()}, Restricted: restricted}, ticketBody{Text: "first"}}
		if err := tickets.Put(ctx, u, &tk); err != nil {
			return tk, err
		}
		u.Emit(itsm.Event{Kind: "ticket", Record: tk.ID, Action: "open", Data: changed{1}})
		return tk, nil
	}, nil)
	require.NoError(t, err)
	return tk
}

// change changes a ticket and tells of the steps, all in one transaction.
func (h *desk) change(t require.TestingT, ctx context.Context, tk ticket, internal bool, steps ...int) {
	require.NoError(t, h.e.Update(ctx, manager(tk.Tenant), func(ctx context.Context, u *engine.Unit) error {
		tk, err := tickets.Get(ctx, u, tk.ID)
		if err != nil {
			return err
		}
		tk.Text += " and more"
		if err := tickets.Put(ctx, u, &tk); err != nil {
			return err
		}
		for _, s := range steps {
			u.Emit(itsm.Event{Kind: "ticket", Record: tk.ID, Action: "change", Internal: internal, Reason: "a reason", Data: changed{s}})
		}
		return nil
	}))
}

// pass moves the clock and does what is due.
func (h *desk) pass(t require.TestingT, ctx context.Context, by time.Duration) engine.Ran {
	ran, err := h.e.Tick(ctx, h.clock.Advance(by))
	require.NoError(t, err)
	return ran
}

func (h *desk) deliveries(t require.TestingT, ctx context.Context, tenant storage.Tenant) []webhook.Delivery {
	page, err := h.p.Deliveries(ctx, manager(tenant), storage.Query[webhook.DeliveryHead]{Limit: storage.MaxPage})
	require.NoError(t, err)
	return page.Items
}

func (h *desk) endpoint(t require.TestingT, ctx context.Context, e webhook.Endpoint) webhook.Endpoint {
	e, err := h.p.Endpoint(ctx, manager(e.Tenant), e.ID)
	require.NoError(t, err)
	return e
}

// steps gives the steps that requests to a path told, in order.
func steps(t require.TestingT, all []request, path string) (told []int) {
	for _, r := range all {
		if r.path != path {
			continue
		}
		var s changed
		require.NoError(t, json.Unmarshal(r.data.Payload, &s))
		told = append(told, s.Step)
	}
	return told
}

func ids(all []request) (ids []string) {
	for _, r := range all {
		ids = append(ids, r.id())
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// fields gives the fields of a fault.
func fields(t *testing.T, err error) (all []string) {
	t.Helper()
	require.ErrorIs(t, err, itsm.ErrInvalid)
	var v *storage.ValidationError
	require.ErrorAs(t, err, &v)
	for _, f := range v.Faults {
		all = append(all, f.Field)
	}
	return all
}
