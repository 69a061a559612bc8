// This file holds a graph that changes while it is asked.

package impact

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/itsmkit/itsmkit/storage"
)

// Graph holds the latest snapshot of a graph that changes. Readers take it without a lock and
// are never held up; writers wait for each other.
type Graph struct {
	latest atomic.Pointer[Snapshot]

	mu sync.Mutex
	// compaction is under way, or nil.
	compaction *compaction
}

// compaction keeps the edits made while it is under way, to be made again on its outcome.
type compaction struct {
	since []step
}

type step struct {
	revision uint64
	edits    []Edit
}

// NewGraph gives a graph that begins with a snapshot.
func NewGraph(first *Snapshot) *Graph {
	g := &Graph{}
	g.latest.Store(first)
	return g
}

// Snapshot gives the latest snapshot.
func (g *Graph) Snapshot() *Snapshot { return g.latest.Load() }

// Edit makes the edits, all of them or none, and gives the snapshot after them, which states the
// revision. See [Snapshot.Edit]; here the revision must be greater than the present one, so that
// each revision is one state of the graph.
func (g *Graph) Edit(revision uint64, edits ...Edit) (*Snapshot, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.latest.Load()
	if revision <= now.revision {
		return nil, storage.Invalid("edit", "revision", fmt.Sprintf("must be greater than that of the graph, %d", now.revision))
	}
	next, err := now.Edit(revision, edits...)
	if err != nil {
		return nil, err
	}
	if g.compaction != nil {
		g.compaction.since = append(g.compaction.since, step{revision, slices.Clone(edits)})
	}
	g.latest.Store(next)
	return next, nil
}

// Replace puts another snapshot in place of the latest, as after [Snapshot.WithKinds] or after
// loading anew. Its revision must not be less. A compaction under way is given up.
func (g *Graph) Replace(s *Snapshot) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := g.latest.Load(); s.revision < now.revision {
		return storage.Invalid("graph", "revision", fmt.Sprintf("is %d, and the graph is at %d", s.revision, now.revision))
	}
	g.compaction = nil
	g.latest.Store(s)
	return nil
}

// CompactionDue reports whether so much was edited that a compaction is worth its time: a sixteenth
// of the CIs, and at least a thousand edits.
func (g *Graph) CompactionDue() bool {
	s := g.latest.Load()
	return s.Edited() >= max(1000, s.Len()/16)
}

// Compact makes the compact form of the latest snapshot anew, which takes as long as loading, and
// then puts it in place with what was edited meanwhile. Readers and writers go on: writers wait only
// while those edits are made again. It reports false, and does nothing, while another one is under
// way, and where the graph was replaced meanwhile.
func (g *Graph) Compact() bool {
	g.mu.Lock()
	if g.compaction != nil {
		g.mu.Unlock()
		return false
	}
	mine := &compaction{}
	g.compaction = mine
	before := g.latest.Load()
	g.mu.Unlock()

	next := before.Compacted()

	g.mu.Lock()
	defer g.mu.Unlock()
	if g.compaction != mine {
		return false
	}
	for _, s := range mine.since {
		again, err := next.Edit(s.revision, s.edits...)
		if err != nil {
			// It was accepted once, on the same graph.
			panic(fmt.Sprintf("impact: an edit fails after compaction: %v", err))
		}
		next = again
	}
	g.compaction = nil
	g.latest.Store(next)
	return true
}
