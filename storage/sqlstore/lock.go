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
//
// On MySQL it is a row of the table of locks, of which there are so many and no more, as a lock that is
// no change of a row is unknown to the other nodes of a Galera cluster. Who finds none makes it. Units at one node wait for each
// other. Of two that hold a name at two nodes one commits: the other's node undoes it when the change of the
// row arrives there, so that what a unit reads under the lock is of one holder's state to its end.
//
// Where units are serializable it is a row that is changed, one of a number of rows that all names share:
// who waits for it is told ErrRetry when it is free, and sees in its next run what was done under it. With
// an advisory lock the wait would come after the snapshot.
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
	n := u.s.lockNumber("lock", u.tenant, name)
	if u.s.d.lockRows {
		n &= nameRows - 1
	}
	if _, err := u.o.t.exec(ctx, u.s.text.lock, n); err != nil {
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

// How many rows of locks there may be, powers of two: of names from 0 up, of subjects from -1 down.
const (
	nameRows    = 1 << 18
	subjectRows = 1 << 16
)

// subjectLock is the number that a subject is locked by while a claim takes a job of it.
func (s *core) subjectLock(tenant storage.Tenant, subject string) int64 {
	n := s.lockNumber("subject", tenant, subject)
	if s.d.lockRows {
		n = -1 - n&(subjectRows-1)
	}
	return n
}
