package incident_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

const provider = storage.Tenant("provider")

// customers permits the provider three customers.
func customers(_ context.Context, from, tenant storage.Tenant) (incident.Customer, bool, error) {
	ok := from == provider && (tenant == "acme" || tenant == "globex" || tenant == "initech")
	return incident.Customer{Requester: "contact", Group: "desk", Service: "mail"}, ok, nil
}

// lead is the provider's major incident manager, and mgr the incident manager of a customer.
var lead = itsm.Actor{Tenant: provider, ID: "lena", Name: "Lena Lead", Roles: []itsm.RoleName{itsm.RoleMajorIncidentManager}}

func mgr(tenant storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: tenant, ID: "mgr", Roles: []itsm.RoleName{itsm.RoleIncidentManager}}
}

// outage is an incident of the provider's, in words that are no customer's.
func (d *serviceDesk) outage(tenants ...storage.Tenant) incident.Incident {
	d.t.Helper()
	ctx := d.t.Context()
	i, err := d.Log(ctx, lead, incident.Report{Title: "Secretrack of Globex burns", Description: "Secretwords", Requester: "nora"})
	require.NoError(d.t, err)
	if len(tenants) > 0 {
		i, err = d.FanOut(ctx, lead, i.ID, fanOut(tenants...))
		require.NoError(d.t, err)
	}
	return i
}

func fanOut(tenants ...storage.Tenant) incident.FanOut {
	return incident.FanOut{Tenants: tenants, Title: "Mail is down", Description: "We are on it", Impact: itsm.ImpactHigh, Urgency: itsm.UrgencyHigh}
}

// childIn gives the one incident of a customer's tenant.
func (d *serviceDesk) childIn(tenant storage.Tenant) incident.Incident {
	d.t.Helper()
	page, err := d.List(d.t.Context(), mgr(tenant), incident.Query{})
	require.NoError(d.t, err)
	require.Len(d.t, page.Items, 1, tenant)
	i, err := d.Get(d.t.Context(), mgr(tenant), page.Items[0].ID)
	require.NoError(d.t, err)
	return i
}

func (d *serviceDesk) notesIn(tenant storage.Tenant) []string {
	d.t.Helper()
	return d.texts(mgr(tenant), d.childIn(tenant).ID)
}

// everythingOf is all that is stored in a tenant but what only the jobs read, as text.
func (d *serviceDesk) everythingOf(tenant storage.Tenant) string {
	d.t.Helper()
	var b strings.Builder
	add := func(v any) { b.Write(must(json.Marshal(v))) }
	require.NoError(d.t, d.e.View(d.t.Context(), mgr(tenant), func(ctx context.Context, r storage.Reader) error {
		for _, s := range d.e.Schemas() {
			if s.Name() == "incident_origin" {
				continue
			}
			rows, err := r.Query(ctx, s, storage.RowQuery{Limit: storage.MaxLimit, Bodies: true})
			if err != nil {
				return err
			}
			for _, row := range rows {
				add(row.Columns)
				b.Write(row.Body)
				b.WriteString(string(row.ID))
			}
		}
		events, err := r.Events(ctx, storage.EventQuery{Limit: storage.MaxLimit})
		if err != nil {
			return err
		}
		for _, e := range events {
			add(e)
			b.Write(e.Envelope)
		}
		jobs, err := r.Jobs(ctx, storage.JobQuery{Limit: storage.MaxLimit})
		for _, j := range jobs {
			add(j)
			b.Write(j.Payload)
		}
		return err
	}))
	return b.String()
}

func (d *serviceDesk) facts(id itsm.ID) map[storage.Tenant]incident.CustomerIncidentHead {
	d.t.Helper()
	page, err := d.CustomerIncidents(d.t.Context(), lead, id, "", 100)
	require.NoError(d.t, err)
	out := map[storage.Tenant]incident.CustomerIncidentHead{}
	for _, h := range page.Items {
		out[h.Customer] = h
	}
	return out
}

func TestI9AProvidersIncidentFansOutToItsCustomers(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{Customer: customers}), t.Context()
	i := d.outage("acme", "globex")
	require.Equal(t, 2, i.Customers)
	d.wait(time.Second)
	for _, tenant := range []storage.Tenant{"acme", "globex"} {
		c := d.childIn(tenant)
		require.Equal(t, "Mail is down", c.Title)
		require.Equal(t, itsm.ID("contact"), c.Requester)
		require.Equal(t, incident.StateAssigned, c.State)
		require.Equal(t, itsm.Priority(1), c.Priority)
		require.True(t, c.Provided)
		require.Equal(t, "INC0000001", c.Number)
	}

	// Public words flow down, internal ones do not.
	note := func(text string, v itsm.Visibility) {
		_, err := d.Note(ctx, lead, i.ID, incident.Note{Text: text, Visibility: v})
		require.NoError(t, err)
	}
	note("Half is back", itsm.VisibilityPublic)
	note("Secretly, it was the intern", itsm.VisibilityInternal)
	nora := itsm.Actor{Tenant: provider, ID: "nora", Roles: []itsm.RoleName{itsm.RoleRequester}}
	_, err := d.Reply(ctx, nora, i.ID, incident.Reply{Text: "Secretly, I know"})
	require.NoError(t, err)
	note("Nearly done", itsm.VisibilityPublic)
	d.wait(time.Second)
	// One is added later, and is told what comes from then on.
	_, err = d.FanOut(ctx, lead, i.ID, fanOut("acme", "initech"))
	require.NoError(t, err)
	_, err = d.DeclareMajor(ctx, lead, i.ID, incident.Declaration{Command: why})
	require.NoError(t, err)
	_, err = d.PostUpdate(ctx, lead, i.ID, incident.MajorUpdate{Text: "A last check"})
	require.NoError(t, err)
	d.wait(time.Second)
	require.Equal(t, []string{"Half is back", "Nearly done", "A last check"}, d.notesIn("acme"))
	require.Equal(t, []string{"Half is back", "Nearly done", "A last check"}, d.notesIn("globex"))
	require.Equal(t, []string{"A last check"}, d.notesIn("initech"))
	require.Empty(t, d.childIn("acme").Major, "and not its flag")

	_, err = d.Resolve(ctx, lead, i.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "New rack"})
	require.NoError(t, err)
	d.wait(time.Second)
	for _, tenant := range []storage.Tenant{"acme", "globex", "initech"} {
		c := d.childIn(tenant)
		require.Equal(t, incident.StateResolved, c.State)
		require.Equal(t, "New rack", c.Resolution.Notes)
	}

	// Facts flow up, and no word with them.
	contact := itsm.Actor{Tenant: "acme", ID: "contact", Roles: []itsm.RoleName{itsm.RoleRequester}}
	child := d.childIn("acme")
	_, err = d.Reopen(ctx, contact, child.ID, incident.Reopening{Note: "Customerwords"})
	require.NoError(t, err)
	_, err = d.Confirm(ctx, mgr("globex"), d.childIn("globex").ID, itsm.Command{})
	require.NoError(t, err)
	d.wait(time.Second)
	facts := d.facts(i.ID)
	require.Len(t, facts, 3)
	require.Equal(t, incident.StateInProgress, facts["acme"].State)
	require.EqualValues(t, 1, facts["acme"].Reopens)
	require.Equal(t, incident.StateClosed, facts["globex"].State)
	require.Equal(t, itsm.CategoryResolved, facts["initech"].Category)
	require.NotContains(t, d.everythingOf(provider), "Customerwords")
	note("We look again", itsm.VisibilityPublic)
	d.wait(time.Second)
	require.Equal(t, incident.StateInProgress, d.childIn("acme").State, "what the customer reopened stays open")
	require.Equal(t, "We look again", func() string { n := d.notesIn("acme"); return n[len(n)-1] }())

	// Those who are affected are counted.
	for range 2 {
		other, err := d.Log(ctx, mgr("acme"), incident.Report{Title: "Customerwords too", Requester: "contact"})
		require.NoError(t, err)
		_, err = d.Merge(ctx, mgr("acme"), other.ID, incident.Merging{Into: child.ID})
		require.NoError(t, err)
	}
	third, err := d.Log(ctx, mgr("acme"), incident.Report{Title: "Again", Requester: "contact"})
	require.NoError(t, err)
	_, err = d.Link(ctx, mgr("acme"), third.ID, incident.Relation{Type: itsm.LinkChildOf, To: child.Ref()})
	require.NoError(t, err)
	d.wait(time.Second)
	require.EqualValues(t, 4, d.facts(i.ID)["acme"].Affected)

	// No customer has a word, a number, a name or an id of the provider's, or of another.
	for _, tenant := range []storage.Tenant{"acme", "globex", "initech"} {
		all := d.everythingOf(tenant)
		words := []string{"Secret", "secret", string(i.ID), string(provider), "lena", "Lena", "nora"}
		for _, other := range []storage.Tenant{"acme", "globex", "initech"} {
			if other != tenant {
				words = append(words, string(other), string(facts[other].Child))
			}
		}
		for _, word := range words {
			require.NotContains(t, all, word, "in %s", tenant)
		}
	}
	_, err = d.Get(ctx, mgr("acme"), i.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func TestI9CustomersAreWithdrawn(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{Customer: customers}), t.Context()
	i := d.outage("acme", "globex", "initech")
	d.wait(time.Second)
	// Initech merged it into its own, which is its own to end.
	own, err := d.Log(ctx, mgr("initech"), incident.Report{Title: "Ours", Requester: "contact"})
	require.NoError(t, err)
	child := d.facts(i.ID)["initech"].Child
	_, err = d.Merge(ctx, mgr("initech"), child, incident.Merging{Into: own.ID})
	require.NoError(t, err)
	d.wait(time.Second)
	require.Equal(t, own.ID, d.facts(i.ID)["initech"].Child)
	_, err = d.Note(ctx, lead, i.ID, incident.Note{Text: "News", Visibility: itsm.VisibilityPublic})
	require.NoError(t, err)
	d.wait(time.Second)
	require.Equal(t, []string{"News"}, d.texts(mgr("initech"), own.ID), "told where it goes on")

	after, err := d.Withdraw(ctx, lead, i.ID, incident.Withdrawal{Tenants: []storage.Tenant{"acme", "initech"}})
	require.NoError(t, err)
	require.Equal(t, 1, after.Customers)
	_, err = d.Note(ctx, lead, i.ID, incident.Note{Text: "More news", Visibility: itsm.VisibilityPublic})
	require.NoError(t, err)
	d.wait(time.Second)
	require.Equal(t, incident.StateCancelled, d.childIn("acme").State)
	require.Equal(t, []string{"News"}, d.notesIn("acme"))
	require.Equal(t, []string{"News"}, d.texts(mgr("initech"), own.ID))
	open, err := d.Get(ctx, mgr("initech"), own.ID)
	require.NoError(t, err)
	require.True(t, open.Open)
	require.Equal(t, []string{"News", "More news"}, d.notesIn("globex"))
	require.True(t, d.facts(i.ID)["acme"].Withdrawn)

	_, err = d.Withdraw(ctx, lead, i.ID, incident.Withdrawal{Tenants: []storage.Tenant{"acme", "nobody", "globex", "globex"}})
	require.Equal(t, []string{"tenants[3]"}, faults(t, err))
	_, err = d.Withdraw(ctx, lead, i.ID, incident.Withdrawal{Tenants: []storage.Tenant{"acme", "nobody", "globex"}})
	require.Equal(t, []string{"tenants[0]", "tenants[1]"}, faults(t, err))
	_, err = d.FanOut(ctx, lead, i.ID, fanOut("acme"))
	require.Equal(t, []string{"tenants"}, faults(t, err), "what was withdrawn has ended there")

	// One that is void is withdrawn from all.
	_, err = d.Merge(ctx, lead, i.ID, incident.Merging{Into: d.outage().ID})
	require.Equal(t, []string{"into"}, faults(t, err), "customers would lose it")
	_, err = d.Cancel(ctx, lead, i.ID, incident.Cancellation{Command: itsm.Command{Reason: "Secretly void"}})
	require.NoError(t, err)
	d.wait(time.Second)
	require.Equal(t, incident.StateCancelled, d.childIn("globex").State)
	require.NotContains(t, d.everythingOf("globex"), "Secretly")
}

func TestI9WhoMayFanOutToWhom(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{Customer: customers}), t.Context()
	i := d.outage()
	desk := itsm.Actor{Tenant: provider, ID: "dan", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
	_, err := d.FanOut(ctx, desk, i.ID, fanOut("acme"))
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.Withdraw(ctx, desk, i.ID, incident.Withdrawal{Tenants: []storage.Tenant{"acme"}})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.CustomerIncidents(ctx, desk, i.ID, "", 10)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.FanOut(ctx, mgr("acme"), i.ID, fanOut("globex"))
	require.ErrorIs(t, err, itsm.ErrNotFound)
	ours, err := d.Log(ctx, mgr("acme"), incident.Report{Title: "Ours", Requester: "contact"})
	require.NoError(t, err)
	_, err = d.FanOut(ctx, mgr("acme"), ours.ID, fanOut("globex"))
	require.Equal(t, []string{"tenants[0]"}, faults(t, err), "a customer has no customers")

	before := d.everythingOf(provider)
	_, err = d.FanOut(ctx, lead, i.ID, incident.FanOut{Command: itsm.Command{Key: withNUL}, Tenants: []storage.Tenant{"umbrella", "acme"}, Impact: 9})
	require.Equal(t, []string{"key", "title", "impact", "tenants[0]"}, faults(t, err))
	_, err = d.FanOut(ctx, lead, i.ID, incident.FanOut{Title: "x", Tenants: []storage.Tenant{provider, "acme", "acme", ""}})
	require.Equal(t, []string{"tenants[0]", "tenants[2]", "tenants[3]"}, faults(t, err))
	_, err = d.FanOut(ctx, lead, i.ID, incident.FanOut{Title: "x"})
	require.Equal(t, []string{"tenants"}, faults(t, err))
	require.Equal(t, before, d.everythingOf(provider))

	closed := openDesk(t, incident.Options{})
	_, err = closed.FanOut(ctx, lead, closed.outage().ID, fanOut("acme"))
	require.Equal(t, []string{"tenants[0]"}, faults(t, err), "nobody has customers by default")
	_, err = d.Resolve(ctx, lead, i.ID, fixed)
	require.NoError(t, err)
	_, err = d.FanOut(ctx, lead, i.ID, fanOut("acme"))
	require.ErrorIs(t, err, itsm.ErrTransition)
}

func TestI9ARestrictedIncidentTellsNoCustomer(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{Customer: customers}), t.Context()
	i := d.outage("acme")
	d.wait(time.Second)
	say := func(text string) {
		_, err := d.Note(ctx, lead, i.ID, incident.Note{Text: text, Visibility: itsm.VisibilityPublic})
		require.NoError(t, err)
		d.wait(time.Second)
	}
	say("Before")
	_, err := d.Restrict(ctx, lead, i.ID, incident.Restriction{})
	require.NoError(t, err)
	say("It was sabotage")
	_, err = d.FanOut(ctx, lead, i.ID, fanOut("globex"))
	require.Equal(t, []string{"tenants"}, faults(t, err))
	_, err = d.Unrestrict(ctx, lead, i.ID, itsm.Command{})
	require.NoError(t, err)
	say("After")
	require.Equal(t, []string{"Before", "After"}, d.notesIn("acme"))
}

func TestI9AFormerCustomerIsLeftAlone(t *testing.T) {
	permitted := true
	d, ctx := openDesk(t, incident.Options{Customer: func(context.Context, storage.Tenant, storage.Tenant) (incident.Customer, bool, error) {
		return incident.Customer{Requester: "contact"}, permitted, nil
	}}), t.Context()
	i := d.outage("acme")
	d.wait(time.Second)
	permitted = false
	before := d.everythingOf("acme")
	_, err := d.Resolve(ctx, lead, i.ID, fixed)
	require.NoError(t, err)
	_, err = d.Withdraw(ctx, lead, i.ID, incident.Withdrawal{Tenants: []storage.Tenant{"acme"}})
	require.NoError(t, err)
	d.wait(time.Second)
	require.Equal(t, before, d.everythingOf("acme"))
	_, err = d.Note(ctx, mgr("acme"), d.childIn("acme").ID, incident.Note{Text: "Hm"})
	require.NoError(t, err)
	_, err = d.Resolve(ctx, mgr("acme"), d.childIn("acme").ID, fixed)
	require.NoError(t, err)
	d.wait(time.Second)
	require.NotEqual(t, incident.StateResolved, d.facts(i.ID)["acme"].State, "and tells nothing")
}

// dying is a store whose process dies in, before or after a commit: each of its units fails in one of these
// ways when its turn comes.
type dying struct {
	storage.Store
	units atomic.Int64
	// dies says of a unit, counted from 1, whether it dies, and whether it had committed.
	dies func(n int64) (dead, committed bool)
}

var errDied = errors.New("the process died")

func (s *dying) Update(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	dead, committed := s.dies(s.units.Add(1))
	if !dead {
		return s.Store.Update(ctx, tenant, fn)
	}
	if committed {
		if err := s.Store.Update(ctx, tenant, fn); err != nil {
			return err
		}
	}
	return errDied
}

// TestI9EachCustomerHasOneIncidentWhateverDies lets the process die at every unit of a fan-out in turn,
// before its commit and after it.
func TestI9EachCustomerHasOneIncidentWhateverDies(t *testing.T) {
	tenants := []storage.Tenant{"acme", "globex", "initech"}
	total := int64(100)
	for n := int64(1); n <= total; n++ {
		for _, committed := range []bool{false, true} {
			t.Run(fmt.Sprintf("unit %d, committed %t", n, committed), func(t *testing.T) {
				ctx := t.Context()
				store := &dying{Store: memory.New(), dies: func(int64) (bool, bool) { return false, false }}
				d := &serviceDesk{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
				d.e = must(engine.New(store, engine.Options{Clock: func() time.Time { return d.now }}))
				d.Practice = must(incident.New(d.e, incident.Options{Customer: customers}))
				require.NoError(t, d.e.Migrate(ctx))
				i := d.outage(tenants...)
				for _, text := range []string{"First", "Second"} {
					_, err := d.Note(ctx, lead, i.ID, incident.Note{Text: text, Visibility: itsm.VisibilityPublic})
					require.NoError(t, err)
				}
				_, err := d.Resolve(ctx, lead, i.ID, fixed)
				require.NoError(t, err)

				store.units.Store(0)
				store.dies = func(k int64) (bool, bool) { return k == n, committed }
				for range 12 { // leases end, and what failed is tried again
					d.now = d.now.Add(2 * time.Minute)
					_, err := d.e.Tick(ctx, d.now)
					if err != nil {
						require.ErrorIs(t, err, errDied)
					}
				}
				if used := store.units.Load(); used < n {
					total = n // it was not reached any more
				}
				for _, tenant := range tenants {
					c := d.childIn(tenant)
					require.Equal(t, incident.StateResolved, c.State, tenant)
					require.Equal(t, []string{"First", "Second"}, d.texts(mgr(tenant), c.ID))
					require.Equal(t, c.ID, d.facts(i.ID)[tenant].Child)
					require.Equal(t, incident.StateResolved, d.facts(i.ID)[tenant].State)
				}
			})
		}
	}
	require.Less(t, total, int64(100), "every unit was tried")
}

func TestI9ACustomerNeverReadsWhatWasWrittenWhileItWasRestricted(t *testing.T) {
	for _, c := range []struct {
		name          string
		resolvedFirst bool
	}{{"resolved while it was restricted", false}, {"resolved before the customer learned of it", true}} {
		t.Run(c.name, func(t *testing.T) {
			d, ctx := openDesk(t, incident.Options{Customer: customers}), t.Context()
			i := d.outage("acme")
			d.wait(time.Second)
			resolve := func() {
				_, err := d.Resolve(ctx, lead, i.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "An attacker had the password"})
				require.NoError(t, err)
			}
			restrict := func() {
				_, err := d.Restrict(ctx, lead, i.ID, incident.Restriction{})
				require.NoError(t, err)
			}
			if c.resolvedFirst {
				resolve()
				restrict()
			} else {
				restrict()
				resolve()
			}
			d.wait(time.Second)
			require.Equal(t, incident.StateAssigned, d.childIn("acme").State, "nothing is told while it is restricted")
			_, err := d.Unrestrict(ctx, lead, i.ID, itsm.Command{})
			require.NoError(t, err)
			d.wait(time.Second)
			told := d.childIn("acme")
			require.Equal(t, incident.StateResolved, told.State, "that it ended is no secret")
			require.Equal(t, "Resolved by the service provider.", told.Resolution.Notes)

			// What is written from then on is told.
			_, err = d.Reopen(ctx, lead, i.ID, incident.Reopening{})
			require.NoError(t, err)
			_, err = d.Resolve(ctx, lead, i.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Passwords were renewed"})
			require.NoError(t, err)
			manager := mgr("acme")
			_, err = d.Reopen(ctx, manager, told.ID, incident.Reopening{})
			require.NoError(t, err)
			d.wait(time.Second)
			require.Equal(t, "Passwords were renewed", d.childIn("acme").Resolution.Notes)
		})
	}
}

func TestI9WhatACustomersSideRefusesKeepsItFromNothingElse(t *testing.T) {
	for _, c := range []struct {
		refused string
		notes   int
		open    bool
	}{{"incident.noted.v1", 0, false}, {"incident.resolved.v1", 2, true}, {"incident.cancelled.v1", 2, true}} {
		t.Run(c.refused, func(t *testing.T) {
			refuse := engine.Module{Name: "refuse", Reactions: []engine.Reaction{engine.OnAny(func(_ context.Context, u *engine.Unit, e itsm.Event) error {
				if u.Tenant() == "acme" && e.Type == c.refused {
					return &itsm.TransitionError{Kind: e.Kind, ID: e.Record, Action: e.Action, Reason: "not here"}
				}
				return nil
			})}}
			d, ctx := openDesk(t, incident.Options{Customer: customers}, refuse), t.Context()
			i := d.outage("acme", "globex")
			for _, text := range []string{"We look into it", "We found it"} {
				_, err := d.Note(ctx, lead, i.ID, incident.Note{Text: text, Visibility: itsm.VisibilityPublic})
				require.NoError(t, err)
			}
			if c.refused == "incident.cancelled.v1" {
				d.wait(time.Second)
				_, err := d.Withdraw(ctx, lead, i.ID, incident.Withdrawal{Tenants: []storage.Tenant{"acme", "globex"}})
				require.NoError(t, err)
			} else {
				_, err := d.Resolve(ctx, lead, i.ID, fixed)
				require.NoError(t, err)
			}
			for range 3 {
				ran := d.wait(time.Minute)
				require.Zero(t, ran.Failed+ran.Dead)
			}
			require.Len(t, d.notesIn("acme"), c.notes)
			require.Equal(t, c.open, d.childIn("acme").Open)
			require.Len(t, d.notesIn("globex"), 2)
			require.False(t, d.childIn("globex").Open)
			page, err := d.CustomerIncidents(ctx, lead, i.ID, "", 10)
			require.NoError(t, err)
			require.Equal(t, d.childIn("acme").State, page.Items[0].State, "and the provider knows")
		})
	}
}
