// This file holds the reading of exact numbers from JSON.

package itsm

import (
	"strings"

	"github.com/shopspring/decimal"
)

// A number with more digits before or after its point is refused before anything is computed:
// a few bytes like 1e999999999 would ask for gigabytes.
const (
	maxNumberLength = 140
	maxWholeDigits  = 64
	maxPlaces       = 64
)

// parseDecimal reads a number in JSON's notation, exactly.
func parseDecimal(s string) (d decimal.Decimal, problem string) {
	if len(s) > maxNumberLength {
		return d, "has too many digits"
	}
	if !isNumber(s) {
		return d, "must be a number such as 12.5"
	}
	d, err := decimal.NewFromString(s)
	if err != nil || !bounded(d) {
		return decimal.Decimal{}, "has too many digits"
	}
	return d, ""
}

// bounded says whether the number's text, and arithmetic on it, stays small.
func bounded(d decimal.Decimal) bool {
	exponent := int64(d.Exponent())
	return exponent >= -maxPlaces && exponent <= maxWholeDigits && int64(d.NumDigits())+exponent <= maxWholeDigits
}

// isNumber says whether s is a JSON number (RFC 8259, section 6).
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, s := digits(s)
	if whole == "" || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	if rest, ok := strings.CutPrefix(s, "."); ok {
		var places string
		if places, s = digits(rest); places == "" {
			return false
		}
	}
	if s == "" {
		return true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	s = s[1:]
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	power, rest := digits(s)
	return power != "" && rest == ""
}

func digits(s string) (head, rest string) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i], s[i:]
}
