package portable

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/itsmkit/itsmkit/storage"
)

// atOnce is how many records, events or jobs are read at once. Each has a document of up to [storage.MaxDocument], and how
// long those are is not known before they are read: together they are no more than one line may be.
const atOnce = MaxLine / storage.MaxDocument

// Export writes all that the store has of the tenant in the tables of the schemas, which are those of an
// engine's Schemas: see the package. Schemas of one name are one table with the columns of all. Records
// of tables that no schema names are left out.
//
// An error of the store or of w is returned as it is; what is written by then has no last line, and so
// no import takes it.
func Export(ctx context.Context, store storage.Store, tenant storage.Tenant, schemas []*storage.Schema, w io.Writer) (Summary, error) {
	c, err := newCatalog(schemas)
	if err != nil {
		return Summary{}, err
	}
	var sum Summary
	err = store.View(ctx, []storage.Tenant{tenant}, func(ctx context.Context, r storage.Reader) error {
		sum = Summary{Tenant: tenant}
		digest := sha256.New()
		write := func(line []byte) error {
			if len(line) > MaxLine {
				return fmt.Errorf("portable: a line of %d bytes, where at most %d can be read again", len(line), MaxLine)
			}
			digest.Write(line)
			_, err := w.Write(line)
			return err
		}
		first, err := encode(header{Export: Format, Tenant: tenant, Tables: c.tables()})
		if err != nil {
			return err
		}
		if err := write(first); err != nil {
			return err
		}
		if err := c.walk(ctx, r, tenant, func(s section, _ string, line []byte) error {
			*s.count(&sum)++
			return write(line)
		}); err != nil {
			return err
		}
		sum.SHA256 = hex.EncodeToString(digest.Sum(nil))
		last, err := encode(trailer{Records: sum.Records, Events: sum.Events, Sequences: sum.Sequences, Jobs: sum.Jobs, SHA256: sum.SHA256})
		if err != nil {
			return err
		}
		return write(last)
	})
	if err != nil {
		return Summary{}, err
	}
	return sum, nil
}

// section is a part of a file; a file has them in this order.
type section int

const (
	records section = iota
	events
	sequences
	jobs
)

// count is where a summary counts the lines of a section.
func (s section) count(sum *Summary) *int64 {
	return [...]*int64{&sum.Records, &sum.Events, &sum.Sequences, &sum.Jobs}[s]
}

// walk gives the lines of what the tenant has, in order, each with what it is of.
func (c catalog) walk(ctx context.Context, r storage.Reader, tenant storage.Tenant, give func(s section, of string, line []byte) error) error {
	one := func(s section, of string, line []byte, err error) error {
		if err != nil {
			return err
		}
		return give(s, of, line)
	}
	for _, s := range c {
		for q := (storage.RowQuery{Limit: atOnce, Bodies: true}); ; {
			page, err := r.Query(ctx, s, q)
			if err != nil {
				return err
			}
			for _, row := range page {
				line, err := lineOfRecord(s, row)
				if err := one(records, s.Name()+" "+string(row.ID), line, err); err != nil {
					return err
				}
			}
			if len(page) < q.Limit {
				break
			}
			q.After = &storage.Position{Tenant: tenant, ID: page[len(page)-1].ID}
		}
	}
	for q := (storage.EventQuery{Limit: atOnce}); ; {
		page, err := r.Events(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range page {
			line, err := lineOfEvent(e)
			if err := one(events, fmt.Sprintf("event %s %s %d.%d", e.Kind, e.Record, e.Version, e.N), line, err); err != nil {
				return err
			}
		}
		if len(page) < q.Limit {
			break
		}
		q.After = page[len(page)-1].Position()
	}
	for q := (storage.SequenceQuery{Limit: storage.MaxLimit}); ; {
		page, err := r.Sequences(ctx, q)
		if err != nil {
			return err
		}
		for _, n := range page {
			if isMark(n) {
				continue
			}
			line, err := encode(sequenceLine{Sequence: n.Name, Next: n.Next})
			if err := one(sequences, "sequence "+n.Name, line, err); err != nil {
				return err
			}
		}
		if len(page) < q.Limit {
			break
		}
		q.After = page[len(page)-1]
	}
	for q := (storage.JobQuery{Limit: atOnce}); ; {
		page, err := r.Jobs(ctx, q)
		if err != nil {
			return err
		}
		for _, j := range page {
			line, err := lineOfJob(j)
			if err := one(jobs, "job "+j.Kind+" "+j.Key, line, err); err != nil {
				return err
			}
		}
		if len(page) < q.Limit {
			return nil
		}
		q.After = page[len(page)-1]
	}
}
