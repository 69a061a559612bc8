//go:build race

package enginetest_test

var engines = []engine{sqliteC, postgreSQL, mariaDB}

// suiteEngines are those on which the practices' suites run: on MariaDB they run without the race
// detector, as each case makes a database of its own there, which takes it long.
var suiteEngines = []engine{sqliteC, postgreSQL}

// sequences is how many random sequences of commands a model test runs on an engine.
const sequences = "5"

// clusters are left out: what a race would be in is the same on one server.
var clusters []site
