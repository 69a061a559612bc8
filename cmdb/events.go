// This file holds the events: what stands in the log, and what senders and others react to.

package cmdb

import (
	"time"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/versioned"
)

// Added: a CI was made. What it has stands in the event's changes.
type Added struct {
	Class  string `json:"class"`
	Name   string `json:"name"`
	Source string `json:"source"`
	// Revision is that of the tenant's graph.
	Revision int64 `json:"revision"`
}

// Updated: fields or attributes changed; from what to what stands in the event's changes.
type Updated struct {
	Source string `json:"source"`
	// Attributes are those that were written, and Observed those of which the source found another value that was not taken.
	Attributes []string `json:"attributes,omitempty"`
	Observed   []string `json:"observed,omitempty"`
	// Under is the record under which it was done, as a change.
	Under *itsm.Ref `json:"under,omitempty"`
	// Revision is that of the tenant's graph, where who may see the CI changed.
	Revision int64 `json:"revision,omitempty"`
}

// BuildBegun, TestBegun, Reworked and WentLive tell of the lifecycle up to the use of a CI; the states stand in the event.
type (
	BuildBegun struct {
		Source string    `json:"source"`
		Under  *itsm.Ref `json:"under,omitempty"`
	}
	TestBegun struct {
		Source string    `json:"source"`
		Under  *itsm.Ref `json:"under,omitempty"`
	}
	Reworked struct {
		Source string    `json:"source"`
		Under  *itsm.Ref `json:"under,omitempty"`
	}
	WentLive struct {
		Source string    `json:"source"`
		Under  *itsm.Ref `json:"under,omitempty"`
	}
)

// Retired: the CI is in use no more, and left the graph. Relations and groups that ended with it have events of their own.
type Retired struct {
	Source   string    `json:"source"`
	Under    *itsm.Ref `json:"under,omitempty"`
	Revision int64     `json:"revision"`
}

// Reinstated: a CI that was retired is to be used again, and came back into the graph.
type Reinstated struct {
	Source   string    `json:"source"`
	Under    *itsm.Ref `json:"under,omitempty"`
	Revision int64     `json:"revision"`
}

// Related: a relation between two CIs began.
type Related struct {
	Type     string  `json:"type"`
	Source   itsm.ID `json:"source"`
	Target   itsm.ID `json:"target"`
	Revision int64   `json:"revision"`
}

// Unrelated: a relation ended.
type Unrelated struct {
	Type     string  `json:"type"`
	Source   itsm.ID `json:"source"`
	Target   itsm.ID `json:"target"`
	Revision int64   `json:"revision"`
}

// GroupPut: a redundancy group was made or changed.
type GroupPut struct {
	// Was is the group before, absent where there was none.
	Was      *impact.Group `json:"was,omitempty"`
	Now      impact.Group  `json:"now"`
	Revision int64         `json:"revision"`
}

// GroupRemoved: a redundancy group ended.
type GroupRemoved struct {
	Was      impact.Group `json:"was"`
	Revision int64        `json:"revision"`
}

// BaselineTaken: an instant was given a name.
type BaselineTaken struct {
	Name     string    `json:"name"`
	At       time.Time `json:"at"`
	Revision int64     `json:"revision"`
}

// OutageRecorded, OutageAmended, OutageEnded and OutageWithdrawn tell of an outage of a CI.
type (
	OutageRecorded struct {
		CI       itsm.ID   `json:"ci"`
		Severity Severity  `json:"severity"`
		Begin    time.Time `json:"begin"`
		// End is absent while it lasts.
		End     time.Time `json:"end,omitzero"`
		Planned bool      `json:"planned,omitempty"`
	}
	OutageAmended struct {
		CI       itsm.ID   `json:"ci"`
		Severity Severity  `json:"severity"`
		Begin    time.Time `json:"begin"`
		End      time.Time `json:"end,omitzero"`
	}
	OutageEnded struct {
		CI    itsm.ID   `json:"ci"`
		Begin time.Time `json:"begin"`
		End   time.Time `json:"end"`
	}
	OutageWithdrawn struct {
		CI itsm.ID `json:"ci"`
	}
)

// DuplicateFlagged: an observation found two CIs that may be one. DuplicateSettled: people decided whether they are.
type (
	DuplicateFlagged struct {
		First  itsm.ID `json:"first"`
		Second itsm.ID `json:"second"`
		Source string  `json:"source"`
		// Found says by which rule both were found.
		Found string `json:"found"`
	}
	DuplicateSettled struct {
		First  itsm.ID `json:"first"`
		Second itsm.ID `json:"second"`
		Merged bool    `json:"merged"`
	}
)

// Merged: another CI was found to be this one, and what it had moved here. The other is retired.
type Merged struct {
	Other itsm.ID `json:"other"`
	// Attributes are those whose values the other had.
	Attributes []string `json:"attributes,omitempty"`
	Source     string   `json:"source"`
	Revision   int64    `json:"revision"`
}

// What package versioned tells of models.
type (
	ModelDrafted   = versioned.Drafted[ModelSet]
	ModelRevised   = versioned.Revised[ModelSet]
	ModelActivated = versioned.Activated[ModelSet]
	ModelRetired   = versioned.Retired[ModelSet]
)

// EventType is the name of the type with its version.
func (Added) EventType() string            { return "ci.added.v1" }
func (Updated) EventType() string          { return "ci.updated.v1" }
func (BuildBegun) EventType() string       { return "ci.build_begun.v1" }
func (TestBegun) EventType() string        { return "ci.test_begun.v1" }
func (Reworked) EventType() string         { return "ci.reworked.v1" }
func (WentLive) EventType() string         { return "ci.went_live.v1" }
func (Retired) EventType() string          { return "ci.retired.v1" }
func (Reinstated) EventType() string       { return "ci.reinstated.v1" }
func (Related) EventType() string          { return "ci_relation.related.v1" }
func (Unrelated) EventType() string        { return "ci_relation.unrelated.v1" }
func (GroupPut) EventType() string         { return "ci_group.put.v1" }
func (GroupRemoved) EventType() string     { return "ci_group.removed.v1" }
func (BaselineTaken) EventType() string    { return "ci_baseline.taken.v1" }
func (OutageRecorded) EventType() string   { return "ci_outage.recorded.v1" }
func (OutageAmended) EventType() string    { return "ci_outage.amended.v1" }
func (OutageEnded) EventType() string      { return "ci_outage.ended.v1" }
func (OutageWithdrawn) EventType() string  { return "ci_outage.withdrawn.v1" }
func (DuplicateFlagged) EventType() string { return "ci_duplicate.flagged.v1" }
func (DuplicateSettled) EventType() string { return "ci_duplicate.settled.v1" }
func (Merged) EventType() string           { return "ci.merged.v1" }

func eventTypes() []itsm.EventType {
	return []itsm.EventType{
		itsm.EventOf[Added](), itsm.EventOf[Updated](), itsm.EventOf[BuildBegun](), itsm.EventOf[TestBegun](), itsm.EventOf[Reworked](),
		itsm.EventOf[WentLive](), itsm.EventOf[Retired](), itsm.EventOf[Reinstated](),
		itsm.EventOf[Related](), itsm.EventOf[Unrelated](), itsm.EventOf[GroupPut](), itsm.EventOf[GroupRemoved](),
		itsm.EventOf[BaselineTaken](),
		itsm.EventOf[OutageRecorded](), itsm.EventOf[OutageAmended](), itsm.EventOf[OutageEnded](), itsm.EventOf[OutageWithdrawn](),
		itsm.EventOf[DuplicateFlagged](), itsm.EventOf[DuplicateSettled](), itsm.EventOf[Merged](),
	}
}
