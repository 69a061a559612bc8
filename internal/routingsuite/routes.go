// This file holds the cases of routing: in the transaction of the record, by several units at once.

package routingsuite

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/together"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/storage"
)

// shares counts the tickets of each person and group.
func (h *host) shares(t *testing.T, actor itsm.Actor) (people, groups map[itsm.ID]int) {
	t.Helper()
	people, groups = map[itsm.ID]int{}, map[itsm.ID]int{}
	require.NoError(t, h.e.View(t.Context(), actor, func(ctx context.Context, r storage.Reader) error {
		clear(groups)
		clear(people)
		counts, err := tickets.CountBy(ctx, r, storage.Filter[ticketHead]{}, byGroup, byAssignee)
		for _, c := range counts {
			groups[itsm.ID(c.Values[0].(string))] += int(c.Count)
			people[itsm.ID(c.Values[1].(string))] += int(c.Count)
		}
		return err
	}))
	return people, groups
}

func routedAsOpened(t *testing.T, store storage.Store) {
	h, ctx, ana := open(t, store), t.Context(), analyst(acme)
	v := h.follow(t, manager(acme), routing.RuleSet{Rules: []routing.Rule{
		rule("vip", equal("requester.vip", true), "vip desk", ""),
		rule("ground floor", equal("fields.floor", int64(0)), "house", ""),
		rule("seventh floor", equal("fields.floor", int64(7)), "tower", ""),
		rule("urgent network", storage.Condition{Op: storage.And, Of: []storage.Condition{
			equal("category", "network"), {Op: storage.AtMost, Column: "priority", Values: []any{int64(2)}}}}, "network", routing.MethodRoundRobin),
	}, Default: "desk"})
	for _, c := range []struct {
		ask             ask
		group, assignee itsm.ID
	}{
		{ask{category: "network", priority: 1, vip: true}, "vip desk", ""},
		{ask{category: "network", priority: 1, floor: 7}, "tower", ""},
		{ask{category: "network", priority: 2}, "network", "nat"},
		{ask{category: "network", priority: 2, floor: 3}, "network", "ned"},
		{ask{category: "network", priority: 3}, "desk", ""},
	} {
		tk, err := h.openTicket(ctx, ana, c.ask)
		require.NoError(t, err)
		require.Equal(t, c.group, tk.Group)
		require.Equal(t, c.assignee, tk.Assignee)
		require.EqualValues(t, 2, tk.Version, "opened and routed in one transaction")
		require.Contains(t, tk.Why, fmt.Sprintf("(acme, version %d)", v.Number))
	}
	_, err := h.p.Preview(ctx, manager(acme), "order", nil)
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

func undecided(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	_, err := h.p.Draft(ctx, manager(acme), routing.Draft{Family: "ticket", Set: everything("desk", "")})
	require.NoError(t, err, "a draft is not followed")
	tk, err := h.openTicket(ctx, analyst(acme), ask{})
	require.NoError(t, err)
	require.Empty(t, tk.Group)
	require.Equal(t, "no rule matches, and there is no default group\n", tk.Why)
	d, err := h.p.Preview(ctx, manager(acme), "ticket", nil)
	require.NoError(t, err)
	require.Equal(t, routing.OutcomeNone, d.Outcome)
}

// stale is a host that has taken a field out which active rules name.
func stale(t *testing.T, store storage.Store) {
	h := open(t, store)
	ctx, mona := t.Context(), manager(acme)
	v := h.follow(t, mona, routing.RuleSet{Rules: []routing.Rule{rule("seventh", equal("fields.floor", int64(7)), "tower", "")}, Default: "desk"})
	later := open(t, store, itsm.FieldDefinition{Name: "building", Type: itsm.FieldText})
	_, err := later.p.Preview(ctx, mona, "ticket", nil)
	require.Equal(t, []string{"rules.seventh.column"}, fields(t, err))
	tk, err := later.openTicket(ctx, mona, ask{floor: 7})
	require.NoError(t, err)
	require.Empty(t, tk.Group, "the host went on without a decision")
	retired := h.follow(t, mona, everything("desk", ""))
	_, err = later.p.Activate(ctx, mona, v.ID, itsm.Command{})
	require.Equal(t, []string{"set.rules[0].when.column"}, fields(t, err), "it is checked again")
	tk, err = later.openTicket(ctx, mona, ask{floor: 7})
	require.NoError(t, err)
	require.EqualValues(t, "desk", tk.Group)
	require.NotEmpty(t, retired.ID)
}

func tried(t *testing.T, store storage.Store) {
	h, ctx, mona := open(t, store), t.Context(), manager(acme)
	h.follow(t, mona, everything("desk", routing.MethodRoundRobin))
	_, err := h.openTicket(ctx, mona, ask{category: "mail"})
	require.NoError(t, err)
	for range 3 {
		d, err := h.p.Preview(ctx, auditor(acme), "ticket", routing.Facts{"category": "mail"})
		require.NoError(t, err)
		require.EqualValues(t, "bob", d.Assignee, "whose turn it stays")
		require.Equal(t, 1, d.Groups[0].People[0].Load, "ana has one")
	}
	draft, err := h.p.Draft(ctx, mona, routing.Draft{Family: "ticket", Set: routing.RuleSet{
		Rules: []routing.Rule{rule("network", equal("category", "network"), "network", "")}, Default: "desk"}})
	require.NoError(t, err)
	c, err := h.p.DryRun(ctx, auditor(acme), draft.ID, func(yield func(routing.Past, error) bool) {
		_ = yield(routing.Past{ID: "1", Facts: routing.Facts{"category": "network"}}, nil) && yield(routing.Past{ID: "2", Facts: routing.Facts{"category": "mail"}}, nil)
	}, routing.DryRunOptions{})
	require.NoError(t, err)
	require.Equal(t, 2, c.Records)
	require.Equal(t, 1, c.Different)
	require.EqualValues(t, "desk", c.Differences[0].Before.Group)
	require.EqualValues(t, "network", c.Differences[0].After.Group)
	tk, err := h.openTicket(ctx, mona, ask{category: "network"})
	require.NoError(t, err)
	require.EqualValues(t, "bob", tk.Assignee)
}

func turnsAtOnce(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	h.follow(t, manager(acme), everything("desk", routing.MethodRoundRobin))
	require.NoError(t, errors.Join(together.Run(20, func(int) error {
		_, err := h.openTicket(ctx, analyst(acme), ask{})
		return err
	})...))
	people, _ := h.shares(t, manager(acme))
	require.Equal(t, map[itsm.ID]int{"ana": 5, "bob": 5, "cem": 5, "dan": 5}, people)
}

func loadsAtOnce(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	h.follow(t, manager(acme), everything("desk", routing.MethodLeastLoad))
	require.NoError(t, errors.Join(together.Run(20, func(int) error {
		_, err := h.openTicket(ctx, analyst(acme), ask{})
		return err
	})...))
	people, _ := h.shares(t, manager(acme))
	require.Equal(t, map[itsm.ID]int{"ana": 5, "bob": 5, "cem": 5, "dan": 5}, people)
}

func capacityAtOnce(t *testing.T, store storage.Store) {
	h, ctx := open(t, store), t.Context()
	h.people["network"][0].Capacity = 1
	s := everything("desk", routing.MethodLeastLoad)
	s.Rules[0].Person.Capacity = 3
	s.Overflow = map[itsm.ID]itsm.ID{"desk": "network"}
	h.follow(t, manager(acme), s)
	require.NoError(t, errors.Join(together.Run(20, func(int) error {
		_, err := h.openTicket(ctx, analyst(acme), ask{})
		return err
	})...))
	people, groups := h.shares(t, manager(acme))
	require.Equal(t, map[itsm.ID]int{"ana": 3, "bob": 3, "cem": 3, "dan": 3, "nat": 1, "ned": 3, "": 4}, people)
	require.Equal(t, map[itsm.ID]int{"desk": 16, "network": 4}, groups)
}

func failedTurn(t *testing.T, store storage.Store) {
	h, ctx, mona := open(t, store), t.Context(), manager(acme)
	h.follow(t, mona, everything("desk", routing.MethodRoundRobin))
	boom := errors.New("boom")
	for range 3 {
		err := h.e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error {
			d, err := h.p.RouteFacts(ctx, u, "ticket", nil)
			if err != nil {
				return err
			}
			if d.Assignee != "ana" {
				return fmt.Errorf("%s has the turn", d.Assignee)
			}
			return boom
		})
		require.ErrorIs(t, err, boom)
	}
	tk, err := h.openTicket(ctx, mona, ask{})
	require.NoError(t, err)
	require.EqualValues(t, "ana", tk.Assignee)
}

func severalOfOneUnit(t *testing.T, store storage.Store) {
	h, ctx, mona := open(t, store), t.Context(), manager(acme)
	h.follow(t, mona, everything("desk", routing.MethodRoundRobin))
	require.NoError(t, h.e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error {
		for range 6 {
			if _, err := h.put(ctx, u, ask{}); err != nil {
				return err
			}
		}
		return nil
	}))
	people, _ := h.shares(t, mona)
	require.Equal(t, map[itsm.ID]int{"ana": 2, "bob": 2, "cem": 1, "dan": 1}, people)
}

// opposite has units that come to two groups in opposite orders: who would wait for ever is run
// again. They are few, as a database may take a second to notice.
func opposite(t *testing.T, store storage.Store) {
	h, ctx, mona := open(t, store), t.Context(), manager(acme)
	h.follow(t, mona, routing.RuleSet{Rules: []routing.Rule{
		rule("network", equal("category", "network"), "network", routing.MethodRoundRobin), rule("desk", equal("category", "desk"), "desk", routing.MethodRoundRobin),
	}})
	require.NoError(t, errors.Join(together.Run(4, func(i int) error {
		return h.e.Update(ctx, mona, func(ctx context.Context, u *engine.Unit) error {
			order := []string{"network", "desk"}
			if i%2 == 1 {
				order = []string{"desk", "network"}
			}
			for _, category := range order {
				t, err := h.put(ctx, u, ask{category: category})
				if err != nil {
					return err
				}
				d, err := h.p.RouteFacts(ctx, u, "ticket", routing.Facts{"category": category})
				if err != nil || d.Assignee == "" {
					return errors.Join(err, fmt.Errorf("nobody for %s", t.ID))
				}
			}
			return nil
		})
	})...))
	// Each took two turns of each group, one of them in the reaction.
	people, groups := h.shares(t, mona)
	require.Equal(t, map[itsm.ID]int{"network": 4, "desk": 4}, groups)
	require.Equal(t, 8, people["ana"]+people["bob"]+people["cem"]+people["dan"]+people["nat"]+people["ned"])
}
