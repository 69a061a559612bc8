package calendar_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/sla/calendar"
)

func TestATimeOfDaySaysWhetherItIsOne(t *testing.T) {
	for _, at := range []calendar.TimeOfDay{calendar.KeepTime, calendar.EndOfDay, "00:00", "16:00", "16:00:30", "24:00"} {
		require.True(t, at.Valid(), at)
	}
	for _, at := range []calendar.TimeOfDay{"", "noon", "24:01", "9:00", "16:00:30.5", "-1:00", "16"} {
		require.False(t, at.Valid(), at)
	}
}
