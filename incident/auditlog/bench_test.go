package auditlog_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident/auditlog"
)

// One operation is a log of 500 incidents.
func BenchmarkReader(b *testing.B) {
	var log bytes.Buffer
	require.NoError(b, auditlog.Generate(&log, 500, 1))
	b.SetBytes(int64(log.Len()))
	for b.Loop() {
		r, err := auditlog.NewReader(bytes.NewReader(log.Bytes()), auditlog.Mapping{})
		require.NoError(b, err)
		rows := 0
		for _, err := range r.Rows() {
			if err == nil {
				rows++
			}
		}
		require.Greater(b, rows, 2000)
	}
}
