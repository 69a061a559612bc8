package itsm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
)

const ticketMermaid = `stateDiagram-v2
    state "New" as s_new
    state "Assigned" as s_assigned
    state "Being worked on" as s_in_progress
    state "On hold" as s_on_hold
    state "Resolved" as s_resolved
    state "Closed" as s_closed
    state "Cancelled" as s_cancelled
    [*] --> s_new
    s_new --> s_assigned : Assign
    s_new --> s_in_progress : Start
    s_assigned --> s_in_progress : Start
    s_new --> s_new : Reassign
    s_assigned --> s_assigned : Reassign
    s_in_progress --> s_in_progress : Reassign
    s_new --> s_on_hold : Hold
    s_assigned --> s_on_hold : Hold
    s_in_progress --> s_on_hold : Hold
    s_on_hold --> s_new : Resume (back)
    s_on_hold --> s_assigned : Resume (back)
    s_on_hold --> s_in_progress : Resume (back)
    s_new --> s_resolved : Resolve
    s_assigned --> s_resolved : Resolve
    s_in_progress --> s_resolved : Resolve
    s_on_hold --> s_resolved : Resolve
    s_resolved --> s_in_progress : Reopen
    s_resolved --> s_closed : Confirm
    s_resolved --> s_closed : Close (automatic)
    s_new --> s_cancelled : Cancel
    s_assigned --> s_cancelled : Cancel
    s_in_progress --> s_cancelled : Cancel
    s_on_hold --> s_cancelled : Cancel
    s_closed --> [*]
    s_cancelled --> [*]
`

func TestX5TheDiagramIsDrawnFromTheTable(t *testing.T) {
	for range 5 { // the same text every time
		require.Equal(t, ticketMermaid, ticketLifecycle(t).Mermaid())
	}
}

// oddLifecycle has names that would be syntax if they were not escaped.
func oddLifecycle(t *testing.T) *itsm.Lifecycle[state, action, *ticket] {
	t.Helper()
	l, err := itsm.NewLifecycle(`odd"kind"`, []state{"end", `a"b`},
		[]itsm.State[state]{
			{Name: "end", Category: itsm.CategoryNew},
			{Name: `a"b`, Category: itsm.CategoryWaiting, Title: "Été; #1: \"x\"\n<b>\\"},
			{Name: "9 lives", Category: itsm.CategoryClosed},
		},
		rule{From: []state{"end"}, On: "hold", To: `a"b`},
		rule{From: []state{`a"b`}, On: "resume", Return: []state{"end"}, System: true},
		rule{From: []state{"end"}, On: "close", To: "9 lives", Title: `say "bye"`, System: true})
	require.NoError(t, err)
	return l
}

func TestNamesThatWouldBeSyntaxAreEscaped(t *testing.T) {
	l := oddLifecycle(t)
	require.Equal(t, `stateDiagram-v2
    state "End" as s_end
    state "Été#59; #35;1#58; #34;x#34; #60;b#62;#92;" as s1
    state "9 lives" as s2
    [*] --> s_end
    [*] --> s1
    s_end --> s1 : Hold
    s1 --> s_end : Resume (automatic) (back)
    s_end --> s2 : say #34;bye#34; (automatic)
    s2 --> [*]
`, l.Mermaid())
	require.Equal(t, `digraph "odd\"kind\"" {
    rankdir=LR;
    node [shape=box, style=rounded];
    start [shape=point];
    s0 [label="End"];
    s1 [label="Été; #1: \"x\"\n<b>\\"];
    s2 [label="9 lives", peripheries=2];
    start -> s0;
    start -> s1;
    s0 -> s1 [label="Hold"];
    s1 -> s0 [label="Resume (automatic)", style=dashed];
    s0 -> s2 [label="say \"bye\" (automatic)", style=dotted];
}
`, l.DOT())
}

func TestTheTableIsJSONForOtherPrograms(t *testing.T) {
	raw, err := json.Marshal(oddLifecycle(t))
	require.NoError(t, err)
	require.JSONEq(t, `{"kind":"odd\"kind\"","initial":["end","a\"b"],
		"states":[{"name":"end","category":"new","title":"End"},
			{"name":"a\"b","category":"waiting","title":"Été; #1: \"x\"\n<b>\\"},
			{"name":"9 lives","category":"closed","title":"9 lives"}],
		"rules":[{"from":["end"],"on":"hold","to":"a\"b","permission":"odd\"kind\".hold","title":"Hold"},
			{"from":["a\"b"],"on":"resume","return":["end"],"system":true,"permission":"odd\"kind\".resume","title":"Resume"},
			{"from":["end"],"on":"close","to":"9 lives","system":true,"permission":"odd\"kind\".close","title":"say \"bye\""}]}`, string(raw))

	raw, err = json.Marshal(ticketLifecycle(t))
	require.NoError(t, err)
	require.Contains(t, string(raw), `"needs":["code","notes"],"guarded":true,"permission":"incident.resolve"`)
	require.Contains(t, string(raw), `"on":"reassign","stay":true`)
}

func TestEveryRuleAndStateIsInBothDiagrams(t *testing.T) {
	l := ticketLifecycle(t)
	mermaid, dot := l.Mermaid(), l.DOT()
	for _, s := range l.States() {
		require.Contains(t, mermaid, `"`+s.Title+`"`)
		require.Contains(t, dot, `"`+s.Title+`"`)
	}
	arrows := 0
	for _, r := range l.Rules() {
		arrows += len(r.From) * max(1, len(r.Return))
		require.Contains(t, dot, `label="`+r.Title)
	}
	require.Equal(t, arrows+1, strings.Count(dot, "->"))
	require.Equal(t, arrows+3, strings.Count(mermaid, "-->"))
}
