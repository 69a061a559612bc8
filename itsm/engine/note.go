package engine

import (
	"context"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// NoteRecord is a note on a record of any kind, kept as a record of its own, so that a record
// with a thousand notes is not rewritten with each.
type NoteRecord struct {
	NoteHead
	NoteBody
}

// NoteHead is what notes are listed by.
type NoteHead struct {
	storage.Meta
	SubjectKind string          `json:"subject_kind"`
	Subject     storage.ID      `json:"subject"`
	Visibility  itsm.Visibility `json:"visibility"`
	Author      storage.ID      `json:"author"`
	At          time.Time       `json:"at"`
}

// NoteBody is the note's text and its author's name at the time.
type NoteBody struct {
	AuthorName string `json:"author_name,omitempty"`
	Text       string `json:"text"`
}

// The columns of the notes' table.
var (
	NoteBySubjectKind = storage.Col("subject_kind", func(h *NoteHead) *string { return &h.SubjectKind })
	NoteBySubject     = storage.Col("subject", func(h *NoteHead) *storage.ID { return &h.Subject })
	NoteByVisibility  = storage.Col("visibility", func(h *NoteHead) *itsm.Visibility { return &h.Visibility })
	NoteByAuthor      = storage.Col("author", func(h *NoteHead) *storage.ID { return &h.Author })
	NoteByAt          = storage.TimeCol("at", func(h *NoteHead) *time.Time { return &h.At })
)

// NoteTable is the table of all notes.
var NoteTable = storage.Define("note", storage.Def[NoteRecord, NoteHead, NoteBody]{
	Parts:   func(r *NoteRecord) (*NoteHead, *NoteBody) { return &r.NoteHead, &r.NoteBody },
	Columns: []storage.ColumnOf[NoteHead]{NoteBySubjectKind, NoteBySubject, NoteByVisibility, NoteByAuthor, NoteByAt},
	Indexes: []storage.Index{
		storage.IndexOn(NoteBySubjectKind.Asc(), NoteBySubject.Asc(), NoteByAt.Asc()),
		storage.IndexOn(NoteByAuthor.Asc()), // who is erased is taken out of what they wrote
	},
})

// AddNote writes a note on a record and gives its id. It emits nothing: the practice's event
// about the record names the note.
func (u *Unit) AddNote(ctx context.Context, on itsm.Ref, n itsm.Note) (storage.ID, error) {
	if n.At.IsZero() {
		n.At = u.Now()
	}
	if n.Author == "" {
		n.Author, n.AuthorName = u.actor.ID, u.actor.Name
	}
	if u.e.r.nameless && !(u.actor.System && n.Author == u.actor.ID) {
		n.AuthorName = ""
	}
	if n.Visibility == "" {
		n.Visibility = itsm.VisibilityInternal
	}
	if err := n.Validate(); err != nil {
		return "", err
	}
	r := NoteRecord{
		NoteHead: NoteHead{SubjectKind: on.Kind, Subject: on.ID, Visibility: n.Visibility, Author: n.Author, At: n.At},
		NoteBody: NoteBody{AuthorName: n.AuthorName, Text: n.Text},
	}
	r.ID, r.Created, r.Updated = u.NewID(), u.Now(), u.Now()
	return r.ID, NoteTable.Put(ctx, u.Quiet(), &r)
}

// Notes gives a page of the notes on a record, oldest first. Without internal it gives the
// public ones alone. It asks for no permission: that is for the practice.
func Notes(ctx context.Context, r storage.Reader, on itsm.Ref, internal bool, after storage.Cursor, limit int) (storage.Page[NoteRecord], error) {
	where := []storage.Filter[NoteHead]{NoteBySubjectKind.Is(on.Kind), NoteBySubject.Is(on.ID)}
	if !internal {
		where = append(where, NoteByVisibility.Is(itsm.VisibilityPublic))
	}
	return NoteTable.Records(ctx, r, storage.Query[NoteHead]{
		Where: storage.AllOf(where...), Order: []storage.Order{NoteByAt.Asc()}, After: after, Limit: limit,
	})
}
