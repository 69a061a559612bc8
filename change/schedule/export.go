// This file holds the export of the schedule in the iCalendar format.

package schedule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxPeriod is the longest period of an export.
const MaxPeriod = 2 * calendar.MaxLength

// Export says what of the schedule is exported.
type Export struct {
	// Name is what programs show as the calendar's; empty is "Change schedule".
	Name string `json:"name,omitempty"`
	// Period bounds it: what has time in it, at most [MaxPeriod].
	Period calendar.Span `json:"period"`
	// CIs, Services, Implementers and Sites narrow it to changes that touch one of these, and to the windows of these CIs
	// and services, and freezes that are for them; all empty is everything.
	CIs          []itsm.ID `json:"cis,omitempty"`
	Services     []itsm.ID `json:"services,omitempty"`
	Implementers []itsm.ID `json:"implementers,omitempty"`
	Sites        []itsm.ID `json:"sites,omitempty"`
	// Changes, Freezes and Maintenance say which kinds are left out.
	WithoutChanges     bool `json:"without_changes,omitempty"`
	WithoutFreezes     bool `json:"without_freezes,omitempty"`
	WithoutMaintenance bool `json:"without_maintenance,omitempty"`
}

// Export writes the schedule as an iCalendar document (RFC 5545). It asks for [PermissionRead], and tells of windows where the
// actor has [PermissionReadWindows] too. A change that the actor may not read is an event "Busy" without a number, a title or
// anything else; an export that is narrowed leaves it out, as being among what touches a thing would say that it does. More than calendar.MaxEvents is a *calendar.LimitError.
func (p *Practice) Export(ctx context.Context, actor itsm.Actor, out io.Writer, x Export) error {
	var f itsm.Faults
	x.check(&f)
	if err := f.Err("change schedule export"); err != nil {
		return err
	}
	x.Period = calendar.Span{Begin: storage.Instant(x.Period.Begin), End: storage.Instant(x.Period.End)}
	var events []calendar.Event
	err := p.view(ctx, actor, PermissionRead, func(ctx context.Context, r storage.Reader) error {
		events = nil
		if !x.WithoutChanges {
			changes, err := p.changes(ctx, r, actor, x)
			if err != nil {
				return err
			}
			events = changes
		}
		windows, err := p.windows(ctx, r, actor, x)
		events = append(events, windows...)
		return err
	})
	if err != nil {
		return err
	}
	if len(events) > calendar.MaxEvents {
		return &calendar.LimitError{What: "events", Most: calendar.MaxEvents}
	}
	name := x.Name
	if name == "" {
		name = "Change schedule"
	}
	return calendar.WriteICalendar(out, calendar.Export{Name: name, Stamp: p.e.Now(), Domain: p.o.Domain}, events)
}

// check notes what is wrong with a request.
func (x Export) check(f *itsm.Faults) {
	f.Text("name", x.Name, calendar.MaxName, false)
	switch s := x.Period; {
	case s.Begin.IsZero() || s.End.IsZero() || !s.End.After(s.Begin):
		f.Add("period", "must have a begin and an end after it")
	case s.Length() > MaxPeriod:
		f.Addf("period", "must be at most %d days", MaxPeriod/(24*60*60*1e9))
	}
	for field, ids := range map[string][]itsm.ID{"cis": x.CIs, "services": x.Services, "implementers": x.Implementers, "sites": x.Sites} {
		if len(ids) > chunk {
			f.Addf(field, "are %d; at most %d are allowed", len(ids), chunk)
			continue
		}
		for i, id := range ids {
			f.Key(fmt.Sprintf("%s[%d]", field, i), string(id))
		}
	}
}

// asked is what the request narrows the export to, as a booking that would touch it.
func (x Export) asked() calendar.Booking {
	b := calendar.Booking{Services: x.Services, Implementers: x.Implementers, Sites: x.Sites}
	for _, id := range x.CIs {
		b.CIs = append(b.CIs, calendar.CI{ID: id, Relation: calendar.RelationOwn})
	}
	return b
}

func (x Export) everything() bool {
	return len(x.CIs)+len(x.Services)+len(x.Implementers)+len(x.Sites) == 0
}

// changes gives the events of the changes.
func (p *Practice) changes(ctx context.Context, r storage.Reader, actor itsm.Actor, x Export) ([]calendar.Event, error) {
	b := x.asked()
	touches := b.Scopes() // everything, and sites
	if !x.everything() {
		touches = slices.Concat(b.Meets(), touches[1:])
	}
	ids, err := touching(ctx, r, touches, x.Period, calendar.MaxEvents)
	if err != nil {
		return nil, err
	}
	bookings, err := bookingsOf(ctx, r, ids)
	if err != nil {
		return nil, err
	}
	may := map[itsm.ID]bool{}
	for some := range slices.Chunk(ids, 1000) {
		known, err := p.known(ctx, r, actor, slices.Clone(some))
		if err != nil {
			return nil, err
		}
		for id, is := range known {
			may[id] = is
		}
	}
	events := make([]calendar.Event, 0, len(bookings))
	for i := range bookings {
		known := may[bookings[i].ID]
		if !known && !x.everything() {
			continue // that it is among these would say what it touches
		}
		events = append(events, bookings[i].event(known))
	}
	return events, nil
}

// event gives the event of a booking, to who may know of the change or may not.
func (b *Booking) event(known bool) calendar.Event {
	e := calendar.Event{UID: "change-" + string(b.ID), Summary: "Busy", Span: b.Entry.Planned, Sequence: b.Version}
	if !known {
		e.UID = "busy-" + string(idOf("busy", string(b.ID))) // by which the change is not found
		e.Sequence = 0
		return e
	}
	e.Summary = strings.TrimSpace(b.Entry.Number + " " + b.Entry.Title)
	if e.Summary == "" {
		e.Summary = string(b.ID)
	}
	e.Tentative, e.Categories = b.Entry.Tentative, []string{"change"}
	if !b.Entry.Outage.IsZero() {
		e.Description = "Outage: " + b.Entry.Outage.String()
	}
	return e
}

// windows gives the events of the windows.
func (p *Practice) windows(ctx context.Context, r storage.Reader, actor itsm.Actor, x Export) ([]calendar.Event, error) {
	if x.WithoutFreezes && x.WithoutMaintenance {
		return nil, nil
	}
	err := p.e.Authorizer().Authorize(ctx, actor, PermissionReadWindows, subjectOf(PermissionReadWindows))
	if errors.Is(err, itsm.ErrForbidden) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	where := []storage.Filter[WindowHead]{ByWindowWithdrawn.Is(false), ByWindowUntil.Above(x.Period.Begin), ByWindowFirst.Below(x.Period.End)}
	if x.WithoutFreezes {
		where = append(where, ByWindowKind.Is(calendar.WindowMaintenance))
	}
	if x.WithoutMaintenance {
		where = append(where, ByWindowKind.Is(calendar.WindowFreeze))
	}
	all, err := pages(storage.Query[WindowHead]{Where: storage.AllOf(where...), Order: []storage.Order{ByWindowWithdrawn.Asc(), ByWindowName.Asc()}},
		func(q storage.Query[WindowHead]) (storage.Page[Window], error) { return WindowTable.Records(ctx, r, q) })
	if err != nil {
		return nil, err
	}
	asked := x.asked()
	touches := asked.Windows()
	var events []calendar.Event
	for _, w := range all {
		s, err := w.Definition.Compile()
		if err != nil {
			return nil, err // it was checked when it was put
		}
		narrowed := !x.everything() && !slices.ContainsFunc(w.Definition.Touches(), func(t calendar.Touch) bool { return slices.Contains(touches, t) })
		if narrowed || len(s.Occurrences(x.Period)) == 0 {
			continue
		}
		e := calendar.EventOf(w.Definition)
		e.Sequence = w.Version
		events = append(events, e)
	}
	return events, nil
}
