package enginetest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/itsmkit/itsmkit/storage"
)

type jobAsked struct {
	Do    string // claim, enqueue, cancel, finish, again, read
	Key   string
	Token string
	// At is the claim's instant or when the job shall be due, Until when the lease ends; both as
	// counted by the history's clock.
	At, Until int64
}

type jobTold struct {
	Err error
	Job jobState
}

// jobState is a job, or none.
type jobState struct {
	there      bool
	due, until int64
	token      string
	attempts   int
	// raised says that it was enqueued again since it was claimed.
	raised bool
}

func (s jobState) claimed(at int64) bool { return s.token != "" && s.until > at }

// subjectState is the jobs of a subject, in the order of their keys; a job without one stands alone.
type subjectState [3]jobState

// unknownToken stands for that of a claim of which nobody was told.
const unknownToken = "unknown"

// subjectOf gives the subject of a job by its key: s0-1 is of s0, and f0 of none. Place is where it
// stands in the state.
func subjectOf(key string) (subject string, place int) {
	subject, number, has := strings.Cut(key, "-")
	if !has {
		return "", 0
	}
	return subject, int(number[0] - '0')
}

// jobAt gives a moment of the history's clock as an instant.
func jobAt(at int64) time.Time { return noon.Add(time.Duration(at) * time.Microsecond) }

var jobKeys = []string{"s0-0", "s0-1", "s0-2", "s1-0", "s1-1", "s1-2", "f0", "f1", "f2"}

// jobKind gives the kind of a job by its key. Neither the kinds nor the keys are in the order in
// which jobs are due.
func jobKind(key string) string {
	if key[len(key)-1] == '1' {
		return "mail"
	}
	return "timer"
}

// claim gives what becomes of the jobs when one is claimed, and whether it can be.
func (s subjectState) claim(place int, in jobAsked, token string) (subjectState, bool) {
	j := s[place]
	if !j.there || j.due > in.At {
		return s, false
	}
	for i, other := range s {
		if !other.there {
			continue
		}
		if other.claimed(in.At) {
			return s, false
		}
		// Those of one subject are due at the same moment only where they are of one kind and key.
		if i != place && (other.due < j.due || other.due == j.due && earlier(i, place)) {
			return s, false
		}
	}
	j.token, j.until, j.raised = token, in.Until, false
	j.attempts++
	s[place] = j
	return s, true
}

// earlier says which of two jobs of a subject that are due at the same moment comes first.
func earlier(a, b int) bool {
	kind := func(place int) string { return jobKind(fmt.Sprint("s0-", place)) + fmt.Sprint(place) }
	return kind(a) < kind(b)
}

// claimHistory has workers that claim jobs, of which some wait for others of their subject, finish
// them in time or after their leases ended, and enqueue and cancel them meanwhile.
var claimHistory = kindOfHistory{
	name:    "claims",
	schemas: func() []*storage.Schema { return nil },
	part: func(in any) string {
		key := in.(jobAsked).Key
		if subject, _ := subjectOf(key); subject != "" {
			return subject
		}
		return key
	},
	model: porcupine.NondeterministicModel{
		Init: func() []any { return []any{subjectState{}} },
		Step: func(state, input, output any) []any {
			s, in, out := state.(subjectState), input.(jobAsked), output.(jobTold)
			_, place := subjectOf(in.Key)
			then, j := s, s[place]
			held := j.there && in.Token != "" && j.token == in.Token
			switch in.Do {
			case "claim":
				if out.Err == errUnknown { // any of the subject's may have been claimed, of which nobody has the token
					all := []any{s}
					for i := range s {
						if then, can := s.claim(i, in, unknownToken); can {
							all = append(all, then)
						}
					}
					return all
				}
				then, can := s.claim(place, in, out.Job.token)
				if !can || then[place].attempts != out.Job.attempts || then[place].until != out.Job.until || then[place].due != out.Job.due {
					return nil
				}
				return []any{then}
			case "read":
				j.raised = false
				if j.token == unknownToken && out.Job.token != "" {
					j.token = out.Job.token
				}
				if out.Job != j {
					return nil
				}
				return []any{s}
			case "enqueue":
				then[place] = jobState{there: true, due: in.At, until: j.until, token: j.token, raised: j.token != ""}
			case "cancel":
				then[place] = jobState{}
			case "finish":
				switch {
				case held && j.raised:
					then[place] = jobState{there: true, due: j.due}
				case held:
					then[place] = jobState{}
				}
			case "again":
				if held {
					then[place] = jobState{there: true, due: in.At, attempts: j.attempts}
					if j.raised {
						then[place].due = max(in.At, j.due)
					}
				}
			}
			switch refused := (in.Do == "finish" || in.Do == "again") && !held; {
			case out.Err == errUnknown:
				return []any{s, then}
			case refused != (out.Err == errConflict):
				return nil
			}
			return []any{then}
		},
	},
	prepare: func(ctx context.Context, h *history, s storage.Store) error {
		for _, key := range jobKeys {
			if err := jobCommand(ctx, h, 0, s, jobAsked{Do: "enqueue", Key: key, At: h.now()}, storage.Job{}); err != nil {
				return err
			}
		}
		return nil
	},
	client: func(ctx context.Context, h *history, client int, s storage.Store, random *rand.Rand) error {
		var held []storage.Job
		for n := range 60 {
			in := jobAsked{Key: jobKeys[random.IntN(len(jobKeys))]}
			switch at := random.IntN(100); {
			case at < 40 && len(held) < 4:
				jobs, err := claimCommand(ctx, h, client, s, random)
				if err != nil {
					return fmt.Errorf("claim %d: %w", n, err)
				}
				held = append(held, jobs...)
				continue
			case at < 75 && len(held) > 0: // also one that another has by now
				i := random.IntN(len(held))
				job := held[i]
				if held = append(held[:i:i], held[i+1:]...); random.IntN(10) == 0 {
					held = append(held, job) // and finished twice
				}
				in = jobAsked{Do: "finish", Key: job.Key, Token: job.Token}
				if random.IntN(2) == 0 {
					in.Do, in.At = "again", h.now()+int64(random.IntN(20))
				}
				if err := jobCommand(ctx, h, client, s, in, job); err != nil {
					return fmt.Errorf("%+v: %w", in, err)
				}
				continue
			case at < 80:
				in.Do = "cancel"
			case at < 92:
				in.Do, in.At = "enqueue", h.now()+int64(random.IntN(30)-20)
			default:
				in.Do = "read"
			}
			if err := jobCommand(ctx, h, client, s, in, storage.Job{}); err != nil {
				return fmt.Errorf("%+v: %w", in, err)
			}
		}
		return nil
	},
}

// stateOf gives a job as the model has it.
func stateOf(j storage.Job) jobState {
	s := jobState{there: true, due: j.Due.Sub(noon).Microseconds(), token: j.Token, attempts: j.Attempts}
	if j.Token != "" {
		s.until = j.Lease.Sub(noon).Microseconds()
	}
	return s
}

// claimCommand claims. What it does not give could have been claimed by others, so that only what it
// gives is noted.
func claimCommand(ctx context.Context, h *history, client int, s storage.Store, random *rand.Rand) ([]storage.Job, error) {
	asked := h.now()
	in := jobAsked{Do: "claim", At: asked, Until: asked + int64(20+random.IntN(100))}
	c := storage.Claim{Now: jobAt(in.At), Lease: time.Duration(in.Until-in.At) * time.Microsecond, Limit: 1 + random.IntN(3)}
	if random.IntN(3) == 0 {
		c.Kinds = []string{"timer"}
	}
	jobs, err := s.Claim(ctx, c)
	of, nothing, err := conclude(err)
	switch {
	case err != nil || nothing:
		return nil, err
	case of == errUnknown:
		for _, key := range []string{"s0-0", "s1-0", "f0", "f1", "f2"} { // of each part one
			in.Key = key
			h.told(client, asked, in, jobTold{Err: of}, of)
		}
		return nil, nil
	case of != nil:
		return nil, fmt.Errorf("a claim is refused: %w", of)
	}
	for _, j := range jobs {
		in.Key = j.Key
		h.told(client, asked, in, jobTold{Job: stateOf(j)}, nil)
	}
	return jobs, nil
}

// jobCommand gives any other command and notes what it was told.
func jobCommand(ctx context.Context, h *history, client int, s storage.Store, in jobAsked, claimed storage.Job) error {
	var out jobTold
	var err error
	subject, _ := subjectOf(in.Key)
	kind := jobKind(in.Key)
	asked := h.now()
	if in.Do == "read" {
		err = s.Read(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
			jobs, err := r.Jobs(ctx, storage.JobQuery{Kind: kind, Key: in.Key, Limit: 2})
			out.Job = jobState{}
			if len(jobs) > 0 {
				out.Job = stateOf(jobs[0])
			}
			return err
		})
	} else {
		err = s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			switch in.Do {
			case "enqueue":
				return tx.Enqueue(ctx, storage.Job{Kind: kind, Key: in.Key, Subject: subject, Due: jobAt(in.At)})
			case "cancel":
				return tx.Cancel(ctx, kind, in.Key)
			case "again":
				return tx.Finish(ctx, claimed, storage.Outcome{Due: jobAt(in.At), Error: "not yet"})
			}
			return tx.Finish(ctx, claimed, storage.Outcome{Done: true})
		})
	}
	of, nothing, err := conclude(err)
	if err != nil || nothing {
		return err
	}
	if of != nil {
		out.Err = of
	}
	h.told(client, asked, in, out, of)
	return nil
}
