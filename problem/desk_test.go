package problem_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/problem"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// fixture is the practice over a store in memory, with a clock that stands until moved.
type fixture struct {
	*problem.Practice
	t   testing.TB
	e   *engine.Engine
	now time.Time
}

func open(t testing.TB, o problem.Options, modules ...engine.Module) *fixture {
	t.Helper()
	d := &fixture{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	var err error
	d.e, err = engine.New(memory.New(), engine.Options{Clock: func() time.Time { return d.now }})
	require.NoError(t, err)
	d.Practice, err = problem.New(d.e, o)
	require.NoError(t, err)
	for _, m := range modules {
		require.NoError(t, d.e.Use(m))
	}
	require.NoError(t, d.e.Migrate(t.Context()))
	return d
}

var (
	mona = itsm.Actor{Tenant: "acme", ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleProblemManager}}
	ana  = itsm.Actor{Tenant: "acme", ID: "ana", Name: "Ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}, Groups: []itsm.ID{"desk"}}
	sam  = itsm.Actor{Tenant: "acme", ID: "sam", Name: "Sam", Roles: []itsm.RoleName{itsm.RoleSupportSpecialist}, Groups: []itsm.ID{"network"}}
	olga = itsm.Actor{Tenant: "acme", ID: "olga", Name: "Olga", Roles: []itsm.RoleName{itsm.RoleServiceOwner}}
	rita = itsm.Actor{Tenant: "acme", ID: "rita", Name: "Rita", Roles: []itsm.RoleName{itsm.RoleRequester}}
	pat  = itsm.Actor{Tenant: "acme", ID: "pat", Name: "Pat", Roles: []itsm.RoleName{itsm.RoleProviderTechnician}, Groups: []itsm.ID{"vendor"}}
	gus  = itsm.Actor{Tenant: "globex", ID: "mona", Roles: []itsm.RoleName{itsm.RoleProblemManager}}
)

// register registers a problem of the network group.
func (d *fixture) register(change ...func(*problem.Registration)) problem.Problem {
	d.t.Helper()
	r := problem.Registration{Title: "Mail is delayed every Monday", Source: problem.SourceIncident, Group: "network",
		Symptom: "Mail arrives hours late"}
	for _, fn := range change {
		fn(&r)
	}
	p, err := d.Register(d.t.Context(), mona, r)
	require.NoError(d.t, err)
	return p
}

var (
	relay   = problem.Cause{Text: "The relay runs out of connections", CI: "relay-1"}
	because = func(text string) itsm.Command { return itsm.Command{Reason: text} }
	change1 = itsm.Ref{Kind: "change", ID: "c1"}
)

// in gives a problem in a state of the standard lifecycle.
func (d *fixture) in(s problem.State) problem.Problem {
	d.t.Helper()
	ctx := d.t.Context()
	p := d.register()
	do := func(changed problem.Problem, err error) {
		d.t.Helper()
		require.NoError(d.t, err)
		p = changed
	}
	switch s {
	case problem.StateNew:
		return p
	case problem.StateCancelled:
		do(d.Cancel(ctx, mona, p.ID, because("It is none")))
		return p
	}
	do(d.Accept(ctx, mona, p.ID, problem.Acceptance{Assignee: "sam", Impact: itsm.ImpactMedium, Urgency: itsm.UrgencyHigh}))
	for _, step := range []struct {
		at problem.State
		do func() (problem.Problem, error)
	}{
		{problem.StateAssessed, func() (problem.Problem, error) { return d.Analyse(ctx, mona, p.ID, itsm.Command{}) }},
		{problem.StateAnalysis, func() (problem.Problem, error) {
			if s == problem.StateOnHold {
				return d.Hold(ctx, mona, p.ID, problem.Hold{HoldReason: problem.HoldRecurrence})
			}
			return d.IdentifyCause(ctx, mona, p.ID, problem.IdentifiedCause{Causes: []problem.Cause{relay}})
		}},
		{problem.StateKnownError, func() (problem.Problem, error) {
			return d.PlanFix(ctx, mona, p.ID, problem.PlannedFix{Action: "More connections"})
		}},
		{problem.StateFixInProgress, func() (problem.Problem, error) {
			return d.FixVerified(ctx, mona, p.ID, problem.Verification{Notes: "It has more now"})
		}},
		{problem.StateResolved, func() (problem.Problem, error) {
			d.now = d.now.Add(problem.DefaultObservation)
			return d.Close(ctx, mona, p.ID, problem.Closing{})
		}},
	} {
		if p.State == s {
			break
		}
		if p.State == step.at {
			do(step.do())
		}
	}
	require.Equal(d.t, s, p.State)
	return p
}

func (d *fixture) get(id itsm.ID) problem.Problem {
	d.t.Helper()
	p, err := d.Get(d.t.Context(), mona, id)
	require.NoError(d.t, err)
	return p
}

func (d *fixture) known(id itsm.ID) problem.KnownError {
	d.t.Helper()
	k, err := d.GetKnownError(d.t.Context(), mona, id)
	require.NoError(d.t, err)
	return k
}

// wait moves the clock and lets the jobs run.
func (d *fixture) wait(by time.Duration) engine.Ran {
	d.t.Helper()
	d.now = d.now.Add(by)
	ran, err := d.e.Tick(d.t.Context(), d.now)
	require.NoError(d.t, err)
	require.Zero(d.t, ran.Failed+ran.Dead, "%+v", ran)
	return ran
}

// types gives the types of the events of a problem, in order.
func (d *fixture) types(id itsm.ID) (types []string) {
	d.t.Helper()
	entries, err := d.Timeline(d.t.Context(), mona, id)
	require.NoError(d.t, err)
	for _, e := range entries {
		if e.Event != nil {
			types = append(types, e.Event.Type)
		}
	}
	return types
}

// last gives the last event of a problem.
func (d *fixture) last(id itsm.ID) *itsm.Event {
	d.t.Helper()
	entries, err := d.Timeline(d.t.Context(), mona, id)
	require.NoError(d.t, err)
	return entries[len(entries)-1].Event
}

// snapshot is all that the tenant has stored: to see that nothing changed.
func (d *fixture) snapshot() any {
	d.t.Helper()
	var s struct {
		Problems []problem.Problem
		Known    []problem.KnownError
		Events   []storage.Event
		Jobs     []storage.Job
		Notes    []engine.NoteRecord
		Links    []engine.LinkRecord
	}
	require.NoError(d.t, d.e.View(d.t.Context(), mona, func(ctx context.Context, r storage.Reader) error {
		problems, err := d.Table().Records(ctx, r, storage.Query[problem.Head]{Limit: storage.MaxPage})
		require.NoError(d.t, err)
		known, err := problem.KnownErrorTable.Records(ctx, r, storage.Query[problem.KnownErrorHead]{Limit: storage.MaxPage})
		require.NoError(d.t, err)
		notes, err := engine.NoteTable.Records(ctx, r, storage.Query[engine.NoteHead]{Limit: storage.MaxPage})
		require.NoError(d.t, err)
		links, err := engine.LinkTable.Records(ctx, r, storage.Query[engine.LinkHead]{Limit: storage.MaxPage})
		require.NoError(d.t, err)
		s.Problems, s.Known, s.Notes, s.Links = problems.Items, known.Items, notes.Items, links.Items
		if s.Events, err = r.Events(ctx, storage.EventQuery{Limit: storage.MaxLimit}); err != nil {
			return err
		}
		s.Jobs, err = r.Jobs(ctx, storage.JobQuery{Limit: storage.MaxLimit})
		return err
	}))
	return s
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
