// Package risk says how risky a change is, and why: an additive model of factors whose points are data, with thresholds
// for the levels, named overrides that no sum can outvote, and the history of changes of the same sort.
//
// It is pure arithmetic of integers. [Model.Assess] gives the level with every contribution, so that whoever asks why
// gets the sum:
//
//	a, err := risk.StandardModel().Assess(risk.Facts{Numbers: map[string]int64{risk.FactorServices: 3}})
//	fmt.Println(a.Level, a.Score, a.Contributions)
//
// What is not known counts as the points that its factor gives to the unknown, and is told so: nothing is left out in
// silence.
package risk
