// Package memory keeps a [storage.Store] in the memory of one process. It is a whole adapter,
// not a mock: snapshots, atomic units, version conflicts, tenants apart, declared indexes, the
// event log and jobs are as the contract promises, so that what runs on it runs on a database.
// What it does not have is durability: when the process ends, everything is gone.
//
// # How it is built
//
// Everything of a tenant stands in ordered trees whose nodes are never changed once they are
// committed: a unit copies the few nodes on the way to what it writes, and its commit is the
// exchange of one pointer. A View holds the pointers that it found when it began. It costs
// nothing to take, waits for no Update and keeps none waiting, however long it runs; what it
// holds on to is the memory of its snapshot.
//
// A table has one tree by id and one for each declared index. A page whose equality columns,
// followed by its order, are an index reads just its own rows, whatever the size of the table;
// other queries read the smallest range that an index gives and sort what they find.
//
// # Units
//
// Units of one tenant run one after the other, those of different tenants side by side. So a
// Put meets a conflict only when its version is stale, Lock never waits, and there are no
// deadlocks between units. An Update that waits for another ends when its context does. A unit
// must not open another one of its own tenant with a context that is not its own: that one
// would wait for it.
//
// Claim waits for no unit. It passes over a job that an open unit has replaced, cancelled or
// finished, as a database does that skips locked rows.
package memory
