package enginetest_test

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/storage"
)

var running = flag.Int("running", 10_000, "the timers that run in BenchmarkFireDue")

// BenchmarkFireDue ticks where 1,000 of many running timers have a threshold that is due, and the others have
// theirs later: claiming the jobs, telling of each in the log, and setting each job for what comes next. -running says how many run.
func BenchmarkFireDue(b *testing.B) {
	const due = 1000
	boss := itsm.Actor{Tenant: acme, ID: "boss", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	for _, g := range []ground{sqliteNormal, durable} {
		b.Run(fmt.Sprintf("%s/%d", g.name, *running), func(b *testing.B) {
			ctx := context.Background()
			now := noon
			store := g.stores(b, 1)[0]
			// Only service levels are told of incidents, so that nothing else is due.
			e, err := itsmengine.New(store, itsmengine.Options{Clock: func() time.Time { return now }})
			require.NoError(b, err)
			incidents, err := itsmincident.New(e, itsmincident.Options{})
			require.NoError(b, err)
			levels, err := sla.New(e, sla.Options{Kinds: []sla.RecordKind{{Schema: incidents.Table().Schema(), HoldReason: "hold_reason"}}})
			require.NoError(b, err)
			require.NoError(b, e.Migrate(ctx))
			measure(b, levels, boss)
			logged, err := incidents.Log(ctx, boss, itsmincident.Report{Title: "The VPN is down", Requester: "rosa"})
			require.NoError(b, err)
			seedTimers(b, store, logged.ID, *running)
			round := 0
			b.ResetTimer()
			for b.Loop() {
				b.StopTimer()
				round++
				require.LessOrEqual(b, round*due, *running, "there are no more to fire")
				at := noon.Add(1000*time.Hour + time.Duration(round)*time.Hour)
				now = at
				b.StartTimer()
				ran, err := e.Tick(ctx, at)
				if err != nil || ran.Failed > 0 {
					b.Fatal(ran, err)
				}
				if ran.Jobs < due {
					b.Fatal("fewer were due", ran)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(round*due), "µs/due")
		})
	}
}

// seedTimers writes timers like the one of an incident on incidents that are not there, with their jobs: a thousand are due each
// hour, from a thousand hours on.
func seedTimers(tb testing.TB, store storage.Store, like itsm.ID, n int) {
	tb.Helper()
	ctx := context.Background()
	var pattern sla.Timer
	require.NoError(tb, store.View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
		page, err := sla.TimerTable.Records(ctx, r, storage.Query[sla.TimerHead]{Where: storage.AllOf(sla.BySubject.Is(like), sla.ByTarget.Is("resolution"))})
		if err == nil {
			pattern = page.Items[0]
		}
		return err
	}))
	for from := 0; from < n; from += 1000 {
		require.NoError(tb, store.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			jobs := make([]storage.Job, 0, 1000)
			for i := from; i < min(from+1000, n); i++ {
				t := pattern
				t.Version = 0
				t.Subject = itsm.ID(fmt.Sprintf("incident-%08d", i))
				t.ID = t.Subject + ".resolution"
				if err := sla.TimerTable.Put(ctx, tx, &t); err != nil {
					return err
				}
				key := itsmincident.Kind + "/" + string(t.Subject)
				jobs = append(jobs, storage.Job{Kind: "sla_timer.due", Key: key, Subject: "sla/" + key,
					Due:     noon.Add(1000*time.Hour + time.Duration(i/1000)*time.Hour),
					Payload: []byte(fmt.Sprintf(`{"kind":"incident","record":%q}`, t.Subject))})
			}
			return tx.Enqueue(ctx, jobs...)
		}))
	}
}
