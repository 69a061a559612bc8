package engine_test

import (
	"context"
	"errors"
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

// lossy is a store that loses the answers of commits, which it has done or not.
type lossy struct {
	storage.Store
	done   bool
	losses int
}

func (s *lossy) Update(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	undone := errors.New("undone")
	err := s.Store.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
		if err := fn(ctx, tx); err != nil || s.done || s.losses == 0 {
			return err
		}
		return undone
	})
	if err != nil && err != undone || s.losses == 0 {
		return err
	}
	s.losses--
	return &storage.Error{Op: "commit", Err: storage.ErrUnknownOutcome, Cause: errors.New("gone away")}
}

// However few the attempts are: what became of the last one is found out by the command's key.
func TestTheOutcomeOfTheLastAttemptIsFoundOut(t *testing.T) {
	for _, attempts := range []int{1, 3} {
		for _, done := range []bool{true, false} {
			s := &lossy{Store: memory.New(), done: done}
			e, err := engine.New(s, engine.Options{Attempts: attempts})
			require.NoError(t, err)
			require.NoError(t, e.Use(engine.Module{Name: "offboarding", Tables: []*storage.Schema{Leavers.Schema()}}))
			require.NoError(t, e.Migrate(t.Context()))
			runs := 0
			register := func(key string) (Leaver, error) {
				call := engine.Call{Name: "leaver.register", Actor: itsm.Actor{Tenant: "acme", ID: "hanna"}, Command: itsm.Command{Key: key}}
				return engine.Execute(t.Context(), e, Leavers, call, func(ctx context.Context, u *engine.Unit) (Leaver, error) {
					if runs++; runs < attempts { // it is another's turn
						return Leaver{}, &storage.Error{Op: "update", Err: storage.ErrRetry}
					}
					s.losses = 1
					l := Leaver{LeaverHead: LeaverHead{Meta: storage.Meta{ID: "1"}, Person: "paul"}}
					return l, Leavers.Put(ctx, u.Quiet(), &l)
				}, nil)
			}
			l, err := register("k")
			require.Equal(t, attempts, runs, "no more often than it is to be")
			if done {
				require.NoError(t, err)
				require.Equal(t, itsm.ID("paul"), l.Person)
				continue
			}
			require.ErrorIs(t, err, storage.ErrRetry, "it was not done")
			require.NotErrorIs(t, err, storage.ErrUnknownOutcome)
			_, err = engine.Execute(t.Context(), e, Leavers, engine.Call{Name: "leaver.register", Actor: itsm.Actor{Tenant: "acme", ID: "hanna"}},
				func(ctx context.Context, u *engine.Unit) (Leaver, error) {
					_, err := Leavers.Get(ctx, u, "1")
					return Leaver{}, err
				}, nil)
			require.ErrorIs(t, err, storage.ErrNotFound)

			// Without a key nobody can tell.
			runs = 0
			_, err = register("")
			require.ErrorIs(t, err, storage.ErrUnknownOutcome)
		}
	}
}

// A command whose every answer is lost ends.
func TestACommandWhoseAnswersAreAllLostEnds(t *testing.T) {
	s := &lossy{Store: memory.New(), done: true}
	e, err := engine.New(s, engine.Options{Attempts: 3})
	require.NoError(t, err)
	require.NoError(t, e.Use(engine.Module{Name: "offboarding", Tables: []*storage.Schema{Leavers.Schema()}}))
	require.NoError(t, e.Migrate(t.Context()))
	asked := 0
	call := engine.Call{Name: "leaver.register", Actor: itsm.Actor{Tenant: "acme", ID: "hanna"}, Command: itsm.Command{Key: "k"}}
	_, err = engine.Execute(t.Context(), e, Leavers, call, func(ctx context.Context, u *engine.Unit) (Leaver, error) {
		s.losses = 1
		l := Leaver{LeaverHead: LeaverHead{Meta: storage.Meta{ID: "1"}, Person: "paul"}}
		return l, Leavers.Put(ctx, u.Quiet(), &l)
	}, func(ctx context.Context, u *engine.Unit, l Leaver, again bool) (Leaver, error) {
		asked++
		s.losses = 1 // of this one's commit
		return l, nil
	})
	require.ErrorIs(t, err, storage.ErrUnknownOutcome)
	require.LessOrEqual(t, asked, 4)
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
