// This file holds the timers of service levels at the desk.

package servicedesk

import (
	"context"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// serviceLevels makes the practice of service levels, for incidents and the host's own kinds of record.
func (d *Desk) serviceLevels(c Config) (err error) {
	table := d.Incidents.Table()
	o := c.SLA
	o.Kinds = append([]sla.RecordKind{{
		Schema: table.Schema(), Fields: c.Incident.Fields, HoldReason: incident.ByHoldReason.Spec().Name, HoldReasons: holdReasons(c.Incident.HoldReasons),
		Category: func(row storage.Row) itsm.Category {
			state, _ := row.Value(table.Schema(), incident.ByState.Spec().Name).(string)
			category, _ := d.Incidents.Lifecycle().Category(incident.State(state))
			return category
		},
		Facts: slices.Concat(StandardFacts(), c.Facts),
		FactsOf: func(ctx context.Context, r storage.Reader, row storage.Row, named func(string) bool) (map[string]any, error) {
			i, err := table.Decode(row)
			if err != nil {
				return nil, err
			}
			return d.facts(ctx, r, i.Head, named)
		},
		Worked: func(e itsm.Event) time.Duration {
			cost, _ := e.Data.(incident.CostRecorded)
			return cost.Worked
		},
	}}, o.Kinds...)
	o.ActionOf, o.CheckAction = d.thresholdAction, d.checkThresholdAction
	if o.MayRead == nil {
		o.MayReadEach = d.mayReadEach
		o.MayRead = d.mayRead
	}
	d.ServiceLevels, err = sla.New(d.Engine, o)
	return err
}

// holdReasons gives the names of the reasons why an incident can wait.
func holdReasons(rules []incident.HoldRule) []string {
	if rules == nil {
		rules = incident.StandardHoldReasons()
	}
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = string(r.Reason)
	}
	return names
}

// Answered gives what answers the requester of an incident, for [timer.Response]: a person acknowledges, accepts or starts it, puts it on
// hold, or writes the first note that the requester can read. That it is routed or assigned to a group or a person answers nothing, and
// neither does what the system writes or holds by itself.
func Answered() []timer.Match {
	is := func(column string, value bool) storage.Condition {
		return storage.Condition{Op: storage.Equal, Column: column, Values: []any{value}}
	}
	person := is("event.system", false)
	return []timer.Match{
		{Actions: []string{string(incident.ActionAcknowledge), string(incident.ActionAccept), string(incident.ActionStart)}},
		{Actions: []string{string(incident.ActionHold)}, When: person},
		{Types: []string{incident.Noted{}.EventType()}, When: storage.Condition{Op: storage.And, Of: []storage.Condition{person, is("event.internal", false)}}},
	}
}
