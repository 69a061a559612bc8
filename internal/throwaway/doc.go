// Package throwaway starts database servers that live for one test run, from the binaries that
// Debian's packages install.
//
// A server gets a new directory for its data, a free port on 127.0.0.1 and a superuser without a
// password; nothing of a server that runs on the machine already is touched or used. Started by
// root, it runs as the account that the package made for it, as database servers refuse root.
// [Server.Stop] ends it by the process id it was started with and removes the directory. A
// program that dies first, even by SIGKILL, leaves nothing behind either: a small shell that
// waits for the end of the program then does the same.
//
// A test takes a server of its own from [PostgreSQLForTest] or [MariaDBForTest] when it kills or
// restarts it, and otherwise a database of its own in the one server of the test binary:
//
//	func TestMain(m *testing.M) { os.Exit(throwaway.Run(m)) }
//
//	func TestSomething(t *testing.T) {
//		dsn := throwaway.SharedPostgreSQL(t).DatabaseForTest(t)
//		…
//	}
//
// [PostgreSQLPairForTest] gives a server with a synchronous replica, to promote; [GaleraForTest]
// and [SharedGalera] a MariaDB cluster of three nodes that all take writes.
//
// Where the binaries are not installed such a test is skipped, but fails when the environment
// variable CI is set: an engine that CI does not have is not tested.
//
// Servers run on Linux only; elsewhere every engine counts as not installed.
package throwaway
