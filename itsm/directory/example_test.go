package directory_test

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// aDesk makes a directory over a store in memory.
func aDesk() (*engine.Engine, *directory.Practice) {
	monday := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	e, err := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return monday }, IDs: itsm.SequentialIDs("P"), Nameless: true})
	if err != nil {
		panic(err)
	}
	d, err := directory.New(e, directory.Options{})
	if err != nil {
		panic(err)
	}
	return e, d
}

var anAdmin = itsm.Actor{Tenant: "acme", ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}

// People, groups within groups, and who works where.
func Example() {
	ctx := context.Background()
	e, d := aDesk()
	steps := []func() error{
		func() error {
			_, err := d.AddGroup(ctx, anAdmin, directory.NewGroup{ID: "network", Name: "Network", Kind: "support"})
			return err
		},
		func() error {
			_, err := d.AddGroup(ctx, anAdmin, directory.NewGroup{ID: "wireless", Name: "Wireless", Parent: "network"})
			return err
		},
		func() error {
			_, err := d.AddPerson(ctx, anAdmin, directory.NewPerson{ID: "7f3a", Name: "Ana Abt", Email: "ana@example.com"})
			return err
		},
		func() error {
			_, err := d.ChangeMembers(ctx, anAdmin, "wireless", directory.MemberChange{Add: []itsm.ID{"7f3a"}})
			return err
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			fmt.Println(err)
			return
		}
	}

	// What routing, on-call and notification ask, here of the practice, elsewhere of the host's own.
	var who directory.Directory = d
	err := e.View(ctx, anAdmin, func(ctx context.Context, r storage.Reader) error {
		people, err := who.MembersOf(ctx, r, "network")
		for _, p := range people {
			fmt.Println("in network:", p.Name, p.Email)
		}
		return err
	})
	if err != nil {
		fmt.Println(err)
	}

	// A tree stays one.
	under := itsm.ID("wireless")
	_, err = d.EditGroup(ctx, anAdmin, "network", directory.GroupEdit{Parent: &under})
	fmt.Println(err)
	// Output:
	// in network: Ana Abt ana@example.com
	// group: invalid: parent is the record itself or below it
}

// What is erased, and what stays.
func ExamplePractice_ErasePerson() {
	ctx := context.Background()
	_, d := aDesk()
	p, err := d.AddPerson(ctx, anAdmin, directory.NewPerson{ID: "7f3a", Name: "Ana Abt", Email: "ana@example.com"})
	if err != nil {
		fmt.Println(err)
		return
	}
	phone := "+41 44 123 45 67"
	if _, err = d.EditPerson(ctx, anAdmin, p.ID, directory.PersonEdit{Phone: &phone}); err != nil {
		fmt.Println(err)
		return
	}
	if p, err = d.ErasePerson(ctx, anAdmin, p.ID, itsm.Command{Reason: "Request 12 of the data protection officer"}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.ID, "is", p.Name, p.Email, p.Active)
	events, err := d.History(ctx, anAdmin, p.Ref(), storage.EventPosition{}, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range events {
		fmt.Print(e.Type, " by ", e.Actor)
		for _, c := range e.Changes {
			fmt.Printf(" %s %s>%s", c.Field, c.Old, c.New)
		}
		fmt.Println()
	}
	// Output:
	// 7f3a is Erased person b4f9fbb4  false
	// directory.person_added.v1 by mona
	// directory.person_edited.v1 by mona phone >
	// directory.person_erased.v1 by mona active true>false email > erased_at >"2026-03-02T09:00:00Z" name > phone >
}

// When a person works, through the change to daylight-saving time.
func ExamplePerson_NextWorking() {
	p := directory.Person{PersonHead: directory.PersonHead{Active: true}}
	p.Zone = "Europe/Zurich"
	p.Hours = directory.Hours{{Day: time.Monday, From: 8 * 60, To: 17 * 60}}
	for _, at := range []time.Time{time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC), time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)} {
		next, ok, err := p.NextWorking(at)
		fmt.Println(next, ok, err)
	}
	// Output:
	// 2026-03-23 07:00:00 +0000 UTC true <nil>
	// 2026-03-30 06:00:00 +0000 UTC true <nil>
}

// A host whose people are few, and every test.
func ExampleStatic() {
	d := directory.Static{"acme": {
		People: []directory.Person{{PersonHead: directory.PersonHead{Meta: storage.Meta{ID: "7f3a"}, Name: "Ana Abt", Active: true}}},
		Groups: []directory.Group{{GroupHead: directory.GroupHead{Meta: storage.Meta{ID: "network"}, Name: "Network", Active: true}}},
		Members: map[itsm.ID][]itsm.ID{
			"network": {"7f3a"},
		},
	}}
	err := memory.New().View(context.Background(), []itsm.Tenant{"acme"}, func(ctx context.Context, r storage.Reader) error {
		groups, err := d.GroupsOf(ctx, r, "7f3a")
		for _, g := range groups {
			fmt.Println(g.Name)
		}
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output: Network
}
