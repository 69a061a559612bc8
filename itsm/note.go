// This file holds notes on records.

package itsm

import "time"

// Visibility says who may read a note.
type Visibility string

const (
	// VisibilityPublic is for everyone who may read the record, its requester too.
	VisibilityPublic Visibility = "public"
	// VisibilityInternal is for those with the permission "<kind>.read_internal" only.
	VisibilityInternal Visibility = "internal"
)

// MaxNote is the greatest length of a note in characters.
const MaxNote = 65536

// Note is what someone wrote on a record. It is never edited.
type Note struct {
	At time.Time `json:"at"`
	// Author is who wrote it, and AuthorName their name at that time.
	Author     ID         `json:"author"`
	AuthorName string     `json:"author_name,omitempty"`
	Visibility Visibility `json:"visibility"`
	Text       string     `json:"text"`
}

// Validate gives [ErrInvalid] with every fault: a time and an author, a known visibility, a
// text that is not blank and has at most [MaxNote] characters.
func (n Note) Validate() error {
	var f Faults
	if n.At.IsZero() {
		f.Add("at", "is required")
	}
	f.Key("author", string(n.Author))
	if n.Visibility != VisibilityPublic && n.Visibility != VisibilityInternal {
		f.Addf("visibility", "must be %q or %q", VisibilityPublic, VisibilityInternal)
	}
	f.Text("text", n.Text, MaxNote, true)
	return f.Err("note")
}
