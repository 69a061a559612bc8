// This file holds the promise that what the library gives a store to read by can be run again from its
// beginning, as it is where a connection is lost.

package enginetest_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// twice is a store that runs every read twice, as if the first had been lost at its end. One in which
// something was commanded is not, and one inside another is not.
type twice struct{ storage.Store }

type twiceKey struct{}

func readTwice(ctx context.Context, view func(context.Context, []storage.Tenant, func(context.Context, storage.Reader) error) error,
	tenants []storage.Tenant, fn func(context.Context, storage.Reader) error) error {
	if ctx.Value(twiceKey{}) != nil {
		return view(ctx, tenants, fn)
	}
	commanded := new(atomic.Bool)
	inner := context.WithValue(ctx, twiceKey{}, commanded)
	err := view(inner, tenants, fn)
	if err == nil && !commanded.Load() {
		err = view(inner, tenants, fn)
	}
	return err
}

func (s twice) View(ctx context.Context, tenants []storage.Tenant, fn func(context.Context, storage.Reader) error) error {
	return readTwice(ctx, s.Store.View, tenants, fn)
}

func (s twice) Read(ctx context.Context, tenants []storage.Tenant, fn func(context.Context, storage.Reader) error) error {
	return readTwice(ctx, s.Store.Read, tenants, fn)
}

func (s twice) Update(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	if commanded, ok := ctx.Value(twiceKey{}).(*atomic.Bool); ok {
		commanded.Store(true)
	}
	return s.Store.Update(context.WithValue(ctx, twiceKey{}, new(atomic.Bool)), tenant, fn)
}

func TestReadsCanBeRunAgain(t *testing.T) {
	for _, s := range suites {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(t, func(*testing.T) storage.Store { return twice{memory.New()} })
		})
	}
}
