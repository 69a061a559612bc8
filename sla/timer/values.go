// This file holds the values of policies: lengths of time, and shares.

package timer

import (
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// Duration is a length of open time, or of time. Its text form, in JSON too, is that of Go: "1h30m".
type Duration time.Duration

// String gives it without parts that are zero: "8h", "1h30m", "-15m".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// MarshalText gives the text form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the text form. It is exact to the nanosecond.
func (d *Duration) UnmarshalText(raw []byte) error {
	v, err := time.ParseDuration(string(raw))
	if err != nil {
		return itsm.Invalid("duration", "text", fmt.Sprintf("is %q; write one like 8h or 1h30m", clip(string(raw))))
	}
	*d = Duration(v)
	return nil
}

// Share is a part of a goal, exactly: Of parts of Parts. The zero value is none. Its text form, in JSON too, is
// "75%", "99.5%" or "2/3".
type Share struct{ Of, Parts int64 }

// Percent gives n hundredths.
func Percent(n int64) Share { return Share{n, 100} }

// maxShare bounds both numbers of a share.
const maxShare = 1_000_000_000_000

// String gives the text form: hundredths where they are exact and can be read, and otherwise a fraction.
func (s Share) String() string {
	if s.Parts <= 0 {
		return ""
	}
	r := big.NewRat(s.Of, s.Parts)
	r.Mul(r, big.NewRat(100, 1))
	if digits, exact := r.FloatPrec(); exact && digits <= 9 {
		if text := r.FloatString(digits) + "%"; new(Share).UnmarshalText([]byte(text)) == nil {
			return text
		}
	}
	r.Quo(r, big.NewRat(100, 1))
	return r.String()
}

// MarshalText gives the text form.
func (s Share) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the text form, exactly.
func (s *Share) UnmarshalText(raw []byte) error {
	text := string(raw)
	bad := itsm.Invalid("share", "text", fmt.Sprintf("is %q; write one like 75%%, 99.5%% or 2/3", clip(text)))
	if len(text) > 32 {
		return bad
	}
	if of, parts, ok := strings.Cut(text, "/"); ok {
		n, err1 := strconv.ParseInt(of, 10, 64)
		m, err2 := strconv.ParseInt(parts, 10, 64)
		if err1 != nil || err2 != nil || n <= 0 || m <= 0 || n > maxShare || m > maxShare {
			return bad
		}
		*s = Share{n, m}
		return nil
	}
	percent, ok := strings.CutSuffix(text, "%")
	whole, fraction, _ := strings.Cut(percent, ".")
	if !ok || whole == "" || strings.HasSuffix(percent, ".") || strings.Trim(whole+fraction, "0123456789") != "" || len(fraction) > 9 {
		return bad
	}
	n, err := strconv.ParseInt(whole+fraction, 10, 64)
	parts := int64(100)
	for range fraction {
		parts *= 10
	}
	if err != nil || n <= 0 || n > maxShare || parts > maxShare {
		return bad
	}
	*s = Share{n, parts}
	return nil
}

func (s Share) valid() bool {
	return s.Of > 0 && s.Parts > 0 && s.Of <= maxShare && s.Parts <= maxShare
}

// compare orders shares, exactly.
func (s Share) compare(other Share) int {
	h1, l1 := bits.Mul64(uint64(s.Of), uint64(other.Parts))
	h2, l2 := bits.Mul64(uint64(other.Of), uint64(s.Parts))
	switch {
	case h1 < h2 || h1 == h2 && l1 < l2:
		return -1
	case h1 == h2 && l1 == l2:
		return 0
	}
	return 1
}

// of gives the least time that is at least the share of a goal; what is more than a Duration holds is the
// greatest.
func (s Share) of(goal time.Duration) time.Duration {
	hi, lo := bits.Mul64(uint64(max(goal, 0)), uint64(s.Of))
	lo, carry := bits.Add64(lo, uint64(s.Parts-1), 0)
	hi += carry
	if hi >= uint64(s.Parts) {
		return 1<<63 - 1
	}
	q, _ := bits.Div64(hi, lo, uint64(s.Parts))
	if q > 1<<63-1 {
		return 1<<63 - 1
	}
	return time.Duration(q)
}
