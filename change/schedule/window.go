// This file holds freezes and maintenance windows as records, and their commands.

package schedule

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// WindowKind is the kind of record that a freeze or maintenance window is.
const WindowKind = "change_window"

// Window is a freeze or a maintenance window. Its JSON form is one flat object.
type Window struct {
	WindowHead
	WindowBody
}

// WindowHead is what windows are listed by.
type WindowHead struct {
	storage.Meta
	Kind calendar.WindowKind `json:"kind"`
	Name string              `json:"name"`
	// Withdrawn windows do not count any more.
	Withdrawn bool `json:"withdrawn"`
	// First is when the first occurrence begins, and Until when the last one is over: the end of 2300 where there is none.
	First time.Time `json:"first"`
	Until time.Time `json:"until"`
}

// WindowBody is the rest of a window.
type WindowBody struct {
	// Definition says what it is. Its id is the record's.
	Definition calendar.Window `json:"definition"`
	// By is who made it.
	By itsm.ID `json:"by"`
}

// The columns of windows.
var (
	ByWindowKind      = storage.Col("kind", func(h *WindowHead) *calendar.WindowKind { return &h.Kind })
	ByWindowName      = storage.Col("name", func(h *WindowHead) *string { return &h.Name })
	ByWindowWithdrawn = storage.BoolCol("withdrawn", func(h *WindowHead) *bool { return &h.Withdrawn })
	ByWindowFirst     = storage.TimeCol("first", func(h *WindowHead) *time.Time { return &h.First })
	ByWindowUntil     = storage.TimeCol("until", func(h *WindowHead) *time.Time { return &h.Until })
)

// WindowTable is the table of windows.
var WindowTable = storage.Define(WindowKind, storage.Def[Window, WindowHead, WindowBody]{
	Parts:   func(w *Window) (*WindowHead, *WindowBody) { return &w.WindowHead, &w.WindowBody },
	Columns: []storage.ColumnOf[WindowHead]{ByWindowKind, ByWindowName, ByWindowWithdrawn, ByWindowFirst, ByWindowUntil},
	Indexes: []storage.Index{storage.IndexOn(ByWindowWithdrawn.Asc(), ByWindowName.Asc()), storage.IndexOn(ByWindowKind.Asc(), ByWindowWithdrawn.Asc(), ByWindowUntil.Asc())},
})

// windowTouch says what a window that counts is found by.
type windowTouch struct {
	windowTouchHead
	windowTouchBody
}

type windowTouchHead struct {
	storage.Meta
	Touch  calendar.Touch `json:"touch"`
	Window itsm.ID        `json:"window"`
	First  time.Time      `json:"first"`
	Until  time.Time      `json:"until"`
}

type windowTouchBody struct{}

var (
	windowByTouch  = storage.Col("touch", func(h *windowTouchHead) *calendar.Touch { return &h.Touch })
	windowByWindow = storage.Col("window", func(h *windowTouchHead) *itsm.ID { return &h.Window })
	windowByFirst  = storage.TimeCol("first", func(h *windowTouchHead) *time.Time { return &h.First })
	windowByUntil  = storage.TimeCol("until", func(h *windowTouchHead) *time.Time { return &h.Until })
)

var windowTouchTable = storage.Define("change_window_touch", storage.Def[windowTouch, windowTouchHead, windowTouchBody]{
	Parts: func(t *windowTouch) (*windowTouchHead, *windowTouchBody) {
		return &t.windowTouchHead, &t.windowTouchBody
	},
	Columns: []storage.ColumnOf[windowTouchHead]{windowByTouch, windowByWindow, windowByFirst, windowByUntil},
	Indexes: []storage.Index{storage.IndexOn(windowByTouch.Asc(), windowByUntil.Asc()), storage.IndexOn(windowByWindow.Asc())},
})

// farAway is when the last occurrence is over of what recurs without an end.
var farAway = time.Date(2300, 12, 31, 0, 0, 0, 0, time.UTC)

// WindowDefinition says what a freeze or maintenance window is to be. The id in it does not count.
type WindowDefinition struct {
	itsm.Command
	Window calendar.Window `json:"window"`
}

// DefineWindow makes a freeze or maintenance window. It asks for [PermissionManageWindows], as every command on
// windows does. What calendar.Window.Compile refuses is ErrInvalid, with every fault. The changes that it is for have their
// conflicts found anew by a job.
func (p *Practice) DefineWindow(ctx context.Context, actor itsm.Actor, d WindowDefinition) (Window, error) {
	call := engine.Call{Name: WindowKind + ".define", Actor: actor, Command: d.Command, Request: d}
	return p.onWindow(ctx, call, func(ctx context.Context, u *engine.Unit, w *Window) (itsm.Payload, error) {
		w.ID, w.By = u.NewID(), actor.ID
		return WindowDefined{d.Window.Kind}, w.define(call, d)
	})
}

// ReviseWindow changes a freeze or maintenance window. One that was withdrawn counts again. Its kind stays.
func (p *Practice) ReviseWindow(ctx context.Context, actor itsm.Actor, id itsm.ID, d WindowDefinition) (Window, error) {
	call := engine.Call{Name: WindowKind + ".revise", Actor: actor, Command: d.Command, Target: id, Request: d}
	return p.onWindow(ctx, call, func(ctx context.Context, u *engine.Unit, w *Window) (itsm.Payload, error) {
		was := w.Kind
		if err := w.define(call, d); err != nil {
			return nil, err
		}
		if w.Kind != was {
			return nil, itsm.Invalid(WindowKind, "window.kind", "cannot be another: withdraw it and define one")
		}
		return WindowRevised{}, nil
	})
}

// WithdrawWindow has a freeze or maintenance window not count any more. The reason of the command is required.
func (p *Practice) WithdrawWindow(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Window, error) {
	call := engine.Call{Name: WindowKind + ".withdraw", Actor: actor, Command: r, Target: id, Request: r}
	return p.onWindow(ctx, call, func(ctx context.Context, u *engine.Unit, w *Window) (itsm.Payload, error) {
		var f itsm.Faults
		f.Merge("", call.Validate())
		if strings.TrimSpace(r.Reason) == "" {
			f.Add("reason", "is required")
		}
		if err := f.Err(WindowKind); err != nil {
			return nil, err
		}
		if w.Withdrawn {
			return nil, &itsm.TransitionError{Kind: WindowKind, ID: id, State: "withdrawn", Action: "withdraw", Permitted: []string{"revise"}}
		}
		w.Withdrawn = true
		return WindowWithdrawn{}, nil
	})
}

// define makes a window what a definition says, or tells every fault.
func (w *Window) define(call engine.Call, d WindowDefinition) error {
	var f itsm.Faults
	f.Merge("", call.Validate())
	d.Window.ID = w.ID
	s, err := d.Window.Compile()
	f.Merge("window", err)
	if err := f.Err(WindowKind); err != nil {
		return err
	}
	w.Definition = s.Window()
	bounds, ends := s.Bounds()
	w.Kind, w.Name, w.Withdrawn, w.First, w.Until = w.Definition.Kind, w.Definition.Name, false, bounds.Begin, bounds.End
	if !ends || w.Until.After(farAway) {
		w.Until = farAway
	}
	return nil
}

// onWindow runs a command on a window, under the lock, and has what it means to bookings found.
func (p *Practice) onWindow(ctx context.Context, call engine.Call, fn func(context.Context, *engine.Unit, *Window) (itsm.Payload, error)) (Window, error) {
	return engine.Execute(ctx, p.e, WindowTable, call, func(ctx context.Context, u *engine.Unit) (w Window, err error) {
		if err := u.Authorize(ctx, PermissionManageWindows, subjectOf(PermissionManageWindows)); err != nil {
			return Window{}, err
		}
		if err := u.Lock(ctx, lock); err != nil {
			return Window{}, err
		}
		var was []calendar.Window
		if call.Target != "" {
			if w, err = WindowTable.Get(ctx, u, call.Target); err != nil {
				return Window{}, err
			}
			if !w.Withdrawn {
				was = append(was, w.Definition)
			}
		}
		told, err := fn(ctx, u, &w)
		if err != nil {
			return Window{}, err
		}
		if err := WindowTable.Put(ctx, u, &w); err != nil {
			return Window{}, err
		}
		u.Emit(itsm.Event{Kind: WindowKind, Record: w.ID, Action: strings.TrimPrefix(call.Name, WindowKind+"."), Data: told})
		if err := putWindowTouches(ctx, u, &w); err != nil {
			return Window{}, err
		}
		if !w.Withdrawn {
			was = append(was, w.Definition)
		}
		return w, recheckLater(ctx, u, w.ID, was)
	}, nil)
}

// putWindowTouches makes the rows that a window is found by what they shall be.
func putWindowTouches(ctx context.Context, u *engine.Unit, w *Window) error {
	there, err := pages(storage.Query[windowTouchHead]{Where: windowByWindow.Is(w.ID)}, func(q storage.Query[windowTouchHead]) (storage.Page[windowTouchHead], error) {
		return windowTouchTable.List(ctx, u.Quiet(), q)
	})
	if err != nil {
		return err
	}
	rows := map[itsm.ID]*windowTouch{}
	if !w.Withdrawn {
		first, until := w.First, w.Until
		if w.Kind == calendar.WindowMaintenance { // outside of it is what conflicts
			first, until = time.Unix(0, 0), farAway
		}
		for _, t := range w.Definition.Touches() {
			id := idOf(string(w.ID), string(t))
			rows[id] = &windowTouch{windowTouchHead: windowTouchHead{Meta: storage.Meta{ID: id}, Touch: t, Window: w.ID, First: first, Until: until}}
		}
	}
	for i := range there {
		if row := rows[there[i].ID]; row != nil {
			if row.Meta = there[i].Meta; row.First.Equal(there[i].First) && row.Until.Equal(there[i].Until) {
				delete(rows, row.ID)
			}
			continue
		}
		if err := windowTouchTable.Delete(ctx, u.Quiet(), &windowTouch{windowTouchHead: there[i]}); err != nil {
			return err
		}
	}
	all := make([]*windowTouch, 0, len(rows))
	for _, row := range rows {
		all = append(all, row)
	}
	slices.SortFunc(all, func(a, b *windowTouch) int { return strings.Compare(string(a.ID), string(b.ID)) })
	for some := range slices.Chunk(all, chunk) {
		if err := windowTouchTable.Put(ctx, u.Quiet(), some...); err != nil {
			return err
		}
	}
	return nil
}

// windowsFor gives the freezes that can be for a booking and may have time in common with a span, and all maintenance
// windows of what it disturbs.
func windowsFor(ctx context.Context, r storage.Reader, b *calendar.Booking, in calendar.Span) ([]*calendar.Schedule, error) {
	found := map[itsm.ID]bool{}
	for some := range slices.Chunk(b.Windows(), chunk) {
		q := storage.Query[windowTouchHead]{Where: storage.AllOf(windowByTouch.In(some...), windowByUntil.Above(in.Begin), windowByFirst.Below(in.End)),
			Order: []storage.Order{windowByTouch.Asc(), windowByUntil.Asc()}}
		heads, err := pages(q, func(q storage.Query[windowTouchHead]) (storage.Page[windowTouchHead], error) {
			return windowTouchTable.List(ctx, r, q)
		})
		if err != nil {
			return nil, err
		}
		for _, h := range heads {
			found[h.Window] = true
		}
	}
	ids := make([]itsm.ID, 0, len(found))
	for id := range found {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var all []*calendar.Schedule
	for some := range slices.Chunk(ids, chunk) {
		page, err := WindowTable.Records(ctx, r, storage.Query[WindowHead]{Where: WindowTable.ByID().In(some...), Limit: chunk})
		if err != nil {
			return nil, err
		}
		for _, w := range page.Items {
			s, err := w.Definition.Compile()
			if err != nil {
				return nil, err // it was checked when it was put
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// GetWindow gives a window. It asks for [PermissionReadWindows].
func (p *Practice) GetWindow(ctx context.Context, actor itsm.Actor, id itsm.ID) (w Window, err error) {
	err = p.view(ctx, actor, PermissionReadWindows, func(ctx context.Context, r storage.Reader) error {
		w, err = WindowTable.Get(ctx, r, id)
		return err
	})
	return w, err
}

// ListWindows gives a page of windows, without an order by their names. It asks for [PermissionReadWindows].
func (p *Practice) ListWindows(ctx context.Context, actor itsm.Actor, q storage.Query[WindowHead]) (page storage.Page[WindowHead], err error) {
	if len(q.Order) == 0 {
		q.Order = []storage.Order{ByWindowName.Asc()}
	}
	err = p.view(ctx, actor, PermissionReadWindows, func(ctx context.Context, r storage.Reader) error {
		page, err = WindowTable.List(ctx, r, q)
		return err
	})
	return page, err
}

// Freeze is a freeze that stands against a change at an instant.
type Freeze struct {
	Window calendar.Window `json:"window"`
	// Span is the occurrence.
	Span calendar.Span `json:"span"`
}

// MayOverride says whether the actor holds a role that may override the freeze.
func (f Freeze) MayOverride(actor itsm.Actor) bool {
	return slices.ContainsFunc(f.Window.Override, actor.Has)
}

// Frozen gives the freezes that cover a change at an instant, in the order of their ids. When the booking is planned does not
// count. It asks for no permission: it is for the command that starts the change.
func (p *Practice) Frozen(ctx context.Context, r storage.Reader, b calendar.Booking, at time.Time) ([]Freeze, error) {
	at = storage.Instant(at)
	windows, err := windowsFor(ctx, r, &b, calendar.Span{Begin: at, End: at.Add(time.Microsecond)})
	if err != nil {
		return nil, err
	}
	var all []Freeze
	for _, w := range windows {
		if span, in := w.At(at); in && w.Covers(b) {
			all = append(all, Freeze{w.Window(), span})
		}
	}
	return all, nil
}
