// This file holds the model that is shipped.

package risk

// The factors of the standard model.
const (
	// FactorServices is the number of services that would be impaired if the change's configuration items failed.
	FactorServices = "services"
	// FactorCriticality is the highest criticality of the configuration items that would be impaired, on a scale on which
	// 5 and more is the greatest.
	FactorCriticality = "criticality"
	// FactorItems is the number of configuration items that are changed.
	FactorItems = "items"
	// FactorOutage is the length of the planned outage in minutes.
	FactorOutage = "outage_minutes"
	// FactorBackout says how the change can be taken back: see the choices.
	FactorBackout = "backout"
	// FactorTested says how it was tested.
	FactorTested = "tested"
	// FactorExperience says whether it has been done before.
	FactorExperience = "experience"
	// FactorConflicts is the number of conflicts with other changes and windows.
	FactorConflicts = "conflicts"
)

// The choices of the standard model.
const (
	BackoutAutomatic  = "automatic"
	BackoutManual     = "manual"
	BackoutImpossible = "impossible"

	TestedFully  = "fully"
	TestedPartly = "partly"
	TestedNot    = "not"

	ExperienceOften = "often"
	ExperienceSome  = "some"
	ExperienceNone  = "none"
)

// StandardModel is the model that is shipped: below 7 points low, from 7 medium, from 14 high. No test, no way
// back, an item of the greatest criticality and twenty services are floors, whatever the sum is.
func StandardModel() Model {
	most, many := int64(5), int64(20)
	return Model{
		Factors: []Factor{
			{Name: FactorServices, Title: "Services that would be impaired", Bands: []Band{{1, 1}, {3, 2}, {10, 4}}, Unknown: 2},
			{Name: FactorCriticality, Title: "Criticality of what would be impaired", Bands: []Band{{2, 1}, {3, 2}, {4, 3}, {5, 5}}, Unknown: 1},
			{Name: FactorItems, Title: "Configuration items", Bands: []Band{{2, 1}, {10, 2}, {50, 3}}},
			{Name: FactorOutage, Title: "Planned outage in minutes", Bands: []Band{{1, 1}, {30, 2}, {120, 3}}},
			{Name: FactorConflicts, Title: "Conflicts", Bands: []Band{{1, 2}, {3, 4}}},
			{Name: FactorBackout, Title: "Way back", Choices: map[string]int{BackoutAutomatic: 0, BackoutManual: 1, BackoutImpossible: 5}, Unknown: 2},
			{Name: FactorTested, Title: "Tests", Choices: map[string]int{TestedFully: 0, TestedPartly: 2, TestedNot: 4}, Unknown: 2},
			{Name: FactorExperience, Title: "Experience", Choices: map[string]int{ExperienceOften: 0, ExperienceSome: 1, ExperienceNone: 3}, Unknown: 1},
		},
		History: Record{Least: 5, Bands: []Band{{0, 4}, {70, 2}, {90, 0}, {98, -1}}},
		Medium:  7, High: 14,
		Overrides: []Override{
			{Name: "no way back", Factor: FactorBackout, Is: BackoutImpossible, Floor: LevelHigh},
			{Name: "not tested", Factor: FactorTested, Is: TestedNot, Floor: LevelMedium},
			{Name: "of the greatest criticality", Factor: FactorCriticality, AtLeast: &most, Floor: LevelMedium},
			{Name: "twenty services or more", Factor: FactorServices, AtLeast: &many, Floor: LevelHigh},
		},
	}
}
