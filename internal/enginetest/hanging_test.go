// This file holds the promise that a caller whose context ends is not held by a server that answers no more.

package enginetest_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// wire carries what is said between a driver and a server, until it is cut without either being told.
type wire struct {
	listener net.Listener
	server   string
	mu       sync.Mutex
	cut      bool
	// open is closed when the wire carries again.
	open chan struct{}
}

// newWire gives a wire to the server of an address, and the address of its other end.
func newWire(t *testing.T, e engine, dsn string) (*wire, string) {
	t.Helper()
	w := &wire{open: make(chan struct{})}
	var err error
	w.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	here := w.listener.Addr().(*net.TCPAddr)
	if e.dialect == sqlstore.MySQL {
		place := regexp.MustCompile(`tcp\(([^)]*)\)`)
		w.server = place.FindStringSubmatch(dsn)[1]
		dsn = place.ReplaceAllString(dsn, "tcp("+here.String()+")")
	} else {
		u, err := url.Parse(dsn)
		require.NoError(t, err)
		w.server = u.Host
		u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(here.Port))
		dsn = u.String()
	}
	var running sync.WaitGroup
	running.Add(1)
	go func() {
		defer running.Done()
		for {
			near, err := w.listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", w.server)
			if err != nil {
				near.Close()
				continue
			}
			for _, c := range [][2]net.Conn{{near, far}, {far, near}} {
				running.Add(1)
				go func() {
					defer running.Done()
					defer c[1].Close()
					_, _ = io.Copy(c[1], reading(func(p []byte) (int, error) {
						n, err := c[0].Read(p)
						w.mu.Lock()
						cut := w.cut
						w.mu.Unlock()
						if cut {
							<-w.open
						}
						return n, err
					}))
				}()
			}
		}
	}()
	t.Cleanup(func() {
		close(w.open)
		w.listener.Close()
		running.Wait()
	})
	return w, dsn
}

type reading func(p []byte) (int, error)

func (r reading) Read(p []byte) (int, error) { return r(p) }

// hang cuts the wire.
func (w *wire) hang() {
	w.mu.Lock()
	w.cut = true
	w.mu.Unlock()
}

func TestAServerThatHangsHoldsNobodyBeyondTheirContext(t *testing.T) {
	for _, e := range engines {
		if e.dialect == sqlstore.SQLite {
			continue // is in the process itself
		}
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			w, dsn := newWire(t, e, e.empty(t))
			s := open(t, e, dsn, nil)
			require.NoError(t, s.Migrate(t.Context(), incidents))
			put(t, s, acme, 0, 1) // there is a connection
			w.hang()
			for name, do := range map[string]func(ctx context.Context) error{
				"update": func(ctx context.Context) error {
					return s.Update(ctx, acme, func(context.Context, storage.Tx) error { return nil })
				},
				"view": func(ctx context.Context) error {
					return s.View(ctx, []storage.Tenant{acme}, func(context.Context, storage.Reader) error { return nil })
				},
				"claim": func(ctx context.Context) error {
					_, err := s.Claim(ctx, storage.Claim{Now: noon, Lease: time.Minute, Limit: 1})
					return err
				},
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				ended := make(chan error, 1)
				go func() { ended <- do(ctx) }()
				select {
				case err := <-ended:
					require.ErrorIs(t, err, context.DeadlineExceeded, name)
				case <-time.After(10 * time.Second):
					require.Fail(t, "still waiting", name)
				}
				cancel()
			}
		})
	}
}

// SQLite waits for another process's writer deaf to the context, for as long as the host's busy timeout: what has begun by then
// is undone.
func TestAUnitThatBeginsAfterItsContextHasEndedLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		if e.dialect != sqlstore.SQLite {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			dsn := e.empty(t)
			db := e.db(t, dsn+"&_txlock=immediate") // so that it waits to begin
			db.SetMaxOpenConns(1)
			s, err := sqlstore.New(db, e.dialect, sqlstore.Options{})
			require.NoError(t, err)
			require.NoError(t, s.Migrate(t.Context(), incidents))
			conn, err := e.db(t, dsn).Conn(t.Context())
			require.NoError(t, err)
			defer conn.Close()
			for _, held := range []time.Duration{100 * time.Millisecond, 600 * time.Millisecond} {
				_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
				require.NoError(t, err)
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				released := make(chan error, 1)
				go func() {
					time.Sleep(held)
					_, err := conn.ExecContext(t.Context(), "ROLLBACK")
					released <- err
				}()
				err = s.Update(ctx, acme, func(ctx context.Context, _ storage.Tx) error {
					<-ctx.Done()
					return ctx.Err()
				})
				cancel()
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.NoError(t, <-released)
				_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE; ROLLBACK")
				require.NoError(t, err)
			}
			put(t, s, acme, 0, 1)
		})
	}
}
