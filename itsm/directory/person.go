// This file holds the record of a person: what is known of one, its table, and the columns to
// query by.

package directory

import (
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// The kinds of records: the names of their tables, and what an itsm.Ref names them by.
const (
	KindPerson       = "person"
	KindOrganisation = "organisation"
	KindSite         = "site"
	KindGroup        = "group"
)

// Person is someone who uses or provides services. Its id is that of the itsm.Actor that the person
// is, and what records name their requester and assignee by. Its JSON form is one flat object.
type Person struct {
	PersonHead
	PersonBody
}

// PersonHead is what lists of people show, filter and sort by.
type PersonHead struct {
	storage.Meta
	// Name is how the person is called; of an erased person, a pseudonym.
	Name string `json:"name"`
	// Email is where the person is written to, in lower case.
	Email string `json:"email,omitempty"`
	// Organisation and Site are where the person belongs and works.
	Organisation itsm.ID `json:"organisation,omitempty"`
	Site         itsm.ID `json:"site,omitempty"`
	// Manager is the person to whom this one reports.
	Manager itsm.ID `json:"manager,omitempty"`
	// Active people can be given work and be told of it; others have left, or are erased.
	Active bool `json:"active"`
	// VIP asks for special attention.
	VIP bool `json:"vip"`
	// ErasedAt is when the personal data were erased, in UTC microseconds; zero where they were not.
	ErasedAt time.Time `json:"erased_at,omitzero"`
}

// PersonBody is the rest of a person, which no list reads.
type PersonBody struct {
	// Emails are further addresses from which the person writes, in lower case.
	Emails []string `json:"emails,omitempty"`
	Phone  string   `json:"phone,omitempty"`
	// Language is a tag of BCP 47 (RFC 5646): "de-CH".
	Language string `json:"language,omitempty"`
	// Zone is a time zone of the IANA database: "Europe/Zurich". Empty means UTC.
	Zone string `json:"zone,omitempty"`
	// Hours are when the person works, by the clock of Zone. None means at any time.
	Hours Hours `json:"hours,omitempty"`
	// Skills are what the person can do, and how well.
	Skills []Skill `json:"skills,omitempty"`
	// Capacity is how many open records the person takes at once; 0 is no bound.
	Capacity int `json:"capacity,omitempty"`
	// Notes are what the service desk wrote about the person, not for the person to read.
	Notes string `json:"notes,omitempty"`
}

// Skill is something that a person can do.
type Skill struct {
	// Name is the host's own: "network", "french".
	Name string `json:"name"`
	// Level is from 1, a beginner, to [MaxLevel], an expert.
	Level int `json:"level"`
}

// The bounds of what is known of a person.
const (
	MaxName   = storage.MaxText // characters, of any name
	MaxEmail  = 254             // characters of an address (RFC 5321)
	MaxEmails = 20
	MaxPhone  = 50 // characters
	MaxSkills = 100
	MaxLevel  = 5
	MaxNotes  = 4000 // characters
	// MaxText is the greatest length of a description or a postal address, in characters.
	MaxText = 4000
	// MaxManagers is the greatest number of managers above a person.
	MaxManagers = 100
)

// The columns of the table of people.
var (
	PersonByName         = storage.Col("name", func(h *PersonHead) *string { return &h.Name })
	PersonByEmail        = storage.Col("email", func(h *PersonHead) *string { return &h.Email })
	PersonByOrganisation = storage.Col("organisation", func(h *PersonHead) *itsm.ID { return &h.Organisation })
	PersonBySite         = storage.Col("site", func(h *PersonHead) *itsm.ID { return &h.Site })
	PersonByManager      = storage.Col("manager", func(h *PersonHead) *itsm.ID { return &h.Manager })
	PersonByActive       = storage.BoolCol("active", func(h *PersonHead) *bool { return &h.Active })
	PersonByVIP          = storage.BoolCol("vip", func(h *PersonHead) *bool { return &h.VIP })
	PersonByErased       = storage.NullTimeCol("erased_at", func(h *PersonHead) *time.Time { return &h.ErasedAt })
)

// PersonTable is the table of people.
var PersonTable = storage.Define(KindPerson, storage.Def[Person, PersonHead, PersonBody]{
	Parts: func(p *Person) (*PersonHead, *PersonBody) { return &p.PersonHead, &p.PersonBody },
	Columns: []storage.ColumnOf[PersonHead]{
		PersonByName, PersonByEmail, PersonByOrganisation, PersonBySite, PersonByManager, PersonByActive,
		PersonByVIP, PersonByErased,
	},
	Indexes: []storage.Index{
		storage.IndexOn(PersonByName.Asc()),
		storage.IndexOn(PersonByActive.Asc(), PersonByName.Asc()),
		storage.IndexOn(PersonByOrganisation.Asc(), PersonByName.Asc()),
		storage.IndexOn(PersonBySite.Asc(), PersonByName.Asc()),
		storage.IndexOn(PersonByManager.Asc(), PersonByName.Asc()),
		storage.IndexOn(PersonByEmail.Asc()),
	},
})

// toldFields are the fields of people whose values stand in the event log. Whatever is not named
// here is private: it can be erased, and the log cannot.
var toldFields = []string{"active", "organisation", "site", "erased_at"}

// Ref names the person for links and fields.
func (h *PersonHead) Ref() itsm.Ref { return itsm.Ref{Kind: KindPerson, ID: h.ID} }

// Erased says whether the personal data were erased.
func (h *PersonHead) Erased() bool { return !h.ErasedAt.IsZero() }

// Skilled gives the level of a skill, 0 where the person does not have it.
func (b *PersonBody) Skilled(name string) int {
	for _, s := range b.Skills {
		if s.Name == name {
			return s.Level
		}
	}
	return 0
}

// Working says whether the person works at the instant: it is active, and has the instant within
// its hours by the clock of its zone. It is ErrInvalid where the zone is not known on this machine.
func (p *Person) Working(at time.Time) (bool, error) {
	zone, err := zoneOf(p.Zone)
	if err != nil {
		return false, err
	}
	return p.Active && p.Hours.Within(at.In(zone)), nil
}

// NextWorking gives the first instant, from the given one on, at which the person works, in UTC.
// ok is false where there is none, as of one who is not active. It is ErrInvalid where the zone is
// not known on this machine.
func (p *Person) NextWorking(at time.Time) (next time.Time, ok bool, err error) {
	zone, err := zoneOf(p.Zone)
	if err != nil || !p.Active {
		return time.Time{}, false, err
	}
	next, ok = p.Hours.Next(at.In(zone))
	return storage.Instant(next), ok, nil
}
