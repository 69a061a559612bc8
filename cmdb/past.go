// This file holds the past: a CI and the graph as they were at an instant.

package cmdb

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// GetAt gives a CI as it was at an instant: what its commands did by then, and nothing of what they did later. Who may read it now may
// read what it was. One that was not there yet is ErrNotFound.
func (p *Practice) GetAt(ctx context.Context, actor itsm.Actor, id itsm.ID, at time.Time) (ci CI, err error) {
	at = storage.Instant(at)
	err = p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		now, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		ci, err = p.ciAt(ctx, r, now, at)
		return err
	})
	return ci, err
}

// ciAt takes back what the events of a CI after an instant changed.
func (p *Practice) ciAt(ctx context.Context, r storage.Reader, now CI, at time.Time) (CI, error) {
	if !now.Updated.After(at) {
		return now, nil
	}
	all, err := p.events(ctx, r, now.ID)
	if err != nil {
		return CI{}, err
	}
	last := len(all)
	for last > 0 && all[last-1].At.After(at) {
		last--
	}
	if last == 0 {
		return CI{}, notFound(Kind, now.ID)
	}
	raw, err := json.Marshal(now)
	if err != nil {
		return CI{}, err
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return CI{}, err
	}
	for _, e := range slices.Backward(all[last:]) {
		for _, c := range e.Changes {
			if len(c.Old) == 0 {
				delete(fields, c.Field)
			} else {
				fields[c.Field] = c.Old
			}
		}
	}
	if raw, err = json.Marshal(fields); err != nil {
		return CI{}, err
	}
	was := CI{}
	if err := json.Unmarshal(raw, &was); err != nil {
		return CI{}, err
	}
	was.Version, was.Updated = all[last-1].Version, all[last-1].At
	return was, nil
}

// AttributeChange is one change of the value of an attribute.
type AttributeChange struct {
	At time.Time `json:"at"`
	// By is the actor, Source whose word it was, and Reason what the command gave.
	By     itsm.ID `json:"by"`
	Source string  `json:"source"`
	Reason string  `json:"reason,omitempty"`
	// Was and Now are the zero Value where there was, or is, none.
	Was schema.Value `json:"was,omitzero"`
	Now schema.Value `json:"now,omitzero"`
}

// AttributeHistory gives the changes of one attribute of a CI, oldest first. A CI that the actor may not read is ErrNotFound; an
// attribute that it never had has none.
func (p *Practice) AttributeHistory(ctx context.Context, actor itsm.Actor, id itsm.ID, attribute string) ([]AttributeChange, error) {
	all, err := p.History(ctx, actor, id)
	if err != nil {
		return nil, err
	}
	var changes []AttributeChange
	for _, e := range all {
		source := SourceManual
		switch d := e.Data.(type) {
		case Added:
			source = d.Source
		case Updated:
			source = d.Source
		}
		for _, c := range e.Changes {
			if c.Field != "attributes" {
				continue
			}
			was, now := schema.Values{}, schema.Values{}
			for raw, into := range map[*json.RawMessage]*schema.Values{&c.Old: &was, &c.New: &now} {
				if len(*raw) == 0 {
					continue
				}
				if err := json.Unmarshal(*raw, into); err != nil {
					return nil, err
				}
			}
			if was[attribute] != now[attribute] {
				changes = append(changes, AttributeChange{e.At, e.Actor, source, e.Reason, was[attribute], now[attribute]})
			}
		}
	}
	return changes, nil
}

// snapshotAt gives the graph as it was at an instant, and its revision then: the one of now with the edits since taken back.
func (p *Practice) snapshotAt(ctx context.Context, actor itsm.Actor, now *state, at time.Time) (was *impact.Snapshot, revision int64, err error) {
	err = p.view(ctx, actor, func(ctx context.Context, r storage.Reader, _ reach) error {
		if revision, err = revisionAt(ctx, r, at); err != nil {
			return err
		}
		revision = min(revision, now.revision)
		was, err = rewound(ctx, r, now, revision)
		return err
	})
	return was, revision, err
}

// rewound takes the edits after a revision back. A snapshot only goes forward, so that the one that is made states the revision of
// now.
func rewound(ctx context.Context, r storage.Reader, now *state, revision int64) (*impact.Snapshot, error) {
	var list []impact.Edit
	var about []edit
	for from := now.revision; from > revision; {
		page, err := editsDownTo(ctx, r, from, revision, logPage)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			return nil, fmt.Errorf("the log of the graph has no revision %d", from)
		}
		for _, log := range page {
			for _, e := range slices.Backward(log.Edits) {
				if made, ok := e.backward(); ok {
					list, about = append(list, made), append(about, e)
				}
			}
			from = log.Revision - 1
		}
	}
	return apply(now.snapshot, now.revision, list, about)
}

// SnapshotAt gives the whole graph of the actor's tenant as it was at an instant, and its revision then, for the host's own
// computations. The snapshot states the revision of now, from which it was made. It asks for what [Practice.Snapshot] does.
func (p *Practice) SnapshotAt(ctx context.Context, actor itsm.Actor, at time.Time) (*impact.Snapshot, int64, error) {
	now, err := p.whole(ctx, actor, 0)
	if err != nil {
		return nil, 0, err
	}
	return p.snapshotAt(ctx, actor, now, storage.Instant(at))
}
