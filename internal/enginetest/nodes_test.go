package enginetest_test

// This file is how a host reaches a cluster of servers by a list of them, with the usual driver of MariaDB:
// as docs/scaling.md has it.

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
)

func init() {
	mysql.RegisterDialContext("nodes", dialNodes)
	sql.Register("mysql in turn", nodesInTurn{})
}

var turn atomic.Uint64

// dialNodes connects to one of the servers whose addresses, host:port, have commas between: to another
// one each time, and past those that cannot be reached.
func dialNodes(ctx context.Context, addresses string) (net.Conn, error) {
	nodes := strings.Split(addresses, ",")
	first := turn.Add(1)
	var failures []error
	for i := range nodes {
		dialer := net.Dialer{Timeout: 2 * time.Second}
		conn, err := dialer.DialContext(ctx, "tcp", nodes[(first+uint64(i))%uint64(len(nodes))])
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

// byNodes makes one address of those of a database at several servers.
func byNodes(tb testing.TB, dsns []string) string {
	tb.Helper()
	var addresses []string
	var database string
	for _, dsn := range dsns {
		c, err := mysql.ParseDSN(dsn)
		require.NoError(tb, err)
		addresses, database = append(addresses, c.Addr), c.DBName
	}
	return "root@nodes(" + strings.Join(addresses, ",") + ")/" + database
}

// nodesInTurn is the driver for who wants each unit at another node than the one before it, which no host
// needs: a connection of it is one to each node, and goes on to the next when it is used again.
// A statement that is prepared stays where it is, so that none may be kept.
type nodesInTurn struct{}

func (nodesInTurn) Open(dsn string) (driver.Conn, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	conn := &connInTurn{at: int(turn.Add(1) % 3)}
	for _, address := range strings.Split(config.Addr, ",") {
		c := config.Clone()
		c.Net, c.Addr = "tcp", address
		connector, err := mysql.NewConnector(c)
		if err != nil {
			return nil, err
		}
		one, err := connector.Connect(context.Background())
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		conn.nodes = append(conn.nodes, one.(mysqlConn))
	}
	conn.mysqlConn = conn.nodes[conn.at]
	return conn, nil
}

// mysqlConn is what a connection of the driver can do.
type mysqlConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
}

type connInTurn struct {
	mysqlConn // the one in use
	nodes     []mysqlConn
	at        int
}

// ResetSession is called before a connection is used again.
func (c *connInTurn) ResetSession(ctx context.Context) error {
	c.at = (c.at + 1) % len(c.nodes)
	c.mysqlConn = c.nodes[c.at]
	return c.mysqlConn.ResetSession(ctx)
}

func (c *connInTurn) Close() error {
	var failures []error
	for _, node := range c.nodes {
		failures = append(failures, node.Close())
	}
	return errors.Join(failures...)
}

// The next connection goes to a server that is there, whichever of the list that is.
func TestConnectionsGoToTheNodesInTurnAndPastThoseThatAreAway(t *testing.T) {
	var addresses []string
	listeners := make([]net.Listener, 3)
	for i := range listeners {
		var err error
		listeners[i], err = net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer listeners[i].Close()
		addresses = append(addresses, listeners[i].Addr().String())
	}
	reached := func() map[string]int {
		counts := map[string]int{}
		for range 6 {
			conn, err := dialNodes(t.Context(), strings.Join(addresses, ","))
			require.NoError(t, err)
			counts[conn.RemoteAddr().String()]++
			require.NoError(t, conn.Close())
		}
		return counts
	}
	require.Len(t, reached(), 3)
	require.NoError(t, listeners[1].Close())
	counts := reached()
	require.Len(t, counts, 2)
	require.NotContains(t, counts, addresses[1])
	require.NoError(t, listeners[0].Close())
	require.NoError(t, listeners[2].Close())
	_, err := dialNodes(t.Context(), strings.Join(addresses, ","))
	require.Error(t, err)
	for _, address := range addresses {
		require.ErrorContains(t, err, address)
	}
}
