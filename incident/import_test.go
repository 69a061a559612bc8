package incident_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/incident/auditlog"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// importDesk is a practice over a store in memory, at a fixed time.
type importDesk struct {
	store     storage.Store
	engine    *engine.Engine
	incidents *incident.Practice
}

var (
	importNow   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	importActor = itsm.Actor{Tenant: "acme", ID: "ina", Name: "Ina", Roles: []itsm.RoleName{itsm.RoleIncidentManager}}
)

func newImportDesk(t require.TestingT, o incident.Options) *importDesk {
	d := &importDesk{store: memory.New()}
	var err error
	d.engine, err = engine.New(d.store, engine.Options{Clock: func() time.Time { return importNow }, IDs: itsm.SequentialIDs("id")})
	require.NoError(t, err)
	d.incidents, err = incident.New(d.engine, o)
	require.NoError(t, err)
	require.NoError(t, d.engine.Migrate(context.Background()))
	return d
}

func (d *importDesk) load(t require.TestingT, rows []incident.HistoryEntry, o incident.ImportOptions) incident.ImportReport {
	r, err := d.incidents.Import(context.Background(), importActor, "legacy", entriesOf(rows), o)
	require.NoError(t, err)
	return r
}

func (d *importDesk) get(t require.TestingT, source string) incident.Incident {
	i, err := d.incidents.Get(context.Background(), importActor, incident.ImportedID("legacy", source))
	require.NoError(t, err)
	return i
}

func entriesOf(rows []incident.HistoryEntry) iter.Seq2[incident.HistoryEntry, error] {
	return func(yield func(incident.HistoryEntry, error) bool) {
		for _, e := range rows {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// histories gives the rows that are stored, by the incidents' names.
func (d *importDesk) histories(t require.TestingT) map[string][]incident.ImportedRow {
	out := map[string][]incident.ImportedRow{}
	err := d.engine.View(context.Background(), importActor, func(ctx context.Context, r storage.Reader) error {
		events, err := d.engine.History(ctx, r, storage.EventQuery{Kind: incident.Kind})
		if err != nil {
			return err
		}
		require.Less(t, len(events), storage.MaxLimit, "a page holds them all")
		for row, err := range incident.ImportedRows(seqOf(events)) {
			if err != nil {
				return err
			}
			out[row.Entry.Source] = append(out[row.Entry.Source], row)
		}
		return nil
	})
	require.NoError(t, err)
	return out
}

func seqOf(events []itsm.Event) iter.Seq2[itsm.Event, error] {
	return func(yield func(itsm.Event, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// dump is all that the store has, but for the names of events, which are made anew in every run.
func (d *importDesk) dump(t require.TestingT) string {
	var b strings.Builder
	err := d.store.View(context.Background(), []storage.Tenant{"acme"}, func(ctx context.Context, r storage.Reader) error {
		for _, s := range d.engine.Schemas() {
			rows, err := r.Query(ctx, s, storage.RowQuery{Limit: storage.MaxLimit, Bodies: true})
			if err != nil {
				return err
			}
			for _, row := range rows {
				fmt.Fprintf(&b, "%s %s %d %v %v %v %s\n", s.Name(), row.ID, row.Version, row.Created, row.Updated, row.Columns, row.Body)
			}
		}
		var after storage.EventPosition
		for {
			events, err := r.Events(ctx, storage.EventQuery{After: after, Limit: storage.MaxLimit})
			if err != nil {
				return err
			}
			for _, e := range events {
				fmt.Fprintf(&b, "event %v %s %v %s\n", e.Position(), e.Type, e.At, e.Envelope)
				after = e.Position()
			}
			if len(events) < storage.MaxLimit {
				break
			}
		}
		jobs, err := r.Jobs(ctx, storage.JobQuery{Limit: storage.MaxLimit})
		if err != nil {
			return err
		}
		for _, j := range jobs {
			fmt.Fprintf(&b, "job %s %s %v %s %v\n", j.Kind, j.Key, j.Due, j.Payload, j.Dead)
		}
		return nil
	})
	require.NoError(t, err)
	return b.String()
}

// sourceStates are the states of the rows that tests write, by what they stand for.
var sourceStates = map[string]string{"": "-100", "new": "New", "in_progress": "Active", "on_hold": "Awaiting", "resolved": "Resolved", "closed": "Closed"}

var importStart = time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC)

// life makes the rows of one incident: one for each state, an hour apart.
func life(source string, states ...string) []incident.HistoryEntry {
	rows := make([]incident.HistoryEntry, len(states))
	for i, s := range states {
		rows[i] = incident.HistoryEntry{
			Line: i + 2, Source: source, At: importStart.Add(time.Duration(i) * time.Hour), Author: fmt.Sprintf("agent %d", i),
			SourceState: sourceStates[s], State: s, Title: "No mail", Requester: "rita", Opened: importStart,
		}
		if s == "on_hold" {
			rows[i].HoldReason = "caller"
		}
	}
	return rows
}

func TestImportedRowsBecomeEventsOfTheirOwnTimeAndAuthor(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	rows := life("INC7", "new", "in_progress", "resolved", "closed")
	rows[1].Group, rows[1].Assignee, rows[1].Values = "mail", "abe", map[string]string{"location": "Ulm", "floor": "3"}
	rows[2].Group, rows[2].Assignee, rows[2].Values = "mail", "abe", map[string]string{"location": "Köln"}
	rows[2].Code, rows[2].Resolver, rows[2].Resolved = "code 6", "abe", importStart.Add(100*time.Minute)
	rows[3].Code, rows[3].Resolver, rows[3].Resolved = "code 6", "abe", importStart.Add(100*time.Minute)
	report := d.load(t, rows, incident.ImportOptions{})
	require.Equal(t, incident.ImportReport{System: "legacy", Incidents: 1, Created: 1, Rows: 4, Imported: 4}, report)

	events, err := d.incidents.Timeline(context.Background(), importActor, incident.ImportedID("legacy", "INC7"))
	require.NoError(t, err)
	require.Len(t, events, 5)
	for i, e := range events[:4] {
		require.Equal(t, rows[i].At, e.Event.At)
		require.Equal(t, importNow, e.Event.Recorded)
		require.Equal(t, itsm.ID(rows[i].Author), e.Event.Actor)
		require.Equal(t, "import", e.Event.Action)
		require.Equal(t, "incident.imported.v1", e.Event.Type)
		require.Equal(t, rows[i].State, e.Event.To)
		require.True(t, e.Event.Internal, "columns of another system may hold anything")
	}
	require.Equal(t, "in_progress", events[2].Event.From)
	require.Equal(t, itsm.CategoryResolved, events[2].Event.ToCategory)
	require.Equal(t, incident.Imported{
		System: "legacy", Source: "INC7", Row: 3, Line: 4, SourceState: "Resolved", State: "resolved",
		Set:   map[string]string{"values.location": "Köln", "code": "code 6", "resolver": "abe", "resolved": "2026-01-01T09:40:00Z"},
		Unset: []string{"values.floor"},
	}, events[2].Event.Data)

	// Who imported it stands in the audit trail too.
	require.Equal(t, incident.HistoryImported{System: "legacy", Source: "INC7", First: 1, Last: 4}, events[4].Event.Data)
	require.Equal(t, itsm.ID("ina"), events[4].Event.Actor)
	require.Equal(t, importNow, events[4].Event.At)

	i := d.get(t, "INC7")
	require.Equal(t, incident.StateClosed, i.State)
	require.False(t, i.Open)
	require.Equal(t, "INC7", i.Number)
	require.Equal(t, importStart, i.Reported)
	require.Equal(t, importStart.Add(100*time.Minute), i.ResolvedAt)
	require.Equal(t, rows[3].At, i.ClosedAt)
	require.Equal(t, incident.Outcome{Code: "code 6", By: "abe"}, i.Resolution)
	require.EqualValues(t, 1, i.Version, "one write for all its rows")
	require.Equal(t, 4, i.Imported.Rows)
	require.Equal(t, incident.StateNew, i.Imported.Began)
	require.False(t, i.Imported.MidLife)
	require.Nil(t, i.Imported.Stopped)

	var back []incident.HistoryEntry
	for _, row := range d.histories(t)["INC7"] {
		back = append(back, row.Entry)
	}
	require.Equal(t, rows, back, "the whole history can be read back")
}

func TestARecordStopsAtARowThatTheLifecycleRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		states []string
		at     int // the row that is refused, from 1
		stays  incident.State
	}{
		"closed without being resolved": {[]string{"new", "closed"}, 2, incident.StateNew},
		"working again after the end":   {[]string{"new", "resolved", "closed", "in_progress", "resolved", "closed"}, 4, incident.StateClosed},
		"back to the beginning":         {[]string{"new", "in_progress", "new", "in_progress"}, 3, incident.StateInProgress},
	} {
		t.Run(name, func(t *testing.T) {
			d := newImportDesk(t, incident.Options{})
			rows := life("INC7", c.states...)
			for i := range rows {
				rows[i].Group = fmt.Sprintf("group %d", i+1)
			}
			report := d.load(t, rows, incident.ImportOptions{})
			stop := incident.ImportStop{
				Source: "INC7", Row: c.at, Line: c.at + 1, At: rows[c.at-1].At,
				From: c.stays, To: incident.State(c.states[c.at-1]),
			}
			require.Equal(t, 1, report.Stopped)
			require.Equal(t, []incident.ImportStop{stop}, report.Stops)
			require.Equal(t, len(rows), report.Imported, "the history is complete")
			want := map[incident.ImportFlag]int{incident.FlagRefused: 1}
			if after := len(rows) - c.at; after > 0 {
				want[incident.FlagAfterStop] = after
			}
			require.Equal(t, want, report.Flagged)
			require.Equal(t, len(rows)-c.at+1, report.FlaggedRows)

			i := d.get(t, "INC7")
			require.Equal(t, c.stays, i.State)
			require.Equal(t, itsm.ID(fmt.Sprintf("group %d", c.at-1)), i.Group, "as it was before that row")
			require.Equal(t, &stop, i.Imported.Stopped)
			require.Equal(t, report.FlaggedRows, i.Imported.Flagged)
			for k, row := range d.histories(t)["INC7"] {
				require.Equal(t, c.states[k], row.Entry.State)
				if k >= c.at-1 {
					require.Equal(t, c.stays, row.To)
				}
			}
		})
	}
}

func TestAHostsLifecycleDecidesWhatIsRefused(t *testing.T) {
	l, err := incident.StandardLifecycle().Extend(nil, incident.Rule{From: []incident.State{incident.StateNew}, On: "dismiss", To: incident.StateClosed})
	require.NoError(t, err)
	d := newImportDesk(t, incident.Options{Lifecycle: l})
	report := d.load(t, life("INC7", "new", "closed"), incident.ImportOptions{})
	require.Zero(t, report.Stopped)
	require.Equal(t, incident.StateClosed, d.get(t, "INC7").State)
}

func TestAHistoryMayBeginInTheMiddleOfALife(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	rows := slices.Concat(life("INC1", "in_progress", "resolved"), life("INC2", "on_hold"), life("INC3", "closed"), life("INC4", "new"))
	report := d.load(t, rows, incident.ImportOptions{})
	require.Equal(t, 3, report.MidLife)
	require.Empty(t, report.Flagged)
	require.True(t, d.get(t, "INC1").Imported.MidLife)
	require.Equal(t, incident.StateInProgress, d.get(t, "INC1").Imported.Began)
	require.False(t, d.get(t, "INC4").Imported.MidLife)

	// What waits can be taken up again, as work had been done on it.
	held := d.get(t, "INC2")
	require.Equal(t, incident.HoldCaller, held.HoldReason)
	require.Equal(t, incident.StateInProgress, held.Before)
}

func TestAnUnknownStateMovesNothing(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	rows := slices.Concat(life("INC1", "new", "", "in_progress"), life("INC2", "", "resolved", "closed"), life("INC3", "elsewhere"))
	rows[1].Group = "mail"
	rows[2].Group = "mail"
	rows[6].SourceState = "Elsewhere"
	report := d.load(t, rows, incident.ImportOptions{})
	require.Equal(t, map[incident.ImportFlag]int{incident.FlagUnknownState: 3}, report.Flagged)
	require.Zero(t, report.Stopped)

	history := d.histories(t)
	require.Equal(t, incident.StateNew, history["INC1"][1].To)
	require.Equal(t, "-100", history["INC1"][1].Entry.SourceState)
	require.Equal(t, incident.StateInProgress, d.get(t, "INC1").State)
	require.Equal(t, itsm.ID("mail"), d.get(t, "INC1").Group)
	require.Equal(t, incident.StateClosed, d.get(t, "INC2").State)
	require.Equal(t, incident.StateResolved, d.get(t, "INC2").Imported.Began, "the first state that is known")
	require.Equal(t, incident.StateNew, d.get(t, "INC3").State)
	require.Equal(t, "elsewhere", history["INC3"][0].Entry.State)
}

func TestARowWhoseTimeGoesBackIsFlagged(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	rows := life("INC1", "new", "in_progress", "resolved")
	rows[1].At = rows[0].At.Add(-time.Minute)
	rows[2].At = rows[1].At // a tie is none
	report := d.load(t, rows, incident.ImportOptions{})
	require.Equal(t, map[incident.ImportFlag]int{incident.FlagTimeBack: 1}, report.Flagged)
	require.Equal(t, incident.StateResolved, d.get(t, "INC1").State)
	require.Equal(t, []incident.ImportFlag{incident.FlagTimeBack}, d.histories(t)["INC1"][1].Flags)
}

// mixed is a log with whatever can be in one, its incidents interleaved.
func mixed() []incident.HistoryEntry {
	a := life("INC1", "new", "in_progress", "on_hold", "in_progress", "resolved", "closed")
	b := life("INC2", "in_progress", "resolved", "in_progress", "resolved")
	c := life("INC3", "new", "closed", "in_progress")
	e := life("INC4", "new", "", "on_hold")
	b[3].Resolved = importStart.Add(3 * time.Hour)
	rows := slices.Concat(a[:2], b[:1], a[2:3], c, b[1:3], a[3:], e, b[3:])
	for i := range rows {
		rows[i].Line = i + 2
		rows[i].Values = map[string]string{"mods": fmt.Sprint(i)}
	}
	return rows
}

func TestImportingTwiceChangesNothing(t *testing.T) {
	for _, batch := range []int{1, 2, 0} {
		d := newImportDesk(t, incident.Options{})
		rows := mixed()
		first := d.load(t, rows, incident.ImportOptions{Batch: batch})
		require.Equal(t, 4, first.Created)
		require.Equal(t, len(rows), first.Imported)
		before := d.dump(t)
		again := d.load(t, rows, incident.ImportOptions{Batch: batch})
		require.Equal(t, incident.ImportReport{System: "legacy", Incidents: 4, Unchanged: 4, Rows: len(rows), Known: len(rows)}, again)
		require.Equal(t, before, d.dump(t))

		// Nor does it when the same rows stand elsewhere, or only the first of them.
		for i := range rows {
			rows[i].Line += 100
		}
		again = d.load(t, rows, incident.ImportOptions{Batch: batch})
		require.Equal(t, 4, again.Unchanged)
		again = d.load(t, rows[:9], incident.ImportOptions{Batch: batch})
		require.Equal(t, 3, again.Unchanged)
		require.Zero(t, again.Conflicted)
		require.Equal(t, before, d.dump(t))
	}
}

// However the rows are batched, a record has one version for each run of its rows, so that an
// import that was broken off and begun again ends as one that was not.
func TestAnImportThatWasStoppedEndsAsIfItHadNotBeen(t *testing.T) {
	rows := mixed()
	undisturbed := newImportDesk(t, incident.Options{})
	want := undisturbed.load(t, rows, incident.ImportOptions{})
	for _, batch := range []int{1, 2, 3} {
		for stop := range rows {
			d := newImportDesk(t, incident.Options{})
			ctx, cancel := context.WithCancel(context.Background())
			report, err := d.incidents.Import(ctx, importActor, "legacy", func(yield func(incident.HistoryEntry, error) bool) {
				for i, e := range rows {
					if i == stop {
						cancel()
					}
					if !yield(e, nil) {
						return
					}
				}
			}, incident.ImportOptions{Batch: batch})
			require.ErrorIs(t, err, context.Canceled)
			again := d.load(t, rows, incident.ImportOptions{Batch: batch})
			require.Equal(t, undisturbed.dump(t), d.dump(t), "batch %d, stopped at row %d", batch, stop)
			require.Equal(t, want.Imported, report.Imported+again.Imported)
			require.Equal(t, report.Imported, again.Known)
		}
	}
}

func TestALogThatHasGrownIsContinued(t *testing.T) {
	rows := mixed()
	for cut := range rows {
		d := newImportDesk(t, incident.Options{})
		d.load(t, rows[:cut], incident.ImportOptions{})
		report := d.load(t, rows, incident.ImportOptions{})
		require.Equal(t, len(rows)-cut, report.Imported)
		require.Equal(t, cut, report.Known)
		require.Equal(t, 4, report.Created+report.Continued+report.Unchanged)
		whole := newImportDesk(t, incident.Options{})
		whole.load(t, rows, incident.ImportOptions{})
		require.Equal(t, whole.histories(t), d.histories(t))
		for _, source := range []string{"INC1", "INC2", "INC3", "INC4"} {
			have, want := d.get(t, source), whole.get(t, source)
			have.Version, have.Imported.Version = want.Version, want.Imported.Version
			require.Equal(t, want, have, "cut at %d", cut)
		}
	}
}

func TestFurtherRowsChangeTheFieldsOnTheRecord(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	rows := life("INC1", "new", "in_progress")
	rows[1].Group = "mail"
	d.load(t, rows[:1], incident.ImportOptions{})
	d.load(t, rows, incident.ImportOptions{})
	require.EqualValues(t, 2, d.get(t, "INC1").Version)
	timeline, err := d.incidents.Timeline(context.Background(), importActor, incident.ImportedID("legacy", "INC1"))
	require.NoError(t, err)
	var fields []string
	for _, e := range timeline {
		if data, ok := e.Event.Data.(incident.HistoryImported); ok && data.First == 2 {
			for _, c := range e.Event.Changes {
				fields = append(fields, c.Field)
			}
		}
	}
	require.Equal(t, []string{"group", "imported", "state"}, fields)
}

func TestAnotherHistoryIsAConflictAndChangesNothing(t *testing.T) {
	rows := mixed()
	d := newImportDesk(t, incident.Options{})
	d.load(t, rows, incident.ImportOptions{})
	before := d.dump(t)
	of := func(source string) (at []int) {
		for i, e := range rows {
			if e.Source == source {
				at = append(at, i)
			}
		}
		return at
	}
	for name, change := range map[string]func(*incident.HistoryEntry){
		"time":   func(e *incident.HistoryEntry) { e.At = e.At.Add(time.Microsecond) },
		"author": func(e *incident.HistoryEntry) { e.Author = "" },
		"state":  func(e *incident.HistoryEntry) { e.SourceState += "!" },
		"what it stands for": func(e *incident.HistoryEntry) {
			e.State = cmp.Or(map[string]string{"new": "in_progress"}[e.State], "new")
		},
		"title":  func(e *incident.HistoryEntry) { e.Title = "No post" },
		"value":  func(e *incident.HistoryEntry) { e.Values = map[string]string{"mods": "x"} },
		"values": func(e *incident.HistoryEntry) { e.Values = nil },
		"count":  func(e *incident.HistoryEntry) { e.Reopens++ },
		"impact": func(e *incident.HistoryEntry) { e.Impact = 1 },
	} {
		for _, source := range []string{"INC1", "INC2", "INC3"} {
			for k, i := range of(source) {
				changed := slices.Clone(rows)
				change(&changed[i])
				// More rows of it, which must not come in.
				more := life(source, "closed")[0]
				more.Line, more.At = 99, importNow
				report := d.load(t, append(changed, more), incident.ImportOptions{Batch: 2})
				require.Equal(t, 1, report.Conflicted, "%s of row %d of %s", name, k+1, source)
				conflict := report.Conflicts[0]
				require.Equal(t, incident.ImportConflict{Source: source, Row: k + 1, Line: changed[i].Line}, conflict)
				require.Equal(t, 3, report.Unchanged)
				require.Zero(t, report.Imported)
				require.Equal(t, len(rows)+1, report.Known+report.Conflicting)
				require.Equal(t, before, d.dump(t))
			}
		}
	}

	// One that is shorter and another is a conflict as well.
	changed := slices.Clone(rows[:2])
	changed[1].Title = "No post"
	report := d.load(t, changed, incident.ImportOptions{})
	require.Equal(t, []incident.ImportConflict{{Source: "INC1", Row: 2, Line: 3}}, report.Conflicts)
	require.Equal(t, before, d.dump(t))
}

func TestSystemsDoNotMeet(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	rows := life("INC1", "new")
	d.load(t, rows, incident.ImportOptions{})
	report, err := d.incidents.Import(context.Background(), importActor, "other", entriesOf(rows), incident.ImportOptions{})
	require.NoError(t, err)
	require.Equal(t, 1, report.Created)
	require.NotEqual(t, incident.ImportedID("legacy", "INC1"), incident.ImportedID("other", "INC1"))
	require.NotEqual(t, incident.ImportedID("a", "bc"), incident.ImportedID("ab", "c"))

	// The number is taken, so the second gets one of its own.
	second, err := d.incidents.Get(context.Background(), importActor, incident.ImportedID("other", "INC1"))
	require.NoError(t, err)
	require.Equal(t, "INC0000001", second.Number)
	require.Equal(t, "INC1", d.get(t, "INC1").Number)
	require.Equal(t, "INC1", second.Imported.Source)
}

func TestANumberOfItsOwnIsOneThatIsFree(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	long := strings.Repeat("n", storage.MaxKey)
	d.load(t, slices.Concat(life("INC0000001", "new"), life(long, "new"), life("INC0000002", "new")), incident.ImportOptions{})
	require.Equal(t, long, d.get(t, long).Number)
	_, err := d.incidents.Import(context.Background(), importActor, "other",
		entriesOf(slices.Concat(life("INC0000003", "new"), life("INC0000001", "new"))), incident.ImportOptions{})
	require.NoError(t, err)
	second, err := d.incidents.Get(context.Background(), importActor, incident.ImportedID("other", "INC0000001"))
	require.NoError(t, err)
	require.Equal(t, "INC0000004", second.Number, "1 and 2 are of the first system, 3 of the second")
}

func TestWhatWasWorkedOnHereIsNotChangedByFurtherRows(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	rows := life("INC1", "new", "in_progress", "resolved", "closed")
	d.load(t, rows[:2], incident.ImportOptions{})
	id := incident.ImportedID("legacy", "INC1")
	_, err := d.incidents.Resolve(context.Background(), importActor, id, incident.Resolution{Code: incident.CodeGuidance, Notes: "read the manual"})
	require.NoError(t, err)
	worked := d.get(t, "INC1")

	for n := 3; n <= 4; n++ { // row by row: it is not given back by the next import
		report := d.load(t, rows[:n], incident.ImportOptions{})
		require.Equal(t, map[incident.ImportFlag]int{incident.FlagTakenOver: 1}, report.Flagged)
		require.Equal(t, 1, report.Continued)
		after := d.get(t, "INC1")
		require.Equal(t, n, after.Imported.Rows)
		after.Imported, after.Version = worked.Imported, worked.Version
		require.Equal(t, worked, after)
	}
	require.Len(t, d.histories(t)["INC1"], 4)
}

func TestResolvedIncidentsAreClosedInTimeAndClosedOnesAreDone(t *testing.T) {
	d := newImportDesk(t, incident.Options{AutoClose: 48 * time.Hour})
	resolved := life("INC1", "new", "resolved")
	resolved[1].Resolved = importNow.Add(-time.Hour)
	old := life("INC2", "new", "resolved") // two months ago
	back := life("INC3", "new", "resolved", "in_progress")
	d.load(t, slices.Concat(resolved, old, back, life("INC4", "new", "resolved", "closed")), incident.ImportOptions{})
	due := func() map[string]time.Time {
		out := map[string]time.Time{}
		require.NoError(t, d.engine.View(context.Background(), importActor, func(ctx context.Context, r storage.Reader) error {
			jobs, err := r.Jobs(ctx, storage.JobQuery{Limit: 100})
			for _, j := range jobs {
				out[j.Key] = j.Due
			}
			return err
		}))
		return out
	}
	require.Equal(t, map[string]time.Time{
		string(incident.ImportedID("legacy", "INC1")): importNow.Add(47 * time.Hour),
		string(incident.ImportedID("legacy", "INC2")): importStart.Add(49 * time.Hour),
	}, due())

	// A job that further rows make moot is cancelled.
	d.load(t, slices.Concat(resolved, life("INC2", "new", "resolved", "closed")), incident.ImportOptions{})
	require.Len(t, due(), 1)

	_, err := d.engine.Tick(context.Background(), importNow.Add(47*time.Hour))
	require.NoError(t, err)
	require.Equal(t, incident.StateClosed, d.get(t, "INC1").State)
}

func TestTheRecordHasTheRowsValues(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	row := life("INC1", "on_hold")[0]
	row.Title = " two\nlines " + strings.Repeat("é", 300)
	row.Impact, row.Urgency, row.Priority = itsm.ImpactLow, itsm.UrgencyLow, itsm.PriorityHigh
	row.Category, row.Subcategory, row.Service, row.Channel = "mail", "send", "post", "phone"
	row.HoldReason, row.Group, row.Assignee, row.Reassignments, row.Reopens = "vendor", "g", "abe", 3, 1
	plain := incident.HistoryEntry{Source: "INC2", At: importStart, SourceState: "New", State: "new"}
	d.load(t, []incident.HistoryEntry{row, plain}, incident.ImportOptions{})

	i := d.get(t, "INC1")
	require.True(t, strings.HasPrefix(i.Title, "two lines é"))
	require.Len(t, []rune(i.Title), incident.MaxTitle)
	require.Equal(t, itsm.PriorityHigh, i.Priority)
	require.Equal(t, &incident.PriorityOverride{Priority: itsm.PriorityHigh, Reason: "as in legacy", By: "agent 0"}, i.PriorityOverride,
		"as the matrix says otherwise")
	require.Equal(t, []any{"mail", "send", itsm.ID("post"), incident.ChannelPhone, incident.HoldVendor, itsm.ID("g"), itsm.ID("abe"), 3, 1},
		[]any{i.Category, i.Subcategory, i.Service, i.Channel, i.HoldReason, i.Group, i.Assignee, i.Reassignments, i.Reopens})

	p := d.get(t, "INC2")
	require.Equal(t, "Imported from legacy: INC2", p.Title)
	require.Equal(t, importStart, p.Reported)
	require.Equal(t, itsm.PriorityLow, p.Priority, "the options' impact and urgency")
	require.Nil(t, p.PriorityOverride)
	history := d.histories(t)
	require.Empty(t, history["INC2"][0].Entry.Author, "nobody is named")
	require.Equal(t, row.Title, history["INC1"][0].Entry.Title, "the history keeps it whole")
}

func TestFaultyRowsAreToldAndLeftOut(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	rows := life("INC1", "new", "in_progress", "resolved", "closed")
	bad := rows[1]
	bad.Line, bad.Source, bad.At, bad.SourceState, bad.Impact, bad.Author = 7, "", time.Time{}, "", 9, "a\x00b"
	late := life("INC2", "new")[0]
	late.Line, late.Opened = 8, time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)
	report, err := d.incidents.Import(context.Background(), importActor, "legacy", func(yield func(incident.HistoryEntry, error) bool) {
		_ = yield(rows[0], nil) &&
			yield(incident.HistoryEntry{}, &auditlog.RowError{Line: 5, Source: "INC1", Faults: []itsm.Fault{{Field: "at", Problem: "is late"}}}) &&
			yield(rows[1], nil) && yield(bad, nil) && yield(late, nil) && yield(rows[2], nil) && yield(rows[3], nil)
	}, incident.ImportOptions{})
	require.NoError(t, err)
	require.Equal(t, 4, report.Rows)
	require.Equal(t, 3, report.Faulty)
	require.Equal(t, []incident.RowFault{
		{Line: 5, Source: "INC1", Faults: []itsm.Fault{{Field: "at", Problem: "is late"}}},
		{Line: 7, Faults: []itsm.Fault{
			{Field: "source", Problem: "is required"}, {Field: "at", Problem: "must be a time from the year 1970 to 9999"},
			{Field: "source_state", Problem: "is required"}, {Field: "author", Problem: "holds a control character"},
			{Field: "impact", Problem: "must be 1, 2 or 3"},
		}},
		{Line: 8, Source: "INC2", Faults: []itsm.Fault{{Field: "opened", Problem: "must be a time from the year 1970 to 9999"}}},
	}, report.Faults)
	require.Equal(t, incident.StateClosed, d.get(t, "INC1").State)
	require.EqualValues(t, 1, d.get(t, "INC1").Version, "a faulty row does not part a history")
	require.Equal(t, 1, report.Incidents)

	// The lists are bounded, the counts are not.
	report, err = d.incidents.Import(context.Background(), importActor, "legacy", func(yield func(incident.HistoryEntry, error) bool) {
		for i := range 10 {
			if !yield(incident.HistoryEntry{Line: i}, nil) {
				return
			}
		}
	}, incident.ImportOptions{Listed: 3})
	require.NoError(t, err)
	require.Equal(t, 10, report.Faulty)
	require.Len(t, report.Faults, 3)
}

func TestALogThatBreaksOffIsImportedWithoutItsLastIncident(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	broken := errors.New("cable pulled")
	rows := slices.Concat(life("INC1", "new", "resolved"), life("INC2", "new", "resolved"))
	report, err := d.incidents.Import(context.Background(), importActor, "legacy", func(yield func(incident.HistoryEntry, error) bool) {
		_ = yield(rows[0], nil) && yield(rows[1], nil) && yield(rows[2], nil) && yield(incident.HistoryEntry{}, broken)
	}, incident.ImportOptions{})
	require.ErrorIs(t, err, broken)
	require.Equal(t, 1, report.Created)
	require.Equal(t, 2, report.Imported)
	d.load(t, rows, incident.ImportOptions{})
	whole := newImportDesk(t, incident.Options{})
	whole.load(t, rows, incident.ImportOptions{})
	require.Equal(t, whole.dump(t), d.dump(t))
}

func TestImportAsksForItsPermissionAndSaneInput(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	ctx, rows := context.Background(), entriesOf(life("INC1", "new"))
	agent := importActor
	agent.Roles = []itsm.RoleName{itsm.RoleServiceDeskAnalyst}
	_, err := d.incidents.Import(ctx, agent, "legacy", rows, incident.ImportOptions{})
	require.ErrorIs(t, err, itsm.ErrForbidden)
	_, err = d.incidents.Import(ctx, agent, "legacy", entriesOf(nil), incident.ImportOptions{})
	require.ErrorIs(t, err, itsm.ErrForbidden, "also where there is nothing to do")
	_, err = d.incidents.Import(ctx, itsm.Actor{}, "legacy", rows, incident.ImportOptions{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	_, err = d.incidents.Import(ctx, importActor, "", rows, incident.ImportOptions{Batch: -1, Listed: -1})
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Len(t, invalid.Faults, 3)
	_, err = d.incidents.Import(ctx, importActor, "legacy", nil, incident.ImportOptions{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.NotContains(t, d.dump(t), "INC1")
}

func TestTheRequesterDoesNotReadColumnsOfAnotherSystem(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	rows := life("INC1", "new", "in_progress")
	rows[1].Values = map[string]string{"work_notes": "the caller is difficult"}
	d.load(t, rows, incident.ImportOptions{})
	rita := itsm.Actor{Tenant: "acme", ID: "rita", Roles: []itsm.RoleName{itsm.RoleRequester}}
	i, err := d.incidents.Get(context.Background(), rita, incident.ImportedID("legacy", "INC1"))
	require.NoError(t, err, "it is hers")
	require.Equal(t, incident.StateInProgress, i.State)
	require.Nil(t, i.Imported)
	timeline, err := d.incidents.Timeline(context.Background(), rita, i.ID)
	require.NoError(t, err)
	raw, err := json.Marshal(timeline)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "difficult")
}

func TestProgressIsToldAfterEachUnit(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	var told []incident.ImportProgress
	rows := mixed()
	d.load(t, rows, incident.ImportOptions{Batch: 2, Progress: func(p incident.ImportProgress) { told = append(told, p) }})
	require.Greater(t, len(told), 2)
	for i, p := range told[1:] {
		require.Greater(t, p.Rows, told[i].Rows)
		require.Greater(t, p.Line, told[i].Line)
	}
	last := told[len(told)-1]
	require.Equal(t, incident.ImportProgress{Line: rows[len(rows)-1].Line, Rows: len(rows), Incidents: 4}, last)
}

func TestAHistoryOfAnyLengthIsWrittenInBoundedUnits(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	rows := make([]incident.HistoryEntry, 1700)
	for i := range rows {
		rows[i] = life("INC1", "new")[0]
		rows[i].Line, rows[i].At, rows[i].Reassignments = i+2, importStart.Add(time.Duration(i)*time.Minute), i
	}
	units := 0
	report := d.load(t, rows, incident.ImportOptions{Progress: func(incident.ImportProgress) { units++ }})
	require.Equal(t, 1700, report.Imported)
	require.Equal(t, 1, report.Created)
	require.Zero(t, report.Continued, "it was created by this import")
	require.Greater(t, units, 1)
	i := d.get(t, "INC1")
	require.Equal(t, 1699, i.Reassignments)
	require.EqualValues(t, 4, i.Version, "500, 500, 500 and 200 rows")
	before := d.dump(t)
	require.Equal(t, 1, d.load(t, rows, incident.ImportOptions{}).Unchanged)
	require.Equal(t, before, d.dump(t))
}

// Two imports at the same time come to what one comes to.
func TestTwoImportsAtOnce(t *testing.T) {
	rows := mixed()
	whole := newImportDesk(t, incident.Options{})
	whole.load(t, rows, incident.ImportOptions{Batch: 1})
	d := newImportDesk(t, incident.Options{})
	errs := make(chan error)
	for range 4 {
		go func() {
			_, err := d.incidents.Import(context.Background(), importActor, "legacy", entriesOf(rows), incident.ImportOptions{Batch: 1})
			errs <- err
		}()
	}
	for range 4 {
		require.NoError(t, <-errs)
	}
	require.Equal(t, whole.dump(t), d.dump(t))
}

// Any log, cut and batched in any way, imported in any number of goes: the history that can be
// read back is the log, and the same again changes nothing.
func TestAnyLogComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		states := []string{"", "new", "assigned", "in_progress", "on_hold", "resolved", "closed", "cancelled", "nonsense"}
		n := rapid.IntRange(0, 40).Draw(t, "rows")
		rows := make([]incident.HistoryEntry, n)
		want := map[string][]incident.HistoryEntry{}
		for i := range rows {
			state := rapid.SampledFrom(states).Draw(t, "state")
			e := incident.HistoryEntry{
				Line: i + 2, Source: rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "source"),
				At:     importStart.Add(time.Duration(rapid.IntRange(-3, 300).Draw(t, "minute")) * time.Minute),
				Author: rapid.SampledFrom([]string{"", "ann", "bob"}).Draw(t, "author"), SourceState: "S " + state, State: state,
				Title: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "title"), Impact: itsm.Impact(rapid.IntRange(0, 3).Draw(t, "impact")),
				Priority: itsm.Priority(rapid.IntRange(0, 5).Draw(t, "priority")), Reopens: rapid.IntRange(0, 2).Draw(t, "reopens"),
			}
			if rapid.Bool().Draw(t, "resolved") {
				e.Resolved = importStart.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "resolved at")) * time.Microsecond)
			}
			if rapid.Bool().Draw(t, "values") {
				e.Values = map[string]string{rapid.SampledFrom([]string{"title", "a.b"}).Draw(t, "name"): rapid.SampledFrom([]string{"1", "2"}).Draw(t, "value")}
			}
			rows[i] = e
			want[e.Source] = append(want[e.Source], e)
		}
		d := newImportDesk(t, incident.Options{})
		imported := 0
		for cut := 0; cut < n; {
			cut = rapid.IntRange(cut+1, n).Draw(t, "cut")
			report := d.load(t, rows[:cut], incident.ImportOptions{Batch: rapid.IntRange(1, 4).Draw(t, "batch")})
			imported += report.Imported
			require.Equal(t, cut, imported)
			require.Equal(t, report.Rows, report.Imported+report.Known)
		}
		have := map[string][]incident.HistoryEntry{}
		flagged := map[string]int{}
		for source, history := range d.histories(t) {
			for _, row := range history {
				have[source] = append(have[source], row.Entry)
				if len(row.Flags) > 0 {
					flagged[source]++
				}
			}
		}
		require.Equal(t, want, have)
		for source := range want {
			i := d.get(t, source)
			require.Equal(t, flagged[source], i.Imported.Flagged)
			category, known := d.incidents.Lifecycle().Category(i.State)
			require.True(t, known, "the record is in a state of the lifecycle, whatever the log says")
			require.Equal(t, category.Open(), i.Open)
			require.Equal(t, category == itsm.CategoryWaiting, i.Before != "")
			require.False(t, !i.ClosedAt.IsZero() && i.ClosedAt.Before(i.ResolvedAt))
		}
		before := d.dump(t)
		d.load(t, rows, incident.ImportOptions{Batch: rapid.IntRange(1, 4).Draw(t, "batch")})
		require.Equal(t, before, d.dump(t))
	})
}

func TestTheDefaultMappingLeadsToStatesAndReasonsOfTheStandard(t *testing.T) {
	m := auditlog.ServiceNow()
	for name, s := range m.States {
		_, known := incident.StandardLifecycle().Category(incident.State(s.State))
		require.True(t, known, name)
		if s.HoldReason != "" {
			require.True(t, slices.ContainsFunc(incident.StandardHoldReasons(), func(r incident.HoldRule) bool {
				return string(r.Reason) == s.HoldReason
			}), name)
		}
	}
	for name, c := range m.Codes[auditlog.FieldChannel] {
		require.Contains(t, incident.StandardChannels(), incident.Channel(c), name)
	}
}
