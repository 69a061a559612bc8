// This file holds the entry and what all cases use: a directory over a store, a clock, people.

package directorysuite

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/testclock"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case, each as a subtest with a store of its own, and then the model test.
//
// newStore gives an empty store whose own tables are ready; the suite migrates it with the tables of
// the practice where it is a storage.Migrator. What it opened it closes itself, with t.Cleanup. Each
// store must be apart from all others.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, newStore) })
	}
	t.Run("Model", func(t *testing.T) { runModel(t, newStore) })
}

var cases = []struct {
	name string
	run  func(t *testing.T, newStore func(*testing.T) storage.Store)
}{
	{"ThePracticeIsADirectory", conformance},
	{"AReactionSeesWhatItsUnitWrote", insideAUnit},
	{"MembersChangedTogetherAreAllKept", membersTogether},
	{"MovesTogetherMakeNoCycle", cyclesTogether},
	{"WhoIsErasedMeanwhileIsInNoGroup", erasedTogether},
	{"TheSameKeyGivesTheFirstResult", sameKey},
	{"PagesShowEachPersonOnce", pages},
	{"G14AnErasedPersonIsInNoStoredByte", erasure},
	{"NotesOfAnErasedAuthorLoseTheName", erasedAuthor},
}

// Book is the roles that the library ships, with the grants of the directory.
func Book() *itsm.RoleBook {
	staff := []itsm.Grant{
		{Permission: directory.PermissionRead}, {Permission: directory.PermissionReadInternal}, {Permission: directory.PermissionReadNames},
	}
	roles := itsm.StandardRoles()
	for i := range roles {
		r := &roles[i]
		switch r.Name {
		case itsm.RoleRequester:
			r.Grants = append(r.Grants, itsm.Grant{Permission: directory.PermissionRead, Scopes: []itsm.Scope{itsm.ScopeRequester}},
				itsm.Grant{Permission: directory.PermissionReadNames})
		case itsm.RoleProviderTechnician:
			r.Grants = append(r.Grants, itsm.Grant{Permission: directory.PermissionReadNames})
		case itsm.RoleITServiceManager, itsm.RoleAuditor: // who have it by patterns
		default:
			r.Grants = append(r.Grants, staff...)
		}
	}
	book, err := itsm.NewRoleBook(roles...)
	if err != nil {
		panic(err)
	}
	return book
}

// desk is the practice over a store.
type desk struct {
	e     *engine.Engine
	p     *directory.Practice
	clock *testclock.Clock
}

func open(t *testing.T, store storage.Store, o engine.Options) *desk {
	t.Helper()
	c := testclock.New(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC))
	o.Clock, o.Authorizer = c.Now, Book()
	e, err := engine.New(store, o)
	require.NoError(t, err)
	p, err := directory.New(e, directory.Options{})
	require.NoError(t, err)
	require.NoError(t, e.Migrate(t.Context()))
	return &desk{e: e, p: p, clock: c}
}

const acme, globex = storage.Tenant("acme"), storage.Tenant("globex")

// The people of a tenant who act.
func manager(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
}

func analyst(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "ana", Name: "Ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
}

func requester(t storage.Tenant, id itsm.ID) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: id, Roles: []itsm.RoleName{itsm.RoleRequester}}
}

// person adds a person of the given id.
func (d *desk) person(t require.TestingT, ctx context.Context, id itsm.ID) directory.Person {
	p, err := d.p.AddPerson(ctx, manager(acme), directory.NewPerson{ID: id, Name: "Person " + string(id)})
	require.NoError(t, err)
	return p
}

func (d *desk) group(t require.TestingT, ctx context.Context, id, parent itsm.ID) directory.Group {
	g, err := d.p.AddGroup(ctx, manager(acme), directory.NewGroup{ID: id, Name: "Group " + string(id), Parent: parent})
	require.NoError(t, err)
	return g
}

// members gives the ids of those who work in a group of acme.
func (d *desk) members(t require.TestingT, ctx context.Context, group itsm.ID) (ids []itsm.ID) {
	err := d.e.View(ctx, manager(acme), func(ctx context.Context, r storage.Reader) error {
		ids = nil
		people, err := d.p.MembersOf(ctx, r, group)
		for _, p := range people {
			ids = append(ids, p.ID)
		}
		return err
	})
	require.NoError(t, err)
	return ids
}

// everything gives all that is stored of a tenant as one text: rows of all tables, events, jobs.
func (d *desk) everything(t require.TestingT, ctx context.Context, tenant storage.Tenant) string {
	var b strings.Builder
	err := d.e.View(ctx, itsm.SystemActor(tenant, "scan"), func(ctx context.Context, r storage.Reader) error {
		b.Reset()
		for _, s := range d.e.Schemas() {
			rows, err := r.Query(ctx, s, storage.RowQuery{Order: []storage.Order{{Column: storage.ColumnID}}, Limit: storage.MaxLimit, Bodies: true})
			if err != nil {
				return err
			}
			if len(rows) == storage.MaxLimit {
				return fmt.Errorf("%s has more rows than are looked at", s.Name())
			}
			for _, row := range rows {
				fmt.Fprintf(&b, "%s %+v %v %s\n", s.Name(), row.Meta, row.Columns, row.Body)
			}
		}
		events, err := r.Events(ctx, storage.EventQuery{Limit: storage.MaxLimit})
		if err != nil {
			return err
		}
		for _, e := range events {
			fmt.Fprintf(&b, "event %s %s %s %s\n", e.Kind, e.Record, e.Type, e.Envelope)
		}
		jobs, err := r.Jobs(ctx, storage.JobQuery{Limit: storage.MaxLimit})
		for _, j := range jobs {
			fmt.Fprintf(&b, "job %s %s %s %s %s\n", j.Kind, j.Key, j.Subject, j.Payload, j.Error)
		}
		if len(events) == storage.MaxLimit || len(jobs) == storage.MaxLimit {
			return fmt.Errorf("there are more events or jobs than are looked at")
		}
		return err
	})
	require.NoError(t, err)
	return b.String()
}
