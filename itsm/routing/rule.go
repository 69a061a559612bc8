// This file holds rules as data, and how they are read from JSON.

package routing

import (
	"github.com/itsmkit/itsmkit/internal/strictjson"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// RuleSet is an ordered list of rules: the first whose condition holds decides. A set is a value;
// [RuleSet.Check] says what is wrong with it, and only a set without faults should decide.
//
// Whoever gets a record may read it. So a restricted record, one whose column "restricted" is true, is
// left to people unless a rule says otherwise: it passes by the default group and every rule whose
// condition does not itself name restricted as true, outside of any not.
type RuleSet struct {
	Rules []Rule `json:"rules"`
	// Default is the group of a record that no rule matches; empty leaves it without one.
	Default itsm.ID `json:"default,omitempty"`
	// Overflow names for a group the one that takes over where a rule asks for a person and
	// nobody in the group can take the record. A person there is chosen in the same way. It may
	// have an overflow group of its own.
	Overflow map[itsm.ID]itsm.ID `json:"overflow,omitempty"`
}

// Rule sends the records that it matches to a group.
type Rule struct {
	// Name tells the rule from the others of its set.
	Name string `json:"name"`
	// When says which records it matches, in the words of a [Vocabulary]. The zero condition
	// matches all.
	When storage.Condition `json:"when"`
	// Group is the group that works on what it matches.
	Group itsm.ID `json:"group"`
	// Person says how a person of the group is chosen; the zero value leaves that to the group.
	Person Selection `json:"person,omitzero"`
}

// Method is a way to choose a person of a group.
type Method string

// The methods. Whichever it is, only a person who is active, available and below their capacity
// is chosen, and ties stand by id.
const (
	// MethodNone chooses nobody: the group sees to it itself.
	MethodNone Method = ""
	// MethodRoundRobin takes people in turn, in the order of their ids.
	MethodRoundRobin Method = "round_robin"
	// MethodLeastLoad takes who has the fewest open records.
	MethodLeastLoad Method = "least_load"
	// MethodSkill takes of those who have all the skills who has the fewest open records.
	MethodSkill Method = "skill"
	// MethodPerson takes one person. Where they cannot take the record the group has it without
	// a person: there is no overflow.
	MethodPerson Method = "person"
)

var methods = []Method{MethodNone, MethodRoundRobin, MethodLeastLoad, MethodSkill, MethodPerson}

// Selection says how a person is chosen.
type Selection struct {
	Method Method `json:"method,omitempty"`
	// Skills are what a person needs, for MethodSkill.
	Skills []Skill `json:"skills,omitempty"`
	// Person is the one, for MethodPerson.
	Person itsm.ID `json:"person,omitempty"`
	// Capacity is how many open records a person may have, where the person has no capacity of
	// their own; 0 is no bound.
	Capacity int `json:"capacity,omitempty"`
}

// Skill is a skill and the level of it that is needed, from 1.
type Skill struct {
	Name  string `json:"name"`
	Level int    `json:"level"`
}

// The bounds of a rule set, so that one from outside cannot exhaust an engine.
const (
	// MaxRules is how many rules a set may have, and how many overflow groups.
	MaxRules = 1000
	// MaxParts is how many conditions the rules of a set may be made of in all, and how many
	// values these may have.
	MaxParts = 10_000
	// MaxJSON is how long the JSON form may be, in bytes.
	MaxJSON = 1 << 20
	// MaxSkills is how many skills a rule may need.
	MaxSkills = 50
	// MaxName is the greatest length of a rule's and a skill's name, in characters.
	MaxName = 100
)

// Parse reads the JSON form of a rule set: one object without unknown members, at most [MaxJSON]
// bytes. It does not know what can be spoken of: Check does.
func Parse(raw []byte) (RuleSet, error) {
	var s RuleSet
	if err := strictjson.Decode("rule set", raw, MaxJSON, &s); err != nil {
		return RuleSet{}, err
	}
	return s, nil
}
