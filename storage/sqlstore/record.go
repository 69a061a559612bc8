package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/storage"
)

// scanner reads rows of a table into records. Values come as what the driver makes of them, so
// that nothing is converted twice.
type scanner struct {
	t      *table
	bodies bool
	meta   [6]any // tenant, id, version, created, updated, layout
	dest   []any
	fixed  int
}

func newScanner(t *table, bodies bool) *scanner {
	sc := &scanner{t: t, bodies: bodies}
	n := len(t.schema.Columns())
	sc.dest = make([]any, 0, len(sc.meta)+n+1)
	for i := range sc.meta {
		sc.dest = append(sc.dest, &sc.meta[i])
	}
	sc.fixed = len(sc.dest)
	sc.dest = sc.dest[:sc.fixed+n]
	if bodies {
		sc.dest = append(sc.dest, nil)
	}
	return sc
}

// scan reads one row; columns is where its columns go.
func (sc *scanner) scan(rows *sql.Rows, row *storage.Row, columns []any) error {
	for i := range columns {
		sc.dest[sc.fixed+i] = &columns[i]
	}
	if sc.bodies {
		sc.dest[len(sc.dest)-1] = &row.Body
	}
	if err := rows.Scan(sc.dest...); err != nil {
		return err
	}
	tenant, ok1 := textOf(sc.meta[0])
	id, ok2 := textOf(sc.meta[1])
	var numbers [4]int64
	for i := range numbers {
		n, ok := sc.meta[i+2].(int64)
		if !ok {
			return fmt.Errorf("sqlstore: a number was read as %T", sc.meta[i+2])
		}
		numbers[i] = n
	}
	if !ok1 || !ok2 {
		return fmt.Errorf("sqlstore: a tenant and id were read as %T and %T", sc.meta[0], sc.meta[1])
	}
	row.Tenant, row.ID, row.Version = storage.Tenant(tenant), storage.ID(id), numbers[0]
	row.Created, row.Updated = instant(numbers[1]), instant(numbers[2])
	row.Layout = int(numbers[3])
	for i, c := range sc.t.schema.Columns() {
		v, err := value(c.Kind, columns[i])
		if err != nil {
			return err
		}
		columns[i] = v
	}
	row.Columns = columns
	return nil
}

func instant(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	}
	return "", false
}

// value makes what a driver read into what the contract has for the kind. Most of it is that
// already.
func value(k storage.Kind, v any) (any, error) {
	switch x := v.(type) {
	case nil:
		return nil, nil
	case string:
		if k == storage.Text {
			return v, nil
		}
	case []byte:
		if k == storage.Text {
			return string(x), nil
		}
	case int64:
		switch k {
		case storage.Int, storage.Time:
			return v, nil
		case storage.Bool:
			return x != 0, nil
		}
	case bool:
		if k == storage.Bool {
			return v, nil
		}
	}
	return nil, fmt.Errorf("sqlstore: a column of kind %s was read as %T", k, v)
}

// Get implements [storage.Reader].
func (r *reader) Get(ctx context.Context, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
	var row storage.Row
	if err := r.usable(); err != nil {
		return row, err
	}
	t := r.s.table(s)
	found := false
	if r.can(tenant) && storage.CheckKey(string(id)) == "" {
		sc := newScanner(t, true)
		err := r.o.t.each(ctx, t.get, []any{string(tenant), string(id)}, func(rows *sql.Rows) error {
			found = true
			return sc.scan(rows, &row, make([]any, len(s.Columns())))
		})
		if err != nil {
			return storage.Row{}, r.failed(ctx, "get", s.Name(), id, err)
		}
	}
	if !found {
		return storage.Row{}, &storage.Error{Op: "get", Table: s.Name(), ID: id, Err: storage.ErrNotFound}
	}
	return row, nil
}

// Count implements [storage.Reader].
func (r *reader) Count(ctx context.Context, s *storage.Schema, where storage.Condition, by []string) ([]storage.Group, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	if err := storage.CheckCount(s, where, by); err != nil {
		return nil, err
	}
	t := r.s.table(s)
	st := r.s.d.statement()
	st.write("SELECT COUNT(*)")
	kinds := make([]storage.Kind, len(by))
	for i, c := range by {
		spec, _ := s.Column(c)
		kinds[i] = spec.Kind
		st.write(", ", quote(c))
	}
	st.write(" FROM ", quote(t.name), " WHERE ").tenantIs(r.tenants)
	if where.Op != storage.All {
		st.write(" AND ")
		r.filter(st, s, r.tenants, where)
	}
	if len(by) > 0 {
		st.write(" GROUP BY ", quoteAll(by))
	}
	groups := []storage.Group{}
	err := r.o.t.each(ctx, st.string(), st.args, func(rows *sql.Rows) error {
		g := storage.Group{Values: make([]any, len(by))}
		dest := make([]any, 0, len(by)+1)
		dest = append(dest, &g.Count)
		for i := range g.Values {
			dest = append(dest, &g.Values[i])
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		for i, k := range kinds {
			v, err := value(k, g.Values[i])
			if err != nil {
				return err
			}
			g.Values[i] = v
		}
		groups = append(groups, g)
		return nil
	})
	if err != nil {
		return nil, r.failed(ctx, "count", s.Name(), "", err)
	}
	// Engines disagree on where NULL stands, so they are not asked for the order.
	slices.SortFunc(groups, func(a, b storage.Group) int {
		for i := range a.Values {
			if d := storage.Compare(a.Values[i], b.Values[i]); d != 0 {
				return d
			}
		}
		return 0
	})
	return groups, nil
}

// Put implements [storage.Tx].
func (u *unit) Put(ctx context.Context, s *storage.Schema, rows ...*storage.Row) error {
	if err := u.usable(); err != nil {
		return err
	}
	if err := storage.CheckRows(s, rows); err != nil {
		return err
	}
	t := u.s.table(s)
	for rest := rows; len(rest) > 0; {
		n := t.together(rest)
		var err error
		if n > 1 {
			err = u.create(ctx, t, rest[:n])
		} else {
			err = u.put(ctx, t, rest[0])
		}
		if err != nil {
			if len(rows) > 1 && u.o.broken == nil {
				u.o.broken = err // some are written and some are not
			}
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// together says how many of the rows, from the first on, can be written by one statement: those that are
// created.
func (t *table) together(rows []*storage.Row) int {
	n := slices.IndexFunc(rows, func(r *storage.Row) bool { return r.Version != 0 })
	if n < 0 {
		n = len(rows)
	}
	n = max(1, min(n, batch, maxArguments/len(t.columns)))
	size := 0
	for i, r := range rows[:n] {
		if size += len(r.Body); size > batchBytes {
			return max(1, i)
		}
	}
	return n
}

// values adds what a row is written as: the columns of the table behind tenant and id.
func (t *table) values(args []any, row *storage.Row) []any {
	args = append(args, row.Version+1, storage.Instant(row.Created).UnixMicro(), storage.Instant(row.Updated).UnixMicro(), int64(t.schema.Layout()))
	args = append(args, row.Columns...)
	return append(args, string(row.Body))
}

// became sets on a row what it is now.
func (u *unit) became(s *storage.Schema, row *storage.Row) {
	row.Tenant, row.Version, row.Layout = u.tenant, row.Version+1, s.Layout()
	row.Created, row.Updated = storage.Instant(row.Created), storage.Instant(row.Updated)
}

// create writes several new rows by one statement.
func (u *unit) create(ctx context.Context, t *table, rows []*storage.Row) error {
	st := u.s.d.statement()
	st.args = make([]any, 0, len(rows)*len(t.columns))
	st.write(t.insert)
	values := make([]any, 0, len(t.columns))
	for i, row := range rows {
		if i > 0 {
			st.write(", ")
		}
		values = append(values[:0], string(u.tenant), string(row.ID))
		st.tuple(t.values(values, row)...)
	}
	st.write(u.s.d.once)
	written, err := u.insert(ctx, st.string(), st.args...)
	switch {
	case err != nil:
		return u.failed(ctx, "put", t.schema.Name(), "", err)
	case written == 0 && u.s.d.once == "":
		// None is written there where one is in the way. One by one they show which.
		for _, row := range rows {
			if err := u.put(ctx, t, row); err != nil {
				return err
			}
		}
		return nil
	case written != int64(len(rows)):
		return u.lacking(ctx, t, rows)
	}
	for _, row := range rows {
		u.became(t.schema, row)
	}
	return nil
}

// lacking says why not all of several rows were created. Which of those that are there are their own it cannot
// tell; one that is not met others' values in a unique index.
func (u *unit) lacking(ctx context.Context, t *table, rows []*storage.Row) error {
	if slices.ContainsFunc(t.schema.Indexes(), func(ix storage.Index) bool { return ix.Unique }) {
		for _, row := range rows {
			err := u.exists(ctx, t, row)
			if !errors.Is(err, storage.ErrConflict) || u.o.broken != nil {
				return err
			}
		}
	}
	return &storage.Error{Op: "put", Table: t.schema.Name(), Err: storage.ErrConflict}
}

func (u *unit) put(ctx context.Context, t *table, row *storage.Row) error {
	s := t.schema
	args := make([]any, 0, len(t.columns)+3)
	if row.Version == 0 {
		args = append(args, string(u.tenant), string(row.ID))
	}
	args = t.values(args, row)
	text := t.create
	if row.Version != 0 {
		args = append(args, string(u.tenant), string(row.ID), row.Version)
		text = t.update
	}
	run := u.insert
	if row.Version != 0 {
		run = u.o.t.exec
	}
	changed, err := run(ctx, text, args...)
	switch {
	case err != nil && u.s.d.duplicate(err):
		e := takenError(s, row, s.Indexes(), err)
		u.o.broken = e
		return e
	case err != nil:
		return u.failed(ctx, "put", s.Name(), row.ID, err)
	case changed != 1 && row.Version == 0:
		return u.exists(ctx, t, row)
	case changed != 1:
		return &storage.Error{Op: "put", Table: s.Name(), ID: row.ID, Err: storage.ErrConflict}
	}
	u.became(s, row)
	return nil
}

// Restore implements [storage.Tx].
func (u *unit) Restore(ctx context.Context, s *storage.Schema, rows ...storage.Row) error {
	if err := u.usable(); err != nil {
		return err
	}
	if err := storage.CheckRestore(s, rows); err != nil {
		return err
	}
	t := u.s.table(s)
	for i := range rows {
		row := &rows[i]
		args := make([]any, 0, len(t.columns))
		args = append(args, string(u.tenant), string(row.ID), row.Version,
			storage.Instant(row.Created).UnixMicro(), storage.Instant(row.Updated).UnixMicro(), int64(row.Layout))
		args = append(args, row.Columns...)
		args = append(args, string(row.Body))
		changed, err := u.insert(ctx, t.create, args...)
		switch {
		case err != nil && u.s.d.duplicate(err):
			err = takenError(s, row, s.Indexes(), err)
		case err != nil:
			return u.failed(ctx, "restore", s.Name(), row.ID, err)
		case changed == 1:
			continue
		default:
			err = u.exists(ctx, t, row)
		}
		// Rows before this one are written.
		if u.o.broken == nil {
			u.o.broken = err
		}
		return err
	}
	return nil
}

// exists says what keeps a record from being created: one of its id, or one that has the values of a
// unique index. Where neither is there any more, trying again helps. A host's transaction may have a snapshot in which
// neither is there yet, so it is looked for past that.
func (u *unit) exists(ctx context.Context, t *table, row *storage.Row) error {
	now := ""
	if u.joined {
		now = u.s.d.shared
	}
	conflict := &storage.Error{Op: "put", Table: t.schema.Name(), ID: row.ID, Err: storage.ErrConflict}
	found, err := u.o.t.one(ctx, t.exists+now, []any{string(u.tenant), string(row.ID)}, new(int64))
	if err != nil {
		return u.failed(ctx, "put", t.schema.Name(), row.ID, err)
	}
	if found {
		return conflict
	}
	for _, ix := range t.schema.Indexes() {
		if !ix.Unique {
			continue
		}
		st := u.s.d.statement()
		st.write("SELECT 1 FROM ", quote(t.name), " WHERE ").tenantIs(u.tenants)
		for _, o := range ix.Columns {
			st.write(" AND ", quote(o.Column), " = ").arg(row.Value(t.schema, o.Column))
		}
		st.write(now)
		found, err := u.o.t.one(ctx, st.string(), st.args, new(int64))
		if err != nil {
			return u.failed(ctx, "put", t.schema.Name(), row.ID, err)
		}
		if found {
			return takenError(t.schema, row, []storage.Index{ix}, nil)
		}
	}
	return conflict
}

// takenError gives the error of a row whose values in one of the unique indexes another has.
func takenError(s *storage.Schema, row *storage.Row, indexes []storage.Index, cause error) error {
	e := &storage.TakenError{Table: s.Name(), ID: row.ID, Cause: cause}
	for _, ix := range indexes {
		for _, o := range ix.Columns {
			if ix.Unique && !slices.Contains(e.Columns, o.Column) {
				e.Columns = append(e.Columns, o.Column)
			}
		}
	}
	return e
}

// Delete implements [storage.Tx].
func (u *unit) Delete(ctx context.Context, s *storage.Schema, id storage.ID, version int64) error {
	if err := u.usable(); err != nil {
		return err
	}
	if err := storage.CheckDelete(s, id, version); err != nil {
		return err
	}
	t := u.s.table(s)
	changed, err := u.o.t.exec(ctx, t.remove, string(u.tenant), string(id), version)
	if err != nil {
		return u.failed(ctx, "delete", s.Name(), id, err)
	}
	if changed == 1 {
		return nil
	}
	found, err := u.o.t.one(ctx, t.exists, []any{string(u.tenant), string(id)}, new(int64))
	if err != nil {
		return u.failed(ctx, "delete", s.Name(), id, err)
	}
	e := &storage.Error{Op: "delete", Table: s.Name(), ID: id, Err: storage.ErrNotFound}
	if found {
		e.Err = storage.ErrConflict
	}
	return e
}
