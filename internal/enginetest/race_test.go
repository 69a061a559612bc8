//go:build race

package enginetest_test

var engines = []engine{sqliteC, postgreSQL}
