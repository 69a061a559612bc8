// This file holds attachments by reference: what is known of a file that the host keeps.

package incident

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"regexp"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// The bounds of attachments.
const (
	MaxAttachments = 500  // of an incident
	MaxReference   = 2048 // characters of a reference
)

// DefaultMediaType is that of an attachment that names none (RFC 2046, 4.5.1).
const DefaultMediaType = "application/octet-stream"

// Attachment describes a file that the host keeps. The library keeps no contents, and opens no
// reference.
type Attachment struct {
	itsm.Command
	// Name is the file's name, without a path: at most 255 characters in one line.
	Name string `json:"name"`
	// MediaType is that of RFC 2045, "image/png"; empty is [DefaultMediaType].
	MediaType string `json:"media_type,omitempty"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// Digest is of the contents, as the algorithm, a colon and hexadecimal digits: "sha256:9f86…".
	// It may be empty.
	Digest string `json:"digest,omitempty"`
	// Reference is where the host finds it: a URI, or a key of its own.
	Reference string `json:"reference"`
	// Visibility is who may know of it; empty is internal, and public by an actor who may not read
	// what is internal, and who may attach nothing else.
	Visibility itsm.Visibility `json:"visibility,omitempty"`
}

// Attach adds an attachment to an incident, in any state.
func (p *Practice) Attach(ctx context.Context, actor itsm.Actor, id itsm.ID, r Attachment) (Incident, error) {
	return p.command(ctx, actor, id, ActionAttach, r.Command, r, func(ctx context.Context, w *work) error {
		a := AttachmentRecord{
			AttachmentHead: AttachmentHead{
				Incident: id, Visibility: r.Visibility, Name: r.Name, MediaType: orElse(r.MediaType, DefaultMediaType),
				Size: r.Size, By: actor.ID, At: w.now,
			},
			AttachmentBody: AttachmentBody{Digest: r.Digest, Reference: r.Reference},
		}
		if a.Visibility == "" {
			a.Visibility = itsm.VisibilityInternal
			if !w.internal {
				a.Visibility = itsm.VisibilityPublic
			}
		}
		w.checkAttachment(&a)
		if err := w.check(ctx, ActionAttach); err != nil {
			return err
		}
		n, err := attachmentTable.Count(ctx, w.u, attachmentByIncident.Is(id))
		if err != nil {
			return err
		}
		if n >= MaxAttachments {
			return itsm.Invalid(Kind, "attachments", fmt.Sprintf("are %d already; at most %d are allowed", n, MaxAttachments))
		}
		a.ID, a.Created, a.Updated = w.u.NewID(), w.now, w.now
		if err := attachmentTable.Put(ctx, w.u.Quiet(), &a); err != nil {
			return err
		}
		return w.move(Attached{Attachment: a.ID, Visibility: a.Visibility, Name: a.Name, MediaType: a.MediaType, Size: a.Size})
	})
}

var digestForm = regexp.MustCompile(`^[a-z0-9][a-z0-9+._-]{0,31}:[0-9a-fA-F]{32,256}$`)

func (w *work) checkAttachment(a *AttachmentRecord) {
	w.faults.Text("name", a.Name, storage.MaxText, true)
	if strings.ContainsAny(a.Name, "/\\\n\r\t") || a.Name == "." || a.Name == ".." {
		w.faults.Add("name", "must be the name of a file in one line, without a path")
	}
	if t, _, err := mime.ParseMediaType(a.MediaType); err != nil || !strings.Contains(t, "/") || len(a.MediaType) > storage.MaxText {
		w.faults.Add("media_type", `must be a media type such as "image/png"`)
	}
	if a.Size < 0 {
		w.faults.Add("size", "must not be negative")
	}
	if a.Digest != "" && !digestForm.MatchString(a.Digest) {
		w.faults.Add("digest", `must be an algorithm, a colon and at least 32 hexadecimal digits, such as "sha256:9f86…"`)
	}
	w.faults.Text("reference", a.Reference, MaxReference, true)
	switch {
	case a.Visibility != itsm.VisibilityPublic && a.Visibility != itsm.VisibilityInternal:
		w.faults.Addf("visibility", "must be %q or %q", itsm.VisibilityPublic, itsm.VisibilityInternal)
	case a.Visibility == itsm.VisibilityInternal && !w.internal:
		w.faults.Addf("visibility", "must be %q", itsm.VisibilityPublic)
	}
}

// Detachment names an attachment.
type Detachment struct {
	itsm.Command
	Attachment itsm.ID `json:"attachment"`
}

// Detach removes an attachment from an incident, in any state; what the host keeps is the host's to
// remove. Who may not read what is internal removes only what they attached themselves. The timeline
// goes on to tell that it was there, by its name.
func (p *Practice) Detach(ctx context.Context, actor itsm.Actor, id itsm.ID, r Detachment) (Incident, error) {
	return p.command(ctx, actor, id, ActionDetach, r.Command, r, func(ctx context.Context, w *work) error {
		w.faults.Key("attachment", string(r.Attachment))
		a, err := attachmentTable.Get(ctx, w.u.Quiet(), r.Attachment)
		switch {
		case r.Attachment == "":
		case errors.Is(err, storage.ErrNotFound), err == nil && (a.Incident != id || !w.internal && a.Visibility != itsm.VisibilityPublic):
			w.fault("attachment", "is not found")
		case err != nil:
			return err
		case !w.internal && a.By != actor.ID:
			w.fault("attachment", "was attached by someone else")
		}
		if err := w.check(ctx, ActionDetach); err != nil {
			return err
		}
		if err := attachmentTable.Delete(ctx, w.u.Quiet(), &a); err != nil {
			return err
		}
		return w.move(Detached{Attachment: a.ID, Visibility: a.Visibility, Name: a.Name})
	})
}

// Attachments gives a page of the attachments of an incident of which the actor may know, oldest
// first; after is the Next of the page before. Those who may not read what is internal get the
// public ones.
func (p *Practice) Attachments(ctx context.Context, actor itsm.Actor, id itsm.ID, after storage.Cursor, limit int) (storage.Page[AttachmentRecord], error) {
	var page storage.Page[AttachmentRecord]
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		i, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		internal, err := p.allows(ctx, actor, PermissionReadInternal, &i)
		if err != nil {
			return err
		}
		where := []storage.Filter[AttachmentHead]{attachmentByIncident.Is(id)}
		if !internal {
			where = append(where, attachmentByVisibility.Is(itsm.VisibilityPublic))
		}
		page, err = attachmentTable.Records(ctx, r, storage.Query[AttachmentHead]{
			Where: storage.AllOf(where...), Order: []storage.Order{attachmentByAt.Asc()}, After: after, Limit: limit,
		})
		return err
	})
	return page, err
}

// AttachmentRecord is an attachment of an incident.
type AttachmentRecord struct {
	AttachmentHead
	AttachmentBody
}

// AttachmentHead is what attachments are listed by.
type AttachmentHead struct {
	storage.Meta
	Incident   itsm.ID         `json:"incident"`
	Visibility itsm.Visibility `json:"visibility"`
	Name       string          `json:"name"`
	MediaType  string          `json:"media_type"`
	Size       int64           `json:"size"`
	// By attached it, and At is when.
	By itsm.ID   `json:"by"`
	At time.Time `json:"at"`
}

// AttachmentBody is where the host keeps the contents, and what they are known by.
type AttachmentBody struct {
	Digest    string `json:"digest,omitempty"`
	Reference string `json:"reference"`
}

var (
	attachmentByIncident   = storage.Col("incident", func(h *AttachmentHead) *itsm.ID { return &h.Incident })
	attachmentByVisibility = storage.Col("visibility", func(h *AttachmentHead) *itsm.Visibility { return &h.Visibility })
	attachmentByAt         = storage.TimeCol("at", func(h *AttachmentHead) *time.Time { return &h.At })
)

var attachmentTable = storage.Define("incident_attachment", storage.Def[AttachmentRecord, AttachmentHead, AttachmentBody]{
	Parts: func(r *AttachmentRecord) (*AttachmentHead, *AttachmentBody) {
		return &r.AttachmentHead, &r.AttachmentBody
	},
	Columns: []storage.ColumnOf[AttachmentHead]{
		attachmentByIncident, attachmentByVisibility, attachmentByAt,
		storage.Col("name", func(h *AttachmentHead) *string { return &h.Name }),
		storage.Col("media_type", func(h *AttachmentHead) *string { return &h.MediaType }),
		storage.Col("size", func(h *AttachmentHead) *int64 { return &h.Size }),
		storage.Col("by", func(h *AttachmentHead) *itsm.ID { return &h.By }),
	},
	Indexes: []storage.Index{storage.IndexOn(attachmentByIncident.Asc(), attachmentByAt.Asc())},
})
