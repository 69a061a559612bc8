// This file holds the question which triggers fire for an event and why, of one event and of a history.

package trigger

import (
	"context"
	"fmt"
	"strings"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// Verdict says whether one trigger fires for one event, and why. It quotes what stands in the record.
type Verdict struct {
	Trigger string `json:"trigger"`
	Source  Source `json:"source,omitzero"`
	During  During `json:"during"`
	// Fires says that it listens to the event, its condition holds, and the chain lets it.
	Fires bool `json:"fires"`
	// Deaf says why it does not listen to the event.
	Deaf string `json:"deaf,omitempty"`
	// Parts are the comparisons of its condition, each with what it met, where it listens.
	Parts []Part `json:"parts,omitempty"`
	// Failed are those parts of the condition that decided against it: the first of an and that does
	// not hold, all of an or.
	Failed []routing.Part `json:"failed,omitempty"`
	// Stopped says that the chain of events keeps it from firing: "repeated" or "too_deep".
	Stopped string `json:"stopped,omitempty"`
	// Unfit says that it cannot run, and why.
	Unfit string `json:"unfit,omitempty"`
}

// Part is one comparison of a condition.
type Part struct {
	routing.Part
	Holds bool `json:"holds"`
}

// String says it in one line.
func (v Verdict) String() string {
	from := ""
	if v.Source != (Source{}) {
		from = " (" + v.Source.String() + ")"
	}
	head := v.Trigger + from
	switch {
	case v.Unfit != "":
		return head + " cannot run: " + v.Unfit
	case v.Deaf != "":
		return head + " does not fire: " + v.Deaf
	case v.Stopped == whyRepeated:
		return head + " does not fire: it has fired in this chain of events already"
	case v.Stopped == whyTooDeep:
		return head + " does not fire: the chain of events is too deep"
	case v.Fires:
		return head + " fires"
	}
	parts := make([]string, len(v.Failed))
	for i, p := range v.Failed {
		parts[i] = p.String()
	}
	return head + " does not fire: " + strings.Join(parts, "; ")
}

// verdict judges one trigger. known is nil where it does not listen.
func (p *Practice) verdict(c *compiled, e *itsm.Event, known *facts) Verdict {
	v := Verdict{Trigger: c.Name, Source: c.source, During: c.during()}
	if c.On.Kind != e.Kind {
		v.Deaf = fmt.Sprintf("it does not listen to %s", e.Kind)
		return v
	}
	if v.Deaf = c.On.hears(e); v.Deaf != "" {
		return v
	}
	if c.unfit != nil {
		v.Unfit = plain(c.unfit)
		return v
	}
	v.Parts = c.parts(c.when, "when", known.get, nil)
	v.Failed = routing.Failed(c.when, known.get)
	for i, f := range v.Failed {
		at := "when"
		if f.Path != "" {
			at += "." + f.Path
		}
		v.Failed[i].Path = strings.TrimPrefix(strings.TrimPrefix(c.sh.written(at), "when"), ".")
	}
	if len(v.Failed) == 0 {
		v.Stopped = p.stops(c, e)
		v.Fires = v.Stopped == ""
	}
	return v
}

// parts gives the comparisons of a condition in their order.
func (c *compiled) parts(when storage.Condition, at string, get func(string) any, all []Part) []Part {
	switch when.Op {
	case storage.All:
		return all
	case storage.And, storage.Or, storage.Not:
		for i, sub := range when.Of {
			all = c.parts(sub, fmt.Sprintf("%s.of[%d]", at, i), get, all)
		}
		return all
	}
	path := strings.TrimPrefix(strings.TrimPrefix(c.sh.written(at), "when"), ".")
	return append(all, Part{Part: routing.Part{Path: path, Condition: when, Value: get(when.Column)}, Holds: when.Match(get)})
}

// mayRead says whether an actor may see all of a record, internal values included.
func (p *Practice) mayRead(ctx context.Context, actor itsm.Actor, s *speech, row storage.Row) error {
	kind := s.Schema.Name()
	about := itsm.Subject{Kind: kind, ID: row.ID, Restricted: true}
	if s.Subject != nil && row.Version > 0 {
		var err error
		if about, err = s.Subject(row); err != nil {
			return err
		}
	}
	for _, permission := range []string{".read", ".read_internal"} {
		if p.e.Authorizer().Authorize(ctx, actor, itsm.Permission(kind+permission), &about) != nil {
			return &storage.Error{Op: "explain", Table: kind, ID: row.ID, Err: storage.ErrNotFound}
		}
	}
	return nil
}

// Explain says of each trigger that is active in the actor's tenant, in the order in which they run,
// whether it fires for an event and why: the one of a record at a place of its history. What has fired
// already does not matter: see [Practice.Firings]. The record is looked at as the event left it.
//
// It takes PermissionRead, and "<kind>.read" and "<kind>.read_internal" on the record; a record that
// the actor may not read so is ErrNotFound.
func (p *Practice) Explain(ctx context.Context, actor itsm.Actor, ref itsm.Ref, version int64, n int) ([]Verdict, error) {
	s := p.kinds[ref.Kind]
	if s == nil {
		return nil, storage.Invalid("explain", "kind", fmt.Sprintf("%s is no kind of record that triggers are told of", quoted(ref.Kind)))
	}
	var verdicts []Verdict
	err := p.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		none := &storage.Error{Op: "explain", Table: ref.Kind, ID: ref.ID, Err: storage.ErrNotFound}
		if storage.CheckKey(string(ref.ID)) != "" {
			return none
		}
		page, err := p.e.History(ctx, r, storage.EventQuery{Kind: ref.Kind, Record: ref.ID, Limit: 1,
			After: storage.EventPosition{Tenant: actor.Tenant, Kind: ref.Kind, Record: ref.ID, Version: version, N: n - 1}})
		if err != nil {
			return err
		}
		if len(page) == 0 || page[0].Version != version || page[0].N != n {
			return none
		}
		known, err := p.knownAt(ctx, actor, s, r, &page[0])
		if err != nil {
			return err
		}
		prog, err := p.running(ctx, r)
		if err != nil {
			return err
		}
		verdicts = nil
		for _, c := range prog.all {
			verdicts = append(verdicts, p.verdict(c, &page[0], known))
		}
		return nil
	})
	return verdicts, err
}

// knownAt gives what is known of a record at an event to one who may read it now.
func (p *Practice) knownAt(ctx context.Context, actor itsm.Actor, s *speech, r storage.Reader, e *itsm.Event) (*facts, error) {
	now, err := r.Get(ctx, s.Schema, e.Tenant, e.Record)
	if isNotFound(err) {
		now, err = storage.Row{Meta: storage.Meta{ID: e.Record}}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := p.mayRead(ctx, actor, s, now); err != nil {
		return nil, err
	}
	row, err := s.rowAt(ctx, r, e, p.e.History)
	if err != nil {
		return nil, err
	}
	return s.facts(e, row)
}

// History is a part of the log that a dry run goes through.
type History struct {
	// Kind is the kind of record whose events they are; Record, where it is not empty, the one record.
	Kind   string
	Record itsm.ID
	// After is the place to go on from: Trial.Next of the run before. The zero value begins.
	After storage.EventPosition
	// Limit is how many events are gone through at most; 0 is 1000, which is the most.
	Limit int
}

// Trial is what a dry run found.
type Trial struct {
	// Events is how many there were, Unreadable how many of them were of records that the actor may
	// not read, which count for nothing else.
	Events     int `json:"events"`
	Unreadable int `json:"unreadable"`
	// Fired is how often each trigger would fire, with what is active now and with the version.
	Fired map[string][2]int `json:"fired"`
	// Differences are the events at which it is not the same, in their order.
	Differences []Difference `json:"differences,omitempty"`
	// Next is where to go on; the zero value where the log ended.
	Next storage.EventPosition `json:"next,omitzero"`
}

// Difference is an event at which a trigger would fire with one and not with the other.
type Difference struct {
	Record  itsm.Ref `json:"record"`
	Version int64    `json:"version"`
	N       int      `json:"n"`
	Trigger string   `json:"trigger"`
	// Before is with what is active now, After with the version.
	Before Verdict `json:"before,omitzero"`
	After  Verdict `json:"after,omitzero"`
}

// DryRun compares what is active now with what would be if the version were, over the events that have
// happened. Nothing is done and nothing is kept. It does not follow what the effects themselves would
// set off. What it takes is what [Practice.Explain] takes, of each record.
func (p *Practice) DryRun(ctx context.Context, actor itsm.Actor, id itsm.ID, h History) (Trial, error) {
	s := p.kinds[h.Kind]
	if s == nil {
		return Trial{}, storage.Invalid("dry run", "kind", fmt.Sprintf("%s is no kind of record that triggers are told of", quoted(h.Kind)))
	}
	if h.Limit < 0 || h.Limit > storage.MaxLimit {
		return Trial{}, storage.Invalid("dry run", "limit", fmt.Sprintf("must be from 1 to %d, or 0 for that", storage.MaxLimit))
	}
	if h.Limit == 0 {
		h.Limit = storage.MaxLimit
	}
	var t Trial
	err := p.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		t = Trial{Fired: map[string][2]int{}}
		v, err := Table.Get(ctx, r, id)
		if err != nil {
			return err
		}
		active, err := versioned.ReadActive(ctx, r, Table, "")
		if err != nil {
			return err
		}
		types := p.e.EventTypes()
		now := p.program(Effective(active.Layers()), types)
		then := p.program(Effective(active.With(&v).Layers()), types)
		for _, prog := range []*program{now, then} {
			for _, c := range prog.all {
				t.Fired[c.Name] = [2]int{}
			}
		}
		page, err := p.e.History(ctx, r, storage.EventQuery{Kind: h.Kind, Record: h.Record, After: h.After, Limit: h.Limit})
		if err != nil {
			return err
		}
		for i := range page {
			if err := p.tryOn(ctx, actor, s, r, &page[i], now, then, &t); err != nil {
				return err
			}
		}
		if len(page) == h.Limit {
			t.Next = position(&page[len(page)-1])
		}
		return nil
	})
	if err != nil {
		return Trial{}, err
	}
	return t, nil
}

// tryOn takes one event through both programs.
func (p *Practice) tryOn(ctx context.Context, actor itsm.Actor, s *speech, r storage.Reader, e *itsm.Event, now, then *program, t *Trial) error {
	t.Events++
	known, err := p.knownAt(ctx, actor, s, r, e)
	if isNotFound(err) {
		t.Unreadable++
		return nil
	}
	if err != nil {
		return err
	}
	sides := [2]map[string]Verdict{{}, {}}
	var names []string
	for i, prog := range []*program{now, then} {
		for _, c := range prog.listening(e) {
			v := p.verdict(c, e, known)
			if _, met := sides[0][c.Name]; i == 0 || !met {
				names = append(names, c.Name)
			}
			sides[i][c.Name] = v
			if v.Fires {
				n := t.Fired[c.Name]
				n[i]++
				t.Fired[c.Name] = n
			}
		}
	}
	for _, name := range names {
		if sides[0][name].Fires != sides[1][name].Fires {
			t.Differences = append(t.Differences, Difference{Record: itsm.Ref{Kind: e.Kind, ID: e.Record}, Version: e.Version, N: e.N,
				Trigger: name, Before: sides[0][name], After: sides[1][name]})
		}
	}
	return nil
}
