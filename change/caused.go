// This file holds the incidents that changes cause, as the practice is told of them.

package change

import (
	"context"
	"maps"
	"reflect"
	"time"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// causedIncident is an incident that a change caused: a row of its own, so that a change that caused many is not rewritten with
// each, and the time to restore is read by an index.
type causedIncident struct {
	causedHead
	causedBody
}

type causedHead struct {
	storage.Meta
	Change   itsm.ID       `json:"change"`
	Incident itsm.ID       `json:"incident"`
	Priority itsm.Priority `json:"priority"`
	// Counts is false where the incident turned out not to be caused by the change.
	Counts bool `json:"counts"`
	// Deployment says that the change is one, Service is its service.
	Deployment bool    `json:"deployment"`
	Service    itsm.ID `json:"service"`
	// RestoredAt is when the service worked again, in microseconds since 1970 UTC; 0 is not yet. Took is how long it took from when
	// it was detected, in microseconds; negative is not known.
	RestoredAt int64 `json:"restored_at"`
	Took       int64 `json:"took"`
}

type causedBody struct {
	Detected time.Time `json:"detected,omitzero"`
}

var (
	causedByChange     = storage.Col("change", func(h *causedHead) *itsm.ID { return &h.Change })
	causedByIncident   = storage.Col("incident", func(h *causedHead) *itsm.ID { return &h.Incident })
	causedByPriority   = storage.Col("priority", func(h *causedHead) *itsm.Priority { return &h.Priority })
	causedByCounts     = storage.BoolCol("counts", func(h *causedHead) *bool { return &h.Counts })
	causedByDeployment = storage.BoolCol("deployment", func(h *causedHead) *bool { return &h.Deployment })
	causedByService    = storage.Col("service", func(h *causedHead) *itsm.ID { return &h.Service })
	causedByRestored   = storage.Col("restored_at", func(h *causedHead) *int64 { return &h.RestoredAt })
	causedByTook       = storage.Col("took", func(h *causedHead) *int64 { return &h.Took })
)

var causedTable = storage.Define("change_incident", storage.Def[causedIncident, causedHead, causedBody]{
	Parts: func(c *causedIncident) (*causedHead, *causedBody) { return &c.causedHead, &c.causedBody },
	Columns: []storage.ColumnOf[causedHead]{causedByChange, causedByIncident, causedByPriority, causedByCounts, causedByDeployment,
		causedByService, causedByRestored, causedByTook},
	Indexes: []storage.Index{
		storage.IndexOn(causedByChange.Asc()),
		storage.IndexOn(causedByIncident.Asc()),
		storage.IndexOn(causedByDeployment.Asc(), causedByCounts.Asc(), causedByRestored.Asc()),
	},
})

// Caused is what is known of an incident that a change caused.
type Caused struct {
	itsm.Command
	Incident itsm.ID       `json:"incident"`
	Priority itsm.Priority `json:"priority"`
	// Detected is when someone or something noticed it, Restored when its service worked again; zero is not yet.
	Detected time.Time `json:"detected,omitzero"`
	Restored time.Time `json:"restored,omitzero"`
	// Withdrawn says that it was not caused by the change after all.
	Withdrawn bool `json:"withdrawn,omitempty"`
}

// RecordCaused tells a change of an incident that it caused, again when more is known of it, and where it turns out that it
// did not. It asks for "change.cause", which no standard role but that of the IT service manager has: it is for whoever
// knows of both, such as package servicedesk. Nothing that is known already is told again. A template may be suspended by it.
func (p *Practice) RecordCaused(ctx context.Context, actor itsm.Actor, id itsm.ID, r Caused) (Change, error) {
	return p.command(ctx, actor, id, ActionCause, r.Command, r, func(ctx context.Context, w *work) error {
		w.faults.Key("incident", string(r.Incident))
		if !r.Priority.Valid() {
			w.faults.Add("priority", "must be from 1 to 5")
		}
		for field, at := range map[string]time.Time{"detected": r.Detected, "restored": r.Restored} {
			if !writable(at) {
				w.faults.Add(field, "must be in the years 1 to 9999")
			}
		}
		if err := w.check(ctx, ActionCause); err != nil {
			return err
		}
		row, err := causedTable.Get(ctx, w.u, itsm.ID(digest.Of(string(id), string(r.Incident))))
		if isNotFound(err) {
			if r.Withdrawn {
				return nil
			}
			row, err = causedIncident{causedHead: causedHead{
				Meta:   storage.Meta{ID: itsm.ID(digest.Of(string(id), string(r.Incident))), Created: w.now},
				Change: id, Incident: r.Incident,
			}}, nil
		}
		if err != nil {
			return err
		}
		was := row
		detected, restored := storage.Instant(r.Detected), storage.Instant(r.Restored)
		row.Priority, row.Counts, row.Deployment, row.Service = r.Priority, !r.Withdrawn, w.Deployment, w.Service
		row.Detected, row.RestoredAt, row.Took = detected, 0, unknownTook
		if !restored.IsZero() {
			row.RestoredAt = restored.UnixMicro()
			if !detected.IsZero() && !restored.Before(detected) {
				row.Took = restored.Sub(detected).Microseconds()
			}
		}
		if reflect.DeepEqual(row, was) {
			return nil
		}
		w.Caused = maps.Clone(w.Caused)
		if w.Caused == nil {
			w.Caused = map[itsm.Priority]int64{}
		}
		if was.Counts {
			w.Caused[was.Priority]--
		}
		if row.Counts {
			w.Caused[row.Priority]++
		}
		maps.DeleteFunc(w.Caused, func(_ itsm.Priority, n int64) bool { return n <= 0 })
		w.CausedIncidents, w.CausedMajor = 0, 0
		for priority, n := range w.Caused {
			w.CausedIncidents += n
			if priority <= itsm.PriorityHigh {
				w.CausedMajor += n
			}
		}
		row.Updated = w.now
		w.after = append(w.after, func(ctx context.Context) error { return causedTable.Put(ctx, w.u.Quiet(), &row) }, w.judgeTemplate)
		if r.Withdrawn {
			return w.move(IncidentNotCaused{Incident: r.Incident})
		}
		return w.move(IncidentCaused{Incident: r.Incident, Priority: r.Priority, First: !was.Counts})
	})
}

// unknownTook is how long it took to restore a service where it is not restored, or not known when that was noticed.
const unknownTook = -1

// CausedIncidents gives the incidents that a change caused, those of which the actor may know.
func (p *Practice) CausedIncidents(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.Ref, error) {
	var out []itsm.Ref
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		out = nil
		c, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		internal, err := p.allows(ctx, actor, PermissionReadInternal, &c)
		if err != nil || !internal {
			return err
		}
		q := storage.Query[causedHead]{Where: storage.AllOf(causedByChange.Is(id), causedByCounts.Is(true)), Limit: storage.MaxPage}
		for h, err := range storage.Pages(q, func(q storage.Query[causedHead]) (storage.Page[causedHead], error) {
			return causedTable.List(ctx, r, q)
		}) {
			if err != nil {
				return err
			}
			ref := itsm.Ref{Kind: kindIncident, ID: h.Incident}
			may, err := p.mayKnow(ctx, r, actor, internal, ref)
			if err != nil {
				return err
			}
			if may {
				out = append(out, ref)
			}
		}
		return nil
	})
	return out, err
}

// kindIncident is the kind of record that an incident is.
const kindIncident = "incident"

// CausesOf gives the changes that an incident is known to be caused by, for whoever tells them of it: it asks for no
// permission.
func (p *Practice) CausesOf(ctx context.Context, r storage.Reader, incident itsm.ID) ([]itsm.ID, error) {
	q := storage.Query[causedHead]{Where: storage.AllOf(causedByIncident.Is(incident), causedByCounts.Is(true)), Limit: storage.MaxPage}
	var ids []itsm.ID
	for h, err := range storage.Pages(q, func(q storage.Query[causedHead]) (storage.Page[causedHead], error) {
		return causedTable.List(ctx, r, q)
	}) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, h.Change)
	}
	return ids, nil
}
