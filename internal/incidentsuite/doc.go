// Package incidentsuite holds the promises of the incident practice over a store, so that it is
// shown to behave the same on every database engine. It holds single cases (concurrency,
// idempotency, nesting, restriction, a host's own lifecycle and columns, timers) and a model
// test: random commands of several actors in two tenants, with the clock going on and jobs
// running in between, each compared with a small model of the practice that is written here and
// shares nothing with it.
package incidentsuite
