// Package storage is the contract between records and the engines that keep them, and the typed
// tables through which programs use it.
//
// A program defines a record type in two parts: a head of typed columns, which is what lists
// show, filter and sort by, and a body, which is kept as one JSON document and read only with
// the whole record. [Define] makes the [Table]; its columns are the query language:
//
//	page, err := Tickets.List(ctx, r, storage.Query[TicketHead]{
//		Where: storage.AllOf(ByOpen.Is(true), ByPriority.AtMost(2)),
//		Order: []storage.Order{ByPriority.Asc(), ByReported.Asc()},
//	})
//
// Everything happens inside one tenant: a [Store] runs a View on a snapshot or an Update in a
// transaction, and hands out a [Reader] or a [Tx] that can reach nothing else. Beside records a
// store keeps their event log, jobs that are due at an instant, named locks and sequences. A
// record has a version; putting one that has changed since it was read is [ErrConflict].
//
// The methods of [Store] and [Tx] are all that an adapter implements, and the Check functions are
// all that it refuses; it knows no record type. Package memory is one that lives in the process, package sqlstore one over a
// database that the host opened, and package storagetest holds every promise of the contract as
// a test that any adapter can run. Lists are pages by keyset: a page costs the same at any size
// where the columns compared for equality, followed by those of the order, are a declared
// index.
package storage
