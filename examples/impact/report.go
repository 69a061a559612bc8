// This file asks the questions and prints the answers.

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/itsmkit/itsmkit/cmdb/impact"
)

// few is how much of a list is shown where -list does not ask for all.
const few = 12

// report prints answers about an inventory.
type report struct {
	io.Writer
	*inventory
	all bool
}

// answer prints what is asked, and gives a picture: of what fails, or else of the CIs asked about and what holds them up.
func (r report) answer(ctx context.Context, s settings) (picture impact.Picture, err error) {
	r.line("%s", r.title)
	r.line("%d CIs, %d relations, %d redundant groups, %d business services", r.graph.Len(), r.graph.Relations(), r.graph.Groups(), len(r.services))
	asked := s.fail != "" || s.single != "" || s.causes != ""
	if !asked {
		s.fail = r.ask
	}
	if s.causes != "" {
		if picture, err = r.causes(ctx, s.causes); err != nil {
			return picture, err
		}
	}
	if s.fail != "" {
		result, err := r.whatIf(s.fail)
		if err != nil {
			return picture, err
		}
		if picture, err = result.Picture(impact.PictureOptions{Class: r.classOf}); err != nil {
			return picture, err
		}
		worst, err := r.worst(result)
		if err != nil {
			return picture, err
		}
		if s.why = cmp.Or(s.why, worst); s.why != "" {
			if err := r.why(result, s.why); err != nil {
				return picture, err
			}
		}
		if !asked {
			s.single = worst
		}
	}
	if s.single != "" {
		around, err := r.singlePoints(ctx, s.single)
		if err != nil || s.fail == "" {
			return around, err
		}
	}
	return picture, nil
}

// whatIf says what follows from failures: how many CIs by state, the business services first.
func (r report) whatIf(names string) (*impact.Result, error) {
	failed, err := r.find(names)
	if err != nil {
		return nil, err
	}
	result, err := r.graph.Impact(impact.Failed(failed...), impact.Options{})
	if err != nil {
		return nil, err
	}
	reached, err := r.graph.Reach(impact.Downstream, failed, impact.Options{})
	if err != nil {
		return nil, err
	}
	services, err := result.Business(r.services)
	if err != nil {
		return nil, err
	}
	fails := "fails"
	if len(failed) > 1 {
		fails = "fail"
	}
	r.section("What if %s %s?", strings.Join(failed, " and "), fails)
	n := result.Counts()
	r.line("%6d down", n.Down)
	r.line("%6d degraded: they work badly", n.Degraded)
	r.line("%6d at risk: they work, with less to spare", n.AtRisk)
	r.line("%6d could be touched at all, redundancy not counted", reached.Len())

	hit := slices.DeleteFunc(slices.Clone(services), func(s impact.ServiceStanding) bool { return s.State == impact.OK })
	if len(services) > 0 {
		r.line("\nBusiness services hit: %d of %d", len(hit), len(services))
		printed(r, hit, func(s impact.ServiceStanding) string {
			line := fmt.Sprintf("%-8s  %s", s.State, s.ID)
			if s.Criticality > 0 {
				line += fmt.Sprintf(" (criticality %d)", s.Criticality)
			}
			return line
		})
	}
	isService := map[string]bool{}
	for _, s := range services {
		isService[s.ID] = true
	}
	others := slices.DeleteFunc(result.List(), func(one impact.Impacted) bool { return isService[one.ID] })
	r.line("\nOther CIs hit: %d", len(others))
	printed(r, others, func(one impact.Impacted) string { return fmt.Sprintf("%-8s  %s", one.State, r.titled(one.ID)) })
	return result, nil
}

// worst gives the service that is hit worst, or where none is, the CI; "" where nothing is.
func (r report) worst(result *impact.Result) (string, error) {
	services, err := result.Business(r.services)
	if err != nil {
		return "", err
	}
	if len(services) > 0 && services[0].State != impact.OK {
		return services[0].ID, nil
	}
	if list := result.List(); len(list) > 0 {
		return list[0].ID, nil
	}
	return "", nil
}

// why proves the state of a CI that is impacted, and says of any other what holds it up.
func (r report) why(result *impact.Result, name string) error {
	id, err := r.findOne(name)
	if err != nil {
		return err
	}
	standing, err := result.WhyNot(id)
	if err != nil {
		return err
	}
	r.section("Why is %s %s?", id, standing.State)
	if proof, err := result.Explain(id); err == nil {
		r.line("%s", strings.TrimSpace(proof.String()))
		return nil
	}
	if len(standing.Supports) == 0 {
		r.line("It rests on nothing.")
	}
	printed(r, standing.Supports, func(s impact.SupportStanding) string {
		var members []string
		for _, m := range s.Members {
			members = append(members, m.ID)
		}
		if s.Relation {
			return fmt.Sprintf("%s %s, which is %s", s.Kind, members[0], s.State)
		}
		return fmt.Sprintf("%s %d of %s, which have %d to spare", s.Kind, s.Need, strings.Join(members, ", "), s.Spare)
	})
	return nil
}

// singlePoints says what alone brings a CI down, and what else each of these takes down.
func (r report) singlePoints(ctx context.Context, name string) (picture impact.Picture, err error) {
	id, err := r.findOne(name)
	if err != nil {
		return picture, err
	}
	points, err := r.graph.SinglePoints(ctx, id, impact.PointOptions{})
	if err != nil {
		return picture, err
	}
	type loss struct {
		id            string
		cis, services int
	}
	losses := make([]loss, len(points.Points))
	for i, p := range points.Points {
		result, err := r.graph.Impact(impact.Failed(p.ID), impact.Options{})
		if err != nil {
			return picture, err
		}
		losses[i] = loss{id: p.ID, cis: result.Counts().Down}
		for _, s := range r.services {
			if state, err := result.State(s.ID); err == nil && state == impact.Down {
				losses[i].services++
			}
		}
	}
	slices.SortStableFunc(losses, func(a, b loss) int { return cmp.Or(cmp.Compare(b.services, a.services), cmp.Compare(b.cis, a.cis)) })
	r.section("What alone brings %s down?", id)
	r.line("%d of the %d CIs that could touch it bring it down alone.", len(losses), points.Candidates)
	if len(losses) > 0 {
		r.line("\n  services  CIs down by it")
	}
	printed(r, losses, func(l loss) string { return fmt.Sprintf("%8d  %8d  %s", l.services, l.cis, r.titled(l.id)) })
	return r.graph.Neighbourhood([]string{id}, 3, 0, impact.PictureOptions{Class: r.classOf})
}

// causes says what could have brought CIs down that are seen to be.
func (r report) causes(ctx context.Context, names string) (picture impact.Picture, err error) {
	seen, err := r.find(names)
	if err != nil {
		return picture, err
	}
	found, err := r.graph.Causes(ctx, impact.Failed(seen...), impact.CauseOptions{})
	if err != nil {
		return picture, err
	}
	r.section("What could have brought down %s?", strings.Join(seen, " and "))
	r.line("%d CIs hold them up.", found.Candidates)
	r.line("\n  explains  CIs hit by it")
	printed(r, found.Causes, func(c impact.Cause) string {
		return fmt.Sprintf("%8d  %7d  %s", len(c.Explains), c.Impact, r.titled(c.ID))
	})
	if len(found.Cover) > 1 {
		var together []string
		for _, c := range found.Cover {
			together = append(together, c.ID)
		}
		r.line("\nMost is explained together by %s.", strings.Join(together, " and "))
	}
	return r.graph.Neighbourhood(seen, 3, 0, impact.PictureOptions{Class: r.classOf})
}

// find reads names of CIs with commas between them.
func (r report) find(names string) (ids []string, err error) {
	if r.graph.Has(names) { // a name may have commas
		return []string{names}, nil
	}
	for _, name := range strings.Split(names, ",") {
		id, err := r.findOne(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (r report) findOne(name string) (string, error) {
	if r.graph.Has(name) {
		return name, nil
	}
	var near []string
	for id := range r.graph.CIs() {
		if name != "" && strings.Contains(strings.ToLower(id), strings.ToLower(name)) {
			near = append(near, strconv.Quote(id))
		}
	}
	slices.Sort(near)
	if len(near) == 0 {
		return "", fmt.Errorf("there is no CI %q", name)
	}
	return "", fmt.Errorf("there is no CI %q; there is %s", name, strings.Join(near[:min(len(near), few)], ", "))
}

func (r report) classOf(id string) string { return r.class[id] }

// titled gives the name of a CI with its class.
func (r report) titled(id string) string { return fmt.Sprintf("%s (%s)", id, r.class[id]) }

func (r report) line(format string, args ...any) { fmt.Fprintf(r, format+"\n", args...) }

// section begins a part of the report.
func (r report) section(format string, args ...any) {
	title := fmt.Sprintf(format, args...)
	r.line("\n%s\n%s", title, strings.Repeat("─", len([]rune(title))))
}

// printed prints a list, or the beginning of one that is long.
func printed[T any](r report, list []T, text func(T) string) {
	shown := len(list)
	if !r.all {
		shown = min(shown, few)
	}
	for _, one := range list[:shown] {
		r.line("  %s", text(one))
	}
	if more := len(list) - shown; more > 0 {
		r.line("  and %d more (-list shows all)", more)
	}
}
