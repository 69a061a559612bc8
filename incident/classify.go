// This file holds what an incident is about and how urgent it is.

package incident

import (
	"context"
	"maps"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Classification says what an incident is about. What is nil or 0 stays as it is; an empty text
// removes.
type Classification struct {
	itsm.Command
	Impact      itsm.Impact  `json:"impact,omitempty"`
	Urgency     itsm.Urgency `json:"urgency,omitempty"`
	Category    *string      `json:"category,omitempty"`
	Subcategory *string      `json:"subcategory,omitempty"`
	Service     *itsm.ID     `json:"service,omitempty"`
}

// Classify sets impact, urgency, category or service, and computes the priority anew unless it
// is overridden. Another category takes the subcategory away, unless one is given. Where nothing
// is another than before, nothing happens.
func (p *Practice) Classify(ctx context.Context, actor itsm.Actor, id itsm.ID, r Classification) (Incident, error) {
	return p.command(ctx, actor, id, ActionClassify, r.Command, r, func(ctx context.Context, w *work) error {
		w.Impact, w.Urgency = orElse(r.Impact, w.Impact), orElse(r.Urgency, w.Urgency)
		if r.Category != nil && *r.Category != w.Category {
			w.Category, w.Subcategory = *r.Category, ""
		}
		if r.Subcategory != nil {
			w.Subcategory = *r.Subcategory
		}
		if r.Service != nil {
			w.Service = *r.Service
		}
		w.classify()
		return w.change(ctx, ActionClassify, Classified{From: w.Was.Priority, Priority: w.Priority})
	})
}

// classify checks what classifies the incident where it is not as it was, and computes the
// priority.
func (w *work) classify() {
	if w.Service != w.Was.Service {
		w.checkID("service", w.Service)
	}
	if w.Category != w.Was.Category || w.Subcategory != w.Was.Subcategory {
		w.checkCategory()
	}
	w.recompute()
}

func (w *work) checkCategory() {
	categories := w.p.o.Categories
	w.faults.Text("category", w.Category, storage.MaxText, false)
	w.faults.Text("subcategory", w.Subcategory, storage.MaxText, false)
	subs, known := categories[w.Category]
	switch {
	case w.Category == "":
		if w.Subcategory != "" {
			w.faults.Add("subcategory", "has no meaning without a category")
		}
	case categories == nil:
	case !known:
		w.faults.Addf("category", "must be one of: %s", list(slices.Sorted(maps.Keys(categories))))
	case w.Subcategory != "" && !slices.Contains(subs, w.Subcategory):
		w.faults.Addf("subcategory", "must be one of: %s", list(subs))
	}
}

// recompute gives the incident the priority that follows, unless it is overridden.
func (w *work) recompute() {
	w.Impact, w.Urgency = orElse(w.Impact, w.p.o.Impact), orElse(w.Urgency, w.p.o.Urgency)
	priority, err := w.p.o.Matrix.Of(w.Impact, w.Urgency)
	w.faults.Merge("", err)
	if err == nil && w.PriorityOverride == nil {
		w.Priority = priority
	}
}

// Override sets a priority against the matrix. The Reason of its Command is required.
type Override struct {
	itsm.Command
	Priority itsm.Priority `json:"priority"`
}

// OverridePriority sets the priority against the matrix, and keeps why and by whom. It stays
// whatever impact and urgency become.
func (p *Practice) OverridePriority(ctx context.Context, actor itsm.Actor, id itsm.ID, r Override) (Incident, error) {
	return p.command(ctx, actor, id, ActionOverridePriority, r.Command, r, func(ctx context.Context, w *work) error {
		if !r.Priority.Valid() {
			w.faults.Addf("priority", "must be from 1 to 5, not %d", r.Priority)
		}
		w.requireReason(r.Reason)
		w.Priority = r.Priority
		w.PriorityOverride = &PriorityOverride{Priority: r.Priority, Reason: r.Reason, By: actor.ID}
		return w.change(ctx, ActionOverridePriority, PriorityOverridden{From: w.Was.Priority, Priority: r.Priority})
	})
}

// ClearOverride lets the priority follow from impact and urgency again. The reason is required.
func (p *Practice) ClearOverride(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Incident, error) {
	return p.command(ctx, actor, id, ActionClearOverride, r, r, func(ctx context.Context, w *work) error {
		w.requireReason(r.Reason)
		w.PriorityOverride = nil
		w.recompute()
		return w.fire(ctx, ActionClearOverride, OverrideCleared{From: w.Was.Priority, Priority: w.Priority})
	})
}
