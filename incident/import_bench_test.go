package incident_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/incident/auditlog"
)

// One operation is a log of 500 incidents.
func BenchmarkImport(b *testing.B) {
	var log bytes.Buffer
	require.NoError(b, auditlog.Generate(&log, 500, 1))
	load := func(d *importDesk) int {
		r, err := auditlog.NewReader(bytes.NewReader(log.Bytes()), auditlog.Mapping{})
		require.NoError(b, err)
		report, err := d.incidents.Import(context.Background(), importActor, "legacy", r.Rows(), incident.ImportOptions{})
		require.NoError(b, err)
		return report.Rows
	}
	b.Run("new", func(b *testing.B) {
		rows := 0
		for b.Loop() {
			rows += load(newImportDesk(b, incident.Options{}))
		}
		b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("again", func(b *testing.B) {
		d := newImportDesk(b, incident.Options{})
		rows := -load(d)
		for b.Loop() {
			rows += load(d)
		}
		b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	})
}
