// This file holds the story of a problem as one may read it: events and notes in time order.

package problem

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Entry is one entry of a timeline: an event, a note, or both where the note was written with the event.
type Entry struct {
	At    time.Time          `json:"at"`
	Event *itsm.Event        `json:"event,omitempty"`
	Note  *engine.NoteRecord `json:"note,omitempty"`
}

// Timeline gives all events and notes of a problem that the actor may read, in time order. Those who may
// not read what is internal get no internal event or note, no change of an internal field, and neither the
// reasons nor the causes of the audit trail. Events do not name records of which the actor may not know.
func (p *Practice) Timeline(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]Entry, error) {
	var out []Entry
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		out = nil
		found, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		internal, err := p.allows(ctx, actor, PermissionReadInternal, &found)
		if err != nil {
			return err
		}
		notes := map[itsm.ID]*engine.NoteRecord{}
		var order []itsm.ID
		for note, err := range storage.Pages(storage.Query[engine.NoteHead]{Limit: storage.MaxPage}, func(q storage.Query[engine.NoteHead]) (storage.Page[engine.NoteRecord], error) {
			return engine.Notes(ctx, r, found.Ref(), internal, q.After, q.Limit)
		}) {
			if err != nil {
				return err
			}
			notes[note.ID] = &note
			order = append(order, note.ID)
		}
		v := viewer{p: p, actor: actor, internal: internal, known: map[itsm.Ref]bool{}}
		err = p.history(ctx, r, found.Ref(), func(e *itsm.Event) error {
			visible := v.event(ctx, r, e)
			if v.err != nil || !visible {
				return v.err
			}
			entry := Entry{At: e.At, Event: e}
			if id := noteOf(e.Data); id != "" {
				entry.Note = notes[id]
				delete(notes, id)
			}
			out = append(out, entry)
			return nil
		})
		if err != nil {
			return err
		}
		for _, id := range order { // what no visible event tells of
			if n := notes[id]; n != nil {
				out = append(out, Entry{At: n.At, Note: n})
			}
		}
		slices.SortStableFunc(out, func(a, b Entry) int { return cmp.Compare(a.At.UnixMicro(), b.At.UnixMicro()) })
		return nil
	})
	return out, err
}

// history gives the events of a record to fn, in order.
func (p *Practice) history(ctx context.Context, r storage.Reader, of itsm.Ref, fn func(*itsm.Event) error) error {
	q := storage.EventQuery{Kind: of.Kind, Record: of.ID, Limit: storage.MaxLimit}
	for {
		events, err := p.e.History(ctx, r, q)
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := fn(&e); err != nil {
				return err
			}
		}
		if len(events) < q.Limit {
			return nil
		}
		last := events[len(events)-1]
		q.After = storage.EventPosition{Tenant: last.Tenant, Kind: last.Kind, Record: last.Record, Version: last.Version, N: last.N}
	}
}

// viewer is who reads events, and what it may know of.
type viewer struct {
	p        *Practice
	actor    itsm.Actor
	internal bool
	known    map[itsm.Ref]bool
	err      error
}

// event makes an event what the actor may see of it, and says whether that is anything.
func (v *viewer) event(ctx context.Context, r storage.Reader, e *itsm.Event) bool {
	if !v.internal {
		if e.Internal || isInternal(e.Data) {
			return false
		}
		e.Reason, e.Cause = "", itsm.Cause{}
		e.Changes = slices.DeleteFunc(e.Changes, func(c itsm.Change) bool { return slices.Contains(internalFields, c.Field) })
		if _, ok := e.Data.(Acted); ok {
			e.Data = Acted{}
		}
		switch e.Data.(type) {
		case Edited, engine.Changed: // these tell of nothing but what changed
			if len(e.Changes) == 0 {
				return false
			}
		}
	}
	may := func(ref itsm.Ref) bool {
		known, asked := v.known[ref]
		if !asked {
			var err error
			if known, err = v.p.mayKnow(ctx, r, v.actor, v.internal, ref); err != nil && v.err == nil {
				v.err = err
			}
			v.known[ref] = known
		}
		return known
	}
	if e.Data != nil {
		if e.Data = hide(e.Data, may); e.Data == nil {
			return false
		}
	}
	e.Changes = slices.DeleteFunc(e.Changes, func(c itsm.Change) bool {
		return slices.ContainsFunc(append(named(c.Field, c.Old), named(c.Field, c.New)...), func(ref itsm.Ref) bool { return !may(ref) })
	})
	return true
}

// internalFields are the fields whose history is for those alone who may read what is internal.
var internalFields = []string{"members", "watchers", "fields"}

// named gives the records that the JSON of a field names.
func named(field string, raw json.RawMessage) (refs []itsm.Ref) {
	if len(raw) == 0 {
		return nil
	}
	switch field {
	case "duplicate_of", "known_error":
		var id itsm.ID
		if json.Unmarshal(raw, &id) == nil && id != "" {
			kind := Kind
			if field == "known_error" {
				kind = KindKnownError
			}
			refs = append(refs, itsm.Ref{Kind: kind, ID: id})
		}
	case "causes", "tree":
		var items []struct {
			CI itsm.ID `json:"ci"`
		}
		if json.Unmarshal(raw, &items) == nil {
			for _, c := range items {
				if c.CI != "" {
					refs = append(refs, itemRef(c.CI))
				}
			}
		}
	case "fix":
		var f Fix
		if json.Unmarshal(raw, &f) == nil {
			for _, c := range f.Changes {
				refs = append(refs, c.Change)
			}
		}
	}
	return refs
}
