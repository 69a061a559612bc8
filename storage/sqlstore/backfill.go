package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/itsmkit/itsmkit/storage"
)

// backfillRows is how many rows are looked at in one transaction.
const backfillRows = 200

// backfill is an added column whose values are moved out of the bodies, and how far that is:
// behind the row of this tenant and id.
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
// would be begun now. Those that follow each other go through the table together.
func (s *core) unfinished(schemas []*storage.Schema, f *found) [][]backfill {
	var all []backfill
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
			b, begun := f.begun[place]
			if !listed[place] && (begun && !b.done || !exists && !begun) {
				listed[place] = true
				b.relation, b.column, b.spec = relation, c.Name, c
				all = append(all, b)
			}
		}
	}
	return together(all)
}

// together groups back-fills of one table that are equally far.
func together(all []backfill) (groups [][]backfill) {
	for _, b := range all {
		if n := len(groups) - 1; n >= 0 && groups[n][0].relation == b.relation && groups[n][0].tenant == b.tenant && groups[n][0].id == b.id {
			groups[n] = append(groups[n], b)
		} else {
			groups = append(groups, []backfill{b})
		}
	}
	return groups
}

// backfillTexts are the statements that a group runs.
func (s *core) backfillTexts(group []backfill) []string {
	return []string{s.text.backfill, s.backfillPage(group, "", "").string(), s.backfillMove(group), s.text.moved}
}

func columnsOf(group []backfill) (names []string) {
	for _, b := range group {
		names = append(names, b.column)
	}
	return names
}

func (s *core) backfillPage(group []backfill, tenant, id string) *statement {
	return s.d.statement().write(`SELECT "tenant", "id", "body", `, quoteAll(columnsOf(group)), " FROM ", quote(group[0].relation), " WHERE ").
		than([]string{`"tenant"`, `"id"`}, " > ", []any{tenant, id}).
		write(` ORDER BY "tenant", "id" LIMIT `, strconv.Itoa(backfillRows), s.d.forUpdate)
}

func (s *core) backfillMove(group []backfill) string {
	text := "UPDATE " + quote(group[0].relation) + ` SET "body" = ?`
	for _, b := range group {
		text += ", " + quote(b.column) + " = ?"
	}
	return s.d.rebind(text + ` WHERE "tenant" = ? AND "id" = ?`)
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
	for _, group := range s.unfinished(schemas, f) {
		for done, failures := false, 0; !done; {
			page := false
			err := s.short(ctx, "migrate", func(t *session) (err error) {
				page, err = s.movePage(ctx, t, group)
				return err
			})
			switch {
			case err == nil:
				done, failures = page, 0
			case !errors.Is(err, storage.ErrRetry) && !errors.Is(err, storage.ErrUnknownOutcome) || failures == patience:
				return err
			default: // a unit was in the way, or the page may have been done, and then it is not done again
				failures++
			}
		}
	}
	return nil
}

// movePage moves the values of one page of rows, and says whether there is nothing left to do.
// The rows that say how far it is keep other processes away meanwhile; what they have done is
// not done again.
func (s *core) movePage(ctx context.Context, t *session, group []backfill) (done bool, err error) {
	far := map[string]backfill{}
	err = t.each(ctx, s.text.backfill, []any{group[0].relation}, func(rows *sql.Rows) error {
		var b backfill
		err := b.scan(rows)
		far[b.column] = b
		return err
	})
	if err != nil {
		return false, err
	}
	var left []backfill
	for _, b := range group {
		if now := far[b.column]; !now.done {
			b.tenant, b.id = now.tenant, now.id
			left = append(left, b)
		}
	}
	if len(left) == 0 {
		return true, nil
	}
	group = together(left)[0]
	at := [2]string{group[0].tenant, group[0].id}
	read := 0
	type row struct {
		body    string
		columns []any
	}
	type place = [2]string
	var page []row
	var places []place
	st := s.backfillPage(group, at[0], at[1])
	err = t.each(ctx, st.string(), st.args, func(rows *sql.Rows) error {
		r := row{columns: make([]any, len(group))}
		var p place
		dest := []any{&p[0], &p[1], &r.body}
		for i := range r.columns {
			dest = append(dest, &r.columns[i])
		}
		err := rows.Scan(dest...)
		page, places = append(page, r), append(places, p)
		return err
	})
	if err != nil {
		return false, err
	}
	for i, r := range page {
		at = places[i]
		read++
		body, moved := []byte(r.body), false
		for k, b := range group {
			if r.columns[k], err = value(b.spec.Kind, r.columns[k]); err != nil {
				return false, err
			}
			if v, rest, ok := extract(body, b.spec); ok {
				body, r.columns[k], moved = rest, v, true
			}
		}
		if !moved {
			continue
		}
		args := append(append([]any{string(body)}, r.columns...), at[0], at[1])
		if _, err := t.exec(ctx, s.backfillMove(group), args...); err != nil {
			return false, err
		}
	}
	for _, b := range group {
		if _, err := t.exec(ctx, s.text.moved, at[0], at[1], read < backfillRows, b.relation, b.column); err != nil {
			return false, err
		}
	}
	return read < backfillRows && len(group) == len(left), nil
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
	return v, storage.CheckValue(c, v) == ""
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
