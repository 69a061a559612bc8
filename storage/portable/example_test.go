package portable_test

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
	"github.com/itsmkit/itsmkit/storage/portable"
)

// A tenant is moved from one store to another.
func Example() {
	ctx := context.Background()
	notes, err := storage.NewSchema("note", 1, []storage.ColumnSpec{{Name: "title", Kind: storage.Text}}, nil)
	must(err)
	schemas := []*storage.Schema{notes} // of a desk: desk.Engine.Schemas()

	from := memory.New()
	must(from.Update(ctx, "acme", func(ctx context.Context, tx storage.Tx) error {
		at := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
		return tx.Put(ctx, notes, &storage.Row{Meta: storage.Meta{ID: "1", Created: at, Updated: at}, Columns: []any{"Hello"}, Body: []byte(`{"text":"…"}`)})
	}))
	var file bytes.Buffer
	_, err = portable.Export(ctx, from, "acme", schemas, &file)
	must(err)
	fmt.Print(file.String())

	to := memory.New()
	sum, err := portable.Import(ctx, to, "acme", schemas, bytes.NewReader(file.Bytes()))
	must(err)
	fmt.Println("records:", sum.Records)
	var again bytes.Buffer
	_, err = portable.Export(ctx, to, "acme", schemas, &again)
	must(err)
	fmt.Println("the same bytes:", bytes.Equal(file.Bytes(), again.Bytes()))
	// Output:
	// {"export":1,"tenant":"acme","tables":[{"name":"note","layout":1,"columns":[{"name":"title","kind":"text"}]}]}
	// {"record":"note","id":"1","version":1,"created":1772442000000000,"updated":1772442000000000,"layout":1,"columns":{"title":"Hello"},"body":"{\"text\":\"…\"}"}
	// {"records":1,"events":0,"sequences":0,"jobs":0,"sha256":"7ec0e2158765755d9462d079df9a1ae2d2ab3d01ebdd54a8712f7726b50c51a4"}
	// records: 1
	// the same bytes: true
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
