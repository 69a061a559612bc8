package routing_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/routing"
)

func TestARuleSetIsReadStrictly(t *testing.T) {
	s, err := routing.Parse([]byte(` {"rules":[{"name":"vpn","when":{"op":"equal","column":"category","values":["vpn"]},"group":"network",
		"person":{"method":"skill","skills":[{"name":"vpn","level":2}],"capacity":3}}],"default":"desk","overflow":{"network":"desk"}} `))
	require.NoError(t, err)
	require.Equal(t, routing.RuleSet{
		Rules: []routing.Rule{{Name: "vpn", When: equal("category", "vpn"), Group: "network",
			Person: routing.Selection{Method: routing.MethodSkill, Skills: []routing.Skill{{Name: "vpn", Level: 2}}, Capacity: 3}}},
		Default: "desk", Overflow: map[itsm.ID]itsm.ID{"network": "desk"},
	}, s)
	for name, text := range map[string]string{
		"nothing": "", "null": "null", "a list": "[]", "an unknown member": `{"rulez":[]}`, "two objects": "{} {}", "half of one": `{"rules":[`,
		"an unknown member of a rule": `{"rules":[{"name":"a","grp":"x"}]}`, "an unknown member of a condition": `{"rules":[{"when":{"opp":"and"}}]}`,
		"half a number":         `{"rules":[{"when":{"op":"equal","column":"priority","values":[1.5]}}]}`,
		"text for a capacity":   `{"rules":[{"person":{"capacity":"3"}}]}`,
		"a condition too deep":  `{"rules":[{"when":` + strings.Repeat(`{"op":"not","of":[`, 100) + "{}" + strings.Repeat("]}", 100) + "}]}",
		"more than is accepted": `{"default":"` + strings.Repeat("x", routing.MaxJSON) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			s, err := routing.Parse([]byte(text))
			require.Len(t, faults(t, err), 1)
			require.Zero(t, s)
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"rules":[{"name":"a","when":{"op":"and","of":[{"op":"in","column":"priority","values":[1,2]},{"op":"not","of":[{"op":"null","column":"service"}]}]},"group":"g","person":{"method":"round_robin","capacity":2}}],"default":"d","overflow":{"g":"h","h":"g"}}`))
	f.Add([]byte(`{"rules":[{"name":"a","when":{},"group":"g"},{"name":"b","when":{"op":"prefix","column":"category","values":["x"]},"group":"g","person":{"method":"person","person":"p"}}]}`))
	f.Add([]byte(`{"rules":[{"when":{"op":"or","of":[{"op":"named"}]}}]}`))
	v := vocabulary()
	records := everyRecord()
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := routing.Parse(raw)
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		kept, err := json.Marshal(s)
		require.NoError(t, err)
		again, err := routing.Parse(kept)
		require.NoError(t, err)
		require.Equal(t, string(kept), string(must(json.Marshal(again))))
		if err := s.Check(v); err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		require.Empty(t, s.Unreachable())
		for _, facts := range records {
			d, err := s.Decide(facts, teams(map[itsm.ID]routing.Team{"g": {Candidates: []routing.Candidate{person("p", 1)}}}))
			require.NoError(t, err)
			require.NotEmpty(t, d.String())
			require.Equal(t, d.Outcome == routing.OutcomeRule, d.Rule != "")
		}
	})
}
