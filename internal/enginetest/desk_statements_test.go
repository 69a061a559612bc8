package enginetest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/notify"
	"github.com/itsmkit/itsmkit/itsm/oncall"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

var deskBoss = itsm.Actor{Tenant: acme, ID: "boss", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}

// tappedDesk is a desk whose statements are counted.
func tappedDesk(t *testing.T, e engine, c servicedesk.Config) (*servicedesk.Desk, *tap) {
	t.Helper()
	p := &tap{}
	s, err := sqlstore.New(p.db(t, e, e.empty(t)), e.dialect, sqlstore.Options{Volatile: true})
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	c.Engine.Clock = func() time.Time { return noon }
	desk, err := servicedesk.New(s, c)
	require.NoError(t, err)
	require.NoError(t, desk.Migrate(t.Context()))
	return desk, p
}

// TestLoggingOnADeskIsFewStatements counts what reaches the driver when an incident is logged on a
// desk: the incident, its events, and with them whether the rules, triggers and policies of service levels are still those
// that are kept, and what is to be delivered, which PostgreSQL takes in one; where rules choose a person, what is known of the
// group. SQLite has one more, which makes the
// unit the writer; PostgreSQL has one more where a group is locked.
func TestLoggingOnADeskIsFewStatements(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			for _, c := range []struct {
				way        way
				statements int
				locks      int
			}{
				{ways[0], 3, 0},
				{ways[1], 3, 0},
				{ways[2], 3, 0},
				// And the requester.
				{ways[3], 4, 0},
				// And the group, those below it, its people, their loads, whose turn it is, and that it was taken.
				{ways[4], 9, 1},
				{ways[5], 3, 0},
			} {
				var config servicedesk.Config
				if c.way.notified {
					config.Sender = &noSender{}
				}
				desk, p := tappedDesk(t, e, config)
				staffNetwork(t, desk, deskBoss)
				if c.way.last != "" {
					followRules(t, desk, deskBoss, c.way.last)
				}
				for range 2 { // the block of numbers is reserved by the first
					p.all()
					_, err := desk.Incidents.Log(t.Context(), deskBoss, itsmincident.Report{
						Title: "The VPN is down", Requester: "rosa", Category: "network", Group: c.way.group})
					require.NoError(t, err)
				}
				ran, transactions := p.all()
				want := c.statements
				switch e.dialect {
				case sqlstore.SQLite:
					want++
				case sqlstore.PostgreSQL:
					want += c.locks - 1
				default:
					want += c.locks
				}
				require.Len(t, ran, want, "%s:\n%s", c.way.name, strings.Join(ran, "\n"))
				require.Equal(t, 1, transactions, c.way.name)
			}
		})
	}
}

// TestWhoIsToldOfAnEventIsReadByAsManyStatementsForMany delivers an event to groups of several sizes:
// what is read does not hang on how many are reached, and what is written is a message for each of
// those who are told, and their jobs together.
func TestWhoIsToldOfAnEventIsReadByAsManyStatementsForMany(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			ctx := t.Context()
			deliver := func(people int) (reads, writes int, ran []string) {
				rules := notify.RuleSet{Rules: []notify.Rule{{
					Name: "told", RecordKind: itsmincident.Kind, Events: []string{"incident.logged.v1"}, CollapseSeconds: 60,
					Audiences: []notify.Audience{{Kind: notify.AudienceGroup}, {Kind: notify.AudienceRequester}, {Kind: notify.AudienceWatchers}},
					Channels:  []notify.Channel{notify.ChannelEmail},
				}}}
				desk, p := tappedDesk(t, e, servicedesk.Config{Sender: &noSender{}, Notify: notify.Options{Rules: &rules}})
				staffNetwork(t, desk, deskBoss)
				members := make([]itsm.ID, people)
				for n := range members {
					members[n] = itsm.ID(fmt.Sprintf("m%03d", n))
					_, err := desk.Directory.AddPerson(ctx, deskBoss, directory.NewPerson{ID: members[n], Name: "M"})
					require.NoError(t, err)
				}
				_, err := desk.Directory.AddGroup(ctx, deskBoss, directory.NewGroup{ID: "many", Name: "Many"})
				require.NoError(t, err)
				_, err = desk.Directory.ChangeMembers(ctx, deskBoss, "many", directory.MemberChange{Add: members})
				require.NoError(t, err)
				logged, err := desk.Incidents.Log(ctx, deskBoss, itsmincident.Report{Title: "The VPN is down", Requester: "rosa", Group: "many"})
				require.NoError(t, err)
				entries, err := desk.Incidents.Timeline(ctx, deskBoss, logged.ID)
				require.NoError(t, err)
				p.all()
				require.NoError(t, desk.Notifications.Deliver(context.Background(), *entries[0].Event))
				ran, _ = p.all()
				for _, s := range ran {
					if strings.HasPrefix(strings.TrimSpace(s), "SELECT") {
						reads++
					} else {
						writes++
					}
				}
				told, err := desk.Notifications.List(ctx, deskBoss, storage.Query[notify.Head]{Limit: storage.MaxPage})
				require.NoError(t, err)
				require.Len(t, told.Items, people+1, "the group and the requester")
				return reads, writes, ran
			}
			fewReads, fewWrites, few := deliver(3)
			manyReads, manyWrites, many := deliver(60)
			require.Equal(t, fewReads, manyReads, "%s\n\n%s", strings.Join(few, "\n"), strings.Join(many, "\n"))
			require.LessOrEqual(t, fewReads, 14, strings.Join(few, "\n"))
			require.Equal(t, 57, manyWrites-fewWrites, "a message for each, and no more:\n%s", strings.Join(many, "\n"))
		})
	}
}

// TestWhatHangsOnManyIncidentsIsReadByAsManyStatements counts and lists tasks and pages of few and of many
// incidents, some of which the reader may not know of: the incidents are asked about together.
func TestWhatHangsOnManyIncidentsIsReadByAsManyStatements(t *testing.T) {
	t.Parallel()
	analyst := itsm.Actor{Tenant: acme, ID: "ada", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			ctx := t.Context()
			reads := func(incidents int) map[string][]string {
				desk, p := tappedDesk(t, e, servicedesk.Config{})
				_, err := desk.OnCall.DefinePolicy(ctx, deskBoss, oncall.PolicyDefinition{ID: "network", Name: "Network", Ladder: oncall.Ladder{
					Steps: []oncall.Step{{Targets: []oncall.Target{{Kind: oncall.TargetPerson, ID: "ned"}}, Minutes: 10}}}})
				require.NoError(t, err)
				for n := range incidents {
					i, err := desk.Incidents.Log(ctx, deskBoss, itsmincident.Report{Title: "Slow", Requester: "rosa", Restricted: n%2 == 1})
					require.NoError(t, err)
					_, err = desk.Tasks.AddTask(ctx, deskBoss, i.Ref(), task.Addition{Item: task.Item{Title: "Look"}})
					require.NoError(t, err)
					_, err = desk.OnCall.Start(ctx, deskBoss, oncall.Page{Subject: i.Ref(), Policy: "network", Summary: "Come"})
					require.NoError(t, err)
				}
				ran := map[string][]string{}
				for name, read := range map[string]func() (int, error){
					"count": func() (int, error) {
						n, err := desk.Tasks.Count(ctx, analyst, task.Query{})
						return int(n), err
					},
					"list": func() (int, error) {
						page, err := desk.Tasks.List(ctx, analyst, task.Query{Limit: storage.MaxPage})
						return len(page.Items), err
					},
					"pages": func() (int, error) {
						page, err := desk.OnCall.Escalations(ctx, analyst, storage.Query[oncall.EscalationHead]{Limit: storage.MaxPage})
						return len(page.Items), err
					},
				} {
					p.all()
					n, err := read()
					require.NoError(t, err)
					require.Equal(t, (incidents+1)/2, n, name)
					ran[name], _ = p.all()
				}
				return ran
			}
			few, many := reads(2), reads(40)
			for name, statements := range many {
				require.Len(t, statements, len(few[name]), "%s:\n%s", name, strings.Join(statements, "\n"))
			}
			require.LessOrEqual(t, len(many["count"]), 4, strings.Join(many["count"], "\n"))
			require.LessOrEqual(t, len(many["list"]), 2, strings.Join(many["list"], "\n"))
			require.LessOrEqual(t, len(many["pages"]), 2, strings.Join(many["pages"], "\n"))
		})
	}
}
