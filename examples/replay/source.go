// This file holds where rows come from and go to: log files, invented logs, stores.

package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/incident/auditlog"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
	"github.com/itsmkit/itsmkit/storage/sqlite"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// logFile is an open log, with how much of it has been read.
type logFile struct {
	name   string
	reader *auditlog.Reader
	size   int64 // 0 where it is not known
	count  atomic.Int64
	close  func() error
}

// openLog opens the log that the settings name, or one that is being invented.
func openLog(s settings) (*logFile, error) {
	l := &logFile{}
	var in io.Reader
	if s.file == "" {
		l.name = fmt.Sprintf("an invented log (%d incidents, seed %d)", s.generate, s.seed)
		r, w := io.Pipe()
		go func() { w.CloseWithError(auditlog.Generate(w, s.generate, s.seed)) }()
		in, l.close = r, r.Close
	} else {
		f, err := os.Open(s.file)
		if err != nil {
			return nil, err
		}
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			l.size = info.Size()
		}
		l.name = filepath.Base(s.file)
		in, l.close = f, f.Close
	}
	var err error
	if l.reader, err = auditlog.NewReader(&counted{in, &l.count}, s.mapping); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", l.name, err), l.close())
	}
	return l, nil
}

func (l *logFile) rows() iter.Seq2[incident.HistoryEntry, error] { return l.reader.Rows() }

// read is the number of bytes read so far.
func (l *logFile) read() int64 { return l.count.Load() }

func (l *logFile) Close() error { return errors.Join(l.reader.Close(), l.close()) }

// counted counts the bytes that are read.
type counted struct {
	in io.Reader
	n  *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// writeLog writes an invented log to a file that is not there yet.
func writeLog(s settings) (err error) {
	f, err := os.OpenFile(s.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriter(f)
	if !strings.HasSuffix(s.file, ".gz") {
		return errors.Join(auditlog.Generate(out, s.generate, s.seed), out.Flush())
	}
	zipped := gzip.NewWriter(out)
	return errors.Join(auditlog.Generate(zipped, s.generate, s.seed), zipped.Close(), out.Flush())
}

// openStore opens the store that the settings name, and says in words which it is.
func openStore(ctx context.Context, s settings) (storage.Store, string, error) {
	if s.db != "" && s.store != "sqlite" {
		return nil, "", fmt.Errorf("-db is for -store sqlite, not for %s", s.store)
	}
	if s.dsn != "" && s.store != "postgres" {
		return nil, "", fmt.Errorf("-dsn is for -store postgres, not for %s", s.store)
	}
	switch s.store {
	case "memory":
		return memory.New(), "memory", nil
	case "sqlite":
		if s.db != "" {
			store, err := sqlite.Open(ctx, s.db, sqlite.Options{})
			if err != nil {
				return nil, "", err
			}
			return store, "SQLite, " + s.db, nil
		}
		dir, err := os.MkdirTemp("", "replay-")
		if err != nil {
			return nil, "", err
		}
		store, err := sqlite.Open(ctx, filepath.Join(dir, "replay.db"), sqlite.Options{})
		if err != nil {
			return nil, "", errors.Join(err, os.RemoveAll(dir))
		}
		return &closing{store, func() error { return os.RemoveAll(dir) }}, "SQLite, a temporary file", nil
	case "postgres":
		if s.dsn == "" {
			return nil, "", errors.New("-store postgres needs -dsn, as postgres://user@host/name")
		}
		db, err := sql.Open("pgx", s.dsn)
		if err != nil {
			return nil, "", err
		}
		store, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{})
		if err == nil {
			err = store.Migrate(ctx)
		}
		if err != nil {
			return nil, "", errors.Join(err, db.Close())
		}
		return &closing{store, db.Close}, "PostgreSQL", nil
	}
	return nil, "", fmt.Errorf("-store is %q; allowed are sqlite, memory and postgres", s.store)
}

// store is what the stores of SQL databases are.
type store interface {
	storage.Store
	storage.Migrator
}

// closing is a store that closes something else after itself.
type closing struct {
	store
	then func() error
}

func (c *closing) Close() error { return errors.Join(c.store.Close(), c.then()) }
