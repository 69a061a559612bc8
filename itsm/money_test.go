package itsm_test

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
)

func money(t require.TestingT, amount, currency string) itsm.Money {
	m, err := itsm.ParseMoney(amount, currency)
	require.NoError(t, err)
	return m
}

func TestMoneyReadsWithThePlacesOfItsCurrency(t *testing.T) {
	for _, c := range []struct{ amount, currency, want string }{
		{"12.3", "EUR", "12.30 EUR"}, {"12", "EUR", "12.00 EUR"}, {"-0.5", "USD", "-0.50 USD"}, {"0", "EUR", "0.00 EUR"},
		{"1230", "JPY", "1230 JPY"}, {"1.5", "KWD", "1.500 KWD"}, {"1", "CLF", "1.0000 CLF"},
		{"0.0125", "EUR", "0.0125 EUR"}, {"12.3000", "EUR", "12.30 EUR"}, {"1e3", "EUR", "1000.00 EUR"},
	} {
		m := money(t, c.amount, c.currency)
		require.Equal(t, c.want, m.String())
	}
	require.Equal(t, "0", itsm.Money{}.String())
}

func TestMoneyIsRefusedWhereItIsNone(t *testing.T) {
	for _, c := range []struct{ amount, currency, want string }{
		{"12", "EURO", `money: invalid: currency "EURO" is not a currency code of ISO 4217, such as EUR`},
		{"12", "eur", `money: invalid: currency "eur" is not a currency code of ISO 4217, such as EUR`},
		{"12", "", `money: invalid: currency "" is not a currency code of ISO 4217, such as EUR`},
		{"12", "a very long currency", `money: invalid: currency "a very lon" is not a currency code of ISO 4217, such as EUR`},
		{"12", " EU", `money: invalid: currency " EU" is not a currency code of ISO 4217, such as EUR`},
		{"12,50", "EUR", `money: invalid: amount must be a number such as 12.5`},
		{"", "EUR", `money: invalid: amount must be a number such as 12.5`},
		{"NaN", "EUR", `money: invalid: amount must be a number such as 12.5`},
		{"012", "EUR", `money: invalid: amount must be a number such as 12.5`},
		{"+1", "EUR", `money: invalid: amount must be a number such as 12.5`},
		{"1.", "EUR", `money: invalid: amount must be a number such as 12.5`},
		{"1e", "EUR", `money: invalid: amount must be a number such as 12.5`},
		{"1x", "EUR", `money: invalid: amount must be a number such as 12.5`},
		{"1e1000000000", "EUR", `money: invalid: amount has too many digits`},
		{"1e99999999999", "EUR", `money: invalid: amount has too many digits`},
		{"1e-1000000000", "EUR", `money: invalid: amount has too many digits`},
		{strings.Repeat("9", 65), "EUR", `money: invalid: amount has too many digits`},
		{strings.Repeat("9", 1000000), "EUR", `money: invalid: amount has too many digits`},
	} {
		_, err := itsm.ParseMoney(c.amount, c.currency)
		require.EqualError(t, err, c.want)
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}
	_, err := itsm.NewMoney(decimal.New(1, 1_000_000_000), "EUR")
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = json.Marshal(itsm.Money{Amount: decimal.New(1, 1_000_000_000), Currency: "EUR"})
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

func TestMoneyIsReckonedInOneCurrency(t *testing.T) {
	a, b, other := money(t, "10.10", "EUR"), money(t, "0.2", "EUR"), money(t, "1", "USD")
	sum, err := a.Add(b)
	require.NoError(t, err)
	require.Equal(t, "10.30 EUR", sum.String())
	difference, err := b.Sub(a)
	require.NoError(t, err)
	require.Equal(t, "-9.90 EUR", difference.String())
	c, err := a.Cmp(b)
	require.NoError(t, err)
	require.Equal(t, 1, c)
	require.Equal(t, -1, difference.Sign())
	require.True(t, money(t, "1.5", "EUR").Equal(money(t, "1.50", "EUR")))
	require.False(t, money(t, "1", "EUR").Equal(other))

	_, err = a.Add(other)
	require.EqualError(t, err, `money: invalid: currency "EUR" and "USD" cannot be reckoned together`)
	_, err = a.Sub(other)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = a.Cmp(other)
	require.ErrorIs(t, err, itsm.ErrInvalid)

	var total itsm.Money // the zero value begins a sum
	require.True(t, total.IsZero())
	total, err = total.Add(a)
	require.NoError(t, err)
	require.True(t, total.Equal(a))
	total, err = total.Sub(itsm.Money{})
	require.NoError(t, err)
	require.True(t, total.Equal(a))
	require.False(t, money(t, "0", "EUR").IsZero(), "nothing in EUR is still EUR")
	_, err = money(t, "0", "EUR").Add(other)
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

func TestMoneyInItsSmallestUnits(t *testing.T) {
	for _, c := range []struct {
		amount, currency string
		minor            int64
	}{{"12.30", "EUR", 1230}, {"-12.3", "EUR", -1230}, {"1230", "JPY", 1230}, {"1.234", "BHD", 1234}, {"92233720368547758.07", "EUR", math.MaxInt64}} {
		m := money(t, c.amount, c.currency)
		n, err := m.Minor()
		require.NoError(t, err)
		require.Equal(t, c.minor, n)
		back, err := itsm.MoneyFromMinor(n, c.currency)
		require.NoError(t, err)
		require.True(t, m.Equal(back))
	}
	n, err := itsm.Money{}.Minor()
	require.NoError(t, err)
	require.Zero(t, n)
	for _, c := range []struct{ amount, currency, want string }{
		{"0.001", "EUR", "is finer than the smallest unit of EUR, which has 2 decimal places"},
		{"0.5", "JPY", "is finer than the smallest unit of JPY, which has 0 decimal places"},
		{"92233720368547758.08", "EUR", "is too great"},
	} {
		_, err := money(t, c.amount, c.currency).Minor()
		require.EqualError(t, err, "money: invalid: amount "+c.want)
	}
	_, err = itsm.Money{Amount: decimal.New(1, 0), Currency: "XXX"}.Minor()
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = itsm.MoneyFromMinor(1, "XXX")
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

func TestRoundingIsToTheEvenUnit(t *testing.T) {
	for amount, want := range map[string]string{"0.125": "0.12 EUR", "0.135": "0.14 EUR", "-0.125": "-0.12 EUR", "0.1251": "0.13 EUR", "1": "1.00 EUR"} {
		require.Equal(t, want, money(t, amount, "EUR").Rounded().String())
	}
	require.Equal(t, "2 JPY", money(t, "1.5", "JPY").Rounded().String())
	require.True(t, itsm.Money{}.Rounded().IsZero())
}

func TestMoneyIsExactInJSON(t *testing.T) {
	raw, err := json.Marshal(money(t, "12.3", "EUR"))
	require.NoError(t, err)
	require.Equal(t, `{"amount":"12.30","currency":"EUR"}`, string(raw))
	raw, err = json.Marshal(itsm.Money{})
	require.NoError(t, err)
	require.Equal(t, `{"amount":"0","currency":""}`, string(raw))

	for in, want := range map[string]string{
		`{"amount":"12.30","currency":"EUR"}`:                "12.30 EUR",
		`{"amount":12.30,"currency":"EUR"}`:                  "12.30 EUR",
		`{"amount":0.1000000000000000055,"currency":"EUR"}`:  "0.1000000000000000055 EUR", // a float would lose this
		`{"amount":-90071992547409931.01,"currency":"EUR"}`:  "-90071992547409931.01 EUR",
		`{"amount":"0","currency":""}`:                       "0",
		`{"amount":"1","currency":"EUR","note":"ignored"}`:   "1.00 EUR",
		`{"amount":"1e2","currency":"EUR"}`:                  "100.00 EUR",
		`{"currency":"USD","amount":"99999999999999999999"}`: "99999999999999999999.00 USD",
	} {
		var m itsm.Money
		require.NoError(t, json.Unmarshal([]byte(in), &m), in)
		require.Equal(t, want, m.String())
	}
	kept := money(t, "1", "EUR")
	for _, in := range []string{`7`, `"7 EUR"`, `{"amount":true,"currency":"EUR"}`, `{"currency":"EUR"}`, `{"amount":"","currency":"EUR"}`,
		`{"amount":"1","currency":"XYZ"}`, `{"amount":"1","currency":""}`, `{"amount":null,"currency":"EUR"}`, `{"amount":1e999,"currency":"EUR"}`,
		`{"amount":{},"currency":"EUR"}`, `{"amount":"1","currency":7}`} {
		require.ErrorIs(t, json.Unmarshal([]byte(in), &kept), itsm.ErrInvalid, in)
		require.Equal(t, "1.00 EUR", kept.String(), "what cannot be read changes nothing")
	}
	require.NoError(t, json.Unmarshal([]byte(`null`), &kept))
	require.Equal(t, "1.00 EUR", kept.String())
}

func TestAllocationLosesNoCent(t *testing.T) {
	texts := func(list []itsm.Money) (out []string) {
		for _, m := range list {
			out = append(out, m.String())
		}
		return out
	}
	for _, c := range []struct {
		amount, currency string
		parts            []int64
		want             []string
	}{
		{"100", "EUR", []int64{1, 1, 1}, []string{"33.34 EUR", "33.33 EUR", "33.33 EUR"}},
		{"-100", "EUR", []int64{1, 1, 1}, []string{"-33.34 EUR", "-33.33 EUR", "-33.33 EUR"}},
		{"0.05", "EUR", []int64{70, 30}, []string{"0.04 EUR", "0.01 EUR"}}, // 3.5 and 1.5: equals, so the first
		{"0.02", "EUR", []int64{1, 1, 1}, []string{"0.01 EUR", "0.01 EUR", "0.00 EUR"}},
		{"10", "JPY", []int64{0, 1, 2}, []string{"0 JPY", "3 JPY", "7 JPY"}},
		{"0.001", "EUR", []int64{1, 1}, []string{"0.001 EUR", "0.00 EUR"}},
		{"5", "EUR", []int64{7}, []string{"5.00 EUR"}},
		{"1", "EUR", []int64{math.MaxInt64, math.MaxInt64}, []string{"0.50 EUR", "0.50 EUR"}},
	} {
		got, err := money(t, c.amount, c.currency).Allocate(c.parts...)
		require.NoError(t, err)
		require.Equal(t, c.want, texts(got))
	}
	for _, parts := range [][]int64{nil, {0, 0}, {1, -1}} {
		_, err := money(t, "1", "EUR").Allocate(parts...)
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}
	_, err := itsm.Money{Amount: decimal.New(1, 0), Currency: "XXX"}.Allocate(1)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	nothing, err := itsm.Money{}.Allocate(1, 2)
	require.NoError(t, err)
	require.True(t, nothing[1].IsZero())
}

func TestCurrenciesAreThoseOfISO4217(t *testing.T) {
	for code, places := range map[string]int{"EUR": 2, "USD": 2, "CHF": 2, "JPY": 0, "KRW": 0, "ISK": 0, "BHD": 3, "TND": 3, "CLF": 4, "UYW": 4} {
		got, ok := itsm.MinorUnits(code)
		require.True(t, ok, code)
		require.Equal(t, places, got, code)
	}
	for _, code := range []string{"", "EU", "EURO", "eur", "XXX", " EU", "R E", "E  "} {
		_, ok := itsm.MinorUnits(code)
		require.False(t, ok, code)
	}
}

func moneyOf(currency string) *rapid.Generator[itsm.Money] {
	return rapid.Custom(func(t *rapid.T) itsm.Money {
		return itsm.Money{Amount: decimal.New(rapid.Int64().Draw(t, "digits"), -rapid.Int32Range(0, 6).Draw(t, "places")), Currency: currency}
	})
}

func TestMoneyKeepsTheLawsOfAddition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := moneyOf("EUR").Draw(t, "a"), moneyOf("EUR").Draw(t, "b"), moneyOf("EUR").Draw(t, "c")
		must := func(m itsm.Money, err error) itsm.Money {
			require.NoError(t, err)
			return m
		}
		require.True(t, must(a.Add(b)).Equal(must(b.Add(a))))
		require.True(t, must(must(a.Add(b)).Add(c)).Equal(must(a.Add(must(b.Add(c))))))
		require.True(t, must(must(a.Add(b)).Sub(b)).Equal(a))
		require.True(t, must(a.Add(a.Neg())).Equal(money(t, "0", "EUR")))
		ab, err := a.Cmp(b)
		require.NoError(t, err)
		require.Equal(t, must(a.Sub(b)).Sign(), ab)

		raw, err := json.Marshal(a)
		require.NoError(t, err)
		var back itsm.Money
		require.NoError(t, json.Unmarshal(raw, &back))
		require.True(t, a.Equal(back))
	})
}

func TestAllocationIsExactAndFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom([]string{"EUR", "JPY", "KWD"}).Draw(t, "currency")
		m := moneyOf(currency).Draw(t, "amount")
		parts := rapid.SliceOfN(rapid.Int64Range(0, 1000), 1, 12).Draw(t, "parts")
		var total int64
		for _, p := range parts {
			total += p
		}
		if total == 0 {
			return
		}
		got, err := m.Allocate(parts...)
		require.NoError(t, err)
		require.Len(t, got, len(parts))
		places, _ := itsm.MinorUnits(currency)
		unit := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(places, int(-m.Amount.Exponent())))), nil))
		sum := itsm.Money{}
		for i, share := range got {
			require.Equal(t, currency, share.Currency)
			sum, err = sum.Add(share)
			require.NoError(t, err)
			exact := new(big.Rat).Mul(m.Amount.Rat(), big.NewRat(parts[i], total))
			away := exact.Sub(exact, share.Amount.Rat())
			require.Negative(t, away.Abs(away).Cmp(unit), "%v of %v", share, m)
		}
		require.True(t, sum.Equal(m), "%v is not %v", sum, m)
	})
}

func FuzzMoneyJSON(f *testing.F) {
	f.Add([]byte(`{"amount":"12.30","currency":"EUR"}`))
	f.Add([]byte(`{"amount":-1e-3,"currency":"JPY"}`))
	f.Add([]byte(`{"amount":1e999999999,"currency":"USD"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m itsm.Money
		if err := m.UnmarshalJSON(raw); err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		require.NoError(t, m.Validate())
		again, err := json.Marshal(m)
		require.NoError(t, err)
		var back itsm.Money
		require.NoError(t, json.Unmarshal(again, &back))
		require.True(t, m.Equal(back))
	})
}
