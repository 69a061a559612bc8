package auditlog_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident/auditlog"
	"github.com/itsmkit/itsmkit/itsm"
)

func TestAnotherSystemsLogIsReadByOptions(t *testing.T) {
	m, err := auditlog.ParseMapping([]byte(`{
		"comma": ";", "missing": ["NULL"], "time_layouts": ["2006-01-02 15:04:05", "02.01.2006"],
		"time_zone": "Europe/Berlin",
		"columns": {"source": "Ticket", "at": "Changed", "author": "By", "state": "Status", "title": "Subject",
			"priority": "Prio", "opened": "Created", "assignee": ""},
		"states": {"open": {"state": "new"}, "pending*": {"state": "on_hold", "hold_reason": "caller"},
			"pending vendor*": {"state": "on_hold", "hold_reason": "vendor"}},
		"codes": {"priority": {"very high": "1"}}
	}`))
	require.NoError(t, err)
	got := readAll(t, "Ticket;Changed;By;Status;Subject;Prio;Created;assigned_to\n"+
		"4711;2026-07-01 12:00:00;ann;open;No mail;very high;30.06.2026;Bob\n"+
		"4711;2026-12-01 12:00:00;NULL;pending vendor reply;No mail;2;30.06.2026;?\n"+
		"4711;2026-12-01 12:00:00;;pending;No mail;NULL;30.06.2026;NULL\n"+
		"4711;2026-12-01 12:00:00;;New;No mail;NULL;30.06.2026;NULL\n", m)
	require.NoError(t, got.err)
	require.Empty(t, got.faulty)
	require.Len(t, got.entries, 4)
	e := got.entries[0]
	require.Equal(t, time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC), e.At, "summer time")
	require.Equal(t, time.Date(2026, 6, 29, 22, 0, 0, 0, time.UTC), e.Opened)
	require.Equal(t, []any{"4711", "ann", "new", "No mail", itsm.PriorityCritical}, []any{e.Source, e.Author, e.State, e.Title, e.Priority})
	require.Empty(t, e.Assignee, "the mapping leaves it out")
	require.Equal(t, map[string]string{"assigned_to": "Bob"}, e.Values, "and nothing is lost")
	e = got.entries[1]
	require.Equal(t, time.Date(2026, 12, 1, 11, 0, 0, 0, time.UTC), e.At, "winter time")
	require.Equal(t, []any{"", "vendor", itsm.PriorityHigh}, []any{e.Author, e.HoldReason, e.Priority})
	require.Equal(t, map[string]string{"assigned_to": "?"}, e.Values)
	require.Equal(t, "caller", got.entries[2].HoldReason)
	require.Empty(t, got.entries[3].State, "a state that the mapping does not name is not guessed")
	require.Equal(t, "New", got.entries[3].SourceState)
}

func TestValuesThatStandForTheSameCanBeToldApart(t *testing.T) {
	got := readAll(t, "number,incident_state,sys_updated_at,contact_type\n"+
		"INC1,New,1/3/2016 10:00,IVR\nINC1,New,1/3/2016 10:00,Phone\nINC1,New,1/3/2016 10:00,Email\n", auditlog.Mapping{})
	require.Len(t, got.entries, 3)
	require.Equal(t, "phone", got.entries[0].Channel)
	require.Equal(t, map[string]string{"contact_type": "IVR"}, got.entries[0].Values)
	require.Equal(t, "phone", got.entries[1].Channel)
	require.Equal(t, map[string]string{"contact_type": "Phone"}, got.entries[1].Values)
	require.Equal(t, "email", got.entries[2].Channel)
	require.Empty(t, got.entries[2].Values)
}

func TestTheZeroMappingIsServiceNowWrittenOut(t *testing.T) {
	require.NoError(t, auditlog.Mapping{}.Validate())
	written := auditlog.ServiceNow()
	raw, err := json.Marshal(written)
	require.NoError(t, err)
	back, err := auditlog.ParseMapping(raw)
	require.NoError(t, err)
	require.Equal(t, written, back)

	// Written out, it demands all of its columns; with those of the log alone it reads the same.
	written.Columns = nil
	require.Equal(t, readAll(t, small, auditlog.Mapping{}), readAll(t, small, written))
}

func TestATemplateReadsWhatTheZeroMappingReads(t *testing.T) {
	const log = "number,incident_state,sys_updated_at\nINC1,Parts ordered,1/2/2016 01:16\n"
	m := auditlog.ServiceNow()
	m.States["Parts ordered"] = auditlog.State{State: "awaiting_parts"}
	got := readAll(t, log, m)
	require.NoError(t, got.err)
	require.Len(t, got.entries, 1)
	require.EqualValues(t, "awaiting_parts", got.entries[0].State)
}

func TestAMappingIsRefusedWithAllItsFaults(t *testing.T) {
	err := auditlog.Mapping{
		Comma: ",,", TimeLayouts: []string{"15:04"}, TimeZone: "Mars/Olympus",
		Columns: map[auditlog.Field]string{"nonsense": "x", "source": "", "title": "category"},
		States:  map[string]auditlog.State{"New": {}},
		Codes:   map[auditlog.Field]map[string]string{"impact": {"huge": "0"}, "colour": {"red": "1"}},
	}.Validate()
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	var fields []string
	for _, f := range invalid.Faults {
		fields = append(fields, f.Field)
	}
	require.Equal(t, []string{"comma", "time_layouts[0]", "time_zone", "columns.nonsense", "columns.source",
		"columns.category", "states.New", "codes.colour", "codes.impact"}, fields)
}

func TestASlipInAMappingsJSONIsNotTakenForAWish(t *testing.T) {
	for _, raw := range []string{`{"colums": {}}`, `{"comma": 1}`, `{} {}`, ``, `{"columns": {"titel": "x"}}`} {
		_, err := auditlog.ParseMapping([]byte(raw))
		require.ErrorIs(t, err, itsm.ErrInvalid, raw)
	}
}

func FuzzMapping(f *testing.F) {
	f.Add([]byte(`{"comma": ";", "states": {"open": {"state": "new"}}}`))
	f.Add([]byte(`{"columns": {"title": "x"}, "time_layouts": ["Jan _2 2006"]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := auditlog.ParseMapping(raw)
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		// What is accepted can be used, and read back from what it is written as.
		r, err := auditlog.NewReader(strings.NewReader(small), m)
		if err == nil {
			require.NoError(t, drain(r).err)
		}
		again, err := json.Marshal(m)
		require.NoError(t, err)
		_, err = auditlog.ParseMapping(again)
		require.NoError(t, err)
	})
}
