// This file holds schedules: rotas as records, with their commands.

package oncall

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Schedule is a rota under a name.
type Schedule struct {
	ScheduleHead
	ScheduleBody
}

// ScheduleHead is what schedules are listed by.
type ScheduleHead struct {
	storage.Meta
	Name string `json:"name"`
	// Retired says that nobody is on call by it any more.
	Retired bool `json:"retired"`
}

// ScheduleBody is the rest of a schedule.
type ScheduleBody struct {
	Description string `json:"description,omitempty"`
	Rota        Rota   `json:"rota"`
}

// The columns of schedules.
var (
	ScheduleByName    = storage.Col("name", func(h *ScheduleHead) *string { return &h.Name })
	ScheduleByRetired = storage.BoolCol("retired", func(h *ScheduleHead) *bool { return &h.Retired })
)

// ScheduleTable is the table of schedules.
var ScheduleTable = storage.Define(KindSchedule, storage.Def[Schedule, ScheduleHead, ScheduleBody]{
	Parts:   func(s *Schedule) (*ScheduleHead, *ScheduleBody) { return &s.ScheduleHead, &s.ScheduleBody },
	Columns: []storage.ColumnOf[ScheduleHead]{ScheduleByName, ScheduleByRetired},
	Indexes: []storage.Index{storage.IndexOn(ScheduleByRetired.Asc(), ScheduleByName.Asc()), storage.IndexOn(ScheduleByName.Asc())},
})

// The greatest lengths of texts, in characters.
const (
	MaxName        = 200
	MaxDescription = 4000
	MaxSummary     = 1000
)

// ScheduleDefinition is a schedule as its author writes it.
type ScheduleDefinition struct {
	itsm.Command
	// ID is the host's own, so that policies that are published to many tenants can name the schedule
	// of each; empty makes one. A revision leaves it empty or gives the schedule's.
	ID itsm.ID `json:"id,omitempty"`
	// Name is required; two schedules may have the same.
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Rota        Rota   `json:"rota"`
}

// check gives what is wrong with the definition.
func (d *ScheduleDefinition) check(ctx context.Context, u *engine.Unit, call engine.Call) error {
	var f itsm.Faults
	f.Merge("", call.Validate())
	if err := checkID(ctx, u, &f, ScheduleTable, d.ID, call); err != nil {
		return err
	}
	f.Text("name", d.Name, MaxName, true)
	f.Text("description", d.Description, MaxDescription, false)
	f.Merge("rota", d.Rota.Check())
	return f.Err("schedule")
}

// DefineSchedule makes a schedule. It asks for [PermissionManage].
func (p *Practice) DefineSchedule(ctx context.Context, actor itsm.Actor, d ScheduleDefinition) (Schedule, error) {
	call := engine.Call{Name: "oncall.define_schedule", Actor: actor, Command: d.Command, Request: d}
	return manage(ctx, p, ScheduleTable, call, func(ctx context.Context, u *engine.Unit) (Schedule, error) {
		if err := d.check(ctx, u, call); err != nil {
			return Schedule{}, err
		}
		s := Schedule{ScheduleHead{storage.Meta{ID: idOf(u, d.ID)}, d.Name, false}, ScheduleBody{d.Description, d.Rota.clone()}}
		if err := ScheduleTable.Put(ctx, u, &s); err != nil {
			return s, err
		}
		u.Emit(itsm.Event{Kind: KindSchedule, Record: s.ID, Action: "define", Data: ScheduleDefined{s.Name}})
		return s, nil
	})
}

// ReviseSchedule gives a schedule another name, description and rota. It holds from now on and for
// the past, as far as anybody asks: who was told of something stands in its escalation. What is the
// same as before is not told of. It asks for [PermissionManage]; a schedule that is retired is
// ErrTransition.
func (p *Practice) ReviseSchedule(ctx context.Context, actor itsm.Actor, id itsm.ID, d ScheduleDefinition) (Schedule, error) {
	call := engine.Call{Name: "oncall.revise_schedule", Actor: actor, Command: d.Command, Target: id, Request: d}
	return manage(ctx, p, ScheduleTable, call, func(ctx context.Context, u *engine.Unit) (Schedule, error) {
		s, err := ScheduleTable.Get(ctx, u, id)
		if err != nil {
			return s, err
		}
		if s.Retired {
			return s, retired(KindSchedule, id, "revise")
		}
		if err := d.check(ctx, u, call); err != nil {
			return s, err
		}
		was := s
		s.Name, s.Description, s.Rota = d.Name, d.Description, d.Rota.clone()
		if reflect.DeepEqual(s, was) {
			return s, nil
		}
		if err := ScheduleTable.Put(ctx, u, &s); err != nil {
			return s, err
		}
		u.Emit(itsm.Event{Kind: KindSchedule, Record: id, Action: "revise", Data: ScheduleRevised{s.Name}})
		return s, nil
	})
}

// RetireSchedule ends a schedule for good: nobody is on call by it. While a policy that is not
// retired names it, it is ErrTransition with the names of those policies as what is missing. It asks
// for [PermissionManage].
func (p *Practice) RetireSchedule(ctx context.Context, actor itsm.Actor, id itsm.ID, c itsm.Command) (Schedule, error) {
	call := engine.Call{Name: "oncall.retire_schedule", Actor: actor, Command: c, Target: id, Request: c}
	return manage(ctx, p, ScheduleTable, call, func(ctx context.Context, u *engine.Unit) (Schedule, error) {
		if err := u.Lock(ctx, lockDefinitions); err != nil {
			return Schedule{}, err
		}
		s, err := ScheduleTable.Get(ctx, u, id)
		if err != nil {
			return s, err
		}
		if s.Retired {
			return s, retired(KindSchedule, id, "retire")
		}
		if err := call.Validate(); err != nil {
			return s, err
		}
		var used []string
		live := storage.Query[PolicyHead]{Where: PolicyByRetired.Is(false), Limit: storage.MaxPage}
		for policy, err := range storage.Pages(live, func(q storage.Query[PolicyHead]) (storage.Page[Policy], error) {
			return PolicyTable.Records(ctx, u, q)
		}) {
			if err != nil {
				return s, err
			}
			if slices.Contains(policy.Ladder.schedules(), id) {
				used = append(used, policy.Name)
			}
		}
		if len(used) > 0 {
			slices.Sort(used)
			return s, &itsm.TransitionError{Kind: KindSchedule, ID: id, State: "in use", Action: "retire",
				Reason: "policies tell whoever is on call by it; revise or retire them first", Missing: used}
		}
		s.Retired = true
		if err := ScheduleTable.Put(ctx, u, &s); err != nil {
			return s, err
		}
		u.Emit(itsm.Event{Kind: KindSchedule, Record: id, Action: "retire", Data: ScheduleRetired{s.Name}})
		return s, nil
	})
}

// checkID notes what is wrong with the id of a definition: one that is new must be free, and one that is
// revised keeps its own.
func checkID[R, H, B any](ctx context.Context, u *engine.Unit, f *itsm.Faults, t storage.Table[R, H, B], id itsm.ID, call engine.Call) error {
	if id == "" || id == call.Target {
		return nil
	}
	if call.Target != "" {
		f.Add("id", "does not change; leave it empty")
		return nil
	}
	before := len(f.List())
	if f.Key("id", string(id)); len(f.List()) > before {
		return nil
	}
	_, err := t.Get(ctx, u, id)
	if isNotFound(err) {
		return nil
	}
	if err == nil {
		f.Add("id", "is taken")
	}
	return err
}

// idOf is the id of a new record.
func idOf(u *engine.Unit, given itsm.ID) itsm.ID {
	if given == "" {
		return u.NewID()
	}
	return given
}

// lockDefinitions keeps a policy from naming a schedule while that is retired.
const lockDefinitions = "oncall/definitions"

func retired(kind string, id itsm.ID, action string) error {
	return &itsm.TransitionError{Kind: kind, ID: id, State: "retired", Action: action}
}

// manage runs a command for which PermissionManage is needed.
func manage[R, H, B any](ctx context.Context, p *Practice, t storage.Table[R, H, B], call engine.Call, fn func(context.Context, *engine.Unit) (R, error)) (R, error) {
	allowed := func(ctx context.Context, u *engine.Unit) error {
		return u.Authorize(ctx, PermissionManage, domain(t.Name(), call.Target))
	}
	return engine.Execute(ctx, p.e, t, call, func(ctx context.Context, u *engine.Unit) (R, error) {
		if err := allowed(ctx, u); err != nil {
			var zero R
			return zero, err
		}
		return fn(ctx, u)
	}, func(ctx context.Context, u *engine.Unit, r R, again bool) (R, error) {
		if !again {
			return r, nil
		}
		return r, allowed(ctx, u) // who may no longer manage does not learn it by an old key
	})
}

// Schedule gives a schedule. It asks for [PermissionRead], as every reading of the practice does.
func (p *Practice) Schedule(ctx context.Context, actor itsm.Actor, id itsm.ID) (s Schedule, err error) {
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		s, err = ScheduleTable.Get(ctx, r, id)
		return err
	})
	return s, err
}

// Schedules gives a page of schedules; without an order by their names.
func (p *Practice) Schedules(ctx context.Context, actor itsm.Actor, q storage.Query[ScheduleHead]) (page storage.Page[ScheduleHead], err error) {
	if len(q.Order) == 0 {
		q.Order = []storage.Order{ScheduleByName.Asc()}
	}
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		page, err = ScheduleTable.List(ctx, r, q)
		return err
	})
	return page, err
}

// OnCall gives who is on call by a schedule at an instant, in the order of their ids; nobody where it
// is retired.
func (p *Practice) OnCall(ctx context.Context, actor itsm.Actor, schedule itsm.ID, at time.Time) (people []itsm.ID, err error) {
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		t, err := timetable(ctx, r, schedule, at, at.Add(time.Microsecond))
		if err != nil {
			return err
		}
		people = t.OnCall(at)
		return nil
	})
	return people, err
}

// Timetable gives the timetable of a schedule with the overrides that touch the span from one instant
// up to another: outside of it the timetable knows no others. That of a retired schedule is empty.
func (p *Practice) Timetable(ctx context.Context, actor itsm.Actor, schedule itsm.ID, from, to time.Time) (t *Timetable, err error) {
	if !storage.Instant(from).Before(storage.Instant(to)) {
		return nil, itsm.Invalid("timetable", "to", "must be after from")
	}
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		t, err = timetable(ctx, r, schedule, from, to)
		return err
	})
	return t, err
}

// timetable reads a schedule with its overrides in a span.
func timetable(ctx context.Context, r storage.Reader, schedule itsm.ID, from, to time.Time) (*Timetable, error) {
	s, err := ScheduleTable.Get(ctx, r, schedule)
	if err != nil {
		return nil, err
	}
	if s.Retired {
		return Rota{Zone: s.Rota.Zone}.Compile()
	}
	t, err := s.Rota.Compile()
	if err != nil {
		// It was checked when it was put, so what it needs of this system has changed.
		return nil, fmt.Errorf("schedule %s: %w", s.ID, err)
	}
	overrides, err := overridesIn(ctx, r, schedule, from, to)
	if err != nil {
		return nil, err
	}
	return t.With(overrides...)
}
