// This file holds firing: the mark that a trigger has fired for an event, which is also the log of
// what came of it, and the ways to it: in the transaction, after the commit, and again.

package trigger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// FiringKind is the kind of record that a firing is.
const FiringKind = "trigger_firing"

// Outcome is what came of a firing.
type Outcome string

// The outcomes.
const (
	// OutcomeDone: all actions were taken.
	OutcomeDone Outcome = "done"
	// OutcomeFailing: an action failed, and no action has had an effect. It is tried again by a job of
	// the kind "trigger.fire", whose key is the firing's id, until it is done or the job is a dead
	// letter: see engine.Engine.DeadLetters.
	OutcomeFailing Outcome = "failing"
	// OutcomeUnfit: what the trigger names is not there any more, so that it cannot run. It is not
	// tried again.
	OutcomeUnfit Outcome = "unfit"
	// OutcomeStopped: it was kept from firing, as it has fired in the same chain of events already,
	// or the chain is too deep.
	OutcomeStopped Outcome = "stopped"
)

// Why a firing is stopped.
const (
	whyRepeated = "repeated"
	whyTooDeep  = "too_deep"
)

// Firing is one trigger at one event. There is one at most of each two, which is what makes an effect
// happen once.
type Firing struct {
	FiringHead
	FiringBody
}

// FiringHead is what firings are listed by.
type FiringHead struct {
	storage.Meta
	Trigger string `json:"trigger"`
	// Number is that of the version, and Set the version in the tenant that it is of: for a base the
	// provider's.
	SetTenant storage.Tenant `json:"set_tenant"`
	Set       itsm.ID        `json:"set"`
	Number    int64          `json:"number"`
	// RecordKind, Record, EventVersion and EventN are the place of the event in the log, Event its id.
	RecordKind   string  `json:"record_kind"`
	Record       itsm.ID `json:"record"`
	EventVersion int64   `json:"event_version"`
	EventN       int     `json:"event_n"`
	Event        itsm.ID `json:"event"`
	Outcome      Outcome `json:"outcome"`
	// At is when it came to its outcome.
	At time.Time `json:"at"`
	// Attempts counts from 1; 0 where it was stopped.
	Attempts int `json:"attempts"`
	// Depth is how many triggers had fired before it in the chain.
	Depth int `json:"depth"`
}

// FiringBody is the rest of a firing.
type FiringBody struct {
	During During `json:"during"`
	// Chain is what answered before it.
	Chain []string `json:"chain,omitempty"`
	// Why says why it was stopped: "repeated" or "too_deep".
	Why string `json:"why,omitempty"`
	// Error is what the last attempt said that failed.
	Error string `json:"error,omitempty"`
}

// The columns of firings.
var (
	FiringByTrigger      = storage.Col("trigger_name", func(h *FiringHead) *string { return &h.Trigger })
	FiringBySetTenant    = storage.Col("set_tenant", func(h *FiringHead) *storage.Tenant { return &h.SetTenant })
	FiringBySet          = storage.Col("set_id", func(h *FiringHead) *itsm.ID { return &h.Set })
	FiringByNumber       = storage.Col("number", func(h *FiringHead) *int64 { return &h.Number })
	FiringByRecordKind   = storage.Col("record_kind", func(h *FiringHead) *string { return &h.RecordKind })
	FiringByRecord       = storage.Col("record", func(h *FiringHead) *itsm.ID { return &h.Record })
	FiringByEventVersion = storage.Col("event_version", func(h *FiringHead) *int64 { return &h.EventVersion })
	FiringByEventN       = storage.Col("event_n", func(h *FiringHead) *int { return &h.EventN })
	FiringByEvent        = storage.Col("event", func(h *FiringHead) *itsm.ID { return &h.Event })
	FiringByOutcome      = storage.Col("outcome", func(h *FiringHead) *Outcome { return &h.Outcome })
	FiringByAt           = storage.TimeCol("at", func(h *FiringHead) *time.Time { return &h.At })
	FiringByAttempts     = storage.Col("attempts", func(h *FiringHead) *int { return &h.Attempts })
	FiringByDepth        = storage.Col("depth", func(h *FiringHead) *int { return &h.Depth })
)

// FiringTable is the table of firings.
var FiringTable = storage.Define(FiringKind, storage.Def[Firing, FiringHead, FiringBody]{
	Parts: func(f *Firing) (*FiringHead, *FiringBody) { return &f.FiringHead, &f.FiringBody },
	Columns: []storage.ColumnOf[FiringHead]{
		FiringByTrigger, FiringBySetTenant, FiringBySet, FiringByNumber, FiringByRecordKind, FiringByRecord,
		FiringByEventVersion, FiringByEventN, FiringByEvent, FiringByOutcome, FiringByAt, FiringByAttempts, FiringByDepth,
	},
	Indexes: []storage.Index{
		storage.IndexOn(FiringByRecordKind.Asc(), FiringByRecord.Asc(), FiringByAt.Asc()),
		storage.IndexOn(FiringByTrigger.Asc(), FiringByAt.Asc()),
		storage.IndexOn(FiringByOutcome.Asc(), FiringByAt.Asc()),
		storage.IndexOn(FiringByAt.Asc()),
	},
})

// FiringID is the id of the firing of a trigger at an event, whether there is one or not.
func FiringID(event itsm.ID, trigger string) itsm.ID { return itsm.ID(digest(string(event), trigger)) }

// digest is a hash of parts that no other parts have.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:20])
}

// jobFire is the kind of the jobs that try again what failed.
const jobFire = "trigger.fire"

// retry is the payload of such a job.
type retry struct {
	Kind    string     `json:"kind"`
	Record  itsm.ID    `json:"record"`
	Version int64      `json:"version"`
	N       int        `json:"n"`
	Trigger string     `json:"trigger"`
	Set     storage.ID `json:"set"` // the version in the job's tenant
}

// programKey is what a unit remembers its program under.
type programKey struct{}

// within is the reaction: it runs what is to run in the transaction of the event.
func (p *Practice) within(ctx context.Context, u *engine.Unit, e itsm.Event) error {
	if p.kinds[e.Kind] == nil {
		return nil
	}
	// What is active is asked for once in a unit, as long as it does not change it itself.
	prog, _ := u.Remembered(programKey{}).(*program)
	if prog == nil {
		var err error
		if prog, err = p.running(ctx, u.Quiet()); err != nil {
			return err
		}
		u.Remember(programKey{}, Kind, prog)
	}
	return p.each(&e, prog.listening(&e), DuringTransaction, func() (storage.Row, error) {
		return p.kinds[e.Kind].rowWithin(ctx, u, &e)
	}, func(c *compiled, known *facts) error {
		return inTransaction(ctx, c, &e, p.fire(ctx, p.e.In(u.Store()), c, known, 1))
	})
}

// deliver is the subscriber: it runs what is to run after the commit. Its error is one of the store;
// what a trigger does wrong is that trigger's.
func (p *Practice) deliver(ctx context.Context, e itsm.Event) error {
	speech := p.kinds[e.Kind]
	if speech == nil {
		return nil
	}
	system := itsm.SystemActor(e.Tenant, Kind)
	var prog *program
	err := p.e.ReadTenants(ctx, system, []storage.Tenant{e.Tenant}, func(ctx context.Context, r storage.Reader) (err error) {
		prog, err = p.running(ctx, r)
		return err
	})
	if err != nil {
		return err
	}
	return p.each(&e, prog.listening(&e), DuringAfter, func() (row storage.Row, err error) {
		err = p.e.View(ctx, system, func(ctx context.Context, r storage.Reader) error {
			row, err = speech.rowAt(ctx, r, &e, p.e.History)
			return err
		})
		return row, err
	}, func(c *compiled, known *facts) error {
		err := p.fire(ctx, p.e, c, known, 1)
		if err == nil || passes(ctx, err) {
			return err
		}
		return p.failed(ctx, c, known, err)
	})
}

// passes says whether an error is for a reason that passes, and not the trigger's own.
func passes(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, itsm.ErrRetry) || errors.Is(err, itsm.ErrUnknownOutcome)
}

// each finds which of those that may listen to an event fire, and then has them fire in their order:
// all of them look at the record as the event left it. It reads the record where one needs it, once.
func (p *Practice) each(e *itsm.Event, listening []*compiled, during During, row func() (storage.Row, error), fire func(*compiled, *facts) error) error {
	known := &facts{e: e}
	read := false
	var fires []*compiled
	for _, c := range listening {
		if c.during() != during || c.On.hears(e) != "" {
			continue
		}
		if !read && c.unfit == nil && c.needsFacts() {
			r, err := row()
			if err != nil {
				return err
			}
			if known, err = c.speech.facts(e, r); err != nil {
				return err
			}
			read = true
		}
		if c.unfit != nil || c.when.Match(known.get) {
			fires = append(fires, c)
		}
	}
	for _, c := range fires {
		if err := fire(c, known); err != nil {
			return err
		}
	}
	return nil
}

// stops says why a trigger does not fire in the chain of an event, or "".
func (p *Practice) stops(c *compiled, e *itsm.Event) string {
	switch {
	case !c.Repeat && e.Cause.Has(c.agent()):
		return whyRepeated
	case e.Cause.Depth() >= p.maxDepth:
		return whyTooDeep
	}
	return ""
}

// newFiring is what is kept of a trigger at an event.
func newFiring(c *compiled, e *itsm.Event) Firing {
	return Firing{
		FiringHead: FiringHead{
			Meta: storage.Meta{ID: FiringID(e.ID, c.Name)}, Trigger: c.Name,
			SetTenant: c.source.Tenant, Set: c.source.Set, Number: c.source.Number,
			RecordKind: e.Kind, Record: e.Record, EventVersion: e.Version, EventN: e.N, Event: e.ID, Depth: e.Cause.Depth(),
		},
		FiringBody: FiringBody{During: c.during(), Chain: e.Cause.Chain},
	}
}

// actor is who does what a trigger does about an event.
func (c *compiled) actor(e *itsm.Event) itsm.Actor {
	a := itsm.SystemActor(e.Tenant, c.agent())
	a.Cause = e.Then(c.agent())
	return a
}

// fire takes a trigger's actions for an event, with the mark that it has: all in one unit. Where the
// mark is there already, and no failure, nothing is done.
func (p *Practice) fire(ctx context.Context, e *engine.Engine, c *compiled, known *facts, attempt int) error {
	ev := known.e
	return e.Update(ctx, c.actor(ev), func(ctx context.Context, u *engine.Unit) error {
		f, err := FiringTable.Get(ctx, u.Quiet(), FiringID(ev.ID, c.Name))
		switch {
		case errors.Is(err, storage.ErrNotFound):
			f = newFiring(c, ev)
		case err != nil:
			return err
		case f.Outcome != OutcomeFailing || attempt == 1:
			return nil
		}
		if err := p.schedulePurge(ctx, u); err != nil {
			return err
		}
		f.At = u.Now()
		record := itsm.Ref{Kind: ev.Kind, ID: ev.Record}
		if why := p.stops(c, ev); why != "" {
			f.Outcome, f.Why = OutcomeStopped, why
			return put(ctx, u, &f, "stop", Stopped{Trigger: c.Name, Record: record, Event: ev.ID, Chain: f.Chain, Why: why})
		}
		f.Attempts = attempt
		if c.unfit != nil {
			f.Outcome, f.Error = OutcomeUnfit, plain(c.unfit)
			return put(ctx, u, &f, "fail", Failed{Trigger: c.Name, Record: record, Event: ev.ID, Error: f.Error})
		}
		for i, s := range c.steps {
			with, err := c.speech.substituted(s, known)
			if err == nil {
				err = s.take(ctx, u, Occasion{Event: *ev, Trigger: c.Name, Step: i, Key: digest(string(ev.ID), c.Name, strconv.Itoa(i))}, with)
			}
			if err != nil {
				return fmt.Errorf("action %s: %w", s.name, err)
			}
		}
		recovered := f.Version > 0
		f.Outcome = OutcomeDone
		if recovered {
			return put(ctx, u, &f, "recover", Recovered{Trigger: c.Name, Record: record, Event: ev.ID, Attempts: attempt})
		}
		return FiringTable.Put(ctx, u.Quiet(), &f)
	})
}

// substituted gives an action's parameters with what is substituted in them.
func (s *speech) substituted(x step, known *facts) ([]byte, error) {
	with, err := s.substitute(x.with, x.public, known)
	if err != nil || !Substitutes(string(x.with)) {
		return with, err
	}
	// What was put in may have made another text one that requesters read.
	public, err := x.check(with)
	if err != nil {
		return nil, err
	}
	for _, member := range public {
		hidden := false
		_, err := eachText(x.with, func(m, text string) (string, error) {
			all, _ := pieces(text)
			for _, p := range all {
				hidden = hidden || m == member && p.name != "" && !s.isPublic(p.name)
			}
			return text, nil
		})
		if err != nil {
			return nil, err
		}
		if hidden {
			return nil, storage.Invalid("parameters", member, "would be read by requesters, and something in it is not public")
		}
	}
	return s.substitute(x.with, public, known)
}

// put writes a firing with an event about it.
func put(ctx context.Context, u *engine.Unit, f *Firing, action string, data itsm.Payload) error {
	if err := FiringTable.Put(ctx, u, f); err != nil {
		return err
	}
	u.Emit(itsm.Event{Kind: FiringKind, Record: f.ID, Action: action, Data: data})
	return nil
}

// failed keeps that an action failed, and has it tried again by a job of its own.
func (p *Practice) failed(ctx context.Context, c *compiled, known *facts, failure error) error {
	ev := known.e
	return p.e.Update(ctx, c.actor(ev), func(ctx context.Context, u *engine.Unit) error {
		f, err := FiringTable.Get(ctx, u, FiringID(ev.ID, c.Name))
		if err == nil {
			return nil // another worker was here meanwhile
		}
		if !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		if err := p.schedulePurge(ctx, u); err != nil {
			return err
		}
		f = newFiring(c, ev)
		f.Outcome, f.At, f.Attempts, f.Error = OutcomeFailing, u.Now(), 1, plain(failure)
		err = put(ctx, u, &f, "fail", Failed{Trigger: c.Name, Record: itsm.Ref{Kind: ev.Kind, ID: ev.Record}, Event: ev.ID, Error: f.Error})
		if err != nil {
			return err
		}
		set, err := p.versionOf(ctx, u, c)
		if err != nil {
			return err
		}
		return u.Schedule(ctx, engine.Task{
			Kind: jobFire, Key: string(f.ID), Subject: FiringKind + "/" + digest(ev.Kind, string(ev.Record)), Due: u.Now(),
			Payload: retry{Kind: ev.Kind, Record: ev.Record, Version: ev.Version, N: ev.N, Trigger: c.Name, Set: set},
		})
	})
}

// versionOf gives the version in the tenant that a trigger comes from.
func (p *Practice) versionOf(ctx context.Context, r storage.Reader, c *compiled) (storage.ID, error) {
	active, err := versioned.ReadActive(ctx, r, Table, "")
	if err != nil {
		return "", err
	}
	for _, v := range []*Version{active.Own, active.Base} {
		if v != nil && v.Layer().Source == c.source {
			return v.ID, nil
		}
	}
	return "", nil // replaced at this moment: what then holds is tried
}

// again is the job: it tries a firing that failed, with the trigger as it was then.
func (p *Practice) again(ctx context.Context, _ *engine.Engine, due engine.Due, r retry) error {
	system := itsm.SystemActor(due.Tenant, Kind)
	var c *compiled
	var known *facts
	var f Firing
	err := p.e.View(ctx, system, func(ctx context.Context, rd storage.Reader) (err error) {
		if f, err = FiringTable.Get(ctx, rd, itsm.ID(due.Key)); err != nil {
			return err
		}
		page, err := p.e.History(ctx, rd, storage.EventQuery{Kind: r.Kind, Record: r.Record, Limit: 1, After: storage.EventPosition{
			Tenant: due.Tenant, Kind: r.Kind, Record: r.Record, Version: r.Version, N: r.N - 1}})
		if err != nil {
			return err
		}
		if len(page) == 0 || page[0].ID != f.Event {
			return &storage.Error{Op: "event", Table: r.Kind, ID: r.Record, Err: storage.ErrNotFound}
		}
		if c, err = p.find(ctx, rd, r); err != nil {
			return err
		}
		s := p.kinds[r.Kind]
		if s == nil {
			return storage.Invalid("trigger", "kind", fmt.Sprintf("%s is no kind of record that triggers are told of", quoted(r.Kind)))
		}
		row, err := s.rowAt(ctx, rd, &page[0], p.e.History)
		if err != nil {
			return err
		}
		known, err = s.facts(&page[0], row)
		return err
	})
	if err != nil || f.Outcome != OutcomeFailing {
		return err
	}
	failure := p.fire(ctx, p.e, c, known, f.Attempts+1)
	if failure == nil || passes(ctx, failure) {
		return failure
	}
	err = p.e.Update(ctx, c.actor(known.e), func(ctx context.Context, u *engine.Unit) error {
		f, err := FiringTable.Get(ctx, u.Quiet(), f.ID)
		if err != nil || f.Outcome != OutcomeFailing {
			return err
		}
		f.Attempts, f.At, f.Error = f.Attempts+1, u.Now(), plain(failure)
		return FiringTable.Put(ctx, u.Quiet(), &f)
	})
	return errors.Join(failure, err)
}

// find gives a trigger as a version has it, or as it holds now where that version is not known.
func (p *Practice) find(ctx context.Context, r storage.Reader, x retry) (*compiled, error) {
	prog, err := p.running(ctx, r)
	if err != nil {
		return nil, err
	}
	if x.Set != "" {
		v, err := Table.Get(ctx, r, x.Set)
		if err != nil {
			return nil, err
		}
		prog = p.program(Effective(Layer{}, v.Layer()), p.e.EventTypes())
	}
	for _, c := range prog.all {
		if c.Name == x.Trigger {
			return c, nil
		}
	}
	return nil, &storage.Error{Op: "trigger", Table: Kind, ID: itsm.ID(x.Trigger), Err: storage.ErrNotFound}
}

// plain is an error's text as every store can keep it, and not too long.
func plain(err error) string {
	const most = 2000
	s := strings.ReplaceAll(strings.ToValidUTF8(err.Error(), "\uFFFD"), "\x00", "")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
