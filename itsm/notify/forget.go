// This file holds what is forgotten: the messages of a person whose data are erased, and those that are
// old.

package notify

import (
	"context"
	"errors"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// forgetAtOnce is how many records one unit forgets.
const forgetAtOnce = 200

// erasing is the payload of the job that erases what was written to a person.
type erasing struct {
	Person itsm.ID        `json:"person"`
	After  storage.Cursor `json:"after,omitempty"`
}

// personErased is the reaction to the erasure of a person: the preferences are gone at once, what was
// written to the person by jobs.
func (p *Practice) personErased(ctx context.Context, u *engine.Unit, e itsm.Event) error {
	if _, erased := e.Data.(directory.PersonErased); !erased {
		return nil
	}
	pref, err := PreferenceTable.Get(ctx, u, e.Record)
	switch {
	case err == nil:
		// The record stays: its id is never used again, and the log has no values of it.
		pref.Preferences = Preferences{}
		if err := PreferenceTable.Put(ctx, u, &pref); err != nil {
			return err
		}
		u.Emit(itsm.Event{Kind: KindPreference, Record: pref.ID, Action: "erase", Data: PreferencesSet{}})
	case !errors.Is(err, storage.ErrNotFound):
		return err
	}
	return u.Schedule(ctx, engine.Task{Kind: jobErase, Key: string(e.Record), Due: u.Now(), Payload: erasing{Person: e.Record}})
}

// erase takes out of a page of messages what they said, and has those that are not sent yet not be sent.
func (p *Practice) erase(ctx context.Context, u *engine.Unit, due engine.Due, of erasing) error {
	page, err := Table.Records(ctx, u, storage.Query[Head]{
		Where: ByPerson.Is(of.Person), Order: []storage.Order{ByDue.Asc()}, After: of.After, Limit: forgetAtOnce,
	})
	if err != nil {
		return err
	}
	for i := range page.Items {
		n := &page.Items[i]
		if n.State == StatePending || n.State == StateFailed {
			n.State, n.Why = StateSuppressed, WhyErased
		}
		n.Data, n.Items, n.Error, n.Updated = nil, nil, "", u.Now()
		if err := Table.Put(ctx, u.Quiet(), n); err != nil {
			return err
		}
	}
	if page.Next == "" {
		return nil
	}
	of.After = page.Next
	return u.Schedule(ctx, engine.Task{Kind: jobErase, Key: due.Key, Due: u.Now(), Payload: of})
}

// The purge runs once a day in each tenant that has messages.
const (
	purgeKey   = "old"
	purgeEvery = 24 * time.Hour
)

// schedulePurge has old messages purged, where that is not scheduled yet.
func (p *Practice) schedulePurge(ctx context.Context, u *engine.Unit) error {
	jobs, err := u.Jobs(ctx, storage.JobQuery{Kind: jobPurge, Key: purgeKey, Limit: 1})
	if err != nil || len(jobs) > 0 && !jobs[0].Dead {
		return err
	}
	return u.Schedule(ctx, engine.Task{Kind: jobPurge, Key: purgeKey, Due: u.Now().Add(purgeEvery)})
}

// purge deletes some messages that are through and older than the retention, and decisions as old.
func (p *Practice) purge(ctx context.Context, u *engine.Unit, _ engine.Due, _ struct{}) error {
	before := u.Now().Add(-p.retention)
	more, err := purgeTable(ctx, u, Table, storage.AllOf(ByState.In(StateSent, StateFailed, StateSuppressed, StateDigested), ByDue.Below(before)), ByDue.Asc())
	if err != nil {
		return err
	}
	moreTold, err := purgeTable(ctx, u, planTable, planByAt.Below(before), planByAt.Asc())
	if err != nil {
		return err
	}
	left, err := planTable.List(ctx, u, storage.Query[planHead]{Limit: 1})
	if err != nil {
		return err
	}
	due := u.Now().Add(purgeEvery)
	switch {
	case more || moreTold:
		due = u.Now()
	case len(left.Items) == 0:
		return nil
	}
	return u.Schedule(ctx, engine.Task{Kind: jobPurge, Key: purgeKey, Due: due})
}

func purgeTable[R, H, B any, P interface {
	*H
	storage.Header[H]
	identity() (storage.ID, int64)
}](ctx context.Context, u *engine.Unit, t storage.Table[R, H, B], old storage.Filter[H], order storage.Order) (more bool, err error) {
	page, err := t.List(ctx, u, storage.Query[H]{Where: old, Order: []storage.Order{order}, Limit: forgetAtOnce})
	if err != nil {
		return false, err
	}
	for i := range page.Items {
		id, version := P(&page.Items[i]).identity()
		if err := u.Quiet().Delete(ctx, t.Schema(), id, version); err != nil {
			return false, err
		}
	}
	return page.Next != "", nil
}

func (h *Head) identity() (storage.ID, int64)     { return h.ID, h.Version }
func (h *planHead) identity() (storage.ID, int64) { return h.ID, h.Version }
