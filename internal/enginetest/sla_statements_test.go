package enginetest_test

import (
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/servicedesk"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/timer"
)

// TestFollowingServiceLevelsIsFewStatements counts what reaches the driver more on a desk with a policy of two targets
// than on one without any, where one read for each event tells that there is none.
func TestFollowingServiceLevelsIsFewStatements(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			statements := func(measured bool) (logged, noted, held int) {
				desk, p := tappedDesk(t, e, servicedesk.Config{})
				if measured {
					measure(t, desk.ServiceLevels, deskBoss)
				}
				count := func(do func()) int {
					p.all()
					do()
					ran, transactions := p.all()
					require.Equal(t, 1, transactions, strings.Join(ran, "\n"))
					return len(ran)
				}
				log := func() (i itsmincident.Incident) {
					i, err := desk.Incidents.Log(t.Context(), deskBoss, itsmincident.Report{Title: "The VPN is down", Requester: "rosa"})
					require.NoError(t, err)
					return i
				}
				i := log() // the block of numbers is reserved by the first
				logged = count(func() { i = log() })
				_, err := desk.Incidents.Assign(t.Context(), deskBoss, i.ID, itsmincident.Assignment{Assignee: "ada"})
				require.NoError(t, err)
				_, err = desk.Incidents.Start(t.Context(), deskBoss, i.ID, itsm.Command{})
				require.NoError(t, err)
				noted = count(func() {
					_, err = desk.Incidents.Note(t.Context(), deskBoss, i.ID, itsmincident.Note{Text: "Looked"})
				})
				require.NoError(t, err)
				held = count(func() {
					_, err = desk.Incidents.Hold(t.Context(), deskBoss, i.ID, itsmincident.Hold{HoldReason: itsmincident.HoldCaller, Note: "Please answer"})
				})
				require.NoError(t, err)
				return logged, noted, held
			}
			logged, noted, held := statements(false)
			loggedMore, notedMore, heldMore := statements(true)
			require.Equal(t, 1, loggedMore-logged, "two timers, together")
			require.Equal(t, 1, notedMore-noted, "the timers are read")
			require.Equal(t, 3, heldMore-held, "the timers are read; the one that changed is read for its history, and written")
		})
	}
}

// TestAssessingEntitlementsIsFewStatements counts what reaches the driver more when an incident is logged and noted where an
// agreement entitles. Where none does, what tells it is the read that there is anyway.
func TestAssessingEntitlementsIsFewStatements(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			statements := func(of *sla.Entitlement) (logged, noted, locks int) {
				desk, p := tappedDesk(t, e, servicedesk.Config{})
				if of != nil {
					of.Kind = itsmincident.Kind
					v, err := desk.ServiceLevels.Agreements.Draft(t.Context(), deskBoss, sla.AgreementDraft{Family: "all",
						Set: sla.Agreement{Name: "all", Type: timer.SLA, Provider: "desk", Entitlement: of}})
					require.NoError(t, err)
					_, err = desk.ServiceLevels.Agreements.Activate(t.Context(), deskBoss, v.ID, itsm.Command{})
					require.NoError(t, err)
				}
				count := func(do func()) (n, locks int) {
					p.all()
					do()
					ran, transactions := p.all()
					require.Equal(t, 1, transactions, strings.Join(ran, "\n"))
					for _, s := range ran {
						if isLock(s) {
							locks++
						}
					}
					return len(ran), locks
				}
				var i itsmincident.Incident
				log := func() {
					var err error
					i, err = desk.Incidents.Log(t.Context(), deskBoss, itsmincident.Report{Title: "The VPN is down", Requester: "rosa"})
					require.NoError(t, err)
				}
				log() // the block of numbers is reserved by the first, and what is in force is made ready
				logged, locks = count(log)
				noted, _ = count(func() {
					_, err := desk.Incidents.Note(t.Context(), deskBoss, i.ID, itsmincident.Note{Text: "Looked"})
					require.NoError(t, err)
				})
				return logged, noted, locks
			}
			logged, noted, none := statements(nil)
			require.Zero(t, none)
			free, notedFree, none := statements(&sla.Entitlement{})
			require.Zero(t, none)
			require.Equal(t, []int{1, 0}, []int{free - logged, notedFree - noted}, "the assessment is written")
			taken, notedTaken, locks := statements(&sla.Entitlement{Block: &sla.Block{Unit: sla.UnitRecords, Amount: decimal.NewFromInt(5), Period: sla.PeriodTerm}})
			require.Equal(t, []int{3, 0}, []int{taken - locks - logged, notedTaken - noted}, "the block is read and written too")
			require.LessOrEqual(t, locks, 1)
			asked, notedAsked, none := statements(&sla.Entitlement{Block: &sla.Block{Unit: sla.UnitMinutes, Amount: decimal.NewFromInt(5), Period: sla.PeriodTerm}})
			require.Zero(t, none, "nothing is taken of minutes, and nobody waited for")
			require.Equal(t, []int{2, 0}, []int{asked - logged, notedAsked - noted}, "the block is read")
		})
	}
}

// TestARebuildReadsTheHistoryOnce counts the reads of the events of an incident when its timers, of which there are two, are
// computed anew.
func TestARebuildReadsTheHistoryOnce(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			desk, p := tappedDesk(t, e, servicedesk.Config{})
			measure(t, desk.ServiceLevels, deskBoss)
			i, err := desk.Incidents.Log(t.Context(), deskBoss, itsmincident.Report{Title: "The VPN is down", Requester: "rosa"})
			require.NoError(t, err)
			p.all()
			_, err = desk.ServiceLevels.Rebuild(t.Context(), deskBoss, i.Ref(), itsm.Command{Reason: "Repair"})
			require.NoError(t, err)
			ran, _ := p.all()
			reads := 0
			for _, s := range ran {
				if strings.HasPrefix(s, "SELECT") && strings.Contains(s, `event" `) {
					reads++
				}
			}
			require.Equal(t, 1, reads, strings.Join(ran, "\n"))
		})
	}
}

// TestAListOfTimersIsAsManyStatementsForMany lists the timers of few incidents and of many, for a reader of whom it
// is asked which they may read.
func TestAListOfTimersIsAsManyStatementsForMany(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			desk, p := tappedDesk(t, e, servicedesk.Config{})
			measure(t, desk.ServiceLevels, deskBoss)
			analyst := itsm.Actor{Tenant: acme, ID: "ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}}
			listed := func(incidents int) []string {
				for range incidents {
					_, err := desk.Incidents.Log(t.Context(), deskBoss, itsmincident.Report{Title: "The VPN is down", Requester: "rosa"})
					require.NoError(t, err)
				}
				p.all()
				page, err := desk.ServiceLevels.List(t.Context(), analyst, sla.Query{Limit: 100})
				require.NoError(t, err)
				require.GreaterOrEqual(t, len(page.Items), 2*incidents)
				ran, _ := p.all()
				return ran
			}
			few := listed(2)
			many := listed(40)
			require.Len(t, many, len(few), strings.Join(many, "\n"))
		})
	}
}
