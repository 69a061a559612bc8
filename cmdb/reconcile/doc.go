// Package reconcile brings together what several sources tell of configuration items (CIs): it finds which CI an
// observation is of, decides whose word counts for each attribute, and reads observations from rows of CSV and JSON. It
// is pure: it asks a store that its caller gives it, and keeps nothing. Package cmdb applies it to a tenant's CIs; a
// team with its own inventory uses it by itself.
//
// # Observations
//
// An [Observation] is what one source tells of one CI at one instant: a class, a name, attributes, relations. What it
// does not mention it says nothing of. [Compiled.Canonical] checks one against the model and brings it into the form in
// which sources that mean the same are equal.
//
// # Rules
//
// [Rules] are plain data: [Parse] reads them strictly from JSON, [Rules.Compile] holds them against a model and tells
// every fault at once, [Compiled.Lint] finds what they allow and nobody may have meant. [Shipped] are those for the
// shipped model.
//
// # Identification
//
// [Compiled.Identify] tries the source's own key and then, by priority, the entries that the class has or inherits:
// regular ones by attributes of the CI, lookups by those of a related CI, hybrid ones by both, and dependent ones by
// attributes that are unique within another CI. The first that finds anything decides. None, one or many CIs lead to an
// [Action], and the result says what was tried and why. A source tells CIs apart by its keys: two of its keys are never
// one CI, however alike.
//
// # Precedence
//
// [Compiled.Reconcile] decides for each attribute by one [Authority]: a dynamic rule before a static one, one for the
// attribute before one for the whole class, one of a class before one of a class above. Precedence is for updates: what
// is not held yet every source may write. A word that was not heard again for 60 days, or what the rules say, is stale
// and yields. Each [AttributeDecision] shows the rule that won and those that were overruled.
//
// # Rows
//
// A [Mapping] says as data what columns mean; a [Reader] made of it streams rows of CSV and JSON. A faulty row is told
// with all its faults and reading goes on; no row costs more memory than a bound.
package reconcile
