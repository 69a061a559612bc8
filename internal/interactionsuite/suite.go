// This file holds the entry and what all cases use: a desk over a store, a clock, people; and the cases.

package interactionsuite

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/interaction"
	"github.com/itsmkit/itsmkit/storage"
)

// Run runs every case, each as a subtest with a store of its own, and then the model test.
//
// newStore gives an empty store whose own tables are ready; the suite migrates it with the tables of the
// practice where it is a storage.Migrator. What it opened it closes itself, with t.Cleanup. Each store
// must be apart from all others.
func Run(t *testing.T, newStore func(t *testing.T) storage.Store) {
	for _, c := range trials {
		t.Run(c.name, func(t *testing.T) { c.run(t, openDesk(t, newStore(t))) })
	}
	t.Run("D17Model", func(t *testing.T) { runModel(t, openDesk(t, newStore(t))) })
}

var trials = []struct {
	name string
	run  func(t *testing.T, d *desk)
}{
	{"D17OfManyConversionsAtOnceOneMakesARecord", conversionsTogether},
	{"D17ReclassificationsAtOnceMakeOneLine", reclassificationsTogether},
	{"D17AnOpenerThatFailsLeavesNothing", openerFails},
	{"D1AMessageThatComesTwiceIsLoggedOnce", sameMessage},
	{"NumbersAreUniqueUnderConcurrency", numbersTogether},
	{"TenantsDoNotSeeEachOther", tenants},
	{"PagesShowEachInteractionOnce", pages},
	{"FirstContactIsThatWhichBeganFirst", firstContact},
}

// desk is the practice over a store, with a clock that stands until it is moved.
type desk struct {
	*interaction.Practice
	e    *engine.Engine
	host *Host
	mu   sync.Mutex
	now  time.Time
}

func openDesk(t *testing.T, store storage.Store) *desk {
	t.Helper()
	d := &desk{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	var err error
	d.e, err = engine.New(store, engine.Options{Clock: d.clock})
	require.NoError(t, err)
	d.host, err = NewHost(d.e)
	require.NoError(t, err)
	d.Practice, err = interaction.New(d.e, interaction.Options{Becomes: Becomes(), MayRead: MayRead})
	require.NoError(t, err)
	require.NoError(t, d.e.Migrate(t.Context()))
	return d
}

func (d *desk) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *desk) advance(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

const acme, globex = storage.Tenant("acme"), storage.Tenant("globex")

func analyst(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "ana", Name: "Ana", Roles: []itsm.RoleName{itsm.RoleServiceDeskAnalyst}, Groups: []itsm.ID{"desk"}}
}

func specialist(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "sam", Name: "Sam", Roles: []itsm.RoleName{itsm.RoleSupportSpecialist}, Groups: []itsm.ID{"network"}}
}

func requester(t storage.Tenant, id itsm.ID) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: id, Roles: []itsm.RoleName{itsm.RoleRequester}}
}

func call(subject string) interaction.Contact {
	return interaction.Contact{Subject: subject, Contact: "rita", Channel: interaction.ChannelPhone}
}

func (d *desk) log(t *testing.T, subject string) interaction.Interaction {
	t.Helper()
	i, err := d.Log(t.Context(), analyst(acme), call(subject))
	require.NoError(t, err)
	return i
}

// atOnce runs fn n times at once and gives the errors.
func atOnce(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	var done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		done.Add(1)
		go func() {
			defer done.Done()
			<-start
			errs[i] = fn(i)
		}()
	}
	close(start)
	done.Wait()
	return errs
}

const many = 8

func conversionsTogether(t *testing.T, d *desk) {
	ctx := t.Context()
	i := d.log(t, "Mail is slow")
	made := 0
	for _, err := range atOnce(many, func(int) error {
		_, err := d.Become(ctx, analyst(acme), i.ID, interaction.Becoming{Classification: interaction.Incident})
		return err
	}) {
		if err == nil {
			made++
			continue
		}
		require.ErrorIs(t, err, itsm.ErrTransition)
	}
	require.Equal(t, 1, made)
	n, err := d.host.Count(ctx, analyst(acme))
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

func reclassificationsTogether(t *testing.T, d *desk) {
	ctx, ana := t.Context(), analyst(acme)
	i := d.log(t, "Mail is slow")
	_, err := d.Become(ctx, ana, i.ID, interaction.Becoming{Classification: interaction.Incident})
	require.NoError(t, err)
	made := int64(1)
	for _, err := range atOnce(many, func(int) error {
		_, err := d.Reclassify(ctx, ana, i.ID, interaction.Reclassification{Classification: interaction.Request})
		return err
	}) {
		if err == nil {
			made++
			continue
		}
		require.ErrorIs(t, err, itsm.ErrInvalid, "it is a request already")
	}
	require.EqualValues(t, 2, made)
	n, err := d.host.Count(ctx, ana)
	require.NoError(t, err)
	require.Equal(t, made, n)
}

func openerFails(t *testing.T, d *desk) {
	ctx, ana := t.Context(), analyst(acme)
	i := d.log(t, "refuse")
	_, err := d.Become(ctx, ana, i.ID, interaction.Becoming{Classification: interaction.Incident})
	require.ErrorIs(t, err, ErrRefused)
	n, err := d.host.Count(ctx, ana)
	require.NoError(t, err)
	require.Zero(t, n)
	got, err := d.Get(ctx, ana, i.ID)
	require.NoError(t, err)
	require.Equal(t, i, got)
}

func sameMessage(t *testing.T, d *desk) {
	ctx, gateway := t.Context(), itsm.SystemActor(acme, "mail")
	r := interaction.Contact{Command: itsm.Command{Key: "<7@example.com>"}, Subject: "Help", Address: "rita@example.com", Channel: interaction.ChannelEmail}
	require.NoError(t, errors.Join(atOnce(many, func(int) error {
		_, err := d.Log(ctx, gateway, r)
		return err
	})...))
	n, err := d.Count(ctx, analyst(acme), interaction.Query{})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

func numbersTogether(t *testing.T, d *desk) {
	ctx := t.Context()
	require.NoError(t, errors.Join(atOnce(many, func(n int) error {
		_, err := d.Log(ctx, analyst(acme), call(fmt.Sprint("Call ", n)))
		return err
	})...))
	numbers := map[string]bool{}
	for h, err := range d.All(ctx, analyst(acme), interaction.Query{}) {
		require.NoError(t, err)
		numbers[h.Number] = true
	}
	require.Len(t, numbers, many)
}

func tenants(t *testing.T, d *desk) {
	ctx := t.Context()
	i := d.log(t, "Mail is slow")
	ref, err := d.host.Open(ctx, analyst(globex))
	require.NoError(t, err)
	_, err = d.Get(ctx, analyst(globex), i.ID)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.Take(ctx, analyst(globex), i.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrNotFound)
	_, err = d.Attach(ctx, analyst(acme), i.ID, interaction.Attachment{Record: ref})
	require.ErrorIs(t, err, itsm.ErrInvalid, "another tenant's record is not found")
	n, err := d.Count(ctx, analyst(globex), interaction.Query{})
	require.NoError(t, err)
	require.Zero(t, n)
}

func pages(t *testing.T, d *desk) {
	ctx := t.Context()
	var want, got []itsm.ID
	for n := range 7 {
		want = append(want, d.log(t, fmt.Sprint("Call ", n)).ID)
		if n%2 == 0 {
			d.advance(time.Minute)
		}
	}
	for h, err := range d.All(ctx, analyst(acme), interaction.Query{Limit: 2}) {
		require.NoError(t, err)
		got = append(got, h.ID)
	}
	require.ElementsMatch(t, want, got)
}

func firstContact(t *testing.T, d *desk) {
	ctx, ana := t.Context(), analyst(acme)
	ref, err := d.host.Open(ctx, ana)
	require.NoError(t, err)
	_, err = d.FirstContact(ctx, ana, ref)
	require.ErrorIs(t, err, itsm.ErrNotFound)
	var ids []itsm.ID
	for n := range 3 { // the second began first
		r := call(fmt.Sprint("Call ", n))
		r.StartedAt = d.clock().Add(-time.Duration([]int{1, 3, 2}[n]) * time.Hour)
		i, err := d.Log(ctx, ana, r)
		require.NoError(t, err)
		_, err = d.Attach(ctx, ana, i.ID, interaction.Attachment{Record: ref, Classification: interaction.Incident})
		require.NoError(t, err)
		ids = append(ids, i.ID)
	}
	first, err := d.FirstContact(ctx, ana, ref)
	require.NoError(t, err)
	require.Equal(t, ids[1], first.ID)
	page, err := d.Of(ctx, ana, ref, interaction.Query{})
	require.NoError(t, err)
	require.Len(t, page.Items, 3)
}
