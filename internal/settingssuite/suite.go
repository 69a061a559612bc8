// This file holds the entry and what all cases use: a provider, two customers, a division.

package settingssuite

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/testclock"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/settings"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case, each as a subtest with a store of its own.
//
// newStore gives an empty store whose own tables are ready; the suite migrates it with the tables
// of the practice where it is a storage.Migrator. What it opened it closes itself, with t.Cleanup.
// Each store must be apart from all others.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, newStore(t)) })
	}
}

var cases = []struct {
	name string
	run  func(t *testing.T, store storage.Store)
}{
	{"G7AValueComesDownUntilItIsOverridden", comesDown},
	{"G7AClearedOverrideGoesBackToWhatIsInherited", cleared},
	{"G7ALockHoldsBelowUntilItIsUnlocked", locked},
	{"G7APrivateValueStaysInItsTenant", private},
	{"G7MapsAndListsAreMerged", merged},
	{"G7VersionsTellWhoWhenAndWhy", versions},
	{"G7BadInputIsToldAtOnceAndChangesNothing", refused},
	{"G7TheSameKeyGivesTheFirstResult", sameKey},
	{"G7AMovedTenantInheritsAnew", moved},
	{"G7CirclesAndTooManyLevelsAreRefused", circles},
	{"G7AHostsOwnHierarchyIsFollowed", ownHierarchy},
	{"G7APreviewNamesWhomTheActorMayKnow", previewed},
	{"G7TwoTenantsAreCompared", compared},
	{"G7AConfigurationIsImportedWholeOrNotAtAll", imported},
	{"G7ManyTenantsAreReached", many},
	{"G7WorkersAtOnceEndAtTheNewestValue", atOnce},
	{"G7WhatArrivesLateChangesNothing", late},
	{"G7AUnitReadsItsOwnTenantAlone", inAUnit},
	{"G7APersonIsNamedWhereTheHostNamesThem", named},
	{"G7PermissionsAreAsked", permissions},
	{"G7ANewNameComesDown", renamed},
	{"G7G8RandomCommandsKeepToTheModelAndTellNoOtherTenant", model},
}

var (
	text  = settings.Define("desk.text", "default text")
	limit = settings.Define("desk.limit", 10, func(n int) error {
		if n < 0 || n > 100 {
			return errors.New("must be 0 to 100")
		}
		return nil
	}).Titled("Limit")
	keys  = settings.Define("desk.keys", map[string]string{"a": "default a"}).Merging(settings.MergeKeys)
	items = settings.Define("desk.items", []string{"default item"}, func(all []string) error {
		if len(all) > 20 {
			return errors.New("must have at most 20 items")
		}
		return nil
	}).Merging(settings.MergeItems)
	all = []settings.Definition{text, limit, keys, items}
)

const (
	registry  = storage.Tenant("registry")
	msp       = storage.Tenant("msp")
	acme      = storage.Tenant("acme")
	globex    = storage.Tenant("globex")
	logistics = storage.Tenant("acme-logistics")
)

// desk is a host.
type desk struct {
	e     *engine.Engine
	p     *settings.Practice
	clock *testclock.Clock
}

func open(t *testing.T, store storage.Store, o settings.Options) *desk {
	t.Helper()
	d := process(t, store, o, testclock.New(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)))
	require.NoError(t, d.e.Migrate(t.Context()))
	return d
}

// process gives a desk over a store that is ready: one of several processes.
func process(t *testing.T, store storage.Store, o settings.Options, c *testclock.Clock) *desk {
	t.Helper()
	d := &desk{clock: c}
	var err error
	d.e, err = engine.New(store, engine.Options{Clock: d.clock.Now, Attempts: 60})
	require.NoError(t, err)
	o.Settings = all
	if o.Hierarchy == nil {
		o.Registry = registry
	}
	d.p, err = settings.New(d.e, o)
	require.NoError(t, err)
	return d
}

// family is a desk with a provider, two customers and a division, which has run.
func family(t *testing.T, store storage.Store) *desk {
	t.Helper()
	d := open(t, store, settings.Options{})
	for _, x := range [][2]storage.Tenant{{msp, ""}, {acme, msp}, {globex, msp}, {logistics, acme}} {
		d.place(t, x[0], x[1])
	}
	_, err := d.p.Present(t.Context(), owner(msp), settings.Presentation{Name: "Northwind IT"})
	require.NoError(t, err)
	d.settle(t)
	return d
}

func (d *desk) place(t require.TestingT, tenant, parent storage.Tenant) settings.Place {
	place, err := d.p.Place(context.Background(), manager(registry), tenant, settings.Move{Parent: parent})
	require.NoError(t, err)
	require.Equal(t, parent, place.Parent)
	return place
}

// settle does what is due until nothing is, and fails where something failed.
func (d *desk) settle(t require.TestingT) {
	for range 100 {
		ran, err := d.e.Tick(context.Background(), d.clock.Now())
		require.NoError(t, err)
		require.Zero(t, ran.Failed+ran.Dead)
		if ran.Jobs == 0 {
			return
		}
	}
	require.Fail(t, "it never ends")
}

func manager(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
}

func owner(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: itsm.ID("owner of " + string(t)), Roles: []itsm.RoleName{itsm.RoleProcessOwner}}
}

func auditor(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "otto", Roles: []itsm.RoleName{itsm.RoleAuditor}}
}

func (d *desk) setText(t require.TestingT, tenant storage.Tenant, v string) settings.State {
	s, err := text.Set(context.Background(), d.p, owner(tenant), v, itsm.Command{})
	require.NoError(t, err)
	return s
}

func (d *desk) text(t require.TestingT, tenant storage.Tenant) settings.Value[string] {
	v, err := text.Get(context.Background(), d.p, auditor(tenant))
	require.NoError(t, err)
	return v
}

func (d *desk) change(t require.TestingT, tenant storage.Tenant, setting string, a settings.Action) settings.State {
	s, err := d.do(owner(tenant), setting, a, itsm.Command{})
	require.NoError(t, err)
	return s
}

func (d *desk) do(actor itsm.Actor, setting string, a settings.Action, c itsm.Command) (settings.State, error) {
	switch a {
	case settings.ActionClear:
		return d.p.Clear(context.Background(), actor, setting, c)
	case settings.ActionLock:
		return d.p.Lock(context.Background(), actor, setting, c)
	case settings.ActionUnlock:
		return d.p.Unlock(context.Background(), actor, setting, c)
	}
	return settings.State{}, errors.New("no such action")
}

func raw(t require.TestingT, v any) json.RawMessage {
	out, err := json.Marshal(v)
	require.NoError(t, err)
	return out
}

// fields gives the fields of a fault.
func fields(t *testing.T, err error) (found []string) {
	t.Helper()
	require.ErrorIs(t, err, itsm.ErrInvalid)
	var v *storage.ValidationError
	require.ErrorAs(t, err, &v)
	for _, f := range v.Faults {
		found = append(found, f.Field)
	}
	return found
}
