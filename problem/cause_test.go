package problem_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/problem"
)

var lateMail = []problem.TreeNode{
	{ID: "late", Text: "Mail is late", Gate: problem.GateAll},
	{ID: "full", Parent: "late", Text: "The queue is full", Verdict: problem.VerdictConfirmed},
	{ID: "slow", Parent: "late", Text: `The relay is "slow" & <old>`, CI: "relay-1"},
	{ID: "disk", Parent: "full", Text: "The disk is full", Verdict: problem.VerdictExcluded},
}

// P11: five whys and a cause tree are data, checked and drawn.
func TestP11WhysAndCauseTreesAreData(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	p := d.in(problem.StateAnalysis)
	whys := []problem.Why{{Because: "The queue is full", Evidence: "mailq"}, {Because: "The relay is slow"}, {Because: "It has ten connections"},
		{Because: "That is the default"}, {Because: "Nobody set it"}}
	got, err := d.RecordAnalysis(ctx, sam, p.ID, problem.Analysis{Whys: &whys, Tree: &lateMail})
	require.NoError(t, err)
	require.Equal(t, whys, got.Whys)
	require.Equal(t, lateMail, got.Tree)
	again, err := d.RecordAnalysis(ctx, sam, p.ID, problem.Analysis{Whys: &whys})
	require.NoError(t, err)
	require.Equal(t, got.Version, again.Version, "nothing is another than before")
	got, err = d.RecordAnalysis(ctx, sam, p.ID, problem.Analysis{Whys: &[]problem.Why{}, Causes: &[]problem.Cause{relay}})
	require.NoError(t, err)
	require.Nil(t, got.Whys)
	require.Equal(t, []problem.Cause{relay}, got.Causes)
	require.Equal(t, lateMail, got.Tree)

	require.Equal(t, `flowchart BT
    n0["Mail is late"]
    g0{"all"} --> n0
    n1["The queue is full"]
    n2["The relay is #quot;slow#quot; #amp; #lt;old#gt;"]
    n3["The disk is full"]
    n1 ==> g0
    n2 --> g0
    n3 -.-> n1
`, problem.MermaidTree(lateMail))
	require.Equal(t, `flowchart TD
    w0["Mail is late"]
    w1["The queue is full<br/>(mailq)"]
    w0 -->|"why?"| w1
    w2["The relay is slow"]
    w1 -->|"why?"| w2
`, problem.MermaidWhys("Mail is late", whys[:2]))
}

func TestP11WhatIsNoTreeIsRefusedWithEveryFault(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	p := d.in(problem.StateAnalysis)
	node := func(id, parent string) problem.TreeNode { return problem.TreeNode{ID: id, Parent: parent, Text: id} }
	chain := []problem.TreeNode{node("n0", "")}
	for n := 1; n <= problem.MaxTreeDepth+1; n++ {
		chain = append(chain, node(fmt.Sprintf("n%d", n), fmt.Sprintf("n%d", n-1)))
	}
	before := d.snapshot()
	for name, c := range map[string]struct {
		tree []problem.TreeNode
		want []string
	}{
		"two roots":   {[]problem.TreeNode{node("a", ""), node("b", "")}, []string{"tree"}},
		"a circle":    {[]problem.TreeNode{node("r", ""), node("a", "b"), node("b", "a")}, []string{"tree[1].parent", "tree[2].parent"}},
		"below it":    {[]problem.TreeNode{node("r", ""), node("a", "b"), node("b", "a"), node("c", "a")}, []string{"tree[1].parent", "tree[2].parent", "tree[3].parent"}},
		"itself":      {[]problem.TreeNode{node("r", ""), node("a", "a")}, []string{"tree[1].parent"}},
		"nowhere":     {[]problem.TreeNode{node("r", ""), node("a", "x")}, []string{"tree[1].parent"}},
		"twice":       {[]problem.TreeNode{node("r", ""), node("r", "r")}, []string{"tree[1].id", "tree[1].parent"}},
		"many faults": {[]problem.TreeNode{{ID: "a b", Gate: "some", Verdict: "maybe"}}, []string{"tree[0].id", "tree[0].text", "tree[0].gate", "tree[0].verdict"}},
		"too many":    {make([]problem.TreeNode, problem.MaxTreeNodes+1), []string{"tree"}},
		"too deep":    {chain, []string{fmt.Sprintf("tree[%d].parent", problem.MaxTreeDepth+1)}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.RecordAnalysis(ctx, mona, p.ID, problem.Analysis{Tree: &c.tree})
			got := faults(t, err)
			for _, field := range c.want {
				require.Contains(t, got, field)
			}
		})
	}
	whys := make([]problem.Why, problem.MaxWhys+1)
	causes := make([]problem.Cause, problem.MaxCauses+1)
	_, err := d.RecordAnalysis(ctx, mona, p.ID, problem.Analysis{Whys: &whys, Causes: &causes})
	require.Equal(t, []string{"whys", "causes"}, faults(t, err))
	_, err = d.RecordAnalysis(ctx, mona, p.ID, problem.Analysis{Whys: &[]problem.Why{{Evidence: strings.Repeat("x", problem.MaxCauseText+1)}}})
	require.Equal(t, []string{"whys[0].because", "whys[0].evidence"}, faults(t, err))
	require.Equal(t, before, d.snapshot())
}

// Whatever list of nodes is given, it is refused or it is a tree.
func TestP11EveryTreeThatIsTakenHasOneRootAndNoCircle(t *testing.T) {
	d, ctx := open(t, problem.Options{}), t.Context()
	p := d.in(problem.StateAnalysis)
	taken := 0
	rapid.Check(t, func(rt *rapid.T) {
		ids := []string{"a", "b", "c", "d", "e"}[:rapid.IntRange(1, 5).Draw(rt, "nodes")]
		var tree []problem.TreeNode
		for _, id := range ids {
			tree = append(tree, problem.TreeNode{ID: id, Text: id, Parent: rapid.SampledFrom(append([]string{""}, ids...)).Draw(rt, "parent")})
		}
		_, err := d.RecordAnalysis(ctx, mona, p.ID, problem.Analysis{Tree: &tree})
		above := map[string]string{}
		roots := 0
		for _, n := range tree {
			above[n.ID] = n.Parent
			if n.Parent == "" {
				roots++
			}
		}
		right := roots == 1
		for _, id := range ids {
			steps := 0
			for at := id; at != "" && steps <= len(ids); at = above[at] {
				steps++
			}
			right = right && steps <= len(ids)
		}
		if right {
			require.NoError(rt, err)
			taken++
			return
		}
		require.ErrorIs(rt, err, itsm.ErrInvalid)
	})
	require.NotZero(t, taken)
}
