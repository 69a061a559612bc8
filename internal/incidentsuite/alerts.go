// This file holds the cases and the model of alerts: however they come, those of one key go to one
// open incident.

package incidentsuite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

const diskFull = "db-1/disk"

func monitoring(t storage.Tenant) itsm.Actor { return itsm.SystemActor(t, "monitoring") }

// alertsTogether sends one key from many at once, through the store as it is, and through one whose
// locks hold nothing, where the unique index alone is left.
func alertsTogether(t *testing.T, newStore func(*testing.T) storage.Store) {
	const senders, each = 16, 2
	for _, c := range []struct {
		name string
		// attempts of a unit: without locks each attempt at once may lose to another.
		attempts int
		through  func(storage.Store) storage.Store
	}{
		{"with locks", 0, func(s storage.Store) storage.Store { return s }},
		{"without locks", 100 * senders, func(s storage.Store) storage.Store { return lockless{s} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := newStore(t)
			d := open(t, store, incident.Options{})
			e, err := engine.New(c.through(store), engine.Options{Clock: d.clock.Now, Attempts: c.attempts})
			require.NoError(t, err)
			p, err := incident.New(e, incident.Options{})
			require.NoError(t, err)
			ctx := t.Context()
			var wait sync.WaitGroup
			errs := make([]error, senders)
			for n := range senders {
				wait.Add(1)
				go func() {
					defer wait.Done()
					for range each {
						_, err := p.Alert(ctx, monitoring(acme), incident.AlertReport{DeduplicationKey: diskFull, Title: "Disk is full"})
						errs[n] = errors.Join(errs[n], err)
					}
				}()
			}
			wait.Wait()
			require.NoError(t, errors.Join(errs...))
			page, err := d.p.List(ctx, manager(acme), incident.Query{})
			require.NoError(t, err)
			require.Len(t, page.Items, 1)
			id := page.Items[0].ID
			require.Equal(t, []string{"log"}, d.actions(t, ctx, manager(acme), id))
			alerts, err := d.p.Alerts(ctx, manager(acme), id, "", 0)
			require.NoError(t, err)
			require.Len(t, alerts.Items, 1)
			require.EqualValues(t, senders*each, alerts.Items[0].Count)
			log, err := d.p.AlertLog(ctx, manager(acme), id, "", 0)
			require.NoError(t, err)
			require.Len(t, log.Items, senders*each)
		})
	}
}

// lockless is a store whose locks hold nothing.
type lockless struct{ storage.Store }

func (s lockless) Update(ctx context.Context, tenant storage.Tenant, fn func(context.Context, storage.Tx) error) error {
	return s.Store.Update(ctx, tenant, func(ctx context.Context, tx storage.Tx) error { return fn(ctx, locklessTx{tx}) })
}

type locklessTx struct{ storage.Tx }

func (locklessTx) Lock(context.Context, string) error { return nil }

// alertsWhileItEnds sends alerts while people resolve and reopen what they log.
func alertsWhileItEnds(t *testing.T, newStore func(*testing.T) storage.Store) {
	d, ctx := open(t, newStore(t), incident.Options{Alerts: incident.AlertOptions{AfterResolved: incident.AlertsFollowUp}}), t.Context()
	first, err := d.p.Alert(ctx, monitoring(acme), incident.AlertReport{DeduplicationKey: diskFull, Title: "Disk is full"})
	require.NoError(t, err)
	const rounds = 8
	errs := make([]error, 3)
	var wait sync.WaitGroup
	for n, do := range []func() error{
		func() error {
			_, err := d.p.Alert(ctx, monitoring(acme), incident.AlertReport{DeduplicationKey: diskFull, Title: "Disk is full"})
			return err
		},
		func() error {
			for h, err := range d.p.All(ctx, manager(acme), incident.Query{Where: incident.ByOpen.Is(true)}) {
				if err != nil {
					return err
				}
				_, err := d.p.Resolve(ctx, manager(acme), h.ID, incident.Resolution{Code: incident.CodeFixed, Notes: "Made room"})
				if err != nil && !errors.Is(err, itsm.ErrTransition) {
					return err
				}
			}
			return nil
		},
		func() error {
			_, err := d.p.Reopen(ctx, manager(acme), first.Incident, incident.Reopening{})
			if errors.Is(err, itsm.ErrTransition) {
				return nil
			}
			return err
		},
	} {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for range rounds {
				errs[n] = errors.Join(errs[n], do())
			}
		}()
	}
	wait.Wait()
	require.NoError(t, errors.Join(errs...))
	n, err := d.p.Count(ctx, manager(acme), incident.Query{Where: incident.ByOpen.Is(true)})
	require.NoError(t, err)
	require.LessOrEqual(t, n, int64(1), "no two open incidents are about one alert")
	var counted int64
	for h, err := range d.p.All(ctx, manager(acme), incident.Query{}) {
		require.NoError(t, err)
		alerts, err := d.p.Alerts(ctx, manager(acme), h.ID, "", 0)
		require.NoError(t, err)
		for _, a := range alerts.Items {
			counted += a.Count
		}
	}
	require.EqualValues(t, 1+rounds, counted)
}

// oracleIncident is an incident of alerts as the oracle has it.
type oracleIncident struct {
	id               itsm.ID
	state            incident.State
	impact           itsm.Impact
	urgency          itsm.Urgency
	resolved, quiet  time.Time // quiet is since when its resolution is proposed
	received, clears map[string]int64
	gravest          map[string]int
}

func (i *oracleIncident) open() bool {
	return i.state == incident.StateNew || i.state == incident.StateInProgress
}

// oracleKey is where the alerts of a key go, and whether the last word was an alert.
type oracleKey struct {
	to     *oracleIncident
	firing bool
}

var gravity = []struct {
	severity incident.Severity
	impact   itsm.Impact
	urgency  itsm.Urgency
}{{incident.SeverityCritical, 1, 1}, {incident.SeverityMinor, 2, 2}, {incident.SeverityInfo, 3, 3}}

const (
	oracleQuiet  = time.Hour
	oracleWindow = 2 * 24 * time.Hour
	oracleClose  = 4 * 24 * time.Hour
)

// alertOracle is one tenant.
type alertOracle struct {
	tenant    storage.Tenant
	policy    incident.AlertPolicy
	incidents []*oracleIncident
	keys      map[string]*oracleKey
}

// fire says where an alert goes; fresh says that it logs an incident.
func (o *alertOracle) fire(key string, grave int, now time.Time) (to *oracleIncident, fresh bool) {
	k := o.keys[key]
	if k == nil {
		k = &oracleKey{}
		o.keys[key] = k
	}
	i := k.to
	resolved := i != nil && i.state == incident.StateResolved
	reopenable := resolved && !now.After(i.resolved.Add(oracleWindow))
	switch {
	case i != nil && i.open():
	case reopenable && o.policy == incident.AlertsCount:
	case reopenable && o.policy == incident.AlertsReopen && !o.elsewhere(i):
		o.reopen(i)
	default:
		i = &oracleIncident{state: incident.StateNew, impact: 3, urgency: 3, received: map[string]int64{}, clears: map[string]int64{}, gravest: map[string]int{}}
		o.incidents = append(o.incidents, i)
		fresh = true
	}
	k.to, k.firing = i, true
	if i.open() {
		i.quiet = time.Time{}
		was, before := i.gravest[key]
		if !before || grave < was {
			i.impact, i.urgency = min(i.impact, gravity[grave].impact), min(i.urgency, gravity[grave].urgency)
		}
	}
	if was, before := i.gravest[key]; !before || grave < was {
		i.gravest[key] = grave
	}
	i.received[key]++
	return i, fresh
}

// elsewhere says whether alerts that an incident has had go to another one that is open.
func (o *alertOracle) elsewhere(i *oracleIncident) bool {
	for key := range i.gravest {
		if to := o.keys[key].to; to != i && to.open() {
			return true
		}
	}
	return false
}

func (o *alertOracle) reopen(i *oracleIncident) {
	i.state, i.resolved = incident.StateInProgress, time.Time{}
	for key := range i.gravest {
		o.keys[key].to = i
	}
}

func (o *alertOracle) clear(key string, now time.Time) {
	k := o.keys[key]
	k.to.clears[key]++
	was := k.firing
	k.firing = false
	if !was || !k.to.open() {
		return
	}
	for _, other := range o.keys {
		if other.to == k.to && other.firing {
			return
		}
	}
	k.to.quiet = now
}

func (o *alertOracle) resolve(i *oracleIncident, now time.Time) {
	i.state, i.resolved, i.quiet = incident.StateResolved, now, time.Time{}
}

func (o *alertOracle) tick(now time.Time) {
	for _, i := range o.incidents {
		if i.open() && !i.quiet.IsZero() && !i.quiet.Add(oracleQuiet).After(now) {
			o.resolve(i, now)
		}
		if i.state == incident.StateResolved && !i.resolved.Add(oracleClose).After(now) {
			i.state = incident.StateClosed
		}
	}
}

// merge cancels one as a duplicate of another.
func (o *alertOracle) merge(i, into *oracleIncident) {
	i.state, i.quiet = incident.StateCancelled, time.Time{}
	for key, k := range o.keys {
		if k.to != i {
			continue
		}
		k.to = into
		if _, before := into.gravest[key]; !before {
			into.gravest[key] = i.gravest[key]
		}
		if k.firing {
			into.quiet = time.Time{}
		}
	}
}

func runAlertModel(t *testing.T, newStore func(*testing.T) storage.Store) {
	store := newStore(t)
	desks := map[incident.AlertPolicy]*desk{}
	for _, policy := range []incident.AlertPolicy{incident.AlertsReopen, incident.AlertsFollowUp, incident.AlertsCount} {
		desks[policy] = open(t, store, incident.Options{
			AutoClose: oracleClose, ReopenWindow: oracleWindow,
			Alerts: incident.AlertOptions{AfterResolved: policy, ResolveAfter: oracleQuiet, Keep: 3},
		})
	}
	rapid.Check(t, func(rt *rapid.T) {
		run := runs.Add(1)
		policy := rapid.SampledFrom([]incident.AlertPolicy{incident.AlertsReopen, incident.AlertsFollowUp, incident.AlertsCount}).Draw(rt, "policy")
		m := &alertMachine{desk: desks[policy], ctx: t.Context()}
		for _, name := range []string{"east", "west"} {
			m.tenants = append(m.tenants, &alertOracle{
				tenant: storage.Tenant(fmt.Sprintf("%s-%d", name, run)), policy: policy, keys: map[string]*oracleKey{},
			})
		}
		rt.Repeat(map[string]func(*rapid.T){
			"alert":   m.alert,
			"again":   m.alert,
			"clear":   m.clear,
			"people":  m.people,
			"waiting": m.wait,
			"compare": m.compare,
		})
		m.compare(rt)
	})
}

// alertMachine is one run.
type alertMachine struct {
	*desk
	ctx     context.Context
	tenants []*alertOracle
}

func (m *alertMachine) draw(t *rapid.T) (o *alertOracle, key string) {
	return rapid.SampledFrom(m.tenants).Draw(t, "tenant"), rapid.SampledFrom([]string{"disk", "network", "queue"}).Draw(t, "key")
}

func (m *alertMachine) alert(t *rapid.T) {
	o, key := m.draw(t)
	grave := rapid.IntRange(0, 2).Draw(t, "gravity")
	got, err := m.p.Alert(m.ctx, monitoring(o.tenant), incident.AlertReport{DeduplicationKey: key, Title: "Something is wrong", Severity: gravity[grave].severity})
	require.NoError(t, err)
	want, fresh := o.fire(key, grave, m.clock.Now())
	if fresh {
		require.NotContains(t, m.ids(), got.Incident, "it is a new one")
		want.id = got.Incident
	}
	require.Equal(t, want.id, got.Incident)
	require.Equal(t, want.received[key], got.Count)
	require.True(t, got.Firing)
}

func (m *alertMachine) ids() (ids []itsm.ID) {
	for _, o := range m.tenants {
		for _, i := range o.incidents {
			if i.id != "" {
				ids = append(ids, i.id)
			}
		}
	}
	return ids
}

func (m *alertMachine) clear(t *rapid.T) {
	o, key := m.draw(t)
	got, err := m.p.ClearAlert(m.ctx, monitoring(o.tenant), incident.ClearReport{DeduplicationKey: key})
	if o.keys[key] == nil {
		require.ErrorIs(t, err, itsm.ErrNotFound)
		return
	}
	require.NoError(t, err)
	o.clear(key, m.clock.Now())
	require.Equal(t, o.keys[key].to.id, got.Incident)
	require.False(t, got.Firing)
}

// people do what they do with incidents.
func (m *alertMachine) people(t *rapid.T) {
	o, _ := m.draw(t)
	if len(o.incidents) == 0 {
		return
	}
	i, mona := rapid.SampledFrom(o.incidents).Draw(t, "incident"), manager(o.tenant)
	now := m.clock.Now()
	allowed := false
	var err error
	switch rapid.SampledFrom([]string{"resolve", "reopen", "close", "cancel", "merge"}).Draw(t, "action") {
	case "resolve":
		if allowed = i.open(); allowed {
			o.resolve(i, now)
		}
		_, err = m.p.Resolve(m.ctx, mona, i.id, incident.Resolution{Code: incident.CodeFixed, Notes: "Made room"})
	case "reopen":
		allowed = i.state == incident.StateResolved && !now.After(i.resolved.Add(oracleWindow)) && !o.elsewhere(i)
		if allowed {
			o.reopen(i)
		}
		_, err = m.p.Reopen(m.ctx, mona, i.id, incident.Reopening{})
	case "close":
		if allowed = i.state == incident.StateResolved; allowed {
			i.state = incident.StateClosed
		}
		_, err = m.p.Confirm(m.ctx, mona, i.id, itsm.Command{})
	case "cancel":
		if allowed = i.open(); allowed {
			i.state, i.quiet = incident.StateCancelled, time.Time{}
		}
		_, err = m.p.Cancel(m.ctx, mona, i.id, incident.Cancellation{Command: itsm.Command{Reason: "A test"}})
	case "merge":
		into := rapid.SampledFrom(o.incidents).Draw(t, "into")
		if into == i || into.state == incident.StateClosed || into.state == incident.StateCancelled {
			return
		}
		if allowed = i.open(); allowed {
			o.merge(i, into)
		}
		_, err = m.p.Cancel(m.ctx, mona, i.id, incident.Cancellation{Command: itsm.Command{Reason: "The same"}, DuplicateOf: into.id})
	}
	if !allowed {
		require.ErrorIs(t, err, itsm.ErrTransition)
		return
	}
	require.NoError(t, err)
}

func (m *alertMachine) wait(t *rapid.T) {
	now := m.clock.Advance(time.Duration(rapid.SampledFrom([]int{1, 30, 60, 24 * 60, 50 * 60}).Draw(t, "minutes")) * time.Minute)
	ran, err := m.e.Tick(m.ctx, now)
	require.NoError(t, err)
	require.Zero(t, ran.Failed+ran.Dead+ran.Lost, "%+v", ran)
	for _, o := range m.tenants {
		o.tick(now)
	}
}

// compare reads everything of both tenants.
func (m *alertMachine) compare(t *rapid.T) {
	for _, o := range m.tenants {
		mona := manager(o.tenant)
		seen := map[itsm.ID]incident.Head{}
		for h, err := range m.p.All(m.ctx, mona, incident.Query{}) {
			require.NoError(t, err)
			require.Equal(t, o.tenant, h.Tenant)
			seen[h.ID] = h
		}
		require.Len(t, seen, len(o.incidents))
		about := map[string]int{}
		for _, i := range o.incidents {
			h := seen[i.id]
			require.Equal(t, i.state, h.State)
			require.Equal(t, !i.quiet.IsZero(), h.ResolutionProposed)
			require.Equal(t, [2]int{int(i.impact), int(i.urgency)}, [2]int{int(h.Impact), int(h.Urgency)})
			alerts, err := m.p.Alerts(m.ctx, mona, i.id, "", 0)
			require.NoError(t, err)
			var keys []string
			kept := 0
			for _, a := range alerts.Items {
				keys = append(keys, a.Key)
				require.Equal(t, [2]int64{i.received[a.Key], i.clears[a.Key]}, [2]int64{a.Count, a.Clears}, a.Key)
				k := o.keys[a.Key]
				require.Equal(t, k.to == i && k.firing, a.Firing, a.Key)
				require.Equal(t, gravity[i.gravest[a.Key]].severity, a.Severity)
				kept += int(min(a.Count+a.Clears, 3))
				if h.Open {
					about[a.Key]++
				}
			}
			for key := range i.gravest {
				require.True(t, slices.Contains(keys, key), key)
			}
			require.Len(t, keys, len(i.gravest))
			log, err := m.p.AlertLog(m.ctx, mona, i.id, "", 0)
			require.NoError(t, err)
			require.Len(t, log.Items, kept)
		}
		for key, n := range about {
			require.Equal(t, 1, n, "two open incidents are about %s", key)
		}
	}
}
