// This file holds the health of a tenant's configuration data: what is missing, alone, stale, twice there or not as it should be.

package cmdb

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxAudits is how many audits the rules of health may have.
const MaxAudits = 100

// HealthRules say what is healthy. They are plain data that a host keeps as it likes; the zero value works.
type HealthRules struct {
	// Recommended names, by class, attributes that CIs of it and of the classes below should have, beside those that the model
	// requires.
	Recommended map[string][]string `json:"recommended,omitempty"`
	// StaleAfterDays is for how many days of 24 hours no source may have seen a CI; 0 is reconcile.DefaultStaleAfterDays. It is at most
	// reconcile.MaxDays.
	StaleAfterDays int `json:"stale_after_days,omitempty"`
	// Identification says by what CIs are the same. Nil are the rules by which observations are identified, where they fit the
	// tenant's model, and otherwise nothing.
	Identification *reconcile.Rules `json:"identification,omitempty"`
	// Audits say how CIs should be, at most [MaxAudits].
	Audits []Audit `json:"audits,omitempty"`
}

// Audit says which values are expected of CIs.
type Audit struct {
	Name string `json:"name"`
	// Selection says of which CIs; one that names no state is of all that are not retired.
	Selection Selection `json:"selection"`
	// Expected are conditions that are all to be met.
	Expected []Condition `json:"expected"`
}

// CIHealth is what is wrong with one CI.
type CIHealth struct {
	Head Head `json:"head"`
	// Missing are attributes without a value that the model requires in its state, and Recommended those that the rules recommend.
	Missing     []string `json:"missing,omitempty"`
	Recommended []string `json:"recommended,omitempty"`
	// Orphan says that failure passes neither to it nor from it by any relation or group, though its class is one that takes part in
	// impacts.
	Orphan bool `json:"orphan,omitempty"`
	// Stale says that no source has seen it for too long. Seen is the latest instant at which one did, that of its record where none
	// said when.
	Stale bool      `json:"stale,omitempty"`
	Seen  time.Time `json:"seen"`
	// Failed are the audits that it does not meet, by name, with the attributes.
	Failed []FailedAudit `json:"failed,omitempty"`
}

func (h *CIHealth) well() bool {
	return len(h.Missing)+len(h.Recommended)+len(h.Failed) == 0 && !h.Orphan && !h.Stale
}

// FailedAudit is an audit that a CI does not meet.
type FailedAudit struct {
	Audit      string   `json:"audit"`
	Attributes []string `json:"attributes"`
}

// RelationHealth is what is wrong with one relation that has not ended.
type RelationHealth struct {
	Head RelationHead `json:"head"`
	// Dangling says that one of its CIs is retired or not there.
	Dangling bool `json:"dangling,omitempty"`
	// Duplicate says that there is another one of its type between the two.
	Duplicate bool `json:"duplicate,omitempty"`
	// Disallowed says that the model does not allow its type between the classes of the two, as after a version that took that away.
	Disallowed bool `json:"disallowed,omitempty"`
}

// DuplicateSet is several CIs that are the same by a rule of identification.
type DuplicateSet struct {
	// Fingerprint is what they have in common, as reconcile.Compiled.Fingerprints gives it.
	Fingerprint string `json:"fingerprint"`
	// CIs are in the order of their ids.
	CIs []itsm.ID `json:"cis"`
}

// HealthReport counts what is wrong, exactly, among what the asker may read. One CI may be counted under several.
type HealthReport struct {
	// CIs is how many are not retired.
	CIs int64 `json:"cis"`
	// Incomplete, BelowRecommended, Orphans, Stale and NonCompliant are those that [Practice.CIHealth] lists, and Unhealthy all of them,
	// each counted once.
	Unhealthy        int64 `json:"unhealthy"`
	Incomplete       int64 `json:"incomplete"`
	BelowRecommended int64 `json:"below_recommended"`
	Orphans          int64 `json:"orphans"`
	Stale            int64 `json:"stale"`
	NonCompliant     int64 `json:"non_compliant"`
	// ByAudit is how many CIs do not meet each audit, by its name.
	ByAudit map[string]int64 `json:"by_audit,omitempty"`
	// Duplicates is how many CIs are the same as another, and DuplicateSets how many sets [Practice.DuplicateHealth] lists.
	Duplicates    int64 `json:"duplicates"`
	DuplicateSets int64 `json:"duplicate_sets"`
	// Relations is how many have not ended, and the rest those that [Practice.RelationHealth] lists.
	Relations           int64 `json:"relations"`
	DanglingRelations   int64 `json:"dangling_relations"`
	DuplicateRelations  int64 `json:"duplicate_relations"`
	DisallowedRelations int64 `json:"disallowed_relations"`
}

// health is rules that are ready for use.
type health struct {
	rules    HealthRules
	model    *schema.Compiled
	identify *reconcile.Compiled // nil for none
	now      time.Time
	// staleAfter is for how long a CI may go unseen.
	staleAfter time.Duration
}

// health checks rules by the model.
func (p *Practice) health(ctx context.Context, r storage.Reader, rules HealthRules) (*health, error) {
	model, err := p.ready.Of(ctx, r, "")
	if err != nil {
		return nil, err
	}
	var f itsm.Faults
	h := &health{rules: rules, model: model, now: p.e.Now()}
	for class, names := range rules.Recommended {
		if _, ok := model.Class(class); !ok {
			f.Addf("recommended", "are given for %s, which the model does not have", quoted(class))
			continue
		}
		for _, name := range names {
			if _, ok := model.Attribute(class, name); !ok {
				f.Addf("recommended."+class, "has %s, which is no attribute of the class", quoted(name))
			}
		}
	}
	if rules.StaleAfterDays < 0 || rules.StaleAfterDays > reconcile.MaxDays {
		f.Addf("stale_after_days", "must be from 0 to %d", reconcile.MaxDays)
	}
	h.staleAfter = time.Duration(orElse(rules.StaleAfterDays, reconcile.DefaultStaleAfterDays)) * 24 * time.Hour
	if len(rules.Audits) > MaxAudits {
		f.Addf("audits", "are %d; at most %d are allowed", len(rules.Audits), MaxAudits)
	}
	h.rules.Audits = slices.Clone(rules.Audits)
	names := map[string]bool{}
	for i := range h.rules.Audits {
		a, field := &h.rules.Audits[i], fmt.Sprintf("audits[%d]", i)
		f.Text(field+".name", a.Name, MaxName, true)
		if names[a.Name] {
			f.Add(field+".name", "is that of another audit")
		}
		names[a.Name] = true
		a.Selection = a.Selection.check(model, field+".selection", &f)
		if len(a.Expected) == 0 || len(a.Expected) > MaxConditions {
			f.Addf(field+".expected", "must be from 1 to %d", MaxConditions)
		}
		a.Expected = Selection{Classes: a.Selection.Classes, Attributes: a.Expected}.check(model, field+".expected", &f).Attributes
	}
	if rules.Identification != nil {
		h.identify, err = rules.Identification.Compile(model)
		f.Merge("identification", err)
	} else if ruling, err := p.rules.Of(ctx, r, ""); err != nil {
		return nil, err
	} else if ruling.unfit == nil {
		h.identify = ruling.Compiled
	}
	return h, f.Err("rules of health")
}

// of gives what is wrong with CIs that are not retired, in their order, the well ones too.
func (h *health) of(ctx context.Context, r storage.Reader, all []CI) ([]CIHealth, error) {
	tied, err := h.tied(ctx, r, all)
	if err != nil {
		return nil, err
	}
	heard, err := lastHeard(ctx, r, all)
	if err != nil {
		return nil, err
	}
	out := make([]CIHealth, len(all))
	for i := range all {
		ci := &all[i]
		out[i] = CIHealth{Head: ci.Head, Missing: h.model.Missing(ci.Class, string(ci.State), ci.Attributes), Seen: ci.seen()}
		one := &out[i]
		if at := heard[ci.ID]; at.After(one.Seen) {
			one.Seen = at
		}
		for class, names := range h.rules.Recommended {
			if !h.model.Is(ci.Class, class) {
				continue
			}
			for _, name := range names {
				if ci.Attributes[name].IsZero() && !slices.Contains(one.Recommended, name) && !slices.Contains(one.Missing, name) {
					one.Recommended = append(one.Recommended, name)
				}
			}
		}
		slices.Sort(one.Recommended)
		class, _ := h.model.Class(ci.Class)
		one.Orphan = class.Impact != schema.PartOutside && !tied[ci.ID]
		one.Stale = h.now.Sub(one.Seen) > h.staleAfter
		for _, a := range h.rules.Audits {
			if !a.Selection.covers(h.model, ci) {
				continue
			}
			var failed []string
			for _, c := range a.Expected {
				if !c.meets(ci.Attributes[c.Attribute]) && !slices.Contains(failed, c.Attribute) {
					failed = append(failed, c.Attribute)
				}
			}
			if len(failed) > 0 {
				one.Failed = append(one.Failed, FailedAudit{a.Name, failed})
			}
		}
	}
	return out, nil
}

// lastHeard gives when CIs were last observed by a source that told of them, which changes nothing of a CI that is as it was.
func lastHeard(ctx context.Context, r storage.Reader, all []CI) (map[itsm.ID]time.Time, error) {
	last := map[itsm.ID]time.Time{}
	for some := range slices.Chunk(all, askChunk) {
		ids := make([]itsm.ID, len(some))
		for i := range some {
			ids[i] = some[i].ID
		}
		rows, err := readAll(storage.Query[hearingHead]{Where: knownByCI.In(ids...), Limit: storage.MaxPage}, func(q storage.Query[hearingHead]) (storage.Page[hearingHead], error) {
			return knownTable.List(ctx, r, q)
		})
		if err != nil {
			return nil, err
		}
		for _, k := range rows {
			if k.Heard.After(last[k.CI]) {
				last[k.CI] = k.Heard
			}
		}
	}
	return last, nil
}

// seen is the latest instant at which a source said of the CI what it has.
func (ci *CI) seen() time.Time {
	last := ci.Created
	later := func(at time.Time) {
		if at.After(last) {
			last = at
		}
	}
	for _, o := range ci.Origins {
		later(o.At)
	}
	for _, list := range ci.Observations {
		for _, o := range list {
			later(o.At)
		}
	}
	return last
}

// covers says of one CI what filter and meets say in a list.
func (s Selection) covers(model *schema.Compiled, ci *CI) bool {
	is := func(of []itsm.ID, id itsm.ID) bool { return len(of) == 0 || slices.Contains(of, id) }
	return (len(s.Classes) == 0 || slices.ContainsFunc(s.Classes, func(c string) bool { return model.Is(ci.Class, c) })) &&
		(len(s.States) == 0 && ci.Current || slices.Contains(s.States, ci.State)) &&
		(len(s.Environments) == 0 || slices.Contains(s.Environments, ci.Environment)) &&
		is(s.Groups, ci.Group) && is(s.Owners, ci.Owner) && is(s.Sites, ci.Site) &&
		strings.HasPrefix(ci.Name, s.NamePrefix) && ci.Criticality >= s.CriticalityAtLeast && s.meets(ci)
}

// tied says which CIs failure passes to or from, by counts along indexes.
func (h *health) tied(ctx context.Context, r storage.Reader, all []CI) (map[itsm.ID]bool, error) {
	var types []string
	for _, t := range h.model.Model().Relations {
		if t.Flow != impact.NoFlow {
			types = append(types, t.Name)
		}
	}
	tied := map[itsm.ID]bool{}
	note := func(groups []storage.Group, err error) error {
		for _, g := range groups {
			id, _ := g.Values[0].(string)
			tied[itsm.ID(id)] = true
		}
		return err
	}
	for some := range slices.Chunk(all, askChunk) {
		ids := make([]itsm.ID, len(some))
		for i := range some {
			ids[i] = some[i].ID
		}
		flows := storage.AllOf(RelationByCurrent.Is(true), RelationByType.In(types...))
		if len(types) == 0 {
			continue
		}
		if err := note(RelationTable.CountBy(ctx, r, storage.AllOf(RelationBySource.In(ids...), flows), RelationBySource)); err != nil {
			return nil, err
		}
		if err := note(RelationTable.CountBy(ctx, r, storage.AllOf(RelationByTarget.In(ids...), flows), RelationByTarget)); err != nil {
			return nil, err
		}
		if err := note(GroupTable.CountBy(ctx, r, storage.AllOf(GroupByOwner.In(ids...), GroupByCurrent.Is(true)), GroupByOwner)); err != nil {
			return nil, err
		}
		if err := note(memberTable.CountBy(ctx, r, memberByCI.In(ids...), memberByCI)); err != nil {
			return nil, err
		}
	}
	return tied, nil
}

// currentQuery asks for CIs that are not retired and that the actor may read, by their ids.
func currentQuery(of reach, page Page) storage.Query[Head] {
	return storage.Query[Head]{Where: storage.AllOf(of.filter(), ByCurrent.Is(true)), Limit: page.Limit, After: page.After}
}

// CIHealth gives a page of the CIs that something is wrong with, of those that are not retired and that the actor may read, in the order
// of their ids. A page reads as many CIs with their bodies as its limit, and counts their relations along indexes; CIs that are well are
// left out of it, so that a page may have fewer items than its limit, or none, though others follow: Next tells. Rules that cannot be are
// ErrInvalid, with every fault. It asks for [PermissionRead].
func (p *Practice) CIHealth(ctx context.Context, actor itsm.Actor, rules HealthRules, page Page) (storage.Page[CIHealth], error) {
	all, err := p.ciHealth(ctx, actor, rules, page)
	all.Items = slices.DeleteFunc(all.Items, func(h CIHealth) bool { return h.well() })
	return all, err
}

func (p *Practice) ciHealth(ctx context.Context, actor itsm.Actor, rules HealthRules, page Page) (out storage.Page[CIHealth], err error) {
	err = p.view(ctx, actor, func(ctx context.Context, r storage.Reader, of reach) error {
		h, err := p.health(ctx, r, rules)
		if err != nil {
			return err
		}
		all, err := Table.Records(ctx, r, currentQuery(of, page))
		if err != nil {
			return err
		}
		out.Next = all.Next
		out.Items, err = h.of(ctx, r, all.Items)
		return err
	})
	if err != nil {
		return storage.Page[CIHealth]{}, err
	}
	return out, nil
}

// RelationHealth gives a page of the relations that something is wrong with, of those that have not ended, in the order of their ids. A
// page reads as many relations as its limit, and their CIs; relations that are well, and those of a CI that the actor may not read, are
// left out of it, so that a page may have fewer items than its limit, or none, though others follow: Next tells. It asks for
// [PermissionRead].
func (p *Practice) RelationHealth(ctx context.Context, actor itsm.Actor, page Page) (storage.Page[RelationHealth], error) {
	all, err := p.relationHealth(ctx, actor, page)
	all.Items = slices.DeleteFunc(all.Items, func(h RelationHealth) bool { return !h.Dangling && !h.Duplicate && !h.Disallowed })
	return all, err
}

// pairKey tells relations of one type between two CIs, whichever way round where the type reads both ways.
type pairKey struct {
	kind           string
	source, target itsm.ID
}

func (p *Practice) relationHealth(ctx context.Context, actor itsm.Actor, page Page) (out storage.Page[RelationHealth], err error) {
	err = p.view(ctx, actor, func(ctx context.Context, r storage.Reader, of reach) error {
		model, err := p.ready.Of(ctx, r, "")
		if err != nil {
			return err
		}
		all, err := RelationTable.List(ctx, r, storage.Query[RelationHead]{Where: RelationByCurrent.Is(true), Limit: page.Limit, After: page.After})
		if err != nil {
			return err
		}
		out = storage.Page[RelationHealth]{Next: all.Next}
		for some := range slices.Chunk(all.Items, askChunk/2) {
			checked, err := checkRelations(ctx, r, of, model, some)
			if err != nil {
				return err
			}
			out.Items = append(out.Items, checked...)
		}
		return nil
	})
	if err != nil {
		return storage.Page[RelationHealth]{}, err
	}
	return out, nil
}

// checkRelations gives what is wrong with relations of which the actor may know, the well ones too.
func checkRelations(ctx context.Context, r storage.Reader, of reach, model *schema.Compiled, some []RelationHead) ([]RelationHealth, error) {
	var ids []itsm.ID
	for _, rel := range some {
		ids = append(ids, rel.Source, rel.Target)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	heads, err := headsOf(ctx, r, ids, storage.Filter[Head]{})
	if err != nil {
		return nil, err
	}
	// Of those between these CIs: a pair, and not all that a hub has.
	groups, err := RelationTable.CountBy(ctx, r, storage.AllOf(RelationBySource.In(ids...), RelationByTarget.In(ids...), RelationByCurrent.Is(true)),
		RelationByType, RelationBySource, RelationByTarget)
	if err != nil {
		return nil, err
	}
	key := func(kind string, source, target itsm.ID) pairKey {
		if t, ok := model.Relation(kind); ok && t.Symmetric() && target < source {
			source, target = target, source
		}
		return pairKey{kind, source, target}
	}
	count := map[pairKey]int64{}
	for _, g := range groups {
		kind, _ := g.Values[0].(string)
		source, _ := g.Values[1].(string)
		target, _ := g.Values[2].(string)
		count[key(kind, itsm.ID(source), itsm.ID(target))] += g.Count
	}
	var out []RelationHealth
	for _, rel := range some {
		source, hasSource := heads[rel.Source]
		target, hasTarget := heads[rel.Target]
		if hasSource && !of.sees(&source) || hasTarget && !of.sees(&target) {
			continue
		}
		out = append(out, RelationHealth{Head: rel,
			Dangling:   !hasSource || !hasTarget || !source.Current || !target.Current,
			Duplicate:  count[key(rel.Type, rel.Source, rel.Target)] > 1,
			Disallowed: hasSource && hasTarget && !model.Allows(rel.Type, source.Class, target.Class)})
	}
	return out, nil
}

// DuplicateHealth gives a page of the sets of CIs that are the same by the rules of identification, of those that are not retired and that the
// actor may read, by fingerprint. Which CIs share one is known when all were read: each page reads every CI with its body, page by page,
// and keeps their fingerprints in memory meanwhile. It asks for [PermissionRead].
func (p *Practice) DuplicateHealth(ctx context.Context, actor itsm.Actor, rules HealthRules, page Page) (out storage.Page[DuplicateSet], err error) {
	if page.Limit < 0 || page.Limit > storage.MaxPage {
		return out, storage.Invalid("page", "limit", fmt.Sprintf("must be from 0 to %d", storage.MaxPage))
	}
	var found twins
	if err := p.scanCIs(ctx, actor, rules, func(h *health, all []CI, _ []CIHealth) { found.note(h, all) }, false); err != nil {
		return out, err
	}
	limit := orElse(page.Limit, 50)
	for _, set := range found.sets() {
		if set.Fingerprint <= string(page.After) {
			continue
		}
		if len(out.Items) == limit {
			out.Next = storage.Cursor(out.Items[limit-1].Fingerprint)
			break
		}
		out.Items = append(out.Items, set)
	}
	return out, nil
}

// twins finds CIs with the same fingerprint.
type twins struct {
	first  map[string]itsm.ID
	others map[string][]itsm.ID
}

func (t *twins) note(h *health, all []CI) {
	if h.identify == nil {
		return
	}
	if t.first == nil {
		t.first, t.others = map[string]itsm.ID{}, map[string][]itsm.ID{}
	}
	for i := range all {
		ci := &all[i]
		for _, print := range h.identify.Fingerprints(ci.Class, ci.Name, ci.Attributes) {
			if _, there := t.first[print]; !there {
				t.first[print] = ci.ID
			} else if t.first[print] != ci.ID {
				t.others[print] = append(t.others[print], ci.ID)
			}
		}
	}
}

func (t *twins) sets() (sets []DuplicateSet) {
	for print, others := range t.others {
		ids := append([]itsm.ID{t.first[print]}, others...)
		slices.Sort(ids)
		sets = append(sets, DuplicateSet{print, slices.Compact(ids)})
	}
	slices.SortFunc(sets, func(a, b DuplicateSet) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	return sets
}

// scanCIs reads every CI that is not retired and that the actor may read, a page at a time with nothing open between; checked has what is
// wrong with each asked too.
func (p *Practice) scanCIs(ctx context.Context, actor itsm.Actor, rules HealthRules, fn func(*health, []CI, []CIHealth), checked bool) error {
	page := Page{Limit: storage.MaxPage}
	for {
		var h *health
		var all storage.Page[CI]
		var found []CIHealth
		err := p.view(ctx, actor, func(ctx context.Context, r storage.Reader, of reach) (err error) {
			if h, err = p.health(ctx, r, rules); err != nil {
				return err
			}
			if all, err = Table.Records(ctx, r, currentQuery(of, page)); err != nil || !checked {
				return err
			}
			found, err = h.of(ctx, r, all.Items)
			return err
		})
		if err != nil {
			return err
		}
		fn(h, all.Items, found)
		if all.Next == "" {
			return nil
		}
		page.After = all.Next
	}
}

// Health counts what is wrong with the CIs and relations that the actor may read. It reads every CI that is not retired with its body and
// every relation that has not ended, once, a page at a time with nothing open between, and keeps the fingerprints of the CIs in memory
// meanwhile. What changes while it runs may be counted as it was or as it is. It asks for [PermissionRead].
func (p *Practice) Health(ctx context.Context, actor itsm.Actor, rules HealthRules) (HealthReport, error) {
	report := HealthReport{}
	for _, a := range rules.Audits {
		if report.ByAudit == nil {
			report.ByAudit = map[string]int64{}
		}
		report.ByAudit[a.Name] = 0
	}
	add := func(n *int64, is bool) {
		if is {
			*n++
		}
	}
	var found twins
	err := p.scanCIs(ctx, actor, rules, func(h *health, all []CI, checked []CIHealth) {
		found.note(h, all)
		report.CIs += int64(len(all))
		for i := range checked {
			one := &checked[i]
			add(&report.Unhealthy, !one.well())
			add(&report.Incomplete, len(one.Missing) > 0)
			add(&report.BelowRecommended, len(one.Recommended) > 0)
			add(&report.Orphans, one.Orphan)
			add(&report.Stale, one.Stale)
			add(&report.NonCompliant, len(one.Failed) > 0)
			for _, a := range one.Failed {
				report.ByAudit[a.Audit]++
			}
		}
	}, true)
	if err != nil {
		return HealthReport{}, err
	}
	twice := map[itsm.ID]bool{}
	for _, set := range found.sets() {
		report.DuplicateSets++
		for _, id := range set.CIs {
			twice[id] = true
		}
	}
	report.Duplicates = int64(len(twice))
	page := Page{Limit: storage.MaxPage}
	for {
		all, err := p.relationHealth(ctx, actor, page)
		if err != nil {
			return HealthReport{}, err
		}
		report.Relations += int64(len(all.Items))
		for _, one := range all.Items {
			add(&report.DanglingRelations, one.Dangling)
			add(&report.DuplicateRelations, one.Duplicate)
			add(&report.DisallowedRelations, one.Disallowed)
		}
		if page.After = all.Next; all.Next == "" {
			return report, nil
		}
	}
}
