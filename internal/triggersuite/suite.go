// This file holds the entry and what all cases use: a host with tickets and with actions of its own.

package triggersuite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/testclock"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/trigger"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case, each as a subtest with a store of its own, and then the model test.
//
// newStore gives an empty store whose own tables are ready; the suite migrates it with the tables of
// the practice where it is a storage.Migrator. What it opened it closes itself, with t.Cleanup. Each
// store must be apart from all others.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t, newStore(t))) })
	}
	t.Run("D7Model", func(t *testing.T) { runModel(t, open(t, newStore(t))) })
}

var cases = []struct {
	name string
	run  func(t *testing.T, h *host)
}{
	{"D7VersionsAreDraftedRevisedActivatedAndRetired", versions},
	{"D7EveryFaultIsToldWhenASetIsSaved", refused},
	{"D7ConditionsSeeTheRecordAsTheEventLeftIt", snapshots},
	{"D7ConditionsSeeWhatChangedAndWhoDidIt", changes},
	{"D7CustomFieldsHaveABeforeAndAnAfter", customFields},
	{"D7TheDeletionOfARecordCanBeAnswered", deletion},
	{"D7TriggersRunInTheirOrder", inOrder},
	{"D7ATriggerInTheTransactionIsPartOfItAndMayRefuseIt", inTransaction},
	{"D7AUnitThatActivatesAVersionIsAnsweredByItFromThenOn", activatedWithin},
	{"D7AChainOfEventsEnds", loops},
	{"D7AChainGoesOnThroughReactions", throughReactions},
	{"D7PublicTextHasNoInternalValues", publicText},
	{"D7WhatFiresIsExplained", explained},
	{"D7ADryRunComparesOverTheHistory", dryRun},
	{"D8AnEffectIsNotRepeatedWhenATickIsBrokenOff", brokenOff},
	{"D8AFailureUndoesItsOwnTriggerAlone", failures},
	{"D8WhatKeepsFailingBecomesADeadLetter", deadLetters},
	{"D8WhatFiredIsKeptForItsTime", purged},
	{"D8ANewVersionDoesNotFireAgainForAnOldEvent", newVersion},
	{"G7AProvidersTriggersStandUnderThoseOfItsTenants", published},
	{"PermissionsAreAsked", permissions},
	{"TenantsAreApart", tenantsApart},
}

// The host's records.
type (
	ticket struct {
		ticketHead
		ticketBody
	}
	ticketHead struct {
		storage.Meta
		State    string
		Category string
		Priority int
		Secret   string
	}
	ticketBody struct {
		Fields itsm.Fields `json:"fields,omitempty"`
	}
	// line is an effect: who did what, about which event.
	line struct {
		lineHead
		lineBody
	}
	lineHead struct {
		storage.Meta
		Ticket itsm.ID
		Nth    int
	}
	lineBody struct {
		Trigger string `json:"trigger"`
		Text    string `json:"text"`
		Version int64  `json:"version"`
		N       int    `json:"n"`
	}
)

var (
	byState    = storage.Col("state", func(h *ticketHead) *string { return &h.State })
	byCategory = storage.Col("category", func(h *ticketHead) *string { return &h.Category })
	byPriority = storage.Col("priority", func(h *ticketHead) *int { return &h.Priority })
	bySecret   = storage.Col("secret", func(h *ticketHead) *string { return &h.Secret })
	tickets    = storage.Define("ticket", storage.Def[ticket, ticketHead, ticketBody]{
		Parts:   func(t *ticket) (*ticketHead, *ticketBody) { return &t.ticketHead, &t.ticketBody },
		Columns: []storage.ColumnOf[ticketHead]{byState, byCategory, byPriority, bySecret},
	})
	byTicket = storage.Col("ticket", func(h *lineHead) *itsm.ID { return &h.Ticket })
	byNth    = storage.Col("nth", func(h *lineHead) *int { return &h.Nth })
	lines    = storage.Define("line", storage.Def[line, lineHead, lineBody]{
		Parts:   func(l *line) (*lineHead, *lineBody) { return &l.lineHead, &l.lineBody },
		Columns: []storage.ColumnOf[lineHead]{byTicket, byNth},
		Indexes: []storage.Index{storage.IndexOn(byTicket.Asc(), byNth.Asc())},
	})
)

type (
	opened   struct{}
	edited   struct{}
	resolved struct{}
)

func (opened) EventType() string   { return "ticket.opened.v1" }
func (edited) EventType() string   { return "ticket.edited.v1" }
func (resolved) EventType() string { return "ticket.resolved.v1" }

// host is a desk with tickets.
type host struct {
	e     *engine.Engine
	p     *trigger.Practice
	clock *testclock.Clock

	mu sync.Mutex
	// broken are triggers whose action "write" fails.
	broken map[string]bool
	// onWrite is called with each line that is to be written.
	onWrite func(l line)
	// echo makes a reaction of the host to every edit, once for each.
	echo bool
}

var errBroken = errors.New("broken by the test")

type text struct {
	Text string `json:"text"`
}

type priority struct {
	By int `json:"by"`
}

func fieldSet(t *testing.T) *itsm.FieldSet {
	t.Helper()
	set, err := itsm.NewFieldSet(
		itsm.FieldDefinition{Name: "floor", Type: itsm.FieldInteger},
		itsm.FieldDefinition{Name: "colour", Type: itsm.FieldChoice, Choices: []string{"red", "green"}},
		itsm.FieldDefinition{Name: "margin", Type: itsm.FieldInteger, Internal: true},
	)
	require.NoError(t, err)
	return set
}

func open(t *testing.T, store storage.Store) *host {
	t.Helper()
	h := &host{clock: testclock.New(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)), broken: map[string]bool{}}
	var err error
	h.e, err = engine.New(store, engine.Options{Clock: h.clock.Now, Attempts: 60, JobAttempts: 3})
	require.NoError(t, err)
	write := func(name string, public bool) trigger.Action {
		return trigger.Define(trigger.Definition[text]{
			Name: name,
			Check: func(p text) error {
				var f itsm.Faults
				f.Text("text", p.Text, 200, true)
				return f.Err("line")
			},
			Public: func(text) []string {
				if public {
					return []string{"text"}
				}
				return nil
			},
			Do: func(ctx context.Context, u *engine.Unit, o trigger.Occasion, p text) error {
				return h.write(ctx, u, o, p.Text)
			},
		})
	}
	h.p, err = trigger.New(h.e, trigger.Options{
		Kinds: []trigger.RecordKind{{Schema: tickets.Schema(), Fields: fieldSet(t), Public: []string{"category", "priority", "event.action"},
			Subject: func(row storage.Row) (itsm.Subject, error) {
				return itsm.Subject{Kind: "ticket", ID: row.ID}, nil
			}}},
		Actions: []trigger.Action{
			write("write", false), write("tell", true),
			trigger.Define(trigger.Definition[priority]{Name: "bump", Do: func(ctx context.Context, u *engine.Unit, o trigger.Occasion, p priority) error {
				t, err := tickets.Get(ctx, u, o.Event.Record)
				if err != nil {
					return err
				}
				t.Priority += p.By
				if err := tickets.Put(ctx, u, &t); err != nil {
					return err
				}
				u.Emit(itsm.Event{Kind: "ticket", Record: t.ID, Action: "edit", Data: edited{}})
				return nil
			}}),
			trigger.Define(trigger.Definition[text]{Name: "activate", Do: func(ctx context.Context, u *engine.Unit, _ trigger.Occasion, p text) error {
				_, err := h.p.In(u.Store()).Activate(ctx, manager(u.Tenant()), itsm.ID(p.Text), itsm.Command{})
				return err
			}}),
			trigger.Define(trigger.Definition[struct{}]{Name: "panic", Do: func(context.Context, *engine.Unit, trigger.Occasion, struct{}) error { panic("by the test") }}),
		},
		MaxDepth: 4,
	})
	require.NoError(t, err)
	require.NoError(t, h.e.Use(engine.Module{
		Name: "desk", Tables: []*storage.Schema{tickets.Schema(), lines.Schema()},
		Events: []itsm.EventType{itsm.EventOf[opened](), itsm.EventOf[edited](), itsm.EventOf[resolved]()},
		Reactions: []engine.Reaction{engine.On(func(ctx context.Context, u *engine.Unit, e itsm.Event, _ edited) error {
			if !h.echo || e.Action == "echo" {
				return nil
			}
			t, err := tickets.Get(ctx, u, e.Record)
			if err != nil {
				return err
			}
			t.Secret += "."
			if err := tickets.Put(ctx, u, &t); err != nil {
				return err
			}
			u.Emit(itsm.Event{Kind: "ticket", Record: t.ID, Action: "echo", Data: edited{}})
			return nil
		})},
	}))
	require.NoError(t, h.e.Migrate(t.Context()))
	return h
}

// write is the effect by which triggers are told apart: a line on the ticket.
func (h *host) write(ctx context.Context, u *engine.Unit, o trigger.Occasion, text string) error {
	n, err := lines.Count(ctx, u, byTicket.Is(o.Event.Record))
	if err != nil {
		return err
	}
	l := line{lineHead{Meta: storage.Meta{ID: u.NewID()}, Ticket: o.Event.Record, Nth: int(n)},
		lineBody{Trigger: o.Trigger, Text: text, Version: o.Event.Version, N: o.Event.N}}
	if err := lines.Put(ctx, u.Quiet(), &l); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.onWrite != nil {
		h.onWrite(l)
	}
	if h.broken[o.Trigger] {
		return errBroken // after it wrote, so that it must be undone
	}
	return nil
}

func (h *host) breaks(name string, broken bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken[name] = broken
}

// change puts a ticket as a command of the host, and emits one event about it.
func (h *host) change(ctx context.Context, actor itsm.Actor, id itsm.ID, e itsm.Event, fn func(t *ticket)) (ticket, error) {
	call := engine.Call{Name: "ticket." + e.Action, Actor: actor, Target: id}
	return engine.Execute(ctx, h.e, tickets, call, func(ctx context.Context, u *engine.Unit) (t ticket, err error) {
		if id == "" {
			t.ID = u.NewID()
		} else if t, err = tickets.Get(ctx, u, id); err != nil {
			return t, err
		}
		if fn != nil {
			fn(&t)
		}
		if err := tickets.Put(ctx, u, &t); err != nil {
			return t, err
		}
		e.Kind, e.Record = "ticket", t.ID
		u.Emit(e)
		return t, nil
	}, nil)
}

func (h *host) open(t *testing.T, actor itsm.Actor, category string, p int) ticket {
	t.Helper()
	got, err := h.change(t.Context(), actor, "", itsm.Event{Action: "open", To: "new", ToCategory: itsm.CategoryNew, Data: opened{}},
		func(t *ticket) { t.State, t.Category, t.Priority = "new", category, p })
	require.NoError(t, err)
	return got
}

func (h *host) edit(t *testing.T, actor itsm.Actor, id itsm.ID, fn func(t *ticket)) ticket {
	t.Helper()
	got, err := h.change(t.Context(), actor, id, itsm.Event{Action: "edit", Data: edited{}}, fn)
	require.NoError(t, err)
	return got
}

func (h *host) resolve(t *testing.T, actor itsm.Actor, id itsm.ID) ticket {
	t.Helper()
	got, err := h.change(t.Context(), actor, id, itsm.Event{Action: "resolve", From: "new", To: "resolved",
		FromCategory: itsm.CategoryNew, ToCategory: itsm.CategoryResolved, Data: resolved{}}, func(t *ticket) { t.State = "resolved" })
	require.NoError(t, err)
	return got
}

// tick delivers all that is due.
func (h *host) tick(t *testing.T) engine.Ran {
	t.Helper()
	ran, err := h.e.Tick(t.Context(), h.clock.Now())
	require.NoError(t, err)
	return ran
}

// lines are what triggers wrote on a ticket, in their order.
func (h *host) lines(t *testing.T, actor itsm.Actor, id itsm.ID) (all []string) {
	t.Helper()
	require.NoError(t, h.e.View(t.Context(), actor, func(ctx context.Context, r storage.Reader) error {
		all = nil
		q := storage.Query[lineHead]{Where: byTicket.Is(id), Order: []storage.Order{byNth.Asc()}, Limit: storage.MaxPage}
		for l, err := range storage.Pages(q, func(q storage.Query[lineHead]) (storage.Page[line], error) { return lines.Records(ctx, r, q) }) {
			if err != nil {
				return err
			}
			all = append(all, l.Trigger+": "+l.Text)
		}
		return nil
	}))
	return all
}

// firings are what came of triggers for a ticket: "name outcome", in the order of the events.
func (h *host) firings(t *testing.T, actor itsm.Actor, id itsm.ID) (all []string) {
	t.Helper()
	page, err := h.p.Firings(t.Context(), actor, storage.Query[trigger.FiringHead]{
		Where: storage.AllOf(trigger.FiringByRecordKind.Is("ticket"), trigger.FiringByRecord.Is(id)),
		Order: []storage.Order{trigger.FiringByEventVersion.Asc(), trigger.FiringByEventN.Asc(), trigger.FiringByTrigger.Asc()}, Limit: storage.MaxPage,
	})
	require.NoError(t, err)
	for _, f := range page.Items {
		all = append(all, fmt.Sprintf("%s %s", f.Trigger, f.Outcome))
	}
	return all
}

const acme, globex, msp = storage.Tenant("acme"), storage.Tenant("globex"), storage.Tenant("msp")

func manager(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
}

func auditor(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "otto", Roles: []itsm.RoleName{itsm.RoleAuditor}}
}

func analyst(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
}

func cond(op storage.Op, column string, values ...any) storage.Condition {
	return storage.Condition{Op: op, Column: column, Values: values}
}

func and(of ...storage.Condition) storage.Condition {
	return storage.Condition{Op: storage.And, Of: of}
}

// on is a trigger that writes a line.
func on(name, types string, when storage.Condition, text string) trigger.Trigger {
	t := trigger.Trigger{Name: name, On: trigger.Listen{Kind: "ticket"}, When: when,
		Actions: []trigger.Step{{Action: "write", With: []byte(fmt.Sprintf(`{"text":%q}`, text))}}}
	if types != "" {
		t.On.Types = []string{"ticket." + types + ".v1"}
	}
	return t
}

func set(triggers ...trigger.Trigger) trigger.Set { return trigger.Set{Triggers: triggers} }

// follow drafts a set and activates it.
func (h *host) follow(t *testing.T, actor itsm.Actor, triggers ...trigger.Trigger) trigger.Version {
	t.Helper()
	v, err := h.p.Draft(t.Context(), actor, trigger.Draft{Set: set(triggers...)})
	require.NoError(t, err)
	v, err = h.p.Activate(t.Context(), actor, v.ID, itsm.Command{})
	require.NoError(t, err)
	return v
}

// faults gives the faults of an error, field and problem.
func faults(t *testing.T, err error) (all []string) {
	t.Helper()
	require.ErrorIs(t, err, itsm.ErrInvalid)
	var v *storage.ValidationError
	require.ErrorAs(t, err, &v)
	for _, f := range v.Faults {
		all = append(all, f.Field+" "+f.Problem)
	}
	return all
}
