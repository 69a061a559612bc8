// This file holds the questions about a tenant's graph: what follows from failures, and from what they may follow.

package cmdb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Question is what all questions have in common; the zero value asks about the graph as it is now.
type Question struct {
	// AtLeast waits until the graph is at this revision, as that of an edit before, or the context ends.
	AtLeast int64
	// At asks about the graph as it was at the instant; zero is now. Types of relation pass on what they do by the model of today,
	// and those that it has no more pass nothing on.
	At time.Time
	// Outages counts the outages that are recorded at that instant as failures, beside those that are named.
	Outages bool
	// Options limit the depth and the work, and name CIs that are known to work.
	impact.Options
}

// Failures gives the failures of CIs that are down.
func Failures(ids ...itsm.ID) []impact.Failure {
	all := make([]impact.Failure, len(ids))
	for i, id := range ids {
		all[i] = impact.Failure{ID: string(id), State: impact.Down}
	}
	return all
}

// scene is a graph with who asks about it.
type scene struct {
	snapshot *impact.Snapshot
	revision int64
	known    *known
	of       reach
	outages  []impact.Failure
}

// sees says whether the asker may know of a CI.
func (s *scene) sees(id string) bool {
	if s.of.every {
		return true
	}
	h, ok := s.known.head(id)
	return ok && s.of.sees(&h)
}

// has says whether the CI is in the graph, and the asker may know of it.
func (s *scene) has(id string) bool { return s.snapshot.Has(id) && s.sees(id) }

// check notes CIs that are not in the graph, or of which the asker may not know: with the same words.
func (s *scene) check(f *itsm.Faults, field string, ids []string) {
	for i, id := range ids {
		if !s.has(id) {
			f.Addf(fmt.Sprintf("%s[%d]", field, i), "%s is not found in the graph", quoted(id))
		}
	}
}

func idsOf(failures []impact.Failure) []string {
	ids := make([]string, len(failures))
	for i, f := range failures {
		ids[i] = f.ID
	}
	return ids
}

// scene gives what a question is about.
func (p *Practice) scene(ctx context.Context, actor itsm.Actor, q Question) (*scene, error) {
	if err := actor.Validate(); err != nil {
		return nil, err
	}
	of, err := p.scope(ctx, actor)
	if err != nil {
		return nil, err
	}
	now, err := p.graph(ctx, actor, q.AtLeast, nil)
	if err != nil {
		return nil, err
	}
	s := &scene{snapshot: now.snapshot, revision: now.revision, known: now.known, of: of}
	if !q.At.IsZero() {
		if s.snapshot, s.revision, err = p.snapshotAt(ctx, actor, now, storage.Instant(q.At)); err != nil {
			return nil, err
		}
	}
	var f itsm.Faults
	if s.check(&f, "unaffected", q.Unaffected); !f.Empty() {
		return nil, f.Err("question")
	}
	if q.Outages {
		if s.outages, err = p.failuresAt(ctx, actor, q.At, s.snapshot); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// with gives failures with the outages of the question; of a CI that is named itself what is named counts.
func (s *scene) with(failures []impact.Failure) []impact.Failure {
	all := slices.Clone(failures)
	for _, o := range s.outages {
		if !slices.ContainsFunc(failures, func(f impact.Failure) bool { return f.ID == o.ID }) {
			all = append(all, o)
		}
	}
	return all
}

func (s *scene) answer(r *impact.Result) *Answer { return &Answer{result: r, scene: s} }

// Impact says what failures bring about: the state of every CI that they reach, redundancy counted. It asks for [PermissionRead].
// Failures of CIs that the actor may not read, or that are not in the graph, are ErrInvalid with every fault.
func (p *Practice) Impact(ctx context.Context, actor itsm.Actor, failures []impact.Failure, q Question) (*Answer, error) {
	s, err := p.scene(ctx, actor, q)
	if err != nil {
		return nil, err
	}
	var f itsm.Faults
	if s.check(&f, "failures", idsOf(failures)); !f.Empty() {
		return nil, f.Err("question")
	}
	r, err := s.snapshot.Impact(s.with(failures), q.Options)
	if err != nil {
		return nil, err
	}
	return s.answer(r), nil
}

// WhatIf is what a change would do on top of what is already so.
type WhatIf struct {
	// Before is the answer without the change, and After with it.
	Before, After *Answer
	// Differences are what the change does, with the CIs that it itself takes down, of those that the asker may read.
	Differences []impact.Difference
}

// WhatIf says what failures would do on top of those that are there already: what is down now and what other changes and windows
// take down at the same time. It is asked as [Practice.Impact] is.
func (p *Practice) WhatIf(ctx context.Context, actor itsm.Actor, already, change []impact.Failure, q Question) (WhatIf, error) {
	s, err := p.scene(ctx, actor, q)
	if err != nil {
		return WhatIf{}, err
	}
	var f itsm.Faults
	s.check(&f, "already", idsOf(already))
	if s.check(&f, "change", idsOf(change)); !f.Empty() {
		return WhatIf{}, f.Err("question")
	}
	w, err := s.snapshot.WhatIf(s.with(already), change, q.Options)
	if err != nil {
		return WhatIf{}, err
	}
	w.Differences = slices.DeleteFunc(w.Differences, func(d impact.Difference) bool { return !s.sees(d.ID) })
	return WhatIf{s.answer(w.Before), s.answer(w.After), w.Differences}, nil
}

// Points are the single points of failure of a CI.
type Points struct {
	impact.Points
	// Hidden says that there are others, which the asker may not read.
	Hidden bool `json:"hidden,omitempty"`
}

// SinglePoints gives every CI that brings the one asked about into a state when it alone goes down; state is impact.Degraded or
// impact.Down. The outages of the question are given as there already. How many were tried is told to those alone who may read every
// CI, and is 0 for others. A CI that is not in the graph, or that the actor may not read,
// is ErrInvalid.
func (p *Practice) SinglePoints(ctx context.Context, actor itsm.Actor, ci itsm.ID, state impact.State, q Question) (Points, error) {
	s, err := p.scene(ctx, actor, q)
	if err != nil {
		return Points{}, err
	}
	var f itsm.Faults
	if s.check(&f, "ci", []string{string(ci)}); !f.Empty() {
		return Points{}, f.Err("question")
	}
	found, err := s.snapshot.SinglePoints(ctx, string(ci), impact.PointOptions{State: state, Given: s.outages, Unaffected: q.Unaffected, Work: q.Work})
	if err != nil {
		return Points{}, err
	}
	all := len(found.Points)
	found.Points = slices.DeleteFunc(found.Points, func(p impact.Point) bool { return !s.sees(p.ID) })
	if !s.of.every {
		found.Candidates, found.Tried = 0, 0
	}
	return Points{found, len(found.Points) < all}, nil
}

// Diagnosis is what could have brought symptoms about.
type Diagnosis struct {
	impact.Diagnosis
	// Hidden says that causes were found which the asker may not read. Whoever may should look.
	Hidden bool `json:"hidden,omitempty"`
}

// Causes looks for what could have brought about what is seen. Of the options those that name CIs that the actor may not read are
// ErrInvalid, as symptoms are. The outages of the question are given as known. How many CIs lie upstream, were tried, or are impacted is
// told to those alone who may read every CI, and is 0 for others.
func (p *Practice) Causes(ctx context.Context, actor itsm.Actor, symptoms []impact.Failure, o impact.CauseOptions, q Question) (Diagnosis, error) {
	s, err := p.scene(ctx, actor, q)
	if err != nil {
		return Diagnosis{}, err
	}
	var f itsm.Faults
	s.check(&f, "symptoms", idsOf(symptoms))
	s.check(&f, "prior", slices.Sorted(maps.Keys(o.Prior)))
	if s.check(&f, "given", idsOf(o.Given)); !f.Empty() {
		return Diagnosis{}, f.Err("question")
	}
	o.Given = s.with(o.Given)
	o.Work = orElse(o.Work, q.Work)
	d, err := s.snapshot.Causes(ctx, symptoms, o)
	if err != nil {
		return Diagnosis{}, err
	}
	all := len(d.Causes) + len(d.Cover)
	unseen := func(c impact.Cause) bool { return !s.sees(c.ID) }
	d.Causes, d.Cover = slices.DeleteFunc(d.Causes, unseen), slices.DeleteFunc(d.Cover, unseen)
	if !s.of.every {
		d.Candidates, d.Tried = 0, 0
		for _, causes := range [][]impact.Cause{d.Causes, d.Cover} {
			for i := range causes {
				causes[i].Impact = 0
			}
		}
	}
	return Diagnosis{d, len(d.Causes)+len(d.Cover) < all}, nil
}

// Neighbourhood draws CIs with what holds them up and what they hold up, so many relations away in each direction; 0 shows none. CIs
// that the actor may not read are one box without names for each distance. Names and classes are those of now.
func (p *Practice) Neighbourhood(ctx context.Context, actor itsm.Actor, cis []itsm.ID, up, down int, o PictureOptions, q Question) (impact.Picture, error) {
	s, err := p.scene(ctx, actor, q)
	if err != nil {
		return impact.Picture{}, err
	}
	ids := make([]string, len(cis))
	for i, id := range cis {
		ids[i] = string(id)
	}
	var f itsm.Faults
	if s.check(&f, "cis", ids); !f.Empty() {
		return impact.Picture{}, f.Err("question")
	}
	return p.draw(ctx, actor, s, o, func(o impact.PictureOptions) (impact.Picture, error) {
		return s.snapshot.Neighbourhood(ids, up, down, o)
	})
}

// PictureOptions say how much of a picture is drawn each by itself; see impact.PictureOptions. The zero value works.
type PictureOptions struct {
	Collapse int
	Boxes    int
}

// Picture draws an answer: the failures and all that they impact, with the names and classes that the CIs have now. It must be the
// answer to the actor's own question.
func (p *Practice) Picture(ctx context.Context, actor itsm.Actor, a *Answer, o PictureOptions) (impact.Picture, error) {
	return p.draw(ctx, actor, a.scene, o, a.result.Picture)
}

// draw draws twice: at first to learn which CIs have boxes of their own, whose names are read then.
func (p *Practice) draw(ctx context.Context, actor itsm.Actor, s *scene, o PictureOptions, draw func(impact.PictureOptions) (impact.Picture, error)) (impact.Picture, error) {
	options := impact.PictureOptions{Visible: s.sees, Collapse: o.Collapse, Boxes: o.Boxes, Class: func(id string) string {
		h, _ := s.known.head(id)
		return h.Class
	}}
	first, err := draw(options)
	if err != nil {
		return impact.Picture{}, err
	}
	var ids []itsm.ID
	for _, b := range first.Boxes {
		if len(b.IDs) == 1 {
			ids = append(ids, itsm.ID(b.IDs[0]))
		}
	}
	var heads map[itsm.ID]Head
	if err := p.read(ctx, actor, func(ctx context.Context, r storage.Reader, of reach) error {
		heads, err = headsOf(ctx, r, ids, of.filter())
		return err
	}); err != nil {
		return impact.Picture{}, err
	}
	options.Label = func(id string) string {
		if h, ok := heads[itsm.ID(id)]; ok {
			return h.Name
		}
		return id
	}
	return draw(options)
}
