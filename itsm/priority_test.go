package itsm_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
)

func TestI3TheStandardMatrix(t *testing.T) {
	m := itsm.StandardPriorityMatrix()
	for _, c := range []struct {
		i    itsm.Impact
		u    itsm.Urgency
		want itsm.Priority
	}{
		{1, 1, 1}, {1, 2, 2}, {1, 3, 3},
		{2, 1, 2}, {2, 2, 3}, {2, 3, 4},
		{3, 1, 3}, {3, 2, 4}, {3, 3, 4},
	} {
		p, err := m.Of(c.i, c.u)
		require.NoError(t, err)
		require.Equal(t, c.want, p, "impact %d, urgency %d", c.i, c.u)
	}
	same, err := itsm.NewPriorityMatrix(m.Entries())
	require.NoError(t, err)
	require.Equal(t, m, same)
	m.Entries()[1][1] = 5
	p, _ := m.Of(1, 1)
	require.Equal(t, itsm.PriorityCritical, p, "the entries are a copy")
}

func TestAnUnsetImpactOrUrgencyHasNoPriority(t *testing.T) {
	_, err := itsm.StandardPriorityMatrix().Of(0, 4)
	require.EqualError(t, err, "priority: invalid: impact must be 1, 2 or 3, not 0; urgency must be 1, 2 or 3, not 4")
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

func TestAMatrixHasNoHolesAndFallsNowhere(t *testing.T) {
	type entries = map[itsm.Impact]map[itsm.Urgency]itsm.Priority
	row := func(p ...itsm.Priority) map[itsm.Urgency]itsm.Priority {
		return map[itsm.Urgency]itsm.Priority{1: p[0], 2: p[1], 3: p[2]}
	}
	for name, c := range map[string]struct {
		entries entries
		want    []itsm.Fault
	}{
		"holes": {entries{1: row(1, 2, 3), 2: {1: 2, 3: 4}, 3: row(3, 4, 5)}, []itsm.Fault{{Field: "impact 2, urgency 2", Problem: "is required"}}},
		"unknown values": {entries{1: row(1, 2, 3), 2: row(2, 3, 4), 3: row(3, 4, 6), 4: {1: 5}},
			[]itsm.Fault{{Field: "impact 3, urgency 3", Problem: "must be a priority from 1 to 5, not 6"},
				{Field: "entries", Problem: "hold an impact or urgency other than 1, 2 and 3"}}},
		"falls": {entries{1: row(1, 2, 3), 2: row(2, 1, 4), 3: row(3, 4, 4)},
			[]itsm.Fault{{Field: "impact 2, urgency 2", Problem: "is more urgent than the entry for the next higher impact"},
				{Field: "impact 2, urgency 2", Problem: "is more urgent than the entry for the next higher urgency"}}},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := itsm.NewPriorityMatrix(c.entries)
			require.Nil(t, m)
			var invalid *itsm.ValidationError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, c.want, invalid.Faults)
		})
	}
	_, err := itsm.NewPriorityMatrix(nil)
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

func TestMoreImpactOrUrgencyNeverMeansLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := map[itsm.Impact]map[itsm.Urgency]itsm.Priority{}
		for i := itsm.Impact(1); i <= 3; i++ {
			entries[i] = map[itsm.Urgency]itsm.Priority{}
			for u := itsm.Urgency(1); u <= 3; u++ {
				// Near a monotone matrix, so that both outcomes are frequent.
				entries[i][u] = itsm.Priority(min(5, int(i)+int(u)-1+rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 1, 2}).Draw(t, "more")))
			}
		}
		monotone := true
		for i := itsm.Impact(1); i <= 3; i++ {
			for u := itsm.Urgency(1); u <= 3; u++ {
				for i2 := i; i2 <= 3; i2++ {
					for u2 := u; u2 <= 3; u2++ {
						monotone = monotone && entries[i][u] <= entries[i2][u2]
					}
				}
			}
		}
		m, err := itsm.NewPriorityMatrix(entries)
		require.Equal(t, monotone, err == nil)
		if err == nil {
			require.Equal(t, entries, m.Entries())
		}
	})
}

func TestPrioritiesReadAsNumberAndName(t *testing.T) {
	require.Equal(t, "1 - Critical", itsm.PriorityCritical.String())
	require.Equal(t, "3 - Moderate", itsm.PriorityModerate.String())
	require.Equal(t, "5 - Planning", itsm.PriorityPlanning.String())
	require.Equal(t, "1 - High", itsm.ImpactHigh.String())
	require.Equal(t, "3 - Low", itsm.UrgencyLow.String())
	require.Equal(t, "not set", itsm.Priority(0).String())
	require.Equal(t, "9 - unknown", itsm.Urgency(9).String())
	require.Equal(t, "-1 - unknown", itsm.Impact(-1).String())
	require.False(t, itsm.Priority(0).Valid())
	require.False(t, itsm.Priority(6).Valid())
	require.True(t, itsm.PriorityPlanning.Valid())
}

func TestPrioritiesAreNumbersInJSON(t *testing.T) {
	raw, err := json.Marshal(map[string]any{"p": itsm.PriorityHigh, "m": itsm.StandardPriorityMatrix().Entries()})
	require.NoError(t, err)
	require.JSONEq(t, `{"p":2,"m":{"1":{"1":1,"2":2,"3":3},"2":{"1":2,"2":3,"3":4},"3":{"1":3,"2":4,"3":4}}}`, string(raw))
}
