package incident_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
)

func money(amount, currency string) itsm.Money {
	return itsm.Money{Amount: decimal.RequireFromString(amount), Currency: currency}
}

func euro(amount string) itsm.Money { return money(amount, "EUR") }

// texts gives amounts as people read them.
func texts(amounts []itsm.Money) []string {
	var out []string
	for _, m := range amounts {
		out = append(out, m.String())
	}
	return out
}

func TestI19WorkCostsItsRoleByItsTimeByItsRate(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{Costs: incident.CostModel{
		Rate: euro("100"),
		Roles: map[string]incident.RoleCost{
			"commander": {}, "analyst": {Multiplier: decimal.RequireFromString("0.75")},
			"observer": {Multiplier: decimal.RequireFromString("0.5")}, "supplier": {Rate: money("9000", "JPY"), Multiplier: decimal.RequireFromString("1.5")},
			"volunteer": {Rate: euro("0")},
		},
	}}), t.Context()
	for _, c := range []struct {
		name string
		work incident.Work
		want string
	}{
		{"the base rate", incident.Work{Worked: 90 * time.Minute}, "150.00 EUR"},
		{"a role of the base rate", incident.Work{Role: "commander", Worked: time.Hour}, "100.00 EUR"},
		{"three quarters of it", incident.Work{Role: "analyst", Worked: 2 * time.Hour}, "150.00 EUR"},
		{"a third of an hour at a half", incident.Work{Role: "observer", Worked: 20 * time.Minute}, "16.67 EUR"},
		{"a currency without cents", incident.Work{Role: "supplier", Worked: 10 * time.Minute}, "2250 JPY"},
		{"a rate of nothing", incident.Work{Role: "volunteer", Worked: time.Hour}, "0.00 EUR"},
		{"a rate of its own is not multiplied", incident.Work{Role: "observer", Worked: time.Hour, Rate: euro("80.50")}, "80.50 EUR"},
		{"a half cent goes to the even one", incident.Work{Rate: euro("0.01"), Worked: 30 * time.Minute}, "0.00 EUR"},
		{"and up where that is even", incident.Work{Rate: euro("0.03"), Worked: 30 * time.Minute}, "0.02 EUR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := d.report()
			_, err := d.LogWork(ctx, ana, i.ID, c.work)
			require.NoError(t, err)
			total, err := d.TotalCost(ctx, ana, i.ID)
			require.NoError(t, err)
			require.Equal(t, []string{c.want}, texts(total.Amounts))
			require.Equal(t, c.work.Worked, total.Worked)
			page, err := d.Costs(ctx, ana, i.ID, "", 0)
			require.NoError(t, err)
			require.Equal(t, c.want, page.Items[0].Money().String())
			require.Equal(t, d.now.Add(-c.work.Worked), page.Items[0].At)
		})
	}
	_, err := d.LogWork(ctx, ana, d.report().ID, incident.Work{Role: "juggler", Worked: -time.Second, Start: d.now.Add(time.Hour)})
	require.Equal(t, []string{"role", "worked", "start"}, faults(t, err))
	_, err = incident.New(d.e, incident.Options{Costs: incident.CostModel{Rate: money("1", "XXX"), Roles: map[string]incident.RoleCost{
		"a": {Rate: euro("-1"), Multiplier: decimal.NewFromInt(-1)}}}})
	require.Equal(t, []string{"costs.rate.currency", "costs.roles.a.rate", "costs.roles.a.multiplier"}, faults(t, err))

	free := openDesk(t, incident.Options{})
	i := free.report()
	_, err = free.LogWork(ctx, ana, i.ID, incident.Work{Role: "anything", Worked: time.Hour})
	require.NoError(t, err)
	total, err := free.TotalCost(ctx, ana, i.ID)
	require.NoError(t, err)
	require.Equal(t, incident.CostTotal{Entries: 1, Worked: time.Hour}, total, "without a rate there is the time")
}

func TestD12TimeAndCostsAreTakenBackByTheirReversalAlone(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.in(incident.StateClosed)
	_, err := d.LogWork(ctx, ana, i.ID, incident.Work{Worked: time.Hour, Rate: euro("100.10"), Person: "bob", Text: "On site", Task: "T1"})
	require.NoError(t, err)
	_, err = d.AddCost(ctx, ana, i.ID, incident.Expense{Amount: money("12.50", "USD"), Text: "Cable", At: d.now.Add(-48 * time.Hour)})
	require.NoError(t, err)
	_, err = d.AddCost(ctx, ana, i.ID, incident.Expense{Amount: euro("0.20"), Text: "Label"})
	require.NoError(t, err)
	_, err = d.AddCost(ctx, ana, i.ID, incident.Expense{Amount: euro("-1"), Text: "Label"})
	require.Equal(t, []string{"amount"}, faults(t, err))
	_, err = d.AddCost(ctx, ana, i.ID, incident.Expense{Amount: money("1", "GOLD"), Text: "Label"})
	require.Equal(t, []string{"amount.currency"}, faults(t, err))
	total, err := d.TotalCost(ctx, ana, i.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"100.30 EUR", "12.50 USD"}, texts(total.Amounts))

	page, err := d.Costs(ctx, ana, i.ID, "", 2)
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	cable, work := page.Items[0], page.Items[1] // as they were incurred
	require.Equal(t, [2]string{"Cable", "On site"}, [2]string{cable.Text, work.Text})
	require.Equal(t, itsm.ID("bob"), work.Person)
	_, err = d.ReverseCost(ctx, ana, i.ID, incident.Reversal{Entry: work.ID})
	require.Equal(t, []string{"reason"}, faults(t, err))
	back := incident.Reversal{Command: itsm.Command{Reason: "Another incident"}, Entry: work.ID}
	_, err = d.ReverseCost(ctx, ana, d.report().ID, back)
	require.EqualError(t, err, "incident: invalid: entry is not found")
	_, err = d.ReverseCost(ctx, ana, i.ID, back)
	require.NoError(t, err)
	_, err = d.ReverseCost(ctx, ana, i.ID, back)
	require.EqualError(t, err, "incident: invalid: entry is reversed already")
	told := d.last(i.ID).Data.(incident.CostRecorded)
	require.Equal(t, work.ID, told.Reverses)
	require.Equal(t, -time.Hour, told.Worked)
	require.Equal(t, "-100.10 EUR", told.Amount.String())
	back.Entry = told.Entry
	_, err = d.ReverseCost(ctx, ana, i.ID, back)
	require.EqualError(t, err, "incident: invalid: entry is a reversal; record what it took back anew")

	total, err = d.TotalCost(ctx, ana, i.ID)
	require.NoError(t, err)
	require.EqualValues(t, 4, total.Entries)
	require.Zero(t, total.Worked)
	require.Equal(t, []string{"0.20 EUR", "12.50 USD"}, texts(total.Amounts))
	page, err = d.Costs(ctx, ana, i.ID, "", 0)
	require.NoError(t, err)
	for _, c := range page.Items {
		if c.ID == work.ID {
			require.Equal(t, work, c, "what was recorded stays as it was")
		}
	}
}

func TestD12CostsAreForThoseWhoMayReadThem(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.report(func(r *incident.Report) { r.Group = "vendor" })
	secret := d.report(restricted())
	_, err := d.LogWork(ctx, ana, i.ID, incident.Work{Worked: time.Hour, Rate: euro("90")})
	require.NoError(t, err)
	_, err = d.LogWork(ctx, pat, i.ID, incident.Work{Worked: 2 * time.Hour, Rate: euro("50")})
	require.NoError(t, err)
	_, err = d.AddCost(ctx, mona, secret.ID, incident.Expense{Amount: euro("1000"), Text: "Counsel"})
	require.NoError(t, err)

	want := func(actor itsm.Actor, amounts ...string) {
		t.Helper()
		total, err := d.TotalCost(ctx, actor, i.ID)
		require.NoError(t, err)
		require.Equal(t, amounts, texts(total.Amounts))
	}
	want(ana, "190.00 EUR")
	want(pat, "100.00 EUR") // a supplier's engineer sees what they logged
	page, err := d.Costs(ctx, pat, i.ID, "", 0)
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	all, err := d.Costs(ctx, ana, i.ID, "", 0)
	require.NoError(t, err)
	for _, c := range all.Items {
		if c.By == "ana" {
			_, err = d.ReverseCost(ctx, pat, i.ID, incident.Reversal{Command: itsm.Command{Reason: "x"}, Entry: c.ID})
			require.EqualError(t, err, "incident: invalid: entry is not found")
		}
	}
	_, err = d.Costs(ctx, rita, i.ID, "", 0)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.TotalCost(ctx, rob, i.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	for _, actor := range []itsm.Actor{rita, pat} {
		entries, err := d.Timeline(ctx, actor, i.ID)
		require.NoError(t, err)
		raw, err := json.Marshal(entries)
		require.NoError(t, err)
		require.NotContains(t, string(raw), "90.00")
		want := map[itsm.ID]int{"rita": 2, "pat": 3} // logged, assigned, and what pat logged
		require.Len(t, entries, want[actor.ID])
	}

	sum := func(actor itsm.Actor, q incident.Query, amounts ...string) {
		t.Helper()
		total, err := d.SumCosts(ctx, actor, q)
		require.NoError(t, err)
		require.Equal(t, amounts, texts(total.Amounts))
	}
	sum(mona, incident.Query{}, "1190.00 EUR")
	sum(ana, incident.Query{}, "190.00 EUR")
	sum(mona, incident.Query{Where: incident.ByRestricted.Is(true)}, "1000.00 EUR")
	sum(sam, incident.Query{}) // none is his
	_, err = d.SumCosts(ctx, pat, incident.Query{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.SumCosts(ctx, rita, incident.Query{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	both := mona
	both.Elsewhere = map[itsm.Tenant]itsm.Membership{"globex": {Roles: mona.Roles}}
	there, err := d.Log(ctx, both.In("globex"), incident.Report{Title: "x", Requester: "r"})
	require.NoError(t, err)
	_, err = d.AddCost(ctx, both.In("globex"), there.ID, incident.Expense{Amount: money("7", "USD"), Text: "Fee"})
	require.NoError(t, err)
	sum(both, incident.Query{Tenants: []itsm.Tenant{"acme", "globex"}}, "1190.00 EUR", "7.00 USD")
}

// What one entry costs is within half a cent of the exact product.
func TestI19AnEntryIsRoundedOnce(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	rapid.Check(t, func(t *rapid.T) {
		cents := rapid.Int64Range(0, 1_000_000).Draw(t, "cents an hour")
		worked := time.Duration(rapid.Int64Range(1, int64(incident.MaxWork/time.Microsecond)).Draw(t, "microseconds")) * time.Microsecond
		i, err := d.Log(ctx, mona, incident.Report{Title: "x", Requester: "rita"})
		require.NoError(t, err)
		_, err = d.LogWork(ctx, mona, i.ID, incident.Work{Worked: worked, Rate: itsm.Money{Amount: decimal.New(cents, -2), Currency: "EUR"}})
		require.NoError(t, err)
		page, err := d.Costs(ctx, mona, i.ID, "", 0)
		require.NoError(t, err)
		// |amount * hour - cents * worked| <= hour / 2, in whole numbers.
		hour := decimal.NewFromInt(int64(time.Hour))
		off := decimal.NewFromInt(page.Items[0].Amount).Mul(hour).Sub(decimal.NewFromInt(cents).Mul(decimal.NewFromInt(int64(worked)))).Abs()
		require.True(t, off.Mul(decimal.NewFromInt(2)).LessThanOrEqual(hour), "%s", off)
	})
}
