package enginetest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// between runs something once in a unit that has just read timers.
type between struct {
	storage.Store
	mu  sync.Mutex
	run func()
}

func (s *between) arm(run func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run = run
}

func (s *between) fire() {
	s.mu.Lock()
	run := s.run
	s.run = nil
	s.mu.Unlock()
	if run != nil {
		run()
	}
}

func (s *between) Update(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	return s.Store.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error { return fn(ctx, betweenTx{tx, s}) })
}

type betweenTx struct {
	storage.Tx
	s *between
}

func (tx betweenTx) Query(ctx context.Context, schema *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
	rows, err := tx.Tx.Query(ctx, schema, q)
	if schema.Name() == sla.TimerKind && len(rows) > 0 {
		tx.s.fire()
	}
	return rows, err
}

// A threshold fires in one worker while a command begins a timer that is due before what comes next, and another worker
// delivers that: the job of the record must be due for the new timer, whoever commits last.
func TestL16ATimerThatBeginsWhileAThresholdFiresIsToldInTime(t *testing.T) {
	ctx := context.Background()
	inner, _ := postgreSQL.store(t, sqlstore.Options{})
	store := &between{Store: inner}
	monday := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	now := monday
	e, err := itsmengine.New(store, itsmengine.Options{Clock: func() time.Time { return now }})
	require.NoError(t, err)
	incidents, err := itsmincident.New(e, itsmincident.Options{})
	require.NoError(t, err)
	levels, err := sla.New(e, sla.Options{Kinds: []sla.RecordKind{{Schema: incidents.Table().Schema(), HoldReason: "hold_reason"}}})
	require.NoError(t, err)
	require.NoError(t, inner.Migrate(ctx, e.Schemas()...))
	boss := itsm.Actor{Tenant: acme, ID: "boss", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	open, err := levels.Calendars.Draft(ctx, boss, sla.CalendarDraft{Family: "always", Set: sla.Calendar{Definition: calendar.Definition{
		Name: "always", Zone: "UTC", Hours: []calendar.Hours{{From: "00:00", To: "24:00"}}}}})
	require.NoError(t, err)
	_, err = levels.Calendars.Activate(ctx, boss, open.ID, itsm.Command{})
	require.NoError(t, err)
	gold := timer.Policy{Name: "gold", Kind: itsmincident.Kind, Targets: []timer.Target{timer.Resolution("always", nil, timer.Within(16*time.Hour))}}
	gold.Targets[0].Thresholds = []timer.Threshold{{Name: "half", Share: timer.Percent(50)}, {Name: "most", Share: timer.Percent(75)}}
	network := timer.Policy{Name: "network", Type: timer.OLA, Kind: itsmincident.Kind, Targets: []timer.Target{{
		Name: "solve", Calendar: "always", Goals: []timer.Goal{timer.Within(time.Hour)},
		Start: []timer.Match{{When: storage.Condition{Op: storage.Equal, Column: "group", Values: []any{"network"}}}},
		Stop:  []timer.Match{{In: []itsm.Category{itsm.CategoryResolved, itsm.CategoryClosed}}},
	}}}
	for _, set := range []timer.Policy{gold, network} {
		v, err := levels.Policies.Draft(ctx, boss, sla.PolicyDraft{Family: set.Name, Set: sla.Policy{Policy: set}})
		require.NoError(t, err)
		_, err = levels.Policies.Activate(ctx, boss, v.ID, itsm.Command{})
		require.NoError(t, err)
	}
	i, err := incidents.Log(ctx, boss, itsmincident.Report{Title: "The VPN is down", Requester: "rosa"})
	require.NoError(t, err)
	_, err = e.Tick(ctx, now)
	require.NoError(t, err)

	now = monday.Add(8*time.Hour - time.Minute)
	delivered := make(chan error, 1)
	store.arm(func() {
		_, err := incidents.Assign(ctx, boss, i.ID, itsmincident.Assignment{Group: "network"})
		require.NoError(t, err)
		go func() {
			_, err := e.Tick(ctx, now)
			delivered <- err
		}()
		select {
		case err := <-delivered:
			delivered <- err
		case <-time.After(300 * time.Millisecond): // it waits for the unit that this is in
		}
	})
	_, err = e.Tick(ctx, monday.Add(8*time.Hour)) // half is due
	require.NoError(t, err)
	require.NoError(t, <-delivered)
	ref := itsm.Ref{Kind: itsmincident.Kind, ID: i.ID}
	all, err := levels.Of(ctx, boss, ref)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Len(t, all[0].State.Cycles[0].Fired, 1)
	due := all[1].Due
	require.Equal(t, now.Add(time.Hour), due)
	now = due.Add(time.Microsecond)
	_, err = e.Tick(ctx, now)
	require.NoError(t, err)
	all, err = levels.Of(ctx, boss, ref)
	require.NoError(t, err)
	require.Len(t, all[1].Told, 1, "a microsecond after it was due")
}
