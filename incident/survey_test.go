package incident_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
)

func asking(questions ...incident.SurveyQuestion) incident.Options {
	return incident.Options{Survey: incident.SurveyPolicy{Share: 100, Questions: questions, Window: 48 * time.Hour}}
}

func TestD10ARequesterSaysOnceHowContentTheyAre(t *testing.T) {
	d, ctx := openDesk(t, asking()), t.Context()
	i := d.in(incident.StateResolved)
	_, err := d.AnswerSurvey(ctx, rita, i.ID, incident.SurveyAnswer{CSAT: ptr(4)})
	require.ErrorIs(t, err, itsm.ErrTransition, "it is not closed")
	i, err = d.Confirm(ctx, rita, i.ID, itsm.Command{})
	require.NoError(t, err)
	require.Equal(t, incident.SurveyStateOpen, i.SurveyState)
	require.Equal(t, incident.SurveyOffered{Questions: []incident.SurveyQuestion{incident.SurveyCSAT}, Until: d.now.Add(48 * time.Hour)}, d.last(i.ID).Data)

	_, err = d.AnswerSurvey(ctx, rita, i.ID, incident.SurveyAnswer{})
	require.Equal(t, []string{"csat or nps"}, faults(t, err))
	_, err = d.AnswerSurvey(ctx, rita, i.ID, incident.SurveyAnswer{CSAT: ptr(0), NPS: ptr(9)})
	require.Equal(t, []string{"csat", "nps"}, faults(t, err))
	_, err = d.AnswerSurvey(ctx, ana, i.ID, incident.SurveyAnswer{CSAT: ptr(5)})
	require.ErrorIs(t, err, itsm.ErrForbidden, "nobody praises themselves")
	i, err = d.AnswerSurvey(ctx, rita, i.ID, incident.SurveyAnswer{CSAT: ptr(4), Comment: "Quick, but rude"})
	require.NoError(t, err)
	require.Equal(t, ptr(4), i.CSAT)
	require.Equal(t, incident.SurveyStateAnswered, i.SurveyState)
	require.Equal(t, "Quick, but rude", i.Survey.Comment)
	require.Equal(t, incident.SurveyAnswered{CSAT: ptr(4)}, d.last(i.ID).Data)
	_, err = d.AnswerSurvey(ctx, rita, i.ID, incident.SurveyAnswer{CSAT: ptr(1)})
	require.ErrorContains(t, err, "its survey is answered already")
	require.Zero(t, d.wait(72*time.Hour).Jobs, "its time is no longer waited for")
	require.Equal(t, incident.SurveyStateAnswered, d.get(i.ID).SurveyState)
}

func TestD10TheCommentIsForItsAuthorAndTheDesk(t *testing.T) {
	d, ctx := openDesk(t, asking()), t.Context()
	i := d.report(func(r *incident.Report) { r.Affected = "rob" })
	_, err := d.Resolve(ctx, ana, i.ID, fixed)
	require.NoError(t, err)
	_, err = d.Confirm(ctx, rita, i.ID, itsm.Command{})
	require.NoError(t, err)
	_, err = d.AnswerSurvey(ctx, rita, i.ID, incident.SurveyAnswer{CSAT: ptr(1), Comment: "Rob broke it"})
	require.NoError(t, err)
	for _, c := range []struct {
		actor itsm.Actor
		want  string
	}{{rita, "Rob broke it"}, {ana, "Rob broke it"}, {rob, ""}} {
		seen, err := d.Get(ctx, c.actor, i.ID)
		require.NoError(t, err)
		require.Equal(t, c.want, seen.Survey.Comment)
	}
	entries, err := d.Timeline(ctx, rob, i.ID)
	require.NoError(t, err)
	for _, e := range entries {
		for _, change := range e.Event.Changes {
			require.NotContains(t, string(change.New), "broke")
		}
	}
}

func TestD10ASurveyLapsesAndIsOfferedByPolicy(t *testing.T) {
	d, ctx := openDesk(t, asking()), t.Context()
	i := d.in(incident.StateClosed)
	d.now = d.now.Add(48 * time.Hour)
	_, err := d.AnswerSurvey(ctx, rita, i.ID, incident.SurveyAnswer{CSAT: ptr(1)})
	require.ErrorContains(t, err, "the time to answer its survey has ended", "whether the job ran or not")
	require.Equal(t, 1, d.wait(0).Jobs)
	require.Equal(t, incident.SurveyStateLapsed, d.get(i.ID).SurveyState)
	require.Equal(t, incident.SurveyLapsed{}, d.last(i.ID).Data)
	require.Empty(t, d.in(incident.StateCancelled).SurveyState)

	require.Empty(t, openDesk(t, incident.Options{}).in(incident.StateClosed).SurveyState, "no one is asked by default")
	share := openDesk(t, incident.Options{Survey: incident.SurveyPolicy{Share: 30, Window: incident.Never}})
	asked := 0
	for range 200 {
		if i := share.in(incident.StateClosed); i.SurveyState == incident.SurveyStateOpen {
			require.Zero(t, i.Survey.Until)
			asked++
		}
	}
	require.InDelta(t, 60, asked, 30)

	_, err = incident.New(d.e, incident.Options{Survey: incident.SurveyPolicy{Share: 101, Questions: []incident.SurveyQuestion{"x", "csat", "csat"}}})
	require.Equal(t, []string{"survey.share", "survey.questions[0]", "survey.questions"}, faults(t, err))
}

func TestD11AveragesAndTheNetPromoterScoreAreCounted(t *testing.T) {
	d, ctx := openDesk(t, asking(incident.SurveyCSAT, incident.SurveyNPS)), t.Context()
	answer := func(csat, nps *int, change ...func(*incident.Report)) {
		t.Helper()
		i := d.report(change...)
		_, err := d.Resolve(ctx, mona, i.ID, fixed)
		require.NoError(t, err)
		_, err = d.Confirm(ctx, mona, i.ID, itsm.Command{})
		require.NoError(t, err)
		if csat != nil || nps != nil {
			_, err = d.AnswerSurvey(ctx, mona, i.ID, incident.SurveyAnswer{CSAT: csat, NPS: nps})
			require.NoError(t, err)
		}
	}
	for _, score := range [][2]*int{{ptr(5), ptr(10)}, {ptr(4), ptr(9)}, {ptr(4), ptr(8)}, {nil, ptr(0)}, {ptr(2), nil}, {nil, nil}} {
		answer(score[0], score[1])
	}
	answer(ptr(1), ptr(1), restricted())

	s, err := d.Satisfaction(ctx, ana, incident.Query{})
	require.NoError(t, err)
	require.Equal(t, incident.Satisfaction{
		Open: 1, Answered: 5, CSAT: [6]int64{2: 1, 4: 2, 5: 1}, NPS: [11]int64{0: 1, 8: 1, 9: 1, 10: 1},
	}, s, "the restricted one is not hers to count")
	average, ok := s.AverageCSAT()
	require.True(t, ok)
	require.Equal(t, "3.75", average.String())
	score, ok := s.NetPromoterScore()
	require.True(t, ok)
	require.Equal(t, "25", score.String(), "two promoters less one detractor, of four")

	s, err = d.Satisfaction(ctx, mona, incident.Query{Where: incident.ByRestricted.Is(true)})
	require.NoError(t, err)
	average, _ = s.AverageCSAT()
	score, _ = s.NetPromoterScore()
	require.Equal(t, [2]string{"1", "-100"}, [2]string{average.String(), score.String()})
	_, ok = incident.Satisfaction{}.AverageCSAT()
	require.False(t, ok)
	_, ok = incident.Satisfaction{}.NetPromoterScore()
	require.False(t, ok)
}
