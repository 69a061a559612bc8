// This file holds the gate of deployments: what a pipeline asks before it goes on.

package change

import (
	"context"
	"fmt"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Verdict is the answer to a pipeline.
type Verdict string

// The verdicts.
const (
	// VerdictGo: the change is being implemented, and is what was authorised.
	VerdictGo Verdict = "go"
	// VerdictWait: it may become so. Ask again.
	VerdictWait Verdict = "wait"
	// VerdictNo: it will not.
	VerdictNo Verdict = "no"
)

// Pipeline asks whether a deployment may go on: by a change, or by a configuration item or a service of which there is to
// be one. Exactly one of them is given.
type Pipeline struct {
	Change  itsm.ID `json:"change,omitempty"`
	CI      itsm.ID `json:"ci,omitempty"`
	Service itsm.ID `json:"service,omitempty"`
}

// Passage is the answer, with the reasons.
type Passage struct {
	Verdict Verdict  `json:"verdict"`
	Reasons []string `json:"reasons"`
	// Change is the change by which it is so, Number and State are its own; empty where there is none.
	Change itsm.ID `json:"change,omitempty"`
	Number string  `json:"number,omitempty"`
	State  State   `json:"state,omitempty"`
}

// maxAsked is how many open changes of one item or service are looked at.
const maxAsked = 200

// MayDeploy answers a pipeline. A change that is being implemented, is not held, and is what was authorised is go; one on the way
// there is wait, with what it waits for; one that has ended is no, and so is a change, an item or a service of which the actor
// may read no open change. Of several changes the best answer counts. It changes nothing: a pipeline starts its change by
// [Practice.Start] and ends it by [Practice.Complete].
func (p *Practice) MayDeploy(ctx context.Context, actor itsm.Actor, q Pipeline) (Passage, error) {
	var f itsm.Faults
	given := 0
	for _, id := range []struct {
		field string
		id    itsm.ID
	}{{"change", q.Change}, {"ci", q.CI}, {"service", q.Service}} {
		if id.id != "" {
			given++
			f.Key(id.field, string(id.id))
		}
	}
	if given != 1 {
		f.Add("change", "or ci or service is required, and only one of them")
	}
	if err := f.Err("pipeline"); err != nil {
		return Passage{}, err
	}
	var best Passage
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		best = Passage{Verdict: VerdictNo}
		ids := []itsm.ID{q.Change}
		var err error
		switch {
		case q.CI != "":
			ids, err = p.activeOn(ctx, r, q.CI, maxAsked)
		case q.Service != "":
			var page storage.Page[Head]
			page, err = p.table.List(ctx, r, storage.Query[Head]{
				Where: storage.AllOf(ByService.Is(q.Service), ByOpen.Is(true)), Order: []storage.Order{ByStartOrder.Asc()}, Limit: maxAsked,
			})
			ids = nil
			for _, h := range page.Items {
				ids = append(ids, h.ID)
			}
		}
		if err != nil {
			return err
		}
		for _, id := range ids {
			c, err := p.find(ctx, r, actor, id)
			if isNotFound(err) {
				continue
			}
			if err != nil {
				return err
			}
			passage, err := p.passage(ctx, r, actor, c)
			if err != nil {
				return err
			}
			if best.Change == "" || passage.Verdict.rank() > best.Verdict.rank() {
				best = passage
			}
		}
		if best.Change == "" {
			best.Reasons = []string{"there is no such change"}
			if q.Change == "" {
				best.Reasons = []string{"there is no open change of it"}
			}
		}
		return nil
	})
	return best, err
}

func (v Verdict) rank() int { return slices.Index([]Verdict{VerdictNo, VerdictWait, VerdictGo}, v) }

// passage answers for one change.
func (p *Practice) passage(ctx context.Context, r storage.Reader, actor itsm.Actor, c Change) (Passage, error) {
	w, err := p.look(r, actor, c)
	if err != nil {
		return Passage{}, err
	}
	out := Passage{Verdict: VerdictWait, Change: c.ID, Number: c.Number, State: c.State}
	say := func(format string, args ...any) { out.Reasons = append(out.Reasons, fmt.Sprintf(format, args...)) }
	category, ok := w.lifecycle().Category(c.State)
	if !ok {
		return Passage{}, &itsm.UnknownStateError{Kind: Kind, State: string(c.State)}
	}
	if c.Implemented || !category.Open() {
		out.Verdict = VerdictNo
		say("the change is %s", c.State)
		return out, nil
	}
	if c.Held {
		say("the change is held: %s", c.HoldReason)
	}
	if c.begun() {
		if w.Case.Authorised, err = w.authorised(ctx, ActionStart); err != nil {
			return Passage{}, err
		}
		switch {
		case !w.Case.Authorised:
			out.Verdict = VerdictNo
			say("what it is now was not authorised")
		case !c.Held:
			out.Verdict = VerdictGo
			say("the change is being implemented")
		}
		return out, nil
	}
	if !w.lifecycle().Has(c.State, ActionStart) {
		say("the change is %s", c.State)
		return out, nil
	}
	if err := w.facts(ctx, ActionStart); err != nil {
		return Passage{}, err
	}
	a := attempt{Subject: w.Case, ID: c.ID, Actor: actor, Now: w.now}
	if reason := mayStart(a); reason != "" {
		say("%s", reason)
		out.Reasons = append(out.Reasons, w.Unready...)
	} else if c.Assignee == "" {
		say("nobody implements it yet")
	} else if !c.Held {
		say("it may start now: start it")
	}
	return out, nil
}
