// This file holds what an agreement entitles its customer to: when, for what, and how much that was paid for before.

package sla

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// Entitlement says which records an agreement covers. Each record of the kind is assessed when it is logged, in the
// transaction of its first event. What is empty does not limit.
type Entitlement struct {
	// Kind is the kind of record: one that has timers.
	Kind string `json:"kind"`
	// CustomerBy names the column, field or fact of a record whose text names the customer. It is required where the
	// agreement is with a customer, and there alone: one without is for all records of the kind.
	CustomerBy string `json:"customer_by,omitempty"`
	// From and Until are the term: the instants from which the agreement covers and from which it does not any more.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Hours is the name of a calendar that is active: the hours in which a record must be logged.
	Hours string `json:"hours,omitempty"`
	// Covers is a condition on the record as it is logged, in the language of policies without what is of an event; what does
	// not meet it is out of scope.
	Covers storage.Condition `json:"covers,omitzero"`
	// Block is what was paid for before; nil is as much as there is.
	Block *Block `json:"block,omitempty"`
}

// Unit is what a block is counted in.
type Unit string

// The units.
const (
	// UnitRecords: a record that is covered takes one when it is logged.
	UnitRecords Unit = "records"
	// UnitMinutes: work takes them, by [Practice.Draw] and [RecordKind].Worked.
	UnitMinutes Unit = "minutes"
)

// Period is for how long a block is.
type Period string

// The periods.
const (
	// PeriodTerm: there is one block. A version of the agreement whose From is another has a new one.
	PeriodTerm Period = "term"
	// PeriodMonth: there is one for each month that the term has or begins or ends in, in the zone of the Hours, UTC where there are
	// none. Nothing is carried over.
	PeriodMonth Period = "month"
)

// Block is a number of records, or of minutes of work, that was paid for before. What is given back can be taken again.
type Block struct {
	Unit Unit `json:"unit"`
	// Amount is more than 0, with at most nine decimal places; of records it is whole.
	Amount decimal.Decimal `json:"amount"`
	Period Period          `json:"period"`
}

// maxAmount bounds what a block has, and what is drawn at once.
var maxAmount = decimal.New(1, 12)

// amount notes what is no exact number of units.
func amount(at string, d decimal.Decimal, f *itsm.Faults) {
	if d.Exponent() < -9 || d.Exponent() > 12 || d.Sign() <= 0 || d.GreaterThan(maxAmount) {
		f.Add(at, "must be more than 0 and at most 1000000000000, with at most nine decimal places")
	}
}

func (p *Practice) checkEntitlement(a *Agreement, calendars map[string]*CalendarVersion, f *itsm.Faults) {
	const at = "entitlement"
	e := a.Entitlement
	if a.Type != timer.SLA {
		f.Add(at, "is for agreements of the type sla: it is what a customer is entitled to")
	}
	k := p.kinds[e.Kind]
	if k == nil {
		f.Addf(at+".kind", "%q is not followed; there are: %s", clip(e.Kind), strings.Join(p.kindNames, ", "))
	} else {
		k.named(at+".customer_by", e.CustomerBy, storage.Text, "text", f)
		f.Merge(at+".covers", k.own.CheckCondition(e.Covers))
	}
	switch {
	case a.Customer != "" && e.CustomerBy == "":
		f.Add(at+".customer_by", "is required: the agreement is with a customer")
	case a.Customer == "" && e.CustomerBy != "":
		f.Add(at+".customer_by", "is given, but the agreement is with no customer")
	}
	for _, t := range []struct {
		name string
		at   time.Time
	}{{"from", e.From}, {"until", e.Until}} {
		if y := t.at.Year(); !t.at.IsZero() && (y < 1970 || y > 9999) {
			f.Add(at+"."+t.name, "must be of the years 1970 to 9999")
		}
	}
	if !e.From.IsZero() && !e.Until.IsZero() && !e.Until.After(e.From) {
		f.Add(at+".until", "must be after from")
	}
	if e.Hours != "" && calendars[e.Hours] == nil {
		f.Addf(at+".hours", "%q is no calendar that is active", clip(e.Hours))
	}
	if b := e.Block; b != nil {
		if b.Unit != UnitRecords && b.Unit != UnitMinutes {
			f.Addf(at+".block.unit", "is %q; it is one of: records, minutes", clip(string(b.Unit)))
		}
		if b.Period != PeriodTerm && b.Period != PeriodMonth {
			f.Addf(at+".block.period", "is %q; it is one of: term, month", clip(string(b.Period)))
		}
		amount(at+".block.amount", b.Amount, f)
		if b.Unit == UnitRecords && b.Amount.Exponent() >= -9 && !b.Amount.IsInteger() {
			f.Add(at+".block.amount", "must be whole: it is of records")
		}
	}
}

// period gives the name of the block that is drawn from at an instant: "2026-11", "term", or "term from 2026-01-01T00:00:00Z".
func (e *entitled) period(at time.Time) string {
	x := e.agreement.Entitlement
	if x.Block.Period == PeriodMonth {
		return at.In(e.zone).Format("2006-01")
	}
	if x.From.IsZero() {
		return string(PeriodTerm)
	}
	return string(PeriodTerm) + " from " + storage.Instant(x.From).Format(time.RFC3339Nano)
}

// paidFor is how much there was to begin with of the block by this name: nothing for a month that the term does not touch.
func (e *entitled) paidFor(period string) decimal.Decimal {
	x := e.agreement.Entitlement
	month := func(at time.Time) string { return at.In(e.zone).Format("2006-01") }
	if x.Block.Period == PeriodMonth && (!x.From.IsZero() && period < month(storage.Instant(x.From)) ||
		!x.Until.IsZero() && period > month(storage.Instant(x.Until).Add(-time.Microsecond))) {
		return decimal.Zero
	}
	return x.Block.Amount
}

// entitled is an agreement with an entitlement that is in force, ready to answer. It does not change.
type entitled struct {
	pin       Pin
	agreement Agreement
	hours     *calendar.Calendar // nil is at any time
	calendars []Pin              // the hours, with those that they refer to
	zone      *time.Location
}

// coverage is all entitlements of a kind of record that are in force in a tenant. It does not change.
type coverage struct {
	// id is a digest of all that it is made of.
	id itsm.ID
	// everyone are the agreements with no customer; those of customers are found by CustomerBy and its text.
	everyone  []*entitled
	customers map[string]map[string][]*entitled
	byName    map[string]*entitled
	// facts are what is named that the host is to be asked for.
	facts map[string]bool
}

// MaxEntitlements is how many agreements that entitle may be active for a kind of record.
const MaxEntitlements = 1000

// newCoverage makes the agreements for a kind of record answer. Their hours must be among the calendars, which fit together.
func (p *Practice) newCoverage(kind string, agreements map[string]*AgreementVersion, calendars map[string]*CalendarVersion, f *itsm.Faults) (*coverage, error) {
	c := &coverage{customers: map[string]map[string][]*entitled{}, byName: map[string]*entitled{}, facts: map[string]bool{}}
	made, hours := contents{sha256.New()}, map[string]*calendar.Calendar{}
	for _, name := range sortedKeys(agreements) {
		v := agreements[name]
		x := v.Set.Entitlement
		if x == nil || x.Kind != kind {
			continue
		}
		e := &entitled{pin: Pin{v.Family, v.ID, v.Number}, agreement: v.Set, zone: time.UTC}
		if err := made.add(e.pin, v.Set); err != nil {
			return nil, err
		}
		if x.Hours != "" {
			if calendars[x.Hours] == nil {
				f.Addf("agreement "+name, "counts by %q, which is no calendar that is active", clip(x.Hours))
				continue
			}
			if e.hours = hours[x.Hours]; e.hours == nil {
				compiled, err := p.compile(withOthers(calendars, x.Hours))
				if err != nil {
					return nil, err
				}
				e.hours = compiled[x.Hours]
				hours[x.Hours] = e.hours
			}
			e.zone = e.hours.Zone()
			for _, used := range sortedKeys(withOthers(calendars, x.Hours)) {
				pin := Pin{used, calendars[used].ID, calendars[used].Number}
				e.calendars = append(e.calendars, pin)
				if err := made.add(pin, calendars[used].Set); err != nil {
					return nil, err
				}
			}
		}
		c.byName[name] = e
		if by := x.CustomerBy; by == "" {
			c.everyone = append(c.everyone, e)
		} else {
			if c.customers[by] == nil {
				c.customers[by] = map[string][]*entitled{}
			}
			c.customers[by][v.Set.Customer] = append(c.customers[by][v.Set.Customer], e)
		}
		if k := p.kinds[kind]; k != nil {
			for _, name := range append(columns(x.Covers), x.CustomerBy) {
				if k.facts[name] {
					c.facts[name] = true
				}
			}
		}
	}
	c.id = made.id()
	return c, nil
}

// cover gives the ids of what is in force, by kinds of record, and notes what does not fit together.
func (p *Practice) cover(agreements map[string]*AgreementVersion, calendars map[string]*CalendarVersion, f *itsm.Faults) (map[string]itsm.ID, error) {
	count := map[string]int{}
	for _, v := range agreements {
		if x := v.Set.Entitlement; x != nil {
			count[x.Kind]++
		}
	}
	ids := map[string]itsm.ID{}
	for _, kind := range sortedKeys(count) {
		if n := count[kind]; n > MaxEntitlements {
			f.Addf("agreements", "that entitle for %s would be %d; at most %d may be active", kind, n, MaxEntitlements)
		}
		c, err := p.newCoverage(kind, agreements, calendars, f)
		if err != nil {
			return nil, err
		}
		ids[kind] = c.id
	}
	return ids, nil
}

// coverageOf gives what is in force for a kind of record by its id, from what is kept ready or from the store.
func (p *Practice) coverageOf(ctx context.Context, r storage.Reader, kind string, id itsm.ID) (*coverage, error) {
	if c := p.coverages.get(id); c != nil {
		return c, nil
	}
	agreements, err := activeVersions(ctx, r, AgreementTable)
	if err != nil {
		return nil, err
	}
	calendars, err := activeVersions(ctx, r, CalendarTable)
	if err != nil {
		return nil, err
	}
	var f itsm.Faults
	c, err := p.newCoverage(kind, effective(agreements), effective(calendars), &f)
	if err == nil {
		err = f.Err("what is in force")
	}
	if err == nil && c.id == id {
		p.coverages.put(id, c)
	}
	return c, err
}

// of gives the agreements under which a record may be, the one that is preferred first: those with its customer before those
// with everyone, those that take nothing before those of which something is taken, and then by their names.
func (c *coverage) of(customer func(by string) string) []*entitled {
	var all []*entitled
	for _, by := range sortedKeys(c.customers) {
		if name := customer(by); name != "" {
			all = append(all, c.customers[by][name]...)
		}
	}
	all = append(all, c.everyone...)
	order := func(e *entitled) string {
		key := []byte("00")
		if e.agreement.Customer == "" {
			key[0] = '1'
		}
		if e.agreement.Entitlement.Block != nil {
			key[1] = '1'
		}
		return string(key) + e.pin.Name
	}
	slices.SortFunc(all, func(a, b *entitled) int { return strings.Compare(order(a), order(b)) })
	return all
}

// customer gives the text by which a record, of which the values are given, tells its customer; empty where it tells none.
func (c *coverage) customer(get func(name string) any) string {
	for _, by := range sortedKeys(c.customers) {
		if name, _ := get(by).(string); name != "" {
			return name
		}
	}
	return ""
}

// unmet names what decides against a condition. The values are not told: the reason is for all who may read the record.
func unmet(c storage.Condition, get func(name string) any) string {
	var by []string
	for _, part := range routing.Failed(c, get) {
		by = append(by, columns(part.Condition)...)
	}
	slices.Sort(by)
	return "it is not for this " + strings.Join(slices.Compact(by), ", ")
}

// instant gives the text of an instant, in the zone of the hours.
func (e *entitled) instant(t time.Time) string {
	return storage.Instant(t).In(e.zone).Format(time.RFC3339Nano)
}

// Verdict says what an agreement makes of a record that is logged.
type Verdict string

// The verdicts, the best first, which is the order in which agreements are compared. An agreement is asked for its term, then its
// scope, its hours and its block, so that what is used up would cover the record otherwise.
const (
	// Covered: an agreement covers the record.
	Covered Verdict = "covered"
	// UsedUp: nothing is left of the block.
	UsedUp Verdict = "used_up"
	// OutsideHours: it was logged outside the contract hours.
	OutsideHours Verdict = "outside_hours"
	// OutOfScope: it is not what the agreement covers.
	OutOfScope Verdict = "out_of_scope"
	// OutsideTerm: the agreement does not hold yet, or not any more.
	OutsideTerm Verdict = "outside_term"
	// NoAgreement: there is none with the customer of the record, nor with everyone.
	NoAgreement Verdict = "none"
)

// Verdicts gives all verdicts, the best first.
func Verdicts() []Verdict {
	return []Verdict{Covered, UsedUp, OutsideHours, OutOfScope, OutsideTerm, NoAgreement}
}

// Finding is what one agreement makes of a record.
type Finding struct {
	Verdict Verdict `json:"verdict"`
	// Agreement is the version that was asked; there is none where the verdict is [NoAgreement].
	Agreement Pin `json:"agreement,omitzero"`
	// Customer is with whom it is; empty is with everyone. Where there is none it is that of the record, as far as it is known and no
	// longer than a column holds.
	Customer string `json:"customer,omitempty"`
	// Reason says why, in words. Instants are in the zone of the Hours, UTC where there are none.
	Reason string `json:"reason"`
	// Unit and Period name the block, where there is one and the record would be covered but for it.
	Unit   Unit   `json:"unit,omitempty"`
	Period string `json:"period,omitempty"`
	// Takes is what the record takes of the block by being logged: 1 of records, 0 of minutes.
	Takes decimal.Decimal `json:"takes"`
}

// assess gives what the agreement makes of a record with these values that is logged at an instant. left gives what its block
// still has.
func (e *entitled) assess(get func(name string) any, at time.Time, left func(e *entitled, period string) (decimal.Decimal, error)) (Finding, error) {
	x := e.agreement.Entitlement
	found := Finding{Agreement: e.pin, Customer: e.agreement.Customer}
	because := func(v Verdict, format string, args ...any) (Finding, error) {
		found.Verdict, found.Reason = v, faultText(fmt.Sprintf(format, args...))
		return found, nil
	}
	switch {
	case !x.From.IsZero() && at.Before(storage.Instant(x.From)):
		return because(OutsideTerm, "%s does not cover it: the agreement holds from %s on", e.pin.Name, e.instant(x.From))
	case !x.Until.IsZero() && !at.Before(storage.Instant(x.Until)):
		return because(OutsideTerm, "%s does not cover it: the agreement held until %s", e.pin.Name, e.instant(x.Until))
	}
	if x.Covers.Op != storage.All && !x.Covers.Match(get) {
		return because(OutOfScope, "%s does not cover it: %s", e.pin.Name, unmet(x.Covers, get))
	}
	if e.hours != nil {
		open, err := e.hours.IsOpen(at)
		if err != nil { // what the calendar does not know is no reason to fail a command
			return because(OutsideHours, "%s does not cover it: whether %s is open at %s is not known", e.pin.Name, x.Hours, e.instant(at))
		}
		if !open {
			text := ""
			if next, err := e.hours.NextOpen(at); err == nil {
				text = " and opens at " + e.instant(next)
			}
			return because(OutsideHours, "%s does not cover it: %s is closed at %s%s", e.pin.Name, x.Hours, e.instant(at), text)
		}
	}
	if x.Block == nil {
		return because(Covered, "%s covers it", e.pin.Name)
	}
	found.Unit, found.Period = x.Block.Unit, e.period(at)
	rest, err := left(e, found.Period)
	if err != nil {
		return found, err
	}
	need := decimal.Zero
	if x.Block.Unit == UnitRecords {
		need = decimal.NewFromInt(1)
	}
	if rest.Sign() <= 0 || rest.LessThan(need) {
		return because(UsedUp, "the %s of %s for %s are used up", x.Block.Unit, e.pin.Name, found.Period)
	}
	found.Takes = need
	return because(Covered, "%s covers it, by the %s for %s", e.pin.Name, x.Block.Unit, found.Period)
}
