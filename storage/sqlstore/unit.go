package sqlstore

import (
	"context"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/storage"
)

// openKey is where a context carries what is open of a store.
type openKey struct{ s *core }

// open is a unit or a snapshot that a context was given by.
type open struct {
	t *session
	// unit is the open Update, nil for a View.
	unit *unit
	// broken is the first error of the engine. After one nothing more is done: an engine may
	// have rolled the transaction back by itself, and what followed would stand alone.
	broken error
	// over says that the function it was given to has returned.
	over bool
}

// openIn finds what is open of this store in a context: also a unit that is over, as nothing may
// begin with its context.
func (s *core) openIn(ctx context.Context) *open {
	o, _ := ctx.Value(openKey{s}).(*open)
	if o == nil || o.over && o.unit == nil {
		return nil
	}
	return o
}

// reader is a [storage.Reader]; unit, which is a [storage.Tx], reads by the same methods.
type reader struct {
	s       *core
	o       *open
	tenants []storage.Tenant
	over    bool
}

type unit struct {
	reader
	tenant storage.Tenant
	joined bool
	taken  *taken
	// locked is the names that it holds.
	locked map[string]bool
	// postponed adds the statement about jobs that waits for the next one: see postpone.
	postponed func(st *statement)
	// expected is what it goes by and has not asked for yet.
	expected []expectation
	// wants is the sequence that has no number left; the unit is then run again.
	wants string
}

var (
	_ storage.Reader = (*reader)(nil)
	_ storage.Tx     = (*unit)(nil)
)

// Tenants implements [storage.Reader].
func (r *reader) Tenants() []storage.Tenant { return slices.Clone(r.tenants) }

// Tenant implements [storage.Tx].
func (u *unit) Tenant() storage.Tenant { return u.tenant }

func (r *reader) can(tenant storage.Tenant) bool { return slices.Contains(r.tenants, tenant) }

// usable says why nothing can be done any more, or nil.
func (r *reader) usable() error {
	switch {
	case r.over || r.o.over:
		return storage.Invalid("transaction", "unit", "is over: it is valid until the function that it was given to returns")
	case r.o.broken != nil:
		return r.o.broken
	}
	return nil
}

// failed gives the contract's error for one of the engine, after which the unit is unusable.
func (r *reader) failed(ctx context.Context, op, table string, id storage.ID, err error) error {
	e := r.s.failed(ctx, op, table, id, err)
	if r.o.broken == nil {
		r.o.broken = e
	}
	return e
}

// insert runs an INSERT and says how many rows it wrote: none where one is there already.
func (u *unit) insert(ctx context.Context, text string, args ...any) (int64, error) {
	n, err := u.o.t.exec(ctx, text, args...)
	if err != nil && u.s.d.once == "" && u.s.d.duplicate(err) {
		return 0, nil
	}
	return n, err
}

// View implements [storage.Store].
func (s *core) View(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
	if err := storage.CheckTenants(tenants); err != nil {
		return err
	}
	tenants = slices.Clone(tenants)
	if o := s.openIn(ctx); o != nil {
		if o.unit != nil {
			if o.over {
				return storage.Invalid("view", "ctx", "is that of a unit that is over")
			}
			if len(tenants) != 1 || tenants[0] != o.unit.tenant {
				return storage.Invalid("view", "tenants", "must be that of the open unit and no other")
			}
			return s.within(ctx, o, tenants, fn)
		}
		// The open snapshot is read too: who holds a connection and waits for another may wait for
		// others who do the same.
		return s.within(ctx, o, tenants, fn)
	}
	t, err := s.begin(ctx, s.reader, s.d.snapshot)
	if err != nil {
		return s.failed(ctx, "view", "", "", err)
	}
	o := &open{t: t}
	defer func() {
		o.over = true
		t.rollback(ctx)
	}()
	// The snapshot is that of the first statement.
	err = s.within(context.WithValue(ctx, openKey{s}, o), o, tenants, fn)
	if err == nil {
		err = o.broken
	}
	return err
}

// Read implements [storage.Store].
func (s *core) Read(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
	if s.openIn(ctx) != nil {
		return s.View(ctx, tenants, fn)
	}
	if err := storage.CheckTenants(tenants); err != nil {
		return err
	}
	s.reader.prepare(ctx)
	// It is not in the context: no connection is held, and what fn opens is its own.
	o := &open{t: &session{run: s.reader.db, pool: s.reader, elsewhere: s.d.elsewhere}}
	defer func() { o.over = true }()
	err := s.within(ctx, o, slices.Clone(tenants), fn)
	if err == nil {
		err = o.broken
	}
	return err
}

// whole runs a read of several statements on one state: in the transaction where there is one, in
// a snapshot of its own where there is none.
func (r *reader) whole(ctx context.Context, read func(r *reader) error) error {
	if r.o.t.run != DBTX(r.s.reader.db) {
		return read(r)
	}
	return r.s.View(ctx, r.tenants, func(_ context.Context, snapshot storage.Reader) error {
		return read(snapshot.(*reader))
	})
}

// ofAll runs a read that is one statement for each of the tenants on one state.
func (r *reader) ofAll(ctx context.Context, read func(r *reader) error) error {
	if len(r.tenants) == 1 {
		return read(r)
	}
	return r.whole(ctx, read)
}

// within reads in what is open.
func (s *core) within(ctx context.Context, o *open, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
	r := &reader{s: s, o: o, tenants: tenants}
	defer func() { r.over = true }()
	return fn(ctx, r)
}

// single says that the pool has one connection, so that whoever holds it would wait for a
// second one without end.
func (s *core) single(p *pool) bool { return p.db.Stats().MaxOpenConnections == 1 }

// Update implements [storage.Store].
func (s *core) Update(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
	if err := storage.CheckName("update", "tenant", string(tenant)); err != nil {
		return err
	}
	if err := s.alone(ctx, "update"); err != nil {
		return err
	}
	taken := &taken{}
	defer s.numbers.giveBack(tenant, taken)
	for {
		wants, err := s.attempt(ctx, tenant, taken, fn)
		if wants == "" {
			s.numbers.ended(tenant, taken, err)
			return err
		}
		if err := s.numbers.reserve(ctx, s, tenant, wants, taken); err != nil {
			var e *storage.Error
			if errors.As(err, &e) && errors.Is(e.Err, storage.ErrUnknownOutcome) {
				// The numbers may be lost; the unit did not happen.
				return &storage.Error{Op: "reserve", Err: storage.ErrRetry, Cause: e.Cause}
			}
			return err
		}
	}
}

// alone refuses to begin a unit inside another one of this store, and where it would wait for
// ever for the connection that a View around it holds.
func (s *core) alone(ctx context.Context, what string) error {
	o := s.openIn(ctx)
	switch {
	case o == nil:
		return nil
	case o.unit != nil:
		return storage.Invalid(what, "ctx", "is that of an open unit of this store: use the Tx at hand")
	case s.reader == s.writer && s.single(s.writer):
		return storage.Invalid(what, "ctx", "is that of an open View, which holds the only connection")
	}
	return nil
}

// attempt runs a unit once. Where a sequence has no number left nothing has happened, and wants
// names it.
func (s *core) attempt(ctx context.Context, tenant storage.Tenant, taken *taken, fn func(ctx context.Context, tx storage.Tx) error) (wants string, err error) {
	t, err := s.beginWrite(ctx)
	if err != nil {
		return "", s.failed(ctx, "update", "", "", err)
	}
	o := &open{t: t}
	u := &unit{reader: reader{s: s, o: o, tenants: []storage.Tenant{tenant}}, tenant: tenant, taken: taken}
	o.unit = u
	taken.run()
	ended := false
	// A panic, and a goroutine that ends itself, come through here too.
	defer func() {
		o.over = true
		if !ended {
			t.rollback(ctx)
		}
		if u.wants != "" {
			_ = recover() // runAgain, or what became of it on its way
			wants, err = u.wants, nil
		}
	}()
	err = fn(context.WithValue(ctx, openKey{s}, o), u)
	if err == nil && u.wants == "" && o.broken == nil && ctx.Err() == nil {
		err = u.settle(ctx)
	}
	o.over = true
	switch {
	case u.wants != "":
		return u.wants, nil
	case err != nil:
		return "", err
	case o.broken != nil:
		return "", o.broken
	case ctx.Err() != nil:
		return "", s.failed(ctx, "commit", "", "", ctx.Err())
	}
	ended = true
	return "", s.commit(ctx, t)
}

// beginWrite opens a transaction that can write. On an engine with one writer it is the writer
// from its first statement on: one that reads first could not become it.
func (s *core) beginWrite(ctx context.Context) (*session, error) {
	leave, err := s.queue(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.begin(ctx, s.writer, s.d.unit)
	if err != nil {
		leave()
		return nil, err
	}
	t.leave = leave
	if s.d.oneWriter {
		if err := t.become(ctx, s.text.becomeWriter); err != nil {
			t.rollback(ctx)
			return nil, err
		}
	}
	return t, nil
}

// queue waits until no other unit of this store writes, where the engine has one writer. The
// engine would have them wait too, but asleep, in no order, and deaf to the context.
func (s *core) queue(ctx context.Context) (leave func(), err error) {
	if !s.d.oneWriter {
		return func() {}, nil
	}
	select {
	case s.writing <- struct{}{}:
		return func() { <-s.writing }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// commit commits, and says what an error means. What a driver says of not having sent anything does not
// count here: pgx 5.12 says so too where the connection was lost while it waited for the answer, and a unit
// that happened would be run again.
func (s *core) commit(ctx context.Context, t *session) error {
	err := t.commit(ctx)
	if err == nil {
		return nil
	}
	if s.d.undone(err) {
		return s.failed(ctx, "commit", "", "", err)
	}
	return &storage.Error{Op: "commit", Err: storage.ErrUnknownOutcome, Cause: err}
}

// short runs a transaction of the store's own.
func (s *core) short(ctx context.Context, op string, fn func(t *session) error) error {
	t, err := s.beginWrite(ctx)
	if err != nil {
		return s.failed(ctx, op, "", "", err)
	}
	ended := false
	defer func() {
		if !ended {
			t.rollback(ctx)
		}
	}()
	if err := fn(t); err != nil {
		return s.failed(ctx, op, "", "", err)
	}
	if ctx.Err() != nil {
		return s.failed(ctx, op, "", "", ctx.Err())
	}
	ended = true
	return s.commit(ctx, t)
}
