package storagetest

import (
	"context"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/storage"
)

// Faults of what is restored.

var restoreMutants = []mutant{
	{"restored records begin anew", []string{"Restoring/a record is restored with its version, times and layout", "Restoring/a restored record goes on from its version"},
		restoring(func(_ *storage.Schema, row *storage.Row) { row.Version = 1 })},
	{"restored records are of the schema's layout", []string{"Restoring/a record is restored with its version, times and layout"},
		restoring(func(s *storage.Schema, row *storage.Row) { row.Layout = s.Layout() })},
	{"restored records are of now", []string{"Restoring/a record is restored with its version, times and layout"},
		restoring(func(_ *storage.Schema, row *storage.Row) { row.Updated = noon })},
	{"a record that is there is passed over", []string{"Restoring/a record that is there already is not restored"}, func(storage.Store) faults {
		return faults{restore: func(ctx context.Context, tx storage.Tx, s *storage.Schema, rows ...storage.Row) error {
			rows = slices.DeleteFunc(slices.Clone(rows), func(row storage.Row) bool {
				_, err := tx.Get(ctx, s, tx.Tenant(), row.ID)
				return !errors.Is(err, storage.ErrNotFound)
			})
			return tx.Restore(ctx, s, rows...)
		}}
	}},
	{"attempts of what was tried begin anew", []string{"Restoring/a job that was tried keeps its attempts and error"},
		enqueueing(func(_ context.Context, _ storage.Tx, j *storage.Job) bool { j.Tried = false; return true })},
	{"sequences in any order", []string{"Restoring/sequences are listed by tenant and name"}, listing(func(_ storage.SequenceQuery, s []storage.Sequence) []storage.Sequence {
		slices.Reverse(s)
		return s
	})},
	{"sequences as if no number was taken", []string{"Restoring/numbers of what is read are below the next one"}, listing(func(_ storage.SequenceQuery, s []storage.Sequence) []storage.Sequence {
		for i := range s {
			s[i].Next = 1
		}
		return s
	})},
	{"sequences with the last number for the next", []string{"Restoring/a sequence goes on in another store", "Restoring/sequences are listed by tenant and name"}, listing(func(_ storage.SequenceQuery, s []storage.Sequence) []storage.Sequence {
		for i := range s {
			s[i].Next--
		}
		return s
	})},
	{"a page of sequences repeats its place", []string{"Restoring/sequences are listed in pages"}, func(storage.Store) faults {
		return faults{sequences: func(ctx context.Context, r storage.Reader, q storage.SequenceQuery) ([]storage.Sequence, error) {
			q.After.Name = q.After.Name[:max(0, len(q.After.Name)-1)]
			return r.Sequences(ctx, q)
		}}
	}},
	{"sequences without limits", []string{"Input/a page of the log or of jobs has a limit"}, func(storage.Store) faults {
		return faults{sequences: func(ctx context.Context, r storage.Reader, q storage.SequenceQuery) ([]storage.Sequence, error) {
			q.Limit = max(1, min(q.Limit, storage.MaxLimit))
			return r.Sequences(ctx, q)
		}}
	}},
}

// restoring makes a restore of other rows.
func restoring(change func(s *storage.Schema, row *storage.Row)) func(storage.Store) faults {
	return func(storage.Store) faults {
		return faults{restore: func(ctx context.Context, tx storage.Tx, s *storage.Schema, rows ...storage.Row) error {
			rows = slices.Clone(rows)
			for i := range rows {
				if rows[i].Version > 0 && rows[i].Layout > 0 {
					change(s, &rows[i])
				}
			}
			return tx.Restore(ctx, s, rows...)
		}}
	}
}

// listing makes another list of sequences.
func listing(change func(q storage.SequenceQuery, s []storage.Sequence) []storage.Sequence) func(storage.Store) faults {
	return func(storage.Store) faults {
		return faults{sequences: func(ctx context.Context, r storage.Reader, q storage.SequenceQuery) ([]storage.Sequence, error) {
			s, err := r.Sequences(ctx, q)
			return change(q, s), err
		}}
	}
}
