package risk_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/change/risk"
	"github.com/itsmkit/itsmkit/itsm"
)

func TestC13TheLevelIsTheSumWithEveryContributionTold(t *testing.T) {
	a, err := risk.StandardModel().Assess(risk.Facts{
		Numbers: map[string]int64{risk.FactorServices: 3, risk.FactorCriticality: 3, risk.FactorItems: 1, risk.FactorOutage: 45},
		Choices: map[string]string{risk.FactorBackout: risk.BackoutManual, risk.FactorTested: risk.TestedFully},
		History: risk.History{Implemented: 10, Successful: 8},
	})
	require.NoError(t, err)
	require.Equal(t, risk.Assessment{
		Level: risk.LevelMedium, ByScore: risk.LevelMedium, Score: 2 + 2 + 0 + 2 + 0 + 1 + 0 + 1 + 2,
		Contributions: []risk.Contribution{
			{Factor: "services", Value: "3", Points: 2}, {Factor: "criticality", Value: "3", Points: 2}, {Factor: "items", Value: "1"},
			{Factor: "outage_minutes", Value: "45", Points: 2}, {Factor: "conflicts", Value: "unknown"}, {Factor: "backout", Value: "manual", Points: 1},
			{Factor: "tested", Value: "fully"}, {Factor: "experience", Value: "unknown", Points: 1}, {Factor: "history", Value: "8 of 10 successful", Points: 2},
		},
	}, a)
}

func TestC13NoSumOutvotesAnOverride(t *testing.T) {
	easy := risk.Facts{
		Numbers: map[string]int64{risk.FactorServices: 0, risk.FactorCriticality: 0, risk.FactorItems: 1, risk.FactorOutage: 0},
		Choices: map[string]string{risk.FactorBackout: risk.BackoutImpossible, risk.FactorTested: risk.TestedNot, risk.FactorExperience: risk.ExperienceOften},
	}
	a, err := risk.StandardModel().Assess(easy)
	require.NoError(t, err)
	require.Equal(t, risk.LevelHigh, a.Level)
	require.Equal(t, risk.LevelMedium, a.ByScore)
	require.Equal(t, []string{"no way back", "not tested"}, a.Overrides)
}

func TestC13AModelIsRefusedWithEveryFault(t *testing.T) {
	one := int64(1)
	_, err := risk.Model{
		Factors: []risk.Factor{
			{Name: "a", Bands: []risk.Band{{AtLeast: 2, Points: 1}, {AtLeast: 2, Points: 2}}},
			{Name: "a", Choices: map[string]int{"x": 2_000_000}},
			{Name: "b"},
		},
		Medium: 5, High: 5,
		Overrides: []risk.Override{{Name: "o", Factor: "c", AtLeast: &one, Floor: 9}},
	}.Assess(risk.Facts{})
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	var fields []string
	for _, f := range invalid.Faults {
		fields = append(fields, f.Field)
	}
	require.Equal(t, []string{"factors[0].bands[1].at_least", "factors[1].name", "factors[1].choices.x", "factors[2]", "high",
		"overrides[0].floor", "overrides[0].factor"}, fields)

	_, err = risk.StandardModel().Assess(risk.Facts{Choices: map[string]string{risk.FactorTested: "maybe"}, History: risk.History{Implemented: 1, Successful: 2}})
	require.ErrorIs(t, err, itsm.ErrInvalid)
	require.ErrorContains(t, err, "tested")
	require.ErrorContains(t, err, "history")
}

// The score is the sum of its contributions, one for each factor, and overrides only ever raise the level.
func TestC13TheExplanationAddsUp(t *testing.T) {
	m := risk.StandardModel()
	rapid.Check(t, func(t *rapid.T) {
		facts := risk.Facts{Numbers: map[string]int64{}, Choices: map[string]string{}}
		for _, f := range m.Factors {
			if !rapid.Bool().Draw(t, "known "+f.Name) {
				continue
			}
			if len(f.Bands) > 0 {
				facts.Numbers[f.Name] = rapid.Int64Range(-5, 500).Draw(t, f.Name)
				continue
			}
			var choices []string
			for c := range f.Choices {
				choices = append(choices, c)
			}
			facts.Choices[f.Name] = rapid.SampledFrom(slices.Sorted(slices.Values(choices))).Draw(t, f.Name)
		}
		facts.History.Implemented = rapid.Int64Range(0, 50).Draw(t, "implemented")
		facts.History.Successful = rapid.Int64Range(0, facts.History.Implemented).Draw(t, "successful")
		a, err := m.Assess(facts)
		require.NoError(t, err)
		sum := 0
		for _, c := range a.Contributions {
			sum += c.Points
		}
		require.Equal(t, sum, a.Score)
		require.Len(t, a.Contributions, len(m.Factors)+1)
		require.GreaterOrEqual(t, a.Level, a.ByScore)
		require.Equal(t, a.ByScore == risk.LevelHigh, a.Score >= m.High)
		require.Equal(t, a.ByScore == risk.LevelLow, a.Score < m.Medium)
		again, err := m.Assess(facts)
		require.NoError(t, err)
		require.Equal(t, a, again)
	})
}

func ExampleModel_Assess() {
	a, err := risk.StandardModel().Assess(risk.Facts{
		Numbers: map[string]int64{risk.FactorServices: 1, risk.FactorCriticality: 2, risk.FactorItems: 2, risk.FactorOutage: 0, risk.FactorConflicts: 0},
		Choices: map[string]string{risk.FactorBackout: risk.BackoutManual, risk.FactorTested: risk.TestedNot, risk.FactorExperience: risk.ExperienceOften},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range a.Contributions {
		if c.Points != 0 {
			fmt.Printf("%s: %s, %d\n", c.Factor, c.Value, c.Points)
		}
	}
	fmt.Println(a.Score, a.Level, a.Overrides)
	// Output:
	// services: 1, 1
	// criticality: 2, 1
	// items: 2, 1
	// backout: manual, 1
	// tested: not, 4
	// 8 medium [not tested]
}
