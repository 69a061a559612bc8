// This file holds the promise that what is acknowledged is kept, and all of it or none: a process writes
// units and does jobs, and is killed, or its server is, with SIGKILL at random; then the database is looked
// through for what the process had said.

package enginetest_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/enginetest/acknowledged"
	"github.com/itsmkit/itsmkit/internal/throwaway"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

var (
	killRounds = flag.Int("kill.rounds", 5, "how often the test of acknowledged units kills its process or its server, on each engine; 200 is the whole")
	killSeed   = flag.Uint64("kill.seed", 0, "what the instants of these kills follow from; 0 is another one each time")
)

// unitsAway is the process that is killed.
func unitsAway(s *sqlstore.Store, how string) error {
	var round int
	f := acknowledged.Faultless
	if _, err := fmt.Sscanf(how, "%d", &round); err != nil {
		return err
	}
	if _, name, ok := strings.Cut(how, ":"); ok {
		f = acknowledged.Fault(name)
	}
	// It must not outlive a test that forgot it.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	fmt.Println("working")
	w := &acknowledged.Work{Store: s, Tenant: acknowledged.TenantOf(round), Now: acknowledged.NowOf(round), Fault: f,
		Say: func(line string) { fmt.Println(line) }}
	if err := w.Run(ctx); err != nil {
		return err
	}
	return ctx.Err()
}

// killing is a test that kills.
type killing struct {
	engine engine
	dsn    string
	// server is nil where there is none to kill.
	server *throwaway.Server
	store  *sqlstore.Store
	random *mathrand.Rand
	fault  acknowledged.Fault
	heard  []*acknowledged.Heard // by round
}

// ownServer starts a server of the engine that may be killed, nil where it has none, and gives the address
// of a database in it.
func (e engine) ownServer(tb testing.TB) (*throwaway.Server, string) {
	tb.Helper()
	switch e.driver {
	case "pgx":
		s := throwaway.PostgreSQLForTest(tb, throwaway.Options{})
		return s, s.DSN("postgres")
	case "mysql":
		s := throwaway.MariaDBForTest(tb, throwaway.Options{})
		require.NoError(tb, s.CreateDatabase(tb.Context(), "desk"))
		return s, s.DSN("desk") + "?interpolateParams=true"
	default:
		return nil, e.empty(tb)
	}
}

func newKilling(t *testing.T, e engine, f acknowledged.Fault) *killing {
	seed := *killSeed
	if seed == 0 {
		seed = mathrand.Uint64()
	}
	t.Logf("-kill.seed=%d", seed)
	k := &killing{engine: e, fault: f, random: mathrand.New(mathrand.NewPCG(seed, 2))}
	if f == acknowledged.Faultless {
		k.server, k.dsn = e.ownServer(t)
	} else {
		k.dsn = e.empty(t)
	}
	var err error
	k.store, err = sqlstore.New(e.db(t, k.dsn), e.dialect, sqlstore.Options{Volatile: true})
	require.NoError(t, err)
	t.Cleanup(func() { k.store.Close() })
	require.NoError(t, k.store.Migrate(t.Context(), acknowledged.Schemas()...))
	return k
}

// round starts a process, kills it or its server, and gives what is wrong then.
func (k *killing) round(t *testing.T, server bool) []acknowledged.Problem {
	t.Helper()
	round := len(k.heard)
	what := fmt.Sprintf("units:%d", round)
	if k.fault != acknowledged.Faultless {
		what += ":" + string(k.fault)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childKey+"="+what+" "+k.engine.name+" "+k.dsn)
	var log strings.Builder // drivers tell there of every connection that a kill breaks
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill() }() // ended long before, unless the test fails
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), "the process works")
	require.Equal(t, "working", lines.Text())
	heard := acknowledged.NewHeard()
	k.heard = append(k.heard, heard)
	failed := make(chan string, 1)
	go func() {
		defer close(failed)
		for lines.Scan() {
			if !heard.Hear(lines.Text()) {
				failed <- lines.Text()
				return
			}
		}
	}()
	time.Sleep(time.Duration(k.random.Int64N(int64(400 * time.Millisecond))))
	if server {
		require.NoError(t, k.server.Kill())
		require.NoError(t, k.server.Restart(t.Context()))
		// It goes on by itself when the server is back.
		time.Sleep(100 * time.Millisecond)
	}
	require.NoError(t, cmd.Process.Kill())
	text, ended := <-failed
	require.Error(t, cmd.Wait())
	require.False(t, ended, "it ended by itself: %s\n%s", text, &log)
	return k.look(t, round, false)
}

func (k *killing) look(t *testing.T, round int, end bool) []acknowledged.Problem {
	t.Helper()
	var f acknowledged.Found
	var err error
	// Connections that the store still has to a server that was killed fail first.
	for range 20 {
		if f, err = acknowledged.Look(t.Context(), k.store, acknowledged.TenantOf(round)); err == nil {
			break
		}
	}
	require.NoError(t, err)
	return f.Problems(k.heard[round], end)
}

// finish does the jobs that are left, and gives what is wrong with all rounds then.
func (k *killing) finish(t *testing.T) (all []acknowledged.Problem) {
	t.Helper()
	w := &acknowledged.Work{Store: k.store, Now: acknowledged.NowOf(len(k.heard)), Say: func(string) {}}
	for {
		n, err := w.Do(t.Context())
		require.NoError(t, err)
		if n == 0 {
			break
		}
	}
	for round := range k.heard {
		all = append(all, k.look(t, round, true)...)
	}
	return all
}

// TestAcknowledgedUnitsOutliveKills is, as a whole:
//
//	cd internal/enginetest && go test -run TestAcknowledgedUnitsOutliveKills -kill.rounds=200 -timeout 1h
func TestAcknowledgedUnitsOutliveKills(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			k := newKilling(t, e, acknowledged.Faultless)
			servers := 0
			for round := range *killRounds {
				server := k.server != nil && round%2 == 1
				if server {
					servers++
				}
				require.Empty(t, k.round(t, server), "round %d", round)
			}
			require.Empty(t, k.finish(t))
			units, effects, failed := 0, 0, 0
			for _, s := range k.heard {
				u, f, e := s.Counts()
				units, effects, failed = units+u, effects+e, failed+f
			}
			t.Logf("%d kills of the process, %d of the server: %d units acknowledged and whole, %d effects acknowledged in their rounds, %d units refused",
				*killRounds-servers, servers, units, effects, failed)
			require.Positive(t, units, "some work was done")
			require.Positive(t, effects, "some jobs were done")
		})
	}
}

// TestKillsFindMistakes has mistakes made on purpose, each of which must be found.
func TestKillsFindMistakes(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		for f, kind := range map[acknowledged.Fault]acknowledged.Kind{
			acknowledged.Torn: acknowledged.Half, acknowledged.Early: acknowledged.Lost, acknowledged.Apart: acknowledged.Twice} {
			t.Run(e.name+"/"+string(f), func(t *testing.T) {
				t.Parallel()
				k := newKilling(t, e, f)
				for round := range 60 {
					for _, p := range append(k.round(t, false), k.ifDone(t, f)...) {
						if p.Kind == kind {
							t.Logf("round %d: %s", round, p.Text)
							return
						}
					}
				}
				t.Errorf("in 60 rounds nothing was %s", kind)
			})
		}
	}
}

// ifDone looks at what only shows once the jobs are done again.
func (k *killing) ifDone(t *testing.T, f acknowledged.Fault) []acknowledged.Problem {
	if f != acknowledged.Apart {
		return nil
	}
	return k.finish(t)
}
