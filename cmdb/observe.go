// This file holds what becomes of an observation: the CI is found in the unit that holds the lock of the tenant's graph, and made or
// updated by the rules.

package cmdb

import (
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

// MaxAlike is of how many CIs that share what identifies them one is looked for. An observation that more are like is refused: the
// rules need something that tells them apart.
const MaxAlike = 1000

// Sighting is an observation with what is to be known when it makes a CI.
type Sighting struct {
	reconcile.Observation
	// State is where a CI begins that is made; empty is [StateLive], as what was observed is there.
	State State `json:"state,omitempty"`
}

// Observed is what became of an observation.
type Observed struct {
	Source string `json:"source"`
	Key    string `json:"key,omitempty"`
	Row    int    `json:"row,omitempty"`
	// Action is what was done: reconcile.ActionCreate, ActionUpdate, ActionRefuse, ActionIgnore or ActionFlag. An update may
	// have changed nothing.
	Action reconcile.Action `json:"action"`
	// CI is the one that was made or updated.
	CI itsm.ID `json:"ci,omitempty"`
	// Changed says that the CI is another than before, and Reason why the action is what it is.
	Changed bool   `json:"changed"`
	Reason  string `json:"reason,omitempty"`
	// Identification says which CIs were found, by which rule, and what else was tried.
	Identification reconcile.Identification `json:"identification"`
	// Attributes say of each value whether it was written, and by which rule. A CI that is made takes all.
	Attributes []reconcile.AttributeDecision `json:"attributes,omitempty"`
	// Relations are those that were told, in their order.
	Relations []ObservedTie `json:"relations,omitempty"`
	// Faults are why it was refused.
	Faults []itsm.Fault `json:"faults,omitempty"`

	waits bool // for a host that is not known yet
	// overruled are rows of the same import that say otherwise, by their places.
	overruled map[int]reconcile.RowError
}

// Tie says what became of a relation that was observed.
type Tie string

// What becomes of relations.
const (
	// TieRelated says that the relation was made, and TieSame that it was there.
	TieRelated Tie = "related"
	TieSame    Tie = "same"
	// TieUnknown says that the CI at the other end was not found, or is one of several.
	TieUnknown Tie = "unknown"
	// TieRefused says that the relation cannot be.
	TieRefused Tie = "refused"
)

// ObservedTie is what became of one relation.
type ObservedTie struct {
	Type    string  `json:"type"`
	Inverse bool    `json:"inverse,omitempty"`
	Other   itsm.ID `json:"other,omitempty"`
	Result  Tie     `json:"result"`
	Reason  string  `json:"reason,omitempty"`
}

// Observe takes in what a source observed of one CI: by the tenant's rules it is found, and made or updated. It is found in the unit that
// holds the lock of the tenant's graph, so that of two processes that observe the same one finds what the other made. It is found among
// all CIs, whoever may read them, and is told by its id. It asks for [PermissionObserve], on the CI where one is updated.
//
// What rules refuse is ErrInvalid, and the answer says why; nothing is changed then. Where several CIs are found and the rules say so, they
// are kept as duplicates ([Practice.Duplicates]). One that is retired is left as it is. A relation to a CI that is not found is told, and not
// made; relations that are not told are not ended. The same observation once more changes nothing.
func (p *Practice) Observe(ctx context.Context, actor itsm.Actor, s Sighting) (was Observed, err error) {
	err = p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		was = Observed{}
		o, err := p.observer(ctx, u, s.State)
		if err != nil {
			return err
		}
		told, err := o.rules.Canonical(s.Observation)
		if err != nil {
			return err
		}
		if was, err = o.observe(ctx, told, true); err != nil {
			return err
		}
		if len(was.Faults) > 0 {
			return &storage.ValidationError{Subject: "observation", Faults: was.Faults}
		}
		return o.finish(ctx)
	})
	return was, err
}

// observer takes in observations in one unit. What it finds and changes it has in memory, and writes some together.
type observer struct {
	p     *Practice
	u     *engine.Unit
	rules *ruling
	model *schema.Compiled
	state State
	// shadow is what earlier units of a check would have written; nil where it writes.
	shadow *shadow
	// accord is what other rows of the import said; nil outside one.
	accord *accord

	prints map[string][]itsm.ID // by fingerprint, and keys of sources by theirs
	cis    map[itsm.ID]*CI
	known  map[knownOne][]*hearing
	ties   map[impact.Relation]bool // that were made in this unit

	next      int64     // the revision that this unit makes
	at        time.Time // its instant
	edits     []edit
	turns     []turn
	changed   map[itsm.ID]bool
	heard     []*hearing
	relations []*Relation
	events    []itsm.Event
	told      int // how many events there are, with those that are emitted
}

type knownOne struct {
	ci     itsm.ID
	source string
}

// shadow are CIs that a check would have made, and what else it would have changed of how CIs are found.
type shadow struct {
	prints map[string][]itsm.ID
	made   map[itsm.ID]*CI // with what tells where it could be found alone
	keys   map[knownOne]string
	ties   map[impact.Relation]bool
	ends   map[end]int // how many ties of a type begin, or end, at a CI
	undo   []func()    // what the unit that runs noted
}

// end is where ties of a type begin, or end.
type end struct {
	kind    string
	ci      string
	isStart bool
}

// restore takes back what a unit noted that is run again.
func (s *shadow) restore() {
	for _, undo := range slices.Backward(s.undo) {
		undo()
	}
	s.undo = nil
}

func (s *shadow) keep() { s.undo = nil }

// cast notes by what a CI is found.
func (s *shadow) cast(id itsm.ID, prints []string) {
	for _, print := range prints {
		if !slices.Contains(s.prints[print], id) {
			had := s.prints[print]
			s.undo = append(s.undo, func() { s.prints[print] = had })
			s.prints[print] = append(slices.Clip(had), id)
		}
	}
}

func newShadow() *shadow {
	return &shadow{prints: map[string][]itsm.ID{}, made: map[itsm.ID]*CI{}, keys: map[knownOne]string{}, ties: map[impact.Relation]bool{}, ends: map[end]int{}}
}

// observer locks the tenant's graph.
func (p *Practice) observer(ctx context.Context, u *engine.Unit, state State) (*observer, error) {
	if err := u.Authorize(ctx, PermissionObserve, nil); err != nil {
		return nil, err
	}
	if c, ok := StandardLifecycle().Category(orElse(state, StateLive)); !ok || !c.Open() {
		return nil, itsm.Invalid("observation", "state", "must be planned, build, test or live")
	}
	if err := lockGraph(ctx, u); err != nil {
		return nil, err
	}
	rules, err := p.rules.Of(ctx, u, "")
	if err != nil {
		return nil, err
	}
	if err := rules.ready(ctx, u); err != nil {
		return nil, err
	}
	now, err := readRevision(ctx, u.Quiet())
	if err != nil {
		return nil, err
	}
	return &observer{p: p, u: u, rules: rules, model: rules.Model(), state: orElse(state, StateLive), next: now.Revision + 1, at: later(now.At, u.Now()),
		prints: map[string][]itsm.ID{}, cis: map[itsm.ID]*CI{}, known: map[knownOne][]*hearing{}, ties: map[impact.Relation]bool{},
		changed: map[itsm.ID]bool{}}, nil
}

// prefetch reads at once by what the CIs of observations could be found, and those that are.
func (o *observer) prefetch(ctx context.Context, told []reconcile.Observation) error {
	prints := map[string]bool{}
	keys := map[string]bool{}
	sources := map[string]bool{}
	for _, t := range told {
		sources[t.Source] = true
		if t.Key != "" {
			keys[keyPrint(t.Source, t.Key)] = true
		}
		for _, print := range o.rules.Fingerprints(t.Class, t.Name, t.Attributes) {
			prints[print] = true
		}
		for _, r := range t.Relations {
			if r.Other.Key != "" {
				keys[keyPrint(t.Source, r.Other.Key)] = true
			}
			for _, print := range o.rules.Fingerprints(r.Other.Class, r.Other.Name, r.Other.Attributes) {
				prints[print] = true
			}
		}
	}
	// Those that nothing has are known to be had by none.
	for some := range slices.Chunk(slices.Sorted(maps.Keys(keys)), askChunk) {
		if err := o.readKeys(ctx, some); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(prints)), askChunk) {
		if err := o.readPrints(ctx, some); err != nil {
			return err
		}
	}
	ids := map[itsm.ID]bool{}
	for _, list := range o.prints {
		for _, id := range list[:min(len(list), MaxAlike)] {
			ids[id] = true
		}
	}
	all := slices.Sorted(maps.Keys(ids))
	if err := o.readCIs(ctx, all); err != nil {
		return err
	}
	for _, source := range slices.Sorted(maps.Keys(sources)) {
		if err := o.readKnown(ctx, all, source); err != nil {
			return err
		}
	}
	return nil
}

func (o *observer) readKeys(ctx context.Context, keys []string) error {
	rows, err := readAll(storage.Query[hearingHead]{Where: knownByKey.In(keys...), Limit: storage.MaxPage}, func(q storage.Query[hearingHead]) (storage.Page[hearingHead], error) {
		return knownTable.List(ctx, o.u.Quiet(), q)
	})
	for _, key := range keys {
		o.prints[key] = nil
	}
	for _, k := range rows {
		o.prints[k.Key] = append(o.prints[k.Key], k.CI)
	}
	return err
}

// readPrints reads who has fingerprints. Of one that more than [MaxAlike] have it reads that many and one.
func (o *observer) readPrints(ctx context.Context, prints []string) error {
	for _, print := range prints {
		o.prints[print] = nil
	}
	q := storage.Query[identityHead]{Where: identityByPrint.In(prints...), Limit: storage.MaxPage}
	n := 0
	for row, err := range storage.Pages(q, func(q storage.Query[identityHead]) (storage.Page[identityHead], error) {
		return identityTable.List(ctx, o.u.Quiet(), q)
	}) {
		if err != nil {
			return err
		}
		o.prints[row.Print] = append(o.prints[row.Print], row.CI)
		if n++; n > MaxAlike {
			break // of several one may be had by many: each is read by itself
		}
	}
	if n <= MaxAlike || len(prints) == 1 {
		return nil
	}
	for _, print := range prints {
		if err := o.readPrints(ctx, []string{print}); err != nil {
			return err
		}
	}
	return nil
}

func (o *observer) readCIs(ctx context.Context, ids []itsm.ID) error {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id itsm.ID) bool {
		return o.cis[id] != nil || o.shadow != nil && o.shadow.made[id] != nil
	})
	for some := range slices.Chunk(ids, askChunk) {
		page, err := Table.Records(ctx, o.u.Quiet(), storage.Query[Head]{Where: Table.ByID().In(some...), Limit: askChunk})
		if err != nil {
			return err
		}
		for i := range page.Items {
			o.cis[page.Items[i].ID] = &page.Items[i]
		}
	}
	return nil
}

func (o *observer) readKnown(ctx context.Context, ids []itsm.ID, source string) error {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id itsm.ID) bool { _, read := o.known[knownOne{id, source}]; return read })
	for some := range slices.Chunk(ids, askChunk) {
		for _, id := range some {
			o.known[knownOne{id, source}] = nil
		}
		rows, err := readAll(storage.Query[hearingHead]{Where: storage.AllOf(knownByCI.In(some...), knownBySource.Is(source)), Limit: storage.MaxPage},
			func(q storage.Query[hearingHead]) (storage.Page[hearing], error) {
				return knownTable.Records(ctx, o.u.Quiet(), q)
			})
		if err != nil {
			return err
		}
		for _, k := range rows {
			one := knownOne{k.CI, source}
			o.known[one] = append(o.known[one], &k)
		}
	}
	return nil
}

// of gives a CI that was found, as it is in this unit.
func (o *observer) of(ctx context.Context, id itsm.ID) (*CI, error) {
	if err := o.readCIs(ctx, []itsm.ID{id}); err != nil {
		return nil, err
	}
	if ci := o.cis[id]; ci != nil {
		return ci, nil
	}
	if o.shadow != nil && o.shadow.made[id] != nil {
		return o.shadow.made[id], nil
	}
	return nil, notFound(Kind, id)
}

var errAlike = errors.New("too many are alike")

// find answers the questions of package reconcile.
func (o *observer) find(ctx context.Context) reconcile.Find {
	return func(q reconcile.Query) ([]reconcile.Found, error) {
		var ids []itsm.ID
		var err error
		switch {
		case q.Key != "":
			ids, err = o.having(ctx, keyPrint(q.Source, q.Key), o.readKeys)
		case q.Fingerprint != "":
			ids, err = o.having(ctx, q.Fingerprint, o.readPrints)
		case q.Related != nil:
			ids, err = o.relatedTo(ctx, *q.Related)
		}
		if err != nil {
			return nil, err
		}
		if len(ids) > MaxAlike {
			return nil, errAlike
		}
		if q.Related != nil && q.Fingerprint != "" {
			if ids, err = o.tied(ctx, ids, *q.Related); err != nil {
				return nil, err
			}
		}
		if err := o.readCIs(ctx, ids); err != nil {
			return nil, err
		}
		if err := o.readKnown(ctx, ids, q.Source); err != nil {
			return nil, err
		}
		var found []reconcile.Found
		for _, id := range ids {
			ci, err := o.of(ctx, id)
			if err != nil {
				return nil, err
			}
			if q.Key == "" && (!ci.Current || !o.model.Is(ci.Class, q.Class)) {
				continue
			}
			f := reconcile.Found{ID: id, Class: ci.Class, Created: ci.Created}
			for _, k := range o.known[knownOne{id, q.Source}] {
				f.Key = orElse(f.Key, k.Own)
			}
			if o.shadow != nil {
				f.Key = orElse(f.Key, o.shadow.keys[knownOne{id, q.Source}])
			}
			found = append(found, f)
		}
		return found, nil
	}
}

// having gives the CIs that have a fingerprint, each once.
func (o *observer) having(ctx context.Context, print string, read func(context.Context, []string) error) ([]itsm.ID, error) {
	if _, done := o.prints[print]; !done {
		if err := read(ctx, []string{print}); err != nil {
			return nil, err
		}
	}
	ids := slices.Clone(o.prints[print])
	if o.shadow != nil {
		there := len(ids) > 0
		for _, id := range o.shadow.prints[print] {
			// What another process made since is the one that would have been made.
			if !there || o.shadow.made[id] == nil {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// relatedTo gives the CIs that have a relation to another.
func (o *observer) relatedTo(ctx context.Context, r reconcile.Related) (ids []itsm.ID, err error) {
	t, _ := o.model.Relation(r.Relation)
	side := func(column storage.Column[RelationHead, itsm.ID]) error {
		q := storage.Query[RelationHead]{Where: storage.AllOf(column.Is(r.Other), RelationByCurrent.Is(true), RelationByType.Is(r.Relation)), Limit: storage.MaxPage}
		for rel, err := range storage.Pages(q, func(q storage.Query[RelationHead]) (storage.Page[RelationHead], error) {
			return RelationTable.List(ctx, o.u.Quiet(), q)
		}) {
			if err != nil {
				return err
			}
			if ids = append(ids, other(&rel, r.Other)); len(ids) > MaxAlike {
				return nil
			}
		}
		return nil
	}
	if !r.Inverse || t.Symmetric() {
		err = side(RelationByTarget)
	}
	if err == nil && (r.Inverse || t.Symmetric()) {
		err = side(RelationBySource)
	}
	for _, ties := range o.allTies() {
		for tie := range ties {
			if tie.Kind != r.Relation {
				continue
			}
			if (!r.Inverse || t.Symmetric()) && tie.Target == string(r.Other) {
				ids = append(ids, itsm.ID(tie.Source))
			}
			if (r.Inverse || t.Symmetric()) && tie.Source == string(r.Other) {
				ids = append(ids, itsm.ID(tie.Target))
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), err
}

// allTies are the relations that are made and not written.
func (o *observer) allTies() []map[impact.Relation]bool {
	if o.shadow != nil {
		return []map[impact.Relation]bool{o.ties, o.shadow.ties}
	}
	return []map[impact.Relation]bool{o.ties}
}

// tied leaves those CIs that have a relation to another.
func (o *observer) tied(ctx context.Context, ids []itsm.ID, r reconcile.Related) ([]itsm.ID, error) {
	t, _ := o.model.Relation(r.Relation)
	has := map[itsm.ID]bool{}
	side := func(mine, theirs storage.Column[RelationHead, itsm.ID]) error {
		for some := range slices.Chunk(ids, askChunk) {
			page, err := RelationTable.List(ctx, o.u.Quiet(), storage.Query[RelationHead]{Limit: storage.MaxPage,
				Where: storage.AllOf(mine.In(some...), RelationByCurrent.Is(true), RelationByType.Is(r.Relation), theirs.Is(r.Other))})
			if err != nil {
				return err
			}
			for _, rel := range page.Items {
				has[other(&rel, r.Other)] = true
			}
		}
		return nil
	}
	if !r.Inverse || t.Symmetric() {
		if err := side(RelationBySource, RelationByTarget); err != nil {
			return nil, err
		}
	}
	if r.Inverse || t.Symmetric() {
		if err := side(RelationByTarget, RelationBySource); err != nil {
			return nil, err
		}
	}
	for _, ties := range o.allTies() {
		for _, id := range ids {
			forward := impact.Relation{Source: string(id), Kind: r.Relation, Target: string(r.Other)}
			backward := impact.Relation{Source: string(r.Other), Kind: r.Relation, Target: string(id)}
			if (!r.Inverse || t.Symmetric()) && ties[forward] || (r.Inverse || t.Symmetric()) && ties[backward] {
				has[id] = true
			}
		}
	}
	return slices.DeleteFunc(ids, func(id itsm.ID) bool { return !has[id] }), nil
}

// observe takes in a canonical observation. One that may be of a CI in one which is not known yet waits, unless it is the last call.
func (o *observer) observe(ctx context.Context, told reconcile.Observation, last bool) (Observed, error) {
	was := Observed{Source: told.Source, Key: told.Key, Row: told.Row}
	refuse := func(field, problem string) (Observed, error) {
		was.Action, was.Reason = reconcile.ActionRefuse, problem
		was.Faults = append(was.Faults, itsm.Fault{Field: field, Problem: problem})
		return was, nil
	}
	id, err := o.rules.Identify(told, o.find(ctx))
	if errors.Is(err, errAlike) {
		return refuse("class", fmt.Sprintf("more than %d CIs have what it is known by; the rules need something that tells them apart", MaxAlike))
	}
	if err != nil {
		return was, err
	}
	was.Identification, was.Action, was.Reason = id, id.Action, id.Reason
	unknownHost := slices.ContainsFunc(id.Attempts, func(a reconcile.Attempt) bool { return a.Trial == reconcile.TrialHostUnknown })
	if was.waits = !last && unknownHost && len(id.Found) == 0; was.waits {
		return was, nil
	}
	if reason, err := o.merged(ctx, told, id); err != nil {
		return was, err
	} else if reason != "" {
		was.Action, was.Reason = reconcile.ActionIgnore, reason
		return was, o.hear(ctx, told, id.ID)
	}
	if o.accord != nil && id.ID != "" && id.Action == reconcile.ActionUpdate {
		var f itsm.Faults
		if err := o.accord.disagrees(id.ID, told, &f); err != nil || was.refused(&f) {
			return was, err
		}
		was.overruled = o.accord.faulty(told.Row)
	}
	switch id.Action {
	case reconcile.ActionRefuse:
		return refuse("class", id.Reason)
	case reconcile.ActionIgnore:
		return was, nil
	case reconcile.ActionFlag:
		return was, o.flag(ctx, told, id)
	case reconcile.ActionCreate:
		err = o.create(ctx, told, &was)
	default:
		was.Action = reconcile.ActionUpdate
		err = o.update(ctx, told, &was)
	}
	if err != nil || len(was.Faults) > 0 || was.CI == "" {
		return was, err
	}
	if o.accord != nil {
		if err := o.accord.note(was.CI, told); err != nil {
			return was, err
		}
	}
	if err := o.hear(ctx, told, was.CI); err != nil {
		return was, err
	}
	return was, o.relate(ctx, told, &was)
}

// merged says why what a source tells by a key is passed over: the CI of the key was made one with that of another, by which the source still tells
// of it.
func (o *observer) merged(ctx context.Context, told reconcile.Observation, id reconcile.Identification) (string, error) {
	if told.Key == "" || id.ID == "" || id.Action != reconcile.ActionUpdate {
		return "", nil
	}
	if err := o.readKnown(ctx, []itsm.ID{id.ID}, told.Source); err != nil {
		return "", err
	}
	all := o.known[knownOne{id.ID, told.Source}]
	if !slices.ContainsFunc(all, func(k *hearing) bool { return k.Own == told.Key && k.Merged }) {
		return "", nil
	}
	period := o.rules.Staleness(told.Source)
	for _, k := range all {
		if k.Own != "" && !k.Merged && (period == 0 || !o.u.Now().After(k.Heard.Add(period))) {
			return fmt.Sprintf("the CI of this key was merged into the one that %s knows by the key %s, which counts", told.Source, quoted(k.Own)), nil
		}
	}
	return "", nil
}

// refused makes of faults what the source gets to see.
func (was *Observed) refused(f *itsm.Faults) bool {
	if f.Empty() {
		return false
	}
	was.Action, was.CI, was.Changed, was.Faults = reconcile.ActionRefuse, "", false, f.List()
	was.Reason = was.Faults[0].Field + " " + was.Faults[0].Problem
	return true
}

// create makes the CI that was observed.
func (o *observer) create(ctx context.Context, told reconcile.Observation, was *Observed) error {
	var f itsm.Faults
	from := Origin{Source: told.Source, At: told.At}
	f.Text("source", told.Source, MaxSource, true)
	f.Text("name", told.Name, MaxName, true)
	ci := &CI{Head: Head{Meta: storage.Meta{ID: o.u.NewID(), Created: o.u.Now(), Updated: o.u.Now()}, Class: was.Identification.Class, Name: told.Name,
		State: o.state, Current: true, Since: o.u.Now()}}
	may, err := o.p.allows(ctx, o.u.Actor(), PermissionObserve, &ci.Head)
	if err != nil {
		return err
	}
	if !may {
		f.Add("class", "may not be made by the actor")
	}
	changed := map[string]bool{}
	for name, value := range told.Attributes {
		if changed[name] = true; !value.IsZero() {
			ci.set(name, value, from)
		}
	}
	ci.tell(reconcile.Name, from)
	if err := o.p.checkReferences(ctx, o.u, o.model, ci, told.Attributes, changed, &f); err != nil {
		return err
	}
	checkMissing(o.model, ci, true, nil, &f)
	if was.refused(&f) {
		return nil
	}
	was.CI, was.Changed = ci.ID, true
	was.Attributes = o.rules.Reconcile(ci.Class, nil, told, o.u.Now()).Attributes
	category, _ := StandardLifecycle().Category(ci.State)
	o.put(nil, ci, itsm.Event{Kind: Kind, Record: ci.ID, Action: string(ActionAdd), To: string(ci.State), ToCategory: category,
		Data: Added{Class: ci.Class, Name: ci.Name, Source: told.Source, Revision: o.next}})
	o.edits = append(o.edits, edit{Op: opAddCI, CI: ci.ID, Sight: sightOf(&ci.Head)})
	return nil
}

// tell notes who said what is not an attribute.
func (ci *CI) tell(name string, from Origin) {
	if ci.Origins == nil {
		ci.Origins = map[string]Origin{}
	}
	ci.Origins[name] = from
}

// held gives what a CI has, whose word it is, and when that was heard last.
func (o *observer) held(ctx context.Context, ci *CI) (map[string]reconcile.Held, error) {
	held := make(map[string]reconcile.Held, len(ci.Attributes)+1)
	add := func(name string, value schema.Value, from Origin) error {
		if err := o.readKnown(ctx, []itsm.ID{ci.ID}, from.Source); err != nil {
			return err
		}
		for _, k := range o.known[knownOne{ci.ID, from.Source}] {
			if k.Heard.After(from.At) {
				from.At = k.Heard
			}
		}
		held[name] = reconcile.Held{Value: value, Source: from.Source, At: from.At}
		return nil
	}
	for name, value := range ci.Attributes {
		if err := add(name, value, ci.Origins[name]); err != nil {
			return nil, err
		}
	}
	from, ok := ci.Origins[reconcile.Name]
	if !ok {
		from = Origin{Source: SourceManual, At: ci.Created}
	}
	return held, add(reconcile.Name, schema.Text(ci.Name), from)
}

// update changes the CI that was observed by what counts.
func (o *observer) update(ctx context.Context, told reconcile.Observation, was *Observed) error {
	before, err := o.of(ctx, was.Identification.ID)
	if err != nil {
		return err
	}
	if !before.Current {
		was.Action, was.Reason = reconcile.ActionIgnore, "it is retired; reinstate it first"
		return nil
	}
	was.CI = before.ID
	if o.shadow != nil && o.shadow.made[before.ID] == before {
		o.shadow.cast(before.ID, o.rules.Fingerprints(was.Identification.Class, told.Name, told.Attributes))
		return nil // it is not there yet
	}
	var f itsm.Faults
	f.Text("source", told.Source, MaxSource, true)
	may, err := o.p.allows(ctx, o.u.Actor(), PermissionObserve, &before.Head)
	if err != nil {
		return err
	}
	if !may {
		f.Add("class", "is of a CI that the actor may not update")
	}
	held, err := o.held(ctx, before)
	if err != nil {
		return err
	}
	ci := *before
	ci.Class = was.Identification.Class
	from := Origin{Source: told.Source, At: told.At}
	decision := o.rules.Reconcile(ci.Class, held, told, o.u.Now())
	w := word{Values: maps.Clone(told.Attributes), Origin: from, Observed: true, Refused: map[string]bool{}}
	var over []string
	for _, d := range decision.Attributes {
		switch {
		case d.Result == reconcile.ResultSame && d.Observed != d.After.Value:
			if d.Attribute != reconcile.Name {
				w.Values[d.Attribute] = d.After.Value // it is the same but for case
			}
		case d.Result == reconcile.ResultRefused && d.Before.Source == told.Source:
			delete(w.Values, d.Attribute) // it said otherwise later
		case d.Result == reconcile.ResultRefused && d.Attribute != reconcile.Name:
			w.Refused[d.Attribute] = true
		case d.Result == reconcile.ResultWritten && d.Attribute == reconcile.Name:
			ci.Name = told.Name
			f.Text("name", ci.Name, MaxName, true)
			over = append(over, d.Attribute)
		case d.Result == reconcile.ResultSame && succeeds(d):
			over = append(over, d.Attribute)
		}
	}
	h, err := o.p.hear(ctx, o.u, o.model, &ci, w, &f)
	if err != nil {
		return err
	}
	for _, name := range over {
		ci.tell(name, from)
	}
	checkMissing(o.model, &ci, false, h.Written, &f)
	if was.refused(&f) {
		return nil
	}
	was.Attributes = decision.Attributes
	for i := range was.Attributes {
		d := &was.Attributes[i]
		if d.Result == reconcile.ResultWritten && d.Attribute != reconcile.Name && ci.Attributes[d.Attribute] != d.After.Value {
			d.Result, d.After = reconcile.ResultRefused, d.Before
			d.Reason = "it is change-controlled, and the actor may not write it now"
		}
	}
	unchanged, err := same(before, &ci)
	if err != nil || unchanged {
		return err
	}
	if o.changed[ci.ID] {
		if err := o.flush(ctx); err != nil {
			return err
		}
		ci.Meta = before.Meta
	}
	was.Changed = true
	updated := Updated{Source: from.Source, Attributes: h.Written, Observed: h.Kept}
	if *sightOf(&before.Head) != *sightOf(&ci.Head) {
		updated.Revision = o.next
		o.edits = append(o.edits, edit{Op: opDescribe, CI: ci.ID, Sight: sightOf(&ci.Head)})
	}
	category, _ := StandardLifecycle().Category(ci.State)
	o.put(before, &ci, itsm.Event{Kind: Kind, Record: ci.ID, Action: string(ActionUpdate), From: string(ci.State), To: string(ci.State),
		FromCategory: category, ToCategory: category, Data: updated})
	return nil
}

// succeeds says whether who says the same takes over as who says it: only who stands elsewhere in the order of a static rule, so that
// two who say the same do not take it from each other each time.
func succeeds(d reconcile.AttributeDecision) bool {
	if d.Rule == nil || d.Rule.Choose != "" || d.After.Source == d.Before.Source {
		return false
	}
	place := func(source string) int {
		if i := slices.Index(d.Rule.Sources, source); i >= 0 {
			return i
		}
		return len(d.Rule.Sources) + 1
	}
	return place(d.After.Source) != place(d.Before.Source)
}

// put notes a CI that is to be written, and how it is found from now on.
func (o *observer) put(before, ci *CI, event itsm.Event) {
	o.changed[ci.ID], o.cis[ci.ID] = true, ci
	o.turns, o.events = append(o.turns, turn{before, ci}), append(o.events, event)
	o.told++
	old, now := o.rules.prints(before), o.rules.prints(ci)
	for _, print := range old {
		if !slices.Contains(now, print) {
			o.prints[print] = slices.DeleteFunc(o.prints[print], func(id itsm.ID) bool { return id == ci.ID })
		}
	}
	for _, print := range now {
		if had, read := o.prints[print]; read && !slices.Contains(old, print) {
			o.prints[print] = append(had, ci.ID)
		}
	}
	if o.shadow == nil {
		return
	}
	o.shadow.cast(ci.ID, now)
	if before == nil {
		o.shadow.made[ci.ID] = &CI{Head: Head{Meta: ci.Meta, Class: ci.Class, Name: ci.Name, State: ci.State, Current: true}}
		o.shadow.undo = append(o.shadow.undo, func() { delete(o.shadow.made, ci.ID) })
		delete(o.cis, ci.ID)
	}
}

// hear notes that a source told of a CI.
func (o *observer) hear(ctx context.Context, told reconcile.Observation, id itsm.ID) error {
	own := told.Key
	if slices.ContainsFunc(o.rules.Rules().Sources, func(s reconcile.Source) bool { return s.Name == told.Source && s.UnstableKeys }) {
		own = ""
	}
	one := knownOne{id, told.Source}
	print := ""
	if own != "" {
		print = keyPrint(told.Source, own)
	}
	if o.shadow != nil {
		if own != "" {
			o.shadow.cast(id, []string{print})
			had := o.shadow.keys[one]
			o.shadow.undo = append(o.shadow.undo, func() { o.shadow.keys[one] = had })
			o.shadow.keys[one] = own
		}
		return nil
	}
	if err := o.readKnown(ctx, []itsm.ID{id}, told.Source); err != nil {
		return err
	}
	for _, k := range o.known[one] {
		if k.Own != own {
			continue
		}
		if told.At.After(k.Heard) {
			k.Heard, k.Updated = told.At, o.u.Now()
			if !slices.Contains(o.heard, k) {
				o.heard = append(o.heard, k)
			}
		}
		return nil
	}
	k := &hearing{hearingHead{Meta: storage.Meta{ID: o.u.NewID(), Created: o.u.Now(), Updated: o.u.Now()}, Key: print, CI: id, Source: told.Source, Heard: told.At}, hearingBody{Own: own}}
	o.known[one], o.heard = append(o.known[one], k), append(o.heard, k)
	if had, read := o.prints[print]; read && print != "" {
		o.prints[print] = append(had, id)
	}
	return nil
}

// relate makes the relations that were observed of a CI.
func (o *observer) relate(ctx context.Context, told reconcile.Observation, was *Observed) error {
	mine, err := o.of(ctx, was.CI)
	if err != nil {
		return err
	}
	for i, r := range told.Relations {
		tie := ObservedTie{Type: r.Type, Inverse: r.Inverse}
		id, err := o.rules.Locate(told.Source, r.Other, o.find(ctx))
		switch {
		case errors.Is(err, errAlike):
			tie.Result, tie.Reason = TieUnknown, fmt.Sprintf("more than %d CIs have what it is known by", MaxAlike)
		case err != nil:
			return err
		case id.ID == "":
			tie.Result, tie.Reason = TieUnknown, id.Reason
		default:
			tie.Other = id.ID
			theirs, err := o.of(ctx, id.ID)
			if err != nil {
				return err
			}
			var f itsm.Faults
			if tie.Result, tie.Reason, err = o.tie(ctx, told, r, mine, theirs, &f); err != nil {
				return err
			}
			for _, fault := range f.List() {
				tie.Result, tie.Reason = TieRefused, fault.Field+" "+fault.Problem
				was.Faults = append(was.Faults, itsm.Fault{Field: fmt.Sprintf("relations[%d].%s", i, fault.Field), Problem: fault.Problem})
			}
		}
		was.Relations = append(was.Relations, tie)
	}
	return nil
}

// tie makes one relation where it is not there.
func (o *observer) tie(ctx context.Context, told reconcile.Observation, r reconcile.ObservedRelation, mine, theirs *CI, f *itsm.Faults) (Tie, string, error) {
	t, _ := o.model.Relation(r.Type)
	source, target := &mine.Head, &theirs.Head
	if r.Inverse || t.Symmetric() && target.ID < source.ID {
		source, target = target, source
	}
	edge := impact.Relation{Source: string(source.ID), Kind: t.Name, Target: string(target.ID)}
	for _, ties := range o.allTies() {
		if ties[edge] {
			return TieSame, "", nil
		}
	}
	had, err := currentRelation(ctx, o.u.Quiet(), edge)
	if err != nil || had != nil {
		return TieSame, "", err
	}
	for owner, other := range owners(t, source, target) {
		in, err := o.p.together(ctx, o.u.Quiet(), t.Name, owner.ID, other.ID)
		if err != nil {
			return "", "", err
		}
		if in != nil {
			return TieSame, "it holds in the redundancy group " + quoted(in.Name), nil
		}
	}
	if !theirs.Current {
		f.Add("other", "is retired; nothing new relates to it")
	}
	if t.MaximumSources > 0 || t.MaximumTargets > 0 || t.Flow == impact.Both && !t.Symmetric() {
		// These count what is there.
		if err := o.flush(ctx); err != nil {
			return "", "", err
		}
	}
	if err := o.p.checkPair(ctx, o.u, o.model, t, source, target, f); err != nil || !f.Empty() {
		return TieRefused, "", err
	}
	if o.shadow != nil {
		begin, finish := end{t.Name, edge.Source, true}, end{t.Name, edge.Target, false}
		for _, side := range []struct {
			end            end
			source, target itsm.ID
		}{{begin, source.ID, ""}, {finish, "", target.ID}} {
			if n := o.shadow.ends[side.end]; n > 0 {
				if err := o.p.checkCardinality(ctx, o.u, t, side.source, side.target, int64(1+n), "", f); err != nil {
					return "", "", err
				}
			}
		}
		if !f.Empty() {
			return TieRefused, "", nil
		}
		o.shadow.undo = append(o.shadow.undo, func() {
			delete(o.shadow.ties, edge)
			o.shadow.ends[begin]--
			o.shadow.ends[finish]--
		})
		o.shadow.ties[edge] = true
		o.shadow.ends[begin]++
		o.shadow.ends[finish]++
		return TieRelated, "", nil
	}
	o.ties[edge] = true
	rel := &Relation{RelationHead{Meta: storage.Meta{ID: o.u.NewID()}, Type: t.Name, Source: source.ID, Target: target.ID, Current: true, From: o.at},
		RelationBody{Began: Touch{By: o.u.Actor().ID, Source: told.Source, Revision: o.next}}}
	o.told++
	o.relations = append(o.relations, rel)
	o.edits = append(o.edits, edit{Op: opRelate, Relation: &edge})
	o.events = append(o.events, itsm.Event{Kind: KindRelation, Record: rel.ID, Action: "relate", Data: Related{rel.Type, rel.Source, rel.Target, o.next}})
	return TieRelated, "", nil
}

// flush writes what is to be written, and tells of it.
func (o *observer) flush(ctx context.Context) error {
	if o.shadow != nil {
		clear(o.changed)
		o.turns, o.events = nil, nil
		return nil
	}
	var cis []*CI
	for _, t := range o.turns {
		cis = append(cis, t.now)
	}
	if len(cis) > 0 {
		if err := Table.Put(ctx, o.u, cis...); err != nil {
			return err
		}
		if err := o.p.keepIdentity(ctx, o.u, o.turns...); err != nil {
			return err
		}
	}
	if len(o.heard) > 0 {
		if err := knownTable.Put(ctx, o.u.Quiet(), o.heard...); err != nil {
			return err
		}
	}
	if len(o.relations) > 0 {
		if err := RelationTable.Put(ctx, o.u, o.relations...); err != nil {
			return err
		}
	}
	for _, e := range o.events {
		o.u.Emit(e)
	}
	clear(o.changed)
	o.turns, o.heard, o.relations, o.events = nil, nil, nil, nil
	return nil
}

// finish writes what is left, and the revision of the graph.
func (o *observer) finish(ctx context.Context) error {
	if err := o.flush(ctx); err != nil || len(o.edits) == 0 || o.shadow != nil {
		return err
	}
	now, err := record(ctx, o.u, o.edits)
	if err == nil && now.Revision != o.next {
		return fmt.Errorf("the graph is at revision %d, and %d was told", now.Revision, o.next)
	}
	return err
}
