package notify_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/notify"
)

func TestARuleSetIsReadStrictly(t *testing.T) {
	s, err := notify.Parse([]byte(` {"alone":true,"rules":[{"name":"resolved","record_kind":"incident","events":["incident.resolved.v1"],
		"when":{"op":"at_most","column":"priority","values":[2]},"audiences":[{"kind":"role","name":"service_owner"}],
		"channels":["sms"],"template":"resolved","data":{"colour":"green"},"urgent":true,"until":["incident.reopened.v1"]},{"name":"noted","off":true}]} `))
	require.NoError(t, err)
	require.True(t, s.Alone)
	require.Len(t, s.Rules, 2)
	require.Equal(t, "role service_owner", s.Rules[0].Audiences[0].String())
	for name, text := range map[string]string{
		"nothing": "", "null": "null", "a list": "[]", "an unknown member": `{"rulez":[]}`, "two objects": "{} {}", "half of one": `{"rules":[`,
		"an unknown member of a rule": `{"rules":[{"name":"a","audience":"x"}]}`, "a channel that is a number": `{"rules":[{"channels":[1]}]}`,
		"a condition too deep":  `{"rules":[{"when":` + strings.Repeat(`{"op":"not","of":[`, 100) + "{}" + strings.Repeat("]}", 100) + "}]}",
		"more than is accepted": `{"rules":[{"name":"` + strings.Repeat("x", notify.MaxJSON) + `"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			s, err := notify.Parse([]byte(text))
			require.ErrorIs(t, err, itsm.ErrInvalid)
			require.Zero(t, s)
		})
	}
}

func TestTheShippedRulesSurviveTheirJSON(t *testing.T) {
	raw, err := json.Marshal(notify.StandardRules())
	require.NoError(t, err)
	again, err := notify.Parse(raw)
	require.NoError(t, err)
	require.Equal(t, notify.StandardRules(), again)
}

func TestG7ALayerReplacesByNameAndAloneEndsThem(t *testing.T) {
	set := func(names ...string) (s notify.RuleSet) {
		for _, n := range names {
			name, off := strings.CutPrefix(n, "-")
			s.Rules = append(s.Rules, notify.Rule{Name: name, Off: off})
		}
		return s
	}
	layer := func(number int64, s notify.RuleSet) notify.Layer {
		return notify.Layer{Source: notify.Source{Tenant: "t", Number: number}, Set: s}
	}
	told := func(m notify.Merged) (words []string) {
		for i, r := range m.Rules {
			words = append(words, r.Name+" "+m.Sources[i].String())
		}
		return words
	}
	require.Equal(t, []string{"a t, version 1", "c t, version 2", "d shipped"},
		told(notify.Effective(layer(1, set("a", "-b")), layer(2, set("b", "a", "c")), notify.Layer{Set: set("b", "c", "d")})))
	alone := set("a")
	alone.Alone = true
	require.Equal(t, []string{"a t, version 1"}, told(notify.Effective(layer(1, alone), notify.Layer{Set: set("d")})))
	require.Empty(t, notify.Effective().Rules)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"rules":[{"name":"a","when":{"op":"and","of":[{"op":"in","column":"priority","values":[1,2]}]},"audiences":[{"kind":"requester"}],"channels":["email"]}]}`))
	f.Add([]byte(`{"alone":true,"rules":[{"name":"a","off":true},{"name":"a","data":{"x":"y"},"collapse_seconds":5}]}`))
	raw, err := json.Marshal(notify.StandardRules())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := notify.Parse(raw)
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		kept, err := json.Marshal(s)
		require.NoError(t, err)
		again, err := notify.Parse(kept)
		require.NoError(t, err)
		require.Equal(t, string(kept), string(must(json.Marshal(again))))
		m := notify.Effective(notify.Layer{Set: s}, notify.Layer{Set: notify.StandardRules()})
		require.Len(t, m.Sources, len(m.Rules))
		seen := map[string]bool{}
		for _, r := range m.Rules {
			require.False(t, r.Off || seen[r.Name])
			seen[r.Name] = true
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
