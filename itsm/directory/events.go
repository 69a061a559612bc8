// This file holds the events of the directory: what stands in the log, and what others react to. Those
// of people say nothing personal: the log is only ever added to.

package directory

import "github.com/itsmkit/itsmkit/itsm"

// PersonAdded: a person was added.
type PersonAdded struct{}

// PersonEdited: a person was changed. The changes say which fields, and the values of those alone
// that are not personal.
type PersonEdited struct{}

// PersonErased: the personal data of a person were erased. Whoever keeps a copy of them erases it,
// best in a reaction, which is in the same transaction.
type PersonErased struct {
	// Pseudonym is what the person is called from now on. It is made of the id alone.
	Pseudonym string `json:"pseudonym"`
}

// OrganisationAdded: an organisation was added.
type OrganisationAdded struct{}

// OrganisationEdited: an organisation was changed; the changes say what.
type OrganisationEdited struct{}

// SiteAdded: a site was added.
type SiteAdded struct{}

// SiteEdited: a site was changed; the changes say what.
type SiteEdited struct{}

// GroupAdded: a group was added.
type GroupAdded struct{}

// GroupEdited: a group was changed; the changes say what.
type GroupEdited struct{}

// MembersChanged: people were added to a group, or removed from it.
type MembersChanged struct {
	Added   []itsm.ID `json:"added,omitempty"`
	Removed []itsm.ID `json:"removed,omitempty"`
}

// EventType gives the type's name in the log.
func (PersonAdded) EventType() string        { return "directory.person_added.v1" }
func (PersonEdited) EventType() string       { return "directory.person_edited.v1" }
func (PersonErased) EventType() string       { return "directory.person_erased.v1" }
func (OrganisationAdded) EventType() string  { return "directory.organisation_added.v1" }
func (OrganisationEdited) EventType() string { return "directory.organisation_edited.v1" }
func (SiteAdded) EventType() string          { return "directory.site_added.v1" }
func (SiteEdited) EventType() string         { return "directory.site_edited.v1" }
func (GroupAdded) EventType() string         { return "directory.group_added.v1" }
func (GroupEdited) EventType() string        { return "directory.group_edited.v1" }
func (MembersChanged) EventType() string     { return "directory.members_changed.v1" }

func eventTypes() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[PersonAdded](), itsm.EventOf[PersonEdited](), itsm.EventOf[PersonErased](),
		itsm.EventOf[OrganisationAdded](), itsm.EventOf[OrganisationEdited](),
		itsm.EventOf[SiteAdded](), itsm.EventOf[SiteEdited](),
		itsm.EventOf[GroupAdded](), itsm.EventOf[GroupEdited](), itsm.EventOf[MembersChanged](),
	}
}
