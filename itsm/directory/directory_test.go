package directory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/directorysuite"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func newDesk(t testing.TB, o directory.Options) (*engine.Engine, *directory.Practice) {
	t.Helper()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	e, err := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return now }, Authorizer: directorysuite.Book()})
	require.NoError(t, err)
	p, err := directory.New(e, o)
	require.NoError(t, err)
	return e, p
}

func actor(role itsm.RoleName, id itsm.ID) itsm.Actor {
	return itsm.Actor{Tenant: "acme", ID: id, Name: string(id), Roles: []itsm.RoleName{role}}
}

var admin = actor(itsm.RoleITServiceManager, "mona")

func p[V any](v V) *V { return &v }

// faulty gives the names of the faulty fields.
func faulty(t *testing.T, err error) (fields []string) {
	t.Helper()
	var v *itsm.ValidationError
	require.ErrorAs(t, err, &v)
	for _, f := range v.Faults {
		fields = append(fields, f.Field)
	}
	return fields
}

func TestAPersonIsReadAsItWasAdded(t *testing.T) {
	_, d := newDesk(t, directory.Options{})
	ctx := t.Context()
	_, err := d.AddOrganisation(ctx, admin, directory.NewOrganisation{ID: "works", Name: "Works", VIP: true, Description: "Makes things"})
	require.NoError(t, err)
	_, err = d.AddSite(ctx, admin, directory.NewSite{ID: "house", Name: "House", Address: "Weg 1\n8000 Zürich", Zone: "Europe/Zurich"})
	require.NoError(t, err)
	boss, err := d.AddPerson(ctx, admin, directory.NewPerson{Name: "Boss"})
	require.NoError(t, err)
	got, err := d.AddPerson(ctx, admin, directory.NewPerson{
		ID: "p1", Name: "Rita Roth", Email: "Rita.Roth@Example.com", Emails: []string{"RR@home.example"}, Phone: "+41 44 123 45 67",
		Language: "de-CH", Zone: "Europe/Zurich", Hours: directory.Hours{{Day: time.Monday, From: 480, To: 990}}, VIP: true,
		Organisation: "works", Site: "house", Manager: boss.ID, Skills: []directory.Skill{{Name: "network", Level: 5}}, Capacity: 7,
		Notes: "Prefers the phone",
	})
	require.NoError(t, err)
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	want := directory.Person{
		PersonHead: directory.PersonHead{
			Meta: storage.Meta{Tenant: "acme", ID: "p1", Version: 1, Created: at, Updated: at}, Name: "Rita Roth",
			Email: "rita.roth@example.com", Organisation: "works", Site: "house", Manager: boss.ID, Active: true, VIP: true,
		},
		PersonBody: directory.PersonBody{
			Emails: []string{"rr@home.example"}, Phone: "+41 44 123 45 67", Language: "de-CH", Zone: "Europe/Zurich",
			Hours: directory.Hours{{Day: time.Monday, From: 480, To: 990}}, Skills: []directory.Skill{{Name: "network", Level: 5}},
			Capacity: 7, Notes: "Prefers the phone",
		},
	}
	require.Equal(t, want, got)
	got, err = d.GetPerson(ctx, admin, "p1")
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, []int{5, 0}, []int{got.Skilled("network"), got.Skilled("french")})

	// An edit that changes nothing tells nothing, and one that empties everything does.
	same, err := d.EditPerson(ctx, admin, "p1", directory.PersonEdit{Name: p("Rita Roth"), Email: p("RITA.ROTH@example.com"), Skills: &got.Skills})
	require.NoError(t, err)
	require.Equal(t, want, same)
	bare, err := d.EditPerson(ctx, admin, "p1", directory.PersonEdit{
		Email: p(""), Emails: &[]string{}, Phone: p(""), Language: p(""), Zone: p(""), Hours: &directory.Hours{}, VIP: p(false),
		Organisation: p(itsm.ID("")), Site: p(itsm.ID("")), Manager: p(itsm.ID("")), Skills: &[]directory.Skill{}, Capacity: p(0), Notes: p(""),
	})
	require.NoError(t, err)
	require.Equal(t, directory.PersonHead{Meta: bare.Meta, Name: "Rita Roth", Active: true}, bare.PersonHead)
	require.Equal(t, directory.PersonBody{}, bare.PersonBody)
	require.EqualValues(t, 2, bare.Version)
}

func TestAllFaultsOfAPersonAreToldAtOnce(t *testing.T) {
	e, d := newDesk(t, directory.Options{})
	ctx := t.Context()
	_, err := d.AddPerson(ctx, admin, directory.NewPerson{ID: "taken", Name: "Someone"})
	require.NoError(t, err)
	skills := []directory.Skill{{Name: "a", Level: 0}, {Name: "a", Level: 6}, {Name: " ", Level: 1}}
	hours := directory.Hours{{Day: 7, From: -1, To: 1441}, {Day: 1, From: 60, To: 60}, {Day: 1, From: 60, To: 30}}
	_, err = d.AddPerson(ctx, admin, directory.NewPerson{
		Command: itsm.Command{IfVersion: 3, Reason: "\x00"}, ID: "taken", Name: " ", Email: "Rita <rita@example.com>",
		Emails: []string{"fine@example.com", "", "a\xffb@example.com"}, Phone: strings.Repeat("1", 51), Language: "deutsch-", Zone: "Local",
		Hours: hours, Organisation: "nowhere", Site: "a\x00", Manager: "nobody", Skills: skills, Capacity: -1, Notes: strings.Repeat("n", 4001),
	})
	require.Equal(t, []string{
		"reason", "if_version", "id", "name", "email", "emails[1]", "emails[2]", "phone", "language", "zone",
		"hours[0].day", "hours[0].from", "hours[0].to", "hours[1].to",
		"skills[0].level", "skills[1].name", "skills[1].level", "skills[2].name", "capacity", "notes", "organisation", "site", "manager",
	}, faulty(t, err))
	_, err = d.EditPerson(ctx, admin, "taken", directory.PersonEdit{Name: p(""), Zone: p("Mars"), Site: p(itsm.ID("x")), Manager: p(itsm.ID("taken"))})
	require.Equal(t, []string{"name", "zone", "site", "manager"}, faulty(t, err))
	_, err = d.AddPerson(ctx, admin, directory.NewPerson{ID: "system:x", Name: "A part"})
	require.Equal(t, []string{"id"}, faulty(t, err))
	require.NoError(t, e.View(ctx, admin, func(ctx context.Context, r storage.Reader) error {
		events, err := r.Events(ctx, storage.EventQuery{Limit: 10})
		require.Len(t, events, 1)
		return err
	}))
}

func TestFaultsOfTheOthersAreToldAtOnce(t *testing.T) {
	_, d := newDesk(t, directory.Options{GroupKinds: []string{"support"}})
	ctx := t.Context()
	_, err := d.AddOrganisation(ctx, admin, directory.NewOrganisation{Description: "\x00", Parent: "nowhere"})
	require.Equal(t, []string{"name", "description", "parent"}, faulty(t, err))
	_, err = d.AddSite(ctx, admin, directory.NewSite{Address: "\x00", Zone: "Mars", Parent: "nowhere"})
	require.Equal(t, []string{"name", "address", "zone", "parent"}, faulty(t, err))
	_, err = d.AddGroup(ctx, admin, directory.NewGroup{Kind: "club", Email: "x", Description: "\x00", Lead: "nobody", Parent: "\x00"})
	require.Equal(t, []string{"name", "kind", "email", "description", "lead", "parent"}, faulty(t, err))
	g, err := d.AddGroup(ctx, admin, directory.NewGroup{Name: "Network", Kind: "support", Email: "Net@example.com"})
	require.NoError(t, err)
	require.Equal(t, "net@example.com", g.Email)
	rita, err := d.AddPerson(ctx, admin, directory.NewPerson{Name: "Rita"})
	require.NoError(t, err)
	_, err = d.ChangeMembers(ctx, admin, g.ID, directory.MemberChange{Add: []itsm.ID{rita.ID, "nobody"}})
	require.Equal(t, []string{"add[1]"}, faulty(t, err))
	_, err = d.ChangeMembers(ctx, admin, g.ID, directory.MemberChange{Add: []itsm.ID{rita.ID}, Remove: []itsm.ID{"", rita.ID}})
	require.Equal(t, []string{"remove[0]", "remove[1]"}, faulty(t, err))
	_, err = d.ChangeMembers(ctx, admin, g.ID, directory.MemberChange{Add: make([]itsm.ID, directory.MaxMembers+1)})
	require.Equal(t, []string{"add"}, faulty(t, err))

	_, err = directory.New(nil, directory.Options{ErasedName: strings.Repeat("x", 250), GroupKinds: []string{""}})
	require.Equal(t, []string{"engine", "erased_name", "group_kinds[0]"}, faulty(t, err))
}

func TestLanguages(t *testing.T) {
	_, d := newDesk(t, directory.Options{})
	for tag, fine := range map[string]bool{
		"de": true, "de-CH": true, "gsw-CH": true, "zh-Hant-TW": true, "sr-Latn": true, "sl-rozaj-biske-1994": true, "es-419": true,
		"de-DE-u-co-phonebk": true, "x-whatever": true, "en-a-myext-x-private": true, "zh-cmn-Hans-CN": true,
		"d": false, "de_CH": false, "de-": false, "de--CH": false, "german language": false, "de-419-DE": false, "en-x": false, "de\n": false,
		"en-u": false, "1de": false, "de-abcdefghi": false,
	} {
		_, err := d.AddPerson(t.Context(), admin, directory.NewPerson{Name: "Rita", Language: tag})
		if fine {
			require.NoError(t, err, tag)
		} else {
			require.Equal(t, []string{"language"}, faulty(t, err), tag)
		}
	}
}

func TestTreesHaveNoCyclesAndAreNotTooDeep(t *testing.T) {
	_, d := newDesk(t, directory.Options{})
	ctx := t.Context()
	for _, c := range []struct {
		kind string
		add  func(id, parent itsm.ID) error
		move func(id, parent itsm.ID) error
	}{
		{"organisation", func(id, parent itsm.ID) error {
			_, err := d.AddOrganisation(ctx, admin, directory.NewOrganisation{ID: id, Name: "O", Parent: parent})
			return err
		}, func(id, parent itsm.ID) error {
			_, err := d.EditOrganisation(ctx, admin, id, directory.OrganisationEdit{Parent: &parent})
			return err
		}},
		{"site", func(id, parent itsm.ID) error {
			_, err := d.AddSite(ctx, admin, directory.NewSite{ID: id, Name: "S", Parent: parent})
			return err
		}, func(id, parent itsm.ID) error {
			_, err := d.EditSite(ctx, admin, id, directory.SiteEdit{Parent: &parent})
			return err
		}},
		{"group", func(id, parent itsm.ID) error {
			_, err := d.AddGroup(ctx, admin, directory.NewGroup{ID: id, Name: "G", Parent: parent})
			return err
		}, func(id, parent itsm.ID) error {
			_, err := d.EditGroup(ctx, admin, id, directory.GroupEdit{Parent: &parent})
			return err
		}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			level := func(n int) itsm.ID {
				if n == 0 {
					return ""
				}
				return itsm.ID(fmt.Sprintf("l%d", n))
			}
			for n := 1; n <= directory.MaxDepth; n++ {
				require.NoError(t, c.add(level(n), level(n-1)))
			}
			require.Equal(t, []string{"parent"}, faulty(t, c.add("deeper", level(directory.MaxDepth))))
			require.Equal(t, []string{"parent"}, faulty(t, c.move(level(1), level(1))))
			require.Equal(t, []string{"parent"}, faulty(t, c.move(level(1), level(7))))
			// A tree of two levels fits under the eighth level and not under the ninth.
			require.NoError(t, c.add("top", ""))
			require.NoError(t, c.add("under", "top"))
			require.Equal(t, []string{"parent"}, faulty(t, c.move("top", level(directory.MaxDepth-1))))
			require.NoError(t, c.move("top", level(directory.MaxDepth-2)))
			require.NoError(t, c.move(level(2), ""))
			require.NoError(t, c.move(level(1), "under"))
			require.ErrorIs(t, c.move("nothing", ""), itsm.ErrNotFound)
		})
	}
}

func TestChangesOfWhatIsNotPersonalAreToldInFull(t *testing.T) {
	_, d := newDesk(t, directory.Options{})
	ctx := t.Context()
	_, err := d.AddOrganisation(ctx, admin, directory.NewOrganisation{ID: "o1", Name: "Works"})
	require.NoError(t, err)
	rita, err := d.AddPerson(ctx, admin, directory.NewPerson{Name: "Rita", Phone: "1"})
	require.NoError(t, err)
	_, err = d.EditPerson(ctx, admin, rita.ID, directory.PersonEdit{Command: itsm.Command{Reason: "Moved"}, Organisation: p(itsm.ID("o1")), Phone: p("2"), Active: p(false)})
	require.NoError(t, err)
	events, err := d.History(ctx, admin, rita.Ref(), storage.EventPosition{}, 0)
	require.NoError(t, err)
	require.Len(t, events, 2)
	require.Equal(t, []itsm.Change{
		{Field: "active", Old: []byte("true"), New: []byte("false")},
		{Field: "organisation", Old: []byte(`""`), New: []byte(`"o1"`)},
		{Field: "phone"},
	}, events[1].Changes)
	require.Equal(t, "Moved", events[1].Reason)
	require.Equal(t, directory.PersonEdited{}, events[1].Data)

	g, err := d.AddGroup(ctx, admin, directory.NewGroup{Name: "Network"})
	require.NoError(t, err)
	g, err = d.ChangeMembers(ctx, admin, g.ID, directory.MemberChange{Add: []itsm.ID{rita.ID, rita.ID}})
	require.NoError(t, err)
	require.Equal(t, 1, g.Size)
	same, err := d.ChangeMembers(ctx, admin, g.ID, directory.MemberChange{Add: []itsm.ID{rita.ID}, Remove: []itsm.ID{"nobody"}})
	require.NoError(t, err)
	require.Equal(t, g, same)
	_, err = d.ChangeMembers(ctx, admin, g.ID, directory.MemberChange{Command: itsm.Command{IfVersion: 1}, Remove: []itsm.ID{rita.ID}})
	require.ErrorIs(t, err, itsm.ErrConflict)
	_, err = d.ChangeMembers(ctx, admin, g.ID, directory.MemberChange{Command: itsm.Command{IfVersion: 2}, Remove: []itsm.ID{rita.ID}})
	require.NoError(t, err)
	events, err = d.History(ctx, admin, g.Ref(), storage.EventPosition{}, 0)
	require.NoError(t, err)
	require.Equal(t, []itsm.Payload{
		directory.GroupAdded{}, directory.MembersChanged{Added: []itsm.ID{rita.ID}}, directory.MembersChanged{Removed: []itsm.ID{rita.ID}},
	}, []itsm.Payload{events[0].Data, events[1].Data, events[2].Data})
}

// Every query and command by those who have all, read all, know names, know themselves, and nothing.
func TestWhoMayReadAndDoWhat(t *testing.T) {
	const (
		fine      = ""
		notFound  = "not found"
		forbidden = "forbidden"
	)
	outcome := func(err error) string {
		switch {
		case err == nil:
			return fine
		case errors.Is(err, itsm.ErrNotFound):
			return notFound
		case errors.Is(err, itsm.ErrForbidden):
			return forbidden
		}
		return err.Error()
	}
	people := []itsm.Actor{
		admin, actor(itsm.RoleServiceDeskAnalyst, "ana"), actor(itsm.RoleAuditor, "audra"),
		actor(itsm.RoleProviderTechnician, "theo"), actor(itsm.RoleRequester, "rita"), actor("none", "nick"),
	}
	in := func(a itsm.Actor) itsm.Actor { a.Tenant = "globex"; return a }
	type call func(ctx context.Context, d *directory.Practice, a itsm.Actor) error
	ignore := func(_ any, err error) error { return err }
	for _, c := range []struct {
		name string
		call call
		// In the order of people.
		want [6]string
	}{
		{"a person", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.GetPerson(ctx, a, "bob"))
		}, [6]string{fine, fine, fine, notFound, notFound, notFound}},
		{"the person that one is", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.GetPerson(ctx, a, a.ID))
		}, [6]string{fine, fine, fine, notFound, fine, notFound}},
		{"an organisation", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.GetOrganisation(ctx, a, "o1"))
		}, [6]string{fine, fine, fine, fine, fine, notFound}},
		{"a site", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.GetSite(ctx, a, "s1"))
		}, [6]string{fine, fine, fine, fine, fine, notFound}},
		{"a group", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.GetGroup(ctx, a, "g1"))
		}, [6]string{fine, fine, fine, fine, fine, notFound}},
		{"its members", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.Members(ctx, a, "g1", "", 0))
		}, [6]string{fine, fine, fine, forbidden, forbidden, notFound}},
		{"people", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.ListPeople(ctx, a, storage.Query[directory.PersonHead]{}))
		}, [6]string{fine, fine, fine, forbidden, fine, forbidden}},
		{"organisations", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.ListOrganisations(ctx, a, storage.Query[directory.OrganisationHead]{}))
		}, [6]string{fine, fine, fine, fine, fine, forbidden}},
		{"sites", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.ListSites(ctx, a, storage.Query[directory.SiteHead]{}))
		}, [6]string{fine, fine, fine, fine, fine, forbidden}},
		{"groups", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.ListGroups(ctx, a, storage.Query[directory.GroupHead]{}))
		}, [6]string{fine, fine, fine, fine, fine, forbidden}},
		{"the number of people", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.CountPeople(ctx, a, storage.Filter[directory.PersonHead]{}))
		}, [6]string{fine, fine, fine, forbidden, fine, forbidden}},
		{"the number of organisations", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.CountOrganisations(ctx, a, storage.Filter[directory.OrganisationHead]{}))
		}, [6]string{fine, fine, fine, fine, fine, forbidden}},
		{"the number of sites", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.CountSites(ctx, a, storage.Filter[directory.SiteHead]{}))
		}, [6]string{fine, fine, fine, fine, fine, forbidden}},
		{"the number of groups", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.CountGroups(ctx, a, storage.Filter[directory.GroupHead]{}))
		}, [6]string{fine, fine, fine, fine, fine, forbidden}},
		{"names", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.Names(ctx, a, []itsm.ID{"bob"}))
		}, [6]string{fine, fine, fine, fine, fine, forbidden}},
		{"names to choose", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.FindNames(ctx, a, "B", "", 0))
		}, [6]string{fine, fine, fine, fine, fine, forbidden}},
		{"a person's history", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.History(ctx, a, itsm.Ref{Kind: directory.KindPerson, ID: "bob"}, storage.EventPosition{}, 0))
		}, [6]string{fine, fine, fine, notFound, notFound, notFound}},
		{"the own history", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.History(ctx, a, itsm.Ref{Kind: directory.KindPerson, ID: a.ID}, storage.EventPosition{}, 0))
		}, [6]string{fine, fine, fine, notFound, forbidden, notFound}},
		{"a group's history", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.History(ctx, a, itsm.Ref{Kind: directory.KindGroup, ID: "g1"}, storage.EventPosition{}, 0))
		}, [6]string{fine, fine, fine, forbidden, forbidden, notFound}},

		{"add a person", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.AddPerson(ctx, a, directory.NewPerson{Name: "New"}))
		}, [6]string{fine, forbidden, forbidden, forbidden, forbidden, forbidden}},
		{"add oneself", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.AddPerson(ctx, a, directory.NewPerson{ID: a.ID + "-2", Name: "New"}))
		}, [6]string{fine, forbidden, forbidden, forbidden, forbidden, forbidden}},
		{"edit a person", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.EditPerson(ctx, a, "bob", directory.PersonEdit{Phone: p("2")}))
		}, [6]string{fine, forbidden, forbidden, notFound, notFound, notFound}},
		{"edit oneself", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.EditPerson(ctx, a, a.ID, directory.PersonEdit{Phone: p("2")}))
		}, [6]string{fine, forbidden, forbidden, notFound, forbidden, notFound}},
		{"erase a person", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.ErasePerson(ctx, a, "bob", itsm.Command{}))
		}, [6]string{fine, forbidden, forbidden, notFound, notFound, notFound}},
		{"add an organisation", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.AddOrganisation(ctx, a, directory.NewOrganisation{Name: "New"}))
		}, [6]string{fine, forbidden, forbidden, forbidden, forbidden, forbidden}},
		{"edit an organisation", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.EditOrganisation(ctx, a, "o1", directory.OrganisationEdit{VIP: p(true)}))
		}, [6]string{fine, forbidden, forbidden, forbidden, forbidden, notFound}},
		{"add a site", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.AddSite(ctx, a, directory.NewSite{Name: "New"}))
		}, [6]string{fine, forbidden, forbidden, forbidden, forbidden, forbidden}},
		{"edit a site", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.EditSite(ctx, a, "s1", directory.SiteEdit{Active: p(false)}))
		}, [6]string{fine, forbidden, forbidden, forbidden, forbidden, notFound}},
		{"add a group", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.AddGroup(ctx, a, directory.NewGroup{Name: "New"}))
		}, [6]string{fine, forbidden, forbidden, forbidden, forbidden, forbidden}},
		{"edit a group", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.EditGroup(ctx, a, "g1", directory.GroupEdit{Active: p(false)}))
		}, [6]string{fine, forbidden, forbidden, forbidden, forbidden, notFound}},
		{"change members", func(ctx context.Context, d *directory.Practice, a itsm.Actor) error {
			return ignore(d.ChangeMembers(ctx, a, "g1", directory.MemberChange{Remove: []itsm.ID{"bob"}}))
		}, [6]string{fine, forbidden, forbidden, forbidden, forbidden, notFound}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, a := range people {
				_, d := newDesk(t, directory.Options{})
				fill(t, d, people)
				require.Equal(t, c.want[i], outcome(c.call(t.Context(), d, a)), "%s", a.ID)
				// Nobody of acme, whatever role it has there, reaches the same ids of another tenant.
				if got := outcome(c.call(t.Context(), d, in(a))); i == 0 && strings.HasPrefix(c.name, "add ") {
					require.Equal(t, fine, got)
				} else {
					require.Contains(t, []string{fine, notFound, forbidden}, got)
					if slices.Contains([]string{"a person", "an organisation", "a site", "a group", "its members", "a person's history"}, c.name) {
						require.Equal(t, notFound, got, "%s", a.ID)
					}
				}
			}
		})
	}
}

// fill gives acme one of each kind, and a record to each of those who act.
func fill(t *testing.T, d *directory.Practice, people []itsm.Actor) {
	t.Helper()
	ctx := t.Context()
	_, err := d.AddOrganisation(ctx, admin, directory.NewOrganisation{ID: "o1", Name: "Works"})
	require.NoError(t, err)
	_, err = d.AddSite(ctx, admin, directory.NewSite{ID: "s1", Name: "House"})
	require.NoError(t, err)
	_, err = d.AddPerson(ctx, admin, directory.NewPerson{ID: "bob", Name: "Bob", Email: "bob@example.com", Notes: "Calls often"})
	require.NoError(t, err)
	for _, a := range people {
		_, err = d.AddPerson(ctx, admin, directory.NewPerson{ID: a.ID, Name: strings.ToUpper(string(a.ID)), Email: "x@example.com", Notes: "Secret"})
		require.NoError(t, err)
	}
	_, err = d.AddGroup(ctx, admin, directory.NewGroup{ID: "g1", Name: "Network"})
	require.NoError(t, err)
	_, err = d.ChangeMembers(ctx, admin, "g1", directory.MemberChange{Add: []itsm.ID{"bob"}})
	require.NoError(t, err)
}

func TestARequesterKnowsLittle(t *testing.T) {
	_, d := newDesk(t, directory.Options{})
	ctx, rita := t.Context(), actor(itsm.RoleRequester, "rita")
	fill(t, d, []itsm.Actor{rita, actor("none", "nick")})
	_, err := d.EditPerson(ctx, admin, "nick", directory.PersonEdit{Active: p(false)})
	require.NoError(t, err)

	own, err := d.GetPerson(ctx, rita, "rita")
	require.NoError(t, err)
	require.Equal(t, "x@example.com", own.Email)
	require.Empty(t, own.Notes)
	// No filter tells of anyone else.
	page, err := d.ListPeople(ctx, rita, storage.Query[directory.PersonHead]{Where: storage.AnyOf(directory.PersonByEmail.Is("bob@example.com"), directory.PersonByName.HasPrefix(""))})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, itsm.ID("rita"), page.Items[0].ID)
	n, err := d.CountPeople(ctx, rita, directory.PersonByEmail.Is("bob@example.com"))
	require.NoError(t, err)
	require.EqualValues(t, 0, n[0].Count)

	names, err := d.Names(ctx, rita, []itsm.ID{"nick", "nobody", "bob", "nick"})
	require.NoError(t, err)
	require.Equal(t, []directory.Name{{ID: "nick", Name: "NICK"}, {ID: "bob", Name: "Bob"}}, names)
	found, err := d.FindNames(ctx, rita, "", "", 0)
	require.NoError(t, err)
	require.Equal(t, []directory.Name{{ID: "bob", Name: "Bob"}, {ID: "rita", Name: "RITA"}}, found.Items)
}

// Other practices erase what they copied in a reaction, in the same transaction.
func TestOthersEraseInAReaction(t *testing.T) {
	e, d := newDesk(t, directory.Options{ErasedName: "Gelöschte Person"})
	var told []string
	require.NoError(t, e.Use(engine.Module{Name: "copies", Reactions: []engine.Reaction{
		engine.On(func(ctx context.Context, u *engine.Unit, e itsm.Event, erased directory.PersonErased) error {
			now, err := d.Person(ctx, u, e.Record)
			told = append(told, string(e.Record), erased.Pseudonym, now.Name)
			return err
		}),
	}}))
	rita, err := d.AddPerson(t.Context(), admin, directory.NewPerson{Name: "Rita"})
	require.NoError(t, err)
	erased, err := d.ErasePerson(t.Context(), admin, rita.ID, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, []string{string(rita.ID), erased.Name, erased.Name}, told)
	require.Regexp(t, "^Gelöschte Person [0-9a-f]{8}$", erased.Name)
}
