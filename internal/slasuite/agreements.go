// This file holds the cases of agreements: what they name, what they rest on, and what became of them.

package slasuite

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/timer"
)

func number(text string) decimal.Decimal { return decimal.RequireFromString(text) }

func (h *host) agree(t *testing.T, actor itsm.Actor, a sla.Agreement) sla.AgreementVersion {
	t.Helper()
	ctx := context.Background()
	v, err := h.p.Agreements.Draft(ctx, actor, sla.AgreementDraft{Family: a.Name, Set: a})
	require.NoError(t, err)
	v, err = h.p.Agreements.Activate(ctx, actor, v.ID, itsm.Command{Reason: "signed"})
	require.NoError(t, err)
	return v
}

func agreements(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.usual(t, acme)
	bad := sla.Agreement{Name: "north", Type: timer.OLA, Policy: "gold", Attainment: map[string]decimal.Decimal{"resolution": number("101")},
		Credits: []sla.Credit{{Below: number("90"), Percent: number("5")}, {Below: number("95"), Percent: number("10")}},
		RestsOn: map[string]sla.Rest{"nothing": {Agreement: "x", Target: "y", Sequence: []sla.Rest{{}}}}}
	_, err := h.p.Agreements.Draft(ctx, mona, sla.AgreementDraft{Family: "south", Set: bad})
	require.Subset(t, faultsOf(t, err), []string{"set.name", "set.provider", "set.policy", "set.attainment.resolution", "set.fee", "set.credits[1]",
		"set.rests_on", "set.rests_on.nothing"})
	_, err = h.p.Agreements.Draft(ctx, mona, sla.AgreementDraft{Family: "s", Set: sla.Agreement{Name: "s", Type: timer.SLA, Provider: "desk", Customer: "initech", Policy: "gold"}})
	require.Equal(t, []string{"set.customer"}, faultsOf(t, err), "the policy must tell customers apart")
	_, err = h.p.Agreements.Draft(ctx, analyst(acme), sla.AgreementDraft{Family: "north", Set: bad})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	v := h.agree(t, mona, sla.Agreement{Name: "all", Type: timer.SLA, Provider: "desk", Policy: "gold"})
	require.EqualValues(t, 1, v.Number)
}

// promise is a policy with one target that has one goal.
func promise(name string, of timer.Type, within time.Duration) sla.Policy {
	t := timer.Resolution("office", nil, timer.Within(within))
	t.Name = "solve"
	return sla.Policy{Policy: timer.Policy{Name: name, Type: of, Kind: incident.Kind, Targets: []timer.Target{t}}}
}

func chains(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.activateCalendar(t, mona, office("office"))
	for name, x := range map[string]struct {
		of     timer.Type
		within time.Duration
	}{"customer": {timer.SLA, 8 * time.Hour}, "desk": {timer.OLA, 2 * time.Hour}, "network": {timer.OLA, 4 * time.Hour}, "carrier": {timer.UnderpinningContract, 6 * time.Hour}} {
		h.activate(t, mona, promise(name, x.of, x.within))
		if name != "customer" {
			h.agree(t, mona, sla.Agreement{Name: name, Type: x.of, Provider: name, Policy: name})
		}
	}
	customer := sla.Agreement{Name: "customer", Type: timer.SLA, Provider: "us", Policy: "customer", RestsOn: map[string]sla.Rest{"solve": {Sequence: []sla.Rest{
		{Agreement: "desk", Target: "solve"}, {Parallel: []sla.Rest{{Agreement: "network", Target: "solve"}, {Agreement: "desk", Target: "solve"}}},
	}}}}
	h.agree(t, mona, customer)
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	report, err := h.p.CheckChain(ctx, mona, "customer", "solve", "", from, from.AddDate(1, 0, 0))
	require.NoError(t, err)
	require.True(t, report.Kept, "two hours and the longer of four and two are within eight")
	customer.RestsOn["solve"].Sequence[1].Parallel[1].Agreement = "carrier"
	customer.RestsOn["solve"] = sla.Rest{Sequence: append(customer.RestsOn["solve"].Sequence, sla.Rest{Agreement: "desk", Target: "solve"})}
	h.agree(t, mona, customer)
	report, err = h.p.CheckChain(ctx, mona, "customer", "solve", "", from, from.AddDate(1, 0, 0))
	require.NoError(t, err)
	require.False(t, report.Kept)
	require.Equal(t, "desk: solve", report.First.Link[len(report.First.Link)-1], "two, six and two hours are more than eight: the last breaks it")

	_, err = h.p.CheckChain(ctx, mona, "customer", "solve", "priority 9", from, from.AddDate(1, 0, 0))
	require.Equal(t, []string{"promise.goal"}, faultsOf(t, err))
	_, err = h.p.CheckChain(ctx, mona, "desk", "solve", "", from, from.AddDate(1, 0, 0))
	require.Equal(t, []string{"target"}, faultsOf(t, err))
	_, err = h.p.CheckChain(ctx, requester(acme), "customer", "solve", "", from, from.AddDate(1, 0, 0))
	require.ErrorIs(t, err, itsm.ErrForbidden)
}

func reports(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.activateCalendar(t, mona, office("office"))
	set := gold()
	set.CustomerBy = "requester.site"
	h.activate(t, mona, set)
	fee, err := itsm.ParseMoney("999.99", "EUR")
	require.NoError(t, err)
	available, content := number("99.9"), number("4.2")
	h.agree(t, mona, sla.Agreement{
		Name: "north", Type: timer.SLA, Provider: "desk", Customer: "north", Policy: "gold",
		Attainment:   map[string]decimal.Decimal{"response": number("66.67"), "resolution": number("90")},
		Availability: &available, Satisfaction: &content, Fee: fee,
		Credits: []sla.Credit{{Below: number("95"), Percent: number("5")}, {Below: number("66.67"), Percent: number("12.5")}, {Below: number("50"), Percent: number("100")}},
	})
	of := func(site string) incident.Incident {
		h.mu.Lock()
		h.sites["rosa"] = site
		h.mu.Unlock()
		return h.log(t, acme)
	}
	first, second, third := of("north"), of("north"), of("north")
	of("south")
	h.begin(t, first)
	h.begin(t, second)
	h.goTo(t, at(2, "12:00"))
	h.tick(t)
	_, err = h.incidents.Cancel(ctx, mona, second.ID, incident.Cancellation{Command: itsm.Command{Reason: "Mistake"}})
	require.NoError(t, err)
	_, err = h.incidents.Resolve(ctx, mona, first.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Done"})
	require.NoError(t, err)

	report, err := h.p.Report(ctx, mona, "north", "2026-03", sla.Measured{Availability: &available})
	require.NoError(t, err)
	require.Len(t, report.Targets, 2)
	require.Equal(t, sla.Counts{Met: 1, Open: 1}, report.Targets[0].Counts, "resolution: one is met, one was cancelled, one is open")
	require.Equal(t, sla.Counts{Met: 2, Breached: 1}, report.Targets[1].Counts, "response: the third is breached, and still runs")
	require.False(t, report.Targets[1].Kept, "two of three are less than 66.67 of a hundred")
	require.False(t, report.Kept)
	require.Equal(t, "12.5", report.CreditPercent.String(), "for which there is a credit")
	require.Equal(t, "125.00 EUR", report.Credit.String(), "of 999.99, rounded once")
	require.Equal(t, strings.TrimPrefix(`
north, version 1, 2026-03
desk for north
resolution: 100.00 % (1 met, 0 breached, 1 open), promised 90 %: kept
response: 66.66 % (2 met, 1 breached, 0 open), promised 66.67 %: not kept
availability: 99.9 %, promised 99.9 %: kept
satisfaction: not measured, promised 4.2
credit: 125.00 EUR (12.5 % of 999.99 EUR)
`, "\n"), report.Text())

	h.begin(t, third)
	low := number("99.89")
	report, err = h.p.Report(ctx, mona, "north", "2026-03", sla.Measured{Availability: &low})
	require.NoError(t, err)
	require.Equal(t, sla.Counts{Met: 2, Breached: 1}, report.Targets[1].Counts, "it has ended, and is counted once")
	require.False(t, report.Kept)
	exact := report.Agreement
	exact.Attainment = map[string]decimal.Decimal{"response": number("66.666666666"), "resolution": number("90")}
	h.agree(t, mona, exact)
	report, err = h.p.Report(ctx, mona, "north", "2026-03", sla.Measured{})
	require.NoError(t, err)
	require.True(t, report.Targets[1].Kept, "two of three are more than 66.666666666 of a hundred")
	require.True(t, report.Kept)
	require.Zero(t, report.Credit.Sign())
	report, err = h.p.Report(ctx, mona, "north", "2026-04", sla.Measured{})
	require.NoError(t, err)
	require.True(t, report.Kept)
	require.Zero(t, report.Credit.Sign(), "nothing was decided")
	_, err = h.p.Report(ctx, analyst(acme), "north", "2026-03", sla.Measured{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = h.p.Report(ctx, mona, "south", "2026-03", sla.Measured{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = h.p.Report(ctx, mona, "north", "March", sla.Measured{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
}
