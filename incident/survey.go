// This file holds the survey: what a requester is asked when their incident is closed, and says.

package incident

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// SurveyQuestion is what a survey asks for.
type SurveyQuestion string

// The questions.
const (
	// SurveyCSAT is how content the requester is: 1 (very discontent) to 5 (very content).
	SurveyCSAT SurveyQuestion = "csat"
	// SurveyNPS is how likely the requester is to recommend the service: 0 (not at all) to 10.
	SurveyNPS SurveyQuestion = "nps"
)

// DefaultSurveyWindow is how long a requester has to answer.
const DefaultSurveyWindow = 14 * 24 * time.Hour

// SurveyPolicy says which requesters are asked, what, and for how long they may answer. The zero
// value asks no one.
type SurveyPolicy struct {
	// Share is how many of a hundred closed incidents are surveyed: 0 is none, 100 is all. Which they
	// are follows from their ids alone.
	Share int
	// Questions are what is asked; nil is [SurveyCSAT].
	Questions []SurveyQuestion
	// Window is how long the requester may answer; 0 is [DefaultSurveyWindow], negative has no end.
	Window time.Duration
}

func (s SurveyPolicy) withDefaults(f *itsm.Faults) SurveyPolicy {
	if s.Share < 0 || s.Share > 100 {
		f.Add("survey.share", "must be from 0 to 100")
	}
	if len(s.Questions) == 0 {
		s.Questions = []SurveyQuestion{SurveyCSAT}
	}
	for i, q := range s.Questions {
		if q != SurveyCSAT && q != SurveyNPS {
			f.Addf(fmt.Sprintf("survey.questions[%d]", i), "must be %q or %q", SurveyCSAT, SurveyNPS)
		}
		if slices.Contains(s.Questions[:i], q) {
			f.Addf("survey.questions", "have %q twice", q)
		}
	}
	s.Questions = slices.Clone(s.Questions)
	s.Window = orElse(s.Window, DefaultSurveyWindow)
	return s
}

// SurveyState says how far a survey is.
type SurveyState string

// The states.
const (
	// SurveyStateNone is an incident that is not surveyed.
	SurveyStateNone SurveyState = ""
	// SurveyStateOpen waits for an answer, SurveyStateAnswered has one, SurveyStateLapsed has none and
	// gets none.
	SurveyStateOpen     SurveyState = "open"
	SurveyStateAnswered SurveyState = "answered"
	SurveyStateLapsed   SurveyState = "lapsed"
)

// Survey is what a requester is asked. The scores stand in the head of the incident.
type Survey struct {
	Questions []SurveyQuestion `json:"questions"`
	Offered   time.Time        `json:"offered"`
	// Until is when the time to answer ends; zero is never.
	Until time.Time `json:"until,omitzero"`
	// Answered is when By answered it. The comment is for By and for those who may read what is
	// internal.
	Answered time.Time `json:"answered,omitzero"`
	By       itsm.ID   `json:"by,omitempty"`
	Comment  string    `json:"comment,omitempty"`
}

// sampled says whether an incident is among the share of a hundred.
func sampled(id itsm.ID, share int) bool {
	sum := sha256.Sum256([]byte(id))
	return binary.BigEndian.Uint64(sum[:])%100 < uint64(share)
}

// offerSurvey asks the requester of an incident that was closed. An incident is surveyed once; one whose
// history was imported is not, as its requester may have had to do with it long ago.
func (w *work) offerSurvey() {
	policy := &w.p.o.Survey
	if w.SurveyState != SurveyStateNone || w.Imported != nil || !sampled(w.ID, policy.Share) {
		return
	}
	s := &Survey{Questions: slices.Clone(policy.Questions), Offered: w.now}
	if policy.Window >= 0 {
		s.Until = w.now.Add(policy.Window)
		w.after = append(w.after, func(ctx context.Context) error { return w.u.Schedule(ctx, jobOf(jobSurvey, w.ID, s.Until)) })
	}
	w.SurveyState, w.Survey = SurveyStateOpen, s
	w.tell(w.State, w.State, SurveyOffered{Questions: s.Questions, Until: s.Until})
}

// surveyIsOpen is the guard of an answer.
func surveyIsOpen(c *Case) string {
	switch s := c.Was.Survey; {
	case c.Was.SurveyState == SurveyStateAnswered:
		return "its survey is answered already"
	case c.Was.SurveyState == SurveyStateLapsed, s != nil && !s.Until.IsZero() && !c.now.Before(s.Until):
		return "the time to answer its survey has ended"
	case c.Was.SurveyState != SurveyStateOpen || s == nil:
		return "it has no survey"
	}
	return ""
}

// SurveyAnswer is how content a requester is.
type SurveyAnswer struct {
	itsm.Command
	// CSAT is from 1 to 5, NPS from 0 to 10: each where the survey asks for it, and at least one.
	CSAT *int `json:"csat,omitempty"`
	NPS  *int `json:"nps,omitempty"`
	// Comment is at most [MaxComment] characters.
	Comment string `json:"comment,omitempty"`
}

// MaxComment is the greatest length of a comment in characters.
const MaxComment = 4000

// AnswerSurvey records the answer to the survey of a closed incident: once, and within its time.
// "incident.answer_survey" is the requester's and the affected person's, and of the standard roles
// that work on incidents the manager's alone, for an answer that was given otherwise.
func (p *Practice) AnswerSurvey(ctx context.Context, actor itsm.Actor, id itsm.ID, r SurveyAnswer) (Incident, error) {
	return p.command(ctx, actor, id, ActionAnswerSurvey, r.Command, r, func(ctx context.Context, w *work) error {
		if r.CSAT == nil && r.NPS == nil {
			w.faults.Add("csat or nps", "is required")
		}
		w.checkScore("csat", SurveyCSAT, r.CSAT, 1, 5)
		w.checkScore("nps", SurveyNPS, r.NPS, 0, 10)
		w.faults.Text("comment", r.Comment, MaxComment, false)
		if err := w.check(ctx, ActionAnswerSurvey); err != nil {
			return err
		}
		s := *w.Survey
		s.Answered, s.By, s.Comment = w.now, actor.ID, r.Comment
		w.SurveyState, w.Survey, w.CSAT, w.NPS = SurveyStateAnswered, &s, copied(r.CSAT), copied(r.NPS)
		if !s.Until.IsZero() {
			w.after = append(w.after, func(ctx context.Context) error { return w.u.Cancel(ctx, jobSurvey, string(id)) })
		}
		return w.move(SurveyAnswered{CSAT: w.CSAT, NPS: w.NPS})
	})
}

func (w *work) checkScore(field string, q SurveyQuestion, score *int, least, most int) {
	switch {
	case score == nil:
	case w.Survey != nil && !slices.Contains(w.Survey.Questions, q):
		w.faults.Add(field, "is not asked for")
	case *score < least || *score > most:
		w.faults.Addf(field, "must be from %d to %d", least, most)
	}
}

func copied[T any](v *T) *T {
	if v == nil {
		return nil
	}
	c := *v
	return &c
}

// lapseSurvey is the job that ends the time to answer.
func (p *Practice) lapseSurvey(ctx context.Context, u *engine.Unit, due engine.Due, _ struct{}) error {
	_, err := p.In(u.Store()).command(ctx, u.Actor(), itsm.ID(due.Key), ActionLapseSurvey, itsm.Command{}, nil, func(ctx context.Context, w *work) error {
		if w.SurveyState != SurveyStateOpen {
			return nil // it was answered
		}
		w.SurveyState = SurveyStateLapsed
		w.action, w.to = ActionLapseSurvey, w.State
		return w.move(SurveyLapsed{})
	})
	return ifThere(err)
}

// Satisfaction is what surveys say.
type Satisfaction struct {
	// Open, Answered and Lapsed are the surveys by their state.
	Open     int64 `json:"open"`
	Answered int64 `json:"answered"`
	Lapsed   int64 `json:"lapsed"`
	// CSAT and NPS are the numbers of answers by their score.
	CSAT [6]int64  `json:"csat"`
	NPS  [11]int64 `json:"nps"`
}

// Satisfaction counts the surveys of the incidents of the query that the actor may read, in one
// statement. Order, Limit and After of the query have no meaning.
func (p *Practice) Satisfaction(ctx context.Context, actor itsm.Actor, q Query) (Satisfaction, error) {
	q.Where = storage.AllOf(BySurveyState.IsNot(SurveyStateNone), q.Where)
	groups, err := p.CountBy(ctx, actor, q, BySurveyState, ByCSAT, ByNPS)
	if err != nil {
		return Satisfaction{}, err
	}
	var s Satisfaction
	for _, g := range groups {
		switch SurveyState(g.Values[0].(string)) {
		case SurveyStateOpen:
			s.Open += g.Count
		case SurveyStateAnswered:
			s.Answered += g.Count
		case SurveyStateLapsed:
			s.Lapsed += g.Count
		}
		if score, ok := g.Values[1].(int64); ok && score >= 0 && score < int64(len(s.CSAT)) {
			s.CSAT[score] += g.Count
		}
		if score, ok := g.Values[2].(int64); ok && score >= 0 && score < int64(len(s.NPS)) {
			s.NPS[score] += g.Count
		}
	}
	return s, nil
}

// AverageCSAT is the mean of the answers from 1 to 5, to two decimal places, halves to the even one;
// false where there is none.
func (s Satisfaction) AverageCSAT() (decimal.Decimal, bool) {
	var sum, n int64
	for score, count := range s.CSAT {
		sum, n = sum+int64(score)*count, n+count
	}
	if n == 0 {
		return decimal.Decimal{}, false
	}
	return halfEven(decimal.NewFromInt(sum), decimal.NewFromInt(n), 2), true
}

// NetPromoterScore is the percentage of promoters (9 and 10) less that of detractors (0 to 6), from
// -100 to 100 and to one decimal place, halves to the even one (Reichheld); false where there is no
// answer.
func (s Satisfaction) NetPromoterScore() (decimal.Decimal, bool) {
	var balance, n int64
	for score, count := range s.NPS {
		n += count
		switch {
		case score >= 9:
			balance += count
		case score <= 6:
			balance -= count
		}
	}
	if n == 0 {
		return decimal.Decimal{}, false
	}
	return halfEven(decimal.NewFromInt(100*balance), decimal.NewFromInt(n), 1), true
}
