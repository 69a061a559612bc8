package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlite"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "desk")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	ctx := context.Background()
	store, err := sqlite.Open(ctx, filepath.Join(dir, "desk.db"), sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	// A kind of record of the host's own.
	rooms, err := storage.NewSchema("room", 1, []storage.ColumnSpec{
		{Name: "floor", Kind: storage.Int},
	}, []storage.Index{{Columns: []storage.Order{{Column: "floor"}}}})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Migrate(ctx, rooms); err != nil {
		log.Fatal(err)
	}

	at := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	err = store.Update(ctx, "acme", func(ctx context.Context, tx storage.Tx) error {
		return tx.Put(ctx, rooms, &storage.Row{
			Meta:    storage.Meta{ID: "ada", Created: at, Updated: at},
			Columns: []any{int64(3)},
			Body:    []byte(`{"seats":12}`),
		})
	})
	if err != nil {
		log.Fatal(err)
	}

	err = store.View(ctx, []storage.Tenant{"acme"}, func(ctx context.Context, r storage.Reader) error {
		row, err := r.Get(ctx, rooms, "acme", "ada")
		if err != nil {
			return err
		}
		fmt.Println(row.Version, row.Value(rooms, "floor"), string(row.Body))
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}

	// Output:
	// 1 3 {"seats":12}
}
