// This file holds the model: a small practice of its own, written from what is promised and sharing nothing
// with the code that it is compared with.

package problemsuite

import (
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// outcome is what a command comes to.
type outcome string

const (
	happens   outcome = "happens"
	notFound  outcome = "not found"
	conflict  outcome = "conflict"
	forbidden outcome = "forbidden"
	refused   outcome = "not permitted in this state"
	invalid   outcome = "invalid"
)

// modelProblem is a problem as the model has it.
type modelProblem struct {
	tenant     storage.Tenant
	id         itsm.ID
	version    int64
	restricted bool
	assignee   itsm.ID
	group      itsm.ID

	state, before   string
	impact, urgency int
	code            string
	workarounds     int
	causes          int
	planned         bool
	// changes are the outcomes of those of the fix: "", "successful" or "failed".
	changes                              []string
	holds, failed, reanalyses, recurred  int
	until, observeFrom, closedAt, review time.Time
	reviewed                             bool // it was told that the review is due
	duplicateOf                          *modelProblem
	// known is the state of the known error: "", "draft", "published" or "retired".
	known, knownFix string
	events          []string
}

const observation = 14 * 24 * time.Hour

var openStates = []string{"new", "assessed", "analysis", "known_error", "fix_in_progress", "on_hold"}

func (m *modelProblem) open() bool { return slices.Contains(openStates, m.state) }

func (m *modelProblem) priority() itsm.Priority {
	if m.impact == 0 || m.urgency == 0 {
		return 0
	}
	return [3][3]itsm.Priority{{1, 2, 3}, {2, 3, 4}, {3, 4, 4}}[m.impact-1][m.urgency-1]
}

// theirs says whether the person, or a group of theirs, has it.
func (m *modelProblem) theirs(a itsm.Actor) bool {
	return m.assignee == a.ID || m.group != "" && slices.Contains(a.Groups, m.group)
}

func (m *modelProblem) visible(a itsm.Actor) bool {
	switch {
	case a.Tenant != m.tenant, a.Has(itsm.RoleRequester):
		return false
	case a.Has(itsm.RoleProblemManager):
		return true
	}
	return !m.restricted || m.theirs(a)
}

var specialistMay = []string{"accept", "analyse", "identify_cause", "record_workaround", "plan_fix", "fix_verified", "fix_failed", "record_outcome",
	"mark_duplicate", "hold", "resume", "close", "recur", "reanalyse", "reanalyse_fixed", "assign"}

func (m *modelProblem) may(a itsm.Actor, permission string) bool {
	switch {
	case a.Has(itsm.RoleProblemManager):
		return true
	case a.Has(itsm.RoleSupportSpecialist):
		return slices.Contains(specialistMay, permission) && m.theirs(a)
	}
	return slices.Contains([]string{"accept_risk", "reanalyse_risk_accepted"}, permission) && (!m.restricted || m.theirs(a))
}

// moved puts the problem in a state, with one event of an action.
func (m *modelProblem) moved(action, to string, now time.Time) {
	m.version++
	m.events = append(m.events, action)
	if to == "" {
		to = m.state
	}
	was := m.state
	if to == "on_hold" {
		if was != to {
			m.before = was
			m.holds++
		}
	} else {
		m.before, m.until = "", time.Time{}
	}
	m.state = to
	switch to {
	case "resolved":
		if was != to {
			m.code, m.observeFrom, m.recurred = "fixed", now, 0
		}
	case "closed", "cancelled":
		if was != to {
			m.closedAt = now
		}
	default:
		if was == "resolved" || was == "closed" {
			m.reanalyses++
			m.code, m.planned, m.changes, m.recurred, m.duplicateOf = "", false, nil, 0, nil
			m.observeFrom, m.closedAt, m.review = time.Time{}, time.Time{}, time.Time{}
		}
	}
	m.follow(was)
}

// follow makes the known error what follows from the problem.
func (m *modelProblem) follow(was string) {
	if m.known == "" {
		return
	}
	switch {
	case m.code == "fixed":
		m.knownFix = "fixed"
	case m.planned && m.code == "":
		m.knownFix = "planned"
	default:
		m.knownFix = ""
	}
	if was != m.state && (m.state == "cancelled" || m.state == "closed" && m.code == "fixed") {
		m.known = "retired"
	}
}

// due does what comes due by now, and says whether anything did.
func (m *modelProblem) due(now time.Time) bool {
	switch {
	case m.state == "on_hold" && !m.until.IsZero() && !m.until.After(now):
		m.moved("resume", m.before, now)
	case m.state == "resolved" && !m.observeFrom.Add(observation).After(now):
		m.moved("auto_close", "closed", now)
	case !m.review.IsZero() && !m.reviewed && !m.review.After(now):
		m.reviewed = true
		m.version++
	default:
		return false
	}
	return true
}
