package engine_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// away is a store that loses the answer of one commit and is then away for some calls.
type away struct {
	storage.Store
	armed bool
	calls int
}

func (s *away) Update(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	if s.calls > 0 {
		s.calls--
		return &storage.Error{Op: "update", Err: storage.ErrRetry}
	}
	err := s.Store.Update(ctx, tenant, fn)
	if err == nil && s.armed {
		s.armed, s.calls = false, 8
		return &storage.Error{Op: "commit", Err: storage.ErrUnknownOutcome}
	}
	return err
}

// How often a unit is run says nothing of how long it is asked what became of one.
func TestACommandIsLookedForLongerThanItIsTried(t *testing.T) {
	s := &away{Store: memory.New()}
	e, err := engine.New(s, engine.Options{Attempts: 2})
	require.NoError(t, err)
	require.NoError(t, e.Use(engine.Module{Name: "offboarding", Tables: []*storage.Schema{Leavers.Schema()}}))
	require.NoError(t, e.Migrate(t.Context()))
	s.armed = true
	runs := 0
	call := engine.Call{Name: "leaver.register", Actor: itsm.Actor{Tenant: "acme", ID: "hanna"}, Command: itsm.Command{Key: "k"}}
	l, err := engine.Execute(t.Context(), e, Leavers, call, func(ctx context.Context, u *engine.Unit) (Leaver, error) {
		runs++
		l := Leaver{LeaverHead: LeaverHead{Meta: storage.Meta{ID: "1"}, Person: "paul"}}
		return l, Leavers.Put(ctx, u.Quiet(), &l)
	}, nil)
	require.NoError(t, err)
	require.Equal(t, itsm.ID("paul"), l.Person)
	require.Equal(t, 1, runs)
}
