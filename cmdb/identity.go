// This file holds by what CIs are known again: fingerprints of what identifies them, and the keys of sources, in tables that
// every command keeps up which changes what identifies a CI.

package cmdb

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// identity says that a current CI has a fingerprint.
type identity struct {
	identityHead
	identityBody
}

type identityHead struct {
	storage.Meta
	Print string
	CI    itsm.ID
}

type identityBody struct{}

var (
	identityByPrint = storage.Col("print", func(h *identityHead) *string { return &h.Print })
	identityByCI    = storage.Col("ci", func(h *identityHead) *itsm.ID { return &h.CI })
)

var identityTable = storage.Define("ci_identity", storage.Def[identity, identityHead, identityBody]{
	Parts:   func(i *identity) (*identityHead, *identityBody) { return &i.identityHead, &i.identityBody },
	Columns: []storage.ColumnOf[identityHead]{identityByPrint, identityByCI},
	Indexes: []storage.Index{storage.IndexOn(identityByPrint.Asc()), storage.IndexOn(identityByCI.Asc())},
})

// hearing says that a source told of a CI: by which key of its own, and when it did last. A CI that is retired keeps it.
type hearing struct {
	hearingHead
	hearingBody
}

type hearingHead struct {
	storage.Meta
	// Key is the fingerprint of the source and its own key, empty where it has none.
	Key    string
	CI     itsm.ID
	Source string
	// Heard is the latest instant at which the source observed the CI.
	Heard time.Time
}

type hearingBody struct {
	Own string `json:"own,omitempty"`
	// Merged says that the key was that of a CI which was made one with this, of which the source has another key.
	Merged bool `json:"merged,omitempty"`
}

var (
	knownByKey    = storage.Col("key", func(h *hearingHead) *string { return &h.Key })
	knownByCI     = storage.Col("ci", func(h *hearingHead) *itsm.ID { return &h.CI })
	knownBySource = storage.Col("source", func(h *hearingHead) *string { return &h.Source })
	knownByHeard  = storage.TimeCol("heard", func(h *hearingHead) *time.Time { return &h.Heard })
)

var knownTable = storage.Define("ci_known", storage.Def[hearing, hearingHead, hearingBody]{
	Parts:   func(k *hearing) (*hearingHead, *hearingBody) { return &k.hearingHead, &k.hearingBody },
	Columns: []storage.ColumnOf[hearingHead]{knownByKey, knownByCI, knownBySource, knownByHeard},
	Indexes: []storage.Index{storage.IndexOn(knownByKey.Asc()), storage.IndexOn(knownByCI.Asc(), knownBySource.Asc())},
})

func keyPrint(source, key string) string { return digest.Of("key", source, key) }

// index says by which rules the fingerprints of a tenant were made: one record.
type index struct {
	indexHead
	indexBody
}

type indexHead struct {
	storage.Meta
	// Rules are those by which all fingerprints were made; empty where they are not all by the same.
	Rules string
	// Next are those by which they are being made, of CIs up to After.
	Next  string
	After itsm.ID
}

type indexBody struct{}

var indexTable = storage.Define("ci_index", storage.Def[index, indexHead, indexBody]{
	Parts: func(i *index) (*indexHead, *indexBody) { return &i.indexHead, &i.indexBody },
	Columns: []storage.ColumnOf[indexHead]{
		storage.Col("rules", func(h *indexHead) *string { return &h.Rules }),
		storage.Col("next", func(h *indexHead) *string { return &h.Next }),
		storage.Col("after", func(h *indexHead) *itsm.ID { return &h.After }),
	},
})

const indexID storage.ID = "current"

// ruling are the rules that count in a tenant, held against its model.
type ruling struct {
	*reconcile.Compiled
	// unfit is why the rules do not fit the tenant's model; they are nil then.
	unfit error
	// digest is the same for rules by which the same fingerprints are made.
	digest string
	// identifies are the attributes, with the name, that fingerprints are made of.
	identifies map[string]bool
}

// newRuling holds rules against a model. Nil are the shipped ones where they fit, and none otherwise.
func newRuling(rules *reconcile.Rules, model *schema.Compiled) *ruling {
	r := &ruling{identifies: map[string]bool{}}
	switch {
	case rules != nil:
		r.Compiled, r.unfit = rules.Compile(model)
	default:
		if r.Compiled, r.unfit = reconcile.Shipped().Compile(model); r.unfit != nil {
			r.Compiled, r.unfit = reconcile.Rules{}.Compile(model)
		}
	}
	if r.unfit != nil {
		r.digest = "unfit"
		return r
	}
	of := r.Rules()
	for _, d := range of.Identification {
		for _, e := range d.Entries {
			for _, name := range e.Attributes {
				r.identifies[name] = true
			}
			if e.Through != nil {
				for _, name := range e.Through.Attributes {
					r.identifies[name] = true
				}
			}
		}
	}
	// Fingerprints follow from what identifies and from which class is below which.
	parts := []any{of.Identification, of.Meaningless}
	for _, class := range model.Model().Classes {
		parts = append(parts, class.Name, class.Parent)
	}
	raw, err := json.Marshal(parts)
	if err != nil {
		r.Compiled, r.unfit = nil, err
	}
	r.digest = digest.Of(string(raw))
	return r
}

// rulingOf makes the rules of a tenant of the model that it follows.
func rulingOf(o *Options, standard *schema.Compiled) func(string, versioned.Active[ModelSet]) (*ruling, error) {
	usual := newRuling(o.Rules, standard)
	return func(_ string, a versioned.Active[ModelSet]) (*ruling, error) {
		set := a.Base
		if a.Own != nil {
			set = a.Own
		}
		if set == nil {
			return usual, nil
		}
		model, err := set.Set.Compile()
		if err != nil {
			return nil, err
		}
		return newRuling(o.Rules, model), nil
	}
}

// prints are the fingerprints by which a CI is found. One that is retired is found by none: what it was called others may be.
func (r *ruling) prints(ci *CI) []string {
	if r.unfit != nil || ci == nil || !ci.Current {
		return nil
	}
	return r.Fingerprints(ci.Class, ci.Name, ci.Attributes)
}

// touches says whether a request changes what CIs are known by.
func (r *ruling) touches(u *Update) bool {
	if u.Name != nil && r.identifies[reconcile.Name] {
		return true
	}
	for name := range u.Attributes {
		if r.identifies[name] {
			return true
		}
	}
	return false
}

// turn is one CI before and after a command; nil before it was made.
type turn struct{ was, now *CI }

// keepIdentity writes by what CIs are known after they changed.
func (p *Practice) keepIdentity(ctx context.Context, u *engine.Unit, turns ...turn) error {
	rules, err := p.rules.Of(ctx, u, "")
	if err != nil {
		return err
	}
	quiet := u.Quiet()
	var added []*identity
	fresh, checked := 0, false
	for _, t := range turns {
		if t.was != nil && t.was.Class == t.now.Class && t.was.Name == t.now.Name && t.was.Current == t.now.Current &&
			maps.Equal(t.was.Attributes, t.now.Attributes) {
			continue
		}
		if checked = true; t.was == nil {
			fresh++
			for _, print := range rules.prints(t.now) {
				added = append(added, newIdentity(u, t.now.ID, print))
			}
			continue
		}
		wanted := rules.prints(t.now)
		if slices.Equal(rules.prints(t.was), wanted) {
			continue
		}
		more, err := putPrints(ctx, u, t.now.ID, wanted)
		if err != nil {
			return err
		}
		added = append(added, more...)
	}
	if checked {
		if err := markIndex(ctx, u, rules, fresh); err != nil {
			return err
		}
	}
	if len(added) == 0 {
		return nil
	}
	return identityTable.Put(ctx, quiet, added...)
}

func newIdentity(u *engine.Unit, ci itsm.ID, print string) *identity {
	return &identity{identityHead: identityHead{Meta: storage.Meta{ID: u.NewID(), Created: u.Now(), Updated: u.Now()}, Print: print, CI: ci}}
}

// putPrints removes the fingerprints of a CI that are not wanted, and gives those that it lacks.
func putPrints(ctx context.Context, u *engine.Unit, ci itsm.ID, wanted []string) (added []*identity, err error) {
	rows, err := readAll(storage.Query[identityHead]{Where: identityByCI.Is(ci), Limit: storage.MaxPage}, func(q storage.Query[identityHead]) (storage.Page[identity], error) {
		return identityTable.Records(ctx, u.Quiet(), q)
	})
	if err != nil {
		return nil, err
	}
	has := map[string]bool{}
	for _, row := range rows {
		if !slices.Contains(wanted, row.Print) || has[row.Print] {
			if err := identityTable.Delete(ctx, u.Quiet(), &row); err != nil {
				return nil, err
			}
			continue
		}
		has[row.Print] = true
	}
	for _, print := range wanted {
		if !has[print] {
			added = append(added, newIdentity(u, ci, print))
		}
	}
	return added, nil
}

func readIndex(ctx context.Context, r storage.Reader) (index, error) {
	state, err := indexTable.Get(ctx, r, indexID)
	if errors.Is(err, storage.ErrNotFound) {
		return index{indexHead: indexHead{Meta: storage.Meta{ID: indexID}}}, nil
	}
	return state, err
}

// areAll says whether CIs that were made are all that the tenant has.
func areAll(ctx context.Context, u *engine.Unit, made int) (bool, error) {
	some, err := readUpTo(storage.Query[Head]{Limit: min(made+1, storage.MaxPage)}, made+1, func(q storage.Query[Head]) (storage.Page[Head], error) {
		return Table.List(ctx, u.Quiet(), q)
	})
	return len(some) <= made, err
}

// markIndex notes by which rules fingerprints were made. Fresh is how many CIs were made.
func markIndex(ctx context.Context, u *engine.Unit, rules *ruling, fresh int) error {
	state, err := readIndex(ctx, u.Quiet())
	if err != nil {
		return err
	}
	made, making := state.Rules, state.Next
	if state.Rules != rules.digest {
		all, err := areAll(ctx, u, fresh)
		if err != nil {
			return err
		}
		switch {
		case all: // there was nothing by other rules
			state.Rules = rules.digest
		case state.Version == 0:
			return nil // there are CIs that were never looked at
		default:
			state.Rules = ""
		}
	}
	if state.Next != rules.digest {
		state.Next, state.After = "", ""
	}
	if state.Rules == made && state.Next == making {
		return nil
	}
	return putIndex(ctx, u, &state)
}

func putIndex(ctx context.Context, u *engine.Unit, state *index) error {
	if state.Updated = u.Now(); state.Version == 0 {
		state.Created = u.Now()
	}
	return indexTable.Put(ctx, u.Quiet(), state)
}

// ready says, as an error, why CIs cannot be identified by the rules: they do not fit the tenant's model, or others made the
// fingerprints.
func (r *ruling) ready(ctx context.Context, u *engine.Unit) error {
	if r.unfit != nil {
		var f itsm.Faults
		f.Merge("rules", r.unfit)
		return cmp.Or(f.Err("reconciliation rules"), r.unfit)
	}
	state, err := readIndex(ctx, u.Quiet())
	if err != nil || state.Rules == r.digest {
		return err
	}
	if none, err := areAll(ctx, u, 0); none || err != nil {
		return err
	}
	return &itsm.TransitionError{Kind: "index of configuration items", State: "outdated", Action: "observe",
		Reason: "the rules of identification changed since CIs were last indexed; after another model a job does it, after other rules run Reindex"}
}

// reindexBatch is how many CIs one unit looks at.
const reindexBatch = 200

// jobReindex makes anew by what CIs are known after another model is followed.
const jobReindex = "ci.reindex"

// Reindex looks at all CIs of the actor's tenant and makes anew by what they are known, some at a time: after the rules of
// identification, or which class is below which, have changed. Until it is through, [Practice.Observe] and [Practice.Import] are refused
// with ErrTransition. It goes on where it was stopped, and does nothing where nothing changed. It asks for [PermissionObserve].
//
// Where the tenant follows another model a job does the same after the commit, so that Reindex is for other [Options].Rules alone. A tenant
// that has no CIs needs neither.
func (p *Practice) Reindex(ctx context.Context, actor itsm.Actor) error {
	for done := false; !done; {
		err := p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) (err error) {
			if err := u.Authorize(ctx, PermissionObserve, nil); err != nil {
				return err
			}
			done, err = p.reindexSome(ctx, u)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Practice) reindexDue(ctx context.Context, u *engine.Unit, _ engine.Due, _ struct{}) error {
	done, err := p.reindexSome(ctx, u)
	if err != nil || done {
		return err
	}
	return scheduleReindex(ctx, u)
}

func scheduleReindex(ctx context.Context, u *engine.Unit) error {
	return u.Schedule(ctx, engine.Task{Kind: jobReindex, Key: string(indexID), Subject: jobReindex, Due: u.Now(), Payload: struct{}{}})
}

// reindexSome looks at some CIs after those that were looked at, and says whether these were the last.
func (p *Practice) reindexSome(ctx context.Context, u *engine.Unit) (done bool, err error) {
	if err := lockGraph(ctx, u); err != nil {
		return false, err
	}
	rules, err := p.rules.Of(ctx, u, "")
	if err != nil {
		return false, err
	}
	state, err := readIndex(ctx, u.Quiet())
	if err != nil {
		return false, err
	}
	if state.Rules == rules.digest {
		return true, nil
	}
	if state.Next != rules.digest {
		state.Next, state.After = rules.digest, ""
	}
	q := storage.Query[Head]{Order: []storage.Order{Table.ByID().Asc()}, Limit: reindexBatch}
	if state.After != "" {
		q.Where = Table.ByID().Above(state.After)
	}
	page, err := Table.Records(ctx, u.Quiet(), q)
	if err != nil {
		return false, err
	}
	var added []*identity
	for i := range page.Items {
		more, err := putPrints(ctx, u, page.Items[i].ID, rules.prints(&page.Items[i]))
		if err != nil {
			return false, err
		}
		added, state.After = append(added, more...), page.Items[i].ID
	}
	if len(added) > 0 {
		if err := identityTable.Put(ctx, u.Quiet(), added...); err != nil {
			return false, err
		}
	}
	if done = len(page.Items) < reindexBatch; done {
		state.Rules, state.Next, state.After = rules.digest, "", ""
	}
	return done, putIndex(ctx, u, &state)
}

// SourceOf is a source that told of a CI.
type SourceOf struct {
	Source string `json:"source"`
	// Key is the source's own name of the CI; empty where it has none.
	Key string `json:"key,omitempty"`
	// Heard is the latest instant at which it observed the CI.
	Heard time.Time `json:"heard"`
	// Merged says that the key was that of a CI which was made one with this ([Practice.Merge]) while the source knows this by another
	// key: that one counts.
	Merged bool `json:"merged,omitempty"`
}

// Sources gives which sources told of a CI, in the order of their names and keys. A CI that the actor may not read is ErrNotFound.
func (p *Practice) Sources(ctx context.Context, actor itsm.Actor, id itsm.ID) (all []SourceOf, err error) {
	err = p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if _, err := p.find(ctx, r, actor, id); err != nil {
			return err
		}
		rows, err := knownOf(ctx, r, id)
		all = nil
		for _, k := range rows {
			all = append(all, SourceOf{k.Source, k.Own, k.Heard, k.Merged})
		}
		slices.SortFunc(all, func(a, b SourceOf) int { return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Key, b.Key)) })
		return err
	})
	return all, err
}

func knownOf(ctx context.Context, r storage.Reader, ci itsm.ID) ([]hearing, error) {
	return readAll(storage.Query[hearingHead]{Where: knownByCI.Is(ci), Limit: storage.MaxPage}, func(q storage.Query[hearingHead]) (storage.Page[hearing], error) {
		return knownTable.Records(ctx, r, q)
	})
}
