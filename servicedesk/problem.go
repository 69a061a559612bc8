// This file holds how problems and the incidents that are linked to them follow each other.

package servicedesk

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/itsmkit/itsmkit/change"
	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/problem"
	"github.com/itsmkit/itsmkit/storage"
)

// analyse makes the practice of problems.
func (d *Desk) analyse(c Config) (err error) {
	o := c.Problem
	if o.MayRead == nil {
		o.MayRead = d.mayRead
	}
	if o.Blockers == nil {
		o.Blockers = task.Blockers[problem.Problem](d.Tasks, c.OpenTasks)
	}
	d.Problems, err = problem.New(d.Engine, o)
	return err
}

// SuggestKnownErrors gives the published known errors that are most like an incident, with what makes them so:
// see problem.Practice.Suggest. The CIs are those that the incident is linked to by itsm.LinkAffects, as far as
// the actor may know of them. An incident that the actor may not read is ErrNotFound.
func (d *Desk) SuggestKnownErrors(ctx context.Context, actor itsm.Actor, id itsm.ID, limit int) ([]problem.Suggestion, error) {
	i, err := d.Incidents.Get(ctx, actor, id)
	if err != nil {
		return nil, err
	}
	links, err := d.Incidents.Links(ctx, actor, id)
	if err != nil {
		return nil, err
	}
	return d.Problems.Suggest(ctx, actor, problem.Matter{
		Title: i.Title, Description: i.Description, CIs: affected(links), Category: i.Category, Service: i.Service, Limit: limit,
	})
}

// affected gives the CIs that a record is linked to as affecting them.
func affected(links []itsm.Link) (cis []itsm.ID) {
	for _, l := range links {
		if l.Type == itsm.LinkAffects && l.To.Kind == cmdb.Kind {
			cis = append(cis, l.To.ID)
		}
	}
	return cis
}

// observer follows incidents, after the commit, to the occurrences by which problems are proposed: one that is
// restricted or was cancelled, as a duplicate too, is none.
func (d *Desk) observer() engine.Subscriber {
	return engine.Subscriber{
		Name: "servicedesk.occurrences",
		Types: []string{
			incident.Logged{}.EventType(), incident.Classified{}.EventType(), incident.Edited{}.EventType(), incident.Linked{}.EventType(),
			incident.Unlinked{}.EventType(), incident.Restricted{}.EventType(), incident.Unrestricted{}.EventType(), incident.Cancelled{}.EventType(),
		},
		Deliver: d.observe,
	}
}

func (d *Desk) observe(ctx context.Context, e itsm.Event) error {
	switch p := e.Data.(type) {
	case incident.Linked:
		if p.To.Kind != cmdb.Kind {
			return nil
		}
	case incident.Unlinked:
		if p.To.Kind != cmdb.Kind {
			return nil
		}
	}
	actor := itsm.SystemActor(e.Tenant, "servicedesk")
	var i incident.Incident
	var links []itsm.Link
	err := d.Engine.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		var err error
		if i, err = d.Incidents.Table().Get(ctx, r, e.Record); err != nil {
			return err
		}
		links, err = engine.Links(ctx, r, i.Ref())
		return err
	})
	if err != nil {
		return ignoreNotFound(err)
	}
	if c, _ := d.Incidents.Lifecycle().Category(i.State); i.Restricted || c == itsm.CategoryCancelled {
		return d.Problems.Forget(ctx, actor, i.Ref())
	}
	cis := affected(links)
	return d.Problems.Observe(ctx, actor, problem.Occurrence{
		Record: i.Ref(), At: i.Reported, CIs: cis[:min(len(cis), problem.MaxOccurrenceCIs)], Category: i.Category, Text: i.Title,
	})
}

// problemReactions begin what is done about the incidents that are linked to a problem. Each schedules a
// job, as a problem may have any number of incidents.
func (d *Desk) problemReactions() []engine.Reaction {
	begin := func(ctx context.Context, u *engine.Unit, e itsm.Event, w toIncidents) error {
		w.Problem = e.Record
		return u.Schedule(ctx, w.task(u, "", ""))
	}
	return []engine.Reaction{
		engine.On(func(ctx context.Context, u *engine.Unit, e itsm.Event, r problem.WorkaroundRecorded) error {
			if r.Tell == problem.TellNobody {
				return nil
			}
			return begin(ctx, u, e, toIncidents{Do: doTell, Version: r.Version, Public: r.Tell == problem.TellPush})
		}),
		engine.OnAny(func(ctx context.Context, u *engine.Unit, e itsm.Event) error {
			if e.Kind != problem.Kind || e.FromCategory == e.ToCategory || e.FromCategory == "" {
				return nil
			}
			_, duplicate := e.Data.(problem.MarkedDuplicate)
			switch {
			case e.ToCategory == itsm.CategoryResolved:
				return begin(ctx, u, e, toIncidents{Do: doResolve})
			case e.ToCategory.Final() && e.FromCategory != itsm.CategoryResolved && !duplicate:
				return begin(ctx, u, e, toIncidents{Do: doResume})
			}
			return nil
		}),
		engine.On(func(ctx context.Context, u *engine.Unit, e itsm.Event, h incident.Held) error {
			return d.heldFor(ctx, u, e.Record, h.Link)
		}),
		engine.On(func(ctx context.Context, u *engine.Unit, e itsm.Event, h incident.HoldReasonChanged) error {
			return d.heldFor(ctx, u, e.Record, h.Link)
		}),
		engine.On(d.fixesThatEnded),
		engine.On(d.followRegistration),
		engine.On(d.followLink),
		engine.On(d.followUnlink),
		engine.On(d.recurOnLink),
	}
}

// The kinds of job: one that goes through the links of a problem, and one about an incident.
const (
	jobToIncidents = "servicedesk.problem_incidents"
	jobToIncident  = "servicedesk.problem_incident"
)

func (d *Desk) problemJobs() []engine.JobHandler {
	return []engine.JobHandler{
		engine.OnDue(jobToIncidents, d.toIncidents),
		engine.IfRefused(engine.OnDue(jobToIncident, d.toIncident), d.toRefused),
	}
}

// What is done about incidents.
const (
	doTell    = "tell"    // of a workaround
	doResolve = "resolve" // those that wait for the problem
	doResume  = "resume"  // those that wait for it, as it ended otherwise
)

// toIncidents is what is to be done about the incidents of a problem, or about one.
type toIncidents struct {
	Do string `json:"do"`
	// Problem is the problem that it is about, Through the one whose links are followed, where that is a
	// duplicate.
	Problem itsm.ID `json:"problem"`
	Through itsm.ID `json:"through,omitempty"`
	// Version is that of a workaround, Public that requesters are told of it.
	Version int  `json:"version,omitempty"`
	Public  bool `json:"public,omitempty"`
	// From is where the walk through the links goes on, Incident the one incident.
	From     problem.LinksLeft `json:"from,omitzero"`
	Incident itsm.ID           `json:"incident,omitempty"`
}

// task is the job for it. There is one at a time for what is done of a problem, through a problem, to an
// incident.
func (w toIncidents) task(u *engine.Unit, through, to itsm.ID) engine.Task {
	w.Through, w.Incident = through, to
	kind, subject := jobToIncidents, problem.Kind+"/"+string(w.Problem)
	if to != "" {
		kind, subject = jobToIncident, incident.Kind+"/"+string(to)
	}
	return engine.Task{
		Kind: kind, Key: digest.Of(w.Do, string(w.Problem), string(through), string(to), strconv.Itoa(w.Version)),
		Subject: subject, Due: u.Now(), Payload: w,
	}
}

// incidentsAtOnce is of how many links one job looks at before it makes way for others.
const incidentsAtOnce = 100

// toIncidents is the job that schedules what is done for each incident of a problem, some at a time, and
// those of its duplicates: what waits for a duplicate waits for the problem.
func (d *Desk) toIncidents(ctx context.Context, u *engine.Unit, _ engine.Due, w toIncidents) error {
	of := w.Problem
	if w.Through != "" {
		of = w.Through
	}
	links, left, err := problem.LinkPage(ctx, u, itsm.Ref{Kind: problem.Kind, ID: of}, w.From, incidentsAtOnce)
	if err != nil {
		return err
	}
	var tasks []engine.Task
	var seen []itsm.ID
	next := w
	next.From = problem.LinksLeft{}
	for _, l := range links {
		switch {
		case l.To.Kind == problem.Kind && l.Type == itsm.LinkDuplicatedBy && l.To.ID != w.Problem:
			tasks = append(tasks, next.task(u, l.To.ID, ""))
		case l.To.Kind != incident.Kind, l.Type != itsm.LinkHolds && w.Do != doTell, slices.Contains(seen, l.To.ID):
		default:
			seen = append(seen, l.To.ID)
			tasks = append(tasks, next.task(u, w.Through, l.To.ID))
		}
	}
	if left != nil {
		w.From = *left
		tasks = append(tasks, w.task(u, w.Through, ""))
	}
	return u.Schedule(ctx, tasks...)
}

// toIncident is the job about one incident. What has no meaning any more, as for an incident that does not
// wait, is not done.
func (d *Desk) toIncident(ctx context.Context, u *engine.Unit, _ engine.Due, w toIncidents) error {
	p, i, err := d.problemAndIncident(ctx, u, w)
	if err != nil || !i.Open {
		return ignoreNotFound(err)
	}
	incidents := d.Incidents.In(u.Store())
	if w.Do == doTell {
		return d.tellWorkaround(ctx, u, w, &p, &i)
	}
	if i.HoldLink == nil || *i.HoldLink != w.waitedFor() {
		return nil
	}
	if root, err := d.original(ctx, u, w.waitedFor().ID); err != nil || root.ID != p.ID {
		return ignoreNotFound(err) // what it waits for is no duplicate any more, or one of another
	}
	if c, _ := d.Problems.Lifecycle().Category(p.State); c.Open() {
		return nil // it was taken up again meanwhile
	}
	if w.Do == doResume || p.Code != problem.CodeFixed { // it may have been taken up again and have ended otherwise
		return d.resumeFrom(ctx, u, w)
	}
	reason, notes := "Problem "+p.Number+" is fixed", "The problem that this incident waited for is fixed."
	if p.Restricted && !i.Restricted {
		reason = "The problem that it waited for is fixed"
	} else if p.Fix != nil && p.Fix.Notes != "" {
		notes = p.Fix.Notes
	}
	_, err = incidents.Resolve(ctx, u.System("problems"), i.ID, incident.Resolution{
		Command: itsm.Command{Reason: reason}, Code: incident.CodeByProblem, Notes: notes,
	})
	if errors.Is(err, itsm.ErrInvalid) { // the host has no such code
		return d.resumeFrom(ctx, u, w)
	}
	return err
}

// heldFor begins what is done about an incident that was made to wait for a problem which is at its end already: no
// event of that problem comes for it.
func (d *Desk) heldFor(ctx context.Context, u *engine.Unit, id itsm.ID, link *itsm.Ref) error {
	if link == nil || link.Kind != problem.Kind {
		return nil
	}
	p, err := d.original(ctx, u, link.ID)
	if err != nil {
		return ignoreNotFound(err)
	}
	if c, _ := d.Problems.Lifecycle().Category(p.State); c.Open() {
		return nil
	}
	w, through := toIncidents{Do: doResume, Problem: p.ID}, itsm.ID("")
	if p.Code == problem.CodeFixed {
		w.Do = doResolve
	}
	if link.ID != p.ID {
		through = link.ID
	}
	return u.Schedule(ctx, w.task(u, through, id))
}

// fixesThatEnded records how those changes ended by which a problem is to be fixed and which have ended already: no
// event of theirs comes for it.
func (d *Desk) fixesThatEnded(ctx context.Context, u *engine.Unit, e itsm.Event, f problem.FixPlanned) error {
	changes, by := d.Changes.In(u.Store()), u.System("servicedesk")
	for _, ref := range f.Changes {
		if ref.Kind != change.Kind {
			continue
		}
		c, err := changes.Get(ctx, by, ref.ID)
		if errors.Is(err, itsm.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		outcome := problem.OutcomeFailed
		switch {
		case c.Implemented && !c.Outcome.Failure():
			outcome = problem.OutcomeSuccessful
		case c.Implemented, !c.Open:
		default:
			continue // it will end yet
		}
		if err := d.tellFix(ctx, u, e.Record, problem.ChangeOutcome{Change: ref, Outcome: outcome}); err != nil {
			return ignoreNotFound(err)
		}
	}
	return nil
}

// waitedFor is the record that an incident waits for.
func (w toIncidents) waitedFor() itsm.Ref {
	if w.Through != "" {
		return itsm.Ref{Kind: problem.Kind, ID: w.Through}
	}
	return itsm.Ref{Kind: problem.Kind, ID: w.Problem}
}

// original gives the problem that is worked on for another: what that is a duplicate of, however far, or itself. There
// is an end to it, as only an open problem gets duplicates.
func (d *Desk) original(ctx context.Context, u *engine.Unit, id itsm.ID) (p problem.Problem, err error) {
	for {
		if p, err = d.Problems.Table().Get(ctx, u, id); err != nil || p.DuplicateOf == "" {
			return p, err
		}
		id = p.DuplicateOf
	}
}

func (d *Desk) problemAndIncident(ctx context.Context, u *engine.Unit, w toIncidents) (p problem.Problem, i incident.Incident, err error) {
	if p, err = d.Problems.Table().Get(ctx, u, w.Problem); err == nil {
		i, err = d.Incidents.Table().Get(ctx, u, w.Incident)
	}
	return p, i, err
}

// resumeFrom lets an incident go on that waited for a problem.
func (d *Desk) resumeFrom(ctx context.Context, u *engine.Unit, w toIncidents) error {
	_, err := d.Incidents.In(u.Store()).LinkedDone(ctx, u.System("problems"), w.Incident, w.waitedFor())
	return ignoreNotFound(err)
}

// toRefused is what is done where an incident could not be resolved, as something of it must be finished
// first: it waits no longer, and is left to people.
func (d *Desk) toRefused(ctx context.Context, u *engine.Unit, _ engine.Due, w toIncidents) error {
	if w.Do != doResolve {
		return nil
	}
	err := d.resumeFrom(ctx, u, w)
	if errors.Is(err, itsm.ErrTransition) {
		return nil
	}
	return err
}

// tellWorkaround writes a workaround on an incident: for those who work on it, or for its requester too.
// That of a restricted problem is not told to those who read an incident that is not restricted.
func (d *Desk) tellWorkaround(ctx context.Context, u *engine.Unit, w toIncidents, p *problem.Problem, i *incident.Incident) error {
	if p.Workaround == nil || p.Workaround.Version != w.Version || p.Restricted && !i.Restricted {
		return nil // there is a better one, of which it is told
	}
	n := incident.Note{Text: "Workaround of " + p.Number + ":\n" + p.Workaround.Text}
	if w.Public {
		n = incident.Note{Text: p.Workaround.Text, Visibility: itsm.VisibilityPublic}
	}
	_, err := d.Incidents.In(u.Store()).Note(ctx, u.System("problems"), i.ID, n)
	return err
}

// recurOnLink records that a resolved problem recurred: an incident that was reported since was linked to it.
func (d *Desk) recurOnLink(ctx context.Context, u *engine.Unit, e itsm.Event, l incident.Linked) error {
	if l.To.Kind != problem.Kind || l.Type != itsm.LinkCausedBy {
		return nil
	}
	return d.recurred(ctx, u, l.To.ID, e.Record)
}

// recurred records that a problem recurred, where an incident that it caused was reported after it was
// resolved.
func (d *Desk) recurred(ctx context.Context, u *engine.Unit, of, by itsm.ID) error {
	p, i, err := d.problemAndIncident(ctx, u, toIncidents{Problem: of, Incident: by})
	if err != nil {
		return ignoreNotFound(err)
	}
	if c, _ := d.Problems.Lifecycle().Category(p.State); c != itsm.CategoryResolved || !i.Reported.After(p.ResolvedAt) {
		return nil
	}
	ref := i.Ref()
	_, err = d.Problems.In(u.Store()).Recur(ctx, u.System("problems"), p.ID, problem.Recurrence{Record: &ref})
	return err
}

// What a problem is linked to may make another impact known.
func (d *Desk) followRegistration(ctx context.Context, u *engine.Unit, e itsm.Event, r problem.Registered) error {
	if len(r.CIs) == 0 {
		return nil
	}
	return d.linkChanged(ctx, u, e, itsm.LinkAffects, itsm.Ref{Kind: problem.KindCI, ID: r.CIs[0]})
}

func (d *Desk) followLink(ctx context.Context, u *engine.Unit, e itsm.Event, l problem.Linked) error {
	if l.To.Kind == incident.Kind && l.Type == itsm.LinkCauses {
		if err := d.recurred(ctx, u, e.Record, l.To.ID); err != nil {
			return err
		}
	}
	return d.linkChanged(ctx, u, e, l.Type, l.To)
}

func (d *Desk) followUnlink(ctx context.Context, u *engine.Unit, e itsm.Event, l problem.Unlinked) error {
	return d.linkChanged(ctx, u, e, l.Type, l.To)
}
