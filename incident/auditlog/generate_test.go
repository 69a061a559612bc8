package auditlog_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident/auditlog"
	"github.com/itsmkit/itsmkit/itsm"
)

func generated(t *testing.T, n int, seed uint64) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, auditlog.Generate(&b, n, seed))
	return b.String()
}

func TestAGeneratedLogIsTheSameForTheSameSeed(t *testing.T) {
	require.Equal(t, generated(t, 200, 7), generated(t, 200, 7))
	require.NotEqual(t, generated(t, 200, 7), generated(t, 200, 8))
	require.ErrorIs(t, auditlog.Generate(&bytes.Buffer{}, -1, 0), itsm.ErrInvalid)
	require.Equal(t, 1, strings.Count(generated(t, 0, 1), "\n"), "the header alone")
}

func TestAGeneratedLogHasWhatRealLogsHave(t *testing.T) {
	const n = 1000
	got := readAll(t, generated(t, n, 1), auditlog.Mapping{})
	require.NoError(t, got.err)
	require.Len(t, got.faulty, n/100)

	rows := map[string][]auditlog.Entry{}
	unknown := 0
	for _, e := range got.entries {
		rows[e.Source] = append(rows[e.Source], e)
		if e.State == "" {
			unknown++
			require.Equal(t, "-100", e.SourceState)
		}
	}
	require.InDelta(t, n, len(rows), 1, "one may have lost its only row")
	require.Greater(t, unknown, 0)
	var midLife, ties, back, reassigned, reopened, held, refused int
	for source, list := range rows {
		if list[0].State != "new" {
			midLife++
		}
		last := list[len(list)-1]
		if last.Reassignments > 0 {
			reassigned++
		}
		if last.Reopens > 0 {
			reopened++
		}
		for i, e := range list {
			require.False(t, e.Opened.IsZero())
			require.False(t, e.Closed.IsZero(), source)
			require.Equal(t, last.Closed, e.Closed, "final values stand on every row")
			if e.State == "on_hold" {
				held++
			}
			if i == 0 {
				continue
			}
			before := list[i-1]
			switch {
			case e.At.Equal(before.At):
				ties++
			case e.At.Before(before.At):
				back++
			}
			if before.State == "new" && e.State == "closed" {
				refused++
			}
		}
	}
	require.InDelta(t, n/3, midLife, n/20)
	for name, count := range map[string]int{"ties": ties, "back": back, "reassigned": reassigned, "reopened": reopened, "held": held, "refused": refused} {
		require.Greater(t, count, 0, name)
	}
	require.Less(t, refused, n/50)
	require.Less(t, back, n/50)
	require.Equal(t, time.UTC, got.entries[0].At.Location())
}
