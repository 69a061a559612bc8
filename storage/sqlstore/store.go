package sqlstore

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"

	"github.com/itsmkit/itsmkit/storage"
)

// Options are the choices of [New]. The zero value works.
type Options struct {
	// Prefix begins the name of every table; "itsm_" when empty. It is lower-case letters,
	// digits and underscores, begins with a letter, and has at most 20 characters. Stores of
	// different prefixes in one database have nothing in common.
	Prefix string
	// Reader is a separate pool of connections to the same database for View and Read; nil means
	// the same pool as for all else.
	Reader *sql.DB
	// SequenceBlock is how many numbers of a sequence are reserved at once, 50 when 0. Those
	// reserved and not used when the program ends are never used.
	SequenceBlock int
	// Statements is how many prepared statements are kept for each pool: 0 means as many as
	// serve the engine (256 for SQLite; 64 for MySQL, where a server has so many for all that it
	// serves; none for PostgreSQL, whose usual driver pgx does so itself), and a negative number none.
	// Each is prepared on each connection that uses it. Where a MySQL server prepares no more
	// (max_prepared_stmt_count) none are kept from then on, and statements go as text.
	// On a node of a Galera cluster none are kept, whatever is asked for: see [MySQL].
	Statements int
	// Serializable has units run at the isolation level SERIALIZABLE, and Views read a snapshot at it: for
	// engines that speak PostgreSQL's language and are at their best, or right, so: CockroachDB and
	// YugabyteDB, and PostgreSQL itself. It is for the dialect PostgreSQL alone: SQLite's units are
	// serializable always. Units then meet ErrRetry more often, and every caller must run them again, as
	// the engine does. Names are locked by rows of a table instead of advisory locks, which
	// CockroachDB does not have, so all processes that use a database must agree on this option: Check
	// says where they do not.
	Serializable bool
	// ReadCommitted says that every transaction on the database handle is at READ COMMITTED by itself, as the
	// setting transaction_isolation of a session has it, so that units need not ask for it. It is for the
	// dialect MySQL, where to ask is a round trip of its own; on the others it changes nothing. Check says where it
	// is not so.
	ReadCommitted bool
	// Volatile says that a crash may lose data, as in a test on a server that is thrown away:
	// Check then passes over the settings that keep data safe in a crash.
	Volatile bool
}

// Store is a [storage.Store] and a [storage.Migrator] over a database.
type Store struct{ *core }

// core is what a Store and those joined to a host's transaction share.
type core struct {
	d        *dialect
	prefix   string
	volatile bool
	block    int64
	writer   *pool
	reader   *pool
	text     texts
	numbers  numbers
	crowds   *crowds
	writing  chan struct{}
	// plain says that the engine compares all text byte by byte, and knows no collation for it.
	plain atomic.Bool

	mu     sync.Mutex
	tables map[*storage.Schema]*table
	key    []byte
	// served is the tenant that the last claim ended with.
	served storage.Tenant
}

var (
	_ storage.Store    = (*Store)(nil)
	_ storage.Migrator = (*Store)(nil)
)

// New gives a store over an open database. It does not touch the database: call Migrate, or
// Check, before using the store.
func New(db *sql.DB, dialect Dialect, options Options) (*Store, error) {
	var faults []storage.Fault
	fault := func(field, problem string) {
		faults = append(faults, storage.Fault{Field: field, Problem: problem})
	}
	if db == nil {
		fault("db", "is nil")
	}
	d, ok := dialects[dialect]
	if !ok {
		fault("dialect", "must be SQLite, PostgreSQL or MySQL")
	}
	if options.Serializable && ok {
		if d = d.serializable(); d == nil {
			fault("serializable", "must not be set for "+dialect.String()+": it is for PostgreSQL and what speaks its language")
		}
	}
	if options.ReadCommitted && dialect == MySQL {
		d = d.readCommitted()
	}
	prefix := options.Prefix
	if prefix == "" {
		prefix = "itsm_"
	}
	if problem := checkPrefix(prefix); problem != "" {
		fault("prefix", problem)
	}
	if options.SequenceBlock < 0 || options.SequenceBlock > maxBlock {
		fault("sequence_block", "must be from 1 to 1000000, or 0 for the default")
	}
	if len(faults) > 0 {
		return nil, &storage.ValidationError{Subject: "sqlstore", Faults: faults}
	}
	statements := options.Statements
	if statements == 0 {
		statements = d.statements
	}
	c := &core{
		d:        d,
		prefix:   prefix,
		volatile: options.Volatile,
		block:    int64(options.SequenceBlock),
		writer:   newPool(db, statements, d),
		tables:   map[*storage.Schema]*table{},
		crowds:   newCrowds(),
		// Never closed, and with room for the one writer.
		writing: make(chan struct{}, 1),
	}
	if c.block == 0 {
		c.block = 50
	}
	c.reader = c.writer
	if options.Reader != nil && options.Reader != db {
		c.reader = newPool(options.Reader, statements, d)
	}
	c.text = newTexts(c)
	return &Store{core: c}, nil
}

// checkPrefix says what is wrong with a prefix, or "".
func checkPrefix(p string) string {
	const problem = "must be lower-case letters, digits and underscores, at most 20, begin with a letter and not end with two underscores"
	if len(p) > 20 || p[0] < 'a' || p[0] > 'z' || len(p) > 1 && p[len(p)-2:] == "__" {
		return problem
	}
	for i := range len(p) {
		if c := p[i]; c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return problem
		}
	}
	return ""
}

// Close lets go of the prepared statements; the database stays open. No unit may be open.
func (s *Store) Close() error {
	err := s.writer.close()
	if s.reader != s.writer {
		if e := s.reader.close(); err == nil {
			err = e
		}
	}
	if err != nil {
		return s.failed(context.Background(), "close", "", "", err)
	}
	return nil
}
