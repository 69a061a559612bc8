package versioned_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// More than fits is not all kept, and each family still gets its own.
func TestWhatIsReadyIsBounded(t *testing.T) {
	ctx := t.Context()
	book, err := itsm.NewRoleBook(itsm.Role{Name: "manager", Grants: []itsm.Grant{{Permission: "greeting.read"}, {Permission: "greeting.manage"}}})
	require.NoError(t, err)
	e, err := engine.New(memory.New(), engine.Options{Authorizer: book})
	require.NoError(t, err)
	greetings, err := NewGreetings(e)
	require.NoError(t, err)
	made := map[string]int{}
	ready := versioned.NewReady(Table, func(family string, a versioned.Active[Greeting]) (string, error) {
		made[family]++
		return family + ": " + a.Own.Set.Lines[0][:1], nil
	})
	mona := itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{"manager"}}
	families := []string{"a", "b", "c", "d"}
	for _, family := range families {
		draft, err := greetings.Draft(ctx, mona, versioned.Draft[Greeting]{Family: family, Set: Greeting{[]string{family + strings.Repeat("x", versioned.MaxReady/3)}}})
		require.NoError(t, err)
		_, err = greetings.Activate(ctx, mona, draft.ID, itsm.Command{})
		require.NoError(t, err)
	}
	total := 0
	for range 3 {
		for _, family := range families {
			require.NoError(t, e.View(ctx, mona, func(ctx context.Context, r storage.Reader) error {
				got, err := ready.Of(ctx, r, family)
				require.Equal(t, family+": "+family, got)
				return err
			}))
		}
	}
	for _, n := range made {
		total += n
	}
	require.Greater(t, total, len(families), "they do not all fit")
}
