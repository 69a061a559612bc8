package storagetest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// The event log keeps what it is given, in the order of places.
var eventCases = []testCase{
	{"an event is read as it was appended", eventRoundTrip},
	{"the log is in the order of places", eventOrder},
	{"the log is read in pages", eventPages},
	{"the log is narrowed to a kind, a record and types", eventNarrowed},
	{"a page of the log goes on after any place", eventAfter},
	{"an event belongs to the unit's tenant", eventTenant},
	{"a place is taken once", eventTwice},
	{"after a place was taken the unit can still be used", eventTwiceUsable},
	{"of several events of which one's place is taken none is kept", eventTwiceSeveral},
	{"the same place in another tenant is another", eventTwiceTenants},
	{"the events of a deleted record stay", eventStay},
	{"an event needs no record", eventWithoutRecord},
	{"kinds, records and types are compared byte by byte", eventBytes},
	{"what a caller does to an event afterwards changes nothing", eventAliasing},
}

// event is the event of the suite's ticket at a place.
func event(record storage.ID, version int64, n int) storage.Event {
	return storage.Event{
		Kind: tickets.Name(), Record: record, Version: version, N: n,
		ID:   storage.ID(fmt.Sprintf("%s-%d-%d", record, version, n)),
		Type: "ticket.changed.v1", At: noon.Add(time.Duration(version) * time.Minute),
		Envelope: []byte(fmt.Sprintf(`{"n": %d}`, n)),
	}
}

// of gives the event another type.
func of(kind, typ string, ev storage.Event) storage.Event {
	ev.Kind, ev.Type = kind, typ
	return ev
}

func (e *env) append(tenant storage.Tenant, events ...storage.Event) {
	e.Helper()
	e.update(tenant, func(ctx context.Context, tx storage.Tx) { require.NoError(e, tx.Append(ctx, events...)) })
}

// log reads one page of the log and gives the events' names.
func (e *env) log(q storage.EventQuery, tenants ...storage.Tenant) []string {
	e.Helper()
	if q.Limit == 0 {
		q.Limit = storage.MaxLimit
	}
	out := []string{}
	e.view(func(ctx context.Context, r storage.Reader) {
		events, err := r.Events(ctx, q)
		require.NoError(e, err)
		for _, ev := range events {
			out = append(out, eventName(ev))
		}
	}, tenants...)
	return out
}

func eventName(ev storage.Event) string {
	return fmt.Sprintf("%s/%s/%s/%d/%d", ev.Tenant, ev.Kind, ev.Record, ev.Version, ev.N)
}

func eventRoundTrip(e *env) {
	var want []storage.Event
	for i, body := range oddBodies {
		ev := event(storage.ID(fmt.Sprintf("%02d", i)), 1, 0)
		ev.Envelope = []byte(body)
		want = append(want, ev)
	}
	long := string(slices.Repeat([]byte("x"), storage.MaxKey))
	extreme := storage.Event{
		Kind: "z" + long[1:], Record: storage.ID(long), Version: math.MaxInt64, N: math.MaxInt32,
		ID: storage.ID(long), Type: long, At: time.UnixMicro(math.MinInt64).UTC(), Envelope: []byte(`{}`),
	}
	want = append(want, extreme)
	e.append(acme, want...)
	for i := range want {
		want[i].Tenant = acme
	}
	require.Equal(e, want, e.events(acme))

	zoned := event("zoned", 1, 0)
	zoned.At = time.Date(2026, time.March, 2, 12, 0, 0, 123456789, time.FixedZone("west", -8*3600))
	e.append(umbra, zoned)
	require.Equal(e, storage.Instant(zoned.At), one(e, e.events(umbra)).At, "UTC, truncated to microseconds")
}

// aLog is events in many places, in no order.
func aLog() []storage.Event {
	var log []storage.Event
	for _, kind := range []string{"b", "a", "B"} {
		for _, record := range []storage.ID{"2", "10", "1 ", "1"} {
			for _, version := range []int64{10, 2, 1} {
				for n := 1; n >= 0; n-- {
					log = append(log, of(kind, []string{"x.v1", "y.v1", "X.v1"}[len(log)%3], event(record, version, n)))
				}
			}
		}
	}
	return log
}

func byPlace(a, b storage.Event) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Record, b.Record),
		cmp.Compare(a.Version, b.Version), cmp.Compare(a.N, b.N))
}

// logged appends aLog in each of the tenants and gives the names in order of those that keep
// holds for.
func (e *env) logged(tenants ...storage.Tenant) func(keep func(storage.Event) bool) []string {
	e.Helper()
	var all []storage.Event
	for _, tenant := range tenants {
		log := aLog()
		e.append(tenant, log[:len(log)/2]...)
		e.append(tenant, log[len(log)/2:]...)
		for _, ev := range log {
			ev.Tenant = tenant
			all = append(all, ev)
		}
	}
	slices.SortFunc(all, byPlace)
	return func(keep func(storage.Event) bool) []string {
		out := []string{}
		for _, ev := range all {
			if keep(ev) {
				out = append(out, eventName(ev))
			}
		}
		return out
	}
}

func eventOrder(e *env) {
	want := e.logged(acme, capital)
	all := func(storage.Event) bool { return true }
	require.Equal(e, want(all), e.log(storage.EventQuery{}, acme, capital))
	require.Equal(e, want(func(ev storage.Event) bool { return ev.Tenant == acme }), e.log(storage.EventQuery{}, acme))
	require.Empty(e, e.log(storage.EventQuery{}, umbra))
}

func eventPages(e *env) {
	want := e.logged(umbra, acme)
	for _, q := range []storage.EventQuery{{Limit: 1}, {Limit: 7}, {Limit: 144}, {Limit: 5, Kind: "a"}, {Limit: 4, Types: []string{"x.v1", "y.v1"}}, {Limit: 2, Kind: "b", Record: "1"}} {
		expected := want(func(ev storage.Event) bool {
			return (q.Kind == "" || ev.Kind == q.Kind) && (q.Record == "" || ev.Record == q.Record) && (q.Types == nil || slices.Contains(q.Types, ev.Type))
		})
		got := []string{}
		for {
			var page []storage.Event
			e.view(func(ctx context.Context, r storage.Reader) {
				var err error
				page, err = r.Events(ctx, q)
				require.NoError(e, err)
			}, acme, umbra)
			require.LessOrEqual(e, len(page), q.Limit)
			for _, ev := range page {
				got = append(got, eventName(ev))
			}
			if len(page) < q.Limit {
				break
			}
			require.LessOrEqual(e, len(got), len(expected), "paging does not end")
			q.After = page[len(page)-1].Position()
		}
		require.Equal(e, expected, got, "%+v", q)
	}
}

func eventNarrowed(e *env) {
	want := e.logged(acme)
	for _, q := range []storage.EventQuery{
		{Kind: "a"}, {Kind: "A"}, {Kind: "a "}, {Kind: "b", Record: "1"}, {Kind: "b", Record: "1 "}, {Kind: "b", Record: "3"},
		{Types: []string{"x.v1"}}, {Types: []string{"X.v1", "y.v1"}}, {Types: []string{"x.v1", "x.v1", "none"}}, {Types: []string{"none"}}, {Types: []string{}},
		{Kind: "B", Types: []string{"y.v1"}}, {Kind: "B", Record: "10", Types: []string{"y.v1", "x.v1"}},
	} {
		expected := want(func(ev storage.Event) bool {
			return (q.Kind == "" || ev.Kind == q.Kind) && (q.Record == "" || ev.Record == q.Record) && (len(q.Types) == 0 || slices.Contains(q.Types, ev.Type))
		})
		require.Equal(e, expected, e.log(q, acme), "%+v", q)
	}
}

func eventAfter(e *env) {
	want := e.logged(umbra, acme)
	for _, after := range []storage.EventPosition{
		{},
		{Tenant: acme}, {Tenant: "acmf"}, {Tenant: umbra}, {Tenant: "z"}, {Tenant: "ACME", Kind: "zzz"},
		{Tenant: acme, Kind: "a"}, {Tenant: acme, Kind: "aa"}, {Tenant: acme, Kind: "a", Record: "1"}, {Tenant: acme, Kind: "a", Record: "15"},
		{Tenant: acme, Kind: "a", Record: "1", Version: 1}, {Tenant: acme, Kind: "a", Record: "1", Version: 1, N: 1}, {Tenant: acme, Kind: "a", Record: "1", Version: 5},
		{Tenant: acme, Kind: "a", Record: "1", Version: 10, N: 100}, {Tenant: acme, Kind: "b", Record: "2", Version: 10, N: 1},
		{Tenant: umbra, Kind: "b", Record: "2", Version: 10, N: 0}, {Tenant: umbra, Kind: "b", Record: "2", Version: 10, N: 1},
	} {
		last := storage.Event{Tenant: after.Tenant, Kind: after.Kind, Record: after.Record, Version: after.Version, N: after.N}
		expected := want(func(ev storage.Event) bool { return byPlace(ev, last) > 0 })
		require.Equal(e, expected, e.log(storage.EventQuery{After: after}, acme, umbra), "after %+v", after)
		expected = want(func(ev storage.Event) bool { return byPlace(ev, last) > 0 && ev.Kind == "a" && ev.Type == "x.v1" })
		require.Equal(e, expected, e.log(storage.EventQuery{After: after, Kind: "a", Types: []string{"x.v1"}}, acme, umbra), "after %+v", after)
	}
}

func eventTenant(e *env) {
	ev := event("1", 1, 0)
	ev.Tenant = umbra
	e.append(acme, ev)
	require.Equal(e, acme, one(e, e.events(acme)).Tenant)
	require.Empty(e, e.events(umbra))
}

func eventTwice(e *env) {
	e.append(acme, event("1", 1, 0))
	again := event("1", 1, 0)
	again.ID, again.Type = "another", "another.v1"
	fails := func(fn func(ctx context.Context, tx storage.Tx) error) {
		e.Helper()
		require.ErrorIs(e, e.store.Update(e.ctx, acme, fn), storage.ErrConflict)
		require.Equal(e, storage.ID("1-1-0"), one(e, e.events(acme)).ID)
	}
	fails(func(ctx context.Context, tx storage.Tx) error { return tx.Append(ctx, again) })
	fails(func(ctx context.Context, tx storage.Tx) error { return tx.Append(ctx, event("2", 1, 0), again) })
	fails(func(ctx context.Context, tx storage.Tx) error {
		return tx.Append(ctx, event("2", 1, 0), event("2", 1, 0))
	})
	fails(func(ctx context.Context, tx storage.Tx) error {
		return firstError(tx.Append(ctx, event("2", 1, 0)), tx.Append(ctx, event("2", 1, 0)))
	})
	e.append(acme, event("1", 1, 1), event("1", 2, 0), event("2", 1, 0), of("other", "x.v1", event("1", 1, 0)))
	require.Len(e, e.events(acme), 5)
}

func eventTwiceUsable(e *env) {
	e.append(acme, event("1", 1, 0))
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		before := ticket("before")
		require.NoError(e, tx.Put(ctx, tickets, &before))
		require.ErrorIs(e, tx.Append(ctx, event("1", 1, 0)), storage.ErrConflict)
		require.NoError(e, tx.Append(ctx, event("1", 1, 1)))
		_, err := tx.Get(ctx, tickets, acme, "before")
		require.NoError(e, err)
	})
	e.get(acme, "before")
	require.Len(e, e.events(acme), 2)
}

// eventTwiceSeveral goes on after the conflict, as if it had not been: whether the unit can then
// commit what else it wrote is open.
func eventTwiceSeveral(e *env) {
	e.append(acme, event("1", 1, 0))
	for _, events := range [][]storage.Event{
		{event("2", 1, 0), event("1", 1, 0)}, {event("1", 1, 0), event("2", 1, 0)}, {event("2", 1, 0), event("3", 1, 0), event("2", 1, 0)},
	} {
		err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			require.ErrorIs(e, tx.Append(ctx, events...), storage.ErrConflict)
			return nil
		})
		if err != nil {
			require.ErrorIs(e, err, storage.ErrConflict)
		}
		require.Equal(e, []string{"acme/st_ticket/1/1/0"}, e.log(storage.EventQuery{}, acme))
	}
}

func eventTwiceTenants(e *env) {
	for _, tenant := range []storage.Tenant{acme, capital, umbra, "acme "} {
		e.append(tenant, event("1", 1, 0))
	}
	for _, tenant := range []storage.Tenant{acme, capital, umbra, "acme "} {
		require.Len(e, e.events(tenant), 1)
	}
}

func eventStay(e *env) {
	e.put(acme, ticket("1"))
	e.append(acme, event("1", 1, 0))
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Delete(ctx, tickets, "1", 1))
		require.NoError(e, tx.Append(ctx, event("1", 2, 0)))
	})
	require.Equal(e, []string{"acme/st_ticket/1/1/0", "acme/st_ticket/1/2/0"}, e.log(storage.EventQuery{Kind: tickets.Name(), Record: "1"}, acme))
}

func eventWithoutRecord(e *env) {
	e.append(acme, of("no table", "signed_in.v1", event("nobody", 1, 0)))
	require.Len(e, e.log(storage.EventQuery{Kind: "no table"}, acme), 1)
}

func eventBytes(e *env) {
	var want []string
	for _, text := range tricky {
		e.append(acme, of(text, text, event(storage.ID(text), 1, 0)))
		want = append(want, fmt.Sprintf("acme/%s/%s/1/0", text, text))
	}
	require.Equal(e, want, e.log(storage.EventQuery{}, acme))
	for i, text := range tricky {
		require.Equal(e, want[i:i+1], e.log(storage.EventQuery{Kind: text}, acme))
		require.Equal(e, want[i:i+1], e.log(storage.EventQuery{Kind: text, Record: storage.ID(text)}, acme))
		require.Equal(e, want[i:i+1], e.log(storage.EventQuery{Types: []string{text}}, acme))
		require.Equal(e, want[i+1:], e.log(storage.EventQuery{After: storage.EventPosition{Tenant: acme, Kind: text, Record: storage.ID(text), Version: 1}}, acme))
	}
}

func eventAliasing(e *env) {
	ev := event("1", 1, 0)
	want := string(ev.Envelope)
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		ev := event("1", 1, 0)
		require.NoError(e, tx.Append(ctx, ev))
		copy(ev.Envelope, "scribbled")
	})
	for range 2 {
		got := one(e, e.events(acme))
		require.Equal(e, want, string(got.Envelope))
		copy(got.Envelope, "scribbled")
	}
}
