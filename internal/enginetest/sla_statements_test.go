package enginetest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	itsmincident "github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/servicedesk"
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
			require.Equal(t, 2, loggedMore-logged, "two timers")
			require.Equal(t, 1, notedMore-noted, "the timers are read")
			require.Equal(t, 3, heldMore-held, "the timers are read; the one that changed is read for its history, and written")
		})
	}
}
