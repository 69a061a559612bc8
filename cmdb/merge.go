// This file makes one CI of two: what the one has moves to the other, and it is retired.

package cmdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Merger is a request to make one CI of two.
type Merger struct {
	// Keep stays, and Other is retired.
	Keep  itsm.ID `json:"keep"`
	Other itsm.ID `json:"other"`
	// Source is who says that the two are one; empty is [SourceManual].
	Source string `json:"source,omitempty"`
	Reason string `json:"reason,omitempty"`
	// DryRun writes nothing, and gives what would move.
	DryRun bool `json:"dry_run,omitempty"`
}

// Merging says what moved from one CI to another, or would.
type Merging struct {
	// Keep is the CI that stays, as it is afterwards.
	Keep CI `json:"keep"`
	// Attributes say of each that the other had whose value counts, and by which rule.
	Attributes []reconcile.AttributeDecision `json:"attributes,omitempty"`
	// Relations and Groups are those that the other had.
	Relations []MovedRelation `json:"relations,omitempty"`
	Groups    []MovedGroup    `json:"groups,omitempty"`
	// Sources are those that told of the other: what they tell by their keys is of Keep from now on.
	Sources []SourceOf `json:"sources,omitempty"`
	// Outages are those of the other, and Links its links with records of any kind.
	Outages []itsm.ID   `json:"outages,omitempty"`
	Links   []itsm.Link `json:"links,omitempty"`
}

// MovedRelation is a relation that ended with the other CI.
type MovedRelation struct {
	Was itsm.ID `json:"was"`
	// Now is the one that took its place; empty where there was one already, or where it was between the two.
	Now    itsm.ID `json:"now,omitempty"`
	Type   string  `json:"type"`
	Source itsm.ID `json:"source"`
	Target itsm.ID `json:"target"`
}

// MovedGroup is a redundancy group of the other CI, or of which it was a member.
type MovedGroup struct {
	Was itsm.ID `json:"was"`
	// Now is the one with Keep in the place of the other.
	Now itsm.ID `json:"now"`
}

// Merge makes one CI of two that were found to be one. Relations, redundancy groups, outages, links, and what sources call the other move to the
// one that is kept, as one revision of the graph; of attributes those values of the other are taken that the rules have count, as if its sources
// told them now. Its other fields stay what they are. The other is retired, and names the one that took its place; its history stays. Attributes
// of further CIs that refer to the other are left as they are.
//
// It asks for [PermissionMerge] on both. One that is retired is ErrTransition. It is ErrInvalid, with every fault, where neither class is above the
// other, or a relation or group cannot be of the one that is kept, or more than [MaxTogether] of them, or of outages, would move.
func (p *Practice) Merge(ctx context.Context, actor itsm.Actor, m Merger) (did Merging, err error) {
	err = p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		did = Merging{}
		g := merging{p: p, u: u, m: m, did: &did}
		if err := g.prepare(ctx); err != nil {
			return err
		}
		for _, step := range []func(context.Context) error{g.attributes, g.endRelations, g.groups, g.relations, g.outages, g.links, g.sources, g.duplicates} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		if err := g.f.Err("merge"); err != nil {
			return err
		}
		if err := g.put(ctx); err != nil {
			return err
		}
		if did.Keep = g.keep; m.DryRun {
			return errUndone
		}
		return nil
	})
	if m.DryRun && errors.Is(err, errUndone) {
		return did, nil
	}
	if err != nil {
		return Merging{}, err
	}
	return did, nil
}

// merging is one merge in its unit.
type merging struct {
	p           *Practice
	u           *engine.Unit
	m           Merger
	did         *Merging
	f           itsm.Faults
	model       *schema.Compiled
	keep, other CI
	was         CI // keep, before
	bonds       *bonds
	from        Origin
	by          Touch
	edits       []edit
	events      []itsm.Event
	written     []string
}

// prepare locks the graph and reads both CIs.
func (g *merging) prepare(ctx context.Context) (err error) {
	p, u := g.p, g.u
	if err := u.Authorize(ctx, PermissionMerge, nil); err != nil {
		return err
	}
	if err := lockGraph(ctx, u); err != nil {
		return err
	}
	g.from = origin(g.m.Source, time.Time{}, u.Now(), &g.f)
	g.f.Text("reason", g.m.Reason, MaxDescription, false)
	for field, id := range map[string]itsm.ID{"keep": g.m.Keep, "other": g.m.Other} {
		g.f.Key(field, string(id))
	}
	if g.m.Keep == g.m.Other {
		g.f.Add("other", "is the one that is kept")
	}
	if err := g.f.Err("merge"); err != nil {
		return err
	}
	for _, side := range []struct {
		id itsm.ID
		to *CI
	}{{g.m.Keep, &g.keep}, {g.m.Other, &g.other}} {
		if *side.to, err = p.find(ctx, u, u.Actor(), side.id); err != nil {
			return err
		}
		if err := u.Authorize(ctx, PermissionMerge, side.to.Subject()); err != nil {
			return err
		}
		if !side.to.Current {
			return refused(&side.to.Head, "merge", "it is retired")
		}
	}
	g.was = g.keep
	if g.model, err = p.ready.Of(ctx, u, ""); err != nil {
		return err
	}
	switch {
	case g.model.Is(g.keep.Class, g.other.Class):
	case g.model.Is(g.other.Class, g.keep.Class):
		g.keep.Class = g.other.Class
	default:
		g.f.Addf("other", "is of the class %s, which is neither above nor below %s", g.other.Class, g.keep.Class)
	}
	if g.bonds, err = p.bondsOf(ctx, u, &g.other.Head); err != nil {
		return err
	}
	now, err := readRevision(ctx, u.Quiet())
	g.by = Touch{By: u.Actor().ID, Source: g.from.Source, Reason: g.m.Reason, Revision: now.Revision + 1}
	return err
}

func (g *merging) emit(e itsm.Event) {
	e.Reason = g.m.Reason
	g.events = append(g.events, e)
}

// attributes takes what counts of the other's values.
func (g *merging) attributes(ctx context.Context) error {
	rules, err := g.p.rules.Of(ctx, g.u, "")
	if err != nil {
		return err
	}
	g.f.Merge("rules", rules.unfit)
	if rules.unfit != nil {
		return nil //nolint:nilerr // it is a fault, told with all others
	}
	o := observer{p: g.p, u: g.u, rules: rules, model: g.model, known: map[knownOne][]*hearing{}}
	mine, err := o.held(ctx, &g.keep)
	if err != nil {
		return err
	}
	theirs, err := o.held(ctx, &g.other)
	if err != nil {
		return err
	}
	delete(theirs, reconcile.Name)
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		held := theirs[name]
		told := reconcile.Observation{Source: held.Source, At: held.At, Class: g.keep.Class, Attributes: schema.Values{name: held.Value}}
		decision := rules.Reconcile(g.keep.Class, mine, told, g.u.Now())
		g.did.Attributes = append(g.did.Attributes, decision.Attributes...)
		w := word{Values: told.Attributes, Origin: Origin{Source: held.Source, At: held.At}, Observed: true,
			Refused: map[string]bool{name: decision.Attributes[0].Result == reconcile.ResultRefused}}
		h, err := g.p.hear(ctx, g.u, g.model, &g.keep, w, &g.f)
		if err != nil {
			return err
		}
		g.written = append(g.written, h.Written...)
	}
	return nil
}

// endRelations ends the relations of the other.
func (g *merging) endRelations(ctx context.Context) error {
	for _, head := range g.bonds.relations {
		rel, err := RelationTable.Get(ctx, g.u, head.ID)
		if err != nil {
			return err
		}
		edge := rel.relation()
		g.edits = append(g.edits, edit{Op: opUnrelate, Relation: &edge})
		rel.Current, rel.Until, rel.Ended = false, g.u.Now(), &g.by
		if err := RelationTable.Put(ctx, g.u, &rel); err != nil {
			return err
		}
		g.emit(itsm.Event{Kind: KindRelation, Record: rel.ID, Action: "unrelate", Data: Unrelated{rel.Type, rel.Source, rel.Target, g.by.Revision}})
	}
	return nil
}

// groups puts the one that is kept into the place of the other, as owner and as member.
func (g *merging) groups(ctx context.Context) error {
	mine, err := groupsOf(ctx, g.u, g.keep.ID, "")
	if err != nil {
		return err
	}
	check := func(now *Group) error {
		var own itsm.Faults
		checkNeed(&GroupDefinition{Members: now.Members, Need: now.Need, Empty: now.Empty}, &own)
		for _, fault := range own.List() {
			g.f.Addf("groups", "the group %s of type %s could not do with the two as one: %s %s", quoted(now.Name), now.Type, fault.Field, fault.Problem)
		}
		t, _ := g.model.Relation(now.Type)
		for _, m := range now.Members {
			if now.Owner != g.keep.ID && m.CI != g.keep.ID {
				continue
			}
			related, err := g.p.holds(ctx, g.u, t, now.Owner, m.CI)
			if err != nil {
				return err
			}
			if related {
				g.f.Addf("groups", "the group %s of type %s would have a member that is related to its owner besides; end that relation first", quoted(now.Name), now.Type)
			}
		}
		return nil
	}
	for _, was := range g.bonds.in {
		now := was
		now.Members = nil
		for _, m := range was.Members {
			if m.CI == g.other.ID {
				m.CI = g.keep.ID
			}
			if m.CI != was.Owner && !slices.ContainsFunc(now.Members, func(had Member) bool { return had.CI == m.CI }) {
				now.Members = append(now.Members, m)
			}
		}
		slices.SortFunc(now.Members, func(a, b Member) int { return cmp.Compare(a.CI, b.CI) })
		if err := check(&now); err != nil {
			return err
		}
		now.Put = g.by
		if err := putGroup(ctx, g.u, &was, &now); err != nil {
			return err
		}
		g.edits = append(g.edits, edit{Op: opPutGroup, Was: was.group(), Now: now.group()})
		g.emit(itsm.Event{Kind: KindGroup, Record: now.ID, Action: "put_group", Data: GroupPut{was.group(), *now.group(), g.by.Revision}})
		g.did.Groups = append(g.did.Groups, MovedGroup{was.ID, now.ID})
	}
	for _, was := range g.bonds.own {
		if slices.ContainsFunc(mine, func(had Group) bool { return had.Type == was.Type && had.Name == was.Name }) {
			g.f.Addf("groups", "both have a group %s of type %s; remove or rename one of them first", quoted(was.Name), was.Type)
			continue
		}
		ended := was
		ended.Current, ended.Until, ended.Removed = false, g.u.Now(), &g.by
		if err := putGroup(ctx, g.u, &was, &ended); err != nil {
			return err
		}
		now := Group{GroupHead{Meta: storage.Meta{ID: g.u.NewID()}, Owner: g.keep.ID, Type: was.Type, Name: was.Name, Current: true, From: g.u.Now()},
			GroupBody{Members: slices.DeleteFunc(slices.Clone(was.Members), func(m Member) bool { return m.CI == g.keep.ID }), Need: was.Need, Empty: was.Empty, Put: g.by}}
		if err := check(&now); err != nil {
			return err
		}
		if err := putGroup(ctx, g.u, nil, &now); err != nil {
			return err
		}
		g.edits = append(g.edits, edit{Op: opRemoveGroup, Was: was.group()}, edit{Op: opPutGroup, Now: now.group()})
		g.emit(itsm.Event{Kind: KindGroup, Record: was.ID, Action: "remove_group", Data: GroupRemoved{*was.group(), g.by.Revision}})
		g.emit(itsm.Event{Kind: KindGroup, Record: now.ID, Action: "put_group", Data: GroupPut{nil, *now.group(), g.by.Revision}})
		g.did.Groups = append(g.did.Groups, MovedGroup{was.ID, now.ID})
	}
	return nil
}

// relations relates the one that is kept as the other was.
func (g *merging) relations(ctx context.Context) error {
	to := func(id itsm.ID) itsm.ID {
		if id == g.other.ID {
			return g.keep.ID
		}
		return id
	}
	for _, was := range g.bonds.relations {
		t, _ := g.model.Relation(was.Type)
		moved := MovedRelation{Was: was.ID, Type: was.Type, Source: to(was.Source), Target: to(was.Target)}
		if t.Symmetric() && moved.Target < moved.Source {
			moved.Source, moved.Target = moved.Target, moved.Source
		}
		edge := impact.Relation{Source: string(moved.Source), Kind: was.Type, Target: string(moved.Target)}
		had, err := currentRelation(ctx, g.u, edge)
		if err != nil {
			return err
		}
		if moved.Source == moved.Target || had != nil {
			g.did.Relations = append(g.did.Relations, moved)
			continue
		}
		ends := [2]*Head{}
		for i, id := range []itsm.ID{moved.Source, moved.Target} {
			if ends[i] = &g.keep.Head; id == g.keep.ID {
				continue
			}
			ci, err := Table.Get(ctx, g.u.Quiet(), id)
			if err != nil {
				return err
			}
			ends[i] = &ci.Head
		}
		var own itsm.Faults
		if err := g.p.checkPair(ctx, g.u, g.model, t, ends[0], ends[1], &own); err != nil {
			return err
		}
		for _, fault := range own.List() {
			g.f.Addf("relations", "%s from %s to %s cannot be: %s %s", was.Type, moved.Source, moved.Target, fault.Field, fault.Problem)
		}
		rel := Relation{RelationHead{Meta: storage.Meta{ID: g.u.NewID()}, Type: was.Type, Source: moved.Source, Target: moved.Target, Current: true, From: g.u.Now()}, RelationBody{Began: g.by}}
		if err := RelationTable.Put(ctx, g.u, &rel); err != nil {
			return err
		}
		moved.Now = rel.ID
		g.edits = append(g.edits, edit{Op: opRelate, Relation: &edge})
		g.emit(itsm.Event{Kind: KindRelation, Record: rel.ID, Action: "relate", Data: Related{rel.Type, rel.Source, rel.Target, g.by.Revision}})
		g.did.Relations = append(g.did.Relations, moved)
	}
	return nil
}

// outages moves those of the other.
func (g *merging) outages(ctx context.Context) error {
	q := storage.Query[OutageHead]{Where: OutageByCI.Is(g.other.ID), Limit: storage.MaxPage}
	all, err := readUpTo(q, MaxTogether+1, func(q storage.Query[OutageHead]) (storage.Page[Outage], error) {
		return OutageTable.Records(ctx, g.u, q)
	})
	if err != nil {
		return err
	}
	if len(all) > MaxTogether {
		g.f.Addf("outages", "are more than %d", MaxTogether)
		return nil
	}
	for _, o := range all {
		o.CI = g.keep.ID
		if err := OutageTable.Put(ctx, g.u, &o); err != nil {
			return err
		}
		g.emit(itsm.Event{Kind: KindOutage, Record: o.ID, Action: "amend_outage", Data: OutageAmended{o.CI, o.Severity, o.Begin, o.End}})
		g.did.Outages = append(g.did.Outages, o.ID)
	}
	return nil
}

func readUpTo[T, H any](q storage.Query[H], most int, list func(storage.Query[H]) (storage.Page[T], error)) (all []T, err error) {
	for item, err := range storage.Pages(q, list) {
		if err != nil {
			return nil, err
		}
		if all = append(all, item); len(all) == most {
			break
		}
	}
	return all, nil
}

// links moves those of the other.
func (g *merging) links(ctx context.Context) error {
	all, err := engine.Links(ctx, g.u, g.other.Ref())
	if err != nil {
		return err
	}
	for _, l := range all {
		if _, err := g.u.RemoveLink(ctx, l); err != nil {
			return err
		}
		if l.From = g.keep.Ref(); l.To == l.From {
			continue
		}
		if _, err := g.u.AddLink(ctx, l); err != nil {
			return err
		}
		g.did.Links = append(g.did.Links, l)
	}
	return nil
}

// sources has what sources call the other mean the one that is kept.
func (g *merging) sources(ctx context.Context) error {
	mine, err := knownOf(ctx, g.u.Quiet(), g.keep.ID)
	if err != nil {
		return err
	}
	theirs, err := knownOf(ctx, g.u.Quiet(), g.other.ID)
	if err != nil {
		return err
	}
	for _, k := range theirs {
		g.did.Sources = append(g.did.Sources, SourceOf{k.Source, k.Own, k.Heard})
		if i := slices.IndexFunc(mine, func(had hearing) bool { return had.Source == k.Source && had.Own == k.Own }); i >= 0 {
			if err := knownTable.Delete(ctx, g.u.Quiet(), &k); err != nil {
				return err
			}
			if k.Heard.After(mine[i].Heard) {
				mine[i].Heard, mine[i].Updated = k.Heard, g.u.Now()
				if err := knownTable.Put(ctx, g.u.Quiet(), &mine[i]); err != nil {
					return err
				}
			}
			continue
		}
		k.CI, k.Updated = g.keep.ID, g.u.Now()
		if err := knownTable.Put(ctx, g.u.Quiet(), &k); err != nil {
			return err
		}
	}
	return nil
}

// duplicates decides the pairs that the other is in.
func (g *merging) duplicates(ctx context.Context) error {
	for _, side := range []storage.Column[DuplicateHead, itsm.ID]{DuplicateByFirst, DuplicateBySecond} {
		q := storage.Query[DuplicateHead]{Where: storage.AllOf(side.Is(g.other.ID), DuplicateByOpen.Is(true)), Limit: storage.MaxPage}
		all, err := readAll(q, func(q storage.Query[DuplicateHead]) (storage.Page[Duplicate], error) {
			return DuplicateTable.Records(ctx, g.u, q)
		})
		if err != nil {
			return err
		}
		for _, d := range all {
			if err := settle(ctx, g.u, &d, d.First == g.keep.ID || d.Second == g.keep.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// put writes both CIs and the revision, and tells of all.
func (g *merging) put(ctx context.Context) error {
	was := g.other
	g.other.State, g.other.Current, g.other.Since, g.other.MergedInto = StateRetired, false, g.u.Now(), g.keep.ID
	if err := Table.Put(ctx, g.u, &g.keep, &g.other); err != nil {
		return err
	}
	if err := g.p.keepIdentity(ctx, g.u, turn{&g.was, &g.keep}, turn{&was, &g.other}); err != nil {
		return err
	}
	if *sightOf(&g.was.Head) != *sightOf(&g.keep.Head) {
		g.edits = append(g.edits, edit{Op: opDescribe, CI: g.keep.ID, Sight: sightOf(&g.keep.Head)})
	}
	revision, err := record(ctx, g.u, append(g.edits, edit{Op: opRemoveCI, CI: g.other.ID, Sight: sightOf(&was.Head)}))
	if err != nil {
		return err
	}
	if revision != g.by.Revision {
		return fmt.Errorf("the graph is at revision %d, and %d was told", revision, g.by.Revision)
	}
	l := StandardLifecycle()
	before, _ := l.Category(was.State)
	after, _ := l.Category(g.other.State)
	mine, _ := l.Category(g.keep.State)
	g.emit(itsm.Event{Kind: Kind, Record: g.keep.ID, Action: "merge", From: string(g.keep.State), To: string(g.keep.State), FromCategory: mine, ToCategory: mine,
		Data: Merged{Other: g.other.ID, Attributes: g.written, Source: g.from.Source, Revision: revision}})
	g.emit(itsm.Event{Kind: Kind, Record: g.other.ID, Action: string(ActionRetire), From: string(was.State), To: string(StateRetired), FromCategory: before, ToCategory: after,
		Data: Retired{g.from.Source, nil, revision}})
	for _, e := range g.events {
		g.u.Emit(e)
	}
	return nil
}
