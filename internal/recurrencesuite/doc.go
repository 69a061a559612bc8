// Package recurrencesuite holds the promises of package recurrence over a store, so that it is shown to
// behave the same on every database engine: each occurrence is done once whatever processes run or
// die and however handlers fail, what was missed goes by the policy, and schedules are paused, revised
// and ended.
package recurrencesuite
