package main

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// call is a host's own record, which is called as the policies call what they are for.
type call struct {
	callHead
	callBody
}

type callHead struct {
	storage.Meta
	Priority int
}

type callBody struct{}

var calls = storage.Define(incident.Kind, storage.Def[call, callHead, callBody]{
	Parts:   func(c *call) (*callHead, *callBody) { return &c.callHead, &c.callBody },
	Columns: []storage.ColumnOf[callHead]{storage.Col("priority", func(h *callHead) *int { return &h.Priority })},
})

// What happens to calls.
type (
	callLogged   struct{}
	callMoved    struct{}
	callAssessed struct{}
	callResolved struct{}
)

func (callLogged) EventType() string   { return "incident.logged.v1" }
func (callMoved) EventType() string    { return incident.Imported{}.EventType() }
func (callAssessed) EventType() string { return incident.Classified{}.EventType() }
func (callResolved) EventType() string { return incident.Resolved{}.EventType() }

func payloadOf(t *testing.T, kind string) itsm.Payload {
	for _, p := range []itsm.Payload{callLogged{}, callMoved{}, callAssessed{}, callResolved{}} {
		if p.EventType() == kind {
			return p
		}
	}
	require.Fail(t, "what is "+kind)
	return nil
}

// The practice runs beside the real log as it happened: every event at its time, and a tick before each.
// What its timers come to is what was computed by other means.
func TestX7TimersOfThePracticeHaveTheTrueVerdictsWhereTheyRanLive(t *testing.T) {
	ctx := context.Background()
	d := openDesk(t, settings{store: "memory"})
	d.load(t, realLog(t))
	histories := map[string][]incident.ImportedRow{}
	for row, err := range incident.ImportedRows(d.events(ctx)) {
		require.NoError(t, err)
		histories[row.Entry.Source] = append(histories[row.Entry.Source], row)
	}
	type happening struct {
		source string
		timer.Moment
	}
	var all []happening
	for source, rows := range histories {
		for _, m := range momentsOf(d.incidents.Lifecycle().Category, rows) {
			all = append(all, happening{source, m})
		}
	}
	slices.SortFunc(all, func(a, b happening) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.source, b.source), cmp.Compare(a.Version, b.Version))
	})

	now := all[0].At.Add(-time.Hour)
	e, err := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return now }})
	require.NoError(t, err)
	require.NoError(t, e.Use(engine.Module{Name: "calls", Tables: []*storage.Schema{calls.Schema()}, Events: []itsm.EventType{
		itsm.EventOf[callLogged](), itsm.EventOf[callMoved](), itsm.EventOf[callAssessed](), itsm.EventOf[callResolved](),
	}}))
	levels, err := sla.New(e, sla.Options{Kinds: []sla.RecordKind{{Schema: calls.Schema()}}})
	require.NoError(t, err)
	require.NoError(t, e.Migrate(ctx))
	boss := itsm.Actor{Tenant: "acme", ID: "boss", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	activateShipped(t, levels, boss)

	fired := 0
	for _, h := range all {
		now = h.At
		ran, err := e.Tick(ctx, now)
		require.NoError(t, err)
		require.Zero(t, ran.Failed+ran.Dead)
		fired += ran.Jobs
		require.NoError(t, e.Update(ctx, boss, func(ctx context.Context, u *engine.Unit) error {
			c, err := calls.Get(ctx, u, itsm.ID(h.source))
			if err != nil {
				c = call{}
				c.ID = itsm.ID(h.source)
			}
			priority, _ := h.Values["priority"].(int64)
			c.Priority = int(priority)
			if err := calls.Put(ctx, u, &c); err != nil {
				return err
			}
			u.Emit(itsm.Event{Kind: incident.Kind, Record: c.ID, Action: "move", FromCategory: h.From, ToCategory: h.To, Data: payloadOf(t, h.Type)})
			return nil
		}))
	}
	require.Positive(t, fired, "thresholds and breaches came due between the events")

	compiled := map[string]*timer.Timer{}
	for _, p := range shipped(t) {
		compiled[p.Policy().Name] = p.Timers()[0]
	}
	have := verdicts{}
	for source := range histories {
		timers, err := levels.Of(ctx, boss, itsm.Ref{Kind: incident.Kind, ID: itsm.ID(source)})
		require.NoError(t, err)
		for _, x := range timers {
			require.Empty(t, x.Fault, source)
			clock := compiled[x.Policy]
			for n, cycle := range x.State.Cycles {
				r, err := clock.Cycle(x.State, n, cycle.End)
				require.NoError(t, err)
				if cycle.End.IsZero() || r.Outcome != timer.OutcomeMet && r.Outcome != timer.OutcomeBreached {
					continue
				}
				have.take(source, x.Policy, x.Target, r)
			}
		}
	}
	requireVerdicts(t, truthIncidents(t), have)
}

// activateShipped has the four policies that are here hold, with their calendars.
func activateShipped(t *testing.T, levels *sla.Practice, actor itsm.Actor) {
	t.Helper()
	ctx := context.Background()
	files, err := filepath.Glob("policies/*.json")
	require.NoError(t, err)
	known := map[string]bool{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		var a agreement
		require.NoError(t, json.Unmarshal(raw, &a))
		for _, def := range a.Calendars {
			if known[def.Name] {
				continue
			}
			known[def.Name] = true
			draft, err := levels.Calendars.Draft(ctx, actor, sla.CalendarDraft{Family: def.Name, Set: sla.Calendar{Definition: def}})
			require.NoError(t, err)
			_, err = levels.Calendars.Activate(ctx, actor, draft.ID, itsm.Command{})
			require.NoError(t, err)
		}
		for _, p := range a.Policies {
			draft, err := levels.Policies.Draft(ctx, actor, sla.PolicyDraft{Family: p.Name, Set: sla.Policy{Policy: p}})
			require.NoError(t, err)
			_, err = levels.Policies.Activate(ctx, actor, draft.ID, itsm.Command{})
			require.NoError(t, err)
		}
	}
}
