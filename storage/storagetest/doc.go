// Package storagetest holds every promise of [storage.Store] as a case, so that whoever writes
// an adapter can hold it to them in one line:
//
//	func TestConformance(t *testing.T) {
//		storagetest.Run(t, func(t *testing.T) storage.Store { return openEmpty(t) })
//	}
//
// openEmpty gives a store without records, events, jobs and numbers, with the tables that it
// needs for itself. Where the adapter has a migration ([storage.Migrator]), the suite calls it
// with its own schemas. Where stores share one database server, give each a database or a
// schema of its own: cases claim jobs of every tenant, and a stranger's would confuse them.
//
// Each case is a subtest that is named after the promise it holds, such as
// TestConformance/Records/a_stale_put_is_a_conflict. A case never assumes more than the
// contract says: where units may or may not interleave, both are right. Cases that need others
// to wait or to run at the same time are written so that they pass whatever the timing, for a
// store that keeps its promises; one that waits for ever fails after two minutes.
//
// [RunModel], which Run calls too, draws random commands by several tenants and compares what
// the store says with a simple model. The flags of package rapid make it longer
// (-rapid.checks, -rapid.steps), and show the shortest sequence of commands that fails.
//
// That the cases bite is held by this package's own tests: stores with one fault each, such as a
// blind update, a lost tenant predicate or a delivery that is lost while its job runs, each of
// which named cases must find.
//
// A fault that a user finds in an adapter and that the suite let pass is a fault of the suite:
// it becomes a case.
package storagetest
