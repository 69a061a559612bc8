package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"sync"

	"github.com/itsmkit/itsmkit/storage"
)

// joined is a store inside a host's transaction.
type joined struct {
	s  *core
	tx DBTX
}

// savepoints are the numbers that the savepoints of joined units have in their names. MySQL drops a savepoint where
// another of its name is made in the transaction, so no two that may be open in one transaction have one number: units of
// this store, of others, of one that a host has wrapped in a type of its own. Which those are nobody can tell,
// so that no two in the process have one. It is the lowest that is free, so that names are few and come again:
// servers that keep statistics of statements would have as many as there are names.
type savepoints struct {
	mu   sync.Mutex
	used []bool
}

// openSavepoints are those of this process: transactions, and all stores that may be joined to one, are within it.
var openSavepoints savepoints

// take takes a number, and give gives it back.
func (p *savepoints) take() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := slices.Index(p.used, false)
	if n < 0 {
		n = len(p.used)
		p.used = append(p.used, false)
	}
	p.used[n] = true
	return n
}

func (p *savepoints) give(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used[n] = false
}

// Join gives a store whose units are part of a transaction that the host has open, and that the
// host alone commits or rolls back:
//
//	tx, err := db.BeginTx(ctx, nil)
//	…
//	err = store.Join(tx).Update(ctx, tenant, func(ctx context.Context, u storage.Tx) error { … })
//	…
//	err = tx.Commit()
//
// It is for as long as that transaction and, like it, for one goroutine at a time. Closing it
// does nothing.
//
// An Update runs inside a savepoint, whose name begins with the prefix and "unit_", as a host's own do not: one that
// fails leaves nothing in the transaction, which the
// host can go on with and commit. Nothing is tried again, Claim is ErrInvalid, and what is
// returned holds only if the host commits. View reads what the transaction sees. Next takes the
// number from the sequence's row: other units that need a new block of the sequence wait for the
// host, and a number whose transaction fails is given again. What Advance passes over, this store
// gives no more from the end of the unit on, whatever the host does.
//
// On MySQL a deadlock rolls back all of the host's transaction, the savepoint included: after ErrRetry the
// host rolls back and begins anew. It should begin transactions with READ COMMITTED.
//
// On SQLite an Update begins with a statement that writes nothing, to be the writer before it
// reads. A host whose transaction has read something before may get ErrRetry, if another unit
// has written since: begin such transactions with BEGIN IMMEDIATE.
func (s *Store) Join(tx DBTX) storage.Store { return &joined{s: s.core, tx: tx} }

func (j *joined) check() error {
	switch tx := j.tx.(type) {
	case nil:
		return storage.Invalid("join", "tx", "is nil")
	case *sql.DB:
		return storage.Invalid("join", "tx", "is a database, not a transaction")
	case *sql.Tx:
		if tx == nil {
			return storage.Invalid("join", "tx", "is nil")
		}
	}
	return nil
}

func (j *joined) session() *session { return &session{run: j.tx, quiet: j.s.d.oneWriter} }

// View implements [storage.Store].
func (j *joined) View(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
	if err := j.check(); err != nil {
		return err
	}
	if err := storage.CheckTenants(tenants); err != nil {
		return err
	}
	if o := j.s.openIn(ctx); o != nil && o.unit != nil {
		return j.s.View(ctx, tenants, fn)
	}
	o := &open{t: j.session()}
	defer func() { o.over = true }()
	err := j.s.within(context.WithValue(ctx, openKey{j.s}, o), o, slices.Clone(tenants), fn)
	if err == nil {
		err = o.broken
	}
	return err
}

// Read implements [storage.Store]: the transaction is there already.
func (j *joined) Read(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
	return j.View(ctx, tenants, fn)
}

// Update implements [storage.Store].
func (j *joined) Update(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) (err error) {
	if err := j.check(); err != nil {
		return err
	}
	if err := storage.CheckName("update", "tenant", string(tenant)); err != nil {
		return err
	}
	if o := j.s.openIn(ctx); o != nil && o.unit != nil {
		return storage.Invalid("update", "ctx", "is that of an open unit of this store: use the Tx at hand")
	}
	t := j.session()
	if j.s.d.oneWriter {
		if err := t.become(ctx, j.s.text.becomeWriter); err != nil {
			return j.s.failed(ctx, "update", "", "", err)
		}
	}
	number := openSavepoints.take()
	defer openSavepoints.give(number)
	savepoint := j.s.prefix + "unit_" + strconv.Itoa(number+1)
	if _, err := t.exec(ctx, "SAVEPOINT "+savepoint); err != nil {
		return j.s.failed(ctx, "update", "", "", err)
	}
	o := &open{t: t}
	o.unit = &unit{reader: reader{s: j.s, o: o, tenants: []storage.Tenant{tenant}}, tenant: tenant, joined: true, taken: &taken{}}
	kept := false
	defer func() {
		o.over = true
		if kept {
			return
		}
		// The context may have ended, but what the unit wrote must go.
		ctx := context.WithoutCancel(ctx)
		_, failed := t.exec(ctx, "ROLLBACK TO SAVEPOINT "+savepoint)
		if failed == nil {
			_, failed = t.exec(ctx, "RELEASE SAVEPOINT "+savepoint)
		}
		if failed != nil {
			err = errors.Join(err, j.s.failed(ctx, "roll back to savepoint", "", "", failed))
		}
	}()
	err = fn(context.WithValue(ctx, openKey{j.s}, o), o.unit)
	if err == nil && o.broken == nil && ctx.Err() == nil {
		err = o.unit.settle(ctx)
	}
	o.over = true
	switch {
	case err != nil:
		return err
	case o.broken != nil:
		return o.broken
	case ctx.Err() != nil:
		return j.s.failed(ctx, "update", "", "", ctx.Err())
	}
	if _, err := t.exec(ctx, "RELEASE SAVEPOINT "+savepoint); err != nil {
		return j.s.failed(ctx, "update", "", "", err)
	}
	kept = true
	j.s.numbers.ended(tenant, o.unit.taken, nil)
	return nil
}

// Claim implements [storage.Store]: it is ErrInvalid, as a claim must be committed before its
// jobs are worked on.
func (j *joined) Claim(context.Context, storage.Claim) ([]storage.Job, error) {
	return nil, storage.Invalid("claim", "store", "is joined to a host's transaction")
}

// Close implements [storage.Store] and does nothing.
func (j *joined) Close() error { return nil }
