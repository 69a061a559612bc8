package storagetest

import (
	"context"
	"errors"

	"github.com/itsmkit/itsmkit/storage"
)

// Faults of what units expect.
var expectationMutants = []mutant{
	{"nothing is expected", []string{"Expectations/a unit that expects another version fails, and can be run again", "Expectations/a unit sees by an expectation what was committed after it was begun elsewhere"}, expecting(func(_ context.Context, _ storage.Tx, s *storage.Schema, id storage.ID, version int64) error {
		return storage.CheckExpect(s, id, version)
	})},
	{"only later versions are found", []string{"Expectations/a unit that expects another version fails, and can be run again"}, expecting(func(ctx context.Context, tx storage.Tx, s *storage.Schema, id storage.ID, version int64) error {
		row, err := tx.Get(ctx, s, tx.Tenant(), id)
		if err == nil && row.Version < version {
			version = row.Version
		}
		return tx.Expect(ctx, s, id, version)
	})},
	{"what is not there is not found out", []string{"Expectations/a unit that expects another version fails, and can be run again"}, expecting(func(ctx context.Context, tx storage.Tx, s *storage.Schema, id storage.ID, version int64) error {
		if _, err := tx.Get(ctx, s, tx.Tenant(), id); errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		return tx.Expect(ctx, s, id, version)
	})},
	{"an expectation that fails is no reason to run the unit again", []string{"Expectations/a unit that expects another version fails, and can be run again"}, expecting(func(ctx context.Context, tx storage.Tx, s *storage.Schema, id storage.ID, version int64) error {
		row, err := tx.Get(ctx, s, tx.Tenant(), id)
		if err != nil && !errors.Is(err, storage.ErrNotFound) || row.Version == version {
			return err
		}
		_, err = tx.Next(ctx, "\x00") // it is the unit that has to fail
		return err
	})},
	{"an expectation is of any table", []string{"Expectations/what a unit expects is of its tenant and table"}, expecting(func(ctx context.Context, tx storage.Tx, _ *storage.Schema, id storage.ID, version int64) error {
		return tx.Expect(ctx, tickets, id, version)
	})},
}

func expecting(expect func(ctx context.Context, tx storage.Tx, s *storage.Schema, id storage.ID, version int64) error) func(storage.Store) faults {
	return func(storage.Store) faults { return faults{expect: expect} }
}
