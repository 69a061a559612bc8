// This file holds the story of an incident as one may read it: events and notes in time order.

package incident

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Entry is one entry of a timeline: an event, a note, or both where the note was written with
// the event.
type Entry struct {
	At    time.Time          `json:"at"`
	Event *itsm.Event        `json:"event,omitempty"`
	Note  *engine.NoteRecord `json:"note,omitempty"`
}

// Timeline gives all events and notes of an incident that the actor may read, in time order, and those of its
// handling as a major incident where it may read both.
// Those who may not read what is internal get no internal event or note, no change of an internal
// field, and neither the reasons nor the causes of the audit trail (what its requester was told of why it
// was cancelled stands on the incident). Events do not name records of which the actor may not know.
func (p *Practice) Timeline(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]Entry, error) {
	var out []Entry
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		i, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		out, err = p.timeline(ctx, r, actor, &i, map[itsm.Ref]bool{})
		return err
	})
	return out, err
}

// timeline reads that of one incident; known is what was asked before of what the actor may know.
func (p *Practice) timeline(ctx context.Context, r storage.Reader, actor itsm.Actor, i *Incident, known map[itsm.Ref]bool) ([]Entry, error) {
	internal, err := p.allows(ctx, actor, PermissionReadInternal, i)
	if err != nil {
		return nil, err
	}
	if p.o.MayRead == nil {
		// Of other kinds then all may know who may read what is internal, which is for each incident.
		maps.DeleteFunc(known, func(ref itsm.Ref, _ bool) bool { return ref.Kind != Kind })
	}
	costs, err := p.allows(ctx, actor, PermissionReadCosts, i)
	if err != nil {
		return nil, err
	}
	t := timeline{p: p, costs: costs, actor: actor, internal: internal, known: known}
	if internal && i.Major != "" {
		if t.major, err = p.allows(ctx, actor, PermissionReadMajor, i); err != nil {
			return nil, err
		}
	}
	return t.read(ctx, r, i.Ref())
}

func sortEntries(entries []Entry) {
	slices.SortStableFunc(entries, func(a, b Entry) int { return cmp.Compare(a.At.UnixMicro(), b.At.UnixMicro()) })
}

// timeline is the reading of one.
type timeline struct {
	p        *Practice
	actor    itsm.Actor
	internal bool
	costs    bool              // may be read, whoever logged them
	major    bool              // it is, or was, handled as a major incident, and the actor may read of that
	known    map[itsm.Ref]bool // whether the actor may know of a record
	public   map[itsm.ID]*engine.NoteRecord
	err      error
}

func (t *timeline) read(ctx context.Context, r storage.Reader, of itsm.Ref) ([]Entry, error) {
	notes, order, err := t.notes(ctx, r, of)
	if err != nil {
		return nil, err
	}
	t.public = maps.Clone(notes)
	out, err := t.events(ctx, r, of, notes)
	if err != nil {
		return nil, err
	}
	if t.major {
		more, err := t.events(ctx, r, itsm.Ref{Kind: MajorKind, ID: of.ID}, notes)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	for _, id := range order { // what no visible event tells of
		if n := notes[id]; n != nil {
			out = append(out, Entry{At: n.At, Note: n})
		}
	}
	sortEntries(out)
	return out, nil
}

// events gives those of a record that the actor may read, each with the note that was written with it.
func (t *timeline) events(ctx context.Context, r storage.Reader, of itsm.Ref, notes map[itsm.ID]*engine.NoteRecord) ([]Entry, error) {
	var out []Entry
	q := storage.EventQuery{Kind: of.Kind, Record: of.ID, Limit: storage.MaxLimit}
	for {
		events, err := t.p.e.History(ctx, r, q)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			visible := t.event(ctx, r, &e)
			if t.err != nil {
				return nil, t.err
			}
			if !visible {
				continue
			}
			entry := Entry{At: e.At, Event: &e}
			if id := noteOf(e.Data); id != "" {
				entry.Note = notes[id]
				delete(notes, id)
			}
			out = append(out, entry)
		}
		if len(events) < q.Limit {
			return out, nil
		}
		last := events[len(events)-1]
		q.After = storage.EventPosition{Tenant: last.Tenant, Kind: last.Kind, Record: last.Record, Version: last.Version, N: last.N}
	}
}

// notes gives those that the actor may read, by id and in their order.
func (t *timeline) notes(ctx context.Context, r storage.Reader, of itsm.Ref) (map[itsm.ID]*engine.NoteRecord, []itsm.ID, error) {
	byID := map[itsm.ID]*engine.NoteRecord{}
	var order []itsm.ID
	var after storage.Cursor
	for {
		page, err := engine.Notes(ctx, r, of, t.internal, after, storage.MaxPage)
		if err != nil {
			return nil, nil, err
		}
		for n := range page.Items {
			note := &page.Items[n]
			byID[note.ID] = note
			order = append(order, note.ID)
		}
		if page.Next == "" {
			return byID, order, nil
		}
		after = page.Next
	}
}

// event makes an event what the actor may see of it, and says whether that is anything.
func (t *timeline) event(ctx context.Context, r storage.Reader, e *itsm.Event) bool {
	if !t.internal {
		if e.Internal || isInternal(e.Data) {
			return false
		}
		e.Reason, e.Cause = "", itsm.Cause{}
		e.Changes = t.p.publicChanges(e.Changes)
		switch e.Data.(type) {
		case Edited, engine.Changed: // these tell of nothing but what changed
			if len(e.Changes) == 0 {
				return false
			}
		}
		if acted, ok := e.Data.(Acted); ok {
			acted.Data = nil
			if t.public[acted.Note] == nil {
				acted.Note = ""
			}
			e.Data = acted
		}
		if logged, ok := e.Data.(Logged); ok {
			logged.Template = TemplateRef{}
			e.Data = logged
		}
	}
	if _, ok := e.Data.(CostRecorded); ok && !t.costs && e.Actor != t.actor.ID {
		return false
	}
	may := func(ref itsm.Ref) bool { return t.mayKnow(ctx, r, ref) }
	if e.Data != nil {
		if e.Data = hide(e.Data, may); e.Data == nil {
			return false
		}
	}
	e.Changes = slices.DeleteFunc(e.Changes, func(c itsm.Change) bool {
		switch c.Field {
		case fieldHoldLink:
			return !(mayRef(c.Old, may) && mayRef(c.New, may))
		case fieldDuplicateOf:
			return !(mayIncident(c.Old, may) && mayIncident(c.New, may))
		}
		return false
	})
	return true
}

func (t *timeline) mayKnow(ctx context.Context, r storage.Reader, ref itsm.Ref) bool {
	if may, asked := t.known[ref]; asked {
		return may
	}
	may, err := t.p.mayKnow(ctx, r, t.actor, t.internal, ref)
	if err != nil && t.err == nil {
		t.err = err
	}
	t.known[ref] = may
	return may
}

const (
	fieldHoldLink    = "hold_link"
	fieldDuplicateOf = "duplicate_of"
	fieldFields      = "fields"
)

// mayRef says whether the record that the JSON of a reference names may be known; absent is fine.
func mayRef(raw json.RawMessage, may func(itsm.Ref) bool) bool {
	if len(raw) == 0 {
		return true
	}
	var ref itsm.Ref
	return json.Unmarshal(raw, &ref) == nil && may(ref)
}

// mayIncident is mayRef for the JSON of an incident's id.
func mayIncident(raw json.RawMessage, may func(itsm.Ref) bool) bool {
	if len(raw) == 0 {
		return true
	}
	var id itsm.ID
	return json.Unmarshal(raw, &id) == nil && may(itsm.Ref{Kind: Kind, ID: id})
}

// publicBody are the fields of the body whose history everyone may read who may read the
// incident. All others are internal, those that a later version adds too.
var publicBody = []string{
	"description", "before", "hold_until", "reminders", "remind_from", "resolution", "cancel_reason", "occurred", "detected", "acknowledged",
	"first_response", "restored", "reassignments", "reopens", "holds", "functional_escalations",
}

// publicChanges gives the history without that of internal fields.
func (p *Practice) publicChanges(changes []itsm.Change) []itsm.Change {
	var out []itsm.Change
	for _, c := range changes {
		_, column := p.table.Schema().Place(c.Field)
		switch {
		case c.Field == fieldFields:
			c.Old, c.New = p.publicFieldsJSON(c.Old), p.publicFieldsJSON(c.New)
			if !bytes.Equal(c.Old, c.New) {
				out = append(out, c)
			}
		case column && !p.internalColumns[c.Field], slices.Contains(publicBody, c.Field):
			out = append(out, c)
		}
	}
	return out
}

func (p *Practice) publicFieldsJSON(raw json.RawMessage) json.RawMessage {
	var f itsm.Fields
	if len(raw) == 0 || json.Unmarshal(raw, &f) != nil {
		return nil
	}
	if f = p.o.Fields.Public(f); len(f) == 0 {
		return nil
	}
	out, err := json.Marshal(f)
	if err != nil {
		return nil
	}
	return out
}
