package problem_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/problem"
)

// publish drafts and publishes a known error.
func (d *fixture) publish(title string, change ...func(*problem.KnownErrorDraft)) problem.KnownError {
	d.t.Helper()
	r := problem.KnownErrorDraft{Title: title, Symptom: title, NoWorkaround: true}
	for _, fn := range change {
		fn(&r)
	}
	k, err := d.DraftKnownError(d.t.Context(), mona, r)
	require.NoError(d.t, err)
	k, err = d.PublishKnownError(d.t.Context(), mona, k.ID, itsm.Command{})
	require.NoError(d.t, err)
	return k
}

func (d *fixture) suggest(as itsm.Actor, m problem.Matter) []problem.Suggestion {
	d.t.Helper()
	got, err := d.Suggest(d.t.Context(), as, m)
	require.NoError(d.t, err)
	return got
}

func titles(all []problem.Suggestion) (titles []string) {
	for _, s := range all {
		titles = append(titles, s.Title)
	}
	return titles
}

// A matter is matched to known errors, with a score that says what it is made of.
func TestAMatterIsMatchedToKnownErrorsAndSaysWhy(t *testing.T) {
	d := open(t, problem.Options{})
	for n := range 8 {
		d.publish(fmt.Sprintf("Printer %s jams with paper", string(rune('a'+n))))
	}
	relay := d.publish("Relay drops mail with attachments", func(r *problem.KnownErrorDraft) { r.CIs, r.Category = []itsm.ID{"relay-1"}, "mail" })
	d.publish("Attachments vanish from calendar invitations")
	got := d.suggest(ana, problem.Matter{Title: "Mail with attachments does not arrive", Description: "The printer works", CIs: []itsm.ID{"relay-1", "relay-1"}, Category: "mail"})
	require.Equal(t, []string{"Relay drops mail with attachments"}, titles(got), "one word in common is not enough, and a word of most of them counts nothing")
	require.Equal(t, []problem.Contribution{
		{Like: problem.LikeCI, Value: "relay-1", Points: 40},
		{Like: problem.LikeCategory, Value: "mail", Points: 10},
		{Like: problem.LikeWord, Value: "mail", Points: 6, In: 1, All: 10},
		{Like: problem.LikeWord, Value: "attachments", Points: 5, In: 2, All: 10},
	}, got[0].What)
	require.EqualValues(t, 61, got[0].Score)

	// The same CI is enough, and the same matter has the same answer.
	require.Equal(t, []string{relay.Title}, titles(d.suggest(ana, problem.Matter{Title: "?", CIs: []itsm.ID{"relay-1"}})))
	m := problem.Matter{Title: "paper jams in printer", Limit: 3}
	require.Len(t, d.suggest(ana, m), 0, "paper, jams and printer stand in most of them")
	require.Empty(t, d.suggest(ana, problem.Matter{}))
	_, err := d.Suggest(t.Context(), ana, problem.Matter{Limit: -1})
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

// Suggested is what the reader may read: not what is withdrawn, retired, restricted or for others.
func TestSuggestedIsWhatTheReaderMayRead(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	k := d.publish("Relay drops large mail", func(r *problem.KnownErrorDraft) { r.CIs = []itsm.ID{"relay-1"} })
	m := problem.Matter{Title: "large mail is dropped by the relay", CIs: []itsm.ID{"relay-1"}}
	require.Len(t, d.suggest(ana, m), 1)
	require.Empty(t, d.suggest(rita, m), "it is for staff")
	_, err := d.Suggest(ctx, itsm.Actor{Tenant: "acme", ID: "x"}, m)
	require.ErrorIs(t, err, itsm.ErrForbidden)
	require.Empty(t, d.suggest(gus, m))
	_, err = d.EditKnownError(ctx, mona, k.ID, problem.KnownErrorEdit{Audience: ptr(problem.AudienceEveryone)})
	require.NoError(t, err)
	got := d.suggest(rita, m)
	require.Len(t, got, 1)
	for _, c := range got[0].What {
		require.Equal(t, problem.LikeWord, c.Like, "she is not told of CIs")
		require.EqualValues(t, 1, c.All)
	}
	_, err = d.EditKnownError(ctx, mona, k.ID, problem.KnownErrorEdit{Title: ptr("Something else"), Symptom: ptr("Nothing alike")})
	require.NoError(t, err)
	require.Empty(t, d.suggest(rita, m))
	require.Len(t, d.suggest(ana, m), 1, "by its CI")
	_, err = d.WithdrawKnownError(ctx, mona, k.ID, because("Wording"))
	require.NoError(t, err)
	require.Empty(t, d.suggest(ana, m))

	p := d.in(problem.StateKnownError)
	_, err = d.EditKnownError(ctx, mona, p.KnownError, problem.KnownErrorEdit{NoWorkaround: ptr(true)})
	require.NoError(t, err)
	_, err = d.PublishKnownError(ctx, mona, p.KnownError, itsm.Command{})
	require.NoError(t, err)
	require.Len(t, d.suggest(ana, m), 1)
	require.Equal(t, p.ID, d.suggest(ana, m)[0].Problem)
	_, err = d.Restrict(ctx, mona, p.ID, problem.Restriction{})
	require.NoError(t, err)
	require.Empty(t, d.suggest(ana, m))
	require.Empty(t, d.suggest(mona, m), "what is restricted is suggested to nobody")
	_, err = d.Unrestrict(ctx, mona, p.ID, itsm.Command{})
	require.NoError(t, err)
	require.Len(t, d.suggest(ana, m), 1)
	_, err = d.Cancel(ctx, mona, p.ID, because("It is none"))
	require.NoError(t, err)
	require.Empty(t, d.suggest(ana, m))
}

// Whatever is published, withdrawn and edited, the index finds what a look at every known error finds.
func TestTheIndexOfWordsIsWhatIsPublished(t *testing.T) {
	words := []string{"mail", "relay", "printer", "paper", "network", "switch"}
	rapid.Check(t, func(rt *rapid.T) {
		d, ctx := open(t, problem.Options{}), t.Context()
		text := func() string {
			n := rapid.IntRange(1, 3).Draw(rt, "words")
			out := ""
			for range n {
				out += rapid.SampledFrom(words).Draw(rt, "word") + " "
			}
			return out
		}
		type known struct {
			id        itsm.ID
			text      string
			published bool
			everyone  bool
		}
		var all []*known
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			d.now = d.now.Add(time.Second)
			if len(all) == 0 || rapid.IntRange(0, 2).Draw(rt, "what") == 0 {
				k := &known{text: text(), everyone: rapid.Bool().Draw(rt, "everyone")}
				a := problem.AudienceStaff
				if k.everyone {
					a = problem.AudienceEveryone
				}
				got, err := d.DraftKnownError(ctx, mona, problem.KnownErrorDraft{Title: k.text, Symptom: "x", NoWorkaround: true, Audience: a})
				require.NoError(rt, err)
				k.id = got.ID
				all = append(all, k)
				continue
			}
			k := rapid.SampledFrom(all).Draw(rt, "one")
			var err error
			switch rapid.IntRange(0, 1).Draw(rt, "change") {
			case 0:
				if k.published {
					_, err = d.WithdrawKnownError(ctx, mona, k.id, because("So"))
				} else {
					_, err = d.PublishKnownError(ctx, mona, k.id, itsm.Command{})
				}
				k.published = !k.published
			case 1:
				k.text = text()
				_, err = d.EditKnownError(ctx, mona, k.id, problem.KnownErrorEdit{Title: &k.text})
			}
			require.NoError(rt, err)
		}
		asked := text()
		for _, reader := range []itsm.Actor{ana, rita} {
			reads := func(k *known) bool { return k.published && (k.everyone || reader.ID == "ana") }
			total, in := 0, map[string]int{}
			for _, k := range all {
				if reads(k) {
					total++
					for _, w := range problem.Words(10, k.text) {
						in[w]++
					}
				}
			}
			want := map[itsm.ID]int64{}
			for _, k := range all {
				shared, score := 0, int64(0)
				for _, w := range problem.Words(10, asked) {
					for _, own := range problem.Words(10, k.text) {
						if reads(k) && w == own && (total < 8 || 2*in[w] <= total) {
							rarity := 0
							for n := total / in[w]; n > 0; n /= 2 {
								rarity++
							}
							shared, score = shared+1, score+2+int64(min(8, rarity))
						}
					}
				}
				if shared > 1 {
					want[k.id] = score
				}
			}
			got := map[itsm.ID]int64{}
			for _, s := range d.suggest(reader, problem.Matter{Title: asked, Limit: 100}) {
				got[s.ID] = s.Score
			}
			require.Equal(rt, want, got, "for %q as %s", asked, reader.ID)
		}
	})
}
