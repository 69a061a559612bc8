// This file holds agreements: who promises what to whom, and on which other agreements the promise rests.

package sla

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// AgreementKind is the kind of record that a version of an agreement is.
const AgreementKind = "sla_agreement"

// Agreement is what a provider promises: times, which are a policy's, and numbers for a month. The family of a
// version is its name.
type Agreement struct {
	Name  string     `json:"name"`
	Title string     `json:"title,omitempty"`
	Type  timer.Type `json:"type"`
	// Provider is who promises: a team, or a supplier for an underpinning contract. Customer is to whom, as the policy's
	// CustomerBy names them; empty is to everyone of the tenant.
	Provider string `json:"provider"`
	Customer string `json:"customer,omitempty"`
	// Policy is the name of the policy with the time targets, of the same type; empty is none.
	Policy string `json:"policy,omitempty"`
	// Attainment is how many of a hundred cycles are to be met, by the target's name.
	Attainment map[string]decimal.Decimal `json:"attainment,omitempty"`
	// Availability is promised in percent of a month, Satisfaction in the unit of the surveys; nil is not promised.
	Availability *decimal.Decimal `json:"availability,omitempty"`
	Satisfaction *decimal.Decimal `json:"satisfaction,omitempty"`
	// Fee is what the customer pays a month, of which Credits are given back. They are for the targets of Attainment of which fewer cycles
	// were met in the month than is promised: of the credits whose Below the worst of those is under, the lowest counts.
	Fee     itsm.Money `json:"fee,omitzero"`
	Credits []Credit   `json:"credits,omitempty"`
	// RestsOn says what the promise rests on, by target: agreements that hand on to each other, or work side by side. None rests on
	// itself, however many others lie between.
	RestsOn map[string]Rest `json:"rests_on,omitempty"`
	// Entitlement says which records are covered when they are logged; nil says nothing about it.
	Entitlement *Entitlement `json:"entitlement,omitempty"`
}

// Credit is a part of the fee that is given back in a month in which fewer cycles were met.
type Credit struct {
	// Below is in percent of cycles met: less than this, and not equal. Percent is of the fee.
	Below   decimal.Decimal `json:"below"`
	Percent decimal.Decimal `json:"percent"`
}

// Rest is what a promise rests on: a target of an agreement, or others in sequence or side by side.
type Rest struct {
	Agreement string `json:"agreement,omitempty"`
	Target    string `json:"target,omitempty"`
	// Goal is the name of one of the target's goals; empty is the last, which is that of all other records.
	Goal     string `json:"goal,omitempty"`
	Sequence []Rest `json:"sequence,omitempty"`
	Parallel []Rest `json:"parallel,omitempty"`
}

// VersionKind makes agreements what package versioned keeps.
func (Agreement) VersionKind() string { return AgreementKind }

// Clone gives a copy that shares nothing.
func (a Agreement) Clone() Agreement { return clone(a) }

// AgreementTable is the table of versions of agreements.
var AgreementTable = versioned.Define[Agreement]()

type (
	// AgreementVersion is one version of an agreement. What is or was active is never changed.
	AgreementVersion = versioned.Version[Agreement]
	// AgreementDraft is a request for a new version of an agreement.
	AgreementDraft = versioned.Draft[Agreement]
)

var hundred = decimal.NewFromInt(100)

// percent notes what is no percentage from 0 to 100.
func percent(at string, d decimal.Decimal, f *itsm.Faults) {
	if d.Exponent() < -9 || d.IsNegative() || d.GreaterThan(hundred) {
		f.Add(at, "must be 0 to 100, with at most nine decimal places")
	}
}

// maxRest bounds what a promise rests on, as timer.CheckChain does.
const maxRest = 10

func (p *Practice) checkAgreement(ctx context.Context, u *engine.Unit, family string, _ versioned.Stack, a Agreement, f *itsm.Faults) {
	if a.Name != family {
		f.Addf("name", "is %q; it must be that of the family, %q", clip(a.Name), clip(family))
	}
	f.Text("title", a.Title, storage.MaxText, false)
	if a.Type != timer.SLA && a.Type != timer.OLA && a.Type != timer.UnderpinningContract {
		f.Addf("type", "is %q; it is one of: sla, ola, underpinning_contract", clip(string(a.Type)))
	}
	f.Text("provider", a.Provider, storage.MaxText, true)
	f.Text("customer", a.Customer, storage.MaxText, false)
	var policy *Policy
	if a.Policy != "" {
		active, err := activeVersions(ctx, u, PolicyTable)
		f.Merge("policy", err)
		if v := effective(active)[a.Policy]; v == nil {
			f.Addf("policy", "%q is not active", clip(a.Policy))
		} else if policy = &v.Set; typeOf(policy.Policy) != a.Type {
			f.Addf("policy", "is of the type %s; the agreement is of %s", typeOf(policy.Policy), clip(string(a.Type)))
		} else if a.Customer != "" && policy.CustomerBy == "" {
			f.Add("customer", "is named, but the policy does not say by what it tells customers apart")
		}
	}
	isTarget := func(at, target string) {
		if policy == nil || !hasTarget(policy.Policy, target) {
			f.Addf(at, "%q is no target of the policy", clip(target))
		}
	}
	for _, target := range sortedKeys(a.Attainment) {
		isTarget("attainment", target)
		percent("attainment."+clip(target), a.Attainment[target], f)
	}
	if a.Availability != nil {
		percent("availability", *a.Availability, f)
	}
	if a.Satisfaction != nil && a.Satisfaction.IsNegative() {
		f.Add("satisfaction", "must not be negative")
	}
	f.Merge("fee", a.Fee.Validate())
	if len(a.Credits) > 0 && a.Fee.Sign() <= 0 {
		f.Add("fee", "must be more than nothing where there are credits")
	}
	switch {
	case len(a.Credits) > 0 && a.Policy == "":
		f.Add("credits", "need a policy: they are for cycles that were not met")
	case len(a.Credits) > 0 && len(a.Attainment) == 0:
		f.Add("credits", "need a target in attainment: they are for promises that were not kept")
	}
	for i, c := range a.Credits {
		percent(fmt.Sprintf("credits[%d].below", i), c.Below, f)
		percent(fmt.Sprintf("credits[%d].percent", i), c.Percent, f)
		if i > 0 && (!c.Below.LessThan(a.Credits[i-1].Below) || c.Percent.LessThan(a.Credits[i-1].Percent)) {
			f.Addf(fmt.Sprintf("credits[%d]", i), "must be below the one before it, and give no less")
		}
	}
	if a.Entitlement != nil {
		calendars, err := activeVersions(ctx, u, CalendarTable)
		f.Merge("entitlement.hours", err)
		p.checkEntitlement(&a, effective(calendars), f)
	}
	for _, target := range sortedKeys(a.RestsOn) {
		isTarget("rests_on", target)
		rest := a.RestsOn[target]
		checkRest("rests_on."+clip(target), &rest, 1, f)
	}
	if len(a.RestsOn) > 0 {
		active, err := activeVersions(ctx, u, AgreementTable)
		f.Merge("rests_on", err)
		holding := effective(active)
		holding[a.Name] = &AgreementVersion{Body: versioned.Body[Agreement]{Set: a}}
		if on := circle(holding, a.Name); on != nil {
			f.Addf("rests_on", "is a circle: %s", clipped(on))
		}
	}
}

// circle gives the names of agreements from one back to itself, of which each rests on the next; nil where there is none.
func circle(agreements map[string]*AgreementVersion, name string) []string {
	seen := map[string]bool{}
	var from func(path []string) []string
	from = func(path []string) []string {
		v := agreements[path[len(path)-1]]
		if v == nil {
			return nil
		}
		for _, target := range sortedKeys(v.Set.RestsOn) {
			for _, next := range restsOn(v.Set.RestsOn[target], 1) {
				way := append(path[:len(path):len(path)], next)
				if next == name {
					return way
				}
				if seen[next] {
					continue
				}
				seen[next] = true
				if found := from(way); found != nil {
					return found
				}
			}
		}
		return nil
	}
	return from([]string{name})
}

// restsOn are the agreements that a rest names.
func restsOn(r Rest, depth int) (all []string) {
	if depth > maxRest {
		return nil
	}
	if r.Agreement != "" {
		all = append(all, r.Agreement)
	}
	for _, of := range slices.Concat(r.Sequence, r.Parallel) {
		all = append(all, restsOn(of, depth+1)...)
	}
	return all
}

// clipped lists names from outside for an error message.
func clipped(names []string) string {
	short := make([]string, len(names))
	for i, name := range names {
		short[i] = clip(name)
	}
	return strings.Join(short, ", ")
}

// fit notes what agreements need that there would not be: their policies, with the targets that they name, the calendars of their hours,
// and an end of what they rest on.
func fit(agreements map[string]*AgreementVersion, policies map[string]*PolicyVersion, calendars map[string]*CalendarVersion, f *itsm.Faults) {
	told := map[string]bool{}
	for _, name := range sortedKeys(agreements) {
		a, at := &agreements[name].Set, "agreement "+name
		if x := a.Entitlement; x != nil && x.Hours != "" && calendars[x.Hours] == nil {
			f.Addf(at, "needs calendar %q for its hours; there would be: %s", clip(x.Hours), known(calendars))
		}
		if on := circle(agreements, name); on != nil && !told[name] {
			f.Addf(at, "rests on itself: %s", clipped(on))
			for _, other := range on {
				told[other] = true
			}
		}
		if a.Policy == "" {
			continue
		}
		v := policies[a.Policy]
		if v == nil {
			f.Addf(at, "needs policy %q, which would not be active", clip(a.Policy))
			continue
		}
		if of := typeOf(v.Set.Policy); of != a.Type {
			f.Addf(at, "is of the type %s; its policy %q would be of %s", a.Type, clip(a.Policy), of)
		}
		if a.Customer != "" && v.Set.CustomerBy == "" {
			f.Addf(at, "is with a customer; its policy %q would not say by what it tells customers apart", clip(a.Policy))
		}
		needs := map[string]bool{}
		for target := range a.Attainment {
			needs[target] = true
		}
		for target := range a.RestsOn {
			needs[target] = true
		}
		for _, target := range sortedKeys(needs) {
			if !hasTarget(v.Set.Policy, target) {
				f.Addf(at, "needs target %q of policy %q, which has: %s", clip(target), clip(a.Policy), clipped(targetNames(v.Set.Policy)))
			}
		}
	}
}

// known lists the names that there are.
func known[V any](all map[string]V) string {
	if len(all) == 0 {
		return "none"
	}
	return clipped(sortedKeys(all))
}

func targetNames(p timer.Policy) []string {
	all := make([]string, len(p.Targets))
	for i := range p.Targets {
		all[i] = p.Targets[i].Name
	}
	return all
}

func checkRest(at string, r *Rest, depth int, f *itsm.Faults) {
	kinds := 0
	for _, given := range []bool{r.Agreement != "" || r.Target != "" || r.Goal != "", len(r.Sequence) > 0, len(r.Parallel) > 0} {
		if given {
			kinds++
		}
	}
	switch {
	case depth > maxRest:
		f.Addf(at, "is nested deeper than %d", maxRest)
		return
	case kinds != 1:
		f.Add(at, "must be exactly one of a target of an agreement, sequence, and parallel")
		return
	case r.Agreement != "" || r.Target != "":
		f.Key(at+".agreement", r.Agreement)
		f.Key(at+".target", r.Target)
	}
	for i := range r.Sequence {
		checkRest(fmt.Sprintf("%s.sequence[%d]", at, i), &r.Sequence[i], depth+1, f)
	}
	for i := range r.Parallel {
		checkRest(fmt.Sprintf("%s.parallel[%d]", at, i), &r.Parallel[i], depth+1, f)
	}
}

func typeOf(p timer.Policy) timer.Type {
	if p.Type == "" {
		return timer.SLA
	}
	return p.Type
}

func hasTarget(p timer.Policy, name string) bool {
	for i := range p.Targets {
		if p.Targets[i].Name == name {
			return true
		}
	}
	return false
}

// CheckChain compares what an agreement that is active promises for one of its targets with what those that it rests on deliver,
// for records that begin from one instant to another: see [timer.CheckChain]. A link is named by its agreement
// and target. Goal is the name of one of the target's goals; empty is the last. An agreement, policy, target or goal that is not there is ErrInvalid,
// with every fault. It takes [PermissionRead].
func (p *Practice) CheckChain(ctx context.Context, actor itsm.Actor, agreement, target, goal string, from, until time.Time) (report timer.ChainReport, err error) {
	err = p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.permitted(ctx, actor, PermissionRead); err != nil {
			return err
		}
		agreements, err := activeVersions(ctx, r, AgreementTable)
		if err != nil {
			return err
		}
		policies, err := activeVersions(ctx, r, PolicyTable)
		if err != nil {
			return err
		}
		versions, err := activeVersions(ctx, r, CalendarTable)
		if err != nil {
			return err
		}
		calendars, err := p.compile(effective(versions))
		if err != nil {
			return err
		}
		c := chain{agreements: effective(agreements), policies: effective(policies)}
		promise := c.link("promise", Rest{Agreement: agreement, Target: target, Goal: goal})
		var rest timer.Link
		if a := c.agreements[agreement]; a != nil {
			if on, ok := a.Set.RestsOn[target]; ok {
				rest = c.link("rests_on", on)
			} else {
				c.Addf("target", "%q rests on nothing", clip(target))
			}
		}
		if err := c.Err("chain"); err != nil {
			return err
		}
		report, err = timer.CheckChain(promise, rest, calendars, from, until)
		return err
	})
	return report, err
}

// chain makes links of agreements.
type chain struct {
	itsm.Faults
	agreements map[string]*AgreementVersion
	policies   map[string]*PolicyVersion
}

func (c *chain) link(at string, r Rest) timer.Link {
	l := timer.Link{Name: "in sequence"}
	for i := range r.Sequence {
		l.Sequence = append(l.Sequence, c.link(fmt.Sprintf("%s.sequence[%d]", at, i), r.Sequence[i]))
	}
	for i := range r.Parallel {
		l.Name = "side by side"
		l.Parallel = append(l.Parallel, c.link(fmt.Sprintf("%s.parallel[%d]", at, i), r.Parallel[i]))
	}
	if len(l.Sequence)+len(l.Parallel) > 0 {
		return l
	}
	a := c.agreements[r.Agreement]
	if a == nil {
		c.Addf(at+".agreement", "%q is not active", clip(r.Agreement))
		return l
	}
	l.Name, l.Type = r.Agreement+": "+r.Target, a.Set.Type
	v := c.policies[a.Set.Policy]
	if v == nil {
		c.Addf(at+".agreement", "%q has no policy that is active", clip(r.Agreement))
		return l
	}
	for i := range v.Set.Targets {
		t := &v.Set.Targets[i]
		if t.Name != r.Target {
			continue
		}
		l.Calendar = t.Calendar
		for _, g := range t.Goals {
			if r.Goal == "" || g.Name == r.Goal {
				l.Goal = g
			}
		}
		if l.Goal.Within == 0 && l.Goal.WorkingDays == nil && l.Goal.By == "" {
			named := []string{}
			for _, g := range t.Goals {
				if g.Name != "" {
					named = append(named, g.Name)
				}
			}
			there := "none has a name"
			if len(named) > 0 {
				there = "there are: " + clipped(named)
			}
			c.Addf(at+".goal", "%q is no goal of %s; %s; empty is the last", clip(r.Goal), l.Name, there)
		}
		return l
	}
	c.Addf(at+".target", "%q is no target of %q; there are: %s", clip(r.Target), clip(r.Agreement), clipped(targetNames(v.Set.Policy)))
	return l
}
