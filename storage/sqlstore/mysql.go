package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/itsmkit/itsmkit/storage"
)

// This file is what errors and settings of MariaDB and MySQL mean.

// leastMySQL is the oldest servers that can be used: MariaDB has SKIP LOCKED from 10.6 on, and MySQL the
// collation without padding from 8.0.17 and the text of types that Check reads from 8.0.19 on.
const leastMySQL = "MariaDB 10.6 or later, or MySQL 8.0.19 or later"

// mysqlNumber gives the number of the server's error that an error carries, or 0. The usual driver has
// it in a field that cannot be had without the driver, and first in its text: "Error 1213 (40001): …".
func mysqlNumber(err error) (number int) {
	each(err, func(err error) bool {
		text := err.Error()
		if len(text) < 7 || !strings.EqualFold(text[:6], "error ") {
			return false
		}
		end := 6
		for end < len(text) && '0' <= text[end] && text[end] <= '9' {
			end++
		}
		if end == len(text) || text[end] != ':' && text[end] != ' ' {
			return false
		}
		number, _ = strconv.Atoi(text[6:end])
		return number != 0
	})
	return number
}

// each gives an error and all that it wraps to a function, until that is content.
func each(err error, content func(error) bool) bool {
	if err == nil {
		return false
	}
	if content(err) {
		return true
	}
	if w, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range w.Unwrap() {
			if each(e, content) {
				return true
			}
		}
		return false
	}
	return each(errors.Unwrap(err), content)
}

// Numbers of errors, https://mariadb.com/kb/en/mariadb-error-code-reference/.
func retryMySQL(err error) bool {
	switch mysqlNumber(err) {
	case 1213, // deadlock, or a certification failure of a Galera cluster
		1205,       // lock wait timeout: the statement alone is rolled back, the store does the rest
		1020,       // a snapshot that is too old to write what it reads
		1412,       // a table was changed after the snapshot was begun
		1047,       // the node of a Galera cluster is not ready
		1040, 1203, // too many connections
		1461,       // too many prepared statements, of all that the server serves
		1290, 1836, // the server only reads
		1053,       // the server is going down
		1317, 1927, // the query or the connection was killed
		3572: // a row that was to be locked without waiting
		return true
	}
	// The usual driver has an error of its own for a connection that was lost.
	return each(err, func(err error) bool { return err.Error() == "invalid connection" })
}

// elsewhereMySQL: the server is going down, or only reads, or a node has left its cluster.
func elsewhereMySQL(err error) bool {
	switch mysqlNumber(err) {
	case 1047, 1053, 1290, 1836:
		return true
	}
	return false
}

// fullMySQL: the server has as many prepared statements as max_prepared_stmt_count allows.
func fullMySQL(err error) bool { return mysqlNumber(err) == 1461 }

// undoneMySQL: the server reports these for a COMMIT that it has turned into a rollback. 1180 may be any
// failure of a COMMIT, and 1047 comes of a node that has left its cluster, which may be in the middle.
func undoneMySQL(err error) bool {
	switch mysqlNumber(err) {
	case 1213, // a certification failure
		3101, // the same of a group of MySQL servers
		1290: // the server has come to read only since the unit wrote
		return true
	}
	return false
}

// unknownMySQL: no such table, unknown column, and no such index, of a statement that is told to go along it.
func unknownMySQL(err error) bool {
	switch mysqlNumber(err) {
	case 1146, 1054, 1176:
		return true
	}
	return false
}

// duplicateMySQL: a value of a unique index is there already.
func duplicateMySQL(err error) bool {
	n := mysqlNumber(err)
	return n == 1062 || n == 1586
}

// checkMySQL looks at a connection of each pool. Settings of sessions belong to connections, so a host must
// set them for all, in the name that it opens the database by or at the server.
func checkMySQL(ctx context.Context, s *core) ([]storage.Fault, error) {
	var faults []storage.Fault
	fault := func(field, problem string) {
		if f := (storage.Fault{Field: field, Problem: problem}); !slices.Contains(faults, f) {
			faults = append(faults, f)
		}
	}
	pools := []*pool{s.writer}
	if s.reader != s.writer {
		pools = append(pools, s.reader)
	}
	for _, p := range pools {
		if err := s.checkSession(ctx, p, fault); err != nil {
			return nil, err
		}
	}
	if len(pools) > 1 {
		apart, err := s.apart(ctx)
		if err != nil {
			return nil, err
		}
		if apart {
			fault("reader", "is another database: both pools must open the same one")
		}
	}
	t := &session{run: s.writer.db}
	err := t.each(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND engine <> 'InnoDB' AND LEFT(table_name, CHAR_LENGTH(?)) = ?",
		[]any{s.prefix, s.prefix}, func(rows *sql.Rows) error {
			var table string
			err := rows.Scan(&table)
			fault("table "+table, "must be of the engine InnoDB, as no other has transactions")
			return err
		})
	return faults, err
}

// checkSession looks at the settings of one connection of a pool.
func (s *core) checkSession(ctx context.Context, p *pool, fault func(field, problem string)) error {
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	t := &session{run: conn}
	limit, err := t.setting(ctx, "SELECT CAST(@@sql_select_limit AS CHAR)")
	if err != nil {
		return err
	}
	if n, err := strconv.ParseUint(limit, 10, 64); err == nil && n < 1<<32-1 {
		fault("setting sql_select_limit", "must not be set: rows would be missing from what is read")
		return nil // of the settings too
	}
	// A server has only those variables that it knows, so they are not asked for by name.
	settings := map[string]string{}
	if err := t.each(ctx, "SHOW VARIABLES", nil, func(rows *sql.Rows) error {
		var name, value string
		err := rows.Scan(&name, &value)
		settings[strings.ToLower(name)] = value
		return err
	}); err != nil {
		return err
	}
	is := func(name string, values ...string) bool {
		return slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(settings[name], v) })
	}
	unless := func(name, problem string, values ...string) {
		if _, has := settings[name]; has && !is(name, values...) {
			fault("setting "+name, problem)
		}
	}
	version := settings["version"]
	switch maria := strings.Contains(strings.ToLower(version), "mariadb"); {
	case maria && olderThan(strings.TrimPrefix(version, "5.5.5-"), 10, 6):
		fault("version", "is "+version+"; it must be "+leastMySQL)
	case !maria && beforeMySQL8019(version):
		fault("version", "is "+version+"; it must be "+leastMySQL)
	}
	modes := strings.Split(strings.ToUpper(settings["sql_mode"]), ",")
	if !slices.Contains(modes, "STRICT_TRANS_TABLES") && !slices.Contains(modes, "STRICT_ALL_TABLES") {
		fault("setting sql_mode", "must have STRICT_TRANS_TABLES: what does not fit would be cut off")
	}
	for _, bad := range []string{"EMPTY_STRING_IS_NULL", "ORACLE"} {
		if slices.Contains(modes, bad) {
			fault("setting sql_mode", "must not have "+bad+": text that is empty would be another")
		}
	}
	for _, name := range []string{"character_set_client", "character_set_connection", "character_set_results"} {
		unless(name, "must be utf8mb4: other encodings cannot hold every text", "utf8mb4")
	}
	unless("autocommit", "must be on: what is written without a transaction would be lost, and what is read would grow old", "ON", "1")
	if s.d.unit == nil && p == s.writer {
		// The former is its name on MariaDB before 11.1, the latter that on MySQL.
		for _, name := range []string{"tx_isolation", "transaction_isolation"} {
			unless(name, "must be READ-COMMITTED, as the store was told that it is: units would not see what others have committed", "READ-COMMITTED")
		}
	}
	unless("unique_checks", "must be on: a unique index might have values twice", "ON", "1")
	if n, err := strconv.Atoi(settings["max_allowed_packet"]); err == nil && n < leastPacket {
		fault("setting max_allowed_packet", "must be at least 16777216: a record may have so much")
	}
	if n, err := strconv.Atoi(settings["max_prepared_stmt_count"]); err == nil && n < s.mayPrepare() && !is("wsrep_on", "ON", "1") {
		fault("setting max_prepared_stmt_count", "must be at least "+strconv.Itoa(s.mayPrepare())+
			", as many as the connections of this process alone may have prepared, or Options.Statements or the connections be fewer: where it is reached each statement goes as text")
	}
	if is("wsrep_on", "ON", "1") {
		if n, err := strconv.Atoi(settings["wsrep_sync_wait"]); err != nil || n&7 != 7 {
			fault("setting wsrep_sync_wait", "must be 7: a node of the cluster would show what another has changed already")
		}
		prepares, err := t.prepares(ctx)
		if err != nil {
			return err
		}
		if prepares {
			fault("driver", "must not prepare statements on a cluster (interpolateParams=true of go-sql-driver/mysql): a transaction may be undone while it prepares one, and not be told")
		}
		unless("binlog_format", "must be ROW: a cluster replicates nothing else", "ROW")
		unless("wsrep_dirty_reads", "must be off: a node that has left the cluster would show what is no longer so", "OFF", "0")
		unless("wsrep_osu_method", "must be TOI: a migration would change one node alone", "TOI")
	}
	if s.volatile {
		return nil
	}
	unless("innodb_flush_log_at_trx_commit", "must be 1: a crash could lose what was committed", "1")
	unless("innodb_doublewrite", "must be on: a crash could corrupt the database", "ON", "1", "FAST")
	if is("innodb_flush_method", "nosync", "littlesync") {
		fault("setting innodb_flush_method", "must not be "+settings["innodb_flush_method"]+": a crash could corrupt the database")
	}
	if is("log_bin", "ON", "1") {
		unless("sync_binlog", "must be 1 where there is a binary log: what that lacks after a crash is rolled back", "1")
	}
	return nil
}

// mayPrepare is how many prepared statements the connections of the store may have together, as far as a host has said
// how many connections there may be.
func (s *core) mayPrepare() int {
	n := s.writer.max * s.writer.db.Stats().MaxOpenConnections
	if s.reader != s.writer {
		n += s.reader.max * s.reader.db.Stats().MaxOpenConnections
	}
	return n
}

// onCluster says whether the server is a node of a Galera cluster. MySQL does not know the variable.
func onCluster(ctx context.Context, db *sql.DB) (is bool, err error) {
	err = (&session{run: db}).each(ctx, "SHOW VARIABLES LIKE 'wsrep_on'", nil, func(rows *sql.Rows) error {
		var name, value string
		err := rows.Scan(&name, &value)
		is = strings.EqualFold(value, "ON")
		return err
	})
	return is, err
}

// prepares says whether the driver prepares a statement that has arguments.
func (t *session) prepares(ctx context.Context) (bool, error) {
	var counts [2]string
	for i := range counts {
		var name string
		if _, err := t.one(ctx, "SHOW SESSION STATUS LIKE 'Com_stmt_prepare'", nil, &name, &counts[i]); err != nil {
			return false, err
		}
		if _, err := t.one(ctx, "SELECT ?", []any{1}, new(string)); err != nil {
			return false, err
		}
	}
	return counts[0] != counts[1], nil
}

// leastPacket is how much a statement must be able to hold: a record of [storage.MaxDocument] and what is
// written around it.
const leastPacket = 16 << 20

func beforeMySQL8019(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 3 || !olderThan(version, 8, 1) {
		return false
	}
	end := strings.IndexFunc(parts[2], func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(parts[2])
	}
	patch, err := strconv.Atoi(parts[2][:end])
	return olderThan(version, 8, 0) || err == nil && patch < 19
}
