// This file holds the library's part: the practice over a store, and what is read back from it.

package main

import (
	"context"
	"iter"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// desk is the incident practice over a store, and who uses it.
type desk struct {
	engine    *engine.Engine
	incidents *incident.Practice
	actor     itsm.Actor
}

// newDesk makes the practice and its tables. The clock is the real one where it is nil.
func newDesk(ctx context.Context, store storage.Store, tenant string, clock itsm.Clock) (*desk, error) {
	d := &desk{actor: itsm.Actor{
		Tenant: itsm.Tenant(tenant), ID: "replay", Name: "Replay", Roles: []itsm.RoleName{itsm.RoleIncidentManager},
	}}
	var err error
	if d.engine, err = engine.New(store, engine.Options{Clock: clock}); err != nil {
		return nil, err
	}
	if d.incidents, err = incident.New(d.engine, incident.Options{}); err != nil {
		return nil, err
	}
	return d, d.engine.Migrate(ctx)
}

// report adds up what the store holds of the tenant, and what comes of the policies for it. each is told
// of every incident; it may be nil.
func (d *desk) report(ctx context.Context, l *levels, each func(outcome)) (report, error) {
	r := report{Records: map[incident.State]int{}}
	groups, err := d.incidents.CountBy(ctx, d.actor, incident.Query{}, incident.ByState)
	if err != nil {
		return r, err
	}
	for _, g := range groups {
		r.Records[incident.State(g.Values[0].(string))] = int(g.Count)
	}
	c := newCounter(d.incidents.Lifecycle())
	c.each = each
	// The log is ordered by incident, so that one history at a time is held.
	var rows []incident.ImportedRow
	add := func() error {
		c.add(rows)
		return l.add(c.category, rows)
	}
	for row, err := range incident.ImportedRows(d.events(ctx)) {
		if err != nil {
			return r, err
		}
		if len(rows) > 0 && rows[0].Incident != row.Incident {
			if err := add(); err != nil {
				return r, err
			}
			rows = rows[:0]
		}
		rows = append(rows, row)
	}
	if len(rows) > 0 {
		if err := add(); err != nil {
			return r, err
		}
	}
	r.Figures, r.Levels = c.finish(), l.finish()
	return r, nil
}

// events reads the imported rows from the log, page by page.
func (d *desk) events(ctx context.Context) iter.Seq2[itsm.Event, error] {
	return func(yield func(itsm.Event, error) bool) {
		q := storage.EventQuery{Kind: incident.Kind, Types: []string{incident.Imported{}.EventType()}, Limit: storage.MaxLimit}
		for {
			var page []itsm.Event
			err := d.engine.View(ctx, d.actor, func(ctx context.Context, r storage.Reader) (err error) {
				page, err = d.engine.History(ctx, r, q)
				return err
			})
			if err != nil {
				yield(itsm.Event{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if len(page) < q.Limit {
				return
			}
			last := page[len(page)-1]
			q.After = storage.EventPosition{Tenant: last.Tenant, Kind: last.Kind, Record: last.Record, Version: last.Version, N: last.N}
		}
	}
}
