// Package sqlite is the embedded default store: one file, opened through the pure-Go driver
// modernc.org/sqlite with the settings that the storage contract needs.
//
//	store, err := sqlite.Open(ctx, "desk.db", sqlite.Options{})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//
// The store is a [sqlstore.Store]. Records are rows with a typed column for everything that
// lists show, in tables that any SQLite tool reads while the program runs.
//
// The database is in WAL mode. One connection writes, several read: views never wait for a unit
// that writes, nor it for them. A commit is on the disk when it returns; [Options.Synchronous]
// trades the last moments before a power failure for about twice the speed.
//
// A host keeps tables of its own in the same file through [Store.DB], and has them change
// together with the store's through Join.
package sqlite
