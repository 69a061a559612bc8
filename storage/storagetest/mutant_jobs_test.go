package storagetest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/itsmkit/itsmkit/storage"
)

// Faults of events, jobs, claims, outcomes, numbers and keys.

var eventMutants = []mutant{
	{"a place may be taken twice", []string{"Events/a place is taken once", "Contention/of many events in one place one is kept", modelTest}, func(storage.Store) faults {
		return faults{append: func(ctx context.Context, tx storage.Tx, events ...storage.Event) error {
			if err := tx.Append(ctx, events...); !errors.Is(err, storage.ErrConflict) {
				return err
			}
			return nil
		}}
	}},
	{"versions are ordered as text", []string{"Events/the log is in the order of places"}, func(storage.Store) faults {
		return faults{events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) ([]storage.Event, error) {
			events, err := r.Events(ctx, q)
			slices.SortStableFunc(events, func(a, b storage.Event) int { return cmp.Compare(eventName(a), eventName(b)) })
			return events, err
		}}
	}},
	{"a page of the log begins with its place", []string{"Events/the log is read in pages", "Events/a page of the log goes on after any place", modelTest}, func(storage.Store) faults {
		return faults{events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) ([]storage.Event, error) {
			q.After.N--
			return r.Events(ctx, q)
		}}
	}},
	{"a type hides the others of its page", []string{"Events/the log is read in pages", modelTest}, func(storage.Store) faults {
		return faults{events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) ([]storage.Event, error) {
			types := q.Types
			q.Types = nil
			events, err := r.Events(ctx, q)
			return slices.DeleteFunc(events, func(ev storage.Event) bool { return len(types) > 0 && !slices.Contains(types, ev.Type) }), err
		}}
	}},
	{"kinds without case", []string{"Events/kinds, records and types are compared byte by byte", "Events/the log is narrowed to a kind, a record and types"}, func(storage.Store) faults {
		return faults{events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) ([]storage.Event, error) {
			kind, limit := q.Kind, q.Limit
			q.Kind, q.Limit = "", storage.MaxLimit
			events, err := r.Events(ctx, q)
			events = slices.DeleteFunc(events, func(ev storage.Event) bool { return kind != "" && !strings.EqualFold(kind, ev.Kind) })
			return events[:min(limit, len(events))], err
		}}
	}},
	{"envelopes are normalised", []string{"Events/an event is read as it was appended", modelTest}, func(storage.Store) faults {
		return faults{append: func(ctx context.Context, tx storage.Tx, events ...storage.Event) error {
			events = slices.Clone(events)
			for i := range events {
				var b bytes.Buffer
				if json.Compact(&b, events[i].Envelope) == nil {
					events[i].Envelope = b.Bytes()
				}
			}
			return tx.Append(ctx, events...)
		}}
	}},
	{"an event belongs to the tenant it names", []string{"Events/an event belongs to the unit's tenant"}, func(s storage.Store) faults {
		return faults{append: func(ctx context.Context, tx storage.Tx, events ...storage.Event) error {
			for _, ev := range events {
				if ev.Tenant != "" && ev.Tenant != tx.Tenant() {
					return s.Update(context.Background(), ev.Tenant, func(ctx context.Context, tx storage.Tx) error { return tx.Append(ctx, events...) })
				}
			}
			return tx.Append(ctx, events...)
		}}
	}},
	{"a taken place spoils the unit", []string{"Events/after a place was taken the unit can still be used"}, func(storage.Store) faults {
		spoilt := map[storage.Tx]error{}
		return faults{append: func(ctx context.Context, tx storage.Tx, events ...storage.Event) error {
			if err := spoilt[tx]; err != nil {
				return err
			}
			spoilt[tx] = tx.Append(ctx, events...)
			return spoilt[tx]
		}}
	}},
	{"events go with their record", []string{"Events/the events of a deleted record stay", "Events/an event needs no record", modelTest}, func(storage.Store) faults {
		return faults{events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) ([]storage.Event, error) {
			events, err := r.Events(ctx, q)
			return slices.DeleteFunc(events, func(ev storage.Event) bool {
				_, err := r.Get(ctx, tickets, ev.Tenant, ev.Record)
				return err != nil
			}), err
		}}
	}},
	{"a log without limits", []string{"Input/a page of the log or of jobs has a limit"}, func(storage.Store) faults {
		return faults{events: func(ctx context.Context, r storage.Reader, q storage.EventQuery) ([]storage.Event, error) {
			q.Limit = max(1, min(q.Limit, storage.MaxLimit))
			return r.Events(ctx, q)
		}}
	}},
	{"an envelope that is no JSON becomes null", []string{"Input/an event that is not one is invalid"}, func(storage.Store) faults {
		return faults{append: func(ctx context.Context, tx storage.Tx, events ...storage.Event) error {
			events = slices.Clone(events)
			for i := range events {
				if !json.Valid(events[i].Envelope) {
					events[i].Envelope = []byte("null")
				}
			}
			return tx.Append(ctx, events...)
		}}
	}},
}

var jobMutants = []mutant{
	{"keep replaces", []string{"Jobs/keep leaves due time and payload", "Outcomes/every outcome of every job", modelTest}, enqueueing(func(_ context.Context, _ storage.Tx, j *storage.Job) bool { j.Keep = false; return true })},
	{"keep does nothing", []string{"Jobs/every enqueue raises the generation", "Outcomes/a job enqueued again while it runs is not lost", "Contention/a delivery that is enqueued while it runs is never lost", modelTest}, enqueueing(func(ctx context.Context, tx storage.Tx, j *storage.Job) bool {
		old, there := stored(ctx, tx, j.Kind, j.Key)
		return !(j.Keep && there && !old.Dead)
	})},
	{"keep leaves a dead job dead", []string{"Jobs/keep of a dead job replaces it", modelTest}, enqueueing(func(ctx context.Context, tx storage.Tx, j *storage.Job) bool {
		old, there := stored(ctx, tx, j.Kind, j.Key)
		return !(j.Keep && there && old.Dead)
	})},
	{"a replaced job keeps its payload", []string{"Jobs/a job of the same kind and key is replaced", modelTest}, enqueueing(func(ctx context.Context, tx storage.Tx, j *storage.Job) bool {
		if old, there := stored(ctx, tx, j.Kind, j.Key); there {
			j.Payload = old.Payload
		}
		return true
	})},
	{"a job enqueued again loses its claim", []string{"Outcomes/a job enqueued again while it runs stays claimed", "Outcomes/every outcome of every job", modelTest}, func(storage.Store) faults {
		return faults{enqueue: func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error {
			for _, j := range jobs {
				if old, there := stored(ctx, tx, j.Kind, j.Key); there && !old.Lease.IsZero() && !j.Keep {
					_ = tx.Cancel(ctx, j.Kind, j.Key)
				}
			}
			return tx.Enqueue(ctx, jobs...)
		}}
	}},
	{"what is the store's is the caller's", []string{"Jobs/what is the store's is not taken from the caller"}, func(storage.Store) faults {
		given := map[string]storage.Job{}
		return faults{
			enqueue: func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error {
				for _, j := range jobs {
					given[j.Kind+"/"+j.Key] = j
				}
				return tx.Enqueue(ctx, jobs...)
			},
			jobs: func(ctx context.Context, r storage.Reader, q storage.JobQuery) ([]storage.Job, error) {
				jobs, err := r.Jobs(ctx, q)
				for i, j := range jobs {
					jobs[i].Attempts = given[j.Kind+"/"+j.Key].Attempts
				}
				return jobs, err
			},
		}
	}},
	{"cancel leaves a claimed job", []string{"Jobs/cancel of a claimed job removes it", modelTest}, func(storage.Store) faults {
		return faults{cancel: func(ctx context.Context, tx storage.Tx, kind, key string) error {
			if old, there := stored(ctx, tx, kind, key); there && !old.Lease.IsZero() {
				return nil
			}
			return tx.Cancel(ctx, kind, key)
		}}
	}},
	{"cancel of nothing is an error", []string{"Jobs/cancel removes a job", modelTest}, func(storage.Store) faults {
		return faults{cancel: func(ctx context.Context, tx storage.Tx, kind, key string) error {
			if _, there := stored(ctx, tx, kind, key); !there {
				return storage.ErrNotFound
			}
			return tx.Cancel(ctx, kind, key)
		}}
	}},
	{"dead jobs are claimed", []string{"Jobs/a dead job is enqueued with its attempts and error", "Claims/a subject's dead letter lets the next pass"}, func(storage.Store) faults {
		dead := map[string]storage.Job{}
		return faults{
			enqueue: func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error {
				jobs = slices.Clone(jobs)
				for i, j := range jobs {
					if j.Dead {
						dead[j.Kind+"/"+j.Key] = j
						jobs[i].Dead = false
					}
				}
				return tx.Enqueue(ctx, jobs...)
			},
			jobs: func(ctx context.Context, r storage.Reader, q storage.JobQuery) ([]storage.Job, error) {
				jobs, err := r.Jobs(ctx, q)
				for i, j := range jobs {
					if d, ok := dead[j.Kind+"/"+j.Key]; ok {
						jobs[i].Dead, jobs[i].Attempts, jobs[i].Error = true, d.Attempts, d.Error
					}
				}
				return jobs, err
			},
		}
	}},
	{"a delivery is lost while its job runs", []string{"Outcomes/a job enqueued again while it runs is not lost", "Outcomes/every outcome of every job", "Contention/a delivery that is enqueued while it runs is never lost", modelTest}, func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			err := tx.Finish(ctx, claimed, o)
			if err == nil && o.Done {
				return tx.Cancel(ctx, claimed.Kind, claimed.Key)
			}
			return err
		}}
	}},
	{"a worker completes after its lease", []string{"Claims/a worker that finishes after another has the job meets a conflict", "Outcomes/a claim is finished once", modelTest}, func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			if err := tx.Finish(ctx, claimed, o); !errors.Is(err, storage.ErrConflict) {
				return err
			}
			if o.Done {
				return tx.Cancel(ctx, claimed.Kind, claimed.Key)
			}
			return nil
		}}
	}},
	{"any token finishes a job", []string{"Outcomes/another token does not finish a job", "Claims/a worker that finishes after another has the job meets a conflict", modelTest}, func(s storage.Store) faults {
		tokens := map[string]string{}
		return faults{
			claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
				jobs, err := s.Claim(ctx, c)
				for _, j := range jobs {
					tokens[string(j.Tenant)+"/"+j.Kind+"/"+j.Key] = j.Token
				}
				return jobs, err
			},
			finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
				claimed.Token = tokens[string(claimed.Tenant)+"/"+claimed.Kind+"/"+claimed.Key]
				return tx.Finish(ctx, claimed, o)
			},
		}
	}},
	{"a late worker cannot finish though no other has the job", []string{"Claims/a worker may finish late while no other has the job"}, func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			if claimed.Lease.Before(noon.Add(time.Second)) {
				return storage.ErrConflict
			}
			return tx.Finish(ctx, claimed, o)
		}}
	}},
	{"a finish that clears the payload", []string{"Outcomes/every outcome of every job", modelTest}, finishing(func(o *storage.Outcome) {
		if o.Payload == nil {
			o.Payload = []byte("null")
		}
	})},
	{"a finish that leaves the payload", []string{"Outcomes/every outcome of every job", modelTest}, finishing(func(o *storage.Outcome) { o.Payload = nil })},
	{"a finish that never starts the attempts again", []string{"Outcomes/every outcome of every job", "Claims/every claim adds to the attempts", modelTest}, finishing(func(o *storage.Outcome) { o.Reset = false })},
	{"a finish that always starts the attempts again", []string{"Outcomes/every outcome of every job", "Claims/every claim adds to the attempts", modelTest}, finishing(func(o *storage.Outcome) { o.Reset = true })},
	{"a finish that never makes dead", []string{"Outcomes/every outcome of every job", "Outcomes/a dead letter is kept with what went wrong", modelTest}, finishing(func(o *storage.Outcome) { o.Dead = false })},
	{"a finish that makes dead what was enqueued again", []string{"Outcomes/every outcome of every job", modelTest}, func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			err := tx.Finish(ctx, claimed, o)
			if job, there := stored(ctx, tx, claimed.Kind, claimed.Key); err == nil && there && o.Dead && !o.Done {
				job.Dead = true
				return tx.Enqueue(ctx, job)
			}
			return err
		}}
	}},
	{"a finish whose due time wins over a later enqueue's", []string{"Outcomes/every outcome of every job", modelTest}, func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			err := tx.Finish(ctx, claimed, o)
			if job, there := stored(ctx, tx, claimed.Kind, claimed.Key); err == nil && there && !o.Done && !job.Dead && job.Attempts == 0 {
				job.Due = o.Due
				return tx.Enqueue(ctx, job)
			}
			return err
		}}
	}},
	{"claims of what is not due", []string{"Claims/a claim takes what is due by its instant", modelTest}, func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			c.Now = c.Now.Add(time.Second)
			return s.Claim(ctx, c)
		}}
	}},
	{"claims that do not hold", []string{"Claims/a claimed job is not claimed again before its lease ends", "Contention/workers never share a job"}, func(s storage.Store) faults {
		return faults{
			claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
				jobs, err := s.Claim(ctx, c)
				for _, j := range jobs {
					_ = s.Update(ctx, j.Tenant, func(ctx context.Context, tx storage.Tx) error {
						return tx.Finish(ctx, j, storage.Outcome{Due: j.Due})
					})
				}
				return jobs, err
			},
		}
	}},
	{"attempts are not counted", []string{"Claims/every claim adds to the attempts", modelTest}, func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			jobs, err := s.Claim(ctx, c)
			for i := range jobs {
				jobs[i].Attempts = 1
			}
			return jobs, err
		}}
	}},
	{"claims of any kind", []string{"Claims/a claim is narrowed to kinds", modelTest}, func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			c.Kinds = nil
			return s.Claim(ctx, c)
		}}
	}},
	{"claims without the order of subjects", []string{"Claims/jobs of one subject are taken one at a time in due order", "Claims/a subject waits while its job is claimed", "Claims/a subject orders jobs of every kind", "Contention/workers never have two jobs of one subject", modelTest}, withoutSubjects},
	{"a cancelled job keeps its subject waiting", []string{"Claims/a subject's job that is cancelled lets the next pass", "Claims/a long subject keeps its order whatever becomes of its first job", modelTest}, func(s storage.Store) faults {
		stuck := map[string]bool{}
		return faults{
			cancel: func(ctx context.Context, tx storage.Tx, kind, key string) error {
				if old, there := stored(ctx, tx, kind, key); there {
					stuck[string(tx.Tenant())+"/"+old.Subject] = true
				}
				return tx.Cancel(ctx, kind, key)
			},
			claim: without(s, func(j storage.Job) bool { return j.Subject != "" && stuck[string(j.Tenant)+"/"+j.Subject] }),
		}
	}},
	{"a job that is enqueued again keeps its turn", []string{"Claims/a subject's job that is enqueued again takes its new turn", "Claims/a long subject keeps its order whatever becomes of its first job", modelTest}, enqueueing(func(ctx context.Context, tx storage.Tx, j *storage.Job) bool {
		if old, there := stored(ctx, tx, j.Kind, j.Key); there && j.Subject != "" && old.Subject == j.Subject {
			j.Due = old.Due
		}
		return true
	})},
	{"a job that is enqueued dead keeps its turn", []string{"Claims/a subject's job that is enqueued dead lets the next pass", "Claims/a long subject keeps its order whatever becomes of its first job", modelTest}, func(s storage.Store) faults {
		buried := map[string]bool{}
		return faults{
			enqueue: func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error {
				for _, j := range jobs {
					old, there := stored(ctx, tx, j.Kind, j.Key)
					if there && !old.Dead && j.Dead {
						buried[string(tx.Tenant())+"/"+j.Subject] = true
					}
				}
				return tx.Enqueue(ctx, jobs...)
			},
			claim: without(s, func(j storage.Job) bool { return j.Subject != "" && buried[string(j.Tenant)+"/"+j.Subject] }),
		}
	}},
	{"long subjects run as they were enqueued", []string{"Claims/a long subject keeps its order whatever becomes of its first job", "Claims/many long subjects are worked off in their order"}, enqueueing(func(ctx context.Context, tx storage.Tx, j *storage.Job) bool {
		jobs, err := tx.Jobs(ctx, storage.JobQuery{Subject: j.Subject, Limit: storage.MaxLimit})
		if err == nil && j.Subject != "" && len(jobs) >= 8 {
			for _, old := range jobs {
				if old.Due.After(j.Due) {
					j.Due = old.Due
				}
			}
		}
		return true
	})},
	{"a job of a long subject that is moved behind others keeps its turn", []string{"Claims/a long subject keeps its order whatever becomes of its first job"}, func(s storage.Store) faults {
		length := func(ctx context.Context, tx storage.Tx, subject string) int {
			jobs, err := tx.Jobs(ctx, storage.JobQuery{Subject: subject, Limit: storage.MaxLimit})
			if err != nil || subject == "" {
				return 0
			}
			return len(jobs)
		}
		return faults{enqueue: func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error {
			for _, j := range jobs {
				if old, there := stored(ctx, tx, j.Kind, j.Key); there && length(ctx, tx, j.Subject) > 8 && old.Due.Before(j.Due) && !j.Keep && !j.Dead {
					j.Due = old.Due
				}
				if err := tx.Enqueue(ctx, j); err != nil {
					return err
				}
			}
			return nil
		}}
	}},
	{"claims of a long subject's first job of the kinds", []string{"Claims/a long subject of another kind's first job waits"}, func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			jobs, err := s.Claim(ctx, c)
			if err != nil || len(jobs) > 0 {
				return jobs, err
			}
			c.Kinds, c.Lease = nil, time.Microsecond
			jobs, err = s.Claim(ctx, c)
			return slices.DeleteFunc(jobs, func(j storage.Job) bool { return j.Subject != "long" }), err
		}}
	}},
	{"only some long subjects are looked at", []string{"Claims/many long subjects are worked off in their order"}, func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			given := 0
			return without(s, func(j storage.Job) bool {
				if j.Subject != "" {
					given++
				}
				return given > 8
			})(ctx, c)
		}}
	}},
	{"unfair claims", []string{"Claims/a tenant with much due does not starve the others", "Claims/tenants take turns from one claim to the next"}, func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			limit := c.Limit
			c.Limit = storage.MaxLimit
			jobs, err := s.Claim(ctx, c)
			slices.SortStableFunc(jobs, func(a, b storage.Job) int { return a.Due.Compare(b.Due) })
			for _, j := range jobs[min(limit, len(jobs)):] { // which are given back
				_ = s.Update(ctx, j.Tenant, func(ctx context.Context, tx storage.Tx) error {
					return tx.Finish(ctx, j, storage.Outcome{Due: j.Due})
				})
			}
			return jobs[:min(limit, len(jobs))], err
		}}
	}},
	{"claims of what is due last", []string{"Claims/what is due first is taken first", modelTest}, func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			limit := c.Limit
			c.Limit = storage.MaxLimit
			jobs, err := s.Claim(ctx, c)
			slices.SortStableFunc(jobs, func(a, b storage.Job) int { return b.Due.Compare(a.Due) })
			for _, j := range jobs[min(limit, len(jobs)):] {
				_ = s.Update(ctx, j.Tenant, func(ctx context.Context, tx storage.Tx) error {
					return tx.Finish(ctx, j, storage.Outcome{Due: j.Due, Error: j.Error, Reset: j.Attempts == 1})
				})
			}
			return jobs[:min(limit, len(jobs))], err
		}}
	}},
	{"jobs are listed by when they are due", []string{"Jobs/jobs are listed in the order of tenant, kind and key", modelTest}, func(storage.Store) faults {
		return faults{jobs: func(ctx context.Context, r storage.Reader, q storage.JobQuery) ([]storage.Job, error) {
			jobs, err := r.Jobs(ctx, q)
			slices.SortStableFunc(jobs, func(a, b storage.Job) int { return a.Due.Compare(b.Due) })
			return jobs, err
		}}
	}},
	{"a list of jobs repeats its place", []string{"Jobs/jobs are listed in pages", modelTest}, func(storage.Store) faults {
		return faults{jobs: func(ctx context.Context, r storage.Reader, q storage.JobQuery) ([]storage.Job, error) {
			q.After.Key = q.After.Key[:max(0, len(q.After.Key)-1)]
			return r.Jobs(ctx, q)
		}}
	}},
	{"subjects without case", []string{"Jobs/kinds, keys and subjects are compared byte by byte", "Claims/jobs of one subject are taken one at a time in due order"}, enqueueing(func(_ context.Context, _ storage.Tx, j *storage.Job) bool {
		j.Subject = strings.ToLower(j.Subject)
		return true
	})},
	{"payloads below 64 KiB", []string{"Jobs/a payload may be 64 KiB long"}, enqueueing(func(_ context.Context, _ storage.Tx, j *storage.Job) bool {
		if len(j.Payload) >= 64<<10 {
			j.Payload = nil
		}
		return true
	})},
	{"a bad key is mended", []string{"Input/a job that is not one is invalid"}, enqueueing(func(_ context.Context, _ storage.Tx, j *storage.Job) bool {
		j.Key = strings.ToValidUTF8(j.Key, "?")
		return true
	})},
	{"payloads that are shared with their readers", []string{"Jobs/what a caller does to a job afterwards changes nothing"}, func(storage.Store) faults {
		var shared []byte
		return faults{jobs: func(ctx context.Context, r storage.Reader, q storage.JobQuery) ([]storage.Job, error) {
			jobs, err := r.Jobs(ctx, q)
			for i := range jobs {
				if shared == nil {
					shared = jobs[i].Payload
				}
				jobs[i].Payload = shared
			}
			return jobs, err
		}}
	}},
	{"errors of at most 255 characters", []string{"Outcomes/the error of a failed attempt may be long"}, finishing(func(o *storage.Outcome) {
		characters := []rune(o.Error)
		o.Error = string(characters[:min(len(characters), 255)])
	})},
	{"a job without a claim is finished without a token", []string{"Outcomes/a job that is not claimed cannot be finished"}, func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			if job, there := stored(ctx, tx, claimed.Kind, claimed.Key); there && claimed.Token == "" && job.Lease.IsZero() {
				return tx.Cancel(ctx, claimed.Kind, claimed.Key)
			}
			return tx.Finish(ctx, claimed, o)
		}}
	}},
	{"a claim of any limit", []string{"Claims/a claim that is not one is invalid"}, func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			c.Limit = max(1, min(c.Limit, storage.MaxLimit))
			return s.Claim(ctx, c)
		}}
	}},
	{"a claim that forgets which unit it is in", []string{"Claims/a claim inside an update is invalid"}, func(s storage.Store) faults {
		return faults{claim: func(_ context.Context, c storage.Claim) ([]storage.Job, error) {
			return s.Claim(context.Background(), c)
		}}
	}},
	{"a claim takes one subject for all tenants", []string{"Claims/subjects of different tenants do not wait for each other", modelTest}, func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			jobs, err := s.Claim(ctx, c)
			seen := map[string]bool{}
			return slices.DeleteFunc(jobs, func(j storage.Job) bool {
				twice := j.Subject != "" && seen[j.Subject]
				seen[j.Subject] = true
				return twice
			}), err
		}}
	}},
	{"a claim of one job a tenant", []string{"Claims/jobs without a subject wait for no other", "Claims/a tenant with one subject does not use up the limit", modelTest}, func(s storage.Store) faults {
		return faults{claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			jobs, err := s.Claim(ctx, c)
			seen := map[storage.Tenant]bool{}
			return slices.DeleteFunc(jobs, func(j storage.Job) bool {
				twice := seen[j.Tenant]
				seen[j.Tenant] = true
				return twice
			}), err
		}}
	}},
}

var keyMutants = []mutant{
	{"numbers are given again after a rollback", []string{"Sequences/numbers of units that fail are never used", "Sequences/numbers are unique to many goroutines", modelTest}, func(s storage.Store) faults {
		var mu sync.Mutex
		committed := map[string]int64{}
		open := map[storage.Tx]map[string]int64{}
		return faults{
			update: func(ctx context.Context, tenant storage.Tenant, fn func(ctx context.Context, tx storage.Tx) error) error {
				var unit storage.Tx
				err := s.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error {
					unit = tx
					mu.Lock()
					open[tx] = map[string]int64{}
					mu.Unlock()
					return fn(ctx, tx)
				})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					maps.Copy(committed, open[unit])
				}
				return err
			},
			next: func(_ context.Context, tx storage.Tx, sequence string) (int64, error) {
				mu.Lock()
				defer mu.Unlock()
				name := string(tx.Tenant()) + "/" + sequence
				open[tx][name] = max(open[tx][name], committed[name]) + 1
				return open[tx][name], nil
			},
		}
	}},
	{"one sequence for all tenants", []string{"Sequences/tenants and sequences have numbers of their own"}, func(storage.Store) faults {
		var mu sync.Mutex
		last := map[string]int64{}
		return faults{next: func(_ context.Context, _ storage.Tx, sequence string) (int64, error) {
			mu.Lock()
			defer mu.Unlock()
			last[sequence]++
			return last[sequence], nil
		}}
	}},
	{"numbers go from 0", []string{"Sequences/numbers go from 1 upward", modelTest}, func(storage.Store) faults {
		return faults{next: func(ctx context.Context, tx storage.Tx, sequence string) (int64, error) {
			n, err := tx.Next(ctx, sequence)
			return n - 1, err
		}}
	}},
	{"a cursor key for each reader", []string{"Keys/the cursor key is secret and stays"}, func(storage.Store) faults {
		return faults{key: func(context.Context, storage.Reader) ([]byte, error) {
			key := make([]byte, 32)
			_, err := rand.Read(key)
			return key, err
		}}
	}},
	{"a cursor key that all know", []string{"Keys/the cursor key is secret and stays"}, func(storage.Store) faults {
		return faults{key: func(context.Context, storage.Reader) ([]byte, error) { return make([]byte, 32), nil }}
	}},
	{"every second number is one too few", []string{"Sequences/every number of a unit is another", "Sequences/numbers go from 1 upward", modelTest}, func(storage.Store) faults {
		return faults{next: func(ctx context.Context, tx storage.Tx, sequence string) (int64, error) {
			n, err := tx.Next(ctx, sequence)
			return (n + 1) / 2, err
		}}
	}},
}

// stored gives the unit's job of the name, and whether it is there.
func stored(ctx context.Context, tx storage.Tx, kind, key string) (storage.Job, bool) {
	jobs, err := tx.Jobs(ctx, storage.JobQuery{Kind: kind, Key: key, Limit: 1})
	if err != nil || len(jobs) == 0 {
		return storage.Job{}, false
	}
	return jobs[0], true
}

// finishing makes a finish with another outcome.
func finishing(change func(o *storage.Outcome)) func(storage.Store) faults {
	return func(storage.Store) faults {
		return faults{finish: func(ctx context.Context, tx storage.Tx, claimed storage.Job, o storage.Outcome) error {
			change(&o)
			return tx.Finish(ctx, claimed, o)
		}}
	}
}

// enqueueing makes an enqueue of other jobs; those of which it is false are not enqueued.
func enqueueing(change func(ctx context.Context, tx storage.Tx, j *storage.Job) bool) func(storage.Store) faults {
	return func(storage.Store) faults {
		return faults{enqueue: func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error {
			for _, j := range jobs {
				if change(ctx, tx, &j) {
					if err := tx.Enqueue(ctx, j); err != nil {
						return err
					}
				}
			}
			return nil
		}}
	}
}

// without is a claim that gives back the jobs of which it is told.
func without(s storage.Store, told func(j storage.Job) bool) func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
	return func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
		jobs, err := s.Claim(ctx, c)
		return slices.DeleteFunc(jobs, func(j storage.Job) bool {
			back := told(j)
			if back {
				_ = s.Update(ctx, j.Tenant, func(ctx context.Context, tx storage.Tx) error {
					return tx.Finish(ctx, j, storage.Outcome{Due: j.Due})
				})
			}
			return back
		}), err
	}
}

// withoutSubjects keeps the subjects of jobs aside, where the claim does not see them.
func withoutSubjects(s storage.Store) faults {
	var mu sync.Mutex
	subjects := map[string]string{}
	name := func(t storage.Tenant, j storage.Job) string { return string(t) + "/" + j.Kind + "/" + j.Key }
	restore := func(jobs []storage.Job) {
		mu.Lock()
		defer mu.Unlock()
		for i, j := range jobs {
			jobs[i].Subject = subjects[name(j.Tenant, j)]
		}
	}
	return faults{
		enqueue: func(ctx context.Context, tx storage.Tx, jobs ...storage.Job) error {
			jobs = slices.Clone(jobs)
			mu.Lock()
			for i, j := range jobs {
				if _, there := subjects[name(tx.Tenant(), j)]; !there || !j.Keep {
					subjects[name(tx.Tenant(), j)] = j.Subject
				}
				jobs[i].Subject = ""
			}
			mu.Unlock()
			return tx.Enqueue(ctx, jobs...)
		},
		jobs: func(ctx context.Context, r storage.Reader, q storage.JobQuery) ([]storage.Job, error) {
			jobs, err := r.Jobs(ctx, q)
			restore(jobs)
			return jobs, err
		},
		claim: func(ctx context.Context, c storage.Claim) ([]storage.Job, error) {
			jobs, err := s.Claim(ctx, c)
			restore(jobs)
			return jobs, err
		},
	}
}
