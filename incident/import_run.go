// This file holds how an import runs: rows are gathered, and written some incidents at a time.

package incident

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"
	"unicode/utf8"

	"github.com/itsmkit/itsmkit/incident/auditlog"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// What bounds a unit beside the number of incidents: a run of rows of one incident is cut at
// maxRun rows, and a unit is written when it has maxUnitRows.
const (
	maxRun      = 500
	maxUnitRows = 1000
)

// Import brings in the history of incidents from another system, which the host names. It asks
// for "incident.import".
//
// Every row becomes an event of the type [Imported] with the row's own time and author, so that
// the whole history can be read back ([ImportedRows]). The record follows: where the lifecycle
// has an action that leads from its state to the row's, whatever that action needs and guards
// here, it takes the row's state and values. Where there is none the row is flagged, and the
// record stays for good as it was before that row, which its provenance and the report say; its
// history goes on. A history may begin in any state. Rows whose state stands for none of the
// lifecycle's are flagged and do not move the record; rows whose time goes back are flagged.
//
// The id of an incident follows from the system and the name it has there ([ImportedID]), and its
// provenance knows how many rows it has. So an import may be stopped at any time, or die, and
// be started again: it goes on where it ended and comes to the same records and events. Importing
// the same log again changes nothing; a log that has grown is continued. Where the rows of an
// incident are not those that were imported before, this is told as a conflict and nothing of
// that incident is changed. A record that was worked on here after the import is not changed by
// further rows, which are flagged and kept as its history.
//
// An incident keeps the number that it had (its name in the other system), unless another
// incident of the tenant has that number: then it gets a number of its own. Requester, group,
// assignee and service are kept as the rows name them: a host with other ids for them translates
// the rows. Closed incidents are due for nothing; resolved ones are closed by the options of the
// practice, counted from when they were resolved.
//
// A row that cannot be read, which the entries yield as an [auditlog.RowError], or that says what
// cannot be, is told with its line and what is wrong with it, and left out. Any other error that
// the entries yield ends the import, without the incident whose rows were being read. Rows of
// several incidents are written in one unit. The memory that an import takes does not grow with
// the number of rows; for each incident it remembers some forty bytes to know it again.
//
// Subscribers and reactions are told of each row, as of any event. They know it by the types of the
// payloads, [Imported] and [HistoryImported], by the action "import", and by a time of recording
// after its own; one who names the types of its events is told of those alone.
//
// The report stands, also next to an error, for what was committed.
func (p *Practice) Import(ctx context.Context, actor itsm.Actor, system string, entries iter.Seq2[HistoryEntry, error], o ImportOptions) (ImportReport, error) {
	r := &importRun{p: p, actor: actor, system: system, seen: map[sourceKey]seenSource{}}
	r.report.System = system
	var err error
	if r.o, err = o.check(system); err != nil {
		return r.report, err
	}
	if entries == nil {
		return r.report, itsm.Invalid("import", "entries", "are required")
	}
	if err := actor.Validate(); err != nil {
		return r.report, err
	}
	if err := p.e.Authorizer().Authorize(ctx, actor, PermissionImport, nil); err != nil {
		return r.report, err
	}
	r.moves = movesOf(p.o.Lifecycle)
	for e, err := range entries {
		if ctx.Err() != nil {
			return r.report, ctx.Err()
		}
		var faulty *auditlog.RowError
		switch {
		case errors.As(err, &faulty):
			r.faulty(RowFault{Line: faulty.Line, Source: faulty.Source, Faults: faulty.Faults})
			continue
		case err != nil:
			// The last incident may be cut in two: what is whole is written, and it is not.
			r.run = sourceRun{}
			err = errors.Join(err, r.flush(ctx))
			return r.report, err
		}
		e.At, e.Opened, e.Resolved, e.Closed = storage.Instant(e.At), storage.Instant(e.Opened), storage.Instant(e.Resolved), storage.Instant(e.Closed)
		if faults := checkEntry(&e); len(faults) > 0 {
			r.faulty(RowFault{Line: e.Line, Source: e.Source, Faults: faults})
			continue
		}
		own, faults, err := r.ownOf(e)
		if err != nil {
			r.run = sourceRun{}
			return r.report, errors.Join(err, r.flush(ctx))
		}
		if len(faults) > 0 {
			r.faulty(RowFault{Line: e.Line, Source: e.Source, Faults: faults})
			continue
		}
		if err := r.add(ctx, e, own); err != nil {
			return r.report, err
		}
	}
	r.endRun()
	err = r.flush(ctx)
	return r.report, err
}

// importRun is one import under way.
type importRun struct {
	p      *Practice
	actor  itsm.Actor
	system string
	o      ImportOptions
	moves  map[State]map[State]bool

	run     sourceRun   // rows of one incident, one after the other
	pending []sourceRun // to be written in the next unit
	rows    int         // of pending
	line    int

	seen   map[sourceKey]seenSource
	report ImportReport
}

// sourceRun is a run of rows of one incident.
type sourceRun struct {
	source string
	rows   []HistoryEntry
	own    []OwnValues // of each row
}

// sourceKey stands for an incident's name.
type sourceKey [16]byte

func keyOf(source string) sourceKey {
	sum := sha256.Sum256([]byte(source))
	return sourceKey(sum[:16])
}

// seenSource is what an import knows of an incident that it has met.
type seenSource struct {
	outcome importOutcome
	// rows is how many of its rows were seen.
	rows int
	// digest is that of these rows; nil where it is the record's, which is so for nearly all
	// incidents, or not known.
	digest *rowDigest
}

type importOutcome uint8

const (
	outcomeUnchanged importOutcome = iota
	outcomeContinued
	outcomeCreated
	outcomeConflict
)

func (r *importRun) faulty(f RowFault) {
	r.report.Faulty++
	if len(r.report.Faults) < r.o.Listed {
		r.report.Faults = append(r.report.Faults, f)
	}
}

func (r *importRun) add(ctx context.Context, e HistoryEntry, own OwnValues) error {
	if len(r.run.rows) > 0 && (r.run.source != e.Source || len(r.run.rows) == maxRun) {
		r.endRun()
		if len(r.pending) >= r.o.Batch || r.rows >= maxUnitRows {
			if err := r.flush(ctx); err != nil {
				return err
			}
		}
	}
	r.run.source = e.Source
	r.run.rows = append(r.run.rows, e)
	r.run.own = append(r.run.own, own)
	return nil
}

func (r *importRun) endRun() {
	if len(r.run.rows) > 0 {
		r.pending = append(r.pending, r.run)
		r.rows += len(r.run.rows)
		r.line = r.run.rows[len(r.run.rows)-1].Line
		r.run = sourceRun{}
	}
}

// flush writes what is pending as one unit.
func (r *importRun) flush(ctx context.Context) error {
	if len(r.pending) == 0 {
		return nil
	}
	var done *importUnit
	err := r.p.e.Update(ctx, r.actor, func(ctx context.Context, u *engine.Unit) error {
		done = &importUnit{importRun: r, u: u, seen: map[sourceKey]seenSource{}, report: ImportReport{Flagged: map[ImportFlag]int{}}}
		return done.write(ctx)
	})
	if err != nil {
		return err
	}
	for key, s := range done.seen {
		r.seen[key] = s
	}
	r.merge(&done.report)
	r.pending, r.rows = r.pending[:0], 0
	if r.o.Progress != nil {
		r.o.Progress(ImportProgress{Line: r.line, Rows: r.report.Rows, Faulty: r.report.Faulty, Incidents: r.report.Incidents})
	}
	return nil
}

// merge adds what a unit did to the report.
func (r *importRun) merge(d *ImportReport) {
	t := &r.report
	t.Incidents = len(r.seen)
	t.Created += d.Created
	t.Continued += d.Continued
	t.Rows += d.Rows
	t.Imported += d.Imported
	t.Known += d.Known
	t.Conflicting += d.Conflicting
	t.FlaggedRows += d.FlaggedRows
	t.MidLife += d.MidLife
	t.Stopped += d.Stopped
	t.Conflicted += d.Conflicted
	t.Unchanged = t.Incidents - t.Created - t.Continued - t.Conflicted
	for flag, n := range d.Flagged {
		if t.Flagged == nil {
			t.Flagged = map[ImportFlag]int{}
		}
		t.Flagged[flag] += n
	}
	t.Stops = append(t.Stops, d.Stops[:min(len(d.Stops), r.o.Listed-len(t.Stops))]...)
	t.Conflicts = append(t.Conflicts, d.Conflicts[:min(len(d.Conflicts), r.o.Listed-len(t.Conflicts))]...)
}

// importUnit is one attempt to write what is pending. All that it learns is its own until the
// unit is committed.
type importUnit struct {
	*importRun
	u     *engine.Unit
	seen  map[sourceKey]seenSource
	found map[itsm.ID]*Incident // the records of this unit, as they are now
	taken map[string]bool       // numbers
	// highest is the greatest number of the practice's own form that it gave.
	highest int64
	// last has the last rows that were written in this unit: they cannot be read back yet.
	last   map[itsm.ID]*HistoryEntry
	report ImportReport
}

func (w *importUnit) write(ctx context.Context) error {
	if err := w.u.Authorize(ctx, PermissionImport, nil); err != nil {
		return err
	}
	// One import at a time in a tenant, so that two do not take the same number.
	if err := w.u.Lock(ctx, string(PermissionImport)); err != nil {
		return err
	}
	if err := w.load(ctx); err != nil {
		return err
	}
	for i := range w.pending {
		if err := w.writeRun(ctx, &w.pending[i]); err != nil {
			return fmt.Errorf("import %s: %w", w.pending[i].source, err)
		}
	}
	if w.highest == 0 {
		return nil
	}
	return w.u.Advance(ctx, Kind, w.highest+1)
}

// load reads the records of the unit, and which of the numbers are taken, in two queries.
func (w *importUnit) load(ctx context.Context) error {
	w.found, w.taken, w.last = map[itsm.ID]*Incident{}, map[string]bool{}, map[itsm.ID]*HistoryEntry{}
	var ids []itsm.ID
	var numbers []string
	for _, run := range w.pending {
		if id := ImportedID(w.system, run.source); !slices.Contains(ids, id) {
			ids, numbers = append(ids, id), append(numbers, run.source)
		}
	}
	records, err := w.p.table.Records(ctx, w.u, storage.Query[Head]{Where: w.p.table.ByID().In(ids...), Limit: storage.MaxPage})
	if err != nil {
		return err
	}
	for _, i := range records.Items {
		w.found[i.ID] = &i
	}
	if len(w.found) == len(ids) {
		return nil
	}
	// Counted, not listed: a list is in the order of ids, for which a database may read them all.
	groups, err := w.p.table.CountBy(ctx, w.u, ByNumber.In(numbers...), ByNumber)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if number, ok := g.Values[0].(string); ok {
			w.taken[number] = true
		}
	}
	return nil
}

// writeRun deals with one run of rows: those that are known are compared, the others appended.
func (w *importUnit) writeRun(ctx context.Context, run *sourceRun) error {
	w.report.Rows += len(run.rows)
	id, key := ImportedID(w.system, run.source), keyOf(run.source)
	i, stored := w.found[id], Provenance{}
	if i != nil {
		if i.Imported == nil || i.Imported.System != w.system || i.Imported.Source != run.source {
			return itsm.Invalid(Kind, "id", fmt.Sprintf("%s is of another record", id))
		}
		stored = *i.Imported
	}
	s, ok := w.seen[key]
	if !ok {
		if s, ok = w.importRun.seen[key]; !ok { // these are its first rows of all
			s.digest = &rowDigest{}
		}
	}
	if s.outcome == outcomeConflict {
		w.report.Conflicting += len(run.rows)
		return nil
	}
	before := s.rows
	known := min(len(run.rows), stored.Rows-before)
	if known < 0 {
		return itsm.Invalid(Kind, "imported", fmt.Sprintf("of %s has fewer rows than it had before", id))
	}
	digest, certain := w.digestBefore(s, &stored)
	for k := range run.rows[:known] {
		digest = digest.next(&run.rows[k])
	}
	s.rows += known
	if known > 0 && !(certain && s.rows == stored.Rows && digest.String() == stored.Digest) {
		// The record's digest is of all its rows: less of them, or others, are compared.
		differs, err := w.compare(ctx, id, run.rows[:known], before)
		if err != nil {
			return err
		}
		if differs >= 0 {
			s.outcome = outcomeConflict
			w.seen[key] = s
			w.report.Conflicting += len(run.rows)
			w.report.Conflicted++
			w.report.Conflicts = append(w.report.Conflicts, ImportConflict{Source: run.source, Row: before + differs + 1, Line: run.rows[differs].Line})
			return nil
		}
		if !certain && s.rows == stored.Rows {
			digest, certain = parseDigest(stored.Digest), true
		}
	}
	w.report.Known += known
	s.digest = nil
	if certain && s.rows < stored.Rows {
		s.digest = &digest
	}
	if rows := run.rows[known:]; len(rows) > 0 {
		if i == nil {
			i = &Incident{}
			i.ID, i.Imported = id, &Provenance{System: w.system, Source: run.source}
			w.found[id] = i
			w.report.Created++
			s.outcome = outcomeCreated
		} else if s.outcome == outcomeUnchanged {
			w.report.Continued++
			s.outcome = outcomeContinued
		}
		if err := w.append(ctx, i, rows, run.own[known:], digest); err != nil {
			return err
		}
		s.rows += len(rows)
	}
	w.seen[key] = s
	return nil
}

// digestBefore gives the digest of the rows that were seen before a run, and whether it is known:
// it is not where another import has added rows meanwhile.
func (w *importUnit) digestBefore(s seenSource, stored *Provenance) (digest rowDigest, certain bool) {
	switch {
	case s.digest != nil:
		return *s.digest, true
	case s.rows == stored.Rows:
		return parseDigest(stored.Digest), true
	}
	return digest, false
}

// compare gives the first of the rows that differs from the row that was imported in its place,
// or -1. before is the number of the history's rows that come before these.
func (w *importUnit) compare(ctx context.Context, id itsm.ID, rows []HistoryEntry, before int) (int, error) {
	k := 0
	for old, err := range ImportedRows(w.events(ctx, id)) {
		if err != nil {
			return 0, err
		}
		if old.Row <= before {
			continue
		}
		if k == len(rows) {
			break
		}
		if (rowDigest{}).next(&rows[k]) != (rowDigest{}).next(&old.Entry) {
			return k, nil
		}
		k++
	}
	if k < len(rows) {
		return 0, itsm.Invalid("imported history of "+string(id), "rows", "are fewer than the record says")
	}
	return -1, nil
}

// events reads the log of one incident page by page.
func (w *importUnit) events(ctx context.Context, id itsm.ID) iter.Seq2[itsm.Event, error] {
	return func(yield func(itsm.Event, error) bool) {
		q := storage.EventQuery{Kind: Kind, Record: id, Types: []string{Imported{}.EventType()}, Limit: maxRun}
		for {
			page, err := w.p.e.History(ctx, w.u, q)
			if err != nil {
				yield(itsm.Event{}, err)
				return
			}
			for _, ev := range page {
				if !yield(ev, nil) {
					return
				}
			}
			if len(page) < q.Limit {
				return
			}
			last := page[len(page)-1]
			q.After = storage.EventPosition{Tenant: last.Tenant, Kind: last.Kind, Record: last.Record, Version: last.Version, N: last.N}
		}
	}
}

// append adds rows to the history of an incident, lets the record follow them, and writes both.
func (w *importUnit) append(ctx context.Context, i *Incident, rows []HistoryEntry, own []OwnValues, digest rowDigest) error {
	was := *i
	from := *i.Imported
	i.Imported = &from
	last, err := w.lastRow(ctx, i)
	if err != nil {
		return err
	}
	f := &follower{p: w.p, moves: w.moves, i: i, takenOver: i.Version != from.Version}
	if i.Version == 0 {
		if i.Number, err = w.number(ctx, from.Source); err != nil {
			return err
		}
	}
	events := make([]itsm.Event, 0, 1+len(rows))
	events = append(events, itsm.Event{
		Kind: Kind, Record: i.ID, Action: "import", Internal: true,
		From: string(i.State), To: string(i.State), FromCategory: f.category(i.State), ToCategory: f.category(i.State),
		Data: HistoryImported{System: from.System, Source: from.Source, First: from.Rows + 1, Last: from.Rows + len(rows)},
	})
	var before map[string]string
	if last != nil {
		before = flatten(last)
	}
	for k := range rows {
		e := &rows[k]
		state := i.State
		flags := f.follow(e, last, own[k])
		flat := flatten(e)
		data := Imported{
			System: from.System, Source: from.Source, Row: i.Imported.Rows, Line: e.Line,
			SourceState: e.SourceState, State: State(e.State), Flags: flags, Anonymous: e.Author == "",
		}
		data.Set, data.Unset = difference(before, flat)
		events = append(events, itsm.Event{
			Kind: Kind, Record: i.ID, Action: "import", Internal: true, At: e.At, Actor: itsm.ID(e.Author), ActorName: e.Author,
			From: string(state), To: string(i.State), FromCategory: f.category(state), ToCategory: f.category(i.State), Data: data,
		})
		digest = digest.next(e)
		last, before = e, flat
		w.report.Imported++
		if len(flags) > 0 {
			i.Imported.Flagged++
			w.report.FlaggedRows++
		}
		for _, flag := range flags {
			w.report.Flagged[flag]++
		}
	}
	i.Imported.Digest = digest.String()
	if !f.takenOver {
		i.Imported.Version = i.Version + 1
	}
	if was.Version == 0 && i.Imported.MidLife {
		w.report.MidLife++
	}
	if i.Imported.Stopped != nil && was.Imported.Stopped == nil {
		w.report.Stopped++
		w.report.Stops = append(w.report.Stops, *i.Imported.Stopped)
	}
	if was.Version == 0 {
		err = w.p.putNumbered(ctx, w.u, i) // somebody may have logged one meanwhile
	} else {
		err = w.p.table.Put(ctx, w.u, i)
	}
	if err != nil {
		return err
	}
	for _, e := range events {
		w.u.Emit(e)
	}
	w.last[i.ID] = last
	return w.p.putJobs(ctx, w.u, &was, i)
}

// lastRow gives the last row that an incident has, nil for a new one.
func (w *importUnit) lastRow(ctx context.Context, i *Incident) (*HistoryEntry, error) {
	if i.Imported.Rows == 0 {
		return nil, nil
	}
	if last, ok := w.last[i.ID]; ok {
		return last, nil
	}
	var last *HistoryEntry
	for row, err := range ImportedRows(w.events(ctx, i.ID)) {
		if err != nil {
			return nil, err
		}
		last = &row.Entry
	}
	if last == nil {
		return nil, itsm.Invalid("imported history of "+string(i.ID), "rows", "are fewer than the record says")
	}
	return last, nil
}

// number gives a new incident the number that it had, where that is free and fits.
func (w *importUnit) number(ctx context.Context, source string) (string, error) {
	number := source
	for w.taken[number] || utf8.RuneCountInString(number) > storage.MaxText {
		var err error
		if number, err = w.p.freeNumber(ctx, w.u); err != nil {
			return "", err
		}
	}
	w.taken[number] = true
	w.highest = max(w.highest, w.p.ownNumber(number))
	return number, nil
}
