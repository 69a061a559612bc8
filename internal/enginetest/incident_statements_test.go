package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	practice "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// TestEveryCommandOnAnIncidentIsFewStatements counts what reaches the driver for each command and
// page, so that a change of it is seen. Beside what the table says, SQLite has one statement more in
// each transaction, which makes the unit the writer.
func TestEveryCommandOnAnIncidentIsFewStatements(t *testing.T) {
	type desk struct {
		serviceDesk
		now    time.Time
		id     itsm.ID
		cursor storage.Cursor
	}
	command := func(fn func(ctx context.Context, d *desk) (practice.Incident, error)) func(context.Context, *desk) error {
		return func(ctx context.Context, d *desk) error {
			i, err := fn(ctx, d)
			d.id = i.ID
			return err
		}
	}
	list := func(actor itsm.Actor, q practice.Query) func(context.Context, *desk) error {
		return func(ctx context.Context, d *desk) error {
			page, err := d.List(ctx, actor, q)
			if err == nil && len(page.Items) != q.Limit {
				err = fmt.Errorf("the page has %d items", len(page.Items))
			}
			d.cursor = page.Next
			return err
		}
	}
	rita := itsm.Actor{Tenant: acme, ID: "person-1", Name: "Rita", Roles: []itsm.RoleName{itsm.RoleRequester}}
	open := practice.ByOpen.Is(true)

	alert := func(ctx context.Context, d *desk) error {
		_, err := d.Alert(ctx, mona, practice.AlertReport{DeduplicationKey: "db-1/disk", Title: "Disk is full"})
		return err
	}

	// A lock is a statement, but for SQLite, where a unit is the only writer.
	const lock = 1000

	// A job is a statement, but for PostgreSQL, where it goes with the event.
	const job = 1000_000

	// The commands follow one another on one incident.
	cases := []struct {
		name string
		run  func(ctx context.Context, d *desk) error
		// statements are those beside the one that begins the transaction, transactions how many there are.
		statements, transactions int
	}{
		// The incident and its event.
		{"log", command(func(ctx context.Context, d *desk) (practice.Incident, error) { return d.Log(ctx, ana, report(1)) }), 2, 1},
		// Is the key known, and it is kept.
		{"log under a key", command(func(ctx context.Context, d *desk) (practice.Incident, error) {
			r := report(1)
			r.Key = "mail 7"
			return d.Log(ctx, ana, r)
		}), 4, 1},
		// Read, written, its event.
		{"assign", command(func(ctx context.Context, d *desk) (practice.Incident, error) {
			return d.Assign(ctx, ana, d.id, practice.Assignment{Group: "team-05", Assignee: "ana"})
		}), 3, 1},
		{"accept", command(func(ctx context.Context, d *desk) (practice.Incident, error) {
			return d.Accept(ctx, ana, d.id, itsm.Command{})
		}), 3, 1},
		{"start", command(func(ctx context.Context, d *desk) (practice.Incident, error) {
			return d.Start(ctx, ana, d.id, itsm.Command{})
		}), 3, 1},
		// And the job that ends the wait.
		{"hold until a time", command(func(ctx context.Context, d *desk) (practice.Incident, error) {
			return d.Hold(ctx, ana, d.id, practice.Hold{HoldReason: practice.HoldCustomerScheduled, Until: d.now.Add(time.Hour)})
		}), 3 + job, 1},
		// And that job goes.
		{"resume", command(func(ctx context.Context, d *desk) (practice.Incident, error) {
			return d.Resume(ctx, ana, d.id, itsm.Command{})
		}), 3 + job, 1},
		// And the note.
		{"hold with a question", command(func(ctx context.Context, d *desk) (practice.Incident, error) {
			return d.Hold(ctx, ana, d.id, practice.Hold{HoldReason: practice.HoldCaller, Note: "Which floor?"})
		}), 4, 1},
		{"reply that ends the wait", command(func(ctx context.Context, d *desk) (practice.Incident, error) {
			return d.Reply(ctx, rita, d.id, practice.Reply{Text: "The third."})
		}), 4, 1},
		// And the job that closes it, and the links to children, which are looked for from both ends.
		{"resolve", command(func(ctx context.Context, d *desk) (practice.Incident, error) {
			return d.Resolve(ctx, ana, d.id, practice.Resolution{Code: practice.CodeFixed, Notes: notes})
		}), 5 + job, 1},
		// And that job goes.
		{"reopen", command(func(ctx context.Context, d *desk) (practice.Incident, error) {
			return d.Reopen(ctx, ana, d.id, practice.Reopening{})
		}), 3 + job, 1},
		{"resolve again", command(func(ctx context.Context, d *desk) (practice.Incident, error) {
			return d.Resolve(ctx, ana, d.id, practice.Resolution{Code: practice.CodeFixed, Notes: notes})
		}), 5 + job, 1},
		{"close", command(func(ctx context.Context, d *desk) (practice.Incident, error) {
			return d.Confirm(ctx, rita, d.id, itsm.Command{})
		}), 3 + job, 1},
		{"refused by the state", func(ctx context.Context, d *desk) error {
			_, err := d.Start(ctx, ana, d.id, itsm.Command{})
			var refused *itsm.TransitionError
			if !errors.As(err, &refused) {
				return fmt.Errorf("it was not refused: %w", err)
			}
			return nil
		}, 1, 1},
		{"one incident", func(ctx context.Context, d *desk) error { _, err := d.Get(ctx, ana, d.id); return err }, 1, 0},
		{"first page of who may read what is not restricted", list(ana, practice.Query{Where: open, Limit: 2}), 1, 0},
		{"page after it", func(ctx context.Context, d *desk) error {
			return list(ana, practice.Query{Where: open, Limit: 1, After: d.cursor})(ctx, d)
		}, 1, 0},
		{"first page of who may read all", list(mona, practice.Query{Where: open, Limit: 2}), 1, 0},
		{"count", func(ctx context.Context, d *desk) error {
			_, err := d.Count(ctx, mona, practice.Query{Where: open})
			return err
		}, 1, 0},
		// Where the alerts of the key go, which is nowhere yet; then that, the alert itself, the incident and
		// its event.
		{"first alert of a key", alert, 5 + lock, 1},
		// Where they go, the incident, the count, and the alert itself; no event.
		{"alert that is counted", alert, 4 + lock, 1},
		{"another one, which costs the same", alert, 4 + lock, 1},
		// As all reading by a member, which is not another statement.
		{"log for members", command(func(ctx context.Context, d *desk) (practice.Incident, error) {
			r := report(1)
			r.Restricted, r.Members = true, []itsm.ID{ana.ID, "bo"}
			return d.Log(ctx, mona, r)
		}), 4, 1},
		{"first page of a member", list(ana, practice.Query{Where: practice.ByRestricted.Is(true), Limit: 1}), 1, 0},
		{"count of a member", func(ctx context.Context, d *desk) error {
			n, err := d.Count(ctx, ana, practice.Query{Where: practice.ByRestricted.Is(true)})
			if err == nil && n != 1 {
				err = fmt.Errorf("there are %d", n)
			}
			return err
		}, 1, 0},
	}
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			ctx := t.Context()
			p := &tap{}
			db := p.db(t, e, e.empty(t))
			s, err := sqlstore.New(db, e.dialect, sqlstore.Options{Volatile: true})
			require.NoError(t, err)
			t.Cleanup(func() { s.Close() })
			d := &desk{now: noon}
			d.serviceDesk = newServiceDesk(t, s, itsmengine.Options{Clock: func() time.Time { return d.now }})
			for n := range int64(3) { // what stays in the queue; the block of numbers is reserved by then
				_, err := d.Log(ctx, ana, report(n))
				require.NoError(t, err)
			}
			page, err := d.List(ctx, mona, practice.Query{Limit: 1}) // the secret of cursors is known by then
			require.NoError(t, err)
			require.NotEmpty(t, page.Next)
			for _, c := range cases {
				d.now = d.now.Add(time.Minute)
				p.all()
				require.NoError(t, c.run(ctx, d), c.name)
				ran, transactions := p.all()
				jobs, locks, want := c.statements/job, c.statements%job/lock, c.statements%lock
				switch e.dialect {
				case sqlstore.SQLite:
					want += jobs + c.transactions
				case sqlstore.PostgreSQL:
					want += locks
				default:
					want += jobs + locks
				}
				require.Len(t, ran, want, "%s:\n%s", c.name, strings.Join(ran, "\n"))
				require.Equal(t, c.transactions, transactions, c.name)
			}
		})
	}
}

// all gives the statements since the last call, and how many transactions were begun.
func (p *tap) all() (ran []string, transactions int) {
	p.mu.Lock()
	for _, s := range p.seen {
		if s == "BEGIN" {
			transactions++
		}
	}
	p.mu.Unlock()
	return p.statements(), transactions
}
