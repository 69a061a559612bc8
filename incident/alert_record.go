// This file holds the records of alerts: one for each key and incident, which counts, and one for
// each alert as it was received.

package incident

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Alert is what an incident knows of the alerts of one key: they are one alert that was received
// many times. Its JSON form is flat. All times are UTC microseconds; the zero time is absent.
type Alert struct {
	storage.Meta
	// Key is the de-duplication key.
	Key string `json:"deduplication_key"`
	// Incident is where these alerts go, or went.
	Incident itsm.ID `json:"incident"`
	// Severity is the gravest that was received.
	Severity Severity `json:"severity"`
	// Count is the number of alerts that were received, Clears that of clears.
	Count  int64 `json:"count"`
	Clears int64 `json:"clears"`
	// Firing says that the last word was an alert, not a clear. Of an incident to which the alerts
	// of the key do not go any more it is false.
	Firing bool `json:"firing"`
	// FirstSeen and LastSeen are when the first alert that was received and the latest one fired,
	// as their reports say.
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	// ClearedAt is when it was cleared; absent while it fires.
	ClearedAt time.Time `json:"cleared_at,omitzero"`
	// Slot is the key while the alerts of the key go to this incident, and nothing after.
	Slot *string `json:"-"`
}

type alertRecord struct {
	Alert
	alertBody
}

type alertBody struct{}

var (
	alertByKey       = storage.Col("key", func(h *Alert) *string { return &h.Key })
	alertByIncident  = storage.Col("incident", func(h *Alert) *itsm.ID { return &h.Incident })
	alertBySeverity  = storage.Col("severity", func(h *Alert) *Severity { return &h.Severity })
	alertByCount     = storage.Col("count", func(h *Alert) *int64 { return &h.Count })
	alertByClears    = storage.Col("clears", func(h *Alert) *int64 { return &h.Clears })
	alertByFiring    = storage.BoolCol("firing", func(h *Alert) *bool { return &h.Firing })
	alertByFirstSeen = storage.TimeCol("first_seen", func(h *Alert) *time.Time { return &h.FirstSeen })
	alertByLastSeen  = storage.TimeCol("last_seen", func(h *Alert) *time.Time { return &h.LastSeen })
	alertByCleared   = storage.NullTimeCol("cleared_at", func(h *Alert) *time.Time { return &h.ClearedAt })
	alertBySlot      = storage.NullCol("slot", func(h *Alert) **string { return &h.Slot })
)

// The unique index keeps the alerts of a key from going to two incidents, whatever processes do at
// the same time.
var alertTable = storage.Define("incident_alert", storage.Def[alertRecord, Alert, alertBody]{
	Parts: func(r *alertRecord) (*Alert, *alertBody) { return &r.Alert, &r.alertBody },
	Columns: []storage.ColumnOf[Alert]{alertByKey, alertByIncident, alertBySeverity, alertByCount, alertByClears, alertByFiring,
		alertByFirstSeen, alertByLastSeen, alertByCleared, alertBySlot},
	Indexes: []storage.Index{
		storage.UniqueOn(alertBySlot.Asc()),
		storage.IndexOn(alertByIncident.Asc(), alertByFirstSeen.Asc()),
	},
})

// AlertEntry is one alert, or one clear, as it was received.
type AlertEntry struct {
	storage.Meta
	Incident itsm.ID `json:"incident"`
	// Key is the de-duplication key.
	Key string `json:"deduplication_key"`
	// Title and Source are what the report said; those of a clear may be empty.
	Title  string `json:"title,omitempty"`
	Source string `json:"source,omitempty"`
	// Severity is that of an alert, empty for a clear.
	Severity Severity `json:"severity,omitempty"`
	// Clear says that it is a clear.
	Clear bool `json:"clear"`
	// At is when it fired or cleared, as the report says, and Received when the report came.
	At       time.Time `json:"at"`
	Received time.Time `json:"received"`
}

type alertEntryRecord struct {
	AlertEntry
	alertEntryBody
}

type alertEntryBody struct{}

var (
	entryByIncident = storage.Col("incident", func(h *AlertEntry) *itsm.ID { return &h.Incident })
	entryByReceived = storage.TimeCol("received", func(h *AlertEntry) *time.Time { return &h.Received })
)

var alertEntryTable = storage.Define("incident_alert_entry", storage.Def[alertEntryRecord, AlertEntry, alertEntryBody]{
	Parts: func(r *alertEntryRecord) (*AlertEntry, *alertEntryBody) { return &r.AlertEntry, &r.alertEntryBody },
	Columns: []storage.ColumnOf[AlertEntry]{
		entryByIncident,
		storage.Col("key", func(h *AlertEntry) *string { return &h.Key }),
		storage.Col("title", func(h *AlertEntry) *string { return &h.Title }),
		storage.Col("source", func(h *AlertEntry) *string { return &h.Source }),
		storage.Col("severity", func(h *AlertEntry) *Severity { return &h.Severity }),
		storage.BoolCol("clear", func(h *AlertEntry) *bool { return &h.Clear }),
		storage.TimeCol("at", func(h *AlertEntry) *time.Time { return &h.At }),
		entryByReceived,
	},
	Indexes: []storage.Index{storage.IndexOn(entryByIncident.Asc(), entryByReceived.Desc())},
})

// lockAlerts lets one unit at a time say where the alerts of a key go.
func lockAlerts(ctx context.Context, u *engine.Unit, key string) error {
	return u.Lock(ctx, "incident_alert/"+digest.Of(key))
}

// currentAlert gives the record of where the alerts of a key go; none has version 0.
func currentAlert(ctx context.Context, r storage.Reader, key string) (alertRecord, error) {
	page, err := alertTable.List(ctx, r, storage.Query[Alert]{Where: alertBySlot.Is(key), Limit: 1})
	if err != nil || len(page.Items) == 0 {
		return alertRecord{}, err
	}
	return alertRecord{Alert: page.Items[0]}, nil
}

// alertsOf gives what an incident knows of alerts.
func alertsOf(ctx context.Context, r storage.Reader, incident itsm.ID) ([]Alert, error) {
	var all []Alert
	q := storage.Query[Alert]{Where: alertByIncident.Is(incident), Limit: storage.MaxPage}
	for a, err := range storage.Pages(q, func(q storage.Query[Alert]) (storage.Page[Alert], error) { return alertTable.List(ctx, r, q) }) {
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// putAlert writes the record past the unit's field history: what matters of it the incident's events
// tell.
func putAlert(ctx context.Context, u *engine.Unit, a *alertRecord) error {
	if a.Version == 0 {
		a.Created = u.Now()
	}
	a.Updated = u.Now()
	err := alertTable.Put(ctx, u.Quiet(), a)
	var taken *storage.TakenError
	if errors.As(err, &taken) {
		// Another unit was faster where the store's locks do not hold: as after any conflict the unit
		// is run again, and finds what that one made.
		return &storage.Error{Op: "put", Table: alertTable.Name(), ID: a.ID, Err: storage.ErrConflict, Cause: err}
	}
	return err
}

// retire says that the alerts of the key do not go to the incident any more.
func retire(ctx context.Context, u *engine.Unit, a *alertRecord) error {
	a.Slot, a.Firing = nil, false
	return putAlert(ctx, u, a)
}

// newAlert gives the record of a key and an incident that has had no alert of it.
func newAlert(key string, incident itsm.ID) alertRecord {
	a := alertRecord{Alert: Alert{Key: key, Incident: incident, Slot: &key}}
	a.ID = itsm.ID(digest.Of(key, string(incident)))
	return a
}

// alertTo gives the record of a key and an incident to which its alerts go from now on. What the
// incident knew of the key before it goes on counting.
func alertTo(ctx context.Context, u *engine.Unit, key string, incident itsm.ID) (alertRecord, error) {
	fresh := newAlert(key, incident)
	a, err := alertTable.Get(ctx, u.Quiet(), fresh.ID)
	if errors.Is(err, storage.ErrNotFound) {
		return fresh, nil
	}
	a.Slot = &key
	return a, err
}

// keepEntry writes an alert or a clear as it was received, in the place of the oldest one where there are
// as many as are kept.
func (p *Practice) keepEntry(ctx context.Context, u *engine.Unit, a *alertRecord, e AlertEntry) error {
	n, most := a.Count+a.Clears-1, int64(p.o.Alerts.Keep)
	id := itsm.ID(digest.Of(string(a.ID), strconv.FormatInt(n%most, 10)))
	r := alertEntryRecord{}
	if n >= most {
		var err error
		if r, err = alertEntryTable.Get(ctx, u.Quiet(), id); err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
	}
	meta := r.Meta
	r.AlertEntry = e
	r.Meta = meta
	r.ID, r.Incident, r.Key, r.Received, r.Updated = id, a.Incident, a.Key, u.Now(), u.Now()
	if r.Version == 0 {
		r.Created = u.Now()
	}
	return alertEntryTable.Put(ctx, u.Quiet(), &r)
}

// Alerts gives a page of what an incident knows of alerts, one for each de-duplication key, in the
// order in which they were first seen; after is the Next of the page before, and limit as that of a
// [Query]. It asks for "incident.read_internal".
func (p *Practice) Alerts(ctx context.Context, actor itsm.Actor, id itsm.ID, after storage.Cursor, limit int) (storage.Page[Alert], error) {
	var page storage.Page[Alert]
	err := p.ofIncident(ctx, actor, id, func(ctx context.Context, r storage.Reader) (err error) {
		page, err = alertTable.List(ctx, r, storage.Query[Alert]{
			Where: alertByIncident.Is(id), Order: []storage.Order{alertByFirstSeen.Asc()}, Limit: limit, After: after,
		})
		return err
	})
	return page, err
}

// AlertLog gives a page of the alerts and clears of an incident as they were received, the newest
// first. It has at most [AlertOptions].Keep of each key. It asks for "incident.read_internal".
func (p *Practice) AlertLog(ctx context.Context, actor itsm.Actor, id itsm.ID, after storage.Cursor, limit int) (storage.Page[AlertEntry], error) {
	var page storage.Page[AlertEntry]
	err := p.ofIncident(ctx, actor, id, func(ctx context.Context, r storage.Reader) (err error) {
		page, err = alertEntryTable.List(ctx, r, storage.Query[AlertEntry]{
			Where: entryByIncident.Is(id), Order: []storage.Order{entryByReceived.Desc()}, Limit: limit, After: after,
		})
		return err
	})
	return page, err
}

// ofIncident reads what is internal to an incident.
func (p *Practice) ofIncident(ctx context.Context, actor itsm.Actor, id itsm.ID, fn func(context.Context, storage.Reader) error) error {
	return p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		i, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		if err := p.e.Authorizer().Authorize(ctx, actor, PermissionReadInternal, i.Subject()); err != nil {
			return err
		}
		return fn(ctx, r)
	})
}
