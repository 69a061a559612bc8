package storage

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Tenant names one customer, company or department whose data stands apart from all others.
// It is not empty, at most [MaxKey] bytes of valid UTF-8 without control characters, and compared
// byte by byte.
type Tenant string

// ID names a record within its table and tenant, under the same rules as a [Tenant]. The
// library makes UUIDv7 texts; a host may bring its own.
type ID string

// MaxKey is the greatest length in bytes of a tenant, an id, a job's key, kind and subject,
// a lock's and a sequence's name.
const MaxKey = 200

// Meta is what every record has. A head embeds it.
type Meta struct {
	Tenant Tenant `json:"tenant"`
	ID     ID     `json:"id"`
	// Version is 0 before the record is first put, and rises by one with every Put.
	Version int64 `json:"version"`
	// Created and Updated are UTC microseconds.
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	// Custom holds the values of a host's own columns by their names. Use the typed
	// handles that [Custom] gives; a value of another type is refused by Put.
	Custom map[string]any `json:"custom,omitempty"`
}

func (m *Meta) meta() *Meta { return m }

// Instant gives t as the library keeps time: UTC, truncated to microseconds, without a
// monotonic reading, so that what is written equals what is read.
func Instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

// CheckKey says what is wrong with a tenant, an id or another key of the contract, or "".
func CheckKey(s string) (problem string) {
	switch {
	case s == "":
		return "is empty"
	case len(s) > MaxKey:
		return "is longer than 200 bytes"
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	case strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0:
		return "holds a control character"
	}
	return ""
}
