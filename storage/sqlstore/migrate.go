package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/storage"
)

// step is one statement of a migration. Each can be repeated, and each is finished before the
// next begins, so that a migration that was interrupted goes on where it stopped.
type step struct {
	text string
	args []any
	// of and index are what a step makes an index of.
	of    relation
	index index
}

// found is what there is in the database.
type found struct {
	tables map[string]map[string]foundColumn
	// indexes has the names of the indexes of these tables.
	indexes map[string]bool
	// begun has the back-fills that have been begun, done ones too.
	begun map[[2]string]backfill
	// key says that there is a secret for cursors.
	key bool
	// collation is the one that tables are made with, where it has to be named.
	collation string
	// locks says that there is a table of locks.
	locks bool
}

// foundColumn is a column as the engine describes it.
type foundColumn struct {
	kind     string
	nullable bool
	collated bool
}

// relations gives the tables that the schemas need, the store's own first. Schemas of one name
// become one table with the columns and indexes of all.
func (s *core) relations(schemas []*storage.Schema) ([]relation, error) {
	all := s.own()
	place := map[string]int{}
	var faults []storage.Fault
	for _, schema := range schemas {
		r := s.relation(schema)
		i, twice := place[r.name]
		if !twice {
			place[r.name] = len(all)
			all = append(all, r)
			continue
		}
		first := &all[i]
		for _, c := range r.columns {
			at := slices.IndexFunc(first.columns, func(f column) bool { return f.name == c.name })
			switch {
			case at < 0:
				first.columns = append(first.columns, c)
			case first.columns[at] != c:
				faults = append(faults, storage.Fault{Field: schema.Name() + "." + c.name,
					Problem: "is declared in two ways by two schemas of the table"})
			}
		}
		for _, ix := range r.indexes {
			if !slices.ContainsFunc(first.indexes, func(f index) bool { return f.name == ix.name }) {
				first.indexes = append(first.indexes, ix)
			}
		}
	}
	if len(faults) > 0 {
		return nil, &storage.ValidationError{Subject: "migration", Faults: faults}
	}
	return all, nil
}

// inspect reads what there is of the relations.
func (s *core) inspect(ctx context.Context, t *session, all []relation) (*found, error) {
	f := &found{tables: map[string]map[string]foundColumn{}, indexes: map[string]bool{}, begun: map[[2]string]backfill{}}
	if s.d.collation != "" {
		if err := s.findCollation(ctx, t, f); err != nil {
			return nil, err
		}
	}
	wanted := map[string]bool{}
	for _, r := range all {
		wanted[r.name] = true
	}
	if s.d.serial {
		// CockroachDB has no collation "C" for columns: it compares text byte by byte without.
		version, err := t.setting(ctx, "SELECT version()")
		if err != nil {
			return nil, err
		}
		s.plain.Store(strings.HasPrefix(version, "CockroachDB"))
	}
	err := t.each(ctx, s.d.columns, []any{s.prefix, s.prefix}, func(rows *sql.Rows) error {
		var table, name string
		var c foundColumn
		if err := rows.Scan(&table, &name, &c.kind, &c.nullable, &c.collated); err != nil {
			return err
		}
		f.locks = f.locks || table == s.prefix+lockTable
		if wanted[table] {
			if f.tables[table] == nil {
				f.tables[table] = map[string]foundColumn{}
			}
			f.tables[table][name] = c
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = t.each(ctx, s.d.indexes, []any{s.prefix, s.prefix}, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		f.indexes[name] = true
		return err
	})
	if err != nil {
		return nil, err
	}
	if f.tables[s.prefix+settingTable] != nil {
		var value string
		if f.key, err = t.one(ctx, s.text.setting, []any{cursorKey}, &value); err != nil {
			return nil, err
		}
	}
	if f.tables[s.prefix+backfillTable] != nil {
		err := t.each(ctx, s.text.backfills, nil, func(rows *sql.Rows) error {
			var b backfill
			if err := b.scan(rows); err != nil {
				return err
			}
			f.begun[[2]string{b.relation, b.column}] = b
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

// findCollation asks the server for the collation that compares byte by byte and does not pad.
func (s *core) findCollation(ctx context.Context, t *session, f *found) (err error) {
	if f.collation, err = t.setting(ctx, s.d.collation); err == nil && f.collation == "" {
		err = storage.Invalid("database", "version", "has no collation that compares text byte by byte: it must be "+leastMySQL)
	}
	return err
}

// filling says whether an index is of a column whose values are still to be moved out of the bodies: until then
// many rows have the same ones.
func (f *found) filling(r relation, ix index) bool {
	have := f.tables[r.name]
	return have != nil && slices.ContainsFunc(ix.columns, func(o storage.Order) bool {
		_, there := have[o.Column]
		b, begun := f.begun[[2]string{r.name, o.Column}]
		return begun && !b.done || !begun && !there
	})
}

// steps gives what is missing of the relations, in order; later are the steps that wait for the back-fill.
func (s *core) steps(all []relation, f *found) (steps, later []step) {
	add := func(text string, args ...any) { steps = append(steps, step{text: s.d.quoted(text), args: args}) }
	// Tables come first: one of the store's own may be new, and columns are entered in another.
	for _, r := range all {
		if f.tables[r.name] == nil {
			add(s.createTable(r, f))
		}
	}
	for _, r := range all {
		if have := f.tables[r.name]; have != nil {
			for _, c := range r.columns {
				if _, ok := have[c.name]; ok {
					continue
				}
				// The back-fill is on record before there is a column, so that none is forgotten.
				if _, begun := f.begun[[2]string{r.name, c.name}]; !begun && c.digest == "" {
					// Both names are identifiers, so that they can stand in the text as they are.
					add(fmt.Sprintf(s.text.newBackfill, r.name, c.name))
				}
				add("ALTER TABLE " + quote(r.name) + " ADD COLUMN " + s.define(c))
			}
		}
		for _, ix := range r.indexes {
			missing := step{text: s.d.quoted(s.createIndex(r, ix)), of: r, index: ix}
			switch {
			case f.indexes[ix.name], f.tables[r.name] == nil && s.d.wholeIndexes:
			case ix.unique && f.filling(r, ix):
				later = append(later, missing)
			default:
				steps = append(steps, missing)
			}
		}
		if r.name == s.prefix+settingTable && !f.key {
			key := make([]byte, keySize)
			rand.Read(key)
			add(s.text.newSetting, cursorKey, base64.StdEncoding.EncodeToString(key))
		}
	}
	return steps, later
}

func (s *core) createTable(r relation, f *found) string {
	text := "CREATE TABLE IF NOT EXISTS " + quote(r.name) + " (\n"
	for _, c := range r.columns {
		text += "  " + s.define(c) + ",\n"
	}
	text += "  PRIMARY KEY (" + quoteAll(r.primary) + ")"
	if s.d.wholeIndexes {
		for _, ix := range r.indexes {
			text += ",\n  " + map[bool]string{true: "UNIQUE KEY ", false: "KEY "}[ix.unique] + quote(ix.name) + " (" + ix.parts() + ")"
		}
	}
	return text + "\n)" + s.d.tableOptions + f.collation
}

// define gives a column's definition. One that may not be NULL has a default, for rows that
// are written through a schema that does not have it.
func (s *core) define(c column) string {
	text := quote(c.name) + " " + s.d.columnType(c)
	if s.plain.Load() && c.kind == storage.Text {
		text = quote(c.name) + " TEXT"
	}
	switch {
	case c.digest != "":
		return text + " GENERATED ALWAYS AS (" + c.digest + ") STORED"
	case c.nullable:
		return text
	case c.always:
		return text + " NOT NULL"
	}
	return text + " NOT NULL DEFAULT " + s.d.zero(c.kind)
}

func (s *core) createIndex(r relation, ix index) string {
	text := "CREATE INDEX "
	if ix.unique {
		text = "CREATE UNIQUE INDEX "
	}
	if !s.d.wholeIndexes { // MySQL has no IF NOT EXISTS for an index
		text += "IF NOT EXISTS "
	}
	text += quote(ix.name) + " ON " + quote(r.name) + " (" + ix.parts() + ")"
	if ix.where != "" {
		text += " WHERE " + ix.where
	}
	return text
}

// Migrate implements [storage.Migrator].
//
// On SQLite all tables are made in one immediate transaction. Elsewhere each statement stands
// alone, and one process at a time runs them: the one that has the lease in the table of leases,
// which ends by itself when the process does. Values of added columns are then moved out of the
// bodies page by page; how far is kept in a table, so that a migration that was killed goes on. Unique
// indexes of such columns are made at the end, when no row lacks its value any more.
func (s *Store) Migrate(ctx context.Context, schemas ...*storage.Schema) error {
	if err := s.alone(ctx, "migrate"); err != nil {
		return err
	}
	all, err := s.relations(schemas)
	if err != nil {
		return err
	}
	if err := s.makeMissing(ctx, all); err != nil {
		return err
	}
	if err := s.backfill(ctx, schemas); err != nil {
		return err
	}
	return s.makeMissing(ctx, all) // what waited for that
}

// makeMissing makes what is missing and need not wait for the back-fill.
func (s *core) makeMissing(ctx context.Context, all []relation) (err error) {
	if s.d.oneWriter {
		// Who looks while another process writes the schema may be told that it is busy, without a wait.
		for attempt := 1; ; attempt++ {
			if err = s.migrateAtOnce(ctx, all); err == nil || attempt == patience || !s.d.retry(err) || sleep(ctx, 20*time.Millisecond) != nil {
				break
			}
		}
	} else {
		err = s.migrateInSteps(ctx, all)
	}
	if err == nil || errors.Is(err, storage.ErrInvalid) {
		return err
	}
	return s.failed(ctx, "migrate", "", "", err)
}

// migrateAtOnce makes what is missing in one transaction that nobody else can write beside.
func (s *core) migrateAtOnce(ctx context.Context, all []relation) (err error) {
	leave, err := s.queue(ctx)
	if err != nil {
		return err
	}
	defer leave()
	conn, err := s.writer.db.Conn(ctx)
	if err != nil {
		return err
	}
	t := &session{run: conn, conn: conn, quiet: true}
	defer t.release()
	f, err := s.inspect(ctx, t, all)
	if err != nil {
		return err
	}
	if steps, _ := s.steps(all, f); len(steps) == 0 {
		return nil
	}
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	ended := false
	defer func() {
		if !ended {
			t.clean(ctx)
		}
	}()
	if f, err = s.inspect(ctx, t, all); err != nil {
		return err
	}
	steps, _ := s.steps(all, f)
	for _, st := range steps {
		if _, err := t.exec(ctx, st.text, st.args...); err != nil {
			return s.whyNot(ctx, t, st, err)
		}
	}
	if _, err := t.exec(ctx, "COMMIT"); err != nil {
		return err
	}
	ended = true
	return nil
}

// lease is for how long a migration has the others wait without a sign of life.
const lease = 30 * time.Second

// patience is how often a step is tried that fails beside another process: two that create one
// thing at the same time get different errors from an engine, whatever IF NOT EXISTS says.
const patience = 5

// migrateInSteps makes what is missing one statement at a time, under the lease.
func (s *core) migrateInSteps(ctx context.Context, all []relation) error {
	t := &session{run: s.writer.db}
	f, err := s.inspect(ctx, t, all)
	if err != nil {
		return err
	}
	if steps, _ := s.steps(all, f); len(steps) == 0 {
		return nil
	}
	// The table of leases is made without one.
	leases := slices.IndexFunc(all, func(r relation) bool { return r.name == s.prefix+leaseTable })
	if err := s.runSteps(ctx, t, all[leases:leases+1], nil); err != nil {
		return err
	}
	var id [16]byte
	rand.Read(id[:])
	holder := hex.EncodeToString(id[:])
	renew := func() error {
		for {
			if _, err := t.exec(ctx, s.text.newLease, leaseName); err != nil {
				return err
			}
			got, err := t.exec(ctx, s.text.takeLease, holder, lease.Microseconds(), leaseName, holder)
			if err != nil || got == 1 {
				return err
			}
			if err := sleep(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		}
	}
	if err := renew(); err != nil {
		return err
	}
	defer func() { _, _ = t.exec(context.WithoutCancel(ctx), s.text.endLease, leaseName, holder) }()
	return s.runSteps(ctx, t, all, renew)
}

const leaseName = "migrate"

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// runSteps runs what is missing, looking anew before each statement.
func (s *core) runSteps(ctx context.Context, t *session, all []relation, renew func() error) error {
	for failures := 0; ; {
		f, err := s.inspect(ctx, t, all)
		if err != nil {
			return err
		}
		steps, _ := s.steps(all, f)
		if len(steps) == 0 {
			return nil
		}
		if renew != nil {
			if err := renew(); err != nil {
				return err
			}
		}
		if _, err = t.exec(ctx, steps[0].text, steps[0].args...); err == nil {
			failures = 0
			continue
		}
		if failures++; failures == patience || ctx.Err() != nil || s.d.duplicate(err) && steps[0].index.unique {
			return s.whyNot(ctx, t, steps[0], err)
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// whyNot says which rows keep a unique index from being made; any other failure is given as it is.
func (s *core) whyNot(ctx context.Context, t *session, st step, err error) error {
	if !st.index.unique || !s.d.duplicate(err) {
		return err
	}
	names := make([]string, len(st.index.columns))
	for i, o := range st.index.columns {
		names[i] = o.Column
	}
	columns := quoteAll(names)
	var found []string
	text := "SELECT " + columns + ", COUNT(*) FROM " + quote(st.of.name) + " WHERE " + strings.ReplaceAll(columns, ", ", " IS NOT NULL AND ") + " IS NOT NULL GROUP BY " + columns + " HAVING COUNT(*) > 1 ORDER BY " + columns + " LIMIT 3"
	if e := t.each(ctx, s.d.quoted(text), nil, func(rows *sql.Rows) error {
		values, dest := make([]any, len(names)+1), make([]any, len(names)+1)
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		for i, v := range values {
			if raw, ok := v.([]byte); ok {
				values[i] = string(raw)
			}
		}
		found = append(found, fmt.Sprintf("%v (%v rows)", values[:len(names)], values[len(names)]))
		return nil
	}); e != nil || len(found) == 0 {
		return err
	}
	return &storage.ValidationError{Subject: "database", Faults: []storage.Fault{{Field: "index " + st.index.name,
		Problem: "cannot be made: several rows of " + st.of.name + " have the same " + strings.Join(names, ", ") + ", as " + strings.Join(found, "; ")}}}
}

// Plan implements [storage.Migrator]. The statements of a back-fill are there once: they run for
// each page of the table. It does not give those that take the lease.
func (s *Store) Plan(ctx context.Context, schemas ...*storage.Schema) ([]string, error) {
	all, err := s.relations(schemas)
	if err != nil {
		return nil, err
	}
	if err := s.alone(ctx, "plan"); err != nil {
		return nil, err
	}
	f, err := s.inspect(ctx, &session{run: s.writer.db}, all)
	if err != nil {
		return nil, s.failed(ctx, "plan", "", "", err)
	}
	plan := []string{}
	steps, later := s.steps(all, f)
	for _, st := range steps {
		plan = append(plan, st.text)
	}
	for _, group := range s.unfinished(schemas, f) {
		plan = append(plan, s.backfillTexts(group)...)
	}
	for _, st := range later {
		plan = append(plan, st.text)
	}
	return plan, nil
}

// Check implements [storage.Migrator]. The error is a *storage.ValidationError with everything
// that is missing or wrong.
func (s *Store) Check(ctx context.Context, schemas ...*storage.Schema) error {
	all, err := s.relations(schemas)
	if err != nil {
		return err
	}
	if err := s.alone(ctx, "check"); err != nil {
		return err
	}
	t := &session{run: s.writer.db}
	f, err := s.inspect(ctx, t, all)
	if err != nil {
		return s.failed(ctx, "check", "", "", err)
	}
	var faults []storage.Fault
	fault := func(field, problem string) {
		faults = append(faults, storage.Fault{Field: field, Problem: problem})
	}
	for _, r := range all {
		have := f.tables[r.name]
		if have == nil {
			fault("table "+r.name, "is missing: run the migration")
			continue
		}
		for _, c := range r.columns {
			got, ok := have[c.name]
			field := "column " + r.name + "." + c.name
			switch {
			case !ok:
				fault(field, "is missing: run the migration")
			case got.kind != s.d.columnKind(c):
				fault(field, fmt.Sprintf("is %s and must be %s", got.kind, s.d.columnKind(c)))
			case c.kind == storage.Text && !got.collated && f.collation != "":
				fault(field, "is not compared byte by byte: its collation must be "+f.collation)
			case c.kind == storage.Text && !got.collated && !s.plain.Load():
				fault(field, "is not compared byte by byte: its collation must be \"C\"")
			case got.nullable != c.nullable:
				fault(field, map[bool]string{true: "must be nullable", false: "must be NOT NULL"}[c.nullable])
			}
		}
		for _, ix := range r.indexes {
			if !f.indexes[ix.name] {
				fault("index "+ix.name, "is missing: run the migration")
			}
		}
	}
	if f.locks && !s.d.lockRows {
		fault("serializable", "must be set, as by another process that uses this database: the table "+s.prefix+lockTable+" is there, and names are locked by its rows")
	}
	if !f.key && f.tables[s.prefix+settingTable] != nil {
		fault("setting "+cursorKey, "is missing: run the migration")
	}
	for _, group := range s.unfinished(schemas, f) {
		for _, b := range group {
			if _, exists := f.tables[b.relation][b.column]; exists {
				fault("column "+b.relation+"."+b.column, "still has values in bodies: run the migration")
			}
		}
	}
	settings, err := s.d.check(ctx, s.core)
	if err != nil {
		return s.failed(ctx, "check", "", "", err)
	}
	if faults = append(faults, settings...); len(faults) > 0 {
		return &storage.ValidationError{Subject: "database", Faults: faults}
	}
	return nil
}
