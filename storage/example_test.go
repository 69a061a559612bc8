package storage_test

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// A facilities team keeps its own record type beside the shipped ones.
type Repair struct {
	RepairHead
	RepairBody
}

type RepairHead struct {
	storage.Meta
	Building string
	Floor    int
	Open     bool
	Reported time.Time
}

type RepairBody struct {
	What string
}

var (
	ByBuilding = storage.Col("building", func(h *RepairHead) *string { return &h.Building })
	ByFloor    = storage.Col("floor", func(h *RepairHead) *int { return &h.Floor })
	ByOpen     = storage.BoolCol("open", func(h *RepairHead) *bool { return &h.Open })
	ByReported = storage.TimeCol("reported", func(h *RepairHead) *time.Time { return &h.Reported })

	Repairs = storage.Define("repair", storage.Def[Repair, RepairHead, RepairBody]{
		Parts:   func(r *Repair) (*RepairHead, *RepairBody) { return &r.RepairHead, &r.RepairBody },
		Columns: []storage.ColumnOf[RepairHead]{ByBuilding, ByFloor, ByOpen, ByReported},
		Indexes: []storage.Index{storage.IndexOn(ByOpen.Asc(), ByReported.Asc())},
	})
)

func Example() {
	ctx := context.Background()
	store := memory.New()
	monday := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

	err := store.Update(ctx, "acme", func(ctx context.Context, tx storage.Tx) error {
		for i, what := range []string{"lift stands still", "light flickers", "door sticks"} {
			r := Repair{
				RepairHead: RepairHead{Building: "North", Floor: i, Open: true, Reported: monday.Add(time.Duration(i) * time.Hour)},
				RepairBody: RepairBody{What: what},
			}
			r.ID = storage.ID(fmt.Sprintf("r%d", i))
			if err := Repairs.Put(ctx, tx, &r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	err = store.View(ctx, []storage.Tenant{"acme"}, func(ctx context.Context, r storage.Reader) error {
		page, err := Repairs.List(ctx, r, storage.Query[RepairHead]{
			Where: storage.AllOf(ByOpen.Is(true), ByFloor.AtLeast(1)),
			Order: []storage.Order{ByReported.Asc()},
		})
		for _, h := range page.Items {
			fmt.Println(h.ID, h.Building, h.Floor, h.Reported.Format("15:04"))
		}
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// r1 North 1 09:00
	// r2 North 2 10:00
}
