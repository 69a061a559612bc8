// This file holds the record of a major incident and its lifecycle, a region beside that of the incident:
// whether it is handled as a major one, who is told and when, and what was learned.

package incident

import (
	"strings"
	"sync"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// MajorKind is the kind of record that the handling of an incident as a major one is: the name of its
// table, the first part of its permissions and event types.
const MajorKind = "major_incident"

// MajorState is a state of the handling as a major incident.
type MajorState string

// The states. A new one is in [MajorNone], of which no record is kept.
const (
	MajorNone          MajorState = "none"
	MajorCandidate     MajorState = "candidate"
	MajorDeclared      MajorState = "declared"
	MajorDemoted       MajorState = "demoted"
	MajorRestored      MajorState = "restored"
	MajorReviewPending MajorState = "review_pending"
	MajorReviewed      MajorState = "reviewed"
)

// MajorAction is what can be done with the handling as a major incident.
type MajorAction string

// The actions. The permission of each is "major_incident.<action>".
const (
	MajorActionPropose       MajorAction = "propose"
	MajorActionDeclare       MajorAction = "declare"
	MajorActionDemote        MajorAction = "demote"
	MajorActionPlan          MajorAction = "plan"
	MajorActionUpdate        MajorAction = "update"
	MajorActionRestore       MajorAction = "restore"
	MajorActionRequestReview MajorAction = "request_review"
	MajorActionReview        MajorAction = "review"
	// MajorActionRemind tells that an update or the review is due; the system takes it.
	MajorActionRemind MajorAction = "remind"
)

// Major is the handling of an incident as a major one. It has the id of its incident, and a version and
// a history of its own. All times are UTC microseconds; the zero time is absent.
type Major struct {
	MajorHead
	MajorBody
}

// MajorHead is what is found by queries.
type MajorHead struct {
	storage.Meta
	State MajorState `json:"state"`
	// DeclaredAt is when it was last declared.
	DeclaredAt time.Time `json:"declared_at,omitzero"`
	// Due is when the next update is due while it is declared, and the review while that is pending;
	// absent where nothing is.
	Due time.Time `json:"due,omitzero"`
}

// MajorBody is the rest.
type MajorBody struct {
	// Manager leads it: who was named, or declared it.
	Manager itsm.ID `json:"manager,omitempty"`
	// Plan says who is told, and how often.
	Plan CommunicationPlan `json:"plan,omitzero"`
	// Updates counts those that were posted, and Missed how often it was told that one was due.
	Updates int `json:"updates,omitempty"`
	Missed  int `json:"missed,omitempty"`
	// Updated is when the last one was posted.
	Updated time.Time `json:"updated_at,omitzero"`
	// Reviewer is who was asked for the review.
	Reviewer itsm.ID `json:"reviewer,omitempty"`
	// Review is what was learned.
	Review *MajorReview `json:"review,omitempty"`
}

// CommunicationPlan says who is told of a major incident, and how often.
type CommunicationPlan struct {
	Audiences []Audience `json:"audiences,omitempty"`
	// Every is the time from one update to the next, in nanoseconds: at least a minute, or 0 for none that is due.
	Every time.Duration `json:"every,omitempty"`
}

// Audience is who is told, and by which way: the business, on the status page.
type Audience struct {
	Name string `json:"name"`
	// Channel is the way, as the host names it.
	Channel string    `json:"channel"`
	People  []itsm.ID `json:"people,omitempty"`
}

// MaxAudiences is the greatest number of audiences of a plan.
const MaxAudiences = 50

// MajorReview is what was learned from a major incident.
type MajorReview struct {
	Findings string `json:"findings"`
	// Factors are the contributing factors; there is seldom one cause.
	Factors []string       `json:"factors,omitempty"`
	Actions []ReviewAction `json:"actions,omitempty"`
	By      itsm.ID        `json:"by"`
	At      time.Time      `json:"at"`
}

// ReviewAction is something to be done about what was learned.
type ReviewAction struct {
	Text  string    `json:"text"`
	Owner itsm.ID   `json:"owner,omitempty"`
	Due   time.Time `json:"due,omitzero"`
}

// MaxReviewItems is the greatest number of factors, and of actions, of a review.
const MaxReviewItems = 200

var (
	majorByState    = storage.Col("state", func(h *MajorHead) *MajorState { return &h.State })
	majorByDeclared = storage.NullTimeCol("declared_at", func(h *MajorHead) *time.Time { return &h.DeclaredAt })
	majorByDue      = storage.NullTimeCol("due", func(h *MajorHead) *time.Time { return &h.Due })
)

var majorTable = storage.Define(MajorKind, storage.Def[Major, MajorHead, MajorBody]{
	Parts:   func(m *Major) (*MajorHead, *MajorBody) { return &m.MajorHead, &m.MajorBody },
	Columns: []storage.ColumnOf[MajorHead]{majorByState, majorByDeclared, majorByDue},
	Indexes: []storage.Index{storage.IndexOn(majorByState.Asc())},
})

// MajorCase is what the needs and guards of the lifecycle look at.
type MajorCase struct {
	// Major is the record as it would be, still in its old state.
	Major
	// Incident is the incident as it is.
	Incident Incident
	// Reason is that of the command.
	Reason string
}

// MajorLifecycle is the table of states and rules of major incidents.
type MajorLifecycle = itsm.Lifecycle[MajorState, MajorAction, *MajorCase]

func incidentIsOpen(a itsm.Attempt[*MajorCase]) string {
	if !a.Subject.Incident.Open {
		return "the incident is not open; reopen it first"
	}
	return ""
}

var standardMajor = sync.OnceValue(func() *MajorLifecycle {
	type rule = itsm.Rule[MajorState, MajorAction, *MajorCase]
	type state = itsm.State[MajorState]
	type fields = []itsm.Field[*MajorCase]
	reason := itsm.Field[*MajorCase]{Name: "reason", Empty: func(c *MajorCase) bool { return strings.TrimSpace(c.Reason) == "" }}
	findings := itsm.Field[*MajorCase]{Name: "findings", Empty: func(c *MajorCase) bool {
		return c.Review == nil || strings.TrimSpace(c.Review.Findings) == ""
	}}
	l, err := itsm.NewLifecycle(MajorKind, []MajorState{MajorNone},
		[]state{
			{Name: MajorNone, Category: itsm.CategoryNew},
			{Name: MajorCandidate, Category: itsm.CategoryNew},
			{Name: MajorDeclared, Category: itsm.CategoryActive},
			{Name: MajorDemoted, Category: itsm.CategoryCancelled},
			{Name: MajorRestored, Category: itsm.CategoryResolved},
			{Name: MajorReviewPending, Category: itsm.CategoryResolved},
			{Name: MajorReviewed, Category: itsm.CategoryClosed},
		},
		rule{From: []MajorState{MajorNone, MajorDemoted}, On: MajorActionPropose, To: MajorCandidate, Needs: fields{reason}, Guard: incidentIsOpen},
		// It comes back where it was thought to be over, or was not thought to be one.
		rule{From: []MajorState{MajorNone, MajorCandidate, MajorDemoted, MajorRestored, MajorReviewPending, MajorReviewed},
			On: MajorActionDeclare, To: MajorDeclared, Needs: fields{reason}, Guard: incidentIsOpen},
		rule{From: []MajorState{MajorCandidate, MajorDeclared}, On: MajorActionDemote, To: MajorDemoted, Needs: fields{reason}},
		rule{From: []MajorState{MajorCandidate, MajorDeclared}, On: MajorActionPlan, Stay: true},
		rule{From: []MajorState{MajorDeclared, MajorRestored}, On: MajorActionUpdate, Stay: true},
		rule{From: []MajorState{MajorDeclared}, On: MajorActionRestore, To: MajorRestored},
		rule{From: []MajorState{MajorRestored}, On: MajorActionRequestReview, To: MajorReviewPending},
		rule{From: []MajorState{MajorRestored, MajorReviewPending}, On: MajorActionReview, To: MajorReviewed, Needs: fields{findings}},
		rule{From: []MajorState{MajorDeclared, MajorReviewPending}, On: MajorActionRemind, Stay: true, System: true},
	)
	if err != nil {
		panic(err) // the table above is wrong
	}
	return l
})

// StandardMajorLifecycle is the lifecycle of major incidents. It is immutable.
func StandardMajorLifecycle() *MajorLifecycle { return standardMajor() }

// awaitsReview says whether a major incident has not been reviewed yet.
func (s MajorState) awaitsReview() bool {
	return s == MajorDeclared || s == MajorRestored || s == MajorReviewPending
}

// follow gives what becomes of the handling as a major incident when the incident enters a category,
// and the state to which it leads.
func (s MajorState) follow(to itsm.Category) (actions []MajorAction, state MajorState) {
	switch {
	case to == itsm.CategoryCancelled && (s == MajorCandidate || s == MajorDeclared),
		to == itsm.CategoryClosed && s == MajorCandidate:
		return []MajorAction{MajorActionDemote}, MajorDemoted
	case to != itsm.CategoryResolved && to != itsm.CategoryClosed:
	case s == MajorDeclared:
		return []MajorAction{MajorActionRestore, MajorActionRequestReview}, MajorReviewPending
	case s == MajorRestored:
		return []MajorAction{MajorActionRequestReview}, MajorReviewPending
	}
	return nil, s
}
