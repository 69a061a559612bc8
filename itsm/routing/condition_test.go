package routing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm/routing"
	"github.com/itsmkit/itsmkit/storage"
)

// A condition alone is held to what a rule's is, and explained in the same words.
func TestAConditionAlone(t *testing.T) {
	v := vocabulary()
	sound := and(equal("category", "network"), leaf("priority", storage.AtMost, int64(2)))
	require.NoError(t, v.CheckCondition(sound))
	err := v.CheckCondition(and(equal("colour", "red"), equal("priority", "high"), storage.Condition{Op: "like"}))
	require.Equal(t, []string{"when.of[0].column", "when.of[1].values[0]", "when.of[2].op"}, fieldsOf(t, err))

	require.False(t, routing.NeverHolds(sound))
	require.True(t, routing.NeverHolds(and(equal("category", "network"), equal("category", "vpn"))))

	facts := map[string]any{"category": "network", "priority": int64(3)}
	get := func(column string) any { return facts[column] }
	parts := routing.Failed(sound, get)
	require.Len(t, parts, 1)
	require.Equal(t, "of[1]", parts[0].Path)
	require.Equal(t, "priority is 3, not at most 2", parts[0].String())
	facts["priority"] = int64(1)
	require.Nil(t, routing.Failed(sound, get))
}

func fieldsOf(t *testing.T, err error) (all []string) {
	t.Helper()
	var invalid *storage.ValidationError
	require.ErrorAs(t, err, &invalid)
	for _, f := range invalid.Faults {
		all = append(all, f.Field)
	}
	return all
}
