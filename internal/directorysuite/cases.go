// This file holds the single cases.

package directorysuite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/together"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/directory/directorytest"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// conformance fills the practice by its commands, and holds it to what every directory promises.
func conformance(t *testing.T, newStore func(*testing.T) storage.Store) {
	directorytest.Run(t, func(t *testing.T, content directory.Static) (directory.Directory, storage.Store) {
		store := newStore(t)
		d, ctx, no := open(t, store, engine.Options{}), t.Context(), false
		for tenant, c := range content {
			admin := manager(tenant)
			for _, o := range c.Organisations {
				_, err := d.p.AddOrganisation(ctx, admin, directory.NewOrganisation{ID: o.ID, Name: o.Name, Parent: o.Parent})
				require.NoError(t, err)
			}
			for _, s := range c.Sites {
				_, err := d.p.AddSite(ctx, admin, directory.NewSite{ID: s.ID, Name: s.Name, Parent: s.Parent})
				require.NoError(t, err)
			}
			for _, p := range c.People {
				_, err := d.p.AddPerson(ctx, admin, directory.NewPerson{
					ID: p.ID, Name: p.Name, Email: p.Email, Emails: p.Emails, Organisation: p.Organisation, Site: p.Site,
				})
				require.NoError(t, err)
				if !p.Active {
					_, err = d.p.EditPerson(ctx, admin, p.ID, directory.PersonEdit{Active: &no})
					require.NoError(t, err)
				}
			}
			for _, g := range c.Groups {
				_, err := d.p.AddGroup(ctx, admin, directory.NewGroup{ID: g.ID, Name: g.Name, Parent: g.Parent})
				require.NoError(t, err)
				_, err = d.p.ChangeMembers(ctx, admin, g.ID, directory.MemberChange{Add: c.Members[g.ID]})
				require.NoError(t, err)
				if !g.Active {
					_, err = d.p.EditGroup(ctx, admin, g.ID, directory.GroupEdit{Active: &no})
					require.NoError(t, err)
				}
			}
		}
		return d.p, store
	})
}

func insideAUnit(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), engine.Options{}), t.Context()
	d.person(t, ctx, "p1")
	d.group(t, ctx, "g1", "")
	broken := errors.New("the host changed its mind")
	require.ErrorIs(t, d.e.Update(ctx, manager(acme), func(ctx context.Context, u *engine.Unit) error {
		in := d.p.In(u.Store())
		if _, err := in.AddPerson(ctx, manager(acme), directory.NewPerson{ID: "p2", Name: "Second"}); err != nil {
			return err
		}
		if _, err := in.ChangeMembers(ctx, manager(acme), "g1", directory.MemberChange{Add: []itsm.ID{"p1", "p2"}}); err != nil {
			return err
		}
		people, err := d.p.MembersOf(ctx, u, "g1")
		if err != nil {
			return err
		}
		groups, err := d.p.GroupsOf(ctx, u, "p2")
		if err != nil {
			return err
		}
		if len(people) != 2 || len(groups) != 1 {
			return errors.New("the unit does not read its own writes")
		}
		return broken
	}), broken)
	require.Empty(t, d.members(t, ctx, "g1"))
	_, err := d.p.GetPerson(ctx, manager(acme), "p2")
	require.ErrorIs(t, err, itsm.ErrNotFound)
}

func membersTogether(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), engine.Options{}), t.Context()
	d.group(t, ctx, "g1", "")
	const n = 12
	var want []itsm.ID
	for i := range n {
		id := itsm.ID(fmt.Sprintf("p%02d", i))
		d.person(t, ctx, id)
		want = append(want, id)
	}
	errs := together.Run(n, func(i int) error {
		_, err := d.p.ChangeMembers(ctx, manager(acme), "g1", directory.MemberChange{Add: []itsm.ID{want[i], want[(i+1)%n]}})
		return err
	})
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, want, d.members(t, ctx, "g1"))
	g, err := d.p.GetGroup(ctx, manager(acme), "g1")
	require.NoError(t, err)
	require.Equal(t, n, g.Size)

	var listed []itsm.ID
	q := storage.Query[directory.PersonHead]{Limit: 5}
	for h, err := range storage.Pages(q, func(q storage.Query[directory.PersonHead]) (storage.Page[directory.PersonHead], error) {
		return d.p.Members(ctx, analyst(acme), "g1", q.After, q.Limit)
	}) {
		require.NoError(t, err)
		listed = append(listed, h.ID)
	}
	require.Equal(t, want, listed)
}

func cyclesTogether(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), engine.Options{}), t.Context()
	ids := []itsm.ID{"a", "b", "c", "d"}
	for _, id := range ids {
		d.group(t, ctx, id, "")
		d.person(t, ctx, id)
	}
	// Each under the next, all at once: one at least must be refused, and so of managers.
	errs := together.Run(2*len(ids), func(i int) error {
		id, next := ids[i/2], ids[(i/2+1)%len(ids)]
		if i%2 == 0 {
			_, err := d.p.EditGroup(ctx, manager(acme), id, directory.GroupEdit{Parent: &next})
			return err
		}
		_, err := d.p.EditPerson(ctx, manager(acme), id, directory.PersonEdit{Manager: &next})
		return err
	})
	for kind := range 2 {
		refused := 0
		for i := kind; i < len(errs); i += 2 {
			if errs[i] != nil {
				require.ErrorIs(t, errs[i], itsm.ErrInvalid)
				refused++
			}
		}
		require.Equal(t, 1, refused, "%v", errs)
	}
}

func erasedTogether(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), engine.Options{}), t.Context()
	for i := range 4 {
		d.group(t, ctx, itsm.ID(fmt.Sprintf("g%d", i)), "")
	}
	d.person(t, ctx, "p1")
	errs := together.Run(5, func(i int) error {
		if i == 4 {
			_, err := d.p.ErasePerson(ctx, manager(acme), "p1", itsm.Command{})
			return err
		}
		_, err := d.p.ChangeMembers(ctx, manager(acme), itsm.ID(fmt.Sprintf("g%d", i)), directory.MemberChange{Add: []itsm.ID{"p1"}})
		return err
	})
	require.NoError(t, errs[4])
	for _, err := range errs[:4] {
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
		}
	}
	groups, err := d.p.CountGroups(ctx, manager(acme), directory.GroupBySize.AtLeast(1))
	require.NoError(t, err)
	require.EqualValues(t, 0, groups[0].Count)
	require.NotContains(t, d.everything(t, ctx, acme), "directory_member ")
}

func sameKey(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), engine.Options{}), t.Context()
	n := directory.NewPerson{Command: itsm.Command{Key: "hr-1"}, Name: "Rita Roth"}
	ids := make([]itsm.ID, 8)
	errs := together.Run(len(ids), func(i int) error {
		p, err := d.p.AddPerson(ctx, manager(acme), n)
		ids[i] = p.ID
		return err
	})
	require.NoError(t, errors.Join(errs...))
	require.Len(t, slices.Compact(ids), 1)
	n.Name = "Rosa Roth"
	_, err := d.p.AddPerson(ctx, manager(acme), n)
	require.ErrorIs(t, err, itsm.ErrInvalid)
	other, err := d.p.AddPerson(ctx, manager(globex), n)
	require.NoError(t, err)
	require.NotEqual(t, ids[0], other.ID)

	// Who may no longer read the result does not get it by the key.
	n.Name = "Rita Roth"
	dismissed := manager(acme)
	dismissed.Roles = nil
	_, err = d.p.AddPerson(ctx, dismissed, n)
	require.ErrorIs(t, err, itsm.ErrNotFound)

	// After the erasure the key gives the erased person.
	_, err = d.p.ErasePerson(ctx, manager(acme), ids[0], itsm.Command{})
	require.NoError(t, err)
	again, err := d.p.AddPerson(ctx, manager(acme), n)
	require.NoError(t, err)
	require.True(t, again.Erased())
}

func pages(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), engine.Options{}), t.Context()
	admin := manager(acme)
	for _, o := range []itsm.ID{"north", "south"} {
		_, err := d.p.AddOrganisation(ctx, admin, directory.NewOrganisation{ID: o, Name: string(o)})
		require.NoError(t, err)
	}
	var want []string
	for i := range 23 {
		o := itsm.ID("north")
		if i%3 == 0 {
			o = "south"
		}
		name := fmt.Sprintf("Person %d", i/2) // some have the same name
		_, err := d.p.AddPerson(ctx, admin, directory.NewPerson{Name: name, Organisation: o})
		require.NoError(t, err)
		if o == "north" {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	var got []string
	seen := map[itsm.ID]bool{}
	q := storage.Query[directory.PersonHead]{Where: directory.PersonByOrganisation.Is("north"), Limit: 4}
	for h, err := range storage.Pages(q, func(q storage.Query[directory.PersonHead]) (storage.Page[directory.PersonHead], error) {
		return d.p.ListPeople(ctx, analyst(acme), q)
	}) {
		require.NoError(t, err)
		require.False(t, seen[h.ID])
		seen[h.ID] = true
		got = append(got, h.Name)
	}
	require.Equal(t, want, got)
	counts, err := d.p.CountPeople(ctx, analyst(acme), storage.Filter[directory.PersonHead]{}, directory.PersonByOrganisation)
	require.NoError(t, err)
	require.Equal(t, []storage.Group{{Values: []any{"north"}, Count: 15}, {Values: []any{"south"}, Count: 8}}, counts)
	names, err := d.p.FindNames(ctx, requester(acme, "rita"), "Person 1", "", 50)
	require.NoError(t, err)
	require.Len(t, names.Items, 5) // of 1, 10 and 11: the last is one alone
	_, err = d.p.FindNames(ctx, requester(acme, "rita"), "100%_", "", 50)
	require.NoError(t, err)
}

// erasure gives a person every personal value, changes each, and looks for all of them afterwards.
func erasure(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), engine.Options{}), t.Context()
	admin := manager(acme)
	_, err := d.p.AddOrganisation(ctx, admin, directory.NewOrganisation{ID: "works", Name: "Works"})
	require.NoError(t, err)
	d.group(t, ctx, "g1", "")
	d.group(t, ctx, "g2", "g1")
	d.person(t, ctx, "boss")
	version := func(n int) (directory.NewPerson, []string) {
		s := func(what string) string { return fmt.Sprintf("zz%s%dzz", what, n) }
		skill := []directory.Skill{{Name: s("skill"), Level: 4}}
		p := directory.NewPerson{
			ID: "p1", Name: s("name"), Email: s("mail") + "@example.com", Emails: []string{s("other") + "@example.com"},
			Phone: s("phone"), Language: fmt.Sprintf("de-x-zztag%d", n), Zone: []string{"Europe/Zurich", "Asia/Kathmandu"}[n],
			Hours: directory.Hours{{Day: time.Monday, From: 477, To: 911 + n}}, VIP: n == 0, Organisation: "works",
			Manager: "boss", Skills: skill, Capacity: 471101 + n, Notes: s("notes"),
		}
		return p, []string{
			p.Name, p.Email, p.Emails[0], p.Phone, p.Language, p.Zone, fmt.Sprintf(`"to":%d`, 911+n), s("skill"), fmt.Sprintf(`"capacity":%d`, p.Capacity), p.Notes,
		}
	}
	first, secret := version(0)
	_, err = d.p.AddPerson(ctx, admin, first)
	require.NoError(t, err)
	all := d.everything(t, ctx, acme)
	for _, s := range secret {
		require.Contains(t, all, s, "the scan sees what is stored")
	}
	second, more := version(1)
	secret = append(secret, more...)
	_, err = d.p.EditPerson(ctx, admin, "p1", directory.PersonEdit{
		Command: itsm.Command{Key: "edit"}, Name: &second.Name, Email: &second.Email, Emails: &second.Emails, Phone: &second.Phone,
		Language: &second.Language, Zone: &second.Zone, Hours: &second.Hours, VIP: &second.VIP, Skills: &second.Skills,
		Capacity: &second.Capacity, Notes: &second.Notes,
	})
	require.NoError(t, err)
	for _, g := range []itsm.ID{"g1", "g2"} {
		_, err = d.p.ChangeMembers(ctx, admin, g, directory.MemberChange{Add: []itsm.ID{"p1", "boss"}})
		require.NoError(t, err)
	}
	d.clock.Advance(time.Hour)
	erased, err := d.p.ErasePerson(ctx, admin, "p1", itsm.Command{Key: "erase", Reason: "Asked for by letter"})
	require.NoError(t, err)

	all = d.everything(t, ctx, acme)
	for _, s := range secret {
		require.NotContains(t, strings.ToLower(all), strings.ToLower(s))
	}
	require.Regexp(t, `^Erased person [0-9a-f]{8}$`, erased.Name)
	require.Equal(t, directory.PersonHead{
		Meta: erased.Meta, Name: erased.Name, Organisation: "works", ErasedAt: d.clock.Now(),
	}, erased.PersonHead)
	require.Equal(t, directory.PersonBody{}, erased.PersonBody)
	got, err := d.p.GetPerson(ctx, admin, "p1")
	require.NoError(t, err)
	require.Equal(t, erased, got)
	require.Equal(t, []itsm.ID{"boss"}, d.members(t, ctx, "g1"))
	for _, id := range []itsm.ID{"g1", "g2"} {
		g, err := d.p.GetGroup(ctx, admin, id)
		require.NoError(t, err)
		require.Equal(t, 1, g.Size)
	}

	// The shape of the history is still there.
	events, err := d.p.History(ctx, admin, erased.Ref(), storage.EventPosition{}, 0)
	require.NoError(t, err)
	require.Len(t, events, 3)
	require.Equal(t, directory.PersonErased{Pseudonym: erased.Name}, events[2].Data)
	require.Equal(t, "Asked for by letter", events[2].Reason)
	changed := map[string]bool{}
	for _, c := range events[2].Changes {
		changed[c.Field] = len(c.Old)+len(c.New) > 0
	}
	require.Equal(t, map[string]bool{
		"active": true, "erased_at": true, "name": false, "email": false, "emails": false, "phone": false, "language": false,
		"zone": false, "hours": false, "manager": false, "skills": false, "capacity": false, "notes": false,
	}, changed)

	// Nothing brings it back.
	again, err := d.p.ErasePerson(ctx, admin, "p1", itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, erased, again)
	name := "Back"
	_, err = d.p.EditPerson(ctx, admin, "p1", directory.PersonEdit{Name: &name})
	require.ErrorIs(t, err, itsm.ErrTransition)
	_, err = d.p.ChangeMembers(ctx, admin, "g1", directory.MemberChange{Add: []itsm.ID{"p1"}})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = d.p.AddPerson(ctx, admin, first)
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

// erasedAuthor: a person who acted, and wrote more notes than one unit goes through, is erased by an
// engine that keeps no names; and what is left where it keeps them is what the documentation says.
func erasedAuthor(t *testing.T, newStore func(*testing.T) storage.Store) {
	for _, nameless := range []bool{true, false} {
		d, ctx := open(t, newStore(t), engine.Options{Nameless: nameless}), t.Context()
		const secret = "Zacharias"
		zac := itsm.Actor{Tenant: acme, ID: "p1", Name: secret, Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
		d.person(t, ctx, "p1")
		_, err := d.p.AddSite(ctx, zac, directory.NewSite{Name: "Site"})
		require.NoError(t, err)
		require.NoError(t, d.e.Update(ctx, zac, func(ctx context.Context, u *engine.Unit) error {
			for n := range 230 {
				note := itsm.Note{Text: "Looked into it"}
				if n%2 == 0 { // as an import does
					note.Author, note.AuthorName = "boss", "Barbara"
				}
				if _, err := u.AddNote(ctx, itsm.Ref{Kind: directory.KindPerson, ID: "p1"}, note); err != nil {
					return err
				}
			}
			for range 150 {
				if _, err := u.AddNote(ctx, itsm.Ref{Kind: directory.KindPerson, ID: "p1"}, itsm.Note{Text: "Again"}); err != nil {
					return err
				}
			}
			return nil
		}))
		erased, err := d.p.ErasePerson(ctx, zac, "p1", itsm.Command{}) // by the person
		require.NoError(t, err)
		before := strings.Count(d.everything(t, ctx, acme), secret)
		_, err = d.e.Tick(ctx, d.clock.Now())
		require.NoError(t, err)
		all := d.everything(t, ctx, acme)
		require.NotContains(t, all, "job ")
		if nameless {
			require.Zero(t, before)
			require.NotContains(t, all, secret)
			continue
		}
		require.Equal(t, 266, before, "of 265 notes, and of what was done")
		require.Equal(t, 1, strings.Count(all, secret), "the log keeps the name of who added the site")
		require.Equal(t, 265+3, strings.Count(all, erased.Name), "in the notes, the record, and the event and its actor")
	}
}
