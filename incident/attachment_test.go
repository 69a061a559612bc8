package incident_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
)

func TestAttachmentsAreListedByPagesAndHiddenWhereInternal(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.report()
	const digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	attach := func(actor itsm.Actor, name string, v itsm.Visibility) {
		t.Helper()
		_, err := d.Attach(ctx, actor, i.ID, incident.Attachment{
			Name: name, MediaType: "image/png", Size: 12, Digest: digest, Reference: "s3://bucket/" + name, Visibility: v,
		})
		require.NoError(t, err)
		d.now = d.now.Add(time.Second)
	}
	attach(rita, "screen.png", "")
	attach(ana, "core dump", "")
	attach(ana, "manual.pdf", itsm.VisibilityPublic)

	names := func(actor itsm.Actor, limit int) []string {
		t.Helper()
		var out []string
		page, err := d.Attachments(ctx, actor, i.ID, "", limit)
		for {
			require.NoError(t, err)
			for _, a := range page.Items {
				out = append(out, a.Name)
			}
			if page.Next == "" {
				return out
			}
			page, err = d.Attachments(ctx, actor, i.ID, page.Next, limit)
		}
	}
	require.Equal(t, []string{"screen.png", "core dump", "manual.pdf"}, names(ana, 2))
	require.Equal(t, []string{"screen.png", "manual.pdf"}, names(rita, 1))
	_, err := d.Attachments(ctx, rob, i.ID, "", 0)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	page, err := d.Attachments(ctx, rita, i.ID, "", 1)
	require.NoError(t, err)
	first := page.Items[0]
	require.Equal(t, incident.AttachmentBody{Digest: digest, Reference: "s3://bucket/screen.png"}, first.AttachmentBody)
	require.Equal(t, itsm.VisibilityPublic, first.Visibility, "what a requester attaches is no secret to them")

	entries, err := d.Timeline(ctx, rita, i.ID)
	require.NoError(t, err)
	raw, err := json.Marshal(entries)
	require.NoError(t, err)
	require.Contains(t, string(raw), "manual.pdf")
	require.NotContains(t, string(raw), "core dump")
	require.NotContains(t, string(raw), "s3://")

	_, err = d.Attach(ctx, rita, i.ID, incident.Attachment{Name: "x", Reference: "x", Visibility: itsm.VisibilityInternal})
	require.Equal(t, []string{"visibility"}, faults(t, err))
	for _, name := range []string{"", "..", "a/b", `a\b`, "a\nb"} {
		_, err = d.Attach(ctx, ana, i.ID, incident.Attachment{Name: name, Reference: "x"})
		require.Contains(t, faults(t, err), "name", "%q", name)
	}

	// Requesters take back what is theirs.
	all, err := d.Attachments(ctx, ana, i.ID, "", 0)
	require.NoError(t, err)
	_, err = d.Detach(ctx, rita, i.ID, incident.Detachment{Attachment: all.Items[1].ID})
	require.EqualError(t, err, "incident: invalid: attachment is not found")
	_, err = d.Detach(ctx, rita, i.ID, incident.Detachment{Attachment: "none"})
	require.EqualError(t, err, "incident: invalid: attachment is not found", "in the very words")
	_, err = d.Detach(ctx, rita, i.ID, incident.Detachment{Attachment: all.Items[2].ID})
	require.EqualError(t, err, "incident: invalid: attachment was attached by someone else")
	_, err = d.Detach(ctx, ana, d.report().ID, incident.Detachment{Attachment: first.ID})
	require.EqualError(t, err, "incident: invalid: attachment is not found", "it is of another incident")
	_, err = d.Detach(ctx, rita, i.ID, incident.Detachment{Attachment: first.ID})
	require.NoError(t, err)
	_, err = d.Detach(ctx, ana, i.ID, incident.Detachment{Attachment: all.Items[1].ID})
	require.NoError(t, err)
	require.Equal(t, incident.Detached{Attachment: all.Items[1].ID, Visibility: itsm.VisibilityInternal, Name: "core dump"}, d.last(i.ID).Data)
	require.Equal(t, []string{"manual.pdf"}, names(ana, 0))
}
