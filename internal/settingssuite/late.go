// This file holds the case of what arrives late on its way down.

package settingssuite

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/settings"
	"github.com/itsmkit/itsmkit/storage"
)

// slow is a store in which something happens before a unit in a tenant begins, once.
type slow struct {
	storage.Store
	tenant storage.Tenant
	before func()
}

func (s *slow) Update(ctx context.Context, t storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	if before := s.before; before != nil && t == s.tenant {
		s.before = nil
		before()
	}
	return s.Store.Update(ctx, t, fn)
}

// late has a worker read what is passed on and be overtaken, by a newer value and by a move, before it
// writes it.
func late(t *testing.T, store storage.Store) {
	d := family(t, store)
	behind := &slow{Store: store}
	worker := process(t, behind, settings.Options{}, d.clock)

	d.setText(t, msp, "old")
	behind.tenant, behind.before = acme, func() {
		d.setText(t, msp, "new")
		d.clock.Advance(10 * time.Minute) // the worker's claim is over, and another has it
		d.settle(t)
		require.Equal(t, "new", d.text(t, acme).Value)
	}
	_, err := worker.e.Tick(t.Context(), d.clock.Now())
	require.NoError(t, err)
	require.Nil(t, behind.before, "the worker came to it")
	require.Equal(t, "new", d.text(t, acme).Value)

	// A tenant that has nothing yet, and is moved away meanwhile: it has nothing of the parent before.
	d.place(t, "initech", msp)
	d.place(t, "elsewhere", "")
	d.settle(t)
	_, err = keys.Set(t.Context(), d.p, owner(msp), map[string]string{"old": "parent"}, itsm.Command{})
	require.NoError(t, err)
	behind.tenant, behind.before = "initech", func() {
		d.place(t, "initech", "elsewhere")
		d.settle(t)
	}
	_, err = worker.e.Tick(t.Context(), d.clock.Now())
	require.NoError(t, err)
	require.Nil(t, behind.before)
	v, err := keys.Get(t.Context(), d.p, auditor("initech"))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "default a"}, v.Value)
}
