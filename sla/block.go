// This file holds blocks that were paid for before: what was taken of them, and how it is given back.

package sla

import (
	"context"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// balance is how much was taken of one block: of an agreement, in a unit, for a period.
type balance struct {
	balanceHead
	balanceBody
}

type balanceHead struct {
	storage.Meta
}

type balanceBody struct {
	Agreement string          `json:"agreement"`
	Unit      Unit            `json:"unit"`
	Period    string          `json:"period"`
	Drawn     decimal.Decimal `json:"drawn"`
	Overdrawn decimal.Decimal `json:"overdrawn"`
}

var balanceTable = storage.Define("sla_block", storage.Def[balance, balanceHead, balanceBody]{
	Parts: func(b *balance) (*balanceHead, *balanceBody) { return &b.balanceHead, &b.balanceBody },
})

// readBalance reads how much was taken of a block. In a unit, which may take more, it waits for others that do.
func readBalance(ctx context.Context, r storage.Reader, agreement string, unit Unit, period string) (*balance, error) {
	id := idOf(agreement, string(unit), period)
	if u, ok := r.(*engine.Unit); ok {
		if err := u.Lock(ctx, "sla/block/"+string(id)); err != nil {
			return nil, err
		}
	}
	b, err := balanceTable.Get(ctx, quiet(r), id)
	if isNotFound(err) {
		b = balance{balanceBody: balanceBody{Agreement: agreement, Unit: unit, Period: period}}
		b.ID, err = id, nil
	}
	return &b, err
}

// left is how much is left of what was paid for, never less than nothing.
func (b *balance) left(amount decimal.Decimal) decimal.Decimal {
	return decimal.Max(amount.Sub(b.Drawn), decimal.Zero)
}

// add writes that more, or less, was taken.
func (b *balance) add(ctx context.Context, u *engine.Unit, units, overdrawn decimal.Decimal) error {
	if b.Version == 0 {
		b.Created = u.Now()
	}
	b.Drawn, b.Overdrawn, b.Updated = b.Drawn.Add(units), b.Overdrawn.Add(overdrawn), u.Now()
	return balanceTable.Put(ctx, u.Quiet(), b)
}

// blockOf gives the agreement by whose block a record that was assessed takes: as it is active now, where it has a block in the same unit, and
// otherwise as it was then.
func (p *Practice) blockOf(ctx context.Context, u *engine.Unit, a *Assessment) (*entitled, error) {
	holds, _, err := p.holding(ctx, u)
	if err != nil {
		return nil, err
	}
	if id := holds.Coverage[a.SubjectKind]; id != "" {
		c, err := p.coverageOf(ctx, u, a.SubjectKind, id)
		if err != nil {
			return nil, err
		}
		if e := c.byName[a.Agreement]; e != nil && e.agreement.Entitlement.Block != nil && e.agreement.Entitlement.Block.Unit == a.Unit {
			return e, nil
		}
	}
	v, err := AgreementTable.Get(ctx, u.Quiet(), a.AgreementVersion)
	if err != nil {
		return nil, err
	}
	calendars := map[string]*CalendarVersion{}
	for _, pin := range a.Calendars {
		c, err := CalendarTable.Get(ctx, u.Quiet(), pin.Version)
		if err != nil {
			return nil, err
		}
		calendars[pin.Name] = &c
	}
	var f itsm.Faults
	c, err := p.newCoverage(a.SubjectKind, map[string]*AgreementVersion{v.Family: &v}, calendars, &f)
	if err == nil {
		err = f.Err("agreement " + v.Family)
	}
	if err != nil {
		return nil, err
	}
	return c.byName[v.Family], nil
}

// draw has a record take minutes of its block, or, where they are less than nothing, gives that many of them back, the last first.
func (p *Practice) draw(ctx context.Context, u *engine.Unit, a *Assessment, minutes decimal.Decimal) error {
	if minutes.Sign() < 0 {
		return p.takeBack(ctx, u, a, minutes.Neg())
	}
	e, err := p.blockOf(ctx, u, a)
	if err != nil {
		return err
	}
	period := e.period(u.Now())
	b, err := readBalance(ctx, u, a.Agreement, a.Unit, period)
	if err != nil {
		return err
	}
	units := decimal.Min(b.left(e.paidFor(period)), minutes)
	over := minutes.Sub(units)
	if err := b.add(ctx, u, units, over); err != nil {
		return err
	}
	a.Taken = slices.Clone(a.Taken)
	at := slices.IndexFunc(a.Taken, func(t Taken) bool { return t.Period == period })
	if at < 0 {
		at = len(a.Taken)
		a.Taken = append(a.Taken, Taken{Period: period})
	}
	t := &a.Taken[at]
	t.Units, t.Overdrawn = t.Units.Add(units), t.Overdrawn.Add(over)
	if err := assessmentTable.Put(ctx, u, a); err != nil {
		return err
	}
	u.Emit(itsm.Event{Kind: EntitlementKind, Record: a.ID, Action: "draw", Internal: true,
		Data: Drawn{Subject: a.SubjectRef(), Agreement: a.Agreement, Unit: a.Unit, Period: period, Units: units, Overdrawn: over}})
	return nil
}

// giveBack gives back all that a record has of blocks.
func (p *Practice) giveBack(ctx context.Context, u *engine.Unit, a *Assessment) error {
	all := decimal.Zero
	for _, t := range a.Taken {
		all = all.Add(t.Units).Add(t.Overdrawn)
	}
	return p.takeBack(ctx, u, a, all)
}

// takeBack gives back so many of the units that a record has, of the last period first and there first what was overdrawn. More than
// it has is not given.
func (p *Practice) takeBack(ctx context.Context, u *engine.Unit, a *Assessment, rest decimal.Decimal) error {
	given := GivenBack{Subject: a.SubjectRef(), Agreement: a.Agreement, Unit: a.Unit}
	a.Taken = slices.Clone(a.Taken)
	for i := len(a.Taken) - 1; i >= 0 && rest.Sign() > 0; i-- {
		t := &a.Taken[i]
		over := decimal.Min(t.Overdrawn, rest)
		units := decimal.Min(t.Units, rest.Sub(over))
		rest = rest.Sub(over).Sub(units)
		t.Units, t.Overdrawn = t.Units.Sub(units), t.Overdrawn.Sub(over)
		b, err := readBalance(ctx, u, a.Agreement, a.Unit, t.Period)
		if err != nil {
			return err
		}
		if err := b.add(ctx, u, units.Neg(), over.Neg()); err != nil {
			return err
		}
		given.Blocks = append(given.Blocks, Taken{Period: t.Period, Units: units, Overdrawn: over})
	}
	if len(given.Blocks) == 0 {
		return nil
	}
	a.Taken = slices.DeleteFunc(a.Taken, func(t Taken) bool { return t.Units.IsZero() && t.Overdrawn.IsZero() })
	if err := assessmentTable.Put(ctx, u, a); err != nil {
		return err
	}
	u.Emit(itsm.Event{Kind: EntitlementKind, Record: a.ID, Action: "give_back", Internal: true, Data: given})
	return nil
}

// Drawing is a request to take minutes of a block.
type Drawing struct {
	itsm.Command
	// Minutes are more than 0, with at most nine decimal places.
	Minutes decimal.Decimal `json:"minutes"`
}

// Draw takes minutes of work on a record of the block of its agreement, as it is active now, for the term or month of now; where it is
// not active any more, as it was when the record was logged. What is not left is noted as overdrawn, and so is all in a month that the
// term does not have: the block never comes below nothing. It takes a reason, and [PermissionDraw] of who may
// read the record. A record that was not assessed is ErrNotFound; one that takes no minutes, as it is out of scope or its agreement has
// none, ErrTransition.
func (p *Practice) Draw(ctx context.Context, actor itsm.Actor, ref itsm.Ref, r Drawing) (Assessment, error) {
	return p.onAssessment(ctx, actor, ref, "draw", PermissionDraw, r.Command, r, func(f *itsm.Faults) { amount("minutes", r.Minutes, f) },
		func(ctx context.Context, u *engine.Unit, a *Assessment) error {
			if a.Unit != UnitMinutes {
				return &itsm.TransitionError{Kind: EntitlementKind, ID: a.ID, State: string(a.Verdict), Action: "draw",
					Reason: "the record takes no minutes of a block", Permitted: []string{}}
			}
			return p.draw(ctx, u, a, r.Minutes)
		})
}

// GiveBack gives back all that a record has taken of blocks, records and minutes, as it turned out not to be billable. What is cancelled
// or deleted gives back by itself. What is taken back of work later, by an event of less than nothing ([RecordKind].Worked), gives back of
// what the record has taken since, whichever work took it. It takes a reason, and [PermissionGiveBack] of who may read the record. A
// record that was not assessed is ErrNotFound, one that has nothing ErrTransition.
func (p *Practice) GiveBack(ctx context.Context, actor itsm.Actor, ref itsm.Ref, r itsm.Command) (Assessment, error) {
	return p.onAssessment(ctx, actor, ref, "give_back", PermissionGiveBack, r, r, func(*itsm.Faults) {},
		func(ctx context.Context, u *engine.Unit, a *Assessment) error {
			if len(a.Taken) == 0 {
				return &itsm.TransitionError{Kind: EntitlementKind, ID: a.ID, State: string(a.Verdict), Action: "give_back",
					Reason: "the record has taken nothing of a block", Permitted: []string{}}
			}
			return p.giveBack(ctx, u, a)
		})
}

// onAssessment runs a command on the assessment of a record.
func (p *Practice) onAssessment(ctx context.Context, actor itsm.Actor, ref itsm.Ref, action string, permission itsm.Permission, command itsm.Command, request any,
	check func(f *itsm.Faults), do func(ctx context.Context, u *engine.Unit, a *Assessment) error,
) (Assessment, error) {
	call := engine.Call{Name: EntitlementKind + "." + action, Actor: actor, Command: command, Target: assessmentID(ref), Request: request}
	return engine.Execute(ctx, p.e, assessmentTable, call, func(ctx context.Context, u *engine.Unit) (Assessment, error) {
		a, _, err := p.readAssessment(ctx, u, actor, ref)
		if err != nil {
			return a, err
		}
		if err := p.permitted(ctx, actor, permission); err != nil {
			return a, err
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		if command.Reason == "" {
			f.Add("reason", "is required")
		}
		check(&f)
		if err := f.Err("entitlement"); err != nil {
			return a, err
		}
		err = do(ctx, u, &a)
		return a, err
	}, func(ctx context.Context, u *engine.Unit, a Assessment, _ bool) (Assessment, error) {
		_, k, err := p.readAssessment(ctx, u, actor, ref)
		return k.shownAssessment(a), err
	})
}

// Balance is how a block stands.
type Balance struct {
	// Agreement is the version by which it is.
	Agreement Pin    `json:"agreement"`
	Unit      Unit   `json:"unit"`
	Period    string `json:"period"`
	// Amount is what was paid for, which is nothing in a month that the term does not have, Drawn what was taken, and Left the rest, which is never less than nothing.
	Amount decimal.Decimal `json:"amount"`
	Drawn  decimal.Decimal `json:"drawn"`
	Left   decimal.Decimal `json:"left"`
	// Overdrawn is what was wanted when it was not there. It is not in Drawn.
	Overdrawn decimal.Decimal `json:"overdrawn"`
}

// Balance gives how the block of an agreement stands that it has for an instant, by the version that is active now: the zero time is now. It
// takes [PermissionRead]. An agreement that is not active, or has no block, is ErrNotFound.
func (p *Practice) Balance(ctx context.Context, actor itsm.Actor, agreement string, at time.Time) (x Balance, err error) {
	err = p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.permitted(ctx, actor, PermissionRead); err != nil {
			return err
		}
		holds, _, err := p.holding(ctx, r)
		if err != nil {
			return err
		}
		if at.IsZero() {
			at = p.e.Now()
		}
		for _, kind := range sortedKeys(holds.Coverage) {
			if holds.Coverage[kind] == "" {
				continue
			}
			c, err := p.coverageOf(ctx, r, kind, holds.Coverage[kind])
			if err != nil {
				return err
			}
			e := c.byName[agreement]
			if e == nil || e.agreement.Entitlement.Block == nil {
				continue
			}
			of := e.agreement.Entitlement.Block
			b, err := readBalance(ctx, r, agreement, of.Unit, e.period(at))
			if err != nil {
				return err
			}
			amount := e.paidFor(b.Period)
			x = Balance{Agreement: e.pin, Unit: of.Unit, Period: b.Period, Amount: amount, Drawn: b.Drawn, Left: b.left(amount), Overdrawn: b.Overdrawn}
			return nil
		}
		return &storage.Error{Op: "balance", Table: AgreementKind, ID: itsm.ID(clip(agreement)), Err: storage.ErrNotFound}
	})
	return x, err
}
