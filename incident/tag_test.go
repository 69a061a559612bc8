package incident_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

func (d *serviceDesk) tag(id itsm.ID, tags ...string) {
	d.t.Helper()
	_, err := d.Tag(d.t.Context(), mona, id, incident.Tagging{Tags: tags})
	require.NoError(d.t, err)
}

func TestTagsAreNormalBoundedAndToldOnce(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	i := d.report()
	i, err := d.Tag(ctx, ana, i.ID, incident.Tagging{Tags: []string{" VIP ", "Wave  2", "vip", "Über/größe"}})
	require.NoError(t, err)
	require.Equal(t, []string{"vip", "wave-2", "über/größe"}, i.Tags)
	require.Equal(t, incident.TagsAdded{Tags: []string{"vip", "wave-2", "über/größe"}}, d.last(i.ID).Data)
	again, err := d.Tag(ctx, ana, i.ID, incident.Tagging{Tags: []string{"Vip"}})
	require.NoError(t, err)
	require.Equal(t, i.Version, again.Version, "nothing is another")
	_, err = d.Tag(ctx, ana, i.ID, incident.Tagging{Tags: []string{"", "a!b", strings.Repeat("x", 65), "\xff", "ok"}})
	require.Equal(t, []string{"tags[0]", "tags[1]", "tags[2]", "tags[3]"}, faults(t, err))
	many := make([]string, 48)
	for n := range many {
		many[n] = fmt.Sprint("t", n)
	}
	_, err = d.Tag(ctx, ana, i.ID, incident.Tagging{Tags: many})
	require.Equal(t, []string{"tags"}, faults(t, err))
	i, err = d.Untag(ctx, ana, i.ID, incident.Tagging{Tags: []string{"WAVE 2", "none"}})
	require.NoError(t, err)
	require.Equal(t, []string{"vip", "über/größe"}, i.Tags)
	require.Equal(t, incident.TagsRemoved{Tags: []string{"wave-2"}}, d.last(i.ID).Data)
	require.Equal(t, "tags", d.last(i.ID).Changes[0].Field)
}

func TestIncidentsAreFoundByTheirTags(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	one, two := d.report(), d.report()
	d.tag(one.ID, "vip", "mail")
	d.tag(two.ID, "mail")
	found := func(actor itsm.Actor, where storage.Filter[incident.Head]) []itsm.ID {
		ids := []itsm.ID{}
		for h, err := range d.All(ctx, actor, incident.Query{Where: where}) {
			require.NoError(t, err)
			ids = append(ids, h.ID)
		}
		return ids
	}
	require.ElementsMatch(t, []itsm.ID{one.ID, two.ID}, found(ana, incident.HasTag("VIP", "mail")))
	require.Equal(t, []itsm.ID{one.ID}, found(ana, storage.AllOf(incident.HasTag("vip"), incident.HasTag("mail"))))
	require.Equal(t, []itsm.ID{two.ID}, found(ana, storage.AllOf(storage.NotOf(incident.HasTag("vip")), incident.ByOpen.Is(true))))
	require.Empty(t, found(ana, incident.HasTag("no such tag!")))
	require.Empty(t, found(ana, incident.HasTag()))
	_, err := d.Untag(ctx, ana, one.ID, incident.Tagging{Tags: []string{"vip"}})
	require.NoError(t, err)
	require.Empty(t, found(ana, incident.HasTag("vip")))

	// Her own incidents do not answer to their tags, nor to the absence of them.
	require.Empty(t, found(rita, incident.HasTag("mail")))
	require.Empty(t, found(rita, storage.NotOf(incident.HasTag("mail"))))
	hers, err := d.Get(ctx, rita, two.ID)
	require.NoError(t, err)
	require.Nil(t, hers.Tags)
	entries, err := d.Timeline(ctx, rita, two.ID)
	require.NoError(t, err)
	raw, err := json.Marshal(entries)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "mail\"")

	// What continues a closed incident has its tags.
	_, err = d.Resolve(ctx, ana, two.ID, fixed)
	require.NoError(t, err)
	_, err = d.Confirm(ctx, ana, two.ID, itsm.Command{})
	require.NoError(t, err)
	next, err := d.FollowUp(ctx, ana, two.ID, incident.FollowUp{})
	require.NoError(t, err)
	require.Contains(t, found(ana, incident.HasTag("mail")), next.ID)
}

func TestSuggestionsAndCountsOfTagsTellNothingOfWhatIsNotForTheActor(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	secret := d.report(restricted("sam"))
	d.tag(secret.ID, "merger", "mail")
	d.tag(d.report().ID, "mail", "Mouse")
	vendors := d.report(func(r *incident.Report) { r.Group = "vendor" })
	d.tag(vendors.ID, "modem", "mail")
	stranger := mona
	stranger.Tenant = "elsewhere"
	abroad, err := d.Log(ctx, stranger, incident.Report{Title: "x", Requester: "rita"})
	require.NoError(t, err)
	_, err = d.Tag(ctx, stranger, abroad.ID, incident.Tagging{Tags: []string{"moon", "mail"}})
	require.NoError(t, err)

	for _, c := range []struct {
		name  string
		actor itsm.Actor
		want  []string
		mail  int64
	}{
		{"who sees all", mona, []string{"mail", "merger", "modem", "mouse"}, 3},
		{"who sees what is not restricted", ana, []string{"mail", "modem", "mouse"}, 2},
		{"a member", sam, []string{"mail", "merger", "modem", "mouse"}, 3},
		{"who sees their group's alone", pat, []string{"mail", "modem"}, 1},
		{"the requester", rita, nil, 0},
		{"another tenant", stranger, []string{"mail", "moon"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := d.SuggestTags(ctx, c.actor, "M", 0)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			all := []string{"Mail", "merger", "modem", "mouse", "moon"}
			counts, err := d.CountTags(ctx, c.actor, incident.Query{}, all...)
			require.NoError(t, err)
			require.Len(t, counts, len(all))
			require.Equal(t, incident.TagCount{Tag: "mail", Count: c.mail}, counts[0])
			for _, n := range counts[1:] {
				want := int64(0)
				for _, tag := range c.want {
					if tag == n.Tag {
						want = 1
					}
				}
				require.Equal(t, want, n.Count, n.Tag)
			}
		})
	}
	got, err := d.SuggestTags(ctx, mona, "mo", 1)
	require.NoError(t, err)
	require.Equal(t, []string{"modem"}, got)
	got, err = d.SuggestTags(ctx, mona, "", 2)
	require.NoError(t, err)
	require.Equal(t, []string{"mail", "merger"}, got)
	_, err = d.SuggestTags(ctx, mona, "a!", 51)
	require.Equal(t, []string{"limit", "prefix"}, faults(t, err))
	_, err = d.CountTags(ctx, mona, incident.Query{}, "a!")
	require.Equal(t, []string{"tags[0]"}, faults(t, err))
	nobody := itsm.Actor{Tenant: "acme", ID: "nobody"}
	_, err = d.SuggestTags(ctx, nobody, "m", 0)
	require.ErrorIs(t, err, itsm.ErrForbidden)

	counts, err := d.CountTags(ctx, mona, incident.Query{Where: incident.ByGroup.Is("vendor")}, "mail", "mouse")
	require.NoError(t, err)
	require.Equal(t, []incident.TagCount{{Tag: "mail", Count: 1}, {Tag: "mouse", Count: 0}}, counts)
}
