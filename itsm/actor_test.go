package itsm_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
)

func TestAProvidersActorHasInEachTenantWhatItWasGrantedThere(t *testing.T) {
	a := itsm.Actor{
		Tenant: "provider", ID: "ann", Name: "Ann", Roles: []itsm.RoleName{"incident_manager"}, Groups: []itsm.ID{"noc"},
		Elsewhere: map[itsm.Tenant]itsm.Membership{
			"acme":     {Roles: []itsm.RoleName{"provider_technician"}, Groups: []itsm.ID{"acme-support"}},
			"provider": {Roles: []itsm.RoleName{"it_service_manager"}}, // no effect at home
		},
	}
	acme := a.In("acme")
	require.Equal(t, itsm.Tenant("acme"), acme.Tenant)
	require.Equal(t, itsm.ID("ann"), acme.ID)
	require.Equal(t, "Ann", acme.Name)
	require.True(t, acme.Has("provider_technician"))
	require.False(t, acme.Has("incident_manager"))
	require.True(t, acme.InGroup("acme-support"))
	require.False(t, acme.InGroup("noc"))

	other := acme.In("other")
	require.Empty(t, other.Roles)
	require.Empty(t, other.Groups)
	require.Equal(t, acme, other.In("acme"))

	require.Equal(t, a, a.In("provider"))
	require.Equal(t, a, other.In("provider"))
	require.False(t, other.In("provider").Has("it_service_manager"))

	acme.Roles[0] = "it_service_manager"
	require.Equal(t, itsm.RoleName("provider_technician"), a.In("acme").Roles[0], "a switched actor shares nothing")
}

func TestASystemActorIsNoneInAnotherTenant(t *testing.T) {
	a := itsm.SystemActor("acme", "auto-close")
	require.Equal(t, itsm.Actor{Tenant: "acme", ID: "system:auto-close", Name: "auto-close", System: true}, a)
	require.NoError(t, a.Validate())
	require.False(t, a.In("other").System)
	require.True(t, a.In("other").In("acme").System)
}

func TestAnActorNeedsATenantAndAnID(t *testing.T) {
	require.EqualError(t, itsm.Actor{}.Validate(), "actor: invalid: tenant is required; id is required")
	require.ErrorIs(t, itsm.Actor{Tenant: "a\x00", ID: "x"}.Validate(), itsm.ErrInvalid)
	require.NoError(t, itsm.Actor{Tenant: "acme", ID: "ann"}.Validate())
}

func TestNobodyIsInAGroupWithoutAnID(t *testing.T) {
	require.False(t, itsm.Actor{Groups: []itsm.ID{""}}.InGroup(""))
}

func TestSwitchingTenantsNeverAddsRights(t *testing.T) {
	tenants := []itsm.Tenant{"home", "a", "b", "c"}
	roles := rapid.SliceOfN(rapid.SampledFrom([]itsm.RoleName{"r1", "r2", "r3"}), 0, 3)
	groups := rapid.SliceOfN(rapid.SampledFrom([]itsm.ID{"g1", "g2", "g3"}), 0, 3)
	rapid.Check(t, func(t *rapid.T) {
		a := itsm.Actor{Tenant: "home", ID: "ann", System: rapid.Bool().Draw(t, "system"),
			Roles: roles.Draw(t, "roles"), Groups: groups.Draw(t, "groups"), Elsewhere: map[itsm.Tenant]itsm.Membership{}}
		for _, tenant := range tenants {
			if rapid.Bool().Draw(t, "member") {
				a.Elsewhere[tenant] = itsm.Membership{Roles: roles.Draw(t, "roles there"), Groups: groups.Draw(t, "groups there")}
			}
		}
		now := a
		for _, to := range rapid.SliceOfN(rapid.SampledFrom(tenants), 1, 8).Draw(t, "switches") {
			now = now.In(to)
			want := a.Elsewhere[to]
			if to == "home" {
				want = itsm.Membership{Roles: a.Roles, Groups: a.Groups}
			}
			require.Equal(t, to, now.Tenant)
			require.Equal(t, to == "home" && a.System, now.System)
			require.True(t, slices.Equal(want.Roles, now.Roles), "roles in %s: %v, granted %v", to, now.Roles, want.Roles)
			require.True(t, slices.Equal(want.Groups, now.Groups), "groups in %s", to)
		}
		require.True(t, slices.Equal(a.Roles, now.In("home").Roles))
	})
}
