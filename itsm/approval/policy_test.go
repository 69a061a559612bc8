package approval_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/approval"
	"github.com/itsmkit/itsmkit/storage"
)

func equal(column string, value any) storage.Condition {
	return storage.Condition{Op: storage.Equal, Column: column, Values: []any{value}}
}

func faultsOf(err error) (all []string) {
	var invalid *itsm.ValidationError
	if errors.As(err, &invalid) {
		for _, f := range invalid.Faults {
			all = append(all, f.Field+" "+f.Problem)
		}
	}
	return all
}

func TestAPolicyIsToldEverythingThatIsWrongWithIt(t *testing.T) {
	p, err := approval.Parse([]byte(`{"match": "some", "otherwise": "perhaps", "rules": [
		{"name": "", "when": {"op": "equal"}},
		{"name": "x", "when": {"op": "not"}, "automatic": true, "gates": [{"name": "g"}]},
		{"name": "x", "when": {}, "gates": [
			{"name": "g", "stage": -1, "approvers": [{"kind": "robot", "name": ""}, {"kind": "person", "name": "ada"}, {"kind": "person", "name": "ada"}],
			 "quorum": {"kind": "percent", "percent": 101}, "rejection": {"kind": "count"},
			 "exemption": {"name": ""}, "remind_after_minutes": 5, "expire_after_minutes": 5, "on_expiry": "escalate"},
			{"name": "g", "approvers": [{"kind": "person", "name": "ada"}], "on_expiry": "reject",
			 "quorum": {"kind": "first", "count": 1, "percent": 1}, "escalate_to": [{"kind": "field", "name": "x.y"}]}]}]}`))
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		`name is required`,
		`match is "some"; allowed are first, all`,
		`otherwise is "perhaps"; allowed are reject, approve`,
		`rules[0].name is required`,
		`rules[0].when.column is required`,
		`rules[0].when.values must be one for equal; there are 0`,
		`rules[0].gates are required, unless the rule says that it is automatic`,
		`rules[1].when.of of not must be one condition; there are 0`,
		`rules[1].gates have no meaning: the rule is automatic`,
		`rules[1].gates[0].approvers are required`,
		`rules[2].name "x" is that of rules[1] already`,
		`rules[2].gates[0].stage is -1; it must be from 0 to 1000`,
		`rules[2].gates[0].approvers[0].kind is "robot"; allowed are person, role, group, field, group_field`,
		`rules[2].gates[0].approvers[0].name is required`,
		`rules[2].gates[0].approvers[2] is named twice`,
		`rules[2].gates[0].quorum.percent is 101; it must be from 1 to 100`,
		`rules[2].gates[0].rejection.count is 0; it must be from 1 to 200`,
		`rules[2].gates[0].exemption.name is required`,
		`rules[2].gates[0].remind_after_minutes must be less than expire_after_minutes`,
		`rules[2].gates[0].escalate_to is required to escalate`,
		`rules[2].gates[1].name "g" is that of gates[0] already`,
		`rules[2].gates[1].on_expiry has a meaning only with expire_after_minutes`,
		`rules[2].gates[1].quorum.count has a meaning only for the kind count`,
		`rules[2].gates[1].quorum.percent has a meaning only for the kind percent`,
		`rules[2].gates[1].escalate_to has a meaning only with on_expiry escalate`,
		`rules[2].gates[1].escalate_to[0].kind is field; on expiry the fields of the record are not known: name a person, role or group`,
	}, faultsOf(p.Check(nil)))

	_, err = approval.Build(t.Context(), p, approval.Case{Round: -1})
	faults := strings.Join(faultsOf(err), "\n")
	for _, want := range []string{"policy.name is required", "kind is required", "round must not be negative", "at is required", "subject.hash is required"} {
		require.Contains(t, faults, want, "all at once")
	}
}

func TestGatesOfOneNameAreOneGateWhereAllRulesCount(t *testing.T) {
	a := approval.Definition{Name: "a", Approvers: group("ada")}
	b := a
	b.Stage = 1
	p := approval.Policy{Name: "p", Rules: []approval.Rule{{Name: "x", Gates: []approval.Definition{a}}, {Name: "y", Gates: []approval.Definition{b}}}}
	require.NoError(t, p.Check(nil), "the first rule alone counts")
	p.Match = approval.MatchAll
	require.ErrorContains(t, p.Check(nil), "gates of one name must be equal")
	p.Rules[1].Gates[0] = a
	require.NoError(t, p.Check(nil))
}

// vocabulary knows one column of text.
type vocabulary struct{}

func (vocabulary) CheckCondition(c storage.Condition) error {
	if c.Column != "requester.manager" && c.Op != storage.All {
		return itsm.Invalid("condition", "when.column", fmt.Sprintf("%q is not known", c.Column))
	}
	return nil
}

func TestAPolicyIsHeldToWhatConditionsCanSpeakOf(t *testing.T) {
	p := approval.Policy{Name: "p", Rules: []approval.Rule{
		{Name: "x", When: equal("colour", "red"), Gates: []approval.Definition{{Name: "g", Approvers: []approval.Source{
			{Kind: approval.SourceField, Name: "requester.manager"}, {Kind: approval.SourceField, Name: "ci.owner"},
		}}}},
	}}
	require.NoError(t, p.Check(nil))
	require.Equal(t, []string{
		`rules[0].when.column "colour" is not known`,
		`rules[0].gates[0].approvers[1].name "ci.owner" is no column, field or fact of text`,
	}, faultsOf(p.Check(vocabulary{})))
}

func TestAPolicyIsRefusedBeyondItsBounds(t *testing.T) {
	p := approval.Policy{Name: "p", Rules: make([]approval.Rule, approval.MaxRules+1)}
	require.ErrorContains(t, p.Check(nil), "at most 500")
	many := make([]approval.Definition, approval.MaxGates+1)
	p = policy(many...)
	require.ErrorContains(t, p.Check(nil), "at most 20")
	d := approval.Definition{Name: "g", Approvers: make([]approval.Source, approval.MaxSources+1)}
	require.ErrorContains(t, policy(d).Check(nil), "at most 50")
	deep := storage.Condition{}
	for range storage.MaxConditionDepth {
		deep = storage.Condition{Op: storage.Not, Of: []storage.Condition{deep}}
	}
	p = policy(approval.Definition{Name: "g", Approvers: group("ada")})
	p.Rules[0].When = deep
	require.ErrorContains(t, p.Check(nil), "nested deeper")
	for _, raw := range []string{"", "[]", `{"name": 1}`, `{"nam": "x"}`, `{} {}`, strings.Repeat(" ", approval.MaxJSON) + "{}"} {
		_, err := approval.Parse([]byte(raw))
		require.ErrorIs(t, err, itsm.ErrInvalid, "%.20q", raw)
	}
}

// What is read is read again as it is written, and what has no faults builds or is refused, without a crash.
func FuzzPolicy(f *testing.F) {
	for _, seed := range []string{
		`{"name": "p", "rules": [{"name": "all", "when": {}, "gates": [{"name": "g", "approvers": [{"kind": "group", "name": "ada+bob"}], "quorum": {"kind": "percent", "percent": 50}}]}]}`,
		`{"name": "p", "match": "all", "otherwise": "approve", "rules": [{"name": "x", "when": {"op": "and", "of": [{"op": "equal", "column": "type", "values": ["y"]}, {"op": "not", "of": [{"op": "null", "column": "cost"}]}]}, "automatic": true}]}`,
		`{"name": "p", "rules": [{"name": "x", "when": {"op": "in", "column": "cost", "values": [1, 9]}, "gates": [{"name": "a", "stage": 2, "approvers": [{"kind": "field", "name": "boss"}], "exemption": {"name": "e"}, "expire_after_minutes": 3, "on_expiry": "escalate", "escalate_to": [{"kind": "person", "name": "zoe"}]}]}]}`,
		`{"rules": null}`, `{"name": "p", "rules": [{"when": {"op": "named"}}]}`,
	} {
		f.Add([]byte(seed))
	}
	facts := approval.Facts{"type": "y", "cost": int64(9), "boss": "mona", "risk": true}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := approval.Parse(raw)
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		text, err := json.Marshal(p)
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			require.Error(t, p.Check(nil), "what cannot be written has a fault")
			return
		}
		again, err := approval.Parse(text)
		require.NoError(t, err)
		twice, err := json.Marshal(again)
		require.NoError(t, err)
		require.JSONEq(t, string(text), string(twice))
		fault := p.Check(nil)
		process, err := approval.Build(t.Context(), p, approval.Case{Kind: "change", At: monday, Facts: facts, Subject: approval.Subject{Hash: "one"}, Resolve: people})
		if fault != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		for _, g := range process.Gates {
			require.NotEmpty(t, g.Asked, "no gate is without approvers")
		}
		if process.State == approval.StateApproved {
			require.NotEqual(t, approval.BasisGates, process.Basis)
		}
	})
}
