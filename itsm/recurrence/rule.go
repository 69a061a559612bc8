// This file holds the names under which a rule is known here.

package recurrence

import "github.com/itsmkit/itsmkit/itsm/recurrence/rrule"

type (
	// Rule says when something recurs: see package rrule.
	Rule = rrule.Rule
	// Calendar is a compiled [Rule].
	Calendar = rrule.Calendar
)
