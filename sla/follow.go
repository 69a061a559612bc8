// This file holds how timers, and entitlements, follow the events of their records, in the transaction of the event.

package sla

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/internal/rewind"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

func isNotFound(err error) bool { return errors.Is(err, storage.ErrNotFound) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// faultText shortens the text of a fault, so that every store can keep it.
func faultText(s string) string {
	const most = 1000 // bytes
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// ofSubject reads the timers of a record.
func (p *Practice) ofSubject(ctx context.Context, r storage.Reader, ref itsm.Ref) ([]*clock, error) {
	// Their ids begin alike, which spares each of them an index.
	q := storage.Query[TimerHead]{Where: storage.AllOf(TimerTable.ByID().HasPrefix(idPrefix(ref)), BySubjectKind.Is(ref.Kind), BySubject.Is(ref.ID)), Limit: storage.MaxPage}
	var all []*clock
	for t, err := range storage.Pages(q, func(q storage.Query[TimerHead]) (storage.Page[Timer], error) {
		return TimerTable.Records(ctx, quiet(r), q)
	}) {
		if err != nil {
			return nil, err
		}
		c, err := p.clock(ctx, r, &t)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *clock) int { return strings.Compare(a.Policy+"\x00"+a.Target, b.Policy+"\x00"+b.Target) })
	return all, nil
}

// follow has the timers of a record take an event into account, and begins those that it starts.
func (p *Practice) follow(ctx context.Context, u *engine.Unit, e itsm.Event) error {
	k := p.kinds[e.Kind]
	if k == nil {
		return nil
	}
	holds, any, err := p.holding(ctx, u)
	if err != nil || !any {
		return err
	}
	first := e.Version == 1 && e.N == 0
	ref := itsm.Ref{Kind: e.Kind, ID: e.Record}
	var clocks []*clock
	if _, ever := holds.Kinds[e.Kind]; ever && !first {
		if clocks, err = p.ofSubject(ctx, u, ref); err != nil {
			return err
		}
	}
	f := follower{p: p, u: u, k: k, e: &e, first: first}
	// History that is written now was logged before: nothing is taken for it, and it is not refused.
	if id := holds.Coverage[e.Kind]; first && id != "" && e.At.Equal(u.Now()) && !isDeletion(&e) {
		if f.covers, err = p.coverageOf(ctx, u, e.Kind, id); err != nil {
			return err
		}
	}
	if len(clocks) == 0 && (len(holds.Kinds[e.Kind]) == 0 || isDeletion(&e)) {
		return f.entitle(ctx, ref, &holds)
	}
	if isDeletion(&e) {
		for _, c := range clocks {
			s, happened, changed := erase(c.State, &e)
			c.State, c.changed = s, changed
			c.note(happened)
		}
	} else {
		if err := f.look(ctx); err != nil {
			return err
		}
		for _, c := range clocks {
			holds, err := f.renew(ctx, c, holds.Kinds[e.Kind])
			if err != nil {
				return err
			}
			if !holds {
				continue
			}
			if err := f.move(c); err != nil {
				return err
			}
		}
		begun, err := f.begin(ctx, ref, holds.Kinds[e.Kind], clocks)
		if err != nil {
			return err
		}
		clocks = append(clocks, begun...)
	}
	if err := p.write(ctx, u, clocks); err != nil {
		return err
	}
	return f.entitle(ctx, ref, &holds)
}

// follower is one event being followed.
type follower struct {
	p     *Practice
	u     *engine.Unit
	k     *speech
	e     *itsm.Event
	first bool
	// covers are the entitlements by which the record is assessed; nil where it is not.
	covers *coverage

	looked     bool
	row        storage.Row
	now, prior seen
	before     itsm.Category
	priorKnown bool
	facts      Facts
	asked      bool
}

// look finds how the record is after the event, once.
func (f *follower) look(ctx context.Context) (err error) {
	if f.looked {
		return nil
	}
	f.looked = true
	if _, f.row, err = f.u.LoadAt(ctx, *f.e); err != nil {
		return err
	}
	if f.now, err = f.k.look(f.row); err != nil {
		return err
	}
	f.now.by(f.e)
	if f.e.ToCategory == "" && !f.first && f.k.Category != nil {
		if err := f.lookBack(); err != nil {
			return err
		}
		f.before = f.prior.category
	}
	return nil
}

// lookBack finds how the record was before the event.
func (f *follower) lookBack() error {
	if f.priorKnown {
		return nil
	}
	earlier := rewind.Values{}
	earlier.Keep(f.e.Changes)
	row, err := earlier.Apply(f.k.Schema, f.row)
	if err != nil {
		return err
	}
	f.prior, err = f.k.look(row)
	f.priorKnown = true
	return err
}

// renew has a timer that is kept for the pauses before it begins be of the version that holds, under which it would
// begin. Where none holds any more it cannot.
func (f *follower) renew(ctx context.Context, c *clock, holding []entry) (holds bool, err error) {
	if len(c.State.Cycles) > 0 {
		return true, nil
	}
	i := slices.IndexFunc(holding, func(h entry) bool { return h.Policy == c.Policy })
	if i < 0 {
		return false, nil
	}
	if holding[i].Basis == c.Basis {
		return true, nil
	}
	b, err := f.p.basis(ctx, f.u, holding[i].Basis)
	if err != nil {
		return false, err
	}
	t, ok := b.compiled.Timer(c.Target)
	if !ok {
		return false, nil
	}
	if len(b.facts) > 0 {
		named, err := f.k.FactsOf(ctx, f.u, f.row, func(fact string) bool { return b.facts[fact] })
		if err != nil {
			return false, err
		}
		if c.Facts, err = f.k.declared(f.row, named); err != nil {
			return false, err
		}
	}
	c.pin(b)
	c.b, c.t = b, t
	return true, nil
}

// move has a timer take the event into account, after what was due before it.
func (f *follower) move(c *clock) error {
	if f.e.At.Equal(f.u.Now()) { // not history that is written now
		if err := c.fire(f.e.At); err != nil {
			return err
		}
	}
	next, happened, changed, err := step(c.t, c.State, f.now.moment(f.e, f.before, c.Facts), c.From)
	if err != nil {
		// An answer that lies outside a calendar is no reason to refuse what was commanded.
		c.Fault, c.changed = faultOf(f.e, err), true
		return nil
	}
	if changed {
		if len(next.Cycles) > len(c.State.Cycles) {
			c.Cause = f.e.Cause
		}
		c.State, c.changed = next, true
		c.note(happened)
	}
	return nil
}

// begin gives the timers that the event begins.
func (f *follower) begin(ctx context.Context, ref itsm.Ref, holding []entry, clocks []*clock) (begun []*clock, err error) {
	type key struct{ policy, target string }
	has := make(map[key]bool, len(clocks))
	for _, c := range clocks {
		has[key{c.Policy, c.Target}] = true
	}
	bases := make([]*ready, len(holding))
	for i := range holding {
		if bases[i], err = f.p.basis(ctx, f.u, holding[i].Basis); err != nil {
			return nil, err
		}
	}
	for i := range holding {
		h, b := &holding[i], bases[i]
		var facts Facts
		if len(b.facts) > 0 {
			if facts, err = f.ask(ctx, bases); err != nil {
				return nil, err
			}
		}
		for _, t := range b.timers {
			if has[key{h.Policy, t.Name()}] {
				continue
			}
			state, err := f.fresh(t, facts)
			if err != nil {
				return nil, err
			}
			next, happened, _, err := step(t, state, f.now.moment(f.e, f.before, facts), h.From)
			if err == nil && !hasBegun(next) {
				continue
			}
			c := &clock{Timer: newTimer(ref, b, t.Name(), h.From, facts), b: b, t: t, changed: true}
			if err != nil {
				c.Fault = faultOf(f.e, err)
			}
			c.State, c.Cause = next, f.e.Cause
			c.name(f.now, facts)
			c.note(happened)
			begun = append(begun, c)
		}
	}
	return begun, nil
}

// fresh gives the state of a timer of which nothing is kept: it knows whether the record was before the event as
// the start wants it, so that it begins only where the record becomes so.
func (f *follower) fresh(t *timer.Timer, facts Facts) (timer.State, error) {
	if f.first {
		return timer.State{}, nil
	}
	if err := f.lookBack(); err != nil {
		return timer.State{}, err
	}
	e := itsm.Event{Version: max(f.e.Version-1, 1), At: f.e.At, ToCategory: f.e.FromCategory}
	if f.e.ToCategory == "" {
		e.ToCategory = f.prior.category
	}
	if s, _, err := t.Apply(timer.State{}, f.prior.moment(&e, "", facts)); err == nil {
		return timer.State{Held: s.Held}, nil
	}
	return timer.State{}, nil // it is as if it had not been so
}

// ask asks the host for the facts that any of the policies names, or of the entitlements, once.
func (f *follower) ask(ctx context.Context, bases []*ready) (Facts, error) {
	if f.asked {
		return f.facts, nil
	}
	f.asked = true
	named, err := f.k.FactsOf(ctx, f.u, f.row, func(fact string) bool {
		return f.covers != nil && f.covers.facts[fact] || slices.ContainsFunc(bases, func(b *ready) bool { return b.facts[fact] })
	})
	if err != nil {
		return nil, err
	}
	f.facts, err = f.k.declared(f.row, named)
	return f.facts, err
}

// earliest gives the first instant at which one of the timers has something to tell or do. One of which that
// cannot be computed has nothing: its fault tells it, and it keeps no other from being told of.
func earliest(clocks []*clock) (first time.Time, ok bool) {
	for _, c := range clocks {
		at, has, err := c.next()
		if err == nil && has && (!ok || at.Before(first)) {
			first, ok = at, true
		}
	}
	return first, ok
}

// write puts the timers that have changed, and tells of them in the order in which it happened.
func (p *Practice) write(ctx context.Context, u *engine.Unit, clocks []*clock) error {
	type told struct {
		c *clock
		n news
	}
	var all []told
	var quiet, loud []*Timer // without news, and with
	for _, c := range clocks {
		if !c.changed {
			continue
		}
		if err := c.settle(u.Now()); err != nil && c.Fault == "" {
			c.Fault = faultText(err.Error())
		}
		if len(c.news) == 0 {
			if c.Version == 0 {
				c.Created = u.Now()
			}
			c.Updated = u.Now()
			quiet = append(quiet, c.Timer)
			continue
		}
		loud = append(loud, c.Timer)
		for _, n := range c.news {
			all = append(all, told{c, n})
		}
	}
	if err := TimerTable.Put(ctx, u.Quiet(), quiet...); err != nil {
		return err
	}
	if err := TimerTable.Put(ctx, u, loud...); err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b told) int { return a.n.at.Compare(b.n.at) })
	for _, x := range all {
		u.Emit(itsm.Event{Kind: TimerKind, Record: x.c.ID, Action: x.n.action, Internal: x.c.Internal(), Reason: x.n.reason, Cause: x.n.cause, Data: x.n.data})
	}
	return nil
}
