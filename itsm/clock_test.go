package itsm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
)

func TestTheClockGivesUTCMicroseconds(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	c := itsm.Clock(func() time.Time { return time.Date(2026, 5, 4, 9, 0, 0, 123456789, zone) })
	require.Equal(t, time.Date(2026, 5, 4, 8, 0, 0, 123456000, time.UTC), c.Now())

	before := time.Now().Add(-time.Microsecond)
	now := itsm.Clock(nil).Now()
	require.False(t, now.Before(before))
	require.False(t, now.After(time.Now()))
	require.Equal(t, time.UTC, now.Location())
	require.Zero(t, now.Nanosecond()%1000)
}

func TestAnAbsentSourceMakesUUIDsOfVersion7(t *testing.T) {
	var s itsm.IDSource
	a, b := s.New(), s.New()
	require.NotEqual(t, a, b)
	u, err := uuid.Parse(string(a))
	require.NoError(t, err)
	require.Equal(t, uuid.Version(7), u.Version())
	require.Equal(t, uuid.RFC4122, u.Variant())
}

func TestSequentialIDsAreTheSameOnEveryRunAndInOrder(t *testing.T) {
	s := itsm.SequentialIDs("INC")
	require.Equal(t, itsm.ID("INC000000001"), s.New())
	var ids []itsm.ID
	for range 1200 {
		ids = append(ids, s.New())
	}
	require.True(t, slices.IsSorted(ids))
	require.Equal(t, itsm.ID("INC000001201"), ids[1199])
	require.Equal(t, itsm.ID("INC000000001"), itsm.SequentialIDs("INC").New(), "each source counts for itself")
}

func TestIDSourcesAreSafeForManyGoroutines(t *testing.T) {
	for name, s := range map[string]itsm.IDSource{"sequential": itsm.SequentialIDs("x"), "uuid": itsm.NewIDs(nil, nil), "none": nil} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			seen := map[itsm.ID]bool{}
			var wg sync.WaitGroup
			for range 8 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for range 500 {
						id := s.New()
						mu.Lock()
						seen[id] = true
						mu.Unlock()
					}
				}()
			}
			wg.Wait()
			require.Len(t, seen, 4000)
		})
	}
}

func TestX3IDsCanBeReplayed(t *testing.T) {
	make100 := func() (ids []itsm.ID) {
		at := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
		s := itsm.NewIDs(func() time.Time { at = at.Add(300 * time.Microsecond); return at }, rand.NewChaCha8([32]byte{1}))
		for range 100 {
			ids = append(ids, s.New())
		}
		return ids
	}
	first := make100()
	require.Equal(t, first, make100())
	u, err := uuid.Parse(string(first[0]))
	require.NoError(t, err)
	require.Equal(t, uuid.Version(7), u.Version())
	require.Equal(t, uuid.RFC4122, u.Variant())
	millis := binary.BigEndian.Uint64(append([]byte{0, 0}, u[:6]...))
	require.Equal(t, time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC).UnixMilli(), int64(millis))
}

func TestIDsRiseWhateverTheClockDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.SliceOfN(rapid.Int64Range(-3, 3), 1, 50).Draw(t, "milliseconds")
		at := rapid.SampledFrom([]int64{-2, 0, 1_780_000_000_000, 1<<48 - 60}).Draw(t, "begin")
		random := io.Reader(rand.NewChaCha8([32]byte{byte(rapid.IntRange(0, 255).Draw(t, "seed"))}))
		if rapid.Bool().Draw(t, "all ones") { // the counter overflows soon
			random = ones{}
		}
		s := itsm.NewIDs(func() time.Time { return time.UnixMilli(at) }, random)
		last := s.New()
		for _, d := range steps {
			at += d
			next := s.New()
			require.Greater(t, next, last)
			_, err := uuid.Parse(string(next))
			require.NoError(t, err)
			last = next
		}
	})
}

type ones struct{}

func (ones) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 0xff
	}
	return len(p), nil
}

func TestAFullCounterUsesTheNextMillisecondEarly(t *testing.T) {
	s := itsm.NewIDs(func() time.Time { return time.UnixMilli(1_780_000_000_000) }, ones{})
	require.Equal(t, itsm.ID("019e7044-8800-7fff-bfff-ffffffffffff"), s.New())
	require.Equal(t, itsm.ID("019e7044-8801-7fff-bfff-ffffffffffff"), s.New())
}

func TestNoRandomnessIsAPanicAndNotARepeatedID(t *testing.T) {
	s := itsm.NewIDs(nil, iotest.ErrReader(errors.New("broken")))
	require.PanicsWithError(t, "itsm: no randomness for a new id: broken", func() { s.New() })
	short := itsm.NewIDs(nil, bytes.NewReader([]byte{1, 2, 3}))
	require.Panics(t, func() { short.New() })
}
