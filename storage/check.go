package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// This file is the checks of what an adapter is given, once for all adapters: each begins a method
// with the check of its arguments and does nothing where that gives an error. The error is a
// *ValidationError with every fault at once, or nil.

// The bounds of what is asked for at once, so that no engine is asked for more than it can do.
const (
	// MaxPayload is the greatest length of a job's payload, in bytes.
	MaxPayload = 64 << 10
	// MaxDocument is the greatest length of a body, an envelope and the error of a job, in bytes.
	MaxDocument = 4 << 20
	// MaxTenants is how many tenants a View may name.
	MaxTenants = 10_000
	// MaxNames is how many kinds a Claim and how many types an EventQuery may name.
	MaxNames = 1000
	// MaxNumber is the greatest number that a sequence can be advanced to: what a float64, and so
	// any reader of JSON, still tells from its neighbours.
	MaxNumber = 1 << 53
)

// faults gathers what is wrong with one input.
type faults []Fault

// add notes a problem; "" is none.
func (f *faults) add(field, problem string) {
	if problem != "" {
		*f = append(*f, Fault{Field: field, Problem: problem})
	}
}

// key notes what CheckKey says; empty is a fault unless it may be.
func (f *faults) key(field, value string) { f.add(field, CheckKey(value)) }

func (f *faults) keyOrEmpty(field, value string) {
	if value != "" {
		f.key(field, value)
	}
}

// err gives nil where there is no fault.
func (f faults) err(subject string) error {
	if len(f) == 0 {
		return nil
	}
	return &ValidationError{Subject: subject, Faults: f}
}

// CheckName refuses a name that [CheckKey] refuses: of a lock, a sequence, an Update's tenant.
// Subject and field are what the error names.
func CheckName(subject, field, name string) error {
	if problem := CheckKey(name); problem != "" {
		return Invalid(subject, field, problem)
	}
	return nil
}

// CheckTenants refuses what a View cannot name: no tenant, one twice, one that [CheckKey] refuses, or
// more than MaxTenants. The field is "tenant" where there is one alone.
func CheckTenants(tenants []Tenant) error {
	var f faults
	switch {
	case len(tenants) == 1:
		f.key("tenant", string(tenants[0]))
		return f.err("view")
	case len(tenants) == 0:
		f.add("tenants", "are none; name at least one")
	case len(tenants) > MaxTenants:
		f.add("tenants", fmt.Sprintf("are %d; at most %d can be read at once", len(tenants), MaxTenants))
		return f.err("view")
	}
	seen := make(map[Tenant]bool, len(tenants))
	for i, t := range tenants {
		if problem := CheckKey(string(t)); problem != "" {
			f.add(element("tenants", i), problem)
		} else if seen[t] {
			f.add(element("tenants", i), "is named twice")
		}
		seen[t] = true
	}
	return f.err("view")
}

// CheckQuery refuses a query that does not fit the schema.
func CheckQuery(s *Schema, q RowQuery) error {
	var f faults
	f.condition(s, q.Where)
	f.limit(q.Limit)
	seen := map[string]bool{}
	for _, o := range q.Order {
		c, ok := s.Column(o.Column)
		switch {
		case !ok || o.Column == ColumnTenant:
			f.add("order", quoted(o.Column)+" is not a column to order by")
		case c.Nullable:
			f.add("order", quoted(o.Column)+" may be null, so it is no order")
		case seen[o.Column]:
			f.add("order", quoted(o.Column)+" is named twice")
		}
		seen[o.Column] = true
	}
	if q.After != nil {
		f.position(s, q.Order, q.After)
	}
	return f.err("query on " + s.name)
}

// position checks a place in an order. Its tenant and id may be empty, which is less than any.
func (f *faults) position(s *Schema, order []Order, p *Position) {
	f.keyOrEmpty("after.tenant", string(p.Tenant))
	f.keyOrEmpty("after.id", string(p.ID))
	if len(p.Values) != len(order) {
		f.add("after", "does not fit the order")
		return
	}
	for i, o := range order {
		c, ok := s.Column(o.Column)
		if !ok {
			continue // the order's fault
		}
		f.add("after", checkValue(c.Kind, p.Values[i]))
		if id, ok := p.Values[i].(string); ok && o.Column == ColumnID && id != string(p.ID) {
			f.add("after.id", "is not the one among the values")
		}
	}
}

// CheckCount refuses a condition that does not fit the schema, and columns that cannot be counted
// by.
func CheckCount(s *Schema, where Condition, by []string) error {
	var f faults
	f.condition(s, where)
	seen := map[string]bool{}
	for _, name := range by {
		if _, ok := s.Column(name); !ok {
			f.add("by", quoted(name)+" is not a column")
		} else if seen[name] {
			f.add("by", quoted(name)+" is named twice")
		}
		seen[name] = true
	}
	return f.err("count on " + s.name)
}

// CheckValue says what is wrong with a value for the column, nil being NULL, or "".
func CheckValue(c ColumnSpec, v any) (problem string) {
	switch {
	case v != nil:
		return checkValue(c.Kind, v)
	case !c.Nullable:
		return "must not be null"
	}
	return ""
}

// CheckRow refuses a row that cannot be put through the schema.
func CheckRow(s *Schema, row *Row) error {
	var f faults
	f.key("id", string(row.ID))
	f.version(row.Version)
	f.instant("created", row.Created)
	f.instant("updated", row.Updated)
	if len(row.Columns) != len(s.columns) {
		f.add("columns", fmt.Sprintf("are %d; %s has %d", len(row.Columns), s.name, len(s.columns)))
	} else {
		for i, c := range s.columns {
			f.add(c.Name, CheckValue(c, row.Columns[i]))
		}
	}
	f.document("body", row.Body)
	return f.err(s.name)
}

// CheckRows refuses rows of which one cannot be put, with the faults of all. Of several a fault names the
// row by its place, from 0. No rows are none that cannot.
func CheckRows(s *Schema, rows []*Row) error {
	if len(rows) == 1 {
		return CheckRow(s, rows[0])
	}
	var f faults
	for i, row := range rows {
		var v *ValidationError
		if errors.As(CheckRow(s, row), &v) {
			for _, fault := range v.Faults {
				f.add(fmt.Sprintf("rows[%d].%s", i, fault.Field), fault.Problem)
			}
		}
	}
	return f.err(s.name)
}

// CheckRestore refuses rows that cannot be restored through the schema: those that CheckRow refuses,
// and those without a version or a layout, or of a later layout than the schema's.
func CheckRestore(s *Schema, rows []Row) error {
	var f faults
	for i := range rows {
		r, was := &rows[i], len(f)
		var v *ValidationError
		if errors.As(CheckRow(s, r), &v) {
			f = append(f, v.Faults...)
		}
		if r.Version == 0 {
			f.add("version", "must be at least 1")
		}
		if r.Layout < 1 || r.Layout > s.layout {
			f.add("layout", fmt.Sprintf("must be from 1 to %d", s.layout))
		}
		f.of("rows", i, was)
	}
	return f.err("restore " + s.name)
}

// CheckDelete refuses what no record of the schema can be deleted by. Version 0 is none of these:
// no record has it, so it is a conflict with one that is there.
func CheckDelete(s *Schema, id ID, version int64) error {
	var f faults
	f.key("id", string(id))
	f.version(version)
	return f.err("delete " + s.name)
}

// CheckExpect refuses what no record of the schema can be expected by.
func CheckExpect(s *Schema, id ID, version int64) error {
	var f faults
	f.key("id", string(id))
	f.version(version)
	return f.err("expect " + s.name)
}

// CheckEvents refuses events that cannot stand in the log. Whether their places are taken is not
// asked.
func CheckEvents(events []Event) error {
	var f faults
	for i := range events {
		e, was := &events[i], len(f)
		f.key("kind", e.Kind)
		f.key("record", string(e.Record))
		f.version(e.Version)
		if e.N < 0 {
			f.add("n", "is negative")
		}
		f.key("id", string(e.ID))
		f.key("type", e.Type)
		f.instant("at", e.At)
		f.document("envelope", e.Envelope)
		f.of("events", i, was)
	}
	return f.err("append")
}

// CheckJobs refuses jobs that cannot be enqueued. Of what is the store's it looks at the attempts
// and the error of dead letters and of jobs that are Tried only, as Enqueue does.
func CheckJobs(jobs []Job) error {
	var f faults
	for i := range jobs {
		j, was := &jobs[i], len(f)
		f.key("kind", j.Kind)
		f.key("key", j.Key)
		f.keyOrEmpty("subject", j.Subject)
		f.instant("due", j.Due)
		f.payload(j.Payload)
		if j.Dead || j.Tried {
			if j.Attempts < 0 {
				f.add("attempts", "are negative")
			}
			f.message(j.Error)
		}
		f.of("jobs", i, was)
	}
	return f.err("enqueue")
}

// CheckCancel refuses a name that no job can have.
func CheckCancel(kind, key string) error {
	var f faults
	f.key("kind", kind)
	f.key("key", key)
	return f.err("cancel")
}

// CheckFinish refuses what no claim can be finished by in a unit of the tenant: a job of another
// tenant or of a name that no job can have, and an outcome that cannot be. Whether the claim is
// the worker's is not asked.
func CheckFinish(tenant Tenant, claimed Job, o Outcome) error {
	var f faults
	if claimed.Tenant != tenant {
		f.add("tenant", "is not the unit's")
	}
	f.key("kind", claimed.Kind)
	f.key("key", claimed.Key)
	f.payload(o.Payload)
	f.instant("due", o.Due)
	f.message(o.Error)
	return f.err("finish")
}

// CheckClaim refuses a claim that cannot be.
func CheckClaim(c Claim) error {
	var f faults
	if c.Now.IsZero() {
		f.add("now", "is missing")
	}
	if c.Lease < time.Microsecond {
		f.add("lease", "must be at least a microsecond")
	}
	// The end of the lease is what is kept.
	f.instant("now", c.Now)
	f.instant("lease", c.Now.Add(c.Lease))
	f.limit(c.Limit)
	f.names("kinds", c.Kinds)
	return f.err("claim")
}

// CheckAdvance refuses a name that no sequence can have, and a number that none can be advanced
// to.
func CheckAdvance(sequence string, atLeast int64) error {
	var f faults
	f.key("sequence", sequence)
	if atLeast < 1 || atLeast > MaxNumber {
		f.add("at_least", fmt.Sprintf("must be from 1 to %d", int64(MaxNumber)))
	}
	return f.err("advance")
}

// CheckEventQuery refuses a query that the log cannot be asked. A place may be any, also one that
// no event can have: its names may be empty, its numbers negative.
func CheckEventQuery(q EventQuery) error {
	var f faults
	f.keyOrEmpty("kind", q.Kind)
	f.keyOrEmpty("record", string(q.Record))
	if q.Record != "" && q.Kind == "" {
		f.add("record", "needs the kind that it is of")
	}
	f.names("types", q.Types)
	f.keyOrEmpty("after.tenant", string(q.After.Tenant))
	f.keyOrEmpty("after.kind", q.After.Kind)
	f.keyOrEmpty("after.record", string(q.After.Record))
	f.limit(q.Limit)
	return f.err("query on events")
}

// CheckJobQuery refuses a query that jobs cannot be asked for by.
func CheckJobQuery(q JobQuery) error {
	var f faults
	f.keyOrEmpty("kind", q.Kind)
	f.keyOrEmpty("subject", q.Subject)
	f.keyOrEmpty("key", q.Key)
	f.keyOrEmpty("after.tenant", string(q.After.Tenant))
	f.keyOrEmpty("after.kind", q.After.Kind)
	f.keyOrEmpty("after.key", q.After.Key)
	f.limit(q.Limit)
	return f.err("query on jobs")
}

// CheckSequenceQuery refuses a query that sequences cannot be asked for by.
func CheckSequenceQuery(q SequenceQuery) error {
	var f faults
	f.keyOrEmpty("after.tenant", string(q.After.Tenant))
	f.keyOrEmpty("after.name", q.After.Name)
	f.limit(q.Limit)
	return f.err("query on sequences")
}

// element is the field of one element of a list.
func element(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

// of names the faults from the place on as those of one element of a list.
func (f faults) of(list string, i, from int) {
	for n := from; n < len(f); n++ {
		f[n].Field = element(list, i) + "." + f[n].Field
	}
}

func (f *faults) condition(s *Schema, c Condition) {
	var v *ValidationError
	if errors.As(c.Check(s), &v) {
		*f = append(*f, v.Faults...)
	}
}

func (f *faults) limit(n int) {
	if n < 1 || n > MaxLimit {
		f.add("limit", "must be from 1 to "+strconv.Itoa(MaxLimit))
	}
}

func (f *faults) version(n int64) {
	if n < 0 {
		f.add("version", "is negative")
	}
}

func (f *faults) names(field string, names []string) {
	if len(names) > MaxNames {
		f.add(field, fmt.Sprintf("are %d; at most %d can be named", len(names), MaxNames))
		return
	}
	for i, name := range names {
		f.key(element(field, i), name)
	}
}

// instant refuses a time that microseconds of 64 bits do not reach to.
func (f *faults) instant(field string, t time.Time) {
	if kept := time.UnixMicro(t.UnixMicro()); kept.After(t) || t.Sub(kept) >= time.Microsecond {
		f.add(field, "is too far from 1970 for microseconds of 64 bits")
	}
}

// payload refuses what is no payload; nil is none, which is not the same as an empty one.
func (f *faults) payload(p []byte) {
	switch {
	case p == nil:
	case len(p) > MaxPayload:
		f.add("payload", "is longer than 64 KiB")
	default:
		f.document("payload", p)
	}
}

func (f *faults) document(field string, raw []byte) {
	switch {
	case len(raw) > MaxDocument:
		f.add(field, "is longer than 4 MiB")
	case !utf8.Valid(raw):
		f.add(field, "is not valid UTF-8")
	case !json.Valid(raw):
		f.add(field, "is not one JSON document")
	}
}

// message refuses what no engine keeps as text. It may be long, and have more than one line.
func (f *faults) message(s string) {
	if problem := checkCharacters(s); problem != "" {
		f.add("error", problem)
	} else if len(s) > MaxDocument {
		f.add("error", "is longer than 4 MiB")
	}
}
