// This file holds overrides as records of schedules, with their commands.

package oncall

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// OverrideRecord is an override of a schedule.
type OverrideRecord struct {
	OverrideHead
	OverrideBody
}

// OverrideHead is what overrides are listed by.
type OverrideHead struct {
	storage.Meta
	Schedule itsm.ID `json:"schedule"`
	Person   itsm.ID `json:"person"`
	// From and To are its span. One that was withdrawn ends when it was, or where it began if it had
	// not begun by then.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Withdrawn says that it was taken back.
	Withdrawn bool `json:"withdrawn"`
}

// OverrideBody is the rest of an override.
type OverrideBody struct {
	Kind     OverrideKind `json:"kind"`
	Replaces itsm.ID      `json:"replaces,omitempty"`
	// By is who made it.
	By itsm.ID `json:"by"`
}

// Override is the record as the timetable takes it.
func (o *OverrideRecord) Override() Override {
	return Override{From: o.From, To: o.To, Kind: o.Kind, Person: o.Person, Replaces: o.Replaces}
}

// The columns of overrides.
var (
	OverrideBySchedule  = storage.Col("schedule", func(h *OverrideHead) *itsm.ID { return &h.Schedule })
	OverrideByPerson    = storage.Col("person", func(h *OverrideHead) *itsm.ID { return &h.Person })
	OverrideByFrom      = storage.TimeCol("begins", func(h *OverrideHead) *time.Time { return &h.From })
	OverrideByTo        = storage.TimeCol("ends", func(h *OverrideHead) *time.Time { return &h.To })
	OverrideByWithdrawn = storage.BoolCol("withdrawn", func(h *OverrideHead) *bool { return &h.Withdrawn })
)

// OverrideTable is the table of overrides.
var OverrideTable = storage.Define(KindOverride, storage.Def[OverrideRecord, OverrideHead, OverrideBody]{
	Parts:   func(o *OverrideRecord) (*OverrideHead, *OverrideBody) { return &o.OverrideHead, &o.OverrideBody },
	Columns: []storage.ColumnOf[OverrideHead]{OverrideBySchedule, OverrideByPerson, OverrideByFrom, OverrideByTo, OverrideByWithdrawn},
	Indexes: []storage.Index{
		storage.IndexOn(OverrideBySchedule.Asc(), OverrideByTo.Asc()),
		storage.IndexOn(OverrideByPerson.Asc(), OverrideByTo.Asc()),
	},
})

// OverrideRequest asks for an override.
type OverrideRequest struct {
	itsm.Command
	// Override says what is to hold. From may be zero, for now; one before now is now, as what has
	// been is not rewritten. To must be after now.
	Override
}

// Override makes an override of a schedule. Of those that overlap, the later made counts. It asks for
// [PermissionOverride] on the schedule, whose members are the participants of its rota.
func (p *Practice) Override(ctx context.Context, actor itsm.Actor, schedule itsm.ID, r OverrideRequest) (OverrideRecord, error) {
	call := engine.Call{Name: "oncall.override", Actor: actor, Command: r.Command, Request: struct {
		Schedule itsm.ID         `json:"schedule"`
		Request  OverrideRequest `json:"request"`
	}{schedule, r}}
	return p.overriding(ctx, call, func(ctx context.Context, u *engine.Unit) (OverrideRecord, error) {
		s, err := p.overridable(ctx, u, actor, schedule)
		if err != nil {
			return OverrideRecord{}, err
		}
		o := r.Override
		if o.From.Before(u.Now()) {
			o.From = u.Now()
		}
		o.From, o.To = storage.Instant(o.From), storage.Instant(o.To)
		var f itsm.Faults
		f.Merge("", call.Validate())
		checked := o
		if !o.To.IsZero() && !o.To.After(u.Now()) {
			f.Add("to", "must be after now")
			checked.To = o.From.Add(time.Microsecond) // one fault of it is enough
		}
		f.Merge("", checked.Check())
		if err := f.Err("override"); err != nil {
			return OverrideRecord{}, err
		}
		if s.Retired {
			return OverrideRecord{}, retired(KindSchedule, schedule, "override")
		}
		rec := OverrideRecord{
			OverrideHead{Meta: storage.Meta{ID: u.NewID()}, Schedule: schedule, Person: o.Person, From: o.From, To: o.To},
			OverrideBody{Kind: o.Kind, Replaces: o.Replaces, By: actor.ID},
		}
		if err := OverrideTable.Put(ctx, u, &rec); err != nil {
			return rec, err
		}
		u.Emit(itsm.Event{Kind: KindOverride, Record: rec.ID, Action: "override", Data: Overridden{schedule, o}})
		return rec, nil
	})
}

// WithdrawOverride takes an override back: one that has not begun as a whole, one that has from now
// on. What is over, or was withdrawn before, is ErrTransition. It asks for what making it asks for.
func (p *Practice) WithdrawOverride(ctx context.Context, actor itsm.Actor, id itsm.ID, c itsm.Command) (OverrideRecord, error) {
	call := engine.Call{Name: "oncall.withdraw_override", Actor: actor, Command: c, Target: id, Request: c}
	return p.overriding(ctx, call, func(ctx context.Context, u *engine.Unit) (OverrideRecord, error) {
		o, err := OverrideTable.Get(ctx, u, id)
		if err != nil {
			return o, err
		}
		if _, err := p.overridable(ctx, u, actor, o.Schedule); err != nil {
			if isNotFound(err) {
				err = notFound(KindOverride, id)
			}
			return OverrideRecord{}, err
		}
		refuse := func(state string) error {
			return &itsm.TransitionError{Kind: KindOverride, ID: id, State: state, Action: "withdraw"}
		}
		switch {
		case o.Withdrawn:
			return o, refuse("withdrawn")
		case !o.To.After(u.Now()):
			return o, refuse("over")
		}
		if err := call.Validate(); err != nil {
			return o, err
		}
		o.Withdrawn, o.To = true, o.From
		if o.To.Before(u.Now()) {
			o.To = u.Now()
		}
		if err := OverrideTable.Put(ctx, u, &o); err != nil {
			return o, err
		}
		u.Emit(itsm.Event{Kind: KindOverride, Record: id, Action: "withdraw", Data: OverrideWithdrawn{o.Schedule, o.Override()}})
		return o, nil
	})
}

// overriding runs a command on overrides.
func (p *Practice) overriding(ctx context.Context, call engine.Call, fn func(context.Context, *engine.Unit) (OverrideRecord, error)) (OverrideRecord, error) {
	return engine.Execute(ctx, p.e, OverrideTable, call, fn, func(ctx context.Context, u *engine.Unit, o OverrideRecord, again bool) (OverrideRecord, error) {
		if again {
			if _, err := p.overridable(ctx, u, call.Actor, o.Schedule); err != nil {
				return OverrideRecord{}, err
			}
		}
		return o, nil
	})
}

// overridable reads a schedule that the actor may override. One that the actor may neither override
// nor read is not found.
func (p *Practice) overridable(ctx context.Context, u *engine.Unit, actor itsm.Actor, schedule itsm.ID) (Schedule, error) {
	s, err := ScheduleTable.Get(ctx, u, schedule)
	if err != nil {
		return Schedule{}, err
	}
	on := domain(KindSchedule, schedule)
	on.Members = s.Rota.Participants()
	refused := u.Authorize(ctx, PermissionOverride, on)
	if refused == nil {
		return s, nil
	}
	reads, err := p.allows(ctx, actor, PermissionRead, domain(KindSchedule, schedule))
	if err != nil {
		return Schedule{}, err
	}
	if !reads {
		return Schedule{}, notFound(KindSchedule, schedule)
	}
	return Schedule{}, refused
}

// Overrides gives a page of overrides; without an order those that end first before the others.
func (p *Practice) Overrides(ctx context.Context, actor itsm.Actor, q storage.Query[OverrideHead]) (page storage.Page[OverrideRecord], err error) {
	if len(q.Order) == 0 {
		q.Order = []storage.Order{OverrideByTo.Asc()}
	}
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		page, err = OverrideTable.Records(ctx, r, q)
		return err
	})
	return page, err
}

// overridesIn gives the overrides of a schedule that touch a span, in the order in which they were
// made; of two made at the same instant the one with the greater id is the later.
func overridesIn(ctx context.Context, r storage.Reader, schedule itsm.ID, from, to time.Time) ([]Override, error) {
	var found []OverrideRecord
	q := storage.Query[OverrideHead]{
		Where: storage.AllOf(OverrideBySchedule.Is(schedule), OverrideByTo.Above(from), OverrideByFrom.Below(to)),
		Order: []storage.Order{OverrideByTo.Asc()}, Limit: storage.MaxPage,
	}
	for o, err := range storage.Pages(q, func(q storage.Query[OverrideHead]) (storage.Page[OverrideRecord], error) {
		return OverrideTable.Records(ctx, r, q)
	}) {
		if err != nil {
			return nil, err
		}
		if o.From.Before(o.To) { // it was not withdrawn before it began
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b OverrideRecord) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	out := make([]Override, len(found))
	for i := range found {
		out[i] = found[i].Override()
	}
	return out, nil
}
