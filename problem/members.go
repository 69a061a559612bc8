// This file holds restriction: problems for named people alone. Members are records of their own, so that
// a list finds them by an index, however many they are.

package problem

import (
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Restriction says for whom a restricted problem is, beside its group, its owner and those with
// "problem.see_restricted".
type Restriction struct {
	itsm.Command
	// Members are all members from now on; those who are not named are none any more.
	Members []itsm.ID `json:"members,omitempty"`
}

// Restrict keeps a problem, and the known error that was drafted of it, from all who are not named in it,
// or names other members.
func (p *Practice) Restrict(ctx context.Context, actor itsm.Actor, id itsm.ID, r Restriction) (Problem, error) {
	return p.command(ctx, actor, id, ActionRestrict, r.Command, r, func(ctx context.Context, w *work) error {
		w.Restricted, w.Members = true, unique(r.Members)
		w.checkPeople("members", w.Members)
		return w.change(ctx, ActionRestrict, Restricted{Members: w.Members})
	})
}

// Unrestrict opens a problem to all who may read problems. It has no members any more. Its known error is a
// draft again where it was published for everyone.
func (p *Practice) Unrestrict(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Problem, error) {
	return p.command(ctx, actor, id, ActionUnrestrict, r, r, func(ctx context.Context, w *work) error {
		w.Restricted, w.Members = false, nil
		return w.fire(ctx, ActionUnrestrict, Unrestricted{})
	})
}

type memberRecord struct {
	memberHead
	memberBody
}

type memberHead struct {
	storage.Meta
	Problem itsm.ID
	Person  itsm.ID
}

type memberBody struct{}

var (
	memberByProblem = storage.Col("problem", func(h *memberHead) *itsm.ID { return &h.Problem })
	memberByPerson  = storage.Col("person", func(h *memberHead) *itsm.ID { return &h.Person })
)

var memberTable = storage.Define("problem_member", storage.Def[memberRecord, memberHead, memberBody]{
	Parts:   func(r *memberRecord) (*memberHead, *memberBody) { return &r.memberHead, &r.memberBody },
	Columns: []storage.ColumnOf[memberHead]{memberByProblem, memberByPerson},
	Indexes: []storage.Index{storage.IndexOn(memberByPerson.Asc(), memberByProblem.Asc())},
})

func memberID(problem, person itsm.ID) itsm.ID {
	return itsm.ID(digest.Of(string(problem), string(person)))
}

// memberOf is the filter of the problems of which the person is a member.
func memberOf(person itsm.ID) storage.Filter[Head] {
	return storage.NamedBy[Head](memberTable, memberByProblem, memberByPerson.Is(person))
}

// putMembers makes the member records what they must be after a change. They go past the unit's field
// history: the problem's own event tells of them.
func putMembers(ctx context.Context, u *engine.Unit, was, now *Problem) error {
	for _, person := range was.Members {
		if slices.Contains(now.Members, person) {
			continue
		}
		m, err := memberTable.Get(ctx, u.Quiet(), memberID(now.ID, person))
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		if err := memberTable.Delete(ctx, u.Quiet(), &m); err != nil {
			return err
		}
	}
	var added []*memberRecord
	for _, person := range now.Members {
		if slices.Contains(was.Members, person) {
			continue
		}
		m := &memberRecord{memberHead: memberHead{Problem: now.ID, Person: person}}
		m.ID, m.Created, m.Updated = memberID(now.ID, person), u.Now(), u.Now()
		added = append(added, m)
	}
	if len(added) == 0 {
		return nil
	}
	return memberTable.Put(ctx, u.Quiet(), added...)
}
