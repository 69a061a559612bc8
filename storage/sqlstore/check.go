package sqlstore

import (
	"context"
	"strconv"
	"strings"

	"github.com/itsmkit/itsmkit/storage"
)

// setting reads one value as text.
func (t *session) setting(ctx context.Context, query string) (string, error) {
	var v any
	if _, err := t.one(ctx, query, nil, &v); err != nil {
		return "", err
	}
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10), nil
	default:
		text, _ := textOf(v)
		return text, nil
	}
}

// checkSQLite looks at a connection of each pool. Settings of SQLite belong to connections, so
// a host must set them for all (in the name that it opens the database by).
func checkSQLite(ctx context.Context, s *core) ([]storage.Fault, error) {
	var faults []storage.Fault
	fault := func(field, problem string) {
		faults = append(faults, storage.Fault{Field: field, Problem: problem})
	}
	t := &session{run: s.writer.db}
	version, err := t.setting(ctx, "SELECT sqlite_version()")
	if err != nil {
		return nil, err
	}
	if olderThan(version, 3, 37) {
		fault("version", "is SQLite "+version+"; it must be 3.37 or later")
	}
	for _, c := range []struct {
		pragma, problem string
		bad             []string
		crash           bool
	}{
		{"encoding", "must be UTF-8: text in another encoding is ordered in another way", []string{"UTF-16le", "UTF-16be"}, false},
		{"read_uncommitted", "must not be on: a View would see what is not committed", []string{"1"}, false},
		{"synchronous", "must not be OFF: a power failure could corrupt the database", []string{"0"}, true},
		{"journal_mode", "must not be OFF or MEMORY: a crash in a commit could corrupt the database", []string{"off", "memory"}, true},
	} {
		if c.crash && s.volatile {
			continue
		}
		got, err := t.setting(ctx, "PRAGMA "+c.pragma)
		if err != nil {
			return nil, err
		}
		for _, bad := range c.bad {
			if strings.EqualFold(got, bad) && !(c.pragma == "journal_mode" && s.inMemory(ctx, t)) {
				fault("PRAGMA "+c.pragma, c.problem)
			}
		}
	}
	if s.reader != s.writer {
		apart, err := s.apart(ctx)
		if err != nil {
			return nil, err
		}
		if apart {
			fault("reader", "is another database: both pools must open the same one")
		}
	}
	return faults, nil
}

// inMemory says that the database has no file, so that no crash leaves anything of it.
func (s *core) inMemory(ctx context.Context, t *session) bool {
	file, err := t.setting(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'")
	return err == nil && file == ""
}

// apart says that the pools do not open the same database. The secret of cursors is made once
// for each database.
func (s *core) apart(ctx context.Context) (bool, error) {
	var keys [2]string
	for i, p := range []*pool{s.writer, s.reader} {
		t := &session{run: p.db}
		if _, err := t.one(ctx, s.text.setting, []any{cursorKey}, &keys[i]); err != nil {
			// Without the table there is nothing to tell them apart by, or they are apart.
			return i == 1, ctx.Err()
		}
	}
	return keys[0] != keys[1], nil
}

// olderThan compares a version such as 3.46.0.
func olderThan(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	a, err1 := strconv.Atoi(parts[0])
	b, err2 := strconv.Atoi(parts[1])
	return err1 == nil && err2 == nil && (a < major || a == major && b < minor)
}

// checkPostgreSQL looks at the server's settings.
func checkPostgreSQL(ctx context.Context, s *core) ([]storage.Fault, error) {
	var faults []storage.Fault
	t := &session{run: s.writer.db}
	for _, c := range []struct {
		setting, problem string
		bad              func(string) bool
		crash            bool
	}{
		{"server_encoding", "must be UTF8: other encodings cannot hold every text", func(v string) bool { return v != "UTF8" }, false},
		{"fsync", "must be on: a crash could corrupt the database", func(v string) bool { return v == "off" }, true},
		{"full_page_writes", "must be on: a crash could corrupt the database", func(v string) bool { return v == "off" }, true},
		{"server_version_num", "must be at least 120000 (PostgreSQL 12)", func(v string) bool {
			n, err := strconv.Atoi(v)
			return err == nil && n < 120000
		}, false},
	} {
		if c.crash && (s.volatile || s.plain.Load()) {
			continue
		}
		got, err := t.setting(ctx, "SHOW "+c.setting)
		if err != nil {
			return nil, err
		}
		if c.bad(got) {
			faults = append(faults, storage.Fault{Field: "setting " + c.setting, Problem: c.problem})
		}
	}
	if s.reader != s.writer {
		apart, err := s.apart(ctx)
		if err != nil {
			return nil, err
		}
		if apart {
			faults = append(faults, storage.Fault{Field: "reader", Problem: "is another database: both pools must open the same one"})
		}
	}
	return faults, nil
}
