// This file holds exact amounts of money.

package itsm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

// Money is an exact amount in one currency. The zero value is nothing in any currency: it may
// be added to every other. Compare with [Money.Cmp] or [Money.Equal], not with ==.
type Money struct {
	Amount decimal.Decimal
	// Currency is the code of ISO 4217: "EUR".
	Currency string
}

// NewMoney gives the amount in the currency, or [ErrInvalid] for a currency that is not known.
func NewMoney(amount decimal.Decimal, currency string) (Money, error) {
	m := Money{Amount: amount, Currency: currency}
	if err := m.Validate(); err != nil {
		return Money{}, err
	}
	return m, nil
}

// ParseMoney reads an amount such as "12.30", without a float between.
func ParseMoney(amount, currency string) (Money, error) {
	d, problem := parseDecimal(amount)
	if problem != "" {
		return Money{}, Invalid("money", "amount", problem)
	}
	return NewMoney(d, currency)
}

// MoneyFromMinor gives an amount of the currency's smallest units: 1230 is 12.30 EUR, and
// 1230 JPY.
func MoneyFromMinor(minor int64, currency string) (Money, error) {
	places, ok := MinorUnits(currency)
	if !ok {
		return Money{}, unknownCurrency(currency)
	}
	return Money{Amount: decimal.New(minor, -int32(places)), Currency: currency}, nil
}

// Validate gives [ErrInvalid] unless the currency is known, or the money is the zero value.
func (m Money) Validate() error {
	if m.IsZero() {
		return nil
	}
	if _, ok := MinorUnits(m.Currency); !ok {
		return unknownCurrency(m.Currency)
	}
	if !bounded(m.Amount) {
		return Invalid("money", "amount", "has too many digits")
	}
	return nil
}

func unknownCurrency(code string) error {
	if len(code) > 10 {
		code = code[:10]
	}
	return Invalid("money", "currency", fmt.Sprintf("%q is not a currency code of ISO 4217, such as EUR", code))
}

// IsZero says whether it is the zero value: no amount and no currency. 0.00 EUR is not; see
// [Money.Sign].
func (m Money) IsZero() bool { return m.Currency == "" && m.Amount.IsZero() }

// Sign gives -1, 0 or 1 as the amount is below, at or above nothing.
func (m Money) Sign() int { return m.Amount.Sign() }

// common gives the currency of both, or [ErrInvalid].
func (m Money) common(n Money) (string, error) {
	switch {
	case m.Currency == n.Currency || n.IsZero():
		return m.Currency, nil
	case m.IsZero():
		return n.Currency, nil
	}
	return "", Invalid("money", "currency", fmt.Sprintf("%q and %q cannot be reckoned together", m.Currency, n.Currency))
}

// Add gives the sum, or [ErrInvalid] for two currencies.
func (m Money) Add(n Money) (Money, error) {
	c, err := m.common(n)
	if err != nil {
		return Money{}, err
	}
	return Money{Amount: m.Amount.Add(n.Amount), Currency: c}, nil
}

// Sub gives the difference, or [ErrInvalid] for two currencies.
func (m Money) Sub(n Money) (Money, error) { return m.Add(n.Neg()) }

// Neg gives the amount with the other sign.
func (m Money) Neg() Money { return Money{Amount: m.Amount.Neg(), Currency: m.Currency} }

// Cmp gives -1, 0 or 1 as m is less than, equal to or more than n, or [ErrInvalid] for two
// currencies.
func (m Money) Cmp(n Money) (int, error) {
	if _, err := m.common(n); err != nil {
		return 0, err
	}
	return m.Amount.Cmp(n.Amount), nil
}

// Equal says whether both are the same amount in the same currency: 1.5 EUR equals 1.50 EUR.
func (m Money) Equal(n Money) bool { return m.Currency == n.Currency && m.Amount.Equal(n.Amount) }

// Rounded gives the amount rounded to the currency's smallest unit, halves to the even one
// (banker's rounding). The zero value, and money of an unknown currency, stays as it is.
func (m Money) Rounded() Money {
	if places, ok := MinorUnits(m.Currency); ok {
		m.Amount = m.Amount.RoundBank(int32(places))
	}
	return m
}

// Minor gives the amount in the currency's smallest units, for columns that are summed and
// ordered. It gives [ErrInvalid] for an amount that is finer than that unit (round it first),
// or too great for an int64, or of an unknown currency.
func (m Money) Minor() (int64, error) {
	if m.IsZero() {
		return 0, nil
	}
	if err := m.Validate(); err != nil {
		return 0, err
	}
	places, _ := MinorUnits(m.Currency)
	shifted := m.Amount.Shift(int32(places))
	if !shifted.IsInteger() {
		return 0, Invalid("money", "amount", fmt.Sprintf("is finer than the smallest unit of %s, which has %d decimal places", m.Currency, places))
	}
	n := shifted.BigInt()
	if !n.IsInt64() {
		return 0, Invalid("money", "amount", "is too great")
	}
	return n.Int64(), nil
}

// Allocate splits the amount in proportion to the parts, and loses nothing: the results add
// up to the amount, and each is less than one smallest unit away from its exact share. What
// is left over goes, one unit each, to the parts that lost most, and among equals to the
// first. Parts must not be negative and not all 0. An amount finer than the currency's
// smallest unit is split in its own last decimal place.
func (m Money) Allocate(parts ...int64) ([]Money, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	total := new(big.Int)
	for _, p := range parts {
		if p < 0 {
			return nil, Invalid("money", "parts", "must not be negative")
		}
		total.Add(total, big.NewInt(p))
	}
	if total.Sign() == 0 {
		return nil, Invalid("money", "parts", "must not be empty or all 0")
	}
	minor, _ := MinorUnits(m.Currency)
	places := max(int32(minor), -m.Amount.Exponent())
	whole := m.Amount.Abs().Shift(places).BigInt()

	type share struct{ units, rest *big.Int }
	shares := make([]share, len(parts))
	order := make([]int, len(parts))
	left := new(big.Int).Set(whole)
	for i, p := range parts {
		s := share{new(big.Int), new(big.Int)}
		s.units.QuoRem(s.rest.Mul(whole, big.NewInt(p)), total, s.rest)
		left.Sub(left, s.units)
		shares[i], order[i] = s, i
	}
	slices.SortStableFunc(order, func(a, b int) int { return shares[b].rest.Cmp(shares[a].rest) })
	for _, i := range order[:left.Int64()] {
		shares[i].units.Add(shares[i].units, big.NewInt(1))
	}
	out := make([]Money, len(parts))
	for i, s := range shares {
		amount := decimal.NewFromBigInt(s.units, -places)
		if m.Sign() < 0 {
			amount = amount.Neg()
		}
		out[i] = Money{Amount: amount, Currency: m.Currency}
	}
	return out, nil
}

// text gives the amount with the decimal places of the currency, or as many as it has.
func (m Money) text() string {
	s := m.Amount.String()
	minor, _ := MinorUnits(m.Currency)
	_, fraction, _ := strings.Cut(s, ".")
	if missing := minor - len(fraction); missing > 0 {
		if fraction == "" {
			s += "."
		}
		s += strings.Repeat("0", missing)
	}
	return s
}

// String gives amount and currency, as in "12.30 EUR".
func (m Money) String() string {
	if m.Currency == "" {
		return m.text()
	}
	return m.text() + " " + m.Currency
}

type moneyJSON struct {
	Amount   json.RawMessage `json:"amount"`
	Currency string          `json:"currency"`
}

// MarshalJSON gives {"amount":"12.30","currency":"EUR"}.
func (m Money) MarshalJSON() ([]byte, error) {
	if !bounded(m.Amount) {
		return nil, Invalid("money", "amount", "has too many digits")
	}
	return json.Marshal(moneyJSON{Amount: json.RawMessage(`"` + m.text() + `"`), Currency: m.Currency})
}

// UnmarshalJSON reads the amount from a string or a number, exactly. It gives [ErrInvalid] for
// an unknown currency, except for the zero value.
func (m *Money) UnmarshalJSON(raw []byte) error {
	if bytes.Equal(raw, []byte("null")) {
		return nil
	}
	var v moneyJSON
	if err := json.Unmarshal(raw, &v); err != nil {
		return Invalid("money", "money", `must be an object such as {"amount":"12.30","currency":"EUR"}`)
	}
	number, err := numberText(v.Amount)
	if err != nil {
		return Invalid("money", "amount", "must be a string or a number")
	}
	read := Money{Currency: v.Currency}
	var problem string
	if read.Amount, problem = parseDecimal(number); problem != "" {
		return Invalid("money", "amount", problem)
	}
	if err := read.Validate(); err != nil {
		return err
	}
	*m = read
	return nil
}

// numberText gives the text of a JSON string or number.
func numberText(raw json.RawMessage) (string, error) {
	if len(raw) > 0 && raw[0] == '"' {
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	}
	if len(raw) == 0 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return "", ErrInvalid
	}
	return string(raw), nil
}
