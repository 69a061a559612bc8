package interaction_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/interactionsuite"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/interaction"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// desk is the practice over a store in memory, with a clock that stands until moved and a host's own
// records to become.
type desk struct {
	*interaction.Practice
	t    testing.TB
	e    *engine.Engine
	host *interactionsuite.Host
	now  time.Time
}

func openDesk(t testing.TB, o interaction.Options) *desk {
	t.Helper()
	d := &desk{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	var err error
	d.e, err = engine.New(memory.New(), engine.Options{Clock: func() time.Time { return d.now }})
	require.NoError(t, err)
	d.host, err = interactionsuite.NewHost(d.e)
	require.NoError(t, err)
	if o.Becomes == nil {
		o.Becomes = interactionsuite.Becomes()
	}
	d.Practice, err = interaction.New(d.e, o)
	require.NoError(t, err)
	require.NoError(t, d.e.Migrate(t.Context()))
	return d
}

var (
	ana  = itsm.Actor{Tenant: "acme", ID: "ana", Name: "Ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}, Groups: []itsm.ID{"desk"}}
	sam  = itsm.Actor{Tenant: "acme", ID: "sam", Name: "Sam", Roles: []itsm.RoleName{itsm.RoleSupportSpecialist}, Groups: []itsm.ID{"network"}}
	rita = itsm.Actor{Tenant: "acme", ID: "rita", Name: "Rita", Roles: []itsm.RoleName{itsm.RoleRequester}}
	rob  = itsm.Actor{Tenant: "acme", ID: "rob", Name: "Rob", Roles: []itsm.RoleName{itsm.RoleRequester}}
)

// call logs a call of Rita's.
func (d *desk) call(change ...func(*interaction.Contact)) interaction.Interaction {
	d.t.Helper()
	r := interaction.Contact{Subject: "Mail is slow", Contact: "rita", Address: "+49 30 1234", Channel: interaction.ChannelPhone}
	for _, fn := range change {
		fn(&r)
	}
	i, err := d.Log(d.t.Context(), ana, r)
	require.NoError(d.t, err)
	return i
}

func (d *desk) last(id itsm.ID) itsm.Event {
	d.t.Helper()
	events, err := d.History(d.t.Context(), itsm.SystemActor("acme", "test"), id)
	require.NoError(d.t, err)
	return events[len(events)-1]
}

// snapshot is all that the tenant has stored: to see that nothing changed.
type snapshot struct {
	Records []interaction.Interaction
	Events  []storage.Event
	Notes   []engine.NoteRecord
	Links   []engine.LinkRecord
	Cases   int64
}

func (d *desk) snapshot() snapshot {
	d.t.Helper()
	var s snapshot
	require.NoError(d.t, d.e.View(d.t.Context(), ana, func(ctx context.Context, r storage.Reader) error {
		records, err := interaction.Table.Records(ctx, r, storage.Query[interaction.Head]{Limit: storage.MaxPage})
		require.NoError(d.t, err)
		notes, err := engine.NoteTable.Records(ctx, r, storage.Query[engine.NoteHead]{Limit: storage.MaxPage})
		require.NoError(d.t, err)
		links, err := engine.LinkTable.Records(ctx, r, storage.Query[engine.LinkHead]{Limit: storage.MaxPage})
		require.NoError(d.t, err)
		s.Records, s.Notes, s.Links = records.Items, notes.Items, links.Items
		s.Events, err = r.Events(ctx, storage.EventQuery{Limit: storage.MaxLimit})
		return err
	}))
	var err error
	s.Cases, err = d.host.Count(d.t.Context(), ana)
	require.NoError(d.t, err)
	return s
}

// faults gives the fields of a validation error, in order.
func faults(t testing.TB, err error) []string {
	t.Helper()
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid, "%v", err)
	var fields []string
	for _, f := range invalid.Faults {
		fields = append(fields, f.Field)
	}
	return fields
}

func ptr[T any](v T) *T { return &v }
