// This file holds the records of what a record of another practice impacts: an assessment, and a row for each CI.

package cmdb

import (
	"time"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// The kinds of the records.
const (
	KindAssessment = "ci_assessment"
	KindImpacted   = "ci_impacted"
)

// The bounds of assessments.
const (
	// MaxImpacted is how many impacted CIs are kept of one record, beside corrections: services before all others, then the worst, then
	// the nearest. What is left out is counted, and told by [Practice.Impact].
	MaxImpacted = 1000
	// MaxNamed is how many CIs a record may name by [Practice.Concern].
	MaxNamed = 200
	// MaxCorrections is how many corrections of a person one record may have.
	MaxCorrections = 1000
)

// SeverityAtRisk is the state of a CI that works still and has lost something that it could spare. No outage has it.
const SeverityAtRisk Severity = "at_risk"

// ImpactOrigin says why a CI stands among those that a record impacts.
type ImpactOrigin string

// The origins.
const (
	// OriginComputed follows from the CIs that the record names.
	OriginComputed ImpactOrigin = "computed"
	// OriginManual was added by a person, and stays whatever is computed.
	OriginManual ImpactOrigin = "manual"
	// OriginExcluded is not impacted, as a person says, and stays excluded whatever is computed.
	OriginExcluded ImpactOrigin = "excluded"
)

// NamedCI is a CI that a record concerns, with how badly it is out.
type NamedCI struct {
	CI itsm.ID `json:"ci"`
	// Severity is [SeverityDown] where it is empty, or [SeverityDegraded].
	Severity Severity `json:"severity,omitempty"`
}

// ImpactCounts is how many CIs are impacted, those that fail themselves included.
type ImpactCounts struct {
	Down     int `json:"down"`
	Degraded int `json:"degraded"`
	AtRisk   int `json:"at_risk"`
	// Services is how many of them all are services: see [Options].Services.
	Services int `json:"services"`
}

// Total is the sum over the states.
func (c ImpactCounts) Total() int { return c.Down + c.Degraded + c.AtRisk }

func (c *ImpactCounts) add(s Severity, service bool) {
	switch s {
	case SeverityDown:
		c.Down++
	case SeverityDegraded:
		c.Degraded++
	case SeverityAtRisk:
		c.AtRisk++
	}
	if service {
		c.Services++
	}
}

// Assessment is what a record of any kind, as an incident or a change, impacts. There is at most one of a record.
type Assessment struct {
	AssessmentHead
	AssessmentBody
}

// AssessmentHead is what assessments are listed by.
type AssessmentHead struct {
	storage.Meta
	RecordKind string  `json:"record_kind"`
	Record     itsm.ID `json:"record"`
	// Revision is that of the graph on which it was computed last, and At when that was; both are zero before the first time.
	Revision int64     `json:"revision"`
	At       time.Time `json:"at,omitzero"`
}

// AssessmentBody is the rest of an assessment.
type AssessmentBody struct {
	// Named are the CIs that [Practice.Concern] named, in the order of their ids. Those that the record is linked to are not
	// among them.
	Named []NamedCI `json:"named,omitempty"`
	// Counts are of what was computed, before corrections.
	Counts ImpactCounts `json:"counts,omitzero"`
	// LeftOut is how many of these are not kept one by one: see [MaxImpacted].
	LeftOut int `json:"left_out,omitempty"`
	// Corrections is how many CIs a person added or excluded.
	Corrections int `json:"corrections,omitempty"`
	// Hidden says that there are CIs which the asker may not read: Named and Counts are then of the others, and LeftOut is 0.
	Hidden bool `json:"hidden,omitempty"`
}

// Of names the record that is assessed.
func (h *AssessmentHead) Of() itsm.Ref { return itsm.Ref{Kind: h.RecordKind, ID: h.Record} }

// The columns of assessments.
var (
	AssessmentByRecordKind = storage.Col("record_kind", func(h *AssessmentHead) *string { return &h.RecordKind })
	AssessmentByRecord     = storage.Col("record", func(h *AssessmentHead) *itsm.ID { return &h.Record })
	AssessmentByRevision   = storage.Col("revision", func(h *AssessmentHead) *int64 { return &h.Revision })
	AssessmentByAt         = storage.NullTimeCol("at", func(h *AssessmentHead) *time.Time { return &h.At })
)

// AssessmentTable is the table of assessments.
var AssessmentTable = storage.Define(KindAssessment, storage.Def[Assessment, AssessmentHead, AssessmentBody]{
	Parts:   func(a *Assessment) (*AssessmentHead, *AssessmentBody) { return &a.AssessmentHead, &a.AssessmentBody },
	Columns: []storage.ColumnOf[AssessmentHead]{AssessmentByRecordKind, AssessmentByRecord, AssessmentByRevision, AssessmentByAt},
})

// Impacted is one CI that a record impacts, or that a person says it does not.
type Impacted struct {
	ImpactedHead
	ImpactedBody
}

// ImpactedHead is what impacted CIs are listed by.
type ImpactedHead struct {
	storage.Meta
	RecordKind string       `json:"record_kind"`
	Record     itsm.ID      `json:"record"`
	CI         itsm.ID      `json:"ci"`
	Service    bool         `json:"service"`
	Origin     ImpactOrigin `json:"origin"`
	// Severity is what was computed, or, where a person added it, what that person said; empty for one that is excluded and that nothing impacts. It sorts the worst last.
	Severity Severity `json:"severity"`
	// Named says that the record names the CI itself.
	Named bool `json:"named"`
	// Revision is that of the graph on which what was computed of it last changed; 0 where nothing ever was.
	Revision int64 `json:"revision"`
}

// ImpactedBody is the rest of an impacted CI.
type ImpactedBody struct {
	// Computed is what is computed of it, whatever a person says; empty where it is not impacted by that.
	Computed Severity `json:"computed,omitempty"`
	// Corrected says who added or excluded it, when and why; nil where nobody did.
	Corrected *Correction `json:"corrected,omitempty"`
}

// Correction says who corrected what is computed.
type Correction struct {
	By     itsm.ID   `json:"by"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitempty"`
}

// Of names the record that impacts the CI.
func (h *ImpactedHead) Of() itsm.Ref { return itsm.Ref{Kind: h.RecordKind, ID: h.Record} }

// The columns of impacted CIs.
var (
	ImpactedByRecordKind = storage.Col("record_kind", func(h *ImpactedHead) *string { return &h.RecordKind })
	ImpactedByRecord     = storage.Col("record", func(h *ImpactedHead) *itsm.ID { return &h.Record })
	ImpactedByCI         = storage.Col("ci", func(h *ImpactedHead) *itsm.ID { return &h.CI })
	ImpactedByService    = storage.BoolCol("service", func(h *ImpactedHead) *bool { return &h.Service })
	ImpactedByOrigin     = storage.Col("origin", func(h *ImpactedHead) *ImpactOrigin { return &h.Origin })
	ImpactedBySeverity   = storage.Col("severity", func(h *ImpactedHead) *Severity { return &h.Severity })
	ImpactedByNamed      = storage.BoolCol("named", func(h *ImpactedHead) *bool { return &h.Named })
	ImpactedByRevision   = storage.Col("revision", func(h *ImpactedHead) *int64 { return &h.Revision })
)

// ImpactedTable is the table of impacted CIs.
var ImpactedTable = storage.Define(KindImpacted, storage.Def[Impacted, ImpactedHead, ImpactedBody]{
	Parts: func(i *Impacted) (*ImpactedHead, *ImpactedBody) { return &i.ImpactedHead, &i.ImpactedBody },
	Columns: []storage.ColumnOf[ImpactedHead]{ImpactedByRecordKind, ImpactedByRecord, ImpactedByCI, ImpactedByService, ImpactedByOrigin,
		ImpactedBySeverity, ImpactedByNamed, ImpactedByRevision},
	Indexes: []storage.Index{
		storage.IndexOn(ImpactedByRecordKind.Asc(), ImpactedByRecord.Asc(), ImpactedByService.Asc(), ImpactedBySeverity.Asc()),
		storage.IndexOn(ImpactedByCI.Asc(), ImpactedByOrigin.Asc(), ImpactedByRecordKind.Asc()),
	},
})

// assessmentID is the id of the assessment of a record, so that it has one.
func assessmentID(of itsm.Ref) itsm.ID { return itsm.ID(digest.Of(of.Kind, string(of.ID))) }

// impactedID is the id of a CI's row of a record.
func impactedID(of itsm.Ref, ci itsm.ID) itsm.ID {
	return itsm.ID(digest.Of(of.Kind, string(of.ID), string(ci)))
}

// severityOf is a state by name, empty for one that works.
func severityOf(s impact.State) Severity {
	switch s {
	case impact.Down:
		return SeverityDown
	case impact.Degraded:
		return SeverityDegraded
	case impact.AtRisk:
		return SeverityAtRisk
	}
	return ""
}

// rank orders severities, the worst the greatest.
func (s Severity) rank() int {
	switch s {
	case SeverityDown:
		return 3
	case SeverityDegraded:
		return 2
	case SeverityAtRisk:
		return 1
	}
	return 0
}

// ImpactAssessed: what a record impacts was computed, and it is not what it was before.
type ImpactAssessed struct {
	Of       itsm.Ref `json:"of"`
	Revision int64    `json:"revision"`
	// Came are the CIs that are impacted now and were not, Changed those that are in another state, each with the state that it has
	// now, and Went those that are impacted no more: of those that are kept, and whatever a person says of them.
	Came    []NamedCI    `json:"came,omitempty"`
	Changed []NamedCI    `json:"changed,omitempty"`
	Went    []itsm.ID    `json:"went,omitempty"`
	Counts  ImpactCounts `json:"counts"`
}

// ImpactCorrected: a person added or excluded an impacted CI, or took that back.
type ImpactCorrected struct {
	Of itsm.Ref `json:"of"`
	CI itsm.ID  `json:"ci"`
	// Was is empty where the CI was none of those impacted, and Now where it is none any more.
	Was      ImpactOrigin `json:"was,omitempty"`
	Now      ImpactOrigin `json:"now,omitempty"`
	Severity Severity     `json:"severity,omitempty"`
}

// EventType is the name of the type with its version.
func (ImpactAssessed) EventType() string  { return "ci_assessment.assessed.v1" }
func (ImpactCorrected) EventType() string { return "ci_assessment.corrected.v1" }

func furtherEvents() []itsm.EventType {
	return []itsm.EventType{itsm.EventOf[ImpactAssessed](), itsm.EventOf[ImpactCorrected](), itsm.EventOf[DynamicGroupPut]()}
}
