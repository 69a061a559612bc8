// This file holds the model: what was decided for what, in a record of its own that shares nothing with the code that it is
// compared with.

package changesuite

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/storage"
)

// modelChange is a change as the model has it: what it is, and who has decided for what.
type modelChange struct {
	id                  itsm.ID
	state               change.State
	held                bool
	rollout             string
	ci                  itsm.ID
	start               int // of the planned window, in hours from the beginning
	requester, assignee itsm.ID
	assessed            bool
	// approved is what somebody approved who had no duty in it, and by whom; it is empty when it counts no more.
	approved   string
	approvedBy itsm.ID
}

// is is all that is to be decided about.
func (m *modelChange) is() string {
	return m.rollout + "/" + string(m.ci) + "/" + time.Duration(m.start).String()
}

func (m *modelChange) asked(person itsm.ID) bool {
	return person != m.requester && person != m.assignee
}

func (m *modelChange) over() bool {
	return slices.Contains([]change.State{change.StateClosed, change.StateCancelled, change.StateRejected}, m.state)
}

// outcome is what a command comes to.
func outcome(err error) string {
	switch {
	case err == nil:
		return "happens"
	case errors.Is(err, itsm.ErrTransition):
		return "refused"
	case errors.Is(err, itsm.ErrInvalid):
		return "invalid"
	case errors.Is(err, itsm.ErrForbidden):
		return "forbidden"
	case errors.Is(err, itsm.ErrNotFound):
		return "not found"
	}
	return err.Error()
}

var (
	people = map[itsm.ID]itsm.Actor{"aude": aude, "otto": otto, "sam": sam}
	voters = []itsm.ID{"aude", "otto", "sam"}
)

// onward is what takes a change on its way, so that many come to be made, and commands are all that there are.
var (
	onward = map[change.State]string{
		change.StateDraft: "submit", change.StateAssessing: "assess", change.StateAuthorising: "vote", change.StateScheduled: "start",
		change.StateImplementing: "complete", change.StateReview: "close",
	}
	commands = []string{"submit", "assess", "vote", "start", "complete", "close", "edit", "edit", "move", "move", "assign", "assign", "hold", "release",
		"return", "reject", "redraft", "cancel"}
)

func runModel(t *testing.T, newStore func(*testing.T) storage.Store) {
	o := open(t, newStore(t))
	ctx := t.Context()
	made := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) { o.random(rt, ctx, made) })
	require.Positive(t, made["start happens"], "nothing was ever implemented, so that nothing was tried: %v", made)
}

// window gives a planned window that begins some hours after an instant.
func window(now time.Time, hours int) change.Window {
	start := now.Add(time.Duration(hours) * time.Hour)
	return change.Window{Start: start, End: start.Add(1000 * time.Hour)}
}

func (o *office) random(rt *rapid.T, ctx context.Context, made map[string]int) {
	base := o.clock.Now()
	m := &modelChange{state: change.StateDraft, rollout: "a", ci: "relay", start: 1, requester: rapid.SampledFrom([]itsm.ID{"sam", "rita"}).Draw(rt, "requester"),
		assignee: rapid.SampledFrom([]itsm.ID{"ian", "aude"}).Draw(rt, "assignee")}
	c := o.draft(rt, ctx, func(r *change.Draft) {
		r.Requester, r.Assignee, r.Planned = m.requester, m.assignee, window(base, m.start)
		r.Plans.Rollout = m.rollout
	})
	m.id = c.ID
	why := itsm.Command{Reason: "so"}
	before := []change.State{change.StateDraft, change.StateAssessing, change.StateAuthorising, change.StateScheduled}
	in := func(states ...change.State) bool { return slices.Contains(states, m.state) }
	// reopened is what an edit does to what was decided.
	reopened := func() {
		m.approved, m.approvedBy = "", ""
		if in(change.StateScheduled) {
			m.state = change.StateAuthorising
		}
		if in(change.StateAssessing) {
			m.assessed = false
		}
	}
	steps := rapid.IntRange(4, 30).Draw(rt, "steps")
	for range steps {
		var err error
		want := "refused"
		name := onward[m.state]
		if m.held {
			name = "release"
		}
		if rapid.IntRange(0, 9).Draw(rt, "strays") > 5 || name == "" {
			name = rapid.SampledFrom(commands).Draw(rt, "command")
		}
		before := slices.Contains(before, m.state)
		free := !m.held
		switch name {
		case "submit":
			if free && in(change.StateDraft) {
				want, m.state = "happens", change.StateAssessing
			}
			_, err = o.p.Submit(ctx, root, m.id, itsm.Command{})
		case "assess":
			if free && in(change.StateAssessing) {
				want, m.state, m.assessed = "happens", change.StateAuthorising, true
			}
			_, err = o.p.Assess(ctx, mona, m.id, change.Finding{Text: "Sound"})
		case "vote":
			person := rapid.SampledFrom(voters).Draw(rt, "voter")
			err = o.vote(ctx, people[person], m.id, approval.ChoiceApprove)
			if free && in(change.StateAuthorising) && m.asked(person) {
				want, m.state, m.approved, m.approvedBy = "happens", change.StateScheduled, m.is(), person
			} else if err != nil {
				want = outcome(err) // in which way it is refused is for the approvals
				require.NotEqual(rt, "happens", want)
			}
		case "start":
			if rapid.Bool().Draw(rt, "wait") {
				o.clock.Advance(time.Hour)
			}
			now := o.clock.Now()
			if free && in(change.StateScheduled) && window(base, m.start).Contains(now) && m.approved == m.is() && m.approvedBy != m.requester && m.approvedBy != m.assignee {
				want, m.state = "happens", change.StateImplementing
			}
			_, err = o.p.Start(ctx, root, m.id, itsm.Command{})
		case "complete":
			if free && in(change.StateImplementing) {
				want, m.state = "happens", change.StateReview
			}
			_, err = o.p.Complete(ctx, root, m.id, change.Completion{Outcome: change.OutcomeSuccessful})
		case "close":
			if free && in(change.StateReview) {
				want, m.state = "happens", change.StateClosed
			}
			_, err = o.p.Close(ctx, root, m.id, change.Closing{Review: "Fine"})
		case "edit":
			e := change.Edit{}
			rollout, ci := m.rollout, m.ci
			if rapid.Bool().Draw(rt, "plan or item") {
				rollout = rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "rollout")
				p := plans
				p.Rollout = rollout
				e.Plans = &p
			} else {
				ci = rapid.SampledFrom([]itsm.ID{"relay", "router"}).Draw(rt, "ci")
				e.CIs = &[]itsm.ID{ci}
			}
			_, err = o.p.Edit(ctx, root, m.id, e)
			other := rollout != m.rollout || ci != m.ci
			switch {
			case !free || m.over():
			case before:
				want = "happens"
				if other {
					m.rollout, m.ci = rollout, ci
					reopened()
				}
			case other:
				want = "invalid"
			default:
				want = "happens"
			}
		case "move":
			hours := rapid.IntRange(0, 3).Draw(rt, "hours")
			_, err = o.p.Edit(ctx, root, m.id, change.Edit{Planned: ptr(window(base, hours))})
			switch {
			case !free || m.over():
			case before:
				want = "happens"
				if hours != m.start {
					m.start = hours
					reopened()
				}
			case hours != m.start:
				want = "invalid"
			default:
				want = "happens"
			}
		case "assign":
			person := rapid.SampledFrom([]itsm.ID{"ian", "aude", "otto"}).Draw(rt, "implementer")
			_, err = o.p.Assign(ctx, root, m.id, change.Assignment{Assignee: person})
			switch {
			case !free || m.over():
			case !before && person == m.approvedBy && person != m.assignee:
				want = "invalid"
			default:
				want = "happens"
				if person == m.approvedBy {
					reopened()
				}
				m.assignee = person
			}
		case "hold":
			if free && !in(change.StateReview) && !m.over() {
				want, m.held = "happens", true
			}
			_, err = o.p.Hold(ctx, mona, m.id, why)
		case "release":
			if m.held {
				want, m.held = "happens", false
			}
			_, err = o.p.Release(ctx, mona, m.id, itsm.Command{})
		case "return", "redraft":
			if free && (in(change.StateAuthorising) || name == "redraft" && in(change.StateAssessing, change.StateScheduled)) {
				want, m.state, m.approved, m.approvedBy, m.assessed = "happens", change.StateDraft, "", "", false
			}
			if name == "return" {
				_, err = o.p.Return(ctx, mona, m.id, why)
			} else {
				_, err = o.p.Redraft(ctx, root, m.id, why)
			}
		case "reject":
			if free && in(change.StateAuthorising) {
				want, m.state = "happens", change.StateRejected
			}
			_, err = o.p.Reject(ctx, mona, m.id, why)
		case "cancel":
			if before {
				want, m.state, m.held = "happens", change.StateCancelled, false
			}
			_, err = o.p.Cancel(ctx, mona, m.id, why)
		}
		require.Equal(rt, want, outcome(err), "%s: %v", name, err)
		made[name+" "+want]++
		got, err := o.p.Get(ctx, root, m.id)
		require.NoError(rt, err)
		require.Equal(rt, m.state, got.State, "after %s", name)
		require.Equal(rt, m.held, got.Held, "after %s", name)
		require.Equal(rt, m.assignee, got.Assignee)
		require.Equal(rt, m.rollout, got.Plans.Rollout)
		require.Equal(rt, []itsm.ID{m.ci}, got.CIs)
		if got.State == change.StateImplementing || got.State == change.StateReview || got.State == change.StateClosed {
			require.Equal(rt, m.approved, m.is(), "it is made, and was not decided for as it is")
			require.NotNil(rt, got.Approved)
			require.Equal(rt, got.Asked.Hash, got.Approved.Hash)
			standing, there, err := o.standing(ctx, m.id)
			require.NoError(rt, err)
			require.True(rt, there)
			require.Equal(rt, approval.StateApproved, standing.State)
			require.Equal(rt, got.Approved.Hash, standing.Hash)
			for _, g := range standing.Process.Gates {
				for _, v := range g.Votes {
					require.NotContains(rt, []itsm.ID{got.Requester, got.Assignee}, v.By, "somebody has decided about their own")
				}
			}
		}
	}
}

func ptr[T any](v T) *T { return &v }
