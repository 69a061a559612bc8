// This file holds notes on incidents.

package incident

import (
	"context"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Note is what someone writes on an incident.
type Note struct {
	itsm.Command
	Text string `json:"text"`
	// Visibility is who may read it; empty is internal.
	Visibility itsm.Visibility `json:"visibility,omitempty"`
}

// Note adds a note, in any state. The first public note of a person other than the requester and
// the affected person is the first response; one of a system actor is not.
func (p *Practice) Note(ctx context.Context, actor itsm.Actor, id itsm.ID, r Note) (Incident, error) {
	return p.command(ctx, actor, id, ActionNote, r.Command, r, func(ctx context.Context, w *work) error {
		w.require("text", r.Text)
		w.visible(r.Visibility)
		w.Note = r.Text
		return w.note(ctx, "")
	})
}

// note writes the note of the command, which may be the update of a parent.
func (w *work) note(ctx context.Context, parent itsm.ID) error {
	if err := w.check(ctx, ActionNote); err != nil {
		return err
	}
	note, err := w.say(ctx)
	if err != nil {
		return err
	}
	return w.noted(note, parent)
}

// noted moves the work by a note that was written. One that its requester may read, too, is an update,
// which is told to the children.
func (w *work) noted(note, parent itsm.ID) error {
	visibility := itsm.VisibilityInternal
	if w.Public {
		visibility = itsm.VisibilityPublic
		w.updated(note, parent)
	}
	return w.move(Noted{Note: note, Visibility: visibility, Parent: parent})
}

// write applies a note that may be written with another action.
func (w *work) write(text string, v itsm.Visibility) {
	w.faults.Text("note", text, itsm.MaxNote, false)
	w.visible(v)
	w.Note = text
}

func (w *work) visible(v itsm.Visibility) {
	switch v {
	case "", itsm.VisibilityInternal, itsm.VisibilityPublic:
	default:
		w.faults.Addf("visibility", "must be %q or %q", itsm.VisibilityPublic, itsm.VisibilityInternal)
	}
	w.Public = v == itsm.VisibilityPublic
}

// require notes a text that is blank or cannot be one.
func (w *work) require(field, text string) {
	w.faults.Text(field, text, itsm.MaxNote, true)
}

// requireReason notes a reason that is blank; what else can be wrong with it is the command's.
func (w *work) requireReason(reason string) {
	if strings.TrimSpace(reason) == "" {
		w.fault("reason", "is required")
	}
}

// Notes gives a page of the notes that the actor may read, oldest first; after is the Next of
// the page before. Those who may not read what is internal get the public ones.
func (p *Practice) Notes(ctx context.Context, actor itsm.Actor, id itsm.ID, after storage.Cursor, limit int) (storage.Page[engine.NoteRecord], error) {
	var page storage.Page[engine.NoteRecord]
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		i, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		internal, err := p.allows(ctx, actor, PermissionReadInternal, &i)
		if err != nil {
			return err
		}
		page, err = engine.Notes(ctx, r, i.Ref(), internal, after, limit)
		return err
	})
	return page, err
}
