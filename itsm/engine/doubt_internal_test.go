package engine

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// What may have been done is not said to be undone because it could not be found out.
func TestAnUnknownOutcomeThatCannotBeFoundOutIsThatAlone(t *testing.T) {
	unknown := &storage.Error{Op: "commit", Err: storage.ErrUnknownOutcome}
	d := doubt{settle: func(context.Context) (fate, error) { return open, &storage.Error{Op: "update", Err: storage.ErrRetry} }}
	require.False(t, d.met(t.Context(), unknown))
	err := d.end(unknown)
	require.ErrorIs(t, err, storage.ErrUnknownOutcome)
	require.NotErrorIs(t, err, storage.ErrRetry)
	require.Equal(t, unknown.Error(), err.Error())

	ctx, cancel := context.WithCancel(t.Context())
	d = doubt{settle: func(ctx context.Context) (fate, error) { cancel(); return open, ctx.Err() }}
	require.False(t, d.met(ctx, unknown))
	err = d.end(unknown)
	require.ErrorIs(t, err, storage.ErrUnknownOutcome)
	require.True(t, errors.Is(err, context.Canceled), "and why it was not found out is told too, where the caller ended it")
}
