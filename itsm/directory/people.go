// This file holds the commands on people, but for their erasure.

package directory

import (
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// NewPerson is a person to be added.
type NewPerson struct {
	itsm.Command
	// ID is the host's own, which its actors have; empty makes one. It stands in the log and in
	// other records for ever: take one that tells nothing, no name and no address.
	ID           itsm.ID  `json:"id,omitempty"`
	Name         string   `json:"name"`
	Email        string   `json:"email,omitempty"`
	Emails       []string `json:"emails,omitempty"`
	Phone        string   `json:"phone,omitempty"`
	Language     string   `json:"language,omitempty"`
	Zone         string   `json:"zone,omitempty"`
	Hours        Hours    `json:"hours,omitempty"`
	VIP          bool     `json:"vip,omitempty"`
	Organisation itsm.ID  `json:"organisation,omitempty"`
	Site         itsm.ID  `json:"site,omitempty"`
	Manager      itsm.ID  `json:"manager,omitempty"`
	Skills       []Skill  `json:"skills,omitempty"`
	Capacity     int      `json:"capacity,omitempty"`
	Notes        string   `json:"notes,omitempty"`
}

// PersonEdit changes a person. A nil field stays as it is.
type PersonEdit struct {
	itsm.Command
	Name         *string   `json:"name,omitempty"`
	Email        *string   `json:"email,omitempty"`
	Emails       *[]string `json:"emails,omitempty"`
	Phone        *string   `json:"phone,omitempty"`
	Language     *string   `json:"language,omitempty"`
	Zone         *string   `json:"zone,omitempty"`
	Hours        *Hours    `json:"hours,omitempty"`
	Active       *bool     `json:"active,omitempty"`
	VIP          *bool     `json:"vip,omitempty"`
	Organisation *itsm.ID  `json:"organisation,omitempty"`
	Site         *itsm.ID  `json:"site,omitempty"`
	Manager      *itsm.ID  `json:"manager,omitempty"`
	Skills       *[]Skill  `json:"skills,omitempty"`
	Capacity     *int      `json:"capacity,omitempty"`
	Notes        *string   `json:"notes,omitempty"`
}

// AddPerson adds a person, who is active. The organisation, site and manager must be in the
// directory.
func (p *Practice) AddPerson(ctx context.Context, actor itsm.Actor, r NewPerson) (Person, error) {
	c := commandOf(PersonTable, actionAdd, actor, "", r.Command, r)
	return create(ctx, p, PersonTable, c, r.ID, PersonAdded{}, func(ctx context.Context, u *engine.Unit, f *itsm.Faults) (Person, error) {
		n := Person{
			PersonHead{
				Name: r.Name, Email: lower(r.Email), Organisation: r.Organisation, Site: r.Site,
				Manager: r.Manager, Active: true, VIP: r.VIP,
			},
			PersonBody{
				Emails: lowered(r.Emails), Phone: r.Phone, Language: r.Language, Zone: r.Zone, Hours: some(r.Hours),
				Skills: some(r.Skills), Capacity: r.Capacity, Notes: r.Notes,
			},
		}
		n.check(&Person{}, f)
		return n, n.checkRefs(ctx, u, &Person{}, f)
	})
}

// EditPerson changes a person. Where nothing is another than before, nothing happens. A manager to
// whom the person is the manager, directly or not, is a fault. A person who is erased cannot be
// changed: it is [itsm.ErrTransition].
func (p *Practice) EditPerson(ctx context.Context, actor itsm.Actor, id itsm.ID, r PersonEdit) (Person, error) {
	c := commandOf(PersonTable, actionEdit, actor, id, r.Command, r)
	return change(ctx, p, PersonTable, c, PersonEdited{}, func(ctx context.Context, u *engine.Unit, n *Person, f *itsm.Faults) error {
		if n.Erased() {
			return &itsm.TransitionError{Kind: KindPerson, ID: id, State: "erased", Action: actionEdit}
		}
		was := *n
		set(&n.Name, r.Name)
		if r.Email != nil {
			n.Email = lower(*r.Email)
		}
		if r.Emails != nil {
			n.Emails = lowered(*r.Emails)
		}
		set(&n.Phone, r.Phone)
		set(&n.Language, r.Language)
		set(&n.Zone, r.Zone)
		if r.Hours != nil {
			n.Hours = some(*r.Hours)
		}
		set(&n.Active, r.Active)
		set(&n.VIP, r.VIP)
		set(&n.Organisation, r.Organisation)
		set(&n.Site, r.Site)
		set(&n.Manager, r.Manager)
		if r.Skills != nil {
			n.Skills = some(*r.Skills)
		}
		set(&n.Capacity, r.Capacity)
		set(&n.Notes, r.Notes)
		n.check(&was, f)
		return n.checkRefs(ctx, u, &was, f)
	})
}

// some gives a copy of a list as it will be read back: nil for none.
func some[L ~[]E, E any](list L) L {
	if len(list) == 0 {
		return nil
	}
	return slices.Clone(list)
}

// checkRefs notes records that the person names and that are not there.
func (p *Person) checkRefs(ctx context.Context, u *engine.Unit, was *Person, f *itsm.Faults) error {
	if p.Organisation != was.Organisation {
		if err := checkRef(ctx, u, f, "organisation", OrganisationTable, p.Organisation); err != nil {
			return err
		}
	}
	if p.Site != was.Site {
		if err := checkRef(ctx, u, f, "site", SiteTable, p.Site); err != nil {
			return err
		}
	}
	if p.Manager == was.Manager {
		return nil
	}
	before := len(f.List())
	if err := checkPerson(ctx, u, f, "manager", p.Manager); err != nil || len(f.List()) > before {
		return err
	}
	if p.ID == "" || p.Manager == "" {
		return nil // no one reports to one who is not there yet
	}
	// Two changes that are right by themselves may be wrong together.
	if err := u.Lock(ctx, "directory_managers"); err != nil {
		return err
	}
	above := p.Manager
	for range MaxManagers {
		if above == "" {
			return nil
		}
		if above == p.ID {
			f.Add("manager", "is the person or reports to the person")
			return nil
		}
		m, err := PersonTable.Get(ctx, u, above)
		if err != nil {
			return err
		}
		above = m.Manager
	}
	f.Addf("manager", "has more than %d managers above", MaxManagers)
	return nil
}

// checkRef notes a record that is not there. Empty is none.
func checkRef[R, H, B any](ctx context.Context, r storage.Reader, f *itsm.Faults, field string, t storage.Table[R, H, B], id itsm.ID) error {
	if id == "" {
		return nil
	}
	before := len(f.List())
	if f.Key(field, string(id)); len(f.List()) > before {
		return nil
	}
	_, err := t.Get(ctx, r, id)
	f.Merge(field, err)
	return nil // Faults.Err gives what is no fault of the input
}
