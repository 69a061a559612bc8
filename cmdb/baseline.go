// This file holds baselines, and what differs between two instants.

package cmdb

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// KindBaseline is the kind of record that a baseline is.
const KindBaseline = "ci_baseline"

// MaxServices is how many services a comparison looks at.
const MaxServices = 100

// Baseline gives a name to an instant, to compare with later. It copies nothing: what there was at any instant can be read.
type Baseline struct {
	BaselineHead
	BaselineBody
}

// BaselineHead is what baselines are listed by.
type BaselineHead struct {
	storage.Meta
	// Name is unique among the baselines of a tenant.
	Name string    `json:"name"`
	At   time.Time `json:"at"`
	// Revision is that of the graph at the instant.
	Revision int64 `json:"revision"`
}

// BaselineBody is the rest of a baseline.
type BaselineBody struct {
	Description string `json:"description,omitempty"`
}

// The columns of baselines.
var (
	BaselineByName     = storage.Col("name", func(h *BaselineHead) *string { return &h.Name })
	BaselineByAt       = storage.TimeCol("at", func(h *BaselineHead) *time.Time { return &h.At })
	BaselineByRevision = storage.Col("revision", func(h *BaselineHead) *int64 { return &h.Revision })
)

// BaselineTable is the table of baselines.
var BaselineTable = storage.Define(KindBaseline, storage.Def[Baseline, BaselineHead, BaselineBody]{
	Parts:   func(b *Baseline) (*BaselineHead, *BaselineBody) { return &b.BaselineHead, &b.BaselineBody },
	Columns: []storage.ColumnOf[BaselineHead]{BaselineByName, BaselineByAt, BaselineByRevision},
	Indexes: []storage.Index{storage.UniqueOn(BaselineByName.Asc()), storage.IndexOn(BaselineByAt.Asc())},
})

// NewBaseline is a request to name an instant.
type NewBaseline struct {
	itsm.Command
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// At is the instant, not in the future; zero is now.
	At time.Time `json:"at,omitzero"`
}

// TakeBaseline names an instant. It asks for [PermissionBaseline]. A name that is taken is ErrInvalid.
func (p *Practice) TakeBaseline(ctx context.Context, actor itsm.Actor, r NewBaseline) (Baseline, error) {
	call := engine.Call{Name: "ci.take_baseline", Actor: actor, Command: r.Command, Request: r}
	return engine.Execute(ctx, p.e, BaselineTable, call, func(ctx context.Context, u *engine.Unit) (Baseline, error) {
		if err := u.Authorize(ctx, PermissionBaseline, &itsm.Subject{Kind: KindBaseline}); err != nil {
			return Baseline{}, err
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		f.Text("name", r.Name, MaxName, true)
		f.Text("description", r.Description, MaxDescription, false)
		at := storage.Instant(orElse(r.At, u.Now()))
		if at.After(u.Now()) {
			f.Add("at", "is in the future")
		}
		if err := f.Err(KindBaseline); err != nil {
			return Baseline{}, err
		}
		revision, err := revisionAt(ctx, u, at)
		if err != nil {
			return Baseline{}, err
		}
		b := Baseline{BaselineHead{storage.Meta{ID: u.NewID()}, r.Name, at, revision}, BaselineBody{r.Description}}
		if err := BaselineTable.Put(ctx, u, &b); err != nil {
			return Baseline{}, err
		}
		u.Emit(itsm.Event{Kind: KindBaseline, Record: b.ID, Action: "take_baseline", Data: BaselineTaken{b.Name, b.At, b.Revision}})
		return b, nil
	}, nil)
}

// RemoveBaseline takes a name back for good. What there was at the instant can be read all the same. It asks for
// [PermissionBaseline]. Its history stays, ended by engine.Deleted; a reason has no place there.
func (p *Practice) RemoveBaseline(ctx context.Context, actor itsm.Actor, id itsm.ID, c itsm.Command) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Key != "" {
		return storage.Invalid(KindBaseline, "key", "is of no use to remove: there is nothing to give again")
	}
	return p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		if err := u.Authorize(ctx, PermissionBaseline, &itsm.Subject{Kind: KindBaseline, ID: id}); err != nil {
			return err
		}
		b, err := BaselineTable.Get(ctx, u, id)
		if err != nil {
			return err
		}
		if c.IfVersion != 0 && c.IfVersion != b.Version {
			return &itsm.VersionError{Kind: KindBaseline, ID: id, Seen: c.IfVersion, Current: b.Version}
		}
		return BaselineTable.Delete(ctx, u, &b)
	})
}

// Baselines gives a page of baselines; without an order by their instants. It asks for [PermissionRead].
func (p *Practice) Baselines(ctx context.Context, actor itsm.Actor, q storage.Query[BaselineHead]) (page storage.Page[BaselineHead], err error) {
	if len(q.Order) == 0 {
		q.Order = []storage.Order{BaselineByAt.Asc()}
	}
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader, _ reach) error {
		page, err = BaselineTable.List(ctx, r, q)
		return err
	})
	return page, err
}

// Baseline gives a baseline. It asks for [PermissionRead].
func (p *Practice) Baseline(ctx context.Context, actor itsm.Actor, id itsm.ID) (b Baseline, err error) {
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader, _ reach) error {
		b, err = BaselineTable.Get(ctx, r, id)
		return err
	})
	return b, err
}

// Comparison asks what differs between two instants.
type Comparison struct {
	// From is the earlier instant, as that of a baseline, and To the later one; zero is now.
	From, To time.Time
	// Services are CIs, at most [MaxServices], whose impact sets are compared: what goes down with each, and what alone brings it
	// down.
	Services []itsm.ID
	// Options limit the depth and the work of these questions.
	Options impact.Options
}

// Drift is what differs between two instants, of what who asked may read now.
type Drift struct {
	// From and To are the instants, and FromRevision and ToRevision the graph's revisions then.
	From         time.Time `json:"from"`
	To           time.Time `json:"to"`
	FromRevision int64     `json:"from_revision"`
	ToRevision   int64     `json:"to_revision"`
	// CIs are those that came, went or changed, in order of their ids.
	CIs []CIDrift `json:"cis,omitempty"`
	// Began and Ended are relations that are there at one of the instants alone, by source, type and target.
	Began []impact.Relation `json:"began,omitempty"`
	Ended []impact.Relation `json:"ended,omitempty"`
	// Groups are those that differ, by owner, type and name.
	Groups []GroupDrift `json:"groups,omitempty"`
	// Services are those that were named and whose impact sets differ, in the order in which they were named.
	Services []ServiceDrift `json:"services,omitempty"`
	// Hidden says that there is more, which the asker may not read.
	Hidden bool `json:"hidden,omitempty"`
}

// CIDrift is how a CI differs.
type CIDrift struct {
	ID    itsm.ID `json:"id"`
	Name  string  `json:"name"`
	Class string  `json:"class"`
	// Was and Now are its states, empty where it was not there.
	Was State `json:"was,omitempty"`
	Now State `json:"now,omitempty"`
	// Attributes are the names of the attributes that differ, in order, with their values: the zero Value for none.
	Attributes []ValueDrift `json:"attributes,omitempty"`
	// Fields are the names of the other fields that differ, in order: of "class", "criticality", "description", "environment", "group", "name",
	// "owner", "restricted" and "site". What stands in them then and now [Practice.GetAt] gives at either instant.
	// None are told of a CI that was not there.
	Fields []string `json:"fields,omitempty"`
}

// ValueDrift is how the value of an attribute differs.
type ValueDrift struct {
	Name string       `json:"name"`
	Was  schema.Value `json:"was,omitzero"`
	Now  schema.Value `json:"now,omitzero"`
}

// GroupDrift is how a redundancy group differs; nil where it was not there.
type GroupDrift struct {
	Was *impact.Group `json:"was,omitempty"`
	Now *impact.Group `json:"now,omitempty"`
}

// ServiceDrift is how the impact sets of a service differ.
type ServiceDrift struct {
	ID itsm.ID `json:"id"`
	// Impact are the CIs whose states differ when the service goes down.
	Impact []impact.Difference `json:"impact,omitempty"`
	// PointsGained and PointsLost are single points of failure that the service has, and has no more.
	PointsGained []itsm.ID `json:"points_gained,omitempty"`
	PointsLost   []itsm.ID `json:"points_lost,omitempty"`
}

// Compare gives what differs between two instants: CIs with their states, fields and attributes, relations, groups, and the impact sets of
// services that are named. It costs what was changed since the earlier instant, not what there is. It asks for [PermissionRead].
// Services that are in the graph at neither instant, or that the actor may not read, are ErrInvalid.
func (p *Practice) Compare(ctx context.Context, actor itsm.Actor, c Comparison) (Drift, error) {
	var f itsm.Faults
	from, to := storage.Instant(c.From), storage.Instant(orElse(c.To, p.e.Now()))
	if c.From.IsZero() {
		f.Add("from", "is required")
	} else if to.Before(from) {
		f.Add("to", "is before from")
	}
	if len(c.Services) > MaxServices {
		f.Addf("services", "are %d; at most %d are allowed", len(c.Services), MaxServices)
	}
	if err := f.Err("comparison"); err != nil {
		return Drift{}, err
	}
	now, err := p.scene(ctx, actor, Question{At: to})
	if err != nil {
		return Drift{}, err
	}
	was, err := p.scene(ctx, actor, Question{At: from})
	if err != nil {
		return Drift{}, err
	}
	d := Drift{From: from, To: to, FromRevision: was.revision, ToRevision: now.revision}
	for i, id := range c.Services {
		if !now.has(string(id)) && !was.has(string(id)) {
			now.check(&f, "services", stringsOf(c.Services[i:i+1]))
		}
	}
	if err := f.Err("comparison"); err != nil {
		return Drift{}, err
	}
	err = p.view(ctx, actor, func(ctx context.Context, r storage.Reader, of reach) error {
		d.CIs, d.Began, d.Ended, d.Groups, d.Hidden = nil, nil, nil, nil, false
		if err := p.compareCIs(ctx, r, of, &d); err != nil {
			return err
		}
		return compareEdges(ctx, r, now, was, &d)
	})
	if err != nil {
		return Drift{}, err
	}
	for _, id := range c.Services {
		s, err := compareService(ctx, now, was, id, c.Options)
		if err != nil {
			return Drift{}, err
		}
		if len(s.Impact)+len(s.PointsGained)+len(s.PointsLost) > 0 {
			d.Services = append(d.Services, s)
		}
	}
	return d, nil
}

func stringsOf(ids []itsm.ID) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = string(id)
	}
	return all
}

// compareCIs compares the CIs that were put since the earlier instant.
func (p *Practice) compareCIs(ctx context.Context, r storage.Reader, of reach, d *Drift) error {
	q := storage.Query[Head]{Where: Table.ByUpdated().Above(d.From), Order: []storage.Order{byUpdated}, Limit: askChunk}
	for ci, err := range storage.Pages(q, func(q storage.Query[Head]) (storage.Page[CI], error) { return Table.Records(ctx, r, q) }) {
		if err != nil {
			return err
		}
		was, err := p.ciAt(ctx, r, ci, d.From)
		if err != nil && !isNotFound(err) {
			return err
		}
		now, err := p.ciAt(ctx, r, ci, d.To)
		if isNotFound(err) {
			continue // it was not there at either
		}
		if err != nil {
			return err
		}
		one := CIDrift{ID: ci.ID, Name: now.Name, Class: now.Class, Was: was.State, Now: now.State}
		names := maps.Clone(was.Attributes)
		if names == nil {
			names = schema.Values{}
		}
		maps.Copy(names, now.Attributes)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if was.Attributes[name] != now.Attributes[name] {
				one.Attributes = append(one.Attributes, ValueDrift{name, was.Attributes[name], now.Attributes[name]})
			}
		}
		if was.ID != "" {
			for _, field := range []struct {
				name    string
				differs bool
			}{
				{"class", was.Class != now.Class}, {"criticality", was.Criticality != now.Criticality}, {"description", was.Description != now.Description},
				{"environment", was.Environment != now.Environment}, {"group", was.Group != now.Group}, {"name", was.Name != now.Name},
				{"owner", was.Owner != now.Owner}, {"restricted", was.Restricted != now.Restricted}, {"site", was.Site != now.Site},
			} {
				if field.differs {
					one.Fields = append(one.Fields, field.name)
				}
			}
		}
		switch {
		case one.Was == one.Now && len(one.Attributes)+len(one.Fields) == 0:
		case !of.sees(&ci.Head):
			d.Hidden = true
		default:
			d.CIs = append(d.CIs, one)
		}
	}
	slices.SortFunc(d.CIs, func(a, b CIDrift) int { return cmp.Compare(a.ID, b.ID) })
	return nil
}

// groupKey tells the groups of a graph apart.
type groupKey struct{ owner, kind, name string }

// compareEdges compares relations and groups by what the log says was edited between the two.
func compareEdges(ctx context.Context, r storage.Reader, now, was *scene, d *Drift) error {
	balance := map[impact.Relation]int{}
	groups := map[groupKey]*GroupDrift{}
	for at := was.revision; at < now.revision; {
		page, err := editsAfter(ctx, r, at, logPage)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, log := range page {
			if at = log.Revision; at > now.revision {
				break
			}
			for _, e := range log.Edits {
				switch e.Op {
				case opRelate:
					balance[*e.Relation]++
				case opUnrelate:
					balance[*e.Relation]--
				case opPutGroup, opRemoveGroup:
					g := e.Now
					if g == nil {
						g = e.Was
					}
					key := groupKey{g.Owner, g.Kind, g.Name}
					if groups[key] == nil {
						groups[key] = &GroupDrift{Was: e.Was}
					}
					groups[key].Now = e.Now
				}
			}
		}
	}
	for edge, n := range balance {
		switch {
		case n == 0:
		case !now.sees(edge.Source) || !now.sees(edge.Target):
			d.Hidden = true
		case n > 0:
			d.Began = append(d.Began, edge)
		default:
			d.Ended = append(d.Ended, edge)
		}
	}
	byEdge := func(a, b impact.Relation) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Target, b.Target))
	}
	slices.SortFunc(d.Began, byEdge)
	slices.SortFunc(d.Ended, byEdge)
	keys := slices.SortedFunc(maps.Keys(groups), func(a, b groupKey) int {
		return cmp.Or(cmp.Compare(a.owner, b.owner), cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
	})
	for _, key := range keys {
		g := groups[key]
		if sameGroup(g.Was, g.Now) {
			continue
		}
		if !now.seesGroup(g.Was) || !now.seesGroup(g.Now) {
			d.Hidden = true
			continue
		}
		d.Groups = append(d.Groups, *g)
	}
	return nil
}

func (s *scene) seesGroup(g *impact.Group) bool {
	return g == nil || s.sees(g.Owner) && !slices.ContainsFunc(g.Members, func(m impact.Member) bool { return !s.sees(m.ID) })
}

func sameGroup(a, b *impact.Group) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Need == b.Need && a.Empty == b.Empty && slices.Equal(a.Members, b.Members)
}

// compareService compares what a service brings down, and what alone brings it down.
func compareService(ctx context.Context, now, was *scene, id itsm.ID, o impact.Options) (ServiceDrift, error) {
	d := ServiceDrift{ID: id}
	var results [2]*impact.Result
	points := [2]map[itsm.ID]bool{{}, {}}
	for i, s := range []*scene{was, now} {
		failures := Failures(id)
		if !s.snapshot.Has(string(id)) {
			failures = nil
		}
		var err error
		if results[i], err = s.snapshot.Impact(failures, o); err != nil {
			return d, err
		}
		if failures == nil {
			continue
		}
		found, err := s.snapshot.SinglePoints(ctx, string(id), impact.PointOptions{Unaffected: o.Unaffected, Work: o.Work})
		if err != nil {
			return d, err
		}
		for _, p := range found.Points {
			if now.sees(p.ID) {
				points[i][itsm.ID(p.ID)] = true
			}
		}
	}
	for _, c := range impact.Compare(results[0], results[1]) {
		if now.sees(c.ID) {
			d.Impact = append(d.Impact, c)
		}
	}
	without := func(a, b map[itsm.ID]bool) (ids []itsm.ID) {
		for _, id := range slices.Sorted(maps.Keys(a)) {
			if !b[id] {
				ids = append(ids, id)
			}
		}
		return ids
	}
	d.PointsGained, d.PointsLost = without(points[1], points[0]), without(points[0], points[1])
	return d, nil
}
