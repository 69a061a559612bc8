//go:build race

package enginetest_test

var engines = []engine{sqliteC, postgreSQL, mariaDB}

// suiteEngines are those on which the practices' suites run: on servers they run without the race detector, which makes
// them several times as long. What a race on a server alone could be in is the store and the engine, whose suites run on all.
var suiteEngines = []engine{sqliteC}

// sequences is how many random sequences of commands a model test runs on an engine.
const sequences = "5"

// clusters are left out: what a race would be in is the same on one server.
var clusters []site
