package versioned_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// Greeting is what a practice keeps in versions: here one for each language.
type Greeting struct {
	Lines []string `json:"lines"`
}

func (Greeting) VersionKind() string { return "greeting" }

func (g Greeting) Clone() Greeting { return Greeting{Lines: slices.Clone(g.Lines)} }

// Greetings is the practice.
type Greetings struct {
	*versioned.Keeper[Greeting]
}

var Table = versioned.Define[Greeting]()

func NewGreetings(e *engine.Engine) (*Greetings, error) {
	p := &Greetings{versioned.New(e, Table, "greeting.read", "greeting.manage", versioned.Options[Greeting]{
		Family: func(language string, f *itsm.Faults) { f.Key("family", language) },
		Check: func(_ context.Context, _ *engine.Unit, _ string, _ versioned.Stack, g Greeting, f *itsm.Faults) {
			if len(g.Lines) == 0 {
				f.Add("lines", "are required")
			}
		},
	})}
	return p, e.Use(engine.Module{Name: "greeting", Tables: []*storage.Schema{Table.Schema()}, Events: versioned.EventTypes[Greeting]()})
}

// Greet says what holds: the tenant's own, or that of its provider.
func (p *Greetings) Greet(ctx context.Context, actor itsm.Actor, language string) (string, error) {
	active, err := p.Active(ctx, actor, language)
	if err != nil {
		return "", err
	}
	base, own := active.Layers()
	holds := base
	if active.Own != nil {
		holds = own
	}
	return fmt.Sprintf("%s (%s)", holds.Set.Lines[0], holds.Source), nil
}

// A provider publishes its greeting to a tenant, which replaces it by its own and goes back.
func Example() {
	ctx, monday := context.Background(), time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	book, _ := itsm.NewRoleBook(itsm.Role{Name: "manager", Grants: []itsm.Grant{{Permission: "greeting.read"}, {Permission: "greeting.manage"}}})
	e, _ := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return monday }, Authorizer: book})
	greetings, err := NewGreetings(e)
	if err != nil {
		fmt.Println(err)
		return
	}
	roles := []itsm.RoleName{"manager"}
	mona := itsm.Actor{Tenant: "acme", ID: "mona", Roles: roles}
	pat := itsm.Actor{Tenant: "msp", ID: "pat", Roles: roles, Elsewhere: map[itsm.Tenant]itsm.Membership{"acme": {Roles: roles}}}
	greet := func() {
		said, _ := greetings.Greet(ctx, mona, "en")
		fmt.Println(said)
	}

	_, err = greetings.Draft(ctx, pat, versioned.Draft[Greeting]{Family: "en"})
	fmt.Println(err)
	draft, _ := greetings.Draft(ctx, pat, versioned.Draft[Greeting]{Family: "en", Set: Greeting{[]string{"Hello from your provider"}}})
	_, _ = greetings.Activate(ctx, pat, draft.ID, itsm.Command{Reason: "Agreed"})
	_ = greetings.Publish(ctx, pat, versioned.Publication{Family: "en"}, "acme")
	greet()

	own, _ := greetings.Draft(ctx, mona, versioned.Draft[Greeting]{Family: "en", Set: Greeting{[]string{"Hello from Acme"}}})
	_, _ = greetings.Activate(ctx, mona, own.ID, itsm.Command{})
	greet()

	// What was active is kept as it was.
	_, err = greetings.Revise(ctx, mona, own.ID, versioned.Revision[Greeting]{Set: Greeting{[]string{"Hi"}}})
	var refused *itsm.TransitionError
	fmt.Println(errors.As(err, &refused), refused.State, refused.Permitted)
	_, _ = greetings.Retire(ctx, mona, own.ID, itsm.Command{Reason: "The provider's will do"})
	greet()

	events, _ := greetings.VersionHistory(ctx, mona, own.ID)
	for _, e := range events {
		fmt.Printf("%s %q\n", e.Type, e.Reason)
	}
	// Output:
	// draft: invalid: set.lines are required
	// Hello from your provider (the provider's, version 1)
	// Hello from Acme (acme, version 1)
	// true active [retire]
	// Hello from your provider (the provider's, version 1)
	// greeting.drafted.v1 ""
	// greeting.activated.v1 ""
	// greeting.retired.v1 "The provider's will do"
}
