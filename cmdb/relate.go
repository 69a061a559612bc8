// This file holds the commands on the graph: relations begin and end, groups are put and removed.

package cmdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// NewRelation is a request to relate two CIs.
type NewRelation struct {
	itsm.Command
	// Type is one of the tenant's model. Its inverse may be given instead: the relation is kept in the direction of
	// the type.
	Type   string  `json:"type"`
	Source itsm.ID `json:"source"`
	Target itsm.ID `json:"target"`
	// From is who says so; empty is [SourceManual].
	From string `json:"from,omitempty"`
}

// Relate makes a relation. One that is there already is given as it is, and nothing happens. It asks for [PermissionRelate] on the
// CI that depends, and for [PermissionRead] on the other; where nothing flows, on the source and the target. It is ErrInvalid, with
// every fault, where there is no such type, a CI is not found or retired, the model does not allow the pair, either has as many as
// it may, or a redundancy group of the type has the two already.
func (p *Practice) Relate(ctx context.Context, actor itsm.Actor, n NewRelation) (Relation, error) {
	call := engine.Call{Name: "ci.relate", Actor: actor, Command: n.Command, Request: n}
	return executeOn(ctx, p, RelationTable, call, p.mayReadRelation, func(ctx context.Context, u *engine.Unit) (Relation, error) {
		if err := u.Authorize(ctx, PermissionRelate, nil); err != nil {
			return Relation{}, err
		}
		if err := lockGraph(ctx, u); err != nil {
			return Relation{}, err
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		from := origin(n.From, time.Time{}, u.Now(), &f)
		model, err := p.ready.Of(ctx, u, "")
		if err != nil {
			return Relation{}, err
		}
		rel := Relation{RelationHead: RelationHead{Meta: storage.Meta{ID: u.NewID()}, Source: n.Source, Target: n.Target, Current: true}}
		t, inverse, known := model.Read(n.Type)
		if !known {
			f.Addf("type", "is %s, which the model does not have", quoted(n.Type))
		}
		sourceField, targetField := "source", "target"
		if rel.Type = t.Name; inverse || t.Symmetric() && rel.Target < rel.Source {
			rel.Source, rel.Target = rel.Target, rel.Source
			sourceField, targetField = targetField, sourceField
		}
		source, err := p.end(ctx, u, sourceField, rel.Source, &f)
		if err != nil {
			return Relation{}, err
		}
		target, err := p.end(ctx, u, targetField, rel.Target, &f)
		if err != nil {
			return Relation{}, err
		}
		if source == nil || target == nil || !known {
			return Relation{}, f.Err(KindRelation)
		}
		if err := authorizeEnds(ctx, u, t, source, target); err != nil {
			return Relation{}, err
		}
		had, err := currentRelation(ctx, u, rel.relation())
		if err != nil {
			return Relation{}, err
		}
		if had != nil && f.Empty() {
			return RelationTable.Get(ctx, u, had.ID)
		}
		if err := p.checkPair(ctx, u, model, t, source, target, &f); err != nil {
			return Relation{}, err
		}
		if err := f.Err(KindRelation); err != nil {
			return Relation{}, err
		}
		edge := rel.relation()
		now, err := record(ctx, u, []edit{{Op: opRelate, Relation: &edge}})
		if err != nil {
			return Relation{}, err
		}
		rel.From, rel.Began = now.At, Touch{By: actor.ID, Source: from.Source, Reason: n.Reason, Revision: now.Revision}
		if err := RelationTable.Put(ctx, u, &rel); err != nil {
			return Relation{}, err
		}
		u.Emit(itsm.Event{Kind: KindRelation, Record: rel.ID, Action: "relate", Data: Related{rel.Type, rel.Source, rel.Target, now.Revision}})
		return rel, nil
	})
}

// end reads a CI that is to be related, and notes where it cannot be; nil where there is none that the actor may know of.
func (p *Practice) end(ctx context.Context, u *engine.Unit, field string, id itsm.ID, f *itsm.Faults) (*Head, error) {
	if storage.CheckKey(string(id)) != "" {
		f.Key(field, string(id))
		return nil, nil
	}
	ci, err := p.find(ctx, u, u.Actor(), id)
	if isNotFound(err) {
		f.Add(field, "is not found")
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !ci.Current {
		f.Add(field, "is retired; nothing new relates to it")
	}
	return &ci.Head, nil
}

// authorizeEnds asks whether the unit's actor may relate on behalf of the CI that depends, and of both where each does or nothing
// flows.
func authorizeEnds(ctx context.Context, u *engine.Unit, t schema.RelationType, source, target *Head) error {
	ends := []*Head{source, target}
	switch t.Flow {
	case impact.ToSource:
		ends = ends[:1]
	case impact.ToTarget:
		ends = ends[1:]
	}
	for _, h := range ends {
		if err := u.Authorize(ctx, PermissionRelate, h.Subject()); err != nil {
			return err
		}
	}
	return nil
}

// checkPair notes why two CIs cannot be related.
func (p *Practice) checkPair(ctx context.Context, u *engine.Unit, model *schema.Compiled, t schema.RelationType, source, target *Head, f *itsm.Faults) error {
	if err := p.checkTie(ctx, u, model, t, source, target, f); err != nil || source.ID == target.ID {
		return err
	}
	return p.checkCardinality(ctx, u, t, source.ID, target.ID, 1, "", f)
}

// checkTie notes why two CIs cannot be related, however many either is related to.
func (p *Practice) checkTie(ctx context.Context, u *engine.Unit, model *schema.Compiled, t schema.RelationType, source, target *Head, f *itsm.Faults) error {
	if source.ID == target.ID {
		f.Add("target", "is the source itself")
		return nil
	}
	if !model.Allows(t.Name, source.Class, target.Class) {
		f.Addf("type", "the model does not allow %s from %s to %s", t.Name, source.Class, target.Class)
	}
	if t.Flow == impact.Both && !t.Symmetric() {
		had, err := currentRelation(ctx, u, impact.Relation{Source: string(target.ID), Kind: t.Name, Target: string(source.ID)})
		if err != nil {
			return err
		}
		if had != nil {
			f.Add("type", "holds between them the other way round, and passes failure both ways already")
		}
	}
	for owner, other := range owners(t, source, target) {
		in, err := p.together(ctx, u, t.Name, owner.ID, other.ID)
		if err != nil {
			return err
		}
		if in != nil {
			f.Addf("type", "holds between them in the redundancy group %s, which a relation beside it would defeat", quoted(in.Name))
		}
	}
	return nil
}

// owners gives who depends by a relation, and on whom.
func owners(t schema.RelationType, source, target *Head) map[*Head]*Head {
	switch t.Flow {
	case impact.ToSource:
		return map[*Head]*Head{source: target}
	case impact.ToTarget:
		return map[*Head]*Head{target: source}
	case impact.Both:
		return map[*Head]*Head{source: target, target: source}
	}
	return nil
}

// checkCardinality notes where a source would have more targets, or a target more sources, than the type allows. More are added;
// without is a group that does not count, as it is put anew. An empty id is not looked at.
func (p *Practice) checkCardinality(ctx context.Context, u *engine.Unit, t schema.RelationType, source, target itsm.ID, more int64, without itsm.ID, f *itsm.Faults) error {
	side := func(field string, id itsm.ID, most int, column storage.Column[RelationHead, itsm.ID], asOwner bool) error {
		if id == "" || most == 0 {
			return nil
		}
		where := column.Is(id)
		if t.Symmetric() {
			where = storage.AnyOf(RelationBySource.Is(id), RelationByTarget.Is(id))
		}
		count, err := RelationTable.Count(ctx, u, storage.AllOf(where, RelationByCurrent.Is(true), RelationByType.Is(t.Name)))
		if err != nil {
			return err
		}
		if asOwner || t.Flow == impact.Both {
			groups, err := groupsOf(ctx, u, id, t.Name)
			if err != nil {
				return err
			}
			for _, g := range groups {
				if g.ID != without {
					count += int64(len(g.Members))
				}
			}
		}
		if !asOwner || t.Flow == impact.Both {
			where := storage.AllOf(memberByCI.Is(id), memberByType.Is(t.Name))
			if without != "" {
				where = storage.AllOf(where, memberByGroup.IsNot(without))
			}
			in, err := memberTable.Count(ctx, u, where)
			if err != nil {
				return err
			}
			count += in
		}
		if count+more > int64(most) {
			f.Addf(field, "would have %d of %s; at most %d are allowed", count+more, t.Name, most)
		}
		return nil
	}
	if err := side("source", source, t.MaximumTargets, RelationBySource, t.Flow == impact.ToSource); err != nil {
		return err
	}
	return side("target", target, t.MaximumSources, RelationByTarget, t.Flow == impact.ToTarget)
}

// currentRelation finds the relation between two CIs that has not ended, nil for none.
func currentRelation(ctx context.Context, r storage.Reader, edge impact.Relation) (*RelationHead, error) {
	page, err := RelationTable.List(ctx, r, storage.Query[RelationHead]{Limit: 1, Where: storage.AllOf(RelationBySource.Is(itsm.ID(edge.Source)),
		RelationByCurrent.Is(true), RelationByType.Is(edge.Kind), RelationByTarget.Is(itsm.ID(edge.Target)))})
	if err != nil || len(page.Items) == 0 {
		return nil, err
	}
	return &page.Items[0], nil
}

// groupsOf reads the current groups of an owner, of a type where one is named.
func groupsOf(ctx context.Context, r storage.Reader, owner itsm.ID, kind string) ([]Group, error) {
	where := storage.AllOf(GroupByOwner.Is(owner), GroupByCurrent.Is(true))
	if kind != "" {
		where = storage.AllOf(where, GroupByType.Is(kind))
	}
	return readAll(storage.Query[GroupHead]{Where: where, Limit: storage.MaxPage}, func(q storage.Query[GroupHead]) (storage.Page[Group], error) {
		return GroupTable.Records(ctx, r, q)
	})
}

// together finds a current group of a type in which an owner has a member, nil for none.
func (p *Practice) together(ctx context.Context, r storage.Reader, kind string, owner, ci itsm.ID) (*GroupHead, error) {
	groups, err := groupsOf(ctx, r, owner, kind)
	for _, g := range groups {
		if slices.ContainsFunc(g.Members, func(m Member) bool { return m.CI == ci }) {
			return &g.GroupHead, err
		}
	}
	return nil, err
}

func readAll[T, H any](q storage.Query[H], list func(storage.Query[H]) (storage.Page[T], error)) (all []T, err error) {
	for item, err := range storage.Pages(q, list) {
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, nil
}

// End is a request to end a relation or to remove a group.
type End struct {
	itsm.Command
	// Source is who says so; empty is [SourceManual].
	Source string `json:"source,omitempty"`
}

// Unrelate ends a relation. It stays readable, with when it ended and why. One that ended already is ErrTransition. It asks for
// what [Practice.Relate] does.
func (p *Practice) Unrelate(ctx context.Context, actor itsm.Actor, id itsm.ID, r End) (Relation, error) {
	call := engine.Call{Name: "ci.unrelate", Actor: actor, Command: r.Command, Target: id, Request: r}
	return executeOn(ctx, p, RelationTable, call, p.mayReadRelation, func(ctx context.Context, u *engine.Unit) (Relation, error) {
		if err := lockGraph(ctx, u); err != nil {
			return Relation{}, err
		}
		rel, err := RelationTable.Get(ctx, u, id)
		if err != nil {
			return Relation{}, err
		}
		source, target, err := p.ends(ctx, u, actor, &rel)
		if err != nil {
			return Relation{}, err
		}
		model, err := p.ready.Of(ctx, u, "")
		if err != nil {
			return Relation{}, err
		}
		t, _ := model.Relation(rel.Type)
		if err := authorizeEnds(ctx, u, t, source, target); err != nil {
			return Relation{}, err
		}
		if !rel.Current {
			return Relation{}, ended(KindRelation, id, "unrelate", rel.Until)
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		from := origin(r.Source, time.Time{}, u.Now(), &f)
		if err := f.Err(KindRelation); err != nil {
			return Relation{}, err
		}
		edge := rel.relation()
		now, err := record(ctx, u, []edit{{Op: opUnrelate, Relation: &edge}})
		if err != nil {
			return Relation{}, err
		}
		return rel, endRelation(ctx, u, &rel, now.At, Touch{By: actor.ID, Source: from.Source, Reason: r.Reason, Revision: now.Revision})
	})
}

func endRelation(ctx context.Context, u *engine.Unit, rel *Relation, at time.Time, by Touch) error {
	rel.Current, rel.Until, rel.Ended = false, at, &by
	if err := RelationTable.Put(ctx, u, rel); err != nil {
		return err
	}
	u.Emit(itsm.Event{Kind: KindRelation, Record: rel.ID, Action: "unrelate", Data: Unrelated{rel.Type, rel.Source, rel.Target, by.Revision}})
	return nil
}

func ended(kind string, id itsm.ID, action string, at time.Time) error {
	return &itsm.TransitionError{Kind: kind, ID: id, State: "ended", Action: action, Reason: "it ended on " + at.Format(time.DateTime) + " UTC"}
}

// GroupDefinition is a redundancy group as its author writes it.
type GroupDefinition struct {
	itsm.Command
	// Owner, Type and Name say which group it is: the current one of the three is replaced.
	Owner itsm.ID `json:"owner"`
	Type  string  `json:"type"`
	Name  string  `json:"name,omitempty"`
	// Members are at most [MaxMembers].
	Members []Member `json:"members"`
	// Need is at most the total weight of the members.
	Need impact.Need `json:"need"`
	// Empty says what the group does without members; without it a group must have some.
	Empty impact.EmptyEffect `json:"empty,omitempty"`
	// Source is who says so; empty is [SourceManual].
	Source string `json:"source,omitempty"`
}

// PutGroup makes a redundancy group, or replaces the current one of the owner, type and name. It asks for [PermissionRelate] on the
// owner and for [PermissionRead] on the members. What is the same as before is not told of. It is ErrInvalid, with every fault,
// where failure does not pass by the type, a CI is not found or retired, the model does not allow a pair, a member is related to the
// owner by the type besides, or more is needed than there is.
func (p *Practice) PutGroup(ctx context.Context, actor itsm.Actor, d GroupDefinition) (Group, error) {
	call := engine.Call{Name: "ci.put_group", Actor: actor, Command: d.Command, Request: d}
	return executeOn(ctx, p, GroupTable, call, p.mayReadGroup, func(ctx context.Context, u *engine.Unit) (Group, error) {
		if err := u.Authorize(ctx, PermissionRelate, nil); err != nil {
			return Group{}, err
		}
		if err := lockGraph(ctx, u); err != nil {
			return Group{}, err
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		owner, err := p.end(ctx, u, "owner", d.Owner, &f)
		if err != nil {
			return Group{}, err
		}
		if owner != nil {
			if err := u.Authorize(ctx, PermissionRelate, owner.Subject()); err != nil {
				return Group{}, err
			}
		}
		from := origin(d.Source, time.Time{}, u.Now(), &f)
		was, err := p.checkGroup(ctx, u, &d, owner, &f)
		if err != nil {
			return Group{}, err
		}
		if err := f.Err(KindGroup); err != nil {
			return Group{}, err
		}
		now := Group{GroupHead{Meta: storage.Meta{ID: u.NewID()}, Owner: d.Owner, Type: d.Type, Name: d.Name, Current: true},
			GroupBody{Members: d.Members, Need: d.Need, Empty: d.Empty}}
		change := edit{Op: opPutGroup, Now: now.group()}
		if was != nil {
			if slices.Equal(was.Members, now.Members) && was.Need == now.Need && was.Empty == now.Empty {
				return *was, nil
			}
			now.GroupHead, change.Was = was.GroupHead, was.group()
		}
		at, err := record(ctx, u, []edit{change})
		if err != nil {
			return Group{}, err
		}
		if was == nil {
			now.From = at.At
		}
		now.Put = Touch{By: actor.ID, Source: from.Source, Reason: d.Reason, Revision: at.Revision}
		if err := putGroup(ctx, u, was, &now); err != nil {
			return Group{}, err
		}
		u.Emit(itsm.Event{Kind: KindGroup, Record: now.ID, Action: "put_group", Data: GroupPut{change.Was, *change.Now, at.Revision}})
		return now, nil
	})
}

// checkGroup notes what is wrong with a definition, brings its members into order, and gives the group that it replaces.
func (p *Practice) checkGroup(ctx context.Context, u *engine.Unit, d *GroupDefinition, owner *Head, f *itsm.Faults) (*Group, error) {
	d.Members = slices.Clone(d.Members)
	f.Text("name", d.Name, MaxName, false)
	if len(d.Members) > MaxMembers {
		f.Addf("members", "are %d; at most %d are allowed", len(d.Members), MaxMembers)
		return nil, nil
	}
	checkNeed(d, f)
	model, err := p.ready.Of(ctx, u, "")
	if err != nil {
		return nil, err
	}
	t, known := model.Relation(d.Type)
	switch {
	case !known:
		f.Addf("type", "is %s, which the model does not have", quoted(d.Type))
	case t.Flow == impact.NoFlow:
		f.Addf("type", "is %s, by which no failure passes: there is nothing to be redundant for", d.Type)
		known = false
	}
	var ids []itsm.ID
	for i, m := range d.Members {
		if at := fmt.Sprintf("members[%d].ci", i); storage.CheckKey(string(m.CI)) != "" {
			f.Key(at, string(m.CI))
		} else {
			ids = append(ids, m.CI)
		}
	}
	of, err := p.scope(ctx, u.Actor())
	if err != nil {
		return nil, err
	}
	heads, err := headsOf(ctx, u, ids, of.filter())
	if err != nil || owner == nil {
		return nil, err
	}
	groups, err := groupsOf(ctx, u, owner.ID, d.Type)
	if err != nil {
		return nil, err
	}
	var was *Group
	others := map[itsm.ID]string{}
	for i, g := range groups {
		if g.Name == d.Name {
			was = &groups[i]
			continue
		}
		for _, m := range g.Members {
			others[m.CI] = g.Name
		}
	}
	seen := map[itsm.ID]bool{}
	for i, m := range d.Members {
		at := fmt.Sprintf("members[%d].ci", i)
		h, found := heads[m.CI]
		switch {
		case storage.CheckKey(string(m.CI)) != "":
		case seen[m.CI]:
			f.Add(at, "stands in the group already")
		case !found:
			f.Add(at, "is not found")
		case !h.Current:
			f.Add(at, "is retired; nothing new relates to it")
		case m.CI == owner.ID:
			f.Add(at, "is the owner itself")
		case known && !allowsMember(model, t, owner.Class, h.Class):
			f.Addf(at, "the model does not allow %s between %s and %s", t.Name, owner.Class, h.Class)
		}
		if seen[m.CI] = true; !found || !known {
			continue
		}
		related, err := p.holds(ctx, u, t, owner.ID, m.CI)
		if err != nil {
			return nil, err
		}
		if related {
			f.Addf(at, "is related to the owner by %s besides, which would defeat the group; end that relation first", t.Name)
		}
		if name, ok := others[m.CI]; ok {
			f.Addf(at, "is a member of the owner's group %s of the same type", quoted(name))
		}
	}
	if known {
		without := itsm.ID("")
		if was != nil {
			without = was.ID
		}
		if err := p.checkGroupCardinality(ctx, u, t, d, without, f); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(d.Members, func(a, b Member) int { return cmp.Compare(a.CI, b.CI) })
	return was, nil
}

// checkNeed notes a need that the members cannot meet.
func checkNeed(d *GroupDefinition, f *itsm.Faults) {
	total := 0
	for i, m := range d.Members {
		if m.Weight < 0 || m.Weight > impact.MaxWeight {
			f.Addf(fmt.Sprintf("members[%d].weight", i), "must be from 0 to %d", impact.MaxWeight)
			return
		}
		total += orElse(m.Weight, 1)
	}
	if total > impact.MaxWeight {
		f.Addf("members", "weigh %d together; at most %d are allowed", total, impact.MaxWeight)
	}
	switch n := d.Need; {
	case n.Count != 0 && n.Percent != 0:
		f.Add("need", "is given as a count and as a percentage; give one")
	case n.Count < 0 || n.Percent < 0 || n.Percent > 100:
		f.Add("need", "must be a count of at least 1, or a percentage from 1 to 100")
	case n.Count == 0 && n.Percent == 0 && len(d.Members) > 0:
		f.Add("need", "is required: how many members must work")
	case n.Count > total && len(d.Members) > 0:
		f.Addf("need", "is %d, and the members weigh %d together", n.Count, total)
	}
	switch d.Empty {
	case impact.EmptyOK, impact.EmptyDegraded, impact.EmptyDown:
	case impact.EmptyRefused:
		if len(d.Members) == 0 {
			f.Add("members", "are required, unless empty says what the group does without")
		}
	default:
		f.Add("empty", "must be ok, degraded or down")
	}
}

// allowsMember says whether a class may be a member of a group of another by a type.
func allowsMember(model *schema.Compiled, t schema.RelationType, owner, member string) bool {
	toMember, toOwner := model.Allows(t.Name, owner, member), model.Allows(t.Name, member, owner)
	switch t.Flow {
	case impact.ToSource:
		return toMember
	case impact.ToTarget:
		return toOwner
	}
	return toMember || toOwner
}

// holds says whether a relation of the type makes an owner depend on a CI.
func (p *Practice) holds(ctx context.Context, r storage.Reader, t schema.RelationType, owner, ci itsm.ID) (bool, error) {
	edges := []impact.Relation{{Source: string(owner), Kind: t.Name, Target: string(ci)}, {Source: string(ci), Kind: t.Name, Target: string(owner)}}
	switch t.Flow {
	case impact.ToSource:
		edges = edges[:1]
	case impact.ToTarget:
		edges = edges[1:]
	}
	for _, edge := range edges {
		if had, err := currentRelation(ctx, r, edge); err != nil || had != nil {
			return had != nil, err
		}
	}
	return false, nil
}

// checkGroupCardinality notes where the owner or a member would have more of the type than it allows.
func (p *Practice) checkGroupCardinality(ctx context.Context, u *engine.Unit, t schema.RelationType, d *GroupDefinition, without itsm.ID, f *itsm.Faults) error {
	side := func(id itsm.ID, asSource bool, more int, field string) error {
		source, target := id, itsm.ID("")
		if !asSource {
			source, target = "", id
		}
		var own itsm.Faults
		if err := p.checkCardinality(ctx, u, t, source, target, int64(more), without, &own); err != nil {
			return err
		}
		for _, fault := range own.List() {
			f.Add(field, fault.Problem)
		}
		return nil
	}
	ownerIsSource := t.Flow != impact.ToTarget
	if err := side(d.Owner, ownerIsSource, len(d.Members), "members"); err != nil {
		return err
	}
	for i, m := range d.Members {
		if err := side(m.CI, !ownerIsSource, 1, fmt.Sprintf("members[%d].ci", i)); err != nil {
			return err
		}
	}
	return nil
}

// putGroup writes a group and which CIs are its members.
func putGroup(ctx context.Context, u *engine.Unit, was, now *Group) error {
	if err := GroupTable.Put(ctx, u, now); err != nil {
		return err
	}
	wanted := map[itsm.ID]bool{}
	if now.Current {
		for _, m := range now.Members {
			wanted[m.CI] = true
		}
	}
	if was != nil {
		rows, err := readAll(storage.Query[memberHead]{Where: memberByGroup.Is(was.ID), Limit: storage.MaxPage}, func(q storage.Query[memberHead]) (storage.Page[member], error) {
			return memberTable.Records(ctx, u, q)
		})
		if err != nil {
			return err
		}
		for _, m := range rows {
			if wanted[m.CI] {
				delete(wanted, m.CI)
			} else if err := memberTable.Delete(ctx, u.Quiet(), &m); err != nil {
				return err
			}
		}
	}
	var added []*member
	for _, m := range now.Members {
		if wanted[m.CI] {
			added = append(added, &member{memberHead: memberHead{Meta: storage.Meta{ID: u.NewID(), Created: u.Now(), Updated: u.Now()}, Group: now.ID, CI: m.CI, Type: now.Type}})
		}
	}
	if len(added) == 0 {
		return nil
	}
	return memberTable.Put(ctx, u.Quiet(), added...)
}

// RemoveGroup ends a redundancy group. It stays readable, with when it ended and why. One that ended already is ErrTransition. It
// asks for [PermissionRelate] on the owner.
func (p *Practice) RemoveGroup(ctx context.Context, actor itsm.Actor, id itsm.ID, r End) (Group, error) {
	call := engine.Call{Name: "ci.remove_group", Actor: actor, Command: r.Command, Target: id, Request: r}
	return executeOn(ctx, p, GroupTable, call, p.mayReadGroup, func(ctx context.Context, u *engine.Unit) (Group, error) {
		if err := lockGraph(ctx, u); err != nil {
			return Group{}, err
		}
		g, err := GroupTable.Get(ctx, u, id)
		if err != nil {
			return Group{}, err
		}
		owner, err := p.find(ctx, u, actor, g.Owner)
		if isNotFound(err) {
			return Group{}, notFound(KindGroup, id)
		}
		if err != nil {
			return Group{}, err
		}
		if err := u.Authorize(ctx, PermissionRelate, owner.Subject()); err != nil {
			return Group{}, err
		}
		if !g.Current {
			return Group{}, ended(KindGroup, id, "remove_group", g.Until)
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		from := origin(r.Source, time.Time{}, u.Now(), &f)
		if err := f.Err(KindGroup); err != nil {
			return Group{}, err
		}
		now, err := record(ctx, u, []edit{{Op: opRemoveGroup, Was: g.group()}})
		if err != nil {
			return Group{}, err
		}
		return g, removeGroup(ctx, u, &g, now.At, Touch{By: actor.ID, Source: from.Source, Reason: r.Reason, Revision: now.Revision})
	})
}

func removeGroup(ctx context.Context, u *engine.Unit, g *Group, at time.Time, by Touch) error {
	was := *g
	g.Current, g.Until, g.Removed = false, at, &by
	if err := putGroup(ctx, u, &was, g); err != nil {
		return err
	}
	u.Emit(itsm.Event{Kind: KindGroup, Record: g.ID, Action: "remove_group", Data: GroupRemoved{*was.group(), by.Revision}})
	return nil
}

// executeOn runs a command on a record of the graph. A command that was given under its key before is not run again, and its
// result is given to who may still read it. Of a group the actor is given the members that it may read.
func executeOn[R, H, B any](ctx context.Context, p *Practice, t storage.Table[R, H, B], c engine.Call, mayRead func(context.Context, storage.Reader, itsm.Actor, *R) error, fn func(context.Context, *engine.Unit) (R, error)) (R, error) {
	return engine.Execute(ctx, p.e, t, c, fn, func(ctx context.Context, u *engine.Unit, r R, again bool) (R, error) {
		if again {
			if err := mayRead(ctx, u, c.Actor, &r); err != nil {
				var none R
				return none, err
			}
		}
		if g, ok := any(&r).(*Group); ok {
			of, err := p.scope(ctx, c.Actor)
			if err != nil {
				return r, err
			}
			err = hideMembers(ctx, u, of, g)
			return r, err
		}
		return r, nil
	})
}

// ends reads both CIs of a relation for an actor; a relation of which the actor may not read both is not found.
func (p *Practice) ends(ctx context.Context, r storage.Reader, actor itsm.Actor, rel *Relation) (source, target *Head, err error) {
	var both [2]*Head
	for i, id := range []itsm.ID{rel.Source, rel.Target} {
		ci, err := p.find(ctx, r, actor, id)
		if isNotFound(err) {
			return nil, nil, notFound(KindRelation, rel.ID)
		}
		if err != nil {
			return nil, nil, err
		}
		both[i] = &ci.Head
	}
	return both[0], both[1], nil
}

func (p *Practice) mayReadRelation(ctx context.Context, r storage.Reader, actor itsm.Actor, rel *Relation) error {
	_, _, err := p.ends(ctx, r, actor, rel)
	return err
}

func (p *Practice) mayReadGroup(ctx context.Context, r storage.Reader, actor itsm.Actor, g *Group) error {
	err := p.MayRead(ctx, r, actor, g.Owner)
	if errors.Is(err, itsm.ErrNotFound) {
		return notFound(KindGroup, g.ID)
	}
	return err
}
