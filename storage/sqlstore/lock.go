package sqlstore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"github.com/itsmkit/itsmkit/storage"
)

// Lock implements [storage.Tx].
//
// On PostgreSQL it is an advisory lock of the transaction on a number made of prefix, tenant and
// name. A row to lock would have to be inserted first, which costs a statement and leaves a row
// for every name there ever was. Two names of one number only wait for each other.
func (u *unit) Lock(ctx context.Context, name string) error {
	if err := u.usable(); err != nil {
		return err
	}
	if err := storage.CheckName("lock", "name", name); err != nil {
		return err
	}
	if u.s.d.oneWriter || u.locked[name] {
		return nil
	}
	if _, err := u.o.t.exec(ctx, u.s.text.lock, u.s.lockNumber("lock", u.tenant, name)); err != nil {
		return u.failed(ctx, "lock", "", "", err)
	}
	if u.locked == nil {
		u.locked = map[string]bool{}
	}
	u.locked[name] = true
	return nil
}

// lockNumber is the number that a name is locked by. Neither part can hold the zero between them.
func (s *core) lockNumber(what string, tenant storage.Tenant, name string) int64 {
	sum := sha256.Sum256([]byte(s.prefix + what + "\x00" + string(tenant) + "\x00" + name))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}
