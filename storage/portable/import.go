package portable

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/storage"
)

// imported begins the name of the sequence by which a tenant knows a file that it has whole: the digest
// follows. It is committed with the last of the file.
const imported = "portable/"

// isMark says whether a sequence is one that no export has: such a one, or one of a host's own that has given no number,
// which is as good as none. Whatever a host calls its sequences, nothing is left out that says which number comes next.
func isMark(s storage.Sequence) bool { return strings.HasPrefix(s.Name, imported) && s.Next == 1 }

// patience is how often a unit is run that fails for a reason that passes.
const patience = 10

// jobsAtOnce is how many jobs are enqueued at once, at most.
const jobsAtOnce = 500

// Import makes the tenant of a file that Export wrote, from where the file stands: see the package for what it promises where it
// fails. The tenant must be that of the file, be empty or hold what an import of this very file has
// written before it was interrupted. One import at a time is made into a tenant, and nobody commands in
// it meanwhile. A file that the tenant has whole by an earlier import is left at that, whatever has
// happened in the tenant since.
//
// A file or tenant that it refuses is ErrInvalid with every fault; errors of the store and the file are
// returned as they are. After ErrRetry, ErrUnknownOutcome and any other error that passes, call it again.
func Import(ctx context.Context, store storage.Store, tenant storage.Tenant, schemas []*storage.Schema, file io.ReadSeeker) (Summary, error) {
	c, err := newCatalog(schemas)
	if err != nil {
		return Summary{}, err
	}
	if err := storage.CheckName("import", "tenant", string(tenant)); err != nil {
		return Summary{}, err
	}
	begin := mark{}
	if begin.offset, err = file.Seek(0, io.SeekCurrent); err != nil {
		return Summary{}, err
	}
	f := newReader(c, file)
	f.offset = begin.offset
	if begin, err = f.mark(); err != nil {
		return Summary{}, err
	}
	var blocks [][sha256.Size]byte
	f.atEnd = func(_ int, digest [sha256.Size]byte) bool {
		blocks = append(blocks, digest)
		return true
	}
	for ok := true; ok; {
		_, ok = f.next(ctx)
	}
	f.atEnd = func(block int, digest [sha256.Size]byte) bool { return block < len(blocks) && blocks[block] == digest }
	sum, err := f.end()
	switch {
	case err != nil:
		return Summary{}, err
	case sum.Tenant != tenant:
		return Summary{}, storage.Invalid("import", "tenant", fmt.Sprintf("is %q; the file is of tenant %q", tenant, sum.Tenant))
	}
	if err := f.back(file, begin); err != nil {
		return Summary{}, err
	}
	i := &importing{c: c, store: store, tenant: tenant, file: file, f: f, sum: sum}
	done, err := i.compare(ctx)
	if err == nil && !done {
		if err = i.write(ctx); err == nil {
			err = i.finish(ctx)
		}
	}
	if err != nil {
		return Summary{}, err
	}
	return sum, nil
}

// importing is one Import, which has seen that the file is whole.
type importing struct {
	c      catalog
	store  storage.Store
	tenant storage.Tenant
	file   io.ReadSeeker
	f      *reader
	sum    Summary
	// read are items that were read and are still to be written.
	read []item
}

// next gives the next item. A file that is another than it was at the first reading is an error.
func (i *importing) next(ctx context.Context) (item, bool, error) {
	if len(i.read) > 0 {
		it := i.read[0]
		i.read = i.read[1:]
		return it, true, nil
	}
	it, ok := i.f.next(ctx)
	if ok && len(i.f.faults) == 0 {
		return it, true, nil
	}
	if sum, err := i.f.end(); err != nil || sum != i.sum {
		if err == nil || errors.Is(err, storage.ErrInvalid) {
			err = storage.Invalid("import", "file", "was changed while it was read")
		}
		return item{}, false, err
	}
	return item{}, false, nil
}

// other is what a tenant has that is not the file's.
type other struct{ of string }

func (o *other) Error() string { return "portable: the tenant has " + o.of }

// compare reads as much of the file as the tenant has already. done says that it has all.
func (i *importing) compare(ctx context.Context) (done bool, err error) {
	err = i.store.View(ctx, []storage.Tenant{i.tenant}, func(ctx context.Context, r storage.Reader) error {
		name := imported + i.sum.SHA256
		found, err := r.Sequences(ctx, storage.SequenceQuery{After: storage.Sequence{Tenant: i.tenant, Name: name[:len(name)-1]}, Limit: 17})
		if err != nil {
			return err
		}
		for _, s := range found {
			if s.Name == name {
				done = true
				return nil
			}
		}
		err = i.c.walk(ctx, r, i.tenant, func(s section, of string, line []byte) error {
			if s > events { // they come with the last of a file
				return &other{of}
			}
			it, ok, err := i.next(ctx)
			if err == nil && (!ok || it.section != s || string(it.line) != string(line)) {
				err = &other{of}
			}
			return err
		})
		var o *other
		if errors.As(err, &o) {
			return i.refuse(ctx, r, o)
		}
		return err
	})
	return done, err
}

// refuse says what there is in a tenant that cannot be imported into.
func (i *importing) refuse(ctx context.Context, r storage.Reader, o *other) error {
	v := &storage.ValidationError{Subject: "import", Faults: []storage.Fault{{Field: "tenant",
		Problem: fmt.Sprintf("is not empty, and what it has is not the beginning of this file: the first that is not is %s", o.of)}}}
	for _, s := range i.c {
		groups, err := r.Count(ctx, s, storage.Condition{}, nil)
		if err != nil {
			return err
		}
		if n := groups[0].Count; n > 0 {
			v.Faults = append(v.Faults, storage.Fault{Field: s.Name(), Problem: fmt.Sprintf("has records of the tenant already: %d", n)})
		}
	}
	some := func(field string, n int, err error) error {
		if n > 0 {
			v.Faults = append(v.Faults, storage.Fault{Field: field, Problem: "are there of the tenant already"})
		}
		return err
	}
	es, err := r.Events(ctx, storage.EventQuery{Limit: 1})
	if err := some("events", len(es), err); err != nil {
		return err
	}
	ns, err := r.Sequences(ctx, storage.SequenceQuery{Limit: 1})
	if err := some("sequences", len(ns), err); err != nil {
		return err
	}
	js, err := r.Jobs(ctx, storage.JobQuery{Limit: 1})
	if err := some("jobs", len(js), err); err != nil {
		return err
	}
	return v
}

// unit runs a unit, again where it fails for a reason that passes.
func (i *importing) unit(ctx context.Context, fn func(ctx context.Context, tx storage.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := i.store.Update(ctx, i.tenant, fn)
		if !errors.Is(err, storage.ErrRetry) || attempt == patience || ctx.Err() != nil {
			return err
		}
	}
}

// write writes the records and events from where the reader is, and leaves it at what follows them. Of each block it
// writes nothing before it has seen that all of it is as it was at the first reading.
func (i *importing) write(ctx context.Context) error {
	for {
		var block []item
		for more := true; more; {
			it, ok, err := i.next(ctx)
			if err != nil {
				return err
			}
			if ok {
				block = append(block, it)
			}
			more = ok && i.f.lines > 0
		}
		rest := slices.IndexFunc(block, func(it item) bool { return it.section > events })
		last := rest >= 0 || len(block) == 0 || i.f.lines > 0
		if rest < 0 {
			rest = len(block)
		}
		if rest > 0 {
			if err := i.unit(ctx, func(ctx context.Context, tx storage.Tx) error { return writeAll(ctx, tx, block[:rest]) }); err != nil {
				return err
			}
		}
		if last {
			i.read = block[rest:]
			return nil
		}
	}
}

// writeAll writes records and events.
func writeAll(ctx context.Context, tx storage.Tx, items []item) error {
	for len(items) > 0 && items[0].section == records {
		s := items[0].schema
		var rows []storage.Row
		for len(rows) < len(items) && items[len(rows)].schema == s {
			rows = append(rows, items[len(rows)].row)
		}
		if err := tx.Restore(ctx, s, rows...); err != nil {
			return err
		}
		items = items[len(rows):]
	}
	if len(items) == 0 {
		return nil
	}
	log := make([]storage.Event, 0, len(items))
	for _, it := range items {
		log = append(log, it.event)
	}
	return tx.Append(ctx, log...)
}

// finish writes the sequences and the jobs, in one unit with the mark that the file is there whole.
func (i *importing) finish(ctx context.Context) error {
	read := i.read
	here, err := i.f.mark()
	if err != nil {
		return err
	}
	return i.unit(ctx, func(ctx context.Context, tx storage.Tx) error {
		// It may be run more than once.
		if err := i.f.back(i.file, here); err != nil {
			return err
		}
		i.read = read
		if err := tx.Lock(ctx, imported); err != nil {
			return err
		}
		ns, err := tx.Sequences(ctx, storage.SequenceQuery{Limit: storage.MaxLimit})
		if err != nil {
			return err
		}
		ns = slices.DeleteFunc(ns, isMark)
		js, err := tx.Jobs(ctx, storage.JobQuery{Limit: 1})
		if err != nil {
			return err
		}
		if len(ns) > 0 || len(js) > 0 {
			return storage.Invalid("import", "tenant", "was used while it was imported")
		}
		var due []storage.Job
		size := 0
		enqueue := func() error {
			err := tx.Enqueue(ctx, due...)
			due, size = due[:0], 0
			return err
		}
		for {
			it, ok, err := i.next(ctx)
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if it.section == sequences {
				if err := tx.Advance(ctx, it.sequence.Name, it.sequence.Next); err != nil {
					return err
				}
				continue
			}
			due, size = append(due, it.job), size+len(it.line)
			if len(due) == jobsAtOnce || size >= blockBytes {
				if err := enqueue(); err != nil {
					return err
				}
			}
		}
		if err := enqueue(); err != nil {
			return err
		}
		return tx.Advance(ctx, imported+i.sum.SHA256, 1)
	})
}
