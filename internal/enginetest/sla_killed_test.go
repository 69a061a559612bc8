// This file holds the promise that thresholds and breaches of service levels are told, and acted on, exactly once in a
// cycle and in order, whenever the process is killed.

package enginetest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

const (
	levelIncidents = 12
	levelRounds    = 3 // cycles of each
	levelKills     = 3
	levelGoal      = 300 * time.Millisecond
)

// levelThresholds are those of the target, with the part of the goal after which each is reached.
var levelThresholds = []struct {
	name string
	at   time.Duration
}{{"half", levelGoal / 2}, {"most", levelGoal * 3 / 4}, {"after", levelGoal + 100*time.Millisecond}}

var levelBoss = itsm.Actor{Tenant: worker.Tenant, ID: "boss", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}

// openLevels opens a desk whose thresholds enter a line in the ledger.
func openLevels(ctx context.Context, store storage.Store) (*servicedesk.Desk, error) {
	desk, err := servicedesk.New(store, servicedesk.Config{
		// A kill counts as an attempt of what was claimed then.
		Engine: itsmengine.Options{Attempts: 500, JobAttempts: 10_000, Lease: 500 * time.Millisecond, Backoff: 20 * time.Millisecond},
		SLA: sla.Options{Actions: map[string]sla.Action{"enter": func(ctx context.Context, u *itsmengine.Unit, o sla.Occasion) error {
			// A second one would be a second line.
			return ledger.Put(ctx, u.Quiet(), &ledgerLine{ledgerHead: ledgerHead{
				Meta: storage.Meta{ID: u.NewID()}, Agent: fmt.Sprintf("%d %s", o.Cycle, o.Threshold), Thing: o.Timer.ID, Event: u.Actor().Cause.Event}})
		}}},
		Modules: []itsmengine.Module{{Name: "ledger", Tables: []*storage.Schema{ledger.Schema()}}},
	})
	if err != nil {
		return nil, err
	}
	return desk, desk.Migrate(ctx)
}

// agreeLevels has each incident be updated in a moment, again and again.
func agreeLevels(t *testing.T, desk *servicedesk.Desk) {
	ctx := t.Context()
	_, err := desk.Directory.AddPerson(ctx, levelBoss, directory.NewPerson{ID: "boss", Name: "Boss"})
	require.NoError(t, err)
	always := calendar.Definition{Name: "always", Zone: "UTC", Hours: []calendar.Hours{{From: "00:00", To: "24:00"}}}
	c, err := desk.ServiceLevels.Calendars.Draft(ctx, levelBoss, sla.CalendarDraft{Family: "always", Set: sla.Calendar{Definition: always}})
	require.NoError(t, err)
	_, err = desk.ServiceLevels.Calendars.Activate(ctx, levelBoss, c.ID, itsm.Command{})
	require.NoError(t, err)
	target := timer.Update("always", []timer.Match{{Actions: []string{"note"}}}, nil, timer.Within(levelGoal))
	target.Thresholds = []timer.Threshold{
		{Name: "half", Share: timer.Percent(50), Actions: []string{"enter", "raise:person:boss"}},
		{Name: "most", Share: timer.Percent(75), Actions: []string{"raise:priority", "enter"}},
		{Name: "after", Offset: timer.Duration(100 * time.Millisecond), Actions: []string{"enter"}},
	}
	p, err := desk.ServiceLevels.Policies.Draft(ctx, levelBoss, sla.PolicyDraft{Family: "gold", Set: sla.Policy{
		Policy: timer.Policy{Name: "gold", Kind: itsmincident.Kind, Targets: []timer.Target{target}}}})
	require.NoError(t, err)
	_, err = desk.ServiceLevels.Policies.Activate(ctx, levelBoss, p.ID, itsm.Command{})
	require.NoError(t, err)
}

// fireLevels is the process that is killed: it logs incidents and writes the notes that begin their cycles, of
// which another that was killed has done some, and ticks until nothing is due any more.
func fireLevels(ctx context.Context, store *sqlstore.Store) error {
	desk, err := openLevels(ctx, store)
	if err != nil {
		return err
	}
	return workAway(ctx, store, desk.Engine, func(ctx context.Context) error {
		for round := range levelRounds {
			for i := range levelIncidents {
				report := itsmincident.Report{Command: itsm.Command{Key: fmt.Sprintf("log %d", i)}, Title: "The VPN is down", Requester: "rosa"}
				logged, err := desk.Incidents.Log(ctx, levelBoss, report)
				if err != nil {
					return err
				}
				if round == 0 {
					continue
				}
				note := itsmincident.Note{Command: itsm.Command{Key: fmt.Sprintf("note %d/%d", i, round)}, Text: "We are looking into it"}
				if _, err := desk.Incidents.Note(ctx, levelBoss, logged.ID, note); err != nil {
					return err
				}
			}
			time.Sleep(levelGoal / 3) // so that some thresholds are reached and others not
		}
		return nil
	})
}

// L16: each threshold and each breach is told once in its cycle and in order, and its actions are taken once, after the
// process was killed at random.
func TestL16ThresholdsFireOnceThoughTheProcessIsKilled(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			seed := *triggerSeed
			if seed == 0 {
				seed = rand.Uint64()
			}
			random := rand.New(rand.NewPCG(seed, 2))
			dsn := e.empty(t)
			store, err := sqlstore.New(e.db(t, dsn), e.dialect, sqlstore.Options{Volatile: true})
			require.NoError(t, err)
			defer store.Close()
			require.NoError(t, store.Migrate(t.Context()))
			desk, err := openLevels(t.Context(), store)
			require.NoError(t, err)
			agreeLevels(t, desk)
			killed := 0
			for !workUntil(t, e, dsn, "levels", killed < levelKills, time.Duration(random.Int64N(int64(500*time.Millisecond)))) {
				killed++
			}
			told, breaches := checkLevels(t, desk, store)
			t.Logf("%d thresholds and %d breaches of %d cycles, each once; killed %d times (seed %d)", told, breaches, levelIncidents*levelRounds, killed, seed)
			require.Positive(t, killed)
		})
	}
}

// checkLevels compares what was told and done with what must follow from when the cycles began and ended.
func checkLevels(t *testing.T, desk *servicedesk.Desk, store storage.Store) (thresholds, breaches int) {
	ctx := t.Context()
	type act struct {
		agent string
		timer itsm.ID
		event itsm.ID
	}
	lines := map[act]int{}
	var timers []sla.Timer
	require.NoError(t, store.View(ctx, []storage.Tenant{worker.Tenant}, func(ctx context.Context, r storage.Reader) error {
		for l, err := range storage.Pages(storage.Query[ledgerHead]{Limit: storage.MaxPage}, func(q storage.Query[ledgerHead]) (storage.Page[ledgerHead], error) {
			return ledger.List(ctx, r, q)
		}) {
			if err != nil {
				return err
			}
			lines[act{l.Agent, l.Thing, l.Event}]++
		}
		page, err := sla.TimerTable.Records(ctx, r, storage.Query[sla.TimerHead]{Limit: storage.MaxPage})
		timers = page.Items
		return err
	}))
	require.Len(t, timers, levelIncidents)
	entered := 0
	for _, x := range timers {
		require.Len(t, x.State.Cycles, levelRounds)
		require.Empty(t, x.Fault)
		var want []string
		for cycle, c := range x.State.Cycles {
			lasted := 24 * time.Hour
			if !c.End.IsZero() {
				lasted = c.End.Sub(c.Start)
			}
			for _, h := range levelThresholds {
				// The end of a cycle lets what is reached just then fire before.
				if h.at <= lasted {
					want = append(want, fmt.Sprintf("%d %s", cycle, h.name))
				}
				if h.name == "most" && lasted > levelGoal {
					want = append(want, fmt.Sprintf("%d breach", cycle))
					breaches++
				}
			}
		}
		events, err := desk.ServiceLevels.History(ctx, levelBoss, x.ID, storage.EventPosition{}, 1000)
		require.NoError(t, err)
		var told []string
		half := 0
		for _, e := range events {
			switch d := e.Data.(type) {
			case sla.ThresholdReached:
				name := fmt.Sprintf("%d %s", d.Cycle, d.Threshold)
				told = append(told, name)
				require.Equal(t, 1, lines[act{name, x.ID, e.ID}], "%s of %s was acted on once", name, x.ID)
				if d.Threshold == "half" {
					half++
				}
				entered++
			case sla.Breached:
				told = append(told, fmt.Sprintf("%d breach", d.Cycle))
			}
		}
		require.Equal(t, want, told, x.ID)
		i, err := desk.Incidents.Get(ctx, levelBoss, x.Subject)
		require.NoError(t, err)
		require.Equal(t, half, i.HierarchicalEscalations)
		most := slices.DeleteFunc(told, func(s string) bool { return s[2:] != "most" })
		require.Equal(t, max(4-itsm.Priority(len(most)), 1), i.Priority)
	}
	require.Len(t, lines, entered)
	require.Positive(t, breaches)
	return entered, breaches
}
