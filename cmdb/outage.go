// This file holds outages: when a CI did not work, or will not, as people and monitoring recorded it.

package cmdb

import (
	"context"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// KindOutage is the kind of record that an outage is.
const KindOutage = "ci_outage"

// Severity is how badly a CI is out: impact.Degraded or impact.Down, by name.
type Severity string

// The severities.
const (
	SeverityDegraded Severity = "degraded"
	SeverityDown     Severity = "down"
)

// Outage says that a CI did not work from Begin until End. It changes no state of the CI.
type Outage struct {
	OutageHead
	OutageBody
}

// OutageHead is what outages are listed by.
type OutageHead struct {
	storage.Meta
	CI       itsm.ID  `json:"ci"`
	Severity Severity `json:"severity"`
	// Planned says that it was to be expected, as in a window of maintenance.
	Planned bool      `json:"planned"`
	Begin   time.Time `json:"begin"`
	// End is zero while it is not known.
	End time.Time `json:"end,omitzero"`
	// Lasting says that there is no End yet.
	Lasting bool `json:"lasting"`
	// Withdrawn says that it was recorded in error. It counts nowhere.
	Withdrawn bool `json:"withdrawn"`
}

// OutageBody is the rest of an outage.
type OutageBody struct {
	Summary string `json:"summary,omitempty"`
	// About is the record that it belongs to, as an incident or a change.
	About *itsm.Ref `json:"about,omitempty"`
	// Source is who says so.
	Source string `json:"source"`
}

// The columns of outages.
var (
	OutageByCI        = storage.Col("ci", func(h *OutageHead) *itsm.ID { return &h.CI })
	OutageBySeverity  = storage.Col("severity", func(h *OutageHead) *Severity { return &h.Severity })
	OutageByPlanned   = storage.BoolCol("planned", func(h *OutageHead) *bool { return &h.Planned })
	OutageByBegin     = storage.TimeCol("begin", func(h *OutageHead) *time.Time { return &h.Begin })
	OutageByEnd       = storage.NullTimeCol("end", func(h *OutageHead) *time.Time { return &h.End })
	OutageByLasting   = storage.BoolCol("lasting", func(h *OutageHead) *bool { return &h.Lasting })
	OutageByWithdrawn = storage.BoolCol("withdrawn", func(h *OutageHead) *bool { return &h.Withdrawn })
)

// OutageTable is the table of outages.
var OutageTable = storage.Define(KindOutage, storage.Def[Outage, OutageHead, OutageBody]{
	Parts: func(o *Outage) (*OutageHead, *OutageBody) { return &o.OutageHead, &o.OutageBody },
	Columns: []storage.ColumnOf[OutageHead]{
		OutageByCI, OutageBySeverity, OutageByPlanned, OutageByBegin, OutageByEnd, OutageByLasting, OutageByWithdrawn,
	},
	Indexes: []storage.Index{
		storage.IndexOn(OutageByCI.Asc(), OutageByBegin.Asc()),
		storage.IndexOn(OutageByLasting.Asc(), OutageByBegin.Asc()),
		storage.IndexOn(OutageByLasting.Asc(), OutageByEnd.Asc()),
		storage.IndexOn(OutageByBegin.Asc()),
	},
})

// OutageReport is a request to record an outage.
type OutageReport struct {
	itsm.Command
	CI itsm.ID `json:"ci"`
	// Severity is [SeverityDegraded] or [SeverityDown]; empty is down.
	Severity Severity `json:"severity,omitempty"`
	Planned  bool     `json:"planned,omitempty"`
	// Begin is when it begins, in the past or, where it is planned, in the future; zero is now.
	Begin time.Time `json:"begin,omitzero"`
	// End is after Begin; zero while it is not known.
	End     time.Time `json:"end,omitzero"`
	Summary string    `json:"summary,omitempty"`
	About   *itsm.Ref `json:"about,omitempty"`
	// Source is who says so; empty is [SourceManual].
	Source string `json:"source,omitempty"`
}

// RecordOutage records an outage of a CI that is not retired. It asks for [PermissionOutage].
func (p *Practice) RecordOutage(ctx context.Context, actor itsm.Actor, r OutageReport) (Outage, error) {
	call := engine.Call{Name: "ci.record_outage", Actor: actor, Command: r.Command, Request: r}
	return executeOn(ctx, p, OutageTable, call, p.mayReadOutage, func(ctx context.Context, u *engine.Unit) (Outage, error) {
		if err := u.Authorize(ctx, PermissionOutage, nil); err != nil {
			return Outage{}, err
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		o := Outage{OutageHead{Meta: storage.Meta{ID: u.NewID()}, CI: r.CI, Severity: orElse(r.Severity, SeverityDown), Planned: r.Planned,
			Begin: storage.Instant(orElse(r.Begin, u.Now())), End: instantOrNone(r.End)}, OutageBody{r.Summary, r.About, ""}}
		o.Source = origin(r.Source, time.Time{}, u.Now(), &f).Source
		h, err := p.end(ctx, u, "ci", r.CI, &f)
		if err != nil {
			return Outage{}, err
		}
		if h != nil {
			if err := u.Authorize(ctx, PermissionOutage, h.Subject()); err != nil {
				return Outage{}, err
			}
		}
		if o.check(u.Now(), &f); !f.Empty() {
			return Outage{}, f.Err(KindOutage)
		}
		if err := OutageTable.Put(ctx, u, &o); err != nil {
			return Outage{}, err
		}
		u.Emit(itsm.Event{Kind: KindOutage, Record: o.ID, Action: "record_outage",
			Data: OutageRecorded{CI: o.CI, Severity: o.Severity, Begin: o.Begin, End: o.End, Planned: o.Planned}})
		return o, nil
	})
}

func instantOrNone(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return storage.Instant(t)
}

// check notes what is wrong with an outage, and says whether it lasts.
func (o *Outage) check(now time.Time, f *itsm.Faults) {
	if o.Severity != SeverityDegraded && o.Severity != SeverityDown {
		f.Add("severity", "must be degraded or down")
	}
	if !o.Planned && o.Begin.After(now) {
		f.Add("begin", "is in the future, which only what is planned can be")
	}
	if !o.End.IsZero() && !o.End.After(o.Begin) {
		f.Add("end", "must be after its begin")
	}
	if !o.Planned && o.End.After(now) {
		f.Add("end", "is in the future, which only what is planned can be")
	}
	f.Text("summary", o.Summary, MaxDescription, false)
	if o.About != nil {
		f.Key("about.kind", o.About.Kind)
		f.Key("about.id", string(o.About.ID))
	}
	o.Lasting = o.End.IsZero()
}

// OutageAmendment is a request to correct an outage; a nil pointer leaves a field as it is.
type OutageAmendment struct {
	itsm.Command
	Severity *Severity  `json:"severity,omitempty"`
	Planned  *bool      `json:"planned,omitempty"`
	Begin    *time.Time `json:"begin,omitempty"`
	// End with the zero time says that it is not known again.
	End     *time.Time `json:"end,omitempty"`
	Summary *string    `json:"summary,omitempty"`
	About   *itsm.Ref  `json:"about,omitempty"`
}

// AmendOutage corrects an outage. What is the same as before is not told of. It asks for [PermissionOutage]; one that was withdrawn is
// ErrTransition.
func (p *Practice) AmendOutage(ctx context.Context, actor itsm.Actor, id itsm.ID, r OutageAmendment) (Outage, error) {
	return p.changeOutage(ctx, actor, id, "amend_outage", r.Command, r, func(u *engine.Unit, o *Outage) itsm.Payload {
		set(&o.Severity, r.Severity)
		set(&o.Planned, r.Planned)
		set(&o.Summary, r.Summary)
		if r.Begin != nil {
			o.Begin = storage.Instant(*r.Begin)
		}
		if r.End != nil {
			o.End = instantOrNone(*r.End)
		}
		if r.About != nil {
			o.About = r.About
		}
		return OutageAmended{o.CI, o.Severity, o.Begin, o.End}
	})
}

func set[T any](to *T, given *T) {
	if given != nil {
		*to = *given
	}
}

// OutageEnd is a request to end an outage.
type OutageEnd struct {
	itsm.Command
	// At is when it ended; zero is now.
	At time.Time `json:"at,omitzero"`
}

// EndOutage says when an outage ended. One that has an end is amended instead: it is ErrTransition here. It asks for
// [PermissionOutage].
func (p *Practice) EndOutage(ctx context.Context, actor itsm.Actor, id itsm.ID, r OutageEnd) (Outage, error) {
	return p.changeOutage(ctx, actor, id, "end_outage", r.Command, r, func(u *engine.Unit, o *Outage) itsm.Payload {
		o.End = storage.Instant(orElse(r.At, u.Now()))
		return OutageEnded{o.CI, o.Begin, o.End}
	})
}

// WithdrawOutage takes back an outage that was recorded in error: it stays readable, and counts nowhere. It asks for
// [PermissionOutage].
func (p *Practice) WithdrawOutage(ctx context.Context, actor itsm.Actor, id itsm.ID, c itsm.Command) (Outage, error) {
	return p.changeOutage(ctx, actor, id, "withdraw_outage", c, c, func(_ *engine.Unit, o *Outage) itsm.Payload {
		o.Withdrawn = true
		return OutageWithdrawn{o.CI}
	})
}

func (p *Practice) changeOutage(ctx context.Context, actor itsm.Actor, id itsm.ID, action string, cmd itsm.Command, request any, change func(*engine.Unit, *Outage) itsm.Payload) (Outage, error) {
	call := engine.Call{Name: "ci." + action, Actor: actor, Command: cmd, Target: id, Request: request}
	return executeOn(ctx, p, OutageTable, call, p.mayReadOutage, func(ctx context.Context, u *engine.Unit) (Outage, error) {
		o, err := OutageTable.Get(ctx, u, id)
		if err != nil {
			return Outage{}, err
		}
		ci, err := p.find(ctx, u, actor, o.CI)
		if isNotFound(err) {
			return Outage{}, notFound(KindOutage, id)
		}
		if err != nil {
			return Outage{}, err
		}
		if err := u.Authorize(ctx, PermissionOutage, ci.Subject()); err != nil {
			return Outage{}, err
		}
		switch {
		case o.Withdrawn:
			return Outage{}, &itsm.TransitionError{Kind: KindOutage, ID: id, State: "withdrawn", Action: action, Reason: "it was recorded in error"}
		case action == "end_outage" && !o.Lasting:
			return Outage{}, ended(KindOutage, id, action, o.End)
		}
		was := o
		var f itsm.Faults
		f.Merge("", call.Validate())
		told := change(u, &o)
		if o.check(u.Now(), &f); !f.Empty() {
			return Outage{}, f.Err(KindOutage)
		}
		if o.OutageHead.equal(&was.OutageHead) && o.Summary == was.Summary && equalRef(o.About, was.About) {
			return was, nil
		}
		if err := OutageTable.Put(ctx, u, &o); err != nil {
			return Outage{}, err
		}
		u.Emit(itsm.Event{Kind: KindOutage, Record: id, Action: action, Data: told})
		return o, nil
	})
}

func (h *OutageHead) equal(o *OutageHead) bool {
	return h.Severity == o.Severity && h.Planned == o.Planned && h.Begin.Equal(o.Begin) && h.End.Equal(o.End) && h.Withdrawn == o.Withdrawn
}

func equalRef(a, b *itsm.Ref) bool { return a == b || a != nil && b != nil && *a == *b }

func (p *Practice) mayReadOutage(ctx context.Context, r storage.Reader, actor itsm.Actor, o *Outage) error {
	err := p.MayRead(ctx, r, actor, o.CI)
	if isNotFound(err) {
		return notFound(KindOutage, o.ID)
	}
	return err
}

// Outage gives an outage. One of a CI that the actor may not read is ErrNotFound.
func (p *Practice) Outage(ctx context.Context, actor itsm.Actor, id itsm.ID) (o Outage, err error) {
	err = p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if o, err = OutageTable.Get(ctx, r, id); err != nil {
			return err
		}
		return p.mayReadOutage(ctx, r, actor, &o)
	})
	if err != nil {
		return Outage{}, err
	}
	return o, nil
}

// Outages gives a page of outages; without an order by when they began. Those of CIs that the actor may not read are left out, so that
// a page may have fewer items than its limit, or none, though others follow: Next tells.
func (p *Practice) Outages(ctx context.Context, actor itsm.Actor, q storage.Query[OutageHead]) (page storage.Page[OutageHead], err error) {
	if len(q.Order) == 0 {
		q.Order = []storage.Order{OutageByBegin.Asc()}
	}
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader, of reach) error {
		if page, err = OutageTable.List(ctx, r, q); err != nil {
			return err
		}
		var ids []itsm.ID
		for _, o := range page.Items {
			ids = append(ids, o.CI)
		}
		may, err := headsOf(ctx, r, ids, of.filter())
		page.Items = slices.DeleteFunc(page.Items, func(o OutageHead) bool { _, ok := may[o.CI]; return !ok })
		return err
	})
	if err != nil {
		return storage.Page[OutageHead]{}, err
	}
	return page, nil
}

// failuresAt gives what is out at an instant, zero for now, as failures of CIs that are in a graph: of a CI the worst. Outages count for
// everyone, whoever may read of them.
func (p *Practice) failuresAt(ctx context.Context, actor itsm.Actor, at time.Time, s *impact.Snapshot) ([]impact.Failure, error) {
	if at = storage.Instant(at); at.IsZero() {
		at = p.e.Now()
	}
	of := map[itsm.ID]impact.Failure{}
	var order []itsm.ID
	err := p.view(ctx, actor, func(ctx context.Context, r storage.Reader, _ reach) error {
		clear(of)
		order = nil
		for _, still := range []storage.Filter[OutageHead]{
			storage.AllOf(OutageByLasting.Is(true), OutageByBegin.AtMost(at)),
			storage.AllOf(OutageByLasting.Is(false), OutageByEnd.Above(at), OutageByBegin.AtMost(at)),
		} {
			q := storage.Query[OutageHead]{Where: storage.AllOf(still, OutageByWithdrawn.Is(false)), Limit: storage.MaxPage}
			for o, err := range storage.Pages(q, func(q storage.Query[OutageHead]) (storage.Page[OutageHead], error) {
				return OutageTable.List(ctx, r, q)
			}) {
				if err != nil {
					return err
				}
				if !s.Has(string(o.CI)) {
					continue
				}
				f := impact.Failure{ID: string(o.CI), State: impact.Down, Planned: o.Planned}
				if o.Severity == SeverityDegraded {
					f.State = impact.Degraded
				}
				had, known := of[o.CI]
				if !known {
					order = append(order, o.CI)
				}
				if known && had.State == f.State {
					f.Planned = f.Planned && had.Planned
				}
				if !known || f.State >= had.State {
					of[o.CI] = f
				}
			}
		}
		return nil
	})
	failures := make([]impact.Failure, len(order))
	for i, id := range order {
		failures[i] = of[id]
	}
	return failures, err
}
