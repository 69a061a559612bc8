// This file holds the routing of a record inside the transaction that made or changed it.

package routing

import (
	"context"
	"errors"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Route decides who gets a record, by the rules that are followed in the unit's tenant for the kind
// of the schema. It is for a reaction to the event that made the record, or a command of the host's
// own: [engine.Unit.Load] gives schema and row. named are the facts that do not stand in the record:
// see [Vocabulary.Facts]. It asks for no permission and does not touch the record: what the decision
// says is for the caller to do, in the same unit. Whose turn it is in a group is kept in the unit
// too, so a unit that fails uses nobody's turn.
//
// Where a rule chooses a person, the group is locked to the end of the unit before its people are
// asked for: another unit that comes to it waits for this one's commit, and then sees whom it gave
// the record to. So turns are never taken twice, and no two units fill the last place of a person.
// What changes a load without Route (an assignment by hand) takes no lock: a decision may miss one
// that is not committed yet.
//
// Where the active rules name what the vocabulary no longer has, it is ErrInvalid with every fault.
// Nothing was written then, and the caller may go on without a decision.
func (p *Practice) Route(ctx context.Context, u *engine.Unit, s *storage.Schema, row storage.Row, named map[string]any) (Decision, error) {
	v, err := p.Vocabulary(s.Name())
	if err != nil {
		return Decision{}, err
	}
	facts, err := v.Facts(s, row, named)
	if err != nil {
		return Decision{}, err
	}
	return p.RouteFacts(ctx, u, v.kind, facts)
}

// RouteFacts is [Practice.Route] for a record whose facts the caller has together: one that is not
// stored yet, or comes from elsewhere.
func (p *Practice) RouteFacts(ctx context.Context, u *engine.Unit, recordKind string, facts Facts) (Decision, error) {
	return p.RouteAsking(ctx, u, recordKind, func(context.Context, func(string) bool) (Facts, error) { return facts, nil })
}

// RouteAsking is [Practice.RouteFacts] for facts that cost something to find out. ask is called once,
// and only where there are rules, or a default group, to follow; named says whether one of the
// conditions names a term of the vocabulary, so that what none names need not be found out.
func (p *Practice) RouteAsking(ctx context.Context, u *engine.Unit, recordKind string, ask func(ctx context.Context, named func(term string) bool) (Facts, error)) (Decision, error) {
	v, err := p.Vocabulary(recordKind)
	if err != nil {
		return Decision{}, err
	}
	f, err := p.follow(ctx, u, v)
	if err != nil {
		return Decision{}, err
	}
	var facts Facts
	if len(f.merged.Set.Rules) > 0 || f.merged.Set.Default != "" { // which is not for what is restricted
		if facts, err = ask(ctx, func(term string) bool { return f.terms[term] }); err != nil {
			return Decision{}, err
		}
	}
	turns := map[itsm.ID]turn{}
	people := p.peopleAndTurns(ctx, u, recordKind, turns)
	if unlocked := people; people != nil {
		people = func(group itsm.ID) (Team, error) {
			if err := u.Lock(ctx, groupLock(group)); err != nil {
				return Team{}, err
			}
			return unlocked(group)
		}
	}
	d, err := f.merged.Decide(facts, people)
	if err != nil || d.Last == "" {
		return d, err
	}
	return d, takeTurn(ctx, u, turns[d.Group], d.Group, d.Last)
}

// people gives groups as the host knows them, with whose turn it is; nil where the host tells of
// none.
func (p *Practice) people(ctx context.Context, r storage.Reader, recordKind string) People {
	return p.peopleAndTurns(ctx, r, recordKind, map[itsm.ID]turn{})
}

// peopleAndTurns is people, and keeps the turns that it read.
func (p *Practice) peopleAndTurns(ctx context.Context, r storage.Reader, recordKind string, turns map[itsm.ID]turn) People {
	if p.candidates == nil {
		return nil
	}
	return func(group itsm.ID) (Team, error) {
		candidates, err := p.candidates.Candidates(ctx, r, recordKind, group)
		if err != nil {
			return Team{}, err
		}
		t, err := turnTable.Get(ctx, r, group)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return Team{}, err
		}
		turns[group] = t
		return Team{Candidates: candidates, Last: t.Last}, nil
	}
}

// takeTurn keeps who had the turn. The group is locked, and was when the turn was read.
func takeTurn(ctx context.Context, u *engine.Unit, t turn, group, last itsm.ID) error {
	switch {
	case t.Version == 0:
		t.ID, t.Created = group, u.Now()
	case t.Last == last:
		return nil
	}
	t.Last, t.Updated = last, u.Now()
	return turnTable.Put(ctx, u.Quiet(), &t)
}

// groupLock is the lock of a group. A group's id may be as long as a lock's name.
func groupLock(group itsm.ID) string {
	return Kind + "/group/" + digest.Of(string(group))
}
