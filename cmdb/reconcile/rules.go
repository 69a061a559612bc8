// This file holds the rules as data, and how they are read from JSON.

package reconcile

import (
	"github.com/itsmkit/itsmkit/internal/strictjson"
)

// Name is what rules and mappings call the name of a CI, which stands beside its attributes: wherever they speak of an
// attribute, it may be the name.
const Name = "name"

// Rules say how what sources tell is brought together. They are plain data that a host may edit and keep as JSON;
// [Rules.Compile] says what is wrong with them. The zero value identifies nothing and lets every source write.
type Rules struct {
	// Identification says by what CIs are known again: at most one identifier for each class.
	Identification []Identifier `json:"identification,omitempty"`
	// Meaningless are values that say nothing about which CI it is, such as a serial number "To be filled by O.E.M.".
	Meaningless []Meaningless `json:"meaningless,omitempty"`
	// Authority says whose word counts. An attribute that no rule governs takes the latest word of whomever.
	Authority []Authority `json:"authority,omitempty"`
	// Sources are those of which something else than the default holds.
	Sources []Source `json:"sources,omitempty"`
	// Actions say what follows from finding no CI, one, and several.
	Actions Actions `json:"actions,omitzero"`
	// StaleAfterDays is for how many days of 24 hours the word of a source holds that is not heard again; 0 is
	// [DefaultStaleAfterDays].
	StaleAfterDays int `json:"stale_after_days,omitempty"`
}

// DefaultStaleAfterDays is for how many days the word of a source holds where the rules say nothing else.
const DefaultStaleAfterDays = 60

// Identifier says by what the CIs of a class are known again. Classes below it inherit it, until one has an identifier
// of its own, which replaces all of it.
type Identifier struct {
	// Class is the class, and where a CI is looked for: in it and all classes below it, so that a host that was
	// recorded as one is found again when a source knows it for a virtual machine.
	Class string `json:"class"`
	// Entries are tried by their priority until one finds something. Their order here means nothing.
	Entries []Entry `json:"entries"`
}

// Entry is one way to know a CI again. It serves where the observation has all that it needs, and is passed over
// elsewhere.
//
// With Attributes alone it is regular: a CI is found that has all these values. With Through alone it is a lookup: a
// CI is found that is related to one that has certain values, as a host to its network card. With both it is hybrid.
// With Within it is dependent: the attributes tell a CI only from others of the same host, which has to be known
// first, by rules of its own.
type Entry struct {
	// Priority is the entry's place: 1 is tried first. No two entries of an identifier have the same.
	Priority int `json:"priority"`
	// Attributes are the CI's own, which all have to have the observed values.
	Attributes []string `json:"attributes,omitempty"`
	// IgnoreCase has texts equal that differ in upper and lower case alone.
	IgnoreCase bool `json:"ignore_case,omitempty"`
	// Through says what a CI is looked up by.
	Through *Through `json:"through,omitempty"`
	// Within says in what the attributes are unique.
	Within *Within `json:"within,omitempty"`
	// PointersOnly has the entry serve where another CI's row points to one, as a relation does, and not where a CI itself is
	// told: by "rack R1" a rack is found as long as one rack alone is called so, and no rack is taken for another of that name.
	PointersOnly bool `json:"pointers_only,omitempty"`
}

// Through names the CIs that another is looked up by: it is found where one of those related to it has the attributes
// that the observation gives.
type Through struct {
	// Relation is the type, and Inverse says that the CI which is looked up is its target, not its source.
	Relation string `json:"relation"`
	Inverse  bool   `json:"inverse,omitempty"`
	// Class is that of the related CIs, those below it included, and Attributes are what they are found by.
	Class      string   `json:"class"`
	Attributes []string `json:"attributes"`
}

// Within names the CI in which others are unique.
type Within struct {
	// Relation is the type that ties a dependent CI to it, and Inverse says that the dependent CI is its target.
	Relation string `json:"relation"`
	Inverse  bool   `json:"inverse,omitempty"`
	// Class is that of the other CI, those below it included.
	Class string `json:"class"`
}

// Meaningless are values of an attribute that identify nothing, whichever class has it.
type Meaningless struct {
	Attribute string `json:"attribute"`
	// Values are compared as texts, without case and without spaces around them.
	Values []string `json:"values"`
}

// AnySource stands in [Authority] for every source that is not named there.
const AnySource = "*"

// Authority says whose word counts for attributes of a class and those below it, once a CI has a value: a CI that is
// created takes what it is given.
//
// A person is a source as any other, "manual" where a command names none: where Sources leave it out, and do not end in
// [AnySource], the next import overwrites what people wrote.
//
// Where several cover an attribute one wins: one with Choose before one without; one that names the attribute before
// one for the whole class; one of a class before one of a class above it. [Compiled.Lint] and [AttributeDecision] show
// what was overruled by it.
type Authority struct {
	Class string `json:"class"`
	// Attributes are those it governs; none are all of the class. What every CI has beside its attributes and its name
	// (schema.Reserved) is governed by nothing: no source tells it.
	Attributes []string `json:"attributes,omitempty"`
	// Sources may write, the first before the second and so on; others may not. [AnySource], at the end alone, is
	// everyone else. None with Choose is everyone.
	Sources []string `json:"sources,omitempty"`
	// Choose makes the rule dynamic: not who says it decides but what is said. The places of sources mean nothing then.
	Choose Choice `json:"choose,omitempty"`
}

// Choice is how a dynamic rule chooses between what is held and what is observed. What its own source holds is
// replaced in any case but by an older observation, and what is stale yields to what is not.
type Choice string

// The choices.
const (
	// ChooseLatest takes what was observed last.
	ChooseLatest Choice = "latest"
	// ChooseFirst keeps what was observed first.
	ChooseFirst Choice = "first"
	// ChooseLargest and ChooseSmallest compare numbers, dates and instants.
	ChooseLargest  Choice = "largest"
	ChooseSmallest Choice = "smallest"
)

var choices = []Choice{ChooseLatest, ChooseFirst, ChooseLargest, ChooseSmallest}

// Source is what holds of one source.
type Source struct {
	Name string `json:"name"`
	// StaleAfterDays is as in [Rules]; 0 is what stands there. NeverStale has its word hold for ever.
	StaleAfterDays int  `json:"stale_after_days,omitempty"`
	NeverStale     bool `json:"never_stale,omitempty"`
	// UnstableKeys says that the source's own keys do not tell its CIs from each other from one time to the next, as
	// numbers of rows: a CI is then not known again by them.
	UnstableKeys bool `json:"unstable_keys,omitempty"`
	// Actions replace those of the rules where they are given.
	Actions Actions `json:"actions,omitzero"`
}

// Action is what follows from an identification.
type Action string

// The actions.
const (
	// ActionCreate makes a new CI.
	ActionCreate Action = "create"
	// ActionUpdate tells the CI that was found.
	ActionUpdate Action = "update"
	// ActionRefuse is an error that the source gets to see.
	ActionRefuse Action = "refuse"
	// ActionIgnore passes over the observation.
	ActionIgnore Action = "ignore"
	// ActionFlag writes nothing and asks people to see whether the CIs that were found are one.
	ActionFlag Action = "flag"
	// ActionOldest tells the CI that exists the longest.
	ActionOldest Action = "oldest"
)

// Actions say what follows from how many CIs are found. The empty ones are [ActionCreate], [ActionUpdate] and
// [ActionFlag].
type Actions struct {
	// None is ActionCreate, ActionRefuse or ActionIgnore.
	None Action `json:"none,omitempty"`
	// One is ActionUpdate, ActionRefuse or ActionIgnore.
	One Action `json:"one,omitempty"`
	// Many is ActionFlag, ActionOldest, ActionRefuse or ActionIgnore.
	Many Action `json:"many,omitempty"`
}

// The bounds of rules and mappings, so that those from outside cannot exhaust a host.
const (
	// MaxJSON is how long the JSON form of rules or of a mapping may be, in bytes.
	MaxJSON = 1 << 20
	// MaxRules is how many identifiers, authority rules, sources and meaningless lists there may be, of each.
	MaxRules = 1000
	// MaxParts is how many entries, attributes, values or sources one of them may name.
	MaxParts = 100
	// MaxDays is the longest time after which a word is stale.
	MaxDays = 36_500
)

// Parse reads the JSON form of rules: one object without unknown members, at most [MaxJSON] bytes. What it names is
// known when the rules are compiled against a model.
func Parse(raw []byte) (Rules, error) {
	var r Rules
	if err := strictjson.Decode("reconciliation rules", raw, MaxJSON, &r); err != nil {
		return Rules{}, err
	}
	return r, nil
}

// kind says what kind of way to know a CI an entry is.
func (e Entry) kind() Kind {
	switch {
	case e.Within != nil:
		return KindDependent
	case e.Through != nil && len(e.Attributes) > 0:
		return KindHybrid
	case e.Through != nil:
		return KindLookup
	}
	return KindRegular
}
