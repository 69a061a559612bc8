// This file holds the measures of changes, with the formulas that they are computed by.

package change

import (
	"context"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Share is a part of a whole, as counts, so that whoever shows it rounds as they like.
type Share struct {
	Of   int64 `json:"of"`
	Part int64 `json:"part"`
}

// Permille gives the share in thousandths, rounded down, and whether there is a whole.
func (s Share) Permille() (int64, bool) {
	if s.Of == 0 {
		return 0, false
	}
	return s.Part * 1000 / s.Of, true
}

// Measures are the figures of the changes whose implementation ended in a period.
type Measures struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Implemented is the number of changes whose implementation ended, however it went, and Outcomes counts them by how it
	// went. Changes that were recorded retrospectively count when they were made.
	Implemented int64             `json:"implemented"`
	Outcomes    map[Outcome]int64 `json:"outcomes,omitempty"`
	// Success is the change success rate: those with the outcome successful that caused no incident, of those implemented.
	Success Share `json:"success"`
	// Failure is the change failure rate: those that were backed out or failed, or caused an incident, of those implemented.
	Failure Share `json:"failure"`
	// IncidentsCaused is the number of incidents that they caused, and MajorCaused of those of priority 1 and 2.
	IncidentsCaused int64 `json:"incidents_caused"`
	MajorCaused     int64 `json:"major_caused"`
	// Unauthorised is the number of those that were made without having been authorised.
	Unauthorised int64 `json:"unauthorised"`
	// Score is the sum of [ScoreOf], the change success score.
	Score int64 `json:"score"`
	// Deployments are the four measures of deployments.
	Deployments Deployments `json:"deployments"`
}

// Deployments are the four measures of DORA (Forsgren, Humble and Kim, "Accelerate", 2018), of the changes that are
// marked as deployments. A deployment is such a change whose implementation ended in the period; one that reached
// production and stayed there has the outcome successful or with issues.
type Deployments struct {
	// All is the number of deployments, Stayed of those that stayed: the deployment frequency is Stayed over the period.
	All    int64 `json:"all"`
	Stayed int64 `json:"stayed"`
	// LeadTime is the median of the time from ReadyAt, or where that is not known from when the change was drafted, to
	// the end of the implementation, of those that stayed; of an even number the mean of the two in the middle. Those of which it is
	// not known do not count here: they were ready, or drafted, after that end.
	LeadTime time.Duration `json:"lead_time"`
	// Failed is the change failure rate of deployments: those with another outcome than successful, or that caused an
	// incident, of all.
	Failed Share `json:"failed"`
	// Restored is the number of incidents caused by deployments whose service was restored in the period, and TimeToRestore the
	// median of the time from when each was detected until then. Those of which it is not known when they were detected, or that
	// were detected after that, do not count in either.
	Restored      int64         `json:"restored"`
	TimeToRestore time.Duration `json:"time_to_restore"`
}

// ScoreOf gives what a change adds to the change success score: 3 for a successful one, 2 less than nothing with issues, 5 less
// where it was backed out or failed; and for each incident that it caused 10, 5 and 2 less by its priority 1, 2 and 3. One that
// is not implemented adds nothing.
func ScoreOf(c *Change) int64 {
	if !c.Implemented {
		return 0
	}
	var score int64
	switch c.Outcome {
	case OutcomeSuccessful:
		score = 3
	case OutcomeWithIssues:
		score = -2
	case OutcomeBackedOut, OutcomeFailed:
		score = -5
	}
	for priority, points := range map[itsm.Priority]int64{itsm.PriorityCritical: 10, itsm.PriorityHigh: 5, itsm.PriorityModerate: 2} {
		score -= points * c.Caused[priority]
	}
	return score
}

// Period asks for the measures of changes whose implementation ended from From, and before To.
type Period struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Model, Service and Template narrow it where they are not empty.
	Model    ModelName `json:"model,omitempty"`
	Service  itsm.ID   `json:"service,omitempty"`
	Template string    `json:"template,omitempty"`
}

// Measures computes the figures of a period from the columns that are stored, of the changes of which the actor may read what is
// internal. It costs what happened in the period, whatever else there is.
func (p *Practice) Measures(ctx context.Context, actor itsm.Actor, of Period) (Measures, error) {
	var f itsm.Faults
	if of.From.IsZero() || of.To.IsZero() || !of.To.After(of.From) || !writable(of.From) || !writable(of.To) {
		f.Add("to", "must be after from, and both are required")
	}
	if err := f.Err("period"); err != nil {
		return Measures{}, err
	}
	if err := actor.Validate(); err != nil {
		return Measures{}, err
	}
	var m Measures
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		m = Measures{From: storage.Instant(of.From), To: storage.Instant(of.To), Outcomes: map[Outcome]int64{}}
		may, err := p.scope(ctx, actor, PermissionReadInternal)
		if err != nil {
			return err
		}
		where := []storage.Filter[Head]{may, ByImplemented.Is(true), ByImplementedAt.AtLeast(m.From.UnixMicro()), ByImplementedAt.Below(m.To.UnixMicro())}
		if of.Model != "" {
			where = append(where, ByModel.Is(of.Model))
		}
		if of.Service != "" {
			where = append(where, ByService.Is(of.Service))
		}
		if of.Template != "" {
			where = append(where, ByTemplate.Is(of.Template))
		}
		q := storage.Query[Head]{Where: storage.AllOf(where...), Order: []storage.Order{ByImplementedAt.Asc()}, Limit: storage.MaxPage}
		var lead []time.Duration
		for h, err := range storage.Pages(q, func(q storage.Query[Head]) (storage.Page[Head], error) { return p.table.List(ctx, r, q) }) {
			if err != nil {
				return err
			}
			lead = m.add(&h, lead)
		}
		m.Deployments.LeadTime = median(lead)
		return p.restores(ctx, r, of, may, &m)
	})
	return m, err
}

// add counts one change.
func (m *Measures) add(h *Head, lead []time.Duration) []time.Duration {
	m.Implemented++
	m.Outcomes[h.Outcome]++
	m.Success.Of++
	m.Failure.Of++
	if h.Success {
		m.Success.Part++
	}
	if h.Outcome.Failure() || h.CausedIncidents > 0 {
		m.Failure.Part++
	}
	m.IncidentsCaused += h.CausedIncidents
	m.MajorCaused += h.CausedMajor
	if h.Unauthorised {
		m.Unauthorised++
	}
	m.Score += h.Score
	if !h.Deployment {
		return lead
	}
	d := &m.Deployments
	d.All++
	d.Failed.Of++
	if h.Outcome != OutcomeSuccessful || h.CausedIncidents > 0 {
		d.Failed.Part++
	}
	if h.Outcome.Failure() {
		return lead
	}
	d.Stayed++
	since := orElse(h.ReadyAt, h.Created)
	took := time.UnixMicro(h.ImplementedAt).Sub(since)
	if took < 0 {
		return lead
	}
	return append(lead, took)
}

// restores adds the incidents caused by deployments that were restored in the period.
func (p *Practice) restores(ctx context.Context, r storage.Reader, of Period, may storage.Filter[Head], m *Measures) error {
	where := []storage.Filter[causedHead]{causedByDeployment.Is(true), causedByCounts.Is(true), causedByRestored.IsNot(0), causedByTook.AtLeast(0),
		causedByRestored.AtLeast(m.From.UnixMicro()), causedByRestored.Below(m.To.UnixMicro())}
	if of.Service != "" {
		where = append(where, causedByService.Is(of.Service))
	}
	q := storage.Query[causedHead]{Where: storage.AllOf(where...), Order: []storage.Order{causedByRestored.Asc()}, Limit: mayReadChunk}
	var took []time.Duration
	for {
		page, err := causedTable.List(ctx, r, q)
		if err != nil {
			return err
		}
		var ids []itsm.ID
		for _, h := range page.Items {
			ids = append(ids, h.Change)
		}
		changes := []storage.Filter[Head]{may, p.table.ByID().In(ids...)}
		if of.Model != "" {
			changes = append(changes, ByModel.Is(of.Model))
		}
		if of.Template != "" {
			changes = append(changes, ByTemplate.Is(of.Template))
		}
		readable, err := p.table.List(ctx, r, storage.Query[Head]{Where: storage.AllOf(changes...), Limit: mayReadChunk})
		if err != nil {
			return err
		}
		known := map[itsm.ID]bool{}
		for _, h := range readable.Items {
			known[h.ID] = true
		}
		for _, h := range page.Items {
			if known[h.Change] {
				took = append(took, time.Duration(h.Took)*time.Microsecond)
			}
		}
		if page.Next == "" {
			break
		}
		q.After = page.Next
	}
	m.Deployments.Restored, m.Deployments.TimeToRestore = int64(len(took)), median(took)
	return nil
}

// median gives that of durations, zero for none.
func median(of []time.Duration) time.Duration {
	if len(of) == 0 {
		return 0
	}
	slices.Sort(of)
	middle := len(of) / 2
	if len(of)%2 == 1 {
		return of[middle]
	}
	return of[middle-1] + (of[middle]-of[middle-1])/2
}
