// This file holds the graphs of tenants in memory: how one is loaded, and how it follows the log of edits.

package cmdb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// graphs are those of the tenants that were asked about last.
type graphs struct {
	most int

	mu    sync.Mutex
	of    map[storage.Tenant]*follower
	asked int64 // counts the questions
}

// follower holds the graph of one tenant.
type follower struct {
	// turn is had by who loads it or takes it further; the others wait for it within their contexts.
	turn  chan struct{}
	asked int64

	mu    sync.Mutex
	state *state // nil before it was loaded
}

// state is a graph at a revision. Who holds one need not care what becomes of it.
type state struct {
	snapshot *impact.Snapshot
	revision int64
	token    itsm.ID
	kinds    []impact.Kind
	known    *known
}

func (g *graphs) get(tenant storage.Tenant) *follower {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	f, ok := g.of[tenant]
	if !ok {
		f = &follower{turn: make(chan struct{}, 1)}
		g.of[tenant] = f
	}
	f.asked = g.asked
	for len(g.of) > g.most {
		var oldest storage.Tenant
		least := g.asked
		for name, one := range g.of {
			if one.asked < least {
				oldest, least = name, one.asked
			}
		}
		delete(g.of, oldest) // who is reading it goes on with what it has
	}
	return f
}

func (f *follower) now() *state {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

func (f *follower) set(s *state) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = s
}

// known is what is kept of each CI beside the graph, by id, the retired ones too: its class, and who may see it.
type known struct {
	mu    sync.RWMutex
	names []string
	place map[string]uint32
	of    map[string]compactSight
}

// compactSight is a sight whose texts are places in the list of names.
type compactSight struct {
	class, group, owner uint32
	restricted          bool
}

func newKnown() *known {
	return &known{names: []string{""}, place: map[string]uint32{"": 0}, of: map[string]compactSight{}}
}

func (k *known) number(name string) uint32 {
	n, ok := k.place[name]
	if !ok {
		n = uint32(len(k.names))
		k.names, k.place[name] = append(k.names, name), n
	}
	return n
}

func (k *known) put(id string, s *sight) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.of[id] = compactSight{k.number(s.Class), k.number(string(s.Group)), k.number(string(s.Owner)), s.Restricted}
}

// head gives what is known of a CI as the part of its head that tells who may see it.
func (k *known) head(id string) (Head, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	s, ok := k.of[id]
	return Head{Class: k.names[s.class], Group: itsm.ID(k.names[s.group]), Owner: itsm.ID(k.names[s.owner]), Restricted: s.restricted}, ok
}

// Progress says how much of a graph is loaded.
type Progress struct {
	CIs       int `json:"cis"`
	Relations int `json:"relations"`
	Groups    int `json:"groups"`
}

// Load has the graph of the actor's tenant in memory, as the first question about it would: a million CIs take some seconds. It gives
// the revision. Progress, where it is not nil, is told after each page that is read, by the goroutine that called; nothing is told
// where the graph is there already. It asks for [PermissionRead].
func (p *Practice) Load(ctx context.Context, actor itsm.Actor, progress func(Progress)) (int64, error) {
	s, err := p.graph(ctx, actor, 0, progress)
	if err != nil {
		return 0, err
	}
	return s.revision, nil
}

// Revision gives the revision of the graph of the actor's tenant: how often it was edited. It asks for [PermissionRead].
func (p *Practice) Revision(ctx context.Context, actor itsm.Actor) (n int64, err error) {
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader, _ reach) error {
		now, err := readRevision(ctx, r)
		n = now.Revision
		return err
	})
	return n, err
}

// Snapshot gives the whole graph of the actor's tenant for the host's own computations, as new as the store: what is committed when it
// is asked is in it. The revision is at least atLeast: it waits for that, as a store may answer from a copy that is behind, until
// ctx ends. Nothing is hidden in it, so it asks for [PermissionRead] on every CI, restricted ones too. The ids of CIs are those of their
// records.
func (p *Practice) Snapshot(ctx context.Context, actor itsm.Actor, atLeast int64) (*impact.Snapshot, error) {
	s, err := p.whole(ctx, actor, atLeast)
	if err != nil {
		return nil, err
	}
	return s.snapshot, nil
}

// whole gives the graph to who may read every CI.
func (p *Practice) whole(ctx context.Context, actor itsm.Actor, atLeast int64) (*state, error) {
	if err := actor.Validate(); err != nil {
		return nil, err
	}
	of, err := p.scope(ctx, actor)
	if err != nil {
		return nil, err
	}
	if !of.every {
		return nil, &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: PermissionRead, Kind: Kind, Reason: "the whole graph is for those who may read every CI, restricted ones too"}
	}
	return p.graph(ctx, actor, atLeast, nil)
}

// pause is how long a question waits before it asks again whether the store has the revision.
const pause = 20 * time.Millisecond

// graph gives the graph of the actor's tenant as the store has it now, at a revision or after it.
func (p *Practice) graph(ctx context.Context, actor itsm.Actor, atLeast int64, progress func(Progress)) (*state, error) {
	for {
		s, err := p.latest(ctx, actor, progress)
		if err != nil {
			return nil, err
		}
		if s.revision >= atLeast {
			return s, nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("the graph is at revision %d, and %d was asked for: %w", s.revision, atLeast, ctx.Err())
		case <-timer.C:
		}
	}
}

// latest gives the graph as the store has it. What is in memory is taken where it is that, and taken further where the log leads from
// it to that. Where it does not, as when a unit that was read was undone, the graph is loaded anew.
func (p *Practice) latest(ctx context.Context, actor itsm.Actor, progress func(Progress)) (s *state, err error) {
	f := p.graphs.get(actor.Tenant)
	look := func(further bool) error {
		return p.view(ctx, actor, func(ctx context.Context, r storage.Reader, _ reach) error {
			s = nil
			model, err := p.ready.Of(ctx, r, "")
			if err != nil {
				return err
			}
			seen, err := readRevision(ctx, r)
			if err != nil {
				return err
			}
			had := f.now()
			switch {
			case had.is(seen) && slices.Equal(had.kinds, model.Kinds()):
				s = had
			case p.bound: // what is read here may never be committed, and is for nobody else
				s, err = p.advance(ctx, r, had, seen, model, progress)
			case further:
				if s, err = p.advance(ctx, r, had, seen, model, progress); err == nil {
					f.set(s)
				}
			}
			return err
		})
	}
	if err := look(false); err != nil || s != nil {
		return s, err
	}
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	err = look(true) // a new view, which has at least what others have taken it to meanwhile
	return s, err
}

// is says whether a state is that which was read.
func (s *state) is(seen revision) bool {
	return s != nil && s.revision == seen.Revision && s.token == seen.Token
}

// logPage is how many revisions are read at once.
const logPage = 200

// advance takes a state to what the reader sees, or loads that.
func (p *Practice) advance(ctx context.Context, r storage.Reader, from *state, seen revision, model *schema.Compiled, progress func(Progress)) (*state, error) {
	if from == nil || from.revision > seen.Revision {
		return load(ctx, r, seen, model, progress)
	}
	if from.revision == seen.Revision && from.token != seen.Token {
		return load(ctx, r, seen, model, progress)
	}
	if from.revision > 0 && from.revision < seen.Revision {
		log, err := editTable.Get(ctx, r, editID(from.revision))
		if err != nil {
			return nil, err
		}
		if log.Token != from.token {
			return load(ctx, r, seen, model, progress)
		}
	}
	now := *from
	if p.bound {
		// What is known of CIs is shared with the state that others have.
		now.known = from.known.copied()
	}
	for now.revision < seen.Revision {
		page, err := editsAfter(ctx, r, now.revision, logPage)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			return nil, fmt.Errorf("the log of the graph ends at revision %d, before %d", now.revision, seen.Revision)
		}
		var list []impact.Edit
		var about []edit
		for _, log := range page {
			if log.Revision > seen.Revision {
				break // outside a snapshot there may be more by now
			}
			for _, e := range log.Edits {
				if made, ok := e.forward(); ok {
					list = append(list, made)
				}
				about = append(about, e)
			}
			now.revision, now.token = log.Revision, log.Token
		}
		if now.snapshot, err = apply(now.snapshot, now.revision, list, about); err != nil {
			return load(ctx, r, seen, model, progress) // what is held is not what the log goes on from
		}
		for _, e := range about {
			if e.Sight != nil {
				now.known.put(string(e.CI), e.Sight)
			}
		}
	}
	if !slices.Equal(now.kinds, model.Kinds()) {
		// Which way a relation was given is in its record alone: where failure flows both ways, the snapshot does not say.
		return load(ctx, r, seen, model, progress)
	}
	if edited := now.snapshot.Edited(); !p.bound && edited >= 1000 && edited >= now.snapshot.Len()/16 {
		now.snapshot = now.snapshot.Compacted()
	}
	return &now, nil
}

func (k *known) copied() *known {
	k.mu.RLock()
	defer k.mu.RUnlock()
	c := &known{names: slices.Clone(k.names), place: maps.Clone(k.place), of: maps.Clone(k.of)}
	return c
}

// withKind adds a type of relation that the model has no more, and that passes nothing on, unless there is one of the name.
func withKind(kinds []impact.Kind, name string) []impact.Kind {
	if slices.ContainsFunc(kinds, func(k impact.Kind) bool { return k.Name == name }) {
		return kinds
	}
	return append(slices.Clip(kinds), impact.Kind{Name: name, Flow: impact.NoFlow, Propagation: impact.None})
}

// apply makes edits of a snapshot. Types of relation that the model has no more are added as ones that pass nothing on.
func apply(s *impact.Snapshot, revision int64, list []impact.Edit, about []edit) (*impact.Snapshot, error) {
	had := s.Kinds()
	kinds := had
	for _, e := range about {
		for _, name := range e.kinds() {
			kinds = withKind(kinds, name)
		}
	}
	if len(kinds) > len(had) {
		var err error
		if s, err = s.WithKinds(s.Revision(), kinds); err != nil {
			return nil, err
		}
	}
	return s.Edit(uint64(revision), list...)
}

// load reads the whole graph: pages of heads along indexes, and the bodies of groups alone.
func load(ctx context.Context, r storage.Reader, seen revision, model *schema.Compiled, progress func(Progress)) (*state, error) {
	s := &state{revision: seen.Revision, token: seen.Token, kinds: model.Kinds(), known: newKnown()}
	loader, err := impact.NewLoader(s.kinds)
	if err != nil {
		return nil, err
	}
	has := map[string]bool{}
	for _, k := range s.kinds {
		has[k.Name] = true
	}
	var odd []edit // of types that the model has no more
	var done Progress
	tell := func() {
		if progress != nil {
			progress(done)
		}
	}
	if err := pages(ctx, r, Table.Schema(), storage.Condition{}, false, func(rows []storage.Row) error {
		places := placesOf(Table.Schema(), "class", "group", "owner", "restricted", "current")
		for _, row := range rows {
			id := string(row.ID)
			text := func(i int) string { v, _ := row.Columns[places[i]].(string); return v }
			restricted, _ := row.Columns[places[3]].(bool)
			s.known.put(id, &sight{Class: text(0), Group: itsm.ID(text(1)), Owner: itsm.ID(text(2)), Restricted: restricted})
			if current, _ := row.Columns[places[4]].(bool); current {
				loader.CI(id)
				done.CIs++
			}
		}
		tell()
		return nil
	}); err != nil {
		return nil, err
	}
	if err := pages(ctx, r, RelationTable.Schema(), RelationByCurrent.Is(true).Condition(), false, func(rows []storage.Row) error {
		places := placesOf(RelationTable.Schema(), "source", "type", "target")
		for _, row := range rows {
			source, _ := row.Columns[places[0]].(string)
			kind, _ := row.Columns[places[1]].(string)
			target, _ := row.Columns[places[2]].(string)
			edge := impact.Relation{Source: source, Kind: kind, Target: target}
			if has[kind] {
				loader.Relation(edge)
			} else {
				odd = append(odd, edit{Op: opRelate, Relation: &edge})
			}
		}
		done.Relations += len(rows)
		tell()
		return nil
	}); err != nil {
		return nil, err
	}
	if err := pages(ctx, r, GroupTable.Schema(), GroupByCurrent.Is(true).Condition(), true, func(rows []storage.Row) error {
		for _, row := range rows {
			g, err := GroupTable.Decode(row)
			if err != nil {
				return err
			}
			if has[g.Type] {
				loader.Group(*g.group())
			} else {
				odd = append(odd, edit{Op: opPutGroup, Now: g.group()})
			}
		}
		done.Groups += len(rows)
		tell()
		return nil
	}); err != nil {
		return nil, err
	}
	if s.snapshot, err = loader.Snapshot(uint64(seen.Revision)); err != nil {
		return nil, err
	}
	if len(odd) > 0 {
		var list []impact.Edit
		for _, e := range odd {
			made, _ := e.forward()
			list = append(list, made)
		}
		s.snapshot, err = apply(s.snapshot, seen.Revision, list, odd)
	}
	return s, err
}

// pages reads all rows of a table that meet a condition, in the order of their ids.
func pages(ctx context.Context, r storage.Reader, schema *storage.Schema, where storage.Condition, bodies bool, fn func([]storage.Row) error) error {
	q := storage.RowQuery{Where: where, Limit: storage.MaxLimit, Bodies: bodies}
	for {
		rows, err := r.Query(ctx, schema, q)
		if err != nil {
			return err
		}
		if err := fn(rows); err != nil {
			return err
		}
		if len(rows) < q.Limit {
			return nil
		}
		last := rows[len(rows)-1]
		q.After = &storage.Position{Tenant: last.Tenant, ID: last.ID}
	}
}

// placesOf gives the places of columns in a row.
func placesOf(schema *storage.Schema, columns ...string) []int {
	places := make([]int, len(columns))
	for i, name := range columns {
		places[i], _ = schema.Place(name)
	}
	return places
}
