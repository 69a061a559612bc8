package sqlstore

import (
	"context"
	"encoding/base64"
	"slices"

	"github.com/itsmkit/itsmkit/storage"
)

// cursorKey names the setting that holds the secret of cursors.
const cursorKey = "cursor_key"

// keySize is the length of the secret in bytes.
const keySize = 32

// CursorKey implements [storage.Reader].
func (r *reader) CursorKey(ctx context.Context) ([]byte, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	r.s.mu.Lock()
	key := slices.Clone(r.s.key)
	r.s.mu.Unlock()
	if key != nil {
		return key, nil
	}
	var text string
	found, err := r.o.t.one(ctx, r.s.text.setting, []any{cursorKey}, &text)
	if err != nil {
		return nil, r.failed(ctx, "cursor key", "", "", err)
	}
	key, err = base64.StdEncoding.DecodeString(text)
	if !found || err != nil || len(key) < keySize {
		return nil, &storage.Error{Op: "cursor key: not made by a migration", Cause: err}
	}
	r.s.mu.Lock()
	r.s.key = slices.Clone(key)
	r.s.mu.Unlock()
	return key, nil
}
