// Package tasksuite holds the promises of package task over a store, so that it is shown to behave
// the same on every database engine. It holds single cases (predecessors that end together, one telling
// of the end, idempotency, timers, the end of a parent, tenants, pages) and a model test: random plans
// and random commands, each compared with an oracle that is written here and shares nothing with the
// package. [Host] is a parent record of a host's own.
package tasksuite
