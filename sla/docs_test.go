package sla_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/generated"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/timer"
)

// The picture and the table of docs/sla.md are those of the example. Run with -update to write them anew.
func TestL24ThePictureOfTheWorkedExampleIsComputed(t *testing.T) {
	ctx := context.Background()
	s, err := open()
	require.NoError(t, err)
	require.NoError(t, s.agree(ctx))
	var r Repair
	s.put(ctx, "2026-11-27 15:00", &r, itsm.CategoryActive, "")
	s.put(ctx, "2026-11-30 13:00", &r, itsm.CategoryWaiting, "parts")
	s.put(ctx, "2026-12-02 09:00", &r, itsm.CategoryActive, "")
	timers, err := s.levels.Of(ctx, s.mona, itsm.Ref{Kind: "repair", ID: r.ID})
	require.NoError(t, err)
	due := timers[0].Due
	s.put(ctx, "2026-12-02 11:00", &r, itsm.CategoryResolved, "")
	x, err := s.levels.Explain(ctx, s.mona, timers[0].ID, -1, s.now)
	require.NoError(t, err)
	require.Equal(t, timer.OutcomeMet, x.Reading.Outcome)

	var b strings.Builder
	b.WriteString("```\n")
	begin := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	for day := range 6 {
		date := begin.AddDate(0, 0, day)
		if date.Weekday() == time.Saturday || date.Weekday() == time.Sunday {
			continue
		}
		if day == 0 {
			fmt.Fprintf(&b, "%-8s%s\n", "", "09  10  11  12  13  14  15  16  17")
		}
		line := ""
		for slot := range 33 {
			from := date.Add(9*time.Hour + time.Duration(slot)*15*time.Minute)
			sign := "."
			for _, segment := range x.Segments {
				if from.Before(segment.From) || !from.Before(segment.To) {
					continue
				}
				switch segment.Reason {
				case timer.ReasonOpen:
					sign = "#"
				case timer.ReasonPaused:
					sign = "-"
				}
			}
			if slot == 32 {
				sign = " "
			}
			if from.Equal(due) {
				sign = "|"
			}
			line += sign
		}
		fmt.Fprintf(&b, "%-8s%s\n", date.Format("Mon 02"), strings.TrimRight(line, " "))
	}
	b.WriteString("# counts   - paused: parts   . neither   | due\n```\n\n| From | To | | Counts | Open time in it |\n|---|---|---|---|---|\n")
	for _, segment := range x.Segments {
		counts := "–"
		if segment.Counted {
			counts = segment.Open.String()
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", segment.From.Format("Mon 15:04"), segment.To.Format("Mon 15:04"),
			strings.TrimSpace(string(segment.Reason)+" "+segment.Name), counts, segment.Open)
	}
	fmt.Fprintf(&b, "\nIt is due %s, %s of open time after the beginning and without the pause, and met then.\n", due.Format("Mon 15:04"), x.Reading.Goal)

	generated.Parts(t, "../docs/sla.md", map[string]string{"example": b.String()})
}
