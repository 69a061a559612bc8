// This file holds the filter that comes from outside as data.

package storage

// Where gives a condition, such as one that was stored in its JSON form, as a filter on the table's
// heads. It reports what [Condition.Check] does.
func (t Table[R, H, B]) Where(c Condition) (Filter[H], error) {
	if err := c.Check(t.d.schema); err != nil {
		return Filter[H]{}, err
	}
	return t.where(c), nil
}

// where makes the filter of a condition that was checked.
func (t Table[R, H, B]) where(c Condition) Filter[H] {
	f := Filter[H]{cond: c}
	for _, sub := range c.Of {
		f.of = append(f.of, t.where(sub))
	}
	if c.Column != "" {
		f.read = t.reader(c.Column)
	}
	return f
}

// reader gives the value of a column of a head as an adapter has it. The column is there.
func (t Table[R, H, B]) reader(column string) func(*H) any {
	if i, ok := t.d.schema.Place(column); ok {
		return t.d.columns[i].get
	}
	meta := t.d.meta
	switch column {
	case ColumnTenant:
		return func(h *H) any { return string(meta(h).Tenant) }
	case ColumnID:
		return func(h *H) any { return string(meta(h).ID) }
	case ColumnCreated:
		return func(h *H) any { return meta(h).Created.UnixMicro() }
	case ColumnUpdated:
		return func(h *H) any { return meta(h).Updated.UnixMicro() }
	}
	return func(h *H) any { return meta(h).Version }
}
