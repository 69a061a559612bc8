package incident_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// serviceDesk is the practice over a store in memory, with a clock that stands until moved.
type serviceDesk struct {
	*incident.Practice
	t   testing.TB
	e   *engine.Engine
	now time.Time
}

func openDesk(t testing.TB, o incident.Options, modules ...engine.Module) *serviceDesk {
	t.Helper()
	d := &serviceDesk{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	var err error
	d.e, err = engine.New(memory.New(), engine.Options{Clock: func() time.Time { return d.now }})
	require.NoError(t, err)
	d.Practice, err = incident.New(d.e, o)
	require.NoError(t, err)
	for _, m := range modules {
		require.NoError(t, d.e.Use(m))
	}
	require.NoError(t, d.e.Migrate(t.Context()))
	return d
}

var (
	mona = itsm.Actor{Tenant: "acme", ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleIncidentManager}}
	ana  = itsm.Actor{Tenant: "acme", ID: "ana", Name: "Ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}, Groups: []itsm.ID{"desk"}}
	sam  = itsm.Actor{Tenant: "acme", ID: "sam", Name: "Sam", Roles: []itsm.RoleName{itsm.RoleSupportSpecialist}, Groups: []itsm.ID{"network"}}
	rita = itsm.Actor{Tenant: "acme", ID: "rita", Name: "Rita", Roles: []itsm.RoleName{itsm.RoleRequester}}
	rob  = itsm.Actor{Tenant: "acme", ID: "rob", Name: "Rob", Roles: []itsm.RoleName{itsm.RoleRequester}}
	pat  = itsm.Actor{Tenant: "acme", ID: "pat", Name: "Pat", Roles: []itsm.RoleName{itsm.RoleProviderTechnician}, Groups: []itsm.ID{"vendor"}}
)

// report logs an incident of Rita's.
func (d *serviceDesk) report(change ...func(*incident.Report)) incident.Incident {
	d.t.Helper()
	r := incident.Report{Title: "Mail does not arrive", Requester: "rita"}
	for _, fn := range change {
		fn(&r)
	}
	i, err := d.Log(d.t.Context(), mona, r)
	require.NoError(d.t, err)
	return i
}

var fixed = incident.Resolution{Code: incident.CodeFixed, Notes: "Restarted the relay"}

// in gives an incident in a state of the standard lifecycle, assigned to Ana where it can be.
func (d *serviceDesk) in(s incident.State) incident.Incident {
	d.t.Helper()
	ctx := d.t.Context()
	i := d.report()
	do := func(changed incident.Incident, err error) {
		d.t.Helper()
		require.NoError(d.t, err)
		i = changed
	}
	switch s {
	case incident.StateAssigned, incident.StateInProgress, incident.StateOnHold:
		do(d.Assign(ctx, mona, i.ID, incident.Assignment{Group: "desk", Assignee: "ana"}))
	}
	switch s {
	case incident.StateInProgress:
		do(d.Start(ctx, ana, i.ID, itsm.Command{}))
	case incident.StateOnHold:
		do(d.Hold(ctx, ana, i.ID, incident.Hold{HoldReason: incident.HoldCaller, Note: "Which mailbox?", Until: d.now.Add(24 * time.Hour)}))
	case incident.StateResolved:
		do(d.Resolve(ctx, ana, i.ID, fixed))
	case incident.StateClosed:
		do(d.Resolve(ctx, ana, i.ID, fixed))
		do(d.Confirm(ctx, rita, i.ID, itsm.Command{}))
	case incident.StateCancelled:
		do(d.Cancel(ctx, ana, i.ID, incident.Cancellation{Command: itsm.Command{Reason: "Withdrawn"}}))
	}
	require.Equal(d.t, s, i.State)
	return i
}

// get reads an incident as its manager.
func (d *serviceDesk) get(id itsm.ID) incident.Incident {
	d.t.Helper()
	i, err := d.Get(d.t.Context(), mona, id)
	require.NoError(d.t, err)
	return i
}

// wait moves the clock and lets the jobs run.
func (d *serviceDesk) wait(by time.Duration) engine.Ran {
	d.t.Helper()
	d.now = d.now.Add(by)
	ran, err := d.e.Tick(d.t.Context(), d.now)
	require.NoError(d.t, err)
	return ran
}

// last gives the last event of an incident.
func (d *serviceDesk) last(id itsm.ID) *itsm.Event {
	d.t.Helper()
	entries, err := d.Timeline(d.t.Context(), mona, id)
	require.NoError(d.t, err)
	return entries[len(entries)-1].Event
}

// snapshot is all that the tenant has stored of the practice: to see that nothing changed.
type snapshot struct {
	Records []incident.Incident
	Events  []storage.Event
	Jobs    []storage.Job
	Notes   []engine.NoteRecord
	Links   []engine.LinkRecord
}

func (d *serviceDesk) snapshot() snapshot {
	d.t.Helper()
	var s snapshot
	err := d.e.View(d.t.Context(), mona, func(ctx context.Context, r storage.Reader) error {
		records, err := d.Table().Records(ctx, r, storage.Query[incident.Head]{Limit: storage.MaxPage})
		require.NoError(d.t, err)
		notes, err := engine.NoteTable.Records(ctx, r, storage.Query[engine.NoteHead]{Limit: storage.MaxPage})
		require.NoError(d.t, err)
		links, err := engine.LinkTable.Records(ctx, r, storage.Query[engine.LinkHead]{Limit: storage.MaxPage})
		require.NoError(d.t, err)
		s.Records, s.Notes, s.Links = records.Items, notes.Items, links.Items
		if s.Events, err = r.Events(ctx, storage.EventQuery{Limit: storage.MaxLimit}); err != nil {
			return err
		}
		s.Jobs, err = r.Jobs(ctx, storage.JobQuery{Limit: storage.MaxLimit})
		return err
	})
	require.NoError(d.t, err)
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

// reopenDesk is the same store under a program with other options.
func reopenDesk(old *serviceDesk, o incident.Options) *serviceDesk {
	d := &serviceDesk{t: old.t, now: old.now}
	var err error
	d.e, err = engine.New(old.e.Store(), engine.Options{Clock: func() time.Time { return d.now }})
	require.NoError(d.t, err)
	d.Practice, err = incident.New(d.e, o)
	require.NoError(d.t, err)
	require.NoError(d.t, d.e.Migrate(d.t.Context()))
	return d
}
