// Command replay reads an incident log of another system, imports it into a store, and reports
// what it finds there.
//
//	go run ./examples/replay incident_event_log.csv.gz
//	go run ./examples/replay -generate 2000
//	go run ./examples/replay -store postgres -dsn postgres://localhost/desk log.csv
//
// The log is ServiceNow's, or any other that a -mapping describes; without one, -generate invents
// a log. Every row of it becomes an event of the library with its own time and author. The report
// is computed from these events, read back from the store, not from the file: what it shows is
// what the library has kept.
//
// With -sla a JSON file of calendars and policies of service levels is attached to the log, and the
// report says how often each target was met, by priority. policies/ holds four: around the clock and in
// office hours, each with and without the time in which an incident waits:
//
//	go run ./examples/replay -generate 2000 -sla examples/replay/policies/d.json
//
// With -db the store stays, and the same command may be stopped and run again: it goes on where it
// ended, and importing twice changes nothing.
package main
