// This file holds links between records of any kind.

package itsm

import "strings"

// Ref names a record of any kind within a tenant.
type Ref struct {
	Kind string `json:"kind"`
	ID   ID     `json:"id"`
}

// LinkType says how two records are related, read from the first to the second: an incident
// is caused_by a change. A host may use its own.
type LinkType string

// The standard types, each with its inverse.
const (
	// LinkCausedBy: the incident or problem was caused by the change, the problem or the CI.
	LinkCausedBy LinkType = "caused_by"
	LinkCauses   LinkType = "causes"
	// LinkDuplicateOf: the record describes what the other one already does.
	LinkDuplicateOf  LinkType = "duplicate_of"
	LinkDuplicatedBy LinkType = "duplicated_by"
	// LinkFollowUpOf: the record continues one that is closed.
	LinkFollowUpOf   LinkType = "follow_up_of"
	LinkFollowedUpBy LinkType = "followed_up_by"
	// LinkHeldFor: the record waits until the problem, change or supplier's case is finished.
	LinkHeldFor LinkType = "held_for"
	LinkHolds   LinkType = "holds"
	// LinkChildOf: the record is a part of the other, whose resolution it may take.
	LinkChildOf  LinkType = "child_of"
	LinkParentOf LinkType = "parent_of"
	// LinkResolvedBy: the change, problem or article ended what the record describes.
	LinkResolvedBy LinkType = "resolved_by"
	LinkResolves   LinkType = "resolves"
	// LinkAffects: the record concerns the service or CI.
	LinkAffects    LinkType = "affects"
	LinkAffectedBy LinkType = "affected_by"
	// LinkDocumentedBy: the article or known error describes the record.
	LinkDocumentedBy LinkType = "documented_by"
	LinkDocuments    LinkType = "documents"
	// LinkReports: the contact is about the record.
	LinkReports    LinkType = "reports"
	LinkReportedIn LinkType = "reported_in"
	// LinkReclassifiedAs: the matter was taken for the one and is the other.
	LinkReclassifiedAs   LinkType = "reclassified_as"
	LinkReclassifiedFrom LinkType = "reclassified_from"
	// LinkRelatedTo is for all else; it is its own inverse.
	LinkRelatedTo LinkType = "related_to"
)

const inversePrefix = "inverse_of_"

// Inverse names the same link read from the other side. The inverse of an inverse is the type
// itself, for every type: a host's own type "blocks" and "inverse_of_blocks" are a pair.
func (t LinkType) Inverse() LinkType {
	if inverse, ok := standardInverse(t); ok {
		return inverse
	}
	base, prefixes := string(t), 0
	for strings.HasPrefix(base, inversePrefix) {
		base, prefixes = base[len(inversePrefix):], prefixes+1
	}
	if _, standard := standardInverse(LinkType(base)); standard {
		prefixes-- // without a prefix it has a partner already, so pairs begin with one
	}
	if prefixes%2 == 1 {
		return t[len(inversePrefix):]
	}
	return inversePrefix + t
}

func standardInverse(t LinkType) (LinkType, bool) {
	switch t {
	case LinkCausedBy:
		return LinkCauses, true
	case LinkCauses:
		return LinkCausedBy, true
	case LinkDuplicateOf:
		return LinkDuplicatedBy, true
	case LinkDuplicatedBy:
		return LinkDuplicateOf, true
	case LinkFollowUpOf:
		return LinkFollowedUpBy, true
	case LinkFollowedUpBy:
		return LinkFollowUpOf, true
	case LinkHeldFor:
		return LinkHolds, true
	case LinkHolds:
		return LinkHeldFor, true
	case LinkChildOf:
		return LinkParentOf, true
	case LinkParentOf:
		return LinkChildOf, true
	case LinkResolvedBy:
		return LinkResolves, true
	case LinkResolves:
		return LinkResolvedBy, true
	case LinkAffects:
		return LinkAffectedBy, true
	case LinkAffectedBy:
		return LinkAffects, true
	case LinkDocumentedBy:
		return LinkDocuments, true
	case LinkDocuments:
		return LinkDocumentedBy, true
	case LinkReports:
		return LinkReportedIn, true
	case LinkReportedIn:
		return LinkReports, true
	case LinkReclassifiedAs:
		return LinkReclassifiedFrom, true
	case LinkReclassifiedFrom:
		return LinkReclassifiedAs, true
	case LinkRelatedTo:
		return LinkRelatedTo, true
	}
	return "", false
}

// Link relates two records of a tenant: From is Type To.
type Link struct {
	Type LinkType `json:"type"`
	From Ref      `json:"from"`
	To   Ref      `json:"to"`
}

// Inverse gives the same link read from the other side.
func (l Link) Inverse() Link { return Link{Type: l.Type.Inverse(), From: l.To, To: l.From} }

// Validate gives [ErrInvalid] with every fault: a type, two complete ends, and not a record
// linked to itself.
func (l Link) Validate() error {
	var f Faults
	f.Key("type", string(l.Type))
	f.Key("from.kind", l.From.Kind)
	f.Key("from.id", string(l.From.ID))
	f.Key("to.kind", l.To.Kind)
	f.Key("to.id", string(l.To.ID))
	if l.From == l.To {
		f.Add("to", "is the record itself")
	}
	return f.Err("link")
}
