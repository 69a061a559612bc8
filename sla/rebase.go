// This file holds what changes timers by decision: moving them to other versions, computing them anew, and due
// dates that a person sets.

package sla

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// Change is what a rebase or rebuild makes of a timer, or would.
type Change struct {
	Timer   itsm.ID  `json:"timer"`
	Subject itsm.Ref `json:"subject"`
	Policy  string   `json:"policy"`
	Target  string   `json:"target"`
	// From and To are the versions of the policy, before and after.
	From Pin `json:"from"`
	To   Pin `json:"to"`
	// Before and After are how the last cycle stands now.
	Before timer.Reading `json:"before"`
	After  timer.Reading `json:"after"`
	// Cycles are how many there are, before and after.
	Cycles [2]int `json:"cycles"`
	// Changed says that the timer stands otherwise after than before.
	Changed bool `json:"changed"`
}

// Rebasing is a request to compute timers by other versions.
type Rebasing struct {
	itsm.Command
	// Version is the version of the policy, which is or was active; empty is the one that holds now. Calendars are
	// those that hold now.
	Version itsm.ID `json:"version,omitempty"`
	// DryRun changes nothing: what would change is told, of timers that have ended, too. It takes
	// [PermissionExplain] instead of [PermissionRebase].
	DryRun bool `json:"dry_run,omitempty"`
}

// Rebase computes a timer by another version of its policy, from all that happened to its record, with all pauses:
// what has fired stays fired, and what is to fire by the new version and has passed is told by the next Tick.
// Timers that have ended never change: to rebase one is ErrTransition, unless nothing is to be written (DryRun). One that
// a [TimerBody] Fault has kept from beginning can be rebased. A version of another policy, one that has never been active, and one without the target are ErrInvalid.
// Given again under its key it changes nothing, and tells how the timer stands.
func (p *Practice) Rebase(ctx context.Context, actor itsm.Actor, id itsm.ID, r Rebasing) (Change, error) {
	var change Change
	if r.DryRun {
		err := p.e.View(ctx, actor, func(ctx context.Context, rd storage.Reader) error {
			if err := p.permitted(ctx, actor, PermissionExplain); err != nil {
				return err
			}
			c, _, err := p.find(ctx, rd, actor, id)
			if err != nil {
				return err
			}
			change, _, err = p.rebased(ctx, rd, c, r.Version, p.e.Now())
			return err
		})
		return change, err
	}
	call := engine.Call{Name: "sla_timer.rebase", Actor: actor, Command: r.Command, Target: id, Request: r}
	_, err := engine.Execute(ctx, p.e, TimerTable, call, func(ctx context.Context, u *engine.Unit) (Timer, error) {
		c, err := p.commanded(ctx, u, id, PermissionRebase)
		if err != nil {
			return Timer{}, err
		}
		if err := call.Validate(); err != nil {
			return Timer{}, err
		}
		if !c.Open && !c.kept() {
			return Timer{}, &itsm.TransitionError{Kind: TimerKind, ID: id, State: string(c.Phase), Action: "rebase", Permitted: []string{}}
		}
		var b *ready
		if change, b, err = p.rebased(ctx, u, c, r.Version, u.Now()); err != nil {
			return Timer{}, err
		}
		if change.From == change.To && !change.Changed && slices.Equal(c.Calendars, b.calendars) {
			return *c.Timer, nil
		}
		if err := p.keep(ctx, u, b); err != nil {
			return Timer{}, err
		}
		c.pin(b)
		c.changed, c.news = true, []news{{at: u.Now(), action: "rebase", data: Rebased{About: c.about(max(len(c.State.Cycles)-1, 0)),
			From: change.From, To: change.To, Was: change.Before.Due, Due: change.After.Due}}}
		return *c.Timer, p.rewrite(ctx, u, c)
	}, func(ctx context.Context, u *engine.Unit, t Timer, again bool) (Timer, error) {
		if !again {
			return t, nil
		}
		c, _, err := p.find(ctx, u, actor, t.ID)
		if err == nil {
			change, err = c.unchanged(p.e.Now())
		}
		return t, err
	})
	return change, err
}

// kept says that the timer never began and a fault has kept it from that.
func (c *clock) kept() bool { return len(c.State.Cycles) == 0 && c.Fault != "" }

// unchanged is the change that nothing makes.
func (c *clock) unchanged(now time.Time) (change Change, err error) {
	pin := Pin{c.Policy, c.PolicyVersion, c.PolicyNumber}
	change = Change{Timer: c.ID, Subject: c.SubjectRef(), Policy: c.Policy, Target: c.Target, From: pin, To: pin,
		Cycles: [2]int{len(c.State.Cycles), len(c.State.Cycles)}}
	if change.Before, err = c.t.At(c.State, c.notBefore(now)); errors.Is(err, calendar.ErrHorizon) {
		change.Before, err = c.known(), nil
	}
	change.After = change.Before
	return change, err
}

// commanded reads a timer for a command of an actor who has the permission and may read it.
func (p *Practice) commanded(ctx context.Context, u *engine.Unit, id itsm.ID, permission itsm.Permission) (*clock, error) {
	c, _, err := p.find(ctx, u, u.Actor(), id)
	if err != nil {
		return nil, err
	}
	if err := p.permitted(ctx, u.Actor(), permission); err != nil {
		return nil, err
	}
	if err := alone(ctx, u, c.SubjectRef()); err != nil {
		return nil, err
	}
	t, err := TimerTable.Get(ctx, u, id) // so that the unit knows what it changes
	if err != nil {
		return nil, err
	}
	return p.clock(ctx, u, &t)
}

// shownAgain refuses what a command gave under an old key to who may not read it any more.
func (p *Practice) shownAgain(actor itsm.Actor) func(context.Context, *engine.Unit, Timer, bool) (Timer, error) {
	return func(ctx context.Context, u *engine.Unit, t Timer, again bool) (Timer, error) {
		if again {
			if _, _, err := p.find(ctx, u, actor, t.ID); err != nil {
				return Timer{}, err
			}
		}
		return t, nil
	}
}

// rewrite puts one timer of a record that was computed anew, and has the record's job be due when it is to be.
func (p *Practice) rewrite(ctx context.Context, u *engine.Unit, c *clock) error {
	if err := p.write(ctx, u, []*clock{c}); err != nil {
		return err
	}
	clocks, err := p.ofSubject(ctx, u, c.SubjectRef())
	if err != nil {
		return err
	}
	return p.schedule(ctx, u, c.SubjectRef(), clocks)
}

// rebased gives what a timer is under a version of its policy. It changes the clock, and nothing else.
func (p *Practice) rebased(ctx context.Context, r storage.Reader, c *clock, version itsm.ID, now time.Time) (change Change, b *ready, err error) {
	if b, err = p.target(ctx, r, c, version); err != nil {
		return change, nil, err
	}
	t, ok := b.compiled.Timer(c.Target)
	if !ok {
		return change, nil, itsm.Invalid("rebase", "version", "has no target "+clip(c.Target))
	}
	k := p.kinds[c.SubjectKind]
	if k == nil {
		return change, nil, itsm.Invalid("timer", "kind", clip(c.SubjectKind)+" has no timers any more")
	}
	all, err := p.history(ctx, r, k, c.SubjectRef())
	if err != nil {
		return change, nil, err
	}
	change, err = p.recompute(ctx, r, c, b, t, all, now)
	return change, b, err
}

// target gives the basis of a version of the timer's policy, with the calendars that hold now.
func (p *Practice) target(ctx context.Context, r storage.Reader, c *clock, version itsm.ID) (*ready, error) {
	if version == "" {
		holds, _, err := p.holding(ctx, r)
		if err != nil {
			return nil, err
		}
		for _, h := range holds.Kinds[c.SubjectKind] {
			if h.Policy == c.Policy {
				return p.basis(ctx, r, h.Basis)
			}
		}
		return nil, itsm.Invalid("rebase", "version", "is required: no version of the policy is active")
	}
	v, err := PolicyTable.Get(ctx, quiet(r), version)
	if isNotFound(err) {
		return nil, itsm.Invalid("rebase", "version", "is not known")
	}
	if err != nil {
		return nil, err
	}
	var f itsm.Faults
	if v.Family != c.Policy {
		f.Addf("version", "is of %s; it must be of %s", clip(v.Family), clip(c.Policy))
	}
	if v.State == versioned.StateDraft {
		f.Add("version", "is a draft, which has never been active")
	}
	if v.Set.Kind != c.SubjectKind {
		f.Addf("version", "is for %s; it must be for %s", clip(v.Set.Kind), c.SubjectKind)
	}
	if err := f.Err("rebase"); err != nil {
		return nil, err
	}
	versions, err := activeVersions(ctx, r, CalendarTable)
	if err != nil {
		return nil, err
	}
	return p.makeReady(&v, effective(versions))
}

// recompute gives the clock the state that all events of its record make of it under a basis. What fired and was told
// stays so.
func (p *Practice) recompute(ctx context.Context, r storage.Reader, c *clock, b *ready, t *timer.Timer, all []past, now time.Time) (change Change, err error) {
	facts, err := p.factsFor(ctx, r, p.kinds[c.SubjectKind], c, b)
	if err != nil {
		return change, err
	}
	now = c.notBefore(now)
	change = Change{Timer: c.ID, Subject: c.SubjectRef(), Policy: c.Policy, Target: c.Target, From: Pin{c.Policy, c.PolicyVersion, c.PolicyNumber}, To: b.pin}
	if change.Before, err = c.t.At(c.State, now); errors.Is(err, calendar.ErrHorizon) {
		change.Before, err = c.known(), nil // which may be why it is computed anew
	}
	if err != nil {
		return change, err
	}
	s, begun, fault := replay(t, all, c.From, facts)
	for i := range min(len(s.Cycles), len(c.State.Cycles)) {
		s.Cycles[i].Fired = slices.Clone(c.State.Cycles[i].Fired)
	}
	change.Cycles = [2]int{len(c.State.Cycles), len(s.Cycles)}
	c.State, c.Fault, c.Facts, c.b, c.t = s, fault, facts, b, t
	if (c.Version == 0 || change.Cycles[0] == 0) && begun != nil {
		c.name(begun.seen, facts)
	}
	c.Told = slices.DeleteFunc(slices.Clone(c.Told), func(x Breach) bool { return x.Cycle >= len(s.Cycles) })
	if change.After, err = t.At(s, c.notBefore(now)); err != nil {
		return change, err
	}
	change.Changed = change.Before != change.After || change.Cycles[0] != change.Cycles[1]
	return change, nil
}

// factsFor gives the facts by which a timer is computed by a basis: those that were asked for when it began as they were
// then, and of a record as it is now those that only this basis names.
func (p *Practice) factsFor(ctx context.Context, r storage.Reader, k *speech, c *clock, b *ready) (Facts, error) {
	lacks := func(fact string) bool {
		_, known := c.Facts[fact]
		return b.facts[fact] && !known && (c.Version == 0 || !c.b.facts[fact])
	}
	if !slices.ContainsFunc(sortedKeys(b.facts), lacks) {
		return c.Facts, nil
	}
	row, err := quiet(r).Get(ctx, k.Schema, r.Tenants()[0], c.Subject)
	if isNotFound(err) {
		return c.Facts, nil
	}
	if err != nil {
		return nil, err
	}
	named, err := k.FactsOf(ctx, r, row, lacks)
	if err != nil {
		return nil, err
	}
	found, err := k.declared(row, named)
	if err != nil {
		return nil, err
	}
	all := make(Facts, len(c.Facts)+len(found))
	for name, v := range found {
		if lacks(name) {
			all[name] = v
		}
	}
	maps.Copy(all, c.Facts)
	return all, nil
}

// declared gives the facts that are known, as they are compared. What was not declared is ErrInvalid.
func (k *speech) declared(row storage.Row, named map[string]any) (Facts, error) {
	all, err := k.all.Facts(k.Schema, row, named)
	if err != nil {
		return nil, err
	}
	facts := make(Facts, len(named))
	for name := range named {
		if v := all[name]; v != nil {
			facts[name] = v
		}
	}
	return facts, nil
}

// RebaseAll is Rebase of each of the timers that meet a filter, in a transaction of its own each: those that are open or
// that a fault has kept from beginning, and in a dry run those that have ended too, which is over the history. Under a key it can be repeated. What
// fails is given with the timer's id, and the others go on.
func (p *Practice) RebaseAll(ctx context.Context, actor itsm.Actor, where storage.Filter[TimerHead], r Rebasing) iter.Seq2[Change, error] {
	if !r.DryRun {
		where = storage.AllOf(where, storage.AnyOf(ByOpen.Is(true), ByStarted.IsNull()))
	}
	// By id, which no rebase changes.
	q := storage.Query[TimerHead]{Where: where, Order: []storage.Order{TimerTable.ByID().Asc()}, Limit: storage.MaxPage}
	return func(yield func(Change, error) bool) {
		for h, err := range storage.Pages(q, func(q storage.Query[TimerHead]) (storage.Page[TimerHead], error) {
			return p.List(ctx, actor, Query{Where: q.Where, Order: q.Order, Limit: q.Limit, After: q.After})
		}) {
			if err != nil {
				yield(Change{}, err)
				return
			}
			one := r
			if r.Key != "" {
				one.Key = string(idOf(r.Key, string(h.ID)))
			}
			change, err := p.Rebase(ctx, actor, h.ID, one)
			if !h.Open && errors.Is(err, itsm.ErrTransition) {
				continue // it has not begun for want of what starts it, not by a fault
			}
			change.Timer = h.ID
			if !yield(change, err) {
				return
			}
		}
	}
}

// Rebuild computes the timers of a record anew from all its events, by the versions that each has pinned, and begins those that
// the policies that hold should have begun since they do: to repair what a fault of the program or of a
// calendar left wrong. What is as it should be stays; of the others the changes are given, and their events tell the
// command's reason. To repeat it changes nothing, so it takes no notice of a key.
func (p *Practice) Rebuild(ctx context.Context, actor itsm.Actor, ref itsm.Ref, r itsm.Command) (changes []Change, err error) {
	k := p.kinds[ref.Kind]
	if k == nil {
		return nil, itsm.Invalid("rebuild", "kind", clip(ref.Kind)+" has no timers")
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	err = p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		changes = nil
		rd, err := p.readers(ctx, u, actor)
		if err != nil {
			return err
		}
		if may, err := rd.record(ctx, ref); err != nil || !may {
			if err == nil {
				err = &storage.Error{Op: "rebuild", Table: ref.Kind, ID: ref.ID, Err: storage.ErrNotFound}
			}
			return err
		}
		if err := p.permitted(ctx, actor, PermissionRebuild); err != nil {
			return err
		}
		if err := alone(ctx, u, ref); err != nil {
			return err
		}
		clocks, err := p.ofSubject(ctx, u, ref)
		if err != nil {
			return err
		}
		holds, _, err := p.holding(ctx, u)
		if err != nil {
			return err
		}
		missing, err := p.missing(ctx, u, ref, holds.Kinds[ref.Kind], clocks)
		if err != nil {
			return err
		}
		var all []past
		if len(clocks)+len(missing) > 0 {
			if all, err = p.history(ctx, u, k, ref); err != nil {
				return err
			}
		}
		for _, c := range slices.Concat(clocks, missing) {
			was := c.State
			change, err := p.recompute(ctx, u, c, c.b, c.t, all, u.Now())
			if err != nil {
				return err
			}
			if c.Version == 0 && len(c.State.Cycles) == 0 || c.Version > 0 && sameState(was, c.State) {
				continue
			}
			changes = append(changes, change)
			c.changed, c.news = true, []news{{at: u.Now(), action: "rebuild", reason: r.Reason,
				data: Rebuilt{About: c.about(max(len(c.State.Cycles)-1, 0)), Was: change.Before.Due, Due: change.After.Due}}}
			if c.Version == 0 {
				clocks = append(clocks, c)
			}
		}
		if err := p.write(ctx, u, clocks); err != nil {
			return err
		}
		return p.schedule(ctx, u, ref, clocks)
	})
	return changes, err
}

// missing gives clocks for the targets of the policies that hold of which a record has no timer.
func (p *Practice) missing(ctx context.Context, u *engine.Unit, ref itsm.Ref, holding []entry, clocks []*clock) (all []*clock, err error) {
	for _, h := range holding {
		b, err := p.basis(ctx, u, h.Basis)
		if err != nil {
			return nil, err
		}
		for _, t := range b.timers {
			if slices.ContainsFunc(clocks, func(c *clock) bool { return c.Policy == h.Policy && c.Target == t.Name() }) {
				continue
			}
			all = append(all, &clock{Timer: newTimer(ref, b, t.Name(), h.From, nil), b: b, t: t})
		}
	}
	return all, nil
}

// ManualDue is a request to set a due date by hand.
type ManualDue struct {
	itsm.Command
	// Due is the date; the zero time takes it away.
	Due time.Time `json:"due,omitzero"`
}

// SetDue sets, or takes away, a due date that a person has promised beside the one that is computed: it takes a reason. Nothing
// that is computed looks at it or touches it, and it makes no breach. A timer that has ended is refused.
func (p *Practice) SetDue(ctx context.Context, actor itsm.Actor, id itsm.ID, r ManualDue) (Timer, error) {
	call := engine.Call{Name: "sla_timer.set_due", Actor: actor, Command: r.Command, Target: id, Request: r}
	return engine.Execute(ctx, p.e, TimerTable, call, func(ctx context.Context, u *engine.Unit) (Timer, error) {
		c, err := p.commanded(ctx, u, id, PermissionSetDue)
		if err != nil {
			return Timer{}, err
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		if r.Reason == "" {
			f.Add("reason", "is required")
		}
		if y := r.Due.Year(); !r.Due.IsZero() && (y < 1970 || y > 9999) {
			f.Add("due", "must be of the years 1970 to 9999")
		}
		if err := f.Err("due date"); err != nil {
			return Timer{}, err
		}
		if !c.Open {
			return Timer{}, &itsm.TransitionError{Kind: TimerKind, ID: id, State: string(c.Phase), Action: "set_due", Permitted: []string{}}
		}
		was := c.ManualDue
		c.ManualDue, c.ManualBy, c.ManualReason = time.Time{}, actor.ID, r.Reason
		if !r.Due.IsZero() {
			c.ManualDue = storage.Instant(r.Due)
		}
		c.changed, c.news = true, []news{{at: u.Now(), action: "set_due", data: DueSet{About: c.about(max(len(c.State.Cycles)-1, 0)), Was: was, Due: c.ManualDue}}}
		return *c.Timer, p.write(ctx, u, []*clock{c})
	}, p.shownAgain(actor))
}
