// This file holds the reading of rule sets, and the question what they would decide.

package routing

import (
	"context"
	"iter"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// activeOf gives the active versions for a kind of record, by their stack.
func activeOf(ctx context.Context, r storage.Reader, recordKind string) (map[Stack]*Version, error) {
	page, err := Table.Records(ctx, r, storage.Query[Head]{
		Where: storage.AllOf(ByRecordKind.Is(recordKind), ByState.Is(StateActive)),
	})
	if err != nil {
		return nil, err
	}
	active := make(map[Stack]*Version, len(page.Items))
	for i := range page.Items {
		active[page.Items[i].Stack] = &page.Items[i]
	}
	return active, nil
}

// effective gives the set that holds in the reader's tenant.
func effective(ctx context.Context, r storage.Reader, recordKind string) (Merged, error) {
	active, err := activeOf(ctx, r, recordKind)
	if err != nil {
		return Merged{}, err
	}
	var base, own Layer
	if v := active[StackBase]; v != nil {
		base = v.Layer()
	}
	if v := active[StackOwn]; v != nil {
		own = v.Layer()
	}
	return Effective(base, own), nil
}

// view reads one snapshot of the actor's tenant, if the actor may.
func (p *Practice) view(ctx context.Context, actor itsm.Actor, fn func(ctx context.Context, r storage.Reader) error) error {
	return p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if err := p.authorize(ctx, actor, PermissionRead, ""); err != nil {
			return err
		}
		return fn(ctx, r)
	})
}

// Get gives a version.
func (p *Practice) Get(ctx context.Context, actor itsm.Actor, id itsm.ID) (Version, error) {
	var v Version
	err := p.view(ctx, actor, func(ctx context.Context, r storage.Reader) (err error) {
		v, err = Table.Get(ctx, r, id)
		return err
	})
	return v, err
}

// List gives a page of versions in the order asked for; none is by their ids, which is by when
// they were made.
func (p *Practice) List(ctx context.Context, actor itsm.Actor, q storage.Query[Head]) (storage.Page[Head], error) {
	var page storage.Page[Head]
	err := p.view(ctx, actor, func(ctx context.Context, r storage.Reader) (err error) {
		page, err = Table.List(ctx, r, q)
		return err
	})
	return page, err
}

// History gives the events of a version, oldest first: who made, revised, activated and retired it,
// when and why, and what each changed.
func (p *Practice) History(ctx context.Context, actor itsm.Actor, id itsm.ID) ([]itsm.Event, error) {
	var events []itsm.Event
	err := p.view(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		if _, err := Table.Get(ctx, r, id); err != nil {
			return err
		}
		q := storage.EventQuery{Kind: Kind, Record: id, Limit: storage.MaxLimit}
		for {
			page, err := p.e.History(ctx, r, q)
			if err != nil {
				return err
			}
			events = append(events, page...)
			if len(page) < q.Limit {
				return nil
			}
			last := page[len(page)-1]
			q.After = storage.EventPosition{Tenant: last.Tenant, Kind: last.Kind, Record: last.Record, Version: last.Version, N: last.N}
		}
	})
	return events, err
}

// Effective gives the rules that are followed for a kind of record in the actor's tenant, and where
// each value comes from. Where nothing is active it has no rules.
func (p *Practice) Effective(ctx context.Context, actor itsm.Actor, recordKind string) (Merged, error) {
	var m Merged
	if _, err := p.Vocabulary(recordKind); err != nil {
		return m, err
	}
	err := p.view(ctx, actor, func(ctx context.Context, r storage.Reader) (err error) {
		m, err = effective(ctx, r, recordKind)
		return err
	})
	return m, err
}

// Preview says what would be decided for a record with the facts now, and why. It changes nothing:
// nobody's turn is used up, and a decision a moment later may be another.
func (p *Practice) Preview(ctx context.Context, actor itsm.Actor, recordKind string, facts Facts) (Decision, error) {
	var d Decision
	v, err := p.Vocabulary(recordKind)
	if err != nil {
		return d, err
	}
	err = p.view(ctx, actor, func(ctx context.Context, r storage.Reader) error {
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
	err := p.view(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		v, err := Table.Get(ctx, r, id)
		if err != nil {
			return err
		}
		active, err := activeOf(ctx, r, v.RecordKind)
		if err != nil {
			return err
		}
		layer := func(s Stack) (l Layer) {
			if a := active[s]; a != nil {
				l = a.Layer()
			}
			return l
		}
		now = Effective(layer(StackBase), layer(StackOwn))
		active[v.Stack] = &v
		then = Effective(layer(StackBase), layer(StackOwn))
		return nil
	})
	if err != nil {
		return Comparison{}, err
	}
	// The history is the host's, and may take its time: no snapshot is kept open for it.
	return DryRun(now, then, history, o)
}
