package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// What bounds a check: jobs of a kind that are counted, and kinds of a tenant that are told.
const (
	countedJobs = 100
	toldKinds   = 100
)

// lastKey is the last of all keys, byte by byte.
var lastKey = strings.Repeat("\U0010FFFF", storage.MaxKey/4)

// checkJobs says which kinds of jobs of the tenants nobody handles.
func (e *Engine) checkJobs(ctx context.Context, tenants []storage.Tenant) error {
	var faults itsm.Faults
	for _, tenant := range tenants {
		var found []itsm.Fault
		err := e.reading(ctx, func(ctx context.Context) error {
			return e.store.View(ctx, []storage.Tenant{tenant}, func(ctx context.Context, r storage.Reader) (err error) {
				found, err = e.unhandled(ctx, r, tenant)
				return err
			})
		})
		if err != nil {
			return err
		}
		for _, f := range found {
			faults.Add(f.Field, f.Problem)
		}
	}
	return faults.Err("engine")
}

// unhandled steps from kind to kind. However many jobs there are it reads one of each kind, and
// countedJobs at most of a kind that nobody handles.
func (e *Engine) unhandled(ctx context.Context, r storage.Reader, tenant storage.Tenant) (found []itsm.Fault, err error) {
	after := storage.Job{Tenant: tenant}
	for len(found) < toldKinds {
		first, err := r.Jobs(ctx, storage.JobQuery{After: after, Limit: 1})
		if err != nil || len(first) == 0 {
			return found, err
		}
		kind := first[0].Kind
		after.Kind, after.Key = kind, lastKey
		if slices.Contains(e.r.kinds, kind) {
			continue
		}
		jobs, err := r.Jobs(ctx, storage.JobQuery{Kind: kind, Limit: countedJobs})
		if err != nil {
			return nil, err
		}
		many := ""
		if len(jobs) == countedJobs {
			many = " or more"
		}
		found = append(found, itsm.Fault{Field: "jobs." + kind,
			Problem: fmt.Sprintf("has no handler: %d%s in tenant %s never run", len(jobs), many, tenant)})
	}
	return found, nil
}
