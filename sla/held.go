// This file holds which version held when, as the log tells it: the row of a version that was active more than once
// has the instants of the last time alone.

package sla

import (
	"context"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// held are the times in which versions of one name were active. Own and base may be at once: see last.
type held[S any] []stretch[S]

// stretch is one time of one version: from its activation, before its end, which is zero while it lasts.
type stretch[S any] struct {
	version     *versioned.Version[S]
	from, until time.Time
}

// readHeld reads when the versions of a family were active, and whether there are any versions.
func readHeld[S versioned.Set[S]](ctx context.Context, e *engine.Engine, r storage.Reader, t versioned.Table[S], family string) (all held[S], any bool, err error) {
	activated, retired := versioned.Activated[S]{}.EventType(), versioned.Retired[S]{}.EventType()
	q := storage.Query[versioned.Head]{Where: versioned.ByFamily.Is(family), Order: []storage.Order{versioned.ByStack.Asc(), versioned.ByNumber.Asc()}, Limit: storage.MaxPage}
	for v, err := range storage.Pages(q, func(q storage.Query[versioned.Head]) (storage.Page[versioned.Version[S]], error) {
		return t.Records(ctx, r, q)
	}) {
		if err != nil {
			return nil, false, err
		}
		any = true
		q := storage.EventQuery{Kind: t.Name(), Record: v.ID, Types: []string{activated, retired}, Limit: storage.MaxLimit}
		for {
			page, err := e.History(ctx, r, q)
			if err != nil {
				return nil, false, err
			}
			for i := range page {
				if at := page[i].At; page[i].Type == activated {
					all = append(all, stretch[S]{version: &v, from: at})
				} else if n := len(all) - 1; n >= 0 && all[n].version == &v {
					all[n].until = at
				}
			}
			if len(page) < q.Limit {
				break
			}
			last := &page[len(page)-1]
			q.After = storage.EventPosition{Tenant: last.Tenant, Kind: last.Kind, Record: last.Record, Version: last.Version, N: last.N}
		}
	}
	return slices.DeleteFunc(all, func(s stretch[S]) bool { return s.from.Equal(s.until) }), any, nil
}

// last gives the version that held last before an instant, and the last instant before it at which it did; nil where none
// had held yet. The tenant's own stands before its provider's.
func (h held[S]) last(before time.Time) (found *versioned.Version[S], at time.Time) {
	for _, s := range h {
		end := before
		if !s.until.IsZero() && s.until.Before(before) {
			end = s.until
		}
		end = end.Add(-time.Microsecond)
		if s.from.After(end) {
			continue
		}
		if found == nil || end.After(at) || end.Equal(at) && s.version.Stack == versioned.StackOwn {
			found, at = s.version, end
		}
	}
	return found, at
}

// next gives the first instant after another at which a version began to hold, if there is one.
func (h held[S]) next(after time.Time) (first time.Time, found bool) {
	for _, s := range h {
		if s.from.After(after) && (!found || s.from.Before(first)) {
			first, found = s.from, true
		}
	}
	return first, found
}
