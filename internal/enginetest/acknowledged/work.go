package acknowledged

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/itsmkit/itsmkit/storage"
)

const (
	unitRows = 3 // records and events of a unit, beside the tally of its writer
	writers  = 3
	workers  = 2
	subjects = 5
	lease    = time.Hour
)

// The records: a row of a unit, with a number that no other row may have; a count of the units of a writer,
// and of the effects on a subject; and an effect of a unit's job.
var (
	rowSchema    = schema("unit_row", storage.ColumnSpec{Name: "unit", Kind: storage.Text}, storage.ColumnSpec{Name: "number", Kind: storage.Int})
	tallySchema  = schema("unit_tally", storage.ColumnSpec{Name: "count", Kind: storage.Int})
	effectSchema = schema("unit_effect", storage.ColumnSpec{Name: "unit", Kind: storage.Text})
)

func schema(name string, columns ...storage.ColumnSpec) *storage.Schema {
	s, err := storage.NewSchema(name, 1, columns, nil)
	if err != nil {
		panic(err)
	}
	return s
}

// Schemas are the tables that a store needs.
func Schemas() []*storage.Schema { return []*storage.Schema{rowSchema, tallySchema, effectSchema} }

// Fault is a mistake made on purpose.
type Fault string

const (
	Faultless Fault = ""
	Torn      Fault = "torn"  // a unit is several transactions
	Early     Fault = "early" // it is acknowledged before it is committed
	Apart     Fault = "apart" // the effect of a job and its completion are two transactions
)

// Work writes units and does jobs.
type Work struct {
	Store storage.Store
	// Tenant has the units, and Now is when they are written and by which jobs are due and leases count:
	// see TenantOf and NowOf.
	Tenant storage.Tenant
	Now    time.Time
	Fault  Fault
	// First is the number of its first writer: several Works of one tenant must have others, 0, 3, 6.
	First int
	// Say takes a line for Heard. It is not called twice at once.
	Say func(line string)

	saying sync.Mutex
}

// TenantOf gives each round of a test a tenant of its own.
func TenantOf(round int) storage.Tenant { return storage.Tenant(fmt.Sprintf("round-%04d", round)) }

// NowOf is the time of a round. Leases of one round are over in the next, so that what was claimed when the
// work was broken off is done then.
func NowOf(round int) time.Time {
	return time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC).Add(time.Duration(round) * 2 * lease)
}

// The lines: a unit was started, acknowledged, and failed for sure; its job was acknowledged as done.
const (
	saidStarted = "S"
	saidDone    = "A"
	saidFailed  = "F"
	saidEffect  = "E"
)

func (w *Work) say(what, unit string) {
	w.saying.Lock()
	defer w.saying.Unlock()
	w.Say(what + " " + unit)
}

// Run writes and works with several goroutines until the context ends, and goes on where the store cannot
// be reached. Only what can never be is an error.
func (w *Work) Run(ctx context.Context) error {
	ended := make(chan error, writers+workers)
	for writer := range writers {
		go func() { ended <- w.write(ctx, w.First+writer) }()
	}
	for range workers {
		go func() { ended <- w.work(ctx) }()
	}
	for range cap(ended) {
		if err := <-ended; err != nil {
			return err
		}
	}
	return nil
}

// retreat waits a little, as the server is away or there is nothing to do.
func retreat(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Millisecond):
	}
}

// write writes units.
func (w *Work) write(ctx context.Context, writer int) error {
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("w%d-%06d", writer, n)
		w.say(saidStarted, id)
		switch err := w.unit(ctx, id); {
		case err == nil:
			if w.Fault != Early {
				w.say(saidDone, id)
			}
		case errors.Is(err, storage.ErrConflict), errors.Is(err, storage.ErrInvalid):
			// Nobody else writes what this writer does.
			return fmt.Errorf("unit %s: %w", id, err)
		case errors.Is(err, storage.ErrUnknownOutcome):
			// It is whole, or not there at all.
		default:
			w.say(saidFailed, id+" "+why(err))
			retreat(ctx)
		}
	}
	return nil
}

// why tells an error with its cause, in one line.
func why(err error) string {
	text := err.Error()
	var e *storage.Error
	if errors.As(err, &e) && e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return strings.ReplaceAll(text, "\n", " ")
}

// work does jobs.
func (w *Work) work(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := w.Do(ctx)
		if errors.Is(err, storage.ErrConflict) || errors.Is(err, storage.ErrInvalid) {
			// Leases do not end in a round, and a subject has one worker.
			return fmt.Errorf("job: %w", err)
		}
		if err != nil || n == 0 {
			retreat(ctx)
		}
	}
	return nil
}

// update runs a unit, and again where it did not happen for a reason that passes.
func (w *Work) update(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
	for {
		err := w.Store.Update(ctx, tenant, fn)
		if !errors.Is(err, storage.ErrRetry) {
			return err
		}
		retreat(ctx) // also for a server that is away
	}
}

// subjectOf puts the jobs of units into queues, but for some.
func subjectOf(unit string) string {
	var writer, n int
	if _, err := fmt.Sscanf(unit, "w%d-%d", &writer, &n); err != nil {
		panic(err)
	}
	if n %= subjects + 1; n == subjects {
		return ""
	}
	return fmt.Sprint("subject-", n)
}

// writerOf is the name of the tally of a unit's writer.
func writerOf(unit string) string {
	writer, _, _ := strings.Cut(strings.TrimPrefix(unit, "w"), "-")
	return "writer-" + writer
}

// tally counts one more under a name.
func (w *Work) tally(ctx context.Context, tx storage.Tx, name string) error {
	row, err := tx.Get(ctx, tallySchema, tx.Tenant(), storage.ID(name))
	if errors.Is(err, storage.ErrNotFound) {
		row, err = storage.Row{Meta: storage.Meta{ID: storage.ID(name), Created: w.Now}, Columns: []any{int64(0)}, Body: []byte("{}")}, nil
	}
	if err != nil {
		return err
	}
	row.Updated, row.Columns[0] = w.Now, row.Columns[0].(int64)+1
	return tx.Put(ctx, tallySchema, &row)
}

// unit writes one unit.
func (w *Work) unit(ctx context.Context, id string) error {
	parts := []func(ctx context.Context, tx storage.Tx) error{
		func(ctx context.Context, tx storage.Tx) error { return w.tally(ctx, tx, writerOf(id)) },
	}
	for n := range unitRows {
		parts = append(parts, func(ctx context.Context, tx storage.Tx) error {
			number, err := tx.Next(ctx, "unit")
			if err != nil {
				return err
			}
			row := storage.Row{
				Meta:    storage.Meta{ID: storage.ID(fmt.Sprintf("%s-%d", id, n)), Created: w.Now, Updated: w.Now},
				Columns: []any{id, number}, Body: []byte(`{"description":"The printer on the third floor prints only every other page."}`),
			}
			if err := tx.Put(ctx, rowSchema, &row); err != nil {
				return err
			}
			return tx.Append(ctx, storage.Event{Kind: "unit", Record: row.ID, Version: row.Version, ID: row.ID, Type: "unit.v1", At: w.Now,
				Envelope: []byte(`{}`)})
		})
	}
	parts = append(parts, func(ctx context.Context, tx storage.Tx) error {
		return tx.Enqueue(ctx, storage.Job{Kind: "effect", Key: id, Subject: subjectOf(id), Due: w.Now.Add(-time.Minute), Payload: []byte(`{}`)})
	})
	if w.Fault == Torn {
		for _, part := range parts {
			if err := w.update(ctx, w.Tenant, part); err != nil {
				return err
			}
		}
		return nil
	}
	if w.Fault == Early {
		w.say(saidDone, id)
	}
	return w.update(ctx, w.Tenant, func(ctx context.Context, tx storage.Tx) error {
		for _, part := range parts {
			if err := part(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// Do claims some of the jobs that are due, of any tenant, and does them. It gives how many there were.
func (w *Work) Do(ctx context.Context) (int, error) {
	jobs, err := w.Store.Claim(ctx, storage.Claim{Now: w.Now, Lease: lease, Limit: 10})
	if err != nil {
		return 0, err
	}
	for _, j := range jobs {
		effect := func(ctx context.Context, tx storage.Tx) error {
			// One effect more is one row more.
			row := storage.Row{Meta: storage.Meta{ID: storage.ID(rand.Text()), Created: w.Now, Updated: w.Now}, Columns: []any{j.Key}, Body: []byte("{}")}
			if err := tx.Put(ctx, effectSchema, &row); err != nil || j.Subject == "" {
				return err
			}
			return w.tally(ctx, tx, j.Subject)
		}
		finish := func(ctx context.Context, tx storage.Tx) error { return tx.Finish(ctx, j, storage.Outcome{Done: true}) }
		if w.Fault == Apart {
			if err := w.update(ctx, j.Tenant, effect); err != nil {
				return len(jobs), err
			}
			effect = func(context.Context, storage.Tx) error { return nil }
		}
		// Whether it fails or its outcome is unknown, there is no other attempt until the claim has ended.
		err := w.update(ctx, j.Tenant, func(ctx context.Context, tx storage.Tx) error {
			if err := effect(ctx, tx); err != nil {
				return err
			}
			return finish(ctx, tx)
		})
		if err != nil {
			return len(jobs), err
		}
		if j.Tenant == w.Tenant {
			w.say(saidEffect, j.Key)
		}
	}
	return len(jobs), nil
}
