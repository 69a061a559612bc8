package enginetest_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tap stands between database/sql and a driver: it notes every statement that reaches the
// driver, and has those fail that a test chooses.
type tap struct {
	mu   sync.Mutex
	seen []string
	// args are those that a statement had the last time.
	args map[string][]any
	// fail gives the error that a statement meets instead of the engine; "COMMIT" stands for
	// the commit of a transaction.
	fail func(text string) error
	// after is like fail, but the engine has done it.
	after func(text string) error
	// running counts the commits that are still on their way.
	running sync.WaitGroup
}

// db opens a database through the tap.
func (p *tap) db(tb testing.TB, e engine, dsn string) *sql.DB {
	tb.Helper()
	db := p.open(tb, e, dsn)
	tb.Cleanup(func() { p.running.Wait(); db.Close() })
	return db
}

// open is db for who closes it, when nothing runs any more.
func (p *tap) open(tb testing.TB, e engine, dsn string) *sql.DB {
	tb.Helper()
	plain, err := sql.Open(e.driver, dsn)
	require.NoError(tb, err)
	d := plain.Driver()
	require.NoError(tb, plain.Close())
	db := sql.OpenDB(&tapped{tap: p, driver: d, dsn: dsn})
	db.SetMaxOpenConns(8)
	return db
}

// preparing says that a statement is prepared, or that it is asked whether one may be.
func preparing(text string) bool {
	return strings.HasPrefix(text, "PREPARE ") || text == "SHOW VARIABLES LIKE 'wsrep_on'"
}

// statements gives what has been seen since the last call, without the beginnings and ends of
// transactions.
func (p *tap) statements() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, s := range p.seen {
		if s != "CONNECT" && s != "BEGIN" && s != "COMMIT" && s != "ROLLBACK" && !preparing(s) {
			out = append(out, s)
		}
	}
	p.seen = nil
	return out
}

// argsOf gives the arguments that a statement had the last time.
func (p *tap) argsOf(text string) []any {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.args[text]
}

func (p *tap) setFail(fail func(text string) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = fail
}

func (p *tap) see(text string, args ...driver.NamedValue) error {
	text = strings.ReplaceAll(text, "`", `"`) // as the tests write it
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, text)
	if p.args == nil {
		p.args = map[string][]any{}
	}
	p.args[text] = nil
	for _, a := range args {
		p.args[text] = append(p.args[text], a.Value)
	}
	if p.fail != nil {
		return p.fail(text)
	}
	return nil
}

func (p *tap) done(text string, err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && p.after != nil {
		return p.after(text)
	}
	return err
}

type tapped struct {
	*tap
	driver driver.Driver
	dsn    string
}

func (c *tapped) Driver() driver.Driver { return c.driver }

func (c *tapped) Connect(context.Context) (driver.Conn, error) {
	if err := c.see("CONNECT"); err != nil {
		return nil, err
	}
	inner, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return &tappedConn{tap: c.tap, Conn: inner}, nil
}

// lostError is an error with which a connection is gone: the engine rolls back what was open on it.
type lostError struct{ error }

func (e lostError) Unwrap() error { return e.error }

// inFlightError is a commit on its way when the connection is lost: the engine does it after a while.
type inFlightError struct {
	error
	after time.Duration
}

func (e inFlightError) Unwrap() error { return e.error }

type tappedConn struct {
	*tap
	driver.Conn
	// tx is what is open; gone says that the connection is lost, late that somebody else closes it.
	tx         driver.Tx
	gone, late bool
}

// see is the tap's, and loses the connection where the test says so.
func (c *tappedConn) see(text string, args ...driver.NamedValue) error {
	if c.gone {
		return driver.ErrBadConn
	}
	return c.lose(c.tap.see(text, args...))
}

func (c *tappedConn) done(text string, err error) error { return c.lose(c.tap.done(text, err)) }

func (c *tappedConn) lose(err error) error {
	var lost lostError
	if errors.As(err, &lost) && !c.gone {
		c.gone = true
		if c.tx != nil {
			c.tx.Rollback()
		}
	}
	return err
}

// Close closes the connection, unless a commit is still on its way.
func (c *tappedConn) Close() error {
	if c.late {
		return nil
	}
	return c.Conn.Close()
}

func (c *tappedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := c.see("BEGIN"); err != nil {
		return nil, err
	}
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	c.tx = tx
	return &tappedTx{c}, nil
}

func (c *tappedConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.see(text, args...); err != nil {
		return nil, err
	}
	res, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, text, args)
	return res, c.done(text, err)
}

func (c *tappedConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.see(text, args...); err != nil {
		return nil, err
	}
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, text, args)
}

func (c *tappedConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	if err := c.see("PREPARE " + text); err != nil {
		return nil, err
	}
	st, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return &tappedStmt{c, st, text}, nil
}

func (c *tappedConn) ResetSession(ctx context.Context) error {
	if c.gone {
		return driver.ErrBadConn
	}
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

func (c *tappedConn) IsValid() bool {
	v, ok := c.Conn.(driver.Validator)
	return !c.gone && (!ok || v.IsValid())
}

func (c *tappedConn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.Conn.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

type tappedStmt struct {
	conn *tappedConn
	driver.Stmt
	text string
}

// Close leaves the statements of a connection that is lost to the end of the connection.
func (s *tappedStmt) Close() error {
	if s.conn.late {
		return nil
	}
	return s.Stmt.Close()
}

func (s *tappedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.conn.see(s.text, args...); err != nil {
		return nil, err
	}
	res, err := s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	return res, s.conn.done(s.text, err)
}

func (s *tappedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.conn.see(s.text, args...); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

type tappedTx struct{ conn *tappedConn }

func (t *tappedTx) Commit() error {
	c := t.conn
	tx := c.tx
	err := c.see("COMMIT")
	var late inFlightError
	switch {
	case errors.As(err, &late):
		c.gone, c.late = true, true
		c.running.Add(1)
		go func() {
			defer c.running.Done()
			time.Sleep(late.after)
			tx.Commit()
			c.Conn.Close()
		}()
		return err
	case err != nil:
		if !c.gone {
			tx.Rollback()
		}
		return err
	}
	c.tx = nil
	return c.done("COMMIT", tx.Commit())
}

func (t *tappedTx) Rollback() error {
	if t.conn.gone {
		return driver.ErrBadConn
	}
	t.conn.tap.see("ROLLBACK")
	tx := t.conn.tx
	t.conn.tx = nil
	return tx.Rollback()
}
