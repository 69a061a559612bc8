package storage_test

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

var checkedSchema = func() *storage.Schema {
	s, err := storage.NewSchema("ticket", 1, []storage.ColumnSpec{
		{Name: "title", Kind: storage.Text},
		{Name: "note", Kind: storage.Text, Nullable: true},
		{Name: "priority", Kind: storage.Int},
	}, nil)
	if err != nil {
		panic(err)
	}
	return s
}()

// tooLong is a document of a byte more than there may be.
var tooLong = []byte(strings.Repeat(" ", storage.MaxDocument) + "1")

// A table is one that every engine can have.
func TestASchemaHasBounds(t *testing.T) {
	columns := func(n int, kind storage.Kind) (out []storage.ColumnSpec) {
		for i := range n {
			out = append(out, storage.ColumnSpec{Name: kind.String() + strconv.Itoa(i), Kind: kind})
		}
		return out
	}
	index := func(unique bool, columns []storage.ColumnSpec) storage.Index {
		ix := storage.Index{Unique: unique}
		for _, c := range columns {
			ix.Columns = append(ix.Columns, storage.Order{Column: c.Name})
		}
		return ix
	}
	texts := columns(storage.MaxTextColumns, storage.Text)
	all := append(columns(storage.MaxColumns-storage.MaxTextColumns, storage.Int), texts...)
	indexes := slices.Repeat([]storage.Index{index(true, texts[:3])}, storage.MaxIndexes-1)
	indexes = append(indexes, index(false, texts[:storage.MaxIndexColumns]))
	_, err := storage.NewSchema("wide", 1, all, indexes)
	require.NoError(t, err)
	for field, try := range map[string]func() (*storage.Schema, error){
		"columns": func() (*storage.Schema, error) {
			return storage.NewSchema("wide", 1, columns(storage.MaxColumns+1, storage.Int), nil)
		},
		"columns ": func() (*storage.Schema, error) {
			return storage.NewSchema("wide", 1, columns(storage.MaxTextColumns+1, storage.Text), nil)
		},
		"indexes": func() (*storage.Schema, error) {
			return storage.NewSchema("wide", 1, all, append(slices.Clone(indexes), index(false, texts[:1])))
		},
		"indexes ": func() (*storage.Schema, error) {
			return storage.NewSchema("wide", 1, all, []storage.Index{index(false, all[:storage.MaxIndexColumns+1])})
		},
	} {
		_, err := try()
		var v *storage.ValidationError
		require.ErrorAs(t, err, &v)
		require.Len(t, v.Faults, 1)
		require.Equal(t, strings.TrimSpace(field), v.Faults[0].Field)
	}
}

// Every check tells every fault at once, each by the field's name.
func TestChecksNameEveryFaultAtOnce(t *testing.T) {
	farOff := time.Date(1_000_000, time.January, 1, 0, 0, 0, 0, time.UTC)
	at := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	bad := "a\x00"
	for _, c := range []struct {
		name    string
		err     error
		subject string
		fields  []string
	}{
		{"a name", storage.CheckName("lock", "name", ""), "lock", []string{"name"}},
		{"a tenant", storage.CheckTenants([]storage.Tenant{storage.Tenant(bad)}), "view", []string{"tenant"}},
		{"tenants", storage.CheckTenants([]storage.Tenant{"a", "", "a"}), "view", []string{"tenants[1]", "tenants[2]"}},
		{"no tenants", storage.CheckTenants(nil), "view", []string{"tenants"}},
		{"too many tenants", storage.CheckTenants(make([]storage.Tenant, storage.MaxTenants+1)), "view", []string{"tenants"}},
		{
			"a query", storage.CheckQuery(checkedSchema, storage.RowQuery{
				Where: storage.Condition{Op: storage.Equal, Column: "nothing", Values: []any{"a"}},
				Order: []storage.Order{{Column: "note"}, {Column: "priority"}, {Column: "priority"}, {Column: "tenant"}, {Column: "id"}},
				After: &storage.Position{Values: []any{"a", "a", int64(1), "a", "one"}, Tenant: storage.Tenant(bad), ID: storage.ID(bad)},
			}), "query on ticket", []string{"column", "limit", "order", "order", "order", "after.tenant", "after.id", "after", "after.id"},
		},
		{"a place", storage.CheckQuery(checkedSchema, storage.RowQuery{Limit: 1, After: &storage.Position{Values: []any{"a"}}}), "query on ticket", []string{"after"}},
		{
			"a count", storage.CheckCount(checkedSchema, storage.Condition{Op: "like"}, []string{"nothing", "title", "title"}),
			"count on ticket", []string{"op", "by", "by"},
		},
		{
			"a row", storage.CheckRow(checkedSchema, &storage.Row{
				Meta:    storage.Meta{Version: -1, Created: farOff, Updated: farOff.AddDate(-2_000_000, 0, 0)},
				Columns: []any{nil, bad, "1"},
				Body:    []byte("{"),
			}), "ticket", []string{"id", "version", "created", "updated", "title", "note", "priority", "body"},
		},
		{"a row of too much", storage.CheckRow(checkedSchema, &storage.Row{
			Meta: storage.Meta{ID: "1"}, Columns: []any{"t", nil, int64(1)}, Body: tooLong,
		}), "ticket", []string{"body"}},
		{"an event of too much", storage.CheckEvents([]storage.Event{{Kind: "k", Record: "1", ID: "e", Type: "t", Envelope: tooLong}}), "append", []string{"events[0].envelope"}},
		{"an error of too much", storage.CheckFinish("a", storage.Job{Tenant: "a", Kind: "k", Key: "1"}, storage.Outcome{Error: string(tooLong)}), "finish", []string{"error"}},
		{"a row of too few values", storage.CheckRow(checkedSchema, &storage.Row{Meta: storage.Meta{ID: "1"}, Body: []byte("\xff")}), "ticket", []string{"columns", "body"}},
		{"a delete", storage.CheckDelete(checkedSchema, "", -1), "delete ticket", []string{"id", "version"}},
		{
			"events", storage.CheckEvents([]storage.Event{
				{Kind: "k", Record: "1", ID: "e", Type: "t", Envelope: []byte("{}")},
				{Version: -1, N: -1, At: farOff},
			}), "append", []string{"events[1].kind", "events[1].record", "events[1].version", "events[1].n", "events[1].id", "events[1].type", "events[1].at", "events[1].envelope"},
		},
		{
			"jobs", storage.CheckJobs([]storage.Job{
				{Kind: bad, Subject: bad, Due: farOff, Payload: []byte{}},
				{Kind: "k", Key: "1", Error: bad, Attempts: -1},
				{Kind: "k", Key: "2", Dead: true, Error: bad, Attempts: -1, Payload: []byte(strings.Repeat(" ", storage.MaxPayload) + "1")},
			}), "enqueue", []string{"jobs[0].kind", "jobs[0].key", "jobs[0].subject", "jobs[0].due", "jobs[0].payload", "jobs[2].payload", "jobs[2].attempts", "jobs[2].error"},
		},
		{"a cancel", storage.CheckCancel("", bad), "cancel", []string{"kind", "key"}},
		{
			"a finish", storage.CheckFinish("a", storage.Job{Tenant: "b"}, storage.Outcome{Due: farOff, Payload: []byte("\xff"), Error: "\xff"}),
			"finish", []string{"tenant", "kind", "key", "payload", "due", "error"},
		},
		{"a claim", storage.CheckClaim(storage.Claim{Kinds: []string{"a", ""}, Lease: time.Microsecond - 1}), "claim", []string{"now", "lease", "limit", "kinds[1]"}},
		{"a claim that ends too far off", storage.CheckClaim(storage.Claim{Now: time.UnixMicro(math.MaxInt64), Lease: time.Minute, Limit: 1}), "claim", []string{"lease"}},
		{"a claim of too many kinds", storage.CheckClaim(storage.Claim{Now: at, Lease: time.Minute, Limit: 1, Kinds: make([]string, storage.MaxNames+1)}), "claim", []string{"kinds"}},
		{"an advance", storage.CheckAdvance("", 0), "advance", []string{"sequence", "at_least"}},
		{"an advance too far", storage.CheckAdvance("a", storage.MaxNumber+1), "advance", []string{"at_least"}},
		{
			"a query of the log", storage.CheckEventQuery(storage.EventQuery{
				Record: "1", Types: []string{bad, "t"}, Limit: storage.MaxLimit + 1,
				After: storage.EventPosition{Tenant: storage.Tenant(bad), Kind: bad, Record: storage.ID(bad), Version: -1, N: -1},
			}), "query on events", []string{"record", "types[0]", "after.tenant", "after.kind", "after.record", "limit"},
		},
		{
			"a query for jobs", storage.CheckJobQuery(storage.JobQuery{Kind: bad, Subject: bad, Key: bad, After: storage.Job{Tenant: storage.Tenant(bad), Kind: bad, Key: bad}}),
			"query on jobs", []string{"kind", "subject", "key", "after.tenant", "after.kind", "after.key", "limit"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var v *storage.ValidationError
			require.ErrorAs(t, c.err, &v)
			require.ErrorIs(t, c.err, storage.ErrInvalid)
			require.Equal(t, c.subject, v.Subject)
			var fields []string
			for _, f := range v.Faults {
				fields = append(fields, f.Field)
				require.NotEmpty(t, f.Problem)
			}
			require.Equal(t, c.fields, fields, "%v", c.err)
		})
	}
}

// What is just within the bounds passes.
func TestChecksPassWhatIsWithinTheBounds(t *testing.T) {
	long := strings.Repeat("é", storage.MaxKey/2)
	first, last := time.UnixMicro(math.MinInt64), time.UnixMicro(math.MaxInt64).Add(999)
	tenants := make([]storage.Tenant, storage.MaxTenants)
	for i := range tenants {
		tenants[i] = storage.Tenant(strings.Repeat("x", 1+i%100) + strings.Repeat("y", 1+i/100))
	}
	for name, err := range map[string]error{
		"tenants": storage.CheckTenants(tenants),
		"row": storage.CheckRow(checkedSchema, &storage.Row{
			Meta: storage.Meta{ID: storage.ID(long), Created: first, Updated: last}, Body: tooLong[1:],
			Columns: []any{strings.Repeat("\U0001f525", storage.MaxText), nil, int64(math.MinInt64)},
		}),
		"delete of version 0": storage.CheckDelete(checkedSchema, "1", 0),
		"no events":           storage.CheckEvents(nil),
		"event":               storage.CheckEvents([]storage.Event{{Kind: long, Record: "1", Version: math.MaxInt64, ID: "e", Type: long, At: first, Envelope: []byte(`"\u0000"`)}}),
		"job":                 storage.CheckJobs([]storage.Job{{Kind: "k", Key: long, Due: last, Payload: []byte(strings.Repeat(" ", storage.MaxPayload-1) + "1")}}),
		"finish":              storage.CheckFinish("a", storage.Job{Tenant: "a", Kind: "k", Key: "1"}, storage.Outcome{Error: string(tooLong[1:])}),
		"claim":               storage.CheckClaim(storage.Claim{Now: time.UnixMicro(math.MaxInt64 - 1), Lease: time.Microsecond, Limit: storage.MaxLimit, Kinds: slices.Repeat([]string{"k"}, storage.MaxNames)}),
		"advance":             storage.CheckAdvance(long, storage.MaxNumber),
		"event query":         storage.CheckEventQuery(storage.EventQuery{Kind: "k", Record: "1", Types: slices.Repeat([]string{"t"}, storage.MaxNames), Limit: 1, After: storage.EventPosition{N: -1}}),
		"job query":           storage.CheckJobQuery(storage.JobQuery{Limit: storage.MaxLimit}),
		"query":               storage.CheckQuery(checkedSchema, storage.RowQuery{Limit: 1, Order: []storage.Order{{Column: "id"}}, After: &storage.Position{Values: []any{""}}}),
		"count":               storage.CheckCount(checkedSchema, storage.Condition{}, []string{"tenant", "note"}),
	} {
		require.NoError(t, err, name)
	}
}
