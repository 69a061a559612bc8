package storagetest

import (
	"bytes"
	"context"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// A store has one secret for its cursors, and lets go of what it opened.
var keyCases = []testCase{
	{"the cursor key is secret and stays", keyStays},
	{"closing a store is no error", keyClose},
}

// cursorKey reads the key in a View of the tenants.
func (e *env) cursorKey(tenants ...storage.Tenant) []byte {
	e.Helper()
	var key []byte
	e.view(func(ctx context.Context, r storage.Reader) {
		var err error
		key, err = r.CursorKey(ctx)
		require.NoError(e, err)
	}, tenants...)
	return bytes.Clone(key)
}

func keyStays(e *env) {
	want := e.cursorKey(acme)
	require.GreaterOrEqual(e, len(want), 32)
	require.NotEqual(e, bytes.Repeat(want[:1], len(want)), want, "it is no secret")
	for _, tenants := range [][]storage.Tenant{{acme}, {umbra}, {umbra, acme}} {
		require.Equal(e, want, e.cursorKey(tenants...))
	}
	e.update(umbra, func(ctx context.Context, tx storage.Tx) {
		got, err := tx.CursorKey(ctx)
		require.NoError(e, err)
		require.Equal(e, want, got)
		clear(got) // which changes the caller's copy only
	})
	require.Equal(e, want, e.cursorKey(acme))
	e.together(8, func(int) error {
		return e.store.View(e.ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
			got, err := r.CursorKey(ctx)
			if err == nil && !bytes.Equal(got, want) {
				return errOurs
			}
			return err
		})
	})
	e.migrate(e.store, schemas...)
	require.Equal(e, want, e.cursorKey(acme), "after another migration")
}

func keyClose(e *env) {
	s := e.open()
	e.migrate(s, schemas...)
	require.NoError(e, s.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
		row := ticket("1")
		return tx.Put(ctx, tickets, &row)
	}))
	require.NoError(e, s.Close())
	e.put(acme, ticket("1")) // the other store goes on
}
