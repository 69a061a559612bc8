package incident_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
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
	require.Equal(t, "INC0000004", log(), "what only looks like a number of its own stops nothing")
	far := []incident.HistoryEntry{{Line: 2, Source: "INC0001000", At: importNow, Author: "a", SourceState: "New", State: "new", Opened: importNow}}
	e := newImportDesk(t, incident.Options{})
	dense := append(far, incident.HistoryEntry{Line: 3, Source: "INC0000001", At: importNow, Author: "a", SourceState: "New", State: "new", Opened: importNow})
	e.load(t, dense, incident.ImportOptions{})
	i, err := e.incidents.Log(context.Background(), importActor, incident.Report{Title: "Down", Requester: "rita"})
	require.NoError(t, err)
	require.Equal(t, "INC0001001", i.Number, "it goes on behind the highest")
}
