// Package incidenttest is the conformance test of the incident practice over a store: that it
// behaves the same whichever engine keeps the records. A host with an adapter of its own, or
// with a database in a configuration of its own, runs it as a test:
//
//	func TestIncidents(t *testing.T) {
//		incidenttest.Run(t, func(t *testing.T) storage.Store { return openMyStore(t) })
//	}
//
// It holds single cases (concurrency, idempotency, nesting, restriction, a host's own lifecycle
// and columns, timers) and a model test: random commands of several actors in two tenants, with
// the clock going on and jobs running in between, each compared with a small model of the
// practice that is written here and shares nothing with it.
package incidenttest
