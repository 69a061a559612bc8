// Package directorysuite holds the promises of the directory over a store, so that it is shown to
// behave the same on every database engine. It holds the conformance of package directorytest, single
// cases (concurrency, idempotency, reads inside a unit, pages, erasure down to the stored bytes), and a
// model test: random commands of several actors in two tenants, each compared with a small model that
// shares nothing with the practice.
package directorysuite
