package auditlog_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/itsmkit/itsmkit/incident/auditlog"
)

func ExampleReader_Rows() {
	const log = `number,incident_state,sys_updated_at,sys_updated_by
INC0000045,New,29/2/2016 01:23,Ann
INC0000045,Awaiting User Info,29/2/2016 08:53,Bob
INC0000045,Resolved,31/2/2016 11:29,Bob
INC0000045,Closed,5/3/2016 12:00,Bob
`
	rows, err := auditlog.NewReader(strings.NewReader(log), auditlog.Mapping{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for row, err := range rows.Rows() {
		var faulty *auditlog.RowError
		switch {
		case errors.As(err, &faulty):
			fmt.Println("faulty:", faulty)
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Println(row.At.Format("2006-01-02 15:04"), row.SourceState, "is", strings.TrimSuffix(row.State+", "+row.HoldReason, ", "))
		}
	}
	// Output:
	// 2016-02-29 01:23 New is new
	// 2016-02-29 08:53 Awaiting User Info is on_hold, caller
	// faulty: line 4 (INC0000045): sys_updated_at must be a time written as "2/1/2006 15:04"
	// 2016-03-05 12:00 Closed is closed
}

func ExampleParseMapping() {
	m, err := auditlog.ParseMapping([]byte(`{
		"comma": ";", "time_layouts": ["2006-01-02 15:04:05"], "time_zone": "Europe/Berlin",
		"columns": {"source": "Ticket", "at": "Changed", "state": "Status"},
		"states": {"open": {"state": "new"}, "pending*": {"state": "on_hold", "hold_reason": "caller"}}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	rows, err := auditlog.NewReader(strings.NewReader("Ticket;Changed;Status\n4711;2026-07-01 12:00:00;pending reply\n"), m)
	if err != nil {
		fmt.Println(err)
		return
	}
	row, err := rows.Next()
	fmt.Println(row.Source, row.State, row.At, err)
	// Output:
	// 4711 on_hold 2026-07-01 10:00:00 +0000 UTC <nil>
}
