// This file makes one CI of two: what the one has moves to the other, and it is retired. All is looked at before anything is written.

package cmdb

import (
	"cmp"
	"context"
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
	// Command has the version of Keep where it has one.
	itsm.Command
	// Keep stays, and Other is retired.
	Keep  itsm.ID `json:"keep"`
	Other itsm.ID `json:"other"`
	// Source is who says that the two are one; empty is [SourceManual].
	Source string `json:"source,omitempty"`
	// DryRun writes nothing, uses no key, and gives what would move. Ids of relations and groups that would be made mean nothing.
	DryRun bool `json:"dry_run,omitempty"`
}

// Merging says what moved from one CI to another, or would: of relations, groups and links those that the actor may know of.
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
	// Outages are those of the other, and Links its links with records of any kind, of which [MaxLinksMerged] move at once.
	Outages []itsm.ID   `json:"outages,omitempty"`
	Links   []itsm.Link `json:"links,omitempty"`
	// Follows says that a job moves what is left after the commit: more links, and what records say by [Practice.Concern].
	Follows bool `json:"follows,omitempty"`
	// Hidden says that more moved than the actor may know of.
	Hidden bool `json:"hidden,omitempty"`
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
// told them now. Where a source said both at the same instant, what Keep has stays. Its other fields stay what they are. The other is retired, and names the one that took its place; its history stays. What records
// impact that are linked to the other or name it is computed anew. Attributes of further CIs that refer to the other, and corrections of an impact
// that are about it, are left as they are.
//
// A source that knows both by keys of its own may go on telling of two. What it tells by the key of Keep counts; what it tells by that of the other
// is passed over (reconcile.ActionIgnore, with the reason), and counts again once nothing was heard by the former for as long as the source's word
// holds. What points to the other by its key leads to Keep.
//
// It asks for [PermissionMerge] on both. One that is retired is ErrTransition. It is ErrInvalid, with every fault, where neither class is above the
// other, or a relation or group cannot be of the one that is kept, or more than [MaxTogether] of them, or of outages, would move. A command that
// was given before under its key gives Keep as it is now, and does not tell again what moved.
func (p *Practice) Merge(ctx context.Context, actor itsm.Actor, m Merger) (did Merging, err error) {
	call := engine.Call{Name: "ci.merge", Actor: actor, Command: m.Command, Target: m.Keep, Request: m}
	plan := func(ctx context.Context, u *engine.Unit) (*merging, error) {
		did = Merging{}
		g := &merging{p: p, u: u, m: m, did: &did, adds: map[string]added{}}
		g.f.Merge("", call.Validate())
		if err := g.prepare(ctx); err != nil {
			return nil, err
		}
		for _, step := range []func(context.Context) error{g.attributes, g.groups, g.relations, g.cardinality, g.outages, g.links, g.sources} {
			if err := step(ctx); err != nil {
				return nil, err
			}
		}
		did.Keep = g.keep
		if err := g.f.Err("merge"); err != nil {
			return nil, err
		}
		return g, g.hide(ctx)
	}
	if m.DryRun {
		err = p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
			g, err := plan(ctx, u)
			if err == nil && m.IfVersion != 0 && m.IfVersion != g.was.Version {
				return &itsm.VersionError{Kind: Kind, ID: m.Keep, Seen: m.IfVersion, Current: g.was.Version}
			}
			return err
		})
	} else {
		did.Keep, err = engine.Execute(ctx, p.e, Table, call, func(ctx context.Context, u *engine.Unit) (CI, error) {
			g, err := plan(ctx, u)
			if err != nil {
				return CI{}, err
			}
			err = g.put(ctx)
			return g.keep, err
		}, func(ctx context.Context, u *engine.Unit, ci CI, again bool) (CI, error) {
			if again {
				did = Merging{}
				return p.find(ctx, u, actor, ci.ID)
			}
			return ci, nil
		})
	}
	if err != nil {
		return Merging{}, err
	}
	return did, nil
}

// merging is one merge in its unit: first what is there and what becomes of it, then its writing.
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
	heads       map[itsm.ID]Head // of the CIs that the other is tied to
	seen        map[itsm.ID]Head // of these, those that the actor may read
	from        Origin
	at          time.Time // the instant of the revision
	by          Touch
	// adds is how many ties of a type keep begins, and ends, more than before.
	adds map[string]added

	written []string
	began   []Relation
	changed []changedGroup
	missed  []Outage
	linked  []itsm.Link
	heard   []hearing // with what becomes of them
	twice   []hearing // that keep has itself
}

// added are ties of a type that begin at a CI, and that end there.
type added struct{ source, target int }

// changedGroup is a group before and after; nil before it was made.
type changedGroup struct {
	was *Group
	now Group
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
	ids := []itsm.ID{g.keep.ID, g.other.ID}
	for _, rel := range g.bonds.relations {
		ids = append(ids, other(&rel, g.other.ID))
	}
	for _, group := range g.bonds.in {
		ids = append(ids, group.Owner)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if g.heads, err = headsOf(ctx, u.Quiet(), ids, storage.Filter[Head]{}); err != nil {
		return err
	}
	of, err := p.scope(ctx, u.Actor())
	if err != nil {
		return err
	}
	g.seen = map[itsm.ID]Head{}
	for id, h := range g.heads {
		if of.sees(&h) {
			g.seen[id] = h
		}
	}
	now, err := readRevision(ctx, u.Quiet())
	g.at = later(now.At, u.Now())
	g.by = Touch{By: u.Actor().ID, Source: g.from.Source, Reason: g.m.Reason, Revision: now.Revision + 1}
	return err
}

// sees says whether the actor may read all of some CIs that the other is tied to.
func (g *merging) sees(ids ...itsm.ID) bool {
	return !slices.ContainsFunc(ids, func(id itsm.ID) bool { _, ok := g.seen[id]; return !ok })
}

// add notes ties of a type that keep begins and ends more than before.
func (g *merging) add(kind string, source, target int) {
	n := g.adds[kind]
	g.adds[kind] = added{n.source + source, n.target + target}
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
		d := rules.Reconcile(g.keep.Class, mine, told, g.u.Now()).Attributes[0]
		// A source replaces its own word by what it says later. Here it said both at once, of what it took for two.
		own := d.Before.Source == held.Source && !d.Before.Value.IsZero()
		if own && d.Result == reconcile.ResultWritten && !held.At.After(d.Before.At) {
			d.Result, d.After, d.Reason = reconcile.ResultRefused, d.Before, held.Source+" said both at the same instant, and what the one that is kept has stays"
		}
		g.did.Attributes = append(g.did.Attributes, d)
		if own && d.Result == reconcile.ResultRefused || d.Result == reconcile.ResultSame && d.Observed != d.After.Value {
			continue // its word is what it holds, or the same but for case
		}
		w := word{Values: told.Attributes, Origin: Origin{Source: held.Source, At: held.At}, Observed: true,
			Refused: map[string]bool{name: d.Result == reconcile.ResultRefused}}
		h, err := g.p.hear(ctx, g.u, g.model, &g.keep, w, &g.f)
		if err != nil {
			return err
		}
		g.written = append(g.written, h.Written...)
	}
	return nil
}

// groups puts the one that is kept into the place of the other, as owner and as member.
func (g *merging) groups(ctx context.Context) error {
	mine, err := groupsOf(ctx, g.u, g.keep.ID, "")
	if err != nil {
		return err
	}
	for _, was := range g.bonds.in {
		now := was
		now.Members = nil
		joins := true
		for _, m := range was.Members {
			if m.CI == g.other.ID {
				m.CI = g.keep.ID
			} else if m.CI == g.keep.ID {
				joins = false
			}
			if m.CI != was.Owner && !hasMember(&now, m.CI) {
				now.Members = append(now.Members, m)
			}
		}
		slices.SortFunc(now.Members, func(a, b Member) int { return cmp.Compare(a.CI, b.CI) })
		t, _ := g.model.Relation(was.Type)
		beside := mine
		switch {
		case was.Owner == g.keep.ID:
			g.owns(t, -1)
		case joins:
			g.joins(t)
			if beside, err = groupsOf(ctx, g.u, was.Owner, was.Type); err != nil {
				return err
			}
		}
		now.Put = g.by
		if err := g.checkGroup(ctx, t, &now, beside); err != nil {
			return err
		}
		g.changed = append(g.changed, changedGroup{&was, now})
		g.did.Groups = append(g.did.Groups, MovedGroup{was.ID, now.ID})
	}
	for _, was := range g.bonds.own {
		if slices.ContainsFunc(mine, func(had Group) bool { return had.Type == was.Type && had.Name == was.Name }) {
			g.f.Addf("groups", "both have a group %s of type %s; remove or rename one of them first", quoted(was.Name), was.Type)
			continue
		}
		ended := was
		ended.Current, ended.Until, ended.Removed = false, g.at, &g.by
		now := Group{GroupHead{Meta: storage.Meta{ID: g.u.NewID()}, Owner: g.keep.ID, Type: was.Type, Name: was.Name, Current: true, From: g.at},
			GroupBody{Members: slices.DeleteFunc(slices.Clone(was.Members), func(m Member) bool { return m.CI == g.keep.ID }), Need: was.Need, Empty: was.Empty, Put: g.by}}
		t, _ := g.model.Relation(was.Type)
		g.owns(t, len(now.Members))
		if err := g.checkGroup(ctx, t, &now, mine); err != nil {
			return err
		}
		g.changed = append(g.changed, changedGroup{&was, ended}, changedGroup{nil, now})
		g.did.Groups = append(g.did.Groups, MovedGroup{was.ID, now.ID})
	}
	return nil
}

// owns notes that keep has more members in its groups of a type, or fewer.
func (g *merging) owns(t schema.RelationType, more int) {
	if t.Flow == impact.ToTarget {
		g.add(t.Name, 0, more)
	} else {
		g.add(t.Name, more, 0)
	}
}

// joins notes that keep is a member of one group more.
func (g *merging) joins(t schema.RelationType) {
	if t.Flow == impact.ToTarget {
		g.add(t.Name, 1, 0)
	} else {
		g.add(t.Name, 0, 1)
	}
}

func hasMember(group *Group, ci itsm.ID) bool {
	return slices.ContainsFunc(group.Members, func(m Member) bool { return m.CI == ci })
}

// checkGroup notes why a group cannot be with the two as one. Beside are the groups that its owner has before.
func (g *merging) checkGroup(ctx context.Context, t schema.RelationType, now *Group, beside []Group) error {
	title := "a group of type " + now.Type + ", of a CI that the actor may not read,"
	if g.sees(now.Owner) {
		title = fmt.Sprintf("the group %s of type %s", quoted(now.Name), now.Type)
	}
	var own itsm.Faults
	checkNeed(&GroupDefinition{Members: now.Members, Need: now.Need, Empty: now.Empty}, &own)
	for _, fault := range own.List() {
		g.f.Addf("groups", "%s could not do with the two as one: %s %s", title, fault.Field, fault.Problem)
	}
	for _, m := range now.Members {
		if now.Owner != g.keep.ID && m.CI != g.keep.ID {
			continue // nothing of the two changes
		}
		related, err := g.p.holds(ctx, g.u, t, now.Owner, m.CI)
		if err != nil {
			return err
		}
		if related {
			g.f.Addf("groups", "%s would have a member that is related to its owner besides; end that relation first", title)
		}
		if slices.ContainsFunc(beside, func(had Group) bool {
			return had.ID != now.ID && had.Type == now.Type && had.Owner == now.Owner && hasMember(&had, m.CI)
		}) {
			g.f.Addf("groups", "%s would have a member that stands in another group of its owner and type; take it out of one of them first", title)
		}
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
	of := func(id itsm.ID) *Head {
		h := g.heads[id]
		if id == g.keep.ID {
			h = g.keep.Head
		}
		return &h
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
		switch {
		case moved.Source == moved.Target && was.Source == g.keep.ID:
			g.add(t.Name, -1, 0)
		case moved.Source == moved.Target:
			g.add(t.Name, 0, -1)
		case had == nil:
			var own itsm.Faults
			if err := g.p.checkTie(ctx, g.u, g.model, t, of(moved.Source), of(moved.Target), &own); err != nil {
				return err
			}
			for _, fault := range own.List() {
				if end := other(&was, g.other.ID); g.sees(end) {
					g.f.Addf("relations", "%s from %s to %s cannot be: %s %s", was.Type, moved.Source, moved.Target, fault.Field, fault.Problem)
				} else {
					g.f.Addf("relations", "%s with a CI that the actor may not read cannot be", was.Type)
				}
			}
			rel := Relation{RelationHead{Meta: storage.Meta{ID: g.u.NewID()}, Type: was.Type, Source: moved.Source, Target: moved.Target, Current: true, From: g.at}, RelationBody{Began: g.by}}
			moved.Now, g.began = rel.ID, append(g.began, rel)
			if moved.Source == g.keep.ID {
				g.add(t.Name, 1, 0)
			} else {
				g.add(t.Name, 0, 1)
			}
		}
		g.did.Relations = append(g.did.Relations, moved)
	}
	return nil
}

// cardinality notes where keep would have more of a type than it may. Those at the other end have one for one, or fewer.
func (g *merging) cardinality(ctx context.Context) error {
	for _, kind := range slices.Sorted(maps.Keys(g.adds)) {
		t, _ := g.model.Relation(kind)
		n := g.adds[kind]
		if t.Symmetric() { // which end it is means nothing
			n = added{n.source + n.target, n.source + n.target}
		}
		var own itsm.Faults
		if n.source > 0 {
			if err := g.p.checkCardinality(ctx, g.u, t, g.keep.ID, "", int64(n.source), "", &own); err != nil {
				return err
			}
		}
		if n.target > 0 {
			if err := g.p.checkCardinality(ctx, g.u, t, "", g.keep.ID, int64(n.target), "", &own); err != nil {
				return err
			}
		}
		for _, fault := range own.List() {
			g.f.Addf("relations", "cannot be all of one: %s %s", fault.Field, fault.Problem)
		}
	}
	return nil
}

// outages moves those of the other.
func (g *merging) outages(ctx context.Context) (err error) {
	q := storage.Query[OutageHead]{Where: OutageByCI.Is(g.other.ID), Limit: storage.MaxPage}
	g.missed, err = readUpTo(q, MaxTogether+1, func(q storage.Query[OutageHead]) (storage.Page[Outage], error) {
		return OutageTable.Records(ctx, g.u, q)
	})
	if err != nil {
		return err
	}
	if len(g.missed) > MaxTogether {
		g.f.Addf("outages", "are more than %d", MaxTogether)
		return nil
	}
	for _, o := range g.missed {
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

// links looks for those of the other, and for what else follows them.
func (g *merging) links(ctx context.Context) (err error) {
	if g.linked, err = someLinks(ctx, g.u.Quiet(), g.other.Ref(), MaxLinksMerged+1); err != nil {
		return err
	}
	if g.did.Follows = len(g.linked) > MaxLinksMerged; g.did.Follows {
		g.linked = g.linked[:MaxLinksMerged]
	}
	for _, l := range g.linked {
		if l.From = g.keep.Ref(); l.To != l.From {
			g.did.Links = append(g.did.Links, l)
		}
	}
	// A record that is linked alone is seen to with its link.
	rows, err := someNaming(ctx, g.u, g.other.ID, "", askChunk)
	if err != nil || len(rows) == 0 {
		return err
	}
	ids := make([]itsm.ID, len(rows))
	for i := range rows {
		ids[i] = assessmentID(rows[i].Of())
	}
	page, err := AssessmentTable.Records(ctx, g.u, storage.Query[AssessmentHead]{Where: AssessmentTable.ByID().In(ids...), Limit: askChunk})
	g.did.Follows = g.did.Follows || len(rows) == askChunk || slices.ContainsFunc(page.Items, func(a Assessment) bool {
		return slices.ContainsFunc(a.Named, func(n NamedCI) bool { return n.CI == g.other.ID })
	})
	return err
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
		if k.Own != "" && slices.ContainsFunc(mine, func(had hearing) bool {
			return had.Source == k.Source && had.Own != "" && had.Own != k.Own && !had.Merged
		}) {
			k.Merged = true
		}
		g.did.Sources = append(g.did.Sources, SourceOf{k.Source, k.Own, k.Heard, k.Merged})
		if i := slices.IndexFunc(mine, func(had hearing) bool { return had.Source == k.Source && had.Own == k.Own }); i >= 0 {
			g.twice = append(g.twice, k)
			if k.Heard.After(mine[i].Heard) {
				mine[i].Heard, mine[i].Updated = k.Heard, g.u.Now()
				g.heard = append(g.heard, mine[i])
			}
			continue
		}
		k.CI, k.Updated = g.keep.ID, g.u.Now()
		g.heard = append(g.heard, k)
	}
	return nil
}

// hide takes out of what is told what the actor may not know of.
func (g *merging) hide(ctx context.Context) error {
	did := g.did
	var refs []itsm.Ref
	var cis []itsm.ID
	for _, l := range did.Links {
		if l.To.Kind == Kind {
			cis = append(cis, l.To.ID)
		} else {
			refs = append(refs, l.To)
		}
	}
	may, err := g.p.mayReadRecords(ctx, g.u, g.u.Actor(), refs)
	if err != nil {
		return err
	}
	slices.Sort(cis)
	seen, err := g.p.MayReadEach(ctx, g.u, g.u.Actor(), slices.Compact(cis))
	if err != nil {
		return err
	}
	all := len(did.Links) + len(did.Relations) + len(did.Groups)
	did.Links = slices.DeleteFunc(did.Links, func(l itsm.Link) bool { return l.To.Kind == Kind && !seen[l.To.ID] || l.To.Kind != Kind && !may[l.To] })
	did.Relations = slices.DeleteFunc(did.Relations, func(r MovedRelation) bool { return !g.sees(r.Source, r.Target) })
	owners := map[itsm.ID]itsm.ID{}
	for _, c := range g.changed {
		owners[c.now.ID] = c.now.Owner
	}
	did.Groups = slices.DeleteFunc(did.Groups, func(m MovedGroup) bool { return !g.sees(owners[m.Now]) })
	did.Hidden = len(did.Links)+len(did.Relations)+len(did.Groups) < all
	return nil
}

// put writes what was found, and the revision, and tells of all.
func (g *merging) put(ctx context.Context) error {
	u := g.u
	was := g.other
	g.other.State, g.other.Current, g.other.Since, g.other.MergedInto = StateRetired, false, later(was.Updated, u.Now()), g.keep.ID
	var edits []edit
	for _, head := range g.bonds.relations {
		edge := head.relation()
		edits = append(edits, edit{Op: opUnrelate, Relation: &edge})
	}
	for _, c := range g.changed {
		switch {
		case !c.now.Current:
			edits = append(edits, edit{Op: opRemoveGroup, Was: c.was.group()})
		case c.was == nil:
			edits = append(edits, edit{Op: opPutGroup, Now: c.now.group()})
		default:
			edits = append(edits, edit{Op: opPutGroup, Was: c.was.group(), Now: c.now.group()})
		}
	}
	for _, rel := range g.began {
		edge := rel.relation()
		edits = append(edits, edit{Op: opRelate, Relation: &edge})
	}
	if *sightOf(&g.was.Head) != *sightOf(&g.keep.Head) {
		edits = append(edits, edit{Op: opDescribe, CI: g.keep.ID, Sight: sightOf(&g.keep.Head)})
	}
	now, err := record(ctx, u, append(edits, edit{Op: opRemoveCI, CI: g.other.ID, Sight: sightOf(&was.Head)}))
	if err != nil {
		return err
	}
	if now.Revision != g.by.Revision {
		return fmt.Errorf("the graph is at revision %d, and %d was told", now.Revision, g.by.Revision)
	}
	if err := Table.Put(ctx, u, &g.keep, &g.other); err != nil {
		return err
	}
	if err := g.p.keepIdentity(ctx, u, turn{&g.was, &g.keep}, turn{&was, &g.other}); err != nil {
		return err
	}
	l := StandardLifecycle()
	before, _ := l.Category(was.State)
	after, _ := l.Category(g.other.State)
	mine, _ := l.Category(g.keep.State)
	u.Emit(itsm.Event{Kind: Kind, Record: g.keep.ID, Action: "merge", From: string(g.keep.State), To: string(g.keep.State), FromCategory: mine, ToCategory: mine,
		Data: Merged{Other: g.other.ID, Attributes: g.written, Source: g.from.Source, Revision: now.Revision}})
	u.Emit(itsm.Event{Kind: Kind, Record: g.other.ID, Action: string(ActionRetire), From: string(was.State), To: string(StateRetired), FromCategory: before, ToCategory: after,
		Data: Retired{g.from.Source, nil, now.Revision}})
	if err := g.putGraph(ctx); err != nil {
		return err
	}
	return g.putRest(ctx)
}

// putGraph writes relations and groups.
func (g *merging) putGraph(ctx context.Context) error {
	u := g.u
	for _, head := range g.bonds.relations {
		rel, err := RelationTable.Get(ctx, u, head.ID)
		if err != nil {
			return err
		}
		if err := endRelation(ctx, u, &rel, g.at, g.by); err != nil {
			return err
		}
	}
	for _, c := range g.changed {
		if err := putGroup(ctx, u, c.was, &c.now); err != nil {
			return err
		}
		if !c.now.Current {
			u.Emit(itsm.Event{Kind: KindGroup, Record: c.now.ID, Action: "remove_group", Data: GroupRemoved{*c.was.group(), g.by.Revision}})
			continue
		}
		told := GroupPut{Now: *c.now.group(), Revision: g.by.Revision}
		if c.was != nil {
			told.Was = c.was.group()
		}
		u.Emit(itsm.Event{Kind: KindGroup, Record: c.now.ID, Action: "put_group", Data: told})
	}
	for _, rel := range g.began {
		if err := RelationTable.Put(ctx, u, &rel); err != nil {
			return err
		}
		u.Emit(itsm.Event{Kind: KindRelation, Record: rel.ID, Action: "relate", Data: Related{rel.Type, rel.Source, rel.Target, g.by.Revision}})
	}
	return nil
}

// putRest writes what hangs on the other beside the graph.
func (g *merging) putRest(ctx context.Context) error {
	u := g.u
	for _, o := range g.missed {
		o.CI = g.keep.ID
		if err := OutageTable.Put(ctx, u, &o); err != nil {
			return err
		}
		u.Emit(itsm.Event{Kind: KindOutage, Record: o.ID, Action: "amend_outage", Data: OutageAmended{o.CI, o.Severity, o.Begin, o.End}})
	}
	for _, k := range g.twice {
		if err := knownTable.Delete(ctx, u.Quiet(), &k); err != nil {
			return err
		}
	}
	for _, k := range g.heard {
		if err := knownTable.Put(ctx, u.Quiet(), &k); err != nil {
			return err
		}
	}
	if err := g.p.moveLinks(ctx, u, g.linked, g.keep.Ref()); err != nil {
		return err
	}
	more, err := settleMerged(ctx, u, g.keep.ID, g.other.ID)
	if err != nil || !more && !g.did.Follows {
		return err
	}
	g.did.Follows = true
	return scheduleMerge(ctx, u, mergeJob{Keep: g.keep.ID, Other: g.other.ID})
}
