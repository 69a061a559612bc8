// Package triggersuite holds the promises of package trigger over a store, so that it is shown to
// behave the same on every database engine: versions of triggers; conditions on a record as an event
// left it; each effect once, in order, also when a tick is broken off; failures that hold up nothing
// else; chains of events that end; a provider's triggers under those of its tenants; and a model that
// is compared with after random commands.
package triggersuite
