package memory

import (
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/storage"
)

// Events implements [storage.Reader].
func (r *reader) Events(ctx context.Context, q storage.EventQuery) ([]storage.Event, error) {
	if err := r.ready(ctx, "events"); err != nil {
		return nil, err
	}
	if err := storage.CheckEventQuery(q); err != nil {
		return nil, err
	}
	prefix := ""
	if q.Kind != "" {
		prefix = textKey(q.Kind)
		if q.Record != "" {
			prefix += textKey(string(q.Record))
		}
	}
	var page []storage.Event
	for _, p := range r.parts {
		place := under(prefix)
		switch compareTenants(p.tenant, q.After.Tenant) {
		case -1:
			continue
		case 0:
			place.lo = max(place.lo, eventKey(q.After.Kind, q.After.Record, q.After.Version, q.After.N)+"\x00")
		}
		for walk := p.state.events.walk(place, true); ; {
			_, e, ok := walk.next()
			if !ok {
				break
			}
			if len(q.Types) > 0 && !slices.Contains(q.Types, e.Type) {
				continue
			}
			copied := *e
			copied.Envelope = slices.Clone(e.Envelope)
			page = append(page, copied)
			if len(page) == q.Limit {
				return page, nil
			}
		}
	}
	return page, nil
}
