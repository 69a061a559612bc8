// Package sqlstore keeps records in the tables of an SQL database that the host has opened:
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
//	…
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{})
//	…
//	err = store.Migrate(ctx, incident.Table.Schema())
//
// It imports no driver. Errors of the engine are told by what drivers say without being asked
// by type, and are kept inside a *storage.Error.
//
// # Tables
//
// A schema is a table of the prefix and the schema's name: itsm_incident. It has a typed column
// for each declared one, so that SQL reports work, and the rest of a record as JSON in the
// column body. Times are UTC microseconds since 1970 as integers; on SQLite and MySQL a boolean is 0 or 1.
// Text is compared byte by byte in every engine. Every index begins with the tenant.
//
// The store's own tables have two underscores: itsm__event is the event log, itsm__job the jobs
// that are due, itsm__sequence the numbers given, itsm__setting the secret of cursors,
// itsm__lease and itsm__backfill belong to migrations, and on MySQL itsm__lock is what names are
// locked by. They may be read; what writes to them beside the store breaks its promises.
//
// [Store.Migrate] makes what is missing, [Store.Plan] gives it as SQL for a host that migrates
// by its own means, and [Store.Check] says what is missing, and which settings of the engine
// would lose or confuse data.
//
// # Units
//
// On PostgreSQL an Update is READ COMMITTED, with version checks, and a View REPEATABLE READ and
// read-only, and so they are on MySQL. On SQLite an Update is the one writer from its first statement
// on, whatever the name says that the host opened the database by, and a View is a read transaction.
// For SQLite a host should choose WAL, a busy timeout, and a pool of its own for reading
// ([Options.Reader]); package storage/sqlite has done so.
//
// After an error of the engine a unit does nothing more and is not committed, even where its
// function passes over the error: engines differ in what is left of a transaction then. A
// conflict is no such error. One event whose place is taken is a conflict too, but of several
// appended at once some are written then, so that the unit fails.
//
// A unit of a host's own transaction is made by [Store.Join].
package sqlstore
