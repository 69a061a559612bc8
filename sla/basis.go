// This file holds what timers are computed by: a policy with the calendars that it counts by, pinned.

package sla

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
	"github.com/itsmkit/itsmkit/storage"
)

// Pin names a version that is pinned.
type Pin struct {
	Name    string  `json:"name"`
	Version itsm.ID `json:"version"`
	Number  int64   `json:"number"`
}

// basis is a version of a policy with the versions of calendars that it counts by. Its id is a digest of what
// they say, so that one that was made of other content, in a unit that was undone, is another one.
type basis struct {
	basisHead
	basisBody
}

type basisHead struct {
	storage.Meta
}

type basisBody struct {
	Policy    Pin   `json:"policy"`
	Calendars []Pin `json:"calendars"`
}

var basisTable = storage.Define("sla_basis", storage.Def[basis, basisHead, basisBody]{
	Parts: func(b *basis) (*basisHead, *basisBody) { return &b.basisHead, &b.basisBody },
})

// current is the one record of a tenant that says by what timers begin and records are assessed. Who activates or retires a version
// writes it; who follows an event reads it, and nothing else where the rest is kept ready.
type current struct {
	currentHead
	currentBody
}

type currentHead struct {
	storage.Meta
}

type currentBody struct {
	// Kinds are the policies that hold for a kind of record, by name; none where some held once.
	Kinds map[string][]entry `json:"kinds"`
	// Coverage names what is in force of entitlements for a kind of record; empty where there was something once.
	Coverage map[string]itsm.ID `json:"coverage,omitempty"`
}

// entry is a policy that holds since an instant.
type entry struct {
	Policy string    `json:"policy"`
	Basis  itsm.ID   `json:"basis"`
	From   time.Time `json:"from"`
}

var currentTable = storage.Define("sla_current", storage.Def[current, currentHead, currentBody]{
	Parts: func(c *current) (*currentHead, *currentBody) { return &c.currentHead, &c.currentBody },
})

const currentID itsm.ID = "current"

// readCurrent reads what holds; nothing where no policy was ever active.
func readCurrent(ctx context.Context, r storage.Reader) (current, bool, error) {
	c, err := currentTable.Get(ctx, r, currentID)
	if errors.Is(err, storage.ErrNotFound) {
		return current{}, false, nil
	}
	return c, err == nil, err
}

// holding is readCurrent from what is kept ready. It is shared and must not be changed.
func (p *Practice) holding(ctx context.Context, r storage.Reader) (current, bool, error) {
	return p.holds.Of(ctx, quiet(r), currentTable.Name(), "", func(ctx context.Context) (current, int, error) {
		c, _, err := readCurrent(ctx, quiet(r))
		return c, currentSize + entrySize*len(c.Kinds), err
	})
}

// What is kept of a tenant is about so large, and for each kind of record.
const (
	currentSize = 1 << 10
	entrySize   = 4 << 10
)

// ready is a basis that answers. It is shared and does not change.
type ready struct {
	id        itsm.ID
	pin       Pin
	calendars []Pin
	policy    Policy
	compiled  *timer.Compiled
	timers    []*timer.Timer
	zones     map[string]*time.Location // of the calendars
	// facts are what the policy names that the host is to be asked for.
	facts map[string]bool
}

// memo keeps what is shared and does not change by digests of all that it is made of, at most so many. Whatever is
// dropped can be made again.
type memo[V any] struct {
	most int
	mu   sync.Mutex
	all  map[itsm.ID]V
}

// How many policies are kept ready, and how many calendars, each of which is about a quarter of a megabyte.
const (
	maxReady     = 2000
	maxCalendars = 200
)

func (c *memo[V]) get(id itsm.ID) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[id]
}

func (c *memo[V]) put(id itsm.ID, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[itsm.ID]V{}
	}
	for other := range c.all {
		if len(c.all) < c.most {
			break
		}
		delete(c.all, other)
	}
	c.all[id] = v
}

// basis gives a basis by its id, from what is kept ready or from the store.
func (p *Practice) basis(ctx context.Context, r storage.Reader, id itsm.ID) (*ready, error) {
	if b := p.readies.get(id); b != nil {
		return b, nil
	}
	row, err := basisTable.Get(ctx, quiet(r), id)
	if err != nil {
		return nil, err
	}
	v, err := PolicyTable.Get(ctx, quiet(r), row.Policy.Version)
	if err != nil {
		return nil, err
	}
	calendars := map[string]*CalendarVersion{}
	for _, pin := range row.Calendars {
		c, err := CalendarTable.Get(ctx, quiet(r), pin.Version)
		if err != nil {
			return nil, err
		}
		calendars[pin.Name] = &c
	}
	b, err := p.makeReady(&v, calendars)
	if err != nil {
		return nil, err
	}
	if b.id != id {
		return nil, fmt.Errorf("sla basis %s: the versions that it is made of were changed", id)
	}
	p.readies.put(b.id, b)
	return b, nil
}

// quiet reads past a unit, which would remember what is never put.
func quiet(r storage.Reader) storage.Reader {
	if u, ok := r.(*engine.Unit); ok {
		return u.Quiet()
	}
	return r
}

// contents is a digest of versions with what they say.
type contents struct{ hash.Hash }

func (c contents) add(pin Pin, set any) error {
	raw, err := json.Marshal(struct {
		Pin Pin `json:"pin"`
		Set any `json:"set"`
	}{pin, set})
	fmt.Fprintf(c, "%d:%s", len(raw), raw)
	return err
}

func (c contents) id() itsm.ID { return itsm.ID(hex.EncodeToString(c.Sum(nil)[:20])) }

// makeReady compiles a policy with those of the calendars that it counts by.
func (p *Practice) makeReady(v *PolicyVersion, calendars map[string]*CalendarVersion) (*ready, error) {
	used := usedCalendars(v.Set.Policy, calendars)
	compiled, err := p.compile(used)
	if err != nil {
		return nil, err
	}
	c, err := timer.Compile(v.Set.Policy, compiled, timer.Options{})
	if err != nil {
		return nil, err
	}
	b := &ready{pin: Pin{v.Family, v.ID, v.Number}, policy: v.Set, compiled: c, timers: c.Timers(), zones: map[string]*time.Location{}}
	for name, c := range compiled {
		b.zones[name] = c.Zone()
	}
	made := contents{sha256.New()}
	if err := made.add(b.pin, v.Set); err != nil {
		return nil, err
	}
	for _, name := range sortedKeys(used) {
		version := used[name]
		pin := Pin{name, version.ID, version.Number}
		b.calendars = append(b.calendars, pin)
		if err := made.add(pin, version.Set); err != nil {
			return nil, err
		}
	}
	b.id = made.id()
	if k := p.kinds[v.Set.Kind]; k != nil {
		for _, name := range names(v.Set) {
			if !k.facts[name] {
				continue
			}
			if b.facts == nil {
				b.facts = map[string]bool{}
			}
			b.facts[name] = true
		}
	}
	return b, nil
}

// usedCalendars are those that a policy can count by, with those that they refer to: where a target names its
// calendar by the record, all.
func usedCalendars(p timer.Policy, all map[string]*CalendarVersion) map[string]*CalendarVersion {
	var named []string
	for _, t := range p.Targets {
		named = append(named, t.Calendar)
		if t.CalendarBy != "" {
			named = append(named, sortedKeys(all)...)
		}
	}
	return withOthers(all, named...)
}

// withOthers gives the calendars that are named, with those that they refer to.
func withOthers(all map[string]*CalendarVersion, named ...string) map[string]*CalendarVersion {
	used := map[string]*CalendarVersion{}
	var add func(name string)
	add = func(name string) {
		v := all[name]
		if v == nil || used[name] != nil {
			return
		}
		used[name] = v
		for _, other := range slices.Concat(v.Set.AnyOf, v.Set.AllOf, v.Set.NoneOf) {
			add(other)
		}
	}
	for _, name := range named {
		add(name)
	}
	return used
}

// compile compiles calendars, of which each may refer to the others.
func (s *settings) compile(versions map[string]*CalendarVersion) (map[string]*calendar.Calendar, error) {
	others := make([]calendar.Definition, 0, len(versions))
	for _, name := range sortedKeys(versions) {
		others = append(others, versions[name].Set.Definition)
	}
	compiled := make(map[string]*calendar.Calendar, len(versions))
	for name, v := range versions {
		c, err := s.compileOne(v.Set.Definition, others)
		if err != nil {
			return nil, err
		}
		compiled[name] = c
	}
	return compiled, nil
}

// needed gives those of the others that a definition refers to, and they in turn, so that neither how many calendars a
// tenant has nor an edit of another one matters to it.
func needed(d calendar.Definition, others []calendar.Definition) (all []calendar.Definition) {
	names := map[string]bool{d.Name: true}
	for todo := []calendar.Definition{d}; len(todo) > 0; todo = todo[1:] {
		for _, name := range slices.Concat(todo[0].AnyOf, todo[0].AllOf, todo[0].NoneOf) {
			if names[name] {
				continue
			}
			names[name] = true
			if i := slices.IndexFunc(others, func(o calendar.Definition) bool { return o.Name == name }); i >= 0 {
				all = append(all, others[i])
				todo = append(todo, others[i])
			}
		}
	}
	slices.SortFunc(all, func(a, b calendar.Definition) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// compileOne compiles a calendar, or gives it as it was compiled before.
func (s *settings) compileOne(d calendar.Definition, others []calendar.Definition) (*calendar.Calendar, error) {
	others = needed(d, others)
	raw, err := json.Marshal(append([]calendar.Definition{d}, others...))
	if err != nil {
		return nil, err
	}
	id := idOf(string(raw))
	if c := s.calendars.get(id); c != nil {
		return c, nil
	}
	c, err := calendar.Compile(d, calendar.Options{Others: others})
	if err == nil {
		s.calendars.put(id, c)
	}
	return c, err
}

// names are what a policy names of records.
func names(p Policy) []string {
	var all []string
	condition := func(c storage.Condition) { all = append(all, columns(c)...) }
	condition(p.When)
	for i := range p.Targets {
		t := &p.Targets[i]
		all = append(all, t.CalendarBy, t.CountFrom)
		for _, list := range [][]timer.Match{t.Start, t.Pause, t.Resume, t.Stop, t.Cancel, t.Reset, t.Reopen.On} {
			for _, m := range list {
				condition(m.When)
			}
		}
		for _, g := range t.Goals {
			all = append(all, g.By)
			condition(g.When)
		}
	}
	return append(all, p.CustomerBy)
}

func columns(c storage.Condition) (all []string) {
	if c.Column != "" {
		all = append(all, c.Column)
	}
	for _, sub := range c.Of {
		all = append(all, columns(sub)...)
	}
	return all
}

// activeVersions reads all versions of a table that are active.
func activeVersions[S any](ctx context.Context, r storage.Reader, t versioned.Table[S]) (all []versioned.Version[S], err error) {
	q := storage.Query[versioned.Head]{Where: versioned.ByState.Is(versioned.StateActive), Order: []storage.Order{versioned.ByFamily.Asc()}, Limit: storage.MaxPage}
	for v, err := range storage.Pages(q, func(q storage.Query[versioned.Head]) (storage.Page[versioned.Version[S]], error) {
		return t.Records(ctx, quiet(r), q)
	}) {
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// MaxPolicies is how many policies may be active for a kind of record.
const MaxPolicies = 100

// renew writes what holds, after a version of a policy, calendar or agreement was activated or retired. What is
// followed and does not fit together any more, as a policy whose calendar is gone, is ErrInvalid. Agreements are not asked about where
// one of them goes, so that one which fits no more can.
func (p *Practice) renew(ctx context.Context, u *engine.Unit, agreementGoes bool) error {
	if err := u.Lock(ctx, "sla/current"); err != nil {
		return err
	}
	policies, err := activeVersions(ctx, u, PolicyTable)
	if err != nil {
		return err
	}
	versions, err := activeVersions(ctx, u, CalendarTable)
	if err != nil {
		return err
	}
	agreements, err := activeVersions(ctx, u, AgreementTable)
	if err != nil {
		return err
	}
	calendars, holding := effective(versions), effective(policies)
	var f itsm.Faults
	missing(holding, calendars, &f)
	if !agreementGoes {
		fit(effective(agreements), holding, calendars, &f)
	}
	if err := f.Err("what holds"); err != nil {
		return err
	}
	if _, err := p.compile(calendars); err != nil {
		return err
	}
	kinds := map[string][]entry{}
	for _, name := range sortedKeys(holding) {
		v := holding[name]
		b, err := p.makeReady(v, calendars)
		if err != nil {
			f.Merge("policy "+name, err)
			continue
		}
		kinds[v.Set.Kind] = append(kinds[v.Set.Kind], entry{Policy: name, Basis: b.id, From: v.ActivatedAt})
		if err := p.keep(ctx, u, b); err != nil {
			return err
		}
	}
	for kind, list := range kinds {
		if len(list) > MaxPolicies {
			f.Addf("policies", "for %s would be %d; at most %d may be active", kind, len(list), MaxPolicies)
		}
	}
	covered, err := p.cover(effective(agreements), calendars, &f)
	if err != nil {
		return err
	}
	if err := f.Err("what holds"); err != nil {
		return err
	}
	c, any, err := readCurrent(ctx, u.Quiet())
	if err != nil || !any && len(kinds)+len(covered) == 0 {
		return err // there is nothing to hold, and was not
	}
	if c.Version == 0 {
		c.ID, c.Created = currentID, u.Now()
	}
	for kind := range c.Kinds {
		if _, still := kinds[kind]; !still {
			kinds[kind] = nil // there may be timers
		}
	}
	for kind := range c.Coverage {
		if _, still := covered[kind]; !still {
			covered[kind] = "" // what was taken may be given back
		}
	}
	c.Kinds, c.Coverage, c.Updated = kinds, covered, u.Now()
	if err := u.Revise(ctx, currentTable.Name()); err != nil {
		return err
	}
	return currentTable.Put(ctx, u.Quiet(), &c)
}

// missing notes the calendars that calendars and policies need and that there would not be.
func missing(policies map[string]*PolicyVersion, calendars map[string]*CalendarVersion, f *itsm.Faults) {
	for _, name := range sortedKeys(calendars) {
		d := &calendars[name].Set
		for _, other := range slices.Concat(d.AnyOf, d.AllOf, d.NoneOf) {
			if calendars[other] == nil {
				f.Addf("calendar "+name, "needs calendar %q; there would be: %s", clip(other), known(calendars))
			}
		}
	}
	for _, name := range sortedKeys(policies) {
		needed := map[string][]string{}
		for _, t := range policies[name].Set.Targets {
			if calendars[t.Calendar] == nil {
				needed[t.Calendar] = append(needed[t.Calendar], t.Name)
			}
		}
		for _, other := range sortedKeys(needed) {
			f.Addf("policy "+name, "needs calendar %q for %s; there would be: %s", clip(other), clipped(needed[other]), known(calendars))
		}
	}
}

// keep writes a basis, if it is not there.
func (p *Practice) keep(ctx context.Context, u *engine.Unit, b *ready) error {
	_, err := basisTable.Get(ctx, u.Quiet(), b.id)
	if !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	row := basis{basisBody: basisBody{Policy: b.pin, Calendars: b.calendars}}
	row.ID, row.Created, row.Updated = b.id, u.Now(), u.Now()
	return basisTable.Put(ctx, u.Quiet(), &row)
}

// isEvent says whether a name is that of something of the event, which every moment tells.
func isEvent(name string) bool { return strings.HasPrefix(name, "event.") }
