package change_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// changeDesk is the practice over a store in memory, with a clock that stands until moved.
type changeDesk struct {
	*change.Practice
	t       testing.TB
	e       *engine.Engine
	ballots *ballot.Practice
	tasks   *task.Practice
	now     time.Time
}

func openDesk(t testing.TB, o change.Options, modules ...engine.Module) *changeDesk {
	t.Helper()
	return deskOver(t, memory.New(), o, modules...)
}

func deskOver(t testing.TB, store storage.Store, o change.Options, modules ...engine.Module) *changeDesk {
	t.Helper()
	d := &changeDesk{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	var err error
	d.e, err = engine.New(store, engine.Options{Clock: func() time.Time { return d.now }})
	require.NoError(t, err)
	d.ballots, err = ballot.New(d.e, ballot.Options{Resolve: resolve})
	require.NoError(t, err)
	d.tasks, err = task.New(d.e, task.Options{})
	require.NoError(t, err)
	o.Tasks = d.tasks
	d.Practice, err = change.New(d.e, d.ballots, o)
	require.NoError(t, err)
	for _, m := range modules {
		require.NoError(t, d.e.Use(m))
	}
	require.NoError(t, d.e.Migrate(t.Context()))
	return d
}

// resolve knows the people behind the sources of the shipped policies.
func resolve(_ context.Context, _ storage.Reader, s approval.Source) ([]itsm.ID, error) {
	switch s {
	case approval.Source{Kind: approval.SourceRole, Name: string(itsm.RoleChangeAuthority)}:
		return []itsm.ID{"aude", "otto"}, nil
	case approval.Source{Kind: approval.SourceGroup, Name: change.GroupCAB}:
		return []itsm.ID{"aude", "otto", "olga"}, nil
	}
	return nil, itsm.ErrNotFound
}

var (
	mona = itsm.Actor{Tenant: "acme", ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleChangeManager}}
	sam  = itsm.Actor{Tenant: "acme", ID: "sam", Name: "Sam", Roles: []itsm.RoleName{itsm.RoleSupportSpecialist}, Groups: []itsm.ID{"network"}}
	ian  = itsm.Actor{Tenant: "acme", ID: "ian", Name: "Ian", Roles: []itsm.RoleName{itsm.RoleChangeImplementer}, Groups: []itsm.ID{"network"}}
	aude = itsm.Actor{Tenant: "acme", ID: "aude", Name: "Aude", Roles: []itsm.RoleName{itsm.RoleChangeAuthority}}
	otto = itsm.Actor{Tenant: "acme", ID: "otto", Name: "Otto", Roles: []itsm.RoleName{itsm.RoleChangeAuthority}}
	olga = itsm.Actor{Tenant: "acme", ID: "olga", Name: "Olga", Roles: []itsm.RoleName{itsm.RoleServiceOwner}}
	rita = itsm.Actor{Tenant: "acme", ID: "rita", Name: "Rita", Roles: []itsm.RoleName{itsm.RoleRequester}}
	root = itsm.Actor{Tenant: "acme", ID: "root", Name: "Root", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
)

var plans = change.Plans{Rollout: "Swap the relay", Test: "Send a mail", Backout: "Swap it back"}

// The answers that make a change of low, medium and high risk by the standard model.
var (
	lowRisk    = map[string]string{risk.FactorBackout: risk.BackoutAutomatic, risk.FactorTested: risk.TestedFully, risk.FactorExperience: risk.ExperienceOften}
	mediumRisk = map[string]string{risk.FactorBackout: risk.BackoutManual, risk.FactorTested: risk.TestedNot, risk.FactorExperience: risk.ExperienceSome}
	highRisk   = map[string]string{risk.FactorBackout: risk.BackoutImpossible, risk.FactorTested: risk.TestedFully, risk.FactorExperience: risk.ExperienceOften}
)

// window is from some hours after now, for two hours.
func (d *changeDesk) window(in time.Duration) change.Window {
	return change.Window{Start: d.now.Add(in), End: d.now.Add(in + 2*time.Hour)}
}

// draft drafts a normal change of medium risk, of Sam's, which Ian implements.
func (d *changeDesk) draft(with ...func(*change.Draft)) change.Change {
	d.t.Helper()
	r := change.Draft{
		Title: "Replace the relay", Plans: plans, CIs: []itsm.ID{"relay"}, Group: "network", Assignee: "ian", Requester: "sam",
		Planned: d.window(24 * time.Hour), RiskAnswers: mediumRisk,
	}
	for _, fn := range with {
		fn(&r)
	}
	c, err := d.Draft(d.t.Context(), sam, r)
	require.NoError(d.t, err)
	return c
}

// vote votes in the gate of a change.
func (d *changeDesk) vote(by itsm.Actor, id itsm.ID, choice approval.Choice, reason string) error {
	d.t.Helper()
	page, err := d.ballots.Waiting(d.t.Context(), by, ballot.ApproverQuery{Where: ballot.ApproverByParentID.Is(id)})
	require.NoError(d.t, err)
	if len(page.Items) == 0 {
		return itsm.ErrNotFound
	}
	_, err = d.ballots.Vote(d.t.Context(), by, page.Items[0].Approval, ballot.Vote{Command: itsm.Command{Reason: reason}, Choice: choice})
	return err
}

func (d *changeDesk) approve(id itsm.ID, by ...itsm.Actor) {
	d.t.Helper()
	for _, actor := range by {
		require.NoError(d.t, d.vote(actor, id, approval.ChoiceApprove, ""))
	}
}

// get reads a change as its manager.
func (d *changeDesk) get(id itsm.ID) change.Change {
	d.t.Helper()
	c, err := d.Get(d.t.Context(), root, id)
	require.NoError(d.t, err)
	return c
}

// must gives what a command gave.
func (d *changeDesk) must(c change.Change, err error) change.Change {
	d.t.Helper()
	require.NoError(d.t, err)
	return c
}

var because = itsm.Command{Reason: "As agreed"}

// in gives a change of a type in a state of its standard lifecycle.
func (d *changeDesk) in(of change.Type, s change.State) change.Change {
	d.t.Helper()
	ctx := d.t.Context()
	var c change.Change
	switch of {
	case change.TypeStandard:
		d.template("relay swap")
		c = d.draft(func(r *change.Draft) { r.Template, r.Plans, r.RiskAnswers = "relay swap", change.Plans{}, nil })
	case change.TypeNormal:
		c = d.draft()
	case change.TypeEmergency:
		c = d.draft(func(r *change.Draft) { r.Model, r.Justification = change.ModelEmergency, "Mail is down" })
	case change.TypeRetrospective:
		c = d.must(d.RecordRetrospectively(ctx, mona, change.Retrospective{
			Title: "Restarted the relay", Description: "At night, by telephone", CIs: []itsm.ID{"relay"}, Requester: "sam", Assignee: "ian",
			Done: change.Window{Start: d.now.Add(-2 * time.Hour), End: d.now.Add(-time.Hour)},
		}))
	}
	if s == change.StateDraft && of == change.TypeRetrospective {
		c = d.must(d.Return(ctx, mona, c.ID, because))
	}
	reached := func() bool { return c.State == s }
	step := func(fn func() (change.Change, error)) {
		if !reached() {
			c = d.must(fn())
		}
	}
	switch s {
	case change.StateDraft:
		require.Equal(d.t, s, c.State)
		return c
	case change.StateCancelled:
		return d.must(d.Cancel(ctx, root, c.ID, because))
	}
	if of != change.TypeRetrospective {
		step(func() (change.Change, error) { return d.Submit(ctx, sam, c.ID, itsm.Command{}) })
	}
	if of == change.TypeNormal {
		step(func() (change.Change, error) { return d.Assess(ctx, mona, c.ID, change.Finding{Text: "Sound"}) })
	}
	if s == change.StateRejected {
		return d.must(d.Reject(ctx, mona, c.ID, because))
	}
	if of != change.TypeStandard && !reached() {
		d.approve(c.ID, aude)
		c = d.get(c.ID)
	}
	if of != change.TypeRetrospective {
		step(func() (change.Change, error) {
			d.now = c.PlannedStart.Add(time.Minute)
			return d.Start(ctx, ian, c.ID, itsm.Command{})
		})
		step(func() (change.Change, error) {
			d.now = d.now.Add(time.Minute)
			return d.Complete(ctx, ian, c.ID, change.Completion{Outcome: change.OutcomeSuccessful})
		})
	}
	step(func() (change.Change, error) { return d.Close(ctx, mona, c.ID, change.Closing{Review: "As planned"}) })
	require.Equal(d.t, s, c.State, "of %s", of)
	return c
}

// template has an approved template of the name, drafted by Mona and approved by Aude.
func (d *changeDesk) template(name string, with ...func(*change.Template)) change.Version {
	d.t.Helper()
	ctx := d.t.Context()
	if v, _, err := d.ActiveTemplate(ctx, mona, name); err == nil {
		return v
	}
	t := change.Template{Title: "Swap a relay", Plans: change.Plans{Rollout: "Swap it", Backout: "Swap it back"}, RiskAnswers: lowRisk}
	for _, fn := range with {
		fn(&t)
	}
	v, err := d.DraftTemplate(ctx, mona, change.TemplateDraft{Family: name, Set: t})
	require.NoError(d.t, err)
	v, err = d.ApproveTemplate(ctx, aude, v.ID, itsm.Command{})
	require.NoError(d.t, err)
	return v
}

// last gives the last event of a change.
func (d *changeDesk) last(id itsm.ID) itsm.Event {
	d.t.Helper()
	events, err := d.History(d.t.Context(), root, id)
	require.NoError(d.t, err)
	return events[len(events)-1]
}

// told gives the payload of the last event of a change that is of the type.
func told[E itsm.Payload](d *changeDesk, id itsm.ID) (last E) {
	d.t.Helper()
	events, err := d.History(d.t.Context(), root, id)
	require.NoError(d.t, err)
	found := false
	for _, e := range events {
		if data, is := e.Data.(E); is {
			last, found = data, true
		}
	}
	require.True(d.t, found, "there is no %s", last.EventType())
	return last
}

// faults gives the fields of a validation error, in order.
func faults(t testing.TB, err error) []string {
	t.Helper()
	require.ErrorIs(t, err, itsm.ErrInvalid)
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid, "%v", err)
	var fields []string
	for _, f := range invalid.Faults {
		fields = append(fields, f.Field)
	}
	return fields
}

func ptr[T any](v T) *T { return &v }
