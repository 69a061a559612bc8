// This file holds how those are told whose incident was merged into another: of their own incident, when
// the one that goes on is resolved.

package servicedesk

import (
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// tellMerged tells of each incident that was merged into one, through however many others, that this one is
// resolved: as if the event were of the duplicate, which its requester may read, and not of the survivor,
// which holds what was written to others.
func (d *Desk) tellMerged(ctx context.Context, e itsm.Event) error {
	known := map[itsm.ID]bool{e.Record: true}
	for level := []itsm.ID{e.Record}; len(level) > 0; {
		below, err := d.merged(ctx, e.Tenant, level)
		if err != nil {
			return err
		}
		level = slices.DeleteFunc(below, func(id itsm.ID) bool { return known[id] })
		for _, id := range level {
			known[id] = true
			told := e
			// The same each time, so that what is delivered again tells nobody again.
			told.ID, told.Record = derived(e.ID, id), id
			if err := d.Notifications.Deliver(ctx, told); err != nil {
				return err
			}
		}
	}
	return nil
}

// derived is the id of an event as one of another record.
func derived(event, record itsm.ID) itsm.ID {
	return itsm.ID("merged-" + digest.Of(string(event), string(record)))
}

// merged gives the incidents that were merged into any of these.
func (d *Desk) merged(ctx context.Context, tenant itsm.Tenant, into []itsm.ID) ([]itsm.ID, error) {
	var all []itsm.ID
	err := d.Engine.ReadTenants(ctx, itsm.SystemActor(tenant, "servicedesk"), []storage.Tenant{tenant}, func(ctx context.Context, r storage.Reader) error {
		all = nil
		for some := range slices.Chunk(into, storage.MaxPage) {
			q := storage.Query[engine.LinkHead]{
				Where: storage.AllOf(engine.LinkByToKind.Is(incident.Kind), engine.LinkByToID.In(some...),
					engine.LinkByType.Is(itsm.LinkDuplicateOf), engine.LinkByFromKind.Is(incident.Kind)),
				Limit: storage.MaxPage,
			}
			for l, err := range storage.Pages(q, func(q storage.Query[engine.LinkHead]) (storage.Page[engine.LinkHead], error) {
				return engine.LinkTable.List(ctx, r, q)
			}) {
				if err != nil {
					return err
				}
				all = append(all, l.FromID)
			}
		}
		return nil
	})
	return all, err
}
