// This file holds the entry and what all cases use: a host with tickets, people and a sender.

package notifysuite

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/testclock"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/notify"
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
	{"D9APersonInSeveralAudiencesIsToldOnce", toldOnce},
	{"D9TheActorIsNotTold", actorNotTold},
	{"D9AnEventThatIsDeliveredAgainTellsNobodyAgain", deliveredAgain},
	{"D9QuietHoursAreThoseOfTheReadersClock", quietHours},
	{"D9UrgentMessagesBreakThrough", urgent},
	{"D9DigestsComeByTheHourAndTheDay", digests},
	{"D9RepeatedEventsAreCollapsed", collapsed},
	{"D9PeopleSwitchOffWhatIsNotMandatory", switchedOff},
	{"D6InternalNotesNeverReachRequesters", internalNotes},
	{"D9WhomAnEventIsAddressedToIsToldOfItThoughItIsInternal", addressed},
	{"D9WhatAReadersOwnHoursKeepWaitingDoesNotExpire", ownHours},
	{"I20RestrictedRecordsAreToldToTheirMembersAlone", restricted},
	{"WhatIsRestrictedMeanwhileIsNotSent", restrictedMeanwhile},
	{"AFailedMessageIsSentAgainUnderTheSameID", failedAgain},
	{"AMessageThatCannotBeDeliveredIsNotTriedAgain", undeliverable},
	{"ADeadLetterIsSentWhenItIsRetried", deadLetter},
	{"AProcessThatDiesAfterSendingSendsTheSameAgain", diesAfterSending},
	{"OldMessagesNeverGoOut", expired},
	{"I11WhatIsAcknowledgedIsNotToldAnyMore", acknowledged},
	{"ConditionsDecideByRecordAndEvent", conditions},
	{"G7RulesOfTheTenantStandBeforeTheProvidersAndTheShipped", layers},
	{"AFaultySetIsRefusedWithEveryFault", refused},
	{"VersionsAreDraftedRevisedActivatedAndRetired", versions},
	{"ExplainSaysWhoWasToldAndWhoWasNot", explained},
	{"PeopleReadTheirOwn", ownMessages},
	{"AnErasedPersonsMessagesSayNothing", erased},
	{"OldMessagesArePurged", purged},
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
		Requester  itsm.ID
		Assignee   itsm.ID
		Group      itsm.ID
		Priority   int
		Open       bool
		Restricted bool
	}
	ticketBody struct {
		Title    string    `json:"title"`
		Notes    []note    `json:"notes,omitempty"`
		Watchers []itsm.ID `json:"watchers,omitempty"`
		Named    []itsm.ID `json:"named,omitempty"`
		Members  []itsm.ID `json:"members,omitempty"`
	}
	note struct {
		Text     string `json:"text"`
		Internal bool   `json:"internal"`
	}
)

var (
	byRequester  = storage.Col("requester", func(h *ticketHead) *itsm.ID { return &h.Requester })
	byAssignee   = storage.Col("assignee", func(h *ticketHead) *itsm.ID { return &h.Assignee })
	byGroup      = storage.Col("grp", func(h *ticketHead) *itsm.ID { return &h.Group })
	byPriority   = storage.Col("priority", func(h *ticketHead) *int { return &h.Priority })
	byOpen       = storage.BoolCol("open", func(h *ticketHead) *bool { return &h.Open })
	byRestricted = storage.BoolCol("restricted", func(h *ticketHead) *bool { return &h.Restricted })
	tickets      = storage.Define("ticket", storage.Def[ticket, ticketHead, ticketBody]{
		Parts:   func(t *ticket) (*ticketHead, *ticketBody) { return &t.ticketHead, &t.ticketBody },
		Columns: []storage.ColumnOf[ticketHead]{byRequester, byAssignee, byGroup, byPriority, byOpen, byRestricted},
	})
)

type (
	opened      struct{}
	noted       struct{}
	acknowledge struct{}
	resolved    struct{}
)

func (opened) EventType() string      { return "ticket.opened.v1" }
func (noted) EventType() string       { return "ticket.noted.v1" }
func (acknowledge) EventType() string { return "ticket.acknowledged.v1" }
func (resolved) EventType() string    { return "ticket.resolved.v1" }

// desk is a host with its people, its sender and a clock that stands until it is moved.
type desk struct {
	e     *engine.Engine
	p     *notify.Practice
	d     *directory.Practice
	clock *testclock.Clock
	*sender
}

// sender remembers what it was given. fail gives the error of a message before it is kept, after that of
// one that is.
type sender struct {
	mu          sync.Mutex
	got         []notify.Notification
	fail, after func(n notify.Notification) error
}

func (s *sender) Send(_ context.Context, n notify.Notification) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(n); err != nil {
			return err
		}
	}
	s.got = append(s.got, n)
	if s.after != nil {
		return s.after(n)
	}
	return nil
}

// take gives what was sent since it was last asked: "rita email ticket.opened", in order.
func (s *sender) take() (words []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.got {
		words = append(words, string(n.Person)+" "+string(n.Channel)+" "+n.Template)
	}
	s.got = nil
	slices.Sort(words)
	return words
}

// Audience gives whom the ticket names.
func (*sender) Audience(ctx context.Context, r storage.Reader, e itsm.Event, a notify.Audience) (notify.Readers, error) {
	if a.Kind == notify.AudienceHost {
		return notify.Readers{People: []itsm.ID{itsm.ID(a.Name)}}, nil
	}
	t, err := tickets.Get(ctx, r, e.Record)
	if err != nil {
		return notify.Readers{}, err
	}
	switch a.Kind {
	case notify.AudienceNamed:
		return notify.Readers{People: t.Named}, nil
	case notify.AudienceRequester:
		return notify.Readers{People: []itsm.ID{t.Requester}}, nil
	case notify.AudienceAssignee:
		return notify.Readers{People: []itsm.ID{t.Assignee}}, nil
	case notify.AudienceGroup:
		return notify.Readers{Groups: []itsm.ID{t.Group}}, nil
	case notify.AudienceWatchers:
		return notify.Readers{People: t.Watchers}, nil
	}
	return notify.Readers{}, nil
}

var staff = []itsm.ID{"ana", "bob", "cem", "mona"}

// MayRead lets the staff read everything but what is restricted, and requesters their own.
func (*sender) MayRead(ctx context.Context, r storage.Reader, ref itsm.Ref, readers []notify.Reader) (map[itsm.ID]notify.Reading, error) {
	t, err := tickets.Get(ctx, r, ref.ID)
	if err != nil {
		return nil, err
	}
	may := map[itsm.ID]notify.Reading{}
	for _, reader := range readers {
		may[reader.Person] = reads(&t, reader.Person, slices.Contains(staff, reader.Person))
		if reader.Named && !t.Restricted && may[reader.Person] == notify.ReadNothing {
			may[reader.Person] = notify.ReadPublic
		}
	}
	return may, nil
}

func reads(t *ticket, id itsm.ID, works bool) notify.Reading {
	switch {
	case works && (!t.Restricted || slices.Contains(t.Members, id)):
		return notify.ReadInternal
	case id == t.Requester || !t.Restricted && slices.Contains(t.Watchers, id):
		return notify.ReadPublic
	}
	return notify.ReadNothing
}

// MayShow goes by the roles of who asks, with one question to the store.
func (*sender) MayShow(ctx context.Context, r storage.Reader, actor itsm.Actor, records []itsm.Ref) (map[itsm.Ref]notify.Reading, error) {
	var ids []itsm.ID
	for _, ref := range records {
		if !slices.Contains(ids, ref.ID) {
			ids = append(ids, ref.ID)
		}
	}
	may := map[itsm.Ref]notify.Reading{}
	if len(ids) == 0 {
		return may, nil
	}
	page, err := tickets.Records(ctx, r, storage.Query[ticketHead]{Where: tickets.ByID().In(ids...), Limit: storage.MaxPage})
	for i := range page.Items {
		t := &page.Items[i]
		may[itsm.Ref{Kind: "ticket", ID: t.ID}] = reads(t, actor.ID, actor.Has(itsm.RoleServiceDeskAnalyst) || actor.Has(itsm.RoleITServiceManager))
	}
	return may, err
}

// CheckAudience refuses a schedule that there is not, and the roles of which the host knows nobody.
func (*sender) CheckAudience(_ context.Context, _ storage.Reader, _ string, a notify.Audience) error {
	switch {
	case a.Kind == notify.AudienceOnCall && a.Name != "" && a.Name != "nights":
		return itsm.ErrNotFound
	case a.Kind == notify.AudienceRole:
		return itsm.Invalid("audience", "", "is no role of the host")
	}
	return nil
}

// Data gives the title and the last note that the reader may read.
func (*sender) Data(ctx context.Context, r storage.Reader, e itsm.Event, reading notify.Reading) (map[string]any, error) {
	t, err := tickets.Get(ctx, r, e.Record)
	if err != nil {
		return nil, err
	}
	data := map[string]any{"title": t.Title}
	for _, n := range t.Notes {
		if !n.Internal || reading == notify.ReadInternal {
			data["note"] = n.Text
		}
	}
	return data, nil
}

const acme, globex, msp = storage.Tenant("acme"), storage.Tenant("globex"), storage.Tenant("msp")

func manager(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
}

func person(t storage.Tenant, id itsm.ID) itsm.Actor {
	role := itsm.RoleRequester
	if slices.Contains(staff, id) {
		role = itsm.RoleServiceDeskAnalyst
	}
	return itsm.Actor{Tenant: t, ID: id, Roles: []itsm.RoleName{role}}
}

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// open makes a desk over a store. Its people are those of each tenant: Rita asks from Auckland, Rob from
// New York; Ana, Bob and Cem are the desk.
func open(t *testing.T, store storage.Store, o notify.Options) *desk {
	t.Helper()
	h := &desk{clock: testclock.New(monday), sender: &sender{}}
	var err error
	h.e, err = engine.New(store, engine.Options{Clock: h.clock.Now, JobAttempts: 3})
	require.NoError(t, err)
	h.d, err = directory.New(h.e, directory.Options{})
	require.NoError(t, err)
	if o.Rules == nil {
		o.Rules = &notify.RuleSet{Rules: []notify.Rule{rule("opened"), rule("noted"), rule("resolved")}}
	}
	h.p, err = notify.New(h.e, h.sender, h.d, h.sender, o)
	require.NoError(t, err)
	require.NoError(t, h.e.Use(engine.Module{
		Name: "ticket", Tables: []*storage.Schema{tickets.Schema()},
		Events: []itsm.EventType{itsm.EventOf[opened](), itsm.EventOf[noted](), itsm.EventOf[acknowledge](), itsm.EventOf[resolved]()},
	}))
	require.NoError(t, h.e.Migrate(t.Context()))
	return h
}

// staffed adds the people to a tenant.
func (h *desk) staffed(t require.TestingT, ctx context.Context, tenant storage.Tenant) {
	for _, p := range []directory.NewPerson{
		{ID: "rita", Name: "Rita", Zone: "Pacific/Auckland"}, {ID: "rob", Name: "Rob", Zone: "America/New_York"},
		{ID: "ana", Name: "Ana", Zone: "Europe/Berlin"}, {ID: "bob", Name: "Bob"}, {ID: "cem", Name: "Cem"}, {ID: "mona", Name: "Mona"},
	} {
		_, err := h.d.AddPerson(ctx, manager(tenant), p)
		require.NoError(t, err)
	}
	_, err := h.d.AddGroup(ctx, manager(tenant), directory.NewGroup{ID: "desk", Name: "Desk"})
	require.NoError(t, err)
	_, err = h.d.ChangeMembers(ctx, manager(tenant), "desk", directory.MemberChange{Add: []itsm.ID{"ana", "bob"}})
	require.NoError(t, err)
}

// rule tells everyone of a ticket of an event, by email.
func rule(name string, change ...func(*notify.Rule)) notify.Rule {
	r := notify.Rule{
		Name: name, RecordKind: "ticket", Events: []string{"ticket." + name + ".v1"}, Template: "ticket." + name, Channels: []notify.Channel{notify.ChannelEmail},
		Audiences: []notify.Audience{{Kind: notify.AudienceRequester}, {Kind: notify.AudienceAssignee}, {Kind: notify.AudienceGroup}, {Kind: notify.AudienceWatchers}},
	}
	for _, fn := range change {
		fn(&r)
	}
	return r
}

func rules(all ...notify.Rule) notify.Options {
	return notify.Options{Rules: &notify.RuleSet{Rules: all}}
}

// log opens a ticket of Rita's, as an actor.
func (h *desk) log(t require.TestingT, ctx context.Context, actor itsm.Actor, change ...func(*ticket)) ticket {
	tk, err := engine.Execute(ctx, h.e, tickets, engine.Call{Name: "ticket.open", Actor: actor}, func(ctx context.Context, u *engine.Unit) (ticket, error) {
		tk := ticket{ticketHead{Meta: storage.Meta{ID: u.NewID()}, Requester: "rita", Group: "desk", Priority: 3, Open: true}, ticketBody{Title: "Mail is down"}}
		for _, fn := range change {
			fn(&tk)
		}
		if err := tickets.Put(ctx, u, &tk); err != nil {
			return tk, err
		}
		u.Emit(itsm.Event{Kind: "ticket", Record: tk.ID, Action: "open", Data: opened{}})
		return tk, nil
	}, nil)
	require.NoError(t, err)
	return tk
}

// change changes a ticket and tells of it; it gives the event's id.
func (h *desk) change(t require.TestingT, ctx context.Context, actor itsm.Actor, id itsm.ID, data itsm.Payload, internal bool, fn func(*ticket)) itsm.ID {
	var event itsm.ID
	require.NoError(t, h.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		tk, err := tickets.Get(ctx, u, id)
		if err != nil {
			return err
		}
		if fn != nil {
			fn(&tk)
		}
		if err := tickets.Put(ctx, u, &tk); err != nil {
			return err
		}
		u.Emit(itsm.Event{Kind: "ticket", Record: id, Action: "change", Internal: internal, Data: data})
		return nil
	}))
	require.NoError(t, h.e.View(ctx, manager(actor.Tenant), func(ctx context.Context, r storage.Reader) error {
		events, err := h.e.History(ctx, r, storage.EventQuery{Kind: "ticket", Record: id, Limit: storage.MaxLimit})
		event = events[len(events)-1].ID
		return err
	}))
	return event
}

func (h *desk) write(t require.TestingT, ctx context.Context, actor itsm.Actor, id itsm.ID, text string, internal bool) itsm.ID {
	return h.change(t, ctx, actor, id, noted{}, internal, func(tk *ticket) { tk.Notes = append(tk.Notes, note{text, internal}) })
}

// pass moves the clock and does what is due.
func (h *desk) pass(t require.TestingT, ctx context.Context, by time.Duration) engine.Ran {
	ran, err := h.e.Tick(ctx, h.clock.Advance(by))
	require.NoError(t, err)
	return ran
}

// first gives the id of the first event of a ticket.
func (h *desk) first(t require.TestingT, ctx context.Context, tk ticket) (event itsm.Event) {
	require.NoError(t, h.e.View(ctx, manager(tk.Tenant), func(ctx context.Context, r storage.Reader) error {
		events, err := h.e.History(ctx, r, storage.EventQuery{Kind: "ticket", Record: tk.ID, Limit: 1})
		event = events[0]
		return err
	}))
	return event
}

// messages gives all messages of a tenant, as the store has them.
func (h *desk) messages(t require.TestingT, ctx context.Context, tenant storage.Tenant) (all []notify.Notification) {
	require.NoError(t, h.e.View(ctx, manager(tenant), func(ctx context.Context, r storage.Reader) error {
		page, err := notify.Table.Records(ctx, r, storage.Query[notify.Head]{Order: []storage.Order{notify.ByDue.Asc()}, Limit: storage.MaxPage})
		all = page.Items
		return err
	}))
	return all
}

func (h *desk) prefer(t require.TestingT, ctx context.Context, tenant storage.Tenant, id itsm.ID, p notify.Preferences) {
	_, err := h.p.SetPreferences(ctx, person(tenant, id), id, notify.PreferenceChange{Preferences: p})
	require.NoError(t, err)
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

var errDown = errors.New("the mail server is down")
