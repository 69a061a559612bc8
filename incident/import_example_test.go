package incident_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/incident/auditlog"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func ExamplePractice_Import() {
	const log = `number,incident_state,sys_updated_at,sys_updated_by,short_description,opened_at,resolved_at
INC0000045,New,29/2/2016 01:23,Ann,No mail,29/2/2016 01:16,29/2/2016 11:29
INC0000045,Awaiting User Info,29/2/2016 08:53,Bob,No mail,29/2/2016 01:16,29/2/2016 11:29
INC0000045,Resolved,29/2/2016 11:29,Bob,No mail,29/2/2016 01:16,29/2/2016 11:29
INC0000066,New,29/2/2016 08:03,Ann,Printer on fire,29/2/2016 08:03,?
INC0000066,Closed,someday,Ann,Printer on fire,29/2/2016 08:03,?
INC0000066,Closed,29/2/2016 12:00,Ann,Printer on fire,29/2/2016 08:03,?
`
	ctx := context.Background()
	now := func() time.Time { return time.Date(2016, 3, 1, 0, 0, 0, 0, time.UTC) }
	e, err := engine.New(memory.New(), engine.Options{Clock: now})
	if err != nil {
		fmt.Println(err)
		return
	}
	incidents, err := incident.New(e, incident.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ina := itsm.Actor{Tenant: "acme", ID: "ina", Name: "Ina", Roles: []itsm.RoleName{itsm.RoleIncidentManager}}

	rows, err := auditlog.NewReader(strings.NewReader(log), auditlog.Mapping{})
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := incidents.Import(ctx, ina, "servicenow", rows.Rows(), incident.ImportOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Created, "incidents of", report.Imported, "rows")
	for _, f := range report.Faults {
		fmt.Println("line", f.Line, f.Faults[0].Field, f.Faults[0].Problem)
	}
	for _, s := range report.Stops {
		fmt.Println("line", s.Line, s.Source, "cannot go from", s.From, "to", s.To)
	}

	i, err := incidents.GetByNumber(ctx, ina, "INC0000045")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(i.Number, i.Title, i.State, i.ResolvedAt.Sub(i.Reported))
	timeline, err := incidents.Timeline(ctx, ina, i.ID)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, entry := range timeline {
		fmt.Println(entry.At.Format(time.DateTime), entry.Event.ActorName, entry.Event.Action, entry.Event.To)
	}
	// Output:
	// 2 incidents of 5 rows
	// line 6 sys_updated_at must be a time written as "2/1/2006 15:04"
	// line 7 INC0000066 cannot go from new to closed
	// INC0000045 No mail resolved 10h13m0s
	// 2016-02-29 01:23:00 Ann import new
	// 2016-02-29 08:53:00 Bob import on_hold
	// 2016-02-29 11:29:00 Bob import resolved
	// 2016-03-01 00:00:00 Ina import
}
