// This file holds the records of the graph: relations, and redundancy groups with their members.

package cmdb

import (
	"time"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// The kinds of the records.
const (
	KindRelation = "ci_relation"
	KindGroup    = "ci_group"
)

// MaxMembers is how many members a redundancy group may have.
const MaxMembers = 1000

// Relation ties two CIs. One that ended stays, with when and why.
type Relation struct {
	RelationHead
	RelationBody
}

// RelationHead is what relations are listed by.
type RelationHead struct {
	storage.Meta
	// Type is one of the tenant's model, read from Source to Target: "runs_on".
	Type   string  `json:"type"`
	Source itsm.ID `json:"source"`
	Target itsm.ID `json:"target"`
	// Current says that it has not ended.
	Current bool `json:"current"`
	// From is when it began, and Until when it ended, zero while it lasts.
	From  time.Time `json:"from"`
	Until time.Time `json:"until,omitzero"`
}

// RelationBody is the rest of a relation.
type RelationBody struct {
	// Began says who related the two and by whose word, and Ended who ended it.
	Began Touch  `json:"began"`
	Ended *Touch `json:"ended,omitempty"`
}

// Touch says who did something to the graph, at which of its revisions, and why.
type Touch struct {
	By       itsm.ID `json:"by"`
	Source   string  `json:"source"`
	Reason   string  `json:"reason,omitempty"`
	Revision int64   `json:"revision"`
}

// The columns of relations.
var (
	RelationByType    = storage.Col("type", func(h *RelationHead) *string { return &h.Type })
	RelationBySource  = storage.Col("source", func(h *RelationHead) *itsm.ID { return &h.Source })
	RelationByTarget  = storage.Col("target", func(h *RelationHead) *itsm.ID { return &h.Target })
	RelationByCurrent = storage.BoolCol("current", func(h *RelationHead) *bool { return &h.Current })
	RelationByFrom    = storage.TimeCol("from", func(h *RelationHead) *time.Time { return &h.From })
	RelationByUntil   = storage.NullTimeCol("until", func(h *RelationHead) *time.Time { return &h.Until })
)

// RelationTable is the table of relations.
var RelationTable = storage.Define(KindRelation, storage.Def[Relation, RelationHead, RelationBody]{
	Parts:   func(r *Relation) (*RelationHead, *RelationBody) { return &r.RelationHead, &r.RelationBody },
	Columns: []storage.ColumnOf[RelationHead]{RelationByType, RelationBySource, RelationByTarget, RelationByCurrent, RelationByFrom, RelationByUntil},
	Indexes: []storage.Index{
		storage.IndexOn(RelationByCurrent.Asc()),
		storage.IndexOn(RelationBySource.Asc(), RelationByCurrent.Asc(), RelationByType.Asc()),
		storage.IndexOn(RelationByTarget.Asc(), RelationByCurrent.Asc(), RelationByType.Asc()),
	},
})

func (h *RelationHead) relation() impact.Relation {
	return impact.Relation{Source: string(h.Source), Kind: h.Type, Target: string(h.Target)}
}

// Group is redundancy: an owner that works while enough of the members do. The same record goes on while the group is
// changed; one that was removed stays, with when and why.
type Group struct {
	GroupHead
	GroupBody
}

// GroupHead is what groups are listed by.
type GroupHead struct {
	storage.Meta
	// Owner, Type and Name tell the current groups of a tenant apart. Name may be empty.
	Owner   itsm.ID   `json:"owner"`
	Type    string    `json:"type"`
	Name    string    `json:"name,omitempty"`
	Current bool      `json:"current"`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until,omitzero"`
}

// GroupBody is the rest of a group.
type GroupBody struct {
	// Members are in order of their ids.
	Members []Member    `json:"members,omitempty"`
	Need    impact.Need `json:"need"`
	// Empty is what the group does while it has no members.
	Empty impact.EmptyEffect `json:"empty,omitempty"`
	// Put says who put it as it is, and Removed who removed it.
	Put     Touch  `json:"put"`
	Removed *Touch `json:"removed,omitempty"`
}

// Member is a CI of a group.
type Member struct {
	CI itsm.ID `json:"ci"`
	// Weight is what it counts for; 0 means 1.
	Weight int `json:"weight,omitempty"`
}

// The columns of groups.
var (
	GroupByOwner   = storage.Col("owner", func(h *GroupHead) *itsm.ID { return &h.Owner })
	GroupByType    = storage.Col("type", func(h *GroupHead) *string { return &h.Type })
	GroupByName    = storage.Col("name", func(h *GroupHead) *string { return &h.Name })
	GroupByCurrent = storage.BoolCol("current", func(h *GroupHead) *bool { return &h.Current })
	GroupByFrom    = storage.TimeCol("from", func(h *GroupHead) *time.Time { return &h.From })
	GroupByUntil   = storage.NullTimeCol("until", func(h *GroupHead) *time.Time { return &h.Until })
)

// GroupTable is the table of groups.
var GroupTable = storage.Define(KindGroup, storage.Def[Group, GroupHead, GroupBody]{
	Parts:   func(g *Group) (*GroupHead, *GroupBody) { return &g.GroupHead, &g.GroupBody },
	Columns: []storage.ColumnOf[GroupHead]{GroupByOwner, GroupByType, GroupByName, GroupByCurrent, GroupByFrom, GroupByUntil},
	Indexes: []storage.Index{
		storage.IndexOn(GroupByCurrent.Asc()),
		storage.IndexOn(GroupByOwner.Asc(), GroupByCurrent.Asc(), GroupByType.Asc()),
	},
})

func (g *Group) group() *impact.Group {
	out := &impact.Group{Owner: string(g.Owner), Kind: g.Type, Name: g.Name, Need: g.Need, Empty: g.Empty}
	for _, m := range g.Members {
		out.Members = append(out.Members, impact.Member{ID: string(m.CI), Weight: m.Weight})
	}
	return out
}

// member says of which current groups a CI is a member.
type member struct {
	memberHead
	memberBody
}

type memberHead struct {
	storage.Meta
	Group itsm.ID
	CI    itsm.ID
	Type  string
}

type memberBody struct{}

var (
	memberByGroup = storage.Col("group", func(h *memberHead) *itsm.ID { return &h.Group })
	memberByCI    = storage.Col("ci", func(h *memberHead) *itsm.ID { return &h.CI })
	memberByType  = storage.Col("type", func(h *memberHead) *string { return &h.Type })
)

var memberTable = storage.Define("ci_member", storage.Def[member, memberHead, memberBody]{
	Parts:   func(m *member) (*memberHead, *memberBody) { return &m.memberHead, &m.memberBody },
	Columns: []storage.ColumnOf[memberHead]{memberByGroup, memberByCI, memberByType},
	Indexes: []storage.Index{
		storage.IndexOn(memberByGroup.Asc()),
		storage.IndexOn(memberByCI.Asc(), memberByType.Asc()),
	},
})
