// This file holds what an import is told and tells: history of another system, how to import
// it, and the report. What is done with it is in import_run.go.

package incident

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/itsmkit/itsmkit/incident/auditlog"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// PermissionImport lets import the history of incidents from another system.
const PermissionImport itsm.Permission = Kind + ".import"

// HistoryEntry is one row of another system's history of incidents: an incident as it was there
// after one change. Package auditlog reads such rows from files.
type HistoryEntry = auditlog.Entry

// ImportedID is the id of the incident that is imported from a system under a name: always the
// same, so that a second import finds it. It is a UUID of version 5 (RFC 9562).
func ImportedID(system, source string) itsm.ID {
	return itsm.ID(uuid.NewSHA1(importNamespace, fmt.Appendf(nil, "%d:%s%s", len(system), system, source)).String())
}

var importNamespace = uuid.MustParse("6c2f7f0e-5d0c-5d8e-9a53-3f0f3d1c1f60")

// Provenance says where an imported incident comes from, and how far its history there is known
// here.
type Provenance struct {
	// System is the other system, and Source the incident's name there.
	System string `json:"system"`
	Source string `json:"source"`
	// Rows is the number of rows imported so far, and Digest stands for all of them: the rows
	// that a later import brings again must be these.
	Rows   int    `json:"rows"`
	Digest string `json:"digest"`
	// Version is the record's version that the last import left. Where the record has another,
	// it has been worked on here since, and imports no longer change it.
	Version int64 `json:"version"`
	// Began is the first state in which the history shows it; MidLife says that no incident
	// begins there, so that what came before is not known.
	Began   State `json:"began,omitempty"`
	MidLife bool  `json:"mid_life,omitempty"`
	// Flagged is the number of rows with a flag.
	Flagged int `json:"flagged,omitempty"`
	// Stopped is the row at which the record stopped to follow its history.
	Stopped *ImportStop `json:"stopped,omitempty"`
}

// ImportStop is a row that the lifecycle refuses: the record stays as it was before the row,
// while its history goes on.
type ImportStop struct {
	Source string `json:"source"`
	// Row counts the incident's rows from 1, Line the log's.
	Row  int       `json:"row"`
	Line int       `json:"line,omitempty"`
	At   time.Time `json:"at"`
	From State     `json:"from"`
	To   State     `json:"to"`
}

// ImportFlag says in what a row differs from a history that the lifecycle could have written.
type ImportFlag string

// The flags.
const (
	// FlagRefused: no action of the lifecycle leads to the row's state. The record stops here.
	FlagRefused ImportFlag = "refused"
	// FlagAfterStop: a row after the one that was refused.
	FlagAfterStop ImportFlag = "after_stop"
	// FlagUnknownState: the row's state stands for none of the lifecycle's. The record stays in
	// its state and takes the row's other values.
	FlagUnknownState ImportFlag = "unknown_state"
	// FlagTimeBack: the row's time is before that of the row before.
	FlagTimeBack ImportFlag = "time_back"
	// FlagTakenOver: the record had been worked on here before the row came, and is not changed.
	FlagTakenOver ImportFlag = "taken_over"
)

// Imported is one row of an imported history. Its event has the row's own time and author; it
// was recorded when it was imported. Subscribers and reactions are told of it as of any event. From and To of the event are the record's states, which
// differ from the row's where a flag says so.
type Imported struct {
	System string `json:"system"`
	Source string `json:"source"`
	// Row counts the incident's rows from 1. Line is where the row stood in the log.
	Row  int `json:"row"`
	Line int `json:"line,omitempty"`
	// SourceState is the state as the other system called it, State what it stands for, empty
	// where that is not known.
	SourceState string       `json:"source_state"`
	State       State        `json:"state,omitempty"`
	Flags       []ImportFlag `json:"flags,omitempty"`
	// Set has the values that are new or other than in the row before, by the names that they
	// have in a HistoryEntry's JSON ("values.location" for one of its Values), and Unset those
	// that are gone. [ImportedRows] makes whole rows of them.
	Set   map[string]string `json:"set,omitempty"`
	Unset []string          `json:"unset,omitempty"`
	// Anonymous says that the row names no author; the event names who imported it.
	Anonymous bool `json:"anonymous,omitempty"`
}

// EventType gives the type's name in the log.
func (Imported) EventType() string { return "incident.imported.v1" }

// HistoryImported says who imported rows and when. It stands in the log before them; its changes
// are those of the record from before the first of them to after the last.
type HistoryImported struct {
	System string `json:"system"`
	Source string `json:"source"`
	// First and Last are the rows, counted from 1.
	First int `json:"first"`
	Last  int `json:"last"`
}

// EventType gives the type's name in the log.
func (HistoryImported) EventType() string { return "incident.history_imported.v1" }

// importedEvents are the event types of imports.
func importedEvents() []itsm.EventType {
	return []itsm.EventType{itsm.EventOf[Imported](), itsm.EventOf[HistoryImported]()}
}

// ImportOptions are the settings of one import; the zero value works.
type ImportOptions struct {
	// Batch is the number of incidents that are written in one unit; 0 is 50.
	Batch int
	// Listed is the greatest length of each list in the report; 0 is 100. The counts are
	// complete.
	Listed int
	// Progress is called after each unit, from the goroutine of Import.
	Progress func(ImportProgress)
	// Own gives what a row says of the host's own fields and columns. The record takes it with the
	// row's other values, where it follows the row; what it does not name stays. It is called for
	// each row that can be read, also for those that were imported before, and must depend on the
	// row alone: a later import leaves out the same rows. Its ErrInvalid makes the row faulty, and
	// so does a value that the definitions refuse; any other error ends the import. Nil gives
	// nothing.
	Own func(row HistoryEntry) (OwnValues, error)
}

// ImportProgress says how far an import is.
type ImportProgress struct {
	// Line is the last line that was dealt with; Rows, Faulty and Incidents are those so far.
	Line, Rows, Faulty, Incidents int
}

// ImportReport says what an import found and did. Of the rows that it could read each is either
// Imported, Known or Conflicting.
type ImportReport struct {
	System string `json:"system"`
	// Incidents is the number of incidents that the log names: those Created, those Continued
	// with further rows, those Unchanged, and those with a conflict.
	Incidents int `json:"incidents"`
	Created   int `json:"created"`
	Continued int `json:"continued"`
	Unchanged int `json:"unchanged"`
	// Rows is the number of rows that could be read; Imported are new, Known were there
	// already, Conflicting belong to an incident with a conflict and were left out.
	Rows        int `json:"rows"`
	Imported    int `json:"imported"`
	Known       int `json:"known"`
	Conflicting int `json:"conflicting"`
	// Faulty is the number of rows that could not be read; Faults are the first of them.
	Faulty int        `json:"faulty"`
	Faults []RowFault `json:"faults,omitempty"`
	// Flagged counts the imported rows by their flags; FlaggedRows is the number of imported
	// rows with any flag.
	Flagged     map[ImportFlag]int `json:"flagged,omitempty"`
	FlaggedRows int                `json:"flagged_rows"`
	// MidLife is the number of created incidents whose history begins in the middle.
	MidLife int `json:"mid_life"`
	// Stopped is the number of incidents at which the lifecycle refused a row; Stops are the
	// first of them.
	Stopped int          `json:"stopped"`
	Stops   []ImportStop `json:"stops,omitempty"`
	// Conflicted is the number of incidents whose rows are not those that were imported before,
	// of which nothing was changed; Conflicts are the first of them.
	Conflicted int              `json:"conflicted"`
	Conflicts  []ImportConflict `json:"conflicts,omitempty"`
}

// RowFault is a row that could not be read.
type RowFault struct {
	Line   int    `json:"line"`
	Source string `json:"source,omitempty"`
	// Faults are everything that is wrong with it.
	Faults []itsm.Fault `json:"faults"`
}

// ImportConflict is an incident whose rows in the log are not those that were imported before:
// the log was changed, it is of another system, or its mapping was changed.
type ImportConflict struct {
	Source string `json:"source"`
	// Row is the first row that differs, counted from 1, and Line where it stands in the log.
	Row  int `json:"row"`
	Line int `json:"line,omitempty"`
}

// check refuses what an import cannot begin with.
func (o ImportOptions) check(system string) (ImportOptions, error) {
	var f itsm.Faults
	f.Key("system", system)
	if o.Batch < 0 || o.Batch > maxImportBatch {
		f.Addf("batch", "must be from 1 to %d, or 0 for 50", maxImportBatch)
	}
	if o.Listed < 0 {
		f.Add("listed", "must not be negative")
	}
	o.Batch, o.Listed = orElse(o.Batch, 50), orElse(o.Listed, 100)
	return o, f.Err("import")
}

const maxImportBatch = storage.MaxPage

// checkEntry says what is wrong with a row that a host's own reader gives.
func checkEntry(e *HistoryEntry) []itsm.Fault {
	var f itsm.Faults
	f.Key("source", e.Source)
	if y := e.At.Year(); y < 1970 || y > 9999 {
		f.Add("at", "must be a time from the year 1970 to 9999")
	}
	for _, t := range []struct {
		field string
		at    time.Time
	}{{"opened", e.Opened}, {"resolved", e.Resolved}, {"closed", e.Closed}} {
		if y := t.at.Year(); !t.at.IsZero() && (y < 1970 || y > 9999) {
			f.Add(t.field, "must be a time from the year 1970 to 9999")
		}
	}
	f.Key("source_state", e.SourceState)
	for _, k := range []struct{ field, value string }{
		{"author", e.Author}, {"requester", e.Requester}, {"group", e.Group}, {"assignee", e.Assignee},
		{"resolver", e.Resolver}, {"service", e.Service}, {"hold_reason", e.HoldReason}, {"state", e.State},
	} {
		if k.value != "" {
			f.Key(k.field, k.value)
		}
	}
	for _, t := range []struct{ field, value string }{
		{"category", e.Category}, {"subcategory", e.Subcategory}, {"channel", e.Channel}, {"code", e.Code},
	} {
		f.Text(t.field, t.value, storage.MaxText, false)
	}
	f.Text("title", e.Title, auditlog.MaxField, false)
	if e.Impact != 0 && !e.Impact.Valid() {
		f.Add("impact", "must be 1, 2 or 3")
	}
	if e.Urgency != 0 && !e.Urgency.Valid() {
		f.Add("urgency", "must be 1, 2 or 3")
	}
	if e.Priority != 0 && !e.Priority.Valid() {
		f.Add("priority", "must be from 1 to 5")
	}
	if e.Reassignments < 0 {
		f.Add("reassignments", "must not be negative")
	}
	if e.Reopens < 0 {
		f.Add("reopens", "must not be negative")
	}
	for name, value := range e.Values {
		if problem := storage.CheckKey(name); problem != "" {
			f.Add("values", "have a name that "+problem)
		}
		f.Text("values."+name, value, auditlog.MaxField, false)
	}
	return f.List()
}
