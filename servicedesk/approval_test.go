package servicedesk_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/itsm/approval/ballot"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/webhook"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage"
)

// asked is a policy that asks these.
func asked(sources ...approval.Source) approval.Policy {
	return approval.Policy{Name: "p", Rules: []approval.Rule{{Name: "all", Gates: []approval.Definition{{Name: "gate", Approvers: sources}}}}}
}

func TestApproversAreTheActivePeopleOfTheDirectory(t *testing.T) {
	holders := func(_ context.Context, _ storage.Reader, role itsm.RoleName) ([]itsm.ID, error) {
		if role == itsm.RoleChangeAuthority {
			return []itsm.ID{"rosa", "gone", "nat"}, nil
		}
		return nil, nil
	}
	f := newDesk(t, servicedesk.Config{Holders: holders})
	f.staff(t)
	ctx := t.Context()
	no := false
	_, err := f.Directory.EditPerson(ctx, boss, "nat", directory.PersonEdit{Active: &no})
	require.NoError(t, err)
	i, err := f.Incidents.Log(ctx, boss, incident.Report{Title: "Log in fails", Requester: "rosa"})
	require.NoError(t, err)
	for _, c := range []struct {
		source approval.Source
		want   []itsm.ID
	}{
		{approval.Source{Kind: approval.SourceGroup, Name: "network"}, []itsm.ID{"ned"}},
		{approval.Source{Kind: approval.SourceRole, Name: string(itsm.RoleChangeAuthority)}, []itsm.ID{"rosa"}},
		{approval.Source{Kind: approval.SourcePerson, Name: "ned"}, []itsm.ID{"ned"}},
		{approval.Source{Kind: approval.SourcePerson, Name: "nat"}, nil},
		{approval.Source{Kind: approval.SourcePerson, Name: "gone"}, nil},
		{approval.Source{Kind: approval.SourceGroup, Name: "vip"}, nil},
		{approval.Source{Kind: approval.SourceGroup, Name: "gone"}, nil},
		{approval.Source{Kind: approval.SourceRole, Name: "gone"}, nil},
	} {
		a, err := f.Approvals.Request(ctx, boss, ballot.Request{Parent: i.Ref(), Policy: asked(c.source), Subject: approval.Subject{Hash: "one"}})
		if c.want == nil {
			require.ErrorIs(t, err, itsm.ErrInvalid, c.source)
			require.ErrorContains(t, err, c.source.String(), "the source is told by name")
			continue
		}
		require.NoError(t, err, c.source)
		require.Equal(t, c.want, a.Process.Gates[0].Missing())
	}
	f = newDesk(t, servicedesk.Config{})
	i, err = f.Incidents.Log(ctx, boss, incident.Report{Title: "Log in fails", Requester: "rosa"})
	require.NoError(t, err)
	_, err = f.Approvals.Request(ctx, boss, ballot.Request{Parent: i.Ref(), Policy: asked(approval.Source{Kind: approval.SourceRole, Name: "x"}), Subject: approval.Subject{Hash: "one"}})
	require.ErrorContains(t, err, "Config.Holders")
}

func TestApprovalsAreForThoseWhoMayReadTheRecordOrAreAsked(t *testing.T) {
	f := newDesk(t, servicedesk.Config{})
	f.staff(t)
	ctx := t.Context()
	secret, err := f.Incidents.Log(ctx, boss, incident.Report{Title: "Breach", Requester: "boss", Restricted: true})
	require.NoError(t, err)
	a, err := f.Approvals.Request(ctx, boss, ballot.Request{
		Parent: secret.Ref(), Policy: asked(approval.Source{Kind: approval.SourcePerson, Name: "rosa"}), Subject: approval.Subject{Hash: "one"},
	})
	require.NoError(t, err)
	_, err = f.Approvals.Get(ctx, ada, a.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	page, err := f.Approvals.List(ctx, ada, ballot.Query{})
	require.NoError(t, err)
	require.Empty(t, page.Items)
	_, err = f.Approvals.Get(ctx, rosa, a.ID)
	require.NoError(t, err)
	_, err = f.Approvals.Vote(ctx, rosa, a.ID, ballot.Vote{Choice: approval.ChoiceApprove})
	require.NoError(t, err)
	_, err = f.Incidents.Get(ctx, rosa, secret.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound, "to be asked is not to read the record")
}

func TestEndpointsAreToldOfApprovalsAsOfTheirRecords(t *testing.T) {
	f := newDesk(t, servicedesk.Config{Webhook: hooks(t)})
	f.staff(t)
	ctx := t.Context()
	var plain, trusted hook
	f.endpoint(t, &plain, false)
	f.endpoint(t, &trusted, true)
	for n, restricted := range []bool{true, false} {
		i, err := f.Incidents.Log(ctx, boss, incident.Report{Title: "Breach", Requester: "boss", Restricted: restricted})
		require.NoError(t, err)
		_, err = f.Approvals.Request(ctx, boss, ballot.Request{
			Parent: i.Ref(), Policy: asked(approval.Source{Kind: approval.SourcePerson, Name: "rosa"}), Subject: approval.Subject{Hash: "one"},
		})
		require.NoError(t, err)
		f.settled(t)
		require.Len(t, plain.got, 2*n)
		require.Len(t, trusted.got, 2*(n+1))
	}
}

// endpoint defines one that is told of approvals.
func (f *fixture) endpoint(t *testing.T, h *hook, restricted bool) {
	t.Helper()
	name := "plain"
	if restricted {
		name = "trusted"
	}
	_, _, err := f.Webhooks.Define(t.Context(), boss, webhook.Definition{Name: name, URL: h.url(t), Types: []string{"approval.*"}, Detail: webhook.DetailFull, Restricted: restricted})
	require.NoError(t, err)
}
