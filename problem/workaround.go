// This file holds workarounds: how to live with a problem, with every version kept.

package problem

import (
	"context"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// RecordedWorkaround says how to live with a problem.
type RecordedWorkaround struct {
	itsm.Command
	Text string `json:"text"`
	// Tell says who is told of it beside those who read the problem; empty is what the [Options] say.
	Tell Telling `json:"tell,omitempty"`
}

// RecordWorkaround records a workaround, or a better one, in any open state. The versions before it are
// kept. The event [WorkaroundRecorded] says who is to be told. A known error that is published for everyone is
// a draft again with another workaround, unless that is pushed to requesters by [TellPush]: they read no text
// that nobody decided to publish.
func (p *Practice) RecordWorkaround(ctx context.Context, actor itsm.Actor, id itsm.ID, r RecordedWorkaround) (Problem, error) {
	return p.command(ctx, actor, id, ActionRecordWorkaround, r.Command, r, func(ctx context.Context, w *work) error {
		w.faults.Text("text", r.Text, MaxLong, false)
		tell := orElse(r.Tell, p.o.Workarounds)
		if !slices.Contains(Tellings(), tell) {
			w.faults.Addf("tell", "must be one of: %s", list(Tellings()))
		}
		w.Written = r.Text
		if err := w.check(ctx, ActionRecordWorkaround); err != nil {
			return err
		}
		now := Workaround{Version: 1, Text: r.Text, At: w.now, By: actor.ID}
		if w.Workaround != nil {
			now.Version = w.Workaround.Version + 1
		}
		w.Workaround, w.pushed = &now, tell == TellPush
		w.after = append(w.after, func(ctx context.Context) error { return putWorkaround(ctx, w.u, id, now) })
		return w.move(WorkaroundRecorded{Version: now.Version, Tell: tell})
	})
}

// KindWorkaround is the kind of the records that keep versions of workarounds.
const KindWorkaround = "problem_workaround"

// WorkaroundVersion is one version of the workaround of a problem. It is never changed.
type WorkaroundVersion struct {
	WorkaroundHead
	WorkaroundBody
}

// WorkaroundHead is what is listed.
type WorkaroundHead struct {
	storage.Meta
	Problem itsm.ID   `json:"problem"`
	Number  int       `json:"number"`
	By      itsm.ID   `json:"by"`
	At      time.Time `json:"at"`
}

// WorkaroundBody is the text.
type WorkaroundBody struct {
	Text string `json:"text"`
}

var (
	workaroundByProblem = storage.Col("problem", func(h *WorkaroundHead) *itsm.ID { return &h.Problem })
	workaroundByNumber  = storage.Col("number", func(h *WorkaroundHead) *int { return &h.Number })
	workaroundByBy      = storage.Col("by", func(h *WorkaroundHead) *itsm.ID { return &h.By })
	workaroundByAt      = storage.TimeCol("at", func(h *WorkaroundHead) *time.Time { return &h.At })
)

// WorkaroundTable is the table of the versions of workarounds.
var WorkaroundTable = storage.Define(KindWorkaround, storage.Def[WorkaroundVersion, WorkaroundHead, WorkaroundBody]{
	Parts: func(r *WorkaroundVersion) (*WorkaroundHead, *WorkaroundBody) {
		return &r.WorkaroundHead, &r.WorkaroundBody
	},
	Columns: []storage.ColumnOf[WorkaroundHead]{workaroundByProblem, workaroundByNumber, workaroundByBy, workaroundByAt},
	Indexes: []storage.Index{storage.UniqueOn(workaroundByProblem.Asc(), workaroundByNumber.Asc())},
})

// putWorkaround keeps a version. The problem's own event tells of it.
func putWorkaround(ctx context.Context, u *engine.Unit, of itsm.ID, v Workaround) error {
	r := WorkaroundVersion{WorkaroundHead{Problem: of, Number: v.Version, By: v.By, At: v.At}, WorkaroundBody{Text: v.Text}}
	r.ID, r.Created, r.Updated = itsm.ID(digest.Of(string(of), at("workaround", v.Version))), u.Now(), u.Now()
	return WorkaroundTable.Put(ctx, u.Quiet(), &r)
}

// Workarounds gives a page of the versions of the workaround of a problem, the latest first; after is the
// Next of the page before.
func (p *Practice) Workarounds(ctx context.Context, actor itsm.Actor, id itsm.ID, after storage.Cursor, limit int) (storage.Page[WorkaroundVersion], error) {
	var page storage.Page[WorkaroundVersion]
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if _, err := p.find(ctx, r, actor, id); err != nil {
			return err
		}
		var err error
		page, err = WorkaroundTable.Records(ctx, r, storage.Query[WorkaroundHead]{
			Where: workaroundByProblem.Is(id), Order: []storage.Order{workaroundByNumber.Desc()}, After: after, Limit: limit,
		})
		return err
	})
	return page, err
}
