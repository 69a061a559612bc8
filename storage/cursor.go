package storage

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
)

// Cursor is a place in a list, to be given back for the page that follows. It is opaque, and
// authenticated: one that was made up, changed, or made for other tenants, another table or another
// order is ErrInvalid. The filter may change between pages, as one that is relative to now does: it
// is applied anew. A cursor holds values of the row it stands at, readable to who knows how.
type Cursor string

const cursorSum = 16 // bytes of the HMAC-SHA-256 that are kept

// sealCursor makes the cursor that stands at a row.
func sealCursor(ctx context.Context, r Reader, s *Schema, q RowQuery, last *Row) (Cursor, error) {
	key, err := r.CursorKey(ctx)
	if err != nil {
		return "", err
	}
	place := make([]any, 0, len(q.Order)+2)
	for _, o := range q.Order {
		place = append(place, last.Value(s, o.Column))
	}
	place = append(place, string(last.Tenant), string(last.ID))
	raw, err := json.Marshal(place)
	if err != nil {
		return "", err
	}
	return Cursor(base64.RawURLEncoding.EncodeToString(append(cursorMAC(key, r, s, q, raw), raw...))), nil
}

// openCursor reads a cursor back into the place it stands at.
func openCursor(ctx context.Context, r Reader, s *Schema, q RowQuery, c Cursor) (*Position, error) {
	bad := Invalid("query on "+s.name, "after", "is not a cursor of this list")
	if len(c) > 1<<16 { // more than the texts of any order need
		return nil, bad
	}
	sealed, err := base64.RawURLEncoding.DecodeString(string(c))
	if err != nil || len(sealed) < cursorSum {
		return nil, bad
	}
	key, err := r.CursorKey(ctx)
	if err != nil {
		return nil, err
	}
	raw := sealed[cursorSum:]
	if !hmac.Equal(sealed[:cursorSum], cursorMAC(key, r, s, q, raw)) {
		return nil, bad
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var place []any
	if err := dec.Decode(&place); err != nil || len(place) != len(q.Order)+2 {
		return nil, bad
	}
	for i, v := range place {
		if n, ok := v.(json.Number); ok {
			if place[i], err = strconv.ParseInt(n.String(), 10, 64); err != nil {
				return nil, bad
			}
		}
	}
	tenant, ok1 := place[len(place)-2].(string)
	id, ok2 := place[len(place)-1].(string)
	if !ok1 || !ok2 {
		return nil, bad
	}
	return &Position{Values: place[:len(q.Order)], Tenant: Tenant(tenant), ID: ID(id)}, nil
}

// cursorMAC binds a place to the tenants, in whichever order they were named, the table and the
// order of the list.
func cursorMAC(key []byte, r Reader, s *Schema, q RowQuery, place []byte) []byte {
	b := make([]byte, 0, 256)
	b = strconv.AppendQuote(b, s.name)
	tenants := slices.Clone(r.Tenants())
	slices.Sort(tenants)
	for _, t := range tenants {
		b = strconv.AppendQuote(b, string(t))
	}
	b = append(b, ';')
	for _, o := range q.Order {
		b = strconv.AppendBool(strconv.AppendQuote(b, o.Column), o.Descending)
	}
	b = append(append(b, ';'), place...)
	h := hmac.New(sha256.New, key)
	h.Write(b)
	return h.Sum(nil)[:cursorSum]
}
