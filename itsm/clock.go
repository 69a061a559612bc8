// This file holds where time and identities come from, so that both can be injected.

package itsm

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/itsmkit/itsmkit/storage"
)

// Clock tells the time. A nil Clock is the real one; nothing else in the library reads the
// wall clock.
type Clock func() time.Time

// Now gives the time in UTC, truncated to microseconds, as the library keeps it.
func (c Clock) Now() time.Time {
	if c == nil {
		return storage.Instant(time.Now())
	}
	return storage.Instant(c())
}

// IDSource makes identities of new records. Each is unique; a nil IDSource makes UUIDs of
// version 7 (RFC 9562) from the real clock and the system's randomness. A host's own source
// must be safe for use by several goroutines at once.
type IDSource func() ID

// New gives a new identity.
func (s IDSource) New() ID {
	if s == nil {
		return ID(uuid.Must(uuid.NewV7()).String())
	}
	return s()
}

// SequentialIDs makes prefix000000001, prefix000000002 and so on, for tests and teaching:
// the same on every run, in byte order as in order of making (up to a thousand million). It
// is safe for use by several goroutines at once. The ids are unique only within one source.
func SequentialIDs(prefix string) IDSource {
	var last atomic.Int64
	return func() ID { return ID(fmt.Sprintf("%s%09d", prefix, last.Add(1))) }
}

// NewIDs makes UUIDs of version 7 (RFC 9562) from the given clock and randomness: the same
// clock readings and the same bytes give the same ids, so that a run can be replayed. nil
// means the real clock, and the system's randomness. Each id is greater, as text, than the
// one before, also within one millisecond and when the clock goes back. It is safe for use by
// several goroutines at once.
//
// It panics when random fails: an id that may not be unique is worse than a stop.
func NewIDs(clock Clock, random io.Reader) IDSource {
	if random == nil {
		random = rand.Reader
	}
	s := &uuidSource{clock: clock, random: random, ms: -1}
	return s.next
}

// uuidSource keeps the last id. Within one millisecond the lower random part is a counter that
// grows by random steps (RFC 9562, section 6.2, method 2); when it is full, which hardly ever
// happens, the next millisecond is used early.
type uuidSource struct {
	clock  Clock
	random io.Reader

	mu   sync.Mutex
	ms   int64  // 48 bits
	high uint64 // 12 bits, rand_a
	low  uint64 // 62 bits, rand_b
}

const (
	maxMillis = 1<<48 - 1
	maxHigh   = 1<<12 - 1
	maxLow    = 1<<62 - 1
)

func (s *uuidSource) next() ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ms := min(max(s.clock.Now().UnixMilli(), 0), maxMillis); ms > s.ms {
		s.begin(ms)
	} else {
		var b [4]byte
		s.read(b[:])
		if s.low += uint64(binary.BigEndian.Uint32(b[:])) + 1; s.low > maxLow {
			s.begin(s.ms + 1)
		}
	}
	var u uuid.UUID
	binary.BigEndian.PutUint64(u[:8], uint64(s.ms)<<16|0x7000|s.high)
	binary.BigEndian.PutUint64(u[8:], 1<<63|s.low)
	return ID(u.String())
}

func (s *uuidSource) begin(ms int64) {
	var b [10]byte
	s.read(b[:])
	s.ms = ms
	s.high = uint64(binary.BigEndian.Uint16(b[:2])) & maxHigh
	s.low = binary.BigEndian.Uint64(b[2:]) & maxLow
}

func (s *uuidSource) read(b []byte) {
	if _, err := io.ReadFull(s.random, b); err != nil {
		panic(fmt.Errorf("itsm: no randomness for a new id: %w", err))
	}
}
