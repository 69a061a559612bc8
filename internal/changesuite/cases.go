// This file holds the cases.

package changesuite

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/storage"
)

func whole(t *testing.T, newStore func(*testing.T) storage.Store) {
	o, ctx := open(t, newStore(t)), t.Context()
	c := o.scheduled(t, ctx)
	require.Equal(t, "CHG0000001", c.Number)
	_, err := o.p.Get(ctx, root.In(globex), c.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound, "another tenant's")
	o.clock.Advance(time.Hour)
	_, err = o.p.Start(ctx, ian, c.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = o.p.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful})
	require.NoError(t, err)
	c, err = o.p.Close(ctx, mona, c.ID, change.Closing{})
	require.NoError(t, err)
	require.True(t, c.Success)
	read, err := o.p.Get(ctx, mona, c.ID)
	require.NoError(t, err)
	require.Equal(t, c, read)
	page, err := o.p.List(ctx, mona, change.Query{Where: storage.AllOf(change.ByOpen.Is(false), change.BySuccess.Is(true))})
	require.NoError(t, err)
	require.Equal(t, []change.Head{c.Head}, page.Items)
	events, err := o.p.History(ctx, mona, c.ID)
	require.NoError(t, err)
	var actions []string
	for _, e := range events {
		actions = append(actions, e.Action)
	}
	require.Equal(t, []string{"draft", "draft", "submit", "assess", "authorise", "start", "complete", "close"}, actions)
}

func held(t *testing.T, newStore func(*testing.T) storage.Store) {
	o, ctx := open(t, newStore(t)), t.Context()
	c := o.draft(t, ctx)
	_, err := o.p.Submit(ctx, root, c.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = o.p.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"})
	require.NoError(t, err)
	one, err := o.tasks.AddTask(ctx, mona, c.Ref(), task.Addition{Item: task.Item{Title: "Back up", Assignee: "ian"}})
	require.NoError(t, err)
	_, err = o.p.Hold(ctx, mona, c.ID, itsm.Command{Reason: "Budget"})
	require.NoError(t, err)
	require.Error(t, o.vote(ctx, aude, c.ID, approval.ChoiceApprove))
	_, err = o.tasks.Resume(ctx, ian, one.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	_, err = o.p.Release(ctx, mona, c.ID, itsm.Command{})
	require.NoError(t, err)
	one, err = o.tasks.Start(ctx, ian, one.ID, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, task.StateInProgress, one.State)
	require.NoError(t, o.vote(ctx, aude, c.ID, approval.ChoiceApprove))
}

func templates(t *testing.T, newStore func(*testing.T) storage.Store) {
	o, ctx := open(t, newStore(t)), t.Context()
	v, err := o.p.DraftTemplate(ctx, mona, change.TemplateDraft{Family: "swap", Set: change.Template{Title: "Swap a relay", Plans: plans}})
	require.NoError(t, err)
	_, err = o.p.ApproveTemplate(ctx, mona, v.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrTransition)
	_, err = o.p.ApproveTemplate(ctx, aude, v.ID, itsm.Command{})
	require.NoError(t, err)
	for n := range 3 {
		_, s, err := o.p.ActiveTemplate(ctx, mona, "swap")
		require.NoError(t, err)
		require.False(t, s.Suspended, "after %d", n)
		c := o.draft(t, ctx, func(r *change.Draft) { r.Template, r.Plans, r.RiskAnswers = "swap", change.Plans{}, nil })
		_, err = o.p.Submit(ctx, root, c.ID, itsm.Command{})
		require.NoError(t, err)
		o.clock.Advance(time.Hour)
		_, err = o.p.Start(ctx, ian, c.ID, itsm.Command{})
		require.NoError(t, err)
		_, err = o.p.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeFailed})
		require.NoError(t, err)
		_, err = o.p.Close(ctx, mona, c.ID, change.Closing{Review: "It broke"})
		require.NoError(t, err)
	}
	page, err := o.p.SuspendedTemplates(ctx, mona, 0, "")
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
}

func measures(t *testing.T, newStore func(*testing.T) storage.Store) {
	o, ctx := open(t, newStore(t)), t.Context()
	from := o.clock.Now()
	for _, outcome := range change.Outcomes() {
		c := o.scheduled(t, ctx, func(r *change.Draft) { r.Deployment, r.ReadyAt = true, o.clock.Now() })
		o.clock.Advance(time.Hour)
		_, err := o.p.Start(ctx, ian, c.ID, itsm.Command{})
		require.NoError(t, err)
		o.clock.Advance(time.Hour)
		_, err = o.p.Complete(ctx, ian, c.ID, change.Completion{Outcome: outcome})
		require.NoError(t, err)
		_, err = o.p.RecordCaused(ctx, itsm.SystemActor(acme, "desk"), c.ID, change.Caused{
			Incident: "i-" + itsm.ID(outcome), Priority: itsm.PriorityLow, Detected: o.clock.Now(), Restored: o.clock.Now().Add(10 * time.Minute),
		})
		require.NoError(t, err)
	}
	m, err := o.p.Measures(ctx, mona, change.Period{From: from, To: o.clock.Now().Add(time.Hour)})
	require.NoError(t, err)
	require.EqualValues(t, 4, m.Implemented)
	require.Equal(t, change.Share{Of: 4}, m.Success)
	require.Equal(t, change.Deployments{All: 4, Stayed: 2, LeadTime: 2 * time.Hour, Failed: change.Share{Of: 4, Part: 4}, Restored: 4, TimeToRestore: 10 * time.Minute}, m.Deployments)
}

func together(t *testing.T, newStore func(*testing.T) storage.Store) {
	o, ctx := open(t, newStore(t)), t.Context()
	const people, each = 4, 5
	var wait sync.WaitGroup
	var mu sync.Mutex
	numbers := map[string]bool{}
	for range people {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for range each {
				c, err := o.p.Draft(ctx, sam, change.Draft{Title: "One of many"})
				mu.Lock()
				if err == nil {
					numbers[c.Number] = true
				} else {
					t.Error(err)
				}
				mu.Unlock()
			}
		}()
	}
	wait.Wait()
	require.Len(t, numbers, people*each)
}

// race has a vote that decides meet an edit outside the envelope: whichever comes first, the change is never authorised for
// what it is not.
func race(t *testing.T, newStore func(*testing.T) storage.Store) {
	o, ctx := open(t, newStore(t)), t.Context()
	for n := range 6 {
		c := o.draft(t, ctx)
		_, err := o.p.Submit(ctx, root, c.ID, itsm.Command{})
		require.NoError(t, err)
		asked, err := o.p.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"})
		require.NoError(t, err)
		var wait sync.WaitGroup
		var voted, edited error
		wait.Add(2)
		go func() {
			defer wait.Done()
			voted = o.voteOn(ctx, aude, c.ID, approval.ChoiceApprove, asked.Asked.Hash)
		}()
		go func() {
			defer wait.Done()
			_, edited = o.p.Edit(ctx, root, c.ID, change.Edit{CIs: &[]itsm.ID{"relay", "router"}})
		}()
		wait.Wait()
		require.NoError(t, edited)
		if voted != nil && !errors.Is(voted, itsm.ErrConflict) && !errors.Is(voted, itsm.ErrTransition) {
			require.NoError(t, voted)
		}
		c, err = o.p.Get(context.WithoutCancel(ctx), root, c.ID)
		require.NoError(t, err)
		require.Equal(t, change.StateAuthorising, c.State, "in round %d", n)
		require.Nil(t, c.Approved)
		require.NotEqual(t, asked.Asked.Hash, c.Asked.Hash)
	}
}
