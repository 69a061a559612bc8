// This file holds how many statements the commands on configuration items take, and that these do not grow with the estate.

package enginetest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb"
	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// TestEveryCommandOnConfigurationIsFewStatements counts what reaches the driver for each command, in a tenant with next to nothing
// and in one with many CIs and relations. SQLite has one statement more in each unit, which makes it the writer, and no locks.
func TestEveryCommandOnConfigurationIsFewStatements(t *testing.T) {
	type desk struct {
		*cmdb.Practice
		now time.Time
		ids []itsm.ID
		rel itsm.ID
	}
	// A lock is a statement, but for SQLite, where a unit is the only writer.
	const lock = 1000
	seen := func(d *desk, name string, memory int64) reconcile.Observation {
		return reconcile.Observation{Source: "scan", Key: name, Class: schema.ClassHost, Name: name, At: d.now,
			Attributes: schema.Values{"serial_number": schema.Text("serial of " + name), "memory": schema.Integer(memory)}}
	}
	observe := func(name string, memory int64, changed bool) func(context.Context, *desk) error {
		return func(ctx context.Context, d *desk) error {
			was, err := d.Observe(ctx, cora, cmdb.Sighting{Observation: seen(d, name, memory)})
			if err == nil && was.Changed != changed {
				err = fmt.Errorf("changed is %v", was.Changed)
			}
			return err
		}
	}
	impact := func(ctx context.Context, d *desk) error {
		_, err := d.Impact(ctx, cora, cmdb.Failures(d.ids[0]), cmdb.Question{})
		return err
	}
	// The commands follow one another.
	cases := []struct {
		name string
		run  func(ctx context.Context, d *desk) error
		// statements are those beside the one that begins the transaction, transactions how many there are.
		statements, transactions int
	}{
		// The CI, by which rules CIs are known and by what this one is, the graph's revision and its log, the event, which finds whether the
		// model is another by now.
		{"add", func(ctx context.Context, d *desk) error {
			ci, err := d.Add(ctx, cora, cmdb.Addition{Class: schema.ClassHost, Name: fmt.Sprint("added ", len(d.ids)), State: cmdb.StateLive})
			d.ids = append(d.ids, ci.ID)
			return err
		}, 7 + lock, 1},
		{"add another", func(ctx context.Context, d *desk) error {
			ci, err := d.Add(ctx, cora, cmdb.Addition{Class: schema.ClassHost, Name: fmt.Sprint("added ", len(d.ids)), State: cmdb.StateLive})
			d.ids = append(d.ids, ci.ID)
			return err
		}, 7 + lock, 1},
		// The CI is read and put, by which rules CIs are known, the event.
		{"set an attribute", func(ctx context.Context, d *desk) error {
			_, err := d.Update(ctx, cora, d.ids[0], cmdb.Update{Attributes: schema.Values{"memory": schema.Integer(16)}})
			return err
		}, 4, 1},
		// And by what it was known, and is.
		{"set what identifies", func(ctx context.Context, d *desk) error {
			_, err := d.Update(ctx, cora, d.ids[0], cmdb.Update{Attributes: schema.Values{"serial_number": schema.Text("X1")}})
			return err
		}, 6 + lock, 1},
		// Both CIs, whether it is there or in a group, the graph's revision and its log, the relation, the event.
		{"relate", func(ctx context.Context, d *desk) error {
			rel, err := d.Relate(ctx, cora, cmdb.NewRelation{Type: schema.RelationDependsOn, Source: d.ids[0], Target: d.ids[1]})
			d.rel = rel.ID
			return err
		}, 9 + lock, 1},
		{"unrelate", func(ctx context.Context, d *desk) error {
			_, err := d.Unrelate(ctx, cora, d.rel, cmdb.End{})
			return err
		}, 8 + lock, 1},
		// By which rules CIs are known, the graph's revision; who has the source's key, the serial number and the name, and what the source
		// told; then as one that is added, and what the source calls it.
		{"observe a new one", observe("web1", 8, true), 14 + lock, 1},
		// It is found by its source's key, and when the source was heard last is all that is written: the model's
		// revision is asked for, as there is no event.
		{"observe it unchanged", observe("web1", 8, false), 7 + lock, 1},
		{"observe it unchanged once more", observe("web1", 8, false), 7 + lock, 1},
		// And the CI, with the event.
		{"observe it changed", observe("web1", 16, true), 10 + lock, 1},
		// Its relations from both ends and its groups, beside what changes.
		{"retire", func(ctx context.Context, d *desk) error {
			_, err := d.Retire(ctx, cora, d.ids[1], cmdb.Retirement{})
			return err
		}, 13 + lock, 1},
		{"one CI", func(ctx context.Context, d *desk) error { _, err := d.Get(ctx, cora, d.ids[0]); return err }, 1, 0},
		{"a page", func(ctx context.Context, d *desk) error {
			page, err := d.List(ctx, cora, storage.Query[cmdb.Head]{Where: cmdb.ByCurrent.Is(true), Limit: 2})
			if err == nil && len(page.Items) != 2 {
				err = fmt.Errorf("the page has %d items", len(page.Items))
			}
			return err
		}, 1, 0},
		// The CI, its relations, and which of the CIs at their other ends may be read.
		{"a page of relations", func(ctx context.Context, d *desk) error {
			_, err := d.Relations(ctx, cora, d.ids[0], storage.Query[cmdb.RelationHead]{Limit: 2})
			return err
		}, 3, 0},
		// The model's and the graph's revision, and again when it is this question's turn to read the log.
		{"impact after edits", impact, 6, 2},
		{"impact of the graph in memory", impact, 2, 1},
	}
	for _, e := range engines {
		for _, size := range []int{1, 1000} {
			t.Run(fmt.Sprintf("%s/of %d", e.name, size), func(t *testing.T) {
				ctx := t.Context()
				p := &tap{}
				s, err := sqlstore.New(p.db(t, e, e.empty(t)), e.dialect, sqlstore.Options{Volatile: true})
				require.NoError(t, err)
				t.Cleanup(func() { s.Close() })
				d := &desk{now: noon}
				eng, err := itsmengine.New(s, itsmengine.Options{Clock: func() time.Time { return d.now }})
				require.NoError(t, err)
				d.Practice, err = cmdb.New(eng, cmdb.Options{})
				require.NoError(t, err)
				require.NoError(t, eng.Migrate(ctx))
				_, err = d.Import(ctx, cora, "before", hostRows(0, size+1, d.now), cmdb.ImportOptions{Partial: true, Batch: 1000})
				require.NoError(t, err)
				_, err = d.Load(ctx, cora, nil)
				require.NoError(t, err)
				_, err = d.List(ctx, cora, storage.Query[cmdb.Head]{Limit: 1}) // the secret of cursors is known by then
				require.NoError(t, err)
				for _, c := range cases {
					d.now = d.now.Add(time.Minute)
					p.all()
					require.NoError(t, c.run(ctx, d), c.name)
					ran, transactions := p.all()
					want := c.statements % lock
					if e.dialect != sqlstore.SQLite {
						want += c.statements / lock
					} else if strings.HasPrefix(strings.Join(ran, "\n"), "UPDATE ") {
						want++
					}
					if len(ran) != want || c.transactions != transactions {
						t.Errorf("%s: %d statements, not %d; %d transactions, not %d:\n%s", c.name, len(ran), want, transactions, c.transactions, strings.Join(ran, "\n"))
					}
				}
			})
		}
	}
}
