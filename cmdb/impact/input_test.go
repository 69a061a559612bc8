// This file holds what bad input and too much work meet.

package impact_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/storage"
)

// faults gives what an error says is wrong.
func faults(t *testing.T, err error) (all []string) {
	t.Helper()
	require.ErrorIs(t, err, storage.ErrInvalid)
	var invalid *storage.ValidationError
	require.ErrorAs(t, err, &invalid)
	for _, f := range invalid.Faults {
		all = append(all, f.Field+" "+f.Problem)
	}
	return all
}

func TestKindsAreRefusedWithEveryFault(t *testing.T) {
	_, err := impact.New([]impact.Kind{
		{},
		{Name: "a", Flow: impact.ToSource, Propagation: impact.Map(impact.Down, impact.Degraded)},
		{Name: "a", Flow: 9, Propagation: impact.Map(impact.AtRisk, impact.Down)},
		{Name: "b", Flow: impact.NoFlow, Propagation: impact.Full},
	})
	require.Equal(t, []string{
		"kinds[0].name is required",
		"kinds[0].flow is required: to-source, to-target, both or none",
		"kinds[0].propagation is required: full, cap, soften, none or a map",
		"kinds[1].propagation is not monotone: what is down must do at least what is degraded does",
		`kinds[2].name "a" is declared twice`,
		"kinds[2].flow is required: to-source, to-target, both or none",
		"kinds[2].propagation must map degraded and down each to ok, degraded or down",
		"kinds[3].propagation must be none where nothing flows",
	}, faults(t, err))
	_, err = impact.New(make([]impact.Kind, impact.MaxKinds+1))
	require.Len(t, faults(t, err), 1)
}

func TestGraphsAreRefusedWithEveryFault(t *testing.T) {
	l, err := impact.NewLoader(kinds)
	require.NoError(t, err)
	l.CI("a")
	l.CI("a")
	l.CI("b")
	l.CI("")
	l.Relation(impact.Relation{Source: "a", Kind: "depends on", Target: "b"})
	l.Relation(impact.Relation{Source: "a", Kind: "likes", Target: ""})
	l.Relation(impact.Relation{Source: "a", Kind: "depends on", Target: "nobody"})
	l.Group(impact.Group{Owner: "a", Kind: "depends on", Members: impact.Members("a", "b"), Need: impact.AtLeast(3)})
	l.Group(impact.Group{Kind: "likes", Members: []impact.Member{{ID: "a", Weight: -1}, {ID: "a"}, {}}})
	l.Group(impact.Group{Owner: "a", Kind: "depends on"})
	l.Group(impact.Group{Owner: "a", Kind: "depends on", Members: impact.Members("b"), Need: impact.Need{Count: 1, Percent: 1}})
	l.Group(impact.Group{Owner: "a", Kind: "depends on", Members: impact.Members("b"), Need: impact.Percent(101)})
	l.Group(impact.Group{Owner: "a", Kind: "depends on", Members: []impact.Member{{ID: "a", Weight: impact.MaxWeight}, {ID: "b"}}, Need: impact.Percent(1)})
	l.Group(impact.Group{Owner: "b", Kind: "depends on", Members: impact.Members("b"), Need: impact.Percent(1)})
	l.Group(impact.Group{Owner: "b", Kind: "depends on", Members: impact.Members("a"), Need: impact.Percent(1)})
	_, err = l.Snapshot(1)
	require.Equal(t, []string{
		"id is required",
		`relations[1].kind "likes" is not declared`,
		"relations[1].target is required",
		"groups[0].need is 3, of members that weigh 2 together",
		`groups[1].kind "likes" is not declared`,
		"groups[1].owner is required",
		"groups[1].members[0].weight must be 1 to 16777215, or 0 for 1",
		`groups[1].members[1].id "a" is a member already`,
		"groups[1].members[2].id is required",
		"groups[1].need is required: how much of the group must work",
		"groups[2].members are none: say what that does, in empty",
		"groups[3].need must be a count or a percentage, not both",
		"groups[4].need must be a count of at least 1, or 1 to 100 percent",
		"groups[5].members weigh more than 16777215 together",
		`groups[7] is the second of owner "b", kind "depends on" and name ""`,
		`ci "nobody" is in a relation or group and was not declared`,
	}, faults(t, err))
}

func TestEditsAreRefusedTogetherAndChangeNothing(t *testing.T) {
	m := model{cis: []string{"a", "b"}, relations: []impact.Relation{{Source: "a", Kind: "depends on", Target: "b"}}}
	g := impact.NewGraph(m.load(t, 5))
	before := g.Snapshot()
	_, err := g.Edit(6,
		impact.AddCI("c"),
		impact.RemoveCI("a"),
		impact.RemoveCI("b"),
		impact.RemoveCI("nobody"),
		impact.Unrelate(impact.Relation{Source: "b", Kind: "depends on", Target: "a"}),
		impact.Relate(impact.Relation{Source: "", Kind: "likes", Target: "nobody"}),
		impact.PutGroup(impact.Group{Owner: "a", Kind: "depends on", Members: impact.Members("nobody", "b"), Need: impact.AtLeast(3)}),
		impact.RemoveGroup("a", "depends on", "x"),
		impact.Edit{},
		impact.AddCI(""),
	)
	require.Equal(t, []string{
		`edits[1].id "a" still has relations: remove them first`,
		`edits[2].id "b" still holds something up: remove its relations and memberships first`,
		`edits[3].id "nobody" is not a CI of the graph`,
		`edits[4] "b" "depends on" "a" is not a relation of the graph`,
		`edits[5].kind "likes" is not declared`,
		"edits[5].source is required",
		`edits[5].target "nobody" is not a CI of the graph`,
		"edits[6].need is 3, of members that weigh 2 together",
		`edits[6].members[0].id "nobody" is not a CI of the graph`,
		`edits[7] owner "a" has no group of kind "depends on" and name "x"`,
		"edits[8] is the zero value; use AddCI and the other functions",
		"edits[9].id is required",
	}, faults(t, err))
	require.Same(t, before, g.Snapshot())
	_, err = g.Edit(5, impact.AddCI("c"))
	require.Equal(t, []string{"revision must be greater than that of the graph, 5"}, faults(t, err))
	_, err = before.Edit(4)
	require.Equal(t, []string{"revision is 4, and the graph is at 5"}, faults(t, err))
}

func TestQuestionsAreRefusedWithEveryFault(t *testing.T) {
	m := model{cis: []string{"a", "b"}}
	s := m.load(t, 1)
	_, err := s.Impact([]impact.Failure{{ID: "nobody", State: impact.Down}, {ID: "a", State: impact.AtRisk}, {ID: "b", State: impact.Down}},
		impact.Options{Depth: -1, Unaffected: []string{"b", "no one"}})
	require.Equal(t, []string{
		"depth must not be negative; 0 means no limit",
		`failures[0].id "nobody" is not a CI of the graph`,
		"failures[1].state must be degraded or down",
		`unaffected[0] "b" is among the failures`,
		`unaffected[1] "no one" is not a CI of the graph`,
	}, faults(t, err))

	r, err := s.Impact(impact.Failed("a"), impact.Options{})
	require.NoError(t, err)
	_, err = r.State("nobody")
	require.ErrorIs(t, err, storage.ErrNotFound)
	_, err = r.WhyNot("nobody")
	require.ErrorIs(t, err, storage.ErrNotFound)
	_, err = r.Explain("nobody")
	require.ErrorIs(t, err, storage.ErrNotFound)
	_, err = s.Supports("nobody")
	require.ErrorIs(t, err, storage.ErrNotFound)
	_, err = s.SinglePoints(t.Context(), "nobody", impact.PointOptions{})
	require.ErrorIs(t, err, storage.ErrNotFound)
	_, err = s.SinglePoints(t.Context(), "a", impact.PointOptions{State: impact.AtRisk})
	require.Equal(t, []string{"state must be degraded or down"}, faults(t, err))
	_, err = r.Business([]impact.Service{{ID: "x"}, {ID: "a"}, {ID: "y"}})
	require.Len(t, faults(t, err), 2)
	_, err = s.Reach(0, []string{"a"}, impact.Options{})
	require.Len(t, faults(t, err), 1)
	_, err = s.Reach(impact.Upstream, nil, impact.Options{})
	require.Equal(t, []string{"from is required"}, faults(t, err))
	_, err = s.Causes(t.Context(), impact.Failed("a"), impact.CauseOptions{Limit: -1, Prior: map[string]float64{"a": -1}})
	require.Len(t, faults(t, err), 2)
	_, err = s.Neighbourhood([]string{"x"}, 1, 1, impact.PictureOptions{})
	require.Len(t, faults(t, err), 1)
	_, err = s.Neighbourhood([]string{"a"}, -1, 1, impact.PictureOptions{States: &impact.Result{}})
	require.Len(t, faults(t, err), 2)
	_, err = r.Picture(impact.PictureOptions{Boxes: 1, Collapse: -1})
	require.Len(t, faults(t, err), 2)
}

func TestTooMuchWorkIsRefusedAndNotCut(t *testing.T) {
	m := pairs(50)
	s := m.load(t, 1)
	failed := impact.Failed("host1", "host2", "host3")
	r, err := s.Impact(failed, impact.Options{})
	require.NoError(t, err)
	require.Positive(t, r.Work())
	again, err := s.Impact(failed, impact.Options{Work: r.Work()})
	require.NoError(t, err)
	require.Equal(t, r.List(), again.List())

	few := r.Work() - 1
	_, err = s.Impact(failed, impact.Options{Work: few})
	require.ErrorIs(t, err, impact.ErrWork)
	var work *impact.WorkError
	require.True(t, errors.As(err, &work))
	require.Equal(t, impact.WorkError{Question: "impact", Allowed: few}, *work)
	_, err = s.WhatIf(nil, failed, impact.Options{Work: few})
	require.ErrorIs(t, err, impact.ErrWork)
	_, err = s.SinglePoints(t.Context(), "app0", impact.PointOptions{Work: 5})
	require.ErrorIs(t, err, impact.ErrWork)
	_, err = s.Causes(t.Context(), impact.Failed("app0", "app1"), impact.CauseOptions{Work: 5})
	require.ErrorIs(t, err, impact.ErrWork)
	_, err = s.Reach(impact.Downstream, []string{"host1"}, impact.Options{Work: 1})
	require.ErrorIs(t, err, impact.ErrWork)
	_, err = r.Circular(impact.Options{Work: 1})
	require.ErrorIs(t, err, impact.ErrWork)
	_, err = s.Impact(failed, impact.Options{Work: -1})
	require.ErrorIs(t, err, storage.ErrInvalid)
}

func TestStatesFlowsAndPropagationsAreTextAndBack(t *testing.T) {
	for _, p := range []impact.Propagation{impact.Full, impact.Cap, impact.Soften, impact.None, impact.Map(impact.OK, impact.Down), impact.Map(impact.Down, impact.Down)} {
		for _, flow := range []impact.Flow{impact.ToSource, impact.ToTarget, impact.Both, impact.NoFlow} {
			k := impact.Kind{Name: "k", Flow: flow, Propagation: p}
			text, err := json.Marshal(k)
			require.NoError(t, err)
			var back impact.Kind
			require.NoError(t, json.Unmarshal(text, &back), string(text))
			require.Equal(t, k, back)
		}
	}
	require.Equal(t, impact.Map(impact.Degraded, impact.Down), impact.Full)
	for state := impact.OK; state <= impact.Down; state++ {
		text, err := state.MarshalText()
		require.NoError(t, err)
		var back impact.State
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, state, back)
	}
	var p impact.Propagation
	for _, bad := range []string{"", "fully", "degraded=down,down=ok", "degraded=ok", "degraded=ok,down=at-risk"} {
		require.ErrorIs(t, p.UnmarshalText([]byte(bad)), storage.ErrInvalid, bad)
	}
	_, err := impact.Kind{}.Flow.MarshalText()
	require.Error(t, err)
	_, err = p.MarshalText()
	require.Error(t, err)
	_, err = impact.State(9).MarshalText()
	require.Error(t, err)
}
