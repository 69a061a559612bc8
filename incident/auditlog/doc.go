// Package auditlog reads the audit logs of other systems: one row for each change of an
// incident, as ServiceNow exports them, in CSV, gzipped or not. It reads and checks; what to do
// with the rows is the caller's, and incident.Practice.Import is one thing to do with them. The
// package needs no store, no clock and no engine.
//
//	log, err := auditlog.Open("incident_event_log.csv.gz", auditlog.Mapping{})
//	…
//	defer log.Close()
//	for row, err := range log.Rows() {
//		…
//	}
//
// A log is read as a stream: memory does not grow with its length. A row that cannot be read (a
// wrong number of fields, a time that is none, no incident's number) is given as a [*RowError]
// with its line and everything that is wrong with it, and the rows after it are read all the
// same. Any other error ends the log.
//
// A [Mapping] says how columns and values are to be understood. It is data, and can be kept as
// JSON. Its zero value understands ServiceNow's incident log with the columns of the public
// "Incident management process enriched event log" (Amaral, Fantinato, Peres 2018,
// doi:10.24432/C57S4H); what another system calls otherwise is said by the options. Nothing is
// lost: a column that no field takes is kept as text in [Entry.Values].
//
// [Generate] writes a log of the same form for those who have none at hand.
package auditlog
