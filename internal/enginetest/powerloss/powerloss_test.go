//go:build !race

package powerloss_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/enginetest/acknowledged"
	"github.com/itsmkit/itsmkit/internal/enginetest/powerloss"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlite"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

var (
	cuts = flag.Int("power.cuts", 60, "how often the power is cut with each setting; 1000 is the whole")
	seed = flag.Uint64("power.seed", 0, "what the instants of the cuts and what they lose follow from; 0 is another one each time")
)

// together is how many cuts are made of one database, which grows meanwhile.
const together = 10

// moment is a cut.
type moment struct {
	image powerloss.Image
	// promised is what was acknowledged before it, and possible has only what was started by then.
	promised, possible *acknowledged.Heard
}

// cutting is a test with one setting.
type cutting struct {
	synchronous string
	random      *rand.Rand
}

func newCutting(t *testing.T, synchronous string) *cutting {
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("-power.seed=%d", s)
	return &cutting{synchronous: synchronous, random: rand.New(rand.NewPCG(s, 4))}
}

// newDisk gives a disk, and the path of a database on it.
func newDisk(t *testing.T) (disk *powerloss.Disk, path string) {
	disk, path = powerloss.NewDisk(), filepath.Join(t.TempDir(), "desk.db")
	vfs.Register(path, disk)
	t.Cleanup(func() { vfs.Unregister(path) })
	return disk, path
}

// opened opens a database on the disk that is registered by its path.
func opened(t *testing.T, path string, pragmas ...string) *sql.DB {
	t.Helper()
	u := url.URL{Scheme: "file", Opaque: path, RawQuery: url.Values{"vfs": {path},
		"_pragma": append([]string{"busy_timeout(10000)", "journal_mode(wal)"}, pragmas...)}.Encode()}
	db, err := driver.Open(u.String())
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

// moments works in a new database, and cuts its power so many times.
func (c *cutting) moments(t *testing.T, n int) (all []moment) {
	t.Helper()
	disk, path := newDisk(t)
	// Checkpoints come after some units, and not after some hundred, as most that can go wrong is there.
	db := opened(t, path, "synchronous("+c.synchronous+")", fmt.Sprintf("wal_autocheckpoint(%d)", 20+c.random.IntN(200)))
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	store, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.Options{Volatile: true})
	require.NoError(t, err)
	defer store.Close()
	require.NoError(t, store.Migrate(t.Context(), acknowledged.Schemas()...))
	disk.Settle()
	heard := acknowledged.NewHeard()
	taken := make(chan moment, n)
	after := 0
	for range n {
		after += 1 + c.random.IntN(400)
		disk.Cut(after, func(image powerloss.Image) {
			// Nothing is acknowledged of what is not synced by now, whatever becomes of the present operation.
			promised := heard.Promised()
			taken <- moment{image: image, promised: heard.Started(promised), possible: heard.Started(acknowledged.NewHeard())}
		})
	}
	w := &acknowledged.Work{Store: store, Tenant: acknowledged.TenantOf(0), Now: acknowledged.NowOf(0), Say: func(line string) { heard.Hear(line) }}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	for range n {
		select {
		case m := <-taken:
			all = append(all, m)
		case err := <-ended:
			require.NoError(t, err)
			t.Fatal("the cuts did not come")
		}
	}
	cancel()
	require.NoError(t, <-ended)
	return all
}

// left opens what a cut may have left, and gives what is wrong by what was promised and by what is possible, also
// after the jobs that are left were done. An error means that the database is damaged.
func (c *cutting) left(t *testing.T, m moment) (promised, possible []acknowledged.Problem, err error) {
	t.Helper()
	folder := t.TempDir()
	keep := []float64{0, c.random.Float64(), 1 - 1/float64(2+c.random.IntN(50)), 1}[c.random.IntN(4)]
	require.NoError(t, m.image.Write(folder, keep, c.random))
	ctx := t.Context()
	store, err := sqlite.Open(ctx, filepath.Join(folder, "desk.db"), sqlite.Options{})
	if err != nil {
		return nil, nil, err
	}
	defer store.Close()
	if err := whole(ctx, store.DB()); err != nil {
		return nil, nil, err
	}
	f, err := acknowledged.Look(ctx, store, acknowledged.TenantOf(0))
	if err != nil {
		return nil, nil, err
	}
	promised, possible = f.Problems(m.promised, false), f.Problems(m.possible, false)
	w := &acknowledged.Work{Store: store, Now: acknowledged.NowOf(1), Say: func(string) {}}
	for {
		n, err := w.Do(ctx)
		if err != nil {
			return nil, nil, err
		}
		if n == 0 {
			break
		}
	}
	if f, err = acknowledged.Look(ctx, store, acknowledged.TenantOf(0)); err != nil {
		return nil, nil, err
	}
	return append(promised, f.Problems(m.promised, true)...), append(possible, f.Problems(m.possible, true)...), nil
}

// cause tells an error with what it comes from.
func cause(err error) string {
	var e *storage.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e) && e.Cause != nil:
		return err.Error() + ": " + e.Cause.Error()
	default:
		return err.Error()
	}
}

// whole asks SQLite whether its file is.
func whole(ctx context.Context, db *sql.DB) error {
	var said string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&said); err != nil {
		return err
	}
	if said != "ok" {
		return fmt.Errorf("integrity_check: %s", said)
	}
	return nil
}

// TestPowerLoss is, as a whole:
//
//	cd internal/enginetest && go test ./powerloss -run TestPowerLoss -v -power.cuts=1000 -timeout 1h
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	for _, synchronous := range []string{"full", "normal"} {
		t.Run(synchronous, func(t *testing.T) {
			t.Parallel()
			c := newCutting(t, synchronous)
			units, effects, unsynced, lossy := 0, 0, 0, 0
			for made := 0; made < *cuts; {
				for _, m := range c.moments(t, min(together, *cuts-made)) {
					made++
					u, _, e := m.promised.Counts()
					units, effects, unsynced = units+u, effects+e, unsynced+m.image.Unsynced()
					promised, possible, err := c.left(t, m)
					require.Empty(t, cause(err), "cut %d", made)
					require.Empty(t, possible, "cut %d", made)
					if synchronous == "full" {
						require.Empty(t, promised, "cut %d", made)
					} else if len(promised) > 0 {
						lossy++
					}
				}
			}
			t.Logf("%d cuts, %d sectors of which were not synced; %d units and %d effects acknowledged before them; %d cuts lost some", *cuts, unsynced, units, effects, lossy)
			require.Positive(t, units, "some work was done")
			require.Positive(t, effects, "some jobs were done")
			require.Positive(t, unsynced, "something could be lost")
		})
	}
}

// TestCutLosesOnlyWhatIsNotSynced looks at the files that a cut leaves.
func TestCutLosesOnlyWhatIsNotSynced(t *testing.T) {
	disk, path := newDisk(t)
	// Nothing is synced by SQLite here, and nothing of the log comes to the database.
	db := opened(t, path, "synchronous(off)", "wal_autocheckpoint(0)")
	db.SetMaxOpenConns(1)
	exec := func(sql string) {
		_, err := db.ExecContext(t.Context(), sql)
		require.NoError(t, err)
	}
	files := func(of string) (all [2]string) {
		for i, name := range []string{of, of + "-wal"} {
			content, err := os.ReadFile(name)
			require.NoError(t, err)
			all[i] = string(content)
		}
		return all
	}
	random := rand.New(rand.NewPCG(1, 2))
	left := func(image powerloss.Image, keep float64) [2]string {
		folder := t.TempDir()
		require.NoError(t, image.Write(folder, keep, random))
		return files(filepath.Join(folder, filepath.Base(path)))
	}
	exec("CREATE TABLE t (a TEXT)")
	disk.Settle()
	synced := files(path)
	exec("INSERT INTO t VALUES (hex(randomblob(10000)))")
	written := files(path)
	require.NotEqual(t, synced, written)
	cut := make(chan powerloss.Image, 1)
	disk.Cut(0, func(image powerloss.Image) { cut <- image })
	exec("INSERT INTO t VALUES ('more')")
	image := <-cut
	require.Greater(t, image.Unsynced(), 20000/powerloss.Sector)
	require.Equal(t, synced, left(image, 0))
	require.Equal(t, written, left(image, 1))
	some := left(image, 0.5)
	require.NotEqual(t, synced, some)
	require.NotEqual(t, written, some)
	disk.Settle()
	disk.Cut(0, func(image powerloss.Image) { cut <- image })
	written = files(path)
	exec("INSERT INTO t VALUES ('more')")
	image = <-cut
	require.Zero(t, image.Unsynced())
	require.Equal(t, written, left(image, 0))
}

// TestPowerLossIsFound has a setting that promises more than it keeps, and one that keeps nothing.
func TestPowerLossIsFound(t *testing.T) {
	t.Parallel()
	for synchronous, found := range map[string]func(promised, possible []acknowledged.Problem, err error) string{
		"normal": func(promised, possible []acknowledged.Problem, err error) string {
			for _, p := range promised {
				if p.Kind == acknowledged.Lost {
					return p.String()
				}
			}
			return ""
		},
		"off": func(promised, possible []acknowledged.Problem, err error) string {
			switch {
			case err != nil:
				return cause(err)
			case len(possible) > 0:
				return possible[0].String()
			}
			return ""
		},
	} {
		t.Run(synchronous, func(t *testing.T) {
			t.Parallel()
			c := newCutting(t, synchronous)
			for range 10 {
				for _, m := range c.moments(t, together) {
					if text := found(c.left(t, m)); text != "" {
						t.Log(text)
						return
					}
				}
			}
			t.Error("nothing was found in 100 cuts")
		})
	}
}
