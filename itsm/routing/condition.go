// This file holds conditions alone, for those who decide something else by them than where a record
// goes: package trigger.

package routing

import (
	"github.com/itsmkit/itsmkit/internal/implication"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// CheckCondition reports every fault of one condition at once, as [RuleSet.Check] does of those of a
// set, by the names of the condition's JSON form: "when.of[0].column". One that [NeverHolds] is none.
func (v *Vocabulary) CheckCondition(when storage.Condition) error {
	var f itsm.Faults
	c := checker{v: v, f: &f}
	c.condition(when, "when", 1)
	if c.parts > storage.MaxConditionParts {
		f.Addf("when", "has more than %d parts", storage.MaxConditionParts)
	}
	if c.values > storage.MaxConditionValues {
		f.Addf("when", "has %d values; at most %d are allowed", c.values, storage.MaxConditionValues)
	}
	return f.Err("condition on " + v.kind)
}

// NeverHolds says that a condition holds for no record, as far as that can be told: see
// [RuleSet.Unreachable]. The condition must be one that CheckCondition passes.
func NeverHolds(when storage.Condition) bool {
	return implication.NewSearch().Impossible(implication.Conjoin(when))
}

// Failed gives the parts of a condition that decided against it: the first part of an and that does
// not hold, all parts of an or; none where it holds. get gives the value of a column, nil for null.
func Failed(when storage.Condition, get func(column string) any) []Part {
	if when.Match(get) {
		return nil
	}
	return failed(when, get, "", nil)
}
