// This file holds what comes to the desk without a form: contacts, what recurs, and lists that people keep.

package servicedesk

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/interaction"
	"github.com/itsmkit/itsmkit/itsm/recurrence"
	"github.com/itsmkit/itsmkit/itsm/settings"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/itsm/view"
	"github.com/itsmkit/itsmkit/itsm/webhook"
	"github.com/itsmkit/itsmkit/problem"
	"github.com/itsmkit/itsmkit/storage"
)

// interact makes the practice of interactions. One that is an incident becomes one.
func (d *Desk) interact(c Config) (err error) {
	o := c.Interaction
	if o.Becomes == nil {
		o.Becomes = map[interaction.Classification]interaction.Opener{
			interaction.Incident: {Open: d.openIncident, Reclassified: d.endIncident},
		}
	}
	if o.MayRead == nil {
		o.MayRead = d.mayRead
	}
	d.Interactions, err = interaction.New(d.Engine, o)
	return err
}

// openIncident logs what a contact was about. Its time is that of the contact.
func (d *Desk) openIncident(ctx context.Context, u *engine.Unit, o interaction.Opening) (itsm.Ref, error) {
	i := o.Interaction
	requester := i.Requester
	if requester == "" {
		requester = i.Contact
	}
	r := incident.Report{Title: i.Subject, Description: i.Text, Requester: requester, Affected: i.Affected, Reported: o.Since}
	if slices.Contains(d.channels(), incident.Channel(i.Channel)) {
		r.Channel = incident.Channel(i.Channel)
	}
	logged, err := d.Incidents.In(u.Store()).Log(ctx, u.Actor(), r)
	return logged.Ref(), err
}

// channels are the ways to report an incident.
func (d *Desk) channels() []incident.Channel {
	if d.config.Incident.Channels != nil {
		return d.config.Incident.Channels
	}
	return incident.StandardChannels()
}

// endIncident cancels an incident that was none after all.
func (d *Desk) endIncident(ctx context.Context, u *engine.Unit, from, _ itsm.Ref, o interaction.Opening) error {
	_, err := d.Incidents.In(u.Store()).Cancel(ctx, u.System("servicedesk"), from.ID, incident.Cancellation{
		Command: itsm.Command{Reason: "It is a " + string(o.Classification)},
	})
	return err
}

// RecurIncident is the name under which a schedule logs incidents. Its data is an [incident.Report]
// in its JSON form, whose template it may name.
const RecurIncident = "incident"

// recur makes the practice of what recurs.
func (d *Desk) recur(c Config) (err error) {
	handlers := map[string]recurrence.Handler{RecurIncident: {Do: d.logRecurring, Check: checkReport, Permission: incident.PermissionLog}}
	maps.Copy(handlers, c.Recurrence)
	d.Recurrence, err = recurrence.New(d.Engine, recurrence.Options{Handlers: handlers})
	return err
}

func (d *Desk) logRecurring(ctx context.Context, u *engine.Unit, o recurrence.Occurrence) error {
	var r incident.Report
	if err := json.Unmarshal(o.Data, &r); err != nil {
		return storage.Invalid("schedule", "data", "is no report of an incident")
	}
	r.Command = itsm.Command{Reason: o.Title}
	_, err := d.Incidents.In(u.Store()).Log(ctx, u.Actor(), r)
	return err
}

// checkReport refuses what is no report. What is wrong with its values is told when it is logged, as
// that depends on what is there then.
func checkReport(_ context.Context, _ storage.Reader, data json.RawMessage) error {
	var r incident.Report
	if json.Unmarshal(data, &r) != nil {
		return storage.Invalid("schedule", "", "is no report of an incident")
	}
	var f itsm.Faults
	if r.Template.Name == "" { // which may say both
		f.Text("title", r.Title, incident.MaxTitle, true)
		f.Key("requester", string(r.Requester))
	} else if r.Requester != "" {
		f.Key("requester", string(r.Requester))
	}
	return f.Err("schedule")
}

// view makes the practice of lists that people keep.
func (d *Desk) view(c Config) (err error) {
	tables := append([]*storage.Schema{d.Incidents.Table().Schema(), d.Changes.Table().Schema(), d.Problems.Table().Schema(), problem.KnownErrorTable.Schema(), task.Table.Schema()}, c.Views...)
	d.Views, err = view.New(d.Engine, view.Options{Tables: tables})
	return err
}

// webhook makes the practice of webhooks, where their secrets can be sealed.
func (d *Desk) webhook(c Config) (err error) {
	if c.Webhook.Sealer != nil {
		o := c.Webhook
		o.MayKnow = d.mayTell
		d.Webhooks, err = webhook.New(d.Engine, o)
	}
	return err
}

// settle makes the practice of settings, where there are any.
func (d *Desk) settle(c Config) (err error) {
	if len(c.Settings.Settings) > 0 {
		d.Settings, err = settings.New(d.Engine, c.Settings)
	}
	return err
}
