package engine

import (
	"context"
	"encoding/json"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// own is what the engine itself keeps: keys of commands, notes and links.
func own() Module {
	return Module{
		Name:   "engine",
		Tables: []*storage.Schema{commandTable.Schema(), NoteTable.Schema(), LinkTable.Schema(), revisionTable.Schema()},
		Events: []itsm.EventType{itsm.EventOf[Changed](), itsm.EventOf[Deleted]()},
	}
}

// The permissions that the engine itself asks for.
const (
	// PermissionReadJobs lets read what is due and what has failed.
	PermissionReadJobs itsm.Permission = "job.read"
	// PermissionRetryJobs lets try a dead letter again, or drop it.
	PermissionRetryJobs itsm.Permission = "job.retry"
)

// DeadLetter is a job or a delivery that is not tried any more.
type DeadLetter struct {
	// Job is what was to be done, with what its last attempt said.
	storage.Job
	// Subscriber is who was to be told, empty for what is no delivery.
	Subscriber string
	// Event is the place of the event that it was to be told, for [Engine.History].
	Event storage.EventPosition
}

// DeadLetters gives a page of the dead letters of the actor's tenant, in the order of kind and key.
// Give the job of the last one of a page for the next. It takes [PermissionReadJobs]; what the event of
// a delivery says is for [Engine.History], and for those who may read its record.
func (e *Engine) DeadLetters(ctx context.Context, actor itsm.Actor, after storage.Job, limit int) ([]DeadLetter, error) {
	dead := true
	var jobs []storage.Job
	err := e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, r storage.Reader) error {
		if err := e.r.authorizer.Authorize(ctx, actor, PermissionReadJobs, nil); err != nil {
			return err
		}
		var err error
		jobs, err = r.Jobs(ctx, storage.JobQuery{Dead: &dead, After: after, Limit: limit})
		return err
	})
	if err != nil {
		return nil, err
	}
	letters := make([]DeadLetter, len(jobs))
	for i, j := range jobs {
		letters[i].Job = j
		for _, s := range e.r.subscribers {
			var at place
			if (j.Kind == s.letter() || j.Kind == s.kind()) && json.Unmarshal(j.Payload, &at) == nil {
				letters[i].Subscriber = s.Name
				letters[i].Event = storage.EventPosition{Tenant: j.Tenant, Kind: at.Kind, Record: at.Record, Version: at.Version, N: at.N}
			}
		}
	}
	return letters, nil
}

// RetryDeadLetter makes a dead letter due now, with all attempts before it. None of that kind
// and key is ErrNotFound.
func (e *Engine) RetryDeadLetter(ctx context.Context, actor itsm.Actor, kind, key string) error {
	return e.deadLetter(ctx, actor, kind, key, func(ctx context.Context, u *Unit, j storage.Job) error {
		return u.s.tx.Enqueue(ctx, storage.Job{Kind: j.Kind, Key: j.Key, Subject: j.Subject, Due: u.Now(), Payload: j.Payload})
	})
}

// DropDeadLetter removes a dead letter for good. None of that kind and key is ErrNotFound.
func (e *Engine) DropDeadLetter(ctx context.Context, actor itsm.Actor, kind, key string) error {
	return e.deadLetter(ctx, actor, kind, key, func(ctx context.Context, u *Unit, j storage.Job) error {
		return u.s.tx.Cancel(ctx, j.Kind, j.Key)
	})
}

func (e *Engine) deadLetter(ctx context.Context, actor itsm.Actor, kind, key string, do func(context.Context, *Unit, storage.Job) error) error {
	return e.Update(ctx, actor, func(ctx context.Context, u *Unit) error {
		if err := u.Authorize(ctx, PermissionRetryJobs, nil); err != nil {
			return err
		}
		dead := true
		jobs, err := u.Jobs(ctx, storage.JobQuery{Kind: kind, Key: key, Dead: &dead, Limit: 1})
		if err != nil {
			return err
		}
		if len(jobs) == 0 {
			return &storage.Error{Op: "dead letter", Table: kind, ID: storage.ID(key), Err: storage.ErrNotFound}
		}
		return do(ctx, u, jobs[0])
	})
}
