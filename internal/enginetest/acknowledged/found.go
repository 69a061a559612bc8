package acknowledged

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/itsmkit/itsmkit/storage"
)

// Heard is what Work has said of one tenant. It is safe for several goroutines.
type Heard struct {
	mu                      sync.Mutex
	started, done, effected map[string]bool
	failed                  map[string]string // why
}

// NewHeard has heard nothing yet.
func NewHeard() *Heard {
	return &Heard{started: map[string]bool{}, done: map[string]bool{}, failed: map[string]string{}, effected: map[string]bool{}}
}

// Hear takes a line of Work.Say, and reports whether it is one.
func (h *Heard) Hear(line string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	what, unit, _ := strings.Cut(line, " ")
	switch what {
	case saidStarted:
		h.started[unit] = true
	case saidDone:
		h.done[unit] = true
	case saidFailed:
		unit, why, _ := strings.Cut(unit, " ")
		h.failed[unit] = why
	case saidEffect:
		h.effected[unit] = true
	default:
		return false
	}
	return true
}

// Counts says how many units were acknowledged, how many failed, and how many effects were acknowledged.
func (h *Heard) Counts() (done, failed, effects int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.done), len(h.failed), len(h.effected)
}

// Promised is what was acknowledged until now. What is started later may be there as well.
func (h *Heard) Promised() *Heard {
	h.mu.Lock()
	defer h.mu.Unlock()
	return &Heard{started: map[string]bool{}, done: maps.Clone(h.done), failed: maps.Clone(h.failed), effected: maps.Clone(h.effected)}
}

// Started adds to what was promised at one moment which units were started until now.
func (h *Heard) Started(promised *Heard) *Heard {
	h.mu.Lock()
	defer h.mu.Unlock()
	promised.started = maps.Clone(h.started)
	return promised
}

// Found is what a tenant has of units.
type Found struct {
	// By unit: how many there are.
	rows, events, jobs, effects map[string]int
	tallies                     map[string]int64
	again                       []int64 // numbers that are there twice
	dead                        []string
}

// Look reads all that a tenant has, in one snapshot.
func Look(ctx context.Context, store storage.Store, tenant storage.Tenant) (Found, error) {
	var f Found
	err := store.View(ctx, []storage.Tenant{tenant}, func(ctx context.Context, r storage.Reader) error {
		f = Found{rows: map[string]int{}, events: map[string]int{}, jobs: map[string]int{}, effects: map[string]int{}, tallies: map[string]int64{}}
		numbers := map[int64]bool{}
		for _, err := range []error{
			f.records(ctx, r, rowSchema, func(row storage.Row) {
				f.rows[row.Columns[0].(string)]++
				n := row.Columns[1].(int64)
				if numbers[n] {
					f.again = append(f.again, n)
				}
				numbers[n] = true
			}),
			f.records(ctx, r, tallySchema, func(row storage.Row) { f.tallies[string(row.ID)] = row.Columns[0].(int64) }),
			f.records(ctx, r, effectSchema, func(row storage.Row) { f.effects[row.Columns[0].(string)]++ }),
			f.log(ctx, r),
			f.due(ctx, r),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	return f, err
}

func (f *Found) records(ctx context.Context, r storage.Reader, s *storage.Schema, note func(storage.Row)) error {
	q := storage.RowQuery{Order: []storage.Order{{Column: storage.ColumnID}}, Limit: storage.MaxLimit}
	for {
		rows, err := r.Query(ctx, s, q)
		if err != nil {
			return err
		}
		for _, row := range rows {
			note(row)
		}
		if len(rows) < q.Limit {
			return nil
		}
		last := rows[len(rows)-1]
		q.After = &storage.Position{Values: []any{string(last.ID)}, Tenant: last.Tenant, ID: last.ID}
	}
}

func (f *Found) log(ctx context.Context, r storage.Reader) error {
	q := storage.EventQuery{Limit: storage.MaxLimit}
	for {
		page, err := r.Events(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range page {
			unit := string(e.Record)
			f.events[unit[:strings.LastIndexByte(unit, '-')]]++
		}
		if len(page) < q.Limit {
			return nil
		}
		q.After = page[len(page)-1].Position()
	}
}

func (f *Found) due(ctx context.Context, r storage.Reader) error {
	q := storage.JobQuery{Limit: storage.MaxLimit}
	for {
		page, err := r.Jobs(ctx, q)
		if err != nil {
			return err
		}
		for _, j := range page {
			f.jobs[j.Key]++
			if j.Dead {
				f.dead = append(f.dead, j.Key)
			}
		}
		if len(page) < q.Limit {
			return nil
		}
		q.After = page[len(page)-1]
	}
}

// Problem is something wrong.
type Problem struct {
	Kind Kind
	Text string
}

func (p Problem) String() string { return string(p.Kind) + ": " + p.Text }

// Kind tells what is wrong by its cause.
type Kind string

const (
	Lost  Kind = "lost"  // it was acknowledged and is not there
	Half  Kind = "half"  // some of a unit is there
	Twice Kind = "twice" // an effect, or a number
	Wrong Kind = "wrong" // what should not be there at all
)

// Problems compares what was heard with what is there. At the end every job must have been done.
func (f Found) Problems(h *Heard, end bool) (all []Problem) {
	h.mu.Lock()
	defer h.mu.Unlock()
	tell := func(kind Kind, format string, args ...any) {
		all = append(all, Problem{kind, fmt.Sprintf(format, args...)})
	}
	units := map[string]bool{}
	for _, part := range []map[string]int{f.rows, f.events, f.jobs, f.effects} {
		for unit := range part {
			units[unit] = true
		}
	}
	for unit := range h.done {
		if !units[unit] {
			tell(Lost, "unit %s was acknowledged and is not there", unit)
		}
	}
	tallies := map[string]int64{}
	for unit := range units {
		rows, events, jobs, effects := f.rows[unit], f.events[unit], f.jobs[unit], f.effects[unit]
		if rows != unitRows || events != unitRows || jobs+effects == 0 {
			tell(Half, "unit %s has %d rows, %d events, %d jobs, %d effects", unit, rows, events, jobs, effects)
		}
		if effects > 1 || effects == 1 && jobs > 0 {
			tell(Twice, "the job of unit %s has %d effects, and %d are to come", unit, effects, jobs)
		}
		if end && effects == 0 {
			tell(Lost, "the job of unit %s had no effect", unit)
		}
		if !h.started[unit] {
			tell(Wrong, "unit %s was never started", unit)
		}
		if why, ok := h.failed[unit]; ok {
			tell(Wrong, "unit %s failed, and is there: %s", unit, why)
		}
		tallies[writerOf(unit)]++
		if subject := subjectOf(unit); subject != "" {
			tallies[subject] += int64(effects)
		}
	}
	for unit := range h.effected {
		if f.effects[unit] == 0 {
			tell(Lost, "the effect of unit %s was acknowledged and is not there", unit)
		}
	}
	for name := range f.tallies {
		tallies[name] += 0 // those that count what is not there
	}
	for name, n := range tallies {
		if f.tallies[name] != n {
			tell(Half, "%s counts %d, and %d are there", name, f.tallies[name], n)
		}
	}
	for _, n := range f.again {
		tell(Twice, "number %d was given twice", n)
	}
	for _, unit := range f.dead {
		tell(Wrong, "the job of unit %s is a dead letter", unit)
	}
	return all
}
