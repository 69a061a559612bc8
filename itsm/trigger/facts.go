// This file holds what is known of a record at an event: its values before and after it, though the
// record may have gone on since.

package trigger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/internal/rewind"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/storage"
)

// facts are the values of one record at one event, by their names.
type facts struct {
	e             *itsm.Event
	after, before routing.Facts
	// withheld are names that changed without the log telling from what to what.
	withheld map[string]bool
}

func (f *facts) get(name string) any {
	word, rest, _ := strings.Cut(name, ".")
	switch word {
	case "before":
		if f.withheld[rest] {
			return nil
		}
		return f.before[rest]
	case "changed":
		return f.withheld[rest] || f.before[rest] != f.after[rest]
	case "event":
		return eventTerm(f.e, name)
	}
	return f.after[name]
}

// rowAt gives a record as it was right after an event, though it was changed or deleted since: what
// later events changed is taken back. Values that are withheld from the log are those of now.
func (s *speech) rowAt(ctx context.Context, r storage.Reader, e *itsm.Event, history func(context.Context, storage.Reader, storage.EventQuery) ([]itsm.Event, error)) (storage.Row, error) {
	row, err := r.Get(ctx, s.Schema, e.Tenant, e.Record)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		row = storage.Row{Columns: make([]any, len(s.Schema.Columns())), Body: []byte("{}")}
		row.Tenant, row.ID = e.Tenant, e.Record
	case err != nil:
		return row, err
	case row.Version == e.Version:
		return row, nil
	}
	later := rewind.Values{}
	q := storage.EventQuery{Kind: e.Kind, Record: e.Record, Limit: storage.MaxLimit,
		After: storage.EventPosition{Tenant: e.Tenant, Kind: e.Kind, Record: e.Record, Version: e.Version, N: e.N}}
	for {
		page, err := history(ctx, r, q)
		if err != nil {
			return row, err
		}
		for i := range page {
			later.Keep(page[i].Changes)
		}
		if len(page) < q.Limit {
			break
		}
		last := &page[len(page)-1]
		q.After.Version, q.After.N = last.Version, last.N
	}
	row.Version, row.Updated = e.Version, e.Recorded
	return later.Apply(s.Schema, row)
}

// rowWithin gives a record as it was right after an event of the unit that is open: what the unit has
// changed since is taken back, so that a trigger sees there what it would see after the commit.
func (s *speech) rowWithin(ctx context.Context, u *engine.Unit, e *itsm.Event) (storage.Row, error) {
	row, err := u.Quiet().Get(ctx, s.Schema, e.Tenant, e.Record)
	if errors.Is(err, storage.ErrNotFound) { // deleted, by this event or since
		row, err = storage.Row{Columns: make([]any, len(s.Schema.Columns())), Body: []byte("{}")}, nil
		row.Tenant, row.ID = e.Tenant, e.Record
	}
	if err != nil {
		return row, err
	}
	later := rewind.Values{}
	later.Keep(u.Since(*e))
	row.Version, row.Updated = e.Version, e.Recorded
	return later.Apply(s.Schema, row)
}

// facts gives what is known of a record at an event after which it is as the row says.
func (s *speech) facts(e *itsm.Event, row storage.Row) (*facts, error) {
	f := &facts{e: e}
	var err error
	if f.after, err = s.own.Facts(s.Schema, row, nil); err != nil {
		return nil, err
	}
	if len(e.Changes) == 0 {
		// The first event of a record tells of everything that it began with.
		if e.Version > 1 || e.N > 0 {
			f.before = f.after
		}
		return f, nil
	}
	earlier := rewind.Values{}
	earlier.Keep(e.Changes)
	if _, whole := earlier[rewind.Fields]; whole {
		was, err := earlier.Apply(s.Schema, row)
		if err != nil {
			return nil, err
		}
		if f.before, err = s.own.Facts(s.Schema, was, nil); err != nil {
			return nil, err
		}
	} else { // the body need not be read again
		f.before = maps.Clone(f.after)
		for name, raw := range earlier {
			if !s.tracked[name] {
				continue
			}
			v, err := rewind.Column(s.kinds[name], raw)
			if err != nil {
				return nil, fmt.Errorf("history of %s.%s: %w", s.Schema.Name(), name, err)
			}
			f.before[name] = v
		}
	}
	for _, c := range e.Changes {
		if !rewind.Withheld(c) {
			continue
		}
		if f.withheld == nil {
			f.withheld = map[string]bool{}
		}
		f.withheld[c.Field] = true
		if c.Field == rewind.Fields {
			// Which of them is not told: they may all have.
			for name := range s.tracked {
				if strings.HasPrefix(name, rewind.Fields+".") {
					f.withheld[name] = true
				}
			}
		}
	}
	return f, nil
}

// needsFacts says whether a trigger looks at the record at all.
func (c *compiled) needsFacts() bool {
	if c.when.Op != storage.All {
		return true
	}
	return slices.ContainsFunc(c.steps, func(s step) bool { return Substitutes(string(s.with)) })
}
