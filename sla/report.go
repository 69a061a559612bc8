// This file holds the service report: what became of an agreement in a month, counted exactly.

package sla

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// Counts are cycles of timers by how they stand. A cycle that was cancelled is none of them.
type Counts struct {
	Met int64 `json:"met"`
	// Breached are those that ended after due, and those that run though due has passed.
	Breached int64 `json:"breached"`
	// Open are those that run and are not breached.
	Open int64 `json:"open"`
}

// Decided is how many have come to an outcome.
func (c Counts) Decided() int64 { return c.Met + c.Breached }

// below says whether fewer than so many of a hundred were met, exactly. Of none that is so.
func (c Counts) below(percent decimal.Decimal) bool {
	return decimal.NewFromInt(c.Met).Mul(hundred).LessThan(percent.Mul(decimal.NewFromInt(c.Decided())))
}

// Percent is how many of a hundred were met, cut off after two decimal places so that it never seems to reach what it
// does not; false where none has come to an outcome.
func (c Counts) Percent() (decimal.Decimal, bool) {
	if c.Decided() == 0 {
		return decimal.Decimal{}, false
	}
	hundredths := c.Met * 10000 / c.Decided()
	return decimal.New(hundredths, -2), true
}

// Measured are numbers of a month that others know: nil is not measured.
type Measured struct {
	Availability *decimal.Decimal `json:"availability,omitempty"`
	Satisfaction *decimal.Decimal `json:"satisfaction,omitempty"`
}

// TargetReport is what became of one target.
type TargetReport struct {
	Target string `json:"target"`
	Counts
	// Promised is in percent of cycles; nil is nothing. Kept is whether that was reached; nothing decided keeps it.
	Promised *decimal.Decimal `json:"promised,omitempty"`
	Kept     bool             `json:"kept"`
}

// Report is what became of an agreement in a month.
type Report struct {
	Agreement Agreement `json:"agreement"`
	// Version is the number of the agreement's version.
	Version int64 `json:"version"`
	// Month is that in which timers began: "2026-11", each in the zone of its calendar.
	Month    string         `json:"month"`
	Targets  []TargetReport `json:"targets"`
	Measured Measured       `json:"measured"`
	// Credit is what is given back of the fee, rounded to its smallest unit, by the worst of the targets.
	Credit itsm.Money `json:"credit,omitzero"`
	// CreditPercent is of the fee.
	CreditPercent decimal.Decimal `json:"credit_percent"`
	// Kept says that all that was promised, and is measured, was kept.
	Kept bool `json:"kept"`
}

var monthForm = regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])$`)

// Report gives what became of an agreement that is active in a month, with numbers that others have measured. Counts are
// exact, of all timers of its policy and customer that began in the month, as events, thresholds and breaches have written them. It takes
// [PermissionReport].
func (p *Practice) Report(ctx context.Context, actor itsm.Actor, agreement, month string, m Measured) (report Report, err error) {
	if !monthForm.MatchString(month) {
		return report, itsm.Invalid("report", "month", "must be like 2026-11")
	}
	err = p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.permitted(ctx, actor, PermissionReport); err != nil {
			return err
		}
		versions, err := activeVersions(ctx, r, AgreementTable)
		if err != nil {
			return err
		}
		v := effective(versions)[agreement]
		if v == nil {
			return &storage.Error{Op: "report", Table: AgreementKind, Err: storage.ErrNotFound}
		}
		report = Report{Agreement: v.Set, Version: v.Number, Month: month, Measured: m}
		counts, err := p.counts(ctx, r, v.Set, month)
		if err != nil {
			return err
		}
		report.conclude(counts)
		return nil
	})
	return report, err
}

// counts gives how many cycles there are of the timers of an agreement's policy, customer and month, by target.
func (p *Practice) counts(ctx context.Context, r storage.Reader, a Agreement, month string) (map[string]Counts, error) {
	all := map[string]Counts{}
	if a.Policy == "" {
		return all, nil
	}
	for target := range a.Attainment {
		all[target] = Counts{}
	}
	where := storage.AllOf(ByPolicy.Is(a.Policy), ByMonth.Is(month))
	if a.Customer != "" {
		where = storage.AllOf(where, ByCustomer.Is(a.Customer))
	}
	groups, err := TimerTable.CountBy(ctx, r, where, ByTarget, ByOpen, ByOutcome, ByMet, ByBreaches)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		target, _ := g.Values[0].(string)
		open, _ := g.Values[1].(bool)
		outcome, _ := g.Values[2].(string)
		met, _ := g.Values[3].(int64)
		breaches, _ := g.Values[4].(int64)
		c := all[target]
		c.Met += met * g.Count
		c.Breached += breaches * g.Count
		switch {
		case open && timer.Outcome(outcome) == timer.OutcomeBreached:
			c.Breached += g.Count
		case open:
			c.Open += g.Count
		}
		all[target] = c
	}
	return all, nil
}

// conclude says what follows from the counts.
func (r *Report) conclude(counts map[string]Counts) {
	a := &r.Agreement
	r.Kept = true
	for _, target := range sortedKeys(counts) {
		t := TargetReport{Target: target, Counts: counts[target], Kept: true}
		if promised, ok := a.Attainment[target]; ok {
			t.Promised = &promised
			t.Kept = !t.below(promised)
			r.Kept = r.Kept && t.Kept
		}
		for _, c := range a.Credits { // from the mildest to the hardest
			if t.Decided() > 0 && t.below(c.Below) && c.Percent.GreaterThan(r.CreditPercent) {
				r.CreditPercent = c.Percent
			}
		}
		r.Targets = append(r.Targets, t)
	}
	short := func(promised, measured *decimal.Decimal) bool {
		return promised != nil && measured != nil && measured.LessThan(*promised)
	}
	if short(a.Availability, r.Measured.Availability) || short(a.Satisfaction, r.Measured.Satisfaction) {
		r.Kept = false
	}
	if len(a.Credits) > 0 {
		r.Credit = itsm.Money{Amount: a.Fee.Amount.Mul(r.CreditPercent).Shift(-2), Currency: a.Fee.Currency}.Rounded()
	}
}

// Text is the report for people.
func (r Report) Text() string {
	var b strings.Builder
	a := &r.Agreement
	fmt.Fprintf(&b, "%s, version %d, %s\n%s", a.Name, r.Version, r.Month, a.Provider)
	if a.Customer != "" {
		fmt.Fprintf(&b, " for %s", a.Customer)
	}
	b.WriteByte('\n')
	for i := range r.Targets {
		t := &r.Targets[i]
		attained := "nothing decided"
		if p, ok := t.Percent(); ok {
			attained = p.StringFixed(2) + " %"
		}
		fmt.Fprintf(&b, "%s: %s (%d met, %d breached, %d open)", t.Target, attained, t.Met, t.Breached, t.Open)
		if t.Promised != nil {
			fmt.Fprintf(&b, ", promised %s %%: %s", t.Promised, kept(t.Kept))
		}
		b.WriteByte('\n')
	}
	number := func(name, unit string, promised, measured *decimal.Decimal) {
		switch {
		case promised == nil && measured == nil:
			return
		case measured == nil:
			fmt.Fprintf(&b, "%s: not measured, promised %s%s\n", name, promised, unit)
		case promised == nil:
			fmt.Fprintf(&b, "%s: %s%s\n", name, measured, unit)
		default:
			fmt.Fprintf(&b, "%s: %s%s, promised %s%s: %s\n", name, measured, unit, promised, unit, kept(!measured.LessThan(*promised)))
		}
	}
	number("availability", " %", a.Availability, r.Measured.Availability)
	number("satisfaction", "", a.Satisfaction, r.Measured.Satisfaction)
	if len(a.Credits) > 0 {
		fmt.Fprintf(&b, "credit: %s (%s %% of %s)\n", r.Credit, r.CreditPercent, a.Fee)
	}
	return b.String()
}

func kept(yes bool) string {
	if yes {
		return "kept"
	}
	return "not kept"
}
