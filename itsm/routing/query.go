// This file holds the reading of rule sets, and the question what they would decide.

package routing

import (
	"context"
	"iter"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// Effective gives the rules that are followed for a kind of record in the actor's tenant, and where
// each value comes from. Where nothing is active it has no rules.
func (p *Practice) Effective(ctx context.Context, actor itsm.Actor, recordKind string) (Merged, error) {
	if _, err := p.Vocabulary(recordKind); err != nil {
		return Merged{}, err
	}
	active, err := p.Active(ctx, actor, recordKind)
	return Effective(active.Layers()), err
}

// Preview says what would be decided for a record with the facts now, and why. It changes nothing:
// nobody's turn is used up, and a decision a moment later may be another.
func (p *Practice) Preview(ctx context.Context, actor itsm.Actor, recordKind string, facts Facts) (Decision, error) {
	var d Decision
	v, err := p.Vocabulary(recordKind)
	if err != nil {
		return d, err
	}
	err = p.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		m, err := p.following(ctx, r, v)
		if err != nil {
			return err
		}
		d, err = m.Decide(facts, p.people(ctx, r, recordKind))
		return err
	})
	return d, err
}

// DryRun compares what is followed now with what would be if the version were active, over a history
// that the host gives. It changes nothing. Of a retired version it says what going back would mean.
func (p *Practice) DryRun(ctx context.Context, actor itsm.Actor, id itsm.ID, history iter.Seq2[Past, error], o DryRunOptions) (Comparison, error) {
	var now, then Merged
	err := p.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		v, err := Table.Get(ctx, r, id)
		if err != nil {
			return err
		}
		active, err := versioned.ReadActive(ctx, r, Table, v.Family)
		now, then = Effective(active.Layers()), Effective(active.With(&v).Layers())
		return err
	})
	if err != nil {
		return Comparison{}, err
	}
	// The history is the host's, and may take its time: no snapshot is kept open for it.
	return DryRun(now, then, history, o)
}
