// This file holds the order of a tenant's edits to its graph: a lock, a counter, and the log of edits by revision.

package cmdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// revision is the state of a tenant's graph: one record, read by every question. Token tells one state from another that
// was never committed and had the same number.
type revision struct {
	revisionHead
	revisionBody
}

type revisionHead struct {
	storage.Meta
	Revision int64
	// At is not before that of the revision before, whatever the clocks of several processes say.
	At    time.Time
	Token itsm.ID
}

type revisionBody struct{}

var revisionTable = storage.Define("ci_revision", storage.Def[revision, revisionHead, revisionBody]{
	Parts: func(r *revision) (*revisionHead, *revisionBody) { return &r.revisionHead, &r.revisionBody },
	Columns: []storage.ColumnOf[revisionHead]{
		storage.Col("revision", func(h *revisionHead) *int64 { return &h.Revision }),
		storage.TimeCol("at", func(h *revisionHead) *time.Time { return &h.At }),
		storage.Col("token", func(h *revisionHead) *itsm.ID { return &h.Token }),
	},
})

const (
	revisionID = storage.ID("current")
	graphLock  = "ci.graph"
)

// edits is one revision in the log. Its id is the number of the revision, so that ids are in their order.
type edits struct {
	editsHead
	editsBody
}

type editsHead struct {
	storage.Meta
	Revision int64
	At       time.Time
}

type editsBody struct {
	Token itsm.ID `json:"token"`
	Edits []edit  `json:"edits"`
}

var editAt = storage.TimeCol("at", func(h *editsHead) *time.Time { return &h.At })

var editTable = storage.Define("ci_edit", storage.Def[edits, editsHead, editsBody]{
	Parts: func(e *edits) (*editsHead, *editsBody) { return &e.editsHead, &e.editsBody },
	Columns: []storage.ColumnOf[editsHead]{
		storage.Col("revision", func(h *editsHead) *int64 { return &h.Revision }), editAt,
	},
	Indexes: []storage.Index{storage.IndexOn(editAt.Asc())},
})

func editID(revision int64) storage.ID { return storage.ID(fmt.Sprintf("%019d", revision)) }

// op says what an edit does.
type op string

const (
	opAddCI       op = "add_ci"
	opRemoveCI    op = "remove_ci"
	opDescribe    op = "describe" // who may see a CI, or its class
	opRelate      op = "relate"
	opUnrelate    op = "unrelate"
	opPutGroup    op = "put_group"
	opRemoveGroup op = "remove_group"
	opModel       op = "model"
)

// edit is one change to the graph, told so that it can be made and taken back.
type edit struct {
	Op op `json:"op"`
	// CI is that of an edit of a CI, with what is kept of it beside the graph.
	CI    itsm.ID `json:"ci,omitempty"`
	Sight *sight  `json:"sight,omitempty"`
	// Relation is that of an edit of a relation.
	Relation *impact.Relation `json:"relation,omitempty"`
	// Was and Now are a group before and after: Was is nil where there was none, Now where there is none any more.
	Was *impact.Group `json:"was,omitempty"`
	Now *impact.Group `json:"now,omitempty"`
}

// sight is what is kept of a CI in memory beside the graph: its class, and who may see it.
type sight struct {
	Class      string  `json:"class"`
	Group      itsm.ID `json:"group,omitempty"`
	Owner      itsm.ID `json:"owner,omitempty"`
	Restricted bool    `json:"restricted,omitempty"`
}

func sightOf(h *Head) *sight {
	return &sight{Class: h.Class, Group: h.Group, Owner: h.Owner, Restricted: h.Restricted}
}

// forward is the edit as the graph makes it; false where the graph is the same after it.
func (e edit) forward() (impact.Edit, bool) {
	switch e.Op {
	case opAddCI:
		return impact.AddCI(string(e.CI)), true
	case opRemoveCI:
		return impact.RemoveCI(string(e.CI)), true
	case opRelate:
		return impact.Relate(*e.Relation), true
	case opUnrelate:
		return impact.Unrelate(*e.Relation), true
	case opPutGroup:
		return impact.PutGroup(*e.Now), true
	case opRemoveGroup:
		return impact.RemoveGroup(e.Was.Owner, e.Was.Kind, e.Was.Name), true
	}
	return impact.Edit{}, false
}

// backward takes the edit back.
func (e edit) backward() (impact.Edit, bool) {
	switch e.Op {
	case opAddCI:
		return impact.RemoveCI(string(e.CI)), true
	case opRemoveCI:
		return impact.AddCI(string(e.CI)), true
	case opRelate:
		return impact.Unrelate(*e.Relation), true
	case opUnrelate:
		return impact.Relate(*e.Relation), true
	case opPutGroup:
		if e.Was == nil {
			return impact.RemoveGroup(e.Now.Owner, e.Now.Kind, e.Now.Name), true
		}
		return impact.PutGroup(*e.Was), true
	case opRemoveGroup:
		return impact.PutGroup(*e.Was), true
	}
	return impact.Edit{}, false
}

// kind is the type of relation that an edit is about, empty for none.
func (e edit) kinds() (names []string) {
	if e.Relation != nil {
		names = append(names, e.Relation.Kind)
	}
	for _, g := range []*impact.Group{e.Was, e.Now} {
		if g != nil {
			names = append(names, g.Kind)
		}
	}
	return names
}

// lockGraph keeps others from editing the tenant's graph until the unit ends. A command takes it before it reads what it
// decides by.
func lockGraph(ctx context.Context, u *engine.Unit) error { return u.Lock(ctx, graphLock) }

// readRevision reads the state of the graph of the reader's tenant, the zero one where it was never edited.
func readRevision(ctx context.Context, r storage.Reader) (revision, error) {
	now, err := revisionTable.Get(ctx, r, revisionID)
	if errors.Is(err, storage.ErrNotFound) {
		return revision{}, nil
	}
	return now, err
}

// record writes edits as the next revision of the tenant's graph, which the unit has locked, and gives it. The unit's
// instant is that of the revision, unless the one before it is later.
func record(ctx context.Context, u *engine.Unit, list []edit) (revision, error) {
	now, err := readRevision(ctx, u.Quiet())
	if err != nil {
		return revision{}, err
	}
	if now.Version == 0 {
		now.ID, now.Created = revisionID, u.Now()
	}
	now.Revision++
	now.Token, now.Updated = u.NewID(), u.Now()
	now.At = later(now.At, u.Now())
	if err := revisionTable.Put(ctx, u.Quiet(), &now); err != nil {
		return revision{}, err
	}
	log := edits{editsHead{storage.Meta{ID: editID(now.Revision), Created: u.Now(), Updated: u.Now()}, now.Revision, now.At}, editsBody{now.Token, list}}
	return now, editTable.Put(ctx, u.Quiet(), &log)
}

// later is the later of two instants: what follows another never is before it, whatever the clocks of several processes say.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// editsAfter reads a page of the log after a revision, in order.
func editsAfter(ctx context.Context, r storage.Reader, revision int64, limit int) ([]edits, error) {
	return readEdits(ctx, r, editTable.ByID().Above(editID(revision)), []storage.Order{editTable.ByID().Asc()}, limit)
}

// editsDownTo reads a page of the log backward, from a revision down to the one after another.
func editsDownTo(ctx context.Context, r storage.Reader, from, after int64, limit int) ([]edits, error) {
	where := storage.AllOf(editTable.ByID().AtMost(editID(from)), editTable.ByID().Above(editID(after)))
	return readEdits(ctx, r, where, []storage.Order{editTable.ByID().Desc()}, limit)
}

func readEdits(ctx context.Context, r storage.Reader, where storage.Filter[editsHead], order []storage.Order, limit int) ([]edits, error) {
	page, err := editTable.Records(ctx, r, storage.Query[editsHead]{Where: where, Order: order, Limit: limit})
	return page.Items, err
}

// revisionAt gives the last revision at an instant, 0 for before the first.
func revisionAt(ctx context.Context, r storage.Reader, at time.Time) (int64, error) {
	page, err := editTable.List(ctx, r, storage.Query[editsHead]{Where: editAt.AtMost(at), Order: []storage.Order{editAt.Desc()}, Limit: 1})
	if err != nil || len(page.Items) == 0 {
		return 0, err
	}
	// Of revisions of one instant the last: ids are in their order, and ties stand in the order of the column.
	return page.Items[0].Revision, nil
}
