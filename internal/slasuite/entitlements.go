// This file holds the cases of entitlements: what agreements make of a record when it is logged, and what it takes of blocks.

package slasuite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// contract is an agreement with a customer that entitles for incidents; no customer is with everyone.
func contract(name, customer string, e sla.Entitlement) sla.Agreement {
	if e.Kind == "" {
		e.Kind = incident.Kind
	}
	if customer != "" {
		e.CustomerBy = "requester.site"
	}
	return sla.Agreement{Name: name, Type: timer.SLA, Provider: "desk", Customer: customer, Entitlement: &e}
}

func block(unit sla.Unit, amount string, period sla.Period) *sla.Block {
	return &sla.Block{Unit: unit, Amount: number(amount), Period: period}
}

// logAt logs an incident of somebody at a site.
func (h *host) logAt(t require.TestingT, tenant storage.Tenant, site string) incident.Incident {
	h.mu.Lock()
	h.sites["rosa"] = site
	h.mu.Unlock()
	return h.log(t, tenant)
}

func (h *host) entitlement(t require.TestingT, i incident.Incident) sla.Assessment {
	a, err := h.p.EntitlementOf(context.Background(), manager(i.Tenant), ref(i))
	require.NoError(t, err)
	return a
}

// balance gives what was drawn, what is left and what was overdrawn of the block for now.
func (h *host) balance(t require.TestingT, tenant storage.Tenant, agreement string) string {
	b, err := h.p.Balance(context.Background(), manager(tenant), agreement, time.Time{})
	require.NoError(t, err)
	return fmt.Sprintf("%s: %s of %s, %s left, %s over", b.Period, b.Drawn, b.Amount, b.Left, b.Overdrawn)
}

func because(reason string) itsm.Command { return itsm.Command{Reason: reason} }

func entitlementFaults(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	draft := func(a sla.Agreement) []string {
		_, err := h.p.Agreements.Draft(ctx, mona, sla.AgreementDraft{Family: a.Name, Set: a})
		return faultsOf(t, err)
	}
	const at = "set.entitlement."
	bad := contract("c", "north", sla.Entitlement{
		From: at2026(3), Until: at2026(3), Hours: "never", Covers: storage.Condition{Op: storage.Equal, Column: "colour", Values: []any{"red"}},
		Block: block("hours", "-1", "week"),
	})
	bad.Entitlement.CustomerBy = "colour"
	require.Equal(t, []string{at + "customer_by", at + "covers.when.column", at + "until", at + "hours", at + "block.unit", at + "block.period", at + "block.amount"}, draft(bad))
	for name, x := range map[string]struct {
		change func(a *sla.Agreement)
		faults []string
	}{
		"another kind":   {func(a *sla.Agreement) { a.Entitlement.Kind = "poem" }, []string{at + "kind"}},
		"no customer":    {func(a *sla.Agreement) { a.Customer = "" }, []string{at + "customer_by"}},
		"no column":      {func(a *sla.Agreement) { a.Entitlement.CustomerBy = "" }, []string{at + "customer_by"}},
		"a number":       {func(a *sla.Agreement) { a.Entitlement.CustomerBy = "impact" }, []string{at + "customer_by"}},
		"internal":       {func(a *sla.Agreement) { a.Type = timer.OLA }, []string{"set.entitlement"}},
		"half a record":  {func(a *sla.Agreement) { a.Entitlement.Block = block(sla.UnitRecords, "1.5", sla.PeriodTerm) }, []string{at + "block.amount"}},
		"nothing":        {func(a *sla.Agreement) { a.Entitlement.Block = block(sla.UnitMinutes, "0", sla.PeriodTerm) }, []string{at + "block.amount"}},
		"too fine":       {func(a *sla.Agreement) { a.Entitlement.Block = block(sla.UnitMinutes, "0.0000000001", sla.PeriodTerm) }, []string{at + "block.amount"}},
		"too much":       {func(a *sla.Agreement) { a.Entitlement.Block = block(sla.UnitMinutes, "1e13", sla.PeriodTerm) }, []string{at + "block.amount"}},
		"the year 10000": {func(a *sla.Agreement) { a.Entitlement.Until = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, []string{at + "until"}},
		"what is of an event": {func(a *sla.Agreement) {
			a.Entitlement.Covers = storage.Condition{Op: storage.Null, Column: "event.actor"}
		}, []string{at + "covers.when.column"}},
	} {
		a := contract("c", "north", sla.Entitlement{})
		x.change(&a)
		require.Equal(t, x.faults, draft(a), name)
	}
	// What an agreement counts by cannot be taken from under it.
	office := h.activateCalendar(t, mona, office("office"))
	v := h.agree(t, mona, contract("c", "north", sla.Entitlement{Hours: "office"}))
	_, err := h.p.Calendars.Retire(ctx, mona, office.ID, because("Not used"))
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = h.p.Agreements.Retire(ctx, mona, v.ID, because("Over"))
	require.NoError(t, err)
	_, err = h.p.Calendars.Retire(ctx, mona, office.ID, because("Not used"))
	require.NoError(t, err)
}

// at2026 is a day of March in 2026.
func at2026(day int) time.Time { return time.Date(2026, 3, day, 0, 0, 0, 0, time.UTC) }

func verdicts(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	require.NoError(t, func() error { _, err := h.p.EntitlementOf(ctx, mona, ref(h.log(t, acme))); return notFound(err) }(), "nothing is in force")
	h.activateCalendar(t, mona, office("office"))
	signed := h.agree(t, mona, contract("north", "north", sla.Entitlement{
		From: at(2, "10:00"), Until: at(6, "12:00"), Hours: "office",
		Covers: storage.Condition{Op: storage.And, Of: []storage.Condition{
			{Op: storage.AtMost, Column: "impact", Values: []any{int64(2)}}, {Op: storage.Equal, Column: "requester.site", Values: []any{"north"}},
		}},
		Block: block(sla.UnitRecords, "5", sla.PeriodTerm),
	}))
	const us = time.Microsecond
	for _, x := range []struct {
		at      time.Time
		site    string
		impact  itsm.Impact
		verdict sla.Verdict
		reason  string
	}{
		{at(2, "10:00").Add(-us), "north", 2, sla.OutsideTerm, "north does not cover it: the agreement holds from 2026-03-02T10:00:00Z on"},
		{at(2, "10:00"), "north", 2, sla.Covered, "north covers it, by the records for term from 2026-03-02T10:00:00Z"},
		{at(2, "10:00"), "south", 2, sla.NoAgreement, "no agreement is with south for incident"},
		{at(2, "10:00"), "", 2, sla.NoAgreement, "no agreement is with everyone for incident, and no customer is known"},
		{at(2, "10:00"), "north", 3, sla.OutOfScope, "north does not cover it: it is not for this impact"},
		{at(2, "17:00").Add(-us), "north", 1, sla.Covered, ""},
		{at(2, "17:00"), "north", 1, sla.OutsideHours, "north does not cover it: office is closed at 2026-03-02T17:00:00Z and opens at 2026-03-03T09:00:00Z"},
		{at(2, "17:00"), "north", 3, sla.OutOfScope, ""}, // the scope is asked before the hours
		{at(3, "09:00").Add(-us), "north", 1, sla.OutsideHours, ""},
		{at(3, "09:00"), "north", 1, sla.Covered, ""},
		{at(4, "12:00"), "north", 1, sla.Covered, ""},
		{at(6, "12:00").Add(-us), "north", 1, sla.Covered, ""},
		{at(6, "12:00").Add(-us), "north", 1, sla.UsedUp, "the records of north for term from 2026-03-02T10:00:00Z are used up"},
		{at(6, "12:00"), "north", 1, sla.OutsideTerm, "north does not cover it: the agreement held until 2026-03-06T12:00:00Z"},
	} {
		h.goTo(t, x.at)
		h.mu.Lock()
		h.sites["rosa"] = x.site
		h.mu.Unlock()
		said, err := h.p.Entitled(ctx, mona, sla.Question{Kind: incident.Kind, Customer: x.site, Values: map[string]any{"impact": int(x.impact), "requester.site": x.site}})
		require.NoError(t, err)
		i, err := h.incidents.Log(ctx, analyst(acme), incident.Report{Title: "VPN", Requester: "rosa", Impact: x.impact, Urgency: 2})
		require.NoError(t, err)
		got := h.entitlement(t, i)
		require.Equal(t, x.verdict, got.Verdict, "%s at %s: %s", x.site, x.at, got.Reason)
		if x.reason != "" {
			require.Equal(t, x.reason, got.Reason)
		}
		require.Equal(t, []any{x.verdict, got.Reason, got.Agreement, got.Customer}, []any{said.Verdict, said.Reason, said.Agreement.Name, said.Customer}, "it was foretold")
		require.Equal(t, x.site, got.Customer)
		if x.verdict == sla.NoAgreement {
			require.Empty(t, got.AgreementVersion)
			continue
		}
		require.Equal(t, []any{signed.ID, signed.Number}, []any{got.AgreementVersion, got.AgreementNumber})
		require.Len(t, got.Calendars, 1)
		if x.verdict == sla.Covered {
			require.Len(t, got.Taken, 1)
			require.Equal(t, "1", got.Taken[0].Units.String())
		} else {
			require.Empty(t, got.Taken)
		}
	}
	// A calendar that does not know is no reason to fail.
	short := office("office")
	short.Until = "2026-03-10"
	h.activateCalendar(t, mona, short)
	h.agree(t, mona, contract("north", "north", sla.Entitlement{Hours: "office"}))
	h.goTo(t, at(11, "12:00"))
	got := h.entitlement(t, h.logAt(t, acme, "north"))
	require.Equal(t, sla.OutsideHours, got.Verdict)
	require.Contains(t, got.Reason, "is not known")

	_, err := h.p.Entitled(ctx, mona, sla.Question{Kind: "poem"})
	require.Equal(t, []string{"kind"}, faultsOf(t, err))
	_, err = h.p.Entitled(ctx, mona, sla.Question{Kind: incident.Kind, Values: map[string]any{"colour": "red", "impact": "high", "event.actor": "x"}})
	require.ElementsMatch(t, []string{"values", "values", "values.impact"}, faultsOf(t, err))
}

// notFound is nil for ErrNotFound alone.
func notFound(err error) error {
	if errors.Is(err, itsm.ErrNotFound) {
		return nil
	}
	return fmt.Errorf("not ErrNotFound: %w", err)
}

func bestVerdict(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.activateCalendar(t, mona, office("office"))
	high := storage.Condition{Op: storage.Equal, Column: "impact", Values: []any{int64(1)}}
	h.agree(t, mona, contract("e-scope", "north", sla.Entitlement{Covers: high}))
	h.agree(t, mona, contract("d-over", "north", sla.Entitlement{Until: at(1, "00:00")}))
	require.Equal(t, "e-scope", h.entitlement(t, h.logAt(t, acme, "north")).Agreement, "out of scope is nearer than outside the term")
	h.agree(t, mona, contract("c-everyone", "", sla.Entitlement{Block: block(sla.UnitRecords, "2", sla.PeriodTerm)}))
	require.Equal(t, "c-everyone", h.entitlement(t, h.logAt(t, acme, "north")).Agreement, "it covers")
	h.agree(t, mona, contract("b-block", "north", sla.Entitlement{Hours: "office", Block: block(sla.UnitRecords, "1", sla.PeriodTerm)}))
	require.Equal(t, "b-block", h.entitlement(t, h.logAt(t, acme, "north")).Agreement, "that with the customer is preferred")
	require.Equal(t, "c-everyone", h.entitlement(t, h.logAt(t, acme, "south")).Agreement)
	got := h.entitlement(t, h.logAt(t, acme, "north"))
	require.Equal(t, []any{sla.UsedUp, "b-block"}, []any{got.Verdict, got.Agreement}, "both are used up")
	said, err := h.p.Entitled(ctx, mona, sla.Question{Kind: incident.Kind, Customer: "north", At: at(2, "18:00")})
	require.NoError(t, err)
	require.Equal(t, []any{sla.UsedUp, "c-everyone"}, []any{said.Verdict, said.Agreement.Name}, "used up is nearer than outside the hours")
	var all []string
	for _, x := range said.Considered {
		all = append(all, x.Agreement.Name+" "+string(x.Verdict))
	}
	require.Equal(t, []string{"d-over outside_term", "e-scope out_of_scope", "b-block outside_hours", "c-everyone used_up"}, all)
	h.agree(t, mona, contract("z-free", "north", sla.Entitlement{}))
	h.agree(t, mona, contract("b-block", "north", sla.Entitlement{Block: block(sla.UnitRecords, "9", sla.PeriodTerm)}))
	require.Equal(t, "z-free", h.entitlement(t, h.logAt(t, acme, "north")).Agreement, "one that takes nothing is preferred")
	require.Equal(t, "term: 1 of 9, 8 left, 0 over", h.balance(t, acme, "b-block"))
}

func recordBlock(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	signed := h.agree(t, mona, contract("north", "north", sla.Entitlement{Block: block(sla.UnitRecords, "2", sla.PeriodTerm)}))
	first, second := h.logAt(t, acme, "north"), h.logAt(t, acme, "north")
	require.Equal(t, "term: 2 of 2, 0 left, 0 over", h.balance(t, acme, "north"))
	third := h.logAt(t, acme, "north")
	require.Equal(t, sla.UsedUp, h.entitlement(t, third).Verdict)

	_, err := h.incidents.Cancel(ctx, mona, first.ID, incident.Cancellation{Command: because("By mistake")})
	require.NoError(t, err)
	require.Equal(t, "term: 1 of 2, 1 left, 0 over", h.balance(t, acme, "north"))
	require.Equal(t, sla.Covered, h.entitlement(t, first).Verdict, "it was covered")
	require.Empty(t, h.entitlement(t, first).Taken)
	_, err = h.p.GiveBack(ctx, mona, ref(first), because("Again"))
	require.ErrorIs(t, err, itsm.ErrTransition, "it has nothing")
	_, err = h.p.GiveBack(ctx, mona, ref(second), itsm.Command{})
	require.Equal(t, []string{"reason"}, faultsOf(t, err))
	a, err := h.p.GiveBack(ctx, mona, ref(second), itsm.Command{Key: "k", Reason: "A fault of ours"})
	require.NoError(t, err)
	require.Empty(t, a.Taken)
	_, err = h.p.GiveBack(ctx, mona, ref(second), itsm.Command{Key: "k", Reason: "A fault of ours"})
	require.NoError(t, err, "it is the same command")
	require.Equal(t, "term: 0 of 2, 2 left, 0 over", h.balance(t, acme, "north"))
	_, err = h.incidents.Cancel(ctx, mona, second.ID, incident.Cancellation{Command: because("By mistake")})
	require.NoError(t, err, "nothing is given back twice")
	require.Equal(t, "term: 0 of 2, 2 left, 0 over", h.balance(t, acme, "north"))
	_, err = h.p.Draw(ctx, mona, ref(third), sla.Drawing{Command: because("Work"), Minutes: number("1")})
	require.ErrorIs(t, err, itsm.ErrTransition, "it is a block of records")

	duplicate := h.logAt(t, acme, "north")
	_, err = h.incidents.Merge(ctx, mona, duplicate.ID, incident.Merging{Into: third.ID})
	require.NoError(t, err)
	require.Equal(t, "term: 0 of 2, 2 left, 0 over", h.balance(t, acme, "north"), "a duplicate is none of them")

	// What is taken by an agreement that is not active any more is given back all the same.
	fourth := h.logAt(t, acme, "north")
	_, err = h.p.Agreements.Retire(ctx, mona, signed.ID, because("Over"))
	require.NoError(t, err)
	_, err = h.p.Balance(ctx, mona, "north", time.Time{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.p.EntitlementOf(ctx, mona, ref(h.logAt(t, acme, "north")))
	require.ErrorIs(t, err, itsm.ErrNotFound, "nothing is in force")
	_, err = h.incidents.Cancel(ctx, mona, fourth.ID, incident.Cancellation{Command: because("By mistake")})
	require.NoError(t, err)
	h.agree(t, mona, contract("north", "north", sla.Entitlement{Block: block(sla.UnitRecords, "2", sla.PeriodTerm)}))
	require.Equal(t, "term: 0 of 2, 2 left, 0 over", h.balance(t, acme, "north"))

	var told []string
	require.NoError(t, h.e.View(ctx, mona, func(ctx context.Context, r storage.Reader) error {
		told = nil
		events, err := h.e.History(ctx, r, storage.EventQuery{Kind: sla.EntitlementKind, Record: h.entitlement(t, first).ID, Limit: 10})
		for _, e := range events {
			told = append(told, fmt.Sprintf("%s %t", e.Type, e.Internal))
		}
		return err
	}))
	require.Equal(t, []string{"sla_entitlement.assessed.v1 false", "sla_entitlement.given_back.v1 true"}, told)
}

func minuteBlock(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	signed := h.agree(t, mona, contract("north", "north", sla.Entitlement{
		Covers: storage.Condition{Op: storage.AtMost, Column: "impact", Values: []any{int64(2)}}, Block: block(sla.UnitMinutes, "100.5", sla.PeriodTerm)}))
	i := h.logAt(t, acme, "north")
	require.Equal(t, "term: 0 of 100.5, 100.5 left, 0 over", h.balance(t, acme, "north"), "logging takes no minutes")
	a, err := h.p.Draw(ctx, mona, ref(i), sla.Drawing{Command: because("A call"), Minutes: number("0.1")})
	require.NoError(t, err)
	require.Equal(t, "0.1", a.Taken[0].Units.String())
	h.begin(t, i)
	_, err = h.incidents.LogWork(ctx, mona, i.ID, incident.Work{Worked: 80 * time.Minute})
	require.NoError(t, err)
	require.Equal(t, "term: 80.1 of 100.5, 20.4 left, 0 over", h.balance(t, acme, "north"), "work that is recorded is taken")
	j := h.logAt(t, acme, "north")
	_, err = h.incidents.LogWork(ctx, mona, j.ID, incident.Work{Worked: 30*time.Minute + 24*time.Second})
	require.NoError(t, err)
	require.Equal(t, "term: 100.5 of 100.5, 0 left, 10 over", h.balance(t, acme, "north"))
	require.Equal(t, sla.UsedUp, h.entitlement(t, h.logAt(t, acme, "north")).Verdict)
	// What is taken back is first what was overdrawn.
	costs, err := h.incidents.Costs(ctx, mona, j.ID, "", 10)
	require.NoError(t, err)
	_, err = h.incidents.ReverseCost(ctx, mona, j.ID, incident.Reversal{Command: because("By mistake"), Entry: costs.Items[0].ID})
	require.NoError(t, err)
	require.Empty(t, h.entitlement(t, j).Taken)
	require.Equal(t, "term: 80.1 of 100.5, 20.4 left, 0 over", h.balance(t, acme, "north"))
	// More was paid for: what records take is of the version that is active.
	more := contract("north", "north", *signed.Set.Entitlement)
	more.Entitlement.Block = block(sla.UnitMinutes, "200", sla.PeriodTerm)
	h.agree(t, mona, more)
	_, err = h.p.Draw(ctx, mona, ref(i), sla.Drawing{Command: because("A call"), Minutes: number("119.9")})
	require.NoError(t, err)
	require.Equal(t, "term: 200 of 200, 0 left, 0 over", h.balance(t, acme, "north"))
	a, err = h.p.GiveBack(ctx, mona, ref(i), because("A fault of ours"))
	require.NoError(t, err)
	require.Empty(t, a.Taken)
	require.Equal(t, "term: 0 of 200, 200 left, 0 over", h.balance(t, acme, "north"))

	out, err := h.incidents.Log(ctx, analyst(acme), incident.Report{Title: "VPN", Requester: "rosa", Impact: 3, Urgency: 2})
	require.NoError(t, err)
	_, err = h.incidents.LogWork(ctx, mona, out.ID, incident.Work{Worked: time.Minute})
	require.NoError(t, err, "work is work")
	_, err = h.p.Draw(ctx, mona, ref(out), sla.Drawing{Command: because("A call"), Minutes: number("1")})
	require.ErrorIs(t, err, itsm.ErrTransition, "what is out of scope takes nothing")
	require.Equal(t, "term: 0 of 200, 200 left, 0 over", h.balance(t, acme, "north"))
	for _, minutes := range []string{"0", "-1", "0.0000000001", "1e13"} {
		_, err = h.p.Draw(ctx, mona, ref(i), sla.Drawing{Minutes: number(minutes)})
		require.Equal(t, []string{"reason", "minutes"}, faultsOf(t, err), minutes)
	}
	// When the agreement is over, what goes on is taken by what it was.
	v, err := h.p.Agreements.Draft(ctx, mona, sla.AgreementDraft{Family: "north", Set: contract("north", "north", sla.Entitlement{})})
	require.NoError(t, err)
	_, err = h.p.Agreements.Activate(ctx, mona, v.ID, because("By the year"))
	require.NoError(t, err)
	a, err = h.p.Draw(ctx, mona, ref(i), sla.Drawing{Command: because("A call"), Minutes: number("101")})
	require.NoError(t, err)
	require.Equal(t, []string{"100.5", "0.5"}, []string{a.Taken[0].Units.String(), a.Taken[0].Overdrawn.String()})
}

func periods(t *testing.T, h *host) {
	mona := manager(acme)
	tokyo := office("tokyo")
	tokyo.Zone, tokyo.Hours = "Asia/Tokyo", []calendar.Hours{{From: "00:00", To: "24:00"}}
	h.activateCalendar(t, mona, tokyo)
	monthly := contract("north", "north", sla.Entitlement{Hours: "tokyo", Block: block(sla.UnitRecords, "1", sla.PeriodMonth)})
	h.agree(t, mona, monthly)
	h.agree(t, mona, contract("south", "south", sla.Entitlement{Block: block(sla.UnitRecords, "1", sla.PeriodMonth)}))
	first := h.logAt(t, acme, "north")
	require.Equal(t, "2026-03", h.entitlement(t, first).Taken[0].Period)
	h.logAt(t, acme, "south")
	h.goTo(t, at(31, "15:00").Add(-time.Microsecond))
	require.Equal(t, sla.UsedUp, h.entitlement(t, h.logAt(t, acme, "north")).Verdict)
	h.goTo(t, at(31, "15:00"))
	require.Equal(t, sla.Covered, h.entitlement(t, h.logAt(t, acme, "north")).Verdict, "it is April in Tokyo")
	require.Equal(t, sla.UsedUp, h.entitlement(t, h.logAt(t, acme, "south")).Verdict, "and March in UTC")
	require.Equal(t, "2026-04: 1 of 1, 0 left, 0 over", h.balance(t, acme, "north"))
	h.goTo(t, at(31, "23:59").Add(time.Minute))
	require.Equal(t, sla.Covered, h.entitlement(t, h.logAt(t, acme, "south")).Verdict)
	// What is given back is of the month in which it was taken.
	_, err := h.incidents.Cancel(t.Context(), mona, first.ID, incident.Cancellation{Command: because("By mistake")})
	require.NoError(t, err)
	require.Equal(t, "2026-04: 1 of 1, 0 left, 0 over", h.balance(t, acme, "north"))
	march, err := h.p.Balance(t.Context(), mona, "north", monday)
	require.NoError(t, err)
	require.Equal(t, []string{"2026-03", "0"}, []string{march.Period, march.Drawn.String()})

	// A term that begins anew has a block of its own; one that is only longer does not.
	now := h.clock.Now()
	term := sla.Entitlement{From: now, Until: now.Add(time.Hour), Block: block(sla.UnitRecords, "1", sla.PeriodTerm)}
	h.agree(t, mona, contract("west", "west", term))
	h.logAt(t, acme, "west")
	term.Until = now.Add(2 * time.Hour)
	h.agree(t, mona, contract("west", "west", term))
	require.Equal(t, sla.UsedUp, h.entitlement(t, h.logAt(t, acme, "west")).Verdict)
	term.From = now.Add(time.Minute)
	h.agree(t, mona, contract("west", "west", term))
	h.clock.Advance(time.Minute)
	require.Equal(t, sla.Covered, h.entitlement(t, h.logAt(t, acme, "west")).Verdict)
}

// together runs something sixteen times at once.
func together(t *testing.T, do func(n int) error) {
	t.Helper()
	var all sync.WaitGroup
	errs := make([]error, 16)
	for n := range errs {
		all.Add(1)
		go func() {
			defer all.Done()
			errs[n] = do(n)
		}()
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
}

func manyAtOnce(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.agree(t, mona, contract("north", "north", sla.Entitlement{Block: block(sla.UnitRecords, "5", sla.PeriodTerm)}))
	h.agree(t, mona, contract("south", "south", sla.Entitlement{Block: block(sla.UnitMinutes, "5", sla.PeriodTerm)}))
	h.sites["rosa"] = "north"
	logged := make([]incident.Incident, 16)
	together(t, func(n int) (err error) {
		logged[n], err = h.incidents.Log(ctx, analyst(acme), incident.Report{Title: "VPN", Requester: "rosa"})
		return err
	})
	count := map[sla.Verdict]int{}
	for _, i := range logged {
		count[h.entitlement(t, i).Verdict]++
	}
	require.Equal(t, map[sla.Verdict]int{sla.Covered: 5, sla.UsedUp: 11}, count)
	require.Equal(t, "term: 5 of 5, 0 left, 0 over", h.balance(t, acme, "north"))
	together(t, func(n int) error {
		_, err := h.incidents.Cancel(ctx, mona, logged[n].ID, incident.Cancellation{Command: because("By mistake")})
		return err
	})
	require.Equal(t, "term: 0 of 5, 5 left, 0 over", h.balance(t, acme, "north"))

	one := h.logAt(t, acme, "south")
	together(t, func(int) error {
		_, err := h.p.Draw(ctx, mona, ref(one), sla.Drawing{Command: because("Work"), Minutes: number("0.4")})
		return err
	})
	require.Equal(t, "term: 5 of 5, 0 left, 1.4 over", h.balance(t, acme, "south"))
}

func refusal(t *testing.T, h *host) {
	strict := open(t, h.e.Store(), sla.NoAgreement, sla.UsedUp, sla.OutsideHours)
	ctx, mona := t.Context(), manager(acme)
	strict.usual(t, acme)
	strict.agree(t, mona, contract("north", "north", sla.Entitlement{Hours: "office", Block: block(sla.UnitRecords, "1", sla.PeriodTerm)}))
	strict.agree(t, mona, contract("west", "west", sla.Entitlement{Until: monday}))
	strict.logAt(t, acme, "north")
	log := func(site string) error {
		strict.mu.Lock()
		strict.sites["rosa"] = site
		strict.mu.Unlock()
		_, err := strict.incidents.Log(ctx, requester(acme), incident.Report{Title: "VPN", Requester: "rosa"})
		return err
	}
	contents := func() string {
		var all []string
		require.NoError(t, strict.e.View(ctx, mona, func(ctx context.Context, r storage.Reader) error {
			all = nil
			for _, s := range strict.e.Schemas() {
				n, err := r.Count(ctx, s, storage.Condition{}, nil)
				if err != nil {
					return err
				}
				all = append(all, fmt.Sprintf("%s %d", s.Name(), n))
			}
			return nil
		}))
		return strings.Join(all, "\n") + "\n" + strict.balance(t, acme, "north")
	}
	before := contents()
	for site, verdict := range map[string]sla.Verdict{"north": sla.UsedUp, "east": sla.NoAgreement} {
		err := log(site)
		require.ErrorIs(t, err, itsm.ErrInvalid)
		var refused *sla.NotEntitledError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, []any{verdict, incident.Kind, site}, []any{refused.Verdict, refused.Kind, refused.Customer})
		require.Equal(t, verdict == sla.UsedUp, refused.Agreement.Name == "north")
		require.ErrorContains(t, err, refused.Reason)
		require.Equal(t, before, contents())
	}
	require.NoError(t, log("west"), "outside the term is told and not refused")
	strict.goTo(t, at(2, "17:00"))
	require.ErrorContains(t, log("north"), "incident is not logged: outside_hours: north does not cover it: office is closed")

	_, err := sla.New(h.e, sla.Options{Kinds: []sla.RecordKind{{Schema: orders.Schema()}}, Refuse: []sla.Verdict{sla.Covered, "late", sla.UsedUp}})
	require.Equal(t, []string{"refuse[0]", "refuse[1]"}, faultsOf(t, err))
}

func entitlementReaders(t *testing.T, h *host) {
	ctx, rosa := t.Context(), requester(acme)
	h.agree(t, manager(acme), contract("north", "north", sla.Entitlement{Block: block(sla.UnitMinutes, "10", sla.PeriodTerm)}))
	h.agree(t, manager(acme), contract("south", "south", sla.Entitlement{}))
	i := h.logAt(t, acme, "north")
	draw := sla.Drawing{Command: because("Work"), Minutes: number("1")}
	_, err := h.p.Draw(ctx, manager(acme), ref(i), draw)
	require.NoError(t, err)
	require.Len(t, h.entitlement(t, i).Taken, 1)
	a, err := h.p.EntitlementOf(ctx, rosa, ref(i))
	require.NoError(t, err)
	require.Equal(t, []any{sla.Covered, "north"}, []any{a.Verdict, a.Agreement})
	require.Empty(t, a.Taken, "how long was worked is not for the requester")
	other := rosa
	other.ID = "ron"
	_, err = h.p.EntitlementOf(ctx, other, ref(i))
	require.ErrorIs(t, err, itsm.ErrNotFound)
	for _, who := range []itsm.Actor{rosa, other} {
		_, err = h.p.Entitled(ctx, who, sla.Question{Kind: incident.Kind, Customer: "south"})
		require.ErrorIs(t, err, itsm.ErrForbidden)
		_, err = h.p.Balance(ctx, who, "north", time.Time{})
		require.ErrorIs(t, err, itsm.ErrForbidden)
	}
	_, err = h.p.Draw(ctx, other, ref(i), draw)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	for _, who := range []itsm.Actor{rosa, analyst(acme)} {
		_, err = h.p.Draw(ctx, who, ref(i), draw)
		require.ErrorIs(t, err, itsm.ErrForbidden)
		_, err = h.p.GiveBack(ctx, who, ref(i), because("Mine"))
		require.ErrorIs(t, err, itsm.ErrForbidden)
	}
	_, err = h.p.Balance(ctx, analyst(acme), "north", time.Time{})
	require.NoError(t, err)
}

// notAssessed: what was logged before an agreement was active, and what is history.
func notAssessed(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	before := h.logAt(t, acme, "north")
	h.agree(t, mona, contract("north", "north", sla.Entitlement{Block: block(sla.UnitRecords, "5", sla.PeriodTerm)}))
	_, err := h.incidents.Note(ctx, mona, before.ID, incident.Note{Text: "Looked"})
	require.NoError(t, err)
	_, err = h.p.EntitlementOf(ctx, mona, ref(before))
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.p.GiveBack(ctx, mona, ref(before), because("Nothing"))
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.incidents.Cancel(ctx, mona, before.ID, incident.Cancellation{Command: because("By mistake")})
	require.NoError(t, err)
	o := order{orderHead: orderHead{State: "active"}}
	require.NoError(t, h.e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error {
		o.ID = u.NewID()
		if err := orders.Put(ctx, u, &o); err != nil {
			return err
		}
		u.Emit(itsm.Event{Kind: "order", Record: o.ID, Action: "put", At: u.Now().Add(-time.Hour), Data: engine.Changed{}})
		return nil
	}))
	require.Equal(t, "term: 0 of 5, 5 left, 0 over", h.balance(t, acme, "north"))
}

func ownEntitlement(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.agree(t, mona, contract("orders", "", sla.Entitlement{Kind: "order", Block: block(sla.UnitRecords, "3", sla.PeriodTerm)}))
	all := make([]order, 3)
	for n := range all {
		all[n].State = "active"
		h.put(t, &all[n])
	}
	require.Equal(t, "term: 3 of 3, 0 left, 0 over", h.balance(t, acme, "orders"))
	_, err := h.p.EntitlementOf(ctx, mona, ref(h.log(t, acme)))
	require.ErrorIs(t, err, itsm.ErrNotFound, "it is another kind")
	for range 2 { // its state is a category, which no event tells
		all[0].State = "cancelled"
		h.put(t, &all[0])
		require.Equal(t, "term: 2 of 3, 1 left, 0 over", h.balance(t, acme, "orders"))
	}
	require.NoError(t, h.e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error { return orders.Delete(ctx, u, &all[1]) }))
	require.Equal(t, "term: 1 of 3, 2 left, 0 over", h.balance(t, acme, "orders"))
}

// firstEvents has records of which the first event is the end, or tells of work.
func firstEvents(t *testing.T, h *host) {
	mona := manager(acme)
	h.agree(t, mona, contract("orders", "", sla.Entitlement{Kind: "order", Block: block(sla.UnitRecords, "3", sla.PeriodTerm)}))
	o := order{orderHead: orderHead{State: "cancelled"}}
	h.put(t, &o)
	require.Equal(t, "term: 0 of 3, 3 left, 0 over", h.balance(t, acme, "orders"), "it came to nothing, and nothing would give it back")
	a, err := h.p.EntitlementOf(t.Context(), mona, itsm.Ref{Kind: "order", ID: o.ID})
	require.NoError(t, err)
	require.Equal(t, sla.Covered, a.Verdict)
	require.Empty(t, a.Taken)

	h.agree(t, mona, contract("orders", "", sla.Entitlement{Kind: "order", Block: block(sla.UnitMinutes, "60", sla.PeriodTerm)}))
	require.NoError(t, h.e.Update(t.Context(), mona, func(ctx context.Context, u *engine.Unit) error {
		o := order{orderHead: orderHead{State: "active"}}
		o.ID = u.NewID()
		if err := orders.Put(ctx, u, &o); err != nil {
			return err
		}
		u.Emit(itsm.Event{Kind: "order", Record: o.ID, Action: "work", Data: workedOn{Worked: 45 * time.Minute}})
		return nil
	}))
	require.Equal(t, "term: 45 of 60, 15 left, 0 over", h.balance(t, acme, "orders"), "work is taken, whichever event tells of it")
}

// monthsOfTheTerm has work go on when the term is over: what was paid for is the months that the term has.
func monthsOfTheTerm(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.agree(t, mona, contract("north", "north", sla.Entitlement{From: at(2, "09:00"), Until: at2026(1).AddDate(0, 1, 9), Block: block(sla.UnitMinutes, "60", sla.PeriodMonth)}))
	i := h.logAt(t, acme, "north")
	draw := func() string {
		a, err := h.p.Draw(ctx, mona, ref(i), sla.Drawing{Command: because("Work"), Minutes: number("50")})
		require.NoError(t, err)
		last := a.Taken[len(a.Taken)-1]
		return fmt.Sprintf("%s: %s, %s over", last.Period, last.Units, last.Overdrawn)
	}
	require.Equal(t, "2026-03: 50, 0 over", draw())
	h.goTo(t, at2026(1).AddDate(0, 1, 20))
	require.Equal(t, "2026-04: 50, 0 over", draw(), "the month in which the term ends was paid for")
	h.goTo(t, at2026(1).AddDate(0, 2, 0))
	require.Equal(t, "2026-05: 0, 50 over", draw(), "the next was not")
	require.Equal(t, "2026-05: 0 of 0, 0 left, 50 over", h.balance(t, acme, "north"))
	before, err := h.p.Balance(ctx, mona, "north", at2026(1).Add(-time.Microsecond))
	require.NoError(t, err)
	require.Equal(t, []string{"2026-02", "0"}, []string{before.Period, before.Amount.String()})
}

// unkeptCustomers has the host name customers whom no column can hold: who reports an incident is not held up.
func unkeptCustomers(t *testing.T, h *host) {
	h.agree(t, manager(acme), contract("north", "north", sla.Entitlement{}))
	for site, said := range map[string]string{strings.Repeat("n", 300): strings.Repeat("n", 300), "a\x00b": "ab", "\xff": "\uFFFD"} {
		got := h.entitlement(t, h.logAt(t, acme, site))
		require.Equal(t, []any{sla.NoAgreement, ""}, []any{got.Verdict, got.Customer})
		require.Equal(t, "no agreement is with "+said+" for incident", got.Reason, "it says with whom")
	}
}

func entitlementsApart(t *testing.T, h *host) {
	ctx := t.Context()
	for _, tenant := range []storage.Tenant{acme, "globex"} {
		h.agree(t, manager(tenant), contract("north", "north", sla.Entitlement{Block: block(sla.UnitRecords, "1", sla.PeriodTerm)}))
	}
	i, j := h.logAt(t, acme, "north"), h.logAt(t, "globex", "north")
	require.Equal(t, []sla.Verdict{sla.Covered, sla.Covered}, []sla.Verdict{h.entitlement(t, i).Verdict, h.entitlement(t, j).Verdict})
	require.Equal(t, sla.UsedUp, h.entitlement(t, h.logAt(t, acme, "north")).Verdict)
	_, err := h.p.EntitlementOf(ctx, manager("globex"), ref(i))
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.p.GiveBack(ctx, manager("globex"), ref(i), because("Mine"))
	require.ErrorIs(t, err, itsm.ErrNotFound)
	k := h.logAt(t, "initech", "north")
	_, err = h.p.EntitlementOf(ctx, manager("initech"), ref(k))
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.p.Balance(ctx, manager("initech"), "north", time.Time{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	said, err := h.p.Entitled(ctx, manager("initech"), sla.Question{Kind: incident.Kind, Customer: "north"})
	require.NoError(t, err)
	require.Equal(t, sla.NoAgreement, said.Verdict)
	require.Empty(t, said.Considered)

	// A provider's agreement is for its tenants too, each with a block of its own.
	roles := []itsm.RoleName{itsm.RoleITServiceManager}
	pat := itsm.Actor{Tenant: "msp", ID: "pat", Roles: roles, Elsewhere: map[itsm.Tenant]itsm.Membership{acme: {Roles: roles}, "initech": {Roles: roles}}}
	h.agree(t, pat, contract("south", "south", sla.Entitlement{Block: block(sla.UnitRecords, "1", sla.PeriodTerm)}))
	require.NoError(t, h.p.Agreements.Publish(ctx, pat, versioned.Publication{Family: "south"}, acme, "initech"))
	for _, tenant := range []storage.Tenant{acme, "initech"} {
		require.Equal(t, sla.Covered, h.entitlement(t, h.logAt(t, tenant, "south")).Verdict)
		require.Equal(t, "term: 1 of 1, 0 left, 0 over", h.balance(t, tenant, "south"))
	}
}

// runBlocks gives random commands, after each of which blocks are a plain sum of what was taken and not given back.
func runBlocks(t *testing.T, h *host) {
	rapid.Check(t, func(rt *rapid.T) {
		ctx, tenant := context.Background(), storage.Tenant(fmt.Sprintf("run-%d", runs.Add(1)))
		mona := manager(tenant)
		for name, b := range map[string]*sla.Block{"records": block(sla.UnitRecords, "3", sla.PeriodMonth), "minutes": block(sla.UnitMinutes, "30", sla.PeriodMonth)} {
			v, err := h.p.Agreements.Draft(ctx, mona, sla.AgreementDraft{Family: name, Set: contract(name, name, sla.Entitlement{Block: b})})
			require.NoError(rt, err)
			_, err = h.p.Agreements.Activate(ctx, mona, v.ID, itsm.Command{})
			require.NoError(rt, err)
		}
		type one struct {
			incident.Incident
			agreement string
			wants     decimal.Decimal // that it has, or overdrew
			cancelled bool
		}
		var all []*one
		pick := func(rt *rapid.T) *one {
			if len(all) == 0 {
				rt.Skip("nothing is logged")
			}
			return rapid.SampledFrom(all).Draw(rt, "incident")
		}
		balance := func(name string) sla.Balance {
			b, err := h.p.Balance(ctx, mona, name, time.Time{})
			require.NoError(rt, err)
			return b
		}
		// taking checks what a record that wants minutes got, from what was left.
		taking := func(i *one, minutes decimal.Decimal, do func() error) {
			before := balance(i.agreement)
			require.NoError(rt, do())
			after := balance(i.agreement)
			got := decimal.Min(before.Left, minutes)
			require.True(rt, after.Drawn.Equal(before.Drawn.Add(got)), "%v then %v for %s", before, after, minutes)
			require.True(rt, after.Overdrawn.Equal(before.Overdrawn.Add(minutes.Sub(got))), "%v then %v for %s", before, after, minutes)
			i.wants = i.wants.Add(minutes)
		}
		minutes := rapid.Custom(func(rt *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(1, 20*60*2).Draw(rt, "half seconds")) * 600 * time.Millisecond // 0.01 minutes
		})
		exact := func(d time.Duration) decimal.Decimal { return decimal.New(int64(d/(600*time.Millisecond)), -2) }
		rt.Repeat(map[string]func(*rapid.T){
			"log": func(rt *rapid.T) {
				i := &one{agreement: rapid.SampledFrom([]string{"records", "minutes"}).Draw(rt, "agreement")}
				left := balance(i.agreement).Left
				i.Incident = h.logAt(rt, tenant, i.agreement)
				verdict := h.entitlement(rt, i.Incident).Verdict
				require.Equal(rt, left.Sign() > 0, verdict == sla.Covered, "%s left, and it is %s", left, verdict)
				if verdict == sla.Covered && i.agreement == "records" {
					i.wants = number("1")
				}
				all = append(all, i)
			},
			"cancel": func(rt *rapid.T) {
				i := pick(rt)
				_, err := h.incidents.Cancel(ctx, mona, i.ID, incident.Cancellation{Command: because("By mistake")})
				require.Equal(rt, i.cancelled, err != nil, "%v", err)
				i.cancelled = true
				if err == nil {
					i.wants = decimal.Zero
				}
			},
			"give back": func(rt *rapid.T) {
				i := pick(rt)
				_, err := h.p.GiveBack(ctx, mona, ref(i.Incident), because("Not billable"))
				require.Equal(rt, i.wants.IsZero(), errors.Is(err, itsm.ErrTransition), "%v", err)
				i.wants = decimal.Zero
			},
			"draw": func(rt *rapid.T) {
				i, d := pick(rt), exact(minutes.Draw(rt, "minutes"))
				draw := func() error {
					_, err := h.p.Draw(ctx, mona, ref(i.Incident), sla.Drawing{Command: because("Work"), Minutes: d})
					return err
				}
				if i.agreement == "records" {
					require.ErrorIs(rt, draw(), itsm.ErrTransition)
					return
				}
				taking(i, d, draw)
			},
			"work": func(rt *rapid.T) {
				i, d := pick(rt), minutes.Draw(rt, "work")
				work := func() error {
					_, err := h.incidents.LogWork(ctx, mona, i.ID, incident.Work{Worked: d})
					return err
				}
				if i.agreement == "records" {
					require.NoError(rt, work())
					return
				}
				taking(i, exact(d), work)
			},
			"reverse": func(rt *rapid.T) {
				i := pick(rt)
				costs, err := h.incidents.Costs(ctx, mona, i.ID, "", 100)
				require.NoError(rt, err)
				reversed := map[itsm.ID]bool{}
				for _, c := range costs.Items {
					reversed[c.Reverses] = true
				}
				for _, c := range costs.Items {
					if c.Reverses != "" || reversed[c.ID] {
						continue
					}
					_, err := h.incidents.ReverseCost(ctx, mona, i.ID, incident.Reversal{Command: because("By mistake"), Entry: c.ID})
					require.NoError(rt, err)
					if i.agreement == "minutes" {
						i.wants = decimal.Max(i.wants.Sub(exact(c.Worked)), decimal.Zero)
					}
					return
				}
			},
			"time": func(rt *rapid.T) {
				h.clock.Advance(time.Duration(rapid.IntRange(1, 400).Draw(rt, "hours")) * time.Hour)
			},
			"": func(rt *rapid.T) {
				type key struct{ agreement, period string }
				units, over := map[key]decimal.Decimal{}, map[key]decimal.Decimal{}
				for _, i := range all {
					has := decimal.Zero
					for _, x := range h.entitlement(rt, i.Incident).Taken {
						k := key{i.agreement, x.Period}
						units[k], over[k] = units[k].Add(x.Units), over[k].Add(x.Overdrawn)
						has = has.Add(x.Units).Add(x.Overdrawn)
						require.False(rt, x.Units.IsNegative() || x.Overdrawn.IsNegative())
					}
					require.True(rt, has.Equal(i.wants), "%s has %s of %s, not %s", i.ID, has, i.agreement, i.wants)
				}
				for k, sum := range units {
					month, err := time.Parse("2006-01", k.period)
					require.NoError(rt, err)
					b, err := h.p.Balance(ctx, mona, k.agreement, month)
					require.NoError(rt, err)
					require.True(rt, b.Drawn.Equal(sum) && b.Overdrawn.Equal(over[k]), "%v is not %s and %s", b, sum, over[k])
					require.False(rt, b.Drawn.GreaterThan(b.Amount) || b.Left.IsNegative())
				}
			},
		})
	})
}
