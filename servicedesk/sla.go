// This file holds the timers of service levels at the desk.

package servicedesk

import (
	"context"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla"
	"github.com/itsmkit/itsmkit/storage"
)

// serviceLevels makes the practice of service levels, for incidents and the host's own kinds of record.
func (d *Desk) serviceLevels(c Config) (err error) {
	table := d.Incidents.Table()
	o := c.SLA
	o.Kinds = append([]sla.RecordKind{{
		Schema: table.Schema(), Fields: c.Incident.Fields, HoldReason: incident.ByHoldReason.Spec().Name,
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
