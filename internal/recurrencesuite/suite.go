// This file holds the entry, the host and the cases.

package recurrencesuite

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/together"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/recurrence"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case, each as a subtest with a store of its own.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	t.Run("D13EachOccurrenceIsDoneOnce", func(t *testing.T) { once(t, newStore(t)) })
	t.Run("D13WhatWasMissedGoesByThePolicy", func(t *testing.T) { missed(t, newStore(t)) })
	t.Run("D13ASchedulesLife", func(t *testing.T) { life(t, newStore(t)) })
}

// done is the host's record of an occurrence that was done.
type (
	done struct {
		doneHead
		doneBody
	}
	doneHead struct {
		storage.Meta
		Schedule itsm.ID
		At       time.Time
	}
	doneBody struct{}
)

var (
	bySchedule = storage.Col("schedule", func(h *doneHead) *itsm.ID { return &h.Schedule })
	byAt       = storage.TimeCol("at", func(h *doneHead) *time.Time { return &h.At })
	doneTable  = storage.Define("done", storage.Def[done, doneHead, doneBody]{
		Parts:   func(d *done) (*doneHead, *doneBody) { return &d.doneHead, &d.doneBody },
		Columns: []storage.ColumnOf[doneHead]{bySchedule, byAt},
	})
)

const acme = storage.Tenant("acme")

var mona = itsm.Actor{Tenant: acme, ID: "mona", Roles: []itsm.RoleName{itsm.RoleIncidentManager}}

type host struct {
	e *engine.Engine
	p *recurrence.Practice
	// now is the clock; fails says how many of the next attempts fail, after they wrote.
	now   atomic.Pointer[time.Time]
	fails atomic.Int64
}

func open(t *testing.T, store storage.Store) *host {
	t.Helper()
	h := &host{}
	h.set(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC))
	var err error
	h.e, err = engine.New(store, engine.Options{Clock: func() time.Time { return *h.now.Load() }})
	require.NoError(t, err)
	h.p, err = recurrence.New(h.e, recurrence.Options{Handlers: map[string]recurrence.Handler{"note": {Do: h.do, Check: check}}})
	require.NoError(t, err)
	require.NoError(t, h.e.Use(engine.Module{Name: "done", Tables: []*storage.Schema{doneTable.Schema()}}))
	require.NoError(t, h.e.Migrate(t.Context()))
	return h
}

func (h *host) set(now time.Time) { h.now.Store(&now) }

func check(_ context.Context, _ storage.Reader, data json.RawMessage) error {
	if string(data) == `"bad"` {
		return itsm.Invalid("note", "text", "is bad")
	}
	return nil
}

func (h *host) do(ctx context.Context, u *engine.Unit, o recurrence.Occurrence) error {
	d := done{doneHead: doneHead{Meta: storage.Meta{ID: u.NewID()}, Schedule: o.Schedule, At: o.At}}
	if err := doneTable.Put(ctx, u, &d); err != nil {
		return err
	}
	if h.fails.Add(-1) >= 0 {
		return errors.New("the host failed")
	}
	return nil
}

// done gives the occurrences of a schedule that were done, in order.
func (h *host) done(t *testing.T, id itsm.ID) (all []string) {
	err := h.e.View(t.Context(), mona, func(ctx context.Context, r storage.Reader) error {
		all = nil
		page, err := doneTable.List(ctx, r, storage.Query[doneHead]{Where: bySchedule.Is(id), Order: []storage.Order{byAt.Asc()}, Limit: storage.MaxPage})
		for _, d := range page.Items {
			all = append(all, d.At.Format("02T15:04"))
		}
		return err
	})
	require.NoError(t, err)
	return all
}

func daily(missed recurrence.Missed, rule string) recurrence.Definition {
	return recurrence.Definition{Title: "Look at the backups", Handler: "note", Missed: missed,
		Rule: recurrence.Rule{Zone: "Europe/Vienna", Start: "2026-03-01T10:00:00", RRule: rule}}
}

func (h *host) define(t *testing.T, d recurrence.Definition) recurrence.Schedule {
	t.Helper()
	s, err := h.p.Define(t.Context(), mona, d)
	require.NoError(t, err)
	return s
}

func (h *host) tick(t *testing.T, now time.Time) {
	t.Helper()
	h.set(now)
	_, err := h.e.Tick(t.Context(), now)
	require.NoError(t, err)
}

func once(t *testing.T, store storage.Store) {
	hosts := []*host{open(t, store), open(t, store), open(t, store)}
	h := hosts[0]
	s := h.define(t, daily("", "FREQ=DAILY;BYHOUR=10,22;COUNT=24"))
	require.Equal(t, "2026-03-02T09:00:00Z", s.Next.Format(time.RFC3339))
	now := *h.now.Load()
	for i := range 90 { // every four hours, in three processes that die and fail
		now = now.Add(4 * time.Hour)
		errs := together.Run(len(hosts), func(n int) error {
			hosts[n].set(now)
			hosts[n].fails.Store(int64((i + n) % 3))
			ctx, die := context.WithCancel(context.Background())
			defer time.AfterFunc(time.Duration(1+n*n*5)*time.Millisecond, die).Stop()
			defer die()
			if _, err := hosts[n].e.Tick(ctx, now); ctx.Err() == nil {
				return err
			}
			return nil
		})
		require.NoError(t, errors.Join(errs...))
		h.fails.Store(0)
		now = now.Add(5 * time.Minute) // what was put off or left is done
		h.tick(t, now)
	}
	var want []string
	for _, day := range []string{"02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12"} {
		want = append(want, day+"T09:00", day+"T21:00")
	}
	require.Equal(t, want, h.done(t, s.ID), "of 24 two were before it was defined")
	s, err := h.p.Get(t.Context(), mona, s.ID)
	require.NoError(t, err)
	require.Equal(t, recurrence.StateEnded, s.State)
	require.EqualValues(t, 22, s.Count)
}

func missed(t *testing.T, store storage.Store) {
	h := open(t, store)
	all, last, skip := h.define(t, daily("", "FREQ=DAILY")), h.define(t, daily(recurrence.MissedLast, "FREQ=DAILY")), h.define(t, daily(recurrence.MissedSkip, "FREQ=DAILY"))
	many := h.define(t, daily(recurrence.MissedLast, "FREQ=HOURLY"))
	h.tick(t, time.Date(2026, 3, 2, 9, 0, 1, 0, time.UTC))
	h.tick(t, time.Date(2026, 3, 12, 9, 30, 0, 0, time.UTC)) // nothing ran for ten days
	require.Equal(t, []string{"02T09:00", "03T09:00", "04T09:00", "05T09:00", "06T09:00", "07T09:00", "08T09:00", "09T09:00", "10T09:00", "11T09:00", "12T09:00"}, h.done(t, all.ID))
	require.Equal(t, []string{"02T09:00", "12T09:00"}, h.done(t, last.ID))
	require.Equal(t, []string{"02T09:00", "12T09:00"}, h.done(t, skip.ID), "the last is late by less than the grace")
	h.tick(t, time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC))
	require.Equal(t, []string{"02T09:00", "12T09:00"}, h.done(t, skip.ID))
	s, err := h.p.Get(t.Context(), mona, skip.ID)
	require.NoError(t, err)
	require.EqualValues(t, 11, s.Skipped)
	require.Equal(t, []string{"02T09:00", "12T09:00", "14T12:00"}, h.done(t, many.ID), "of more than are looked at together only the very last")
}

func life(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	_, err := h.p.Define(ctx, mona, recurrence.Definition{Handler: "nothing", Data: []byte(`{`), Missed: "never", Grace: -1, Rule: recurrence.Rule{RRule: "FREQ=DAILY"}})
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Len(t, invalid.Faults, 6)
	bad := daily("", "FREQ=DAILY")
	bad.Data = []byte(`"bad"`)
	_, err = h.p.Define(ctx, mona, bad)
	require.ErrorContains(t, err, "data.text is bad")
	_, err = h.p.Define(ctx, itsm.Actor{Tenant: acme, ID: "ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}, daily("", "FREQ=DAILY"))
	require.ErrorIs(t, err, itsm.ErrForbidden)

	s := h.define(t, daily("", "FREQ=DAILY"))
	h.tick(t, time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC))
	s, err = h.p.Pause(ctx, mona, s.ID, itsm.Command{})
	require.NoError(t, err)
	h.tick(t, time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC))
	ahead, err := h.p.Preview(ctx, mona, s.ID, 2)
	require.NoError(t, err)
	require.Equal(t, []time.Time{time.Date(2026, 3, 6, 9, 0, 0, 0, time.UTC), time.Date(2026, 3, 7, 9, 0, 0, 0, time.UTC)}, ahead)
	_, err = h.p.Pause(ctx, mona, s.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	s, err = h.p.Resume(ctx, mona, s.ID, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, ahead[0], s.Next)
	_, err = h.p.Revise(ctx, mona, s.ID, daily("", "FREQ=DAILY;BYHOUR=20"))
	require.NoError(t, err)
	h.tick(t, time.Date(2026, 3, 6, 12, 0, 0, 0, time.UTC))
	s, err = h.p.End(ctx, mona, s.ID, itsm.Command{})
	require.NoError(t, err)
	h.tick(t, time.Date(2026, 4, 6, 12, 0, 0, 0, time.UTC))
	require.Equal(t, []string{"02T09:00", "03T09:00", "05T19:00"}, h.done(t, s.ID))
	events, err := h.p.History(ctx, mona, s.ID)
	require.NoError(t, err)
	var actions []string
	for _, e := range events {
		actions = append(actions, e.Action)
	}
	require.Equal(t, []string{"define", "occur", "pause", "resume", "revise", "occur", "end"}, actions)
}
