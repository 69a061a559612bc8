// A MariaDB Galera cluster of three nodes, each of which takes writes.

package throwaway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Cluster is three MariaDB servers that hold the same data.
type Cluster struct {
	nodes []*Server
}

// galeraNodes is the fewest of which one may fail.
const galeraNodes = 3

// StartGalera starts a new cluster and returns when all nodes accept writes. ctx bounds the start
// alone. The error wraps [ErrMissing] when MariaDB or Galera is not installed.
func StartGalera(ctx context.Context, o Options) (*Cluster, error) {
	base, err := installedMariaDB()
	if err != nil {
		return nil, err
	}
	provider, err := findGalera("/usr/lib/galera", "/usr/lib64/galera-4", "/usr/lib64/galera")
	if err != nil {
		return nil, err
	}
	// One start in some fourteen fails, mostly as a node cannot set the parameters of a thread
	// or another program takes one of the many ports; and a node that did not find the others
	// may wait for ever.
	var failures []error
	for range 5 {
		c, err := startGalera(ctx, base, provider, o)
		if err == nil {
			return c, nil
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("start Galera: %w", errors.Join(failures...))
}

// findGalera finds the library that makes a server a node, and the program that copies the data
// to a node that has been away.
func findGalera(folders ...string) (provider string, err error) {
	for _, folder := range folders {
		provider = filepath.Join(folder, "libgalera_smm.so")
		if _, err = os.Stat(provider); err == nil {
			break
		}
	}
	if err == nil {
		_, err = exec.LookPath("rsync")
	}
	if err != nil {
		return "", fmt.Errorf("no Galera: %w: %w: on Debian, apt-get install galera-4 rsync", ErrMissing, err)
	}
	return provider, nil
}

// attempt bounds one start of a whole cluster.
const attempt = 45 * time.Second

func startGalera(ctx context.Context, base mariaDB, provider string, o Options) (*Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	c := &Cluster{}
	err := c.create(ctx, base, provider, o)
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) create(ctx context.Context, base mariaDB, provider string, o Options) error {
	var members []string
	var engines []*galeraNode
	taken := map[int]bool{}
	for i := range galeraNodes {
		e := &galeraNode{mariaDB: base, provider: provider, first: i == 0}
		s, err := newServer(e, mariaDBAccount, o)
		if err != nil {
			return err
		}
		c.nodes, engines = append(c.nodes, s), append(engines, e)
		for _, port := range []*int{&s.port, &e.group, &e.increments, &e.copies} {
			for *port == 0 || taken[*port] {
				if *port, err = freePort(); err != nil {
					return err
				}
			}
			taken[*port] = true
		}
		members = append(members, net.JoinHostPort("127.0.0.1", strconv.Itoa(e.group)))
	}
	for _, e := range engines {
		e.members = strings.Join(members, ",")
	}
	first := c.nodes[0]
	if err := base.create(ctx, first); err != nil {
		return err
	}
	for _, s := range c.nodes[1:] {
		if _, err := s.run(ctx, s.account, "cp", "-a", first.data, s.data); err != nil {
			return err
		}
	}
	if err := first.Restart(ctx); err != nil {
		return err
	}
	engines[0].first = false
	var joining sync.WaitGroup
	failures := make([]error, galeraNodes)
	for i, s := range c.nodes[1:] {
		joining.Add(1)
		go func() {
			defer joining.Done()
			failures[i] = s.Restart(ctx)
		}()
	}
	joining.Wait()
	return errors.Join(failures...)
}

// GaleraForTest is [MariaDBForTest] for a cluster.
func GaleraForTest(tb testing.TB, o Options) *Cluster {
	tb.Helper()
	return forTest(tb, StartGalera, o)
}

// Nodes are the cluster's servers, the first started first. One that is killed joins the others
// again by [Server.Restart], which returns when it has caught up with them and accepts writes.
// Where two were killed, the third accepts no writes, and none can join it.
func (c *Cluster) Nodes() []*Server { return c.nodes }

// DSNs gives the addresses of a database, one for each node, as [Server.DSN].
func (c *Cluster) DSNs(database string) []string {
	var dsns []string
	for _, s := range c.nodes {
		dsns = append(dsns, s.DSN(database))
	}
	return dsns
}

// DatabaseForTest is [Server.DatabaseForTest] with the address of each node.
func (c *Cluster) DatabaseForTest(tb testing.TB) (dsns []string) {
	tb.Helper()
	return c.DSNs(c.nodes[0].databaseForTest(tb))
}

// Stop is [Server.Stop] for all nodes.
func (c *Cluster) Stop() error {
	var failures []error
	for _, s := range c.nodes {
		failures = append(failures, s.Stop())
	}
	return errors.Join(failures...)
}

// galeraNode is MariaDB as one node of a cluster.
type galeraNode struct {
	mariaDB
	provider string
	// members are the addresses of all nodes.
	members string
	// first founds the cluster.
	first bool
	// The ports at which a node talks to the others, and takes what it has missed: the changes
	// or a copy of all.
	group, increments, copies int
}

func (*galeraNode) name() string { return "Galera" }

func (e *galeraNode) command(s *Server) (program string, args []string) {
	program, args = e.mariaDB.command(s)
	args = append(args,
		"--wsrep-on=ON",
		"--wsrep-provider="+e.provider,
		"--wsrep-cluster-name=throwaway",
		"--wsrep-cluster-address=gcomm://"+e.members,
		"--wsrep-node-address=127.0.0.1",
		"--wsrep-node-name="+strconv.Itoa(s.port),
		"--wsrep-sst-method=rsync",
		"--wsrep-sst-receive-address=127.0.0.1:"+strconv.Itoa(e.copies),
		"--wsrep-provider-options="+strings.Join([]string{
			fmt.Sprintf("base_port=%d", e.group),
			fmt.Sprintf("gmcast.listen_addr=tcp://127.0.0.1:%d", e.group),
			fmt.Sprintf("ist.recv_addr=127.0.0.1:%d", e.increments),
			// A node that is gone is left out after two seconds rather than many.
			"evs.keepalive_period=PT0.3S",
			"evs.suspect_timeout=PT2S",
			"evs.inactive_timeout=PT5S",
			"evs.install_timeout=PT5S",
			"gcache.size=32M",
		}, ";"),
		// What Galera asks for.
		"--binlog-format=ROW",
		"--innodb-autoinc-lock-mode=2",
		"--default-storage-engine=InnoDB",
	)
	if e.first {
		args = append(args, "--wsrep-new-cluster")
	}
	return program, args
}

// ready waits until the node has also caught up with the others.
func (e *galeraNode) ready(s *Server, log string) bool {
	return e.mariaDB.ready(s, log) && strings.Contains(log, "Synchronized with group, ready for connections")
}
