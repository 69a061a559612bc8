package enginetest_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// handClock is a timer of an incident in a program without the library: its columns are numbers and text, and what
// else there is to know of it is a document.
type handClock struct {
	target string
	goal   time.Duration
	policy sla.TimerHead // what is the same in all of the target
	body   sla.TimerBody // a plain struct
}

// measuredByHand logs incidents in SQL as byHand does, with the timers of a policy that the program has in memory and one
// row of an outbox.
type measuredByHand struct {
	*byHand
	hours  *calendar.Calendar
	clocks []handClock
	timers *sql.Stmt
	outbox *sql.Stmt
}

var timerColumns = []string{"tenant", "id", "version", "created", "updated", "layout", "subject_kind", "subject", "policy", "target", "policy_version",
	"type", "customer", "month", "phase", "outcome", "open", "cycles", "met", "breaches", "started", "due", "due_order", "body"}

// newMeasuredByHand takes from timers of the library what a policy in memory would say of each.
func newMeasuredByHand(tb testing.TB, h *byHand, prefix string, like []sla.Standing) *measuredByHand {
	tb.Helper()
	hours, err := calendar.Compile(calendar.Definition{Name: "office", Zone: "Europe/London",
		Hours: []calendar.Hours{{Days: calendar.MondayToFriday(), From: "09:00", To: "17:00"}}}, calendar.Options{})
	require.NoError(tb, err)
	m := &measuredByHand{byHand: h, hours: hours}
	for _, s := range like {
		goal, err := hours.Between(s.Timer.Started, s.Timer.Due)
		require.NoError(tb, err)
		m.clocks = append(m.clocks, handClock{target: s.Timer.Target, goal: goal, policy: s.Timer.TimerHead, body: s.Timer.TimerBody})
	}
	prepare := func(text string) *sql.Stmt {
		st, err := h.writer.Prepare(bindAs(h.dialect, text))
		require.NoError(tb, err)
		tb.Cleanup(func() { st.Close() })
		return st
	}
	row := "(?" + strings.Repeat(", ?", len(timerColumns)-1) + ")"
	m.timers = prepare("INSERT INTO " + prefix + `sla_timer ("` + strings.Join(timerColumns, `", "`) + `") VALUES ` + row + ", " + row)
	m.outbox = prepare("INSERT INTO " + prefix + `_job ("tenant", "kind", "key", "subject", "due", "ready", "generation", "error", "payload") VALUES (?, 'deliver', ?, ?, ?, ?, 1, '', ?)`)
	return m
}

// log logs an incident with its timers, and writes that there is something to tell.
func (m *measuredByHand) log(ctx context.Context, by itsm.Actor, r itsmincident.Report) error {
	at := m.clock.Now()
	now := at.UnixMicro()
	number, err := m.number(ctx)
	if err != nil {
		return err
	}
	t := ticket{
		id: string(m.ids()), version: 1, created: now, updated: now, number: number, title: r.Title, state: "new", open: true,
		priority: 3, impact: int64(r.Impact), urgency: int64(r.Urgency), category: r.Category, service: string(r.Service),
		requester: string(r.Requester), channel: string(r.Channel), reported: now,
		body: itsmincident.Body{Description: r.Description, Contact: &itsmincident.Contact{By: by.ID, At: at}},
	}
	body, err := json.Marshal(t.body)
	if err != nil {
		return err
	}
	timers := make([]any, 0, len(m.clocks)*len(timerColumns))
	for i, c := range m.clocks {
		due, err := m.hours.Add(at, c.goal)
		if err != nil {
			return err
		}
		cycle := c.body.State.Cycles[0]
		cycle.Start, cycle.Since = at, at
		c.body.State.Cycles = append(c.body.State.Cycles[:0:0], cycle)
		c.body.From = at
		own, err := json.Marshal(c.body)
		if err != nil {
			return err
		}
		p := &c.policy
		timers = append(timers, string(acme), fmt.Sprintf("%s.%d", t.id, i), int64(1), now, now, int64(1), "incident", t.id, p.Policy, c.target, string(p.PolicyVersion),
			string(p.Type), p.Customer, at.Format("2006-01"), string(p.Phase), string(p.Outcome), true, int64(1), int64(0), int64(0), now, due.UnixMicro(), due.UnixMicro(), string(own))
	}
	message, err := json.Marshal(struct {
		Kind    string `json:"kind"`
		Record  string `json:"record"`
		Version int    `json:"version"`
	}{"incident", t.id, 1})
	if err != nil {
		return err
	}
	return m.within(ctx, func(tx *sql.Tx) error {
		if err := exactly(tx.StmtContext(ctx, m.insert), ctx, append(append([]any{string(acme)}, t.values()...), string(body))...); err != nil {
			return err
		}
		if _, err := tx.StmtContext(ctx, m.timers).ExecContext(ctx, timers...); err != nil {
			return err
		}
		if err := m.tell(ctx, tx, &t, "incident.logged.v1", now, logbook{
			Actor: string(by.ID), ActorName: by.Name, Action: "log", To: "new", ToCategory: "new",
			Data: itsmincident.Logged{Number: number, Priority: itsm.Priority(t.priority)},
		}); err != nil {
			return err
		}
		key := "incident/" + t.id
		return exactly(tx.StmtContext(ctx, m.outbox), ctx, string(acme), key, "deliver/"+key, now, now, string(message))
	})
}

// BenchmarkLogWithTimers logs incidents on a whole desk with a policy of two targets, beside the same by hand: an
// incident, its event, two timers and a row of an outbox, in one transaction.
func BenchmarkLogWithTimers(b *testing.B) {
	boss := itsm.Actor{Tenant: acme, ID: "boss", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	for _, workers := range []int{1, 8} {
		for _, g := range grounds {
			b.Run(fmt.Sprintf("%s/goroutines=%d", g.name, workers), func(b *testing.B) {
				ctx := b.Context()
				writer, reader := g.open(b)
				open := func(prefix string) *servicedesk.Desk {
					s, err := sqlstore.New(writer, g.dialect, sqlstore.Options{Prefix: prefix, Reader: reader, ReadCommitted: true})
					require.NoError(b, err)
					b.Cleanup(func() { s.Close() })
					desk, err := servicedesk.New(storage.Store(s), servicedesk.Config{})
					require.NoError(b, err)
					require.NoError(b, desk.Migrate(ctx))
					return desk
				}
				desk := open("itsm_")
				open("hand_")
				measure(b, desk.ServiceLevels, boss)
				logged, err := desk.Incidents.Log(ctx, boss, report(0))
				require.NoError(b, err)
				timers, err := desk.ServiceLevels.Of(ctx, boss, itsm.Ref{Kind: itsmincident.Kind, ID: logged.ID})
				require.NoError(b, err)
				require.Len(b, timers, 2)
				h := newMeasuredByHand(b, newByHand(b, g.dialect, writer, reader, "hand_", nil, freshIDs()), "hand_", timers)
				var n atomic.Int64
				sides := []side{
					{name: "library", do: func(ctx context.Context, _ int) error {
						_, err := desk.Incidents.Log(ctx, boss, report(n.Add(1)))
						return err
					}},
					{name: "hand", do: func(ctx context.Context, _ int) error { return h.log(ctx, boss, report(n.Add(1))) }},
				}
				reportRates(b, inTurn(b, workers, 200, sides...), 1, sides...)
			})
		}
	}
}
