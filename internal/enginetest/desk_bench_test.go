package enginetest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// way is a way in which a desk is set up to take incidents.
type way struct {
	name string
	// group is named by the report itself.
	group itsm.ID
	// last is the last of twenty active rules, and the one that matches; without it there are none.
	last     string
	notified bool
}

const lastRule = `"name": "network", "group": "network", "when": {"op": "equal", "column": "category", "values": ["network"]}`

// ways are those that are compared; the others with the first.
var ways = []way{
	{name: "logged"},
	{name: "for-a-group", group: "network"},
	{name: "routed", last: lastRule},
	{name: "routed-by-requester", last: `"name": "network", "group": "network", "when": {"op": "and", "of": [
		{"op": "equal", "column": "category", "values": ["network"]}, {"op": "equal", "column": "requester.language", "values": ["fr"]}]}`},
	{name: "routed-to-a-person", last: lastRule + `, "person": {"method": "round_robin"}`},
	{name: "routed-notified", last: lastRule, notified: true},
}

// noSender is given messages and does nothing with them.
type noSender struct{ sent int }

func (s *noSender) Send(context.Context, notify.Notification) error {
	s.sent++
	return nil
}

// BenchmarkLogOnADesk logs incidents on desks that take turns: one without rules, where they stay;
// with a group that the report names; with twenty active routing rules, of which the last matches
// and gives them to that group of ten, to who has the turn in it, or by what the directory knows of
// the requester; and with the rules for notifications that are shipped, by which the requester and
// the ten are told.
//
// "command" is the command alone: all that is in its transaction, which is the routing and, of a
// notification, the row that says that there is something to deliver. "until-done" is the command and
// all that follows, by Tick until nothing is due: the deliveries to subscribers, the decision who is
// told, and the sending of each message to a sender that does nothing. The desk without rules ticks too,
// for its triggers.
func BenchmarkLogOnADesk(b *testing.B) {
	for _, g := range []ground{{name: "memory"}, sqliteFull, sqliteNormal, durable} {
		for _, part := range []struct {
			name  string
			turn  int
			drain bool
		}{{"command", 10, false}, {"until-done", 5, true}} {
			b.Run(g.name+"/"+part.name, func(b *testing.B) {
				sides := make([]side, len(ways))
				for n, store := range g.stores(b, len(ways)) {
					log, drain := ways[n].desk(b, store)
					sides[n] = side{name: ways[n].name, do: func(ctx context.Context, i int) error {
						err := log(ctx)
						if part.drain && i == part.turn-1 {
							drain()
						}
						return err
					}}
				}
				took := inTurn(b, 1, part.turn, sides...)
				for k, s := range sides {
					b.ReportMetric(1e6*median(took[k]), s.name+"-µs")
					if k > 0 {
						b.ReportMetric(median(ratios([][]float64{took[k], took[0]})), s.name+"/logged")
					}
				}
			})
		}
	}
}

// stores gives stores of the same engine, each with tables of its own.
func (g ground) stores(tb testing.TB, n int) []storage.Store {
	tb.Helper()
	stores := make([]storage.Store, n)
	if g.open == nil {
		for i := range stores {
			stores[i] = memory.New()
		}
		return stores
	}
	writer, reader := g.open(tb)
	for i := range stores {
		s, err := sqlstore.New(writer, g.dialect, sqlstore.Options{Prefix: fmt.Sprintf("desk%d_", i), Reader: reader})
		require.NoError(tb, err)
		tb.Cleanup(func() { s.Close() })
		stores[i] = s
	}
	return stores
}

// desk sets a desk up. log logs an incident, and drain does what follows until nothing is due.
func (w way) desk(tb testing.TB, store storage.Store) (log func(context.Context) error, drain func()) {
	tb.Helper()
	ctx := context.Background()
	var config servicedesk.Config
	sender := &noSender{}
	if w.notified {
		config.Sender = sender
	}
	desk, err := servicedesk.New(store, config)
	require.NoError(tb, err)
	require.NoError(tb, desk.Migrate(ctx))
	boss := itsm.Actor{Tenant: acme, ID: "boss", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}
	staffNetwork(tb, desk, boss)
	if w.last != "" {
		followRules(tb, desk, boss, w.last)
	}
	report := itsmincident.Report{Title: "The VPN is down", Description: description, Requester: "rosa", Category: "network", Group: w.group}
	want := itsm.ID("")
	if w.group != "" || w.last != "" {
		want = "network"
	}
	log = func(ctx context.Context) error {
		logged, err := desk.Incidents.Log(ctx, boss, report)
		if err == nil && logged.Group != want {
			err = fmt.Errorf("it went to %q", logged.Group)
		}
		return err
	}
	drain = func() {
		for {
			ran, err := desk.Tick(ctx, time.Now())
			require.NoError(tb, err)
			require.Zero(tb, ran.Failed)
			if ran.Jobs+ran.Delivered == 0 && !ran.More {
				return
			}
		}
	}
	require.NoError(tb, log(ctx))
	drain()
	if w.notified {
		require.Equal(tb, 12, sender.sent, "the requester on two channels, and ten of the group")
	}
	return log, drain
}

// staffNetwork makes a requester and a group of ten.
func staffNetwork(tb testing.TB, desk *servicedesk.Desk, boss itsm.Actor) {
	tb.Helper()
	ctx := context.Background()
	add := func(p directory.NewPerson) {
		_, err := desk.Directory.AddPerson(ctx, boss, p)
		require.NoError(tb, err)
	}
	add(directory.NewPerson{ID: "rosa", Name: "Rosa", Language: "fr"})
	var members []itsm.ID
	for n := range 10 {
		id := itsm.ID(fmt.Sprintf("n%d", n))
		add(directory.NewPerson{ID: id, Name: "N"})
		members = append(members, id)
	}
	_, err := desk.Directory.AddGroup(ctx, boss, directory.NewGroup{ID: "network", Name: "Network"})
	require.NoError(tb, err)
	_, err = desk.Directory.ChangeMembers(ctx, boss, "network", directory.MemberChange{Add: members})
	require.NoError(tb, err)
}

// followRules has twenty rules be followed, of which the last is given.
func followRules(tb testing.TB, desk *servicedesk.Desk, boss itsm.Actor, last string) {
	tb.Helper()
	ctx := context.Background()
	text := `{"rules": [`
	for n := range 19 {
		text += fmt.Sprintf(`{"name": "rule %d", "group": "network", "when": {"op": "and", "of": [
			{"op": "equal", "column": "category", "values": ["category %d"]}, {"op": "at_most", "column": "priority", "values": [%d]}]}},`, n, n, n%4+1)
	}
	rules, err := routing.Parse([]byte(text + "{" + last + "}]}"))
	require.NoError(tb, err)
	draft, err := desk.Routing.Draft(ctx, boss, routing.Draft{Family: itsmincident.Kind, Set: rules})
	require.NoError(tb, err)
	_, err = desk.Routing.Activate(ctx, boss, draft.ID, itsm.Command{Reason: "Agreed"})
	require.NoError(tb, err)
}
