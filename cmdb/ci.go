// This file holds the record: what is kept of a CI, and its table.

package cmdb

import (
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Kind is the kind of record that a CI is: the name of its table, the first part of the permissions
// and event types.
const Kind = "ci"

// The bounds of texts, in characters, and of numbers.
const (
	MaxName        = storage.MaxText
	MaxDescription = 10_000
	MaxEnvironment = 64
	MaxSource      = 100
	MaxCriticality = 1000
)

// SourceManual is the source of what a person wrote, where the request names none.
const SourceManual = "manual"

// CI is a configuration item. Its JSON form is one flat object.
type CI struct {
	Head
	Body
}

// Head is what CIs are listed by.
type Head struct {
	storage.Meta
	// Class is one of the tenant's model.
	Class string `json:"class"`
	// Name is what people call it; two CIs may have the same.
	Name  string `json:"name"`
	State State  `json:"state"`
	// Current says that it is not retired.
	Current bool `json:"current"`
	// Since is when it came into its state.
	Since time.Time `json:"since"`
	// Environment is where it is used, as "production"; empty where that is not said.
	Environment string `json:"environment,omitempty"`
	// Criticality is how much hangs on it: greater is more critical, at most [MaxCriticality].
	Criticality int `json:"criticality,omitempty"`
	// Group answers for it, and Owner is a person who does.
	Group itsm.ID `json:"group,omitempty"`
	Owner itsm.ID `json:"owner,omitempty"`
	Site  itsm.ID `json:"site,omitempty"`
	// Restricted CIs are for their group, their owner, and those who may see restricted ones. They count
	// in every answer about impact, and are told to nobody else.
	Restricted bool `json:"restricted,omitempty"`
}

// Body is the rest of a CI.
type Body struct {
	Description string `json:"description,omitempty"`
	// Attributes are the values of the attributes of its class, by name.
	Attributes schema.Values `json:"attributes,omitempty"`
	// Origins say where each value comes from, and under "name" the name, where it is not what the CI was added with.
	Origins map[string]Origin `json:"origins,omitempty"`
	// Observations are what sources found and what was not taken as the value, by attribute: of each source the
	// last, in the order of their names. One that the CI agrees with by now is not kept.
	Observations map[string][]Observation `json:"observations,omitempty"`
	// MergedInto is the CI that took this one's place, where both were found to be one.
	MergedInto itsm.ID `json:"merged_into,omitempty"`
}

// Origin says who says so.
type Origin struct {
	// Source is a discovery tool, a file, or [SourceManual].
	Source string `json:"source"`
	// At is when the source saw it so.
	At time.Time `json:"at"`
}

// Observation is a value that a source found and that was not taken. The zero Value says that it found none.
type Observation struct {
	Origin
	Value schema.Value `json:"value,omitzero"`
}

// The columns of CIs.
var (
	ByClass       = storage.Col("class", func(h *Head) *string { return &h.Class })
	ByName        = storage.Col("name", func(h *Head) *string { return &h.Name })
	ByState       = storage.Col("state", func(h *Head) *State { return &h.State })
	ByCurrent     = storage.BoolCol("current", func(h *Head) *bool { return &h.Current })
	BySince       = storage.TimeCol("since", func(h *Head) *time.Time { return &h.Since })
	ByEnvironment = storage.Col("environment", func(h *Head) *string { return &h.Environment })
	ByCriticality = storage.Col("criticality", func(h *Head) *int { return &h.Criticality })
	ByGroup       = storage.Col("group", func(h *Head) *itsm.ID { return &h.Group })
	ByOwner       = storage.Col("owner", func(h *Head) *itsm.ID { return &h.Owner })
	BySite        = storage.Col("site", func(h *Head) *itsm.ID { return &h.Site })
	ByRestricted  = storage.BoolCol("restricted", func(h *Head) *bool { return &h.Restricted })
)

// byUpdated orders by when a CI was last put: what changed since an instant is found by it.
var byUpdated = storage.Order{Column: storage.ColumnUpdated}

// Table is the table of CIs.
var Table = storage.Define(Kind, storage.Def[CI, Head, Body]{
	Parts: func(c *CI) (*Head, *Body) { return &c.Head, &c.Body },
	Columns: []storage.ColumnOf[Head]{
		ByClass, ByName, ByState, ByCurrent, BySince, ByEnvironment, ByCriticality, ByGroup, ByOwner, BySite, ByRestricted,
	},
	Indexes: []storage.Index{
		storage.IndexOn(ByName.Asc()),
		storage.IndexOn(ByCurrent.Asc(), ByName.Asc()),
		storage.IndexOn(ByClass.Asc(), ByCurrent.Asc(), ByName.Asc()),
		storage.IndexOn(ByGroup.Asc(), ByCurrent.Asc(), ByName.Asc()),
		storage.IndexOn(byUpdated),
	},
})

// Ref names the CI.
func (h *Head) Ref() itsm.Ref { return itsm.Ref{Kind: Kind, ID: h.ID} }

// Subject is what an authorizer needs to know of a CI.
func (h *Head) Subject() *itsm.Subject {
	s := &itsm.Subject{Kind: Kind, ID: h.ID, Assignee: h.Owner, Restricted: h.Restricted}
	if h.Group != "" {
		s.Groups = []itsm.ID{h.Group}
	}
	return s
}

// clone gives a body that shares nothing that a command changes.
func (b Body) clone() Body {
	b.Attributes, b.Origins = maps.Clone(b.Attributes), maps.Clone(b.Origins)
	if b.Observations != nil {
		all := make(map[string][]Observation, len(b.Observations))
		for name, list := range b.Observations {
			all[name] = slices.Clone(list)
		}
		b.Observations = all
	}
	return b
}
