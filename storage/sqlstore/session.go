package sqlstore

import (
	"container/list"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"sync"
	"time"
)

// DBTX is what a host's transaction must be able to do to be joined. *sql.Tx and *sql.Conn fit,
// and so do the transactions of libraries over database/sql.
type DBTX interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// pool is a database handle with its prepared statements.
type pool struct {
	db *sql.DB

	mu     sync.Mutex
	max    int
	known  map[string]*list.Element // of *prepared
	recent *list.List
	wanted []*prepared
	// unsafe asks the engine, before anything is prepared, whether a transaction may be lost by that; nil
	// where it cannot, or has said that it cannot.
	unsafe func(ctx context.Context, db *sql.DB) (bool, error)
	// full is that of the dialect.
	full func(error) bool
	// never says that nothing is prepared.
	never bool
}

// prepared is a statement text that has been used. It is prepared when it is used again, so that
// texts that occur once cost nothing.
type prepared struct {
	text string
	uses int
	stmt *sql.Stmt
	// running counts the calls that are under way on the statement itself; gone says that the last of
	// them closes it.
	running int
	gone    bool
}

func newPool(db *sql.DB, statements int, d *dialect) *pool {
	return &pool{db: db, max: statements, unsafe: d.unprepared, full: d.full, known: map[string]*list.Element{}, recent: list.New()}
}

// statement gives the prepared statement of the text, or nil while there is none. It never
// touches the database: the caller may hold the only connection. It is good for Tx.StmtContext, which
// does not mind that it is closed meanwhile; who runs it as it is takes it by take.
func (p *pool) statement(text string) *sql.Stmt {
	st := p.take(text)
	if st == nil {
		return nil
	}
	defer p.release(st)
	return st.stmt
}

// take gives the prepared statement of the text, or nil while there is none. Until release it is not
// closed: closing waits for the calls on it, which may wait for a connection that the closer holds.
func (p *pool) take(text string) *prepared {
	if p.max <= 0 {
		return nil
	}
	var drop *sql.Stmt
	defer func() {
		if drop != nil {
			drop.Close()
		}
	}()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.never {
		return nil
	}
	e, ok := p.known[text]
	if !ok {
		p.known[text] = p.recent.PushFront(&prepared{text: text, uses: 1})
		if p.recent.Len() > p.max {
			drop = p.forget(p.recent.Back())
		}
		return nil
	}
	p.recent.MoveToFront(e)
	st := e.Value.(*prepared)
	if st.stmt == nil {
		if st.uses++; st.uses == 2 {
			p.wanted = append(p.wanted, st)
		}
		return nil
	}
	st.running++
	return st
}

// release ends a use of a statement.
func (p *pool) release(st *prepared) {
	p.mu.Lock()
	st.running--
	last := st.gone && st.running == 0
	p.mu.Unlock()
	if last {
		st.stmt.Close()
	}
}

// forget drops a text, and gives the statement that is to be closed when the lock is let go.
func (p *pool) forget(e *list.Element) *sql.Stmt {
	st := p.recent.Remove(e).(*prepared)
	delete(p.known, st.text)
	if st.running > 0 {
		st.gone = true
		return nil
	}
	return st.stmt
}

// prepare prepares what has been used twice. The caller holds no connection of the pool. A
// statement that cannot be prepared is run as text.
func (p *pool) prepare(ctx context.Context) {
	p.mu.Lock()
	wanted := p.wanted
	p.wanted = nil
	unsafe := p.unsafe
	p.mu.Unlock()
	if len(wanted) > 0 && unsafe != nil {
		never, err := unsafe(ctx, p.db)
		p.mu.Lock()
		if err != nil { // it is asked again
			for _, st := range wanted {
				st.uses = 1
			}
		} else if p.unsafe, p.never = nil, never; never {
			clear(p.known)
			p.recent.Init()
		}
		p.mu.Unlock()
		if err != nil || never {
			return
		}
	}
	for _, st := range wanted {
		stmt, err := p.db.PrepareContext(ctx, st.text)
		if p.isFull(err) {
			return
		}
		p.mu.Lock()
		if err != nil {
			if ctx.Err() != nil {
				st.uses = 1
			}
			p.mu.Unlock()
			continue
		}
		if e, ok := p.known[st.text]; ok && e.Value == st {
			st.stmt = stmt
			stmt = nil
		}
		p.mu.Unlock()
		if stmt != nil {
			stmt.Close()
		}
	}
}

// isFull says whether an error is that the server prepares no more statements, for all that it serves together.
// Then the pool lets go of those that it has, which others may be in want of, and prepares none any more: a
// statement that is kept has to be prepared on each connection, so that those it has would fail on others.
func (p *pool) isFull(err error) bool {
	if err == nil || p.full == nil || !p.full(err) {
		return false
	}
	p.mu.Lock()
	p.never = true
	var drop []*sql.Stmt
	for p.recent.Len() > 0 {
		if stmt := p.forget(p.recent.Back()); stmt != nil {
			drop = append(drop, stmt)
		}
	}
	p.wanted = nil
	p.mu.Unlock()
	for _, stmt := range drop {
		stmt.Close()
	}
	return true
}

func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var first error
	for p.recent.Len() > 0 {
		st := p.recent.Remove(p.recent.Back()).(*prepared)
		if st.stmt != nil {
			if err := st.stmt.Close(); err != nil && first == nil {
				first = err
			}
		}
	}
	clear(p.known)
	p.wanted = nil
	return first
}

// session is what statements run in: a transaction of ours, the host's, or none, where each statement
// stands alone.
type session struct {
	run   DBTX
	pool  *pool
	tx    *sql.Tx
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	// quiet keeps a cancelled context from interrupting a statement that writes: SQLite then
	// rolls the whole transaction back by itself.
	quiet bool
	// leave lets the next unit write.
	leave func()
	// elsewhere is that of the dialect; discard is what it said.
	elsewhere func(error) bool
	discard   bool
}

// begin opens a transaction of ours.
func (s *core) begin(ctx context.Context, p *pool, o *sql.TxOptions) (*session, error) {
	p.prepare(ctx)
	t := &session{pool: p, quiet: s.d.oneWriter, elsewhere: s.d.elsewhere}
	var err error
	// The connection is kept in hand to see it clean after the transaction, and the context must
	// not end the transaction behind our back: a commit that it overtakes would look as if its
	// outcome were unknown. So the transaction has a context of its own, which ends with the caller's only
	// while it begins: a server may never answer that.
	if t.conn, err = p.db.Conn(ctx); err != nil {
		return nil, err
	}
	own, end := context.WithCancel(context.WithoutCancel(ctx))
	begun := context.AfterFunc(ctx, end)
	t.tx, err = t.conn.BeginTx(own, o)
	switch intime := begun(); {
	case err != nil:
		t.met(err)
		if ctx.Err() != nil {
			t.clean(ctx) // it may have begun all the same
		}
		t.release()
		return nil, err
	case !intime:
		t.rollback(ctx)
		return nil, ctx.Err()
	}
	t.run = t.tx
	return t, nil
}

// commit and rollback end a transaction of ours.
func (t *session) commit(ctx context.Context) error {
	err := t.tx.Commit()
	if err != nil {
		t.met(err)
		t.clean(ctx)
	}
	t.release()
	return err
}

func (t *session) rollback(ctx context.Context) {
	if err := t.tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		t.clean(ctx)
	}
	t.release()
}

// clean makes sure that a connection whose transaction ended badly has none open, or discards
// the connection.
func (t *session) clean(ctx context.Context) {
	if t.conn == nil {
		return
	}
	_, err := t.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	if err == nil || strings.Contains(err.Error(), "no transaction is active") {
		return
	}
	_ = t.conn.Raw(func(any) error { return driver.ErrBadConn })
}

// met notes an error after which the connection is not used again, or nothing is prepared any more.
func (t *session) met(err error) {
	if t.pool != nil {
		t.pool.isFull(err)
	}
	if t.elsewhere == nil || !t.elsewhere(err) {
		return
	}
	t.discard = true
	if db, ok := t.run.(*sql.DB); ok {
		// Which connection it was is not told. A pool gives out first what it was given back last; another
		// one in its place does no harm.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if conn, err := db.Conn(ctx); err == nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
			conn.Close()
		}
	}
}

func (t *session) release() {
	if t.conn != nil {
		if t.discard {
			_ = t.conn.Raw(func(any) error { return driver.ErrBadConn })
		}
		t.conn.Close()
	}
	if t.leave != nil {
		t.leave()
	}
}

// statement gives the prepared statement in this transaction, or nil.
func (t *session) statement(ctx context.Context, text string) *sql.Stmt {
	if t.pool == nil || t.tx == nil {
		return nil
	}
	if st, ok := t.stmts[text]; ok {
		return st
	}
	st := t.pool.statement(text)
	if st == nil {
		return nil
	}
	st = t.tx.StmtContext(ctx, st)
	if t.stmts == nil {
		t.stmts = make(map[string]*sql.Stmt, 8)
	}
	t.stmts[text] = st
	return st
}

// become runs a statement that may have to wait for another writer, for as long as the context
// lasts.
func (t *session) become(ctx context.Context, text string) error {
	_, err := t.do(ctx, text)
	return err
}

// do runs a statement that gives no rows.
func (t *session) do(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if st := t.statement(ctx, text); st != nil {
		res, err := st.ExecContext(ctx, args...)
		if !t.unprepared(text, err) {
			return res, err
		}
	}
	return t.run.ExecContext(ctx, text, args...)
}

// unprepared says whether a statement that is kept was not run because it could not be prepared on the connection of
// the transaction. It is to be run as text then: what else the transaction did is not undone by that.
func (t *session) unprepared(text string, err error) bool {
	if t.pool == nil || !t.pool.isFull(err) {
		return false
	}
	delete(t.stmts, text)
	return true
}

// seldom runs a SELECT whose text is hardly ever the same again: it takes no room among the statements that are kept.
func (t *session) seldom(ctx context.Context, text string, args []any, scan func(rows *sql.Rows) error) error {
	pool := t.pool
	t.pool = nil
	defer func() { t.pool = pool }()
	return t.each(ctx, text, args, scan)
}

// exec runs a statement and says how many rows it changed.
func (t *session) exec(ctx context.Context, text string, args ...any) (int64, error) {
	if t.quiet {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		ctx = context.WithoutCancel(ctx)
	}
	res, err := t.do(ctx, text, args...)
	if err != nil {
		t.met(err)
		return 0, err
	}
	return res.RowsAffected()
}

// query runs a SELECT: without a transaction, on whichever connection is free.
func (t *session) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if t.pool != nil && t.tx == nil {
		if st := t.pool.take(text); st != nil {
			rows, err := st.stmt.QueryContext(ctx, args...)
			t.pool.release(st)
			if !t.unprepared(text, err) {
				return rows, err
			}
		}
	}
	if st := t.statement(ctx, text); st != nil {
		rows, err := st.QueryContext(ctx, args...)
		if !t.unprepared(text, err) {
			return rows, err
		}
	}
	return t.run.QueryContext(ctx, text, args...)
}

// change runs a statement that writes rows and gives them, as each does.
func (t *session) change(ctx context.Context, text string, args []any, scan func(rows *sql.Rows) error) error {
	if t.quiet {
		if err := ctx.Err(); err != nil {
			return err
		}
		ctx = context.WithoutCancel(ctx)
	}
	return t.each(ctx, text, args, scan)
}

// each runs a SELECT and scans its rows one after the other.
func (t *session) each(ctx context.Context, text string, args []any, scan func(rows *sql.Rows) error) error {
	rows, err := t.query(ctx, text, args...)
	if err != nil {
		t.met(err)
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		t.met(err)
		return err
	}
	return rows.Close()
}

// one runs a SELECT of at most one row and says whether there was one.
func (t *session) one(ctx context.Context, text string, args []any, dest ...any) (found bool, err error) {
	err = t.each(ctx, text, args, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(dest...)
	})
	return found, err
}
