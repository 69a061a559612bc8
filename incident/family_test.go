package incident_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestNoIncidentIsAboveItself(t *testing.T) {
	for length := 2; length <= 5; length++ {
		for _, by := range []itsm.LinkType{itsm.LinkChildOf, itsm.LinkParentOf} {
			t.Run(fmt.Sprintf("%d of them, the last by %s", length, by), func(t *testing.T) {
				d, ctx := openDesk(t, incident.Options{}), t.Context()
				var chain []incident.Incident
				for n := range length {
					chain = append(chain, d.report())
					if n == 0 {
						continue
					}
					// Each is the child of the one before, told from either side.
					var err error
					if n%2 == 0 {
						_, err = d.Link(ctx, ana, chain[n].ID, incident.Relation{Type: itsm.LinkChildOf, To: chain[n-1].Ref()})
					} else {
						_, err = d.Link(ctx, ana, chain[n-1].ID, incident.Relation{Type: itsm.LinkParentOf, To: chain[n].Ref()})
					}
					require.NoError(t, err)
				}
				first, last := chain[0], chain[length-1]
				before := d.snapshot()
				from, to := first, last
				if by == itsm.LinkParentOf {
					from, to = last, first
				}
				_, err := d.Link(ctx, ana, from.ID, incident.Relation{Type: by, To: to.Ref()})
				require.Equal(t, []string{"to"}, faults(t, err))
				require.Equal(t, before, d.snapshot())
				_, err = d.Link(ctx, ana, last.ID, incident.Relation{Type: itsm.LinkChildOf, To: first.Ref()})
				require.NoError(t, err, "a second way to the same ancestor is no cycle")
				_, err = d.Link(ctx, ana, first.ID, incident.Relation{Type: itsm.LinkRelatedTo, To: last.Ref()})
				require.NoError(t, err, "only families have no cycles")
			})
		}
	}
}

func TestAFamilyHasAnEnd(t *testing.T) {
	d, ctx := openDesk(t, incident.Options{}), t.Context()
	grow := func(n int) (chain []incident.Incident) {
		for k := range n {
			chain = append(chain, d.report())
			if k > 0 {
				_, err := d.Link(ctx, ana, chain[k].ID, incident.Relation{Type: itsm.LinkChildOf, To: chain[k-1].Ref()})
				require.NoError(t, err)
			}
		}
		return chain
	}
	link := func(child, parent incident.Incident) error {
		return second(d.Link(ctx, ana, child.ID, incident.Relation{Type: itsm.LinkChildOf, To: parent.Ref()}))
	}
	full := grow(incident.MaxGenerations)
	require.Equal(t, []string{"to"}, faults(t, link(d.report(), full[incident.MaxGenerations-1])), "below the last")
	require.Equal(t, []string{"to"}, faults(t, link(full[0], d.report())), "above the first")
	require.NoError(t, link(d.report(), full[incident.MaxGenerations-2]), "beside the last")

	upper, lower := grow(incident.MaxGenerations-3), grow(3)
	require.Equal(t, []string{"to"}, faults(t, link(lower[0], full[incident.MaxGenerations-3])))
	require.NoError(t, link(lower[0], upper[len(upper)-1]))
	require.Equal(t, []string{"to"}, faults(t, link(d.report(), lower[2])))
}

// readCounter is a store that counts the reads of its units.
type readCounter struct {
	storage.Store
	reads int
}

type countedReads struct {
	storage.Tx
	store *readCounter
}

func (s *readCounter) Update(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	return s.Store.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error { return fn(ctx, countedReads{tx, s}) })
}

func (t countedReads) Get(ctx context.Context, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
	t.store.reads++
	return t.Tx.Get(ctx, s, tenant, id)
}

func (t countedReads) Query(ctx context.Context, s *storage.Schema, q storage.RowQuery) ([]storage.Row, error) {
	t.store.reads++
	return t.Tx.Query(ctx, s, q)
}

func TestI7WhatAParentDoesCostsTheSameHoweverManyChildrenItHas(t *testing.T) {
	store := &readCounter{Store: memory.New()}
	e, err := engine.New(store, engine.Options{})
	require.NoError(t, err)
	p, err := incident.New(e, incident.Options{})
	require.NoError(t, err)
	ctx := t.Context()
	require.NoError(t, e.Migrate(ctx))
	cost := func(children int) (note, resolve int) {
		parent, err := p.Log(ctx, mona, incident.Report{Title: "x", Requester: "rita"})
		require.NoError(t, err)
		for range children {
			child, err := p.Log(ctx, mona, incident.Report{Title: "x", Requester: "rita"})
			require.NoError(t, err)
			_, err = p.Link(ctx, mona, child.ID, incident.Relation{Type: itsm.LinkChildOf, To: parent.Ref()})
			require.NoError(t, err)
		}
		store.reads = 0
		_, err = p.Note(ctx, mona, parent.ID, incident.Note{Text: "x", Visibility: itsm.VisibilityPublic})
		require.NoError(t, err)
		note, store.reads = store.reads, 0
		_, err = p.Resolve(ctx, mona, parent.ID, fixed)
		require.NoError(t, err)
		return note, store.reads
	}
	note, resolve := cost(1)
	moreNote, moreResolve := cost(700)
	require.Equal(t, []int{note, resolve}, []int{moreNote, moreResolve})
}
