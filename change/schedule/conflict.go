// This file holds the conflicts of bookings as they are kept, and how they are found.

package schedule

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxConflicts is how many conflicts are kept of one change when it is booked: those with freezes and maintenance windows
// first. What is left out is counted.
const MaxConflicts = 1000

// conflictRow is a conflict of a change. What two changes have with each other is there twice, from both sides.
type conflictRow struct {
	conflictHead
	conflictBody
}

type conflictHead struct {
	storage.Meta
	Change    itsm.ID           `json:"change"`
	Begin     time.Time         `json:"begin"`
	Other     itsm.ID           `json:"other"`
	OtherKind calendar.SideKind `json:"other_kind"`
}

type conflictBody struct {
	Conflict calendar.Conflict `json:"conflict"`
}

var (
	conflictByChange    = storage.Col("change", func(h *conflictHead) *itsm.ID { return &h.Change })
	conflictByBegin     = storage.TimeCol("begin", func(h *conflictHead) *time.Time { return &h.Begin })
	conflictByOther     = storage.Col("other", func(h *conflictHead) *itsm.ID { return &h.Other })
	conflictByOtherKind = storage.Col("other_kind", func(h *conflictHead) *calendar.SideKind { return &h.OtherKind })
)

var conflictTable = storage.Define("change_conflict", storage.Def[conflictRow, conflictHead, conflictBody]{
	Parts:   func(c *conflictRow) (*conflictHead, *conflictBody) { return &c.conflictHead, &c.conflictBody },
	Columns: []storage.ColumnOf[conflictHead]{conflictByChange, conflictByBegin, conflictByOther, conflictByOtherKind},
	Indexes: []storage.Index{storage.IndexOn(conflictByChange.Asc(), conflictByBegin.Asc()), storage.IndexOn(conflictByOther.Asc(), conflictByOtherKind.Asc())},
})

func rowOf(c calendar.Conflict) conflictRow {
	id := idOf(string(c.This.ID), string(c.Kind), string(c.This.On), string(c.Other.Kind), string(c.Other.ID), string(c.Other.On),
		strconv.FormatInt(c.Span.Begin.UnixMicro(), 10))
	return conflictRow{conflictHead{Meta: storage.Meta{ID: id}, Change: c.This.ID, Begin: c.Span.Begin, Other: c.Other.ID, OtherKind: c.Other.Kind},
		conflictBody{c}}
}

// conflictRows reads conflicts.
func conflictRows(ctx context.Context, r storage.Reader, where storage.Filter[conflictHead], order ...storage.Order) ([]conflictRow, error) {
	return pages(storage.Query[conflictHead]{Where: where, Order: order}, func(q storage.Query[conflictHead]) (storage.Page[conflictRow], error) {
		return conflictTable.Records(ctx, r, q)
	})
}

// conflictsOf gives the conflicts that are kept of a change.
func conflictsOf(ctx context.Context, r storage.Reader, change itsm.ID) ([]calendar.Conflict, error) {
	rows, err := conflictRows(ctx, r, conflictByChange.Is(change), conflictByChange.Asc(), conflictByBegin.Asc())
	all := make([]calendar.Conflict, len(rows))
	for i := range rows {
		all[i] = rows[i].Conflict
	}
	calendar.Sort(all)
	return all, err
}

// detect finds the conflicts of a booking with all that is booked and with all windows, and keeps them. The lock is held.
func (p *Practice) detect(ctx context.Context, u *engine.Unit, b *Booking) ([]calendar.Conflict, error) {
	all, others, err := find(ctx, u.Quiet(), &b.Entry.Booking)
	if err != nil {
		return nil, err
	}
	b.LeftOut = max(len(all)-MaxConflicts, 0)
	return p.keep(ctx, u, b, all, others)
}

// find gives the conflicts of a booking as they are now, with the others that are booked. More than [MaxInTheWay] others is a
// *calendar.LimitError.
func find(ctx context.Context, r storage.Reader, b *calendar.Booking) ([]calendar.Conflict, map[itsm.ID]*Booking, error) {
	windows, err := windowsFor(ctx, r, b, b.Planned)
	if err != nil {
		return nil, nil, err
	}
	ids, err := touching(ctx, r, b.Meets(), b.Planned, MaxInTheWay+1)
	if err != nil {
		return nil, nil, err
	}
	ids = slices.DeleteFunc(ids, func(id itsm.ID) bool { return id == b.Change }) // itself is the one more
	if len(ids) > MaxInTheWay {
		return nil, nil, &calendar.LimitError{What: "changes in the way", Most: MaxInTheWay}
	}
	bookings, err := bookingsOf(ctx, r, ids)
	if err != nil {
		return nil, nil, err
	}
	all := calendar.Against(*b, windows)
	others := make(map[itsm.ID]*Booking, len(bookings))
	for i := range bookings {
		others[bookings[i].ID] = &bookings[i]
		all = append(all, calendar.Between(*b, bookings[i].Entry.Booking)...)
	}
	calendar.Sort(all)
	return all, others, nil
}

// keep makes the conflicts that are kept of a booking these but for those that it leaves out, and those that others have with it
// the same from their side: what one side leaves out the other still has. It gives those that are kept.
func (p *Practice) keep(ctx context.Context, u *engine.Unit, b *Booking, all []calendar.Conflict, others map[itsm.ID]*Booking) ([]calendar.Conflict, error) {
	want := map[itsm.ID]conflictRow{}
	add := func(c calendar.Conflict) {
		row := rowOf(c)
		want[row.ID] = row
	}
	with := map[itsm.ID]bool{}
	kept := all[:len(all)-b.LeftOut]
	for i, c := range all {
		if i < len(kept) {
			add(c)
		}
		if c.Other.Kind == calendar.SideChange && !with[c.Other.ID] {
			with[c.Other.ID] = true
			for _, from := range calendar.Between(others[c.Other.ID].Entry.Booking, b.Entry.Booking) {
				add(from)
			}
		}
	}
	there, err := conflictRows(ctx, u.Quiet(), conflictByChange.Is(b.ID), conflictByChange.Asc(), conflictByBegin.Asc())
	if err != nil {
		return nil, err
	}
	mirrored, err := conflictRows(ctx, u.Quiet(), storage.AllOf(conflictByOther.Is(b.ID), conflictByOtherKind.Is(calendar.SideChange)),
		conflictByOther.Asc(), conflictByOtherKind.Asc())
	if err != nil {
		return nil, err
	}
	// How many more each change has now, and how many of them are new.
	more, fresh := map[itsm.ID]int64{}, map[itsm.ID]int64{}
	for _, row := range slices.Concat(there, mirrored) {
		now, wanted := want[row.ID]
		if wanted && now.Conflict == row.Conflict {
			delete(want, row.ID)
			continue
		}
		if wanted { // it is longer or shorter than it was
			now.Meta = row.Meta
			want[row.ID] = now
			continue
		}
		more[row.Change]--
		if err := conflictTable.Delete(ctx, u.Quiet(), &row); err != nil {
			return nil, err
		}
	}
	rows := make([]*conflictRow, 0, len(want))
	for _, row := range want {
		if row.Version == 0 {
			more[row.Change]++
			fresh[row.Change]++
		}
		rows = append(rows, &row)
	}
	slices.SortFunc(rows, func(a, b *conflictRow) int { return strings.Compare(string(a.ID), string(b.ID)) })
	for some := range slices.Chunk(rows, chunk) {
		if err := conflictTable.Put(ctx, u.Quiet(), some...); err != nil {
			return nil, err
		}
	}
	b.count(more[b.ID])
	delete(more, b.ID)
	delete(fresh, b.ID)
	return kept, p.tell(ctx, u, more, fresh)
}

// tell counts the conflicts of other changes that have more or fewer now.
func (p *Practice) tell(ctx context.Context, u *engine.Unit, more, fresh map[itsm.ID]int64) error {
	for id := range fresh {
		if _, counted := more[id]; !counted {
			more[id] = 0
		}
	}
	ids := make([]itsm.ID, 0, len(more))
	for id := range more {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if more[id] == 0 && fresh[id] == 0 {
			continue
		}
		other, err := BookingTable.Get(ctx, u, id)
		if err != nil {
			return err
		}
		other.count(more[id])
		if err := BookingTable.Put(ctx, u, &other); err != nil {
			return err
		}
		u.Emit(itsm.Event{Kind: Kind, Record: id, Action: "detect", Internal: true, Data: ConflictsChanged{Conflicts: other.Conflicts, New: fresh[id]}})
		if p.o.Recheck != nil {
			if err := p.o.Recheck(ctx, u, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// count adds to the number of conflicts.
func (b *BookingHead) count(more int64) {
	b.Conflicts += more
	b.Conflicting = b.Conflicts > 0
}

// Busy is the kind of the conflicts with changes that the asker may not read, whatever they are: a kind would say through what
// the other is in the way. No conflict is kept as one.
const Busy calendar.ConflictKind = "busy"

// Conflict is a conflict as someone may see it.
type Conflict struct {
	calendar.Conflict
	// Hidden says that the other side is a change that the asker may not read: that one is there, and when, is all
	// that is told. Its kind is [Busy], neither side names on what it is, and of one time there is one, however many
	// conflicts with such changes there are.
	Hidden bool `json:"hidden,omitempty"`
}

// Conflicts gives the conflicts of a change on the schedule, as they are listed by calendar.ConflictKinds. It asks for
// [PermissionRead]; one that the actor may not read is ErrNotFound.
func (p *Practice) Conflicts(ctx context.Context, actor itsm.Actor, change itsm.ID) (shown []Conflict, err error) {
	err = p.view(ctx, actor, PermissionRead, func(ctx context.Context, r storage.Reader) error {
		if _, err := p.find(ctx, r, actor, change); err != nil {
			return err
		}
		all, err := conflictsOf(ctx, r, change)
		if err != nil {
			return err
		}
		shown, err = p.shown(ctx, r, actor, all)
		return err
	})
	return shown, err
}

// Check gives the conflicts that a booking would have, which is put nowhere: for a draft. What is booked of the same change
// does not count. It asks for [PermissionRead].
func (p *Practice) Check(ctx context.Context, actor itsm.Actor, b calendar.Booking) (shown []Conflict, err error) {
	if err := b.Validate(); err != nil {
		return nil, err
	}
	err = p.view(ctx, actor, PermissionRead, func(ctx context.Context, r storage.Reader) error {
		all, _, err := find(ctx, r, &b)
		if err != nil {
			return err
		}
		shown, err = p.shown(ctx, r, actor, all)
		return err
	})
	return shown, err
}

// Detect gives the conflicts that a booking has or would have, as they are now. It puts nothing and asks for no permission:
// it is for what follows from them, such as a risk.
func (p *Practice) Detect(ctx context.Context, r storage.Reader, b calendar.Booking) ([]calendar.Conflict, error) {
	if err := b.Validate(); err != nil {
		return nil, err
	}
	all, _, err := find(ctx, r, &b)
	return all, err
}

// shown gives conflicts as the actor may see them.
func (p *Practice) shown(ctx context.Context, r storage.Reader, actor itsm.Actor, all []calendar.Conflict) ([]Conflict, error) {
	may, err := p.others(ctx, r, actor, all)
	if err != nil {
		return nil, err
	}
	return show(all, may), nil
}

// others says which of the changes on the other sides the actor may know of.
func (p *Practice) others(ctx context.Context, r storage.Reader, actor itsm.Actor, all []calendar.Conflict) (map[itsm.ID]bool, error) {
	var ids []itsm.ID
	for _, c := range all {
		if c.Other.Kind == calendar.SideChange {
			ids = append(ids, c.Other.ID)
		}
	}
	return p.known(ctx, r, actor, ids)
}

// show gives conflicts as they may be seen by who may know of these changes: the hidden ones come last, by time.
func show(all []calendar.Conflict, may map[itsm.ID]bool) []Conflict {
	shown := make([]Conflict, 0, len(all))
	var hidden []calendar.Conflict
	for _, c := range all {
		if c.Other.Kind != calendar.SideChange || may[c.Other.ID] {
			shown = append(shown, Conflict{Conflict: c})
			continue
		}
		hidden = append(hidden, calendar.Conflict{Kind: Busy, This: calendar.Side{Kind: c.This.Kind, ID: c.This.ID},
			Other: calendar.Side{Kind: calendar.SideChange}, Span: c.Span, Why: "another change is booked then"})
	}
	calendar.Sort(hidden)
	for _, c := range slices.Compact(hidden) {
		shown = append(shown, Conflict{c, true})
	}
	return shown
}
