// This file holds the promise that a server which only reads is left for another.

package enginetest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

func TestAServerThatOnlyReadsIsToBeTriedAgain(t *testing.T) {
	t.Parallel()
	e, server, dsn := ownMariaDB(t)
	run := func(sql string) {
		_, err := server.Query(t.Context(), "", sql)
		require.NoError(t, err)
	}
	// The account of the other tests may write all the same.
	run("CREATE USER desk@'127.0.0.1'; GRANT ALL ON desk.* TO desk@'127.0.0.1'")
	dsn = strings.Replace(dsn, "root@", "desk@", 1)
	p := &tap{}
	s := open(t, e, dsn, p)
	require.NoError(t, s.Migrate(t.Context(), incidents))
	write := func() error {
		return s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
			row := incident(1)
			return tx.Put(ctx, incidents, &row)
		})
	}
	connections := func() (n int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, text := range p.seen {
			if text == "CONNECT" {
				n++
			}
		}
		return n
	}
	run("SET GLOBAL read_only = 1")
	for range 2 {
		before := connections()
		require.ErrorIs(t, write(), storage.ErrRetry)
		require.NotErrorIs(t, write(), storage.ErrUnknownOutcome)
		require.Greater(t, connections(), before, "another connection may come to a server that writes")
	}
	require.Zero(t, count(t, s, acme), "it reads")
	run("SET GLOBAL read_only = 0")

	// It becomes one in the middle of a unit: what was written is undone.
	require.ErrorIs(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
		row := incident(1)
		if err := tx.Put(ctx, incidents, &row); err != nil {
			return err
		}
		run("SET GLOBAL read_only = 1")
		return nil
	}), storage.ErrRetry)
	require.Zero(t, count(t, s, acme))
	run("SET GLOBAL read_only = 0")
	require.NoError(t, write())

	// An engine over it goes on when it, or another in its place, writes again.
	x := newShaken(t, s, itsmengine.Options{})
	x.begin(t)
	attempts := 0
	p.setFail(func(text string) error {
		if strings.HasPrefix(text, "INSERT ") || strings.HasPrefix(text, "UPDATE ") {
			if attempts++; attempts == 3 {
				run("SET GLOBAL read_only = 0")
			}
		}
		return nil
	})
	run("SET GLOBAL read_only = 1")
	_, err := x.command(t.Context(), "x", "x")
	require.NoError(t, err)
	require.Equal(t, map[string]int{"x": 1}, x.did(t, "command"))
}
