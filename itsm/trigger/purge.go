// This file holds how long firings are kept.

package trigger

import (
	"context"
	"time"

	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// DefaultRetention is how long firings are kept where the options say nothing.
const DefaultRetention = 90 * 24 * time.Hour

const minRetention = 7 * 24 * time.Hour

// The purge runs once a day in each tenant that has firings.
const (
	jobPurge   = "trigger.purge"
	purgeKey   = "old"
	purgeEvery = 24 * time.Hour
	purgeSize  = 200
)

// letters is the kind of the dead letters of what is delivered to the practice's subscriber.
const letters = "letter." + Kind

// purgeTask is the payload of the job: where the last one of today stopped.
type purgeTask struct {
	After storage.Cursor `json:"after,omitempty"`
}

// purgeScheduled is what a unit remembers by that it has seen to it.
type purgeScheduled struct{}

// schedulePurge has old firings purged, where that is not scheduled yet.
func (p *Practice) schedulePurge(ctx context.Context, u *engine.Unit) error {
	if u.Remembered(purgeScheduled{}) != nil {
		return nil
	}
	u.Remember(purgeScheduled{}, "", true)
	jobs, err := u.Jobs(ctx, storage.JobQuery{Kind: jobPurge, Key: purgeKey, Limit: 1})
	if err != nil || len(jobs) > 0 && !jobs[0].Dead {
		return err
	}
	return u.Schedule(ctx, engine.Task{Kind: jobPurge, Key: purgeKey, Due: u.Now().Add(purgeEvery)})
}

// purge deletes some firings older than the retention. As a firing is also the mark that keeps its trigger
// from firing again for the event, it stays while the event can still be delivered: none goes while there is
// a dead letter of a delivery, or when nothing was run for long, so that there may be much to deliver.
// One that failed stays as long as its job, which may be a dead letter.
func (p *Practice) purge(ctx context.Context, u *engine.Unit, due engine.Due, t purgeTask) error {
	next := engine.Task{Kind: jobPurge, Key: purgeKey, Due: u.Now().Add(purgeEvery), Payload: purgeTask{}}
	dead, err := u.Jobs(ctx, storage.JobQuery{Kind: letters, Limit: 1})
	if err != nil {
		return err
	}
	if len(dead) > 0 || u.Now().Sub(due.At) > purgeEvery {
		return u.Schedule(ctx, next)
	}
	page, err := FiringTable.List(ctx, u, storage.Query[FiringHead]{
		Where: FiringByAt.Below(u.Now().Add(-p.retention)), Order: []storage.Order{FiringByAt.Asc()}, After: t.After, Limit: purgeSize,
	})
	if err != nil {
		return err
	}
	for _, f := range page.Items {
		if f.Outcome == OutcomeFailing {
			jobs, err := u.Jobs(ctx, storage.JobQuery{Kind: jobFire, Key: string(f.ID), Limit: 1})
			if err != nil {
				return err
			}
			if len(jobs) > 0 {
				continue
			}
		}
		if err := u.Quiet().Delete(ctx, FiringTable.Schema(), f.ID, f.Version); err != nil {
			return err
		}
	}
	if page.Next != "" {
		next.Due, next.Payload = u.Now(), purgeTask{After: page.Next}
	} else if left, err := FiringTable.List(ctx, u, storage.Query[FiringHead]{Limit: 1}); err != nil || len(left.Items) == 0 {
		return err
	}
	return u.Schedule(ctx, next)
}
