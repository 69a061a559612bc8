// This file holds the cases of service reports: which version of an agreement counts in a month, and what it costs.

package slasuite

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/timer"
)

// paid is an agreement that promises nine of ten resolutions for a fee, of which a tenth is given back.
func paid(t *testing.T, fee string) sla.Agreement {
	t.Helper()
	money, err := itsm.ParseMoney(fee, "EUR")
	require.NoError(t, err)
	return sla.Agreement{Name: "top", Type: timer.SLA, Provider: "desk", Policy: "gold", Fee: money,
		Attainment: map[string]decimal.Decimal{"resolution": number("90")}, Credits: []sla.Credit{{Below: number("95"), Percent: number("10")}}}
}

func (h *host) resolve(t *testing.T, i incident.Incident) {
	t.Helper()
	_, err := h.incidents.Resolve(t.Context(), manager(acme), i.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Done"})
	require.NoError(t, err)
}

// Only a promise that was not kept costs something.
func creditsOfPromises(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.usual(t, acme)
	h.agree(t, mona, paid(t, "1000"))
	var all []incident.Incident
	for range 10 {
		all = append(all, h.log(t, acme))
	}
	h.clock.Advance(2 * time.Hour)
	h.tick(t)
	for _, i := range all[:9] {
		h.resolve(t, i)
	}
	report, err := h.p.Report(ctx, mona, "top", "2026-03", sla.Measured{})
	require.NoError(t, err)
	require.Equal(t, sla.Counts{Breached: 10}, report.Targets[1].Counts, "no response was in time")
	require.True(t, report.Kept, "but that is not promised")
	require.Zero(t, report.Credit.Sign())

	h.goTo(t, at(5, "12:00"))
	h.tick(t)
	report, err = h.p.Report(ctx, mona, "top", "2026-03", sla.Measured{})
	require.NoError(t, err)
	require.Equal(t, sla.Counts{Met: 9, Breached: 1}, report.Targets[0].Counts)
	require.True(t, report.Kept, "nine of ten are what was promised")
	require.Zero(t, report.Credit.Sign(), "though it is below 95: a promise that was kept costs nothing")

	late := h.log(t, acme)
	h.goTo(t, at(12, "12:00"))
	h.resolve(t, late)
	report, err = h.p.Report(ctx, mona, "top", "2026-03", sla.Measured{})
	require.NoError(t, err)
	require.False(t, report.Kept)
	require.Equal(t, "100.00 EUR", report.Credit.String())

	a := paid(t, "1000")
	a.Attainment = nil
	_, err = h.p.Agreements.Draft(ctx, mona, sla.AgreementDraft{Family: a.Name, Set: a})
	require.Equal(t, []string{"set.credits"}, faultsOf(t, err), "credits for nothing that is promised are never given")
}

// A month is reported by what held in it, whatever was agreed since.
func pastMonths(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	berlin := office("office")
	berlin.Zone = "Europe/Berlin"
	h.activateCalendar(t, mona, berlin)
	h.activate(t, mona, gold())
	report := func(month string) (number int64, fee string) {
		t.Helper()
		r, err := h.p.Report(ctx, mona, "top", month, sla.Measured{})
		require.NoError(t, err)
		require.Len(t, r.Targets, 2, "those of the policy, whether anything began or not")
		require.Equal(t, "resolution", r.Targets[0].Target)
		return r.Version, r.Agreement.Fee.String()
	}
	is := func(month string, number int64, fee string) {
		t.Helper()
		n, f := report(month)
		require.Equal(t, []any{number, fee}, []any{n, f}, month)
	}
	none := func(name, month, problem string) {
		t.Helper()
		_, err := h.p.Report(ctx, mona, name, month, sla.Measured{})
		require.ErrorIs(t, err, itsm.ErrNotFound)
		require.ErrorContains(t, err, problem)
	}
	first := h.agree(t, mona, paid(t, "1000"))
	is("2026-03", 1, "1000.00 EUR")
	none("top", "2026-02", `"top" did not hold in 2026-02: it holds from 2026-03-02T10:00:00+01:00 on`)
	none("bottom", "2026-03", `there is no agreement "bottom"`)
	_, err := h.p.Agreements.Draft(ctx, mona, sla.AgreementDraft{Family: "other", Set: sla.Agreement{Name: "other", Type: timer.SLA, Provider: "desk"}})
	require.NoError(t, err)
	none("other", "2026-03", `"other" was never active`)

	// The month ends where the calendar is: midnight of Berlin is two hours before that of UTC in summer.
	h.goTo(t, time.Date(2026, 4, 30, 21, 59, 0, 0, time.UTC))
	h.agree(t, mona, paid(t, "2000"))
	is("2026-03", 1, "1000.00 EUR")
	is("2026-04", 2, "2000.00 EUR")
	h.goTo(t, time.Date(2026, 4, 30, 22, 0, 0, 0, time.UTC))
	h.agree(t, mona, paid(t, "3000"))
	is("2026-04", 2, "2000.00 EUR")
	is("2026-05", 3, "3000.00 EUR")
	// What held once holds again: each time counts.
	h.goTo(t, time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC))
	_, err = h.p.Agreements.Activate(ctx, mona, first.ID, itsm.Command{})
	require.NoError(t, err)
	is("2026-03", 1, "1000.00 EUR")
	is("2026-04", 2, "2000.00 EUR")
	is("2026-05", 3, "3000.00 EUR")
	is("2026-06", 1, "1000.00 EUR")
	// It can be had when it is retired, of the month of that too.
	h.goTo(t, time.Date(2026, 7, 10, 0, 0, 0, 0, time.UTC))
	_, err = h.p.Agreements.Retire(ctx, mona, first.ID, itsm.Command{})
	require.NoError(t, err)
	h.goTo(t, time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC))
	is("2026-05", 3, "3000.00 EUR")
	is("2026-07", 1, "1000.00 EUR")
	none("top", "2026-08", `"top" did not hold in 2026-08: it held until 2026-07-10T02:00:00+02:00: `)
	h.agree(t, mona, paid(t, "4000"))
	none("top", "2026-08", `"top" did not hold in 2026-08: it held until 2026-07-10T02:00:00+02:00, and again from 2026-09-01T02:00:00+02:00 on`)
	is("2026-09", 4, "4000.00 EUR")
}

// The policy that an agreement named in a month is that whose targets are counted.
func pastPolicies(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	h.usual(t, acme)
	v := h.agree(t, mona, sla.Agreement{Name: "top", Type: timer.SLA, Provider: "desk", Policy: "gold"})
	h.log(t, acme)
	h.goTo(t, time.Date(2026, 4, 10, 9, 0, 0, 0, time.UTC))
	h.activate(t, mona, promise("silver", timer.SLA, time.Hour))
	h.agree(t, mona, sla.Agreement{Name: "top", Type: timer.SLA, Provider: "desk", Policy: "silver"})
	_, err := h.p.Policies.Retire(ctx, mona, h.active(t, "gold"), itsm.Command{})
	require.NoError(t, err, "nothing that holds needs it")
	h.log(t, acme)
	targets := func(month string) (all []string) {
		r, err := h.p.Report(ctx, mona, "top", month, sla.Measured{})
		require.NoError(t, err)
		for _, x := range r.Targets {
			all = append(all, x.Target)
		}
		return all
	}
	require.Equal(t, []string{"resolution", "response"}, targets("2026-03"))
	require.Equal(t, []string{"solve"}, targets("2026-04"))
	require.EqualValues(t, 1, v.Number)
}

// active gives the id of the version of a policy that is active.
func (h *host) active(t *testing.T, policy string) itsm.ID {
	t.Helper()
	a, err := h.p.Policies.Active(t.Context(), manager(acme), policy)
	require.NoError(t, err)
	return a.Own.ID
}

// A provider's agreement holds where the tenant has none of its own of the name.
func pastBase(t *testing.T, h *host) {
	ctx, mona := t.Context(), manager(acme)
	roles := []itsm.RoleName{itsm.RoleITServiceManager}
	pat := itsm.Actor{Tenant: "msp", ID: "pat", Roles: roles, Elsewhere: map[itsm.Tenant]itsm.Membership{acme: {Roles: roles}}}
	a := sla.Agreement{Name: "top", Type: timer.SLA, Provider: "msp"}
	publish := func() {
		t.Helper()
		h.agree(t, pat, a)
		require.NoError(t, h.p.Agreements.Publish(ctx, pat, versioned.Publication{Family: "top"}, acme))
	}
	by := func(month string) string {
		t.Helper()
		r, err := h.p.Report(ctx, mona, "top", month, sla.Measured{})
		require.NoError(t, err)
		return r.Agreement.Provider
	}
	publish()
	h.goTo(t, time.Date(2026, 4, 10, 0, 0, 0, 0, time.UTC))
	own := h.agree(t, mona, sla.Agreement{Name: "top", Type: timer.SLA, Provider: "own"})
	h.goTo(t, time.Date(2026, 5, 10, 0, 0, 0, 0, time.UTC))
	a.Provider = "other"
	publish()
	h.goTo(t, time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC))
	_, err := h.p.Agreements.Retire(ctx, mona, own.ID, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, []string{"msp", "own", "own", "other"}, []string{by("2026-03"), by("2026-04"), by("2026-05"), by("2026-06")})
}
