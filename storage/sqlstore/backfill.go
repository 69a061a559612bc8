package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"strconv"
	"time"

	"github.com/itsmkit/itsmkit/storage"
)

// backfillPage is how many rows are looked at in one transaction.
const backfillPage = 200

// backfill is an added column whose values are moved out of the bodies, and how far that is.
type backfill struct {
	relation, column string
	tenant, id       string
	done             bool
	spec             storage.ColumnSpec
}

func (b *backfill) scan(rows *sql.Rows) error {
	var done any
	if err := rows.Scan(&b.relation, &b.column, &b.tenant, &b.id, &done); err != nil {
		return err
	}
	d, err := value(storage.Bool, done)
	b.done, _ = d.(bool)
	return err
}

// unfinished gives the back-fills that the schemas' columns still need, those included that
// would be begun now.
func (s *core) unfinished(schemas []*storage.Schema, f *found) []backfill {
	var out []backfill
	listed := map[[2]string]bool{}
	for _, schema := range schemas {
		relation := name(s.prefix + schema.Name())
		have := f.tables[relation]
		if have == nil {
			continue
		}
		for _, c := range schema.Columns() {
			place := [2]string{relation, c.Name}
			_, exists := have[c.Name]
			done, begun := f.begun[place]
			if !listed[place] && (begun && !done || !exists && !begun) {
				listed[place] = true
				out = append(out, backfill{relation: relation, column: c.Name, spec: c})
			}
		}
	}
	return out
}

// texts are the statements of a back-fill.
func (b *backfill) texts(s *core) []string {
	return []string{b.page(s), b.move(s), s.text.moved}
}

func (b *backfill) page(s *core) string {
	return s.d.rebind(`SELECT "tenant", "id", "body" FROM ` + quote(b.relation) +
		` WHERE ("tenant", "id") > (?, ?) ORDER BY "tenant", "id" LIMIT ` + strconv.Itoa(backfillPage) + s.d.forUpdate)
}

func (b *backfill) move(s *core) string {
	return s.d.rebind("UPDATE " + quote(b.relation) + " SET " + quote(b.column) + ` = ?, "body" = ? WHERE "tenant" = ? AND "id" = ?`)
}

// backfill moves what is left of the values of added columns.
func (s *core) backfill(ctx context.Context, schemas []*storage.Schema) error {
	all, err := s.relations(schemas)
	if err != nil {
		return err
	}
	f, err := s.inspect(ctx, &session{run: s.writer.db}, all)
	if err != nil {
		return s.failed(ctx, "migrate", "", "", err)
	}
	for _, b := range s.unfinished(schemas, f) {
		for !b.done {
			err := s.short(ctx, "migrate", func(t *session) error { return s.movePage(ctx, t, &b) })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// movePage moves the values of one page of rows. The row that says how far it is keeps other
// processes away.
func (s *core) movePage(ctx context.Context, t *session, b *backfill) error {
	found := false
	err := t.each(ctx, s.text.backfill, []any{b.relation, b.column}, func(rows *sql.Rows) error {
		found = true
		return b.scan(rows)
	})
	if err != nil || b.done || !found {
		b.done = b.done || !found
		return err
	}
	type row struct{ tenant, id, body string }
	var page []row
	err = t.each(ctx, b.page(s), []any{b.tenant, b.id}, func(rows *sql.Rows) error {
		var r row
		err := rows.Scan(&r.tenant, &r.id, &r.body)
		page = append(page, r)
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range page {
		v, rest, ok := extract([]byte(r.body), b.spec)
		if !ok {
			continue
		}
		if _, err := t.exec(ctx, b.move(s), v, string(rest), r.tenant, r.id); err != nil {
			return err
		}
	}
	if len(page) > 0 {
		b.tenant, b.id = page[len(page)-1].tenant, page[len(page)-1].id
	}
	b.done = len(page) < backfillPage
	_, err = t.exec(ctx, s.text.moved, b.tenant, b.id, b.done, b.relation, b.column)
	return err
}

// extract takes a column's value out of a body: the value, and the body without it but
// otherwise byte for byte as it was. It is false where there is no value there, or one that
// does not fit the column: that stays where it is.
func extract(body []byte, c storage.ColumnSpec) (v any, rest []byte, ok bool) {
	path := c.From
	if len(path) == 0 {
		path = []string{c.Name}
	}
	raw, rest, ok := cut(body, path)
	if !ok {
		return nil, nil, false
	}
	// Where a name occurs twice the last one counts, as it does when the body is decoded.
	for {
		next, shorter, again := cut(rest, path)
		if !again {
			break
		}
		raw, rest = next, shorter
	}
	v, ok = fit(raw, c)
	return v, rest, ok
}

// fit makes a JSON value into the value of a column.
func fit(raw []byte, c storage.ColumnSpec) (any, bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, false
	}
	switch x := v.(type) {
	case nil:
	case string:
		if c.Kind == storage.Time {
			at, err := time.Parse(time.RFC3339Nano, x)
			if err != nil {
				return nil, false
			}
			v = at.UnixMicro()
		}
	case json.Number:
		n, err := strconv.ParseInt(x.String(), 10, 64)
		if err != nil {
			return nil, false
		}
		v = n
	}
	return v, misfit(c, v) == ""
}

// cut takes the first member at the path out of a JSON object.
func cut(body []byte, path []string) (value, rest []byte, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, false
	}
	for dec.More() {
		before := int(dec.InputOffset())
		key, err := dec.Token()
		if err != nil {
			return nil, nil, false
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, nil, false
		}
		if key != path[0] {
			continue
		}
		end := int(dec.InputOffset())
		if len(path) > 1 {
			inner, shorter, ok := cut(raw, path[1:])
			if !ok {
				continue
			}
			return inner, splice(body, end-len(raw), end, shorter), true
		}
		// One comma goes with it: the one before it, or for the first member the one after it.
		begin := before
		if body[before] != ',' {
			begin, end = first(body, before, end)
		}
		return raw, splice(body, begin, end, nil), true
	}
	return nil, nil, false
}

// first gives what is cut for the first member of an object: up to the next member, or all there
// is when it is the only one.
func first(body []byte, begin, end int) (int, int) {
	for i := end; i < len(body); i++ {
		switch body[i] {
		case ' ', '\t', '\r', '\n':
		case ',':
			return begin, i + 1
		default:
			return begin, end
		}
	}
	return begin, end
}

func splice(body []byte, begin, end int, with []byte) []byte {
	out := make([]byte, 0, len(body)-(end-begin)+len(with))
	out = append(out, body[:begin]...)
	out = append(out, with...)
	return append(out, body[end:]...)
}
