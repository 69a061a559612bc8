package incident_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// ownColumns is a host with a column and fields of its own, and how it fills them of rows.
func ownColumns(t *testing.T) (incident.Options, storage.Column[incident.Head, string], incident.ImportOptions) {
	site := storage.Custom[string](incident.Table, "site")
	set, err := itsm.NewFieldSet(
		itsm.FieldDefinition{Name: "asset", Type: itsm.FieldText, Required: true},
		itsm.FieldDefinition{Name: "floor", Type: itsm.FieldInteger})
	require.NoError(t, err)
	own := func(row incident.HistoryEntry) (incident.OwnValues, error) {
		var v incident.OwnValues
		if row.Values["site"] == "unknown" {
			return v, itsm.Invalid("row", "site", "is not one of ours")
		}
		if row.Values["site"] == "elsewhere" {
			return v, itsm.ErrNotFound
		}
		if s := row.Values["site"]; s != "" {
			v.Columns = append(v.Columns, site.Value(s))
		} else {
			v.Columns = append(v.Columns, site.Clear())
		}
		v.Fields = itsm.Fields{"floor": json.RawMessage(`null`)}
		if floor := row.Values["floor"]; floor != "" {
			v.Fields["floor"] = json.RawMessage(floor)
		}
		row.Values["site"] = "changed" // what is done with the row stays with the host
		return v, nil
	}
	return incident.Options{Fields: set, Columns: []storage.ColumnOf[incident.Head]{site}}, site, incident.ImportOptions{Own: own}
}

func withValues(e incident.HistoryEntry, site, floor string) incident.HistoryEntry {
	e.Values = map[string]string{"site": site, "floor": floor}
	return e
}

func TestAnImportFillsTheHostsOwnFieldsAndColumns(t *testing.T) {
	options, site, own := ownColumns(t)
	d := newImportDesk(t, options)
	rows := life("A", "new", "in_progress", "closed")
	rows[0], rows[1], rows[2] = withValues(rows[0], "Bonn", "3"), withValues(rows[1], "Ulm", ""), withValues(rows[2], "Kiel", "9")
	d.load(t, rows[:1], own)
	i := d.get(t, "A")
	require.Equal(t, itsm.Fields{"floor": json.RawMessage(`3`)}, i.Fields, "what is required here was not there")
	page, err := d.incidents.List(context.Background(), importActor, incident.Query{Where: site.Is("Bonn")})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)

	r := d.load(t, rows, own)
	require.Equal(t, []int{2, 1}, []int{r.Imported, r.Known})
	require.Equal(t, 1, r.Stopped, "there is no way from in progress to closed")
	i = d.get(t, "A")
	got, _ := site.Of(&i.Head)
	require.Equal(t, "Ulm", got, "the record stands at the row before")
	require.Nil(t, i.Fields)
	require.Equal(t, "Kiel", d.histories(t)["A"][2].Entry.Values["site"], "the history is as the log has it")

	before := d.dump(t)
	r = d.load(t, rows, own)
	require.Equal(t, 3, r.Known)
	require.Equal(t, before, d.dump(t))
}

func TestARowWithWrongOwnValuesIsFaulty(t *testing.T) {
	options, _, own := ownColumns(t)
	d := newImportDesk(t, options)
	rows := append(life("A", "new", "in_progress", "resolved"), life("B", "new")...)
	rows[0], rows[1] = withValues(rows[0], "Bonn", "3"), withValues(rows[1], "unknown", "")
	rows[2], rows[3] = withValues(rows[2], longText, `"high"`), withValues(rows[3], "elsewhere", "")
	for _, again := range []bool{false, true} {
		r := d.load(t, rows, own)
		require.Equal(t, 3, r.Faulty)
		require.Zero(t, r.Conflicted)
		require.Equal(t, again, r.Known == 1, "a second import leaves out the same rows")
		require.Equal(t, []itsm.Fault{{Field: "site", Problem: "is not one of ours"}}, r.Faults[0].Faults)
		var fields []string
		for _, f := range r.Faults[1].Faults {
			fields = append(fields, f.Field)
		}
		require.Equal(t, []string{"fields.floor", "columns.x_site"}, fields)
		require.Equal(t, []itsm.Fault{{Field: "own", Problem: "is not found"}}, r.Faults[2].Faults)
	}
	require.Equal(t, incident.StateNew, d.get(t, "A").State)
}

func TestAnErrorOfTheHostEndsTheImport(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	down := errors.New("the directory is down")
	rows := append(life("A", "new"), life("B", "new", "in_progress")...)
	asked := 0
	r, err := d.incidents.Import(context.Background(), importActor, "legacy", entriesOf(rows), incident.ImportOptions{
		Own: func(incident.HistoryEntry) (incident.OwnValues, error) {
			if asked++; asked == 3 {
				return incident.OwnValues{}, down
			}
			return incident.OwnValues{}, nil
		}})
	require.ErrorIs(t, err, down)
	require.Equal(t, 1, r.Created, "what was whole is written")
	require.Len(t, d.histories(t), 1)
}

// What a host gives for one row it may use again for the next.
func TestAHostMayUseItsOwnValuesAgain(t *testing.T) {
	options, site, _ := ownColumns(t)
	d := newImportDesk(t, options)
	rows := append(life("A", "new"), life("B", "new")...)
	rows[0], rows[1] = withValues(rows[0], "Bonn", "3"), withValues(rows[1], "Ulm", "9")
	fields, columns, raw := itsm.Fields{}, make([]storage.Value[incident.Head], 1), make(json.RawMessage, 1)
	d.load(t, rows, incident.ImportOptions{Own: func(row incident.HistoryEntry) (incident.OwnValues, error) {
		copy(raw, row.Values["floor"])
		fields["floor"], columns[0] = raw, site.Value(row.Values["site"])
		return incident.OwnValues{Fields: fields, Columns: columns}, nil
	}})
	for source, want := range map[string][]string{"A": {"Bonn", "3"}, "B": {"Ulm", "9"}} {
		i := d.get(t, source)
		at, _ := site.Of(&i.Head)
		require.Equal(t, want, []string{at, string(i.Fields["floor"])}, source)
	}
}

// What a host sets must be its own.
func TestAnImportSetsNoColumnOfTheLibrary(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	r := d.load(t, life("A", "new"), incident.ImportOptions{Own: func(incident.HistoryEntry) (incident.OwnValues, error) {
		return incident.OwnValues{Columns: []storage.Value[incident.Head]{incident.ByState.Value(incident.StateClosed)}}, nil
	}})
	require.Equal(t, 1, r.Faulty)
	require.Equal(t, "columns", r.Faults[0].Faults[0].Field)
}

// Subscribers are told of imported rows, and know them.
func TestSubscribersKnowWhatIsImported(t *testing.T) {
	told := map[string]int{}
	mail := engine.Module{Name: "mail", Subscribers: []engine.Subscriber{
		{Name: "all", Deliver: func(_ context.Context, e itsm.Event) error {
			told["all"]++
			require.Equal(t, "import", e.Action)
			switch e.Data.(type) {
			case incident.Imported:
				require.True(t, e.Recorded.After(e.At))
			case incident.HistoryImported:
			default:
				t.Errorf("%T", e.Data)
			}
			return nil
		}},
		{Name: "some", Types: []string{incident.Logged{}.EventType(), incident.Resolved{}.EventType()}, Deliver: func(context.Context, itsm.Event) error {
			told["some"]++
			return nil
		}},
	}}
	d := openDesk(t, incident.Options{}, mail)
	_, err := d.Import(t.Context(), mona, "legacy", entriesOf(life("A", "new", "in_progress")), incident.ImportOptions{})
	require.NoError(t, err)
	d.wait(0)
	require.Equal(t, map[string]int{"all": 3}, told)
}
