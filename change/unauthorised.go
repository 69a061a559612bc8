// This file holds unauthorised changes: how they are known, and what is done about them.

package change

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Unauthorisation says how a change came to be unauthorised, and what was done about it.
type Unauthorisation struct {
	Reason string    `json:"reason,omitempty"`
	By     itsm.ID   `json:"by"`
	At     time.Time `json:"at"`
	// Drift is what a configuration item was found to be, where that is how it became known.
	Drift *Drift `json:"drift,omitempty"`
	// Answer is what was found out and done. It is empty while the follow-up is open.
	Answer     string    `json:"answer,omitempty"`
	AnsweredBy itsm.ID   `json:"answered_by,omitempty"`
	AnsweredAt time.Time `json:"answered_at,omitzero"`
}

// Drift is a configuration item that was found to be other than it should be, and that no change explains.
type Drift struct {
	CI itsm.ID `json:"ci"`
	// Name is how people call it.
	Name       string             `json:"name,omitempty"`
	Attributes []DriftedAttribute `json:"attributes"`
	// Source says who found it so, Observed when. Since is when it was last known to be as expected; zero is unknown.
	Source   string    `json:"source,omitempty"`
	Observed time.Time `json:"observed"`
	Since    time.Time `json:"since,omitzero"`
}

// DriftedAttribute is one attribute, in the JSON form of the configuration management: none where there is no value.
type DriftedAttribute struct {
	Name     string          `json:"name"`
	Expected json.RawMessage `json:"expected,omitempty"`
	Found    json.RawMessage `json:"found,omitempty"`
}

// MaxDrifted is the greatest number of attributes of one drift.
const MaxDrifted = 200

// flagUnauthorised sets the flag.
func (w *work) flagUnauthorised(reason string, drift *Drift) {
	w.Unauthorised = true
	w.Unauthorisation = &Unauthorisation{Reason: reason, By: w.actor.ID, At: w.now, Drift: drift}
}

// rejectDone makes a retrospective change that is rejected an unauthorised one: it was made.
func (w *work) rejectDone(reason string) {
	if w.Type == TypeRetrospective && !w.Unauthorised {
		w.flagUnauthorised(reason, nil)
	}
}

// FlagUnauthorised says of a change that was made, or is being made, that it had not been authorised: as where what was done
// is not what was authorised. The Reason of the command is required. What is to be done about it is its follow-up.
func (p *Practice) FlagUnauthorised(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Change, error) {
	return p.command(ctx, actor, id, ActionFlagUnauthorised, r, r, func(ctx context.Context, w *work) error {
		w.requireReason(r.Reason)
		if err := w.check(ctx, ActionFlagUnauthorised); err != nil {
			return err
		}
		w.flagUnauthorised(r.Reason, nil)
		return w.move(FlaggedUnauthorised{})
	})
}

// Answer is what was found out about an unauthorised change, and done.
type Answer struct {
	itsm.Command
	Text string `json:"text"`
}

// AnswerUnauthorised ends the follow-up of an unauthorised change. The flag stays.
func (p *Practice) AnswerUnauthorised(ctx context.Context, actor itsm.Actor, id itsm.ID, r Answer) (Change, error) {
	return p.command(ctx, actor, id, ActionAnswerUnauthorised, r.Command, r, func(ctx context.Context, w *work) error {
		w.faults.Text("text", r.Text, MaxNotes, true)
		if err := w.check(ctx, ActionAnswerUnauthorised); err != nil {
			return err
		}
		answered := *w.Unauthorisation
		answered.Answer, answered.AnsweredBy, answered.AnsweredAt = r.Text, w.actor.ID, w.now
		w.Unauthorisation = &answered
		return w.move(UnauthorisedAnswered{})
	})
}

// DriftReport is what [Practice.RecordDrift] is given.
type DriftReport struct {
	itsm.Command
	Drift Drift `json:"drift"`
	// Model is a retrospective one; empty is [ModelRetrospective].
	Model ModelName `json:"model,omitempty"`
	// Requester answers for it until somebody else does; empty is the actor.
	Requester itsm.ID `json:"requester,omitempty"`
	Group     itsm.ID `json:"group,omitempty"`
}

// RecordDrift records an unauthorised change of a configuration item that was found to be other than it should be. Where a
// change of the item is being implemented the drift is explained by it, and where an unauthorised one of the item was
// recorded and is still open it is known: then that change is given, nothing is recorded and recorded is false. It asks for
// "change.record_retrospectively"; an explaining change that the actor may not read is given with its id alone.
func (p *Practice) RecordDrift(ctx context.Context, actor itsm.Actor, r DriftReport) (c Change, recorded bool, err error) {
	call := engine.Call{Name: Kind + ".record_drift", Actor: actor, Command: r.Command, Request: r}
	c, err = p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Change, error) {
		recorded = false
		if err := u.Authorize(ctx, PermissionRecordRetrospectively, nil); err != nil {
			return Change{}, err
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		r.Drift.check(u.Now(), &f)
		if err := f.Err("drift"); err != nil {
			return Change{}, err
		}
		// Two that find the same item at the same time record it once.
		if err := u.Lock(ctx, Kind+"/drift/"+string(r.Drift.CI)); err != nil {
			return Change{}, err
		}
		known, err := p.explains(ctx, u, r.Drift.CI)
		if err != nil || known != nil {
			if known != nil {
				return *known, nil
			}
			return Change{}, err
		}
		recorded = true
		drift := r.Drift
		drift.Observed, drift.Since = storage.Instant(drift.Observed), storage.Instant(drift.Since)
		done := Window{Start: drift.Since, End: drift.Observed}
		if done.Start.IsZero() || !done.End.After(done.Start) {
			done.Start = done.End.Add(-time.Microsecond)
		}
		return p.record(ctx, u, call, Retrospective{
			Command: r.Command, Model: r.Model, Requester: r.Requester, Group: r.Group,
			Title:       clip("Unauthorised change of "+orElse(drift.Name, string(drift.CI)), MaxTitle),
			Description: drift.words(), CIs: []itsm.ID{drift.CI}, Done: done, Unauthorised: true, source: &drift,
		})
	})
	if err != nil || recorded {
		return c, recorded && err == nil, err
	}
	return p.explanation(ctx, actor, c.ID)
}

// explanation gives a change that was there already as the actor may read it, or its id alone.
func (p *Practice) explanation(ctx context.Context, actor itsm.Actor, id itsm.ID) (Change, bool, error) {
	c, err := p.Get(ctx, actor, id)
	if isNotFound(err) {
		c, err = Change{Head: Head{Meta: storage.Meta{Tenant: actor.Tenant, ID: id}}}, nil
	}
	return c, false, err
}

func (d *Drift) check(now time.Time, f *itsm.Faults) {
	f.Key("drift.ci", string(d.CI))
	f.Text("drift.name", d.Name, storage.MaxText, false)
	f.Text("drift.source", d.Source, storage.MaxText, false)
	if d.Observed.IsZero() || !writable(d.Observed) || d.Observed.After(now) {
		f.Add("drift.observed", "must be when it was found so, and not in the future")
	}
	if len(d.Attributes) == 0 || len(d.Attributes) > MaxDrifted {
		f.Addf("drift.attributes", "must be 1 to %d", MaxDrifted)
	}
	for i, a := range d.Attributes {
		at := fmt.Sprintf("drift.attributes[%d]", i)
		f.Text(at+".name", a.Name, storage.MaxText, true)
		for field, raw := range map[string]json.RawMessage{"expected": a.Expected, "found": a.Found} {
			if len(raw) > 0 && !json.Valid(raw) || len(raw) > maxValue {
				f.Addf(at+"."+field, "must be JSON of at most %d bytes", maxValue)
			}
		}
	}
}

// words tell what was found.
func (d *Drift) words() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s was found to be other than it should be", orElse(d.Name, string(d.CI)))
	if d.Source != "" {
		fmt.Fprintf(&b, " by %s", d.Source)
	}
	b.WriteString(".")
	value := func(raw json.RawMessage) string {
		if len(raw) == 0 {
			return "nothing"
		}
		return clip(string(raw), 200)
	}
	for _, a := range d.Attributes {
		fmt.Fprintf(&b, "\n%s: %s, expected %s", a.Name, value(a.Found), value(a.Expected))
	}
	return clip(b.String(), MaxDescription)
}

// explains finds the change that explains a drift of a CI, or that has recorded it already.
func (p *Practice) explains(ctx context.Context, r storage.Reader, ci itsm.ID) (*Change, error) {
	ids, err := p.activeOn(ctx, r, ci, 0)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		c, err := p.table.Get(ctx, r, id)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if c.implementing(p) || c.Unauthorised && c.Unauthorisation.Drift != nil && c.Unauthorisation.Drift.CI == ci {
			return &c, nil
		}
	}
	return nil, nil
}

// implementing says whether the change is being made: it was started and is not complete.
func (c *Change) implementing(p *Practice) bool {
	m, known := p.models[c.Model]
	if !known || !c.begun() || c.Implemented {
		return false
	}
	category, _ := m.Lifecycle.Category(c.State)
	return category.Open()
}

// Unlocks says whether a change lets its change-controlled configuration items be edited now: it is being implemented, is
// not held, and the item is one of its own. It reads by r and asks for no permission: it is what a configuration
// management asks about an edit that names the change. Where it does not, reason says why.
func (p *Practice) Unlocks(ctx context.Context, r storage.Reader, id, ci itsm.ID) (reason string, err error) {
	c, err := p.table.Get(ctx, r, id)
	if isNotFound(err) {
		return "the change is not found", nil
	}
	switch {
	case err != nil:
		return "", err
	case !c.implementing(p):
		return "the change " + c.Number + " is not being implemented", nil
	case c.Held:
		return c.heldWith(), nil
	case !slices.Contains(c.CIs, ci):
		return "the change " + c.Number + " is not about it", nil
	}
	return "", nil
}
