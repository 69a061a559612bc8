// A PostgreSQL server with a replica that holds every commit the server acknowledges.

package throwaway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"
)

// Pair is a PostgreSQL server and its synchronous replica.
type Pair struct {
	// Primary takes the writes. A commit returns when the replica has it too. Once the replica
	// is promoted, it must not be restarted: there would be two primaries.
	Primary *Server
	// Replica answers reads until [Pair.Promote] makes it the primary.
	Replica *Server
}

// replicaName is how the replica calls itself, for the primary to wait for it.
const replicaName = "replica"

// StartPostgreSQLPair starts a new server and its replica, and returns when commits are
// synchronous. ctx bounds the start alone.
func StartPostgreSQLPair(ctx context.Context, o Options) (*Pair, error) {
	e, err := installedPostgreSQL()
	if err != nil {
		return nil, err
	}
	p := &Pair{}
	if p.Primary, err = launch(ctx, e, superuser, o); err != nil {
		return nil, err
	}
	if err := p.join(ctx, e, o); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// join starts the replica, and has the primary wait for it from then on.
func (p *Pair) join(ctx context.Context, e postgreSQL, o Options) error {
	var err error
	if p.Replica, err = launch(ctx, postgreSQLReplica{e, p.Primary}, superuser, o); err != nil {
		return err
	}
	for _, sql := range []string{
		"ALTER SYSTEM SET synchronous_standby_names = '" + replicaName + "'",
		"SELECT pg_reload_conf()",
	} {
		if _, err := p.Primary.Query(ctx, superuser, sql); err != nil {
			return err
		}
	}
	return until(ctx, func() (bool, error) {
		state, err := p.Primary.Query(ctx, superuser, "SELECT sync_state FROM pg_stat_replication")
		return state == "sync", err
	})
}

// until asks again and again whether something is done.
func until(ctx context.Context, done func() (bool, error)) error {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// PostgreSQLPairForTest is [PostgreSQLForTest] for a pair.
func PostgreSQLPairForTest(tb testing.TB, o Options) *Pair {
	tb.Helper()
	return forTest(tb, StartPostgreSQLPair, o)
}

// DSN gives the address of a database for the superuser, as [Server.DSN], with both servers: a
// client connects to the one that takes writes.
func (p *Pair) DSN(database string) string {
	host := func(s *Server) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Host:     host(p.Primary) + "," + host(p.Replica),
		Path:     "/" + database,
		RawQuery: "sslmode=disable&target_session_attrs=read-write",
	}
	return u.String()
}

// Promote makes the replica take writes, and returns when it does. The primary should have been
// killed before.
func (p *Pair) Promote(ctx context.Context) error {
	done, err := p.Replica.Query(ctx, superuser, "SELECT pg_promote()")
	if err == nil && done != "t" {
		err = errors.New("the replica did not end its recovery in time")
	}
	if err != nil {
		return fmt.Errorf("promote PostgreSQL: %w", err)
	}
	return nil
}

// Stop is [Server.Stop] for both.
func (p *Pair) Stop() error {
	err := p.Primary.Stop()
	if p.Replica != nil {
		err = errors.Join(p.Replica.Stop(), err)
	}
	return err
}

// postgreSQLReplica starts from a copy of the primary, and follows it.
type postgreSQLReplica struct {
	postgreSQL
	primary *Server
}

func (e postgreSQLReplica) create(ctx context.Context, s *Server) error {
	_, err := s.run(ctx, s.account, e.program("pg_basebackup"), "--no-sync", "-R", "-X", "stream", "-c", "fast",
		"-D", s.data, "-d", e.primary.DSN("")+"&application_name="+replicaName)
	return err
}
