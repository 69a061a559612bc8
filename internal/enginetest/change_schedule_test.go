package enginetest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/change/schedule"
	"github.com/itsmkit/itsmkit/internal/together"
	"github.com/itsmkit/itsmkit/itsm"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

var scheduleDay = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// changeSchedule is a change schedule over a store, as one process has it.
type changeSchedule struct {
	e *itsmengine.Engine
	p *schedule.Practice
}

func newChangeSchedule(tb testing.TB, s storage.Store) changeSchedule {
	tb.Helper()
	e, err := itsmengine.New(s, itsmengine.Options{Clock: func() time.Time { return scheduleDay }})
	require.NoError(tb, err)
	p, err := schedule.New(e, schedule.Options{})
	require.NoError(tb, err)
	require.NoError(tb, e.Migrate(context.Background()))
	return changeSchedule{e, p}
}

var changeBoss = itsm.Actor{Tenant: acme, ID: "boss", Roles: []itsm.RoleName{itsm.RoleChangeManager}}

func (s changeSchedule) book(ctx context.Context, b calendar.Booking) (all []calendar.Conflict, err error) {
	err = s.e.Update(ctx, changeBoss, func(ctx context.Context, u *itsmengine.Unit) error {
		all, err = s.p.Book(ctx, u, schedule.Entry{Booking: b})
		return err
	})
	return all, err
}

func planned(id string, begin time.Time, length time.Duration, cis ...itsm.ID) calendar.Booking {
	b := calendar.Booking{Change: itsm.ID(id), Planned: calendar.Span{Begin: begin, End: begin.Add(length)}}
	for _, ci := range cis {
		b.CIs = append(b.CIs, calendar.CI{ID: ci, Relation: calendar.RelationOwn})
	}
	return b
}

// Two processes, each with a store and connections of its own, book changes on one CI at the same moment: the later one
// of every two finds the other, and both have the conflict in the end.
func TestC14TwoProcessesBookAtOnceAndFindEachOther(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			dsn := e.empty(t)
			var processes []changeSchedule
			for range 2 {
				s, err := sqlstore.New(e.db(t, dsn), e.dialect, sqlstore.Options{Volatile: true, ReadCommitted: strings.Contains(e.parameters, readCommitted)})
				require.NoError(t, err)
				t.Cleanup(func() { s.Close() })
				require.NoError(t, s.Migrate(ctx))
				processes = append(processes, newChangeSchedule(t, s))
			}
			for round := range 8 {
				found := make([][]calendar.Conflict, 4)
				for _, err := range together.Run(4, func(i int) (err error) {
					b := planned(fmt.Sprintf("chg%d-%d", round, i), scheduleDay, time.Hour, itsm.ID(fmt.Sprint("db", round)))
					found[i], err = processes[i%2].book(ctx, b)
					return err
				}) {
					require.NoError(t, err)
				}
				later := 0
				for i := range found {
					later += len(found[i])
					kept, err := processes[0].p.Conflicts(ctx, changeBoss, itsm.ID(fmt.Sprintf("chg%d-%d", round, i)))
					require.NoError(t, err)
					require.Len(t, kept, 3)
				}
				require.Equal(t, 6, later)
			}
		})
	}
}

// fillSchedule books n changes of up to two days without asking for their conflicts: of ten CIs, which 100 changes touch each
// within ten years, whatever n is.
func fillSchedule(tb testing.TB, s changeSchedule, from, to int) {
	tb.Helper()
	var touches *storage.Schema
	for _, schema := range s.e.Schemas() {
		if schema.Name() == "change_touch" {
			touches = schema
		}
	}
	require.NotNil(tb, touches)
	for first := from; first < to; first += 500 {
		require.NoError(tb, s.e.Store().Update(context.Background(), acme, func(ctx context.Context, tx storage.Tx) error {
			var bookings []*schedule.Booking
			var rows []*storage.Row
			for i := first; i < min(first+500, to); i++ {
				length := time.Duration(1+i%47) * time.Hour
				begin := scheduleDay.Add(time.Duration(i%100) * 36 * 24 * time.Hour)
				b := planned(fmt.Sprint("c", i), begin, length, itsm.ID(fmt.Sprint("ci", i/100)), itsm.ID(fmt.Sprint("other", i/100)))
				bookings = append(bookings, &schedule.Booking{BookingHead: schedule.BookingHead{Meta: storage.Meta{ID: b.Change}, Active: true, Begin: begin, End: b.Planned.End},
					BookingBody: schedule.BookingBody{Entry: schedule.Entry{Booking: b}}})
				for _, touch := range append(b.Touches(), b.Scopes()...) {
					row := &storage.Row{Meta: storage.Meta{ID: itsm.ID(fmt.Sprint(i, "-", touch))}, Body: []byte("{}")}
					for _, c := range touches.Columns() {
						row.Columns = append(row.Columns, map[string]any{"touch": string(touch), "change": string(b.Change), "magnitude": int64(calendar.Magnitude(length)),
							"begin": begin.UnixMicro(), "end": b.Planned.End.UnixMicro()}[c.Name])
					}
					rows = append(rows, row)
				}
			}
			if err := schedule.BookingTable.Put(ctx, tx, bookings...); err != nil {
				return err
			}
			return tx.Put(ctx, touches, rows...)
		}))
	}
}

// TestC14ACheckReadsAlongAnIndex counts the statements of a check and holds each to a walk along the index, whatever else is
// booked.
func TestC14ACheckReadsAlongAnIndex(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			p := &tap{}
			dsn := e.empty(t)
			store := open(t, e, dsn, p)
			require.NoError(t, store.Migrate(t.Context()))
			s := newChangeSchedule(t, store)
			db := e.db(t, dsn)
			counts := map[int]int{}
			for _, n := range []int{300, 6000} {
				fillSchedule(t, s, len(counts)*300, n)
				e.analyze(t, db)
				p.statements()
				all, err := s.p.Check(t.Context(), changeBoss, planned("new", scheduleDay, 4*time.Hour, "ci1", "other1", "ci2"))
				require.NoError(t, err)
				require.Len(t, all, 3, "of two changes")
				ran := p.statements()
				walks := 0
				for _, text := range ran {
					if !strings.Contains(text, "itsm_change_touch") {
						continue
					}
					walks++
					plan := explain(t, e, db, text, p.argsOf(text))
					require.Contains(t, plan, "itsm_change_touch_touch_magnitude_begin", text)
					require.NotContains(t, plan, "Seq Scan")
				}
				require.Equal(t, calendar.Magnitudes, walks)
				counts[n] = len(ran)
			}
			require.Equal(t, counts[300], counts[6000])
		})
	}
}

// BenchmarkC14CheckAmongBooked is a check of a change with three CIs among 1,000, 10,000 and 100,000 that are booked, of
// which the same number overlaps.
func BenchmarkC14CheckAmongBooked(b *testing.B) {
	for _, e := range []engine{sqlitePure, postgreSQL} {
		store, db := e.store(b, sqlstore.Options{})
		s := newChangeSchedule(b, store)
		was := 0
		for _, n := range []int{1_000, 10_000, 100_000} {
			fillSchedule(b, s, was, n)
			was = n
			e.analyze(b, db)
			asked := planned("new", scheduleDay, 4*time.Hour, "ci1", "other1", "ci2")
			b.Run(fmt.Sprintf("%s/check/%d", e.name, n), func(b *testing.B) {
				for b.Loop() {
					all, err := s.p.Check(context.Background(), changeBoss, asked)
					if err != nil || len(all) != 3 {
						b.Fatal(len(all), err)
					}
				}
			})
			i := 0
			b.Run(fmt.Sprintf("%s/book/%d", e.name, n), func(b *testing.B) {
				for b.Loop() {
					i++
					moved := planned("moved", scheduleDay.Add(time.Duration(i%2)*time.Hour), 4*time.Hour, "ci1", "other1", "ci2")
					if _, err := s.book(context.Background(), moved); err != nil {
						b.Fatal(err)
					}
				}
			})
			require.NoError(b, s.e.Update(context.Background(), changeBoss, func(ctx context.Context, u *itsmengine.Unit) error { return s.p.Release(ctx, u, "moved") }))
		}
	}
}
