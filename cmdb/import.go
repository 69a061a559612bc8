// This file holds imports: many observations, checked before anything is written, taken in some at a time, and gone on with where they
// were stopped.

package cmdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"

	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// The bounds of imports.
const (
	// DefaultImportBatch is how many rows one unit takes in where the options say nothing, and MaxImportBatch how many it may.
	DefaultImportBatch = 250
	MaxImportBatch     = 1000
	// importEvents is after how many events a unit takes in no further row, so that with those of one row and of the host's reactions
	// there are no more than a unit may emit.
	importEvents = 4000
	// MaxFaulty is how many faulty rows an answer has. Others are counted, and given to ImportOptions.Each.
	MaxFaulty = 1000
)

// ImportOptions say how an import goes. The zero value takes in all rows, or none.
type ImportOptions struct {
	// Partial takes in the rows that are not faulty, where otherwise nothing is taken in while one is. A row whose CI can be
	// taken in and a relation of which cannot is faulty, and its CI is taken in.
	Partial bool
	// DryRun writes nothing, and says what would be done. Ids of CIs that would be made mean nothing.
	DryRun bool
	// State is where CIs begin that are made; empty is [StateLive].
	State State
	// Batch is how many rows one unit takes in, or fewer where these have many relations; 0 is [DefaultImportBatch]. While it runs no
	// other edits the tenant's graph.
	Batch int
	// Each is told what became of each row, after its unit is committed, and in a dry run what would: a row that needs others comes
	// again when these are there.
	Each func(Observed)
	// Progress is told how far it is, after each unit.
	Progress func(ImportProgress)
}

// ImportPhase is what an import does.
type ImportPhase string

// The phases, in their order.
const (
	// PhaseRead reads all rows and checks each by itself.
	PhaseRead ImportPhase = "read"
	// PhaseCheck holds all rows to the store, without writing.
	PhaseCheck ImportPhase = "check"
	// PhaseWrite takes them in.
	PhaseWrite ImportPhase = "write"
)

// ImportProgress says how far an import is.
type ImportProgress struct {
	Phase ImportPhase `json:"phase"`
	// Sweep counts from 1 how often the rows are gone through in the phase: rows that need others are tried again.
	Sweep int `json:"sweep"`
	// Rows were looked at in this sweep, of Total; in the first phase Total is 0.
	Rows  int `json:"rows"`
	Total int `json:"total"`
}

// ImportResult says what an import did, or would do.
type ImportResult struct {
	Rows int `json:"rows"`
	// Created, Updated, Unchanged, Ignored, Flagged and Refused count rows by what became of them in this run.
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Ignored   int `json:"ignored"`
	Flagged   int `json:"flagged"`
	Refused   int `json:"refused"`
	// Related counts relations that were made.
	Related int `json:"related"`
	// Resumed is the row after which this run went on; 0 where it began at the beginning.
	Resumed int `json:"resumed,omitempty"`
	// Faulty are rows with everything that is wrong with them, in their order, at most [MaxFaulty]; FaultyRows counts all.
	Faulty     []reconcile.RowError `json:"faulty,omitempty"`
	FaultyRows int                  `json:"faulty_rows"`
}

// importRun is how far an import of a name is.
type importRun struct {
	importHead
	importBody
}

type importHead struct {
	storage.Meta
	Name string
	Done bool
}

type importBody struct {
	// Digest is of all rows, Sweep and Row how far they are taken in.
	Digest string `json:"digest"`
	Sweep  int    `json:"sweep"`
	Row    int    `json:"row"`
	// Open is how many rows of this sweep need what was not found, Changed that it changed something, Left how many were open
	// after the sweep before, and Last that no row waits for others any more.
	Open    int  `json:"open"`
	Changed bool `json:"changed"`
	Left    int  `json:"left"`
	Last    bool `json:"last"`
}

var importTable = storage.Define("ci_import", storage.Def[importRun, importHead, importBody]{
	Parts: func(i *importRun) (*importHead, *importBody) { return &i.importHead, &i.importBody },
	Columns: []storage.ColumnOf[importHead]{
		storage.Col("name", func(h *importHead) *string { return &h.Name }),
		storage.BoolCol("done", func(h *importHead) *bool { return &h.Done }),
	},
})

// Import takes in many observations, as [Practice.Observe] does each. They are gone through several times, from the beginning each time: give
// what can be, as a function that opens its file anew. What gives other rows the second time is an error, and so is what gives an error that is
// no *reconcile.RowError. It asks for [PermissionObserve].
//
// Where rows of one source are of the same CI and give an attribute other values, the first counts and each further one is faulty.
//
// All rows are read and held to the store first, and where one is faulty the import is ErrInvalid, with every fault of each row, and nothing is
// written. A row that needs one which is faulty by itself is told as well, as it finds none. [ImportOptions].Partial has the others taken in. Then some at a time are written, each time in a unit of their own. Relations may
// lead to rows that come later. A row that is refused in the end, because others changed the CMDB in the meantime, stops the import where it
// is.
//
// An import that was stopped goes on where it was when one of the same name is given the same rows, whatever instant they are observed at. Two
// at once do no harm. The same rows once more change no CI and no relation, and tell of nothing; when a source was heard last is kept.
//
// What it costs grows with the rows and with how many of the tenant's CIs are alike, not with the tenant. Rows that would make CIs are kept in
// memory while they are checked, by what identifies them alone.
func (p *Practice) Import(ctx context.Context, actor itsm.Actor, name string, rows iter.Seq2[reconcile.Observation, error], o ImportOptions) (ImportResult, error) {
	i := &importer{p: p, actor: actor, rows: rows, o: o, accord: newAccord(), counted: map[int]bool{}, faulty: map[int]bool{}, moves: map[int]int{}}
	var f itsm.Faults
	f.Text("name", name, MaxName, true)
	if rows == nil {
		f.Add("rows", "are required")
	}
	if o.Batch < 0 || o.Batch > MaxImportBatch {
		f.Addf("batch", "must be from 0 to %d", MaxImportBatch)
	}
	i.o.Batch = orElse(o.Batch, DefaultImportBatch)
	if err := f.Err("import"); err != nil {
		return ImportResult{}, err
	}
	run := importRun{importHead{Meta: storage.Meta{ID: itsm.ID(digest.Of("import", name))}, Name: name}, importBody{Sweep: 1, Left: math.MaxInt}}
	if err := i.begin(ctx, &run); err != nil {
		return i.result, err
	}
	if err := i.read(ctx); err != nil {
		return i.result, err
	}
	// Rows that are faulty by themselves stop nothing yet: what is wrong with the others is told with it.
	refused := !o.Partial && i.result.FaultyRows > 0
	goesOn := !run.Done && run.Digest == i.digest && (run.Row > 0 || run.Sweep > 1)
	if !goesOn {
		run.Done, run.importBody = false, importBody{Digest: i.digest, Sweep: 1, Left: math.MaxInt}
	}
	if o.DryRun || refused || !o.Partial && !goesOn {
		i.shadow = newShadow()
		if err := i.sweeps(ctx, PhaseCheck, &importRun{importBody: importBody{Sweep: 1, Left: math.MaxInt}}); err != nil {
			return i.result, err
		}
		if o.DryRun {
			return i.result, nil
		}
		if i.result.FaultyRows > 0 {
			i.result = ImportResult{Rows: i.result.Rows, Refused: i.result.Refused, Faulty: i.result.Faulty, FaultyRows: i.result.FaultyRows}
			return i.result, i.invalid()
		}
		i.shadow, i.accord, i.counted, i.moves = nil, newAccord(), map[int]bool{}, map[int]int{}
		i.result = ImportResult{Rows: i.result.Rows}
	}
	if goesOn {
		i.result.Resumed = run.Row
	}
	if err := i.sweeps(ctx, PhaseWrite, &run); err != nil {
		return i.result, err
	}
	run.Done = true
	if err := i.p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error { return putImport(ctx, u, &run) }); err != nil {
		return i.result, err
	}
	if !o.Partial && i.result.FaultyRows > 0 {
		return i.result, i.invalid()
	}
	return i.result, nil
}

type importer struct {
	p      *Practice
	actor  itsm.Actor
	rows   iter.Seq2[reconcile.Observation, error]
	o      ImportOptions
	rules  *ruling
	digest string
	shadow *shadow
	accord *accord
	result ImportResult
	// counted are the places of rows of which the result tells already, and faulty of those that are faulty.
	counted, faulty map[int]bool
	// places are those of the rows in result.Faulty.
	places []int
	// moves is how often a row changed something in this pass.
	moves map[int]int
}

// begin reads how far the import is.
func (i *importer) begin(ctx context.Context, run *importRun) error {
	return i.p.e.Update(ctx, i.actor, func(ctx context.Context, u *engine.Unit) error {
		o, err := i.p.observer(ctx, u, i.o.State)
		if err != nil {
			return err
		}
		i.rules = o.rules
		was, err := importTable.Get(ctx, u.Quiet(), run.ID)
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err == nil {
			*run = was
		}
		return err
	})
}

func putImport(ctx context.Context, u *engine.Unit, run *importRun) error {
	// Another process may import the same: each says how far it is.
	now := *run
	had, err := importTable.Get(ctx, u.Quiet(), run.ID)
	switch {
	case err == nil:
		now.Meta = had.Meta
	case errors.Is(err, storage.ErrNotFound):
		now.Meta = storage.Meta{ID: run.ID, Created: u.Now()}
	default:
		return err
	}
	now.Updated = u.Now()
	return importTable.Put(ctx, u.Quiet(), &now)
}

// invalid is the error of an import that was not done.
func (i *importer) invalid() error {
	var f itsm.Faults
	for _, row := range i.result.Faulty {
		for _, fault := range row.Faults {
			f.Add(fmt.Sprintf("rows[%d].%s", row.Row, fault.Field), fault.Problem)
		}
	}
	if more := i.result.FaultyRows - len(i.result.Faulty); more > 0 {
		f.Addf("rows", "have faults in %d more", more)
	}
	return f.Err("import")
}

// fail notes a faulty row, once.
func (i *importer) fail(n int, row reconcile.RowError) {
	if i.faulty[n] {
		return
	}
	i.faulty[n] = true
	i.result.FaultyRows++
	row.Row = orElse(row.Row, n)
	at, _ := slices.BinarySearch(i.places, n)
	i.places, i.result.Faulty = slices.Insert(i.places, at, n), slices.Insert(i.result.Faulty, at, row)
	if len(i.places) > MaxFaulty {
		i.places, i.result.Faulty = i.places[:MaxFaulty], i.result.Faulty[:MaxFaulty]
	}
}

// each goes through the rows: their place, the canonical observation or what is wrong with it. It fails where these are not the rows that
// were read first.
func (i *importer) each(fn func(n int, told reconcile.Observation, faulty *reconcile.RowError) error) error {
	n, sum := 0, ""
	for told, err := range i.rows {
		n++
		var faulty *reconcile.RowError
		if err != nil && !errors.As(err, &faulty) {
			return err
		}
		if faulty == nil {
			raw := told
			if told, err = i.rules.Canonical(told); err != nil {
				var v *storage.ValidationError
				if !errors.As(err, &v) {
					return err
				}
				faulty = &reconcile.RowError{Row: raw.Row, Key: raw.Key, Faults: v.Faults}
			}
		}
		told.Row = orElse(told.Row, n)
		if err := fn(n, told, faulty); err != nil {
			return err
		}
		if sum, err = summed(sum, told, faulty); err != nil {
			return err
		}
	}
	switch {
	case i.digest == "":
		i.digest, i.result.Rows = sum, n
	case n != i.result.Rows || sum != i.digest:
		return fmt.Errorf("the rows are others than when they were read first (%d, then %d): they must be the same each time they are gone through", i.result.Rows, n)
	}
	return nil
}

// summed tells rows from others, but for when they were observed.
func summed(sum string, told reconcile.Observation, faulty *reconcile.RowError) (string, error) {
	if faulty != nil {
		return digest.Of(sum, "faulty", faulty.Error()), nil
	}
	raw, err := json.Marshal(struct {
		Source, Key, Class, Name string
		Attributes               any
		Relations                any
	}{told.Source, told.Key, told.Class, told.Name, told.Attributes, told.Relations})
	return digest.Of(sum, string(raw)), err
}

// read goes through all rows and notes what each has wrong by itself.
func (i *importer) read(ctx context.Context) error {
	return i.each(func(n int, told reconcile.Observation, faulty *reconcile.RowError) error {
		if faulty != nil {
			i.fail(n, *faulty)
			i.counted[n] = true
			i.result.Refused++
		}
		if n%i.o.Batch == 0 {
			i.tell(PhaseRead, 1, n)
		}
		return ctx.Err()
	})
}

func (i *importer) tell(phase ImportPhase, sweep, n int) {
	if i.o.Progress != nil {
		i.o.Progress(ImportProgress{Phase: phase, Sweep: sweep, Rows: n, Total: i.result.Rows})
	}
}

// sweeps goes through the rows until each has found what it needs, or no more is found.
func (i *importer) sweeps(ctx context.Context, phase ImportPhase, run *importRun) error {
	var only map[int]Observed
	for {
		whole := run.Row == 0
		unsettled, err := i.sweep(ctx, phase, run, only)
		if err != nil {
			return err
		}
		was := run.importBody
		run.Sweep, run.Row, run.Open, run.Changed, run.Left = run.Sweep+1, 0, 0, false, was.Open
		if only = unsettled; !whole {
			only = nil // what was open before it went on is not known
		}
		switch {
		case was.Open == 0:
			return nil
		case was.Changed || was.Open < was.Left:
		case !was.Last:
			run.Last = true
		case whole:
			for _, n := range slices.Sorted(maps.Keys(unsettled)) {
				i.unsettled(n, unsettled[n])
			}
			return nil
		}
	}
}

// unsettled notes a row that did not find what it needs.
func (i *importer) unsettled(n int, was Observed) {
	faults := slices.Clone(was.Faults)
	for k, tie := range was.Relations {
		if tie.Result == TieUnknown {
			faults = append(faults, itsm.Fault{Field: fmt.Sprintf("relations[%d].other", k), Problem: "is not found: " + tie.Reason})
		}
	}
	if len(faults) > 0 {
		i.fail(n, reconcile.RowError{Row: was.Row, Key: was.Key, Faults: faults})
	}
}

// rowOf is a row with its place.
type rowOf struct {
	n    int
	told reconcile.Observation
	// past says that it was taken in by a run before: what it said is noted again, and nothing else.
	past bool
}

// sweep goes through the rows once, or through some of them, after those that were taken in already. It gives those that need what was not
// found.
func (i *importer) sweep(ctx context.Context, phase ImportPhase, run *importRun, only map[int]Observed) (unsettled map[int]Observed, err error) {
	unsettled = map[int]Observed{}
	from := run.Row
	var batch []rowOf
	take := func(n int) error {
		for len(batch) > 0 {
			next := *run
			next.Row = n
			all, err := i.unit(ctx, batch, &next)
			if err != nil {
				return err
			}
			*run = next
			for k, was := range all {
				if batch[k].past {
					continue
				}
				if was.moved() {
					i.moves[batch[k].n]++
				}
				i.count(batch[k].n, was, unsettled)
			}
			if !batch[len(all)-1].past {
				i.tell(phase, run.Sweep, run.Row)
			}
			batch = batch[len(all):]
		}
		return nil
	}
	end := 0
	err = i.each(func(n int, told reconcile.Observation, faulty *reconcile.RowError) error {
		end = n
		past := n <= from
		// Rows that were not all to be taken in may say otherwise than one before; if all were, that was found out before any was.
		if _, wanted := only[n]; faulty != nil || past && !i.o.Partial || only != nil && !wanted {
			return ctx.Err()
		}
		if batch = append(batch, rowOf{n, told, past}); len(batch) < i.o.Batch {
			return nil
		}
		return take(max(n, from))
	})
	if err == nil {
		err = take(max(end, from))
	}
	return unsettled, err
}

// errUndone ends a unit that is not to be committed.
var errUndone = errors.New("checked")

// unit takes in some rows, and writes how far the import is.
func (i *importer) unit(ctx context.Context, batch []rowOf, run *importRun) (all []Observed, err error) {
	before := *run
	err = i.p.e.Update(ctx, i.actor, func(ctx context.Context, u *engine.Unit) error {
		all, *run = all[:0], before
		o, err := i.p.observer(ctx, u, i.o.State)
		if err != nil {
			return err
		}
		if o.shadow = i.shadow; o.shadow != nil {
			o.shadow.restore()
		}
		o.accord = i.accord
		o.accord.begin()
		told := make([]reconcile.Observation, len(batch))
		for k, row := range batch {
			told[k] = row.told
		}
		if err := o.prefetch(ctx, told); err != nil {
			return err
		}
		for k, t := range told {
			if o.accord.at = batch[k]; batch[k].past {
				if err := o.recall(ctx, t); err != nil {
					return err
				}
				all = append(all, Observed{})
				continue
			}
			was, err := o.observe(ctx, t, run.Last)
			if err != nil {
				return err
			}
			if len(was.Faults) > 0 && i.shadow == nil && !i.o.Partial {
				row := reconcile.RowError{Row: was.Row, Key: was.Key, Faults: was.Faults}
				return fmt.Errorf("the import stopped at row %d, which was not faulty when it was checked: %w", was.Row, &row)
			}
			all = append(all, was)
			// What a row changes may be what another waits for, but no row can change more than its CI and each relation for the
			// first time: one that is only checked would change the same in each sweep.
			fresh := was.moved() && i.moves[batch[len(all)-1].n] <= len(t.Relations)
			if run.Changed = run.Changed || fresh; was.open() {
				run.Open++
			}
			if o.told > importEvents && len(all) < len(batch) && i.shadow == nil {
				run.Row = batch[len(all)-1].n
				break
			}
		}
		if err := o.finish(ctx); err != nil {
			return err
		}
		if i.shadow != nil {
			return errUndone
		}
		return putImport(ctx, u, run)
	})
	if i.shadow != nil && errors.Is(err, errUndone) {
		i.shadow.keep()
		err = nil
	}
	if err == nil {
		i.accord.keep()
	}
	return all, err
}

// recall notes what a row said that was taken in by a run before.
func (o *observer) recall(ctx context.Context, told reconcile.Observation) error {
	id, err := o.rules.Identify(told, o.find(ctx))
	if errors.Is(err, errAlike) || err == nil && (id.ID == "" || id.Action != reconcile.ActionUpdate) {
		return nil
	}
	if err != nil {
		return err
	}
	if reason, err := o.merged(ctx, told, id); err != nil || reason != "" {
		return err
	}
	var f itsm.Faults
	if err := o.accord.disagrees(id.ID, told, &f); err != nil || !f.Empty() {
		return err
	}
	return o.accord.note(id.ID, told)
}

// count takes what became of a row into the result.
func (i *importer) count(n int, was Observed, unsettled map[int]Observed) {
	if i.o.Each != nil && !was.waits && (i.shadow == nil || i.o.DryRun) {
		i.o.Each(was)
	}
	for _, tie := range was.Relations {
		if tie.Result == TieRelated {
			i.result.Related++
		}
	}
	for _, at := range slices.Sorted(maps.Keys(was.overruled)) {
		i.fail(at, was.overruled[at])
	}
	if was.open() {
		unsettled[n] = was
	} else if len(was.Faults) > 0 {
		i.fail(n, reconcile.RowError{Row: was.Row, Key: was.Key, Faults: was.Faults})
	}
	if was.waits || i.counted[n] {
		return
	}
	i.counted[n] = true
	switch {
	case was.Action == reconcile.ActionCreate:
		i.result.Created++
	case was.Action == reconcile.ActionUpdate && was.Changed:
		i.result.Updated++
	case was.Action == reconcile.ActionUpdate:
		i.result.Unchanged++
	case was.Action == reconcile.ActionIgnore:
		i.result.Ignored++
	case was.Action == reconcile.ActionFlag:
		i.result.Flagged++
	default:
		i.result.Refused++
	}
}

// moved says whether anything is another than before.
func (was *Observed) moved() bool {
	return was.Changed || slices.ContainsFunc(was.Relations, func(t ObservedTie) bool { return t.Result == TieRelated })
}

// open says whether it needs what was not found.
func (was *Observed) open() bool {
	return was.waits || slices.ContainsFunc(was.Relations, func(t ObservedTie) bool { return t.Result == TieUnknown })
}
