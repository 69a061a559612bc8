package enginetest_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	practice "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/internal/throwaway"
	"github.com/itsmkit/itsmkit/itsm"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// These benchmarks run the incident practice beside database/sql as a good engineer writes it
// without a library: one transaction a command, prepared statements, typed columns, a JSON body
// marshalled from a struct. Both write the same rows, to the last byte (a test below holds that),
// into tables of the same columns and indexes in one database, and take turns, so that what else
// the machine does meets both. The figures are medians over the turns.

// ground is an engine as a host would set it up.
type ground struct {
	name    string
	dialect sqlstore.Dialect
	// open gives the pools of a new database, for writing and for reading.
	open func(tb testing.TB) (writer, reader *sql.DB)
}

var (
	sqliteFull   = ground{"SQLite-FULL", sqlstore.SQLite, openFile("full")}
	sqliteNormal = ground{"SQLite-NORMAL", sqlstore.SQLite, openFile("normal")}
	durable      = ground{"PostgreSQL", sqlstore.PostgreSQL, openDurable}
	durableMaria = ground{"MariaDB", sqlstore.MySQL, openDurableMaria}

	// grounds are those on which commands are measured.
	grounds = []ground{sqliteFull, sqliteNormal, durable, durableMaria}
)

// openFile opens a file as package storage/sqlite does: one connection that writes, as many that
// read as there are processors.
func openFile(synchronous string) func(testing.TB) (*sql.DB, *sql.DB) {
	return func(tb testing.TB) (writer, reader *sql.DB) {
		tb.Helper()
		path := filepath.Join(tb.TempDir(), "desk.db")
		pool := func(size int, q url.Values) *sql.DB {
			q["_pragma"] = append([]string{"busy_timeout(10000)", "foreign_keys(1)"}, q["_pragma"]...)
			db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: path, RawQuery: q.Encode()}).String())
			require.NoError(tb, err)
			db.SetMaxOpenConns(size)
			db.SetMaxIdleConns(size)
			tb.Cleanup(func() { db.Close() })
			return db
		}
		writer = pool(1, url.Values{"_pragma": {"journal_mode(wal)", "synchronous(" + synchronous + ")"}, "_txlock": {"immediate"}})
		require.NoError(tb, writer.Ping()) // the file is there before it is read
		return writer, pool(max(2, runtime.GOMAXPROCS(0)), url.Values{"_pragma": {"query_only(1)"}})
	}
}

// openDurable starts a server that flushes what it commits, as a real one does.
func openDurable(tb testing.TB) (writer, reader *sql.DB) {
	tb.Helper()
	server := throwaway.PostgreSQLForTest(tb, throwaway.Options{Durable: true})
	db, err := sql.Open("pgx", server.DSN("postgres"))
	require.NoError(tb, err)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	tb.Cleanup(func() { db.Close() })
	return db, db
}

// openDurableMaria does so of MariaDB, with the settings that a host should choose.
func openDurableMaria(tb testing.TB) (writer, reader *sql.DB) {
	tb.Helper()
	server := throwaway.MariaDBForTest(tb, throwaway.Options{Durable: true})
	require.NoError(tb, server.CreateDatabase(tb.Context(), "desk"))
	db, err := sql.Open("mysql", server.DSN("desk")+"?"+mariaDB.parameters+"&"+readCommitted)
	require.NoError(tb, err)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	tb.Cleanup(func() { db.Close() })
	return db, db
}

// serviceDesk is the incident practice over a store.
type serviceDesk struct {
	*practice.Practice
	store storage.Store
}

func newServiceDesk(tb testing.TB, s storage.Store, o itsmengine.Options) serviceDesk {
	tb.Helper()
	e, err := itsmengine.New(s, o)
	require.NoError(tb, err)
	p, err := practice.New(e, practice.Options{})
	require.NoError(tb, err)
	require.NoError(tb, e.Migrate(context.Background()))
	return serviceDesk{p, s}
}

// pair is the practice and what is written by hand, in one database.
func (g ground) pair(tb testing.TB, clock itsm.Clock, ids func() itsm.IDSource) (serviceDesk, *byHand) {
	tb.Helper()
	writer, reader := g.open(tb)
	prefixed := func(prefix string) serviceDesk {
		s, err := sqlstore.New(writer, g.dialect, sqlstore.Options{Prefix: prefix, Reader: reader, ReadCommitted: true})
		require.NoError(tb, err)
		tb.Cleanup(func() { s.Close() })
		return newServiceDesk(tb, s, itsmengine.Options{Clock: clock, IDs: ids()})
	}
	p := prefixed("itsm_")
	prefixed("hand_") // makes the tables of what is written by hand
	return p, newByHand(tb, g.dialect, writer, reader, "hand_", clock, ids())
}

// The people of the benchmarks. Mona sees restricted incidents too; Ana sees those alone that she
// has to do with.
var (
	mona = itsm.Actor{Tenant: acme, ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleIncidentManager}}
	ana  = itsm.Actor{Tenant: acme, ID: "ana", Name: "Ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}, Groups: []itsm.ID{"team-05"}}
)

// autoClose is after how long the practice closes what is resolved.
const autoClose = practice.DefaultAutoClose

const description = "The printer on the third floor prints only every other page, and those that it prints " +
	"have a grey band along the left edge. Restarting it helped for an hour, cleaning the drum did not."

// ticket is an incident in a program without the library. Times are in microseconds.
type ticket struct {
	id                                           string
	version, created, updated                    int64
	number, title, state                         string
	open                                         bool
	priority, impact, urgency                    int64
	category, subcategory                        string
	service, requester, affected, team, assignee string
	channel, holdReason                          string
	restricted                                   bool
	reported                                     int64
	resolvedAt, closedAt                         sql.NullInt64
	firstContact                                 string
	body                                         practice.Body // a plain struct
}

// logbook is what is kept of an event beside its columns.
type logbook struct {
	Actor        string        `json:"actor"`
	ActorName    string        `json:"actor_name"`
	Action       string        `json:"action"`
	From         string        `json:"from,omitempty"`
	To           string        `json:"to"`
	FromCategory string        `json:"from_category,omitempty"`
	ToCategory   string        `json:"to_category"`
	Changes      []itsm.Change `json:"changes,omitempty"`
	Data         any           `json:"data"`
}

// byHand is a service desk in SQL.
type byHand struct {
	dialect        sqlstore.Dialect
	writer, reader *sql.DB
	clock          itsm.Clock
	ids            itsm.IDSource

	insert, read, update, event, schedule, cancel, reserve *sql.Stmt

	mu        sync.Mutex
	next, end int64 // numbers that are reserved
}

var ticketColumns = []string{"id", "version", "created", "updated", "number", "title", "state", "open", "priority", "impact", "urgency",
	"category", "subcategory", "service", "requester", "affected", "group", "assignee", "channel", "hold_reason", "restricted", "reported",
	"resolved_at", "closed_at", "first_contact"}

// bindAs writes names and placeholders as the engine wants them.
func bindAs(d sqlstore.Dialect, text string) string {
	switch d {
	case sqlstore.SQLite:
		return text
	case sqlstore.MySQL:
		return strings.ReplaceAll(text, `"`, "`")
	}
	parts := strings.Split(text, "?")
	var out strings.Builder
	for i, p := range parts[:len(parts)-1] {
		fmt.Fprintf(&out, "%s$%d", p, i+1)
	}
	return out.String() + parts[len(parts)-1]
}

func newByHand(tb testing.TB, d sqlstore.Dialect, writer, reader *sql.DB, prefix string, clock itsm.Clock, ids itsm.IDSource) *byHand {
	tb.Helper()
	h := &byHand{dialect: d, writer: writer, reader: reader, clock: clock, ids: ids}
	prepare := func(text string) *sql.Stmt {
		st, err := writer.Prepare(bindAs(d, strings.ReplaceAll(text, "hand_", prefix)))
		require.NoError(tb, err)
		tb.Cleanup(func() { st.Close() })
		return st
	}
	columns := `"` + strings.Join(ticketColumns, `", "`) + `"`
	h.insert = prepare(`INSERT INTO hand_incident ("tenant", "layout", ` + columns + `, "body") VALUES (?, 1` +
		strings.Repeat(", ?", len(ticketColumns)+1) + `)`)
	h.read = prepare(`SELECT ` + columns + `, "body" FROM hand_incident WHERE "tenant" = ? AND "id" = ?`)
	h.update = prepare(`UPDATE hand_incident SET "` + strings.Join(ticketColumns[1:], `" = ?, "`) + `" = ?, "body" = ?
		WHERE "tenant" = ? AND "id" = ? AND "version" = ?`)
	h.event = prepare(`INSERT INTO hand__event ("tenant", "kind", "record", "version", "n", "id", "type", "at", "envelope")
		VALUES (?, 'incident', ?, ?, 0, ?, ?, ?, ?)`)
	if d == sqlstore.MySQL {
		h.schedule = prepare(`INSERT INTO hand__job ("tenant", "kind", "key", "subject", "due", "ready", "generation", "error") VALUES (?, ?, ?, ?, ?, ?, 1, '')
			ON DUPLICATE KEY UPDATE "subject" = VALUES("subject"), "due" = VALUES("due"), "ready" = GREATEST("lease", VALUES("ready")),
			"dead" = 0, "generation" = "generation" + 1, "attempts" = 0, "error" = '', "payload" = NULL`)
		h.reserve = prepare(`INSERT INTO hand__sequence ("tenant", "name", "next") VALUES (?, 'incident', 51)
			ON DUPLICATE KEY UPDATE "next" = "next" + 50 RETURNING "next"`)
		h.cancel = prepare(`DELETE FROM hand__job WHERE "tenant" = ? AND "kind" = ? AND "key" = ?`)
		return h
	}
	h.schedule = prepare(`INSERT INTO hand__job AS j ("tenant", "kind", "key", "subject", "due", "ready", "generation") VALUES (?, ?, ?, ?, ?, ?, 1)
		ON CONFLICT ("tenant", "kind", "key") DO UPDATE SET "subject" = excluded."subject", "due" = excluded."due",
		"ready" = CASE WHEN j."lease" > excluded."ready" THEN j."lease" ELSE excluded."ready" END,
		"dead" = excluded."dead", "generation" = j."generation" + 1, "attempts" = 0, "error" = '', "payload" = NULL`)
	h.cancel = prepare(`DELETE FROM hand__job WHERE "tenant" = ? AND "kind" = ? AND "key" = ?`)
	h.reserve = prepare(`INSERT INTO hand__sequence AS s ("tenant", "name", "next") VALUES (?, 'incident', 51)
		ON CONFLICT ("tenant", "name") DO UPDATE SET "next" = s."next" + 50 RETURNING "next"`)
	return h
}

// number gives the next number of fifty that are reserved at once.
func (h *byHand) number(ctx context.Context) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.next == h.end {
		if err := h.reserve.QueryRowContext(ctx, string(acme)).Scan(&h.end); err != nil {
			return "", err
		}
		h.next = h.end - 50
	}
	n := h.next
	h.next++
	return fmt.Sprintf("INC%07d", n), nil
}

// within runs fn in a transaction.
func (h *byHand) within(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := h.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// exactly one row is what a statement must have changed.
func exactly(st *sql.Stmt, ctx context.Context, args ...any) error {
	res, err := st.ExecContext(ctx, args...)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = fmt.Errorf("%d rows were changed; has someone else changed the incident?", n)
	}
	return err
}

func (t *ticket) values() []any {
	return []any{t.id, t.version, t.created, t.updated, t.number, t.title, t.state, t.open, t.priority, t.impact, t.urgency,
		t.category, t.subcategory, t.service, t.requester, t.affected, t.team, t.assignee, t.channel, t.holdReason, t.restricted, t.reported,
		t.resolvedAt, t.closedAt, t.firstContact}
}

func (t *ticket) places() []any {
	return []any{&t.id, &t.version, &t.created, &t.updated, &t.number, &t.title, &t.state, &t.open, &t.priority, &t.impact, &t.urgency,
		&t.category, &t.subcategory, &t.service, &t.requester, &t.affected, &t.team, &t.assignee, &t.channel, &t.holdReason, &t.restricted, &t.reported,
		&t.resolvedAt, &t.closedAt, &t.firstContact}
}

// tell writes the event of the version that a ticket has come to.
func (h *byHand) tell(ctx context.Context, tx *sql.Tx, t *ticket, name string, at int64, e logbook) error {
	envelope, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return exactly(tx.StmtContext(ctx, h.event), ctx, string(acme), t.id, t.version, string(h.ids()), name, at, string(envelope))
}

// log records a report.
func (h *byHand) log(ctx context.Context, by itsm.Actor, r practice.Report) (ticket, error) {
	at := h.clock.Now()
	now := at.UnixMicro()
	number, err := h.number(ctx)
	if err != nil {
		return ticket{}, err
	}
	t := ticket{
		id: string(h.ids()), version: 1, created: now, updated: now, number: number, title: r.Title, state: "new", open: true,
		priority: 3, impact: int64(r.Impact), urgency: int64(r.Urgency), category: r.Category, service: string(r.Service),
		requester: string(r.Requester), channel: string(r.Channel), reported: now,
		body: practice.Body{Description: r.Description, Contact: &practice.Contact{By: by.ID, At: at}},
	}
	body, err := json.Marshal(t.body)
	if err != nil {
		return ticket{}, err
	}
	return t, h.within(ctx, func(tx *sql.Tx) error {
		if err := exactly(tx.StmtContext(ctx, h.insert), ctx, append(append([]any{string(acme)}, t.values()...), string(body))...); err != nil {
			return err
		}
		return h.tell(ctx, tx, &t, "incident.logged.v1", now, logbook{
			Actor: string(by.ID), ActorName: by.Name, Action: "log", To: "new", ToCategory: "new",
			Data: practice.Logged{Number: number, Priority: itsm.Priority(t.priority)},
		})
	})
}

// change reads a ticket, has fn change it, and writes it with what happened. fn gives the event and
// what is due: when a job of the kind is to run, zero to remove it.
func (h *byHand) change(ctx context.Context, id string, fn func(t *ticket, now time.Time) (name string, e logbook, kind string, due time.Time)) (ticket, error) {
	var t ticket
	return t, h.within(ctx, func(tx *sql.Tx) error {
		var raw []byte
		if err := tx.StmtContext(ctx, h.read).QueryRowContext(ctx, string(acme), id).Scan(append(t.places(), &raw)...); err != nil {
			return err
		}
		if err := json.Unmarshal(raw, &t.body); err != nil {
			return err
		}
		now := h.clock.Now()
		name, e, kind, due := fn(&t, now)
		t.version, t.updated = t.version+1, now.UnixMicro()
		body, err := json.Marshal(t.body)
		if err != nil {
			return err
		}
		args := append(t.values()[1:], string(body), string(acme), id, t.version-1)
		if err := exactly(tx.StmtContext(ctx, h.update), ctx, args...); err != nil {
			return err
		}
		if due.IsZero() {
			_, err = tx.StmtContext(ctx, h.cancel).ExecContext(ctx, string(acme), kind, id)
		} else {
			_, err = tx.StmtContext(ctx, h.schedule).ExecContext(ctx, string(acme), kind, id, "incident/"+id, due.UnixMicro(), due.UnixMicro())
		}
		if err != nil {
			return err
		}
		return h.tell(ctx, tx, &t, name, t.updated, e)
	})
}

// marshalled, text and moment are values in a field history.
func marshalled(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // what is written here always marshals
	}
	return raw
}

func text(s string) json.RawMessage { return marshalled(s) }

func moment(t time.Time) json.RawMessage {
	return json.RawMessage(`"` + t.Format(time.RFC3339Nano) + `"`)
}

func (h *byHand) hold(ctx context.Context, by itsm.Actor, id, reason string, until time.Time) (ticket, error) {
	return h.change(ctx, id, func(t *ticket, now time.Time) (string, logbook, string, time.Time) {
		was := t.state
		before, contact := marshalled(t.body.Contact), *t.body.Contact
		contact.Over = true // a first contact ends with a wait
		t.state, t.holdReason, t.body.Contact = "on_hold", reason, &contact
		t.body.Before, t.body.HoldUntil, t.body.Holds = practice.State(was), until, t.body.Holds+1
		t.body.RemindFrom = now
		return "incident.held.v1", logbook{
			Actor: string(by.ID), ActorName: by.Name, Action: "hold", From: was, To: t.state, FromCategory: "active", ToCategory: "waiting",
			Changes: []itsm.Change{
				{Field: "before", New: text(was)},
				{Field: "contact", Old: before, New: marshalled(contact)},
				{Field: "hold_reason", Old: text(""), New: text(reason)},
				{Field: "hold_until", New: moment(until)},
				{Field: "holds", New: json.RawMessage(fmt.Sprint(t.body.Holds))},
				{Field: "remind_from", New: moment(now)},
				{Field: "state", Old: text(was), New: text(t.state)},
			},
			Data: practice.Held{HoldReason: practice.HoldReason(reason), Until: until},
		}, "incident.resume", until
	})
}

func (h *byHand) resume(ctx context.Context, by itsm.Actor, id string) (ticket, error) {
	return h.change(ctx, id, func(t *ticket, now time.Time) (string, logbook, string, time.Time) {
		was := *t
		t.state, t.holdReason = string(was.body.Before), ""
		t.body.Before, t.body.HoldUntil, t.body.RemindFrom = "", time.Time{}, time.Time{}
		return "incident.resumed.v1", logbook{
			Actor: string(by.ID), ActorName: by.Name, Action: "resume", From: was.state, To: t.state, FromCategory: "waiting", ToCategory: "active",
			Changes: []itsm.Change{
				{Field: "before", Old: text(t.state)},
				{Field: "hold_reason", Old: text(was.holdReason), New: text("")},
				{Field: "hold_until", Old: moment(was.body.HoldUntil)},
				{Field: "remind_from", Old: moment(was.body.RemindFrom)},
				{Field: "state", Old: text(was.state), New: text(t.state)},
			},
			Data: practice.Resumed{HoldReason: practice.HoldReason(was.holdReason), By: practice.ResumedByPerson},
		}, "incident.resume", time.Time{}
	})
}

func (h *byHand) resolve(ctx context.Context, by itsm.Actor, id string, code practice.Code, notes string) (ticket, error) {
	return h.change(ctx, id, func(t *ticket, now time.Time) (string, logbook, string, time.Time) {
		was := t.state
		t.state, t.open, t.resolvedAt = "resolved", false, sql.NullInt64{Int64: now.UnixMicro(), Valid: true}
		t.body.Resolution, t.firstContact = practice.Outcome{Code: code, Notes: notes, By: by.ID}, "missed"
		t.body.ResolutionVersion = t.version + 1
		return "incident.resolved.v1", logbook{
			Actor: string(by.ID), ActorName: by.Name, Action: "resolve", From: was, To: t.state, FromCategory: "active", ToCategory: "resolved",
			Changes: []itsm.Change{
				{Field: "first_contact", Old: text(""), New: text(t.firstContact)},
				{Field: "open", Old: json.RawMessage("true"), New: json.RawMessage("false")},
				{Field: "resolution", New: marshalled(t.body.Resolution)},
				{Field: "resolution_version", New: marshalled(t.body.ResolutionVersion)},
				{Field: "resolved_at", New: moment(now)},
				{Field: "state", Old: text(was), New: text(t.state)},
			},
			Data: practice.Resolved{Code: code},
		}, "incident.auto_close", now.Add(autoClose)
	})
}

// report gives the n-th report.
func report(n int64) practice.Report {
	return practice.Report{
		Title: fmt.Sprintf("Printer %d prints every other page", n%97), Description: description,
		Requester: itsm.ID(fmt.Sprintf("person-%d", n%5000)), Channel: practice.ChannelPhone, Impact: itsm.ImpactMedium, Urgency: itsm.UrgencyMedium,
		Category: "hardware", Service: itsm.ID(fmt.Sprintf("service-%d", n%50)),
	}
}

const notes = "The drum was worn and has been replaced. A test page came out clean."

// seeded counts the incidents that seed has made, for their numbers.
var seeded atomic.Int64

// seed stores incidents that are being worked on, past the practice, and gives their ids.
func seed(tb testing.TB, s storage.Store, n int) []itsm.ID {
	tb.Helper()
	ids := make([]itsm.ID, n)
	require.NoError(tb, s.Update(context.Background(), acme, func(ctx context.Context, tx storage.Tx) error {
		for i := range ids {
			r := report(int64(i))
			at := time.Now().Add(-time.Hour)
			rec := practice.Incident{
				Head: practice.Head{
					Meta: storage.Meta{ID: itsm.IDSource(nil).New(), Created: at, Updated: at}, Number: fmt.Sprintf("SEED%07d", seeded.Add(1)), Title: r.Title,
					State: practice.StateInProgress, Open: true, Priority: 3, Impact: r.Impact, Urgency: r.Urgency, Category: r.Category, Service: r.Service,
					Requester: r.Requester, Group: "team-05", Assignee: "ana", Channel: r.Channel, Reported: at,
				},
				Body: practice.Body{Description: r.Description, Acknowledged: at.Add(time.Minute), Contact: &practice.Contact{By: "ana", At: at}},
			}
			if err := practice.Table.Put(ctx, tx, &rec); err != nil {
				return err
			}
			ids[i] = rec.ID
		}
		return nil
	}))
	return ids
}

// steps take an incident from work through a wait to its resolution, by the practice and by hand.
var steps = []struct {
	library func(ctx context.Context, p serviceDesk, id itsm.ID, until time.Time) error
	hand    func(ctx context.Context, h *byHand, id itsm.ID, until time.Time) error
}{
	{func(ctx context.Context, p serviceDesk, id itsm.ID, until time.Time) error {
		_, err := p.Hold(ctx, ana, id, practice.Hold{HoldReason: practice.HoldCustomerScheduled, Until: until})
		return err
	}, func(ctx context.Context, h *byHand, id itsm.ID, until time.Time) error {
		_, err := h.hold(ctx, ana, string(id), string(practice.HoldCustomerScheduled), until)
		return err
	}},
	{func(ctx context.Context, p serviceDesk, id itsm.ID, _ time.Time) error {
		_, err := p.Resume(ctx, ana, id, itsm.Command{})
		return err
	}, func(ctx context.Context, h *byHand, id itsm.ID, _ time.Time) error {
		_, err := h.resume(ctx, ana, string(id))
		return err
	}},
	{func(ctx context.Context, p serviceDesk, id itsm.ID, _ time.Time) error {
		_, err := p.Resolve(ctx, ana, id, practice.Resolution{Code: practice.CodeFixed, Notes: notes})
		return err
	}, func(ctx context.Context, h *byHand, id itsm.ID, _ time.Time) error {
		_, err := h.resolve(ctx, ana, string(id), practice.CodeFixed, notes)
		return err
	}},
}

// TestWhatIsWrittenByHandIsWhatThePracticeWrites holds the benchmarks to their word: after the same
// commands by the same clock every table of both has the same rows.
func TestWhatIsWrittenByHandIsWhatThePracticeWrites(t *testing.T) {
	t.Parallel()
	onShared := func(tb testing.TB) (*sql.DB, *sql.DB) {
		db := postgreSQL.db(tb, emptySchema(tb))
		return db, db
	}
	onSharedMaria := func(tb testing.TB) (*sql.DB, *sql.DB) {
		db := mariaDB.db(tb, mariaDB.empty(tb))
		return db, db
	}
	for _, g := range []ground{sqliteNormal, {"PostgreSQL", sqlstore.PostgreSQL, onShared}, {"MariaDB", sqlstore.MySQL, onSharedMaria}} {
		t.Run(g.name, func(t *testing.T) {
			ctx := t.Context()
			now := noon
			p, h := g.pair(t, func() time.Time { return now }, func() itsm.IDSource { return itsm.SequentialIDs("id") })
			for n := range int64(60) { // more than one block of numbers
				logged, err := p.Log(ctx, ana, report(n))
				require.NoError(t, err)
				own, err := h.log(ctx, ana, report(n))
				require.NoError(t, err)
				require.Equal(t, string(logged.ID), own.id)
				now = now.Add(time.Second + 7*time.Microsecond)
			}
			at := now
			for _, s := range []storage.Store{p.store, h.asStore(t)} {
				require.NoError(t, s.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
					rec, err := practice.Table.Get(ctx, tx, "id000000001")
					if err != nil {
						return err
					}
					rec.State, rec.Assignee, rec.Updated = practice.StateInProgress, "ana", at
					return practice.Table.Put(ctx, tx, &rec)
				}))
			}
			same := func(tables ...string) {
				t.Helper()
				for _, table := range tables {
					want, got := dump(t, h.writer, "itsm_"+table), dump(t, h.writer, "hand_"+table)
					require.Equal(t, want, got, table)
				}
			}
			same("_sequence")
			until := now.Add(24 * time.Hour)
			for _, step := range steps {
				now = now.Add(time.Minute)
				require.NoError(t, step.library(ctx, p, "id000000001", until))
				require.NoError(t, step.hand(ctx, h, "id000000001", until))
				same("incident", "_event", "_job")
			}
			require.Len(t, dump(t, h.writer, "itsm__event"), 60+len(steps))
			require.Len(t, dump(t, h.writer, "itsm__job"), 1)
		})
	}
}

// asStore gives the library's store over the tables of what is written by hand.
func (h *byHand) asStore(tb testing.TB) storage.Store {
	tb.Helper()
	s, err := sqlstore.New(h.writer, h.dialect, sqlstore.Options{Prefix: "hand_"})
	require.NoError(tb, err)
	tb.Cleanup(func() { s.Close() })
	return s
}

// dump gives the rows of a table as text, in order.
func dump(t *testing.T, db *sql.DB, table string) (lines []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table)
	require.NoError(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		values, places := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			places[i] = &values[i]
		}
		require.NoError(t, rows.Scan(places...))
		lines = append(lines, fmt.Sprintf("%q", values))
	}
	require.NoError(t, rows.Err())
	slices.Sort(lines)
	return lines
}

// side is one of those that take turns.
type side struct {
	name string
	// ready, where there is one, makes room for n operations before the clock runs.
	ready func(n int)
	// do does the i-th operation of a turn.
	do func(ctx context.Context, i int) error
}

// inTurn has each side do n operations in each round, workers at a time, and gives for each side the
// seconds that an operation took in each round. The sides of a round come in an order by chance, so
// that what the engine does once in so many writes meets all of them alike.
func inTurn(b *testing.B, workers, n int, sides ...side) [][]float64 {
	b.Helper()
	ctx := context.Background()
	took := make([][]float64, len(sides))
	chance := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		for _, at := range chance.Perm(len(sides)) {
			s := sides[at]
			if s.ready != nil {
				s.ready(n)
			}
			begun := time.Now()
			if err := spread(ctx, workers, n, s.do); err != nil {
				b.Fatal(s.name, err)
			}
			took[at] = append(took[at], time.Since(begun).Seconds()/float64(n))
		}
	}
	b.ReportMetric(0, "ns/op") // a round of all sides tells nothing
	return took
}

// reportRates reports the median of each side's transactions a second, where an operation is so many,
// and the median of the first side's rate by the second's.
func reportRates(b *testing.B, took [][]float64, transactions int, sides ...side) {
	for k, s := range sides {
		b.ReportMetric(float64(transactions)/median(took[k]), s.name+"-tx/s")
	}
	if len(sides) > 1 {
		b.ReportMetric(1/median(ratios(took)), "library/hand")
	}
}

// reportTimes reports the median of each side's microseconds a page, and the median of the first side's
// by the second's.
func reportTimes(b *testing.B, took [][]float64, sides ...side) {
	for k, s := range sides {
		b.ReportMetric(1e6*median(took[k]), s.name+"-µs/page")
	}
	if len(sides) > 1 {
		b.ReportMetric(median(ratios(took)), "library/hand")
	}
}

// ratios gives the time of the first side by that of the second in each round: what else the machine
// does meets both.
func ratios(took [][]float64) []float64 {
	out := make([]float64, len(took[0]))
	for i := range out {
		out[i] = took[0][i] / took[1][i]
	}
	return out
}

// spread does n operations by so many goroutines.
func spread(ctx context.Context, workers, n int, do func(ctx context.Context, i int) error) error {
	if workers == 1 {
		for i := range n {
			if err := do(ctx, i); err != nil {
				return err
			}
		}
		return nil
	}
	var next atomic.Int64
	errs := make(chan error)
	for range workers {
		go func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					errs <- nil
					return
				}
				if err := do(ctx, i); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	var failed error
	for range workers {
		failed = errors.Join(failed, <-errs)
	}
	return failed
}

func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// freshIDs are those of a program: UUIDs of version 7.
func freshIDs() itsm.IDSource { return itsm.NewIDs(nil, nil) }

// onGrounds runs a benchmark of commands with one and with eight goroutines, on every engine by turns
// with what is written by hand, and in memory alone.
func onGrounds(b *testing.B, run func(b *testing.B, workers int, p serviceDesk, h *byHand)) {
	for _, workers := range []int{1, 8} {
		named := func(name string) string { return fmt.Sprintf("%s/goroutines=%d", name, workers) }
		for _, g := range grounds {
			b.Run(named(g.name), func(b *testing.B) {
				p, h := g.pair(b, nil, freshIDs)
				run(b, workers, p, h)
			})
		}
		b.Run(named("memory"), func(b *testing.B) {
			run(b, workers, newServiceDesk(b, memory.New(), itsmengine.Options{}), nil)
		})
	}
}

// BenchmarkLogIncident records reports: an incident and an event each, one transaction.
func BenchmarkLogIncident(b *testing.B) {
	onGrounds(b, func(b *testing.B, workers int, p serviceDesk, h *byHand) {
		var n atomic.Int64
		sides := []side{{name: "library", do: func(ctx context.Context, _ int) error {
			_, err := p.Log(ctx, ana, report(n.Add(1)))
			return err
		}}}
		if h != nil {
			sides = append(sides, side{name: "hand", do: func(ctx context.Context, _ int) error {
				_, err := h.log(ctx, ana, report(n.Add(1)))
				return err
			}})
		}
		reportRates(b, inTurn(b, workers, 400, sides...), 1, sides...)
	})
}

// BenchmarkHoldResumeResolve takes incidents through a wait to their resolution: three transactions,
// each of which reads the incident, writes it at the version read, writes an event, and writes or
// removes a job.
func BenchmarkHoldResumeResolve(b *testing.B) {
	onGrounds(b, func(b *testing.B, workers int, p serviceDesk, h *byHand) {
		until := time.Now().Add(1000 * time.Hour).UTC().Truncate(time.Microsecond)
		// Each turn has incidents of its own.
		walks := func(name string, s storage.Store, walk func(ctx context.Context, id itsm.ID) error) side {
			var ids []itsm.ID
			return side{
				name:  name,
				ready: func(n int) { ids = seed(b, s, n) },
				do:    func(ctx context.Context, i int) error { return walk(ctx, ids[i]) },
			}
		}
		sides := []side{walks("library", p.store, func(ctx context.Context, id itsm.ID) error {
			for _, step := range steps {
				if err := step.library(ctx, p, id, until); err != nil {
					return err
				}
			}
			return nil
		})}
		if h != nil {
			sides = append(sides, walks("hand", h.asStore(b), func(ctx context.Context, id itsm.ID) error {
				for _, step := range steps {
					if err := step.hand(ctx, h, id, until); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		reportRates(b, inTurn(b, workers, 150, sides...), len(steps), sides...)
	})
}

// queueSizes are how many incidents there are when a page of the queue is read; a fifth is open.
var queueSizes = []int{1_000, 100_000, 1_000_000}

// fill stores so many incidents of all priorities, one reported each second, by one statement into
// the practice's own table. The indexes are made when the rows are there, by a migration.
func (p serviceDesk) fill(tb testing.TB, d sqlstore.Dialect, db *sql.DB, size int) {
	tb.Helper()
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	require.NoError(tb, err)
	execute := func(text string, args ...any) {
		tb.Helper()
		if d == sqlstore.MySQL {
			text = inMariaDB.Replace(text)
		} else {
			text = bindAs(d, text)
		}
		_, err := conn.ExecContext(ctx, text, args...)
		require.NoError(tb, err)
	}
	list, yes, no := `SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?`, "1", "0"
	drop := ""
	switch d {
	case sqlstore.PostgreSQL:
		list, yes, no = `SELECT indexname FROM pg_indexes WHERE tablename = ? AND indexname NOT LIKE '%_pkey'`, "TRUE", "FALSE"
	case sqlstore.MySQL:
		list = `SELECT DISTINCT index_name FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? AND index_name <> 'PRIMARY'`
		drop = " ON itsm_incident"
		execute("SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES,PIPES_AS_CONCAT')")
		execute(fmt.Sprint("SET SESSION max_recursive_iterations = ", size))
	}
	rows, err := conn.QueryContext(ctx, bindAs(d, list), "itsm_incident")
	require.NoError(tb, err)
	var indexes []string
	for rows.Next() {
		var name string
		require.NoError(tb, rows.Scan(&name))
		indexes = append(indexes, name)
	}
	require.NoError(tb, rows.Err())
	require.Len(tb, indexes, len(p.Table().Schema().Indexes()))
	for _, name := range indexes {
		execute(`DROP INDEX "` + name + `"` + drop)
	}
	is := func(condition string) string {
		return "CASE WHEN " + condition + " THEN " + yes + " ELSE " + no + " END"
	}
	columns := []struct{ name, value string }{
		{"tenant", "'acme'"},
		{"id", "'0192f0c1-7e1c-7a3b-9f00-' || CAST(100000000000 + n AS TEXT)"},
		{"version", "1 + n % 7"}, {"created", "at"}, {"updated", "at + 3600000000"}, {"layout", "1"},
		{"number", "'INC' || CAST(1000000 + n AS TEXT)"},
		{"title", "'Printer ' || CAST(n % 97 AS TEXT) || ' prints every other page'"},
		{"state", "CASE WHEN n % 5 = 0 THEN 'in_progress' ELSE 'closed' END"},
		{"open", is("n % 5 = 0")},
		{"priority", "n / 5 * 7919 % 4 + 1"}, {"impact", "n % 3 + 1"}, {"urgency", "n % 3 + 1"},
		{"category", "'hardware'"}, {"subcategory", "'printer'"},
		{"service", "'service-' || CAST(n % 50 AS TEXT)"},
		{"requester", "'person-' || CAST(n % 5000 AS TEXT)"}, {"affected", "''"},
		{"group", "'team-' || CAST(10 + n / 5 % 20 AS TEXT)"},
		{"assignee", "CASE WHEN n % 3 = 0 THEN '' ELSE 'agent-' || CAST(n / 5 % 200 AS TEXT) END"},
		{"channel", "'phone'"}, {"hold_reason", "''"},
		{"restricted", is("n % 1000 = 995")},
		{"reported", "at"},
		{"resolved_at", "CASE WHEN n % 5 = 0 THEN NULL ELSE at + 1800000000 END"},
		{"closed_at", "CASE WHEN n % 5 = 0 THEN NULL ELSE at + 3600000000 END"},
		{"body", `'{"description":"` + description + `","acknowledged":"2026-03-02T12:05:00Z","reassignments":1}'`},
	}
	var names, values []string
	for _, c := range columns {
		names, values = append(names, `"`+c.name+`"`), append(values, c.value)
	}
	execute(fmt.Sprintf(`INSERT INTO itsm_incident (%s)
		WITH RECURSIVE line(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM line WHERE n < %d)
		SELECT %s FROM (SELECT n, CAST(%d AS BIGINT) + n * CAST(1000000 AS BIGINT) AS at FROM line) AS numbered`,
		strings.Join(names, ", "), size-1, strings.Join(values, ", "), noon.UnixMicro()))
	if d == sqlstore.MySQL {
		execute("SET SESSION sql_mode = DEFAULT")
	}
	// SQLite's pool for writing has one connection.
	require.NoError(tb, conn.Close())
	require.NoError(tb, p.store.(storage.Migrator).Migrate(ctx, p.Table().Schema()))
	conn, err = db.Conn(ctx)
	require.NoError(tb, err)
	defer conn.Close()
	switch d {
	case sqlstore.PostgreSQL:
		execute("VACUUM ANALYZE")
	case sqlstore.MySQL:
		execute("ANALYZE TABLE itsm_incident, itsm_incident_member")
	default:
		execute("ANALYZE")
		execute("PRAGMA wal_checkpoint(TRUNCATE)")
	}
}

// inMariaDB writes what fills a table in MariaDB's words.
var inMariaDB = strings.NewReplacer(" AS TEXT)", " AS CHAR)", " AS BIGINT)", " AS SIGNED)", " / 5", " DIV 5")

// copyTo stores the incidents of one store in another.
func copyTo(tb testing.TB, from, to storage.Store) {
	tb.Helper()
	ctx := context.Background()
	var after *storage.Position
	for {
		var rows []storage.Row
		require.NoError(tb, from.View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) (err error) {
			rows, err = r.Query(ctx, practice.Table.Schema(), storage.RowQuery{After: after, Limit: storage.MaxLimit, Bodies: true})
			return err
		}))
		if len(rows) == 0 {
			return
		}
		last := rows[len(rows)-1]
		after = &storage.Position{Tenant: last.Tenant, ID: last.ID}
		require.NoError(tb, to.Update(ctx, acme, func(ctx context.Context, tx storage.Tx) error {
			for i := range rows {
				row := rows[i]
				row.Version = 0
				if err := tx.Put(ctx, practice.Table.Schema(), &row); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// listed is an incident as a list shows it, in a program without the library.
type listed struct {
	tenant, id                                   string
	version, layout                              int64
	created, updated                             time.Time
	number, title, state                         string
	open                                         bool
	priority, impact, urgency                    int64
	category, subcategory                        string
	service, requester, affected, team, assignee string
	channel, holdReason, major                   string
	firstContact, firstLevel, survey             string
	restricted, resolutionProposed               bool
	csat, nps                                    *int64
	reported                                     time.Time
	resolvedAt, closedAt                         time.Time
}

// listedColumns are those of a list: all that the practice's list shows.
var listedColumns = append(slices.Clone(ticketColumns), "major", "first_level", "survey_state", "csat", "nps", "resolution_proposed")

// queue reads pages of open incidents by hand, in the order of priority and age.
type queue struct {
	first, next *sql.Stmt
	args        []any // before those of the place
	// apart says that next takes the priority and the time twice.
	apart bool
}

// newQueue prepares what an actor's page is read by; rights is a condition of the actor's own, with
// its arguments.
func newQueue(tb testing.TB, d sqlstore.Dialect, db *sql.DB, rights string, args ...any) *queue {
	tb.Helper()
	prepare := func(place string) *sql.Stmt {
		st, err := db.Prepare(bindAs(d, `SELECT "tenant", "layout", "`+strings.Join(listedColumns, `", "`)+`" FROM itsm_incident
			WHERE "tenant" = ? AND "open" = ?`+rights+place+` ORDER BY "priority", "reported", "id" LIMIT 50`))
		require.NoError(tb, err)
		tb.Cleanup(func() { st.Close() })
		return st
	}
	q := &queue{first: prepare(""), args: append([]any{string(acme), true}, args...)}
	if d == sqlstore.MySQL { // where a comparison of rows is not one along an index
		q.apart = true
		q.next = prepare(` AND "priority" >= ? AND ("priority" > ? OR "reported" >= ? AND ("reported" > ? OR "id" > ?))`)
	} else {
		q.next = prepare(` AND ("priority", "reported", "id") > (?, ?, ?)`)
	}
	return q
}

// read gives the page that follows an incident, or the first one.
func (q *queue) read(ctx context.Context, after *practice.Head) ([]listed, error) {
	st, args := q.first, q.args
	if after != nil {
		priority, reported := int64(after.Priority), after.Reported.UnixMicro()
		st, args = q.next, append(slices.Clip(q.args), priority, reported, string(after.ID))
		if q.apart {
			args = append(slices.Clip(q.args), priority, priority, reported, reported, string(after.ID))
		}
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	page := make([]listed, 0, 50)
	for rows.Next() {
		var x listed
		var created, updated, reported int64
		var resolved, closed sql.NullInt64
		err := rows.Scan(&x.tenant, &x.layout, &x.id, &x.version, &created, &updated, &x.number, &x.title, &x.state, &x.open, &x.priority, &x.impact, &x.urgency,
			&x.category, &x.subcategory, &x.service, &x.requester, &x.affected, &x.team, &x.assignee, &x.channel, &x.holdReason, &x.restricted, &reported,
			&resolved, &closed, &x.firstContact, &x.major, &x.firstLevel, &x.survey, &x.csat, &x.nps, &x.resolutionProposed)
		if err != nil {
			return nil, err
		}
		x.created, x.updated, x.reported = time.UnixMicro(created).UTC(), time.UnixMicro(updated).UTC(), time.UnixMicro(reported).UTC()
		if resolved.Valid {
			x.resolvedAt = time.UnixMicro(resolved.Int64).UTC()
		}
		if closed.Valid {
			x.closedAt = time.UnixMicro(closed.Int64).UTC()
		}
		page = append(page, x)
	}
	return page, rows.Err()
}

// middle gives the place in the middle of the open incidents that an actor may read: the cursor, and
// the incident that stands there.
func (p serviceDesk) middle(tb testing.TB, actor itsm.Actor) (storage.Cursor, *practice.Head) {
	tb.Helper()
	ctx := context.Background()
	q := practice.Query{Where: practice.ByOpen.Is(true)}
	n, err := p.Count(ctx, actor, q)
	require.NoError(tb, err)
	for left := n / 2; ; {
		q.Limit = int(min(left, storage.MaxPage))
		page, err := p.List(ctx, actor, q)
		require.NoError(tb, err)
		if left -= int64(len(page.Items)); left == 0 {
			return page.Next, &page.Items[len(page.Items)-1]
		}
		q.After = page.Next
	}
}

// TestWhatIsReadByHandIsThePageOfThePractice holds the benchmark of pages to its word.
func TestWhatIsReadByHandIsThePageOfThePractice(t *testing.T) {
	t.Parallel()
	writer, reader := sqliteNormal.open(t)
	s, err := sqlstore.New(writer, sqlstore.SQLite, sqlstore.Options{Reader: reader, ReadCommitted: true})
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	p := newServiceDesk(t, s, itsmengine.Options{})
	p.fill(t, sqlstore.SQLite, writer, 1000)
	page, err := p.List(t.Context(), mona, practice.Query{Where: practice.ByOpen.Is(true)})
	require.NoError(t, err)
	own, err := newQueue(t, sqlstore.SQLite, reader, "").read(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, own, len(page.Items))
	require.Len(t, listedColumns, len(p.Table().Schema().Columns())+4) // with the id, the version and two times
	for n, h := range page.Items {
		require.Equal(t, []string{string(h.ID), h.Title, string(h.FirstContact)}, []string{own[n].id, own[n].title, own[n].firstContact})
	}
}

// BenchmarkQueuePage reads a page of fifty open incidents in the order of priority and age: the
// first one, and one in the middle. An incident manager may read all incidents; an analyst all but
// those restricted ones that she has nothing to do with. By hand it is one SELECT, outside a
// transaction.
func BenchmarkQueuePage(b *testing.B) {
	pages := func(b *testing.B, p serviceDesk, byHand func(actor itsm.Actor) *queue) {
		for _, actor := range []itsm.Actor{mona, ana} {
			cursor, head := p.middle(b, actor)
			var hand *queue
			if byHand != nil {
				hand = byHand(actor)
			}
			for _, place := range []struct {
				name   string
				cursor storage.Cursor
				head   *practice.Head
			}{{"first", "", nil}, {"middle", cursor, head}} {
				b.Run(string(actor.Roles[0])+"/"+place.name, func(b *testing.B) {
					read := func(ctx context.Context) (storage.Page[practice.Head], error) {
						return p.List(ctx, actor, practice.Query{Where: practice.ByOpen.Is(true), After: place.cursor})
					}
					sides := []side{{name: "library", do: func(ctx context.Context, _ int) error {
						page, err := read(ctx)
						if err == nil && len(page.Items) != 50 {
							err = fmt.Errorf("%d items", len(page.Items))
						}
						return err
					}}}
					if hand != nil {
						want, err := read(b.Context())
						require.NoError(b, err)
						got, err := hand.read(b.Context(), place.head)
						require.NoError(b, err)
						for i, item := range want.Items { // both read the same page
							require.Equal(b, string(item.ID), got[i].id)
						}
						sides = append(sides, side{name: "hand", do: func(ctx context.Context, _ int) error {
							page, err := hand.read(ctx, place.head)
							if err == nil && len(page) != 50 {
								err = fmt.Errorf("%d items", len(page))
							}
							return err
						}})
					}
					reportTimes(b, inTurn(b, 1, 100, sides...), sides...)
				})
			}
		}
		// What nobody of several groups has taken yet: by hand that is a query for each group.
		lead := mona
		lead.Groups = []itsm.ID{"team-11", "team-17", "team-23"}
		b.Run("of-three-groups", func(b *testing.B) {
			sides := []side{{name: "library", do: func(ctx context.Context, _ int) error {
				page, err := p.MyGroups(ctx, lead, practice.Query{})
				if err == nil && len(page.Items) == 0 {
					err = errors.New("the queue is empty")
				}
				return err
			}}}
			reportTimes(b, inTurn(b, 1, 100, sides...), sides...)
		})
	}
	for _, size := range queueSizes {
		named := func(name string) string { return fmt.Sprintf("%s/incidents=%d", name, size) }
		var inMemory serviceDesk
		for _, g := range []ground{sqliteFull, durable, durableMaria} {
			b.Run(named(g.name), func(b *testing.B) {
				writer, reader := g.open(b)
				s, err := sqlstore.New(writer, g.dialect, sqlstore.Options{Reader: reader, ReadCommitted: true})
				require.NoError(b, err)
				b.Cleanup(func() { s.Close() })
				p := newServiceDesk(b, s, itsmengine.Options{})
				p.fill(b, g.dialect, writer, size)
				if inMemory.store == nil {
					inMemory = newServiceDesk(b, memory.New(), itsmengine.Options{})
					copyTo(b, s, inMemory.store)
				}
				pages(b, p, func(actor itsm.Actor) *queue {
					if actor.ID == mona.ID {
						return newQueue(b, g.dialect, reader, "")
					}
					return newQueue(b, g.dialect, reader, ` AND ("restricted" = ? OR "group" = ? OR "assignee" = ? OR "requester" = ? OR "affected" = ?
						OR "id" IN (SELECT "incident" FROM itsm_incident_member WHERE "tenant" = ? AND "person" = ?))`,
						false, string(ana.Groups[0]), string(ana.ID), string(ana.ID), string(ana.ID), string(acme), string(ana.ID))
				})
			})
		}
		b.Run(named("memory"), func(b *testing.B) {
			if inMemory.store == nil {
				b.Skip("is filled from SQLite, which was left out")
			}
			pages(b, inMemory, nil)
		})
	}
}
