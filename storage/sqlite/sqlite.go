package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite", which needs no C compiler

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// Synchronous says how far a commit has come when it returns.
type Synchronous uint8

const (
	// Full means that a commit is on the disk.
	Full Synchronous = iota
	// Normal means that a commit has been handed to the operating system. It survives the end
	// of the program, however it ends. A power failure may undo the last commits, all of each,
	// but never damages the database.
	Normal
)

// Options are the choices of [Open]. The zero value is durable.
type Options struct {
	// Synchronous is Full when it is not set.
	Synchronous Synchronous
	// Prefix begins the name of every table; "itsm_" when empty. See [sqlstore.Options].
	Prefix string
	// Readers is the greatest number of connections that read at the same time: when 0, as many
	// as there are processors, but at least two.
	Readers int
	// BusyTimeout is how long a unit waits for another process that writes before it is
	// storage.ErrRetry: 10 seconds when 0.
	BusyTimeout time.Duration
	// SequenceBlock is how many numbers of a sequence are reserved at once, 50 when 0.
	SequenceBlock int
}

// Store is a store in a file.
type Store struct {
	*sqlstore.Store
	writer, reader *sql.DB
}

// Memory is the path of a database that lives in memory and as long as its store. It has one
// connection, so that views and units wait for each other.
const Memory = ":memory:"

// Open opens the database file, creating it where there is none, and prepares the store's own
// tables. Tables of records are prepared by Migrate. The file may be open in several processes
// of one machine.
func Open(ctx context.Context, path string, options Options) (*Store, error) {
	if err := options.check(path); err != nil {
		return nil, err
	}
	writer, err := sql.Open("sqlite", options.dsn(path, true))
	if err != nil {
		return nil, failed(err)
	}
	writer.SetMaxOpenConns(1)
	writer.SetMaxIdleConns(1)
	s := &Store{writer: writer}
	if path != Memory {
		if s.reader, err = sql.Open("sqlite", options.dsn(path, false)); err != nil {
			return nil, errors.Join(failed(err), writer.Close())
		}
		readers := options.Readers
		if readers == 0 {
			readers = max(2, runtime.GOMAXPROCS(0))
		}
		s.reader.SetMaxOpenConns(readers)
		s.reader.SetMaxIdleConns(readers)
	}
	s.Store, err = sqlstore.New(writer, sqlstore.SQLite, sqlstore.Options{
		Prefix: options.Prefix, Reader: s.reader, SequenceBlock: options.SequenceBlock,
	})
	if err == nil {
		err = s.Store.Migrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (o Options) check(path string) error {
	var faults []storage.Fault
	fault := func(field, problem string) {
		faults = append(faults, storage.Fault{Field: field, Problem: problem})
	}
	if path == "" {
		fault("path", "is empty; it must name a file, or be "+Memory)
	}
	if o.Synchronous > Normal {
		fault("synchronous", "must be Full or Normal")
	}
	if o.Readers < 0 {
		fault("readers", "is negative")
	}
	if o.BusyTimeout < 0 {
		fault("busy_timeout", "is negative")
	}
	if len(faults) > 0 {
		return &storage.ValidationError{Subject: "sqlite", Faults: faults}
	}
	return nil
}

// dsn is the driver's name for the database and the settings of each connection.
func (o Options) dsn(path string, write bool) string {
	busy := o.BusyTimeout
	if busy == 0 {
		busy = 10 * time.Second
	}
	q := url.Values{}
	q.Add("_pragma", "busy_timeout("+strconv.FormatInt(busy.Milliseconds(), 10)+")")
	q.Add("_pragma", "foreign_keys(1)")
	if write {
		q.Add("_pragma", "journal_mode(wal)")
		if o.Synchronous == Normal {
			q.Add("_pragma", "synchronous(normal)")
		} else {
			q.Add("_pragma", "synchronous(full)")
		}
		// A host's own transaction on this connection can join the store.
		q.Add("_txlock", "immediate")
	} else {
		q.Add("_pragma", "query_only(1)")
	}
	if path == Memory {
		return path + "?" + q.Encode()
	}
	path = filepath.ToSlash(path)
	if filepath.VolumeName(path) != "" {
		path = "/" + path
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	return u.String()
}

// DB is the connection that writes, for tables of the host's own beside the store's and for
// transactions that join it. There is one: while a transaction is open on it, every Update
// waits. It belongs to the store: Close closes it.
func (s *Store) DB() *sql.DB { return s.writer }

// Close closes the database. No unit may be open.
func (s *Store) Close() error {
	var err error
	if s.Store != nil {
		err = s.Store.Close()
	}
	if s.reader != nil {
		err = errors.Join(err, failed(s.reader.Close()))
	}
	return errors.Join(err, failed(s.writer.Close()))
}

func failed(err error) error {
	if err == nil {
		return nil
	}
	return &storage.Error{Op: "open", Cause: err}
}
