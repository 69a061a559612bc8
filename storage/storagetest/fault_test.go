package storagetest

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/itsmkit/itsmkit/storage"
)

// This file is what mutant_test.go is made of: a test that may fail without harm, and a store
// with one method that does wrong.

// recorder is a test whose failure is noted and nothing more.
type recorder struct {
	name     string
	ctx      context.Context
	mu       sync.Mutex
	failed   bool
	said     []string
	cleanups []func()
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
	r.said = append(r.said, fmt.Sprintf(format, args...))
}
func (r *recorder) Fail()                             { r.Errorf("failed") }
func (r *recorder) FailNow()                          { r.Fail(); runtime.Goexit() }
func (r *recorder) Error(args ...any)                 { r.Errorf("%s", fmt.Sprint(args...)) }
func (r *recorder) Fatal(args ...any)                 { r.Error(args...); runtime.Goexit() }
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); runtime.Goexit() }
func (r *recorder) Helper()                           {}
func (r *recorder) Name() string                      { return r.name }
func (r *recorder) Cleanup(fn func())                 { r.cleanups = append(r.cleanups, fn) }
func (r *recorder) Context() context.Context          { return r.ctx }
func (r *recorder) Log(...any)                        {}
func (r *recorder) Skip(...any)                       { runtime.Goexit() }
func (r *recorder) Skipf(string, ...any)              { runtime.Goexit() }
func (r *recorder) SkipNow()                          { runtime.Goexit() }

// Logf keeps what a sequence of commands of the model complained of.
func (r *recorder) Logf(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); strings.Contains(text, "Error Trace:") {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.said = append(r.said, text)
	}
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// record runs a test and says what it complained of, "" if it passed. A test that does not end
// in time is cancelled, and then complains of that.
func record(name string, patience time.Duration, run func(t *recorder)) string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r := &recorder{name: name, ctx: ctx}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.Errorf("panic: %v", p)
			}
		}()
		run(r)
	}()
	select {
	case <-done:
	case <-time.After(patience + 30*time.Second):
		panic(name + " does not end")
	}
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
	if !r.failed {
		return ""
	}
	return strings.Join(r.said, "\n")
}

// caseNamed finds a case by its group and name.
func caseNamed(t testing.TB, name string) testCase {
	t.Helper()
	for _, g := range groups {
		for _, c := range g.cases {
			if g.name+"/"+c.name == name {
				return c
			}
		}
	}
	t.Fatalf("there is no case %q", name)
	return testCase{}
}

// faults has the methods of a store that do wrong, each in terms of the right ones; those that
// are nil do right.
type faults struct {
	view   func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error
	read   func(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error
	update func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error
	claim  func(ctx context.Context, c storage.Claim) ([]storage.Job, error)

	get    func(ctx context.Context, r storage.Reader, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error)
	query  func(ctx context.Context, r storage.Reader, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error)
	count  func(ctx context.Context, r storage.Reader, s *storage.Schema, where storage.Condition, by []string) ([]storage.Group, error)
	events func(ctx context.Context, r storage.Reader, q storage.EventQuery) ([]storage.Event, error)
	jobs   func(ctx context.Context, r storage.Reader, q storage.JobQuery) ([]storage.Job, error)
	key    func(ctx context.Context, r storage.Reader) ([]byte, error)

	sequences func(ctx context.Context, r storage.Reader, q storage.SequenceQuery) ([]storage.Sequence, error)

	put     func(ctx context.Context, tx storage.Tx, s *storage.Schema, row *storage.Row) error
	several func(ctx context.Context, tx storage.Tx, s *storage.Schema, rows []*storage.Row) error
	restore func(ctx context.Context, tx storage.Tx, s *storage.Schema, rows ...storage.Row) error
	remove  func(ctx context.Context, tx storage.Tx, s *storage.Schema, id storage.ID, version int64) error
	append  func(ctx context.Context, tx storage.Tx, events ...storage.Event) error
	enqueue func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error
	cancel  func(ctx context.Context, tx storage.Tx, kind, key string) error
	finish  func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error
	next    func(ctx context.Context, tx storage.Tx, sequence string) (int64, error)
	advance func(ctx context.Context, tx storage.Tx, sequence string, atLeast int64) error
	expect  func(ctx context.Context, tx storage.Tx, s *storage.Schema, id storage.ID, version int64) error
}

// faulty is a store with faults.
type faulty struct {
	storage.Store
	f faults
}

func (s *faulty) View(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
	view := s.Store.View
	if s.f.view != nil {
		view = s.f.view
	}
	return view(ctx, tenants, func(ctx context.Context, r storage.Reader) error {
		return fn(ctx, &faultyReader{r, &s.f})
	})
}

func (s *faulty) Read(ctx context.Context, tenants []storage.Tenant, fn func(ctx context.Context, r storage.Reader) error) error {
	read := s.Store.Read
	switch {
	case s.f.read != nil:
		read = s.f.read
	case s.f.view != nil:
		read = s.f.view
	}
	return read(ctx, tenants, func(ctx context.Context, r storage.Reader) error {
		return fn(ctx, &faultyReader{r, &s.f})
	})
}

func (s *faulty) Update(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
	update := s.Store.Update
	if s.f.update != nil {
		update = s.f.update
	}
	return update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
		return fn(ctx, &faultyTx{tx, faultyReader{tx, &s.f}, &s.f})
	})
}

func (s *faulty) Claim(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
	if s.f.claim != nil {
		return s.f.claim(ctx, c)
	}
	return s.Store.Claim(ctx, c)
}

type faultyReader struct {
	storage.Reader
	f *faults
}

func (r *faultyReader) Get(ctx context.Context, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
	if r.f.get != nil {
		return r.f.get(ctx, r.Reader, s, tenant, id)
	}
	return r.Reader.Get(ctx, s, tenant, id)
}

func (r *faultyReader) Query(ctx context.Context, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
	if r.f.query != nil {
		return r.f.query(ctx, r.Reader, s, q)
	}
	return r.Reader.Query(ctx, s, q)
}

func (r *faultyReader) Count(ctx context.Context, s *storage.Schema, where storage.Condition, by []string) ([]storage.Group, error) {
	if r.f.count != nil {
		return r.f.count(ctx, r.Reader, s, where, by)
	}
	return r.Reader.Count(ctx, s, where, by)
}

func (r *faultyReader) Events(ctx context.Context, q storage.EventQuery) ([]storage.Event, error) {
	if r.f.events != nil {
		return r.f.events(ctx, r.Reader, q)
	}
	return r.Reader.Events(ctx, q)
}

func (r *faultyReader) Jobs(ctx context.Context, q storage.JobQuery) ([]storage.Job, error) {
	if r.f.jobs != nil {
		return r.f.jobs(ctx, r.Reader, q)
	}
	return r.Reader.Jobs(ctx, q)
}

func (r *faultyReader) Sequences(ctx context.Context, q storage.SequenceQuery) ([]storage.Sequence, error) {
	if r.f.sequences != nil {
		return r.f.sequences(ctx, r.Reader, q)
	}
	return r.Reader.Sequences(ctx, q)
}

func (r *faultyReader) CursorKey(ctx context.Context) ([]byte, error) {
	if r.f.key != nil {
		return r.f.key(ctx, r.Reader)
	}
	return r.Reader.CursorKey(ctx)
}

// faultyTx reads as a faultyReader does.
type faultyTx struct {
	storage.Tx
	r faultyReader
	f *faults
}

func (x *faultyTx) Get(ctx context.Context, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
	return x.r.Get(ctx, s, tenant, id)
}

func (x *faultyTx) Query(ctx context.Context, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
	return x.r.Query(ctx, s, q)
}

func (x *faultyTx) Count(ctx context.Context, s *storage.Schema, where storage.Condition, by []string) ([]storage.Group, error) {
	return x.r.Count(ctx, s, where, by)
}

func (x *faultyTx) Events(ctx context.Context, q storage.EventQuery) ([]storage.Event, error) {
	return x.r.Events(ctx, q)
}

func (x *faultyTx) Jobs(ctx context.Context, q storage.JobQuery) ([]storage.Job, error) {
	return x.r.Jobs(ctx, q)
}

func (x *faultyTx) Sequences(ctx context.Context, q storage.SequenceQuery) ([]storage.Sequence, error) {
	return x.r.Sequences(ctx, q)
}

func (x *faultyTx) CursorKey(ctx context.Context) ([]byte, error) { return x.r.CursorKey(ctx) }

func (x *faultyTx) Put(ctx context.Context, s *storage.Schema, rows ...*storage.Row) error {
	switch {
	case x.f.several != nil && len(rows) > 1:
		return x.f.several(ctx, x.Tx, s, rows)
	case x.f.put == nil:
		return x.Tx.Put(ctx, s, rows...)
	}
	for _, row := range rows {
		if err := x.f.put(ctx, x.Tx, s, row); err != nil {
			return err
		}
	}
	return nil
}

func (x *faultyTx) Restore(ctx context.Context, s *storage.Schema, rows ...storage.Row) error {
	if x.f.restore != nil {
		return x.f.restore(ctx, x.Tx, s, rows...)
	}
	return x.Tx.Restore(ctx, s, rows...)
}

func (x *faultyTx) Delete(ctx context.Context, s *storage.Schema, id storage.ID, version int64) error {
	if x.f.remove != nil {
		return x.f.remove(ctx, x.Tx, s, id, version)
	}
	return x.Tx.Delete(ctx, s, id, version)
}

func (x *faultyTx) Append(ctx context.Context, events ...storage.Event) error {
	if x.f.append != nil {
		return x.f.append(ctx, x.Tx, events...)
	}
	return x.Tx.Append(ctx, events...)
}

func (x *faultyTx) Enqueue(ctx context.Context, jobs ...storage.Job) error {
	if x.f.enqueue != nil {
		return x.f.enqueue(ctx, x.Tx, jobs...)
	}
	return x.Tx.Enqueue(ctx, jobs...)
}

func (x *faultyTx) Cancel(ctx context.Context, kind, key string) error {
	if x.f.cancel != nil {
		return x.f.cancel(ctx, x.Tx, kind, key)
	}
	return x.Tx.Cancel(ctx, kind, key)
}

func (x *faultyTx) Finish(ctx context.Context, claimed storage.Job, o storage.Outcome) error {
	if x.f.finish != nil {
		return x.f.finish(ctx, x.Tx, claimed, o)
	}
	return x.Tx.Finish(ctx, claimed, o)
}

func (x *faultyTx) Next(ctx context.Context, sequence string) (int64, error) {
	if x.f.next != nil {
		return x.f.next(ctx, x.Tx, sequence)
	}
	return x.Tx.Next(ctx, sequence)
}

func (x *faultyTx) Advance(ctx context.Context, sequence string, atLeast int64) error {
	if x.f.advance != nil {
		return x.f.advance(ctx, x.Tx, sequence, atLeast)
	}
	return x.Tx.Advance(ctx, sequence, atLeast)
}

func (x *faultyTx) Expect(ctx context.Context, s *storage.Schema, id storage.ID, version int64) error {
	if x.f.expect != nil {
		return x.f.expect(ctx, x.Tx, s, id, version)
	}
	return x.Tx.Expect(ctx, s, id, version)
}
