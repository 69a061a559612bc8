// This file holds the search for free slots on the schedule.

package schedule

import (
	"context"

	"github.com/itsmkit/itsmkit/change/calendar"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxInTheWay is how many changes a search for free slots looks at that are booked within the horizon, and a search for
// conflicts that are booked at the time; more is a *calendar.LimitError, which is ErrInvalid.
const MaxInTheWay = 5000

// Slots gives the next free slots for a change, as calendar.Index.Slots does; the booking need not be on the schedule, and
// what is booked of the same change does not count. Of changes that the actor may not read it tells that they are in the
// way, and nothing else. It asks for [PermissionRead].
func (p *Practice) Slots(ctx context.Context, actor itsm.Actor, b calendar.Booking, q calendar.SlotQuery) (found calendar.Slots, err error) {
	empty, err := calendar.NewIndex(nil, nil)
	if err != nil {
		return calendar.Slots{}, err
	}
	if _, err := empty.Slots(b, q); err != nil { // the question itself
		return calendar.Slots{}, err
	}
	err = p.view(ctx, actor, PermissionRead, func(ctx context.Context, r storage.Reader) error {
		horizon := calendar.Span{Begin: storage.Instant(q.From), End: storage.Instant(q.Until)}
		ids, err := touching(ctx, r, b.Meets(), horizon, MaxInTheWay)
		if err != nil {
			return err
		}
		bookings, err := bookingsOf(ctx, r, ids)
		if err != nil {
			return err
		}
		all := make([]calendar.Booking, len(bookings))
		for i := range bookings {
			all[i] = bookings[i].Entry.Booking
		}
		windows, err := windowsFor(ctx, r, &b, horizon)
		if err != nil {
			return err
		}
		index, err := calendar.NewIndex(all, windows)
		if err != nil {
			return err
		}
		if found, err = index.Slots(b, q); err != nil {
			return err
		}
		return p.hide(ctx, r, actor, &found)
	})
	return found, err
}

// hide takes out of what stood in the way what the actor may not know.
func (p *Practice) hide(ctx context.Context, r storage.Reader, actor itsm.Actor, found *calendar.Slots) error {
	lists := []*[]calendar.Conflict{&found.Passed}
	for i := range found.Slots {
		lists = append(lists, &found.Slots[i].Passed)
	}
	var all []calendar.Conflict
	for _, list := range lists {
		all = append(all, *list...)
	}
	may, err := p.others(ctx, r, actor, all)
	if err != nil {
		return err
	}
	for _, list := range lists {
		shown := show(*list, may)
		*list = (*list)[:0]
		for _, c := range shown {
			*list = append(*list, c.Conflict)
		}
	}
	return nil
}
