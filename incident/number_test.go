package incident_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

func TestNumbersPassOverImportedOnes(t *testing.T) {
	d := newImportDesk(t, incident.Options{})
	log := func() string {
		i, err := d.incidents.Log(context.Background(), importActor, incident.Report{Title: "Down", Requester: "rita"})
		require.NoError(t, err)
		return i.Number
	}
	var rows []incident.HistoryEntry
	for _, number := range []string{"INC0000002", "INC0000003", "INC0001000", "INCIDENT7"} {
		rows = append(rows, incident.HistoryEntry{Line: len(rows) + 2, Source: number, At: importNow, Author: "a", SourceState: "New", State: "new", Opened: importNow})
	}
	require.Equal(t, "INC0000001", log())
	d.load(t, rows, incident.ImportOptions{})
	require.Equal(t, "INC0001001", log(), "it goes on behind the highest, and what only looks like a number of its own stops nothing")
}

func TestAnImportMayComeBetweenANumberAndItsUse(t *testing.T) {
	// The numbers were reserved before the import came, as those of another process are.
	d := newImportDesk(t, incident.Options{})
	ctx := context.Background()
	report := incident.Report{Title: "Down", Requester: "rita"}
	first, err := d.incidents.Log(ctx, importActor, report)
	require.NoError(t, err)
	require.Equal(t, "INC0000001", first.Number)
	for _, number := range []string{"INC0000002", "INC0000007"} {
		taken := incident.Incident{Head: incident.Head{Number: number, Title: "Theirs", State: incident.StateNew, Open: true, Priority: 3,
			Impact: itsm.ImpactLow, Urgency: itsm.UrgencyLow, Channel: incident.ChannelOther, Requester: "rita", Reported: importNow}}
		taken.ID = itsm.ID("other-" + number)
		require.NoError(t, d.store.Update(ctx, importActor.Tenant, func(ctx context.Context, tx storage.Tx) error {
			return incident.Table.Put(ctx, tx, &taken)
		}))
	}
	for _, number := range []string{"INC0000003", "INC0000004", "INC0000005", "INC0000006", "INC0000008"} {
		next, err := d.incidents.Log(ctx, importActor, report)
		require.NoError(t, err)
		require.Equal(t, number, next.Number)
		entries, err := d.incidents.Timeline(ctx, importActor, next.ID)
		require.NoError(t, err)
		require.Contains(t, fmt.Sprint(entries[0].Event.Data), number)
	}
}
