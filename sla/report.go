// This file holds the service report: what became of an agreement in a month, counted exactly.

package sla

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

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
	// Agreement is what was agreed in that month, and Version the number of that version.
	Agreement Agreement `json:"agreement"`
	Version   int64     `json:"version"`
	// Month is that in which timers began: "2026-11", each in the zone of its calendar.
	Month    string         `json:"month"`
	Targets  []TargetReport `json:"targets"`
	Measured Measured       `json:"measured"`
	// Credit is what is given back of the fee, rounded to its smallest unit, by the worst of the targets of which the promise
	// was not kept. What is not promised costs nothing, and where Kept is true there is no credit.
	Credit itsm.Money `json:"credit,omitzero"`
	// CreditPercent is of the fee.
	CreditPercent decimal.Decimal `json:"credit_percent"`
	// Kept says that all that was promised, and is measured, was kept.
	Kept bool `json:"kept"`
}

var monthForm = regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])$`)

// Report gives what became of an agreement in a month, with numbers that others have measured. Counts are
// exact, of all timers of its policy and customer that began in the month, as events, thresholds and breaches have written them.
//
// The version that counts, with its policy, fee and promises, is for the whole month the one that held at the end of it, in the zone of
// the calendar of the policy's first target: whatever was agreed or retired since. Of a month in which the agreement was retired it is that
// which held last. An agreement that did not hold in the month, or that there is not, is ErrNotFound; the text says when it
// held. It takes [PermissionReport].
func (p *Practice) Report(ctx context.Context, actor itsm.Actor, agreement, month string, m Measured) (report Report, err error) {
	begin, err := time.Parse("2006-01", month)
	if err != nil || !monthForm.MatchString(month) {
		return report, itsm.Invalid("report", "month", "must be like 2026-11")
	}
	err = p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.permitted(ctx, actor, PermissionReport); err != nil {
			return err
		}
		v, targets, err := p.reported(ctx, r, agreement, begin)
		if err != nil {
			return err
		}
		report = Report{Agreement: v.Set, Version: v.Number, Month: month, Measured: m}
		counts, err := p.counts(ctx, r, v.Set, targets, month)
		if err != nil {
			return err
		}
		report.conclude(counts)
		return nil
	})
	return report, err
}

// reported gives the version of an agreement by which a month is reported, and the targets of its policy at that time. The month is given by
// its first instant in UTC.
func (p *Practice) reported(ctx context.Context, r storage.Reader, agreement string, month time.Time) (v *AgreementVersion, targets []timer.Target, err error) {
	all, any, err := readHeld(ctx, p.e, r, AgreementTable, agreement)
	if err != nil {
		return nil, nil, err
	}
	// A month ends in another instant where another version has another zone: from the latest end of any zone towards the one that fits.
	before := month.AddDate(0, 1, 1)
	var ended time.Time // the last instant before the month at which it held
	for {
		v, at := all.last(before)
		if v == nil {
			break
		}
		targets, zone, err := p.policyAt(ctx, r, v.Set.Policy, at)
		if err != nil {
			return nil, nil, err
		}
		from := time.Date(month.Year(), month.Month(), 1, 0, 0, 0, 0, zone)
		if until := from.AddDate(0, 1, 0); !at.Before(until) {
			before = until
			continue
		}
		if at.Before(from) {
			ended = at
			break
		}
		return v, targets, nil
	}
	problem := fmt.Sprintf("there is no agreement %q", clip(agreement))
	switch begins, again := all.next(ended); {
	case any && len(all) == 0:
		problem = fmt.Sprintf("agreement %q was never active", clip(agreement))
	case any:
		_, zone, err := p.policyAt(ctx, r, all[0].version.Set.Policy, all[0].from)
		if err != nil {
			return nil, nil, err
		}
		problem = fmt.Sprintf("agreement %q did not hold in %s: ", clip(agreement), month.Format("2006-01"))
		until, from := ended.Add(time.Microsecond).In(zone).Format(time.RFC3339), begins.In(zone).Format(time.RFC3339)
		switch {
		case ended.IsZero():
			problem += "it holds from " + from + " on"
		case again:
			problem += "it held until " + until + ", and again from " + from + " on"
		default:
			problem += "it held until " + until
		}
	}
	return nil, nil, fmt.Errorf("%s: %w", problem, &storage.Error{Op: "report", Table: AgreementKind, Err: storage.ErrNotFound})
}

// policyAt gives the targets that a policy had at an instant, and the zone of the calendar of the first; none and UTC where it did not hold.
func (p *Practice) policyAt(ctx context.Context, r storage.Reader, name string, at time.Time) ([]timer.Target, *time.Location, error) {
	if name == "" {
		return nil, time.UTC, nil
	}
	policies, _, err := readHeld(ctx, p.e, r, PolicyTable, name)
	if err != nil {
		return nil, nil, err
	}
	policy, _ := policies.last(at.Add(time.Microsecond))
	if policy == nil {
		return nil, time.UTC, nil
	}
	targets := policy.Set.Targets
	calendars, _, err := readHeld(ctx, p.e, r, CalendarTable, targets[0].Calendar)
	if err != nil {
		return nil, nil, err
	}
	zone := time.UTC
	if c, _ := calendars.last(at.Add(time.Microsecond)); c != nil {
		if zone, err = time.LoadLocation(c.Set.Zone); err != nil {
			return nil, nil, err
		}
	}
	return targets, zone, nil
}

// counts gives how many cycles there are of the timers of an agreement's policy, customer and month, by target.
func (p *Practice) counts(ctx context.Context, r storage.Reader, a Agreement, targets []timer.Target, month string) (map[string]Counts, error) {
	all := map[string]Counts{}
	if a.Policy == "" {
		return all, nil
	}
	for i := range targets {
		all[targets[i].Name] = Counts{}
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
		for _, c := range a.Credits { // from the mildest to the hardest, for a promise that was not kept
			if !t.Kept && t.below(c.Below) && c.Percent.GreaterThan(r.CreditPercent) {
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
