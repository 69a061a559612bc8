// This file holds bookings as they are kept: a record for each change, and a row for each thing it touches.

package schedule

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Kind is the kind of record that a booking is. Its id is the change's.
const Kind = "change_booking"

// lock is held by whatever reads the schedule to write what follows from it.
const lock = "change_schedule"

// Entry is a change as it is put on the schedule.
type Entry struct {
	calendar.Booking
	// Number and Title are what exports show of it.
	Number string `json:"number,omitempty"`
	Title  string `json:"title,omitempty"`
	// Restricted changes are shown as busy to those who may not see them.
	Restricted bool `json:"restricted,omitempty"`
	// Tentative says that it is not authorised yet.
	Tentative bool `json:"tentative,omitempty"`
}

// Booking is a change on the schedule, or one that was on it. Its JSON form is one flat object.
type Booking struct {
	BookingHead
	BookingBody
}

// BookingHead is what bookings are listed by.
type BookingHead struct {
	storage.Meta
	// Active says that it is on the schedule.
	Active     bool `json:"active"`
	Restricted bool `json:"restricted"`
	// Begin and End are the planned window, the last one of a change that is not on it any more.
	Begin time.Time `json:"begin"`
	End   time.Time `json:"end"`
	// Conflicts is how many conflicts it has, at most [MaxConflicts] and those that others have with it; 0 of one that is not on it.
	Conflicts int64 `json:"conflicts"`
	// Conflicting says that it has any.
	Conflicting bool `json:"conflicting"`
}

// BookingBody is the rest of a booking.
type BookingBody struct {
	Entry Entry `json:"entry"`
	// LeftOut is how many conflicts were not kept when it was booked, as there were more than [MaxConflicts].
	LeftOut int `json:"left_out,omitempty"`
}

// The columns of bookings.
var (
	ByActive      = storage.BoolCol("active", func(h *BookingHead) *bool { return &h.Active })
	ByRestricted  = storage.BoolCol("restricted", func(h *BookingHead) *bool { return &h.Restricted })
	ByBegin       = storage.TimeCol("begin", func(h *BookingHead) *time.Time { return &h.Begin })
	ByEnd         = storage.TimeCol("end", func(h *BookingHead) *time.Time { return &h.End })
	ByConflicts   = storage.Col("conflicts", func(h *BookingHead) *int64 { return &h.Conflicts })
	ByConflicting = storage.BoolCol("conflicting", func(h *BookingHead) *bool { return &h.Conflicting })
)

// BookingTable is the table of bookings.
var BookingTable = storage.Define(Kind, storage.Def[Booking, BookingHead, BookingBody]{
	Parts:   func(b *Booking) (*BookingHead, *BookingBody) { return &b.BookingHead, &b.BookingBody },
	Columns: []storage.ColumnOf[BookingHead]{ByActive, ByRestricted, ByBegin, ByEnd, ByConflicts, ByConflicting},
	Indexes: []storage.Index{storage.IndexOn(ByActive.Asc(), ByBegin.Asc()), storage.IndexOn(ByConflicting.Asc(), ByBegin.Asc())},
})

// touchRow says that a booking touches something.
type touchRow struct {
	touchHead
	touchBody
}

type touchHead struct {
	storage.Meta
	Touch     calendar.Touch `json:"touch"`
	Change    itsm.ID        `json:"change"`
	Magnitude int64          `json:"magnitude"`
	Begin     time.Time      `json:"begin"`
	End       time.Time      `json:"end"`
}

type touchBody struct{}

var (
	byTouch     = storage.Col("touch", func(h *touchHead) *calendar.Touch { return &h.Touch })
	byChange    = storage.Col("change", func(h *touchHead) *itsm.ID { return &h.Change })
	byMagnitude = storage.Col("magnitude", func(h *touchHead) *int64 { return &h.Magnitude })
	byBegin     = storage.TimeCol("begin", func(h *touchHead) *time.Time { return &h.Begin })
	byEnd       = storage.TimeCol("end", func(h *touchHead) *time.Time { return &h.End })
)

var touchTable = storage.Define("change_touch", storage.Def[touchRow, touchHead, touchBody]{
	Parts:   func(t *touchRow) (*touchHead, *touchBody) { return &t.touchHead, &t.touchBody },
	Columns: []storage.ColumnOf[touchHead]{byTouch, byChange, byMagnitude, byBegin, byEnd},
	Indexes: []storage.Index{storage.IndexOn(byTouch.Asc(), byMagnitude.Asc(), byBegin.Asc()), storage.IndexOn(byChange.Asc())},
})

// idOf makes the id of a row from what it is about.
func idOf(parts ...string) itsm.ID {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return itsm.ID(hex.EncodeToString(sum[:16]))
}

// Book puts a change on the schedule in the unit, in place of what was booked of it before, and gives its conflicts. It asks
// for no permission: that is for the command that plans the change. Where nothing is another than before it
// reads one record and gives the conflicts that there are. An entry that cannot be is ErrInvalid with every fault, and one
// with more than [MaxInTheWay] others in the way a *calendar.LimitError. Where it books what it did, and only its number, its title
// or who may know of it is another, its conflicts stay as they are.
func (p *Practice) Book(ctx context.Context, u *engine.Unit, e Entry) ([]calendar.Conflict, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	e = e.normal()
	b, err := bookingFor(ctx, u, e.Change)
	if err != nil {
		return nil, err
	}
	if b.Active && reflect.DeepEqual(b.Entry, e) {
		return conflictsOf(ctx, u, e.Change)
	}
	if err := u.Lock(ctx, lock); err != nil {
		return nil, err
	}
	// What others have put on it meanwhile, before the lock was there.
	if b, err = bookingFor(ctx, u, e.Change); err != nil {
		return nil, err
	}
	same := b.Active && reflect.DeepEqual(b.Entry.Booking, e.Booking)
	b.Active, b.Entry, b.Restricted, b.Begin, b.End = true, e, e.Restricted, e.Planned.Begin, e.Planned.End
	if same {
		return p.relabel(ctx, u, &b)
	}
	if err := putTouches(ctx, u, e.Change, b.rows()); err != nil {
		return nil, err
	}
	all, err := p.detect(ctx, u, &b)
	if err != nil {
		return nil, err
	}
	if err := BookingTable.Put(ctx, u, &b); err != nil {
		return nil, err
	}
	u.Emit(itsm.Event{Kind: Kind, Record: b.ID, Action: "book", Internal: true, Data: Booked{Planned: e.Planned, Conflicts: b.Conflicts}})
	return all, nil
}

// relabel puts a booking that is the same but for what is shown of it.
func (p *Practice) relabel(ctx context.Context, u *engine.Unit, b *Booking) ([]calendar.Conflict, error) {
	if err := BookingTable.Put(ctx, u, b); err != nil {
		return nil, err
	}
	u.Emit(itsm.Event{Kind: Kind, Record: b.ID, Action: "book", Internal: true, Data: Booked{Planned: b.Entry.Planned, Conflicts: b.Conflicts}})
	return conflictsOf(ctx, u, b.ID)
}

// Release takes a change off the schedule in the unit. One that is not on it is left as it is. It asks for no permission.
func (p *Practice) Release(ctx context.Context, u *engine.Unit, change itsm.ID) error {
	b, err := bookingFor(ctx, u, change)
	if err != nil || !b.Active {
		return err
	}
	if err := u.Lock(ctx, lock); err != nil {
		return err
	}
	if b, err = bookingFor(ctx, u, change); err != nil {
		return err
	}
	b.Active, b.LeftOut = false, 0
	if err := putTouches(ctx, u, change, nil); err != nil {
		return err
	}
	if _, err := p.keep(ctx, u, &b, nil, nil); err != nil {
		return err
	}
	if err := BookingTable.Put(ctx, u, &b); err != nil {
		return err
	}
	u.Emit(itsm.Event{Kind: Kind, Record: b.ID, Action: "release", Internal: true, Data: Released{}})
	return nil
}

// Lock takes the lock of the schedule of the unit's tenant, which is held until the unit ends: for whoever books what they read,
// such as a change and what it touches, and must not have it overtaken between the reading and the booking. [Practice.Book] and
// [Practice.Release] take it themselves where they write.
func (p *Practice) Lock(ctx context.Context, u *engine.Unit) error { return u.Lock(ctx, lock) }

// Stands says whether a change is on the schedule just as this entry has it: booking it would write nothing. It asks for no permission.
func (p *Practice) Stands(ctx context.Context, r storage.Reader, e Entry) (bool, error) {
	b, err := bookingFor(ctx, r, e.Change)
	return err == nil && b.Active && reflect.DeepEqual(b.Entry, e.normal()), err
}

// bookingFor reads the booking of a change, or gives a new one.
func bookingFor(ctx context.Context, r storage.Reader, change itsm.ID) (Booking, error) {
	b, err := BookingTable.Get(ctx, r, change)
	if errors.Is(err, itsm.ErrNotFound) {
		return Booking{BookingHead: BookingHead{Meta: storage.Meta{ID: change}}}, nil
	}
	return b, err
}

// normal gives the entry as it reads back: times as they are kept, and lists in order, each value once.
func (e Entry) normal() Entry {
	instant := func(s calendar.Span) calendar.Span {
		if s.IsZero() {
			return calendar.Span{}
		}
		return calendar.Span{Begin: storage.Instant(s.Begin), End: storage.Instant(s.End)}
	}
	e.Planned, e.Outage = instant(e.Planned), instant(e.Outage)
	e.Services, e.Implementers, e.Sites = sorted(e.Services), sorted(e.Implementers), sorted(e.Sites)
	cis := append([]calendar.CI(nil), e.CIs...)
	slices.SortFunc(cis, func(a, b calendar.CI) int {
		return strings.Compare(string(a.ID)+"\x00"+string(a.Relation)+"\x00"+string(a.Via), string(b.ID)+"\x00"+string(b.Relation)+"\x00"+string(b.Via))
	})
	e.CIs = slices.Compact(cis)
	return e
}

func sorted(ids []itsm.ID) []itsm.ID {
	all := append([]itsm.ID(nil), ids...)
	slices.Sort(all)
	return slices.Compact(all)
}

// rows gives the rows of a booking.
func (b *Booking) rows() map[itsm.ID]touchRow {
	all := map[itsm.ID]touchRow{}
	magnitude := int64(calendar.Magnitude(b.Entry.Planned.Length()))
	for _, t := range slices.Concat(b.Entry.Touches(), b.Entry.Scopes()) {
		id := idOf(string(b.ID), string(t))
		all[id] = touchRow{touchHead: touchHead{Meta: storage.Meta{ID: id}, Touch: t, Change: b.ID, Magnitude: magnitude,
			Begin: b.Entry.Planned.Begin, End: b.Entry.Planned.End}}
	}
	return all
}

// putTouches makes the rows of a change what they shall be.
func putTouches(ctx context.Context, u *engine.Unit, change itsm.ID, want map[itsm.ID]touchRow) error {
	there, err := pages(storage.Query[touchHead]{Where: byChange.Is(change)}, func(q storage.Query[touchHead]) (storage.Page[touchHead], error) {
		return touchTable.List(ctx, u.Quiet(), q)
	})
	if err != nil {
		return err
	}
	var changed []*touchRow
	for i := range there {
		row := touchRow{touchHead: there[i]}
		now, wanted := want[row.ID]
		delete(want, row.ID)
		if !wanted {
			if err := touchTable.Delete(ctx, u.Quiet(), &row); err != nil {
				return err
			}
			continue
		}
		now.Meta = row.Meta
		if now.touchHead.Magnitude != row.Magnitude || !now.Begin.Equal(row.Begin) || !now.End.Equal(row.End) {
			changed = append(changed, &now)
		}
	}
	for _, row := range want {
		changed = append(changed, &row)
	}
	slices.SortFunc(changed, func(a, b *touchRow) int { return strings.Compare(string(a.ID), string(b.ID)) })
	for some := range slices.Chunk(changed, chunk) {
		if err := touchTable.Put(ctx, u.Quiet(), some...); err != nil {
			return err
		}
	}
	return nil
}

// touching gives the changes booked in a span that touch one of these things, each once. More than most is a
// *calendar.LimitError.
func touching(ctx context.Context, r storage.Reader, touches []calendar.Touch, in calendar.Span, most int) ([]itsm.ID, error) {
	found := map[itsm.ID]bool{}
	for some := range slices.Chunk(touches, chunk) {
		for m := range calendar.Magnitudes {
			q := storage.Query[touchHead]{Where: inSpan(some, m, in), Order: touchOrder(), Limit: storage.MaxPage}
			for h, err := range storage.Pages(q, func(q storage.Query[touchHead]) (storage.Page[touchHead], error) { return touchTable.List(ctx, r, q) }) {
				if err != nil {
					return nil, err
				}
				if found[h.Change] = true; len(found) > most {
					return nil, &calendar.LimitError{What: "changes in the way", Most: most}
				}
			}
		}
	}
	all := make([]itsm.ID, 0, len(found))
	for id := range found {
		all = append(all, id)
	}
	slices.Sort(all)
	return all, nil
}

// touchOrder is that of the index.
func touchOrder() []storage.Order {
	return []storage.Order{byTouch.Asc(), byMagnitude.Asc(), byBegin.Asc()}
}

// inSpan is of the rows of some things and one magnitude that overlap a span.
func inSpan(touches []calendar.Touch, magnitude int, in calendar.Span) storage.Filter[touchHead] {
	return storage.AllOf(byTouch.In(touches...), byMagnitude.Is(int64(magnitude)),
		byBegin.AtLeast(in.Begin.Add(-calendar.Longest(magnitude))), byBegin.Below(in.End), byEnd.Above(in.Begin))
}

// bookingsOf reads the bookings of some changes.
func bookingsOf(ctx context.Context, r storage.Reader, changes []itsm.ID) (all []Booking, err error) {
	for some := range slices.Chunk(changes, chunk) {
		page, err := BookingTable.Records(ctx, r, storage.Query[BookingHead]{Where: BookingTable.ByID().In(some...), Limit: chunk})
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
	}
	return all, nil
}

// Get gives the booking of a change. It asks for [PermissionRead]; one that the actor may not read the change of is
// ErrNotFound, as one that is not there.
func (p *Practice) Get(ctx context.Context, actor itsm.Actor, change itsm.ID) (b Booking, err error) {
	err = p.view(ctx, actor, PermissionRead, func(ctx context.Context, r storage.Reader) error {
		b, err = p.find(ctx, r, actor, change)
		return err
	})
	return b, err
}

// find reads a booking that the actor may read.
func (p *Practice) find(ctx context.Context, r storage.Reader, actor itsm.Actor, change itsm.ID) (Booking, error) {
	b, err := BookingTable.Get(ctx, r, change)
	if err != nil {
		return Booking{}, err
	}
	may, err := p.known(ctx, r, actor, []itsm.ID{change})
	if err != nil {
		return Booking{}, err
	}
	if !may[change] {
		return Booking{}, &storage.Error{Op: "get", Table: Kind, ID: change, Err: storage.ErrNotFound}
	}
	return b, nil
}
