// This file holds the model and its arithmetic.

package risk

import (
	"fmt"
	"maps"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Level is how risky a change is. Its JSON form is the number; 0 is not assessed.
type Level int8

// The levels.
const (
	LevelNone   Level = 0
	LevelLow    Level = 1
	LevelMedium Level = 2
	LevelHigh   Level = 3
)

// Valid says whether the level is low, medium or high.
func (l Level) Valid() bool { return l >= LevelLow && l <= LevelHigh }

// String gives the name of the level: "low", "medium", "high", and "not assessed" for 0.
func (l Level) String() string {
	switch l {
	case LevelNone:
		return "not assessed"
	case LevelLow:
		return "low"
	case LevelMedium:
		return "medium"
	case LevelHigh:
		return "high"
	}
	return fmt.Sprintf("level %d", int8(l))
}

// Facts are what is known of a change. A factor of which nothing is known is in neither map.
type Facts struct {
	// Numbers are by factors that have bands, Choices by factors that have choices.
	Numbers map[string]int64  `json:"numbers,omitempty"`
	Choices map[string]string `json:"choices,omitempty"`
	// History is what came of earlier changes of the same sort.
	History History `json:"history,omitzero"`
}

// History counts earlier changes of the same sort: those that were implemented, and of these the successful ones.
type History struct {
	Implemented int64 `json:"implemented"`
	Successful  int64 `json:"successful"`
}

// Band gives points to numbers from AtLeast up to the next band.
type Band struct {
	AtLeast int64 `json:"at_least"`
	Points  int   `json:"points"`
}

// Factor is one thing that makes a change more or less risky. It has bands for a number, or choices for a word.
type Factor struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	// Bands stand in ascending order. A number below the first has no points.
	Bands []Band `json:"bands,omitempty"`
	// Choices gives the points of each answer; another answer is a fault.
	Choices map[string]int `json:"choices,omitempty"`
	// Unknown are the points where it is not known.
	Unknown int `json:"unknown,omitempty"`
}

// Override sets a level whatever the sum is: the highest of those that hold, where several set a floor.
type Override struct {
	Name string `json:"name"`
	// Factor is looked at: it holds for a number of at least AtLeast, and for a choice that is Is.
	Factor  string `json:"factor"`
	AtLeast *int64 `json:"at_least,omitempty"`
	Is      string `json:"is,omitempty"`
	// Floor is the least level that the change has then.
	Floor Level `json:"floor"`
}

// Record says what the history of a sort of change is worth. The share of successful ones is in percent, rounded down, of
// at least Least implemented ones; with fewer the history is unknown and has the points of Unknown.
type Record struct {
	Least   int64  `json:"least,omitempty"`
	Bands   []Band `json:"bands,omitempty"`
	Unknown int    `json:"unknown,omitempty"`
}

// Model is a risk model: data that a host can keep and change. Points are whole numbers, and may be negative.
type Model struct {
	Factors []Factor `json:"factors"`
	// History is looked at where it has bands.
	History Record `json:"history,omitzero"`
	// Medium and High are the least scores of these levels; below Medium the level is low.
	Medium    int        `json:"medium"`
	High      int        `json:"high"`
	Overrides []Override `json:"overrides,omitempty"`
}

// Contribution is what one factor adds to the score.
type Contribution struct {
	Factor string `json:"factor"`
	// Value is what was known, "unknown" where nothing was.
	Value  string `json:"value"`
	Points int    `json:"points"`
}

// Assessment is a level with its explanation.
type Assessment struct {
	Level Level `json:"level"`
	// Score is the sum of the points of the contributions, which stand in the order of the model.
	Score         int            `json:"score"`
	Contributions []Contribution `json:"contributions"`
	// ByScore is the level of the score alone, and Overrides are the names of those that hold, in the order of the model.
	ByScore   Level    `json:"by_score"`
	Overrides []string `json:"overrides,omitempty"`
}

// FactorHistory is the name under which the history stands among the contributions.
const FactorHistory = "history"

// unknown is the value of a contribution of which nothing is known.
const unknown = "unknown"

// maxPoints bounds the points of one factor, so that no sum overflows.
const maxPoints = 1_000_000

// maxFactors and the others bound a model.
const (
	maxFactors   = 200
	maxOverrides = 200
	maxChoices   = 200
)

// Validate gives nil, or ErrInvalid with every fault of the model: names that are missing or stand twice, factors with
// both or neither of bands and choices, bands out of order, thresholds out of order, points beyond a million, overrides
// that look at a factor which there is not or in a way that it does not have.
func (m Model) Validate() error {
	var f itsm.Faults
	points := func(field string, p int) {
		if p < -maxPoints || p > maxPoints {
			f.Addf(field, "must be from %d to %d", -maxPoints, maxPoints)
		}
	}
	bands := func(field string, list []Band) {
		for i, b := range list {
			at := fmt.Sprintf("%s[%d]", field, i)
			points(at+".points", b.Points)
			if i > 0 && b.AtLeast <= list[i-1].AtLeast {
				f.Add(at+".at_least", "must be greater than that of the band before")
			}
		}
		if len(list) > maxChoices {
			f.Addf(field, "are %d; at most %d are allowed", len(list), maxChoices)
		}
	}
	if len(m.Factors) > maxFactors {
		f.Addf("factors", "are %d; at most %d are allowed", len(m.Factors), maxFactors)
	}
	if len(m.Overrides) > maxOverrides {
		f.Addf("overrides", "are %d; at most %d are allowed", len(m.Overrides), maxOverrides)
	}
	known := map[string]*Factor{}
	for i := range m.Factors {
		factor, at := &m.Factors[i], fmt.Sprintf("factors[%d]", i)
		f.Text(at+".name", factor.Name, storage.MaxText, true)
		f.Text(at+".title", factor.Title, storage.MaxText, false)
		if known[factor.Name] != nil || factor.Name == FactorHistory {
			f.Addf(at+".name", "is %q, which is taken", factor.Name)
		}
		known[factor.Name] = factor
		if (len(factor.Bands) == 0) == (len(factor.Choices) == 0) {
			f.Add(at, "must have bands or choices, and not both")
		}
		bands(at+".bands", factor.Bands)
		if len(factor.Choices) > maxChoices {
			f.Addf(at+".choices", "are %d; at most %d are allowed", len(factor.Choices), maxChoices)
		}
		for _, choice := range slices.Sorted(maps.Keys(factor.Choices)) {
			f.Text(at+".choices", choice, storage.MaxText, true)
			points(at+".choices."+choice, factor.Choices[choice])
		}
		points(at+".unknown", factor.Unknown)
	}
	bands("history.bands", m.History.Bands)
	points("history.unknown", m.History.Unknown)
	if m.History.Least < 0 {
		f.Add("history.least", "must not be negative")
	}
	if m.High <= m.Medium {
		f.Add("high", "must be greater than medium")
	}
	names := map[string]bool{}
	for i, o := range m.Overrides {
		at := fmt.Sprintf("overrides[%d]", i)
		f.Text(at+".name", o.Name, storage.MaxText, true)
		if names[o.Name] {
			f.Addf(at+".name", "is %q, which is taken", o.Name)
		}
		names[o.Name] = true
		if !o.Floor.Valid() {
			f.Add(at+".floor", "must be 1 (low), 2 (medium) or 3 (high)")
		}
		factor := known[o.Factor]
		switch {
		case factor == nil:
			f.Addf(at+".factor", "is %.64q, which is no factor of the model", o.Factor)
		case len(factor.Bands) > 0 && (o.AtLeast == nil || o.Is != ""):
			f.Add(at, "must have at_least, and not is: its factor is a number")
		case len(factor.Choices) > 0 && (o.AtLeast != nil || o.Is == ""):
			f.Add(at, "must have is, and not at_least: its factor is a choice")
		case len(factor.Choices) > 0:
			if _, ok := factor.Choices[o.Is]; !ok {
				f.Addf(at+".is", "is %.64q, which is no choice of %s", o.Is, o.Factor)
			}
		}
	}
	return f.Err("risk model")
}

// Assess gives the level of risk by the facts, with every contribution. Facts of which the model has no factor add
// nothing. It is ErrInvalid, with every fault, for an answer that is no choice of its factor, a history that cannot be,
// and a model that [Model.Validate] refuses.
func (m Model) Assess(facts Facts) (Assessment, error) {
	if err := m.Validate(); err != nil {
		return Assessment{}, err
	}
	var f itsm.Faults
	var a Assessment
	add := func(factor, value string, points int) {
		a.Contributions = append(a.Contributions, Contribution{Factor: factor, Value: value, Points: points})
		a.Score += points
	}
	for i := range m.Factors {
		factor := &m.Factors[i]
		number, isNumber := facts.Numbers[factor.Name]
		choice, isChoice := facts.Choices[factor.Name]
		switch {
		case len(factor.Bands) > 0 && isNumber:
			add(factor.Name, fmt.Sprint(number), pointsOf(factor.Bands, number))
		case len(factor.Choices) > 0 && isChoice:
			points, ok := factor.Choices[choice]
			if !ok {
				f.Addf(factor.Name, "is %.64q; allowed are %q", choice, slices.Sorted(maps.Keys(factor.Choices)))
			}
			add(factor.Name, choice, points)
		default:
			add(factor.Name, unknown, factor.Unknown)
		}
	}
	h := facts.History
	if h.Implemented < 0 || h.Successful < 0 || h.Successful > h.Implemented {
		f.Add(FactorHistory, "must have no fewer implemented than successful ones, and neither negative")
	}
	if err := f.Err("risk facts"); err != nil {
		return Assessment{}, err
	}
	if len(m.History.Bands) > 0 {
		if h.Implemented > 0 && h.Implemented >= m.History.Least {
			add(FactorHistory, fmt.Sprintf("%d of %d successful", h.Successful, h.Implemented), pointsOf(m.History.Bands, share(h)))
		} else {
			add(FactorHistory, unknown, m.History.Unknown)
		}
	}
	switch {
	case a.Score >= m.High:
		a.ByScore = LevelHigh
	case a.Score >= m.Medium:
		a.ByScore = LevelMedium
	default:
		a.ByScore = LevelLow
	}
	a.Level = a.ByScore
	for _, o := range m.Overrides {
		if o.holds(facts) {
			a.Overrides = append(a.Overrides, o.Name)
			a.Level = max(a.Level, o.Floor)
		}
	}
	return a, nil
}

// share is the percentage of successful ones, rounded down, without an overflow.
func share(h History) int64 {
	if h.Implemented > 1<<50 {
		return h.Successful / (h.Implemented / 100)
	}
	return h.Successful * 100 / h.Implemented
}

// pointsOf gives those of the last band that the number reaches.
func pointsOf(bands []Band, n int64) int {
	points := 0
	for _, b := range bands {
		if n < b.AtLeast {
			break
		}
		points = b.Points
	}
	return points
}

func (o *Override) holds(facts Facts) bool {
	if o.AtLeast != nil {
		n, known := facts.Numbers[o.Factor]
		return known && n >= *o.AtLeast
	}
	choice, known := facts.Choices[o.Factor]
	return known && choice == o.Is
}

// Unknown names the factors of which the facts tell nothing, in the order of the model.
func (m Model) Unknown(facts Facts) []string {
	var names []string
	for i := range m.Factors {
		factor := &m.Factors[i]
		_, isNumber := facts.Numbers[factor.Name]
		_, isChoice := facts.Choices[factor.Name]
		if len(factor.Bands) > 0 && !isNumber || len(factor.Choices) > 0 && !isChoice {
			names = append(names, factor.Name)
		}
	}
	return names
}
