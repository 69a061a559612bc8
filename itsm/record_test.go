package itsm_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
)

func TestACommandIsChecked(t *testing.T) {
	require.NoError(t, itsm.Command{}.Validate())
	require.NoError(t, itsm.Command{Key: "order-7", IfVersion: 3, Reason: "as agreed"}.Validate())
	err := itsm.Command{Key: "a\nb", IfVersion: -1, Reason: strings.Repeat("x", itsm.MaxReason+1)}.Validate()
	require.EqualError(t, err, "command: invalid: key holds a control character; if_version must not be negative; reason has 4001 characters; at most 4000 are allowed")
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

func TestANoteIsChecked(t *testing.T) {
	good := itsm.Note{At: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC), Author: "ann", Visibility: itsm.VisibilityPublic, Text: "We are on it."}
	require.NoError(t, good.Validate())
	good.Visibility = itsm.VisibilityInternal
	require.NoError(t, good.Validate())
	require.EqualError(t, itsm.Note{Visibility: "secret", Text: " "}.Validate(),
		`note: invalid: at is required; author is required; visibility must be "public" or "internal"; text is required`)
	good.Text = strings.Repeat("x", itsm.MaxNote+1)
	require.ErrorIs(t, good.Validate(), itsm.ErrInvalid)
}

var linkTypes = []itsm.LinkType{itsm.LinkCausedBy, itsm.LinkCauses, itsm.LinkDuplicateOf, itsm.LinkDuplicatedBy, itsm.LinkFollowUpOf,
	itsm.LinkFollowedUpBy, itsm.LinkHeldFor, itsm.LinkHolds, itsm.LinkChildOf, itsm.LinkParentOf, itsm.LinkResolvedBy, itsm.LinkResolves,
	itsm.LinkAffects, itsm.LinkAffectedBy, itsm.LinkDocumentedBy, itsm.LinkDocuments, itsm.LinkReports, itsm.LinkReportedIn,
	itsm.LinkReclassifiedAs, itsm.LinkReclassifiedFrom, itsm.LinkRelatedTo}

func TestEveryStandardLinkHasAnInverseAmongThem(t *testing.T) {
	seen := map[itsm.LinkType]bool{}
	for _, l := range linkTypes {
		inverse := l.Inverse()
		require.Contains(t, linkTypes, inverse)
		require.Equal(t, l, inverse.Inverse())
		require.Equal(t, l == itsm.LinkRelatedTo, inverse == l, "only related_to is its own inverse")
		require.False(t, seen[inverse])
		seen[inverse] = true
	}
	require.Equal(t, itsm.LinkHolds, itsm.LinkHeldFor.Inverse())
}

func TestTheInverseOfAnInverseIsTheTypeItself(t *testing.T) {
	require.Equal(t, itsm.LinkType("inverse_of_blocks"), itsm.LinkType("blocks").Inverse())
	name := rapid.OneOf(rapid.String(), rapid.Custom(func(t *rapid.T) string {
		return strings.Repeat("inverse_of_", rapid.IntRange(0, 3).Draw(t, "prefixes")) + string(rapid.SampledFrom(append(linkTypes, "", "blocks")).Draw(t, "type"))
	}))
	rapid.Check(t, func(t *rapid.T) {
		l := itsm.LinkType(name.Draw(t, "type"))
		require.Equal(t, l, l.Inverse().Inverse())
	})
}

func TestALinkIsChecked(t *testing.T) {
	l := itsm.Link{Type: itsm.LinkCausedBy, From: itsm.Ref{Kind: "incident", ID: "INC1"}, To: itsm.Ref{Kind: "change", ID: "CHG1"}}
	require.NoError(t, l.Validate())
	require.Equal(t, itsm.Link{Type: itsm.LinkCauses, From: l.To, To: l.From}, l.Inverse())
	require.Equal(t, l, l.Inverse().Inverse())
	l.To = l.From
	require.EqualError(t, l.Validate(), "link: invalid: to is the record itself")
	require.EqualError(t, itsm.Link{To: l.To}.Validate(), "link: invalid: type is required; from.kind is required; from.id is required")
}
