// This file holds the entry and what all cases use: a practice that keeps calendars, each a family of
// its own, and one that keeps a single notice for a tenant.

package versionedsuite

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/testclock"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case, each as a subtest with a store of its own.
//
// newStore gives an empty store whose own tables are ready; the suite migrates it with the tables
// of the practice where it is a storage.Migrator. What it opened it closes itself, with t.Cleanup.
// Each store must be apart from all others.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t, newStore(t))) })
	}
}

var cases = []struct {
	name string
	run  func(t *testing.T, h *host)
}{
	{"AVersionIsDraftedRevisedActivatedAndRetired", life},
	{"WhatAStateDoesNotPermitIsRefused", transitions},
	{"AFaultySetIsRefusedAndNothingIsKept", refused},
	{"WhatWasSoundIsCheckedAgainBeforeItIsActive", checkedAgain},
	{"FamiliesAreApart", families},
	{"APracticeMayHaveOneFamilyAlone", alone},
	{"WhatIsGivenIsNotKeptByReference", copies},
	{"G7AProvidersVersionIsTheBaseOfItsTenants", published},
	{"G7WhatIsPublishedIsCheckedInEachTenant", publishedInPart},
	{"OfManyActivatedAtOnceOneIsActive", activatedAtOnce},
	{"DraftsAtOnceHaveNumbersOfTheirOwn", draftedAtOnce},
	{"TheSameKeyGivesTheFirstVersion", sameKey},
	{"APracticeReactsInTheTransactionOfTheCommand", reactions},
	{"PermissionsAreAsked", permissions},
	{"ACommandInAUnitIsPartOfIt", nested},
	{"WhatIsFollowedIsMadeReadyOnce", readyOnce},
	{"WhatIsReadyIsOfWhatIsReadThoughAUnitIsUndone", readyUndone},
	{"RandomCommandsOfSeveralTenantsKeepThePromises", runModel},
}

const (
	msp    = itsm.Tenant("msp")
	acme   = itsm.Tenant("acme")
	globex = itsm.Tenant("globex")
)

// calendar is when a service is open.
type calendar struct {
	Days []string `json:"days"`
}

func (calendar) VersionKind() string { return "calendar" }

func (c calendar) Clone() calendar { return calendar{Days: slices.Clone(c.Days)} }

func days(names ...string) calendar { return calendar{Days: names} }

// notice is what a tenant tells its requesters.
type notice struct {
	Text string `json:"text"`
}

func (notice) VersionKind() string { return "notice" }

func (n notice) Clone() notice { return n }

const (
	canRead   itsm.Permission = "calendar.read"
	canManage itsm.Permission = "calendar.manage"
)

var (
	calendars = versioned.Define[calendar]()
	notices   = versioned.Define[notice]()
)

// host keeps both.
type host struct {
	*versioned.Keeper[calendar]
	notices *versioned.Keeper[notice]
	e       *engine.Engine
	clock   *testclock.Clock

	mu sync.Mutex
	// closed are days that no calendar may have, vetoed a family that may not be activated.
	closed []string
	vetoed string
}

var errVeto = errors.New("the practice has a veto")

func (h *host) close(days ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = days
}

func (h *host) check(_ context.Context, u *engine.Unit, family string, stack versioned.Stack, c calendar, f *itsm.Faults) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if u == nil || family == "" || stack == "" {
		f.Add("", "was asked without what it is about")
	}
	if len(c.Days) == 0 {
		f.Add("days", "are required")
	}
	for _, day := range c.Days {
		if slices.Contains(h.closed, day) {
			f.Addf("days", "may not have %s", day)
		}
	}
}

func open(t *testing.T, store storage.Store) *host {
	t.Helper()
	h := &host{clock: testclock.New(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))}
	book, err := itsm.NewRoleBook(
		itsm.Role{Name: "manager", Grants: []itsm.Grant{{Permission: canRead}, {Permission: canManage}}},
		itsm.Role{Name: "reader", Grants: []itsm.Grant{{Permission: canRead}}})
	require.NoError(t, err)
	h.e, err = engine.New(store, engine.Options{Clock: h.clock.Now, Authorizer: book})
	require.NoError(t, err)
	h.Keeper = versioned.New(h.e, calendars, canRead, canManage, versioned.Options[calendar]{
		Family: func(family string, f *itsm.Faults) { f.Key("family", family) },
		Check:  h.check,
	})
	h.notices = versioned.New(h.e, notices, canRead, canManage, versioned.Options[notice]{})
	require.NoError(t, h.e.Use(engine.Module{
		Name:   "calendar",
		Tables: []*storage.Schema{calendars.Schema(), notices.Schema()},
		Events: slices.Concat(versioned.EventTypes[calendar](), versioned.EventTypes[notice]()),
		Reactions: []engine.Reaction{engine.On(func(_ context.Context, _ *engine.Unit, _ itsm.Event, a versioned.Activated[calendar]) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.vetoed != "" && a.Family == h.vetoed {
				return errVeto
			}
			return nil
		})},
	}))
	require.NoError(t, h.e.Migrate(t.Context()))
	return h
}

func person(tenant itsm.Tenant, id itsm.ID, roles ...itsm.RoleName) itsm.Actor {
	return itsm.Actor{Tenant: tenant, ID: id, Roles: roles}
}

func manager(tenant itsm.Tenant) itsm.Actor { return person(tenant, "mona", "manager") }

// provider manages in the tenants too.
func provider(tenants ...itsm.Tenant) itsm.Actor {
	a := manager(msp)
	a.Elsewhere = map[itsm.Tenant]itsm.Membership{}
	for _, t := range tenants {
		a.Elsewhere[t] = itsm.Membership{Roles: []itsm.RoleName{"manager"}}
	}
	return a
}

func (h *host) draft(t *testing.T, actor itsm.Actor, family string, c calendar) versioned.Version[calendar] {
	t.Helper()
	v, err := h.Draft(t.Context(), actor, versioned.Draft[calendar]{Family: family, Set: c})
	require.NoError(t, err)
	return v
}

// follow drafts a calendar and activates it.
func (h *host) follow(t *testing.T, actor itsm.Actor, family string, c calendar) versioned.Version[calendar] {
	t.Helper()
	v, err := h.Activate(t.Context(), actor, h.draft(t, actor, family, c).ID, itsm.Command{})
	require.NoError(t, err)
	return v
}

// all gives the versions of a tenant with their sets, in the order of family, stack and number.
func (h *host) all(t require.TestingT, ctx context.Context, tenant itsm.Tenant) (all []versioned.Version[calendar]) {
	err := h.View(ctx, manager(tenant), func(ctx context.Context, r storage.Reader) error {
		page, err := calendars.Records(ctx, r, storage.Query[versioned.Head]{
			Order: []storage.Order{versioned.ByFamily.Asc(), versioned.ByStack.Asc(), versioned.ByNumber.Asc()}, Limit: storage.MaxPage,
		})
		all = page.Items
		return err
	})
	require.NoError(t, err)
	return all
}

// told gives how many events of calendars the tenant's log has.
func (h *host) told(t require.TestingT, ctx context.Context, tenant itsm.Tenant) (n int) {
	q := storage.EventQuery{Kind: "calendar", Limit: storage.MaxLimit}
	err := h.View(ctx, manager(tenant), func(ctx context.Context, r storage.Reader) error {
		page, err := h.e.History(ctx, r, q)
		n = len(page)
		return err
	})
	require.NoError(t, err)
	require.Less(t, n, storage.MaxLimit)
	return n
}

func fields(t *testing.T, err error) (names []string) {
	t.Helper()
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	for _, f := range invalid.Faults {
		names = append(names, f.Field)
	}
	return names
}
