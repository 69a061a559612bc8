// This file holds that the promotion of a PostgreSQL replica under load loses nothing that was acknowledged.

package enginetest_test

import (
	"context"
	"flag"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/enginetest/acknowledged"
	"github.com/itsmkit/itsmkit/internal/throwaway"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

var (
	promotionRounds = flag.Int("promotion.rounds", 1, "how many pairs of servers the test of promotions starts; 50 is the whole")
	promotionSeed   = flag.Uint64("promotion.seed", 0, "what the instants of these kills follow from; 0 is another one each time")
)

// withPostgreSQL skips a test where PostgreSQL is not under test.
func withPostgreSQL(t *testing.T) {
	t.Helper()
	if !slices.ContainsFunc(engines, func(e engine) bool { return e.name == postgreSQL.name }) {
		t.Skip("PostgreSQL is not under test in this run")
	}
}

// promoting is clients that work on a pair whose primary is killed.
type promoting struct {
	pair  *throwaway.Pair
	store *sqlstore.Store
	heard *acknowledged.Heard
	ended chan error
	stop  context.CancelFunc
}

func newPromoting(t *testing.T) *promoting {
	p := &promoting{pair: throwaway.PostgreSQLPairForTest(t, throwaway.Options{}), heard: acknowledged.NewHeard(), ended: make(chan error, 1)}
	var err error
	p.store, err = sqlstore.New(postgreSQL.db(t, p.pair.DSN("postgres")), postgreSQL.dialect, sqlstore.Options{Volatile: true})
	require.NoError(t, err)
	t.Cleanup(func() { p.store.Close() })
	require.NoError(t, p.store.Migrate(t.Context(), acknowledged.Schemas()...))
	ctx, stop := context.WithCancel(t.Context())
	p.stop = stop
	t.Cleanup(stop)
	w := &acknowledged.Work{Store: p.store, Tenant: acknowledged.TenantOf(0), Now: acknowledged.NowOf(0), Say: func(line string) { p.heard.Hear(line) }}
	go func() { p.ended <- w.Run(ctx) }()
	return p
}

// goOn waits until units are acknowledged that were not before.
func (p *promoting) goOn(t *testing.T) {
	t.Helper()
	before, _, _ := p.heard.Counts()
	require.Eventually(t, func() bool {
		done, _, _ := p.heard.Counts()
		return done > before+10
	}, time.Minute, 5*time.Millisecond, "the clients go on")
}

// problems ends the work, does the jobs that are left, and gives what is wrong then.
func (p *promoting) problems(t *testing.T) []acknowledged.Problem {
	t.Helper()
	rest := &acknowledged.Work{Store: p.store, Now: acknowledged.NowOf(1), Say: func(string) {}}
	for {
		n, err := rest.Do(t.Context())
		require.NoError(t, err)
		if n == 0 {
			break
		}
	}
	f, err := acknowledged.Look(t.Context(), p.store, acknowledged.TenantOf(0))
	require.NoError(t, err)
	return f.Problems(p.heard, true)
}

// TestPromotionLosesNothingAcknowledged is, as a whole:
//
//	cd internal/enginetest && go test -run TestPromotionLosesNothing -v -promotion.rounds=50 -timeout 1h
func TestPromotionLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	withPostgreSQL(t)
	seed := *promotionSeed
	if seed == 0 {
		seed = mathrand.Uint64()
	}
	t.Logf("-promotion.seed=%d", seed)
	random := mathrand.New(mathrand.NewPCG(seed, 3))
	pause := func() { time.Sleep(time.Duration(random.Int64N(int64(300 * time.Millisecond)))) }
	for range *promotionRounds {
		p := newPromoting(t)
		p.goOn(t)
		pause()
		require.NoError(t, p.pair.Primary.Kill())
		before, _, _ := p.heard.Counts()
		pause()
		away := time.Now()
		require.NoError(t, p.pair.Promote(t.Context()))
		p.goOn(t)
		back := time.Since(away)
		pause()
		done, failed, effects := p.heard.Counts()
		require.Zero(t, failed, "whatever the servers say, a unit can be tried again, or its outcome is unknown")
		p.stop()
		require.NoError(t, <-p.ended)
		require.Empty(t, p.problems(t))
		t.Logf("%d units acknowledged before the kill and %d in all, %d effects acknowledged; the clients went on within %v of the promotion's start",
			before, done, effects, back.Round(time.Millisecond))
		require.NoError(t, p.store.Close())
		require.NoError(t, p.pair.Stop())
	}
}

// TestPromotionFindsWhatIsLost has a replica that no longer follows, and a primary that does not wait for it.
func TestPromotionFindsWhatIsLost(t *testing.T) {
	t.Parallel()
	withPostgreSQL(t)
	p := newPromoting(t)
	p.goOn(t)
	set := func(s *throwaway.Server, name string) {
		for _, sql := range []string{"ALTER SYSTEM SET " + name + " = ''", "SELECT pg_reload_conf()"} {
			_, err := s.Query(t.Context(), "postgres", sql)
			require.NoError(t, err)
		}
	}
	set(p.pair.Primary, "synchronous_standby_names")
	set(p.pair.Replica, "primary_conninfo")
	require.Eventually(t, func() bool {
		n, err := p.pair.Primary.Query(t.Context(), "postgres", "SELECT count(*) FROM pg_stat_replication")
		return err == nil && n == "0"
	}, time.Minute, 20*time.Millisecond)
	p.goOn(t)
	require.NoError(t, p.pair.Primary.Kill())
	require.NoError(t, p.pair.Promote(t.Context()))
	p.stop()
	<-p.ended // it may have met what is lost
	lost := 0
	for _, problem := range p.problems(t) {
		if problem.Kind == acknowledged.Lost {
			lost++
		}
	}
	require.Positive(t, lost)
}
