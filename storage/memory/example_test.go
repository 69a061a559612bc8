package memory_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// A printer as a table keeps it: the head is typed columns, the body one JSON document.
type (
	printerHead struct {
		storage.Meta
		Floor int
	}
	printerBody struct {
		Model string `json:"model"`
	}
	printer struct {
		printerHead
		printerBody
	}
)

var (
	byFloor  = storage.Col("floor", func(h *printerHead) *int { return &h.Floor })
	printers = storage.Define("printer", storage.Def[printer, printerHead, printerBody]{
		Parts:   func(p *printer) (*printerHead, *printerBody) { return &p.printerHead, &p.printerBody },
		Columns: []storage.ColumnOf[printerHead]{byFloor},
		Indexes: []storage.Index{storage.IndexOn(byFloor.Asc())},
	})
)

// A View keeps its snapshot while units commit beside it, and a stale record is refused.
func Example() {
	ctx := context.Background()
	store := memory.New()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	acme := []storage.Tenant{"acme"}

	first := printer{printerHead{Meta: storage.Meta{ID: "p1", Created: now, Updated: now}, Floor: 2}, printerBody{"LX-80"}}
	check(store.Update(ctx, "acme", func(ctx context.Context, tx storage.Tx) error {
		return printers.Put(ctx, tx, &first)
	}))

	stale := first
	check(store.View(ctx, acme, func(snapshot context.Context, r storage.Reader) error {
		check(store.Update(ctx, "acme", func(ctx context.Context, tx storage.Tx) error {
			first.Floor = 3
			return printers.Put(ctx, tx, &first)
		}))
		seen, err := printers.Get(snapshot, r, "p1")
		fmt.Println("the snapshot has floor", seen.Floor)
		return err
	}))

	err := store.Update(ctx, "acme", func(ctx context.Context, tx storage.Tx) error {
		return printers.Put(ctx, tx, &stale)
	})
	fmt.Println("a stale put is a conflict:", errors.Is(err, storage.ErrConflict))

	check(store.View(ctx, acme, func(ctx context.Context, r storage.Reader) error {
		page, err := printers.List(ctx, r, storage.Query[printerHead]{Where: byFloor.Is(3)})
		for _, p := range page.Items {
			fmt.Println(p.ID, "is on floor", p.Floor, "in version", p.Version)
		}
		return err
	}))
	// Output:
	// the snapshot has floor 2
	// a stale put is a conflict: true
	// p1 is on floor 3 in version 2
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
